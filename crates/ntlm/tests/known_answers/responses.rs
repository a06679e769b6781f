//! Responses, how a server judges them, and the keys that come of them (MS-NLMP 3.3, 3.4.5.1).

use std::sync::Arc;
use std::time::Duration;

use ntlm::config::{ExtendedSessionSecurity, LmCompatibilityLevel, ServerConfig, ServerNames, ServerPolicy};
use ntlm::secret::{ExportedSessionKey, KeyExchangeKey, LmHash, LmSessionKey, SessionBaseKey};
use ntlm::server::{AwaitLogon, Exchange, ExpectNegotiate};
use ntlm::wire::{
    AuthenticateBuilder, AuthenticateMessage, MessageType, NegotiateBuilder, NegotiateFlags as F, NtlmV2Response,
    ResponseClass,
};
use ntlm::{ChannelBindings, NtHash, Password, UnicodeString, crypto};

use crate::primitives::array;
use crate::support::known_answers::Vector;
use crate::support::pair::NOW;

pub(crate) fn v1_response(vector: &Vector<'_>) {
    let hash = nt_hash(vector);
    let challenge = array(&vector.bytes("server_challenge"));
    vector.check_bytes("session_base_key", hash.session_base_key().expose());
    let Some(client_challenge) = vector.optional_bytes("client_challenge") else {
        vector.check_bytes("nt_response", hash.ntlmv1_response(challenge));
        let lm_hash = Password::new(&vector.text("password")).lm_hash().expect("an LM hash");
        vector.check_bytes("lm_response", lm_hash.lm_response(challenge));
        return;
    };
    // With extended session security the response goes over a hash of both challenges, which is also what a domain controller gets.
    let mut lm_response = client_challenge.clone();
    lm_response.resize(24, 0);
    vector.check_bytes("lm_response", &lm_response);
    let nt_response = vector.expect_bytes("nt_response");
    let logon =
        Logon { lm_response: &lm_response, nt_response: &nt_response, ..Logon::of(F::EXTENDED_SESSIONSECURITY) };
    let question = logon.put_to_a_server(challenge);
    assert_eq!(question.logon().response_class(), ResponseClass::NtlmV1Ess);
    vector.check_bytes("netlogon_challenge", question.logon().lm_challenge());
    vector.check_bytes("nt_response", hash.ntlmv1_response(question.logon().lm_challenge()));
    question.logon().verify(Some(&hash)).expect("the response is right");
}

pub(crate) fn v2_response(vector: &Vector<'_>) {
    let key = nt_hash(vector).response_key_nt(&vector.text("user").into(), &vector.text("domain").into());
    vector.check_bytes("response_key_nt", key.expose());
    let server_challenge = array(&vector.bytes("server_challenge"));
    let client_challenge = array(&vector.bytes("client_challenge"));
    let (timestamp, av_pairs) = (vector.bytes("timestamp"), vector.bytes("av_pairs"));
    let temp = [&[1, 1, 0, 0, 0, 0, 0, 0][..], &timestamp, &client_challenge, &[0; 4], &av_pairs, &[0; 4]].concat();
    vector.check_bytes("temp", &temp);
    let proof = key.nt_proof_str(server_challenge, &temp);
    vector.check_bytes("nt_proof_str", proof);
    vector.check_bytes("lm_response", key.lmv2_response(server_challenge, client_challenge));
    let base_key = key.session_base_key(&proof);
    vector.check_bytes("session_base_key", base_key.expose());
    check_encrypted_key(vector, &base_key.key_exchange_key_v2());

    let response = [&proof[..], &temp].concat();
    let response = NtlmV2Response::parse(&response, 0).expect("a response");
    assert_eq!(response.nt_proof_str, proof);
    assert_eq!(response.client_challenge, temp);
    assert_eq!(response.time_stamp.to_bytes()[..], timestamp);
    assert_eq!(response.challenge_from_client, client_challenge);
    assert_eq!(response.av_pairs.as_bytes(), [&av_pairs[..], &[0; 4]].concat());
}

