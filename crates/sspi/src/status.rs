//! SECURITY_STATUS: every status that SSPI functions answer with, and the one mapping from the core's errors.

use std::fmt;

use ntlm::Error;
use ntlm::error::{Incompatible, OutOfSequence, Rejected};
use ntlm::logon::LogonFailureKind;

/// SECURITY_STATUS. Success is not negative; an open set.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecurityStatus(pub i32);

macro_rules! table {
    ($($name:ident = $value:literal, $text:literal;)*) => {
        impl SecurityStatus {
            $(
                #[doc = concat!("`", stringify!($name), "`: ", $text, ".")]
                pub const $name: Self = Self(($value as u32).cast_signed());
            )*

            /// Every status with its name.
            pub const TABLE: &'static [(Self, &'static str)] = &[$((Self::$name, stringify!($name)),)*];

            /// What the status says, as a sentence; `None` for a status that is not known here.
            #[must_use]
            pub fn text(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

table! {
    SEC_E_OK = 0x0000_0000, "success";
    SEC_I_CONTINUE_NEEDED = 0x0009_0312, "the token must be sent and the function called again with the peer's answer";
    SEC_I_COMPLETE_NEEDED = 0x0009_0313, "CompleteAuthToken must be called";
    SEC_I_COMPLETE_AND_CONTINUE = 0x0009_0314, "CompleteAuthToken must be called, and then the function again";
    SEC_I_LOCAL_LOGON = 0x0009_0315, "the logon was local";
    SEC_I_CONTEXT_EXPIRED = 0x0009_0317, "the peer has closed the context";
    SEC_I_RENEGOTIATE = 0x0009_0321, "the peer wants a new exchange";
    SEC_I_NO_LSA_CONTEXT = 0x0009_0323, "there is no context at the security authority";
    SEC_I_SIGNATURE_NEEDED = 0x0009_035c, "a signature is needed";
    SEC_E_INSUFFICIENT_MEMORY = 0x8009_0300, "there is not enough memory";
    SEC_E_INVALID_HANDLE = 0x8009_0301, "the handle is not valid";
    SEC_E_UNSUPPORTED_FUNCTION = 0x8009_0302, "the function, a requested flag or a required capability is not supported";
    SEC_E_TARGET_UNKNOWN = 0x8009_0303, "the target was not recognized";
    SEC_E_INTERNAL_ERROR = 0x8009_0304, "an error that has no status of its own";
    SEC_E_SECPKG_NOT_FOUND = 0x8009_0305, "there is no such security package";
    SEC_E_NOT_OWNER = 0x8009_0306, "the caller does not own the credentials";
    SEC_E_INVALID_TOKEN = 0x8009_0308, "the token is malformed, or the buffers are not those that the function needs";
    SEC_E_CANNOT_PACK = 0x8009_0309, "the data cannot be packed";
    SEC_E_QOP_NOT_SUPPORTED = 0x8009_030a, "the quality of protection is not supported";
    SEC_E_NO_IMPERSONATION = 0x8009_030b, "there is no impersonation here";
    SEC_E_LOGON_DENIED = 0x8009_030c, "the logon failed";
    SEC_E_UNKNOWN_CREDENTIALS = 0x8009_030d, "the credentials were not recognized";
    SEC_E_NO_CREDENTIALS = 0x8009_030e, "there are no credentials";
    SEC_E_MESSAGE_ALTERED = 0x8009_030f, "the message or its signature was changed";
    SEC_E_OUT_OF_SEQUENCE = 0x8009_0310, "the call or the message is out of sequence";
    SEC_E_NO_AUTHENTICATING_AUTHORITY = 0x8009_0311, "no authority could be asked about the logon";
    SEC_E_BAD_PKGID = 0x8009_0316, "the package is not the right one";
    SEC_E_CONTEXT_EXPIRED = 0x8009_0317, "the context has expired";
    SEC_E_INCOMPLETE_MESSAGE = 0x8009_0318, "the message is incomplete";
    SEC_E_INCOMPLETE_CREDENTIALS = 0x8009_0320, "the credentials are incomplete";
    SEC_E_BUFFER_TOO_SMALL = 0x8009_0321, "a buffer is missing or too small";
    SEC_E_WRONG_PRINCIPAL = 0x8009_0322, "the peer is not the one that is meant";
    SEC_E_TIME_SKEW = 0x8009_0324, "the clocks are too far apart";
    SEC_E_ILLEGAL_MESSAGE = 0x8009_0326, "the message was unexpected or badly formed";
    SEC_E_ENCRYPT_FAILURE = 0x8009_0329, "the message could not be encrypted";
    SEC_E_DECRYPT_FAILURE = 0x8009_0330, "the message could not be decrypted";
    SEC_E_SECURITY_QOS_FAILED = 0x8009_0332, "the security context could not be established";
    SEC_E_BAD_BINDINGS = 0x8009_0346, "the channel bindings are missing or those of another channel";
    SEC_E_DOWNGRADE_DETECTED = 0x8009_0350, "somebody tried to weaken the exchange";
    SEC_E_INVALID_PARAMETER = 0x8009_035d, "a parameter is not valid";
    SEC_E_MUTUAL_AUTH_FAILED = 0x8009_0363, "the server could not be authenticated";
}

impl SecurityStatus {
    /// Whether the call did what it was asked: SEC_E_OK and SEC_I_*.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 >= 0
    }

    /// The name; `None` for a status that is not known here.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Self::TABLE.iter().find(|(status, _)| *status == self).map(|(_, name)| *name)
    }
}

