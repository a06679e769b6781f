//! Handles: nothing is left behind by many logons, and what is no handle of the right kind does nothing.

#[allow(dead_code)]
mod support;

use ntlm_sspi::tables::attributes::SECPKG_CRED_ATTR_NAMES;
use ntlm_sspi::{AttributeId, Buffer, BufferType, SecHandle, SecurityStatus};
use support::pair::{Pair, configuration};

#[test]
fn ten_thousand_logons_leave_nothing_behind() {
    let pair = Pair::new(configuration());
    for _ in 0..10_000 {
        let (client, server) = pair.logon().expect("a logon");
        assert_eq!(pair.sspi.live(), (2, 2));
        pair.delete([client, server]);
    }
    assert_eq!(pair.sspi.live(), (2, 0));
    pair.end();
}

#[test]
fn logons_that_fail_on_any_leg_leave_nothing_behind() {
    let mut pair = Pair::new(configuration());
    for _ in 0..100 {
        // No context.
        let wrong = pair.accept(None, b"NTLMSSP\0\x01").map(drop);
        assert_eq!(wrong, Err(SecurityStatus::SEC_E_INVALID_TOKEN));
        pair.client_request |= 1;
        assert_eq!(pair.initialize(None, None).map(drop), Err(SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION));
        pair.client_request &= !1;
        assert_eq!(pair.sspi.live().1, 0);

        // A context that failed.
        let (client, server, mut authenticate) = pair.almost();
        authenticate.truncate(20);
        assert_eq!(pair.accept(Some(server), &authenticate).map(drop), Err(SecurityStatus::SEC_E_INVALID_TOKEN));
        assert_eq!(pair.sspi.live().1, 2);
        pair.delete([client, server]);

        // A context that was never completed.
        let first = pair.initialize(None, None).expect("NEGOTIATE");
        pair.delete([first.context]);
    }
    pair.end();
}

/// What every function answers to a context that is none, in the order in which they are tried.
fn refusals(pair: &Pair, handle: SecHandle) -> Vec<(&'static str, SecurityStatus)> {
    let sspi = &pair.sspi;
    let (mut token, mut data) = ([0; 16], [0x5a; 16]);
    let mut refused = Vec::new();
    let mut note = |function, result: Result<(), SecurityStatus>| {
        refused.push((function, result.err().unwrap_or(SecurityStatus::SEC_E_OK)));
    };
    note("InitializeSecurityContext", pair.initialize(Some(handle), Some(b"NTLMSSP\0")).map(drop));
    note("AcceptSecurityContext", pair.accept(Some(handle), b"NTLMSSP\0").map(drop));
    note("QueryContextAttributes", sspi.query_context_attributes(handle, AttributeId::SIZES).map(drop));
    note("CompleteAuthToken", sspi.unsupported_on_context(handle));
    note("ImpersonateSecurityContext", sspi.impersonate(handle));
    note("ExportSecurityContext", sspi.export_security_context(handle, 2).map(drop));
    let mut buffers = [Buffer::new(BufferType::TOKEN, &mut token), Buffer::new(BufferType::DATA, &mut data)];
    note("MakeSignature", sspi.make_signature(handle, &mut buffers, 0));
    note("VerifySignature", sspi.verify_signature(handle, &mut buffers, 0).map(drop));
    note("EncryptMessage", sspi.encrypt_message(handle, 0, &mut buffers, 0));
    note("DecryptMessage", sspi.decrypt_message(handle, &mut buffers, 0).map(drop));
    assert_eq!((token, data), ([0; 16], [0x5a; 16]), "{handle:?} changed a buffer");
    refused
}

fn no_context(pair: &Pair, handle: SecHandle) {
    for (function, status) in refusals(pair, handle) {
        assert_eq!(status, SecurityStatus::SEC_E_INVALID_HANDLE, "{function} of {handle:?}");
    }
}

fn no_credential(pair: &Pair, handle: SecHandle) {
    let sspi = &pair.sspi;
    assert_eq!(sspi.free_credentials_handle(handle), Err(SecurityStatus::SEC_E_INVALID_HANDLE), "{handle:?}");
    let name = sspi.query_credentials_attributes(handle, SECPKG_CRED_ATTR_NAMES);
    assert_eq!(name, Err(SecurityStatus::SEC_E_INVALID_HANDLE), "{handle:?}");
    assert_eq!(sspi.unsupported_on_credential(handle), Err(SecurityStatus::SEC_E_INVALID_HANDLE), "{handle:?}");
}

