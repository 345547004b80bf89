//! Finds the keys and strings of what may be JSON: cut short, too deep, too large or not well
//! formed.
//!
//! It does not judge and does not recurse; it keeps as much of the path as a field of the contract
//! has.

use std::borrow::Cow;

use crate::contract::pointer::{Pointer, PointerStep};

/// What a string is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StringKind {
    /// The name of a field of the object at the pointer.
    Key,
    /// The string at the pointer.
    Value,
}

/// How many containers are remembered; the contract has no field below.
const LEVELS_MAX: usize = 32;

/// An open container, and the step to what comes next in it.
struct OpenContainer {
    is_array: bool,
    next: PointerStep,
}

/// Calls `visit` with every key and string, escapes undone, in order.
pub(super) fn strings(
    bytes: &[u8],
    pointer: Pointer,
    visit: impl FnMut(&Pointer, StringKind, &[u8]),
) {
    Scanner {
        bytes,
        at: 0,
        pointer,
        levels: Vec::with_capacity(LEVELS_MAX),
        deeper: 0,
        visit,
    }
    .run();
}

struct Scanner<'a, V> {
    bytes: &'a [u8],
    at: usize,
    pointer: Pointer,
    levels: Vec<OpenContainer>,
    /// How many containers are open beyond those remembered.
    deeper: usize,
    visit: V,
}

impl<V: FnMut(&Pointer, StringKind, &[u8])> Scanner<'_, V> {
    fn run(mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => self.string(),
                b'{' | b'[' => self.open(byte == b'['),
                b'}' | b']' => self.close(),
                b',' => self.pass(),
                _ => {}
            }
        }
    }

    fn open(&mut self, is_array: bool) {
        if self.levels.len() == LEVELS_MAX {
            self.deeper += 1;
            return;
        }
        if let Some(level) = self.levels.last() {
            self.pointer.enter(level.next);
        }
        let next = if is_array {
            PointerStep::Item(0)
        } else {
            PointerStep::Unknown
        };
        self.levels.push(OpenContainer { is_array, next });
    }

    fn close(&mut self) {
        if self.deeper > 0 {
            self.deeper -= 1;
        } else if self.levels.pop().is_some() && !self.levels.is_empty() {
            self.pointer.leave();
        }
    }

    /// A comma: the next item, or a field whose name is still to come.
    fn pass(&mut self) {
        if let (0, Some(level)) = (self.deeper, self.levels.last_mut()) {
            level.next = match level.next {
                PointerStep::Item(index) if level.is_array => PointerStep::Item(index + 1),
                _ => PointerStep::Unknown,
            };
        }
    }

    fn string(&mut self) {
        let rest = &self.bytes[self.at..];
        let (raw, closed) = until_quote(rest);
        self.at += raw.len() + usize::from(closed);
        let text = unescaped(raw);
        if closed && self.is_before_colon() {
            (self.visit)(&self.pointer, StringKind::Key, &text);
            if let (0, Some(level)) = (self.deeper, self.levels.last_mut()) {
                level.next =
                    std::str::from_utf8(&text).map_or(PointerStep::Unknown, PointerStep::to);
            }
        } else {
            self.value(&text, closed);
        }
    }

    fn value(&mut self, text: &[u8], closed: bool) {
        let step = if self.deeper > 0 {
            Some(PointerStep::Unknown)
        } else {
            self.levels.last().map(|level| level.next)
        };
        // What is cut short may still be personal, but it does not say who sent it.
        let step = if closed || !matches!(step, Some(PointerStep::Field("source" | "type"))) {
            step
        } else {
            Some(PointerStep::Unknown)
        };
        if let Some(step) = step {
            self.pointer.enter(step);
        }
        (self.visit)(&self.pointer, StringKind::Value, text);
        if step.is_some() {
            self.pointer.leave();
        }
    }

    fn is_before_colon(&self) -> bool {
        let next = self.bytes[self.at..]
            .iter()
            .find(|byte| !byte.is_ascii_whitespace());
        next == Some(&b':')
    }
}

/// The bytes of a string up to its closing quote, and whether there is one.
fn until_quote(bytes: &[u8]) -> (&[u8], bool) {
    let mut escaped = false;
    for (i, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return (&bytes[..i], true),
            _ => {}
        }
    }
    (bytes, false)
}

/// A string's bytes without escapes; an invalid escape or a lone surrogate becomes a space.
fn unescaped(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'\\') {
        return raw.into();
    }
    let mut text = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            text.push(*first);
            continue;
        }
        match tail {
            [b'u', a, b, c, d, after @ ..] => {
                let digits = [*a, *b, *c, *d];
                let unit = std::str::from_utf8(&digits)
                    .ok()
                    .and_then(|hex| u32::from_str_radix(hex, 16).ok());
                let c = unit.and_then(char::from_u32).unwrap_or(' ');
                text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after;
            }
            [c @ (b'"' | b'\\' | b'/'), after @ ..] => {
                text.push(*c);
                rest = after;
            }
            [_, after @ ..] => {
                text.push(b' ');
                rest = after;
            }
            [] => {}
        }
    }
    text.into()
}
