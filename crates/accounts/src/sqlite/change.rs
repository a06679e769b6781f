//! Changes to the accounts of a database, one transaction each, and what there is to look at.

use ntlm::{FileTime, NtHash};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::SqliteStore;
use super::fault::{ChangeError, Fault, Refusal};
use super::row::{Key, StoredAccount, columns, key, seconds, stored, text};
use crate::memory::{Account, StoreError};
use crate::name::AccountName;

impl SqliteStore {
    /// Adds an account. One without a usable hash can be logged on with only when it is given one.
    ///
    /// # Errors
    ///
    /// [`Refusal::Exists`], [`Refusal::OddName`], [`Refusal::EmptyPassword`]; [`ChangeError::Store`] when the database cannot be written.
    pub fn add(&self, account: &Account, now: FileTime) -> Result<(), ChangeError> {
        self.change(|connection| insert(connection, account, now))
    }

    /// Gives an account another password, by its hash.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSuchAccount`], [`Refusal::EmptyPassword`]; [`ChangeError::Store`] when the database cannot be written.
    pub fn set_nt_hash(&self, name: &AccountName, nt_hash: &NtHash, now: FileTime) -> Result<(), ChangeError> {
        self.change(|connection| {
            if nt_hash.is_of_empty_password() {
                return Err(Refusal::EmptyPassword.into());
            }
            let key = key(name)?;
            let sql = "UPDATE account SET nt_hash = ?3, password_changed = ?4, changed = ?4 WHERE domain_key = ?1 AND user_key = ?2";
            one(connection.execute(sql, params![key.domain, key.user, nt_hash.expose(), seconds(now)])?)
        })
    }

    /// Disables or enables an account.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSuchAccount`]; [`ChangeError::Store`] when the database cannot be written.
    pub fn set_disabled(&self, name: &AccountName, disabled: bool, now: FileTime) -> Result<(), ChangeError> {
        self.change(|connection| {
            let key = key(name)?;
            let sql = "UPDATE account SET changed = iif(disabled = ?3, changed, ?4), disabled = ?3 WHERE domain_key = ?1 AND user_key = ?2";
            one(connection.execute(sql, params![key.domain, key.user, disabled, seconds(now)])?)
        })
    }

    /// Removes an account.
    ///
    /// # Errors
    ///
    /// As for [`set_disabled`](Self::set_disabled).
    pub fn remove(&self, name: &AccountName) -> Result<(), ChangeError> {
        self.change(|connection| {
            let key = key(name)?;
            let sql = "DELETE FROM account WHERE domain_key = ?1 AND user_key = ?2";
            one(connection.execute(sql, params![key.domain, key.user])?)
        })
    }

    /// The account of exactly this name, without regard to case, with its times.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the database cannot be read.
    pub fn get(&self, name: &AccountName) -> Result<Option<StoredAccount>, StoreError> {
        self.read(|connection| {
            let Some(key) = Key::of(name) else { return Ok(None) };
            let sql = concat!("SELECT ", columns!(), " FROM account WHERE domain_key = ?1 AND user_key = ?2");
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query(params![key.domain, key.user])?;
            rows.next()?.map(stored).transpose()
        })
    }

    /// All accounts, those of this machine first, by domain and user.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub fn list(&self) -> Result<Vec<StoredAccount>, StoreError> {
        self.read(list)
    }

    /// Reads the whole database and checks that it is as it was written.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it is not.
    pub fn check_integrity(&self) -> Result<(), StoreError> {
        self.read(|connection| {
            let found = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0))?;
            if found != "ok" {
                return Err(Fault::Damaged("its pages do not fit together"));
            }
            list(connection).map(drop)
        })
    }

    /// Runs a change as a transaction, which is on the disk when this returns without an error.
    pub(super) fn change<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, ChangeError> {
        self.with(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
    }
}

fn list(connection: &mut Connection) -> Result<Vec<StoredAccount>, Fault> {
    let sql = concat!("SELECT ", columns!(), " FROM account ORDER BY domain_key, user_key");
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut accounts = Vec::new();
    while let Some(row) = rows.next()? {
        accounts.push(stored(row)?);
    }
    Ok(accounts)
}

fn one(rows: usize) -> Result<(), Fault> {
    if rows == 0 { Err(Refusal::NoSuchAccount.into()) } else { Ok(()) }
}

/// What is written of an account.
pub(super) struct NewRow<'a> {
    pub(super) key: Key,
    domain: String,
    user: String,
    pub(super) nt_hash: Option<&'a [u8; 16]>,
    pub(super) disabled: bool,
}

impl<'a> NewRow<'a> {
    pub(super) fn of(account: &'a Account) -> Result<Self, Fault> {
        if !account.name.can_be_kept() {
            return Err(Refusal::OddName.into());
        }
        let (name, hash) = (&account.name, account.nt_hash.as_deref());
        if hash.is_some_and(NtHash::is_of_empty_password) {
            return Err(Refusal::EmptyPassword.into());
        }
        let odd = || Fault::Refused(Refusal::OddName);
        Ok(Self {
            key: Key::of(name).ok_or_else(odd)?,
            domain: name.domain().map_or(Some(String::new()), text).ok_or_else(odd)?,
            user: text(name.user()).ok_or_else(odd)?,
            nt_hash: hash.map(NtHash::expose),
            disabled: account.barred.is_some(),
        })
    }

    /// Writes it, over an account of the same name if there is one.
    pub(super) fn write(&self, connection: &Connection, now: FileTime) -> Result<(), Fault> {
        let sql = "INSERT INTO account (domain_key, user_key, domain, user, nt_hash, disabled, created, changed, password_changed)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, iif(?5 IS NULL, NULL, ?7))
            ON CONFLICT DO UPDATE SET domain = ?3, user = ?4, nt_hash = ?5, disabled = ?6, changed = ?7,
                password_changed = iif(nt_hash IS ?5, password_changed, iif(?5 IS NULL, NULL, ?7))";
        let Self { key, domain, user, nt_hash, disabled } = self;
        connection.prepare_cached(sql)?.execute(params![
            key.domain,
            key.user,
            domain,
            user,
            nt_hash,
            disabled,
            seconds(now)
        ])?;
        Ok(())
    }

    /// Whether there is an account of the name already, and then whether it is the same.
    pub(super) fn is_there(&self, connection: &Connection) -> Result<Option<bool>, Fault> {
        let sql = "SELECT nt_hash IS ?3 AND disabled = ?4 FROM account WHERE domain_key = ?1 AND user_key = ?2";
        let parameters = params![self.key.domain, self.key.user, self.nt_hash, self.disabled];
        Ok(connection.prepare_cached(sql)?.query_row(parameters, |row| row.get(0)).optional()?)
    }
}

fn insert(connection: &Connection, account: &Account, now: FileTime) -> Result<(), Fault> {
    let row = NewRow::of(account)?;
    match row.is_there(connection)? {
        Some(_) => Err(Refusal::Exists.into()),
        None => row.write(connection, now),
    }
}
