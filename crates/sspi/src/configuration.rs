//! What an interface is made of.

use std::sync::Arc;

use ntlm::config::{ClientPolicy, ServerPolicy};
use ntlm::reflection::ReflectionGuard;
use ntlm::{Authority, ClientConfig, ServerConfig, ServerNames};

use crate::credentials::DefaultIdentity;
use crate::environment::SharedEnvironment;

/// What an interface is made of.
pub struct Configuration {
    /// The clients' configuration.
    ///
    /// When neither this nor `server` has a reflection guard, the interface gives one to both: its clients then refuse its servers' challenges with
    /// SEC_E_WRONG_PRINCIPAL.
    pub client: ClientConfig,
    /// The servers' configuration.
    pub server: ServerConfig,
    /// Who knows accounts; `None` refuses every logon with SEC_E_NO_AUTHENTICATING_AUTHORITY.
    pub authority: Option<Arc<dyn Authority + Send + Sync>>,
    /// The credentials of callers who give none.
    pub default_identity: DefaultIdentity,
    /// Takes ISC_REQ_DELEGATE and ISC_REQ_PROMPT_FOR_CREDS without doing anything about them, for ported programs that set them out of habit.
    /// Otherwise they are refused, as the page says.
    pub lenient_requests: bool,
    /// Answers SEC_E_OK to ImpersonateSecurityContext and RevertSecurityContext for a server's context of an authenticated user, and does nothing: for programs
    /// that demand it of every logon and do nothing in between. What a program does between the two calls it does as itself, with its own rights instead of
    /// the user's. Otherwise both say SEC_E_NO_IMPERSONATION.
    pub dangerous_impersonation_without_effect: bool,
    /// The outside world.
    pub environment: SharedEnvironment,
}

impl Configuration {
    /// What a current Windows machine called `computer` does, without accounts.
    #[must_use]
    pub fn windows(computer: &str, environment: SharedEnvironment) -> Self {
        Self {
            client: ClientConfig::new(ClientPolicy::windows()),
            server: ServerConfig::new(ServerNames::standalone(computer), ServerPolicy::windows()),
            authority: None,
            default_identity: DefaultIdentity::None,
            lenient_requests: false,
            dangerous_impersonation_without_effect: false,
            environment,
        }
    }

    /// Lets the clients of an interface answer the challenges of its own servers, for programs that are both sides at once, as tests are. Whoever makes such
    /// a process talk to him as a client can hand it the challenge of its own server, and logs on there as the process.
    #[must_use]
    pub fn dangerous_answering_own_challenges(mut self) -> Self {
        // A guard that is told of no challenge.
        self.client.reflection_guard = Some(Arc::new(ReflectionGuard::new()));
        self.server.reflection_guard = None;
        self
    }

    /// Both sides with what they share.
    pub(crate) fn guarded(mut self) -> Self {
        if self.client.reflection_guard.is_none() && self.server.reflection_guard.is_none() {
            let guard = Arc::new(ReflectionGuard::new());
            self.client.reflection_guard = Some(Arc::clone(&guard));
            self.server.reflection_guard = Some(guard);
        }
        self
    }
}
