//! What the three layers have in common: a logon, and messages.

use std::time::{Duration, Instant};

use ntlm::session::Signature;
use ntlm::wire::{AuthenticateMessage, AvId, NtlmV2Response};
use ntlm::{NegotiateFlags, UnicodeString};

/// The user, the password and the SPN of all layers.
pub(crate) const DOMAIN: &str = "EXAMPLE";
pub(crate) const USER: &str = "alice";
pub(crate) const PASSWORD: &str = "Al1ce-Passw0rd";
pub(crate) const TARGET: &str = "host/server1";

/// REPLAY_DETECT, SEQUENCE_DETECT, CONFIDENTIALITY and INTEGRITY of both families.
pub(crate) const ISC_REQ: u32 = 0x1_001c;
pub(crate) const ASC_REQ: u32 = 0x2_001c;

/// cbMaxToken.
pub(crate) const LONGEST_TOKEN: usize = 2888;

/// What makes the work of two logons the same.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// Bytes of the CHALLENGE_MESSAGE, most of which the response and the MIC cover.
    pub(crate) challenge: usize,
    pub(crate) flags: NegotiateFlags,
    /// By an NTLMv2 response.
    pub(crate) target_name: Option<UnicodeString>,
    pub(crate) mic: bool,
}

impl Agreed {
    /// As the messages say.
    pub(crate) fn of_messages(challenge: &[u8], authenticate: &[u8]) -> Self {
        let message = AuthenticateMessage::parse(authenticate).expect("an AUTHENTICATE_MESSAGE");
        let response = NtlmV2Response::parse(message.nt_response, 0).expect("an NTLMv2 response");
        Self {
            challenge: challenge.len(),
            flags: message.flags.expect("flags"),
            target_name: response.av_pairs.text(AvId::TARGET_NAME),
            mic: message.mic.is_some_and(|mic| mic != [0; 16]),
        }
    }
}

/// A way to do the work. Whatever fails ends the benchmark.
pub(crate) trait Layer {
    /// One side of an established context.
    type Context;

    /// What a logon comes to: the same for all layers.
    fn agreed(&self) -> Agreed;
    /// A whole logon: client and server.
    fn handshake(&self) -> (Self::Context, Self::Context);
    fn delete(&self, context: Self::Context);
    fn seal(&self, context: &mut Self::Context, token: &mut Signature, data: &mut [u8]);
    fn unseal(&self, context: &mut Self::Context, token: &mut Signature, data: &mut [u8]);
    fn sign(&self, context: &mut Self::Context, token: &mut Signature, data: &mut [u8]);
    fn verify(&self, context: &mut Self::Context, token: &mut Signature, data: &mut [u8]);
}

/// What is measured, with sizes in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Job {
    /// Both sides, and deleting both contexts. Configurations and credentials are reused.
    Handshake,
    Seal(usize),
    Unseal(usize),
    Sign(usize),
    Verify(usize),
}

/// A layer that takes turns.
pub(crate) trait Turns {
    /// How long it takes to do `job` so many `times`.
    fn run(&mut self, job: Job, times: usize) -> Duration;
}

/// Runs the jobs on a layer, and keeps what they need.
pub(crate) struct Runner<L: Layer> {
    layer: L,
    client: L::Context,
    server: L::Context,
    /// Messages from client to server that are to be taken.
    tokens: Vec<Signature>,
    data: Vec<u8>,
}

impl<L: Layer> Runner<L> {
    pub(crate) fn new(layer: L) -> Self {
        let (client, server) = layer.handshake();
        Self { layer, client, server, tokens: Vec::new(), data: Vec::new() }
    }

    /// What the server gives and nobody takes: the two directions do not depend on each other.
    fn give(&mut self, size: usize, times: usize, give: Message<L>) -> Duration {
        self.data.resize(size, 0x5a);
        let mut token = [0; 16];
        let start = Instant::now();
        for _ in 0..times {
            give(&self.layer, &mut self.server, &mut token, &mut self.data);
        }
        start.elapsed()
    }

    /// What is taken must be given first; only the taking is measured.
    fn take(&mut self, size: usize, times: usize, give: Message<L>, take: Message<L>) -> Duration {
        self.data.resize(size * times, 0x5a);
        self.tokens.resize(times, [0; 16]);
        for (token, data) in self.tokens.iter_mut().zip(self.data.chunks_exact_mut(size)) {
            give(&self.layer, &mut self.client, token, data);
        }
        let start = Instant::now();
        for (token, data) in self.tokens.iter_mut().zip(self.data.chunks_exact_mut(size)) {
            take(&self.layer, &mut self.server, token, data);
        }
        start.elapsed()
    }
}

type Message<L> = fn(&L, &mut <L as Layer>::Context, &mut Signature, &mut [u8]);

impl<L: Layer> Turns for Runner<L> {
    fn run(&mut self, job: Job, times: usize) -> Duration {
        match job {
            Job::Handshake => {
                let start = Instant::now();
                for _ in 0..times {
                    let (client, server) = self.layer.handshake();
                    self.layer.delete(client);
                    self.layer.delete(server);
                }
                start.elapsed()
            }
            Job::Seal(size) => self.give(size, times, L::seal),
            Job::Unseal(size) => self.take(size, times, L::seal, L::unseal),
            Job::Sign(size) => self.give(size, times, L::sign),
            Job::Verify(size) => self.take(size, times, L::sign, L::verify),
        }
    }
}
