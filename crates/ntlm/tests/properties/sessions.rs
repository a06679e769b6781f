//! Session security under damage, loss, replay and reordering.

use proptest::collection::vec;
use proptest::prelude::*;

use ntlm::error::{Error, OutOfSequence, Rejected};
use ntlm::export::ExportedContext;
use ntlm::secret::SessionBaseKey;
use ntlm::{Established, NegotiateFlags as F, Piece, Requirements, Role, Session};

use crate::fixed;
use crate::support::pair::{Pair, converse};

const SIGN_AND_SEAL: F = F(F::SIGN.0 | F::SEAL.0);
const ESS: F = F(SIGN_AND_SEAL.0 | F::EXTENDED_SESSIONSECURITY.0 | F::N128.0);
const ESS_WITH_KEY_EXCHANGE: F = F(ESS.0 | F::KEY_EXCH.0);
const WITHOUT_ESS: F = SIGN_AND_SEAL;
const DATAGRAM: F = F(ESS_WITH_KEY_EXCHANGE.0 | F::DATAGRAM.0);

/// Client and server of one session.
fn sessions(flags: F) -> (Session, Session) {
    let key = SessionBaseKey::from_authority(*b"a key of 16 byte").key_exchange_key_v2().exported_session_key();
    (Session::from_key(Role::Client, flags, 15, &key), Session::from_key(Role::Server, flags, 15, &key))
}

/// A sealed message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sealed {
    body: Vec<u8>,
    signature: Vec<u8>,
}

const HEADER: &[u8] = b"header";

fn seal(session: &mut Session, plaintext: &[u8], number: u32) -> Sealed {
    let mut body = plaintext.to_vec();
    let mut pieces = [Piece::SignedOnly(HEADER), Piece::Sealed(&mut body)];
    let signature = match session.flags().contains(F::DATAGRAM) {
        true => session.seal_datagram(number, &mut pieces),
        false => session.seal(&mut pieces),
    };
    let signature = signature.expect("sealed").to_vec();
    Sealed { body, signature }
}

/// Unseals a message: the plaintext, or the error and what is left in the buffer.
fn unseal(session: &mut Session, header: &[u8], sealed: &Sealed, number: u32) -> Result<Vec<u8>, (Error, Vec<u8>)> {
    let mut body = sealed.body.clone();
    let mut pieces = [Piece::SignedOnly(header), Piece::Sealed(&mut body)];
    let outcome = match session.flags().contains(F::DATAGRAM) {
        true => session.unseal_datagram(number, &mut pieces, &sealed.signature),
        false => session.unseal(&mut pieces, &sealed.signature),
    };
    match outcome {
        Ok(()) => Ok(body),
        Err(error) => Err((error, body)),
    }
}

/// Every single bit of ciphertext, header and signature; after each forgery the receiver is as it was.
#[test]
fn a_flipped_bit_is_refused_and_the_true_message_then_accepted() {
    for flags in [ESS, ESS_WITH_KEY_EXCHANGE, WITHOUT_ESS, DATAGRAM] {
        let (mut client, mut server) = sessions(flags);
        for (number, plaintext) in (0..).zip([&b"first"[..], b"", b"third"]) {
            let sealed = seal(&mut client, plaintext, number);
            for bit in 0..8 * (sealed.body.len() + sealed.signature.len() + HEADER.len()) {
                let (byte, mask) = (bit / 8, 1 << (bit % 8));
                let (mut forged, mut header) = (sealed.clone(), HEADER.to_vec());
                let in_body = forged.body.len();
                let in_signature = in_body + forged.signature.len();
                if byte < in_body {
                    forged.body[byte] ^= mask;
                } else if byte < in_signature {
                    forged.signature[byte - in_body] ^= mask;
                } else {
                    header[byte - in_signature] ^= mask;
                }
                let place = byte.wrapping_sub(in_body);
                if !flags.contains(F::EXTENDED_SESSIONSECURITY) && (4..8).contains(&place) {
                    // The random pad: nobody agrees on it, so nobody looks at it. Tried below, on a receiver of its own.
                    continue;
                }
                let (error, left) = unseal(&mut server, &header, &forged, number).expect_err("forged");
                let zeros = vec![0; left.len()];
                match (place, flags == WITHOUT_ESS) {
                    (0..4, _) => assert!(matches!(error, Error::Malformed(_)) && left == forged.body, "bit {bit}"),
                    // Told by the plain number before anything is decrypted.
                    (12..16, false) => {
                        assert!(matches!(error, Error::OutOfSequence(OutOfSequence::SequenceNumber { .. })));
                        assert_eq!(left, forged.body);
                    }
                    // Told only after.
                    (12..16, true) => {
                        let (expected, found) = (number, None);
                        let sequence = OutOfSequence::SequenceNumber { expected, found };
                        assert_eq!((error, left), (Error::OutOfSequence(sequence), zeros));
                    }
                    _ => assert_eq!((error, left), (Error::Rejected(Rejected::Signature), zeros), "bit {bit}"),
                }
            }
            assert_eq!(unseal(&mut server, HEADER, &sealed, number).expect("the true message"), plaintext);
        }
    }
}

