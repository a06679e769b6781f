//! The server (MS-NLMP 3.2.5.1): three states, each consumed by its transition. The last one is where somebody must be asked.
//!
//! ```text
//! ExpectNegotiate --receive--> CHALLENGE --> ExpectAuthenticate --receive--> AwaitLogon --finish(verdict)--> Established
//!       \--datagram----------/
//! ```
//!
//! [`AwaitLogon::finish`] is the only way to [`Established`] on a server, and it takes a verdict. A challenge is good for one
//! AUTHENTICATE_MESSAGE, good or bad: the state that holds it is consumed.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use crate::bindings::ChannelBindings;
use crate::config::{
    ChannelBindingsPolicy, DroppedCapabilities, ExtendedSessionSecurity, LmCompatibilityLevel, MicPolicy, OemPolicy,
    ServerConfig, ServerPolicy, TargetNamePolicy,
};
use crate::context::{ContextInfo, Established, Identity, IdentityKind, Observations, Requirements, Role};
use crate::env::{Entropy, FileTime};
use crate::error::{Error, Incompatible, OutOfSequence, Rejected};
use crate::logon::{LogonFailure, LogonSuccess, NetworkLogon};
use crate::secret::{ExportedSessionKey, KeyExchangeKey, SessionBaseKey, equal};
use crate::session::Session;
use crate::wire::{
    AuthenticateMessage, AvFlags, AvId, AvPairs, ChallengeBuilder, ChallengeMessage, Charset, Malformed,
    NegotiateFlags, NegotiateMessage, NtlmV2Response, Part, Reason, ResponseClass, UnicodeString, Version,
};

/// What belongs to one exchange of a server.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// The channel that the logon runs over.
    pub channel_bindings: Option<ChannelBindings>,
    /// What is required of the context.
    pub requirements: Requirements,
}

/// A server that has heard nothing yet.
#[derive(Debug)]
pub struct ExpectNegotiate {
    config: Arc<ServerConfig>,
    exchange: Exchange,
}

