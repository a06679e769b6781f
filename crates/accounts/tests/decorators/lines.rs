//! What a record looks like, and what no client can make it look like (attacks 37 and 38).

use ntlm::wire::is_printable;
use ntlm::{LogonFailure, UnicodeString};
use ntlm_accounts::audit::AuditRecord;
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{PASSWORD, Pair, Script, audited};

/// The fields of a record, in their order. Programs read them: none may go, and new ones come last.
const FIELDS: [&str; 20] = [
    "time",
    "event",
    "decision",
    "nt_status",
    "nt_status_name",
    "user",
    "domain",
    "workstation",
    "kind",
    "account",
    "address",
    "port",
    "carrier",
    "target_name",
    "response",
    "client_version",
    "mic",
    "channel_bindings",
    "observations",
    "reason",
];

/// Reads a line as a program would: pairs of name and value, the value with its quotes and without its escapes undone.
fn pairs(line: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = line.chars().peekable();
    while rest.peek().is_some() {
        let name: String = rest.by_ref().take_while(|&c| c != '=').collect();
        let mut value = String::new();
        if rest.peek() == Some(&'"') {
            value.extend(rest.next());
            loop {
                match rest.next().expect("a closing quote") {
                    '\\' => value.extend(['\\'].into_iter().chain(rest.next())),
                    '"' => break value.push('"'),
                    c => value.push(c),
                }
            }
            assert!(matches!(rest.next(), None | Some(' ')), "something behind the quotes: {line}");
        } else {
            value.extend(rest.by_ref().take_while(|&c| c != ' '));
        }
        pairs.push((name, value));
    }
    pairs
}

fn json(record: &AuditRecord) -> Value {
    serde_json::from_str(&record.to_json()).unwrap_or_else(|error| panic!("{error}: {}", record.to_json()))
}

/// The record of a logon as whoever it is, whose password is wrong.
fn record_of(user: &UnicodeString, domain: &UnicodeString, workstation: &UnicodeString) -> AuditRecord {
    let script = Script {
        user: user.clone(),
        domain: domain.clone(),
        workstation: workstation.clone(),
        password: "guessed".into(),
        ..Script::new()
    };
    audited(&script, &mut Pair::new()).0
}

/// A record is one line with the same fields, whatever it holds.
#[track_caller]
fn assert_is_one_record(record: &AuditRecord) {
    let text = record.to_text();
    assert!(text.chars().all(is_printable), "{text:?}");
    assert_eq!(pairs(&text).iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), FIELDS, "{text}");
    let line = record.to_json();
    assert!(line.chars().all(is_printable), "{line:?}");
    // `serde_json` sorts, so the order is looked up in the line.
    let found: Vec<_> = FIELDS
        .iter()
        .map(|name| line.find(&format!("{}\"{name}\":", if *name == "time" { '{' } else { ',' })))
        .collect();
    assert!(found.is_sorted() && found.iter().all(Option::is_some), "{line}");
    assert_eq!(json(record).as_object().map(serde_json::Map::len), Some(FIELDS.len()), "{line}");
}

#[test]
fn a_record_is_a_line_of_text_or_of_json() {
    let mut pair = Pair::new().with_authority(|logon| {
        crate::support::knows_alice(logon).map(|success| success.with_account(r"EXAMPLE\Alice".into()))
    });
    let (record, outcome) = audited(&Script::new(), &mut pair);
    assert!(outcome.is_ok());
    assert_is_one_record(&record);
    assert_eq!(
        record.to_text(),
        "time=2024-01-18T00:00:00.0000000Z event=4624 decision=accepted nt_status=0x00000000 nt_status_name=SUCCESS \
         user=\"alice\" domain=\"EXAMPLE\" workstation=\"WS1\" kind=user account=\"EXAMPLE\\\\Alice\" \
         address=192.0.2.7 port=50123 carrier=\"HTTPS\" target_name=- response=ntlmv2 client_version=10.0.17763 \
         mic=verified channel_bindings=not_asked observations=- reason=\"the response is right\""
    );
    assert_eq!(record.to_string(), record.to_text());
    assert_eq!(
        json(&record),
        serde_json::json!({
            "time": "2024-01-18T00:00:00.0000000Z", "event": 4624, "decision": "accepted", "nt_status": "0x00000000",
            "nt_status_name": "SUCCESS", "user": "alice", "domain": "EXAMPLE", "workstation": "WS1", "kind": "user",
            "account": "EXAMPLE\\Alice", "address": "192.0.2.7", "port": 50123, "carrier": "HTTPS",
            "target_name": null, "response": "ntlmv2", "client_version": "10.0.17763", "mic": "verified",
            "channel_bindings": "not_asked", "observations": [], "reason": "the response is right"
        })
    );
}

#[test]
fn the_documentation_lists_the_fields_in_their_order() {
    let source = include_str!("../../src/audit/mod.rs");
    let table = source.split("//! # The fields").nth(1).and_then(|rest| rest.split("//! # NTSTATUS").next()).unwrap();
    let rows =
        table.lines().filter_map(|line| line.strip_prefix("//! | `")).map(|row| row.split(" | ").next().unwrap());
    let names: Vec<_> = rows.flat_map(|names| names.split(", ")).map(|name| name.trim_matches('`')).collect();
    assert_eq!(names, FIELDS);
}

