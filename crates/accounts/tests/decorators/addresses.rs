//! Throttling of addresses.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ntlm::LogonFailure;
use ntlm::logon::LogonFailureKind;
use ntlm_accounts::{Origin, ThrottlePolicy};

use crate::guarded::{BLOCKED, LOCKED, Server, UNKNOWN, WRONG};
use crate::support::from;

fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}

#[test]
fn a_disabled_account_is_not_locked_by_its_owner_but_costs_the_address() {
    let server = Server::with(&["alice"]);
    let origin = from("192.0.2.1:1");
    server.instead(Some(LogonFailure::ACCOUNT_DISABLED));
    for _ in 0..100 {
        assert_eq!(server.try_from("alice", "right", &origin), Err(LogonFailure::ACCOUNT_DISABLED));
    }
    assert_eq!(server.try_from("alice", "right", &origin), BLOCKED);
    server.instead(None);
    assert_eq!(server.tries("alice", "right"), Ok(()));
    // Locked goes before disabled: one answer for everything.
    server.fails("alice", 10);
    server.instead(Some(LogonFailure::ACCOUNT_DISABLED));
    assert_eq!(server.tries("alice", "right"), LOCKED);
}

#[test]
fn a_hundred_failures_block_an_address_until_ten_minutes_after_the_first() {
    let server = Server::with(&["alice", "bob"]);
    let (here, there) = (from("192.0.2.1:1000"), from("192.0.2.2:1000"));
    let blocked = || server.throttle.address_is_blocked(ip("192.0.2.1"), server.clock.now());
    for number in 0..100 {
        assert_eq!(blocked(), None);
        assert_eq!(server.try_from(&format!("user{number}"), "guess", &here), UNKNOWN);
        server.clock.advance(1);
        // A right password does not make up for guesses: an attacker may have an account.
        assert_eq!(server.try_from("bob", "right", &here), if number < 99 { Ok(()) } else { BLOCKED });
    }
    assert_eq!(blocked(), Some(Duration::from_secs(500)));
    let asked = server.asked.load(Ordering::Relaxed);
    for name in ["alice", "nobody"] {
        // Another port is the same address.
        assert_eq!(server.try_from(name, "right", &from("192.0.2.1:2000")), BLOCKED);
    }
    assert_eq!(server.asked.load(Ordering::Relaxed), asked, "a blocked address is not worth asking for");
    assert_eq!(server.try_from("alice", "right", &there), Ok(()));
    assert_eq!(LogonFailure::NETWORK_ACCESS_DENIED.kind(), LogonFailureKind::Denied);
    server.clock.advance(500);
    assert_eq!(blocked(), None);
    assert_eq!(server.try_from("alice", "right", &here), Ok(()));
}

#[test]
fn an_ipv6_address_stands_for_its_network_and_an_ipv4_address_for_itself_in_both_forms() {
    let server = Server::with(&["alice"]);
    for number in 0..100 {
        let origin = from(&format!("[2001:db8:0:1::{number:x}]:1"));
        assert!(server.try_from(&format!("user{number}"), "guess", &origin).is_err());
        let origin = from(&if number % 2 == 0 { "192.0.2.1:1".to_owned() } else { "[::ffff:192.0.2.1]:1".to_owned() });
        assert!(server.try_from(&format!("user{number}"), "guess", &origin).is_err());
    }
    for (address, blocked) in [
        ("2001:db8:0:1:ffff::1", true),
        ("2001:db8:0:2::1", false),
        ("192.0.2.1", true),
        ("::ffff:192.0.2.1", true),
        ("192.0.2.2", false),
        ("::", false),
    ] {
        assert_eq!(server.throttle.address_is_blocked(ip(address), server.clock.now()).is_some(), blocked, "{address}");
    }
}

#[test]
fn loopback_is_exempt_where_policy_says_so() {
    let mut policy = ThrottlePolicy::default();
    for exempt in [false, true] {
        policy.exempt_loopback = exempt;
        let server = Server::new(&["alice"], policy.clone());
        for address in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.3.2.1]:1"] {
            for number in 0..100 {
                assert!(server.try_from(&format!("user{number}"), "guess", &from(address)).is_err());
                server.clock.advance(1);
            }
            let outcome = server.try_from("alice", "right", &from(address));
            assert_eq!(outcome, if exempt { Ok(()) } else { BLOCKED }, "{address}");
        }
    }
}

#[test]
fn zero_switches_a_limit_off() {
    let mut policy = ThrottlePolicy::default();
    (policy.account_failures, policy.address_failures) = (0, 0);
    let server = Server::new(&["alice"], policy);
    for _ in 0..300 {
        assert_eq!(server.try_from("alice", "guess", &from("192.0.2.1:1")), WRONG);
    }
    assert_eq!(server.try_from("alice", "right", &from("192.0.2.1:1")), Ok(()));
    assert_eq!(server.throttle.address_is_blocked(ip("192.0.2.1"), server.clock.now()), None);
}

#[test]
fn memory_is_bounded_whatever_names_and_addresses_come() {
    let mut policy = ThrottlePolicy::default();
    policy.capacity = 256;
    let server = Server::new(&["alice"], policy);
    let empty = server.throttle.memory();
    for number in 0..3_000_u32 {
        let address = Origin { address: Some((std::net::Ipv4Addr::from_bits(number), 1).into()) };
        assert!(server.try_from(&format!("user{number}"), "guess", &address).is_err());
    }
    // 256 counters of 32 bytes.
    assert!(server.throttle.memory() <= empty + 256 * 32, "{} of {empty}", server.throttle.memory());
}
