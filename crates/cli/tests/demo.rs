//! `ntlm demo`: the README's first command.

use std::process::{Command, Output};

use serde_json::Value;

fn demo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ntlm")).arg("demo").args(arguments).output().expect("the demo runs")
}

#[test]
fn the_demo_succeeds_and_is_plain_when_piped() {
    let output = demo(&[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(!text.contains('\x1b'), "colour in a pipe");
    for told in [
        "NEGOTIATE",
        "CHALLENGE",
        "AUTHENTICATE",
        "NTLMSSP_NEGOTIATE_SEAL",
        "MsvAvTargetName",
        "the password is wrong",
        "the MIC is wrong",
        "the signature is wrong",
        "verified and unsealed",
    ] {
        assert!(text.contains(told), "{told} is missing in:\n{text}");
    }
}

#[test]
fn the_demo_tells_scripts_what_happened() {
    let output = demo(&["--json"]);
    assert!(output.status.success());
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["as_expected"], true);
    let scenes = told["scenes"].as_array().expect("scenes");
    let accepted: Vec<_> = scenes.iter().map(|scene| scene["accepted"].as_bool()).collect();
    assert_eq!(accepted, [Some(true), Some(false), Some(false), Some(true)]);
    for scene in scenes {
        let events = scene["events"].as_array().expect("events");
        let tokens = events.iter().filter(|event| event["event"] == "token").count();
        assert_eq!(tokens, 3, "three messages in {}", scene["title"]);
    }
    let session_keys = told.to_string().matches("session_key\":").count();
    assert_eq!(session_keys, 0, "no key is shown");
}

#[test]
fn nothing_secret_is_shown() {
    let output = demo(&["--json"]);
    let text = String::from_utf8_lossy(&output.stdout);
    // The password, its UTF-16LE bytes, and its NT hash.
    let utf16: String = "Al1ce-Passw0rd".bytes().map(|byte| format!("{byte:02x}00")).collect();
    let hash = ntlm::Password::new("Al1ce-Passw0rd").nt_hash();
    let hash: String = hash.expose().iter().map(|byte| format!("{byte:02x}")).collect();
    for secret in ["Al1ce-Passw0rd", &utf16, &hash] {
        assert!(!text.contains(secret));
    }
}
