//! Where statuses come from that a row of the table cannot bring about: authorities' verdicts, the guard against reflection, clocks, randomness.

#[allow(dead_code)]
mod support;

use std::sync::Arc;
use std::time::Duration;

use ntlm::logon::{LogonFailureKind, NtStatus};
use ntlm::reflection::ReflectionGuard;
use ntlm::secret::SessionBaseKey;
use ntlm::wire::{AuthenticateMessage, NtlmV2Response};
use ntlm::{Authority, LogonFailure, LogonSuccess, NetworkLogon, Password};
use ntlm_sspi::{Configuration, InitializeCall, Output, SecurityStatus};
use support::pair::{ALICE, Pair, configuration, configuration_with};
use support::vocabulary::STATUS;

/// An authority with one verdict for everybody.
struct Verdict(fn(&NetworkLogon) -> Result<LogonSuccess, LogonFailure>);

impl Authority for Verdict {
    fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        (self.0)(logon)
    }
}

/// An authority that fails with one status.
struct Fails(NtStatus);

impl Authority for Fails {
    fn logon(&self, _: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        Err(LogonFailure::from_status(self.0))
    }
}

/// What the last leg of a server says when the authority is this one.
fn verdict(authority: impl Authority + Send + Sync + 'static) -> SecurityStatus {
    let pair = Pair::new(configuration_with(Arc::new(authority)));
    let status = pair.logon().err().unwrap_or(SecurityStatus::SEC_E_OK);
    assert_eq!(pair.sspi.live().1, 2, "both contexts wait to be deleted");
    status
}

#[test]
fn every_failure_of_an_authority_has_its_status() {
    for status in NtStatus::KNOWN.iter().copied().chain([NtStatus(0xc000_0001)]) {
        let expected = match LogonFailure::from_status(status).kind() {
            LogonFailureKind::Denied => SecurityStatus::SEC_E_LOGON_DENIED,
            LogonFailureKind::NoAuthority => SecurityStatus::SEC_E_NO_AUTHENTICATING_AUTHORITY,
            LogonFailureKind::TimeSkew => SecurityStatus::SEC_E_TIME_SKEW,
            LogonFailureKind::Blocked => SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION,
            LogonFailureKind::Internal => SecurityStatus::SEC_E_INTERNAL_ERROR,
        };
        assert_eq!(verdict(Fails(status)), expected, "{status}");
    }
}

#[test]
fn what_the_page_names_comes_of_the_failures_that_mean_it() {
    for (status, expected) in [
        (NtStatus::WRONG_PASSWORD, SecurityStatus::SEC_E_LOGON_DENIED),
        (NtStatus::NO_SUCH_USER, SecurityStatus::SEC_E_LOGON_DENIED),
        (NtStatus::ACCOUNT_DISABLED, SecurityStatus::SEC_E_LOGON_DENIED),
        (NtStatus::PASSWORD_EXPIRED, SecurityStatus::SEC_E_LOGON_DENIED),
        (NtStatus::NO_LOGON_SERVERS, SecurityStatus::SEC_E_NO_AUTHENTICATING_AUTHORITY),
        (NtStatus::NO_SUCH_DOMAIN, SecurityStatus::SEC_E_NO_AUTHENTICATING_AUTHORITY),
        (NtStatus::TRUSTED_RELATIONSHIP_FAILURE, SecurityStatus::SEC_E_NO_AUTHENTICATING_AUTHORITY),
        (NtStatus::INTERNAL_ERROR, SecurityStatus::SEC_E_INTERNAL_ERROR),
        (NtStatus::NTLM_BLOCKED, SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION),
    ] {
        assert_eq!(verdict(Fails(status)), expected, "{status}");
    }
}

#[test]
fn guests_and_users_without_a_key_are_denied() {
    assert_eq!(verdict(Verdict(|logon| Ok(LogonSuccess::guest(logon)))), SecurityStatus::SEC_E_LOGON_DENIED);
    let without_key =
        Verdict(|logon| Ok(LogonSuccess::from_authority(logon, SessionBaseKey::from_authority([0; 16]), None)));
    assert_eq!(verdict(without_key), SecurityStatus::SEC_E_LOGON_DENIED);
}

