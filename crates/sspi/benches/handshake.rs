//! The same exchange through the core and through SSPI's semantics, and sealing through both. `cargo bench -p ntlm-sspi`.
//!
//! The core's side is the work that the core's own benchmarks measure.

#[path = "../../cli/src/bench/work.rs"]
mod work;

use std::sync::Arc;
use std::time::SystemTime;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ntlm::{
    Authority, ClientConfig, ClientPolicy, EntropyError, FileTime, LogonFailure, LogonSuccess, NetworkLogon, NtHash,
    Password, Piece, ServerConfig, ServerNames, ServerPolicy,
};
use ntlm_sspi::{
    AcceptCall, AuthIdentity, Buffer, BufferType, Configuration, CredentialUse, Environment, InitializeCall, Output,
    SecHandle, SecurityInterface, SecurityStatus,
};
use work::{SIZES, Work, pass};

/// The sizes that both sides are compared at.
fn sizes() -> impl Iterator<Item = usize> {
    SIZES.into_iter().filter(|size| *size <= 16 * 1024)
}

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

/// The exchange of [`Work`] over handles: the same names, policies, credentials and requirements.
struct Sspi {
    sspi: SecurityInterface,
    client: SecHandle,
    server: SecHandle,
}

impl Sspi {
    fn new() -> Self {
        let password = "Al1ce-Passw0rd";
        let mut configuration = Configuration::windows("SERVER1", Arc::new(System));
        configuration.client = ClientConfig::new(ClientPolicy::strict());
        let names = ServerNames::member("SERVER1", "EXAMPLE");
        configuration.server = ServerConfig::new(names, ServerPolicy::strict());
        configuration.authority = Some(Arc::new(Account(Password::new(password).nt_hash())));
        let sspi = SecurityInterface::new(configuration.dangerous_answering_own_challenges());
        let alice = AuthIdentity::new(r"EXAMPLE\alice", password);
        let (client, _) =
            sspi.acquire_credentials_handle("NTLM", CredentialUse::OUTBOUND, Some(&alice)).expect("credentials");
        let (server, _) = sspi.acquire_credentials_handle("NTLM", CredentialUse::INBOUND, None).expect("credentials");
        Self { sspi, client, server }
    }

    /// Both contexts after a logon.
    fn handshake(&self) -> Result<(SecHandle, SecHandle), SecurityStatus> {
        // REPLAY_DETECT, SEQUENCE_DETECT, CONFIDENTIALITY and INTEGRITY of both families.
        let (isc, asc, output) = (0x1_001c, 0x2_001c, Output::Buffer(2888));
        let initialize = |context, input_token| {
            self.sspi.initialize_security_context(InitializeCall {
                credential: Some(self.client),
                context,
                target_name: Some("host/server1".into()),
                context_req: isc,
                input_token,
                output,
                ..InitializeCall::default()
            })
        };
        let accept = |context, token| {
            let call = AcceptCall {
                credential: Some(self.server),
                context,
                context_req: asc,
                input_token: Some(token),
                output,
                ..AcceptCall::default()
            };
            self.sspi.accept_security_context(call)
        };
        let negotiate = initialize(None, None)?;
        let challenge = accept(None, &negotiate.token)?;
        let authenticate = initialize(Some(negotiate.context), Some(&challenge.token))?;
        accept(Some(challenge.context), &authenticate.token)?;
        Ok((negotiate.context, challenge.context))
    }

    fn delete(&self, (client, server): (SecHandle, SecHandle)) -> Result<(), SecurityStatus> {
        self.sspi.delete_security_context(client)?;
        self.sspi.delete_security_context(server)
    }

    fn seal(&self, context: SecHandle, token: &mut [u8], data: &mut [u8]) -> Result<(), SecurityStatus> {
        let mut buffers = [Buffer::new(BufferType::TOKEN, token), Buffer::new(BufferType::DATA, data)];
        self.sspi.encrypt_message(context, 0, &mut buffers, 0)
    }

    fn pass(&self, from: SecHandle, to: SecHandle, token: &mut [u8], data: &mut [u8]) -> Result<(), SecurityStatus> {
        self.seal(from, token, data)?;
        let mut buffers = [Buffer::new(BufferType::TOKEN, token), Buffer::new(BufferType::DATA, data)];
        self.sspi.decrypt_message(to, &mut buffers, 0).map(drop)
    }

    /// As [`Work::handshake_and_messages`].
    fn handshake_and_messages(&self) -> Result<(), SecurityStatus> {
        let (client, server) = self.handshake()?;
        let (mut token, mut data) = ([0; 16], [0x5a; 64]);
        self.pass(client, server, &mut token, &mut data)?;
        self.pass(server, client, &mut token, &mut data)?;
        self.delete((client, server))
    }
}

fn handshakes(criterion: &mut Criterion) {
    let (work, sspi) = (Work::new(), Sspi::new());
    let mut group = criterion.benchmark_group("handshake");
    group.throughput(Throughput::Elements(1));
    group.bench_function("core", |bencher| bencher.iter(|| work.handshake().expect("a logon")));
    group.bench_function("sspi", |bencher| {
        bencher.iter(|| sspi.handshake().and_then(|contexts| sspi.delete(contexts)).expect("a logon"));
    });
    group.finish();
    let mut group = criterion.benchmark_group("handshake with a sealed message each way");
    group.throughput(Throughput::Elements(1));
    group.bench_function("core", |bencher| bencher.iter(|| work.handshake_and_messages().expect("a logon")));
    group.bench_function("sspi", |bencher| bencher.iter(|| sspi.handshake_and_messages().expect("a logon")));
    group.finish();
}

fn sealing(criterion: &mut Criterion) {
    let (work, sspi) = (Work::new(), Sspi::new());
    for size in sizes() {
        let mut data = vec![0x5a; size];
        let mut token = [0; 16];
        let (mut client, _) = work.sessions().expect("a logon");
        let (c, s) = sspi.handshake().expect("a logon");
        let mut group = criterion.benchmark_group(format!("seal {size} B"));
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function("core", |bencher| {
            bencher.iter(|| client.seal(&mut [Piece::Sealed(&mut data)]).expect("a signature"));
        });
        group.bench_function("sspi", |bencher| {
            bencher.iter(|| sspi.seal(c, &mut token, &mut data).expect("a signature"));
        });
        group.finish();

        let mut group = criterion.benchmark_group(format!("seal and unseal {size} B"));
        group.throughput(Throughput::Bytes(size as u64));
        // Sequence numbers have moved on above: new contexts.
        let (mut client, mut server) = work.sessions().expect("a logon");
        sspi.delete((c, s)).expect("contexts");
        let (c, s) = sspi.handshake().expect("a logon");
        group.bench_function("core", |bencher| {
            bencher.iter(|| pass(&mut client, &mut server, &mut data).expect("the message"));
        });
        group.bench_function("sspi", |bencher| {
            bencher.iter(|| sspi.pass(c, s, &mut token, &mut data).expect("the message"));
        });
        group.finish();
    }
}

criterion_group!(benches, handshakes, sealing);
criterion_main!(benches);
