//! `list` and `show`: what there is, without the hashes.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use ntlm::{FileTime, UnicodeString};
use ntlm_accounts::AccountName;
use ntlm_accounts::sqlite::StoredAccount;
use serde_json::{Value, json};

use super::database::{Shown, no_such_account, open};
use crate::failure::Failure;
use crate::output::{self, BAD, DIM, FIELD, GOOD, HEADING, WARNING, styled};

/// Lists the accounts.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Shows an account, without its hash.
#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// The account.
    #[arg(value_name = "NAME")]
    name: String,

    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn list(path: &Path, arguments: &ListArguments) -> Result<ExitCode, Failure> {
    let store = open(path)?;
    let accounts = store.list()?;
    if arguments.json {
        anstream::println!("{:#}", accounts.iter().map(as_json).collect::<Value>());
        return Ok(ExitCode::SUCCESS);
    }
    let names = accounts.iter().map(|stored| Shown(&stored.account.name).to_string()).collect::<Vec<_>>();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default().max(4);
    anstream::println!("{}", styled(HEADING, format!("{:width$}  STATE        PASSWORD SET", "NAME")));
    for (name, stored) in names.iter().zip(&accounts) {
        let (style, state) = state(stored);
        let set = stored.password_changed.map_or_else(|| "never".to_owned(), day);
        anstream::println!("{name:width$}  {}  {}", styled(style, format!("{state:11}")), styled(DIM, set));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn show(path: &Path, arguments: &ShowArguments) -> Result<ExitCode, Failure> {
    let (store, name) = (open(path)?, AccountName::parse(&arguments.name));
    let Some(stored) = store.get(&name)? else { return Err(no_such_account(&name, &store)) };
    if arguments.json {
        anstream::println!("{:#}", as_json(&stored));
        return Ok(ExitCode::SUCCESS);
    }
    let line = |name: &str, value: &dyn std::fmt::Display| {
        anstream::println!("{}  {value}", styled(FIELD, format!("{name:12}")));
    };
    let (style, state) = state(&stored);
    line("name", &Shown(&stored.account.name));
    line("state", &styled(style, state));
    line("password set", &stored.password_changed.map_or_else(|| "never".to_owned(), day));
    line("made", &day(stored.created));
    line("changed", &day(stored.changed));
    Ok(ExitCode::SUCCESS)
}

fn state(stored: &StoredAccount) -> (anstyle::Style, &'static str) {
    match (&stored.account.barred, &stored.account.nt_hash) {
        (Some(_), _) => (BAD, "disabled"),
        (None, None) => (WARNING, "no password"),
        (None, Some(_)) => (GOOD, "enabled"),
    }
}

/// A time to the second.
fn day(time: FileTime) -> String {
    output::time(time).replace(".0000000", "")
}

fn as_json(stored: &StoredAccount) -> Value {
    let account = &stored.account;
    // RFC 3339.
    let time = |time: FileTime| {
        let since = time.to_unix().and_then(|since| i64::try_from(since.as_secs()).ok());
        since.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok()).map(|time| time.to_string())
    };
    json!({
        "domain": account.name.domain().map(UnicodeString::to_string_lossy),
        "user": account.name.user().to_string_lossy(),
        "disabled": account.barred.is_some(),
        "has_password": account.nt_hash.is_some(),
        "created": time(stored.created),
        "changed": time(stored.changed),
        "password_changed": stored.password_changed.and_then(time),
    })
}
