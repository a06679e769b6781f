//! What a server bears: half-open logons, failures, addresses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use ntlm::LogonFailure;
use ntlm_accounts::Origin;
use ntlm_accounts::audit::Decision;
use ntlm_accounts::throttle::{Throttle, ThrottlePolicy, Throttled};
use ntlm_http::header::{self, Scheme};
use ntlm_http::server::{Acceptor, Connection, Moment};

use crate::support::*;

fn connection() -> Connection {
    Connection::new(Origin::default())
}

fn later(now: Moment, by: Duration) -> Moment {
    Moment { time: now.time.saturating_add(by), instant: now.instant + by }
}

#[test]
fn attack_44_100_000_half_open_logons_cannot_exceed_the_configured_memory() {
    let mut settings = settings();
    settings.limits.half_open_logons = usize::MAX;
    settings.limits.half_open_bytes = 1 << 20;
    let acceptor = Acceptor::new(settings);
    let leg1 = header::write(Scheme::Ntlm, &Client::new(ALICE, PASSWORD).negotiate);
    let (now, authority) = (Moment::now(), authority());
    let mut connections = Vec::new();
    let (mut challenged, mut turned_away) = (0, 0);
    for _ in 0..100_000 {
        let mut connection = connection();
        let answer = request_at(&mut connection, &acceptor, &authority, &[&leg1], now).unwrap_err();
        match answer.status {
            StatusCode::UNAUTHORIZED => challenged += 1,
            StatusCode::SERVICE_UNAVAILABLE => {
                assert!(answer.retry_after.is_some() && answer.challenges.is_empty());
                turned_away += 1;
            }
            status => panic!("{status}"),
        }
        let (logons, bytes) = acceptor.half_open();
        assert!(bytes <= 1 << 20 && logons == challenged);
        connections.push(connection);
    }
    assert!(challenged > 500 && challenged + turned_away == 100_000, "{challenged}");

    // The connections that have a challenge are not harmed, and their end makes room.
    let (_, full) = acceptor.half_open();
    connections.truncate(challenged / 2);
    assert!(acceptor.half_open().1 <= full / 2 + full / 100);
    drop(connections);
    assert_eq!(acceptor.half_open(), (0, 0));
    assert!(log_on(&mut connection(), &acceptor, &authority, Client::new(ALICE, PASSWORD), Scheme::Ntlm).is_ok());
    assert_eq!(acceptor.half_open(), (0, 0));
}

#[test]
fn attack_44_half_open_logons_are_limited_by_number_and_one_that_has_begun_can_end() {
    let mut settings = settings();
    settings.limits.half_open_logons = 1;
    let acceptor = Acceptor::new(settings);
    let (mut first, mut second) = (connection(), connection());
    let client = Client::new(ALICE, PASSWORD);
    let leg1 = header::write(Scheme::Ntlm, &client.negotiate);
    let answer = request(&mut first, &acceptor, &authority(), &[&leg1]).unwrap_err();
    let busy = request(&mut second, &acceptor, &authority(), &[&leg1]).unwrap_err();
    assert_eq!(busy.status, StatusCode::SERVICE_UNAVAILABLE);
    // The same connection replaces its own.
    let again = request(&mut first, &acceptor, &authority(), &[&leg1]).unwrap_err();
    assert_ne!(challenge(&again.challenges), challenge(&answer.challenges));
    let leg3 = header::write(Scheme::Ntlm, &client.answer(&challenge(&again.challenges).1));
    assert!(request(&mut first, &acceptor, &authority(), &[&leg3]).is_ok());
    assert!(log_on(&mut second, &acceptor, &authority(), Client::new(ALICE, PASSWORD), Scheme::Ntlm).is_ok());
}

#[test]
fn attack_44_half_open_logons_expire() {
    let mut settings = settings();
    settings.limits.half_open_logons = 1;
    let lifetime = settings.limits.half_open_lifetime;
    let acceptor = Acceptor::new(settings);
    let now = Moment::now();
    let client = Client::new(ALICE, PASSWORD);
    let leg1 = header::write(Scheme::Ntlm, &client.negotiate);
    let (mut slow, mut other) = (connection(), connection());
    let answer = request_at(&mut slow, &acceptor, &authority(), &[&leg1], now).unwrap_err();
    let leg3 = header::write(Scheme::Ntlm, &client.answer(&challenge(&answer.challenges).1));

    let almost = later(now, lifetime - Duration::from_millis(1));
    let busy = request_at(&mut other, &acceptor, &authority(), &[&leg1], almost).unwrap_err();
    assert_eq!(busy.status, StatusCode::SERVICE_UNAVAILABLE);
    let over = later(now, lifetime);
    let answer = request_at(&mut slow, &acceptor, &authority(), &[&leg3], over).unwrap_err();
    assert_eq!((answer.status, offers(&answer.challenges)), (StatusCode::UNAUTHORIZED, vec![Scheme::Ntlm]));

    let answer = request_at(&mut other, &acceptor, &authority(), &[&leg1], over).unwrap_err();
    assert_eq!((answer.status, acceptor.half_open().0), (StatusCode::UNAUTHORIZED, 1));
    acceptor.expire(later(over, lifetime));
    assert_eq!(acceptor.half_open(), (0, 0));
}

