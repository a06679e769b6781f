//! Accounts in a database: one file, of SQLite.
//!
//! Kept are names, NT hashes, whether an account is disabled, and times; never a password, never an LM hash. The NT hash is as good as the
//! password, so the file is closed to everybody but its owner from its first byte, and one that others can change is not used.
//!
//! # One file, and what happens when a process is killed
//!
//! A change is a transaction, and is on the disk when the call returns: rollback journal, `synchronous = EXTRA`. A process that is killed in
//! the middle leaves a journal, with which the next that opens the database takes the change back.
//!
//! Why not a write-ahead log, with which readers would never wait: a server with the right to read the file (mode 0640) and no other could
//! not open the database, since readers of a log write to the memory that they share; and the accounts would be three files to copy, move
//! and restore instead of one. What it costs: a look-up that comes just while a change is written waits for it, that is for some milliseconds; a
//! long import is written at its end.
//!
//! Whoever can make files in the directory can make a journal. A directory that is open to every user, as `/tmp`, is refused.
//!
//! `secure_delete` overwrites what was removed. It does not reach the blocks of removed journals, copies, backups, or flash memory: change the
//! password that must not be found, do not only remove it.
//!
//! # Who sees what
//!
//! Every look-up asks the file, and sees what was confirmed before. A database that is removed, cut, overwritten or replaced while a server runs
//! is noticed by the next look-up: it is opened again and checked again, or fails with [`StoreError`], which is neither an account nor "there
//! is none".

mod change;
mod fault;
mod place;
mod row;
mod schema;
mod transfer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ntlm::UnicodeString;
use rusqlite::{Connection, OptionalExtension as _};

pub use fault::{ChangeError, Refusal};
pub use place::default_path;
pub use row::StoredAccount;
pub use transfer::{Existing, ImportReport};

use crate::file::{Exposure, Stamp};
use crate::memory::{Account, Domains, HashStore, StoreError};
use crate::name::AccountName;
use fault::Fault;
use row::{Key, columns, stored, text};
use schema::Access;

/// How long nobody asks again after another process was found to hold the database.
const RESPITE: Duration = Duration::from_millis(20);

/// The accounts of a database. One connection, for whose use threads wait: a look-up takes microseconds.
///
/// While another process holds the database, a look-up waits for two seconds and a change for ten, the wait for other threads included, and fails then
/// ([`StoreError::is_busy`]). A thread that has other work meanwhile, as that of an asynchronous runtime has, must not:
/// [`with_patience`](Self::with_patience).
///
/// ```
/// use ntlm::{FileTime, LogonFailure, Password};
/// use ntlm_accounts::{Account, AccountName, HashStore as _, SqliteStore};
///
/// # let directory = std::env::temp_dir().join(format!("ntlm-accounts-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory)?;
/// # let path = directory.join("accounts.db");
/// # let now = FileTime::from_unix(std::time::SystemTime::UNIX_EPOCH.elapsed()?);
/// let (accounts, _created) = SqliteStore::open_or_create(&path)?;
/// accounts.add(&Account::new(AccountName::parse(r"EXAMPLE\alice"), &Password::new("secret")), now)?;
///
/// let server = SqliteStore::open_read_only(&path)?;
/// assert!(server.find(&AccountName::parse(r"example\ALICE"))?.is_some());
/// accounts.set_disabled(&AccountName::parse(r"EXAMPLE\alice"), true, now)?;
/// assert_eq!(server.find(&AccountName::parse(r"EXAMPLE\alice"))?.unwrap().barred, Some(LogonFailure::ACCOUNT_DISABLED));
/// # drop((accounts, server));
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SqliteStore {
    /// Absolute.
    path: PathBuf,
    access: Access,
    /// How long other processes are waited for.
    patience: Duration,
    slot: Mutex<Slot>,
}

/// The database, for one thread at a time.
#[derive(Default)]
struct Slot {
    opened: Option<Opened>,
    /// When it was found that another process holds it, and does not let go of it for as long as somebody waited.
    held: Option<Instant>,
}

/// A database that is open.
struct Opened {
    connection: Connection,
    /// Of the file when it was opened: when that differs, it is opened and checked again.
    stamp: Stamp,
    exposure: Option<Exposure>,
    /// The process that opened it. SQLite's locks do not survive a fork.
    process: u32,
}

