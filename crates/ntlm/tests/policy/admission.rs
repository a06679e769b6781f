//! Who is let in at all: blocking, old character sets, nobody in particular, old hashes, connectionless clients, ourselves.

use std::sync::Arc;

use ntlm::client::{Exchange, Start};
use ntlm::config::OemPolicy;
use ntlm::context::IdentityKind;
use ntlm::error::{Error, Incompatible, Rejected};
use ntlm::reflection::ReflectionGuard;
use ntlm::server::ExpectNegotiate;
use ntlm::wire::{AuthenticateMessage, ResponseClass};
use ntlm::{ClientConfig, ClientPolicy, Credentials, LogonFailure, LogonSuccess, NegotiateFlags, Requirements, Role};

use crate::support::pair::{LoadedDice, NOW, Pair, Step, converse};
use crate::support::script::{Mic, PROTECTED, Script, UNPROTECTED};
use crate::{answer, both, windows};

use NegotiateFlags as F;

#[test]
fn client_blocked_and_its_exceptions() {
    for (target, excepted) in [
        (Some("HTTP/server1.example.test"), true),
        (Some("cifs/SERVER1.Example.Test"), true),
        (Some("HTTP/server1.example.test:8080"), true),
        (Some("server1.example.test"), true),
        (Some("HTTP/10.0.0.1"), true),
        (Some("HTTP/server1"), false),
        (Some("HTTP/server1.example.test.evil.test"), false),
        (Some("server1.example.test/other"), false),
        (Some(""), false),
        (None, false),
    ] {
        for mut pair in both() {
            pair.client_exchange.target_name = target.map(Into::into);
            let policy = &mut pair.client_config.policy;
            policy.client_block_exceptions = vec!["server1.example.test".into(), "10.0.0.1".into()];
            assert!(pair.run().is_ok(), "nothing is blocked");

            pair.client_config.policy.client_blocked = true;
            match pair.run() {
                Ok(_) => assert!(excepted, "{target:?}"),
                Err(error) => {
                    assert!(!excepted, "{target:?}");
                    assert_eq!((error.side, error.step), (Role::Client, Step::Begin));
                    assert_eq!(error.error, Incompatible::Blocked.into());
                    assert!(pair.sent.negotiate.is_empty(), "nothing is sent");
                }
            }
            pair.connectionless = true;
            pair.server_config.policy.allow_datagram = true;
            let pair = &mut pair.with_requirements(Requirements::datagram());
            assert_eq!(pair.run().is_ok(), excepted, "{target:?}, connectionless");
        }
    }
}

#[test]
fn client_blocked_holds_for_a_target_that_becomes_known_later() {
    let challenge = crate::strength::challenge(UNPROTECTED, Some(NOW));
    for policy in [ClientPolicy::strict(), ClientPolicy::windows()] {
        let mut config = ClientConfig::new(policy);
        config.policy.client_blocked = true;
        config.policy.client_block_exceptions = vec!["server1".into()];
        for (target, expected) in [("HTTP/server1", Ok(())), ("HTTP/server2", Err(Incompatible::Blocked.into()))] {
            let exchange = Exchange { target_name: Some("HTTP/server1".into()), ..Exchange::default() };
            let credentials = Credentials::new("alice", &ntlm::Password::new("secret"));
            let start = Start::new(Arc::new(config.clone()), Arc::new(credentials), exchange);
            let mut waiting = start.send(&mut Vec::new()).expect("an exception");
            waiting.exchange_mut().target_name = Some(target.into());
            let mut out = Vec::new();
            let outcome = waiting.receive(&challenge, NOW, &mut LoadedDice::new(1), &mut out).map(|_| ());
            assert_eq!((outcome.clone(), out.is_empty()), (expected, outcome.is_err()));
        }
    }
}

#[test]
fn server_block_refuses_every_logon() {
    for mut pair in both() {
        assert!(pair.run().is_ok());
        pair.server_config.policy.server_block = true;
        let error = pair.refused();
        assert_eq!((error.side, error.step), (Role::Server, Step::Negotiate));
        assert_eq!(error.error, Incompatible::Blocked.into());
        assert!(pair.sent.challenge.is_empty(), "nothing is sent");
        pair.connectionless = true;
        pair.server_config.policy.allow_datagram = true;
        let error = pair.refused();
        assert_eq!((error.step, error.error), (Step::Begin, Incompatible::Blocked.into()));
    }
}

