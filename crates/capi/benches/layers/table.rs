//! The function table that InitSecurityInterfaceW returns, called as a C program calls it.

use std::cell::RefCell;
use std::ffi::c_void;
use std::fs::OpenOptions;
use std::hint::black_box;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::ptr::{from_mut, from_ref, null, null_mut};

use ntlm::session::Signature;
use ntlm::{NtHash, Password};
use ntlmsspi::authority::{Logon, Verdict};
use ntlmsspi::extension::ntlm_sspi_set_authority;
use ntlmsspi::table::{InitSecurityInterfaceW, SecurityFunctionTable};
use ntlmsspi::types::{SEC_WCHAR, SEC_WINNT_AUTH_IDENTITY, SECURITY_STATUS, SecBuffer, SecBufferDesc, SecHandle};

use crate::layer::{ASC_REQ, Agreed, DOMAIN, ISC_REQ, LONGEST_TOKEN, Layer, PASSWORD, TARGET, USER};

const SEC_E_OK: SECURITY_STATUS = 0;
const SEC_I_CONTINUE_NEEDED: SECURITY_STATUS = 0x0009_0312;
const SECBUFFER_DATA: u32 = 1;
const SECBUFFER_TOKEN: u32 = 2;
const NTLM_SSPI_VERDICT_NT_HASH: u32 = 1;
const NO_HANDLE: SecHandle = SecHandle { dwLower: 0, dwUpper: 0 };

/// The configuration of the other layers. The process is both sides at once.
const CONFIG: &str = "policy = 'strict'
dangerous_answer_own_challenges = true
[server]
netbios_name = 'SERVER1'
netbios_domain = 'EXAMPLE'
dns_name = 'server1'
";

/// The table, and the credentials of both sides.
pub(crate) struct Table {
    functions: &'static SecurityFunctionTable<SEC_WCHAR>,
    client: SecHandle,
    server: SecHandle,
    target: Vec<SEC_WCHAR>,
    /// Of the exchange that runs: C programs reuse their memory, too, or have it on the stack as it is.
    tokens: RefCell<[Token; 3]>,
}

/// The one account there is: `context` is its hash.
unsafe extern "C" fn account(context: *mut c_void, _: *const Logon, verdict: *mut Verdict) -> u32 {
    // SAFETY: `Table::new` gave the hash, and the library a verdict.
    unsafe {
        (*verdict).Kind = NTLM_SSPI_VERDICT_NT_HASH;
        (*verdict).Key = *context.cast();
    }
    0
}

fn configure() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("layers.toml");
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
    file.and_then(|mut file| file.write_all(CONFIG.as_bytes())).expect("a configuration");
    // SAFETY: there is no other thread yet.
    unsafe { std::env::set_var("NTLM_CONFIG", path) };
    let hash: &NtHash = Box::leak(Box::new(Password::new(PASSWORD).nt_hash()));
    // SAFETY: the hash lives as long as the process, and the callback only reads it.
    let status = unsafe { ntlm_sspi_set_authority(Some(account), from_ref(hash.expose()).cast_mut().cast()) };
    assert_eq!(status, SEC_E_OK);
}

/// UTF-16 with its NUL.
fn wide(text: &str) -> Vec<SEC_WCHAR> {
    text.encode_utf16().chain([0]).collect()
}

fn length(length: usize) -> u32 {
    u32::try_from(length).expect("a short one")
}

fn buffer(kind: u32, bytes: &mut [u8]) -> SecBuffer {
    SecBuffer { cbBuffer: length(bytes.len()), BufferType: kind, pvBuffer: bytes.as_mut_ptr().cast() }
}

fn descriptor(buffers: &mut [SecBuffer]) -> SecBufferDesc {
    SecBufferDesc { ulVersion: 0, cBuffers: length(buffers.len()), pBuffers: buffers.as_mut_ptr().cast() }
}

/// A token and the memory it is in.
struct Token {
    memory: [u8; LONGEST_TOKEN],
    length: usize,
}

impl Token {
    const EMPTY: Self = Self { memory: [0; LONGEST_TOKEN], length: 0 };

    fn bytes(&mut self) -> &mut [u8] {
        &mut self.memory[..self.length]
    }
}

impl Table {
    pub(crate) fn new() -> Self {
        configure();
        // Through an address that the compiler does not know: these are calls through pointers for C, too.
        // SAFETY: the table is there as long as the process.
        let functions = unsafe { &*black_box(InitSecurityInterfaceW()) };
        let mut table = Self {
            functions,
            client: NO_HANDLE,
            server: NO_HANDLE,
            target: wide(TARGET),
            tokens: RefCell::new([Token::EMPTY; 3]),
        };
        let [mut user, mut domain, mut password] = [USER, DOMAIN, PASSWORD].map(wide);
        let mut identity = SEC_WINNT_AUTH_IDENTITY {
            User: user.as_mut_ptr().cast(),
            UserLength: length(user.len() - 1),
            Domain: domain.as_mut_ptr().cast(),
            DomainLength: length(domain.len() - 1),
            Password: password.as_mut_ptr().cast(),
            PasswordLength: length(password.len() - 1),
            // SEC_WINNT_AUTH_IDENTITY_UNICODE.
            Flags: 2,
        };
        table.client = table.acquire(2, from_mut(&mut identity).cast());
        table.server = table.acquire(1, null_mut());
        table
    }

