//! `ntlm hash` as its users run it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

fn hash(arguments: &[&str], stdin: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ntlm"))
        .arg("hash")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn json(arguments: &[&str], stdin: &str) -> Value {
    let (status, stdout, stderr) = hash(&[&["--json"], arguments].concat(), stdin);
    assert_eq!(status, Some(0), "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

fn vectors(kind: &str) -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/one-way-functions.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().iter().filter(|vector| vector["type"] == kind).cloned().collect()
}

/// An input of a vector; the command takes text alone, so that vectors of broken UTF-16 have none.
fn input<'a>(vector: &'a Value, key: &str) -> Option<&'a str> {
    vector["inputs"].get(key)?.as_str()
}

#[test]
fn hashes_are_those_of_the_known_answers() {
    for vector in vectors("ntowfv1") {
        let Some(password) = input(&vector, "password") else { continue };
        assert_eq!(json(&[], password)["nt_hash"], vector["expected"]["nt_hash"], "{}", vector["id"]);
    }
    for vector in vectors("lmowfv1") {
        let Some(password) = input(&vector, "password").filter(|password| password.is_ascii()) else { continue };
        if password.len() <= 14 {
            let object = json(&["--dangerous-lm"], password);
            assert_eq!(object["lm_hash"], vector["expected"]["lm_hash"], "{}", vector["id"]);
        }
    }
    for vector in vectors("ntowfv2") {
        let [password, user, domain] = ["password", "user", "domain"].map(|key| input(&vector, key).unwrap());
        // An empty user has no NTLMv2 hash that anybody could use, and a backslash belongs to no user name.
        if user.is_empty() || user.contains('\\') {
            continue;
        }
        let object = json(&["--user", user, "--domain", domain], password);
        assert_eq!(object["ntlmv2_hash"], vector["expected"]["response_key_nt"], "{}", vector["id"]);
    }
}

#[test]
fn a_user_can_be_named_in_every_form() {
    let password = "Password\n";
    let separate = json(&["--user", "User", "--domain", "Domain"], password);
    // MS-NLMP 4.2.4.1.1.
    assert_eq!(separate["ntlmv2_hash"], "0c868a403bfd7a93a3001ef22ef02e3f");
    assert_eq!(json(&["--user", r"Domain\User"], password), separate);
    assert_eq!(json(&["--user", r".\User", "--domain", "Domain"], password), separate);
    let principal = json(&["--user", "user@example.test"], password);
    assert_eq!((&principal["user"], &principal["domain"]), (&"user@example.test".into(), &"".into()));
    assert_eq!(json(&["--user", "User"], password)["domain"], "");
}

#[test]
fn names_that_cannot_be_meant_are_refused_before_a_password_is_read() {
    for (arguments, reason) in [
        (&["--user", r".\User"][..], "give it with --domain"),
        (&["--user", r"A\User", "--domain", "B"], "two domains"),
        (&["--user", ""], "names no user"),
        (&["--domain", "B"], "--user"),
    ] {
        let (status, stdout, stderr) = hash(arguments, "");
        assert_eq!(status, Some(2));
        assert_eq!(stdout, "");
        assert!(stderr.contains(reason), "{stderr}");
    }
}

#[test]
fn text_names_the_hashes_and_the_password_is_nowhere() {
    let (status, stdout, stderr) = hash(&["--user", r"Domain\User"], "Password\r\nsecond line\n");
    assert_eq!(status, Some(0), "{stderr}");
    assert_eq!(
        stdout,
        "NT hash      a4f49c406510bdcab6824ee7c30fd852  NTOWFv1\n\
         NTLMv2 hash  0c868a403bfd7a93a3001ef22ef02e3f  NTOWFv2 of user \"USER\", domain \"Domain\"\n"
    );
    assert_eq!(stderr, "");
}

#[test]
fn an_lm_hash_is_printed_only_when_it_is_asked_for_by_its_name() {
    assert!(json(&[], "Password").get("lm_hash").is_none());
    assert_eq!(json(&["--dangerous-lm"], "Password")["lm_hash"], "e52cac67419a9a224a3b108f3fa6cb6d");
    assert_eq!(json(&["--dangerous-lm"], "longer than fourteen")["lm_hash"], Value::Null);
    let (_, stdout, _) = hash(&["--dangerous-lm"], "longer than fourteen");
    assert!(stdout.contains("LM hash      none  the password is longer than 14 characters or not ASCII"), "{stdout}");
}

#[test]
fn an_empty_password_is_pointed_out() {
    let (status, stdout, stderr) = hash(&[], "");
    assert_eq!(status, Some(0));
    assert!(stdout.contains("31d6cfe0d16ae931b73c59d7e0c089c0"));
    assert!(stderr.contains("the password is empty"));
}

#[test]
fn a_password_on_the_command_line_is_no_option() {
    let (status, _, stderr) = hash(&["Password"], "");
    assert_eq!(status, Some(2));
    assert!(stderr.contains("unexpected argument"), "{stderr}");
}
