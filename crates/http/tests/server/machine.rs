//! The state machine of a connection, without I/O.

use http::{HeaderValue, StatusCode};
use ntlm::{LogonFailure, ServerPolicy};
use ntlm_accounts::audit::Decision;
use ntlm_accounts::{Immediate, Origin};
use ntlm_http::header::{self, Scheme};
use ntlm_http::server::{Acceptor, Connection, Endpoint, Moment, Step};

use crate::support::*;

fn connection() -> Connection {
    Connection::new(Origin::default())
}

fn authenticated(acceptor: &Acceptor) -> Connection {
    let mut connection = connection();
    let user = log_on(&mut connection, acceptor, &authority(), Client::new(ALICE, PASSWORD), Scheme::Ntlm);
    assert_eq!(user.unwrap().account(), ALICE.into());
    connection
}

#[test]
fn a_logon_makes_the_connection_the_users() {
    let acceptor = Acceptor::new(settings());
    let mut connection = authenticated(&acceptor);
    for _ in 0..3 {
        let user = request(&mut connection, &acceptor, &authority(), &[]).unwrap();
        assert_eq!((user.account(), user.user(), user.domain()), (ALICE.into(), &"alice".into(), &"EXAMPLE".into()));
        assert!(user.info().is_authenticated());
    }
    // Credentials of other schemes are the application's affair.
    let basic = HeaderValue::from_static("Basic YWxpY2U6c2VjcmV0");
    assert!(request(&mut connection, &acceptor, &authority(), &[&basic]).is_ok());
}

#[test]
fn attack_33_the_identity_belongs_to_its_connection_and_to_no_other() {
    let acceptor = Acceptor::new(settings());
    let mut alices = authenticated(&acceptor);
    let mut others = connection();
    let answer = request(&mut others, &acceptor, &authority(), &[]).unwrap_err();
    assert_eq!((answer.status, offers(&answer.challenges)), (StatusCode::UNAUTHORIZED, vec![Scheme::Ntlm]));
    let bob = log_on(&mut others, &acceptor, &authority(), Client::new(BOB, PASSWORD), Scheme::Ntlm).unwrap();
    assert_eq!(bob.account(), BOB.into());
    assert_eq!(request(&mut alices, &acceptor, &authority(), &[]).unwrap().account(), ALICE.into());
}

#[test]
fn attack_33_a_new_negotiate_ends_the_old_identity_first() {
    let acceptor = Acceptor::new(settings());
    let mut connection = authenticated(&acceptor);
    let bob = Client::new(BOB, PASSWORD);
    let leg1 = header::write(Scheme::Ntlm, &bob.negotiate);
    let answer = request(&mut connection, &acceptor, &authority(), &[&leg1]).unwrap_err();
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    // Between the legs nobody is logged on, and giving up does not bring alice back.
    assert!(connection.user(&acceptor).is_none());
    assert!(request(&mut connection, &acceptor, &authority(), &[]).is_err());
    let bob = log_on(&mut connection, &acceptor, &authority(), Client::new(BOB, PASSWORD), Scheme::Ntlm).unwrap();
    assert_eq!(bob.account(), BOB.into());
}

#[test]
fn attack_33_credentials_that_fail_end_the_old_identity_too() {
    let acceptor = Acceptor::new(settings());
    let token = |token: &[u8]| header::write(Scheme::Ntlm, token);
    let negotiate = token(&Client::new(ALICE, PASSWORD).negotiate);
    let authenticate = {
        let mut connection = connection();
        let client = Client::new(ALICE, PASSWORD);
        let answer = request(&mut connection, &acceptor, &authority(), &[&token(&client.negotiate)]).unwrap_err();
        token(&client.answer(&challenge(&answer.challenges).1))
    };
    for (values, status) in [
        (vec![&token(b"NTLMSSP\0\x01\0\0\0")], 401),
        (vec![&token(b"NTLMSSP\0\x02\0\0\0")], 401),
        (vec![&authenticate], 401),
        (vec![&token(b"`\x28\x06\x06\x2b\x06\x01\x05\x05\x02")], 401),
        (vec![&token(b"garbage")], 401),
        (vec![&HeaderValue::from_static("NTLM")], 400),
        (vec![&HeaderValue::from_static("NTLM TlRM TVNT")], 400),
        (vec![&HeaderValue::from_static("Negotiate ****")], 400),
        (vec![&negotiate, &negotiate], 400),
        (vec![&HeaderValue::from_static("Basic YTpi"), &HeaderValue::from_static("Basic YTpi")], 400),
    ] {
        let mut connection = authenticated(&acceptor);
        let answer = request(&mut connection, &acceptor, &authority(), &values).unwrap_err();
        assert_eq!(answer.status.as_u16(), status, "{values:?}");
        assert!(request(&mut connection, &acceptor, &authority(), &[]).is_err(), "{values:?}");
    }
}

