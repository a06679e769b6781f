//! What the builders and the server make of recordings.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::{CHROMIUM, CURL, Recording, SAMBA, SPECIFICATION, WINDOWS, WINDOWS_EXCHANGES, bytes, exported};
use crate::config::{ExtendedSessionSecurity, LmCompatibilityLevel, ServerConfig, ServerNames, ServerPolicy};
use crate::error::{Error, Rejected};
use crate::established::Established;
use crate::logon::LogonFailure;
use crate::server::{Exchange, ExpectNegotiate};
use crate::wire::{AvId, AvPairsBuilder, ChallengeBuilder, NegotiateFlags as F, UnicodeString};

#[test]
fn the_builder_makes_windows_challenge_messages() {
    for id in WINDOWS_EXCHANGES.into_iter().chain(["windows-7-channel-bindings"]) {
        let recording = Recording::of(WINDOWS, id);
        let message = recording.offered();
        let mut target_info = AvPairsBuilder::new();
        for pair in message.target_info.expect("TargetInfo").iter() {
            target_info.push(pair.id, pair.value);
        }
        let mut made = Vec::new();
        ChallengeBuilder {
            flags: message.flags,
            target_name: message.target_name,
            server_challenge: message.server_challenge,
            target_info: &target_info.finish(),
            version: message.version,
        }
        .write(&mut made);
        assert_eq!(made, recording.challenge, "{id}");
    }
}

#[test]
fn the_server_answers_a_windows_client_like_a_windows_server() {
    for id in WINDOWS_EXCHANGES {
        let recording = Recording::of(WINDOWS, id);
        let message = recording.offered();
        let pairs = message.target_info.expect("TargetInfo");
        let names = ServerNames {
            nb_computer: pairs.text(AvId::NB_COMPUTER_NAME).expect("a name"),
            nb_domain: pairs.text(AvId::NB_DOMAIN_NAME),
            dns_computer: pairs.text(AvId::DNS_COMPUTER_NAME),
            dns_domain: pairs.text(AvId::DNS_DOMAIN_NAME),
            dns_tree: pairs.text(AvId::DNS_TREE_NAME),
        };
        let mut config = ServerConfig::new(names, ServerPolicy::strict());
        config.version = message.version;
        let mut entropy = |out: &mut [u8]| {
            out.copy_from_slice(&message.server_challenge);
            Ok(())
        };
        let mut made = Vec::new();
        ExpectNegotiate::new(Arc::new(config), Exchange::default())
            .receive(&recording.negotiate, pairs.timestamp().expect("a time"), &mut entropy, &mut made)
            .expect("a CHALLENGE");
        assert_eq!(made, recording.challenge, "{id}");
    }
}

