//! Exchanges to test with: one without any fault, to which a test adds the one it needs, and recorded ones.

use ntlm::secret::{ExportedSessionKey, KeyExchangeKey};
use ntlm::wire::{AuthenticateBuilder, AvId, AvPairsBuilder, ChallengeBuilder, NegotiateBuilder, Version};
use ntlm::{NegotiateFlags as F, Password, UnicodeString};

use super::NOW;

pub(super) const PASSWORD: &str = "Secret123";

/// What a key field holds.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Key {
    Encrypted,
    InClear,
    Bytes(&'static [u8]),
}

/// An exchange to be made. Everything is what a careful client and server would send.
#[derive(Clone)]
pub(super) struct Recipe {
    pub(super) negotiate_flags: F,
    pub(super) names: (&'static [u8], &'static [u8]),
    pub(super) challenge_flags: F,
    pub(super) server_challenge: [u8; 8],
    pub(super) reserved: [u8; 8],
    pub(super) target_info: Vec<(AvId, Vec<u8>)>,
    pub(super) authenticate_flags: F,
    pub(super) user: &'static str,
    pub(super) domain: &'static str,
    /// The domain in NTOWFv2 where it is not the one that is sent.
    pub(super) hashed_domain: Option<&'static str>,
    pub(super) time_stamp: u64,
    /// AV pairs of the response: those of the challenge unless a test changes them.
    pub(super) echo: Option<Vec<(AvId, Vec<u8>)>>,
    pub(super) av_flags: Option<u32>,
    pub(super) channel_bindings: Option<[u8; 16]>,
    pub(super) target_name: Option<&'static str>,
    pub(super) lm_response: Vec<u8>,
    /// The NT response; NTLMv2 unless a test has another.
    pub(super) nt_response: Option<Vec<u8>>,
    pub(super) key: Key,
    pub(super) mic: Option<[u8; 16]>,
    pub(super) mic_field: bool,
}

pub(super) fn text(text: &str) -> Vec<u8> {
    UnicodeString::from(text).to_utf16le()
}

impl Recipe {
    pub(super) fn clean() -> Self {
        let common = F::UNICODE | F::REQUEST_TARGET | F::SIGN | F::SEAL | F::NTLM | F::ALWAYS_SIGN;
        let common = common | F::EXTENDED_SESSIONSECURITY | F::VERSION | F::N128 | F::KEY_EXCH | F::N56;
        Self {
            negotiate_flags: common,
            names: (b"", b""),
            challenge_flags: common | F::TARGET_INFO | F::TARGET_TYPE_DOMAIN,
            server_challenge: [0x5c, 0x3a, 0x91, 0x0e, 0x77, 0xb2, 0x48, 0xd6],
            reserved: [0; 8],
            target_info: vec![
                (AvId::NB_DOMAIN_NAME, text("EXAMPLE")),
                (AvId::NB_COMPUTER_NAME, text("SERVER1")),
                (AvId::TIMESTAMP, NOW.to_bytes().to_vec()),
            ],
            authenticate_flags: common | F::TARGET_INFO,
            user: "alice",
            domain: "EXAMPLE",
            hashed_domain: None,
            time_stamp: NOW.0,
            echo: None,
            av_flags: Some(2),
            channel_bindings: Some([0x65; 16]),
            target_name: Some("HTTP/server1.example.test"),
            lm_response: vec![0; 24],
            nt_response: None,
            key: Key::Encrypted,
            mic: None,
            mic_field: true,
        }
    }

