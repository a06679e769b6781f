//! The dialogues, line by line, and the arguments.

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;

use crate::helper::*;

#[test]
fn client_and_server_agree_on_the_key() {
    for (features, password, flags) in [
        (Some(FEATURES), PASSWORD, "GF 0xe2888235"),
        (None, PASSWORD, "GF 0xa2888205"),
        (Some(FEATURES), "--password=wrong", "GF 0xe2888235"),
    ] {
        let mut client = Helper::start(&[&ALICE[..], &[password]].concat());
        let mut server = Helper::start(&[SERVER, PASSWORD]);
        if let Some(features) = features {
            assert_eq!(client.ask(features), "OK");
            assert_eq!(server.ask(features), "OK");
        }
        let (_, reply) = log_on(&mut client, &mut server);
        let (key, servers_key) = (client.ask("GK"), server.ask("GK"));
        assert_eq!(decoded("GK", &key).len(), 16);
        if password == PASSWORD {
            assert_eq!(reply, r"AF EXAMPLE\alice");
            assert_eq!(key, servers_key);
        } else {
            assert_eq!(reply, "NA NT_STATUS_LOGON_FAILURE");
            assert_eq!(servers_key, "BH No session key");
        }
        assert_eq!([client.ask("GF"), server.ask("GF")], [flags, flags]);
        assert_eq!(client.end(), (String::new(), String::new()));
        assert_eq!(server.end().1.is_empty(), password == PASSWORD);
    }
}

#[test]
fn a_client_without_a_password_asks_for_one() {
    let (mut client, mut server) = (Helper::start(&ALICE), Helper::start(&[SERVER, PASSWORD]));
    for _ in 0..2 {
        let challenge = server.ask(&client.ask("YR"));
        let mut authenticate = client.ask(&challenge);
        if authenticate == "PW" {
            assert_eq!(client.ask("PW QWwxY2UtUGFzc3cwcmQ="), "OK");
            authenticate = client.receive();
        }
        assert_eq!(server.ask(&format!("KK {}", after("AF", &authenticate))), r"AF EXAMPLE\alice");
        assert_eq!(client.ask("GK"), server.ask("GK"));
    }
    assert_eq!(client.end(), (String::new(), String::new()));
}

#[test]
fn a_client_that_is_refused_a_password_gives_up() {
    // Samba answers the second line and then goes on as nobody.
    let (mut client, mut server) = (Helper::start(&ALICE), Helper::start(&[SERVER, PASSWORD]));
    let challenge = server.ask(&client.ask("YR"));
    assert_eq!(client.ask(&challenge), "PW");
    assert_eq!(client.ask("GK"), "BH Expected a password");
    assert_eq!(client.ask("GK"), "BH No session key");
    assert_eq!(client.ask(&challenge), "NA NT_STATUS_INVALID_PARAMETER");
    let challenge = server.ask(&client.ask("YR"));
    assert_eq!(client.ask(&challenge), "PW");
    assert_eq!(client.ask("PW %%%"), "NA NT_STATUS_INVALID_PARAMETER");
    assert_eq!(client.end().0, "");
}

/// Requests and replies; `None` where the reply depends on the implementation.
type Dialogue<'a> = &'a [(&'a str, Option<&'a str>)];

fn rehearse(helper: &mut Helper, dialogue: Dialogue<'_>) {
    for (request, expected) in dialogue {
        let reply = helper.ask(request);
        if let Some(expected) = expected {
            assert_eq!(&reply, expected, "{request}");
        }
    }
}

const INVALID: Option<&str> = Some("NA NT_STATUS_INVALID_PARAMETER");

const UNKNOWN: Option<&str> = Some("BH SPNEGO request invalid prefix");

const NO_KEY: Option<&str> = Some("BH No session key");

#[test]
fn the_server_answers_odd_lines_as_samba_does() {
    let mut server = Helper::start(&[SERVER, PASSWORD]);
    rehearse(
        &mut server,
        &[
            ("X", Some("BH Query invalid")),
            ("ZZ zz", UNKNOWN),
            ("OK", Some("BH Command expected")),
            ("YR", INVALID),
            ("KK AAAA", INVALID),
            ("YR AAAA", INVALID),
            ("YR TlRMTVNTUAABAAAA", INVALID),
            ("GK", NO_KEY),
            ("GF", Some("GF 0xe2088230")),
            ("UG", INVALID),
            ("TT", UNKNOWN),
            ("KK TlRMTVNTUAADAAAA", INVALID),
            ("SF", UNKNOWN),
            ("PW eA==", Some("OK")),
            ("PW", UNKNOWN),
            ("SF foo bar", Some("OK")),
            ("AF x", INVALID),
            ("YR %%%", INVALID),
        ],
    );
    assert_eq!(server.end().0, "");
}

