//! Attacks on the flags: taking protection away, weakening it, and confusing the two sides about it.

use ntlm::client::Exchange;
use ntlm::config::{DroppedCapabilities, ExtendedSessionSecurity};
use ntlm::error::{Error, Incompatible, Rejected};
use ntlm::wire::{AuthenticateMessage, NtlmV2Response, Reason};
use ntlm::{ClientConfig, ClientPolicy, Established, NegotiateFlags, Password, Requirements, Role};

use crate::common::{
    self, FLAGS_OFFSETS, clear_flags, foreign_challenge, server_pairs, set_flags, strict_and_windows, windows,
};
use crate::support::pair::{LoadedDice, NOW, PASSWORD, Pair, Step};
use crate::support::script::{Flags, PROTECTED, Script, UNPROTECTED, windows_flags};

use NegotiateFlags as F;

/// A rewrite of the first, second or third message.
fn rewrite(pair: &mut Pair, message: usize, rewrite: impl FnMut(&mut Vec<u8>) + 'static) {
    let place =
        [&mut pair.in_the_middle.negotiate, &mut pair.in_the_middle.challenge, &mut pair.in_the_middle.authenticate];
    *place.into_iter().nth(message).expect("three messages") = Some(Box::new(rewrite));
}

fn missing(flags: F) -> Error {
    Incompatible::MissingFlags(flags).into()
}

#[test]
fn attack_09_a_required_flag_cleared_in_any_message_is_an_error() {
    let mic: Error = Rejected::MicWrong.into();
    let dropped: Error = Incompatible::CapabilityDropped(F::KEY_EXCH).into();
    let changed: Error = Incompatible::FlagsChanged(F::EXTENDED_SESSIONSECURITY).into();
    // By message: NEGOTIATE (the server notices), CHALLENGE (the client), AUTHENTICATE (the server). Sealing implies signing, so a lost SIGN bit is
    // put back by the server, and the MIC tells.
    let table = [
        (F::SIGN, [mic.clone(), missing(F::SIGN), mic.clone()]),
        (F::SEAL, [missing(F::SEAL), missing(F::SEAL), missing(F::SEAL)]),
        (
            F::EXTENDED_SESSIONSECURITY,
            [missing(F::EXTENDED_SESSIONSECURITY), missing(F::EXTENDED_SESSIONSECURITY), changed],
        ),
        (F::N128, [missing(F::N128), missing(F::N128), missing(F::N128)]),
        (F::KEY_EXCH, [mic.clone(), dropped.clone(), dropped.clone()]),
    ];
    for (flag, errors) in table {
        for (message, expected) in errors.into_iter().enumerate() {
            for pair in strict_and_windows() {
                let mut pair = pair.with_requirements(Requirements::seal());
                let drops = pair.server_config.policy.dropped_capabilities == DroppedCapabilities::AllowUnlessRequired;
                // Where dropping is allowed, only the MIC notices that the key is another.
                let expected = if drops && expected == dropped { mic.clone() } else { expected.clone() };
                rewrite(&mut pair, message, move |bytes| clear_flags(bytes, FLAGS_OFFSETS[message], flag));
                let error = pair.refused();
                assert_eq!(error.error, expected, "{flag} cleared in message {message}: {error:?}");
            }
        }
    }
}

