//! A mistake on purpose, which proves that AddressSanitizer is on inside the library. Built by `sanitize.sh` alone, with `--cfg asan_canary`.

use std::hint::black_box;

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
