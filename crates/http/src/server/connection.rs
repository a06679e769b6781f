//! One connection, without I/O: credentials in, what to do with the request out.
//!
//! ```text
//!              NEGOTIATE              AUTHENTICATE            verdict: yes
//! Anonymous ---------------> Challenged ------------> Question -------------> Authenticated
//!     ^  401 + CHALLENGE         |                       |                          |
//!     |                          | anything else         | no, or nobody knows      | a new NEGOTIATE, or anything
//!     +--------------------------+-----------------------+--------------------------+ unreadable: begins anew
//! ```
//!
//! The identity belongs to the connection and to nothing else. Whatever arrives in the header of the credentials under one of our schemes ends the old identity
//! first; only then is it looked at. A [`Question`] borrows the connection until it is decided, so that no request can be let through meanwhile; one that is dropped
//! lets nobody in.

use std::fmt;
use std::net::IpAddr;

use ntlm::server::{AwaitLogon, Exchange, ExpectNegotiate};
use ntlm::wire::MessageType;
use ntlm::{ChannelBindings, Entropy, Error, LogonFailure, LogonSuccess, NetworkLogon};
use ntlm_accounts::Origin;
use ntlm_accounts::audit::{AuditDraft, AuditRecord};

use super::acceptor::Acceptor;
use super::answer::{Answer, Failure};
use super::half_open::Ticket;
use super::settings::{Moment, Settings};
use super::user::NtlmUser;
use crate::header::{self, Credentials, Scheme};

/// One connection of a server.
#[derive(Debug)]
pub struct Connection {
    origin: Origin,
    channel_bindings: Option<ChannelBindings>,
    state: State,
    /// The [`Acceptor`] that `state` and `failures` belong to.
    acceptor: u64,
    /// Failed logons in a row.
    failures: u32,
    /// Whether there is a record of the address being blocked. One is enough: a blocked client would otherwise fill the records as fast as it can send requests.
    blocked: bool,
}

#[derive(Debug)]
enum State {
    Anonymous,
    Challenged(Scheme, Ticket),
    Authenticated(NtlmUser),
}

/// What is to be done with a request.
#[must_use = "the request waits"]
pub enum Step<'a> {
    /// It is the user's: execute it.
    Pass(NtlmUser),
    /// Ask somebody who knows accounts.
    Ask(Box<Question<'a>>),
    /// Answer this, and do not execute it.
    Answer(Answer),
}

