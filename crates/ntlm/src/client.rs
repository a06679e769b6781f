//! The client (MS-NLMP 3.1.5.1): two states, each consumed by its transition.
//!
//! ```text
//! Start --send--> NEGOTIATE --> ExpectChallenge --receive--> AUTHENTICATE --> Established
//!   \--datagram, unasked-------/
//! ```
//!
//! Any error ends the exchange: the state is gone, its keys are wiped. The client's context stands as soon as the AUTHENTICATE is made; the server may still
//! refuse it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use crate::bindings::ChannelBindings;
use crate::config::{ClientConfig, LmCompatibilityLevel, OemPolicy};
use crate::context::{Identity, IdentityKind, Observations, Requirements, Role};
use crate::credentials::Credentials;
use crate::crypto::wipe;
use crate::env::{Entropy, EntropyError, FileTime};
use crate::error::{Error, Incompatible, Rejected};
use crate::established::{ContextInfo, Established};
use crate::logon::extended_session_challenge;
use crate::secret::{ExportedSessionKey, KeyExchangeKey, ResponseKeyNt};
use crate::session::Session;
use crate::wire::{
    AuthenticateBuilder, AvFlags, AvId, AvPairs, AvPairsBuilder, ChallengeMessage, Charset, MAX_MESSAGE_LENGTH,
    NegotiateBuilder, NegotiateFlags, ResponseClass, SingleHostData, UnicodeString,
};

/// What belongs to one exchange of a client.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// The service principal name of the service that is meant (`HTTP/web.example.test`), sent under the protection of the response.
    pub target_name: Option<UnicodeString>,
    /// The target name comes from a source that may lie (DNS, a redirect); servers then treat it as absent.
    pub target_name_untrusted: bool,
    /// The channel that the logon runs over.
    pub channel_bindings: Option<ChannelBindings>,
    /// What is wanted of the context. All of it is required.
    pub requirements: Requirements,
    /// MsvAvSingleHost to send. `None`, the default, sends none: it proves nothing and tells who this machine is.
    pub single_host: Option<SingleHostData>,
}

/// A client that has said nothing yet.
#[derive(Debug)]
pub struct Start {
    config: Arc<ClientConfig>,
    credentials: Arc<Credentials>,
    exchange: Exchange,
}

impl Start {
    /// A client that logs on with `credentials`.
    #[must_use]
    pub fn new(config: Arc<ClientConfig>, credentials: Arc<Credentials>, exchange: Exchange) -> Self {
        Self { config, credentials, exchange }
    }

    /// Appends the NEGOTIATE_MESSAGE to `out`.
    ///
    /// # Errors
    ///
    /// [`Incompatible::Blocked`] when policy blocks the target; [`Incompatible::NoSessionSecurity`] when protection is required of an
    /// anonymous context.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use ntlm::client::{Exchange, Start};
    /// use ntlm::{ClientConfig, Credentials, Password};
    ///
    /// let credentials = Credentials::new(r"EXAMPLE\alice", &Password::new("secret"));
    /// let exchange = Exchange { target_name: Some("ldap/dc1.example.test".into()), ..Exchange::default() };
    /// let mut negotiate = Vec::new();
    /// let waiting = Start::new(Arc::new(ClientConfig::default()), Arc::new(credentials), exchange).send(&mut negotiate)?;
    /// assert_eq!(negotiate.len(), 40);
    /// # Ok::<(), ntlm::Error>(())
    /// ```
    pub fn send(self, out: &mut Vec<u8>) -> Result<ExpectChallenge, Error> {
        self.check()?;
        let asked = self.asked_flags();
        let start = out.len();
        NegotiateBuilder { flags: asked, version: self.config.version, ..NegotiateBuilder::default() }.write(out);
        let negotiate = out.get(start..).unwrap_or(&[]).to_vec();
        Ok(ExpectChallenge { asked, negotiate, start: self })
    }

