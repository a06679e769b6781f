//! MD5 (RFC 1321) and HMAC-MD5 (RFC 2104). Ours, because sealing runs MD5 and RC4 over the same bytes: each waits for its own last step most of the
//! time, so that the steps of one fit into the gaps of the other ([`compress_with_key_stream`]). The published crate is what the tests hold
//! this against.

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::rc4::{self, Rc4};

/// Bytes that are hashed at once.
const BLOCK: usize = 64;

type State = [u32; 4];

const INITIAL: State = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// The 64 steps of RFC 1321, with `$between!(n)` after step n. Registers rotate by name, so that nothing is moved.
macro_rules! steps {
    ($state:ident, $words:ident, $between:ident) => {{
        let [mut a, mut b, mut c, mut d] = *$state;
        macro_rules! f {
            ($b:ident, $c:ident, $d:ident) => {
                $d ^ ($b & ($c ^ $d))
            };
        }
        macro_rules! h {
            ($b:ident, $c:ident, $d:ident) => {
                $b ^ $c ^ $d
            };
        }
        macro_rules! i {
            ($b:ident, $c:ident, $d:ident) => {
                $c ^ ($b | !$d)
            };
        }
        macro_rules! step {
            ($n:literal, g, $a:ident, $b:ident, $c:ident, $d:ident, $word:literal, $shift:literal, $constant:literal) => {
                // The halves of this function have no bit in common: added one by one, only the second waits for the step before.
                $a = $a.wrapping_add($words[$word]).wrapping_add($constant).wrapping_add(!$d & $c).wrapping_add($d & $b);
                $a = $a.rotate_left($shift).wrapping_add($b);
                $between!($n);
            };
            ($n:literal, $f:ident, $a:ident, $b:ident, $c:ident, $d:ident, $word:literal, $shift:literal, $constant:literal) => {
                $a = $a.wrapping_add($words[$word]).wrapping_add($constant).wrapping_add($f!($b, $c, $d));
                $a = $a.rotate_left($shift).wrapping_add($b);
                $between!($n);
            };
        }
        step!(0, f, a, b, c, d, 0, 7, 0xd76a_a478);
        step!(1, f, d, a, b, c, 1, 12, 0xe8c7_b756);
        step!(2, f, c, d, a, b, 2, 17, 0x2420_70db);
        step!(3, f, b, c, d, a, 3, 22, 0xc1bd_ceee);
        step!(4, f, a, b, c, d, 4, 7, 0xf57c_0faf);
        step!(5, f, d, a, b, c, 5, 12, 0x4787_c62a);
        step!(6, f, c, d, a, b, 6, 17, 0xa830_4613);
        step!(7, f, b, c, d, a, 7, 22, 0xfd46_9501);
        step!(8, f, a, b, c, d, 8, 7, 0x6980_98d8);
        step!(9, f, d, a, b, c, 9, 12, 0x8b44_f7af);
        step!(10, f, c, d, a, b, 10, 17, 0xffff_5bb1);
        step!(11, f, b, c, d, a, 11, 22, 0x895c_d7be);
        step!(12, f, a, b, c, d, 12, 7, 0x6b90_1122);
        step!(13, f, d, a, b, c, 13, 12, 0xfd98_7193);
        step!(14, f, c, d, a, b, 14, 17, 0xa679_438e);
        step!(15, f, b, c, d, a, 15, 22, 0x49b4_0821);
        step!(16, g, a, b, c, d, 1, 5, 0xf61e_2562);
        step!(17, g, d, a, b, c, 6, 9, 0xc040_b340);
        step!(18, g, c, d, a, b, 11, 14, 0x265e_5a51);
        step!(19, g, b, c, d, a, 0, 20, 0xe9b6_c7aa);
        step!(20, g, a, b, c, d, 5, 5, 0xd62f_105d);
        step!(21, g, d, a, b, c, 10, 9, 0x0244_1453);
        step!(22, g, c, d, a, b, 15, 14, 0xd8a1_e681);
        step!(23, g, b, c, d, a, 4, 20, 0xe7d3_fbc8);
        step!(24, g, a, b, c, d, 9, 5, 0x21e1_cde6);
        step!(25, g, d, a, b, c, 14, 9, 0xc337_07d6);
        step!(26, g, c, d, a, b, 3, 14, 0xf4d5_0d87);
        step!(27, g, b, c, d, a, 8, 20, 0x455a_14ed);
        step!(28, g, a, b, c, d, 13, 5, 0xa9e3_e905);
        step!(29, g, d, a, b, c, 2, 9, 0xfcef_a3f8);
        step!(30, g, c, d, a, b, 7, 14, 0x676f_02d9);
        step!(31, g, b, c, d, a, 12, 20, 0x8d2a_4c8a);
        step!(32, h, a, b, c, d, 5, 4, 0xfffa_3942);
        step!(33, h, d, a, b, c, 8, 11, 0x8771_f681);
        step!(34, h, c, d, a, b, 11, 16, 0x6d9d_6122);
        step!(35, h, b, c, d, a, 14, 23, 0xfde5_380c);
        step!(36, h, a, b, c, d, 1, 4, 0xa4be_ea44);
        step!(37, h, d, a, b, c, 4, 11, 0x4bde_cfa9);
        step!(38, h, c, d, a, b, 7, 16, 0xf6bb_4b60);
        step!(39, h, b, c, d, a, 10, 23, 0xbebf_bc70);
        step!(40, h, a, b, c, d, 13, 4, 0x289b_7ec6);
        step!(41, h, d, a, b, c, 0, 11, 0xeaa1_27fa);
        step!(42, h, c, d, a, b, 3, 16, 0xd4ef_3085);
        step!(43, h, b, c, d, a, 6, 23, 0x0488_1d05);
        step!(44, h, a, b, c, d, 9, 4, 0xd9d4_d039);
        step!(45, h, d, a, b, c, 12, 11, 0xe6db_99e5);
        step!(46, h, c, d, a, b, 15, 16, 0x1fa2_7cf8);
        step!(47, h, b, c, d, a, 2, 23, 0xc4ac_5665);
        step!(48, i, a, b, c, d, 0, 6, 0xf429_2244);
        step!(49, i, d, a, b, c, 7, 10, 0x432a_ff97);
        step!(50, i, c, d, a, b, 14, 15, 0xab94_23a7);
        step!(51, i, b, c, d, a, 5, 21, 0xfc93_a039);
        step!(52, i, a, b, c, d, 12, 6, 0x655b_59c3);
        step!(53, i, d, a, b, c, 3, 10, 0x8f0c_cc92);
        step!(54, i, c, d, a, b, 10, 15, 0xffef_f47d);
        step!(55, i, b, c, d, a, 1, 21, 0x8584_5dd1);
        step!(56, i, a, b, c, d, 8, 6, 0x6fa8_7e4f);
        step!(57, i, d, a, b, c, 15, 10, 0xfe2c_e6e0);
        step!(58, i, c, d, a, b, 6, 15, 0xa301_4314);
        step!(59, i, b, c, d, a, 13, 21, 0x4e08_11a1);
        step!(60, i, a, b, c, d, 4, 6, 0xf753_7e82);
        step!(61, i, d, a, b, c, 11, 10, 0xbd3a_f235);
        step!(62, i, c, d, a, b, 2, 15, 0x2ad7_d2bb);
        step!(63, i, b, c, d, a, 9, 21, 0xeb86_d391);
        let [e, f, g, h] = *$state;
        *$state = [a.wrapping_add(e), b.wrapping_add(f), c.wrapping_add(g), d.wrapping_add(h)];
    }};
}