    pub(super) fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut recipe = Self::clean();
        change(&mut recipe);
        recipe
    }

    /// NEGOTIATE, CHALLENGE and AUTHENTICATE.
    pub(super) fn messages(&self) -> Vec<Vec<u8>> {
        let (negotiate, challenge) = (self.negotiate(), self.challenge());
        let authenticate = self.authenticate(&negotiate, &challenge);
        vec![negotiate, challenge, authenticate]
    }

    fn negotiate(&self) -> Vec<u8> {
        let (domain_name, workstation) = self.names;
        let version = Some(Version::default());
        let mut out = Vec::new();
        NegotiateBuilder { flags: self.negotiate_flags, domain_name, workstation, version }.write(&mut out);
        out
    }

    fn challenge(&self) -> Vec<u8> {
        let info = if self.target_info.is_empty() { Vec::new() } else { list(&self.target_info) };
        let name = if self.challenge_flags.contains(F::UNICODE) { text("EXAMPLE") } else { b"EXAMPLE".to_vec() };
        let mut out = Vec::new();
        ChallengeBuilder {
            flags: self.challenge_flags,
            target_name: &name,
            server_challenge: self.server_challenge,
            target_info: &info,
            version: Some(Version::default()),
        }
        .write(&mut out);
        out[32..40].copy_from_slice(&self.reserved);
        out
    }

    fn authenticate(&self, negotiate: &[u8], challenge: &[u8]) -> Vec<u8> {
        let (user, domain) =
            (UnicodeString::from(self.user), UnicodeString::from(self.hashed_domain.unwrap_or(self.domain)));
        let response_key = Password::new(PASSWORD).nt_hash().response_key_nt(&user, &domain);
        let temp = self.client_challenge();
        let proof = response_key.nt_proof_str(self.server_challenge, &temp);
        let key_exchange_key = response_key.session_base_key(&proof).key_exchange_key_v2();
        let nt_response = self.nt_response.clone().unwrap_or_else(|| [&proof[..], &temp].concat());
        let session_key = random_key();
        let exchanged = self.authenticate_flags.contains(F::KEY_EXCH);
        let key = match self.key {
            Key::Encrypted if exchanged => key_exchange_key.encrypt(&session_key).to_vec(),
            Key::Encrypted => Vec::new(),
            Key::InClear => key_exchange_key.expose().to_vec(),
            Key::Bytes(bytes) => bytes.to_vec(),
        };
        let unicode = self.authenticate_flags.contains(F::UNICODE);
        let name = |name: &str| if unicode { text(name) } else { name.as_bytes().to_vec() };
        let mut out = Vec::new();
        AuthenticateBuilder {
            flags: self.authenticate_flags,
            domain_name: &name(self.domain),
            user_name: &name(self.user),
            workstation: &[],
            lm_response: &self.lm_response,
            nt_response: &nt_response,
            encrypted_random_session_key: &key,
            version: Some(Version::default()),
            without_mic_field: !self.mic_field,
        }
        .write(&mut out);
        if self.mic_field {
            let claimed = self.av_flags.unwrap_or(0) & 2 != 0;
            let key = self.session_key(&key_exchange_key, session_key, &key);
            let right = if claimed { key.mic(negotiate, challenge, &out, 72) } else { [0; 16] };
            out[72..88].copy_from_slice(&self.mic.unwrap_or(right));
        }
        out
    }

    fn session_key(&self, key: &KeyExchangeKey, random: ExportedSessionKey, sent: &[u8]) -> ExportedSessionKey {
        match (self.key, sent.try_into()) {
            (Key::Encrypted, _) if self.authenticate_flags.contains(F::KEY_EXCH) => random,
            (Key::InClear, Ok(sent)) => key.decrypt(sent),
            _ => key.exported_session_key(),
        }
    }

    /// NTLMv2_CLIENT_CHALLENGE.
    fn client_challenge(&self) -> Vec<u8> {
        let mut pairs = self.echo.clone().unwrap_or_else(|| self.target_info.clone());
        pairs.extend(self.av_flags.map(|flags| (AvId::FLAGS, flags.to_le_bytes().to_vec())));
        pairs.extend(self.channel_bindings.map(|bindings| (AvId::CHANNEL_BINDINGS, bindings.to_vec())));
        pairs.extend(self.target_name.map(|name| (AvId::TARGET_NAME, text(name))));
        let time = self.time_stamp.to_le_bytes();
        [&[1, 1, 0, 0, 0, 0, 0, 0], &time[..], &[0xc1; 8], &[0; 4], &list(&pairs), &[0; 4]].concat()
    }
}

fn random_key() -> ExportedSessionKey {
    let mut entropy = |bytes: &mut [u8]| {
        bytes.fill(0x42);
        Ok(())
    };
    ExportedSessionKey::random(&mut entropy).unwrap()
}

fn list(pairs: &[(AvId, Vec<u8>)]) -> Vec<u8> {
    let mut list = AvPairsBuilder::new();
    for (id, value) in pairs {
        list.push(*id, value);
    }
    list.finish()
}

/// The messages of an exchange in `testdata/`, in their order.
pub(super) fn recorded(file: &str, id: &str) -> Vec<Vec<u8>> {
    let path = format!("{}/../../testdata/{file}", env!("CARGO_MANIFEST_DIR"));
    let file: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let vector = file["vectors"].as_array().unwrap().iter().find(|vector| vector["id"] == id).unwrap();
    let message =
        |key| vector["inputs"].get(key).map(|hex| crate::decode::input::from_hex(hex.as_str().unwrap()).unwrap());
    ["negotiate", "challenge", "authenticate"].into_iter().filter_map(message).collect()
}
