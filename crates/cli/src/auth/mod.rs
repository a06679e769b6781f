//! `ntlm auth`: the helper protocols of Samba's `ntlm_auth`, for programs that let a helper do NTLM for them (Squid, Wine, curl).
//!
//! One request per line, one line in reply:
//!
//! | role | protocol | requests that matter |
//! |---|---|---|
//! | server | `squid-2.5-ntlmssp` | `YR` NEGOTIATE -> `TT` CHALLENGE, `KK` AUTHENTICATE -> `AF DOMAIN\user`, `NA` (no) or `BH` (nobody could say) |
//! | client | `ntlmssp-client-1` | `YR` -> `YR` NEGOTIATE, `TT` CHALLENGE -> `AF` AUTHENTICATE, or `PW` when a password is needed first |
//!
//! and in both `SF` (features wanted), `PW` (a password), `GK` (the session key), `GF` (the flags in force). Standard output carries the
//! protocol alone; why somebody was refused goes to standard error, a line each.

mod accounts;
mod client;
mod lines;
mod request;
mod server;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use ntlm::{ClientPolicy, Password, ServerPolicy};
use zeroize::Zeroizing;

use crate::accounts::NameOverrides;
use crate::failure::Failure;
use accounts::Source;
use client::Client;
use lines::{Line, Lines};
use request::{Reply, Request};
use server::Server;

/// What `--version` says. Wine wants `Version`, three numbers, and at least 3.0.25; the protocols spoken here are those of Samba 4.17.12.
const VERSION: &str = concat!("Version 4.17.12-ntlm-", env!("CARGO_PKG_VERSION"));

/// Speaks the helper protocols of Samba's ntlm_auth: checks logons for Squid, makes them for Wine and curl.
///
/// The options are those of ntlm_auth, and a few more. Run under the name `ntlm_auth`, the program needs no `auth` in front of them.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    options: Box<Options>,
}

#[derive(Debug, Args)]
struct Options {
    /// The protocol to speak on standard input and output.
    #[arg(long, value_name = "PROTOCOL", required_unless_present = "version")]
    helper_protocol: Option<Protocol>,

    /// Client: the user to log on as: `user`, `DOMAIN\user` or `user@dns.domain`.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    username: Option<String>,

    /// Client: the domain to log on to.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    domain: Option<String>,

    /// Client: the name of this workstation, to be sent along.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    workstation: Option<String>,

    /// Client: the user's password. Server: the password that every client is checked against, whatever its name. Every user of this machine
    /// can read it in the list of processes: account files and the request PW are safer.
    #[arg(long, value_name = "PASSWORD", allow_hyphen_values = true)]
    password: Option<Secret>,

    /// Client: without a password, take it from the account file.
    #[arg(long)]
    use_cached_creds: bool,

    /// Client: the service to log on to, such as `http`; sent with --target-hostname under the protection of the response.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    target_service: Option<String>,

    /// Client: the host to log on to.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    target_hostname: Option<String>,

    /// Account file with lines `DOMAIN:user:password` or lines of smbpasswd; by default the one that NTLM_USER_FILE names.
    #[arg(long, value_name = "PATH", conflicts_with = "smbpasswd")]
    user_file: Option<PathBuf>,

    /// Account file in Samba's format smbpasswd.
    #[arg(long, value_name = "PATH")]
    smbpasswd: Option<PathBuf>,

    /// What is accepted of the other side.
    #[arg(long, value_name = "POLICY", default_value = "windows")]
    policy: Policy,

    /// Server: the names it gives itself, where they are not those of this machine and its accounts.
    #[command(flatten)]
    names: NameOverrides,

    /// Refused: leaving it out unsaid would let everybody in.
    #[arg(long, hide = true, value_name = "GROUP", allow_hyphen_values = true)]
    require_membership_of: Option<OsString>,

    /// Prints the version in the form of ntlm_auth.
    #[arg(long, short = 'V')]
    version: bool,

    #[command(flatten)]
    ignored: Ignored,
}

/// Options of ntlm_auth that mean nothing here, and whose callers lose nothing by that.
#[derive(Debug, Args)]
struct Ignored {
    #[arg(long, short = 's', hide = true, value_name = "PATH", allow_hyphen_values = true)]
    configfile: Option<OsString>,
    #[arg(long, short = 'd', hide = true, value_name = "LEVEL", allow_hyphen_values = true)]
    debuglevel: Option<OsString>,
    #[arg(long, short = 'l', hide = true, value_name = "PATH", allow_hyphen_values = true)]
    log_basename: Option<OsString>,
    #[arg(long, hide = true)]
    debug_stdout: bool,
    #[arg(long, hide = true, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    option: Option<OsString>,
    #[arg(long, hide = true, value_name = "PATH", allow_hyphen_values = true)]
    pam_winbind_conf: Option<OsString>,
    #[arg(long, hide = true)]
    request_nt_key: bool,
    #[arg(long, hide = true)]
    request_lm_key: bool,
    #[arg(long, hide = true)]
    allow_mschapv2: bool,
    #[arg(long, hide = true)]
    offline_logon: bool,
}

