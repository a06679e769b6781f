//! Attacks on the messages after the logon, and on sessions whose key everybody knows.

use ntlm::context::IdentityKind;
use ntlm::error::{Error, Incompatible, OutOfSequence, Rejected};
use ntlm::export::ExportedContext;
use ntlm::secret::{ExportedSessionKey, SessionBaseKey};
use ntlm::session::Signature;
use ntlm::wire::MessageSignature;
use ntlm::{
    Credentials, Established, LogonFailure, LogonSuccess, NegotiateFlags, NetworkLogon, Piece, Requirements, Role,
    Session,
};

use crate::common::{Recording, strict_and_windows};
use crate::support::pair::{Pair, Step};
use crate::support::script::{Mic, PROTECTED, Script};

use NegotiateFlags as F;

fn key(bytes: [u8; 16]) -> ExportedSessionKey {
    SessionBaseKey::from_authority(bytes).key_exchange_key_v2().exported_session_key()
}

/// The two ends of a session under one key.
fn ends(flags: F) -> (Session, Session) {
    let end = |role| Session::from_key(role, flags, 15, &key([0x55; 16]));
    (end(Role::Client), end(Role::Server))
}

/// Every way to sign and seal there is: with the key stream in the signature, without it, and the shared stream of old sessions.
const KINDS: [F; 3] =
    [F(0xe28a_8233), F(0xe28a_8233 & !F::KEY_EXCH.0), F(0xe28a_8233 & !F::EXTENDED_SESSIONSECURITY.0)];

fn seal(session: &mut Session, message: &[u8]) -> (Vec<u8>, Signature) {
    let mut sealed = message.to_vec();
    let signature = session.seal(&mut [Piece::Sealed(&mut sealed)]).expect("sealed");
    (sealed, signature)
}

fn unseal(session: &mut Session, (sealed, signature): &(Vec<u8>, Signature)) -> (Vec<u8>, Result<(), Error>) {
    let mut message = sealed.clone();
    let outcome = session.unseal(&mut [Piece::Sealed(&mut message)], signature);
    (message, outcome)
}

/// Asserts that a context is nobody's: no proof of anything, no key, no signature made or believed.
#[track_caller]
fn assert_worthless(context: &mut Established, kind: IdentityKind) {
    assert_eq!(context.info.identity().kind, kind);
    assert!(!context.info.is_authenticated() && !context.info.has_mic());
    let attributes = context.info.attributes();
    assert!(!attributes.integrity && !attributes.confidentiality && !attributes.replay_detect);
    assert_eq!(
        (attributes.anonymous, attributes.guest),
        (kind == IdentityKind::Anonymous, kind == IdentityKind::Guest)
    );
    let none: Error = Incompatible::NoSessionSecurity.into();
    assert_eq!(context.info.exported_session_key().map(|_| ()), Err(none.clone()));
    let session = &mut context.session;
    assert!(!session.signs() && !session.seals());
    assert_eq!(session.sign(&[b"x"]), Err(none.clone()));
    assert_eq!(session.seal(&mut [Piece::Sealed(&mut [1])]), Err(none.clone()));
    assert_eq!(session.mech_list_mic(b"x"), Err(none.clone()));

    // What anybody can sign with the key that everybody knows, and the signature that stands for none.
    let mut anybody = Session::from_key(Role::Client, PROTECTED, 15, &key([0; 16]));
    let signature = anybody.sign(&[b"x"]).expect("signed");
    for signature in [signature, MessageSignature::DUMMY] {
        assert_eq!(session.verify(&[b"x"], &signature), Err(none.clone()));
        assert_eq!(session.unseal(&mut [Piece::SignedOnly(b"x")], &signature), Err(none.clone()));
        assert_eq!(session.verify_mech_list_mic(b"x", &signature), Err(none.clone()));
    }
}

fn anonymous(logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
    LogonSuccess::anonymous(logon).ok_or(LogonFailure::LOGON_FAILURE)
}

