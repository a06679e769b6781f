//! A context that stands: its facts, and the session that signs and seals.

use crate::context::{Attributes, Identity, IdentityKind, Observations, Role};
use crate::env::FileTime;
use crate::error::{Error, Incompatible};
use crate::secret::ExportedSessionKey;
use crate::session::Session;
use crate::wire::{NegotiateFlags, ResponseClass, UnicodeString, Version};

/// The facts of an established context.
#[derive(Debug)]
pub struct ContextInfo {
    pub(crate) role: Role,
    pub(crate) flags: NegotiateFlags,
    pub(crate) identity: Identity,
    pub(crate) response_class: ResponseClass,
    pub(crate) target_name: Option<UnicodeString>,
    pub(crate) channel_bindings: Option<[u8; 16]>,
    pub(crate) mic: bool,
    pub(crate) peer_version: Option<Version>,
    pub(crate) established_at: FileTime,
    pub(crate) observations: Observations,
    pub(crate) key: ExportedSessionKey,
}

impl ContextInfo {
    /// Which side we are.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The flags in force: NegFlg of MS-NLMP.
    #[must_use]
    pub fn flags(&self) -> NegotiateFlags {
        self.flags
    }

    /// What was agreed on.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        Attributes::new(self.flags, self.identity.kind)
    }

    /// Who the client is: on the server whom it let in, on the client who we said we are.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Which kind of response the client gave.
    #[must_use]
    pub fn response_class(&self) -> ResponseClass {
        self.response_class
    }

    /// The service principal name that the client meant (ClientSuppliedTargetName); on the server `None` also when the client
    /// said that it had it from an untrusted source.
    #[must_use]
    pub fn target_name(&self) -> Option<&UnicodeString> {
        self.target_name.as_ref()
    }

    /// The hash of the channel bindings that the client sent; `None` when it sent none.
    #[must_use]
    pub fn channel_bindings(&self) -> Option<[u8; 16]> {
        self.channel_bindings
    }

    /// Whether the three messages were protected by a MIC (checked, on the server; sent, on the client).
    #[must_use]
    pub fn has_mic(&self) -> bool {
        self.mic
    }

    /// The version the peer claims to be. For people who debug.
    #[must_use]
    pub fn peer_version(&self) -> Option<Version> {
        self.peer_version
    }

    /// When the context was established, by the clock that the caller gave.
    #[must_use]
    pub fn established_at(&self) -> FileTime {
        self.established_at
    }

    /// What the policy let pass.
    #[must_use]
    pub fn observations(&self) -> &Observations {
        &self.observations
    }

    /// Whether somebody's identity was proven: false for anonymous and guest contexts.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.identity.kind == IdentityKind::User
    }

    /// The session key.
    ///
    /// # Errors
    ///
    /// [`Incompatible::NoSessionSecurity`] for anonymous and guest contexts: everybody knows their key.
    pub fn exported_session_key(&self) -> Result<&ExportedSessionKey, Error> {
        if self.is_authenticated() { Ok(&self.key) } else { Err(Incompatible::NoSessionSecurity.into()) }
    }
}

/// A context that stands: its facts, and the session that signs and seals.
#[derive(Debug)]
pub struct Established {
    /// The facts.
    pub info: ContextInfo,
    /// Signs and seals.
    pub session: Session,
}

impl Established {
    /// Bytes that the context holds, on the heap and itself. More with the first message each way, which makes its keys.
    #[must_use]
    pub fn memory(&self) -> usize {
        let Identity { kind: _, user, domain, workstation, account } = &self.info.identity;
        let names = [Some(user), Some(domain), Some(workstation), account.as_ref(), self.info.target_name.as_ref()];
        let names: usize = names.into_iter().flatten().map(UnicodeString::heap).sum();
        size_of::<Self>() + names + self.session.heap()
    }
}
