//! Every policy there is, in one place. Strict by default; each loosening is a named value whose text says what an attacker gains.
//!
//! Two ready-made policies: `strict` asks for everything that protects, and is the default here. `windows` is what a current Windows machine
//! accepts, so that real peers get in; front ends that face other people's peers start from it.
//!
//! | setting | `strict` | `windows` |
//! |---|---|---|
//! | [`LmCompatibilityLevel`] | 5 | 5 |
//! | `require_128` | yes | yes |
//! | `extended_session_security` | [`Always`](ExtendedSessionSecurity::Always) | [`WithProtection`](ExtendedSessionSecurity::WithProtection) |
//! | server `oem` | [`Refuse`](OemPolicy::Refuse) | [`Accept`](OemPolicy::Accept) |
//! | server `mic` | [`RequireIfTimestampSent`](MicPolicy::RequireIfTimestampSent) | [`IfClaimed`](MicPolicy::IfClaimed) |
//! | server `echo_check` | on | on |
//! | server `dropped_capabilities` | [`Refuse`](DroppedCapabilities::Refuse) | [`AllowUnlessRequired`](DroppedCapabilities::AllowUnlessRequired) |
//! | server `channel_bindings` | [`WhenSupplied`](ChannelBindingsPolicy::WhenSupplied) | [`WhenSupplied`](ChannelBindingsPolicy::WhenSupplied) |
//! | server `target_name` | [`VerifyWhenSupplied`](TargetNamePolicy::VerifyWhenSupplied) once names are configured | [`Ignore`](TargetNamePolicy::Ignore) |
//! | client `require_target_info` | yes | no |

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::bindings::{AcceptedTargets, split_target};
use crate::reflection::ReflectionGuard;
use crate::wire::{AvId, AvPairsBuilder, Charset, NegotiateFlags, UnicodeString, Version};

/// LmCompatibilityLevel, as in the registry of Windows: which responses a client sends and a server accepts.
///
/// Below 5 a server accepts NTLMv1, whose responses are broken within hours on rented hardware; below 3 a client sends them, so
/// that whoever can make it talk gets its password hash. Below 4 a server accepts LM, which is broken in minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum LmCompatibilityLevel {
    /// Client: LM and NTLMv1, never extended session security. Server: everything.
    Level0,
    /// Client: LM and NTLMv1, extended session security if the server has it. Server: everything.
    Level1,
    /// Client: NTLMv1, extended session security if the server has it. Server: everything.
    Level2,
    /// Client: NTLMv2. Server: everything.
    Level3,
    /// Client: NTLMv2. Server: no LM.
    Level4,
    /// Client: NTLMv2. Server: NTLMv2.
    #[default]
    Level5,
}

/// When extended session security is required (NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtendedSessionSecurity {
    /// Always.
    Always,
    /// When messages are signed or sealed. Without it, and without signing, nothing is lost but the habit.
    WithProtection,
    /// Never. Signatures are then an encrypted CRC-32 with one key for both directions: an attacker can change messages.
    DangerousNever,
}

impl ExtendedSessionSecurity {
    /// Whether a session must have it, given whether messages are `protected`: signed or sealed.
    pub(crate) fn is_required(self, protected: bool) -> bool {
        match self {
            Self::Always => true,
            Self::WithProtection => protected,
            Self::DangerousNever => false,
        }
    }
}

/// Whether names in an OEM code page are accepted from a peer that does not offer Unicode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OemPolicy {
    /// No.
    Refuse,
    /// Yes: ASCII is what it is, other bytes are read as Latin-1 and observed. Peers in other code pages fail to log on; nothing is
    /// mapped to similar letters, so no name can turn into another.
    Accept,
}

/// When a server requires a MIC over the three messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MicPolicy {
    /// From every NTLMv2 client, because every challenge of ours carries a timestamp, and such a client sends a MIC.
    RequireIfTimestampSent,
    /// Only from clients that claim one under the protection of their response. Somebody in the middle can change flags
    /// of clients that send none; signing and sealing must then be required if they matter.
    IfClaimed,
}

