//! The protocol `ntlmssp-client-1`.
//!
//! ```text
//! Idle --YR--> Negotiated --TT--> AF, Idle
//!                  \--TT--> PasswordNeeded --PW--> OK and AF, Idle
//! ```

use std::sync::Arc;

use ntlm::secret::NtHash;
use ntlm::wire::{ChallengeMessage, NegotiateMessage};
use ntlm::{ClientConfig, ContextInfo, Credentials, Error, NegotiateFlags, Password, Requirements, UnicodeString};
use ntlm_accounts::{AccountFile, AccountName};

use super::request::{self, Reply, Request};
use super::{Helper, Options, accounts, tell};
use crate::environment::{SystemEntropy, now};
use crate::failure::Failure;

/// The client.
pub(crate) struct Client {
    config: Arc<ClientConfig>,
    user: User,
    target_name: Option<UnicodeString>,
    credentials: Option<Arc<Credentials>>,
    /// Where to look for a password before asking for one.
    cache: Option<AccountFile>,
    /// For the next exchange.
    requirements: Requirements,
    state: State,
    /// The flags asked for, or in force.
    flags: Option<NegotiateFlags>,
    established: Option<ContextInfo>,
}

enum State {
    Idle,
    /// The NEGOTIATE_MESSAGE is out.
    Negotiated(Requirements),
    /// So is the question for a password that the answer to this CHALLENGE_MESSAGE needs.
    PasswordNeeded(Requirements, Vec<u8>),
}

/// Who logs on.
struct User {
    /// As [`Credentials::new`] takes it.
    name: String,
    domain: Option<String>,
}

impl User {
    fn new(options: &Options) -> Result<Self, Failure> {
        let name = options.username.clone().filter(|name| !name.is_empty()).ok_or_else(|| {
            Failure::unusable("--username is missing; a client needs to know whom to log on: name it, or choose another helper protocol")
        })?;
        let Some(domain) = options.domain.clone() else { return Ok(Self { name, domain: None }) };
        match name.split_once('\\') {
            None => Ok(Self { name, domain: Some(domain) }),
            Some((other, user)) if UnicodeString::from(other).eq_ignore_case(&domain.as_str().into()) => {
                Ok(Self { name: user.to_owned(), domain: Some(domain) })
            }
            Some((other, _)) => Err(Failure::unusable(format!(
                "--username names the domain {other} and --domain names {domain}; leave one of them out"
            ))),
        }
    }

    fn credentials(&self, password: &Password) -> Credentials {
        match &self.domain {
            Some(domain) => Credentials::with_domain(&self.name.as_str().into(), &domain.as_str().into(), password),
            None => Credentials::new(&self.name, password),
        }
    }

    /// The credentials of this user in an account file.
    fn cached(&self, file: &AccountFile) -> Option<Credentials> {
        let loaded = file.load().inspect_err(|error| tell(error)).ok()?;
        accounts::report(file, &loaded);
        let parsed = AccountName::parse(&self.name);
        let given = self.domain.as_deref().filter(|domain| !domain.is_empty()).map(UnicodeString::from);
        let domain = given.as_ref().or(parsed.domain());
        let account = loaded.store.client_account(parsed.user(), domain)?;
        let hash = NtHash::from_bytes(account.nt_hash.as_ref()?.expose()).ok()?;
        Some(match domain.or(account.name.domain()) {
            Some(domain) => Credentials::from_nt_hash_with_domain(parsed.user(), domain, hash),
            None => Credentials::from_nt_hash(&self.name, hash),
        })
    }
}

impl Client {
    pub(crate) fn new(options: &Options) -> Result<Self, Failure> {
        let user = User::new(options)?;
        let mut config = ClientConfig::new(options.policy.client());
        config.workstation = options.workstation.as_deref().unwrap_or_default().into();
        let target_name = match (&options.target_service, &options.target_hostname) {
            (Some(service), Some(host)) => Some(format!("{service}/{host}").into()),
            _ => None,
        };
        let password = options.password.as_ref().map(super::Secret::password);
        let credentials = password.map(|password| Arc::new(user.credentials(&password)));
        let cache = if options.use_cached_creds { accounts::account_file(options) } else { None };
        Ok(Self {
            config: Arc::new(config),
            user,
            target_name,
            credentials,
            cache,
            requirements: Requirements::default(),
            state: State::Idle,
            flags: None,
            established: None,
        })
    }

