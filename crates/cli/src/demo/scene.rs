//! One logon over TCP, told as events. A token or message goes over the connection as its length (four bytes, big-endian) and its bytes.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use ntlm::wire::MessageType;
use ntlm::{
    AcceptedTargets, Authority, ClientConfig, Credentials, Established, NegotiateFlags, Password, Piece, Requirements,
    ServerConfig, ServerNames, ServerPolicy, client, server,
};
use ntlm_accounts::{AccountName, LocalAuthority, MemoryStore};

use crate::environment::{SystemEntropy, now};
use crate::failure::Failure;

/// A logon to be played.
pub(super) struct Scene {
    pub(super) title: &'static str,
    pub(super) password: Password,
    pub(super) tamper: Option<Tamper>,
    /// Whether the server must let the client in.
    pub(super) accepted: bool,
}

/// What somebody in the middle does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tamper {
    /// Clears NTLMSSP_NEGOTIATE_56 in the AUTHENTICATE_MESSAGE: a flag that nothing else depends on.
    Authenticate,
    /// Sends a copy of the first sealed message with one bit flipped before the message itself.
    Message,
}

/// Who does something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Client,
    Middle,
    Server,
}

/// Something that happened.
pub(super) enum Event {
    Listening(std::net::SocketAddr),
    /// A token was sent; the state that sent it and the one it became.
    Token {
        who: Who,
        from: &'static str,
        to: &'static str,
        message: MessageType,
        bytes: Vec<u8>,
    },
    /// A token was changed on the way.
    Tampered(&'static str),
    /// A context stands.
    Established {
        who: Who,
        from: &'static str,
        agreed: Agreed,
    },
    /// A message was sealed and sent.
    Sealed {
        who: Who,
        plaintext: String,
        bytes: Vec<u8>,
    },
    /// A message was received and unsealed.
    Unsealed {
        who: Who,
        plaintext: String,
    },
    /// Something was refused.
    Refused {
        who: Who,
        error: ntlm::Error,
    },
}

/// The facts of an established context.
pub(super) struct Agreed {
    pub(super) flags: NegotiateFlags,
    pub(super) attributes: ntlm::Attributes,
    pub(super) client: String,
    pub(super) target_name: Option<String>,
    pub(super) mic: bool,
}

impl Agreed {
    fn of(context: &Established) -> Self {
        Self {
            flags: context.info.flags(),
            attributes: context.info.attributes(),
            client: context.info.identity().to_string(),
            target_name: context.info.target_name().map(ToString::to_string),
            mic: context.info.has_mic(),
        }
    }
}

/// How long either side waits for the other: a demo must not hang.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The longest token or message that is read.
const LIMIT: u32 = 64 * 1024;
const TARGET_NAME: &str = "demo/localhost";
/// The embedded account.
pub(super) const ALICE: &str = r"EXAMPLE\alice";

/// Plays `scene` against a server whose account has `password`; says whether the server let the client in.
pub(super) fn play(scene: &Scene, password: &Password, tell: &mut dyn FnMut(Event)) -> Result<bool, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    tell(Event::Listening(address));
    let mut accounts = MemoryStore::new();
    let inserted = accounts.insert_password(AccountName::parse(ALICE), password);
    inserted.map_err(|error| Failure::no(error.to_string()))?;
    let authority = LocalAuthority::new(accounts);
    let (events, told) = mpsc::channel();
    std::thread::scope(|scope| {
        let server_events = events.clone();
        let server = scope.spawn(move || serve(&listener, &authority, &server_events));
        let client = scope.spawn(move || log_on(address, scene, &events));
        // Ends when both sides have dropped their ends of the channel.
        for event in told {
            tell(event);
        }
        let failed = |_| Failure::no("a thread of the demo failed; please report this");
        client.join().map_err(failed)??;
        server.join().map_err(failed)?
    })
}

