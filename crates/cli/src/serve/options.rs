//! What can be typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use http::HeaderName;
use ntlm::ServerPolicy;
use ntlm_http::server::ExtendedProtection;

use crate::accounts::NameOverrides;

/// Puts NTLM in front of the web: serves files, passes requests on to another server, or says who you are.
///
/// Accounts come from --db, --user-file or --smbpasswd; without these from what NTLM_CONFIG or NTLM_USER_FILE name; without those from the account database of
/// `ntlm users`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The account database (see `ntlm users`).
    #[arg(long, value_name = "FILE", group = "accounts")]
    pub(super) db: Option<PathBuf>,

    /// An account file with lines `DOMAIN:user:password`.
    #[arg(long, value_name = "FILE", group = "accounts")]
    pub(super) user_file: Option<PathBuf>,

    /// An account file in Samba's format smbpasswd.
    #[arg(long, value_name = "FILE", group = "accounts")]
    pub(super) smbpasswd: Option<PathBuf>,

    /// Where to listen; may be given several times. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub(super) listen: Vec<String>,

    /// Serve the files under this directory, without hidden ones (`.name`); links lead neither out of it nor to those.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "upstream")]
    pub(super) dir: Option<PathBuf>,

    /// Pass requests on to this server (http:// or https://), over a connection of its own for each logon. Where the URL has a path, requests cannot leave it.
    #[arg(long, value_name = "URL")]
    pub(super) upstream: Option<String>,

    /// Trust the certificates in this file (PEM) for the upstream server, instead of those that the system trusts.
    #[arg(long, value_name = "FILE", requires = "upstream")]
    pub(super) upstream_ca: Option<PathBuf>,

    /// Seconds that the upstream server may take to answer, from when it was last sent a part of the request; more is 504.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, requires = "upstream", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) upstream_timeout: u64,

    /// The header that tells the upstream server who it is; what clients send under this name is dropped.
    #[arg(long, value_name = "NAME", default_value = "X-Remote-User")]
    pub(super) user_header: HeaderName,

    /// Speak TLS with this certificate chain (PEM), the server's own first.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(super) cert: Option<PathBuf>,

    /// The private key of the certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(super) key: Option<PathBuf>,

    /// Extended Protection for Authentication: channel bindings and target names. By default `when-supported` with TLS, `off` without.
    #[arg(long, value_name = "WHEN")]
    pub(super) epa: Option<Epa>,

    /// A further name or address by which clients reach this server, for --epa; may be given several times.
    #[arg(long, value_name = "HOST")]
    pub(super) name: Vec<String>,

    /// What is accepted of clients. By default `windows`: most clients of HTTP send no MIC, which `strict` requires.
    #[arg(long, value_name = "POLICY")]
    pub(super) policy: Option<Policy>,

    /// Offer the scheme Negotiate too, for clients that know no other. SPNEGO is not spoken.
    #[arg(long)]
    pub(super) offer_negotiate: bool,

    #[command(flatten)]
    pub(super) names: NameOverrides,

    /// Append audit records to this file; `-` is standard output. By default they go to standard error.
    #[arg(long, value_name = "FILE")]
    pub(super) audit: Option<PathBuf>,

    /// The form of the audit records.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) audit_format: Format,

    /// The form of the log, which goes to standard error.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) log: Format,

    /// Log more: each request; twice, what the libraries do.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,

    /// Wrong passwords that lock an account for ten minutes; 0 never does.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(super) lock_out: u32,

    /// Wrong passwords from one address that block it for ten minutes (429); 0 never does.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(super) address_failures: u32,

    /// Connections at a time; more get 503.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) max_connections: u32,

    /// Half-open logons at a time, a quarter of them from one address; more get 503.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub(super) max_half_open: usize,

    /// Bytes of a request's header; more get 431.
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 10, value_parser = clap::value_parser!(u32).range(8192..=16 << 20))]
    pub(super) max_header: u32,

    /// Bytes of a request's body; more get 413.
    #[arg(long, value_name = "BYTES", default_value_t = 128 << 20)]
    pub(super) max_body: u64,

    /// Seconds that a client may be silent: between requests and within a header the connection is then closed, within a body it gets 408.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) idle_timeout: u64,

    /// Seconds that requests may take to end when the server is stopped (SIGINT, SIGTERM).
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub(super) stop_timeout: u64,
}

impl Arguments {
    pub(super) fn idle_timeout(&self) -> Duration {
        Duration::from_secs(self.idle_timeout)
    }

    pub(super) fn upstream_timeout(&self) -> Duration {
        Duration::from_secs(self.upstream_timeout)
    }

    pub(super) fn stop_timeout(&self) -> Duration {
        Duration::from_secs(self.stop_timeout)
    }
}

/// Extended Protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Epa {
    /// Nothing is looked at.
    Off,
    /// What clients send must be right.
    WhenSupported,
    /// Clients must send channel bindings over TLS, and name this server without.
    Required,
}

impl From<Epa> for ExtendedProtection {
    fn from(epa: Epa) -> Self {
        match epa {
            Epa::Off => Self::Off,
            Epa::WhenSupported => Self::WhenSupported,
            Epa::Required => Self::Required,
        }
    }
}

/// The two ready-made policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Policy {
    /// What a current Windows machine accepts.
    Windows,
    /// Everything that protects; turns clients away that send no MIC.
    Strict,
}

impl Policy {
    pub(super) fn server(self) -> ServerPolicy {
        match self {
            Self::Windows => ServerPolicy::windows(),
            Self::Strict => ServerPolicy::strict(),
        }
    }
}

/// The form of lines for people or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Lines to read.
    Text,
    /// An object of JSON in each line.
    Json,
}
