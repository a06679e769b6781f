//! The sections `[server]` and `[client]`: names and policy, on top of a ready-made one.

use std::time::Duration;

use ntlm::config::{ChannelBindingsPolicy, LmCompatibilityLevel, MicPolicy, TargetNamePolicy};
use ntlm::{AcceptedTargets, ClientConfig, ClientPolicy, ServerConfig, ServerPolicy, UnicodeString};

use super::section::Section;
use super::{Config, ConfigError, Policy};
use crate::name::server_names;

/// What a server accepts, and what it is called. What is absent is as the policy says.
#[derive(Debug, Default)]
pub struct ServerSection {
    /// Its NetBIOS name; by default the host name's first part.
    pub netbios_name: Option<String>,
    /// The NetBIOS name of its domain; by default the only domain of its accounts.
    pub netbios_domain: Option<String>,
    /// Its DNS name; by default the host name.
    pub dns_name: Option<String>,
    /// The DNS name of its domain.
    pub dns_domain: Option<String>,
    /// The DNS name of its forest.
    pub dns_forest: Option<String>,
    /// ServerBlock: refuses every logon.
    pub block: Option<bool>,
    /// When a client must send a MIC.
    pub mic: Option<Mic>,
    /// When a client must send channel bindings.
    pub channel_bindings: Option<ChannelBindings>,
    /// Whether the target that a client names is looked at.
    pub target_name: Option<TargetName>,
    /// The hosts by which clients may reach the server, for `target_name`.
    pub target_hosts: Vec<String>,
    /// The service classes that they may mean; all when empty.
    pub target_services: Vec<String>,
    /// MaxLifetime in seconds.
    pub max_lifetime: Option<u64>,
    /// How long a challenge is good for, in seconds.
    pub challenge_lifetime: Option<u64>,
    /// Looks users of unknown domains up among the local accounts.
    pub local_accounts_for_unknown_domain: Option<bool>,
    /// Connectionless authentication.
    pub allow_datagram: Option<bool>,
    /// LmCompatibilityLevel below 5: accepts responses from which anybody on the way computes the password hash.
    pub dangerous_lm_compatibility_level: Option<u8>,
}

/// When a client must send a MIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mic {
    /// Always.
    Required,
    /// When its response claims one.
    IfClaimed,
}

/// When a client must send channel bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelBindings {
    /// They are not looked at.
    Off,
    /// Those that it sends must be right.
    WhenSupplied,
    /// Always.
    Always,
}

/// Whether the target that a client names is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetName {
    /// No.
    Ignore,
    /// One that it names must be right.
    VerifyWhenSupplied,
    /// It must name one.
    Require,
}

/// What a client agrees to. What is absent is as the policy says.
#[derive(Debug, Default)]
pub struct ClientSection {
    /// The workstation's name to send; none by default.
    pub workstation: Option<String>,
    /// ClientBlocked: NTLM is refused to every target not in `block_exceptions`.
    pub block: Option<bool>,
    /// ClientBlockExceptions.
    pub block_exceptions: Vec<String>,
    /// Refuses servers that send no TargetInfo.
    pub require_target_info: Option<bool>,
    /// Refuses servers whose clock is farther away, in seconds.
    pub max_clock_difference: Option<u64>,
    /// LmCompatibilityLevel below 3: sends responses from which anybody on the way computes the password hash.
    pub dangerous_lm_compatibility_level: Option<u8>,
}

fn level(number: u8) -> Option<LmCompatibilityLevel> {
    use LmCompatibilityLevel as L;
    [L::Level0, L::Level1, L::Level2, L::Level3, L::Level4, L::Level5].get(usize::from(number)).copied()
}

fn read_level(section: &mut Section<'_>) -> Result<Option<u8>, ConfigError> {
    // What is too large for a level stays so.
    let level = section.number("dangerous_lm_compatibility_level")?;
    Ok(level.map(|level| u8::try_from(level).unwrap_or(u8::MAX)))
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn check_level(section: &str, number: Option<u8>) -> Result<(), ConfigError> {
    match number.map(level) {
        Some(None) => Err(ConfigError(format!("[{section}] dangerous_lm_compatibility_level is a number from 0 to 5"))),
        _ => Ok(()),
    }
}

impl ClientSection {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            workstation: section.text("workstation")?,
            block: section.flag("block")?,
            block_exceptions: section.texts("block_exceptions")?.unwrap_or_default(),
            require_target_info: section.flag("require_target_info")?,
            max_clock_difference: section.number("max_clock_difference")?,
            dangerous_lm_compatibility_level: read_level(section)?,
        })
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        check_level("client", self.dangerous_lm_compatibility_level)
    }
}