impl SqliteStore {
    /// The database at `path`, for look-ups. Opens nothing yet; until it can be opened, look-ups fail.
    #[must_use]
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self::with_access(path.as_ref(), Access::Read)
    }

    /// Opens the database at `path` for look-ups.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when there is none, it is not ours, cannot be read, or others can change it.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let store = Self::new(path);
        store.check().map(|()| store)
    }

    /// Opens the database at `path` for look-ups and changes.
    ///
    /// # Errors
    ///
    /// As for [`open_read_only`](Self::open_read_only).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let store = Self::with_access(path.as_ref(), Access::Write);
        store.check().map(|()| store)
    }

    /// As [`open`](Self::open); `None` where [`open_or_create`](Self::open_or_create) would make a database: for those who ask for a password
    /// first.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open), and when a database may not be made there.
    pub fn open_if_there(path: impl AsRef<Path>) -> Result<Option<Self>, StoreError> {
        let store = Self::with_access(path.as_ref(), Access::Write);
        if place::is_missing(&store.path) {
            return place::check_place(&store.path).map(|()| None);
        }
        // Whether a file is empty shows when it was opened: a database whose making was interrupted is, once that was taken back.
        match store.check_with(|path, patience| schema::connect(path, store.access, patience)) {
            Ok(()) => Ok(Some(store)),
            Err(Fault::Empty) => Ok(None),
            Err(fault) => Err(fault.about(&store.path).into_store()),
        }
    }

    /// Opens the database at `path` for look-ups and changes; makes it, and the directories above it, where there is none, with no rights for
    /// anybody but the owner. Says whether it was made.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open), and when it cannot be made.
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<(Self, bool), StoreError> {
        let store = Self::with_access(path.as_ref(), Access::Write);
        place::check_place(&store.path)?;
        place::make(&store.path)?;
        let mut created = false;
        let opened = store.check_with(|path, _| {
            let (connection, new) = schema::connect_or_create(path)?;
            created = new;
            Ok(connection)
        });
        opened.map_err(|fault| fault.about(&store.path).into_store())?;
        Ok((store, created))
    }

    fn with_access(path: &Path, access: Access) -> Self {
        // Fails for an empty path and without a current directory: then there is no file either.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self { path, access, patience: access.patience(), slot: Mutex::default() }
    }

    /// Waits for other processes so long, and no longer. With [`Duration::ZERO`] a look-up answers at once, with [`StoreError::is_busy`] if need be: for those who
    /// can wait and ask again in another way than by holding up their thread.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the database if it is not open, or has changed.
    ///
    /// # Errors
    ///
    /// As for [`open_read_only`](Self::open_read_only).
    pub fn check(&self) -> Result<(), StoreError> {
        let checked = self.check_with(|path, patience| schema::connect(path, self.access, patience));
        checked.map_err(|fault| fault.about(&self.path).into_store())
    }

    fn check_with(&self, connect: impl FnOnce(&Path, Duration) -> Result<Connection, Fault>) -> Result<(), Fault> {
        let (mut slot, patience) = self.lock();
        self.open_again(&mut slot.opened, patience, connect).map(drop)
    }

    /// Who else can read it, for the administrator.
    ///
    /// # Errors
    ///
    /// As for [`open_read_only`](Self::open_read_only).
    pub fn exposure(&self) -> Result<Option<Exposure>, StoreError> {
        let (mut slot, patience) = self.lock();
        let opened =
            self.open_again(&mut slot.opened, patience, |path, patience| schema::connect(path, self.access, patience));
        opened.map(|opened| opened.exposure).map_err(|fault| fault.about(&self.path).into_store())
    }

    /// The domain that all accounts with a domain are in; `None` when they are in several, or none has one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the database cannot be read.
    pub fn only_domain(&self) -> Result<Option<UnicodeString>, StoreError> {
        self.domains().map(|domains| domains.only().cloned())
    }

    /// The domains that the accounts are in.
    ///
    /// # Errors
    ///
    /// As for [`only_domain`](Self::only_domain).
    pub fn domains(&self) -> Result<Domains, StoreError> {
        self.read(|connection| {
            let first = "SELECT domain, domain_key = (SELECT max(domain_key) FROM account) FROM account
                         WHERE domain_key > '' ORDER BY domain_key LIMIT 1";
            let first =
                connection.query_row(first, [], |row| Ok((row.get::<_, String>(0)?, row.get(1)?))).optional()?;
            Ok(match first {
                None => Domains::None,
                Some((domain, true)) => Domains::One(domain.into()),
                Some((_, false)) => Domains::Several,
            })
        })
    }

    /// Runs `work` on the open database, for those who change nothing.
    fn read<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, Fault>) -> Result<T, StoreError> {
        self.with(work).map_err(ChangeError::into_store)
    }

    /// Runs `work` on the open database.
    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, Fault>) -> Result<T, ChangeError> {
        let (mut slot, patience) = self.lock();
        if slot.held.is_some_and(|held| held.elapsed() < RESPITE) {
            return Err(Fault::Held.about(&self.path));
        }
        let opened =
            self.open_again(&mut slot.opened, patience, |path, patience| schema::connect(path, self.access, patience));
        let result = opened.and_then(|opened| work(&mut opened.connection));
        result.map_err(|fault| {
            if !matches!(fault, Fault::Refused(_)) {
                // With whatever transaction it was in; the next look-up begins anew.
                slot.opened = None;
            }
            if fault.is_busy() {
                slot.held = Some(Instant::now());
            }
            fault.about(&self.path)
        })
    }

    /// The database, and what is left of the patience when the threads before are done: what they wait for, those behind them wait for as well.
    fn lock(&self) -> (MutexGuard<'_, Slot>, Duration) {
        let begun = Instant::now();
        // A panic while the lock was held leaves at most a transaction behind, which is not committed.
        let slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        (slot, self.patience.saturating_sub(begun.elapsed()))
    }

    /// The database: opened again when the file is not the one it was, or was written to.
    fn open_again<'a>(
        &self,
        slot: &'a mut Option<Opened>,
        patience: Duration,
        connect: impl FnOnce(&Path, Duration) -> Result<Connection, Fault>,
    ) -> Result<&'a mut Opened, Fault> {
        let metadata = place::metadata(&self.path)?;
        let (stamp, process) = (Stamp::of(&metadata), std::process::id());
        let opened = match slot.take() {
            Some(opened) if opened.process != process => {
                // Left alone: closing it would touch what belongs to the parent.
                std::mem::forget(opened);
                None
            }
            opened => opened.filter(|opened| opened.stamp == stamp),
        };
        let opened = match opened {
            Some(opened) => {
                opened.connection.busy_timeout(patience)?;
                opened
            }
            None => {
                place::check_directory(&self.path)?;
                let connection = connect(&self.path, patience)?;
                Opened { connection, stamp, exposure: Exposure::of(&metadata), process }
            }
        };
        Ok(slot.insert(opened))
    }
}

