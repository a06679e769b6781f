//! Watching what a client does: for logs and for `ntlm http -v`.

use std::net::SocketAddr;

use http::{HeaderMap, Method, StatusCode, Uri, Version};
use ntlm::ContextInfo;

use super::logon::Party;

/// Somebody who watches. Called in the middle of the work: be quick.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn observe(&self, event: &Event<'_>);
}

impl<F: Fn(&Event<'_>) + Send + Sync> Observer for F {
    fn observe(&self, event: &Event<'_>) {
        self(event);
    }
}

/// What happened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A new connection stands.
    Connected {
        /// Host and port, as asked for.
        peer: &'a str,
        /// The address that it turned out to be.
        address: SocketAddr,
    },
    /// TLS is in force on it.
    Secured {
        /// Host and port.
        peer: &'a str,
        /// Logons will be bound to the channel.
        bound: bool,
    },
    /// A connection of an earlier request is used.
    Reused {
        /// Host and port.
        peer: &'a str,
    },
    /// A request goes out. The headers have the tokens of the logon, from which passwords can be guessed: header values that are marked as sensitive
    /// are not for logs.
    Request {
        /// The method.
        method: &'a Method,
        /// The target as it is written: a path, or the whole URL for a proxy, or host and port.
        target: &'a Uri,
        /// All header lines.
        headers: &'a HeaderMap,
        /// Its body stays at home until the logon is through.
        body_withheld: bool,
    },
    /// The head of a response came.
    Response {
        /// The version of HTTP.
        version: Version,
        /// The status.
        status: StatusCode,
        /// All header lines.
        headers: &'a HeaderMap,
    },
    /// A logon was accepted. Not told while responses are such that perhaps nobody has decided on it: 429, 500 and above.
    LoggedOn {
        /// By whom.
        party: Party,
        /// What was agreed.
        context: &'a ContextInfo,
    },
    /// The request begins anew on another connection.
    Again {
        /// Why.
        reason: &'a str,
    },
    /// A redirect is followed.
    Redirected {
        /// Where to.
        to: &'a Uri,
        /// It leads to another origin, which gets no credentials.
        without_credentials: bool,
    },
}
