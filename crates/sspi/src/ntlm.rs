//! The package "NTLM": the core's states behind the traits of [`package`](crate::package). "Negotiate" is the same with another name,
//! as long as NTLM is its only mechanism: raw NTLMSSP tokens both ways, and SPNEGO's framing refused.

mod context;

use std::sync::Arc;

use ntlm::config::ChannelBindingsPolicy;
use ntlm::export::ExportedContext;
use ntlm::{
    Authority, ChannelBindings, ClientConfig, Credentials, Established, LogonFailure, LogonSuccess, NetworkLogon,
    Requirements, ServerConfig, client, server,
};

use crate::credentials::Outbound;
use crate::environment::{Random, SharedEnvironment};
use crate::package::{EstablishedContext, Exchange, Leg, Next, SecurityPackage, Step};
use crate::status::SecurityStatus;
use crate::tables::flags::Meanings;
use crate::tables::package_info::{self, PackageInfo};
use context::{Challenge, NtlmContext};

/// What all exchanges of the package share.
#[derive(Clone)]
pub struct Ntlm {
    info: &'static PackageInfo,
    shared: Arc<Shared>,
}

/// The parts of the configuration that NTLM needs.
pub struct Shared {
    /// The client's.
    pub client: Arc<ClientConfig>,
    /// The server's.
    pub server: Arc<ServerConfig>,
    /// Who knows accounts; `None` refuses every logon, because nobody can be asked.
    pub authority: Option<Arc<dyn Authority + Send + Sync>>,
    /// The outside world.
    pub environment: SharedEnvironment,
}

impl Ntlm {
    /// The package "NTLM".
    #[must_use]
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { info: &package_info::NTLM, shared }
    }

    /// The package "Negotiate".
    #[must_use]
    pub fn negotiate(shared: Arc<Shared>) -> Self {
        Self { info: &package_info::NEGOTIATE, shared }
    }
}

impl SecurityPackage for Ntlm {
    fn info(&self) -> &'static PackageInfo {
        self.info
    }

    fn initiate(&self, outbound: &Outbound, leg: Leg<'_>) -> Result<Step, SecurityStatus> {
        if !outbound.allows(package_info::NTLM.name) {
            return Err(SecurityStatus::SEC_E_NO_CREDENTIALS);
        }
        let requests = leg.requests;
        let anonymous = requests.contains(Meanings::NULL_SESSION);
        let credentials =
            if anonymous { Arc::new(Credentials::anonymous()) } else { Arc::clone(&outbound.credentials) };
        let exchange = client::Exchange {
            target_name: leg.target_name,
            target_name_untrusted: requests.contains(Meanings::UNVERIFIED_TARGET_NAME),
            channel_bindings: leg.channel_bindings,
            requirements: requirements(requests),
            single_host: None,
        };
        let start = client::Start::new(Arc::clone(&self.shared.client), credentials, exchange);
        let mut token = Vec::new();
        let waiting = match leg.token {
            // A connectionless server speaks first.
            _ if requests.contains(Meanings::DATAGRAM) => start.datagram(),
            // A LAN Manager server, too, by a policy named dangerous. Otherwise this is an answer to what has not been said yet.
            Some(_) if self.shared.client.policy.answers_unasked() => start.unasked(),
            Some(_) => return Err(SecurityStatus::SEC_E_INVALID_TOKEN),
            None => start.send(&mut token),
        };
        let waiting = waiting.map_err(|error| self.shared.refuse("InitializeSecurityContext", &error))?;
        let exchange = Box::new(ClientExchange { shared: Arc::clone(&self.shared), requests, waiting });
        match leg.token {
            Some(challenge) => exchange.step(Leg { token: Some(challenge), ..Leg::default() }),
            None => Ok(Step { token, next: Next::Continue(exchange, provisional(requests)) }),
        }
    }

    fn accept(&self, leg: Leg<'_>) -> Result<Step, SecurityStatus> {
        let requests = leg.requests;
        let shared = &self.shared;
        let mut exchange = server::Exchange {
            allow_anonymous: requests.contains(Meanings::NULL_SESSION),
            ..server::Exchange::default()
        };
        set_bindings(&mut exchange, &shared.server, requests, leg.channel_bindings);
        let start = server::ExpectNegotiate::new(Arc::clone(&shared.server), exchange);
        let (now, random, mut token) = (shared.environment.now(), &mut Random(&*shared.environment), Vec::new());
        let waiting = match leg.token {
            Some([]) | None if requests.contains(Meanings::DATAGRAM) => start.datagram(now, random, &mut token),
            Some(negotiate) => start.receive(negotiate, now, random, &mut token),
            None => return Err(SecurityStatus::SEC_E_INVALID_TOKEN),
        };
        let waiting = waiting.map_err(|error| shared.refuse("AcceptSecurityContext", &error))?;
        let negotiate = leg.token.map_or(0, <[u8]>::len);
        let exchange = ServerExchange { shared: Arc::clone(shared), requests, waiting, negotiate };
        // A server that lets nobody in particular in does not ask for it.
        let provisional = provisional(requests.without(Meanings::NULL_SESSION));
        Ok(Step { token, next: Next::Continue(Box::new(exchange), provisional) })
    }

    fn import(&self, packed: &[u8]) -> Result<Arc<dyn EstablishedContext>, SecurityStatus> {
        let context = Established::import(ExportedContext::from_bytes(packed));
        let context = context.map_err(|_| SecurityStatus::SEC_E_INVALID_TOKEN)?;
        let attributes = context.info.attributes();
        let requests = Meanings::NONE
            .with_if(attributes.replay_detect, Meanings::REPLAY_DETECT)
            .with_if(attributes.sequence_detect, Meanings::SEQUENCE_DETECT)
            .with_if(attributes.integrity, Meanings::INTEGRITY);
        Ok(Arc::new(NtlmContext::new(Arc::clone(&self.shared), context, requests, Challenge::default())))
    }
}

