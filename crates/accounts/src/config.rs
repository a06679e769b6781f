//! The configuration file that the environment variable NTLM_CONFIG names, in TOML: accounts, policy, names and the identity of programs that
//! cannot be given these otherwise.
//!
//! ```toml
//! policy = "windows"                  # or "strict"; what the sections below say goes before it
//!
//! [accounts]                          # whom a server lets in
//! user_file = "users"                 # lines DOMAIN:user:password; a relative path counts from this file
//!                                     # or smbpasswd, or database: one that `ntlm users` keeps
//!
//! [identity]                          # as whom a client logs on that says nothing else
//! user = 'EXAMPLE\alice'
//! password_file = "alice.password"    # or password, or nt_hash
//!
//! [server]
//! channel_bindings = "always"         # Extended Protection for Authentication
//!
//! [client]
//! block = true
//! block_exceptions = ["web.example.test"]
//! ```
//!
//! Every key is optional. A key that is not known is an error: a setting that protects must not be lost to a slip of the pen. Keys that let go of
//! NTLMv2, or of what SSPI promises its callers, are called `dangerous_`, as in [`ntlm::config`].

mod policy;
mod section;

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use ntlm::{NtHash, Password, UnicodeString};
use zeroize::Zeroizing;

pub use policy::{ClientSection, ServerSection};
use section::Section;

use crate::file::{AccountFile, Exposure};
use crate::line;

/// Files longer than this are refused: something else was meant.
const MAX_LENGTH: u64 = 1024 * 1024;

/// A configuration.
#[derive(Debug, Default)]
pub struct Config {
    /// What the settings below start from.
    pub policy: Policy,
    /// Takes DELEGATE and PROMPT_FOR_CREDS of SSPI's callers without doing anything about them, for ported programs that set them out of habit.
    pub lenient_requests: bool,
    /// Answers, as a client, challenges that this very process issued as a server: for programs that are both sides at once, as tests are. Whoever makes such a
    /// process talk to him as a client can hand it the challenge of its own server, and logs on there as the process.
    pub dangerous_answer_own_challenges: bool,
    /// Answers SEC_E_OK to ImpersonateSecurityContext and RevertSecurityContext of SSPI for a server's context of an authenticated user, and does nothing: for
    /// programs that demand it of every logon and do nothing in between, as FreeRDP's server. Threads have no tokens here, and a program that opens a file or
    /// starts a process between the two calls does so as itself, with its own rights instead of the user's. Otherwise both say SEC_E_NO_IMPERSONATION.
    pub dangerous_impersonation_without_effect: bool,
    /// Whom a server lets in.
    pub accounts: AccountsSection,
    /// As whom a client logs on.
    pub identity: Option<IdentitySection>,
    /// What a server accepts, and what it is called.
    pub server: ServerSection,
    /// What a client agrees to.
    pub client: ClientSection,
}

/// The two ready-made policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// What a current Windows machine accepts.
    #[default]
    Windows,
    /// Everything that protects.
    Strict,
}

/// Where the accounts are; at most one of the three.
#[derive(Debug, Default)]
pub struct AccountsSection {
    /// A database of `ntlm users`.
    pub database: Option<PathBuf>,
    /// Lines `DOMAIN:user:password`.
    pub user_file: Option<PathBuf>,
    /// Samba's format.
    pub smbpasswd: Option<PathBuf>,
}

/// As whom a client logs on; one of the three secrets.
#[derive(Debug)]
pub struct IdentitySection {
    /// `DOMAIN\user`, `user@dns.domain` or `user`.
    pub user: String,
    /// The domain, where `user` does not say it.
    pub domain: Option<String>,
    /// The password.
    password: Option<SecretText>,
    /// A file whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// The NT hash of the password: 32 hex digits.
    nt_hash: Option<SecretText>,
}

