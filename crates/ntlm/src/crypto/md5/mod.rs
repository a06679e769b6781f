//! MD5 (RFC 1321) and HMAC-MD5 (RFC 2104). Ours, because MD5 waits for itself most of the time: sealing runs MD5 and RC4 over the same bytes, a logon hashes
//! much that does not depend on one another, and one fits into the gaps of the other ([`block`]). The published crate is what the tests hold this against.

mod backlog;
mod block;
mod hmac;

use zeroize::ZeroizeOnDrop;

use super::key_stream::{KeyStream, KeyStreamOf, xor};
use super::rc4::Entry;
use super::wipe;
use block::{BLOCK, INITIAL, State, compress, compress_two, compress_with_key_stream};

pub use backlog::{Backlog, Blocks, Nothing};
pub(super) use block::compress_with_set_up;
pub use hmac::{HmacMd5, HmacMd5Backlog, HmacMd5Blocks, HmacMd5Message, HmacMd5OfNewKey, HmacMd5Pads};

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
        wipe(&mut self.state);
        wipe(&mut self.buffer);
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
    pub fn update(&mut self, piece: &[u8]) {
        self.update_with(piece, compress);
    }

    /// As [`update`](Self::update), block by block with `compress`.
    #[inline(always)]
    fn update_with(&mut self, mut piece: &[u8], mut compress: impl FnMut(&mut State, &[u8; BLOCK])) {
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
        self.pad(compress);
        bytes(&self.state)
    }

    /// Hashes the end of what was taken in, block by block with `compress`.
    #[inline(always)]
    fn pad(&mut self, mut compress: impl FnMut(&mut State, &[u8; BLOCK])) {
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
    }

    /// Takes in `data`, and then encrypts it with the key stream.
    pub fn update_and_encrypt(&mut self, data: &mut [u8], stream: &mut KeyStream) {
        self.pass::<false>(data, stream);
    }

    /// Decrypts `data` with the key stream, and then takes it in.
    pub fn decrypt_and_update(&mut self, data: &mut [u8], stream: &mut KeyStream) {
        self.pass::<true>(data, stream);
    }

    /// Takes in `data` and XORs it with the key stream, which comes first when it is to be decrypted.
    fn pass<const DECRYPT: bool>(&mut self, data: &mut [u8], stream: &mut KeyStream) {
        // The loops for whole chunks want a buffer that is empty or holds a sequence number.
        let filled = self.filled();
        let head = if matches!(filled, 0 | SEQUENCE_NUMBER) { 0 } else { (BLOCK - filled).min(data.len()) };
        let (head, data) = data.split_at_mut(head);
        self.pass_piece::<DECRYPT>(head, stream);
        let (chunks, rest) = data.as_chunks_mut();
        if chunks.len() >= LONG {
            stream.widened(|stream| self.pass_chunks::<DECRYPT, _>(chunks, stream));
        } else {
            self.pass_chunks::<DECRYPT, _>(chunks, stream);
        }
        self.pass_piece::<DECRYPT>(rest, stream);
    }

    /// As [`pass`](Self::pass), for what is less than a chunk.
    fn pass_piece<const DECRYPT: bool>(&mut self, piece: &mut [u8], stream: &mut KeyStream) {
        if DECRYPT {
            stream.apply(piece);
        }
        self.update(piece);
        if !DECRYPT {
            stream.apply(piece);
        }
    }

    /// As [`pass`](Self::pass), for whole chunks and a buffer that is empty or holds a sequence number.
    fn pass_chunks<const DECRYPT: bool, E: Entry>(&mut self, chunks: &mut [[u8; BLOCK]], stream: &mut KeyStreamOf<E>) {
        if self.filled() == 0 {
            self.pass_chunks_behind::<DECRYPT, 0, E>(chunks, stream);
        } else {
            self.pass_chunks_behind::<DECRYPT, SEQUENCE_NUMBER, E>(chunks, stream);
        }
    }

    /// As [`pass_chunks`](Self::pass_chunks), with FILLED bytes in the buffer. When decrypting, the key stream is one chunk ahead of the hash.
    fn pass_chunks_behind<const DECRYPT: bool, const FILLED: usize, E: Entry>(
        &mut self,
        chunks: &mut [[u8; BLOCK]],
        stream: &mut KeyStreamOf<E>,
    ) {
        self.length = self.length.wrapping_add((chunks.len() * BLOCK) as u64);
        if !DECRYPT && stream.is_used_up() {
            // What is encrypted can be hashed before: its key stream is made meanwhile.
            for chunk in chunks {
                let block = self.shift::<FILLED>(chunk);
                xor(chunk, &compress_with_key_stream(&mut self.state, &block, stream.generator()));
            }
            return;
        }
        let Some((first, others)) = chunks.split_first_mut() else { return };
        let block = self.shift_and_pass::<FILLED, DECRYPT>(first, |chunk| stream.apply_chunk(chunk));
        let mut keys = compress_with_key_stream(&mut self.state, &block, stream.generator());
        for chunk in others {
            let block = self.shift_and_pass::<FILLED, DECRYPT>(chunk, |chunk| xor(chunk, &keys));
            keys = compress_with_key_stream(&mut self.state, &block, stream.generator());
        }
        stream.made_ahead(keys);
    }

    /// As [`shift`](Self::shift), of a chunk that `pass` decrypts before or encrypts then.
    #[inline(always)]
    fn shift_and_pass<const FILLED: usize, const DECRYPT: bool>(
        &mut self,
        chunk: &mut [u8; BLOCK],
        mut pass: impl FnMut(&mut [u8; BLOCK]),
    ) -> [u8; BLOCK] {
        if DECRYPT {
            pass(chunk);
        }
        let block = self.shift::<FILLED>(chunk);
        if !DECRYPT {
            pass(chunk);
        }
        block
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

/// Chunks from which on a faster table is worth its making.
const LONG: usize = 8;

/// Hashes `block`, and meanwhile makes more of the key stream when nothing of it is left.
#[inline(always)]
fn compress_ahead<E: Entry>(state: &mut State, block: &[u8; BLOCK], stream: &mut KeyStreamOf<E>) {
    if stream.is_used_up() {
        let keys = compress_with_key_stream(state, block, stream.generator());
        stream.made_ahead(keys);
    } else {
        compress(state, block);
    }
}

fn bytes(state: &State) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_le_bytes();
    }
    bytes
}

