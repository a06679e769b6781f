//! The log: structured, to standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use super::options::{Arguments, Format};

/// Writes from now on what is logged. Logons are the affair of the audit records.
pub(super) fn start(arguments: &Arguments) {
    let filter = match arguments.verbose {
        0 => "warn",
        1 => "info",
        2 => "debug,hyper=info,rustls=info",
        _ => "trace",
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // Another log is there only in tests, and does as well.
    let _ = match arguments.log {
        Format::Text => builder.with_target(false).try_init(),
        Format::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
    };
}
