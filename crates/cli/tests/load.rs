//! A thousand connections at once. Apart from the other tests of `ntlm serve`, because each process can have only so many sockets.
//!
//! `NTLM_LOAD_SECONDS=60 cargo test --release -p ntlm-cli --test load -- --nocapture` goes on for a minute and says how many logons that were.

#[allow(dead_code)]
#[path = "serve/support.rs"]
mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ntlm::{ClientConfig, ClientPolicy, Credentials, EntropyError, FileTime, Password, client};
use ntlm_http::header::{self, Scheme};
use support::{ALICE, Directory, PASSWORD, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Barrier;

const CONNECTIONS: usize = 1000;

/// What the server may take, whatever happens: a thousand connections and their logons, many times over.
const MEMORY_KIB: u64 = 256 << 10;

#[test]
fn a_thousand_connections_log_on_at_once_and_none_fails() {
    let seconds = std::env::var("NTLM_LOAD_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let directory = Directory::new();
    let audit = directory.0.join("audit");
    let server = Server::start(&directory, &["--audit", audit.to_str().unwrap()]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let credentials = Arc::new(Credentials::new(ALICE, &Password::new(PASSWORD)));
    let (everybody, logons) = (Arc::new(Barrier::new(CONNECTIONS)), Arc::new(AtomicU64::new(0)));
    let start = Instant::now();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..CONNECTIONS {
            let (everybody, logons, credentials) =
                (Arc::clone(&everybody), Arc::clone(&logons), Arc::clone(&credentials));
            let address = server.address;
            tasks.spawn(async move {
                let mut stream = connect(address).await;
                // Every connection is there before the first begins.
                everybody.wait().await;
                loop {
                    log_on(&mut stream, &credentials).await;
                    logons.fetch_add(1, Ordering::Relaxed);
                    if start.elapsed() >= Duration::from_secs(seconds) {
                        break;
                    }
                }
                everybody.wait().await;
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
    });
    let logons = logons.load(Ordering::Relaxed);
    println!("{logons} logons over {CONNECTIONS} connections in {:.1} s", start.elapsed().as_secs_f64());
    assert!(logons >= CONNECTIONS as u64);
    if let Some(memory) = server.memory_kib() {
        println!("the server holds {memory} KiB");
        assert!(memory < MEMORY_KIB, "{memory} KiB");
    }
    let records = support::lines(&audit, usize::try_from(logons).unwrap());
    assert!(records.len() as u64 == logons && records.iter().all(|line| line.contains("decision=accepted")));
}

async fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Logs on, anew each time: two requests.
async fn log_on(stream: &mut TcpStream, credentials: &Arc<Credentials>) {
    let config = Arc::new(ClientConfig::new(ClientPolicy::windows()));
    let (mut negotiate, mut authenticate) = (Vec::new(), Vec::new());
    let start = client::Start::new(config, Arc::clone(credentials), client::Exchange::default());
    let waiting = start.send(&mut negotiate).unwrap();
    let reply = request(stream, &negotiate).await;
    let line = reply.lines().find_map(|line| line.strip_prefix("www-authenticate: "));
    let challenge = header::challenges([line.unwrap_or_else(|| panic!("{reply}")).as_bytes()]).remove(0);
    let now = FileTime::from_unix(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap());
    let entropy = &mut |bytes: &mut [u8]| getrandom::fill(bytes).map_err(|_| EntropyError);
    waiting.receive(&challenge.unwrap().token.unwrap(), now, entropy, &mut authenticate).unwrap();
    let reply = request(stream, &authenticate).await;
    assert!(reply.starts_with("HTTP/1.1 200 ") && reply.contains(r"EXAMPLE\\alice"), "{reply}");
}

async fn request(stream: &mut TcpStream, token: &[u8]) -> String {
    let value = header::write(Scheme::Ntlm, token);
    let text = format!("GET / HTTP/1.1\r\nhost: web1\r\nauthorization: {}\r\n\r\n", value.to_str().unwrap());
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    loop {
        assert!(stream.read_buf(&mut reply).await.unwrap() > 0, "the connection is open");
        let text = String::from_utf8_lossy(&reply);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() >= length.parse().unwrap() {
            return text.into_owned();
        }
    }
}