    /// Begins a connectionless exchange, in which the server speaks first (MS-NLMP 1.3.1.4). The context gets messages with
    /// [`Session::seal_datagram`].
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send); [`Incompatible::NoReplayDetection`] when finding out replays or reordering is required, see
    /// [`Requirements::datagram`]; [`Incompatible::NoSessionSecurity`] for an anonymous client.
    pub fn datagram(self) -> Result<ExpectChallenge, Error> {
        self.check()?;
        if self.credentials.is_anonymous() {
            return Err(Incompatible::NoSessionSecurity.into());
        }
        let requirements = self.exchange.requirements;
        if requirements.replay_detect || requirements.sequence_detect {
            return Err(Incompatible::NoReplayDetection.into());
        }
        // Flags cannot be negotiated where the server speaks first: all that it offers is taken.
        let asked = self.asked_flags()
            | NegotiateFlags::DATAGRAM
            | NegotiateFlags::KEY_EXCH
            | NegotiateFlags::SIGN
            | NegotiateFlags::SEAL;
        Ok(ExpectChallenge { asked, negotiate: Vec::new(), start: self })
    }

    /// Begins with a challenge to which no NEGOTIATE_MESSAGE led: a LAN Manager server's.
    ///
    /// # Errors
    ///
    /// [`Incompatible::Blocked`] unless policy allows it ([`answers_unasked`](crate::ClientPolicy::answers_unasked)); as for [`send`](Self::send)
    /// otherwise.
    pub fn unasked(self) -> Result<ExpectChallenge, Error> {
        self.check()?;
        if !self.config.policy.answers_unasked() {
            return Err(Incompatible::Blocked.into());
        }
        Ok(ExpectChallenge { asked: self.asked_flags(), negotiate: Vec::new(), start: self })
    }

    fn check(&self) -> Result<(), Error> {
        if self.config.policy.blocks(self.exchange.target_name.as_ref()) {
            return Err(Incompatible::Blocked.into());
        }
        if self.credentials.is_anonymous() && !self.exchange.requirements.required_flags().is_empty() {
            return Err(Incompatible::NoSessionSecurity.into());
        }
        Ok(())
    }

    fn asked_flags(&self) -> NegotiateFlags {
        let policy = &self.config.policy;
        let protection = self.exchange.requirements.required_flags();
        NegotiateFlags::UNICODE
            | NegotiateFlags::REQUEST_TARGET
            | NegotiateFlags::NTLM
            | NegotiateFlags::ALWAYS_SIGN
            | NegotiateFlags::N128
            | NegotiateFlags::N56
            | protection
                .with_if(!protection.is_empty(), NegotiateFlags::KEY_EXCH)
                .with_if(policy.oem == OemPolicy::Accept, NegotiateFlags::OEM)
                .with_if(self.exchange.requirements.identify, NegotiateFlags::IDENTIFY)
                .with_if(self.credentials.is_anonymous(), NegotiateFlags::ANONYMOUS)
                .with_if(self.config.version.is_some(), NegotiateFlags::VERSION)
                .with_if(
                    policy.lm_compatibility_level() != LmCompatibilityLevel::Level0,
                    NegotiateFlags::EXTENDED_SESSIONSECURITY,
                )
    }
}

/// A client that waits for the CHALLENGE_MESSAGE.
#[derive(Debug)]
pub struct ExpectChallenge {
    start: Start,
    asked: NegotiateFlags,
    /// As sent: the MIC covers it. Empty when connectionless.
    negotiate: Vec<u8>,
}

/// The parts of the AUTHENTICATE_MESSAGE that depend on the kind of response.
struct Responses {
    class: ResponseClass,
    lm: LmResponse,
    /// Where NTProofStr belongs are zeros as yet.
    nt: Vec<u8>,
    key: ResponseKey,
    mic: bool,
}

/// What KeyExchangeKey is made of.
enum ResponseKey {
    /// Nothing that is still to come.
    Made(KeyExchangeKey),
    /// NTProofStr.
    Proving(ResponseKeyNt),
}

