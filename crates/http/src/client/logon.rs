//! The logon of one connection to one party, without I/O: which credentials the next request carries, and what the response to it means.
//!
//! ```text
//!            401 offers          NEGOTIATE sent          401 with CHALLENGE         AUTHENTICATE sent          not 401
//! Unasked ---------------> Begin ---------------> Sent ---------------------> Answer -------------> Decided ---------> Accepted
//!    | not 401                                     | not 401                                          | 401
//!    v                                             v                                                  v
//! NotAsked (a 401 later leads to Begin) <----------/                                               Denied: no second try
//! ```
//!
//! A server and a proxy are two parties with two logons that know nothing of each other: 401 and `WWW-Authenticate`, 407 and `Proxy-Authenticate`. Both belong to the
//! connection; when it closes they are gone.
//!
//! [`Client`](super::Client) drives this; with another HTTP library, drive it yourself:
//!
//! ```
//! # fn send(_: Option<http::HeaderValue>) -> (http::StatusCode, http::HeaderMap) { (http::StatusCode::OK, http::HeaderMap::new()) }
//! # let now = ntlm::FileTime(0);
//! # let mut entropy = |_: &mut [u8]| Ok(());
//! use std::sync::Arc;
//! use ntlm::{ClientConfig, Credentials, Password};
//! use ntlm_http::client::logon::{Logon, Party, Schemes, Step};
//!
//! let credentials = Arc::new(Credentials::new(r"EXAMPLE\alice", &Password::new("secret")));
//! let exchange = ntlm::client::Exchange { target_name: Some("HTTP/web.example.test".into()), ..Default::default() };
//! // One connection, one logon.
//! let mut logon = Logon::new(Party::Server, Arc::new(ClientConfig::default()), credentials, exchange, Schemes::default());
//! loop {
//!     let withhold_body = logon.withholds_body();
//!     let (status, headers) = send(logon.credentials()?); // with `Authorization`, and the body unless it is withheld
//!     match logon.response(status, &headers, now, &mut entropy)? {
//!         Step::Answer if withhold_body => {} // once more, with the body this time
//!         Step::Answer => break,
//!         Step::Again => {} // read the response to its end first: the connection must stay usable
//!         Step::Anew => panic!("another connection, another logon"),
//!     }
//! }
//! # Ok::<(), ntlm_http::client::Refusal>(())
//! ```

use std::mem;
use std::sync::Arc;

use http::header::{AUTHORIZATION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use ntlm::client::{Exchange, ExpectChallenge, Start};
use ntlm::wire::SIGNATURE;
use ntlm::{ClientConfig, ContextInfo, Credentials, Entropy, FileTime};

use super::refusal::Refusal;
use crate::header::{self, Scheme};

/// Who asks for a logon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// The server that the request is for: 401.
    Server,
    /// The proxy on the way to it: 407.
    Proxy,
}

impl Party {
    /// The status by which it asks.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Server => StatusCode::UNAUTHORIZED,
            Self::Proxy => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        }
    }

    /// The header of its challenges.
    #[must_use]
    pub fn challenge_header(self) -> HeaderName {
        match self {
            Self::Server => WWW_AUTHENTICATE,
            Self::Proxy => PROXY_AUTHENTICATE,
        }
    }

    /// The header of our credentials.
    #[must_use]
    pub fn credentials_header(self) -> HeaderName {
        match self {
            Self::Server => AUTHORIZATION,
            Self::Proxy => PROXY_AUTHORIZATION,
        }
    }
}

/// The schemes to log on with. Under Negotiate, messages of NTLM are sent as they are, without SPNEGO around them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Schemes {
    /// NTLM, and Negotiate where NTLM is not offered.
    #[default]
    Both,
    /// NTLM alone.
    Ntlm,
    /// Negotiate alone.
    Negotiate,
}

impl Schemes {
    /// In the order in which they are liked.
    fn preferred(self) -> &'static [Scheme] {
        match self {
            Self::Both => &[Scheme::Ntlm, Scheme::Negotiate],
            Self::Ntlm => &[Scheme::Ntlm],
            Self::Negotiate => &[Scheme::Negotiate],
        }
    }
}

/// What to do with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is the answer to the request.
    Answer,
    /// It is a step of the logon: the request goes out again, on the same connection.
    Again,
    /// The connection was logged on and is so no more. The request was not executed: it goes out again on a new connection, with a new logon.
    Anew,
}

/// What is known about a party before a connection to it says anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Expectation {
    #[default]
    Nothing,
    /// It asks for a logon, and takes this scheme.
    Asks(Scheme),
    /// It asks for none.
    AsksNot,
}

