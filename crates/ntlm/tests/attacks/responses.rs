//! Responses of the wrong kind, of the wrong length, without content, and used twice.

use ntlm::config::{ExtendedSessionSecurity, LmCompatibilityLevel};
use ntlm::context::IdentityKind;
use ntlm::error::{Error, Incompatible, OutOfSequence, Rejected};
use ntlm::secret::{NtHash, SessionBaseKey, UnusableHash};
use ntlm::wire::{AuthenticateMessage, AvId, Reason, ResponseClass};
use ntlm::{ClientPolicy, LogonFailure, LogonSuccess, NegotiateFlags, NetworkLogon, Password, ServerPolicy};

use crate::common::{every_protection, rewrite_pairs, strict_and_windows};
use crate::support::pair::{LoadedDice, PASSWORD, Pair, Step};
use crate::support::script::{Flags, LmField, Mic, Response, Script, UNPROTECTED};

/// A password short enough for an LM hash.
const SHORT: &str = "Secret1!";

const LEVELS: [LmCompatibilityLevel; 6] = [
    LmCompatibilityLevel::Level0,
    LmCompatibilityLevel::Level1,
    LmCompatibilityLevel::Level2,
    LmCompatibilityLevel::Level3,
    LmCompatibilityLevel::Level4,
    LmCompatibilityLevel::Level5,
];

/// The most forgiving server there is at a level: everything off, and an authority that has the LM hash too.
fn forgiving(level: LmCompatibilityLevel) -> Pair {
    let mut policy = ServerPolicy::windows().dangerous_with_lm_compatibility_level(level);
    policy.extended_session_security = ExtendedSessionSecurity::DangerousNever;
    policy.nil_domain_retry = true;
    policy.legacy_target_info = true;
    policy.echo_check = false;
    Pair::with_policies(ClientPolicy::windows(), policy).with_authority(knows_short)
}

fn knows_short(logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
    let password = Password::new(SHORT);
    logon.dangerous_verify_lm(Some(&password.nt_hash()), password.lm_hash().as_ref())
}

/// A client with the short password, without extended session security where its kind of response cannot have it.
fn client(response: Response) -> Script {
    let flags = match response {
        Response::Lm | Response::NtlmV1 => UNPROTECTED.without(NegotiateFlags::EXTENDED_SESSIONSECURITY),
        Response::NtlmV1Ess | Response::LmV2 | Response::NtlmV2 => UNPROTECTED,
    };
    Script { password: SHORT.into(), ..Script::with_response(response) }.asking(flags)
}

#[test]
fn attack_03_a_right_lmv2_response_does_not_save_a_wrong_ntlmv2_response() {
    for mut pair in strict_and_windows() {
        let right = Script { lm_field: LmField::LmV2, ..Script::new() };
        assert!(right.run(&mut pair).is_ok());
        // NTProofStr, TimeStamp, ChallengeFromClient, an AV pair.
        for at in [0, 15, 24, 32, 50] {
            let wrong = Script { spoil_nt: Some(at), lm_field: LmField::LmV2, ..Script::new() };
            let error = wrong.run(&mut pair).expect_err("a wrong response");
            assert_eq!((error.step, error.error), (Step::Verdict, LogonFailure::WRONG_PASSWORD.into()));
        }
    }
    let wrong = Script { spoil_nt: Some(3), lm_field: LmField::LmV2, ..client(Response::NtlmV2) };
    for level in LEVELS {
        let error = wrong.run(&mut forgiving(level)).expect_err("a wrong response");
        assert_eq!(error.error, LogonFailure::WRONG_PASSWORD.into());
    }
}

#[test]
fn attack_03_an_lmv2_response_alone_is_refused_at_every_level() {
    for level in LEVELS {
        let error = client(Response::LmV2).run(&mut forgiving(level)).expect_err("LMv2 alone");
        let expected: Error = match level {
            LmCompatibilityLevel::Level4 | LmCompatibilityLevel::Level5 => {
                Rejected::ResponseClass(ResponseClass::LmOnly).into()
            }
            _ => LogonFailure::WRONG_PASSWORD.into(),
        };
        assert_eq!(error.error, expected, "{level:?}");
    }
    for mut pair in strict_and_windows() {
        let error = Script::with_response(Response::LmV2).run(&mut pair).expect_err("LMv2 alone");
        assert_eq!(error.error, Rejected::ResponseClass(ResponseClass::LmOnly).into());
    }
}

