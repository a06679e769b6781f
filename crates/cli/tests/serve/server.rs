//! What it says when it starts, who gets in, what is recorded, how it stops.

use crate::support::*;

#[test]
fn it_says_where_it_listens_whose_accounts_it_has_and_how_to_try_it() {
    let directory = Directory::new();
    let server = Server::start(&directory, &[]);
    let line = server.waits_for("listening on");
    let address = server.address;
    let users = directory.0.join("users");
    assert_eq!(
        line,
        format!(
            "listening on http://{address}/ with 2 accounts of the file {}, policy windows, extended protection off; \
             try: curl --ntlm -u USER http://{address}/",
            users.display()
        )
    );
}

#[test]
fn a_user_is_told_who_he_is_in_json_or_in_html() {
    let directory = Directory::new();
    let server = Server::start(&directory, &[]);
    let mut http = server.connect();
    let reply = http.get("/");
    assert_eq!((reply.status, reply.header("www-authenticate")), (401, "NTLM"));
    let reply = http.log_on(ALICE, PASSWORD);
    assert_eq!((reply.status, reply.account().as_str()), (200, ALICE));
    assert_eq!(
        (reply.header("content-type"), reply.header("cache-control")),
        ("application/json", "private, no-cache")
    );
    let reply = http.request("GET", "/", &["Accept: text/html, */*"], b"");
    assert!(reply.text().contains(r"<h1>You are EXAMPLE\alice</h1>"), "{}", reply.text());
    assert_eq!(http.request("POST", "/any/path", &[], b"body").account(), ALICE);

    let mut other = server.connect();
    assert_eq!(other.log_on(ALICE, "wrong").status, 401);
    assert_eq!(other.log_on(BOB, PASSWORD).account(), BOB);
    assert_eq!(http.get("/").account(), ALICE);
}

#[test]
fn each_logon_leaves_a_record_that_its_owner_alone_can_read() {
    let directory = Directory::new();
    let audit = directory.0.join("audit");
    let server = Server::start(
        &directory,
        &["--audit", audit.to_str().unwrap(), "--audit-format", "json", "--policy", "windows"],
    );
    let mut http = server.connect();
    http.log_on(ALICE, PASSWORD);
    for _ in 0..3 {
        http.get("/");
    }
    server.connect().log_on(r"EXAMPLE\mallory", PASSWORD);
    let records: Vec<serde_json::Value> =
        lines(&audit, 2).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fields = |name: &str| records.iter().map(|record| record[name].clone()).collect::<Vec<_>>();
    assert_eq!(fields("decision"), ["accepted", "denied"]);
    assert_eq!(fields("event"), [4624, 4625]);
    assert_eq!(fields("user"), ["alice", "mallory"]);
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&audit.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn records_go_to_standard_error_unless_told_otherwise_and_the_log_can_be_json() {
    let directory = Directory::new();
    let server = Server::start(&directory, &["--log", "json", "-v"]);
    server.alice();
    server.waits_for("decision=accepted");
    let line = server.waits_for(r#""status":200"#);
    let request: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((request["user"].as_str(), request["path"].as_str()), (Some(ALICE), Some("/")));
}

#[test]
fn the_strict_policy_is_one_flag_away() {
    let directory = Directory::new();
    let server = Server::start(&directory, &["--policy", "strict"]);
    server.waits_for("policy strict");
    // This client sends a MIC.
    server.alice();
}

#[test]
fn negotiate_is_offered_when_told() {
    let directory = Directory::new();
    let server = Server::start(&directory, &["--offer-negotiate"]);
    let reply = server.connect().get("/");
    let offers: Vec<_> = reply.headers.get_all("www-authenticate").iter().collect();
    assert_eq!(offers, ["Negotiate", "NTLM"]);
}

#[test]
fn it_listens_at_several_places() {
    let directory = Directory::new();
    let server = Server::start(&directory, &["--listen", "localhost:0"]);
    assert!(server.waits_for("listening on").matches("http://127.0.0.1:").count() >= 3);
    server.alice();
}

#[test]
#[cfg(unix)]
fn a_request_that_is_being_served_ends_before_the_server_does() {
    let directory = Directory::new();
    let server = Server::start(&directory, &["-v"]);
    let (mut half, mut idle) = (server.connect(), server.connect());
    assert_eq!((half.get("/").status, idle.get("/").status), (401, 401));
    half.send(b"POST / HTTP/1.1\r\nHost: web1\r\nContent-Length: 4\r\n\r\nbo");
    server.terminate();
    server.waits_for("stopping");
    half.send(b"dy");
    assert_eq!(half.reply().status, 401);
    assert!(half.ends() && idle.ends());
    assert_eq!(server.end().code(), Some(0));
}

#[test]
#[cfg(unix)]
fn a_request_without_end_does_not_keep_the_server_from_stopping() {
    let directory = Directory::new();
    let server = Server::start(&directory, &["--stop-timeout", "0"]);
    let mut half = server.connect();
    assert_eq!(half.get("/").status, 401);
    half.send(b"POST / HTTP/1.1\r\nHost: web1\r\nContent-Length: 4\r\n\r\nbo");
    server.terminate();
    assert_eq!(server.end().code(), Some(0));
}

#[test]
fn what_cannot_be_started_says_why() {
    let directory = Directory::new();
    let accounts = directory.accounts();
    let garbage = directory.write("garbage", "garbage");
    for (arguments, reason) in [
        (vec!["--listen", "nowhere"], "cannot listen on nowhere"),
        (vec!["--listen", "192.0.2.1:80"], "cannot listen on 192.0.2.1:80"),
        (vec!["--user-file", "/nonexistent"], "cannot be read"),
        (vec!["--db", "/nonexistent/a.db"], "there is no account database"),
        (vec!["--user-file", &accounts, "--dir", &accounts], "it is no directory"),
        (vec!["--user-file", &accounts, "--dir", "/nonexistent"], "cannot be served"),
        (vec!["--user-file", &accounts, "--upstream", "ftp://web1"], "only http:// and https://"),
        (
            vec!["--user-file", &accounts, "--upstream", "https://web1", "--upstream-ca", "/nowhere"],
            "--upstream https://web1: /nowhere: ",
        ),
        (vec!["--user-file", &accounts, "--cert", &garbage, "--key", &garbage], "no certificate in PEM"),
        (vec!["--user-file", &accounts, "--audit", "/nonexistent/audit"], "audit records cannot be written"),
        (vec!["--cert", "a"], "--key"),
        (vec!["--dir", ".", "--upstream", "http://web1"], "cannot be used with"),
        (vec!["--db", "a", "--user-file", "b"], "cannot be used with"),
    ] {
        let listen =
            if arguments[0] == "--listen" { vec!["--user-file", &accounts] } else { vec!["--listen", "127.0.0.1:0"] };
        let output = command().args(&arguments).args(listen).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(reason), "{arguments:?}: {said}");
    }
}

#[test]
fn a_name_cannot_look_like_other_fields_of_the_log() {
    let directory = Directory::new();
    let server = Server::start(&directory, &["-v"]);
    assert_eq!(server.connect().log_on("mallory\" error=none user=\"alice", PASSWORD).status, 401);
    let line = server.waits_for("logon refused");
    assert!(line.contains(r#"user="mallory\" error=none user=\"alice""#), "{line}");
}
