//! Whose a connection is, and what happens when it goes away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt as _;
use ntlm_http::client::logon::Party;
use ntlm_http::client::observe::Event;
use ntlm_http::client::{Body, Client, Error, Refusal};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{
    Gate, PASSWORD, Reply, Server, alice, credentials, for_alice, get, ntlm_server, ok, post, refusal, refused,
    response, run, text,
};

#[test]
fn two_users_over_one_client_never_share_a_connection() {
    run(async {
        let server = ntlm_server().await;
        let client = Client::builder().build();
        let (alice, bob) = (alice(), credentials("bob", PASSWORD));
        let requests: Vec<_> = (0..20)
            .map(|number| {
                let (user, credentials) = if number % 2 == 0 { ("alice", &alice) } else { ("bob", &bob) };
                let (client, url, credentials) = (client.clone(), server.url("/"), credentials.clone());
                tokio::spawn(async move {
                    let (status, body) = text(client.send_as(get(&url), &credentials).await.unwrap()).await;
                    assert_eq!((status, body.as_str()), (200, format!("{user} GET ").as_str()));
                })
            })
            .collect();
        for request in requests {
            request.await.unwrap();
        }
        // And one after the other, when kept connections of both lie there.
        for (user, credentials) in [("alice", &alice), ("bob", &bob), ("alice", &alice)] {
            let before = server.seen().len();
            let (_, body) = text(client.send_as(get(&server.url("/")), credentials).await.unwrap()).await;
            assert_eq!(body, format!("{user} GET "));
            assert_eq!(server.seen().len(), before + 1, "a kept connection serves");
        }
        // Nobody at all gets neither of them.
        assert_eq!(client.send(get(&server.url("/"))).await.unwrap().status(), 401);
    });
}

#[test]
fn equal_credentials_that_were_given_apart_do_not_share_connections() {
    run(async {
        let server = ntlm_server().await;
        let client = Client::new();
        for _ in 0..2 {
            assert_eq!(text(client.send_as(get(&server.url("/")), &alice()).await.unwrap()).await.0, 200);
        }
        assert_eq!(server.messages(Party::Server), [0, 1, 3, 0, 1, 3]);
    });
}

#[test]
fn a_logon_that_the_caller_makes_by_himself_is_nobody_elses() {
    run(async {
        for (authorization, connections) in [("NTLM AAAA", [0, 1]), ("Negotiate YII=", [0, 1]), ("Bearer x", [0, 0])] {
            let server = Server::start(|_| Box::new(|_| ok(""))).await;
            let client = Client::new();
            let own = Request::get(server.url("/")).header("Authorization", authorization).body(Body::empty()).unwrap();
            assert_eq!(text(client.send(own).await.unwrap()).await.0, 200);
            assert_eq!(text(client.send(get(&server.url("/"))).await.unwrap()).await.0, 200);
            let seen: Vec<_> = server.seen().iter().map(|seen| seen.connection).collect();
            assert_eq!(seen, connections, "{authorization}");
        }
    });
}

#[test]
fn a_reader_may_take_his_time_and_a_server_may_not() {
    run(async {
        let silence = Duration::from_millis(200);
        let (go, mut may_go) = tokio::sync::mpsc::unbounded_channel::<()>();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            for piece in ["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na", "b"] {
                stream.write_all(piece.as_bytes()).await.unwrap();
                may_go.recv().await;
            }
            // The last piece never comes.
            std::future::pending::<()>().await;
        });
        let client = Client::builder().read_timeout(silence).build();
        let mut body = client.send(get(&url)).await.unwrap().into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "a");
        // Longer than the server may be silent.
        tokio::time::sleep(silence * 2).await;
        let (piece, ()) = tokio::join!(body.frame(), async { go.send(()).unwrap() });
        assert_eq!(piece.unwrap().unwrap().into_data().unwrap(), "b");
        assert!(matches!(body.frame().await, Some(Err(Error::Timeout { .. }))));
    });
}

