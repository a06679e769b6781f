//! Recorded exchanges put through the state machines: what the client makes of a recorded CHALLENGE, what the server makes of a recorded AUTHENTICATE.
//!
//! Windows' three messages come out byte for byte. Other clients order the payload or choose flags differently: of theirs the responses and keys must
//! come out. `tests/known_answers` holds the same files against the formulas, and sees to it that nothing in them is left out.

mod client;
mod server;

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde_json::Value;

use crate::client::{Exchange, ExpectChallenge, Start};
use crate::config::{ClientConfig, ClientPolicy, ServerConfig, ServerNames, ServerPolicy};
use crate::context::Requirements;
use crate::credentials::Credentials;
use crate::env::{EntropyError, FileTime};
use crate::error::Error;
use crate::established::Established;
use crate::secret::Password;
use crate::server::ExpectAuthenticate;
use crate::wire::{
    AuthenticateMessage, AvId, ChallengeMessage, NegotiateFlags as F, NtlmV2Response, SingleHostData, UnicodeString,
};

const WINDOWS: &str = include_str!("../../../testdata/exchanges-windows.json");
const SAMBA: &str = include_str!("../../../testdata/exchanges-samba.json");
const CHROMIUM: &str = include_str!("../../../testdata/exchanges-chromium.json");
const CURL: &str = include_str!("../../../testdata/exchanges-curl.json");
const SPECIFICATION: &str = include_str!("../../../testdata/exchanges-specification.json");

/// One recorded exchange.
struct Recording {
    id: String,
    values: Value,
    negotiate: Vec<u8>,
    challenge: Vec<u8>,
    authenticate: Vec<u8>,
}

impl Recording {
    fn all(file: &str) -> Vec<Self> {
        let document: Value = serde_json::from_str(file).expect("JSON");
        let vectors = document["vectors"].as_array().expect("a list of vectors");
        vectors.iter().map(Self::new).collect()
    }

    fn of(file: &str, id: &str) -> Self {
        Self::all(file).into_iter().find(|recording| recording.id == id).unwrap_or_else(|| panic!("no {id}"))
    }

    fn new(values: &Value) -> Self {
        let message = |key| values["inputs"][key].as_str().map(bytes).unwrap_or_default();
        Self {
            id: values["id"].as_str().expect("an id").to_string(),
            negotiate: message("negotiate"),
            challenge: message("challenge"),
            authenticate: message("authenticate"),
            values: values.clone(),
        }
    }

    fn expected(&self, key: &str) -> Option<&str> {
        self.values["expected"][key].as_str()
    }

    fn expected_bytes(&self, key: &str) -> Vec<u8> {
        bytes(self.expected(key).unwrap_or_else(|| panic!("{}: no {key}", self.id)))
    }

    fn input(&self, key: &str) -> Option<&str> {
        self.values["inputs"][key].as_str()
    }

    /// The account's password.
    fn password(&self) -> Password {
        Password::new(self.input("password").expect("a password"))
    }

