//! A client that says exactly what a test wants, right or wrong: the attacker, and the clients of other makers.
//!
//! ```ignore
//! let mut pair = Pair::new();
//! // NTLMv2 with a MIC, as this crate's client would send it:
//! let server = Script::new().run(&mut pair).expect("a right answer");
//! // The same without MIC:
//! let error = Script { mic: Mic::None, ..Script::new() }.run(&mut pair).expect_err("no MIC");
//! ```
//!
//! The server is that of the [`Pair`], with its clock, entropy, authority and rewriting of messages; its client is not used.

use ntlm::secret::{ExportedSessionKey, KeyExchangeKey, LmHash, NtHash};
use ntlm::server::{AwaitLogon, ExpectNegotiate};
use ntlm::wire::{
    AuthenticateMessage, AvId, AvPairs, AvPairsBuilder, ChallengeMessage, Charset, NegotiateBuilder, Version,
};
use ntlm::{Entropy, Error, Established, FileTime, NegotiateFlags, Password, Role, Session, UnicodeString, crypto};

use super::pair::{DOMAIN, LoadedDice, NOW, PASSWORD, Pair, PairError, Rewrite, Step};

/// An AV pair as id and value.
pub type AvPair = (u16, Vec<u8>);

/// Makes the AV pairs of a response from those of the challenge.
pub type Pairs = fn(&[AvPair]) -> Vec<AvPair>;

/// Makes the flags of an AUTHENTICATE from those of the challenge.
pub type Flags = fn(NegotiateFlags) -> NegotiateFlags;

/// Which responses the client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// An LM response alone.
    Lm,
    /// NTLMv1 with the LM response beside it.
    NtlmV1,
    /// NTLMv1 with extended session security.
    NtlmV1Ess,
    /// An LMv2 response alone.
    LmV2,
    /// NTLMv2.
    NtlmV2,
}

/// What stands in the field of the LM response beside an NTLMv2 response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LmField {
    Zeros,
    Empty,
    LmV2,
}

/// The MIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mic {
    /// Neither claimed nor sent.
    None,
    /// Claimed in MsvAvFlags and sent.
    Right,
    /// Sent, as by Samba's client without SIGN, but not claimed.
    Unclaimed,
}

/// A scripted client. Every part is a public field; [`Script::new`] is a client that does everything right.
pub struct Script {
    pub user: UnicodeString,
    pub domain: UnicodeString,
    pub workstation: UnicodeString,
    pub password: String,
    /// The NT hash, where that is what the client has instead of the password.
    pub nt_hash: Option<[u8; 16]>,
    /// The NEGOTIATE, as it is sent.
    pub negotiate: Vec<u8>,
    pub response: Response,
    pub lm_field: LmField,
    /// The AV pairs of the response, made from those of the challenge; without MsvAvFlags for the MIC, which [`mic`](Self::mic) adds.
    pub pairs: Pairs,
    /// Zero bytes behind MsvAvEOL.
    pub tail: usize,
    /// TimeStamp of the response; the server's when `None`.
    pub time: Option<FileTime>,
    pub mic: Mic,
    /// The flags of the AUTHENTICATE, made from those of the challenge.
    pub flags: Flags,
    /// Where the payload begins: 64, 72 or 88. The MIC has room only with 88, or with 80 at 64.
    pub header: usize,
    pub version: Option<Version>,
    /// EncryptedRandomSessionKey; `None` sends 16 bytes with KEY_EXCH and nothing without.
    pub encrypted_key: Option<Vec<u8>>,
    /// The order of the payload: domain 0, user 1, workstation 2, LM 3, NT 4, key 5.
    pub order: [usize; 6],
    /// Bytes behind the payload.
    pub trailing: Vec<u8>,
    /// Flips a bit of the finished NT response, at this offset.
    pub spoil_nt: Option<usize>,
    /// The domain that the hash is made with, where it is not the one sent.
    pub hashed_domain: Option<UnicodeString>,
    /// LM and NT response as they are, instead of everything that is said about them above.
    pub raw_responses: Option<(Vec<u8>, Vec<u8>)>,
}

