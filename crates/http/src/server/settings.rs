//! What a server decides once for all its connections.

use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, WWW_AUTHENTICATE};
use ntlm::config::{ChannelBindingsPolicy, TargetNamePolicy};
use ntlm::{AcceptedTargets, FileTime, ServerNames, ServerPolicy};

use crate::environment;

/// In which place of HTTP a client is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// An origin server: 401, WWW-Authenticate, Authorization.
    #[default]
    OriginServer,
    /// A proxy: 407, Proxy-Authenticate, Proxy-Authorization.
    Proxy,
}

impl Endpoint {
    /// The status that asks.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::OriginServer => StatusCode::UNAUTHORIZED,
            Self::Proxy => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        }
    }

    /// The header that asks.
    #[must_use]
    pub const fn challenge_header(self) -> HeaderName {
        match self {
            Self::OriginServer => WWW_AUTHENTICATE,
            Self::Proxy => PROXY_AUTHENTICATE,
        }
    }

    /// The header that answers.
    #[must_use]
    pub const fn credentials_header(self) -> HeaderName {
        match self {
            Self::OriginServer => AUTHORIZATION,
            Self::Proxy => PROXY_AUTHORIZATION,
        }
    }
}

/// Extended Protection for Authentication: what ties a logon to the channel and to the service that the client meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ExtendedProtection {
    /// Nothing is looked at. Logons made for other services can be relayed to this server.
    Off,
    /// What the client sends must be right: channel bindings over TLS, and the target name. Clients that send neither get in, and whoever relays a logon of
    /// theirs with them.
    #[default]
    WhenSupported,
    /// Over TLS the client must send the right channel bindings; without TLS, where there are none, it must name the target.
    Required,
}

/// How much a server bears.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Half-open logons over all connections: those with a challenge that was not answered yet. Above it a new one gets 503.
    pub half_open_logons: usize,
    /// The share of them that one address may have, of IPv6 one /64: so that it cannot keep everybody else out. Above it a new one gets 503.
    pub half_open_logons_per_address: usize,
    /// Bytes that half-open logons hold together. Above it a new one gets 503.
    pub half_open_bytes: usize,
    /// How long a half-open logon lasts. A client answers a challenge at once, or it was not going to.
    pub half_open_lifetime: Duration,
    /// Failed logons in a row after which a connection is closed.
    pub failures: u32,
    /// Bytes of a request's body that are read and thrown away so that the connection can go on, when the request itself is not executed. Above it the
    /// connection is closed.
    pub discarded_body: u64,
    /// What Retry-After says where nothing better is known.
    pub retry_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            half_open_logons: 20_000,
            half_open_logons_per_address: 5_000,
            half_open_bytes: 32 << 20,
            half_open_lifetime: Duration::from_secs(60),
            failures: 3,
            discarded_body: 16 << 20,
            retry_after: Duration::from_secs(5),
        }
    }
}

/// What a server decides once for all its connections. Start from [`Settings::new`] and set fields.
///
/// ```
/// use ntlm::{ServerNames, ServerPolicy};
/// use ntlm_http::server::{ExtendedProtection, Settings};
///
/// let mut settings = Settings::new(ServerNames::member("WEB1", "EXAMPLE"));
/// settings.policy = ServerPolicy::strict();
/// settings.offer_negotiate = true;
/// settings.protect(ExtendedProtection::Required, ["web1.example.test", "www.example.test"]);
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the server is called.
    pub names: ServerNames,
    /// What it accepts. `windows` unless another is set: most clients of HTTP send no MIC, which `strict` requires.
    pub policy: ServerPolicy,
    /// Whether it is an origin server or a proxy.
    pub endpoint: Endpoint,
    /// Offers the scheme Negotiate beside NTLM, for clients that know no other. Messages of NTLM are accepted under both schemes either way, SPNEGO under none: a
    /// client that answers with SPNEGO is turned to NTLM.
    pub offer_negotiate: bool,
    /// What the audit records call a connection without channel bindings, and one with them.
    pub carriers: [&'static str; 2],
    /// How much it bears.
    pub limits: Limits,
    pub(super) protection: ExtendedProtection,
}

impl Settings {
    /// The policy `windows` for a server that is called `names`, without Extended Protection, which needs to know what its clients call it
    /// ([`protect`](Self::protect)).
    #[must_use]
    pub fn new(names: ServerNames) -> Self {
        Self {
            names,
            policy: ServerPolicy::windows(),
            endpoint: Endpoint::default(),
            offer_negotiate: false,
            carriers: ["HTTP", "HTTPS"],
            limits: Limits::default(),
            protection: ExtendedProtection::Off,
        }
    }

    /// Sets Extended Protection. `hosts` are all names and addresses by which clients reach this server, in any case, without port: a client that names another in its
    /// service principal name (`HTTP/host`) is refused. Set the policy first.
    pub fn protect<T: Into<String>>(&mut self, protection: ExtendedProtection, hosts: impl IntoIterator<Item = T>) {
        let hosts = hosts.into_iter().map(Into::into).collect();
        let targets = AcceptedTargets { service_classes: vec!["HTTP".to_owned()], hosts };
        (self.policy.channel_bindings, self.policy.target_name) = match protection {
            ExtendedProtection::Off => (ChannelBindingsPolicy::Off, TargetNamePolicy::Ignore),
            ExtendedProtection::WhenSupported => {
                (ChannelBindingsPolicy::WhenSupplied, TargetNamePolicy::VerifyWhenSupplied(targets))
            }
            ExtendedProtection::Required => {
                (ChannelBindingsPolicy::Always, TargetNamePolicy::VerifyWhenSupplied(targets))
            }
        };
        self.protection = protection;
    }

    /// The policy for connections without channel bindings.
    pub(super) fn policy_without_channel(&self) -> ServerPolicy {
        let mut policy = self.policy.clone();
        if self.protection == ExtendedProtection::Required {
            policy.channel_bindings = ChannelBindingsPolicy::WhenSupplied;
            if let TargetNamePolicy::VerifyWhenSupplied(targets) = policy.target_name {
                policy.target_name = TargetNamePolicy::Require(targets);
            }
        }
        policy
    }
}

/// Now, by both clocks: the state machine has none of its own.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// By the calendar, for NTLM.
    pub time: FileTime,
    /// By a clock that never goes back, for what expires.
    pub instant: Instant,
}

impl Moment {
    /// By the clocks of this machine.
    #[must_use]
    pub fn now() -> Self {
        Self { time: environment::now(), instant: Instant::now() }
    }
}