/// A secret in a configuration; not printed, wiped when dropped.
struct SecretText(Zeroizing<String>);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// A configuration that cannot be used. Says what, where, and what to do; holds no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// A configuration as it was read.
#[derive(Debug)]
pub struct LoadedConfig {
    /// What it says.
    pub config: Config,
    /// Who else can read it, when it holds a secret: for the administrator.
    pub exposure: Option<Exposure>,
}

/// As whom a client logs on.
#[derive(Debug)]
pub struct ConfiguredIdentity {
    /// The user.
    pub user: UnicodeString,
    /// The domain; empty for none.
    pub domain: UnicodeString,
    /// What proves it.
    pub secret: ConfiguredSecret,
}

/// What an identity proves itself with.
#[derive(Debug)]
pub enum ConfiguredSecret {
    /// A password.
    Password(Password),
    /// The NT hash of one.
    NtHash(NtHash),
}

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when it cannot be read, is no configuration, contradicts itself, or others than its owner can change it.
    pub fn load(path: &Path) -> Result<LoadedConfig, ConfigError> {
        let failed = |error: &dyn fmt::Display| ConfigError(format!("the configuration {}: {error}", path.display()));
        let (text, exposure) = read(path).map_err(|error| failed(&error))?;
        if let Some(exposure) = exposure.filter(|exposure| exposure.changeable()) {
            return Err(failed(&exposure));
        }
        let mut config = Self::parse(&text).map_err(|error| failed(&error))?;
        if let Some(directory) = path.parent() {
            config.resolve(directory);
        }
        let secret = config.identity.as_ref().is_some_and(IdentitySection::is_secret);
        Ok(LoadedConfig { config, exposure: exposure.filter(|_| secret) })
    }

    /// Reads the text of a configuration. Paths in it stay as they are.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for a text that is no configuration or contradicts itself.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config = Section::document(text)?.read(Self::read)?;
        config.check()?;
        Ok(config)
    }

    /// The file of lines that holds the accounts.
    #[must_use]
    pub fn account_file(&self) -> Option<AccountFile> {
        let AccountsSection { user_file, smbpasswd, .. } = &self.accounts;
        smbpasswd.as_ref().map(AccountFile::smbpasswd).or_else(|| user_file.as_ref().map(AccountFile::user_file))
    }

    fn read(document: &mut Section<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            policy: document
                .choice("policy", &[("windows", Policy::Windows), ("strict", Policy::Strict)])?
                .unwrap_or_default(),
            lenient_requests: document.flag("lenient_requests")?.unwrap_or_default(),
            dangerous_answer_own_challenges: document.flag("dangerous_answer_own_challenges")?.unwrap_or_default(),
            dangerous_impersonation_without_effect: document
                .flag("dangerous_impersonation_without_effect")?
                .unwrap_or_default(),
            accounts: document.section("accounts", AccountsSection::read)?.unwrap_or_default(),
            identity: document.section("identity", IdentitySection::read)?,
            server: document.section("server", ServerSection::read)?.unwrap_or_default(),
            client: document.section("client", ClientSection::read)?.unwrap_or_default(),
        })
    }

    fn check(&self) -> Result<(), ConfigError> {
        let error = |text: &str| Err(ConfigError(text.to_owned()));
        let AccountsSection { database, user_file, smbpasswd } = &self.accounts;
        if [database, user_file, smbpasswd].iter().filter(|path| path.is_some()).count() > 1 {
            return error("[accounts] names more than one of database, user_file and smbpasswd; leave one");
        }
        if database.is_some() && !cfg!(feature = "sqlite") {
            return error("[accounts] names a database, which this program was built without");
        }
        if let Some(identity) = &self.identity {
            let secrets = [identity.password.is_some(), identity.password_file.is_some(), identity.nt_hash.is_some()];
            if secrets.into_iter().filter(|given| *given).count() != 1 {
                return error("[identity] needs one of password, password_file and nt_hash");
            }
            if identity.domain.is_some() && identity.user.contains('\\') {
                return error("[identity] says the domain twice");
            }
        }
        self.server.check()?;
        self.client.check()
    }

    fn resolve(&mut self, directory: &Path) {
        let password_file = self.identity.as_mut().and_then(|identity| identity.password_file.as_mut());
        let AccountsSection { database, user_file, smbpasswd } = &mut self.accounts;
        for path in [database.as_mut(), user_file.as_mut(), smbpasswd.as_mut(), password_file].into_iter().flatten() {
            // An absolute path stays what it is.
            *path = directory.join(&path);
        }
    }
}

