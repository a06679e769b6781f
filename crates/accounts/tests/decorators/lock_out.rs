//! Lock-out of accounts.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ntlm::{Authority, LogonFailure, LogonSuccess, NetworkLogon};
use ntlm_accounts::audit::{Decision, WindowsEvent};
use ntlm_accounts::{AsyncAuthority, FutureVerdict, Immediate, Origin, Throttle, ThrottlePolicy, Throttled};

use crate::guarded::{BLOCKED, LOCKED, Server, UNKNOWN, WRONG};
use crate::support::{Pair, Says, Script, ask, from};

#[test]
fn ten_wrong_passwords_lock_an_account_for_ten_minutes() {
    let server = Server::with(&[r"EXAMPLE\alice"]);
    let name = r"EXAMPLE\alice";
    // Nine, and a right one: the counter begins anew.
    for _ in 0..3 {
        server.fails(name, 9);
        assert_eq!(server.tries(name, "right"), Ok(()));
    }
    server.fails(name, 9);
    assert_eq!(server.tries(name, "guess"), WRONG);
    assert_eq!(server.tries(name, "right"), LOCKED);
    // Attempts do not make it longer.
    server.clock.advance(599);
    server.fails(name, 30);
    assert_eq!(server.tries(name, "right"), LOCKED);
    server.clock.advance(1);
    assert_eq!(server.tries(name, "right"), Ok(()));
    server.fails(name, 9);
    assert_eq!(server.tries(name, "right"), Ok(()));
}

#[test]
fn a_counter_begins_anew_ten_minutes_after_the_last_failure() {
    let server = Server::with(&["alice"]);
    server.fails("alice", 9);
    server.clock.advance(600);
    server.fails("alice", 9);
    assert_eq!(server.tries("alice", "right"), Ok(()));
    // One every nine minutes adds up.
    for _ in 0..10 {
        assert_eq!(server.tries("alice", "guess"), WRONG);
        server.clock.advance(540);
    }
    assert_eq!(server.tries("alice", "right"), LOCKED);
}

#[test]
fn a_locked_account_is_a_denial_like_others_and_costs_the_same_work() {
    let server = Server::with(&["alice"]);
    server.fails("alice", 10);
    let asked = server.asked.swap(0, Ordering::Relaxed);
    assert_eq!(asked, 10);
    for password in ["guess", "right"] {
        let failure = server.tries("alice", password).unwrap_err();
        assert_eq!(failure, LogonFailure::ACCOUNT_LOCKED_OUT);
        assert_eq!(failure.kind(), LogonFailure::WRONG_PASSWORD.kind());
    }
    assert_eq!(server.asked.load(Ordering::Relaxed), 2);
}

#[test]
fn names_without_an_account_are_locked_as_others_are() {
    let server = Server::with(&["alice"]);
    for (name, failure) in [("alice", WRONG), ("nobody", UNKNOWN)] {
        for _ in 0..10 {
            assert_eq!(server.tries(name, "guess"), failure);
        }
        assert_eq!(server.tries(name, "right"), LOCKED);
        server.clock.advance(600);
        assert_eq!(server.tries(name, "guess"), failure);
    }
}

/// The ways to name the account `alice` of the server's domain, and those that also mean an account of the machine.
const DOMAIN_NAMES: [&str; 7] = [
    r"EXAMPLE\alice",
    r"example\ALICE",
    r"example.test\Alice",
    "alice@example.test",
    "ALICE@EXAMPLE",
    r".\alice@example.test",
    r"WEB1\alice@example.test",
];
const MACHINE_NAMES: [&str; 4] = ["alice", r".\alice", r"WEB1\Alice", r"web1.example.test\alice"];

#[test]
fn the_many_names_of_an_account_are_no_way_around_its_counter() {
    let guess = |server: &Server, names: &[&str], rotation: usize| {
        let rounds = names.iter().cycle().skip(rotation).take(5 * names.len());
        rounds.filter(|name| server.tries(name, "guess") != LOCKED).count()
    };
    for account in [r"EXAMPLE\alice", "alice@example.test"] {
        for (rotation, first) in DOMAIN_NAMES.iter().enumerate() {
            let server = Server::with(&[account]);
            assert_eq!(guess(&server, &DOMAIN_NAMES, rotation), 10, "beginning with {first}");
            // The names of the machine have a counter of their own, and a right guess there does not lead around the account's.
            assert!(server.tries("alice", "right").is_err());
            for name in DOMAIN_NAMES {
                assert_eq!(server.tries(name, "right"), LOCKED, "{name} for {account}");
            }
        }
    }
    for account in ["alice", r"WEB1\alice"] {
        for rotation in 0..MACHINE_NAMES.len() {
            let server = Server::with(&[account]);
            assert_eq!(guess(&server, &MACHINE_NAMES, rotation), 10);
            for name in MACHINE_NAMES {
                assert_eq!(server.tries(name, "right"), LOCKED, "{name} for {account}");
            }
        }
    }
    let server = Server::with(&["bob@mail.test"]);
    assert_eq!(guess(&server, &["bob@mail.test", r"mail.test\bob", r"WEB1\BOB@MAIL.TEST"], 0), 10);
    assert_eq!(server.tries("bob@mail.test", "right"), LOCKED);
}

