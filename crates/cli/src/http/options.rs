//! The options of `ntlm http`. Where curl has the same, they have curl's names.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ntlm::ClientPolicy;
use ntlm_http::client::logon::Schemes;

/// Fetches a URL, logging on with NTLM where the server or the proxy asks for it: curl, for the servers that curl is leaving behind.
///
/// The user is named with -u; the password never stands on the command line, where every user of this machine can read it. It is asked for,
/// or comes from NTLM_PASSWORD, from standard input, from a netrc file or from the keyring.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(super) options: Box<Options>,
}

#[derive(Debug, Args)]
pub(super) struct Options {
    /// What to fetch: http:// or https://, without a user in it.
    #[arg(value_name = "URL")]
    pub(super) url: String,

    /// The method; GET unless given, POST with --data.
    #[arg(long, short = 'X', value_name = "METHOD")]
    pub(super) request: Option<String>,

    /// A header line of one's own, such as 'Accept: text/plain'; may be given several times.
    #[arg(long, short = 'H', value_name = "LINE")]
    pub(super) header: Vec<String>,

    /// The body of the request, as it is: text, @FILE, or @- for standard input.
    #[arg(long, short = 'd', value_name = "DATA|@FILE", allow_hyphen_values = true)]
    pub(super) data: Option<String>,

    /// Asks for the header lines alone, and prints them.
    #[arg(long, short = 'I', conflicts_with_all = ["request", "data"])]
    pub(super) head: bool,

    /// Writes the body to a file instead of standard output.
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    /// Prints the header lines of the response before its body.
    #[arg(long, short = 'i')]
    pub(super) include: bool,

    /// The user to log on to the server as: `DOMAIN\user`, `user@dns.domain`, `user`, or `.\user` for an account of the server's own.
    #[arg(long, short = 'u', value_name = "NAME")]
    pub(super) user: Option<String>,

    /// The proxy: host:port, http:// or https://.
    #[arg(long, short = 'x', value_name = "URL")]
    pub(super) proxy: Option<String>,

    /// The user to log on to the proxy as.
    #[arg(long, short = 'U', value_name = "NAME", requires = "proxy")]
    pub(super) proxy_user: Option<String>,

    /// Reads the password from standard input: its first line; the second is the proxy's where there is one.
    #[arg(long, group = "source")]
    pub(super) password_stdin: bool,

    /// Takes users and passwords from ~/.netrc, or the file that NETRC names.
    #[arg(long, group = "source")]
    pub(super) netrc: bool,

    /// Takes users and passwords from a file in the format of netrc.
    #[arg(long, value_name = "FILE", group = "source")]
    pub(super) netrc_file: Option<PathBuf>,

    /// Takes the password from the keyring of the desktop: service `ntlm`, account as in -u.
    #[arg(long, group = "source")]
    pub(super) keyring: bool,

    /// What is read as password is an NT hash, in hex.
    #[arg(long)]
    pub(super) nt_hash: bool,

    /// Follows redirects. Another scheme, host or port gets no credentials.
    #[arg(long, short = 'L')]
    pub(super) location: bool,

    /// How many redirects are followed.
    #[arg(long, value_name = "NUMBER", default_value_t = 10, requires = "location")]
    pub(super) max_redirs: usize,

    /// Fails with status 22 for answers of 400 and above, without printing them.
    #[arg(long, short = 'f')]
    pub(super) fail: bool,

    /// Accepts any certificate. Whoever sits in between reads everything.
    #[arg(long, short = 'k')]
    pub(super) insecure: bool,

    /// Trusts the certificates in a PEM file besides those of the system.
    #[arg(long, value_name = "FILE")]
    pub(super) cacert: Option<PathBuf>,

    /// What is accepted of servers.
    #[arg(long, value_name = "POLICY", default_value = "windows")]
    pub(super) policy: Policy,

    /// The scheme to log on with.
    #[arg(long, value_name = "SCHEME", default_value = "any")]
    pub(super) scheme: SchemeOption,

