//! The system's clock, for decorators that were given no other.

use std::time::SystemTime;

use ntlm::FileTime;

/// Now. A clock before 1970 gives 1970.
pub(crate) fn now() -> FileTime {
    FileTime::from_unix(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default())
}
