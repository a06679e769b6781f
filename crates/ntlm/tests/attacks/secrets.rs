//! Secrets: compared, told, kept, drawn and used once.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;

use ntlm::client::{self, ExpectChallenge, Start};
use ntlm::crypto::{KeyStream, Rc4};
use ntlm::error::Error;
use ntlm::export::ExportedContext;
use ntlm::logon::LogonFailureKind;
use ntlm::secret::*;
use ntlm::server::{self, AwaitLogon, ExpectAuthenticate, ExpectNegotiate};
use ntlm::session::{Sealer, Session, Unsealer};
use ntlm::{
    Credentials, EntropyError, Established, LogonFailure, LogonSuccess, NetworkLogon, Requirements, ServerConfig,
    ServerNames, ServerPolicy,
};
use zeroize::ZeroizeOnDrop;

use crate::common::{every_protection, implements, strict_and_windows};
use crate::support::pair::{NOW, PASSWORD, Step};
use crate::support::script::{PROTECTED, Script, negotiate};

/// The sources of the crate by their path.
fn sources() -> BTreeMap<String, String> {
    fn read(folder: &Path, below: &str, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).expect("the sources") {
            let path = entry.expect("an entry").path();
            let name = format!("{below}{}", path.file_name().expect("a name").to_string_lossy());
            if path.is_dir() {
                read(&path, &format!("{name}/"), found);
            } else {
                found.insert(name, std::fs::read_to_string(&path).expect("a source file"));
            }
        }
    }
    let mut found = BTreeMap::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut found);
    found
}

