//! A credential and a context behind their handles. Of a context: where its exchange stands, and what it can do.
//!
//! ```text
//! Waiting --step--> Waiting .. --step--> Established --initiate/accept--> Established + Waiting (reauthentication)
//!    \--error--> Failed              \--- a later leg fails ----------------> Failed
//! ```
//!
//! A failed context refuses everything but deletion. During a reauthentication the old keys work until the new exchange completes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::credentials::{CredentialUse, Outbound};
use crate::handle::{HandleTable, SecHandle};
use crate::package::{EstablishedContext, Exchange, Next, SecurityPackage, Step};
use crate::status::SecurityStatus;
use crate::tables::flags::Meanings;
use crate::tables::package_info::PackageInfo;

/// What a credentials handle stands for. Contexts made from it hold it, so that it may be freed before them.
pub(crate) struct Credential {
    pub(crate) package: Arc<dyn SecurityPackage>,
    pub(crate) usage: CredentialUse,
    /// Whom contexts log on as, or what InitializeSecurityContext is to say about there being nobody.
    pub(crate) outbound: Result<Outbound, SecurityStatus>,
    /// Whether its handle is gone.
    pub(crate) freed: AtomicBool,
}

/// Which of the two calls drives the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// What a context handle stands for. The table of handles keeps it, and a lock around all of them: what is done here is done in a moment, and never while a
/// leg is played.
pub(crate) struct Context {
    side: Side,
    /// Kept so that the credential may be freed before the context, and for calls that name none.
    credential: Arc<Credential>,
    /// The handle it was made with.
    credential_handle: Option<SecHandle>,
    state: State,
}

/// What changes in a context.
#[derive(Default)]
pub(crate) struct State {
    progress: Progress,
    /// What messages go through.
    established: Option<Arc<dyn EstablishedContext>>,
}

/// Where the exchange of a context stands.
#[derive(Default)]
enum Progress {
    /// It waits for the peer.
    Waiting(Box<dyn Exchange>),
    /// A leg is being played: a second one at the same time is out of sequence, whether another thread calls it or the authority that is asked.
    Playing,
    /// None is under way.
    Idle,
    /// It failed, and the context with it.
    #[default]
    Failed,
}

/// Where a context stands when a leg begins.
pub(crate) enum Stage {
    /// An exchange waits for the peer.
    Waiting(Box<dyn Exchange>),
    /// The context stands, and is to be made anew.
    Anew,
}

/// What a call says about a leg.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) side: Side,
    pub(crate) credential: Option<SecHandle>,
    /// What speaks against beginning anew: where that would be the leg, none is played and the context is as it was.
    pub(crate) anew: Result<(), SecurityStatus>,
}

/// What a leg gives to the caller.
pub(crate) struct Outcome {
    pub(crate) status: SecurityStatus,
    pub(crate) token: Vec<u8>,
    pub(crate) meanings: Meanings,
}

/// What can be seen of a context that has not failed.
pub(crate) struct Sight {
    pub(crate) side: Side,
    /// The package that the credential is of.
    pub(crate) asked: &'static PackageInfo,
    pub(crate) is_under_way: bool,
    pub(crate) established: Option<Arc<dyn EstablishedContext>>,
}

impl Context {
    /// A context whose first leg gave `step`.
    pub(crate) fn begin(
        side: Side,
        credential: Arc<Credential>,
        credential_handle: Option<SecHandle>,
        step: Step,
    ) -> (Self, Outcome) {
        let (state, outcome) = came_of(step);
        (Self { side, credential, credential_handle, state }, outcome)
    }

    /// A context that was imported.
    pub(crate) fn imported(credential: Arc<Credential>, context: Arc<dyn EstablishedContext>) -> Self {
        Self {
            side: if context.is_server() { Side::Server } else { Side::Client },
            credential,
            credential_handle: None,
            state: State { progress: Progress::Idle, established: Some(context) },
        }
    }

    /// Ends the exchange that is under way, and the keys. What there was is for the caller to drop, where nobody waits for it.
    pub(crate) fn fail(&mut self) -> State {
        std::mem::take(&mut self.state)
    }

    /// Ends the context and gives what stood, so that nobody goes on with it here.
    ///
    /// SEC_E_INVALID_HANDLE when nothing stands; SEC_E_OUT_OF_SEQUENCE during a leg.
    pub(crate) fn take(&mut self) -> Result<Arc<dyn EstablishedContext>, SecurityStatus> {
        if matches!(self.state.progress, Progress::Playing) {
            return Err(SecurityStatus::SEC_E_OUT_OF_SEQUENCE);
        }
        let context = self.state.established.take().ok_or(SecurityStatus::SEC_E_INVALID_HANDLE)?;
        self.state.progress = Progress::Failed;
        Ok(context)
    }

