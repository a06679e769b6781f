//! The functions of SSPI over handles: what InitSecurityInterface gives out, in safe Rust.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ntlm::{FileTime, UnicodeString};
use zeroize::Zeroizing;

use crate::buffers::Buffer;
use crate::call::{AcceptCall, InitializeCall, check_output, check_room};
use crate::context::{Call, Context, Credential, Outcome, Side, Sight, Stage};
use crate::credentials::{AuthIdentity, CredentialUse, DefaultIdentity, Outbound};
use crate::environment::NEVER;
use crate::handle::{HandleTable, Lookup, SecHandle};
use crate::ntlm::{Ntlm, Shared};
use crate::package::{EstablishedContext, Leg, Registry, Step};
use crate::status::SecurityStatus;
use crate::tables::attributes::{AttributeId, AttributeValue, LastClientTokenStatus, Needs, SECPKG_CRED_ATTR_NAMES};
use crate::tables::flags::Meanings;
use crate::tables::package_info::{PackageInfo, SIGNATURE_LENGTH};

pub use crate::configuration::Configuration;

/// SECQOP_WRAP_NO_ENCRYPT: sign and do not encrypt.
pub const SECQOP_WRAP_NO_ENCRYPT: u32 = 0x8000_0001;

/// SECQOP_WRAP_OOB_DATA: changes nothing.
pub const SECQOP_WRAP_OOB_DATA: u32 = 0x4000_0000;

/// SECPKG_CONTEXT_EXPORT_RESET_NEW.
pub const SECPKG_CONTEXT_EXPORT_RESET_NEW: u32 = 1;

/// SECPKG_CONTEXT_EXPORT_DELETE_OLD.
pub const SECPKG_CONTEXT_EXPORT_DELETE_OLD: u32 = 2;

/// SECPKG_CONTEXT_EXPORT_TO_KERNEL.
pub const SECPKG_CONTEXT_EXPORT_TO_KERNEL: u32 = 4;

/// What a leg of InitializeSecurityContext or AcceptSecurityContext gives.
#[derive(Debug)]
pub struct ContextOutcome {
    /// SEC_E_OK or SEC_I_CONTINUE_NEEDED.
    pub status: SecurityStatus,
    /// phNewContext: the same at every leg.
    pub context: SecHandle,
    /// The token for the peer; empty for none. After SEC_E_OK from InitializeSecurityContext it still must be sent.
    pub token: Vec<u8>,
    /// pfContextAttr: ISC_RET_* or ASC_RET_*.
    pub context_attr: u32,
    /// ptsExpiry, in local time.
    pub expiry: FileTime,
}

/// An instance of SSPI: packages, credentials and contexts.
pub struct SecurityInterface {
    packages: Registry,
    credentials: HandleTable<Arc<Credential>>,
    contexts: HandleTable<Context>,
    default_identity: DefaultIdentity,
    lenient_requests: bool,
    impersonation_without_effect: bool,
}

type Result<T> = std::result::Result<T, SecurityStatus>;

impl SecurityInterface {
    /// An interface with the packages "NTLM" and "Negotiate".
    #[must_use]
    pub fn new(configuration: Configuration) -> Self {
        let Configuration {
            client,
            server,
            authority,
            default_identity,
            lenient_requests,
            dangerous_impersonation_without_effect: impersonation_without_effect,
            environment,
        } = configuration.guarded();
        let shared = Arc::new(Shared { client: Arc::new(client), server: Arc::new(server), authority, environment });
        let packages = Registry::new(vec![Arc::new(Ntlm::negotiate(Arc::clone(&shared))), Arc::new(Ntlm::new(shared))]);
        Self {
            packages,
            credentials: HandleTable::new(),
            contexts: HandleTable::new(),
            default_identity,
            lenient_requests,
            impersonation_without_effect,
        }
    }

