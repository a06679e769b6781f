//! A token read as one of the three messages, and what the whole module asks of it.

use std::ops::Range;

use ntlm::wire::{
    AuthenticateMessage, ChallengeMessage, Descriptor, Malformed, MessageType, NegotiateMessage, NtlmV2Response,
    ResponseClass,
};
use ntlm::{NegotiateFlags, UnicodeString};

/// One NTLM message.
pub(super) enum Message<'a> {
    Negotiate(NegotiateMessage<'a>),
    Challenge(ChallengeMessage<'a>),
    Authenticate(Authenticate<'a>),
}

/// An AUTHENTICATE_MESSAGE with its NT response read as far as it goes.
pub(super) struct Authenticate<'a> {
    pub(super) message: AuthenticateMessage<'a>,
    /// The NT response as NTLMv2_RESPONSE; `None` when it is shorter than the shortest of them.
    pub(super) v2: Option<NtlmV2Response<'a>>,
    /// Which logon it is; `None` when it is none of the known kinds.
    pub(super) class: Option<ResponseClass>,
}

impl<'a> Message<'a> {
    /// Reads whichever message `bytes` are.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        Ok(match MessageType::of(bytes)? {
            MessageType::Negotiate => Self::Negotiate(NegotiateMessage::parse(bytes)?),
            MessageType::Challenge => Self::Challenge(ChallengeMessage::parse(bytes)?),
            MessageType::Authenticate => Self::Authenticate(Authenticate::parse(bytes)?),
        })
    }

    /// The name in MS-NLMP 2.2.1.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Negotiate(_) => "NEGOTIATE_MESSAGE",
            Self::Challenge(_) => "CHALLENGE_MESSAGE",
            Self::Authenticate(_) => "AUTHENTICATE_MESSAGE",
        }
    }

    /// MessageType and its name.
    pub(super) fn message_type(&self) -> (u32, &'static str) {
        match self {
            Self::Negotiate(_) => (1, "NtLmNegotiate"),
            Self::Challenge(_) => (2, "NtLmChallenge"),
            Self::Authenticate(_) => (3, "NtLmAuthenticate"),
        }
    }

    /// NegotiateFlags; `None` in the oldest form of an AUTHENTICATE_MESSAGE.
    pub(super) fn flags(&self) -> Option<NegotiateFlags> {
        match self {
            Self::Negotiate(message) => Some(message.flags),
            Self::Challenge(message) => Some(message.flags),
            Self::Authenticate(authenticate) => authenticate.message.flags,
        }
    }

    /// Length of the fixed header.
    pub(super) fn header_length(&self, bytes: &[u8]) -> usize {
        let payload = match self {
            Self::Negotiate(message) => message.payload,
            Self::Challenge(message) => message.payload,
            Self::Authenticate(authenticate) => authenticate.message.payload,
        };
        bytes.len() - payload.len().min(bytes.len())
    }

    /// Which of the historic forms the message has.
    pub(super) fn form(&self, bytes: &[u8]) -> &'static str {
        let length = self.header_length(bytes);
        match (self, length) {
            (Self::Negotiate(_), 40..) => "header of 40 bytes, with Version: the form of everything current",
            (Self::Negotiate(_), 32..) => "header of 32 bytes, without Version",
            (Self::Negotiate(_), _) => "header of 16 bytes, flags alone: the oldest form",
            (Self::Challenge(_), 56..) => "header of 56 bytes, with Version: the form of everything current",
            (Self::Challenge(_), 48..) => "header of 48 bytes, without Version",
            (Self::Challenge(_), 40..) => "header of 40 bytes, without TargetInfoFields and Version",
            (Self::Challenge(_), _) => {
                "header of 32 bytes, without Reserved, TargetInfoFields and Version: the oldest form"
            }
            (Self::Authenticate(_), 88..) => "header of 88 bytes, with Version and MIC: Windows Vista and later",
            (Self::Authenticate(_), 80..) => "header of 80 bytes, with MIC and without Version: no Windows does this",
            (Self::Authenticate(_), 72..) => {
                "header of 72 bytes, with Version and without MIC: Windows XP and Server 2003"
            }
            (Self::Authenticate(_), 64..) => "header of 64 bytes, without Version and MIC: Windows NT 4 and 2000",
            (Self::Authenticate(_), _) => {
                "header of 52 bytes, without EncryptedRandomSessionKeyFields, NegotiateFlags, Version and MIC: the oldest form"
            }
        }
    }

    /// The payload fields that lie inside the message, as ranges of it; empty ones are left out.
    pub(super) fn payload_ranges(&self, bytes: &[u8]) -> Vec<(&'static str, Range<usize>)> {
        self.descriptors()
            .into_iter()
            .filter_map(|(_, name, fields)| Some((name, range(fields, bytes)?)))
            .filter(|(_, range)| !range.is_empty())
            .collect()
    }

    /// The eight-byte fields of the header: where each lies, the name of what it points to, and what it says. `Workstation` is what
    /// MS-NLMP calls WorkstationName in a NEGOTIATE_MESSAGE and nowhere else.
    pub(super) fn descriptors(&self) -> Vec<(usize, &'static str, Descriptor)> {
        let of = |at, name, fields: Option<Descriptor>| fields.map(|fields| (at, name, fields));
        match self {
            Self::Negotiate(message) => {
                let domain = of(16, "DomainName", message.domain_name_fields);
                let workstation = of(24, "Workstation", message.workstation_fields);
                domain.into_iter().chain(workstation).collect()
            }
            Self::Challenge(message) => {
                let name = of(12, "TargetName", Some(message.target_name_fields));
                let info = of(40, "TargetInfo", message.target_info_fields);
                name.into_iter().chain(info).collect()
            }
            Self::Authenticate(Authenticate { message, .. }) => {
                let present = if message.flags.is_some() { 6 } else { 5 };
                let rows = (12..).step_by(8).zip(AuthenticateMessage::FIELD_NAMES).zip(message.fields).take(present);
                rows.map(|((at, name), fields)| (at, name, fields)).collect()
            }
        }
    }

    /// The bytes of the payload that no field points to.
    pub(super) fn unreferenced(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut used = self.payload_ranges(bytes);
        used.sort_by_key(|(_, range)| range.start);
        let mut gaps = Vec::new();
        let mut at = self.header_length(bytes);
        for (_, range) in used {
            if range.start > at {
                gaps.push(at..range.start);
            }
            at = at.max(range.end);
        }
        if at < bytes.len() {
            gaps.push(at..bytes.len());
        }
        gaps
    }
}

