//! A record as one line: `key=value` or JSON. Both are made from one list of fields.
//!
//! What a peer sent is escaped, so that it can neither end the line, nor end its quotes, nor reorder or hide what stands beside it, and is cut after
//! [`LONGEST`] UTF-16 units.

use std::fmt::{self, Write};

use ntlm::context::IdentityKind;
use ntlm::wire::{ResponseClass, is_printable};
use ntlm::{FileTime, UnicodeString};

use super::reason::{observation_names, status_name};
use super::record::{AuditRecord, BindingsCheck, Decision, MicCheck};

/// The longest text of a peer that a line holds, in UTF-16 units; what is cut off is told by `…`.
const LONGEST: usize = 256;

/// The value of a field.
enum Value<'a> {
    Absent,
    Number(u32),
    /// One of a fixed set of words.
    Word(&'static str),
    /// Something that we print, and that has no characters to escape.
    Printed(&'a dyn fmt::Display),
    /// A list of words.
    Words(Vec<&'static str>),
    /// A text of ours or of the application's.
    Text(&'a str),
    /// A text of a peer's.
    Name(&'a UnicodeString),
}

fn optional<T>(value: Option<T>, present: impl FnOnce(T) -> Value<'static>) -> Value<'static> {
    value.map_or(Value::Absent, present)
}

impl AuditRecord {
    /// Gives each field with its name, in the order in which they are written: the table in the module's documentation.
    fn fields(&self, mut give: impl FnMut(&'static str, Value<'_>)) {
        give("time", Value::Printed(&Time(self.time)));
        give("event", Value::Number(self.event.number().into()));
        give("decision", Value::Word(decision(self.decision)));
        give("nt_status", Value::Printed(&format_args!("{:#010x}", self.nt_status.0)));
        give("nt_status_name", optional(status_name(self.nt_status), Value::Word));
        give("user", Value::Name(&self.user));
        give("domain", Value::Name(&self.domain));
        give("workstation", Value::Name(&self.workstation));
        give("kind", optional(self.kind, |kind| Value::Word(kind_name(kind))));
        give("account", self.account.as_ref().map_or(Value::Absent, Value::Name));
        match self.address {
            None => give("address", Value::Absent),
            Some(address) => give("address", Value::Printed(&address.ip().to_canonical())),
        }
        give("port", optional(self.address, |address| Value::Number(address.port().into())));
        give("carrier", if self.carrier.is_empty() { Value::Absent } else { Value::Text(&self.carrier) });
        give("target_name", self.target_name.as_ref().map_or(Value::Absent, Value::Name));
        give("response", optional(self.response, |class| Value::Word(response(class))));
        match self.client_version {
            None => give("client_version", Value::Absent),
            Some(version) => {
                give(
                    "client_version",
                    Value::Printed(&format_args!("{}.{}.{}", version.major, version.minor, version.build)),
                );
            }
        }
        give("mic", optional(self.mic, |check| Value::Word(mic(check))));
        give("channel_bindings", optional(self.channel_bindings, |check| Value::Word(bindings(check))));
        give("observations", Value::Words(observation_names(&self.observations).collect()));
        give("reason", Value::Text(&self.reason));
    }

    /// The record as one line of `key=value`, without its end.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut line = String::with_capacity(512);
        self.fields(|name, value| {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(name);
            line.push('=');
            // Writing to a string does not fail.
            let _ = match value {
                Value::Absent => line.write_char('-'),
                Value::Number(number) => write!(line, "{number}"),
                Value::Word(word) => line.write_str(word),
                Value::Printed(printed) => write!(line, "{printed}"),
                Value::Words(words) if words.is_empty() => line.write_char('-'),
                Value::Words(words) => line.write_str(&words.join(",")),
                Value::Text(text) => quoted(&mut line, text.chars().map(Ok), usize::MAX, text_escape),
                Value::Name(name) => quoted(&mut line, characters(name), LONGEST, text_escape),
            };
        });
        line
    }

    /// The record as a JSON object on one line, without its end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut line = String::with_capacity(768);
        self.fields(|name, value| {
            line.push(if line.is_empty() { '{' } else { ',' });
            line.push('"');
            line.push_str(name);
            line.push_str("\":");
            let _ = match value {
                Value::Absent => line.write_str("null"),
                Value::Number(number) => write!(line, "{number}"),
                Value::Word(word) => write!(line, "\"{word}\""),
                Value::Printed(printed) => write!(line, "\"{printed}\""),
                Value::Words(words) if words.is_empty() => line.write_str("[]"),
                Value::Words(words) => write!(line, "[\"{}\"]", words.join("\",\"")),
                Value::Text(text) => quoted(&mut line, text.chars().map(Ok), usize::MAX, json_escape),
                Value::Name(name) => quoted(&mut line, characters(name), LONGEST, json_escape),
            };
        });
        line.push('}');
        line
    }
}

impl fmt::Display for AuditRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

/// The characters of a name, and its unpaired surrogates.
fn characters(name: &UnicodeString) -> impl Iterator<Item = Result<char, u16>> {
    char::decode_utf16(name.units().iter().copied()).map(|c| c.map_err(|error| error.unpaired_surrogate()))
}

/// Writes a text in quotes, cut after `longest` UTF-16 units. Of what must not be printed as it is, `escape` writes something else.
fn quoted(
    line: &mut String,
    characters: impl Iterator<Item = Result<char, u16>>,
    longest: usize,
    escape: fn(&mut String, Result<char, u16>) -> fmt::Result,
) -> fmt::Result {
    line.push('"');
    let mut used = 0;
    for character in characters {
        used += character.map_or(1, char::len_utf16);
        if used > longest {
            line.push('…');
            break;
        }
        match character {
            Ok(c) if is_printable(c) && !matches!(c, '"' | '\\') => line.push(c),
            other => escape(line, other)?,
        }
    }
    line.push('"');
    Ok(())
}

/// `\"`, `\\`, and `\u{hex}` for everything else, unpaired surrogates too.
fn text_escape(line: &mut String, character: Result<char, u16>) -> fmt::Result {
    match character {
        Ok(c @ ('"' | '\\')) => write!(line, "\\{c}"),
        Ok(c) => write!(line, "\\u{{{:x}}}", u32::from(c)),
        Err(unit) => write!(line, "\\u{{{unit:x}}}"),
    }
}

/// `\"`, `\\`, and `\uXXXX` for everything else. An unpaired surrogate, which JSON's readers refuse, becomes U+FFFD.
fn json_escape(line: &mut String, character: Result<char, u16>) -> fmt::Result {
    match character {
        Ok(c @ ('"' | '\\')) => write!(line, "\\{c}"),
        Ok(c) => c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(line, "\\u{unit:04x}")),
        Err(_) => line.write_char(char::REPLACEMENT_CHARACTER),
    }
}

fn decision(decision: Decision) -> &'static str {
    match decision {
        Decision::Accepted => "accepted",
        Decision::Denied => "denied",
        Decision::Refused => "refused",
        Decision::Malformed => "malformed",
        Decision::Unavailable => "unavailable",
        Decision::LockedOut => "locked_out",
        Decision::RecordsLost => "records_lost",
    }
}

fn kind_name(kind: IdentityKind) -> &'static str {
    match kind {
        IdentityKind::User => "user",
        IdentityKind::Guest => "guest",
        IdentityKind::Anonymous => "anonymous",
    }
}

