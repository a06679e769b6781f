//! Names that are made to look like others, or to break what they flow into.

use ntlm::error::{Error, Incompatible};
use ntlm::wire::{Charset, upcase};
use ntlm::{Credentials, LogonFailure, NegotiateFlags, Password, UnicodeString};

use crate::common::{strict_and_windows, windows};
use crate::support::pair::{PASSWORD, Pair, Step};
use crate::support::script::{Script, UNPROTECTED, negotiate};

/// Names that Unicode's full upper-casing makes equal to another, and Windows' table does not.
const LOOKALIKES: [(&str, &str); 10] = [
    ("stra\u{df}e", "STRASSE"),
    ("al\u{131}ce", "ALICE"),
    ("al\u{130}ce", "alice"),
    ("bo\u{17f}s", "BOSS"),
    ("\u{fb01}ona", "FIONA"),
    ("\u{149}eil", "\u{2bc}NEIL"),
    ("\u{b5}ser", "\u{39c}SER"),
    ("ali\u{ff43}e", "ALICE"),
    ("al\u{456}ce", "ALICE"),
    ("k\u{212a}", "kk"),
];

#[test]
fn attack_35_names_that_look_alike_are_not_the_same() {
    let hash = Password::new(PASSWORD).nt_hash();
    let none = UnicodeString::default();
    for (name, other) in LOOKALIKES.map(|(name, other)| (UnicodeString::from(name), UnicodeString::from(other))) {
        assert!(!name.eq_ignore_case(&other), "{name} and {other}");
        assert_ne!(name.to_upper(), other.to_upper());
        let [one, two] = [&name, &other].map(|user| *hash.response_key_nt(user, &none).expose());
        assert_ne!(one, two, "{name} and {other} have the same key");

        // A directory that looks up by the same rule does not find the other's account.
        for pair in strict_and_windows() {
            let account = other.clone();
            let mut pair = pair.with_authority(move |logon| {
                let hash = Password::new(PASSWORD).nt_hash();
                logon.verify(logon.user().eq_ignore_case(&account).then_some(&hash))
            });
            pair.credentials = Credentials::with_domain(&name, &"EXAMPLE".into(), &Password::new(PASSWORD));
            assert_eq!(pair.refused().error, LogonFailure::NO_SUCH_USER.into());
        }
    }
    // What is the same: one letter for one letter.
    for (name, other) in [("alice", "ALICE"), ("\u{e9}mile", "\u{c9}MILE"), ("\u{3c3}\u{3c2}", "\u{3a3}\u{3a3}")] {
        assert!(UnicodeString::from(name).eq_ignore_case(&other.into()), "{name} and {other}");
    }
    // Upper-casing an upper-cased unit changes nothing, and no unit leaves the 16 bits.
    assert!((0..=u16::MAX).all(|unit| upcase(upcase(unit)) == upcase(unit)));
}

#[test]
fn attack_35_the_case_of_the_domain_counts() {
    for mut pair in strict_and_windows() {
        for (sent, hashed) in [("Example", "EXAMPLE"), ("EXAMPLE", "example"), ("EXAMPLE", "Example"), ("", "EXAMPLE")]
        {
            let script = Script { domain: sent.into(), hashed_domain: Some(hashed.into()), ..Script::new() };
            let error = script.run(&mut pair).expect_err("another domain");
            assert_eq!(error.error, LogonFailure::WRONG_PASSWORD.into(), "{sent} and {hashed}");
        }
        // The user's does not.
        let script = Script { user: "AlIcE".into(), ..Script::new() };
        assert!(script.run(&mut pair).is_ok());
    }
}

#[test]
fn attack_35_the_retry_without_domain_is_off_and_widens_by_nothing_else() {
    for mut pair in strict_and_windows() {
        let nil = Script { hashed_domain: Some("".into()), ..Script::new() };
        assert_eq!(nil.run(&mut pair).expect_err("no domain").error, LogonFailure::WRONG_PASSWORD.into());
        pair.server_config.policy.nil_domain_retry = true;
        assert!(nil.run(&mut pair).expect("an opt-in").info.observations().nil_domain);
        assert!(!Script::new().run(&mut pair).expect("a domain").info.observations().nil_domain);
        let other = Script { hashed_domain: Some("OTHER".into()), ..Script::new() };
        assert_eq!(other.run(&mut pair).expect_err("another domain").error, LogonFailure::WRONG_PASSWORD.into());
        let wrong = Script { password: "wrong".into(), ..nil };
        assert_eq!(wrong.run(&mut pair).expect_err("a wrong password").error, LogonFailure::WRONG_PASSWORD.into());
    }
}

/// What a client without Unicode asks for.
const OEM: NegotiateFlags = NegotiateFlags(UNPROTECTED.0 & !1 | 2);

