//! The options of `ntlm decode`, and what they mean.

use std::fmt;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;
use ntlm::{FileTime, NtHash, Password};
use zeroize::Zeroizing;

use super::Problem;
use super::exchange::Exchange;
use super::input::{self, Source};
use super::lint::Clock;
use super::message::Message;
use super::spnego::{self, Content};
use super::verify::Secret;
use crate::environment;
use crate::failure::Failure;

/// Explains NTLM tokens: every field, what is weak about it, whether the response is right.
///
/// Takes tokens as base64 or hex, as HTTP header lines, inside whole logs (`curl -v`, ntlm_auth's helper protocols, SMTP dialogues), and as
/// bytes in files; raw or inside SPNEGO. Several tokens are explained in their order, each with what the ones before it say about it.
/// Requests to a proxy and to a server are told apart by their headers.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Tokens, header lines, `@FILE`, or `-` for standard input, which is also read when there is neither a token nor a file.
    #[arg(value_name = "TOKEN")]
    tokens: Vec<String>,

    /// Reads tokens from a file: text of any of the forms, or the bytes of a token.
    #[arg(long, short, value_name = "PATH")]
    file: Vec<PathBuf>,

    /// The challenge to check responses with where the input has none: a CHALLENGE_MESSAGE, or its eight bytes in hex.
    #[arg(long, value_name = "TOKEN|HEX")]
    challenge: Option<String>,

    /// The NEGOTIATE_MESSAGE to check the MIC with where the input has none.
    #[arg(long, value_name = "TOKEN")]
    negotiate: Option<String>,

    /// Checks responses and MIC with a password, which is asked for, or read from standard input when that is no terminal.
    #[arg(long, group = "secret")]
    password: bool,

    /// Checks responses and MIC with the password in the first line of a file.
    #[arg(long, value_name = "PATH", group = "secret")]
    password_file: Option<PathBuf>,

    /// Checks responses and MIC with an NT hash, which other users of this machine can see in its list of processes.
    #[arg(long, value_name = "HEX", group = "secret")]
    nt_hash: Option<String>,

    /// Checks responses and MIC with the NT hash in the first line of a file, in hex.
    #[arg(long, value_name = "PATH", group = "secret")]
    nt_hash_file: Option<PathBuf>,

    /// When the messages were made, such as 2026-11-22T17:29:38Z, to have clocks checked; else they are compared with this machine's.
    #[arg(long, value_name = "TIME")]
    now: Option<String>,

    /// Prints JSON.
    #[arg(long)]
    pub(super) json: bool,

    /// Lists every finding there is with its explanation, and stops.
    #[arg(long)]
    pub(super) lints: bool,
}

const AFTER_HELP: &str = "\
Examples:
  ntlm decode TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGNFAAAADw==
  curl -v --ntlm -u user http://host/ 2>&1 | ntlm decode
  ntlm decode --file curl.log --password
  ntlm decode @authenticate.bin --challenge 0123456789abcdef --password-file secret.txt

Checking: the latest NEGOTIATE_MESSAGE and CHALLENGE_MESSAGE before a response are used. The MIC is checked when it is there and both are known.
A MIC that cannot be checked is reported and does not change the exit status.

Exit status:
  0  everything was explained, and verified if asked
  1  a response or a MIC is wrong
  2  something is no NTLM token, is malformed, or could not be verified; the rest was explained

JSON: { \"tokens\": [ {
    \"source\", \"line\", \"offset\", \"header\", \"scheme\", \"encoding\": where it was found, null where that does not apply,
    \"spnego\": { \"kind\", \"mechanisms\", \"state\", \"mech_list_mic\", \"offset\" } or null,
    \"error\": { \"text\", \"message\", \"field\", \"offset\" } or null,
    \"other\": what it is if it is no NTLM token, or null,
  and of an NTLM message
    \"message\", \"message_type\", \"length\", \"form\", \"bytes\",
    \"fields\": [ { \"name\", \"offset\", \"length\", \"bytes\", \"value\", \"flags\", \"time\", \"note\", \"structure\", \"fields\" } ],
    \"findings\": [ { \"severity\", \"id\", \"detail\", \"text\" } ],
    \"verification\": { \"verdict\", \"checks\": [ { \"what\", \"verdict\", \"text\" } ] } or null
  } ], \"status\": the exit status }
Byte strings are in hex. Offsets of fields count from the start of the NTLM message.";

pub(super) fn sources(arguments: &Arguments) -> Result<Vec<Source>, Failure> {
    let stdin_twice = arguments.tokens.iter().filter(|token| *token == "-").count() > 1;
    if stdin_twice {
        return Err(Failure::unusable("standard input can be read once: pass `-` once"));
    }
    if arguments.password && reads_stdin(arguments) {
        return Err(Failure::unusable(
            "--password would be read from standard input, where the tokens come from; write the tokens to a file and pass it with \
             --file, or use --password-file",
        ));
    }
    if reads_stdin(arguments) && arguments.tokens.is_empty() {
        if std::io::stdin().is_terminal() {
            anstream::eprintln!("ntlm: reading tokens from the terminal; end them with Ctrl-D on a line of its own");
        }
        return Ok(vec![Source::stdin()?]);
    }
    let mut sources = Vec::new();
    for (index, token) in arguments.tokens.iter().enumerate() {
        sources.push(Source::argument(token, format!("argument {}", index + 1))?);
    }
    for path in &arguments.file {
        sources.push(Source::file(path)?);
    }
    Ok(sources)
}

