//! Beginning again: when a request may go out once more on a new connection, and what it takes along from the old one.

use std::mem;

use super::error::Error;
use super::logon::Expectation;
use super::observe::{Event, Observer};

/// What is known about the parties before a new connection says anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Expectations {
    pub(super) proxy: Expectation,
    pub(super) server: Expectation,
}

/// Why a request came to no response on a connection.
pub(super) enum Interruption {
    /// For good.
    Failed(Error),
    /// It may begin again on a new connection.
    Again(Again),
}

/// A request that may begin again.
pub(super) struct Again {
    pub(super) why: Why,
    /// What it comes to if it may not.
    pub(super) error: Error,
    pub(super) expectations: Expectations,
}

/// Why a request begins again. None of it was executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The connection was closed between two steps that need not share one.
    Closed,
    /// The connection was lost where it should not have been.
    Lost,
    /// The connection was logged on and is so no more.
    LoggedOff,
}

impl From<Error> for Interruption {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// How often a request has begun again.
#[derive(Default)]
pub(super) struct Attempts {
    closed: usize,
    lost: bool,
    logged_off: bool,
}

impl Attempts {
    /// What is known now, for another attempt.
    pub(super) fn again(
        &mut self,
        interruption: Interruption,
        observer: Option<&dyn Observer>,
    ) -> Result<Expectations, Error> {
        let again = match interruption {
            Interruption::Failed(error) => return Err(error),
            Interruption::Again(again) => again,
        };
        let (allowed, reason) = match again.why {
            Why::Closed => {
                self.closed += 1;
                // The proxy asks, the server asks, and what was withheld goes out.
                (self.closed <= 3, "the connection was closed before the logon began")
            }
            Why::Lost => (!mem::replace(&mut self.lost, true), "the connection was lost and nothing was executed"),
            Why::LoggedOff => {
                (!mem::replace(&mut self.logged_off, true), "the server wants a logon again on the connection")
            }
        };
        if !allowed {
            return Err(again.error);
        }
        if let Some(observer) = observer {
            observer.observe(&Event::Again { reason });
        }
        Ok(again.expectations)
    }
}
