//! Accounts, names and policies.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use ntlm::wire::{AuthenticateBuilder, AuthenticateMessage, AvId, ChallengeMessage, Charset};
use ntlm::{Password, UnicodeString};

use crate::helper::*;

/// A CHALLENGE_MESSAGE of Samba's.
const SAMBAS_CHALLENGE: &str = "TT TlRMTVNTUAACAAAABAAEADgAAAAFgopiQbHnTFspeQAAAAAAAAAAACwALAA8AAAABgEAAAAAAA9WAE0AAgAEAFYATQABAAQAVgBNAAQAAAADAAQAdgBtAAcACACSoaaoVXrdAQAAAAA=";

#[test]
fn curl_is_served_from_the_account_file() {
    let file = File::new("OTHER:alice:other\nEXAMPLE:Alice:Al1ce-Passw0rd\n:bob:b\nEXAMPLE:carol:c\n");
    let curls =
        ["--helper-protocol", "ntlmssp-client-1", "--use-cached-creds", "--username", "alice", "--domain", "EXAMPLE"];
    for smbpasswd in [false, true] {
        let hashes = File::new(
            "EXAMPLE\\alice:1:XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX:9e9fe91a9e6f8e6f0ea2a6d4d4c5dd4f:[U]:LCT-0:\n",
        );
        let more = ["--smbpasswd", hashes.path()];
        let arguments = if smbpasswd { [&curls[..], &more].concat() } else { curls.to_vec() };
        let mut client = Helper::start_with(&arguments, Some(file.path()));
        assert_eq!(client.ask("YR").split(' ').next(), Some("YR"));
        assert_eq!(client.ask(SAMBAS_CHALLENGE).split(' ').next(), Some("AF"));
    }
    for (user, domain, expected) in [
        ("alice", Some("EXAMPLE"), r"AF EXAMPLE\alice"),
        ("BOB", None, r"AF EXAMPLE\BOB"),
        ("carol", None, r"AF EXAMPLE\carol"),
        (r"EXAMPLE\carol", None, r"AF EXAMPLE\carol"),
    ] {
        let domain = domain.map(|domain| format!("--domain={domain}"));
        let user_name = format!("--username={user}");
        let mut arguments = vec![CLIENT, "--use-cached-creds", &user_name];
        arguments.extend(domain.as_deref());
        let password = match user {
            "alice" => PASSWORD,
            "BOB" => "--password=b",
            _ => "--password=c",
        };
        let mut client = Helper::start_with(&arguments, Some(file.path()));
        let mut server = Helper::start(&[SERVER, password, "--netbios-name=EXAMPLE"]);
        assert_eq!(log_on(&mut client, &mut server).1, expected);
    }
    // Nothing cached for it: asked for, as Samba does. Nor without the option.
    for arguments in
        [&[CLIENT, "--use-cached-creds", "--username=nobody"][..], &[CLIENT, "--username=alice", "--domain=EXAMPLE"]]
    {
        let mut client = Helper::start_with(arguments, Some(file.path()));
        client.ask("YR");
        assert_eq!(client.ask(SAMBAS_CHALLENGE), "PW");
    }
}

#[test]
fn a_client_sends_the_names_it_is_given() {
    let names = |arguments: &[&str]| {
        let mut client = Helper::start(&[&[CLIENT, "--password", "-x-"], arguments].concat());
        client.ask("YR");
        let token = decoded("AF", &client.ask(SAMBAS_CHALLENGE));
        let message = AuthenticateMessage::parse(&token).unwrap();
        [message.domain_name, message.user_name, message.workstation]
            .map(|name| UnicodeString::decode(name, Charset::Unicode).to_string_lossy())
    };
    assert_eq!(
        names(&["--username", "alice", "--domain", "EXAMPLE", "--workstation", "WKS1"]),
        ["EXAMPLE", "alice", "WKS1"]
    );
    assert_eq!(names(&[r"--username=EXAMPLE\alice"]), ["EXAMPLE", "alice", ""]);
    assert_eq!(names(&[r"--username=EXAMPLE\alice", "--domain=example"]), ["example", "alice", ""]);
    assert_eq!(names(&["--username=alice@example.test"]), ["", "alice@example.test", ""]);
    assert_eq!(names(&[r"--username=.\alice"]), ["VM", "alice", ""]);
    assert_eq!(names(&["--username=alice", "--domain="]), ["", "alice", ""]);
}