#[test]
fn a_connection_lost_in_the_middle_of_the_logon_is_begun_again_once() {
    run(async {
        for losses in [1, 2] {
            // The first connections are closed with the AUTHENTICATE.
            let server = Server::start(move |connection| {
                let mut gate = Gate::new(Party::Server);
                Box::new(move |seen| match gate.pass(seen) {
                    Ok(_) if connection < losses => Reply::SendAndClose(Vec::new()),
                    Ok(user) => ok(&user),
                    Err(asking) => Reply::Send(asking),
                })
            })
            .await;
            let reasons = Arc::new(AtomicUsize::new(0));
            let count = reasons.clone();
            let client = for_alice(&server)
                .observer(move |event: &Event<'_>| {
                    count.fetch_add(usize::from(matches!(event, Event::Again { .. })), Ordering::SeqCst);
                })
                .build();
            let result = client.send(get(&server.url("/"))).await;
            assert_eq!(reasons.load(Ordering::SeqCst), 1);
            if losses == 1 {
                assert_eq!(text(result.unwrap()).await, (200, "alice".to_owned()));
            } else {
                assert_eq!(refusal(result.unwrap_err()), Refusal::ConnectionClosed { announced: false });
            }
        }
    });
}

#[test]
fn a_logon_that_perhaps_nobody_decided_on_is_told_when_it_counts() {
    run(async {
        for undecided in [429, 500, 502, 503] {
            let server = Server::start(move |_| {
                let mut gate = Gate::new(Party::Server);
                Box::new(move |seen| match gate.pass(seen) {
                    Ok(_) if seen.target == "/busy" => Reply::Send(response(undecided, &[], "later")),
                    Ok(user) => ok(&user),
                    Err(asking) => Reply::Send(asking),
                })
            })
            .await;
            let logons = Arc::new(AtomicUsize::new(0));
            let count = logons.clone();
            let client = for_alice(&server)
                .observer(move |event: &Event<'_>| {
                    count.fetch_add(usize::from(matches!(event, Event::LoggedOn { .. })), Ordering::SeqCst);
                })
                .build();
            for (path, status, told) in [("/busy", undecided, 0), ("/", 200, 1), ("/busy", undecided, 1), ("/", 200, 1)]
            {
                let response = client.send(get(&server.url(path))).await.unwrap();
                assert_eq!(text(response).await.0, status);
                assert_eq!(logons.load(Ordering::SeqCst), told, "{status} for {path}");
            }
        }
    });
}

#[test]
fn a_server_that_closes_after_each_answer_is_told_to_keep_connections() {
    run(async {
        let server = Server::start(|_| {
            let mut gate = Gate::new(Party::Server);
            Box::new(move |seen| {
                let asking = gate.pass(seen).unwrap_err();
                let asking = String::from_utf8(asking).unwrap();
                let closing =
                    asking.replacen("Content-Length", "Via: 1.1 old-proxy\r\nConnection: close\r\nContent-Length", 1);
                Reply::SendAndClose(closing.into_bytes())
            })
        })
        .await;
        let error = refused(for_alice(&server).build().send(get(&server.url("/"))).await.unwrap_err());
        assert_eq!(error.refusal, Refusal::ConnectionClosed { announced: true });
        let message = error.to_string();
        assert!(
            message.contains("an NTLM logon needs one connection") && message.contains("1.1 old-proxy"),
            "{message}"
        );
        // The offer may come with a close: the logon begins on the next connection, which is closed with the challenge.
        assert_eq!(server.messages(Party::Server), [0, 1]);
    });
}

#[test]
fn an_offer_that_comes_with_a_close_is_taken_up_on_the_next_connection() {
    run(async {
        let server = Server::start(|connection| {
            let mut gate = Gate::new(Party::Server);
            Box::new(move |seen| match gate.pass(seen) {
                Ok(user) => ok(&user),
                Err(asking) if connection == 0 => Reply::SendAndClose(asking),
                Err(asking) => Reply::Send(asking),
            })
        })
        .await;
        let answer = for_alice(&server).build().send(post(&server.url("/"), "x")).await;
        assert_eq!(text(answer.unwrap()).await, (200, "alice".to_owned()));
        assert_eq!(server.messages(Party::Server), [0, 1, 3]);
    });
}

#[test]
fn a_kept_connection_that_died_is_replaced() {
    run(async {
        let server = Server::start(|_| {
            let mut gate = Gate::new(Party::Server);
            let mut served = 0;
            Box::new(move |seen| match gate.pass(seen) {
                Err(asking) => Reply::Send(asking),
                Ok(user) => {
                    served += 1;
                    // The second request on a connection gets no answer.
                    if served == 1 { ok(&user) } else { Reply::SendAndClose(Vec::new()) }
                }
            })
        })
        .await;
        let client = for_alice(&server).build();
        for _ in 0..2 {
            assert_eq!(text(client.send(get(&server.url("/"))).await.unwrap()).await, (200, "alice".to_owned()));
        }
        // A request that changes something may have been executed: it is not sent again.
        let error = client.send(post(&server.url("/"), "x")).await.unwrap_err();
        assert!(matches!(&error, Error::Lost { perhaps_executed: true, .. }), "{error:?}");
        let posts = server.seen().iter().filter(|seen| seen.body == b"x").count();
        assert_eq!(posts, 1);
    });
}

