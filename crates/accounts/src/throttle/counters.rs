//! Counters of failures, in a fixed amount of memory.
//!
//! A counter is found by a 64-bit fingerprint, which a keyed hash makes of a name or an address; the name itself is not kept. The fingerprint chooses one of many buckets of
//! [`BUCKET`] counters, each with a lock of its own. In a full bucket a new counter takes the place of the one with the fewest failures, of several of those the oldest.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many counters share a bucket.
pub(super) const BUCKET: usize = 8;

/// When failures are too many, and what is then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Failures that block; 0 never does.
    pub(super) limit: u32,
    /// How long failures count.
    pub(super) window: Duration,
    /// Whether each failure begins the window anew; otherwise the first one begins it.
    pub(super) slides: bool,
    /// How long a block lasts, from the beginning of the window.
    pub(super) block: Duration,
}

/// What became of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// It was counted.
    Counted,
    /// It was one too many: blocked from now on.
    Blocks,
    /// It does not count, because there is a block already.
    WasBlocked,
}

/// Counters under one rule.
pub(super) struct Counters {
    rule: Rule,
    buckets: Box<[Mutex<Vec<Counter>>]>,
}

struct Counter {
    fingerprint: u64,
    failures: u32,
    /// When the window began.
    since: Instant,
}

impl Counters {
    /// Room for `capacity` counters, rounded to whole buckets, one at the least. Little of it is taken before there are failures.
    pub(super) fn new(rule: Rule, capacity: usize) -> Self {
        let buckets = (capacity / BUCKET).max(1);
        Self { rule, buckets: (0..buckets).map(|_| Mutex::default()).collect() }
    }

    /// For how long `fingerprint` is blocked; `None` when it is not.
    pub(super) fn blocked(&self, fingerprint: u64, now: Instant) -> Option<Duration> {
        let bucket = self.bucket(fingerprint)?;
        let counter = bucket.iter().find(|counter| counter.fingerprint == fingerprint)?;
        if self.blocks(counter) { self.rest(counter, now) } else { None }
    }

    /// Counts a failure.
    pub(super) fn fail(&self, fingerprint: u64, now: Instant) -> Failed {
        let Some(mut bucket) = self.bucket(fingerprint) else { return Failed::Counted };
        bucket.retain(|counter| self.rest(counter, now).is_some());
        if let Some(counter) = bucket.iter_mut().find(|counter| counter.fingerprint == fingerprint) {
            if self.blocks(counter) {
                return Failed::WasBlocked;
            }
            counter.failures += 1;
            if self.rule.slides {
                counter.since = now;
            }
            return if self.blocks(counter) { Failed::Blocks } else { Failed::Counted };
        }
        if bucket.len() >= BUCKET {
            let least = bucket.iter().enumerate().min_by_key(|(_, counter)| (counter.failures, counter.since));
            if let Some((position, _)) = least {
                bucket.swap_remove(position);
            }
        }
        let counter = Counter { fingerprint, failures: 1, since: now };
        let blocks = self.blocks(&counter);
        bucket.push(counter);
        if blocks { Failed::Blocks } else { Failed::Counted }
    }

    /// Forgets the failures, unless they block.
    pub(super) fn forgive(&self, fingerprint: u64, now: Instant) {
        if let Some(mut bucket) = self.bucket(fingerprint) {
            let kept = |counter: &Counter| counter.fingerprint != fingerprint || self.blocks(counter);
            bucket.retain(|counter| self.rest(counter, now).is_some() && kept(counter));
        }
    }

    /// Bytes on the heap.
    pub(super) fn memory(&self) -> usize {
        let held = |bucket: &Mutex<Vec<Counter>>| size_of_val(bucket) + lock(bucket).capacity() * size_of::<Counter>();
        self.buckets.iter().map(held).sum()
    }

    /// The bucket of `fingerprint`; `None` when nothing is counted.
    fn bucket(&self, fingerprint: u64) -> Option<MutexGuard<'_, Vec<Counter>>> {
        if self.rule.limit == 0 {
            return None;
        }
        // The upper half of the fingerprint, scaled to the number of buckets.
        let position = (u128::from(fingerprint) * self.buckets.len() as u128) >> 64;
        usize::try_from(position).ok().and_then(|position| self.buckets.get(position)).map(lock)
    }

    fn blocks(&self, counter: &Counter) -> bool {
        counter.failures >= self.rule.limit
    }

    /// How long `counter` still counts; `None` when that is over.
    fn rest(&self, counter: &Counter, now: Instant) -> Option<Duration> {
        let lasts = if self.blocks(counter) { self.rule.block } else { self.rule.window };
        lasts.checked_sub(now.saturating_duration_since(counter.since)).filter(|rest| !rest.is_zero())
    }
}

