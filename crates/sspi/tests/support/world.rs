//! The worlds that cases run in: an environment with a fixed clock, an authority that knows the accounts of the table, and a configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use ntlm::config::{ChannelBindingsPolicy, ClientPolicy, ServerPolicy, TargetNamePolicy};
use ntlm::{
    AcceptedTargets, Authority, ClientConfig, EntropyError, FileTime, LogonFailure, LogonSuccess, NetworkLogon, NtHash,
    Password, ServerConfig, ServerNames, UnicodeString,
};
use ntlm_sspi::{AuthIdentity, Configuration, DefaultIdentity, Environment, Secret, SecurityInterface};

use super::loader::Common;
use super::table::{Accounts, ClientSettings, Identity, ServerSettings, World};

/// The time in every world, UTC.
pub(crate) const NOW: FileTime = FileTime(134_084_250_000_000_000);

/// Local time is two hours ahead.
pub(crate) const TO_LOCAL: u64 = 2 * 3600 * 10_000_000;

/// An environment with a fixed clock.
#[derive(Default)]
pub(crate) struct Fixed {
    pub(crate) without_randomness: bool,
}

impl Environment for Fixed {
    fn now(&self) -> FileTime {
        NOW
    }

    fn to_local(&self, time: FileTime) -> FileTime {
        FileTime(time.0 + TO_LOCAL)
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        if self.without_randomness {
            return Err(EntropyError);
        }
        getrandom::fill(bytes).map_err(|_| EntropyError)
    }
}

/// An authority that knows accounts, or cannot be reached. It calls an account without a domain after the server, as Windows does.
pub(crate) struct Known {
    accounts: Vec<(UnicodeString, UnicodeString, NtHash)>,
    unreachable: bool,
}

impl Known {
    pub(crate) fn new<'a>(identities: impl IntoIterator<Item = &'a Identity>) -> Self {
        let account = |identity: &Identity| {
            let AuthIdentity { user, domain, secret, .. } = auth_identity(identity);
            let Secret::Password(password) = secret else { panic!("accounts have passwords") };
            (user, domain, password.nt_hash())
        };
        Self { accounts: identities.into_iter().map(account).collect(), unreachable: false }
    }

    /// One account.
    pub(crate) fn of(domain: &str, user: &str, password: &str) -> Self {
        let account = (user.into(), domain.into(), Password::new(password).nt_hash());
        Self { accounts: vec![account], unreachable: false }
    }
}

impl Authority for Known {
    fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        if self.unreachable {
            return Err(LogonFailure::NO_LOGON_SERVERS);
        }
        let found = self
            .accounts
            .iter()
            .find(|(user, domain, _)| user.eq_ignore_case(logon.user()) && domain.eq_ignore_case(logon.domain()));
        let success = logon.verify(found.map(|(.., hash)| hash))?;
        let (user, domain, _) = found.ok_or(LogonFailure::NO_SUCH_USER)?;
        let domain = if domain.is_empty() { &logon.server_names().nb_computer } else { domain };
        Ok(success.with_account(format!("{domain}\\{user}").as_str().into()))
    }
}

/// An identity as the crate takes it.
pub(crate) fn auth_identity(identity: &Identity) -> AuthIdentity {
    let password = identity.password.as_ref().map(super::table::Repeated::text).unwrap_or_default();
    AuthIdentity {
        user: identity.user.as_ref().map(super::table::Repeated::text).unwrap_or_default().as_str().into(),
        domain: identity.domain.as_deref().unwrap_or_default().into(),
        secret: Secret::Password(Password::new(&password)),
        package_list: identity.packages.clone(),
    }
}

fn accounts(identities: &BTreeMap<String, Identity>) -> Known {
    Known::new(identities.values().filter(|identity| identity.account))
}

/// A library in a world.
pub(crate) fn interface(common: &Common, world: &World) -> SecurityInterface {
    let environment = Arc::new(Fixed { without_randomness: world.without_randomness });
    let mut configuration = Configuration::windows("SERVER1", environment);
    configuration.authority = match world.accounts {
        Accounts::Known => Some(Arc::new(accounts(&common.identities))),
        Accounts::None => None,
        Accounts::Unreachable => Some(Arc::new(Known { accounts: Vec::new(), unreachable: true })),
    };
    configuration.default_identity = match world.default_identity.as_deref() {
        None => DefaultIdentity::None,
        Some("unreadable") => DefaultIdentity::Unreadable,
        Some(name) => DefaultIdentity::Known(auth_identity(&common.identities[name])),
    };
    configuration.client = ClientConfig::new(client_policy(world.client));
    configuration.server = ServerConfig::new(ServerNames::standalone("SERVER1"), server_policy(world.server));
    configuration.lenient_requests = world.lenient_requests;
    configuration.dangerous_impersonation_without_effect = world.dangerous_impersonation_without_effect;
    if !world.refuses_own_challenges {
        configuration = configuration.dangerous_answering_own_challenges();
    }
    SecurityInterface::new(configuration)
}

fn client_policy(settings: ClientSettings) -> ClientPolicy {
    let windows = ClientPolicy::windows();
    match settings {
        ClientSettings::Windows => windows,
        ClientSettings::Strict => ClientPolicy::strict(),
        ClientSettings::AnswersUnasked => windows.dangerous_answering_unasked(),
        ClientSettings::Blocked => {
            let mut policy = windows;
            policy.client_blocked = true;
            policy.client_block_exceptions = vec!["allowed.example.test".to_owned()];
            policy
        }
    }
}

fn server_policy(settings: ServerSettings) -> ServerPolicy {
    let targets = || AcceptedTargets::hosts(["server1.example.test"]);
    let mut policy = ServerPolicy::windows();
    match settings {
        ServerSettings::Windows => {}
        ServerSettings::Strict => policy = ServerPolicy::strict(),
        ServerSettings::Blocked => policy.server_block = true,
        ServerSettings::Datagram => policy.allow_datagram = true,
        ServerSettings::VerifiesTarget => policy.target_name = TargetNamePolicy::VerifyWhenSupplied(targets()),
        ServerSettings::RequiresTarget => policy.target_name = TargetNamePolicy::Require(targets()),
        ServerSettings::RequiresBindings => policy.channel_bindings = ChannelBindingsPolicy::Always,
    }
    policy
}
