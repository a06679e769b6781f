//! Old and weak sessions, which only policies named dangerous allow.

use ntlm::config::{DroppedCapabilities, ExtendedSessionSecurity, LmCompatibilityLevel, OemPolicy};
use ntlm::error::{Error, Incompatible, Rejected};
use ntlm::wire::{AuthenticateMessage, ChallengeMessage, ResponseClass};
use ntlm::{ClientPolicy, Credentials, LogonFailure, NegotiateFlags as F, Password, Requirements, Role, ServerPolicy};

use crate::support::pair::{Pair, PairError, Step, rewrite_flags, strip};
use crate::{NOTHING, REQUIREMENTS, SETTLED, agree, attributes};

const LEVELS: [LmCompatibilityLevel; 6] = [
    LmCompatibilityLevel::Level0,
    LmCompatibilityLevel::Level1,
    LmCompatibilityLevel::Level2,
    LmCompatibilityLevel::Level3,
    LmCompatibilityLevel::Level4,
    LmCompatibilityLevel::Level5,
];

/// Short enough for an LM hash.
pub(crate) const PASSWORD_OF_14: &str = "SecREt01";

/// Credentials that send LM responses where policy lets them.
pub(crate) fn with_lm_hash(name: &str) -> Credentials {
    let password = Password::new(PASSWORD_OF_14);
    Credentials::new(name, &password).dangerous_with_lm_hash(password.lm_hash().expect("an LM hash"))
}

/// A pair without any scruples: what tests of old and weak sessions begin with.
pub(crate) fn dangerous_pair(level: LmCompatibilityLevel) -> Pair {
    let mut client = ClientPolicy::windows().dangerous_with_lm_compatibility_level(level);
    client.require_128 = false;
    client.extended_session_security = ExtendedSessionSecurity::DangerousNever;
    client.oem = OemPolicy::Accept;
    client.no_lm_response_ntlmv1 = false;
    let mut server = ServerPolicy::windows().dangerous_with_lm_compatibility_level(LmCompatibilityLevel::Level0);
    server.require_128 = false;
    server.extended_session_security = ExtendedSessionSecurity::DangerousNever;
    Pair::with_policies(client, server).with_credentials(with_lm_hash(r"EXAMPLE\alice")).with_authority(|logon| {
        let password = Password::new(PASSWORD_OF_14);
        logon.dangerous_verify_lm(Some(&password.nt_hash()), password.lm_hash().as_ref())
    })
}

/// Of the two policies every level meets every other: who sends what, who accepts what.
#[test]
fn levels_decide_which_responses_are_sent_and_accepted() {
    for (n, client) in LEVELS.into_iter().enumerate() {
        for (m, server) in LEVELS.into_iter().enumerate() {
            let mut pair = dangerous_pair(client).with_requirements(Requirements::seal());
            let policy = pair.server_config.policy.clone();
            pair.server_config.policy = policy.dangerous_with_lm_compatibility_level(server);
            let class = match n {
                0 => ResponseClass::NtlmV1,
                1 | 2 => ResponseClass::NtlmV1Ess,
                _ => ResponseClass::NtlmV2,
            };
            if class == ResponseClass::NtlmV2 || m < 5 {
                let (client, _) = agree(&mut pair, &format!("level {n} to level {m}"));
                assert_eq!(client.info.response_class(), class);
                assert_eq!(client.info.has_mic(), class == ResponseClass::NtlmV2);
                assert_eq!(client.info.observations().weak_response, class != ResponseClass::NtlmV2);
            } else {
                let error = Error::Rejected(Rejected::ResponseClass(class));
                let expected = PairError { side: Role::Server, step: Step::Authenticate, error };
                assert_eq!(pair.refused(), expected, "level {n} to level {m}");
            }
        }
    }
}

