//! Reads the lines of a file one by one into one buffer.
//!
//! A line longer than any event is cut to one byte more than the limit, so that it is still
//! rejected as too long: memory stays bounded for any file.

use std::io::{self, BufRead};

use crate::contract::VALUE_BYTES_MAX;

/// The most bytes of a line that are kept.
const KEPT_BYTES_MAX: usize = VALUE_BYTES_MAX + 1;

/// Reads lines. Empty lines are skipped but counted in the line numbers.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    number: u64,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// The lines of a reader.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            number: 0,
            line: Vec::new(),
        }
    }

    /// What the file is if it is not one event per line, and what to do; to be called first.
    pub fn other_form(&mut self) -> io::Result<Option<&'static str>> {
        Ok(other_form(self.reader.fill_buf()?))
    }

    /// The next line that is not empty, without its end, and its number from 1.
    pub fn read(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        loop {
            if !self.read_any()? {
                return Ok(None);
            }
            if !self.line.is_empty() {
                return Ok(Some((self.number, &self.line)));
            }
        }
    }

    /// Reads a line, empty or not; `false` at the end of the file.
    fn read_any(&mut self) -> io::Result<bool> {
        self.line.clear();
        self.number += 1;
        let mut found = false;
        loop {
            let bytes = self.reader.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            found = true;
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            self.line
                .extend_from_slice(&part[..part.len().min(KEPT_BYTES_MAX - self.line.len())]);
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        Ok(found)
    }
}

/// The form of a file whose first bytes are these, unless it may be one event per line.
fn other_form(start: &[u8]) -> Option<&'static str> {
    if start.starts_with(b"PK\x03\x04") {
        return Some(
            "this is a workbook: save it as CSV UTF-8, and turn its rows into events as docs/partners.md shows",
        );
    }
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return Some("this is UTF-16: save the file as UTF-8 without a byte order mark");
    }
    let text = String::from_utf8_lossy(start);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let is_cut = !text.contains('\n') && start.len() >= KEPT_BYTES_MAX;
    let line = text.lines().next().unwrap_or_default().trim_end();
    match line.chars().next()? {
        '[' => Some(
            "this is a JSON array: write one event per line, without brackets around them and commas \
             between them, as `jq --compact-output '.[]'` does",
        ),
        '{' if is_cut || !line.ends_with(['{', ',', '[']) => None,
        '{' => Some(
            "this is indented JSON: write each event on one line, as `jq --compact-output .` does",
        ),
        first if first == '"' || first.is_alphanumeric() => line.contains([',', ';', '\t']).then_some(
            "this looks like a table (CSV): turn its rows into events as docs/partners.md shows, or send it \
             to the partnership's door, which reads tables",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_one_event_per_line_is_recognised() {
        let form = |text: &str| other_form(text.as_bytes()).map(|form| &form[..18]);
        assert_eq!(
            form("{\n  \"specversion\": \"1.0\",\n"),
            Some("this is indented J")
        );
        assert_eq!(
            form("{\"specversion\": \"1.0\",\n"),
            Some("this is indented J")
        );
        assert_eq!(
            form("\n[{\"specversion\":\"1.0\"}]\n"),
            Some("this is a JSON arr")
        );
        assert_eq!(
            form("subject,revision,time\nh-1,1,"),
            Some("this looks like a ")
        );
        assert_eq!(
            form("\u{feff}subject;revision\r\n"),
            Some("this looks like a ")
        );
        assert_eq!(
            form("\"subject\",\"revision\"\n"),
            Some("this looks like a ")
        );
        assert_eq!(
            other_form(b"PK\x03\x04..").map(|form| &form[..18]),
            Some("this is a workbook")
        );
        assert_eq!(
            other_form(b"\xff\xfe{\0").map(|form| &form[..14]),
            Some("this is UTF-16")
        );
        for events in [
            "",
            "\n",
            "{}\n{}\n",
            "\u{feff}{}\n",
            "{\"a\":1}",
            "nonsense\n",
            "{\"a\":[1",
        ] {
            assert_eq!(other_form(events.as_bytes()), None, "{events}");
        }
    }

    #[test]
    fn lines_are_numbered_and_bounded() {
        let long = "x".repeat(KEPT_BYTES_MAX * 2);
        let text = format!("one\r\n\n{long}\nfour");
        let mut lines = Lines::new(io::BufReader::with_capacity(100, text.as_bytes()));
        let mut next = || {
            lines
                .read()
                .expect("readable")
                .map(|(number, line)| (number, line.len()))
        };
        assert_eq!(
            [next(), next(), next(), next()],
            [Some((1, 3)), Some((3, KEPT_BYTES_MAX)), Some((4, 4)), None]
        );
    }
}
