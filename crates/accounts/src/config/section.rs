//! The settings of a text in TOML, taken out one by one: what is left over at the end is known to nobody.
//!
//! Errors name the line, the section and the key. They do not quote the text, of which any part may be a password in the wrong place, except for
//! keys and for words where one of a few is expected.

use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;

/// A table.
pub(super) struct Section<'t> {
    text: &'t str,
    /// Empty for the document.
    name: &'static str,
    /// Where it begins.
    start: usize,
    table: DeTable<'t>,
    /// The keys that were asked for.
    known: Vec<&'static str>,
}

impl<'t> Section<'t> {
    /// The whole text.
    pub(super) fn document(text: &'t str) -> Result<Self, ConfigError> {
        // The message alone: what the error would show of the text around may be a password.
        let table = DeTable::parse(text).map_err(|error| match error.span() {
            Some(span) => at(text, span.start, error.message()),
            None => ConfigError(error.message().to_owned()),
        })?;
        Ok(Self { text, name: "", start: 0, table: table.into_inner(), known: Vec::new() })
    }

    /// What `read` makes of it, which asks for all the keys that there may be.
    pub(super) fn read<T>(mut self, read: fn(&mut Self) -> Result<T, ConfigError>) -> Result<T, ConfigError> {
        let made = read(&mut self)?;
        self.end()?;
        Ok(made)
    }

    /// A section in it.
    pub(super) fn section<T>(
        &mut self,
        name: &'static str,
        read: fn(&mut Self) -> Result<T, ConfigError>,
    ) -> Result<Option<T>, ConfigError> {
        let Some((start, value)) = self.take(name) else { return Ok(None) };
        let DeValue::Table(table) = value else { return Err(self.not(name, start, "a section")) };
        Self { text: self.text, name, start, table, known: Vec::new() }.read(read).map(Some)
    }

    /// A text.
    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<String>, ConfigError> {
        match self.take(key) {
            None => Ok(None),
            Some((_, DeValue::String(text))) => Ok(Some(text.into_owned())),
            Some((start, _)) => Err(self.not(key, start, "a text in quotes")),
        }
    }

    /// A path.
    pub(super) fn path(&mut self, key: &'static str) -> Result<Option<PathBuf>, ConfigError> {
        Ok(self.text(key)?.map(PathBuf::from))
    }

    /// Texts.
    pub(super) fn texts(&mut self, key: &'static str) -> Result<Option<Vec<String>>, ConfigError> {
        const EXPECTED: &str = "a list of texts: [\"...\", \"...\"]";
        let Some((start, value)) = self.take(key) else { return Ok(None) };
        let DeValue::Array(values) = value else { return Err(self.not(key, start, EXPECTED)) };
        let text = |value: Spanned<DeValue<'t>>| match (value.span().start, value.into_inner()) {
            (_, DeValue::String(text)) => Ok(text.into_owned()),
            (start, _) => Err(self.not(key, start, EXPECTED)),
        };
        values.into_iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, key: &'static str) -> Result<Option<bool>, ConfigError> {
        match self.take(key) {
            None => Ok(None),
            Some((_, DeValue::Boolean(flag))) => Ok(Some(flag)),
            Some((start, _)) => Err(self.not(key, start, "true or false")),
        }
    }

    /// A number.
    pub(super) fn number(&mut self, key: &'static str) -> Result<Option<u64>, ConfigError> {
        let Some((start, value)) = self.take(key) else { return Ok(None) };
        let number = value.as_integer().and_then(|value| u64::from_str_radix(value.as_str(), value.radix()).ok());
        number.map(Some).ok_or_else(|| self.not(key, start, "a whole number that is not negative"))
    }

    /// One of a few words, for what each stands for.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Result<Option<T>, ConfigError> {
        let Some((start, value)) = self.take(key) else { return Ok(None) };
        let found = words.iter().find(|(word, _)| value.as_str() == Some(word));
        found.map(|(_, meaning)| Some(*meaning)).ok_or_else(|| {
            let expected = one_of(&words.iter().map(|(word, _)| *word).collect::<Vec<_>>());
            match value.as_str() {
                Some(other) => self.error(start, &format!("{key}: unknown variant `{other}`, expected {expected}")),
                None => self.not(key, start, &expected),
            }
        })
    }

    /// The error that a key is not there.
    pub(super) fn missing(&self, key: &str) -> ConfigError {
        at(self.text, self.start, &format!("missing field `{key}`{}", self.within()))
    }

    fn take(&mut self, key: &'static str) -> Option<(usize, DeValue<'t>)> {
        self.known.push(key);
        self.table.remove(key).map(|value| (value.span().start, value.into_inner()))
    }

    fn end(&self) -> Result<(), ConfigError> {
        // The first in the text.
        let Some(unknown) = self.table.keys().min_by_key(|key| key.span().start) else { return Ok(()) };
        let (key, within, expected) = (unknown.get_ref(), self.within(), one_of(&self.known));
        Err(at(self.text, unknown.span().start, &format!("unknown field `{key}`{within}, expected {expected}")))
    }

    fn within(&self) -> String {
        if self.name.is_empty() { String::new() } else { format!(" in [{}]", self.name) }
    }

    fn not(&self, key: &str, start: usize, expected: &str) -> ConfigError {
        self.error(start, &format!("{key} must be {expected}"))
    }

    fn error(&self, start: usize, what: &str) -> ConfigError {
        let section = if self.name.is_empty() { String::new() } else { format!("[{}] ", self.name) };
        at(self.text, start, &format!("{section}{what}"))
    }
}

