//! How a record comes to be: step by step, beside the exchange.

use std::borrow::Cow;

use ntlm::config::{ChannelBindingsPolicy, TargetNamePolicy};
use ntlm::context::{IdentityKind, Observations};
use ntlm::error::Rejected;
use ntlm::logon::NtStatus;
use ntlm::wire::{AuthenticateMessage, AvFlags, AvId, AvPairs, Charset, NegotiateFlags, NtlmV2Response, ResponseClass};
use ntlm::{
    ChannelBindings, ContextInfo, Error, FileTime, LogonFailure, LogonSuccess, NetworkLogon, UnicodeString, server,
};

use super::reason;
use super::record::{AuditRecord, BindingsCheck, Decision, MicCheck, WindowsEvent};
use crate::authority::Origin;

/// A record of a logon that is not decided yet. The module's documentation shows all its steps; each of the middle ones may be left out where a front end
/// does not know what it asks for, and the record says less then.
#[derive(Clone, Debug)]
#[must_use = "a draft is no record"]
pub struct AuditDraft {
    record: AuditRecord,
    channel: Channel,
    /// Whether the server knows the names that a client may mean.
    target_asked: bool,
    claims: Option<Claims>,
    verdict: Option<Result<IdentityKind, LogonFailure>>,
}

/// The server's side of the channel bindings.
#[derive(Clone, Debug, Default)]
struct Channel {
    has_bindings: bool,
    /// What this exchange says about them.
    exchange_policy: Option<ChannelBindingsPolicy>,
    /// What the server says about them.
    server_policy: Option<ChannelBindingsPolicy>,
}

/// What an AUTHENTICATE_MESSAGE says of itself. Nothing in it is proven.
#[derive(Clone, Debug, Default)]
struct Claims {
    mic: bool,
    channel_bindings: bool,
    oem: bool,
}

impl AuditDraft {
    /// A draft for a logon that came from `origin` over `carrier` (`HTTP`, `HTTPS`...) and is decided at `now`.
    pub fn new(origin: &Origin, carrier: impl Into<Cow<'static, str>>, now: FileTime) -> Self {
        let mut record = AuditRecord::new(now, WindowsEvent::LogonFailure, Decision::Unavailable);
        record.address = origin.address;
        record.carrier = carrier.into();
        Self { record, channel: Channel::default(), target_asked: false, claims: None, verdict: None }
    }

    /// Remembers the channel that the logon runs over. For [`ExpectAuthenticate::exchange_mut`](server::ExpectAuthenticate::exchange_mut), before it receives.
    pub fn exchange(mut self, exchange: &server::Exchange) -> Self {
        self.channel.has_bindings =
            exchange.channel_bindings.as_ref().is_some_and(|own| !ChannelBindings::is_empty(own));
        self.channel.exchange_policy = exchange.channel_bindings_policy;
        self
    }

    /// Reads what the AUTHENTICATE_MESSAGE `token` claims: who, and the client's version. Without this step a logon that is refused before it becomes a question has
    /// nobody's name in its record. Bytes that are no such message claim nothing.
    pub fn authenticate(mut self, token: &[u8]) -> Self {
        let Ok(message) = AuthenticateMessage::parse(token) else { return self };
        let charset = message.charset();
        let name = |bytes| UnicodeString::decode(bytes, charset);
        let flags = message.flags.unwrap_or_default();
        let ess = flags.contains(NegotiateFlags::EXTENDED_SESSIONSECURITY);
        let record = &mut self.record;
        record.user = name(message.user_name);
        record.domain = name(message.domain_name);
        record.workstation = name(message.workstation);
        record.client_version = message.version.filter(|_| flags.contains(NegotiateFlags::VERSION));
        let class = ResponseClass::of(message.user_name, message.lm_response, message.nt_response, ess);
        self.claim(class, message.nt_response, charset);
        self
    }

    /// Adds the question: who the client says it is, and what this server's policy asks for.
    pub fn question(mut self, logon: &NetworkLogon) -> Self {
        let policy = logon.server_policy();
        self.channel.server_policy = Some(policy.channel_bindings);
        self.target_asked = policy.target_name != TargetNamePolicy::Ignore;
        let record = &mut self.record;
        record.user = logon.user().clone();
        record.domain = logon.domain().clone();
        record.workstation = logon.workstation().clone();
        self.claim(Some(logon.response_class()), logon.nt_response(), Charset::of(logon.flags()));
        self
    }

    /// Adds the authority's verdict, before it is handed to [`AwaitLogon::finish`](server::AwaitLogon::finish).
    pub fn verdict(mut self, verdict: &Result<LogonSuccess, LogonFailure>) -> Self {
        self.verdict = Some(verdict.as_ref().map(LogonSuccess::kind).map_err(|failure| *failure));
        self.record.account = verdict.as_ref().ok().and_then(LogonSuccess::account).cloned();
        self
    }

    /// The record of a client that was let in: event 4624.
    #[must_use]
    pub fn established(self, info: &ContextInfo) -> AuditRecord {
        let identity = info.identity();
        let mic = if info.has_mic() { MicCheck::Verified } else { self.mic() };
        let channel_bindings = match (self.bindings(), info.channel_bindings()) {
            // What there was to compare with has been compared.
            (BindingsCheck::Claimed, Some(_)) if self.channel.has_bindings => BindingsCheck::Verified,
            (check, _) => check,
        };
        AuditRecord {
            event: WindowsEvent::LogonSuccess,
            decision: Decision::Accepted,
            nt_status: AuditRecord::SUCCESS,
            reason: reason::accepted(identity.kind, info.observations()),
            kind: Some(identity.kind),
            account: identity.account.clone(),
            target_name: info.target_name().cloned().or(self.record.target_name),
            response: Some(info.response_class()),
            client_version: info.peer_version(),
            mic: Some(mic),
            channel_bindings: Some(channel_bindings),
            observations: *info.observations(),
            user: identity.user.clone(),
            domain: identity.domain.clone(),
            workstation: identity.workstation.clone(),
            ..self.record
        }
    }

