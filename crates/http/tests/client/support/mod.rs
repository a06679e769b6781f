//! Servers on loopback whose every answer a test decides on.

mod gate;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use ntlm::{Credentials, Password};
use ntlm_http::client::logon::Party;
use ntlm_http::client::{Body, Builder, Client, Error, LogonError, Refusal, ResponseBody};
use ntlm_http::header::{self, Scheme};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

pub(crate) use gate::{Gate, entropy, now};

pub(crate) const PASSWORD: &str = "Al1ce-Passw0rd";

/// Runs a test.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let limit = std::time::Duration::from_secs(60);
        tokio::time::timeout(limit, test).await.expect("the test hangs");
    });
}

/// A request as a server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Counted from 0, over all connections of the server.
    pub(crate) connection: usize,
    pub(crate) method: String,
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The number of the message of NTLM in the credentials for a party: 1 or 3.
    pub(crate) fn message(&self, party: Party) -> Option<u8> {
        let value = self.header(party.credentials_header().as_str())?;
        let credentials = header::credentials(value.as_bytes()).unwrap()?;
        assert!(credentials.token.starts_with(b"NTLMSSP\0"));
        Some(credentials.token[8])
    }
}

/// What a server does with a request.
pub(crate) enum Reply {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends these bytes and closes the connection.
    SendAndClose(Vec<u8>),
    /// Says yes to a CONNECT and passes on what comes.
    Tunnel(SocketAddr),
}

/// A response with these header lines and this body.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {status} X\r\n{lines}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

pub(crate) fn ok(body: &str) -> Reply {
    Reply::Send(response(200, &[], body))
}

/// What the connection of a server does: called with each request.
pub(crate) type Script = Box<dyn FnMut(&Seen) -> Reply + Send>;

/// A server, until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) certificate: Option<CertificateDer<'static>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// A server with a script of its own for each connection.
    pub(crate) async fn start(script: impl FnMut(usize) -> Script + Send + 'static) -> Self {
        Self::bind(None, script).await
    }

    /// The same with TLS, and a certificate for `localhost` that nobody trusts yet.
    pub(crate) async fn start_tls(alpn: &[&str], script: impl FnMut(usize) -> Script + Send + 'static) -> Self {
        Self::bind(Some(Identity::new(alpn)), script).await
    }

    pub(crate) async fn bind(
        identity: Option<Identity>,
        mut script: impl FnMut(usize) -> Script + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        let certificate = identity.as_ref().map(|identity| identity.certificate.clone());
        let acceptor = identity.map(|identity| identity.acceptor);
        let task = tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (script, log, acceptor) = (script(connection), log.clone(), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => serve(stream, connection, script, log).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, connection, script, log).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, certificate, seen, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://localhost:{}{path}", self.address.port())
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The messages of NTLM in the requests so far, 0 where there is none.
    pub(crate) fn messages(&self, party: Party) -> Vec<u8> {
        self.seen().iter().map(|seen| seen.message(party).unwrap_or(0)).collect()
    }
}

/// What a server shows with TLS.
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    acceptor: TlsAcceptor,
}

impl Identity {
    pub(crate) fn new(alpn: &[&str]) -> Self {
        Self::made(alpn, |_| {})
    }

    /// With another certificate than the usual one.
    pub(crate) fn made(alpn: &[&str], change: impl FnOnce(&mut rcgen::CertificateParams)) -> Self {
        let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        change(&mut parameters);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap().der().clone();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key.into())
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self { certificate, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }
}

async fn serve<S>(mut stream: S, connection: usize, mut script: Script, log: Arc<Mutex<Vec<Seen>>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = Vec::new();
    while let Some(seen) = read(&mut stream, connection, &mut buffer).await {
        // In the log before the answer: a test that has the answer finds the request.
        log.lock().unwrap().push(seen.clone());
        match script(&seen) {
            Reply::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Reply::SendAndClose(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
            Reply::Tunnel(address) => {
                stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
                let mut target = TcpStream::connect(address).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut target).await;
                return;
            }
        }
    }
}

async fn fill<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 16 * 1024];
    let read = stream.read(&mut chunk).await.ok()?;
    buffer.extend_from_slice(&chunk[..read]);
    (read > 0).then_some(())
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S, connection: usize, buffer: &mut Vec<u8>) -> Option<Seen> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        fill(stream, buffer).await?;
    };
    let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
    buffer.drain(..end + 4);
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap().to_owned(), first.next().unwrap().to_owned());
    let headers = lines.map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.into(), value.into()));
    let mut seen = Seen { connection, method, target, headers: headers.collect(), body: Vec::new() };
    if seen.header("transfer-encoding").is_some() {
        loop {
            let size = loop {
                if let Some(at) = buffer.windows(2).position(|window| window == b"\r\n") {
                    let line: Vec<u8> = buffer.drain(..at + 2).collect();
                    break usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
                }
                fill(stream, buffer).await?;
            };
            while buffer.len() < size + 2 {
                fill(stream, buffer).await?;
            }
            seen.body.extend(buffer.drain(..size));
            buffer.drain(..2);
            if size == 0 {
                return Some(seen);
            }
        }
    }
    let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
    while buffer.len() < length {
        fill(stream, buffer).await?;
    }
    seen.body = buffer.drain(..length).collect();
    Some(seen)
}

/// A server whose every connection wants a logon.
pub(crate) async fn ntlm_server() -> Server {
    Server::start(|_| Gate::new(Party::Server).script()).await
}

pub(crate) fn credentials(user: &str, password: &str) -> Arc<Credentials> {
    Arc::new(Credentials::new(&format!(r"EXAMPLE\{user}"), &Password::new(password)))
}

pub(crate) fn alice() -> Arc<Credentials> {
    credentials("alice", PASSWORD)
}

/// A client that has alice's credentials for a server, to be told more.
pub(crate) fn for_alice(server: &Server) -> Builder {
    let builder = Client::builder().credentials(&server.url("/"), alice()).unwrap();
    match &server.certificate {
        Some(certificate) => builder.trust(certificate.clone()),
        None => builder,
    }
}

pub(crate) fn get(url: &str) -> Request<Body> {
    Request::get(url).body(Body::empty()).unwrap()
}

pub(crate) fn post(url: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(url).body(body.into()).unwrap()
}

pub(crate) async fn text(response: Response<ResponseBody>) -> (u16, String) {
    let status = response.status().as_u16();
    let body = response.into_body().read(1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

pub(crate) fn refused(error: Error) -> LogonError {
    match error {
        Error::Logon(error) => *error,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn refusal(error: Error) -> Refusal {
    refused(error).refusal
}

/// A request with a NEGOTIATE_MESSAGE, as if somebody had sent it.
fn negotiating() -> Seen {
    let mut negotiate = Vec::new();
    let start = ntlm::client::Start::new(Arc::default(), alice(), ntlm::client::Exchange::default());
    start.send(&mut negotiate).unwrap();
    let value = header::write(Scheme::Ntlm, &negotiate).to_str().unwrap().to_owned();
    Seen {
        connection: 0,
        method: "GET".into(),
        target: "/".into(),
        headers: vec![("Authorization".into(), value)],
        body: Vec::new(),
    }
}

/// A challenge as the core's server makes it.
pub(crate) fn challenge() -> Vec<u8> {
    let asking = String::from_utf8(Gate::new(Party::Server).pass(&negotiating()).unwrap_err()).unwrap();
    let value = asking.lines().find_map(|line| line.strip_prefix("www-authenticate: ")).unwrap();
    header::credentials(value.as_bytes()).unwrap().unwrap().token
}