/// Whether an AUTHENTICATE_MESSAGE may drop signing, sealing or the key exchange that the challenge offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DroppedCapabilities {
    /// No.
    Refuse,
    /// Yes, unless the caller requires them. Somebody in the middle can switch protection off that nobody requires, for clients without MIC.
    AllowUnlessRequired,
}

/// When a server that has channel bindings requires them of the client: Extended Protection for Authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelBindingsPolicy {
    /// Bindings are not looked at. Logons can be relayed to this server.
    Off,
    /// Bindings that the client sends must be right; none are accepted. A client lured onto an unencrypted service can still be
    /// relayed: only `Always` protects.
    WhenSupplied,
    /// The client must send bindings; on a server that has them itself, the right ones.
    Always,
}

/// Whether a server checks which service the client meant (MsvAvTargetName).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetNamePolicy {
    /// Not looked at. Logons meant for other services of the account's domain can be relayed to this server.
    Ignore,
    /// A name that the client sends must be one of these; clients that send none get in.
    VerifyWhenSupplied(AcceptedTargets),
    /// The client must send a name, and it must be one of these.
    Require(AcceptedTargets),
}

/// What a client agrees to. Start from a ready-made policy and set fields:
///
/// ```
/// let mut policy = ntlm::ClientPolicy::windows();
/// policy.require_target_info = true;
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPolicy {
    lm_compatibility_level: LmCompatibilityLevel,
    answers_unasked: bool,
    /// ClientBlocked: NTLM is refused to every target that is not in `client_block_exceptions`.
    pub client_blocked: bool,
    /// ClientBlockExceptions: host names that NTLM may be used with all the same.
    pub client_block_exceptions: Vec<String>,
    /// ClientRequire128bitEncryption: refuses weaker keys when messages are signed or sealed.
    pub require_128: bool,
    /// When extended session security is required.
    pub extended_session_security: ExtendedSessionSecurity,
    /// Whether OEM is offered beside Unicode, for servers that know nothing else.
    pub oem: OemPolicy,
    /// Refuses servers that send no TargetInfo, and for signing or sealing those whose names in it are empty: under NTLMv2 it is what the MIC, the channel bindings and the target name hang
    /// on, and somebody in the middle removes it for that reason.
    pub require_target_info: bool,
    /// NoLMResponseNTLMv1: below level 2 the NTLM response is sent in the place of the LM response.
    pub no_lm_response_ntlmv1: bool,
    /// Sends a real LMv2 response where the server sends no timestamp, as MS-NLMP says; otherwise zeros. An LMv2 response can be attacked apart from the
    /// protections of NTLMv2.
    pub legacy_lmv2: bool,
    /// Refuses servers whose clock is farther away than this; `None` does not look.
    pub max_clock_difference: Option<Duration>,
}

impl ClientPolicy {
    /// Everything that protects.
    #[must_use]
    pub fn strict() -> Self {
        Self {
            lm_compatibility_level: LmCompatibilityLevel::Level5,
            answers_unasked: false,
            client_blocked: false,
            client_block_exceptions: Vec::new(),
            require_128: true,
            extended_session_security: ExtendedSessionSecurity::Always,
            oem: OemPolicy::Refuse,
            require_target_info: true,
            no_lm_response_ntlmv1: true,
            legacy_lmv2: false,
            max_clock_difference: None,
        }
    }

    /// What a current Windows client agrees to.
    #[must_use]
    pub fn windows() -> Self {
        Self {
            extended_session_security: ExtendedSessionSecurity::WithProtection,
            require_target_info: false,
            ..Self::strict()
        }
    }

    /// LmCompatibilityLevel.
    #[must_use]
    pub fn lm_compatibility_level(&self) -> LmCompatibilityLevel {
        self.lm_compatibility_level
    }

