//! The works, by name.

use std::process::ExitCode;
use std::sync::Barrier;
use std::time::Duration;

use crate::measure::{Clock, in_use, rate, resident};
use crate::{Peer, SHORT, Signature};

/// What every byte of a plaintext is.
const PLAIN: u8 = 0x5a;

/// Bytes of a message that goes with a handshake.
const MESSAGE: usize = 64;

/// Unsealing and verifying: so many bytes of messages are made beforehand, and stay in the processor's cache.
const BATCH: usize = 256 * 1024;
const MOST_IN_BATCH: usize = 1024;

/// So many contexts are held for what one of them takes.
const CONTEXTS: usize = 1000;

/// The program: WORK SIZE MILLISECONDS.
pub fn run<P: Peer>(mut peer: P) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, size, milliseconds] = arguments.as_slice() else {
        eprintln!("usage: PEER WORK SIZE MILLISECONDS");
        return ExitCode::from(2);
    };
    // Which messages are sent is for the peer to know.
    let name = name.strip_prefix(SHORT).unwrap_or(name);
    let size: usize = size.parse().expect("a size in bytes");
    let budget = Duration::from_millis(milliseconds.parse().expect("milliseconds"));
    let bytes = if size == 0 || name == "growth" { MESSAGE } else { size };

    peer.agreed().check();
    check_messages(&mut peer, bytes);
    if let Some(line) = peer.other_work(name) {
        println!("{line}");
        return ExitCode::SUCCESS;
    }
    if let Some(line) = facts(&mut peer, name, size) {
        println!("{line}");
        return ExitCode::SUCCESS;
    }
    let rate = match name.split_once("-thread-").or_else(|| name.split_once("-threads-")) {
        Some(("one", work)) => in_threads(&mut [&mut peer], work, bytes, budget),
        Some(("two", work)) => {
            let mut other = peer.share();
            in_threads(&mut [&mut peer, &mut other], work, bytes, budget)
        }
        _ => Worker::new(&mut peer, bytes, Clock::Processor).rate(name, budget),
    };
    println!("{rate:.6e}");
    ExitCode::SUCCESS
}

/// What is not a rate.
fn facts<P: Peer>(peer: &mut P, name: &str, size: usize) -> Option<String> {
    match name {
        "agreed" => {
            let agreed = peer.agreed();
            let authenticate = agreed.authenticate.map_or("-".to_owned(), |bytes| bytes.to_string());
            Some(format!("{:#010x} {} {authenticate}", agreed.flags, agreed.challenge))
        }
        "memory" => {
            let half_open = held(|| peer.half_open());
            let established = held(|| Some(peer.logon())).expect("logons");
            let used = held(|| Some(used(peer))).expect("logons");
            Some(format!("{} {established} {used}", half_open.map_or("-".to_owned(), |bytes| bytes.to_string())))
        }
        "growth" => {
            let mut worker = Worker::new(peer, MESSAGE, Clock::Processor);
            worker.handshakes(size / 10, false);
            let before = resident();
            worker.handshakes(size - size / 10, false);
            Some((resident() - before).to_string())
        }
        _ => None,
    }
}

/// Bytes that one of what `make` makes takes, on the heap as a whole.
fn held<T>(mut make: impl FnMut() -> Option<T>) -> Option<usize> {
    let mut bytes = 0;
    // What the first round leaves behind for the next ones does not count.
    for _ in 0..2 {
        let mut all = Vec::with_capacity(CONTEXTS);
        let before = in_use();
        for _ in 0..CONTEXTS {
            all.push(Box::new(make()?));
        }
        bytes = (in_use() - before) / CONTEXTS;
    }
    Some(bytes)
}

/// Both sides of a logon that have sent a message each.
pub fn used<P: Peer>(peer: &mut P) -> (P::Context, P::Context) {
    let (mut client, mut server) = peer.logon();
    let (mut signature, mut data) = ([0; 16], [PLAIN; MESSAGE]);
    peer.seal(&mut client, &mut signature, &mut data);
    assert!(peer.unseal(&mut server, &mut signature, &mut data), "not unsealed");
    peer.seal(&mut server, &mut signature, &mut data);
    assert!(peer.unseal(&mut client, &mut signature, &mut data), "not unsealed");
    (client, server)
}

