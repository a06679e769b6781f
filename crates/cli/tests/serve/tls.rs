//! TLS, and Extended Protection over it.

use std::net::TcpStream;
use std::sync::Arc;

use ntlm::{ChannelBindings, client};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, RootCertStore, StreamOwned};

use crate::support::*;

struct Secure {
    server: Server,
    roots: Arc<RootCertStore>,
    bindings: ChannelBindings,
    _directory: Directory,
}

impl Secure {
    fn start(arguments: &[&str]) -> Self {
        let directory = Directory::new();
        let names = ["localhost".to_owned(), "web1.example.test".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let cert = directory.write("cert.pem", made.cert.pem());
        let key = directory.write("key.pem", made.signing_key.serialize_pem());
        let server = Server::start(&directory, &[&["--cert", &cert, "--key", &key], arguments].concat());
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let bindings = ChannelBindings::from_certificate(made.cert.der()).unwrap();
        Self { server, roots: Arc::new(roots), bindings, _directory: directory }
    }

    fn connect(&self, protocols: &[&str]) -> Http<StreamOwned<ClientConnection, TcpStream>> {
        let mut config =
            rustls::ClientConfig::builder().with_root_certificates(Arc::clone(&self.roots)).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        Http::new(StreamOwned::new(connection, TcpStream::connect(self.server.address).unwrap()))
    }

    /// The status that alice gets with these bindings and this target.
    fn status(&self, bindings: Option<&ChannelBindings>, target: Option<&str>) -> u16 {
        let exchange = client::Exchange {
            channel_bindings: bindings.cloned(),
            target_name: target.map(Into::into),
            ..client::Exchange::default()
        };
        self.connect(&["http/1.1"]).log_on_with(ALICE, PASSWORD, exchange).status
    }
}

#[test]
fn what_a_client_sends_of_extended_protection_must_be_right_over_tls() {
    let secure = Secure::start(&[]);
    let line = secure.server.waits_for("listening on https://");
    assert!(line.contains("extended protection when supported") && line.contains("curl -k --ntlm"), "{line}");
    let (right, wrong) = (&secure.bindings, &ChannelBindings::tls_server_end_point(&[7; 32]));
    assert_eq!(secure.status(None, None), 200);
    assert_eq!(secure.status(Some(right), None), 200);
    assert_eq!(secure.status(Some(wrong), None), 401);
    for (target, status) in [
        ("HTTP/localhost", 200),
        ("HTTP/127.0.0.1", 200),
        ("HTTP/web1.example.test", 200),
        ("HTTP/web2.example.test", 401),
        ("cifs/localhost", 401),
    ] {
        assert_eq!(secure.status(Some(right), Some(target)), status, "{target}");
    }
    secure.server.waits_for("carrier=\"HTTPS\"");
}

#[test]
fn channel_bindings_can_be_required_and_aliases_given() {
    let secure = Secure::start(&["--epa", "required", "--name", "alias.example.test"]);
    assert_eq!(secure.status(None, None), 401);
    assert_eq!(secure.status(None, Some("HTTP/localhost")), 401);
    assert_eq!(secure.status(Some(&secure.bindings), None), 200);
    assert_eq!(secure.status(Some(&secure.bindings), Some("HTTP/alias.example.test")), 200);
    assert_eq!(secure.status(Some(&secure.bindings), Some("HTTP/other.example.test")), 401);
}

#[test]
fn extended_protection_can_be_off() {
    let secure = Secure::start(&["--epa", "off"]);
    let wrong = ChannelBindings::tls_server_end_point(&[7; 32]);
    assert_eq!(secure.status(Some(&wrong), Some("cifs/elsewhere")), 200);
}

#[test]
fn http_2_is_not_spoken() {
    let secure = Secure::start(&[]);
    let mut http = secure.connect(&["h2", "http/1.1"]);
    assert_eq!(http.get("/").status, 401);
    assert_eq!(http.stream.conn.alpn_protocol(), Some(b"http/1.1".as_slice()));
    let mut http = secure.connect(&["h2"]);
    let refused = std::io::Write::write_all(&mut http.stream, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .and_then(|()| std::io::Read::read(&mut http.stream, &mut [0]));
    assert!(refused.is_err(), "{refused:?}");
}

#[test]
fn without_tls_the_target_can_be_required() {
    let directory = Directory::new();
    let server = Server::start(&directory, &["--epa", "required"]);
    let status = |target: Option<&str>| {
        let exchange = client::Exchange { target_name: target.map(Into::into), ..client::Exchange::default() };
        server.connect().log_on_with(ALICE, PASSWORD, exchange).status
    };
    assert_eq!([None, Some("HTTP/127.0.0.1"), Some("HTTP/elsewhere")].map(status), [401, 200, 401]);
}

#[test]
fn a_client_that_begins_with_http_2_is_told_to_use_http_1_1() {
    let directory = Directory::new();
    let server = Server::start(&directory, &[]);
    let mut http = server.connect();
    http.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    let mut said = Vec::new();
    std::io::Read::read_to_end(&mut http.stream, &mut said).unwrap();
    // SETTINGS without any, and GOAWAY with HTTP_1_1_REQUIRED.
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let goaway = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13];
    assert_eq!(said, [&settings[..], &goaway[..]].concat());
}