    fn sent(&self) -> AuthenticateMessage<'_> {
        AuthenticateMessage::parse(&self.authenticate).expect("an AUTHENTICATE")
    }

    fn offered(&self) -> ChallengeMessage<'_> {
        ChallengeMessage::parse(&self.challenge).expect("a CHALLENGE")
    }

    /// The NTLMv2 response, where it is one.
    fn response(&self) -> Option<NtlmV2Response<'_>> {
        let response = self.sent().nt_response;
        (response.len() > 24).then(|| NtlmV2Response::parse(response, 0).expect("an NTLMv2 response"))
    }

    /// The recorded name, which was sent in `charset` of the AUTHENTICATE.
    fn name(&self, name: fn(&AuthenticateMessage<'_>) -> Vec<u8>) -> UnicodeString {
        UnicodeString::decode(&name(&self.sent()), self.sent().charset())
    }

    /// The exchange of a client that says what the recorded one said.
    fn client_exchange(&self) -> Exchange {
        let Some(response) = self.response() else { return Exchange::default() };
        let single_host = response.av_pairs.get(AvId::SINGLE_HOST);
        let flags = self.sent().flags.expect("flags");
        Exchange {
            target_name: response.av_pairs.text(AvId::TARGET_NAME),
            single_host: single_host.map(|data| SingleHostData(data.try_into().expect("48 bytes"))),
            requirements: Requirements {
                integrity: flags.contains(F::SIGN),
                confidentiality: flags.contains(F::SEAL),
                ..Requirements::default()
            },
            ..Exchange::default()
        }
    }

    fn client_config(&self, policy: ClientPolicy) -> ClientConfig {
        ClientConfig {
            version: self.sent().version,
            workstation: self.name(|message| message.workstation.to_vec()),
            ..ClientConfig::new(policy)
        }
    }

    fn credentials(&self) -> Credentials {
        let (user, domain) =
            (self.name(|message| message.user_name.to_vec()), self.name(|message| message.domain_name.to_vec()));
        let credentials = Credentials::with_domain(&user, &domain, &self.password());
        match self.password().lm_hash() {
            Some(lm_hash) => credentials.dangerous_with_lm_hash(lm_hash),
            None => credentials,
        }
    }

    /// What the real client makes of the recorded CHALLENGE after the recorded NEGOTIATE, when its dice fall as those of the recorded client fell.
    fn answer(&self, config: ClientConfig, exchange: Exchange) -> Result<(Vec<u8>, Established), Error> {
        let client_challenge = match self.response() {
            Some(response) => response.challenge_from_client.to_vec(),
            None => self.sent().lm_response[..8].to_vec(),
        };
        let session_key = self.expected_bytes("exported_session_key");
        let mut dice = client_challenge.into_iter().chain(session_key);
        let mut entropy = |out: &mut [u8]| {
            out.iter_mut().try_for_each(|byte| dice.next().map(|fallen| *byte = fallen)).ok_or(EntropyError)
        };
        let start = Start::new(Arc::new(config), Arc::new(self.credentials()), exchange);
        let waiting = ExpectChallenge::resumed(start, &self.negotiate)?;
        let now = self.response().map_or(FileTime(0), |response| response.time_stamp);
        let mut authenticate = Vec::new();
        let established = waiting.receive(&self.challenge, now, &mut entropy, &mut authenticate)?;
        Ok((authenticate, established))
    }

    /// What the real server makes of the recorded AUTHENTICATE after the recorded CHALLENGE.
    fn judge(&self, policy: ServerPolicy, exchange: crate::server::Exchange) -> Result<Established, Error> {
        let config = Arc::new(ServerConfig::new(ServerNames::standalone("SERVER"), policy));
        let now = self.response().map_or(FileTime(0), |response| response.time_stamp);
        let server = ExpectAuthenticate::resumed(config, exchange, &self.negotiate, &self.challenge, now)?;
        let question = server.receive(&self.authenticate, now)?;
        let password = self.password();
        let verdict = question.logon().dangerous_verify_lm(Some(&password.nt_hash()), password.lm_hash().as_ref());
        assert_eq!(verdict.is_ok(), self.values["expected"]["accepted"], "{}", self.id);
        question.finish(verdict)
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(core::str::from_utf8(pair).expect("hex"), 16).expect("hex")).collect()
}

fn exported(context: &Established) -> [u8; 16] {
    *context.info.exported_session_key().expect("a key").expose()
}

/// User, domain and workstation as they were sent.
fn names_of<'a>(message: &AuthenticateMessage<'a>) -> [&'a [u8]; 3] {
    [message.user_name, message.domain_name, message.workstation]
}

const WINDOWS_EXCHANGES: [&str; 3] =
    ["windows-a-user-principal-name", "windows-b-smb-in-spnego", "windows-c-wrong-spn"];
