//! What a record says of a logon.

use std::sync::Arc;
use std::time::Duration;

use ntlm::config::ChannelBindingsPolicy::{Always, Off, WhenSupplied};
use ntlm::config::{LmCompatibilityLevel, TargetNamePolicy};
use ntlm::context::IdentityKind;
use ntlm::error::{OutOfSequence, Rejected};
use ntlm::logon::{LogonFailureKind, NtStatus};
use ntlm::wire::{AvId, ResponseClass, Version};
use ntlm::{
    AcceptedTargets, Authority, ChannelBindings, ClientPolicy, EntropyError, Error, LogonFailure, LogonSuccess,
    NegotiateFlags, NetworkLogon, ServerPolicy,
};
use ntlm_accounts::audit::{AuditDraft, AuditRecord, BindingsCheck, Decision, MicCheck, WindowsEvent};
use ntlm_accounts::{Audited, Immediate, Origin};

use crate::support::script::{AvPair, Mic, Pairs, Response, UNPROTECTED, utf16, windows_pairs};
use crate::support::{Kept, NOW, PASSWORD, Pair, Says, Script, ask, audited, from, knows_alice, origin, question};

fn windows() -> Pair {
    Pair::with_policies(ClientPolicy::windows(), ServerPolicy::windows())
}

fn draft() -> AuditDraft {
    AuditDraft::new(&origin(), "HTTP", NOW)
}

fn failed(error: impl Into<Error>) -> AuditRecord {
    draft().failed(&error.into())
}

#[test]
fn an_accepted_logon_says_who_from_where_and_how() {
    let (record, outcome) = audited(&Script::new(), &mut Pair::new());
    assert!(outcome.is_ok());
    assert_eq!((record.event, record.event.number()), (WindowsEvent::LogonSuccess, 4624));
    assert_eq!((record.decision, record.nt_status), (Decision::Accepted, NtStatus(0)));
    assert_eq!((record.time, record.address, record.carrier.as_ref()), (NOW, origin().address, "HTTPS"));
    assert_eq!((record.user, record.domain, record.workstation), ("alice".into(), "EXAMPLE".into(), "WS1".into()));
    assert_eq!((record.kind, record.response), (Some(IdentityKind::User), Some(ResponseClass::NtlmV2)));
    assert_eq!(record.client_version, Some(Version::default()));
    assert_eq!(record.mic, Some(MicCheck::Verified));
    assert_eq!(record.reason, "the response is right");
    assert!(record.observations.is_empty());
}

#[test]
fn the_truth_about_a_denial_is_in_its_record_alone() {
    for failure in [
        LogonFailure::NO_SUCH_USER,
        LogonFailure::WRONG_PASSWORD,
        LogonFailure::ACCOUNT_DISABLED,
        LogonFailure::ACCOUNT_LOCKED_OUT,
    ] {
        let (record, outcome) = audited(&Script::new(), &mut Pair::new().with_authority(move |_| Err(failure)));
        assert!(outcome.is_err());
        assert_eq!((record.event.number(), record.decision), (4625, Decision::Denied));
        assert_eq!(record.nt_status, failure.status);
        assert_eq!(Some(record.reason.as_str()), failure.status.text());
        assert_eq!((record.user, record.kind, record.account), ("alice".into(), None, None));
        // Sent, and not to be believed without the session key.
        assert_eq!(record.mic, Some(MicCheck::Claimed));
    }
}

#[test]
fn each_status_has_its_event_its_decision_and_its_reason() {
    for &status in NtStatus::KNOWN {
        let failure = LogonFailure::from_status(status);
        let record = failed(failure);
        let decision = match failure.kind() {
            LogonFailureKind::Denied => Decision::Denied,
            LogonFailureKind::Blocked => Decision::Refused,
            LogonFailureKind::NoAuthority | LogonFailureKind::TimeSkew | LogonFailureKind::Internal => {
                Decision::Unavailable
            }
        };
        assert_eq!((record.event.number(), record.decision, record.nt_status), (4625, decision, status));
        assert_eq!(Some(record.reason.as_str()), status.text());
        assert!(record.to_text().contains(&format!("nt_status_name={} ", status.name().unwrap())));

        let validated = draft().validated(&Err(failure));
        assert_eq!((validated.event.number(), validated.decision, validated.nt_status), (4776, decision, status));
    }
    // An authority elsewhere may say something new; that is a denial.
    let record = failed(LogonFailure::from_status(NtStatus(0xc000_0999)));
    assert_eq!((record.decision, record.nt_status), (Decision::Denied, NtStatus(0xc000_0999)));
    assert!(record.reason.contains("0xc0000999") && record.to_text().contains("nt_status_name=- "));
}

