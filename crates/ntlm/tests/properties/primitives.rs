//! Our MD5, HMAC-MD5 and RC4 against the published crates, and both at once against one after the other.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Digest as _;
use proptest::collection::vec;
use proptest::prelude::*;

use ntlm::crypto::{HmacMd5, HmacMd5OfNewKey, HmacMd5Pads, KeyStream, Md5, Rc4, md5_two};

use crate::fixed;

/// Pieces whose ends fall everywhere in blocks of 64 bytes.
fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(prop_oneof![vec(any::<u8>(), 0..8), vec(any::<u8>(), 50..80), vec(any::<u8>(), 0..400)], 0..6)
}

/// A message: pieces that are sealed or not.
type Message = Vec<(bool, Vec<u8>)>;

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let piece = prop_oneof![vec(any::<u8>(), 0..8), vec(any::<u8>(), 60..70), vec(any::<u8>(), 0..400)];
    vec(vec((any::<bool>(), piece), 0..4), 1..6)
}

/// The message encrypted, and its checksum under the published HMAC, encrypted, too.
fn one_after_the_other(key: &[u8; 16], stream: &mut Rc4, message: &Message) -> (Message, [u8; 8]) {
    let mut mac = Hmac::<md5::Md5>::new_from_slice(key).expect("a key of any length");
    let mut encrypted = message.clone();
    for (sealed, piece) in &mut encrypted {
        mac.update(piece);
        if *sealed {
            // Byte by byte, which no loop for words can get wrong.
            piece.chunks_mut(1).for_each(|byte| stream.apply(byte));
        }
    }
    let mac: [u8; 16] = mac.finalize().into_bytes().into();
    (encrypted, stream.applied(*mac.first_chunk().expect("of 16")))
}

/// RC4's state after the set-up, as textbooks have it.
fn set_up(key: &[u8]) -> Vec<u8> {
    let mut permutation: Vec<u8> = (0..=255).collect();
    let mut j = 0_u8;
    for i in 0..256 {
        j = j.wrapping_add(permutation[i]).wrapping_add(key[i % key.len()]);
        permutation.swap(i, usize::from(j));
    }
    [permutation, vec![0, 0]].concat()
}

fn hmac(key: &[u8; 16], pieces: &[&[u8]]) -> [u8; 16] {
    let mut mac = Hmac::<md5::Md5>::new_from_slice(key).expect("a key of any length");
    mac.update(&pieces.concat());
    mac.finalize().into_bytes().into()
}

