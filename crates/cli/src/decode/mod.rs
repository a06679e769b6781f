//! `ntlm decode`: explains NTLM tokens, warns about what is weak or wrong, checks responses.
//!
//! ```text
//! options    the command line
//! input      arguments, files, logs  -> candidates for tokens
//! spnego     a token                 -> the NTLM message inside
//! message    its bytes               -> Message                     (ntlm::wire does the work)
//! explain    Message                 -> fields                      (field: what a field is)
//! lint       Message + exchange      -> findings                    (lints: their words)
//! verify     Message + exchange + password -> verdicts
//! report     all of it               -> text or JSON
//! ```

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::unreachable)
)]

mod exchange;
mod explain;
mod field;
mod input;
mod lint;
mod lints;
mod message;
mod options;
mod report;
mod spnego;
#[cfg(test)]
mod tests;
mod verify;

use std::fmt;
use std::process::ExitCode;

use ntlm::wire::{Malformed, Reason};

use self::exchange::Exchange;
use self::field::Field;
use self::input::{Origin, Source};
use self::lint::{Clock, Finding};
use self::message::Message;
pub(crate) use self::options::Arguments;
use self::spnego::{Content, Wrapping};
use self::verify::{Secret, Verdict, Verification};
use crate::failure::{Failure, STATUS_NO, STATUS_UNUSABLE};

/// What is wrong with something that should be a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The message or structure, the field and the offset, where it is about one.
    place: Option<(String, &'static str, usize)>,
    reason: String,
    advice: &'static str,
}

impl Problem {
    fn new(part: &str, field: &'static str, offset: usize, reason: String) -> Self {
        Self { place: Some((part.to_owned(), field, offset)), reason, advice: "" }
    }

    fn text(reason: impl Into<String>) -> Self {
        Self { place: None, reason: reason.into(), advice: "" }
    }
}