/// The MD5 of two messages, of pieces each, in little more than the time of the longer one.
#[must_use]
pub fn md5_two(messages: [&[&[u8]]; 2]) -> [[u8; 16]; 2] {
    let [mut first, mut second] = messages.map(|pieces| Padded::new(pieces, 0));
    let mut states = [INITIAL; 2];
    loop {
        let [one, two] = &mut states;
        match (first.next(), second.next()) {
            (Some(first), Some(second)) => compress_two(&mut states, [first, second]),
            (Some(first), None) => compress(one, first),
            (None, Some(second)) => compress(two, second),
            (None, None) => return states.map(|state| bytes(&state)),
        }
    }
}

/// The blocks of a message and its padding.
struct Padded<'a> {
    pieces: core::slice::Iter<'a, &'a [u8]>,
    /// What is left of the piece that was begun.
    piece: &'a [u8],
    bits: u64,
    end: End,
    block: [u8; BLOCK],
}

/// What of the padding there was.
#[derive(PartialEq)]
enum End {
    Nothing,
    Mark,
    Length,
}

impl<'a> Padded<'a> {
    fn new(pieces: &'a [&'a [u8]], before: u64) -> Self {
        let length = pieces.iter().fold(before, |sum, piece| sum.wrapping_add(piece.len() as u64));
        Self { pieces: pieces.iter(), piece: &[], bits: length.wrapping_mul(8), end: End::Nothing, block: [0; BLOCK] }
    }

    fn next(&mut self) -> Option<&[u8; BLOCK]> {
        if self.end == End::Length {
            return None;
        }
        self.block = [0; BLOCK];
        let mut free = self.block.as_mut_slice();
        while !free.is_empty() {
            if self.piece.is_empty() {
                let Some(piece) = self.pieces.next() else { break };
                self.piece = piece;
            }
            let (now, later) = self.piece.split_at(free.len().min(self.piece.len()));
            let (to, rest) = free.split_at_mut(now.len());
            to.copy_from_slice(now);
            (self.piece, free) = (later, rest);
        }
        if self.end == End::Nothing
            && let Some((mark, rest)) = core::mem::take(&mut free).split_first_mut()
        {
            *mark = 0x80;
            (self.end, free) = (End::Mark, rest);
        }
        if self.end == End::Mark
            && let Some(length) = free.last_chunk_mut()
        {
            *length = self.bits.to_le_bytes();
            self.end = End::Length;
        }
        Some(&self.block)
    }
}

impl Drop for Padded<'_> {
    fn drop(&mut self) {
        wipe(&mut self.block);
    }
}
