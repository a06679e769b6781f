//! Attacks on the MIC: dropping it, planting "there is none", having it made over other bytes, and taking away what makes clients send it.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use ntlm::client::{Exchange, Start};
use ntlm::config::MicPolicy;
use ntlm::error::{Error, Incompatible, Rejected};
use ntlm::wire::{AuthenticateMessage, AvFlags, AvId, Malformed, NtlmV2Response, Reason};
use ntlm::{ClientConfig, ClientPolicy, Credentials, NegotiateFlags, Password, Requirements, Role, ServerPolicy};

use crate::common::{
    Recording, clear_flags, every_protection, everybody, foreign_challenge, rewrite_pairs, server_pairs,
    strict_and_windows, windows,
};
use crate::support::pair::{LoadedDice, NOW, PASSWORD, Pair, Step};
use crate::support::script::{Mic, PROTECTED, Script, UNPROTECTED, negotiate, windows_flags};

/// The fields of an AUTHENTICATE: LM, NT, domain, user, workstation, key.
const FIELDS: [usize; 6] = [12, 20, 28, 36, 44, 52];

/// Cuts the bytes from `start` to the payload at 88 out of an AUTHENTICATE and puts the offsets right.
fn cut_header(authenticate: &mut Vec<u8>, start: usize) {
    let removed = u32::try_from(88 - start).expect("a short cut");
    for field in FIELDS {
        let offset: &mut [u8; 4] = (&mut authenticate[field + 4..field + 8]).try_into().expect("four bytes");
        *offset = (u32::from_le_bytes(*offset) - removed).to_le_bytes();
    }
    authenticate.drain(start..88);
}

#[test]
fn attack_01_dropping_the_mic_is_refused() {
    let recording = Recording::load("windows-a-user-principal-name");
    for policy in [ServerPolicy::strict(), ServerPolicy::windows()] {
        let whole = recording.replay(policy.clone(), &recording.negotiate, &recording.authenticate);
        assert!(whole.expect("the recording as it is").info.has_mic());

        // CVE-2019-1040: MIC and version cut out, the flags made to fit.
        let mut authenticate = recording.authenticate.clone();
        cut_header(&mut authenticate, 64);
        clear_flags(&mut authenticate, 60, NegotiateFlags::VERSION);
        let error = recording.replay(policy.clone(), &recording.negotiate, &authenticate).expect_err("no MIC");
        let Error::Malformed(Malformed { field: "MIC", reason: Reason::Missing, .. }) = error.error else {
            panic!("{error:?}");
        };
        let protection = NegotiateFlags::SIGN | NegotiateFlags::SEAL | NegotiateFlags::KEY_EXCH;
        clear_flags(&mut authenticate, 60, protection);
        let error = recording.replay(policy.clone(), &recording.negotiate, &authenticate).expect_err("no protection");
        match policy.mic {
            MicPolicy::RequireIfTimestampSent => {
                assert_eq!(error.error, Error::Incompatible(Incompatible::CapabilityDropped(protection)));
            }
            MicPolicy::IfClaimed => assert!(matches!(error.error, Error::Malformed(_)), "{error:?}"),
        }

        // The MIC alone cut out, the version left; the MIC at the place of the version.
        for start in [72, 80] {
            let mut authenticate = recording.authenticate.clone();
            cut_header(&mut authenticate, start);
            let error = recording.replay(policy.clone(), &recording.negotiate, &authenticate).expect_err("no MIC");
            let expected = match start {
                72 => matches!(error.error, Error::Malformed(Malformed { field: "MIC", reason: Reason::Missing, .. })),
                _ => error.error == Error::Rejected(Rejected::MicWrong),
            };
            assert!(expected, "cut at {start}: {error:?}");
        }
    }
}

#[test]
fn attack_01_a_mic_of_zeros_is_refused() {
    let recording = Recording::load("windows-a-user-principal-name");
    for policy in [ServerPolicy::strict(), ServerPolicy::windows()] {
        let mut authenticate = recording.authenticate.clone();
        authenticate[72..88].fill(0);
        let error = recording.replay(policy, &recording.negotiate, &authenticate).expect_err("no MIC");
        assert_eq!((error.step, error.error), (Step::Verdict, Error::Rejected(Rejected::MicWrong)));
    }
}

