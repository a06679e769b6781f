//! Lock-out of accounts and throttling of addresses: what keeps the guessing of passwords slow.
//!
//! ```
//! use std::sync::Arc;
//! use ntlm_accounts::{AccountName, LocalAuthority, MemoryStore, Throttle, ThrottlePolicy, Throttled};
//!
//! let throttle = Arc::new(Throttle::new(ThrottlePolicy::default()));
//! let authority = Throttled::new(LocalAuthority::new(MemoryStore::new()), Arc::clone(&throttle));
//! // The front end asks `throttle.address_is_blocked(..)` before it challenges a client.
//! # let _ = authority;
//! ```
//!
//! # What is counted
//!
//! | verdict of the authority | for the account | for the address |
//! |---|---|---|
//! | wrong password, no such user, or one of the two ([`LogonFailure::LOGON_FAILURE`]) | a failure | a failure |
//! | another denial: disabled, expired | | a failure |
//! | a yes about a user | its counter begins anew, unless it is locked | |
//! | nobody could decide; anonymous logons; guests | | |
//!
//! A client that tries a wrong password three times has failed three times. Names without an account are counted and locked as others are, so that a lock-out does not tell which
//! names exist. The ways to name an account are one counter for its domain (`EXAMPLE\alice`, `alice@example.test`...) and one for the machine (`alice`, `.\alice`, `WEB1\alice`...), and a right
//! password is refused while the account that the authority found is locked, or the name that was sent. Somebody of the same name elsewhere neither locks an account nor frees it, unless
//! policy has users of unknown domains looked up among the local accounts: then all domains count there, too. An
//! authority that takes any name for an account ([`FixedPassword`](crate::FixedPassword)) is protected by the addresses alone.
//!
//! # What is told
//!
//! A locked account looks like a wrong password from outside: the authority is asked all the same, its answer is thrown away, and
//! [`LogonFailure::ACCOUNT_LOCKED_OUT`] is one more denial. Every attempt on it then counts for the address, or addresses would tell whether the password was right. A blocked address gets
//! [`LogonFailure::NETWORK_ACCESS_DENIED`] without anybody being asked, and is no secret. Where the authority cannot decide, its failure stands, locked or not.
//!
//! Lock-out has a price: who knows a name can keep its owner out, from many addresses. 0 in [`ThrottlePolicy::account_failures`] leaves the addresses alone to slow guessing down.
//!
//! Put [`Throttled`] around a [`FirstOf`](crate::FirstOf), not into it: a locked name is no unknown one, and the next authority would not be asked.
//!
//! # What it costs
//!
//! A logon that succeeds looks at one counter or two, each behind a lock of its own, and at its address. Memory is fixed by [`ThrottlePolicy::capacity`]; names are not kept. When there is no room
//! a new counter takes the place of the one with the fewest failures in its bucket of eight. Which names share a bucket nobody outside knows, so to have a
//! counter of `n` failures forgotten an attacker must bring most of all counters to `n` failures, within the window, past the addresses' counters. Counters are not kept on disk: a
//! restart forgets them.

mod counters;
mod key;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ntlm::context::IdentityKind;
use ntlm::logon::LogonFailureKind;
use ntlm::wire::ResponseClass;
use ntlm::{Authority, LogonFailure, LogonSuccess, NetworkLogon};

use crate::audit::{AuditRecord, AuditSink, Decision, WindowsEvent};
use crate::authority::{AsyncAuthority, FutureVerdict, Origin};
use crate::clock;
use counters::{Counters, Failed, Rule};
use key::Fingerprints;

/// How many failures are too many. Start from the default and set fields:
///
/// ```
/// let mut policy = ntlm_accounts::ThrottlePolicy::default();
/// policy.account_failures = 5;
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThrottlePolicy {
    /// Failures that lock an account; 0 never does. 10, as in Windows.
    pub account_failures: u32,
    /// How long after its last failure an account's counter begins anew. 10 minutes, as in Windows.
    pub account_window: Duration,
    /// How long an account stays locked. Attempts meanwhile do not make it longer. 10 minutes, as in Windows; [`Duration::MAX`] until a restart, which gives everybody the power to lock
    /// anybody out for good.
    pub lock_out: Duration,
    /// Failures that block an address; 0 never does. 100: many people can share an address.
    pub address_failures: u32,
    /// How long the failures of an address count, from the first of them; a blocked address is free again then. 10 minutes.
    pub address_window: Duration,
    /// Never blocks 127.0.0.0/8 and `::1`: for servers behind a proxy on the same machine, all of whose clients come from there. Off.
    pub exempt_loopback: bool,
    /// How many counters there are room for, half of them for accounts and half for addresses; rounded to sixteen. 65,536, which take 2.5 MiB when all are in use.
    pub capacity: usize,
}

