//! The record of a logon: plain data without secrets.

use std::borrow::Cow;
use std::net::SocketAddr;

use ntlm::context::{IdentityKind, Observations};
use ntlm::logon::NtStatus;
use ntlm::wire::{ResponseClass, Version};
use ntlm::{FileTime, UnicodeString};

/// What became of a logon.
///
/// Names and target are as the client sent them, whatever they hold: print records with [`to_text`](Self::to_text) or [`to_json`](Self::to_json).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// When it was decided.
    pub time: FileTime,
    /// The event that Windows would have logged.
    pub event: WindowsEvent,
    /// What was decided.
    pub decision: Decision,
    /// The same in the words of Windows: 0 for a success; what is SubStatus of event 4625, or its Status where Windows leaves SubStatus 0.
    pub nt_status: NtStatus,
    /// Why, as a sentence for administrators.
    pub reason: String,
    /// What carried the logon: `HTTP`, `HTTPS`.
    pub carrier: Cow<'static, str>,
    /// The address of the client.
    pub address: Option<SocketAddr>,
    /// UserName as sent.
    pub user: UnicodeString,
    /// DomainName as sent.
    pub domain: UnicodeString,
    /// Workstation as sent: a claim.
    pub workstation: UnicodeString,
    /// What kind of client was let in; `None` when none was.
    pub kind: Option<IdentityKind>,
    /// The account as the authority calls it, when it said so.
    pub account: Option<UnicodeString>,
    /// The service principal name that the client meant, as sent.
    pub target_name: Option<UnicodeString>,
    /// Which kind of response the client gave; `None` when that could not be told.
    pub response: Option<ResponseClass>,
    /// VERSION as sent: a claim.
    pub client_version: Option<Version>,
    /// What the MIC said; `None` when no AUTHENTICATE_MESSAGE was read.
    pub mic: Option<MicCheck>,
    /// What the channel bindings said; `None` when no AUTHENTICATE_MESSAGE was read.
    pub channel_bindings: Option<BindingsCheck>,
    /// What a stricter policy would have refused. For logons that failed: what is known without the session key.
    pub observations: Observations,
}

impl AuditRecord {
    /// `STATUS_SUCCESS`: no failure.
    pub const SUCCESS: NtStatus = NtStatus(0);

    /// A record about nobody in particular.
    pub(crate) fn new(time: FileTime, event: WindowsEvent, decision: Decision) -> Self {
        Self {
            time,
            event,
            decision,
            nt_status: Self::SUCCESS,
            reason: String::new(),
            carrier: Cow::Borrowed(""),
            address: None,
            user: UnicodeString::default(),
            domain: UnicodeString::default(),
            workstation: UnicodeString::default(),
            kind: None,
            account: None,
            target_name: None,
            response: None,
            client_version: None,
            mic: None,
            channel_bindings: None,
            observations: Observations::default(),
        }
    }

    /// That `count` records were lost before this one: event 1101.
    pub(crate) fn lost(time: FileTime, count: u64) -> Self {
        let reason =
            format!("{count} records were lost before this one: the output of the audit failed or was too slow");
        Self { reason, ..Self::new(time, WindowsEvent::RecordsLost, Decision::RecordsLost) }
    }
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The client was let in.
    Accepted,
    /// An authority looked and said no.
    Denied,
    /// A check or the policy of this server refused the logon, whatever the authority said.
    Refused,
    /// The client sent bytes that are not NTLM.
    Malformed,
    /// Nobody could decide.
    Unavailable,
    /// No logon: an account was locked out.
    LockedOut,
    /// No logon: records were lost before this one.
    RecordsLost,
}

/// An event of Windows' security log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WindowsEvent {
    /// 1101: audit events were dropped.
    RecordsLost,
    /// 4624: an account was logged on.
    LogonSuccess,
    /// 4625: an account failed to log on.
    LogonFailure,
    /// 4740: an account was locked out.
    LockOut,
    /// 4776: the authority validated credentials, whatever came of it.
    Validation,
}

impl WindowsEvent {
    /// The number of the event.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::RecordsLost => 1101,
            Self::LogonSuccess => 4624,
            Self::LogonFailure => 4625,
            Self::LockOut => 4740,
            Self::Validation => 4776,
        }
    }
}

/// What is known of the MIC over the three messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MicCheck {
    /// It is right.
    Verified,
    /// The client sent none.
    Absent,
    /// The client sent one that does not fit the messages.
    Wrong,
    /// The client says that it sent one; the logon failed before it could be believed.
    Claimed,
}

/// What is known of the channel bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindingsCheck {
    /// They are those of the channel.
    Verified,
    /// The client sent none.
    Absent,
    /// They are those of another channel.
    Wrong,
    /// The client sent some; the logon failed before they could be believed.
    Claimed,
    /// This server did not look: by policy, or because the channel has none.
    NotAsked,
}
