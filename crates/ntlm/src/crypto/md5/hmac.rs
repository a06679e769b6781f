//! HMAC-MD5 (RFC 2104).

use zeroize::ZeroizeOnDrop;

use super::block::{BLOCK, INITIAL, State, compress, compress_two};
use super::{Backlog, Blocks, Md5, Padded, bytes, compress_ahead};
use crate::crypto::key_stream::KeyStream;
use crate::crypto::wipe;

/// An HMAC-MD5 with its key taken in, for many messages under one key.
#[derive(Clone)]
pub struct HmacMd5 {
    inner: State,
    outer: State,
}

impl Drop for HmacMd5 {
    fn drop(&mut self) {
        wipe(&mut self.inner);
        wipe(&mut self.outer);
    }
}

impl ZeroizeOnDrop for HmacMd5 {}

impl HmacMd5 {
    /// Takes the key in.
    #[must_use]
    pub fn new(key: &[u8; 16]) -> Self {
        HmacMd5Pads::new(key).finish()
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

    /// As [`compute`](Self::compute), and hashes `others` meanwhile, as far as there are blocks of them.
    #[must_use]
    pub fn compute_beside(&self, pieces: &[&[u8]], others: &mut impl Blocks) -> [u8; 16] {
        let mut mac = self.start();
        let mut compress = |state: &mut State, block: &[u8; BLOCK]| others.compress_beside(state, block);
        for piece in pieces {
            mac.inner.update_with(piece, &mut compress);
        }
        mac.finish_with(compress)
    }

    /// The HMACs over two messages, in little more than the time of the longer one.
    #[must_use]
    pub fn compute_two(&self, messages: [&[&[u8]]; 2]) -> [[u8; 16]; 2] {
        let [mut first, mut second] = messages.map(|pieces| self.blocks(pieces));
        while let Some((state, mut block)) = first.next() {
            second.compress_beside(state, &block);
            wipe(&mut block);
        }
        [first.finish(), second.finish()]
    }

    /// The HMAC over the concatenation of `pieces`, as blocks to be hashed whenever there is a gap.
    #[must_use]
    pub fn blocks<'a>(&self, pieces: &'a [&'a [u8]]) -> HmacMd5Blocks<'a> {
        HmacMd5Blocks { inner: Padded::new(pieces, BLOCK as u64), state: self.inner, outer: Some(self.outer) }
    }

    /// Starts a message that comes piece by piece.
    #[must_use]
    pub fn start(&self) -> HmacMd5Message {
        HmacMd5Message { inner: Md5::resume(self.inner, BLOCK as u64), outer: self.outer }
    }
}

/// A key that is being taken in: its two pads are blocks to be hashed.
pub struct HmacMd5Pads {
    pads: [[u8; BLOCK]; 2],
    states: [State; 2],
    hashed: usize,
}

impl Drop for HmacMd5Pads {
    fn drop(&mut self) {
        wipe(&mut self.pads);
        wipe(&mut self.states);
    }
}

impl ZeroizeOnDrop for HmacMd5Pads {}

impl HmacMd5Pads {
    /// The pads of a key.
    #[must_use]
    pub fn new(key: &[u8; 16]) -> Self {
        let mut pads = [[0x36; BLOCK], [0x5c; BLOCK]];
        for pad in &mut pads {
            pad.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        }
        Self { pads, states: [INITIAL; 2], hashed: 0 }
    }

    /// The HMAC with its key taken in.
    #[must_use]
    pub fn finish(mut self) -> HmacMd5 {
        let ([_, outer], [_, outer_pad]) = (&mut self.states, &self.pads);
        match self.hashed {
            0 => compress_two(&mut self.states, self.pads.each_ref()),
            1 => compress(outer, outer_pad),
            _ => {}
        }
        let [inner, outer] = self.states;
        HmacMd5 { inner, outer }
    }
}

impl Blocks for HmacMd5Pads {
    fn next(&mut self) -> Option<(&mut State, [u8; BLOCK])> {
        let next = self.states.iter_mut().zip(self.pads).nth(self.hashed)?;
        self.hashed += 1;
        Some(next)
    }
}

/// The only block behind the outer pad: the hash of the message, and the padding of 64 and 16 bytes.
fn outer_block(inner: &State) -> [u8; BLOCK] {
    const PADDING: [u8; BLOCK - 16] = {
        let mut padding = [0; BLOCK - 16];
        let [mark, .., low, high, _, _, _, _, _, _] = &mut padding;
        *mark = 0x80;
        [*low, *high] = (8 * (BLOCK as u16 + 16)).to_le_bytes();
        padding
    };
    let mut block = [0; BLOCK];
    let (hash, rest) = block.split_at_mut(16);
    hash.copy_from_slice(&bytes(inner));
    rest.copy_from_slice(&PADDING);
    block
}

/// A message under a key that is taken in with it, in gaps of other work.
pub struct HmacMd5OfNewKey {
    inner: Md5,
    pads: HmacMd5Pads,
}

impl HmacMd5OfNewKey {
    /// Starts a message.
    #[must_use]
    pub fn new(key: &[u8; 16]) -> Self {
        Self { inner: Md5::new(), pads: HmacMd5Pads::new(key) }
    }

    /// What comes next in the message, in whole blocks, and of the key what was not hashed yet. [`catch_up`](HmacMd5Backlog::catch_up) takes in the rest.
    pub fn backlog<'a>(&'a mut self, pieces: &'a [&'a [u8]]) -> HmacMd5Backlog<'a> {
        let HmacMd5Pads { pads: [inner, outer], states: [_, state], hashed } = &mut self.pads;
        let first: &[u8] = if *hashed == 0 { inner } else { &[] };
        *hashed = (*hashed).max(1);
        HmacMd5Backlog { message: Backlog::new(&mut self.inner, first, pieces), outer, state, hashed }
    }

    /// The HMAC, after a last piece.
    #[must_use]
    pub fn finish(self, piece: &[u8]) -> [u8; 16] {
        let Self { mut inner, mut pads } = self;
        if pads.hashed == 0 {
            let [inner_pad, _] = &pads.pads;
            inner.update(inner_pad);
            pads.hashed = 1;
        }
        let HmacMd5 { outer, .. } = &pads.finish();
        let mut message = HmacMd5Message { inner, outer: *outer };
        message.update(piece);
        message.finish()
    }
}

