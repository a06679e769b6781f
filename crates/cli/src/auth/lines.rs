//! Lines of bounded length, in a buffer that is wiped: some of them are passwords.

use std::io::{ErrorKind, Read};

use ntlm::wire::MAX_MESSAGE_LENGTH;
use zeroize::{Zeroize as _, Zeroizing};

/// The longest line: a verb, a blank, and the longest message in base64.
const MAX_LINE: usize = 3 + MAX_MESSAGE_LENGTH.div_ceil(3) * 4;

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// Without its end (LF or CRLF).
    Complete(&'a [u8]),
    /// Longer than any request; skipped.
    TooLong,
}

/// Reads lines.
pub(crate) struct Lines<R> {
    input: R,
    buffer: Zeroizing<Vec<u8>>,
    /// The line given out last ends here.
    taken: usize,
    /// What was read ends here.
    filled: usize,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        // Room for the end of the line too.
        Self { input, buffer: Zeroizing::new(vec![0; MAX_LINE + 2]), taken: 0, filled: 0 }
    }

    /// The next line; `None` at the end of the input. A last line without an end is nothing that was sent whole, and is dropped.
    pub(crate) fn next(&mut self) -> std::io::Result<Option<Line<'_>>> {
        self.discard(self.taken);
        let (mut searched, mut too_long) = (0, false);
        loop {
            let unread = self.buffer.get(searched..self.filled).unwrap_or(&[]);
            if let Some(position) = unread.iter().position(|&byte| byte == b'\n') {
                let end = searched + position;
                self.taken = end + 1;
                if too_long {
                    return Ok(Some(Line::TooLong));
                }
                let line = self.buffer.get(..end).unwrap_or(&[]);
                return Ok(Some(Line::Complete(line.strip_suffix(b"\r").unwrap_or(line))));
            }
            searched = self.filled;
            if self.filled == self.buffer.len() {
                too_long = true;
                self.discard(self.filled);
                searched = 0;
            }
            let room = self.buffer.get_mut(self.filled..).unwrap_or(&mut []);
            match self.input.read(room) {
                Ok(0) => return Ok(None),
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Wipes the first `count` bytes and moves the rest to the front.
    fn discard(&mut self, count: usize) {
        let rest = self.filled.saturating_sub(count);
        if let Some(filled) = self.buffer.get_mut(..self.filled) {
            filled.rotate_left(count);
            filled.get_mut(rest..).unwrap_or(&mut []).zeroize();
        }
        self.filled = rest;
        self.taken = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let length = self.1.min(buffer.len()).min(self.0.len());
            buffer[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn all(input: &[u8], step: usize) -> Vec<String> {
        let mut lines = Lines::new(Slow(input, step));
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push(match line {
                Line::Complete(line) if line.len() > 100 => format!("{} bytes", line.len()),
                Line::Complete(line) => String::from_utf8(line.to_vec()).unwrap(),
                Line::TooLong => "too long".to_owned(),
            });
        }
        found
    }

    #[test]
    fn lines_come_one_by_one() {
        for step in [1, 2, 3, 1000] {
            assert_eq!(all(b"one\ntwo\r\n\nfour\r\r\nlost", step), ["one", "two", "", "four\r"]);
            assert_eq!(all(b"", step), [""; 0]);
        }
    }

    #[test]
    fn long_lines_are_skipped_as_a_whole() {
        let mut input = b"first\n".to_vec();
        for length in [MAX_LINE, MAX_LINE + 1, MAX_LINE + 2, 3 * MAX_LINE] {
            input.extend(vec![b'x'; length]);
            input.extend(b"\r\nnext\n");
        }
        let longest = format!("{MAX_LINE} bytes");
        for step in [1000, 1 << 20] {
            let expected = ["first", &longest, "next", "too long", "next", "too long", "next", "too long", "next"]
                .map(str::to_owned);
            assert_eq!(all(&input, step), expected);
        }
    }

    #[test]
    fn what_was_read_is_wiped() {
        let mut lines = Lines::new(Slow(b"PW secret\nGF\n", 1000));
        assert!(lines.next().unwrap().is_some());
        assert!(lines.next().unwrap().is_some());
        assert!(lines.next().unwrap().is_none());
        assert!(!lines.buffer.windows(6).any(|window| window == b"secret"));
    }
}