#[test]
fn the_client_answers_odd_lines_as_samba_does() {
    let mut client = Helper::start(&[&ALICE[..], &["--password=x"]].concat());
    rehearse(
        &mut client,
        &[
            ("KK AAAA", INVALID),
            ("TT AAAA", INVALID),
            ("YR", None),
            ("TT AAAA", INVALID),
            ("YR", None),
            ("TT TlRMTVNTUAACAAAA", INVALID),
            ("GK", NO_KEY),
            // Samba: 0x62088205, because it asks for a key exchange and not for 56 bits.
            ("GF", Some("GF 0xa2088205")),
            ("PW eQ==", Some("OK")),
            ("UG", INVALID),
            ("AF x", INVALID),
            ("NA x", INVALID),
            ("OK", Some("BH Command expected")),
            ("YR AAAA", INVALID),
            ("", Some("ERR")),
        ],
    );
    assert_eq!(client.end().0, "");
}

#[test]
fn wine_is_served() {
    let mut client = Helper::start(&[CLIENT, "--username=alice", "--domain=EXAMPLE"]);
    let mut server = Helper::start(&[SERVER, PASSWORD]);
    assert_eq!(client.ask("PW QWwxY2UtUGFzc3cwcmQ="), "OK");
    assert_eq!(client.ask("SF NTLMSSP_FEATURE_SEAL NTLMSSP_FEATURE_SIGN"), "OK");
    let negotiate = client.ask("YR");
    assert_eq!(server.ask("SF NTLMSSP_FEATURE_SEAL NTLMSSP_FEATURE_SESSION_KEY NTLMSSP_FEATURE_SIGN"), "OK");
    let challenge = server.ask(&negotiate);
    // Its buffer for a reply has 1904 bytes.
    assert!(challenge.len() < 1904);
    let authenticate = client.ask(&challenge);
    assert!(authenticate.len() < 1904);
    let (flags, key) = (client.ask("GF"), client.ask("GK"));
    assert_eq!(server.ask(&format!("KK {}", after("AF", &authenticate))), r"AF EXAMPLE\alice");
    assert_eq!([server.ask("GF"), server.ask("GK")], [flags, key]);

    // Without a password it asks first, and takes any answer but PW for "there is one".
    let mut client = Helper::start(&[CLIENT, "--username=alice", "--domain=EXAMPLE", "--use-cached-creds"]);
    assert_eq!(client.ask("OK"), "BH Command expected");
}

#[test]
fn a_challenge_is_good_once() {
    let (mut client, mut server) =
        (Helper::start(&[&ALICE[..], &[PASSWORD]].concat()), Helper::start(&[SERVER, PASSWORD]));
    let (authenticate, reply) = log_on(&mut client, &mut server);
    assert_eq!(reply, r"AF EXAMPLE\alice");
    let key = server.ask("GK");
    let again = format!("KK {}", after("AF", &authenticate));
    assert_eq!(server.ask(&again), "NA NT_STATUS_INVALID_PARAMETER");
    assert_eq!(server.ask("GK"), key);
    // A new exchange forgets the old one.
    server.ask(&client.ask("YR"));
    assert_eq!(server.ask("GK"), "BH No session key");
    assert_eq!(server.ask("KK AAAA"), "NA NT_STATUS_INVALID_PARAMETER");
    assert_eq!(server.ask(&again), "NA NT_STATUS_INVALID_PARAMETER");
}

#[test]
fn lines_may_be_long_odd_and_cut_off() {
    let mut server = Helper::start(&[SERVER, PASSWORD]);
    server.send(&[&vec![b'A'; 200_000][..], b"\nGF\r\nYR \xff\xfe\0\nGF\nGK"].concat());
    assert_eq!(
        [0; 4].map(|_| server.receive()),
        ["ERR", "GF 0xe2088230", "NA NT_STATUS_INVALID_PARAMETER", "GF 0xe2088230"]
    );
    // What has no end was not sent whole.
    assert_eq!(server.end().0, "");
}

#[test]
fn the_version_is_in_the_form_that_wine_reads() {
    let told = output(&["auth", "--version"]);
    let line = String::from_utf8(told.stdout).unwrap();
    assert_eq!(line, format!("Version 4.17.12-ntlm-{}\n", env!("CARGO_PKG_VERSION")));
    assert!(line.len() < 80 && told.status.success());
    let numbers =
        line.strip_prefix("Version ").unwrap().split(['.', '-']).take(3).map(|number| number.parse::<u32>().unwrap());
    assert!(numbers.collect::<Vec<_>>() >= vec![3, 0, 25]);
}

