//! Secrets do not print, copy or compare: whatever is logged of an exchange, no key, no password and no crackable response is in it.

mod support;

use std::fmt::Debug;
use std::sync::Arc;

use ntlm::client::Start;
use ntlm::export::ExportedContext;
use ntlm::secret::{
    Direction, ExportedSessionKey, KeyExchangeKey, LmHash, LmSessionKey, NtHash, Password, ResponseKeyNt, SealingKey,
    SessionBaseKey, SigningKey,
};
use ntlm::server::ExpectNegotiate;
use ntlm::wire::{AuthenticateMessage, ChallengeMessage, NtlmV2Response};
use ntlm::{Credentials, NegotiateFlags as F, Requirements, Session};

use support::pair::Pair;

/// Fits into an LM hash.
const PASSWORD: &str = "Tr0ub4dor&3";

/// What must not be found in anything printed.
#[derive(Default)]
struct Secrets(Vec<(&'static str, Vec<u8>)>);

impl Secrets {
    fn add(&mut self, name: &'static str, bytes: &[u8]) {
        assert!(bytes.len() >= 8 && bytes.iter().any(|&byte| byte != bytes[0]), "{name} is no secret");
        self.0.push((name, bytes.to_vec()));
    }

    /// Prints `value` both ways, and finds no four bytes of any secret in it, in whatever notation.
    #[track_caller]
    fn check(&self, what: &str, value: &dyn Debug) {
        for printed in [format!("{value:?}"), format!("{value:#?}"), format!("{value:02x?}")] {
            assert!(!printed.contains(PASSWORD), "{what} prints the password: {printed}");
            let plain: String = printed.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
            for (name, secret) in &self.0 {
                for four in secret.windows(4).filter(|four| *four != [0; 4]) {
                    let [a, b, c, d] = [four[0], four[1], four[2], four[3]];
                    for found in [
                        format!("{a:02x}{b:02x}{c:02x}{d:02x}"),
                        format!("{a:02x},{b:02x},{c:02x},{d:02x}"),
                        format!("0x{a:x},0x{b:x},0x{c:x},0x{d:x}"),
                        format!("{a},{b},{c},{d}"),
                        format!("{:x}", u32::from_le_bytes([a, b, c, d])),
                        format!("{}", u32::from_le_bytes([a, b, c, d])),
                    ] {
                        assert!(!plain.contains(&found), "{what} prints four bytes of {name} ({found}): {printed}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let mut secrets = Secrets::default();
    secrets.add("a key", &[0x11, 0x22, 0xa3, 0x44, 0x05, 0x66, 0x77, 0x88]);
    let key = [0x22_u8, 0xa3, 0x44, 0x05];
    let texts: [&dyn Debug; 4] = [&key, &vec![0_u8, 0x22, 0xa3, 0x44, 0x05], &"KEY=22A34405", &u32::from_le_bytes(key)];
    for text in texts {
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| secrets.check("a text", text)));
        assert!(found.is_err(), "{text:?}");
    }
    secrets.check("another text", &"KEY=22A344");
}

#[test]
fn nothing_prints_a_secret() {
    let password = Password::new(PASSWORD);
    let nt_hash = password.nt_hash();
    let lm_hash = password.lm_hash().expect("an LM hash");
    let response_key = nt_hash.response_key_nt(&"alice".into(), &"EXAMPLE".into());
    let mut pair = Pair::new()
        .with_requirements(Requirements::seal())
        .with_credentials(Credentials::new(r"EXAMPLE\alice", &password))
        .with_authority(|logon| logon.verify(Some(&Password::new(PASSWORD).nt_hash())));

    // The same dice fall below: these are the keys of every state there.
    let (client, server) = pair.run().expect("an exchange");
    let challenge = ChallengeMessage::parse(&pair.sent.challenge).expect("a CHALLENGE");
    let authenticate = AuthenticateMessage::parse(&pair.sent.authenticate).expect("an AUTHENTICATE");
    let response = NtlmV2Response::parse(authenticate.nt_response, 0).expect("an NTLMv2 response");
    let base_key = response_key.session_base_key(&response.nt_proof_str);
    assert_eq!(response_key.nt_proof_str(challenge.server_challenge, response.client_challenge), response.nt_proof_str);
    let exchange_key = base_key.key_exchange_key_v2();
    let exported = client.info.exported_session_key().expect("a key");
    let signing = |direction| exported.signing_key(client.info.flags(), direction).expect("a key");
    let sealing = |direction| exported.sealing_key(client.info.flags(), 15, direction);
    let signing_keys = [signing(Direction::ClientToServer), signing(Direction::ServerToClient)];
    let sealing_keys = [sealing(Direction::ClientToServer), sealing(Direction::ServerToClient)];

    let mut secrets = Secrets::default();
    secrets.add("the password", PASSWORD.as_bytes());
    secrets.add("the password in UTF-16", &PASSWORD.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>());
    secrets.add("the NT hash", nt_hash.expose());
    secrets.add("the LM hash", lm_hash.expose());
    secrets.add("the response key", response_key.expose());
    secrets.add("the session base key", base_key.expose());
    secrets.add("the exported session key", exported.expose());
    signing_keys.iter().for_each(|key| secrets.add("a signing key", key.expose()));
    sealing_keys.iter().for_each(|key| secrets.add("a sealing key", key.expose()));
    // No keys, but what passwords are cracked from; the wire has it, a log need not.
    secrets.add("the proof", &response.nt_proof_str);
    secrets.add("the encrypted session key", authenticate.encrypted_random_session_key);

    secrets.check("Password", &password);
    secrets.check("NtHash", &nt_hash);
    secrets.check("LmHash", &lm_hash);
    secrets.check("LmSessionKey", &lm_hash.session_key());
    secrets.check("ResponseKeyNt", &response_key);
    secrets.check("SessionBaseKey", &base_key);
    secrets.check("KeyExchangeKey", &exchange_key);
    secrets.check("ExportedSessionKey", exported);
    signing_keys.iter().for_each(|key| secrets.check("SigningKey", key));
    sealing_keys.iter().for_each(|key| secrets.check("SealingKey", key));
    secrets.check("Credentials", &pair.credentials);
    secrets.check("NtHash::from_bytes", &NtHash::from_bytes(nt_hash.expose()));

    // Every state on the way.
    let mut entropy = support::pair::LoadedDice::new(1);
    let (mut negotiate, mut challenge, mut authenticate) = (Vec::new(), Vec::new(), Vec::new());
    let config = Arc::new(pair.client_config.clone());
    let state = Start::new(config, Arc::new(pair.credentials.duplicate()), pair.client_exchange.clone());
    secrets.check("Start", &state);
    let waiting = state.send(&mut negotiate).expect("a NEGOTIATE");
    secrets.check("ExpectChallenge", &waiting);
    let state = ExpectNegotiate::new(Arc::new(pair.server_config.clone()), pair.server_exchange.clone());
    secrets.check("ExpectNegotiate", &state);
    let state = state.receive(&negotiate, pair.now, &mut entropy, &mut challenge).expect("a CHALLENGE");
    secrets.check("ExpectAuthenticate", &state);
    let ours = waiting.receive(&challenge, pair.now, &mut entropy, &mut authenticate).expect("an AUTHENTICATE");
    assert_eq!(authenticate, pair.sent.authenticate, "the dice fell differently");
    secrets.check("Established", &ours);
    let question = state.receive(&authenticate, pair.now).expect("a question");
    secrets.check("AwaitLogon", &question);
    secrets.check("NetworkLogon", question.logon());
    let verdict = question.logon().verify(Some(&nt_hash));
    secrets.check("LogonSuccess", &verdict);
    let theirs = question.finish(verdict).expect("a context");
    secrets.check("Established", &theirs);
    secrets.check("ContextInfo", &theirs.info);
    secrets.check("Session", &theirs.session);

    for mut context in [ours, theirs, client, server] {
        context.session.sign(&[b"message"]).expect("signed");
        secrets.check("Session with running keys", &context.session);
        let exported = context.export().expect("exported");
        secrets.check("ExportedContext", &exported);
        let context = ntlm::Established::import(exported).expect("a context");
        secrets.check("Established from an export", &context);
        let (sealer, unsealer) = context.session.split().expect("two halves");
        secrets.check("Sealer", &sealer);
        secrets.check("Unsealer", &unsealer);
        secrets.check("Session", &Session::join(sealer, unsealer).expect("one session"));
    }
}

#[test]
fn the_key_of_a_session_without_halves_does_not_print_either() {
    let key = SessionBaseKey::from_authority(*b"a key of 16 byte").key_exchange_key_v2().exported_session_key();
    let mut secrets = Secrets::default();
    secrets.add("the exported session key", key.expose());
    for flags in [F::SIGN | F::SEAL, F::SIGN | F::SEAL | F::DATAGRAM] {
        let session = Session::from_key(ntlm::Role::Client, flags, 15, &key);
        secrets.check("Session", &session);
        secrets.check("Result<_, Session>", &session.split());
    }
}

/// Does not compile when one of the types has the trait.
macro_rules! have_not {
    ($trait:path: $($type:ty),*) => {
        $(const _: fn() = || {
            trait Ambiguous<T> {
                fn name() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            struct WithTheTrait;
            impl<T: ?Sized + $trait> Ambiguous<WithTheTrait> for T {}
            let _ = <$type as Ambiguous<_>>::name;
        };)*
    };
}

have_not!(Clone: Password, NtHash, LmHash, LmSessionKey, ResponseKeyNt, SessionBaseKey, KeyExchangeKey, ExportedSessionKey);
have_not!(Clone: SigningKey, SealingKey, ExportedContext, Credentials, Session, ntlm::Established, ntlm::LogonSuccess);
have_not!(PartialEq: Password, NtHash, LmHash, LmSessionKey, ResponseKeyNt, SessionBaseKey, KeyExchangeKey);
have_not!(PartialEq: ExportedSessionKey, SigningKey, SealingKey, ExportedContext, Credentials);
have_not!(core::fmt::Display: Password, NtHash, LmHash, LmSessionKey, ResponseKeyNt, SessionBaseKey, KeyExchangeKey);
have_not!(core::fmt::Display: ExportedSessionKey, SigningKey, SealingKey, ExportedContext, Credentials);
have_not!(AsRef<[u8]>: Password, NtHash, LmHash, LmSessionKey, ResponseKeyNt, SessionBaseKey, KeyExchangeKey);
