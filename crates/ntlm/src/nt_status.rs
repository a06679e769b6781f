//! NTSTATUS, and logon failures in its words.

use core::fmt;

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
    NETWORK_ACCESS_DENIED = 0xc000_00ca, Denied, "the client's address may not log on";
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
    BAD_BINDINGS = 0xc000_035b, Denied, "the channel bindings are missing or wrong";
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
