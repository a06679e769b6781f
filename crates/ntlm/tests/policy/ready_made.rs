//! The two ready-made policies: a number in the tables of the documentation is a number here.

use std::time::Duration;

use ntlm::bindings::AcceptedTargets;
use ntlm::config::{
    ChannelBindingsPolicy, DroppedCapabilities, ExtendedSessionSecurity, LmCompatibilityLevel, MicPolicy, OemPolicy,
    TargetNamePolicy,
};
use ntlm::{ClientConfig, ClientPolicy, ServerConfig, ServerNames, ServerPolicy};

#[test]
fn strict_is_the_default_of_both_sides() {
    assert_eq!(ServerPolicy::default(), ServerPolicy::strict());
    assert_eq!(ClientPolicy::default(), ClientPolicy::strict());
    assert_eq!(ClientConfig::default().policy, ClientPolicy::strict());
    assert_eq!(ClientConfig::new(ClientPolicy::windows()).policy, ClientPolicy::windows());
    let config = ServerConfig::new(ServerNames::standalone("SERVER1"), ServerPolicy::windows());
    assert_eq!(config.policy, ServerPolicy::windows());
    assert_ne!(ServerPolicy::windows(), ServerPolicy::strict());
    assert_ne!(ClientPolicy::windows(), ClientPolicy::strict());
}

#[test]
fn what_both_server_policies_agree_on() {
    for policy in [ServerPolicy::strict(), ServerPolicy::windows()] {
        assert_eq!(policy.lm_compatibility_level(), LmCompatibilityLevel::Level5);
        assert_eq!(policy.max_lifetime, Duration::from_secs(36 * 3600));
        assert_eq!(policy.challenge_lifetime, Duration::from_secs(300));
        assert_eq!(policy.channel_bindings, ChannelBindingsPolicy::WhenSupplied);
        assert_eq!(policy.target_name, TargetNamePolicy::Ignore);
        assert!(policy.require_128 && policy.echo_check);
        let opt_ins = [
            policy.server_block,
            policy.legacy_target_info,
            policy.allow_anonymous,
            policy.allow_guest,
            policy.nil_domain_retry,
            policy.local_accounts_for_unknown_domain,
            policy.allow_datagram,
        ];
        assert_eq!(opt_ins, [false; 7]);
    }
}

#[test]
fn what_windows_loosens_on_a_server() {
    let (strict, windows) = (ServerPolicy::strict(), ServerPolicy::windows());
    assert_eq!(strict.extended_session_security, ExtendedSessionSecurity::Always);
    assert_eq!(windows.extended_session_security, ExtendedSessionSecurity::WithProtection);
    assert_eq!((strict.oem, windows.oem), (OemPolicy::Refuse, OemPolicy::Accept));
    assert_eq!((strict.mic, windows.mic), (MicPolicy::RequireIfTimestampSent, MicPolicy::IfClaimed));
    assert_eq!(strict.dropped_capabilities, DroppedCapabilities::Refuse);
    assert_eq!(windows.dropped_capabilities, DroppedCapabilities::AllowUnlessRequired);

    let targets = AcceptedTargets::hosts(["server1"]);
    let mut expected = ServerPolicy::strict();
    expected.target_name = TargetNamePolicy::VerifyWhenSupplied(targets.clone());
    assert_eq!(ServerPolicy::strict_for(targets), expected);
}

#[test]
fn what_the_client_policies_say() {
    let (strict, windows) = (ClientPolicy::strict(), ClientPolicy::windows());
    for policy in [&strict, &windows] {
        assert_eq!(policy.lm_compatibility_level(), LmCompatibilityLevel::Level5);
        assert!(!policy.client_blocked && policy.client_block_exceptions.is_empty() && !policy.answers_unasked());
        assert!(policy.require_128 && policy.no_lm_response_ntlmv1 && !policy.legacy_lmv2);
        assert_eq!((policy.oem, policy.max_clock_difference), (OemPolicy::Refuse, None));
    }
    assert_eq!(strict.extended_session_security, ExtendedSessionSecurity::Always);
    assert_eq!(windows.extended_session_security, ExtendedSessionSecurity::WithProtection);
    assert!(strict.require_target_info && !windows.require_target_info);
}
