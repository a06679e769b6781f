//! Threads: two directions of one context at once, deletion during a call, and calls that come at the same time.

#[allow(dead_code)]
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread;

use ntlm::{Authority, LogonFailure, LogonSuccess, NetworkLogon, NtHash, Password};
use ntlm_sspi::interface::SECPKG_CONTEXT_EXPORT_DELETE_OLD;
use ntlm_sspi::{AttributeId, AttributeValue, SecHandle, SecurityStatus};
use support::pair::{ALICE, Pair, configuration, configuration_with};

const MESSAGES: u32 = 2000;

fn send(pair: &Pair, context: SecHandle, to: &Sender<([u8; 16], Vec<u8>)>) {
    for number in 0..MESSAGES {
        let mut data = number.to_le_bytes().repeat(1 + number as usize % 50);
        let token = pair.seal(context, &mut data).expect("a message");
        to.send((token, data)).expect("a receiver");
    }
}

fn receive(pair: &Pair, context: SecHandle, from: &Receiver<([u8; 16], Vec<u8>)>) {
    for number in 0..MESSAGES {
        let (token, mut data) = from.recv().expect("a sender");
        pair.unseal(context, token, &mut data).expect("the message");
        assert_eq!(data, number.to_le_bytes().repeat(1 + number as usize % 50));
    }
}

#[test]
fn one_thread_encrypts_while_another_decrypts_on_one_context() {
    let pair = Pair::new(configuration());
    let (client, server) = pair.logon().expect("a logon");
    let ((to_server, from_client), (to_client, from_server)) = (mpsc::channel(), mpsc::channel());
    thread::scope(|scope| {
        let pair = &pair;
        scope.spawn(move || send(pair, client, &to_server));
        scope.spawn(move || send(pair, server, &to_client));
        scope.spawn(move || receive(pair, server, &from_client));
        scope.spawn(move || receive(pair, client, &from_server));
    });
    pair.delete([client, server]);
    pair.end();
}

#[test]
fn threads_that_sign_on_one_context_take_turns() {
    let pair = Pair::new(configuration());
    let (client, server) = pair.logon().expect("a logon");
    let (to, from) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..4 {
            let (pair, to) = (&pair, to.clone());
            scope.spawn(move || {
                for _ in 0..500 {
                    let mut data = *b"a message of whichever thread";
                    let token = pair.seal(client, &mut data).expect("a message");
                    to.send((token, data)).expect("a receiver");
                }
            });
        }
    });
    drop(to);
    let mut messages: Vec<_> = from.iter().collect();
    // Every number was used, and once.
    messages.sort_by_key(|(token, _)| u32::from_le_bytes([token[12], token[13], token[14], token[15]]));
    assert_eq!(messages.len(), 2000);
    for (token, mut data) in messages {
        pair.unseal(server, token, &mut data).expect("the message");
    }
    pair.delete([client, server]);
    pair.end();
}

#[test]
fn eight_threads_log_on_with_one_credential() {
    let pair = Pair::new(configuration());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let (client, server) = pair.logon().expect("a logon");
                    let mut data = *b"hello";
                    let token = pair.seal(client, &mut data).expect("a message");
                    pair.unseal(server, token, &mut data).expect("the message");
                    pair.delete([client, server]);
                }
            });
        }
    });
    pair.end();
}

/// An authority that answers when it is told to, and does something before.
struct Asked {
    account: NtHash,
    asked: Sender<()>,
    answer: Mutex<Receiver<()>>,
}

impl Asked {
    fn new() -> (Self, Receiver<()>, Sender<()>) {
        let ((asked, is_asked), (may_answer, answer)) = (mpsc::channel(), mpsc::channel());
        let account = Password::new(ALICE.2).nt_hash();
        (Self { account, asked, answer: Mutex::new(answer) }, is_asked, may_answer)
    }
}

impl Authority for Asked {
    fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        let _ = self.asked.send(());
        let _ = self.answer.lock().unwrap_or_else(PoisonError::into_inner).recv();
        logon.verify(Some(&self.account))
    }
}

