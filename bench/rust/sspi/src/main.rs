//! sspi, the crate: its `Ntlm` on both sides.

use std::any::Any;
use std::process::ExitCode;

use bench_common::{Agreed, DOMAIN, PASSWORD, Peer, Signature, TARGET, USER};
use sspi::{
    AuthIdentity, AuthIdentityBuffers, BufferType, ClientRequestFlags, CredentialUse, DataRepresentation,
    EncryptionFlags, Ntlm, SecurityBuffer, SecurityBufferRef, SecurityStatus, ServerRequestFlags, Sspi as _, SspiImpl,
    Username,
};

/// The credentials of both sides. The server takes the password of its own for that of any account.
#[derive(Clone)]
struct Sspi {
    client: Option<AuthIdentityBuffers>,
    server: Option<AuthIdentityBuffers>,
}

struct Context {
    ntlm: Ntlm,
    /// Signatures get their sequence numbers from the caller.
    signed: u32,
    verified: u32,
}

impl Context {
    fn new() -> Self {
        Self { ntlm: Ntlm::new(), signed: 0, verified: 0 }
    }
}

fn main() -> ExitCode {
    bench_common::run(Sspi::new())
}

/// Room for a token.
fn token() -> [SecurityBuffer; 1] {
    [SecurityBuffer::new(Vec::new(), BufferType::Token)]
}

fn buffers<'a>(signature: &'a mut Signature, data: &'a mut [u8]) -> [SecurityBufferRef<'a>; 2] {
    [SecurityBufferRef::token_buf(signature), SecurityBufferRef::data_buf(data)]
}

impl Sspi {
    fn new() -> Self {
        let username = Username::new(USER, Some(DOMAIN)).expect("a name");
        let identity = AuthIdentity { username, password: PASSWORD.to_owned().into() };
        let acquire = |side| {
            let mut ntlm = Ntlm::new();
            let builder = ntlm.acquire_credentials_handle().with_credential_use(side).with_auth_data(&identity);
            builder.execute(&mut ntlm).expect("credentials").credentials_handle
        };
        Self { client: acquire(CredentialUse::Outbound), server: acquire(CredentialUse::Inbound) }
    }

    fn initialize(&mut self, ntlm: &mut Ntlm, input: Option<&mut [SecurityBuffer]>) -> [SecurityBuffer; 1] {
        let expected = if input.is_some() { SecurityStatus::Ok } else { SecurityStatus::ContinueNeeded };
        let mut output = token();
        let requirements = ClientRequestFlags::CONFIDENTIALITY
            | ClientRequestFlags::INTEGRITY
            | ClientRequestFlags::REPLAY_DETECT
            | ClientRequestFlags::SEQUENCE_DETECT;
        let mut builder = ntlm
            .initialize_security_context()
            .with_credentials_handle(&mut self.client)
            .with_context_requirements(requirements)
            .with_target_data_representation(DataRepresentation::Native)
            .with_target_name(TARGET)
            .with_output(&mut output);
        if let Some(input) = input {
            builder = builder.with_input(input);
        }
        let done = ntlm.initialize_security_context_impl(&mut builder).expect("a leg").resolve_to_result();
        assert_eq!(done.expect("a leg").status, expected);
        output
    }

    fn accept(&mut self, ntlm: &mut Ntlm, input: &mut [SecurityBuffer]) -> [SecurityBuffer; 1] {
        let mut output = token();
        let builder = ntlm
            .accept_security_context()
            .with_credentials_handle(&mut self.server)
            .with_context_requirements(ServerRequestFlags::CONFIDENTIALITY)
            .with_target_data_representation(DataRepresentation::Native)
            .with_input(input)
            .with_output(&mut output);
        let done = ntlm.accept_security_context_impl(builder).expect("a leg").resolve_to_result().expect("a leg");
        if done.status == SecurityStatus::CompleteNeeded {
            assert_eq!(ntlm.complete_auth_token(&mut output).expect("the right password"), SecurityStatus::Ok);
        } else {
            assert_eq!(done.status, SecurityStatus::ContinueNeeded);
        }
        output
    }

    /// A logon, of which CHALLENGE and AUTHENTICATE are shown to `look`.
    fn exchange(&mut self, look: impl FnOnce(&[u8], &[u8])) -> (Context, Context) {
        let (mut client, mut server) = (Context::new(), Context::new());
        let mut negotiate = self.initialize(&mut client.ntlm, None);
        let mut challenge = self.accept(&mut server.ntlm, &mut negotiate);
        let mut authenticate = self.initialize(&mut client.ntlm, Some(&mut challenge));
        look(&challenge[0].buffer, &authenticate[0].buffer);
        self.accept(&mut server.ntlm, &mut authenticate);
        (client, server)
    }
}

impl Peer for Sspi {
    type Context = Context;

    fn agreed(&mut self) -> Agreed {
        let mut agreed = None;
        self.exchange(|challenge, authenticate| agreed = Some(Agreed::of_messages(challenge, authenticate)));
        agreed.expect("a logon")
    }

    fn logon(&mut self) -> (Context, Context) {
        self.exchange(|_, _| {})
    }

    fn half_open(&mut self) -> Option<Box<dyn Any>> {
        let (mut client, mut server) = (Ntlm::new(), Ntlm::new());
        let mut negotiate = self.initialize(&mut client, None);
        self.accept(&mut server, &mut negotiate);
        Some(Box::new(server))
    }

    fn share(&self) -> Self {
        self.clone()
    }

    fn seal(&mut self, context: &mut Context, signature: &mut Signature, data: &mut [u8]) {
        let mut message = buffers(signature, data);
        context.ntlm.encrypt_message(EncryptionFlags::empty(), &mut message).expect("a signature");
    }

    fn unseal(&mut self, context: &mut Context, signature: &mut Signature, data: &mut [u8]) -> bool {
        context.ntlm.decrypt_message(&mut buffers(signature, data)).is_ok()
    }

    fn sign(&mut self, context: &mut Context, signature: &mut Signature, data: &mut [u8]) {
        context.ntlm.make_signature(0, &mut buffers(signature, data), context.signed).expect("a signature");
        context.signed += 1;
    }

    fn verify(&mut self, context: &mut Context, signature: &mut Signature, data: &mut [u8]) -> bool {
        let verified = context.ntlm.verify_signature(&mut buffers(signature, data), context.verified).is_ok();
        context.verified += 1;
        verified
    }
}