#[test]
fn failures_of_this_server_are_no_denials() {
    for error in [EntropyError.into(), Error::from(OutOfSequence::ForeignVerdict)] {
        let record = failed(error.clone());
        assert_eq!((record.decision, record.nt_status), (Decision::Unavailable, NtStatus::INTERNAL_ERROR));
        assert_eq!(record.reason, error.to_string());
    }
}

#[test]
fn a_client_without_mic_is_let_in_by_windows_with_a_remark_and_refused_by_strict_with_the_reason() {
    let (record, outcome) = audited(&Script::without_mic().asking(UNPROTECTED), &mut windows());
    assert!(outcome.is_ok());
    assert_eq!((record.decision, record.mic), (Decision::Accepted, Some(MicCheck::Absent)));
    assert!(record.observations.mic_missing);
    assert!(
        record.reason.contains("sent no MIC, which policy `strict` demands; curl and most Go clients never"),
        "{}",
        record.reason
    );
    assert!(record.to_text().contains("observations=mic_missing "));

    let (record, outcome) = audited(&Script::without_mic().asking(UNPROTECTED), &mut Pair::new());
    assert_eq!(outcome.unwrap_err(), Rejected::MicMissing.into());
    assert_eq!((record.decision, record.event.number()), (Decision::Refused, 4625));
    assert_eq!((record.nt_status, record.mic), (NtStatus::LOGON_FAILURE, Some(MicCheck::Absent)));
    for part in ["requires one", "curl and most Go clients never send one", "its password is right"] {
        assert!(record.reason.contains(part), "{}", record.reason);
    }
    assert_eq!(record.reason.matches("no MIC").count(), 1, "{}", record.reason);

    let spoiled = Pair::new().with_authority(|logon| Ok(LogonSuccess::from_authority(logon, knows_key(), None)));
    let (record, _) = audited(&Script::new(), &mut { spoiled });
    assert_eq!((record.decision, record.mic), (Decision::Refused, Some(MicCheck::Wrong)));
}

/// A session key that is not the client's.
fn knows_key() -> ntlm::secret::SessionBaseKey {
    ntlm::secret::SessionBaseKey::from_authority([7; 16])
}

#[test]
fn a_response_that_policy_refuses_before_anybody_is_asked_still_has_a_name() {
    for (response, class) in [
        (Response::NtlmV1Ess, ResponseClass::NtlmV1Ess),
        (Response::NtlmV1, ResponseClass::NtlmV1),
        (Response::Lm, ResponseClass::LmOnly),
    ] {
        let script = Script { password: "SECRET".into(), ..Script::with_response(response) };
        let script = if response == Response::NtlmV1Ess { script } else { script.asking(NegotiateFlags(0xa200_8205)) };
        let (record, outcome) = audited(&script, &mut windows());
        assert!(outcome.is_err());
        assert_eq!(
            (record.decision, record.user, record.domain),
            (Decision::Refused, "alice".into(), "EXAMPLE".into())
        );
        assert_eq!((record.response, record.client_version), (Some(class), Some(Version::default())));
        assert_eq!(record.mic, Some(MicCheck::Absent));
        assert!(record.observations.weak_response);
        // Not said twice, and nobody knows whether the password is right.
        assert!(!record.reason.contains("password"), "{}", record.reason);
    }
    let mut lenient = windows();
    lenient.server_config.policy =
        lenient.server_config.policy.dangerous_with_lm_compatibility_level(LmCompatibilityLevel::Level0);
    let (record, outcome) = audited(&Script::with_response(Response::NtlmV1Ess), &mut lenient);
    assert!(outcome.is_ok());
    assert!(record.observations.weak_response && record.reason.contains("not NTLMv2"), "{}", record.reason);
}

#[test]
fn bytes_that_are_not_ntlm_give_a_record_without_a_name() {
    for token in [&b""[..], b"NTLMSSP\0\x03\0\0\0", b"hello"] {
        let error = ntlm::wire::AuthenticateMessage::parse(token).unwrap_err();
        let record = draft().authenticate(token).failed(&error.into());
        assert_eq!((record.decision, record.nt_status), (Decision::Malformed, NtStatus::INVALID_PARAMETER));
        assert!(record.user.is_empty() && record.mic.is_none() && record.channel_bindings.is_none());
        assert!(record.reason.contains("malformed") && record.to_text().contains(" mic=- "), "{record}");
    }
}

fn own_bindings() -> ChannelBindings {
    ChannelBindings::tls_server_end_point(&[1; 32])
}

/// What Windows sends back, with this value instead of the empty one.
fn windows_pairs_with(server: &[AvPair], id: AvId, value: &[u8]) -> Vec<AvPair> {
    let mut pairs = windows_pairs(server);
    pairs.iter_mut().filter(|pair| pair.0 == id.0).for_each(|pair| pair.1 = value.to_vec());
    pairs
}

