//! The program's callbacks: an authority that answers what the input says, and a reader of the log. Both look at everything they are given, and call the
//! library themselves at times.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_void};

use ntlm_sspi::SecurityStatus;
use ntlmsspi::authority::{Logon, Verdict};
use ntlmsspi::extension::{ntlm_sspi_last_error, ntlm_sspi_nt_hash, ntlm_sspi_set_authority, ntlm_sspi_set_log};

use crate::input::Input;

/// The NT hash of "Passw0rd!".
pub static RIGHT_HASH: [u8; 16] =
    [0xfc, 0x52, 0x5c, 0x96, 0x83, 0xe8, 0xfe, 0x06, 0x70, 0x95, 0xba, 0x2d, 0xdc, 0x97, 0x18, 0x89];

const NT_HASH: u32 = 1;
const SESSION_KEY: u32 = 2;

/// What the authority will answer.
#[derive(Clone, Copy)]
pub struct Answer {
    status: u32,
    kind: u32,
    key: [u8; 16],
    lm_key: Option<[u8; 8]>,
    account: Option<&'static CStr>,
    /// What it calls of the library before it answers.
    calls: u8,
}

impl Answer {
    pub fn new(input: &mut Input<'_>) -> Self {
        let choice = input.byte();
        let status = match choice & 7 {
            0 => input.word(),
            1 => 0xC000_006D,
            _ => 0,
        };
        let kind = match choice >> 3 & 7 {
            0 => input.word(),
            1 | 2 => SESSION_KEY,
            _ => NT_HASH,
        };
        let key = match choice >> 6 {
            0 => input.array(),
            1 => [0; 16],
            _ => RIGHT_HASH,
        };
        let accounts = [c"EXAMPLE\\somebody", c"", c"somebody", c"\\", c"Zo\xC3\xAB\\\xFF", c"a\\b\\c\nd"];
        let choice = input.byte();
        Self {
            status,
            kind,
            key,
            lm_key: (choice & 1 != 0).then(|| input.array()),
            account: accounts.get(usize::from(choice >> 1 & 7)).copied(),
            calls: choice >> 4,
        }
    }

    /// Whether alice, with the right password, gets in.
    pub fn lets_alice_in(self) -> bool {
        let is_named = self.account.is_none_or(|account| account.to_str().is_ok());
        self.status == 0 && self.kind == NT_HASH && self.key == RIGHT_HASH && is_named
    }

    /// Whether somebody can get in at all.
    fn lets_somebody_in(self) -> bool {
        self.status == 0 && (self.kind == NT_HASH && self.key != [0; 16] || self.kind == SESSION_KEY)
    }
}

thread_local! {
    /// `None` when no authority is set.
    static ANSWER: Cell<Option<Answer>> = const { Cell::new(None) };
    static LET_IN: Cell<bool> = const { Cell::new(false) };
}

/// What the callbacks are set with.
pub const CONTEXT: *mut c_void = std::ptr::without_provenance_mut(0x5EED);

/// Sets the authority, which will answer this.
pub fn set_authority(answer: Answer) {
    ANSWER.set(Some(answer));
    // SAFETY: the callback and its context are there as long as the process.
    let status = unsafe { ntlm_sspi_set_authority(Some(authority), CONTEXT) };
    assert_eq!(SecurityStatus(status), SecurityStatus::SEC_E_OK);
}

/// Sets the reader of the log.
pub fn set_log() {
    // SAFETY: as above.
    let status = unsafe { ntlm_sspi_set_log(Some(read_log), CONTEXT) };
    assert_eq!(SecurityStatus(status), SecurityStatus::SEC_E_OK);
}

/// Takes both away.
pub fn reset() {
    ANSWER.set(None);
    // SAFETY: nothing is asked of NULL.
    let status = unsafe { ntlm_sspi_set_authority(None, CONTEXT) };
    assert_eq!(SecurityStatus(status), SecurityStatus::SEC_E_OK);
    // SAFETY: as above.
    let status = unsafe { ntlm_sspi_set_log(None, CONTEXT) };
    assert_eq!(SecurityStatus(status), SecurityStatus::SEC_E_OK);
}