#[test]
fn attack_03_an_authority_elsewhere_never_gets_to_see_an_lmv2_response() {
    // A domain controller that falls back to LMv2 would say yes to a forged NTLMv2 response beside a right LMv2 one, and vouch for bindings
    // and names that nobody verified.
    let like_a_domain_controller = |logon: &NetworkLogon| {
        if logon.lm_response().is_empty() {
            return Err(LogonFailure::WRONG_PASSWORD);
        }
        Ok(LogonSuccess::from_authority(logon, SessionBaseKey::from_authority([7; 16]), None))
    };
    let forged = Script { spoil_nt: Some(0), lm_field: LmField::LmV2, mic: Mic::None, ..Script::new() };
    for pair in strict_and_windows() {
        let error = forged.run(&mut pair.with_authority(like_a_domain_controller)).expect_err("forged");
        assert_eq!(error.error, LogonFailure::WRONG_PASSWORD.into());
    }
    // Alone it can be seen below level 4, where LM is accepted, and is not accepted from somebody who cannot show how it was checked.
    for level in LEVELS {
        let mut pair = forgiving(level).with_authority(like_a_domain_controller);
        assert!(client(Response::LmV2).run(&mut pair).is_err(), "{level:?}");
    }
}

#[test]
fn attack_03_our_client_sends_no_lmv2_response() {
    for mut pair in every_protection() {
        pair.run().expect("a logon");
        let sent = AuthenticateMessage::parse(&pair.sent.authenticate).expect("an AUTHENTICATE").lm_response.to_vec();
        assert_eq!(sent, [0; 24]);
        // Nor where there is no timestamp, which is where the specification has one.
        let mut pair = pair.with_challenge(|challenge| {
            rewrite_pairs(challenge, |pairs| pairs.retain(|(id, _)| *id != AvId::TIMESTAMP.0));
        });
        pair.refused();
        let sent = AuthenticateMessage::parse(&pair.sent.authenticate).expect("an AUTHENTICATE").lm_response.to_vec();
        assert_eq!(sent, [0; 24]);
    }
}

#[test]
fn a_session_whose_key_nobody_knows_does_not_stand() {
    let lm_key = UNPROTECTED.without(NegotiateFlags::EXTENDED_SESSIONSECURITY) | NegotiateFlags::LM_KEY;
    let script = Script { password: SHORT.into(), ..Script::with_response(Response::NtlmV1) }.asking(lm_key);
    let mut pair = forgiving(LmCompatibilityLevel::Level0);
    assert!(script.run(&mut pair).is_ok(), "an authority that knows the LM hash");
    let mut pair = pair.with_authority(|logon| logon.verify(Some(&Password::new(SHORT).nt_hash())));
    assert_eq!(script.run(&mut pair).expect_err("no LM key").error, Incompatible::NoLmKey.into());
}

#[test]
fn attack_10_the_level_decides_on_every_kind_of_response() {
    let kinds = [
        (Response::Lm, ResponseClass::LmOnly, 4),
        (Response::NtlmV1, ResponseClass::NtlmV1, 5),
        (Response::NtlmV1Ess, ResponseClass::NtlmV1Ess, 5),
        (Response::NtlmV2, ResponseClass::NtlmV2, 6),
    ];
    for (number, level) in LEVELS.into_iter().enumerate() {
        for (response, class, refused_from) in kinds {
            let outcome = client(response).run(&mut forgiving(level));
            if number < refused_from {
                let server = outcome.unwrap_or_else(|error| panic!("{response:?} at {level:?}: {error:?}"));
                assert_eq!(server.info.response_class(), class);
                assert_eq!(server.info.observations().weak_response, class != ResponseClass::NtlmV2);
            } else {
                let error = outcome.expect_err("refused");
                // Before anybody is asked.
                assert_eq!((error.step, error.error), (Step::Authenticate, Rejected::ResponseClass(class).into()));
            }
        }
        // LMv2 alone: attack 3.
        assert!(client(Response::LmV2).run(&mut forgiving(level)).is_err());
    }
}