impl fmt::Display for SecurityStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.text()) {
            (Some(name), Some(text)) => write!(f, "{name} ({:#010x}): {text}", self.0),
            _ => write!(f, "SECURITY_STATUS {:#010x}", self.0),
        }
    }
}

impl fmt::Debug for SecurityStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "SECURITY_STATUS({:#010x})", self.0),
        }
    }
}

impl std::error::Error for SecurityStatus {}

impl From<&Error> for SecurityStatus {
    /// The only place where the core's errors become statuses.
    fn from(error: &Error) -> Self {
        match error {
            Error::Malformed(_) => Self::SEC_E_INVALID_TOKEN,
            Error::Incompatible(error) => match error {
                Incompatible::NoCharset | Incompatible::FlagsChanged(_) | Incompatible::NoFlags => {
                    Self::SEC_E_INVALID_TOKEN
                }
                Incompatible::OemRefused
                | Incompatible::NotInOem
                | Incompatible::NoLmKey
                | Incompatible::NoReplayDetection
                | Incompatible::MissingFlags(_)
                | Incompatible::CapabilityDropped(_)
                | Incompatible::NoTargetInfo
                | Incompatible::Blocked
                | Incompatible::DatagramDisabled
                | Incompatible::NoSessionSecurity
                | Incompatible::NoConfidentiality
                | Incompatible::WrongSessionKind => Self::SEC_E_UNSUPPORTED_FUNCTION,
                Incompatible::NoServerNames => Self::SEC_E_LOGON_DENIED,
                Incompatible::NoPlaceForBindings => Self::SEC_E_BAD_BINDINGS,
                Incompatible::NamesTooLong => Self::SEC_E_TARGET_UNKNOWN,
            },
            Error::Rejected(error) => match error {
                Rejected::ResponseClass(_)
                | Rejected::MicMissing
                | Rejected::TargetInfoChanged(_)
                | Rejected::TimeStamp { .. } => Self::SEC_E_LOGON_DENIED,
                Rejected::MicWrong | Rejected::Signature => Self::SEC_E_MESSAGE_ALTERED,
                Rejected::ServerClock { .. } => Self::SEC_E_TIME_SKEW,
                Rejected::ChallengeExpired { .. } => Self::SEC_E_CONTEXT_EXPIRED,
                Rejected::BindingsMissing | Rejected::BindingsWrong => Self::SEC_E_BAD_BINDINGS,
                Rejected::TargetNameMissing | Rejected::TargetNameWrong | Rejected::OwnChallenge => {
                    Self::SEC_E_WRONG_PRINCIPAL
                }
            },
            Error::Logon(failure) => match failure.kind() {
                LogonFailureKind::Denied => Self::SEC_E_LOGON_DENIED,
                LogonFailureKind::NoAuthority => Self::SEC_E_NO_AUTHENTICATING_AUTHORITY,
                LogonFailureKind::TimeSkew => Self::SEC_E_TIME_SKEW,
                LogonFailureKind::Blocked => Self::SEC_E_UNSUPPORTED_FUNCTION,
                LogonFailureKind::Internal => Self::SEC_E_INTERNAL_ERROR,
            },
            Error::OutOfSequence(error) => match error {
                OutOfSequence::SequenceNumber { .. }
                | OutOfSequence::Exhausted
                | OutOfSequence::SequenceNumberReused => Self::SEC_E_OUT_OF_SEQUENCE,
                OutOfSequence::ForeignVerdict | OutOfSequence::ForeignSession => Self::SEC_E_INTERNAL_ERROR,
            },
            Error::Entropy(_) => Self::SEC_E_INTERNAL_ERROR,
        }
    }
}

impl From<Error> for SecurityStatus {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}
