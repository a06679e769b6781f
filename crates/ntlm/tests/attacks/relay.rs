//! Relayed and reflected logons: a response that was made for somebody else.

use std::sync::Arc;

use ntlm::bindings::{AcceptedTargets, ChannelBindings};
use ntlm::client::Exchange;
use ntlm::config::{ChannelBindingsPolicy, LmCompatibilityLevel, TargetNamePolicy};
use ntlm::error::{Error, Incompatible, Rejected};
use ntlm::reflection::ReflectionGuard;
use ntlm::wire::{AuthenticateMessage, AvId, ChallengeMessage, NegotiateMessage, NtlmV2Response, ResponseClass};
use ntlm::{
    ClientConfig, ClientPolicy, LogonFailure, LogonSuccess, NegotiateFlags, Password, Requirements, Role, ServerNames,
    ServerPolicy, server,
};

use crate::common::{answer, every_protection, rewrite_pairs, server_pairs, strict_and_windows, windows};
use crate::support::pair::{LoadedDice, NOW, PASSWORD, Pair, Step};
use crate::support::script::{AvPair, PROTECTED, Pairs, Response, Script, utf16};

#[test]
fn attack_04_a_client_that_signs_wants_to_know_whom_it_talks_to() {
    for requirements in [Requirements::sign(), Requirements::seal()] {
        for removed in [AvId::NB_COMPUTER_NAME, AvId::NB_DOMAIN_NAME] {
            for pair in strict_and_windows() {
                let strict = pair.client_config.policy == ClientPolicy::strict();
                let mut pair = pair.with_requirements(requirements).with_challenge(move |challenge| {
                    rewrite_pairs(challenge, |pairs| pairs.retain(|(id, _)| *id != removed.0));
                });
                let error = pair.refused();
                assert_eq!((error.side, error.error), (Role::Client, Incompatible::NoServerNames.into()));
                assert!(pair.sent.authenticate.is_empty(), "nothing is sent");

                // An empty name says as little; some servers send them, so only `strict` minds.
                let mut pair = pair.with_challenge(move |challenge| {
                    rewrite_pairs(challenge, |pairs| {
                        pairs.iter_mut().filter(|(id, _)| *id == removed.0).for_each(|(_, name)| name.clear());
                    });
                });
                let error = pair.refused();
                let expected = match strict {
                    true => (Role::Client, Incompatible::NoServerNames.into()),
                    false => (Role::Server, Rejected::MicWrong.into()),
                };
                assert_eq!((error.side, error.error), expected);
            }
        }
    }
}

/// A way to make a response for another server, and the first pair in which it differs.
type Forgery = (Pairs, AvId);

fn renamed(pairs: &[AvPair], id: AvId) -> Vec<AvPair> {
    let other = |value: &Vec<u8>| if id == AvId::TIMESTAMP { vec![7; 8] } else { [value, &utf16("X")[..]].concat() };
    pairs.iter().map(|(found, value)| (*found, if *found == id.0 { other(value) } else { value.clone() })).collect()
}

fn removed(pairs: &[AvPair], id: AvId) -> Vec<AvPair> {
    pairs.iter().filter(|(found, _)| *found != id.0).cloned().collect()
}

const FORGERIES: [Forgery; 13] = [
    (|pairs| renamed(pairs, AvId::NB_COMPUTER_NAME), AvId::NB_COMPUTER_NAME),
    (|pairs| renamed(pairs, AvId::NB_DOMAIN_NAME), AvId::NB_DOMAIN_NAME),
    (|pairs| renamed(pairs, AvId::DNS_COMPUTER_NAME), AvId::DNS_COMPUTER_NAME),
    (|pairs| renamed(pairs, AvId::DNS_DOMAIN_NAME), AvId::DNS_DOMAIN_NAME),
    (|pairs| renamed(pairs, AvId::TIMESTAMP), AvId::TIMESTAMP),
    (|pairs| removed(pairs, AvId::NB_COMPUTER_NAME), AvId::NB_COMPUTER_NAME),
    (|pairs| removed(pairs, AvId::NB_DOMAIN_NAME), AvId::NB_DOMAIN_NAME),
    (|pairs| removed(pairs, AvId::DNS_COMPUTER_NAME), AvId::DNS_COMPUTER_NAME),
    (|pairs| removed(pairs, AvId::DNS_DOMAIN_NAME), AvId::DNS_DOMAIN_NAME),
    (|pairs| removed(pairs, AvId::TIMESTAMP), AvId::TIMESTAMP),
    (|_| Vec::new(), AvId::NB_COMPUTER_NAME),
    (|pairs| [pairs, &[(AvId::DNS_TREE_NAME.0, utf16("forest.test"))]].concat(), AvId::DNS_TREE_NAME),
    // Same letters, another case: the pairs are compared as bytes.
    (
        |pairs| {
            let lower = |(id, value): &AvPair| if *id == 1 { (*id, utf16("server1")) } else { (*id, value.clone()) };
            pairs.iter().map(lower).collect()
        },
        AvId::NB_COMPUTER_NAME,
    ),
];

