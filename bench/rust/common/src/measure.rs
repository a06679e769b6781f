//! Rates, memory, time.

use std::time::Duration;

/// A rate is the median of so many.
const SLICES: u32 = 11;

/// Which time counts.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// Of all threads of the process.
    Processor,
    Wall,
}

impl Clock {
    pub fn now(self) -> Duration {
        let clock = match self {
            Self::Processor => libc::CLOCK_PROCESS_CPUTIME_ID,
            Self::Wall => libc::CLOCK_MONOTONIC,
        };
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the pointer is to a timespec that outlives the call.
        assert_eq!(unsafe { libc::clock_gettime(clock, &raw mut time) }, 0, "no clock");
        Duration::new(time.tv_sec.try_into().expect("a time"), time.tv_nsec.try_into().expect("a time"))
    }
}

/// How often a second a job runs. `turn` does it so many times, and says how long what counts of it took.
pub fn rate(budget: Duration, mut turn: impl FnMut(usize) -> Duration) -> f64 {
    let slice = budget / SLICES;
    let mut times = 1;
    let took = loop {
        let took = turn(times);
        if took >= slice / 4 {
            break took;
        }
        times *= 2;
    };
    let times = ((times as f64 * slice.as_secs_f64() / took.as_secs_f64()) as usize).max(1);
    let mut rates: Vec<f64> = (0..SLICES).map(|_| times as f64 / turn(times).as_secs_f64()).collect();
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Bytes that malloc has given out.
pub(crate) fn in_use() -> usize {
    // SAFETY: no arguments, no conditions.
    unsafe { libc::mallinfo2() }.uordblks
}

/// Bytes of the process that are in memory.
pub(crate) fn resident() -> i64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("/proc");
    let pages: i64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
    // SAFETY: no conditions.
    pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) }
}
