//! What the decorators add to a logon that succeeds, and what a record costs. `cargo bench -p ntlm-accounts --bench decorators`

use std::hint::black_box;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ntlm::server::AwaitLogon;
use ntlm::{
    Authority, ClientConfig, Credentials, EntropyError, FileTime, Password, ServerConfig, ServerPolicy, client, server,
};
use ntlm_accounts::audit::{AuditDraft, NoAudit};
use ntlm_accounts::{
    AccountName, AsyncAuthority, AuditSink as _, AuditWriter, Audited, Immediate, LocalAuthority, MemoryStore, Origin,
    Throttle, ThrottlePolicy, Throttled, server_names,
};

const ALICE: &str = r"EXAMPLE\alice";

fn entropy(bytes: &mut [u8]) -> Result<(), EntropyError> {
    bytes.fill(7);
    Ok(())
}

/// A logon of `name` that waits for its verdict.
fn question(name: &str, password: &str) -> AwaitLogon {
    let (now, [mut negotiate, mut challenge, mut authenticate]) = (FileTime::UNIX_EPOCH, [(); 3].map(|()| Vec::new()));
    let credentials = Arc::new(Credentials::new(name, &Password::new(password)));
    let start = client::Start::new(Arc::new(ClientConfig::default()), credentials, client::Exchange::default());
    let client = start.send(&mut negotiate).expect("a NEGOTIATE");
    let config = ServerConfig::new(server_names("web1.example.test", Some(&"EXAMPLE".into())), ServerPolicy::strict());
    let server = server::ExpectNegotiate::new(Arc::new(config), server::Exchange::default())
        .receive(&negotiate, now, &mut entropy, &mut challenge)
        .expect("a CHALLENGE");
    client.receive(&challenge, now, &mut entropy, &mut authenticate).expect("an AUTHENTICATE");
    server.receive(&authenticate, now).expect("a question")
}

fn accounts() -> Immediate<LocalAuthority<MemoryStore>> {
    let mut store = MemoryStore::new();
    store.insert_password(AccountName::parse(ALICE), &Password::new("secret")).expect("the first account");
    Immediate(LocalAuthority::new(store))
}

fn ask(authority: &dyn AsyncAuthority, question: &AwaitLogon, origin: &Origin) -> bool {
    match authority.logon(question.logon(), origin).as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(verdict) => verdict.is_ok(),
        Poll::Pending => panic!("an authority that answers at once"),
    }
}

fn logons(criterion: &mut Criterion) {
    let throttle = Arc::new(Throttle::new(ThrottlePolicy::default()));
    let right = question(ALICE, "secret");
    // As `\alice`, which is the account by another name: two counters.
    let other_name = question("alice", "secret");
    let origin = Origin { address: Some((Ipv4Addr::new(192, 0, 2, 7), 50_000).into()) };
    let throttled = || Throttled::new(accounts(), Arc::clone(&throttle));
    let mut group = criterion.benchmark_group("logon that succeeds");
    group.throughput(Throughput::Elements(1));
    let mut measure = |name: &str, authority: &dyn AsyncAuthority, question: &AwaitLogon| {
        assert!(ask(authority, question, &origin));
        group.bench_function(name, |bencher| bencher.iter(|| black_box(ask(authority, question, &origin))));
    };
    measure("bare", &accounts(), &right);
    measure("throttled", &throttled(), &right);
    measure("bare, by another name", &accounts(), &other_name);
    measure("throttled, by another name", &throttled(), &other_name);
    measure("audited, record not written", &Audited::new(accounts(), Arc::new(NoAudit)), &right);
    for (name, writer) in [("text", AuditWriter::text(io::sink())), ("JSON", AuditWriter::json(io::sink()))] {
        let sink = Arc::new(writer.expect("a thread"));
        measure(&format!("audited as {name}"), &Audited::new(accounts(), Arc::clone(&sink) as _), &right);
        measure(&format!("throttled and audited as {name}"), &Audited::new(throttled(), sink), &right);
    }
    group.finish();
}

fn failures(criterion: &mut Criterion) {
    let wrong = question(ALICE, "guess");
    let mut group = criterion.benchmark_group("logon that fails");
    group.throughput(Throughput::Elements(1));
    let bare = accounts().0;
    group.bench_function("bare", |bencher| bencher.iter(|| black_box(bare.logon(wrong.logon()).is_err())));
    let mut policy = ThrottlePolicy::default();
    policy.account_failures = u32::MAX;
    let throttled = Throttled::new(accounts().0, Arc::new(Throttle::new(policy)));
    group.bench_function("throttled", |bencher| bencher.iter(|| black_box(throttled.logon(wrong.logon()).is_err())));
    group.finish();
    println!("memory: {} B without failures", throttled.throttle().memory());
}

fn records(criterion: &mut Criterion) {
    let question = question(ALICE, "guess");
    let failure = ntlm::Error::Logon(ntlm::LogonFailure::WRONG_PASSWORD);
    let draft = || AuditDraft::new(&Origin::default(), "HTTPS", FileTime::UNIX_EPOCH).question(question.logon());
    let mut group = criterion.benchmark_group("record");
    group.throughput(Throughput::Elements(1));
    group.bench_function("made", |bencher| bencher.iter(|| black_box(draft().failed(&failure))));
    let record = draft().failed(&failure);
    group.bench_function("as text", |bencher| bencher.iter(|| black_box(record.to_text())));
    group.bench_function("as JSON", |bencher| bencher.iter(|| black_box(record.to_json())));
    let writer = AuditWriter::text(io::sink()).expect("a thread");
    group.bench_function("handed to a writer", |bencher| bencher.iter(|| writer.record(&record)));
    group.finish();
}

criterion_group!(benches, logons, failures, records);
criterion_main!(benches);
