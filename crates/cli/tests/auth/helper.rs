//! Helpers that run, and what drives them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;

pub(crate) const CLIENT: &str = "--helper-protocol=ntlmssp-client-1";
pub(crate) const SERVER: &str = "--helper-protocol=squid-2.5-ntlmssp";
pub(crate) const PASSWORD: &str = "--password=Al1ce-Passw0rd";
pub(crate) const ALICE: [&str; 4] = [CLIENT, "--username=alice", "--domain=EXAMPLE", "--workstation=WKS1"];
pub(crate) const FEATURES: &str = "SF NTLMSSP_FEATURE_SESSION_KEY NTLMSSP_FEATURE_SIGN NTLMSSP_FEATURE_SEAL";

/// A helper that runs.
pub(crate) struct Helper {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Helper {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, None)
    }

    pub(crate) fn start_with(arguments: &[&str], user_file: Option<&str>) -> Self {
        let mut command = command();
        command.arg("auth").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(path) = user_file {
            command.env("NTLM_USER_FILE", path);
        }
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { input: child.stdin.take(), child, output }
    }

    pub(crate) fn send(&mut self, request: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(request).unwrap();
        input.flush().unwrap();
    }

    pub(crate) fn receive(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert_eq!(line.pop(), Some('\n'), "the helper ended");
        assert!(!line.ends_with('\r'));
        line
    }

    pub(crate) fn ask(&mut self, request: &str) -> String {
        self.send(format!("{request}\n").as_bytes());
        self.receive()
    }

    /// Ends the input; gives what was left on standard output and what came on standard error. The status must be 0.
    pub(crate) fn end(mut self) -> (String, String) {
        drop(self.input.take());
        let (mut output, mut errors) = (String::new(), String::new());
        self.output.read_to_string(&mut output).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{errors}");
        (output, errors)
    }
}

pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ntlm"));
    command.env_remove("NTLM_USER_FILE");
    command
}

pub(crate) fn output(arguments: &[&str]) -> Output {
    command().args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// A file that is removed at the end.
pub(crate) struct File(pub(crate) PathBuf);

impl File {
    pub(crate) fn new(content: &str) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let name = format!("ntlm-auth-test-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let file = Self(std::env::temp_dir().join(name));
        file.write(content);
        file
    }

    pub(crate) fn write(&self, content: &str) {
        std::fs::write(&self.0, content).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&self.0, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub(crate) fn after<'a>(verb: &str, reply: &'a str) -> &'a str {
    reply
        .strip_prefix(verb)
        .and_then(|rest| rest.strip_prefix(' '))
        .unwrap_or_else(|| panic!("{verb} expected: {reply}"))
}

pub(crate) fn decoded(verb: &str, reply: &str) -> Vec<u8> {
    BASE64.decode(after(verb, reply)).unwrap()
}

/// What a client sends in the end, after one exchange with `server`; and the server's reply to it.
pub(crate) fn log_on(client: &mut Helper, server: &mut Helper) -> (String, String) {
    let negotiate = client.ask("YR");
    let challenge = server.ask(&format!("YR {}", after("YR", &negotiate)));
    let authenticate = client.ask(&format!("TT {}", after("TT", &challenge)));
    let reply = server.ask(&format!("KK {}", after("AF", &authenticate)));
    (authenticate, reply)
}

/// The reply of a server with `server` as its arguments to a client with `client` as its own, and what the server tells its administrator.
pub(crate) fn verdict(client: &[&str], server: &[&str]) -> (String, String) {
    let (mut client, mut server) = (Helper::start(client), Helper::start(server));
    let (_, reply) = log_on(&mut client, &mut server);
    if reply.starts_with("AF ") {
        assert_eq!(client.ask("GK"), server.ask("GK"));
    } else {
        assert_eq!(server.ask("GK"), "BH No session key");
    }
    client.end();
    (reply, server.end().1)
}
