//! Accounts, a client that is driven by hand, and a place for records.

pub(crate) mod wire;

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use http::HeaderValue;
use ntlm::{
    Authority, ChannelBindings, ClientConfig, ClientPolicy, Credentials, EntropyError, LogonFailure, LogonSuccess,
    NetworkLogon, Password, ServerNames, client,
};
use ntlm_accounts::audit::{AuditRecord, AuditSink};
use ntlm_accounts::{Account, AccountName, AsyncAuthority, Immediate, LocalAuthority, MemoryStore};
use ntlm_http::header::{self, Scheme};
use ntlm_http::server::{Acceptor, Answer, Connection, Moment, NtlmUser, Settings, Step};

pub(crate) const ALICE: &str = r"EXAMPLE\alice";
pub(crate) const BOB: &str = r"EXAMPLE\bob";
/// Whose account is disabled.
pub(crate) const CAROL: &str = r"EXAMPLE\carol";
pub(crate) const PASSWORD: &str = "secret";

pub(crate) fn settings() -> Settings {
    Settings::new(ServerNames::member("WEB1", "EXAMPLE"))
}

pub(crate) fn accounts() -> LocalAuthority<MemoryStore> {
    let mut store = MemoryStore::new();
    for (name, barred) in [(ALICE, None), (BOB, None), (CAROL, Some(LogonFailure::ACCOUNT_DISABLED))] {
        let account = Account::new(AccountName::parse(name), &Password::new(PASSWORD));
        store.insert(Account { barred, ..account }).unwrap();
    }
    LocalAuthority::new(store)
}

pub(crate) fn authority() -> Immediate<LocalAuthority<MemoryStore>> {
    Immediate(accounts())
}

/// Fails with this, whatever it is asked.
pub(crate) struct Failing(pub(crate) LogonFailure);

impl Authority for Failing {
    fn logon(&self, _: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        Err(self.0)
    }
}

/// Keeps records.
#[derive(Default)]
pub(crate) struct Records(Mutex<Vec<AuditRecord>>);

impl Records {
    /// What came since the last time.
    pub(crate) fn take(&self) -> Vec<AuditRecord> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl AuditSink for Records {
    fn record(&self, record: &AuditRecord) {
        self.0.lock().unwrap().push(record.clone());
    }
}

pub(crate) fn entropy(bytes: &mut [u8]) -> Result<(), EntropyError> {
    getrandom::fill(bytes).map_err(|_| EntropyError)
}

/// A client of NTLM that has sent its NEGOTIATE_MESSAGE.
pub(crate) struct Client {
    pub(crate) negotiate: Vec<u8>,
    waiting: client::ExpectChallenge,
}

impl Client {
    pub(crate) fn new(user: &str, password: &str) -> Self {
        Self::with(user, password, client::Exchange::default())
    }

    pub(crate) fn with(user: &str, password: &str, exchange: client::Exchange) -> Self {
        let credentials = Arc::new(Credentials::new(user, &Password::new(password)));
        let config = Arc::new(ClientConfig::new(ClientPolicy::windows()));
        let mut negotiate = Vec::new();
        let waiting = client::Start::new(config, credentials, exchange).send(&mut negotiate).unwrap();
        Self { negotiate, waiting }
    }

    /// The AUTHENTICATE_MESSAGE.
    pub(crate) fn answer(self, challenge: &[u8]) -> Vec<u8> {
        let mut authenticate = Vec::new();
        self.waiting.receive(challenge, Moment::now().time, &mut entropy, &mut authenticate).unwrap();
        authenticate
    }
}

pub(crate) fn exchange(target_name: Option<&str>, bindings: Option<&ChannelBindings>) -> client::Exchange {
    client::Exchange {
        target_name: target_name.map(Into::into),
        channel_bindings: bindings.cloned(),
        ..client::Exchange::default()
    }
}

/// The one token among the challenges of an answer.
pub(crate) fn challenge(values: &[HeaderValue]) -> (Scheme, Vec<u8>) {
    let [value] = values else { panic!("one challenge: {values:?}") };
    let offer = header::challenges([value.as_bytes()]).remove(0).unwrap();
    (offer.scheme, offer.token.expect("a token"))
}

/// The offers of an answer without tokens.
pub(crate) fn offers(values: &[HeaderValue]) -> Vec<Scheme> {
    let offers = header::challenges(values.iter().map(HeaderValue::as_bytes));
    offers.into_iter().map(|offer| offer.map(|offer| (offer.scheme, offer.token)).unwrap()).map(bare).collect()
}

fn bare((scheme, token): (Scheme, Option<Vec<u8>>)) -> Scheme {
    assert_eq!(token, None, "an offer without data");
    scheme
}

/// A request on `connection` with these values in the header of the credentials, and the authority asked.
pub(crate) fn request(
    connection: &mut Connection,
    acceptor: &Acceptor,
    authority: &dyn AsyncAuthority,
    values: &[&HeaderValue],
) -> Result<NtlmUser, Answer> {
    request_at(connection, acceptor, authority, values, Moment::now())
}

pub(crate) fn request_at(
    connection: &mut Connection,
    acceptor: &Acceptor,
    authority: &dyn AsyncAuthority,
    values: &[&HeaderValue],
    now: Moment,
) -> Result<NtlmUser, Answer> {
    let values = values.iter().map(|value| value.as_bytes());
    match connection.receive(acceptor, values, now, &mut entropy) {
        Step::Pass(user) => Ok(user),
        Step::Ask(question) => {
            let verdict = at_once(authority.logon(question.logon(), question.origin()));
            question.decided(verdict)
        }
        Step::Answer(answer) => Err(answer),
    }
}

/// A whole logon: what the last request comes to.
pub(crate) fn log_on(
    connection: &mut Connection,
    acceptor: &Acceptor,
    authority: &dyn AsyncAuthority,
    client: Client,
    scheme: Scheme,
) -> Result<NtlmUser, Answer> {
    let answer = request(connection, acceptor, authority, &[&header::write(scheme, &client.negotiate)])
        .map(|user| user.to_string());
    let answer = answer.expect_err("leg 1 lets nobody in");
    let (answered, token) = challenge(&answer.challenges);
    assert_eq!(answered, scheme, "the framing received");
    request(connection, acceptor, authority, &[&header::write(scheme, &client.answer(&token))])
}

/// What an authority says that does not wait.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("an answer at once"),
    }
}
