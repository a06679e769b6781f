//! Known answers: reads `testdata/*.json` and fails a test that leaves a value of its file unread.
//!
//! One test reads one file and handles every type of vector in it:
//!
//! ```ignore
//! let file = KnownAnswers::load("primitives.json");
//! for vector in file.of_type("md4") {
//!     vector.check_bytes("digest", md4(&vector.bytes("data")));
//! }
//! file.finish();
//! ```
//!
//! `finish` panics with a list of the types that nobody visited and of the inputs and expected
//! values that nobody read; dropping the file does the same. A value counts as read when one of
//! the methods below asked for it. `testdata/README.md` describes the types and their keys.
//!
//! Expected values are read in two ways: `expect_*` returns the value and panics when the vector
//! has none; `check_*` compares it with a computed one, and does nothing when the vector has none.
//! A misspelt key cannot hide: the value it should have named stays unread.

// Every test binary that includes this module uses another part of it, and none exports it.
#![allow(dead_code, unreachable_pub)]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// The names of all files of known answers, sorted: for a test that no file is left unread.
pub fn files() -> Vec<String> {
    let folder = folder();
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    let mut names: Vec<String> = entries
        .map(|entry| {
            let entry = entry.unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
            entry.file_name().to_string_lossy().into_owned()
        })
        .filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "json"))
        .collect();
    names.sort();
    names
}

/// The folder that holds the files of known answers.
pub fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata"))
}

/// One file of known answers, and the record of what was read from it.
pub struct KnownAnswers {
    file: String,
    entries: Vec<Entry>,
    visited: RefCell<BTreeSet<String>>,
}

struct Entry {
    id: String,
    kind: String,
    inputs: Side,
    expected: Side,
}

/// The inputs or the expected values of one vector.
struct Side {
    what: &'static str,
    values: Map<String, Value>,
    read: RefCell<BTreeSet<String>>,
}

impl KnownAnswers {
    /// Reads a file of `testdata`, for example `"primitives.json"`.
    pub fn load(file: &str) -> Self {
        let path = folder().join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        Self::parse(file, &text)
    }

    /// Reads the text of a file; `file` is its name in messages.
    pub fn parse(file: &str, text: &str) -> Self {
        let mut document: Map<String, Value> =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{file}: not a JSON object: {error}"));
        take_text(&mut document, "description", file);
        take_text(&mut document, "source", file);
        let Some(Value::Array(vectors)) = document.remove("vectors") else {
            panic!("{file}: no list `vectors`");
        };
        refuse_other_keys(&document, file);
        let entries: Vec<Entry> = vectors.into_iter().map(|vector| Entry::parse(vector, file)).collect();
        assert!(!entries.is_empty(), "{file}: no vectors");
        let mut ids = BTreeSet::new();
        for entry in &entries {
            assert!(ids.insert(&entry.id), "{file}: two vectors have the id {}", entry.id);
        }
        let file = file.to_owned();
        Self { file, entries, visited: RefCell::default() }
    }

    /// The types of the vectors in this file.
    pub fn types(&self) -> BTreeSet<&str> {
        self.entries.iter().map(|entry| entry.kind.as_str()).collect()
    }

    /// The vectors of one type. Panics when there are none.
    pub fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = Vector<'a>> {
        let types = self.types();
        assert!(types.contains(kind), "{}: no vector of type `{kind}`, only {types:?}", self.file);
        self.visited.borrow_mut().insert(kind.to_owned());
        let entries = self.entries.iter().filter(move |entry| entry.kind == kind);
        entries.map(|entry| Vector { file: &self.file, entry, part: String::new() })
    }

    /// What was not read so far, a line each; empty when the tests consumed the whole file.
    pub fn unread(&self) -> Vec<String> {
        let visited = self.visited.borrow();
        let mut lines = Vec::new();
        for kind in self.types().into_iter().filter(|kind| !visited.contains(*kind)) {
            let count = self.entries.iter().filter(|entry| entry.kind == kind).count();
            lines.push(format!("type `{kind}`: never visited, {count} vectors"));
        }
        for entry in self.entries.iter().filter(|entry| visited.contains(&entry.kind)) {
            for side in [&entry.inputs, &entry.expected] {
                let read = side.read.borrow();
                for key in side.values.keys().filter(|key| !read.contains(*key)) {
                    lines.push(format!("{} ({}): {} `{key}`", entry.id, entry.kind, side.what));
                }
            }
        }
        lines
    }

    /// Ends the test of this file. Panics when a value was not read.
    pub fn finish(self) {
        drop(self);
    }
}

