//! RC4. Ours, because a session must be able to put the state back after a failed verification and after a mechListMIC, and to
//! export it; the published crates keep it to themselves.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// The state of an RC4 key stream: a permutation of the 256 byte values and two indices.
///
/// `Clone` is for putting a state back, never for two streams under one key.
#[derive(Clone)]
pub struct Rc4 {
    permutation: [u8; 256],
    i: u8,
    j: u8,
}

impl Drop for Rc4 {
    fn drop(&mut self) {
        self.permutation.zeroize();
        self.i.zeroize();
        self.j.zeroize();
    }
}

impl ZeroizeOnDrop for Rc4 {}

// A byte indexes a permutation of 256 values: never out of bounds.
#[allow(clippy::indexing_slicing)]
impl Rc4 {
    /// Length of an exported state in bytes.
    pub const STATE_LENGTH: usize = 258;

    /// Sets up the key stream of `key`, 1 to 256 bytes (an empty key is taken as one zero byte).
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let mut permutation = [0; 256];
        for (value, entry) in (0..=255).zip(&mut permutation) {
            *entry = value;
        }
        let mut j = 0_u8;
        let key = if key.is_empty() { &[0] } else { key };
        for (i, &key) in (0..256).zip(key.iter().cycle()) {
            j = j.wrapping_add(permutation[i]).wrapping_add(key);
            permutation.swap(i, usize::from(j));
        }
        Self { permutation, i: 0, j: 0 }
    }

    /// XORs the next bytes of the key stream into `data`.
    pub fn apply(&mut self, data: &mut [u8]) {
        let Self { permutation, i, j } = self;
        for byte in data {
            *i = i.wrapping_add(1);
            let a = permutation[usize::from(*i)];
            *j = j.wrapping_add(a);
            let b = permutation[usize::from(*j)];
            permutation[usize::from(*i)] = b;
            permutation[usize::from(*j)] = a;
            *byte ^= permutation[usize::from(a.wrapping_add(b))];
        }
    }

    /// The next `N` bytes of the key stream XORed with `data`.
    #[must_use]
    pub fn applied<const N: usize>(&mut self, mut data: [u8; N]) -> [u8; N] {
        self.apply(&mut data);
        data
    }

    /// The whole state: the permutation, then the two indices. A secret.
    #[must_use]
    pub fn export(&self) -> [u8; Self::STATE_LENGTH] {
        let mut state = [0; Self::STATE_LENGTH];
        let values = self.permutation.iter().chain([&self.i, &self.j]);
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
        seen.iter().all(|&seen| seen).then_some(Self { permutation: *permutation, i, j })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exported_state_goes_on_where_it_was() {
        let mut stream = Rc4::new(b"Key");
        assert_eq!(stream.applied(*b"Plain"), [0xbb, 0xf3, 0x16, 0xe8, 0xd9]);
        let mut copy = Rc4::import(&stream.export()).expect("a permutation");
        assert_eq!(copy.applied(*b"text"), [0x40, 0xaf, 0x0a, 0xd3]);
        assert!(Rc4::import(&[7; Rc4::STATE_LENGTH]).is_none());
    }
}