impl ServerSection {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, ConfigError> {
        const MIC: [(&str, Mic); 2] = [("required", Mic::Required), ("if-claimed", Mic::IfClaimed)];
        const CHANNEL_BINDINGS: [(&str, ChannelBindings); 3] = [
            ("off", ChannelBindings::Off),
            ("when-supplied", ChannelBindings::WhenSupplied),
            ("always", ChannelBindings::Always),
        ];
        const TARGET_NAME: [(&str, TargetName); 3] = [
            ("ignore", TargetName::Ignore),
            ("verify-when-supplied", TargetName::VerifyWhenSupplied),
            ("require", TargetName::Require),
        ];
        Ok(Self {
            netbios_name: section.text("netbios_name")?,
            netbios_domain: section.text("netbios_domain")?,
            dns_name: section.text("dns_name")?,
            dns_domain: section.text("dns_domain")?,
            dns_forest: section.text("dns_forest")?,
            block: section.flag("block")?,
            mic: section.choice("mic", &MIC)?,
            channel_bindings: section.choice("channel_bindings", &CHANNEL_BINDINGS)?,
            target_name: section.choice("target_name", &TARGET_NAME)?,
            target_hosts: section.texts("target_hosts")?.unwrap_or_default(),
            target_services: section.texts("target_services")?.unwrap_or_default(),
            max_lifetime: section.number("max_lifetime")?,
            challenge_lifetime: section.number("challenge_lifetime")?,
            local_accounts_for_unknown_domain: section.flag("local_accounts_for_unknown_domain")?,
            allow_datagram: section.flag("allow_datagram")?,
            dangerous_lm_compatibility_level: read_level(section)?,
        })
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let error = |text: &str| Err(ConfigError(text.to_owned()));
        check_level("server", self.dangerous_lm_compatibility_level)?;
        if self.target_name.is_some_and(|policy| policy != TargetName::Ignore) && self.target_hosts.is_empty() {
            return error("[server] target_name needs target_hosts: the names by which clients reach this server");
        }
        Ok(())
    }

    fn apply(&self, mut policy: ServerPolicy) -> ServerPolicy {
        let targets =
            || AcceptedTargets { service_classes: self.target_services.clone(), hosts: self.target_hosts.clone() };
        set(&mut policy.server_block, self.block);
        set(
            &mut policy.mic,
            self.mic.map(|mic| match mic {
                Mic::Required => MicPolicy::RequireIfTimestampSent,
                Mic::IfClaimed => MicPolicy::IfClaimed,
            }),
        );
        set(
            &mut policy.channel_bindings,
            self.channel_bindings.map(|bindings| match bindings {
                ChannelBindings::Off => ChannelBindingsPolicy::Off,
                ChannelBindings::WhenSupplied => ChannelBindingsPolicy::WhenSupplied,
                ChannelBindings::Always => ChannelBindingsPolicy::Always,
            }),
        );
        set(
            &mut policy.target_name,
            self.target_name.map(|policy| match policy {
                TargetName::Ignore => TargetNamePolicy::Ignore,
                TargetName::VerifyWhenSupplied => TargetNamePolicy::VerifyWhenSupplied(targets()),
                TargetName::Require => TargetNamePolicy::Require(targets()),
            }),
        );
        set(&mut policy.max_lifetime, self.max_lifetime.map(Duration::from_secs));
        set(&mut policy.challenge_lifetime, self.challenge_lifetime.map(Duration::from_secs));
        set(&mut policy.local_accounts_for_unknown_domain, self.local_accounts_for_unknown_domain);
        set(&mut policy.allow_datagram, self.allow_datagram);
        match self.dangerous_lm_compatibility_level.and_then(level) {
            Some(level) => policy.dangerous_with_lm_compatibility_level(level),
            None => policy,
        }
    }
}