impl Connection {
    /// A connection of which nothing is known.
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            channel_bindings: None,
            state: State::Anonymous,
            acceptor: u64::MAX,
            failures: 0,
            blocked: false,
        }
    }

    /// The channel that the connection runs over.
    #[must_use]
    pub fn with_channel_bindings(mut self, channel_bindings: ChannelBindings) -> Self {
        self.channel_bindings = Some(channel_bindings);
        self
    }

    /// Where the client is.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whom requests without credentials come from.
    #[must_use]
    pub fn user(&self, acceptor: &Acceptor) -> Option<&NtlmUser> {
        match &self.state {
            State::Authenticated(user) if self.acceptor == acceptor.number => Some(user),
            _ => None,
        }
    }

    /// A request with `values` in the header of the credentials ([`Endpoint::credentials_header`](super::Endpoint::credentials_header)).
    pub fn receive<'a, 'v>(
        &'a mut self,
        acceptor: &'a Acceptor,
        values: impl IntoIterator<Item = &'v [u8]>,
        now: Moment,
        entropy: &mut dyn Entropy,
    ) -> Step<'a> {
        if self.acceptor != acceptor.number {
            (self.acceptor, self.state, self.failures) = (acceptor.number, State::Anonymous, 0);
        }
        let mut values = values.into_iter();
        let credentials = match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => header::credentials(value),
            (Some(_), Some(_)) => {
                self.state = State::Anonymous;
                return Step::Answer(Answer::ambiguous(&acceptor.settings));
            }
        };
        match credentials {
            Ok(Some(credentials)) => {
                // The old identity ends here, whatever the credentials are.
                let before = std::mem::replace(&mut self.state, State::Anonymous);
                self.log_on(acceptor, before, credentials, now, entropy)
            }
            Ok(None) => match &self.state {
                State::Authenticated(user) => Step::Pass(user.clone()),
                State::Challenged(..) | State::Anonymous => {
                    self.state = State::Anonymous;
                    let turned_away = self.turned_away(acceptor, now);
                    Step::Answer(turned_away.unwrap_or_else(|| Answer::offers(&acceptor.settings)))
                }
            },
            Err(error) => {
                self.state = State::Anonymous;
                tracing::info!(address = %Address(&self.origin), %error, "credentials that cannot be read");
                Step::Answer(Answer::unreadable(&acceptor.settings, error))
            }
        }
    }

    fn log_on<'a>(
        &'a mut self,
        acceptor: &'a Acceptor,
        before: State,
        credentials: Credentials,
        now: Moment,
        entropy: &mut dyn Entropy,
    ) -> Step<'a> {
        let Credentials { scheme, token } = credentials;
        let settings = &acceptor.settings;
        match (MessageType::of(&token), before) {
            (Ok(MessageType::Authenticate), State::Challenged(offered, ticket)) if offered == scheme => {
                return self.authenticate(acceptor, scheme, ticket, &token, now);
            }
            (Ok(MessageType::Authenticate), _) => {
                let reason = "an AUTHENTICATE_MESSAGE that nothing on this connection led to: stray, or a second time";
                return Step::Answer(self.unexpected(acceptor, &token, reason, now));
            }
            // SPNEGO begins with the tag of an InitialContextToken or of a NegTokenResp.
            (Err(_), _) if matches!(token.first(), Some(0x60 | 0xa1)) => {
                tracing::info!(address = %Address(&self.origin), "a token of SPNEGO, which is not spoken here: the client is offered NTLM alone");
                return Step::Answer(self.close_after(settings, Answer::only_ntlm(settings)));
            }
            (Ok(MessageType::Negotiate | MessageType::Challenge) | Err(_), _) => {}
        }
        if let Some(answer) = self.turned_away(acceptor, now) {
            return Step::Answer(answer);
        }
        if !acceptor.half_open.has_room(self.ip(), now.instant) {
            return Step::Answer(self.busy(acceptor));
        }
        Step::Answer(self.challenge(acceptor, scheme, &token, now, entropy))
    }

    /// Legs 1 and 2.
    fn challenge(
        &mut self,
        acceptor: &Acceptor,
        scheme: Scheme,
        negotiate: &[u8],
        now: Moment,
        entropy: &mut dyn Entropy,
    ) -> Answer {
        let settings = &acceptor.settings;
        let channel_bindings = self.channel_bindings.clone();
        let config = acceptor.config(channel_bindings.is_some());
        let exchange = Exchange { channel_bindings, ..Exchange::default() };
        let mut challenge = Vec::new();
        match ExpectNegotiate::new(config, exchange).receive(negotiate, now.time, entropy, &mut challenge) {
            Ok(waiting) => match acceptor.half_open.insert(waiting, self.ip(), now.instant) {
                Some(ticket) => {
                    self.state = State::Challenged(scheme, ticket);
                    Answer::challenge(settings, header::write(scheme, &challenge))
                }
                None => self.busy(acceptor),
            },
            Err(error) => {
                let draft = AuditDraft::new(&self.origin, self.carrier(settings), now.time);
                self.refuse(acceptor, &error, &draft.failed(&error))
            }
        }
    }

    /// Leg 3.
    fn authenticate<'a>(
        &'a mut self,
        acceptor: &'a Acceptor,
        scheme: Scheme,
        ticket: Ticket,
        authenticate: &[u8],
        now: Moment,
    ) -> Step<'a> {
        let settings = &acceptor.settings;
        let Some(mut waiting) = ticket.redeem(now.instant) else {
            let reason = "an AUTHENTICATE_MESSAGE that came too late for its challenge";
            return Step::Answer(self.unexpected(acceptor, authenticate, reason, now));
        };
        let draft = AuditDraft::new(&self.origin, self.carrier(settings), now.time)
            .exchange(waiting.exchange_mut())
            .authenticate(authenticate);
        match waiting.receive(authenticate, now.time) {
            Ok(waiting) => {
                let draft = draft.question(waiting.logon());
                Step::Ask(Box::new(Question { connection: self, acceptor, scheme, waiting, draft }))
            }
            Err(error) => Step::Answer(self.refuse(acceptor, &error, &draft.failed(&error))),
        }
    }

    /// A logon that failed: recorded, counted and answered.
    fn refuse(&mut self, acceptor: &Acceptor, error: &Error, record: &AuditRecord) -> Answer {
        acceptor.audit.record(record);
        // As strings, which the log puts in quotes: names may look like other fields.
        let (user, domain) = (record.user.to_string(), record.domain.to_string());
        tracing::info!(address = %Address(&self.origin), user, domain, %error, "logon refused");
        let answer = Answer::failed(&acceptor.settings, error);
        match Failure::of(error) {
            Failure::Refused => self.close_after(&acceptor.settings, answer),
            Failure::Undecided | Failure::Forbidden => answer,
        }
    }

    /// A message at the wrong time: recorded and counted as a failure, and so no more often than other failures are.
    fn unexpected(&mut self, acceptor: &Acceptor, authenticate: &[u8], reason: &str, now: Moment) -> Answer {
        let settings = &acceptor.settings;
        tracing::info!(address = %Address(&self.origin), "{reason}");
        if self.failures < settings.limits.failures {
            let draft = AuditDraft::new(&self.origin, self.carrier(settings), now.time).authenticate(authenticate);
            acceptor.audit.record(&draft.turned_away(LogonFailure::LOGON_FAILURE.status, reason));
        }
        self.close_after(settings, Answer::offers(settings))
    }

    /// Counts a failure; the last one that is borne closes the connection.
    fn close_after(&mut self, settings: &Settings, answer: Answer) -> Answer {
        self.failures = self.failures.saturating_add(1);
        Answer { close: self.failures >= settings.limits.failures, ..answer }
    }

    /// Why a client is not even challenged.
    fn turned_away(&mut self, acceptor: &Acceptor, now: Moment) -> Option<Answer> {
        let settings = &acceptor.settings;
        if self.failures >= settings.limits.failures {
            // Closed already, and the client sends on.
            return Some(Answer { close: true, ..Answer::offers(settings) });
        }
        let remaining = acceptor.blocks(&self.origin, now)?;
        tracing::info!(address = %Address(&self.origin), ?remaining, "an address that is blocked");
        if !std::mem::replace(&mut self.blocked, true) {
            let seconds = remaining.as_secs().max(1);
            let reason = format!("too many wrong passwords came from this address, which is blocked for {seconds} s");
            let draft = AuditDraft::new(&self.origin, self.carrier(settings), now.time);
            acceptor.audit.record(&draft.turned_away(LogonFailure::NETWORK_ACCESS_DENIED.status, reason));
        }
        Some(Answer::throttled(settings, remaining))
    }

    fn busy(&self, acceptor: &Acceptor) -> Answer {
        let (logons, bytes) = acceptor.half_open();
        tracing::warn!(address = %Address(&self.origin), logons, bytes, "too many half-open logons");
        Answer::busy(&acceptor.settings)
    }

    fn ip(&self) -> Option<IpAddr> {
        self.origin.address.map(|address| address.ip())
    }

    /// What carries the logon, for the record.
    fn carrier(&self, settings: &Settings) -> &'static str {
        let [plain, protected] = settings.carriers;
        if self.channel_bindings.is_some() { protected } else { plain }
    }
}