#[test]
fn attack_10_there_is_no_way_around_the_level() {
    // A right LM response beside a wrong NTLMv1 response, and beside a wrong NTLMv2 response: the NT response alone counts, at every level.
    for level in LEVELS {
        let mut pair = forgiving(level).with_authenticate(|message| {
            let at = AuthenticateMessage::parse(message).expect("an AUTHENTICATE").nt_response_offset();
            message[at] ^= 1;
        });
        for response in [Response::NtlmV1, Response::NtlmV2] {
            let error = client(response).run(&mut pair).expect_err("a wrong response");
            let refused = Error::from(Rejected::ResponseClass(ResponseClass::NtlmV1));
            assert!([LogonFailure::WRONG_PASSWORD.into(), refused].contains(&error.error), "{error:?}");
        }
    }
    // A right LM response beside an NT response of the length of an NTLMv2 response does not make it NTLMv1.
    let long = |lm: &[u8]| Script {
        raw_responses: Some((lm.to_vec(), [&[0; 16][..], &[1, 1], &[0; 60]].concat())),
        ..client(Response::NtlmV2)
    };
    let mut pair = forgiving(LmCompatibilityLevel::Level0);
    let waiting = client(Response::Lm).question(&mut pair).expect("a question");
    let lm = waiting.logon().lm_response().to_vec();
    pair.entropy = LoadedDice::new(1);
    assert!(client(Response::Lm).run(&mut pair).is_ok());
    pair.entropy = LoadedDice::new(1);
    assert_eq!(long(&lm).run(&mut pair).expect_err("a wrong response").error, LogonFailure::WRONG_PASSWORD.into());
}

