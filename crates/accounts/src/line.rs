//! The lines of account files, in two formats.
//!
//! | format | line |
//! |---|---|
//! | NTLM_USER_FILE (Heimdal, gss-ntlmssp, pyspnego) | `DOMAIN:user:password`; the domain may be empty, the password may contain colons |
//! | smbpasswd (Samba) | `user:uid:LM hash:NT hash:[flags]:LCT-time:`; the user may be `DOMAIN\user` or `user@dns.domain` |
//!
//! As in the programs that share these files, an NTLM_USER_FILE may have lines of both formats. A line is smbpasswd's when it has at least five
//! fields, a number in the second, and hashes in the third and fourth or flags in brackets in the fifth; a line that begins so and then
//! does not hold is refused, not read as an account with an odd password. Lines that begin with `#` are comments. Nothing is trimmed: a
//! password may end in a blank.
//!
//! LM hashes are not kept: nothing here accepts them.

use std::fmt;

use ntlm::{LogonFailure, NtHash, Password, UnicodeString};

use crate::memory::{Account, MemoryStore};
use crate::name::AccountName;

/// Which lines a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines of NTLM_USER_FILE and of smbpasswd, told apart line by line.
    UserFile,
    /// Lines of smbpasswd alone.
    Smbpasswd,
}

/// A line that holds no account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectedLine {
    /// Its number; the first line is 1.
    pub number: usize,
    /// What is wrong with it.
    pub reason: LineError,
}

/// What is wrong with a line. Says nothing of its content, which may be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineError {
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// Fewer than three fields.
    NoUserFileLine,
    /// Not a line of smbpasswd.
    NoSmbpasswdLine,
    /// The user name is empty.
    NoUser,
    /// A name with control characters, or with a backslash that separates nothing; for an import also one that cannot be kept.
    OddName,
    /// The password is empty: the account would be open to everybody.
    NoPassword,
    /// The NT hash of a line of smbpasswd is neither 32 hex digits nor a placeholder.
    OddHash,
    /// An account of the same name came before.
    Duplicate,
    /// Import: longer than any account is.
    TooLong,
    /// CSV: another number of fields than the header has, or quotes that do not close.
    OddFields,
    /// CSV: a name that begins or ends with a blank.
    OuterBlank,
    /// CSV: both a password and an NT hash.
    TwoSecrets,
    /// CSV: `disabled` is neither yes nor no.
    OddState,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "not UTF-8; save the file as UTF-8",
            Self::NoUserFileLine => "not an account: write DOMAIN:user:password",
            Self::NoSmbpasswdLine => "not a line of smbpasswd: write user:uid:LM hash:NT hash:[U]:LCT-0:",
            Self::NoUser => "the user name is missing",
            Self::OddName => "the name is too long, or has control characters, a colon or a stray backslash",
            Self::NoPassword => "the password is empty; set one",
            Self::OddHash => "the NT hash is not 32 hex digits; set the password again",
            Self::Duplicate => {
                "an account of the same name came before, which is the one that counts; remove one of them"
            }
            Self::TooLong => "longer than 8192 bytes; is this a file of accounts?",
            Self::OddFields => "not as many fields as the header has, or quotes that do not close",
            Self::OuterBlank => "a name begins or ends with a blank; write none around the commas",
            Self::TwoSecrets => "there is both a password and an NT hash; leave one of them empty",
            Self::OddState => "disabled is neither yes nor no",
        })
    }
}

impl fmt::Display for RejectedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.number, self.reason)
    }
}

impl std::error::Error for LineError {}
impl std::error::Error for RejectedLine {}

/// Reads the content of an account file: the accounts, and the lines that hold none.
#[must_use]
pub fn read(content: &[u8], format: Format) -> (MemoryStore, Vec<RejectedLine>) {
    let mut store = MemoryStore::new();
    let mut rejected = Vec::new();
    for (number, line) in lines(content) {
        let inserted = account(line, format).and_then(|account| match account {
            Some(account) => store.insert(account).map_err(|_| LineError::Duplicate),
            None => Ok(()),
        });
        if let Err(reason) = inserted {
            rejected.push(RejectedLine { number, reason });
        }
    }
    (store, rejected)
}

/// The lines of a file without their ends, and their numbers.
pub(crate) fn lines(content: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let content = content.strip_prefix("\u{feff}".as_bytes()).unwrap_or(content);
    (1..)
        .zip(content.split(|&byte| byte == b'\n'))
        .map(|(number, line)| (number, line.strip_suffix(b"\r").unwrap_or(line)))
}

