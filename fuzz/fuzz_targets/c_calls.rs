//! Random sequences of calls through the C tables, as a careless C program makes them: handles that are valid, stale, foreign or random, buffers of any type and
//! size, tokens that are true, changed, cut or made up, NULL everywhere. What the program vouches for stays true, as C has no way to check it: `cbBuffer` bytes
//! are there, texts have their NUL.
//!
//! No call crashes, each answers with a status of SSPI, no byte outside the caller's buffers changes, and when all handles are closed and all blocks freed
//! nothing of the library's is left.
//!
//! The first byte chooses the table; each call is a byte and what the call takes from the bytes behind it.
#![no_main]

use std::ffi::{CString, c_void};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use ntlm_sspi::SecurityStatus;
use ntlmsspi::extension::ntlm_sspi_live;
use ntlmsspi::table::{InitSecurityInterfaceA, InitSecurityInterfaceW, SecurityFunctionTable};
use ntlmsspi::types::{
    SEC_CHAR, SEC_WCHAR, SEC_WINNT_AUTH_IDENTITY, SEC_WINNT_AUTH_IDENTITY_EX, SecBuffer, SecBufferDesc, SecHandle,
};

const DATA: u32 = 1;
const TOKEN: u32 = 2;
const CHANNEL_BINDINGS: u32 = 14;
const ALLOCATE_MEMORY: u32 = 0x100;
const GUARD: u8 = 0xA5;
const DUMMY_SIGNATURE: [u8; 16] = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const MOST_CALLS: usize = 64;
const MOST_KEPT: usize = 16;

fuzz_target!(
    init: settings(),
    |data: &[u8]| {
        let mut input = Input(data);
        // SAFETY: the tables are never NULL and live as long as the process.
        let (wide, narrow) = unsafe { (&*InitSecurityInterfaceW(), &*InitSecurityInterfaceA()) };
        match input.byte() & 1 {
            0 => Program::new(wide).run(&mut input),
            _ => Program::new(narrow).run(&mut input),
        }
        for kind in 0..3 {
            assert_eq!(ntlm_sspi_live(kind), 0, "something of kind {kind} is left");
        }
    }
);

/// One account, and leave to be both sides in one process. The account file is looked at again with every logon, so the files stay.
fn settings() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    std::fs::create_dir_all(&directory).expect("a directory for the settings");
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        if std::fs::read_to_string(&path).ok().as_deref() != Some(text) {
            std::fs::write(&path, text).expect("a settings file");
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("its mode");
        path
    };
    write("c_calls.users", "EXAMPLE:alice:Passw0rd!\n");
    let settings =
        "dangerous_answer_own_challenges = true\nlenient_requests = true\n[accounts]\nuser_file = 'c_calls.users'\n";
    let path = write("c_calls.toml", settings);
    // SAFETY: the process has one thread yet.
    unsafe { std::env::set_var("NTLM_CONFIG", path) };
    let table = InitSecurityInterfaceW();
    let (mut count, mut packages) = (0, std::ptr::null_mut());
    // SAFETY: the table lives as long as the process, and both places are there.
    let status = unsafe { (*table).EnumerateSecurityPackages.map(|f| f(&raw mut count, &raw mut packages)) };
    assert_eq!((status, count), (Some(0), 2));
    // SAFETY: the block is the library's.
    let status = unsafe { (*table).FreeContextBuffer.map(|f| f(packages)) };
    assert_eq!(status, Some(0));
    // One that goes through, or the rest is worth little.
    let mut program = Program::new(
        // SAFETY: as above.
        unsafe { &*table },
    );
    assert!(program.handshake(&mut Input(&[])), "the account is not found");
    program.close();
}

/// Bytes to choose by; zeros when they are used up.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit.max(1)
    }

    fn bytes(&mut self, most: usize) -> &'a [u8] {
        let length = most.min(self.0.len());
        self.0.split_off(..length).unwrap_or_default()
    }
}

/// Memory of the program's: exactly as long as it says, so that AddressSanitizer sees the first byte behind it, or with guards around it.
struct Memory {
    all: Box<[std::cell::UnsafeCell<u8>]>,
    guard: usize,
}

impl Memory {
    fn new(bytes: &[u8], guard: usize) -> Self {
        let guards = std::iter::repeat_n(GUARD, guard);
        let all = guards.clone().chain(bytes.iter().copied()).chain(guards);
        Self { all: all.map(std::cell::UnsafeCell::new).collect(), guard }
    }

