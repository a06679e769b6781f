//! Passwords from a prompt or from standard input, never from the command line, where every user of the machine can read them.

use std::io::{IsTerminal as _, Read as _};

use ntlm::Password;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// The most that is read of standard input, in bytes.
const MAX_INPUT: usize = 64 * 1024;

/// Asks for a password on the terminal, or reads one line from standard input when that is no terminal.
pub(crate) fn read(prompt: &str) -> Result<Password, Failure> {
    read_line(prompt).map(|line| Password::new(&line))
}

/// As [`read`], a secret of another kind.
pub(crate) fn read_line(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    let mut text = if std::io::stdin().is_terminal() {
        Zeroizing::new(rpassword::prompt_password(prompt).map_err(|error| {
            Failure::unusable(format!("no password could be read: {error}; pipe it in on standard input instead"))
        })?)
    } else {
        // Reserved in full, so that nothing half-read is left behind unwiped by growing.
        let mut text = Zeroizing::new(String::with_capacity(MAX_INPUT + 64));
        std::io::stdin().take(MAX_INPUT as u64).read_to_string(&mut text)?;
        text
    };
    let line = text.lines().next().unwrap_or_default().len();
    text.truncate(line);
    Ok(text)
}
