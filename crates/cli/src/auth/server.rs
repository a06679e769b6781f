//! The protocol `squid-2.5-ntlmssp`.
//!
//! ```text
//! Idle --YR--> TT, Challenged --KK--> AF, Established
//!                    \--KK--> NA or BH, Idle
//! ```
//!
//! `YR` begins anew in every state. A challenge is good for one `KK`, good or bad.

use std::fmt;
use std::sync::Arc;

use ntlm::server::{Exchange, ExpectAuthenticate, ExpectNegotiate};
use ntlm::wire::ChallengeMessage;
use ntlm::{
    ContextInfo, Error, LogonFailure, NegotiateFlags, NetworkLogon, Requirements, ServerConfig, ServerPolicy,
    UnicodeString,
};
use ntlm_accounts::Loaded;

use super::accounts::{self, Source};
use super::request::{self, Reply, Request};
use super::{Helper, tell};
use crate::accounts::NameOverrides;
use crate::environment::{SystemEntropy, now};

/// What is said to be in force before anything is agreed on: what a server has to offer.
const OFFERED: NegotiateFlags = NegotiateFlags(
    NegotiateFlags::SIGN.0
        | NegotiateFlags::SEAL.0
        | NegotiateFlags::NTLM.0
        | NegotiateFlags::ALWAYS_SIGN.0
        | NegotiateFlags::EXTENDED_SESSIONSECURITY.0
        | NegotiateFlags::VERSION.0
        | NegotiateFlags::N128.0
        | NegotiateFlags::KEY_EXCH.0
        | NegotiateFlags::N56.0,
);

/// The server.
pub(crate) struct Server {
    source: Source,
    names: NameOverrides,
    policy: ServerPolicy,
    /// The configuration, and what it was made from.
    config: Option<(Option<Arc<Loaded>>, Arc<ServerConfig>)>,
    /// For the next exchange.
    requirements: Requirements,
    state: State,
    flags: NegotiateFlags,
}

enum State {
    Idle,
    Challenged(ExpectAuthenticate),
    Established(ContextInfo),
}

impl Server {
    pub(crate) fn new(source: Source, names: NameOverrides, policy: ServerPolicy) -> Self {
        let requirements = Requirements::default();
        Self { source, names, policy, config: None, requirements, state: State::Idle, flags: OFFERED }
    }

    /// The configuration for the accounts as they are now: they decide what the server is called.
    fn config(&mut self) -> Arc<ServerConfig> {
        let loaded = self.source.loaded();
        if let Some((known, config)) = &self.config {
            let same = match (known, &loaded) {
                (Some(known), Some(loaded)) => Arc::ptr_eq(known, loaded),
                // An account file that cannot be read changes no names.
                (_, None) => true,
                (None, Some(_)) => false,
            };
            if same {
                return Arc::clone(config);
            }
        }
        if let (Source::File(store), Some(loaded)) = (&self.source, &loaded) {
            accounts::report(store.file(), loaded);
        }
        let only_domain = loaded.as_ref().and_then(|loaded| loaded.store.only_domain());
        let config = Arc::new(ServerConfig::new(self.names.server_names(only_domain), self.policy.clone()));
        self.config = Some((loaded, Arc::clone(&config)));
        config
    }

    fn begin(&mut self, base64: &[u8]) -> Reply {
        self.state = State::Idle;
        self.flags = OFFERED;
        let Some(negotiate) = request::token(base64) else { return Reply::invalid() };
        let exchange = Exchange { requirements: self.requirements, ..Exchange::default() };
        let mut challenge = Vec::new();
        let server = ExpectNegotiate::new(self.config(), exchange);
        match server.receive(&negotiate, now(), &mut SystemEntropy, &mut challenge) {
            Ok(waiting) => {
                self.flags = ChallengeMessage::parse(&challenge).map_or(OFFERED, |message| message.flags);
                self.state = State::Challenged(waiting);
                Reply::token("TT", &challenge)
            }
            Err(error) => refuse(&"a client", &error),
        }
    }

