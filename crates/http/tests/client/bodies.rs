//! A request is executed once, with its body.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::Frame;
use ntlm_http::client::logon::Party;
use ntlm_http::client::{Body, Client, Error};

use crate::support::{Gate, Reply, Server, for_alice, ntlm_server, ok, post, response, run, text};

/// A body in pieces, without a length.
struct Pieces(Vec<&'static str>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.0.pop().map(|piece| Ok(Frame::data(piece.into()))))
    }
}

#[test]
fn a_body_is_sent_once_and_executed_once() {
    run(async {
        let server = ntlm_server().await;
        let client = for_alice(&server).build();
        let answer = client.send(post(&server.url("/orders"), "item=1")).await.unwrap();
        assert_eq!(text(answer).await, (200, "alice POST item=1".to_owned()));
        let bodies: Vec<_> = server.seen().into_iter().map(|seen| seen.body).collect();
        assert_eq!(bodies, [b"".as_slice(), b"", b"item=1"]);
        assert!(server.seen()[..2].iter().all(|seen| seen.header("content-length") == Some("0")));
        assert_eq!(server.messages(Party::Server), [0, 1, 3]);
        // On a connection that is logged on, at once.
        let answer = client.send(post(&server.url("/orders"), "item=2")).await.unwrap();
        assert_eq!(text(answer).await, (200, "alice POST item=2".to_owned()));
        assert_eq!(server.seen().len(), 4);
    });
}

#[test]
fn a_stream_is_opened_only_when_it_is_sent() {
    run(async {
        let server = ntlm_server().await;
        let opened = Arc::new(AtomicUsize::new(0));
        let count = opened.clone();
        let body = Body::opened(None, move || {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(Pieces(vec!["three", "two", "one"]))
        });
        let answer = for_alice(&server).build().send(post(&server.url("/"), body)).await;
        assert_eq!(text(answer.unwrap()).await, (200, "alice POST onetwothree".to_owned()));
        assert_eq!(opened.load(Ordering::SeqCst), 1);
        assert_eq!(server.seen()[2].header("transfer-encoding"), Some("chunked"));

        let body = Body::opened(Some(6), || Ok(Pieces(vec!["two", "one"])));
        let put = Request::put(server.url("/")).body(body).unwrap();
        let answer = for_alice(&server).build().send(put).await;
        assert_eq!(text(answer.unwrap()).await, (200, "alice PUT onetwo".to_owned()));
        assert_eq!(server.seen().last().unwrap().header("content-length"), Some("6"));
    });
}

#[test]
fn a_body_that_cannot_be_read_is_named_as_the_reason() {
    run(async {
        let server = ntlm_server().await;
        let body = Body::opened(None, || Err::<Pieces, _>(std::io::Error::other("the file is gone")));
        let error = for_alice(&server).build().send(post(&server.url("/"), body)).await.unwrap_err();
        assert!(matches!(&error, Error::Body(_)) && error.to_string().contains("the file is gone"), "{error}");
    });
}

#[test]
fn a_server_that_wants_no_logon_gets_the_body_all_the_same() {
    run(async {
        let server = Server::start(|_| Box::new(|seen| ok(&String::from_utf8_lossy(&seen.body)))).await;
        let client = for_alice(&server).build();
        assert_eq!(text(client.send(post(&server.url("/"), "data")).await.unwrap()).await, (200, "data".to_owned()));
        assert_eq!(server.seen().iter().map(|seen| seen.body.len()).collect::<Vec<_>>(), [0, 4]);
        // The connection has learnt that nothing is asked for.
        assert_eq!(text(client.send(post(&server.url("/"), "more")).await.unwrap()).await, (200, "more".to_owned()));
        assert_eq!(server.seen().len(), 3);
    });
}

#[test]
fn a_server_that_wants_no_logon_and_closes_gets_the_body_on_the_next_connection() {
    run(async {
        let server = Server::start(|_| {
            Box::new(|seen| {
                let body = String::from_utf8_lossy(&seen.body);
                Reply::SendAndClose(response(200, &[("Connection", "close")], &body))
            })
        })
        .await;
        let answer = for_alice(&server).build().send(post(&server.url("/"), "data")).await;
        assert_eq!(text(answer.unwrap()).await, (200, "data".to_owned()));
        assert_eq!(server.seen().iter().map(|seen| seen.body.len()).collect::<Vec<_>>(), [0, 4]);
    });
}

#[test]
fn a_server_that_asks_only_for_the_real_request_is_logged_on_to() {
    run(async {
        // Answers an empty POST as if nothing were asked, and wants a logon for one with a body.
        let server = Server::start(|_| {
            let mut gate = Gate::new(Party::Server);
            Box::new(move |seen| {
                if seen.body.is_empty() && seen.message(Party::Server).is_none() {
                    return ok("nothing to do");
                }
                match gate.pass(seen) {
                    Ok(user) => ok(&format!("{user} {}", String::from_utf8_lossy(&seen.body))),
                    Err(asking) => Reply::Send(asking),
                }
            })
        })
        .await;
        let answer = for_alice(&server).build().send(post(&server.url("/"), "data")).await;
        assert_eq!(text(answer.unwrap()).await, (200, "alice data".to_owned()));
        assert_eq!(server.messages(Party::Server), [0, 0, 1, 3]);
    });
}

#[test]
fn an_empty_post_says_its_length() {
    run(async {
        let server = Server::start(|_| Box::new(|_| ok(""))).await;
        let answer = Client::new().send(post(&server.url("/"), Body::empty())).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(server.seen()[0].header("content-length"), Some("0"));
    });
}

#[test]
fn a_long_body_goes_out_in_whole() {
    run(async {
        let server = Server::start(|_| {
            let mut gate = Gate::new(Party::Server);
            Box::new(move |seen| match gate.pass(seen) {
                Ok(_) => ok(&seen.body.len().to_string()),
                Err(asking) => Reply::Send(asking),
            })
        })
        .await;
        let answer = for_alice(&server).build().send(post(&server.url("/"), vec![7; 5_000_000])).await;
        assert_eq!(text(answer.unwrap()).await, (200, "5000000".to_owned()));
    });
}