impl ExpectNegotiate {
    /// A server that waits for a client.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>, exchange: Exchange) -> Self {
        Self { config, exchange }
    }

    /// Reads the NEGOTIATE_MESSAGE and appends the CHALLENGE_MESSAGE to `out`.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for bytes that are no NEGOTIATE_MESSAGE; [`Error::Incompatible`] when the client does not offer what policy or the
    /// exchange require, or when the server is blocked; [`Error::Entropy`] when `entropy` fails. `out` is as it was then.
    pub fn receive(
        self,
        negotiate: &[u8],
        now: FileTime,
        entropy: &mut dyn Entropy,
        out: &mut Vec<u8>,
    ) -> Result<ExpectAuthenticate, Error> {
        use NegotiateFlags as F;
        if self.config.policy.server_block {
            return Err(Incompatible::Blocked.into());
        }
        let asked = NegotiateMessage::parse(negotiate)?.flags;
        let policy = &self.config.policy;
        let charset = if asked.contains(F::UNICODE) {
            F::UNICODE
        } else if !asked.contains(F::OEM) {
            return Err(Incompatible::NoCharset.into());
        } else if policy.oem == OemPolicy::Refuse {
            return Err(Incompatible::OemRefused.into());
        } else {
            F::OEM
        };
        let copied = asked & (F::SIGN | F::SEAL | F::IDENTIFY | F::N128 | F::N56 | F::EXTENDED_SESSIONSECURITY);
        let protected = asked.intersects(F::SIGN | F::SEAL);
        let lm_key = asked.contains(F::LM_KEY)
            && !asked.contains(F::EXTENDED_SESSIONSECURITY)
            && policy.lm_compatibility_level() < LmCompatibilityLevel::Level4;
        let flags = (charset | copied)
            .with_if(protected, F::SIGN)
            // Never without something to protect: then the key would be the exchange key in the clear with some clients.
            .with_if(protected && asked.contains(F::KEY_EXCH), F::KEY_EXCH)
            .with_if(lm_key, F::LM_KEY);
        self.require(flags)?;
        self.challenge(negotiate, flags, now, entropy, out)
    }

    /// Begins a connectionless exchange, in which the server speaks first (MS-NLMP 1.3.1.4): appends the CHALLENGE_MESSAGE to `out`.
    ///
    /// # Errors
    ///
    /// [`Incompatible::DatagramDisabled`] unless policy allows it; as for [`receive`](Self::receive) otherwise.
    pub fn datagram(
        self,
        now: FileTime,
        entropy: &mut dyn Entropy,
        out: &mut Vec<u8>,
    ) -> Result<ExpectAuthenticate, Error> {
        use NegotiateFlags as F;
        if self.config.policy.server_block {
            return Err(Incompatible::Blocked.into());
        }
        if !self.config.policy.allow_datagram {
            return Err(Incompatible::DatagramDisabled.into());
        }
        let flags =
            F::UNICODE | F::SIGN | F::SEAL | F::DATAGRAM | F::EXTENDED_SESSIONSECURITY | F::KEY_EXCH | F::N128 | F::N56;
        self.challenge(&[], flags, now, entropy, out)
    }

    /// Fails when `flags` lack what policy or the exchange require.
    fn require(&self, flags: NegotiateFlags) -> Result<(), Error> {
        let missing = required_flags(&self.config.policy, self.exchange.requirements, flags).without(flags);
        if missing.is_empty() { Ok(()) } else { Err(Incompatible::MissingFlags(missing).into()) }
    }

    fn challenge(
        self,
        negotiate: &[u8],
        flags: NegotiateFlags,
        now: FileTime,
        entropy: &mut dyn Entropy,
        out: &mut Vec<u8>,
    ) -> Result<ExpectAuthenticate, Error> {
        use NegotiateFlags as F;
        let config = self.config;
        let flags = flags
            | F::REQUEST_TARGET
            | F::NTLM
            | F::ALWAYS_SIGN
            | F::TARGET_INFO
            | config.names().target_type().with_if(config.version.is_some(), F::VERSION);
        let mut server_challenge = [0; 8];
        entropy.fill(&mut server_challenge)?;
        let mut target_info = config.target_info();
        target_info.push(AvId::TIMESTAMP, &now.to_bytes());

        // NEGOTIATE and CHALLENGE as they are on the wire, in one piece: the MIC covers them.
        let mut messages = negotiate.to_vec();
        let start = out.len();
        ChallengeBuilder {
            flags,
            target_name: config.target_name(charset_of(flags)),
            server_challenge,
            target_info: &target_info.finish(),
            version: config.version,
        }
        .write(out);
        let challenge = out.get(start..).unwrap_or(&[]);
        messages.reserve_exact(challenge.len());
        messages.extend(challenge);
        if let Some(guard) = &config.reflection_guard {
            guard.issued(server_challenge);
        }
        Ok(ExpectAuthenticate(Issued {
            config,
            exchange: self.exchange,
            messages,
            negotiate_length: negotiate.len(),
            flags,
            server_challenge,
            at: now,
        }))
    }
}

/// What policy and the application require of the flags, given what would be in force.
fn required_flags(policy: &ServerPolicy, requirements: Requirements, flags: NegotiateFlags) -> NegotiateFlags {
    use NegotiateFlags as F;
    let required = requirements.required_flags();
    let protected = (flags | required).intersects(F::SIGN | F::SEAL);
    let ess = match policy.extended_session_security {
        ExtendedSessionSecurity::Always => true,
        ExtendedSessionSecurity::WithProtection => protected,
        ExtendedSessionSecurity::DangerousNever => false,
    };
    required.with_if(ess, F::EXTENDED_SESSIONSECURITY).with_if(policy.require_128 && protected, F::N128)
}

fn charset_of(flags: NegotiateFlags) -> Charset {
    if flags.contains(NegotiateFlags::UNICODE) { Charset::Unicode } else { Charset::Oem }
}

/// A challenge that was issued and waits for its one answer.
#[derive(Debug)]
struct Issued {
    config: Arc<ServerConfig>,
    exchange: Exchange,
    messages: Vec<u8>,
    negotiate_length: usize,
    flags: NegotiateFlags,
    server_challenge: [u8; 8],
    at: FileTime,
}

impl Issued {
    fn challenge(&self) -> &[u8] {
        self.messages.get(self.negotiate_length..).unwrap_or(&[])
    }
}