fn log_on(address: std::net::SocketAddr, scene: &Scene, events: &Sender<Event>) -> Result<(), Failure> {
    let mut connection = connect(TcpStream::connect(address)?)?;
    let credentials = Credentials::new(ALICE, &scene.password);
    let exchange = client::Exchange {
        target_name: Some(TARGET_NAME.into()),
        requirements: Requirements::seal(),
        ..client::Exchange::default()
    };
    let tell = |event| drop(events.send(event));
    let mut token = Vec::new();
    let start = client::Start::new(Arc::new(ClientConfig::default()), Arc::new(credentials), exchange);
    let waiting = start.send(&mut token)?;
    tell(leg(Who::Client, "Start", "ExpectChallenge", MessageType::Negotiate, &token));
    send(&mut connection, &token)?;

    let challenge = receive(&mut connection)?;
    token.clear();
    let mut context = match waiting.receive(&challenge, now(), &mut SystemEntropy, &mut token) {
        Ok(context) => context,
        Err(error) => {
            tell(Event::Refused { who: Who::Client, error });
            return Ok(());
        }
    };
    tell(leg(Who::Client, "ExpectChallenge", "Established", MessageType::Authenticate, &token));
    tell(Event::Established { who: Who::Client, from: "ExpectChallenge", agreed: Agreed::of(&context) });
    if scene.tamper == Some(Tamper::Authenticate) {
        if let Some(highest_byte) = token.get_mut(63) {
            *highest_byte &= !0x80;
        }
        tell(Event::Tampered("NTLMSSP_NEGOTIATE_56 is cleared in NegotiateFlags, the byte at offset 63"));
    }
    send(&mut connection, &token)?;

    // One byte says whether the server lets us in.
    let mut verdict = [0];
    connection.read_exact(&mut verdict)?;
    if verdict != [1] {
        return Ok(());
    }
    let message = seal(&mut context, "Hello, server: only you can read this.")?;
    tell(Event::Sealed { who: Who::Client, plaintext: message.0, bytes: message.1.clone() });
    if scene.tamper == Some(Tamper::Message) {
        let mut forged = message.1.clone();
        if let Some(last) = forged.last_mut() {
            *last ^= 1;
        }
        tell(Event::Tampered("the last bit of the sealed message is flipped in a copy that arrives first"));
        send(&mut connection, &forged)?;
    }
    send(&mut connection, &message.1)?;
    match unseal(&mut context, receive(&mut connection)?) {
        Ok(plaintext) => tell(Event::Unsealed { who: Who::Client, plaintext }),
        Err(error) => tell(Event::Refused { who: Who::Client, error }),
    }
    Ok(())
}

fn serve(listener: &TcpListener, authority: &dyn Authority, events: &Sender<Event>) -> Result<bool, Failure> {
    let (connection, _) = listener.accept()?;
    let mut connection = connect(connection)?;
    let policy = ServerPolicy::strict_for(AcceptedTargets::hosts(["localhost"]));
    let config = Arc::new(ServerConfig::new(ServerNames::member("DEMO", "EXAMPLE"), policy));
    let exchange = server::Exchange { requirements: Requirements::seal(), ..server::Exchange::default() };
    let tell = |event| drop(events.send(event));

    let negotiate = receive(&mut connection)?;
    let mut challenge = Vec::new();
    let waiting = server::ExpectNegotiate::new(config, exchange);
    let waiting = waiting.receive(&negotiate, now(), &mut SystemEntropy, &mut challenge)?;
    tell(leg(Who::Server, "ExpectNegotiate", "ExpectAuthenticate", MessageType::Challenge, &challenge));
    send(&mut connection, &challenge)?;

    let authenticate = receive(&mut connection)?;
    let established = waiting.receive(&authenticate, now()).and_then(|question| {
        let verdict = authority.logon(question.logon());
        question.finish(verdict)
    });
    let mut context = match established {
        Ok(context) => context,
        Err(error) => {
            tell(Event::Refused { who: Who::Server, error });
            connection.write_all(&[0])?;
            return Ok(false);
        }
    };
    tell(Event::Established { who: Who::Server, from: "AwaitLogon", agreed: Agreed::of(&context) });
    connection.write_all(&[1])?;

    // A forged message is refused and the next one is taken: a failed verification leaves the session as it was.
    for _ in 0..2 {
        match unseal(&mut context, receive(&mut connection)?) {
            Ok(plaintext) => {
                tell(Event::Unsealed { who: Who::Server, plaintext });
                break;
            }
            Err(error) => tell(Event::Refused { who: Who::Server, error }),
        }
    }
    let (plaintext, bytes) = seal(&mut context, "Hello, client: and only you can read this.")?;
    tell(Event::Sealed { who: Who::Server, plaintext, bytes: bytes.clone() });
    send(&mut connection, &bytes)?;
    Ok(true)
}

fn leg(who: Who, from: &'static str, to: &'static str, message: MessageType, token: &[u8]) -> Event {
    Event::Token { who, from, to, message, bytes: token.to_vec() }
}

/// Signature and sealed data in one buffer, as most carriers have it.
fn seal(context: &mut Established, plaintext: &str) -> Result<(String, Vec<u8>), ntlm::Error> {
    let mut data = plaintext.as_bytes().to_vec();
    let signature = context.session.seal(&mut [Piece::Sealed(&mut data)])?;
    Ok((plaintext.to_owned(), [signature.as_slice(), &data].concat()))
}

fn unseal(context: &mut Established, mut message: Vec<u8>) -> Result<String, ntlm::Error> {
    let (signature, data) = message.split_at_mut_checked(16).unwrap_or_default();
    context.session.unseal(&mut [Piece::Sealed(data)], signature)?;
    Ok(String::from_utf8_lossy(data).into_owned())
}

fn connect(connection: TcpStream) -> io::Result<TcpStream> {
    connection.set_read_timeout(Some(TIMEOUT))?;
    connection.set_write_timeout(Some(TIMEOUT))?;
    connection.set_nodelay(true)?;
    Ok(connection)
}

fn send(connection: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    connection.write_all(&[&length.to_be_bytes(), bytes].concat())
}

fn receive(connection: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    connection.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > LIMIT {
        return Err(io::Error::other("the peer announced a message that is too long"));
    }
    let mut bytes = vec![0; length as usize];
    connection.read_exact(&mut bytes)?;
    Ok(bytes)
}