impl Shared {
    /// The status for an error, and a line for the administrator, who gets to know what the peer does not.
    fn refuse(&self, function: &str, error: &ntlm::Error) -> SecurityStatus {
        let status = SecurityStatus::from(error);
        self.environment.log(format_args!("{function}: {error} ({status:?})"));
        status
    }
}

/// What the core is to require for what a client asks. An anonymous context has no keys worth the name: what is asked of them is not given, and
/// the attributes say so.
fn requirements(requests: Meanings) -> Requirements {
    let keyed = !requests.contains(Meanings::NULL_SESSION);
    let asks = |meaning| keyed && requests.contains(meaning);
    let (replay, sequence) = (asks(Meanings::REPLAY_DETECT), asks(Meanings::SEQUENCE_DETECT));
    let connection = !requests.contains(Meanings::DATAGRAM);
    Requirements {
        // What finds out replays implies what finds out changes. Between connectionless messages nothing does, and the attributes say so.
        integrity: asks(Meanings::INTEGRITY) || replay || sequence,
        replay_detect: connection && replay,
        sequence_detect: connection && sequence,
        confidentiality: asks(Meanings::CONFIDENTIALITY),
        identify: asks(Meanings::IDENTIFY),
    }
}

/// Requests that are given back as they are: they change nothing in NTLM.
fn echoed(requests: Meanings) -> Meanings {
    requests
        & (Meanings::CONNECTION
            | Meanings::EXTENDED_ERROR
            | Meanings::STREAM
            | Meanings::USE_DCE_STYLE
            | Meanings::USE_SESSION_KEY
            | Meanings::USE_SUPPLIED_CREDS)
}

/// What can be said of a context before it stands.
fn provisional(requests: Meanings) -> Meanings {
    let required = requirements(requests);
    let sign = !required.required_flags().is_empty();
    echoed(requests)
        .with_if(sign, Meanings::INTEGRITY)
        .with_if(required.replay_detect, Meanings::REPLAY_DETECT)
        .with_if(required.sequence_detect, Meanings::SEQUENCE_DETECT)
        .with_if(required.confidentiality, Meanings::CONFIDENTIALITY)
        .with_if(requests.contains(Meanings::DATAGRAM), Meanings::DATAGRAM)
}

