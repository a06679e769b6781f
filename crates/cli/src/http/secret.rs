//! Where passwords come from: never from the command line.

use std::io::{IsTerminal as _, Read as _};

use ntlm::{Credentials, Password};
use ntlm_accounts::line;
use ntlm_http::client::Origin;
use zeroize::Zeroizing;

use super::netrc::Netrc;
use super::options::Options;
use crate::failure::Failure;

/// The environment's password for the server.
const PASSWORD: &str = "NTLM_PASSWORD";

/// The environment's password for the proxy.
const PROXY_PASSWORD: &str = "NTLM_PROXY_PASSWORD";

/// The longest standard input that passwords are read from.
const MAX_INPUT: usize = 64 * 1024;

/// The passwords of a command.
pub(super) struct Secrets<'a> {
    options: &'a Options,
    source: Source,
}

enum Source {
    /// Standard input, and how many of its lines are used up.
    Input(Zeroizing<String>, usize),
    Netrc(Netrc),
    Keyring,
    EnvironmentOrPrompt,
}

impl<'a> Secrets<'a> {
    pub(super) fn new(options: &'a Options) -> Result<Self, Failure> {
        for (option, name) in [("-u", &options.user), ("-U", &options.proxy_user)] {
            check_name(option, name.as_deref())?;
        }
        let nobody = options.user.is_none() && options.proxy_user.is_none();
        let source = match &options.netrc_file {
            Some(path) => Source::Netrc(Netrc::read(path)?),
            None if options.netrc => Source::Netrc(Netrc::usual()?),
            None if nobody && (options.password_stdin || options.keyring || options.nt_hash) => {
                return Err(Failure::unusable("there is no user for the password; name one with -u or -U"));
            }
            None if options.password_stdin && options.data_from_stdin() => {
                return Err(Failure::unusable(
                    "--password-stdin and --data @- both read standard input; take one of them from elsewhere",
                ));
            }
            None if options.password_stdin => Source::Input(standard_input()?, 0),
            None if options.keyring => Source::Keyring,
            None => Source::EnvironmentOrPrompt,
        };
        Ok(Self { options, source })
    }

    /// The credentials for the server, if there is to be a logon.
    pub(super) fn of_server(&mut self) -> Result<Option<Credentials>, Failure> {
        self.credentials(&self.options.url, self.options.user.as_deref(), &[PASSWORD])
    }

    /// The credentials for the proxy.
    pub(super) fn of_proxy(&mut self, url: &str) -> Result<Option<Credentials>, Failure> {
        let (user, proxy_user) = (self.options.user.as_deref(), self.options.proxy_user.as_deref());
        // The one password there is belongs to the one user there is.
        let same = user.is_none() || user == proxy_user;
        self.credentials(url, proxy_user, if same { &[PROXY_PASSWORD, PASSWORD] } else { &[PROXY_PASSWORD] })
    }

    /// `variables` of the environment that may hold the password.
    fn credentials(
        &mut self,
        url: &str,
        user: Option<&str>,
        variables: &[&str],
    ) -> Result<Option<Credentials>, Failure> {
        if let Source::Netrc(netrc) = &self.source {
            let origin: Origin = url.parse().map_err(|error| Failure::unusable(format!("{error}")))?;
            let entry = netrc.find(origin.host(), user)?;
            let missing = |what: &str| Failure::unusable(format!("the netrc file has no {what} for {}", origin.host()));
            return match (entry, user) {
                (Some(entry), _) => {
                    let login = user.or(entry.login.as_deref()).ok_or_else(|| missing("login"))?;
                    let secret = entry.password.as_ref().ok_or_else(|| missing("password"))?;
                    self.made(login, secret).map(Some)
                }
                (None, Some(user)) => Err(missing(&format!("password of {user}"))),
                (None, None) => Ok(None),
            };
        }
        let Some(user) = user else { return Ok(None) };
        let secret = match &mut self.source {
            Source::Input(text, used) => {
                let line = text.lines().nth(*used).ok_or_else(|| {
                    Failure::unusable(format!("standard input has no line with the password of {user}"))
                })?;
                *used += 1;
                Zeroizing::new(line.to_owned())
            }
            Source::Keyring => from_keyring(user)?,
            Source::EnvironmentOrPrompt | Source::Netrc(_) => match variables.iter().find_map(std::env::var_os) {
                Some(secret) => Zeroizing::new(
                    secret
                        .into_string()
                        .map_err(|_| Failure::unusable("the password in the environment is no text in UTF-8"))?,
                ),
                None => self.ask(user, variables.first().copied().unwrap_or(PASSWORD))?,
            },
        };
        self.made(user, &secret).map(Some)
    }

    fn ask(&self, user: &str, variable: &str) -> Result<Zeroizing<String>, Failure> {
        let what = if self.options.nt_hash { "NT hash" } else { "Password" };
        let nobody_to_ask = || {
            Failure::unusable(format!(
                "there is no password of {user} and nobody to ask; use {variable}, --password-stdin, --netrc or --keyring"
            ))
        };
        // Prompts go past standard input, which may be the body of the request, and past standard error, which may go to `ntlm decode`.
        if !std::io::stderr().is_terminal() && !std::io::stdin().is_terminal() {
            return Err(nobody_to_ask());
        }
        let asked = rpassword::prompt_password(format!("{what} of {user}: "));
        asked.map(Zeroizing::new).map_err(|_| nobody_to_ask())
    }

    fn made(&self, user: &str, secret: &str) -> Result<Credentials, Failure> {
        if !self.options.nt_hash {
            return Ok(Credentials::new(user, &Password::new(secret)));
        }
        let hash = line::nt_hash(secret.trim()).ok_or_else(|| {
            Failure::unusable(
                "what was read is no NT hash: 32 hex digits, and none of the values that stand for \"none\"",
            )
        })?;
        Ok(Credentials::from_nt_hash(user, hash))
    }
}

/// Refuses `user:password`, which curl takes.
fn check_name(option: &str, name: Option<&str>) -> Result<(), Failure> {
    let Some(name) = name else { return Ok(()) };
    if name.is_empty() {
        return Err(Failure::unusable(format!("{option} names no user")));
    }
    if name.contains(':') {
        // Not quoted: it is in the list of processes for a moment, and need not be in a log for ever.
        return Err(Failure::unusable(format!(
            "{option} takes a user without a password: on the command line every user of this machine can read it. Leave it out to be asked, or use \
             NTLM_PASSWORD, --password-stdin, --netrc or --keyring"
        )));
    }
    Ok(())
}

fn standard_input() -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::with_capacity(MAX_INPUT + 1));
    let limit = u64::try_from(MAX_INPUT).unwrap_or(u64::MAX);
    std::io::stdin().take(limit).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(feature = "keyring")]
fn from_keyring(user: &str) -> Result<Zeroizing<String>, Failure> {
    let found = keyring::Entry::new("ntlm", user).and_then(|entry| entry.get_password());
    found.map(Zeroizing::new).map_err(|error| {
        Failure::unusable(format!("the keyring gives no password for service ntlm, account {user}: {error}"))
    })
}

#[cfg(not(feature = "keyring"))]
fn from_keyring(_: &str) -> Result<Zeroizing<String>, Failure> {
    Err(Failure::unusable(
        "--keyring: this program was built without it (cargo feature `keyring`); use NTLM_PASSWORD or --netrc",
    ))
}