#[test]
#[cfg(unix)]
fn the_program_is_ntlm_auth_by_name() {
    let folder = std::env::temp_dir().join(format!("ntlm-auth-name-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let program = folder.join("ntlm_auth");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ntlm"), &program).unwrap();
    let run = |arguments: &[&str]| Command::new(&program).args(arguments).stdin(Stdio::null()).output().unwrap();
    for version in ["--version", "-V"] {
        assert!(run(&[version]).stdout.starts_with(b"Version 4.17.12-ntlm-"));
    }
    let harmless =
        ["-s", "/dev/null", "-d3", "--configfile=/dev/null", "--option=a=b", "--debuglevel", "0", PASSWORD, PASSWORD];
    let served = run(&[&harmless[..], &["--helper-protocol", "squid-2.5-ntlmssp"]].concat());
    assert!(served.status.success() && served.stdout.is_empty() && served.stderr.is_empty(), "{served:?}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn arguments_that_cannot_be_served_are_refused() {
    for (arguments, reason) in [
        (&["--helper-protocol=gss-spnego"][..], "possible values: ntlmssp-client-1, squid-2.5-ntlmssp"),
        (&["--helper-protocol=bogus"], "possible values: ntlmssp-client-1, squid-2.5-ntlmssp"),
        (&["--username=alice"], "--helper-protocol"),
        (&[CLIENT], "--username is missing"),
        (&[CLIENT, r"--username=A\alice", "--domain=B"], "leave one of them out"),
        (&[SERVER, PASSWORD, "--user-file=/dev/null"], "leave one out"),
        (&[SERVER, "--require-membership-of=EXAMPLE\\Admins"], "groups"),
    ] {
        let refused = output(&[&["auth"], arguments].concat());
        let told = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(told.contains(reason) && refused.stdout.is_empty() && !told.contains("Passw0rd"), "{told}");
    }
}

#[test]
fn every_line_gets_one_reply_whatever_it_is() {
    /// Numbers that look random (Knuth's MMIX).
    struct Dice(u64);
    impl Dice {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % limit
        }
    }
    const LINES: usize = 4000;
    let alice = [&ALICE[..], &[PASSWORD]].concat();
    let (mut client, mut server) = (Helper::start(&alice), Helper::start(&[SERVER, PASSWORD]));
    let negotiate = client.ask("YR");
    let challenge = server.ask(&negotiate);
    let authenticate = client.ask(&challenge);
    let tokens =
        [("YR", negotiate), ("TT", challenge), ("AF", authenticate)].map(|(verb, reply)| decoded(verb, &reply));

    let mut dice = Dice(2026);
    let mut input = Vec::new();
    for _ in 0..LINES {
        let verb = ["YR", "KK", "TT", "PW", "GK", "GF", "AF", "NA", "UG", "OK", "ZZ", ""][dice.below(12)];
        let mut token = tokens[dice.below(3)].clone();
        for _ in 0..dice.below(4) {
            let place = dice.below(token.len());
            token[place] = u8::try_from(dice.below(256)).unwrap();
        }
        token.truncate(token.len() - if dice.below(4) == 0 { dice.below(token.len()) } else { 0 });
        input.extend(match dice.below(4) {
            0 => format!("{verb} {}\n", "\u{e9}=".repeat(dice.below(30))).into_bytes(),
            1 => format!("YR {}\n", BASE64.encode(&tokens[0])).into_bytes(),
            2 => format!("{verb}\n").into_bytes(),
            _ => format!("{verb} {}\n", BASE64.encode(token)).into_bytes(),
        });
    }
    for arguments in [&alice[..], &[SERVER, PASSWORD]] {
        let mut helper = Command::new(env!("CARGO_BIN_EXE_ntlm"));
        helper.arg("auth").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut helper = helper.spawn().unwrap();
        let (mut stdin, input) = (helper.stdin.take().unwrap(), input.clone());
        let writer = std::thread::spawn(move || stdin.write_all(&input).unwrap());
        let output = helper.wait_with_output().unwrap();
        writer.join().unwrap();
        assert!(output.status.success());
        let replies = String::from_utf8(output.stdout).unwrap();
        assert_eq!(replies.lines().count(), LINES);
        // Nobody was let in by a message that was changed, nor by one that was made for another challenge.
        assert!(arguments[0] != SERVER || !replies.contains("AF "));
    }
}
