//! What the builders and the client make of recordings.

use alloc::vec::Vec;

use super::{CHROMIUM, CURL, Recording, SAMBA, SPECIFICATION, WINDOWS, WINDOWS_EXCHANGES, bytes, exported, names_of};
use crate::bindings::ChannelBindings;
use crate::client::Exchange;
use crate::config::{ClientPolicy, ExtendedSessionSecurity, LmCompatibilityLevel, OemPolicy};
use crate::error::{Error, Incompatible};
use crate::wire::{
    AuthenticateBuilder, AuthenticateMessage, AvId, AvPairs, NegotiateBuilder, NegotiateFlags as F, NegotiateMessage,
    NtlmV2Response,
};

#[test]
fn the_builder_makes_windows_negotiate_messages() {
    for id in WINDOWS_EXCHANGES {
        let recording = Recording::of(WINDOWS, id);
        let message = NegotiateMessage::parse(&recording.negotiate).expect("a NEGOTIATE");
        let mut made = Vec::new();
        NegotiateBuilder { flags: message.flags, version: message.version, ..NegotiateBuilder::default() }
            .write(&mut made);
        assert_eq!(made, recording.negotiate, "{id}");
    }
}

#[test]
fn the_client_makes_windows_authenticate_messages() {
    for id in WINDOWS_EXCHANGES {
        let recording = Recording::of(WINDOWS, id);
        let config = recording.client_config(ClientPolicy::strict());
        let (made, context) = recording.answer(config, recording.client_exchange()).expect("an answer");
        assert_eq!(made, recording.authenticate, "{id}");
        assert_eq!(exported(&context)[..], recording.expected_bytes("exported_session_key"), "{id}");
    }
}

#[test]
fn the_client_says_what_windows_7_says_with_channel_bindings() {
    let mut recording = Recording::of(WINDOWS, "windows-7-channel-bindings");
    // Not published; Windows asks for this where nothing is to be protected.
    let mut negotiate = Vec::new();
    let flags = F(0xa208_8207);
    NegotiateBuilder { flags, version: recording.sent().version, ..NegotiateBuilder::default() }.write(&mut negotiate);
    recording.negotiate = negotiate;
    let certificate_hash = bytes("ea05fefecc6b0bd571dbbc5baa3ed45386d0446835f7b74c85621b9983475f95");
    let exchange = Exchange {
        channel_bindings: Some(ChannelBindings::tls_server_end_point(&certificate_hash)),
        ..recording.client_exchange()
    };
    let config = recording.client_config(ClientPolicy::strict());
    let (made, context) = recording.answer(config, exchange).expect("an answer");
    let (made, sent) = (AuthenticateMessage::parse(&made).expect("an AUTHENTICATE"), recording.sent());
    assert_eq!((made.flags, made.version, made.mic_offset), (sent.flags, sent.version, sent.mic_offset));
    assert_eq!(names_of(&made), names_of(&sent));
    assert_eq!(made.lm_response, sent.lm_response);
    // It sends four more zero bytes behind the AV pairs than its successors, which the proof covers: up to there the responses are the same.
    let (ours, theirs) = (&made.nt_response[16..], &sent.nt_response[16..]);
    assert_eq!([ours, &[0; 4]].concat(), theirs);
    assert_eq!(context.info.channel_bindings(), recording.response().expect("NTLMv2").av_pairs.channel_bindings());
}

#[test]
fn the_client_makes_chromiums_responses() {
    let certificate_hash = bytes("ea05fefecc6b0bd571dbbc5baa3ed45386d0446835f7b74c85621b9983475f95");
    for (id, bindings) in [
        ("chromium-auth-v2-epa-mic", Some(ChannelBindings::tls_server_end_point(&certificate_hash))),
        ("chromium-auth-v2-zero-cbt", None),
    ] {
        let recording = Recording::of(CHROMIUM, id);
        let exchange = Exchange { channel_bindings: bindings, ..recording.client_exchange() };
        let config = recording.client_config(ClientPolicy::strict());
        let (made, context) = recording.answer(config, exchange).expect("an answer");
        let (made, sent) = (AuthenticateMessage::parse(&made).expect("an AUTHENTICATE"), recording.sent());
        assert_eq!(made.nt_response, sent.nt_response, "{id}");
        assert_eq!(made.lm_response, sent.lm_response, "{id}");
        assert_eq!(names_of(&made), names_of(&sent), "{id}");
        assert_eq!(exported(&context)[..], recording.expected_bytes("exported_session_key"), "{id}");
    }
}