#[test]
fn attack_18_an_anonymous_context_proves_nothing() {
    for pair in strict_and_windows() {
        let mut pair = pair.with_authority(anonymous).with_credentials(Credentials::anonymous());
        pair.server_config.policy.allow_anonymous = true;
        let (mut client, mut server) = pair.run().expect("allowed");
        assert_worthless(&mut client, IdentityKind::Anonymous);
        assert_worthless(&mut server, IdentityKind::Anonymous);

        // Signing, sealing and a key exchange agreed in the flags change nothing.
        let script = || Script {
            user: "".into(),
            domain: "".into(),
            raw_responses: Some((vec![0], Vec::new())),
            mic: Mic::None,
            ..Script::new()
        };
        let mut server = script().run(&mut pair).expect("allowed");
        assert!(server.info.flags().contains(F::SIGN | F::SEAL | F::KEY_EXCH));
        assert_worthless(&mut server, IdentityKind::Anonymous);
        let mut again = Established::import(server.export().expect("exported")).expect("imported");
        assert_worthless(&mut again, IdentityKind::Anonymous);

        // Who requires protection does not get such a context.
        pair.server_exchange.requirements = Requirements::sign();
        let error = script().run(&mut pair).expect_err("no protection");
        assert_eq!(error.error, Incompatible::NoSessionSecurity.into());
        pair.client_exchange.requirements = Requirements::sign();
        let error = pair.refused();
        assert_eq!((error.side, error.step), (Role::Client, Step::Begin));
        assert_eq!(error.error, Incompatible::NoSessionSecurity.into());
    }
}

#[test]
fn attack_18_a_guest_proves_nothing() {
    for pair in strict_and_windows() {
        let mut pair = pair.with_authority(|logon| Ok(LogonSuccess::guest(logon)));
        assert_eq!(Script::new().run(&mut pair).expect_err("no guests").error, LogonFailure::LOGON_FAILURE.into());
        pair.server_config.policy.allow_guest = true;
        let mut server = Script::new().run(&mut pair).expect("allowed");
        assert_worthless(&mut server, IdentityKind::Guest);
        pair.server_exchange.requirements = Requirements::seal();
        let error = Script::new().run(&mut pair).expect_err("no protection");
        assert_eq!(error.error, Incompatible::NoSessionSecurity.into());
    }
}

#[test]
fn attack_18_no_verdict_makes_an_anonymous_logon_a_users() {
    for pair in strict_and_windows() {
        let mut pair = pair.with_credentials(Credentials::anonymous());
        pair.server_config.policy.allow_anonymous = true;
        pair.server_config.policy.allow_guest = true;
        for verdict in [
            (|logon| Ok(LogonSuccess::from_authority(logon, SessionBaseKey::from_authority([9; 16]), None)))
                as fn(&NetworkLogon) -> Result<LogonSuccess, LogonFailure>,
            |logon| Ok(LogonSuccess::guest(logon)),
            |logon| logon.verify(Some(&ntlm::Password::new("").nt_hash())),
        ] {
            pair = pair.with_authority(verdict);
            assert_eq!(pair.refused().error, LogonFailure::LOGON_FAILURE.into());
        }
    }
}

#[test]
fn attack_40_a_verdict_without_a_key_lets_nobody_in() {
    // What a server takes that asked over a channel nobody authenticated: yes, and a key of zeros.
    for pair in strict_and_windows() {
        let mut pair = pair.with_authority(|logon| {
            Ok(LogonSuccess::from_authority(logon, SessionBaseKey::from_authority([0; 16]), None))
        });
        assert_eq!(pair.refused().error, LogonFailure::LOGON_FAILURE.into());
        assert!(Script::without_mic().run(&mut pair).is_err());
    }
}

#[test]
fn attack_21_a_connectionless_sequence_number_is_used_once() {
    let (mut client, mut server) = ends(KINDS[0] | F::DATAGRAM);
    let reused: Error = OutOfSequence::SequenceNumberReused.into();
    let send = |session: &mut Session, number| {
        let mut message = *b"message";
        session.seal_datagram(number, &mut [Piece::Sealed(&mut message)]).map(|_| message)
    };
    let first = send(&mut client, 5).expect("the first");
    for number in [0, 4, 5] {
        assert_eq!(send(&mut client, number), Err(reused.clone()));
    }
    assert_ne!(send(&mut client, 6).expect("the next"), first);
    assert!(send(&mut client, u32::MAX - 1).is_ok());
    assert_eq!(send(&mut client, u32::MAX - 1), Err(reused));
    assert_eq!(send(&mut client, u32::MAX), Err(OutOfSequence::Exhausted.into()));
    // The two directions have keys of their own.
    assert_ne!(send(&mut server, 5).expect("the first"), first);
}

