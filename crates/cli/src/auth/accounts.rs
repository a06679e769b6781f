//! Where the accounts are, and what the server is called.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use ntlm::{Authority as _, LogonFailure, LogonSuccess, NetworkLogon, ServerNames, UnicodeString};
use ntlm_accounts::{AccountFile, FileStore, FixedPassword, Loaded, LocalAuthority, server_names};

use super::{Options, tell};
use crate::failure::Failure;

/// How many bad lines of an account file are told one by one.
const LINES_TOLD: usize = 10;

/// Names of the server that are given, not derived.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct NameOverrides {
    /// Server: its NetBIOS name; by default the host name's first part.
    #[arg(long, value_name = "NAME")]
    netbios_name: Option<String>,

    /// Server: the NetBIOS name of its domain; by default the only domain of its accounts.
    #[arg(long, value_name = "NAME")]
    netbios_domain: Option<String>,

    /// Server: its DNS name; by default the host name.
    #[arg(long, value_name = "NAME")]
    dns_name: Option<String>,

    /// Server: the DNS name of its domain.
    #[arg(long, value_name = "NAME")]
    dns_domain: Option<String>,
}

impl NameOverrides {
    /// What the server is called when the accounts that have a domain are all in `only_domain`.
    pub(crate) fn server_names(&self, only_domain: Option<&UnicodeString>) -> ServerNames {
        let given = |name: &Option<String>| name.as_deref().map(UnicodeString::from).filter(|name| !name.is_empty());
        let host = match &self.dns_name {
            Some(name) => name.clone(),
            None => gethostname::gethostname().to_string_lossy().into_owned(),
        };
        let domain = given(&self.netbios_domain);
        let mut names = server_names(&host, domain.as_ref().or(only_domain));
        if let Some(name) = given(&self.netbios_name) {
            names.nb_computer = name;
        }
        if let Some(name) = given(&self.dns_domain) {
            names.dns_domain = Some(name);
        }
        names
    }
}

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
    let from_environment = || std::env::var_os("NTLM_USER_FILE").filter(|path| !path.is_empty()).map(PathBuf::from);
    match (&options.smbpasswd, &options.user_file) {
        (Some(path), _) => Some(AccountFile::smbpasswd(path)),
        (None, Some(path)) => Some(AccountFile::user_file(path)),
        (None, None) => from_environment().map(AccountFile::user_file),
    }
}

/// Tells the administrator what is wrong with an account file that was just read.
pub(crate) fn report(file: &AccountFile, loaded: &Loaded) {
    let path = file.path.display();
    if let Some(exposure) = loaded.exposure {
        tell(format_args!("warning: the account file {path} holds secrets, and {exposure}"));
    }
    for line in loaded.rejected.iter().take(LINES_TOLD) {
        tell(format_args!("warning: {path}: {line}"));
    }
    if let Some(more) = loaded.rejected.len().checked_sub(LINES_TOLD).filter(|&more| more > 0) {
        tell(format_args!("warning: {path}: {more} more lines hold no account"));
    }
}