#[test]
fn a_yes_with_another_key_than_the_clients_is_no_yes() {
    let another_key =
        Verdict(|logon| Ok(LogonSuccess::from_authority(logon, SessionBaseKey::from_authority([7; 16]), None)));
    assert_eq!(verdict(another_key), SecurityStatus::SEC_E_MESSAGE_ALTERED);
}

/// Whether the client of `configuration` answers the challenge of its own server.
fn answers_itself(configuration: Configuration) -> Result<(), SecurityStatus> {
    let pair = Pair::new(configuration);
    let negotiate = pair.initialize(None, None).expect("NEGOTIATE");
    let challenge = pair.accept(None, &negotiate.token).expect("CHALLENGE");
    pair.initialize(Some(negotiate.context), Some(&challenge.token)).map(drop)
}

#[test]
fn an_interface_refuses_its_own_challenges_unless_it_is_told_not_to() {
    let mut guarded = configuration();
    guarded.client.reflection_guard = None;
    assert_eq!(answers_itself(guarded), Err(SecurityStatus::SEC_E_WRONG_PRINCIPAL));
    assert_eq!(answers_itself(configuration()), Ok(()));
}

#[test]
fn a_reflection_guard_that_is_given_stays() {
    let mut shared = configuration();
    let guard = Arc::new(ReflectionGuard::new());
    shared.client.reflection_guard = Some(Arc::clone(&guard));
    shared.server.reflection_guard = Some(Arc::clone(&guard));
    assert_eq!(answers_itself(shared), Err(SecurityStatus::SEC_E_WRONG_PRINCIPAL));

    let mut server_alone = configuration();
    server_alone.client.reflection_guard = None;
    server_alone.server.reflection_guard = Some(guard);
    assert_eq!(answers_itself(server_alone), Ok(()), "whoever gives one side its own guard keeps them apart");
}

#[test]
fn a_reflected_logon_is_refused_and_another_servers_challenge_is_not() {
    let mut guarded = configuration();
    guarded.client.reflection_guard = None;
    let (victim, other) = (Pair::new(guarded), Pair::new(configuration()));
    // Somebody makes the victim log on to him, and hands it the challenge of its own server.
    let negotiate = victim.initialize(None, None).expect("NEGOTIATE");
    let reflected = victim.accept(None, &negotiate.token).expect("CHALLENGE");
    let answer = victim.initialize(Some(negotiate.context), Some(&reflected.token)).map(drop);
    assert_eq!(answer, Err(SecurityStatus::SEC_E_WRONG_PRINCIPAL));
    // Another server's challenge is answered.
    let negotiate = victim.initialize(None, None).expect("NEGOTIATE");
    let challenge = other.accept(None, &negotiate.token).expect("CHALLENGE");
    let authenticate = victim.initialize(Some(negotiate.context), Some(&challenge.token)).expect("AUTHENTICATE");
    let logged_on = other.accept(Some(challenge.context), &authenticate.token).map(|outcome| outcome.status);
    assert_eq!(logged_on, Ok(SecurityStatus::SEC_E_OK));
}

#[test]
fn lenient_requests_take_what_the_page_refuses_and_give_nothing_for_it() {
    const DELEGATE: u32 = 1;
    const PROMPT_FOR_CREDS: u32 = 0x40;
    for flags in [DELEGATE, PROMPT_FOR_CREDS, DELEGATE | PROMPT_FOR_CREDS] {
        let (mut strict, mut lenient) = (Pair::new(configuration()), {
            let mut configuration = configuration();
            configuration.lenient_requests = true;
            Pair::new(configuration)
        });
        let without = lenient.initialize(None, None).expect("NEGOTIATE");
        strict.client_request |= flags;
        lenient.client_request |= flags;
        assert_eq!(strict.initialize(None, None).map(drop), Err(SecurityStatus::SEC_E_UNSUPPORTED_FUNCTION));
        let with = lenient.initialize(None, None).expect("NEGOTIATE");
        assert_eq!((with.token, with.context_attr), (without.token, without.context_attr));
        lenient.logon().expect("a logon");
    }
}

