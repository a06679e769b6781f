//! The responses inside an AUTHENTICATE_MESSAGE (MS-NLMP 2.2.2.3 to 2.2.2.8): which class they are, and the NTLMv2 form.

use super::reader::Reader;
use super::{AvPairs, Malformed, Part, Reason};
use crate::env::FileTime;

/// Which of the protocol's logons a pair of responses is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseClass {
    /// No user name, no NT response, an LM response that is empty or one zero byte (MS-NLMP 3.2.5.1.2).
    Anonymous,
    /// An LM response alone: LM, or LMv2 without NTLMv2.
    LmOnly,
    /// NTLMv1: an NT response of 24 bytes without extended session security.
    NtlmV1,
    /// NTLMv1 with extended session security ("NTLM2 session response").
    NtlmV1Ess,
    /// NTLMv2.
    NtlmV2,
}

impl ResponseClass {
    /// The shortest NTLMv2 response: NTProofStr, the fixed part and an MsvAvEOL, in bytes.
    pub const NTLMV2_MINIMUM: usize = 16 + 28 + 4;

    /// Tells the class from the lengths; `ess` says whether extended session security was agreed.
    ///
    /// Returns `None` when the responses are none of the known kinds: a user without any response, an NT response of 1 to 23 or 25 to 47
    /// bytes, or responses without a user.
    #[must_use]
    pub fn of(user_name: &[u8], lm_response: &[u8], nt_response: &[u8], ess: bool) -> Option<Self> {
        match (user_name.is_empty(), nt_response.len(), lm_response) {
            (true, 0, [] | [0]) => Some(Self::Anonymous),
            (true, ..) => None,
            (false, 0, lm) => (lm.len() == 24).then_some(Self::LmOnly),
            (false, 24, lm) if ess => (lm.len() == 24).then_some(Self::NtlmV1Ess),
            (false, 24, _) => Some(Self::NtlmV1),
            (false, Self::NTLMV2_MINIMUM.., _) => Some(Self::NtlmV2),
            _ => None,
        }
    }
}

/// An NTLMv2_RESPONSE (MS-NLMP 2.2.2.8): NTProofStr and an NTLMv2_CLIENT_CHALLENGE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NtlmV2Response<'a> {
    /// NTProofStr, the HMAC over server challenge and `client_challenge`.
    pub nt_proof_str: [u8; 16],
    /// The whole NTLMv2_CLIENT_CHALLENGE as received, with whatever follows its AV pairs: what the HMAC covers.
    pub client_challenge: &'a [u8],
    /// TimeStamp.
    pub time_stamp: FileTime,
    /// ChallengeFromClient.
    pub challenge_from_client: [u8; 8],
    /// AvPairs.
    pub av_pairs: AvPairs<'a>,
}

impl<'a> NtlmV2Response<'a> {
    /// Reads an NTLMv2 response that begins at offset `base` of an AUTHENTICATE_MESSAGE.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when it is shorter than 48 bytes, when RespType or HiRespType are not 1, or when its AV pairs break
    /// the rules of [`AvPairs::parse`].
    pub fn parse(response: &'a [u8], base: usize) -> Result<Self, Malformed> {
        let reader = Reader::new(Part::Authenticate, response);
        let shifted = |error: Malformed| Malformed { offset: base.saturating_add(error.offset), ..error };
        let minimum = ResponseClass::NTLMV2_MINIMUM;
        if response.len() < minimum {
            let reason = Reason::WrongLength { expected: minimum, found: response.len() };
            return Err(shifted(reader.error("NTLMv2_RESPONSE", 0, reason)));
        }
        for (field, at) in [("RespType", 16), ("HiRespType", 17)] {
            let [found] = reader.array(field, at).map_err(shifted)?;
            if found != 1 {
                return Err(shifted(reader.error(field, at, Reason::BadValue { found: found.into() })));
            }
        }
        Ok(Self {
            nt_proof_str: reader.array("NTProofStr", 0).map_err(shifted)?,
            client_challenge: reader.from(16),
            time_stamp: FileTime(reader.u64("TimeStamp", 24).map_err(shifted)?),
            challenge_from_client: reader.array("ChallengeFromClient", 32).map_err(shifted)?,
            av_pairs: AvPairs::parse(reader.from(44), Part::Authenticate, base.saturating_add(44))?,
        })
    }
}