/// The flags that [`Script::new`] asks for: what Windows asks for when it signs and seals.
pub const PROTECTED: NegotiateFlags = NegotiateFlags(0xe208_8235);

/// The same without signing, sealing and key exchange: what HTTP clients ask for.
pub const UNPROTECTED: NegotiateFlags = NegotiateFlags(0xa208_8205);

/// The NEGOTIATE of 40 bytes with these flags.
pub fn negotiate(flags: NegotiateFlags) -> Vec<u8> {
    let mut out = Vec::new();
    let version = flags.contains(NegotiateFlags::VERSION).then(Version::default);
    NegotiateBuilder { flags, version, ..NegotiateBuilder::default() }.write(&mut out);
    out
}

/// What Windows sends back: the server's pairs in their order, then single host, bindings and target name, all without content.
pub fn windows_pairs(server: &[AvPair]) -> Vec<AvPair> {
    let mut pairs = server.to_vec();
    pairs.push((AvId::CHANNEL_BINDINGS.0, vec![0; 16]));
    pairs.push((AvId::TARGET_NAME.0, Vec::new()));
    pairs
}

/// The same flags as the challenge without those that only servers set: what Windows answers.
pub fn windows_flags(challenge: NegotiateFlags) -> NegotiateFlags {
    challenge.without(NegotiateFlags::TARGET_TYPE_DOMAIN | NegotiateFlags::TARGET_TYPE_SERVER)
}

/// UTF-16LE.
pub fn utf16(text: &str) -> Vec<u8> {
    UnicodeString::from(text).to_utf16le()
}

impl Script {
    /// EXAMPLE\alice by NTLMv2 with a MIC, signing and sealing.
    pub fn new() -> Self {
        Self {
            user: "alice".into(),
            domain: DOMAIN.into(),
            workstation: "WS1".into(),
            password: PASSWORD.into(),
            nt_hash: None,
            negotiate: negotiate(PROTECTED),
            response: Response::NtlmV2,
            lm_field: LmField::Zeros,
            pairs: windows_pairs,
            tail: 4,
            time: None,
            mic: Mic::Right,
            flags: windows_flags,
            header: 88,
            version: Some(Version::default()),
            encrypted_key: None,
            order: [0, 1, 2, 3, 4, 5],
            trailing: Vec::new(),
            spoil_nt: None,
            hashed_domain: None,
            raw_responses: None,
        }
    }

    /// The same without MIC, in the older form without its field.
    pub fn without_mic() -> Self {
        Self { mic: Mic::None, header: 72, ..Self::new() }
    }

    /// A client that sends another kind of response and nothing that needs NTLMv2.
    pub fn with_response(response: Response) -> Self {
        let without_ess = |flags: NegotiateFlags| flags.without(NegotiateFlags::EXTENDED_SESSIONSECURITY);
        let flags = match response {
            Response::Lm | Response::NtlmV1 => without_ess(PROTECTED),
            Response::NtlmV1Ess | Response::LmV2 | Response::NtlmV2 => PROTECTED,
        };
        let mic = if response == Response::NtlmV2 { Mic::Right } else { Mic::None };
        Self { response, mic, negotiate: negotiate(flags), ..Self::new() }
    }

    /// Asks for these flags.
    pub fn asking(self, flags: NegotiateFlags) -> Self {
        Self { negotiate: negotiate(flags), ..self }
    }

    /// Logs on to the server of `pair`: the server's context.
    pub fn run(&self, pair: &mut Pair) -> Result<Established, PairError> {
        self.talk(pair).map(|(_, server)| server)
    }

    /// The same, with the client's end of the session as the client sees it.
    pub fn talk(&self, pair: &mut Pair) -> Result<(Session, Established), PairError> {
        let (session, waiting) = self.exchange(pair)?;
        let verdict = (pair.authority)(waiting.logon());
        let server = waiting.finish(verdict);
        server.map(|server| (session, server)).map_err(|error| PairError {
            side: Role::Server,
            step: Step::Verdict,
            error,
        })
    }

    /// The same as [`run`](Self::run), stopped where the server must ask.
    pub fn question(&self, pair: &mut Pair) -> Result<AwaitLogon, PairError> {
        self.exchange(pair).map(|(_, waiting)| waiting)
    }

