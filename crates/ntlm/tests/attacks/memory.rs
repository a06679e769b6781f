//! Memory: an allocator that counts and looks into what is freed, and the attacks that it shows.
//!
//! Everything is counted for each thread apart, so that tests beside each other do not disturb the count.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use ntlm::client::{self, Exchange, Start};
use ntlm::config::ServerNames;
use ntlm::secret::ExportedSessionKey;
use ntlm::server::{self, ExpectNegotiate};
use ntlm::{ClientConfig, Credentials, Password, Piece, Requirements, ServerConfig, ServerPolicy};

use crate::support::pair::{LoadedDice, NOW, PASSWORD};
use crate::support::script::{PROTECTED, negotiate, utf16};

struct Watching;

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// What is looked for in freed blocks.
const NEEDLES: usize = 8;

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
    static SOUGHT: Cell<[[u8; 16]; NEEDLES]> = const { Cell::new([[0; 16]; NEEDLES]) };
    static SEEKING: Cell<bool> = const { Cell::new(false) };
    static FOUND: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.set(LIVE.get().wrapping_add(layout.size()));
        PEAK.set(PEAK.get().max(LIVE.get()));
        // SAFETY: the caller's promises are those of the allocator passed on to.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get().wrapping_sub(layout.size()));
        if SEEKING.get() {
            // SAFETY: the block is the caller's until it is passed on, of this size, and was zeroed before it was given out.
            let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
            let sought = SOUGHT.get();
            let found = bytes.windows(16).filter(|window| *window != [0; 16] && sought.iter().any(|key| key == window));
            FOUND.set(FOUND.get() + found.count());
        }
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !SEEKING.get() && size >= layout.size() {
            LIVE.set(LIVE.get().wrapping_add(size - layout.size()));
            PEAK.set(PEAK.get().max(LIVE.get()));
            // SAFETY: as above.
            return unsafe { System.realloc(block, layout, size) };
        }
        // A new block and a copy, so that what is left behind is looked into.
        // SAFETY: the caller promises that the size is right for the alignment, and both blocks have the smaller of the two sizes.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                std::ptr::copy_nonoverlapping(block, new, layout.size().min(size));
                self.dealloc(block, layout);
            }
            new
        }
    }
}

/// The most memory that `work` held at any time beyond what there was before, in bytes.
pub(crate) fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = work();
    (result, PEAK.get().wrapping_sub(before))
}

/// How often the keys lie in blocks that `work` frees.
fn freed_with(keys: &[[u8; 16]], work: impl FnOnce()) -> usize {
    let mut sought = [[0; 16]; NEEDLES];
    sought[..keys.len()].copy_from_slice(keys);
    SOUGHT.set(sought);
    FOUND.set(0);
    SEEKING.set(true);
    work();
    SEEKING.set(false);
    FOUND.get()
}

#[test]
fn attack_44_half_open_contexts_cost_little_memory_each() {
    const CONTEXTS: usize = 100_000;
    let config = Arc::new(ServerConfig::new(ServerNames::member("SERVER1", "EXAMPLE"), ServerPolicy::windows()));
    let begin = |message: &[u8], dice: &mut LoadedDice| {
        let mut challenge = Vec::new();
        ExpectNegotiate::new(Arc::clone(&config), server::Exchange::default())
            .receive(message, NOW, dice, &mut challenge)
            .expect("a challenge")
    };
    let mut dice = LoadedDice::new(1);
    let mut waiting = Vec::with_capacity(CONTEXTS);
    let message = negotiate(PROTECTED);
    let before = LIVE.get();
    waiting.extend((0..CONTEXTS).map(|_| begin(&message, &mut dice)));
    // On the heap NEGOTIATE and CHALLENGE, for the MIC; beside it the state itself, which lies in the vector here.
    let each = (LIVE.get() - before) / CONTEXTS + size_of::<server::ExpectAuthenticate>();
    assert!(each <= 640, "{each} bytes for each half-open context");
    // What a front end that bounds the sum is told.
    assert!(waiting.iter().all(|waiting| waiting.memory() == each), "{} bytes are told", waiting[0].memory());
    drop(waiting);

    // The longest NEGOTIATE that is accepted makes a context larger by itself, and no NEGOTIATE by more.
    let longest = [&message[..], &vec![0; ntlm::wire::MAX_NEGOTIATE_LENGTH - message.len()]].concat();
    let (_waiting, peak) = peak_of(|| begin(&longest, &mut dice));
    assert!(peak <= longest.len() + 1024, "{peak} bytes for the longest NEGOTIATE");
    let too_long = [&longest[..], &[0]].concat();
    let outcome = ExpectNegotiate::new(Arc::clone(&config), server::Exchange::default()).receive(
        &too_long,
        NOW,
        &mut dice,
        &mut Vec::new(),
    );
    assert!(outcome.is_err());
}

