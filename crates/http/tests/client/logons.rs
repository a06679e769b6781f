//! Logons to servers.

use http::Request;
use ntlm::ServerPolicy;
use ntlm_http::client::logon::{Party, Schemes};
use ntlm_http::client::{Body, Client, Error, Refusal};
use ntlm_http::header::Scheme;

use crate::support::{
    Gate, Reply, Server, alice, credentials, for_alice, get, ntlm_server, ok, refusal, refused, response, run, text,
};

#[test]
fn a_user_logs_on_when_asked_and_stays_logged_on() {
    run(async {
        let server = ntlm_server().await;
        let client = for_alice(&server).build();
        for _ in 0..3 {
            let answer = client.send(get(&server.url("/a?b"))).await.unwrap();
            assert_eq!(text(answer).await, (200, "alice GET ".to_owned()));
        }
        // Asked, NEGOTIATE, AUTHENTICATE, and from then on the connection is the user's.
        assert_eq!(server.messages(Party::Server), [0, 1, 3, 0, 0]);
        let seen = server.seen();
        assert!(seen.iter().all(|seen| seen.connection == 0 && seen.target == "/a?b"));
        assert_eq!(seen[0].header("host"), Some(format!("localhost:{}", server.address.port()).as_str()));
    });
}

#[test]
fn the_next_connection_to_a_server_that_asked_saves_a_round_trip() {
    run(async {
        let server = ntlm_server().await;
        let client = for_alice(&server).build();
        // The first response is held, so that its connection is in use.
        let first = client.send(get(&server.url("/"))).await.unwrap();
        let held = client.send(get(&server.url("/"))).await.unwrap();
        assert_eq!(text(held).await.0, 200);
        assert_eq!(text(first).await.0, 200);
        let second: Vec<u8> = server
            .seen()
            .iter()
            .filter(|seen| seen.connection == 1)
            .filter_map(|seen| seen.message(Party::Server))
            .collect();
        assert_eq!(second, [1, 3]);
    });
}

#[test]
fn who_is_not_asked_sends_nothing() {
    run(async {
        let server = Server::start(|_| Box::new(|_| ok("public"))).await;
        let answer = for_alice(&server).build().send(get(&server.url("/"))).await.unwrap();
        assert_eq!(text(answer).await, (200, "public".to_owned()));
        assert_eq!(server.messages(Party::Server), [0]);
    });
}

#[test]
fn negotiate_is_used_where_ntlm_is_not_offered() {
    run(async {
        let server = Server::start(|_| Gate::new(Party::Server).scheme(Scheme::Negotiate).script()).await;
        let answer = for_alice(&server).build().send(get(&server.url("/"))).await.unwrap();
        assert_eq!(text(answer).await.0, 200);
        assert!(server.seen()[1].header("authorization").unwrap().starts_with("Negotiate TlRMTVNTUAAB"));

        let error = for_alice(&server).schemes(Schemes::Ntlm).build().send(get(&server.url("/"))).await.unwrap_err();
        assert_eq!(refusal(error), Refusal::NotOffered { offered: vec!["Negotiate".to_owned()] });
    });
}

#[test]
fn several_offers_are_all_seen_and_the_wanted_one_taken() {
    run(async {
        for (schemes, expected) in [(Schemes::Both, "NTLM "), (Schemes::Negotiate, "Negotiate ")] {
            let server = Server::start(|_| {
                let mut gates = [Scheme::Ntlm, Scheme::Negotiate].map(|scheme| Gate::new(Party::Server).scheme(scheme));
                Box::new(move |seen| match seen.header("authorization") {
                    None => Reply::Send(response(
                        401,
                        &[("WWW-Authenticate", "Basic realm=\"NTLM, or so\", negotiate"), ("WWW-Authenticate", "ntlm")],
                        "",
                    )),
                    Some(value) => match gates[usize::from(value.starts_with("Neg"))].pass(seen) {
                        Ok(user) => ok(&user),
                        Err(asking) => Reply::Send(asking),
                    },
                })
            })
            .await;
            let answer = for_alice(&server).schemes(schemes).build().send(get(&server.url("/"))).await.unwrap();
            assert_eq!(text(answer).await, (200, "alice".to_owned()));
            let seen = server.seen();
            assert!(seen[1..].iter().all(|seen| seen.header("authorization").unwrap().starts_with(expected)));
        }
    });
}

#[test]
fn a_wrong_password_is_a_denial_and_not_tried_again() {
    run(async {
        let server = ntlm_server().await;
        let client = Client::builder().credentials(&server.url(""), credentials("alice", "wrong")).unwrap().build();
        let error = refused(client.send(get(&server.url("/"))).await.unwrap_err());
        assert_eq!((&error.refusal, error.party), (&Refusal::Denied, Party::Server));
        assert_eq!(server.messages(Party::Server), [0, 1, 3]);
        let message = error.to_string();
        assert!(message.contains("wrong user, domain or password"), "{message}");
        assert!(message.contains("Extended Protection"), "{message}");
        assert!(!message.contains("wrong\"") && !message.contains("Passw0rd"), "{message}");
    });
}

#[test]
fn a_user_who_may_not_see_a_page_gets_the_servers_word() {
    run(async {
        let server = Server::start(|_| {
            let mut gate = Gate::new(Party::Server);
            Box::new(move |seen| {
                Reply::Send(match gate.pass(seen) {
                    Ok(_) => response(403, &[], "not for you"),
                    Err(asking) => asking,
                })
            })
        })
        .await;
        let client = for_alice(&server).build();
        assert_eq!(text(client.send(get(&server.url("/"))).await.unwrap()).await, (403, "not for you".to_owned()));
    });
}