    /// The context that stands.
    ///
    /// SEC_E_INVALID_HANDLE for one that does not, or does not any more.
    pub(crate) fn established(&self) -> Result<Arc<dyn EstablishedContext>, SecurityStatus> {
        self.state.established.clone().ok_or(SecurityStatus::SEC_E_INVALID_HANDLE)
    }

    /// What can be seen of it.
    ///
    /// SEC_E_INVALID_HANDLE for one that has failed.
    pub(crate) fn sight(&self) -> Result<Sight, SecurityStatus> {
        if matches!(self.state.progress, Progress::Failed) {
            return Err(SecurityStatus::SEC_E_INVALID_HANDLE);
        }
        Ok(Sight {
            side: self.side,
            asked: self.credential.package.info(),
            is_under_way: matches!(self.state.progress, Progress::Waiting(_) | Progress::Playing),
            established: self.state.established.clone(),
        })
    }

    /// A leg begins. Gives also the credential that the context was made with.
    fn start_leg(&mut self, call: Call, is_credential: impl FnOnce(SecHandle) -> bool) -> Started {
        let is_there = match call.credential {
            // The context holds it: there is no need to look it up.
            known if known == self.credential_handle => !self.credential.freed.load(Ordering::Acquire),
            Some(other) => is_credential(other),
            None => true,
        };
        if !is_there || self.side != call.side {
            return Err(SecurityStatus::SEC_E_INVALID_HANDLE);
        }
        if matches!(self.state.progress, Progress::Idle) {
            call.anew?;
        }
        match std::mem::replace(&mut self.state.progress, Progress::Playing) {
            Progress::Waiting(exchange) => Ok((Stage::Waiting(exchange), None)),
            Progress::Idle => Ok((Stage::Anew, Some(Arc::clone(&self.credential)))),
            other @ (Progress::Playing | Progress::Failed) => {
                self.state.progress = other;
                Err(SecurityStatus::SEC_E_OUT_OF_SEQUENCE)
            }
        }
    }

    /// The leg that runs went well. Gives what there was before.
    ///
    /// SEC_E_INVALID_HANDLE when the context has failed meanwhile.
    fn end_leg(&mut self, state: State) -> Result<State, SecurityStatus> {
        if !matches!(self.state.progress, Progress::Playing) {
            return Err(SecurityStatus::SEC_E_INVALID_HANDLE);
        }
        let established = state.established.or_else(|| self.state.established.take());
        Ok(std::mem::replace(&mut self.state, State { progress: state.progress, established }))
    }
}

type Started = Result<(Stage, Option<Arc<Credential>>), SecurityStatus>;

/// Where the context stands after a leg, and what the caller is told.
fn came_of(step: Step) -> (State, Outcome) {
    let Step { token, next } = step;
    match next {
        Next::Continue(exchange, meanings) => (
            State { progress: Progress::Waiting(exchange), established: None },
            Outcome { status: SecurityStatus::SEC_I_CONTINUE_NEEDED, token, meanings },
        ),
        Next::Done(context) => {
            let meanings = context.meanings();
            (
                State { progress: Progress::Idle, established: Some(context) },
                Outcome { status: SecurityStatus::SEC_E_OK, token, meanings },
            )
        }
    }
}

impl HandleTable<Context> {
    /// Plays a leg. Whatever comes of it but success, a panic included, ends the context, and the keys of one that stood. `play` is given the credential of
    /// the context where it is to be made anew.
    pub(crate) fn leg(
        &self,
        handle: SecHandle,
        call: Call,
        is_credential: impl FnOnce(SecHandle) -> bool,
        play: impl FnOnce(Stage, Option<Arc<Credential>>) -> Result<Step, SecurityStatus>,
    ) -> Result<Outcome, SecurityStatus> {
        let started = self.with_mut(handle, |context| context.start_leg(call, is_credential));
        let (stage, credential) = started.ok_or(SecurityStatus::SEC_E_INVALID_HANDLE)??;
        let fails = FailsUnlessForgotten(self, handle);
        let (state, outcome) = came_of(play(stage, credential)?);
        // Where the context is gone meanwhile, the leg went well all the same.
        let before = self.with_mut(handle, |context| context.end_leg(state)).transpose()?;
        std::mem::forget(fails);
        drop(before);
        Ok(outcome)
    }
}

/// Ends the context when it is dropped.
struct FailsUnlessForgotten<'a>(&'a HandleTable<Context>, SecHandle);

impl Drop for FailsUnlessForgotten<'_> {
    fn drop(&mut self) {
        let Self(contexts, handle) = self;
        drop(contexts.with_mut(*handle, Context::fail));
    }
}
