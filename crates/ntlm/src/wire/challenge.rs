//! CHALLENGE_MESSAGE, type 2 (MS-NLMP 2.2.1.2).
//!
//! ```text
//!  0 Signature   8 MessageType 2   12 TargetNameFields   20 NegotiateFlags   24 ServerChallenge
//! 32 Reserved   40 TargetInfoFields                                  (absent in the oldest form of 32 bytes)
//! 48 Version                                                         (absent in the form of 48 bytes)
//! 56 payload: TargetName, TargetInfo
//! ```

use alloc::vec::Vec;

use super::reader::{Descriptor, Reader};
use super::{AvPairs, Charset, MAX_MESSAGE_LENGTH, Malformed, NegotiateFlags, Part, SIGNATURE, Version};

/// A parsed CHALLENGE_MESSAGE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChallengeMessage<'a> {
    /// NegotiateFlags.
    pub flags: NegotiateFlags,
    /// TargetName in the [`charset`](Self::charset) of the message; empty when there is none.
    pub target_name: &'a [u8],
    /// ServerChallenge.
    pub server_challenge: [u8; 8],
    /// Reserved, ignored; `None` in the oldest form.
    pub reserved: Option<[u8; 8]>,
    /// TargetInfo; `None` unless NTLMSSP_NEGOTIATE_TARGET_INFO is set and the field is there and not empty.
    pub target_info: Option<AvPairs<'a>>,
    /// Version; `None` in the forms that have no such field. Means something only with NTLMSSP_NEGOTIATE_VERSION.
    pub version: Option<Version>,
    /// TargetNameFields as found.
    pub target_name_fields: Descriptor,
    /// TargetInfoFields as found.
    pub target_info_fields: Option<Descriptor>,
    /// Everything behind the fixed header.
    pub payload: &'a [u8],
}

impl<'a> ChallengeMessage<'a> {
    /// Reads a CHALLENGE_MESSAGE of any historic form.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for a wrong header, a message over [`MAX_MESSAGE_LENGTH`], a TargetName or TargetInfo that lies outside the
    /// message or inside its header, a UTF-16 TargetName of odd length, or AV pairs that break the rules of [`AvPairs::parse`].
    pub fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
        let reader = Reader::new(Part::Challenge, message);
        reader.limit(MAX_MESSAGE_LENGTH)?;
        reader.header(2)?;
        let target_name_fields = reader.descriptor("TargetNameFields", 12)?;
        let flags = NegotiateFlags(reader.u32("NegotiateFlags", 20)?);
        let server_challenge = reader.array("ServerChallenge", 24)?;
        let unicode = flags.contains(NegotiateFlags::UNICODE);
        let target_name = reader.text("TargetName", target_name_fields, 32, unicode)?;

        // What the oldest forms leave out is known by where the payload begins. TargetInfoFields without their flag mean nothing.
        let has_target_info = flags.contains(NegotiateFlags::TARGET_INFO);
        let name_start = target_name_fields.start().unwrap_or(message.len()).min(message.len());
        let reserved = if name_start >= 40 { Some(reader.array("Reserved", 32)?) } else { None };
        let target_info_fields = if name_start >= 48 { Some(reader.descriptor("TargetInfoFields", 40)?) } else { None };
        let info_start = target_info_fields.filter(|_| has_target_info).and_then(Descriptor::start);
        let payload_start = info_start.map_or(name_start, |at| at.min(name_start));
        let version = if payload_start >= 56 { Some(Version::from_bytes(reader.array("Version", 48)?)) } else { None };

        let target_info = match target_info_fields {
            Some(fields) if has_target_info => {
                let bytes = reader.payload("TargetInfo", fields, 48)?;
                // The flag promises a list; a message without one has none, and policy decides what that is worth.
                let parse = |bytes| AvPairs::parse(bytes, Part::Challenge, fields.offset as usize);
                Some(bytes).filter(|bytes| !bytes.is_empty()).map(parse).transpose()?
            }
            _ => None,
        };
        let header = match (version, target_info_fields, reserved) {
            (Some(_), _, _) => 56,
            (None, Some(_), _) => 48,
            (None, None, Some(_)) => 40,
            (None, None, None) => 32,
        };
        Ok(Self {
            flags,
            target_name,
            server_challenge,
            reserved,
            target_info,
            version,
            target_name_fields,
            target_info_fields,
            payload: reader.from(header),
        })
    }

    /// The character set of TargetName.
    #[must_use]
    pub fn charset(&self) -> Charset {
        Charset::of(self.flags)
    }

    /// Appends the message to `out`: the very bytes it was parsed from.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend(SIGNATURE);
        out.extend(2_u32.to_le_bytes());
        out.extend(self.target_name_fields.to_bytes());
        out.extend(self.flags.0.to_le_bytes());
        out.extend(self.server_challenge);
        out.extend(self.reserved.into_iter().flatten());
        out.extend(self.target_info_fields.into_iter().flat_map(Descriptor::to_bytes));
        out.extend(self.version.into_iter().flat_map(Version::to_bytes));
        out.extend(self.payload);
    }
}

/// Makes a CHALLENGE_MESSAGE in the form of Windows: a header of 56 bytes, TargetName, TargetInfo.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChallengeBuilder<'a> {
    /// NegotiateFlags, sent as they are.
    pub flags: NegotiateFlags,
    /// TargetName, encoded in the character set that the flags say.
    pub target_name: &'a [u8],
    /// ServerChallenge.
    pub server_challenge: [u8; 8],
    /// TargetInfo: encoded AV pairs with MsvAvEOL. Empty for none: then its fields are zero.
    pub target_info: &'a [u8],
    /// Version; zeros when `None`.
    pub version: Option<Version>,
}

impl ChallengeBuilder<'_> {
    /// Appends the message to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        const HEADER: usize = 56;
        let info = if self.target_info.is_empty() {
            Descriptor::default()
        } else {
            Descriptor::new(self.target_info.len(), HEADER + self.target_name.len())
        };
        out.reserve(HEADER + self.target_name.len() + self.target_info.len());
        out.extend(SIGNATURE);
        out.extend(2_u32.to_le_bytes());
        out.extend(Descriptor::new(self.target_name.len(), HEADER).to_bytes());
        out.extend(self.flags.0.to_le_bytes());
        out.extend(self.server_challenge);
        out.extend([0; 8]);
        out.extend(info.to_bytes());
        out.extend(self.version.map_or([0; 8], Version::to_bytes));
        out.extend(self.target_name);
        out.extend(self.target_info);
    }
}