#[test]
fn the_random_pad_without_extended_session_security_is_not_looked_at() {
    for bit in 0..32 {
        let (mut client, mut server) = sessions(WITHOUT_ESS);
        let mut sealed = seal(&mut client, b"message", 0);
        sealed.signature[4 + bit / 8] ^= 1 << (bit % 8);
        assert_eq!(unseal(&mut server, HEADER, &sealed, 0).expect("the pad does not matter"), b"message");
    }
}

#[test]
fn signatures_of_any_other_length_are_refused() {
    for flags in [ESS_WITH_KEY_EXCHANGE, WITHOUT_ESS] {
        let (mut client, mut server) = sessions(flags);
        let signature = client.sign(&[b"message"]).expect("signed");
        for length in (0..40).filter(|&length| length != 16) {
            let other: Vec<u8> = signature.iter().copied().cycle().take(length).collect();
            assert!(matches!(server.verify(&[b"message"], &other), Err(Error::Malformed(_))));
        }
        server.verify(&[b"message"], &signature).expect("the true signature");
    }
}

#[test]
fn a_message_that_comes_back_to_its_sender_is_refused() {
    for flags in [ESS, ESS_WITH_KEY_EXCHANGE, DATAGRAM] {
        let (mut client, mut server) = sessions(flags);
        for (session, number) in [(&mut client, 0), (&mut server, 0)] {
            let sealed = seal(session, b"message", number);
            let (error, _) = unseal(session, HEADER, &sealed, number).expect_err("reflected");
            assert_eq!(error, Error::Rejected(Rejected::Signature));
        }
    }
}

#[test]
fn a_message_of_another_session_is_refused() {
    for flags in [ESS, ESS_WITH_KEY_EXCHANGE, WITHOUT_ESS, DATAGRAM] {
        let key = SessionBaseKey::from_authority([1; 16]).key_exchange_key_v2().exported_session_key();
        let mut stranger = Session::from_key(Role::Client, flags, 15, &key);
        let (mut client, mut server) = sessions(flags);
        let sealed = seal(&mut stranger, b"message", 0);
        assert!(unseal(&mut server, HEADER, &sealed, 0).is_err());
        let sealed = seal(&mut client, b"message", 0);
        assert_eq!(unseal(&mut server, HEADER, &sealed, 0).expect("the true message"), b"message");
    }
}

#[test]
fn a_connectionless_sender_never_uses_a_number_twice() {
    let (mut client, mut server) = sessions(DATAGRAM);
    let reused = Err(Error::OutOfSequence(OutOfSequence::SequenceNumberReused));
    let mut numbers = Vec::new();
    for number in [0, 1, 7, 8, u32::MAX - 1] {
        numbers.push((number, seal(&mut client, b"message", number)));
        for old in [0, number] {
            assert_eq!(client.seal_datagram(old, &mut [Piece::SignedOnly(HEADER)]), reused);
        }
    }
    // The receiver takes them in any order.
    for (number, sealed) in numbers.iter().rev() {
        assert_eq!(unseal(&mut server, HEADER, sealed, *number).expect("in any order"), b"message");
    }
    // Under another number than its own a message is none.
    let (number, sealed) = &numbers[1];
    assert!(unseal(&mut server, HEADER, sealed, number + 1).is_err());
}

