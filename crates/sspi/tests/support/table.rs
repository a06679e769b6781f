//! The table of cases as typed values: what `tests/cases/README.md` describes. Whoever runs the cases, or makes C of them, matches on these.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What a library is configured with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct World {
    pub(crate) about: String,
    #[serde(default)]
    pub(crate) accounts: Accounts,
    /// The name of an identity, or `unreadable`.
    pub(crate) default_identity: Option<String>,
    #[serde(default)]
    pub(crate) client: ClientSettings,
    #[serde(default)]
    pub(crate) server: ServerSettings,
    #[serde(default)]
    pub(crate) lenient_requests: bool,
    #[serde(default)]
    pub(crate) dangerous_impersonation_without_effect: bool,
    #[serde(default)]
    pub(crate) refuses_own_challenges: bool,
    #[serde(default)]
    pub(crate) without_randomness: bool,
}

/// Whom a server can ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Accounts {
    /// An authority that knows every identity of `common.json` that has `account` set.
    #[default]
    Known,
    /// Nobody.
    None,
    /// An authority that cannot be reached.
    Unreachable,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClientSettings {
    #[default]
    Windows,
    Strict,
    Blocked,
    AnswersUnasked,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ServerSettings {
    #[default]
    Windows,
    Strict,
    Blocked,
    Datagram,
    VerifiesTarget,
    RequiresTarget,
    RequiresBindings,
}

/// An identity; parts that are absent are NULL.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    pub(crate) user: Option<Repeated>,
    pub(crate) domain: Option<String>,
    pub(crate) password: Option<Repeated>,
    #[serde(default)]
    pub(crate) packages: Vec<String>,
    /// Whether servers know it as an account.
    #[serde(default)]
    pub(crate) account: bool,
}

/// A text, or one that is too long to be written out.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Repeated {
    Text(String),
    Times { repeat: String, times: usize },
}

impl Repeated {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Times { repeat, times } => repeat.repeat(*times),
        }
    }
}

/// A case, its sequences played out.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) world: String,
    pub(crate) calls: Vec<Call>,
}

/// A call with its parameters and what is expected of it.
#[derive(Debug, Deserialize)]
#[serde(tag = "call")]
pub(crate) enum Call {
    EnumerateSecurityPackages(Packages),
    QuerySecurityPackageInfo(PackageQuery),
    AcquireCredentialsHandle(Acquire),
    FreeCredentialsHandle(OnCredential),
    QueryCredentialsAttributes(CredentialQuery),
    SetCredentialsAttributes(OnCredential),
    AddCredentials(OnCredential),
    InitializeSecurityContext(Leg),
    AcceptSecurityContext(Leg),
    CompleteAuthToken(OnContext),
    ApplyControlToken(OnContext),
    DeleteSecurityContext(OnContext),
    QueryContextAttributes(ContextQuery),
    SetContextAttributes(OnContext),
    ImpersonateSecurityContext(OnContext),
    RevertSecurityContext(OnContext),
    QuerySecurityContextToken(OnContext),
    MakeSignature(Message),
    VerifySignature(Message),
    EncryptMessage(Message),
    DecryptMessage(Message),
    ExportSecurityContext(Export),
    ImportSecurityContext(Import),
}

impl Call {
    /// The name of the function.
    pub(crate) fn function(&self) -> &'static str {
        match self {
            Self::EnumerateSecurityPackages(_) => "EnumerateSecurityPackages",
            Self::QuerySecurityPackageInfo(_) => "QuerySecurityPackageInfo",
            Self::AcquireCredentialsHandle(_) => "AcquireCredentialsHandle",
            Self::FreeCredentialsHandle(_) => "FreeCredentialsHandle",
            Self::QueryCredentialsAttributes(_) => "QueryCredentialsAttributes",
            Self::SetCredentialsAttributes(_) => "SetCredentialsAttributes",
            Self::AddCredentials(_) => "AddCredentials",
            Self::InitializeSecurityContext(_) => "InitializeSecurityContext",
            Self::AcceptSecurityContext(_) => "AcceptSecurityContext",
            Self::CompleteAuthToken(_) => "CompleteAuthToken",
            Self::ApplyControlToken(_) => "ApplyControlToken",
            Self::DeleteSecurityContext(_) => "DeleteSecurityContext",
            Self::QueryContextAttributes(_) => "QueryContextAttributes",
            Self::SetContextAttributes(_) => "SetContextAttributes",
            Self::ImpersonateSecurityContext(_) => "ImpersonateSecurityContext",
            Self::RevertSecurityContext(_) => "RevertSecurityContext",
            Self::QuerySecurityContextToken(_) => "QuerySecurityContextToken",
            Self::MakeSignature(_) => "MakeSignature",
            Self::VerifySignature(_) => "VerifySignature",
            Self::EncryptMessage(_) => "EncryptMessage",
            Self::DecryptMessage(_) => "DecryptMessage",
            Self::ExportSecurityContext(_) => "ExportSecurityContext",
            Self::ImportSecurityContext(_) => "ImportSecurityContext",
        }
    }
}