impl Drop for Issued {
    fn drop(&mut self) {
        if let Some(guard) = &self.config.reflection_guard {
            guard.done(self.server_challenge);
        }
    }
}

/// A server that waits for the AUTHENTICATE_MESSAGE.
#[derive(Debug)]
pub struct ExpectAuthenticate(Issued);

impl ExpectAuthenticate {
    /// The challenge that was sent.
    #[must_use]
    pub fn server_challenge(&self) -> [u8; 8] {
        self.0.server_challenge
    }

    /// Reads the AUTHENTICATE_MESSAGE. Whatever comes of it, the challenge is used up.
    ///
    /// Nothing is proven yet: the logon must now be decided by somebody who knows accounts.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for bytes that are no AUTHENTICATE_MESSAGE; [`Error::Incompatible`] when its flags are not those of the challenge, or lack
    /// what is required; [`Rejected::ChallengeExpired`] when it comes too late; [`Rejected::ResponseClass`] when policy does not accept its kind of
    /// response.
    pub fn receive(self, authenticate: &[u8], now: FileTime) -> Result<AwaitLogon, Error> {
        let Self(issued) = self;
        let policy = &issued.config.policy;
        if policy.server_block {
            return Err(Incompatible::Blocked.into());
        }
        let message = AuthenticateMessage::parse(authenticate)?;
        let (flags, dropped) = agree(&issued, &message)?;
        let age = now.abs_diff(issued.at);
        if age > policy.challenge_lifetime {
            return Err(Rejected::ChallengeExpired { age, allowed: policy.challenge_lifetime }.into());
        }

        let ess = flags.contains(NegotiateFlags::EXTENDED_SESSIONSECURITY);
        let class = ResponseClass::of(message.user_name, message.lm_response, message.nt_response, ess);
        let Some(class) = class else {
            return Err(wrong_response(&message).into());
        };
        if !accepts_class(policy, class) {
            return Err(Rejected::ResponseClass(class).into());
        }
        let encrypted_key = encrypted_key(&message, flags)?;
        let v2 = match class {
            ResponseClass::NtlmV2 => {
                let response = NtlmV2Response::parse(message.nt_response, message.nt_response_offset())?;
                if response.av_pairs.flags().unwrap_or_default().contains(AvFlags::MIC_PROVIDED)
                    && message.mic.is_none()
                {
                    // The flag is protected by the response, so somebody took the field out.
                    let error =
                        Malformed { part: Part::Authenticate, field: "MIC", offset: 72, reason: Reason::Missing };
                    return Err(error.into());
                }
                true
            }
            _ => false,
        };

        let charset = message.charset();
        let name = |bytes| UnicodeString::decode(bytes, charset);
        let (user, domain, workstation) =
            (name(message.user_name), name(message.domain_name), name(message.workstation));
        let ascii = [&user, &domain, &workstation].iter().all(|name| name.is_ascii());
        let oem = charset == Charset::Oem;
        let range = |fields: crate::wire::Descriptor, bytes: &[u8]| -> Range<usize> {
            let start = fields.offset as usize;
            start..start + bytes.len()
        };
        let [lm_fields, nt_fields, ..] = message.fields;
        let logon = NetworkLogon {
            user,
            domain,
            workstation,
            class,
            flags,
            server_challenge: issued.server_challenge,
            nt_response: range(nt_fields, message.nt_response),
            lm_response: range(lm_fields, message.lm_response),
            authenticate: authenticate.to_vec(),
            nil_domain_retry: policy.nil_domain_retry,
            server: Arc::clone(&issued.config),
        };
        let observations = Observations {
            oem,
            oem_not_ascii: oem && !ascii,
            capabilities_dropped: dropped,
            weak_response: !v2 && class != ResponseClass::Anonymous,
            ..Observations::default()
        };
        Ok(AwaitLogon {
            encrypted_key,
            mic_offset: message.mic_offset,
            mic: message.mic,
            version: message.version.filter(|_| flags.contains(NegotiateFlags::VERSION)),
            received: now,
            logon,
            observations,
            issued,
        })
    }
}