impl Config {
    /// The server on the machine `host`, when all its accounts that have a domain are in `only_domain`.
    #[must_use]
    pub fn server(&self, host: &str, only_domain: Option<&UnicodeString>) -> ServerConfig {
        let given = |name: &Option<String>| name.as_deref().filter(|name| !name.is_empty()).map(UnicodeString::from);
        let section = &self.server;
        let domain = given(&section.netbios_domain);
        let host = section.dns_name.as_deref().unwrap_or(host);
        let mut names = server_names(host, domain.as_ref().or(only_domain));
        set(&mut names.nb_computer, given(&section.netbios_name));
        names.dns_domain = given(&section.dns_domain).or(names.dns_domain);
        names.dns_tree = given(&section.dns_forest).or(names.dns_tree);
        let policy = match self.policy {
            Policy::Windows => ServerPolicy::windows(),
            Policy::Strict => ServerPolicy::strict(),
        };
        ServerConfig::new(names, section.apply(policy))
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> ClientConfig {
        let section = &self.client;
        let mut policy = match self.policy {
            Policy::Windows => ClientPolicy::windows(),
            Policy::Strict => ClientPolicy::strict(),
        };
        set(&mut policy.client_blocked, section.block);
        policy.client_block_exceptions.clone_from(&section.block_exceptions);
        set(&mut policy.require_target_info, section.require_target_info);
        set(&mut policy.max_clock_difference, section.max_clock_difference.map(Duration::from_secs).map(Some));
        if let Some(level) = section.dangerous_lm_compatibility_level.and_then(level) {
            policy = policy.dangerous_with_lm_compatibility_level(level);
        }
        let mut config = ClientConfig::new(policy);
        config.workstation = section.workstation.as_deref().unwrap_or_default().into();
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_what_the_sections_start_from() {
        let config = |text: &str| Config::parse(text).unwrap();
        let server = |text: &str| config(text).server("web1.example.test", None).policy;
        assert_eq!(server(""), ServerPolicy::windows());
        assert_eq!(server("policy = 'strict'"), ServerPolicy::strict());
        assert_eq!(config("policy = 'strict'").client().policy, ClientPolicy::strict());
        let bindings = server("policy = 'strict'\n[server]\nchannel_bindings = 'always'");
        let mut expected = ServerPolicy::strict();
        expected.channel_bindings = ChannelBindingsPolicy::Always;
        assert_eq!(bindings, expected);
        assert_eq!(
            server("[server]\ndangerous_lm_compatibility_level = 0").lm_compatibility_level(),
            LmCompatibilityLevel::Level0
        );
    }

    #[test]
    fn every_setting_of_a_server_has_an_effect() {
        let text = "[server]
            block = true
            mic = 'required'
            channel_bindings = 'off'
            target_name = 'require'
            target_hosts = ['web.example.test']
            target_services = ['HTTP']
            max_lifetime = 60
            challenge_lifetime = 30
            local_accounts_for_unknown_domain = true
            allow_datagram = true";
        let targets = AcceptedTargets { service_classes: vec!["HTTP".into()], hosts: vec!["web.example.test".into()] };
        let mut expected = ServerPolicy::windows();
        expected.server_block = true;
        expected.mic = MicPolicy::RequireIfTimestampSent;
        expected.channel_bindings = ChannelBindingsPolicy::Off;
        expected.target_name = TargetNamePolicy::Require(targets);
        expected.max_lifetime = Duration::from_secs(60);
        expected.challenge_lifetime = Duration::from_secs(30);
        expected.local_accounts_for_unknown_domain = true;
        expected.allow_datagram = true;
        assert_eq!(Config::parse(text).unwrap().server("web1", None).policy, expected);
    }

    #[test]
    fn every_setting_of_a_client_has_an_effect() {
        let text = "[client]
            workstation = 'DESK7'
            block = true
            block_exceptions = ['web']
            require_target_info = true
            max_clock_difference = 300
            dangerous_lm_compatibility_level = 2";
        let client = Config::parse(text).unwrap().client();
        let mut expected = ClientPolicy::windows();
        expected.client_blocked = true;
        expected.client_block_exceptions = vec!["web".into()];
        expected.require_target_info = true;
        expected.max_clock_difference = Some(Duration::from_secs(300));
        let expected = expected.dangerous_with_lm_compatibility_level(LmCompatibilityLevel::Level2);
        assert_eq!(client.policy, expected);
        assert_eq!(client.workstation, "DESK7".into());
    }

    #[test]
    fn a_server_is_called_as_the_configuration_says() {
        let names = |text: &str| Config::parse(text).unwrap().server("web1.example.test", None).names().clone();
        assert_eq!(names("").nb_computer, "WEB1".into());
        let given = names("[server]\nnetbios_name = 'SRV'\nnetbios_domain = 'CORP'\ndns_name = 'srv.corp.test'");
        assert_eq!((given.nb_computer, given.nb_domain), ("SRV".into(), Some("CORP".into())));
        assert_eq!((given.dns_computer, given.dns_domain), (Some("srv.corp.test".into()), Some("corp.test".into())));
        assert_eq!(names("[server]\ndns_forest = 'root.test'").dns_tree, Some("root.test".into()));
    }

    #[test]
    fn a_setting_that_would_have_no_effect_is_refused() {
        for (text, reason) in [
            ("[server]\ntarget_name = 'require'", "needs target_hosts"),
            ("[server]\ndangerous_lm_compatibility_level = 6", "from 0 to 5"),
            ("[client]\ndangerous_lm_compatibility_level = 6", "from 0 to 5"),
        ] {
            assert!(Config::parse(text).unwrap_err().to_string().contains(reason), "{text}");
        }
    }
}