impl Responses {
    /// Completes an AUTHENTICATE_MESSAGE that has zeros for NTProofStr, EncryptedRandomSessionKey and MIC, and gives ExportedSessionKey, which is `fresh_key`
    /// where keys are exchanged. Of what the MIC covers, `negotiate`, `challenge` and the message, all that is known is hashed while the others are made:
    /// they wait for themselves most of the time.
    fn prove(
        self,
        server_challenge: [u8; 8],
        fresh_key: Option<ExportedSessionKey>,
        [negotiate, challenge]: [&[u8]; 2],
        authenticate: &mut [u8],
        nt_response: Range<usize>,
    ) -> ExportedSessionKey {
        let (start, rest) = authenticate.split_at_mut(nt_response.start);
        let (nt, encrypted) = rest.split_at_mut(nt_response.len());
        let mut mic = fresh_key.as_ref().filter(|_| self.mic).map(ExportedSessionKey::start_mic);

        let pieces = [negotiate, challenge, start];
        let mut backlog = mic.as_mut().map(|mic| mic.backlog(&pieces));
        let key = match self.key {
            ResponseKey::Made(key) => key,
            ResponseKey::Proving(key) => {
                let (proof_field, client_challenge) = nt.split_at_mut(16);
                let (proof, base_key) = key.prove_beside(server_challenge, client_challenge, &mut backlog);
                put(proof_field, proof);
                base_key.key_exchange_key_v2()
            }
        };
        if let Some(backlog) = backlog {
            backlog.catch_up();
        }
        let Some(fresh_key) = fresh_key else {
            let key = key.exported_session_key();
            if self.mic {
                let mic = key.mic(negotiate, challenge, authenticate, AuthenticateBuilder::MIC_OFFSET);
                put(authenticate.get_mut(AuthenticateBuilder::MIC_OFFSET..).unwrap_or_default(), mic);
            }
            return key;
        };

        let pieces: [&[u8]; 1] = [nt];
        let mut backlog = mic.as_mut().map(|mic| mic.backlog(&pieces));
        put(encrypted, key.encrypt_beside(&fresh_key, &mut backlog));
        if let Some(backlog) = backlog {
            backlog.catch_up();
        }
        if let Some(mic) = mic {
            put(start.get_mut(AuthenticateBuilder::MIC_OFFSET..).unwrap_or_default(), mic.finish(encrypted));
        }
        fresh_key
    }
}

/// Writes 16 bytes at the start of `field`.
fn put(field: &mut [u8], bytes: [u8; 16]) {
    field.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
}

/// LmChallengeResponse.
enum LmResponse {
    Nothing,
    /// Of an anonymous client.
    Zero,
    Bytes([u8; 24]),
}