/// The flags in force, and the protection that the client dropped. Fails when the client changed what was settled, or dropped what is required.
fn agree(issued: &Issued, message: &AuthenticateMessage<'_>) -> Result<(NegotiateFlags, NegotiateFlags), Error> {
    use NegotiateFlags as F;
    let policy = &issued.config.policy;
    let offered = issued.flags;
    let sent = message.flags.ok_or(Incompatible::NoFlags)?;
    let mut changed = (sent.0 ^ offered.0) & (F::EXTENDED_SESSIONSECURITY | F::LM_KEY | F::DATAGRAM | F::UNICODE).0;
    changed |= sent.without(offered).0 & F::KEY_EXCH.0;
    if changed != 0 {
        return Err(Incompatible::FlagsChanged(NegotiateFlags(changed)).into());
    }
    // Bits that some clients set whether they were offered or not count for nothing.
    let settled = F::SIGN | F::SEAL | F::N128 | F::N56 | F::KEY_EXCH | F::EXTENDED_SESSIONSECURITY | F::LM_KEY;
    let others = F::UNICODE | F::OEM | F::DATAGRAM | F::IDENTIFY | F::VERSION | F::TARGET_INFO;
    let mut flags = offered & sent & (settled | others | F::REQUEST_TARGET | F::NTLM | F::ALWAYS_SIGN);
    if flags.contains(F::SEAL) {
        flags |= F::SIGN & offered;
    }
    let dropped = (offered & (F::SIGN | F::SEAL | F::KEY_EXCH)).without(flags);
    if flags.contains(F::DATAGRAM) && !flags.contains(F::KEY_EXCH) {
        return Err(Incompatible::MissingFlags(F::KEY_EXCH).into());
    }
    let missing = required_flags(policy, issued.exchange.requirements, flags).without(flags);
    if !missing.is_empty() {
        return Err(Incompatible::MissingFlags(missing).into());
    }
    if !dropped.is_empty() && policy.dropped_capabilities == DroppedCapabilities::Refuse {
        return Err(Incompatible::CapabilityDropped(dropped).into());
    }
    Ok((flags, dropped))
}

fn accepts_class(policy: &ServerPolicy, class: ResponseClass) -> bool {
    let level = policy.lm_compatibility_level();
    match class {
        ResponseClass::Anonymous => policy.allow_anonymous,
        ResponseClass::LmOnly => level < LmCompatibilityLevel::Level4,
        ResponseClass::NtlmV1 | ResponseClass::NtlmV1Ess => level < LmCompatibilityLevel::Level5,
        ResponseClass::NtlmV2 => true,
    }
}

/// Responses that are none of the known kinds.
fn wrong_response(message: &AuthenticateMessage<'_>) -> Malformed {
    let [lm, nt, _, user, ..] = message.fields;
    let error =
        |field, offset: u32, reason| Malformed { part: Part::Authenticate, field, offset: offset as usize, reason };
    let length = message.nt_response.len();
    match (message.user_name.is_empty(), length) {
        (true, _) => error("UserName", user.offset, Reason::Missing),
        (false, 0) if message.lm_response.is_empty() => error("NtChallengeResponse", nt.offset, Reason::Missing),
        (false, 0 | 24) => {
            let reason = Reason::WrongLength { expected: 24, found: message.lm_response.len() };
            error("LmChallengeResponse", lm.offset, reason)
        }
        (false, found) => {
            let expected = if found < 24 { 24 } else { ResponseClass::NTLMV2_MINIMUM };
            error("NtChallengeResponse", nt.offset, Reason::WrongLength { expected, found })
        }
    }
}

/// EncryptedRandomSessionKey: 16 bytes when keys are exchanged, ignored when not.
fn encrypted_key(message: &AuthenticateMessage<'_>, flags: NegotiateFlags) -> Result<Option<[u8; 16]>, Malformed> {
    if !flags.contains(NegotiateFlags::KEY_EXCH) {
        return Ok(None);
    }
    let [.., fields] = message.fields;
    let found = message.encrypted_random_session_key;
    found.try_into().map(Some).map_err(|_| Malformed {
        part: Part::Authenticate,
        field: "EncryptedRandomSessionKey",
        offset: fields.offset as usize,
        reason: Reason::WrongLength { expected: 16, found: found.len() },
    })
}