#[test]
fn random_handles_name_nothing() {
    let pair = Pair::new(configuration());
    let (client, server) = pair.logon().expect("a logon");
    for _ in 0..1000 {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("randomness");
        let [lower, upper] = [0, 8].map(|at| usize::from_ne_bytes(bytes[at..at + 8].try_into().expect("a word")));
        for handle in [
            SecHandle { lower, upper },
            // The slot is right, and the rest guessed.
            SecHandle { lower: client.lower, upper },
            SecHandle { lower, upper: client.upper },
        ] {
            no_context(&pair, handle);
            no_credential(&pair, handle);
            let deleted = pair.sspi.delete_security_context(handle);
            assert_eq!(deleted, Err(SecurityStatus::SEC_E_INVALID_HANDLE), "{handle:?}");
        }
    }
    pair.delete([client, server]);
    pair.end();
}

#[test]
fn handles_next_to_a_real_one_name_nothing() {
    let pair = Pair::new(configuration());
    let (client, server) = pair.logon().expect("a logon");
    for bit in 0..usize::BITS {
        for handle in [
            SecHandle { lower: client.lower ^ 1 << bit, ..client },
            SecHandle { upper: client.upper ^ 1 << bit, ..client },
            SecHandle { upper: pair.client.upper ^ 1 << bit, ..pair.client },
        ] {
            no_context(&pair, handle);
            no_credential(&pair, handle);
        }
    }
    pair.delete([client, server]);
    pair.end();
}

#[test]
fn stale_handles_name_nothing_however_often_their_slot_is_used_again() {
    let pair = Pair::new(configuration());
    let mut stale = Vec::new();
    for _ in 0..200 {
        let first = pair.initialize(None, None).expect("NEGOTIATE");
        assert!(!stale.contains(&first.context), "a handle was given out twice");
        for handle in &stale {
            no_context(&pair, *handle);
            assert_eq!(pair.sspi.delete_security_context(*handle), Ok(()), "it was there once");
        }
        assert_eq!(pair.sspi.live().1, 1, "a stale handle deleted another's context");
        pair.delete([first.context]);
        stale.push(first.context);
    }
    pair.end();
}

#[test]
fn contexts_are_no_credentials_and_credentials_no_contexts() {
    let pair = Pair::new(configuration());
    let (client, server) = pair.logon().expect("a logon");
    for credential in [pair.client, pair.server] {
        no_context(&pair, credential);
        let deleted = pair.sspi.delete_security_context(credential);
        assert_eq!(deleted, Err(SecurityStatus::SEC_E_INVALID_HANDLE));
    }
    for context in [client, server] {
        no_credential(&pair, context);
    }
    assert_eq!(pair.sspi.live(), (2, 2));
    pair.delete([client, server]);
    pair.end();
}

#[test]
fn handles_of_another_interface_name_nothing() {
    let (pair, other) = (Pair::new(configuration()), Pair::new(configuration()));
    let (client, server) = pair.logon().expect("a logon");
    let (foreign_client, foreign_server) = other.logon().expect("a logon");
    for handle in [client, server] {
        no_context(&other, handle);
        assert_eq!(other.sspi.delete_security_context(handle), Err(SecurityStatus::SEC_E_INVALID_HANDLE));
    }
    no_credential(&other, pair.client);
    pair.delete([client, server]);
    other.delete([foreign_client, foreign_server]);
    pair.end();
    other.end();
}

#[test]
fn handles_are_valid_as_callers_test_it() {
    let pair = Pair::new(configuration());
    let (client, server) = pair.logon().expect("a logon");
    for handle in [pair.client, pair.server, client, server] {
        for word in [handle.lower, handle.upper] {
            assert!(![0, usize::MAX, usize::MAX - 1].contains(&word), "{handle:?}");
        }
    }
    pair.delete([client, server]);
    pair.end();
}

#[test]
fn a_context_that_is_abandoned_after_its_first_leg_is_gone_and_after_a_later_one_has_failed() {
    let pair = Pair::new(configuration());
    let first = pair.initialize(None, None).expect("NEGOTIATE");
    pair.sspi.abandon_security_context(first.context, true);
    assert_eq!(pair.sspi.live().1, 0);
    no_context(&pair, first.context);

    let (client, server) = pair.logon().expect("a logon");
    pair.sspi.abandon_security_context(server, false);
    assert_eq!(pair.sspi.live().1, 2);
    let again = pair.accept(Some(server), b"NTLMSSP\0").map(drop);
    assert_eq!(again, Err(SecurityStatus::SEC_E_OUT_OF_SEQUENCE));
    assert_eq!(pair.seal(server, &mut [0; 5]), Err(SecurityStatus::SEC_E_INVALID_HANDLE));
    pair.delete([client, server]);
    pair.end();
}