fn one_of(words: &[&str]) -> String {
    format!("one of `{}`", words.join("`, `"))
}

fn at(text: &str, start: usize, what: &str) -> ConfigError {
    let before = text.get(..start);
    let line = before.map(|before| format!("line {}: ", before.matches('\n').count() + 1)).unwrap_or_default();
    ConfigError(format!("{line}{what}"))
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn refused(text: &str) -> String {
        Config::parse(text).map(drop).unwrap_err().to_string()
    }

    #[test]
    fn errors_name_the_line_the_section_and_the_key() {
        for (text, error) in [
            ("policy = 1", "line 1: policy must be one of `windows`, `strict`"),
            ("\nlenient_requests = 'yes'", "line 2: lenient_requests must be true or false"),
            ("server = true", "line 1: server must be a section"),
            ("[[client]]\nblock = true", "line 1: client must be a section"),
            (
                "[server]\nmic = 'lax'",
                "line 2: [server] mic: unknown variant `lax`, expected one of `required`, `if-claimed`",
            ),
            ("[server]\n\nblock.all = true", "line 3: [server] block must be true or false"),
            ("[accounts]\nuser_file = 1979-05-27", "line 2: [accounts] user_file must be a text in quotes"),
            (
                "[client]\nblock_exceptions = 'web'",
                "line 2: [client] block_exceptions must be a list of texts: [\"...\", \"...\"]",
            ),
            (
                "[client]\nblock_exceptions = [\n'web',\n7]",
                "line 4: [client] block_exceptions must be a list of texts: [\"...\", \"...\"]",
            ),
            ("\n[identity]\npassword = 'hush'", "line 2: missing field `user` in [identity]"),
            (
                "[accounts]\nz = 1\na = 1",
                "line 2: unknown field `z` in [accounts], expected one of `database`, `user_file`, `smbpasswd`",
            ),
        ] {
            assert_eq!(refused(text), error, "{text}");
        }
        assert!(refused("a = 1").starts_with("line 1: unknown field `a`, expected one of `policy`, "));
        assert!(refused("policy = 'strict'\npolicy = 'windows'").starts_with("line 2: duplicate key"));
    }

    #[test]
    fn a_section_may_be_written_in_every_form_of_a_table() {
        for text in
            ["[server]\nblock = true", "server.block = true", "server = { block = true }", "'server'.\"block\" = true"]
        {
            assert_eq!(Config::parse(text).unwrap().server.block, Some(true), "{text}");
        }
    }

    #[test]
    fn a_number_is_whole_and_not_negative() {
        let lifetime = |number: &str| Config::parse(&format!("[server]\nmax_lifetime = {number}"));
        for (text, number) in
            [("1_000", 1000), ("+10", 10), ("0x1F", 31), ("0o17", 15), ("0b11", 3), ("18446744073709551615", u64::MAX)]
        {
            assert_eq!(lifetime(text).unwrap().server.max_lifetime, Some(number), "{text}");
        }
        for text in ["-1", "1.0", "1e3", "08", "18446744073709551616", "'1'", "inf"] {
            assert!(lifetime(text).is_err(), "{text}");
        }
        assert!(refused("[server]\ndangerous_lm_compatibility_level = 261").contains("from 0 to 5"));
    }
}