#[test]
fn attack_04_a_response_made_for_another_server_is_refused() {
    for (pairs, id) in FORGERIES {
        for mut pair in strict_and_windows() {
            // Right in everything else, the MIC included.
            let error = Script { pairs, ..Script::new() }.run(&mut pair).expect_err("made for another server");
            assert_eq!((error.step, error.error), (Step::Verdict, Rejected::TargetInfoChanged(id).into()));
        }
        let error = Script { pairs, ..Script::without_mic() }.run(&mut windows()).expect_err("made for another server");
        assert_eq!(error.error, Rejected::TargetInfoChanged(id).into());
    }
    // The order of the pairs is the client's business.
    for mut pair in strict_and_windows() {
        let script = Script { pairs: |server| server.iter().rev().cloned().collect(), ..Script::new() };
        assert!(script.run(&mut pair).is_ok());
    }
}

#[test]
fn attack_04_the_verdict_of_a_domain_controller_does_not_replace_the_checks() {
    // The authority holds the session key and says yes, as a domain controller does that a response of another server was put before.
    let controller = |logon: &ntlm::NetworkLogon| -> Result<LogonSuccess, LogonFailure> {
        let proof = logon.nt_response().first_chunk::<16>().expect("an NTLMv2 response");
        let response_key = Password::new(PASSWORD).nt_hash().response_key_nt(logon.user(), logon.domain());
        Ok(LogonSuccess::from_authority(logon, response_key.session_base_key(proof), None))
    };
    for pair in strict_and_windows() {
        let mut pair = pair.with_authority(controller);
        assert!(Script::new().run(&mut pair).is_ok());
        let (pairs, id) = FORGERIES[0];
        let error = Script { pairs, ..Script::new() }.run(&mut pair).expect_err("made for another server");
        assert_eq!(error.error, Rejected::TargetInfoChanged(id).into());
        let mut pair = pair.with_authenticate(|message| message[72] ^= 1);
        let error = Script::new().run(&mut pair).expect_err("a wrong MIC");
        assert_eq!(error.error, Rejected::MicWrong.into());
    }
}

fn accepts(hosts: &[&str]) -> AcceptedTargets {
    AcceptedTargets { service_classes: vec!["HTTP".into()], hosts: hosts.iter().map(|&host| host.into()).collect() }
}

#[test]
fn attack_05_a_response_made_for_another_service_is_refused() {
    let wrong: Error = Rejected::TargetNameWrong.into();
    let missing: Error = Rejected::TargetNameMissing.into();
    for (name, untrusted, expected) in [
        (Some("HTTP/b.example.test"), false, None),
        (Some("http/B.example.test:8080"), false, None),
        (Some("cifs/a.example.test"), false, Some(wrong.clone())),
        (Some("cifs/b.example.test"), false, Some(wrong.clone())),
        (Some("HTTP/a.example.test"), false, Some(wrong.clone())),
        (Some("HTTP/b.example.test.evil.test"), false, Some(wrong.clone())),
        (Some("HTTP/b"), false, Some(wrong)),
        (None, false, Some(missing.clone())),
        (Some(""), false, Some(missing.clone())),
        // A name from a source that the client itself does not trust counts for nothing, right or wrong.
        (Some("HTTP/b.example.test"), true, Some(missing.clone())),
        (Some("cifs/a.example.test"), true, Some(missing)),
    ] {
        for mut pair in every_protection() {
            pair.server_config.policy.target_name = TargetNamePolicy::Require(accepts(&["b.example.test"]));
            pair.client_exchange.target_name = name.map(Into::into);
            pair.client_exchange.target_name_untrusted = untrusted;
            let outcome = pair.run().map_err(|error| error.error).map(|_| ());
            assert_eq!(outcome.err(), expected, "{name:?}, untrusted {untrusted}");
        }
    }
}

