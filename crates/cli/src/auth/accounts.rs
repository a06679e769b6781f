//! Where the accounts are.

use std::sync::Arc;

use ntlm::{Authority as _, LogonFailure, LogonSuccess, NetworkLogon};
use ntlm_accounts::{AccountFile, FileStore, FixedPassword, Loaded, LocalAuthority};

use super::{Options, tell};
use crate::accounts::{user_file_of_environment, warnings};
use crate::failure::Failure;

/// Who decides on logons.
#[derive(Debug)]
pub(crate) enum Source {
    /// The accounts of a file.
    File(FileStore),
    /// One password for everybody.
    Password(FixedPassword),
    /// Nobody: no logon can be decided.
    Nobody,
}

impl Source {
    /// What the options and NTLM_USER_FILE name. Reads no file yet.
    pub(crate) fn new(options: &Options) -> Result<Self, Failure> {
        let named = options.user_file.is_some() || options.smbpasswd.is_some();
        Ok(match (&options.password, account_file(options)) {
            (Some(_), _) if named => {
                return Err(Failure::unusable(
                    "--password and an account file are both given, and a server checks against one of them; leave one out",
                ));
            }
            (Some(password), _) => Self::Password(FixedPassword::new(&password.password()).ok_or_else(|| {
                Failure::unusable("--password is empty, and would let everybody in; is a variable not set?")
            })?),
            (None, Some(file)) => Self::File(FileStore::new(file)),
            (None, None) => {
                tell(
                    "no accounts to check logons against: set NTLM_USER_FILE, or use --user-file, --smbpasswd or --password",
                );
                Self::Nobody
            }
        })
    }

    /// What the account file holds, if that is where the accounts are and it can be read. Why not, is told when a logon needs it.
    pub(crate) fn loaded(&self) -> Option<Arc<Loaded>> {
        match self {
            Self::File(store) => store.current().ok(),
            Self::Password(_) | Self::Nobody => None,
        }
    }

    /// Decides on a logon.
    pub(crate) fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        match self {
            Self::File(store) => {
                let loaded = store.current().map_err(|error| {
                    tell(error);
                    LogonFailure::NO_LOGON_SERVERS
                })?;
                LocalAuthority::new(&loaded.store).logon(logon)
            }
            Self::Password(authority) => authority.logon(logon),
            Self::Nobody => Err(LogonFailure::NO_LOGON_SERVERS),
        }
    }
}

/// The account file that is named.
pub(crate) fn account_file(options: &Options) -> Option<AccountFile> {
    match (&options.smbpasswd, &options.user_file) {
        (Some(path), _) => Some(AccountFile::smbpasswd(path)),
        (None, Some(path)) => Some(AccountFile::user_file(path)),
        (None, None) => user_file_of_environment(),
    }
}

/// Tells the administrator what is wrong with an account file that was just read.
pub(crate) fn report(file: &AccountFile, loaded: &Loaded) {
    for warning in warnings(file, loaded) {
        tell(format_args!("warning: {warning}"));
    }
}
