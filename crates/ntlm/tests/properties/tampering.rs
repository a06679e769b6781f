//! Whatever somebody in the middle does to a strict exchange, the server lets nobody in.
//!
//! The MIC covers every byte of the three messages, its own included: there is no change that may go unnoticed.

use proptest::collection::vec;
use proptest::prelude::*;

use ntlm::server::ExpectNegotiate;
use ntlm::{ClientPolicy, Error, Requirements, Role, ServerPolicy};

use crate::fixed;
use crate::support::pair::{LoadedDice, Pair, Step, strip};

/// Which of the messages is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Negotiate,
    Challenge,
    Authenticate,
}

const ALL: [Which; 3] = [Which::Negotiate, Which::Challenge, Which::Authenticate];

/// A strict pair with channel bindings, a target and names: everything that a message can hold.
fn full_pair(requirements: Requirements) -> Pair {
    let mut pair = Pair::new().with_requirements(requirements);
    let bindings = ntlm::ChannelBindings::tls_server_end_point(&[7; 32]);
    pair.client_exchange.channel_bindings = Some(bindings.clone());
    pair.server_exchange.channel_bindings = Some(bindings);
    pair.client_exchange.target_name = Some("HTTP/web".into());
    pair.client_config.workstation = "WS".into();
    pair
}

/// The number of bytes of a message in this exchange.
fn length(pair: &mut Pair, which: Which) -> usize {
    pair.run().expect("an exchange that nobody disturbs");
    match which {
        Which::Negotiate => pair.sent.negotiate.len(),
        Which::Challenge => pair.sent.challenge.len(),
        Which::Authenticate => pair.sent.authenticate.len(),
    }
}

/// Runs the exchange with one message rewritten, and gives the error that it ends with: there must be one.
#[track_caller]
fn disturbed(pair: &mut Pair, which: Which, change: impl FnMut(&mut Vec<u8>) + 'static, what: &str) -> Error {
    pair.entropy = LoadedDice::new(1);
    pair.in_the_middle = Default::default();
    let place = match which {
        Which::Negotiate => &mut pair.in_the_middle.negotiate,
        Which::Challenge => &mut pair.in_the_middle.challenge,
        Which::Authenticate => &mut pair.in_the_middle.authenticate,
    };
    *place = Some(Box::new(change));
    match pair.run() {
        Ok(_) => panic!("{which:?}: {what} was not noticed"),
        Err(error) => {
            let late = error.step == Step::Verdict || error.step == Step::Authenticate;
            assert!(error.side == Role::Client || late || which == Which::Negotiate, "{error:?}");
            error.error
        }
    }
}

#[test]
fn a_changed_byte_of_any_message_is_noticed() {
    let mut dice = LoadedDice::new(7);
    for requirements in [Requirements::default(), Requirements::seal()] {
        let mut pair = full_pair(requirements);
        for which in ALL {
            for at in 0..length(&mut pair, which) {
                let random = dice.roll().to_le_bytes()[0].max(2);
                for mask in [0x01, 0x20, 0x80, 0xff, random] {
                    let change = move |message: &mut Vec<u8>| message[at] ^= mask;
                    disturbed(&mut pair, which, change, &format!("byte {at} ^ {mask:#04x}"));
                }
            }
            pair.in_the_middle = Default::default();
        }
    }
}

#[test]
fn every_value_of_every_byte_of_the_negotiate_is_noticed() {
    let mut pair = full_pair(Requirements::sign());
    for at in 0..length(&mut pair, Which::Negotiate) {
        for mask in 1..=u8::MAX {
            let change = move |message: &mut Vec<u8>| message[at] ^= mask;
            disturbed(&mut pair, Which::Negotiate, change, &format!("byte {at} ^ {mask:#04x}"));
        }
    }
}

#[test]
fn a_truncated_or_lengthened_message_is_noticed() {
    for requirements in [Requirements::default(), Requirements::seal()] {
        let mut pair = full_pair(requirements);
        for which in ALL {
            let length = length(&mut pair, which);
            for end in 0..length {
                let change = move |message: &mut Vec<u8>| message.truncate(end);
                disturbed(&mut pair, which, change, &format!("an end at {end}"));
            }
            for more in [1, 2, 16, 1000, 70_000] {
                let change = move |message: &mut Vec<u8>| message.resize(message.len() + more, 0);
                disturbed(&mut pair, which, change, &format!("{more} more bytes"));
            }
            pair.in_the_middle = Default::default();
        }
    }
}