/// What a client without Unicode asks for.
const OEM: NegotiateFlags = NegotiateFlags(UNPROTECTED.0 & !F::UNICODE.0 | F::OEM.0);

#[test]
fn oem_on_a_server() {
    for mut pair in both() {
        for setting in [OemPolicy::Refuse, OemPolicy::Accept] {
            pair.server_config.policy.oem = setting;
            for (user, ascii) in [("alice", true), ("\u{e1}lice", false)] {
                let script = Script { user: user.into(), ..Script::new() }.asking(OEM);
                let mut pair = Pair { in_the_middle: Default::default(), ..pair_like(&pair) };
                match script.run(&mut pair) {
                    Ok(server) => {
                        assert_eq!(setting, OemPolicy::Accept);
                        let observations = server.info.observations();
                        assert_eq!((observations.oem, observations.oem_not_ascii), (true, !ascii));
                        assert_eq!(server.info.identity().user, user.into());
                    }
                    Err(error) => {
                        assert_eq!(setting, OemPolicy::Refuse);
                        assert_eq!((error.step, error.error), (Step::Negotiate, Incompatible::OemRefused.into()));
                    }
                }
            }
            // Unicode wins where both are offered; neither is refused by either setting.
            let server = Script::new().asking(UNPROTECTED | F::OEM).run(&mut pair).expect("both");
            assert!(server.info.flags().contains(F::UNICODE) && !server.info.observations().oem);
            let error = Script::new().asking(UNPROTECTED.without(F::UNICODE)).run(&mut pair).expect_err("neither");
            assert_eq!((error.step, error.error), (Step::Negotiate, Incompatible::NoCharset.into()));
        }
    }
}

/// Another pair with the same policies, and an authority that knows everybody.
fn pair_like(pair: &Pair) -> Pair {
    let (client, server) = (pair.client_config.policy.clone(), pair.server_config.policy.clone());
    Pair::with_policies(client, server)
        .with_authority(|logon| logon.verify(Some(&ntlm::Password::new(crate::support::pair::PASSWORD).nt_hash())))
}

#[test]
fn oem_on_a_client() {
    let challenge = crate::strength::challenge(OEM, Some(NOW));
    for mut policy in [ClientPolicy::strict(), ClientPolicy::windows()] {
        policy.oem = OemPolicy::Refuse;
        let error = answer(policy.clone(), Exchange::default(), &challenge).expect_err("OEM only");
        assert!(matches!(error, Error::Incompatible(Incompatible::OemRefused)), "{error:?}");
        policy.oem = OemPolicy::Accept;
        let (sent, client) = answer(policy.clone(), Exchange::default(), &challenge).expect("OEM");
        let sent = AuthenticateMessage::parse(&sent).expect("an AUTHENTICATE");
        assert_eq!((sent.user_name, sent.domain_name), (&b"alice"[..], &b"EXAMPLE"[..]));
        assert!(client.info.observations().oem);

        // Offered beside Unicode, and Unicode taken where the server has it.
        let mut pair = Pair::with_policies(policy, windows().server_config.policy);
        let (client, server) = pair.run().expect("both");
        assert_eq!(pair.sent.negotiate[12] & 3, 3);
        assert!(!client.info.observations().oem && !server.info.observations().oem);
    }
    let neither = crate::strength::challenge(UNPROTECTED.without(F::UNICODE), Some(NOW));
    let error = answer(ClientPolicy::windows(), Exchange::default(), &neither).expect_err("neither");
    assert_eq!(error, Incompatible::NoCharset.into());
}

#[test]
fn anonymous_clients_by_policy_and_by_exchange() {
    for pair in both() {
        let mut pair = pair
            .with_credentials(Credentials::anonymous())
            .with_authority(|logon| LogonSuccess::anonymous(logon).ok_or(LogonFailure::LOGON_FAILURE));
        let error = pair.refused();
        let refused = Rejected::ResponseClass(ResponseClass::Anonymous).into();
        assert_eq!((error.step, error.error), (Step::Authenticate, refused));
        for by_exchange in [false, true] {
            pair.server_config.policy.allow_anonymous = !by_exchange;
            pair.server_exchange.allow_anonymous = by_exchange;
            let (client, server) = pair.run().expect("allowed");
            for side in [&client, &server] {
                assert_eq!(side.info.identity().kind, IdentityKind::Anonymous);
                assert!(side.info.attributes().anonymous && !side.info.is_authenticated());
            }
            assert!(!server.info.observations().weak_response);
        }
        // Allowed is not let in: the authority has the last word.
        let mut pair = pair.with_authority(|_| Err(LogonFailure::ACCOUNT_RESTRICTION));
        assert_eq!(pair.refused().error, LogonFailure::ACCOUNT_RESTRICTION.into());
    }
}

