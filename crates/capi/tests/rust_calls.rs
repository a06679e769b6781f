//! The exported functions called from Rust as C calls them: the tables, an exchange, and random bytes where bytes go.

#![allow(clippy::undocumented_unsafe_blocks, reason = "every pointer is to a local of the test that is called")]

use std::ffi::{CStr, c_void};
use std::ptr::{null, null_mut};

use ntlm_sspi::SecurityStatus as S;
use ntlmsspi::types::*;
use ntlmsspi::{attributes, context, credentials, extension, identity_helpers, message, packages, table};
use proptest::prelude::*;

const TOKEN: u32 = 2;

fn status(status: i32) -> S {
    S(status)
}

fn buffer(kind: u32, bytes: &mut [u8]) -> SecBuffer {
    let length = u32::try_from(bytes.len()).expect("a short buffer");
    SecBuffer { cbBuffer: length, BufferType: kind, pvBuffer: bytes.as_mut_ptr().cast() }
}

fn descriptor(buffers: &mut [SecBuffer]) -> SecBufferDesc {
    let count = u32::try_from(buffers.len()).expect("few buffers");
    SecBufferDesc { ulVersion: 0, cBuffers: count, pBuffers: buffers.as_mut_ptr().cast() }
}

const NO_HANDLE: SecHandle = SecHandle { dwLower: 0, dwUpper: 0 };

/// Credentials for both directions.
fn acquire() -> SecHandle {
    let mut text = *b"alice\0Passw0rd!\0EXAMPLE";
    let start = text.as_mut_ptr();
    let identity = SEC_WINNT_AUTH_IDENTITY {
        User: start.cast(),
        UserLength: 5,
        Domain: start.wrapping_add(16).cast(),
        DomainLength: 7,
        Password: start.wrapping_add(6).cast(),
        PasswordLength: 9,
        Flags: 1,
    };
    let (mut handle, mut expiry) = (NO_HANDLE, 0);
    let data = (&raw const identity).cast_mut().cast();
    let (none, package) = (null_mut(), c"NTLM".as_ptr());
    let answer = unsafe {
        credentials::AcquireCredentialsHandleA(
            none,
            package,
            3,
            none,
            data,
            none,
            none,
            &raw mut handle,
            &raw mut expiry,
        )
    };
    assert_eq!(status(answer), S::SEC_E_OK);
    assert_eq!(expiry, 0x7fff_ff36_d596_9fff);
    handle
}

/// The first leg of a client.
fn negotiate(credential: SecHandle, memory: &mut [u8]) -> (SecHandle, usize) {
    let mut output = [buffer(TOKEN, memory)];
    let mut outputs = descriptor(&mut output);
    let (mut context, mut attr) = (NO_HANDLE, 0);
    let answer = unsafe {
        context::InitializeSecurityContextW(
            &raw const credential,
            null(),
            null(),
            0x1_001c,
            0,
            0,
            null_mut(),
            0,
            &raw mut context,
            &raw mut outputs,
            &raw mut attr,
            null_mut(),
        )
    };
    assert_eq!(status(answer), S::SEC_I_CONTINUE_NEEDED);
    (context, output[0].cbBuffer as usize)
}

fn accept(
    credential: SecHandle,
    context: Option<&SecHandle>,
    token: &mut [u8],
    memory: &mut [u8],
) -> (S, SecHandle, usize) {
    let (mut input, mut output) = ([buffer(TOKEN, token)], [buffer(TOKEN, memory)]);
    let (mut inputs, mut outputs) = (descriptor(&mut input), descriptor(&mut output));
    let (mut made, mut attr) = (NO_HANDLE, 0);
    let answer = unsafe {
        context::AcceptSecurityContext(
            &raw const credential,
            context.map_or(null(), std::ptr::from_ref),
            &raw mut inputs,
            0,
            0,
            &raw mut made,
            &raw mut outputs,
            &raw mut attr,
            null_mut(),
        )
    };
    (status(answer), made, output[0].cbBuffer as usize)
}

fn delete(context: SecHandle) {
    assert_eq!(status(unsafe { context::DeleteSecurityContext(&raw const context) }), S::SEC_E_OK);
}

fn free(credential: SecHandle) {
    assert_eq!(status(unsafe { credentials::FreeCredentialsHandle(&raw const credential) }), S::SEC_E_OK);
}

#[test]
fn every_slot_of_the_tables_is_filled_but_the_reserved_ones() {
    let (wide, narrow) = (table::InitSecurityInterfaceW(), table::InitSecurityInterfaceA());
    assert!(
        std::ptr::eq(wide, table::InitSecurityInterfaceExW(0))
            && std::ptr::eq(narrow, table::InitSecurityInterfaceExA(1))
    );
    for words in [wide.cast::<usize>(), narrow.cast()] {
        let words = unsafe { std::slice::from_raw_parts(words, 32) };
        assert_eq!(words[0] as u32, 1);
        for (index, &word) in words.iter().enumerate().skip(1) {
            assert_eq!(word == 0, [5, 23].contains(&index), "{index}");
        }
        assert_eq!((words[18], words[19]), (words[25], words[26]));
    }
}