proptest! {
    #![proptest_config(fixed(400))]

    #[test]
    fn rc4_is_set_up_as_textbooks_say(key in vec(any::<u8>(), 1..40), usual in any::<[u8; 16]>()) {
        prop_assert_eq!(Rc4::new(&key).export().to_vec(), set_up(&key));
        prop_assert_eq!(Rc4::new(&usual).export().to_vec(), set_up(&usual));
    }

    #[test]
    fn what_is_hashed_in_the_gaps_of_other_work_changes_neither(
        keys in any::<[[u8; 16]; 3]>(),
        first in pieces(),
        second in pieces(),
        third in pieces(),
    ) {
        let slices = [&first, &second, &third].map(|pieces| pieces.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let [first, second, third] = slices.each_ref().map(Vec::as_slice);
        // Beside an HMAC, and beside a set-up.
        let mut message = HmacMd5OfNewKey::new(&keys[0]);
        let mut backlog = message.backlog(first);
        let beside = HmacMd5::new(&keys[1]).compute_beside(second, &mut backlog);
        backlog.catch_up();
        let mut backlog = message.backlog(third);
        let stream = Rc4::new_beside(&keys[2], &mut backlog);
        backlog.catch_up();
        prop_assert_eq!(beside, hmac(&keys[1], second));
        prop_assert_eq!(stream.export().to_vec(), set_up(&keys[2]));
        prop_assert_eq!(message.finish(b"end"), hmac(&keys[0], &[first, third, &[b"end"]].concat()));
        prop_assert_eq!(HmacMd5OfNewKey::new(&keys[0]).finish(&[]), hmac(&keys[0], &[]));
        // The key of an HMAC beside a set-up.
        let mut pads = HmacMd5Pads::new(&keys[0]);
        prop_assert_eq!(Rc4::new_beside(&keys[1], &mut pads).export().to_vec(), set_up(&keys[1]));
        prop_assert_eq!(pads.finish().compute(first), hmac(&keys[0], first));
    }

    #[test]
    fn md5_is_that_of_the_published_crate(pieces in pieces()) {
        let (mut ours, mut theirs) = (Md5::new(), md5::Md5::new());
        for piece in &pieces {
            ours.update(piece);
            theirs.update(piece);
        }
        prop_assert_eq!(ours.finish(), <[u8; 16]>::from(theirs.finalize()));
    }

    #[test]
    fn hmac_md5_is_that_of_the_published_crate(key in any::<[u8; 16]>(), pieces in pieces()) {
        let mut theirs = Hmac::<md5::Md5>::new_from_slice(&key).expect("a key of any length");
        let mut ours = HmacMd5::new(&key).start();
        for piece in &pieces {
            ours.update(piece);
            theirs.update(piece);
        }
        prop_assert_eq!(ours.finish(), <[u8; 16]>::from(theirs.finalize().into_bytes()));
    }

    #[test]
    fn two_at_once_are_each_that_of_the_published_crate(key in any::<[u8; 16]>(), first in pieces(), second in pieces()) {
        let messages = [&first, &second].map(|pieces| pieces.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let [first, second] = messages.each_ref().map(Vec::as_slice);
        let digest = |pieces: &[&[u8]]| <[u8; 16]>::from(md5::Md5::digest(pieces.concat()));
        prop_assert_eq!(md5_two([first, second]), [digest(first), digest(second)]);
        prop_assert_eq!(HmacMd5::new(&key).compute_two([first, second]), [hmac(&key, first), hmac(&key, second)]);
    }

    #[test]
    fn hashing_and_encrypting_at_once_is_one_after_the_other(
        key in any::<[u8; 16]>(),
        sealing_key in any::<[u8; 16]>(),
        messages in messages(),
        forged in any::<prop::sample::Index>(),
    ) {
        let mut bytewise = Rc4::new(&sealing_key);
        let expected: Vec<_> =
            messages.iter().map(|message| one_after_the_other(&key, &mut bytewise, message)).collect();
        let hmac = HmacMd5::new(&key);
        let stream = || KeyStream::new(Rc4::new(&sealing_key));

        let mut sending = stream();
        for (message, (encrypted, checksum)) in messages.iter().zip(&expected) {
            let (mut mac, mut message) = (hmac.start(), message.clone());
            for (sealed, piece) in &mut message {
                if *sealed { mac.update_and_encrypt(piece, &mut sending) } else { mac.update(piece) }
            }
            prop_assert_eq!(&message, encrypted);
            let mac = mac.finish_beside(&mut sending);
            prop_assert_eq!(&sending.applied(*mac.first_chunk().expect("of 16")), checksum);
        }
        // What was made ahead was not used.
        prop_assert_eq!(sending.export(), bytewise.export());

        let mut receiving = stream();
        let forged = forged.index(messages.len());
        for (turn, (message, (encrypted, checksum))) in messages.iter().zip(&expected).enumerate() {
            let before = receiving.position();
            // A second time for one of them, which is taken back.
            for time in 0..=usize::from(turn == forged) {
                if time > 0 {
                    receiving.go_back(before);
                }
                let (mut mac, mut encrypted) = (hmac.start(), encrypted.clone());
                for (sealed, piece) in &mut encrypted {
                    if *sealed { mac.decrypt_and_update(piece, &mut receiving) } else { mac.update(piece) }
                }
                prop_assert_eq!(&encrypted, message);
                let mac = mac.finish_beside(&mut receiving);
                prop_assert_eq!(&receiving.applied(*mac.first_chunk().expect("of 16")), checksum);
            }
        }
        prop_assert_eq!(receiving.export(), bytewise.export());

        // And back to the beginning, however it came to the end.
        receiving.go_back(0);
        prop_assert_eq!(receiving.export(), Rc4::new(&sealing_key).export());
    }
}
