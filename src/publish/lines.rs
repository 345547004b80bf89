//! Reads the lines of a file one by one into one buffer.
//!
//! A line longer than any event is cut to one byte more than the limit, so that it is still
//! rejected as too long: memory stays bounded for any file.

use std::io::{self, BufRead};

use crate::contract::VALUE_BYTES_MAX;
use crate::files::csv::is_utf16;

/// How a workbook begins: as any archive of ZIP.
pub(crate) const WORKBOOK_START: &[u8] = b"PK\x03\x04";
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

    /// The form of the file if it is not one event per line; to be called first.
    pub fn other_form(&mut self) -> io::Result<Option<OtherForm>> {
        Ok(OtherForm::from_start(self.reader.fill_buf()?))
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

/// A common form of file that is not one event per line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherForm {
    /// A workbook of a spreadsheet.
    Workbook,
    /// Text as UTF-16.
    Utf16,
    /// A JSON array.
    Array,
    /// JSON objects of several lines each.
    Indented,
    /// A table with a header.
    Table,
}

impl OtherForm {
    /// The form of a file whose first bytes these are, unless it may be one event per line.
    pub fn from_start(start: &[u8]) -> Option<Self> {
        if start.starts_with(WORKBOOK_START) {
            return Some(Self::Workbook);
        }
        if is_utf16(start) {
            return Some(Self::Utf16);
        }
        let start = &start[..start.len().min(KEPT_BYTES_MAX)];
        let text = String::from_utf8_lossy(start);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let is_cut = !text.contains('\n') && start.len() >= KEPT_BYTES_MAX;
        let line = text.lines().next().unwrap_or_default().trim_end();
        match line.chars().next()? {
            '[' => Some(Self::Array),
            '{' if is_cut || !line.ends_with(['{', ',', '[']) => None,
            '{' => Some(Self::Indented),
            first if first == '"' || first.is_alphanumeric() => {
                line.contains([',', ';', '\t']).then_some(Self::Table)
            }
            _ => None,
        }
    }

    /// What the file is, and how to turn it into one event per line.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Workbook => {
                "this is a workbook: save it as CSV UTF-8, and turn its rows into events as \
                 docs/partners.md shows"
            }
            Self::Utf16 => "this is UTF-16: save the file as UTF-8 without a byte order mark",
            Self::Array => {
                "this is a JSON array: write one event per line, without brackets around them and \
                 commas between them, as `jq --compact-output '.[]'` does"
            }
            Self::Indented => {
                "this is indented JSON: write each event on one line, as `jq --compact-output .` \
                 does"
            }
            Self::Table => {
                "this looks like a table (CSV): turn its rows into events as docs/partners.md \
                 shows, or send it to the partnership's door, which reads tables"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_one_event_per_line_is_recognised() {
        for (start, form) in [
            (
                &b"{\n  \"specversion\": \"1.0\",\n"[..],
                OtherForm::Indented,
            ),
            (b"{\"specversion\": \"1.0\",\n", OtherForm::Indented),
            (b"\n[{\"specversion\":\"1.0\"}]\n", OtherForm::Array),
            (b"subject,revision,time\nh-1,1,", OtherForm::Table),
            (b"\xef\xbb\xbfsubject;revision\r\n", OtherForm::Table),
            (b"\"subject\",\"revision\"\n", OtherForm::Table),
            (b"PK\x03\x04..", OtherForm::Workbook),
            (b"\xff\xfe{\0", OtherForm::Utf16),
        ] {
            assert_eq!(OtherForm::from_start(start), Some(form));
        }
        for events in [
            "",
            "\n",
            "{}\n{}\n",
            "\u{feff}{}\n",
            "{\"a\":1}",
            "nonsense\n",
            "{\"a\":[1",
        ] {
            assert_eq!(OtherForm::from_start(events.as_bytes()), None, "{events}");
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
