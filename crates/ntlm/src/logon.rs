//! The question a server asks ([`NetworkLogon`]), the answers ([`LogonSuccess`], [`LogonFailure`]), and who answers ([`Authority`]).

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use crate::config::ServerNames;
use crate::context::IdentityKind;
use crate::crypto;
use crate::secret::{LmSessionKey, SessionBaseKey};
use crate::wire::{NegotiateFlags, ResponseClass, UnicodeString};

/// Somebody who knows accounts: a local store, a domain controller, a test.
///
/// An authority that cannot decide fails with [`LogonFailure::NO_LOGON_SERVERS`] or the like. There is no default: a server without an
/// authority lets nobody in.
pub trait Authority {
    /// Decides on one logon.
    ///
    /// # Errors
    ///
    /// [`LogonFailure`] when the answer is no, or when there is none.
    fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure>;
}

/// A network logon that waits for a verdict: what a domain controller would be sent (MS-APDS 3.1.5.2). Nothing in it is proven.
#[derive(Debug)]
pub struct NetworkLogon {
    pub(crate) user: UnicodeString,
    pub(crate) domain: UnicodeString,
    pub(crate) workstation: UnicodeString,
    pub(crate) class: ResponseClass,
    pub(crate) flags: NegotiateFlags,
    pub(crate) server_challenge: [u8; 8],
    pub(crate) authenticate: Vec<u8>,
    pub(crate) nt_response: Range<usize>,
    pub(crate) lm_response: Range<usize>,
    pub(crate) nil_domain_retry: bool,
    pub(crate) server: alloc::sync::Arc<crate::config::ServerConfig>,
}

impl NetworkLogon {
    /// UserName, exactly as sent.
    #[must_use]
    pub fn user(&self) -> &UnicodeString {
        &self.user
    }

    /// DomainName, exactly as sent, its case preserved.
    #[must_use]
    pub fn domain(&self) -> &UnicodeString {
        &self.domain
    }

    /// Workstation as sent: a claim.
    #[must_use]
    pub fn workstation(&self) -> &UnicodeString {
        &self.workstation
    }

    /// Which kind of response it is.
    #[must_use]
    pub fn response_class(&self) -> ResponseClass {
        self.class
    }

    /// The flags in force.
    #[must_use]
    pub fn flags(&self) -> NegotiateFlags {
        self.flags
    }

    /// The names of the server that asks.
    #[must_use]
    pub fn server_names(&self) -> &ServerNames {
        self.server.names()
    }

    /// The challenge that this server sent.
    #[must_use]
    pub fn server_challenge(&self) -> [u8; 8] {
        self.server_challenge
    }

    /// LmChallenge, the challenge to hand to a domain controller: the server's, or for NTLMv1 with extended session security the
    /// hash of both sides' (MS-APDS 3.1.5.2).
    #[must_use]
    pub fn lm_challenge(&self) -> [u8; 8] {
        match (self.class, self.lm_response().first_chunk::<8>()) {
            (ResponseClass::NtlmV1Ess, Some(client)) => {
                let [a, b, c, d, e, f, g, h, ..] = crypto::md5(&[&self.server_challenge, client]);
                [a, b, c, d, e, f, g, h]
            }
            _ => self.server_challenge,
        }
    }

    /// NtChallengeResponse as received.
    #[must_use]
    pub fn nt_response(&self) -> &[u8] {
        self.authenticate.get(self.nt_response.clone()).unwrap_or(&[])
    }

    /// LmChallengeResponse as received. Beside an NT response it proves nothing and is never looked at here.
    #[must_use]
    pub fn lm_response(&self) -> &[u8] {
        self.authenticate.get(self.lm_response.clone()).unwrap_or(&[])
    }
}

/// The verdict that a logon is good. It belongs to the one logon it was made from.
#[derive(Debug)]
pub struct LogonSuccess {
    pub(crate) server_challenge: [u8; 8],
    pub(crate) kind: IdentityKind,
    pub(crate) key: SessionBaseKey,
    pub(crate) lm_key: Option<LmSessionKey>,
    pub(crate) account: Option<UnicodeString>,
    pub(crate) nil_domain: bool,
}

