//! Where databases are made, and who can get at them.
#![cfg(unix)]

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use ntlm::Password;
use ntlm_accounts::import::NumberedAccount;
use ntlm_accounts::sqlite::Existing;
use ntlm_accounts::{Account, HashStore as _, SqliteStore};

use crate::support::{Scratch, at, has, name};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_database_and_its_journal_are_the_owners_alone() {
    let scratch = Scratch::new();
    let path = scratch.path("deep/er/accounts.db");
    let (store, created) = SqliteStore::open_or_create(&path).unwrap();
    assert!(created && !SqliteStore::open_or_create(&path).unwrap().1);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&scratch.path("deep")), 0o700);

    // While it is written to.
    let account = Account::new(name("alice"), &Password::new("secret"));
    let mut seen = Vec::new();
    let accounts = [NumberedAccount { number: 1, account }];
    store
        .import(&accounts, Existing::Keep, at(1), |_| {
            let entries = std::fs::read_dir(path.parent().unwrap()).unwrap();
            seen.extend(entries.map(|entry| entry.unwrap().path()).map(|path| (mode(&path), path)));
        })
        .unwrap();
    assert_eq!(seen.len(), 2, "the database and its journal: {seen:?}");
    assert!(seen.iter().all(|(mode, _)| *mode == 0o600), "{seen:?}");
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_database_that_others_can_change_is_not_used() {
    let scratch = Scratch::new();
    let (path, store) = scratch.with_alice();
    for (wide, usable) in
        [(0o600, true), (0o640, true), (0o400, true), (0o644, true), (0o620, false), (0o602, false), (0o666, false)]
    {
        set_mode(&path, wide);
        assert_eq!(store.find(&name(r"EXAMPLE\alice")).is_ok(), usable, "{wide:o}: a running server");
        assert_eq!(SqliteStore::open(&path).is_ok(), usable, "{wide:o}");
        assert_eq!(SqliteStore::open_or_create(&path).is_ok(), usable, "{wide:o}");
    }
    for (wide, reason) in [
        (0o666, "every user of this machine can read and change it (mode 0666)"),
        (0o602, "every user of this machine can change it (mode 0602)"),
        (0o664, "its group can change it, and every user of this machine can read it (mode 0664)"),
        (0o660, "its group can change it (mode 0660)"),
    ] {
        set_mode(&path, wide);
        let error = SqliteStore::open(&path).unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains("chmod it to 0640 or 0600"), "{error}");
    }
}

#[test]
fn a_database_that_others_can_read_is_told() {
    let scratch = Scratch::new();
    let (path, store) = scratch.with_alice();
    assert_eq!(store.exposure().unwrap(), None);
    set_mode(&path, 0o644);
    assert!(store.exposure().unwrap().unwrap().to_string().contains("every user of this machine can read it"));
    set_mode(&path, 0o640);
    assert_eq!(store.exposure().unwrap(), None);
}

#[test]
fn a_database_in_a_directory_for_everybody_is_not_used() {
    let scratch = Scratch::new();
    let path = scratch.path("shared/accounts.db");
    let (store, _) = SqliteStore::open_or_create(&path).unwrap();
    store.add(&Account::new(name("alice"), &Password::new("secret")), at(1)).unwrap();
    for shared in [0o777, 0o1777] {
        set_mode(path.parent().unwrap(), shared);
        for error in [SqliteStore::open(&path).unwrap_err(), SqliteStore::open_or_create(&path).unwrap_err()] {
            assert!(error.to_string().contains("can make files"), "{error}");
        }
        let link = scratch.path("link.db");
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let error = SqliteStore::open(&link).unwrap_err().to_string();
        assert!(error.contains("can make files"), "{error}");
    }
    set_mode(path.parent().unwrap(), 0o755);
    assert!(has(&SqliteStore::open(&path).unwrap(), "alice"));
}