#[test]
fn a_target_name_is_as_long_as_a_token_can_be() {
    let pair = Pair::new(configuration());
    let first = |length: usize| {
        let call = InitializeCall {
            credential: Some(pair.client),
            target_name: Some("x".repeat(length).as_str().into()),
            output: Output::Buffer(2888),
            ..InitializeCall::default()
        };
        pair.sspi.initialize_security_context(call).map(|outcome| outcome.context)
    };
    for (length, expected) in [(0, true), (32_767, true), (32_768, false), (1_000_000, false)] {
        let outcome = first(length);
        assert_eq!(outcome.is_ok(), expected, "{length}");
        match outcome {
            Ok(context) => pair.delete([context]),
            Err(status) => assert_eq!(status, SecurityStatus::SEC_E_TARGET_UNKNOWN, "{length}"),
        }
    }
    pair.end();
}

#[test]
fn a_server_whose_clock_is_far_away_has_a_time_skew_where_the_client_looks() {
    let mut configuration = configuration();
    configuration.client.policy.max_clock_difference = Some(Duration::from_secs(60));
    let pair = Pair::new(configuration);
    let negotiate = pair.initialize(None, None).expect("NEGOTIATE");
    let mut challenge = pair.accept(None, &negotiate.token).expect("CHALLENGE").token;
    // MsvAvTimestamp: its id, its length, and the time, of which the last byte but one is changed.
    let at = challenge.windows(4).rposition(|window| window == [7, 0, 8, 0]).expect("a timestamp") + 4;
    challenge[at + 6] ^= 1;
    let answer = pair.initialize(Some(negotiate.context), Some(&challenge)).map(drop);
    assert_eq!(answer, Err(SecurityStatus::SEC_E_TIME_SKEW));
}

#[test]
fn a_lan_managers_challenge_is_answered_with_a_response_that_proves_the_password() {
    const CHALLENGE: [u8; 8] = *b"lanman\0\x01";
    let mut configuration = configuration();
    configuration.client.policy = configuration.client.policy.dangerous_answering_unasked();
    let mut pair = Pair::new(configuration);
    pair.client_request = 0;
    // A CHALLENGE_MESSAGE of the oldest form: no TargetName, UNICODE and NTLM.
    let challenge =
        [b"NTLMSSP\0\x02\0\0\0".as_slice(), &[0, 0, 0, 0, 32, 0, 0, 0], &[1, 0x82, 0, 0], &CHALLENGE].concat();
    let outcome = pair.initialize(None, Some(&challenge)).expect("an answer");
    assert_eq!(outcome.status, SecurityStatus::SEC_E_OK, "no further call is needed");
    let authenticate = AuthenticateMessage::parse(&outcome.token).expect("AUTHENTICATE");
    NtlmV2Response::parse(authenticate.nt_response, 0).expect("an NTLMv2 response");
    let (proof, client_challenge) = authenticate.nt_response.split_at(16);
    let (domain, user, password) = ALICE;
    let key = Password::new(password).nt_hash().response_key_nt(&user.into(), &domain.into());
    assert_eq!(key.nt_proof_str(CHALLENGE, client_challenge).as_slice(), proof);
    pair.delete([outcome.context]);
    pair.end();
}

#[test]
fn every_status_has_the_number_of_the_sheet() {
    for (name, number) in STATUS {
        let status = SecurityStatus(number.cast_signed());
        assert_eq!(status.name(), Some(*name));
        assert!(status.text().is_some_and(|text| !text.is_empty()), "{name}");
        assert_eq!(status.is_success(), !name.starts_with("SEC_E_") || *name == "SEC_E_OK", "{name}");
    }
}
