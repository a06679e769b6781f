//! Where the accounts are: a database or a file of lines, asked anew for every logon.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ntlm::UnicodeString;
use ntlm_accounts::config::Config;
use ntlm_accounts::{
    Account, AccountFile, AccountName, Domains, FileStore, HashStore, LocalAuthority, SqliteStore, StoreError, sqlite,
};
use ntlm_http::server::Patient;

use super::options::Arguments;
use crate::accounts::{user_file_of_environment, warnings};
use crate::failure::Failure;

/// How long a logon waits for a database that another process holds. A change holds it for milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the accounts are.
#[derive(Debug)]
pub(super) enum Source {
    Database(SqliteStore),
    File(FileStore),
}

/// What a source held when the server was started.
pub(super) struct Accounts {
    pub(super) number: usize,
    /// The domains that they are in.
    pub(super) domains: Domains,
    /// For the administrator.
    pub(super) warnings: Vec<String>,
}

impl Source {
    /// What the options name, or the configuration, or the environment, or the database that `ntlm users` keeps. Reads nothing yet.
    pub(super) fn choose(arguments: &Arguments, configuration: Option<&Config>) -> Result<Self, Failure> {
        let database = |path| Self::Database(SqliteStore::new(path));
        let file = |file| Self::File(FileStore::new(file));
        if let Some(path) = &arguments.db {
            return Ok(database(path));
        }
        if let Some(path) = &arguments.user_file {
            return Ok(file(AccountFile::user_file(path)));
        }
        if let Some(path) = &arguments.smbpasswd {
            return Ok(file(AccountFile::smbpasswd(path)));
        }
        if let Some(configuration) = configuration {
            if let Some(path) = &configuration.accounts.database {
                return Ok(database(path));
            }
            if let Some(named) = configuration.account_file() {
                return Ok(file(named));
            }
        }
        if let Some(named) = user_file_of_environment() {
            return Ok(file(named));
        }
        Ok(database(&sqlite::default_path()?))
    }

    /// Reads what there is.
    pub(super) fn load(&self) -> Result<Accounts, StoreError> {
        match self {
            Self::Database(store) => {
                let exposure = store.exposure()?.map(|exposure| format!("{self} holds secrets, and {exposure}"));
                Ok(Accounts {
                    number: store.list()?.len(),
                    domains: store.domains()?,
                    warnings: exposure.into_iter().collect(),
                })
            }
            Self::File(store) => {
                let loaded = store.current()?;
                Ok(Accounts {
                    number: loaded.store.accounts().len(),
                    domains: loaded.store.domains(),
                    warnings: warnings(store.file(), &loaded),
                })
            }
        }
    }

    /// The same, for look-ups that never hold up their thread: a database that another process holds fails them at once.
    pub(super) fn without_waiting(self) -> Self {
        match self {
            Self::Database(store) => Self::Database(store.with_patience(Duration::ZERO)),
            Self::File(store) => Self::File(store),
        }
    }

    /// Who decides on logons. Look-ups are made in place, since they take microseconds; what cannot be looked up is tried again, and other connections go on meanwhile.
    pub(super) fn authority(self: Arc<Self>) -> Patient<LocalAuthority<Arc<Self>>> {
        let told = Arc::clone(&self);
        Patient::new(LocalAuthority::new(self).telling(tell), PATIENCE).telling(move || {
            tracing::error!(
                "nobody can log on: {told} is held by another process that does not finish its change; end that process"
            );
        })
    }

    /// The domains that the accounts are in.
    pub(super) fn domains(&self) -> Result<Domains, StoreError> {
        match self {
            Self::Database(store) => store.domains(),
            Self::File(store) => Ok(store.current()?.store.domains()),
        }
    }

    fn store(&self) -> &dyn HashStore {
        match self {
            Self::Database(store) => store,
            Self::File(store) => store,
        }
    }
}

/// Tells the administrator what keeps logons from being decided.
fn tell(error: &StoreError) {
    if !error.is_busy() {
        tracing::error!("nobody can log on: {error}");
    }
}

impl HashStore for Source {
    fn find(&self, name: &AccountName) -> Result<Option<Account>, StoreError> {
        self.store().find(name)
    }

    fn find_first(&self, names: &[AccountName]) -> Result<Option<Account>, StoreError> {
        self.store().find_first(names)
    }

    fn knows_domain(&self, domain: &UnicodeString) -> Result<bool, StoreError> {
        self.store().knows_domain(domain)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(store) => write!(f, "the database {}", store.path().display()),
            Self::File(store) => write!(f, "the file {}", store.file().path.display()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::unusable(error.to_string())
    }
}