#[test]
fn an_exchange_without_accounts_ends_with_its_reason() {
    // Without settings in its environment this process knows nobody, and does not answer its own challenges.
    let credential = acquire();
    let (mut first, mut second, mut third) = ([0; 2888], [0; 2888], [0; 2888]);
    let (client, length) = negotiate(credential, &mut first);
    let (answer, server, length) = accept(credential, None, &mut first[..length], &mut second);
    assert_eq!(answer, S::SEC_I_CONTINUE_NEEDED);
    let (mut input, mut output) = ([buffer(TOKEN, &mut second[..length])], [buffer(TOKEN, &mut third)]);
    let (mut inputs, mut outputs) = (descriptor(&mut input), descriptor(&mut output));
    let answer = unsafe {
        context::InitializeSecurityContextA(
            null(),
            &raw const client,
            c"test/host".as_ptr(),
            0x1_001c,
            0,
            0,
            &raw mut inputs,
            0,
            null_mut(),
            &raw mut outputs,
            null_mut(),
            null_mut(),
        )
    };
    assert_eq!(status(answer), S::SEC_E_WRONG_PRINCIPAL);
    let reason = unsafe { CStr::from_ptr(extension::ntlm_sspi_last_error()) }.to_str().expect("UTF-8");
    assert!(reason.starts_with("InitializeSecurityContextA: SEC_E_WRONG_PRINCIPAL"), "{reason}");
    delete(client);
    delete(server);
    free(credential);
}

#[test]
fn packages_are_one_block() {
    let (mut count, mut list) = (0, null_mut());
    assert_eq!(status(unsafe { packages::EnumerateSecurityPackagesW(&raw mut count, &raw mut list) }), S::SEC_E_OK);
    assert_eq!(count, 2);
    let first = unsafe { list.cast::<SecPkgInfo>().read() };
    assert_eq!(first.fCapabilities, 0x82b37);
    assert_eq!(status(unsafe { packages::FreeContextBuffer(first.Name) }), S::SEC_E_INVALID_HANDLE);
    assert_eq!(status(unsafe { packages::FreeContextBuffer(list) }), S::SEC_E_OK);
    assert_eq!(status(unsafe { packages::FreeContextBuffer(list) }), S::SEC_E_INVALID_HANDLE);
}

/// An identity whose strings are one character each, the last byte of `text` being none of theirs.
fn short_identity(text: &mut [u8; 4], flags: u32) -> SEC_WINNT_AUTH_IDENTITY {
    let start = text.as_mut_ptr();
    SEC_WINNT_AUTH_IDENTITY {
        User: start.cast(),
        UserLength: 1,
        Domain: start.wrapping_add(1).cast(),
        DomainLength: 1,
        Password: start.wrapping_add(2).cast(),
        PasswordLength: 1,
        Flags: flags,
    }
}

#[test]
fn no_identity_is_made_that_could_not_be_read() {
    for (length, expected) in [(512, S::SEC_E_OK), (513, S::SEC_E_INVALID_TOKEN)] {
        let password: Vec<u16> = std::iter::repeat_n(0x61, length).chain([0]).collect();
        let mut made = null_mut();
        let answer = unsafe {
            identity_helpers::SspiEncodeStringsAsAuthIdentity(null(), null(), password.as_ptr(), &raw mut made)
        };
        assert_eq!(status(answer), expected);
        assert_eq!(status(unsafe { identity_helpers::SspiValidateAuthIdentity(made) }), expected);
        unsafe { identity_helpers::SspiFreeAuthIdentity(made) };
    }
}

#[test]
fn what_is_made_of_an_encrypted_identity_says_that_it_is_encrypted() {
    const PROCESS_ENCRYPTED: u32 = 0x10;
    let mut text = *b"udp.";
    let mut identity = short_identity(&mut text, 1 | PROCESS_ENCRYPTED);
    let identity = (&raw mut identity).cast();
    let (mut copy, mut less, mut elsewhere) = (null_mut(), null_mut(), null_mut());
    let (mut length, mut marshalled) = (0, null_mut());
    let name = [u16::from(b'X'), 0];
    let answers = unsafe {
        [
            identity_helpers::SspiCopyAuthIdentity(identity, &raw mut copy),
            identity_helpers::SspiExcludePackage(identity, name.as_ptr(), &raw mut less),
            identity_helpers::SspiMarshalAuthIdentity(identity, &raw mut length, &raw mut marshalled),
            identity_helpers::SspiUnmarshalAuthIdentity(length, marshalled, &raw mut elsewhere),
        ]
    };
    assert_eq!(answers.map(status), [S::SEC_E_OK; 4]);
    for made in [copy, less, marshalled, elsewhere] {
        assert_eq!(unsafe { identity_helpers::SspiIsAuthIdentityEncrypted(made) }, 1);
        let (mut user, mut domain, mut password) = (null_mut(), null_mut(), null_mut());
        let answer = unsafe {
            identity_helpers::SspiEncodeAuthIdentityAsStrings(made, &raw mut user, &raw mut domain, &raw mut password)
        };
        assert_eq!(status(answer), S::SEC_E_UNSUPPORTED_FUNCTION);
        assert_eq!([user, domain, password], [null_mut(); 3]);
        // Or what is encrypted would be taken for a password.
        let (none, mut handle) = (null_mut(), NO_HANDLE);
        let answer = unsafe {
            credentials::AcquireCredentialsHandleA(
                none,
                c"NTLM".as_ptr(),
                2,
                none,
                made,
                none,
                none,
                &raw mut handle,
                null_mut(),
            )
        };
        assert_eq!(status(answer), S::SEC_E_UNKNOWN_CREDENTIALS);
        unsafe { identity_helpers::SspiFreeAuthIdentity(made) };
    }
}

