//! Files in the format of netrc: users and passwords by host.
//!
//! ```text
//! machine HOST login USER password PASSWORD      one after the other, on as many lines as one likes
//! default      login USER password PASSWORD      for every other host
//! macdef NAME ... empty line                     skipped
//! "a b\"c"                                       a word with blanks, as curl reads it
//! ```

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::failure::Failure;

/// Longer files are something else.
const MAX_LENGTH: usize = 1024 * 1024;

/// A user and a password of a netrc file.
#[derive(Default)]
pub(super) struct Entry {
    pub(super) login: Option<String>,
    pub(super) password: Option<Zeroizing<String>>,
}

/// A netrc file.
pub(super) struct Netrc {
    text: Zeroizing<String>,
    path: PathBuf,
}

impl Netrc {
    /// The file that NETRC names, or ~/.netrc.
    pub(super) fn usual() -> Result<Self, Failure> {
        let named = std::env::var_os("NETRC").filter(|path| !path.is_empty()).map(PathBuf::from);
        let home = || std::env::home_dir().map(|home| home.join(".netrc"));
        let path = named.or_else(home).ok_or_else(|| {
            Failure::unusable("--netrc: there is neither NETRC nor a home; name the file with --netrc-file")
        })?;
        Self::read(&path)
    }

    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let fail = |reason: String| Failure::unusable(format!("the netrc file {}: {reason}", path.display()));
        let mut file = File::open(path).map_err(|error| fail(format!("it cannot be read: {error}")))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;

            let mode = file.metadata().map_err(|error| fail(error.to_string()))?.mode();
            if mode & 0o077 != 0 {
                return Err(fail(format!(
                    "others than its owner can read or change it (mode {:04o}), and there are passwords in it; chmod it to 0600",
                    mode & 0o777
                )));
            }
        }
        // Never grows, so that no copy stays behind.
        let mut text = Zeroizing::new(String::with_capacity(MAX_LENGTH + 1));
        let limit = u64::try_from(MAX_LENGTH).unwrap_or(u64::MAX);
        let read = file.by_ref().take(limit + 1).read_to_string(&mut text);
        read.map_err(|error| fail(format!("it cannot be read: {error}")))?;
        if text.len() > MAX_LENGTH {
            return Err(fail(format!("it is longer than {} KiB", MAX_LENGTH >> 10)));
        }
        Ok(Self { text, path: path.to_owned() })
    }

    /// The entry for a host, and for a user if one is asked for: the first that fits.
    pub(super) fn find(&self, host: &str, user: Option<&str>) -> Result<Option<Entry>, Failure> {
        let mut words = Words { rest: &self.text };
        let mut entry = Entry::default();
        let mut fits = false;
        let done = |entry: &Entry, fits: bool| {
            let same = user.is_none_or(|user| entry.login.as_deref().is_none_or(|login| login == user));
            fits && same && entry.password.is_some()
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "machine" | "default" => {
                    if done(&entry, fits) {
                        return Ok(Some(entry));
                    }
                    entry = Entry::default();
                    fits = word.as_str() == "default" || self.value(&mut words)?.eq_ignore_ascii_case(host);
                }
                "login" => entry.login = Some(self.value(&mut words)?.to_string()),
                "password" => entry.password = Some(self.value(&mut words)?),
                "account" => drop(self.value(&mut words)?),
                "macdef" => words.skip_macro(),
                _ => {
                    let place = self.text.len() - words.rest.len();
                    let line = self.text.get(..place).unwrap_or_default().lines().count();
                    let path = self.path.display();
                    // The word itself may be a piece of a password.
                    return Err(Failure::unusable(format!(
                        "the netrc file {path}, line {line}: a word that is none of machine, default, login, password, account, macdef; \
                         put passwords with blanks into quotes"
                    )));
                }
            }
        }
        Ok(Some(entry).filter(|entry| done(entry, fits)))
    }

    fn value(&self, words: &mut Words<'_>) -> Result<Zeroizing<String>, Failure> {
        words.next().ok_or_else(|| {
            Failure::unusable(format!("the netrc file {} ends in the middle of an entry", self.path.display()))
        })
    }
}

/// The words of a file, without comments.
struct Words<'a> {
    rest: &'a str,
}

impl Words<'_> {
    fn skip_macro(&mut self) {
        let end = self.rest.find("\n\n").or_else(|| self.rest.find("\n\r\n"));
        self.rest = end.and_then(|at| self.rest.get(at..)).unwrap_or_default();
    }
}

impl Iterator for Words<'_> {
    type Item = Zeroizing<String>;

    fn next(&mut self) -> Option<Zeroizing<String>> {
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.strip_prefix('#') {
                Some(comment) => self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest),
                None => break,
            }
        }
        let mut word = Zeroizing::new(String::with_capacity(self.rest.len()));
        let quoted = self.rest.strip_prefix('"');
        let text = quoted.unwrap_or(self.rest);
        let mut escaped = false;
        let mut end = text.len();
        for (at, c) in text.char_indices() {
            match c {
                _ if escaped => {
                    escaped = false;
                    word.push(c);
                }
                '\\' if quoted.is_some() => escaped = true,
                '"' if quoted.is_some() => {
                    end = at + 1;
                    break;
                }
                c if quoted.is_none() && c.is_whitespace() => {
                    end = at;
                    break;
                }
                c => word.push(c),
            }
        }
        self.rest = text.get(end..).unwrap_or_default();
        (!word.is_empty() || quoted.is_some()).then_some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, host: &str, user: Option<&str>) -> Option<(Option<String>, String)> {
        let netrc = Netrc { text: Zeroizing::new(text.to_owned()), path: PathBuf::from("netrc") };
        let entry = netrc.find(host, user).unwrap()?;
        Some((entry.login, entry.password.unwrap().to_string()))
    }

    #[test]
    fn the_first_entry_that_fits_is_taken() {
        let text = "# comment with machine words\nmachine a.test login EXAMPLE\\alice password one\n\
                    machine a.test\n\tlogin bob\n\tpassword \"two \\\"words\\\"\"\n\
                    macdef init\nmachine a.test login mallory password no\n\n\
                    machine b.test account x password three login \"\"\ndefault login anybody password four";
        let is = |login: &str, password: &str| Some((Some(login.to_owned()), password.to_owned()));
        assert_eq!(found(text, "A.test", None), is("EXAMPLE\\alice", "one"));
        assert_eq!(found(text, "a.test", Some("bob")), is("bob", "two \"words\""));
        assert_eq!(found(text, "a.test", Some("mallory")), None);
        assert_eq!(found(text, "b.test", None), is("", "three"));
        assert_eq!(found(text, "c.test", None), is("anybody", "four"));
        assert_eq!(found("", "a.test", None), None);
        assert_eq!(found("machine a.test login alice", "a.test", None), None);
    }

    #[test]
    fn what_is_no_netrc_file_is_refused_without_quoting_it() {
        for text in ["machine a.test\nlogin alice password two words", "machine a.test login", "Passw0rd"] {
            let netrc = Netrc { text: Zeroizing::new(text.to_owned()), path: PathBuf::from("netrc") };
            let Err(failure) = netrc.find("a.test", None) else { panic!("{text}") };
            let failure = format!("{failure:?}");
            assert!(
                failure.contains("netrc") && !failure.contains("words,") && !failure.contains("Passw0rd"),
                "{failure}"
            );
        }
    }
}
