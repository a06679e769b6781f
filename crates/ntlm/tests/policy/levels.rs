//! LmCompatibilityLevel on both sides, and what goes with the old responses.

use ntlm::config::{ExtendedSessionSecurity, LmCompatibilityLevel};
use ntlm::error::{Error, Rejected};
use ntlm::wire::{AuthenticateMessage, ChallengeMessage, ResponseClass};
use ntlm::{ClientPolicy, Credentials, LogonFailure, LogonSuccess, NetworkLogon, Password, Requirements, ServerPolicy};

use crate::support::pair::{Pair, Step, converse};
use crate::support::script::{Response, Script, UNPROTECTED};

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

fn knows_short(logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
    let password = Password::new(SHORT);
    logon.dangerous_verify_lm(Some(&password.nt_hash()), password.lm_hash().as_ref())
}

/// Two sides at these levels that mind nothing else.
fn at(client: LmCompatibilityLevel, server: LmCompatibilityLevel) -> Pair {
    let mut client = ClientPolicy::windows().dangerous_with_lm_compatibility_level(client);
    let mut server = ServerPolicy::windows().dangerous_with_lm_compatibility_level(server);
    client.extended_session_security = ExtendedSessionSecurity::DangerousNever;
    server.extended_session_security = ExtendedSessionSecurity::DangerousNever;
    Pair::with_policies(client, server).with_authority(knows_short).with_credentials(
        Credentials::new(r"EXAMPLE\alice", &Password::new(SHORT))
            .dangerous_with_lm_hash(Password::new(SHORT).lm_hash().expect("an LM hash")),
    )
}

/// What a client at a level sends to a server that has extended session security.
fn sent_at(level: LmCompatibilityLevel) -> ResponseClass {
    match level {
        LmCompatibilityLevel::Level0 => ResponseClass::NtlmV1,
        LmCompatibilityLevel::Level1 | LmCompatibilityLevel::Level2 => ResponseClass::NtlmV1Ess,
        LmCompatibilityLevel::Level3 | LmCompatibilityLevel::Level4 | LmCompatibilityLevel::Level5 => {
            ResponseClass::NtlmV2
        }
    }
}

#[test]
fn every_level_of_a_client_meets_every_level_of_a_server() {
    for client in LEVELS {
        for server in LEVELS {
            let class = sent_at(client);
            for requirements in [Requirements::default(), Requirements::sign(), Requirements::seal()] {
                let mut pair = at(client, server).with_requirements(requirements);
                if class == ResponseClass::NtlmV2 || server < LmCompatibilityLevel::Level5 {
                    let (mut ours, mut theirs) =
                        pair.run().unwrap_or_else(|error| panic!("{client:?} {server:?} {error:?}"));
                    assert_eq!((ours.info.response_class(), theirs.info.response_class()), (class, class));
                    let weak = class != ResponseClass::NtlmV2;
                    assert_eq!(theirs.info.observations().weak_response, weak);
                    assert_eq!(ours.info.observations().weak_response, weak);
                    let keys = [&ours, &theirs].map(|side| *side.info.exported_session_key().expect("a key").expose());
                    assert_eq!(keys[0], keys[1]);
                    converse(&mut ours.session, &mut theirs.session, 0);
                } else {
                    let error = pair.refused();
                    assert_eq!((error.step, error.error), (Step::Authenticate, Rejected::ResponseClass(class).into()));
                }
            }
        }
    }
}

#[test]
fn every_level_of_a_server_meets_every_kind_of_response() {
    // From which level on each is refused; an LMv2 response alone always is, if not by the level then by the check.
    let kinds = [
        (Response::Lm, ResponseClass::LmOnly, 4),
        (Response::LmV2, ResponseClass::LmOnly, 0),
        (Response::NtlmV1, ResponseClass::NtlmV1, 5),
        (Response::NtlmV1Ess, ResponseClass::NtlmV1Ess, 5),
        (Response::NtlmV2, ResponseClass::NtlmV2, 6),
    ];
    for (number, level) in LEVELS.into_iter().enumerate() {
        for (response, class, refused_from) in kinds {
            let flags = match response {
                Response::Lm | Response::NtlmV1 => UNPROTECTED.without(ntlm::NegotiateFlags::EXTENDED_SESSIONSECURITY),
                _ => UNPROTECTED,
            };
            let script = Script { password: SHORT.into(), ..Script::with_response(response) }.asking(flags);
            let mut pair = at(LmCompatibilityLevel::Level5, level);
            let outcome = script.run(&mut pair).map(|server| server.info.response_class()).map_err(|error| error.error);
            let refused: Error = Rejected::ResponseClass(class).into();
            let expected = match response {
                _ if number < refused_from => Ok(class),
                Response::LmV2 if number < 4 => Err(LogonFailure::WRONG_PASSWORD.into()),
                _ => Err(refused),
            };
            assert_eq!(outcome, expected, "{response:?} at {level:?}");
        }
    }
}

