//! The authority over a local store (MS-NLMP 3.2.5.1.2).
//!
//! Order: find the account, check the response, and only then what else speaks against the account, so that whether it is disabled is told
//! only to somebody who knows its password. Every logon asks the store for the same names and computes the same hashes, whether the
//! account exists or not.

use std::fmt;

use ntlm::{Authority, LogonFailure, LogonSuccess, NetworkLogon, NtHash};

use crate::memory::{Account, HashStore, StoreError};
use crate::name;

/// Decides on logons by the accounts of a store. Lets nobody in anonymously or as guest.
pub struct LocalAuthority<S> {
    store: S,
    tell: Option<Tell>,
}

/// Told why a store cannot be read.
type Tell = Box<dyn Fn(&StoreError) + Send + Sync>;

impl<S: HashStore> LocalAuthority<S> {
    /// An authority over `store`.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self { store, tell: None }
    }

    /// Tells `tell` why the store cannot be read, whenever a logon cannot be decided for that. The client is told nothing of it.
    #[must_use]
    pub fn telling(self, tell: impl Fn(&StoreError) + Send + Sync + 'static) -> Self {
        Self { tell: Some(Box::new(tell)), ..self }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The account that a logon means.
    fn account(&self, logon: &NetworkLogon) -> Result<Option<Account>, StoreError> {
        let (user, domain, server) = (logon.user(), logon.domain(), logon.server_names());
        let mut names = name::candidates(domain, user, server);
        if logon.server_policy().local_accounts_for_unknown_domain
            && !name::is_own(domain, server)
            && !self.store.knows_domain(domain)?
        {
            name::of_machine(user, server, &mut names);
        }
        self.store.find_first(&names)
    }
}

impl<S: HashStore> Authority for LocalAuthority<S> {
    /// # Errors
    ///
    /// [`LogonFailure::NO_LOGON_SERVERS`] when the store cannot say, [`LogonFailure::IO_TIMEOUT`] when somebody else holds it for the moment
    /// ([`StoreError::is_busy`]); [`LogonFailure::NO_SUCH_USER`] and [`LogonFailure::WRONG_PASSWORD`], after
    /// the same work; what speaks against the account, when the password is right.
    fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        let account = self.account(logon).map_err(|error| {
            if let Some(tell) = &self.tell {
                tell(&error);
            }
            if error.is_busy() { LogonFailure::IO_TIMEOUT } else { LogonFailure::NO_LOGON_SERVERS }
        })?;
        let hash: Option<&NtHash> = account.as_ref().and_then(|account| account.nt_hash.as_deref());
        let verdict = logon.verify(hash);
        let Some(account) = account else {
            // Without an account no response is right; this says so once more.
            return Err(verdict.err().unwrap_or(LogonFailure::NO_SUCH_USER));
        };
        match (verdict, account.barred) {
            (Ok(_), Some(failure)) => Err(failure),
            (Ok(success), None) => Ok(success.with_account(account.name.qualified(logon.server_names()))),
            // An account without a password: whatever was sent is wrong.
            (Err(LogonFailure::NO_SUCH_USER), _) => Err(LogonFailure::WRONG_PASSWORD),
            (Err(failure), _) => Err(failure),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for LocalAuthority<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalAuthority").field("store", &self.store).finish_non_exhaustive()
    }
}
