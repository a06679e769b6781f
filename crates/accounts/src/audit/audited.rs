//! The decorator for front ends that keep no records.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use ntlm::{Authority, FileTime, LogonFailure, LogonSuccess, NetworkLogon};

use super::{AuditDraft, AuditSink};
use crate::authority::{AsyncAuthority, FutureVerdict, Origin};
use crate::clock;

/// An authority each of whose verdicts is recorded, as event 4776, and given on as it is. For front ends that keep no records of whole logons: what becomes of a logon after
/// the verdict, a wrong MIC say, is not in it. A question that is given up before it is answered leaves no record.
///
/// Around a [`Throttled`](crate::Throttled) authority, so that it sees the lock-outs.
pub struct Audited<A> {
    inner: A,
    sink: Arc<dyn AuditSink>,
    carrier: Cow<'static, str>,
    clock: Box<dyn Fn() -> FileTime + Send + Sync>,
}

impl<A> Audited<A> {
    /// Records the verdicts of `inner` in `sink`.
    #[must_use]
    pub fn new(inner: A, sink: Arc<dyn AuditSink>) -> Self {
        Self { inner, sink, carrier: Cow::Borrowed(""), clock: Box::new(clock::now) }
    }

    /// Says in the records what carries the logons.
    #[must_use]
    pub fn with_carrier(self, carrier: impl Into<Cow<'static, str>>) -> Self {
        Self { carrier: carrier.into(), ..self }
    }

    /// Takes the time from `clock` instead of the system.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> FileTime + Send + Sync + 'static) -> Self {
        Self { clock: Box::new(clock), ..self }
    }

    fn record(&self, logon: &NetworkLogon, origin: &Origin, verdict: &Result<LogonSuccess, LogonFailure>) {
        let draft = AuditDraft::new(origin, self.carrier.clone(), (self.clock)());
        self.sink.record(&draft.question(logon).validated(verdict));
    }
}

impl<A: Authority> Authority for Audited<A> {
    fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        let verdict = self.inner.logon(logon);
        self.record(logon, &Origin::default(), &verdict);
        verdict
    }
}

impl<A: AsyncAuthority> AsyncAuthority for Audited<A> {
    fn logon<'a>(&'a self, logon: &'a NetworkLogon, origin: &'a Origin) -> FutureVerdict<'a> {
        Box::pin(async move {
            let verdict = self.inner.logon(logon, origin).await;
            self.record(logon, origin, &verdict);
            verdict
        })
    }
}

impl<A> fmt::Debug for Audited<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audited").field("carrier", &self.carrier).finish_non_exhaustive()
    }
}