/// A server that has everything and needs a verdict.
#[derive(Debug)]
#[must_use = "the exchange stops here until it is finished"]
pub struct AwaitLogon {
    issued: Issued,
    logon: NetworkLogon,
    encrypted_key: Option<[u8; 16]>,
    mic_offset: Option<usize>,
    mic: Option<[u8; 16]>,
    version: Option<Version>,
    received: FileTime,
    observations: Observations,
}

impl AwaitLogon {
    /// The question: whom the client says it is, and what it offers as proof. Ask whom you like, how you like.
    #[must_use]
    pub fn logon(&self) -> &NetworkLogon {
        &self.logon
    }

    /// Takes the verdict and, when it is a yes, checks everything that hangs on the session key: MIC, echo of the challenge's AV pairs, clock, channel
    /// bindings, target name. All checks are made whatever the verdict and whatever the others give, so that the time taken says nothing; the
    /// first that failed is reported.
    ///
    /// # Errors
    ///
    /// [`Error::Logon`] with the verdict's failure, or when the verdict is "guest" or "anonymous" and policy does not allow it;
    /// [`Error::Rejected`] with the check that failed; [`OutOfSequence::ForeignVerdict`] for a verdict about another logon;
    /// [`Incompatible::NoSessionSecurity`] when protection is required and the client is anonymous or guest.
    pub fn finish(self, verdict: Result<LogonSuccess, LogonFailure>) -> Result<Established, Error> {
        // A denied logon goes through the same checks with a key of zeros, whose outcome is thrown away.
        let zeros = || SessionBaseKey::from_authority([0; 16]);
        let (denied, success) = match verdict {
            Ok(success) => (self.refuses(&success), success),
            Err(failure) => (Some(failure.into()), LogonSuccess::new(&self.logon, IdentityKind::User, zeros(), None)),
        };
        let kind = success.kind;
        let (key, mic) = self.session_key(&success);
        let mut observations = Observations { nil_domain: success.nil_domain, ..self.observations };
        let checked = self.check_response(kind, mic, &mut observations);
        if let Some(error) = denied {
            return Err(error);
        }
        let (target_name, channel_bindings) = checked?;
        if kind != IdentityKind::User && !self.issued.exchange.requirements.required_flags().is_empty() {
            return Err(Incompatible::NoSessionSecurity.into());
        }

        let flags = self.logon.flags;
        let revision = self.version.map_or(0, |version| version.ntlm_revision);
        let session = Session::new(Role::Server, flags, revision, kind, &key);
        let NetworkLogon { user, domain, workstation, class, .. } = self.logon;
        let info = ContextInfo {
            role: Role::Server,
            flags,
            identity: Identity { kind, user, domain, workstation, account: success.account },
            response_class: class,
            target_name,
            channel_bindings,
            mic: mic == MicCheck::Right,
            peer_version: self.version,
            established_at: self.received,
            observations,
            key,
        };
        Ok(Established { info, session })
    }

    /// Why a yes is not accepted.
    fn refuses(&self, success: &LogonSuccess) -> Option<Error> {
        let policy = &self.issued.config.policy;
        if success.server_challenge != self.issued.server_challenge {
            return Some(OutOfSequence::ForeignVerdict.into());
        }
        let anonymous = self.logon.class == ResponseClass::Anonymous;
        let allowed = match success.kind {
            IdentityKind::User => !anonymous,
            IdentityKind::Guest => policy.allow_guest && !anonymous,
            IdentityKind::Anonymous => policy.allow_anonymous && anonymous,
        };
        if !allowed {
            return Some(LogonFailure::LOGON_FAILURE.into());
        }
        // An authority that returns no key has not seen the password: whatever is signed with zeros is signed by everybody.
        if success.kind == IdentityKind::User && success.key.is_zero() {
            return Some(LogonFailure::LOGON_FAILURE.into());
        }
        None
    }