    /// A client of the core. The NEGOTIATE_MESSAGE does not depend on the credentials.
    fn start(&self, credentials: Arc<Credentials>, requirements: Requirements) -> ntlm::client::Start {
        let exchange =
            ntlm::client::Exchange { target_name: self.target_name.clone(), requirements, ..Default::default() };
        ntlm::client::Start::new(Arc::clone(&self.config), credentials, exchange)
    }

    fn negotiate(&self, requirements: Requirements) -> Result<(Vec<u8>, NegotiateFlags), Error> {
        let mut negotiate = Vec::new();
        let nobody = Arc::new(self.user.credentials(&Password::new("")));
        self.start(nobody, requirements).send(&mut negotiate)?;
        let flags = NegotiateMessage::parse(&negotiate)?.flags;
        Ok((negotiate, flags))
    }

    fn begin(&mut self) -> Reply {
        self.established = None;
        self.state = State::Idle;
        match self.negotiate(self.requirements) {
            Ok((negotiate, flags)) => {
                self.flags = Some(flags);
                self.state = State::Negotiated(self.requirements);
                Reply::token("YR", &negotiate)
            }
            Err(error) => refuse(&error),
        }
    }

    fn challenge(&mut self, base64: &[u8]) -> Reply {
        let State::Negotiated(requirements) = std::mem::replace(&mut self.state, State::Idle) else {
            return Reply::invalid();
        };
        let Some(challenge) = request::token(base64) else { return Reply::invalid() };
        // Nobody is asked for a password on behalf of a token that is none.
        if let Err(error) = ChallengeMessage::parse(&challenge) {
            return refuse(&error.into());
        }
        if self.credentials.is_none() {
            self.credentials = self.cache.as_ref().and_then(|file| self.user.cached(file)).map(Arc::new);
        }
        match self.credentials.clone() {
            Some(credentials) => self.authenticate(&challenge, credentials, requirements),
            None => {
                self.state = State::PasswordNeeded(requirements, challenge);
                Reply::password_needed()
            }
        }
    }

    fn authenticate(&mut self, challenge: &[u8], credentials: Arc<Credentials>, requirements: Requirements) -> Reply {
        let mut authenticate = Vec::new();
        let waiting = self.start(credentials, requirements).send(&mut Vec::new());
        match waiting.and_then(|waiting| waiting.receive(challenge, now(), &mut SystemEntropy, &mut authenticate)) {
            Ok(established) => {
                self.flags = Some(established.info.flags());
                self.established = Some(established.info);
                Reply::token("AF", &authenticate)
            }
            Err(error) => refuse(&error),
        }
    }

    fn password(&mut self, base64: &[u8]) -> Reply {
        let state = std::mem::replace(&mut self.state, State::Idle);
        let Some(password) = request::password(base64) else {
            // An exchange that waits for the answer to TT has failed with it; another one waits on.
            if matches!(state, State::Negotiated(_)) {
                self.state = state;
            }
            tell("a password was sent that is not UTF-8 in base64");
            return Reply::invalid();
        };
        let credentials = Arc::new(self.user.credentials(&password));
        self.credentials = Some(Arc::clone(&credentials));
        match state {
            State::PasswordNeeded(requirements, challenge) => {
                Reply::ok().and(&self.authenticate(&challenge, credentials, requirements))
            }
            state => {
                self.state = state;
                Reply::ok()
            }
        }
    }
}

impl Helper for Client {
    fn answer(&mut self, request: Request<'_>) -> Reply {
        if matches!(self.state, State::PasswordNeeded(..)) && !matches!(request, Request::Password(_)) {
            // Samba goes on as nobody here; this client does not.
            self.state = State::Idle;
            return Reply::broken("Expected a password");
        }
        match request {
            Request::Features(requirements) => {
                self.requirements = requirements;
                Reply::ok()
            }
            Request::Password(base64) => self.password(base64),
            Request::Begin(b"") => self.begin(),
            Request::Challenge(base64) => self.challenge(base64),
            Request::Begin(_) | Request::Authenticate(_) | Request::OutOfPlace => Reply::invalid(),
            Request::SessionKey => {
                Reply::session_key(self.established.as_ref().and_then(|info| info.exported_session_key().ok()))
            }
            Request::Flags => {
                let asked = || self.negotiate(self.requirements).map(|(_, flags)| flags).unwrap_or_default();
                Reply::flags(self.flags.unwrap_or_else(asked))
            }
        }
    }
}

fn refuse(error: &Error) -> Reply {
    tell(format_args!("the logon failed: {error}"));
    error.into()
}
