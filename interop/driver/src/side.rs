//! One side of an exchange, whoever plays it: the verbs of the line protocol (../../README.md) as a trait, and the account, the refusals and the
//! transcript that all sides share.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::prelude::{BASE64_STANDARD, Engine as _};

use ntlm::Error;

/// Somebody who takes part in an exchange.
pub(crate) trait Side {
    /// Makes a request that is answered by bytes, which may be none.
    fn ask(&mut self, request: Request<'_>) -> Result<Vec<u8>, Refusal>;

    /// What the side knows about its context, once that is complete.
    fn facts(&mut self) -> Result<Facts, Refusal>;

    /// A step of the handshake. A client starts with no bytes.
    fn token(&mut self, token: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.ask(Request::Token(token))
    }

    fn sign(&mut self, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.ask(Request::Sign(message))
    }

    fn verify(&mut self, message: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        self.ask(Request::Verify(message, signature)).map(drop)
    }

    /// Gives the signature and, behind it, the ciphertext.
    fn seal(&mut self, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.ask(Request::Seal(message))
    }

    fn unseal(&mut self, sealed: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.ask(Request::Unseal(sealed))
    }
}

/// A request that is answered by bytes.
#[derive(Clone, Copy)]
pub(crate) enum Request<'a> {
    Token(&'a [u8]),
    Sign(&'a [u8]),
    Verify(&'a [u8], &'a [u8]),
    Seal(&'a [u8]),
    Unseal(&'a [u8]),
}

impl fmt::Display for Request<'_> {
    /// The line of the protocol.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Token(token) => write!(f, "T {}", encode(token)),
            Self::Sign(message) => write!(f, "S {}", encode(message)),
            Self::Verify(message, signature) => write!(f, "V {} {}", encode(message), encode(signature)),
            Self::Seal(message) => write!(f, "E {}", encode(message)),
            Self::Unseal(sealed) => write!(f, "D {}", encode(sealed)),
        }
    }
}

/// The bytes as a field of a line.
pub(crate) fn encode(bytes: &[u8]) -> String {
    if bytes.is_empty() { "-".to_owned() } else { BASE64_STANDARD.encode(bytes) }
}

/// The bytes of a field of a line.
pub(crate) fn decode(field: &str) -> Result<Vec<u8>, Refusal> {
    if field == "-" {
        return Ok(Vec::new());
    }
    BASE64_STANDARD.decode(field).map_err(|error| Refusal::Broken(format!("not base64 ({error}): {field}")))
}

/// What a side knows about its context; `None` for what its library does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// `DOMAIN\user`; on servers only.
    pub(crate) user: Option<String>,
    /// The exported session key in hex.
    pub(crate) key: Option<String>,
    pub(crate) flags: Option<u32>,
}

/// Why a request was not answered.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Our implementation refused.
    Ours(Error),
    /// The counterpart refused, in its own words.
    Theirs(String),
    /// Nobody refused anything: a counterpart is missing, died, hangs or talks nonsense, or the check itself is wrong.
    Broken(String),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours(error) => write!(f, "ours refused: {error} [{error:?}]"),
            Self::Theirs(words) => write!(f, "theirs refused: {words}"),
            Self::Broken(what) => write!(f, "broken: {what}"),
        }
    }
}

impl From<Refusal> for String {
    fn from(refusal: Refusal) -> Self {
        refusal.to_string()
    }
}

/// Whom the exchange is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub(crate) user: &'static str,
    pub(crate) domain: &'static str,
    pub(crate) password: &'static str,
}

impl Account {
    pub(crate) const ALICE: Self = Self { user: "alice", domain: "EXAMPLE", password: "Al1ce-Passw0rd" };
    /// Latin letters, one of which has its upper case outside of ASCII, and a password to match.
    pub(crate) const ZOE: Self = Self { user: "Zoë", password: "Pässw0rd", ..Self::ALICE };
    /// Nobody that any server here knows.
    pub(crate) const MALLORY: Self = Self { user: "mallory", ..Self::ALICE };

    pub(crate) fn with_wrong_password(self) -> Self {
        Self { password: "wrong", ..self }
    }

    /// `DOMAIN\user`.
    pub(crate) fn name(self) -> String {
        format!("{}\\{}", self.domain, self.user)
    }
}

/// What was said in one check, to be read when it fails.
#[derive(Clone, Default)]
pub(crate) struct Transcript(Arc<Mutex<Vec<String>>>);

impl Transcript {
    /// Tokens are shorter than this; of long messages the rest says nothing.
    const LINE: usize = 1500;

    pub(crate) fn add(&self, who: &str, direction: char, line: &str) {
        let kept = line.char_indices().nth(Self::LINE).map_or(line, |(end, _)| &line[..end]);
        let cut = if kept.len() < line.len() { format!("... ({} bytes)", line.len()) } else { String::new() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{who} {direction} {kept}{cut}"));
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