impl Drop for KnownAnswers {
    fn drop(&mut self) {
        let unread = self.unread();
        // A test that failed already has its own message.
        assert!(
            unread.is_empty() || std::thread::panicking(),
            "{} holds values that no test consumed:\n  {}",
            self.file,
            unread.join("\n  ")
        );
    }
}

impl Entry {
    fn parse(vector: Value, file: &str) -> Self {
        let Value::Object(mut vector) = vector else {
            panic!("{file}: a vector is not an object: {vector}");
        };
        let id = take_text(&mut vector, "id", file);
        let place = format!("{file}: {id}");
        let kind = take_text(&mut vector, "type", &place);
        take_text(&mut vector, "source", &place);
        if vector.contains_key("note") {
            take_text(&mut vector, "note", &place);
        }
        let inputs = Side::take(&mut vector, "inputs", "input", &place);
        let expected = Side::take(&mut vector, "expected", "expected", &place);
        assert!(!expected.values.is_empty(), "{place}: nothing expected");
        refuse_other_keys(&vector, &place);
        Self { id, kind, inputs, expected }
    }
}

impl Side {
    fn take(vector: &mut Map<String, Value>, key: &str, what: &'static str, place: &str) -> Self {
        let Some(Value::Object(values)) = vector.remove(key) else {
            panic!("{place}: no object `{key}`");
        };
        Self { what, values, read: RefCell::default() }
    }
}

fn take_text(object: &mut Map<String, Value>, key: &str, place: &str) -> String {
    match object.remove(key) {
        Some(Value::String(text)) => text,
        _ => panic!("{place}: no text `{key}`"),
    }
}

fn refuse_other_keys(object: &Map<String, Value>, place: &str) {
    let keys: Vec<&String> = object.keys().collect();
    assert!(keys.is_empty(), "{place}: unknown keys {keys:?}");
}

/// One known answer. When a test panics while it holds one, the message names it.
pub struct Vector<'a> {
    file: &'a str,
    entry: &'a Entry,
    part: String,
}