    fn exchange(&self, pair: &mut Pair) -> Result<(Session, AwaitLogon), PairError> {
        let failed = |step| move |error: Error| PairError { side: Role::Server, step, error };
        let server = ExpectNegotiate::new(pair.server_config.clone().into(), pair.server_exchange.clone());
        let rewritten = |message: &[u8], rewrite: &mut Option<Rewrite>| {
            let mut message = message.to_vec();
            rewrite.iter_mut().for_each(|rewrite| rewrite(&mut message));
            message
        };
        let received = rewritten(&self.negotiate, &mut pair.in_the_middle.negotiate);
        let mut challenge = Vec::new();
        let server =
            server.receive(&received, pair.now, &mut pair.entropy, &mut challenge).map_err(failed(Step::Negotiate))?;
        let answered = rewritten(&challenge, &mut pair.in_the_middle.challenge);
        let (authenticate, key) = self.answer(&answered);
        let flags = (self.flags)(ChallengeMessage::parse(&answered).expect("a challenge").flags);
        let session = Session::from_key(Role::Client, flags, Version::REVISION_W2K3, &key);
        let authenticate = rewritten(&authenticate, &mut pair.in_the_middle.authenticate);
        let now = pair.now.saturating_add(pair.on_the_way);
        let waiting = server.receive(&authenticate, now).map_err(failed(Step::Authenticate))?;
        Ok((session, waiting))
    }

    /// The AUTHENTICATE in answer to `challenge`, and the exported session key.
    pub fn answer(&self, challenge: &[u8]) -> (Vec<u8>, ExportedSessionKey) {
        let message = ChallengeMessage::parse(challenge).expect("a challenge");
        let flags = (self.flags)(message.flags);
        let (lm, nt, key) = self.responses(&message, flags);
        let encrypted = match &self.encrypted_key {
            Some(bytes) => bytes.clone(),
            None if flags.contains(NegotiateFlags::KEY_EXCH) => vec![0x5a; 16],
            None => Vec::new(),
        };
        let exported = match <[u8; 16]>::try_from(encrypted.as_slice()) {
            Ok(encrypted) if flags.contains(NegotiateFlags::KEY_EXCH) => key.decrypt(encrypted),
            _ => key.exported_session_key(),
        };
        let mut authenticate = self.write(flags, lm, nt, encrypted);
        if self.mic != Mic::None {
            let parsed = AuthenticateMessage::parse(&authenticate).expect("an AUTHENTICATE");
            let offset = parsed.mic_offset.expect("room for a MIC");
            let mic = exported.mic(&self.negotiate, challenge, &authenticate, offset);
            authenticate[offset..offset + 16].copy_from_slice(&mic);
        }
        (authenticate, exported)
    }

