//! Where passwords come from.

use ntlm::Password;
use ntlm_http::client::logon::Party;

use crate::command::{File, as_alice, command, finish, run};
use crate::support::{Gate, PASSWORD, Reply, Server, ntlm_server, ok, run as with_servers};

const ALICE: &str = r"EXAMPLE\alice";

#[test]
fn the_environment_has_it() {
    with_servers(async {
        let server = ntlm_server().await;
        let outcome = as_alice(&[&server.url("/")]);
        outcome.expect(0, &[]);
        assert_eq!((outcome.text(), outcome.stderr.as_str()), ("alice GET ", ""));
    });
}

#[test]
fn standard_input_has_it_line_by_line() {
    with_servers(async {
        let server = ntlm_server().await;
        let input = format!("{PASSWORD}\nanother line\n");
        let url = server.url("/");
        let outcome = finish(command(&["-u", ALICE, "--password-stdin", &url]), input.as_bytes());
        outcome.expect(0, &[]);
        assert_eq!(outcome.text(), "alice GET ");

        let proxy = Server::start(|_| {
            let (mut gate, mut behind) = (Gate::new(Party::Proxy), Gate::new(Party::Server));
            Box::new(move |seen| match gate.pass(seen).and_then(|first| Ok((first, behind.pass(seen)?))) {
                Ok((first, second)) => ok(&format!("{first} {second}")),
                Err(asking) => Reply::Send(asking),
            })
        })
        .await;
        let (address, input) = (proxy.address.to_string(), format!("{PASSWORD}\r\n{PASSWORD}"));
        let arguments =
            ["-x", &address, "-U", r"EXAMPLE\proxyuser", "-u", ALICE, "--password-stdin", "http://web.example.test/"];
        let outcome = finish(command(&arguments), input.as_bytes());
        outcome.expect(0, &[]);
        assert_eq!(outcome.text(), "proxyuser alice");
        finish(command(&arguments), PASSWORD.as_bytes())
            .expect(2, &["no line with the password of EXAMPLE\\proxyuser"]);
        finish(command(&[&arguments[..], &["-d", "@-"]].concat()), b"").expect(2, &["both read standard input"]);
    });
}

#[test]
fn the_environment_has_one_for_the_proxy_too() {
    with_servers(async {
        let proxy = Server::start(|_| Gate::new(Party::Proxy).script()).await;
        let address = proxy.address.to_string();
        let status = |variables: &[(&str, &str)], users: &[&str]| {
            let mut command = command(&[&["-x", &address, "http://web.example.test/"], users].concat());
            command.envs(variables.iter().copied());
            finish(command, b"").status
        };
        let own = [("NTLM_PROXY_PASSWORD", PASSWORD), ("NTLM_PASSWORD", "another")];
        assert_eq!(status(&own, &["-u", ALICE, "-U", r"EXAMPLE\bob"]), Some(0));
        // The only password is the proxy's where there is no other user that it could belong to.
        let only = [("NTLM_PASSWORD", PASSWORD)];
        assert_eq!(status(&only, &["-U", r"EXAMPLE\bob"]), Some(0));
        assert_eq!(status(&only, &["-u", ALICE, "-U", ALICE]), Some(0));
        assert_eq!(status(&only, &["-u", ALICE, "-U", r"EXAMPLE\bob"]), Some(2));
    });
}

#[test]
fn a_netrc_file_has_users_and_passwords() {
    with_servers(async {
        let server = ntlm_server().await;
        let url = server.url("/");
        let content = format!(
            "machine localhost login EXAMPLE\\bob password {PASSWORD}\nmachine localhost login {ALICE} password \"{PASSWORD}\"\n"
        );
        let netrc = File::new(content.as_bytes(), 0o600);
        let outcome = run(&["--netrc-file", netrc.path(), &url]);
        outcome.expect(0, &[]);
        assert_eq!(outcome.text(), "bob GET ");
        let mut usual = command(&["--netrc", "-u", ALICE, &url]);
        usual.env("NETRC", netrc.path());
        assert_eq!(finish(usual, b"").text(), "alice GET ");
        run(&["--netrc-file", netrc.path(), "-u", "carol", &url]).expect(2, &["no password of carol for localhost"]);
        // Nobody is known for other hosts, and no logon is tried.
        let elsewhere = run(&["--netrc-file", netrc.path(), &url.replace("localhost", "127.0.0.1")]);
        elsewhere.expect(1, &["a logon is asked for; name a user with -u"]);
    });
}

#[cfg(unix)]
#[test]
fn a_netrc_file_that_others_can_read_is_refused() {
    let netrc = File::new(b"default login alice password secret", 0o640);
    let outcome = run(&["--netrc-file", netrc.path(), "http://127.0.0.1:9/"]);
    outcome.expect(2, &["others than its owner can read or change it (mode 0640)", "chmod it to 0600"]);
}

#[test]
fn an_nt_hash_does_too() {
    with_servers(async {
        let server = ntlm_server().await;
        let hash: String =
            Password::new(PASSWORD).nt_hash().expose().iter().map(|byte| format!("{byte:02X}")).collect();
        let url = server.url("/");
        let arguments = ["-u", ALICE, "--nt-hash", "--password-stdin", &url];
        let outcome = finish(command(&arguments), hash.as_bytes());
        outcome.expect(0, &[]);
        assert_eq!(outcome.text(), "alice GET ");
        for wrong in [PASSWORD, &"0".repeat(32)] {
            finish(command(&arguments), wrong.as_bytes()).expect(2, &["no NT hash: 32 hex digits"]);
        }
    });
}

#[test]
fn a_password_on_the_command_line_is_refused_with_what_to_do_instead() {
    for arguments in [
        &["-u", "alice:hunter2", "http://127.0.0.1:9/"][..],
        &["-x", "127.0.0.1:9", "-U", "alice:hunter2", "http://127.0.0.1:9/"],
        &["http://alice:hunter2@127.0.0.1:9/"],
        &["-x", "http://alice:hunter2@127.0.0.1:9", "http://127.0.0.1:9/"],
    ] {
        let outcome = run(arguments);
        outcome.expect(2, &[]);
        assert!(!outcome.stderr.contains("hunter2"), "{}", outcome.stderr);
    }
    run(&["-u", "alice:hunter2", "http://127.0.0.1:9/"])
        .expect(2, &["every user of this machine", "NTLM_PASSWORD", "--password-stdin"]);
}

#[test]
fn without_a_password_and_somebody_to_ask_there_is_no_logon() {
    with_servers(async {
        let server = ntlm_server().await;
        run(&["-u", ALICE, &server.url("/")]).expect(2, &["no password of EXAMPLE\\alice and nobody to ask"]);
        assert!(server.seen().is_empty());
        run(&["--password-stdin", &server.url("/")]).expect(2, &["no user for the password"]);
        if !cfg!(feature = "keyring") {
            run(&["--keyring", "-u", ALICE, &server.url("/")]).expect(2, &["built without it"]);
        }
        run(&["--keyring", "--netrc", &server.url("/")]).expect(2, &["cannot be used with"]);
    });
}
