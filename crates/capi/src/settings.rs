//! The one interface of the process, and what it is made of: the environment's NTLM_CONFIG or NTLM_USER_FILE, read when the first function needs it.
//!
//! | environment | accounts a server accepts | default outbound credentials |
//! |---|---|---|
//! | NTLM_CONFIG, a TOML file ([`ntlm_accounts::config`]) | `[accounts]` | `[identity]` |
//! | NTLM_USER_FILE, lines `DOMAIN:user:password` | the file's | the file's first account |
//! | neither | none | none |
//!
//! A process that has more privileges than who started it (AT_SECURE) does not look at the environment. What cannot be read leaves the strict policy and
//! nobody to ask.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use ntlm::{ClientConfig, ClientPolicy, EntropyError, FileTime, NtHash, ServerConfig, ServerPolicy};
use ntlm_accounts::config::{Config, ConfiguredIdentity, ConfiguredSecret, IdentitySection};
use ntlm_accounts::{AccountFile, MemoryStore, server_names};
use ntlm_sspi::interface::Configuration;
use ntlm_sspi::{AuthIdentity, DefaultIdentity, Environment, Secret, SecurityInterface};

use crate::authority::{Accounts, ProcessAuthority};
use crate::report;

/// The interface of the process.
pub(crate) fn interface() -> &'static SecurityInterface {
    static INTERFACE: OnceLock<SecurityInterface> = OnceLock::new();
    if let Some(interface) = INTERFACE.get() {
        return interface;
    }
    let mut untold = Untold::default();
    let interface = INTERFACE.get_or_init(|| {
        let configuration = configuration(Source::of_process(), &mut untold);
        SecurityInterface::new(configuration)
    });
    // Only now: who reads the log may call functions that come here.
    untold.tell();
    interface
}

/// What the administrator is to know of the files that the settings were read from.
#[derive(Default)]
struct Untold {
    /// Who else can read the configuration's secret.
    warning: Option<String>,
    /// Who knows what is wrong with the account file.
    authority: Option<Arc<ProcessAuthority>>,
}

impl Untold {
    fn tell(self) {
        if let Some(warning) = self.warning {
            report::log(format_args!("{warning}"));
        }
        if let Some(authority) = self.authority {
            authority.tell_readers();
        }
    }

    /// The authority over `accounts`.
    fn authority(&mut self, accounts: Accounts) -> Arc<ProcessAuthority> {
        let authority = Arc::new(ProcessAuthority::new(accounts));
        self.authority = Some(Arc::clone(&authority));
        authority
    }
}

/// Why the identity of the process could not be read, when that is so.
static UNREADABLE: OnceLock<String> = OnceLock::new();

/// Says once more why the identity of the process could not be read: to whoever needed it.
pub(crate) fn explain() {
    if let Some(reason) = UNREADABLE.get() {
        report::log(format_args!("{reason}"));
    }
}

fn unreadable(reason: String) -> DefaultIdentity {
    let _ = UNREADABLE.set(reason);
    DefaultIdentity::Unreadable
}

/// Where the settings come from.
enum Source {
    Nowhere,
    Config(PathBuf),
    UserFile(PathBuf),
}

impl Source {
    fn of_process() -> Self {
        // SAFETY: getauxval reads what the kernel gave the process.
        let secure = unsafe { libc::getauxval(libc::AT_SECURE) };
        if secure != 0 {
            return Self::Nowhere;
        }
        Self::of(|name| std::env::var_os(name))
    }

    fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        match (path("NTLM_CONFIG"), path("NTLM_USER_FILE")) {
            (Some(path), _) => Self::Config(path),
            (None, Some(path)) => Self::UserFile(path),
            (None, None) => Self::Nowhere,
        }
    }
}

fn configuration(source: Source, untold: &mut Untold) -> Configuration {
    let host = gethostname::gethostname().to_string_lossy().into_owned();
    match source {
        Source::Nowhere => plain(&host, None, untold),
        Source::UserFile(path) => plain(&host, Some(AccountFile::user_file(path)), untold),
        Source::Config(path) => match Config::load(&path) {
            Ok(loaded) => {
                if let Some(exposure) = loaded.exposure {
                    let path = path.display();
                    untold.warning = Some(format!("warning: the configuration {path} holds a secret, and {exposure}"));
                }
                configured(&host, &loaded.config, untold)
            }
            Err(error) => broken(&host, error.to_string()),
        },
    }
}

/// Windows' policy over an account file, or over none.
fn plain(host: &str, file: Option<AccountFile>, untold: &mut Untold) -> Configuration {
    let accounts = Accounts::of(file);
    let loaded = accounts.loaded();
    let only_domain = loaded.as_ref().ok().and_then(|loaded| loaded.as_ref()?.store.only_domain());
    let default_identity = match &loaded {
        Ok(None) => DefaultIdentity::None,
        Ok(Some(loaded)) => first_account(&loaded.store),
        Err(reason) => unreadable(reason.clone()),
    };
    Configuration {
        client: ClientConfig::new(ClientPolicy::windows()),
        server: ServerConfig::new(server_names(host, only_domain), ServerPolicy::windows()),
        authority: Some(untold.authority(accounts)),
        default_identity,
        lenient_requests: false,
        dangerous_impersonation_without_effect: false,
        environment: Arc::new(System),
    }
}