/// Messages each way are what they should be, and a changed one is found out.
fn check_messages<P: Peer>(peer: &mut P, size: usize) {
    let (mut client, mut server) = peer.logon();
    let (mut signature, mut data) = ([0; 16], vec![PLAIN; size]);
    let is_plain = |data: &[u8]| data.iter().all(|&byte| byte == PLAIN);
    for turn in 0..4 {
        let (from, to) = if turn % 2 == 0 { (&mut client, &mut server) } else { (&mut server, &mut client) };
        peer.seal(from, &mut signature, &mut data);
        assert!(!is_plain(&data), "not sealed");
        assert!(peer.unseal(to, &mut signature, &mut data) && is_plain(&data), "not unsealed");
        peer.sign(from, &mut signature, &mut data);
        assert!(peer.verify(to, &mut signature, &mut data) && is_plain(&data), "not verified");
    }
    peer.seal(&mut client, &mut signature, &mut data);
    data[size / 2] ^= 1;
    assert!(!peer.unseal(&mut server, &mut signature, &mut data), "a changed message was taken");
    peer.end(client);
    peer.end(server);
}

/// The sum over threads that work at once, each on contexts of its own.
fn in_threads<P: Peer>(peers: &mut [&mut P], work: &str, size: usize, budget: Duration) -> f64 {
    let barrier = &Barrier::new(peers.len());
    std::thread::scope(|scope| {
        let started: Vec<_> = peers
            .iter_mut()
            .map(|peer| {
                scope.spawn(move || {
                    let mut worker = Worker::new(&mut **peer, size, Clock::Wall);
                    barrier.wait();
                    worker.rate(work, budget)
                })
            })
            .collect();
        started.into_iter().map(|thread| thread.join().expect("a rate")).sum()
    })
}

/// A peer at work: two contexts, and messages of one size.
struct Worker<'a, P: Peer> {
    peer: &'a mut P,
    clock: Clock,
    client: P::Context,
    server: P::Context,
    size: usize,
    signatures: Vec<Signature>,
    data: Vec<u8>,
}

type Give<P> = fn(&mut P, &mut <P as Peer>::Context, &mut Signature, &mut [u8]);
type Take<P> = fn(&mut P, &mut <P as Peer>::Context, &mut Signature, &mut [u8]) -> bool;

impl<'a, P: Peer> Worker<'a, P> {
    fn new(peer: &'a mut P, size: usize, clock: Clock) -> Self {
        let (client, server) = peer.logon();
        let count = (BATCH / size).clamp(1, MOST_IN_BATCH);
        let (signatures, data) = (vec![[0; 16]; count], vec![PLAIN; count * size]);
        Self { peer, clock, client, server, size, signatures, data }
    }

    fn rate(&mut self, name: &str, budget: Duration) -> f64 {
        rate(budget, |times| match name {
            "handshake" => self.handshakes(times, false),
            "handshake-message" => self.handshakes(times, true),
            "seal" => self.give(times, P::seal),
            "sign" => self.give(times, P::sign),
            "unseal" => self.take(times, P::seal, P::unseal),
            "verify" => self.take(times, P::sign, P::verify),
            _ => panic!("no such work: {name}"),
        })
    }

    fn handshakes(&mut self, times: usize, with_messages: bool) -> Duration {
        let mut data = [PLAIN; MESSAGE];
        let start = self.clock.now();
        for _ in 0..times {
            let (mut client, mut server) = self.peer.logon();
            if with_messages {
                self.pass(&mut client, &mut server, &mut data);
                self.pass(&mut server, &mut client, &mut data);
            }
            self.peer.end(client);
            self.peer.end(server);
        }
        self.clock.now() - start
    }

    fn pass(&mut self, from: &mut P::Context, to: &mut P::Context, data: &mut [u8]) {
        let mut signature = [0; 16];
        self.peer.seal(from, &mut signature, data);
        assert!(self.peer.unseal(to, &mut signature, data), "not unsealed");
    }

    /// What the server gives and nobody takes: the two directions do not depend on each other.
    fn give(&mut self, times: usize, give: Give<P>) -> Duration {
        let (signature, data) = (&mut self.signatures[0], &mut self.data[..self.size]);
        let start = self.clock.now();
        for _ in 0..times {
            give(self.peer, &mut self.server, signature, data);
        }
        self.clock.now() - start
    }

    /// Only the taking counts.
    fn take(&mut self, times: usize, give: Give<P>, take: Take<P>) -> Duration {
        let mut took = Duration::ZERO;
        let mut left = times;
        while left > 0 {
            let count = left.min(self.signatures.len());
            let messages = self.signatures[..count].iter_mut().zip(self.data.chunks_exact_mut(self.size));
            for (signature, data) in messages {
                give(self.peer, &mut self.client, signature, data);
            }
            let messages = self.signatures[..count].iter_mut().zip(self.data.chunks_exact_mut(self.size));
            let start = self.clock.now();
            for (signature, data) in messages {
                assert!(take(self.peer, &mut self.server, signature, data), "not taken");
            }
            took += self.clock.now() - start;
            assert!(self.data[..count * self.size].iter().all(|&byte| byte == PLAIN), "not the plaintext");
            left -= count;
        }
        took
    }
}
