//! Why a logon failed.

use std::error::Error as StdError;
use std::fmt;

use ntlm::error::Incompatible;

use super::logon::Party;
use crate::header::HeaderError;

/// Why a logon failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The party saw the response and said no.
    Denied,
    /// The party asks for a logon and offers no scheme that is wanted here.
    NotOffered {
        /// The names of the schemes that it offers; the first few.
        offered: Vec<String>,
    },
    /// A NEGOTIATE_MESSAGE was answered with another 401 or 407, without a challenge.
    NoChallenge,
    /// A challenge to which no NEGOTIATE_MESSAGE led.
    UnexpectedChallenge,
    /// A challenge in answer to an AUTHENTICATE_MESSAGE.
    SecondChallenge,
    /// The connection was logged on, and the party asks for the next logon with every request.
    NotKept,
    /// A header that is no challenge.
    Header(HeaderError),
    /// A token of SPNEGO in answer to one of NTLM.
    Spnego,
    /// A challenge that is malformed, or that policy does not answer; says which field, or what the server lacks.
    Ntlm(ntlm::Error),
    /// The connection was closed in the middle of the logon.
    ConnectionClosed {
        /// The party had said that it would close it.
        announced: bool,
    },
    /// What comes with a challenge is too long to be read to its end, which the connection would have to be.
    BodyTooLong {
        /// Bytes that are read.
        limit: usize,
    },
}

impl From<ntlm::Error> for Refusal {
    fn from(error: ntlm::Error) -> Self {
        Self::Ntlm(error)
    }
}

impl From<HeaderError> for Refusal {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied => {
                f.write_str("the logon was refused: wrong user, domain or password, or the account may not log on here")
            }
            Self::NotOffered { offered } if offered.is_empty() => {
                f.write_str("a logon is asked for, and no scheme is offered")
            }
            Self::NotOffered { offered } => {
                write!(f, "a logon is asked for, and NTLM is not offered; offered is: {}", offered.join(", "))
            }
            Self::NoChallenge => f.write_str("the NEGOTIATE_MESSAGE was answered with no challenge: NTLM is offered and does not work here"),
            Self::UnexpectedChallenge => f.write_str("a challenge came to which no NEGOTIATE_MESSAGE led"),
            Self::SecondChallenge => f.write_str("a second challenge came in the place of a verdict"),
            Self::NotKept => f.write_str("the connection was logged on, and yet the next request on it was asked for a logon again"),
            Self::Header(error) => write!(f, "the challenge cannot be read: {error}"),
            Self::Spnego => f.write_str(
                "under Negotiate the answer was a token of SPNEGO, where a message of NTLM was sent; let the server offer NTLM",
            ),
            Self::Ntlm(error) => error.fmt(f),
            Self::ConnectionClosed { announced: true } => {
                f.write_str("the connection is closed after each response, and an NTLM logon needs one connection to the end")
            }
            Self::ConnectionClosed { announced: false } => {
                f.write_str("the connection was closed in the middle of the logon, and a logon on a new one came no further")
            }
            Self::BodyTooLong { limit } => {
                write!(f, "the page that comes with the challenge is longer than {} KiB: the logon was given up", limit >> 10)
            }
        }
    }
}

impl StdError for Refusal {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Header(error) => Some(error),
            Self::Ntlm(error) => Some(error),
            _ => None,
        }
    }
}

/// A logon that failed: to whom, why, and what was seen on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogonError {
    /// Who asked for it.
    pub party: Party,
    /// Its host and port.
    pub peer: String,
    /// Why.
    pub refusal: Refusal,
    /// The connection to the party is TLS.
    pub secure: bool,
    /// The logon was bound to the TLS channel.
    pub bound: bool,
    /// What intermediaries wrote into the header `Via` of the response.
    pub via: Option<String>,
}

impl LogonError {
    /// What may be behind it and what to do, as far as it can be told from here.
    fn hint(&self) -> Option<&'static str> {
        match &self.refusal {
            Refusal::Denied if self.bound => Some(
                "if they are right: somebody between that ends TLS (an inspecting proxy, a load balancer) changes the certificate, and with it the channel \
                 bindings that the server compares",
            ),
            Refusal::Denied if self.secure => Some(
                "if they are right: the server may want channel bindings (Extended Protection), which were not sent",
            ),
            Refusal::Denied => Some(
                "if they are right: the server may want channel bindings (Extended Protection), which only https has",
            ),
            Refusal::NoChallenge | Refusal::ConnectionClosed { .. } | Refusal::NotKept if self.via.is_some() => Some(
                "an intermediary that shares or closes connections breaks NTLM; go around it, or use https, which it passes on as it is",
            ),
            Refusal::ConnectionClosed { .. } => {
                Some("let the server keep connections alive (HTTP/1.1, no `Connection: close` with a 401)")
            }
            Refusal::NotOffered { .. } => Some("use a client that speaks what is offered, or let NTLM be offered"),
            Refusal::Ntlm(ntlm::Error::Incompatible(Incompatible::NoTargetInfo)) => {
                Some("the policy `windows` lets such servers pass")
            }
            Refusal::Ntlm(ntlm::Error::Incompatible(Incompatible::NoPlaceForBindings)) => {
                Some("only a logon without channel bindings is possible there, which can be relayed")
            }
            _ => None,
        }
    }
}

impl fmt::Display for LogonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.party {
            Party::Server => write!(f, "{}: {}", self.peer, self.refusal)?,
            Party::Proxy => write!(f, "proxy {}: {}", self.peer, self.refusal)?,
        }
        if let Some(hint) = self.hint() {
            write!(f, "; {hint}")?;
        }
        if let Some(via) = &self.via {
            write!(f, " (between: {})", via.escape_debug())?;
        }
        Ok(())
    }
}

impl StdError for LogonError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.refusal.source()
    }
}
