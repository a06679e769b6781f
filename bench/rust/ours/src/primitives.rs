//! The primitives, bare: no peer, but PRIMITIVE SIZE MILLISECONDS prints the same kind of number.
//!
//! | primitive | |
//! |---|---|
//! | `md5` | a digest of SIZE bytes by RustCrypto's md-5 |
//! | `one-thread-md5`, `two-threads-md5` | the same by the clock on the wall, the sum over the threads: what the machine can give |
//! | `core-md5` | the same by what the core uses |
//! | `core-rc4` | SIZE bytes under the core's RC4 |
//! | `random` | as often as a handshake asks for random bytes, and as many |
//! | `bare-handshake`, `bare-handshake-message` | the MD5 blocks (md-5) and RC4 that a handshake of the core cannot do without |

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use bench_common::{Clock, rate};
use md5::{Digest as _, Md5};
use ntlm::crypto::Rc4;
use work::Work;

mod messages;
#[allow(dead_code, reason = "a part of what `ntlm bench` does")]
#[path = "../../../../crates/cli/src/bench/work.rs"]
mod work;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, size, milliseconds] = arguments.as_slice() else {
        eprintln!("usage: primitives PRIMITIVE SIZE MILLISECONDS");
        return ExitCode::from(2);
    };
    let mut data = vec![0x5a; size.parse().expect("a size in bytes")];
    let budget = Duration::from_millis(milliseconds.parse().expect("milliseconds"));
    let mut stream = Rc4::new(b"key");
    let cost = Cost::of_handshake();
    let rate = match name.as_str() {
        "count" => {
            println!("{} {}", cost, cost.with_messages());
            return ExitCode::SUCCESS;
        }
        "one-thread-md5" => in_threads(1, &data, budget),
        "two-threads-md5" => in_threads(2, &data, budget),
        "md5" => measure(budget, || _ = black_box(Md5::digest(black_box(&data)))),
        "core-md5" => measure(budget, || _ = black_box(ntlm::crypto::md5(&[black_box(&data)]))),
        "core-rc4" => measure(budget, || stream.apply(black_box(&mut data))),
        "random" => measure(budget, random),
        "bare-handshake" => measure(budget, || cost.spend()),
        "bare-handshake-message" => {
            let cost = cost.with_messages();
            measure(budget, || cost.spend())
        }
        _ => panic!("no such primitive: {name}"),
    };
    println!("{rate:.6e}");
    ExitCode::SUCCESS
}

fn measure(budget: Duration, job: impl FnMut()) -> f64 {
    measure_by(Clock::Processor, budget, job)
}

fn measure_by(clock: Clock, budget: Duration, mut job: impl FnMut()) -> f64 {
    rate(budget, |times| {
        let start = clock.now();
        for _ in 0..times {
            job();
        }
        clock.now() - start
    })
}

fn in_threads(threads: usize, data: &[u8], budget: Duration) -> f64 {
    let job = || _ = black_box(Md5::digest(black_box(data)));
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(move || measure_by(Clock::Wall, budget, job))).collect();
        started.into_iter().map(|thread| thread.join().expect("a rate")).sum()
    })
}

/// Server challenge; client challenge and exported session key.
fn random() {
    for length in [8, 24] {
        getrandom::fill(black_box(&mut [0; 24][..length])).expect("random bytes");
    }
}

/// What both sides together do.
#[derive(Clone, Copy)]
struct Cost {
    md5_blocks: usize,
    rc4_set_ups: usize,
    rc4_bytes: usize,
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.md5_blocks, self.rc4_set_ups)
    }
}

/// Taking the key of an HMAC in: the two blocks of its inner and outer pad.
const HMAC_KEY: usize = 2;

/// Blocks of a digest whose last bytes are `length` ones.
const fn md5_blocks(length: usize) -> usize {
    (length + 9).div_ceil(64)
}

/// Blocks of an HMAC over `length` bytes, under a key that was taken in.
const fn hmac_blocks(length: usize) -> usize {
    md5_blocks(length) + md5_blocks(16)
}

impl Cost {
    /// Of what must be done until both contexts stand. The client keeps its NTOWFv2 with its credentials, as a key that was taken in; the server knows an NT
    /// hash. Signing and sealing keys can wait for the first message.
    fn of_handshake() -> Self {
        let (challenge, authenticate) = messages::of_a_logon(&Work::new());
        // No NEGOTIATE_MESSAGE of ours carries names.
        let all_messages = 40 + challenge.len() + authenticate.len();
        let nt_response = usize::from(u16::from_le_bytes([authenticate[20], authenticate[21]]));
        let names = 2 * "ALICEEXAMPLE".len();
        // NTProofStr over the server's challenge and the rest of the response; the session base key over NTProofStr.
        let response = hmac_blocks(8 + nt_response - 16) + hmac_blocks(16);
        let mic = HMAC_KEY + hmac_blocks(all_messages);
        let of_server = HMAC_KEY + hmac_blocks(names) + HMAC_KEY;
        Self { md5_blocks: 2 * (response + mic) + of_server, rc4_set_ups: 2, rc4_bytes: 2 * 16 }
    }

    /// And of a sealed message of 64 bytes each way.
    fn with_messages(self) -> Self {
        // SIGNKEY and SEALKEY hash 16 bytes of key and a constant of 59.
        let keys = 4 * md5_blocks(16 + 59) + 2 * HMAC_KEY;
        let message = hmac_blocks(4 + 64);
        Self {
            md5_blocks: self.md5_blocks + 2 * keys + 4 * message,
            rc4_set_ups: self.rc4_set_ups + 4,
            rc4_bytes: self.rc4_bytes + 4 * (64 + 8),
        }
    }

    fn spend(self) {
        let blocks = [0; 64 * 256];
        // The padding of a digest of whole blocks is a block.
        black_box(Md5::digest(black_box(&blocks[..64 * (self.md5_blocks - 1)])));
        let mut bytes = [0; 1024];
        let bytes = &mut bytes[..self.rc4_bytes / self.rc4_set_ups];
        for _ in 0..self.rc4_set_ups {
            Rc4::new(black_box(&[7; 16])).apply(black_box(&mut *bytes));
        }
    }
}
