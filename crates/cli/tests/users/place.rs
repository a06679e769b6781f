//! Which database it is, and who can get at it.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use crate::support::{Place, run};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn the_database_is_the_users_own_unless_one_is_named() {
    let place = Place::new();
    let add = |name: &str, environment: &[(&str, &Path)]| {
        let said = run(place.command(&["add", name]).envs(environment.iter().copied()), "secret\n");
        assert_eq!(said.status, Some(0), "{said:?}");
        said.stderr
    };
    let home = place.path("home/.local/share/ntlm/accounts.db");
    assert!(add("alice", &[]).contains(&*home.to_string_lossy()));
    assert_eq!((mode(&home), mode(home.parent().unwrap())), (0o600, 0o700));

    let data = place.path("data");
    assert!(add("alice", &[("XDG_DATA_HOME", &data)]).contains("data/ntlm/accounts.db"));

    let config = place.write("ntlm.toml", "[accounts]\ndatabase = 'configured/users.db'\n");
    assert!(add("alice", &[("NTLM_CONFIG", &config)]).contains("configured/users.db"));
    // One that names no accounts leaves the user's own.
    let config = place.write("plain.toml", "policy = 'strict'\n");
    assert_eq!(add("bob", &[("NTLM_CONFIG", &config)]), "");

    let config = place.write("lines.toml", "[accounts]\nuser_file = 'users'\n");
    let said = run(place.command(&["list"]).env("NTLM_CONFIG", &config), "");
    assert_eq!(said.status, Some(2));
    assert!(said.stderr.contains("text file") && said.stderr.contains("--db"), "{said:?}");
    let said = run(place.command(&["list", "--db", "missing.db"]).env("NTLM_CONFIG", &config), "");
    assert!(said.stderr.contains("missing.db"), "{said:?}");
    let said = run(place.command(&["list"]).env("NTLM_CONFIG", "/nonexistent"), "");
    assert!(said.status == Some(2) && said.stderr.contains("/nonexistent"), "{said:?}");
}

#[test]
fn a_database_that_others_can_change_is_refused_and_one_that_they_can_read_is_told() {
    let place = Place::new();
    place.ok(&["add", "alice"], "secret\n");
    std::fs::set_permissions(place.path("a.db"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = place.users(&["list"], "");
    assert_eq!(said.status, Some(0));
    assert!(said.stderr.contains("warning") && said.stderr.contains("can read it"), "{said:?}");
    std::fs::set_permissions(place.path("a.db"), std::fs::Permissions::from_mode(0o666)).unwrap();
    for arguments in [&["list"][..], &["add", "bob"], &["remove", "alice"]] {
        let said = place.users(arguments, "secret\n");
        assert_eq!(said.status, Some(2));
        assert!(said.stderr.contains("is not used"), "{said:?}");
    }
}

#[test]
fn a_database_is_not_made_where_everybody_can_make_files() {
    let place = Place::new();
    let shared = place.path("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o1777)).unwrap();
    // Said before anybody types a password.
    let said = run(&mut place.command(&["--db", "shared/a.db", "add", "alice"]), "");
    assert_eq!(said.status, Some(2));
    assert!(said.stderr.contains("a directory of its own") && !shared.join("a.db").exists(), "{said:?}");
    // A directory below it that is made for the database is closed to others.
    let said = run(&mut place.command(&["--db", "shared/own/a.db", "add", "alice"]), "secret\n");
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(mode(&shared.join("own")), 0o700);
}

#[test]
fn an_export_is_its_owners_alone_and_overwrites_nothing() {
    let place = Place::new();
    place.ok(&["add", "alice"], "secret\n");
    assert_eq!(place.ok(&["export", "out"], ""), "wrote 1 account to out\n");
    assert_eq!(mode(&place.path("out")), 0o600);
    let said = place.users(&["export", "out"], "");
    assert!(said.status == Some(2) && said.stderr.contains("not overwritten"), "{said:?}");
}
