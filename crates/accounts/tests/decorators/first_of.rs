//! Authorities in a row.

use std::sync::atomic::{AtomicUsize, Ordering};

use ntlm::logon::LogonFailureKind;
use ntlm::{Authority, LogonFailure, LogonSuccess, NetworkLogon};
use ntlm_accounts::{AsyncAuthority, FirstOf, Immediate, Origin};

use crate::support::{PASSWORD, Says, ask, question};

/// What one of the authorities says: yes to whoever it is (`Ok`), or this.
type Answer = Result<(), LogonFailure>;

const YES: Answer = Ok(());
const UNKNOWN: Answer = Err(LogonFailure::NO_SUCH_USER);
const WRONG: Answer = Err(LogonFailure::WRONG_PASSWORD);
const DISABLED: Answer = Err(LogonFailure::ACCOUNT_DISABLED);
const BLOCKED: Answer = Err(LogonFailure::NTLM_BLOCKED);
const AWAY: Answer = Err(LogonFailure::NO_LOGON_SERVERS);
const BROKEN: Answer = Err(LogonFailure::INTERNAL_ERROR);
const SKEWED: Answer = Err(LogonFailure::TIME_DIFFERENCE_AT_DC);

fn answer(answer: Answer, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
    answer.and_then(|()| logon.verify(Some(&ntlm::Password::new(PASSWORD).nt_hash())))
}

/// What several authorities say together, asked both ways, and how many of them were asked.
fn together(answers: &[Answer]) -> (Answer, usize) {
    let asked: &'static AtomicUsize = Box::leak(Box::default());
    let says = |&said: &Answer| {
        Says(move |logon: &NetworkLogon| {
            asked.fetch_add(1, Ordering::Relaxed);
            answer(said, logon)
        })
    };
    let question = question("EXAMPLE", "alice", PASSWORD);
    let boxed = |answer| Box::new(says(answer)) as Box<dyn Authority + Send + Sync>;
    let verdict = FirstOf::new(answers.iter().map(boxed).collect()).logon(question.logon()).map(|_| ());
    let count = asked.swap(0, Ordering::Relaxed);

    let boxed = |answer| Box::new(Immediate(says(answer))) as Box<dyn AsyncAuthority>;
    let asynchronous = FirstOf::new(answers.iter().map(boxed).collect());
    assert_eq!(ask(&asynchronous, question.logon(), &Origin::default()).map(|_| ()), verdict);
    assert_eq!(asked.load(Ordering::Relaxed), count);
    (verdict, count)
}

#[test]
fn the_next_authority_is_asked_when_there_is_no_such_user_or_nobody_could_say() {
    for (answers, verdict, asked) in [
        ([YES, YES, YES].as_slice(), YES, 1),
        (&[UNKNOWN, YES, WRONG], YES, 2),
        (&[UNKNOWN, UNKNOWN, WRONG], WRONG, 3),
        (&[UNKNOWN, UNKNOWN], UNKNOWN, 2),
        (&[WRONG, YES], WRONG, 1),
        (&[DISABLED, YES], DISABLED, 1),
        (&[BLOCKED, YES], BLOCKED, 1),
        (&[AWAY, YES], YES, 2),
        (&[BROKEN, UNKNOWN, YES], YES, 3),
        (&[], AWAY, 0),
    ] {
        assert_eq!(together(answers), (verdict, asked), "{answers:?}");
    }
}

#[test]
fn what_an_authority_that_is_away_might_have_known_is_never_denied() {
    for away in [AWAY, BROKEN, SKEWED] {
        for answers in
            [[away, UNKNOWN], [UNKNOWN, away], [away, WRONG], [away, DISABLED], [away, BLOCKED], [away, away]]
        {
            let (verdict, _) = together(&answers);
            assert_eq!(verdict, away, "{answers:?}");
            assert_ne!(verdict.unwrap_err().kind(), LogonFailureKind::Denied);
        }
    }
    // The first that could not say counts.
    assert_eq!(together(&[BROKEN, AWAY, UNKNOWN]).0, BROKEN);
}

#[test]
fn the_verdict_of_the_second_authority_lets_its_own_logon_in() {
    let unknown = |logon: &NetworkLogon| answer(UNKNOWN, logon);
    let knows = |logon: &NetworkLogon| answer(YES, logon);
    let authority = FirstOf::<dyn Authority>::new(vec![Box::new(Says(unknown)), Box::new(Says(knows))]);
    let question = question("EXAMPLE", "alice", PASSWORD);
    let verdict = authority.logon(question.logon());
    assert_eq!(question.finish(verdict).unwrap().info.identity().user, "alice".into());
}
