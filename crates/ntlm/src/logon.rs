//! The question a server asks ([`NetworkLogon`]), the answers ([`LogonSuccess`], [`LogonFailure`]), and who answers ([`Authority`]).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use core::sync::atomic::AtomicBool;

use crate::config::{LmCompatibilityLevel, ServerNames, ServerPolicy};
use crate::context::IdentityKind;
use crate::crypto;
use crate::secret::{ExportedSessionKey, LmSessionKey, SessionBaseKey};
use crate::wire::{NegotiateFlags, ResponseClass, UnicodeString};

pub use crate::nt_status::{LogonFailure, LogonFailureKind, NtStatus};

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
    /// EncryptedRandomSessionKey, when keys are exchanged.
    pub(crate) encrypted_key: Option<[u8; 16]>,
    /// Whether a check decrypted it already, whatever came of that: not to be done again for a logon that is denied, whose time must say nothing.
    pub(crate) decrypted: AtomicBool,
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

    /// The policy of the server that asks: some of it is for authorities to follow.
    #[must_use]
    pub fn server_policy(&self) -> &ServerPolicy {
        &self.server.policy
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
        match (self.class, self.raw_lm_response().first_chunk::<8>()) {
            (ResponseClass::NtlmV1Ess, Some(client)) => extended_session_challenge(self.server_challenge, *client),
            _ => self.server_challenge,
        }
    }

    /// NtChallengeResponse as received.
    #[must_use]
    pub fn nt_response(&self) -> &[u8] {
        self.authenticate.get(self.nt_response.clone()).unwrap_or(&[])
    }

    /// LmChallengeResponse, for an authority to look at; empty where none must: beside an NTLMv2 response, because an LMv2 response proves none of
    /// what the NTLMv2 response says (CVE-2019-1338), and beside an NTLMv1 response where policy does not accept LM.
    #[must_use]
    pub fn lm_response(&self) -> &[u8] {
        let accepts_lm = self.server.policy.lm_compatibility_level() < LmCompatibilityLevel::Level4;
        match self.class {
            ResponseClass::LmOnly | ResponseClass::NtlmV1Ess => self.raw_lm_response(),
            ResponseClass::NtlmV1 if accepts_lm => self.raw_lm_response(),
            ResponseClass::NtlmV1 | ResponseClass::NtlmV2 | ResponseClass::Anonymous => &[],
        }
    }

    /// EncryptedRandomSessionKey, where it is certain that it holds the session key: where there is something to protect.
    pub(crate) fn exchanged_key(&self) -> Option<[u8; 16]> {
        let protecting = NegotiateFlags::SIGN | NegotiateFlags::SEAL | NegotiateFlags::DATAGRAM;
        self.encrypted_key.filter(|_| self.flags.intersects(protecting))
    }

    /// LmChallengeResponse as received.
    pub(crate) fn raw_lm_response(&self) -> &[u8] {
        self.authenticate.get(self.lm_response.clone()).unwrap_or(&[])
    }
}

impl fmt::Debug for NetworkLogon {
    /// Without the responses: passwords are cracked from them, and this ends up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkLogon")
            .field("user", &self.user)
            .field("domain", &self.domain)
            .field("workstation", &self.workstation)
            .field("class", &self.class)
            .field("flags", &self.flags)
            .finish_non_exhaustive()
    }
}

/// What an NTLMv1 response with extended session security answers: a hash of both sides' challenges (MS-NLMP 3.3.1).
#[must_use]
pub fn extended_session_challenge(server_challenge: [u8; 8], client_challenge: [u8; 8]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = crypto::md5(&[&server_challenge, &client_challenge]);
    [a, b, c, d, e, f, g, h]
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
    /// Whether the response was checked here, against a hash.
    pub(crate) checked: bool,
    /// ExportedSessionKey, where it was decrypted beside the check. Boxed: what is moved leaves copies behind.
    pub(crate) exported: Option<Box<ExportedSessionKey>>,
}

impl LogonSuccess {
    /// An authority's yes to `logon`: the UserSessionKey that a domain controller returned, which is the session base key, and its
    /// LMKey for NTLMv1 sessions that need it. A yes to an LM response alone is not accepted from an authority elsewhere: it could be LMv2's.
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

    /// The account as the authority calls it, when it said so.
    #[must_use]
    pub fn account(&self) -> Option<&UnicodeString> {
        self.account.as_ref()
    }

    pub(crate) fn new(
        logon: &NetworkLogon,
        kind: IdentityKind,
        key: SessionBaseKey,
        lm_key: Option<LmSessionKey>,
    ) -> Self {
        Self {
            server_challenge: logon.server_challenge,
            kind,
            key,
            lm_key,
            account: None,
            nil_domain: false,
            checked: false,
            exported: None,
        }
    }
}