    fn len(&self) -> usize {
        self.all.len() - 2 * self.guard
    }

    fn start(&self) -> *mut u8 {
        self.all.as_ptr().cast::<u8>().cast_mut().wrapping_add(self.guard)
    }

    fn get(&self, index: usize) -> u8 {
        // SAFETY: nobody else uses the memory between calls.
        unsafe { *self.all[index].get() }
    }

    fn content(&self) -> Vec<u8> {
        (self.guard..self.all.len() - self.guard).map(|index| self.get(index)).collect()
    }

    fn check(&self) {
        let outside = (0..self.guard).chain(self.all.len() - self.guard..self.all.len());
        for index in outside {
            assert_eq!(self.get(index), GUARD, "a byte outside of a buffer of {} bytes was written", self.len());
        }
    }
}

/// Characters of the tables.
trait Character: Copy + 'static {
    fn text(text: &str) -> Vec<Self>;
}

impl Character for SEC_WCHAR {
    fn text(text: &str) -> Vec<Self> {
        text.encode_utf16().filter(|&unit| unit != 0).chain([0]).collect()
    }
}

impl Character for SEC_CHAR {
    fn text(text: &str) -> Vec<Self> {
        let text = CString::new(text.replace('\0', "")).expect("no NUL is left");
        text.to_bytes_with_nul().iter().map(|&byte| Self::from_ne_bytes([byte])).collect()
    }
}

/// The buffers of a descriptor, with the memory behind them.
struct Buffers {
    memory: Vec<Memory>,
    entries: Vec<SecBuffer>,
    version: u32,
    is_null: bool,
}

impl Buffers {
    fn of(entries: Vec<(u32, Memory)>) -> Self {
        let entry = |(kind, memory): &(u32, Memory)| SecBuffer {
            cbBuffer: memory.len() as u32,
            BufferType: *kind,
            pvBuffer: memory.start().cast(),
        };
        let buffers = entries.iter().map(entry).collect();
        let memory = entries.into_iter().map(|(_, memory)| memory).collect();
        Self { memory, entries: buffers, version: 0, is_null: false }
    }

    /// One TOKEN for the library to fill with memory of its own.
    fn to_fill() -> Self {
        let entry = SecBuffer { cbBuffer: 0, BufferType: TOKEN, pvBuffer: std::ptr::null_mut() };
        Self { memory: Vec::new(), entries: vec![entry], version: 0, is_null: false }
    }

    /// Calls `f` with the descriptor and looks at the guards afterwards.
    fn with<T>(&mut self, f: impl FnOnce(*mut SecBufferDesc) -> T) -> T {
        let mut descriptor = SecBufferDesc {
            ulVersion: self.version,
            cBuffers: self.entries.len() as u32,
            pBuffers: self.entries.as_mut_ptr().cast(),
        };
        let before = self.entries.clone();
        let answer = f(if self.is_null { std::ptr::null_mut() } else { &raw mut descriptor });
        for memory in &self.memory {
            memory.check();
        }
        for (entry, before) in self.entries.iter().zip(before) {
            assert_eq!(entry.BufferType, before.BufferType, "the type of a buffer was changed");
        }
        answer
    }
}

/// What a program holds. Handles that were closed stay, to be used again.
struct Program<C: 'static> {
    table: &'static SecurityFunctionTable<C>,
    credentials: Vec<SecHandle>,
    contexts: Vec<SecHandle>,
    blocks: Vec<*mut c_void>,
    tokens: Vec<Vec<u8>>,
}

/// Calls a function of the table and checks that its status is one.
macro_rules! call {
    ($program:expr, $member:ident($($argument:expr),* $(,)?)) => {{
        let function = $program.table.$member.expect("a member of the table");
        // SAFETY: every pointer is NULL, or to memory of this program that is as long as is said and lives until the call is over.
        let status = SecurityStatus(unsafe { function($($argument),*) });
        known(status, stringify!($member));
        status
    }};
}

fn known(status: SecurityStatus, function: &str) {
    assert!(status.name().is_some(), "{function} answers {:#x}", status.0);
}

const NOWHERE: SecHandle = SecHandle { dwLower: usize::MAX, dwUpper: usize::MAX };

