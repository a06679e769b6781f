//! Accounts from files of other programs, for a store of ours.
//!
//! | format | what is in it |
//! |---|---|
//! | smbpasswd, NTLM_USER_FILE | the lines of [`crate::line`] |
//! | CSV (RFC 4180) | a header with `user`, `password` or `nt_hash`, and perhaps `domain` and `disabled`, in any order and case; a record a line |
//!
//! Which one it is, the first line tells: a header of CSV is no account. One that names a column and others that are not known is an error.
//! Fields of CSV may be quoted, and are separated by commas, or by
//! semicolons where the header is. A record has a password or an NT hash (32 hex digits, or a placeholder for none); `disabled` is
//! yes, no, true, false, 1, 0, or empty for no.
//!
//! A line that holds no account is told by its number and never by its content; the others are kept. LM hashes are dropped: they stand in
//! smbpasswd, and may stand in a column `lm_hash`. An account without a usable hash is kept without one: nobody logs on with it.

mod csv;

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

use crate::file::{Exposure, MAX_LENGTH, read_whole};
use crate::line::{self, LineError, RejectedLine};
use crate::memory::{Account, StoreError};

/// No line with an account is longer, in bytes.
const LONGEST_LINE: usize = 8192;

/// What accounts are imported from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportFormat {
    /// Lines of smbpasswd alone.
    Smbpasswd,
    /// Lines of NTLM_USER_FILE and of smbpasswd, told apart line by line.
    UserFile,
    /// A header and records.
    Csv,
}

/// An account, and where it stood.
#[derive(Debug)]
pub struct NumberedAccount {
    /// The number of its line; the first line is 1.
    pub number: usize,
    /// The account.
    pub account: Account,
}

/// What a file holds for an import.
#[derive(Debug)]
pub struct Import {
    /// Its format.
    pub format: ImportFormat,
    /// The accounts, each name once.
    pub accounts: Vec<NumberedAccount>,
    /// The lines that hold none.
    pub rejected: Vec<RejectedLine>,
}

/// A CSV file none of whose lines can be read, because of its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// There is none.
    Missing,
    /// This column, counted from 1, is not known. What it is called may be a secret of a file that is not CSV.
    UnknownColumn(usize),
    /// This column is there twice.
    DoubledColumn(usize),
    /// No column `user`.
    NoUser,
    /// Neither a column `password` nor one `nt_hash`.
    NoSecret,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no header")?,
            Self::UnknownColumn(column) => write!(f, "column {column} of the header is not known")?,
            Self::DoubledColumn(column) => write!(f, "column {column} of the header is there twice")?,
            Self::NoUser => f.write_str("the header has no column user")?,
            Self::NoSecret => f.write_str("the header has neither a column password nor nt_hash")?,
        }
        f.write_str("; the first line of a CSV file names its columns: user, password or nt_hash, and perhaps domain and disabled")
    }
}

impl std::error::Error for HeaderError {}

/// Reads a file for an import, and says who else can.
///
/// # Errors
///
/// [`StoreError`] when it cannot be read, or is longer than 64 MiB.
pub fn file_content(path: &Path) -> Result<(Zeroizing<Vec<u8>>, Option<Exposure>), StoreError> {
    let failed = |error: &dyn fmt::Display| StoreError::new(format!("{} cannot be imported: {error}", path.display()));
    let mut file = File::open(path).map_err(|error| failed(&error))?;
    let metadata = file.metadata().map_err(|error| failed(&error))?;
    let content = content(&mut file).map_err(|error| failed(&error))?;
    Ok((content, Exposure::of(&metadata)))
}

/// Reads what is to be imported to a buffer that is wiped.
///
/// # Errors
///
/// As for [`file_content`].
pub fn content(source: &mut impl Read) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let content = read_whole(source, None).map_err(|error| StoreError::new(error.to_string()))?;
    if content.len() as u64 > MAX_LENGTH {
        return Err(StoreError::new(format!("it is longer than {} MiB; import it in parts", MAX_LENGTH >> 20)));
    }
    Ok(content)
}

/// Reads accounts from the content of a file, in `format` or the one that it shows.
///
/// # Errors
///
/// [`HeaderError`] for CSV without a usable header. Lines that hold no account are no error; see [`Import::rejected`].
pub fn read(content: &[u8], format: Option<ImportFormat>) -> Result<Import, HeaderError> {
    let mut lines = line::lines(content).filter(|(_, line)| !line::says_nothing(line)).peekable();
    let first = lines.peek().map(|(_, line)| *line).filter(|line| line.len() <= LONGEST_LINE);
    let header = first.map_or(Err(HeaderError::Missing), csv::Header::of);
    let (format, header) = match (format, header) {
        (Some(ImportFormat::Csv), header) => (ImportFormat::Csv, Some(header?)),
        (Some(format), _) => (format, None),
        (None, Ok(header)) => (ImportFormat::Csv, Some(header)),
        // Its records would be taken for lines of another format: some for accounts with a piece of a password in their names.
        (None, Err(error)) if first.is_some_and(csv::is_meant_as_header) => return Err(error),
        (None, Err(_)) => (ImportFormat::UserFile, None),
    };
    let account = |line: &[u8]| match (&header, format) {
        (Some(header), _) => header.account(line).map(Some),
        (None, ImportFormat::Smbpasswd) => line::account(line, line::Format::Smbpasswd),
        (None, _) => line::account(line, line::Format::UserFile),
    };
    let mut import = Import { format, accounts: Vec::new(), rejected: Vec::new() };
    let mut names = HashSet::new();
    for (number, line) in lines.skip(usize::from(header.is_some())) {
        let account = if line.len() > LONGEST_LINE { Err(LineError::TooLong) } else { account(line) };
        match account {
            Ok(None) => {}
            Ok(Some(account)) if !account.name.can_be_kept() => {
                import.rejected.push(RejectedLine { number, reason: LineError::OddName });
            }
            Ok(Some(account)) if names.insert(account.name.key()) => {
                import.accounts.push(NumberedAccount { number, account });
            }
            Ok(Some(_)) => import.rejected.push(RejectedLine { number, reason: LineError::Duplicate }),
            Err(reason) => import.rejected.push(RejectedLine { number, reason }),
        }
    }
    Ok(import)
}