#[test]
fn attack_01_every_flipped_bit_of_a_recorded_exchange_is_refused() {
    let recording = Recording::load("windows-a-user-principal-name");
    for policy in [ServerPolicy::strict(), ServerPolicy::windows()] {
        for bit in 0..recording.negotiate.len() * 8 {
            let mut negotiate = recording.negotiate.clone();
            negotiate[bit / 8] ^= 1 << (bit % 8);
            let outcome = recording.replay(policy.clone(), &negotiate, &recording.authenticate);
            assert!(outcome.is_err(), "bit {bit} of the NEGOTIATE");
        }
        for bit in 0..recording.authenticate.len() * 8 {
            let mut authenticate = recording.authenticate.clone();
            authenticate[bit / 8] ^= 1 << (bit % 8);
            let outcome = recording.replay(policy.clone(), &recording.negotiate, &authenticate);
            assert!(outcome.is_err(), "bit {bit} of the AUTHENTICATE");
        }
    }
}

/// Which message somebody in the middle changes.
#[derive(Clone, Copy, Debug)]
enum Message {
    Negotiate,
    Challenge,
    Authenticate,
}

#[test]
fn attack_01_every_flipped_bit_of_the_three_messages_is_refused() {
    for (number, mut pair) in every_protection().into_iter().enumerate() {
        pair.client_exchange.target_name = Some("HTTP/server1".into());
        pair.run().expect("nobody in the middle");
        let lengths = [pair.sent.negotiate.len(), pair.sent.challenge.len(), pair.sent.authenticate.len()];
        for (message, length) in
            [Message::Negotiate, Message::Challenge, Message::Authenticate].into_iter().zip(lengths)
        {
            let bit = Rc::new(Cell::new(0));
            let flip = {
                let bit = Rc::clone(&bit);
                move |bytes: &mut Vec<u8>| bytes[bit.get() / 8] ^= 1 << (bit.get() % 8)
            };
            pair.in_the_middle = Default::default();
            match message {
                Message::Negotiate => pair.in_the_middle.negotiate = Some(Box::new(flip)),
                Message::Challenge => pair.in_the_middle.challenge = Some(Box::new(flip)),
                Message::Authenticate => pair.in_the_middle.authenticate = Some(Box::new(flip)),
            }
            for position in 0..length * 8 {
                bit.set(position);
                assert!(pair.run().is_err(), "pair {number}: bit {position} of the {message:?}");
            }
        }
    }
}

/// MsvAvFlags of the response in an AUTHENTICATE, and how many of them there are.
fn av_flags(authenticate: &[u8]) -> (AvFlags, usize) {
    let message = AuthenticateMessage::parse(authenticate).expect("an AUTHENTICATE");
    let response = NtlmV2Response::parse(message.nt_response, 0).expect("an NTLMv2 response");
    let count = response.av_pairs.iter().filter(|pair| pair.id == AvId::FLAGS).count();
    (response.av_pairs.flags().expect("MsvAvFlags"), count)
}

#[test]
fn attack_02_planted_av_flags_do_not_make_the_client_leave_the_mic_out() {
    for planted in [0_u32, 2, 4, 0xffff_fffd] {
        for pair in strict_and_windows() {
            let mut pair = pair.with_challenge(move |challenge| {
                rewrite_pairs(challenge, |pairs| pairs.insert(0, (AvId::FLAGS.0, planted.to_le_bytes().to_vec())));
            });
            let error = pair.refused();
            assert_eq!((error.side, error.error), (Role::Server, Error::Rejected(Rejected::MicWrong)));
            let (flags, count) = av_flags(&pair.sent.authenticate);
            assert_eq!(count, 1);
            // Nothing of the planted value but the one bit that is the server's to say.
            assert_eq!(flags.0, AvFlags::MIC_PROVIDED.0 | planted & AvFlags::CONSTRAINED.0);
        }
    }
}

#[test]
fn attack_02_planted_client_pairs_are_not_sent_back() {
    let planted = [
        (AvId::SINGLE_HOST.0, vec![0xee; 48]),
        (AvId::TARGET_NAME.0, vec![0xee; 8]),
        (AvId::CHANNEL_BINDINGS.0, vec![0xee; 16]),
    ];
    for pair in strict_and_windows() {
        let planted = planted.clone();
        let mut pair = pair.with_challenge(move |challenge| {
            rewrite_pairs(challenge, |pairs| pairs.extend(planted.clone()));
        });
        pair.client_exchange.target_name = Some("HTTP/server1".into());
        pair.refused();
        let sent = pair.sent.authenticate.windows(8).filter(|window| *window == [0xee; 8]).count();
        assert_eq!(sent, 0, "what was planted came back");
    }
}

