//! New passwords: asked for twice on a terminal, one line of standard input otherwise.

use std::io::IsTerminal as _;

use clap::Args;
use ntlm::{NtHash, Password};
use ntlm_accounts::AccountName;
use ntlm_accounts::line;
use zeroize::Zeroizing;

use super::database::Shown;
use crate::failure::Failure;
use crate::password;

/// What is read.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct SecretArguments {
    /// Reads the NT hash of the password, 32 hex digits, instead of the password.
    #[arg(long)]
    nt_hash: bool,
}

impl SecretArguments {
    /// The hash of the new password of an account.
    pub(super) fn read(self, name: &AccountName) -> Result<NtHash, Failure> {
        let what = if self.nt_hash { "NT hash" } else { "Password" };
        let text = password::read_line(&format!("{what} of {}: ", Shown(name)))?;
        if !self.nt_hash && std::io::stdin().is_terminal() {
            again(&text)?;
        }
        let hash = match self.nt_hash {
            true => line::nt_hash(text.trim()).ok_or_else(|| {
                Failure::unusable("this is no NT hash: it has 32 hex digits, and placeholders for none do not count")
            })?,
            false => Password::new(&text).nt_hash(),
        };
        if hash.is_of_empty_password() {
            return Err(Failure::unusable("the password is empty, and would let everybody in; give another"));
        }
        Ok(hash)
    }
}

fn again(text: &Zeroizing<String>) -> Result<(), Failure> {
    let second = password::read_line("Once more: ")?;
    match second == *text {
        true => Ok(()),
        false => Err(Failure::unusable("the two passwords differ; nothing was changed")),
    }
}
