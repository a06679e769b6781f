//! In-process tests: hostile input, which needs thousands of runs, and one case per lint.

mod lints;
mod recipe;
mod verdicts;

use ntlm::{FileTime, Password};

use super::input::Source;
use super::lint::Clock;
use super::verify::Secret;
use super::{Exchange, Item, complaints, explain, report, status};
use crate::output::hex;

use self::recipe::{Recipe, recorded};

/// The time at which the messages of [`Recipe`] are made.
const NOW: FileTime = FileTime(134_083_565_781_234_567);

/// What `input` holds, and the exit status.
fn outcome(input: &[u8], secret: Option<&Secret>) -> (Vec<Item>, u8) {
    let sources = [Source { name: "test".to_owned(), bytes: input.to_vec() }];
    let items = explain(&sources, &Exchange::default(), secret, Clock { now: NOW, stated: true });
    let status = status(&items, secret.is_some());
    assert!(status <= 2);
    (items, status)
}

/// As [`outcome`], and everything that the command would print.
fn run(input: &[u8], secret: Option<&Secret>) -> (Vec<Item>, u8) {
    let (items, status) = outcome(input, secret);
    let text = report::text(&items);
    assert_eq!(text.is_empty(), items.iter().all(|item| matches!(item.outcome, super::Outcome::Garbage(_))));
    let json: serde_json::Value = serde_json::from_str(&report::json(&items, status)).unwrap();
    assert_eq!(json["status"], status);
    // Whoever gets a 2 gets to know why.
    assert!(status != 2 || !complaints(&items, secret.is_some()).is_empty() || json.to_string().contains("unchecked"));
    (items, status)
}

fn secret() -> Secret {
    Secret::from_password(&Password::new(recipe::PASSWORD))
}

/// DER: tag, length, content.
pub(super) fn der(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length @ ..0x80) => out.push(length),
        _ => {
            out.push(0x82);
            out.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
        }
    }
    out.extend(content);
    out
}

fn neg_token_resp(message: &[u8]) -> Vec<u8> {
    let state = der(0xa0, &[&der(0x0a, &[&[1]])]);
    der(0xa1, &[&der(0x30, &[&state, &der(0xa2, &[&der(0x04, &[message])])])])
}

/// The messages of one exchange, one to a line in hex; the one at `index` is `message` instead.
fn exchange_with(index: usize, message: &[u8], messages: &[Vec<u8>]) -> Vec<u8> {
    let line = |at: usize| if at == index { message } else { &messages[at] };
    (0..messages.len()).map(|at| format!("Authorization: NTLM {}\n", hex(line(at)))).collect::<String>().into_bytes()
}

#[test]
fn every_prefix_of_a_token_is_explained_or_refused() {
    let secret = secret();
    for messages in [Recipe::clean().messages(), recorded("exchanges-windows.json", "windows-a-user-principal-name")] {
        for (index, message) in messages.iter().enumerate() {
            for length in 1..=message.len() {
                let prefix = &message[..length];
                run(prefix, None);
                let (_, status) = run(&exchange_with(index, prefix, &messages), Some(&secret));
                // A prefix of the last message has lost its key, and of the others what the MIC covers.
                assert!(length == message.len() || status != 0, "message {index}, {length} bytes");
            }
            let wrapped = neg_token_resp(message);
            for length in 1..wrapped.len() {
                let (_, status) = run(&wrapped[..length], None);
                assert_eq!(status, 2, "message {index} in SPNEGO, {length} bytes");
            }
        }
    }
}

#[test]
fn a_message_with_any_bit_flipped_is_explained_or_refused_and_never_verified() {
    let secret = secret();
    let messages = Recipe::clean().messages();
    let (_, status) = run(&exchange_with(0, &messages[0], &messages), Some(&secret));
    assert_eq!(status, 0);
    for (index, message) in messages.iter().enumerate() {
        for at in 0..message.len() {
            for bit in 0..8 {
                let mut flipped = message.clone();
                flipped[at] ^= 1 << bit;
                let (_, status) = outcome(&exchange_with(index, &flipped, &messages), Some(&secret));
                assert_ne!(status, 0, "message {index}, byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn a_token_with_any_byte_replaced_is_explained_or_refused() {
    let secret = secret();
    for messages in [
        recorded("exchanges-curl.json", "curl-test91"),
        recorded("exchanges-specification.json", "4.2.3.3-messages"),
        recorded("exchanges-samba.json", "squid-5-gss-ntlmssp"),
    ] {
        for (index, message) in messages.iter().enumerate() {
            for at in 0..message.len() {
                for value in [1, 0xff] {
                    let mut altered = message.clone();
                    altered[at] = value;
                    run(&exchange_with(index, &altered, &messages), Some(&secret));
                }
            }
        }
    }
}

#[test]
fn spnego_with_any_byte_replaced_is_explained_or_refused() {
    let mechanism = der(0x06, &[&[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 0x0a]]);
    let messages = Recipe::clean().messages();
    let mechanisms = der(0xa0, &[&der(0x30, &[&mechanism])]);
    let init = der(0xa0, &[&der(0x30, &[&mechanisms, &der(0xa2, &[&der(0x04, &[&messages[0]])])])]);
    let init = der(0x60, &[&der(0x06, &[&[0x2b, 6, 1, 5, 5, 2]]), &init]);
    for token in [init, neg_token_resp(&messages[1])] {
        let (_, status) = run(&token, None);
        assert_eq!(status, 0);
        for at in 0..token.len() {
            for value in [0, 1, 0x04, 0x30, 0x60, 0x7f, 0x80, 0x81, 0x84, 0x85, 0xa0, 0xa1, 0xff] {
                let mut altered = token.clone();
                altered[at] = value;
                run(&altered, None);
            }
        }
    }
}

#[test]
fn noise_is_refused() {
    // A linear congruential generator (Knuth's MMIX constants): the same noise in every run.
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    for length in 0..600 {
        let noise: Vec<u8> = (0..length).map(|_| next()).collect();
        assert_eq!(run(&noise, None).1, 2);
        let printable: Vec<u8> = noise.iter().map(|byte| 0x20 + byte % 0x5f).collect();
        assert_eq!(run(&printable, None).1, 2);
        let header = [b"WWW-Authenticate: NTLM ", printable.as_slice()].concat();
        assert_eq!(run(&header, None).1, 2);
        for start in
            [&b"NTLMSSP\0"[..], b"NTLMSSP\0\x03\0\0\0", b"\x60\x82\x01\x00\x06\x06", b"\xa1\x82\x01\x00\x30\x30"]
        {
            run(&[start, noise.as_slice()].concat(), None);
        }
    }
}

#[test]
fn messages_are_found_in_captured_packets() {
    let messages = Recipe::clean().messages();
    let noise = [0xfe, b'S', b'M', b'B', 0, 1, 2, 3];
    let capture = [&noise[..], &messages[0], &noise, &messages[1], &noise, &messages[2], &noise].concat();
    let (items, status) = run(&capture, Some(&secret()));
    assert_eq!(status, 0, "the MIC needs every message to begin and end in the right place");
    assert_eq!(items.len(), 3);
    assert_eq!(items[0].origin.offset, Some(8));
}
