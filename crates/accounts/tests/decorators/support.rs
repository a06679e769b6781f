//! What these tests share: logons with their records, a sink that keeps records, futures without a runtime, a clock that is turned by hand.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use ntlm::server::AwaitLogon;
use ntlm::{Authority, Error, Established, LogonFailure, LogonSuccess, NetworkLogon, server};
use ntlm_accounts::audit::{AuditDraft, AuditRecord, AuditSink};
use ntlm_accounts::{AsyncAuthority, Origin};

pub(crate) use pair::{NOW, PASSWORD, Pair, knows_alice};
pub(crate) use script::Script;

#[allow(dead_code, unreachable_pub)]
#[path = "../../../ntlm/tests/support/pair.rs"]
pub(crate) mod pair;
#[allow(dead_code, unreachable_pub)]
#[path = "../../../ntlm/tests/support/script.rs"]
pub(crate) mod script;

/// Where the clients of these tests are.
pub(crate) fn origin() -> Origin {
    from("192.0.2.7:50123")
}

pub(crate) fn from(address: &str) -> Origin {
    Origin { address: Some(address.parse::<SocketAddr>().unwrap()) }
}

/// An authority that is a function.
pub(crate) struct Says<F>(pub(crate) F);

impl<F: Fn(&NetworkLogon) -> Result<LogonSuccess, LogonFailure>> Authority for Says<F> {
    fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        (self.0)(logon)
    }
}

/// `script` logs on to the server of `pair`, with the record that a front end keeps.
pub(crate) fn audited(script: &Script, pair: &mut Pair) -> (AuditRecord, Result<Established, Error>) {
    let mut challenge = Vec::new();
    let mut waiting = server::ExpectNegotiate::new(pair.server_config.clone().into(), pair.server_exchange.clone())
        .receive(&script.negotiate, pair.now, &mut pair.entropy, &mut challenge)
        .unwrap();
    let (token, _) = script.answer(&challenge);
    let draft = AuditDraft::new(&origin(), "HTTPS", pair.now).exchange(waiting.exchange_mut()).authenticate(&token);
    let question = match waiting.receive(&token, pair.now) {
        Ok(question) => question,
        Err(error) => return (draft.failed(&error), Err(error)),
    };
    let draft = draft.question(question.logon());
    let verdict = (pair.authority)(question.logon());
    let draft = draft.verdict(&verdict);
    match question.finish(verdict) {
        Ok(established) => (draft.established(&established.info), Ok(established)),
        Err(error) => (draft.failed(&error), Err(error)),
    }
}

/// A logon as `domain\user` with this password that waits for its verdict.
pub(crate) fn question(domain: &str, user: &str, password: &str) -> AwaitLogon {
    let script = Script { domain: domain.into(), user: user.into(), password: password.into(), ..Script::new() };
    script.question(&mut Pair::new()).unwrap()
}

/// The answer of a future that never has to wait.
pub(crate) fn now_or_never<T>(mut future: Pin<Box<dyn Future<Output = T> + Send + '_>>) -> T {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future waits for something"),
    }
}

/// Asks an authority that answers at once.
pub(crate) fn ask(
    authority: &dyn AsyncAuthority,
    logon: &NetworkLogon,
    origin: &Origin,
) -> Result<LogonSuccess, LogonFailure> {
    now_or_never(authority.logon(logon, origin))
}

/// Keeps records.
#[derive(Default)]
pub(crate) struct Kept(Mutex<Vec<AuditRecord>>);

impl Kept {
    pub(crate) fn take(&self) -> Vec<AuditRecord> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl AuditSink for Kept {
    fn record(&self, record: &AuditRecord) {
        self.0.lock().unwrap().push(record.clone());
    }
}

/// A clock that is turned by hand.
#[derive(Clone)]
pub(crate) struct Clock(Arc<Mutex<Instant>>);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    pub(crate) fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }

    pub(crate) fn advance(&self, seconds: u64) {
        *self.0.lock().unwrap() += Duration::from_secs(seconds);
    }
}
