//! Bounds-checked reading at absolute offsets: the only way the parsers touch a peer's bytes.

use super::{Malformed, Part, Reason, SIGNATURE};

/// The eight bytes that point to a payload field: `Len`, `MaxLen`, `BufferOffset` (MS-NLMP 2.2.1, "Fields").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Descriptor {
    /// Length of the field in bytes.
    pub length: u16,
    /// Allocated length; ignored when reading.
    pub max_length: u16,
    /// Where the field begins, from the start of the message; meaningless when the length is 0.
    pub offset: u32,
}

impl Descriptor {
    pub(super) fn new(length: usize, offset: usize) -> Self {
        // Builders check lengths before they come here; a saturated length makes an unreadable message, not a wrong one.
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        Self { length, max_length: length, offset: u32::try_from(offset).unwrap_or(u32::MAX) }
    }

    pub(super) fn to_bytes(self) -> [u8; 8] {
        let [l0, l1] = self.length.to_le_bytes();
        let [m0, m1] = self.max_length.to_le_bytes();
        let [o0, o1, o2, o3] = self.offset.to_le_bytes();
        [l0, l1, m0, m1, o0, o1, o2, o3]
    }

    /// Where the field begins, if there is one.
    pub(super) fn start(self) -> Option<usize> {
        (self.length > 0).then_some(self.offset as usize)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    part: Part,
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(part: Part, bytes: &'a [u8]) -> Self {
        Self { part, bytes }
    }

    pub(crate) fn len(self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn error(self, field: &'static str, offset: usize, reason: Reason) -> Malformed {
        Malformed { part: self.part, field, offset, reason }
    }

    pub(crate) fn limit(self, limit: usize) -> Result<(), Malformed> {
        if self.len() > limit {
            return Err(self.error("message", 0, Reason::TooLong { limit }));
        }
        Ok(())
    }

    pub(crate) fn signature(self) -> Result<(), Malformed> {
        let found = self.bytes.get(..SIGNATURE.len());
        match found {
            Some(found) if found == SIGNATURE => Ok(()),
            Some(_) => Err(self.error("Signature", 0, Reason::NotNtlmssp)),
            None if SIGNATURE.starts_with(self.bytes) => {
                Err(self.error("Signature", 0, Reason::TooShort { needed: 8, available: self.len() }))
            }
            None => Err(self.error("Signature", 0, Reason::NotNtlmssp)),
        }
    }

    /// The signature and the message type `expected`.
    pub(crate) fn header(self, expected: u32) -> Result<(), Malformed> {
        self.signature()?;
        let found = self.u32("MessageType", 8)?;
        if found != expected {
            return Err(self.error("MessageType", 8, Reason::WrongMessageType { expected, found }));
        }
        Ok(())
    }

    pub(crate) fn array<const N: usize>(self, field: &'static str, offset: usize) -> Result<[u8; N], Malformed> {
        self.bytes
            .get(offset..)
            .and_then(|rest| rest.first_chunk::<N>())
            .copied()
            .ok_or_else(|| self.error(field, offset, Reason::TooShort { needed: offset + N, available: self.len() }))
    }

    pub(crate) fn u16(self, field: &'static str, offset: usize) -> Result<u16, Malformed> {
        self.array(field, offset).map(u16::from_le_bytes)
    }

    pub(crate) fn u32(self, field: &'static str, offset: usize) -> Result<u32, Malformed> {
        self.array(field, offset).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(self, field: &'static str, offset: usize) -> Result<u64, Malformed> {
        self.array(field, offset).map(u64::from_le_bytes)
    }

    pub(crate) fn slice(self, field: &'static str, offset: usize, length: usize) -> Result<&'a [u8], Malformed> {
        // Both numbers may be a peer's: the sum is made in 64 bits and compared before anything is touched.
        let end = offset as u64 + length as u64;
        usize::try_from(end)
            .ok()
            .and_then(|end| self.bytes.get(offset..end))
            .ok_or_else(|| self.error(field, offset, Reason::OutOfBounds { end, available: self.len() }))
    }

    pub(crate) fn from(self, offset: usize) -> &'a [u8] {
        self.bytes.get(offset..).unwrap_or(&[])
    }

    pub(crate) fn descriptor(self, field: &'static str, at: usize) -> Result<Descriptor, Malformed> {
        self.array::<8>(field, at)?;
        Ok(Descriptor {
            length: self.u16(field, at)?,
            max_length: self.u16(field, at + 2)?,
            offset: self.u32(field, at + 4)?,
        })
    }

    /// The bytes that `descriptor` points to. An empty field has no offset worth looking at.
    pub(crate) fn payload(
        self,
        field: &'static str,
        descriptor: Descriptor,
        header: usize,
    ) -> Result<&'a [u8], Malformed> {
        let Some(offset) = descriptor.start() else { return Ok(&[]) };
        let bytes = self.slice(field, offset, usize::from(descriptor.length))?;
        if offset < header {
            return Err(self.error(field, offset, Reason::InsideHeader { header }));
        }
        Ok(bytes)
    }

    /// As [`payload`](Self::payload), for a text that is UTF-16 when `unicode`.
    pub(crate) fn text(
        self,
        field: &'static str,
        descriptor: Descriptor,
        header: usize,
        unicode: bool,
    ) -> Result<&'a [u8], Malformed> {
        let bytes = self.payload(field, descriptor, header)?;
        if unicode && bytes.len() % 2 != 0 {
            return Err(self.error(field, descriptor.offset as usize, Reason::OddLength { length: bytes.len() }));
        }
        Ok(bytes)
    }
}
