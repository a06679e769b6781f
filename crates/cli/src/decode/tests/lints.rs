//! Every lint is triggered by what it is about, and by nothing in a faultless exchange.

use std::collections::BTreeSet;

use ntlm::NegotiateFlags as F;
use ntlm::wire::AvId;

use super::recipe::{Key, Recipe, recorded, text};
use super::{NOW, exchange_with, hex, run, secret};
use crate::decode::{Clock, Exchange, Item, Outcome, Source, explain, lints};

type Case = (&'static str, fn() -> Vec<Vec<u8>>);

const HOUR: u64 = 60 * 60 * 10_000_000;

fn with(change: impl FnOnce(&mut Recipe)) -> Vec<Vec<u8>> {
    Recipe::with(change).messages()
}

/// Sets and clears bits in all three messages.
fn flags(set: F, clear: F) -> Vec<Vec<u8>> {
    with(|it| {
        for flags in [&mut it.negotiate_flags, &mut it.challenge_flags, &mut it.authenticate_flags] {
            *flags = (*flags | set).without(clear);
        }
    })
}

/// The pairs of the clean challenge without one of them.
fn pairs_without(id: AvId) -> Vec<(AvId, Vec<u8>)> {
    Recipe::clean().target_info.into_iter().filter(|(other, _)| *other != id).collect()
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    ("no-charset", || flags(F::NONE, F::UNICODE)),
    ("both-charsets", || flags(F::OEM, F::NONE)),
    ("oem-names", || flags(F::OEM, F::UNICODE)),
    ("no-extended-session-security", || flags(F::NONE, F::EXTENDED_SESSIONSECURITY)),
    ("lm-key", || flags(F::LM_KEY, F::EXTENDED_SESSIONSECURITY)),
    ("non-nt-session-key", || flags(F::REQUEST_NON_NT_SESSION_KEY, F::NONE)),
    ("weak-session-keys", || flags(F::NONE, F::N128)),
    ("key-exchange-without-protection", || flags(F::NONE, F::SIGN | F::SEAL)),
    ("local-call", || with(|it| it.challenge_flags |= F::LOCAL_CALL)),
    ("reserved-flags", || flags(F::R4, F::NONE)),
    ("connectionless", || flags(F::DATAGRAM, F::NONE)),
    ("flags-not-asked", || with(|it| it.negotiate_flags = it.negotiate_flags.without(F::SEAL))),
    ("protection-dropped", || with(|it| it.challenge_flags = it.challenge_flags.without(F::SIGN))),
    ("flags-changed", || with(|it| it.authenticate_flags |= F::LM_KEY)),
    ("version-flag-without-field", || recorded("exchanges-samba.json", "squid-5-curl")),
    ("names-in-negotiate", || with(|it| {
        it.negotiate_flags |= F::OEM_WORKSTATION_SUPPLIED;
        it.names = (b"", b"LAPTOP7");
    })),
    ("missing-target-info", || with(|it| {
        it.challenge_flags = it.challenge_flags.without(F::TARGET_INFO);
        it.target_info.clear();
    })),
    ("missing-timestamp", || with(|it| it.target_info = pairs_without(AvId::TIMESTAMP))),
    ("missing-netbios-names", || with(|it| it.target_info = pairs_without(AvId::NB_DOMAIN_NAME))),
    ("client-pairs-in-challenge", || with(|it| {
        it.echo = Some(it.target_info.clone());
        it.target_info.push((AvId::FLAGS, vec![0; 4]));
    })),
    ("reserved-not-zero", || with(|it| it.reserved = [1; 8])),
    ("known-server-challenge", || recorded("exchanges-specification.json", "4.2.4.3-messages")),
    ("repeated-server-challenge", || {
        let other = with(|it| it.target_info.push((AvId::DNS_TREE_NAME, text("example.test"))));
        [Recipe::clean().messages(), other].concat()
    }),
    ("unknown-av-pair", || with(|it| it.target_info.push((AvId(77), vec![1, 2, 3])))),
    ("unreferenced-bytes", || {
        let mut messages = Recipe::clean().messages();
        messages[1].extend([1, 2, 3]);
        messages
    }),
    ("overlapping-fields", || {
        let mut messages = Recipe::clean().messages();
        messages[2].copy_within(36..44, 28);
        messages
    }),
    ("no-flags", || {
        // The payload begins at 52: a user named "a" and 24 bytes of NT response.
        let mut message = b"NTLMSSP\0\x03\0\0\0".to_vec();
        for (length, offset) in [(0, 54), (24, 54), (0, 54), (2, 52), (0, 54)] {
            message.extend([length, 0, length, 0, offset, 0, 0, 0]);
        }
        message.extend([b'a', 0]);
        message.extend([0x11; 24]);
        vec![message]
    }),
    ("unknown-response", || with(|it| it.nt_response = Some(vec![0x11; 23]))),
    ("ntlmv1-response", || recorded("exchanges-specification.json", "4.2.3.3-messages")),
    ("lm-response", || recorded("exchanges-specification.json", "4.2.2.3-messages")),
    ("lmv2-not-zero", || recorded("exchanges-specification.json", "4.2.4.3-messages")),
    ("no-mic", || with(|it| it.av_flags = None)),
    ("mic-zero", || with(|it| it.mic = Some([0; 16]))),
    ("mic-without-field", || with(|it| it.mic_field = false)),
    ("mic-not-claimed", || with(|it| (it.av_flags, it.mic) = (None, Some([7; 16])))),
    ("channel-bindings-zero", || recorded("exchanges-windows.json", "windows-a-user-principal-name")),
    ("channel-bindings-missing", || with(|it| it.channel_bindings = None)),
    ("no-target-name", || with(|it| it.target_name = Some(""))),
    ("untrusted-target-name", || with(|it| it.av_flags = Some(6))),
    ("target-info-changed", || with(|it| it.echo = Some(pairs_without(AvId::NB_COMPUTER_NAME)))),
    ("time-stamp-differs", || with(|it| it.time_stamp += 1)),
    ("time-stamp-zero", || with(|it| it.time_stamp = 0)),
    ("clock-skew", || at(NOW.0 - HOUR)),
    ("anonymous-logon", || anonymous()),
    ("anonymous-flag-with-user", || with(|it| it.authenticate_flags |= F::ANONYMOUS)),
    ("guest-user", || with(|it| it.user = "GUEST")),
    ("key-without-key-exchange", || with(|it| {
        it.authenticate_flags = it.authenticate_flags.without(F::KEY_EXCH);
        it.key = Key::Bytes(&[9; 16]);
    })),
    ("key-exchange-without-key", || with(|it| it.key = Key::Bytes(&[0]))),
    ("session-key-in-clear", || with(|it| it.key = Key::InClear)),
];

/// A faultless exchange at another time than now.
fn at(time: u64) -> Vec<Vec<u8>> {
    with(|it| {
        it.time_stamp = time;
        it.target_info = pairs_without(AvId::TIMESTAMP);
        it.target_info.push((AvId::TIMESTAMP, time.to_le_bytes().to_vec()));
    })
}

fn anonymous() -> Vec<Vec<u8>> {
    with(|it| {
        it.user = "";
        it.nt_response = Some(Vec::new());
        it.lm_response = vec![0];
        it.mic_field = false;
    })
}

fn ids(items: &[Item]) -> BTreeSet<&'static str> {
    let explained = items.iter().filter_map(|item| match &item.outcome {
        Outcome::Explained(explained) => Some(&explained.findings),
        _ => None,
    });
    explained.flatten().map(|finding| finding.lint.id).collect()
}

