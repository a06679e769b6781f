//! The authority that knows one password and takes everybody who proves to know it, whatever the name: what Samba's `ntlm_auth --password` does on
//! the server's side. For tests, and for services with one shared password; a name then is a claim.

use ntlm::{Authority, LogonFailure, LogonSuccess, NetworkLogon, NtHash, Password};

use crate::name::AccountName;

/// One password for every name.
#[derive(Debug)]
pub struct FixedPassword {
    nt_hash: NtHash,
}

impl FixedPassword {
    /// Takes everybody who knows `password`; `None` for the empty password, which would take everybody.
    #[must_use]
    pub fn new(password: &Password) -> Option<Self> {
        let nt_hash = password.nt_hash();
        (!nt_hash.is_of_empty_password()).then_some(Self { nt_hash })
    }
}

impl Authority for FixedPassword {
    /// # Errors
    ///
    /// [`LogonFailure::WRONG_PASSWORD`]; [`LogonFailure::LOGON_FAILURE`] for responses that prove nothing.
    fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        let success = logon.verify(Some(&self.nt_hash))?;
        let account = AccountName::new(logon.domain(), logon.user());
        Ok(success.with_account(account.qualified(logon.server_names())))
    }
}