#[test]
fn attack_02_malformed_planted_av_flags_end_the_exchange_at_the_client() {
    let flags = |length| (AvId::FLAGS.0, vec![0; length]);
    for (planted, reason) in [
        (vec![flags(4), flags(4)], Reason::Duplicate),
        (vec![flags(3)], Reason::WrongLength { expected: 4, found: 3 }),
        (vec![flags(0)], Reason::WrongLength { expected: 4, found: 0 }),
        (vec![flags(8)], Reason::WrongLength { expected: 4, found: 8 }),
    ] {
        for pair in strict_and_windows() {
            let planted = planted.clone();
            let mut pair = pair.with_challenge(move |challenge| {
                rewrite_pairs(challenge, |pairs| pairs.extend(planted.clone()));
            });
            let error = pair.refused();
            assert_eq!((error.side, error.step), (Role::Client, Step::Challenge));
            let Error::Malformed(malformed) = error.error else { panic!("{error:?}") };
            assert_eq!((malformed.field, malformed.reason), ("MsvAvFlags", reason));
            assert!(pair.sent.authenticate.is_empty(), "nothing is sent");
        }
    }
}

#[test]
fn attack_02_a_response_with_two_av_flags_is_malformed() {
    for mut pair in strict_and_windows() {
        // The MIC is claimed by the one that the script adds; the other one says that there is none.
        let script = Script { pairs: |server| [&[(AvId::FLAGS.0, vec![0; 4])], server].concat(), ..Script::new() };
        let error = script.run(&mut pair).expect_err("two MsvAvFlags");
        assert_eq!(error.step, Step::Authenticate);
        let Error::Malformed(malformed) = error.error else { panic!("{error:?}") };
        assert_eq!((malformed.field, malformed.reason), ("MsvAvFlags", Reason::Duplicate));
    }
}

#[test]
fn attack_02_a_response_that_says_there_is_no_mic_is_refused_by_strict() {
    // What a client that can be talked out of its MIC would send: flags echoed with the value 0.
    let script = Script { pairs: |server| [server, &[(AvId::FLAGS.0, vec![0; 4])]].concat(), ..Script::without_mic() };
    let error = script.run(&mut Pair::new()).expect_err("no MIC");
    assert_eq!((error.step, error.error), (Step::Verdict, Error::Rejected(Rejected::MicMissing)));
    // Planting them changed the challenge, though not in a pair that is echoed: under `windows` such clients are unprotected, and that is told.
    let server = script.run(&mut windows()).expect("a client without MIC");
    assert!(server.info.observations().mic_missing && !server.info.has_mic());
}

#[test]
fn attack_42_the_mic_covers_the_messages_as_they_were_on_the_wire() {
    // A NEGOTIATE with unknown bits, names without their flags, and bytes behind its end.
    let odd_negotiate = || {
        let mut message = negotiate(PROTECTED | NegotiateFlags::R1 | NegotiateFlags::R10 | NegotiateFlags::LOCAL_CALL);
        message[16..24].copy_from_slice(&[4, 0, 9, 0, 40, 0, 0, 0]);
        message.extend(b"and more");
        message
    };
    // An AUTHENTICATE with its payload in every rotation, gaps of the size of the rest, and bytes behind its end.
    for mut pair in strict_and_windows() {
        for rotation in 0..6 {
            let mut order = [5, 4, 3, 2, 1, 0];
            order.rotate_left(rotation);
            for trailing in [0, 1, 40] {
                let script = Script {
                    negotiate: odd_negotiate(),
                    flags: |challenge| windows_flags(challenge) | NegotiateFlags::R5 | NegotiateFlags::R9,
                    order,
                    trailing: vec![0xcc; trailing],
                    header: 88 + rotation * 3,
                    ..Script::new()
                };
                let server = script.run(&mut pair).expect("odd and right");
                assert!(server.info.has_mic());

                // The odd parts are covered, too.
                if trailing > 0 {
                    pair.in_the_middle.authenticate =
                        Some(Box::new(|message| *message.last_mut().expect("bytes") ^= 1));
                    let error = script.run(&mut pair).expect_err("the last byte was changed");
                    assert_eq!(error.error, Error::Rejected(Rejected::MicWrong));
                }
                pair.in_the_middle.authenticate = None;
                pair.in_the_middle.negotiate = Some(Box::new(|message| *message.last_mut().expect("bytes") ^= 1));
                let error = script.run(&mut pair).expect_err("the last byte was changed");
                assert_eq!(error.error, Error::Rejected(Rejected::MicWrong));
                pair.in_the_middle.negotiate = None;
            }
        }
    }
}

#[test]
fn attack_42_a_mic_where_others_have_the_version_is_found() {
    for mut pair in strict_and_windows() {
        let script = Script { header: 80, version: None, ..Script::new() };
        let server = script.run(&mut pair).expect("a MIC at 64");
        assert!(server.info.has_mic());
        pair.in_the_middle.authenticate = Some(Box::new(|message| message[64] ^= 1));
        let error = script.run(&mut pair).expect_err("the MIC was changed");
        assert_eq!(error.error, Error::Rejected(Rejected::MicWrong));
    }
}

