//! Writes the JSON of an event, field after field, straight into its buffer.
//!
//! The contract types serialise too, but they have no constructors: their values are checked texts
//! that borrow from a decoded document. To use them here, each of the 166 fields of the kinds would
//! be named and parsed first. So a field here is one line, and the decoder in the tests proves that
//! every event keeps its contract.
//!
//! Names and values are the generator's own, so nothing is escaped.

use std::fmt::Display;
use std::io::Write;

/// Writes objects into a buffer, with commas where they are needed.
pub(super) struct JsonWriter<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> JsonWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// A field whose value is a string.
    pub(super) fn text(&mut self, name: &str, value: impl Display) {
        self.name(name);
        append(self.out, format_args!("\"{value}\""));
    }

    /// A field whose value is a number or true or false.
    pub(super) fn value(&mut self, name: &str, value: impl Display) {
        self.name(name);
        append(self.out, value);
    }

    /// A field whose value is a list of strings.
    pub(super) fn texts(&mut self, name: &str, values: &[&str]) {
        self.name(name);
        self.out.push(b'[');
        for value in values {
            self.comma();
            append(self.out, format_args!("\"{value}\""));
        }
        self.out.push(b']');
    }

    /// Opens an object in the object that is open.
    pub(super) fn open(&mut self, name: &str) {
        self.name(name);
        self.open_document();
    }

    /// Opens the outermost object.
    pub(super) fn open_document(&mut self) {
        self.out.push(b'{');
    }

    /// Closes the object that was opened last.
    pub(super) fn close(&mut self) {
        self.out.push(b'}');
    }

    fn name(&mut self, name: &str) {
        self.comma();
        append(self.out, format_args!("\"{name}\":"));
    }

    fn comma(&mut self) {
        if !matches!(self.out.last(), None | Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }
}

/// Appends a value's text to a buffer.
pub(super) fn append(out: &mut Vec<u8>, value: impl Display) {
    write!(out, "{value}").expect("a buffer in memory takes all");
}