fn response(class: ResponseClass) -> &'static str {
    match class {
        ResponseClass::Anonymous => "anonymous",
        ResponseClass::LmOnly => "lm",
        ResponseClass::NtlmV1 => "ntlmv1",
        ResponseClass::NtlmV1Ess => "ntlmv1_ess",
        ResponseClass::NtlmV2 => "ntlmv2",
    }
}

fn mic(check: MicCheck) -> &'static str {
    match check {
        MicCheck::Verified => "verified",
        MicCheck::Absent => "absent",
        MicCheck::Wrong => "wrong",
        MicCheck::Claimed => "claimed",
    }
}

fn bindings(check: BindingsCheck) -> &'static str {
    match check {
        BindingsCheck::Verified => "verified",
        BindingsCheck::Absent => "absent",
        BindingsCheck::Wrong => "wrong",
        BindingsCheck::Claimed => "claimed",
        BindingsCheck::NotAsked => "not_asked",
    }
}

/// A time in UTC as RFC 3339 has it, with the 100 ns of a FILETIME.
struct Time(FileTime);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, ticks) = (self.0.0 / 10_000_000, self.0.0 % 10_000_000);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        // 1601-01-01, where FILETIME begins, begins 400 years of the calendar, too: 146,097 days, of which the first three centuries have 36,524 days. A year
        // counted from there is a leap year when it is the fourth, and not the hundredth.
        let (era, day) = (days / 146_097, days % 146_097);
        let century = (day / 36_524).min(3);
        let day = day - century * 36_524;
        let quad = (day / 1_461).min(24);
        let day = day - quad * 1_461;
        let year_of_quad = (day / 365).min(3);
        let mut day = day - year_of_quad * 365;
        let year = 1601 + era * 400 + century * 100 + quad * 4 + year_of_quad;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let mut month = 1;
        for length in [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
            if day < length {
                break;
            }
            day -= length;
            month += 1;
        }
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{ticks:07}Z", day + 1)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (unix, text) in [
            (0, "1970-01-01T00:00:00.0000000Z"),
            (951_782_399, "2000-02-28T23:59:59.0000000Z"),
            (951_782_400, "2000-02-29T00:00:00.0000000Z"),
            (951_868_800, "2000-03-01T00:00:00.0000000Z"),
            (978_307_199, "2000-12-31T23:59:59.0000000Z"),
            (1_709_164_800, "2024-02-29T00:00:00.0000000Z"),
            (1_735_603_200, "2024-12-31T00:00:00.0000000Z"),
            (1_735_689_600, "2025-01-01T00:00:00.0000000Z"),
            (1_795_368_578, "2026-11-22T17:29:38.0000000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.0000000Z"),
            (4_107_456_000, "2100-02-28T00:00:00.0000000Z"),
            (253_402_300_799, "9999-12-31T23:59:59.0000000Z"),
        ] {
            assert_eq!(Time(FileTime::from_unix(Duration::from_secs(unix))).to_string(), text);
        }
        assert_eq!(Time(FileTime(0)).to_string(), "1601-01-01T00:00:00.0000000Z");
        assert_eq!(Time(FileTime(864_000_000_000 * 365 - 1)).to_string(), "1601-12-31T23:59:59.9999999Z");
        assert_eq!(Time(FileTime(u64::MAX)).to_string(), "60056-05-28T05:36:10.9551615Z");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let date = |day: u64| Time(FileTime(day * 864_000_000_000)).to_string()[..10].to_owned();
        let mut last = date(0);
        for day in 1..146_097 * 2 {
            let next = date(day);
            let begins = next.ends_with("-01");
            assert!(next > last && (begins || next[..7] == last[..7]), "{next} after {last}");
            last = next;
        }
        assert_eq!(last, "2400-12-31");
    }
}
