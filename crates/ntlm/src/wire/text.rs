//! Names as NTLM sees them: sequences of 16-bit units, compared and upper-cased the way Windows does.
//!
//! Names are opaque. They are never normalised, trimmed or repaired, because a response is a hash over their exact units;
//! an unpaired surrogate is as good as any other unit. What is printed is escaped and capped.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use super::NegotiateFlags;

/// The character set of the names in a message: what NTLMSSP_NEGOTIATE_UNICODE decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// UTF-16LE.
    Unicode,
    /// An OEM code page agreed out of band. Read as Latin-1, which agrees with every code page on ASCII; there is no best-fit
    /// mapping, so no exotic character can turn into a `\` or an `@`.
    Oem,
}

impl Charset {
    /// The character set of a message with these flags: Unicode wins over OEM.
    #[must_use]
    pub const fn of(flags: NegotiateFlags) -> Self {
        if flags.contains(NegotiateFlags::UNICODE) { Self::Unicode } else { Self::Oem }
    }
}

/// A text of UTF-16 units, possibly with unpaired surrogates: what MS-NLMP calls a Unicode string.
#[derive(Clone, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct UnicodeString(Box<[u16]>);

/// Printed names are cut here, in UTF-16 units.
const PRINTED_UNITS: usize = 256;

impl UnicodeString {
    /// Takes the units of `units` as they are.
    #[must_use]
    pub fn from_units(units: &[u16]) -> Self {
        Self(units.into())
    }

    /// Decodes the bytes of a name in a message. Of an odd number of UTF-16 bytes the last is dropped; the
    /// parsers refuse such names before they come here.
    #[must_use]
    pub fn decode(bytes: &[u8], charset: Charset) -> Self {
        match charset {
            Charset::Unicode => Self(units_of(bytes).collect()),
            Charset::Oem => Self(bytes.iter().map(|&byte| u16::from(byte)).collect()),
        }
    }

    /// Appends the bytes of the name for a message to `out`. In OEM, units above 0xFF become `?`.
    pub fn encode(&self, charset: Charset, out: &mut Vec<u8>) {
        match charset {
            Charset::Unicode => {
                // Many units at a time: byte by byte it would cost as much as a block of MD5.
                let start = out.len();
                out.resize(start + self.0.len() * 2, 0);
                let (bytes, _) = out.get_mut(start..).unwrap_or_default().as_chunks_mut();
                bytes.iter_mut().zip(&self.0).for_each(|(bytes, unit)| *bytes = unit.to_le_bytes());
            }
            Charset::Oem => out.extend(self.0.iter().map(|&unit| u8::try_from(unit).unwrap_or(b'?'))),
        }
    }

    /// Length in bytes when encoded in `charset`.
    #[must_use]
    pub fn encoded_length(&self, charset: Charset) -> usize {
        match charset {
            Charset::Unicode => self.0.len() * 2,
            Charset::Oem => self.0.len(),
        }
    }

    /// The UTF-16LE bytes of the name.
    #[must_use]
    pub fn to_utf16le(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() * 2);
        self.encode(Charset::Unicode, &mut out);
        out
    }

    /// The units.
    #[must_use]
    pub fn units(&self) -> &[u16] {
        &self.0
    }

    /// Bytes on the heap.
    pub(crate) fn heap(&self) -> usize {
        self.0.len() * 2
    }

    /// Number of UTF-16 units.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no units.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every unit is ASCII.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.0.iter().all(|&unit| unit < 0x80)
    }

    /// Whether the two names are the same to Windows: equal after [`upcase`] of every unit.
    #[must_use]
    pub fn eq_ignore_case(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(&a, &b)| a == b || upcase(a) == upcase(b))
    }

    /// Every unit upper-cased by [`upcase`]; the key to look a name up by.
    #[must_use]
    pub fn to_upper(&self) -> Self {
        Self(self.0.iter().map(|&unit| upcase(unit)).collect())
    }

    /// The text, with U+FFFD for unpaired surrogates. For display and logs, never for a look-up.
    #[must_use]
    pub fn to_string_lossy(&self) -> String {
        String::from_utf16_lossy(&self.0)
    }
}

impl From<Vec<u16>> for UnicodeString {
    /// Takes the units as they are.
    fn from(units: Vec<u16>) -> Self {
        Self(units.into_boxed_slice())
    }
}

impl From<&str> for UnicodeString {
    fn from(text: &str) -> Self {
        Self(text.encode_utf16().collect())
    }
}