/// A source without its unit tests and comments.
fn code(source: &str) -> String {
    let code = source.split("#[cfg(test)]\nmod tests").next().expect("code").lines();
    code.filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

/// What is known of a type: whether it can be compared, copied, and printed as text, and whether it is wiped.
macro_rules! facts {
    ($($type:ty),* $(,)?) => {
        [$((
            stringify!($type),
            implements!($type: PartialEq),
            implements!($type: Clone) || implements!($type: Copy),
            implements!($type: std::fmt::Display),
            implements!($type: ZeroizeOnDrop),
        )),*]
    };
}

#[test]
fn attack_27_secrets_cannot_be_compared_copied_or_printed_and_are_wiped() {
    let facts = facts![
        Password,
        NtHash,
        LmHash,
        LmSessionKey,
        ResponseKeyNt,
        SessionBaseKey,
        KeyExchangeKey,
        ExportedSessionKey,
        SigningKey,
        SealingKey,
    ];
    for (name, compared, copied, printed, wiped) in facts {
        assert_eq!((compared, copied, printed, wiped), (false, false, false, true), "{name}");
    }
    assert!(implements!(Rc4: ZeroizeOnDrop) && !implements!(Rc4: PartialEq) && !implements!(Rc4: Clone));
    assert!(
        implements!(KeyStream: ZeroizeOnDrop) && !implements!(KeyStream: PartialEq) && !implements!(KeyStream: Clone)
    );
    // The probe itself.
    assert!(implements!(u8: PartialEq) && implements!(u8: Copy) && !implements!(u8: ZeroizeOnDrop));

    // The list above is the list of the types in `secret.rs`; what is no secret there is named here.
    let text = code(&sources()["secret.rs"]);
    let in_macro = text
        .split("secret! {")
        .skip(1)
        .filter_map(|rest| rest.lines().find(|line| line.ends_with(", 16") || line.ends_with(", 8")));
    let mut found: BTreeSet<&str> = in_macro.filter_map(|line| line.trim().split(',').next()).collect();
    for line in text.lines().filter(|line| line.starts_with("pub struct ") || line.starts_with("pub enum ")) {
        found.extend(line.split(|c: char| !c.is_alphanumeric()).nth(2));
    }
    let expected: BTreeSet<&str> = facts.iter().map(|(name, ..)| *name).chain(["UnusableHash", "Direction"]).collect();
    assert_eq!(found, expected, "a type of `secret.rs` that this test does not look at");
}

#[test]
fn attack_27_what_proves_something_is_compared_in_constant_time() {
    // What a peer could guess byte by byte, by the names it has where it is checked.
    const GUESSED: [&str; 10] =
        ["computed", "mic", "bindings", "theirs", "proof", "checksum", "signature", "covered", "hmac", "response"];
    // Comparisons of lengths, of kinds and of what is public, in lines that have one of those names.
    const PUBLIC: [&str; 7] =
        ["MicCheck::", "IdentityKind::", "!= [0; 16]", "found != expected", ".len() ", "ResponseClass::", "index_of"];
    let sources: BTreeMap<String, String> = sources().into_iter().map(|(file, source)| (file, code(&source))).collect();
    for (file, text) in &sources {
        if file.starts_with("wire/") || file.starts_with("recordings") {
            // Reads bytes and knows no secrets; is for tests alone.
            continue;
        }
        for line in text.lines().filter(|line| line.contains("==") || line.contains("!=")) {
            let guessed = GUESSED.iter().any(|name| line.contains(name));
            assert!(!guessed || PUBLIC.iter().any(|part| line.contains(part)), "{file}: {line}");
        }
    }
    // Where responses and keys are made and checked there is no `==` at all, and where something is proven it is by `equal`.
    for file in ["secret.rs", "verify.rs"] {
        assert!(!sources[file].contains("==") && !sources[file].contains("!="), "{file} compares with == or !=");
    }
    assert!(sources["secret.rs"].contains("differences.ct_eq(&0)"));
    for (part, compared) in [("verify.rs", 3), ("session.rs", 2), ("server/", 2)] {
        let found: usize = sources
            .iter()
            .filter(|(file, _)| file.starts_with(part))
            .map(|(_, text)| text.matches("equal(&").count())
            .sum();
        assert!(found >= compared, "{part} compares {found} times");
    }
}

#[test]
fn attack_28_an_unknown_user_and_a_wrong_password_look_the_same() {
    for pair in strict_and_windows() {
        let mut pair = pair.with_authority(crate::support::pair::knows_alice);
        let unknown = Script { user: "mallory".into(), ..Script::new() };
        let wrong = Script { password: "wrong".into(), ..Script::new() };
        let [unknown, wrong] = [unknown, wrong].map(|script| script.run(&mut pair).expect_err("denied"));
        // Told apart in the audit record alone: both at the same step, after the same question, of the same kind.
        assert_eq!((unknown.step, wrong.step), (Step::Verdict, Step::Verdict));
        let kind = |error| match error {
            Error::Logon(failure) => failure.kind(),
            error => panic!("{error:?}"),
        };
        assert_eq!(kind(unknown.error), LogonFailureKind::Denied);
        assert_eq!(kind(wrong.error), LogonFailureKind::Denied);
    }
    // What else is wrong with the message is not told before the password is right.
    for pair in strict_and_windows() {
        let mut pair = pair.with_authority(crate::support::pair::knows_alice);
        pair.in_the_middle.authenticate = Some(Box::new(|message| message[72] ^= 1));
        for script in [
            Script { user: "mallory".into(), time: Some(ntlm::FileTime(0)), ..Script::new() },
            Script { password: "wrong".into(), time: Some(ntlm::FileTime(0)), pairs: |_| Vec::new(), ..Script::new() },
        ] {
            assert!(matches!(script.run(&mut pair).expect_err("denied").error, Error::Logon(_)));
        }
    }
}

#[test]
fn attack_28_the_stand_in_for_unknown_users_lets_nobody_in() {
    // Where there is no account, the response is checked against some hash all the same; everybody can read here which.
    const STAND_IN: [u8; 16] = [0x5a; 16];
    assert!(sources()["secret.rs"].contains("Self([0x5a; 16])"), "another stand-in than this test knows");
    for pair in strict_and_windows() {
        let mut pair = pair.with_authority(|logon| logon.verify(None));
        for nt_hash in [STAND_IN, *Password::new("").nt_hash().expose(), *Password::new(PASSWORD).nt_hash().expose()] {
            let script = Script { nt_hash: Some(nt_hash), ..Script::new() };
            assert_eq!(script.run(&mut pair).expect_err("nobody").error, LogonFailure::NO_SUCH_USER.into());
        }
        // The response would be right, were there such an account.
        let mut pair = pair.with_authority(|logon| logon.verify(Some(&NtHash::from_bytes(&STAND_IN).expect("a hash"))));
        assert!(Script { nt_hash: Some(STAND_IN), ..Script::new() }.run(&mut pair).is_ok());
    }
}

#[test]
fn attack_29_challenges_do_not_repeat() {
    const CHALLENGES: usize = 100_000;
    let config = Arc::new(ServerConfig::new(ServerNames::standalone("SERVER1"), ServerPolicy::strict()));
    let mut system = |bytes: &mut [u8]| getrandom::fill(bytes).map_err(|_| EntropyError);
    let message = negotiate(PROTECTED);
    let mut seen = HashSet::with_capacity(CHALLENGES);
    let mut out = Vec::new();
    for _ in 0..CHALLENGES {
        out.clear();
        let waiting = ExpectNegotiate::new(Arc::clone(&config), server::Exchange::default())
            .receive(&message, NOW, &mut system, &mut out)
            .expect("a challenge");
        assert_eq!(out[24..32], waiting.server_challenge());
        assert!(seen.insert(waiting.server_challenge()), "a challenge came twice");
    }
}

/// Dice that give a few bytes, however they are asked for, and then are gone.
fn few(mut left: usize) -> impl FnMut(&mut [u8]) -> Result<(), EntropyError> {
    move |bytes| {
        left = left.checked_sub(bytes.len()).ok_or(EntropyError)?;
        bytes.fill(0x77);
        Ok(())
    }
}

#[test]
fn attack_29_without_randomness_nothing_is_sent() {
    for pair in every_protection() {
        let requirements = pair.client_exchange.requirements;
        let config = Arc::new(pair.server_config.clone());
        let (mut first, mut second, mut third) = (Vec::new(), vec![1, 2, 3], vec![4, 5, 6]);
        let exchange = || server::Exchange { requirements, ..server::Exchange::default() };
        let begin = || {
            let exchange = client::Exchange { requirements, ..client::Exchange::default() };
            Start::new(Arc::new(pair.client_config.clone()), Arc::new(pair.credentials.duplicate()), exchange)
        };
        begin().send(&mut first).expect("a NEGOTIATE");
        let server = ExpectNegotiate::new(Arc::clone(&config), exchange());
        let error = server.receive(&first, NOW, &mut few(7), &mut second).expect_err("no dice");
        assert_eq!((error, &second[..]), (EntropyError.into(), &[1, 2, 3][..]));

        second.clear();
        let server = ExpectNegotiate::new(config, exchange());
        drop(server.receive(&first, NOW, &mut few(8), &mut second).expect("a challenge"));
        // The client's challenge, and the session key where there is one.
        let needed = if requirements == Requirements::default() { 8 } else { 8 + 16 };
        for left in 0..needed {
            let client = begin().send(&mut Vec::new()).expect("a NEGOTIATE");
            let error = client.receive(&second, NOW, &mut few(left), &mut third).expect_err("no dice");
            assert_eq!((error, &third[..]), (EntropyError.into(), &[4, 5, 6][..]));
        }
        let client = begin().send(&mut Vec::new()).expect("a NEGOTIATE");
        assert!(client.receive(&second, NOW, &mut few(needed), &mut third).is_ok());
    }
}

#[test]
fn attack_39_the_placeholder_for_no_lm_hash_is_nobodys_hash() {
    let half = [0xaa, 0xd3, 0xb4, 0x35, 0xb5, 0x14, 0x04, 0xee];
    let placeholder = [half, half].concat();
    assert_eq!(NtHash::from_bytes(&placeholder).map(|_| ()), Err(UnusableHash));
    // It is the LM hash of the empty password, and no longer password has an LM hash at all.
    assert_eq!(Password::new("").lm_hash().expect("an LM hash").expose(), &placeholder[..]);
    assert!(Password::new("fifteen letters").lm_hash().is_none());
    assert!(Password::new("\u{fc}mlaut").lm_hash().is_none());
}

#[test]
fn attack_43_what_can_be_used_once_cannot_be_copied() {
    let copied = [
        ("Start", implements!(Start: Clone)),
        ("ExpectChallenge", implements!(ExpectChallenge: Clone)),
        ("ExpectNegotiate", implements!(ExpectNegotiate: Clone)),
        ("ExpectAuthenticate", implements!(ExpectAuthenticate: Clone)),
        ("AwaitLogon", implements!(AwaitLogon: Clone)),
        ("NetworkLogon", implements!(NetworkLogon: Clone)),
        ("LogonSuccess", implements!(LogonSuccess: Clone)),
        ("Established", implements!(Established: Clone)),
        ("Session", implements!(Session: Clone)),
        ("Sealer", implements!(Sealer: Clone)),
        ("Unsealer", implements!(Unsealer: Clone)),
        ("ExportedContext", implements!(ExportedContext: Clone)),
        ("Credentials", implements!(Credentials: Clone)),
    ];
    for (name, copied) in copied {
        assert!(!copied, "{name} can be copied");
    }
    // They go to other threads, and two threads can look at one and change nothing.
    assert!(implements!(Session: Send) && implements!(Sealer: Send) && implements!(Unsealer: Send));
    assert!(implements!(Session: Sync) && implements!(ExpectAuthenticate: Sync));
    // That a state is gone once it was used is for the compiler to say: in a test of the documentation.
    let documented =
        |(file, source): (&String, &String)| file.starts_with("server") && source.contains("```compile_fail,E0382");
    assert!(sources().iter().any(documented), "the test of the documentation is gone");
}
