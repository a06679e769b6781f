//! Databases that are not as they should be: of others, made by hand, broken, gone while a server runs.

use std::path::Path;
use std::time::{Duration, Instant};

use ntlm_accounts::{Account, HashStore as _, SqliteStore, StoreError};
use proptest::prelude::*;
use rusqlite::Connection;

use crate::support::{Scratch, alice, at, has, is_password, name};

/// What opening the database for look-ups and for changes is refused with.
fn refused(path: &Path) -> String {
    let error = SqliteStore::open_read_only(path).unwrap_err().to_string();
    assert_eq!(SqliteStore::open(path).unwrap_err().to_string(), error);
    assert!(error.contains(&*path.to_string_lossy()), "{error}");
    error
}

fn find_alice(store: &SqliteStore) -> Result<Option<Account>, StoreError> {
    store.find(&name(r"EXAMPLE\alice"))
}

/// Runs SQL on the database as somebody with the shell of SQLite would, checks of the table switched off.
fn edit(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(&format!("PRAGMA ignore_check_constraints = ON; {sql}")).unwrap();
}

#[test]
fn what_is_no_database_of_ours_is_refused_and_left_alone() {
    let scratch = Scratch::new();
    let path = scratch.path("other.db");
    for (content, reason) in [
        (vec![0x5a; 8192], "is no database"),
        (b"EXAMPLE:alice:secret\n".to_vec(), "is no database"),
        (b"SQLite format 3\0".to_vec(), "is no database"),
        (Vec::new(), "it is empty"),
    ] {
        std::fs::write(&path, &content).unwrap();
        assert!(refused(&path).contains(reason), "{}", refused(&path));
        if !content.is_empty() {
            assert!(SqliteStore::open_or_create(&path).is_err());
        }
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
    std::fs::remove_file(&path).unwrap();
    edit(&path, "CREATE TABLE account (user TEXT, password TEXT)");
    assert!(refused(&path).contains("belongs to another program"));
    assert!(SqliteStore::open_or_create(&path).is_err());
    assert!(refused(&scratch.path("missing.db")).contains("there is no account database"));
    assert!(!scratch.path("missing.db").exists());
    std::fs::create_dir(scratch.path("directory.db")).unwrap();
    assert!(refused(&scratch.path("directory.db")).contains("not a file"));
}

#[test]
fn names_that_mean_something_to_sqlite_are_files() {
    let scratch = Scratch::new();
    for odd in ["file:a.db?mode=memory", ":memory:", "a?immutable=1", "%41.db"] {
        let path = scratch.path(odd);
        let (store, created) = SqliteStore::open_or_create(&path).unwrap();
        store.add(&alice(), at(1)).unwrap();
        assert!(created && path.is_file() && has(&SqliteStore::open(&path).unwrap(), r"EXAMPLE\alice"), "{odd}");
    }
    assert!(SqliteStore::open("").is_err() && SqliteStore::open(":memory:").is_err());
}

#[test]
fn other_tables_than_ours_are_refused() {
    for sql in [
        "CREATE TABLE more (a)",
        "CREATE TRIGGER t AFTER UPDATE ON account BEGIN DELETE FROM account; END",
        "CREATE VIEW v AS SELECT * FROM account",
        "CREATE INDEX i ON account (user)",
        "ALTER TABLE account ADD COLUMN password TEXT",
        "DROP TABLE account",
        "ALTER TABLE account RENAME TO a; CREATE VIEW account AS SELECT * FROM a",
    ] {
        let scratch = Scratch::new();
        let (path, store) = scratch.with_alice();
        edit(&path, sql);
        assert!(refused(&path).contains("not those of an account database"), "{sql}");
        assert!(find_alice(&store).is_err(), "{sql}: the running server notices");
    }
    let scratch = Scratch::new();
    let (path, _) = scratch.with_alice();
    edit(&path, "ANALYZE");
    assert!(SqliteStore::open(&path).is_ok(), "what SQLite keeps for itself is its own");
}

#[test]
fn a_database_of_a_later_version_is_refused() {
    let scratch = Scratch::new();
    let (path, _) = scratch.with_alice();
    edit(&path, "PRAGMA user_version = 2");
    assert!(refused(&path).contains("later version of this program"));
    edit(&path, "PRAGMA user_version = 0");
    assert!(refused(&path).contains("another program"));
    edit(&path, "PRAGMA user_version = 1; PRAGMA application_id = 7");
    assert!(refused(&path).contains("another program"));
}

#[test]
fn attack_17_a_hash_that_is_none_opens_no_account() {
    let scratch = Scratch::new();
    let (path, store) = scratch.with_alice();
    // The empty value, zeros, the placeholder for "no LM hash", the hash of the empty password.
    for none in ["NULL", "zeroblob(16)", "X'aad3b435b51404eeaad3b435b51404ee'", "X'31d6cfe0d16ae931b73c59d7e0c089c0'"] {
        edit(&path, &format!("UPDATE account SET nt_hash = {none}"));
        assert!(find_alice(&store).unwrap().unwrap().nt_hash.is_none(), "{none}");
    }
    for length in [0, 1, 15, 17, 32, 100_000] {
        edit(&path, &format!("UPDATE account SET nt_hash = randomblob({length})"));
        let error = find_alice(&store).unwrap_err().to_string();
        assert!(error.contains("does not have 16 bytes"), "{length}: {error}");
        assert!(store.list().is_err() && store.check_integrity().is_err());
        // Others are not touched by it.
        assert!(store.find(&name("bob")).unwrap().is_none());
    }
}

#[test]
fn a_row_that_was_made_by_hand_is_nobody_else() {
    for sql in [
        "UPDATE account SET user = 'bob'",
        "UPDATE account SET domain = 'OTHER'",
        "UPDATE account SET user = CAST(X'ff' AS TEXT)",
        "UPDATE account SET domain = CAST(X'45ff' AS TEXT)",
        "UPDATE account SET user = ''",
    ] {
        let scratch = Scratch::new();
        let (path, store) = scratch.with_alice();
        edit(&path, sql);
        let error = find_alice(&store).unwrap_err().to_string();
        assert!(error.contains("is damaged") && !error.contains("bob"), "{error}");
    }
    for user in ["alice\nroot", "a:b", "\u{7}"] {
        let scratch = Scratch::new();
        let (path, store) = scratch.with_alice();
        edit(&path, &format!("UPDATE account SET user = '{user}', user_key = '{}'", user.to_uppercase()));
        let mut exported = Vec::new();
        let error = store.export(&mut exported).unwrap_err().to_string();
        assert!(error.contains("is damaged") && exported.is_empty(), "{error}");
    }
    let scratch = Scratch::new();
    let (path, store) = scratch.with_alice();
    edit(&path, "UPDATE account SET disabled = -7, created = -1, changed = 9223372036854775807");
    assert!(find_alice(&store).unwrap().unwrap().barred.is_some(), "what is not enabled is disabled");
    assert_eq!(store.get(&name(r"EXAMPLE\alice")).unwrap().unwrap().created, at(0));
}

#[test]
fn attack_17_a_database_that_breaks_under_a_server_is_noticed_and_never_an_answer() {
    let scratch = Scratch::new();
    let (path, store) = scratch.with_alice();
    for number in 0..200 {
        store.add(&Account { name: name(&format!("user{number}")), ..alice() }, at(1)).unwrap();
    }
    let whole = std::fs::read(&path).unwrap();
    let server = SqliteStore::open_read_only(&path).unwrap();
    let cut = |length: usize| std::fs::write(&path, &whole[..length]).unwrap();
    let breaks: [(&str, &dyn Fn()); 7] = [
        ("removed", &|| std::fs::remove_file(&path).unwrap()),
        ("emptied", &|| cut(0)),
        ("cut to half", &|| cut(whole.len() / 2)),
        ("cut in a page", &|| cut(whole.len() - 100)),
        ("cut to a page", &|| cut(4096)),
        ("overwritten", &|| std::fs::write(&path, vec![0x5a; whole.len()]).unwrap()),
        ("zeroed behind its header", &|| {
            std::fs::write(&path, [&whole[..100], &vec![0; whole.len() - 100]].concat()).unwrap();
        }),
    ];
    for (what, broken) in breaks {
        assert!(is_password(&find_alice(&server).unwrap().unwrap(), "secret"));
        broken();
        for user in [r"EXAMPLE\alice", "user7", "nobody"] {
            assert!(server.find(&name(user)).is_err(), "{what}: {user}");
        }
        assert!(server.knows_domain(&"EXAMPLE".into()).is_err() && server.check_integrity().is_err(), "{what}");
        // Put back as it was: the server goes on without being told.
        std::fs::write(&path, &whole).unwrap();
        make_private(&path);
    }
    assert!(has(&server, "user199"));
}

#[test]
fn a_database_that_is_replaced_is_the_one_that_is_asked() {
    let scratch = Scratch::new();
    let (path, _) = scratch.with_alice();
    let server = SqliteStore::open_read_only(&path).unwrap();
    assert!(has(&server, r"EXAMPLE\alice"));
    let (other, _) = SqliteStore::open_or_create(scratch.path("new.db")).unwrap();
    other.add(&Account { name: name("bob"), ..alice() }, at(1)).unwrap();
    std::fs::rename(other.path(), &path).unwrap();
    assert!(has(&server, "bob") && !has(&server, r"EXAMPLE\alice"));
    // One of another program is not asked at all.
    edit(&scratch.path("foreign.db"), "CREATE TABLE a (b)");
    std::fs::rename(scratch.path("foreign.db"), &path).unwrap();
    make_private(&path);
    assert!(server.find(&name("bob")).unwrap_err().to_string().contains("another program"));
}

#[test]
fn a_store_for_a_database_that_is_not_there_yet_finds_it_when_it_is() {
    let scratch = Scratch::new();
    let server = SqliteStore::new(scratch.path("accounts.db"));
    assert!(find_alice(&server).is_err() && server.check().is_err());
    scratch.with_alice();
    assert!(find_alice(&server).unwrap().is_some());
}

#[test]
fn a_change_that_was_cut_off_is_taken_back_by_the_next_who_looks() {
    let scratch = Scratch::new();
    let (path, _) = scratch.with_alice();
    // The file and its journal as a process leaves them that is killed while it writes: a small cache makes SQLite write early.
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA cache_size = 5; BEGIN; DELETE FROM account").unwrap();
    for number in 0..500 {
        let sql = "INSERT INTO account VALUES ('X', ?1, 'X', ?1, randomblob(16), 0, 0, 0, 0)";
        connection.execute(sql, [format!("USER{number}")]).unwrap();
    }
    let killed = scratch.path("killed.db");
    std::fs::copy(&path, &killed).unwrap();
    std::fs::copy(scratch.path("accounts.db-journal"), scratch.path("killed.db-journal")).unwrap();
    assert!(std::fs::metadata(&killed).unwrap().len() > 8192, "the file is half changed");
    make_private(&killed);

    let server = SqliteStore::open_read_only(&killed).unwrap();
    assert!(has(&server, r"EXAMPLE\alice") && !has(&server, r"X\user0"));
    server.check_integrity().unwrap();
    assert!(!scratch.path("killed.db-journal").exists());
}

#[test]
fn what_is_to_become_a_database_is_told_from_what_is_none() {
    let scratch = Scratch::new();
    let path = scratch.path("a.db");
    assert!(SqliteStore::open_if_there(&path).unwrap().is_none() && !path.exists());
    std::fs::write(&path, "").unwrap();
    make_private(&path);
    assert!(SqliteStore::open_if_there(&path).unwrap().is_none());

    // A database whose making was cut off: empty, but only when that was taken back.
    let connection = Connection::open(scratch.path("being-made.db")).unwrap();
    connection.execute_batch("PRAGMA cache_size = 5; BEGIN; CREATE TABLE a (b)").unwrap();
    for _ in 0..500 {
        connection.execute("INSERT INTO a VALUES (randomblob(200))", []).unwrap();
    }
    std::fs::copy(scratch.path("being-made.db"), &path).unwrap();
    std::fs::copy(scratch.path("being-made.db-journal"), scratch.path("a.db-journal")).unwrap();
    make_private(&path);
    assert!(std::fs::metadata(&path).unwrap().len() > 0);
    assert!(SqliteStore::open_if_there(&path).unwrap().is_none());
    assert!(SqliteStore::open_or_create(&path).unwrap().1);
    assert!(SqliteStore::open_if_there(&path).unwrap().is_some());

    std::fs::write(&path, "EXAMPLE:alice:secret\n").unwrap();
    assert!(SqliteStore::open_if_there(&path).is_err());
}

#[cfg(unix)]
fn make_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[cfg(not(unix))]
fn make_private(_: &Path) {}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn changed_bytes_make_no_other_account(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let scratch = Scratch::new();
        let (path, store) = scratch.with_alice();
        let server = SqliteStore::new(&path);
        let mut content = std::fs::read(&path).unwrap();
        for (index, byte) in changes {
            let index = index.index(content.len());
            content[index] = byte;
        }
        std::fs::write(&path, content).unwrap();
        for user in [r"EXAMPLE\alice", r"EXAMPLE\bob", ""] {
            let asked = name(user);
            for store in [&server, &store] {
                if let Ok(Some(account)) = store.find(&asked) {
                    prop_assert!(account.name.domain().unwrap().eq_ignore_case(asked.domain().unwrap()));
                    prop_assert!(account.name.user().eq_ignore_case(asked.user()));
                }
            }
        }
        let _ = (server.list(), server.check_integrity(), server.only_domain());
    }
}

