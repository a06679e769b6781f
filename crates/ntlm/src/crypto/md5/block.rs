//! The compression function of MD5 (RFC 1321): of one block, of one while a key stream is set up or made, and of two that do not depend on each other.
//!
//! A step of MD5 waits for the step before most of the time. What does not wait for it, other work of the same kind or of another, fits into the gaps and costs little.

use crate::crypto::rc4::{self, Entry, Rc4Of, SetUp};

/// Bytes that are hashed at once.
pub(in crate::crypto) const BLOCK: usize = 64;

pub(in crate::crypto) type State = [u32; 4];

pub(super) const INITIAL: State = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

#[rustfmt::skip]
static CONSTANTS: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee,
    0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be,
    0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa,
    0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed,
    0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c,
    0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05,
    0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039,
    0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1,
    0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

/// The constants of the 64 steps, in a form that keeps their values from the compiler: where it knows them it adds them last, and the next step waits for one more
/// addition, a fifth of its time.
#[inline(always)]
fn constants() -> &'static [u32; 64] {
    core::hint::black_box(&CONSTANTS)
}

/// A word of a block, or the words that stand in one place of several blocks.
trait Word: Copy {
    fn constant(value: u32) -> Self;
    fn add(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    fn not(self) -> Self;
    fn rotate_left(self, bits: u32) -> Self;
}

impl Word for u32 {
    #[inline(always)]
    fn constant(value: u32) -> Self {
        value
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        self & other
    }
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        self | other
    }
    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        self ^ other
    }
    #[inline(always)]
    fn not(self) -> Self {
        !self
    }
    #[inline(always)]
    fn rotate_left(self, bits: u32) -> Self {
        self.rotate_left(bits)
    }
}

/// Of two blocks.
#[derive(Clone, Copy)]
struct Two(u32, u32);

impl Word for Two {
    #[inline(always)]
    fn constant(value: u32) -> Self {
        Self(value, value)
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0), self.1.wrapping_add(other.1))
    }
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Self(self.0 & other.0, self.1 & other.1)
    }
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0, self.1 | other.1)
    }
    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(self.0 ^ other.0, self.1 ^ other.1)
    }
    #[inline(always)]
    fn not(self) -> Self {
        Self(!self.0, !self.1)
    }
    #[inline(always)]
    fn rotate_left(self, bits: u32) -> Self {
        Self(self.0.rotate_left(bits), self.1.rotate_left(bits))
    }
}

/// The 64 steps of RFC 1321, with `$between!(n)` after step n. Registers rotate by name, so that nothing is moved.
macro_rules! steps {
    ($state:expr, $words:ident, $between:ident) => {{
        let constants = constants();
        let before @ [mut a, mut b, mut c, mut d] = $state;
        macro_rules! function {
            (f, $sum:expr, $b:ident, $c:ident, $d:ident) => {
                $sum.add($d.xor($b.and($c.xor($d))))
            };
            (g, $sum:expr, $b:ident, $c:ident, $d:ident) => {
                // The halves of this function have no bit in common: added one by one, only the second waits for the step before.
                $sum.add($d.not().and($c)).add($d.and($b))
            };
            (h, $sum:expr, $b:ident, $c:ident, $d:ident) => {
                $sum.add($b.xor($c.xor($d)))
            };
            (i, $sum:expr, $b:ident, $c:ident, $d:ident) => {
                $sum.add($c.xor($b.or($d.not())))
            };
        }
        macro_rules! step {
            ($n:literal, $function:ident, $a:ident, $b:ident, $c:ident, $d:ident, $word:literal, $bits:literal) => {
                let sum = $a.add($words[$word]).add(Word::constant(constants[$n]));
                $a = Word::rotate_left(function!($function, sum, $b, $c, $d), $bits).add($b);
                $between!($n);
            };
        }
        step!(0, f, a, b, c, d, 0, 7);
        step!(1, f, d, a, b, c, 1, 12);
        step!(2, f, c, d, a, b, 2, 17);
        step!(3, f, b, c, d, a, 3, 22);
        step!(4, f, a, b, c, d, 4, 7);
        step!(5, f, d, a, b, c, 5, 12);
        step!(6, f, c, d, a, b, 6, 17);
        step!(7, f, b, c, d, a, 7, 22);
        step!(8, f, a, b, c, d, 8, 7);
        step!(9, f, d, a, b, c, 9, 12);
        step!(10, f, c, d, a, b, 10, 17);
        step!(11, f, b, c, d, a, 11, 22);
        step!(12, f, a, b, c, d, 12, 7);
        step!(13, f, d, a, b, c, 13, 12);
        step!(14, f, c, d, a, b, 14, 17);
        step!(15, f, b, c, d, a, 15, 22);
        step!(16, g, a, b, c, d, 1, 5);
        step!(17, g, d, a, b, c, 6, 9);
        step!(18, g, c, d, a, b, 11, 14);
        step!(19, g, b, c, d, a, 0, 20);
        step!(20, g, a, b, c, d, 5, 5);
        step!(21, g, d, a, b, c, 10, 9);
        step!(22, g, c, d, a, b, 15, 14);
        step!(23, g, b, c, d, a, 4, 20);
        step!(24, g, a, b, c, d, 9, 5);
        step!(25, g, d, a, b, c, 14, 9);
        step!(26, g, c, d, a, b, 3, 14);
        step!(27, g, b, c, d, a, 8, 20);
        step!(28, g, a, b, c, d, 13, 5);
        step!(29, g, d, a, b, c, 2, 9);
        step!(30, g, c, d, a, b, 7, 14);
        step!(31, g, b, c, d, a, 12, 20);
        step!(32, h, a, b, c, d, 5, 4);
        step!(33, h, d, a, b, c, 8, 11);
        step!(34, h, c, d, a, b, 11, 16);
        step!(35, h, b, c, d, a, 14, 23);
        step!(36, h, a, b, c, d, 1, 4);
        step!(37, h, d, a, b, c, 4, 11);
        step!(38, h, c, d, a, b, 7, 16);
        step!(39, h, b, c, d, a, 10, 23);
        step!(40, h, a, b, c, d, 13, 4);
        step!(41, h, d, a, b, c, 0, 11);
        step!(42, h, c, d, a, b, 3, 16);
        step!(43, h, b, c, d, a, 6, 23);
        step!(44, h, a, b, c, d, 9, 4);
        step!(45, h, d, a, b, c, 12, 11);
        step!(46, h, c, d, a, b, 15, 16);
        step!(47, h, b, c, d, a, 2, 23);
        step!(48, i, a, b, c, d, 0, 6);
        step!(49, i, d, a, b, c, 7, 10);
        step!(50, i, c, d, a, b, 14, 15);
        step!(51, i, b, c, d, a, 5, 21);
        step!(52, i, a, b, c, d, 12, 6);
        step!(53, i, d, a, b, c, 3, 10);
        step!(54, i, c, d, a, b, 10, 15);
        step!(55, i, b, c, d, a, 1, 21);
        step!(56, i, a, b, c, d, 8, 6);
        step!(57, i, d, a, b, c, 15, 10);
        step!(58, i, c, d, a, b, 6, 15);
        step!(59, i, b, c, d, a, 13, 21);
        step!(60, i, a, b, c, d, 4, 6);
        step!(61, i, d, a, b, c, 11, 10);
        step!(62, i, c, d, a, b, 2, 15);
        step!(63, i, b, c, d, a, 9, 21);
        [a.add(before[0]), b.add(before[1]), c.add(before[2]), d.add(before[3])]
    }};
}