#[test]
fn without_credentials_a_401_is_a_response_like_any_other() {
    run(async {
        let server = ntlm_server().await;
        let answer = Client::new().send(get(&server.url("/"))).await.unwrap();
        assert_eq!(answer.headers()["www-authenticate"], "NTLM");
        assert_eq!(text(answer).await, (401, "a logon, please".to_owned()));
        // Credentials for one origin are not for another: not even for another port.
        let other = ntlm_server().await;
        let answer = for_alice(&other).build().send(get(&server.url("/"))).await.unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(server.messages(Party::Server), [0, 0]);
    });
}

#[test]
fn a_server_that_offers_something_else_is_told_with_what_it_offers() {
    run(async {
        let server = Server::start(|_| {
            Box::new(|_| {
                Reply::Send(response(
                    401,
                    &[
                        ("WWW-Authenticate", "Basic realm=\"x, y\", Digest qop=\"auth\""),
                        ("WWW-Authenticate", "Bearer"),
                    ],
                    "",
                ))
            })
        })
        .await;
        let error = for_alice(&server).build().send(get(&server.url("/"))).await.unwrap_err();
        let message = error.to_string();
        assert!(message.contains("NTLM is not offered; offered is: Basic, Digest, Bearer"), "{message}");
    });
}

#[test]
fn a_server_without_target_info_is_refused_unless_policy_lets_it_pass() {
    run(async {
        // The server of somebody long gone: a challenge of 32 bytes, and no check of the response.
        let mut challenge = b"NTLMSSP\0\x02\0\0\0\0\0\0\0\x28\0\0\0\x05\x82\x08\0".to_vec();
        challenge.extend(*b"12345678");
        challenge.extend([0; 8]);
        let server = Server::start(move |_| {
            let challenge = ntlm_http::header::write(Scheme::Ntlm, &challenge);
            Box::new(move |seen| match seen.message(Party::Server) {
                Some(3) => ok("old"),
                Some(_) => Reply::Send(response(401, &[("WWW-Authenticate", challenge.to_str().unwrap())], "")),
                None => Reply::Send(response(401, &[("WWW-Authenticate", "NTLM")], "")),
            })
        })
        .await;
        let error = for_alice(&server).build().send(get(&server.url("/"))).await.unwrap_err();
        let message = error.to_string();
        assert!(message.contains("no TargetInfo") && message.contains("the policy `windows`"), "{message}");
        assert_eq!(server.messages(Party::Server), [0, 1]);

        let windows = ntlm::ClientConfig::new(ntlm::ClientPolicy::windows());
        let client = for_alice(&server).config(windows).build();
        assert_eq!(text(client.send(get(&server.url("/"))).await.unwrap()).await, (200, "old".to_owned()));
    });
}

#[test]
fn the_target_is_the_host_as_it_was_written() {
    run(async {
        let targets = ntlm::AcceptedTargets { service_classes: vec!["HTTP".into()], hosts: vec!["localhost".into()] };
        let mut policy = ServerPolicy::strict();
        policy.target_name = ntlm::config::TargetNamePolicy::Require(targets);
        let server = Server::start(move |_| Gate::new(Party::Server).policy(policy.clone()).script()).await;
        let answer = for_alice(&server).build().send(get(&server.url("/"))).await.unwrap();
        assert_eq!(answer.status(), 200);
        // Under another name of the same server the logon is for another service, and the server sees that.
        let url = format!("http://127.0.0.1:{}/", server.address.port());
        let error = Client::new().send_as(get(&url), &alice()).await.unwrap_err();
        assert_eq!(refusal(error), Refusal::Denied);
    });
}

#[test]
fn requests_that_cannot_be_meant_are_refused_before_anything_is_sent() {
    run(async {
        let server = ntlm_server().await;
        let client = for_alice(&server).build();
        let own = Request::get(server.url("/")).header("Authorization", "Basic YTpi").body(Body::empty()).unwrap();
        assert!(matches!(client.send(own).await, Err(Error::Request(_))));
        let tunnel = Request::connect(server.url("/")).body(Body::empty()).unwrap();
        assert!(matches!(client.send(tunnel).await, Err(Error::Request(_))));
        for url in ["/path", "ftp://localhost/", "http://alice:secret@localhost/"] {
            let error = client.send(get(url)).await.unwrap_err();
            assert!(matches!(error, Error::Url { .. }), "{error:?}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert!(server.seen().is_empty());
    });
}

#[test]
fn headers_of_the_connection_are_the_clients_own_affair() {
    run(async {
        let server = ntlm_server().await;
        let request = Request::post(server.url("/"))
            .header("Connection", "close")
            .header("Content-Length", "999")
            .header("Proxy-Authorization", "NTLM AAAA")
            .header("X-Mine", "kept")
            .header("Host", "virtual.example.test");
        let answer = for_alice(&server).build().send(request.body(Body::from("body")).unwrap()).await.unwrap();
        assert_eq!(text(answer).await, (200, "alice POST body".to_owned()));
        for seen in server.seen() {
            assert_eq!(seen.header("connection"), None);
            assert_eq!(seen.header("proxy-authorization"), None);
            assert_eq!(seen.header("x-mine"), Some("kept"));
            assert_eq!(seen.header("host"), Some("virtual.example.test"));
        }
    });
}
