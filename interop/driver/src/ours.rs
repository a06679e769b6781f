//! Our client and our server behind the verbs of the line protocol.

use std::fmt::Write as _;
use std::mem;
use std::sync::Arc;
use std::time::SystemTime;

use ntlm::config::TargetNamePolicy;
use ntlm::env::EntropyError;
use ntlm::server::{ExpectAuthenticate, ExpectNegotiate};
use ntlm::wire::ResponseClass;
use ntlm::{
    AcceptedTargets, Authority, ChannelBindings, ClientConfig, ClientPolicy, ContextInfo, Credentials, Established,
    FileTime, LogonFailure, LogonSuccess, NetworkLogon, Password, Piece, Requirements, ServerConfig, ServerNames,
    ServerPolicy, client, server,
};

use crate::side::{Account, Facts, Refusal, Request, Side, Transcript, encode};

/// What the counterparts call a target `SERVICE@HOST`.
pub(crate) const TARGET: &str = "http/server.example.test";

/// How far an exchange has come.
enum Stage<First, Second> {
    First(First),
    Second(Second),
    Established(Box<Established>),
    /// An error has ended it.
    Over,
}

/// Our client.
pub(crate) struct Client {
    stage: Stage<client::Start, client::ExpectChallenge>,
    transcript: Transcript,
}

impl Client {
    pub(crate) fn new(
        policy: ClientPolicy,
        account: Account,
        requirements: Requirements,
        channel_bindings: Option<&[u8]>,
        transcript: &Transcript,
    ) -> Self {
        let credentials = Credentials::new(&account.name(), &Password::new(account.password));
        let exchange = client::Exchange {
            target_name: Some(TARGET.into()),
            channel_bindings: channel_bindings.map(ChannelBindings::from_application_data),
            requirements,
            ..client::Exchange::default()
        };
        let start = client::Start::new(Arc::new(ClientConfig::new(policy)), Arc::new(credentials), exchange);
        Self { stage: Stage::First(start), transcript: transcript.clone() }
    }

    fn answer(&mut self, request: Request<'_>) -> Result<Vec<u8>, Refusal> {
        let mut reply = Vec::new();
        let Request::Token(token) = request else {
            return protect(&mut self.stage, request);
        };
        self.stage = match mem::replace(&mut self.stage, Stage::Over) {
            Stage::First(start) => Stage::Second(start.send(&mut reply)?),
            Stage::Second(waiting) => {
                Stage::Established(Box::new(waiting.receive(token, now(), &mut random, &mut reply)?))
            }
            Stage::Established(_) | Stage::Over => return Err(out_of_turn()),
        };
        Ok(reply)
    }
}

impl Side for Client {
    fn ask(&mut self, request: Request<'_>) -> Result<Vec<u8>, Refusal> {
        let answer = self.answer(request);
        record(&self.transcript, "our client", request, &answer);
        answer
    }

    fn facts(&mut self) -> Result<Facts, Refusal> {
        info(&self.stage).map(|info| Facts { user: None, ..facts(info) })
    }
}

/// Our server, with one account.
pub(crate) struct Server {
    stage: Stage<ExpectNegotiate, ExpectAuthenticate>,
    store: Store,
    transcript: Transcript,
}

impl Server {
    pub(crate) fn new(
        names: ServerNames,
        policy: ServerPolicy,
        account: Account,
        requirements: Requirements,
        channel_bindings: Option<&[u8]>,
        transcript: &Transcript,
    ) -> Self {
        let exchange = server::Exchange {
            channel_bindings: channel_bindings.map(ChannelBindings::from_application_data),
            requirements,
            ..server::Exchange::default()
        };
        let start = ExpectNegotiate::new(Arc::new(ServerConfig::new(names, policy)), exchange);
        Self { stage: Stage::First(start), store: Store(account), transcript: transcript.clone() }
    }

    /// The facts of the context that was established.
    pub(crate) fn info(&self) -> Result<&ContextInfo, Refusal> {
        info(&self.stage)
    }