impl Default for ThrottlePolicy {
    fn default() -> Self {
        let ten_minutes = Duration::from_secs(600);
        Self {
            account_failures: 10,
            account_window: ten_minutes,
            lock_out: ten_minutes,
            address_failures: 100,
            address_window: ten_minutes,
            exempt_loopback: false,
            capacity: 65_536,
        }
    }
}

/// What is remembered of failures. Shared between a [`Throttled`] authority and the front end that asks for addresses.
pub struct Throttle {
    policy: ThrottlePolicy,
    fingerprints: Fingerprints,
    accounts: Counters,
    addresses: Counters,
}

impl Throttle {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new(policy: ThrottlePolicy) -> Self {
        let accounts = Rule {
            limit: policy.account_failures,
            window: policy.account_window,
            slides: true,
            block: policy.lock_out,
        };
        let addresses = Rule {
            limit: policy.address_failures,
            window: policy.address_window,
            slides: false,
            block: policy.address_window,
        };
        let half = policy.capacity / 2;
        Self {
            fingerprints: Fingerprints::default(),
            accounts: Counters::new(accounts, half),
            addresses: Counters::new(addresses, half),
            policy,
        }
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &ThrottlePolicy {
        &self.policy
    }

    /// For how long `address` is blocked from `now` on; `None` when it is not. For front ends that turn clients away before they challenge them.
    #[must_use]
    pub fn address_is_blocked(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        self.counted(address).and_then(|fingerprint| self.addresses.blocked(fingerprint, now))
    }

    /// Bytes that are held now, on the heap and itself.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.accounts.memory() + self.addresses.memory()
    }

    /// The counter of `address`; `None` when it is exempt.
    fn counted(&self, address: IpAddr) -> Option<u64> {
        let exempt = self.policy.exempt_loopback && address.to_canonical().is_loopback();
        (!exempt).then(|| self.fingerprints.address(address))
    }

    /// Counts a verdict, and gives the one that is to stand in its place. `locked` is called when it locks the account.
    fn settle(
        &self,
        logon: &NetworkLogon,
        address: Option<IpAddr>,
        verdict: Result<LogonSuccess, LogonFailure>,
        now: Instant,
        locked: impl FnOnce(LogonFailure),
    ) -> Result<LogonSuccess, LogonFailure> {
        let undecided = |failure: &LogonFailure| failure.kind() != LogonFailureKind::Denied;
        if logon.response_class() == ResponseClass::Anonymous || verdict.as_ref().is_err_and(undecided) {
            return verdict;
        }
        let address = address.and_then(|address| self.counted(address));
        // Asked again: other logons of the address may have been decided since.
        if address.is_some_and(|address| self.addresses.blocked(address, now).is_some()) {
            return Err(LogonFailure::NETWORK_ACCESS_DENIED);
        }
        let verdict = self.settle_account(logon, verdict, now, locked);
        if let (Some(address), Err(_)) = (address, &verdict) {
            self.addresses.fail(address, now);
        }
        verdict
    }

    fn settle_account(
        &self,
        logon: &NetworkLogon,
        verdict: Result<LogonSuccess, LogonFailure>,
        now: Instant,
        locked: impl FnOnce(LogonFailure),
    ) -> Result<LogonSuccess, LogonFailure> {
        let claimed = self.fingerprints.claimed(logon);
        let is_locked = |account| self.accounts.blocked(account, now).is_some();
        match verdict {
            Ok(success) => {
                let found = success.account().map(|account| self.fingerprints.found(account, logon.server_names()));
                let found = found.filter(|found| *found != claimed.name);
                if is_locked(claimed.name) || found.is_some_and(is_locked) {
                    return Err(LogonFailure::ACCOUNT_LOCKED_OUT);
                }
                // A guest has proven nothing.
                if success.kind() == IdentityKind::User {
                    [Some(claimed.name), found].into_iter().flatten().for_each(|it| self.accounts.forgive(it, now));
                }
                Ok(success)
            }
            Err(failure) if guesses(failure) => {
                let [mut locks_now, mut was_locked] = [false; 2];
                for account in claimed.all() {
                    match self.accounts.fail(account, now) {
                        Failed::Counted => {}
                        Failed::Blocks => locks_now = true,
                        Failed::WasBlocked => was_locked = true,
                    }
                }
                if locks_now {
                    locked(failure);
                }
                Err(if was_locked { LogonFailure::ACCOUNT_LOCKED_OUT } else { failure })
            }
            Err(failure) => Err(if claimed.all().any(is_locked) { LogonFailure::ACCOUNT_LOCKED_OUT } else { failure }),
        }
    }

