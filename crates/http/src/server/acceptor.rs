//! What the connections of a server share.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderMap, Version};
use ntlm::config::TargetNamePolicy;
use ntlm::{ServerConfig, ServerNames};
use ntlm_accounts::audit::{AuditSink, NoAudit};
use ntlm_accounts::{Origin, Throttle};

use super::answer::Answer;
use super::half_open::HalfOpen;
use super::settings::{ExtendedProtection, Moment, Settings};

/// Addresses that are remembered at the most.
const MOST_ADDRESSES: usize = 256;

/// What the server is called, which may change.
struct Called {
    names: ServerNames,
    /// Those at which it was reached.
    addresses: BTreeSet<IpAddr>,
    /// For connections without channel bindings, and with.
    configs: [Arc<ServerConfig>; 2],
}

/// What all connections of a server share.
pub struct Acceptor {
    pub(super) settings: Settings,
    called: RwLock<Called>,
    pub(super) half_open: Arc<HalfOpen>,
    pub(super) audit: Arc<dyn AuditSink>,
    throttle: Option<Arc<Throttle>>,
    /// Tells it from others: an identity is worth something only where it was established.
    pub(super) number: u64,
}

impl Acceptor {
    /// A server with `settings`, without audit records or throttle.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        Self {
            called: RwLock::new(Called::new(&settings, settings.names.clone(), BTreeSet::new())),
            half_open: Arc::new(HalfOpen::new(settings.limits.clone())),
            settings,
            audit: Arc::new(NoAudit),
            throttle: None,
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Sends a record of every logon to `audit`.
    #[must_use]
    pub fn with_audit(mut self, audit: Arc<dyn AuditSink>) -> Self {
        self.audit = audit;
        self
    }

    /// Turns clients away whose addresses are blocked. To be the throttle of the authority, which counts.
    #[must_use]
    pub fn with_throttle(mut self, throttle: Arc<Throttle>) -> Self {
        self.throttle = Some(throttle);
        self
    }

    /// Changes what the server is called from the next logon on: which accounts a name without domain means hangs on it.
    pub fn set_names(&self, names: &ServerNames) {
        let mut called = self.called.write().unwrap_or_else(PoisonError::into_inner);
        *called = Called::new(&self.settings, names.clone(), std::mem::take(&mut called.addresses));
    }

    /// Lets clients name `address` as a host of this server from the next logon on, beside those of [`Settings::protect`]: for the local address of each connection, where a
    /// server that listens on all of its machine's addresses does not know them before. Without Extended Protection this does nothing.
    pub fn reached_at(&self, address: IpAddr) {
        let address = address.to_canonical();
        let known = |called: &Called| called.addresses.contains(&address) || called.addresses.len() >= MOST_ADDRESSES;
        let off = self.settings.protection == ExtendedProtection::Off;
        if off || known(&self.called.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        let mut called = self.called.write().unwrap_or_else(PoisonError::into_inner);
        let mut addresses = std::mem::take(&mut called.addresses);
        addresses.insert(address);
        *called = Called::new(&self.settings, called.names.clone(), addresses);
    }

    /// The settings as they were given.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The configuration for a logon on a connection with channel bindings, or without.
    pub(super) fn config(&self, channel_bindings: bool) -> Arc<ServerConfig> {
        let called = self.called.read().unwrap_or_else(PoisonError::into_inner);
        let [without, with] = &called.configs;
        Arc::clone(if channel_bindings { with } else { without })
    }

    /// For how long an address is turned away.
    pub(super) fn blocks(&self, origin: &Origin, now: Moment) -> Option<Duration> {
        self.throttle.as_ref()?.address_is_blocked(origin.address?.ip(), now.instant)
    }

    /// Whether a connection can be authenticated that carries such requests.
    ///
    /// # Errors
    ///
    /// What to answer when it cannot: HTTP/2 and HTTP/3 mix the requests of several users on a connection, and HTTP/1.0 closes it after each request unless told otherwise.
    pub fn can_authenticate(&self, version: Version, headers: &HeaderMap) -> Result<(), Answer> {
        let kept_alive = || {
            let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
            values.flat_map(|value| value.split(',')).any(|token| token.trim().eq_ignore_ascii_case("keep-alive"))
        };
        match version {
            Version::HTTP_11 => Ok(()),
            Version::HTTP_10 if kept_alive() => Ok(()),
            _ => Err(Answer::wrong_version(&self.settings)),
        }
    }

    /// How many half-open logons there are, and the bytes that they hold.
    #[must_use]
    pub fn half_open(&self) -> (usize, usize) {
        self.half_open.size()
    }

    /// Drops the half-open logons whose time is over. Every new logon does this too.
    pub fn expire(&self, now: Moment) {
        self.half_open.expire(now.instant);
    }
}

impl Called {
    fn new(settings: &Settings, names: ServerNames, addresses: BTreeSet<IpAddr>) -> Self {
        let configs = [settings.policy_without_channel(), settings.policy.clone()].map(|mut policy| {
            if let TargetNamePolicy::VerifyWhenSupplied(targets) | TargetNamePolicy::Require(targets) =
                &mut policy.target_name
            {
                targets.hosts.extend(addresses.iter().map(IpAddr::to_string));
            }
            Arc::new(ServerConfig::new(names.clone(), policy))
        });
        Self { names, addresses, configs }
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("settings", &self.settings).finish_non_exhaustive()
    }
}