impl From<String> for UnicodeString {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl fmt::Display for UnicodeString {
    /// Control characters, direction marks and unpaired surrogates are escaped, and 256 units are the most that is shown, so that
    /// a name can go into a log line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..PRINTED_UNITS).unwrap_or(&self.0);
        for unit in char::decode_utf16(shown.iter().copied()) {
            match unit {
                Ok(c) if is_printable(c) => f.write_char(c)?,
                Ok(c) => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                Err(error) => write!(f, "\\u{{{:x}}}", error.unpaired_surrogate())?,
            }
        }
        if shown.len() < self.0.len() { f.write_str("...") } else { Ok(()) }
    }
}

impl fmt::Debug for UnicodeString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Whether a character may be printed as it is: neither a control nor one of the marks that reorder or hide text.
#[must_use]
pub fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The UTF-16 units of little-endian bytes.
pub(crate) fn units_of(bytes: &[u8]) -> impl Iterator<Item = u16> + '_ {
    bytes.as_chunks::<2>().0.iter().map(|&pair| u16::from_le_bytes(pair))
}

/// Upper-cases one UTF-16 unit as Windows does: a one-to-one table, not Unicode's full mapping.
///
/// So `ß` stays `ß`, dotless `ı` stays, `ſ` stays, ligatures stay, surrogates stay. The table is that of the
/// Vista generation over the whole BMP; letters that came to Unicode after 5.0 are mapped as in current Unicode.
/// (MS-NLMP 3.3.2 `Upper`; MS-UCODEREF 3.1.5.3 describes the idea.)
#[must_use]
pub fn upcase(unit: u16) -> u16 {
    match unit {
        0x61..=0x7a => unit - 0x20,
        0..=0x7f => unit,
        // Unicode maps these; Windows' table does not.
        0x00b5
        | 0x0131
        | 0x017f
        | 0x01c5
        | 0x01c8
        | 0x01cb
        | 0x01f2
        | 0x0345
        | 0x03d0
        | 0x03d1
        | 0x03d5
        | 0x03d6
        | 0x03f0
        | 0x03f1
        | 0x03f5
        | 0x1e9b
        | 0x1fbe
        | 0x10d0..=0x10ff
        | 0x1c80..=0x1c88
        | 0x13f8..=0x13fd
        | 0xab70..=0xabbf => unit,
        // Unicode's full mapping gives two letters; Windows' table gives the title-case letter.
        0x1f80..=0x1f87 | 0x1f90..=0x1f97 | 0x1fa0..=0x1fa7 => unit + 8,
        0x1fb3 => 0x1fbc,
        _ => {
            let Some(c) = char::from_u32(u32::from(unit)) else { return unit };
            let mut upper = c.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(one), None) => u16::try_from(u32::from(one)).unwrap_or(unit),
                _ => unit,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_casing_is_one_to_one_and_not_unicodes() {
        for (lower, upper) in [
            ('a', 'A'),
            ('z', 'Z'),
            ('é', 'É'),
            ('ÿ', 'Ÿ'),
            ('ς', 'Σ'),
            ('я', 'Я'),
            ('ß', 'ß'),
            ('ı', 'ı'),
            ('i', 'I'),
            ('ſ', 'ſ'),
            ('ŉ', 'ŉ'),
            ('ﬁ', 'ﬁ'),
            ('µ', 'µ'),
            ('ა', 'ა'),
            ('ᾀ', 'ᾈ'),
            ('ᾳ', 'ᾼ'),
        ] {
            assert_eq!(upcase(lower as u16), upper as u16, "{lower}");
        }
        for surrogate in 0xd800..=0xdfff {
            assert_eq!(upcase(surrogate), surrogate);
        }
    }

    #[test]
    fn no_two_letters_become_one_but_the_two_small_sigmas() {
        let mut merged = std::vec::Vec::new();
        let mut lower = std::collections::BTreeMap::new();
        for unit in 0..=u16::MAX {
            if upcase(unit) != unit
                && let Some(other) = lower.insert(upcase(unit), unit)
            {
                merged.push((other, unit));
            }
        }
        assert_eq!(merged, [(0x3c2, 0x3c3)]);
    }

    #[test]
    fn printed_names_cannot_break_a_log_line() {
        let name = UnicodeString::from_units(&[0x61, 0x0a, 0x00, 0x202e, 0xd800, 0x62]);
        assert_eq!(alloc::format!("{name}"), "a\\u{a}\\u{0}\\u{202e}\\u{d800}b");
        let long = UnicodeString::from_units(&[0x78; 30_000]);
        assert_eq!(alloc::format!("{long}").len(), 259);
    }
}