#[test]
fn attack_16_responses_of_other_lengths_are_no_responses() {
    for ess in [true, false] {
        let flags = if ess { UNPROTECTED } else { UNPROTECTED.without(NegotiateFlags::EXTENDED_SESSIONSECURITY) };
        for lm in 0..=32_usize {
            for nt in 0..=60_usize {
                // As an NTLMv2 response it would be well-formed.
                let response = [&[0; 16][..], &[1, 1], &[0; 42]].concat()[..nt].to_vec();
                let script = Script { raw_responses: Some((vec![1; lm], response)), ..client(Response::NtlmV2) };
                let mut pair = forgiving(LmCompatibilityLevel::Level0);
                let outcome =
                    Script { mic: crate::support::script::Mic::None, ..script }.asking(flags).question(&mut pair);
                let expected = match (nt, lm) {
                    (0, 24) => Some(ResponseClass::LmOnly),
                    (24, 24) if ess => Some(ResponseClass::NtlmV1Ess),
                    (24, _) if !ess => Some(ResponseClass::NtlmV1),
                    (48.., _) => Some(ResponseClass::NtlmV2),
                    _ => None,
                };
                match outcome {
                    Ok(waiting) => {
                        assert_eq!(Some(waiting.logon().response_class()), expected, "LM {lm}, NT {nt}, ESS {ess}");
                        let verdict = knows_short(waiting.logon());
                        assert!(waiting.finish(verdict).is_err(), "LM {lm}, NT {nt}, ESS {ess}");
                    }
                    Err(error) => {
                        assert_eq!(expected, None, "LM {lm}, NT {nt}, ESS {ess}");
                        assert!(matches!(error.error, Error::Malformed(_)), "{error:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn attack_17_a_user_without_a_response_is_refused_whatever_the_password() {
    for (lm, field, reason) in [
        (vec![], "NtChallengeResponse", Reason::Missing),
        (vec![0], "LmChallengeResponse", Reason::WrongLength { expected: 24, found: 1 }),
    ] {
        for pair in strict_and_windows() {
            // The account's password is empty, and anonymous logons are allowed.
            let mut pair = pair.with_authority(|logon| logon.verify(Some(&Password::new("").nt_hash())));
            pair.server_config.policy.allow_anonymous = true;
            for flags in [(|flags| flags) as Flags, |flags| flags | NegotiateFlags::ANONYMOUS] {
                let responses = Some((lm.clone(), Vec::new()));
                let script = Script { raw_responses: responses, flags, ..Script::without_mic() };
                let error = script.run(&mut pair).expect_err("no response");
                let Error::Malformed(malformed) = error.error else { panic!("{error:?}") };
                assert_eq!((malformed.field, malformed.reason), (field, reason));
            }
            // An empty password makes a whole response like any other.
            assert!(Script { password: String::new(), ..Script::new() }.run(&mut pair).is_ok());
        }
    }
}

#[test]
fn attack_17_an_authority_that_cannot_decide_lets_nobody_in() {
    for failure in [LogonFailure::NO_LOGON_SERVERS, LogonFailure::INTERNAL_ERROR, LogonFailure::IO_TIMEOUT] {
        for pair in every_protection() {
            let mut pair = pair.with_authority(move |_| Err(failure));
            assert_eq!(pair.refused().error, failure.into());
        }
    }
}

#[test]
fn attack_17_only_sixteen_bytes_that_can_be_a_hash_are_one() {
    for length in (0..=64).filter(|length| *length != 16) {
        assert_eq!(NtHash::from_bytes(&vec![0x11; length]).map(|_| ()), Err(UnusableHash), "{length} bytes");
    }
    assert_eq!(NtHash::from_bytes(&[0; 16]).map(|_| ()), Err(UnusableHash));
    // The hash of an empty password is a hash like any other.
    let empty = Password::new("").nt_hash();
    assert!(NtHash::from_bytes(empty.expose()).is_ok());
}

#[test]
fn attack_19_anonymous_is_who_sends_nothing_and_nobody_else() {
    let zeros = [&[0; 16][..], &[1, 1], &[0; 42]].concat();
    let responses: [&[u8]; 4] = [&[], &[0], &[1; 24], &zeros];
    for user in ["", "alice"] {
        for nt in responses {
            for lm in responses {
                for flags in [(|flags| flags) as Flags, |flags| flags | NegotiateFlags::ANONYMOUS] {
                    for mut pair in strict_and_windows() {
                        pair.server_config.policy.allow_anonymous = true;
                        let mut pair = pair.with_authority(|logon| match LogonSuccess::anonymous(logon) {
                            Some(success) => Ok(success),
                            None => logon.verify(Some(&Password::new("").nt_hash())),
                        });
                        let script = Script {
                            user: user.into(),
                            domain: "".into(),
                            workstation: "".into(),
                            raw_responses: Some((lm.to_vec(), nt.to_vec())),
                            flags,
                            ..Script::without_mic()
                        };
                        let outcome = script.asking(UNPROTECTED).run(&mut pair);
                        let nobody = user.is_empty() && nt.is_empty() && (lm.is_empty() || lm == [0]);
                        match outcome {
                            Ok(server) => {
                                assert!(nobody, "{user:?}, {} and {} bytes", nt.len(), lm.len());
                                assert_eq!(server.info.identity().kind, IdentityKind::Anonymous);
                            }
                            Err(error) => assert!(!nobody, "{error:?}"),
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn attack_19_right_responses_without_a_user_are_nobodys() {
    // An authority that knows the empty name would let them in.
    for response in [Response::Lm, Response::LmV2, Response::NtlmV1, Response::NtlmV1Ess, Response::NtlmV2] {
        for level in LEVELS {
            let mut pair = forgiving(level);
            pair.server_config.policy.allow_anonymous = true;
            let error = Script { user: "".into(), ..client(response) }.run(&mut pair).expect_err("nobody");
            let Error::Malformed(malformed) = error.error else { panic!("{error:?}") };
            assert_eq!((malformed.field, malformed.reason), ("UserName", Reason::Missing));
        }
    }
}

#[test]
fn attack_30_an_answer_is_good_for_one_challenge() {
    for mut pair in every_protection() {
        pair.run().expect("a logon");
        let (answer, first) = (pair.sent.authenticate.clone(), pair.sent.challenge.clone());
        let mut pair = pair.with_authenticate(move |message| message.clone_from(&answer));
        let error = pair.refused();
        assert_ne!(pair.sent.challenge, first);
        assert_eq!((error.step, error.error), (Step::Verdict, LogonFailure::WRONG_PASSWORD.into()));
    }
}

#[test]
fn attack_30_a_verdict_is_good_for_one_logon() {
    for mut pair in every_protection() {
        let (_, first) = pair.question().expect("a question");
        let (_, second) = pair.question().expect("a question");
        let verdict = first.logon().verify(Some(&Password::new(PASSWORD).nt_hash()));
        assert!(verdict.is_ok());
        assert_eq!(second.finish(verdict).expect_err("another logon"), OutOfSequence::ForeignVerdict.into());
    }
}