#[test]
fn attack_09_one_side_that_requires_protection_is_enough() {
    for flag in [F::SIGN, F::SEAL] {
        let requirements = if flag == F::SEAL { Requirements::seal() } else { Requirements::sign() };
        for mut pair in strict_and_windows() {
            // The server requires, the client does not ask.
            pair.server_exchange.requirements = requirements;
            let error = pair.refused();
            assert_eq!((error.side, error.step), (Role::Server, Step::Negotiate));
            assert_eq!(error.error, missing(requirements.required_flags()));

            // The client requires, and the server is kept from offering.
            pair.server_exchange.requirements = Requirements::default();
            pair.client_exchange.requirements = requirements;
            rewrite(&mut pair, 0, |bytes| clear_flags(bytes, 12, F::SIGN | F::SEAL | F::KEY_EXCH));
            let error = pair.refused();
            assert_eq!((error.side, error.step), (Role::Client, Step::Challenge));
            assert_eq!(error.error, missing(requirements.required_flags()));
            assert!(pair.sent.authenticate.is_empty(), "nothing is sent");

            // The same, and the flags put into the challenge again.
            rewrite(&mut pair, 1, |bytes| set_flags(bytes, 20, F::SIGN | F::SEAL | F::KEY_EXCH));
            let error = pair.refused();
            assert_eq!(error.side, Role::Server, "{error:?}");
        }
    }
}

#[test]
fn attack_09_protection_is_not_stripped_from_clients_without_mic_when_the_server_requires_it() {
    for (requirements, cleared, expected) in [
        (Requirements::sign(), F::SIGN | F::SEAL, missing(F::SIGN)),
        (Requirements::seal(), F::SIGN | F::SEAL, missing(F::SIGN | F::SEAL)),
        (Requirements::seal(), F::SEAL, missing(F::SEAL)),
        (Requirements::seal(), F::N128, missing(F::N128)),
        (Requirements::sign(), F::N128 | F::SEAL, missing(F::N128)),
        (
            Requirements::sign(),
            F::EXTENDED_SESSIONSECURITY,
            Incompatible::FlagsChanged(F::EXTENDED_SESSIONSECURITY).into(),
        ),
    ] {
        let mut pair = windows().with_requirements(requirements);
        assert!(Script::without_mic().run(&mut pair).is_ok());
        rewrite(&mut pair, 2, move |bytes| clear_flags(bytes, 60, cleared));
        let error = Script::without_mic().run(&mut pair).expect_err("stripped");
        assert_eq!((error.step, error.error), (Step::Authenticate, expected), "{cleared}");
    }
}

#[test]
fn attack_09_a_key_exchange_that_is_stripped_leaves_no_common_key() {
    // The only strip that `windows` cannot notice at once, for a client without MIC: the first signed message does.
    let mut pair = windows().with_requirements(Requirements::sign());
    rewrite(&mut pair, 2, |bytes| clear_flags(bytes, 60, F::KEY_EXCH));
    let (mut client, mut server) = Script::without_mic().talk(&mut pair).expect("let in");
    assert_eq!(server.info.observations().capabilities_dropped, F::KEY_EXCH);
    let signature = client.sign(&[b"message"]).expect("signed");
    let error = server.session.verify(&[b"message"], &signature).expect_err("another key");
    assert_eq!(error, Rejected::Signature.into());
}

#[test]
fn attack_11_keys_below_128_bits_are_refused_by_both_sides() {
    let protections =
        [Requirements::sign(), Requirements::seal()].map(|requirements| (requirements, F::N128, missing(F::N128)));
    for (requirements, weak, expected) in protections {
        for (message, offset) in FLAGS_OFFSETS.into_iter().enumerate() {
            for pair in strict_and_windows() {
                let mut pair = pair.with_requirements(requirements);
                rewrite(&mut pair, message, move |bytes| clear_flags(bytes, offset, weak));
                let error = pair.refused();
                let side = if message == 1 { Role::Client } else { Role::Server };
                assert_eq!((error.side, error.error), (side, expected.clone()));
            }
        }
        // 56 bits are no substitute, 40 bits even less.
        for mut pair in strict_and_windows() {
            for flags in [PROTECTED.without(F::N128), PROTECTED.without(F::N128 | F::N56)] {
                let error = Script::new().asking(flags).run(&mut pair).expect_err("a weak key");
                assert_eq!((error.step, error.error), (Step::Negotiate, missing(F::N128)));
            }
        }
    }
}