/// The server's bindings: with them a client must send some, unless the caller lets those pass that send none. What the configuration requires is
/// required all the same.
fn set_bindings(
    exchange: &mut server::Exchange,
    config: &ServerConfig,
    requests: Meanings,
    bindings: Option<ChannelBindings>,
) {
    if let Some(bindings) = bindings.filter(|bindings| !bindings.is_empty()) {
        let missing_allowed = requests.contains(Meanings::ALLOW_MISSING_BINDINGS)
            && config.policy.channel_bindings != ChannelBindingsPolicy::Always;
        exchange.channel_bindings_policy = Some(match missing_allowed {
            true => ChannelBindingsPolicy::WhenSupplied,
            false => ChannelBindingsPolicy::Always,
        });
        exchange.channel_bindings = Some(bindings);
    }
}

struct ClientExchange {
    shared: Arc<Shared>,
    requests: Meanings,
    waiting: client::ExpectChallenge,
}

impl Exchange for ClientExchange {
    fn step(mut self: Box<Self>, leg: Leg<'_>) -> Result<Step, SecurityStatus> {
        let challenge = leg.token.ok_or(SecurityStatus::SEC_E_INVALID_TOKEN)?;
        let exchange = self.waiting.exchange_mut();
        if leg.target_name.is_some() {
            exchange.target_name = leg.target_name;
        }
        if leg.channel_bindings.is_some() {
            exchange.channel_bindings = leg.channel_bindings;
        }
        let shared = self.shared;
        let environment = &*shared.environment;
        let mut token = Vec::new();
        let established = self.waiting.receive(challenge, environment.now(), &mut Random(environment), &mut token);
        // Not by `map_err`, which would move the keys once more.
        let established = match established {
            Ok(established) => established,
            Err(error) => return Err(shared.refuse("InitializeSecurityContext", &error)),
        };
        let context =
            NtlmContext::new(shared, established, self.requests, Challenge { messages: challenge.to_vec(), start: 0 });
        Ok(Step { token, next: Next::Done(Arc::new(context)) })
    }
}

struct ServerExchange {
    shared: Arc<Shared>,
    requests: Meanings,
    waiting: server::ExpectAuthenticate,
    /// Bytes of the NEGOTIATE_MESSAGE.
    negotiate: usize,
}

impl Exchange for ServerExchange {
    fn step(mut self: Box<Self>, leg: Leg<'_>) -> Result<Step, SecurityStatus> {
        let authenticate = leg.token.ok_or(SecurityStatus::SEC_E_INVALID_TOKEN)?;
        // What lets clients pass may be said at either leg.
        self.requests |= leg.requests & (Meanings::NULL_SESSION | Meanings::ALLOW_MISSING_BINDINGS);
        let exchange = self.waiting.exchange_mut();
        exchange.allow_anonymous |= self.requests.contains(Meanings::NULL_SESSION);
        let bindings = leg.channel_bindings.or_else(|| exchange.channel_bindings.take());
        set_bindings(exchange, &self.shared.server, self.requests, bindings);
        let shared = self.shared;
        let refuse = |error: ntlm::Error| shared.refuse("AcceptSecurityContext", &error);
        let question = self.waiting.receive(authenticate, shared.environment.now()).map_err(refuse)?;
        let verdict = decide(shared.authority.as_deref(), question.logon());
        let mut messages = Vec::new();
        let established = match question.finish_keeping(verdict, &mut messages) {
            Ok(established) => established,
            Err(error) => return Err(refuse(error)),
        };
        let context =
            NtlmContext::new(shared, established, self.requests, Challenge { messages, start: self.negotiate });
        Ok(Step { token: Vec::new(), next: Next::Done(Arc::new(context)) })
    }
}

/// Asks the authority. Anonymous logons come here only when the caller allows them, and need nobody to know them.
fn decide(
    authority: Option<&(dyn Authority + Send + Sync)>,
    logon: &NetworkLogon,
) -> Result<LogonSuccess, LogonFailure> {
    if let Some(anonymous) = LogonSuccess::anonymous(logon) {
        return Ok(anonymous);
    }
    authority.ok_or(LogonFailure::NO_LOGON_SERVERS)?.logon(logon)
}