#[test]
fn a_connection_that_is_logged_off_is_replaced_by_one_that_is_logged_on() {
    run(async {
        // Every request needs a logon of its own, and nobody says so (IIS: authPersistSingleRequest).
        let server = Server::start(|_| {
            let mut gate = Gate::new(Party::Server);
            Box::new(move |seen| {
                let passed = gate.pass(seen);
                if passed.is_ok() {
                    gate = Gate::new(Party::Server);
                }
                match passed {
                    Ok(user) => ok(&format!("{user} {}", String::from_utf8_lossy(&seen.body))),
                    Err(asking) => Reply::Send(asking),
                }
            })
        })
        .await;
        let client = for_alice(&server).build();
        for number in ["1", "2", "3"] {
            let answer = client.send(post(&server.url("/"), number)).await;
            assert_eq!(text(answer.unwrap()).await, (200, format!("alice {number}")));
        }
    });
}

#[test]
fn a_connection_that_will_not_stay_logged_on_is_not_kept() {
    run(async {
        let server = Server::start(|_| {
            let mut gate = Gate::new(Party::Server);
            Box::new(move |seen| match gate.pass(seen) {
                Ok(user) => Reply::Send(response(200, &[("Persistent-Auth", "false")], &user)),
                Err(asking) => Reply::Send(asking),
            })
        })
        .await;
        let client = for_alice(&server).build();
        for _ in 0..2 {
            assert_eq!(text(client.send(get(&server.url("/"))).await.unwrap()).await.0, 200);
        }
        assert_eq!(server.messages(Party::Server), [0, 1, 3, 1, 3]);
    });
}

#[test]
fn a_response_that_was_not_read_takes_its_connection_along() {
    run(async {
        let server = ntlm_server().await;
        let client = for_alice(&server).build();
        drop(client.send(get(&server.url("/"))).await.unwrap());
        assert_eq!(text(client.send(get(&server.url("/"))).await.unwrap()).await.0, 200);
        assert_eq!(server.seen().last().unwrap().connection, 1);
    });
}

#[test]
fn no_connection_is_kept_where_none_is_wanted() {
    run(async {
        let server = ntlm_server().await;
        let client = for_alice(&server).keep_alive(0, Duration::from_secs(60)).build();
        for _ in 0..2 {
            assert_eq!(text(client.send(get(&server.url("/"))).await.unwrap()).await.0, 200);
        }
        assert_eq!(server.messages(Party::Server), [0, 1, 3, 1, 3]);
    });
}

#[test]
fn nobody_there_and_nobody_answering_are_told_apart() {
    run(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = Client::builder().read_timeout(Duration::from_millis(200)).build();
        let error = client.send(get(&format!("http://{address}/"))).await.unwrap_err();
        assert!(matches!(&error, Error::Timeout { waiting_for: "response", .. }), "{error:?}");
        drop(listener);
        let error = client.send(get(&format!("http://{address}/"))).await.unwrap_err();
        assert!(matches!(&error, Error::Unreachable { .. }), "{error:?}");
    });
}

#[test]
fn a_response_that_stops_in_the_middle_ends_in_time() {
    run(async {
        let server =
            Server::start(|_| Box::new(|_| Reply::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_vec())))
                .await;
        let client = Client::builder().read_timeout(Duration::from_secs(1)).build();
        let answer = client.send(get(&server.url("/"))).await.unwrap();
        let error = answer.into_body().read(100).await.unwrap_err();
        assert!(matches!(&error, Error::Timeout { waiting_for: "rest of the response", .. }), "{error:?}");

        let server = Server::start(|_| {
            Box::new(|_| Reply::SendAndClose(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_vec()))
        })
        .await;
        let answer = Client::new().send(get(&server.url("/"))).await.unwrap();
        let error = answer.into_body().read(100).await.unwrap_err();
        assert!(matches!(&error, Error::Incomplete { .. }), "{error:?}");
    });
}
