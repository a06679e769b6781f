//! AV_PAIR lists (MS-NLMP 2.2.2.1): the TargetInfo of a CHALLENGE and the tail of an NTLMv2 response.

use alloc::vec::Vec;
use core::fmt;

use super::reader::Reader;

use super::{Charset, Malformed, Part, Reason, UnicodeString};
use crate::env::FileTime;

/// AvId: what an AV pair means. An open set: unknown ids are carried along.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AvId(pub u16);

impl AvId {
    /// MsvAvEOL: the end of the list.
    pub const EOL: Self = Self(0);
    /// MsvAvNbComputerName: the server's NetBIOS name.
    pub const NB_COMPUTER_NAME: Self = Self(1);
    /// MsvAvNbDomainName: the server's NetBIOS domain name.
    pub const NB_DOMAIN_NAME: Self = Self(2);
    /// MsvAvDnsComputerName: the server's fully qualified name.
    pub const DNS_COMPUTER_NAME: Self = Self(3);
    /// MsvAvDnsDomainName: the DNS name of the server's domain.
    pub const DNS_DOMAIN_NAME: Self = Self(4);
    /// MsvAvDnsTreeName: the DNS name of the forest.
    pub const DNS_TREE_NAME: Self = Self(5);
    /// MsvAvFlags: [`AvFlags`].
    pub const FLAGS: Self = Self(6);
    /// MsvAvTimestamp: the server's time.
    pub const TIMESTAMP: Self = Self(7);
    /// MsvAvSingleHost: [`SingleHostData`].
    pub const SINGLE_HOST: Self = Self(8);
    /// MsvAvTargetName: the SPN of the service the client means.
    pub const TARGET_NAME: Self = Self(9);
    /// MsvAvChannelBindings: the MD5 of the channel bindings, or zeros.
    pub const CHANNEL_BINDINGS: Self = Self(10);

    /// The pairs of a challenge that an NTLMv2 response carries back as they were (MS-NLMP 3.1.5.1.2).
    pub const ECHOED: [Self; 6] = [
        Self::NB_COMPUTER_NAME,
        Self::NB_DOMAIN_NAME,
        Self::DNS_COMPUTER_NAME,
        Self::DNS_DOMAIN_NAME,
        Self::DNS_TREE_NAME,
        Self::TIMESTAMP,
    ];

    /// The name in MS-NLMP; `None` for an unknown id.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "MsvAvEOL",
            1 => "MsvAvNbComputerName",
            2 => "MsvAvNbDomainName",
            3 => "MsvAvDnsComputerName",
            4 => "MsvAvDnsDomainName",
            5 => "MsvAvDnsTreeName",
            6 => "MsvAvFlags",
            7 => "MsvAvTimestamp",
            8 => "MsvAvSingleHost",
            9 => "MsvAvTargetName",
            10 => "MsvAvChannelBindings",
            _ => return None,
        })
    }

    /// Whether the value is a UTF-16LE text.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(self.0, 1..=5 | 9)
    }

    /// The length in bytes that the value must have, where it is fixed.
    #[must_use]
    pub const fn fixed_length(self) -> Option<usize> {
        match self.0 {
            0 => Some(0),
            6 => Some(4),
            7 => Some(8),
            10 => Some(16),
            _ => None,
        }
    }

    fn field(self) -> &'static str {
        match self.name() {
            Some(name) => name,
            None => "AV_PAIR",
        }
    }
}

impl fmt::Display for AvId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "AvId {}", self.0),
        }
    }
}

impl fmt::Debug for AvId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The bits of MsvAvFlags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AvFlags(pub u32);

impl AvFlags {
    /// Account authentication is constrained.
    pub const CONSTRAINED: Self = Self(1);
    /// The AUTHENTICATE_MESSAGE carries a MIC.
    pub const MIC_PROVIDED: Self = Self(2);
    /// The client took MsvAvTargetName from an untrusted source.
    pub const UNTRUSTED_TARGET_NAME: Self = Self(4);

    /// Whether every bit of `bits` is set.
    #[must_use]
    pub const fn contains(self, bits: Self) -> bool {
        self.0 & bits.0 == bits.0
    }
}

/// The value of MsvAvSingleHost (MS-NLMP 2.2.2.2), 48 bytes. Never evaluated: a peer can write what it likes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SingleHostData(pub [u8; 48]);

impl fmt::Debug for SingleHostData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SingleHostData")
    }
}

/// One AV pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvPair<'a> {
    /// What it means.
    pub id: AvId,
    /// Value, as on the wire.
    pub value: &'a [u8],
    /// Where the pair begins, in bytes from the start of the message it came in.
    pub offset: usize,
}

impl AvPair<'_> {
    /// The value as text; of no meaning for ids that are no text.
    #[must_use]
    pub fn text(&self) -> UnicodeString {
        UnicodeString::decode(self.value, Charset::Unicode)
    }
}

/// A checked list of AV pairs: terminated, every fixed length right, no known id twice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AvPairs<'a> {
    bytes: &'a [u8],
    base: usize,
}

