//! A message as the list of its fields, in the order of the bytes.

use std::ops::Range;

use ntlm::wire::{
    AvFlags, AvId, AvPair, AvPairs, Charset, Descriptor, NtlmV2Response, Part, ResponseClass, SIGNATURE, Version,
};
use ntlm::{FileTime, NegotiateFlags, UnicodeString};

use super::field::{Field, Value};
use super::message::{Authenticate, Message, range};

/// All fields of `message`, which was read from `bytes`.
pub(super) fn fields(message: &Message<'_>, bytes: &[u8]) -> Vec<Field> {
    let mut fields = header(message);
    let mut payload = match message {
        Message::Negotiate(_) => negotiate_payload(message, bytes),
        Message::Challenge(_) => challenge_payload(message, bytes),
        Message::Authenticate(authenticate) => authenticate_payload(authenticate, bytes),
    };
    for gap in message.unreferenced(bytes) {
        let name = if gap.end == bytes.len() { "(trailing bytes)" } else { "(gap)" };
        let field = Field::bytes(name, gap.start, bytes.get(gap).unwrap_or(&[]));
        payload.push(field.note("no field points here"));
    }
    // A stable order: payload fields may come in any order, and may even share bytes.
    payload.sort_by_key(|field| field.offset);
    fields.extend(payload);
    fields
}

/// The fixed header.
fn header(message: &Message<'_>) -> Vec<Field> {
    let (number, name) = message.message_type();
    let mut fields = vec![
        Field::bytes("Signature", 0, &SIGNATURE).note("\"NTLMSSP\" and a NUL"),
        Field::new("MessageType", 8, 4, Value::Named(number.into(), name)),
    ];
    for (at, name, descriptor) in message.descriptors() {
        fields.push(Field::new(format!("{name}Fields"), at, 8, Value::Descriptor(descriptor)));
    }
    let mut version = None;
    match message {
        Message::Negotiate(message) => {
            fields.push(negotiate_flags(12, message.flags));
            version = message.version.map(|version| (32, version));
        }
        Message::Challenge(message) => {
            fields.push(negotiate_flags(20, message.flags));
            fields.push(Field::bytes("ServerChallenge", 24, &message.server_challenge));
            if let Some(reserved) = message.reserved {
                fields.push(Field::bytes("Reserved", 32, &reserved));
            }
            version = message.version.map(|version| (48, version));
        }
        Message::Authenticate(Authenticate { message, .. }) => {
            if let Some(flags) = message.flags {
                fields.push(negotiate_flags(60, flags));
                version = message.version.map(|version| (64, version));
            }
            if let (Some(at), Some(mic)) = (message.mic_offset, message.mic) {
                let note = (mic == [0; 16]).then_some("zero: no MIC");
                fields.push(Field::bytes("MIC", at, &mic).note(note));
            }
        }
    }
    if let Some((at, version)) = version {
        fields.push(version_field(at, version, message.flags().unwrap_or_default()));
    }
    fields.sort_by_key(|field| field.offset);
    fields
}

fn version_field(at: usize, version: Version, flags: NegotiateFlags) -> Field {
    let unused = !flags.contains(NegotiateFlags::VERSION);
    let note = unused.then_some("means nothing: NTLMSSP_NEGOTIATE_VERSION is clear");
    Field::new("Version", at, 8, Value::Version(version)).note(note)
}

fn negotiate_flags(at: usize, flags: NegotiateFlags) -> Field {
    let names = flags.rows().map(|row| (row.flag.0, row.name)).collect();
    Field::new("NegotiateFlags", at, 4, Value::Flags(flags.0, names))
}

fn negotiate_payload(message: &Message<'_>, bytes: &[u8]) -> Vec<Field> {
    let flags = message.flags().unwrap_or_default();
    let named = |(_, name, descriptor): (usize, &'static str, Descriptor)| {
        let (supplied, note) = if name == "DomainName" {
            (NegotiateFlags::OEM_DOMAIN_SUPPLIED, "ignored: NTLMSSP_NEGOTIATE_OEM_DOMAIN_SUPPLIED is clear")
        } else {
            (NegotiateFlags::OEM_WORKSTATION_SUPPLIED, "ignored: NTLMSSP_NEGOTIATE_OEM_WORKSTATION_SUPPLIED is clear")
        };
        let note = (!flags.contains(supplied)).then_some(note);
        Some(text(name, piece(descriptor, bytes)?, bytes, Charset::Oem).note(note))
    };
    message.descriptors().into_iter().filter_map(named).collect()
}

