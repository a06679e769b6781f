//! Authorities that answer at once, but may have to be asked again.

use std::fmt;
use std::time::{Duration, Instant};

use ntlm::{Authority, LogonFailure, NetworkLogon};
use ntlm_accounts::{AsyncAuthority, FutureVerdict, Origin};

/// How long to wait before asking for the second time; before each further time twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// How long to wait before asking again at the most.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// An authority that answers at once, as [`Immediate`](ntlm_accounts::Immediate) does, and is asked again when it says that it could not
/// ([`LogonFailure::IO_TIMEOUT`]): by the end of its patience that is the verdict, 503. Meanwhile the thread does other work, and other connections do not wait.
///
/// For accounts in a database, which another process may hold for the moment:
///
/// ```
/// use std::time::Duration;
/// use ntlm_accounts::LocalAuthority;
/// use ntlm_http::server::Patient;
///
/// # let accounts = ntlm_accounts::MemoryStore::new();
/// // let accounts = SqliteStore::open_read_only("/srv/accounts.db")?.with_patience(Duration::ZERO);
/// let authority = Patient::new(LocalAuthority::new(accounts), Duration::from_secs(2));
/// ```
pub struct Patient<A> {
    authority: A,
    patience: Duration,
    tell: Option<Tell>,
}

/// Told that a logon could not be decided.
type Tell = Box<dyn Fn() + Send + Sync>;

impl<A: Authority + Send + Sync> Patient<A> {
    /// Asks `authority` for as long as `patience` says.
    #[must_use]
    pub fn new(authority: A, patience: Duration) -> Self {
        Self { authority, patience, tell: None }
    }

    /// Calls `tell` for each logon that could not be decided for all the patience.
    #[must_use]
    pub fn telling(self, tell: impl Fn() + Send + Sync + 'static) -> Self {
        Self { tell: Some(Box::new(tell)), ..self }
    }
}

impl<A: Authority + Send + Sync> AsyncAuthority for Patient<A> {
    fn logon<'a>(&'a self, logon: &'a NetworkLogon, _origin: &'a Origin) -> FutureVerdict<'a> {
        // The usual case needs no clock.
        let verdict = self.authority.logon(logon);
        if verdict.as_ref().err() != Some(&LogonFailure::IO_TIMEOUT) {
            return Box::pin(std::future::ready(verdict));
        }
        Box::pin(async move {
            let begun = Instant::now();
            let mut pause = FIRST_PAUSE;
            while begun.elapsed() < self.patience {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                let verdict = self.authority.logon(logon);
                if verdict.as_ref().err() != Some(&LogonFailure::IO_TIMEOUT) {
                    return verdict;
                }
            }
            if let Some(tell) = &self.tell {
                tell();
            }
            Err(LogonFailure::IO_TIMEOUT)
        })
    }
}

impl<A> fmt::Debug for Patient<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patient").field("patience", &self.patience).finish_non_exhaustive()
    }
}
