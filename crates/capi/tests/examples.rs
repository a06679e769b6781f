//! The C examples over TCP: against each other, and against the Rust side.

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};

use common::{USERS, command, compile, secret_file, text};
use ntlm::{
    ClientConfig, Credentials, Established, FileTime, Password, Piece, Requirements, ServerConfig, ServerNames,
    ServerPolicy, client, server,
};

fn program(source: &'static str, place: &'static OnceLock<PathBuf>) -> &'static Path {
    place.get_or_init(|| compile("cc", source, &["-std=c11", "-D_DEFAULT_SOURCE"]))
}

fn client_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    program("examples/c/client.c", &PROGRAM)
}

/// A server that runs until it has served its clients.
struct Server {
    process: Child,
    output: BufReader<std::process::ChildStdout>,
    port: u16,
}

impl Server {
    fn start(name: &str, style: &[&str], clients: &str) -> Self {
        static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
        let users = secret_file(&format!("{name}.users"), USERS);
        let mut command = command(program("examples/c/server.c", &PROGRAM), &[("NTLM_USER_FILE", &users)]);
        let mut process =
            command.args(style).args(["0", clients]).stdout(Stdio::piped()).spawn().expect("the server runs");
        let mut output = BufReader::new(process.stdout.take().expect("its output"));
        let mut line = String::new();
        output.read_line(&mut line).expect("its first line");
        let port = line.trim().strip_prefix("port ").and_then(|port| port.parse().ok()).expect("its port");
        Self { process, output, port }
    }

    /// What it printed about its clients.
    fn end(mut self) -> Vec<String> {
        let mut printed = String::new();
        self.output.read_to_string(&mut printed).expect("its output");
        assert!(self.process.wait().expect("it ends").success());
        printed.lines().map(str::to_owned).collect()
    }
}

fn run_client(style: &[&str], port: u16, user: [&str; 3]) -> (bool, String) {
    let output = command(client_program(), &[])
        .args(style)
        .args(["localhost", &port.to_string()])
        .args(user)
        .arg("good morning")
        .output()
        .expect("the client runs");
    (output.status.success(), text(&output))
}

#[test]
fn the_examples_talk_to_each_other_in_both_styles() {
    for server_style in [&[][..], &["-a"]] {
        let server = Server::start(&format!("talk{}", server_style.len()), server_style, "4");
        for client_style in [&[][..], &["-a"]] {
            let answer = run_client(client_style, server.port, ["EXAMPLE", "alice", "Passw0rd!"]);
            assert_eq!(answer, (true, "EXAMPLE\\alice: good morning\n".to_owned()));
        }
        for (user, reason) in
            [(["EXAMPLE", "alice", "wrong"], "password"), (["EXAMPLE", "nobody", "Passw0rd!"], "user")]
        {
            let (good, said) = run_client(&[], server.port, user);
            assert!(!good && said.contains("client: "), "{reason}: {said}");
        }
        let printed = server.end();
        assert_eq!(&printed[..2], ["served", "served"]);
        assert!(printed[2..].iter().all(|line| line.contains("SEC_E_LOGON_DENIED")), "{printed:?}");
    }
}

#[test]
fn the_client_logs_on_as_the_first_account_of_the_user_file_when_it_is_told_nobody() {
    // The server's accounts begin with another.
    let users =
        secret_file("default-client.users", "# whom this process is\nEXAMPLE:bob:secret\nEXAMPLE:alice:Passw0rd!\n");
    let server = Server::start("default-client-server", &[], "2");
    let port = server.port.to_string();
    let nobody = command(client_program(), &[]).args(["localhost", &port, "good morning"]).output().expect("it runs");
    assert!(text(&nobody).contains("SEC_E_NO_CREDENTIALS"), "{}", text(&nobody));
    let mut client = command(client_program(), &[("NTLM_USER_FILE", &users)]);
    client.args(["localhost", &port, "good morning"]);
    assert_eq!(text(&common::run(&mut client)), "EXAMPLE\\bob: good morning\n");
    assert_eq!(server.end()[1..], ["served"]);
}

