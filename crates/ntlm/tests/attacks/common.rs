//! What the attacks share: forgiving authorities, recordings of Windows, and tools to rewrite messages.

use ntlm::server::ExpectNegotiate;
use ntlm::wire::{AvId, AvPairsBuilder, ChallengeBuilder, ChallengeMessage, NegotiateFlags, Version};
use ntlm::{
    ClientConfig, ClientPolicy, Credentials, Error, Established, FileTime, LogonFailure, LogonSuccess, NetworkLogon,
    Password, Requirements, Role, ServerConfig, ServerNames, ServerPolicy, client, server,
};

use crate::support::known_answers::folder;
use crate::support::pair::{LoadedDice, NOW, PASSWORD, Pair, PairError, Step};
use crate::support::script::AvPair;

/// An authority that knows every name, with the password of the harness.
pub(crate) fn everybody(logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
    logon.verify(Some(&Password::new(PASSWORD).nt_hash()))
}

/// The two ready-made policies, each as a pair of equal sides that asks [`everybody`].
pub(crate) fn strict_and_windows() -> [Pair; 2] {
    [
        Pair::with_policies(ClientPolicy::strict(), ServerPolicy::strict()).with_authority(everybody),
        windows().with_authority(everybody),
    ]
}

/// A pair with the policies `windows`.
pub(crate) fn windows() -> Pair {
    Pair::with_policies(ClientPolicy::windows(), ServerPolicy::windows())
}

/// [`strict_and_windows`], each with nothing required, signing, and sealing.
pub(crate) fn every_protection() -> Vec<Pair> {
    let mut pairs = Vec::new();
    for requirements in [Requirements::default(), Requirements::sign(), Requirements::seal()] {
        pairs.extend(strict_and_windows().map(|pair| pair.with_requirements(requirements)));
    }
    pairs
}

/// A recorded exchange between Windows hosts, from `testdata`.
pub(crate) struct Recording {
    pub(crate) negotiate: Vec<u8>,
    pub(crate) challenge: Vec<u8>,
    pub(crate) authenticate: Vec<u8>,
    pub(crate) password: String,
    pub(crate) mech_list: Option<Vec<u8>>,
    expected: serde_json::Value,
}

impl Recording {
    /// The vector `id` of `exchanges-windows.json`.
    pub(crate) fn load(id: &str) -> Self {
        let text = std::fs::read_to_string(folder().join("exchanges-windows.json")).expect("the recordings");
        let file: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let vectors = file["vectors"].as_array().expect("vectors");
        let vector = vectors.iter().find(|vector| vector["id"] == id).expect("the recording");
        let bytes = |key| bytes_of(&vector["inputs"][key]);
        Self {
            negotiate: bytes("negotiate"),
            challenge: bytes("challenge"),
            authenticate: bytes("authenticate"),
            password: vector["inputs"]["password"].as_str().expect("a password").to_owned(),
            mech_list: vector["inputs"]["mech_list"].is_string().then(|| bytes("mech_list")),
            expected: vector["expected"].clone(),
        }
    }

    /// An expected value of bytes.
    pub(crate) fn expected(&self, key: &str) -> Vec<u8> {
        bytes_of(&self.expected[key])
    }

    /// Our server in the place of the recorded one, with the same names, dice and clock, so that it makes the very same challenge: what it says to
    /// these messages.
    pub(crate) fn replay(
        &self,
        policy: ServerPolicy,
        negotiate: &[u8],
        authenticate: &[u8],
    ) -> Result<Established, PairError> {
        let recorded = ChallengeMessage::parse(&self.challenge).expect("the recorded challenge");
        let info = recorded.target_info.expect("TargetInfo");
        let name = |id| info.text(id);
        let names = ServerNames {
            nb_computer: name(AvId::NB_COMPUTER_NAME).expect("a name"),
            nb_domain: name(AvId::NB_DOMAIN_NAME),
            dns_computer: name(AvId::DNS_COMPUTER_NAME),
            dns_domain: name(AvId::DNS_DOMAIN_NAME),
            dns_tree: name(AvId::DNS_TREE_NAME),
        };
        let mut config = ServerConfig::new(names, policy);
        config.version = recorded.version;
        let now = info.timestamp().expect("a timestamp");
        let mut dice = |bytes: &mut [u8]| {
            bytes.copy_from_slice(&recorded.server_challenge);
            Ok(())
        };
        let failed = |step| move |error| PairError { side: Role::Server, step, error };
        let mut challenge = Vec::new();
        let server = ExpectNegotiate::new(config.into(), server::Exchange::default())
            .receive(negotiate, now, &mut dice, &mut challenge)
            .map_err(failed(Step::Negotiate))?;
        if negotiate == self.negotiate {
            assert_eq!(challenge, self.challenge, "our challenge is not the recorded one");
        }
        let waiting = server.receive(authenticate, now).map_err(failed(Step::Authenticate))?;
        let verdict = waiting.logon().verify(Some(&Password::new(&self.password).nt_hash()));
        waiting.finish(verdict).map_err(failed(Step::Verdict))
    }
}

