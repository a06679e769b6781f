//! A client and a server of one interface that talk to each other, for tests that a row of the table cannot say.

use std::sync::Arc;

use ntlm::Authority;
use ntlm_sspi::{
    AcceptCall, AuthIdentity, Buffer, BufferType, Configuration, ContextOutcome, CredentialUse, InitializeCall, Output,
    SecHandle, SecurityInterface, SecurityStatus,
};

use super::vocabulary::{ASC_REQ, ISC_REQ, numbers};
use super::world::{Fixed, Known};

pub(crate) type Answer<T> = Result<T, SecurityStatus>;

/// The user of these tests.
pub(crate) const ALICE: (&str, &str, &str) = ("EXAMPLE", "alice", "Al1ce-Passw0rd");

/// A configuration in which alice can log on, and the process to itself.
pub(crate) fn configuration() -> Configuration {
    let (domain, user, password) = ALICE;
    configuration_with(Arc::new(Known::of(domain, user, password)))
}

/// The same with another authority.
pub(crate) fn configuration_with(authority: Arc<dyn Authority + Send + Sync>) -> Configuration {
    let mut configuration = Configuration::windows("SERVER1", Arc::new(Fixed::default()));
    configuration.authority = Some(authority);
    configuration.dangerous_answering_own_challenges()
}

/// Credentials of both sides.
pub(crate) struct Pair {
    pub(crate) sspi: SecurityInterface,
    pub(crate) client: SecHandle,
    pub(crate) server: SecHandle,
    /// ISC_REQ_ of the client.
    pub(crate) client_request: u32,
    /// ASC_REQ_ of the server.
    pub(crate) server_request: u32,
}

impl Pair {
    /// Both sides of an interface, with signing and sealing.
    pub(crate) fn new(configuration: Configuration) -> Self {
        let (domain, user, password) = ALICE;
        let sspi = SecurityInterface::new(configuration);
        let alice = AuthIdentity::new(&format!("{domain}\\{user}"), password);
        let client = sspi.acquire_credentials_handle("NTLM", CredentialUse::OUTBOUND, Some(&alice));
        let server = sspi.acquire_credentials_handle("NTLM", CredentialUse::INBOUND, None);
        let seal = ["REPLAY_DETECT", "SEQUENCE_DETECT", "CONFIDENTIALITY", "INTEGRITY"];
        Self {
            client: client.expect("credentials").0,
            server: server.expect("credentials").0,
            sspi,
            client_request: numbers(ISC_REQ, seal),
            server_request: numbers(ASC_REQ, seal),
        }
    }

    /// A leg of the client.
    pub(crate) fn initialize(&self, context: Option<SecHandle>, token: Option<&[u8]>) -> Answer<ContextOutcome> {
        self.sspi.initialize_security_context(InitializeCall {
            credential: Some(self.client),
            context,
            context_req: self.client_request,
            input_token: token,
            output: Output::Buffer(2888),
            ..InitializeCall::default()
        })
    }

    /// A leg of the server.
    pub(crate) fn accept(&self, context: Option<SecHandle>, token: &[u8]) -> Answer<ContextOutcome> {
        self.sspi.accept_security_context(AcceptCall {
            credential: Some(self.server),
            context,
            context_req: self.server_request,
            input_token: Some(token),
            output: Output::Buffer(2888),
            ..AcceptCall::default()
        })
    }

    /// A logon up to the last call: both contexts, and the AUTHENTICATE that the server has not seen yet.
    pub(crate) fn almost(&self) -> (SecHandle, SecHandle, Vec<u8>) {
        let negotiate = self.initialize(None, None).expect("NEGOTIATE");
        let challenge = self.accept(None, &negotiate.token).expect("CHALLENGE");
        let authenticate = self.initialize(Some(negotiate.context), Some(&challenge.token)).expect("AUTHENTICATE");
        (negotiate.context, challenge.context, authenticate.token)
    }

    /// A whole logon: the contexts of client and server.
    pub(crate) fn logon(&self) -> Answer<(SecHandle, SecHandle)> {
        let (client, server, authenticate) = self.almost();
        self.accept(Some(server), &authenticate)?;
        Ok((client, server))
    }

    /// Seals `data` in place and gives the signature.
    pub(crate) fn seal(&self, context: SecHandle, data: &mut [u8]) -> Answer<[u8; 16]> {
        let mut token = [0; 16];
        let mut buffers = [Buffer::new(BufferType::TOKEN, &mut token), Buffer::new(BufferType::DATA, data)];
        self.sspi.encrypt_message(context, 0, &mut buffers, 0)?;
        Ok(token)
    }

    /// Unseals `data` in place.
    pub(crate) fn unseal(&self, context: SecHandle, mut token: [u8; 16], data: &mut [u8]) -> Answer<()> {
        let mut buffers = [Buffer::new(BufferType::TOKEN, &mut token), Buffer::new(BufferType::DATA, data)];
        self.sspi.decrypt_message(context, &mut buffers, 0).map(drop)
    }

    /// Deletes contexts, which must be there.
    pub(crate) fn delete(&self, contexts: impl IntoIterator<Item = SecHandle>) {
        for context in contexts {
            self.sspi.delete_security_context(context).expect("a context");
        }
    }

    /// Frees the credentials, after which nothing is left.
    pub(crate) fn end(self) {
        self.sspi.free_credentials_handle(self.client).expect("a credential");
        self.sspi.free_credentials_handle(self.server).expect("a credential");
        assert_eq!(self.sspi.live(), (0, 0));
    }
}
