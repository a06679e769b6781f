//! What a client is told before it does anything.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ntlm::{ClientConfig, Credentials};
use rustls::pki_types::CertificateDer;

use super::error::Error;
use super::logon::Schemes;
use super::observe::Observer;
use super::pool::Pool;
use super::tls::Trust;
use super::url::Origin;
use super::{Client, Inner};

/// Makes a [`Client`].
///
/// ```
/// use ntlm::{ClientConfig, ClientPolicy, Credentials, Password};
/// use ntlm_http::client::Client;
///
/// let client = Client::builder()
///     .credentials("https://intranet.example.test", Credentials::new(r"EXAMPLE\alice", &Password::new("secret")))?
///     .proxy("http://proxy.example.test:3128")?
///     .proxy_credentials(Credentials::new(r"EXAMPLE\alice", &Password::new("secret")))
///     .config(ClientConfig::new(ClientPolicy::windows()))
///     .build();
/// # Ok::<(), ntlm_http::client::Error>(())
/// ```
#[must_use]
pub struct Builder {
    settings: Settings,
    max_idle: usize,
    idle_time: Duration,
}

/// What holds for all requests of a client.
pub(super) struct Settings {
    pub(super) config: Arc<ClientConfig>,
    pub(super) schemes: Schemes,
    pub(super) channel_bindings: bool,
    pub(super) credentials: HashMap<Origin, Arc<Credentials>>,
    pub(super) proxy: Option<Origin>,
    pub(super) proxy_credentials: Option<Arc<Credentials>>,
    pub(super) trust: Trust,
    pub(super) connect_time: Duration,
    pub(super) silence: Duration,
    pub(super) redirects: usize,
    pub(super) observer: Option<Arc<dyn Observer>>,
}

impl Default for Builder {
    fn default() -> Self {
        let settings = Settings {
            config: Arc::default(),
            schemes: Schemes::default(),
            channel_bindings: true,
            credentials: HashMap::new(),
            proxy: None,
            proxy_credentials: None,
            trust: Trust::default(),
            connect_time: Duration::from_secs(30),
            silence: Duration::from_secs(120),
            redirects: 10,
            observer: None,
        };
        Self { settings, max_idle: 32, idle_time: Duration::from_secs(60) }
    }
}

impl Builder {
    /// The credentials for one origin: scheme, host and port of `url`. They are used for requests that name this origin themselves, when it asks for a
    /// logon; never for another origin, and never because a redirect led there.
    ///
    /// # Errors
    ///
    /// [`Error::Url`] for what is no http or https URL.
    pub fn credentials(mut self, url: &str, credentials: impl Into<Arc<Credentials>>) -> Result<Self, Error> {
        self.settings.credentials.insert(url.parse()?, credentials.into());
        Ok(self)
    }

    /// The proxy that all requests go through: `http://host:port`, or `https://host:port` for one that is itself reached by TLS. Requests for https
    /// go through it in a tunnel (CONNECT).
    ///
    /// # Errors
    ///
    /// [`Error::Url`] for what is no http or https URL.
    pub fn proxy(mut self, url: &str) -> Result<Self, Error> {
        self.settings.proxy = Some(url.parse()?);
        Ok(self)
    }

    /// The credentials for the proxy, when it asks for a logon. No server gets to see them.
    pub fn proxy_credentials(mut self, credentials: impl Into<Arc<Credentials>>) -> Self {
        self.settings.proxy_credentials = Some(credentials.into());
        self
    }

    /// Policy, version and workstation of the logons. The default is strict: servers that send no TargetInfo, and therefore cannot have a MIC or channel
    /// bindings, are refused; [`ntlm::ClientPolicy::windows`] lets them pass.
    pub fn config(mut self, config: impl Into<Arc<ClientConfig>>) -> Self {
        self.settings.config = config.into();
        self
    }

    /// The schemes to log on with.
    pub fn schemes(mut self, schemes: Schemes) -> Self {
        self.settings.schemes = schemes;
        self
    }

    /// Leaves the channel bindings out: a logon over TLS can then be relayed by whoever ends the TLS in between. For networks that inspect TLS, where
    /// bindings never fit.
    pub fn dangerous_without_channel_bindings(mut self) -> Self {
        self.settings.channel_bindings = false;
        self
    }

    /// Trusts a certificate besides those that the system trusts: what it has signed, and itself.
    pub fn trust(mut self, certificate: CertificateDer<'static>) -> Self {
        self.settings.trust.added.push(certificate);
        self
    }

    /// Takes any certificate: whoever sits in between reads everything, and can log on as the user unless the server compares channel bindings.
    pub fn dangerous_accept_invalid_certificates(mut self) -> Self {
        self.settings.trust.anybody = true;
        self
    }

    /// How long a connection may take to be made, with TLS; 30 s unless set.
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.settings.connect_time = time;
        self
    }

    /// How long a peer may be silent; 120 s unless set. A transfer that goes on has no limit.
    pub fn read_timeout(mut self, time: Duration) -> Self {
        self.settings.silence = time;
        self
    }

    /// How many redirects are followed; 10 unless set. None: the redirect itself is the response.
    pub fn redirects(mut self, most: usize) -> Self {
        self.settings.redirects = most;
        self
    }

    /// How many connections are kept for further requests, and how long; 32 and 60 s unless set. A kept connection holds on to its credentials; those that have
    /// become too old go with the next request.
    pub fn keep_alive(mut self, most: usize, longest: Duration) -> Self {
        self.max_idle = most;
        self.idle_time = longest;
        self
    }

    /// Somebody who watches.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.settings.observer = Some(Arc::new(observer));
        self
    }

    /// The client.
    #[must_use]
    pub fn build(self) -> Client {
        let pool = Arc::new(Pool::new(self.max_idle, self.idle_time));
        Client { inner: Arc::new(Inner { settings: self.settings, pool, tls: OnceLock::new() }) }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").finish_non_exhaustive()
    }
}
