//! What these tests share: directories of their own, accounts, times.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ntlm::{FileTime, Password};
use ntlm_accounts::{Account, AccountName, HashStore as _, SqliteStore};

/// A directory of its own for each test, removed at the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let name = format!("sqlite-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A database in it with the account `EXAMPLE\alice`, password `secret`.
    pub(crate) fn with_alice(&self) -> (PathBuf, SqliteStore) {
        let path = self.path("accounts.db");
        let (store, created) = SqliteStore::open_or_create(&path).unwrap();
        assert!(created);
        store.add(&alice(), at(1)).unwrap();
        (path, store)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn name(text: &str) -> AccountName {
    AccountName::parse(text)
}

pub(crate) fn alice() -> Account {
    Account::new(name(r"EXAMPLE\alice"), &Password::new("secret"))
}

/// So many seconds after 1970.
pub(crate) fn at(seconds: u64) -> FileTime {
    FileTime::from_unix(Duration::from_secs(seconds))
}

pub(crate) fn has(store: &SqliteStore, text: &str) -> bool {
    store.find(&name(text)).unwrap().is_some()
}

pub(crate) fn is_password(account: &Account, password: &str) -> bool {
    account.nt_hash.as_ref().is_some_and(|hash| hash.expose() == Password::new(password).nt_hash().expose())
}
