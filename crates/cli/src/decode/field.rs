//! A field of a message as it is shown: where it lies, what it is called, what it says.

use std::borrow::Cow;

use ntlm::wire::{Descriptor, Version};
use ntlm::{FileTime, UnicodeString};
use serde_json::{Value as Json, json};

use crate::output;

/// Byte strings are cut here in text; JSON has them whole.
const SHOWN_BYTES: usize = 64;

/// One field, and the fields inside it.
pub(super) struct Field {
    /// The name in MS-NLMP.
    pub(super) name: Cow<'static, str>,
    /// Where it begins, from the start of the message.
    pub(super) offset: usize,
    /// Its length in bytes.
    pub(super) length: usize,
    pub(super) value: Value,
    /// What the value alone does not say.
    pub(super) note: Option<&'static str>,
    pub(super) fields: Vec<Field>,
}

/// What a field says.
pub(super) enum Value {
    Bytes(Vec<u8>),
    Text(UnicodeString),
    Number(u64),
    /// A number with a name.
    Named(u64, &'static str),
    /// A number of 32 bits of which each has a name.
    Flags(u32, Vec<(u32, &'static str)>),
    Time(FileTime),
    Version(Version),
    /// Where another field lies.
    Descriptor(Descriptor),
    /// A structure whose fields follow.
    Structure(&'static str),
}

impl Field {
    pub(super) fn new(name: impl Into<Cow<'static, str>>, offset: usize, length: usize, value: Value) -> Self {
        Self { name: name.into(), offset, length, value, note: None, fields: Vec::new() }
    }

    pub(super) fn bytes(name: impl Into<Cow<'static, str>>, offset: usize, bytes: &[u8]) -> Self {
        Self::new(name, offset, bytes.len(), Value::Bytes(bytes.to_vec()))
    }

    pub(super) fn note(mut self, note: impl Into<Option<&'static str>>) -> Self {
        self.note = note.into();
        self
    }

    pub(super) fn with(mut self, fields: Vec<Self>) -> Self {
        self.fields = fields;
        self
    }

    /// The field as JSON; `message` is what its offset counts in.
    pub(super) fn to_json(&self, message: &[u8]) -> Json {
        let end = self.offset.saturating_add(self.length);
        let mut object = serde_json::Map::new();
        let mut put = |key: &str, value: Json| object.insert(key.to_owned(), value);
        put("name", json!(self.name));
        put("offset", json!(self.offset));
        put("length", json!(self.length));
        put("bytes", json!(output::hex(message.get(self.offset..end).unwrap_or(&[]))));
        match &self.value {
            Value::Bytes(_) => {}
            Value::Text(text) => {
                put("value", json!(text.to_string_lossy()));
            }
            Value::Number(number) => {
                put("value", json!(number));
            }
            Value::Named(number, name) => {
                put("value", json!(number));
                put("meaning", json!(name));
            }
            Value::Flags(bits, names) => {
                put("value", json!(format!("{bits:#010x}")));
                put("flags", names.iter().map(|(_, name)| *name).collect());
            }
            Value::Time(time) => {
                put("value", json!(time.0));
                put("time", json!(output::time(*time)));
            }
            Value::Version(version) => {
                put("value", json!(version.to_string()));
            }
            Value::Descriptor(fields) => {
                put("value", json!({"Len": fields.length, "MaxLen": fields.max_length, "BufferOffset": fields.offset}));
            }
            Value::Structure(name) => {
                put("structure", json!(name));
            }
        }
        if let Some(note) = self.note {
            put("note", json!(note));
        }
        if !self.fields.is_empty() {
            put("fields", self.fields.iter().map(|field| field.to_json(message)).collect());
        }
        Json::Object(object)
    }
}

impl Value {
    /// The value for people, on one line.
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Bytes(bytes) => match bytes.get(..SHOWN_BYTES) {
                None if bytes.is_empty() => "empty".to_owned(),
                Some(shown) if shown.len() < bytes.len() => {
                    format!("{}... ({} bytes; --json shows all)", output::hex(shown), bytes.len())
                }
                _ => output::hex(bytes),
            },
            // Debug is the quoted form, with everything escaped that could disturb a terminal.
            Self::Text(text) => format!("{text:?}"),
            Self::Number(number) => number.to_string(),
            Self::Named(number, name) => format!("{number} ({name})"),
            Self::Flags(bits, _) => format!("{bits:#010x}"),
            Self::Time(time) => output::time(*time),
            Self::Version(version) => version.to_string(),
            Self::Descriptor(fields) if fields.length == 0 => match fields.offset {
                0 => "empty".to_owned(),
                offset => format!("empty (at {offset})"),
            },
            Self::Descriptor(fields) if fields.max_length == fields.length => {
                format!("{} bytes at {}", fields.length, fields.offset)
            }
            Self::Descriptor(fields) => {
                format!("{} bytes at {}, MaxLen {}", fields.length, fields.offset, fields.max_length)
            }
            Self::Structure(name) => (*name).to_owned(),
        }
    }
}
