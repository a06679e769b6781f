//! What a client must prove beside its password: the MIC, the echo of TargetInfo, the channel, the target, the time.

use std::time::Duration;

use ntlm::bindings::{AcceptedTargets, ChannelBindings};
use ntlm::client::Exchange;
use ntlm::config::{ChannelBindingsPolicy, MicPolicy, TargetNamePolicy};
use ntlm::error::{Error, Incompatible, Rejected};
use ntlm::wire::{AuthenticateMessage, AvId, NtlmV2Response};
use ntlm::{ClientPolicy, FileTime, Requirements, Role, ServerConfig, ServerNames, ServerPolicy};

use crate::support::pair::{NOW, Pair, Step};
use crate::support::script::{AvPair, Mic, PROTECTED, Pairs, Script, UNPROTECTED};
use crate::{answer, both, windows};

#[track_caller]
fn rejected(outcome: Result<ntlm::Established, crate::support::pair::PairError>, reason: Rejected) {
    let error = outcome.expect_err("refused");
    assert_eq!((error.step, error.error), (Step::Verdict, Error::Rejected(reason)));
}

#[test]
fn mic_required_or_only_if_claimed() {
    for mut pair in both() {
        for setting in [MicPolicy::RequireIfTimestampSent, MicPolicy::IfClaimed] {
            pair.server_config.policy.mic = setting;
            let server = Script::new().run(&mut pair).expect("a MIC");
            assert!(server.info.has_mic() && !server.info.observations().mic_missing);
            // Not sent, and sent without being claimed.
            for script in [Script::without_mic(), Script { mic: Mic::Unclaimed, ..Script::new() }] {
                match setting {
                    MicPolicy::RequireIfTimestampSent => rejected(script.run(&mut pair), Rejected::MicMissing),
                    MicPolicy::IfClaimed => {
                        let server = script.run(&mut pair).expect("no MIC");
                        assert!(!server.info.has_mic() && server.info.observations().mic_missing);
                    }
                }
            }
            // A wrong one is wrong under either.
            pair.in_the_middle.authenticate = Some(Box::new(|message| message[80] ^= 1));
            rejected(Script::new().run(&mut pair), Rejected::MicWrong);
            pair.in_the_middle.authenticate = None;
        }
    }
}

fn other_computer(pairs: &[AvPair]) -> Vec<AvPair> {
    pairs.iter().map(|(id, value)| (*id, if *id == 1 { b"X\0".to_vec() } else { value.clone() })).collect()
}

fn without_timestamp(pairs: &[AvPair]) -> Vec<AvPair> {
    pairs.iter().filter(|(id, _)| *id != AvId::TIMESTAMP.0).cloned().collect()
}

#[test]
fn echo_check_on_and_off() {
    for (pairs, id) in [
        (other_computer as Pairs, AvId::NB_COMPUTER_NAME),
        (without_timestamp, AvId::TIMESTAMP),
        (|_| Vec::new(), AvId::NB_COMPUTER_NAME),
    ] {
        for mut pair in both() {
            let script = Script { pairs, ..Script::new() };
            rejected(script.run(&mut pair), Rejected::TargetInfoChanged(id));
            pair.server_config.policy.echo_check = false;
            let server = script.run(&mut pair).expect("not looked at");
            assert!(server.info.observations().target_info_missing);
            let whole = Script::new().run(&mut pair).expect("a whole echo");
            assert!(!whole.info.observations().target_info_missing);
        }
    }
}

#[test]
fn legacy_target_info_accepts_a_list_that_is_empty_and_no_other() {
    let empty = || Script { pairs: |_| Vec::new(), ..Script::without_mic() };
    let mut pair = windows();
    rejected(empty().run(&mut pair), Rejected::TargetInfoChanged(AvId::NB_COMPUTER_NAME));
    pair.server_config.policy.legacy_target_info = true;
    let observations = *empty().run(&mut pair).expect("an old client").info.observations();
    assert!(observations.target_info_missing && observations.mic_missing);
    for pairs in [other_computer, without_timestamp] {
        let script = Script { pairs, ..Script::without_mic() };
        assert!(matches!(
            script.run(&mut pair).expect_err("edited").error,
            Error::Rejected(Rejected::TargetInfoChanged(_))
        ));
    }
    // Such a client has no place for a claim of a MIC, so the MIC must not be required.
    pair.server_config.policy.mic = MicPolicy::RequireIfTimestampSent;
    rejected(empty().run(&mut pair), Rejected::MicMissing);
}