macro_rules! nothing {
    ($n:literal) => {};
}

#[inline(always)]
fn words(block: &[u8; BLOCK]) -> [u32; 16] {
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    words
}

/// Hashes `block`.
// The indices are known when this is compiled: never out of bounds.
#[allow(clippy::indexing_slicing)]
#[inline(never)]
pub(super) fn compress(state: &mut State, block: &[u8; BLOCK]) {
    let words = words(block);
    *state = steps!(*state, words, nothing);
}

/// Hashes a block into each of two states, in little more than the time of one.
// As above.
#[allow(clippy::indexing_slicing)]
#[inline(never)]
pub(super) fn compress_two(states: &mut [State; 2], [first, second]: [&[u8; BLOCK]; 2]) {
    let mut pairs = [Two(0, 0); 16];
    for (pair, (first, second)) in pairs.iter_mut().zip(words(first).into_iter().zip(words(second))) {
        *pair = Two(first, second);
    }
    let [[a, b, c, d], [e, f, g, h]] = *states;
    let [a, b, c, d] = steps!([Two(a, e), Two(b, f), Two(c, g), Two(d, h)], pairs, nothing);
    *states = [[a.0, b.0, c.0, d.0], [a.1, b.1, c.1, d.1]];
}

/// Hashes `block` and meanwhile makes the next 64 bytes of a key stream, as little-endian words: one byte of it to each of the 64 steps.
// As above.
#[allow(clippy::indexing_slicing)]
#[inline(never)]
pub(super) fn compress_with_key_stream<E: Entry>(
    state: &mut State,
    block: &[u8; BLOCK],
    rc4: &mut Rc4Of<E>,
) -> [u64; BLOCK / 8] {
    let words = words(block);
    let mut stream = [0; BLOCK / 8];
    let Rc4Of { permutation, i, j, position } = rc4;
    let (mut x, mut y) = (*i, *j);
    *position = position.wrapping_add(BLOCK as u64);
    macro_rules! key_stream {
        ($n:literal) => {
            stream[$n / 8] |= u64::from(rc4::next(permutation, &mut x, &mut y)) << ($n % 8 * 8);
        };
    }
    *state = steps!(*state, words, key_stream);
    (*i, *j) = (x, y);
    stream
}

/// Hashes `block` and meanwhile plays 64 of the 256 steps of a set-up.
// As above.
#[allow(clippy::indexing_slicing)]
#[inline(never)]
pub(in crate::crypto) fn compress_with_set_up(
    state: &mut State,
    block: &[u8; BLOCK],
    permutation: &mut [u8; 256],
    key: &[u8; 16],
    mut at: SetUp,
    quarter: u8,
) -> SetUp {
    let words = words(block);
    macro_rules! set_up {
        ($n:literal) => {
            rc4::set_up_step(permutation, 64 * quarter + $n, key[$n % 16], &mut at);
        };
    }
    *state = steps!(*state, words, set_up);
    at
}