impl<C: Character> Program<C> {
    fn new(table: &'static SecurityFunctionTable<C>) -> Self {
        Self { table, credentials: Vec::new(), contexts: Vec::new(), blocks: Vec::new(), tokens: Vec::new() }
    }

    fn run(mut self, input: &mut Input<'_>) {
        for _ in 0..MOST_CALLS {
            if input.0.is_empty() {
                break;
            }
            self.call(input);
        }
        self.close();
    }

    /// Ends what lives. Each handle may be closed already.
    fn close(&mut self) {
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
                call!(self, FreeCredentialsHandle(credential.as_ref().map_or(std::ptr::null(), std::ptr::from_ref)));
            }
            21 => self.free(input),
            22 => self.export(input),
            23 => self.import(input),
            24 => self.packages(input),
            25 => self.credential_attribute(input),
            _ => self.unsupported(input),
        }
    }

    fn keep_token(&mut self, token: Vec<u8>) {
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

    fn credential(&self, input: &mut Input<'_>) -> Option<SecHandle> {
        Self::handle(&self.credentials, &self.contexts, input)
    }

    fn context(&self, input: &mut Input<'_>) -> Option<SecHandle> {
        Self::handle(&self.contexts, &self.credentials, input)
    }

    /// The name of a package, or none; empty for NULL.
    fn package(input: &mut Input<'_>) -> Vec<C> {
        match input.byte() % 8 {
            0 => Vec::new(),
            1 => C::text("Kerberos"),
            2 => C::text(&String::from_utf8_lossy(input.bytes(40))),
            3 | 4 => C::text("Negotiate"),
            5 => C::text("nTlM"),
            _ => C::text("NTLM"),
        }
    }

    fn token(&self, input: &mut Input<'_>) -> Vec<u8> {
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
            12 => {
                let length = usize::from(input.byte());
                [b"NTLMSSP\0".as_slice(), input.bytes(length)].concat()
            }
            _ => {
                let length = usize::from(input.byte());
                input.bytes(length).to_vec()
            }
        }
    }

    fn guard(input: &mut Input<'_>) -> usize {
        usize::from(input.byte() & 1) * 32
    }

    /// Buffers of any kind and number.
    fn random_buffers(&self, input: &mut Input<'_>) -> Buffers {
        let count = input.below(6);
        let kind = |input: &mut Input<'_>| match input.byte() {
            0..=95 => TOKEN,
            96..=160 => DATA,
            161..=180 => CHANNEL_BINDINGS,
            181..=195 => 10,
            196..=205 => 3,
            other => u32::from(other) % 26,
        };
        let entries = (0..count).map(|_| {
            let kind = kind(input);
            let attributes = match input.byte() & 15 {
                0 => 0x8000_0000,
                1 => 0x1000_0000,
                2 => input.word() & 0xF000_0000,
                _ => 0,
            };
            let content = match input.byte() & 3 {
                0 => vec![0x55; usize::from(input.byte()) * 16],
                1 => vec![0; usize::from(input.byte() & 63)],
                2 => input.bytes(64).to_vec(),
                _ => self.token(input),
            };
            (kind | attributes, Memory::new(&content, Self::guard(input)))
        });
        let mut buffers = Buffers::of(entries.collect());
        match input.byte() & 31 {
            0 => buffers.version = input.word(),
            1 => buffers.is_null = true,
            // No memory behind a buffer.
            2 | 3 => {
                if let Some(entry) = buffers.entries.first_mut() {
                    entry.pvBuffer = std::ptr::null_mut();
                }
            }
            // Two buffers in the same memory.
            4 | 5 => {
                if let [first, .., last] = buffers.entries.as_mut_slice() {
                    let kind = last.BufferType;
                    *last = SecBuffer { BufferType: kind, ..*first };
                    let cut = last.cbBuffer.min(u32::from(input.byte()));
                    last.cbBuffer -= cut;
                    last.pvBuffer = last.pvBuffer.cast::<u8>().wrapping_add(cut as usize).cast();
                }
            }
            // One that says it is shorter.
            6 | 7 => {
                if let Some(entry) = buffers.entries.last_mut() {
                    entry.cbBuffer = entry.cbBuffer.min(u32::from(input.byte()));
                }
            }
            _ => {}
        }
        buffers
    }

    /// The input of a leg: mostly a token, and something beside it at times.
    fn leg_input(&self, input: &mut Input<'_>) -> Buffers {
        if input.byte() & 7 == 0 {
            return self.random_buffers(input);
        }
        let mut entries = vec![(TOKEN, Memory::new(&self.token(input), Self::guard(input)))];
        if input.byte() & 7 == 0 {
            let mut bindings: Vec<u8> = [0, 0, 0, 0, 0, 0, 20_u32, 32].into_iter().flat_map(u32::to_ne_bytes).collect();
            bindings.extend([7; 20]);
            if input.byte() & 1 == 0 {
                let place = input.below(bindings.len());
                bindings[place] ^= input.byte();
            }
            entries.push((CHANNEL_BINDINGS, Memory::new(&bindings, 0)));
        }
        Buffers::of(entries)
    }

    fn leg_output(&self, input: &mut Input<'_>, allocate: bool) -> Buffers {
        match input.byte() & 15 {
            0 => self.random_buffers(input),
            1 => Buffers { is_null: true, ..Buffers::to_fill() },
            2 => Buffers::of(vec![(TOKEN, Memory::new(&vec![0; usize::from(input.byte())], 32))]),
            _ if allocate => Buffers::to_fill(),
            _ => Buffers::of(vec![(TOKEN, Memory::new(&[0; 2888], 32))]),
        }
    }

    /// Takes over what a leg put out.
    fn put_out(&mut self, status: SecurityStatus, out: &Buffers, allocated: bool) {
        if !status.is_success() || out.is_null {
            return;
        }
        // The first TOKEN is the one.
        let is_token = |entry: &&SecBuffer| entry.BufferType & 0x0FFF_FFFF == TOKEN;
        let Some(&SecBuffer { cbBuffer, pvBuffer, .. }) = out.entries.iter().find(is_token) else { return };
        if pvBuffer.is_null() || cbBuffer == 0 {
            return;
        }
        // SAFETY: the library says that so many bytes are there: in a block of its own, or in memory of this program, whose guards are whole.
        let token = unsafe { std::slice::from_raw_parts(pvBuffer.cast::<u8>(), cbBuffer as usize) }.to_vec();
        self.keep_token(token);
        if allocated {
            self.blocks.push(pvBuffer);
        }
    }

    fn acquire(&mut self, input: &mut Input<'_>) {
        let package = Self::package(input);
        let usage = match input.byte() & 15 {
            0 => input.word(),
            choice => u32::from(choice & 3),
        };
        let identity = Identity::new(input);
        let mut handle = NOWHERE;
        let mut expiry = 0;
        let place = if input.byte() & 31 == 0 { std::ptr::null_mut() } else { &raw mut handle };
        let null = std::ptr::null_mut();
        let package = pointer(&package);
        let status = call!(
            self,
            AcquireCredentialsHandle(
                null,
                package,
                usage,
                null,
                identity.pointer(),
                null,
                null,
                place,
                &raw mut expiry
            )
        );
        drop(identity);
        if status.is_success() {
            self.credentials.push(handle);
        }
    }

    fn initialize(&mut self, input: &mut Input<'_>) {
        let (credential, first) = (self.credential(input), input.byte() & 1 == 0);
        let context = if first { None } else { self.context(input) };
        let target = match input.byte() & 3 {
            0 => Vec::new(),
            1 => C::text(&String::from_utf8_lossy(input.bytes(20))),
            _ => C::text("HTTP/server.example.test"),
        };
        let requests = Self::requests(input);
        let mut given = self.leg_input(input);
        given.is_null |= first && input.byte() & 7 != 0;
        let mut out = self.leg_output(input, requests & ALLOCATE_MEMORY != 0);
        let (mut made, mut attributes, mut expiry) = (context.unwrap_or(NOWHERE), 0, 0);
        let place = if input.byte() & 15 == 0 { std::ptr::null_mut() } else { &raw mut made };
        let status = given.with(|given| {
            out.with(|out| {
                call!(
                    self,
                    InitializeSecurityContext(
                        optional(&credential),
                        optional(&context),
                        pointer(&target),
                        requests,
                        0,
                        0,
                        given,
                        0,
                        place,
                        out,
                        &raw mut attributes,
                        &raw mut expiry,
                    )
                )
            })
        });
        self.after_leg(status, context, made, &out, requests);
    }

    fn accept(&mut self, input: &mut Input<'_>) {
        let (credential, first) = (self.credential(input), input.byte() & 1 == 0);
        let context = if first { None } else { self.context(input) };
        let requests = Self::requests(input);
        let mut given = self.leg_input(input);
        let mut out = self.leg_output(input, requests & ALLOCATE_MEMORY != 0);
        let (mut made, mut attributes, mut expiry) = (context.unwrap_or(NOWHERE), 0, 0);
        let place = if input.byte() & 15 == 0 { std::ptr::null_mut() } else { &raw mut made };
        let status = given.with(|given| {
            out.with(|out| {
                call!(
                    self,
                    AcceptSecurityContext(
                        optional(&credential),
                        optional(&context),
                        given,
                        requests,
                        0,
                        place,
                        out,
                        &raw mut attributes,
                        &raw mut expiry,
                    )
                )
            })
        });
        self.after_leg(status, context, made, &out, requests);
    }

    fn requests(input: &mut Input<'_>) -> u32 {
        match input.byte() & 7 {
            0 => input.word(),
            1 => 0,
            2 | 3 => 0x1C | ALLOCATE_MEMORY,
            4 => 0x800,
            _ => 0x1C,
        }
    }

    fn after_leg(
        &mut self,
        status: SecurityStatus,
        context: Option<SecHandle>,
        made: SecHandle,
        out: &Buffers,
        requests: u32,
    ) {
        self.put_out(status, out, requests & ALLOCATE_MEMORY != 0);
        let same = |context: SecHandle| (context.dwLower, context.dwUpper) == (made.dwLower, made.dwUpper);
        match context {
            None if status.is_success() => {
                assert!(made.dwLower != usize::MAX, "a context without a handle");
                self.contexts.push(made);
            }
            None => assert!(made.dwLower == usize::MAX, "a handle after a failure"),
            Some(context) => assert!(same(context), "the handle was changed"),
        }
    }

    /// A whole exchange. Whether it went through; it does, unless the program holds too much already.
    fn handshake(&mut self, input: &mut Input<'_>) -> bool {
        if self.contexts.len() >= 2 * MOST_KEPT {
            return false;
        }
        // Zeros are a choice that must work.
        let choice = input.byte();
        let requests = [0x1C, 0, 0x8, 0x10, 0x8_001C, 0x1_001C, 0x4, 0x14][usize::from(choice & 7)];
        let package = C::text(if choice & 8 == 0 { "NTLM" } else { "Negotiate" });
        let identity = Identity::alice();
        let null = std::ptr::null_mut();
        for (usage, identity) in [(2, identity.pointer()), (1, null)] {
            let mut handle = NOWHERE;
            let (package, place) = (pointer(&package), &raw mut handle);
            let status = call!(
                self,
                AcquireCredentialsHandle(null, package, usage, null, identity, null, null, place, null.cast())
            );
            assert_eq!(status, SecurityStatus::SEC_E_OK);
            self.credentials.push(handle);
        }
        let [.., client, server] = self.credentials.as_slice() else { return false };
        let (credentials, mut contexts) = ([*client, *server], [None::<SecHandle>; 2]);
        let mut token = Vec::new();
        for leg in 0..4 {
            let mut given = Buffers::of(vec![(TOKEN, Memory::new(&token, 0))]);
            let mut out = Buffers::of(vec![(TOKEN, Memory::new(&[0; 2888], 32))]);
            let side = leg % 2;
            let (credential, context) = (credentials[side], contexts[side]);
            let mut made = context.unwrap_or(NOWHERE);
            let (old, new) = (optional(&context), &raw mut made);
            let status = given.with(|given| {
                out.with(|out| match side {
                    0 => {
                        let given = if leg == 0 { std::ptr::null_mut() } else { given };
                        let target = std::ptr::null();
                        call!(
                            self,
                            InitializeSecurityContext(
                                &raw const credential,
                                old,
                                target,
                                requests,
                                0,
                                0,
                                given,
                                0,
                                new,
                                out,
                                null.cast(),
                                null.cast(),
                            )
                        )
                    }
                    _ => {
                        let requests = requests & 0x1C;
                        call!(
                            self,
                            AcceptSecurityContext(
                                &raw const credential,
                                old,
                                given,
                                requests,
                                0,
                                new,
                                out,
                                null.cast(),
                                null.cast()
                            )
                        )
                    }
                })
            });
            self.put_out(status, &out, false);
            if context.is_none() && status.is_success() {
                contexts[side] = Some(made);
                self.contexts.push(made);
            }
            if !status.is_success() {
                assert!(choice & 7 != 0, "the exchange failed with {status}");
                return false;
            }
            let length = out.entries[0].cbBuffer as usize;
            token = out.memory[0].content()[..length].to_vec();
        }
        true
    }

    fn message(&mut self, input: &mut Input<'_>) {
        let choice = input.byte();
        // From one of the last two contexts to the other, as it should be.
        if choice & 3 != 0
            && let [.., client, server] = *self.contexts.as_slice()
        {
            let (from, to) = if choice & 4 == 0 { (client, server) } else { (server, client) };
            let text = vec![0x61; usize::from(input.byte())];
            let parts = vec![(TOKEN, Memory::new(&[0; 16], 32)), (DATA, Memory::new(&text, 32))];
            let mut buffers = Buffers::of(parts);
            let (number, mut quality) = (u32::from(input.byte() & 1), 77);
            let sealed = choice & 8 == 0;
            let status = buffers.with(|message| match sealed {
                true => call!(self, EncryptMessage(&raw const from, 0, message, number)),
                false => call!(self, MakeSignature(&raw const from, 0, message, number)),
            });
            if !status.is_success() {
                return;
            }
            let changed = choice & 0xF0 == 0;
            if changed && let Some(memory) = buffers.memory.get(input.below(2)).filter(|memory| memory.len() > 0) {
                let place = memory.start().wrapping_add(input.below(memory.len()));
                // SAFETY: the place is inside the memory, which nobody uses now.
                unsafe { *place ^= 1 << (choice & 7) };
            }
            let status = buffers.with(|message| match sealed {
                true => call!(self, DecryptMessage(&raw const to, message, number, &raw mut quality)),
                false => call!(self, VerifySignature(&raw const to, message, number, &raw mut quality)),
            });
            assert_eq!(quality, if status.is_success() { 0 } else { 77 });
            // Contexts that were made without integrity sign with what proves nothing.
            let [signature, text_now] = [0, 1].map(|index: usize| buffers.memory[index].content());
            let proves_nothing = signature == DUMMY_SIGNATURE;
            let unchanged = text_now == text || changed && proves_nothing;
            assert!(!status.is_success() || unchanged, "a message came out changed");
            return;
        }
        let context = self.context(input);
        let (quality, number) = ([0, 0x8000_0001, 0x4000_0000, 7][input.below(4)], u32::from(input.byte()));
        let mut buffers = self.random_buffers(input);
        let (context, mut found) = (optional(&context), 77);
        buffers.with(|message| match choice >> 2 & 3 {
            0 => call!(self, MakeSignature(context, quality, message, number)),
            1 => call!(self, VerifySignature(context, message, number, &raw mut found)),
            2 => call!(self, EncryptMessage(context, quality, message, number)),
            _ => call!(self, DecryptMessage(context, message, number, &raw mut found)),
        });
    }

    /// Keeps what an attribute's structure points to: whatever in it is a block of the library's will be freed.
    fn keep_pointers(&mut self, memory: &Memory) {
        let content = memory.content();
        for word in content.as_chunks::<8>().0 {
            let address = usize::from_ne_bytes(*word);
            if address != 0 {
                self.blocks.push(std::ptr::without_provenance_mut(address));
            }
        }
    }

    fn attribute(&mut self, input: &mut Input<'_>) {
        let context = self.context(input);
        let attribute = match input.byte() {
            255 => input.word(),
            254 => 0x8000_0000 | u32::from(input.byte()),
            other => u32::from(other) % 36,
        };
        // With the size of the structure, or with room for each.
        let with_size = input.byte() & 1 == 0;
        let room = if with_size { input.below(49) } else { 48 };
        let memory = Memory::new(&vec![0; room], 32);
        let place = if input.byte() & 31 == 0 { std::ptr::null_mut() } else { memory.start().cast() };
        let context = optional(&context);
        let status = match with_size {
            true => call!(self, QueryContextAttributesEx(context, attribute, place, room as u32)),
            false => call!(self, QueryContextAttributes(context, attribute, place)),
        };
        memory.check();
        if status.is_success() {
            self.keep_pointers(&memory);
        }
    }

    fn credential_attribute(&mut self, input: &mut Input<'_>) {
        let credential = self.credential(input);
        let attribute = u32::from(input.byte() & 3);
        let room = input.below(17);
        let memory = Memory::new(&vec![0; room], 32);
        let (handle, place) = (optional(&credential), memory.start().cast());
        let status = call!(self, QueryCredentialsAttributesEx(handle, attribute, place, room as u32));
        memory.check();
        if status.is_success() {
            self.keep_pointers(&memory);
        }
    }

    fn free(&mut self, input: &mut Input<'_>) {
        let foreign = Memory::new(&[0; 16], 0);
        let block = match input.byte() & 3 {
            0 => foreign.start().cast(),
            1 => std::ptr::null_mut(),
            2 => std::ptr::without_provenance_mut(input.word() as usize),
            // It stays in the list, and is freed again.
            _ => self.blocks.get(input.below(self.blocks.len())).copied().unwrap_or(std::ptr::null_mut()),
        };
        call!(self, FreeContextBuffer(block.cast_const()));
    }

    fn export(&mut self, input: &mut Input<'_>) {
        let context = self.context(input);
        let flags = if input.byte() & 3 == 0 { u32::from(input.byte()) } else { 2 };
        let mut packed = SecBuffer { cbBuffer: 0, BufferType: 0, pvBuffer: std::ptr::null_mut() };
        let place = if input.byte() & 15 == 0 { std::ptr::null_mut() } else { &raw mut packed };
        let status = call!(self, ExportSecurityContext(optional(&context), flags, place, std::ptr::null_mut()));
        if status.is_success() {
            // SAFETY: the library says that so many bytes are there.
            let bytes = unsafe { std::slice::from_raw_parts(packed.pvBuffer.cast::<u8>(), packed.cbBuffer as usize) };
            let bytes = bytes.to_vec();
            self.keep_token(bytes);
            self.blocks.push(packed.pvBuffer);
        }
    }

    fn import(&mut self, input: &mut Input<'_>) {
        let package = Self::package(input);
        let memory = Memory::new(&self.token(input), Self::guard(input));
        let length = memory.len() as u32;
        let mut packed = SecBuffer { cbBuffer: length, BufferType: 0, pvBuffer: memory.start().cast() };
        let mut context = NOWHERE;
        let (package, place) = (pointer(&package), &raw mut packed);
        let status = call!(self, ImportSecurityContext(package, place, std::ptr::null_mut(), &raw mut context));
        memory.check();
        if status.is_success() {
            self.contexts.push(context);
        }
    }

    fn packages(&mut self, input: &mut Input<'_>) {
        let (mut count, mut block) = (0, std::ptr::null_mut());
        let status = match input.byte() & 1 {
            0 => call!(self, EnumerateSecurityPackages(&raw mut count, &raw mut block)),
            _ => {
                let package = Self::package(input);
                call!(self, QuerySecurityPackageInfo(pointer(&package), &raw mut block))
            }
        };
        if status.is_success() {
            self.blocks.push(block);
        }
    }

    /// Functions that never do anything.
    fn unsupported(&mut self, input: &mut Input<'_>) {
        let (context, credential) = (self.context(input), self.credential(input));
        let (context, credential, null) = (optional(&context), optional(&credential), std::ptr::null_mut());
        let status = match input.byte() % 9 {
            0 => call!(self, CompleteAuthToken(context, null)),
            1 => call!(self, ApplyControlToken(context, null)),
            2 => call!(self, ImpersonateSecurityContext(context)),
            3 => call!(self, RevertSecurityContext(context)),
            4 => call!(self, QuerySecurityContextToken(context, null)),
            5 => call!(self, SetContextAttributes(context, input.word(), null, 0)),
            6 => call!(self, SetCredentialsAttributes(credential, input.word(), null, 0)),
            7 => call!(self, AddCredentials(credential, null, null, 0, null, null, null, null)),
            _ => {
                let package = Self::package(input);
                call!(self, ChangeAccountPassword(pointer(&package), null, null, null, null, 0, 0, null))
            }
        };
        assert!(!status.is_success(), "a function that does nothing answers {status}");
    }
}