impl LmResponse {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Nothing => &[],
            Self::Zero => &[0],
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl ExpectChallenge {
    /// What belongs to this exchange, for what is known only when the CHALLENGE_MESSAGE is there: target name, channel bindings. Requirements
    /// that were not asked for in the NEGOTIATE_MESSAGE cannot be met any more.
    pub fn exchange_mut(&mut self) -> &mut Exchange {
        &mut self.start.exchange
    }

    /// Bytes that this state holds, on the heap and itself, without what it shares with others.
    #[must_use]
    pub fn memory(&self) -> usize {
        let exchange = &self.start.exchange;
        size_of::<Self>()
            + self.negotiate.capacity()
            + exchange.target_name.as_ref().map_or(0, UnicodeString::heap)
            + exchange.channel_bindings.as_ref().map_or(0, ChannelBindings::heap)
    }

    /// Reads the CHALLENGE_MESSAGE and appends the AUTHENTICATE_MESSAGE to `out`. `now` goes into the response where the server does not say
    /// its own time.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for bytes that are no CHALLENGE_MESSAGE; [`Error::Incompatible`] when the server does not offer what policy or the
    /// exchange require, or as for [`Start::send`]; [`Rejected::OwnChallenge`] and [`Rejected::ServerClock`] for the checks of these names; [`Error::Entropy`] when
    /// `entropy` fails. `out` is as it was then.
    pub fn receive(
        self,
        challenge: &[u8],
        now: FileTime,
        entropy: &mut dyn Entropy,
        out: &mut Vec<u8>,
    ) -> Result<Established, Error> {
        // Again: the target may have become known only now.
        self.start.check()?;
        let message = ChallengeMessage::parse(challenge)?;
        let flags = self.agree(&message)?;
        let config = &self.start.config;
        let exchange = &self.start.exchange;
        if config.reflection_guard.as_ref().is_some_and(|guard| guard.is_own(message.server_challenge)) {
            return Err(Rejected::OwnChallenge.into());
        }
        let server_time = message.target_info.and_then(|pairs| pairs.timestamp());
        self.check_clock(server_time, now)?;

        let charset = Charset::of(flags);
        let domain = self.domain(&message);
        let (challenge_from_client, fresh_key) = self.draw(flags, entropy)?;
        let responses = self.respond(&message, flags, &domain, (server_time, now), challenge_from_client)?;

        let anonymous = responses.class == ResponseClass::Anonymous;
        let workstation = if anonymous { UnicodeString::default() } else { config.workstation.clone() };
        let names = [&domain, self.start.credentials.user(), &workstation];
        let beyond_oem = |name: &&UnicodeString| name.units().iter().any(|&unit| unit > 0xff);
        if charset == Charset::Oem && names.iter().any(beyond_oem) {
            return Err(Incompatible::NotInOem.into());
        }
        let oem_not_ascii = charset == Charset::Oem && !names.iter().all(|name| name.is_ascii());
        let lengths = names.map(|name| name.encoded_length(charset));
        let mut encoded = Vec::with_capacity(lengths.iter().sum());
        names.iter().for_each(|name| name.encode(charset, &mut encoded));
        let [domain_length, user_length, _] = lengths;
        let (domain_bytes, rest) = encoded.split_at(domain_length);
        let (user_bytes, workstation_bytes) = rest.split_at(user_length);
        let builder = AuthenticateBuilder {
            flags,
            domain_name: domain_bytes,
            user_name: user_bytes,
            workstation: workstation_bytes,
            lm_response: responses.lm.as_slice(),
            nt_response: &responses.nt,
            encrypted_random_session_key: if fresh_key.is_some() { &[0; 16] } else { &[] },
            version: config.version.filter(|_| flags.contains(NegotiateFlags::VERSION)),
            without_mic_field: false,
        };
        if builder.length() > MAX_MESSAGE_LENGTH {
            return Err(Incompatible::NamesTooLong.into());
        }
        let start = out.len();
        builder.write(out);
        let (mic, class) = (responses.mic, responses.class);
        let nt_response = builder.nt_response_offset()..builder.nt_response_offset() + responses.nt.len();
        let authenticate = out.get_mut(start..).unwrap_or(&mut []);
        let covered = [self.negotiate.as_slice(), challenge];
        let key = responses.prove(message.server_challenge, fresh_key, covered, authenticate, nt_response);

        let carries_pairs = class == ResponseClass::NtlmV2 && message.target_info.is_some();
        let kind = if anonymous { IdentityKind::Anonymous } else { IdentityKind::User };
        let revision = message.version.map_or(0, |version| version.ntlm_revision);
        let session = Session::new(Role::Client, flags, revision, kind, &key);
        let info = ContextInfo {
            role: Role::Client,
            flags,
            identity: Identity {
                kind,
                user: self.start.credentials.user().clone(),
                domain,
                workstation,
                account: None,
            },
            response_class: class,
            target_name: exchange.target_name.clone().filter(|_| carries_pairs),
            channel_bindings: sent_bindings(exchange).filter(|_| carries_pairs),
            mic,
            peer_version: message.version.filter(|_| message.flags.contains(NegotiateFlags::VERSION)),
            established_at: now,
            observations: Observations {
                weak_response: !matches!(class, ResponseClass::NtlmV2 | ResponseClass::Anonymous),
                target_info_missing: message.target_info.is_none(),
                oem: charset == Charset::Oem,
                oem_not_ascii,
                ..Observations::default()
            },
            key,
        };
        Ok(Established { info, session })
    }

    /// The flags in force: what was asked for and is offered. Fails when something required is missing.
    fn agree(&self, message: &ChallengeMessage<'_>) -> Result<NegotiateFlags, Error> {
        use NegotiateFlags as F;
        let policy = &self.start.config.policy;
        // What the server answers for itself is copied; capabilities count only when we asked; the rest, the historic local call among it, is dropped.
        let mut flags = message.flags & (self.asked | F::TARGET_INFO | F::OEM);
        if flags.contains(F::UNICODE) {
            flags = flags.without(F::OEM);
        } else if !flags.contains(F::OEM) {
            return Err(Incompatible::NoCharset.into());
        } else if policy.oem == OemPolicy::Refuse {
            return Err(Incompatible::OemRefused.into());
        }
        let datagram = self.asked.contains(F::DATAGRAM);
        let protected = flags.intersects(F::SIGN | F::SEAL);
        if !protected && !datagram {
            // A key exchange without anything to protect is where implementations have sent the key in the clear.
            flags = flags.without(F::KEY_EXCH);
        }
        let ess = policy.extended_session_security.is_required(protected);
        let required = self
            .start
            .exchange
            .requirements
            .required_flags()
            .with_if(ess, F::EXTENDED_SESSIONSECURITY)
            .with_if(policy.require_128 && protected, F::N128)
            .with_if(datagram, F::DATAGRAM | F::KEY_EXCH)
            .with_if(datagram && protected, F::EXTENDED_SESSIONSECURITY);
        let missing = required.without(flags);
        if !missing.is_empty() {
            return Err(Incompatible::MissingFlags(missing).into());
        }
        if self.start.credentials.is_anonymous() {
            flags |= F::ANONYMOUS;
        }
        Ok(flags)
    }

    fn check_clock(&self, server: Option<FileTime>, now: FileTime) -> Result<(), Error> {
        match (self.start.config.policy.max_clock_difference, server) {
            (Some(allowed), Some(server)) if server.abs_diff(now) > allowed => {
                Err(Rejected::ServerClock { difference: server.abs_diff(now), allowed }.into())
            }
            _ => Ok(()),
        }
    }

    /// DomainName to send.
    fn domain(&self, message: &ChallengeMessage<'_>) -> UnicodeString {
        let of_server = || {
            let computer = message.target_info.and_then(|pairs| pairs.text(AvId::NB_COMPUTER_NAME));
            computer
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| UnicodeString::decode(message.target_name, message.charset()))
        };
        self.start.credentials.domain().cloned().unwrap_or_else(of_server)
    }