impl LogonSuccess {
    /// An authority's yes to `logon`: the UserSessionKey that a domain controller returned, which is the session base key, and its
    /// LMKey for NTLMv1 sessions that need it.
    #[must_use]
    pub fn from_authority(logon: &NetworkLogon, key: SessionBaseKey, lm_key: Option<LmSessionKey>) -> Self {
        Self::new(logon, IdentityKind::User, key, lm_key)
    }

    /// Lets an unknown user in as guest. Only a server whose policy allows guests accepts it.
    #[must_use]
    pub fn guest(logon: &NetworkLogon) -> Self {
        Self::new(logon, IdentityKind::Guest, SessionBaseKey::from_authority([0; 16]), None)
    }

    /// Lets an anonymous client in; `None` unless `logon` is anonymous. Only a server whose policy allows anonymous logons comes to ask.
    #[must_use]
    pub fn anonymous(logon: &NetworkLogon) -> Option<Self> {
        (logon.class == ResponseClass::Anonymous)
            .then(|| Self::new(logon, IdentityKind::Anonymous, SessionBaseKey::from_authority([0; 16]), None))
    }

    /// The same verdict, with the account as the authority calls it.
    #[must_use]
    pub fn with_account(mut self, account: UnicodeString) -> Self {
        self.account = Some(account);
        self
    }

    /// What kind of client was let in.
    #[must_use]
    pub fn kind(&self) -> IdentityKind {
        self.kind
    }

    pub(crate) fn new(
        logon: &NetworkLogon,
        kind: IdentityKind,
        key: SessionBaseKey,
        lm_key: Option<LmSessionKey>,
    ) -> Self {
        Self { server_challenge: logon.server_challenge, kind, key, lm_key, account: None, nil_domain: false }
    }
}

/// NTSTATUS (MS-ERREF 2.3): the words of authorities. An open set.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NtStatus(pub u32);

macro_rules! statuses {
    ($($name:ident = $value:literal, $kind:ident, $text:literal;)*) => {
        impl NtStatus {
            $(
                #[doc = concat!("`STATUS_", stringify!($name), "`: ", $text, ".")]
                pub const $name: Self = Self($value);
            )*

            /// The name without `STATUS_`; `None` for a status that is not known here.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($name)),)*
                    _ => None,
                }
            }

            /// What the status says, as a sentence; `None` for a status that is not known here.
            #[must_use]
            pub const fn text(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($text),)*
                    _ => None,
                }
            }

            const fn kind(self) -> LogonFailureKind {
                match self.0 {
                    $($value => LogonFailureKind::$kind,)*
                    // An authority that fails with anything else has looked and said no (MS-NLMP 3.2.5.1.2).
                    _ => LogonFailureKind::Denied,
                }
            }

            /// All statuses that are known here.
            pub const KNOWN: &'static [Self] = &[$(Self::$name,)*];
        }

        impl LogonFailure {
            $(
                #[doc = concat!("`STATUS_", stringify!($name), "`: ", $text, ".")]
                pub const $name: Self = Self { status: NtStatus::$name };
            )*
        }
    };
}