fn configured(host: &str, config: &Config, untold: &mut Untold) -> Configuration {
    let accounts = Accounts::configured(config);
    // Accounts that cannot be read yet are told when a logon needs them.
    let only_domain = accounts.only_domain();
    let default_identity = match config.identity.as_ref().map(IdentitySection::identity) {
        None => DefaultIdentity::None,
        Some(Ok(ConfiguredIdentity { user, domain, secret })) => {
            let secret = match secret {
                ConfiguredSecret::Password(password) => Secret::Password(password),
                ConfiguredSecret::NtHash(hash) => Secret::NtHash(hash),
            };
            DefaultIdentity::Known(AuthIdentity { user, domain, secret, package_list: Vec::new() })
        }
        Some(Err(error)) => unreadable(error.to_string()),
    };
    let configuration = Configuration {
        client: config.client(),
        server: config.server(host, only_domain.as_ref()),
        authority: Some(untold.authority(accounts)),
        default_identity,
        lenient_requests: config.lenient_requests,
        dangerous_impersonation_without_effect: config.dangerous_impersonation_without_effect,
        environment: Arc::new(System),
    };
    match config.dangerous_answer_own_challenges {
        true => configuration.dangerous_answering_own_challenges(),
        false => configuration,
    }
}

/// The configuration cannot be used: what it would have forbidden must not be allowed.
fn broken(host: &str, error: String) -> Configuration {
    Configuration {
        client: ClientConfig::new(ClientPolicy::strict()),
        server: ServerConfig::new(server_names(host, None), ServerPolicy::strict()),
        authority: Some(Arc::new(ProcessAuthority::new(Accounts::Unusable(error.clone())))),
        default_identity: unreadable(error),
        lenient_requests: false,
        dangerous_impersonation_without_effect: false,
        environment: Arc::new(System),
    }
}

/// The first account of a file, as whom clients log on that say nothing else.
fn first_account(store: &MemoryStore) -> DefaultIdentity {
    let Some(account) = store.accounts().first() else { return DefaultIdentity::None };
    let hash = account.nt_hash.as_ref().and_then(|hash| NtHash::from_bytes(hash.expose()).ok());
    let Some(hash) = hash else { return DefaultIdentity::None };
    DefaultIdentity::Known(AuthIdentity {
        user: account.name.user().clone(),
        domain: account.name.domain().cloned().unwrap_or_default(),
        secret: Secret::NtHash(hash),
        package_list: Vec::new(),
    })
}

/// The clock, the local time and the random numbers of this machine.
struct System;

impl Environment for System {
    fn now(&self) -> FileTime {
        FileTime::from_unix(now())
    }

    fn to_local(&self, time: FileTime) -> FileTime {
        let seconds = time.to_unix().and_then(|since| libc::time_t::try_from(since.as_secs()).ok());
        let offset = seconds.map_or(0, east_of_greenwich);
        FileTime(time.0.saturating_add_signed(offset.saturating_mul(10_000_000)))
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        // Asked of the kernel each time: nothing is kept that a fork could double.
        getrandom::fill(bytes).map_err(|_| EntropyError)
    }

    fn log(&self, message: std::fmt::Arguments<'_>) {
        report::log(message);
    }
}

/// The time since 1970, as of the kernel's last tick: a few milliseconds late, as Windows' own time of day is, and read in a third of the time.
#[cfg(target_os = "linux")]
fn now() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local of ours.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &raw mut now) };
    match (status, u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec)) {
        (0, Ok(seconds), Ok(nanoseconds)) => Duration::new(seconds, nanoseconds),
        _ => SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default(),
    }
}

/// The time since 1970.
#[cfg(not(target_os = "linux"))]
fn now() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
}

/// How many seconds local time is ahead of UTC at a time.
fn east_of_greenwich(seconds: libc::time_t) -> i64 {
    let mut local = std::mem::MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are to locals of ours that live long enough.
    let filled = unsafe { libc::localtime_r(&raw const seconds, local.as_mut_ptr()) };
    if filled.is_null() {
        return 0;
    }
    // SAFETY: `tm` is integers and a pointer, for which zeros are a value, and has been filled since.
    let local = unsafe { local.assume_init() };
    // It is an `int`, a `long` or an i64, depending on the C library.
    #[allow(clippy::useless_conversion)]
    i64::from(local.tm_gmtoff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_goes_before_the_account_file() {
        let of = |set: &'static [(&str, &str)]| {
            Source::of(|name| set.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into()))
        };
        assert!(matches!(of(&[]), Source::Nowhere));
        assert!(matches!(of(&[("NTLM_CONFIG", "")]), Source::Nowhere));
        assert!(matches!(of(&[("NTLM_USER_FILE", "users")]), Source::UserFile(path) if path.ends_with("users")));
        let both = of(&[("NTLM_USER_FILE", "users"), ("NTLM_CONFIG", "ntlm.toml")]);
        assert!(matches!(both, Source::Config(path) if path.ends_with("ntlm.toml")));
    }

    #[test]
    fn local_time_differs_by_at_most_a_day() {
        let now = System.now();
        assert!(System.to_local(now).abs_diff(now).as_secs() <= 26 * 3600);
        assert_eq!(System.to_local(FileTime(5)), FileTime(5));
    }

    #[test]
    fn a_broken_configuration_leaves_the_strict_policy_and_nobody_to_ask() {
        let configuration = configuration(Source::Config("/nonexistent/ntlm.toml".into()), &mut Untold::default());
        assert_eq!(configuration.server.policy, ServerPolicy::strict());
        assert!(matches!(configuration.default_identity, DefaultIdentity::Unreadable));
    }
}
