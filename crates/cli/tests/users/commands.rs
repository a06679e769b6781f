//! One account at a time.

use ntlm::{LogonFailure, Password};
use serde_json::{Value, json};

use crate::support::{Place, start};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn an_account_lives_from_add_to_remove() {
    let place = Place::new();
    let hash_of = |password: &str| Some(*Password::new(password).nt_hash().expose());
    let hash = || place.find(r"EXAMPLE\alice").unwrap().nt_hash.map(|hash| *hash.expose());

    let said = place.users(&["add", r"EXAMPLE\alice"], "secret\n");
    assert_eq!((said.status, &*said.stdout), (Some(0), "added EXAMPLE\\alice\n"));
    assert!(said.stderr.contains("made the account database") && said.stderr.contains("a.db"), "{said:?}");
    assert_eq!(hash(), hash_of("secret"));

    assert_eq!(place.ok(&["passwd", r"example\ALICE"], "other"), "changed the password of example\\ALICE\n");
    assert_eq!(hash(), hash_of("other"));
    place.ok(&["disable", r"EXAMPLE\alice"], "");
    assert_eq!(place.find(r"EXAMPLE\alice").unwrap().barred, Some(LogonFailure::ACCOUNT_DISABLED));
    place.ok(&["enable", r"EXAMPLE\alice"], "");
    assert_eq!(place.find(r"EXAMPLE\alice").unwrap().barred, None);
    assert_eq!(place.ok(&["remove", r"EXAMPLE\alice"], ""), "removed EXAMPLE\\alice\n");
    assert!(place.find(r"EXAMPLE\alice").is_none());
}

#[test]
fn an_account_is_shown_without_its_hash() {
    let place = Place::new();
    place.ok(&["add", r"EXAMPLE\alice"], "secret\n");
    place.ok(&["add", "--disabled", "bob"], "secret\n");

    let shown = place.ok(&["show", r"EXAMPLE\alice"], "");
    assert!(shown.contains("EXAMPLE\\alice") && shown.contains("enabled") && shown.contains("UTC"), "{shown}");
    let listed = place.ok(&["list"], "");
    let lines = listed.lines().collect::<Vec<_>>();
    assert!(
        lines[0].starts_with("NAME") && lines[1].starts_with("bob ") && lines[2].starts_with("EXAMPLE\\alice"),
        "{listed}"
    );
    assert!(lines[1].contains("disabled") && lines[2].contains("enabled"));

    let mut alice = json(&place.ok(&["show", "--json", r"EXAMPLE\alice"], ""));
    assert_eq!(json(&place.ok(&["list", "--json"], ""))[1], alice);
    for time in ["created", "changed", "password_changed"] {
        let time = alice.as_object_mut().unwrap().remove(time).unwrap();
        assert!(time.as_str().is_some_and(|time| time.starts_with("20") && time.ends_with('Z')), "{time}");
    }
    assert_eq!(alice, json!({ "domain": "EXAMPLE", "user": "alice", "disabled": false, "has_password": true }));
    assert_eq!(json(&place.ok(&["show", "--json", "bob"], ""))["domain"], Value::Null);

    let everything = [shown, listed, place.ok(&["list", "--json"], "")].concat().to_lowercase();
    assert!(!everything.contains("878d8014") && !everything.contains("secret"), "{everything}");
}

#[test]
fn a_hash_can_stand_for_the_password() {
    let place = Place::new();
    place.ok(&["add", "--nt-hash", "alice"], "878D8014606CDA29677A44EFA1353FC7\n");
    assert_eq!(place.find("alice").unwrap().nt_hash.unwrap().expose(), Password::new("secret").nt_hash().expose());
    place.ok(&["passwd", "--nt-hash", "alice"], " a9f0dd57e1edab5bb55a9ac0a99c15ec \r\n");
    assert_eq!(place.find("alice").unwrap().nt_hash.unwrap().expose(), Password::new("x").nt_hash().expose());
    let zeros = "0".repeat(32);
    for odd in ["", "secret", "878D", &zeros, "AAD3B435B51404EEAAD3B435B51404EE", "31D6CFE0D16AE931B73C59D7E0C089C0"] {
        let said = place.users(&["passwd", "--nt-hash", "alice"], odd);
        assert_eq!((said.status, said.stdout.is_empty()), (Some(2), true), "{said:?}");
        assert!(odd.is_empty() || !said.stderr.contains(odd), "{said:?}");
    }
    // Where others could read it, it is not taken.
    assert_eq!(place.users(&["add", "--nt-hash", "878D8014606CDA29677A44EFA1353FC7", "bob"], "").status, Some(2));
}

#[test]
fn the_answer_no_is_status_1() {
    let place = Place::new();
    place.ok(&["add", r"EXAMPLE\alice"], "secret\n");
    for arguments in [&["show", "alice"][..], &["remove", "alice"], &["disable", "alice"], &["passwd", "alice"]] {
        // No password is asked for before it is known to be of use.
        let said = place.users(arguments, "");
        assert_eq!(said.status, Some(1), "{said:?}");
        assert!(
            said.stderr.contains("no account alice") && said.stderr.contains(r"there is EXAMPLE\alice"),
            "{said:?}"
        );
    }
    let said = place.users(&["add", r"example\Alice"], "");
    assert_eq!(said.status, Some(1));
    assert!(said.stderr.contains("already"), "{said:?}");
    assert_eq!(place.find(r"EXAMPLE\alice").unwrap().name.user(), &"alice".into());
}

#[test]
fn what_cannot_be_used_is_status_2() {
    let place = Place::new();
    for (arguments, stdin, reason) in [
        (&["list"][..], "", "there is no account database"),
        (&["remove", "alice"], "", "there is no account database"),
        (&["add", "a:b"], "secret", "cannot be the name"),
        (&["add", "EXAMPLE\\"], "secret", "cannot be the name"),
        (&["add", "alice"], "", "the password is empty"),
        (&["add", "alice"], "\n", "the password is empty"),
        (&["import", "missing.txt"], "", "missing.txt cannot be imported"),
        (&[], "", "Usage"),
        (&["add"], "", "required"),
    ] {
        let said = place.users(arguments, stdin);
        assert_eq!(said.status, Some(2), "{arguments:?}: {said:?}");
        assert!(said.stderr.contains(reason) && said.stdout.is_empty(), "{arguments:?}: {said:?}");
        assert!(!place.path("a.db").exists(), "{arguments:?}: nothing is made for what comes to nothing");
    }
    place.write("a.db", "EXAMPLE:alice:secret\n");
    for arguments in [&["list"][..], &["add", "alice"], &["export"]] {
        let said = place.users(arguments, "secret\n");
        assert_eq!(said.status, Some(2), "{said:?}");
        assert!(said.stderr.contains("is no database"), "{said:?}");
    }
}

#[test]
fn commands_at_the_same_time_wait_for_each_other() {
    let place = Place::new();
    let names = (0..8).map(|number| format!("user{number}")).collect::<Vec<_>>();
    // The first of them makes the database.
    let commands = names.iter().map(|name| start(&mut place.command(&["--db", "a.db", "add", name]), "secret\n"));
    let commands = commands.collect::<Vec<_>>();
    for command in commands {
        let output = command.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    assert!(names.iter().all(|name| place.find(name).is_some()));
}

#[test]
fn names_cannot_disturb_the_terminal() {
    let place = Place::new();
    place.ok(&["add", "\u{202e}ecila"], "secret\n");
    let listed = place.ok(&["list"], "");
    assert!(listed.contains("\\u{202e}ecila") && !listed.contains('\u{202e}'), "{listed}");
}
