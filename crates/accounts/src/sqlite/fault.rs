//! What can go wrong with a database, and how it is told.

use std::fmt;
use std::path::Path;

use rusqlite::ErrorCode;
use rusqlite::types::FromSqlError;

use crate::memory::StoreError;

/// Why nothing was read or written. Holds neither names nor hashes.
#[derive(Debug)]
pub(super) enum Fault {
    /// The file cannot be used as it is; said in full.
    Store(StoreError),
    /// SQLite's.
    Sqlite(rusqlite::Error),
    /// Another process holds the database, as was found a moment ago: SQLite was not asked again.
    Held,
    /// The file is empty: nobody's database yet.
    Empty,
    /// The file is no database of accounts, for this reason.
    NotOurs(&'static str),
    /// A later version of this program made it, with this version of the tables.
    Newer(i32),
    /// An earlier version of this program made it.
    Older,
    /// A row is not as it was written.
    Damaged(&'static str),
    /// The change itself cannot be made.
    Refused(Refusal),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<FromSqlError> for Fault {
    fn from(_: FromSqlError) -> Self {
        Self::Damaged("a value is of another type")
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Fault {
    /// Whether another process holds the database.
    pub(super) fn is_busy(&self) -> bool {
        match self {
            Self::Held => true,
            Self::Sqlite(error) => {
                matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
            }
            _ => false,
        }
    }

    /// The error of who asked, about the database at `path`.
    pub(super) fn about(self, path: &Path) -> ChangeError {
        let busy = self.is_busy();
        let path = path.display();
        let text = match self {
            Self::Refused(refusal) => return ChangeError::Refused(refusal),
            Self::Store(error) => return ChangeError::Store(error),
            Self::Empty => format!("{path} is no account database: it is empty"),
            Self::NotOurs(why) => format!("{path} is no account database: {why}"),
            Self::Newer(version) => format!(
                "the account database {path} was made by a later version of this program (its tables are version {version}); use that one"
            ),
            Self::Older => format!(
                "the account database {path} was made by an earlier version of this program; `ntlm users list`, run by its owner, brings it up to date"
            ),
            Self::Damaged(what) => {
                format!("the account database {path} is damaged: {what}; restore it from a backup")
            }
            Self::Held => format!("the account database {path} {HELD}"),
            Self::Sqlite(error) => format!("the account database {path} {}", explained(&error)),
        };
        ChangeError::Store(if busy { StoreError::busy(text) } else { StoreError::new(text) })
    }
}

/// What a database is that another process does not let go of.
const HELD: &str = "is held by another process that does not finish its change; try again, or end that process";

/// What SQLite's error means to an administrator.
fn explained(error: &rusqlite::Error) -> String {
    let more = || error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => "is no database".to_owned(),
        Some(ErrorCode::DatabaseCorrupt) => format!("is damaged: {}; restore it from a backup", more()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => HELD.to_owned(),
        Some(ErrorCode::ReadOnly) if is_interrupted(error) => {
            "holds a change that was interrupted, which this user may not take back; its owner does by opening it, as with `ntlm users list`"
                .to_owned()
        }
        Some(ErrorCode::ReadOnly) => format!("cannot be changed here, or by this user: {}", more()),
        Some(ErrorCode::DiskFull) => "cannot be changed: the disk is full".to_owned(),
        _ => format!("cannot be used: {}", more()),
    }
}

/// Whether there is a journal to be played back, and no right to.
fn is_interrupted(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_READONLY_ROLLBACK)
}

/// A change that was not made. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeError {
    /// The database cannot be read or written.
    Store(StoreError),
    /// The change cannot be made.
    Refused(Refusal),
}

/// Why a change cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is an account of that name already, in whatever case.
    Exists,
    /// There is no account of that name.
    NoSuchAccount,
    /// The name cannot be that of an account.
    OddName,
    /// The hash is that of the empty password: the account would be open to everybody.
    EmptyPassword,
}

impl ChangeError {
    /// The error as that of a store: for those who change nothing.
    pub(super) fn into_store(self) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Refused(refusal) => StoreError::new(refusal.to_string()),
        }
    }
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "there is an account of this name already",
            Self::NoSuchAccount => "there is no account of this name",
            Self::OddName => {
                "this cannot be the name of an account: it has no user, more than 256 characters, control characters, a colon, a stray backslash, or begins with #"
            }
            Self::EmptyPassword => "the empty password would let everybody in",
        })
    }
}

impl std::error::Error for ChangeError {}
impl std::error::Error for Refusal {}
