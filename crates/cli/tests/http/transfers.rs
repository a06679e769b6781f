//! Requests, responses, and what is told of them.

use std::io::Write as _;
use std::process::{Command, Stdio};

use ntlm_http::client::logon::Party;
use serde_json::Value;

use crate::command::{File, as_alice, command, finish, run};
use crate::support::{Gate, PASSWORD, Reply, Server, ntlm_server, ok, response, run as with_servers};

#[test]
fn a_body_is_sent_as_it_is_and_once() {
    with_servers(async {
        let server = ntlm_server().await;
        let url = server.url("/");
        assert_eq!(as_alice(&["-d", "item=1\n2", &url]).text(), "alice POST item=1\n2");
        let file = File::new(b"from a file\r\n", 0o600);
        let at_file = format!("@{}", file.path());
        assert_eq!(as_alice(&["-X", "PUT", "-d", &at_file, &url]).text(), "alice PUT from a file\r\n");
        let mut from_stdin = command(&["-u", r"EXAMPLE\alice", "-d", "@-", &url]);
        from_stdin.env("NTLM_PASSWORD", PASSWORD);
        assert_eq!(finish(from_stdin, b"from\nstdin").text(), "alice POST from\nstdin");
        let bodies: Vec<_> = server.seen().into_iter().map(|seen| seen.body).filter(|body| !body.is_empty()).collect();
        assert_eq!(bodies, [b"item=1\n2".as_slice(), b"from a file\r\n", b"from\nstdin"]);
        assert_eq!(server.seen()[2].header("content-type"), Some("application/x-www-form-urlencoded"));
    });
}