#[test]
fn attack_33_an_identity_is_worth_nothing_to_another_server_on_the_same_connection() {
    let (one, other) = (Acceptor::new(settings()), Acceptor::new(settings()));
    let mut connection = authenticated(&one);
    assert!(connection.user(&other).is_none());
    assert!(request(&mut connection, &other, &authority(), &[]).is_err());
    assert!(request(&mut connection, &one, &authority(), &[]).is_err(), "nor afterwards to the first");
}

#[test]
fn a_challenge_is_good_for_one_answer() {
    let acceptor = Acceptor::new(settings());
    let mut connection = connection();
    let client = Client::new(ALICE, PASSWORD);
    let leg1 = header::write(Scheme::Ntlm, &client.negotiate);
    let answer = request(&mut connection, &acceptor, &authority(), &[&leg1]).unwrap_err();
    let leg3 = header::write(Scheme::Ntlm, &client.answer(&challenge(&answer.challenges).1));
    assert!(request(&mut connection, &acceptor, &authority(), &[&leg3]).is_ok());
    let answer = request(&mut connection, &acceptor, &authority(), &[&leg3]).unwrap_err();
    assert_eq!((answer.status, offers(&answer.challenges)), (StatusCode::UNAUTHORIZED, vec![Scheme::Ntlm]));
    assert!(connection.user(&acceptor).is_none());
}

#[test]
fn both_schemes_are_answered_in_the_framing_received_and_offered_as_told() {
    for offered in [false, true] {
        let mut settings = settings();
        settings.offer_negotiate = offered;
        let acceptor = Acceptor::new(settings);
        let answer = request(&mut connection(), &acceptor, &authority(), &[]).unwrap_err();
        let all = if offered { vec![Scheme::Negotiate, Scheme::Ntlm] } else { vec![Scheme::Ntlm] };
        assert_eq!(offers(&answer.challenges), all);
        for scheme in [Scheme::Ntlm, Scheme::Negotiate] {
            let client = Client::new(ALICE, PASSWORD);
            assert!(log_on(&mut connection(), &acceptor, &authority(), client, scheme).is_ok());
        }
    }
}

#[test]
fn the_scheme_does_not_change_between_the_legs() {
    let acceptor = Acceptor::new(settings());
    let mut connection = connection();
    let client = Client::new(ALICE, PASSWORD);
    let leg1 = header::write(Scheme::Ntlm, &client.negotiate);
    let answer = request(&mut connection, &acceptor, &authority(), &[&leg1]).unwrap_err();
    let leg3 = header::write(Scheme::Negotiate, &client.answer(&challenge(&answer.challenges).1));
    assert_eq!(
        request(&mut connection, &acceptor, &authority(), &[&leg3]).unwrap_err().status,
        StatusCode::UNAUTHORIZED
    );
}

#[test]
fn a_client_that_speaks_spnego_is_turned_to_ntlm() {
    let mut settings = settings();
    settings.offer_negotiate = true;
    let acceptor = Acceptor::new(settings);
    for token in [b"\x60\x28\x06\x06\x2b\x06\x01\x05\x05\x02".as_slice(), b"\xa1\x03\x30\x01\x00"] {
        let value = header::write(Scheme::Negotiate, token);
        let answer = request(&mut connection(), &acceptor, &authority(), &[&value]).unwrap_err();
        assert_eq!((answer.status, offers(&answer.challenges)), (StatusCode::UNAUTHORIZED, vec![Scheme::Ntlm]));
    }
}

