//! Our MD5, HMAC-MD5 and RC4 against the published crates, and both at once against one after the other.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Digest as _;
use proptest::collection::vec;
use proptest::prelude::*;

use ntlm::crypto::{HmacMd5, Md5, Rc4};

use crate::fixed;

/// Pieces whose ends fall everywhere in blocks of 64 bytes.
fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(prop_oneof![vec(any::<u8>(), 0..8), vec(any::<u8>(), 50..80), vec(any::<u8>(), 0..400)], 0..6)
}

fn one_after_the_other(key: &[u8; 16], stream: &mut Rc4, pieces: &[(bool, Vec<u8>)]) -> (Vec<Vec<u8>>, [u8; 16]) {
    let mut mac = Hmac::<md5::Md5>::new_from_slice(key).expect("a key of any length");
    let mut encrypted = Vec::new();
    for (sealed, piece) in pieces {
        mac.update(piece);
        let mut piece = piece.clone();
        if *sealed {
            // Byte by byte, which no loop for words can get wrong.
            piece.chunks_mut(1).for_each(|byte| stream.apply(byte));
        }
        encrypted.push(piece);
    }
    (encrypted, mac.finalize().into_bytes().into())
}

proptest! {
    #![proptest_config(fixed(400))]

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
    fn hashing_and_encrypting_at_once_is_one_after_the_other(
        key in any::<[u8; 16]>(),
        sealing_key in any::<[u8; 16]>(),
        pieces in vec((any::<bool>(), prop_oneof![vec(any::<u8>(), 0..8), vec(any::<u8>(), 0..400)]), 0..6),
    ) {
        let (encrypted, checksum) = one_after_the_other(&key, &mut Rc4::new(&sealing_key), &pieces);

        let mut stream = Rc4::new(&sealing_key);
        let mut mac = HmacMd5::new(&key).start();
        let mut ours = pieces.clone();
        for (sealed, piece) in &mut ours {
            if *sealed { mac.update_and_encrypt(piece, &mut stream) } else { mac.update(piece) }
        }
        prop_assert!(ours.iter().map(|(_, piece)| piece).eq(&encrypted));
        prop_assert_eq!(mac.finish(), checksum);
        let end = stream.export();

        let mut stream = Rc4::new(&sealing_key);
        let mut mac = HmacMd5::new(&key).start();
        for (sealed, piece) in &mut ours {
            if *sealed { mac.decrypt_and_update(piece, &mut stream) } else { mac.update(piece) }
        }
        prop_assert_eq!(&ours, &pieces);
        prop_assert_eq!(mac.finish(), checksum);
        prop_assert_eq!(stream.export(), end);

        // And back to the beginning, however it came to the end.
        stream.go_back(0);
        prop_assert_eq!(stream.export(), Rc4::new(&sealing_key).export());
    }
}
