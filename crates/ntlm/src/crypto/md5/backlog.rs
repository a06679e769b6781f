//! Work that can wait: blocks to be hashed in the gaps of other work, which does not depend on them.

use super::Md5;
use super::block::{BLOCK, State, compress, compress_two};
use crate::crypto::wipe;

/// Blocks that are to be hashed, whenever there is a gap.
pub trait Blocks {
    /// The next block, and the state that it goes into; `None` when there is none, or none yet. It may hold a key: whoever asks wipes it.
    fn next(&mut self) -> Option<(&mut State, [u8; BLOCK])>;

    /// Hashes one of these blocks; false when there is none.
    fn compress_one(&mut self) -> bool {
        let Some((state, mut block)) = self.next() else { return false };
        compress(state, &block);
        wipe(&mut block);
        true
    }

    /// Hashes `block` into `state`, and one of these blocks meanwhile.
    fn compress_beside(&mut self, state: &mut State, block: &[u8; BLOCK]) {
        match self.next() {
            Some((other, mut other_block)) => {
                let mut states = [*state, *other];
                compress_two(&mut states, [block, &other_block]);
                [*state, *other] = states;
                wipe(&mut states);
                wipe(&mut other_block);
            }
            None => compress(state, block),
        }
    }
}

/// No blocks.
pub struct Nothing;

impl Blocks for Nothing {
    #[inline(always)]
    fn next(&mut self) -> Option<(&mut State, [u8; BLOCK])> {
        None
    }
}

impl<B: Blocks> Blocks for Option<B> {
    fn next(&mut self) -> Option<(&mut State, [u8; BLOCK])> {
        self.as_mut()?.next()
    }
}

/// The whole blocks of what a running hash is to take in.
pub struct Backlog<'a> {
    md5: &'a mut Md5,
    piece: &'a [u8],
    pieces: &'a [&'a [u8]],
}

impl<'a> Backlog<'a> {
    /// `first`, and then `pieces`.
    pub(super) fn new(md5: &'a mut Md5, first: &'a [u8], pieces: &'a [&'a [u8]]) -> Self {
        Self { md5, piece: first, pieces }
    }

    /// Takes in all that is left.
    pub fn catch_up(mut self) {
        while self.compress_one() {}
    }
}

impl Blocks for Backlog<'_> {
    fn next(&mut self) -> Option<(&mut State, [u8; BLOCK])> {
        loop {
            if self.piece.is_empty() {
                let (first, others) = self.pieces.split_first()?;
                (self.piece, self.pieces) = (first, others);
            }
            let filled = self.md5.filled();
            if filled == 0
                && let Some((block, rest)) = self.piece.split_first_chunk()
            {
                self.piece = rest;
                self.md5.length = self.md5.length.wrapping_add(BLOCK as u64);
                return Some((&mut self.md5.state, *block));
            }
            let (now, later) = self.piece.split_at(self.piece.len().min(BLOCK - filled));
            self.md5.buffer.iter_mut().skip(filled).zip(now).for_each(|(to, from)| *to = *from);
            self.md5.length = self.md5.length.wrapping_add(now.len() as u64);
            self.piece = later;
            if self.md5.filled() == 0 && !now.is_empty() {
                return Some((&mut self.md5.state, self.md5.buffer));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HmacMd5, HmacMd5OfNewKey};
    use super::*;

    #[test]
    fn a_backlog_is_taken_in_whole_however_many_gaps_there_are_and_however_it_is_cut() {
        let text: alloc::vec::Vec<u8> = (0..=u8::MAX).cycle().take(500).collect();
        let hmac = HmacMd5::new(&[7; 16]);
        let expected = hmac.compute(&[&text]);
        for cut in [0, 1, 63, 64, 65, 128, 200, 499, 500] {
            for count in 0..10 {
                let (first, second) = text.split_at(cut);
                let mut message = HmacMd5OfNewKey::new(&[7; 16]);
                let pieces: [&[u8]; 3] = [first, &[], second];
                let mut backlog = message.backlog(&pieces);
                for gap in 0..count {
                    // The inner pad, the message, the outer pad.
                    assert_eq!(backlog.compress_one(), gap < text.len() / BLOCK + 2, "{cut} {gap}");
                }
                backlog.catch_up();
                assert_eq!(message.finish(&[]), expected, "{cut} {count}");
            }
        }
    }
}