/// The logon of one connection to one party.
#[derive(Debug)]
pub struct Logon {
    party: Party,
    config: Arc<ClientConfig>,
    credentials: Arc<Credentials>,
    exchange: Exchange,
    schemes: Schemes,
    state: State,
    /// An offered scheme was begun with: once per connection.
    tried: bool,
    /// Of the AUTHENTICATE_MESSAGE that was made.
    context: Option<ContextInfo>,
}

#[derive(Debug)]
enum State {
    Unasked,
    NotAsked,
    Begin {
        scheme: Scheme,
        /// Before anybody offered the scheme.
        unasked: bool,
    },
    Sent {
        scheme: Scheme,
        unasked: bool,
        waiting: Box<ExpectChallenge>,
    },
    Answer {
        scheme: Scheme,
        authenticate: Vec<u8>,
    },
    Decided(Scheme),
    Accepted(Scheme),
    /// Failed, or in the middle of a step that failed.
    Over,
}

impl Logon {
    /// A logon that waits to be asked. `exchange` has the target name (`HTTP/host`) and the bindings of the TLS channel to the party.
    #[must_use]
    pub fn new(
        party: Party,
        config: Arc<ClientConfig>,
        credentials: Arc<Credentials>,
        exchange: Exchange,
        schemes: Schemes,
    ) -> Self {
        Self { party, config, credentials, exchange, schemes, state: State::Unasked, tried: false, context: None }
    }

    /// The same, beginning with the first request instead of waiting to be asked: saves a round trip with parties that are known to ask. A
    /// NEGOTIATE_MESSAGE tells nothing of the user.
    #[must_use]
    pub fn at_once(mut self, scheme: Scheme) -> Self {
        self.state = State::Begin { scheme, unasked: true };
        self
    }

    pub(super) fn expecting(self, expectation: Expectation) -> Self {
        match expectation {
            Expectation::Nothing => self,
            Expectation::Asks(scheme) => self.at_once(scheme),
            Expectation::AsksNot => Self { state: State::NotAsked, ..self },
        }
    }

    /// What this connection has taught about the party.
    pub(super) fn expectation(&self) -> Expectation {
        match &self.state {
            State::Begin { scheme, .. }
            | State::Sent { scheme, .. }
            | State::Answer { scheme, .. }
            | State::Decided(scheme)
            | State::Accepted(scheme) => Expectation::Asks(*scheme),
            State::NotAsked => Expectation::AsksNot,
            State::Unasked | State::Over => Expectation::Nothing,
        }
    }

    /// Who is logged on to.
    #[must_use]
    pub fn party(&self) -> Party {
        self.party
    }

    /// Whether the next request is not expected to get past the party: its body stays at home (`Content-Length: 0`), and so do credentials for parties behind
    /// this one.
    #[must_use]
    pub fn withholds_body(&self) -> bool {
        matches!(self.state, State::Unasked | State::Begin { .. } | State::Sent { .. })
    }