/// A leg begins: what the authority will answer in it, if one is set.
pub fn authority_begins() -> Option<Answer> {
    LET_IN.set(false);
    ANSWER.get()
}

/// Whether the authority has let somebody in since the leg began.
pub fn let_in() -> bool {
    LET_IN.get()
}

/// Reads all that a question points to; AddressSanitizer looks on.
fn read(logon: &Logon) {
    /// `length` things at `start`.
    fn slice<'a, T>(start: *const T, length: u32) -> &'a [T] {
        assert!(!start.is_null() && start.is_aligned());
        // SAFETY: the library says that so many are there, during the callback.
        unsafe { std::slice::from_raw_parts(start, length as usize) }
    }
    let (user, domain) = (slice(logon.User, logon.UserLength), slice(logon.Domain, logon.DomainLength));
    for (units, utf8) in [(user, logon.UserUtf8), (domain, logon.DomainUtf8)] {
        let exact = String::from_utf16(units).ok().filter(|name| !name.contains('\0'));
        // SAFETY: it is NULL or ends in NUL.
        let utf8 = (!utf8.is_null()).then(|| unsafe { CStr::from_ptr(utf8) }.to_bytes());
        assert_eq!(utf8, exact.as_ref().map(String::as_bytes));
    }
    std::hint::black_box(slice(logon.Workstation, logon.WorkstationLength).to_vec());
    std::hint::black_box(slice(logon.NtResponse, logon.NtResponseLength).to_vec());
    std::hint::black_box(slice(logon.LmResponse, logon.LmResponseLength).to_vec());
    assert!(logon.ResponseKind <= 4);
}

unsafe extern "C" fn authority(context: *mut c_void, logon: *const Logon, verdict: *mut Verdict) -> u32 {
    assert_eq!(context, CONTEXT);
    // SAFETY: the library gives both, and nobody else has them during the callback.
    let (logon, verdict) = unsafe { (&*logon, &mut *verdict) };
    assert_eq!((logon.cbSize as usize, verdict.cbSize as usize), (size_of::<Logon>(), size_of::<Verdict>()));
    assert_eq!((verdict.Kind, verdict.Key, verdict.HasLmKey), (0, [0; 16], 0));
    read(logon);
    let answer = ANSWER.get().expect("an authority that is set");
    if answer.calls & 1 != 0 {
        reset();
    }
    if answer.calls & 2 != 0 {
        // SAFETY: the text ends in NUL, and there is room for the hash.
        unsafe { ntlm_sspi_nt_hash(c"Passw0rd!".as_ptr(), &raw mut verdict.Key) };
        assert_eq!(verdict.Key, RIGHT_HASH);
    }
    if answer.calls & 4 != 0 {
        // A call that fails, within one that may not.
        // SAFETY: nothing is asked of NULL.
        unsafe { ntlm_sspi_nt_hash(std::ptr::null(), std::ptr::null_mut()) };
        one_line(ntlm_sspi_last_error());
    }
    verdict.Kind = answer.kind;
    verdict.Key = answer.key;
    verdict.LmKey = answer.lm_key.unwrap_or_default();
    verdict.HasLmKey = answer.lm_key.is_some().into();
    verdict.AccountUtf8 = answer.account.map_or(std::ptr::null(), CStr::as_ptr);
    LET_IN.set(answer.lets_somebody_in());
    answer.status
}

unsafe extern "C" fn read_log(context: *mut c_void, message: *const c_char) {
    assert_eq!(context, CONTEXT);
    one_line(message);
    one_line(ntlm_sspi_last_error());
}

/// A text for an administrator: whatever a peer says, it is one line of UTF-8.
pub fn one_line(text: *const c_char) {
    // SAFETY: the library's texts end in NUL.
    let text = unsafe { CStr::from_ptr(text) }.to_str().expect("UTF-8");
    assert!(!text.contains(char::is_control), "more than a line: {text:?}");
}