fn lock(bucket: &Mutex<Vec<Counter>>) -> MutexGuard<'_, Vec<Counter>> {
    bucket.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counters").field("rule", &self.rule).field("buckets", &self.buckets.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, RandomState};

    use super::*;

    fn rule(limit: u32) -> Rule {
        Rule { limit, window: Duration::from_secs(600), slides: true, block: Duration::from_secs(600) }
    }

    /// Fingerprints of so many names.
    fn names(count: u32) -> impl Iterator<Item = u64> {
        let hash = RandomState::new();
        (0..count).map(move |number| hash.hash_one(number))
    }

    #[test]
    fn a_million_names_take_no_more_memory_than_there_is_room_for() {
        let (counters, now) = (Counters::new(rule(10), 4_096), Instant::now());
        let empty = counters.memory();
        for name in names(1_000_000) {
            counters.fail(name, now);
        }
        assert!(counters.memory() <= empty + 4_096 * size_of::<Counter>());
        assert!(counters.buckets.iter().all(|bucket| lock(bucket).len() == BUCKET));
        // Nothing of it is left when everything has expired and a name comes along.
        let later = now + Duration::from_secs(600);
        for name in names(100_000) {
            counters.fail(name, later);
            counters.forgive(name, later);
        }
        assert!(counters.buckets.iter().all(|bucket| lock(bucket).is_empty()));
    }

    #[test]
    fn a_flood_of_names_makes_no_other_counter_forget() {
        let (counters, now) = (Counters::new(rule(10), 4_096), Instant::now());
        let (locked, counted) = (7_u64 << 32, 7_u64 << 33);
        assert!((0..10).any(|_| counters.fail(locked, now) == Failed::Blocks));
        assert!((0..9).all(|_| counters.fail(counted, now) == Failed::Counted));
        // Each fails twice, a hundred times as many as there is room for.
        for name in names(400_000) {
            counters.fail(name, now);
            counters.fail(name, now);
        }
        assert!(counters.blocked(locked, now).is_some());
        assert_eq!(counters.fail(counted, now), Failed::Blocks);
    }

    #[test]
    fn in_a_full_bucket_the_fewest_failures_go_first_and_of_those_the_oldest() {
        let (counters, now) = (Counters::new(rule(10), 1), Instant::now());
        let at = |second| now + Duration::from_secs(second);
        for name in 0..BUCKET as u64 {
            counters.fail(name, at(name));
        }
        // 0 is the oldest, and has more failures now.
        counters.fail(0, at(0));
        counters.fail(100, at(20));
        let kept: Vec<u64> = lock(&counters.buckets[0]).iter().map(|counter| counter.fingerprint).collect();
        assert_eq!((kept.len(), kept.contains(&0), kept.contains(&1)), (BUCKET, true, false));
    }

    #[test]
    fn every_fingerprint_has_a_bucket() {
        for capacity in [0, 1, 7, 8, 100, 65_536] {
            let counters = Counters::new(rule(1), capacity);
            assert_eq!(counters.buckets.len(), (capacity / BUCKET).max(1));
            for fingerprint in [0, 1, u64::MAX / 2, u64::MAX] {
                assert_eq!(counters.fail(fingerprint, Instant::now()), Failed::Blocks);
            }
        }
    }

    #[test]
    fn a_success_that_comes_too_late_does_not_end_a_block() {
        let (counters, now) = (Counters::new(rule(1), 8), Instant::now());
        assert_eq!(counters.fail(1, now), Failed::Blocks);
        counters.forgive(1, now);
        assert!(counters.blocked(1, now).is_some());
        counters.forgive(1, now + Duration::from_secs(600));
        assert!(lock(&counters.buckets[0]).is_empty());
    }

    #[test]
    fn a_clock_that_goes_back_a_little_does_no_harm() {
        let (counters, now) = (Counters::new(rule(2), 8), Instant::now() + Duration::from_secs(10));
        counters.fail(1, now);
        let before = now - Duration::from_secs(5);
        assert_eq!(counters.fail(1, before), Failed::Blocks);
        assert_eq!(counters.blocked(1, before), Some(Duration::from_secs(600)));
    }
}