    /// ChallengeFromClient, and ExportedSessionKey where keys are exchanged: what an anonymous client does without. Drawn at once, since asking costs more than
    /// the bytes.
    fn draw(
        &self,
        flags: NegotiateFlags,
        entropy: &mut dyn Entropy,
    ) -> Result<([u8; 8], Option<ExportedSessionKey>), EntropyError> {
        let mut challenge_from_client = [0; 8];
        if self.start.credentials.is_anonymous() {
            return Ok((challenge_from_client, None));
        }
        if !flags.contains(NegotiateFlags::KEY_EXCH) {
            entropy.fill(&mut challenge_from_client)?;
            return Ok((challenge_from_client, None));
        }
        let mut drawn = [0; 8 + 16];
        entropy.fill(&mut drawn)?;
        let [a, b, c, d, e, f, g, h, key @ ..] = drawn;
        wipe(&mut drawn);
        Ok(([a, b, c, d, e, f, g, h], Some(ExportedSessionKey::from_array(key))))
    }

    fn respond(
        &self,
        message: &ChallengeMessage<'_>,
        flags: NegotiateFlags,
        domain: &UnicodeString,
        (server_time, now): (Option<FileTime>, FileTime),
        client_challenge: [u8; 8],
    ) -> Result<Responses, Error> {
        let Some(nt_hash) = self.start.credentials.nt_hash() else {
            // MS-NLMP 3.1.5.1.2: no NT response, an LM response of one zero byte, and a key of zeros.
            return Ok(Responses {
                class: ResponseClass::Anonymous,
                lm: LmResponse::Zero,
                nt: Vec::new(),
                key: ResponseKey::Made(KeyExchangeKey::anonymous()),
                mic: false,
            });
        };
        if self.start.config.policy.uses_ntlmv2() {
            let Some(response_key) = self.start.credentials.response_key_nt(domain) else {
                return Err(Incompatible::NoSessionSecurity.into());
            };
            let mut nt = Vec::with_capacity(self.response_length(message));
            // NTProofStr, an NTLMv2_CLIENT_CHALLENGE (MS-NLMP 2.2.2.7), and the four zero bytes that Windows sends behind its AV pairs.
            nt.extend_from_slice(&[0; 16]);
            nt.extend_from_slice(&[1, 1, 0, 0, 0, 0, 0, 0]);
            nt.extend_from_slice(&server_time.unwrap_or(now).to_bytes());
            nt.extend_from_slice(&client_challenge);
            nt.extend_from_slice(&[0; 4]);
            let mut nt = self.av_pairs(message, flags, nt)?;
            nt.extend_from_slice(&[0; 4]);
            let lm = if flags.contains(NegotiateFlags::DATAGRAM) && message.target_info.is_some() {
                LmResponse::Nothing
            } else if server_time.is_none() && self.start.config.policy.legacy_lmv2 {
                LmResponse::Bytes(response_key.lmv2_response(message.server_challenge, client_challenge))
            } else {
                LmResponse::Bytes([0; 24])
            };
            let key = ResponseKey::Proving(response_key);
            let mic = message.target_info.is_some();
            return Ok(Responses { class: ResponseClass::NtlmV2, lm, nt, key, mic });
        }
        if self.start.exchange.channel_bindings.is_some() {
            return Err(Incompatible::NoPlaceForBindings.into());
        }
        // NTLMv1, by a policy named dangerous.
        let ess = flags.contains(NegotiateFlags::EXTENDED_SESSIONSECURITY);
        let mut lm = [0; 24];
        let (class, nt) = if ess {
            lm.iter_mut().zip(client_challenge).for_each(|(to, from)| *to = from);
            let challenge = extended_session_challenge(message.server_challenge, client_challenge);
            (ResponseClass::NtlmV1Ess, nt_hash.ntlmv1_response(challenge))
        } else {
            let nt = nt_hash.ntlmv1_response(message.server_challenge);
            let level = self.start.config.policy.lm_compatibility_level();
            let sends_lm = level <= LmCompatibilityLevel::Level1 && !self.start.config.policy.no_lm_response_ntlmv1;
            lm = match self.start.credentials.lm_hash() {
                Some(lm_hash) if sends_lm => lm_hash.lm_response(message.server_challenge),
                _ => nt,
            };
            (ResponseClass::NtlmV1, nt)
        };
        let lm_key = self.start.credentials.lm_hash().map(crate::secret::LmHash::session_key);
        let base = nt_hash.session_base_key();
        let key = ResponseKey::Made(base.key_exchange_key_v1(flags, message.server_challenge, &lm, lm_key.as_ref()));
        Ok(Responses { class, lm: LmResponse::Bytes(lm), nt: nt.to_vec(), key, mic: false })
    }

