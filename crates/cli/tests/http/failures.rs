//! Exit statuses, and messages that say why.

use std::process::Stdio;

use ntlm_http::client::logon::Party;

use crate::command::{as_alice, command, run};
use crate::support::{Gate, PASSWORD, Reply, Server, ntlm_server, ok, response, run as with_servers};

#[test]
fn a_wrong_password_is_status_1() {
    with_servers(async {
        let server = ntlm_server().await;
        let url = server.url("/");
        let mut wrong = command(&["-u", r"EXAMPLE\alice", &url]);
        wrong.env("NTLM_PASSWORD", "wrong");
        let outcome = crate::command::finish(wrong, b"");
        outcome.expect(1, &["ntlm: localhost:", "wrong user, domain or password", "Extended Protection"]);
        assert_eq!(outcome.stdout, b"");
    });
}

#[test]
fn nobody_where_somebody_is_asked_for_is_status_1() {
    with_servers(async {
        let server = ntlm_server().await;
        let outcome = run(&[&server.url("/")]);
        outcome.expect(1, &["a logon is asked for; name a user with -u"]);
        assert_eq!(outcome.text(), "a logon, please");
        let proxy = Server::start(|_| Gate::new(Party::Proxy).script()).await;
        let proxy = proxy.address.to_string();
        run(&["-x", &proxy, "http://web.example.test/"]).expect(1, &["name a user with -U"]);
        run(&["-x", &proxy, "https://web.example.test/"]).expect(1, &["wants a logon", "-U names a user"]);
        let outcome = run(&["-s", &server.url("/")]);
        assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(1), ""));
    });
}

#[test]
fn what_cannot_be_meant_is_status_2() {
    for (arguments, reason) in [
        (&["localhost"][..], "begin it with http:// or https://"),
        (&["ftp://localhost/"], "only http and https"),
        (&["http://127.0.0.1:9/", "-H", "no colon"], "-H takes a header line"),
        (&["http://127.0.0.1:9/", "-X", "GE T"], "no method"),
        (&["http://127.0.0.1:9/", "-d", "@/nonexistent/file"], "/nonexistent/file cannot be read"),
        (&["http://127.0.0.1:9/", "--cacert", "/nonexistent/file"], "--cacert"),
        (&["http://127.0.0.1:9/", "-x", "ftp://127.0.0.1"], "only http and https"),
        (&["http://127.0.0.1:9/", "--netrc-file", "/nonexistent/file"], "/nonexistent/file"),
        (&["http://127.0.0.1:9/", "-u", ""], "names no user"),
        (&[], "URL"),
    ] {
        run(arguments).expect(2, &[reason]);
    }
}

#[test]
fn a_redirect_that_cannot_be_followed_is_status_3() {
    with_servers(async {
        for (to, reason) in [("ftp://a:hush@b.test/", "redirects to ftp://b.test/"), ("/", "--max-redirs")] {
            let server =
                Server::start(move |_| Box::new(move |_| Reply::Send(response(302, &[("Location", to)], "")))).await;
            let outcome = run(&["-L", &server.url("/")]);
            outcome.expect(3, &[reason]);
            assert!(!outcome.stderr.contains("hush"), "{}", outcome.stderr);
        }
    });
}

#[test]
fn nobody_there_is_status_3() {
    with_servers(async {
        // An address that was just given back.
        let server = ntlm_server().await;
        let url = server.url("/");
        drop(server);
        // The listener goes away with its task.
        while std::net::TcpStream::connect(url.trim_start_matches("http://").trim_end_matches('/')).is_ok() {
            tokio::task::yield_now().await;
        }
        as_alice(&[&url]).expect(3, &["cannot be reached"]);

        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", silent.local_addr().unwrap());
        as_alice(&["-m", "1", &url]).expect(3, &["--max-time 1"]);
    });
}