fn answer(policy: ClientPolicy, requirements: Requirements, challenge: &[u8]) -> Result<(Vec<u8>, Established), Error> {
    let exchange = Exchange { requirements, ..Exchange::default() };
    common::answer(&ClientConfig::new(policy), exchange, challenge)
}

#[test]
fn attack_20_a_key_exchange_without_protection_never_shows_the_key() {
    let challenge = foreign_challenge(NegotiateFlags(0xe28a_8205), &server_pairs(Some(NOW)));
    for policy in [ClientPolicy::strict(), ClientPolicy::windows()] {
        let (authenticate, client) = answer(policy, Requirements::default(), &challenge).expect("an answer");
        let message = AuthenticateMessage::parse(&authenticate).expect("an AUTHENTICATE");
        assert!(!message.flags.expect("flags").contains(F::KEY_EXCH));
        assert!(message.encrypted_random_session_key.is_empty());

        let response = NtlmV2Response::parse(message.nt_response, 0).expect("NTLMv2");
        let nt_hash = Password::new(PASSWORD).nt_hash();
        let base_key =
            nt_hash.response_key_nt(&"alice".into(), &"EXAMPLE".into()).session_base_key(&response.nt_proof_str);
        assert_eq!(client.info.exported_session_key().expect("a key").expose(), base_key.expose());
        assert!(!authenticate.windows(16).any(|window| window == base_key.expose()), "the key is in the message");
    }
    // A server of ours does not offer it, whatever is asked.
    for mut pair in strict_and_windows() {
        let asked = UNPROTECTED | F::KEY_EXCH;
        let server = Script::new().asking(asked).run(&mut pair).expect("nothing to protect");
        assert!(!server.info.flags().contains(F::KEY_EXCH));
    }
}

#[test]
fn attack_20_an_exchanged_key_has_sixteen_bytes() {
    for mut pair in strict_and_windows() {
        for length in [0, 1, 15, 17, 32] {
            let script = Script { encrypted_key: Some(vec![0; length]), ..Script::new() };
            let error = script.run(&mut pair).expect_err("a key of another length");
            assert_eq!(error.step, Step::Authenticate);
            let Error::Malformed(malformed) = error.error else { panic!("{error:?}") };
            assert_eq!(malformed.field, "EncryptedRandomSessionKey");
            assert_eq!(malformed.reason, Reason::WrongLength { expected: 16, found: length });
        }
    }
}

#[test]
fn attack_20_a_key_exchange_that_was_not_offered_is_refused_and_its_field_ignored() {
    for mut pair in strict_and_windows() {
        let script = Script { flags: |challenge| windows_flags(challenge) | F::KEY_EXCH, ..Script::new() };
        let error = script.asking(UNPROTECTED).run(&mut pair).expect_err("a key exchange nobody offered");
        assert_eq!((error.step, error.error), (Step::Authenticate, Incompatible::FlagsChanged(F::KEY_EXCH).into()));

        let mut keys = Vec::new();
        for field in [Vec::new(), vec![0; 16], vec![9; 16], vec![9; 3]] {
            let script = Script { encrypted_key: Some(field), ..Script::new() }.asking(UNPROTECTED);
            pair.entropy = LoadedDice::new(5);
            let server = script.run(&mut pair).expect("the field is ignored");
            keys.push(*server.info.exported_session_key().expect("a key").expose());
        }
        assert!(keys.iter().all(|key| key == &keys[0]), "the field changes the key");
    }
}