#[test]
fn channel_bindings_are_told_as_they_were_checked() {
    use BindingsCheck::{Absent, Claimed, NotAsked, Verified, Wrong};
    let absent: Pairs = windows_pairs;
    let right: Pairs = |server| windows_pairs_with(server, AvId::CHANNEL_BINDINGS, &own_bindings().hash());
    let wrong: Pairs = |server| windows_pairs_with(server, AvId::CHANNEL_BINDINGS, &[9; 16]);
    let cases = [
        (WhenSupplied, true, right, Verified, true),
        (WhenSupplied, true, wrong, Wrong, false),
        (WhenSupplied, true, absent, Absent, true),
        (WhenSupplied, false, right, NotAsked, true),
        (WhenSupplied, false, absent, NotAsked, true),
        (Always, true, right, Verified, true),
        (Always, true, wrong, Wrong, false),
        (Always, true, absent, Absent, false),
        (Always, false, absent, Absent, false),
        // Sent, required, and there is nothing to compare them with.
        (Always, false, right, Claimed, true),
        (Off, true, right, NotAsked, true),
        (Off, true, wrong, NotAsked, true),
        (Off, false, absent, NotAsked, true),
    ];
    for (index, (policy, has, pairs, check, accepted)) in cases.into_iter().enumerate() {
        for of_exchange in [false, true] {
            let mut pair = Pair::new();
            pair.server_exchange.channel_bindings = has.then(own_bindings);
            if of_exchange {
                pair.server_exchange.channel_bindings_policy = Some(policy);
            } else {
                pair.server_config.policy.channel_bindings = policy;
            }
            let (record, outcome) = audited(&Script { pairs, ..Script::new() }, &mut pair);
            assert_eq!((record.channel_bindings, outcome.is_ok()), (Some(check), accepted), "case {index}");
            assert_eq!(record.observations.bindings_missing, has && check == Absent, "case {index}");
            if !accepted {
                assert_eq!((record.decision, record.nt_status), (Decision::Refused, NtStatus::BAD_BINDINGS));
                assert!(record.reason.contains("channel bindings") && record.reason.contains("password is right"));
            }
            // Without the session key nothing is verified.
            let wrong_password = Script { pairs, password: "guessed".into(), ..Script::new() };
            let (record, _) = audited(&wrong_password, &mut pair);
            let unproven = if matches!(check, Verified | Wrong) { Claimed } else { check };
            assert_eq!((record.channel_bindings, record.decision), (Some(unproven), Decision::Denied), "case {index}");
        }
    }
}

#[test]
fn the_service_that_the_client_meant_is_told() {
    let pairs: Pairs = |server| windows_pairs_with(server, AvId::TARGET_NAME, &utf16("HTTP/other.example.test"));
    let (record, _) = audited(&Script { pairs, ..Script::new() }, &mut Pair::new());
    assert_eq!(record.target_name, Some("HTTP/other.example.test".into()));

    let mut pair = Pair::new();
    let own = || AcceptedTargets::hosts(["web.example.test"]);
    pair.server_config.policy.target_name = TargetNamePolicy::VerifyWhenSupplied(own());
    let (record, outcome) = audited(&Script { pairs, ..Script::new() }, &mut pair);
    assert_eq!(outcome.unwrap_err(), Rejected::TargetNameWrong.into());
    assert_eq!((record.decision, record.target_name), (Decision::Refused, Some("HTTP/other.example.test".into())));

    let (record, outcome) = audited(&Script::new(), &mut pair);
    assert!(outcome.is_ok() && record.observations.target_name_missing);
    assert!(record.reason.contains("named no target"), "{}", record.reason);
    pair.server_config.policy.target_name = TargetNamePolicy::Require(own());
    let (record, outcome) = audited(&Script::new(), &mut pair);
    assert!(outcome.is_err());
    assert_eq!(record.reason.matches("target").count(), 1, "{}", record.reason);
}

#[test]
fn a_verdict_that_policy_does_not_accept_is_this_servers_refusal() {
    let mut guests = windows().with_authority(|logon| Ok(LogonSuccess::guest(logon)));
    let (record, outcome) = audited(&Script::new().asking(UNPROTECTED), &mut guests);
    assert!(outcome.is_err());
    assert_eq!((record.decision, record.nt_status), (Decision::Refused, NtStatus::LOGON_FAILURE));
    assert!(record.reason.contains("guest") && !record.reason.contains("password"), "{}", record.reason);

    guests.server_config.policy.allow_guest = true;
    let (record, outcome) = audited(&Script::new().asking(UNPROTECTED), &mut guests);
    assert!(outcome.is_ok());
    assert_eq!((record.decision, record.kind), (Decision::Accepted, Some(IdentityKind::Guest)));
    assert!(record.reason.contains("proves nothing"));
    assert_eq!(record.mic, Some(MicCheck::Claimed));
}