    /// ExportedSessionKey (MS-NLMP 3.2.5.1.2), and what the MIC says about it.
    fn session_key(&self, success: &LogonSuccess) -> (ExportedSessionKey, MicCheck) {
        let flags = self.logon.flags;
        let key = match (success.kind, self.logon.class) {
            (IdentityKind::Guest | IdentityKind::Anonymous, _) => KeyExchangeKey::anonymous(),
            (IdentityKind::User, ResponseClass::NtlmV2) => success.key.key_exchange_key_v2(),
            (IdentityKind::User, _) => success.key.key_exchange_key_v1(
                flags,
                self.logon.server_challenge,
                self.logon.lm_response(),
                success.lm_key.as_ref(),
            ),
        };
        let protected = flags.intersects(NegotiateFlags::SIGN | NegotiateFlags::SEAL | NegotiateFlags::DATAGRAM);
        let with_mic = |key: ExportedSessionKey| {
            let mic = self.check_mic(&key);
            (key, mic)
        };
        match self.encrypted_key {
            None => with_mic(key.exported_session_key()),
            Some(encrypted) if protected => with_mic(key.decrypt(encrypted)),
            // A key exchange without anything to protect: the specification says that the key is not exchanged, most implementations
            // exchange it. The MIC decides, where there is one.
            Some(encrypted) => match with_mic(key.exported_session_key()) {
                (_, MicCheck::Wrong) => with_mic(key.decrypt(encrypted)),
                plain => plain,
            },
        }
    }

    fn check_mic(&self, key: &ExportedSessionKey) -> MicCheck {
        let claimed = self
            .response()
            .and_then(|response| response.av_pairs.flags())
            .is_some_and(|flags| flags.contains(AvFlags::MIC_PROVIDED));
        match (claimed, self.mic, self.mic_offset) {
            (true, Some(mic), Some(offset)) => {
                // `messages` is NEGOTIATE and CHALLENGE in one piece.
                let computed = key.mic(&self.issued.messages, &[], &self.logon.authenticate, offset);
                if equal(&computed, &mic) { MicCheck::Right } else { MicCheck::Wrong }
            }
            (true, ..) => MicCheck::Wrong,
            (false, ..) => MicCheck::NotClaimed,
        }
    }

    fn response(&self) -> Option<NtlmV2Response<'_>> {
        match self.logon.class {
            ResponseClass::NtlmV2 => NtlmV2Response::parse(self.logon.nt_response(), 0).ok(),
            _ => None,
        }
    }

    /// The checks that only the key holder's response can pass. Gives the target name and the channel bindings that the client sent.
    fn check_response(
        &self,
        kind: IdentityKind,
        mic: MicCheck,
        observations: &mut Observations,
    ) -> Result<(Option<UnicodeString>, Option<[u8; 16]>), Error> {
        let response = self.response();
        let pairs = response.as_ref().map(|response| response.av_pairs);
        let policy = &self.issued.config.policy;
        let mut first = Ok(());
        let mut note = |outcome: Result<(), Rejected>| {
            if first.is_ok() {
                first = outcome;
            }
        };
        if kind == IdentityKind::User {
            note(accept_mic(policy, mic, pairs.is_some(), observations));
        }
        if let Some(response) = &response {
            note(self.check_time(response));
        }
        let bindings = pairs.and_then(|pairs| pairs.channel_bindings()).filter(|bindings| *bindings != [0; 16]);
        let own =
            self.issued.exchange.channel_bindings.as_ref().filter(|own| !own.is_empty()).map(ChannelBindings::hash);
        note(check_bindings(policy.channel_bindings, own, bindings, observations));
        let target_name = pairs.and_then(|pairs| target_name(&pairs));
        note(check_target_name(&policy.target_name, target_name.as_ref(), observations));
        if let Some(pairs) = pairs {
            note(self.check_echo(&pairs, observations));
        }
        first?;
        Ok((target_name, bindings))
    }

    fn check_time(&self, response: &NtlmV2Response<'_>) -> Result<(), Rejected> {
        let allowed = self.issued.config.policy.max_lifetime;
        let difference = response.time_stamp.abs_diff(self.received);
        if difference > allowed { Err(Rejected::TimeStamp { difference, allowed }) } else { Ok(()) }
    }

    /// The response carries the AV pairs that our challenge carried. NTProofStr protects them, so a difference means that somebody changed the
    /// challenge, or that the response was made for another server's.
    fn check_echo(&self, pairs: &AvPairs<'_>, observations: &mut Observations) -> Result<(), Rejected> {
        const ECHOED: [AvId; 6] = [
            AvId::NB_COMPUTER_NAME,
            AvId::NB_DOMAIN_NAME,
            AvId::DNS_COMPUTER_NAME,
            AvId::DNS_DOMAIN_NAME,
            AvId::DNS_TREE_NAME,
            AvId::TIMESTAMP,
        ];
        let policy = &self.issued.config.policy;
        let ours = ChallengeMessage::parse(self.issued.challenge()).ok().and_then(|challenge| challenge.target_info);
        let ours = ours.ok_or(Rejected::TargetInfoChanged(AvId::EOL))?;
        let changed = ECHOED.into_iter().find(|&id| ours.get(id) != pairs.get(id));
        let empty = pairs.iter().next().is_none();
        observations.target_info_missing = changed.is_some();
        match changed {
            Some(_) if empty && policy.legacy_target_info => Ok(()),
            Some(id) if policy.echo_check => Err(Rejected::TargetInfoChanged(id)),
            _ => Ok(()),
        }
    }
}