fn challenge_payload(message: &Message<'_>, bytes: &[u8]) -> Vec<Field> {
    let Message::Challenge(challenge) = message else { return Vec::new() };
    let mut fields = Vec::new();
    if let Some(range) = piece(challenge.target_name_fields, bytes) {
        fields.push(text("TargetName", range, bytes, challenge.charset()));
    }
    if let Some(range) = challenge.target_info_fields.and_then(|descriptor| piece(descriptor, bytes)) {
        let list = bytes.get(range.clone()).unwrap_or(&[]);
        let structure = Value::Structure("list of AV_PAIRs");
        let field = Field::new("TargetInfo", range.start, range.len(), structure);
        fields.push(match (challenge.target_info, AvPairs::parse(list, Part::Challenge, range.start)) {
            (Some(pairs), _) => field.with(av_pairs(&pairs, range.start)),
            (None, Ok(pairs)) => {
                field.note("ignored: NTLMSSP_NEGOTIATE_TARGET_INFO is clear").with(av_pairs(&pairs, range.start))
            }
            (None, Err(_)) => Field::bytes("TargetInfo", range.start, list)
                .note("ignored: NTLMSSP_NEGOTIATE_TARGET_INFO is clear; no list of AV_PAIRs"),
        });
    }
    fields
}

fn authenticate_payload(authenticate: &Authenticate<'_>, bytes: &[u8]) -> Vec<Field> {
    let message = &authenticate.message;
    let [lm, nt, domain, user, workstation, key] = message.fields;
    let mut fields = Vec::new();
    for (name, descriptor) in [("DomainName", domain), ("UserName", user), ("Workstation", workstation)] {
        fields.extend(piece(descriptor, bytes).map(|range| text(name, range, bytes, message.charset())));
    }
    if let Some(range) = piece(lm, bytes) {
        fields.push(lm_response(authenticate, range.start));
    }
    if let Some(range) = piece(nt, bytes) {
        fields.push(nt_response(authenticate, range.start));
    }
    if let Some(range) = piece(key, bytes) {
        let unused = !authenticate.flags().contains(NegotiateFlags::KEY_EXCH);
        let note = unused.then_some("ignored: NTLMSSP_NEGOTIATE_KEY_EXCH is clear");
        let value = message.encrypted_random_session_key;
        fields.push(Field::bytes("EncryptedRandomSessionKey", range.start, value).note(note));
    }
    fields
}

fn lm_response(authenticate: &Authenticate<'_>, at: usize) -> Field {
    let response = authenticate.message.lm_response;
    let field = |note: &'static str| Field::bytes("LmChallengeResponse", at, response).note(note);
    let zero = response.iter().all(|&byte| byte == 0);
    let split = |structure, names: [&'static str; 2], first: usize| {
        let (head, tail) = response.split_at_checked(first).unwrap_or((response, &[]));
        let [head_name, tail_name] = names;
        Field::new("LmChallengeResponse", at, response.len(), Value::Structure(structure))
            .with(vec![Field::bytes(head_name, at, head), Field::bytes(tail_name, at + head.len(), tail)])
    };
    match (authenticate.class, response.len()) {
        (Some(ResponseClass::Anonymous), _) => field("anonymous"),
        (Some(ResponseClass::NtlmV2), _) if zero => field("zero, as it must be beside NTLMv2 with a timestamp"),
        (Some(ResponseClass::NtlmV2), 24) => split("LMv2_RESPONSE", ["Response", "ChallengeFromClient"], 16),
        (Some(ResponseClass::NtlmV1Ess), 24) => {
            split("LM_RESPONSE with extended session security", ["ClientChallenge", "(zeros)"], 8)
        }
        (Some(ResponseClass::NtlmV1), 24) if response == authenticate.message.nt_response => {
            field("the NT response once more, as with NoLMResponseNTLMv1")
        }
        (_, 24) => field("LM_RESPONSE"),
        _ => field("no known kind of response"),
    }
}

fn nt_response(authenticate: &Authenticate<'_>, at: usize) -> Field {
    let response = authenticate.message.nt_response;
    let name = "NtChallengeResponse";
    match (&authenticate.v2, authenticate.class) {
        (Some(v2), _) => {
            let structure = Value::Structure("NTLMv2_RESPONSE");
            Field::new(name, at, response.len(), structure).with(ntlmv2_response(v2, at))
        }
        (None, Some(ResponseClass::NtlmV1Ess)) => {
            Field::bytes(name, at, response).note("NTLM_RESPONSE with extended session security")
        }
        (None, Some(ResponseClass::NtlmV1)) => Field::bytes(name, at, response).note("NTLM_RESPONSE"),
        (None, _) => Field::bytes(name, at, response).note("no known kind of response"),
    }
}

