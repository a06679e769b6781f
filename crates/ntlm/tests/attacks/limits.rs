//! Clocks at the edges of their windows, and claims that must decide nothing.

use std::time::Duration;

use ntlm::error::Rejected;
use ntlm::wire::Version;
use ntlm::{FileTime, Requirements};

use crate::common::{every_protection, strict_and_windows};
use crate::support::pair::{NOW, Pair};
use crate::support::script::{PROTECTED, Pairs, Script, UNPROTECTED};

/// Ticks of 100 ns in a second.
const SECOND: u64 = 10_000_000;

const WINDOW: u64 = 36 * 3600 * SECOND;

#[test]
fn attack_31_a_response_from_another_time_is_refused() {
    for mut pair in strict_and_windows() {
        let allowed = Duration::from_secs(36 * 3600);
        for (time, inside) in [
            (NOW.0, true),
            (NOW.0 - WINDOW + SECOND, true),
            (NOW.0 - WINDOW, true),
            (NOW.0 - WINDOW - 1, false),
            (NOW.0 - WINDOW - SECOND, false),
            (NOW.0 + WINDOW - SECOND, true),
            (NOW.0 + WINDOW, true),
            (NOW.0 + WINDOW + 1, false),
            (NOW.0 + WINDOW + SECOND, false),
            (0, false),
            (1, false),
            (u64::MAX, false),
            (u64::MAX / 2, false),
            (1 << 63, false),
        ] {
            let script = Script { time: Some(FileTime(time)), ..Script::new() };
            match script.run(&mut pair) {
                Ok(_) => assert!(inside, "{time}"),
                Err(error) => {
                    let difference = NOW.abs_diff(FileTime(time));
                    assert_eq!(error.error, Rejected::TimeStamp { difference, allowed }.into(), "{time}");
                    assert!(!inside, "{time}");
                }
            }
        }
    }
}

#[test]
fn attack_31_clocks_at_their_ends_overflow_nothing() {
    for now in [0, 1, NOW.0, u64::MAX - 1, u64::MAX] {
        for time in [0, 1, NOW.0, u64::MAX - 1, u64::MAX] {
            for mut pair in strict_and_windows() {
                pair.now = FileTime(now);
                pair.server_config.policy.max_lifetime = Duration::MAX;
                let script = Script { time: Some(FileTime(time)), ..Script::new() };
                assert!(script.run(&mut pair).is_ok(), "{time} at {now}");
                pair.server_config.policy.max_lifetime = Duration::ZERO;
                assert_eq!(script.run(&mut pair).is_ok(), time == now, "{time} at {now}");
            }
        }
    }
}

#[test]
fn attack_31_an_old_challenge_is_not_answered() {
    for mut pair in every_protection() {
        let allowed = pair.server_config.policy.challenge_lifetime;
        pair.on_the_way = allowed;
        assert!(pair.run().is_ok());
        pair.on_the_way = allowed + Duration::from_nanos(100);
        let age = pair.on_the_way;
        assert_eq!(pair.refused().error, Rejected::ChallengeExpired { age, allowed }.into());
    }
}

/// What a logon comes to: everything that an application could decide by.
fn outcome(script: &Script, pair: &mut Pair) -> String {
    pair.entropy = crate::support::pair::LoadedDice::new(1);
    let server = script.run(pair).expect("a logon");
    let info = &server.info;
    let (identity, observations) = (info.identity(), info.observations());
    format!(
        "{:?} {} {} {:?} {} {:?} {:?} {:?} {} {:?}",
        identity.kind,
        identity.user,
        identity.domain,
        identity.account,
        info.flags(),
        info.attributes(),
        info.response_class(),
        info.channel_bindings(),
        info.has_mic(),
        observations,
    )
}

/// MsvAvSingleHost with other contents: machine id, integrity level, no sense at all.
const SINGLE_HOSTS: [Pairs; 4] = [
    |server| [server, &[(8, vec![0; 48])]].concat(),
    |server| [server, &[(8, vec![0xff; 48])]].concat(),
    |server| {
        [server, &[(8, [&48_u32.to_le_bytes()[..], &[0; 4], &[1, 0, 0, 0, 0, 0x40, 0, 0], &[7; 32]].concat())]].concat()
    },
    |server| [server, &[(8, Vec::new())]].concat(),
];

#[test]
fn attack_41_claims_about_the_clients_machine_decide_nothing() {
    for flags in [PROTECTED, UNPROTECTED] {
        for mut pair in strict_and_windows() {
            if flags == PROTECTED {
                pair.server_exchange.requirements = Requirements::seal();
            }
            let script = || Script { pairs: <[_]>::to_vec, ..Script::new() }.asking(flags);
            let plain = outcome(&script(), &mut pair);
            for workstation in ["", "SERVER1", "server1.example.test", "localhost", "127.0.0.1", "DC"] {
                let script = Script { workstation: workstation.into(), ..script() };
                assert_eq!(outcome(&script, &mut pair), plain, "{workstation}");
            }
            for version in [
                None,
                Some(Version::new(5, 1, 2600)),
                Some(Version::from_bytes([0xff; 8])),
                Some(Version::from_bytes([0; 8])),
            ] {
                let script = Script { version, ..script() };
                assert_eq!(outcome(&script, &mut pair), plain, "{version:?}");
            }
            for pairs in SINGLE_HOSTS {
                assert_eq!(outcome(&Script { pairs, ..script() }, &mut pair), plain);
            }
        }
    }
}