#[test]
fn attack_21_an_exported_context_does_not_forget_its_sequence_numbers() {
    let mut pair = Pair::new().with_requirements(Requirements::datagram());
    pair.connectionless = true;
    pair.server_config.policy.allow_datagram = true;
    let (mut client, _) = pair.run().expect("connectionless");
    client.session.seal_datagram(7, &mut [Piece::Sealed(&mut [1])]).expect("sealed");
    let mut client = Established::import(client.export().expect("exported")).expect("imported");
    let again = client.session.seal_datagram(7, &mut [Piece::Sealed(&mut [1])]);
    assert_eq!(again, Err(OutOfSequence::SequenceNumberReused.into()));

    // A connected one goes on in its key stream: the same message is another ciphertext.
    let (mut client, _) = Pair::new().with_requirements(Requirements::seal()).run().expect("a logon");
    let (first, _) = seal(&mut client.session, b"the same");
    let mut client = Established::import(client.export().expect("exported")).expect("imported");
    let (second, signature) = seal(&mut client.session, b"the same");
    assert_ne!(first, second);
    assert_eq!(signature[12..], 1_u32.to_le_bytes());
}

#[test]
fn attack_21_sequence_numbers_do_not_begin_again() {
    let (client, _) = Pair::new().with_requirements(Requirements::seal()).run().expect("a logon");
    let mut bytes = client.export().expect("exported").expose().to_vec();
    // The last ten bytes are two halves that have done nothing: a counter each, and no key stream yet.
    let ours = bytes.len() - 10;
    bytes[ours..ours + 4].copy_from_slice(&(u32::MAX - 1).to_le_bytes());
    let mut client = Established::import(ExportedContext::from_bytes(&bytes)).expect("imported");
    assert!(client.session.sign(&[b"the last"]).is_ok());
    assert_eq!(client.session.sign(&[b"one more"]), Err(OutOfSequence::Exhausted.into()));
    assert_eq!(client.session.seal(&mut [Piece::Sealed(&mut [1])]), Err(OutOfSequence::Exhausted.into()));
}

#[test]
fn attack_21_the_key_stream_is_put_back_after_a_mech_list_mic_and_after_nothing_else() {
    let list = [0x30, 0x0c, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a];
    let stream = |prepare: fn(&mut Session)| {
        let (mut client, _) = ends(KINDS[0]);
        prepare(&mut client);
        seal(&mut client, &[0; 16]).0
    };
    let fresh = stream(|_| {});
    let mic: fn(&mut Session) = |session| {
        session.mech_list_mic(&[0x30, 0]).expect("a mechListMIC");
    };
    assert_eq!(stream(mic), fresh);
    assert_ne!(stream(|session| drop(session.sign(&[&[0x30, 0]]))), fresh);
    assert_ne!(stream(|session| drop(seal(session, b""))), fresh);

    // The sequence number is not put back, and the signature is over the list as it is.
    let (mut client, mut server) = ends(KINDS[0]);
    let signature = client.mech_list_mic(&list).expect("a mechListMIC");
    let mut other = list;
    other[13] = 0x0b;
    assert_eq!(server.verify_mech_list_mic(&other, &signature), Err(Rejected::Signature.into()));
    server.verify_mech_list_mic(&list, &signature).expect("verified");
    let message = seal(&mut client, b"message");
    assert_eq!(message.1[12..], 1_u32.to_le_bytes());
    assert_eq!(unseal(&mut server, &message), (b"message".to_vec(), Ok(())));
    // It cannot be played again as a mechListMIC or as the signature of a message.
    assert!(server.verify_mech_list_mic(&list, &signature).is_err());
    assert!(server.verify(&[&list], &signature).is_err());
}

