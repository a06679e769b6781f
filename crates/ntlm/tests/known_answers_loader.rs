//! The loader of known answers does what it promises: above all, it fails on unread values.

#[path = "support/known_answers.rs"]
mod known_answers;

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use known_answers::{KnownAnswers, Vector, files, folder};

const SAMPLE: &str = r#"{
  "description": "two types",
  "source": "made up",
  "vectors": [
    {"id": "one", "type": "first", "source": "s", "inputs": {"data": "00ff", "name": "é"},
     "expected": {"digest": "0102"}},
    {"id": "two", "type": "first", "source": "s", "note": "n",
     "inputs": {"data": "", "name_utf16": "00d8"},
     "expected": {"digest": "03", "extra": true}},
    {"id": "three", "type": "second", "source": "s",
     "inputs": {"flags": "0xe2028233", "count": 7, "list": ["", "aa"], "none": null},
     "expected": {"list": ["bb"], "part.flags": "0x00000001", "part.name": "Aé",
                  "part.other_oem": "e9", "pairs": [[2, "4100"], [1, ""]], "none": null}}
  ]
}"#;

fn sample() -> KnownAnswers {
    KnownAnswers::parse("sample.json", SAMPLE)
}

fn read_all(file: &KnownAnswers) {
    for vector in file.of_type("first") {
        read_first(&vector);
    }
    for vector in file.of_type("second") {
        read_second(&vector);
    }
}

fn read_first(vector: &Vector<'_>) {
    let second = vector.id() == "two";
    assert_eq!(vector.bytes("data"), if second { vec![] } else { vec![0, 0xFF] });
    assert_eq!(vector.utf16("name"), [if second { 0xD800 } else { 0xE9 }]);
    assert_eq!(vector.expect_bytes("digest"), if second { vec![3] } else { vec![1, 2] });
    assert_eq!(vector.expects("extra"), second);
    vector.check_bool("extra", true);
}

fn read_second(vector: &Vector<'_>) {
    assert_eq!(vector.flags("flags"), 0xE202_8233);
    assert_eq!(vector.integer("count"), 7);
    assert_eq!(vector.bytes_list("list"), [vec![], vec![0xAA]]);
    assert_eq!(vector.optional_text("none"), None);
    assert_eq!(vector.optional_text("absent"), None);
    assert_eq!(vector.optional_bytes("absent"), None);
    vector.check_bytes_list("list", &[vec![0xBB]]);
    vector.check_pairs("pairs", &[(2, vec![0x41, 0]), (1, vec![])]);
    vector.check_optional_text("none", None);
    let part = vector.part("part");
    part.check_flags("flags", 1);
    part.check_name("name", true, &[0x41, 0, 0xE9, 0]);
    part.check_name("other", false, &[0xE9]);
}

/// The message of the panic in `action`.
fn message(action: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(action)).expect_err("did not panic");
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().expect("a text")).to_owned(),
    }
}

#[test]
fn a_file_that_was_read_completely_passes() {
    let file = sample();
    read_all(&file);
    assert!(file.unread().is_empty());
    file.finish();
}

#[test]
fn a_value_that_was_not_read_fails() {
    let file = sample();
    for vector in file.of_type("first") {
        vector.bytes("data");
        vector.check_bytes("digest", vector.expect_bytes("digest"));
    }
    let text = message(|| file.finish());
    assert_eq!(
        text,
        "sample.json holds values that no test consumed:\n  \
         type `second`: never visited, 1 vectors\n  \
         one (first): input `name`\n  \
         two (first): input `name_utf16`\n  \
         two (first): expected `extra`"
    );
}

#[test]
fn a_file_that_nothing_was_read_from_fails() {
    let text = message(|| sample().finish());
    assert!(text.contains("type `first`: never visited, 2 vectors"), "{text}");
    assert!(text.contains("type `second`: never visited"), "{text}");
}

#[test]
fn dropping_without_finish_fails_too() {
    let text = message(|| drop(sample()));
    assert!(text.contains("no test consumed"), "{text}");
}

#[test]
fn a_failing_test_keeps_its_own_message() {
    let text = message(|| {
        let _file = sample();
        panic!("the first failure");
    });
    assert_eq!(text, "the first failure");
}

#[test]
fn asking_whether_a_value_is_expected_does_not_read_it() {
    let file = sample();
    read_all(&file);
    let other = sample();
    for vector in other.of_type("second") {
        assert!(vector.expects("list"));
    }
    assert!(other.unread().contains(&"three (second): expected `list`".to_owned()));
    assert!(message(|| drop(other)).contains("expected `list`"));
}

