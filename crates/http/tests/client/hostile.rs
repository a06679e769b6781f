//! Servers that mean harm, or are broken.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ntlm_http::client::logon::Party;
use ntlm_http::client::{Error, Refusal};
use ntlm_http::header::{self, Scheme};

use crate::support::{Reply, Script, Server, challenge, for_alice, get, post, refusal, response, run, text};

/// What alice's client makes of a server that does as `script` says, with a request that has a body and one that has none.
async fn errors(script: impl Fn() -> Script + Send + 'static) -> [(Error, Server); 2] {
    let script = Arc::new(std::sync::Mutex::new(script));
    let start = || {
        let script = script.clone();
        Server::start(move |_| (script.lock().unwrap())())
    };
    let [first, second] = [start().await, start().await];
    let bare = for_alice(&first).build().send(get(&first.url("/"))).await.unwrap_err();
    let with_body = for_alice(&second).build().send(post(&second.url("/"), "data")).await.unwrap_err();
    [(bare, first), (with_body, second)]
}

fn asking(value: &str) -> Reply {
    Reply::Send(response(401, &[("WWW-Authenticate", value)], ""))
}

#[test]
fn endless_401s_end() {
    run(async {
        for (error, server) in errors(|| Box::new(|_| asking("NTLM"))).await {
            assert_eq!(refusal(error), Refusal::NoChallenge);
            assert_eq!(server.messages(Party::Server), [0, 1]);
            assert!(server.seen().iter().all(|seen| seen.body.is_empty()));
        }
        // One offer after the other.
        let turns = || -> Script {
            let mut turn = 0;
            Box::new(move |_| {
                turn += 1;
                asking(if turn % 2 == 0 { "Negotiate" } else { "NTLM" })
            })
        };
        for (error, server) in errors(turns).await {
            assert_eq!(refusal(error), Refusal::NoChallenge);
            assert_eq!(server.messages(Party::Server), [0, 1]);
        }
    });
}

#[test]
fn a_server_that_blows_hot_and_cold_is_given_up() {
    run(async {
        // No logon for an empty request, one for a request with a body, and so on for ever.
        let server = Server::start(|_| {
            Box::new(|seen| if seen.body.is_empty() { Reply::Send(response(200, &[], "")) } else { asking("NTLM") })
        })
        .await;
        let error = for_alice(&server).build().send(post(&server.url("/"), "data")).await.unwrap_err();
        assert_eq!(refusal(error), Refusal::NoChallenge);
        assert!(server.seen().len() <= 4);
    });
}

#[test]
fn a_challenge_that_nobody_asked_for_is_not_answered() {
    run(async {
        let value = header::write(Scheme::Ntlm, &challenge()).to_str().unwrap().to_owned();
        let unasked = move || -> Script {
            let value = value.clone();
            Box::new(move |_| asking(&value))
        };
        for (error, server) in errors(unasked).await {
            assert_eq!(refusal(error), Refusal::UnexpectedChallenge);
            assert_eq!(server.messages(Party::Server), [0]);
        }
    });
}

#[test]
fn a_challenge_in_the_place_of_a_verdict_is_not_answered() {
    run(async {
        let value = header::write(Scheme::Ntlm, &challenge()).to_str().unwrap().to_owned();
        let again = move || -> Script {
            let value = value.clone();
            Box::new(move |seen| asking(if seen.message(Party::Server).is_some() { &value } else { "NTLM" }))
        };
        for (error, server) in errors(again).await {
            assert_eq!(refusal(error), Refusal::SecondChallenge);
            assert_eq!(server.messages(Party::Server), [0, 1, 3]);
        }
    });
}