#[test]
fn a_certificate_that_nobody_trusts_is_status_3_unless_it_is_named_or_everything_taken() {
    with_servers(async {
        let identity = crate::support::Identity::new(&["http/1.1"]);
        let certificate = identity.certificate.clone();
        let bound = certificate.clone();
        let server =
            Server::bind(Some(identity), move |_| Gate::new(Party::Server).requiring_bindings(&bound).script()).await;
        let url = server.url("/");
        let base64 = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &certificate);
        let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
        let pem = crate::command::File::new(pem.as_bytes(), 0o644);
        let other = crate::support::Identity::new(&[]).certificate;
        let other = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &other);
        let other = format!("-----BEGIN CERTIFICATE-----\n{other}\n-----END CERTIFICATE-----\n");
        let other = crate::command::File::new(other.as_bytes(), 0o644);

        as_alice(&["--cacert", other.path(), &url]).expect(3, &["no TLS", "neither the system nor --cacert vouches"]);
        as_alice(&[&url]).expect(3, &["no TLS", "; --cacert names a certificate to trust"]);
        assert_eq!(as_alice(&["-k", &url]).text(), "alice GET ");
        assert_eq!(as_alice(&["--cacert", pem.path(), &url]).text(), "alice GET ");
        as_alice(&["-k", "--no-channel-bindings", &url])
            .expect(1, &["channel bindings (Extended Protection), which were not sent"]);
        let empty = crate::command::File::new(b"nothing", 0o644);
        as_alice(&["--cacert", empty.path(), &url]).expect(2, &["no certificate in it"]);
    });
}

#[test]
fn ntlm_that_cannot_be_had_is_status_4() {
    with_servers(async {
        let basic = Server::start(|_| {
            Box::new(|_| Reply::Send(response(401, &[("WWW-Authenticate", "Basic realm=\"x\"")], "")))
        })
        .await;
        as_alice(&[&basic.url("/")]).expect(4, &["NTLM is not offered; offered is: Basic"]);

        let closing = Server::start(|_| {
            let mut gate = Gate::new(Party::Server);
            Box::new(move |seen| {
                let asking = String::from_utf8(gate.pass(seen).unwrap_err()).unwrap();
                Reply::SendAndClose(
                    asking.replacen("Content-Length", "Connection: close\r\nContent-Length", 1).into_bytes(),
                )
            })
        })
        .await;
        as_alice(&[&closing.url("/")]).expect(4, &["closed after each response"]);

        let broken = Server::start(|_| {
            Box::new(|seen| {
                let value = if seen.header("authorization").is_some() { "NTLM TlRMTVNTUAACAAAA" } else { "NTLM" };
                Reply::Send(response(401, &[("WWW-Authenticate", value)], ""))
            })
        })
        .await;
        as_alice(&[&broken.url("/")]).expect(4, &["malformed token: CHALLENGE_MESSAGE: TargetNameFields at offset 12"]);

        let http_2 = Server::start_tls(&["h2"], |_| Box::new(|_| ok(""))).await;
        as_alice(&["-k", &http_2.url("/")]).expect(4, &["HTTP/2 alone"]);
    });
}

#[test]
fn with_fail_an_http_error_is_status_22() {
    with_servers(async {
        let server = Server::start(|_| {
            let mut gate = Gate::new(Party::Server);
            Box::new(move |seen| match gate.pass(seen) {
                Ok(_) => Reply::Send(response(404, &[], "no such page")),
                Err(asking) => Reply::Send(asking),
            })
        })
        .await;
        let outcome = as_alice(&[&server.url("/")]);
        outcome.expect(0, &[]);
        assert_eq!(outcome.text(), "no such page");
        let outcome = as_alice(&["--fail", &server.url("/")]);
        outcome.expect(22, &["404 Not Found"]);
        assert_eq!(outcome.stdout, b"");
        // Nobody to log on: the 401 itself, which is a no.
        let outcome = run(&["-f", &server.url("/")]);
        outcome.expect(1, &["401 Unauthorized", "name a user with -u"]);
        assert_eq!(outcome.stdout, b"");
    });
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    with_servers(async {
        let server = Server::start(|_| Box::new(|_| ok(&"x".repeat(8_000_000)))).await;
        let mut child = command(&[&server.url("/")]).stdin(Stdio::null()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.stderr, b"");
    });
}

#[test]
fn what_is_said_about_a_logon_has_no_password_in_it() {
    with_servers(async {
        let server = ntlm_server().await;
        for arguments in [&["-v"][..], &["-v", "--show-tokens"], &["-v", "--json"]] {
            let outcome = as_alice(&[arguments, &[&server.url("/")]].concat());
            outcome.expect(0, &[]);
            assert!(!outcome.text().contains(PASSWORD));
        }
    });
}