#[test]
fn attack_36_names_in_an_oem_code_page_are_refused_by_default() {
    let error = Script::without_mic().asking(OEM).run(&mut Pair::new()).expect_err("OEM names");
    assert_eq!((error.step, error.error), (Step::Negotiate, Incompatible::OemRefused.into()));

    // Nor can a client change over to them once Unicode was settled, under any policy.
    for mut pair in strict_and_windows() {
        let script =
            Script { flags: |flags| flags.without(NegotiateFlags::UNICODE) | NegotiateFlags::OEM, ..Script::new() };
        let error = script.run(&mut pair).expect_err("OEM names");
        assert_eq!(error.error, Incompatible::FlagsChanged(NegotiateFlags::UNICODE).into());
    }
    // And not the other way round: an OEM client whose names are then read as UTF-16.
    let script = Script { flags: |flags| flags | NegotiateFlags::UNICODE, ..Script::without_mic() };
    let error = script.asking(OEM).run(&mut windows()).expect_err("Unicode names");
    assert_eq!(error.error, Incompatible::FlagsChanged(NegotiateFlags::UNICODE).into());

    // A client of ours does not answer a server that knows nothing else, and does not offer it.
    let mut pair = Pair::new().with_challenge(|challenge| {
        challenge[20] = challenge[20] & !1 | 2;
    });
    assert!(matches!(pair.refused().error, Error::Incompatible(Incompatible::NoCharset | Incompatible::OemRefused)));
    assert_eq!(pair.sent.negotiate[12] & 3, 1);
    assert_eq!(negotiate(OEM)[12] & 3, 2);
}

#[test]
fn attack_36_no_exotic_character_turns_into_another() {
    // Every byte has its unit, and the way back is the same.
    let bytes: Vec<u8> = (0..=u8::MAX).collect();
    let text = UnicodeString::decode(&bytes, Charset::Oem);
    assert!(text.units().iter().zip(&bytes).all(|(unit, byte)| *unit == u16::from(*byte)));
    let mut back = Vec::new();
    text.encode(Charset::Oem, &mut back);
    assert_eq!(back, bytes);

    // What has no byte becomes `?`, never a letter that resembles it.
    for unit in 0x100..=u16::MAX {
        let mut encoded = Vec::new();
        UnicodeString::from_units(&[unit]).encode(Charset::Oem, &mut encoded);
        assert_eq!(encoded, b"?", "{unit:#x}");
    }
}

#[test]
fn attack_36_a_name_in_another_code_page_fails_and_is_told() {
    // A client in code page 437 sends 0x81 and means U+00FC: the name that is read is another, and the response does not fit it.
    let mut pair = windows().with_authority(crate::common::everybody);
    let script = || Script { user: "m\u{fc}ller".into(), ..Script::without_mic() }.asking(OEM);
    let server = script().run(&mut pair).expect("Latin-1");
    assert!(server.info.observations().oem && server.info.observations().oem_not_ascii);
    assert_eq!(server.info.identity().user, "m\u{fc}ller".into());
    pair.in_the_middle.authenticate = Some(Box::new(|message| {
        let at = message.windows(2).position(|window| window == b"m\xfc").expect("the name");
        message[at + 1] = 0x81;
    }));
    assert_eq!(script().run(&mut pair).expect_err("another name").error, LogonFailure::WRONG_PASSWORD.into());
}

/// Names that break log lines, queries and paths.
fn hostile_names() -> Vec<UnicodeString> {
    let mut names = [
        "a\nb",
        "a\r\nroot logged on",
        "\u{1b}[2Ja",
        "a\0b",
        "..\\..\\x",
        "a@b\\c",
        "' OR 1=1 --",
        "a\u{202e}b",
        "\u{200b}",
        "\u{feff}a",
    ]
    .map(UnicodeString::from)
    .to_vec();
    names.push(UnicodeString::from_units(&[0x61; 7_500]));
    names.push(UnicodeString::from_units(&[0x0a; 7_500]));
    names.push(UnicodeString::from_units(&[0xd800; 7_500]));
    names
}

#[test]
fn attack_37_names_are_opaque_inside_and_harmless_outside() {
    for name in hostile_names() {
        for mut pair in strict_and_windows() {
            pair.credentials = Credentials::with_domain(&name, &name, &Password::new(PASSWORD));
            pair.client_config.workstation = name.clone();
            pair.client_exchange.target_name = Some(name.clone());
            let (client, server) = pair.run().expect("names are opaque");
            assert_eq!(server.info.identity().user, name);
            assert_eq!(server.info.identity().domain, name);
            assert_eq!(server.info.target_name(), Some(&name));
            let (_, waiting) = pair.question().expect("a question");

            let printed = [
                name.to_string(),
                format!("{name:?}"),
                server.info.identity().to_string(),
                format!("{server:?}"),
                format!("{client:?}"),
                format!("{waiting:?}"),
                format!("{:?}", waiting.logon()),
                format!("{:?}", pair.credentials),
                pair.with_authority(|_| Err(LogonFailure::NO_SUCH_USER)).refused().error.to_string(),
            ];
            for (number, text) in printed.iter().enumerate() {
                let harmless = |c: char| !c.is_control() && !matches!(c, '\u{200b}' | '\u{202e}' | '\u{feff}');
                assert!(text.chars().all(harmless), "{number}: {text:?}");
                // Six names at most, of 256 units each, of eight characters each when escaped.
                assert!(text.len() <= 16 * 1024, "{number}: {} bytes printed", text.len());
            }
        }
    }
}

#[test]
fn attack_37_the_length_of_what_a_peer_sends_is_not_the_length_of_what_is_printed() {
    let mut longest = negotiate(UNPROTECTED);
    longest.resize(ntlm::wire::MAX_NEGOTIATE_LENGTH, 0x41);
    for pair in strict_and_windows() {
        let server = ntlm::server::ExpectNegotiate::new(pair.server_config.into(), pair.server_exchange);
        let waiting =
            server.receive(&longest, pair.now, &mut pair.entropy.clone(), &mut Vec::new()).expect("a challenge");
        assert!(format!("{waiting:?}").len() < 1024);
    }
}