    /// Sets LmCompatibilityLevel. Below 3 the client sends NTLMv1 or LM responses to whoever asks, which give the password hash away.
    #[must_use]
    pub fn dangerous_with_lm_compatibility_level(mut self, level: LmCompatibilityLevel) -> Self {
        self.lm_compatibility_level = level;
        self
    }

    /// Whether challenges are answered to which no NEGOTIATE_MESSAGE led.
    #[must_use]
    pub fn answers_unasked(&self) -> bool {
        self.answers_unasked
    }

    /// Answers challenges to which no NEGOTIATE_MESSAGE led: those of LAN Manager servers, which come in the negotiation of another protocol. Whoever hands
    /// such a challenge over chooses the flags of the exchange alone, and no MIC ties the response to what went before.
    #[must_use]
    pub fn dangerous_answering_unasked(mut self) -> Self {
        self.answers_unasked = true;
        self
    }

    pub(crate) fn uses_ntlmv2(&self) -> bool {
        self.lm_compatibility_level >= LmCompatibilityLevel::Level3
    }

    pub(crate) fn blocks(&self, target_name: Option<&UnicodeString>) -> bool {
        let excepted = |target: &UnicodeString| {
            let (_, host) = split_target(target);
            self.client_block_exceptions.iter().any(|name| UnicodeString::from(name.as_str()).eq_ignore_case(&host))
        };
        self.client_blocked && !target_name.is_some_and(excepted)
    }
}

impl Default for ClientPolicy {
    fn default() -> Self {
        Self::strict()
    }
}

/// What a server accepts. Start from a ready-made policy and set fields:
///
/// ```
/// let mut policy = ntlm::ServerPolicy::windows();
/// policy.channel_bindings = ntlm::config::ChannelBindingsPolicy::Always;
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPolicy {
    lm_compatibility_level: LmCompatibilityLevel,
    /// ServerBlock: every logon is refused.
    pub server_block: bool,
    /// ServerRequire128bitEncryption: refuses weaker keys when messages are signed or sealed.
    pub require_128: bool,
    /// MaxLifetime: how far the time in a response may be from ours, either way.
    pub max_lifetime: Duration,
    /// How long a challenge is good for.
    pub challenge_lifetime: Duration,
    /// When extended session security is required.
    pub extended_session_security: ExtendedSessionSecurity,
    /// Whether clients without Unicode are accepted.
    pub oem: OemPolicy,
    /// When a MIC is required.
    pub mic: MicPolicy,
    /// Requires the client to carry back the TargetInfo of the challenge unchanged. Without it somebody in the middle can remove the
    /// timestamp, upon which honest clients send no MIC.
    pub echo_check: bool,
    /// Accepts responses whose AV pairs are an MsvAvEOL alone, of clients that know no TargetInfo. They are open to what `echo_check` stops.
    pub legacy_target_info: bool,
    /// Whether a client may drop protection.
    pub dropped_capabilities: DroppedCapabilities,
    /// ApplicationRequiresCBT and its milder forms.
    pub channel_bindings: ChannelBindingsPolicy,
    /// Which services the client may mean.
    pub target_name: TargetNamePolicy,
    /// Lets the authority decide on anonymous logons; otherwise they are refused unasked.
    pub allow_anonymous: bool,
    /// Accepts an authority's verdict "guest"; otherwise it is a denial.
    pub allow_guest: bool,
    /// Also tries the hash with an empty domain, which some old clients make: one more guess per logon for an attacker.
    pub nil_domain_retry: bool,
    /// Tells local authorities to look a user of an unknown domain up among the local accounts, as Windows can be made to.
    pub local_accounts_for_unknown_domain: bool,
    /// Connectionless authentication, which Windows dropped after Server 2008.
    pub allow_datagram: bool,
}