fn words(block: &[u8; BLOCK]) -> [u32; 16] {
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    words
}

// The indices are known when this is compiled: never out of bounds.
#[allow(clippy::indexing_slicing)]
#[inline(never)]
fn compress(state: &mut State, block: &[u8; BLOCK]) {
    macro_rules! nothing {
        ($n:literal) => {};
    }
    let words = words(block);
    steps!(state, words, nothing);
}

/// Hashes `block` and meanwhile makes the next 64 bytes of a key stream, as little-endian words: one byte of it to each of the 64 steps.
// As above.
#[allow(clippy::indexing_slicing)]
#[inline(never)]
fn compress_with_key_stream(state: &mut State, block: &[u8; BLOCK], rc4: &mut Rc4) -> [u64; BLOCK / 8] {
    let words = words(block);
    let mut stream = [0; BLOCK / 8];
    let Rc4 { permutation, i, j, position } = rc4;
    let (mut x, mut y) = (*i, *j);
    *position = position.wrapping_add(BLOCK as u64);
    macro_rules! key_stream {
        ($n:literal) => {
            stream[$n / 8] |= u64::from(rc4::next(permutation, &mut x, &mut y)) << ($n % 8 * 8);
        };
    }
    steps!(state, words, key_stream);
    (*i, *j) = (x, y);
    stream
}

