//! An RC4 key stream that is made ahead: while MD5 hashes a block, in whose gaps the work fits, and not when a message waits for it.

use zeroize::ZeroizeOnDrop;

use super::rc4::{Entry, Rc4, Rc4Of};
use super::wipe;

/// Bytes that are made at once.
const CHUNK: usize = 64;

/// The key stream of one direction of a session.
pub type KeyStream = KeyStreamOf<u8>;

/// A key stream that is made ahead, in a table of bytes or, for long messages, of words.
pub struct KeyStreamOf<E: Entry> {
    rc4: Rc4Of<E>,
    /// What was made and not used yet: the last `left` bytes.
    ahead: [[u8; 8]; CHUNK / 8],
    left: u8,
}

impl<E: Entry> Drop for KeyStreamOf<E> {
    fn drop(&mut self) {
        wipe(&mut self.ahead);
    }
}

impl<E: Entry> ZeroizeOnDrop for KeyStreamOf<E> {}

impl<E: Entry> KeyStreamOf<E> {
    /// Whether nothing is left of what was made ahead.
    pub(super) fn is_used_up(&self) -> bool {
        self.left == 0
    }

    /// For making the next 64 bytes when nothing is left of what was made.
    pub(super) fn generator(&mut self) -> &mut Rc4Of<E> {
        &mut self.rc4
    }

    /// Keeps what [`generator`](Self::generator) made.
    pub(super) fn made_ahead(&mut self, keys: [u64; CHUNK / 8]) {
        (self.ahead, self.left) = (keys.map(u64::to_le_bytes), CHUNK as u8);
    }

    /// XORs the next bytes of the key stream into `data`.
    pub fn apply(&mut self, data: &mut [u8]) {
        let ahead = self.ahead.as_flattened();
        let left = ahead.get(CHUNK - usize::from(self.left)..).unwrap_or_default();
        let (first, rest) = data.split_at_mut(left.len().min(data.len()));
        first.iter_mut().zip(left).for_each(|(byte, key)| *byte ^= key);
        // At most 64.
        self.left -= first.len() as u8;
        self.rc4.apply(rest);
    }

    /// As [`apply`](Self::apply), for as much as is made ahead.
    pub(super) fn apply_chunk(&mut self, chunk: &mut [u8; CHUNK]) {
        if usize::from(self.left) != CHUNK {
            return self.apply(chunk);
        }
        xor(chunk, &self.ahead.map(u64::from_le_bytes));
        self.left = 0;
    }
}

impl KeyStream {
    /// The key stream that `rc4` makes from here on.
    #[must_use]
    pub fn new(rc4: Rc4) -> Self {
        Self { rc4, ahead: [[0; 8]; CHUNK / 8], left: 0 }
    }

    /// Lends the same key stream to `work` in a table of words, for more than the conversion costs.
    pub(super) fn widened<T>(&mut self, work: impl FnOnce(&mut KeyStreamOf<u32>) -> T) -> T {
        let mut wide = KeyStreamOf { rc4: self.rc4.converted(), ahead: self.ahead, left: self.left };
        let done = work(&mut wide);
        self.rc4 = wide.rc4.converted();
        (self.ahead, self.left) = (wide.ahead, wide.left);
        done
    }

    /// The next `N` bytes of the key stream XORed with `data`.
    #[must_use]
    pub fn applied<const N: usize>(&mut self, mut data: [u8; N]) -> [u8; N] {
        self.apply(&mut data);
        data
    }

    /// Where the key stream is, for [`go_back`](Self::go_back).
    #[must_use]
    pub fn position(&self) -> u64 {
        self.rc4.position().wrapping_sub(self.left.into())
    }

    /// Takes back what was used of the key stream since `position`. As much work as making it was.
    pub fn go_back(&mut self, position: u64) {
        self.rc4.go_back(position);
        self.left = 0;
    }

    /// The whole state, as [`Rc4::export`] gives it, without what was made ahead. A secret.
    #[must_use]
    pub fn export(&self) -> [u8; Rc4::STATE_LENGTH] {
        self.rc4.export_before(self.left.into())
    }
}

/// XORs 64 bytes of a key stream into `chunk`.
#[inline(always)]
pub(super) fn xor(chunk: &mut [u8; CHUNK], keys: &[u64; CHUNK / 8]) {
    for (bytes, key) in chunk.as_chunks_mut::<8>().0.iter_mut().zip(keys) {
        *bytes = (u64::from_le_bytes(*bytes) ^ key).to_le_bytes();
    }
}
