//! A client and a server without a network, a fixed clock and loaded dice, and somebody in the middle.
//!
//! ```ignore
//! mod support;
//! use support::pair::{Pair, Step};
//!
//! // EXAMPLE\alice logs on to SERVER1, both sides strict, nothing required:
//! let (client, server) = Pair::new().run().expect("a strict logon");
//!
//! // Every part is a public field; the methods are for what is changed most often.
//! let mut pair = Pair::new().with_requirements(Requirements::seal());
//! pair.server_config.policy.channel_bindings = ChannelBindingsPolicy::Always;
//!
//! // Somebody in the middle rewrites messages on their way; what was sent and what arrived is kept.
//! pair.in_the_middle.challenge = Some(Box::new(|message| message[20] ^= 0x10));
//! let error = pair.run().expect_err("the flags were changed");
//! assert_eq!((error.side, error.step), (Role::Server, Step::Verdict));
//! assert_ne!(pair.sent.challenge, pair.received.challenge);
//! ```
//!
//! | field or method | what | default |
//! |---|---|---|
//! | `client_config`, `credentials`, `client_exchange` | the client | strict, `EXAMPLE\alice` with [`PASSWORD`], no target, nothing required |
//! | `server_config`, `server_exchange` | the server | strict, [`SERVER`] in the domain [`DOMAIN`], nothing required |
//! | `authority` | who decides on logons; [`Pair::with_authority`] takes a closure | knows `alice` by name, in any domain, by her NT hash |
//! | `now`, `client_ahead`, `on_the_way` | the server's clock, what the client's is ahead, how long the client takes to answer | [`NOW`], 0, 0 |
//! | `entropy` | a small counter-like generator: the same bytes in every run | seed 1 |
//! | `connectionless` | begins with `datagram` on both sides; there is no NEGOTIATE then | no |
//! | `in_the_middle` | a closure for each message | absent |
//! | [`Pair::run`] | one whole exchange; may be called again, the dice roll on | |
//! | [`Pair::question`] | the same, stopped at [`AwaitLogon`] | |
//! | [`Pair::refused`] | the error of an exchange that must fail | |
//! | [`converse`], [`chat`] | messages both ways over two established contexts, whatever was negotiated | |
//! | [`strip`], [`rewrite_flags`] | what somebody in the middle does to flags | |
//!
//! The order in which the entropy is used: 8 bytes of server challenge, 8 of client challenge, 16 of session key.

use std::sync::Arc;
use std::time::Duration;

use ntlm::server::AwaitLogon;
use ntlm::wire::MessageType;
use ntlm::{
    ClientConfig, ClientPolicy, Credentials, Entropy, EntropyError, Error, Established, FileTime, LogonFailure,
    LogonSuccess, NegotiateFlags, NetworkLogon, Password, Piece, Requirements, Role, ServerConfig, ServerNames,
    ServerPolicy, Session, client, server,
};

/// The password of `alice`.
pub const PASSWORD: &str = "Correct Horse 1!";

/// The server's NetBIOS name.
pub const SERVER: &str = "SERVER1";

/// The NetBIOS name of the server's domain.
pub const DOMAIN: &str = "EXAMPLE";

/// 2024-01-18 00:00 UTC.
pub const NOW: FileTime = FileTime(133_500_096_000_000_000);

/// Dice that fall the same way in every run (xorshift64*).
#[derive(Clone, Debug)]
pub struct LoadedDice(u64);

impl LoadedDice {
    /// Dice that fall in a way of their own for each `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next random number.
    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

impl Entropy for LoadedDice {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in bytes.chunks_mut(8) {
            let roll = self.roll().to_le_bytes();
            chunk.copy_from_slice(&roll[..chunk.len()]);
        }
        Ok(())
    }
}

/// Rewrites a message in flight.
pub type Rewrite = Box<dyn FnMut(&mut Vec<u8>)>;

