//! The tables, their versions, and how a connection is set up.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::fault::Fault;

/// `NTLM`: what tells our databases from those of other programs (`PRAGMA application_id`).
const APPLICATION_ID: i32 = 0x4e54_4c4d;

/// What leads from each version of the tables (`PRAGMA user_version`) to the next; the first is an empty file. What has been released is
/// never edited.
const MIGRATIONS: [&str; 1] = [ACCOUNT_TABLE];

/// The version that this code reads and writes.
const VERSION: i32 = MIGRATIONS.len() as i32;

/// One row per account. The keys are the names upper-cased as Windows does it, since SQLite's NOCASE knows ASCII alone; an account of this
/// machine has an empty domain. Times are seconds since 1970.
const ACCOUNT_TABLE: &str = "CREATE TABLE account (
    domain_key TEXT NOT NULL,
    user_key TEXT NOT NULL CHECK (user_key <> ''),
    domain TEXT NOT NULL,
    user TEXT NOT NULL,
    nt_hash BLOB CHECK (length(nt_hash) = 16),
    disabled INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    created INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    password_changed INTEGER,
    PRIMARY KEY (domain_key, user_key)
) STRICT, WITHOUT ROWID";

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Look-ups. The file is opened for writing where that is allowed, so that a change that another process was killed in can be taken
    /// back; nothing else is written.
    Read,
    /// Changes.
    Write,
}

impl Access {
    /// How long to wait for other processes. A change holds readers up while it is written to the disk, that is for milliseconds.
    pub(super) fn patience(self) -> Duration {
        match self {
            Self::Read => Duration::from_secs(2),
            Self::Write => Duration::from_secs(10),
        }
    }
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody's yet: it is empty.
    Empty,
    /// Ours, and made by an earlier version of this program.
    Older,
    /// Ours.
    Current,
}

/// Opens the database at an absolute path, which a name that SQLite gives a meaning to (`file:`, `:memory:`) never is.
/// `patience` is how long other processes are waited for.
pub(super) fn connect(path: &Path, access: Access, patience: Duration) -> Result<Connection, Fault> {
    let mut connection = open(path, access, patience)?;
    match (state(&connection)?, access) {
        (State::Current, _) => {}
        (State::Empty, _) => return Err(Fault::Empty),
        (State::Older, Access::Read) => return Err(Fault::Older),
        (State::Older, Access::Write) => drop(migrate(&mut connection, &MIGRATIONS)?),
    }
    check_length(&connection, path)?;
    Ok(connection)
}

/// As [`connect`], for writing; an empty file becomes a database. Says whether it was one.
pub(super) fn connect_or_create(path: &Path) -> Result<(Connection, bool), Fault> {
    let mut connection = open(path, Access::Write, Access::Write.patience())?;
    let mut created = false;
    if state(&connection)? != State::Current {
        // Whoever else makes the tables at this moment is waited for.
        created = migrate(&mut connection, &MIGRATIONS)? == 0;
    }
    match state(&connection)? {
        State::Current => Ok((connection, created)),
        State::Empty | State::Older => Err(Fault::NotOurs("its tables do not stay")),
    }
}

fn open(path: &Path, access: Access, patience: Duration) -> Result<Connection, Fault> {
    // Falls back to reading alone where the file may not be written.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(patience)?;
    // Nothing in a file may make SQLite do more than find rows.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.execute_batch(
        "PRAGMA cell_size_check = ON;
         PRAGMA synchronous = EXTRA;
         PRAGMA fullfsync = ON;
         PRAGMA secure_delete = ON;
         PRAGMA cache_spill = OFF;
         PRAGMA temp_store = MEMORY;",
    )?;
    if access == Access::Read {
        connection.execute_batch("PRAGMA query_only = ON")?;
    }
    Ok(connection)
}

/// Notices a file that was cut in the middle of a page, the rest of which SQLite takes for zeros. Missing pages it notices itself.
fn check_length(connection: &Connection, path: &Path) -> Result<(), Fault> {
    let page_size = connection.query_row("PRAGMA page_size", [], |row| row.get::<_, u32>(0))?;
    match super::place::metadata(path)?.len().checked_rem(page_size.into()) {
        Some(0) => Ok(()),
        _ => Err(Fault::Damaged("it ends in the middle of a page")),
    }
}

fn state(connection: &Connection) -> Result<State, Fault> {
    // In one transaction, so that a file that is just being made is either empty or whole.
    let transaction = connection.unchecked_transaction()?;
    let number = |pragma: &str| transaction.query_row(pragma, [], |row| row.get::<_, i32>(0));
    let (id, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    let mut objects = transaction.prepare("SELECT sql FROM sqlite_schema WHERE substr(name, 1, 7) <> 'sqlite_'")?;
    let objects = objects.query_map([], |row| row.get::<_, Option<String>>(0))?.collect::<Result<Vec<_>, _>>()?;
    match (id, version) {
        (0, 0) if objects.is_empty() => Ok(State::Empty),
        (APPLICATION_ID, VERSION) if objects == [Some(ACCOUNT_TABLE.to_owned())] => Ok(State::Current),
        (APPLICATION_ID, VERSION) => Err(Fault::NotOurs("its tables are not those of an account database")),
        (APPLICATION_ID, version) if (1..VERSION).contains(&version) => Ok(State::Older),
        (APPLICATION_ID, version) if version > VERSION => Err(Fault::Newer(version)),
        _ => Err(Fault::NotOurs("it belongs to another program")),
    }
}

/// Brings the tables to the version that the last of `migrations` leads to, in one transaction. The version that they had before.
fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<i32, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = transaction.query_row("PRAGMA user_version", [], |row| row.get::<_, i32>(0))?;
    let done = usize::try_from(before).unwrap_or(usize::MAX);
    for (version, migration) in (1_i32..).zip(migrations).skip(done) {
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", version)?;
    }
    if before == 0 {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    transaction.commit()?;
    Ok(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_brought_from_version_to_version_in_one_transaction() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert_eq!(state(&connection).unwrap(), State::Empty);
        assert_eq!(migrate(&mut connection, &MIGRATIONS).unwrap(), 0);
        assert_eq!(state(&connection).unwrap(), State::Current);
        assert_eq!(migrate(&mut connection, &MIGRATIONS).unwrap(), 1, "nothing is left to do");
        connection.execute("INSERT INTO account VALUES ('', 'ALICE', '', 'alice', NULL, 0, 1, 1, NULL)", []).unwrap();

        // What a later version would do; the second step of it fails.
        let more = "ALTER TABLE account ADD COLUMN more INTEGER";
        assert!(migrate(&mut connection, &[ACCOUNT_TABLE, more, "ALTER TABLE nobody ADD COLUMN a"]).is_err());
        assert_eq!(state(&connection).unwrap(), State::Current, "neither step was made");
        assert_eq!(migrate(&mut connection, &[ACCOUNT_TABLE, more]).unwrap(), 1);
        assert!(matches!(state(&connection), Err(Fault::Newer(2))));
        let user =
            connection.query_row("SELECT user FROM account WHERE more IS NULL", [], |row| row.get::<_, String>(0));
        assert_eq!(user.unwrap(), "alice");
    }
}