#[test]
fn a_connection_is_closed_after_the_last_failure_that_is_borne() {
    let mut settings = settings();
    settings.limits.failures = 3;
    let acceptor = Acceptor::new(settings);
    let mut connection = connection();
    let fail = |connection: &mut Connection| {
        log_on(connection, &acceptor, &authority(), Client::new(ALICE, "wrong"), Scheme::Ntlm).unwrap_err().close
    };
    assert!(!fail(&mut connection) && !fail(&mut connection));
    assert!(log_on(&mut connection, &acceptor, &authority(), Client::new(ALICE, PASSWORD), Scheme::Ntlm).is_ok());
    // A success makes up for the failures before it.
    assert!(!fail(&mut connection) && !fail(&mut connection) && fail(&mut connection));
    // Whoever sends on gets nothing but the end, not even a challenge.
    let leg1 = header::write(Scheme::Ntlm, &Client::new(ALICE, PASSWORD).negotiate);
    for values in [vec![], vec![&leg1]] {
        let answer = request(&mut connection, &acceptor, &authority(), &values).unwrap_err();
        assert!(answer.close && offers(&answer.challenges) == [Scheme::Ntlm]);
    }
}

#[test]
fn messages_at_the_wrong_time_count_as_failures() {
    let mut settings = settings();
    settings.limits.failures = 2;
    let acceptor = Acceptor::new(settings);
    for token in [b"garbage".as_slice(), b"NTLMSSP\0\x02\0\0\0", b"NTLMSSP\0\x03\0\0\0", b"\x60\x28\x06\x06\x2b\x06"] {
        let mut connection = connection();
        let value = header::write(Scheme::Negotiate, token);
        let closes = [(), ()].map(|()| {
            let answer = request(&mut connection, &acceptor, &authority(), &[&value]).unwrap_err();
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
            answer.close
        });
        assert_eq!(closes, [false, true], "{token:x?}");
    }
}

#[test]
fn an_address_with_too_many_wrong_passwords_gets_429_before_a_challenge() {
    let mut policy = ThrottlePolicy::default();
    (policy.address_failures, policy.account_failures) = (3, 0);
    let throttle = Arc::new(Throttle::new(policy));
    let records = Arc::new(Records::default());
    let acceptor = Acceptor::new(settings()).with_throttle(Arc::clone(&throttle)).with_audit(records.clone());
    let authority = Throttled::new(authority(), throttle);
    let origin = |last| Origin { address: Some(SocketAddr::from(([192, 0, 2, last], 1025))) };
    let guess = |last, password: &str| {
        let mut connection = Connection::new(origin(last));
        let client = Client::new(ALICE, password);
        let leg1 = header::write(Scheme::Ntlm, &client.negotiate);
        let answer = request(&mut connection, &acceptor, &authority, &[&leg1]).unwrap_err();
        if answer.status != StatusCode::UNAUTHORIZED {
            return Err(answer);
        }
        let leg3 = header::write(Scheme::Ntlm, &client.answer(&challenge(&answer.challenges).1));
        Ok(request(&mut connection, &acceptor, &authority, &[&leg3]).is_ok())
    };
    for _ in 0..3 {
        assert!(matches!(guess(1, "wrong"), Ok(false)));
    }
    let answer = guess(1, PASSWORD).expect_err("blocked");
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.retry_after.is_some_and(|after| after > Duration::from_secs(1)) && answer.challenges.is_empty());
    assert!(answer.into_response().headers().contains_key("retry-after"));
    // Not even an offer, which would make a browser ask for another password.
    let bare = request(&mut Connection::new(origin(1)), &acceptor, &authority, &[]).unwrap_err();
    assert_eq!(bare.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(matches!(guess(2, PASSWORD), Ok(true)), "others get in");

    // One record for each connection, however many requests come over it.
    records.take();
    let mut connection = Connection::new(origin(1));
    for _ in 0..10 {
        let answer = request(&mut connection, &acceptor, &authority, &[]).unwrap_err();
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    }
    let [record] = &records.take()[..] else { panic!("one record") };
    assert_eq!((record.decision, record.address), (Decision::Refused, origin(1).address));
    assert_eq!(record.nt_status, LogonFailure::NETWORK_ACCESS_DENIED.status);
    assert!(record.reason.contains("this address, which is blocked"), "{}", record.reason);
}

#[test]
fn attack_44_one_address_gets_no_more_than_its_share_of_half_open_logons() {
    let mut settings = settings();
    (settings.limits.half_open_logons, settings.limits.half_open_logons_per_address) = (4, 2);
    let acceptor = Acceptor::new(settings);
    let leg1 = header::write(Scheme::Ntlm, &Client::new(ALICE, PASSWORD).negotiate);
    let mut connections = Vec::new();
    let mut begin = |address: &str| {
        let mut connection = Connection::new(Origin { address: Some(SocketAddr::new(address.parse().unwrap(), 1025)) });
        let answer = request(&mut connection, &acceptor, &authority(), &[&leg1]).unwrap_err();
        connections.push(connection);
        answer.status.as_u16()
    };
    // The forms of an address are one, and so is the /64 of a customer.
    assert_eq!(["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"].map(&mut begin), [401, 401, 503]);
    assert_eq!(["2001:db8::1", "2001:db8::ffff:1", "2001:db8::2"].map(&mut begin), [401, 401, 503]);
    assert_eq!(begin("192.0.2.2"), 503, "all are taken");
    connections.truncate(1);
    let mut begin = |address: &str| {
        let mut connection = Connection::new(Origin { address: Some(SocketAddr::new(address.parse().unwrap(), 1025)) });
        let answer = request(&mut connection, &acceptor, &authority(), &[&leg1]).unwrap_err();
        connections.push(connection);
        answer.status.as_u16()
    };
    assert_eq!(["192.0.2.1", "192.0.2.1", "192.0.2.2"].map(&mut begin), [401, 503, 401], "ends make room");
}