    /// EnumerateSecurityPackages.
    pub fn enumerate_security_packages(&self) -> impl Iterator<Item = &'static PackageInfo> {
        self.packages.iter().map(|package| package.info())
    }

    /// QuerySecurityPackageInfo.
    ///
    /// # Errors
    ///
    /// SEC_E_SECPKG_NOT_FOUND.
    pub fn query_security_package_info(&self, name: &str) -> Result<&'static PackageInfo> {
        self.packages.find(name).map(|package| package.info())
    }

    /// AcquireCredentialsHandle: the handle and its expiry in local time. `identity` is pAuthData; the password in it is not checked.
    ///
    /// # Errors
    ///
    /// SEC_E_SECPKG_NOT_FOUND for an unknown package; SEC_E_UNKNOWN_CREDENTIALS when `usage` has neither direction, or for names that no
    /// message holds; SEC_E_NO_CREDENTIALS for outbound credentials without an identity when the process has none either.
    pub fn acquire_credentials_handle(
        &self,
        package: &str,
        usage: CredentialUse,
        identity: Option<&AuthIdentity>,
    ) -> Result<(SecHandle, FileTime)> {
        let package = self.packages.find(package)?;
        if !usage.is_inbound() && !usage.is_outbound() {
            return Err(SecurityStatus::SEC_E_UNKNOWN_CREDENTIALS);
        }
        let outbound = match (identity, &self.default_identity) {
            (Some(identity), _) => Ok(Outbound::new(identity)?),
            (None, DefaultIdentity::Known(identity)) => Outbound::new(identity),
            // The source is there; whoever initiates gets to know that it cannot be read.
            (None, DefaultIdentity::Unreadable) => Err(SecurityStatus::SEC_E_NO_AUTHENTICATING_AUTHORITY),
            // Whoever also accepts need not initiate.
            (None, DefaultIdentity::None) if usage.is_inbound() => Err(SecurityStatus::SEC_E_NO_CREDENTIALS),
            (None, DefaultIdentity::None) => return Err(SecurityStatus::SEC_E_NO_CREDENTIALS),
        };
        let credential = Credential { package: Arc::clone(package), usage, outbound, freed: AtomicBool::new(false) };
        Ok((self.credentials.insert(Arc::new(credential)), NEVER))
    }

    /// FreeCredentialsHandle. Contexts made with the handle go on.
    ///
    /// # Errors
    ///
    /// SEC_E_INVALID_HANDLE.
    pub fn free_credentials_handle(&self, credential: SecHandle) -> Result<()> {
        let credential = self.credentials.remove(credential).found().ok_or(SecurityStatus::SEC_E_INVALID_HANDLE)?;
        credential.freed.store(true, Ordering::Release);
        Ok(())
    }

    /// QueryCredentialsAttributes: SECPKG_CRED_ATTR_NAMES, the name of the user.
    ///
    /// # Errors
    ///
    /// SEC_E_INVALID_HANDLE; SEC_E_UNSUPPORTED_FUNCTION for other attributes; SEC_E_NO_CREDENTIALS or
    /// SEC_E_NO_AUTHENTICATING_AUTHORITY for a handle without an identity.
    pub fn query_credentials_attributes(&self, credential: SecHandle, attribute: u32) -> Result<UnicodeString> {
        let credential = self.credential(credential)?;
        if attribute != SECPKG_CRED_ATTR_NAMES {
            return Err(SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION);
        }
        credential.outbound.as_ref().map(|outbound| outbound.name.clone()).map_err(|status| *status)
    }

    /// A function that NTLM does not support on credentials: SetCredentialsAttributes, AddCredentials.
    ///
    /// # Errors
    ///
    /// SEC_E_UNSUPPORTED_FUNCTION, or SEC_E_INVALID_HANDLE.
    pub fn unsupported_on_credential(&self, credential: SecHandle) -> Result<()> {
        self.credential(credential)?;
        Err(SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION)
    }

    /// InitializeSecurityContext.
    ///
    /// # Errors
    ///
    /// The statuses of the page. When the first call fails there is no context; when a later one fails the context stays to be deleted
    /// and refuses everything else. A call that is refused for its parameters (handles, requests, the target's name, a place for the token) plays no
    /// leg, and leaves the context as it was; so does a second call while another one plays a leg, with SEC_E_OUT_OF_SEQUENCE.
    pub fn initialize_security_context(&self, call: InitializeCall<'_>) -> Result<ContextOutcome> {
        let requests = call.check(self.lenient_requests)?;
        let leg = Leg {
            requests,
            token: call.input_token.filter(|token| !token.is_empty()),
            target_name: call.target_name,
            channel_bindings: call.channel_bindings,
        };
        let supplied = call.supplied_identity.filter(|_| requests.contains(Meanings::USE_SUPPLIED_CREDS));
        let initiate = |credential: &Credential, leg: Leg<'_>| {
            if !credential.usage.is_outbound() {
                return Err(SecurityStatus::SEC_E_NO_CREDENTIALS);
            }
            let made;
            let outbound = match &supplied {
                Some(identity) => {
                    made = Outbound::new(identity)?;
                    &made
                }
                // Whoever wants to be nobody needs no identity.
                None if requests.contains(Meanings::NULL_SESSION) => {
                    made = Outbound::nobody();
                    &made
                }
                None => credential.outbound.as_ref().map_err(|status| *status)?,
            };
            // Whoever supplies no identity gets the credential's, and no flag that says otherwise.
            let ignored = Meanings::NONE.with_if(supplied.is_none(), Meanings::USE_SUPPLIED_CREDS);
            credential.package.initiate(outbound, Leg { requests: requests.without(ignored), ..leg })
        };
        let room = |step: Step| check_room(call.output, requests, &step.token).map(|()| step);
        let Some(handle) = call.context else {
            let credential = self.credential(call.credential.ok_or(SecurityStatus::SEC_E_INVALID_HANDLE)?)?;
            let step = initiate(&credential, leg).and_then(room)?;
            return Ok(self.begin(Side::Client, credential, call.credential, step, requests));
        };
        // The place for a token was looked at above.
        let of_call = Call { side: Side::Client, credential: call.credential, anew: Ok(()) };
        let outcome = self.contexts.leg(
            handle,
            of_call,
            |other| self.is_credential(other),
            |stage, own| {
                let step = match (stage, own) {
                    (Stage::Waiting(exchange), _) => exchange.step(leg),
                    // The caller wants to authenticate anew.
                    (Stage::Anew, own) if leg.token.is_none() => initiate(&*self.named(call.credential, own)?, leg),
                    (Stage::Anew, _) => Err(SecurityStatus::SEC_E_OUT_OF_SEQUENCE),
                };
                step.and_then(room)
            },
        )?;
        Ok(told(Side::Client, handle, outcome, requests))
    }

    /// AcceptSecurityContext.
    ///
    /// # Errors
    ///
    /// As for [`initialize_security_context`](Self::initialize_security_context).
    pub fn accept_security_context(&self, call: AcceptCall<'_>) -> Result<ContextOutcome> {
        let requests = call.check()?;
        let leg = Leg { requests, token: call.input_token, target_name: None, channel_bindings: call.channel_bindings };
        let accept = |credential: &Credential, leg| {
            if !credential.usage.is_inbound() {
                return Err(SecurityStatus::SEC_E_NO_CREDENTIALS);
            }
            credential.package.accept(leg)
        };
        let room = |step: Step| check_room(call.output, requests, &step.token).map(|()| step);
        let Some(handle) = call.context else {
            let credential = self.credential(call.credential.ok_or(SecurityStatus::SEC_E_INVALID_HANDLE)?)?;
            let step = accept(&credential, leg).and_then(room)?;
            return Ok(self.begin(Side::Server, credential, call.credential, step, requests));
        };
        let of_call =
            Call { side: Side::Server, credential: call.credential, anew: check_output(call.output, requests) };
        let outcome = self.contexts.leg(
            handle,
            of_call,
            |other| self.is_credential(other),
            |stage, own| {
                let step = match stage {
                    Stage::Waiting(exchange) => exchange.step(leg),
                    // The client wants to authenticate anew.
                    Stage::Anew => accept(&*self.named(call.credential, own)?, leg),
                };
                step.and_then(room)
            },
        )?;
        Ok(told(Side::Server, handle, outcome, requests))
    }

    /// Ends a context whose token could not be handed to the caller, after all. After its `first` leg there is no context then; after a later one it
    /// stays to be deleted.
    pub fn abandon_security_context(&self, context: SecHandle, first: bool) {
        if first {
            drop(self.contexts.remove(context));
        } else {
            drop(self.contexts.with_mut(context, Context::fail));
        }
    }

    /// DeleteSecurityContext. A handle that was deleted before is no error.
    ///
    /// # Errors
    ///
    /// SEC_E_INVALID_HANDLE for what was never a context.
    pub fn delete_security_context(&self, context: SecHandle) -> Result<()> {
        if context == SecHandle::DELETED {
            return Ok(());
        }
        match self.contexts.remove(context) {
            Lookup::Found(_) | Lookup::Deleted => Ok(()),
            Lookup::Unknown => Err(SecurityStatus::SEC_E_INVALID_HANDLE),
        }
    }

    /// QueryContextAttributes.
    ///
    /// # Errors
    ///
    /// SEC_E_INVALID_HANDLE, also for an attribute that needs an established context and has none; SEC_E_UNSUPPORTED_FUNCTION for attributes
    /// that NTLM does not have.
    pub fn query_context_attributes(&self, context: SecHandle, attribute: AttributeId) -> Result<AttributeValue> {
        let context = self.sight(context)?;
        let established = context.established.ok_or(SecurityStatus::SEC_E_INVALID_HANDLE);
        match attribute.needs().ok_or(SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION)? {
            Needs::AnyContext => {}
            Needs::Client if context.side == Side::Client => {}
            Needs::Client => return Err(SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION),
            Needs::Established => drop(established.clone()?),
        }
        // What Negotiate came down to is told as soon as it is settled.
        let package = *established.as_ref().map_or(context.asked, |established| established.package());
        Ok(match attribute {
            AttributeId::SIZES => AttributeValue::Sizes {
                max_token: package.max_token,
                max_signature: SIGNATURE_LENGTH,
                block_size: 0,
                security_trailer: SIGNATURE_LENGTH,
            },
            AttributeId::PACKAGE_INFO => AttributeValue::PackageInfo(package),
            AttributeId::NEGOTIATION_INFO => AttributeValue::NegotiationInfo { package, state: 0 },
            AttributeId::LAST_CLIENT_TOKEN_STATUS => {
                AttributeValue::LastClientTokenStatus(match context.is_under_way {
                    true => LastClientTokenStatus::No,
                    false => LastClientTokenStatus::Yes,
                })
            }
            other => established?.attribute(other)?,
        })
    }

    /// A function that NTLM does not support on contexts: CompleteAuthToken, ApplyControlToken, SetContextAttributes.
    ///
    /// # Errors
    ///
    /// SEC_E_UNSUPPORTED_FUNCTION, or SEC_E_INVALID_HANDLE.
    pub fn unsupported_on_context(&self, context: SecHandle) -> Result<()> {
        self.sight(context)?;
        Err(SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION)
    }

    /// ImpersonateSecurityContext, RevertSecurityContext: threads have no tokens here, and a function that says OK without impersonating has its caller act
    /// as itself. [`Configuration::dangerous_impersonation_without_effect`] wants it so, for a server's context of an authenticated user.
    ///
    /// # Errors
    ///
    /// SEC_E_NO_IMPERSONATION, or SEC_E_INVALID_HANDLE.
    pub fn impersonate(&self, context: SecHandle) -> Result<()> {
        let established = self.sight(context)?.established;
        let pretends = self.impersonation_without_effect
            && established.is_some_and(|context| context.is_server() && context.is_authenticated());
        if pretends { Ok(()) } else { Err(SecurityStatus::SEC_E_NO_IMPERSONATION) }
    }

    /// QuerySecurityContextToken: there is none, whatever the configuration says.
    ///
    /// # Errors
    ///
    /// SEC_E_NO_IMPERSONATION, or SEC_E_INVALID_HANDLE.
    pub fn query_security_context_token(&self, context: SecHandle) -> Result<()> {
        self.sight(context)?;
        Err(SecurityStatus::SEC_E_NO_IMPERSONATION)
    }

    /// MakeSignature.
    ///
    /// # Errors
    ///
    /// SEC_E_INVALID_HANDLE; SEC_E_INVALID_TOKEN without a TOKEN and a DATA buffer; SEC_E_BUFFER_TOO_SMALL for a TOKEN below 16 bytes;
    /// SEC_E_OUT_OF_SEQUENCE when the sequence numbers are used up.
    pub fn make_signature(&self, context: SecHandle, buffers: &mut [Buffer<'_>], sequence_number: u32) -> Result<()> {
        self.standing(context)?.make_signature(buffers, sequence_number)
    }

    /// VerifySignature: the quality of protection, 0.
    ///
    /// # Errors
    ///
    /// SEC_E_MESSAGE_ALTERED, SEC_E_OUT_OF_SEQUENCE; SEC_E_INVALID_HANDLE; SEC_E_INVALID_TOKEN without a TOKEN of 16 bytes and a DATA buffer.
    pub fn verify_signature(
        &self,
        context: SecHandle,
        buffers: &mut [Buffer<'_>],
        sequence_number: u32,
    ) -> Result<u32> {
        self.standing(context)?.verify_signature(buffers, sequence_number)?;
        Ok(0)
    }

    /// EncryptMessage. `quality_of_protection` may be [`SECQOP_WRAP_NO_ENCRYPT`].
    ///
    /// # Errors
    ///
    /// As for [`make_signature`](Self::make_signature); SEC_E_UNSUPPORTED_FUNCTION when sealing was not negotiated.
    pub fn encrypt_message(
        &self,
        context: SecHandle,
        quality_of_protection: u32,
        buffers: &mut [Buffer<'_>],
        sequence_number: u32,
    ) -> Result<()> {
        let encrypt = quality_of_protection & !SECQOP_WRAP_OOB_DATA != SECQOP_WRAP_NO_ENCRYPT;
        self.standing(context)?.encrypt_message(buffers, sequence_number, encrypt)
    }

    /// DecryptMessage: the quality of protection, 0.
    ///
    /// # Errors
    ///
    /// As for [`verify_signature`](Self::verify_signature); SEC_E_INCOMPLETE_MESSAGE for a STREAM below 16 bytes; SEC_E_UNSUPPORTED_FUNCTION
    /// when sealing was not negotiated.
    pub fn decrypt_message(&self, context: SecHandle, buffers: &mut [Buffer<'_>], sequence_number: u32) -> Result<u32> {
        self.standing(context)?.decrypt_message(buffers, sequence_number)?;
        Ok(0)
    }

    /// ExportSecurityContext: moves the session out. The bytes hold its keys. The handle is deleted.
    ///
    /// # Errors
    ///
    /// SEC_E_UNSUPPORTED_FUNCTION without [`SECPKG_CONTEXT_EXPORT_DELETE_OLD`], because two copies would use one key stream twice; with
    /// [`SECPKG_CONTEXT_EXPORT_RESET_NEW`], because a copy that begins anew would do so too; and for [`SECPKG_CONTEXT_EXPORT_TO_KERNEL`].
    /// SEC_E_INVALID_HANDLE; SEC_E_OUT_OF_SEQUENCE while another thread plays a leg.
    pub fn export_security_context(&self, context: SecHandle, flags: u32) -> Result<Zeroizing<Vec<u8>>> {
        self.sight(context)?.established.ok_or(SecurityStatus::SEC_E_INVALID_HANDLE)?;
        let known =
            SECPKG_CONTEXT_EXPORT_RESET_NEW | SECPKG_CONTEXT_EXPORT_DELETE_OLD | SECPKG_CONTEXT_EXPORT_TO_KERNEL;
        if flags & known != SECPKG_CONTEXT_EXPORT_DELETE_OLD {
            return Err(SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION);
        }
        let taken = self.contexts.with_mut(context, Context::take);
        let packed = taken.ok_or(SecurityStatus::SEC_E_INVALID_HANDLE)??.export()?;
        self.contexts.remove(context);
        Ok(packed)
    }

    /// ImportSecurityContext. Import `packed` once, then drop it: two contexts of the same bytes would encrypt two messages with one key stream, and nobody would
    /// notice.
    ///
    /// # Errors
    ///
    /// SEC_E_SECPKG_NOT_FOUND; SEC_E_INVALID_TOKEN for bytes that are no exported context.
    pub fn import_security_context(&self, package: &str, packed: &[u8]) -> Result<SecHandle> {
        let package = self.packages.find(package)?;
        let context = package.import(packed)?;
        let credential = Credential {
            package: Arc::clone(package),
            usage: CredentialUse(0),
            outbound: Err(SecurityStatus::SEC_E_NO_CREDENTIALS),
            freed: AtomicBool::new(false),
        };
        Ok(self.contexts.insert(Context::imported(Arc::new(credential), context)))
    }

    /// How many credentials and contexts are live: for tests that look for leaks.
    #[must_use]
    pub fn live(&self) -> (usize, usize) {
        (self.credentials.len(), self.contexts.len())
    }

    fn credential(&self, handle: SecHandle) -> Result<Arc<Credential>> {
        self.credentials.with(handle, Arc::clone).ok_or(SecurityStatus::SEC_E_INVALID_HANDLE)
    }

    fn is_credential(&self, handle: SecHandle) -> bool {
        self.credentials.with(handle, |_| ()).is_some()
    }

    /// The credential that a call on a context names; without one, the context's `own`.
    fn named(&self, handle: Option<SecHandle>, own: Option<Arc<Credential>>) -> Result<Arc<Credential>> {
        match handle {
            Some(handle) => self.credential(handle),
            None => own.ok_or(SecurityStatus::SEC_E_INVALID_HANDLE),
        }
    }

    /// What stands behind the handle of a context.
    fn standing(&self, handle: SecHandle) -> Result<Arc<dyn EstablishedContext>> {
        self.contexts.with(handle, Context::established).ok_or(SecurityStatus::SEC_E_INVALID_HANDLE)?
    }

    /// What can be seen of a context that has not failed.
    fn sight(&self, handle: SecHandle) -> Result<Sight> {
        self.contexts.with(handle, Context::sight).ok_or(SecurityStatus::SEC_E_INVALID_HANDLE)?
    }

    /// The first leg went well: gives it a handle.
    fn begin(
        &self,
        side: Side,
        credential: Arc<Credential>,
        credential_handle: Option<SecHandle>,
        step: Step,
        requests: Meanings,
    ) -> ContextOutcome {
        let (context, outcome) = Context::begin(side, credential, credential_handle, step);
        let handle = self.contexts.insert(context);
        told(side, handle, outcome, requests)
    }
}

/// What the caller is told of a leg that went well.
fn told(side: Side, handle: SecHandle, outcome: Outcome, requests: Meanings) -> ContextOutcome {
    let Outcome { status, token, meanings } = outcome;
    let meanings = meanings | requests & Meanings::ALLOCATE_MEMORY;
    let context_attr = match side {
        Side::Client => meanings.to_isc_ret(),
        Side::Server => meanings.to_asc_ret(),
    };
    ContextOutcome { status, context: handle, token, context_attr, expiry: NEVER }
}