    fn authenticate(&mut self, base64: &[u8]) -> Reply {
        let waiting = match std::mem::replace(&mut self.state, State::Idle) {
            State::Challenged(waiting) => waiting,
            state => {
                self.state = state;
                return Reply::invalid();
            }
        };
        let Some(authenticate) = request::token(base64) else { return Reply::invalid() };
        let question = match waiting.receive(&authenticate, now()) {
            Ok(question) => question,
            Err(error) => return refuse(&"a client", &error),
        };
        self.flags = question.logon().flags();
        let client = Client::of(question.logon());
        let verdict = self.source.logon(question.logon());
        match question.finish(verdict) {
            Ok(established) => match established.info.identity().account.as_ref().and_then(line_name) {
                Some(name) => {
                    let reply = Reply::user(&name);
                    self.flags = established.info.flags();
                    self.state = State::Established(established.info);
                    reply
                }
                None => {
                    tell(format_args!(
                        "refused {client}: the name cannot be written in a line of its own, as the protocol needs it"
                    ));
                    Reply::from(&Error::Logon(LogonFailure::LOGON_FAILURE))
                }
            },
            Err(error) => refuse(&client, &error),
        }
    }
}

impl Helper for Server {
    fn answer(&mut self, request: Request<'_>) -> Reply {
        match request {
            Request::Features(requirements) => {
                self.requirements = requirements;
                Reply::ok()
            }
            // A server has its accounts; Samba takes a password here too and does nothing with it.
            Request::Password(_) => Reply::ok(),
            Request::Begin(base64) => self.begin(base64),
            Request::Authenticate(base64) => self.authenticate(base64),
            Request::Challenge(_) | Request::OutOfPlace => Reply::invalid(),
            Request::SessionKey => Reply::session_key(match &self.state {
                State::Established(info) => info.exported_session_key().ok(),
                State::Idle | State::Challenged(_) => None,
            }),
            Request::Flags => Reply::flags(self.flags),
        }
    }
}

/// Whom a client says it is, for the administrator.
struct Client {
    domain: UnicodeString,
    user: UnicodeString,
    workstation: UnicodeString,
}

impl Client {
    fn of(logon: &NetworkLogon) -> Self {
        let (domain, user, workstation) = (logon.domain().clone(), logon.user().clone(), logon.workstation().clone());
        Self { domain, user, workstation }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.user.is_empty() {
            f.write_str("an anonymous client")?;
        } else {
            write!(f, "{}\\{}", self.domain, self.user)?;
        }
        if self.workstation.is_empty() { Ok(()) } else { write!(f, " from {}", self.workstation) }
    }
}

fn refuse(client: &dyn fmt::Display, error: &Error) -> Reply {
    tell(format_args!("refused {client}: {error}"));
    error.into()
}

/// A name for `AF`. With a fixed password it is the client's to choose, and must not become another line or another user's name.
///
/// Samba writes every name as it is. Of a name with a blank Squid then takes the second half for the user, and so one user for another: such a
/// name is put in quotes, which Squid takes off again.
fn line_name(account: &UnicodeString) -> Option<String> {
    let name = String::from_utf16(account.units()).ok()?;
    let backslashes = name.matches('\\').count();
    let (domain, user) = name.split_once('\\').unwrap_or(("-", &name));
    let whole = !domain.is_empty() && !user.is_empty() && backslashes <= 1;
    if !whole || name.contains(char::is_control) {
        return None;
    }
    if !name.contains([' ', '"']) {
        return Some(name);
    }
    let escaped = name.replace('\\', r"\\").replace('"', r#"\""#);
    Some(format!("\"{escaped}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_and_one_user() {
        for name in [r"EXAMPLE\alice", r"EXAMPLE\Zoë", r"EXAMPLE\O'Neil", "alice@example.test"] {
            assert_eq!(line_name(&name.into()).as_deref(), Some(name));
        }
        assert_eq!(line_name(&r"EXAMPLE\John Smith".into()).as_deref(), Some(r#""EXAMPLE\\John Smith""#));
        assert_eq!(line_name(&r#"EXAMPLE\a"b"#.into()).as_deref(), Some(r#""EXAMPLE\\a\"b""#));
        for name in
            ["EXAMPLE\\alice\nAF EXAMPLE\\admin", "EXAMPLE\\a\rb", "EXAMPLE\\a\0b", r"A\B\c", r"\alice", r"A\", ""]
        {
            assert_eq!(line_name(&name.into()), None, "{name:?}");
        }
        assert_eq!(line_name(&UnicodeString::from_units(&[0x41, 0x5c, 0xd800])), None);
    }

    #[test]
    fn what_is_offered_is_what_samba_says() {
        assert_eq!(OFFERED, NegotiateFlags(0xe208_8230));
    }
}