/// Decides on a logon.
pub type Ask = Box<dyn Fn(&NetworkLogon) -> Result<LogonSuccess, LogonFailure>>;

/// Somebody in the middle: what it does to each message.
#[derive(Default)]
pub struct InTheMiddle {
    pub negotiate: Option<Rewrite>,
    pub challenge: Option<Rewrite>,
    pub authenticate: Option<Rewrite>,
}

/// The three messages of an exchange; empty where it did not get that far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    pub negotiate: Vec<u8>,
    pub challenge: Vec<u8>,
    pub authenticate: Vec<u8>,
}

/// Where an exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The client begins, or the server where it speaks first.
    Begin,
    /// The server reads the NEGOTIATE.
    Negotiate,
    /// The client reads the CHALLENGE.
    Challenge,
    /// The server reads the AUTHENTICATE.
    Authenticate,
    /// The server finishes with a verdict.
    Verdict,
}

/// A failed exchange: which side ended it, where, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairError {
    pub side: Role,
    pub step: Step,
    pub error: Error,
}

impl PairError {
    fn client(step: Step) -> impl Fn(Error) -> Self {
        move |error| Self { side: Role::Client, step, error }
    }

    fn server(step: Step) -> impl Fn(Error) -> Self {
        move |error| Self { side: Role::Server, step, error }
    }
}

/// A client and a server. See the module.
pub struct Pair {
    pub client_config: ClientConfig,
    pub credentials: Credentials,
    pub client_exchange: client::Exchange,
    pub server_config: ServerConfig,
    pub server_exchange: server::Exchange,
    pub authority: Ask,
    pub now: FileTime,
    pub client_ahead: Duration,
    pub on_the_way: Duration,
    pub entropy: LoadedDice,
    pub connectionless: bool,
    pub in_the_middle: InTheMiddle,
    /// The messages of the last run as their senders made them.
    pub sent: Messages,
    /// The messages of the last run as they arrived.
    pub received: Messages,
}

impl Pair {
    /// A strict pair; see the module for everything else.
    pub fn new() -> Self {
        Self::with_policies(ClientPolicy::strict(), ServerPolicy::strict())
    }

    /// A pair with policies of its own, otherwise the default.
    pub fn with_policies(client: ClientPolicy, server: ServerPolicy) -> Self {
        Self {
            client_config: ClientConfig::new(client),
            credentials: Credentials::new(r"EXAMPLE\alice", &Password::new(PASSWORD)),
            client_exchange: client::Exchange::default(),
            server_config: ServerConfig::new(ServerNames::member(SERVER, DOMAIN), server),
            server_exchange: server::Exchange::default(),
            authority: Box::new(knows_alice),
            now: NOW,
            client_ahead: Duration::ZERO,
            on_the_way: Duration::ZERO,
            entropy: LoadedDice::new(1),
            connectionless: false,
            in_the_middle: InTheMiddle::default(),
            sent: Messages::default(),
            received: Messages::default(),
        }
    }

    /// Both sides require the same.
    pub fn with_requirements(mut self, requirements: Requirements) -> Self {
        self.client_exchange.requirements = requirements;
        self.server_exchange.requirements = requirements;
        self
    }

    /// Logs on with these credentials.
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// Asks this authority.
    pub fn with_authority(
        mut self,
        authority: impl Fn(&NetworkLogon) -> Result<LogonSuccess, LogonFailure> + 'static,
    ) -> Self {
        self.authority = Box::new(authority);
        self
    }

    /// Rewrites the NEGOTIATE on its way.
    pub fn with_negotiate(mut self, rewrite: impl FnMut(&mut Vec<u8>) + 'static) -> Self {
        self.in_the_middle.negotiate = Some(Box::new(rewrite));
        self
    }

    /// Rewrites the CHALLENGE on its way.
    pub fn with_challenge(mut self, rewrite: impl FnMut(&mut Vec<u8>) + 'static) -> Self {
        self.in_the_middle.challenge = Some(Box::new(rewrite));
        self
    }