impl ServerPolicy {
    /// Everything that protects and needs to know nothing of the server. Which services a client may mean it cannot know: say the server's names with
    /// [`strict_for`](Self::strict_for), or logons meant for another service of the domain are accepted here. Channel bindings are checked where they are sent; only
    /// [`ChannelBindingsPolicy::Always`] stops clients that send none.
    #[must_use]
    pub fn strict() -> Self {
        Self {
            lm_compatibility_level: LmCompatibilityLevel::Level5,
            server_block: false,
            require_128: true,
            max_lifetime: Duration::from_secs(36 * 3600),
            challenge_lifetime: Duration::from_secs(5 * 60),
            extended_session_security: ExtendedSessionSecurity::Always,
            oem: OemPolicy::Refuse,
            mic: MicPolicy::RequireIfTimestampSent,
            echo_check: true,
            legacy_target_info: false,
            dropped_capabilities: DroppedCapabilities::Refuse,
            channel_bindings: ChannelBindingsPolicy::WhenSupplied,
            target_name: TargetNamePolicy::Ignore,
            allow_anonymous: false,
            allow_guest: false,
            nil_domain_retry: false,
            local_accounts_for_unknown_domain: false,
            allow_datagram: false,
        }
    }

    /// [`strict`](Self::strict) for a server that knows its names: a target that a client names must be one of them.
    #[must_use]
    pub fn strict_for(targets: AcceptedTargets) -> Self {
        Self { target_name: TargetNamePolicy::VerifyWhenSupplied(targets), ..Self::strict() }
    }

    /// What a current Windows server accepts.
    #[must_use]
    pub fn windows() -> Self {
        Self {
            extended_session_security: ExtendedSessionSecurity::WithProtection,
            oem: OemPolicy::Accept,
            mic: MicPolicy::IfClaimed,
            dropped_capabilities: DroppedCapabilities::AllowUnlessRequired,
            ..Self::strict()
        }
    }

    /// LmCompatibilityLevel.
    #[must_use]
    pub fn lm_compatibility_level(&self) -> LmCompatibilityLevel {
        self.lm_compatibility_level
    }

    /// Sets LmCompatibilityLevel. Below 5 the server accepts responses from which anybody on the way computes the password hash.
    #[must_use]
    pub fn dangerous_with_lm_compatibility_level(mut self, level: LmCompatibilityLevel) -> Self {
        self.lm_compatibility_level = level;
        self
    }
}

impl Default for ServerPolicy {
    fn default() -> Self {
        Self::strict()
    }
}

/// What many exchanges of a client share.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// What it agrees to.
    pub policy: ClientPolicy,
    /// VERSION to send; `None` sends none.
    pub version: Option<Version>,
    /// Workstation to send. Empty by default: it is a claim that helps nobody but accounts restricted to workstations.
    pub workstation: UnicodeString,
    /// Refuses challenges that this process issued itself, when it is a server too.
    pub reflection_guard: Option<Arc<ReflectionGuard>>,
}

impl ClientConfig {
    /// A client with `policy`.
    #[must_use]
    pub fn new(policy: ClientPolicy) -> Self {
        Self {
            policy,
            version: Some(Version::default()),
            workstation: UnicodeString::default(),
            reflection_guard: None,
        }
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self::new(ClientPolicy::strict())
    }
}

/// The names of a server, as it tells its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerNames {
    /// NetBIOS name of the computer (`SERVER1`). Not empty: clients refuse to sign without it.
    pub nb_computer: UnicodeString,
    /// NetBIOS name of the domain whose member the server is, or of the only domain of its accounts; `None` for a stand-alone server.
    pub nb_domain: Option<UnicodeString>,
    /// Fully qualified name of the computer; the NetBIOS name stands in when `None`, because some clients need one.
    pub dns_computer: Option<UnicodeString>,
    /// DNS name of the domain; the NetBIOS name stands in when `None`.
    pub dns_domain: Option<UnicodeString>,
    /// DNS name of the forest.
    pub dns_tree: Option<UnicodeString>,
}

