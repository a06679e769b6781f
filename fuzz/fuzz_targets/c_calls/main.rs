//! Random sequences of calls through the C tables and of the other exported functions, as a careless C program makes them: handles that are valid, stale, foreign
//! or random, buffers of any type and size, tokens that are true, changed, cut or made up, identities in every form, certificates that are none, callbacks
//! that answer anything, NULL everywhere. What the program vouches for stays true, as C has no way to check it: `cbBuffer` bytes are there, texts have their NUL.
//!
//! No call crashes, each answers with a status of SSPI, no byte outside the caller's buffers changes, and when all handles are closed and all blocks freed
//! nothing of the library's is left.
//!
//! The first byte chooses the table; each call is a byte and what the call takes from the bytes behind it ([`program`] says which byte is which call).
//!
//! | module | what |
//! |---|---|
//! | [`input`], [`buffers`], [`identity`] | bytes to choose by; memory of the program's: texts, descriptors, identities |
//! | [`program`] | what a program holds, and the choice of its calls |
//! | [`legs`], [`calls`] | the functions of the tables |
//! | [`identity_helpers`] | the Sspi* functions |
//! | [`extension`], [`callbacks`], [`certificate`] | `ntlm_sspi.h` |
#![no_main]

mod buffers;
mod callbacks;
mod calls;
mod certificate;
mod extension;
mod identity;
mod identity_helpers;
mod input;
mod legs;
mod program;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use ntlmsspi::extension::ntlm_sspi_live;
use ntlmsspi::table::{InitSecurityInterfaceA, InitSecurityInterfaceW};

use crate::input::Input;
use crate::program::Program;

fuzz_target!(
    init: settings(),
    |data: &[u8]| {
        let mut input = Input::new(data);
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
    assert!(program.handshake(&mut Input::new(&[])), "the account is not found");
    program.close();
}