#[test]
fn attack_05_the_target_name_cannot_be_changed_on_the_way() {
    for pair in strict_and_windows() {
        let mut pair = pair.with_authenticate(|message| {
            let (from, to) = (utf16("cifs/a"), utf16("HTTP/b"));
            let at = message.windows(from.len()).position(|window| window == from).expect("the target name");
            message[at..at + to.len()].copy_from_slice(&to);
        });
        pair.server_config.policy.target_name = TargetNamePolicy::Require(accepts(&["b"]));
        pair.client_exchange.target_name = Some("cifs/a".into());
        let error = pair.refused();
        assert_eq!(error.error, LogonFailure::WRONG_PASSWORD.into());
    }
}

fn tls(certificate: u8) -> Option<ChannelBindings> {
    Some(ChannelBindings::tls_server_end_point(&[certificate; 32]))
}

#[test]
fn attack_05_a_response_made_for_another_channel_is_refused() {
    for policy in [ChannelBindingsPolicy::WhenSupplied, ChannelBindingsPolicy::Always] {
        for mut pair in every_protection() {
            pair.server_config.policy.channel_bindings = policy;
            pair.client_exchange.channel_bindings = tls(1);
            pair.server_exchange.channel_bindings = tls(1);
            pair.run().expect("the same channel");
            pair.server_exchange.channel_bindings = tls(2);
            assert_eq!(pair.refused().error, Rejected::BindingsWrong.into());
        }
    }
}

#[test]
fn attack_06_bindings_cannot_be_left_out_where_they_are_required() {
    use ChannelBindingsPolicy::{Always, Off, WhenSupplied};
    let (wrong, missing) = (Some(Rejected::BindingsWrong), Some(Rejected::BindingsMissing));
    // The server's bindings; its policy; what becomes of a client without bindings, with those of certificate 1, with others.
    for (ours, policy, [none, equal, other]) in [
        (tls(1), Always, [missing, None, wrong]),
        (tls(1), WhenSupplied, [None, None, wrong]),
        (tls(1), Off, [None, None, None]),
        (None, Always, [missing, None, None]),
        (None, WhenSupplied, [None, None, None]),
        (None, Off, [None, None, None]),
        // Empty bindings are none.
        (Some(ChannelBindings::default()), Always, [missing, None, None]),
    ] {
        for mut pair in every_protection() {
            pair.server_config.policy.channel_bindings = policy;
            pair.server_exchange.channel_bindings = ours.clone();
            for (theirs, expected) in
                [(None, none), (Some(ChannelBindings::default()), none), (tls(1), equal), (tls(9), other)]
            {
                pair.client_exchange.channel_bindings = theirs.clone();
                let outcome = pair.run().map_err(|error| error.error).map(|_| ());
                assert_eq!(outcome.err(), expected.map(Into::into), "{ours:?} {policy:?} {theirs:?}");
            }
            // Pair 10 absent is pair 10 zero.
            let script = Script { pairs: <[_]>::to_vec, ..Script::new() };
            let outcome = script.run(&mut pair).map_err(|error| error.error).map(|_| ());
            assert_eq!(outcome.err(), none.map(Into::into), "{ours:?} {policy:?} absent");
        }
    }
}

#[test]
fn attack_06_responses_without_room_for_bindings_are_refused_where_they_are_required() {
    // NTLMv1, let in by level 0.
    for response in [Response::NtlmV1, Response::NtlmV1Ess] {
        for server_bindings in [tls(1), None] {
            let mut policy =
                ServerPolicy::windows().dangerous_with_lm_compatibility_level(LmCompatibilityLevel::Level0);
            policy.extended_session_security = ntlm::config::ExtendedSessionSecurity::DangerousNever;
            let mut pair = Pair::with_policies(ClientPolicy::windows(), policy);
            pair.server_exchange.channel_bindings = server_bindings;
            let script = Script::with_response(response);
            assert!(script.run(&mut pair).is_ok());
            pair.server_config.policy.channel_bindings = ChannelBindingsPolicy::Always;
            let error = script.run(&mut pair).expect_err("no bindings");
            assert_eq!(error.error, Rejected::BindingsMissing.into());
        }
    }
    // NTLMv2 without TargetInfo, let in by `legacy_target_info`.
    let mut pair = windows();
    pair.server_config.policy.legacy_target_info = true;
    pair.server_exchange.channel_bindings = tls(1);
    let script = Script { pairs: |_| Vec::new(), ..Script::without_mic() };
    assert!(script.run(&mut pair).is_ok());
    pair.server_config.policy.channel_bindings = ChannelBindingsPolicy::Always;
    assert_eq!(script.run(&mut pair).expect_err("no bindings").error, Rejected::BindingsMissing.into());

    // A client of ours that was given bindings does not send a response that cannot carry them.
    let without = crate::common::foreign_challenge(PROTECTED, &[]);
    let exchange = || Exchange { channel_bindings: tls(1), ..Exchange::default() };
    let lenient = ClientConfig::new(ClientPolicy::windows());
    let error = answer(&lenient, exchange(), &without).expect_err("no place");
    assert_eq!(error, Incompatible::NoPlaceForBindings.into());
    let with = crate::common::foreign_challenge(PROTECTED | NegotiateFlags::TARGET_INFO, &server_pairs(Some(NOW)));
    let level2 = ClientPolicy::windows().dangerous_with_lm_compatibility_level(LmCompatibilityLevel::Level2);
    let error = answer(&ClientConfig::new(level2), exchange(), &with).expect_err("no place");
    assert_eq!(error, Incompatible::NoPlaceForBindings.into());
}