impl AccountsSection {
    fn read(section: &mut Section<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            database: section.path("database")?,
            user_file: section.path("user_file")?,
            smbpasswd: section.path("smbpasswd")?,
        })
    }
}

impl IdentitySection {
    fn read(section: &mut Section<'_>) -> Result<Self, ConfigError> {
        let secret = |text: String| SecretText(Zeroizing::new(text));
        let user = section.text("user")?;
        Ok(Self {
            domain: section.text("domain")?,
            password: section.text("password")?.map(secret),
            password_file: section.path("password_file")?,
            nt_hash: section.text("nt_hash")?.map(secret),
            user: user.ok_or_else(|| section.missing("user"))?,
        })
    }

    fn is_secret(&self) -> bool {
        self.password.is_some() || self.nt_hash.is_some()
    }

    /// The identity, with the secret read from its file if it is there.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the file cannot be read or is empty, or the hash is none.
    pub fn identity(&self) -> Result<ConfiguredIdentity, ConfigError> {
        let (domain, user) = match (&self.domain, self.user.split_once('\\')) {
            (None, Some((domain, user))) => (domain, user),
            (domain, _) => (domain.as_deref().unwrap_or_default(), self.user.as_str()),
        };
        Ok(ConfiguredIdentity { user: user.into(), domain: domain.into(), secret: self.secret()? })
    }

    fn secret(&self) -> Result<ConfiguredSecret, ConfigError> {
        if let Some(hash) = &self.nt_hash {
            let hash =
                line::nt_hash(&hash.0).ok_or_else(|| ConfigError("[identity] nt_hash is not 32 hex digits".into()))?;
            return Ok(ConfiguredSecret::NtHash(hash));
        }
        if let Some(password) = &self.password {
            return Ok(ConfiguredSecret::Password(Password::new(&password.0)));
        }
        let Some(path) = &self.password_file else { return Err(ConfigError("[identity] has no secret".into())) };
        let failed = |error: &dyn fmt::Display| ConfigError(format!("the password file {}: {error}", path.display()));
        let (text, exposure) = read(path).map_err(|error| failed(&error))?;
        if let Some(exposure) = exposure {
            return Err(failed(&exposure));
        }
        match text.lines().next() {
            Some(line) if !line.is_empty() => Ok(ConfiguredSecret::Password(Password::new(line))),
            _ => Err(failed(&"it is empty")),
        }
    }
}