impl<'a> Vector<'a> {
    /// The id, unique among all files.
    pub fn id(&self) -> &'a str {
        &self.entry.id
    }

    /// The same vector, with the expected keys that begin with `name` and a dot: the expected
    /// `challenge.flags` of an exchange is `flags` in `part("challenge")`, as in a single message.
    pub fn part(&self, name: &str) -> Vector<'a> {
        let part = format!("{}{name}.", self.part);
        Vector { file: self.file, entry: self.entry, part }
    }

    /// An input of bytes.
    pub fn bytes(&self, key: &str) -> Vec<u8> {
        self.input(key, BYTES)
    }

    /// An input of bytes that not every vector of the type has.
    pub fn optional_bytes(&self, key: &str) -> Option<Vec<u8>> {
        self.find(&self.entry.inputs, key, BYTES)
    }

    /// An input that is a list of byte strings.
    pub fn bytes_list(&self, key: &str) -> Vec<Vec<u8>> {
        self.input(key, BYTES_LIST)
    }

    /// An input of text.
    pub fn text(&self, key: &str) -> String {
        self.input(key, TEXT)
    }

    /// An input of text that is null or absent in some vectors of the type.
    pub fn optional_text(&self, key: &str) -> Option<String> {
        self.find(&self.entry.inputs, key, OPTIONAL_TEXT).flatten()
    }

    /// An input of text as UTF-16 units: the text `key`, or the little-endian bytes `key_utf16` of
    /// what cannot be written as Unicode text.
    pub fn utf16(&self, key: &str) -> Vec<u16> {
        if let Some(raw) = self.optional_bytes(&format!("{key}_utf16")) {
            let half = raw.len() % 2 != 0;
            assert!(!half, "{}: half a unit at the end of `{key}_utf16`", self.place());
            return raw.chunks(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
        }
        self.text(key).encode_utf16().collect()
    }

    /// An input that is a number.
    pub fn integer(&self, key: &str) -> u64 {
        self.input(key, INTEGER)
    }

    /// An input of flags, written as `"0xe2028233"`.
    pub fn flags(&self, key: &str) -> u32 {
        self.input(key, FLAGS)
    }

    /// Whether this vector has the expected value; does not count as reading it.
    pub fn expects(&self, key: &str) -> bool {
        self.entry.expected.values.contains_key(&self.expected_key(key))
    }

    /// An expected value of bytes.
    pub fn expect_bytes(&self, key: &str) -> Vec<u8> {
        self.expected(key, BYTES)
    }

    /// An expected list of byte strings.
    pub fn expect_bytes_list(&self, key: &str) -> Vec<Vec<u8>> {
        self.expected(key, BYTES_LIST)
    }

    /// An expected yes or no.
    pub fn expect_bool(&self, key: &str) -> bool {
        self.expected(key, BOOL)
    }

    /// Compares bytes, if the vector expects `key`.
    #[track_caller]
    pub fn check_bytes(&self, key: &str, computed: impl AsRef<[u8]>) {
        self.check(key, BYTES, &computed.as_ref().to_vec());
    }

    /// Compares a list of byte strings, if the vector expects `key`.
    #[track_caller]
    pub fn check_bytes_list(&self, key: &str, computed: &[Vec<u8>]) {
        self.check(key, BYTES_LIST, &computed.to_vec());
    }

    /// Compares AV pairs, if the vector expects `key`.
    #[track_caller]
    pub fn check_pairs(&self, key: &str, computed: &[(u16, Vec<u8>)]) {
        self.check(key, PAIRS, &computed.to_vec());
    }

    /// Compares text, if the vector expects `key`.
    #[track_caller]
    pub fn check_text(&self, key: &str, computed: &str) {
        self.check(key, TEXT, &computed.to_owned());
    }

    /// Compares a text that may be absent, if the vector expects `key`, as text or as null.
    #[track_caller]
    pub fn check_optional_text(&self, key: &str, computed: Option<&str>) {
        self.check(key, OPTIONAL_TEXT, &computed.map(str::to_owned));
    }

    /// Compares a number, if the vector expects `key`.
    #[track_caller]
    pub fn check_integer(&self, key: &str, computed: u64) {
        self.check(key, INTEGER, &computed);
    }

    /// Compares flags, if the vector expects `key`.
    #[track_caller]
    pub fn check_flags(&self, key: &str, computed: u32) {
        self.check(key, FLAGS, &computed);
    }

    /// Compares a yes or no, if the vector expects `key`.
    #[track_caller]
    pub fn check_bool(&self, key: &str, computed: bool) {
        self.check(key, BOOL, &computed);
    }

    /// Compares the bytes of a name on the wire, if the vector expects `key`: text, in UTF-16 or
    /// ASCII on the wire, or as `key_oem` the bytes of a name in some OEM code page.
    #[track_caller]
    pub fn check_name(&self, key: &str, unicode: bool, computed: &[u8]) {
        self.check_bytes(&format!("{key}_oem"), computed);
        if let Some(name) = self.find(&self.entry.expected, &self.expected_key(key), TEXT) {
            let bytes: Vec<u8> =
                if unicode { name.encode_utf16().flat_map(u16::to_le_bytes).collect() } else { name.into_bytes() };
            self.compare(key, BYTES, &bytes, &computed.to_vec());
        }
    }

    fn place(&self) -> String {
        format!("{}: {}", self.file, self.entry.id)
    }

    fn expected_key(&self, key: &str) -> String {
        format!("{}{key}", self.part)
    }

    fn input<T>(&self, key: &str, kind: Kind<T>) -> T {
        self.find(&self.entry.inputs, key, kind).unwrap_or_else(|| panic!("{}: no input `{key}`", self.place()))
    }

    fn expected<T>(&self, key: &str, kind: Kind<T>) -> T {
        let key = self.expected_key(key);
        self.find(&self.entry.expected, &key, kind).unwrap_or_else(|| panic!("{}: no expected `{key}`", self.place()))
    }

    #[track_caller]
    fn check<T: Debug + PartialEq>(&self, key: &str, kind: Kind<T>, computed: &T) {
        let key = self.expected_key(key);
        if let Some(expected) = self.find(&self.entry.expected, &key, kind) {
            self.compare(&key, kind, &expected, computed);
        }
    }

    #[track_caller]
    fn compare<T: Debug + PartialEq>(&self, key: &str, kind: Kind<T>, expected: &T, computed: &T) {
        assert!(
            expected == computed,
            "{}: `{key}` differs\n  expected {}\n  computed {}",
            self.place(),
            (kind.show)(expected),
            (kind.show)(computed),
        );
    }

    fn find<T>(&self, side: &Side, key: &str, kind: Kind<T>) -> Option<T> {
        let value = side.values.get(key)?;
        side.read.borrow_mut().insert(key.to_owned());
        Some(
            (kind.decode)(value)
                .unwrap_or_else(|| panic!("{}: {} `{key}` is not {}: {value}", self.place(), side.what, kind.name)),
        )
    }
}