/// What somebody in the middle does to the challenge so that honest clients send no MIC.
type Strip = (&'static str, fn(&mut Vec<u8>));

const STRIPS: [Strip; 4] = [
    ("the timestamp", |challenge| rewrite_pairs(challenge, |pairs| pairs.retain(|(id, _)| *id != AvId::TIMESTAMP.0))),
    ("the names", |challenge| rewrite_pairs(challenge, |pairs| pairs.retain(|(id, _)| !matches!(id, 1 | 2)))),
    ("every pair", |challenge| rewrite_pairs(challenge, Vec::clear)),
    ("the flag", |challenge| clear_flags(challenge, 20, NegotiateFlags::TARGET_INFO)),
];

#[test]
fn attack_45_our_client_notices_or_its_mic_does() {
    for (what, strip) in STRIPS {
        for pair in every_protection() {
            let strict = pair.client_config.policy == ClientPolicy::strict();
            let protected = pair.client_exchange.requirements != Requirements::default();
            let error = pair.with_challenge(strip).refused();
            let expected = match what {
                "the timestamp" => (Role::Server, Error::Rejected(Rejected::MicWrong)),
                "the flag" if strict => (Role::Client, Error::Incompatible(Incompatible::NoTargetInfo)),
                _ if protected => (Role::Client, Error::Incompatible(Incompatible::NoServerNames)),
                "the flag" => (Role::Server, Error::Rejected(Rejected::TargetInfoChanged(AvId::NB_COMPUTER_NAME))),
                _ => (Role::Server, Error::Rejected(Rejected::MicWrong)),
            };
            assert_eq!((error.side, error.error), expected, "{what}, strict {strict}, protected {protected}");
        }
    }
}

#[test]
fn attack_45_our_client_sends_a_mic_wherever_there_is_target_info() {
    // Without a timestamp, upon which others send none.
    for config in [ClientPolicy::strict(), ClientPolicy::windows()].map(|policy| Arc::new(ClientConfig::new(policy))) {
        for requirements in [Requirements::default(), Requirements::seal()] {
            let exchange = Exchange { requirements, ..Exchange::default() };
            let credentials = Credentials::new(r"EXAMPLE\alice", &Password::new(PASSWORD));
            let (mut negotiate, mut authenticate) = (Vec::new(), Vec::new());
            let client = Start::new(Arc::clone(&config), credentials.into(), exchange).send(&mut negotiate);
            let challenge = foreign_challenge(PROTECTED | NegotiateFlags::TARGET_INFO, &server_pairs(None));
            let client =
                client.expect("a NEGOTIATE").receive(&challenge, NOW, &mut LoadedDice::new(1), &mut authenticate);
            let info = client.expect("an answer").info;
            assert!(info.has_mic() && av_flags(&authenticate).0.contains(AvFlags::MIC_PROVIDED));
            let mic = info.exported_session_key().expect("a key").mic(&negotiate, &challenge, &authenticate, 72);
            assert_eq!(authenticate[72..88], mic);
        }
    }
}

#[test]
fn attack_45_a_client_that_was_kept_from_sending_a_mic_is_refused() {
    // An honest client of another make: no MIC where there is no timestamp, whatever pairs there are echoed.
    let script = |flags| Script { negotiate: negotiate(flags), pairs: <[_]>::to_vec, ..Script::without_mic() };
    for flags in [PROTECTED, UNPROTECTED] {
        for (what, strip) in STRIPS {
            let mut strict = Pair::new().with_authority(everybody).with_challenge(strip);
            let error = script(flags).run(&mut strict).expect_err(what);
            assert_eq!(error.error, Error::Rejected(Rejected::MicMissing), "{what}");

            let mut lenient = windows().with_authority(everybody).with_challenge(strip);
            let error = script(flags).run(&mut lenient).expect_err(what);
            let first = if what == "the timestamp" { AvId::TIMESTAMP } else { AvId::NB_COMPUTER_NAME };
            assert_eq!(error.error, Error::Rejected(Rejected::TargetInfoChanged(first)), "{what}");
        }
        // Left alone, `windows` lets it in and `strict` does not.
        assert!(script(flags).run(&mut windows()).is_ok());
        assert!(script(flags).run(&mut Pair::new()).is_err());
    }
    // A MIC that nobody claims is none.
    let script = Script { mic: Mic::Unclaimed, ..Script::new() };
    let error = script.run(&mut Pair::new()).expect_err("not claimed");
    assert_eq!(error.error, Error::Rejected(Rejected::MicMissing));
    assert!(!script.run(&mut windows()).expect("not claimed").info.has_mic());
}
