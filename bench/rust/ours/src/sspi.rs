//! ntlm-sspi, configured as the core is.

use std::any::Any;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use bench_common::{Agreed, DOMAIN, PASSWORD, Peer, Signature, TARGET, USER};
use ntlm::{
    Authority, ClientConfig, ClientPolicy, EntropyError, FileTime, LogonFailure, LogonSuccess, NetworkLogon, NtHash,
    Password, ServerConfig, ServerNames, ServerPolicy,
};
use ntlm_sspi::{
    AcceptCall, AuthIdentity, Buffer, BufferType, Configuration, CredentialUse, Environment, InitializeCall, Output,
    SecHandle, SecurityInterface,
};

/// REPLAY_DETECT, SEQUENCE_DETECT, CONFIDENTIALITY and INTEGRITY of both families.
const ISC_REQ: u32 = 0x1_001c;
const ASC_REQ: u32 = 0x2_001c;

/// cbMaxToken.
const LONGEST_TOKEN: usize = 2888;

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
#[derive(Clone)]
struct Sspi {
    interface: Arc<SecurityInterface>,
    client: SecHandle,
    server: SecHandle,
}

fn main() -> ExitCode {
    bench_common::run(Sspi::new())
}

fn message<'a>(signature: &'a mut Signature, data: &'a mut [u8]) -> [Buffer<'a>; 2] {
    [Buffer::new(BufferType::TOKEN, signature), Buffer::new(BufferType::DATA, data)]
}

impl Sspi {
    fn new() -> Self {
        let mut configuration = Configuration::windows("SERVER1", Arc::new(System));
        configuration.client = ClientConfig::new(ClientPolicy::strict());
        configuration.server = ServerConfig::new(ServerNames::member("SERVER1", DOMAIN), ServerPolicy::strict());
        configuration.authority = Some(Arc::new(Account(Password::new(PASSWORD).nt_hash())));
        let interface = SecurityInterface::new(configuration.dangerous_answering_own_challenges());
        let alice = AuthIdentity::new(&format!(r"{DOMAIN}\{USER}"), PASSWORD);
        let acquire = |usage, identity| interface.acquire_credentials_handle("NTLM", usage, identity);
        let (client, _) = acquire(CredentialUse::OUTBOUND, Some(&alice)).expect("credentials");
        let (server, _) = acquire(CredentialUse::INBOUND, None).expect("credentials");
        Self { interface: Arc::new(interface), client, server }
    }

    fn initialize(&self, context: Option<SecHandle>, input_token: Option<&[u8]>) -> (SecHandle, Vec<u8>) {
        let call = InitializeCall {
            credential: Some(self.client),
            context,
            target_name: Some(TARGET.into()),
            context_req: ISC_REQ,
            input_token,
            output: Output::Buffer(LONGEST_TOKEN),
            ..InitializeCall::default()
        };
        let leg = self.interface.initialize_security_context(call).expect("a leg");
        (leg.context, leg.token)
    }

    fn accept(&self, context: Option<SecHandle>, input_token: &[u8]) -> (SecHandle, Vec<u8>) {
        let call = AcceptCall {
            credential: Some(self.server),
            context,
            context_req: ASC_REQ,
            input_token: Some(input_token),
            output: Output::Buffer(LONGEST_TOKEN),
            ..AcceptCall::default()
        };
        let leg = self.interface.accept_security_context(call).expect("a leg");
        (leg.context, leg.token)
    }

    /// A logon, of which CHALLENGE and AUTHENTICATE are shown to `look`.
    fn exchange(&self, look: impl FnOnce(&[u8], &[u8])) -> (SecHandle, SecHandle) {
        let (client, negotiate) = self.initialize(None, None);
        let (server, challenge) = self.accept(None, &negotiate);
        let (client, authenticate) = self.initialize(Some(client), Some(&challenge));
        let (server, _) = self.accept(Some(server), &authenticate);
        look(&challenge, &authenticate);
        (client, server)
    }
}

/// A server that waits for its client.
struct HalfOpen {
    interface: Arc<SecurityInterface>,
    server: SecHandle,
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        self.interface.delete_security_context(self.server).expect("a context");
    }
}

impl Peer for Sspi {
    type Context = SecHandle;

    fn agreed(&mut self) -> Agreed {
        let mut agreed = None;
        let (client, server) =
            self.exchange(|challenge, authenticate| agreed = Some(Agreed::of_messages(challenge, authenticate)));
        self.end(client);
        self.end(server);
        agreed.expect("a logon")
    }

    fn logon(&mut self) -> (SecHandle, SecHandle) {
        self.exchange(|_, _| {})
    }

    fn half_open(&mut self) -> Option<Box<dyn Any>> {
        let (client, negotiate) = self.initialize(None, None);
        let (server, _) = self.accept(None, &negotiate);
        self.end(client);
        Some(Box::new(HalfOpen { interface: Arc::clone(&self.interface), server }))
    }

    fn share(&self) -> Self {
        self.clone()
    }

    fn end(&mut self, context: SecHandle) {
        self.interface.delete_security_context(context).expect("a context");
    }

    fn seal(&mut self, context: &mut SecHandle, signature: &mut Signature, data: &mut [u8]) {
        self.interface.encrypt_message(*context, 0, &mut message(signature, data), 0).expect("a signature");
    }

    fn unseal(&mut self, context: &mut SecHandle, signature: &mut Signature, data: &mut [u8]) -> bool {
        self.interface.decrypt_message(*context, &mut message(signature, data), 0).is_ok()
    }

    fn sign(&mut self, context: &mut SecHandle, signature: &mut Signature, data: &mut [u8]) {
        self.interface.make_signature(*context, &mut message(signature, data), 0).expect("a signature");
    }

    fn verify(&mut self, context: &mut SecHandle, signature: &mut Signature, data: &mut [u8]) -> bool {
        self.interface.verify_signature(*context, &mut message(signature, data), 0).is_ok()
    }
}
