//! Mistakes on purpose, which prove that a sanitizer is on inside the library. Built by `sanitize.sh` alone, with `--cfg sanitizer_canary`.

use std::cell::UnsafeCell;
use std::hint::black_box;
use std::sync::{Mutex, PoisonError, RwLock};

/// Reads the byte behind a block of `length` bytes, or, when `length` is 0, the last one of a block of 16.
#[unsafe(no_mangle)]
pub extern "C" fn ntlm_sspi_asan_canary(length: usize) -> u8 {
    let (block, place) = match length {
        0 => (vec![7_u8; 16], 15),
        length => (vec![7_u8; length], length),
    };
    let block = black_box(block);
    // SAFETY: there is none for any length but 0, and that is the point: AddressSanitizer ends the process here.
    unsafe { black_box(block.as_ptr().wrapping_add(place)).read() }
}

/// A number that all threads may change, whether they should or not.
struct Shared(UnsafeCell<u64>);

// SAFETY: there is none, and that is the point: what keeps threads apart, `ntlm_sspi_tsan_canary` chooses.
unsafe impl Sync for Shared {}

/// Adds one to a number that all threads share, under a lock that keeps them apart: 0 for a mutex, 1 for a lock for readers and writers; or under one that does
/// not: 2 for a mutex of each call's own, others for none.
#[unsafe(no_mangle)]
pub extern "C" fn ntlm_sspi_tsan_canary(lock: usize) {
    static NUMBERS: [Shared; 4] = [const { Shared(UnsafeCell::new(0)) }; 4];
    static MUTEX: Mutex<()> = Mutex::new(());
    static WRITE: RwLock<()> = RwLock::new(());
    let [by_mutex, by_write, by_own, by_nothing] = &NUMBERS;
    match lock {
        0 => {
            let _guard = MUTEX.lock().unwrap_or_else(PoisonError::into_inner);
            add(by_mutex);
        }
        1 => {
            let _guard = WRITE.write().unwrap_or_else(PoisonError::into_inner);
            add(by_write);
        }
        2 => {
            let own = black_box(Mutex::new(()));
            let _guard = own.lock().unwrap_or_else(PoisonError::into_inner);
            add(by_own);
        }
        _ => add(by_nothing),
    }
}

fn add(number: &Shared) {
    // SAFETY: the lock that was chosen, or none: ThreadSanitizer says.
    unsafe { *number.0.get() += 1 }
}