statuses! {
    INVALID_INFO_CLASS = 0xc000_0003, Internal, "the authority did not understand the question";
    INVALID_PARAMETER = 0xc000_000d, Internal, "the authority did not accept the question";
    ACCESS_DENIED = 0xc000_0022, NoAuthority, "the authority does not talk to this server";
    NO_LOGON_SERVERS = 0xc000_005e, NoAuthority, "no authority could be asked";
    NO_SUCH_USER = 0xc000_0064, Denied, "there is no such user";
    WRONG_PASSWORD = 0xc000_006a, Denied, "the password is wrong";
    LOGON_FAILURE = 0xc000_006d, Denied, "the user name or the password is wrong";
    ACCOUNT_RESTRICTION = 0xc000_006e, Denied, "the account may not log on this way";
    INVALID_LOGON_HOURS = 0xc000_006f, Denied, "the account may not log on at this hour";
    INVALID_WORKSTATION = 0xc000_0070, Denied, "the account may not log on from this workstation";
    PASSWORD_EXPIRED = 0xc000_0071, Denied, "the password has expired";
    ACCOUNT_DISABLED = 0xc000_0072, Denied, "the account is disabled";
    IO_TIMEOUT = 0xc000_00b5, NoAuthority, "the authority did not answer in time";
    NOT_SUPPORTED = 0xc000_00bb, Blocked, "NTLM is blocked by policy";
    NO_SUCH_DOMAIN = 0xc000_00df, NoAuthority, "the domain is not known";
    INTERNAL_ERROR = 0xc000_00e5, Internal, "the authority failed internally";
    TIME_DIFFERENCE_AT_DC = 0xc000_0133, TimeSkew, "the clocks of server and domain controller are too far apart";
    LOGON_TYPE_NOT_GRANTED = 0xc000_015b, Denied, "the account may not log on over the network";
    NO_TRUST_LSA_SECRET = 0xc000_018a, NoAuthority, "this server is not joined to the domain";
    NO_TRUST_SAM_ACCOUNT = 0xc000_018b, NoAuthority, "the domain has no account for this server";
    TRUSTED_DOMAIN_FAILURE = 0xc000_018c, NoAuthority, "the trust to the domain is broken";
    TRUSTED_RELATIONSHIP_FAILURE = 0xc000_018d, NoAuthority, "the trust between server and domain is broken";
    TRUST_FAILURE = 0xc000_0190, NoAuthority, "the trust to the domain is broken";
    NETLOGON_NOT_STARTED = 0xc000_0192, NoAuthority, "the Netlogon service does not run";
    ACCOUNT_EXPIRED = 0xc000_0193, Denied, "the account has expired";
    NOLOGON_INTERDOMAIN_TRUST_ACCOUNT = 0xc000_0198, Denied, "a trust account cannot log on";
    NOLOGON_WORKSTATION_TRUST_ACCOUNT = 0xc000_0199, Denied, "a workstation's account cannot log on";
    NOLOGON_SERVER_TRUST_ACCOUNT = 0xc000_019a, Denied, "a domain controller's account cannot log on";
    PASSWORD_MUST_CHANGE = 0xc000_0224, Denied, "the password must be changed first";
    DOMAIN_CONTROLLER_NOT_FOUND = 0xc000_0233, NoAuthority, "no domain controller was found";
    ACCOUNT_LOCKED_OUT = 0xc000_0234, Denied, "the account is locked out";
    SMARTCARD_LOGON_REQUIRED = 0xc000_02fa, Denied, "the account needs a smart card";
    AUTHENTICATION_FIREWALL_FAILED = 0xc000_0413, Denied, "the account may not log on to this server";
    NTLM_BLOCKED = 0xc000_0418, Blocked, "NTLM is blocked by the domain";
    RPC_NT_SERVER_UNAVAILABLE = 0xc002_0017, NoAuthority, "the domain controller is not available";
}

impl fmt::Display for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "STATUS_{name} ({:#010x})", self.0),
            None => write!(f, "NTSTATUS {:#010x}", self.0),
        }
    }
}

impl fmt::Debug for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The verdict that a logon is not good, or that nobody could say.
///
/// Towards the client all denials look alike: the status is for the audit record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogonFailure {
    /// Why, in the words of Windows' authorities.
    pub status: NtStatus,
}

/// What a caller does about a [`LogonFailure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogonFailureKind {
    /// An authority looked and said no. Trying again with the same credentials will not help.
    Denied,
    /// Nobody could be asked. The password may be right: try again later.
    NoAuthority,
    /// The clocks are too far apart.
    TimeSkew,
    /// NTLM is forbidden.
    Blocked,
    /// The authority failed.
    Internal,
}

impl LogonFailure {
    /// A failure that an authority reported as `status`.
    #[must_use]
    pub const fn from_status(status: NtStatus) -> Self {
        Self { status }
    }

    /// What to do about it.
    #[must_use]
    pub const fn kind(self) -> LogonFailureKind {
        self.status.kind()
    }
}

impl fmt::Display for LogonFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lead = match self.kind() {
            LogonFailureKind::Denied => "the logon was denied",
            LogonFailureKind::NoAuthority => "the logon could not be decided, try again later",
            LogonFailureKind::TimeSkew => "the logon could not be decided, set the clocks",
            LogonFailureKind::Blocked => "the logon was refused by policy",
            LogonFailureKind::Internal => "the logon could not be decided",
        };
        match self.status.text() {
            Some(text) => write!(f, "{lead}: {text} ({})", self.status),
            None => write!(f, "{lead}: {}", self.status),
        }
    }
}

impl core::error::Error for LogonFailure {}
