//! What a program holds, and the choice of its calls.

use std::ffi::c_void;

use ntlm_sspi::SecurityStatus;
use ntlmsspi::table::SecurityFunctionTable;
use ntlmsspi::types::SecHandle;

use crate::callbacks;
use crate::identity_helpers::Own;
use crate::input::{Character, Input};

const MOST_CALLS: usize = 64;
pub const MOST_KEPT: usize = 16;

/// No handle, and no one's.
pub const NOWHERE: SecHandle = SecHandle { dwLower: usize::MAX, dwUpper: usize::MAX };

/// What a program holds. Handles that were closed stay, to be used again.
pub struct Program<C: 'static> {
    pub table: &'static SecurityFunctionTable<C>,
    pub credentials: Vec<SecHandle>,
    pub contexts: Vec<SecHandle>,
    /// Blocks that the library has given, freed or not.
    pub blocks: Vec<*mut c_void>,
    pub tokens: Vec<Vec<u8>>,
    /// Identities that the library has made, all of them there.
    pub identities: Vec<Own>,
    /// SEC_CHANNEL_BINDINGS.
    pub bindings: Vec<u8>,
    /// Whether a server was told to let nobody in particular in.
    pub allows_anonymous: bool,
}

/// Calls a function of the table and checks that its status is one.
macro_rules! call {
    ($program:expr, $member:ident($($argument:expr),* $(,)?)) => {{
        let function = $program.table.$member.expect("a member of the table");
        // SAFETY: every pointer is NULL, or to memory of this program that is as long as is said and lives until the call is over.
        let status = ntlm_sspi::SecurityStatus(unsafe { function($($argument),*) });
        $crate::program::known(status, stringify!($member))
    }};
}

/// Calls an exported function and checks that its status is one.
macro_rules! export {
    ($function:path; $($argument:expr),* $(,)?) => {{
        // SAFETY: as in `call`.
        let status = ntlm_sspi::SecurityStatus(unsafe { $function($($argument),*) });
        $crate::program::known(status, stringify!($function))
    }};
}

pub(crate) use {call, export};

/// The status, which must be one of SSPI's.
pub fn known(status: SecurityStatus, function: &str) -> SecurityStatus {
    assert!(status.name().is_some(), "{function} answers {:#x}", status.0);
    status
}

impl<C: Character> Program<C> {
    pub fn new(table: &'static SecurityFunctionTable<C>) -> Self {
        let mut bindings: Vec<u8> = [0, 0, 0, 0, 0, 0, 20_u32, 32].into_iter().flat_map(u32::to_ne_bytes).collect();
        bindings.extend([7; 20]);
        Self {
            table,
            credentials: Vec::new(),
            contexts: Vec::new(),
            blocks: Vec::new(),
            tokens: Vec::new(),
            identities: Vec::new(),
            bindings,
            allows_anonymous: false,
        }
    }

    pub fn run(mut self, input: &mut Input<'_>) {
        for _ in 0..MOST_CALLS {
            if input.is_empty() {
                break;
            }
            self.call(input);
        }
        self.close();
    }

    /// Ends what lives. Each handle may be closed already.
    pub fn close(&mut self) {
        callbacks::reset();
        for context in std::mem::take(&mut self.contexts) {
            assert_eq!(call!(self, DeleteSecurityContext(&raw const context)), SecurityStatus::SEC_E_OK);
            assert_eq!(
                call!(self, ImpersonateSecurityContext(&raw const context)),
                SecurityStatus::SEC_E_INVALID_HANDLE
            );
        }
        for credential in std::mem::take(&mut self.credentials) {
            call!(self, FreeCredentialsHandle(&raw const credential));
        }
        while !self.identities.is_empty() {
            self.free_identity(0, 0);
        }
        for block in std::mem::take(&mut self.blocks) {
            call!(self, FreeContextBuffer(block.cast_const()));
        }
    }

    fn call(&mut self, input: &mut Input<'_>) {
        match input.byte() % 32 {
            0 | 1 => self.acquire(input),
            2..=4 => self.initialize(input),
            5..=7 => self.accept(input),
            8..=10 => {
                self.handshake(input);
            }
            11..=15 => self.message(input),
            16..=18 => self.attribute(input),
            19 => {
                if let Some(context) = self.context(input) {
                    call!(self, DeleteSecurityContext(&raw const context));
                }
            }
            20 => {
                let credential = self.credential(input);
                call!(self, FreeCredentialsHandle(crate::input::optional(&credential)));
            }
            21 => self.free(input),
            22 => self.export(input),
            23 => self.import(input),
            24 => self.packages(input),
            25 => self.credential_attribute(input),
            26 => self.unsupported(input),
            27..=29 => self.identity_helper(input),
            _ => self.extension(input),
        }
    }

    pub fn keep_token(&mut self, token: Vec<u8>) {
        if self.tokens.len() < MOST_KEPT {
            self.tokens.push(token);
        }
    }

    /// A handle of those that there are or were, or none that there ever was; `None` for NULL.
    fn handle(own: &[SecHandle], other: &[SecHandle], input: &mut Input<'_>) -> Option<SecHandle> {
        let choice = input.byte();
        let pick = |handles: &[SecHandle]| handles.get(usize::from(choice >> 4) % handles.len().max(1)).copied();
        match choice & 15 {
            0 => None,
            1 => Some(NOWHERE),
            2 => Some(SecHandle { dwLower: usize::MAX - 1, dwUpper: usize::MAX - 1 }),
            3 => Some(SecHandle { dwLower: input.word() as usize, dwUpper: input.word() as usize }),
            4 => pick(other),
            // Nearly a handle.
            5 => pick(own).map(|handle| SecHandle { dwUpper: handle.dwUpper ^ 1 << input.below(64), ..handle }),
            // The newest.
            6..=10 => own.last().copied(),
            _ => pick(own),
        }
    }

    pub fn credential(&self, input: &mut Input<'_>) -> Option<SecHandle> {
        Self::handle(&self.credentials, &self.contexts, input)
    }

    pub fn context(&self, input: &mut Input<'_>) -> Option<SecHandle> {
        Self::handle(&self.contexts, &self.credentials, input)
    }

    /// The name of a package, or none; empty for NULL.
    pub fn package(input: &mut Input<'_>) -> Box<[C]> {
        match input.byte() % 8 {
            0 => Box::default(),
            1 => C::text("Kerberos"),
            2 => C::text(&String::from_utf8_lossy(input.bytes(40))),
            3 | 4 => C::text("Negotiate"),
            5 => C::text("nTlM"),
            _ => C::text("NTLM"),
        }
    }

    pub fn token(&self, input: &mut Input<'_>) -> Vec<u8> {
        let choice = input.byte();
        let newest = || self.tokens.last().cloned().unwrap_or_default();
        let any = self.tokens.get(usize::from(choice >> 4) % self.tokens.len().max(1)).cloned().unwrap_or_default();
        match choice & 15 {
            0..=5 => newest(),
            6 | 7 => any,
            8..=10 => {
                let mut token = any;
                for _ in 0..=input.below(4) {
                    let (place, change) = (usize::from(input.byte()) | usize::from(input.byte()) << 8, input.byte());
                    let length = token.len().max(1);
                    if let Some(byte) = token.get_mut(place % length) {
                        *byte ^= change;
                    }
                }
                token
            }
            11 => {
                let mut token = newest();
                token.truncate(usize::from(input.byte()) | usize::from(input.byte() & 3) << 8);
                token
            }
            12 => [b"NTLMSSP\0".as_slice(), input.counted()].concat(),
            _ => input.counted().to_vec(),
        }
    }
}