/// Runs `meanwhile` while the authority is being asked about the last leg of a server, and gives what the leg gave.
fn during_the_last_leg(
    pair: &Pair,
    asked: &Receiver<()>,
    answer: &Sender<()>,
    meanwhile: impl FnOnce(SecHandle, &[u8]),
) -> (SecHandle, SecHandle, Result<SecurityStatus, SecurityStatus>) {
    let (client, server, authenticate) = pair.almost();
    let outcome = thread::scope(|scope| {
        let leg = scope.spawn(|| pair.accept(Some(server), &authenticate).map(|outcome| outcome.status));
        asked.recv().expect("a question");
        meanwhile(server, &authenticate);
        answer.send(()).expect("an authority");
        leg.join().expect("no panic")
    });
    (client, server, outcome)
}

#[test]
fn a_context_that_is_deleted_during_a_leg_is_gone_when_it_ends() {
    let (authority, asked, answer) = Asked::new();
    let pair = Pair::new(configuration_with(Arc::new(authority)));
    let (client, server, outcome) = during_the_last_leg(&pair, &asked, &answer, |server, _| {
        pair.sspi.delete_security_context(server).expect("a context");
        assert_eq!(pair.sspi.live().1, 1);
    });
    assert_eq!(outcome, Ok(SecurityStatus::SEC_E_OK), "who uses it keeps it until done");
    let sizes = pair.sspi.query_context_attributes(server, AttributeId::SIZES);
    assert_eq!(sizes, Err(SecurityStatus::SEC_E_INVALID_HANDLE));
    pair.delete([client]);
    pair.end();
}

#[test]
fn a_second_leg_at_the_same_time_is_out_of_sequence_and_does_no_harm() {
    let (authority, asked, answer) = Asked::new();
    let pair = Pair::new(configuration_with(Arc::new(authority)));
    let (client, server, outcome) = during_the_last_leg(&pair, &asked, &answer, |server, authenticate| {
        let second = pair.accept(Some(server), authenticate).map(|outcome| outcome.status);
        assert_eq!(second, Err(SecurityStatus::SEC_E_OUT_OF_SEQUENCE));
    });
    assert_eq!(outcome, Ok(SecurityStatus::SEC_E_OK));
    let mut data = *b"hello";
    let token = pair.seal(client, &mut data).expect("a message");
    pair.unseal(server, token, &mut data).expect("the message");
    pair.delete([client, server]);
    pair.end();
}

#[test]
fn a_context_answers_for_its_sizes_while_its_leg_is_played() {
    let (authority, asked, answer) = Asked::new();
    let pair = Pair::new(configuration_with(Arc::new(authority)));
    let (client, server, outcome) = during_the_last_leg(&pair, &asked, &answer, |server, _| {
        assert!(pair.sspi.query_context_attributes(server, AttributeId::SIZES).is_ok());
        let names = pair.sspi.query_context_attributes(server, AttributeId::NAMES);
        assert_eq!(names, Err(SecurityStatus::SEC_E_INVALID_HANDLE));
        let status = pair.seal(server, &mut [0; 5]);
        assert_eq!(status, Err(SecurityStatus::SEC_E_INVALID_HANDLE));
    });
    assert_eq!(outcome, Ok(SecurityStatus::SEC_E_OK));
    pair.delete([client, server]);
    pair.end();
}

#[test]
fn a_context_is_not_exported_while_it_is_made_anew_and_its_old_keys_work() {
    let (authority, asked, answer) = Asked::new();
    let pair = Pair::new(configuration_with(Arc::new(authority)));
    answer.send(()).expect("an authority");
    let (client, server) = pair.logon().expect("a logon");
    asked.recv().expect("a question");

    let negotiate = pair.initialize(Some(client), None).expect("NEGOTIATE").token;
    let challenge = pair.accept(Some(server), &negotiate).expect("CHALLENGE").token;
    let mut data = *b"hello";
    let token = pair.seal(client, &mut data).expect("a message");
    let authenticate = pair.initialize(Some(client), Some(&challenge)).expect("AUTHENTICATE").token;
    thread::scope(|scope| {
        let leg = scope.spawn(|| pair.accept(Some(server), &authenticate).map(|outcome| outcome.status));
        asked.recv().expect("a question");
        let exported = pair.sspi.export_security_context(server, SECPKG_CONTEXT_EXPORT_DELETE_OLD);
        assert_eq!(exported.map(drop), Err(SecurityStatus::SEC_E_OUT_OF_SEQUENCE));
        pair.unseal(server, token, &mut data).expect("the message");
        answer.send(()).expect("an authority");
        assert_eq!(leg.join().expect("no panic"), Ok(SecurityStatus::SEC_E_OK));
    });
    pair.delete([client, server]);
    pair.end();
}