/// The blocks of a message under a new key.
pub struct HmacMd5Backlog<'a> {
    message: Backlog<'a>,
    outer: &'a [u8; BLOCK],
    state: &'a mut State,
    hashed: &'a mut usize,
}

impl HmacMd5Backlog<'_> {
    /// Takes in all that is left of the message.
    pub fn catch_up(self) {
        self.message.catch_up();
    }
}

impl Blocks for HmacMd5Backlog<'_> {
    fn next(&mut self) -> Option<(&mut State, [u8; BLOCK])> {
        if let Some(next) = self.message.next() {
            return Some(next);
        }
        // The inner pad is part of the message here.
        if *self.hashed != 1 {
            return None;
        }
        *self.hashed = 2;
        Some((self.state, *self.outer))
    }
}

/// The blocks of a whole HMAC.
pub struct HmacMd5Blocks<'a> {
    inner: Padded<'a>,
    /// Of the hash within, then of the hash around it.
    state: State,
    /// What the hash around it begins with, before it begins.
    outer: Option<State>,
}

impl Drop for HmacMd5Blocks<'_> {
    fn drop(&mut self) {
        wipe(&mut self.state);
        if let Some(outer) = &mut self.outer {
            wipe(outer);
        }
    }
}

impl ZeroizeOnDrop for HmacMd5Blocks<'_> {}

impl HmacMd5Blocks<'_> {
    /// The HMAC, after all that is left.
    #[must_use]
    pub fn finish(mut self) -> [u8; 16] {
        while self.compress_one() {}
        bytes(&self.state)
    }
}

impl Blocks for HmacMd5Blocks<'_> {
    fn next(&mut self) -> Option<(&mut State, [u8; BLOCK])> {
        if let Some(block) = self.inner.next() {
            return Some((&mut self.state, *block));
        }
        let mut outer = self.outer.take()?;
        let block = outer_block(&self.state);
        self.state = outer;
        wipe(&mut outer);
        Some((&mut self.state, block))
    }
}

/// A message under an [`HmacMd5`].
pub struct HmacMd5Message {
    inner: Md5,
    outer: State,
}

impl Drop for HmacMd5Message {
    fn drop(&mut self) {
        wipe(&mut self.outer);
    }
}

impl ZeroizeOnDrop for HmacMd5Message {}

impl HmacMd5Message {
    /// Takes in the next piece of the message.
    pub fn update(&mut self, piece: &[u8]) {
        self.inner.update(piece);
    }

    /// Takes in the next piece, and then encrypts it with the key stream.
    pub fn update_and_encrypt(&mut self, piece: &mut [u8], stream: &mut KeyStream) {
        self.inner.update_and_encrypt(piece, stream);
    }

    /// Decrypts the next piece with the key stream, and then takes it in.
    pub fn decrypt_and_update(&mut self, piece: &mut [u8], stream: &mut KeyStream) {
        self.inner.decrypt_and_update(piece, stream);
    }

    /// The HMAC over all pieces.
    #[must_use]
    pub fn finish(self) -> [u8; 16] {
        self.finish_with(compress)
    }

    /// The HMAC over all pieces. Where nothing is left of the key stream, more of it is made meanwhile.
    #[must_use]
    pub fn finish_beside(self, stream: &mut KeyStream) -> [u8; 16] {
        self.finish_with(|state, block| compress_ahead(state, block, stream))
    }

    #[inline(always)]
    fn finish_with(mut self, mut compress: impl FnMut(&mut State, &[u8; BLOCK])) -> [u8; 16] {
        self.inner.pad(&mut compress);
        let mut block = outer_block(&self.inner.state);
        compress(&mut self.outer, &block);
        wipe(&mut block);
        bytes(&self.outer)
    }
}