fn bytes_of(value: &serde_json::Value) -> Vec<u8> {
    let digits = value.as_str().expect("hex").as_bytes();
    let nibble = |digit: u8| (digit as char).to_digit(16).expect("a hex digit");
    digits.chunks(2).map(|pair| u8::try_from(nibble(pair[0]) << 4 | nibble(pair[1])).expect("a byte")).collect()
}

/// Where NegotiateFlags lie in the three messages.
pub(crate) const FLAGS_OFFSETS: [usize; 3] = [12, 20, 60];

/// Clears flags of a message whose NegotiateFlags lie at `offset`.
pub(crate) fn clear_flags(message: &mut [u8], offset: usize, flags: NegotiateFlags) {
    let field: &mut [u8; 4] = (&mut message[offset..offset + 4]).try_into().expect("four bytes");
    *field = (u32::from_le_bytes(*field) & !flags.0).to_le_bytes();
}

/// Sets flags of a message whose NegotiateFlags lie at `offset`.
pub(crate) fn set_flags(message: &mut [u8], offset: usize, flags: NegotiateFlags) {
    let field: &mut [u8; 4] = (&mut message[offset..offset + 4]).try_into().expect("four bytes");
    *field = (u32::from_le_bytes(*field) | flags.0).to_le_bytes();
}

/// Rewrites the AV pairs of a challenge; the list may be anything, MsvAvEOL is added.
pub(crate) fn rewrite_pairs(challenge: &mut Vec<u8>, rewrite: impl FnOnce(&mut Vec<AvPair>)) {
    let message = ChallengeMessage::parse(challenge).expect("a challenge");
    let mut pairs = pairs_of(challenge);
    rewrite(&mut pairs);
    let mut list = AvPairsBuilder::new();
    for (id, value) in pairs {
        list.push(AvId(id), &value);
    }
    let mut out = Vec::new();
    ChallengeBuilder {
        flags: message.flags,
        target_name: message.target_name,
        server_challenge: message.server_challenge,
        target_info: &list.finish(),
        version: message.version,
    }
    .write(&mut out);
    *challenge = out;
}

/// The AV pairs of a challenge.
pub(crate) fn pairs_of(challenge: &[u8]) -> Vec<AvPair> {
    let message = ChallengeMessage::parse(challenge).expect("a challenge");
    let pairs = message.target_info.into_iter().flat_map(|pairs| pairs.iter());
    pairs.map(|pair| (pair.id.0, pair.value.to_vec())).collect()
}

/// A challenge made by nobody this crate knows: sign and seal offered, names, no timestamp unless `pairs` has one.
pub(crate) fn foreign_challenge(flags: NegotiateFlags, pairs: &[AvPair]) -> Vec<u8> {
    let mut list = AvPairsBuilder::new();
    for (id, value) in pairs {
        list.push(AvId(*id), value);
    }
    let mut out = Vec::new();
    ChallengeBuilder {
        flags,
        target_name: &ntlm::UnicodeString::from("EXAMPLE").to_utf16le(),
        server_challenge: *b"\x01\x23\x45\x67\x89\xab\xcd\xef",
        target_info: &list.finish(),
        version: Some(Version::default()),
    }
    .write(&mut out);
    out
}

/// EXAMPLE\alice in front of a challenge that somebody made up: the AUTHENTICATE and the client's context.
pub(crate) fn answer(
    config: &ClientConfig,
    exchange: client::Exchange,
    challenge: &[u8],
) -> Result<(Vec<u8>, Established), Error> {
    let credentials = Credentials::new(r"EXAMPLE\alice", &Password::new(PASSWORD));
    let start = client::Start::new(config.clone().into(), credentials.into(), exchange);
    let mut out = Vec::new();
    let waiting = start.send(&mut Vec::new())?;
    let established = waiting.receive(challenge, NOW, &mut LoadedDice::new(3), &mut out)?;
    Ok((out, established))
}

/// The pairs that servers send, with a timestamp when there is one.
pub(crate) fn server_pairs(time: Option<FileTime>) -> Vec<AvPair> {
    let text = |id: AvId, name: &str| (id.0, ntlm::UnicodeString::from(name).to_utf16le());
    let mut pairs = vec![
        text(AvId::NB_DOMAIN_NAME, "EXAMPLE"),
        text(AvId::NB_COMPUTER_NAME, "SERVER1"),
        text(AvId::DNS_DOMAIN_NAME, "example.test"),
        text(AvId::DNS_COMPUTER_NAME, "server1.example.test"),
    ];
    pairs.extend(time.map(|time| (AvId::TIMESTAMP.0, time.to_bytes().to_vec())));
    pairs
}

/// Whether `$type` implements `$trait`: a yes or no, where a bound would only be a compile error.
macro_rules! implements {
    ($type:ty: $trait:path) => {{
        use std::marker::PhantomData;

        #[allow(dead_code)]
        struct Probe<T>(PhantomData<T>);
        #[allow(dead_code)]
        trait Otherwise {
            const YES: bool = false;
        }
        impl<T> Otherwise for Probe<T> {}
        #[allow(dead_code)]
        impl<T: $trait> Probe<T> {
            // Found before the trait's, where it applies.
            const YES: bool = true;
        }
        <Probe<$type>>::YES
    }};
}

pub(crate) use implements;