/// An authority that uses the context that it is asked about.
struct Meddler {
    account: NtHash,
    pair: OnceLock<(Weak<Pair>, SecHandle)>,
    seen: Mutex<Vec<Option<SecurityStatus>>>,
}

impl Authority for Meddler {
    fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        if let Some((pair, context)) = self.pair.get()
            && let Some(pair) = pair.upgrade()
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push(pair.accept(Some(*context), b"NTLMSSP\0").err());
            seen.push(pair.sspi.query_context_attributes(*context, AttributeId::SIZES).err());
            seen.push(pair.sspi.export_security_context(*context, SECPKG_CONTEXT_EXPORT_DELETE_OLD).err());
            let _ = pair.sspi.delete_security_context(*context);
        }
        logon.verify(Some(&self.account))
    }
}

#[test]
fn an_authority_that_uses_the_context_it_is_asked_about_does_not_hang() {
    let account = Password::new(ALICE.2).nt_hash();
    let meddler = Arc::new(Meddler { account, pair: OnceLock::new(), seen: Mutex::default() });
    let pair = Arc::new(Pair::new(configuration_with(Arc::clone(&meddler) as _)));
    let (client, server, authenticate) = pair.almost();
    meddler.pair.set((Arc::downgrade(&pair), server)).expect("once");
    pair.accept(Some(server), &authenticate).expect("a logon");
    let seen = meddler.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let expected = [Some(SecurityStatus::SEC_E_OUT_OF_SEQUENCE), None, Some(SecurityStatus::SEC_E_INVALID_HANDLE)];
    assert_eq!(seen, expected);
    pair.delete([client]);
    assert_eq!(pair.sspi.live(), (2, 0));
}

/// An authority that is right about the first logon and panics at all others.
struct Fragile(NtHash, Mutex<u32>);

impl Authority for Fragile {
    fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        let mut logons = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        *logons += 1;
        assert_eq!(*logons, 1, "on purpose");
        logon.verify(Some(&self.0))
    }
}

#[test]
fn an_authority_that_panics_ends_the_context_and_its_old_keys() {
    let authority = Fragile(Password::new(ALICE.2).nt_hash(), Mutex::new(0));
    let pair = Pair::new(configuration_with(Arc::new(authority)));
    let (client, server) = pair.logon().expect("the first logon");
    let negotiate = pair.initialize(Some(client), None).expect("NEGOTIATE").token;
    let challenge = pair.accept(Some(server), &negotiate).expect("CHALLENGE").token;
    let authenticate = pair.initialize(Some(client), Some(&challenge)).expect("AUTHENTICATE").token;
    let panicked = catch_unwind(AssertUnwindSafe(|| pair.accept(Some(server), &authenticate).map(drop)));
    assert!(panicked.is_err());
    let again = pair.accept(Some(server), &negotiate).map(drop);
    assert_eq!(again, Err(SecurityStatus::SEC_E_OUT_OF_SEQUENCE));
    assert_eq!(pair.seal(server, &mut [0; 5]), Err(SecurityStatus::SEC_E_INVALID_HANDLE));
    pair.delete([client, server]);
    pair.end();
}

#[test]
fn the_client_says_that_more_follows_while_it_is_made_anew() {
    let pair = Pair::new(configuration());
    let (client, server) = pair.logon().expect("a logon");
    let last = || match pair.sspi.query_context_attributes(client, AttributeId::LAST_CLIENT_TOKEN_STATUS) {
        Ok(AttributeValue::LastClientTokenStatus(status)) => status as u32,
        other => panic!("{other:?}"),
    };
    assert_eq!(last(), 0);
    pair.initialize(Some(client), None).expect("NEGOTIATE");
    assert_eq!(last(), 1);
    pair.delete([client, server]);
    pair.end();
}
