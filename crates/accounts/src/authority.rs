//! Authorities that are asked by servers which know where a logon comes from, and that may take their time.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use ntlm::{Authority, LogonFailure, LogonSuccess, NetworkLogon};

/// Where a logon comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The address of the client; `None` where there is none, as on a Unix socket.
    pub address: Option<SocketAddr>,
}

/// A verdict on its way.
pub type FutureVerdict<'a> = Pin<Box<dyn Future<Output = Result<LogonSuccess, LogonFailure>> + Send + 'a>>;

/// Somebody who knows accounts, and may have to ask others. What [`Authority`] is to servers that wait, this is to servers that do other work
/// meanwhile.
pub trait AsyncAuthority: Send + Sync {
    /// Decides on one logon. Dropping the future gives the question up: nobody is let in.
    fn logon<'a>(&'a self, logon: &'a NetworkLogon, origin: &'a Origin) -> FutureVerdict<'a>;
}

impl<A: AsyncAuthority + ?Sized> AsyncAuthority for Arc<A> {
    fn logon<'a>(&'a self, logon: &'a NetworkLogon, origin: &'a Origin) -> FutureVerdict<'a> {
        (**self).logon(logon, origin)
    }
}

impl<A: AsyncAuthority + ?Sized> AsyncAuthority for Box<A> {
    fn logon<'a>(&'a self, logon: &'a NetworkLogon, origin: &'a Origin) -> FutureVerdict<'a> {
        (**self).logon(logon, origin)
    }
}

/// An authority that answers at once, such as one over a local store: asked in place, without a thread of its own. The task that asks does nothing else meanwhile, so this is for
/// authorities that answer within some microseconds, and not for those that ask over a network, nor for a database that waits for other processes.
pub struct Immediate<A>(pub A);

impl<A: Authority + Send + Sync> AsyncAuthority for Immediate<A> {
    fn logon<'a>(&'a self, logon: &'a NetworkLogon, _origin: &'a Origin) -> FutureVerdict<'a> {
        Box::pin(std::future::ready(self.0.logon(logon)))
    }
}

impl<A> fmt::Debug for Immediate<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Immediate").finish_non_exhaustive()
    }
}
