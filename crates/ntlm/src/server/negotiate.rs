//! The first state: waits for the NEGOTIATE_MESSAGE and answers it (MS-NLMP 3.2.5.1.1).

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Exchange, ExpectAuthenticate, Issued, required_flags};
use crate::config::{LmCompatibilityLevel, OemPolicy, ServerConfig};
use crate::env::{Entropy, FileTime};
use crate::error::{Error, Incompatible};
use crate::wire::{ChallengeBuilder, Charset, NegotiateFlags, NegotiateMessage};

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
        let start = out.len();
        ChallengeBuilder {
            flags,
            target_name: config.target_name(Charset::of(flags)),
            server_challenge,
            target_info: config.target_info(),
            version: config.version,
        }
        .write(out);
        // TargetInfo is the end of it.
        let timestamp = out.len().saturating_sub(ServerConfig::TIMESTAMP_BEFORE_END);
        let field = out.get_mut(timestamp..).unwrap_or_default();
        field.iter_mut().zip(now.to_bytes()).for_each(|(to, from)| *to = from);
        let challenge = out.get(start..).unwrap_or(&[]);
        // NEGOTIATE and CHALLENGE as they are on the wire, in one piece: the MIC covers them. TargetInfo is the end of ours.
        let mut messages = Vec::with_capacity(negotiate.len() + challenge.len());
        messages.extend_from_slice(negotiate);
        messages.extend_from_slice(challenge);
        let target_info = messages.len().saturating_sub(config.target_info().len())..messages.len();
        if let Some(guard) = &config.reflection_guard {
            guard.issued(server_challenge);
        }
        Ok(ExpectAuthenticate(Issued {
            config,
            exchange: self.exchange,
            messages,
            target_info,
            flags,
            server_challenge,
            at: now,
        }))
    }
}
