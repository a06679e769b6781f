//! The reverse proxy.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::support::*;

/// A server that answers with the number of the connection and the request as it came.
struct Behind {
    address: SocketAddr,
    connections: Arc<AtomicU32>,
}

impl Behind {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let number = counter.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || echo(stream.unwrap(), number));
            }
        });
        Self { address, connections }
    }

    fn serve(&self, arguments: &[&str]) -> (Directory, Server) {
        let directory = Directory::new();
        let url = format!("http://{}", self.address);
        let server = Server::start(&directory, &[&["--upstream", &url], arguments].concat());
        (directory, server)
    }
}

fn echo(mut stream: impl Read + Write, number: u32) {
    let mut seen = Vec::new();
    loop {
        let mut chunk = [0; 8192];
        let Some(end) = complete(&seen) else {
            match stream.read(&mut chunk) {
                Ok(0) | Err(_) => return,
                Ok(length) => seen.extend(&chunk[..length]),
            }
            continue;
        };
        let rest = seen.split_off(end);
        let request = String::from_utf8(std::mem::replace(&mut seen, rest)).unwrap();
        let body = format!("connection {number}\n{request}");
        let close = if request.contains("/close") { "Connection: close\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nWWW-Authenticate: NTLM\r\nPersistent-Auth: true\r\nX-Behind: yes\r\n{close}\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
        if !close.is_empty() {
            return;
        }
    }
}

/// Where the first request ends, if it is there as a whole.
fn complete(seen: &[u8]) -> Option<usize> {
    let head = seen.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&seen[..head]).unwrap().to_lowercase();
    let length =
        text.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |length| length.parse().unwrap());
    if text.contains("transfer-encoding: chunked") {
        return seen.windows(5).position(|window| window == b"0\r\n\r\n").map(|at| at + 5);
    }
    (seen.len() >= head + length).then_some(head + length)
}

#[test]
fn the_server_behind_is_told_who_it_is_and_believes_nobody_else() {
    let behind = Behind::start();
    let (_directory, server) = behind.serve(&[]);
    let forged = ["X-Remote-User: EXAMPLE\\admin", "x_remote_user: EXAMPLE\\admin", "X-Forwarded-For: 203.0.113.9"];
    assert_eq!(server.connect().request("GET", "/", &forged, b"").status, 401);
    assert_eq!(behind.connections.load(Ordering::SeqCst), 0, "nobody's request goes nowhere");

    let mut http = server.alice();
    let reply = http.request(
        "POST",
        "/a%20b?c=d",
        &[&forged[..], &["Connection: keep-alive, X-Drop", "X-Drop: 1"]].concat(),
        b"the body",
    );
    let seen = reply.text().to_lowercase();
    assert_eq!(reply.status, 200);
    assert!(seen.contains("post /a%20b?c=d http/1.1\r\n") && seen.ends_with("\r\n\r\nthe body"), "{seen}");
    assert!(seen.contains("x-remote-user: example\\alice\r\n") && !seen.contains("admin"), "{seen}");
    assert!(seen.contains("x-forwarded-for: 127.0.0.1\r\n") && seen.contains("x-forwarded-proto: http\r\n"), "{seen}");
    assert!(seen.contains("host: web1\r\n"), "{seen}");
    for gone in ["authorization", "x-drop", "203.0.113.9", "connection: keep"] {
        assert!(!seen.contains(gone), "{gone}: {seen}");
    }
    assert_eq!(reply.header("x-behind"), "yes");
    assert_eq!((reply.header("www-authenticate"), reply.header("persistent-auth")), ("", ""));
}

#[test]
fn the_header_can_be_another() {
    let behind = Behind::start();
    let (_directory, server) = behind.serve(&["--user-header", "X-Webauth-User"]);
    let reply = server.alice().request("GET", "/", &["x-webauth-user: EXAMPLE\\admin"], b"");
    let seen = reply.text().to_lowercase();
    assert!(seen.contains("x-webauth-user: example\\alice\r\n") && !seen.contains("admin"), "{seen}");
}

#[test]
fn each_connection_has_one_of_its_own_behind_and_keeps_it() {
    let behind = Behind::start();
    let (_directory, server) = behind.serve(&[]);
    let first_line = |reply: &Reply| reply.text().lines().next().unwrap().to_owned();
    let mut alice = server.alice();
    let mut bob = server.connect();
    assert_eq!(first_line(&bob.log_on(BOB, PASSWORD)), "connection 1");
    for _ in 0..3 {
        assert_eq!(first_line(&alice.get("/")), "connection 0");
        assert_eq!(first_line(&bob.get("/")), "connection 1");
    }
    assert_eq!(behind.connections.load(Ordering::SeqCst), 2);
    // One that the server behind closes is replaced.
    assert_eq!(first_line(&alice.get("/close")), "connection 0");
    assert_eq!(first_line(&alice.get("/")), "connection 2");
}

