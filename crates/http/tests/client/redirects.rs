//! Redirects take no credentials along.

use http::Request;
use ntlm_http::client::logon::Party;
use ntlm_http::client::observe::Event;
use ntlm_http::client::{Body, Client, Error, Reached};

use crate::support::{Gate, Reply, Server, alice, for_alice, get, ntlm_server, ok, post, response, run, text};

/// A server that sends whoever logs on to `to`.
async fn redirecting(status: u16, to: String) -> Server {
    Server::start(move |_| {
        let mut gate = Gate::new(Party::Server);
        let to = to.clone();
        Box::new(move |seen| {
            Reply::Send(match gate.pass(seen) {
                Ok(_) if seen.target == "/end" => response(200, &[], &seen.method),
                Ok(_) => response(status, &[("Location", &to)], ""),
                Err(asking) => asking,
            })
        })
    })
    .await
}

#[test]
fn attack_34_a_redirect_to_another_origin_gets_no_authorization() {
    run(async {
        // The other server asks for NTLM, as an attacker's would; even on the same host, another port is another origin.
        let attacker = ntlm_server().await;
        for status in [301, 302, 303, 307, 308] {
            let server = redirecting(status, attacker.url("/steal")).await;
            let client = for_alice(&server).build();
            let request = Request::get(server.url("/")).header("Cookie", "session=1").body(Body::empty()).unwrap();
            let answer = client.send(request).await.unwrap();
            let reached = answer.extensions().get::<Reached>().unwrap().clone();
            assert_eq!((reached.url.to_string(), reached.redirects), (attacker.url("/steal"), 1));
            assert!(reached.credentials_dropped);
            assert_eq!(text(answer).await, (401, "a logon, please".to_owned()));
        }
        // Nor when they were given for the request alone, or belong to both origins.
        let server = redirecting(302, attacker.url("/steal")).await;
        let both = Client::builder().credentials(&attacker.url(""), alice()).unwrap().build();
        let answer = both.send_as(get(&server.url("/")), &alice()).await.unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(attacker.seen().len(), 6);
        for seen in attacker.seen() {
            assert_eq!(seen.header("authorization"), None);
            assert_eq!(seen.header("cookie"), None);
        }
    });
}

#[test]
fn attack_34_a_way_back_to_the_first_origin_does_not_bring_the_credentials_back() {
    run(async {
        let back = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let to = back.clone();
        let elsewhere = Server::start(move |_| {
            let to = to.clone();
            Box::new(move |_| Reply::Send(response(302, &[("Location", &to.lock().unwrap())], "")))
        })
        .await;
        let server = redirecting(302, elsewhere.url("/")).await;
        *back.lock().unwrap() = server.url("/end");
        let answer = for_alice(&server).build().send(get(&server.url("/"))).await.unwrap();
        assert_eq!(answer.status(), 401);
        let last = server.seen().last().unwrap().clone();
        assert_eq!((last.target.as_str(), last.header("authorization")), ("/end", None));
    });
}

#[test]
fn attack_34_a_redirect_from_https_to_http_gets_no_authorization() {
    run(async {
        let plain = ntlm_server().await;
        let to = plain.url("/");
        let server = Server::start_tls(&["http/1.1"], move |_| {
            let mut gate = Gate::new(Party::Server);
            let to = to.clone();
            Box::new(move |seen| match gate.pass(seen) {
                Ok(_) => Reply::Send(response(302, &[("Location", &to)], "")),
                Err(asking) => Reply::Send(asking),
            })
        })
        .await;
        let client = for_alice(&server).credentials(&plain.url(""), alice()).unwrap().build();
        assert_eq!(client.send(get(&server.url("/"))).await.unwrap().status(), 401);
        assert_eq!(plain.messages(Party::Server), [0]);
    });
}

#[test]
fn a_redirect_within_the_origin_keeps_the_connection_and_the_logon() {
    run(async {
        let server = redirecting(302, "/end".to_owned()).await;
        let client = for_alice(&server).build();
        let answer = client.send(post(&server.url("/"), "x")).await.unwrap();
        // A POST becomes a GET.
        assert_eq!(text(answer).await, (200, "GET".to_owned()));
        assert_eq!(server.messages(Party::Server), [0, 1, 3, 0]);
        assert!(server.seen().iter().all(|seen| seen.connection == 0));

        let server = redirecting(307, "/end".to_owned()).await;
        let answer = for_alice(&server).build().send(post(&server.url("/"), "x")).await.unwrap();
        assert_eq!(text(answer).await, (200, "POST".to_owned()));
        assert_eq!(server.seen().last().unwrap().body, b"x");
    });
}

#[test]
fn an_authorization_of_ones_own_stays_at_its_origin_too() {
    run(async {
        let other = Server::start(|_| Box::new(|_| ok("other"))).await;
        let to = other.url("/");
        let server = Server::start(move |_| {
            let to = to.clone();
            Box::new(move |_| Reply::Send(response(302, &[("Location", &to)], "")))
        })
        .await;
        let request =
            Request::get(server.url("/")).header("Authorization", "Bearer secret").body(Body::empty()).unwrap();
        assert_eq!(text(Client::new().send(request).await.unwrap()).await, (200, "other".to_owned()));
        assert_eq!(server.seen()[0].header("authorization"), Some("Bearer secret"));
        assert_eq!(other.seen()[0].header("authorization"), None);
    });
}

#[test]
fn redirects_end() {
    run(async {
        let server = Server::start(|_| Box::new(|_| Reply::Send(response(302, &[("Location", "/")], "")))).await;
        let followed = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = followed.clone();
        let client = Client::builder()
            .redirects(3)
            .observer(move |event: &Event<'_>| {
                let redirected = matches!(event, Event::Redirected { .. });
                count.fetch_add(usize::from(redirected), std::sync::atomic::Ordering::SeqCst);
            })
            .build();
        let error = client.send(get(&server.url("/"))).await.unwrap_err();
        assert!(matches!(error, Error::Redirects { limit: 3 }), "{error:?}");
        assert_eq!(followed.load(std::sync::atomic::Ordering::SeqCst), 3);
        assert_eq!(server.seen().len(), 4);

        let not_followed = Client::builder().redirects(0).build();
        assert_eq!(not_followed.send(get(&server.url("/"))).await.unwrap().status(), 302);
    });
}

#[test]
fn a_redirect_to_nowhere_is_an_error_that_shows_no_password() {
    run(async {
        for to in ["ftp://user:secret@host/", "http://user:secret@/", "javascript:alert(1)"] {
            let server =
                Server::start(move |_| Box::new(move |_| Reply::Send(response(302, &[("Location", to)], "")))).await;
            let error = Client::new().send(get(&server.url("/"))).await.unwrap_err();
            assert!(matches!(error, Error::Redirect { .. }), "{error:?}");
            assert!(!error.to_string().contains("secret"), "{error}");
            assert!(
                error.to_string().contains(&format!("localhost:{} redirects to", server.address.port())),
                "{error}"
            );
        }
    });
}
