//! Accounts as rows of the table.

use std::time::Duration;

use ntlm::{FileTime, LogonFailure, NtHash, UnicodeString};
use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::fault::{Fault, Refusal};
use crate::memory::Account;
use crate::name::AccountName;

/// The columns that [`stored`] reads, in this order.
macro_rules! columns {
    () => {
        "domain_key, user_key, domain, user, nt_hash, disabled, created, changed, password_changed"
    };
}
pub(super) use columns;

/// An account of a database, and when it changed. To the second.
#[derive(Debug)]
pub struct StoredAccount {
    /// The account.
    pub account: Account,
    /// When it was made.
    pub created: FileTime,
    /// When anything about it last changed.
    pub changed: FileTime,
    /// When its password was set; `None` when it has none.
    pub password_changed: Option<FileTime>,
}

/// What an account is looked up by: its name, upper-cased; `None` for a name with unpaired surrogates, which no account has.
pub(super) struct Key {
    pub(super) domain: String,
    pub(super) user: String,
}

impl Key {
    pub(super) fn of(name: &AccountName) -> Option<Self> {
        let key = name.key();
        let domain = key.domain().map_or(Some(String::new()), text)?;
        Some(Self { domain, user: text(key.user())? })
    }
}

/// The key of an account that is to be changed.
pub(super) fn key(name: &AccountName) -> Result<Key, Fault> {
    Key::of(name).ok_or(Fault::Refused(Refusal::NoSuchAccount))
}

/// A name as text; `None` when it has unpaired surrogates.
pub(super) fn text(name: &UnicodeString) -> Option<String> {
    String::from_utf16(name.units()).ok()
}

/// The account of a row.
pub(super) fn stored(row: &Row<'_>) -> Result<StoredAccount, Fault> {
    let name = AccountName::new(&row.get_ref(2)?.as_str()?.into(), &row.get_ref(3)?.as_str()?.into());
    // An account that is found under one name and called by another would be taken for somebody else.
    let fits =
        |key: &Key| Ok::<_, Fault>(key.domain == row.get_ref(0)?.as_str()? && key.user == row.get_ref(1)?.as_str()?);
    if !Key::of(&name).as_ref().map_or(Ok(false), fits)? {
        return Err(Fault::Damaged("an account is kept under the name of another"));
    }
    // Not written by us; a line break in it would be one more account of an export.
    if !name.can_be_kept() {
        return Err(Fault::Damaged("the name of an account cannot be one"));
    }
    let nt_hash = match row.get_ref(4)? {
        ValueRef::Null => None,
        // Placeholders are nobody's hash, and the empty password's would let everybody in.
        ValueRef::Blob(bytes) if bytes.len() == 16 => {
            NtHash::from_bytes(bytes).ok().filter(|hash| !hash.is_of_empty_password()).map(Box::new)
        }
        _ => return Err(Fault::Damaged("a hash does not have 16 bytes")),
    };
    let barred = (row.get_ref(5)?.as_i64()? != 0).then_some(LogonFailure::ACCOUNT_DISABLED);
    Ok(StoredAccount {
        account: Account { name, nt_hash, barred },
        created: time(row.get_ref(6)?.as_i64()?),
        changed: time(row.get_ref(7)?.as_i64()?),
        password_changed: row.get_ref(8)?.as_i64_or_null()?.map(time),
    })
}

/// A time as it is kept.
pub(super) fn seconds(time: FileTime) -> i64 {
    i64::try_from(time.to_unix().unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
}

fn time(seconds: i64) -> FileTime {
    FileTime::from_unix(Duration::from_secs(u64::try_from(seconds).unwrap_or_default()))
}
