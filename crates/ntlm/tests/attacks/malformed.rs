//! Messages that are not what they claim: lengths, offsets, lists and texts that others have tripped over.

use ntlm::error::{Error, Incompatible, Rejected};
use ntlm::wire::{AuthenticateMessage, AvId, AvPairs, ChallengeMessage, NegotiateMessage, Part, Reason};
use ntlm::{
    ClientConfig, ClientPolicy, Credentials, NegotiateFlags, Password, Requirements, Role, UnicodeString, client,
};

use crate::common::{answer, every_protection, rewrite_pairs, set_flags, strict_and_windows, windows};
use crate::memory::peak_of;
use crate::support::pair::{InTheMiddle, Pair, Rewrite, Step};
use crate::support::script::{Script, utf16};

/// Offsets that have overflowed other implementations, for a message of `length` bytes.
fn offsets(length: usize) -> [u32; 9] {
    let length = u32::try_from(length).expect("a short message");
    [0, 1, 11, length - 1, length, length + 1, 0x7fff_ffff, 0xffff_ffff, 0xffff_fff0]
}

const LENGTHS: [u16; 4] = [0, 1, 2, 0xffff];

/// The message with every combination of a length and an offset in the descriptor at `field`.
fn with_descriptors(message: &[u8], field: usize) -> impl Iterator<Item = (u16, u32, Vec<u8>)> {
    offsets(message.len()).into_iter().flat_map(move |offset| {
        LENGTHS.into_iter().map(move |length| {
            let mut message = message.to_vec();
            message[field..field + 2].copy_from_slice(&length.to_le_bytes());
            message[field + 4..field + 8].copy_from_slice(&offset.to_le_bytes());
            (length, offset, message)
        })
    })
}

/// Whether a descriptor may be accepted: empty, or between the header and the end of the message.
fn possible(length: u16, offset: u32, header: u32, message: &[u8]) -> bool {
    length == 0 || (offset >= header && u64::from(offset) + u64::from(length) <= message.len() as u64)
}

/// No exchange of these sizes needs more; a length or an offset taken at its word would.
const MEMORY: usize = 48 * 1024;

/// Runs the exchange with a message in the place of the one that is on its way, and no panic, no success and no large allocation.
#[track_caller]
fn refused_in_little_memory(pair: &mut Pair, place: fn(&mut InTheMiddle) -> &mut Option<Rewrite>, message: Vec<u8>) {
    *place(&mut pair.in_the_middle) = Some(Box::new(move |bytes| bytes.clone_from(&message)));
    let (outcome, peak) = peak_of(|| pair.run().map(|_| ()));
    assert!(outcome.is_err() && peak < MEMORY, "{outcome:?} with {peak} bytes");
    pair.in_the_middle = InTheMiddle::default();
}

#[test]
fn attack_12_no_descriptor_is_taken_at_its_word() {
    for mut pair in every_protection() {
        pair.run().expect("as it should be");
        let sent = pair.sent.clone();
        // Names of a NEGOTIATE mean something with their flags alone.
        let mut negotiate = sent.negotiate;
        let names = NegotiateFlags::OEM_DOMAIN_SUPPLIED | NegotiateFlags::OEM_WORKSTATION_SUPPLIED;
        set_flags(&mut negotiate, 12, names);
        for field in [16, 24] {
            for (length, offset, message) in with_descriptors(&negotiate, field) {
                let (parsed, peak) = peak_of(|| NegotiateMessage::parse(&message).is_ok());
                let expected = possible(length, offset, 16, &message);
                assert_eq!((parsed, peak), (expected, 0), "{field}: {length} at {offset:#x}");
                refused_in_little_memory(&mut pair, |hooks| &mut hooks.negotiate, message);
            }
        }
        for field in [12, 40] {
            for (length, offset, message) in with_descriptors(&sent.challenge, field) {
                let (parsed, peak) = peak_of(|| ChallengeMessage::parse(&message).is_ok());
                assert!(!parsed || possible(length, offset, 32, &message), "{field}: {length} at {offset:#x}");
                assert_eq!(peak, 0, "a parser allocates nothing");
                refused_in_little_memory(&mut pair, |hooks| &mut hooks.challenge, message);
            }
        }
        for field in [12, 20, 28, 36, 44, 52] {
            for (length, offset, message) in with_descriptors(&sent.authenticate, field) {
                let (parsed, peak) = peak_of(|| AuthenticateMessage::parse(&message).is_ok());
                assert!(!parsed || possible(length, offset, 52, &message), "{field}: {length} at {offset:#x}");
                assert_eq!(peak, 0, "a parser allocates nothing");
                refused_in_little_memory(&mut pair, |hooks| &mut hooks.authenticate, message);
            }
        }
    }
}

