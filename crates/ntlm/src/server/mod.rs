//! The server (MS-NLMP 3.2.5.1): three states, each consumed by its transition. The last one is where somebody must be asked.
//!
//! ```text
//! ExpectNegotiate --receive--> CHALLENGE --> ExpectAuthenticate --receive--> AwaitLogon --finish(verdict)--> Established
//!       \--datagram----------/
//! ```
//!
//! [`AwaitLogon::finish`] is the only way through an exchange to [`Established`](crate::Established) on a server, and it takes a verdict. A challenge is good for one
//! AUTHENTICATE_MESSAGE, good or bad: the state that holds it is consumed.

mod authenticate;
mod await_logon;
mod checks;
mod negotiate;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use crate::bindings::ChannelBindings;
use crate::config::{ChannelBindingsPolicy, ServerConfig, ServerPolicy};
use crate::context::Requirements;
use crate::env::FileTime;
use crate::wire::{AvPairs, NegotiateFlags};

pub use authenticate::ExpectAuthenticate;
pub use await_logon::AwaitLogon;
pub use negotiate::ExpectNegotiate;

/// What belongs to one exchange of a server.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// The channel that the logon runs over.
    pub channel_bindings: Option<ChannelBindings>,
    /// When the client must send bindings, if this exchange differs from the policy.
    pub channel_bindings_policy: Option<ChannelBindingsPolicy>,
    /// Lets the authority decide on an anonymous logon in this exchange, even if the policy does not.
    pub allow_anonymous: bool,
    /// What is required of the context.
    pub requirements: Requirements,
}

/// A challenge that was issued and waits for its one answer.
struct Issued {
    config: Arc<ServerConfig>,
    exchange: Exchange,
    /// NEGOTIATE and CHALLENGE.
    messages: Vec<u8>,
    /// Where in them the AV pairs are that the client must send back.
    target_info: Range<usize>,
    flags: NegotiateFlags,
    server_challenge: [u8; 8],
    at: FileTime,
}

impl Issued {
    /// The AV pairs of the challenge.
    fn target_info(&self) -> Option<AvPairs<'_>> {
        let bytes = self.messages.get(self.target_info.clone())?;
        (!bytes.is_empty()).then(|| AvPairs::trusted(bytes))
    }
}

impl fmt::Debug for Issued {
    /// Not the messages, whose length is a peer's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("flags", &self.flags).field("at", &self.at).finish_non_exhaustive()
    }
}

impl Drop for Issued {
    fn drop(&mut self) {
        if let Some(guard) = &self.config.reflection_guard {
            guard.done(self.server_challenge);
        }
    }
}

/// What policy and the application require of the flags, given what would be in force.
fn required_flags(policy: &ServerPolicy, requirements: Requirements, flags: NegotiateFlags) -> NegotiateFlags {
    use NegotiateFlags as F;
    let required = requirements.required_flags();
    let protected = (flags | required).intersects(F::SIGN | F::SEAL);
    let ess = policy.extended_session_security.is_required(protected);
    required.with_if(ess, F::EXTENDED_SESSIONSECURITY).with_if(policy.require_128 && protected, F::N128)
}
