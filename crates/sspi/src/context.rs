//! A credential and a context behind their handles. Of a context: where its exchange stands, and what it can do.
//!
//! ```text
//! Waiting --step--> Waiting .. --step--> Established --initiate/accept--> Established + Waiting (reauthentication)
//!    \--error--> Failed              \--- a later leg fails ----------------> Failed
//! ```
//!
//! A failed context refuses everything but deletion. During a reauthentication the old keys work until the new exchange completes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::credentials::{CredentialUse, Outbound};
use crate::package::{EstablishedContext, Exchange, Next, SecurityPackage, Step};
use crate::status::SecurityStatus;
use crate::tables::flags::Meanings;

/// What a credentials handle stands for. Contexts made from it hold it, so that it may be freed before them.
pub(crate) struct Credential {
    pub(crate) package: Arc<dyn SecurityPackage>,
    pub(crate) usage: CredentialUse,
    /// Whom contexts log on as, or what InitializeSecurityContext is to say about there being nobody.
    pub(crate) outbound: Result<Outbound, SecurityStatus>,
}

/// Which of the two calls drives the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// What a context handle stands for.
pub(crate) struct Context {
    pub(crate) side: Side,
    /// Kept so that the credential may be freed before the context, and for calls that name none.
    pub(crate) credential: Arc<Credential>,
    progress: Mutex<Progress>,
    established: RwLock<Option<Arc<dyn EstablishedContext>>>,
}

/// Where the exchange of a context stands.
enum Progress {
    /// It waits for the peer.
    Waiting(Box<dyn Exchange>),
    /// A leg is being played: a second one at the same time is out of sequence, whether another thread calls it or the authority that is asked.
    Playing,
    /// None is under way.
    Idle,
    /// It failed, and the context with it.
    Failed,
}

/// Where a context stands when a leg begins.
pub(crate) enum Stage {
    /// An exchange waits for the peer.
    Waiting(Box<dyn Exchange>),
    /// The context stands, and is to be made anew.
    Anew,
}

/// What a leg gives to the caller.
pub(crate) struct Outcome {
    pub(crate) status: SecurityStatus,
    pub(crate) token: Vec<u8>,
    pub(crate) meanings: Meanings,
}

impl Context {
    /// A context whose first leg gave `step`.
    pub(crate) fn begin(side: Side, credential: Arc<Credential>, step: Step) -> (Self, Outcome) {
        let (mut progress, mut established) = (Progress::Idle, None);
        let outcome = put(step, &mut progress, &mut established);
        let context = Self { side, credential, progress: Mutex::new(progress), established: RwLock::new(established) };
        (context, outcome)
    }

    /// A context that was imported.
    pub(crate) fn imported(credential: Arc<Credential>, context: Arc<dyn EstablishedContext>) -> Self {
        Self {
            side: if context.is_server() { Side::Server } else { Side::Client },
            credential,
            progress: Mutex::new(Progress::Idle),
            established: RwLock::new(Some(context)),
        }
    }

    /// Plays a leg. Whatever comes of it but success, a panic included, ends the context, and the keys of one that stood. `anew` is what speaks against
    /// beginning anew: where that would be the leg, none is played and the context is as it was.
    pub(crate) fn leg(
        &self,
        anew: Result<(), SecurityStatus>,
        play: impl FnOnce(Stage) -> Result<Step, SecurityStatus>,
    ) -> Result<Outcome, SecurityStatus> {
        let stage = {
            let mut progress = self.progress();
            if matches!(*progress, Progress::Idle) {
                anew?;
            }
            match std::mem::replace(&mut *progress, Progress::Playing) {
                Progress::Waiting(exchange) => Stage::Waiting(exchange),
                Progress::Idle => Stage::Anew,
                other @ (Progress::Playing | Progress::Failed) => {
                    *progress = other;
                    return Err(SecurityStatus::SEC_E_OUT_OF_SEQUENCE);
                }
            }
        };
        let fails = FailsUnlessForgotten(self);
        let step = play(stage)?;
        let mut progress = self.progress();
        if !matches!(*progress, Progress::Playing) {
            return Err(SecurityStatus::SEC_E_INVALID_HANDLE);
        }
        std::mem::forget(fails);
        let mut established = self.established.write().unwrap_or_else(PoisonError::into_inner);
        Ok(put(step, &mut progress, &mut established))
    }

    /// Ends the context and gives what stood, so that nobody goes on with it here.
    ///
    /// SEC_E_INVALID_HANDLE when nothing stands; SEC_E_OUT_OF_SEQUENCE during a leg.
    pub(crate) fn take(&self) -> Result<Arc<dyn EstablishedContext>, SecurityStatus> {
        let mut progress = self.progress();
        if matches!(*progress, Progress::Playing) {
            return Err(SecurityStatus::SEC_E_OUT_OF_SEQUENCE);
        }
        let mut established = self.established.write().unwrap_or_else(PoisonError::into_inner);
        let context = established.take().ok_or(SecurityStatus::SEC_E_INVALID_HANDLE)?;
        *progress = Progress::Failed;
        Ok(context)
    }

    /// Ends the exchange that is under way, and the keys.
    pub(crate) fn fail(&self) {
        let mut progress = self.progress();
        *progress = Progress::Failed;
        *self.established.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether a leg failed.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(*self.progress(), Progress::Failed)
    }

    /// Whether an exchange is under way.
    pub(crate) fn is_under_way(&self) -> bool {
        matches!(*self.progress(), Progress::Waiting(_) | Progress::Playing)
    }

    /// The context that stands.
    ///
    /// SEC_E_INVALID_HANDLE for one that does not, or does not any more.
    pub(crate) fn established(&self) -> Result<Arc<dyn EstablishedContext>, SecurityStatus> {
        let established = self.established.read().unwrap_or_else(PoisonError::into_inner);
        established.clone().ok_or(SecurityStatus::SEC_E_INVALID_HANDLE)
    }

    /// Held for a moment only, never while a leg is played.
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the context when it is dropped.
struct FailsUnlessForgotten<'a>(&'a Context);

impl Drop for FailsUnlessForgotten<'_> {
    fn drop(&mut self) {
        self.0.fail();
    }
}

fn put(step: Step, progress: &mut Progress, established: &mut Option<Arc<dyn EstablishedContext>>) -> Outcome {
    let Step { token, next } = step;
    match next {
        Next::Continue(exchange, meanings) => {
            *progress = Progress::Waiting(exchange);
            Outcome { status: SecurityStatus::SEC_I_CONTINUE_NEEDED, token, meanings }
        }
        Next::Done(context) => {
            *progress = Progress::Idle;
            let meanings = context.meanings();
            *established = Some(context);
            Outcome { status: SecurityStatus::SEC_E_OK, token, meanings }
        }
    }
}