#[test]
fn malformed_challenges_are_refused_with_what_is_wrong_and_where() {
    run(async {
        let whole = challenge();
        let mut values = vec![
            ("NTLM AAAA".to_owned(), "not an NTLM message"),
            ("NTLM !!!!".to_owned(), "'!' in the NTLM token"),
            ("NTLM TlRMTVNTUAAC".to_owned(), "token"),
            ("NTLM realm=\"x\"".to_owned(), "parameters instead of a token"),
        ];
        // Cut in the middle, and longer than anything that is a token.
        let cut = header::write(Scheme::Ntlm, &whole[..whole.len() - 1]);
        values.push((cut.to_str().unwrap().to_owned(), "CHALLENGE_MESSAGE: TargetInfo at offset"));
        values.push((format!("NTLM {}", "A".repeat(120_000)), "longer than 64 KiB"));
        for (value, reason) in values {
            let script = move || -> Script {
                let value = value.clone();
                Box::new(move |seen| asking(if seen.message(Party::Server).is_some() { &value } else { "NTLM" }))
            };
            for (error, server) in errors(script).await {
                assert!(error.to_string().contains(reason), "{reason}: {error}");
                assert_eq!(server.messages(Party::Server), [0, 1]);
                let refusal = refusal(error);
                assert!(
                    matches!(refusal, Refusal::Header(_) | Refusal::Ntlm(ntlm::Error::Malformed(_))),
                    "{refusal:?}"
                );
            }
        }
    });
}

#[test]
fn a_token_of_spnego_is_called_that() {
    run(async {
        let script = || -> Script {
            Box::new(|seen| {
                asking(if seen.message(Party::Server).is_some() { "Negotiate oRUwE6ADCgEB" } else { "Negotiate" })
            })
        };
        for (error, _) in errors(script).await {
            assert_eq!(refusal(error), Refusal::Spnego);
        }
    });
}

#[test]
fn giant_headers_are_not_read_to_their_end() {
    run(async {
        let long = format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\n\r\n", "a".repeat(3_000_000)).into_bytes();
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-Many: a\r\n".repeat(5_000)).into_bytes();
        for head in [long, many] {
            let script = move || -> Script {
                let head = head.clone();
                Box::new(move |_| Reply::Send(head.clone()))
            };
            for (error, _) in errors(script).await {
                assert!(matches!(&error, Error::Http { .. }), "{error:?}");
            }
        }
    });
}

#[test]
fn a_challenge_with_an_endless_page_is_given_up() {
    run(async {
        let value = header::write(Scheme::Ntlm, &challenge()).to_str().unwrap().to_owned();
        let script = move || -> Script {
            let page = "a".repeat(2_000_000);
            let value = value.clone();
            Box::new(move |seen| match seen.message(Party::Server) {
                Some(_) => Reply::Send(response(401, &[("WWW-Authenticate", &value)], &page)),
                None => asking("NTLM"),
            })
        };
        for (error, server) in errors(script).await {
            assert!(matches!(refusal(error), Refusal::BodyTooLong { .. }));
            assert_eq!(server.messages(Party::Server), [0, 1]);
        }
    });
}

#[test]
fn noise_and_http_2_are_told_apart() {
    run(async {
        for (noise, is_http2) in
            [(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), false), (b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64".to_vec(), true)]
        {
            let script = move || -> Script {
                let noise = noise.clone();
                Box::new(move |_| Reply::SendAndClose(noise.clone()))
            };
            for (error, _) in errors(script).await {
                assert_eq!(matches!(&error, Error::Http2 { .. }), is_http2, "{error:?}");
            }
        }
    });
}

#[test]
fn bodies_are_read_as_far_as_wanted() {
    run(async {
        let served = Arc::new(AtomicUsize::new(0));
        let count = served.clone();
        let server = Server::start(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Box::new(|_| Reply::Send(response(200, &[], &"a".repeat(1_000_000))))
        })
        .await;
        let client = for_alice(&server).build();
        let answer = client.send(get(&server.url("/"))).await.unwrap();
        assert!(matches!(answer.into_body().read(9_999).await, Err(Error::TooLong { limit: 9_999, .. })));
        let answer = client.send(get(&server.url("/"))).await.unwrap();
        assert_eq!(text(answer).await.1.len(), 1_000_000);
        // What was not read to its end was not kept.
        assert_eq!(served.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn a_page_that_is_said_to_come_from_an_intermediary_cannot_disturb_the_terminal() {
    run(async {
        let script = || -> Script {
            Box::new(|seen| match seen.message(Party::Server) {
                Some(_) => {
                    Reply::Send(response(401, &[("WWW-Authenticate", "NTLM"), ("Via", "1.1 \u{9b}31mred\tx")], ""))
                }
                None => asking("NTLM"),
            })
        };
        for (error, _) in errors(script).await {
            let message = error.to_string();
            assert!(message.contains("1.1 ") && !message.chars().any(char::is_control), "{message:?}");
        }
    });
}
