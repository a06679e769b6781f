//! Which database it is, and what is said about it.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use ntlm_accounts::config::Config;
use ntlm_accounts::sqlite::{ChangeError, Refusal, default_path};
use ntlm_accounts::{AccountName, SqliteStore};

use crate::failure::Failure;

/// Says something beside the result.
pub(super) fn tell(what: impl Display) {
    anstream::eprintln!("ntlm: {what}");
}

/// The database that is meant.
pub(super) fn path(option: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = option {
        return Ok(path.to_owned());
    }
    if let Some(path) = std::env::var_os("NTLM_CONFIG").filter(|path| !path.is_empty()) {
        let loaded = Config::load(Path::new(&path)).map_err(|error| Failure::unusable(error.to_string()))?;
        if let Some(database) = loaded.config.accounts.database {
            return Ok(database);
        }
        if let Some(file) = loaded.config.account_file() {
            let (file, path) = (file.path.display(), Path::new(&path).display());
            return Err(Failure::unusable(format!(
                "the configuration {path} has its accounts in the text file {file}; edit that, or name a database with --db"
            )));
        }
    }
    Ok(default_path()?)
}

/// Opens a database that is there.
pub(super) fn open(path: &Path) -> Result<SqliteStore, Failure> {
    let store = SqliteStore::open(path)?;
    warn(&store);
    Ok(store)
}

/// Opens a database, if there is one.
pub(super) fn open_if_there(path: &Path) -> Result<Option<SqliteStore>, Failure> {
    let store = SqliteStore::open_if_there(path)?;
    store.iter().for_each(warn);
    Ok(store)
}

/// Opens a database; makes it where there is none, and says so.
pub(super) fn open_or_create(path: &Path) -> Result<SqliteStore, Failure> {
    let (store, created) = SqliteStore::open_or_create(path)?;
    if created {
        tell(format_args!("made the account database {}", store.path().display()));
    }
    warn(&store);
    Ok(store)
}

fn warn(store: &SqliteStore) {
    if let Ok(Some(exposure)) = store.exposure() {
        let path = store.path().display();
        tell(format_args!("warning: the account database {path} holds secrets, and {exposure}"));
    }
}

/// The failure of a change to the account `name`.
pub(super) fn failed(error: ChangeError, name: &AccountName, store: &SqliteStore) -> Failure {
    match error {
        ChangeError::Store(error) => error.into(),
        ChangeError::Refused(Refusal::NoSuchAccount) => no_such_account(name, store),
        ChangeError::Refused(Refusal::Exists) => Failure::no(format!(
            "there is an account {} already; `ntlm users passwd` changes its password",
            Shown(name)
        )),
        ChangeError::Refused(refusal @ (Refusal::OddName | Refusal::EmptyPassword)) => {
            Failure::unusable(refusal.to_string())
        }
    }
}

/// There is no account of that name; perhaps another is meant.
pub(super) fn no_such_account(name: &AccountName, store: &SqliteStore) -> Failure {
    let accounts = store.list().unwrap_or_default();
    let names = accounts.iter().map(|stored| &stored.account.name);
    let mut alike = names.filter(|other| other.user().eq_ignore_case(name.user()));
    let hint = match (alike.next(), alike.next()) {
        (Some(other), None) => format!("; there is {}", Shown(other)),
        _ => String::new(),
    };
    Failure::no(format!("there is no account {} in {}{hint}", Shown(name), store.path().display()))
}

/// A name as people write it, with nothing in it that a terminal obeys.
pub(super) struct Shown<'a>(pub(super) &'a AccountName);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.domain() {
            Some(domain) => write!(f, "{domain}\\{}", self.0.user()),
            None => write!(f, "{}", self.0.user()),
        }
    }
}