proptest! {
    #![proptest_config(fixed(200))]

    /// Deliveries in any order, with repetitions and losses: a message is taken when all before it were, once, and nothing else changes that.
    #[test]
    fn only_the_next_message_is_taken(deliveries in vec(0..6_usize, 0..30), kind in 0..3_usize) {
        let (mut client, mut server) = sessions([ESS, ESS_WITH_KEY_EXCHANGE, WITHOUT_ESS][kind]);
        let messages: Vec<Sealed> = (0..6).map(|n: u8| seal(&mut client, &[n; 9], 0)).collect();
        let mut next = 0;
        for delivered in deliveries {
            let outcome = unseal(&mut server, HEADER, &messages[delivered], 0);
            if delivered == next {
                prop_assert_eq!(outcome, Ok(vec![u8::try_from(delivered).expect("small"); 9]));
                next += 1;
            } else {
                prop_assert!(outcome.is_err(), "message {} where {} is due", delivered, next);
            }
        }
        for (n, message) in messages.iter().enumerate().skip(next) {
            prop_assert_eq!(unseal(&mut server, HEADER, message, 0), Ok(vec![u8::try_from(n).expect("small"); 9]));
        }
    }

    /// The pieces of a message can be cut anywhere: what counts is their concatenation, and which bytes are sealed.
    #[test]
    fn where_a_message_is_cut_into_pieces_does_not_matter(
        body in vec(any::<u8>(), 0..200), cut: prop::sample::Index, other: prop::sample::Index, kind in 0..3_usize,
    ) {
        let (mut client, mut server) = sessions([ESS, ESS_WITH_KEY_EXCHANGE, WITHOUT_ESS][kind]);
        let mut message = body.clone();
        let (a, b) = message.split_at_mut(cut.index(body.len() + 1));
        let signature = client.seal(&mut [Piece::SignedOnly(HEADER), Piece::Sealed(a), Piece::Sealed(b)]).expect("sealed");
        let (a, b) = message.split_at_mut(other.index(body.len() + 1));
        let (front, back) = HEADER.split_at(other.index(HEADER.len() + 1));
        let mut pieces =
            [Piece::SignedOnly(front), Piece::SignedOnly(back), Piece::Sealed(a), Piece::SignedOnly(b""), Piece::Sealed(b)];
        prop_assert_eq!(server.unseal(&mut pieces, &signature), Ok(()));
        prop_assert_eq!(message, body);
    }

    /// A damaged export comes in as a context or not at all, and whatever comes in can be used without a panic.
    #[test]
    fn a_damaged_export_makes_nothing_panic(
        at: prop::sample::Index, mask in 1..=u8::MAX, cut in 0..3_usize, requirement in 0..3_usize,
    ) {
        let requirements = [Requirements::default(), Requirements::sign(), Requirements::seal()][requirement];
        let (mut client, mut server) = Pair::new().with_requirements(requirements).run().expect("an exchange");
        converse_shortly(&mut client.session, &mut server.session);
        let mut bytes = client.export().expect("exported").expose().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= mask;
        bytes.truncate(bytes.len() - cut);
        if let Ok(mut context) = Established::import(ExportedContext::from_bytes(&bytes)) {
            prop_assert_eq!(cut, 0, "a truncated export came in");
            let _ = context.session.sign(&[b"message"]);
            let _ = context.session.unseal(&mut [Piece::Sealed(&mut [1, 2, 3])], &[1; 16]);
            let _ = context.session.seal_datagram(9, &mut [Piece::Sealed(&mut [1, 2, 3])]);
            let _ = format!("{:?} {}", context, context.info.identity());
            let _ = context.export().expect("exported");
        }
    }
}

fn converse_shortly(client: &mut Session, server: &mut Session) {
    if client.signs() {
        let signature = client.sign(&[b"message"]).expect("signed");
        server.verify(&[b"message"], &signature).expect("verified");
    }
}

#[test]
fn every_truncation_of_an_export_is_refused() {
    for requirements in [Requirements::default(), Requirements::seal()] {
        let mut pair = Pair::new().with_requirements(requirements);
        pair.client_exchange.target_name = Some("HTTP/web".into());
        let (mut client, mut server) = pair.run().expect("an exchange");
        converse(&mut client.session, &mut server.session, 0);
        for context in [client, server] {
            let exported = context.export().expect("exported");
            let bytes = exported.expose().to_vec();
            for end in 0..bytes.len() {
                assert!(Established::import(ExportedContext::from_bytes(&bytes[..end])).is_err(), "an end at {end}");
            }
            let longer = [bytes.as_slice(), &[0]].concat();
            assert!(Established::import(ExportedContext::from_bytes(&longer)).is_err());
            let same = Established::import(exported).expect("the whole comes in").export().expect("exported");
            assert_eq!(same.expose(), bytes);
        }
    }
}
