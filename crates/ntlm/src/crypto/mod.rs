//! The primitives of MS-NLMP 3.4 and 6: the only place that names MD4, MD5, HMAC, DES, RC4 and CRC-32.
//!
//! Not part of the API: public for this project's own known-answer tests, fuzz targets and benchmarks.

mod crc32;
mod key_stream;
mod md5;
mod rc4;

use des::Des;
use des::cipher::{Block, BlockCipherEncrypt, Key, KeyInit as _};
use md4::{Digest as _, Md4};
use zeroize::{Zeroize, Zeroizing};

pub use self::crc32::Crc32;
pub use self::key_stream::{KeyStream, KeyStreamOf};
pub use self::md5::{
    Backlog, Blocks, HmacMd5, HmacMd5Backlog, HmacMd5Blocks, HmacMd5Message, HmacMd5OfNewKey, HmacMd5Pads, Md5,
    Nothing, md5_two,
};
pub use self::rc4::{Entry, Rc4, Rc4Of};

/// Overwrites a secret that is done with: many bytes at a time, which [`Zeroize`] does one by one. The barrier keeps the compiler from leaving it out.
#[inline(always)]
pub(crate) fn wipe<T: Wipe>(secret: &mut T) {
    *secret = T::ZERO;
    zeroize::optimization_barrier(secret);
}

/// What is overwritten when it is done with: plain numbers, and arrays of them.
pub trait Wipe: Copy {
    /// What remains.
    const ZERO: Self;
}

impl Wipe for u8 {
    const ZERO: Self = 0;
}

impl Wipe for u32 {
    const ZERO: Self = 0;
}

impl<T: Wipe, const N: usize> Wipe for [T; N] {
    const ZERO: Self = [T::ZERO; N];
}

/// MD4 over the concatenation of `pieces`.
#[must_use]
pub fn md4(pieces: &[&[u8]]) -> [u8; 16] {
    let mut digest = Md4::new();
    for piece in pieces {
        digest.update(piece);
    }
    digest.finalize().into()
}

/// MD5 over the concatenation of `pieces`.
#[must_use]
pub fn md5(pieces: &[&[u8]]) -> [u8; 16] {
    let mut digest = Md5::new();
    for piece in pieces {
        digest.update(piece);
    }
    digest.finish()
}

/// HMAC-MD5 over the concatenation of `pieces`.
#[must_use]
pub fn hmac_md5(key: &[u8; 16], pieces: &[&[u8]]) -> [u8; 16] {
    HmacMd5::new(key).compute(pieces)
}

/// `DES(K, D)` of MS-NLMP 6: one block under a 7-byte key.
#[must_use]
pub fn des(key: &[u8; 7], block: [u8; 8]) -> [u8; 8] {
    let mut spread = Key::<Des>::from(des_key(key));
    let mut output = Block::<Des>::from(block);
    Des::new(&spread).encrypt_block(&mut output);
    spread.as_mut_slice().zeroize();
    output.into()
}

/// The 8-byte DES key of a 7-byte key: seven bits to a byte, in its upper bits; the lowest is DES' parity bit, which nobody looks at.
#[must_use]
pub fn des_key(key: &[u8; 7]) -> [u8; 8] {
    let [a, b, c, d, e, f, g] = (*key).map(u16::from);
    [a, a << 7 | b >> 1, b << 6 | c >> 2, c << 5 | d >> 3, d << 4 | e >> 4, e << 3 | f >> 5, f << 2 | g >> 6, g << 1]
        .map(|bits| (bits & 0xff) as u8)
}

/// `DESL(K, D)` of MS-NLMP 6: one block under the three DES keys in 16 bytes.
#[must_use]
pub fn desl(key: &[u8; 16], block: [u8; 8]) -> [u8; 24] {
    let mut padded = Zeroizing::new([0; 21]);
    padded.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut output = [0; 24];
    for (part, key) in output.as_chunks_mut::<8>().0.iter_mut().zip(padded.as_chunks::<7>().0) {
        *part = des(key, block);
    }
    output
}