#[test]
fn attack_22_the_mech_list_mic_of_windows_fits_its_list_and_no_other() {
    let recording = Recording::load("windows-b-smb-in-spnego");
    let list = recording.mech_list.clone().expect("a list");
    let policy = ntlm::ServerPolicy::windows();
    let context = || {
        let outcome = recording.replay(policy.clone(), &recording.negotiate, &recording.authenticate);
        outcome.expect("the recording").session
    };
    let theirs = recording.expected("client_mech_list_mic");
    let mut server = context();
    server.verify_mech_list_mic(&list, &theirs).expect("as recorded");
    assert_eq!(server.mech_list_mic(&list).expect("ours").to_vec(), recording.expected("server_mech_list_mic"));

    // Another mechanism, one put before, the same list in a longer encoding: the bytes count.
    let mut other = list.clone();
    *other.last_mut().expect("bytes") = 0x1e;
    let before = [&[0x30, 0x18], &list[2..], &list[2..]].concat();
    let longer = [&[0x30, 0x81, 0x0c], &list[2..]].concat();
    for changed in [other, before, longer.clone(), Vec::new()] {
        let mut server = context();
        let outcome = server.verify_mech_list_mic(&changed, &theirs);
        assert_eq!(outcome, Err(Rejected::Signature.into()), "{changed:02x?}");
        // The true list is still taken afterwards.
        assert!(server.verify_mech_list_mic(&list, &theirs).is_ok());
    }
    // Who signs the longer encoding is believed about the longer encoding.
    let (mut client, mut server) = ends(KINDS[0]);
    let signature = client.mech_list_mic(&longer).expect("a mechListMIC");
    assert!(server.verify_mech_list_mic(&longer, &signature).is_ok());
}

#[test]
fn attack_25_replayed_reordered_and_lost_messages_are_noticed() {
    for flags in KINDS {
        let (mut client, mut server) = ends(flags);
        let messages = [b"first", b"other", b"third"].map(|message| seal(&mut client, message));
        // Reordered, or one lost.
        assert!(unseal(&mut server, &messages[1]).1.is_err());
        assert_eq!(unseal(&mut server, &messages[0]), (b"first".to_vec(), Ok(())));
        // Replayed.
        assert!(unseal(&mut server, &messages[0]).1.is_err());
        assert!(unseal(&mut server, &messages[2]).1.is_err());
        // None of it keeps the true next message out.
        assert_eq!(unseal(&mut server, &messages[1]), (b"other".to_vec(), Ok(())));
        assert_eq!(unseal(&mut server, &messages[2]), (b"third".to_vec(), Ok(())));
        // A message of one's own, sent back.
        assert!(unseal(&mut client, &messages[0]).1.is_err());
    }
    let (mut client, mut server) = ends(KINDS[0]);
    let messages = [b"first", b"other"].map(|message| seal(&mut client, message));
    let early = OutOfSequence::SequenceNumber { expected: 0, found: Some(1) };
    assert_eq!(unseal(&mut server, &messages[1]).1, Err(early.into()));
    assert!(unseal(&mut server, &messages[0]).1.is_ok());
    let late = OutOfSequence::SequenceNumber { expected: 1, found: Some(0) };
    assert_eq!(unseal(&mut server, &messages[0]).1, Err(late.into()));
}

#[test]
fn attack_25_the_dummy_is_no_signature_where_signing_was_agreed() {
    for flags in KINDS {
        for flags in [flags, flags.without(F::SEAL)] {
            let (mut client, mut server) = ends(flags);
            assert_eq!(server.verify(&[b"x"], &MessageSignature::DUMMY), Err(Rejected::Signature.into()));
            let mut message = *b"x";
            let mut pieces = [Piece::Sealed(&mut message)];
            assert!(server.unseal(&mut pieces, &MessageSignature::DUMMY).is_err());
            let signature = client.sign(&[b"x"]).expect("signed");
            assert_ne!(signature, MessageSignature::DUMMY);
            assert!(server.verify(&[b"x"], &signature).is_ok());
        }
    }
    // Where it was not agreed nothing is signed, and nothing is believed either.
    let (mut client, mut server) = ends(F(0xa28a_8205));
    assert_eq!(client.sign(&[b"x"]), Err(Incompatible::NoSessionSecurity.into()));
    assert_eq!(server.verify(&[b"x"], &MessageSignature::DUMMY), Err(Incompatible::NoSessionSecurity.into()));
}

