//! The outside world as SSPI needs it: time, local time, randomness, and what happens to be worth a log line.

use std::fmt;
use std::sync::Arc;

use ntlm::{Entropy, FileTime};

/// The outside world. One of it serves all threads.
pub trait Environment: Send + Sync {
    /// The time.
    fn now(&self) -> FileTime;

    /// `time` on the clock on the wall: SSPI tells expiry in local time.
    fn to_local(&self, time: FileTime) -> FileTime;

    /// Randomness, fresh for each call: after a fork, parent and child must not share any.
    ///
    /// # Errors
    ///
    /// [`ntlm::EntropyError`] when there is none.
    fn random(&self, bytes: &mut [u8]) -> Result<(), ntlm::EntropyError>;

    /// Something that an administrator may want to read: why a logon was refused. Never secrets.
    fn log(&self, message: fmt::Arguments<'_>) {
        let _ = message;
    }
}

/// An environment as the core takes randomness.
pub(crate) struct Random<'a>(pub(crate) &'a dyn Environment);

impl Entropy for Random<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), ntlm::EntropyError> {
        self.0.random(bytes)
    }
}

/// An environment that packages and contexts share.
pub type SharedEnvironment = Arc<dyn Environment>;

/// The expiry of what never expires: about a day below the largest FILETIME, so that callers who convert it do not overflow.
pub const NEVER: FileTime = FileTime(0x7fff_ff36_d596_9fff);