/// The helper protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Protocol {
    /// A client; Wine and curl speak it.
    #[value(name = "ntlmssp-client-1")]
    NtlmsspClient1,
    /// A server; Squid and Wine speak it.
    #[value(name = "squid-2.5-ntlmssp")]
    Squid25Ntlmssp,
}

/// The two ready-made policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Policy {
    /// What a current Windows machine accepts.
    Windows,
    /// Everything that protects; turns clients away that send no MIC, and says so on standard error.
    Strict,
}

impl Policy {
    fn server(self) -> ServerPolicy {
        match self {
            Self::Windows => ServerPolicy::windows(),
            Self::Strict => ServerPolicy::strict(),
        }
    }

    fn client(self) -> ClientPolicy {
        match self {
            Self::Windows => ClientPolicy::windows(),
            Self::Strict => ClientPolicy::strict(),
        }
    }
}

/// A password from the command line.
#[derive(Clone)]
struct Secret(Zeroizing<String>);

impl Secret {
    fn password(&self) -> Password {
        Password::new(&self.0)
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// One side of the conversation.
trait Helper {
    /// The reply to a request: one line, or two, without the last line's end.
    fn answer(&mut self, request: Request<'_>) -> Reply;
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let options = &*arguments.options;
    let protocol = match options.helper_protocol {
        _ if options.version => {
            writeln!(std::io::stdout(), "{VERSION}")?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(protocol) => protocol,
        None => return Err(Failure::unusable("--helper-protocol is missing")),
    };
    if options.require_membership_of.is_some() {
        return Err(Failure::unusable(
            "--require-membership-of cannot be served: account files know no groups; give this service an account file of its members",
        ));
    }
    match protocol {
        Protocol::NtlmsspClient1 => converse(&mut Client::new(options)?),
        Protocol::Squid25Ntlmssp => {
            let source = Source::new(options)?;
            converse(&mut Server::new(source, options.names.clone(), options.policy.server()))
        }
    }
}

/// Answers requests until there are no more.
fn converse(helper: &mut dyn Helper) -> Result<ExitCode, Failure> {
    // Its own buffer is larger than that of standard input, which is then not used: nobody would wipe the passwords in it.
    let mut lines = Lines::new(std::io::stdin().lock());
    let mut output = std::io::stdout().lock();
    while let Some(line) = lines.next()? {
        let mut reply = match line {
            Line::TooLong => Reply::error(),
            Line::Complete(line) => Request::parse(line).map_or_else(Reply::from, |request| helper.answer(request)),
        };
        reply.end_line();
        match output.write_all(reply.as_bytes()).and_then(|()| output.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
            written => written?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells the administrator something: one line on standard error, if anybody listens.
fn tell(message: impl fmt::Display) {
    let _ = std::io::stderr().write_all(format!("ntlm auth: {message}\n").as_bytes());
}

/// Whether the program was run under the name `ntlm_auth`. Squid puts the names of its helpers in parentheses.
pub(crate) fn is_ntlm_auth(arguments: &[OsString]) -> bool {
    let name = arguments.first().and_then(|program| Path::new(program).file_name()).and_then(OsStr::to_str);
    let name = name.map(|name| name.strip_prefix('(').and_then(|name| name.strip_suffix(')')).unwrap_or(name));
    matches!(name, Some("ntlm_auth" | "ntlm_auth.exe"))
}

/// The arguments of `ntlm_auth` as those of `ntlm auth`.
pub(crate) fn as_subcommand(arguments: Vec<OsString>) -> Vec<OsString> {
    let own = arguments.into_iter().skip(1);
    ["ntlm", "auth"].into_iter().map(OsString::from).chain(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(list: &[&str]) -> Vec<OsString> {
        list.iter().map(OsString::from).collect()
    }

    #[test]
    fn the_name_of_the_program_decides() {
        for name in ["ntlm_auth", "/usr/bin/ntlm_auth", "./ntlm_auth", "ntlm_auth.exe", "(ntlm_auth)"] {
            assert!(is_ntlm_auth(&arguments(&[name])), "{name}");
        }
        for name in
            ["ntlm", "/usr/bin/ntlm", "ntlm_auth2", "/ntlm_auth/ntlm", "ntlm_auth.real", "(ntlm)", "(ntlm_auth", ""]
        {
            assert!(!is_ntlm_auth(&arguments(&[name])), "{name}");
        }
        assert!(!is_ntlm_auth(&[]));
        let rewritten = as_subcommand(arguments(&["/usr/bin/ntlm_auth", "--version"]));
        assert_eq!(rewritten, arguments(&["ntlm", "auth", "--version"]));
    }

    #[test]
    fn passwords_are_not_printed() {
        assert_eq!(format!("{:?}", "secret".parse::<Secret>()), "Ok(Secret(..))");
    }
}
