//! Requests and replies of the helper protocols, as lines.
//!
//! The texts of the replies are Samba's; the programs that read them compare the first two letters, and show people the rest.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ntlm::error::{Incompatible, OutOfSequence};
use ntlm::logon::{LogonFailureKind, NtStatus};
use ntlm::secret::ExportedSessionKey;
use ntlm::{Error, NegotiateFlags, Password, Requirements};
use zeroize::Zeroizing;

/// Base64, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request<'a> {
    /// `SF`: what is wanted of the contexts from the next `YR` on.
    Features(Requirements),
    /// `PW`: a password, in base64.
    Password(&'a [u8]),
    /// `YR`: begin anew, on the server with a token.
    Begin(&'a [u8]),
    /// `TT` with a token: of the server, for a client.
    Challenge(&'a [u8]),
    /// `KK` with a token: of the client, for a server.
    Authenticate(&'a [u8]),
    /// `AF`, `NA` with a text, or `UG`: nothing that either side is asked here.
    OutOfPlace,
    /// `GK`: the session key.
    SessionKey,
    /// `GF`: the flags in force.
    Flags,
}

impl<'a> Request<'a> {
    /// Reads a line.
    ///
    /// # Errors
    ///
    /// The reply to a line that is no request.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, Reply> {
        let (verb, argument) = match line {
            [] => return Err(Reply::error()),
            [_] => return Err(Reply::broken("Query invalid")),
            [first, second, b' ', argument @ ..] => ([*first, *second], Some(argument)),
            [first, second] => ([*first, *second], None),
            _ => return Err(Reply::broken(UNKNOWN)),
        };
        Ok(match (&verb, argument) {
            (b"SF", Some(features)) if !features.is_empty() => Self::Features(requirements(features)),
            (b"PW", Some(password)) => Self::Password(password),
            (b"YR", token) => Self::Begin(token.unwrap_or(&[])),
            (b"TT", Some(token)) => Self::Challenge(token),
            (b"KK", Some(token)) => Self::Authenticate(token),
            (b"AF" | b"NA", Some(_)) | (b"UG", _) => Self::OutOfPlace,
            (b"GK", _) => Self::SessionKey,
            (b"GF", _) => Self::Flags,
            // Wine's question whether a password is needed, which asks for any reply but `PW`.
            (b"OK", _) => return Err(Reply::broken("Command expected")),
            _ => return Err(Reply::broken(UNKNOWN)),
        })
    }
}

const UNKNOWN: &str = "SPNEGO request invalid prefix";

/// The features that `SF` lists. Of those that are not known here, the session key is always there.
fn requirements(features: &[u8]) -> Requirements {
    let wants = |name: &[u8]| features.split(|&byte| byte == b' ').any(|feature| feature == name);
    if wants(b"NTLMSSP_FEATURE_SEAL") {
        Requirements::seal()
    } else if wants(b"NTLMSSP_FEATURE_SIGN") {
        Requirements::sign()
    } else {
        Requirements::default()
    }
}

/// The bytes of a token; `None` when it is no base64.
pub(crate) fn token(base64: &[u8]) -> Option<Vec<u8>> {
    BASE64.decode(base64).ok()
}

/// A password in base64 of UTF-8, as C programs send it: a zero byte ends it. `None` when it is something else.
pub(crate) fn password(base64: &[u8]) -> Option<Password> {
    let bytes = Zeroizing::new(BASE64.decode(base64).ok()?);
    let text = bytes.split(|&byte| byte == 0).next()?;
    std::str::from_utf8(text).ok().map(Password::new)
}

/// A reply: a line, or two, possibly with a key in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply(Zeroizing<String>);

impl Reply {
    fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Done.
    pub(crate) fn ok() -> Self {
        Self::new("OK")
    }

    /// A line that cannot be a request.
    pub(crate) fn error() -> Self {
        Self::new("ERR")
    }

    /// A password is needed.
    pub(crate) fn password_needed() -> Self {
        Self::new("PW")
    }

    /// A verb and a token.
    pub(crate) fn token(verb: &str, token: &[u8]) -> Self {
        // Room for the whole line: a text that grows leaves a copy behind, and this can be the session key.
        let mut text = String::with_capacity(verb.len() + token.len().div_ceil(3) * 4 + 2);
        text.push_str(verb);
        text.push(' ');
        BASE64.encode_string(token, &mut text);
        Self::new(text)
    }

    /// The client is in, and is this user.
    pub(crate) fn user(name: &str) -> Self {
        Self::new(format!("AF {name}"))
    }

    /// The flags in force.
    pub(crate) fn flags(flags: NegotiateFlags) -> Self {
        Self::new(format!("GF {:#010x}", flags.0))
    }

    /// The session key.
    pub(crate) fn session_key(key: Option<&ExportedSessionKey>) -> Self {
        match key {
            Some(key) => Self::token("GK", key.expose()),
            None => Self::broken("No session key"),
        }
    }

    /// The helper cannot serve: not the client's fault, or not that it is known.
    pub(crate) fn broken(text: &str) -> Self {
        Self::new(format!("BH {text}"))
    }

    /// No.
    pub(crate) fn no(status: NtStatus) -> Self {
        Self::new(format!("NA {}", Status(status)))
    }

    /// A request that makes no sense here and now, or a token that is none.
    pub(crate) fn invalid() -> Self {
        Self::no(NtStatus::INVALID_PARAMETER)
    }

    /// Two replies in two lines.
    pub(crate) fn and(mut self, next: &Self) -> Self {
        self.0.reserve_exact(next.0.len() + 2);
        self.0.push('\n');
        self.0.push_str(&next.0);
        self
    }

    /// Ends the last line.
    pub(crate) fn end_line(&mut self) {
        self.0.push('\n');
    }

    /// The bytes to write.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The one mapping from errors to replies. Whatever a wrong password, an unknown user, a missing MIC or a disabled account may be called for the
/// administrator, the client's side gets to see one answer.
impl From<&Error> for Reply {
    fn from(error: &Error) -> Self {
        match error {
            Error::Malformed(_) => Self::invalid(),
            Error::Incompatible(error) => match error {
                Incompatible::NoCharset
                | Incompatible::FlagsChanged(_)
                | Incompatible::NoFlags
                | Incompatible::NotInOem
                | Incompatible::NamesTooLong => Self::invalid(),
                Incompatible::NoServerNames => Self::no(NtStatus::LOGON_FAILURE),
                Incompatible::OemRefused
                | Incompatible::MissingFlags(_)
                | Incompatible::CapabilityDropped(_)
                | Incompatible::NoTargetInfo
                | Incompatible::NoLmKey
                | Incompatible::NoPlaceForBindings
                | Incompatible::NoSessionSecurity
                | Incompatible::NoConfidentiality => Self::no(NtStatus::ACCESS_DENIED),
                Incompatible::Blocked | Incompatible::DatagramDisabled => Self::no(NtStatus::NOT_SUPPORTED),
                Incompatible::WrongSessionKind | Incompatible::NoReplayDetection => Self::internal(),
            },
            Error::Rejected(_) => Self::no(NtStatus::LOGON_FAILURE),
            Error::Logon(failure) => match failure.kind() {
                LogonFailureKind::Denied => Self::no(NtStatus::LOGON_FAILURE),
                LogonFailureKind::Blocked => Self::no(NtStatus::NOT_SUPPORTED),
                LogonFailureKind::NoAuthority | LogonFailureKind::TimeSkew | LogonFailureKind::Internal => {
                    Self::broken(&Status(failure.status).to_string())
                }
            },
            Error::OutOfSequence(error) => match error {
                OutOfSequence::SequenceNumber { .. }
                | OutOfSequence::Exhausted
                | OutOfSequence::SequenceNumberReused
                | OutOfSequence::ForeignSession
                | OutOfSequence::ForeignVerdict => Self::internal(),
            },
            Error::Entropy(_) => Self::internal(),
        }
    }
}

impl Reply {
    fn internal() -> Self {
        Self::broken(&Status(NtStatus::INTERNAL_ERROR).to_string())
    }
}

/// A status as Samba writes it.
struct Status(NtStatus);

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.name() {
            Some(name) => write!(f, "NT_STATUS_{name}"),
            None => write!(f, "NT code {:#010x}", self.0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use ntlm::LogonFailure;
    use ntlm::error::Rejected;

    use super::*;

    #[test]
    fn requests_are_told_apart() {
        for (line, request) in [
            ("YR", Request::Begin(b"")),
            ("YR ", Request::Begin(b"")),
            ("YR AAAA", Request::Begin(b"AAAA")),
            ("TT AAAA", Request::Challenge(b"AAAA")),
            ("KK AAAA", Request::Authenticate(b"AAAA")),
            ("KK ", Request::Authenticate(b"")),
            ("PW ", Request::Password(b"")),
            ("SF NTLMSSP_FEATURE_SIGN", Request::Features(Requirements::sign())),
            ("SF NTLMSSP_FEATURE_SIGN NTLMSSP_FEATURE_SEAL", Request::Features(Requirements::seal())),
            ("SF NTLMSSP_FEATURE_SESSION_KEY", Request::Features(Requirements::default())),
            ("SF NTLMSSP_FEATURE_SIGNATURE", Request::Features(Requirements::default())),
            ("AF x", Request::OutOfPlace),
            ("UG", Request::OutOfPlace),
            ("GK", Request::SessionKey),
            ("GF", Request::Flags),
        ] {
            assert_eq!(Request::parse(line.as_bytes()), Ok(request), "{line}");
        }
        for (line, reply) in [
            ("", "ERR"),
            ("X", "BH Query invalid"),
            ("OK", "BH Command expected"),
            ("ZZ zz", "BH SPNEGO request invalid prefix"),
            ("TT", "BH SPNEGO request invalid prefix"),
            ("SF", "BH SPNEGO request invalid prefix"),
            ("SF ", "BH SPNEGO request invalid prefix"),
            ("YRAAAA", "BH SPNEGO request invalid prefix"),
            ("yr", "BH SPNEGO request invalid prefix"),
            ("GF\0", "BH SPNEGO request invalid prefix"),
        ] {
            assert_eq!(Request::parse(line.as_bytes()), Err(Reply::new(reply)), "{line}");
        }
    }

    #[test]
    fn passwords_are_text_up_to_a_zero() {
        let is = |base64: &[u8], text: &str| {
            password(base64)
                .is_some_and(|password| password.nt_hash().expose() == Password::new(text).nt_hash().expose())
        };
        assert!(is(b"QWwxY2UtUGFzc3cwcmQ=", "Al1ce-Passw0rd"));
        assert!(is(b"QWwxY2UtUGFzc3cwcmQ", "Al1ce-Passw0rd"));
        assert!(is(b"AA==", ""));
        assert!(is(b"", ""));
        assert!(is(b"w6Q=", "ä"));
        for odd in [&b"5A=="[..], b"%%%", b"A"] {
            assert!(password(odd).is_none());
        }
    }

    #[test]
    fn all_denials_look_alike() {
        for error in [
            Error::Logon(LogonFailure::WRONG_PASSWORD),
            Error::Logon(LogonFailure::NO_SUCH_USER),
            Error::Logon(LogonFailure::ACCOUNT_DISABLED),
            Error::Logon(LogonFailure::from_status(NtStatus(0xc000_1234))),
            Error::Rejected(Rejected::MicWrong),
            Error::Rejected(Rejected::MicMissing),
        ] {
            assert_eq!(Reply::from(&error), Reply::new("NA NT_STATUS_LOGON_FAILURE"), "{error}");
        }
        let nobody = Reply::from(&Error::Logon(LogonFailure::NO_LOGON_SERVERS));
        assert_eq!(nobody, Reply::new("BH NT_STATUS_NO_LOGON_SERVERS"));
    }
}
