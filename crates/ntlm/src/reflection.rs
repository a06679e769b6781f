//! A guard against reflection: a process that is both client and server must not answer its own challenges (MS08-068 and its successors).

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

/// Number of challenges remembered; 32 KiB.
const SLOTS: usize = 4096;

/// The challenges that the servers of this process have outstanding.
///
/// Shared by a [`ServerConfig`](crate::config::ServerConfig) and a [`ClientConfig`](crate::config::ClientConfig) through an `Arc`. Bounded and
/// lock-free: of more than 4,096 outstanding challenges some are forgotten, never one is made up.
pub struct ReflectionGuard([AtomicU64; SLOTS]);

impl ReflectionGuard {
    /// A guard that remembers nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; SLOTS])
    }

    /// Remembers a challenge that was issued.
    pub fn issued(&self, challenge: [u8; 8]) {
        self.slot(challenge).store(u64::from_le_bytes(challenge), Ordering::Relaxed);
    }

    /// Forgets a challenge that was answered or given up.
    pub fn done(&self, challenge: [u8; 8]) {
        let _ = self.slot(challenge).compare_exchange(
            u64::from_le_bytes(challenge),
            0,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }

    /// Whether a challenge is one of ours. The all-zero challenge never is.
    #[must_use]
    pub fn is_own(&self, challenge: [u8; 8]) -> bool {
        challenge != [0; 8] && self.slot(challenge).load(Ordering::Relaxed) == u64::from_le_bytes(challenge)
    }

    // The remainder is below the number of slots.
    #[allow(clippy::indexing_slicing)]
    fn slot(&self, challenge: [u8; 8]) -> &AtomicU64 {
        // Challenges are random, so their low bits are as good a hash as any.
        let [low, high, ..] = challenge;
        &self.0[usize::from(u16::from_le_bytes([low, high])) % SLOTS]
    }
}

impl Default for ReflectionGuard {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ReflectionGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReflectionGuard")
    }
}
