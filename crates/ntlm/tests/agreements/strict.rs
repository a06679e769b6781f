//! Strict sides, and what one of them requires of the other.

use std::sync::Arc;
use std::time::Duration;

use ntlm::client::Start;
use ntlm::error::{Error, Incompatible, Rejected};
use ntlm::server::ExpectNegotiate;
use ntlm::wire::ResponseClass;
use ntlm::{NegotiateFlags as F, Requirements, Role};

use crate::support::pair::{Pair, PairError, Step, knows_alice, strip};
use crate::weak::dangerous_pair;
use crate::{REQUIREMENTS, SETTLED, agree, attributes, check_agreement};

#[test]
fn strict_sides_agree_whatever_is_required() {
    for requirements in REQUIREMENTS {
        for identify in [false, true] {
            let requirements = Requirements { identify, ..requirements };
            let mut pair = Pair::new().with_requirements(requirements);
            let (client, server) = agree(&mut pair, &format!("{requirements:?}"));
            assert_eq!(pair.sent, pair.received);
            assert_eq!(client.info.attributes(), attributes(requirements));
            let protected = !requirements.required_flags().is_empty();
            let expected = F::UNICODE | F::EXTENDED_SESSIONSECURITY | F::N128 | F::N56 | requirements.required_flags();
            let expected = expected.with_if(protected, F::KEY_EXCH).with_if(identify, F::IDENTIFY);
            assert_eq!(server.info.flags() & SETTLED, expected);
            assert_eq!(server.info.response_class(), ResponseClass::NtlmV2);
            assert!(server.info.has_mic());
            assert!(server.info.observations().is_empty() && client.info.observations().is_empty());
            assert_eq!(server.info.established_at(), pair.now);
        }
    }
}

#[test]
fn what_one_side_requires_the_other_must_offer() {
    for (client, server) in [(0, 1), (0, 2), (1, 2)] {
        let mut pair = Pair::new();
        pair.client_exchange.requirements = REQUIREMENTS[client];
        pair.server_exchange.requirements = REQUIREMENTS[server];
        let missing = REQUIREMENTS[server].required_flags().without(REQUIREMENTS[client].required_flags());
        // 128 bits are asked for by every client, so only the protection itself is missing.
        let error = Error::Incompatible(Incompatible::MissingFlags(missing));
        assert_eq!(pair.refused(), PairError { side: Role::Server, step: Step::Negotiate, error });
        // The other way round the server gives what the client wants.
        let mut pair = Pair::new();
        pair.client_exchange.requirements = REQUIREMENTS[server];
        pair.server_exchange.requirements = REQUIREMENTS[client];
        agree(&mut pair, "the client wants more");
    }
}

#[test]
fn versions_are_shown_to_the_other_side_if_both_send_theirs() {
    for client in [None, Some(ntlm::wire::Version::new(6, 1, 7601))] {
        for server in [None, Some(ntlm::wire::Version::new(10, 0, 20348))] {
            let mut pair = Pair::new().with_requirements(Requirements::seal());
            pair.client_config.version = client;
            pair.server_config.version = server;
            let (ours, theirs) = agree(&mut pair, "versions");
            assert_eq!(ours.info.peer_version(), server);
            let both = client.is_some() && server.is_some();
            assert_eq!(theirs.info.peer_version(), client.filter(|_| both));
        }
    }
}

#[test]
fn messages_are_appended_to_what_a_carrier_has_in_its_buffer() {
    let pair = Pair::new();
    let mut entropy = pair.entropy.clone();
    let [mut negotiate, mut challenge, mut authenticate] = [b"N".to_vec(), b"CC".to_vec(), b"AAA".to_vec()];
    let client = Start::new(Arc::new(pair.client_config), Arc::new(pair.credentials), pair.client_exchange);
    let client = client.send(&mut negotiate).expect("a NEGOTIATE");
    let server = ExpectNegotiate::new(Arc::new(pair.server_config), pair.server_exchange);
    let server = server.receive(&negotiate[1..], pair.now, &mut entropy, &mut challenge).expect("a CHALLENGE");
    let client = client.receive(&challenge[2..], pair.now, &mut entropy, &mut authenticate).expect("an AUTHENTICATE");
    let question = server.receive(&authenticate[3..], pair.now).expect("a question");
    let verdict = knows_alice(question.logon());
    let server = question.finish(verdict).expect("a context");
    check_agreement(&client, &server, "appended");
    assert!(negotiate.starts_with(b"NNTLMSSP") && challenge.starts_with(b"CCNTLMSSP"));
    assert!(authenticate.starts_with(b"AAANTLMSSP"));
}

#[test]
fn a_clients_clock_does_not_matter_where_the_server_says_its_time() {
    let mut pair = Pair::new();
    pair.client_ahead = Duration::from_secs(10 * 365 * 24 * 3600);
    agree(&mut pair, "ten years ahead");
    // Unless the client minds.
    let allowed = Duration::from_secs(3600);
    pair.client_config.policy.max_clock_difference = Some(allowed);
    let error = Error::Rejected(Rejected::ServerClock { difference: pair.client_ahead, allowed });
    assert_eq!(pair.refused(), PairError { side: Role::Client, step: Step::Challenge, error });
    pair.client_ahead = allowed;
    agree(&mut pair, "an hour ahead");
}

#[test]
fn without_the_servers_time_the_clients_must_be_right_within_the_lifetime() {
    let mut pair = dangerous_pair(ntlm::config::LmCompatibilityLevel::Level5)
        .with_challenge(|message| strip(message, F::TARGET_INFO));
    pair.server_config.policy.legacy_target_info = true;
    let allowed = pair.server_config.policy.max_lifetime;
    pair.client_ahead = allowed;
    agree(&mut pair, "just within");
    pair.client_ahead = allowed + Duration::from_secs(1);
    let error = Error::Rejected(Rejected::TimeStamp { difference: pair.client_ahead, allowed });
    assert_eq!(pair.refused(), PairError { side: Role::Server, step: Step::Verdict, error });
}

#[test]
fn a_challenge_is_good_for_its_lifetime() {
    let mut pair = Pair::new();
    let allowed = pair.server_config.policy.challenge_lifetime;
    pair.on_the_way = allowed;
    let (_, server) = agree(&mut pair, "just in time");
    assert_eq!(server.info.established_at(), pair.now.saturating_add(allowed));
    pair.on_the_way = allowed + Duration::from_secs(1);
    let error = Error::Rejected(Rejected::ChallengeExpired { age: pair.on_the_way, allowed });
    assert_eq!(pair.refused(), PairError { side: Role::Server, step: Step::Authenticate, error });
}
