//! RC4. Ours, because a session must be able to put the state back after a failed verification and after a mechListMIC, and to
//! export it; the published crates keep it to themselves.

use zeroize::ZeroizeOnDrop;

use super::md5::{Blocks, Nothing, compress_with_set_up};
use super::{Wipe, wipe};

/// An entry of the permutation: always a byte value. A table of single bytes is a quarter of the size. One of words is faster, by a fifth where a processor
/// is slow to store single bytes, and no slower elsewhere.
pub trait Entry: Wipe + From<u8> {
    /// The byte value.
    fn byte(self) -> u8;
}

impl Entry for u8 {
    #[inline(always)]
    fn byte(self) -> u8 {
        self
    }
}

impl Entry for u32 {
    #[inline(always)]
    fn byte(self) -> u8 {
        (self & 0xff) as u8
    }
}

/// An RC4 key stream, in a table of bytes.
pub type Rc4 = Rc4Of<u8>;

/// The state of an RC4 key stream: a permutation of the 256 byte values and two indices.
///
/// Not `Clone`: two streams under one key would encrypt two messages with the same bytes. Whoever wants an earlier state back goes back to it.
pub struct Rc4Of<E: Entry> {
    pub(super) permutation: [E; 256],
    pub(super) i: u8,
    pub(super) j: u8,
    /// Bytes of the key stream that were made, since whenever.
    pub(super) position: u64,
}

impl<E: Entry> Drop for Rc4Of<E> {
    fn drop(&mut self) {
        wipe(&mut self.permutation);
        wipe(&mut self.i);
        wipe(&mut self.j);
    }
}

impl<E: Entry> ZeroizeOnDrop for Rc4Of<E> {}

/// The permutation that a set-up begins with.
fn identity() -> [u8; 256] {
    core::array::from_fn(|n| (n & 0xff) as u8)
}

/// Where a set-up is: j, and the entry of the step that is next.
#[derive(Clone, Copy)]
pub(super) struct SetUp {
    pub(super) j: u8,
    pub(super) ahead: u8,
}

/// Plays 64 of the 256 steps of a set-up.
// Not inlined, and with arguments of its own: so the compiler knows that the key is not in the permutation, and keeps it in registers.
#[inline(never)]
fn set_up_quarter(permutation: &mut [u8; 256], key: &[u8; 16], mut at: SetUp, quarter: u8) -> SetUp {
    for round in 4 * quarter..4 * quarter + 4 {
        for (n, key) in (0..16).zip(key) {
            set_up_step(permutation, 16 * round + n, *key, &mut at);
        }
    }
    at
}

/// A step of the set-up. The entry of the step behind it is loaded before the swap: processors that make it wait for the stores take half as long again.
// A byte indexes a permutation of 256 values: never out of bounds.
#[allow(clippy::indexing_slicing)]
#[inline(always)]
pub(super) fn set_up_step(permutation: &mut [u8; 256], i: u8, key: u8, at: &mut SetUp) {
    let behind = i.wrapping_add(1);
    let (value, next) = (at.ahead, permutation[usize::from(behind)]);
    at.j = at.j.wrapping_add(key).wrapping_add(value);
    permutation[usize::from(i)] = permutation[usize::from(at.j)];
    permutation[usize::from(at.j)] = value;
    at.ahead = if at.j == behind { value } else { next };
}

/// The next byte of the key stream.
// A byte indexes a permutation of 256 values: never out of bounds.
#[allow(clippy::indexing_slicing)]
#[inline(always)]
pub(super) fn next<E: Entry>(permutation: &mut [E; 256], i: &mut u8, j: &mut u8) -> u8 {
    *i = i.wrapping_add(1);
    let a = permutation[usize::from(*i)];
    *j = j.wrapping_add(a.byte());
    let b = permutation[usize::from(*j)];
    permutation[usize::from(*i)] = b;
    permutation[usize::from(*j)] = a;
    permutation[usize::from(a.byte().wrapping_add(b.byte()))].byte()
}

// As above.
#[allow(clippy::indexing_slicing)]
impl<E: Entry> Rc4Of<E> {
    /// XORs the next bytes of the key stream into `data`.
    pub fn apply(&mut self, data: &mut [u8]) {
        let Self { permutation, i, j, position } = self;
        let (mut x, mut y) = (*i, *j);
        *position = position.wrapping_add(data.len() as u64);
        // Eight bytes at a time: what is read and written of the data then is not what limits.
        let (words, rest) = data.as_chunks_mut::<8>();
        for word in words {
            let mut stream = 0;
            for shift in [0, 8, 16, 24, 32, 40, 48, 56] {
                stream |= u64::from(next(permutation, &mut x, &mut y)) << shift;
            }
            *word = (u64::from_le_bytes(*word) ^ stream).to_le_bytes();
        }
        for byte in rest {
            *byte ^= next(permutation, &mut x, &mut y);
        }
        (*i, *j) = (x, y);
    }