#[test]
fn attack_44_a_half_open_context_that_was_dropped_leaves_nothing_behind() {
    let config = Arc::new(ServerConfig::new(ServerNames::member("SERVER1", "EXAMPLE"), ServerPolicy::strict()));
    let before = LIVE.get();
    for seed in 0..100 {
        let mut challenge = Vec::new();
        let waiting = ExpectNegotiate::new(Arc::clone(&config), server::Exchange::default())
            .receive(&negotiate(PROTECTED), NOW, &mut LoadedDice::new(seed), &mut challenge)
            .expect("a challenge");
        drop(waiting);
    }
    assert_eq!(LIVE.get(), before);
    assert_eq!(Arc::strong_count(&config), 1);
}

/// A whole life: credentials, both contexts, messages both ways, export and import; what holds keys lies on the heap, unless it is moved on, because
/// a move leaves its bytes behind whatever a type does. The session key goes to `key`.
fn live_and_die(key: &mut [u8; 16]) {
    let credentials = Arc::new(Credentials::new(r"EXAMPLE\alice", &Password::new(PASSWORD)));
    let requirements = Requirements::seal();
    let exchange = Exchange { requirements, ..Exchange::default() };
    let config = ServerConfig::new(ServerNames::member("SERVER1", "EXAMPLE"), ServerPolicy::strict());
    let mut dice = LoadedDice::new(1);
    let (mut first, mut second, mut third) = (Vec::new(), Vec::new(), Vec::new());
    let copy = Box::new(credentials.duplicate());
    let client: Box<client::ExpectChallenge> = Start::new(ClientConfig::default().into(), credentials, exchange)
        .send(&mut first)
        .map(Box::new)
        .expect("a NEGOTIATE");
    let server = ExpectNegotiate::new(config.into(), server::Exchange { requirements, ..server::Exchange::default() })
        .receive(&first, NOW, &mut dice, &mut second)
        .map(Box::new)
        .expect("a challenge");
    let mut client = Box::new(client.receive(&second, NOW, &mut dice, &mut third).expect("an AUTHENTICATE"));
    let waiting = Box::new(server.receive(&third, NOW).expect("a question"));
    let nt_hash = Box::new(Password::new(PASSWORD).nt_hash());
    let verdict = Box::new(waiting.logon().verify(Some(&nt_hash)));
    let mut server = waiting.finish(*verdict).expect("a logon");
    let exported: &ExportedSessionKey = server.info.exported_session_key().expect("a key");
    *key = *exported.expose();

    // Both ways, so that no half is without its key stream: where an `Option` is `None`, the bytes of its value are whatever the stack had there.
    let mut message = *b"a message";
    let signature = client.session.seal(&mut [Piece::Sealed(&mut message)]).expect("sealed");
    server.session.unseal(&mut [Piece::Sealed(&mut message)], &signature).expect("unsealed");
    let signature = server.session.seal(&mut [Piece::Sealed(&mut message)]).expect("sealed");
    client.session.unseal(&mut [Piece::Sealed(&mut message)], &signature).expect("unsealed");
    let bytes = server.export().expect("exported");
    let server = Box::new(ntlm::Established::import(bytes).expect("imported"));
    drop((copy, server, client, nt_hash));
}

#[test]
fn attack_38_no_freed_memory_holds_a_password_a_hash_or_a_key() {
    let nt_hash = Password::new(PASSWORD).nt_hash();
    let response_key = nt_hash.response_key_nt(&"alice".into(), &"EXAMPLE".into());
    let password: [u8; 16] = *utf16(PASSWORD).first_chunk().expect("a long password");
    let mut key = [0; 16];
    live_and_die(&mut key);
    let keys = [password, *nt_hash.expose(), *response_key.expose(), key];

    // The watch works: a block with any of them in it is noticed.
    for needle in keys {
        let careless = || drop(std::hint::black_box([&[1, 2, 3], &needle[..], &[4]].concat()));
        assert_eq!(freed_with(&keys, careless), 1);
    }
    assert_eq!(freed_with(&keys, || live_and_die(&mut [0; 16])), 0, "secrets in freed memory");
}
