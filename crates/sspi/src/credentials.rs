//! Credentials: identities as values, and what they are used for.

use std::fmt;
use std::sync::Arc;

use ntlm::{Credentials, NtHash, Password, UnicodeString};

use crate::status::SecurityStatus;

/// SEC_WINNT_AUTH_IDENTITY in all its forms, as a value. The forms and their encodings are the C library's affair.
pub struct AuthIdentity {
    /// User; empty for none.
    pub user: UnicodeString,
    /// Domain; empty for none.
    pub domain: UnicodeString,
    /// What proves it.
    pub secret: Secret,
    /// PackageList: names of mechanisms that may be used, each with `!` before it to exclude it; empty for all. A list without NTLM makes
    /// InitializeSecurityContext say SEC_E_NO_CREDENTIALS.
    pub package_list: Vec<String>,
}

/// `DOMAIN\user`, or the user alone where there is no domain.
pub(crate) fn qualified_name(domain: &UnicodeString, user: &UnicodeString) -> UnicodeString {
    if domain.is_empty() {
        return user.clone();
    }
    let separator = [u16::from(b'\\')];
    UnicodeString::from_units(&[domain.units(), &separator, user.units()].concat())
}

/// What an identity proves itself with.
pub enum Secret {
    /// A password; may be empty.
    Password(Password),
    /// The NT hash of a password. Has its own type on purpose: a hash that travels in a password field gets hashed.
    NtHash(NtHash),
}

impl AuthIdentity {
    /// A user with a password. `name` is `DOMAIN\user`, `user@dns.domain` or `user`.
    #[must_use]
    pub fn new(name: &str, password: &str) -> Self {
        let (domain, user) = name.split_once('\\').unwrap_or(("", name));
        Self {
            user: user.into(),
            domain: domain.into(),
            secret: Secret::Password(Password::new(password)),
            package_list: Vec::new(),
        }
    }

    /// `DOMAIN\user`, or the user alone where there is no domain.
    #[must_use]
    pub fn name(&self) -> UnicodeString {
        qualified_name(&self.domain, &self.user)
    }

    /// The identity as the core takes it. Wire lengths bound the names.
    pub(crate) fn to_ntlm(&self) -> Result<Credentials, SecurityStatus> {
        const LONGEST: usize = u16::MAX as usize / 2;
        if self.user.len() > LONGEST || self.domain.len() > LONGEST {
            return Err(SecurityStatus::SEC_E_UNKNOWN_CREDENTIALS);
        }
        Ok(match &self.secret {
            Secret::Password(password) => Credentials::with_domain(&self.user, &self.domain, password),
            Secret::NtHash(hash) => {
                let hash = NtHash::from_bytes(hash.expose()).map_err(|_| SecurityStatus::SEC_E_UNKNOWN_CREDENTIALS)?;
                Credentials::from_nt_hash_with_domain(&self.user, &self.domain, hash)
            }
        })
    }
}

impl fmt::Debug for AuthIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthIdentity")
            .field("user", &self.user)
            .field("domain", &self.domain)
            .field("package_list", &self.package_list)
            .finish_non_exhaustive()
    }
}

/// fCredentialUse: SECPKG_CRED_*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialUse(pub u32);

impl CredentialUse {
    /// SECPKG_CRED_INBOUND: for AcceptSecurityContext.
    pub const INBOUND: Self = Self(1);
    /// SECPKG_CRED_OUTBOUND: for InitializeSecurityContext.
    pub const OUTBOUND: Self = Self(2);
    /// SECPKG_CRED_BOTH.
    pub const BOTH: Self = Self(3);

    /// Whether contexts can be accepted.
    #[must_use]
    pub const fn is_inbound(self) -> bool {
        self.0 & Self::INBOUND.0 != 0
    }

    /// Whether contexts can be initiated.
    #[must_use]
    pub const fn is_outbound(self) -> bool {
        self.0 & Self::OUTBOUND.0 != 0
    }
}

/// Where the credentials of a process come from when a caller gives none.
#[derive(Default)]
pub enum DefaultIdentity {
    /// From nowhere: SEC_E_NO_CREDENTIALS.
    #[default]
    None,
    /// From a source that could be read.
    Known(AuthIdentity),
    /// From a source that could not be read. Credentials can be had, and InitializeSecurityContext says SEC_E_NO_AUTHENTICATING_AUTHORITY, because
    /// the identity may be there.
    Unreadable,
}

/// Whom a client logs on as.
#[derive(Clone)]
pub struct Outbound {
    /// As the core takes it.
    pub credentials: Arc<Credentials>,
    /// For SECPKG_CRED_ATTR_NAMES.
    pub name: UnicodeString,
    package_list: Arc<[String]>,
}

impl Outbound {
    /// Nobody in particular, for contexts that ask to be anonymous.
    pub(crate) fn nobody() -> Self {
        Self {
            credentials: Arc::new(Credentials::anonymous()),
            name: UnicodeString::default(),
            package_list: Arc::default(),
        }
    }

    pub(crate) fn new(identity: &AuthIdentity) -> Result<Self, SecurityStatus> {
        Ok(Self {
            credentials: Arc::new(identity.to_ntlm()?),
            name: identity.name(),
            package_list: identity.package_list.clone().into(),
        })
    }

    /// Whether PackageList lets a mechanism be used.
    #[must_use]
    pub fn allows(&self, mechanism: &str) -> bool {
        let is = |entry: &str| entry.eq_ignore_ascii_case(mechanism);
        let excluded = self.package_list.iter().filter_map(|entry| entry.strip_prefix('!')).any(is);
        let mut included = self.package_list.iter().filter(|entry| !entry.starts_with('!')).peekable();
        !excluded && (included.peek().is_none() || included.any(|entry| is(entry)))
    }
}
