//! What these tests share: a place of their own, and the command in it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use ntlm_accounts::{Account, AccountName, HashStore as _, SqliteStore};

/// A directory of its own for each test, removed at the end.
pub(crate) struct Place(PathBuf);

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let name = format!("users-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;

        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// `ntlm users` in this directory, whose database is `a.db` unless `arguments` say otherwise; nothing of the environment counts.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ntlm"));
        command.arg("users").args(arguments).current_dir(&self.0);
        command.env_remove("NTLM_CONFIG").env_remove("XDG_DATA_HOME").env("HOME", self.path("home"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs `ntlm users --db a.db`.
    pub(crate) fn users(&self, arguments: &[&str], stdin: &str) -> Said {
        run(&mut self.command(&[&["--db", "a.db"], arguments].concat()), stdin)
    }

    /// As [`users`](Self::users); it must succeed.
    pub(crate) fn ok(&self, arguments: &[&str], stdin: &str) -> String {
        let said = self.users(arguments, stdin);
        assert_eq!(said.status, Some(0), "{arguments:?}: {said:?}");
        said.stdout
    }

    /// The database, as a server opens it.
    pub(crate) fn server(&self) -> SqliteStore {
        SqliteStore::open_read_only(self.path("a.db")).unwrap()
    }

    pub(crate) fn find(&self, name: &str) -> Option<Account> {
        self.server().find(&AccountName::parse(name)).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Starts a command and gives it its input.
pub(crate) fn start(command: &mut Command, stdin: &str) -> Child {
    let mut child = command.spawn().unwrap();
    // A command that does not read its input closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child
}

pub(crate) fn run(command: &mut Command, stdin: &str) -> Said {
    let output = start(command, stdin).wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}
