//! A child process that is asked in lines and answers in lines, and is given up on when it does not.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::side::{Refusal, Transcript};

/// Where the counterparts are.
pub(crate) struct Programs {
    /// `interop/peer`.
    pub(crate) peer: PathBuf,
    /// Samba's `ntlm_auth`.
    pub(crate) ntlm_auth: PathBuf,
    /// Our command.
    pub(crate) ntlm: Option<PathBuf>,
}

/// How long a line may take. Starting a Python with its libraries on a busy machine is the slowest.
const PATIENCE: Duration = Duration::from_secs(10);

/// A child process, which ends with this value.
pub(crate) struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    complaints: Option<JoinHandle<String>>,
    transcript: Transcript,
}

impl Process {
    /// Starts `command`; `name` is what the transcript calls it.
    pub(crate) fn start(command: &mut Command, name: String, transcript: &Transcript) -> Result<Self, Refusal> {
        let program = command.get_program().to_string_lossy().into_owned();
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().map_err(|error| Refusal::Broken(format!("{name}: {program}: {error}")))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let reader = stdout.map(BufReader::new).into_iter().flat_map(BufReader::lines).map_while(Result::ok);
            // The receiver is gone when the check is over.
            let _ = reader.map(|line| sender.send(line)).take_while(Result::is_ok).count();
        });
        let complaints = Some(thread::spawn(move || last_line(stderr)));
        Ok(Self { name, child, stdin, lines, complaints, transcript: transcript.clone() })
    }

    /// Asks for one line with another.
    pub(crate) fn ask(&mut self, request: &str) -> Result<String, Refusal> {
        self.tell(request)?;
        self.line()
    }

    /// Writes a line.
    pub(crate) fn tell(&mut self, request: &str) -> Result<(), Refusal> {
        self.transcript.add(&self.name, '<', request);
        let written = self.stdin.as_mut().map(|stdin| stdin.write_all(format!("{request}\n").as_bytes()));
        match written {
            Some(Ok(())) => Ok(()),
            _ => Err(self.ended()),
        }
    }

    /// Reads a line.
    pub(crate) fn line(&mut self) -> Result<String, Refusal> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.transcript.add(&self.name, '>', &line);
                Ok(line)
            }
            Err(RecvTimeoutError::Timeout) => {
                Err(Refusal::Broken(format!("{} says nothing for {} s", self.name, PATIENCE.as_secs())))
            }
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
        }
    }

    /// Ends the input and waits for the process to end by itself.
    pub(crate) fn end(mut self) -> Result<ExitStatus, Refusal> {
        self.stdin = None;
        self.wait()
    }

    fn wait(&mut self) -> Result<ExitStatus, Refusal> {
        let since = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if since.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(2)),
                Ok(None) => return Err(Refusal::Broken(format!("{} does not end with its input", self.name))),
                Err(error) => return Err(Refusal::Broken(format!("{}: {error}", self.name))),
            }
        }
    }

    fn ended(&mut self) -> Refusal {
        self.stdin = None;
        let status = self.wait().map_or_else(String::from, |status| status.to_string());
        let complaint = self.complaints.take().and_then(|complaints| complaints.join().ok()).unwrap_or_default();
        Refusal::Broken(format!("{} ended ({status}): {complaint}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn last_line(stderr: Option<ChildStderr>) -> String {
    let mut text = Vec::new();
    if let Some(mut stderr) = stderr {
        let _ = stderr.read_to_end(&mut text);
    }
    let text = String::from_utf8_lossy(&text);
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no complaint").to_owned()
}