#[test]
fn a_difference_is_told_with_file_and_id() {
    let file = sample();
    read_all(&file);
    let vector = file.of_type("first").next().expect("a vector");
    assert_eq!(
        message(|| vector.check_bytes("digest", [1, 3])),
        "sample.json: one: `digest` differs\n  expected 0102\n  computed 0103"
    );
    let vector = file.of_type("second").next().expect("a vector");
    let text = message(|| vector.part("part").check_flags("flags", 2));
    assert!(text.starts_with("sample.json: three: `part.flags` differs"), "{text}");
    assert!(text.ends_with("computed 0x00000002"), "{text}");
    assert!(message(|| vector.check_pairs("pairs", &[])).contains("computed []"));
    assert!(message(|| vector.check_bytes_list("list", &[])).contains("expected [bb]"));
    assert!(message(|| vector.check_optional_text("none", Some("x"))).contains("Some(\"x\")"));
    assert!(message(|| vector.part("part").check_name("name", false, b"A")).contains("differs"));
    assert!(message(|| vector.part("part").check_name("other", false, b"A")).contains("differs"));
    vector.check_bytes("absent", [0]);
}

#[test]
fn a_wrong_key_or_kind_is_told_with_file_and_id() {
    let file = sample();
    read_all(&file);
    let vector = file.of_type("first").next().expect("a vector");
    assert_eq!(message(|| drop(vector.bytes("date"))), "sample.json: one: no input `date`");
    assert_eq!(message(|| drop(vector.expect_bytes("digset"))), "sample.json: one: no expected `digset`");
    assert_eq!(
        message(|| drop(vector.bytes("name"))),
        "sample.json: one: input `name` is not bytes in lower-case hex: \"é\""
    );
    assert!(message(|| drop(file.of_type("frist"))).contains("no vector of type `frist`"));
}

#[test]
fn bytes_are_lower_case_hex_and_flags_have_eight_digits() {
    for (wrong, read) in [("\"0F\"", "bytes"), ("\"0\"", "bytes"), ("1", "bytes")].into_iter().chain([
        ("\"0x1\"", "flags"),
        ("\"00000001\"", "flags"),
        ("1", "flags"),
    ]) {
        let text = SAMPLE.replace("\"00ff\"", wrong);
        let file = KnownAnswers::parse("sample.json", &text);
        let text = message(|| {
            let vector = file.of_type("first").next().expect("a vector");
            match read {
                "bytes" => drop(vector.bytes("data")),
                _ => drop(vector.flags("data")),
            }
        });
        assert!(text.contains("one: input `data` is not"), "{wrong}: {text}");
        assert!(message(|| drop(file)).contains("no test consumed"));
    }
}

#[test]
fn a_file_of_another_shape_is_refused() {
    for (from, to, why) in [
        ("\"two\"", "\"one\"", "two vectors have the id one"),
        ("\"note\"", "\"nota\"", "sample.json: two: unknown keys [\"nota\"]"),
        ("\"source\": \"made up\"", "\"from\": \"\"", "no text `source`"),
        ("{\"digest\": \"0102\"}", "{}", "sample.json: one: nothing expected"),
        ("\"inputs\"", "\"input\"", "sample.json: one: no object `inputs`"),
        ("\"vectors\"", "\"vector\"", "no list `vectors`"),
    ] {
        let text = SAMPLE.replacen(from, to, 1);
        let text = message(|| drop(KnownAnswers::parse("sample.json", &text)));
        assert!(text.contains(why), "{why}: {text}");
    }
}

#[test]
fn every_file_can_be_loaded_and_no_id_is_used_twice() {
    let mut ids = BTreeMap::new();
    let names = files();
    assert!(names.iter().any(|name| name == "primitives.json"), "{names:?}");
    for name in names {
        let file = KnownAnswers::load(&name);
        for kind in file.types() {
            for vector in file.of_type(kind) {
                let earlier = ids.insert(vector.id().to_owned(), name.clone());
                assert_eq!(earlier, None, "{name}: the id {} is used twice", vector.id());
            }
        }
        // Here the values are nobody's business.
        std::mem::forget(file);
    }
}

#[test]
fn the_description_names_every_file_and_type() {
    let readme = fs::read_to_string(folder().join("README.md")).expect("testdata/README.md");
    for name in files() {
        assert!(readme.contains(&format!("`{name}`")), "testdata/README.md: no {name}");
        let file = KnownAnswers::load(&name);
        for kind in file.types() {
            assert!(readme.contains(&format!("`{kind}`")), "testdata/README.md: no type {kind}");
        }
        std::mem::forget(file);
    }
}
