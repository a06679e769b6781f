//! Bytes and what is expected of them, in C.

use crate::generator::calls::Function;
use crate::generator::names::{quoted, variable};
use crate::table::{After, Value};
use crate::vocabulary::{self, numbers};

impl Function<'_> {
    /// An expression of type `Bytes`.
    pub(super) fn bytes(&mut self, value: &Value) -> String {
        match value {
            Value::Text(text) => self.literal(text),
            Value::Join { join } => {
                let parts: Vec<String> = join.iter().map(|part| self.bytes(part)).collect();
                parts.into_iter().reduce(|one, other| format!("join({one}, {other})")).expect("parts to join")
            }
            Value::Keep { of, keep } => format!("keep({}, {keep})", self.bytes(of)),
            Value::Flip { of, flip } => format!("flip({}, {flip})", self.bytes(of)),
        }
    }

    fn literal(&mut self, text: &str) -> String {
        if let Some(name) = text.strip_prefix('$') {
            return self.saved(name);
        }
        match text.split_once(':') {
            Some(("text", text)) => format!("text({})", quoted(text)),
            Some(("utf16", text)) => format!("utf16(u{})", quoted(text)),
            Some(("zeros", count)) => format!("zeros({count})"),
            Some(("hex", digits)) => format!("hex({})", quoted(digits)),
            _ => panic!("{text} is no value"),
        }
    }

    /// The variable of saved bytes.
    fn saved(&mut self, name: &str) -> String {
        let variable = variable("saved", name);
        self.saved.insert(variable.clone());
        variable
    }

    /// What must hold of the bytes `found`.
    pub(super) fn holds(&mut self, after: &After) {
        let After { size, bytes, not, contains, lacks, message, flags, no_flags, save, into: _ } = after;
        if let Some(size) = size {
            self.line(format_args!("size_is(found, {size});"));
        }
        for (check, value) in [("BYTES_ARE", bytes.as_ref()), ("BYTES_ARE_NOT", not.as_ref())]
            .into_iter()
            .filter_map(|(check, value)| value.map(|value| (check, value)))
            .chain(contains.iter().map(|value| ("CONTAINS", value)))
            .chain(lacks.iter().map(|value| ("LACKS", value)))
        {
            let value = self.bytes(value);
            self.line(format_args!("{check}(found, {value});"));
        }
        if let Some(message) = message {
            let (kind, flags_at) = match message.as_str() {
                "NEGOTIATE" => (1, 12),
                "CHALLENGE" => (2, 20),
                "AUTHENTICATE" => (3, 60),
                other => panic!("{other} is no message"),
            };
            // These are no names of sspi.h.
            let [flags, no_flags] = [flags, no_flags].map(|names| numbers(vocabulary::NEGOTIATE, names));
            self.line(format_args!("is_message(found, {kind}, {flags_at}, {flags:#x}, {no_flags:#x});"));
        }
        if let Some(name) = save {
            let place = self.saved(name);
            self.line(format_args!("save(&{place}, found);"));
        }
    }
}