/// Pair 10 of the response in an AUTHENTICATE.
fn sent_bindings(authenticate: &[u8]) -> Option<[u8; 16]> {
    let message = AuthenticateMessage::parse(authenticate).expect("an AUTHENTICATE");
    NtlmV2Response::parse(message.nt_response, 0).expect("NTLMv2").av_pairs.channel_bindings()
}

#[test]
fn attack_07_bindings_are_hashed_as_windows_hashes_them() {
    let bytes = |hex: &str| u128::from_str_radix(hex, 16).expect("hex").to_be_bytes();
    let certificate = [bytes("ea05fefecc6b0bd571dbbc5baa3ed453"), bytes("86d0446835f7b74c85621b9983475f95")].concat();
    let microsoft = ChannelBindings::tls_server_end_point(&certificate);
    assert_eq!(microsoft.hash(), bytes("6586e99d81c2fc984e47172fd4dd0310"));
    let ones = ChannelBindings::tls_server_end_point(&[0x11; 32]);
    assert_eq!(ones.hash(), bytes("187b8ed16257050635bf9bbd99eb5e29"));

    // Little-endian lengths, the prefix with its colon and without a NUL.
    let packed = ones.to_bytes();
    assert_eq!(packed[..20], [&[0; 16][..], &53_u32.to_le_bytes()].concat());
    assert_eq!(packed[20..41], *b"tls-server-end-point:");
    assert_eq!(packed[41..], [0x11; 32]);

    for mut pair in strict_and_windows() {
        pair.client_exchange.channel_bindings = Some(microsoft.clone());
        pair.run().expect("a server without bindings");
        assert_eq!(sent_bindings(&pair.sent.authenticate), Some(microsoft.hash()));
    }
}

#[test]
fn attack_07_empty_bindings_are_zeros_on_the_wire() {
    assert_eq!(ChannelBindings::default().hash(), [0; 16]);
    for mut pair in strict_and_windows() {
        for bindings in [None, Some(ChannelBindings::default())] {
            pair.client_exchange.channel_bindings = bindings;
            let (client, server) = pair.run().expect("no bindings");
            assert_eq!(sent_bindings(&pair.sent.authenticate), Some([0; 16]));
            assert_eq!((client.info.channel_bindings(), server.info.channel_bindings()), (None, None));
        }
    }
}

#[test]
fn attack_08_a_process_does_not_answer_its_own_challenges() {
    for mut pair in every_protection() {
        let guard = Arc::new(ReflectionGuard::new());
        pair.client_config.reflection_guard = Some(Arc::clone(&guard));
        pair.server_config.reflection_guard = Some(Arc::clone(&guard));
        let error = pair.refused();
        assert_eq!((error.side, error.step), (Role::Client, Step::Challenge));
        assert_eq!(error.error, Rejected::OwnChallenge.into());
        assert!(pair.sent.authenticate.is_empty(), "nothing is sent");

        // Whatever else of the challenge is changed on the way.
        let mut pair = pair.with_challenge(|challenge| {
            rewrite_pairs(challenge, |pairs| *pairs = renamed(pairs, AvId::NB_COMPUTER_NAME));
            challenge[48..56].fill(0);
        });
        assert_eq!(pair.refused().error, Rejected::OwnChallenge.into());

        // A server elsewhere is none of ours.
        pair.in_the_middle.challenge = None;
        pair.server_config.reflection_guard = None;
        assert!(pair.run().is_ok());
    }
}

