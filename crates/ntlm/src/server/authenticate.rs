//! The second state: waits for the AUTHENTICATE_MESSAGE and reads it (MS-NLMP 3.2.5.1.2). Nothing is proven by what it reads.

use alloc::sync::Arc;
use core::ops::Range;
use core::sync::atomic::AtomicBool;

use super::{AwaitLogon, Exchange, Issued, required_flags};
use crate::bindings::ChannelBindings;
use crate::config::{DroppedCapabilities, LmCompatibilityLevel, ServerPolicy};
use crate::context::Observations;
use crate::env::FileTime;
use crate::error::{Error, Incompatible, Rejected};
use crate::logon::NetworkLogon;
use crate::wire::{
    AuthenticateMessage, AvFlags, Charset, Malformed, NegotiateFlags, NtlmV2Response, Part, Reason, ResponseClass,
    UnicodeString,
};

/// A server that waits for the AUTHENTICATE_MESSAGE.
#[derive(Debug)]
pub struct ExpectAuthenticate(pub(super) Issued);

impl ExpectAuthenticate {
    /// The challenge that was sent.
    #[must_use]
    pub fn server_challenge(&self) -> [u8; 8] {
        self.0.server_challenge
    }

    /// What belongs to this exchange, for what is known only when the AUTHENTICATE_MESSAGE is there.
    pub fn exchange_mut(&mut self) -> &mut Exchange {
        &mut self.0.exchange
    }

    /// Bytes that this state holds, on the heap and itself, without what it shares with others: for servers that bound the memory of half-open
    /// logons.
    #[must_use]
    pub fn memory(&self) -> usize {
        let bindings = self.0.exchange.channel_bindings.as_ref();
        size_of::<Self>() + self.0.messages.capacity() + bindings.map_or(0, ChannelBindings::heap)
    }

    /// Reads the AUTHENTICATE_MESSAGE. Whatever comes of it, the challenge is used up.
    ///
    /// Nothing is proven yet: the logon must now be decided by somebody who knows accounts.
    ///
    /// A challenge is answered once. A second answer does not compile:
    ///
    /// ```compile_fail,E0382
    /// # use ntlm::{Error, FileTime, server::ExpectAuthenticate};
    /// # fn example(waiting: ExpectAuthenticate, first: &[u8], second: &[u8], now: FileTime) -> Result<(), Error> {
    /// let question = waiting.receive(first, now)?;
    /// let another = waiting.receive(second, now)?;
    /// # Ok(()) }
    /// ```
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
        if !(accepts_class(policy, class) || class == ResponseClass::Anonymous && issued.exchange.allow_anonymous) {
            return Err(Rejected::ResponseClass(class).into());
        }
        let encrypted_key = encrypted_key(&message, flags)?;
        let v2 = class == ResponseClass::NtlmV2;
        let claims_mic = match class {
            ResponseClass::NtlmV2 => {
                let response = NtlmV2Response::parse(message.nt_response, message.nt_response_offset())?;
                let claims = response.av_pairs.flags().unwrap_or_default().contains(AvFlags::MIC_PROVIDED);
                if claims && message.mic.is_none() {
                    // The flag is protected by the response, so somebody took the field out.
                    let error =
                        Malformed { part: Part::Authenticate, field: "MIC", offset: 72, reason: Reason::Missing };
                    return Err(error.into());
                }
                claims
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
            encrypted_key,
            decrypted: AtomicBool::new(false),
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
            claims_mic,
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

#[cfg(test)]
impl ExpectAuthenticate {
    /// A server whose CHALLENGE_MESSAGE was sent by somebody else: to replay recorded exchanges.
    pub(crate) fn resumed(
        config: Arc<crate::config::ServerConfig>,
        exchange: Exchange,
        negotiate: &[u8],
        challenge: &[u8],
        at: FileTime,
    ) -> Result<Self, Error> {
        let crate::wire::ChallengeMessage { flags, server_challenge, target_info, .. } =
            crate::wire::ChallengeMessage::parse(challenge)?;
        let target_info = target_info.map_or(0..0, |pairs| {
            let start = negotiate.len() + pairs.base();
            start..start + pairs.as_bytes().len()
        });
        let messages = [negotiate, challenge].concat();
        Ok(Self(Issued { config, exchange, messages, target_info, flags, server_challenge, at }))
    }
}