#[test]
fn the_client_keeps_what_only_the_client_may_say_out_of_a_challenge_without_target_info() {
    // Chromium answers such a challenge with a MIC all the same; a strict client of ours takes the missing TargetInfo for an attack.
    let recording = Recording::of(CHROMIUM, "chromium-auth-v2-old-challenge");
    let config = recording.client_config(ClientPolicy::strict());
    let error = recording.answer(config, recording.client_exchange()).expect_err("no TargetInfo");
    assert_eq!(error, Error::Incompatible(Incompatible::NoTargetInfo));
    // A lenient one has no place for a MIC to be claimed in, and sends none.
    let config = recording.client_config(ClientPolicy::windows());
    let (made, context) = recording.answer(config, recording.client_exchange()).expect("an answer");
    assert!(!context.info.has_mic() && context.info.observations().target_info_missing);
    let made = AuthenticateMessage::parse(&made).expect("an AUTHENTICATE");
    assert_eq!(made.mic, Some([0; 16]));
    let response = NtlmV2Response::parse(made.nt_response, 0).expect("NTLMv2");
    assert_eq!(response.av_pairs.iter().count(), 0);
}

#[test]
fn the_client_makes_the_ntlmv1_responses_of_others() {
    for (file, id, level) in [
        (SPECIFICATION, "4.2.2.3-messages", LmCompatibilityLevel::Level1),
        (SPECIFICATION, "4.2.3.3-messages", LmCompatibilityLevel::Level1),
        (CHROMIUM, "chromium-auth-v1-ess", LmCompatibilityLevel::Level2),
        (CURL, "curl-test91", LmCompatibilityLevel::Level0),
        (CURL, "curl-test1008", LmCompatibilityLevel::Level0),
        (CURL, "curl-test2025", LmCompatibilityLevel::Level0),
        (CURL, "curl-test590", LmCompatibilityLevel::Level0),
    ] {
        let mut recording = Recording::of(file, id);
        let sent = recording.sent();
        // The NEGOTIATE messages of the specification and of curl are not in the recordings: what the client answered is what it had asked for.
        let flags = sent.flags.expect("flags");
        let mut negotiate = Vec::new();
        NegotiateBuilder { flags, ..NegotiateBuilder::default() }.write(&mut negotiate);
        recording.negotiate = negotiate;

        let mut policy = ClientPolicy::windows().dangerous_with_lm_compatibility_level(level);
        policy.no_lm_response_ntlmv1 = false;
        policy.oem = OemPolicy::Accept;
        policy.require_128 = false;
        policy.extended_session_security = ExtendedSessionSecurity::DangerousNever;
        let (made, context) =
            recording.answer(recording.client_config(policy), Exchange::default()).expect("an answer");
        let made = AuthenticateMessage::parse(&made).expect("an AUTHENTICATE");
        let sent = recording.sent();
        assert_eq!(made.lm_response, sent.lm_response, "{id}");
        assert_eq!(made.nt_response, sent.nt_response, "{id}");
        assert_eq!(made.encrypted_random_session_key, sent.encrypted_random_session_key, "{id}");
        assert_eq!(names_of(&made), names_of(&sent), "{id}");
        assert_eq!(exported(&context)[..], recording.expected_bytes("exported_session_key"), "{id}");
        assert!(context.info.observations().weak_response && !context.info.has_mic());
    }
}

#[test]
fn the_builder_makes_the_authenticate_messages_of_the_specification() {
    for recording in Recording::all(SPECIFICATION) {
        let sent = recording.sent();
        let builder = AuthenticateBuilder {
            flags: sent.flags.expect("flags"),
            domain_name: sent.domain_name,
            user_name: sent.user_name,
            workstation: sent.workstation,
            lm_response: sent.lm_response,
            nt_response: sent.nt_response,
            encrypted_random_session_key: sent.encrypted_random_session_key,
            version: sent.version,
            without_mic_field: true,
        };
        let mut made = Vec::new();
        builder.write(&mut made);
        assert_eq!(made.len(), builder.length(), "{}", recording.id);
        assert_eq!(made, recording.authenticate, "{}", recording.id);
    }
}