#[test]
fn a_success_by_any_name_clears_the_counters_of_that_name_and_of_its_account() {
    let server = Server::with(&[r"EXAMPLE\alice"]);
    for _ in 0..3 {
        server.fails("alice", 9);
        server.fails(r"EXAMPLE\alice", 9);
        assert_eq!(server.tries(r".\alice", "right"), Ok(()));
    }
    server.fails("alice", 10);
    assert_eq!(server.tries("alice", "right"), LOCKED);
}

#[test]
fn who_has_the_same_name_elsewhere_cannot_clear_a_counter() {
    // The machine's alice is somebody else than the domain's.
    let server = Server::with(&["alice", r"EXAMPLE\alice"]);
    for _ in 0..10 {
        server.fails(r"EXAMPLE\alice", 1);
        assert_eq!(server.tries(r"WEB1\alice", "right"), Ok(()));
        assert_eq!(server.tries("alice", "right"), Ok(()));
    }
    assert_eq!(server.tries(r"EXAMPLE\alice", "right"), LOCKED);
    assert_eq!(server.tries("alice", "right"), Ok(()));
    // Nor lock one: the account of another domain is another account.
    let server = Server::with(&["alice", r"EXAMPLE\alice", r"OTHER\alice"]);
    server.fails(r"OTHER\alice", 10);
    assert_eq!(server.tries(r"EXAMPLE\alice", "right"), Ok(()));
    server.fails(r"EXAMPLE\alice", 10);
    assert_eq!(server.tries("alice", "right"), Ok(()));
}

#[test]
fn unknown_domains_are_no_way_around_where_they_mean_local_accounts() {
    let server = Server::with(&["alice"]);
    server.pair.lock().unwrap().server_config.policy.local_accounts_for_unknown_domain = true;
    assert_eq!(server.tries(r"NOWHERE\alice", "right"), Ok(()));
    for number in 0..10 {
        assert_eq!(server.tries(&format!(r"NOWHERE{number}\alice"), "guess"), WRONG);
    }
    assert_eq!(server.tries(r"ELSEWHERE\alice", "right"), LOCKED);
    assert_eq!(server.tries("alice", "right"), LOCKED);
}

#[test]
fn an_authority_that_cannot_decide_counts_nothing_and_looks_the_same_for_locked_accounts() {
    let server = Server::with(&["alice"]);
    for failure in [LogonFailure::NO_LOGON_SERVERS, LogonFailure::INTERNAL_ERROR, LogonFailure::TIME_DIFFERENCE_AT_DC] {
        server.instead(Some(failure));
        for _ in 0..200 {
            assert_eq!(server.try_from("alice", "right", &from("192.0.2.1:1")), Err(failure));
        }
        server.instead(None);
        assert_eq!(server.try_from("alice", "right", &from("192.0.2.1:1")), Ok(()));
    }
    server.fails("alice", 10);
    server.instead(Some(LogonFailure::NO_LOGON_SERVERS));
    assert_eq!(server.tries("alice", "right"), Err(LogonFailure::NO_LOGON_SERVERS));
}

#[test]
fn a_lock_out_can_last_until_a_restart() {
    let mut policy = ThrottlePolicy::default();
    (policy.account_failures, policy.lock_out) = (1, Duration::MAX);
    let server = Server::new(&["alice"], policy);
    assert_eq!(server.tries("alice", "guess"), WRONG);
    server.clock.advance(100 * 365 * 86_400);
    assert_eq!(server.tries("alice", "right"), LOCKED);
}

