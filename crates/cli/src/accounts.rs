//! What all servers of the command share: the names they give themselves, and what is said about account files.

use std::path::PathBuf;

use clap::Args;
use ntlm::{ServerNames, UnicodeString};
use ntlm_accounts::{AccountFile, Loaded, server_names};

/// How many bad lines of an account file are told one by one.
const LINES_TOLD: usize = 10;

/// Names of the server that are given, not derived.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct NameOverrides {
    /// Server: its NetBIOS name; by default the host name's first part.
    #[arg(long, value_name = "NAME")]
    netbios_name: Option<String>,

    /// Server: the NetBIOS name of its domain; by default the only domain of its accounts. Users who name no domain are in this one, or have an account of the
    /// machine; where the accounts are in several domains and none is given here, only the latter.
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
    /// Whether no name is given.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { netbios_name, netbios_domain, dns_name, dns_domain } = self;
        [netbios_name, netbios_domain, dns_name, dns_domain].into_iter().all(Option::is_none)
    }

    /// Whether the domain is given.
    pub(crate) fn has_domain(&self) -> bool {
        self.netbios_domain.as_deref().is_some_and(|name| !name.is_empty())
    }

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

/// The account file that the environment variable NTLM_USER_FILE names.
pub(crate) fn user_file_of_environment() -> Option<AccountFile> {
    let path = std::env::var_os("NTLM_USER_FILE").filter(|path| !path.is_empty());
    path.map(PathBuf::from).map(AccountFile::user_file)
}

/// What is wrong with an account file that was just read, for the administrator: a line each.
pub(crate) fn warnings(file: &AccountFile, loaded: &Loaded) -> Vec<String> {
    let path = file.path.display();
    let exposure = loaded.exposure.map(|exposure| format!("the account file {path} holds secrets, and {exposure}"));
    let lines = loaded.rejected.iter().take(LINES_TOLD).map(|line| format!("{path}: {line}"));
    let more = loaded.rejected.len().checked_sub(LINES_TOLD).filter(|&more| more > 0);
    let more = more.map(|more| format!("{path}: {more} more lines hold no account"));
    exposure.into_iter().chain(lines).chain(more).collect()
}