/// Whether a line is a comment, or nothing.
pub(crate) fn says_nothing(line: &[u8]) -> bool {
    line.first() == Some(&b'#') || line.iter().all(u8::is_ascii_whitespace)
}

/// The account of a line without its end; `None` for comments and empty lines.
///
/// # Errors
///
/// [`LineError`] for everything else.
pub fn account(line: &[u8], format: Format) -> Result<Option<Account>, LineError> {
    if says_nothing(line) {
        return Ok(None);
    }
    let line = std::str::from_utf8(line).map_err(|_| LineError::NotUtf8)?;
    match (Smbpasswd::of(line), format) {
        (Some(fields), _) => fields.account(),
        (None, Format::Smbpasswd) => Err(LineError::NoSmbpasswdLine),
        (None, Format::UserFile) => user_file_account(line),
    }
    .map(Some)
}

fn user_file_account(line: &str) -> Result<Account, LineError> {
    let mut fields = line.splitn(3, ':');
    let (Some(domain), Some(user), Some(password)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(LineError::NoUserFileLine);
    };
    let name = account_name(domain, user)?;
    if password.is_empty() {
        return Err(LineError::NoPassword);
    }
    Ok(Account::new(name, &Password::new(password)))
}

/// The fields of a line of smbpasswd that matter here.
struct Smbpasswd<'a> {
    name: &'a str,
    nt_hash: &'a str,
    flags: &'a str,
}

impl<'a> Smbpasswd<'a> {
    /// Takes a line apart that looks like one of smbpasswd.
    fn of(line: &'a str) -> Option<Self> {
        let mut fields = line.split(':');
        let (name, uid) = (fields.next()?, fields.next()?);
        let (lm_hash, nt_hash, flags) = (fields.next()?, fields.next()?, fields.next()?);
        let number = !uid.is_empty() && uid.bytes().all(|byte| byte.is_ascii_digit());
        let bracketed = flags.starts_with('[') && flags.ends_with(']');
        let hashes = StoredHash::of(lm_hash).is_some() && StoredHash::of(nt_hash).is_some();
        (number && (bracketed || hashes)).then_some(Self { name, nt_hash, flags })
    }

    fn account(&self) -> Result<Account, LineError> {
        let (domain, user) = self.name.split_once('\\').unwrap_or(("", self.name));
        let name = account_name(domain, user)?;
        let flags = self.flags.strip_prefix('[').and_then(|flags| flags.strip_suffix(']')).unwrap_or("U");
        let nt_hash = match StoredHash::of(self.nt_hash).ok_or(LineError::OddHash)? {
            // "No password" means to Samba that none is needed. Here it means that there is none that could be proven, and the hash of the
            // empty password, with which the account would be open to everybody, is none either.
            hash if !flags.contains('N') => hash.usable(),
            StoredHash::Hash(_) | StoredHash::None => None,
        };
        Ok(Account { name, nt_hash, barred: barred(flags) })
    }
}

/// What speaks against an account with these flags of smbpasswd (`[U          ]`): the first of them that does.
fn barred(flags: &str) -> Option<LogonFailure> {
    flags.chars().find_map(|flag| match flag {
        'D' => Some(LogonFailure::ACCOUNT_DISABLED),
        'L' => Some(LogonFailure::ACCOUNT_LOCKED_OUT),
        'I' => Some(LogonFailure::NOLOGON_INTERDOMAIN_TRUST_ACCOUNT),
        // Of the others, workstations and servers (W, S) may log on like users; the rest says nothing about logons.
        _ => None,
    })
}

/// The NT hash that 32 hex digits are; `None` for other texts, and for values that are nobody's hash.
#[must_use]
pub fn nt_hash(digits: &str) -> Option<NtHash> {
    match StoredHash::of(digits)? {
        StoredHash::Hash(hash) => Some(hash),
        StoredHash::None => None,
    }
}

/// A hash as it is written in a file.
pub(crate) enum StoredHash {
    Hash(NtHash),
    /// `XXXX...`, `NO PASSWORDXXXX...`, `****...`, and values that stand for "none" elsewhere.
    None,
}

