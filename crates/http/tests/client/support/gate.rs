//! The server's side of a logon, over the core's server and a few accounts.

use std::sync::Arc;

use ntlm::server::{Exchange, ExpectAuthenticate, ExpectNegotiate};
use ntlm::{Authority, ChannelBindings, EntropyError, FileTime, Password, ServerConfig, ServerNames, ServerPolicy};
use ntlm_accounts::{AccountName, LocalAuthority, MemoryStore};
use ntlm_http::client::logon::Party;
use ntlm_http::header::{self, Scheme};
use rustls::pki_types::CertificateDer;

use super::{PASSWORD, Reply, Script, Seen, ok, response};

/// The server's side of the logons of one connection.
pub(crate) struct Gate {
    party: Party,
    scheme: Scheme,
    policy: ServerPolicy,
    bindings: Option<ChannelBindings>,
    state: State,
}

enum State {
    Nobody,
    Challenged(Box<ExpectAuthenticate>),
    User(String),
}

pub(crate) fn entropy(bytes: &mut [u8]) -> Result<(), EntropyError> {
    getrandom::fill(bytes).map_err(|_| EntropyError)
}

pub(crate) fn now() -> FileTime {
    FileTime::from_unix(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap())
}

fn authority() -> LocalAuthority<MemoryStore> {
    let mut store = MemoryStore::new();
    for user in ["alice", "bob", "proxyuser"] {
        store.insert_password(AccountName::parse(&format!(r"EXAMPLE\{user}")), &Password::new(PASSWORD)).unwrap();
    }
    LocalAuthority::new(store)
}

impl Gate {
    pub(crate) fn new(party: Party) -> Self {
        // Strict: what our client sends is all that there is to send.
        let policy = ServerPolicy::strict();
        Self { party, scheme: Scheme::Ntlm, policy, bindings: None, state: State::Nobody }
    }

    pub(crate) fn scheme(self, scheme: Scheme) -> Self {
        Self { scheme, ..self }
    }

    pub(crate) fn policy(self, policy: ServerPolicy) -> Self {
        Self { policy, ..self }
    }

    /// Requires logons to be bound to a channel with this certificate.
    pub(crate) fn requiring_bindings(mut self, certificate: &CertificateDer<'_>) -> Self {
        self.policy.channel_bindings = ntlm::config::ChannelBindingsPolicy::Always;
        self.bindings = Some(ChannelBindings::from_certificate(certificate).unwrap());
        self
    }

    /// The user whose request it is; or the answer that asks for a logon.
    pub(crate) fn pass(&mut self, seen: &Seen) -> Result<String, Vec<u8>> {
        let offer = self.scheme.name();
        let asking = |value: &str| {
            let name = self.party.challenge_header();
            response(self.party.status().as_u16(), &[(name.as_str(), value)], "a logon, please")
        };
        let credentials = seen.header(self.party.credentials_header().as_str());
        let credentials = credentials.and_then(|value| header::credentials(value.as_bytes()).unwrap());
        let Some(credentials) = credentials else {
            return match &self.state {
                State::User(user) => Ok(user.clone()),
                _ => Err(asking(offer)),
            };
        };
        if credentials.scheme != self.scheme {
            return Err(asking(offer));
        }
        match std::mem::replace(&mut self.state, State::Nobody) {
            State::Challenged(waiting) => {
                let waiting = waiting.receive(&credentials.token, now()).unwrap();
                let verdict = authority().logon(waiting.logon());
                let established = waiting.finish(verdict).map_err(|_| asking(offer))?;
                let user = established.info.identity().user.to_string_lossy();
                self.state = State::User(user.clone());
                Ok(user)
            }
            _ => {
                let names = ServerNames::member("WEB1", "EXAMPLE");
                let config = Arc::new(ServerConfig::new(names, self.policy.clone()));
                let exchange = Exchange { channel_bindings: self.bindings.clone(), ..Exchange::default() };
                let mut challenge = Vec::new();
                let waiting = ExpectNegotiate::new(config, exchange)
                    .receive(&credentials.token, now(), &mut entropy, &mut challenge)
                    .unwrap();
                self.state = State::Challenged(Box::new(waiting));
                Err(asking(header::write(self.scheme, &challenge).to_str().unwrap()))
            }
        }
    }

    /// A script that says who it is to whoever gets through.
    pub(crate) fn script(mut self) -> Script {
        Box::new(move |seen| match self.pass(seen) {
            Ok(user) => ok(&format!("{user} {} {}", seen.method, String::from_utf8_lossy(&seen.body))),
            Err(asking) => Reply::Send(asking),
        })
    }
}
