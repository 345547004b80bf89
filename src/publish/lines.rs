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

#[cfg(test)]
mod tests {
    use super::*;

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