    /// Bytes that the NTLMv2 response has at most.
    fn response_length(&self, message: &ChallengeMessage<'_>) -> usize {
        let exchange = &self.start.exchange;
        let of_server = message.target_info.map_or(4, |pairs| pairs.as_bytes().len());
        let target_name = exchange.target_name.as_ref().map_or(0, |name| name.encoded_length(Charset::Unicode));
        let single_host = if exchange.single_host.is_some() { 4 + 48 } else { 0 };
        16 + 28 + of_server + (4 + 4) + single_host + (4 + 16) + (4 + target_name) + 4
    }

    /// Appends the AV pairs of an NTLMv2 response to `response`: the server's, less those that are the client's to say, and the client's.
    fn av_pairs(
        &self,
        message: &ChallengeMessage<'_>,
        flags: NegotiateFlags,
        response: Vec<u8>,
    ) -> Result<Vec<u8>, Error> {
        let policy = &self.start.config.policy;
        let exchange = &self.start.exchange;
        let Some(server) = message.target_info else {
            if policy.require_target_info {
                return Err(Incompatible::NoTargetInfo.into());
            }
            if exchange.channel_bindings.is_some() {
                return Err(Incompatible::NoPlaceForBindings.into());
            }
            if flags.intersects(NegotiateFlags::SIGN | NegotiateFlags::SEAL) {
                return Err(Incompatible::NoServerNames.into());
            }
            return Ok(AvPairsBuilder::behind(response).finish());
        };
        let named = |pairs: &AvPairs<'_>, id| {
            pairs.get(id).is_some_and(|name| !(policy.require_target_info && name.is_empty()))
        };
        let names = named(&server, AvId::NB_COMPUTER_NAME) && named(&server, AvId::NB_DOMAIN_NAME);
        if flags.intersects(NegotiateFlags::SIGN | NegotiateFlags::SEAL) && !names {
            return Err(Incompatible::NoServerNames.into());
        }

