//! The one error of the parsers: which message, which field, where, and what is wrong with it.

use core::fmt;

/// Bytes that are not what MS-NLMP says they must be.
///
/// The offset counts from the first byte of the message, also for what lies inside a payload (an AV pair, say), so that it can
/// be looked up in a hex dump as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The message or structure that was being read.
    pub part: Part,
    /// The field, by its name in MS-NLMP.
    pub field: &'static str,
    /// Where the field begins, in bytes from the start of the message.
    pub offset: usize,
    /// What is wrong.
    pub reason: Reason,
}

/// The structure that a [`Malformed`] was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Not yet known to be any particular message.
    Token,
    /// NEGOTIATE_MESSAGE (MS-NLMP 2.2.1.1).
    Negotiate,
    /// CHALLENGE_MESSAGE (MS-NLMP 2.2.1.2).
    Challenge,
    /// AUTHENTICATE_MESSAGE (MS-NLMP 2.2.1.3).
    Authenticate,
    /// NTLMSSP_MESSAGE_SIGNATURE (MS-NLMP 2.2.2.9).
    Signature,
    /// An exported context of this crate ([`crate::export`]).
    ExportedContext,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The bytes end before the field does.
    TooShort {
        /// Bytes that the field needs, from the start of the message.
        needed: usize,
        /// Bytes that there are.
        available: usize,
    },
    /// The message is longer than any message of its kind is allowed to be.
    TooLong {
        /// The longest that is accepted.
        limit: usize,
    },
    /// The first eight bytes are not `NTLMSSP` and a NUL.
    NotNtlmssp,
    /// Another message than the one expected here.
    WrongMessageType {
        /// The type number expected.
        expected: u32,
        /// The type number found.
        found: u32,
    },
    /// A payload field that ends behind the end of the message.
    OutOfBounds {
        /// Where the field says that it ends.
        end: u64,
        /// Bytes that there are.
        available: usize,
    },
    /// A payload field that begins inside the fixed header.
    InsideHeader {
        /// The first offset that is allowed.
        header: usize,
    },
    /// A UTF-16 text of an odd number of bytes.
    OddLength {
        /// The length found.
        length: usize,
    },
    /// A field of a fixed length that has another.
    WrongLength {
        /// The length that the field must have.
        expected: usize,
        /// The length found.
        found: usize,
    },
    /// A list of AV pairs without MsvAvEOL.
    Unterminated,
    /// An AV pair that is there twice.
    Duplicate,
    /// A value that the field cannot have.
    BadValue {
        /// The value found.
        found: u32,
    },
    /// A field that the rest of the message says must be there.
    Missing,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} at offset {}: {}", self.part, self.field, self.offset, self.reason)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "token",
            Self::Negotiate => "NEGOTIATE_MESSAGE",
            Self::Challenge => "CHALLENGE_MESSAGE",
            Self::Authenticate => "AUTHENTICATE_MESSAGE",
            Self::Signature => "NTLMSSP_MESSAGE_SIGNATURE",
            Self::ExportedContext => "exported context",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooShort { needed, available } => {
                write!(f, "the message ends after {available} bytes and needs {needed}")
            }
            Self::TooLong { limit } => write!(f, "the message is longer than {limit} bytes"),
            Self::NotNtlmssp => f.write_str("not an NTLM message (it does not begin with \"NTLMSSP\" and a NUL)"),
            Self::WrongMessageType { expected, found } => {
                write!(f, "message type {found} where type {expected} is expected")
            }
            Self::OutOfBounds { end, available } => {
                write!(f, "ends at {end}, behind the end of the message at {available}")
            }
            Self::InsideHeader { header } => write!(f, "lies inside the header, which is {header} bytes long"),
            Self::OddLength { length } => write!(f, "a UTF-16 text cannot be {length} bytes long"),
            Self::WrongLength { expected, found } => write!(f, "must be {expected} bytes long and is {found}"),
            Self::Unterminated => f.write_str("the list of AV pairs has no MsvAvEOL"),
            Self::Duplicate => f.write_str("is there twice"),
            Self::BadValue { found } => write!(f, "cannot be {found:#x}"),
            Self::Missing => f.write_str("is missing"),
        }
    }
}

impl core::error::Error for Malformed {}
