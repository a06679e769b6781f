//! Whole exchanges of others: the facts of their messages, the verdict of a server of ours, and every key on the way to the session.
//!
//! Here the keys are computed step by step from what the messages hold. The unit tests of the crate (`recordings`) put the same exchanges through the
//! client and the server as they are.

use ntlm::secret::LmHash;
use ntlm::wire::{AuthenticateMessage, ChallengeMessage, NtlmV2Response, ResponseClass, Version};
use ntlm::{NegotiateFlags as F, Password, Role, Session, UnicodeString};

use crate::messages::check_facts;
use crate::primitives::array;
use crate::responses::put_to_a_server;
use crate::sessions::check_mech_list_mics;
use crate::support::known_answers::Vector;

pub(crate) fn exchange(vector: &Vector<'_>) {
    let negotiate = vector.optional_bytes("negotiate");
    let (challenge, authenticate) = (vector.bytes("challenge"), vector.bytes("authenticate"));
    if let Some(negotiate) = &negotiate {
        check_facts(&vector.part("negotiate"), negotiate);
    }
    check_facts(&vector.part("challenge"), &challenge);
    check_facts(&vector.part("authenticate"), &authenticate);

    let server_challenge = ChallengeMessage::parse(&challenge).expect("read above").server_challenge;
    let password = Password::new(&vector.text("password"));
    let client_password = vector.optional_text("client_password").map(|text| Password::new(&text));

    // The verdict.
    let question = put_to_a_server(server_challenge, &authenticate);
    let verdict = question.logon().verify(Some(&password.nt_hash()));
    vector.check_bool("accepted", verdict.is_ok());

    // The keys are those of the client.
    let client_password = client_password.unwrap_or(password);
    let message = AuthenticateMessage::parse(&authenticate).expect("read above");
    let flags = message.flags.expect("flags");
    let hash = client_password.nt_hash();
    let (base_key, key) = match question.logon().response_class() {
        ResponseClass::NtlmV2 => {
            let response = NtlmV2Response::parse(message.nt_response, 0).expect("read above");
            let name = |bytes| UnicodeString::decode(bytes, message.charset());
            let response_key = hash.response_key_nt(&name(message.user_name), &name(message.domain_name));
            let proof = response_key.nt_proof_str(server_challenge, response.client_challenge);
            assert_eq!(proof, response.nt_proof_str, "{}", vector.id());
            vector.check_bytes("nt_proof_str", proof);
            let base_key = response_key.session_base_key(&proof);
            let key = base_key.key_exchange_key_v2();
            (base_key, key)
        }
        class => {
            assert!(matches!(class, ResponseClass::NtlmV1 | ResponseClass::NtlmV1Ess), "{}", vector.id());
            let expected = hash.ntlmv1_response(question.logon().lm_challenge());
            assert_eq!(expected[..], *message.nt_response, "{}", vector.id());
            let base_key = hash.session_base_key();
            let lm_key = client_password.lm_hash().as_ref().map(LmHash::session_key);
            let key = base_key.key_exchange_key_v1(flags, server_challenge, message.lm_response, lm_key.as_ref());
            (base_key, key)
        }
    };
    vector.check_bytes("session_base_key", base_key.expose());
    vector.check_bytes("key_exchange_key", key.expose());
    let exported = match flags.contains(F::KEY_EXCH) {
        true => key.decrypt(array(message.encrypted_random_session_key)),
        false => key.exported_session_key(),
    };
    vector.check_bytes("exported_session_key", exported.expose());

    if let (Some(negotiate), Some(offset)) = (&negotiate, message.mic_offset) {
        let mic = exported.mic(negotiate, &challenge, &authenticate, offset);
        assert_eq!(Some(mic) == message.mic, vector.expects("mic"), "{}", vector.id());
        vector.check_bytes("mic", mic);
    }
    let offered = ChallengeMessage::parse(&challenge).expect("read above").flags;
    vector.check_flags("negotiated_flags", (offered & flags).0);

    let session = |role| Session::from_key(role, flags, Version::REVISION_W2K3, &exported);
    let mut server = session(Role::Server);
    let server = verdict.is_ok().then_some(&mut server);
    check_mech_list_mics(vector, &mut session(Role::Client), server);
}
