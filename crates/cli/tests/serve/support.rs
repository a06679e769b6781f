//! Servers that run, and clients that are driven by hand.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};
use ntlm::{ClientConfig, ClientPolicy, Credentials, EntropyError, FileTime, Password, client};
use ntlm_http::header::{self, Scheme};

pub(crate) const ALICE: &str = r"EXAMPLE\alice";
pub(crate) const BOB: &str = r"EXAMPLE\bob";
pub(crate) const PASSWORD: &str = "secret";

/// What nothing on this machine takes as long as.
const PATIENCE: Duration = Duration::from_secs(30);

/// A directory that is removed at the end.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let name = format!("ntlm-serve-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    /// Writes a file that nobody else can read.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// An account file with alice and bob.
    pub(crate) fn accounts(&self) -> String {
        self.write("users", "EXAMPLE:alice:secret\nEXAMPLE:bob:secret\n")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ntlm"));
    command.arg("serve").env_remove("NTLM_USER_FILE").env_remove("NTLM_CONFIG").stdin(Stdio::null());
    command
}

/// A server that runs.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// What it said on standard error.
    said: Arc<(Mutex<String>, Condvar)>,
}

impl Server {
    /// On a free port, with the accounts of `directory`.
    pub(crate) fn start(directory: &Directory, arguments: &[&str]) -> Self {
        let accounts = directory.accounts();
        Self::run(command().args(["--user-file", &accounts]).args(arguments))
    }

    pub(crate) fn run(command: &mut Command) -> Self {
        let mut child = command.args(["--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let (errors, writer) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&said));
        std::thread::spawn(move || {
            for line in errors.lines() {
                let mut text = writer.0.lock().unwrap();
                text.push_str(&line.unwrap());
                text.push('\n');
                writer.1.notify_all();
            }
        });
        let mut server = Self { child, address: ([127, 0, 0, 1], 0).into(), said };
        let line = server.waits_for("listening on ");
        let at = line.find("://").unwrap() + 3;
        let end = line[at..].find('/').unwrap() + at;
        server.address = line[at..end].parse().unwrap();
        server
    }

    /// The first line with `text` in it, waited for.
    pub(crate) fn waits_for(&self, text: &str) -> String {
        let found = |said: &str| said.lines().find(|line| line.contains(text)).map(str::to_owned);
        let said = self.said.0.lock().unwrap();
        let (said, over) = self.said.1.wait_timeout_while(said, PATIENCE, |said| found(said).is_none()).unwrap();
        assert!(!over.timed_out(), "nothing said of {text:?}: {said}");
        found(&said).unwrap()
    }

    /// Whether it has said `text` so far.
    #[allow(dead_code, reason = "for load.rs, which shares this file")]
    pub(crate) fn has_said(&self, text: &str) -> bool {
        self.said.0.lock().unwrap().contains(text)
    }

    pub(crate) fn connect(&self) -> Http<TcpStream> {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Http::new(stream)
    }

    /// A connection that is alice's.
    pub(crate) fn alice(&self) -> Http<TcpStream> {
        let mut http = self.connect();
        assert_eq!(http.log_on(ALICE, PASSWORD).status, 200);
        http
    }

    /// Tells the process to stop.
    #[cfg(unix)]
    pub(crate) fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// The most that the process has held in memory, where the system says.
    #[allow(dead_code, reason = "for load.rs, which shares this file")]
    pub(crate) fn memory_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    }

    /// Waits until the process ends by itself.
    pub(crate) fn end(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// What the site that says who you are says.
    pub(crate) fn account(&self) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        json["account"].as_str().unwrap().to_owned()
    }
}

/// A connection of a client.
pub(crate) struct Http<S> {
    pub(crate) stream: S,
    buffer: Vec<u8>,
}

impl<S: Read + Write> Http<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
    }

    /// Sends a request; `headers` are lines.
    pub(crate) fn request(&mut self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Reply {
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: web1\r\n{length}{lines}\r\n");
        self.send(&[head.as_bytes(), body].concat());
        self.reply_to(method)
    }

    pub(crate) fn get(&mut self, path: &str) -> Reply {
        self.request("GET", path, &[], b"")
    }

    pub(crate) fn log_on(&mut self, user: &str, password: &str) -> Reply {
        self.log_on_with(user, password, client::Exchange::default())
    }

    pub(crate) fn log_on_with(&mut self, user: &str, password: &str, exchange: client::Exchange) -> Reply {
        let config = Arc::new(ClientConfig::new(ClientPolicy::windows()));
        let credentials = Arc::new(Credentials::new(user, &Password::new(password)));
        let mut negotiate = Vec::new();
        let waiting = client::Start::new(config, credentials, exchange).send(&mut negotiate).unwrap();
        let reply = self.request("GET", "/", &[&bearing(&negotiate)], b"");
        let Some(challenge) = token(&reply) else { return reply };
        let now = FileTime::from_unix(SystemTime::UNIX_EPOCH.elapsed().unwrap());
        let entropy = &mut |bytes: &mut [u8]| getrandom::fill(bytes).map_err(|_| EntropyError);
        let mut authenticate = Vec::new();
        waiting.receive(&challenge, now, entropy, &mut authenticate).unwrap();
        self.request("GET", "/", &[&bearing(&authenticate)], b"")
    }

    pub(crate) fn reply(&mut self) -> Reply {
        self.reply_to("GET")
    }

    fn reply_to(&mut self, method: &str) -> Reply {
        let head = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break self.take(at + 4);
            }
            self.more();
        };
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().lines();
        let status: u16 = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        if status == 100 {
            return self.reply_to(method);
        }
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(':').unwrap();
            headers
                .append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.trim().as_bytes()).unwrap());
        }
        let body = match headers.get("content-length") {
            _ if method == "HEAD" || status == 304 => Vec::new(),
            Some(length) => self.exactly(length.to_str().unwrap().parse().unwrap()),
            None if headers.contains_key("transfer-encoding") => self.chunks(),
            None => Vec::new(),
        };
        Reply { status, headers, body }
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                match self.buffer.windows(2).position(|window| window == b"\r\n") {
                    Some(at) => break self.take(at + 2),
                    None => self.more(),
                }
            };
            let length = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
            let chunk = self.exactly(length + 2);
            if length == 0 {
                return body;
            }
            body.extend(&chunk[..length]);
        }
    }

    fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            self.more();
        }
        self.take(length)
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(length);
        std::mem::replace(&mut self.buffer, rest)
    }

    fn more(&mut self) {
        let mut chunk = [0; 8192];
        let read = self.stream.read(&mut chunk).unwrap();
        assert!(read > 0, "the connection is open after {:?}", String::from_utf8_lossy(&self.buffer));
        self.buffer.extend(&chunk[..read]);
    }

    /// Whether the server ends the connection without saying more.
    pub(crate) fn ends(mut self) -> bool {
        self.buffer.is_empty() && matches!(self.stream.read(&mut [0]), Ok(0) | Err(_))
    }
}

fn bearing(token: &[u8]) -> String {
    format!("Authorization: {}", header::write(Scheme::Ntlm, token).to_str().unwrap())
}

fn token(reply: &Reply) -> Option<Vec<u8>> {
    let values = reply.headers.get_all("www-authenticate").iter().map(HeaderValue::as_bytes);
    header::challenges(values).into_iter().find_map(|offer| offer.unwrap().token)
}

/// What `path` holds, when it holds as many lines as this.
pub(crate) fn lines(path: &Path, number: usize) -> Vec<String> {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        if lines.len() >= number && text.ends_with('\n') {
            return lines;
        }
        assert!(std::time::Instant::now() < deadline, "{text}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