/// The status that most calls are expected to give.
fn ok() -> String {
    "SEC_E_OK".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Packages {
    pub(crate) expect: BTreeMap<String, BTreeMap<String, Field>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PackageQuery {
    pub(crate) package: Option<String>,
    #[serde(default)]
    pub(crate) expect: ValueExpected,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acquire {
    pub(crate) package: Option<String>,
    /// Names of SECPKG_CRED_ bits.
    #[serde(rename = "use")]
    pub(crate) usage: Vec<String>,
    pub(crate) identity: Option<NamedIdentity>,
    /// The name that the handle gets.
    pub(crate) credential: String,
    pub(crate) principal: Option<String>,
    /// pvLogonID, pGetKeyFn and pvGetKeyArgument are not NULL; C alone has them.
    #[serde(default)]
    pub(crate) ignored_parameters: bool,
    /// ptsExpiry is NULL; C alone can say so.
    #[serde(default)]
    pub(crate) without_expiry: bool,
    #[serde(default)]
    pub(crate) expect: HandleExpected,
}

/// An identity of `common.json` by its name, or one for this call alone.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum NamedIdentity {
    Name(String),
    Inline(Box<Identity>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HandleExpected {
    #[serde(default = "ok")]
    pub(crate) status: String,
    /// `never`.
    pub(crate) expiry: Option<String>,
}

impl Default for HandleExpected {
    fn default() -> Self {
        Self { status: ok(), expiry: None }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusExpected {
    #[serde(default = "ok")]
    pub(crate) status: String,
}

impl Default for StatusExpected {
    fn default() -> Self {
        Self { status: ok() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValueExpected {
    #[serde(default = "ok")]
    pub(crate) status: String,
    /// Members of the structure that is filled; those that are not named are not looked at.
    #[serde(default)]
    pub(crate) value: BTreeMap<String, Field>,
}

impl Default for ValueExpected {
    fn default() -> Self {
        Self { status: ok(), value: BTreeMap::new() }
    }
}

/// A member of a structure.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Field {
    Number(u64),
    /// A text; `0x...` for a number; for a time stamp `never` or `now`.
    Text(String),
    /// Names of all ISC_RET_ flags that are there.
    Client {
        isc_ret: Vec<String>,
    },
    /// Names of all ASC_RET_ flags that are there.
    Server {
        asc_ret: Vec<String>,
    },
    /// A block of bytes.
    Bytes(Box<After>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OnCredential {
    pub(crate) credential: Option<String>,
    #[serde(default)]
    pub(crate) expect: StatusExpected,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OnContext {
    pub(crate) context: Option<String>,
    #[serde(default)]
    pub(crate) expect: StatusExpected,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialQuery {
    pub(crate) credential: Option<String>,
    pub(crate) attribute: String,
    #[serde(default)]
    pub(crate) expect: ValueExpected,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContextQuery {
    pub(crate) context: Option<String>,
    pub(crate) attribute: String,
    #[serde(default)]
    pub(crate) expect: ValueExpected,
}

/// InitializeSecurityContext or AcceptSecurityContext.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Leg {
    pub(crate) credential: Option<String>,
    pub(crate) context: Option<String>,
    /// InitializeSecurityContext alone.
    pub(crate) target: Option<Repeated>,
    /// UTF-16 units of a target that is no text, instead of `target`.
    pub(crate) target_units: Option<Vec<u16>>,
    /// Names of ISC_REQ_ or ASC_REQ_ flags, or `0x...`.
    #[serde(default)]
    pub(crate) request: Vec<String>,
    /// `NATIVE`, `NETWORK` or a number; C alone has it. NATIVE when absent.
    pub(crate) data_representation: Option<String>,
    /// Reserved1 and Reserved2; C alone has them. Zeros when absent.
    pub(crate) reserved: Option<[u32; 2]>,
    /// pInput; NULL when absent.
    pub(crate) input: Option<Vec<Buffer>>,
    /// pOutput; NULL when absent.
    pub(crate) output: Option<Vec<Buffer>>,
    /// The name of the variable for phNewContext; NULL when absent. The same name as `context` is the same variable.
    pub(crate) new_context: Option<String>,
    /// pfContextAttr and ptsExpiry are NULL; C alone can say so.
    #[serde(default)]
    pub(crate) without_results: bool,
    #[serde(default)]
    pub(crate) expect: LegExpected,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LegExpected {
    #[serde(default = "ok")]
    pub(crate) status: String,
    /// Names of ISC_RET_ or ASC_RET_ flags, all that are there.
    pub(crate) attributes: Option<Vec<String>>,
    /// `never`.
    pub(crate) expiry: Option<String>,
}

impl Default for LegExpected {
    fn default() -> Self {
        Self { status: ok(), attributes: None, expiry: None }
    }
}

/// MakeSignature, VerifySignature, EncryptMessage or DecryptMessage.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    pub(crate) context: Option<String>,
    /// `WRAP_NO_ENCRYPT`, `WRAP_OOB_DATA` or `0x...`; of functions that take one.
    pub(crate) qop: Option<String>,
    #[serde(default)]
    pub(crate) sequence: u32,
    pub(crate) buffers: Vec<Buffer>,
    /// pfQOP is NULL; C alone can say so.
    #[serde(default)]
    pub(crate) without_qop: bool,
    #[serde(default)]
    pub(crate) expect: MessageExpected,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessageExpected {
    #[serde(default = "ok")]
    pub(crate) status: String,
    pub(crate) qop: Option<u32>,
}

impl Default for MessageExpected {
    fn default() -> Self {
        Self { status: ok(), qop: None }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Export {
    pub(crate) context: Option<String>,
    /// Names of SECPKG_CONTEXT_EXPORT_ flags.
    pub(crate) flags: Vec<String>,
    #[serde(default)]
    pub(crate) expect: ExportExpected,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportExpected {
    #[serde(default = "ok")]
    pub(crate) status: String,
    pub(crate) packed: Option<After>,
}

impl Default for ExportExpected {
    fn default() -> Self {
        Self { status: ok(), packed: None }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Import {
    pub(crate) package: Option<String>,
    pub(crate) packed: Value,
    /// The name that the handle gets.
    pub(crate) context: String,
    #[serde(default)]
    pub(crate) expect: StatusExpected,
}

/// A SecBuffer and what becomes of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Buffer {
    /// SECBUFFER_ name, with attribute bits behind `|`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// What is in it, which also says how long it is.
    pub(crate) bytes: Option<Value>,
    /// cbBuffer of memory whose content does not matter.
    pub(crate) size: Option<usize>,
    /// pvBuffer is NULL, and cbBuffer what `size` says.
    #[serde(default)]
    pub(crate) null: bool,
    /// A SEC_WINNT_AUTH_IDENTITY.
    pub(crate) identity: Option<NamedIdentity>,
    /// SEC_CHANNEL_BINDINGS with this application data and nothing else.
    pub(crate) bindings: Option<Value>,
    /// What it is after the call; unchanged when absent.
    pub(crate) after: Option<After>,
}

/// What is expected of bytes after a call.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct After {
    /// cbBuffer.
    pub(crate) size: Option<usize>,
    /// The bytes.
    pub(crate) bytes: Option<Value>,
    /// Bytes that they are not.
    pub(crate) not: Option<Value>,
    /// Bytes that are among them.
    pub(crate) contains: Vec<Value>,
    /// Bytes that are not among them.
    pub(crate) lacks: Vec<Value>,
    /// Which NTLM message it is: `NEGOTIATE`, `CHALLENGE`, `AUTHENTICATE`.
    pub(crate) message: Option<String>,
    /// Names of NegotiateFlags that the message has, without NTLMSSP_NEGOTIATE_.
    pub(crate) flags: Vec<String>,
    /// Names of NegotiateFlags that it has not.
    pub(crate) no_flags: Vec<String>,
    /// The name that the bytes are saved under.
    pub(crate) save: Option<String>,
    /// pvBuffer points into the memory of another buffer.
    pub(crate) into: Option<Into>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Into {
    pub(crate) buffer: usize,
    pub(crate) offset: usize,
}

/// Bytes.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Value {
    /// `$name` for saved bytes, `hex:...`, `text:...` for UTF-8, `utf16:...`, `zeros:N`.
    Text(String),
    /// One after the other.
    Join { join: Vec<Value> },
    /// The first of them.
    Keep { of: Box<Value>, keep: usize },
    /// With the lowest bit of one byte changed.
    Flip { of: Box<Value>, flip: usize },
}
