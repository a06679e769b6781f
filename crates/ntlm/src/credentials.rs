//! What a client logs on with.

use core::fmt;

use crate::secret::{LmHash, NtHash, Password, ResponseKeyNt};
use crate::wire::UnicodeString;

/// A client's credentials: a user, a domain, and the hashes of a password; or nobody in particular.
pub struct Credentials {
    user: UnicodeString,
    domain: Domain,
    hashes: Option<Hashes>,
}

/// The domain to send with a user.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Domain {
    /// This one; may be empty.
    Named(UnicodeString),
    /// The server's own accounts: its NetBIOS computer name, or its TargetName where it does not say (`.\user`).
    Server,
}

struct Hashes {
    nt: NtHash,
    lm: Option<LmHash>,
    /// NTOWFv2, made once: it depends on nothing that a server says, unless the domain does.
    response_key: Option<ResponseKeyNt>,
}

impl Credentials {
    /// A user with a password. `name` is one of
    ///
    /// | form | user sent | domain sent |
    /// |---|---|---|
    /// | `DOMAIN\user` | `user` | `DOMAIN` |
    /// | `user@dns.domain` | the whole | none |
    /// | `user` | `user` | none |
    /// | `.\user` | `user` | the server's own computer name |
    #[must_use]
    pub fn new(name: &str, password: &Password) -> Self {
        let (user, domain) = split_name(name);
        Self::with_hashes(user, domain, password.nt_hash())
    }

    /// A user in a domain with a password, both sent as they are.
    #[must_use]
    pub fn with_domain(user: &UnicodeString, domain: &UnicodeString, password: &Password) -> Self {
        Self::with_hashes(user.clone(), Domain::Named(domain.clone()), password.nt_hash())
    }

    /// A user with the NT hash of a password instead of the password. `name` as for [`new`](Self::new).
    #[must_use]
    pub fn from_nt_hash(name: &str, nt_hash: NtHash) -> Self {
        let (user, domain) = split_name(name);
        Self::with_hashes(user, domain, nt_hash)
    }

    /// A user in a domain with an NT hash, both names sent as they are.
    #[must_use]
    pub fn from_nt_hash_with_domain(user: &UnicodeString, domain: &UnicodeString, nt_hash: NtHash) -> Self {
        Self::with_hashes(user.clone(), Domain::Named(domain.clone()), nt_hash)
    }

    /// The same credentials with the LM hash of their password, for clients that send LM responses: LmCompatibilityLevel 0 and 1 without
    /// NoLMResponseNTLMv1. An LM hash falls to a search of minutes. Without one, such clients send the NTLM response in its place.
    #[must_use]
    pub fn dangerous_with_lm_hash(mut self, lm_hash: LmHash) -> Self {
        if let Some(hashes) = &mut self.hashes {
            hashes.lm = Some(lm_hash);
        }
        self
    }

    /// Nobody in particular. Such a context proves nothing and protects nothing.
    #[must_use]
    pub fn anonymous() -> Self {
        Self { user: UnicodeString::default(), domain: Domain::Named(UnicodeString::default()), hashes: None }
    }

    /// The user name that is sent.
    #[must_use]
    pub fn user(&self) -> &UnicodeString {
        &self.user
    }

    /// The domain name that is sent; `None` when it is the server's own and known only then.
    #[must_use]
    pub fn domain(&self) -> Option<&UnicodeString> {
        match &self.domain {
            Domain::Named(domain) => Some(domain),
            Domain::Server => None,
        }
    }

    /// Whether these are nobody's.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.hashes.is_none()
    }

    pub(crate) fn nt_hash(&self) -> Option<&NtHash> {
        self.hashes.as_ref().map(|hashes| &hashes.nt)
    }

    pub(crate) fn lm_hash(&self) -> Option<&LmHash> {
        self.hashes.as_ref().and_then(|hashes| hashes.lm.as_ref())
    }

    /// The key of NTLMv2 responses when `domain` is what is sent.
    pub(crate) fn response_key_nt(&self, domain: &UnicodeString) -> Option<ResponseKeyNt> {
        let hashes = self.hashes.as_ref()?;
        Some(match &hashes.response_key {
            Some(key) => key.duplicate(),
            None => hashes.nt.response_key_nt(&self.user, domain),
        })
    }

    fn with_hashes(user: UnicodeString, domain: Domain, nt: NtHash) -> Self {
        let response_key = match &domain {
            Domain::Named(domain) => Some(nt.response_key_nt(&user, domain)),
            Domain::Server => None,
        };
        Self { user, domain, hashes: Some(Hashes { nt, lm: None, response_key }) }
    }
}

/// A second, independent copy, for another owner; spelled out so that secrets are not copied by accident.
impl Credentials {
    /// Copies the credentials with their secrets.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let hashes = self.hashes.as_ref().map(|hashes| Hashes {
            nt: hashes.nt.duplicate(),
            lm: hashes.lm.as_ref().map(LmHash::duplicate),
            response_key: hashes.response_key.as_ref().map(ResponseKeyNt::duplicate),
        });
        Self { user: self.user.clone(), domain: self.domain.clone(), hashes }
    }
}

fn split_name(name: &str) -> (UnicodeString, Domain) {
    match name.split_once('\\') {
        Some((".", user)) => (user.into(), Domain::Server),
        Some((domain, user)) => (user.into(), Domain::Named(domain.into())),
        None => (name.into(), Domain::Named(UnicodeString::default())),
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).field("domain", &self.domain).finish_non_exhaustive()
    }
}