#[test]
fn two_users_of_one_connection_do_not_share_one_behind() {
    let behind = Behind::start();
    let (_directory, server) = behind.serve(&[]);
    let mut http = server.alice();
    for (number, user) in [(1, BOB), (2, ALICE), (3, ALICE)] {
        for reply in [http.log_on(user, PASSWORD), http.get("/")] {
            let seen = reply.text().to_lowercase();
            assert!(seen.starts_with(&format!("connection {number}\n")), "{user}: {seen}");
            assert!(seen.contains(&format!("x-remote-user: {}\r\n", user.to_lowercase())), "{user}: {seen}");
        }
    }
}

#[test]
fn a_body_that_goes_on_takes_as_long_as_it_likes_and_an_answer_does_not() {
    let behind = Behind::start();
    let (_directory, server) = behind.serve(&["--upstream-timeout", "2"]);
    let mut http = server.alice();
    let begun = Instant::now();
    http.send(b"POST /chunks HTTP/1.1\r\nHost: web1\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..6 {
        std::thread::sleep(Duration::from_millis(500));
        http.send(b"3\r\nabc\r\n");
    }
    http.send(b"0\r\n\r\n");
    assert_eq!(http.reply().status, 200);
    assert!(begun.elapsed() > Duration::from_secs(2), "longer than the limit");

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let directory = Directory::new();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let server = Server::start(&directory, &["--upstream", &url, "--upstream-timeout", "1"]);
    assert_eq!(server.connect().log_on(ALICE, PASSWORD).status, 504);
}

#[test]
fn a_connection_that_the_server_behind_gave_up_is_replaced_where_nothing_can_be_executed_twice() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                // One request is answered; with the next the connection ends.
                for answer in [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".as_slice(), b""] {
                    let mut seen = Vec::new();
                    while complete(&seen).is_none() {
                        let mut chunk = [0; 8192];
                        match stream.read(&mut chunk) {
                            Ok(0) | Err(_) => return,
                            Ok(length) => seen.extend(&chunk[..length]),
                        }
                    }
                    stream.write_all(answer).unwrap();
                }
            });
        }
    });
    let directory = Directory::new();
    let server = Server::start(&directory, &["--upstream", &url]);
    let mut http = server.alice();
    for _ in 0..3 {
        assert_eq!(http.get("/").status, 200);
    }
    assert_eq!(http.request("POST", "/", &[], b"an order").status, 502, "it may have been executed");
    assert_eq!(http.request("POST", "/", &[], b"an order").status, 200);
    assert_eq!(http.request("DELETE", "/", &[], b"").status, 502, "so may this");
}

#[test]
fn a_body_in_chunks_goes_through_whatever_the_method() {
    let behind = Behind::start();
    let (_directory, server) = behind.serve(&[]);
    let mut http = server.alice();
    for method in ["GET", "POST", "DELETE"] {
        let head = format!("{method} /chunks HTTP/1.1\r\nHost: web1\r\nTransfer-Encoding: chunked\r\n\r\n");
        http.send(head.as_bytes());
        http.send(b"3\r\nabc\r\n0\r\n\r\n");
        let reply = http.reply();
        let seen = reply.text().to_lowercase();
        assert!(reply.status == 200 && seen.contains("\r\n3\r\nabc\r\n0\r\n\r\n"), "{method}: {reply:?}");
        assert!(
            seen.contains("transfer-encoding: chunked\r\n") && !seen.contains("content-length"),
            "{method}: {seen}"
        );
    }
    let seen = http.get("/").text().to_lowercase();
    assert!(!seen.contains("transfer-encoding"), "nothing is no body: {seen}");
}

