//! The primitives, and the one-way functions of passwords and names (MS-NLMP 3.3, 6).

use ntlm::crypto::{self, Crc32, HmacMd5, Rc4};
use ntlm::{Password, UnicodeString};

use crate::support::known_answers::Vector;

pub(crate) fn md4(vector: &Vector<'_>) {
    let data = vector.bytes("data");
    vector.check_bytes("digest", crypto::md4(&[&data]));
    for (front, back) in cuts(&data) {
        vector.check_bytes("digest", crypto::md4(&[front, back]));
    }
}

pub(crate) fn md5(vector: &Vector<'_>) {
    let data = vector.bytes("data");
    vector.check_bytes("digest", crypto::md5(&[&data]));
    for (front, back) in cuts(&data) {
        vector.check_bytes("digest", crypto::md5(&[front, back]));
    }
}

/// Keys in NTLM have 16 bytes; HMAC pads a shorter key with zeros itself, so that the vectors with other keys up to 16 bytes fit, too.
pub(crate) fn hmac_md5(vector: &Vector<'_>) {
    let (key, data) = (vector.bytes("key"), vector.bytes("data"));
    let key = match key.len() {
        ..=16 => {
            let mut padded = [0; 16];
            padded[..key.len()].copy_from_slice(&key);
            padded
        }
        // HMAC hashes a key that is longer than the block of 64 bytes.
        65.. => crypto::md5(&[&key]),
        _ => panic!("a key of {} bytes cannot be had here", key.len()),
    };
    vector.check_bytes("digest", crypto::hmac_md5(&key, &[&data]));
    for (front, back) in cuts(&data) {
        vector.check_bytes("digest", HmacMd5::new(&key).compute(&[front, back]));
    }
}

pub(crate) fn rc4(vector: &Vector<'_>) {
    let (key, data) = (vector.bytes("key"), vector.bytes("data"));
    let mut whole = data.clone();
    Rc4::new(&key).apply(&mut whole);
    vector.check_bytes("output", &whole);
    // Byte by byte, through an exported state each time.
    let mut stream = Rc4::new(&key);
    let mut bytes = data;
    for byte in &mut bytes {
        stream = Rc4::import(&stream.export()).expect("a permutation");
        stream.apply(std::slice::from_mut(byte));
    }
    vector.check_bytes("output", &bytes);
}

pub(crate) fn crc32(vector: &Vector<'_>) {
    for (front, back) in cuts(&vector.bytes("data")) {
        let mut crc = Crc32::new();
        crc.update(front);
        crc.update(back);
        vector.check_bytes("checksum", crc.finish().to_le_bytes());
    }
}

pub(crate) fn des_key(vector: &Vector<'_>) {
    let without_parity = |key: [u8; 8]| key.map(|byte| byte & 0xfe);
    let expected = array(&vector.expect_bytes("key8"));
    let made = crypto::des_key(&array(&vector.bytes("key7")));
    assert_eq!(without_parity(made), without_parity(expected), "{}", vector.id());
}

pub(crate) fn des(vector: &Vector<'_>) {
    let key = array(&vector.bytes("key7"));
    let data = vector.bytes("data");
    let blocks = data.chunks(8).map(|block| crypto::des(&key, array(block)));
    vector.check_bytes("ciphertext", blocks.collect::<Vec<_>>().concat());
}

pub(crate) fn ntowfv1(vector: &Vector<'_>) {
    let password = Password::from_units(&vector.utf16("password"));
    vector.check_bytes("nt_hash", password.nt_hash().expose());
}

pub(crate) fn lmowfv1(vector: &Vector<'_>) {
    let password = Password::new(&vector.text("password"));
    vector.check_bytes("lm_hash", password.lm_hash().expect("an LM hash").expose());
}

pub(crate) fn ntowfv2(vector: &Vector<'_>) {
    let hash = Password::new(&vector.text("password")).nt_hash();
    let key = hash.response_key_nt(&vector.text("user").into(), &vector.text("domain").into());
    vector.check_bytes("response_key_nt", key.expose());
}

pub(crate) fn upcase(vector: &Vector<'_>) {
    let text = UnicodeString::from_units(&vector.utf16("text"));
    vector.check_text("upper", &text.to_upper().to_string_lossy());
    assert!(text.eq_ignore_case(&text.to_upper()), "{}", vector.id());
}

/// The bytes as an array; a panic when they are too many or too few.
pub(crate) fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap_or_else(|_| panic!("{N} bytes expected, {} found", bytes.len()))
}

/// The data in two pieces, cut at every place.
fn cuts(data: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    (0..=data.len()).map(|at| data.split_at(at))
}