impl HashStore for SqliteStore {
    fn find(&self, name: &AccountName) -> Result<Option<Account>, StoreError> {
        self.find_first(std::slice::from_ref(name))
    }

    fn find_first(&self, names: &[AccountName]) -> Result<Option<Account>, StoreError> {
        self.read(|connection| {
            // One transaction: all of them are of the same moment, and the file is locked once.
            connection.prepare_cached("BEGIN")?.execute([])?;
            let mut find = connection.prepare_cached(concat!(
                "SELECT ",
                columns!(),
                " FROM account WHERE domain_key = ?1 AND user_key = ?2"
            ))?;
            let mut account = None;
            for name in names {
                let Some(key) = Key::of(name) else { continue };
                let mut rows = find.query([&key.domain, &key.user])?;
                let found = rows.next()?.map(stored).transpose()?;
                account = account.or(found);
            }
            connection.prepare_cached("COMMIT")?.execute([])?;
            Ok(account.map(|stored| stored.account))
        })
    }

    fn knows_domain(&self, domain: &UnicodeString) -> Result<bool, StoreError> {
        let Some(domain) = text(&domain.to_upper()) else { return self.check().map(|()| false) };
        self.read(|connection| {
            let mut find = connection.prepare_cached("SELECT 1 FROM account WHERE domain_key = ?1 LIMIT 1")?;
            Ok(find.exists([domain])?)
        })
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).field("access", &self.access).finish_non_exhaustive()
    }
}
