//! What a security package is: the traits that the interface speaks to, and the registry that finds a package by name.
//!
//! ```text
//! SecurityPackage --initiate/accept--> Step { token, next }
//!                                              next: Continue(Exchange) --step--> Step ...
//!                                                    Done(EstablishedContext)
//! ```

use std::sync::Arc;

use ntlm::{ChannelBindings, UnicodeString};

use crate::buffers::Buffer;
use crate::credentials::Outbound;
use crate::status::SecurityStatus;
use crate::tables::attributes::{AttributeId, AttributeValue};
use crate::tables::flags::Meanings;
use crate::tables::package_info::PackageInfo;

/// What an exchange is given at each leg.
#[derive(Debug, Default)]
pub struct Leg<'a> {
    /// What the caller asks for; counts on the first leg.
    pub requests: Meanings,
    /// The peer's token; `None` when there is none.
    pub token: Option<&'a [u8]>,
    /// The target's name, when the caller gives one at this leg.
    pub target_name: Option<UnicodeString>,
    /// Channel bindings, when the caller gives some at this leg.
    pub channel_bindings: Option<ChannelBindings>,
}

/// What comes of a leg.
pub struct Step {
    /// The token for the peer; empty for none.
    pub token: Vec<u8>,
    /// How it goes on.
    pub next: Next,
}

/// How an exchange goes on.
pub enum Next {
    /// The peer must answer: SEC_I_CONTINUE_NEEDED. The meanings are what can be said of the context so far.
    Continue(Box<dyn Exchange>, Meanings),
    /// The context stands: SEC_E_OK.
    Done(Arc<dyn EstablishedContext>),
}

/// A security package.
pub trait SecurityPackage: Send + Sync {
    /// What it says about itself.
    fn info(&self) -> &'static PackageInfo;

    /// Begins an exchange as client.
    ///
    /// # Errors
    ///
    /// The status for the caller; there is no context then.
    fn initiate(&self, credentials: &Outbound, leg: Leg<'_>) -> Result<Step, SecurityStatus>;

    /// Begins an exchange as server.
    ///
    /// # Errors
    ///
    /// The status for the caller; there is no context then.
    fn accept(&self, leg: Leg<'_>) -> Result<Step, SecurityStatus>;

    /// Makes a context of what [`EstablishedContext::export`] gave.
    ///
    /// # Errors
    ///
    /// SEC_E_INVALID_TOKEN for bytes that are none.
    fn import(&self, packed: &[u8]) -> Result<Arc<dyn EstablishedContext>, SecurityStatus>;
}

/// An exchange that waits for the peer.
pub trait Exchange: Send + Sync {
    /// Takes the next token.
    ///
    /// # Errors
    ///
    /// The status for the caller; the exchange is over then.
    fn step(self: Box<Self>, leg: Leg<'_>) -> Result<Step, SecurityStatus>;
}

/// A context that stands. One thread may protect while another unprotects.
pub trait EstablishedContext: Send + Sync {
    /// The package that does the work: of Negotiate, the mechanism that was chosen.
    fn package(&self) -> &'static PackageInfo;

    /// What was agreed.
    fn meanings(&self) -> Meanings;

    /// Whether we are the server.
    fn is_server(&self) -> bool;

    /// Whether the client is a user whose identity was proven: neither a guest nor anonymous.
    fn is_authenticated(&self) -> bool;

    /// The value of an attribute that needs an established context.
    ///
    /// # Errors
    ///
    /// SEC_E_UNSUPPORTED_FUNCTION for an attribute that it does not have.
    fn attribute(&self, id: AttributeId) -> Result<AttributeValue, SecurityStatus>;

    /// MakeSignature.
    ///
    /// # Errors
    ///
    /// As the function.
    fn make_signature(&self, buffers: &mut [Buffer<'_>], sequence_number: u32) -> Result<(), SecurityStatus>;

    /// VerifySignature.
    ///
    /// # Errors
    ///
    /// As the function.
    fn verify_signature(&self, buffers: &mut [Buffer<'_>], sequence_number: u32) -> Result<(), SecurityStatus>;

    /// EncryptMessage; signs only unless `encrypt`.
    ///
    /// # Errors
    ///
    /// As the function.
    fn encrypt_message(
        &self,
        buffers: &mut [Buffer<'_>],
        sequence_number: u32,
        encrypt: bool,
    ) -> Result<(), SecurityStatus>;

    /// DecryptMessage.
    ///
    /// # Errors
    ///
    /// As the function.
    fn decrypt_message(&self, buffers: &mut [Buffer<'_>], sequence_number: u32) -> Result<(), SecurityStatus>;

    /// ExportSecurityContext: takes the session out, so that nobody can go on with it here.
    ///
    /// # Errors
    ///
    /// SEC_E_INVALID_HANDLE when it was taken before.
    fn export(&self) -> Result<zeroize::Zeroizing<Vec<u8>>, SecurityStatus>;
}

/// The packages of an interface, found by name.
pub struct Registry(Vec<Arc<dyn SecurityPackage>>);

impl Registry {
    /// A registry of these packages.
    #[must_use]
    pub fn new(packages: Vec<Arc<dyn SecurityPackage>>) -> Self {
        Self(packages)
    }

    /// All packages, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn SecurityPackage>> {
        self.0.iter()
    }

    /// The package called `name`, in any case.
    ///
    /// # Errors
    ///
    /// SEC_E_SECPKG_NOT_FOUND.
    pub fn find(&self, name: &str) -> Result<&Arc<dyn SecurityPackage>, SecurityStatus> {
        let named = |package: &&Arc<dyn SecurityPackage>| package.info().name.eq_ignore_ascii_case(name);
        self.0.iter().find(named).ok_or(SecurityStatus::SEC_E_SECPKG_NOT_FOUND)
    }
}
