//! CSV as RFC 4180 has it, but for line breaks in fields: a record is a line, so that a quote that is forgotten spoils one line and not all
//! that follow.

use ntlm::{LogonFailure, Password};
use zeroize::Zeroizing;

use super::HeaderError;
use crate::line::{LineError, StoredHash, account_name};
use crate::memory::Account;

/// The columns of a file, by their names in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    User,
    Domain,
    Password,
    NtHash,
    /// Read by nobody.
    LmHash,
    Disabled,
}

/// How many there are.
const COLUMNS: usize = 6;

impl Column {
    fn of(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "user" => Self::User,
            "domain" => Self::Domain,
            "password" => Self::Password,
            "nt_hash" => Self::NtHash,
            "lm_hash" => Self::LmHash,
            "disabled" => Self::Disabled,
            _ => return None,
        })
    }
}

/// Whether a first line that is no header was meant as one: it names a column, and has no colon, without which it is no account either.
pub(super) fn is_meant_as_header(line: &[u8]) -> bool {
    let Ok(line) = std::str::from_utf8(line) else { return false };
    let mut names = line.split([',', ';']).map(|name| name.trim_matches(['"', ' ', '\t']));
    !line.contains(':') && line.contains([',', ';']) && names.any(|name| Column::of(name).is_some())
}

/// The first line of a file.
#[derive(Debug)]
pub(super) struct Header {
    columns: Vec<Column>,
    separator: char,
}

impl Header {
    pub(super) fn of(line: &[u8]) -> Result<Self, HeaderError> {
        let line = std::str::from_utf8(line).map_err(|_| HeaderError::Missing)?;
        let separator = if line.contains(';') { ';' } else { ',' };
        // Among more there is one that is not known, or one that is there twice.
        let names = fields(line, separator, COLUMNS + 1).ok_or(HeaderError::Missing)?;
        let mut columns = Vec::with_capacity(names.len());
        for (number, name) in (1..).zip(&names) {
            let column = Column::of(name).ok_or(HeaderError::UnknownColumn(number))?;
            if columns.contains(&column) {
                return Err(HeaderError::DoubledColumn(number));
            }
            columns.push(column);
        }
        match (columns.contains(&Column::User), [Column::Password, Column::NtHash].iter().any(|c| columns.contains(c)))
        {
            (false, _) => Err(HeaderError::NoUser),
            (true, false) => Err(HeaderError::NoSecret),
            (true, true) => Ok(Self { columns, separator }),
        }
    }

    /// The account of a record.
    pub(super) fn account(&self, line: &[u8]) -> Result<Account, LineError> {
        let line = std::str::from_utf8(line).map_err(|_| LineError::NotUtf8)?;
        let fields = fields(line, self.separator, self.columns.len() + 1);
        let fields = fields.filter(|fields| fields.len() == self.columns.len());
        let fields = fields.ok_or(LineError::OddFields)?;
        let field = |wanted: Column| {
            let found = self.columns.iter().zip(&fields).find(|(column, _)| **column == wanted);
            found.map_or("", |(_, field)| field.as_str())
        };
        let (domain, user) = match (field(Column::Domain), field(Column::User).split_once('\\')) {
            ("", Some(names)) => names,
            (domain, _) => (domain, field(Column::User)),
        };
        if [domain, user].iter().any(|name| name.trim() != *name) {
            return Err(LineError::OuterBlank);
        }
        let name = account_name(domain, user)?;
        let nt_hash = match (field(Column::Password), field(Column::NtHash)) {
            ("", "") => return Err(LineError::NoPassword),
            (password, "") => Some(Box::new(Password::new(password).nt_hash())),
            ("", hash) => StoredHash::of(hash).ok_or(LineError::OddHash)?.usable(),
            _ => return Err(LineError::TwoSecrets),
        };
        let barred = disabled(field(Column::Disabled))?.then_some(LogonFailure::ACCOUNT_DISABLED);
        Ok(Account { name, nt_hash, barred })
    }
}

fn disabled(field: &str) -> Result<bool, LineError> {
    match field.trim().to_ascii_lowercase().as_str() {
        "" | "no" | "false" | "0" => Ok(false),
        "yes" | "true" | "1" => Ok(true),
        _ => Err(LineError::OddState),
    }
}

/// The fields of a record, `most` of them if there are more; `None` when a quoted one does not end, or ends before its field does.
fn fields(line: &str, separator: char, most: usize) -> Option<Vec<Zeroizing<String>>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        // As long as the line at most: nothing is moved, and nothing left behind unwiped.
        let mut field = Zeroizing::new(String::with_capacity(rest.len()));
        let after = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted, &mut field)?,
            None => {
                let end = rest.find(separator).unwrap_or(rest.len());
                let (text, after) = rest.split_at_checked(end)?;
                field.push_str(text);
                after
            }
        };
        fields.push(field);
        if after.is_empty() || fields.len() == most {
            return Some(fields);
        }
        rest = after.strip_prefix(separator)?;
    }
}

/// Appends what stands before the closing quote to `field`, with doubled quotes made single, and gives what comes behind it.
fn unquote<'a>(mut rest: &'a str, field: &mut String) -> Option<&'a str> {
    loop {
        let (text, after) = rest.split_once('"')?;
        field.push_str(text);
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Some(after),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(line: &str) -> Option<Vec<String>> {
        fields(line, ',', usize::MAX).map(|fields| fields.iter().map(|field| field.to_string()).collect())
    }

    #[test]
    fn fields_are_split_as_rfc_4180_says() {
        for (line, expected) in [
            ("a,b,c", &["a", "b", "c"][..]),
            ("", &[""]),
            (",", &["", ""]),
            (r#""a,b",c"#, &["a,b", "c"]),
            (r#""say ""hi""",c"#, &[r#"say "hi""#, "c"]),
            (r#""""","""#, &["\"", ""]),
            (r#"a"b,c"#, &["a\"b", "c"]),
            (" a , b ", &[" a ", " b "]),
        ] {
            let expected = expected.iter().map(|field| (*field).to_owned()).collect::<Vec<_>>();
            assert_eq!(split(line), Some(expected), "{line}");
        }
        for line in [r#""a"#, r#""a"b,c"#, r#"a,"b"#, r#""""#.trim_end_matches("\"\"")] {
            assert_eq!(split(line).filter(|_| !line.is_empty()), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read(written in prop::collection::vec("[^\r\n]{0,8}", 1..6)) {
            let line = written.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect::<Vec<_>>();
            prop_assert_eq!(split(&line.join(",")), Some(written));
        }
    }
}