    /// Rewrites the AUTHENTICATE on its way.
    pub fn with_authenticate(mut self, rewrite: impl FnMut(&mut Vec<u8>) + 'static) -> Self {
        self.in_the_middle.authenticate = Some(Box::new(rewrite));
        self
    }

    /// A whole exchange: the client's context, then the server's.
    pub fn run(&mut self) -> Result<(Established, Established), PairError> {
        let (client, waiting) = self.question()?;
        let verdict = (self.authority)(waiting.logon());
        let server = waiting.finish(verdict).map_err(PairError::server(Step::Verdict))?;
        Ok((client, server))
    }

    /// An exchange up to the point where somebody must be asked.
    pub fn question(&mut self) -> Result<(Established, AwaitLogon), PairError> {
        self.sent = Messages::default();
        self.received = Messages::default();
        let client_now = self.now.saturating_add(self.client_ahead);
        let client_config = Arc::new(self.client_config.clone());
        let credentials = Arc::new(self.credentials.duplicate());
        let mut exchange = self.client_exchange.clone();
        if self.connectionless {
            // Finding out replays and reordering is the application's affair there, and cannot be asked for.
            exchange.requirements.replay_detect = false;
            exchange.requirements.sequence_detect = false;
        }
        let client = client::Start::new(client_config, credentials, exchange);
        let server_config = Arc::new(self.server_config.clone());
        let server = server::ExpectNegotiate::new(server_config, self.server_exchange.clone());

        let (client, server) = if self.connectionless {
            let client = client.datagram().map_err(PairError::client(Step::Begin))?;
            let server = server
                .datagram(self.now, &mut self.entropy, &mut self.sent.challenge)
                .map_err(PairError::server(Step::Begin))?;
            (client, server)
        } else {
            let client = client.send(&mut self.sent.negotiate).map_err(PairError::client(Step::Begin))?;
            self.received.negotiate = on_its_way(&self.sent.negotiate, &mut self.in_the_middle.negotiate);
            let server = server
                .receive(&self.received.negotiate, self.now, &mut self.entropy, &mut self.sent.challenge)
                .map_err(PairError::server(Step::Negotiate))?;
            (client, server)
        };
        self.received.challenge = on_its_way(&self.sent.challenge, &mut self.in_the_middle.challenge);
        let client = client
            .receive(&self.received.challenge, client_now, &mut self.entropy, &mut self.sent.authenticate)
            .map_err(PairError::client(Step::Challenge))?;
        self.received.authenticate = on_its_way(&self.sent.authenticate, &mut self.in_the_middle.authenticate);
        let waiting = server
            .receive(&self.received.authenticate, self.now.saturating_add(self.on_the_way))
            .map_err(PairError::server(Step::Authenticate))?;
        Ok((client, waiting))
    }

    /// The error of an exchange that must fail; a panic when it does not.
    #[track_caller]
    pub fn refused(&mut self) -> PairError {
        match self.run() {
            Err(error) => error,
            Ok((_, server)) => panic!("an exchange that must fail let {} in", server.info.identity()),
        }
    }
}

impl Default for Pair {
    fn default() -> Self {
        Self::new()
    }
}

fn on_its_way(message: &[u8], rewrite: &mut Option<Rewrite>) -> Vec<u8> {
    let mut message = message.to_vec();
    if let Some(rewrite) = rewrite {
        rewrite(&mut message);
    }
    message
}

/// The default authority: `alice` in any domain and any case, by her NT hash.
pub fn knows_alice(logon: &NetworkLogon) -> Result<LogonSuccess, LogonFailure> {
    let known =
        logon.user().eq_ignore_case(&"alice".into()) || logon.user().eq_ignore_case(&"alice@example.test".into());
    let hash = Password::new(PASSWORD).nt_hash();
    logon.verify(known.then_some(&hash))
}

