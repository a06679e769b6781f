//! The bytes on the wire: messages, AV pairs, responses and signatures (MS-NLMP 2.2).
//!
//! Every parser here takes bytes and returns a value that borrows from them. None of them allocates, panics, or knows
//! anything about a context; the error is a [`Malformed`] that names the message, the field and the offset.
//!
//! ```text
//! NEGOTIATE_MESSAGE     negotiate.rs      client -> server
//! CHALLENGE_MESSAGE     challenge.rs      server -> client     carries AV_PAIRs (av_pair.rs)
//! AUTHENTICATE_MESSAGE  authenticate.rs   client -> server     carries responses (response.rs), which carry AV_PAIRs
//! NTLMSSP_MESSAGE_SIGNATURE  signature.rs
//! ```
//!
//! Parsed messages keep what they were read from, so that unknown flags, unknown AV pairs, gaps, odd payload orders and
//! trailing bytes survive: `parse` followed by `encode` gives the same bytes. What this crate *sends* is made by
//! the builders ([`NegotiateBuilder`], [`ChallengeBuilder`], [`AuthenticateBuilder`]) in the order Windows uses.

mod authenticate;
mod av_pair;
mod challenge;
mod flags;
mod malformed;
mod negotiate;
mod reader;
mod response;
mod signature;
mod text;
mod version;

pub use authenticate::{AuthenticateBuilder, AuthenticateMessage, MIC_LENGTH};
pub use av_pair::{AvFlags, AvId, AvPair, AvPairs, AvPairsBuilder, SingleHostData};
pub use challenge::{ChallengeBuilder, ChallengeMessage};
pub use flags::{FlagRow, NegotiateFlags};
pub use malformed::{Malformed, Part, Reason};
pub use negotiate::{NegotiateBuilder, NegotiateMessage};
pub use reader::Descriptor;
pub use response::{NtlmV2Response, ResponseClass};
pub use signature::MessageSignature;
pub use text::{Charset, UnicodeString, is_printable, upcase};
pub use version::Version;

/// The first eight bytes of every NTLM message: `NTLMSSP` and a NUL (MS-NLMP 2.2.1).
pub const SIGNATURE: [u8; 8] = *b"NTLMSSP\0";

/// The longest NEGOTIATE_MESSAGE that is looked at, in bytes.
pub const MAX_NEGOTIATE_LENGTH: usize = 4 * 1024;

/// The longest CHALLENGE_MESSAGE or AUTHENTICATE_MESSAGE that is looked at, in bytes.
pub const MAX_MESSAGE_LENGTH: usize = 64 * 1024;

/// Which of the three messages a token is, by its header alone (MS-NLMP 2.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageType {
    /// `NtLmNegotiate` (1), client to server.
    Negotiate,
    /// `NtLmChallenge` (2), server to client.
    Challenge,
    /// `NtLmAuthenticate` (3), client to server.
    Authenticate,
}

impl MessageType {
    /// Reads the 12-byte header of `token` and says which message it is.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when the token is shorter than its header, does not begin with [`SIGNATURE`], or has a type other
    /// than 1, 2 or 3.
    pub fn of(token: &[u8]) -> Result<Self, Malformed> {
        let reader = reader::Reader::new(Part::Token, token);
        reader.signature()?;
        match reader.u32("MessageType", 8)? {
            1 => Ok(Self::Negotiate),
            2 => Ok(Self::Challenge),
            3 => Ok(Self::Authenticate),
            found => Err(reader.error("MessageType", 8, Reason::BadValue { found })),
        }
    }
}
