//! What is written is read again, and nothing that is read makes a parser panic.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use ntlm::export::ExportedContext;
use ntlm::wire::{
    AuthenticateBuilder, AuthenticateMessage, AvId, AvPairs, AvPairsBuilder, ChallengeBuilder, ChallengeMessage,
    Charset, MessageSignature, MessageType, NegotiateBuilder, NegotiateMessage, NtlmV2Response, Part, ResponseClass,
    Version,
};
use ntlm::{Established, FileTime, NegotiateFlags as F, UnicodeString};

use crate::fixed;

/// AV pairs that a list may have: any order, known ids once and with the length they must have, unknown ids as often as you like.
fn av_pairs() -> impl Strategy<Value = Vec<(AvId, Vec<u8>)>> {
    let id = prop_oneof![3 => 1..=10_u16, 1 => 11..=u16::MAX];
    vec((id, vec(any::<u8>(), 0..60)), 0..12).prop_map(|pairs| {
        let mut seen = BTreeSet::new();
        let pairs = pairs.into_iter().filter(|(id, _)| *id > 10 || seen.insert(*id));
        let fit = |(id, mut value): (u16, Vec<u8>)| {
            let id = AvId(id);
            if let Some(length) = id.fixed_length() {
                value.resize(length, 0xee);
            } else if id.is_text() {
                value.truncate(value.len() / 2 * 2);
            }
            (id, value)
        };
        pairs.map(fit).collect()
    })
}

fn list_of(pairs: &[(AvId, Vec<u8>)]) -> Vec<u8> {
    let mut list = AvPairsBuilder::new();
    for (id, value) in pairs {
        list.push(*id, value);
    }
    list.finish()
}

fn pairs_of(list: &AvPairs<'_>) -> Vec<(AvId, Vec<u8>)> {
    list.iter().map(|pair| (pair.id, pair.value.to_vec())).collect()
}

fn version() -> impl Strategy<Value = Option<Version>> {
    option::of(any::<[u8; 8]>().prop_map(Version::from_bytes))
}

/// A name, of an even number of bytes where it must be.
fn name() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..80)
}

fn even(mut name: Vec<u8>, unicode: bool) -> Vec<u8> {
    if unicode {
        name.truncate(name.len() / 2 * 2);
    }
    name
}