fn optional(handle: &Option<SecHandle>) -> *const SecHandle {
    handle.as_ref().map_or(std::ptr::null(), std::ptr::from_ref)
}

/// A text for C; NULL when there is not even a NUL.
fn pointer<C>(text: &[C]) -> *const C {
    if text.is_empty() { std::ptr::null() } else { text.as_ptr() }
}

/// An identity and the memory that it points to.
struct Identity {
    structure: Option<Memory>,
    _strings: Vec<Memory>,
}

impl Identity {
    fn none() -> Self {
        Self { structure: None, _strings: Vec::new() }
    }

    fn alice() -> Self {
        let strings: [&[u8]; 4] = [b"alice", b"EXAMPLE", b"Passw0rd!", b""];
        Self::of(strings.map(Some), [5, 7, 9, 0], 1, false)
    }

    fn new(input: &mut Input<'_>) -> Self {
        match input.byte() & 7 {
            0 => Self::none(),
            1 | 2 => Self::alice(),
            // EX2: offsets in one piece.
            3 | 4 => {
                let length = 48 + input.below(80);
                let mut bytes = input.bytes(length).to_vec();
                bytes.resize(length, 0);
                bytes[..4].copy_from_slice(&0x201_u32.to_ne_bytes());
                // What lies behind the structure's length is the caller's lie, unless it is too long to be believed.
                let claimed = if input.byte() & 7 == 0 { u32::MAX } else { length as u32 };
                bytes[8..12].copy_from_slice(&claimed.to_ne_bytes());
                if input.byte() & 3 != 0 {
                    bytes[4..6].copy_from_slice(&48_u16.to_ne_bytes());
                }
                Self { structure: Some(Memory::new(&bytes, 0)), _strings: Vec::new() }
            }
            _ => {
                let flags = match input.byte() & 7 {
                    0 => input.word(),
                    choice => u32::from(choice & 3),
                };
                let size = if flags & 3 == 2 { 2 } else { 1 };
                let (mut strings, mut lengths) = ([None; 4], [0_u32; 4]);
                for (string, length) in strings.iter_mut().zip(&mut lengths) {
                    let (choice, most) = (input.byte(), usize::from(input.byte()));
                    let bytes = input.bytes(most);
                    *string = (choice & 7 != 0).then_some(bytes);
                    *length = match choice >> 3 & 7 {
                        // Too long to be believed.
                        0 => input.word() | 0x8000,
                        _ => (bytes.len() / size) as u32,
                    };
                }
                Self::of(strings, lengths, flags, input.byte() & 1 == 0)
            }
        }
    }