    /// Does not bind the logon to the TLS channel: for networks that inspect TLS. The logon can then be relayed.
    #[arg(long)]
    pub(super) no_channel_bindings: bool,

    /// Seconds that a connection may take to be made.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) connect_timeout: u64,

    /// Seconds that the whole may take.
    #[arg(long, short = 'm', value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) max_time: Option<u64>,

    /// Tells every step on standard error: requests, responses, and what the logon came to. Tokens are told by kind and length.
    #[arg(long, short = 'v')]
    pub(super) verbose: bool,

    /// With -v: prints tokens in whole, for `ntlm decode`. Weak passwords can be guessed from them.
    #[arg(long, requires = "verbose")]
    pub(super) show_tokens: bool,

    /// No progress bar, no notes.
    #[arg(long, short = 's')]
    pub(super) silent: bool,

    /// Prints the response as JSON.
    #[arg(long, conflicts_with_all = ["include", "head"])]
    pub(super) json: bool,
}

impl Options {
    /// The URL of the proxy.
    pub(super) fn proxy_url(&self) -> Option<String> {
        let proxy = self.proxy.as_deref()?;
        Some(if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") })
    }

    /// Whether the body of the request comes from standard input.
    pub(super) fn data_from_stdin(&self) -> bool {
        self.data.as_deref() == Some("@-")
    }
}

/// The two ready-made policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Policy {
    /// What a current Windows machine accepts.
    Windows,
    /// Everything that protects: servers too old for it are refused.
    Strict,
}

impl Policy {
    pub(super) fn client(self) -> ClientPolicy {
        match self {
            Self::Windows => ClientPolicy::windows(),
            Self::Strict => ClientPolicy::strict(),
        }
    }
}

/// Which schemes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemeOption {
    /// NTLM, and Negotiate where NTLM is not offered.
    Any,
    /// NTLM.
    Ntlm,
    /// Negotiate, with messages of NTLM as they are.
    Negotiate,
}

impl SchemeOption {
    pub(super) fn schemes(self) -> Schemes {
        match self {
            Self::Any => Schemes::Both,
            Self::Ntlm => Schemes::Ntlm,
            Self::Negotiate => Schemes::Negotiate,
        }
    }
}

const AFTER_HELP: &str = "\
Examples:
  ntlm http -u 'EXAMPLE\\alice' https://intranet.example.test/report.pdf -o report.pdf
  ntlm http -u alice@example.test -d @order.json -H 'Content-Type: application/json' https://intranet.example.test/orders
  ntlm http -x proxy.example.test:3128 -U 'EXAMPLE\\alice' --password-stdin https://www.example.org/ <password.txt
  ntlm http -v --show-tokens -u alice http://server/ 2>&1 | ntlm decode

Passwords: the first of --password-stdin, --netrc, --netrc-file and --keyring that is given; else the environment (NTLM_PASSWORD; for the
proxy NTLM_PROXY_PASSWORD, or the former where -u names no other user); else a prompt. With a netrc file -u and -U may be left out. The file may be readable to its owner alone.

The proxy is the one that -x names: variables such as http_proxy are not looked at.

The body of a request is sent once the logon is through, and once. What is read from standard input is held in memory for that.

Exit status:
  0   there is a response, whatever its status
  1   the logon was refused, or one is asked for (401, 407) and no user is named
  2   the command line or a file cannot be used, or the body is too long for --json
  3   no connection, no TLS, or it was lost or took too long; redirects that cannot be followed
  4   NTLM cannot be had there: it is not offered, policy does not answer the challenge, or something between breaks the logon
  22  with --fail: the response has a status of 400 or above

JSON: { \"url\", \"status\", \"headers\": [ [ name, value ] ], \"redirects\",
    \"logons\": [ { \"party\": \"server\" or \"proxy\", \"user\", \"domain\", \"mic\", \"channel_bindings\", \"target_name\" } ],
    \"body\": { \"bytes\": its length, and \"file\", \"text\" or \"base64\" } }";
