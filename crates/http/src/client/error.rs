//! Why there is no response.

use std::error::Error as StdError;
use std::time::Duration;
use std::{fmt, io};

use http::StatusCode;

use super::refusal::LogonError;

/// Why there is no response.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A URL that cannot be used.
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A request that cannot be sent, and why.
    Request(&'static str),
    /// The certificates that this system trusts, or one that was added, cannot be used.
    Roots(String),
    /// No connection could be made: no such host, nobody listens.
    Unreachable {
        /// Host and port.
        peer: String,
        /// What the system said.
        source: io::Error,
    },
    /// No TLS with the peer: its certificate is not trusted, or the two have no protocol in common.
    Tls {
        /// Host and port.
        peer: String,
        /// What rustls said.
        source: io::Error,
    },
    /// The peer speaks HTTP/2 alone, over which there is no NTLM.
    Http2 {
        /// Host and port.
        peer: String,
    },
    /// The peer does not speak HTTP/1, or its answer exceeds the limits for header lines.
    Http {
        /// Host and port.
        peer: String,
        /// What hyper said.
        source: hyper::Error,
    },
    /// The peer took too long.
    Timeout {
        /// Host and port.
        peer: String,
        /// What was waited for.
        waiting_for: &'static str,
        /// How long.
        after: Duration,
    },
    /// The connection was lost before the response was there.
    Lost {
        /// Host and port.
        peer: String,
        /// What hyper said.
        source: Option<hyper::Error>,
        /// The request may have been executed all the same.
        perhaps_executed: bool,
    },
    /// The body of the response broke off.
    Incomplete {
        /// Host and port.
        peer: String,
        /// What hyper said.
        source: io::Error,
    },
    /// The body of the response is longer than what was to be read.
    TooLong {
        /// Host and port.
        peer: String,
        /// The most bytes that were to be read.
        limit: usize,
    },
    /// The proxy does not let us through (CONNECT).
    Tunnel {
        /// Host and port of the proxy.
        proxy: String,
        /// Its answer.
        status: StatusCode,
    },
    /// The logon failed.
    Logon(Box<LogonError>),
    /// A redirect that cannot be followed.
    Redirect {
        /// Host and port of who redirects.
        peer: String,
        /// Where to.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// More redirects than are followed.
    Redirects {
        /// How many are followed.
        limit: usize,
    },
    /// The body of the request could not be read.
    Body(io::Error),
}

impl From<LogonError> for Error {
    fn from(error: LogonError) -> Self {
        Self::Logon(Box::new(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { url, reason } => write!(f, "the URL {} cannot be used: {reason}", url.escape_debug()),
            Self::Request(reason) => f.write_str(reason),
            Self::Roots(reason) => f.write_str(reason),
            Self::Unreachable { peer, source } => write!(f, "{peer} cannot be reached: {source}"),
            Self::Tls { peer, source } => write!(f, "{peer}: no TLS: {source}"),
            Self::Http2 { peer } => write!(
                f,
                "{peer} speaks HTTP/2 alone, over which there is no NTLM: requests of many users share a connection; let it speak HTTP/1.1"
            ),
            Self::Http { peer, source } => {
                write!(f, "{peer} sent something that cannot be read as a response of HTTP/1: {source}")
            }
            Self::Timeout { peer, waiting_for, after } => {
                write!(f, "{peer}: no {waiting_for} within {} s", after.as_secs_f32())
            }
            Self::Lost { peer, perhaps_executed: true, .. } => write!(
                f,
                "{peer}: the connection was lost before the response came; whether the request was executed is not known, and so it is not repeated"
            ),
            Self::Lost { peer, .. } => write!(f, "{peer}: the connection was lost before the response came"),
            Self::Incomplete { peer, source } => write!(f, "{peer}: the response broke off: {source}"),
            Self::TooLong { peer, limit } => write!(f, "{peer}: the body of the response is longer than {limit} bytes"),
            Self::Tunnel { proxy, status } if *status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                write!(f, "proxy {proxy} wants a logon, and there are no credentials for it ({status})")
            }
            Self::Tunnel { proxy, status } => {
                write!(f, "proxy {proxy} does not make the connection: it answers {status}")
            }
            Self::Logon(error) => error.fmt(f),
            Self::Redirect { peer, url, reason } => {
                write!(f, "{peer} redirects to {}, which cannot be followed: {reason}", url.escape_debug())
            }
            Self::Redirects { limit } => write!(f, "there are more than {limit} redirects"),
            Self::Body(error) => write!(f, "the body of the request cannot be read: {error}"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Unreachable { source, .. }
            | Self::Tls { source, .. }
            | Self::Body(source)
            | Self::Incomplete { source, .. } => Some(source),
            Self::Http { source, .. } => Some(source),
            Self::Lost { source, .. } => source.as_ref().map(|source| source as &(dyn StdError + 'static)),
            Self::Logon(error) => Some(error),
            Self::Url { .. }
            | Self::Request(_)
            | Self::Roots(_)
            | Self::Http2 { .. }
            | Self::Timeout { .. }
            | Self::TooLong { .. }
            | Self::Tunnel { .. }
            | Self::Redirect { .. }
            | Self::Redirects { .. } => None,
        }
    }
}
