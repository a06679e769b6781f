//! A server that guessing is kept from, for the tests of that.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ntlm::{Authority, LogonFailure, LogonSuccess, NetworkLogon, Password, ServerConfig, ServerPolicy};
use ntlm_accounts::{
    AccountName, Immediate, LocalAuthority, MemoryStore, Origin, Throttle, ThrottlePolicy, Throttled, server_names,
};

use crate::support::{Clock, Kept, Pair, Script, ask};

pub(crate) const LOCKED: Result<(), LogonFailure> = Err(LogonFailure::ACCOUNT_LOCKED_OUT);
pub(crate) const WRONG: Result<(), LogonFailure> = Err(LogonFailure::WRONG_PASSWORD);
pub(crate) const UNKNOWN: Result<(), LogonFailure> = Err(LogonFailure::NO_SUCH_USER);
pub(crate) const BLOCKED: Result<(), LogonFailure> = Err(LogonFailure::NETWORK_ACCESS_DENIED);

/// `web1.example.test` in the domain EXAMPLE, whose accounts all have the password `right`, and whose clock is turned by hand.
pub(crate) struct Server {
    pub(crate) pair: Mutex<Pair>,
    pub(crate) clock: Clock,
    pub(crate) throttle: Arc<Throttle>,
    authority: Throttled<Immediate<Box<Asked>>>,
    pub(crate) asked: Arc<AtomicUsize>,
    /// What the authority says instead of looking, when it is `Some`.
    instead: Arc<Mutex<Option<LogonFailure>>>,
    pub(crate) kept: Arc<Kept>,
}

/// The accounts, and how often they were asked.
pub(crate) struct Asked {
    accounts: LocalAuthority<MemoryStore>,
    asked: Arc<AtomicUsize>,
    instead: Arc<Mutex<Option<LogonFailure>>>,
}

impl Authority for Box<Asked> {
    fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match *self.instead.lock().unwrap() {
            Some(failure) => Err(failure),
            None => self.accounts.logon(logon),
        }
    }
}

impl Server {
    pub(crate) fn new(accounts: &[&str], policy: ThrottlePolicy) -> Self {
        let mut store = MemoryStore::new();
        for name in accounts {
            store.insert_password(AccountName::parse(name), &Password::new("right")).unwrap();
        }
        let names = server_names("web1.example.test", Some(&"EXAMPLE".into()));
        let mut pair = Pair::new();
        pair.server_config = ServerConfig::new(names, ServerPolicy::strict());
        let (clock, throttle) = (Clock::new(), Arc::new(Throttle::new(policy)));
        let (asked, instead, kept) = <(Arc<AtomicUsize>, Arc<Mutex<_>>, Arc<Kept>)>::default();
        let accounts =
            Asked { accounts: LocalAuthority::new(store), asked: Arc::clone(&asked), instead: Arc::clone(&instead) };
        let authority = Throttled::new(Immediate(Box::new(accounts)), Arc::clone(&throttle))
            .with_audit(Arc::clone(&kept) as _)
            .with_clock({
                let clock = clock.clone();
                move || clock.now()
            });
        Self { pair: Mutex::new(pair), clock, throttle, authority, asked, instead, kept }
    }

    pub(crate) fn with(accounts: &[&str]) -> Self {
        Self::new(accounts, ThrottlePolicy::default())
    }

    /// `DOMAIN\user` (or `user`, with no domain) tries a password.
    pub(crate) fn try_from(&self, name: &str, password: &str, origin: &Origin) -> Result<(), LogonFailure> {
        let (domain, user) = name.split_once('\\').unwrap_or(("", name));
        let script = Script { user: user.into(), domain: domain.into(), password: password.into(), ..Script::new() };
        let question = script.question(&mut self.pair.lock().unwrap()).unwrap();
        let verdict = ask(&self.authority, question.logon(), origin);
        let told = verdict.as_ref().map(|_| ()).map_err(|failure| *failure);
        assert_eq!(question.finish(verdict).is_ok(), told.is_ok());
        told
    }

    pub(crate) fn tries(&self, name: &str, password: &str) -> Result<(), LogonFailure> {
        self.try_from(name, password, &Origin::default())
    }

    pub(crate) fn fails(&self, name: &str, times: usize) {
        for _ in 0..times {
            assert!(self.tries(name, "guess").is_err(), "{name}");
        }
    }

    pub(crate) fn instead(&self, failure: Option<LogonFailure>) {
        *self.instead.lock().unwrap() = failure;
    }
}