impl StoredHash {
    /// `None` for a text that is no hash field.
    pub(crate) fn of(field: &str) -> Option<Self> {
        if field.len() != 32 {
            return None;
        }
        let placeholder = field.strip_prefix("NO PASSWORD").unwrap_or(field);
        if ["X", "*"].iter().any(|sign| placeholder.split(sign).all(str::is_empty)) {
            return Some(Self::None);
        }
        let mut bytes = zeroize::Zeroizing::new([0; 16]);
        for (byte, digits) in bytes.iter_mut().zip(field.as_bytes().as_chunks::<2>().0) {
            let [high, low] =
                digits.map(|digit| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
            *byte = high? << 4 | low?;
        }
        Some(NtHash::from_bytes(&*bytes).map_or(Self::None, Self::Hash))
    }

    /// The hash, when somebody can log on with it and not everybody.
    pub(crate) fn usable(self) -> Option<Box<NtHash>> {
        match self {
            Self::Hash(hash) if !hash.is_of_empty_password() => Some(Box::new(hash)),
            Self::Hash(_) | Self::None => None,
        }
    }
}

/// The name of an account from its two fields.
pub(crate) fn account_name(domain: &str, user: &str) -> Result<AccountName, LineError> {
    if user.is_empty() {
        return Err(LineError::NoUser);
    }
    if [domain, user].iter().any(|name| name.contains(|c: char| c.is_control() || c == '\\')) {
        return Err(LineError::OddName);
    }
    Ok(AccountName::new(&UnicodeString::from(domain), &user.into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HASH: &str = "C3C6F4FD8A02A6C1268F1A8074B6E7E0";
    const NONE: &str = "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX";

    fn one(line: &str) -> Result<Account, LineError> {
        account(line.as_bytes(), Format::UserFile).map(|account| account.expect("an account"))
    }

    fn is_password(account: &Account, password: &str) -> bool {
        account.nt_hash.as_ref().is_some_and(|hash| hash.expose() == Password::new(password).nt_hash().expose())
    }

    #[test]
    fn a_line_of_a_user_file_is_domain_user_password() {
        for (line, name, password) in [
            ("EXAMPLE:alice:secret", r"EXAMPLE\alice", "secret"),
            (":alice:secret", "alice", "secret"),
            (".:alice:secret", "alice", "secret"),
            (":alice@example.test:secret", "alice@example.test", "secret"),
            ("EXAMPLE:alice:with:colons:in it", r"EXAMPLE\alice", "with:colons:in it"),
            ("EXAMPLE:alice: blanks ", r"EXAMPLE\alice", " blanks "),
            ("EXAMPLE:Zoë:pässwörd", r"EXAMPLE\Zoë", "pässwörd"),
            ("EXAMPLE:John Smith:x", r"EXAMPLE\John Smith", "x"),
            ("EXAMPLE:1000:a:b:c:d", r"EXAMPLE\1000", "a:b:c:d"),
        ] {
            let account = one(line).unwrap();
            assert_eq!(account.name, AccountName::parse(name), "{line}");
            assert!(is_password(&account, password), "{line}");
            assert_eq!(account.barred, None);
        }
    }

    #[test]
    fn a_line_of_smbpasswd_is_told_by_its_form() {
        for (name, expected) in [
            ("alice", "alice"),
            (r"EXAMPLE\alice", r"EXAMPLE\alice"),
            ("a@example.test", "a@example.test"),
            ("WS1$", "WS1$"),
        ] {
            for rest in ["[U          ]:LCT-1589398321:", "[U]:LCT-1589398321", "[U]", "Full Name:/home:/bin/sh", ""] {
                let account = one(&format!("{name}:1000:{NONE}:{HASH}:{rest}")).unwrap();
                assert_eq!(account.name, AccountName::parse(expected));
                assert_eq!(account.nt_hash.unwrap().expose()[..2], [0xc3, 0xc6]);
                assert_eq!(account.barred, None);
            }
        }
    }

    #[test]
    fn a_hash_that_stands_for_none_is_none() {
        for none in [
            NONE,
            "NO PASSWORDXXXXXXXXXXXXXXXXXXXXX",
            "********************************",
            &"0".repeat(32),
            "aad3b435b51404eeaad3b435b51404ee",
        ] {
            assert!(one(&format!("alice:1000:{HASH}:{none}:[U]:LCT-0:")).unwrap().nt_hash.is_none(), "{none}");
        }
        assert!(one(&format!("alice:1000:{NONE}:{HASH}:[NU         ]:LCT-0:")).unwrap().nt_hash.is_none());
    }

    #[test]
    fn flags_bar_an_account() {
        for (flags, barred) in [
            ("[DU         ]", Some(LogonFailure::ACCOUNT_DISABLED)),
            ("[UD]", Some(LogonFailure::ACCOUNT_DISABLED)),
            ("[ULX]", Some(LogonFailure::ACCOUNT_LOCKED_OUT)),
            ("[I]", Some(LogonFailure::NOLOGON_INTERDOMAIN_TRUST_ACCOUNT)),
            ("[W          ]", None),
            ("[]", None),
        ] {
            assert_eq!(one(&format!("alice:1000:{NONE}:{HASH}:{flags}:LCT-0:")).unwrap().barred, barred, "{flags}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said() {
        for (line, error) in [
            ("EXAMPLE", LineError::NoUserFileLine),
            ("EXAMPLE:alice", LineError::NoUserFileLine),
            ("EXAMPLE::secret", LineError::NoUser),
            ("EXAMPLE:alice:", LineError::NoPassword),
            (r"EXAMPLE:OTHER\alice:secret", LineError::OddName),
            ("EXAMPLE:al\u{7}ice:secret", LineError::OddName),
            ("alice:1000:C3C6:C3C6:[U]:LCT-0:", LineError::OddHash),
            ("alice:1000::z3C6F4FD8A02A6C1268F1A8074B6E7E0:[U]:LCT-0:", LineError::OddHash),
        ] {
            assert_eq!(one(line).map(|account| account.name), Err(error), "{line}");
        }
        assert_eq!(account(b"EXAMPLE:alice:\xff", Format::UserFile).err(), Some(LineError::NotUtf8));
        assert_eq!(account(b"EXAMPLE:alice:secret", Format::Smbpasswd).err(), Some(LineError::NoSmbpasswdLine));
        assert_eq!(one(&format!(":1000:{NONE}:{HASH}:[U]:LCT-0:")).err(), Some(LineError::NoUser));
        assert_eq!(one(&format!(r"A\B\c:1000:{NONE}:{HASH}:[U]:LCT-0:")).err(), Some(LineError::OddName));
    }

    #[test]
    fn good_lines_are_kept_and_bad_ones_are_numbered() {
        let content = format!(
            "\u{feff}# a comment\r\nEXAMPLE:alice:secret\r\n\r\nbad\nEXAMPLE:ALICE:other\n   \nbob:1:{NONE}:{HASH}:[U]:LCT-0:\nEXAMPLE:carol:x"
        );
        let (store, rejected) = read(content.as_bytes(), Format::UserFile);
        let names = store.accounts().iter().map(|account| account.name.user().to_string_lossy()).collect::<Vec<_>>();
        assert_eq!(names, ["alice", "bob", "carol"]);
        assert_eq!(
            rejected,
            [
                RejectedLine { number: 4, reason: LineError::NoUserFileLine },
                RejectedLine { number: 5, reason: LineError::Duplicate }
            ]
        );
        assert!(is_password(&store.accounts()[0], "secret"));
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_read(content: Vec<u8>, smbpasswd: bool) {
            let format = if smbpasswd { Format::Smbpasswd } else { Format::UserFile };
            let (store, rejected) = read(&content, format);
            let lines = content.split(|&byte| byte == b'\n').count();
            prop_assert!(store.accounts().len() + rejected.len() <= lines);
            prop_assert!(rejected.iter().all(|line| (1..=lines).contains(&line.number)));
        }

        #[test]
        fn nearly_good_lines_can_be_read(content in r"[a\\@:\n\r#.]{0,6}:[0-9a]{0,2}:[X0-9a-fA-Fé]{30,33}:[X*0-9a-fA-F]{30,33}:[\[\]UDNx:]{0,5}") {
            let _ = read(content.as_bytes(), Format::UserFile);
            let _ = read(content.as_bytes(), Format::Smbpasswd);
        }

        #[test]
        fn what_is_written_is_found(domain in "[A-Za-zé.]{0,10}", user in "[a-zA-Zé$ @]{1,10}", password in "[^\r\n]{1,20}") {
            prop_assume!(!user.trim().is_empty() && !password.starts_with('#'));
            let (store, rejected) = read(format!("{domain}:{user}:{password}\n").as_bytes(), Format::UserFile);
            prop_assert_eq!(rejected, []);
            let found = store.get(&AccountName::new(&domain.as_str().into(), &user.as_str().into()));
            prop_assert!(found.is_some_and(|account| is_password(account, &password)));
        }
    }
}