#[test]
fn whoever_is_refused_is_told_the_same_and_the_record_the_truth() {
    let records = std::sync::Arc::new(Records::default());
    let mut settings = settings();
    settings.offer_negotiate = true;
    let acceptor = Acceptor::new(settings).with_audit(records.clone());
    let mut answers = Vec::new();
    for (user, password) in [(ALICE, "wrong"), (r"EXAMPLE\mallory", PASSWORD), (CAROL, PASSWORD), (CAROL, "wrong")] {
        let client = Client::new(user, password);
        let answer = log_on(&mut connection(), &acceptor, &authority(), client, Scheme::Ntlm).unwrap_err();
        assert_eq!(offers(&answer.challenges), [Scheme::Negotiate, Scheme::Ntlm], "bare, and all of them");
        answers.push(format!("{answer:?}"));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    let statuses: Vec<_> = records.take().iter().map(|record| (record.decision, record.nt_status)).collect();
    let expected = [
        LogonFailure::WRONG_PASSWORD,
        LogonFailure::NO_SUCH_USER,
        LogonFailure::ACCOUNT_DISABLED,
        LogonFailure::WRONG_PASSWORD,
    ];
    assert_eq!(statuses, expected.map(|failure| (Decision::Denied, failure.status)));
}

#[test]
fn every_logon_leaves_one_record() {
    let records = std::sync::Arc::new(Records::default());
    let acceptor = Acceptor::new(settings()).with_audit(records.clone());
    let mut connection = connection();
    log_on(&mut connection, &acceptor, &authority(), Client::new(ALICE, PASSWORD), Scheme::Ntlm).unwrap();
    for _ in 0..3 {
        request(&mut connection, &acceptor, &authority(), &[]).unwrap();
    }
    let [record] = &records.take()[..] else { panic!("one record") };
    assert_eq!((record.decision, record.account.clone()), (Decision::Accepted, Some(ALICE.into())));
    assert_eq!(record.carrier, "HTTP");

    let answer = request(&mut connection, &acceptor, &authority(), &[&header::write(Scheme::Ntlm, b"garbage")]);
    assert!(answer.is_err());
    let [record] = &records.take()[..] else { panic!("one record") };
    assert_eq!(record.decision, Decision::Malformed);
}

#[test]
fn an_answer_to_no_challenge_leaves_a_record_until_the_connection_is_closed() {
    let records = std::sync::Arc::new(Records::default());
    let mut settings = settings();
    (settings.limits.failures, settings.limits.half_open_lifetime) = (3, std::time::Duration::from_secs(60));
    let acceptor = Acceptor::new(settings).with_audit(records.clone());
    let mut alices = connection();
    let client = Client::new(ALICE, PASSWORD);
    let leg1 = header::write(Scheme::Ntlm, &client.negotiate);
    let answer = request(&mut alices, &acceptor, &authority(), &[&leg1]).unwrap_err();
    let leg3 = header::write(Scheme::Ntlm, &client.answer(&challenge(&answer.challenges).1));
    request(&mut alices, &acceptor, &authority(), &[&leg3]).unwrap();
    assert_eq!(records.take().len(), 1);

    // A second time on its connection, and on another; whoever goes on after the connection should be closed is not written down again.
    for mut connection in [alices, connection()] {
        for number in 0..5 {
            assert!(request(&mut connection, &acceptor, &authority(), &[&leg3]).is_err());
            let taken = records.take();
            assert_eq!(taken.len(), usize::from(number < 3));
            for record in taken {
                assert_eq!(
                    (record.decision, record.nt_status),
                    (Decision::Refused, LogonFailure::LOGON_FAILURE.status)
                );
                assert_eq!((record.user.clone(), record.domain.clone()), ("alice".into(), "EXAMPLE".into()));
                assert!(record.reason.contains("nothing on this connection led to"), "{}", record.reason);
            }
        }
    }

    // And one that comes too late.
    let mut connection = connection();
    let client = Client::new(ALICE, PASSWORD);
    let leg1 = header::write(Scheme::Ntlm, &client.negotiate);
    let answer = request(&mut connection, &acceptor, &authority(), &[&leg1]).unwrap_err();
    let leg3 = header::write(Scheme::Ntlm, &client.answer(&challenge(&answer.challenges).1));
    let now = Moment::now();
    let late = Moment { instant: now.instant + std::time::Duration::from_secs(61), ..now };
    let Step::Answer(answer) = connection.receive(&acceptor, [leg3.as_bytes()], late, &mut entropy) else {
        panic!("an answer")
    };
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let [record] = &records.take()[..] else { panic!("one record") };
    assert_eq!((record.decision, record.user.clone()), (Decision::Refused, "alice".into()));
    assert!(record.reason.contains("too late for its challenge"), "{}", record.reason);
}

#[test]
fn an_authority_that_cannot_decide_is_503_and_never_401() {
    for failure in [
        LogonFailure::NO_LOGON_SERVERS,
        LogonFailure::INTERNAL_ERROR,
        LogonFailure::IO_TIMEOUT,
        LogonFailure::TIME_DIFFERENCE_AT_DC,
    ] {
        let acceptor = Acceptor::new(settings());
        let mut connection = connection();
        for _ in 0..5 {
            let client = Client::new(ALICE, PASSWORD);
            let answer =
                log_on(&mut connection, &acceptor, &Immediate(Failing(failure)), client, Scheme::Ntlm).unwrap_err();
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{failure}");
            assert!(answer.retry_after.is_some() && answer.challenges.is_empty() && !answer.close, "{failure}");
            assert!(connection.user(&acceptor).is_none());
        }
    }
}

#[test]
fn without_randomness_there_is_no_challenge() {
    let acceptor = Acceptor::new(settings());
    let value = header::write(Scheme::Ntlm, &Client::new(ALICE, PASSWORD).negotiate);
    let mut exhausted = |_: &mut [u8]| Err(ntlm::EntropyError);
    let mut connection = connection();
    let Step::Answer(answer) = connection.receive(&acceptor, [value.as_bytes()], Moment::now(), &mut exhausted) else {
        panic!("an answer")
    };
    assert_eq!((answer.status, answer.challenges.len()), (StatusCode::SERVICE_UNAVAILABLE, 0));
}

#[test]
fn a_server_that_blocks_ntlm_says_so_to_everybody() {
    let mut settings = settings();
    settings.policy = ServerPolicy::windows();
    settings.policy.server_block = true;
    let acceptor = Acceptor::new(settings);
    let value = header::write(Scheme::Ntlm, &Client::new(ALICE, PASSWORD).negotiate);
    let answer = request(&mut connection(), &acceptor, &authority(), &[&value]).unwrap_err();
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[test]
fn a_logon_that_was_given_up_is_nobodys() {
    let acceptor = Acceptor::new(settings());
    let mut connection = connection();
    let client = Client::new(ALICE, PASSWORD);
    let leg1 = header::write(Scheme::Ntlm, &client.negotiate);
    let answer = request(&mut connection, &acceptor, &authority(), &[&leg1]).unwrap_err();
    let leg3 = header::write(Scheme::Ntlm, &client.answer(&challenge(&answer.challenges).1));
    match connection.receive(&acceptor, [leg3.as_bytes()], Moment::now(), &mut entropy) {
        Step::Ask(question) => drop(question),
        Step::Pass(_) | Step::Answer(_) => panic!("a question"),
    }
    assert!(connection.user(&acceptor).is_none());
    assert!(request(&mut connection, &acceptor, &authority(), &[]).is_err());
    assert!(request(&mut connection, &acceptor, &authority(), &[&leg3]).is_err(), "the challenge is used up");
}

#[test]
fn a_proxy_asks_in_its_own_words() {
    let mut settings = settings();
    settings.endpoint = Endpoint::Proxy;
    let acceptor = Acceptor::new(settings);
    let mut connection = connection();
    let answer = request(&mut connection, &acceptor, &authority(), &[]).unwrap_err();
    let response = answer.into_response();
    assert_eq!(response.status(), StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    assert_eq!(response.headers()["proxy-authenticate"], "NTLM");
    assert!(!response.headers().contains_key("www-authenticate"));
    let client = Client::new(ALICE, PASSWORD);
    assert!(log_on(&mut connection, &acceptor, &authority(), client, Scheme::Ntlm).is_ok());
}

#[test]
fn an_unreadable_header_is_answered_with_what_is_wrong_with_it() {
    let acceptor = Acceptor::new(settings());
    let value = HeaderValue::from_static("NTLM TlRMTVNTUAAB AAAA");
    let answer = request(&mut connection(), &acceptor, &authority(), &[&value]).unwrap_err();
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("whitespace in the NTLM token") && answer.text.contains("byte 17"), "{}", answer.text);
}