/// What the MIC of an AUTHENTICATE_MESSAGE says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MicCheck {
    /// The client does not claim to have sent one.
    NotClaimed,
    Right,
    Wrong,
}

fn accept_mic(
    policy: &ServerPolicy,
    mic: MicCheck,
    ntlmv2: bool,
    observations: &mut Observations,
) -> Result<(), Rejected> {
    match (mic, policy.mic) {
        (MicCheck::Right, _) => Ok(()),
        (MicCheck::Wrong, _) => Err(Rejected::MicWrong),
        // Every challenge of ours carries a timestamp. NTLMv1 has no place for a MIC; its level is a policy of its own.
        (MicCheck::NotClaimed, MicPolicy::RequireIfTimestampSent) if ntlmv2 => Err(Rejected::MicMissing),
        (MicCheck::NotClaimed, MicPolicy::RequireIfTimestampSent | MicPolicy::IfClaimed) => {
            observations.mic_missing = true;
            Ok(())
        }
    }
}

fn check_bindings(
    policy: ChannelBindingsPolicy,
    ours: Option<[u8; 16]>,
    theirs: Option<[u8; 16]>,
    observations: &mut Observations,
) -> Result<(), Rejected> {
    match (policy, ours, theirs) {
        (ChannelBindingsPolicy::Off, ..) => Ok(()),
        (_, Some(ours), Some(theirs)) => {
            if equal(&ours, &theirs) {
                Ok(())
            } else {
                Err(Rejected::BindingsWrong)
            }
        }
        (_, None, Some(_)) => Ok(()),
        (ChannelBindingsPolicy::Always, _, None) => Err(Rejected::BindingsMissing),
        (ChannelBindingsPolicy::WhenSupplied, ours, None) => {
            observations.bindings_missing = ours.is_some();
            Ok(())
        }
    }
}

fn check_target_name(
    policy: &TargetNamePolicy,
    name: Option<&UnicodeString>,
    observations: &mut Observations,
) -> Result<(), Rejected> {
    match (policy, name) {
        (TargetNamePolicy::Ignore, _) => Ok(()),
        (TargetNamePolicy::VerifyWhenSupplied(targets) | TargetNamePolicy::Require(targets), Some(name)) => {
            if targets.accepts(name) { Ok(()) } else { Err(Rejected::TargetNameWrong) }
        }
        (TargetNamePolicy::VerifyWhenSupplied(_), None) => {
            observations.target_name_missing = true;
            Ok(())
        }
        (TargetNamePolicy::Require(_), None) => Err(Rejected::TargetNameMissing),
    }
}

/// ClientSuppliedTargetName: not empty, and not from a source that the client itself does not trust.
fn target_name(pairs: &AvPairs<'_>) -> Option<UnicodeString> {
    let untrusted = pairs.flags().unwrap_or_default().contains(AvFlags::UNTRUSTED_TARGET_NAME);
    pairs.text(AvId::TARGET_NAME).filter(|name| !untrusted && !name.is_empty())
}