impl ServerNames {
    /// A stand-alone server.
    #[must_use]
    pub fn standalone(nb_computer: &str) -> Self {
        Self { nb_computer: nb_computer.into(), nb_domain: None, dns_computer: None, dns_domain: None, dns_tree: None }
    }

    /// A server in a domain.
    #[must_use]
    pub fn member(nb_computer: &str, nb_domain: &str) -> Self {
        Self { nb_domain: Some(nb_domain.into()), ..Self::standalone(nb_computer) }
    }

    /// What MsvAvNbDomainName and TargetName say: the domain, or the computer where there is none.
    #[must_use]
    pub fn target_name(&self) -> &UnicodeString {
        self.nb_domain.as_ref().unwrap_or(&self.nb_computer)
    }

    /// The flag that says which of the two it is.
    pub(crate) fn target_type(&self) -> NegotiateFlags {
        match self.nb_domain {
            Some(_) => NegotiateFlags::TARGET_TYPE_DOMAIN,
            None => NegotiateFlags::TARGET_TYPE_SERVER,
        }
    }

    /// With no time in it as yet.
    fn target_info(&self) -> Vec<u8> {
        let mut pairs = AvPairsBuilder::new();
        pairs
            .push_text(AvId::NB_DOMAIN_NAME, self.target_name())
            .push_text(AvId::NB_COMPUTER_NAME, &self.nb_computer)
            .push_text(AvId::DNS_DOMAIN_NAME, self.dns_domain.as_ref().unwrap_or(self.target_name()))
            .push_text(AvId::DNS_COMPUTER_NAME, self.dns_computer.as_ref().unwrap_or(&self.nb_computer));
        if let Some(tree) = &self.dns_tree {
            pairs.push_text(AvId::DNS_TREE_NAME, tree);
        }
        pairs.push(AvId::TIMESTAMP, &[0; 8]);
        pairs.finish()
    }
}

/// What many exchanges of a server share.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    names: ServerNames,
    /// What it accepts.
    pub policy: ServerPolicy,
    /// VERSION to send; `None` sends none. Sent whether the client asks or not: some clients misplace the MIC without.
    pub version: Option<Version>,
    /// Remembers the challenges issued, so that this process' own clients do not answer them.
    pub reflection_guard: Option<Arc<ReflectionGuard>>,
    /// TargetInfo as it is in every challenge, but for the time, and TargetName in both character sets.
    target_info: Vec<u8>,
    target_name: [Vec<u8>; 2],
}

impl ServerConfig {
    /// A server with `names` and `policy`.
    #[must_use]
    pub fn new(names: ServerNames, policy: ServerPolicy) -> Self {
        let encoded = |charset| {
            let mut bytes = Vec::new();
            names.target_name().encode(charset, &mut bytes);
            bytes
        };
        Self {
            target_info: names.target_info(),
            target_name: [encoded(Charset::Unicode), encoded(Charset::Oem)],
            names,
            policy,
            version: Some(Version::default()),
            reflection_guard: None,
        }
    }

    /// The server's names.
    #[must_use]
    pub fn names(&self) -> &ServerNames {
        &self.names
    }

    /// TargetInfo of all challenges, but for the time: [`TIMESTAMP_BEFORE_END`](Self::TIMESTAMP_BEFORE_END) says where that belongs.
    pub(crate) fn target_info(&self) -> &[u8] {
        &self.target_info
    }

    /// Bytes from the value of MsvAvTimestamp to the end of TargetInfo, which follow one another: it, and MsvAvEOL.
    pub(crate) const TIMESTAMP_BEFORE_END: usize = 8 + 4;

    pub(crate) fn target_name(&self, charset: Charset) -> &[u8] {
        let [unicode, oem] = &self.target_name;
        match charset {
            Charset::Unicode => unicode,
            Charset::Oem => oem,
        }
    }
}