#[test]
fn each_lock_out_is_one_record() {
    let server = Server::with(&["alice"]);
    for (name, told) in [("alice", "the password is wrong"), ("nobody", "there is no such user")] {
        server.fails(name, 9);
        assert!(server.kept.take().is_empty());
        for _ in 0..5 {
            assert!(server.try_from(name, "guess", &from("192.0.2.1:1")).is_err());
        }
        let [record] = server.kept.take().try_into().unwrap();
        assert_eq!((record.event, record.event.number()), (WindowsEvent::LockOut, 4740));
        assert_eq!((record.decision, record.nt_status), (Decision::LockedOut, LogonFailure::ACCOUNT_LOCKED_OUT.status));
        assert_eq!((record.user, record.address), (name.into(), from("192.0.2.1:1").address));
        assert!(record.reason.starts_with("locked out for 600 s after 10 failures; ") && record.reason.ends_with(told));
    }
}

#[test]
fn anonymous_logons_are_no_guesses() {
    let question = {
        let script = Script {
            user: "".into(),
            domain: "".into(),
            raw_responses: Some((vec![0], Vec::new())),
            mic: crate::support::script::Mic::None,
            ..Script::new()
        };
        let mut pair = Pair::new();
        pair.server_config.policy.allow_anonymous = true;
        script.question(&mut pair).unwrap()
    };
    let mut policy = ThrottlePolicy::default();
    (policy.account_failures, policy.address_failures) = (1, 1);
    let throttle = Arc::new(Throttle::new(policy));
    let says = |_: &NetworkLogon| Err(LogonFailure::LOGON_FAILURE);
    let authority = Throttled::new(Immediate(Says(says)), Arc::clone(&throttle));
    for _ in 0..5 {
        let verdict = ask(&authority, question.logon(), &from("192.0.2.1:1"));
        assert_eq!(verdict.err(), Some(LogonFailure::LOGON_FAILURE));
    }
}

#[test]
fn a_guest_has_proven_nothing() {
    let server = Server::with(&["alice"]);
    server.fails("alice", 9);
    let guest =
        Throttled::new(Says(|logon: &NetworkLogon| Ok(LogonSuccess::guest(logon))), Arc::clone(&server.throttle))
            .with_clock({
                let clock = server.clock.clone();
                move || clock.now()
            });
    let question = {
        let script = Script { domain: "".into(), ..Script::new() };
        script.question(&mut server.pair.lock().unwrap()).unwrap()
    };
    assert!(guest.logon(question.logon()).is_ok());
    server.fails("alice", 1);
    assert_eq!(server.tries("alice", "right"), LOCKED);
    assert_eq!(guest.logon(question.logon()).err(), Some(LogonFailure::ACCOUNT_LOCKED_OUT));
}

/// An authority that decides when it is told to.
struct Slow<A>(A, Arc<AtomicBool>);

impl<A: Authority + Send + Sync> AsyncAuthority for Slow<A> {
    fn logon<'a>(&'a self, logon: &'a NetworkLogon, _: &'a Origin) -> FutureVerdict<'a> {
        struct Wait<'a>(&'a AtomicBool);
        impl Future for Wait<'_> {
            type Output = ();
            fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
                if self.0.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
            }
        }
        Box::pin(async move {
            Wait(&self.1).await;
            self.0.logon(logon)
        })
    }
}

#[test]
fn guesses_that_are_asked_all_at_once_are_counted_one_by_one() {
    for spread in [false, true] {
        let go = Arc::new(AtomicBool::new(false));
        let throttle = Arc::new(Throttle::new(ThrottlePolicy::default()));
        let authority = Throttled::new(Slow(Says(crate::support::knows_alice), Arc::clone(&go)), throttle);
        let mut pair = Pair::new();
        let mut ask = |password: &str, user: &str| {
            let script = Script { password: password.into(), user: user.into(), ..Script::new() };
            script.question(&mut pair).unwrap()
        };
        // A right guess behind as many wrong ones as lock the account, or block the address.
        let wrong = if spread { 100 } else { 10 };
        let mut questions: Vec<_> = (0..wrong)
            .map(|number| ask("guess", &if spread { format!("user{number}") } else { "alice".into() }))
            .collect();
        questions.push(ask(crate::support::PASSWORD, "alice"));
        let origin = from("192.0.2.1:1");
        let mut futures: Vec<_> = questions.iter().map(|it| authority.logon(it.logon(), &origin)).collect();
        let mut context = Context::from_waker(Waker::noop());
        assert!(futures.iter_mut().all(|future| future.as_mut().poll(&mut context).is_pending()));
        go.store(true, Ordering::Relaxed);
        let mut last = None;
        for future in &mut futures {
            let Poll::Ready(verdict) = future.as_mut().poll(&mut context) else { panic!("it was told to decide") };
            last = verdict.err();
        }
        let expected = if spread { BLOCKED } else { LOCKED };
        assert_eq!(last, expected.err());
    }
}
