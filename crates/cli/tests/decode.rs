//! `ntlm decode` as its users run it: what goes in, what comes out, which exit status.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

struct Ran {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

fn decode(arguments: &[&str], stdin: &[u8]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ntlm"))
        .arg("decode")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn vectors(file: &str) -> Vec<Value> {
    let path = format!("{}/../../testdata/{file}", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn vector(file: &str, id: &str) -> Value {
    vectors(file).into_iter().find(|vector| vector["id"] == id).unwrap()
}

fn windows() -> Value {
    vector("exchanges-windows.json", "windows-a-user-principal-name")
}

fn hex(vector: &Value, key: &str) -> String {
    vector["inputs"][key].as_str().unwrap().to_owned()
}

fn bytes(vector: &Value, key: &str) -> Vec<u8> {
    let digits = hex(vector, key);
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn base64(vector: &Value, key: &str) -> String {
    STANDARD.encode(bytes(vector, key))
}

/// What `curl -v` writes, with the tokens of `vector`.
fn curl_log(vector: &Value, scheme: &str) -> String {
    let [negotiate, challenge, authenticate] =
        ["negotiate", "challenge", "authenticate"].map(|key| base64(vector, key));
    format!(
        "* Connected to web (10.0.0.1) port 80\n* Server auth using NTLM with user 'alice'\n> GET / HTTP/1.1\n\
         > Authorization: {scheme} {negotiate}\n>\n< HTTP/1.1 401 Unauthorized\n< WWW-Authenticate: {scheme} {challenge}\n\
         < WWW-Authenticate: Basic realm=\"NTLM, {scheme} \"\n<\n> GET / HTTP/1.1\n> Authorization: {scheme} {authenticate}\n>\n\
         < HTTP/1.1 200 OK\n"
    )
}

/// A file that is there for one test.
struct File(PathBuf);

impl File {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("ntlm-decode-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn names(token: &Value) -> Vec<&str> {
    token["fields"].as_array().unwrap().iter().map(|field| field["name"].as_str().unwrap()).collect()
}

fn field<'a>(fields: &'a Value, name: &str) -> &'a Value {
    let found = fields["fields"].as_array().unwrap().iter().find(|field| field["name"] == name);
    found.unwrap_or_else(|| panic!("no field {name}"))
}

#[test]
fn a_token_is_taken_in_every_form() {
    let windows = windows();
    let challenge = base64(&windows, "challenge");
    let digits = hex(&windows, "challenge");
    let raw = File::new("raw", &bytes(&windows, "challenge"));
    let wrapped: String =
        challenge.as_bytes().chunks(64).map(|line| format!("{}\n", std::str::from_utf8(line).unwrap())).collect();
    let spaced: Vec<&str> = digits.as_bytes().chunks(2).map(|byte| std::str::from_utf8(byte).unwrap()).collect();
    let forms = [
        challenge.clone(),
        challenge.trim_end_matches('=').to_owned(),
        digits.clone(),
        format!("0x{}", digits.to_uppercase()),
        spaced.join(" "),
        spaced.join(":"),
        wrapped,
        format!("WWW-Authenticate: NTLM {challenge}"),
        format!("< www-authenticate: Negotiate {challenge}\r"),
        format!("Proxy-Authenticate: Basic realm=\"x\", NTLM {challenge}"),
        format!("{{'WWW-Authenticate': 'NTLM {challenge}', 'Server': 'x'}}"),
        format!("header: WWW-Authenticate: NTLM {challenge}\\r\\nServer: x"),
        format!("\u{1b}[1mWWW-Authenticate\u{1b}[0m: NTLM {challenge}"),
        format!("S: 334 {challenge}"),
        format!("TT {challenge}"),
        format!("@{}", raw.path()),
    ];
    for form in &forms {
        let ran = decode(&["--json", form], b"");
        assert_eq!(ran.status, Some(0), "{form}: {}", ran.stderr);
        let json = ran.json();
        assert_eq!(json["tokens"].as_array().unwrap().len(), 1, "{form}");
        assert_eq!(json["tokens"][0]["bytes"], digits, "{form}");
    }
    let utf16: Vec<u8> =
        format!("\u{feff}< WWW-Authenticate: NTLM {challenge}\r\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let from_file = decode(&["--json", "--file", raw.path()], b"");
    let from_stdin = decode(&["--json"], &bytes(&windows, "challenge"));
    let dash = decode(&["--json", "-"], digits.as_bytes());
    for ran in [from_file, from_stdin, dash, decode(&["--json"], &utf16)] {
        assert_eq!(ran.json()["tokens"][0]["bytes"], digits, "{}", ran.stderr);
    }
}

#[test]
fn every_message_of_the_known_answers_is_explained_byte_by_byte() {
    let files =
        ["exchanges-chromium.json", "exchanges-curl.json", "exchanges-samba.json", "exchanges-specification.json"];
    let mut messages: Vec<String> = vectors("messages.json")
        .iter()
        .filter(|vector| vector["type"] == "message")
        .map(|vector| hex(vector, "message"))
        .collect();
    for vector in files.into_iter().chain(["exchanges-windows.json"]).flat_map(vectors) {
        let keys = ["negotiate", "challenge", "authenticate"].into_iter();
        messages.extend(keys.filter_map(|key| vector["inputs"].get(key)?.as_str().map(str::to_owned)));
    }
    assert!(messages.len() > 100);
    let ran = decode(&["--json"], messages.join("\n").as_bytes());
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let json = ran.json();
    for (token, message) in json["tokens"].as_array().unwrap().iter().zip(&messages) {
        assert_eq!(token["bytes"], **message);
        // Every byte belongs to a field, but for those that two fields share.
        let mut at = 0;
        for field in token["fields"].as_array().unwrap() {
            let number = |key: &str| usize::try_from(field[key].as_u64().unwrap()).unwrap();
            assert!(number("offset") <= at, "nothing explains offset {at} of {message}");
            at = at.max(number("offset") + number("length"));
            assert_eq!(field["bytes"], message[number("offset") * 2..(number("offset") + number("length")) * 2]);
        }
        assert_eq!(at * 2, message.len(), "{message}");
    }
}

#[test]
fn text_shows_offsets_flags_names_and_times() {
    let ran = decode(&["--now", "2020-05-07T10:34:37Z", &hex(&windows(), "challenge")], b"");
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    for line in [
        "CHALLENGE_MESSAGE, 206 bytes (argument 1)",
        "      24       8  ServerChallenge         8e3415a6a6ec237f",
        "0x00080000  NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY",
        "     124      38    MsvAvDnsComputerName  \"DC01.domain.local\"",
        "     190      12    MsvAvTimestamp        2020-05-07 10:34:37.2775166 UTC",
        "  findings\n    none\n",
    ] {
        assert!(ran.stdout.contains(line), "{line:?} is not in\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\u{1b}'), "colours in a pipe");
}

#[test]
fn json_has_the_parts_of_a_response() {
    let ran = decode(&["--json", &base64(&windows(), "authenticate")], b"");
    let json = ran.json();
    let token = &json["tokens"][0];
    assert_eq!(token["message"], "AUTHENTICATE_MESSAGE");
    assert_eq!(token["message_type"], 3);
    assert!(names(token).contains(&"MIC"));
    assert_eq!(field(token, "UserName")["value"], "vagrant-domain@DOMAIN.LOCAL");
    let response = field(token, "NtChallengeResponse");
    assert_eq!(field(response, "NTProofStr")["bytes"], windows()["expected"]["nt_proof_str"]);
    assert_eq!(field(response, "TimeStamp")["time"], "2020-05-07 10:34:37.2775166 UTC");
    let pairs = field(response, "AvPairs");
    assert_eq!(field(pairs, "MsvAvFlags")["value"], "0x00000002");
    assert_eq!(field(pairs, "MsvAvTargetName")["value"], "HOST\\dc01.domain.local");
    let finding = &token["findings"][0];
    assert_eq!((&finding["severity"], &finding["id"]), (&"warning".into(), &"channel-bindings-zero".into()));
}

#[test]
fn a_curl_log_is_explained_in_order_and_verified() {
    let windows = windows();
    for scheme in ["NTLM", "Negotiate"] {
        let log = File::new(scheme, curl_log(&windows, scheme).as_bytes());
        let password = format!("{}\n", windows["inputs"]["password"].as_str().unwrap());
        let ran = decode(&["--json", "--password", "--file", log.path()], password.as_bytes());
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        let json = ran.json();
        let tokens = json["tokens"].as_array().unwrap();
        let seen: Vec<_> =
            tokens.iter().map(|token| (token["line"].as_u64().unwrap(), token["header"].as_str().unwrap())).collect();
        assert_eq!(seen, [(4, "Authorization"), (7, "WWW-Authenticate"), (11, "Authorization")]);
        let verification = &tokens[2]["verification"];
        assert_eq!(verification["verdict"], "correct");
        assert_eq!(verification["checks"][1]["what"], "MIC");
        assert_eq!(verification["checks"][1]["text"], "correct");

        let ran = decode(&["--password", "--file", log.path()], b"another\n");
        assert_eq!(ran.status, Some(1));
        assert!(ran.stdout.contains("response: wrong"), "{}", ran.stdout);
        assert!(ran.stdout.contains("MIC: cannot be checked"), "{}", ran.stdout);
    }
}

#[test]
fn every_recorded_exchange_gives_the_recorded_verdict() {
    let files = ["windows", "samba", "curl", "chromium", "specification"];
    for vector in files.iter().flat_map(|file| vectors(&format!("exchanges-{file}.json"))) {
        let inputs = vector["inputs"].as_object().unwrap();
        let keys = ["negotiate", "challenge", "authenticate"].into_iter().filter(|key| inputs.contains_key(*key));
        let tokens: Vec<String> = keys.map(|key| hex(&vector, key)).collect();
        let mut arguments: Vec<&str> = tokens.iter().map(String::as_str).collect();
        arguments.extend(["--json", "--password"]);
        let id = &vector["id"];
        let ran = decode(&arguments, inputs["password"].as_str().unwrap().as_bytes());
        let accepted = vector["expected"]["accepted"].as_bool().unwrap();
        assert_eq!(ran.status, Some(if accepted { 0 } else { 1 }), "{id}: {}", ran.stderr);
        let json = ran.json();
        let verification = &json["tokens"][tokens.len() - 1]["verification"];
        let check =
            |what: &str| verification["checks"].as_array().unwrap().iter().find(|check| check["what"] == what).cloned();
        assert_eq!(check("response").unwrap()["verdict"], if accepted { "correct" } else { "wrong" }, "{id}");
        if accepted && vector["expected"].get("mic").is_some() {
            assert_eq!(check("MIC").unwrap()["verdict"], "correct", "{id}");
        }
        if !accepted {
            let ran = decode(&arguments, inputs["client_password"].as_str().unwrap().as_bytes());
            assert_eq!(ran.status, Some(0), "{id} with the client's password");
        }
    }
}

#[test]
fn a_challenge_and_a_negotiate_can_be_given_for_what_the_input_lacks() {
    let windows = windows();
    let [negotiate, challenge, authenticate] = ["negotiate", "challenge", "authenticate"].map(|key| hex(&windows, key));
    let password = b"VagrantPass1\n";
    let verify = |more: &[&str]| {
        let ran = decode(&[&[authenticate.as_str(), "--password"], more].concat(), password);
        (ran.status, ran.stdout)
    };
    let (status, text) = verify(&[]);
    assert_eq!(status, Some(2));
    assert!(text.contains("response: cannot be checked: the CHALLENGE_MESSAGE is not in the input"), "{text}");

    let (status, text) = verify(&["--challenge", "8e3415a6a6ec237f"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("MIC: cannot be checked: it covers the whole CHALLENGE_MESSAGE"), "{text}");

    let (status, text) = verify(&["--challenge", &challenge]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("MIC: cannot be checked: the NEGOTIATE_MESSAGE is not in the input"), "{text}");

    let (status, text) = verify(&["--challenge", &challenge, "--negotiate", &negotiate]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("MIC: correct\n"), "{text}");

    let (status, text) = verify(&["--challenge", "0000000000000000"]);
    assert_eq!(status, Some(1), "{text}");

    let ran = decode(&[&authenticate, "--challenge", &negotiate], b"");
    assert_eq!(ran.status, Some(2));
    assert!(ran.stderr.contains("--challenge is a NEGOTIATE_MESSAGE"), "{}", ran.stderr);
}

#[test]
fn a_hash_or_a_file_does_as_well_as_a_password() {
    let windows = windows();
    let tokens = ["negotiate", "challenge", "authenticate"].map(|key| hex(&windows, key));
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let password = File::new("password", b"VagrantPass1\r\nsecond line\n");
    let digits = "35816cd15a8a341dd2828bfc6c375e06";
    let hash = File::new("hash", format!("{digits}\n").as_bytes());
    for secret in [["--password-file", password.path()], ["--nt-hash", digits], ["--nt-hash-file", hash.path()]] {
        let ran = decode(&[&tokens[..], &secret].concat(), b"");
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        assert!(ran.stdout.contains("MIC: correct"));
        assert!(!ran.stdout.contains("VagrantPass1") && !ran.stdout.contains(digits));
    }
    for bad in ["00", "00000000000000000000000000000000", "xyz"] {
        let ran = decode(&[&tokens[..], &["--nt-hash", bad]].concat(), b"");
        assert_eq!(ran.status, Some(2));
        assert!(ran.stderr.contains("--nt-hash: not a usable NT hash"), "{}", ran.stderr);
    }
}

#[test]
fn standard_input_is_not_read_twice() {
    let ran = decode(&["--password"], b"TlRMTVNTUAAB\n");
    assert_eq!(ran.status, Some(2));
    assert!(ran.stderr.contains("--password would be read from standard input, where the tokens come from"));
    assert!(ran.stderr.contains("--password-file"));
    assert_eq!(decode(&["-", "-"], b"").status, Some(2));
}

#[test]
fn asking_to_verify_where_there_is_no_response_is_an_error() {
    let ran = decode(&[&hex(&windows(), "challenge"), "--password"], b"x\n");
    assert_eq!(ran.status, Some(2));
    assert!(ran.stderr.contains("no AUTHENTICATE_MESSAGE is in the input"), "{}", ran.stderr);
}

#[test]
fn malformed_messages_are_refused_with_field_and_offset() {
    for vector in vectors("messages.json").iter().filter(|vector| vector["type"] == "malformed") {
        let message = hex(vector, "message");
        let ran = decode(&[&message], b"");
        assert_eq!(ran.status, Some(2), "{message}");
        assert_eq!(ran.stdout, "");
        assert!(ran.stderr.contains(" at offset "), "{}", ran.stderr);
        let json = decode(&["--json", &message], b"").json();
        assert!(json["tokens"][0]["error"]["field"].is_string() && json["tokens"][0]["error"]["offset"].is_u64());
        assert_eq!(json["status"], 2);
    }
    let mut challenge = bytes(&windows(), "challenge");
    challenge[44] = 0xff;
    let ran = decode(&[], &challenge);
    assert_eq!(ran.status, Some(2));
    assert_eq!(
        ran.stderr,
        "ntlm: standard input: CHALLENGE_MESSAGE: TargetInfo at offset 255: ends at 393, behind the end of the message at 206; the token \
         is cut off, or a length in it is wrong: copy it again as a whole\n"
    );
}

#[test]
fn what_holds_no_token_is_refused_with_a_reason() {
    for (input, reason) in [
        ("", "is empty"),
        (" \n", "is empty"),
        ("hello, world!", "holds no token"),
        ("some words in several lines\nthat decode by chance\n", "holds no token"),
        ("WWW-Authenticate: NTLM", "none carries a token"),
        ("WWW-Authenticate: Negotiate\nWWW-Authenticate: NTLM\n", "a scheme alone is only an offer"),
        ("Authorization: NTLM TlRM!VNT", "is neither base64 nor hex: '!' at character 4"),
        ("Authorization: NTLM TlRMT", "is it cut off?"),
        ("4e544c4d535350000", "an odd number: is it cut off?"),
        ("SGVsbG8gd29ybGQgaGVsbG8=", "not an NTLM message"),
    ] {
        let ran = decode(&["-"], input.as_bytes());
        assert_eq!(ran.status, Some(2), "{input:?}");
        assert!(ran.stderr.contains(reason), "{input:?}: {}", ran.stderr);
    }
    let ran = decode(&["@/nowhere/at/all"], b"");
    assert_eq!(ran.status, Some(2));
    assert!(ran.stderr.contains("/nowhere/at/all cannot be read"), "{}", ran.stderr);
}

#[test]
fn one_bad_token_in_a_log_leaves_the_others_explained() {
    let windows = windows();
    let log = curl_log(&windows, "NTLM")
        .replace("< WWW-Authenticate: NTLM TlRMTVNTUAAC", "< WWW-Authenticate: NTLM TlRMTVNTUAAI");
    let ran = decode(&["--json"], log.as_bytes());
    assert_eq!(ran.status, Some(2));
    let json = ran.json();
    assert_eq!(json["tokens"].as_array().unwrap().len(), 3);
    assert_eq!(json["tokens"][1]["error"]["field"], "MessageType");
    assert_eq!(json["tokens"][2]["message"], "AUTHENTICATE_MESSAGE");
    assert!(ran.stderr.contains("standard input, line 7, WWW-Authenticate: NTLM: "), "{}", ran.stderr);
}

#[test]
fn exchanges_with_a_proxy_and_with_a_server_are_told_apart() {
    let (proxy, server) = (vector("exchanges-samba.json", "squid-5-curl"), windows());
    let log = format!(
        "> Proxy-Authorization: NTLM {}\n< Proxy-Authenticate: NTLM {}\n> Authorization: NTLM {}\n< WWW-Authenticate: NTLM {}\n\
         > Proxy-Authorization: NTLM {}\n",
        base64(&proxy, "negotiate"),
        base64(&proxy, "challenge"),
        base64(&server, "negotiate"),
        base64(&server, "challenge"),
        base64(&proxy, "authenticate")
    );
    let password = File::new("proxy", hex(&proxy, "password").as_bytes());
    let ran = decode(&["--password-file", password.path()], log.as_bytes());
    assert_eq!(ran.status, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("response: correct (NTLMv2, user "), "{}", ran.stdout);
}

/// DER: tag, length, content.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82], &length[..], content].concat()
}

#[test]
fn the_message_inside_spnego_is_found() {
    let windows = vector("exchanges-windows.json", "windows-b-smb-in-spnego");
    let message = |key| bytes(&windows, key);
    let list = bytes(&windows, "mech_list");
    let token = der(0xa2, &der(0x04, &message("negotiate")));
    let init = der(0xa0, &der(0x30, &[der(0xa0, &list), token].concat()));
    let init = der(0x60, &[&[6, 6, 0x2b, 6, 1, 5, 5, 2], &init[..]].concat());
    let resp = |key| der(0xa1, &der(0x30, &[der(0xa0, &[0x0a, 1, 1]), der(0xa2, &der(0x04, &message(key)))].concat()));
    let done = [0xa1, 7, 0x30, 5, 0xa0, 3, 0x0a, 1, 0];
    let line = |header: &str, token: &[u8]| format!("{header}: Negotiate {}\n", STANDARD.encode(token));
    let log = [
        line("> Authorization", &init),
        line("< WWW-Authenticate", &resp("challenge")),
        line("> Authorization", &resp("authenticate")),
        line("< WWW-Authenticate", &done),
    ]
    .concat();
    let log = File::new("spnego", log.as_bytes());
    let ran = decode(&["--json", "--password", "--file", log.path()], b"VagrantPass1\n");
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let json = ran.json();
    assert_eq!(json["tokens"][0]["spnego"]["kind"], "NegTokenInit");
    assert_eq!(json["tokens"][0]["spnego"]["mechanisms"], serde_json::json!(["NTLM"]));
    assert_eq!(json["tokens"][1]["spnego"]["state"], "accept-incomplete");
    assert_eq!(json["tokens"][2]["bytes"], hex(&windows, "authenticate"));
    assert_eq!(json["tokens"][2]["verification"]["checks"][1]["verdict"], "correct");
    assert_eq!(json["tokens"][3]["other"], "a SPNEGO NegTokenResp (accept-completed) with no token inside");
}

#[test]
fn a_kerberos_token_is_called_one() {
    let kerberos = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2, 1, 0, 0x6e, 0];
    let bare = der(0x60, &kerberos);
    let list = [0x30, 11, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2];
    let init = der(0xa0, &der(0x30, &[der(0xa0, &list), der(0xa2, &der(0x04, &bare))].concat()));
    let init = der(0x60, &[&[6, 6, 0x2b, 6, 1, 5, 5, 2], &init[..]].concat());
    for token in [&bare, &init, &bare[..bare.len() - 1].to_vec()] {
        let ran = decode(&[&STANDARD.encode(token)], b"");
        assert_eq!(ran.status, Some(2));
        assert!(ran.stderr.contains("a Kerberos token, not NTLM"), "{}", ran.stderr);
    }
}

#[test]
fn names_cannot_disturb_the_terminal() {
    let mut authenticate = bytes(&windows(), "authenticate");
    // UserName begins at 88: escape, [, 2, J.
    for (at, unit) in [0x1b, u16::from(b'['), u16::from(b'2'), u16::from(b'J')].into_iter().enumerate() {
        authenticate[88 + at * 2..90 + at * 2].copy_from_slice(&unit.to_le_bytes());
    }
    let ran = decode(&[], &authenticate);
    assert_eq!(ran.status, Some(0));
    assert!(ran.stdout.contains("\"\\u{1b}[2J"), "{}", ran.stdout);
    assert!(!ran.stdout.contains('\u{1b}'));
}

#[test]
fn the_clock_can_be_stated() {
    let challenge = hex(&windows(), "challenge");
    let skewed = |now: &str| decode(&["--now", now, &challenge], b"").stdout.contains("clock-skew");
    assert!(!skewed("2020-05-07T10:38:37Z"));
    assert!(!skewed("2020-05-07 10:34:37.2775166 UTC"));
    assert!(skewed("2020-05-07T10:44:37Z"));
    assert!(skewed("2020-05-07T10:24:37Z"));
    assert!(!skewed("2020-05-07T12:34:37+02:00"));
    for bad in ["yesterday", "1960-01-01T00:00:00Z"] {
        let ran = decode(&["--now", bad, &challenge], b"");
        assert_eq!(ran.status, Some(2));
        assert!(ran.stderr.contains("--now"), "{}", ran.stderr);
    }
}

#[test]
fn the_lints_can_be_listed() {
    let ran = decode(&["--lints", "--json"], b"");
    let lints = ran.json()["lints"].as_array().unwrap().len();
    assert!(lints >= 40);
    let text = decode(&["--lints"], b"").stdout;
    assert!(text.contains("error    mic-without-field\n"), "{text}");
}

#[test]
fn the_example_in_the_help_works() {
    let help = decode(&["--help"], b"").stdout;
    let line = help.lines().find(|line| line.trim_start().starts_with("ntlm decode TlRM")).unwrap();
    let ran = decode(&[line.split_whitespace().last().unwrap()], b"");
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.starts_with("NEGOTIATE_MESSAGE"));
}
