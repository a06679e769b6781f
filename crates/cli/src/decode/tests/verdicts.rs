//! What verification says of responses and MICs, right and wrong.

use ntlm::{NegotiateFlags as F, Password, UnicodeString};

use super::recipe::{Key, PASSWORD, Recipe};
use super::{Secret, exchange_with, run, secret};
use crate::decode::verifications;

/// The texts of the checks, and the exit status.
fn verdicts(recipe: &Recipe, secret: &Secret) -> (Vec<String>, u8) {
    let (items, status) = run(&exchange_with(usize::MAX, &[], &recipe.messages()), Some(secret));
    let checks = verifications(&items).flat_map(|verification| {
        verification.checks().map(|check| format!("{}: {}", check.what, check.text)).collect::<Vec<_>>()
    });
    (checks.collect(), status)
}

fn with(change: impl FnOnce(&mut Recipe)) -> (Vec<String>, u8) {
    verdicts(&Recipe::with(change), &secret())
}

fn assert_says((checks, status): (Vec<String>, u8), expected: &[&str], expected_status: u8) {
    assert_eq!(checks.len(), expected.len(), "{checks:?}");
    for (check, expected) in checks.iter().zip(expected) {
        assert!(check.starts_with(expected), "{check:?} is not {expected:?}");
    }
    assert_eq!(status, expected_status, "{checks:?}");
}

#[test]
fn a_faultless_exchange_is_correct() {
    let expected = ["response: correct (NTLMv2, user \"alice\", domain \"EXAMPLE\")", "MIC: correct"];
    assert_says(with(|_| ()), &expected, 0);
}

#[test]
fn another_password_is_wrong() {
    let secret = Secret::from_password(&Password::new("Secret124"));
    let expected = ["response: wrong", "MIC: cannot be checked: the session key is not known"];
    assert_says(verdicts(&Recipe::clean(), &secret), &expected, 1);
}

#[test]
fn a_response_under_another_form_of_the_domain_is_told_apart() {
    let expected = ["response: correct (NTLMv2, user \"alice\", but only with an empty domain", "MIC: correct"];
    assert_says(with(|it| it.hashed_domain = Some("")), &expected, 0);
    let upper = ["response: correct (NTLMv2, user \"alice\", but only with the domain in upper case", "MIC: correct"];
    assert_says(with(|it| (it.domain, it.hashed_domain) = ("Example", Some("EXAMPLE"))), &upper, 0);
    assert_says(with(|it| it.hashed_domain = Some("OTHER")), &["response: wrong", "MIC: cannot be checked"], 1);
}

#[test]
fn an_altered_or_missing_mic_is_wrong() {
    assert_says(with(|it| it.mic = Some([1; 16])), &["response: correct", "MIC: wrong: a message was altered"], 1);
    assert_says(with(|it| it.mic = Some([0; 16])), &["response: correct", "MIC: wrong: a message was altered"], 1);
    assert_says(with(|it| it.mic_field = false), &["response: correct", "MIC: wrong: it is claimed"], 1);
    assert_says(with(|it| it.key = Key::Bytes(&[])), &["response: correct", "MIC: wrong: its key was to be"], 1);
    assert_says(with(|it| it.av_flags = None), &["response: correct"], 0);
}

#[test]
fn a_key_exchange_with_nothing_to_protect_verifies_as_implementations_do_it() {
    let unprotected = |it: &mut Recipe| {
        for flags in [&mut it.negotiate_flags, &mut it.challenge_flags, &mut it.authenticate_flags] {
            *flags = flags.without(F::SIGN | F::SEAL);
        }
    };
    let exchanged = ["response: correct", "MIC: correct (under the exchanged key"];
    assert_says(with(unprotected), &exchanged, 0);
}

#[test]
fn an_lm_response_alone_needs_the_password() {
    let lm_hash = Password::new(PASSWORD).lm_hash().unwrap();
    let recipe = Recipe::with(|it| {
        it.lm_response = lm_hash.lm_response(it.server_challenge).to_vec();
        it.nt_response = Some(Vec::new());
        it.mic_field = false;
    });
    assert_says(verdicts(&recipe, &secret()), &["response: correct (LM)"], 0);
    let hash_alone = Secret::from_nt_hash(Password::new(PASSWORD).nt_hash());
    assert_says(verdicts(&recipe, &hash_alone), &["response: cannot be checked: an LM response needs the password"], 2);
    let another = Secret::from_password(&Password::new("Secret124"));
    assert_says(verdicts(&recipe, &another), &["response: wrong"], 1);
}

#[test]
fn lmv2_is_recognised_alone_and_beside_ntlmv2() {
    let key = Password::new(PASSWORD).nt_hash();
    let key = key.response_key_nt(&UnicodeString::from("alice"), &UnicodeString::from("EXAMPLE"));
    let lmv2 = |it: &mut Recipe| it.lm_response = key.lmv2_response(it.server_challenge, [0xc1; 8]).to_vec();
    assert_says(with(lmv2), &["response: correct", "LM response: correct (LMv2)", "MIC: correct"], 0);
    let alone = with(|it| {
        lmv2(it);
        it.nt_response = Some(Vec::new());
        it.mic_field = false;
    });
    assert_says(alone, &["response: correct (LMv2 alone)"], 0);
    // Servers do not look at it, so that it does not count.
    let expected = ["response: correct", "LM response: wrong: neither zero nor", "MIC: correct"];
    assert_says(with(|it| it.lm_response = vec![5; 24]), &expected, 0);
}

#[test]
fn responses_that_prove_nothing_are_wrong() {
    let anonymous = with(|it| {
        it.user = "";
        it.lm_response = vec![0];
        it.nt_response = Some(Vec::new());
        it.mic_field = false;
    });
    assert_says(anonymous, &["response: wrong: there is none; an anonymous logon proves no password"], 1);
    let short = with(|it| {
        it.nt_response = Some(vec![0x11; 30]);
        it.mic_field = false;
    });
    assert_says(short, &["response: wrong: it is of no kind"], 1);
}