    /// Whether the logon hangs on this very connection: a challenge was answered, and the answer is not decided on.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        matches!(self.state, State::Sent { .. } | State::Answer { .. } | State::Decided(_))
    }

    /// Whether the connection can serve further requests, as far as this party is concerned.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self.state, State::Unasked | State::NotAsked | State::Accepted(_))
    }

    /// What was agreed; `None` until a challenge was answered.
    #[must_use]
    pub fn context(&self) -> Option<&ContextInfo> {
        self.context.as_ref()
    }

    pub(super) fn is_accepted(&self) -> bool {
        matches!(self.state, State::Accepted(_))
    }

    pub(super) fn sends_bindings(&self) -> bool {
        self.exchange.channel_bindings.is_some()
    }

    /// The credentials for the next request ([`Party::credentials_header`]); `None` when it goes without.
    ///
    /// # Errors
    ///
    /// [`Refusal::Ntlm`] when policy blocks the target.
    pub fn credentials(&mut self) -> Result<Option<HeaderValue>, Refusal> {
        match mem::replace(&mut self.state, State::Over) {
            State::Begin { scheme, unasked } => {
                let start = Start::new(self.config.clone(), self.credentials.clone(), self.exchange.clone());
                let mut negotiate = Vec::new();
                let waiting = Box::new(start.send(&mut negotiate)?);
                self.tried |= !unasked;
                self.state = State::Sent { scheme, unasked, waiting };
                Ok(Some(header::write(scheme, &negotiate)))
            }
            State::Answer { scheme, authenticate } => {
                self.state = State::Decided(scheme);
                Ok(Some(header::write(scheme, &authenticate)))
            }
            other => {
                self.state = other;
                Ok(None)
            }
        }
    }

    /// Reads status and headers of the response to the request that carried the last [`credentials`](Self::credentials).
    ///
    /// # Errors
    ///
    /// Why the logon failed. It is over then: the same credentials are not tried again on this connection.
    pub fn response(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        now: FileTime,
        entropy: &mut dyn Entropy,
    ) -> Result<Step, Refusal> {
        let state = mem::replace(&mut self.state, State::Over);
        if status != self.party.status() {
            self.state = match state {
                State::Unasked | State::NotAsked | State::Begin { .. } | State::Sent { .. } => State::NotAsked,
                State::Answer { scheme, .. } | State::Decided(scheme) | State::Accepted(scheme) => {
                    State::Accepted(scheme)
                }
                State::Over => State::Over,
            };
            return Ok(Step::Answer);
        }
        let challenges = Challenges::read(headers, self.party);
        match state {
            // Begin: the request went out without credentials, because it was not expected to get this far.
            State::Unasked | State::NotAsked | State::Begin { .. } if self.tried => Err(Refusal::NoChallenge),
            State::Unasked | State::NotAsked | State::Begin { .. } => {
                let scheme = self.choose(&challenges, None)?;
                self.state = State::Begin { scheme, unasked: false };
                Ok(Step::Again)
            }
            State::Sent { scheme, unasked, waiting } => {
                let Some(token) = challenges.of(scheme).transpose()?.flatten() else {
                    // Nobody had offered the scheme; perhaps the party takes another.
                    if !unasked {
                        return Err(Refusal::NoChallenge);
                    }
                    let scheme = self.choose(&challenges, Some(scheme))?;
                    self.state = State::Begin { scheme, unasked: false };
                    return Ok(Step::Again);
                };
                if !token.starts_with(&SIGNATURE) && scheme == Scheme::Negotiate {
                    return Err(Refusal::Spnego);
                }
                let mut authenticate = Vec::new();
                let established = waiting.receive(token, now, entropy, &mut authenticate)?;
                self.context = Some(established.info);
                self.state = State::Answer { scheme, authenticate };
                Ok(Step::Again)
            }
            State::Decided(scheme) => match challenges.of(scheme) {
                Some(Ok(Some(_))) => Err(Refusal::SecondChallenge),
                _ => Err(Refusal::Denied),
            },
            State::Accepted(_) => Ok(Step::Anew),
            State::Answer { .. } | State::Over => Err(Refusal::UnexpectedChallenge),
        }
    }

    /// The scheme to begin with among those offered, other than one that was tried.
    fn choose(&self, challenges: &Challenges, tried: Option<Scheme>) -> Result<Scheme, Refusal> {
        for &scheme in self.schemes.preferred().iter().filter(|scheme| Some(**scheme) != tried) {
            match challenges.of(scheme).transpose()? {
                Some(Some(_)) => return Err(Refusal::UnexpectedChallenge),
                Some(None) => return Ok(scheme),
                None => {}
            }
        }
        match tried.and_then(|scheme| challenges.of(scheme)) {
            Some(_) => Err(Refusal::NoChallenge),
            None => Err(Refusal::NotOffered { offered: challenges.named.clone() }),
        }
    }
}

/// What a party offers.
struct Challenges {
    ours: Vec<Result<header::Offer, header::HeaderError>>,
    /// All schemes by their names.
    named: Vec<String>,
}

impl Challenges {
    fn read(headers: &HeaderMap, party: Party) -> Self {
        let values = || headers.get_all(party.challenge_header()).iter().map(HeaderValue::as_bytes);
        Self { ours: header::challenges(values()), named: named(values()) }
    }

    /// The token that comes with a scheme; `Some(Ok(None))` when it is offered without, `None` when it is not offered.
    fn of(&self, scheme: Scheme) -> Option<Result<Option<&[u8]>, header::HeaderError>> {
        let mut ours = self.ours.iter().filter(|offer| match offer {
            Ok(offer) => offer.scheme == scheme,
            Err(error) => error.scheme == scheme,
        });
        let first = ours.next()?;
        Some(first.as_ref().map(|offer| offer.token.as_deref()).map_err(|error| *error))
    }
}

/// The first few schemes in the values of a challenge header, for people: what stands first in an element and is no parameter.
fn named<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    const LISTED: usize = 8;
    let elements = values.flat_map(|value| value.split(|&byte| byte == b','));
    let words = elements.filter_map(|element| {
        let element = element.trim_ascii();
        let end = element.iter().position(|byte| !byte.is_ascii_alphanumeric() && !b"-_".contains(byte));
        let (word, rest) = element.split_at_checked(end.unwrap_or(element.len()))?;
        let is_scheme = !word.is_empty() && word.len() <= 32 && matches!(rest, [] | [b' ' | b'\t', ..]);
        is_scheme.then(|| String::from_utf8_lossy(word).into_owned())
    });
    words.take(LISTED).collect()
}
