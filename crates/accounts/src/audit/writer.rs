//! Records as lines in a file, on a pipe, or wherever one can write to.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{AuditRecord, AuditSink};
use crate::clock;

/// What may wait to be written, in bytes: some thousand records.
const LONGEST_QUEUE: usize = 1 << 20;

/// How long a writer that is dropped waits for its output.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// Writes records as lines, from a thread of its own, and flushes whenever it has nothing more to write.
///
/// No logon waits for the output. What comes while the output is stuck is kept up to 1 MiB; what comes after that is lost, as is what the output refuses. Lost
/// records are counted ([`lost`](Self::lost)), told once to [`on_failure`](Self::on_failure), and stand in the output as a record of their own, event 1101, as soon as it takes
/// something again. A writer that is dropped writes what it has, for five seconds at the most; a process that ends otherwise calls [`flush`](Self::flush) first.
///
/// ```
/// use ntlm_accounts::audit::AuditWriter;
///
/// # let path = std::env::temp_dir().join(format!("ntlm-audit-{}", std::process::id()));
/// let file = std::fs::File::options().append(true).create(true).open(&path)?;
/// let sink = AuditWriter::json(file)?.on_failure(|error| eprintln!("the audit cannot be written: {error}"));
/// # drop(sink);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct AuditWriter {
    format: fn(&AuditRecord) -> String,
    shared: Arc<Shared>,
}

type Report = Box<dyn Fn(&io::Error) + Send + Sync>;

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Something happened to the state.
    changed: Condvar,
    report: OnceLock<Report>,
}

#[derive(Default)]
struct State {
    /// Lines that nobody has taken yet.
    waiting: Vec<u8>,
    /// Whether the thread has lines that are not written yet.
    writing: bool,
    /// Whether the thread is to end when there is nothing more to write.
    closing: bool,
    ended: bool,
    lost: u64,
}

impl AuditWriter {
    /// Writes `key=value` lines to `output`.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub fn text(output: impl Write + Send + 'static) -> io::Result<Self> {
        Self::start(output, AuditRecord::to_text)
    }

    /// Writes JSON to `output`, an object per line.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub fn json(output: impl Write + Send + 'static) -> io::Result<Self> {
        Self::start(output, AuditRecord::to_json)
    }

    fn start(output: impl Write + Send + 'static, format: fn(&AuditRecord) -> String) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let lines = Lines { output, format, shared: Arc::clone(&shared), torn: false, failing: false, told: 0 };
        thread::Builder::new().name("ntlm-audit".to_owned()).spawn(move || lines.run())?;
        Ok(Self { format, shared })
    }

    /// Calls `report` when records begin to be lost, and not again before something could be written. Only the first call of this counts.
    #[must_use]
    pub fn on_failure(self, report: impl Fn(&io::Error) + Send + Sync + 'static) -> Self {
        // A second one is dropped, as documented.
        let _ = self.shared.report.set(Box::new(report));
        self
    }

    /// How many records were lost so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.shared.lock().lost
    }

    /// Waits until everything that was recorded before is written or lost, but no longer than `wait`. Says whether it is.
    #[must_use = "there may still be something to write"]
    pub fn flush(&self, wait: Duration) -> bool {
        self.shared.wait(wait, |state| state.ended || state.waiting.is_empty() && !state.writing)
    }
}

impl AuditSink for AuditWriter {
    fn record(&self, record: &AuditRecord) {
        let mut line = (self.format)(record);
        line.push('\n');
        let mut state = self.shared.lock();
        // Somebody who has lines waiting does not sleep.
        let asleep = state.waiting.is_empty();
        if state.ended || state.waiting.len().saturating_add(line.len()) > LONGEST_QUEUE {
            state.lost = state.lost.saturating_add(1);
        } else {
            state.waiting.extend_from_slice(line.as_bytes());
        }
        drop(state);
        if asleep {
            self.shared.changed.notify_all();
        }
    }
}

impl Drop for AuditWriter {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.changed.notify_all();
        self.shared.wait(LAST_WAIT, |state| state.ended);
    }
}

impl fmt::Debug for AuditWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditWriter").field("lost", &self.lost()).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `done`, but no longer than `wait`. Says whether it is.
    fn wait(&self, wait: Duration, done: impl Fn(&State) -> bool) -> bool {
        let begun = Instant::now();
        let mut state = self.lock();
        while !done(&state) {
            let Some(rest) = wait.checked_sub(begun.elapsed()).filter(|rest| !rest.is_zero()) else { return false };
            state = self.changed.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

/// The thread's side.
struct Lines<W> {
    output: W,
    format: fn(&AuditRecord) -> String,
    shared: Arc<Shared>,
    /// Whether the output may end in a piece of a line.
    torn: bool,
    /// Whether the last attempt to write failed.
    failing: bool,
    /// How many lost records stand in the output.
    told: u64,
}

impl<W: Write> Lines<W> {
    fn run(mut self) {
        // Also when `output` panics: then everything that comes is lost, and nobody waits.
        let _ended = Ended(Arc::clone(&self.shared));
        while let Some((lines, lost)) = self.next() {
            self.write_lost(lost);
            let mut failed = 0;
            for line in lines.split_inclusive(|&byte| byte == b'\n') {
                failed += u64::from(self.write(line).is_err());
            }
            let mut state = self.shared.lock();
            state.lost = state.lost.saturating_add(failed);
            state.writing = false;
            drop(state);
            self.shared.changed.notify_all();
        }
    }

    /// Waits for lines; also says how many were lost so far. `None` when there are no more to come.
    fn next(&mut self) -> Option<(Vec<u8>, u64)> {
        let mut state = self.shared.lock();
        while state.waiting.is_empty() {
            if state.closing {
                return None;
            }
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.writing = true;
        Some((std::mem::take(&mut state.waiting), state.lost))
    }

    /// Writes how many records were lost since this was last said.
    fn write_lost(&mut self, lost: u64) {
        if lost == self.told {
            return;
        }
        let mut line = (self.format)(&AuditRecord::lost(clock::now(), lost.saturating_sub(self.told)));
        line.push('\n');
        if self.write(line.as_bytes()).is_ok() {
            self.told = lost;
        }
    }

    /// Writes one line, on a line of its own whatever became of the one before.
    fn write(&mut self, line: &[u8]) -> Result<(), ()> {
        let torn = if self.torn { b"\n".as_slice() } else { b"" };
        let written =
            self.output.write_all(torn).and_then(|()| self.output.write_all(line)).and_then(|()| self.output.flush());
        self.torn = written.is_err();
        if let Err(error) = &written
            && !self.failing
            && let Some(report) = self.shared.report.get()
        {
            report(error);
        }
        self.failing = written.is_err();
        written.map_err(drop)
    }
}

/// Says that the thread has ended, however it did.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.ended = true;
        state.writing = false;
        let left = std::mem::take(&mut state.waiting).iter().filter(|&&byte| byte == b'\n').count();
        state.lost = state.lost.saturating_add(left as u64);
        drop(state);
        self.0.changed.notify_all();
    }
}
