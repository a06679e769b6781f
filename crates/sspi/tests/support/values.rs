//! Bytes and members of structures: what the table says, what was found, and whether they agree.

use std::collections::BTreeMap;

use ntlm::FileTime;
use ntlm_sspi::AttributeValue;
use ntlm_sspi::environment::NEVER;
use ntlm_sspi::tables::package_info::PackageInfo;

use super::runner::{Checked, same};
use super::table::{After, Field, Value};
use super::vocabulary::{self as names, numbers};
use super::world::{NOW, TO_LOCAL};

type Saved = BTreeMap<String, Vec<u8>>;

/// The bytes of a value.
pub(crate) fn bytes(value: &Value, saved: &Saved) -> Vec<u8> {
    match value {
        Value::Text(text) => literal(text, saved),
        Value::Join { join } => join.iter().flat_map(|part| bytes(part, saved)).collect(),
        Value::Keep { of, keep } => {
            let mut found = bytes(of, saved);
            assert!(*keep <= found.len(), "{keep} of {} bytes", found.len());
            found.truncate(*keep);
            found
        }
        Value::Flip { of, flip } => {
            let mut found = bytes(of, saved);
            found[*flip] ^= 1;
            found
        }
    }
}

fn literal(text: &str, saved: &Saved) -> Vec<u8> {
    if let Some(name) = text.strip_prefix('$') {
        return saved.get(name).unwrap_or_else(|| panic!("nothing was saved as {name}")).clone();
    }
    match text.split_once(':') {
        Some(("text", text)) => text.as_bytes().to_vec(),
        Some(("utf16", text)) => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Some(("zeros", count)) => vec![0; count.parse().expect("a number of zeros")],
        Some(("hex", digits)) => {
            let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits");
            (0..digits.len()).step_by(2).map(byte).collect()
        }
        _ => panic!("{text} is no value"),
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Whether bytes are what is expected of them; saves them when that is wanted.
pub(crate) fn check(after: &After, found: &[u8], saved: &mut Saved) -> Checked {
    if let Some(size) = after.size {
        same("size", found.len(), size)?;
    }
    if let Some(expected) = &after.bytes {
        same("bytes", found, &*bytes(expected, saved))?;
    }
    if after.not.as_ref().is_some_and(|other| bytes(other, saved) == found) {
        return Err(format!("bytes: {found:x?} are the ones that they should not be"));
    }
    for part in &after.contains {
        if !contains(found, &bytes(part, saved)) {
            return Err(format!("{part:?} is not there"));
        }
    }
    for part in &after.lacks {
        if contains(found, &bytes(part, saved)) {
            return Err(format!("{part:?} is there"));
        }
    }
    if let Some(message) = &after.message {
        // Signature, MessageType, and where each message has its flags.
        let (kind, at) = match message.as_str() {
            "NEGOTIATE" => (1, 12),
            "CHALLENGE" => (2, 20),
            "AUTHENTICATE" => (3, 60),
            other => panic!("{other} is no message"),
        };
        let word = |at: usize| {
            found.get(at..at + 4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes"))).unwrap_or(0)
        };
        same("signature", found.get(..8), Some(b"NTLMSSP\0".as_slice()))?;
        same("message", word(8), kind)?;
        let wanted = numbers(names::NEGOTIATE, &after.flags);
        same("flags that should be there", word(at) & wanted, wanted)?;
        same("flags that should not be there", word(at) & numbers(names::NEGOTIATE, &after.no_flags), 0)?;
    }
    if let Some(name) = &after.save {
        if found.is_empty() {
            return Err(format!("there is nothing to be saved as {name}"));
        }
        saved.insert(name.clone(), found.to_vec());
    }
    Ok(())
}

/// A member of a structure that was filled.
pub(crate) enum Found {
    Number(u64),
    Text(String),
    Time(FileTime),
    Bytes(Vec<u8>),
}

/// Whether the members that the table names are what it says.
pub(crate) fn fields(
    expected: &BTreeMap<String, Field>,
    member: &mut dyn FnMut(&str) -> Option<Found>,
    saved: &mut Saved,
) -> Checked {
    for (name, field) in expected {
        let found = member(name).ok_or_else(|| format!("there is no {name}"))?;
        let outcome = match (field, found) {
            (Field::Number(expected), Found::Number(found)) => same(name, found, *expected),
            (Field::Text(expected), Found::Number(found)) => {
                let digits = expected.strip_prefix("0x").unwrap_or_else(|| panic!("{expected} is no number"));
                same(name, found, u64::from_str_radix(digits, 16).expect("hex digits"))
            }
            (Field::Text(expected), Found::Text(found)) => same(name, found.as_str(), expected.as_str()),
            (Field::Text(expected), Found::Time(found)) => match expected.as_str() {
                "never" => same(name, found, NEVER),
                "now" => same(name, found, FileTime(NOW.0 + TO_LOCAL)),
                other => panic!("{other} is no time"),
            },
            (Field::Bytes(after), Found::Bytes(found)) => check(after, &found, saved),
            (Field::Client { isc_ret }, Found::Number(found)) => {
                same(name, found, numbers(names::ISC_RET, isc_ret).into())
            }
            (Field::Server { asc_ret }, Found::Number(found)) => {
                same(name, found, numbers(names::ASC_RET, asc_ret).into())
            }
            _ => Err(format!("{name} is of another kind")),
        };
        outcome?;
    }
    Ok(())
}

/// A member of SecPkgInfo.
pub(crate) fn package_field(info: &PackageInfo, name: &str) -> Option<Found> {
    Some(match name {
        "fCapabilities" => Found::Number(info.capabilities.into()),
        "wVersion" => Found::Number(info.version.into()),
        "wRPCID" => Found::Number(info.rpc_id.into()),
        "cbMaxToken" => Found::Number(info.max_token.into()),
        "Name" => Found::Text(info.name.to_owned()),
        "Comment" => Found::Text(info.comment.to_owned()),
        _ => return None,
    })
}

/// A member of the structure that an attribute fills.
pub(crate) fn member(value: &AttributeValue, name: &str) -> Option<Found> {
    let number = |number: u32| Some(Found::Number(number.into()));
    let text = |text: &ntlm::UnicodeString| Some(Found::Text(text.to_string_lossy()));
    match (value, name) {
        (AttributeValue::Sizes { max_token, .. }, "cbMaxToken") => number(*max_token),
        (AttributeValue::Sizes { max_signature, .. }, "cbMaxSignature") => number(*max_signature),
        (AttributeValue::Sizes { block_size, .. }, "cbBlockSize") => number(*block_size),
        (AttributeValue::Sizes { security_trailer, .. }, "cbSecurityTrailer") => number(*security_trailer),
        (AttributeValue::Names(name), "sUserName") => text(name),
        (AttributeValue::Lifespan { start, .. }, "tsStart") => Some(Found::Time(*start)),
        (AttributeValue::Lifespan { expiry, .. }, "tsExpiry") => Some(Found::Time(*expiry)),
        (AttributeValue::DceInfo { authorization_service, .. }, "AuthzSvc") => number(*authorization_service),
        (AttributeValue::DceInfo { name, .. }, "pPac") => text(name),
        (AttributeValue::KeyInfo { key_size, .. }, "KeySize") => number(*key_size),
        (AttributeValue::KeyInfo { signature_algorithm_name, .. }, "sSignatureAlgorithmName") => {
            Some(Found::Text((*signature_algorithm_name).to_owned()))
        }
        (AttributeValue::KeyInfo { encrypt_algorithm_name, .. }, "sEncryptAlgorithmName") => {
            Some(Found::Text((*encrypt_algorithm_name).to_owned()))
        }
        (AttributeValue::Authority(name), "sAuthorityName") => text(name),
        (AttributeValue::PasswordExpiry(time), "tsPasswordExpires") => Some(Found::Time(*time)),
        (AttributeValue::SessionKey(key), "SessionKey") => Some(Found::Bytes(key.0.to_vec())),
        (AttributeValue::PackageInfo(info), name) => package_field(info, name),
        (AttributeValue::NegotiationInfo { state, .. }, "NegotiationState") => number(*state),
        (AttributeValue::NegotiationInfo { package, .. }, name) => package_field(package, name),
        (AttributeValue::NativeNames { client, .. }, "sClientName") => text(client),
        (AttributeValue::NativeNames { server, .. }, "sServerName") => text(server),
        (AttributeValue::Flags(flags), "Flags") => number(*flags),
        (AttributeValue::TargetInformation(pairs), "MarshalledTargetInfo") => Some(Found::Bytes(pairs.clone())),
        (AttributeValue::ClientSpecifiedTarget(name), "sTargetName") => text(name),
        (AttributeValue::LastClientTokenStatus(status), "LastClientTokenStatus") => number(*status as u32),
        _ => None,
    }
}
