//! What the layer costs: requests on an authenticated connection beside the same axum service without it, in turns; and whole logons in a second.
//!
//! ```text
//! cargo bench -p ntlm-http --features axum --bench server [-- ROUNDS]
//! ```
//!
//! Machines are noisy. The ratio is the median of rounds that follow each other closely, and more than one connection at a time would measure the scheduler.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::get;
use http::Request;
use http::header::AUTHORIZATION;
use http_body_util::BodyExt as _;
use ntlm::{ClientConfig, ClientPolicy, Credentials, EntropyError, Password, ServerNames, client};
use ntlm_accounts::{AccountName, Immediate, LocalAuthority, MemoryStore};
use ntlm_http::header::{self, Scheme};
use ntlm_http::server::{Acceptor, Moment, NtlmConnection, NtlmLayer, Settings};
use tower_service::Service as _;

/// Requests or logons of a round.
const REQUESTS: u32 = 2000;
const LOGONS: u32 = 200;

fn main() {
    let rounds: u32 = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(41);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let plain = runtime.block_on(start(app()));
    let protected = runtime.block_on(start(app().layer(layer())));

    let mut without = Http::connect(plain);
    let mut with = log_on(protected);
    let mut figures: Vec<(f64, f64)> = (0..rounds).map(|_| (requests(&mut without), requests(&mut with))).collect();
    println!("requests per second without the layer   {:>10.0}", median(figures.iter().map(|figure| figure.0)));
    println!("requests per second with it             {:>10.0}", median(figures.iter().map(|figure| figure.1)));
    println!("ratio, median of {rounds} rounds             {:>10.3}", median(figures.drain(..).map(|(a, b)| b / a)));
    let logons = median((0..rounds.div_ceil(4)).map(|_| {
        let start = Instant::now();
        (0..LOGONS).for_each(|_| drop(log_on(protected)));
        rate(LOGONS, start.elapsed())
    }));
    println!("logons per second, connecting and client {logons:>9.0}");
    nanoseconds(rounds);
}

/// The time that the layer itself takes, without a network.
fn nanoseconds(rounds: u32) {
    let connection = NtlmConnection::new(None);
    let (mut plain, mut protected) = (app(), app().layer(layer()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let request = |token: Option<&[u8]>| {
            let mut request = Request::new(Body::empty());
            request.extensions_mut().insert(ConnectInfo(connection.clone()));
            request.headers_mut().extend(token.map(|token| (AUTHORIZATION, header::write(Scheme::Ntlm, token))));
            request
        };
        let (waiting, negotiate) = negotiate();
        let response = protected.call(request(Some(&negotiate))).await.unwrap();
        let challenge = header::challenges([response.headers()["www-authenticate"].as_bytes()]).remove(0).unwrap();
        let authenticate = authenticate(waiting, &challenge.token.unwrap());
        assert_eq!(protected.call(request(Some(&authenticate))).await.unwrap().status(), 200);
        let mut figures = Vec::new();
        for _ in 0..rounds {
            let mut pair = [0.0; 2];
            for (app, figure) in [&mut plain, &mut protected].into_iter().zip(&mut pair) {
                let start = Instant::now();
                for _ in 0..REQUESTS {
                    let response = app.call(request(None)).await.unwrap();
                    assert_eq!(response.status(), 200);
                    response.into_body().collect().await.unwrap();
                }
                *figure = start.elapsed().as_nanos() as f64 / f64::from(REQUESTS);
            }
            figures.push(pair[1] - pair[0]);
        }
        println!("nanoseconds of the layer in a request   {:>10.0}", median(figures.into_iter()));
    });
}

fn layer() -> NtlmLayer {
    let mut store = MemoryStore::new();
    store.insert_password(AccountName::parse(r"EXAMPLE\alice"), &Password::new("secret")).unwrap();
    let acceptor = Acceptor::new(Settings::new(ServerNames::member("WEB1", "EXAMPLE")));
    NtlmLayer::new(acceptor, Immediate(LocalAuthority::new(store)))
}

fn negotiate() -> (client::ExpectChallenge, Vec<u8>) {
    let credentials = Credentials::new(r"EXAMPLE\alice", &Password::new("secret"));
    let config = Arc::new(ClientConfig::new(ClientPolicy::windows()));
    let mut negotiate = Vec::new();
    let start = client::Start::new(config, Arc::new(credentials), client::Exchange::default());
    (start.send(&mut negotiate).unwrap(), negotiate)
}

fn authenticate(waiting: client::ExpectChallenge, challenge: &[u8]) -> Vec<u8> {
    let entropy = &mut |bytes: &mut [u8]| getrandom::fill(bytes).map_err(|_| EntropyError);
    let mut authenticate = Vec::new();
    waiting.receive(challenge, Moment::now().time, entropy, &mut authenticate).unwrap();
    authenticate
}

fn app() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

async fn start(app: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = app.into_make_service_with_connect_info::<NtlmConnection>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

fn requests(http: &mut Http) -> f64 {
    let start = Instant::now();
    for _ in 0..REQUESTS {
        assert!(http.get("").starts_with("HTTP/1.1 200"));
    }
    rate(REQUESTS, start.elapsed())
}

fn log_on(address: SocketAddr) -> Http {
    let mut http = Http::connect(address);
    let (waiting, negotiate) = negotiate();
    let reply = http.with_token(&negotiate);
    let line = reply.lines().find_map(|line| line.strip_prefix("www-authenticate: ")).unwrap();
    let challenge = header::challenges([line.as_bytes()]).remove(0).unwrap().token.unwrap();
    let authenticate = authenticate(waiting, &challenge);
    assert!(http.with_token(&authenticate).starts_with("HTTP/1.1 200"));
    http
}

fn rate(count: u32, elapsed: Duration) -> f64 {
    f64::from(count) / elapsed.as_secs_f64()
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// A connection of a client that does as little as possible.
struct Http {
    stream: TcpStream,
    buffer: [u8; 4096],
}

impl Http {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: [0; 4096] }
    }

    /// The response, which is short enough to come in one piece.
    fn get(&mut self, headers: &str) -> &str {
        let request = format!("GET / HTTP/1.1\r\nhost: web1\r\n{headers}\r\n");
        self.stream.write_all(request.as_bytes()).unwrap();
        let length = self.stream.read(&mut self.buffer).unwrap();
        std::str::from_utf8(&self.buffer[..length]).unwrap()
    }

    fn with_token(&mut self, token: &[u8]) -> String {
        let value = header::write(Scheme::Ntlm, token);
        self.get(&format!("authorization: {}\r\n", value.to_str().unwrap())).to_owned()
    }
}
