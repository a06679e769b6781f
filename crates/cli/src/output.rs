//! What goes to a terminal: styles that vanish when piped, times and names in human form.

use anstyle::{AnsiColor, Style};
use ntlm::FileTime;

/// Headings.
pub(crate) const HEADING: Style = Style::new().bold();
/// Names of fields.
pub(crate) const FIELD: Style = AnsiColor::Cyan.on_default();
/// What is good.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What deserves a look.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default();
/// What is bad.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
/// What matters less.
pub(crate) const DIM: Style = Style::new().dimmed();

/// `text` in `style`; the style vanishes when the output is no terminal.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Bytes as lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A time in UTC, such as `2026-11-22 17:29:38.1234567 UTC`, or what is odd about it.
pub(crate) fn time(time: FileTime) -> String {
    match time.to_unix().map(jiff::SignedDuration::try_from) {
        Some(Ok(since)) => match jiff::Timestamp::from_duration(since) {
            Ok(timestamp) => timestamp.strftime("%Y-%m-%d %H:%M:%S%.7f UTC").to_string(),
            Err(_) => format!("{} (after the year 9999)", time.0),
        },
        _ if time.0 == 0 => "0 (not set)".to_owned(),
        _ => format!("{} (before 1970)", time.0),
    }
}
