//! What can go wrong, sorted by who is at fault.
//!
//! | variant | at fault | what helps |
//! |---|---|---|
//! | [`Malformed`] | the peer's bytes | nothing here: the peer, or something between, is broken or hostile |
//! | [`Incompatible`] | both: they cannot agree | another setting on one of the sides |
//! | [`Rejected`] | the peer, or somebody between: a check failed | nothing: fail closed |
//! | [`LogonFailure`] | the credentials, the account, or the authority that could not be asked | see its kind |
//! | [`OutOfSequence`] | the caller, or a message lost or replayed | start over |
//! | [`EntropyError`] | this machine | try again |
//!
//! Each vocabulary outside (SEC_E_*, NTSTATUS, HTTP, exit codes) maps these in exactly one place, without a wildcard arm.

use core::fmt;
use core::time::Duration;

use crate::env::EntropyError;
use crate::nt_status::LogonFailure;
use crate::wire::{AvId, Malformed, NegotiateFlags, ResponseClass};

/// Why an exchange or a message failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The peer sent bytes that are not NTLM.
    Malformed(Malformed),
    /// The two sides, or a side and its policy, cannot agree.
    Incompatible(Incompatible),
    /// A check failed: what the peer sent is well-formed and must not be believed.
    Rejected(Rejected),
    /// An authority said no, or no authority could be asked.
    Logon(LogonFailure),
    /// A call or a message at the wrong time.
    OutOfSequence(OutOfSequence),
    /// The random source failed.
    Entropy(EntropyError),
}

/// Why two sides cannot agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incompatible {
    /// The peer offers neither Unicode nor OEM names.
    NoCharset,
    /// The peer knows OEM names only, and policy refuses them.
    OemRefused,
    /// Flags that policy or the caller requires and the peer does not offer.
    MissingFlags(NegotiateFlags),
    /// The AUTHENTICATE_MESSAGE changes flags that the CHALLENGE_MESSAGE had settled.
    FlagsChanged(NegotiateFlags),
    /// The AUTHENTICATE_MESSAGE drops protection that the CHALLENGE_MESSAGE offered, and policy refuses that.
    CapabilityDropped(NegotiateFlags),
    /// An AUTHENTICATE_MESSAGE of the oldest form, without flags.
    NoFlags,
    /// A CHALLENGE_MESSAGE without TargetInfo, which policy requires for NTLMv2.
    NoTargetInfo,
    /// The server did not say its NetBIOS names, which signing and sealing under NTLMv2 need.
    NoServerNames,
    /// Channel bindings were given, and the CHALLENGE_MESSAGE leaves no place for them.
    NoPlaceForBindings,
    /// NTLM to this target is blocked by policy (ClientBlocked, ServerBlock).
    Blocked,
    /// Connectionless authentication, which policy does not allow.
    DatagramDisabled,
    /// Signing or sealing on a session that has no keys worth the name: anonymous, guest, or not negotiated.
    NoSessionSecurity,
    /// Sealing on a session that only signs.
    NoConfidentiality,
    /// The session is connectionless and wants a sequence number with each message, or the other way round.
    WrongSessionKind,
    /// User, domain, workstation and target names are together too long for a message.
    NamesTooLong,
    /// A name has characters that the peer's OEM character set cannot be trusted to have.
    NotInOem,
    /// The session needs a LAN Manager key, and the authority gave none.
    NoLmKey,
    /// Replays and reordering are not found out in connectionless sessions: that is the application's affair.
    NoReplayDetection,
}

