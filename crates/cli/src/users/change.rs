//! `add`, `passwd`, `disable`, `enable`, `remove`: one account, one change.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use ntlm::LogonFailure;
use ntlm_accounts::sqlite::{ChangeError, Refusal};
use ntlm_accounts::{Account, AccountName};

use super::database::{Shown, failed, no_such_account, open, open_if_there, open_or_create};
use super::secret::SecretArguments;
use crate::environment::now;
use crate::failure::Failure;

/// Adds an account; makes the database where there is none.
///
/// The password is asked for twice, or read as one line from standard input when that is no terminal; never given on the command line,
/// where every user of this machine can read it.
#[derive(Debug, Args)]
pub(super) struct AddArguments {
    /// The account: `DOMAIN\user`, `user`, or `user@dns.domain`.
    #[arg(value_name = "NAME")]
    name: String,

    #[command(flatten)]
    secret: SecretArguments,

    /// Adds it so that it cannot log on yet.
    #[arg(long)]
    disabled: bool,
}

/// Gives an account another password, which is asked for as `add` does.
#[derive(Debug, Args)]
pub(super) struct PasswdArguments {
    /// The account.
    #[arg(value_name = "NAME")]
    name: String,

    #[command(flatten)]
    secret: SecretArguments,
}

/// Removes an account.
#[derive(Debug, Args)]
pub(super) struct RemoveArguments {
    /// The account.
    #[arg(value_name = "NAME")]
    name: String,
}

/// Disables an account: nobody logs on with it until it is enabled again.
#[derive(Debug, Args)]
pub(super) struct DisableArguments {
    /// The account.
    #[arg(value_name = "NAME")]
    name: String,
}

/// Enables an account that was disabled.
#[derive(Debug, Args)]
pub(super) struct EnableArguments {
    /// The account.
    #[arg(value_name = "NAME")]
    name: String,
}

pub(super) fn add(path: &Path, arguments: &AddArguments) -> Result<ExitCode, Failure> {
    let name = AccountName::parse(&arguments.name);
    // What is wrong is said before anybody types a password.
    if !name.can_be_kept() {
        return Err(Failure::unusable(Refusal::OddName.to_string()));
    }
    let there = open_if_there(path)?;
    if let Some(store) = &there
        && store.get(&name)?.is_some()
    {
        return Err(failed(ChangeError::Refused(Refusal::Exists), &name, store));
    }
    let nt_hash = Some(Box::new(arguments.secret.read(&name)?));
    let barred = arguments.disabled.then_some(LogonFailure::ACCOUNT_DISABLED);
    let store = there.map_or_else(|| open_or_create(path), Ok)?;
    let account = Account { name, nt_hash, barred };
    store.add(&account, now()).map_err(|error| failed(error, &account.name, &store))?;
    done("added", &account.name)
}

pub(super) fn passwd(path: &Path, arguments: &PasswdArguments) -> Result<ExitCode, Failure> {
    let (store, name) = (open(path)?, AccountName::parse(&arguments.name));
    if store.get(&name)?.is_none() {
        return Err(no_such_account(&name, &store));
    }
    let hash = arguments.secret.read(&name)?;
    store.set_nt_hash(&name, &hash, now()).map_err(|error| failed(error, &name, &store))?;
    done("changed the password of", &name)
}

pub(super) fn remove(path: &Path, arguments: &RemoveArguments) -> Result<ExitCode, Failure> {
    let (store, name) = (open(path)?, AccountName::parse(&arguments.name));
    store.remove(&name).map_err(|error| failed(error, &name, &store))?;
    done("removed", &name)
}

pub(super) fn disable(path: &Path, arguments: &DisableArguments) -> Result<ExitCode, Failure> {
    set_disabled(path, &arguments.name, true)
}

pub(super) fn enable(path: &Path, arguments: &EnableArguments) -> Result<ExitCode, Failure> {
    set_disabled(path, &arguments.name, false)
}

fn set_disabled(path: &Path, name: &str, disabled: bool) -> Result<ExitCode, Failure> {
    let (store, name) = (open(path)?, AccountName::parse(name));
    store.set_disabled(&name, disabled, now()).map_err(|error| failed(error, &name, &store))?;
    done(if disabled { "disabled" } else { "enabled" }, &name)
}

/// Says what was done, which is on the disk by now.
fn done(what: &str, name: &AccountName) -> Result<ExitCode, Failure> {
    anstream::println!("{what} {}", Shown(name));
    Ok(ExitCode::SUCCESS)
}