#[test]
fn an_exchange_that_allows_anonymous_clients_allows_no_others_more() {
    for pair in both() {
        let mut pair = pair.with_authority(|logon| Ok(LogonSuccess::guest(logon)));
        pair.server_exchange.allow_anonymous = true;
        assert_eq!(pair.refused().error, LogonFailure::LOGON_FAILURE.into());
        let mut pair = pair.with_authority(|_| Err(LogonFailure::WRONG_PASSWORD));
        assert_eq!(pair.refused().error, LogonFailure::WRONG_PASSWORD.into());
    }
}

#[test]
fn guests_only_when_allowed() {
    for pair in both() {
        let mut pair = pair.with_authority(|logon| Ok(LogonSuccess::guest(logon)));
        assert_eq!(pair.refused().error, LogonFailure::LOGON_FAILURE.into());
        pair.server_config.policy.allow_guest = true;
        // A client that claims a MIC has made it with a key that no guest's server has; it is not looked at.
        for script in [Script::new(), Script { mic: Mic::None, ..Script::new() }] {
            let server = script.run(&mut pair).expect("a guest");
            assert_eq!(server.info.identity().kind, IdentityKind::Guest);
            assert!(server.info.attributes().guest && !server.info.has_mic());
        }
    }
}

#[test]
fn nothing_that_a_guest_sends_counts_as_verified() {
    let guests = || {
        both().into_iter().map(|pair| {
            let mut pair = pair.with_authority(|logon| Ok(LogonSuccess::guest(logon)));
            pair.server_config.policy.allow_guest = true;
            pair.client_exchange.target_name = Some("HTTP/web".into());
            pair
        })
    };
    for (mut first, second) in guests().zip(guests()) {
        // The dice are loaded: the second exchange will be the same as the first, and gets the MIC that anybody can make with the guests' key
        // of zeros.
        drop(first.question().expect("a question"));
        let everybodys_key = ntlm::secret::KeyExchangeKey::anonymous().exported_session_key();
        let mic = everybodys_key.mic(&first.sent.negotiate, &first.sent.challenge, &first.sent.authenticate, 72);
        let mut second = second.with_authenticate(move |message| message[72..88].copy_from_slice(&mic));
        let (_, server) = second.run().expect("a guest");
        assert_eq!(second.sent.challenge, first.sent.challenge);
        assert!(!server.info.has_mic() && !server.info.is_authenticated());
        assert_eq!((server.info.target_name(), server.info.channel_bindings()), (None, None));
    }
}

#[test]
fn nil_domain_retry_on_and_off() {
    for mut pair in both() {
        let script = Script { hashed_domain: Some("".into()), ..Script::new() };
        assert_eq!(script.run(&mut pair).expect_err("off").error, LogonFailure::WRONG_PASSWORD.into());
        pair.server_config.policy.nil_domain_retry = true;
        let server = script.run(&mut pair).expect("on");
        assert!(server.info.observations().nil_domain);
        assert_eq!(server.info.identity().domain, "EXAMPLE".into());
    }
}

#[test]
fn connectionless_exchanges_are_off_until_allowed() {
    for pair in both() {
        let mut pair = pair.with_requirements(Requirements::datagram());
        pair.connectionless = true;
        let error = pair.refused();
        assert_eq!((error.side, error.step), (Role::Server, Step::Begin));
        assert_eq!(error.error, Incompatible::DatagramDisabled.into());
        pair.server_config.policy.allow_datagram = true;
        let (mut client, mut server) = pair.run().expect("allowed");
        assert!(server.info.attributes().datagram);
        converse(&mut client.session, &mut server.session, 1);
    }
    // A client that asks for it in a NEGOTIATE is answered without it.
    for mut pair in both() {
        let server = Script::new().asking(PROTECTED | F::DATAGRAM).run(&mut pair).expect("a connection");
        assert!(!server.info.flags().contains(F::DATAGRAM));
    }
}

