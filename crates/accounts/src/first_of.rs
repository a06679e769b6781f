//! Several authorities in a row: the next is asked when the one before has no such account.
//!
//! | what an authority says | what follows |
//! |---|---|
//! | yes | the answer |
//! | there is no such user ([`LogonFailure::NO_SUCH_USER`]) | the next is asked |
//! | another denial: wrong password, disabled; NTLM is blocked | the answer, or the failure of one before that could not decide |
//! | nobody could decide ([`LogonFailureKind::NoAuthority`], [`Internal`](LogonFailureKind::Internal), [`TimeSkew`](LogonFailureKind::TimeSkew)) | remembered, and the next is asked |
//!
//! Where an authority could not decide and no later one says yes, its failure is the answer: that there is no such user, or that the password is wrong, would
//! be a claim that nobody has checked.
//!
//! An account that is in two authorities is the first's. While the first is out of reach it is the second's, with the second's password: do not give one name to two people.
//!
//! The time that an answer takes tells how many authorities were asked, and so which of them has the name. Where that must stay secret, put all accounts into one
//! authority; each answers unknown names in the time of known ones.

use ntlm::logon::LogonFailureKind;
use ntlm::{Authority, LogonFailure, LogonSuccess, NetworkLogon};

use crate::authority::{AsyncAuthority, FutureVerdict, Origin};

/// Asks authorities one after the other: the module says when the next. Without any, nobody can decide.
///
/// ```
/// use ntlm::Authority;
/// use ntlm_accounts::{FirstOf, LocalAuthority, MemoryStore};
///
/// let (administrators, users) = (LocalAuthority::new(MemoryStore::new()), LocalAuthority::new(MemoryStore::new()));
/// let authority = FirstOf::<dyn Authority + Send + Sync>::new(vec![Box::new(administrators), Box::new(users)]);
/// # let _ = authority;
/// ```
#[derive(Debug)]
pub struct FirstOf<A: ?Sized> {
    authorities: Vec<Box<A>>,
}

impl<A: ?Sized> FirstOf<A> {
    /// Asks `authorities` in this order.
    #[must_use]
    pub fn new(authorities: Vec<Box<A>>) -> Self {
        Self { authorities }
    }
}

impl<A: Authority + ?Sized> Authority for FirstOf<A> {
    fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        let mut answers = Answers::default();
        for authority in &self.authorities {
            if let Some(verdict) = answers.take(authority.logon(logon)) {
                return verdict;
            }
        }
        answers.none()
    }
}

impl<A: AsyncAuthority + ?Sized> AsyncAuthority for FirstOf<A> {
    fn logon<'a>(&'a self, logon: &'a NetworkLogon, origin: &'a Origin) -> FutureVerdict<'a> {
        Box::pin(async move {
            let mut answers = Answers::default();
            for authority in &self.authorities {
                if let Some(verdict) = answers.take(authority.logon(logon, origin).await) {
                    return verdict;
                }
            }
            answers.none()
        })
    }
}

/// What was said so far.
#[derive(Default)]
struct Answers {
    /// The first failure to decide.
    undecided: Option<LogonFailure>,
    /// Whether somebody said that there is no such user.
    unknown: bool,
}

impl Answers {
    /// Takes the next answer; gives the verdict when nobody else needs to be asked.
    fn take(&mut self, verdict: Result<LogonSuccess, LogonFailure>) -> Option<Result<LogonSuccess, LogonFailure>> {
        let failure = match verdict {
            Ok(success) => return Some(Ok(success)),
            Err(failure) => failure,
        };
        match failure.kind() {
            LogonFailureKind::Denied if failure == LogonFailure::NO_SUCH_USER => {
                self.unknown = true;
                None
            }
            LogonFailureKind::Denied | LogonFailureKind::Blocked => Some(Err(self.undecided.unwrap_or(failure))),
            LogonFailureKind::NoAuthority | LogonFailureKind::TimeSkew | LogonFailureKind::Internal => {
                self.undecided.get_or_insert(failure);
                None
            }
        }
    }

    /// The verdict when nobody is left to ask.
    fn none(&self) -> Result<LogonSuccess, LogonFailure> {
        let unknown = if self.unknown { LogonFailure::NO_SUCH_USER } else { LogonFailure::NO_LOGON_SERVERS };
        Err(self.undecided.unwrap_or(unknown))
    }
}