fn found(messages: &[Vec<u8>]) -> BTreeSet<&'static str> {
    let (items, _) = run(&exchange_with(usize::MAX, &[], messages), Some(&secret()));
    assert_eq!(items.len(), messages.len());
    ids(&items)
}

#[test]
fn a_faultless_exchange_has_no_findings_and_verifies() {
    let messages = Recipe::clean().messages();
    assert_eq!(found(&messages), BTreeSet::new());
    let (_, status) = run(&exchange_with(usize::MAX, &[], &messages), Some(&secret()));
    assert_eq!(status, 0);
}

#[test]
fn a_windows_client_with_channel_bindings_has_no_findings() {
    let messages = recorded("exchanges-windows.json", "windows-7-channel-bindings");
    let sources = [Source { name: "test".to_owned(), bytes: exchange_with(usize::MAX, &[], &messages) }];
    // When it was recorded.
    let now = ntlm::FileTime(130_004_106_365_364_091);
    let items = explain(&sources, &Exchange::default(), None, Clock { now, stated: false });
    assert_eq!(ids(&items), BTreeSet::new());
}

#[test]
fn every_lint_is_found_where_it_belongs() {
    for (id, messages) in CASES {
        let found = found(&messages());
        assert!(found.contains(id), "{id} is not among {found:?}");
    }
}

#[test]
fn every_lint_has_a_case_and_a_name_of_its_own() {
    let cases: BTreeSet<&str> = CASES.iter().map(|(id, _)| *id).collect();
    let ids: BTreeSet<&str> = lints::ALL.iter().map(|lint| lint.id).collect();
    assert_eq!(ids.len(), lints::ALL.len());
    // That one needs another clock: the next test.
    let missing: Vec<_> = ids.difference(&cases).filter(|id| **id != "token-old").collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
    assert_eq!(cases.difference(&ids).count(), 0);
    for lint in lints::ALL {
        assert!(lint.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{}", lint.id);
        assert!(lint.text.ends_with('.') && !lint.text.contains("  "), "{}", lint.id);
    }
}

#[test]
fn logs_may_be_old_but_not_from_the_future() {
    let case = |time: u64, stated| {
        let sources = [Source { name: "test".to_owned(), bytes: hex(&at(time)[1]).into_bytes() }];
        ids(&explain(&sources, &Exchange::default(), None, Clock { now: NOW, stated })).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(case(NOW.0 - HOUR / 20, false), [""; 0]);
    assert_eq!(case(NOW.0 - HOUR, false), ["token-old"]);
    assert_eq!(case(NOW.0 - 1000 * HOUR, false), ["token-old"]);
    assert_eq!(case(NOW.0 + HOUR, false), ["clock-skew"]);
    assert_eq!(case(NOW.0 - HOUR, true), ["clock-skew"]);
    assert_eq!(case(u64::MAX, false), ["clock-skew"]);
}

#[test]
fn the_same_challenge_logged_twice_is_not_a_repeated_one() {
    let messages = Recipe::clean().messages();
    assert_eq!(found(&[messages.clone(), messages].concat()), BTreeSet::new());
}
