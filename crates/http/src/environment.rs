//! The clock and the random numbers of this machine, which the core takes as arguments.

use std::time::SystemTime;

use ntlm::{EntropyError, FileTime};

/// The system's random number generator.
pub(crate) fn entropy(bytes: &mut [u8]) -> Result<(), EntropyError> {
    getrandom::fill(bytes).map_err(|_| EntropyError)
}

/// The time by the system's clock; 1970 for clocks before that.
pub(crate) fn now() -> FileTime {
    FileTime::from_unix(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default())
}