/// Which check failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// Policy does not accept this kind of response (LmCompatibilityLevel).
    ResponseClass(ResponseClass),
    /// The client sent no MIC and policy requires one.
    MicMissing,
    /// The MIC does not fit the messages: somebody changed one of them.
    MicWrong,
    /// The client's copy of the server's TargetInfo differs in this AV pair: the challenge was changed, or the response was made for
    /// another server.
    TargetInfoChanged(AvId),
    /// The time in the response is too far from the server's.
    TimeStamp {
        /// How far.
        difference: Duration,
        /// How far it may be.
        allowed: Duration,
    },
    /// The server's clock is too far from the client's.
    ServerClock {
        /// How far.
        difference: Duration,
        /// How far it may be.
        allowed: Duration,
    },
    /// The response came too long after the challenge.
    ChallengeExpired {
        /// How old the challenge is.
        age: Duration,
        /// How old it may be.
        allowed: Duration,
    },
    /// The client sent no channel bindings and policy requires them.
    BindingsMissing,
    /// The client's channel bindings are those of another channel.
    BindingsWrong,
    /// The client named no target and policy requires one.
    TargetNameMissing,
    /// The client meant another service.
    TargetNameWrong,
    /// The challenge is one that this very process issued as a server: a reflection attack.
    OwnChallenge,
    /// The signature does not fit the message.
    Signature,
}

/// A call or a message at the wrong time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfSequence {
    /// A message with another sequence number than the one expected: replayed, reordered, or one before it was lost.
    SequenceNumber {
        /// The number expected.
        expected: u32,
        /// The number found; `None` where it is encrypted and cannot be told.
        found: Option<u32>,
    },
    /// All 2^32 - 1 sequence numbers of a session are used up.
    Exhausted,
    /// A connectionless message with a sequence number not above the last one: its key stream would be used twice.
    SequenceNumberReused,
    /// The verdict given to `finish` was reached about another logon.
    ForeignVerdict,
    /// A session, or a half of one, of another context.
    ForeignSession,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "the peer sent a malformed token: {error}"),
            Self::Incompatible(error) => error.fmt(f),
            Self::Rejected(error) => error.fmt(f),
            Self::Logon(error) => error.fmt(f),
            Self::OutOfSequence(error) => error.fmt(f),
            Self::Entropy(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for Incompatible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCharset => f.write_str("the peer offers neither Unicode nor OEM names; one of them is mandatory"),
            Self::OemRefused => f.write_str(
                "the peer knows OEM names only, and policy refuses them; use a client that speaks Unicode, or accept OEM by policy",
            ),
            Self::MissingFlags(flags) => write!(f, "the peer does not offer what is required here: {flags}"),
            Self::FlagsChanged(flags) => {
                write!(f, "the AUTHENTICATE_MESSAGE changes flags that the CHALLENGE_MESSAGE had settled: {flags}")
            }
            Self::CapabilityDropped(flags) => {
                write!(f, "the AUTHENTICATE_MESSAGE drops protection that was offered, and policy refuses that: {flags}")
            }
            Self::NoFlags => f.write_str("the AUTHENTICATE_MESSAGE has the oldest form, without flags, which is not accepted"),
            Self::NoTargetInfo => f.write_str(
                "the CHALLENGE_MESSAGE has no TargetInfo: the server is too old for NTLMv2 with a MIC, or somebody removed it; \
                 policy requires it",
            ),
            Self::NoServerNames => f.write_str(
                "the server did not say its NetBIOS computer and domain names, without which signing and sealing are not safe",
            ),
            Self::NoPlaceForBindings => {
                f.write_str("channel bindings cannot be sent: the CHALLENGE_MESSAGE has no TargetInfo to put them in")
            }
            Self::Blocked => f.write_str("NTLM is blocked here by policy; allow this target or use another protocol"),
            Self::DatagramDisabled => f.write_str("connectionless authentication is disabled by policy"),
            Self::NoSessionSecurity => f.write_str(
                "this session cannot sign or seal: signing was not negotiated, or the logon is anonymous or guest and has no secret key",
            ),
            Self::NoConfidentiality => f.write_str("this session signs and does not seal: confidentiality was not negotiated"),
            Self::WrongSessionKind => {
                f.write_str("connectionless sessions take a sequence number with each message, the others count by themselves")
            }
            Self::NotInOem => f.write_str(
                "the peer knows OEM names only, and the user, domain or workstation has characters beyond them: use a peer that speaks Unicode",
            ),
            Self::NoLmKey => f.write_str(
                "the client negotiated a LAN Manager session key, and the authority knows none for the account; \
                 let the client use extended session security",
            ),
            Self::NoReplayDetection => f.write_str(
                "connectionless sessions find out neither replays nor reordering; ask for integrity and confidentiality alone",
            ),
            Self::NamesTooLong => f.write_str("user, domain, workstation and target names are too long for an NTLM message"),
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResponseClass(class) => {
                let name = match class {
                    ResponseClass::Anonymous => "an anonymous logon",
                    ResponseClass::LmOnly => "an LM or LMv2 response alone",
                    ResponseClass::NtlmV1 => "an NTLMv1 response",
                    ResponseClass::NtlmV1Ess => "an NTLMv1 response with extended session security",
                    ResponseClass::NtlmV2 => "an NTLMv2 response",
                };
                write!(f, "the client sent {name}, which policy does not accept; configure the client for NTLMv2")
            }
            Self::MicMissing => f.write_str(
                "the client sent no MIC and policy requires one: its messages could have been changed on the way; \
                 use a client that sends a MIC, or the policy `windows`",
            ),
            Self::MicWrong => f.write_str("the MIC is wrong: one of the three messages was changed on the way"),
            Self::TargetInfoChanged(id) => write!(
                f,
                "the response was not made for this server's challenge ({id} differs): the challenge was changed on the way, \
                 or the response belongs to another server",
            ),
            Self::TimeStamp { difference, allowed } => write!(
                f,
                "the time in the response is {} from the server's, and {} are allowed; set the clocks",
                Seconds(difference),
                Seconds(allowed)
            ),
            Self::ServerClock { difference, allowed } => write!(
                f,
                "the server's clock is {} from ours, and {} are allowed; set the clocks",
                Seconds(difference),
                Seconds(allowed)
            ),
            Self::ChallengeExpired { age, allowed } => write!(
                f,
                "the response came {} after the challenge, which was good for {}; start again",
                Seconds(age),
                Seconds(allowed)
            ),
            Self::BindingsMissing => f.write_str(
                "the client sent no channel bindings and this server requires them (Extended Protection for Authentication)",
            ),
            Self::BindingsWrong => f.write_str(
                "the client's channel bindings are those of another channel: a proxy ends TLS in between, or somebody relays the logon",
            ),
            Self::TargetNameMissing => f.write_str("the client named no target and this server requires it"),
            Self::TargetNameWrong => f.write_str(
                "the client meant another service than this one: add the name it uses to the accepted names, or somebody relays the logon",
            ),
            Self::OwnChallenge => {
                f.write_str("the challenge is one that this process issued itself: somebody reflects the logon back")
            }
            Self::Signature => f.write_str("the signature is wrong: the message was changed, or belongs to another session"),
        }
    }
}