#[test]
fn clocks_and_old_challenges_are_told() {
    let late = Script { time: Some(NOW.saturating_add(Duration::from_secs(48 * 3600))), ..Script::new() };
    let (record, outcome) = audited(&late, &mut Pair::new());
    assert!(outcome.is_err());
    assert_eq!((record.decision, record.nt_status), (Decision::Refused, NtStatus::TIME_DIFFERENCE_AT_DC));
    assert!(record.reason.contains("set the clocks"), "{}", record.reason);
}

#[test]
fn names_in_an_oem_character_set_are_remarked() {
    let oem = NegotiateFlags(UNPROTECTED.0 & !1 | 2);
    let script =
        Script { user: "alice".into(), workstation: "Größe".into(), mic: Mic::Right, ..Script::new() }.asking(oem);
    let (record, outcome) = audited(&script, &mut windows());
    assert!(outcome.is_ok());
    assert!(record.observations.oem && record.observations.oem_not_ascii);
    assert_eq!(record.workstation, "Größe".into());
    let wrong = Script { password: "guessed".into(), ..script };
    let (record, _) = audited(&wrong, &mut windows());
    assert!(record.observations.oem && record.observations.oem_not_ascii && !record.observations.mic_missing);
}

#[test]
fn an_audited_authority_gives_its_verdicts_on_and_records_them() {
    let kept = Arc::new(Kept::default());
    let authority = Audited::new(Says(knows_alice), Arc::clone(&kept) as _).with_clock(|| NOW).with_carrier("LDAP");
    let (right, wrong) = (question("EXAMPLE", "alice", PASSWORD), question("EXAMPLE", "alice", "guessed"));
    let verdict = authority.logon(right.logon());
    assert_eq!(authority.logon(wrong.logon()).err(), Some(LogonFailure::WRONG_PASSWORD));
    assert!(right.finish(verdict).is_ok());
    let records = kept.take();
    let told: Vec<_> = records.iter().map(|it| (it.event.number(), it.decision, it.nt_status.0)).collect();
    assert_eq!(told, [(4776, Decision::Accepted, 0), (4776, Decision::Denied, 0xc000_006a)]);
    for record in records {
        assert_eq!((record.user, record.carrier.as_ref(), record.time), ("alice".into(), "LDAP", NOW));
        assert_eq!((record.address, record.mic), (None, Some(MicCheck::Claimed)));
    }

    let authority = Audited::new(Immediate(Says(knows_alice)), Arc::clone(&kept) as _);
    let right = question("EXAMPLE", "alice", PASSWORD);
    let verdict = ask(&authority, right.logon(), &from("[2001:db8::1]:50000"));
    assert!(right.finish(verdict).is_ok());
    let [record] = kept.take().try_into().unwrap();
    assert_eq!(record.address, from("[2001:db8::1]:50000").address);
    assert_eq!((record.event, record.carrier.as_ref()), (WindowsEvent::Validation, ""));
}

#[test]
fn a_verdict_that_went_through_the_decorators_is_good_for_its_own_logon_only() {
    let throttle = Arc::new(ntlm_accounts::Throttle::new(ntlm_accounts::ThrottlePolicy::default()));
    let inner = ntlm_accounts::Throttled::new(
        ntlm_accounts::FirstOf::<dyn Authority + Send + Sync>::new(vec![Box::new(Says(knows_alice))]),
        throttle,
    );
    let authority = Audited::new(inner, Arc::new(Kept::default()));
    let mut pair = Pair::new();
    // One pair: its dice roll on, and the challenges differ.
    let [one, other] = [(); 2].map(|()| Script::new().question(&mut pair).unwrap());
    let verdict = authority.logon(one.logon());
    assert_eq!(other.finish(verdict).unwrap_err(), OutOfSequence::ForeignVerdict.into());
    let verdict = authority.logon(one.logon());
    assert!(one.finish(verdict).is_ok());
}

#[test]
fn a_question_that_is_given_up_lets_nobody_in_and_leaves_no_record() {
    struct Never;
    impl ntlm_accounts::AsyncAuthority for Never {
        fn logon<'a>(&'a self, _: &'a NetworkLogon, _: &'a Origin) -> ntlm_accounts::FutureVerdict<'a> {
            Box::pin(std::future::pending())
        }
    }
    let kept = Arc::new(Kept::default());
    let authority = Audited::new(Never, Arc::clone(&kept) as _);
    let question = question("EXAMPLE", "alice", PASSWORD);
    let origin = origin();
    let mut waiting = ntlm_accounts::AsyncAuthority::logon(&authority, question.logon(), &origin);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    drop(waiting);
    assert!(kept.take().is_empty());
}