#[test]
fn a_server_is_called_after_its_accounts() {
    let target = |file: &File, more: &[&str]| {
        let mut server = Helper::start(&[&[SERVER, "--user-file", file.path()], more].concat());
        // The NEGOTIATE_MESSAGE of Squid's and of curl's test clients: 32 bytes, OEM.
        let token = decoded("TT", &server.ask("YR TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA="));
        let message = ChallengeMessage::parse(&token).unwrap();
        let pairs = message.target_info.unwrap();
        let pair = |id| pairs.text(id).unwrap().to_string_lossy();
        [
            String::from_utf8(message.target_name.to_vec()).unwrap(),
            pair(AvId::NB_DOMAIN_NAME),
            pair(AvId::NB_COMPUTER_NAME),
            pair(AvId::DNS_DOMAIN_NAME),
        ]
    };
    let one = File::new("EXAMPLE:alice:x\nexample:bob:x\n:carol:x\n");
    assert_eq!(target(&one, &["--dns-name=web1.example.test"]), ["EXAMPLE", "EXAMPLE", "WEB1", "example.test"]);
    assert_eq!(
        target(&one, &["--dns-name=web1.other.test", "--dns-domain=example.com"]),
        ["EXAMPLE", "EXAMPLE", "WEB1", "example.com"]
    );
    let several = File::new("EXAMPLE:alice:x\nOTHER:bob:x\n");
    assert_eq!(target(&several, &["--netbios-name=WEB2"]), ["WEB2"; 4]);
    assert_eq!(target(&several, &["--dns-name=web1.x", "--netbios-domain=DOM"]), ["DOM", "DOM", "WEB1", "DOM"]);
}

#[test]
fn accounts_come_from_files() {
    let users = File::new("EXAMPLE:alice:Al1ce-Passw0rd\n");
    let hash =
        Password::new("Al1ce-Passw0rd").nt_hash().expose().iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    let none = "X".repeat(32);
    let hashes = File::new(&format!(
        "EXAMPLE\\alice:1000:{none}:{hash}:[U          ]:LCT-0:\nEXAMPLE\\mallory:1001:{none}:{hash}:[DU         ]:LCT-0:\n"
    ));
    let alice = [&ALICE[..], &[PASSWORD]].concat();
    let as_user = |user: &'static str, password: &'static str| [CLIENT, "--domain=EXAMPLE", user, password];
    for source in [["--user-file", users.path()], ["--smbpasswd", hashes.path()]] {
        let server = [&[SERVER][..], &source].concat();
        assert_eq!(verdict(&alice, &server), (r"AF EXAMPLE\alice".to_owned(), String::new()));
        for (client, reason) in [
            (
                as_user("--username=alice", "--password=wrong"),
                r"refused EXAMPLE\alice: the logon was denied: the password is wrong",
            ),
            (
                as_user("--username=nobody", PASSWORD),
                r"refused EXAMPLE\nobody: the logon was denied: there is no such user",
            ),
        ] {
            let (reply, told) = verdict(&client, &server);
            assert_eq!(reply, "NA NT_STATUS_LOGON_FAILURE");
            assert!(told.contains(reason) && told.lines().count() == 1, "{told}");
        }
    }
    let (reply, told) = verdict(&as_user("--username=mallory", PASSWORD), &[SERVER, "--smbpasswd", hashes.path()]);
    assert_eq!(reply, "NA NT_STATUS_LOGON_FAILURE");
    assert!(told.contains("the account is disabled"), "{told}");

    let mut server = Helper::start_with(&[SERVER], Some(users.path()));
    assert_eq!(log_on(&mut Helper::start(&alice), &mut server).1, r"AF EXAMPLE\alice");
    // A file that changes is read again.
    users.write("EXAMPLE:alice:changed-password\n");
    assert_eq!(log_on(&mut Helper::start(&alice), &mut server).1, "NA NT_STATUS_LOGON_FAILURE");
    std::fs::remove_file(&users.0).unwrap();
    assert_eq!(log_on(&mut Helper::start(&alice), &mut server).1, "BH NT_STATUS_NO_LOGON_SERVERS");
    users.write("EXAMPLE:alice:Al1ce-Passw0rd\n");
    assert_eq!(log_on(&mut Helper::start(&alice), &mut server).1, r"AF EXAMPLE\alice");
}

#[test]
fn without_accounts_nobody_gets_in() {
    let alice = [&ALICE[..], &[PASSWORD]].concat();
    for (server, reason) in [
        (&[SERVER][..], "set NTLM_USER_FILE"),
        (&[SERVER, "--user-file=/nonexistent/users"], "/nonexistent/users cannot be read"),
        (&[SERVER, "--smbpasswd=/nonexistent/smbpasswd"], "/nonexistent/smbpasswd cannot be read"),
    ] {
        let (reply, told) = verdict(&alice, server);
        assert_eq!(reply, "BH NT_STATUS_NO_LOGON_SERVERS");
        assert!(told.contains(reason), "{told}");
    }
}

