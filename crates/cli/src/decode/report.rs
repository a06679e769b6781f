//! What was found out, as text for people and as JSON for programs.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use serde_json::{Value as Json, json};

use super::field::{Field, Value};
use super::input::Origin;
use super::lints::{self, Severity};
use super::spnego::Wrapping;
use super::verify::{Check, Verdict, Verification};
use super::{Explained, Item, Outcome};
use crate::failure::Failure;
use crate::output::{self, BAD, DIM, FIELD, GOOD, HEADING, WARNING, styled};

/// Prints to standard output. That the reader has gone away (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// All items for people. Garbage is left to standard error.
pub(super) fn text(items: &[Item]) -> String {
    let mut out = String::new();
    let shown = items.iter().filter(|item| !matches!(item.outcome, Outcome::Garbage(_)));
    for (index, item) in shown.enumerate() {
        if index > 0 {
            out.push('\n');
        }
        // Writing to a String does not fail.
        let _ = write_item(&mut out, item);
    }
    out
}

fn write_item(out: &mut String, item: &Item) -> fmt::Result {
    match &item.outcome {
        Outcome::Explained(explained) => {
            let title = format!("{}, {} bytes", explained.name, explained.bytes.len());
            writeln!(out, "{} {}", styled(HEADING, title), styled(DIM, format!("({})", item.origin)))?;
            if let Some(wrapping) = &item.wrapping {
                writeln!(out, "  {}", styled(DIM, wrapping))?;
            }
            write_explained(out, explained)
        }
        Outcome::Other(what) => {
            writeln!(
                out,
                "{} {}",
                styled(HEADING, format!("This is {what}.")),
                styled(DIM, format!("({})", item.origin))
            )
        }
        Outcome::Garbage(_) => Ok(()),
    }
}

fn write_explained(out: &mut String, explained: &Explained) -> fmt::Result {
    writeln!(out, "  {}\n", styled(DIM, explained.form))?;
    for line in field_lines(&explained.fields) {
        writeln!(out, "  {line}")?;
    }
    if let Some(verification) = &explained.verification {
        writeln!(out, "\n  {}", styled(HEADING, "verification"))?;
        for Check { what, verdict, text } in verification.checks() {
            let style = match verdict {
                Verdict::Correct => GOOD,
                Verdict::Wrong => BAD,
                Verdict::Unchecked => WARNING,
            };
            writeln!(out, "    {what}: {}", styled(style, text))?;
        }
    }
    writeln!(out, "\n  {}", styled(HEADING, "findings"))?;
    if explained.findings.is_empty() {
        writeln!(out, "    {}", styled(GOOD, "none"))?;
    }
    for finding in &explained.findings {
        let lint = finding.lint;
        let severity = styled(style_of(lint.severity), format!("{:7}", lint.severity.name()));
        let detail = if finding.detail.is_empty() { String::new() } else { format!(": {}", finding.detail) };
        writeln!(out, "    {severity}  {}{detail}", styled(HEADING, lint.id))?;
        write_wrapped(out, lint.text, 13, 100)?;
    }
    Ok(())
}

fn style_of(severity: Severity) -> anstyle::Style {
    match severity {
        Severity::Error => BAD,
        Severity::Warning => WARNING,
        Severity::Info => DIM,
    }
}

