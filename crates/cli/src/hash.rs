//! `ntlm hash`.

use std::process::ExitCode;

use clap::Args;

use crate::failure::Failure;

/// Not written yet.
#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments) -> Result<ExitCode, Failure> {
    Err(Failure::unusable("not written yet"))
}