#[test]
fn require_target_info_on_a_client() {
    let mut with = crate::strength::challenge(UNPROTECTED, Some(NOW));
    let protected = crate::strength::challenge(PROTECTED, Some(NOW));
    let strip = |challenge: &[u8]| {
        let mut challenge = challenge.to_vec();
        challenge[22] &= !0x80;
        challenge
    };
    let without = strip(&with);
    for (setting, expected) in [(true, Err(Incompatible::NoTargetInfo.into())), (false, Ok(()))] {
        let mut policy = ClientPolicy::strict();
        policy.require_target_info = setting;
        assert!(answer(policy.clone(), Exchange::default(), &with).is_ok());
        let outcome = answer(policy.clone(), Exchange::default(), &without);
        if let Ok((sent, client)) = &outcome {
            assert!(client.info.observations().target_info_missing && !client.info.has_mic());
            let sent = AuthenticateMessage::parse(sent).expect("an AUTHENTICATE");
            let response = NtlmV2Response::parse(sent.nt_response, 0).expect("NTLMv2");
            assert_eq!(response.av_pairs.iter().count(), 0);
        }
        assert_eq!(outcome.map(|_| ()), expected);

        // Signing wants to know the server's names, bindings want a place, whatever the setting.
        let exchange = Exchange { requirements: Requirements::sign(), ..Exchange::default() };
        let error = answer(policy.clone(), exchange, &strip(&protected)).expect_err("no names");
        let no_names = if setting { Incompatible::NoTargetInfo } else { Incompatible::NoServerNames };
        assert_eq!(error, no_names.into());
        let exchange = Exchange { channel_bindings: bindings(1), ..Exchange::default() };
        let error = answer(policy.clone(), exchange, &without).expect_err("no place");
        let no_place = if setting { Incompatible::NoTargetInfo } else { Incompatible::NoPlaceForBindings };
        assert_eq!(error, no_place.into());
    }
    // Cut off altogether: malformed, under any policy.
    with.truncate(56);
    for policy in [ClientPolicy::strict(), ClientPolicy::windows()] {
        assert!(matches!(answer(policy, Exchange::default(), &with), Err(Error::Malformed(_))));
    }
}

#[test]
fn empty_server_names_count_as_absent_where_target_info_is_required() {
    let names = ServerNames { nb_domain: Some("".into()), ..ServerNames::standalone("SERVER1") };
    for requirements in [Requirements::sign(), Requirements::seal()] {
        for mut pair in both() {
            let strict = pair.client_config.policy.require_target_info;
            let policy = pair.server_config.policy.clone();
            pair.server_config = ServerConfig::new(names.clone(), policy);
            let mut pair = pair.with_requirements(requirements);
            match pair.run() {
                Ok(_) => assert!(!strict),
                Err(error) => {
                    assert!(strict);
                    assert_eq!((error.side, error.error), (Role::Client, Incompatible::NoServerNames.into()));
                }
            }
        }
    }
}

fn bindings(certificate: u8) -> Option<ChannelBindings> {
    Some(ChannelBindings::tls_server_end_point(&[certificate; 32]))
}

#[test]
fn channel_bindings_off_when_supplied_and_always() {
    use ChannelBindingsPolicy::{Always, Off, WhenSupplied};
    // The six rows of the table, and what is written down of those that pass: whether the client's bindings were missing.
    for (ours, setting, none, equal, other) in [
        (bindings(1), Off, Ok(false), Ok(false), Ok(false)),
        (bindings(1), WhenSupplied, Ok(true), Ok(false), Err(Rejected::BindingsWrong)),
        (bindings(1), Always, Err(Rejected::BindingsMissing), Ok(false), Err(Rejected::BindingsWrong)),
        (None, Off, Ok(false), Ok(false), Ok(false)),
        (None, WhenSupplied, Ok(false), Ok(false), Ok(false)),
        (None, Always, Err(Rejected::BindingsMissing), Ok(false), Ok(false)),
    ] {
        for (theirs, expected) in [(None, none), (bindings(1), equal), (bindings(2), other)] {
            for pair in both() {
                // By the policy of the server, and by the exchange over another policy.
                for by_exchange in [false, true] {
                    let mut pair =
                        Pair::with_policies(pair.client_config.policy.clone(), pair.server_config.policy.clone());
                    pair.client_exchange.channel_bindings = theirs.clone();
                    pair.server_exchange.channel_bindings = ours.clone();
                    if by_exchange {
                        pair.server_config.policy.channel_bindings = if setting == Always { Off } else { Always };
                        pair.server_exchange.channel_bindings_policy = Some(setting);
                    } else {
                        pair.server_config.policy.channel_bindings = setting;
                    }
                    let outcome = pair.run().map_err(|error| error.error);
                    let hash = theirs.as_ref().map(ChannelBindings::hash);
                    let outcome = outcome.map(|(_, server)| {
                        assert_eq!(server.info.channel_bindings(), hash);
                        server.info.observations().bindings_missing
                    });
                    assert_eq!(
                        outcome,
                        expected.map_err(Error::Rejected),
                        "{ours:?} {setting:?} {theirs:?} {by_exchange}"
                    );
                }
            }
        }
    }
}