impl From<Malformed> for Problem {
    fn from(error: Malformed) -> Self {
        let advice = match error.reason {
            Reason::NotNtlmssp => "pass an NTLM token as base64, hex, a header line, a log or bytes",
            Reason::TooShort { .. } | Reason::OutOfBounds { .. } | Reason::Unterminated => {
                "the token is cut off, or a length in it is wrong: copy it again as a whole"
            }
            Reason::TooLong { .. } => "no peer takes it; pass one token at a time",
            Reason::WrongMessageType { .. }
            | Reason::InsideHeader { .. }
            | Reason::OddLength { .. }
            | Reason::WrongLength { .. }
            | Reason::Duplicate
            | Reason::BadValue { .. }
            | Reason::Missing => "peers refuse it: look for what made or altered it",
        };
        Self { advice, ..Self::new(&error.part.to_string(), error.field, error.offset, error.reason.to_string()) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((part, field, offset)) = &self.place {
            write!(f, "{part}: {field} at offset {offset}: ")?;
        }
        f.write_str(&self.reason)?;
        if self.advice.is_empty() { Ok(()) } else { write!(f, "; {}", self.advice) }
    }
}

/// One token, and what became of it.
struct Item {
    origin: Origin,
    wrapping: Option<Wrapping>,
    outcome: Outcome,
}

enum Outcome {
    Explained(Explained),
    /// A token of another protocol, and what it is.
    Other(String),
    Garbage(Problem),
}

/// Everything about one message.
struct Explained {
    bytes: Vec<u8>,
    name: &'static str,
    message_type: u32,
    form: &'static str,
    fields: Vec<Field>,
    findings: Vec<Finding>,
    /// `None` unless it was asked for and the message has a response.
    verification: Option<Verification>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    if arguments.lints {
        report::print(&report::lints(arguments.json))?;
        return Ok(ExitCode::SUCCESS);
    }
    let clock = options::clock(arguments)?;
    let given = options::given(arguments)?;
    let sources = options::sources(arguments)?;
    let secret = options::secret(arguments)?;
    let items = explain(&sources, &given, secret.as_ref(), clock);
    let status = status(&items, secret.is_some());
    if arguments.json {
        report::print(&report::json(&items, status))?;
    } else {
        report::print(&report::text(&items))?;
    }
    for line in complaints(&items, secret.is_some()) {
        anstream::eprintln!("ntlm: {line}");
    }
    Ok(ExitCode::from(status))
}

/// The fields of one message, a line each, for other commands to show; the error's words when it is malformed.
pub(crate) fn explained_lines(bytes: &[u8]) -> Vec<String> {
    match Message::parse(bytes) {
        Ok(message) => report::field_lines(&explain::fields(&message, bytes)),
        Err(error) => vec![error.to_string()],
    }
}

/// The fields of one message, as in the JSON of `ntlm decode`; `null` when it is malformed.
pub(crate) fn explained_json(bytes: &[u8]) -> serde_json::Value {
    match Message::parse(bytes) {
        Ok(message) => explain::fields(&message, bytes).iter().map(|field| field.to_json(bytes)).collect(),
        Err(_) => serde_json::Value::Null,
    }
}

/// Explains every token in `sources`.
fn explain(sources: &[Source], given: &Exchange, secret: Option<&Secret>, clock: Clock) -> Vec<Item> {
    // A client behind a proxy may have one exchange with the proxy and one with the server at a time.
    let (mut with_server, mut with_proxy) = (given.clone(), given.clone());
    let mut items = Vec::new();
    for source in sources {
        let candidates = match source.candidates() {
            Ok(candidates) => candidates,
            Err(problem) => {
                let origin = Origin { source: source.name.clone(), encoding: "unknown", ..Origin::default() };
                items.push(Item { origin, wrapping: None, outcome: Outcome::Garbage(problem) });
                continue;
            }
        };
        for candidate in candidates {
            let proxy = candidate.origin.header.is_some_and(|header| header.starts_with("Proxy"));
            let exchange = if proxy { &mut with_proxy } else { &mut with_server };
            let (wrapping, outcome) = match candidate.token {
                Ok(token) => explain_token(&token, exchange, secret, clock),
                Err(problem) => (None, Outcome::Garbage(problem)),
            };
            items.push(Item { origin: candidate.origin, wrapping, outcome });
        }
    }
    items
}

fn explain_token(
    token: &[u8],
    exchange: &mut Exchange,
    secret: Option<&Secret>,
    clock: Clock,
) -> (Option<Wrapping>, Outcome) {
    let (bytes, wrapping) = match spnego::open(token) {
        Ok(Content::Ntlm { message, wrapping }) => (message, wrapping),
        Ok(Content::Other(what)) => return (None, Outcome::Other(what)),
        Err(problem) => return (None, Outcome::Garbage(problem)),
    };
    let message = match Message::parse(bytes) {
        Ok(message) => message,
        Err(error) => return (wrapping, Outcome::Garbage(error.into())),
    };
    let mut findings = lint::findings(&message, bytes, exchange, clock);
    let verification = match (&message, secret) {
        (Message::Authenticate(authenticate), Some(secret)) => {
            Some(verify::verify(authenticate, bytes, exchange, secret))
        }
        _ => None,
    };
    if verification.as_ref().is_some_and(|verification| verification.session_key_in_clear) {
        findings.insert(0, Finding::new(&lints::SESSION_KEY_IN_CLEAR, ""));
    }
    exchange.take(&message, bytes);
    let explained = Explained {
        bytes: bytes.to_vec(),
        name: message.name(),
        message_type: message.message_type().0,
        form: message.form(bytes),
        fields: explain::fields(&message, bytes),
        findings,
        verification,
    };
    (wrapping, Outcome::Explained(explained))
}

/// What goes to standard error, a line each.
fn complaints(items: &[Item], verify: bool) -> Vec<String> {
    let explained = |item: &&Item| matches!(item.outcome, Outcome::Explained(_));
    let any = items.iter().any(|item| explained(&item));
    let mut lines = Vec::new();
    for item in items {
        match &item.outcome {
            Outcome::Garbage(problem) => lines.push(format!("{}: {problem}", item.origin)),
            Outcome::Other(what) if !any => lines.push(format!("{}: {what}", item.origin)),
            _ => {}
        }
    }
    if verify && any && verifications(items).next().is_none() {
        lines.push(
            "there is nothing to verify: no AUTHENTICATE_MESSAGE is in the input; pass the client's last token too"
                .to_owned(),
        );
    }
    lines
}

fn verifications(items: &[Item]) -> impl Iterator<Item = &Verification> {
    items.iter().filter_map(|item| match &item.outcome {
        Outcome::Explained(explained) => explained.verification.as_ref(),
        _ => None,
    })
}

/// The exit status; `verify` says whether verification was asked for.
fn status(items: &[Item], verify: bool) -> u8 {
    let garbage = items.iter().any(|item| matches!(item.outcome, Outcome::Garbage(_)));
    let explained = items.iter().any(|item| matches!(item.outcome, Outcome::Explained(_)));
    if garbage || !explained {
        return STATUS_UNUSABLE;
    }
    if !verify {
        return 0;
    }
    let mut verdicts = verifications(items).map(Verification::verdict).peekable();
    if verdicts.peek().is_none() {
        return STATUS_UNUSABLE;
    }
    let verdicts: Vec<Verdict> = verdicts.collect();
    if verdicts.contains(&Verdict::Wrong) {
        STATUS_NO
    } else if verdicts.contains(&Verdict::Unchecked) {
        STATUS_UNUSABLE
    } else {
        0
    }
}