impl<'a> Authenticate<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let message = AuthenticateMessage::parse(bytes)?;
        let ess = message.flags.is_some_and(|flags| flags.contains(NegotiateFlags::EXTENDED_SESSIONSECURITY));
        let class = ResponseClass::of(message.user_name, message.lm_response, message.nt_response, ess);
        let v2 = if message.nt_response.len() >= ResponseClass::NTLMV2_MINIMUM {
            Some(NtlmV2Response::parse(message.nt_response, message.nt_response_offset())?)
        } else {
            None
        };
        Ok(Self { message, v2, class })
    }

    /// UserName.
    pub(super) fn user(&self) -> UnicodeString {
        UnicodeString::decode(self.message.user_name, self.message.charset())
    }

    /// DomainName.
    pub(super) fn domain(&self) -> UnicodeString {
        UnicodeString::decode(self.message.domain_name, self.message.charset())
    }

    /// NegotiateFlags; none in the oldest form.
    pub(super) fn flags(&self) -> NegotiateFlags {
        self.message.flags.unwrap_or_default()
    }
}

/// Where the field that `fields` describes lies in `bytes`; `None` when it does not lie inside.
pub(super) fn range(fields: Descriptor, bytes: &[u8]) -> Option<Range<usize>> {
    let start = usize::try_from(fields.offset).ok()?;
    if fields.length == 0 {
        return Some(start..start);
    }
    let end = start.checked_add(usize::from(fields.length))?;
    (end <= bytes.len()).then_some(start..end)
}

/// Where a message that begins `bytes` ends, by its own fields: for messages found inside other data. All of `bytes` when it cannot be
/// read.
pub(super) fn extent(bytes: &[u8]) -> usize {
    let Ok(message) = Message::parse(bytes) else { return bytes.len() };
    let header = message.header_length(bytes);
    message.payload_ranges(bytes).into_iter().map(|(_, range)| range.end).fold(header, usize::max)
}