    fn of<const N: usize>(strings: [Option<&[u8]>; N], lengths: [u32; N], flags: u32, is_ex: bool) -> Self {
        let memory: Vec<_> = strings.iter().map(|string| string.map(|bytes| Memory::new(bytes, 0))).collect();
        let part = |index: usize| {
            let start = memory.get(index).and_then(Option::as_ref).map_or(std::ptr::null_mut(), Memory::start);
            (start.cast::<c_void>(), lengths.get(index).copied().unwrap_or(0))
        };
        let ((user, user_length), (domain, domain_length), (password, password_length)) = (part(0), part(1), part(2));
        let (list, list_length) = part(3);
        let ex = SEC_WINNT_AUTH_IDENTITY_EX {
            Version: 0x200,
            Length: 72,
            User: user,
            UserLength: user_length,
            Domain: domain,
            DomainLength: domain_length,
            Password: password,
            PasswordLength: password_length,
            Flags: flags,
            PackageList: list,
            PackageListLength: list_length,
        };
        let plain = SEC_WINNT_AUTH_IDENTITY {
            User: user,
            UserLength: user_length,
            Domain: domain,
            DomainLength: domain_length,
            Password: password,
            PasswordLength: password_length,
            Flags: flags,
        };
        let structure = Memory::new(&[0; 72][..if is_ex { 72 } else { 48 }], 0);
        match is_ex {
            // SAFETY: there is room for the structure.
            true => unsafe { structure.start().cast::<SEC_WINNT_AUTH_IDENTITY_EX>().write_unaligned(ex) },
            // SAFETY: as above.
            false => unsafe { structure.start().cast::<SEC_WINNT_AUTH_IDENTITY>().write_unaligned(plain) },
        }
        Self { structure: Some(structure), _strings: memory.into_iter().flatten().collect() }
    }

    fn pointer(&self) -> *mut c_void {
        self.structure.as_ref().map_or(std::ptr::null_mut(), |memory| memory.start().cast())
    }
}
