//! Words shared by client, server and all front ends: what is asked for, what was agreed, who the peer is.

use core::fmt;

use crate::wire::{NegotiateFlags, UnicodeString};

/// Which side of the exchange we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The side that proves who it is.
    Client,
    /// The side that checks.
    Server,
}

/// What a caller wants of a context. On both sides what is asked for is required: an exchange that cannot give it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Requirements {
    /// Messages can be signed.
    pub integrity: bool,
    /// Replayed messages are found out; implies signing.
    pub replay_detect: bool,
    /// Lost and reordered messages are found out; implies signing.
    pub sequence_detect: bool,
    /// Messages can be sealed; implies signing.
    pub confidentiality: bool,
    /// The server gets to know who the client is and no more. A request, not a requirement.
    pub identify: bool,
}

impl Requirements {
    /// Signing and sealing.
    #[must_use]
    pub const fn seal() -> Self {
        Self { integrity: true, replay_detect: true, sequence_detect: true, confidentiality: true, identify: false }
    }

    /// Signing and sealing of connectionless messages, where finding out replays is the application's affair.
    #[must_use]
    pub const fn datagram() -> Self {
        Self { integrity: true, replay_detect: false, sequence_detect: false, confidentiality: true, identify: false }
    }

    /// Signing.
    #[must_use]
    pub const fn sign() -> Self {
        Self { integrity: true, replay_detect: true, sequence_detect: true, confidentiality: false, identify: false }
    }

    /// The flags that the requirements come down to.
    #[must_use]
    pub const fn required_flags(self) -> NegotiateFlags {
        let sign = self.integrity || self.replay_detect || self.sequence_detect || self.confidentiality;
        NegotiateFlags::NONE.with_if(sign, NegotiateFlags::SIGN).with_if(self.confidentiality, NegotiateFlags::SEAL)
    }
}

/// What was agreed on: what an application may rely on from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Attributes {
    /// Messages can be signed.
    pub integrity: bool,
    /// Replayed messages are found out.
    pub replay_detect: bool,
    /// Lost and reordered messages are found out.
    pub sequence_detect: bool,
    /// Messages can be sealed.
    pub confidentiality: bool,
    /// The client agreed to be identified only.
    pub identify: bool,
    /// Connectionless.
    pub datagram: bool,
    /// The client is nobody in particular: anonymous. Nothing it sends is authenticated.
    pub anonymous: bool,
    /// The client was let in as guest. Nothing it sends is authenticated.
    pub guest: bool,
}

impl Attributes {
    pub(crate) fn new(flags: NegotiateFlags, kind: IdentityKind) -> Self {
        // Anonymous and guest sessions have a key of zeros: no protection is reported that anybody could forge.
        let keyed = kind == IdentityKind::User;
        let sign = keyed && flags.intersects(NegotiateFlags::SIGN | NegotiateFlags::SEAL);
        Self {
            integrity: sign,
            replay_detect: sign && !flags.contains(NegotiateFlags::DATAGRAM),
            sequence_detect: sign && !flags.contains(NegotiateFlags::DATAGRAM),
            confidentiality: keyed && flags.contains(NegotiateFlags::SEAL),
            identify: flags.contains(NegotiateFlags::IDENTIFY),
            datagram: flags.contains(NegotiateFlags::DATAGRAM),
            anonymous: kind == IdentityKind::Anonymous,
            guest: kind == IdentityKind::Guest,
        }
    }
}

/// What kind of client it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdentityKind {
    /// A user with an account, whose response was checked.
    User,
    /// A user without an account, let in as guest.
    Guest,
    /// Nobody in particular.
    Anonymous,
}

/// Who the client of a context is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What kind of client it is. Decide by this, never by a name.
    pub kind: IdentityKind,
    /// User name as the client sent it; empty when anonymous.
    pub user: UnicodeString,
    /// Domain name as the client sent it.
    pub domain: UnicodeString,
    /// Workstation name as the client sent it: a claim that nothing checks.
    pub workstation: UnicodeString,
    /// The account as the authority calls it (`DOMAIN\user`), when it said so; on the server only.
    pub account: Option<UnicodeString>,
}

impl fmt::Display for Identity {
    /// The account, or `DOMAIN\user` as sent, or `user` where there is no domain.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, &self.account) {
            (IdentityKind::Anonymous, _) => f.write_str("anonymous"),
            (_, Some(account)) => account.fmt(f),
            (_, None) if self.domain.is_empty() => self.user.fmt(f),
            (_, None) => write!(f, "{}\\{}", self.domain, self.user),
        }
    }
}

/// What a policy let pass that a stricter one would have refused: for the audit record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Observations {
    /// The client sent no MIC.
    pub mic_missing: bool,
    /// The server has channel bindings and the client sent none.
    pub bindings_missing: bool,
    /// The server knows its names and the client named no target.
    pub target_name_missing: bool,
    /// Names came in OEM.
    pub oem: bool,
    /// Names came in OEM and were not ASCII: they were read as Latin-1.
    pub oem_not_ascii: bool,
    /// Protection that the server offered and the client dropped.
    pub capabilities_dropped: NegotiateFlags,
    /// The response was not NTLMv2.
    pub weak_response: bool,
    /// The response did not carry back the server's TargetInfo.
    pub target_info_missing: bool,
    /// The hash was made with an empty domain instead of the one sent.
    pub nil_domain: bool,
}

impl Observations {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