#[test]
fn a_database_that_is_held_is_not_waited_for_by_one_thread_after_the_other() {
    let scratch = Scratch::new();
    let (path, store) = scratch.with_alice();
    drop(store);
    let held = Connection::open(&path).unwrap();
    let hurried = SqliteStore::open_read_only(&path).unwrap().with_patience(Duration::ZERO);
    let patient = SqliteStore::open_read_only(&path).unwrap().with_patience(Duration::from_secs(1));
    held.execute_batch("BEGIN EXCLUSIVE").unwrap();

    let begun = Instant::now();
    for _ in 0..3 {
        assert!(find_alice(&hurried).unwrap_err().is_busy());
        assert!(hurried.only_domain().unwrap_err().is_busy());
    }
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());

    let begun = Instant::now();
    std::thread::scope(|scope| {
        let threads = [(); 8].map(|()| scope.spawn(|| find_alice(&patient).unwrap_err()));
        for error in threads.map(|thread| thread.join().unwrap()) {
            assert!(error.is_busy() && error.to_string().contains("held by another process"), "{error}");
        }
    });
    let all = begun.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(4)).contains(&all), "{all:?}");

    held.execute_batch("COMMIT").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert!(find_alice(&hurried).unwrap().is_some() && find_alice(&patient).unwrap().is_some());
}