#[test]
fn attack_13_texts_of_an_odd_length_are_malformed() {
    // Names of an AUTHENTICATE: the length is made odd, the offset stays.
    for (field, name) in [(28, "DomainName"), (36, "UserName"), (44, "Workstation")] {
        for mut pair in strict_and_windows() {
            pair.in_the_middle.authenticate = Some(Box::new(move |message| message[field] -= 1));
            let error = Script::new().run(&mut pair).expect_err("an odd length");
            let Error::Malformed(malformed) = error.error else { panic!("{error:?}") };
            assert!(matches!(malformed.reason, Reason::OddLength { .. }), "{malformed}");
            assert_eq!(malformed.field, name);
        }
    }
    // TargetName and AV pairs of a challenge; AV pairs of a response.
    for pair in strict_and_windows() {
        let mut pair = pair.with_challenge(|message| message[12] -= 1);
        let error = pair.refused();
        let Error::Malformed(malformed) = error.error else { panic!("{error:?}") };
        assert_eq!((error.side, malformed.field), (Role::Client, "TargetName"));
    }
    for id in [1, 2, 3, 4, 5, 9] {
        for pair in strict_and_windows() {
            let mut pair = pair.with_challenge(move |message| {
                rewrite_pairs(message, |pairs| {
                    pairs.retain(|(found, _)| *found != id);
                    pairs.push((id, vec![0x41; 3]));
                });
            });
            let error = pair.refused();
            let Error::Malformed(malformed) = error.error else { panic!("{error:?}") };
            assert_eq!((error.side, malformed.reason), (Role::Client, Reason::OddLength { length: 3 }));
        }
    }
    for mut pair in strict_and_windows() {
        let script = Script { pairs: |server| [server, &[(9, vec![0x41; 5])]].concat(), ..Script::new() };
        let error = script.run(&mut pair).expect_err("an odd length");
        let Error::Malformed(malformed) = error.error else { panic!("{error:?}") };
        assert_eq!((malformed.field, malformed.reason), ("MsvAvTargetName", Reason::OddLength { length: 5 }));
    }
}

/// Texts that conversions have stumbled over.
fn odd_texts() -> [UnicodeString; 7] {
    let units = |units: &[u16]| UnicodeString::from_units(units);
    [
        units(&[0xd800]),
        units(&[0xdc00, 0xd800]),
        units(&[0x61, 0xd83d, 0x62]),
        units(&[0x61, 0, 0x62]),
        units(&[0]),
        units(&[0xfeff, 0x61]),
        units(&[0xfffe, 0xffff]),
    ]
}

#[test]
fn attack_13_any_units_are_a_name_and_come_through_unchanged() {
    let password = Password::from_units(&[0xd800, 0, 0xfeff, 0x78]);
    for name in odd_texts() {
        for pair in strict_and_windows() {
            let hash = Password::from_units(&[0xd800, 0, 0xfeff, 0x78]).nt_hash();
            let mut pair = pair.with_authority(move |logon| logon.verify(Some(&hash)));
            pair.credentials = Credentials::with_domain(&name, &name, &password);
            pair.client_config.workstation = name.clone();
            pair.client_exchange.target_name = Some(name.clone());
            let (_, server) = pair.run().expect("names are opaque");
            let identity = server.info.identity();
            for found in [&identity.user, &identity.domain, &identity.workstation] {
                assert_eq!(found.units(), name.units());
            }
            assert_eq!(server.info.target_name().map(UnicodeString::units), Some(name.units()));
        }
    }
}