fn ntlmv2_response(v2: &NtlmV2Response<'_>, at: usize) -> Vec<Field> {
    let rest = v2.client_challenge;
    let part = |name, from: usize, length: usize, note: &'static str| {
        let found = rest.get(from..from + length).unwrap_or(&[]);
        let odd = found.iter().any(|&byte| byte != 0);
        Field::bytes(name, at + 16 + from, found).note(odd.then_some(note))
    };
    let list = at + 44;
    let pairs = Field::new("AvPairs", list, v2.av_pairs.as_bytes().len(), Value::Structure("list of AV_PAIRs"));
    vec![
        Field::bytes("NTProofStr", at, &v2.nt_proof_str),
        Field::new("RespType", at + 16, 1, Value::Number(1)),
        Field::new("HiRespType", at + 17, 1, Value::Number(1)),
        part("Reserved1", 2, 2, "should be zero"),
        part("Reserved2", 4, 4, "should be zero"),
        Field::new("TimeStamp", at + 24, 8, Value::Time(v2.time_stamp)),
        Field::bytes("ChallengeFromClient", at + 32, &v2.challenge_from_client),
        part("Reserved3", 24, 4, "should be zero"),
        pairs.with(av_pairs(&v2.av_pairs, list)),
    ]
}

/// The pairs of a list that begins at `base`, MsvAvEOL, and what lies behind it.
fn av_pairs(pairs: &AvPairs<'_>, base: usize) -> Vec<Field> {
    let mut fields: Vec<Field> = pairs.iter().map(|pair| av_pair(&pair)).collect();
    let end = fields.last().map_or(base, |field| field.offset + field.length);
    fields.push(Field::new("MsvAvEOL", end, 4, Value::Bytes(Vec::new())).note("end of the list"));
    let behind = pairs.as_bytes().get((end + 4).saturating_sub(base)..).unwrap_or(&[]);
    if !behind.is_empty() {
        let note = if behind == [0; 4] { "as Windows sends" } else { "mean nothing, yet the proof covers them" };
        fields.push(Field::bytes("(bytes behind the list)", end + 4, behind).note(note));
    }
    fields
}

fn av_pair(pair: &AvPair<'_>) -> Field {
    let length = 4 + pair.value.len();
    let field = |value| Field::new(pair.id.to_string(), pair.offset, length, value);
    match (pair.id, pair.value) {
        (AvId::FLAGS, value) => {
            let bits = value.first_chunk().map_or(0, |&value| u32::from_le_bytes(value));
            field(Value::Flags(bits, av_flags(bits)))
        }
        (AvId::TIMESTAMP, value) => {
            field(Value::Time(FileTime::from_bytes(value.first_chunk().copied().unwrap_or_default())))
        }
        (AvId::CHANNEL_BINDINGS, value) => {
            let none = value.iter().all(|&byte| byte == 0);
            let note = if none { "none" } else { "MD5 of the gss_channel_bindings_struct" };
            field(Value::Bytes(value.to_vec())).note(note)
        }
        (AvId::SINGLE_HOST, value) if value.len() == 48 => {
            field(Value::Structure("Single_Host_Data")).with(single_host(value, pair.offset + 4))
        }
        (id, value) if id.is_text() => {
            let note = (id == AvId::TARGET_NAME && value.is_empty()).then_some("the client was given no SPN");
            field(Value::Text(pair.text())).note(note)
        }
        (_, value) => field(Value::Bytes(value.to_vec())),
    }
}

/// MS-NLMP 2.2.2.2.
fn single_host(value: &[u8], at: usize) -> Vec<Field> {
    let part =
        |name, from: usize, length: usize| Field::bytes(name, at + from, value.get(from..from + length).unwrap_or(&[]));
    let size = value.first_chunk().map_or(0, |&size| u32::from_le_bytes(size));
    vec![
        Field::new("Size", at, 4, Value::Number(size.into())),
        part("Z4", 4, 4),
        part("CustomData", 8, 8),
        part("MachineID", 16, 32).note("random, anew at every start of the client's machine"),
    ]
}

/// The bits of MsvAvFlags; they have no names in MS-NLMP, only descriptions.
fn av_flags(bits: u32) -> Vec<(u32, &'static str)> {
    let name = |bit| match AvFlags(bit) {
        AvFlags::CONSTRAINED => "the account's authentication is constrained",
        AvFlags::MIC_PROVIDED => "the message carries a MIC",
        AvFlags::UNTRUSTED_TARGET_NAME => "MsvAvTargetName is from an untrusted source",
        _ => "unknown",
    };
    (0..32).map(|shift| 1 << shift).filter(|bit| bits & bit != 0).map(|bit| (bit, name(bit))).collect()
}

fn text(name: &'static str, range: Range<usize>, bytes: &[u8], charset: Charset) -> Field {
    let (start, length) = (range.start, range.len());
    let text = UnicodeString::decode(bytes.get(range).unwrap_or(&[]), charset);
    Field::new(name, start, length, Value::Text(text))
}

/// Where a payload field lies; `None` for empty ones, which lie nowhere.
fn piece(descriptor: Descriptor, bytes: &[u8]) -> Option<Range<usize>> {
    range(descriptor, bytes).filter(|range| !range.is_empty())
}