/// A logon that somebody must decide. The connection waits: dropped without a verdict, it is nobody's.
#[must_use = "the request waits"]
pub struct Question<'a> {
    connection: &'a mut Connection,
    acceptor: &'a Acceptor,
    scheme: Scheme,
    waiting: AwaitLogon,
    draft: AuditDraft,
}

impl Question<'_> {
    /// Whom the client says it is, and its proof.
    #[must_use]
    pub fn logon(&self) -> &NetworkLogon {
        self.waiting.logon()
    }

    /// Where the client is.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.connection.origin
    }

    /// Takes the verdict. With a yes that stands up to all checks the connection is the user's, and so is the request that is waiting.
    ///
    /// # Errors
    ///
    /// What to answer instead.
    pub fn decided(self, verdict: Result<LogonSuccess, LogonFailure>) -> Result<NtlmUser, Answer> {
        let Self { connection, acceptor, scheme, waiting, draft } = self;
        let draft = draft.verdict(&verdict);
        match waiting.finish(verdict) {
            Ok(established) => {
                acceptor.audit.record(&draft.established(&established.info));
                let user = NtlmUser::new(established.info);
                tracing::info!(address = %Address(&connection.origin), account = %user, %scheme, "logged on");
                connection.failures = 0;
                connection.state = State::Authenticated(user.clone());
                Ok(user)
            }
            Err(error) => Err(connection.refuse(acceptor, &error, &draft.failed(&error))),
        }
    }
}

impl fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").field("logon", self.logon()).finish_non_exhaustive()
    }
}

/// An address for the log.
struct Address<'a>(&'a Origin);

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.address {
            Some(address) => address.fmt(f),
            None => f.write_str("-"),
        }
    }
}
