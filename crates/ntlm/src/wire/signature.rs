//! NTLMSSP_MESSAGE_SIGNATURE (MS-NLMP 2.2.2.9): always 16 bytes.

use super::reader::Reader;
use super::{Malformed, Part, Reason};

/// A message signature, split into its four words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageSignature {
    /// Bytes 4 to 11: the checksum with extended session security, RandomPad and checksum without.
    pub checksum: [u8; 8],
    /// Bytes 12 to 15, as they are on the wire: encrypted without extended session security.
    pub sequence_number: [u8; 4],
}

impl MessageSignature {
    /// Length of every signature in bytes.
    pub const LENGTH: usize = 16;

    /// The dummy that stands where a signature is expected and neither signing nor sealing was agreed (MS-NLMP 3.4.4): it
    /// proves nothing.
    pub const DUMMY: [u8; Self::LENGTH] = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    /// Reads a signature.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when it is not 16 bytes long or its Version is not 1.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let reader = Reader::new(Part::Signature, bytes);
        if bytes.len() != Self::LENGTH {
            let reason = Reason::WrongLength { expected: Self::LENGTH, found: bytes.len() };
            return Err(reader.error("NTLMSSP_MESSAGE_SIGNATURE", 0, reason));
        }
        let found = reader.u32("Version", 0)?;
        if found != 1 {
            return Err(reader.error("Version", 0, Reason::BadValue { found }));
        }
        Ok(Self { checksum: reader.array("Checksum", 4)?, sequence_number: reader.array("SeqNum", 12)? })
    }

    /// The 16 bytes on the wire.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LENGTH] {
        let [a, b, c, d, e, f, g, h] = self.checksum;
        let [i, j, k, l] = self.sequence_number;
        [1, 0, 0, 0, a, b, c, d, e, f, g, h, i, j, k, l]
    }
}