    /// Where the key stream is, for [`go_back`](Self::go_back).
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Takes back what was made of the key stream since `position`: the state is what it was there. As much work as making it was.
    pub fn go_back(&mut self, position: u64) {
        let Self { permutation, i, j, position: now } = self;
        while *now != position {
            permutation.swap(usize::from(*i), usize::from(*j));
            *j = j.wrapping_sub(permutation[usize::from(*i)].byte());
            *i = i.wrapping_sub(1);
            *now = now.wrapping_sub(1);
        }
    }

    /// The next `N` bytes of the key stream XORed with `data`.
    #[must_use]
    pub fn applied<const N: usize>(&mut self, mut data: [u8; N]) -> [u8; N] {
        self.apply(&mut data);
        data
    }

    /// The same state in another table; the one that is left behind must not go on.
    pub(super) fn converted<F: Entry>(&self) -> Rc4Of<F> {
        let Self { permutation, i, j, position } = self;
        Rc4Of { permutation: permutation.map(|entry| F::from(entry.byte())), i: *i, j: *j, position: *position }
    }
}

// As above.
#[allow(clippy::indexing_slicing)]
impl Rc4 {
    /// Length of an exported state in bytes.
    pub const STATE_LENGTH: usize = 258;

    /// Sets up the key stream of `key`, 1 to 256 bytes (an empty key is taken as one zero byte).
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        if let Ok(key) = key.try_into() {
            // Nearly all keys of NTLM.
            return Self::new_beside(key, &mut Nothing);
        }
        let key = if key.is_empty() { &[0] } else { key };
        let mut permutation = identity();
        let mut at = SetUp { j: 0, ahead: 0 };
        for (i, key) in (0..=u8::MAX).zip(key.iter().cycle()) {
            set_up_step(&mut permutation, i, *key, &mut at);
        }
        Self { permutation, i: 0, j: 0, position: 0 }
    }

    /// Sets up the key stream of `key`, and hashes up to four blocks of `others` meanwhile.
    #[must_use]
    pub fn new_beside(key: &[u8; 16], others: &mut impl Blocks) -> Self {
        let mut stream = Self { permutation: identity(), i: 0, j: 0, position: 0 };
        let mut at = SetUp { j: 0, ahead: 0 };
        for quarter in 0..4 {
            at = match others.next() {
                Some((state, mut block)) => {
                    let next = compress_with_set_up(state, &block, &mut stream.permutation, key, at, quarter);
                    wipe(&mut block);
                    next
                }
                None => set_up_quarter(&mut stream.permutation, key, at, quarter),
            };
        }
        stream
    }

    /// The whole state: the permutation, then the two indices. A secret.
    #[must_use]
    pub fn export(&self) -> [u8; Self::STATE_LENGTH] {
        self.export_before(0)
    }

    /// As [`export`](Self::export), of the state that was `bytes` earlier in the key stream.
    #[must_use]
    pub(super) fn export_before(&self, bytes: u64) -> [u8; Self::STATE_LENGTH] {
        let mut earlier = self.converted::<u8>();
        earlier.go_back(self.position.wrapping_sub(bytes));
        let Self { permutation, i, j, .. } = &earlier;
        let mut state = [0; Self::STATE_LENGTH];
        let values = permutation.iter().chain([i, j]);
        for (entry, value) in state.iter_mut().zip(values) {
            *entry = *value;
        }
        state
    }

    /// A state made by [`export`](Self::export); `None` if its first 256 bytes are no permutation.
    #[must_use]
    pub fn import(state: &[u8; Self::STATE_LENGTH]) -> Option<Self> {
        let (permutation, &[i, j]) = state.split_first_chunk::<256>()? else { return None };
        let mut seen = [false; 256];
        for &value in permutation {
            seen[usize::from(value)] = true;
        }
        seen.iter().all(|&seen| seen).then_some(Self { permutation: *permutation, i, j, position: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stream_can_go_back() {
        let mut stream = Rc4::new(b"Key");
        let _ = stream.applied([0; 1000]);
        let (position, state) = (stream.position(), stream.export());
        let ahead = stream.applied([0; 777]);
        assert_ne!(stream.export(), state);
        stream.go_back(position);
        assert_eq!(stream.export(), state);
        assert_eq!(stream.applied([0; 777]), ahead);
    }

    #[test]
    fn an_exported_state_goes_on_where_it_was() {
        let mut stream = Rc4::new(b"Key");
        assert_eq!(stream.applied(*b"Plain"), [0xbb, 0xf3, 0x16, 0xe8, 0xd9]);
        let mut copy = Rc4::import(&stream.export()).expect("a permutation");
        assert_eq!(copy.applied(*b"text"), [0x40, 0xaf, 0x0a, 0xd3]);
        assert!(Rc4::import(&[7; Rc4::STATE_LENGTH]).is_none());
    }
}
