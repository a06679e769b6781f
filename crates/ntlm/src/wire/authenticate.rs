//! AUTHENTICATE_MESSAGE, type 3 (MS-NLMP 2.2.1.3).
//!
//! ```text
//!  0 Signature   8 MessageType 3
//! 12 LmChallengeResponseFields   20 NtChallengeResponseFields   28 DomainNameFields   36 UserNameFields   44 WorkstationFields
//! 52 EncryptedRandomSessionKeyFields   60 NegotiateFlags             (absent in the oldest form of 52 bytes)
//! 64 Version                                                         (absent in the form of 64 bytes)
//! 72 MIC, 16 bytes                                                   (absent in the form of 72 bytes)
//! 88 payload: DomainName, UserName, Workstation, LM response, NT response, key
//! ```
//!
//! Which form a message has is told by where its payload begins, never by a flag. One form of other implementations has the
//! MIC but no Version, at 64. That a message has room for a MIC proves nothing: a MIC is *claimed* by MsvAvFlags in the NTLMv2 response.

use alloc::vec::Vec;

use super::reader::{Descriptor, Reader};
use super::{Charset, MAX_MESSAGE_LENGTH, Malformed, NegotiateFlags, Part, SIGNATURE, Version};

/// Length of the MIC field in bytes.
pub const MIC_LENGTH: usize = 16;

/// A parsed AUTHENTICATE_MESSAGE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthenticateMessage<'a> {
    /// NegotiateFlags; `None` in the oldest form.
    pub flags: Option<NegotiateFlags>,
    /// LmChallengeResponse.
    pub lm_response: &'a [u8],
    /// NtChallengeResponse.
    pub nt_response: &'a [u8],
    /// DomainName in the [`charset`](Self::charset) of the message.
    pub domain_name: &'a [u8],
    /// UserName in the charset of the message.
    pub user_name: &'a [u8],
    /// Workstation in the charset of the message.
    pub workstation: &'a [u8],
    /// EncryptedRandomSessionKey; empty when absent.
    pub encrypted_random_session_key: &'a [u8],
    /// Version; `None` in the forms that have no such field.
    pub version: Option<Version>,
    /// Where the MIC field begins; `None` in the forms that have no such field.
    pub mic_offset: Option<usize>,
    /// MIC; `None` in the forms that have no such field.
    pub mic: Option<[u8; MIC_LENGTH]>,
    /// The six fields as found, in the order of the header: LM, NT, domain, user, workstation, key. The last is zero in the oldest form.
    pub fields: [Descriptor; 6],
    /// Everything behind the fixed header.
    pub payload: &'a [u8],
}

impl<'a> AuthenticateMessage<'a> {
    /// The names of [`fields`](Self::fields), in their order.
    pub const FIELD_NAMES: [&'static str; 6] = [
        "LmChallengeResponse",
        "NtChallengeResponse",
        "DomainName",
        "UserName",
        "Workstation",
        "EncryptedRandomSessionKey",
    ];

    /// Reads an AUTHENTICATE_MESSAGE of any historic form.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for a wrong header, a message over [`MAX_MESSAGE_LENGTH`], a field that lies outside the message or inside
    /// its header, or a UTF-16 name of odd length.
    pub fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
        let reader = Reader::new(Part::Authenticate, message);
        reader.limit(MAX_MESSAGE_LENGTH)?;
        reader.header(3)?;
        let mut fields = [Descriptor::default(); 6];
        for ((fields, name), at) in fields.iter_mut().zip(Self::FIELD_NAMES).zip((12..).step_by(8)).take(5) {
            *fields = reader.descriptor(name, at)?;
        }
        let mut payload_start = fields.iter().filter_map(|fields| fields.start()).fold(message.len(), usize::min);
        let mut flags = None;
        if payload_start >= 64 {
            fields[5] = reader.descriptor(Self::FIELD_NAMES[5], 52)?;
            flags = Some(NegotiateFlags(reader.u32("NegotiateFlags", 60)?));
            payload_start = fields[5].start().map_or(payload_start, |at| at.min(payload_start));
        }
        let (version, mic_offset) = match payload_start {
            88.. => (Some(Version::from_bytes(reader.array("Version", 64)?)), Some(72)),
            80..=87 => (None, Some(64)),
            72..=79 => (Some(Version::from_bytes(reader.array("Version", 64)?)), None),
            _ => (None, None),
        };
        let mic = mic_offset.map(|at| reader.array("MIC", at)).transpose()?;
        let header = match (mic_offset, version, flags) {
            (Some(at), _, _) => at + MIC_LENGTH,
            (None, Some(_), _) => 72,
            (None, None, Some(_)) => 64,
            (None, None, None) => 52,
        };

