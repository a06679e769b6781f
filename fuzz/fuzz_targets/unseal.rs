//! Unsealing arbitrary messages: no panic, never accepted, the buffer wiped, and the true message still taken afterwards.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm::{NegotiateFlags, Piece, Role, Session};

fuzz_target!(|data: &[u8]| {
    use NegotiateFlags as F;
    let Some((&choice, rest)) = data.split_first() else { return };
    let (signature, body) = rest.split_at_checked(16).unwrap_or((rest, &[]));
    let flags = (F::SIGN | F::SEAL)
        .with_if(choice & 1 != 0, F::EXTENDED_SESSIONSECURITY)
        .with_if(choice & 2 != 0, F::KEY_EXCH)
        .with_if(choice & 4 != 0, F::N128)
        .with_if(choice & 8 != 0, F::N56)
        .with_if(choice & 16 != 0, F::LM_KEY);
    // Another key for each input: a fuzzer that sees comparisons learns the checksum of a message under a key, and tries it with the next input.
    let key = ntlm::secret::KeyExchangeKey::anonymous().decrypt(ntlm::crypto::md5(&[data]));
    let mut client = Session::from_key(Role::Client, flags, 15, &key);
    let mut server = Session::from_key(Role::Server, flags, 15, &key);

    let mut true_body = *b"the true message";
    let true_signature = client.seal(&mut [Piece::Sealed(&mut true_body)]).expect("a signature");
    let mut forged = body.to_vec();
    let header = [1, 2, 3];
    let pieces = &mut [Piece::SignedOnly(&header), Piece::Sealed(&mut forged)];
    match server.unseal(pieces, signature) {
        Ok(()) => panic!("a forged message was accepted"),
        Err(ntlm::Error::Rejected(_)) => assert!(forged.iter().all(|&byte| byte == 0), "plaintext was left behind"),
        Err(_) => assert_eq!(forged, body, "a message that was not decrypted was changed"),
    }
    server.unseal(&mut [Piece::Sealed(&mut true_body)], &true_signature).expect("the true message");
    assert_eq!(&true_body, b"the true message");
});
