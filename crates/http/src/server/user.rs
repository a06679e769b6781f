//! Whom a request comes from.

use std::fmt;
use std::sync::Arc;

use ntlm::{ContextInfo, UnicodeString};

/// The client of an authenticated connection, in the extensions of every request that comes over it. With the feature `axum` also an extractor: by itself for
/// routes behind [`NtlmLayer`](super::NtlmLayer), as `Option<NtlmUser>` for handlers that also serve routes in front of it.
///
/// Cheap to clone. Decide by [`account`](Self::account), which the authority says, not by [`user`](Self::user), which the client says.
#[derive(Clone)]
pub struct NtlmUser(Arc<ContextInfo>);

impl NtlmUser {
    pub(super) fn new(info: ContextInfo) -> Self {
        Self(Arc::new(info))
    }

    /// The account as the authority calls it, `DOMAIN\user`. As the client sent it where the authority did not say.
    #[must_use]
    pub fn account(&self) -> UnicodeString {
        let identity = self.0.identity();
        match &identity.account {
            Some(account) => account.clone(),
            None if identity.domain.is_empty() => identity.user.clone(),
            None => {
                let units = [identity.domain.units(), &[u16::from(b'\\')], identity.user.units()].concat();
                UnicodeString::from_units(&units)
            }
        }
    }

    /// UserName as the client sent it.
    #[must_use]
    pub fn user(&self) -> &UnicodeString {
        &self.0.identity().user
    }

    /// DomainName as the client sent it.
    #[must_use]
    pub fn domain(&self) -> &UnicodeString {
        &self.0.identity().domain
    }

    /// The facts of the logon: who, how well protected, when.
    #[must_use]
    pub fn info(&self) -> &ContextInfo {
        &self.0
    }
}

impl fmt::Display for NtlmUser {
    /// The account, escaped and cut for logs and pages of text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.identity().fmt(f)
    }
}

impl fmt::Debug for NtlmUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NtlmUser").field(&format_args!("{self}")).finish()
    }
}