#[test]
fn a_client_with_real_lmv2_responses_makes_those_of_the_specification() {
    let mut recording = Recording::of(SPECIFICATION, "4.2.4.3-messages");
    let sent = recording.sent();
    let mut negotiate = Vec::new();
    NegotiateBuilder { flags: sent.flags.expect("flags"), ..NegotiateBuilder::default() }.write(&mut negotiate);
    recording.negotiate = negotiate;
    for legacy_lmv2 in [true, false] {
        let mut policy = ClientPolicy::strict();
        policy.legacy_lmv2 = legacy_lmv2;
        let exchange = Exchange { target_name: Some("HTTP/web".into()), ..recording.client_exchange() };
        let (made, context) = recording.answer(recording.client_config(policy), exchange).expect("an answer");
        let (made, sent) = (AuthenticateMessage::parse(&made).expect("an AUTHENTICATE"), recording.sent());
        assert_eq!(made.lm_response, if legacy_lmv2 { sent.lm_response } else { &[0; 24] });
        // The NT response has the specification's pairs, and behind them ours, under a proof of its own.
        let theirs = recording.response().expect("NTLMv2");
        let ours = NtlmV2Response::parse(made.nt_response, 0).expect("NTLMv2");
        assert_eq!((ours.time_stamp, ours.challenge_from_client), (theirs.time_stamp, theirs.challenge_from_client));
        let list = |pairs: &AvPairs<'_>| pairs.iter().map(|pair| (pair.id, pair.value.to_vec())).collect::<Vec<_>>();
        let (ours_list, theirs_list) = (list(&ours.av_pairs), list(&theirs.av_pairs));
        assert!(ours_list.starts_with(&theirs_list));
        let added: Vec<AvId> = ours_list[theirs_list.len()..].iter().map(|(id, _)| *id).collect();
        assert_eq!(added, [AvId::FLAGS, AvId::CHANNEL_BINDINGS, AvId::TARGET_NAME]);
        let key = recording.password().nt_hash().response_key_nt(&"User".into(), &"Domain".into());
        let challenge = recording.offered().server_challenge;
        assert_eq!(key.nt_proof_str(challenge, ours.client_challenge), ours.nt_proof_str);
        assert_eq!(exported(&context), [0x55; 16]);
        let decrypted = key.session_base_key(&ours.nt_proof_str).key_exchange_key_v2();
        let encrypted = made.encrypted_random_session_key.try_into().expect("16 bytes");
        assert_eq!(decrypted.decrypt(encrypted).expose(), &[0x55; 16]);
    }
}

#[test]
fn the_client_exchanges_no_key_where_nothing_is_protected() {
    // Samba's client does, under flags that ask for it.
    for id in ["samba-local-squid-2.5-ntlmssp-noflags", "curl-ntlm-wb"] {
        let recording = Recording::of(SAMBA, id);
        let sent = recording.sent();
        assert!(sent.flags.expect("flags").contains(F::KEY_EXCH) && !sent.encrypted_random_session_key.is_empty());
        let config = recording.client_config(ClientPolicy::strict());
        let (made, context) = recording.answer(config, recording.client_exchange()).expect("an answer");
        let made = AuthenticateMessage::parse(&made).expect("an AUTHENTICATE");
        assert!(!made.flags.expect("flags").contains(F::KEY_EXCH), "{id}");
        assert!(made.encrypted_random_session_key.is_empty(), "{id}");
        // Then the key exchange key is exported, which nothing on the wire shows.
        let proof = NtlmV2Response::parse(made.nt_response, 0).expect("NTLMv2").nt_proof_str;
        let key = recording.password().nt_hash().response_key_nt(&"alice".into(), &"EXAMPLE".into());
        assert_eq!(exported(&context), *key.session_base_key(&proof).expose(), "{id}");
    }
}
