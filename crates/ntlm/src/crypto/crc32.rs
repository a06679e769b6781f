//! CRC-32 (IEEE 802.3): the checksum of signatures without extended session security (MS-NLMP 3.4.4.1).

/// A running CRC-32.
#[derive(Clone, Copy)]
pub struct Crc32(u32);

/// The CRC of every byte value.
// Evaluated when compiled: an index out of bounds would not compile.
#[allow(clippy::indexing_slicing)]
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0xedb8_8320 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

impl Crc32 {
    /// The CRC of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(u32::MAX)
    }

    /// Takes in the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        for &byte in piece {
            let [low, ..] = self.0.to_le_bytes();
            // A byte indexes a table of 256: never out of bounds.
            #[allow(clippy::indexing_slicing)]
            let entry = TABLE[usize::from(low ^ byte)];
            self.0 = self.0 >> 8 ^ entry;
        }
    }

    /// The CRC of all pieces.
    #[must_use]
    pub const fn finish(self) -> u32 {
        !self.0
    }
}

impl Default for Crc32 {
    fn default() -> Self {
        Self::new()
    }
}
