//! What is checked, and the steps that the checks are made of.

pub(crate) mod clients;
pub(crate) mod helpers;
pub(crate) mod servers;

use std::fmt;

use ntlm::error::{OutOfSequence, Rejected};
use ntlm::{Error, NegotiateFlags};

use crate::process::Programs;
use crate::side::{Account, Refusal, Side, Transcript};

/// Nothing, or what was expected and what came instead.
pub(crate) type Outcome = Result<(), String>;

/// A sentence to prove, and the proof.
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) body: Box<dyn Fn(&Run<'_>) -> Outcome + Send + Sync>,
}

/// A row of the matrix: who meets whom. It prints as that.
pub(crate) trait Row: fmt::Display + Sync {
    fn does(&self) -> &[Does];
}

/// What a counterpart does, by itself or when told so, beyond letting logons succeed and fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// As client: sends a MIC and says so.
    Mic,
    /// As client: sends none, or one that it does not announce.
    NoMic,
    /// Signs and seals.
    Sign,
    /// Verifies and unseals empty messages, too.
    SignNothing,
    /// Sends, or checks, channel bindings.
    Bind,
    /// Speaks NTLMv1, with extended session security and without.
    NtlmV1,
}

/// A column of the matrix: what is proven, what the counterpart must do for it, and the proof.
type Column<Row> = (&'static str, &'static [Does], fn(&Row, &Run<'_>) -> Outcome);

/// The checks of every row.
fn cross<R: Row>(rows: &'static [R], columns: &'static [Column<R>]) -> impl Iterator<Item = Check> {
    rows.iter().flat_map(move |row| {
        let columns = columns.iter().filter(|(_, needs, _)| needs.iter().all(|need| row.does().contains(need)));
        columns.map(move |(title, _, check)| Check {
            name: format!("{row}: {title}"),
            body: Box::new(move |run| check(row, run)),
        })
    })
}

/// One run of a check.
pub(crate) struct Run<'a> {
    pub(crate) programs: &'a Programs,
    pub(crate) transcript: Transcript,
}

/// The application data of a channel, and that of another.
const CHANNEL: &[u8] = b"tls-server-end-point:0123456789abcdef0123456789abcdef";
const OTHER_CHANNEL: &[u8] = b"tls-server-end-point:fedcba9876543210fedcba9876543210";

/// Lengths of the messages that are signed and sealed; the empty one comes only where the counterpart can.
const LENGTHS: [usize; 5] = [1, 9, 64, 4096, 9];

/// Where the MIC of an AUTHENTICATE_MESSAGE is.
const MIC: usize = 72;

/// A byte of the flags of a NEGOTIATE_MESSAGE, whose fourth bit nobody uses.
const NEGOTIATE_FLAGS: usize = 12;

/// Goes as far as the AUTHENTICATE_MESSAGE, which it gives.
fn authenticate(client: &mut dyn Side, server: &mut dyn Side) -> Result<Vec<u8>, Refusal> {
    let negotiate = client.token(&[])?;
    let challenge = server.token(&negotiate)?;
    client.token(&challenge)
}

/// Goes all the way.
fn log_on(client: &mut dyn Side, server: &mut dyn Side) -> Result<(), Refusal> {
    let authenticate = authenticate(client, server)?;
    server.token(&authenticate).map(drop)
}

/// Both sides are complete and agree on the key, the flags and the user.
fn agree(client: &mut dyn Side, server: &mut dyn Side, account: Account) -> Outcome {
    let (client, server) = (client.facts()?, server.facts()?);
    if client.key.as_ref().is_none_or(|key| key.len() != 32) || client.key != server.key {
        return Err(format!(
            "expected equal session keys, got {:?} (client) and {:?} (server)",
            client.key, server.key
        ));
    }
    same_protection(client.flags, server.flags)?;
    let expected = Some(account.name());
    if server.user != expected {
        return Err(format!("expected the server to see the user {expected:?}, got {:?}", server.user));
    }
    Ok(())
}

/// The flags that keys and signatures depend on are the same, where both sides tell them.
fn same_protection(client: Option<u32>, server: Option<u32>) -> Outcome {
    use NegotiateFlags as F;
    let matter = F::SIGN | F::SEAL | F::EXTENDED_SESSIONSECURITY | F::KEY_EXCH | F::N128 | F::LM_KEY;
    let (Some(client), Some(server)) = (client, server) else {
        return Ok(());
    };
    let different = NegotiateFlags(client ^ server) & matter;
    if different.is_empty() {
        return Ok(());
    }
    Err(format!(
        "expected equal flags, got {client:#010x} (client) and {server:#010x} (server), different: {different}"
    ))
}

/// Logs on and agrees.
fn log_on_and_agree(client: &mut dyn Side, server: &mut dyn Side, account: Account) -> Outcome {
    log_on(client, server)?;
    agree(client, server, account)
}

/// Signs and, where `seal` says so, seals messages of `lengths` in both directions by turns, so that key streams and sequence numbers advance.
fn talk(client: &mut dyn Side, server: &mut dyn Side, lengths: &[usize], seal: bool) -> Outcome {
    for &length in lengths {
        let message: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
        say(client, server, &message, seal).map_err(|why| format!("{length} bytes to the server: {why}"))?;
        say(server, client, &message, seal).map_err(|why| format!("{length} bytes to the client: {why}"))?;
    }
    Ok(())
}

fn say(from: &mut dyn Side, to: &mut dyn Side, message: &[u8], seal: bool) -> Outcome {
    let signature = from.sign(message)?;
    to.verify(message, &signature)?;
    if seal {
        let sealed = from.seal(message)?;
        if message.len() > 8 && sealed.ends_with(message) {
            return Err("expected a sealed message, got one that can be read".to_owned());
        }
        let unsealed = to.unseal(&sealed)?;
        if unsealed != message {
            return Err(format!("expected {message:02x?} unsealed, got {unsealed:02x?}"));
        }
    }
    Ok(())
}

/// Ours refuses messages of theirs that were changed, replayed or reordered, and takes the true ones afterwards.
fn check_refused_messages(theirs: &mut dyn Side, ours: &mut dyn Side) -> Outcome {
    let out_of_sequence = |expected, found| OutOfSequence::SequenceNumber { expected, found: Some(found) };

    let signature = theirs.sign(b"message")?;
    refused_by_ours(ours.verify(b"massage", &signature), Rejected::Signature)?;
    refused_by_ours(ours.verify(b"message", &changed(&signature, 4, 1)), Rejected::Signature)?;
    ours.verify(b"message", &signature)?;
    refused_by_ours(ours.verify(b"message", &signature), out_of_sequence(1, 0))?;

    let (first, second) = (theirs.seal(b"first")?, theirs.seal(b"second")?);
    refused_by_ours(ours.unseal(&changed(&first, 16, 1)), Rejected::Signature)?;
    refused_by_ours(ours.unseal(&second), out_of_sequence(1, 2))?;
    for (sealed, message) in [(first, "first"), (second, "second")] {
        let unsealed = ours.unseal(&sealed)?;
        if unsealed != message.as_bytes() {
            return Err(format!("expected {message:?} after the refused messages, got {unsealed:02x?}"));
        }
    }
    Ok(())
}

/// Theirs refuses a message of ours that was changed. It need not be good for anything afterwards.
fn check_changed_message(ours: &mut dyn Side, theirs: &mut dyn Side, sealed: bool) -> Outcome {
    if sealed {
        let sealed = ours.seal(b"message")?;
        refused_by_theirs(theirs.unseal(&changed(&sealed, 16, 1)), "")
    } else {
        let signature = ours.sign(b"message")?;
        refused_by_theirs(theirs.verify(b"message", &changed(&signature, 4, 1)), "")
    }
}

/// `expected` is exactly how ours refused.
fn refused_by_ours<T>(result: Result<T, Refusal>, expected: impl Into<Error>) -> Outcome {
    let expected = expected.into();
    match result {
        Err(Refusal::Ours(error)) if error == expected => Ok(()),
        Err(refusal) => Err(format!("expected ours to refuse with {expected:?}, got: {refusal}")),
        Ok(_) => Err(format!("expected ours to refuse with {expected:?}, but it accepted")),
    }
}

/// The counterpart refused, and its words contain `expected`.
fn refused_by_theirs<T>(result: Result<T, Refusal>, expected: &str) -> Outcome {
    match result {
        Err(Refusal::Theirs(words)) if words.contains(expected) => Ok(()),
        Err(refusal) => Err(format!("expected theirs to refuse with {expected:?}, got: {refusal}")),
        Ok(_) => Err(format!("expected theirs to refuse with {expected:?}, but it accepted")),
    }
}

/// `data` with one bit of the byte at `index` changed.
fn changed(data: &[u8], index: usize, bit: u8) -> Vec<u8> {
    let mut data = data.to_vec();
    if let Some(byte) = data.get_mut(index) {
        *byte ^= bit;
    }
    data
}

/// `--channel-bindings-hex` with `application_data`.
fn bindings_option(application_data: &[u8]) -> [String; 2] {
    let hex = application_data.iter().map(|byte| format!("{byte:02x}")).collect();
    ["--channel-bindings-hex".to_owned(), hex]
}