impl<'a> AvPairs<'a> {
    /// Checks the list in `bytes`, which begins at offset `base` of a message of kind `part` (for the errors). Bytes behind MsvAvEOL
    /// mean nothing and are kept.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when the list has no MsvAvEOL, when MsvAvEOL has a value, when a pair runs over the end, when MsvAvFlags,
    /// MsvAvTimestamp or MsvAvChannelBindings have another length than 4, 8 and 16, when a text has an odd length, or
    /// when a known id is there twice.
    pub fn parse(bytes: &'a [u8], part: Part, base: usize) -> Result<Self, Malformed> {
        let reader = Reader::new(part, bytes);
        let fail = |field, at: usize, reason| Err(Malformed { part, field, offset: base.saturating_add(at), reason });
        let mut at = 0;
        let mut seen = 0_u16;
        loop {
            let (Ok(id), Ok(length)) = (reader.u16("AvId", at), reader.u16("AvLen", at + 2)) else {
                return fail("AV_PAIR", at, Reason::Unterminated);
            };
            let (id, length) = (AvId(id), usize::from(length));
            if let Some(expected) = id.fixed_length().filter(|&expected| expected != length) {
                return fail(id.field(), at, Reason::WrongLength { expected, found: length });
            }
            if id.is_text() && length % 2 != 0 {
                return fail(id.field(), at, Reason::OddLength { length });
            }
            if id == AvId::EOL {
                return Ok(Self { bytes, base });
            }
            if id.name().is_some() {
                let bit = 1 << id.0;
                if seen & bit != 0 {
                    return fail(id.field(), at, Reason::Duplicate);
                }
                seen |= bit;
            }
            let end = at + 4 + length;
            if end > bytes.len() {
                let (end, available) = (base.saturating_add(end) as u64, base.saturating_add(bytes.len()));
                return fail(id.field(), at, Reason::OutOfBounds { end, available });
            }
            at = end;
        }
    }

    /// A list that was checked before, or that we made.
    pub(crate) fn trusted(bytes: &'a [u8]) -> Self {
        Self { bytes, base: 0 }
    }

    /// Where the list begins in the message it came in.
    #[cfg(test)]
    pub(crate) fn base(&self) -> usize {
        self.base
    }

    /// The list as received, with what lies behind MsvAvEOL.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The pairs in their order, without MsvAvEOL.
    pub fn iter(&self) -> impl Iterator<Item = AvPair<'a>> + use<'a> {
        let Self { bytes, base } = *self;
        let mut at = 0;
        core::iter::from_fn(move || {
            let rest = bytes.get(at..)?;
            let (&[i0, i1, l0, l1], rest) = rest.split_first_chunk::<4>()?;
            let id = AvId(u16::from_le_bytes([i0, i1]));
            if id == AvId::EOL {
                return None;
            }
            let value = rest.get(..usize::from(u16::from_le_bytes([l0, l1])))?;
            let offset = base.saturating_add(at);
            at += 4 + value.len();
            Some(AvPair { id, value, offset })
        })
    }

    /// The value of the pair `id`.
    #[must_use]
    pub fn get(&self, id: AvId) -> Option<&'a [u8]> {
        self.iter().find(|pair| pair.id == id).map(|pair| pair.value)
    }

    /// The value of the pair `id` as text.
    #[must_use]
    pub fn text(&self, id: AvId) -> Option<UnicodeString> {
        self.iter().find(|pair| pair.id == id).map(|pair| pair.text())
    }

    /// MsvAvFlags; none when absent.
    #[must_use]
    pub fn flags(&self) -> Option<AvFlags> {
        self.array(AvId::FLAGS).map(|value| AvFlags(u32::from_le_bytes(value)))
    }

    /// MsvAvTimestamp.
    #[must_use]
    pub fn timestamp(&self) -> Option<FileTime> {
        self.array(AvId::TIMESTAMP).map(FileTime::from_bytes)
    }

    /// MsvAvChannelBindings as sent: all zeros mean that the client had no bindings.
    #[must_use]
    pub fn channel_bindings(&self) -> Option<[u8; 16]> {
        self.array(AvId::CHANNEL_BINDINGS)
    }

    fn array<const N: usize>(&self, id: AvId) -> Option<[u8; N]> {
        self.get(id)?.first_chunk().copied()
    }
}

impl fmt::Debug for AvPairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Makes a list of AV pairs.
#[derive(Clone, Debug, Default)]
pub struct AvPairsBuilder(Vec<u8>);

impl AvPairsBuilder {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A list behind what `bytes` holds already: [`finish`](Self::finish) gives both.
    pub(crate) fn behind(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Appends a pair. A value over 65,535 bytes cannot be written and is cut there.
    pub fn push(&mut self, id: AvId, value: &[u8]) -> &mut Self {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        let ([a, b], [c, d]) = (id.0.to_le_bytes(), length.to_le_bytes());
        self.0.extend_from_slice(&[a, b, c, d]);
        self.0.extend_from_slice(value.get(..usize::from(length)).unwrap_or(value));
        self
    }

    /// Appends the pairs of a list, without those that `left_out` says.
    pub(crate) fn push_all(&mut self, pairs: &AvPairs<'_>, left_out: impl Fn(AvId) -> bool) -> &mut Self {
        let (mut length, mut all) = (0, true);
        for pair in pairs.iter() {
            length += 4 + pair.value.len();
            all &= !left_out(pair.id);
        }
        match pairs.bytes.get(..length).filter(|_| all) {
            // In one piece, nearly always.
            Some(bytes) => self.0.extend_from_slice(bytes),
            None => pairs.iter().filter(|pair| !left_out(pair.id)).for_each(|pair| {
                self.push(pair.id, pair.value);
            }),
        }
        self
    }

    /// Appends a pair with a text.
    pub fn push_text(&mut self, id: AvId, text: &UnicodeString) -> &mut Self {
        self.push(id, &text.to_utf16le())
    }

    /// Appends MsvAvEOL and gives the list.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.push(AvId::EOL, &[]);
        self.0
    }
}