#[test]
fn a_body_in_chunks_goes_through_and_one_that_is_too_long_does_not() {
    let behind = Behind::start();
    let (_directory, server) = behind.serve(&["--max-body", "1000"]);
    let mut http = server.alice();
    http.send(b"POST /chunks HTTP/1.1\r\nHost: web1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    let reply = http.reply();
    assert!(reply.status == 200 && reply.text().contains("abc"), "{reply:?}");
    http.send(b"POST /chunks HTTP/1.1\r\nHost: web1\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..3 {
        http.send(format!("190\r\n{}\r\n", "x".repeat(0x190)).as_bytes());
    }
    let reply = http.reply();
    assert_eq!((reply.status, reply.header("connection")), (413, "close"));
}

#[test]
fn a_server_behind_that_is_not_there_is_502() {
    let directory = Directory::new();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::start(&directory, &["--upstream", &format!("http://{unused}")]);
    let mut http = server.connect();
    assert_eq!(http.log_on(ALICE, PASSWORD).status, 502);
    assert_eq!(http.get("/").status, 502, "the logon counts all the same");
    server.waits_for("the server behind does not answer");
}

#[test]
fn other_protocols_are_refused() {
    let behind = Behind::start();
    let (_directory, server) = behind.serve(&[]);
    let mut http = server.alice();
    let reply = http.request("GET", "/", &["Connection: Upgrade", "Upgrade: websocket"], b"");
    assert_eq!(reply.status, 501);
    let mut http = server.alice();
    http.send(b"CONNECT other.example.test:443 HTTP/1.1\r\nHost: other.example.test:443\r\n\r\n");
    assert_eq!(http.reply().status, 501);
}

#[test]
fn a_path_of_the_target_goes_before_the_paths_of_requests() {
    let behind = Behind::start();
    let directory = Directory::new();
    let server = Server::start(&directory, &["--upstream", &format!("http://{}/app/", behind.address)]);
    let mut http = server.alice();
    let reply = http.get("/page?a=b");
    assert!(reply.text().contains("GET /app/page?a=b HTTP/1.1"), "{}", reply.text());
    // It is not left again.
    for path in ["/../admin", "/..", "/%2e%2e/admin", "/a/.%2E/../admin", "/..;/admin", "/..%2fadmin", "/..%5cadmin"] {
        assert_eq!(http.get(path).status, 400, "{path}");
    }
    let reply = http.get("/a..b/...?../admin");
    assert!(reply.text().contains("GET /app/a..b/...?../admin HTTP/1.1"), "{}", reply.text());
}

#[test]
fn an_offer_of_http_2_is_passed_over() {
    let behind = Behind::start();
    let (_directory, server) = behind.serve(&[]);
    let offer = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"];
    let reply = server.alice().request("GET", "/", &offer, b"");
    let seen = reply.text().to_lowercase();
    assert!(reply.status == 200 && !seen.contains("upgrade") && !seen.contains("http2-settings"), "{reply:?}");
}

#[test]
fn the_server_behind_is_told_one_host() {
    let behind = Behind::start();
    let (_directory, server) = behind.serve(&[]);
    let mut http = server.alice();
    assert_eq!(http.request("GET", "/", &["Host: web2"], b"").status, 400);
    http.send(b"GET http://alice@web3:8080/page HTTP/1.1\r\nHost: web1\r\n\r\n");
    let reply = http.reply();
    let seen = reply.text().to_lowercase();
    assert!(seen.contains("get /page http/1.1\r\n") && seen.contains("host: web3:8080\r\n"), "{seen}");
    assert!(!seen.contains("web1") && !seen.contains("alice@"), "{seen}");
}

/// A server behind that speaks TLS, its address, and its certificate in PEM.
fn secure_behind() -> (SocketAddr, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let pem = made.cert.pem();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![made.cert.into()], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let stream = rustls::StreamOwned::new(connection, stream.unwrap());
            std::thread::spawn(move || echo(stream, 0));
        }
    });
    (address, pem)
}

#[test]
fn a_server_behind_with_tls_must_prove_who_it_is() {
    let (address, pem) = secure_behind();
    let directory = Directory::new();
    let ca = directory.write("ca.pem", pem);
    let server = Server::start(&directory, &["--upstream", &format!("https://{address}/app"), "--upstream-ca", &ca]);
    let reply = server.alice().get("/page");
    assert!(reply.text().contains("GET /app/page HTTP/1.1"), "{}", reply.text());
    assert!(reply.text().to_lowercase().contains("x-remote-user: example\\alice\r\n"), "{}", reply.text());

    // One that proves to be somebody else, or proves it to somebody else, is told nothing.
    let another =
        directory.write("another.pem", rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap().cert.pem());
    let by_name = format!("https://localhost:{}", address.port());
    for (url, ca) in [(format!("https://{address}"), &another), (by_name, &ca)] {
        let server = Server::start(&directory, &["--upstream", &url, "--upstream-ca", ca]);
        assert_eq!(server.connect().log_on(ALICE, PASSWORD).status, 502, "{url}");
        server.waits_for("invalid peer certificate");
    }
}
