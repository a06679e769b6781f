//! The outside world as arguments: randomness and time. The crate has neither of its own.

use core::fmt;
use core::time::Duration;

/// A source of cryptographically secure random bytes.
///
/// Closures are sources:
///
/// ```
/// use ntlm::env::{Entropy, EntropyError};
///
/// // With the crate `getrandom`: |bytes: &mut [u8]| getrandom::fill(bytes).map_err(|_| EntropyError)
/// let mut exhausted = |_: &mut [u8]| Err(EntropyError);
/// assert!(exhausted.fill(&mut [0; 8]).is_err());
/// ```
pub trait Entropy {
    /// Fills `bytes` with random bytes, or fails and says so. Must never fill with anything predictable: challenges and session
    /// keys are made of this.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] when no randomness can be had; the exchange then fails.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

impl<F: FnMut(&mut [u8]) -> Result<(), EntropyError>> Entropy for F {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self(bytes)
    }
}

/// The random source failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntropyError;

impl fmt::Display for EntropyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the system's random number generator gave no bytes")
    }
}

impl core::error::Error for EntropyError {}

/// A point in time as Windows counts it: units of 100 ns since 1601-01-01 00:00 UTC (FILETIME, MS-DTYP 2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FileTime(pub u64);

impl FileTime {
    /// 1970-01-01 00:00 UTC.
    pub const UNIX_EPOCH: Self = Self(116_444_736_000_000_000);

    /// From the time since 1970-01-01 00:00 UTC, what `SystemTime::now().duration_since(UNIX_EPOCH)` gives.
    #[must_use]
    pub fn from_unix(since: Duration) -> Self {
        Self::UNIX_EPOCH.saturating_add(since)
    }

    /// The time since 1970-01-01 00:00 UTC; `None` for earlier times.
    #[must_use]
    pub fn to_unix(self) -> Option<Duration> {
        let ticks = self.0.checked_sub(Self::UNIX_EPOCH.0)?;
        Some(Duration::from_secs(ticks / 10_000_000) + Duration::from_nanos(ticks % 10_000_000 * 100))
    }

    /// Reads the 8 little-endian bytes of a FILETIME.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(bytes))
    }

    /// The 8 bytes on the wire.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }

    /// The time `after` this one; the last representable time if there is none.
    #[must_use]
    pub fn saturating_add(self, after: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(after.as_nanos() / 100).unwrap_or(u64::MAX)))
    }

    /// How far apart two times are, whichever is first.
    #[must_use]
    pub fn abs_diff(self, other: Self) -> Duration {
        let ticks = self.0.abs_diff(other.0);
        Duration::from_secs(ticks / 10_000_000) + Duration::from_nanos(ticks % 10_000_000 * 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_convert_to_the_unix_epoch_and_back() {
        let since = Duration::new(1_795_368_578, 123_456_700);
        assert_eq!(FileTime::from_unix(since).to_unix(), Some(since));
        assert_eq!(FileTime(0).to_unix(), None);
        assert_eq!(FileTime(0).abs_diff(FileTime(u64::MAX)), FileTime(u64::MAX).abs_diff(FileTime(0)));
        assert_eq!(FileTime(u64::MAX).saturating_add(Duration::from_secs(1)), FileTime(u64::MAX));
    }
}