#[test]
fn attack_25_every_bit_of_a_signature_counts_but_those_nobody_agrees_on() {
    for flags in KINDS {
        let (mut client, mut server) = ends(flags);
        let signature = client.sign(&[b"message"]).expect("signed");
        for bit in 0..128 {
            // RandomPad of sessions without extended session security: checked below.
            if !flags.contains(F::EXTENDED_SESSIONSECURITY) && (32..64).contains(&bit) {
                continue;
            }
            let mut changed = signature;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(server.verify(&[b"message"], &changed).is_err(), "bit {bit} under {flags}");
        }
        for length in [0, 15, 17] {
            assert!(server.verify(&[b"message"], &vec![1; length]).is_err());
        }
        assert!(server.verify(&[b"message"], &signature).is_ok());
    }
    let (mut client, mut server) = ends(KINDS[2]);
    let mut signature = client.sign(&[b"message"]).expect("signed");
    signature[4..8].copy_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
    assert!(server.verify(&[b"message"], &signature).is_ok());
}

#[test]
fn attack_26_nothing_of_a_forged_message_is_given_out_and_the_true_one_still_taken() {
    const MESSAGE: &[u8] = b"a message of some length";
    for flags in KINDS {
        let (mut client, mut server) = ends(flags);
        // Some messages before, so that the key stream is not at its beginning.
        for _ in 0..3 {
            let message = seal(&mut client, b"before");
            assert!(unseal(&mut server, &message).1.is_ok());
        }
        let honest = seal(&mut client, MESSAGE);
        for at in 0..MESSAGE.len() {
            let mut forged = honest.clone();
            forged.0[at] ^= 0x20;
            let (left, outcome) = unseal(&mut server, &forged);
            assert_eq!(outcome, Err(Rejected::Signature.into()));
            assert_eq!(left, vec![0; MESSAGE.len()], "plaintext was given out");
        }
        // Cut, made longer, and with a wrong checksum.
        let cut = (honest.0[..5].to_vec(), honest.1);
        let longer = ([&honest.0[..], &[0]].concat(), honest.1);
        let mut unsigned = honest.clone();
        unsigned.1[9] ^= 1;
        for forged in [cut, longer, unsigned] {
            let (left, outcome) = unseal(&mut server, &forged);
            assert_eq!(outcome, Err(Rejected::Signature.into()));
            assert!(left.iter().all(|byte| *byte == 0), "plaintext was given out");
        }
        assert_eq!(unseal(&mut server, &honest), (MESSAGE.to_vec(), Ok(())));
        let next = seal(&mut client, b"next");
        assert_eq!(unseal(&mut server, &next), (b"next".to_vec(), Ok(())));
    }
}

#[test]
fn attack_26_a_forged_header_wipes_the_sealed_piece_behind_it() {
    let (mut client, mut server) = ends(KINDS[0]);
    let mut body = *b"body";
    let mut pieces = [Piece::SignedOnly(b"header"), Piece::Sealed(&mut body)];
    let signature = client.seal(&mut pieces).expect("sealed");
    let honest = body;
    let mut pieces = [Piece::SignedOnly(b"Header"), Piece::Sealed(&mut body)];
    assert_eq!(server.unseal(&mut pieces, &signature), Err(Rejected::Signature.into()));
    assert_eq!(body, [0; 4]);
    body = honest;
    let mut pieces = [Piece::SignedOnly(b"header"), Piece::Sealed(&mut body)];
    assert!(server.unseal(&mut pieces, &signature).is_ok());
    assert_eq!(&body, b"body");
}

#[test]
fn attack_21_halves_and_facts_of_two_contexts_do_not_fit_together() {
    let mut pair = Pair::new().with_requirements(Requirements::seal());
    let (one, _) = pair.run().expect("a logon");
    let (other, theirs) = pair.run().expect("another logon");
    let facts = one.info;
    assert_eq!(facts.export(other.session).err(), Some(OutOfSequence::ForeignSession.into()));
    let (sealer, _) = one.session.split().expect("two halves");
    let (_, unsealer) = theirs.session.split().expect("two halves");
    assert_eq!(ntlm::Session::join(sealer, unsealer).err(), Some(OutOfSequence::ForeignSession.into()));
}
