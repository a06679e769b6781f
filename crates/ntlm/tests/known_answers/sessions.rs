//! Signing and sealing (MS-NLMP 3.4).

use ntlm::error::{Error, Incompatible, Rejected};
use ntlm::secret::Direction;
use ntlm::wire::{MessageSignature, Version};
use ntlm::{NegotiateFlags as F, Piece, Role, Session};

use crate::primitives::array;
use crate::responses::exported;
use crate::support::known_answers::Vector;

pub(crate) fn session_keys(vector: &Vector<'_>) {
    let flags = F(vector.flags("flags"));
    let key = exported(&vector.bytes("exported_session_key"));
    for (direction, name) in [(Direction::ClientToServer, "client"), (Direction::ServerToClient, "server")] {
        let sealing = key.sealing_key(flags, Version::REVISION_W2K3, direction);
        vector.check_bytes(&format!("{name}_sealing_key"), sealing.expose());
        let signing = key.signing_key(flags, direction);
        assert_eq!(signing.is_some(), flags.contains(F::EXTENDED_SESSIONSECURITY), "{}", vector.id());
        let name = format!("{name}_signing_key");
        match signing {
            Some(signing) => vector.check_bytes(&name, signing.expose()),
            None => assert!(!vector.expects(&name), "{}", vector.id()),
        }
    }
}

pub(crate) fn seal(vector: &Vector<'_>) {
    let plaintexts = vector.bytes_list("plaintexts");
    let mut sender = sessions(vector).0;
    let (mut ciphertexts, mut signatures) = (Vec::new(), Vec::new());
    for plaintext in &plaintexts {
        let mut message = plaintext.clone();
        let signature = sender.seal(&mut [Piece::Sealed(&mut message)]).expect("sealed");
        ciphertexts.push(message);
        signatures.push(signature.to_vec());
    }
    vector.check_bytes_list("ciphertexts", &ciphertexts);
    vector.check_bytes_list("signatures", &signatures);

    // Refused signatures first: they must not stand in the way of the right ones.
    let refused =
        if vector.expects("refused_signatures") { vector.expect_bytes_list("refused_signatures") } else { vec![] };
    let mut kinds = vec![signatures];
    if vector.expects("signatures_with_random_pad") {
        kinds.push(vector.expect_bytes_list("signatures_with_random_pad"));
    }
    for signatures in kinds {
        let mut receiver = sessions(vector).1;
        for (n, (ciphertext, signature)) in ciphertexts.iter().zip(&signatures).enumerate() {
            if let Some(refused) = refused.get(n) {
                let mut message = ciphertext.clone();
                let outcome = receiver.unseal(&mut [Piece::Sealed(&mut message)], refused);
                assert_eq!(outcome, Err(Error::Rejected(Rejected::Signature)), "{}", vector.id());
                assert!(message.iter().all(|&byte| byte == 0), "{}", vector.id());
            }
            let mut message = ciphertext.clone();
            receiver.unseal(&mut [Piece::Sealed(&mut message)], signature).expect("unsealed");
            assert_eq!(message, plaintexts[n], "{}", vector.id());
        }
    }
}

pub(crate) fn sign(vector: &Vector<'_>) {
    let messages = vector.bytes_list("messages");
    let (mut sender, mut receiver) = sessions(vector);
    if !sender.flags().intersects(F::SIGN | F::SEAL) {
        // MS-NLMP has a constant there. It proves nothing, so a session does not make it; carriers that need the 16 bytes take the constant.
        let refused = Err(Error::Incompatible(Incompatible::NoSessionSecurity));
        assert_eq!(sender.sign(&[&messages[0]]), refused, "{}", vector.id());
        vector.check_bytes_list("signatures", &vec![MessageSignature::DUMMY.to_vec(); messages.len()]);
        return;
    }
    let mut signatures = Vec::new();
    for message in &messages {
        let signature = sender.sign(&[message]).expect("signed");
        receiver.verify(&[message], &signature).expect("verified");
        signatures.push(signature.to_vec());
    }
    vector.check_bytes_list("signatures", &signatures);
}

