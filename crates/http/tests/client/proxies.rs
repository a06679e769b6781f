//! Logons to proxies: plain, and for a tunnel.

use ntlm_http::client::logon::Party;
use ntlm_http::client::{Builder, Client, Error, Refusal};

use crate::support::{
    Gate, Identity, PASSWORD, Reply, Script, Server, alice, credentials, for_alice, get, ntlm_server, ok, post,
    refused, response, run, text,
};

/// A proxy that lets through whoever logs on: tunnels to `server`, and answers for http servers itself, one that asks for a logon too if `asks`.
fn proxy_script(server: std::net::SocketAddr, asks: bool) -> Script {
    let (mut gate, mut behind) = (Gate::new(Party::Proxy), Gate::new(Party::Server));
    Box::new(move |seen| {
        let user = match gate.pass(seen) {
            Ok(user) => user,
            Err(asking) => return Reply::Send(asking),
        };
        if seen.method == "CONNECT" {
            return Reply::Tunnel(server);
        }
        let body = String::from_utf8_lossy(&seen.body).into_owned();
        if !asks {
            return ok(&format!("{user} {body}"));
        }
        match behind.pass(seen) {
            Ok(second) => ok(&format!("{user} {second} {body}")),
            Err(asking) => Reply::Send(asking),
        }
    })
}

fn through(proxy: &Server, builder: Builder) -> Client {
    let builder = builder.proxy(&proxy.url("")).unwrap().proxy_credentials(credentials("proxyuser", PASSWORD));
    match &proxy.certificate {
        Some(certificate) => builder.trust(certificate.clone()).build(),
        None => builder.build(),
    }
}

#[test]
fn a_plain_proxy_is_logged_on_to() {
    run(async {
        let proxy = Server::start(|_| proxy_script(([127, 0, 0, 1], 9).into(), false)).await;
        let client = through(&proxy, Client::builder());
        for _ in 0..2 {
            let answer = client.send(get("http://web.example.test/page?q")).await.unwrap();
            assert_eq!(text(answer).await, (200, "proxyuser ".to_owned()));
        }
        assert_eq!(proxy.messages(Party::Proxy), [0, 1, 3, 0]);
        for seen in proxy.seen() {
            assert_eq!(seen.target, "http://web.example.test/page?q");
            assert_eq!(seen.header("host"), Some("web.example.test"));
            assert_eq!(seen.header("authorization"), None);
        }
        // Another server behind the same proxy: a connection of its own, which begins at once.
        assert_eq!(
            text(client.send(post("http://other.example.test/", "data")).await.unwrap()).await.1,
            "proxyuser data"
        );
        assert_eq!(proxy.messages(Party::Proxy), [0, 1, 3, 0, 1, 3]);
    });
}

#[test]
fn a_proxy_and_the_server_behind_it_are_two_logons_on_one_connection() {
    run(async {
        let proxy = Server::start(|_| proxy_script(([127, 0, 0, 1], 9).into(), true)).await;
        let builder = Client::builder().credentials("http://web.example.test", alice()).unwrap();
        let client = through(&proxy, builder);
        let answer = client.send(post("http://web.example.test/", "data")).await.unwrap();
        assert_eq!(text(answer).await, (200, "proxyuser alice data".to_owned()));
        assert_eq!(proxy.messages(Party::Proxy), [0, 1, 3, 0, 0]);
        assert_eq!(proxy.messages(Party::Server), [0, 0, 0, 1, 3]);
        let bodies: Vec<_> = proxy.seen().into_iter().map(|seen| seen.body).collect();
        assert_eq!(bodies, [b"".as_slice(), b"", b"", b"", b"data"]);
        assert!(proxy.seen().iter().all(|seen| seen.connection == 0));
    });
}

#[test]
fn both_logons_begin_at_once_on_the_next_connection() {
    run(async {
        let proxy = Server::start(|_| proxy_script(([127, 0, 0, 1], 9).into(), true)).await;
        let builder = Client::builder().credentials("http://web.example.test", alice()).unwrap();
        let client = through(&proxy, builder);
        let first = client.send(get("http://web.example.test/")).await.unwrap();
        let second = client.send(get("http://web.example.test/")).await.unwrap();
        assert_eq!(text(second).await, (200, "proxyuser alice ".to_owned()));
        drop(first);
        let messages = |party| -> Vec<u8> {
            proxy
                .seen()
                .iter()
                .filter(|seen| seen.connection == 1)
                .map(|seen| seen.message(party).unwrap_or(0))
                .collect()
        };
        // What the server is told goes with the request that gets past the proxy.
        assert_eq!(messages(Party::Proxy), [1, 3, 0]);
        assert_eq!(messages(Party::Server), [0, 1, 3]);
    });
}

#[test]
fn a_tunnel_is_asked_for_with_a_logon_and_the_server_gets_its_own_inside() {
    run(async {
        let identity = Identity::new(&["http/1.1"]);
        let certificate = identity.certificate.clone();
        // The server wants bindings to its own certificate: TLS ends at the server, not at the proxy.
        let server =
            Server::bind(Some(identity), move |_| Gate::new(Party::Server).requiring_bindings(&certificate).script())
                .await;
        let address = server.address;
        let proxy = Server::start(move |_| proxy_script(address, false)).await;
        let client = through(&proxy, for_alice(&server));
        for _ in 0..2 {
            let answer = client.send(post(&server.url("/"), "data")).await.unwrap();
            assert_eq!(text(answer).await, (200, "alice POST data".to_owned()));
        }
        // Asked, NEGOTIATE, AUTHENTICATE on one connection; the second request is in the tunnel that stands.
        assert_eq!(proxy.messages(Party::Proxy), [0, 1, 3]);
        for seen in proxy.seen() {
            assert_eq!((seen.method.as_str(), seen.connection), ("CONNECT", 0));
            assert_eq!(seen.target, format!("localhost:{}", address.port()));
            assert_eq!((seen.header("authorization"), seen.body.len()), (None, 0));
        }
        assert_eq!(server.messages(Party::Server), [0, 1, 3, 0]);
        assert!(server.seen().iter().all(|seen| seen.header("proxy-authorization").is_none()));
    });
}