#[test]
fn levels_decide_what_stands_in_the_place_of_the_lm_response() {
    let password = Password::new(PASSWORD_OF_14);
    for (level, extended, no_lm, expected) in [
        (LmCompatibilityLevel::Level0, true, false, LmSlot::Lm),
        (LmCompatibilityLevel::Level0, true, true, LmSlot::Nt),
        (LmCompatibilityLevel::Level1, false, false, LmSlot::Lm),
        (LmCompatibilityLevel::Level1, false, true, LmSlot::Nt),
        (LmCompatibilityLevel::Level1, true, false, LmSlot::Nonce),
        (LmCompatibilityLevel::Level2, false, false, LmSlot::Nt),
        (LmCompatibilityLevel::Level2, true, false, LmSlot::Nonce),
        (LmCompatibilityLevel::Level3, true, false, LmSlot::Zeros),
        (LmCompatibilityLevel::Level5, true, false, LmSlot::Zeros),
    ] {
        let mut pair = dangerous_pair(level);
        pair.client_config.policy.no_lm_response_ntlmv1 = no_lm;
        if !extended {
            pair = pair.with_negotiate(|message| strip(message, F::EXTENDED_SESSIONSECURITY));
        }
        agree(&mut pair, &format!("{level:?}"));
        let sent = AuthenticateMessage::parse(&pair.sent.authenticate).expect("an AUTHENTICATE");
        let challenge = ChallengeMessage::parse(&pair.sent.challenge).expect("a CHALLENGE").server_challenge;
        let lm_response = password.lm_hash().expect("an LM hash").lm_response(challenge);
        match expected {
            LmSlot::Lm => assert_eq!(sent.lm_response, lm_response),
            LmSlot::Nt => assert_eq!(sent.lm_response, sent.nt_response),
            LmSlot::Nonce => assert!(sent.lm_response[8..] == [0; 16] && sent.lm_response[..8] != [0; 8]),
            LmSlot::Zeros => assert_eq!(sent.lm_response, [0; 24]),
        }
        // The LM hash is not to be had from the wire unless policy says so.
        assert_eq!(contains(&pair.sent.authenticate, &lm_response), expected == LmSlot::Lm, "{level:?}");
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LmSlot {
    Lm,
    Nt,
    Nonce,
    Zeros,
}

fn contains(message: &[u8], part: &[u8]) -> bool {
    message.windows(part.len()).any(|window| window == part)
}
/// NTLMv1 has no MIC, so that somebody in the middle can weaken the session as far as both policies let it: here, all the way.
#[test]
fn weak_sessions_work_as_far_as_policies_allow_them() {
    let mut rows = 0;
    for level in [LmCompatibilityLevel::Level0, LmCompatibilityLevel::Level1, LmCompatibilityLevel::Level2] {
        for requirements in REQUIREMENTS {
            for ess in [true, false] {
                for key_exchange in [true, false] {
                    for strength in [F::N128 | F::N56, F::N56, F::NONE] {
                        for charset in [F::UNICODE, F::OEM] {
                            rows += 1;
                            let stripped = F::NONE
                                .with_if(!ess, F::EXTENDED_SESSIONSECURITY)
                                .with_if(!key_exchange, F::KEY_EXCH)
                                .with_if(charset == F::OEM, F::UNICODE)
                                | (F::N128 | F::N56).without(strength);
                            let mut pair = dangerous_pair(level)
                                .with_requirements(requirements)
                                .with_negotiate(move |message| strip(message, stripped));
                            let what = format!("{level:?} {requirements:?} without {stripped}");
                            let (client, server) = agree(&mut pair, &what);
                            // Level 0 never asks for extended session security.
                            let ess = ess && level != LmCompatibilityLevel::Level0;
                            let protected = !requirements.required_flags().is_empty();
                            let expected = (charset | strength | requirements.required_flags())
                                .with_if(ess, F::EXTENDED_SESSIONSECURITY)
                                .with_if(protected && key_exchange, F::KEY_EXCH);
                            assert_eq!(client.info.flags() & SETTLED, expected, "{what}");
                            assert_eq!(server.info.attributes(), attributes(requirements), "{what}");
                            assert_eq!(server.info.observations().oem, charset == F::OEM, "{what}");
                            // With extended session security the two directions are two halves, otherwise one.
                            assert_eq!(client.session.split().is_ok(), ess && protected, "{what}");
                        }
                    }
                }
            }
        }
    }
    assert_eq!(rows, 216);
}

#[test]
fn what_a_policy_does_not_allow_is_refused_before_anything_is_proven() {
    type Change = fn(&mut Pair);
    let rows: [(&str, F, Change, Step, Error); 8] = [
        (
            "no charset",
            F(F::UNICODE.0 | F::OEM.0),
            |_| {},
            Step::Negotiate,
            Error::Incompatible(Incompatible::NoCharset),
        ),
        (
            "OEM at the server",
            F::UNICODE,
            |pair| pair.server_config.policy.oem = OemPolicy::Refuse,
            Step::Negotiate,
            Error::Incompatible(Incompatible::OemRefused),
        ),
        (
            "56 bits at the server",
            F::N128,
            |pair| pair.server_config.policy.require_128 = true,
            Step::Negotiate,
            Error::Incompatible(Incompatible::MissingFlags(F::N128)),
        ),
        (
            "56 bits at the client",
            F::N128,
            |pair| pair.client_config.policy.require_128 = true,
            Step::Challenge,
            Error::Incompatible(Incompatible::MissingFlags(F::N128)),
        ),
        (
            "no extended session security at the server",
            F::EXTENDED_SESSIONSECURITY,
            |pair| pair.server_config.policy.extended_session_security = ExtendedSessionSecurity::WithProtection,
            Step::Negotiate,
            Error::Incompatible(Incompatible::MissingFlags(F::EXTENDED_SESSIONSECURITY)),
        ),
        (
            "no extended session security at the client",
            F::EXTENDED_SESSIONSECURITY,
            |pair| pair.client_config.policy.extended_session_security = ExtendedSessionSecurity::WithProtection,
            Step::Challenge,
            Error::Incompatible(Incompatible::MissingFlags(F::EXTENDED_SESSIONSECURITY)),
        ),
        (
            "no sealing at the server",
            F::SEAL,
            |_| {},
            Step::Negotiate,
            Error::Incompatible(Incompatible::MissingFlags(F::SEAL)),
        ),
        (
            "no sealing at the client",
            F::SEAL,
            |pair| pair.server_exchange.requirements = NOTHING,
            Step::Challenge,
            Error::Incompatible(Incompatible::MissingFlags(F::SEAL)),
        ),
    ];
    for (what, stripped, change, step, error) in rows {
        let mut pair = dangerous_pair(LmCompatibilityLevel::Level2)
            .with_requirements(Requirements::seal())
            .with_negotiate(move |message| strip(message, stripped));
        change(&mut pair);
        let side = if step == Step::Challenge { Role::Client } else { Role::Server };
        assert_eq!(pair.refused(), PairError { side, step, error }, "{what}");
    }
}

#[test]
fn a_client_refuses_oem_unless_its_policy_accepts_it() {
    let mut pair = dangerous_pair(LmCompatibilityLevel::Level2).with_challenge(|message| {
        rewrite_flags(message, |flags| flags.without(F::UNICODE) | F::OEM);
    });
    pair.client_config.policy.oem = OemPolicy::Refuse;
    let error = Error::Incompatible(Incompatible::OemRefused);
    assert_eq!(pair.refused(), PairError { side: Role::Client, step: Step::Challenge, error });
}

#[test]
fn protection_that_a_client_drops_is_refused_or_observed() {
    // Somebody in the middle makes the client believe that the server cannot sign.
    let mut pair = dangerous_pair(LmCompatibilityLevel::Level2);
    pair.client_exchange.requirements = NOTHING;
    pair = pair.with_negotiate(|message| {
        rewrite_flags(message, |flags| flags | F::SIGN | F::SEAL | F::KEY_EXCH);
    });
    let (_, server) = agree(&mut pair, "dropped");
    let dropped = F::SIGN | F::SEAL | F::KEY_EXCH;
    assert_eq!(server.info.observations().capabilities_dropped, dropped);
    assert!(!server.session.signs());
    pair.server_config.policy.dropped_capabilities = DroppedCapabilities::Refuse;
    let error = Error::Incompatible(Incompatible::CapabilityDropped(dropped));
    assert_eq!(pair.refused(), PairError { side: Role::Server, step: Step::Authenticate, error });
    pair.server_exchange.requirements = Requirements::sign();
    let error = Error::Incompatible(Incompatible::MissingFlags(F::SIGN));
    assert_eq!(pair.refused(), PairError { side: Role::Server, step: Step::Authenticate, error });
}

#[test]
fn an_lm_response_alone_is_accepted_below_level_4_only_by_an_authority_that_looks_at_it() {
    let password = || Password::new(PASSWORD_OF_14);
    for (n, level) in LEVELS.into_iter().enumerate() {
        for looks in [true, false] {
            let mut pair = dangerous_pair(LmCompatibilityLevel::Level0)
                .with_requirements(Requirements::seal())
                .with_credentials(with_lm_hash("alice"))
                .with_authority(move |logon| {
                    let lm_hash = password().lm_hash().filter(|_| looks);
                    logon.dangerous_verify_lm(Some(&password().nt_hash()), lm_hash.as_ref())
                })
                .with_authenticate(|message| {
                    // No NT response; the LM response stays where it is.
                    message[20..28].fill(0);
                });
            pair.server_config.policy = pair.server_config.policy.clone().dangerous_with_lm_compatibility_level(level);
            let outcome = pair.run();
            let refused = |step, error| Some(PairError { side: Role::Server, step, error });
            let expected = match (n, looks) {
                (4.., _) => {
                    refused(Step::Authenticate, Error::Rejected(Rejected::ResponseClass(ResponseClass::LmOnly)))
                }
                (_, false) => refused(Step::Verdict, Error::Logon(LogonFailure::WRONG_PASSWORD)),
                (_, true) => None,
            };
            assert_eq!(outcome.as_ref().err(), expected.as_ref(), "level {n}");
            if let Ok((_, server)) = outcome {
                assert_eq!(server.info.response_class(), ResponseClass::LmOnly);
                assert!(server.info.observations().weak_response);
            }
        }
    }
}
