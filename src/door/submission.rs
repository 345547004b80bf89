//! One event of a request, as it came.

use bytes::Bytes;

use crate::contract::VALUE_BYTES_MAX;

/// An event as it came: a document, and the line at which it starts in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Submission {
    pub(super) line: Option<u64>,
    pub(super) document: Bytes,
}

impl Submission {
    /// A document, cut to one byte more than the limit: it is refused as too large all the same.
    pub(super) fn new(line: Option<u64>, mut document: Bytes) -> Self {
        document.truncate(VALUE_BYTES_MAX + 1);
        Self { line, document }
    }

    /// The line, or the number from 1 if the events are not in lines.
    pub(super) fn line_or_number(&self, index: usize) -> u64 {
        self.line.unwrap_or(index as u64 + 1)
    }
}

/// Whether a text is a JSON number without sign, fraction or exponent.
pub(super) fn is_plain_number(text: &str) -> bool {
    let is_short = (1..=18).contains(&text.len());
    is_short
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
}
