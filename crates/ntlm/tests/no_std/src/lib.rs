//! The crate `ntlm` without a standard library: a static library with an allocator and a panic handler of its own, which a C program calls.
//!
//! If anything below `ntlm` linked std, there would be two panic handlers, and this would not compile.

#![no_std]

extern crate alloc;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicUsize, Ordering};

use ntlm::{
    ClientConfig, Credentials, EntropyError, Error, FileTime, Password, Piece, Requirements, ServerConfig, ServerNames,
    ServerPolicy, client, server,
};

/// Gives memory out and never takes it back.
struct Bump {
    memory: UnsafeCell<[u8; SIZE]>,
    used: AtomicUsize,
}

const SIZE: usize = 1024 * 1024;

// SAFETY: `memory` is only reached through `alloc`, which gives no byte out twice.
unsafe impl Sync for Bump {}

// SAFETY: the block lies inside `memory`, is aligned as asked, and overlaps no other: `used` only grows, in one atomic step for each block.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let memory = self.memory.get().cast::<u8>();
        // Enough for the block wherever the alignment puts its start.
        let room = layout.size() + layout.align();
        let at = self.used.fetch_add(room, Ordering::Relaxed);
        if at + room > SIZE {
            return core::ptr::null_mut();
        }
        let padding = (memory.addr() + at).next_multiple_of(layout.align()) - (memory.addr() + at);
        memory.wrapping_add(at + padding)
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static MEMORY: Bump = Bump { memory: UnsafeCell::new([0; SIZE]), used: AtomicUsize::new(0) };

// SAFETY: the C library's abort() takes nothing and does not return.
unsafe extern "C" {
    safe fn abort() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    abort()
}

/// A whole exchange and a sealed message; 0 when all went well.
// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
pub extern "C" fn ntlm_no_std_exchange() -> i32 {
    match exchange() {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(_) => 2,
    }
}

fn exchange() -> Result<bool, Error> {
    let mut counter = 0_u8;
    let mut entropy = |bytes: &mut [u8]| -> Result<(), EntropyError> {
        bytes.fill_with(|| {
            counter = counter.wrapping_add(1);
            counter
        });
        Ok(())
    };
    let now = FileTime(133_500_096_000_000_000);
    let (mut negotiate, mut challenge, mut authenticate) = (Vec::new(), Vec::new(), Vec::new());

    let credentials = Credentials::new(r"EXAMPLE\alice", &Password::new("secret"));
    let wanted = client::Exchange { requirements: Requirements::seal(), ..client::Exchange::default() };
    let client =
        client::Start::new(Arc::new(ClientConfig::default()), Arc::new(credentials), wanted).send(&mut negotiate)?;
    let config = ServerConfig::new(ServerNames::member("SERVER1", "EXAMPLE"), ServerPolicy::strict());
    let server = server::ExpectNegotiate::new(Arc::new(config), server::Exchange::default());
    let server = server.receive(&negotiate, now, &mut entropy, &mut challenge)?;
    let mut client = client.receive(&challenge, now, &mut entropy, &mut authenticate)?;
    let question = server.receive(&authenticate, now)?;
    let verdict = question.logon().verify(Some(&Password::new("secret").nt_hash()));
    let mut server = question.finish(verdict)?;

    let mut message = *b"message";
    let signature = client.session.seal(&mut [Piece::Sealed(&mut message)])?;
    let sealed = message != *b"message";
    server.session.unseal(&mut [Piece::Sealed(&mut message)], &signature)?;
    Ok(sealed && message == *b"message" && negotiate.starts_with(b"NTLMSSP\0"))
}
