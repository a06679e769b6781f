//! Handshakes, session security by message size, and memory. `cargo bench -p ntlm`; `ntlm bench` prints the same for a user's machine.

#[path = "../../cli/src/bench/work.rs"]
mod work;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ntlm::{Piece, Session};
use work::{SIZES, Work, pass};

fn handshakes(criterion: &mut Criterion) {
    let work = Work::new();
    let mut group = criterion.benchmark_group("handshake");
    group.throughput(Throughput::Elements(1));
    group.bench_function("client and server", |bencher| bencher.iter(|| work.handshake().expect("a logon")));
    group.bench_function("with a sealed message each way", |bencher| {
        bencher.iter(|| work.handshake_and_messages().expect("a logon"));
    });
    group.finish();
    let (client, server, _) = work.half_open().expect("half a logon");
    println!("memory: half-open client {} B, half-open server {} B", client.memory(), server.memory());
    let (mut client, mut server) = work.handshake().expect("a logon");
    let mut data = [0x5a; 64];
    pass(&mut client.session, &mut server.session, &mut data).expect("a message");
    pass(&mut server.session, &mut client.session, &mut data).expect("a message");
    println!("memory: established client {} B, established server {} B", client.memory(), server.memory());
}

/// Measures both sides of one kind of message: `give` makes a message and its signature on one side, `take` checks them on the other.
fn one_way<T>(
    criterion: &mut Criterion,
    (giving, taking): (&str, &str),
    give: impl Fn(&mut Session, &mut [u8]) -> T,
    take: impl Fn(&mut Session, &mut [u8], &T),
) {
    let work = Work::new();
    for size in SIZES {
        let bytes = Throughput::Bytes(size as u64);
        let mut data = vec![0x5a; size];
        let (mut client, _) = work.sessions().expect("a logon");
        let mut group = criterion.benchmark_group(giving);
        group.throughput(bytes.clone());
        group.bench_function(format!("{size} B"), |bencher| bencher.iter(|| give(&mut client, &mut data)));
        group.finish();

        // What is taken must be given first; only the taking is measured.
        let (mut client, mut server) = work.sessions().expect("a logon");
        let mut given = || {
            let mut data = vec![0x5a; size];
            let signature = give(&mut client, &mut data);
            (data, signature)
        };
        let mut group = criterion.benchmark_group(taking);
        group.throughput(bytes);
        let mut taken = |(data, signature): &mut (Vec<u8>, T)| take(&mut server, data, signature);
        group.bench_function(format!("{size} B"), |bencher| {
            bencher.iter_batched_ref(&mut given, &mut taken, BatchSize::PerIteration);
        });
        group.finish();
    }
}

fn session_security(criterion: &mut Criterion) {
    one_way(
        criterion,
        ("sign", "verify"),
        |session, data| session.sign(&[data]).expect("a signature"),
        |session, data, signature| session.verify(&[data], signature).expect("the message"),
    );
    one_way(
        criterion,
        ("seal", "unseal"),
        |session, data| session.seal(&mut [Piece::Sealed(data)]).expect("a signature"),
        |session, data, signature| session.unseal(&mut [Piece::Sealed(data)], signature).expect("the message"),
    );
}

criterion_group!(benches, handshakes, session_security);
criterion_main!(benches);