pub(crate) fn datagram_seal(vector: &Vector<'_>) {
    let (mut sender, mut receiver) = sessions(vector);
    let number = u32::try_from(vector.integer("sequence_number")).expect("a sequence number");
    let plaintext = vector.bytes("plaintext");
    let mut message = plaintext.clone();
    let signature = sender.seal_datagram(number, &mut [Piece::Sealed(&mut message)]).expect("sealed");
    vector.check_bytes("ciphertext", &message);
    vector.check_bytes("signature", signature);
    receiver.unseal_datagram(number, &mut [Piece::Sealed(&mut message)], &signature).expect("unsealed");
    assert_eq!(message, plaintext, "{}", vector.id());

    // The key of the message is not shown, but the key stream that it makes is.
    let direction =
        if vector.text("sender") == "client" { Direction::ClientToServer } else { Direction::ServerToClient };
    let key = exported(&vector.bytes("exported_session_key"));
    let sealing = key.sealing_key(F(vector.flags("flags")), Version::REVISION_W2K3, direction);
    let message_key = ntlm::crypto::md5(&[sealing.expose(), &number.to_le_bytes()]);
    vector.check_bytes("message_sealing_key", message_key);
    let stream = |mut rc4: ntlm::crypto::Rc4| rc4.applied([0; 64]);
    assert_eq!(stream(sealing.datagram_rc4(number)), stream(ntlm::crypto::Rc4::new(&message_key)));
}

pub(crate) fn mech_list_mic(vector: &Vector<'_>) {
    let flags = F(vector.flags("flags"));
    let key = exported(&vector.bytes("exported_session_key"));
    let mut client = Session::from_key(Role::Client, flags, Version::REVISION_W2K3, &key);
    let mut server = Session::from_key(Role::Server, flags, Version::REVISION_W2K3, &key);
    check_mech_list_mics(vector, &mut client, Some(&mut server));
    let plaintext = vector.bytes("plaintext");
    let mut message = plaintext.clone();
    let signature = client.seal(&mut [Piece::Sealed(&mut message)]).expect("sealed");
    vector.check_bytes("client_ciphertext", &message);
    vector.check_bytes("client_signature", signature);
    server.unseal(&mut [Piece::Sealed(&mut message)], &signature).expect("unsealed");
    assert_eq!(message, plaintext);
}

/// The mechListMICs of a vector that has any, made by each side and checked by the other. No `server` where the client got the password wrong.
pub(crate) fn check_mech_list_mics(vector: &Vector<'_>, client: &mut Session, server: Option<&mut Session>) {
    let Some(mech_list) = vector.optional_bytes("mech_list") else { return };
    let mic = client.mech_list_mic(&mech_list).expect("a mechListMIC");
    vector.check_bytes("client_mech_list_mic", mic);
    let Some(server) = server else { return };
    server.verify_mech_list_mic(&mech_list, &mic).expect("right");
    let mic = server.mech_list_mic(&mech_list).expect("a mechListMIC");
    vector.check_bytes("server_mech_list_mic", mic);
    client.verify_mech_list_mic(&mech_list, &mic).expect("right");
}

/// The sessions of a vector: the sender's and the receiver's.
fn sessions(vector: &Vector<'_>) -> (Session, Session) {
    let flags = F(vector.flags("flags"));
    let key = exported(&array::<16>(&vector.bytes("exported_session_key")));
    let session = |role| Session::from_key(role, flags, Version::REVISION_W2K3, &key);
    match vector.text("sender").as_str() {
        "client" => (session(Role::Client), session(Role::Server)),
        "server" => (session(Role::Server), session(Role::Client)),
        other => panic!("{}: a sender {other}", vector.id()),
    }
}
