//! `ntlm users`: the accounts of a database.

mod change;
mod database;
mod secret;
mod show;
mod transfer;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::failure::Failure;

const AFTER_HELP: &str = "\
A name is `DOMAIN\\user`, or `user` for an account of this machine, or `user@dns.domain`; upper and lower case are the same.

The database is the file of --db; else the one that the configuration NTLM_CONFIG names ([accounts] database = \"...\"); else \
ntlm/accounts.db in your directory for data ($XDG_DATA_HOME, or ~/.local/share). `add` and `import` make it, for its owner alone. It \
holds NT hashes, which are as good as the passwords: keep it like them. Servers see a change at once.

Exit status: 0 when it is done and on the disk; 1 when the answer is no: there is no such account, there is one already, a line of an \
import is no account; 2 when something cannot be read, written or understood.

Examples:
  ntlm users add 'EXAMPLE\\alice'
  printf 'secret\\n' | ntlm users --db a.db add 'EXAMPLE\\alice'
  ntlm users --db a.db import accounts.txt
  ntlm users list --json
  ntlm users disable 'EXAMPLE\\alice'
  ntlm users export backup.smbpasswd";

/// Keeps the accounts that servers check logons against.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_HELP, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// The database; see below for which it is otherwise.
    #[arg(long, value_name = "FILE", global = true)]
    db: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(change::AddArguments),
    List(show::ListArguments),
    Show(show::ShowArguments),
    Remove(change::RemoveArguments),
    Passwd(change::PasswdArguments),
    Disable(change::DisableArguments),
    Enable(change::EnableArguments),
    Import(transfer::ImportArguments),
    Export(transfer::ExportArguments),
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let path = database::path(arguments.db.as_deref())?;
    match &arguments.command {
        Command::Add(arguments) => change::add(&path, arguments),
        Command::List(arguments) => show::list(&path, arguments),
        Command::Show(arguments) => show::show(&path, arguments),
        Command::Remove(arguments) => change::remove(&path, arguments),
        Command::Passwd(arguments) => change::passwd(&path, arguments),
        Command::Disable(arguments) => change::disable(&path, arguments),
        Command::Enable(arguments) => change::enable(&path, arguments),
        Command::Import(arguments) => transfer::import(&path, arguments),
        Command::Export(arguments) => transfer::export(&path, arguments),
    }
}
