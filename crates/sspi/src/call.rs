//! The parameters of InitializeSecurityContext and AcceptSecurityContext as values, and every rule about them, checked once and before
//! any protocol.

use ntlm::{ChannelBindings, UnicodeString};

use crate::credentials::AuthIdentity;
use crate::handle::SecHandle;
use crate::status::SecurityStatus;
use crate::tables::flags::Meanings;

/// Where the token for the peer goes: what the caller's pOutput looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Output {
    /// No descriptor, or none of its buffers is a TOKEN.
    #[default]
    Missing,
    /// A TOKEN buffer whose pvBuffer is NULL and whose cbBuffer is this.
    Null(usize),
    /// A TOKEN buffer of this many bytes.
    Buffer(usize),
}

/// The parameters of InitializeSecurityContext.
#[derive(Debug, Default)]
pub struct InitializeCall<'a> {
    /// phCredential.
    pub credential: Option<SecHandle>,
    /// phContext.
    pub context: Option<SecHandle>,
    /// pszTargetName.
    pub target_name: Option<UnicodeString>,
    /// fContextReq, ISC_REQ_*.
    pub context_req: u32,
    /// The TOKEN buffer of pInput; `None` when there is none.
    pub input_token: Option<&'a [u8]>,
    /// The CHANNEL_BINDINGS buffer of pInput.
    pub channel_bindings: Option<ChannelBindings>,
    /// The identity in the PKG_PARAMS buffer of pInput; counts with ISC_REQ_USE_SUPPLIED_CREDS alone.
    pub supplied_identity: Option<AuthIdentity>,
    /// pOutput.
    pub output: Output,
}

/// The parameters of AcceptSecurityContext.
#[derive(Debug, Default)]
pub struct AcceptCall<'a> {
    /// phCredential.
    pub credential: Option<SecHandle>,
    /// phContext.
    pub context: Option<SecHandle>,
    /// fContextReq, ASC_REQ_*.
    pub context_req: u32,
    /// The TOKEN buffer of pInput; `None` when there is none.
    pub input_token: Option<&'a [u8]>,
    /// The CHANNEL_BINDINGS buffer of pInput.
    pub channel_bindings: Option<ChannelBindings>,
    /// pOutput.
    pub output: Output,
}

/// The longest target name, in bytes of UTF-16.
const LONGEST_TARGET_NAME: usize = 65_535;

impl InitializeCall<'_> {
    /// Checks what can be checked before any protocol, and gives what is asked for. `lenient` takes DELEGATE and PROMPT_FOR_CREDS and does
    /// nothing about them, for programs that set them out of habit.
    pub(crate) fn check(&self, lenient: bool) -> Result<Meanings, SecurityStatus> {
        let requests = Meanings::from_isc_req(self.context_req);
        if self.credential.is_none() && self.context.is_none() {
            return Err(SecurityStatus::SEC_E_INVALID_HANDLE);
        }
        if !lenient && requests.intersects(Meanings::DELEGATE | Meanings::PROMPT_FOR_CREDS) {
            return Err(SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION);
        }
        let unknown = |name: &UnicodeString| name.len() * 2 > LONGEST_TARGET_NAME || !is_text(name);
        if self.target_name.as_ref().is_some_and(unknown) {
            return Err(SecurityStatus::SEC_E_TARGET_UNKNOWN);
        }
        check_output(self.output, requests)?;
        Ok(requests)
    }
}

impl AcceptCall<'_> {
    /// Checks what can be checked before any protocol, and gives what is asked for.
    pub(crate) fn check(&self) -> Result<Meanings, SecurityStatus> {
        let requests = Meanings::from_asc_req(self.context_req);
        if self.credential.is_none() && self.context.is_none() {
            return Err(SecurityStatus::SEC_E_INVALID_HANDLE);
        }
        // The last leg has no token to give, and may come without a buffer for it; whether a later leg is the last or begins anew, the context knows.
        if self.context.is_none() {
            check_output(self.output, requests)?;
        }
        Ok(requests)
    }
}

fn is_text(name: &UnicodeString) -> bool {
    // Without a way out of the loop, many units at a time.
    let surrogates = name.units().iter().fold(false, |found, unit| found | (0xd800..=0xdfff).contains(unit));
    !surrogates || char::decode_utf16(name.units().iter().copied()).all(|unit| unit.is_ok())
}

/// A place for the token, or the wish that one be allocated.
pub(crate) fn check_output(output: Output, requests: Meanings) -> Result<(), SecurityStatus> {
    let allocate = requests.contains(Meanings::ALLOCATE_MEMORY);
    match output {
        Output::Missing | Output::Buffer(0) | Output::Null(0) if !allocate => {
            Err(SecurityStatus::SEC_E_BUFFER_TOO_SMALL)
        }
        Output::Missing => Err(SecurityStatus::SEC_E_BUFFER_TOO_SMALL),
        Output::Null(_) if !allocate => Err(SecurityStatus::SEC_E_INTERNAL_ERROR),
        Output::Null(_) | Output::Buffer(_) => Ok(()),
    }
}

/// Whether a token fits where it is to go.
pub(crate) fn check_room(output: Output, requests: Meanings, token: &[u8]) -> Result<(), SecurityStatus> {
    let room = match output {
        _ if token.is_empty() => return Ok(()),
        Output::Missing => 0,
        _ if requests.contains(Meanings::ALLOCATE_MEMORY) => return Ok(()),
        Output::Buffer(length) => length,
        Output::Null(_) => 0,
    };
    if token.len() > room { Err(SecurityStatus::SEC_E_BUFFER_TOO_SMALL) } else { Ok(()) }
}
