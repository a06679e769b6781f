//! `ntlm auth`.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;

use crate::failure::Failure;

/// Not written yet.
#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments) -> Result<ExitCode, Failure> {
    Err(Failure::unusable("not written yet"))
}

/// Whether the program was run under the name `ntlm_auth`.
pub(crate) fn is_ntlm_auth(_: &[OsString]) -> bool {
    false
}

/// The arguments of `ntlm_auth` as those of `ntlm auth`.
pub(crate) fn as_subcommand(arguments: Vec<OsString>) -> Vec<OsString> {
    arguments
}