#[test]
fn names_cannot_end_a_line_nor_pass_for_another_field() {
    for name in [
        "alice\nevent=4624 decision=accepted",
        "alice\r\ntime=2024-01-18T00:00:00Z event=4624",
        "alice\" decision=accepted user=\"administrator",
        "alice\\\" decision=accepted user=\\\"administrator",
        "alice\\",
        "alice\",\"decision\":\"accepted\",\"user\":\"administrator",
        "alice\u{0}\u{1b}[2J\u{7f}\u{85}\u{9b}31m",
        "\u{202e}rotartsinimda\u{202c}\u{2066}x\u{2069}\u{200e}\u{feff}",
        "alice\u{2028}event=4624\u{2029}",
        "-",
        "a b=c",
        "🦀",
    ] {
        let units = UnicodeString::from(name);
        let record = record_of(&units, &units, &units);
        assert_is_one_record(&record);
        assert_eq!(json(&record)["user"], name);
        assert_eq!(json(&record)["decision"], "denied");
        let text = pairs(&record.to_text());
        assert_eq!(text[2], ("decision".into(), "denied".into()));
        // A name that looks like the sign for an unknown value is in quotes, which that is not.
        assert!(text[5].1.starts_with('"') && text[5].1.ends_with('"'));
    }
    let odd = UnicodeString::from_units(&[0x61, 0xd800, 0x62, 0xdc00]);
    let record = record_of(&odd, &odd, &odd);
    assert_is_one_record(&record);
    assert_eq!(pairs(&record.to_text())[5].1, "\"a\\u{d800}b\\u{dc00}\"");
    assert_eq!(json(&record)["user"], "a\u{fffd}b\u{fffd}");
}

#[test]
fn long_names_are_cut_and_the_cut_is_shown() {
    let long = |unit: u16| UnicodeString::from_units(&vec![unit; 9_000]);
    let record = record_of(&long(0x78), &long(0x202e), &long(0xd83e));
    assert_is_one_record(&record);
    assert_eq!(json(&record)["user"], format!("{}…", "x".repeat(256)));
    assert!(record.to_text().len() < 8_000 && record.to_json().len() < 8_000);

    // What we say ourselves is never cut.
    let mut told = record;
    told.reason = "because ".repeat(200);
    assert_is_one_record(&told);
    assert_eq!(json(&told)["reason"], told.reason);
    assert!(told.to_text().contains(&told.reason));

    // Exactly as many as are shown are not cut; a pair of surrogates is cut as a whole.
    let exactly = UnicodeString::from_units(&[0x78; 256]);
    let crabs = UnicodeString::from(format!("x{}", "🦀".repeat(128)));
    let record = record_of(&exactly, &crabs, &crabs);
    assert_eq!(json(&record)["user"], "x".repeat(256));
    assert_eq!(json(&record)["domain"], format!("x{}…", "🦀".repeat(127)));
}

#[test]
fn no_record_holds_a_secret() {
    for (password, server_side) in
        [(PASSWORD, None), ("guessed", None), (PASSWORD, Some(LogonFailure::ACCOUNT_DISABLED))]
    {
        let mut pair = Pair::new();
        if let Some(failure) = server_side {
            pair = pair.with_authority(move |_| Err(failure));
        }
        let script = Script { password: password.into(), ..Script::new() };
        let question = script.question(&mut pair).unwrap();
        let response = question.logon().nt_response().to_vec();
        let challenge = question.logon().server_challenge();
        let hash = ntlm::Password::new(password).nt_hash();
        let draft = ntlm_accounts::AuditDraft::new(&crate::support::origin(), "HTTPS", crate::support::NOW)
            .question(question.logon());
        let (record, outcome) = audited(&script, &mut pair);
        let key = outcome.ok().map(|it| it.info.exported_session_key().unwrap().expose().to_vec());
        let printed = format!("{draft:?} {record:?} {} {}", record.to_text(), record.to_json());

        assert!(!printed.contains(password));
        for secret in [Some(response[..16].to_vec()), Some(hash.expose().to_vec()), Some(challenge.to_vec()), key]
            .iter()
            .flatten()
        {
            let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(!printed.to_lowercase().contains(&hex));
            assert!(!printed.contains(&format!("{secret:?}").trim_matches(['[', ']']).to_owned()));
        }
    }
}

proptest! {
    #[test]
    fn whatever_a_client_calls_itself_is_one_record(
        user in proptest::collection::vec(prop_oneof![any::<u16>(), 0..0x80_u16, Just(0x22), Just(0x5c), 0xd7ff..0xe000_u16], 1..400),
        domain in ".{0,300}",
        workstation in "[\"\\\\ =,{}\n\r\t:]{0,40}",
    ) {
        let user = UnicodeString::from_units(&user);
        let record = record_of(&user, &domain.as_str().into(), &workstation.as_str().into());
        assert_is_one_record(&record);
        prop_assert_eq!(&json(&record)["workstation"], &Value::from(workstation));
        if let Ok(exact) = String::from_utf16(user.units()) && user.len() <= 256 {
            prop_assert_eq!(&json(&record)["user"], &Value::from(exact));
        }
    }
}