#[test]
fn attack_32_a_client_uses_only_what_it_asked_for_and_got() {
    let everything = PROTECTED | F::LM_KEY | F::LOCAL_CALL | F::DATAGRAM | F::IDENTIFY | F::REQUEST_NON_NT_SESSION_KEY;
    for policy in [ClientPolicy::strict(), ClientPolicy::windows()] {
        // Not asked for: neither used nor confirmed.
        let challenge = foreign_challenge(everything | F::TARGET_INFO, &server_pairs(Some(NOW)));
        let (authenticate, mut client) =
            answer(policy.clone(), Requirements::default(), &challenge).expect("an answer");
        let sent = AuthenticateMessage::parse(&authenticate).expect("an AUTHENTICATE").flags.expect("flags");
        let never = F::SIGN
            | F::SEAL
            | F::KEY_EXCH
            | F::LM_KEY
            | F::LOCAL_CALL
            | F::DATAGRAM
            | F::IDENTIFY
            | F::REQUEST_NON_NT_SESSION_KEY;
        assert!(!sent.intersects(never), "{sent}");
        assert!(!client.session.signs() && !client.session.seals());
        assert_eq!(client.session.sign(&[b"x"]), Err(Incompatible::NoSessionSecurity.into()));

        // Asked for, and signing alone given: no sealing.
        let offered = (PROTECTED | F::TARGET_INFO).without(F::SEAL);
        let challenge = foreign_challenge(offered, &server_pairs(Some(NOW)));
        let (_, client) = answer(policy.clone(), Requirements::sign(), &challenge).expect("signing alone");
        assert!(client.session.signs() && !client.session.seals());
        assert_eq!(answer(policy, Requirements::seal(), &challenge).expect_err("no sealing"), missing(F::SEAL));
    }
}

#[test]
fn attack_32_extended_session_security_that_the_server_takes_back_is_refused() {
    let ess = F::EXTENDED_SESSIONSECURITY;
    let without = foreign_challenge((PROTECTED | F::TARGET_INFO).without(ess), &server_pairs(Some(NOW)));
    let unprotected = foreign_challenge((UNPROTECTED | F::TARGET_INFO).without(ess), &server_pairs(Some(NOW)));
    let (strict, windows) = (ClientPolicy::strict, ClientPolicy::windows);
    for requirements in [Requirements::sign(), Requirements::seal()] {
        assert_eq!(answer(strict(), requirements, &without).expect_err("required"), missing(ess));
        assert_eq!(answer(windows(), requirements, &without).expect_err("required"), missing(ess));
    }
    assert_eq!(answer(strict(), Requirements::default(), &unprotected).expect_err("required"), missing(ess));
    assert!(answer(windows(), Requirements::default(), &unprotected).is_ok());
    let mut never = strict();
    never.extended_session_security = ExtendedSessionSecurity::DangerousNever;
    assert!(answer(never, Requirements::seal(), &without).is_ok());
}

#[test]
fn attack_32_what_the_challenge_settled_cannot_be_changed_in_the_authenticate() {
    let changes: [(Flags, F); 5] = [
        (|flags| flags.without(F::EXTENDED_SESSIONSECURITY), F::EXTENDED_SESSIONSECURITY),
        (|flags| flags | F::LM_KEY, F::LM_KEY),
        (|flags| flags | F::DATAGRAM, F::DATAGRAM),
        (|flags| flags.without(F::UNICODE) | F::OEM, F::UNICODE),
        (
            |flags| flags.without(F::EXTENDED_SESSIONSECURITY) | F::LM_KEY,
            NegotiateFlags(F::EXTENDED_SESSIONSECURITY.0 | F::LM_KEY.0),
        ),
    ];
    for (flags, changed) in changes {
        for mut pair in strict_and_windows() {
            let script = Script { flags, ..Script::new() };
            let error = script.run(&mut pair).expect_err("changed");
            assert_eq!((error.step, error.error), (Step::Authenticate, Incompatible::FlagsChanged(changed).into()));
        }
    }
    // Bits that some clients set whether they were offered or not count for nothing.
    for mut pair in strict_and_windows() {
        let script = Script { flags: |flags| flags | F::SIGN | F::SEAL | F::N128 | F::N56, ..Script::new() };
        let server = script.asking(UNPROTECTED.without(F::N128 | F::N56)).run(&mut pair).expect("bits too many");
        assert!(!server.info.flags().intersects(F::SIGN | F::SEAL | F::N128 | F::N56));
        assert!(!server.session.signs());
    }
}
