//! Running the command.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::PASSWORD;

/// What a run came to.
pub(crate) struct Outcome {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Outcome {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    /// Fails unless the status is this one and the message has these words.
    pub(crate) fn expect(&self, status: i32, words: &[&str]) {
        assert_eq!(self.status, Some(status), "{}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "{word}: {}", self.stderr);
        }
        assert!(!self.stderr.contains(PASSWORD), "{}", self.stderr);
    }
}

/// A command without any password around.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ntlm"));
    command.arg("http").args(arguments);
    for variable in ["NTLM_PASSWORD", "NTLM_PROXY_PASSWORD", "NETRC", "HOME"] {
        command.env_remove(variable);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command with `input` on standard input. The servers of the test run on other threads meanwhile.
pub(crate) fn finish(mut command: Command, input: &[u8]) -> Outcome {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // A command that does not read its input closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Outcome { status: output.status.code(), stdout: output.stdout, stderr: String::from_utf8(output.stderr).unwrap() }
}

pub(crate) fn run(arguments: &[&str]) -> Outcome {
    finish(command(arguments), b"")
}

/// Runs as alice, with her password in the environment.
pub(crate) fn as_alice(arguments: &[&str]) -> Outcome {
    let mut command = command(&[&["-u", r"EXAMPLE\alice"], arguments].concat());
    command.env("NTLM_PASSWORD", PASSWORD);
    finish(command, b"")
}

/// A file that is removed at the end.
pub(crate) struct File(pub(crate) std::path::PathBuf);

impl File {
    pub(crate) fn new(content: &[u8], mode: u32) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let name = format!("ntlm-http-test-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let file = Self(std::env::temp_dir().join(name));
        std::fs::write(&file.0, content).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&file.0, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        #[cfg(not(unix))]
        let _ = mode;
        file
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