#[test]
fn attack_08_a_challenge_is_ones_own_until_it_was_answered_or_given_up() {
    for mut pair in strict_and_windows() {
        let guard = Arc::new(ReflectionGuard::new());
        pair.server_config.reflection_guard = Some(Arc::clone(&guard));
        for answered in [true, false] {
            let (_, waiting) = pair.question().expect("a question");
            let challenge = waiting.logon().server_challenge();
            assert!(guard.is_own(challenge));
            if answered {
                let verdict = (pair.authority)(waiting.logon());
                assert!(waiting.finish(verdict).is_ok());
            } else {
                drop(waiting);
            }
            assert!(!guard.is_own(challenge));
        }
        // Malformed answers use it up, too.
        let mut pair = pair.with_authenticate(|message| message.truncate(20));
        pair.refused();
        let challenge = ChallengeMessage::parse(&pair.sent.challenge).expect("a challenge").server_challenge;
        assert!(!guard.is_own(challenge));
    }
}

#[test]
fn attack_08_the_historic_local_call_is_never_made() {
    let config = ServerNames::member("SERVER1", "EXAMPLE");
    for policy in [ServerPolicy::strict(), ServerPolicy::windows()] {
        // Asked for by a client that knows our names: neither confirmed nor noticed.
        let asked = PROTECTED
            | NegotiateFlags::LOCAL_CALL
            | NegotiateFlags::OEM_DOMAIN_SUPPLIED
            | NegotiateFlags::OEM_WORKSTATION_SUPPLIED;
        let mut message = Vec::new();
        let builder = ntlm::wire::NegotiateBuilder {
            flags: asked,
            domain_name: b"EXAMPLE",
            workstation: b"SERVER1",
            version: None,
        };
        builder.write(&mut message);
        let mut challenge = Vec::new();
        let server = ntlm::ServerConfig::new(config.clone(), policy);
        server::ExpectNegotiate::new(server.into(), server::Exchange::default())
            .receive(&message, NOW, &mut LoadedDice::new(1), &mut challenge)
            .expect("a challenge");
        let challenge = ChallengeMessage::parse(&challenge).expect("a challenge");
        assert!(!challenge.flags.contains(NegotiateFlags::LOCAL_CALL));
        assert_eq!(challenge.reserved, Some([0; 8]));
    }

    // Offered by a server: the same answer as to a server that does not.
    for policy in [ClientPolicy::strict(), ClientPolicy::windows()] {
        let config = ClientConfig::new(policy);
        let flags = PROTECTED | NegotiateFlags::TARGET_INFO;
        let plain = crate::common::foreign_challenge(flags, &server_pairs(Some(NOW)));
        let mut local = crate::common::foreign_challenge(flags | NegotiateFlags::LOCAL_CALL, &server_pairs(Some(NOW)));
        local[32..40].copy_from_slice(&0x0123_4567_89ab_cdef_u64.to_le_bytes());
        let [plain, local] = [plain, local].map(|challenge| {
            let exchange = Exchange { requirements: Requirements::seal(), ..Exchange::default() };
            let (mut authenticate, _) = answer(&config, exchange, &challenge).expect("an answer");
            // The MIC covers the challenge, and differs for that reason alone.
            authenticate[72..88].fill(0);
            authenticate
        });
        assert_eq!(plain, local);
    }

    // An AUTHENTICATE without responses, as a local call ends, is an anonymous logon and refused.
    for mut pair in strict_and_windows() {
        let script = Script {
            user: "".into(),
            domain: "".into(),
            flags: |flags| flags | NegotiateFlags::LOCAL_CALL,
            ..Script::new()
        };
        let empty = move |message: &mut Vec<u8>| {
            [12, 14, 20, 22].into_iter().for_each(|at| message[at..at + 2].fill(0));
        };
        pair.in_the_middle.authenticate = Some(Box::new(empty));
        let error = script.run(&mut pair).expect_err("nobody");
        assert_eq!(error.error, Rejected::ResponseClass(ResponseClass::Anonymous).into());
    }
}

#[test]
fn attack_08_the_client_tells_no_names_before_it_is_challenged() {
    for mut pair in every_protection() {
        pair.client_config.workstation = "WORKSTATION1".into();
        pair.run().expect("a logon");
        let negotiate = NegotiateMessage::parse(&pair.sent.negotiate).expect("a NEGOTIATE");
        assert_eq!((negotiate.domain_name, negotiate.workstation), (None, None));
        assert_eq!(pair.sent.negotiate.len(), 40);
        assert_eq!(pair.sent.negotiate[16..32], [0; 16]);
    }
}
