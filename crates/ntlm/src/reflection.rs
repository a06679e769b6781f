//! A guard against reflection: a process that is both client and server must not answer its own challenges (MS08-068 and its successors).

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Number of challenges that are remembered one by one; 16 KiB.
const SLOTS: usize = 4096;
/// How many slots are tried for a challenge.
const PROBES: usize = 64;

/// The challenges that the servers of this process have outstanding.
///
/// Shared by a [`ServerConfig`](crate::config::ServerConfig) and a [`ClientConfig`](crate::config::ClientConfig) through an `Arc`. Bounded, lock-free, and
/// closed when it fails: none that is outstanding is ever forgotten. While more are outstanding than it can tell apart, about four thousand, it
/// takes every challenge for its own, and the clients of this process wait.
pub struct ReflectionGuard {
    /// Half of each challenge; 0 for a free slot. A stranger's challenge is taken for one of ours once in 2^26 times at worst.
    slots: [AtomicU32; SLOTS],
    /// Outstanding challenges that found no slot.
    untold: AtomicU32,
    /// Whether there ever was a challenge: a process that is a client alone need not look for any.
    used: AtomicBool,
}

impl ReflectionGuard {
    /// A guard that remembers nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { slots: [const { AtomicU32::new(0) }; SLOTS], untold: AtomicU32::new(0), used: AtomicBool::new(false) }
    }

    /// Remembers a challenge that was issued.
    pub fn issued(&self, challenge: [u8; 8]) {
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Release);
        }
        let mark = mark(challenge);
        let taken = |slot: &AtomicU32| slot.compare_exchange(0, mark, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if !self.probes(challenge).any(taken) {
            self.untold.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Forgets a challenge that was answered or given up. To be called once for each that was issued.
    pub fn done(&self, challenge: [u8; 8]) {
        let mark = mark(challenge);
        let freed = |slot: &AtomicU32| slot.compare_exchange(mark, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if !self.probes(challenge).any(freed) {
            // Never below zero: a challenge that nobody issued changes nothing.
            let _ = self.untold.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |untold| untold.checked_sub(1));
        }
    }

    /// Whether a challenge may be one of ours.
    #[must_use]
    pub fn is_own(&self, challenge: [u8; 8]) -> bool {
        if !self.used.load(Ordering::Acquire) {
            return false;
        }
        let mark = mark(challenge);
        self.untold.load(Ordering::Acquire) > 0
            || self.probes(challenge).any(|slot| slot.load(Ordering::Acquire) == mark)
    }

    /// The slots that a challenge may be in. Challenges are random, so their first bits are as good a hash as any.
    fn probes(&self, [low, high, ..]: [u8; 8]) -> impl Iterator<Item = &AtomicU32> {
        let first = usize::from(u16::from_le_bytes([low, high])) % SLOTS;
        let (before, from) = self.slots.split_at(first);
        // Two slices, so that looking through them is two short loops.
        let from = from.get(..PROBES).unwrap_or(from);
        let before = before.get(..PROBES - from.len()).unwrap_or(before);
        from.iter().chain(before)
    }
}

/// What is kept of a challenge: its second half, never 0.
fn mark([.., a, b, c, d]: [u8; 8]) -> u32 {
    u32::from_le_bytes([a, b, c, d]).max(1)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The `n`-th of challenges that all want the same slot.
    fn colliding(n: u32) -> [u8; 8] {
        let [a, b, c, d] = (n + 1).to_le_bytes();
        [7, 7, 0, 0, a, b, c, d]
    }

    #[test]
    fn many_other_challenges_do_not_make_it_forget_one() {
        let guard = ReflectionGuard::new();
        guard.issued([9; 8]);
        for n in 0..100_000_u64 {
            let other = n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
            guard.issued(other);
            guard.done(other);
            assert!(guard.is_own([9; 8]));
        }
        guard.done([9; 8]);
        assert!(!guard.is_own([9; 8]));
    }

    #[test]
    fn challenges_in_one_place_are_told_apart_and_none_is_lost() {
        let guard = ReflectionGuard::new();
        let all = || (0..200).map(colliding);
        all().for_each(|challenge| guard.issued(challenge));
        assert!(all().all(|challenge| guard.is_own(challenge)));
        assert!(guard.is_own([1; 8]), "too many to tell: everything is taken for its own");
        all().for_each(|challenge| guard.done(challenge));
        assert!(!all().any(|challenge| guard.is_own(challenge)));
        assert!(!guard.is_own([1; 8]));
        assert!(!guard.is_own([0; 8]));
    }
}
