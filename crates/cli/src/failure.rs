//! Errors for people: what happened, why, what to do next.

use std::process::ExitCode;

/// Why a command failed, and the exit status that says so.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    status: u8,
}

/// The command did what it was asked, and the answer is no: a logon refused, a check failed.
pub(crate) const STATUS_NO: u8 = 1;

/// The input cannot be used: malformed tokens, unreadable files, wrong arguments (clap uses it too).
pub(crate) const STATUS_UNUSABLE: u8 = 2;

impl Failure {
    /// An input that cannot be used.
    pub(crate) fn unusable(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: STATUS_UNUSABLE }
    }

    /// The answer is no.
    pub(crate) fn no(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: STATUS_NO }
    }

    /// Something else, with an exit status that the command's help explains.
    pub(crate) fn with_status(message: impl Into<String>, status: u8) -> Self {
        Self { message: message.into(), status }
    }

    /// Prints the message to stderr and gives the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        anstream::eprintln!("ntlm: {}", self.message);
        ExitCode::from(self.status)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::unusable(format!("input or output failed: {error}"))
    }
}

impl From<ntlm::Error> for Failure {
    fn from(error: ntlm::Error) -> Self {
        Self::no(error.to_string())
    }
}