#[test]
fn connectionless_clients_cannot_ask_for_what_is_the_applications_affair() {
    let datagram = Requirements::datagram();
    for (requirements, expected) in [
        (datagram, None),
        (Requirements { replay_detect: true, ..datagram }, Some(Incompatible::NoReplayDetection.into())),
        (Requirements { sequence_detect: true, ..datagram }, Some(Incompatible::NoReplayDetection.into())),
    ] {
        for policy in [ClientPolicy::strict(), ClientPolicy::windows()] {
            let exchange = Exchange { requirements, ..Exchange::default() };
            let credentials = Credentials::new("alice", &ntlm::Password::new("secret"));
            let start = Start::new(ClientConfig::new(policy).into(), credentials.into(), exchange);
            assert_eq!(start.datagram().err(), expected);
        }
    }
}

#[test]
fn challenges_that_nobody_asked_for_are_answered_by_a_policy_named_dangerous() {
    let challenge = crate::strength::challenge(UNPROTECTED, Some(NOW));
    for policy in [ClientPolicy::strict(), ClientPolicy::windows()] {
        for allowed in [false, true] {
            let policy = if allowed { policy.clone().dangerous_answering_unasked() } else { policy.clone() };
            assert_eq!(policy.answers_unasked(), allowed);
            let credentials = Credentials::new("alice", &ntlm::Password::new("secret"));
            let start = Start::new(ClientConfig::new(policy).into(), credentials.into(), Exchange::default());
            match start.unasked() {
                Ok(waiting) => {
                    assert!(allowed);
                    let mut dice = LoadedDice::new(1);
                    assert!(waiting.receive(&challenge, NOW, &mut dice, &mut Vec::new()).is_ok());
                }
                Err(error) => {
                    assert!(!allowed);
                    assert_eq!(error, Incompatible::Blocked.into());
                }
            }
        }
    }
}

#[test]
fn the_reflection_guard_is_there_when_both_sides_share_it() {
    for mut pair in both() {
        let guards = [0; 2].map(|_| Arc::new(ReflectionGuard::new()));
        for (client, server, reflected) in [
            (None, None, false),
            (Some(0), None, false),
            (None, Some(0), false),
            (Some(0), Some(1), false),
            (Some(0), Some(0), true),
        ] {
            let guard = |index: Option<usize>| index.map(|index| Arc::clone(&guards[index]));
            pair.client_config.reflection_guard = guard(client);
            pair.server_config.reflection_guard = guard(server);
            match pair.run() {
                Ok(_) => assert!(!reflected),
                Err(error) => {
                    assert!(reflected);
                    assert_eq!((error.side, error.error), (Role::Client, Rejected::OwnChallenge.into()));
                }
            }
        }
    }
}

#[test]
fn what_belongs_to_an_exchange_may_become_known_late() {
    // Bindings and requirements that a server learns with the AUTHENTICATE hold.
    let mut pair = Pair::new();
    pair.run().expect("a logon");
    let (negotiate, config) = (pair.sent.negotiate.clone(), Arc::new(pair.server_config.clone()));
    let begin = || {
        let server = ExpectNegotiate::new(Arc::clone(&config), ntlm::server::Exchange::default());
        let mut challenge = Vec::new();
        let waiting = server.receive(&negotiate, NOW, &mut LoadedDice::new(1), &mut challenge).expect("a challenge");
        (waiting, challenge)
    };
    let (mut waiting, challenge) = begin();
    let (authenticate, _) = Script { negotiate: negotiate.clone(), ..Script::new() }.answer(&challenge);
    waiting.exchange_mut().requirements = Requirements::sign();
    let error = waiting.receive(&authenticate, NOW).expect_err("signing was not asked for");
    assert_eq!(error, Incompatible::MissingFlags(F::SIGN).into());

    let (mut waiting, _) = begin();
    waiting.exchange_mut().channel_bindings = Some(ntlm::ChannelBindings::tls_server_end_point(&[1; 32]));
    waiting.exchange_mut().channel_bindings_policy = Some(ntlm::config::ChannelBindingsPolicy::Always);
    let question = waiting.receive(&authenticate, NOW).expect("a question");
    let verdict = (pair.authority)(question.logon());
    assert_eq!(question.finish(verdict).expect_err("no bindings"), Rejected::BindingsMissing.into());
}