#[test]
fn a_proxy_that_is_reached_by_tls_gets_bindings_to_its_own_certificate() {
    run(async {
        let identity = Identity::new(&["http/1.1"]);
        let certificate = identity.certificate.clone();
        let server = ntlm_server().await;
        let proxy = Server::bind(Some(identity), move |_| {
            let mut gate = Gate::new(Party::Proxy).requiring_bindings(&certificate);
            Box::new(move |seen| match gate.pass(seen) {
                Ok(user) => ok(&user),
                Err(asking) => Reply::Send(asking),
            })
        })
        .await;
        let client = through(&proxy, Client::builder());
        assert_eq!(text(client.send(get(&server.url("/"))).await.unwrap()).await, (200, "proxyuser".to_owned()));
        assert!(server.seen().is_empty());
    });
}

#[test]
fn a_proxy_that_denies_is_told_apart_from_a_server_that_does() {
    run(async {
        let server = Server::start_tls(&[], |_| Gate::new(Party::Server).script()).await;
        let address = server.address;
        let proxy = Server::start(move |_| proxy_script(address, true)).await;
        let wrong = for_alice(&server)
            .proxy(&proxy.url(""))
            .unwrap()
            .proxy_credentials(credentials("proxyuser", "wrong"))
            .build();
        for url in [server.url("/"), "http://web.example.test/".to_owned()] {
            let error = refused(wrong.send(get(&url)).await.unwrap_err());
            assert_eq!((error.party, &error.refusal), (Party::Proxy, &Refusal::Denied));
            assert!(error.to_string().starts_with("proxy localhost:"), "{error}");
        }
        assert!(server.seen().is_empty());

        let builder = Client::builder().credentials(&server.url(""), credentials("alice", "wrong")).unwrap();
        let client = through(&proxy, builder.trust(server.certificate.clone().unwrap()));
        let error = refused(client.send(get(&server.url("/"))).await.unwrap_err());
        assert_eq!((error.party, error.refusal), (Party::Server, Refusal::Denied));
    });
}

#[test]
fn without_credentials_the_proxys_word_is_final() {
    run(async {
        let proxy = Server::start(|_| proxy_script(([127, 0, 0, 1], 9).into(), false)).await;
        let client = Client::builder().credentials("http://web.example.test", alice()).unwrap();
        let client =
            client.credentials("https://web.example.test", alice()).unwrap().proxy(&proxy.url("")).unwrap().build();
        let answer = client.send(post("http://web.example.test/", "data")).await.unwrap();
        assert_eq!(answer.status(), 407);
        let error = client.send(get("https://web.example.test/")).await.unwrap_err();
        assert!(matches!(&error, Error::Tunnel { status, .. } if status.as_u16() == 407), "{error:?}");
        assert!(error.to_string().contains("there are no credentials for it"), "{error}");
        assert!(proxy.seen().iter().all(|seen| seen.message(Party::Server).is_none() && seen.body.is_empty()));
    });
}

#[test]
fn a_server_that_plays_the_proxy_gets_nothing() {
    run(async {
        let asking = response(407, &[("Proxy-Authenticate", "NTLM")], "");
        let (plain, tunnelled) = (asking.clone(), asking.clone());
        let server = Server::start(move |_| {
            let asking = plain.clone();
            Box::new(move |_| Reply::Send(asking.clone()))
        })
        .await;
        let direct = for_alice(&server).proxy_credentials(credentials("proxyuser", PASSWORD)).build();
        assert_eq!(direct.send(get(&server.url("/"))).await.unwrap().status(), 407);
        assert_eq!(server.seen()[0].header("proxy-authorization"), None);

        let server = Server::start_tls(&[], move |_| {
            let asking = tunnelled.clone();
            Box::new(move |_| Reply::Send(asking.clone()))
        })
        .await;
        let address = server.address;
        let proxy = Server::start(move |_| proxy_script(address, false)).await;
        let client = through(&proxy, for_alice(&server));
        assert_eq!(client.send(get(&server.url("/"))).await.unwrap().status(), 407);
        assert!(server.seen().iter().all(|seen| seen.header("proxy-authorization").is_none()));
    });
}

#[test]
fn a_proxy_that_makes_no_connection_is_quoted() {
    run(async {
        let proxy = Server::start(|_| Box::new(|_| Reply::Send(response(503, &[], "no")))).await;
        let error = through(&proxy, Client::builder()).send(get("https://web.example.test/")).await.unwrap_err();
        assert!(matches!(&error, Error::Tunnel { status, .. } if status.as_u16() == 503), "{error:?}");
    });
}

#[test]
fn a_proxy_that_closes_with_its_offer_is_logged_on_to_on_the_next_connection() {
    run(async {
        let server = Server::start_tls(&[], |_| Box::new(|_| ok("inside"))).await;
        let address = server.address;
        let proxy = Server::start(move |connection| {
            let mut script = proxy_script(address, false);
            Box::new(move |seen| match script(seen) {
                Reply::Send(asking) if connection == 0 => Reply::SendAndClose(asking),
                other => other,
            })
        })
        .await;
        let client = through(&proxy, for_alice(&server));
        assert_eq!(text(client.send(get(&server.url("/"))).await.unwrap()).await, (200, "inside".to_owned()));
        assert_eq!(proxy.messages(Party::Proxy), [0, 1, 3]);
    });
}
