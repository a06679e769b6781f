//! Logons against the database, with the real client and the real server between.

use std::sync::{Arc, Mutex};

use ntlm::logon::LogonFailureKind;
use ntlm::{Authority as _, Credentials, LogonFailure, Password};
use ntlm_accounts::{Account, LocalAuthority, SqliteStore};

use crate::support::{Scratch, at, name};

#[allow(dead_code, unreachable_pub)]
#[path = "../../../ntlm/tests/support/pair.rs"]
mod pair;

/// The verdict of the database on a logon: the account, or why not.
fn verdict(store: &SqliteStore, domain: &str, user: &str, password: &str) -> Result<String, LogonFailure> {
    let credentials = Credentials::with_domain(&user.into(), &domain.into(), &Password::new(password));
    let (_, question) = pair::Pair::new().with_credentials(credentials).question().unwrap();
    let success = LocalAuthority::new(store).logon(question.logon())?;
    Ok(question.finish(Ok(success)).unwrap().info.identity().account.as_ref().unwrap().to_string_lossy())
}

#[test]
fn accounts_of_the_database_log_on() {
    let scratch = Scratch::new();
    let (_, store) = scratch.with_alice();
    store.add(&Account::new(name("bob"), &Password::new("other")), at(1)).unwrap();
    for (domain, user) in [("EXAMPLE", "alice"), ("example", "ALICE"), ("", "alice"), (pair::SERVER, "alice")] {
        assert_eq!(verdict(&store, domain, user, "secret"), Ok(r"EXAMPLE\alice".to_owned()), "{domain}");
        assert_eq!(verdict(&store, domain, user, "wrong"), Err(LogonFailure::WRONG_PASSWORD), "{domain}");
    }
    assert_eq!(verdict(&store, "", "bob", "other"), Ok(format!(r"{}\bob", pair::SERVER)));
    assert_eq!(verdict(&store, "EXAMPLE", "bob", "other"), Err(LogonFailure::NO_SUCH_USER));
    assert_eq!(verdict(&store, "OTHER", "alice", "secret"), Err(LogonFailure::NO_SUCH_USER));
}

#[test]
fn a_disabled_account_is_told_to_who_knows_its_password() {
    let scratch = Scratch::new();
    let (_, store) = scratch.with_alice();
    store.set_disabled(&name(r"EXAMPLE\alice"), true, at(2)).unwrap();
    assert_eq!(verdict(&store, "EXAMPLE", "alice", "secret"), Err(LogonFailure::ACCOUNT_DISABLED));
    assert_eq!(verdict(&store, "EXAMPLE", "alice", "wrong"), Err(LogonFailure::WRONG_PASSWORD));
}

#[test]
fn the_reason_why_a_logon_cannot_be_decided_is_told_to_the_server() {
    let scratch = Scratch::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let store = SqliteStore::new(scratch.path("missing.db"));
    let keep = Arc::clone(&told);
    let authority = LocalAuthority::new(store).telling(move |error| keep.lock().unwrap().push(error.to_string()));
    let (_, question) = pair::Pair::new().question().unwrap();
    assert_eq!(authority.logon(question.logon()).map(drop), Err(LogonFailure::NO_LOGON_SERVERS));
    let told = told.lock().unwrap();
    assert!(told.len() == 1 && told[0].contains("missing.db"), "{told:?}");
}

#[test]
fn attack_17_a_database_that_cannot_be_read_lets_nobody_in() {
    let scratch = Scratch::new();
    let (path, store) = scratch.with_alice();
    assert!(verdict(&store, "EXAMPLE", "alice", "secret").is_ok());
    for content in [None, Some(&[][..]), Some(&[0x5a; 8192])] {
        std::fs::remove_file(&path).unwrap();
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        } else {
            // For the next round to remove.
            std::fs::create_dir(&path).unwrap();
        }
        for (user, password) in [("alice", "secret"), ("alice", "wrong"), ("alice", ""), ("nobody", "secret")] {
            let failure = verdict(&store, "EXAMPLE", user, password).unwrap_err();
            assert_eq!(failure, LogonFailure::NO_LOGON_SERVERS);
            assert_eq!(failure.kind(), LogonFailureKind::NoAuthority);
        }
        if content.is_none() {
            std::fs::remove_dir(&path).unwrap();
            std::fs::write(&path, "").unwrap();
        }
    }
}
