//! Adding, changing, removing, looking up.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use ntlm::{LogonFailure, Password, UnicodeString};
use ntlm_accounts::sqlite::{ChangeError, Refusal};
use ntlm_accounts::{Account, AccountName, Domains, HashStore as _, MemoryStore, SqliteStore};
use proptest::prelude::*;

use crate::support::{Scratch, at, has, is_password, name};

fn refused(result: Result<(), ChangeError>) -> Refusal {
    match result {
        Err(ChangeError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn an_account_is_found_without_regard_to_case() {
    let scratch = Scratch::new();
    let (_, store) = scratch.with_alice();
    for text in [r"EXAMPLE\alice", r"example\ALICE", r"Example\Alice"] {
        let found = store.find(&name(text)).unwrap().unwrap();
        assert_eq!(found.name, name(r"EXAMPLE\alice"), "as it was written");
        assert!(is_password(&found, "secret"));
        assert_eq!(found.barred, None);
    }
    for text in ["alice", r"OTHER\alice", r"EXAMPLE\bob", r"EXAMPLE\", r"EXAMPL\Ealice"] {
        assert!(!has(&store, text), "{text}");
    }
}

#[test]
fn case_is_windows_one_to_one_case() {
    let scratch = Scratch::new();
    let (_, store) = scratch.with_alice();
    for text in ["Zoë", "straße", "\u{131}", "ſ", "\u{1f80}"] {
        store.add(&Account::new(name(text), &Password::new(text)), at(1)).unwrap();
    }
    assert!(has(&store, "ZOË") && has(&store, "STRAßE") && has(&store, "\u{1f88}"));
    assert!(!has(&store, "STRASSE") && !has(&store, "I") && !has(&store, "S") && !has(&store, "zoe"));
}

#[test]
fn a_name_that_is_no_text_is_nobodys() {
    let scratch = Scratch::new();
    let (_, store) = scratch.with_alice();
    let broken = UnicodeString::from_units(&[0xd800]);
    let odd = AccountName::new(&"EXAMPLE".into(), &broken);
    assert!(store.find(&odd).unwrap().is_none());
    assert!(!store.knows_domain(&broken).unwrap());
    assert_eq!(refused(store.add(&Account::new(odd.clone(), &Password::new("x")), at(1))), Refusal::OddName);
    assert_eq!(refused(store.remove(&odd)), Refusal::NoSuchAccount);
    // Whether the database can be read is found out for such names, too.
    std::fs::remove_file(store.path()).unwrap();
    assert!(store.find(&odd).is_err() && store.knows_domain(&broken).is_err());
}

#[test]
fn an_account_is_added_once() {
    let scratch = Scratch::new();
    let (_, store) = scratch.with_alice();
    let again = Account::new(name(r"example\ALICE"), &Password::new("other"));
    assert_eq!(refused(store.add(&again, at(2))), Refusal::Exists);
    assert!(is_password(&store.find(&name(r"EXAMPLE\alice")).unwrap().unwrap(), "secret"));
    // A refusal leaves a store that works.
    store.add(&Account::new(name("alice"), &Password::new("other")), at(2)).unwrap();
    assert_eq!(store.list().unwrap().len(), 2);
}

#[test]
fn what_cannot_be_an_account_is_refused() {
    let scratch = Scratch::new();
    let (_, store) = scratch.with_alice();
    let long = "a".repeat(257);
    for odd in ["", "EXAMPLE\\", "a\\b\\c", "a\nb", "a:b", "#alice", "#X\\alice", "a\u{7f}", "\u{feff}a", &long] {
        let account = Account::new(name(odd), &Password::new("secret"));
        assert_eq!(refused(store.add(&account, at(1))), Refusal::OddName, "{odd:?}");
    }
    let open = Account::new(name("bob"), &Password::new(""));
    assert_eq!(refused(store.add(&open, at(1))), Refusal::EmptyPassword);
    let empty = Password::new("").nt_hash();
    assert_eq!(refused(store.set_nt_hash(&name(r"EXAMPLE\alice"), &empty, at(1))), Refusal::EmptyPassword);
    assert_eq!(store.list().unwrap().len(), 1);
}

#[test]
fn changes_are_made_and_dated() {
    let scratch = Scratch::new();
    let (_, store) = scratch.with_alice();
    let alice = name(r"EXAMPLE\ALICE");
    let times = || {
        let stored = store.get(&alice).unwrap().unwrap();
        [Some(stored.created), Some(stored.changed), stored.password_changed].map(Option::unwrap)
    };
    assert_eq!(times(), [at(1), at(1), at(1)]);

    store.set_nt_hash(&alice, &Password::new("other").nt_hash(), at(2)).unwrap();
    assert!(is_password(&store.find(&alice).unwrap().unwrap(), "other"));
    assert_eq!(times(), [at(1), at(2), at(2)]);

    store.set_disabled(&alice, true, at(3)).unwrap();
    assert_eq!(store.find(&alice).unwrap().unwrap().barred, Some(LogonFailure::ACCOUNT_DISABLED));
    assert_eq!(times(), [at(1), at(3), at(2)]);
    store.set_disabled(&alice, true, at(4)).unwrap();
    assert_eq!(times(), [at(1), at(3), at(2)], "nothing changed");
    store.set_disabled(&alice, false, at(5)).unwrap();
    assert_eq!(store.find(&alice).unwrap().unwrap().barred, None);

    store.remove(&alice).unwrap();
    assert!(store.find(&alice).unwrap().is_none() && store.get(&alice).unwrap().is_none());
    assert_eq!(refused(store.remove(&alice)), Refusal::NoSuchAccount);
    assert_eq!(refused(store.set_disabled(&alice, true, at(6))), Refusal::NoSuchAccount);
    let hash = Password::new("third").nt_hash();
    assert_eq!(refused(store.set_nt_hash(&alice, &hash, at(6))), Refusal::NoSuchAccount);
}

#[test]
fn an_account_without_a_password_waits_for_one() {
    let scratch = Scratch::new();
    let (_, store) = scratch.with_alice();
    store.add(&Account { name: name("bob"), nt_hash: None, barred: None }, at(2)).unwrap();
    let stored = store.get(&name("bob")).unwrap().unwrap();
    assert!(stored.account.nt_hash.is_none() && stored.password_changed.is_none());
    store.set_nt_hash(&name("bob"), &Password::new("secret").nt_hash(), at(3)).unwrap();
    assert_eq!(store.get(&name("bob")).unwrap().unwrap().password_changed, Some(at(3)));
}

#[test]
fn accounts_are_listed_by_domain_and_user() {
    let scratch = Scratch::new();
    let (_, store) = scratch.with_alice();
    for text in [r"example\Bob", "zoe", r"ABC\x", "Anna"] {
        store.add(&Account::new(name(text), &Password::new("x")), at(1)).unwrap();
    }
    let names = store.list().unwrap().into_iter().map(|stored| stored.account.name).collect::<Vec<_>>();
    assert_eq!(names, ["Anna", "zoe", r"ABC\x", r"EXAMPLE\alice", r"example\Bob"].map(name));
}

#[test]
fn one_domain_is_the_only_domain() {
    let scratch = Scratch::new();
    let (store, _) = SqliteStore::open_or_create(scratch.path("a.db")).unwrap();
    let add = |text: &str| store.add(&Account::new(name(text), &Password::new("x")), at(1)).unwrap();
    assert_eq!(store.only_domain().unwrap(), None);
    add("local");
    assert_eq!(store.only_domain().unwrap(), None);
    assert_eq!(store.domains().unwrap(), Domains::None);
    add(r"Example\alice");
    add(r"EXAMPLE\bob");
    assert!(store.only_domain().unwrap().is_some_and(|domain| domain.eq_ignore_case(&"example".into())));
    assert!(store.knows_domain(&"exAMPLE".into()).unwrap() && !store.knows_domain(&"EXAMPLE.TEST".into()).unwrap());
    assert!(matches!(store.domains().unwrap(), Domains::One(_)));
    add(r"OTHER\carol");
    assert_eq!(store.only_domain().unwrap(), None);
    assert_eq!(store.domains().unwrap(), Domains::Several);
}

#[test]
fn a_server_sees_a_change_at_once() {
    let scratch = Scratch::new();
    let (path, store) = scratch.with_alice();
    let server = SqliteStore::open_read_only(&path).unwrap();
    for number in 0..20 {
        let user = format!(r"EXAMPLE\user{number}");
        assert!(!has(&server, &user));
        store.add(&Account::new(name(&user), &Password::new("x")), at(1)).unwrap();
        assert!(has(&server, &user));
        store.set_disabled(&name(&user), true, at(2)).unwrap();
        assert!(server.find(&name(&user)).unwrap().unwrap().barred.is_some());
    }
}

#[test]
fn a_store_for_look_ups_changes_nothing() {
    let scratch = Scratch::new();
    let (path, _) = scratch.with_alice();
    let server = SqliteStore::open_read_only(&path).unwrap();
    for result in [
        server.add(&Account::new(name("bob"), &Password::new("x")), at(1)),
        server.remove(&name(r"EXAMPLE\alice")),
        server.set_disabled(&name(r"EXAMPLE\alice"), true, at(1)),
    ] {
        assert!(matches!(result, Err(ChangeError::Store(_))), "{result:?}");
    }
    assert!(has(&server, r"EXAMPLE\alice") && !has(&server, "bob"));
    assert!(server.find(&name(r"EXAMPLE\alice")).unwrap().unwrap().barred.is_none());
}

#[test]
fn threads_share_a_store_and_writers_do_not_disturb_readers() {
    const WRITERS: usize = 2;
    const ADDED: usize = 10;
    let scratch = Scratch::new();
    let (path, _) = scratch.with_alice();
    let server = SqliteStore::open_read_only(&path).unwrap();
    let (start, done) = (Barrier::new(WRITERS + 2), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writers = (0..WRITERS).map(|writer| {
            let (path, start) = (&path, &start);
            scope.spawn(move || {
                let store = SqliteStore::open(path).unwrap();
                start.wait();
                for number in 0..ADDED {
                    let account = Account::new(name(&format!(r"W{writer}\user{number}")), &Password::new("x"));
                    store.add(&account, at(1)).unwrap();
                }
            })
        });
        let writers = writers.collect::<Vec<_>>();
        for _ in 0..2 {
            scope.spawn(|| {
                start.wait();
                let mut asked = 0;
                while !done.load(Ordering::Relaxed) || asked == 0 {
                    assert!(has(&server, r"EXAMPLE\alice"));
                    assert!(!has(&server, r"EXAMPLE\nobody"));
                    asked += 1;
                }
            });
        }
        let results = writers.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>();
        done.store(true, Ordering::Relaxed);
        assert!(results.iter().all(Result::is_ok));
    });
    assert_eq!(server.list().unwrap().len(), 1 + WRITERS * ADDED);
    server.check_integrity().unwrap();
}

#[test]
fn nothing_secret_is_printed() {
    let scratch = Scratch::new();
    let (_, store) = scratch.with_alice();
    let printed = format!("{store:?} {:?}", store.list().unwrap());
    assert!(printed.contains("NtHash(..)") && !printed.contains("878d") && !printed.contains("135, 141"), "{printed}");
}

#[test]
fn attack_37_a_name_is_never_part_of_a_statement() {
    let scratch = Scratch::new();
    let (_, store) = scratch.with_alice();
    for odd in ["' OR '1'='1", "\" OR 1=1 --", "alice'; DROP TABLE account; --", "%", "_lice", "a*", "alice\0", "?1"] {
        for domain in ["EXAMPLE", "' OR '1'='1", "%", "*"] {
            let name = AccountName::new(&domain.into(), &odd.into());
            assert!(store.find(&name).unwrap().is_none(), "{name:?}");
        }
        assert!(!store.knows_domain(&odd.into()).unwrap());
    }
    // Some of them are odd but possible names, and then are just that.
    store.add(&Account::new(name("' OR '1'='1"), &Password::new("x")), at(1)).unwrap();
    assert!(has(&store, "' or '1'='1") && has(&store, r"EXAMPLE\alice"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_database_answers_as_memory_does(names in prop::collection::vec(r"([A-Ca-cé.]{0,2}\\)?[a-bA-BßıéÉ@]{1,2}", 1..12), asked in prop::collection::vec(r"([A-Ca-cé]{0,2}\\)?[a-bA-BßſıéÉ@]{1,2}", 12)) {
        let scratch = Scratch::new();
        let (store, _) = SqliteStore::open_or_create(scratch.path("a.db")).unwrap();
        let mut memory = MemoryStore::new();
        for text in &names {
            let account = Account::new(name(text), &Password::new(text));
            prop_assert_eq!(store.add(&account, at(1)).is_ok(), memory.insert(account).is_ok(), "{}", text);
        }
        let shown = |account: Option<Account>| account.map(|account| (account.name, *account.nt_hash.unwrap().expose()));
        for text in names.iter().chain(&asked) {
            let name = name(text);
            prop_assert_eq!(shown(store.find(&name).unwrap()), shown(memory.find(&name).unwrap()), "{}", text);
        }
        prop_assert_eq!(store.list().unwrap().len(), memory.accounts().len());
    }
}