    /// The record of a logon that failed, at whatever step: event 4625.
    #[must_use]
    pub fn failed(self, error: &Error) -> AuditRecord {
        let observations = self.observations();
        let outcome = reason::failed(error, self.verdict, &observations);
        let (mic, bindings) = match error {
            Error::Rejected(Rejected::MicWrong) => (Some(MicCheck::Wrong), None),
            Error::Rejected(Rejected::BindingsMissing) => (None, Some(BindingsCheck::Absent)),
            Error::Rejected(Rejected::BindingsWrong) => (None, Some(BindingsCheck::Wrong)),
            _ => (None, None),
        };
        AuditRecord {
            decision: outcome.decision,
            nt_status: outcome.nt_status,
            reason: outcome.reason,
            mic: self.claims.as_ref().map(|_| mic.unwrap_or_else(|| self.mic())),
            channel_bindings: self.claims.as_ref().map(|_| bindings.unwrap_or_else(|| self.bindings())),
            observations,
            ..self.record
        }
    }

    /// The record of an attempt that was turned away before it became a logon, with `status` in the words of Windows and `reason` as a sentence for administrators: event 4625.
    #[must_use]
    pub fn turned_away(self, status: NtStatus, reason: impl Into<String>) -> AuditRecord {
        AuditRecord {
            decision: Decision::Refused,
            nt_status: status,
            reason: reason.into(),
            mic: self.claims.as_ref().map(|_| self.mic()),
            channel_bindings: self.claims.as_ref().map(|_| self.bindings()),
            observations: self.observations(),
            ..self.record
        }
    }

    /// The record of a `verdict` alone, event 4776: for authorities that do not see what becomes of it.
    #[must_use]
    pub fn validated(self, verdict: &Result<LogonSuccess, LogonFailure>) -> AuditRecord {
        let draft = self.verdict(verdict);
        let mut record = match verdict {
            Err(failure) => draft.failed(&Error::Logon(*failure)),
            Ok(success) => {
                let observations = draft.observations();
                AuditRecord {
                    decision: Decision::Accepted,
                    nt_status: AuditRecord::SUCCESS,
                    reason: reason::accepted(success.kind(), &observations),
                    kind: Some(success.kind()),
                    mic: draft.claims.as_ref().map(|_| draft.mic()),
                    channel_bindings: draft.claims.as_ref().map(|_| draft.bindings()),
                    observations,
                    ..draft.record
                }
            }
        };
        record.event = WindowsEvent::Validation;
        record
    }

    fn claim(&mut self, class: Option<ResponseClass>, nt_response: &[u8], charset: Charset) {
        let response = match class {
            Some(ResponseClass::NtlmV2) => NtlmV2Response::parse(nt_response, 0).ok(),
            _ => None,
        };
        let pairs = response.map(|response| response.av_pairs);
        let av_flags = pairs.and_then(|pairs| pairs.flags()).unwrap_or_default();
        self.record.response = class;
        self.record.target_name = pairs.and_then(|pairs: AvPairs<'_>| pairs.text(AvId::TARGET_NAME)).filter(|name| {
            // A name that the client itself does not trust is none, to the server's checks too.
            !name.is_empty() && !av_flags.contains(AvFlags::UNTRUSTED_TARGET_NAME)
        });
        self.claims = Some(Claims {
            mic: av_flags.contains(AvFlags::MIC_PROVIDED),
            channel_bindings: pairs.and_then(|pairs| pairs.channel_bindings()).is_some_and(|hash| hash != [0; 16]),
            oem: charset == Charset::Oem,
        });
    }

    /// What is known of the MIC without the session key.
    fn mic(&self) -> MicCheck {
        if self.claims.as_ref().is_some_and(|claims| claims.mic) { MicCheck::Claimed } else { MicCheck::Absent }
    }

    /// What is known of the channel bindings without the session key.
    fn bindings(&self) -> BindingsCheck {
        match self.channel.exchange_policy.or(self.channel.server_policy) {
            Some(ChannelBindingsPolicy::Off) => BindingsCheck::NotAsked,
            Some(ChannelBindingsPolicy::WhenSupplied) | None if !self.channel.has_bindings => BindingsCheck::NotAsked,
            _ if self.claims.as_ref().is_some_and(|claims| claims.channel_bindings) => BindingsCheck::Claimed,
            _ => BindingsCheck::Absent,
        }
    }

    /// What is known without the session key of what a stricter policy would have refused.
    fn observations(&self) -> Observations {
        let Some(claims) = &self.claims else { return Observations::default() };
        let class = self.record.response;
        let ascii =
            [&self.record.user, &self.record.domain, &self.record.workstation].into_iter().all(UnicodeString::is_ascii);
        Observations {
            mic_missing: class == Some(ResponseClass::NtlmV2) && !claims.mic,
            bindings_missing: self.channel.has_bindings && self.bindings() == BindingsCheck::Absent,
            target_name_missing: self.target_asked && self.record.target_name.is_none(),
            oem: claims.oem,
            oem_not_ascii: claims.oem && !ascii,
            weak_response: class
                .is_some_and(|class| !matches!(class, ResponseClass::NtlmV2 | ResponseClass::Anonymous)),
            ..Observations::default()
        }
    }
}