/// A running MD5.
#[derive(Clone)]
pub struct Md5 {
    state: State,
    /// Bytes taken in so far, whole blocks and those in `buffer`.
    length: u64,
    /// What does not fill a block yet; what is behind that is rubbish.
    buffer: [u8; BLOCK],
}

impl Drop for Md5 {
    fn drop(&mut self) {
        self.state.zeroize();
        self.buffer.zeroize();
    }
}

impl ZeroizeOnDrop for Md5 {}

impl Md5 {
    /// The MD5 of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::resume(INITIAL, 0)
    }

    /// Goes on behind `length` bytes, a multiple of 64.
    fn resume(state: State, length: u64) -> Self {
        Self { state, length, buffer: [0; BLOCK] }
    }

    /// Bytes in the buffer.
    fn filled(&self) -> usize {
        (self.length % BLOCK as u64) as usize
    }

    /// Takes in the next piece.
    pub fn update(&mut self, mut piece: &[u8]) {
        let filled = self.filled();
        self.length = self.length.wrapping_add(piece.len() as u64);
        if filled > 0 {
            let space = self.buffer.get_mut(filled..).unwrap_or_default();
            let Some((first, rest)) = piece.split_at_checked(space.len()) else {
                space.iter_mut().zip(piece).for_each(|(to, from)| *to = *from);
                return;
            };
            space.copy_from_slice(first);
            compress(&mut self.state, &self.buffer);
            piece = rest;
        }
        let (blocks, rest) = piece.as_chunks();
        for block in blocks {
            compress(&mut self.state, block);
        }
        if let Some(start) = self.buffer.get_mut(..rest.len()) {
            start.copy_from_slice(rest);
        }
    }

    /// The hash of all pieces.
    #[must_use]
    pub fn finish(mut self) -> [u8; 16] {
        let bits = self.length.wrapping_mul(8).to_le_bytes();
        let filled = self.filled();
        let (_, free) = self.buffer.split_at_mut(filled);
        free.fill(0);
        if let Some(first) = free.first_mut() {
            *first = 0x80;
        }
        if free.len() < 9 {
            compress(&mut self.state, &self.buffer);
            self.buffer = [0; BLOCK];
        }
        if let Some(end) = self.buffer.last_chunk_mut() {
            *end = bits;
        }
        compress(&mut self.state, &self.buffer);
        bytes(&self.state)
    }

    /// Takes in `data`, and then encrypts it with the key stream.
    pub fn update_and_encrypt(&mut self, data: &mut [u8], rc4: &mut Rc4) {
        let data = self.align(data, |md5, head| {
            md5.update(head);
            rc4.apply(head);
        });
        let (chunks, rest) = data.as_chunks_mut();
        if self.filled() == 0 {
            self.encrypt_chunks::<0>(chunks, rc4);
        } else {
            self.encrypt_chunks::<SEQUENCE_NUMBER>(chunks, rc4);
        }
        self.update(rest);
        rc4.apply(rest);
    }

    /// Decrypts `data` with the key stream, and then takes it in.
    pub fn decrypt_and_update(&mut self, data: &mut [u8], rc4: &mut Rc4) {
        let data = self.align(data, |md5, head| {
            rc4.apply(head);
            md5.update(head);
        });
        let (chunks, rest) = data.as_chunks_mut();
        if self.filled() == 0 {
            self.decrypt_chunks::<0>(chunks, rc4);
        } else {
            self.decrypt_chunks::<SEQUENCE_NUMBER>(chunks, rc4);
        }
        rc4.apply(rest);
        self.update(rest);
    }

    /// Gives the beginning of `data` to `work`, up to where the buffer is full, unless it is as empty or as full as the loops for whole chunks want it.
    fn align<'a>(&mut self, data: &'a mut [u8], work: impl FnOnce(&mut Self, &mut [u8])) -> &'a mut [u8] {
        let filled = self.filled();
        if matches!(filled, 0 | SEQUENCE_NUMBER) {
            return data;
        }
        let (head, data) = data.split_at_mut((BLOCK - filled).min(data.len()));
        work(self, head);
        data
    }

    /// As [`update_and_encrypt`](Self::update_and_encrypt), with FILLED bytes in the buffer.
    fn encrypt_chunks<const FILLED: usize>(&mut self, chunks: &mut [[u8; BLOCK]], rc4: &mut Rc4) {
        for chunk in &mut *chunks {
            let block = self.shift::<FILLED>(chunk);
            let stream = compress_with_key_stream(&mut self.state, &block, rc4);
            xor(chunk, &stream);
        }
        self.length = self.length.wrapping_add((chunks.len() * BLOCK) as u64);
    }

    /// As [`decrypt_and_update`](Self::decrypt_and_update), with FILLED bytes in the buffer. The key stream is one chunk ahead of the hash.
    fn decrypt_chunks<const FILLED: usize>(&mut self, chunks: &mut [[u8; BLOCK]], rc4: &mut Rc4) {
        self.length = self.length.wrapping_add((chunks.len() * BLOCK) as u64);
        let Some((last, others)) = chunks.split_last_mut() else { return };
        let mut stream = rc4.stream();
        for chunk in others {
            xor(chunk, &stream);
            let block = self.shift::<FILLED>(chunk);
            stream = compress_with_key_stream(&mut self.state, &block, rc4);
        }
        xor(last, &stream);
        let block = self.shift::<FILLED>(last);
        compress(&mut self.state, &block);
    }

    /// The block that `chunk` completes: FILLED bytes of the buffer, and the beginning of `chunk`. Its end goes to the buffer.
    // FILLED is 0 or 4.
    #[allow(clippy::indexing_slicing)]
    #[inline(always)]
    fn shift<const FILLED: usize>(&mut self, chunk: &[u8; BLOCK]) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        block[..FILLED].copy_from_slice(&self.buffer[..FILLED]);
        block[FILLED..].copy_from_slice(&chunk[..BLOCK - FILLED]);
        self.buffer[..FILLED].copy_from_slice(&chunk[BLOCK - FILLED..]);
        block
    }
}

