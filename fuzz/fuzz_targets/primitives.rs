//! MD5, HMAC-MD5 and RC4, one by one and in each other's gaps, against the published crates and the textbook.
#![no_main]

use hmac::{Hmac, KeyInit as _, Mac as _};
use libfuzzer_sys::fuzz_target;
use md5::Digest as _;
use ntlm::crypto::{HmacMd5, HmacMd5OfNewKey, HmacMd5Pads, KeyStream, Md5, Rc4, md5_two};

/// Cuts `data` into pieces: a byte says how long the next one is.
fn pieces(mut data: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let Some((&length, rest)) = data.split_first() {
        let (piece, rest) = rest.split_at(usize::from(length).min(rest.len()));
        pieces.push(piece);
        data = rest;
    }
    pieces
}

fn md5(pieces: &[&[u8]]) -> [u8; 16] {
    md5::Md5::digest(pieces.concat()).into()
}

fn hmac(key: &[u8; 16], pieces: &[&[u8]]) -> [u8; 16] {
    let mut mac = Hmac::<md5::Md5>::new_from_slice(key).expect("a key of any length");
    mac.update(&pieces.concat());
    mac.finalize().into_bytes().into()
}

/// The first bytes of RC4's key stream, as textbooks have it.
fn rc4(key: &[u8; 16], length: usize) -> Vec<u8> {
    let mut permutation: Vec<u8> = (0..=255).collect();
    let (mut i, mut j) = (0_u8, 0_u8);
    for n in 0..256 {
        j = j.wrapping_add(permutation[n]).wrapping_add(key[n % 16]);
        permutation.swap(n, usize::from(j));
    }
    j = 0;
    let mut next = || {
        i = i.wrapping_add(1);
        j = j.wrapping_add(permutation[usize::from(i)]);
        permutation.swap(usize::from(i), usize::from(j));
        permutation[usize::from(permutation[usize::from(i)].wrapping_add(permutation[usize::from(j)]))]
    };
    (0..length).map(|_| next()).collect()
}

fn xor(bytes: &mut [u8], stream: &[u8]) {
    bytes.iter_mut().zip(stream).for_each(|(byte, key)| *byte ^= key);
}

fuzz_target!(|data: &[u8]| {
    let Some((&keys, data)) = data.split_first_chunk::<33>() else { return };
    let [cut, keys @ ..] = keys;
    let ([key, other_key], _) = keys.as_chunks::<16>() else { return };
    let (first, second) = data.split_at(usize::from(cut).min(data.len()));
    let (first, second) = (pieces(first), pieces(second));

    let mut whole = Md5::new();
    second.iter().for_each(|piece| whole.update(piece));
    assert_eq!(whole.finish(), md5(&second));
    assert_eq!(md5_two([&first, &second]), [md5(&first), md5(&second)]);
    assert_eq!(HmacMd5::new(key).compute_two([&first, &second]), [hmac(key, &first), hmac(key, &second)]);

    // A message and its key beside another HMAC, and beside a set-up.
    let mut message = HmacMd5OfNewKey::new(key);
    let mut backlog = message.backlog(&first);
    assert_eq!(HmacMd5::new(other_key).compute_beside(&second, &mut backlog), hmac(other_key, &second));
    backlog.catch_up();
    let mut backlog = message.backlog(&second);
    let stream = Rc4::new_beside(other_key, &mut backlog).applied([0; 300]);
    backlog.catch_up();
    assert_eq!(stream.as_slice(), rc4(other_key, 300));
    assert_eq!(message.finish(b"end"), hmac(key, &[&first.concat(), &second.concat(), b"end"]));

    // Pads and a whole HMAC beside set-ups.
    let mut pads = HmacMd5Pads::new(key);
    assert_eq!(Rc4::new_beside(other_key, &mut pads).applied([0; 20]).as_slice(), rc4(other_key, 20));
    let hmac_of_key = pads.finish();
    let mut blocks = hmac_of_key.blocks(&second);
    assert_eq!(Rc4::new_beside(key, &mut blocks).applied([0; 20]).as_slice(), rc4(key, 20));
    assert_eq!(blocks.finish(), hmac(key, &second));

    // Sealing and unsealing: every other piece is encrypted.
    let keys = rc4(other_key, data.len());
    let (mut sending, mut receiving) = (KeyStream::new(Rc4::new(other_key)), KeyStream::new(Rc4::new(other_key)));
    let (mut sent, mut received) = (hmac_of_key.start(), hmac_of_key.start());
    let mut used = 0;
    for (number, piece) in second.iter().enumerate() {
        if number % 2 != 0 {
            sent.update(piece);
            received.update(piece);
            continue;
        }
        let (mut sealed, mut expected) = (piece.to_vec(), piece.to_vec());
        xor(&mut expected, &keys[used..]);
        used += piece.len();
        sent.update_and_encrypt(&mut sealed, &mut sending);
        assert_eq!(sealed, expected);
        received.decrypt_and_update(&mut sealed, &mut receiving);
        assert_eq!(sealed, *piece);
    }
    assert_eq!(sent.finish(), hmac(key, &second));
    assert_eq!(received.finish_beside(&mut receiving), hmac(key, &second));
    assert_eq!(sending.export(), receiving.export());
});
