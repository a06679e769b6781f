//! The core, doing what `ntlm bench` and its own benchmarks do: between a client and a server with names, as Windows has them. Works whose names begin with `short-` are
//! the same with messages as short as those of peers that send none.

use std::any::Any;
use std::process::ExitCode;
use std::sync::Arc;

use bench_common::{Agreed, Peer, Signature, used};
use ntlm::{ClientPolicy, Established, Piece, ServerNames};
use work::Work;

mod messages;
#[allow(dead_code, reason = "a part of what `ntlm bench` does")]
#[path = "../../../../crates/cli/src/bench/work.rs"]
mod work;

#[derive(Clone)]
struct Core(Arc<Work>);

fn main() -> ExitCode {
    let short = std::env::args().nth(1).is_some_and(|name| name.starts_with(bench_common::SHORT));
    let nameless = || Work::with(ClientPolicy::windows(), ServerNames::member("", ""), None);
    bench_common::run(Core(Arc::new(if short { nameless() } else { Work::new() })))
}

impl Peer for Core {
    type Context = Established;

    fn agreed(&mut self) -> Agreed {
        let (challenge, authenticate) = messages::of_a_logon(&self.0);
        Agreed::of_messages(&challenge, &authenticate)
    }

    fn logon(&mut self) -> (Established, Established) {
        self.0.handshake().expect("a logon")
    }

    fn half_open(&mut self) -> Option<Box<dyn Any>> {
        Some(Box::new(self.0.half_open().expect("half a logon").1))
    }

    fn share(&self) -> Self {
        self.clone()
    }

    fn seal(&mut self, context: &mut Established, signature: &mut Signature, data: &mut [u8]) {
        *signature = context.session.seal(&mut [Piece::Sealed(data)]).expect("a signature");
    }

    fn unseal(&mut self, context: &mut Established, signature: &mut Signature, data: &mut [u8]) -> bool {
        context.session.unseal(&mut [Piece::Sealed(data)], signature).is_ok()
    }

    fn sign(&mut self, context: &mut Established, signature: &mut Signature, data: &mut [u8]) {
        *signature = context.session.sign(&[data]).expect("a signature");
    }

    fn verify(&mut self, context: &mut Established, signature: &mut Signature, data: &mut [u8]) -> bool {
        context.session.verify(&[data], signature).is_ok()
    }

    /// `counted`: bytes of a half-open server, of an established pair, and of one that has sent a message each way, as `memory()` counts.
    fn other_work(&mut self, name: &str) -> Option<String> {
        (name == "counted").then(|| {
            let (_, half_open, _) = self.0.half_open().expect("half a logon");
            let pair = |(client, server): (Established, Established)| client.memory() + server.memory();
            format!("{} {} {}", half_open.memory(), pair(self.logon()), pair(used(self)))
        })
    }
}