#[test]
fn zeroing_stays_within_the_strings_when_the_flags_contradict_each_other() {
    for flags in [0, 1, 3] {
        let mut text = *b"udp.";
        let mut identity = short_identity(&mut text, flags);
        unsafe { identity_helpers::SspiZeroAuthIdentity((&raw mut identity).cast()) };
        assert_eq!((text, identity.User, identity.Flags), (*b"\0\0\0.", null_mut(), 0));
    }
}

#[test]
fn zeroing_leaves_the_way_to_a_string_that_it_passes_over() {
    for (length, passed_over) in [(512, false), (513, true), (u32::MAX, true)] {
        let (mut text, mut password) = (*b"ud..", [b'p'; 513]);
        let mut identity = short_identity(&mut text, 1);
        let start: *mut c_void = password.as_mut_ptr().cast();
        (identity.Password, identity.PasswordLength) = (start, length);
        unsafe { identity_helpers::SspiZeroAuthIdentity((&raw mut identity).cast()) };
        assert_eq!(text, *b"\0\0..", "{length}");
        if passed_over {
            assert_eq!((identity.Password, identity.PasswordLength, identity.Flags), (start, length, 1));
            assert_eq!(password, [b'p'; 513]);
        } else {
            assert_eq!((identity.Password, identity.PasswordLength, identity.Flags), (null_mut(), 0, 0));
            assert!(password.starts_with(&[0; 512]) && password.ends_with(b"p"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 256 }))]

    #[test]
    fn no_token_of_random_bytes_is_taken(mut token in prop::collection::vec(any::<u8>(), 0..300), header in any::<bool>()) {
        if header {
            token.splice(0..0, *b"NTLMSSP\0\x01\0\0\0");
        }
        let credential = acquire();
        let mut memory = [0; 2888];
        let (answer, context, _) = accept(credential, None, &mut token.clone(), &mut memory);
        if answer.is_success() {
            let (again, ..) = accept(credential, Some(&context), &mut token, &mut memory);
            prop_assert!(!again.is_success());
            delete(context);
        }
        free(credential);
    }

    #[test]
    fn identities_of_random_bytes_are_read_within_their_bounds(mut bytes in prop::collection::vec(any::<u8>(), 48..200), sane in any::<bool>()) {
        bytes.splice(0..4, 0x201_u32.to_ne_bytes());
        if sane {
            let length = u32::try_from(bytes.len()).expect("a short one");
            bytes.splice(4..6, 48_u16.to_ne_bytes());
            bytes.splice(8..12, length.to_ne_bytes());
            // Offsets and lengths that are near the truth.
            for place in [12, 20, 28, 40] {
                bytes[place + 1..place + 4].fill(0);
                bytes[place + 5] = 0;
            }
        }
        let (length, mut made) = (u32::try_from(bytes.len()).expect("a short one"), null_mut());
        let memory: *mut c_void = bytes.as_mut_ptr().cast();
        let answer = status(unsafe { identity_helpers::SspiUnmarshalAuthIdentity(length, memory, &raw mut made) });
        prop_assert_eq!(answer.is_success(), !made.is_null());
        unsafe { identity_helpers::SspiFreeAuthIdentity(made) };
    }

    #[test]
    fn random_handles_find_nothing(lower in any::<usize>(), upper in any::<usize>(), attribute in any::<u32>()) {
        let handle = SecHandle { dwLower: lower, dwUpper: upper };
        let mut room = [0_u64; 8];
        let answer = unsafe { attributes::QueryContextAttributesW(&raw const handle, attribute, room.as_mut_ptr().cast()) };
        prop_assert_eq!(status(answer), S::SEC_E_INVALID_HANDLE);
        let mut bytes = [0; 32];
        let (token, data) = bytes.split_at_mut(16);
        let mut parts = [buffer(TOKEN, token), buffer(1, data)];
        let mut message = descriptor(&mut parts);
        prop_assert_eq!(status(unsafe { message::EncryptMessage(&raw const handle, 0, &raw mut message, 0) }), S::SEC_E_INVALID_HANDLE);
        prop_assert_eq!(room, [0; 8]);
    }
}