#[test]
fn the_server_judges_every_recorded_logon_as_its_peer_did() {
    let mut judged = 0;
    for file in [WINDOWS, SAMBA, CHROMIUM, CURL, SPECIFICATION] {
        for recording in Recording::all(file) {
            let Recording { id, .. } = &recording;
            let level = LmCompatibilityLevel::Level0;
            let mut policy = ServerPolicy::windows().dangerous_with_lm_compatibility_level(level);
            policy.require_128 = false;
            policy.extended_session_security = ExtendedSessionSecurity::DangerousNever;
            // Chromium's and the specification's challenges carry no time, which ours always do; the rest of the check stands.
            policy.max_lifetime = Duration::MAX;
            let accepted = recording.values["expected"]["accepted"] == true;
            let outcome = recording.judge(policy.clone(), Exchange::default());
            let Some(sent_flags) = recording.sent().flags else { panic!("{id}: no flags") };
            if !accepted {
                assert_eq!(outcome.expect_err(id), Error::Logon(LogonFailure::WRONG_PASSWORD), "{id}");
                judged += 1;
                continue;
            }
            if id == "windows-7-channel-bindings" {
                // Its NEGOTIATE was not published, so the MIC that it claims cannot be right.
                assert_eq!(outcome.expect_err(id), Error::Rejected(Rejected::MicWrong), "{id}");
                judged += 1;
                continue;
            }
            if id == "chromium-auth-v2-old-challenge" {
                // No TargetInfo was offered: nothing of it can be echoed.
                assert_eq!(outcome.expect_err(id), Error::Rejected(Rejected::TargetInfoChanged(AvId::EOL)), "{id}");
                judged += 1;
                continue;
            }
            let context = outcome.unwrap_or_else(|error| panic!("{id}: {error}"));
            let info = &context.info;
            let claimed = recording.response().and_then(|response| response.av_pairs.flags());
            assert_eq!(info.has_mic(), claimed.is_some_and(|flags| flags.0 & 2 != 0), "{id}");
            if let Some(flags) = recording.expected("negotiated_flags") {
                assert_eq!(format!("{:#010x}", info.flags().0), flags, "{id}");
            }
            // Keys exchanged with nothing to protect, and no MIC to tell what the client did: by MS-NLMP the key exchange key is exported.
            let lonely = sent_flags.contains(F::KEY_EXCH) && !sent_flags.intersects(F::SIGN | F::SEAL);
            let key = if lonely { "key_exchange_key" } else { "exported_session_key" };
            assert_eq!(exported(&context)[..], recording.expected_bytes(key), "{id}");
            check_names(&recording, &context);
            check_mech_list_mics(&recording, context);
            judged += 1;
        }
    }
    assert_eq!(judged, 35, "exchanges in all files");
}

fn check_names(recording: &Recording, context: &Established) {
    let identity = context.info.identity();
    let named = |key: &str| UnicodeString::from(recording.expected(&format!("authenticate.{key}")).expect(key));
    assert_eq!(identity.user, named("user"), "{}", recording.id);
    assert_eq!(identity.domain, named("domain"), "{}", recording.id);
    assert_eq!(identity.workstation, named("workstation"), "{}", recording.id);
    let spn = recording.expected("authenticate.spn").filter(|spn| !spn.is_empty()).map(UnicodeString::from);
    assert_eq!(context.info.target_name(), spn.as_ref(), "{}", recording.id);
    let bindings = recording.expected("authenticate.channel_bindings").map(bytes);
    let bindings = bindings.filter(|bindings| bindings.iter().any(|&byte| byte != 0));
    assert_eq!(context.info.channel_bindings().map(|hash| hash.to_vec()), bindings, "{}", recording.id);
}

/// The server of the recording checks the client's mechListMIC, and makes its own.
fn check_mech_list_mics(recording: &Recording, mut context: Established) {
    let Some(mech_list) = recording.input("mech_list").map(bytes) else { return };
    let session = &mut context.session;
    let client = recording.expected_bytes("client_mech_list_mic");
    session.verify_mech_list_mic(&mech_list, &client).expect("the client's mechListMIC");
    let server = session.mech_list_mic(&mech_list).expect("a mechListMIC");
    assert_eq!(server[..], recording.expected_bytes("server_mech_list_mic"), "{}", recording.id);
}

#[test]
fn strict_servers_accept_recordings_with_a_mic_that_is_claimed_and_right() {
    let mut accepted = Vec::new();
    for file in [WINDOWS, SAMBA, CHROMIUM, CURL, SPECIFICATION] {
        for recording in Recording::all(file) {
            let outcome = recording.judge(ServerPolicy::strict(), Exchange::default());
            if outcome.is_ok() {
                accepted.push(recording.id);
            }
        }
    }
    let expected = [
        "windows-a-user-principal-name",
        "windows-b-smb-in-spnego",
        "windows-c-wrong-spn",
        "samba-local-squid-2.5-ntlmssp",
        "samba-local-gss-spnego",
        "samba-local-gss-spnego-raw-ntlmssp",
        "samba-dc-squid-2.5-ntlmssp",
        "samba-dc-gss-spnego",
        "samba-dc-gss-spnego-raw-ntlmssp",
        "wine-8-self-test",
        "squid-5-gss-ntlmssp",
    ];
    assert_eq!(accepted, expected);
}