fn reads_stdin(arguments: &Arguments) -> bool {
    let none = arguments.tokens.is_empty() && arguments.file.is_empty();
    none || arguments.tokens.iter().any(|token| token == "-")
}

pub(super) fn clock(arguments: &Arguments) -> Result<Clock, Failure> {
    let Some(text) = &arguments.now else { return Ok(Clock { now: environment::now(), stated: false }) };
    let wrong = |why: String| {
        Failure::unusable(format!("--now {text}: {why}; write it as 2026-11-22T17:29:38Z or 2026-11-22T18:29:38+01:00"))
    };
    // The form that `output::time` prints is taken too.
    let text = text.strip_suffix(" UTC").map_or_else(|| text.clone(), |start| format!("{start}Z"));
    let timestamp: jiff::Timestamp = text.parse().map_err(|error| wrong(format!("not a time ({error})")))?;
    let since = std::time::Duration::try_from(timestamp.as_duration());
    let since = since.map_err(|_| wrong("a time before 1970".to_owned()))?;
    Ok(Clock { now: FileTime::from_unix(since), stated: true })
}

/// What --negotiate and --challenge say.
pub(super) fn given(arguments: &Arguments) -> Result<Exchange, Failure> {
    let mut exchange = Exchange::default();
    if let Some(text) = &arguments.negotiate {
        let bytes = single(text, "--negotiate")?;
        match Message::parse(&bytes) {
            Ok(Message::Negotiate(_)) => exchange.give_negotiate(bytes),
            Ok(other) => return Err(another(&other, "--negotiate", "NEGOTIATE_MESSAGE")),
            Err(error) => return Err(Failure::unusable(format!("--negotiate: {}", Problem::from(error)))),
        }
    }
    if let Some(text) = &arguments.challenge {
        let eight = input::decode(text).ok().filter(|(_, encoding)| *encoding == "hex");
        let eight = eight.and_then(|(bytes, _)| <[u8; 8]>::try_from(bytes).ok());
        if let Some(server_challenge) = eight {
            exchange.give_challenge(server_challenge, None);
            return Ok(exchange);
        }
        let bytes = single(text, "--challenge")?;
        match Message::parse(&bytes) {
            Ok(Message::Challenge(challenge)) => {
                let server_challenge = challenge.server_challenge;
                exchange.give_challenge(server_challenge, Some(bytes));
            }
            Ok(other) => return Err(another(&other, "--challenge", "CHALLENGE_MESSAGE")),
            Err(error) => {
                let problem = Problem::from(error);
                return Err(Failure::unusable(format!("--challenge: {problem}; or pass the eight bytes in hex")));
            }
        }
    }
    Ok(exchange)
}

fn another(found: &Message<'_>, option: &str, wanted: &str) -> Failure {
    Failure::unusable(format!(
        "{option} is a {}, not a {wanted}; pass the right one, or let the input have it",
        found.name()
    ))
}

/// The one NTLM message in an option.
fn single(text: &str, option: &str) -> Result<Vec<u8>, Failure> {
    let unusable = |problem: &dyn fmt::Display| Failure::unusable(format!("{option}: {problem}"));
    if text == "-" {
        return Err(unusable(&"cannot be standard input; write it to a file and pass `@FILE`"));
    }
    let source = Source::argument(text, option.to_owned())?;
    let candidates = source.candidates().map_err(|problem| unusable(&problem))?;
    let Some(candidate) = candidates.into_iter().next() else { return Err(unusable(&"holds no token")) };
    let token = candidate.token.map_err(|problem| unusable(&problem))?;
    match spnego::open(&token).map_err(|problem| unusable(&problem))? {
        Content::Ntlm { message, .. } => Ok(message.to_vec()),
        Content::Other(what) => Err(unusable(&what)),
    }
}

/// The password or hash to check with; `None` when nothing is to be checked.
pub(super) fn secret(arguments: &Arguments) -> Result<Option<Secret>, Failure> {
    let hash = |digits: &str, option: &str| {
        let bytes = Zeroizing::new(input::from_hex(digits.trim()).unwrap_or_default());
        // The value is not repeated: it is as good as the password.
        let hash = NtHash::from_bytes(&bytes);
        hash.map_err(|error| {
            Failure::unusable(format!("{option}: {error}; pass 32 hex digits, as `ntlm hash` prints them"))
        })
    };
    Ok(if arguments.password {
        Some(Secret::from_password(&crate::password::read("Password: ")?))
    } else if let Some(path) = &arguments.password_file {
        Some(Secret::from_password(&Password::new(&first_line(path)?)))
    } else if let Some(digits) = &arguments.nt_hash {
        Some(Secret::from_nt_hash(hash(digits, "--nt-hash")?))
    } else if let Some(path) = &arguments.nt_hash_file {
        Some(Secret::from_nt_hash(hash(&first_line(path)?, "--nt-hash-file")?))
    } else {
        None
    })
}

fn first_line(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
        Failure::unusable(format!("{} cannot be read: {error}; check the path and its permissions", path.display()))
    })?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}
