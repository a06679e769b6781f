//! ntlm-sspi: the same exchange over handles, with the same names, policies, credentials and requirements.

use std::sync::Arc;
use std::time::SystemTime;

use ntlm::session::Signature;
use ntlm::{
    Authority, ClientConfig, ClientPolicy, EntropyError, FileTime, LogonFailure, LogonSuccess, NetworkLogon, NtHash,
    Password, ServerConfig, ServerNames, ServerPolicy,
};
use ntlm_sspi::{
    AcceptCall, AuthIdentity, Buffer, BufferType, Configuration, CredentialUse, Environment, InitializeCall, Output,
    SecHandle, SecurityInterface,
};

use crate::layer::{ASC_REQ, Agreed, DOMAIN, ISC_REQ, LONGEST_TOKEN, Layer, PASSWORD, TARGET, USER};

struct System;

impl Environment for System {
    fn now(&self) -> FileTime {
        FileTime::from_unix(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default())
    }

    fn to_local(&self, time: FileTime) -> FileTime {
        time
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(|_| EntropyError)
    }
}

/// The one account there is.
struct Account(NtHash);

impl Authority for Account {
    fn logon(&self, logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
        logon.verify(Some(&self.0))
    }
}

/// An interface, and the credentials of both sides.
pub(crate) struct Sspi {
    sspi: SecurityInterface,
    client: SecHandle,
    server: SecHandle,
}

impl Sspi {
    pub(crate) fn new() -> Self {
        let mut configuration = Configuration::windows("SERVER1", Arc::new(System));
        configuration.client = ClientConfig::new(ClientPolicy::strict());
        let names = ServerNames::member("SERVER1", DOMAIN);
        configuration.server = ServerConfig::new(names, ServerPolicy::strict());
        configuration.authority = Some(Arc::new(Account(Password::new(PASSWORD).nt_hash())));
        let sspi = SecurityInterface::new(configuration.dangerous_answering_own_challenges());
        let alice = AuthIdentity::new(&format!(r"{DOMAIN}\{USER}"), PASSWORD);
        let (client, _) =
            sspi.acquire_credentials_handle("NTLM", CredentialUse::OUTBOUND, Some(&alice)).expect("credentials");
        let (server, _) = sspi.acquire_credentials_handle("NTLM", CredentialUse::INBOUND, None).expect("credentials");
        Self { sspi, client, server }
    }

    /// A logon, of which CHALLENGE and AUTHENTICATE are shown to `look`.
    fn logon(&self, look: impl FnOnce(&[u8], &[u8])) -> (SecHandle, SecHandle) {
        let output = Output::Buffer(LONGEST_TOKEN);
        let initialize = |context, input_token| {
            let call = InitializeCall {
                credential: Some(self.client),
                context,
                target_name: Some(TARGET.into()),
                context_req: ISC_REQ,
                input_token,
                output,
                ..InitializeCall::default()
            };
            self.sspi.initialize_security_context(call).expect("a leg")
        };
        let accept = |context, token| {
            let call = AcceptCall {
                credential: Some(self.server),
                context,
                context_req: ASC_REQ,
                input_token: Some(token),
                output,
                ..AcceptCall::default()
            };
            self.sspi.accept_security_context(call).expect("a leg")
        };
        let negotiate = initialize(None, None);
        let challenge = accept(None, &negotiate.token);
        let authenticate = initialize(Some(negotiate.context), Some(&challenge.token));
        accept(Some(challenge.context), &authenticate.token);
        look(&challenge.token, &authenticate.token);
        (negotiate.context, challenge.context)
    }
}

/// The buffers of a message.
fn message<'a>(token: &'a mut Signature, data: &'a mut [u8]) -> [Buffer<'a>; 2] {
    [Buffer::new(BufferType::TOKEN, token), Buffer::new(BufferType::DATA, data)]
}

impl Layer for Sspi {
    type Context = SecHandle;

    fn agreed(&self) -> Agreed {
        let mut agreed = None;
        self.logon(|challenge, authenticate| agreed = Some(Agreed::of_messages(challenge, authenticate)));
        agreed.expect("a logon")
    }

    fn handshake(&self) -> (SecHandle, SecHandle) {
        self.logon(|_, _| {})
    }

    fn delete(&self, context: SecHandle) {
        self.sspi.delete_security_context(context).expect("a context");
    }

    fn seal(&self, context: &mut SecHandle, token: &mut Signature, data: &mut [u8]) {
        self.sspi.encrypt_message(*context, 0, &mut message(token, data), 0).expect("a signature");
    }

    fn unseal(&self, context: &mut SecHandle, token: &mut Signature, data: &mut [u8]) {
        self.sspi.decrypt_message(*context, &mut message(token, data), 0).expect("the message");
    }

    fn sign(&self, context: &mut SecHandle, token: &mut Signature, data: &mut [u8]) {
        self.sspi.make_signature(*context, &mut message(token, data), 0).expect("a signature");
    }

    fn verify(&self, context: &mut SecHandle, token: &mut Signature, data: &mut [u8]) {
        self.sspi.verify_signature(*context, &mut message(token, data), 0).expect("the message");
    }
}
