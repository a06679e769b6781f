//! Where the accounts come from, and what keeps guessing away from them.

use std::time::{Duration, Instant};

use ntlm::{FileTime, Password};
use ntlm_accounts::{Account, AccountName, SqliteStore};
use rusqlite::Connection;

use crate::support::*;

fn database(directory: &Directory) -> (SqliteStore, String) {
    let path = directory.0.join("accounts.db");
    let (store, _) = SqliteStore::open_or_create(&path).unwrap();
    add(&store, ALICE);
    (store, path.to_str().unwrap().to_owned())
}

fn add(store: &SqliteStore, name: &str) {
    let account = Account::new(AccountName::parse(name), &Password::new(PASSWORD));
    store.add(&account, FileTime::UNIX_EPOCH).unwrap();
}

#[test]
fn accounts_of_a_database_count_as_they_are_at_each_logon() {
    let directory = Directory::new();
    let (store, path) = database(&directory);
    let server = Server::run(command().args(["--db", &path]));
    server.waits_for("with 1 account of the database");
    server.alice();
    assert_eq!(server.connect().log_on(BOB, PASSWORD).status, 401);
    add(&store, BOB);
    assert_eq!(server.connect().log_on(BOB, PASSWORD).status, 200);
    store.set_disabled(&AccountName::parse(BOB), true, FileTime::UNIX_EPOCH).unwrap();
    assert_eq!(server.connect().log_on(BOB, PASSWORD).status, 401);
}

#[test]
fn accounts_come_from_the_configuration_or_the_environment_too() {
    let directory = Directory::new();
    let (_, database) = database(&directory);
    let users = directory.accounts();
    let configuration = directory.write(
        "ntlm.toml",
        format!("policy = 'strict'\n[accounts]\ndatabase = '{database}'\n[server]\nnetbios_name = 'GATE'"),
    );
    let server = Server::run(command().env("NTLM_CONFIG", &configuration).env("NTLM_USER_FILE", &users));
    let line = server.waits_for("listening");
    assert!(line.contains("1 account of the database") && line.contains("policy of NTLM_CONFIG"), "{line}");
    server.alice();
    let server = Server::run(command().env("NTLM_USER_FILE", &users));
    server.waits_for("2 accounts of the file");
    server.alice();
    // The account database of the user.
    let home = Directory::new();
    let (store, _) = SqliteStore::open_or_create(home.0.join("ntlm/accounts.db")).unwrap();
    add(&store, BOB);
    if cfg!(target_os = "linux") {
        let server = Server::run(command().env("XDG_DATA_HOME", &home.0));
        assert_eq!(server.connect().log_on(BOB, PASSWORD).status, 200);
    }
}

#[test]
fn a_store_that_cannot_be_read_is_503_and_told_to_the_administrator() {
    let directory = Directory::new();
    let server = Server::start(&directory, &[]);
    server.alice();
    std::fs::remove_file(directory.0.join("users")).unwrap();
    let reply = server.connect().log_on(ALICE, PASSWORD);
    assert_eq!((reply.status, reply.header("www-authenticate")), (503, ""));
    assert!(!reply.header("retry-after").is_empty());
    server.waits_for("nobody can log on");
    server.waits_for("decision=unavailable");
    directory.accounts();
    server.alice();
}

#[test]
fn a_database_that_another_process_holds_holds_up_logons_alone_and_not_for_long() {
    let directory = Directory::new();
    let (store, path) = database(&directory);
    drop(store);
    let server = Server::run(command().args(["--db", &path]));
    let mut before = server.alice();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let logons = [(); 8].map(|()| scope.spawn(|| server.connect().log_on(ALICE, PASSWORD).status));
        let mut slowest = Duration::ZERO;
        while !logons.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            let asked = Instant::now();
            assert_eq!(before.get("/").account(), ALICE);
            slowest = slowest.max(asked.elapsed());
        }
        assert!(slowest < Duration::from_millis(1500), "who is in waits {slowest:?}");
        assert_eq!(logons.map(|logon| logon.join().unwrap()), [503; 8]);
    });
    // They do not wait for each other: two seconds, and what a busy machine adds.
    let all = begun.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(6)).contains(&all), "{all:?}");
    server.waits_for("is held by another process");
    // A change that comes to its end is waited for.
    std::thread::scope(|scope| {
        let logon = scope.spawn(|| server.connect().log_on(ALICE, PASSWORD).status);
        std::thread::sleep(Duration::from_millis(300));
        other.execute_batch("COMMIT").unwrap();
        assert_eq!(logon.join().unwrap(), 200);
    });
}

#[test]
fn accounts_of_a_second_domain_are_told_because_users_must_name_theirs_from_then_on() {
    const SAID: &str = "the accounts are in several domains";
    let directory = Directory::new();
    let (store, path) = database(&directory);
    let server = Server::run(command().args(["--db", &path]));
    assert_eq!(server.connect().log_on("alice", PASSWORD).status, 200);
    assert!(!server.has_said(SAID));
    add(&store, r"OTHER\bob");
    server.waits_for(SAID);
    server.waits_for("--netbios-domain says which one is meant");
    assert_eq!(server.connect().log_on("alice", PASSWORD).status, 401);
    // At the start, too, unless it was said.
    Server::run(command().args(["--db", &path])).waits_for(SAID);
    let server = Server::run(command().args(["--db", &path, "--netbios-domain", "EXAMPLE"]));
    assert_eq!(server.connect().log_on("alice", PASSWORD).status, 200);
    assert!(!server.has_said(SAID));
    let configuration =
        directory.write("ntlm.toml", format!("[accounts]\ndatabase = '{path}'\n[server]\nnetbios_domain = 'EXAMPLE'"));
    let server = Server::run(command().env("NTLM_CONFIG", &configuration));
    assert_eq!(server.connect().log_on("alice", PASSWORD).status, 200);
    assert!(!server.has_said(SAID));
}

#[test]
fn wrong_passwords_lock_the_account() {
    let directory = Directory::new();
    let server = Server::start(&directory, &["--lock-out", "2"]);
    for password in ["wrong", "wrong", PASSWORD] {
        let reply = server.connect().log_on(ALICE, password);
        assert_eq!((reply.status, reply.header("www-authenticate")), (401, "NTLM"));
    }
    server.waits_for("event=4740");
    assert_eq!(server.connect().log_on(BOB, PASSWORD).status, 200);
}

#[test]
fn wrong_passwords_block_the_address() {
    let directory = Directory::new();
    let server = Server::start(&directory, &["--address-failures", "2", "--lock-out", "0"]);
    let mut before = server.alice();
    for _ in 0..2 {
        assert_eq!(server.connect().log_on(ALICE, "wrong").status, 401);
    }
    let reply = server.connect().get("/");
    assert_eq!((reply.status, reply.header("www-authenticate")), (429, ""));
    assert!(reply.header("retry-after").parse::<u64>().unwrap() > 60);
    assert_eq!(before.get("/").account(), ALICE, "who is in is in");
}
