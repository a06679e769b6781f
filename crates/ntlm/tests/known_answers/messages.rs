//! Single messages: every structural fact, and the same bytes again (MS-NLMP 2.2).

use ntlm::NegotiateFlags as F;
use ntlm::wire::{
    AuthenticateMessage, AvId, AvPairs, ChallengeMessage, Charset, MessageType, NegotiateMessage, NtlmV2Response,
    ResponseClass, Version,
};

use crate::support::known_answers::Vector;

pub(crate) fn message(vector: &Vector<'_>) {
    check_facts(vector, &vector.bytes("message"));
}

pub(crate) fn malformed(vector: &Vector<'_>) {
    let message = vector.bytes("message");
    let error = match vector.integer("message_type") {
        1 => NegotiateMessage::parse(&message).err(),
        2 => ChallengeMessage::parse(&message).err(),
        3 => AuthenticateMessage::parse(&message).err(),
        other => panic!("{}: a message type {other}", vector.id()),
    };
    vector.check_bool("refused", error.is_some());
    if let Some(error) = error {
        assert!(!error.field.is_empty(), "{}", vector.id());
        assert!(error.offset <= message.len(), "{}: {error}", vector.id());
        let text = error.to_string();
        assert!(text.contains(error.field) && text.contains(&format!("offset {}", error.offset)), "{text}");
    }
}

/// Compares the message with the facts of `vector` (or of a part of it), and encodes it again.
pub(crate) fn check_facts(vector: &Vector<'_>, message: &[u8]) {
    let message_type = MessageType::of(message).unwrap_or_else(|error| panic!("{}: {error}", vector.id()));
    vector.check_integer("length", message.len() as u64);
    let mut encoded = Vec::new();
    match message_type {
        MessageType::Negotiate => {
            vector.check_integer("message_type", 1);
            let read = NegotiateMessage::parse(message).unwrap_or_else(|error| panic!("{}: {error}", vector.id()));
            check_negotiate(vector, &read);
            read.encode(&mut encoded);
        }
        MessageType::Challenge => {
            vector.check_integer("message_type", 2);
            let read = ChallengeMessage::parse(message).unwrap_or_else(|error| panic!("{}: {error}", vector.id()));
            check_challenge(vector, &read);
            read.encode(&mut encoded);
        }
        MessageType::Authenticate => {
            vector.check_integer("message_type", 3);
            let read = AuthenticateMessage::parse(message).unwrap_or_else(|error| panic!("{}: {error}", vector.id()));
            check_authenticate(vector, &read);
            read.encode(&mut encoded);
        }
    }
    assert_eq!(encoded, message, "{}: encoded differently", vector.id());
}

fn check_negotiate(vector: &Vector<'_>, message: &NegotiateMessage<'_>) {
    vector.check_flags("flags", message.flags.0);
    check_version(vector, message.flags, message.version);
    for (key, name) in [("domain", message.domain_name), ("workstation", message.workstation)] {
        assert_eq!(name.is_some(), vector.expects(key) || vector.expects(&format!("{key}_oem")), "{}", vector.id());
        // Always OEM, whatever the flags say about Unicode.
        vector.check_name(key, false, name.unwrap_or(&[]));
    }
}

fn check_challenge(vector: &Vector<'_>, message: &ChallengeMessage<'_>) {
    vector.check_flags("flags", message.flags.0);
    check_version(vector, message.flags, message.version);
    vector.check_name("target_name", message.charset() == Charset::Unicode, message.target_name);
    vector.check_bytes("server_challenge", message.server_challenge);
    check_pairs(vector, message.target_info.as_ref());
}

fn check_authenticate(vector: &Vector<'_>, message: &AuthenticateMessage<'_>) {
    let flags = message.flags.expect("a form with flags");
    let unicode = message.charset() == Charset::Unicode;
    vector.check_flags("flags", flags.0);
    check_version(vector, flags, message.version);
    vector.check_name("domain", unicode, message.domain_name);
    vector.check_name("user", unicode, message.user_name);
    vector.check_name("workstation", unicode, message.workstation);
    vector.check_bytes("lm_response", message.lm_response);
    vector.check_bytes("nt_response", message.nt_response);
    vector.check_bytes("encrypted_random_session_key", message.encrypted_random_session_key);
    assert_eq!(message.mic.is_some(), vector.expects("mic"), "{}", vector.id());
    assert_eq!(message.mic.is_some(), message.mic_offset.is_some(), "{}", vector.id());
    vector.check_bytes("mic", message.mic.unwrap_or_default());

    let response = (message.nt_response.len() >= ResponseClass::NTLMV2_MINIMUM).then(|| {
        let offset = message.nt_response_offset();
        NtlmV2Response::parse(message.nt_response, offset).unwrap_or_else(|error| panic!("{}: {error}", vector.id()))
    });
    assert_eq!(response.is_some(), vector.expects("timestamp"), "{}", vector.id());
    check_pairs(vector, response.as_ref().map(|response| &response.av_pairs));
    let Some(response) = response else { return };
    vector.check_bytes("timestamp", response.time_stamp.to_bytes());
    vector.check_bytes("client_challenge", response.challenge_from_client);
    let spn = response.av_pairs.text(AvId::TARGET_NAME);
    assert_eq!(spn.is_some(), vector.expects("spn"), "{}", vector.id());
    vector.check_text("spn", &spn.unwrap_or_default().to_string_lossy());
    let bindings = response.av_pairs.channel_bindings();
    assert_eq!(bindings.is_some(), vector.expects("channel_bindings"), "{}", vector.id());
    vector.check_bytes("channel_bindings", bindings.unwrap_or_default());
}

/// Stated where the flag is set and the message has room for the field.
fn check_version(vector: &Vector<'_>, flags: F, version: Option<Version>) {
    let version = version.filter(|_| flags.contains(F::VERSION));
    assert_eq!(version.is_some(), vector.expects("version"), "{}", vector.id());
    vector.check_bytes("version", version.map(Version::to_bytes).unwrap_or_default());
}

fn check_pairs(vector: &Vector<'_>, pairs: Option<&AvPairs<'_>>) {
    assert_eq!(pairs.is_some(), vector.expects("av_pairs"), "{}", vector.id());
    let list: Vec<(u16, Vec<u8>)> =
        pairs.into_iter().flat_map(AvPairs::iter).map(|pair| (pair.id.0, pair.value.to_vec())).collect();
    vector.check_pairs("av_pairs", &list);
}