        let unicode = flags.is_none_or(|flags| flags.contains(NegotiateFlags::UNICODE));
        let [lm, nt, domain, user, workstation, key] = fields;
        let [lm_name, nt_name, domain_name, user_name, workstation_name, key_name] = Self::FIELD_NAMES;
        Ok(Self {
            flags,
            lm_response: reader.payload(lm_name, lm, 52)?,
            nt_response: reader.payload(nt_name, nt, 52)?,
            domain_name: reader.text(domain_name, domain, 52, unicode)?,
            user_name: reader.text(user_name, user, 52, unicode)?,
            workstation: reader.text(workstation_name, workstation, 52, unicode)?,
            encrypted_random_session_key: reader.payload(key_name, key, 52)?,
            version,
            mic_offset,
            mic,
            fields,
            payload: reader.from(header),
        })
    }

    /// The character set of the names.
    #[must_use]
    pub fn charset(&self) -> Charset {
        self.flags.map_or(Charset::Unicode, Charset::of)
    }

    /// Where the NT response begins, from the start of the message.
    #[must_use]
    pub fn nt_response_offset(&self) -> usize {
        self.fields[1].offset as usize
    }

    /// Appends the message to `out`: the very bytes it was parsed from.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend(SIGNATURE);
        out.extend(3_u32.to_le_bytes());
        let (key, first) = self.fields.split_last().unwrap_or((&self.fields[5], &[]));
        out.extend(first.iter().flat_map(|fields| fields.to_bytes()));
        if let Some(flags) = self.flags {
            out.extend(key.to_bytes());
            out.extend(flags.0.to_le_bytes());
        }
        out.extend(self.version.into_iter().flat_map(Version::to_bytes));
        out.extend(self.mic.into_iter().flatten());
        out.extend(self.payload);
    }
}

/// Makes an AUTHENTICATE_MESSAGE in the form of Windows: a header of 88 bytes with the MIC left zero, then DomainName, UserName,
/// Workstation, LM response, NT response and key without padding.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuthenticateBuilder<'a> {
    /// NegotiateFlags, sent as they are.
    pub flags: NegotiateFlags,
    /// DomainName, encoded in the character set that the flags say.
    pub domain_name: &'a [u8],
    /// UserName, encoded alike.
    pub user_name: &'a [u8],
    /// Workstation, encoded alike.
    pub workstation: &'a [u8],
    /// LmChallengeResponse.
    pub lm_response: &'a [u8],
    /// NtChallengeResponse.
    pub nt_response: &'a [u8],
    /// EncryptedRandomSessionKey; empty for none.
    pub encrypted_random_session_key: &'a [u8],
    /// Version; zeros when `None`.
    pub version: Option<Version>,
    /// Leaves the MIC field out, as the examples of MS-NLMP 4.2 and Windows before Vista do.
    pub without_mic_field: bool,
}

impl AuthenticateBuilder<'_> {
    /// Where the MIC lies in a message made by [`write`](Self::write).
    pub const MIC_OFFSET: usize = 72;

    /// Length of the message in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.payload().iter().fold(self.header(), |sum, piece| sum + piece.len())
    }

    /// Where NtChallengeResponse lies in it.
    pub(crate) fn nt_response_offset(&self) -> usize {
        let [domain, user, workstation, lm, ..] = self.payload();
        [domain, user, workstation, lm].iter().fold(self.header(), |sum, piece| sum + piece.len())
    }

    /// Appends the message to `out`, its MIC field zero.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut offset = self.header();
        let [domain, user, workstation, lm, nt, key] = self.payload().map(|piece| {
            let fields = Descriptor::new(piece.len(), offset);
            offset += piece.len();
            fields
        });
        out.reserve(offset);
        out.extend(SIGNATURE);
        out.extend(3_u32.to_le_bytes());
        for fields in [lm, nt, domain, user, workstation, key] {
            out.extend(fields.to_bytes());
        }
        out.extend(self.flags.0.to_le_bytes());
        out.extend(self.version.map_or([0; 8], Version::to_bytes));
        if !self.without_mic_field {
            out.extend([0; MIC_LENGTH]);
        }
        for piece in self.payload() {
            out.extend(piece);
        }
    }

    fn header(&self) -> usize {
        if self.without_mic_field { Self::MIC_OFFSET } else { Self::MIC_OFFSET + MIC_LENGTH }
    }

    fn payload(&self) -> [&[u8]; 6] {
        [
            self.domain_name,
            self.user_name,
            self.workstation,
            self.lm_response,
            self.nt_response,
            self.encrypted_random_session_key,
        ]
    }
}