impl Default for Md5 {
    fn default() -> Self {
        Self::new()
    }
}

/// Bytes in the buffer when a message is all sealed: the sequence number before it.
const SEQUENCE_NUMBER: usize = 4;

fn xor(chunk: &mut [u8; BLOCK], stream: &[u64; BLOCK / 8]) {
    for (word, stream) in chunk.as_chunks_mut::<8>().0.iter_mut().zip(stream) {
        *word = (u64::from_le_bytes(*word) ^ stream).to_le_bytes();
    }
}

fn bytes(state: &State) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_le_bytes();
    }
    bytes
}

/// An HMAC-MD5 with its key taken in, for many messages under one key.
#[derive(Clone)]
pub struct HmacMd5 {
    inner: State,
    outer: State,
}

impl Drop for HmacMd5 {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

impl ZeroizeOnDrop for HmacMd5 {}

impl HmacMd5 {
    /// Takes the key in.
    #[must_use]
    pub fn new(key: &[u8; 16]) -> Self {
        let keyed = |pad: u8| {
            let mut block = [pad; BLOCK];
            for (byte, key) in block.iter_mut().zip(key) {
                *byte ^= key;
            }
            let mut state = INITIAL;
            compress(&mut state, &block);
            block.zeroize();
            state
        };
        Self { inner: keyed(0x36), outer: keyed(0x5c) }
    }

    /// The HMAC over the concatenation of `pieces`.
    #[must_use]
    pub fn compute(&self, pieces: &[&[u8]]) -> [u8; 16] {
        let mut mac = self.start();
        for piece in pieces {
            mac.update(piece);
        }
        mac.finish()
    }

    /// Starts a message that comes piece by piece.
    #[must_use]
    pub fn start(&self) -> HmacMd5Message {
        HmacMd5Message { inner: Md5::resume(self.inner, BLOCK as u64), outer: self.outer }
    }
}

/// A message under an [`HmacMd5`].
pub struct HmacMd5Message {
    inner: Md5,
    outer: State,
}

impl HmacMd5Message {
    /// Takes in the next piece of the message.
    pub fn update(&mut self, piece: &[u8]) {
        self.inner.update(piece);
    }

    /// Takes in the next piece, and then encrypts it with the key stream.
    pub fn update_and_encrypt(&mut self, piece: &mut [u8], rc4: &mut Rc4) {
        self.inner.update_and_encrypt(piece, rc4);
    }

    /// Decrypts the next piece with the key stream, and then takes it in.
    pub fn decrypt_and_update(&mut self, piece: &mut [u8], rc4: &mut Rc4) {
        self.inner.decrypt_and_update(piece, rc4);
    }

    /// The HMAC over all pieces.
    #[must_use]
    pub fn finish(self) -> [u8; 16] {
        let Self { inner, outer } = self;
        let mut md5 = Md5::resume(outer, BLOCK as u64);
        md5.update(&inner.finish());
        md5.finish()
    }
}
