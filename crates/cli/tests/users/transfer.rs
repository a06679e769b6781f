//! Files of accounts in and out.

use ntlm::Password;

use crate::support::Place;

const HASH_OF_SECRET: &str = "878D8014606CDA29677A44EFA1353FC7";

#[test]
fn accounts_of_every_format_are_imported() {
    let none = "X".repeat(32);
    for (name, content) in [
        ("accounts.txt", "EXAMPLE:alice:secret\n:bob:secret\n".to_owned()),
        (
            "smbpasswd",
            format!(
                "EXAMPLE\\alice:1000:{none}:{HASH_OF_SECRET}:[U]:LCT-0:\nbob:1001:{none}:{HASH_OF_SECRET}:[DU]:LCT-0:\n"
            ),
        ),
        (
            "accounts.csv",
            format!("Domain,User,Password,NT_Hash\r\nEXAMPLE,alice,secret,\r\n,bob,,{HASH_OF_SECRET}\r\n"),
        ),
    ] {
        let place = Place::new();
        place.write(name, &content);
        assert_eq!(place.ok(&["import", name], ""), "2 added\n", "{name}");
        for account in [r"EXAMPLE\alice", "bob"] {
            let hash = place.find(account).unwrap().nt_hash.unwrap();
            assert_eq!(hash.expose(), Password::new("secret").nt_hash().expose(), "{name}: {account}");
        }
        assert_eq!(place.find("bob").unwrap().barred.is_some(), name == "smbpasswd");
        // Once more, by standard input.
        assert_eq!(place.ok(&["import", "-"], &content), "2 unchanged\n", "{name}");
    }
}

#[test]
fn bad_lines_are_told_by_number_and_good_ones_kept() {
    let place = Place::new();
    place.write("accounts.txt", "EXAMPLE:alice:hush\nno account hush\n\n:bob:\n:carol:hush\n");
    let said = place.users(&["import", "accounts.txt"], "");
    assert_eq!((said.status, &*said.stdout), (Some(1), "2 added, 2 lines without an account\n"));
    assert!(
        said.stderr.contains("accounts.txt: line 2: ") && said.stderr.contains("accounts.txt: line 4: "),
        "{said:?}"
    );
    assert!(!said.stderr.contains("hush") && !said.stdout.contains("hush"), "{said:?}");
    assert!(place.find(r"EXAMPLE\alice").is_some() && place.find("carol").is_some());
}

#[test]
fn accounts_that_are_there_stay_unless_they_are_to_be_replaced() {
    let place = Place::new();
    place.ok(&["add", "alice"], "secret\n");
    place.write("accounts.txt", ":bob:x\n:ALICE:other\n");
    let said = place.users(&["import", "accounts.txt"], "");
    assert_eq!((said.status, &*said.stdout), (Some(0), "1 added, 1 left as they are\n"));
    assert!(said.stderr.contains("line 2: ALICE is there already"), "{said:?}");
    let hash = || *place.find("alice").unwrap().nt_hash.unwrap().expose();
    assert_eq!(hash(), *Password::new("secret").nt_hash().expose());
    assert_eq!(place.ok(&["import", "--replace", "accounts.txt"], ""), "1 replaced, 1 unchanged\n");
    assert_eq!(hash(), *Password::new("other").nt_hash().expose());
}

#[test]
fn a_file_without_accounts_makes_no_database() {
    let place = Place::new();
    for (content, status, reason) in [
        ("", 1, "holds no account"),
        ("bad\n", 1, "line 1: "),
        ("user,passwort\n", 2, "column 2 of the header is not known"),
    ] {
        place.write("accounts.txt", content);
        let said = place.users(&["import", "accounts.txt"], "");
        assert_eq!(said.status, Some(status), "{said:?}");
        assert!(said.stderr.contains(reason), "{said:?}");
    }
    let said = place.users(&["import", "--format", "csv", "accounts.txt"], "");
    assert!(said.status == Some(2) && said.stderr.contains("column 2 of the header is not known"), "{said:?}");
    assert!(!place.path("a.db").exists());
}

#[test]
fn what_is_exported_is_imported() {
    let place = Place::new();
    place.write("accounts.txt", "EXAMPLE:alice:secret\n:Zoë:x\n:bob@example.test:y\n");
    place.ok(&["import", "accounts.txt"], "");
    place.ok(&["disable", "ZOË"], "");
    let said = place.users(&["export"], "");
    assert_eq!(said.status, Some(0));
    assert!(said.stderr.contains("warning") && said.stdout.contains(HASH_OF_SECRET), "{said:?}");
    place.write("smbpasswd", &said.stdout);
    assert_eq!(place.users(&["export", "-"], "").stdout, said.stdout);
    assert!(!place.path("-").exists(), "no file of that name");

    let other = Place::new();
    let file = place.path("smbpasswd");
    assert_eq!(other.ok(&["import", "--format", "smbpasswd", &file.to_string_lossy()], ""), "3 added\n");
    let without_times =
        |text: &str| text.lines().map(|line| line.split(":LCT").next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(without_times(&other.users(&["export"], "").stdout), without_times(&said.stdout));
    assert!(other.find("zoë").unwrap().barred.is_some());
}

#[test]
fn an_export_that_fails_leaves_no_part_of_a_backup() {
    let place = Place::new();
    place.ok(&["add", "alice"], "secret\n");
    let mut database = std::fs::read(place.path("a.db")).unwrap();
    let at = database.windows(5).position(|window| window == b"alice").unwrap();
    database[at] = b'b';
    std::fs::write(place.path("a.db"), database).unwrap();
    for _ in 0..2 {
        let said = place.users(&["export", "backup"], "");
        assert!(said.status == Some(2) && said.stderr.contains("is damaged"), "{said:?}");
        assert!(!place.path("backup").exists());
    }
}

#[test]
fn a_file_that_others_can_read_is_told() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::new();
    let file = place.write("accounts.txt", ":alice:secret\n");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = place.users(&["import", "accounts.txt"], "");
    assert_eq!(said.status, Some(0));
    assert!(said.stderr.contains("warning: accounts.txt holds secrets"), "{said:?}");
}