/// Sends messages both ways, as far as the session goes: sealed if it seals, signed if it signs, none if it does neither. There are short ones, an empty
/// one and one of 64 KiB, in several pieces, and each is taken by the other side before the next is made.
///
/// `numbers` is the first of three sequence numbers for a connectionless session and must be above those used before; others do not look at it.
#[track_caller]
pub fn converse(client: &mut Session, server: &mut Session, numbers: u32) {
    chat(client, server, numbers);
    if client.signs() {
        let long: Vec<u8> = (0..=u8::MAX).cycle().take(64 * 1024).collect();
        send(client, server, numbers + 2, &long);
        send(server, client, numbers + 2, &long);
    }
}

/// As [`converse`], without the long message; takes two numbers.
#[track_caller]
pub fn chat(client: &mut Session, server: &mut Session, numbers: u32) {
    assert_eq!(client.signs(), server.signs(), "one side signs and the other does not");
    assert_eq!(client.seals(), server.seals(), "one side seals and the other does not");
    if client.signs() {
        for (number, body) in (numbers..).zip([&b"first"[..], b""]) {
            send(client, server, number, body);
            send(server, client, number, body);
        }
    }
}

/// Sends one message: `body` in two pieces between two that are signed only.
#[track_caller]
fn send(from: &mut Session, to: &mut Session, number: u32, body: &[u8]) {
    const HEADER: &[u8] = b"header";
    const MIDDLE: &[u8] = b"middle";
    let datagram = from.flags().contains(NegotiateFlags::DATAGRAM);
    if !from.seals() {
        let signed = [HEADER, body];
        if datagram {
            let signature = from.seal_datagram(number, &mut signed.map(Piece::SignedOnly)).expect("signed");
            to.unseal_datagram(number, &mut signed.map(Piece::SignedOnly), &signature).expect("verified");
        } else {
            let signature = from.sign(&signed).expect("signed");
            to.verify(&signed, &signature).expect("verified");
        }
        return;
    }
    let mut message = body.to_vec();
    let cut = message.len() / 3;
    let (a, b) = message.split_at_mut(cut);
    let mut pieces = [Piece::SignedOnly(HEADER), Piece::Sealed(a), Piece::SignedOnly(MIDDLE), Piece::Sealed(b)];
    let signature = if datagram { from.seal_datagram(number, &mut pieces) } else { from.seal(&mut pieces) };
    let signature = signature.expect("sealed");
    assert!(body.is_empty() || message != body, "the message is not encrypted");
    let (a, b) = message.split_at_mut(cut);
    let mut pieces = [Piece::SignedOnly(HEADER), Piece::Sealed(a), Piece::SignedOnly(MIDDLE), Piece::Sealed(b)];
    let outcome =
        if datagram { to.unseal_datagram(number, &mut pieces, &signature) } else { to.unseal(&mut pieces, &signature) };
    outcome.expect("unsealed");
    assert!(message == body, "the message is another one");
    if !datagram {
        // A signature alone takes its turn among the sealed messages.
        let signature = from.sign(&[HEADER, body]).expect("signed");
        to.verify(&[HEADER, body], &signature).expect("verified");
    }
}

/// Takes flags out of a NEGOTIATE, a CHALLENGE or an AUTHENTICATE, as somebody in the middle would.
pub fn strip(message: &mut [u8], flags: NegotiateFlags) {
    rewrite_flags(message, |found| found.without(flags));
}

/// Changes the flags of a NEGOTIATE, a CHALLENGE or an AUTHENTICATE.
pub fn rewrite_flags(message: &mut [u8], change: impl FnOnce(NegotiateFlags) -> NegotiateFlags) {
    let at = match MessageType::of(message).expect("a message") {
        MessageType::Negotiate => 12,
        MessageType::Challenge => 20,
        MessageType::Authenticate => 60,
    };
    let field = message[at..].first_chunk_mut::<4>().expect("flags");
    *field = change(NegotiateFlags(u32::from_le_bytes(*field))).0.to_le_bytes();
}