proptest! {
    #![proptest_config(fixed(400))]

    #[test]
    fn a_negotiate_is_read_as_it_was_written(
        flags: u32, domain in name(), workstation in name(), version in version(), tail in vec(any::<u8>(), 0..9),
    ) {
        let flags = F(flags);
        let mut bytes = Vec::new();
        NegotiateBuilder { flags, domain_name: &domain, workstation: &workstation, version }.write(&mut bytes);
        bytes.extend(tail);
        let message = NegotiateMessage::parse(&bytes).expect("a NEGOTIATE");
        prop_assert_eq!(message.flags, flags);
        prop_assert_eq!(message.domain_name, flags.contains(F::OEM_DOMAIN_SUPPLIED).then_some(&domain[..]));
        prop_assert_eq!(message.workstation, flags.contains(F::OEM_WORKSTATION_SUPPLIED).then_some(&workstation[..]));
        prop_assert_eq!(message.version, Some(version.unwrap_or(Version::from_bytes([0; 8]))));
        let mut again = Vec::new();
        message.encode(&mut again);
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn a_challenge_is_read_as_it_was_written(
        flags: u32, name in name(), server_challenge: [u8; 8], pairs in option::of(av_pairs()), version in version(),
        tail in vec(any::<u8>(), 0..9),
    ) {
        let flags = F(flags).without(F::TARGET_INFO).with_if(pairs.is_some(), F::TARGET_INFO);
        let target_name = even(name, flags.contains(F::UNICODE));
        let target_info = pairs.as_deref().map(list_of).unwrap_or_default();
        let mut bytes = Vec::new();
        ChallengeBuilder { flags, target_name: &target_name, server_challenge, target_info: &target_info, version }
            .write(&mut bytes);
        bytes.extend(tail);
        let message = ChallengeMessage::parse(&bytes).expect("a CHALLENGE");
        prop_assert_eq!(message.flags, flags);
        prop_assert_eq!(message.target_name, &target_name[..]);
        prop_assert_eq!(message.server_challenge, server_challenge);
        prop_assert_eq!(message.target_info.as_ref().map(pairs_of), pairs);
        prop_assert_eq!(message.version, Some(version.unwrap_or(Version::from_bytes([0; 8]))));
        prop_assert_eq!(message.reserved, Some([0; 8]));
        let mut again = Vec::new();
        message.encode(&mut again);
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn an_authenticate_is_read_as_it_was_written(
        flags: u32, names: [Vec<u8>; 3], lm in vec(any::<u8>(), 0..30), nt in vec(any::<u8>(), 0..200),
        key in vec(any::<u8>(), 0..20), version in version(), without_mic_field: bool,
    ) {
        let flags = F(flags);
        let [domain, user, workstation] = names.map(|name| even(name, flags.contains(F::UNICODE)));
        let builder = AuthenticateBuilder {
            flags, domain_name: &domain, user_name: &user, workstation: &workstation, lm_response: &lm, nt_response: &nt,
            encrypted_random_session_key: &key, version, without_mic_field,
        };
        let mut bytes = Vec::new();
        builder.write(&mut bytes);
        prop_assert_eq!(bytes.len(), builder.length());
        let message = AuthenticateMessage::parse(&bytes).expect("an AUTHENTICATE");
        prop_assert_eq!(message.flags, Some(flags));
        prop_assert_eq!(message.domain_name, &domain[..]);
        prop_assert_eq!(message.user_name, &user[..]);
        prop_assert_eq!(message.workstation, &workstation[..]);
        prop_assert_eq!(message.lm_response, &lm[..]);
        prop_assert_eq!(message.nt_response, &nt[..]);
        prop_assert_eq!(message.encrypted_random_session_key, &key[..]);
        prop_assert_eq!(message.version, Some(version.unwrap_or(Version::from_bytes([0; 8]))));
        prop_assert_eq!(message.mic_offset, (!without_mic_field).then_some(AuthenticateBuilder::MIC_OFFSET));
        prop_assert_eq!(message.mic, (!without_mic_field).then_some([0; 16]));
        let mut again = Vec::new();
        message.encode(&mut again);
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn av_pairs_are_read_as_they_were_written(pairs in av_pairs(), tail in vec(any::<u8>(), 0..9), base in 0..1000_usize) {
        let bytes = [list_of(&pairs), tail].concat();
        let list = AvPairs::parse(&bytes, Part::Challenge, base).expect("a list");
        prop_assert_eq!(pairs_of(&list), &pairs[..]);
        prop_assert_eq!(list.as_bytes(), &bytes[..]);
        for pair in list.iter() {
            prop_assert_eq!(list.get(pair.id).is_some(), true);
            let at = pair.offset - base;
            prop_assert_eq!(&bytes[at..at + 2], &pair.id.0.to_le_bytes());
        }
        // Without its end it is none.
        let end = bytes.len() - list_of(&[]).len();
        let error = AvPairs::parse(&bytes[..end.min(list_of(&pairs).len() - 4)], Part::Challenge, base);
        prop_assert!(error.is_err());
    }

    #[test]
    fn an_ntlmv2_response_is_read_as_it_was_written(
        proof: [u8; 16], time: u64, challenge: [u8; 8], pairs in av_pairs(), base in 0..1000_usize,
    ) {
        let temp = [&[1, 1, 0, 0, 0, 0, 0, 0][..], &time.to_le_bytes(), &challenge, &[0; 4], &list_of(&pairs), &[0; 4]];
        let bytes = [&proof[..], &temp.concat()].concat();
        let response = NtlmV2Response::parse(&bytes, base).expect("a response");
        prop_assert_eq!(response.nt_proof_str, proof);
        prop_assert_eq!(response.client_challenge, &bytes[16..]);
        prop_assert_eq!(response.time_stamp, FileTime(time));
        prop_assert_eq!(response.challenge_from_client, challenge);
        prop_assert_eq!(pairs_of(&response.av_pairs), pairs);
        prop_assert_eq!(ResponseClass::of(b"user", &[], &bytes, true), Some(ResponseClass::NtlmV2));
    }

    #[test]
    fn small_structures_are_read_as_they_were_written(signature: [u8; 16], version: [u8; 8], units: Vec<u16>) {
        let mut signature = signature;
        signature[..4].copy_from_slice(&[1, 0, 0, 0]);
        prop_assert_eq!(MessageSignature::parse(&signature).expect("a signature").to_bytes(), signature);
        prop_assert_eq!(Version::from_bytes(version).to_bytes(), version);
        let text = UnicodeString::from_units(&units);
        prop_assert_eq!(&UnicodeString::decode(&text.to_utf16le(), Charset::Unicode), &text);
        prop_assert_eq!(text.to_upper().to_upper(), text.to_upper());
        prop_assert!(text.eq_ignore_case(&text.to_upper()) && text.to_upper().eq_ignore_case(&text));
        let latin: Vec<u8> = units.iter().map(|&unit| unit.to_le_bytes()[0]).collect();
        let mut again = Vec::new();
        UnicodeString::decode(&latin, Charset::Oem).encode(Charset::Oem, &mut again);
        prop_assert_eq!(again, latin);
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in vec(any::<u8>(), 0..300), message_type in 0..5_u32) {
        read_everything(&bytes);
        // Most random bytes fail at once; behind a right header they get further.
        let headed = [&b"NTLMSSP\0"[..], &message_type.to_le_bytes(), &bytes].concat();
        read_everything(&headed);
    }

    #[test]
    fn small_numbers_where_the_lengths_and_offsets_are_make_no_parser_panic(
        numbers in vec(0..200_u32, 14), flags: u32, bytes in vec(any::<u8>(), 0..120), message_type in 1..4_u32,
    ) {
        // Fields that overlap, lie in the header, end at the end and one behind it.
        let mut message = [&b"NTLMSSP\0"[..], &message_type.to_le_bytes()].concat();
        for pair in numbers.as_chunks::<2>().0 {
            message.extend([pair[0] as u16; 2].into_iter().flat_map(u16::to_le_bytes));
            message.extend(pair[1].to_le_bytes());
        }
        message.extend(bytes);
        let at = match message_type { 1 => 12, 2 => 20, _ => 60 };
        message[at..at + 4].copy_from_slice(&flags.to_le_bytes());
        read_everything(&message);
    }
}

/// Hands `bytes` to every parser; what can be read must come out as it went in.
fn read_everything(bytes: &[u8]) {
    let mut again = Vec::new();
    if let Ok(message) = NegotiateMessage::parse(bytes) {
        message.encode(&mut again);
        assert_eq!(again, bytes);
    }
    again.clear();
    if let Ok(message) = ChallengeMessage::parse(bytes) {
        message.encode(&mut again);
        assert_eq!(again, bytes);
    }
    again.clear();
    if let Ok(message) = AuthenticateMessage::parse(bytes) {
        message.encode(&mut again);
        assert_eq!(again, bytes);
        let _ = NtlmV2Response::parse(message.nt_response, message.nt_response_offset());
    }
    let _ = MessageType::of(bytes);
    let _ = MessageSignature::parse(bytes);
    let _ = NtlmV2Response::parse(bytes, usize::MAX / 2);
    let _ = AvPairs::parse(bytes, Part::Challenge, 0).map(|pairs| pairs_of(&pairs));
    let _ = Established::import(ExportedContext::from_bytes(bytes));
    let _ = Established::import(ExportedContext::from_bytes(&[b"NTLMCTX\x01", bytes].concat()));
}
