//! Each limit answers with its status.

use crate::support::*;

#[test]
fn a_header_that_is_too_long_is_431() {
    let directory = Directory::new();
    let server = Server::start(&directory, &["--max-header", "8192"]);
    let mut http = server.connect();
    let reply = http.request("GET", "/", &[&format!("X-Long: {}", "x".repeat(10_000))], b"");
    assert_eq!(reply.status, 431);
    assert!(http.ends());
}

#[test]
fn a_body_that_is_too_long_is_413_whether_it_is_announced_or_not() {
    let directory = Directory::new();
    let server = Server::start(&directory, &["--max-body", "1000"]);
    let mut http = server.connect();
    assert_eq!(http.request("POST", "/", &[], &[b'x'; 1000]).status, 401);
    http.send(b"POST / HTTP/1.1\r\nHost: web1\r\nContent-Length: 1001\r\n\r\n");
    let reply = http.reply();
    assert_eq!((reply.status, reply.header("connection")), (413, "close"));

    let mut http = server.connect();
    http.send(b"POST / HTTP/1.1\r\nHost: web1\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..3 {
        http.send(format!("190\r\n{}\r\n", "x".repeat(0x190)).as_bytes());
    }
    let reply = http.reply();
    assert_eq!((reply.status, reply.header("connection")), (413, "close"));
}

#[test]
fn a_client_that_falls_silent_is_408_within_a_request_and_closed_between_them() {
    let directory = Directory::new();
    let server = Server::start(&directory, &["--idle-timeout", "1"]);
    let mut silent = server.connect();
    silent.send(b"POST / HTTP/1.1\r\nHost: web1\r\nContent-Length: 10\r\n\r\nhalf");
    let mut idle = server.connect();
    assert_eq!(idle.get("/").status, 401);
    let mut never = server.connect();
    never.send(b"GET / HT");
    let reply = silent.reply();
    assert_eq!((reply.status, reply.header("connection")), (408, "close"));
    assert!(silent.ends() && idle.ends() && never.ends());
}

#[test]
fn one_connection_too_many_is_503() {
    let directory = Directory::new();
    let server = Server::start(&directory, &["--max-connections", "2"]);
    let (mut first, mut second) = (server.alice(), server.alice());
    let mut third = server.connect();
    let reply = third.reply();
    assert_eq!((reply.status, reply.header("connection")), (503, "close"));
    assert!(third.ends());
    assert_eq!((first.get("/").status, second.get("/").status), (200, 200));
}

#[test]
fn one_half_open_logon_too_many_is_503() {
    let directory = Directory::new();
    let server = Server::start(&directory, &["--max-half-open", "1"]);
    let negotiate = "Authorization: NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGNFAAAADw==";
    let mut first = server.connect();
    assert_eq!(first.request("GET", "/", &[negotiate], b"").status, 401);
    let mut second = server.connect();
    let reply = second.request("GET", "/", &[negotiate], b"");
    assert_eq!((reply.status, reply.header("www-authenticate")), (503, ""));
    assert!(!reply.header("retry-after").is_empty());
    // The end of the first, or its logon, makes room.
    assert_eq!(first.log_on(ALICE, PASSWORD).status, 200);
    assert_eq!(second.log_on(ALICE, PASSWORD).status, 200);
}

#[test]
fn a_leg_1_with_a_body_is_answered_and_the_connection_goes_on() {
    let directory = Directory::new();
    let server = Server::start(&directory, &[]);
    let mut http = server.connect();
    assert_eq!(http.request("POST", "/", &[], &vec![b'x'; 2_000_000]).status, 401);
    assert_eq!(http.log_on(ALICE, PASSWORD).account(), ALICE);
}