#[test]
fn bad_lines_are_told_and_good_ones_serve() {
    let users = File::new("nonsense\nEXAMPLE:alice:Al1ce-Passw0rd\nEXAMPLE:bob:\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&users.0, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let (reply, told) = verdict(&[&ALICE[..], &[PASSWORD]].concat(), &[SERVER, "--user-file", users.path()]);
    assert_eq!(reply, r"AF EXAMPLE\alice");
    let lines = told.lines().collect::<Vec<_>>();
    assert!(lines.iter().any(|line| line.contains("line 1: not an account")), "{told}");
    assert!(lines.iter().any(|line| line.contains("line 3: the password is empty")), "{told}");
    assert!(!cfg!(unix) || lines.iter().any(|line| line.contains("mode 0644")), "{told}");
    assert!(!told.contains("nonsense") && !told.contains("Passw0rd"));
}

/// The AUTHENTICATE_MESSAGE of a client that sends no MIC, like curl.
fn without_mic(challenge: &[u8], user: &str, domain: &str, password: &str) -> Vec<u8> {
    let message = ChallengeMessage::parse(challenge).unwrap();
    let (user, domain) = (UnicodeString::from(user), UnicodeString::from(domain));
    let key = Password::new(password).nt_hash().response_key_nt(&user, &domain);
    let mut response =
        [&[1, 1, 0, 0, 0, 0, 0, 0][..], &message.target_info.unwrap().timestamp().unwrap().to_bytes()].concat();
    response.extend([[7; 8].as_slice(), &[0; 4], message.target_info.unwrap().as_bytes()].concat());
    let proof = key.nt_proof_str(message.server_challenge, &response);
    let mut out = Vec::new();
    AuthenticateBuilder {
        flags: message.flags,
        domain_name: &domain.to_utf16le(),
        user_name: &user.to_utf16le(),
        workstation: &[],
        lm_response: &[0; 24],
        nt_response: &[&proof[..], &response].concat(),
        encrypted_random_session_key: &[],
        version: None,
        without_mic_field: true,
    }
    .write(&mut out);
    out
}

#[test]
fn strict_refuses_what_windows_accepts_and_says_why() {
    for (policy, reply, reason) in [
        ("--policy=windows", r"AF EXAMPLE\alice", ""),
        (
            "--policy=strict",
            "NA NT_STATUS_LOGON_FAILURE",
            r"refused EXAMPLE\alice: the client sent no MIC and policy requires one",
        ),
    ] {
        let mut server = Helper::start(&[SERVER, PASSWORD, policy]);
        let challenge = decoded("TT", &server.ask(&Helper::start(&ALICE).ask("YR")));
        let authenticate = without_mic(&challenge, "alice", "EXAMPLE", "Al1ce-Passw0rd");
        assert_eq!(server.ask(&format!("KK {}", BASE64.encode(authenticate))), reply);
        let told = server.end().1;
        assert!(told.contains(reason) && told.is_empty() == reason.is_empty(), "{told}");
    }
    // A client that sends one is served by both sides' strictest.
    let client = [&ALICE[..], &[PASSWORD, "--policy", "strict"]].concat();
    assert_eq!(verdict(&client, &[SERVER, PASSWORD, "--policy", "strict"]).0, r"AF EXAMPLE\alice");
    let mut server = Helper::start(&[SERVER, PASSWORD, "--policy=strict"]);
    assert_eq!(server.ask("YR TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA="), "NA NT_STATUS_ACCESS_DENIED");
    assert!(server.end().1.contains("OEM names"));
}

#[test]
fn what_is_asked_of_the_session_is_required() {
    let (mut client, mut server) =
        (Helper::start(&[&ALICE[..], &[PASSWORD]].concat()), Helper::start(&[SERVER, PASSWORD]));
    assert_eq!(server.ask("SF NTLMSSP_FEATURE_SIGN"), "OK");
    assert_eq!(server.ask(&client.ask("YR")), "NA NT_STATUS_ACCESS_DENIED");
    assert_eq!(client.ask("SF NTLMSSP_FEATURE_SIGN"), "OK");
    assert_eq!(log_on(&mut client, &mut server).1, r"AF EXAMPLE\alice");
    assert!(server.end().1.contains("NTLMSSP_NEGOTIATE_SIGN"));
}

#[test]
fn a_name_cannot_break_out_of_its_line() {
    for user in ["--username=alice\nAF admin", "--username=x\radmin", "--username=A@B\u{7f}"] {
        let (reply, told) = verdict(&[CLIENT, "--domain=EXAMPLE", PASSWORD, user], &[SERVER, PASSWORD]);
        assert_eq!(reply, "NA NT_STATUS_LOGON_FAILURE", "{user:?}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    // Squid would take `Smith` for the user.
    let smith = verdict(&[CLIENT, "--domain=EXAMPLE", "--username=John Smith", PASSWORD], &[SERVER, PASSWORD]).0;
    assert_eq!(smith, r#"AF "EXAMPLE\\John Smith""#);
    assert_eq!(
        verdict(&[CLIENT, r"--domain=A\B", "--username=c", PASSWORD], &[SERVER, PASSWORD]).0,
        "NA NT_STATUS_LOGON_FAILURE"
    );
}