impl Drop for Vector<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() && self.part.is_empty() {
            eprintln!("the known answer was {}", self.place());
        }
    }
}

/// How a value is written in the files.
struct Kind<T> {
    name: &'static str,
    decode: fn(&Value) -> Option<T>,
    show: fn(&T) -> String,
}

impl<T> Clone for Kind<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Kind<T> {}

const BYTES: Kind<Vec<u8>> =
    Kind { name: "bytes in lower-case hex", decode: decode_bytes, show: |bytes| show_bytes(bytes) };

const BYTES_LIST: Kind<Vec<Vec<u8>>> = Kind {
    name: "a list of bytes in lower-case hex",
    decode: |value| value.as_array()?.iter().map(decode_bytes).collect(),
    show: |list| {
        let lines: Vec<String> = list.iter().map(|bytes| show_bytes(bytes)).collect();
        format!("[{}]", lines.join(", "))
    },
};

const PAIRS: Kind<Vec<(u16, Vec<u8>)>> = Kind {
    name: "a list of pairs of number and bytes",
    decode: |value| value.as_array()?.iter().map(decode_pair).collect(),
    show: |pairs| {
        let lines: Vec<String> = pairs.iter().map(|(id, bytes)| format!("{id}: {}", show_bytes(bytes))).collect();
        format!("[{}]", lines.join(", "))
    },
};

const TEXT: Kind<String> =
    Kind { name: "text", decode: |value| value.as_str().map(str::to_owned), show: |text| format!("{text:?}") };

const OPTIONAL_TEXT: Kind<Option<String>> = Kind {
    name: "text or null",
    decode: |value| match value {
        Value::Null => Some(None),
        value => Some(Some(value.as_str()?.to_owned())),
    },
    show: |text| format!("{text:?}"),
};

const INTEGER: Kind<u64> = Kind { name: "a number", decode: |value| value.as_u64(), show: |number| number.to_string() };

const FLAGS: Kind<u32> = Kind {
    name: "flags like \"0xe2028233\"",
    decode: |value| {
        let digits = value.as_str()?.strip_prefix("0x").filter(|digits| digits.len() == 8)?;
        u32::from_str_radix(digits, 16).ok()
    },
    show: |flags| format!("{flags:#010x}"),
};

const BOOL: Kind<bool> = Kind { name: "true or false", decode: |value| value.as_bool(), show: |yes| yes.to_string() };

fn decode_pair(value: &Value) -> Option<(u16, Vec<u8>)> {
    let [id, bytes] = value.as_array()?.as_slice() else {
        return None;
    };
    Some((u16::try_from(id.as_u64()?).ok()?, decode_bytes(bytes)?))
}

fn decode_bytes(value: &Value) -> Option<Vec<u8>> {
    let digits = value.as_str()?.as_bytes();
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
            _ => None,
        })
        .collect()
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

fn show_bytes(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