impl fmt::Display for OutOfSequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SequenceNumber { expected, found: Some(found) } => {
                write!(f, "message {found} came where message {expected} is due: replayed, reordered, or one was lost",)
            }
            Self::SequenceNumber { expected, found: None } => {
                write!(
                    f,
                    "a message came that is not message {expected}, which is due: replayed, reordered, or one was lost"
                )
            }
            Self::Exhausted => f.write_str("all sequence numbers of this session are used up; establish a new one"),
            Self::SequenceNumberReused => {
                f.write_str("a connectionless message needs a sequence number above the last one")
            }
            Self::ForeignSession => f.write_str("the session belongs to another context than this one"),
            Self::ForeignVerdict => f.write_str("the verdict was reached about another logon than this one"),
        }
    }
}

struct Seconds<'a>(&'a Duration);

impl fmt::Display for Seconds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match seconds {
            0..=119 => write!(f, "{seconds} s"),
            120..=7199 => write!(f, "{} min", seconds / 60),
            7200..=172_799 => write!(f, "{} h", seconds / 3600),
            _ => write!(f, "{} days", seconds / 86_400),
        }
    }
}

impl core::error::Error for Error {}
impl core::error::Error for Incompatible {}
impl core::error::Error for Rejected {}
impl core::error::Error for OutOfSequence {}

macro_rules! from {
    ($($variant:ident($type:ty),)*) => {
        $(impl From<$type> for Error {
            fn from(error: $type) -> Self {
                Self::$variant(error)
            }
        })*
    };
}

from! {
    Malformed(Malformed),
    Incompatible(Incompatible),
    Rejected(Rejected),
    Logon(LogonFailure),
    OutOfSequence(OutOfSequence),
    Entropy(EntropyError),
}