/// A response as received, put to a real server.
pub(crate) fn logon(vector: &Vector<'_>) {
    let (hash, challenge) = (nt_hash(vector), array(&vector.bytes("server_challenge")));
    let (user, domain) = (vector.text("user").into(), vector.text("domain").into());
    let nt_response = vector.bytes("nt_response");
    let plain = Logon { user: &user, domain: &domain, nt_response: &nt_response, ..Logon::of(F::NONE) };
    let accepted = vector.expect_bool("accepted");
    let established = |logon: Logon<'_>| {
        let question = logon.put_to_a_server(challenge);
        let verdict = question.logon().verify(Some(&hash));
        assert_eq!(verdict.is_ok(), accepted, "{}", vector.id());
        question.finish(verdict).ok()
    };
    let context = established(plain);
    assert_eq!(context.is_some(), accepted, "{}", vector.id());
    if let Some(context) = context {
        // Without a key exchange, and without extended session security, it is the session base key that is exported.
        vector.check_bytes("session_base_key", context.info.exported_session_key().expect("a key").expose());
    }
    if let Some(random) = vector.optional_bytes("random_session_key") {
        let encrypted = vector.expect_bytes("encrypted_random_session_key");
        let context = established(Logon { encrypted_key: &encrypted, flags: F::SIGN | F::KEY_EXCH, ..plain });
        let context = context.expect("accepted");
        assert_eq!(context.info.exported_session_key().expect("a key").expose()[..], random);
    }
}

pub(crate) fn kxkey(vector: &Vector<'_>) {
    let flags = F(vector.flags("flags"));
    let Some(password) = vector.optional_text("password") else {
        let key = KeyExchangeKey::anonymous();
        vector.check_bytes("key_exchange_key", key.expose());
        check_encrypted_key(vector, &key);
        return;
    };
    let password = Password::new(&password);
    let lm_key = match vector.optional_bytes("lm_hash") {
        Some(lm_hash) => Some(LmSessionKey::from_authority(array(&lm_hash[..8]))),
        None => password.lm_hash().as_ref().map(LmHash::session_key),
    };
    let base_key = password.nt_hash().session_base_key();
    vector.check_bytes("session_base_key", base_key.expose());
    let challenge = array(&vector.bytes("server_challenge"));
    let key = base_key.key_exchange_key_v1(flags, challenge, &vector.bytes("lm_response"), lm_key.as_ref());
    vector.check_bytes("key_exchange_key", key.expose());
    check_encrypted_key(vector, &key);
}

fn check_encrypted_key(vector: &Vector<'_>, key: &KeyExchangeKey) {
    if let Some(random) = vector.optional_bytes("random_session_key") {
        let encrypted = key.encrypt(&exported(&random));
        vector.check_bytes("encrypted_random_session_key", encrypted);
        assert_eq!(key.decrypt(encrypted).expose()[..], random, "{}", vector.id());
    }
}

/// The key and the formula alone: the three messages of this vector are no messages. The exchanges have real ones.
pub(crate) fn mic(vector: &Vector<'_>) {
    let key = exported(&vector.bytes("exported_session_key"));
    let messages = ["negotiate", "challenge", "authenticate"].map(|name| vector.bytes(name));
    let [negotiate, challenge, authenticate] = messages.each_ref();
    vector.check_bytes("mic", crypto::hmac_md5(key.expose(), &[negotiate, challenge, authenticate]));
    // A message that ends where its MIC field does.
    let offset = authenticate.len();
    let with_field = [&authenticate[..], &[0xff; 16]].concat();
    let expected = crypto::hmac_md5(key.expose(), &[negotiate, challenge, authenticate, &[0; 16]]);
    assert_eq!(key.mic(negotiate, challenge, &with_field, offset), expected);
}

pub(crate) fn channel_bindings(vector: &Vector<'_>) {
    let address_type = |key| u32::try_from(vector.integer(key)).expect("an address type");
    let bindings = ChannelBindings {
        initiator_address_type: address_type("initiator_address_type"),
        initiator_address: vector.bytes("initiator_address"),
        acceptor_address_type: address_type("acceptor_address_type"),
        acceptor_address: vector.bytes("acceptor_address"),
        application_data: vector.bytes("application_data"),
    };
    vector.check_bytes("packed", bindings.to_bytes());
    vector.check_bytes("hash", crypto::md5(&[&bindings.to_bytes()]));
    if bindings.is_empty() {
        // Nothing to bind to is said by zeros, never by the hash of an empty structure.
        assert_eq!(bindings.hash(), [0; 16]);
        return;
    }
    vector.check_bytes("hash", bindings.hash());
    if let Some(certificate_hash) = bindings.application_data.strip_prefix(b"tls-server-end-point:") {
        assert_eq!(ChannelBindings::tls_server_end_point(certificate_hash), bindings);
    }
}