    fn acquire(&self, usage: u32, identity: *mut c_void) -> SecHandle {
        let acquire = self.functions.AcquireCredentialsHandle.expect("a member");
        let (package, none, mut credential) = (wide("NTLM"), null_mut(), NO_HANDLE);
        // SAFETY: every pointer is NULL or to something that outlives the call.
        let status = unsafe {
            acquire(none, package.as_ptr(), usage, none, identity, none, none, &raw mut credential, null_mut())
        };
        assert_eq!(status, SEC_E_OK);
        credential
    }

    /// A leg of the client; the first one without `old` and `input`.
    fn initialize(
        &self,
        old: *const SecHandle,
        context: *mut SecHandle,
        input: Option<&mut Token>,
        output: &mut Token,
    ) -> SECURITY_STATUS {
        let initialize = self.functions.InitializeSecurityContext.expect("a member");
        let mut from = input.map(|token| [buffer(SECBUFFER_TOKEN, token.bytes())]);
        let mut from = from.as_mut().map(|buffers| descriptor(buffers));
        let mut to = [buffer(SECBUFFER_TOKEN, &mut output.memory)];
        let (mut outputs, mut attributes, mut expiry) = (descriptor(&mut to), 0, 0);
        // SAFETY: every pointer is NULL or to something that outlives the call.
        let status = unsafe {
            initialize(
                &raw const self.client,
                old,
                self.target.as_ptr(),
                ISC_REQ,
                0,
                0,
                from.as_mut().map_or(null_mut(), from_mut),
                0,
                context,
                &raw mut outputs,
                &raw mut attributes,
                &raw mut expiry,
            )
        };
        output.length = to[0].cbBuffer as usize;
        status
    }

    /// A leg of the server; `old` is NULL at the first one.
    fn accept(
        &self,
        old: *const SecHandle,
        context: *mut SecHandle,
        input: &mut Token,
        output: &mut Token,
    ) -> SECURITY_STATUS {
        let accept = self.functions.AcceptSecurityContext.expect("a member");
        let mut from = [buffer(SECBUFFER_TOKEN, input.bytes())];
        let mut to = [buffer(SECBUFFER_TOKEN, &mut output.memory)];
        let (mut inputs, mut outputs) = (descriptor(&mut from), descriptor(&mut to));
        let (mut attributes, mut expiry) = (0, 0);
        // SAFETY: every pointer is NULL or to something that outlives the call.
        let status = unsafe {
            accept(
                &raw const self.server,
                old,
                &raw mut inputs,
                ASC_REQ,
                0,
                context,
                &raw mut outputs,
                &raw mut attributes,
                &raw mut expiry,
            )
        };
        output.length = to[0].cbBuffer as usize;
        status
    }

    /// Runs `call` over the buffers of a message.
    fn message(token: &mut Signature, data: &mut [u8], call: impl FnOnce(*mut SecBufferDesc) -> SECURITY_STATUS) {
        let mut buffers = [buffer(SECBUFFER_TOKEN, token), buffer(SECBUFFER_DATA, data)];
        let mut message = descriptor(&mut buffers);
        assert_eq!(call(&raw mut message), SEC_E_OK);
    }
}

impl Layer for Table {
    type Context = SecHandle;

    fn agreed(&self) -> Agreed {
        let (client, server) = self.handshake();
        self.delete(client);
        self.delete(server);
        let [_, challenge, authenticate] = &mut *self.tokens.borrow_mut();
        Agreed::of_messages(challenge.bytes(), authenticate.bytes())
    }

    fn handshake(&self) -> (SecHandle, SecHandle) {
        let (mut client, mut server) = (NO_HANDLE, NO_HANDLE);
        let (c, s) = (&raw mut client, &raw mut server);
        let [negotiate, challenge, authenticate] = &mut *self.tokens.borrow_mut();
        assert_eq!(self.initialize(null(), c, None, negotiate), SEC_I_CONTINUE_NEEDED);
        assert_eq!(self.accept(null(), s, negotiate, challenge), SEC_I_CONTINUE_NEEDED);
        assert_eq!(self.initialize(c, c, Some(challenge), authenticate), SEC_E_OK);
        assert_eq!(self.accept(s, s, authenticate, negotiate), SEC_E_OK);
        (client, server)
    }

    fn delete(&self, context: SecHandle) {
        let delete = self.functions.DeleteSecurityContext.expect("a member");
        // SAFETY: the handle outlives the call.
        assert_eq!(unsafe { delete(&raw const context) }, SEC_E_OK);
    }

    fn seal(&self, context: &mut SecHandle, token: &mut Signature, data: &mut [u8]) {
        let encrypt = self.functions.EncryptMessage.expect("a member");
        // SAFETY: the handle, the descriptor, its buffers and their memory outlive the call.
        Self::message(token, data, |message| unsafe { encrypt(context, 0, message, 0) });
    }

    fn unseal(&self, context: &mut SecHandle, token: &mut Signature, data: &mut [u8]) {
        let decrypt = self.functions.DecryptMessage.expect("a member");
        // SAFETY: as above.
        Self::message(token, data, |message| unsafe { decrypt(context, message, 0, null_mut()) });
    }

    fn sign(&self, context: &mut SecHandle, token: &mut Signature, data: &mut [u8]) {
        let sign = self.functions.MakeSignature.expect("a member");
        // SAFETY: as above.
        Self::message(token, data, |message| unsafe { sign(context, 0, message, 0) });
    }

    fn verify(&self, context: &mut SecHandle, token: &mut Signature, data: &mut [u8]) {
        let verify = self.functions.VerifySignature.expect("a member");
        // SAFETY: as above.
        Self::message(token, data, |message| unsafe { verify(context, message, 0, null_mut()) });
    }
}
