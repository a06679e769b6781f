//! Passwords from a prompt or from standard input, never from the command line, where every user of the machine can read them.

use std::io::{IsTerminal as _, Read as _};

use ntlm::Password;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Asks for a password on the terminal, or reads one line from standard input when that is no terminal.
pub(crate) fn read(prompt: &str) -> Result<Password, Failure> {
    let text = if std::io::stdin().is_terminal() {
        Zeroizing::new(rpassword::prompt_password(prompt).map_err(|error| {
            Failure::unusable(format!("no password could be read: {error}; pipe it in on standard input instead"))
        })?)
    } else {
        let mut text = Zeroizing::new(String::with_capacity(1024));
        std::io::stdin().take(64 * 1024).read_to_string(&mut text)?;
        text
    };
    Ok(Password::new(text.lines().next().unwrap_or_default()))
}