/// The account of a vector that has `password` or `nt_hash`.
fn nt_hash(vector: &Vector<'_>) -> NtHash {
    match vector.optional_bytes("nt_hash") {
        Some(hash) => NtHash::from_bytes(&hash).expect("a hash"),
        None => Password::new(&vector.text("password")).nt_hash(),
    }
}

/// An exported session key of these 16 bytes.
pub(crate) fn exported(bytes: &[u8]) -> ExportedSessionKey {
    SessionBaseKey::from_authority(array(bytes)).key_exchange_key_v2().exported_session_key()
}

/// The parts of an AUTHENTICATE_MESSAGE that matter to the judgement of a response.
#[derive(Clone, Copy)]
struct Logon<'a> {
    flags: F,
    user: &'a UnicodeString,
    domain: &'a UnicodeString,
    lm_response: &'a [u8],
    nt_response: &'a [u8],
    encrypted_key: &'a [u8],
}

impl Logon<'_> {
    fn of(flags: F) -> Logon<'static> {
        // Two names that live as long as the program.
        static NAME: std::sync::LazyLock<UnicodeString> = std::sync::LazyLock::new(|| "user".into());
        Logon { flags, user: &NAME, domain: &NAME, lm_response: &[0; 24], nt_response: &[], encrypted_key: &[] }
    }

    fn put_to_a_server(&self, server_challenge: [u8; 8]) -> AwaitLogon {
        let mut authenticate = Vec::new();
        AuthenticateBuilder {
            flags: F::UNICODE | F::NTLM | self.flags,
            domain_name: &self.domain.to_utf16le(),
            user_name: &self.user.to_utf16le(),
            lm_response: self.lm_response,
            nt_response: self.nt_response,
            encrypted_random_session_key: self.encrypted_key,
            ..AuthenticateBuilder::default()
        }
        .write(&mut authenticate);
        put_to_a_server(server_challenge, &authenticate)
    }
}

/// A real server that accepts every kind of response, has sent `server_challenge` and received `authenticate`, up to the point where it must ask.
///
/// Its CHALLENGE is not the one that the response was made for, but for the nonce, and agrees to whatever flags the answer will have. Only
/// an AUTHENTICATE that exchanges keys without anything to protect, which a server of ours never agrees to, comes without that flag.
pub(crate) fn put_to_a_server(server_challenge: [u8; 8], authenticate: &[u8]) -> AwaitLogon {
    let mut policy = ServerPolicy::windows().dangerous_with_lm_compatibility_level(LmCompatibilityLevel::Level0);
    policy.require_128 = false;
    policy.max_lifetime = Duration::MAX;
    policy.extended_session_security = ExtendedSessionSecurity::DangerousNever;
    policy.echo_check = false;
    let config = Arc::new(ServerConfig::new(ServerNames::standalone("SERVER"), policy));
    assert_eq!(MessageType::of(authenticate), Ok(MessageType::Authenticate));

    let mut authenticate = authenticate.to_vec();
    let flags = AuthenticateMessage::parse(&authenticate).expect("an AUTHENTICATE").flags.expect("flags");
    if !flags.intersects(F::SIGN | F::SEAL) {
        authenticate[60..64].copy_from_slice(&flags.without(F::KEY_EXCH).0.to_le_bytes());
    }
    let mut negotiate = Vec::new();
    NegotiateBuilder { flags, ..NegotiateBuilder::default() }.write(&mut negotiate);

    let mut entropy = |bytes: &mut [u8]| {
        bytes.copy_from_slice(&server_challenge);
        Ok(())
    };
    let server = ExpectNegotiate::new(config, Exchange::default());
    let server = server.receive(&negotiate, NOW, &mut entropy, &mut Vec::new()).expect("a CHALLENGE");
    assert_eq!(server.server_challenge(), server_challenge);
    server.receive(&authenticate, NOW).expect("a question")
}