    /// The record of a lock-out.
    fn lock_out(&self, logon: &NetworkLogon, origin: &Origin, failure: LogonFailure) -> AuditRecord {
        let told = failure.status.text().unwrap_or("the logon was denied");
        let lasts = match self.policy.lock_out {
            Duration::MAX => "until the server starts anew".to_owned(),
            lasts => format!("for {} s", lasts.as_secs()),
        };
        let failures = self.policy.account_failures;
        let mut record = AuditRecord::new(clock::now(), WindowsEvent::LockOut, Decision::LockedOut);
        record.nt_status = LogonFailure::ACCOUNT_LOCKED_OUT.status;
        record.reason = format!("locked out {lasts} after {failures} failures; the last one: {told}");
        record.address = origin.address;
        record.user = logon.user().clone();
        record.domain = logon.domain().clone();
        record.workstation = logon.workstation().clone();
        record
    }
}

/// Whether a failure is what somebody who guesses passwords gets.
fn guesses(failure: LogonFailure) -> bool {
    [LogonFailure::WRONG_PASSWORD, LogonFailure::NO_SUCH_USER, LogonFailure::LOGON_FAILURE].contains(&failure)
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// An authority that passwords cannot be guessed from quickly: locks accounts and blocks addresses.
///
/// As an [`Authority`] it knows no addresses, and locks accounts only.
pub struct Throttled<A> {
    inner: A,
    throttle: Arc<Throttle>,
    sink: Option<Arc<dyn AuditSink>>,
    clock: Box<dyn Fn() -> Instant + Send + Sync>,
}

impl<A> Throttled<A> {
    /// Guards `inner`.
    #[must_use]
    pub fn new(inner: A, throttle: Arc<Throttle>) -> Self {
        Self { inner, throttle, sink: None, clock: Box::new(Instant::now) }
    }

    /// Records each account that gets locked out in `sink`, as event 4740.
    #[must_use]
    pub fn with_audit(self, sink: Arc<dyn AuditSink>) -> Self {
        Self { sink: Some(sink), ..self }
    }

    /// Takes the time from `clock` instead of the system.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self { clock: Box::new(clock), ..self }
    }

    /// What it remembers.
    #[must_use]
    pub fn throttle(&self) -> &Arc<Throttle> {
        &self.throttle
    }

    fn is_blocked(&self, origin: &Origin) -> bool {
        let blocked = |address| self.throttle.address_is_blocked(address, (self.clock)()).is_some();
        origin.address.is_some_and(|address| blocked(address.ip()))
    }

    fn settle(
        &self,
        logon: &NetworkLogon,
        origin: &Origin,
        verdict: Result<LogonSuccess, LogonFailure>,
    ) -> Result<LogonSuccess, LogonFailure> {
        let address = origin.address.map(|address| address.ip());
        self.throttle.settle(logon, address, verdict, (self.clock)(), |failure| {
            if let Some(sink) = &self.sink {
                sink.record(&self.throttle.lock_out(logon, origin, failure));
            }
        })
    }
}

impl<A: Authority> Authority for Throttled<A> {
    /// # Errors
    ///
    /// The inner authority's; [`LogonFailure::ACCOUNT_LOCKED_OUT`] instead of them for a locked account.
    fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        self.settle(logon, &Origin::default(), self.inner.logon(logon))
    }
}

impl<A: AsyncAuthority> AsyncAuthority for Throttled<A> {
    fn logon<'a>(&'a self, logon: &'a NetworkLogon, origin: &'a Origin) -> FutureVerdict<'a> {
        Box::pin(async move {
            if self.is_blocked(origin) {
                return Err(LogonFailure::NETWORK_ACCESS_DENIED);
            }
            self.settle(logon, origin, self.inner.logon(logon, origin).await)
        })
    }
}

impl<A> fmt::Debug for Throttled<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttled").field("throttle", &self.throttle).finish_non_exhaustive()
    }
}