fn send(stream: &mut TcpStream, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("a short message");
    stream.write_all(&[&length.to_be_bytes(), bytes].concat()).expect("it is sent");
}

fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("a length");
    let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut bytes).expect("a message");
    bytes
}

fn send_sealed(stream: &mut TcpStream, established: &mut Established, text: &str) {
    let mut bytes = text.as_bytes().to_vec();
    let signature = established.session.seal(&mut [Piece::Sealed(&mut bytes)]).expect("it is sealed");
    send(stream, &[&signature[..], &bytes].concat());
}

fn receive_sealed(stream: &mut TcpStream, established: &mut Established) -> String {
    let mut packet = receive(stream);
    let (signature, bytes) = packet.split_at_mut(16);
    established.session.unseal(&mut [Piece::Sealed(bytes)], signature).expect("it is unsealed");
    String::from_utf8(bytes.to_vec()).expect("a text")
}

fn now() -> FileTime {
    FileTime::from_unix(std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a clock past 1970"))
}

fn entropy(bytes: &mut [u8]) -> Result<(), ntlm::EntropyError> {
    getrandom::fill(bytes).map_err(|_| ntlm::EntropyError)
}

fn sealing() -> Requirements {
    Requirements { confidentiality: true, ..Requirements::default() }
}

#[test]
fn a_rust_client_talks_to_the_c_server() {
    let server = Server::start("rust-client", &[], "1");
    let mut stream = TcpStream::connect(("localhost", server.port)).expect("a connection");
    let exchange = client::Exchange { requirements: sealing(), ..client::Exchange::default() };
    let credentials = Credentials::new(r"EXAMPLE\bob", &Password::new("secret"));
    let start = client::Start::new(Arc::new(ClientConfig::default()), Arc::new(credentials), exchange);
    let (mut negotiate, mut authenticate) = (Vec::new(), Vec::new());
    let waiting = start.send(&mut negotiate).expect("a NEGOTIATE_MESSAGE");
    send(&mut stream, &negotiate);
    let challenge = receive(&mut stream);
    let mut established =
        waiting.receive(&challenge, now(), &mut entropy, &mut authenticate).expect("an AUTHENTICATE_MESSAGE");
    send(&mut stream, &authenticate);
    send_sealed(&mut stream, &mut established, "from Rust");
    assert_eq!(receive_sealed(&mut stream, &mut established), "EXAMPLE\\bob: from Rust");
    assert_eq!(server.end(), ["served"]);
}

#[test]
fn a_c_client_talks_to_a_rust_server() {
    let listener = TcpListener::bind("localhost:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let exchange = server::Exchange { requirements: sealing(), ..server::Exchange::default() };
        let config = Arc::new(ServerConfig::new(ServerNames::member("SERVER1", "EXAMPLE"), ServerPolicy::strict()));
        let mut challenge = Vec::new();
        let start = server::ExpectNegotiate::new(config, exchange);
        let waiting =
            start.receive(&receive(&mut stream), now(), &mut entropy, &mut challenge).expect("a CHALLENGE_MESSAGE");
        send(&mut stream, &challenge);
        let question = waiting.receive(&receive(&mut stream), now()).expect("an AUTHENTICATE_MESSAGE");
        let verdict = question.logon().verify(Some(&Password::new("Passw0rd!").nt_hash()));
        let mut established = question.finish(verdict).expect("a logon");
        let line = receive_sealed(&mut stream, &mut established);
        send_sealed(&mut stream, &mut established, &format!("Rust heard: {line}"));
        established.info.target_name().map(ntlm::UnicodeString::to_string_lossy)
    });
    let mut client = Command::new(client_program());
    client.args(["-a", "localhost", &port.to_string(), "EXAMPLE", "alice", "Passw0rd!", "from C"]);
    assert_eq!(text(&common::run(&mut client)), "Rust heard: from C\n");
    assert_eq!(serving.join().expect("the server ends").as_deref(), Some("example/localhost"));
}
