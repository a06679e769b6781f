//! The last state: waits for a verdict, and checks everything that hangs on the session key (MS-NLMP 3.2.5.1.2).

use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::Ordering;

use super::Issued;
use super::checks::{MicCheck, accept_mic, check_bindings, check_target_name, target_name};
use crate::bindings::ChannelBindings;
use crate::context::{Identity, IdentityKind, Observations, Role};
use crate::env::FileTime;
use crate::error::{Error, Incompatible, OutOfSequence, Rejected};
use crate::established::{ContextInfo, Established};
use crate::logon::{LogonFailure, LogonSuccess, NetworkLogon};
use crate::secret::{ExportedSessionKey, KeyExchangeKey, SessionBaseKey, equal};
use crate::session::Session;
use crate::wire::{AvId, AvPairs, NegotiateFlags, NtlmV2Response, ResponseClass, UnicodeString, Version};

/// A server that has everything and needs a verdict.
#[must_use = "the exchange stops here until it is finished"]
pub struct AwaitLogon {
    pub(super) issued: Issued,
    pub(super) logon: NetworkLogon,
    /// Whether the response says that a MIC was sent.
    pub(super) claims_mic: bool,
    pub(super) mic_offset: Option<usize>,
    pub(super) mic: Option<[u8; 16]>,
    pub(super) version: Option<Version>,
    pub(super) received: FileTime,
    pub(super) observations: Observations,
}

impl fmt::Debug for AwaitLogon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwaitLogon").field("logon", &self.logon).finish_non_exhaustive()
    }
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
        self.finish_keeping(verdict, &mut Vec::new())
    }

    /// As [`finish`](Self::finish), for who wants to have NEGOTIATE_MESSAGE and CHALLENGE_MESSAGE afterwards: when the context stands, `messages` are both as
    /// they were on the wire, one behind the other; of a connectionless exchange, the latter alone.
    ///
    /// # Errors
    ///
    /// As for [`finish`](Self::finish).
    pub fn finish_keeping(
        mut self,
        verdict: Result<LogonSuccess, LogonFailure>,
        messages: &mut Vec<u8>,
    ) -> Result<Established, Error> {
        // A denied logon goes through the same checks with a key of zeros, whose outcome is thrown away.
        let zeros = || SessionBaseKey::from_authority([0; 16]);
        let (denied, success) = match verdict {
            Ok(success) => (self.refuses(&success), success),
            Err(failure) => (Some(failure.into()), LogonSuccess::new(&self.logon, IdentityKind::User, zeros(), None)),
        };
        let kind = success.kind;
        let (key, mic) = self.session_key(&success, denied.is_some());
        let mut observations = Observations { nil_domain: success.nil_domain, ..self.observations };
        let checked = self.check_response(kind, mic, &mut observations);
        if let Some(error) = denied {
            return Err(error);
        }
        // Of a guest nothing was verified: its key is one that everybody knows.
        let verified = kind == IdentityKind::User;
        let (target_name, channel_bindings) = checked.map(|said| if verified { said } else { (None, None) })?;
        let lm_key = self.logon.flags.contains(NegotiateFlags::LM_KEY) && self.logon.class != ResponseClass::NtlmV2;
        if verified && lm_key && success.lm_key.is_none() {
            return Err(Incompatible::NoLmKey.into());
        }
        if kind != IdentityKind::User && !self.issued.exchange.requirements.required_flags().is_empty() {
            return Err(Incompatible::NoSessionSecurity.into());
        }

        *messages = core::mem::take(&mut self.issued.messages);
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
            mic: verified && mic == MicCheck::Right,
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
            IdentityKind::Anonymous => (policy.allow_anonymous || self.issued.exchange.allow_anonymous) && anonymous,
        };
        if !allowed {
            return Some(LogonFailure::LOGON_FAILURE.into());
        }
        // LMv2 alone cannot be told from LM by whoever did not compute it, and carries no protection at all.
        if self.logon.class == ResponseClass::LmOnly && !success.checked {
            return Some(LogonFailure::LOGON_FAILURE.into());
        }
        // An authority that returns no key has not seen the password: whatever is signed with zeros is signed by everybody.
        if success.kind == IdentityKind::User && success.key.is_zero() {
            return Some(LogonFailure::LOGON_FAILURE.into());
        }
        None
    }

    /// ExportedSessionKey (MS-NLMP 3.2.5.1.2), and what the MIC says about it.
    fn session_key(&self, success: &LogonSuccess, denied: bool) -> (ExportedSessionKey, MicCheck) {
        let flags = self.logon.flags;
        let key = match (success.kind, self.logon.class) {
            (IdentityKind::Guest | IdentityKind::Anonymous, _) => KeyExchangeKey::anonymous(),
            (IdentityKind::User, ResponseClass::NtlmV2) => success.key.key_exchange_key_v2(),
            (IdentityKind::User, _) => success.key.key_exchange_key_v1(
                flags,
                self.logon.server_challenge,
                self.logon.raw_lm_response(),
                success.lm_key.as_ref(),
            ),
        };
        let with_mic = |key: ExportedSessionKey| {
            let mic = self.check_mic(&key);
            (key, mic)
        };
        if let Some(exported) = success.exported.as_ref().filter(|_| !denied) {
            return with_mic(ExportedSessionKey::duplicate(exported));
        }
        if denied && self.logon.decrypted.load(Ordering::Relaxed) {
            return with_mic(key.exported_session_key());
        }
        match (self.logon.encrypted_key, self.logon.exchanged_key()) {
            (None, _) => with_mic(key.exported_session_key()),
            (_, Some(encrypted)) => with_mic(key.decrypt(encrypted)),
            // A key exchange without anything to protect: the specification says that the key is not exchanged, most implementations
            // exchange it. The MIC decides, where there is one.
            (Some(encrypted), None) => match with_mic(key.exported_session_key()) {
                (_, MicCheck::Wrong) => with_mic(key.decrypt(encrypted)),
                plain => plain,
            },
        }
    }

    fn check_mic(&self, key: &ExportedSessionKey) -> MicCheck {
        match (self.claims_mic, self.mic, self.mic_offset) {
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
        note(check_bindings(
            self.issued.exchange.channel_bindings_policy.unwrap_or(policy.channel_bindings),
            own,
            bindings,
            observations,
        ));
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
        let policy = &self.issued.config.policy;
        let ours = self.issued.target_info().ok_or(Rejected::TargetInfoChanged(AvId::EOL))?;
        // In the order of the challenge, from nearly every client; in another one they are looked for one by one.
        let as_sent = echoed(&ours).eq(echoed(pairs));
        let differs = |&id: &AvId| ours.get(id) != pairs.get(id);
        let changed = if as_sent { None } else { AvId::ECHOED.into_iter().find(differs) };
        let empty = pairs.iter().next().is_none();
        observations.target_info_missing = changed.is_some();
        match changed {
            Some(_) if empty && policy.legacy_target_info => Ok(()),
            Some(id) if policy.echo_check => Err(Rejected::TargetInfoChanged(id)),
            _ => Ok(()),
        }
    }
}

/// Id and value of the pairs that a client must send back.
fn echoed<'a>(pairs: &AvPairs<'a>) -> impl Iterator<Item = (AvId, &'a [u8])> + use<'a> {
    pairs.iter().filter(|pair| AvId::ECHOED.contains(&pair.id)).map(|pair| (pair.id, pair.value))
}