#[test]
fn a_message_of_another_type_is_noticed() {
    let mut pair = full_pair(Requirements::seal());
    pair.run().expect("an exchange");
    let sent = pair.sent.clone();
    for which in ALL {
        for other in [&sent.negotiate, &sent.challenge, &sent.authenticate] {
            let own = match which {
                Which::Negotiate => &sent.negotiate,
                Which::Challenge => &sent.challenge,
                Which::Authenticate => &sent.authenticate,
            };
            if own != other {
                let other = other.clone();
                disturbed(&mut pair, which, move |message| message.clone_from(&other), "another message");
            }
        }
    }
}

#[test]
fn a_changed_byte_of_a_connectionless_exchange_is_noticed() {
    let mut pair = full_pair(Requirements::seal());
    pair.connectionless = true;
    pair.server_config.policy.allow_datagram = true;
    for which in [Which::Challenge, Which::Authenticate] {
        for at in 0..length(&mut pair, which) {
            for mask in [0x01, 0x80] {
                let change = move |message: &mut Vec<u8>| message[at] ^= mask;
                disturbed(&mut pair, which, change, &format!("byte {at} ^ {mask:#04x}"));
            }
        }
        pair.in_the_middle = Default::default();
    }
}

/// The policies of Windows do not require a MIC, but look at one that is claimed: between sides that both send what ours send nothing may change.
#[test]
fn windows_policies_notice_the_same_where_the_client_sends_a_mic() {
    let mut pair = full_pair(Requirements::seal());
    let strict = Pair::with_policies(ClientPolicy::windows(), ServerPolicy::windows());
    pair.client_config.policy = strict.client_config.policy;
    pair.server_config.policy = strict.server_config.policy;
    for which in ALL {
        for at in 0..length(&mut pair, which) {
            let change = move |message: &mut Vec<u8>| message[at] ^= 0x10;
            disturbed(&mut pair, which, change, &format!("byte {at} ^ 0x10"));
        }
        pair.in_the_middle = Default::default();
    }
}

proptest! {
    #![proptest_config(fixed(300))]

    #[test]
    fn several_changes_at_once_are_noticed(
        which in 0..3_usize, changes in vec((any::<prop::sample::Index>(), 1..=u8::MAX), 2..6), cut in 0..3_usize,
    ) {
        let mut pair = full_pair(Requirements::seal());
        let change = move |message: &mut Vec<u8>| {
            let before = message.clone();
            for (at, mask) in &changes {
                let at = at.index(message.len());
                message[at] ^= mask;
            }
            message.truncate(message.len() - cut);
            // Two changes may undo each other.
            if *message == before {
                message[0] ^= 1;
            }
        };
        disturbed(&mut pair, ALL[which], change, "several changes");
    }

    #[test]
    fn no_bytes_get_anybody_in(bytes in vec(any::<u8>(), 0..400), headed: bool) {
        let mut pair = full_pair(Requirements::default());
        for (n, which) in ALL.into_iter().enumerate() {
            let message_type = u32::try_from(n + 1).expect("1, 2 or 3");
            let bytes = match headed {
                true => [&b"NTLMSSP\0"[..], &message_type.to_le_bytes(), &bytes].concat(),
                false => bytes.clone(),
            };
            disturbed(&mut pair, which, move |message| message.clone_from(&bytes), "random bytes");
        }
    }
}

#[test]
fn one_challenge_takes_one_answer() {
    // By construction: `receive` consumes the state. The same AUTHENTICATE to another challenge of the same server fails.
    let mut pair = full_pair(Requirements::seal());
    pair.run().expect("an exchange");
    let old = pair.sent.clone();
    let mut entropy = LoadedDice::new(2);
    let config = std::sync::Arc::new(pair.server_config.clone());
    let server = ExpectNegotiate::new(config, pair.server_exchange.clone());
    let server = server.receive(&old.negotiate, pair.now, &mut entropy, &mut Vec::new()).expect("a CHALLENGE");
    let question = server.receive(&old.authenticate, pair.now).expect("a question");
    let verdict = (pair.authority)(question.logon());
    assert!(verdict.is_err());
    assert!(question.finish(verdict).is_err());
}

#[test]
fn stripping_every_flag_but_one_by_one_is_noticed() {
    for which in ALL {
        for bit in 0..32 {
            let mut pair = full_pair(Requirements::default());
            pair.run().expect("an exchange");
            let flag = ntlm::NegotiateFlags(1 << bit);
            let carried = match which {
                Which::Negotiate => &pair.sent.negotiate[12..],
                Which::Challenge => &pair.sent.challenge[20..],
                Which::Authenticate => &pair.sent.authenticate[60..],
            };
            let carried = ntlm::NegotiateFlags(u32::from_le_bytes(*carried.first_chunk().expect("flags")));
            if carried.contains(flag) {
                disturbed(&mut pair, which, move |message| strip(message, flag), &format!("without {flag}"));
            }
        }
    }
}