        let mut pairs = AvPairsBuilder::behind(response);
        // A server, or somebody in the middle, must not be able to plant what only the client may say.
        let of_client = |id| matches!(id, AvId::FLAGS | AvId::SINGLE_HOST | AvId::TARGET_NAME | AvId::CHANNEL_BINDINGS);
        pairs.push_all(&server, of_client);
        let constrained = server.flags().unwrap_or_default().0 & AvFlags::CONSTRAINED.0;
        let untrusted = if exchange.target_name_untrusted { AvFlags::UNTRUSTED_TARGET_NAME.0 } else { 0 };
        let av_flags = constrained | AvFlags::MIC_PROVIDED.0 | untrusted;
        pairs.push(AvId::FLAGS, &av_flags.to_le_bytes());
        if let Some(SingleHostData(data)) = &exchange.single_host {
            pairs.push(AvId::SINGLE_HOST, data);
        }
        pairs.push(AvId::CHANNEL_BINDINGS, &sent_bindings(exchange).unwrap_or_default());
        let target_name = exchange.target_name.as_ref().map(UnicodeString::to_utf16le).unwrap_or_default();
        if target_name.len() > MAX_MESSAGE_LENGTH / 2 {
            return Err(Incompatible::NamesTooLong.into());
        }
        pairs.push(AvId::TARGET_NAME, &target_name);
        Ok(pairs.finish())
    }
}

fn sent_bindings(exchange: &Exchange) -> Option<[u8; 16]> {
    exchange.channel_bindings.as_ref().filter(|bindings| !bindings.is_empty()).map(ChannelBindings::hash)
}

#[cfg(test)]
impl ExpectChallenge {
    /// A client whose NEGOTIATE_MESSAGE was sent by somebody else: to rebuild recorded exchanges.
    pub(crate) fn resumed(start: Start, negotiate: &[u8]) -> Result<Self, Error> {
        let asked = crate::wire::NegotiateMessage::parse(negotiate)?.flags;
        Ok(Self { start, asked, negotiate: negotiate.to_vec() })
    }
}