fn list(pairs: &[(u16, u16, &[u8])]) -> Vec<u8> {
    pairs.iter().flat_map(|(id, length, value)| [&id.to_le_bytes(), &length.to_le_bytes(), *value].concat()).collect()
}

#[test]
fn attack_14_broken_lists_of_av_pairs_are_malformed_on_both_sides() {
    let name = utf16("SERVER1");
    let broken = [
        ("no MsvAvEOL", list(&[(1, 14, &name)])),
        ("half a header", [list(&[(1, 14, &name)]), vec![0, 0]].concat()),
        ("MsvAvEOL with a value", list(&[(1, 14, &name), (0, 2, &[0, 0])])),
        ("MsvAvEOL with a length over the end", list(&[(1, 14, &name), (0, 0xffff, &[])])),
        ("a length over the end", list(&[(1, 0xfffe, &name), (0, 0, &[])])),
        ("a length that takes MsvAvEOL in", list(&[(1, 18, &name), (0, 0, &[])])),
        ("an unknown pair over the end", list(&[(0x7777, 0xffff, &[]), (0, 0, &[])])),
        ("a known pair twice", list(&[(1, 14, &name), (1, 14, &name), (0, 0, &[])])),
        ("a timestamp of 7 bytes", list(&[(7, 7, &[0; 7]), (0, 0, &[])])),
        ("bindings of 17 bytes", list(&[(10, 17, &[0; 17]), (0, 0, &[])])),
    ];
    for (what, bytes) in broken {
        let (parsed, peak) = peak_of(|| AvPairs::parse(&bytes, Part::Challenge, 0).is_ok());
        assert!(!parsed && peak == 0, "{what}");
        for pair in strict_and_windows() {
            let info = bytes.clone();
            let mut pair = pair.with_challenge(move |message| put_target_info(message, &info));
            let error = pair.refused();
            assert_eq!((error.side, error.step), (Role::Client, Step::Challenge), "{what}");
            assert!(matches!(error.error, Error::Malformed(_)), "{what}: {error:?}");

            // In a response: the same bytes in the place of its AV pairs, its proof no longer right.
            let info = bytes.clone();
            pair.in_the_middle.challenge = None;
            pair.in_the_middle.authenticate = Some(Box::new(move |message| {
                let at = AuthenticateMessage::parse(message).expect("an AUTHENTICATE").nt_response_offset() + 44;
                message.truncate(at);
                message.extend(&info);
                let length = u16::try_from(message.len() - at + 44).expect("a short response").to_le_bytes();
                message[20..22].copy_from_slice(&length);
                message[52..54].fill(0);
            }));
            let error = pair.refused();
            assert_eq!((error.side, error.step), (Role::Server, Step::Authenticate), "{what}");
            assert!(matches!(error.error, Error::Malformed(_)), "{what}: {error:?}");
        }
    }
}

#[test]
fn attack_14_a_list_that_is_not_there_is_no_list() {
    assert!(AvPairs::parse(&[], Part::Challenge, 0).is_err());
    // A challenge that promises TargetInfo and has none is one without TargetInfo.
    for pair in every_protection() {
        let strict = pair.client_config.policy.require_target_info;
        let protected = pair.client_exchange.requirements != Requirements::default();
        let error = pair.with_challenge(|message| put_target_info(message, &[])).refused();
        let expected = match (strict, protected) {
            (true, _) => (Role::Client, Incompatible::NoTargetInfo.into()),
            (false, true) => (Role::Client, Incompatible::NoServerNames.into()),
            (false, false) => (Role::Server, Rejected::TargetInfoChanged(AvId::NB_COMPUTER_NAME).into()),
        };
        assert_eq!((error.side, error.error), expected);
    }
}

/// Puts bytes in the place of TargetInfo, which is the last part of our challenges.
fn put_target_info(challenge: &mut Vec<u8>, info: &[u8]) {
    let fields = ChallengeMessage::parse(challenge).expect("a challenge").target_info_fields.expect("TargetInfo");
    challenge.truncate(fields.offset as usize);
    challenge.extend(info);
    challenge[40..42].copy_from_slice(&u16::try_from(info.len()).expect("a short list").to_le_bytes());
}