#[test]
fn header_lines_are_sent_and_printed() {
    with_servers(async {
        let server = Server::start(|_| {
            Box::new(|seen| {
                Reply::Send(response(200, &[("X-Test", "a"), ("X-Test", "b")], seen.header("x-mine").unwrap()))
            })
        })
        .await;
        let url = server.url("/");
        let outcome = run(&["-i", "-H", "X-Mine: one: two", "-H", "user-agent: me", &url]);
        assert_eq!(outcome.text(), "HTTP/1.1 200 OK\r\nx-test: a\r\nx-test: b\r\ncontent-length: 8\r\n\r\none: two");
        let seen = &server.seen()[0];
        assert_eq!((seen.header("user-agent"), seen.header("accept")), (Some("me"), Some("*/*")));
    });
    with_servers(async {
        let server =
            Server::start(|_| Box::new(|_| Reply::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n".to_vec())))
                .await;
        let outcome = run(&["-I", &server.url("/")]);
        assert_eq!(outcome.text(), "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n");
        assert_eq!(server.seen()[0].method, "HEAD");
    });
}

#[test]
fn bytes_come_through_unchanged_to_a_file_and_to_standard_output() {
    with_servers(async {
        let bytes: Vec<u8> =
            (0..3_000_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        let sent = bytes.clone();
        let server = Server::start(move |_| {
            let mut reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", sent.len()).into_bytes();
            reply.extend(&sent);
            Box::new(move |_| Reply::Send(reply.clone()))
        })
        .await;
        let url = server.url("/");
        let outcome = run(&[&url]);
        assert!(outcome.stdout == bytes);
        // No terminal, no progress bar.
        assert_eq!(outcome.stderr, "");
        let file = File::new(b"before", 0o600);
        let outcome = run(&["-o", file.path(), &url]);
        outcome.expect(0, &[]);
        assert_eq!(outcome.stdout, b"");
        assert!(std::fs::read(&file.0).unwrap() == bytes);
        run(&["-o", "/nonexistent/file", &url]).expect(2, &["/nonexistent/file cannot be written"]);
    });
}

#[test]
fn every_step_is_told_and_tokens_by_kind_and_length() {
    with_servers(async {
        let server = ntlm_server().await;
        let outcome = as_alice(&["-v", "-d", "x", &server.url("/path")]);
        outcome.expect(
            0,
            &[
                "* connected to localhost:",
                "> POST /path HTTP/1.1\n",
                "* the body waits until the logon is through\n",
                "< HTTP/1.1 401 Unauthorized\n",
                "< www-authenticate: NTLM\n",
                "> authorization: NTLM <NEGOTIATE_MESSAGE, 40 bytes>\n",
                "< www-authenticate: NTLM <CHALLENGE_MESSAGE, ",
                "> authorization: NTLM <AUTHENTICATE_MESSAGE, ",
                "< HTTP/1.1 200 OK\n",
                "* logged on to the server as EXAMPLE\\alice, with MIC, without channel bindings, for HTTP/localhost\n",
            ],
        );
        assert!(!outcome.stderr.contains("TlRMTVNTUA"), "{}", outcome.stderr);
        assert_eq!(outcome.text(), "alice POST x");
    });
}

#[test]
fn shown_tokens_are_what_decode_reads() {
    with_servers(async {
        let server = ntlm_server().await;
        let outcome = as_alice(&["-v", "--show-tokens", &server.url("/")]);
        let mut decode = Command::new(env!("CARGO_BIN_EXE_ntlm"));
        let mut decode =
            decode.args(["decode", "--json"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        decode.stdin.take().unwrap().write_all(outcome.stderr.as_bytes()).unwrap();
        let decoded: Value = serde_json::from_slice(&decode.wait_with_output().unwrap().stdout).unwrap();
        let types: Vec<_> =
            decoded["tokens"].as_array().unwrap().iter().map(|token| token["message_type"].as_u64()).collect();
        assert_eq!(types, [Some(1), Some(2), Some(3)]);
    });
    run(&["--show-tokens", "http://127.0.0.1:9/"]).expect(2, &["--verbose"]);
}

#[test]
fn secrets_of_ones_own_are_not_told_either() {
    with_servers(async {
        let server = Server::start(|_| Box::new(|_| ok(""))).await;
        let outcome = run(&["-v", "-H", "Authorization: Bearer hunter2", &server.url("/")]);
        outcome.expect(0, &["> authorization: Bearer ...\n"]);
        assert!(!outcome.stderr.contains("hunter2"), "{}", outcome.stderr);
    });
}

#[test]
fn what_a_server_writes_into_headers_cannot_disturb_the_terminal() {
    with_servers(async {
        let server = Server::start(|_| {
            Box::new(|_| {
                Reply::Send(b"HTTP/1.1 200 OK\r\nX-Evil: \xc2\x9b31mred\xff\tx\r\nContent-Length: 0\r\n\r\n".to_vec())
            })
        })
        .await;
        let outcome = run(&["-v", &server.url("/")]);
        outcome.expect(0, &["x-evil: \\u{9b}31mred"]);
        assert!(!outcome.stderr.chars().any(|c| c.is_control() && c != '\n'), "{:?}", outcome.stderr);
    });
}

#[test]
fn redirects_are_followed_on_request_and_leave_the_credentials_behind() {
    with_servers(async {
        let other = ntlm_server().await;
        let to = other.url("/there");
        let server = Server::start(move |_| {
            let mut gate = Gate::new(Party::Server);
            let to = to.clone();
            Box::new(move |seen| match gate.pass(seen) {
                Ok(_) if seen.target == "/within" => Reply::Send(response(302, &[("Location", "/end")], "")),
                Ok(_) if seen.target == "/end" => ok("the end"),
                Ok(_) => Reply::Send(response(302, &[("Location", &to)], "moved")),
                Err(asking) => Reply::Send(asking),
            })
        })
        .await;
        assert_eq!(as_alice(&[&server.url("/")]).text(), "moved");
        assert_eq!(as_alice(&["-L", &server.url("/within")]).text(), "the end");
        let outcome = as_alice(&["-L", "-v", &server.url("/")]);
        outcome.expect(1, &["another origin, which gets no credentials", "fetch it by its own URL"]);
        assert_eq!(other.messages(Party::Server), [0]);
        as_alice(&["-L", "--max-redirs", "0", &server.url("/")]).expect(0, &[]);
    });
}

#[test]
fn json_tells_the_response_and_the_logons() {
    with_servers(async {
        let server = ntlm_server().await;
        let url = server.url("/");
        let outcome = as_alice(&["--json", &url]);
        let json: Value = serde_json::from_slice(&outcome.stdout).unwrap();
        assert_eq!((&json["url"], &json["status"], &json["redirects"]), (&url.clone().into(), &200.into(), &0.into()));
        assert_eq!(json["body"], serde_json::json!({ "bytes": 10, "text": "alice GET " }));
        assert_eq!(
            json["logons"],
            serde_json::json!([{
                "party": "server", "user": "alice", "domain": "EXAMPLE", "mic": true, "channel_bindings": false,
                "target_name": "HTTP/localhost",
            }])
        );
        let file = File::new(b"", 0o600);
        let outcome = as_alice(&["--json", "-o", file.path(), &url]);
        let json: Value = serde_json::from_slice(&outcome.stdout).unwrap();
        assert_eq!(json["body"], serde_json::json!({ "bytes": 10, "file": file.path() }));
        assert_eq!(std::fs::read(&file.0).unwrap(), b"alice GET ");
    });
}

#[test]
fn a_logon_that_nobody_decided_on_is_none() {
    with_servers(async {
        let server = Server::start(|_| {
            let mut gate = Gate::new(Party::Server);
            Box::new(move |seen| match gate.pass(seen) {
                Ok(_) => Reply::Send(response(503, &[], "the accounts cannot be read")),
                Err(asking) => Reply::Send(asking),
            })
        })
        .await;
        let outcome = as_alice(&["-v", "--json", &server.url("/")]);
        outcome.expect(0, &["503"]);
        assert!(!outcome.stderr.contains("logged on"), "{}", outcome.stderr);
        let json: Value = serde_json::from_slice(&outcome.stdout).unwrap();
        assert_eq!((&json["status"], &json["logons"]), (&503.into(), &serde_json::json!([])));
    });
}

#[test]
fn a_body_that_is_too_long_for_json_goes_to_a_file() {
    with_servers(async {
        const LENGTH: usize = (64 << 20) + 1;
        let server = Server::start(|_| Box::new(|_| ok(&"a".repeat(LENGTH)))).await;
        let url = server.url("/");
        run(&["--json", &url]).expect(2, &["longer than 67108864 bytes", "-o"]);
        let file = File::new(b"", 0o600);
        let outcome = run(&["--json", "-o", file.path(), &url]);
        outcome.expect(0, &[]);
        let json: Value = serde_json::from_slice(&outcome.stdout).unwrap();
        assert_eq!(json["body"], serde_json::json!({ "bytes": LENGTH, "file": file.path() }));
        assert_eq!(std::fs::metadata(&file.0).unwrap().len(), LENGTH as u64);
    });
}

#[test]
fn the_help_has_every_exit_status() {
    let outcome = run(&["--help"]);
    outcome.expect(0, &[]);
    for line in [
        "0   there is a response",
        "1   the logon was refused",
        "2   the command",
        "3   no connection",
        "4   NTLM cannot",
        "22  with --fail",
    ] {
        assert!(outcome.text().contains(line), "{line}");
    }
}