#[test]
fn target_name_ignored_verified_and_required() {
    let targets =
        || AcceptedTargets { service_classes: vec!["HTTP".into()], hosts: vec!["server1".into(), "10.0.0.1".into()] };
    let (wrong, missing) = (Err(Rejected::TargetNameWrong), Err(Rejected::TargetNameMissing));
    // The name; what becomes of it when ignored, verified, required; where it passes, whether a missing name is written down.
    for (name, untrusted, ignored, verified, required) in [
        (Some("HTTP/server1"), false, Ok(false), Ok(false), Ok(false)),
        (Some("HTTP/10.0.0.1:8080"), false, Ok(false), Ok(false), Ok(false)),
        (Some("HTTP/server2"), false, Ok(false), wrong, wrong),
        (Some("cifs/server1"), false, Ok(false), wrong, wrong),
        (Some("host/unspecified"), false, Ok(false), wrong, wrong),
        (None, false, Ok(false), Ok(true), missing),
        (Some("HTTP/server1"), true, Ok(false), Ok(true), missing),
        (Some("HTTP/server2"), true, Ok(false), Ok(true), missing),
    ] {
        for (setting, expected) in [
            (TargetNamePolicy::Ignore, ignored),
            (TargetNamePolicy::VerifyWhenSupplied(targets()), verified),
            (TargetNamePolicy::Require(targets()), required),
        ] {
            for mut pair in both() {
                pair.server_config.policy.target_name = setting.clone();
                pair.client_exchange.target_name = name.map(Into::into);
                pair.client_exchange.target_name_untrusted = untrusted;
                let outcome = pair.run().map_err(|error| error.error);
                let outcome = outcome.map(|(_, server)| {
                    let told = server.info.target_name().map(ToString::to_string);
                    assert_eq!(told.as_deref(), name.filter(|_| !untrusted));
                    server.info.observations().target_name_missing
                });
                assert_eq!(outcome, expected.map_err(Error::Rejected), "{name:?} {untrusted} {setting:?}");
            }
        }
    }
    // A server that knows its names verifies them under `strict_for`.
    let mut pair = Pair::with_policies(ClientPolicy::strict(), ServerPolicy::strict_for(targets()));
    pair.client_exchange.target_name = Some("HTTP/server2".into());
    assert_eq!(pair.refused().error, Rejected::TargetNameWrong.into());
}

#[test]
fn max_lifetime_both_ways() {
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    for mut pair in both() {
        for (allowed, ahead) in [(hours(36), hours(35)), (hours(1), hours(1)), (hours(48), hours(47))] {
            pair.server_config.policy.max_lifetime = allowed;
            let second = Duration::from_secs(1);
            for (difference, accepted) in [(ahead, true), (allowed, true), (allowed + second, false)] {
                let ticks = u64::try_from(difference.as_nanos() / 100).expect("a short time");
                for time in [NOW.0 + ticks, NOW.0 - ticks] {
                    let outcome = Script { time: Some(FileTime(time)), ..Script::new() }.run(&mut pair);
                    match outcome {
                        Ok(_) => assert!(accepted),
                        Err(error) => {
                            assert!(!accepted);
                            assert_eq!(error.error, Rejected::TimeStamp { difference, allowed }.into());
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_client_behind_the_times_logs_on_by_the_servers_clock() {
    // Our client sends the server's time back, so that its own clock does not count.
    for ahead in [Duration::ZERO, Duration::from_secs(400 * 24 * 3600)] {
        for mut pair in both() {
            pair.client_ahead = ahead;
            assert!(pair.run().is_ok());
        }
    }
}

#[test]
fn challenge_lifetime_both_ways() {
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    for mut pair in both() {
        for allowed in [minutes(5), minutes(1), minutes(60), Duration::ZERO] {
            pair.server_config.policy.challenge_lifetime = allowed;
            pair.on_the_way = allowed;
            assert!(pair.run().is_ok());
            pair.on_the_way = allowed + Duration::from_secs(1);
            let error = pair.refused();
            let reason = Rejected::ChallengeExpired { age: pair.on_the_way, allowed };
            assert_eq!((error.step, error.error), (Step::Authenticate, reason.into()));
        }
    }
}

#[test]
fn max_clock_difference_on_a_client() {
    let hour = Duration::from_secs(3600);
    for mut pair in both() {
        pair.client_ahead = hour + Duration::from_secs(1);
        assert!(pair.run().is_ok(), "not looked at by default");
        pair.client_config.policy.max_clock_difference = Some(hour);
        let error = pair.refused();
        let reason = Rejected::ServerClock { difference: pair.client_ahead, allowed: hour };
        assert_eq!((error.side, error.error), (Role::Client, reason.into()));
        pair.client_ahead = hour;
        assert!(pair.run().is_ok());
    }
    // A server that does not say the time has no clock to compare with.
    let mut policy = ClientPolicy::strict();
    policy.max_clock_difference = Some(Duration::ZERO);
    let silent = crate::strength::challenge(UNPROTECTED, None);
    assert!(answer(policy, Exchange::default(), &silent).is_ok());
}