#[test]
fn a_client_below_level_3_falls_back_without_extended_session_security() {
    let strip = |message: &mut Vec<u8>| message[22] &= !0x08;
    for level in [LmCompatibilityLevel::Level1, LmCompatibilityLevel::Level2] {
        let mut pair = at(level, LmCompatibilityLevel::Level0).with_challenge(strip);
        pair.refused();
        let sent = AuthenticateMessage::parse(&pair.sent.authenticate).expect("an AUTHENTICATE");
        assert_eq!(sent.nt_response.len(), 24);
        assert!(!sent.flags.expect("flags").contains(ntlm::NegotiateFlags::EXTENDED_SESSIONSECURITY));
    }
    // Level 0 does not even ask.
    let mut pair = at(LmCompatibilityLevel::Level0, LmCompatibilityLevel::Level0);
    pair.run().expect("a logon");
    assert_eq!(pair.sent.negotiate[14] & 0x08, 0);
}

/// LM and NT response that a client at `level` sent, and the LM response that its password has.
fn lm_and_nt(level: LmCompatibilityLevel, no_lm_response: bool) -> [Vec<u8>; 3] {
    let mut pair = at(level, LmCompatibilityLevel::Level0);
    pair.client_config.policy.no_lm_response_ntlmv1 = no_lm_response;
    pair.in_the_middle.negotiate = Some(Box::new(|message| message[14] &= !0x08));
    pair.run().expect("a logon");
    let sent = AuthenticateMessage::parse(&pair.sent.authenticate).expect("an AUTHENTICATE");
    let challenge = ChallengeMessage::parse(&pair.sent.challenge).expect("a challenge").server_challenge;
    let lm = Password::new(SHORT).lm_hash().expect("an LM hash").lm_response(challenge);
    [sent.lm_response.to_vec(), sent.nt_response.to_vec(), lm.to_vec()]
}

#[test]
fn no_lm_response_ntlmv1_puts_the_nt_response_in_the_place_of_the_lm_response() {
    for level in [LmCompatibilityLevel::Level0, LmCompatibilityLevel::Level1] {
        let [sent_lm, sent_nt, _] = lm_and_nt(level, true);
        assert_eq!(sent_lm, sent_nt);
        let [sent_lm, sent_nt, lm] = lm_and_nt(level, false);
        assert_eq!(sent_lm, lm);
        assert_ne!(sent_lm, sent_nt);
    }
    // Level 2 never sends it.
    for setting in [true, false] {
        let [sent_lm, sent_nt, _] = lm_and_nt(LmCompatibilityLevel::Level2, setting);
        assert_eq!(sent_lm, sent_nt);
    }
}

#[test]
fn legacy_lmv2_sends_a_real_lmv2_response_where_there_is_no_timestamp() {
    for legacy in [false, true] {
        for timestamp in [false, true] {
            let time = timestamp.then_some(crate::support::pair::NOW);
            let challenge = crate::strength::challenge(UNPROTECTED, time);
            let mut policy = ClientPolicy::strict();
            policy.legacy_lmv2 = legacy;
            let (sent, _) = crate::answer(policy, Default::default(), &challenge).expect("an answer");
            let sent = AuthenticateMessage::parse(&sent).expect("an AUTHENTICATE").lm_response;
            if legacy && !timestamp {
                let server = ChallengeMessage::parse(&challenge).expect("a challenge").server_challenge;
                let hash = Password::new(crate::support::pair::PASSWORD).nt_hash();
                let key = hash.response_key_nt(&"alice".into(), &"EXAMPLE".into());
                let own = sent[16..].try_into().expect("eight bytes");
                assert_eq!(sent, key.lmv2_response(server, own));
            } else {
                assert_eq!(sent, [0; 24]);
            }
        }
    }
}

#[test]
fn lan_manager_keys_are_offered_below_level_4_and_never_beside_extended_session_security() {
    use ntlm::NegotiateFlags as F;
    for level in LEVELS {
        for ess in [F::EXTENDED_SESSIONSECURITY, F::NONE] {
            let flags = (UNPROTECTED | F::LM_KEY).without(F::EXTENDED_SESSIONSECURITY) | ess;
            let mut pair = at(LmCompatibilityLevel::Level5, level);
            let server = Script::without_mic().asking(flags);
            let server = Script { password: SHORT.into(), ..server }.run(&mut pair).expect("NTLMv2");
            let offered = level < LmCompatibilityLevel::Level4 && ess.is_empty();
            assert_eq!(server.info.flags().contains(F::LM_KEY), offered, "{level:?} {ess}");
        }
    }
}
