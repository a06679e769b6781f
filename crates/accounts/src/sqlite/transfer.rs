//! Many accounts in and out.

use std::io::{self, Write};

use ntlm::FileTime;
use zeroize::Zeroizing;

use super::SqliteStore;
use super::change::NewRow;
use super::fault::ChangeError;
use super::row::{StoredAccount, seconds};
use crate::import::NumberedAccount;
use crate::memory::StoreError;
use crate::name::AccountName;

/// What an import does with accounts that are there already and differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// They stay as they are.
    Keep,
    /// They become what the import says: password, and whether they are disabled.
    Replace,
}

/// What an import did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// How many accounts are new.
    pub added: usize,
    /// How many were replaced.
    pub replaced: usize,
    /// How many were there already, with the same password.
    pub unchanged: usize,
    /// Those that were there with another password or state and stayed as they were, with the number of their line.
    pub kept: Vec<(usize, AccountName)>,
}

impl SqliteStore {
    /// Takes accounts in, all in one transaction: either all of them are there afterwards, or none that was not there before. Tells
    /// `progress` after each how many are done.
    ///
    /// # Errors
    ///
    /// [`ChangeError`] when one cannot be kept, which those that [`crate::import`] read always can, or the database cannot be written.
    pub fn import(
        &self,
        accounts: &[NumberedAccount],
        existing: Existing,
        now: FileTime,
        mut progress: impl FnMut(usize),
    ) -> Result<ImportReport, ChangeError> {
        self.change(|connection| {
            let mut report = ImportReport::default();
            for (done, NumberedAccount { number, account }) in (1..).zip(accounts) {
                let row = NewRow::of(account)?;
                match (row.is_there(connection)?, existing) {
                    (None, _) => {
                        row.write(connection, now)?;
                        report.added += 1;
                    }
                    (Some(true), _) => report.unchanged += 1,
                    (Some(false), Existing::Replace) => {
                        row.write(connection, now)?;
                        report.replaced += 1;
                    }
                    (Some(false), Existing::Keep) => report.kept.push((*number, account.name.clone())),
                }
                progress(done);
            }
            Ok(report)
        })
    }

    /// Writes all accounts as lines of smbpasswd, and says how many. There is no LM hash in them but the placeholder for none, and no user id.
    ///
    /// # Errors
    ///
    /// What `out` fails with; [`StoreError`] in an [`io::Error`] when the database cannot be read.
    pub fn export(&self, out: &mut dyn Write) -> io::Result<usize> {
        let accounts = self.list().map_err(|error: StoreError| io::Error::other(error))?;
        for account in &accounts {
            out.write_all(smbpasswd(account).as_bytes())?;
        }
        Ok(accounts.len())
    }
}

/// `user:uid:LM hash:NT hash:[flags]:LCT-time:`.
fn smbpasswd(stored: &StoredAccount) -> Zeroizing<String> {
    use std::fmt::Write as _;

    /// nobody: which Unix user an account belongs to is not known here.
    const UID: u32 = 65534;
    const NONE: &str = "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX";
    let account = &stored.account;
    let user = account.name.user().to_string_lossy();
    let name = account.name.domain().map_or(user.clone(), |domain| format!("{}\\{user}", domain.to_string_lossy()));
    let mut hash = Zeroizing::new(String::with_capacity(32));
    match &account.nt_hash {
        Some(nt_hash) => {
            for byte in nt_hash.expose() {
                // Writing to a string does not fail.
                let _ = write!(hash, "{byte:02X}");
            }
        }
        None => hash.push_str(NONE),
    }
    let flags = if account.barred.is_some() { "DU         " } else { "U          " };
    let time = stored.password_changed.map_or(0, seconds);
    let mut line = Zeroizing::new(String::with_capacity(name.len() + 128));
    let _ = writeln!(line, "{name}:{UID}:{NONE}:{}:[{flags}]:LCT-{time:08X}:", *hash);
    line
}
