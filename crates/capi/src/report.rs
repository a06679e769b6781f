//! What went wrong, in words: the text of a thread's last failure, and the log callback.

use std::cell::RefCell;
use std::ffi::{c_char, c_void};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use ntlm_sspi::SecurityStatus;

/// What a thread knows of its calls.
struct Report {
    /// What was logged during the call that runs.
    detail: String,
    /// The last failure, with a NUL at its end; empty for none.
    last: Vec<u8>,
}

thread_local! {
    static REPORT: RefCell<Report> = const { RefCell::new(Report { detail: String::new(), last: Vec::new() }) };
}

/// Whether anything was ever logged in this process. Until then no thread has anything to forget, nor need it look for its locals.
static LOGGED: AtomicBool = AtomicBool::new(false);

/// A call begins.
pub(crate) fn begin() {
    if LOGGED.load(Ordering::Relaxed) {
        with(|report| report.detail.clear());
    }
}

/// The call that runs has failed.
pub(crate) fn failed(function: &str, status: SecurityStatus) {
    with(|report| {
        let separator = if report.detail.is_empty() { "" } else { "; " };
        report.last = terminated(format!("{function}: {status}{separator}{}", report.detail));
        report.detail.clear();
    });
}

/// The text of the thread's last failure: it stays until the next one.
pub(crate) fn last_failure() -> *const c_char {
    with(|report| report.last.first().map(|first| std::ptr::from_ref(first).cast())).flatten().unwrap_or(c"".as_ptr())
}

/// `None` when the thread is past having locals, or in the middle of this already.
fn with<T>(f: impl FnOnce(&mut Report) -> T) -> Option<T> {
    REPORT.try_with(|report| report.try_borrow_mut().ok().map(|mut report| f(&mut report))).ok().flatten()
}

fn terminated(mut text: String) -> Vec<u8> {
    text.retain(|character| character != '\0');
    text.push('\0');
    text.into_bytes()
}

/// NTLM_SSPI_LOG_CALLBACK.
pub type LogCallback = unsafe extern "C" fn(context: *mut c_void, message: *const c_char);

/// Who wants to read along.
#[derive(Clone, Copy)]
struct Reader {
    callback: LogCallback,
    context: *mut c_void,
}

// SAFETY: `ntlm_sspi_set_log` asks for a callback and a context that every thread may use.
unsafe impl Send for Reader {}
// SAFETY: as above.
unsafe impl Sync for Reader {}

static READER: RwLock<Option<Reader>> = RwLock::new(None);

/// Sets who reads along.
pub(crate) fn set_reader(callback: Option<LogCallback>, context: *mut c_void) {
    let reader = callback.map(|callback| Reader { callback, context });
    *READER.write().unwrap_or_else(PoisonError::into_inner) = reader;
}

/// Runs a program's callback. The calls that it makes have a detail of their own: what was logged during the call that runs is not forgotten.
pub(crate) fn apart<T>(callback: impl FnOnce() -> T) -> T {
    let detail = match LOGGED.load(Ordering::Relaxed) {
        true => with(|report| std::mem::take(&mut report.detail)).unwrap_or_default(),
        false => String::new(),
    };
    let answer = callback();
    if LOGGED.load(Ordering::Relaxed) {
        with(|report| report.detail = detail);
    }
    answer
}

/// Whether somebody reads along.
pub(crate) fn is_read() -> bool {
    READER.read().unwrap_or_else(PoisonError::into_inner).is_some()
}

/// Tells the administrator something, and remembers it for the text of the failure.
pub(crate) fn log(message: fmt::Arguments<'_>) {
    LOGGED.store(true, Ordering::Relaxed);
    let text = message.to_string();
    let reader = *READER.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(Reader { callback, context }) = reader {
        let line = terminated(text.clone());
        // SAFETY: the callback was set for this, and gets a text that ends in NUL; no lock is held.
        apart(|| unsafe { callback(context, line.as_ptr().cast()) });
    }
    with(|report| {
        if !report.detail.is_empty() {
            report.detail.push_str("; ");
        }
        report.detail.push_str(&text);
    });
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    fn last() -> String {
        // SAFETY: the text ends in NUL and stays until the thread's next failure.
        unsafe { CStr::from_ptr(last_failure()) }.to_string_lossy().into_owned()
    }

    #[test]
    fn the_last_failure_of_a_thread_is_told_with_its_reason() {
        assert_eq!(last(), "");
        begin();
        log(format_args!("the reason\0"));
        failed("Function", SecurityStatus::SEC_E_LOGON_DENIED);
        assert_eq!(last(), "Function: SEC_E_LOGON_DENIED (0x8009030c): the logon failed; the reason");
        begin();
        assert!(last().ends_with("the reason"), "a call that succeeds leaves the text");
        failed("Other", SecurityStatus::SEC_E_INVALID_HANDLE);
        assert_eq!(last(), "Other: SEC_E_INVALID_HANDLE (0x80090301): the handle is not valid");
        assert_eq!(std::thread::spawn(last).join().unwrap(), "");
    }

    #[test]
    fn the_calls_of_a_callback_do_not_take_the_reason_of_the_call_that_runs() {
        begin();
        log(format_args!("the reason"));
        let answer = apart(|| {
            begin();
            log(format_args!("another"));
            failed("Nested", SecurityStatus::SEC_E_INVALID_HANDLE);
            7
        });
        assert!(answer == 7 && last().starts_with("Nested") && last().ends_with("another"));
        failed("Function", SecurityStatus::SEC_E_LOGON_DENIED);
        assert!(last().starts_with("Function") && last().ends_with("the logon failed; the reason"), "{}", last());
    }
}