#[test]
fn attack_14_a_list_of_nothing_but_empty_pairs_is_worked_through() {
    let many = |count: usize| vec![(0x1234_u16, Vec::new()); count];
    // As many as fit into a message, together with what the client adds.
    let fitting = (ntlm::wire::MAX_MESSAGE_LENGTH - 1024) / 4;
    for mut pair in strict_and_windows() {
        let (outcome, peak) = peak_of(|| {
            pair.in_the_middle.challenge =
                Some(Box::new(move |message| rewrite_pairs(message, |pairs| pairs.extend(many(fitting)))));
            pair.run().map(|_| ())
        });
        // The client answers, and the server finds that the challenge was changed.
        let error = outcome.expect_err("the challenge was changed");
        assert_eq!((error.side, error.step), (Role::Server, Step::Verdict));
        // The test itself holds a list of 32 bytes for each pair, twice while it grows.
        assert!(peak < 3 * 1024 * 1024, "{peak} bytes");

        // One pair more than a message can hold together with the client's own.
        let full = ntlm::wire::MAX_MESSAGE_LENGTH - pair.sent.challenge.len() - 8;
        pair.in_the_middle.challenge =
            Some(Box::new(move |message| rewrite_pairs(message, |pairs| pairs.extend(many(full / 4)))));
        let error = pair.refused();
        assert_eq!((error.side, error.step), (Role::Client, Step::Challenge));

        pair.in_the_middle.challenge = None;
        let script = Script { pairs: |server| [server, &vec![(0x1234, Vec::new()); 15_000]].concat(), ..Script::new() };
        assert!(script.run(&mut pair).is_ok(), "unknown pairs are carried along");
    }
}

#[test]
fn attack_15_no_prefix_and_no_changed_byte_of_a_challenge_makes_the_client_panic() {
    let seal = || client::Exchange { requirements: Requirements::seal(), ..client::Exchange::default() };
    let mut pair = windows().with_requirements(Requirements::seal());
    pair.run().expect("a logon");
    let challenge = &pair.sent.challenge;
    for config in [ClientConfig::new(ClientPolicy::strict()), ClientConfig::new(ClientPolicy::windows())] {
        assert!(answer(&config, seal(), challenge).is_ok());
        for length in 0..challenge.len() {
            let error = answer(&config, seal(), &challenge[..length]).expect_err("a challenge that ends too early");
            assert!(matches!(error, Error::Malformed(_)), "{length}: {error}");
        }
    }
    // Under `windows`, which lets more pass and so goes further; `strict` sees every flipped bit in attack 1.
    let config = ClientConfig::new(ClientPolicy::windows());
    let mut changed = challenge.clone();
    for at in 0..challenge.len() {
        for value in 0..=u8::MAX {
            changed[at] = value;
            if let Ok((authenticate, _)) = answer(&config, seal(), &changed) {
                assert!(AuthenticateMessage::parse(&authenticate).is_ok(), "byte {at} = {value:#x}");
            }
        }
        changed[at] = challenge[at];
    }
}

#[test]
fn attack_15_no_prefix_of_the_clients_messages_makes_the_server_panic() {
    for mut pair in strict_and_windows() {
        pair.run().expect("a logon");
        let (negotiate, authenticate) = (pair.sent.negotiate.clone(), pair.sent.authenticate.clone());
        for length in 0..negotiate.len() {
            pair.in_the_middle.negotiate = Some(Box::new(move |message| message.truncate(length)));
            let error = pair.refused();
            // The old forms of 16 and 32 bytes, and what lies between, are messages; the MIC tells.
            let whole = if length < 16 { Step::Negotiate } else { Step::Verdict };
            assert_eq!(error.step, whole, "{length} bytes: {error:?}");
        }
        pair.in_the_middle.negotiate = None;
        for length in 0..authenticate.len() {
            pair.in_the_middle.authenticate = Some(Box::new(move |message| message.truncate(length)));
            let error = pair.refused();
            assert!(matches!(error.error, Error::Malformed(_)), "{length} bytes: {error:?}");
        }
    }
}