    fn responses(&self, challenge: &ChallengeMessage<'_>, flags: NegotiateFlags) -> (Vec<u8>, Vec<u8>, KeyExchangeKey) {
        let password = Password::new(&self.password);
        let nt_hash = match self.nt_hash {
            Some(hash) => NtHash::from_bytes(&hash).expect("a usable hash"),
            None => password.nt_hash(),
        };
        let lm_hash = password.lm_hash();
        let server = challenge.server_challenge;
        let mut client = [0; 8];
        LoadedDice::new(7).fill(&mut client).expect("loaded dice");
        let lm_response = || lm_hash.as_ref().expect("a password with an LM hash").lm_response(server);
        let v1_key = |lm: &[u8]| {
            let session_key = lm_hash.as_ref().map(LmHash::session_key);
            nt_hash.session_base_key().key_exchange_key_v1(flags, server, lm, session_key.as_ref())
        };
        if let Some((lm, nt)) = &self.raw_responses {
            return (lm.clone(), nt.clone(), KeyExchangeKey::anonymous());
        }
        let hashed_domain = self.hashed_domain.as_ref().unwrap_or(&self.domain);
        match self.response {
            Response::Lm => {
                let lm = lm_response();
                let key = lm_hash.as_ref().expect("an LM hash").session_key().session_base_key();
                (lm.to_vec(), Vec::new(), key.key_exchange_key_v1(flags, server, &lm, None))
            }
            Response::NtlmV1 => {
                let nt = nt_hash.ntlmv1_response(server);
                let lm = if lm_hash.is_some() { lm_response() } else { nt };
                (lm.to_vec(), nt.to_vec(), v1_key(&lm))
            }
            Response::NtlmV1Ess => {
                let lm = [&client[..], &[0; 16]].concat();
                let hashed = crypto::md5(&[&server, &client]);
                let nt = nt_hash.ntlmv1_response(hashed[..8].try_into().expect("eight bytes"));
                let key = v1_key(&lm);
                (lm, nt.to_vec(), key)
            }
            Response::LmV2 => {
                let lm = nt_hash.response_key_nt(&self.user, hashed_domain).lmv2_response(server, client);
                (lm.to_vec(), Vec::new(), KeyExchangeKey::anonymous())
            }
            Response::NtlmV2 => {
                let response_key = nt_hash.response_key_nt(&self.user, hashed_domain);
                let temp = self.client_challenge(challenge, client);
                let proof = response_key.nt_proof_str(server, &temp);
                let mut nt = [&proof[..], &temp].concat();
                if let Some(at) = self.spoil_nt {
                    nt[at] ^= 1;
                }
                let lm = match self.lm_field {
                    LmField::Zeros => vec![0; 24],
                    LmField::Empty => Vec::new(),
                    LmField::LmV2 => response_key.lmv2_response(server, client).to_vec(),
                };
                (lm, nt, response_key.session_base_key(&proof).key_exchange_key_v2())
            }
        }
    }

    /// NTLMv2_CLIENT_CHALLENGE.
    fn client_challenge(&self, challenge: &ChallengeMessage<'_>, client: [u8; 8]) -> Vec<u8> {
        let server: Vec<AvPair> =
            challenge.target_info.iter().flat_map(AvPairs::iter).map(|pair| (pair.id.0, pair.value.to_vec())).collect();
        let server_time = challenge.target_info.and_then(|pairs| pairs.timestamp());
        let mut list = AvPairsBuilder::new();
        for (id, value) in (self.pairs)(&server) {
            list.push(AvId(id), &value);
        }
        if self.mic == Mic::Right {
            list.push(AvId::FLAGS, &2_u32.to_le_bytes());
        }
        let time = self.time.or(server_time).unwrap_or(NOW);
        [&[1, 1, 0, 0, 0, 0, 0, 0], &time.to_bytes()[..], &client, &[0; 4], &list.finish(), &vec![0; self.tail]]
            .concat()
    }

    fn write(&self, flags: NegotiateFlags, lm: Vec<u8>, nt: Vec<u8>, key: Vec<u8>) -> Vec<u8> {
        let charset = if flags.contains(NegotiateFlags::UNICODE) { Charset::Unicode } else { Charset::Oem };
        let name = |text: &UnicodeString| {
            let mut bytes = Vec::new();
            text.encode(charset, &mut bytes);
            bytes
        };
        let pieces = [name(&self.domain), name(&self.user), name(&self.workstation), lm, nt, key];
        let mut fields = [[0_u8; 8]; 6];
        let mut payload = Vec::new();
        for index in self.order {
            let length = u16::try_from(pieces[index].len()).expect("a short piece").to_le_bytes();
            let offset = u32::try_from(self.header + payload.len()).expect("a short message").to_le_bytes();
            fields[index][..2].copy_from_slice(&length);
            fields[index][2..4].copy_from_slice(&length);
            fields[index][4..].copy_from_slice(&offset);
            payload.extend_from_slice(&pieces[index]);
        }
        let [domain, user, workstation, lm, nt, key] = fields;
        let mut out = b"NTLMSSP\0\x03\0\0\0".to_vec();
        for field in [lm, nt, domain, user, workstation, key] {
            out.extend(field);
        }
        out.extend(flags.0.to_le_bytes());
        out.extend(self.version.map_or([0; 8], Version::to_bytes));
        out.resize(self.header, 0);
        out.extend(payload);
        out.extend(&self.trailing);
        out
    }
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}