    fn answer(&mut self, request: Request<'_>) -> Result<Vec<u8>, Refusal> {
        let mut reply = Vec::new();
        let Request::Token(token) = request else {
            return protect(&mut self.stage, request);
        };
        self.stage = match mem::replace(&mut self.stage, Stage::Over) {
            Stage::First(start) => Stage::Second(start.receive(token, now(), &mut random, &mut reply)?),
            Stage::Second(waiting) => {
                let question = waiting.receive(token, now())?;
                let verdict = self.store.logon(question.logon());
                Stage::Established(Box::new(question.finish(verdict)?))
            }
            Stage::Established(_) | Stage::Over => return Err(out_of_turn()),
        };
        Ok(reply)
    }
}

impl Side for Server {
    fn ask(&mut self, request: Request<'_>) -> Result<Vec<u8>, Refusal> {
        let answer = self.answer(request);
        record(&self.transcript, "our server", request, &answer);
        answer
    }

    fn facts(&mut self) -> Result<Facts, Refusal> {
        self.info().map(facts)
    }
}

/// The names of a server that is called as [`TARGET`] says.
pub(crate) fn full_names() -> ServerNames {
    ServerNames {
        dns_computer: Some("server.example.test".into()),
        dns_domain: Some("example.test".into()),
        dns_tree: Some("example.test".into()),
        ..ServerNames::member("SERVER", "EXAMPLE")
    }
}

/// The policy `windows` for a service on `host`.
pub(crate) fn windows_for(host: &str) -> ServerPolicy {
    let mut policy = ServerPolicy::windows();
    policy.target_name = TargetNamePolicy::VerifyWhenSupplied(AcceptedTargets::hosts([host]));
    policy
}

/// The authority of our server: one account.
struct Store(Account);

impl Authority for Store {
    fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        let Self(account) = self;
        let known =
            logon.user().eq_ignore_case(&account.user.into()) && logon.domain().eq_ignore_case(&account.domain.into());
        let password = Password::new(account.password);
        let nt_hash = known.then(|| password.nt_hash());
        match logon.response_class() {
            ResponseClass::NtlmV2 => logon.verify(nt_hash.as_ref()),
            _ => logon.dangerous_verify_lm(nt_hash.as_ref(), password.lm_hash().as_ref()),
        }
    }
}

fn protect<A, B>(stage: &mut Stage<A, B>, request: Request<'_>) -> Result<Vec<u8>, Refusal> {
    let Stage::Established(established) = stage else {
        return Err(out_of_turn());
    };
    let session = &mut established.session;
    match request {
        Request::Token(_) => Err(out_of_turn()),
        Request::Sign(message) => Ok(session.sign(&[message])?.to_vec()),
        Request::Verify(message, signature) => {
            session.verify(&[message], signature)?;
            Ok(Vec::new())
        }
        Request::Seal(message) => {
            let mut message = message.to_vec();
            let mut sealed = session.seal(&mut [Piece::Sealed(&mut message)])?.to_vec();
            sealed.extend(message);
            Ok(sealed)
        }
        Request::Unseal(sealed) => {
            let (signature, message) = sealed
                .split_at_checked(16)
                .ok_or_else(|| Refusal::Broken("a sealed message without signature".to_owned()))?;
            let mut message = message.to_vec();
            session.unseal(&mut [Piece::Sealed(&mut message)], signature)?;
            Ok(message)
        }
    }
}

fn info<A, B>(stage: &Stage<A, B>) -> Result<&ContextInfo, Refusal> {
    match stage {
        Stage::Established(established) => Ok(&established.info),
        _ => Err(out_of_turn()),
    }
}

fn facts(info: &ContextInfo) -> Facts {
    let key = info.exported_session_key().ok().map(|key| {
        key.expose().iter().fold(String::new(), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    });
    Facts { user: Some(info.identity().to_string()), key, flags: Some(info.flags().0) }
}

fn out_of_turn() -> Refusal {
    Refusal::Broken("ours was asked out of turn".to_owned())
}

fn record(transcript: &Transcript, who: &str, request: Request<'_>, answer: &Result<Vec<u8>, Refusal>) {
    transcript.add(who, '<', &request.to_string());
    match answer {
        Ok(bytes) => transcript.add(who, '>', &format!("OK {}", encode(bytes))),
        Err(refusal) => transcript.add(who, '>', &format!("ERR {refusal}")),
    }
}

fn now() -> FileTime {
    FileTime::from_unix(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default())
}

fn random(bytes: &mut [u8]) -> Result<(), EntropyError> {
    getrandom::fill(bytes).map_err(|_| EntropyError)
}