/// The text of a file, and who else can get at it.
fn read(path: &Path) -> std::io::Result<(Zeroizing<String>, Option<Exposure>)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    // Reserved in full, so that nothing half-read is left behind unwiped by growing.
    let length = usize::try_from(metadata.len().min(MAX_LENGTH)).unwrap_or_default();
    let mut text = Zeroizing::new(String::with_capacity(length + 2));
    file.take(MAX_LENGTH + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_LENGTH {
        return Err(std::io::Error::other("it is longer than 1 MiB; name another file"));
    }
    Ok((text, Exposure::of(&metadata)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Config::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_configuration_is_windows_without_accounts() {
        let config = Config::parse("").unwrap();
        assert_eq!(config.policy, Policy::Windows);
        assert!(config.account_file().is_none() && config.identity.is_none() && !config.lenient_requests);
    }

    #[test]
    fn nothing_dangerous_holds_unless_it_is_said() {
        let config = Config::parse("").unwrap();
        assert!(!config.dangerous_answer_own_challenges && !config.dangerous_impersonation_without_effect);
        let config = Config::parse("dangerous_impersonation_without_effect = true").unwrap();
        assert!(!config.dangerous_answer_own_challenges && config.dangerous_impersonation_without_effect);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert!(refused("polici = 'strict'").contains("unknown field"));
        assert!(refused("policy = 'lax'").contains("unknown variant"));
        assert!(refused("[server]\n\nchanel_bindings = 'always'").starts_with("line 3: unknown field"));
    }

    #[test]
    fn contradictions_are_refused() {
        for (text, reason) in [
            ("[accounts]\nuser_file = 'a'\nsmbpasswd = 'b'", "more than one"),
            ("[accounts]\nuser_file = 'a'\ndatabase = 'b'", "more than one"),
            ("[accounts]\ndatabase = 'a'\nsmbpasswd = 'b'", "more than one"),
            ("[identity]\nuser = 'alice'", "needs one of"),
            ("[identity]\nuser = 'alice'\npassword = 'a'\nnt_hash = 'b'", "needs one of"),
            ("[identity]\nuser = 'EXAMPLE\\alice'\ndomain = 'OTHER'\npassword = 'a'", "twice"),
        ] {
            assert!(refused(text).contains(reason), "{text}");
        }
    }

    #[test]
    fn a_database_is_named_where_there_is_support_for_it() {
        let named = Config::parse("[accounts]\ndatabase = 'accounts.db'");
        if cfg!(feature = "sqlite") {
            let mut config = named.unwrap();
            assert!(config.account_file().is_none());
            config.resolve(Path::new("/etc/ntlm"));
            assert_eq!(config.accounts.database.as_deref(), Some(Path::new("/etc/ntlm/accounts.db")));
        } else {
            assert!(named.unwrap_err().to_string().contains("built without"));
        }
    }

    #[test]
    fn secrets_are_neither_printed_nor_quoted_in_errors() {
        let config = Config::parse("[identity]\nuser = 'alice'\npassword = 'hush'").unwrap();
        assert!(!format!("{config:?}").contains("hush"));
        for text in ["[identity]\nuser = 'alice'\npassword = 'hush", "[identity]\nuser = 7\npassword = 'hush'"] {
            assert!(!refused(text).contains("hush"), "{}", refused(text));
        }
        assert!(!refused("[identity]\nuser = 'alice'\npassword = 1234").contains("1234"));
    }

    #[test]
    fn an_identity_is_a_name_and_a_secret() {
        let identity = |text: &str| Config::parse(text).unwrap().identity.unwrap().identity();
        let alice = identity("[identity]\nuser = 'EXAMPLE\\alice'\npassword = 'secret'").unwrap();
        assert_eq!((alice.user, alice.domain), ("alice".into(), "EXAMPLE".into()));
        assert!(matches!(alice.secret, ConfiguredSecret::Password(password)
            if password.nt_hash().expose() == Password::new("secret").nt_hash().expose()));
        let hash = "878D8014606CDA29677A44EFA1353FC7";
        let bob = identity(&format!("[identity]\nuser = 'bob@example.test'\nnt_hash = '{hash}'")).unwrap();
        assert_eq!((bob.user, bob.domain), ("bob@example.test".into(), UnicodeString::default()));
        assert!(matches!(bob.secret, ConfiguredSecret::NtHash(hash)
            if hash.expose() == Password::new("secret").nt_hash().expose()));
        for odd in ["", "878D8014606CDA29677A44EFA1353FC", "878D8014606CDA29677A44EFA1353FCé", &"g".repeat(32)] {
            assert!(identity(&format!("[identity]\nuser = 'bob'\nnt_hash = '{odd}'")).is_err(), "{odd}");
        }
    }
}