/// Breaks `text` at spaces, so that with `indent` it fits into `width`.
fn write_wrapped(out: &mut String, text: &str, indent: usize, width: usize) -> fmt::Result {
    let mut column = 0;
    for word in text.split_ascii_whitespace() {
        if column > 0 && column + 1 + word.len() > width {
            out.push('\n');
            column = 0;
        }
        if column == 0 {
            write!(out, "{:indent$}", "")?;
            column = indent;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.len();
    }
    out.push('\n');
    Ok(())
}

/// A table of fields, a line each.
pub(super) fn field_lines(fields: &[Field]) -> Vec<String> {
    let width = fields.iter().map(|field| name_width(field, 0)).max().unwrap_or(0);
    let mut lines = vec![styled(DIM, format!("{:>6}  {:>6}  {:width$}  value", "offset", "length", "field"))];
    for field in fields {
        push_field(&mut lines, field, 0, width);
    }
    lines
}

fn name_width(field: &Field, depth: usize) -> usize {
    let inside = field.fields.iter().map(|field| name_width(field, depth + 1)).max().unwrap_or(0);
    inside.max(depth * 2 + field.name.len())
}

fn push_field(lines: &mut Vec<String>, field: &Field, depth: usize, width: usize) {
    let name = format!("{:indent$}{}", "", field.name, indent = depth * 2);
    let mut line = styled(DIM, format!("{:>6}  {:>6}", field.offset, field.length));
    let value = Some(field.value.to_text()).filter(|value| !value.is_empty());
    let note = field.note.map(|note| styled(DIM, format!("({note})")));
    // Names are padded unless they are the last thing in their line.
    let pad = if value.is_some() || note.is_some() { width } else { 0 };
    for part in [Some(styled(FIELD, format!("{name:pad$}"))), value, note].into_iter().flatten() {
        line.push_str("  ");
        line.push_str(&part);
    }
    lines.push(line);
    if let Value::Flags(_, names) = &field.value {
        let indent = 18 + width;
        lines.extend(names.iter().map(|(bit, name)| format!("{:indent$}{bit:#010x}  {name}", "")));
    }
    for field in &field.fields {
        push_field(lines, field, depth + 1, width);
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, ", offset {offset}")?;
        }
        match (self.header, self.scheme) {
            (Some(header), Some(scheme)) => write!(f, ", {header}: {scheme}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Wrapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "inside {}, at its offset {}", self.kind, self.offset)?;
        if !self.mechanisms.is_empty() {
            write!(f, "; mechanisms: {}", self.mechanisms.join(", "))?;
        }
        if let Some(state) = &self.state {
            write!(f, "; negState: {state}")?;
        }
        if self.mech_list_mic { f.write_str("; with a mechListMIC") } else { Ok(()) }
    }
}

/// All items for programs; `ntlm decode --help` describes it.
pub(super) fn json(items: &[Item], status: u8) -> String {
    pretty(&json!({ "tokens": items.iter().map(item_json).collect::<Vec<_>>(), "status": status }))
}

/// Every lint there is.
pub(super) fn lints(as_json: bool) -> String {
    let all = lints::ALL;
    if as_json {
        let row = |lint: &&lints::Lint| json!({"severity": lint.severity.name(), "id": lint.id, "text": lint.text});
        return pretty(&json!({ "lints": all.iter().map(row).collect::<Vec<_>>() }));
    }
    let mut out = String::new();
    for lint in all {
        let severity = styled(style_of(lint.severity), format!("{:7}", lint.severity.name()));
        let _ = writeln!(out, "{severity}  {}", styled(HEADING, lint.id));
        let _ = write_wrapped(&mut out, lint.text, 9, 100);
    }
    out
}

fn pretty(value: &Json) -> String {
    format!("{value:#}\n")
}

fn item_json(item: &Item) -> Json {
    let Origin { source, line, offset, header, scheme, encoding } = &item.origin;
    let spnego = item.wrapping.as_ref().map(|wrapping| {
        json!({
            "kind": wrapping.kind,
            "mechanisms": wrapping.mechanisms,
            "state": wrapping.state,
            "mech_list_mic": wrapping.mech_list_mic,
            "offset": wrapping.offset,
        })
    });
    let mut object = json!({
        "source": source,
        "line": line,
        "offset": offset,
        "header": header,
        "scheme": scheme,
        "encoding": encoding,
        "spnego": spnego,
        "error": null,
        "other": null,
    });
    let more = match &item.outcome {
        Outcome::Explained(explained) => explained_json(explained),
        Outcome::Other(what) => json!({ "other": what }),
        Outcome::Garbage(problem) => {
            let (message, field, offset) = match &problem.place {
                Some((message, field, offset)) => (Some(message), Some(field), Some(offset)),
                None => (None, None, None),
            };
            let text = problem.to_string();
            json!({ "error": { "text": text, "message": message, "field": field, "offset": offset } })
        }
    };
    if let (Some(object), Json::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

fn explained_json(explained: &Explained) -> Json {
    let findings = explained.findings.iter().map(|finding| {
        let lint = finding.lint;
        json!({"severity": lint.severity.name(), "id": lint.id, "detail": finding.detail, "text": lint.text})
    });
    json!({
        "message": explained.name,
        "message_type": explained.message_type,
        "length": explained.bytes.len(),
        "form": explained.form,
        "bytes": output::hex(&explained.bytes),
        "fields": explained.fields.iter().map(|field| field.to_json(&explained.bytes)).collect::<Vec<_>>(),
        "findings": findings.collect::<Vec<_>>(),
        "verification": explained.verification.as_ref().map(verification_json),
    })
}

fn verification_json(verification: &Verification) -> Json {
    let word = |verdict| match verdict {
        Verdict::Correct => "correct",
        Verdict::Wrong => "wrong",
        Verdict::Unchecked => "unchecked",
    };
    let check = |check: &Check| json!({"what": check.what, "verdict": word(check.verdict), "text": check.text});
    json!({
        "verdict": word(verification.verdict()),
        "checks": verification.checks().map(check).collect::<Vec<_>>(),
    })
}
