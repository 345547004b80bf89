//! The JSON profile: RFC 8259 without what readers disagree on.
//!
//! No key twice in an object, no number but plain integers, no surrogate alone, no more than
//! [`DEPTH_MAX`] containers within each other. A syntax violation ends the reading; the others are
//! gathered, in the order of the codes.

use serde_json::{Map, Number, Value};

use super::Violations;
use crate::contract::pointer::{Pointer, PointerStep};
use crate::contract::rejection::{Reason, Violation};

/// How many arrays and objects may stand within each other.
const DEPTH_MAX: usize = 16;
/// The greatest length of a number, its sign included.
const NUMBER_LEN_MAX: usize = 19;

/// The value of a document under the profile; `root` is the field that contains it, or empty.
pub(super) fn parse(text: &str, root: &str, most: usize) -> Result<Value, Vec<Violation>> {
    let mut pointer = Pointer::default();
    if !root.is_empty() {
        pointer.enter(PointerStep::to(root));
    }
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
        pointer,
        violations: Violations::by_rank(most),
    };
    let value = parser.document().ok_or_else(|| {
        let rule = "the value must be one complete JSON text (RFC 8259), at most 16 levels deep: check the encoder";
        vec![Violation::new(Reason::JsonSyntax, "", rule)]
    })?;
    match parser.violations.kept {
        violations if violations.is_empty() => Ok(value),
        violations => Err(violations),
    }
}

/// A reader; `None` from its methods is a syntax violation.
struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    pointer: Pointer,
    violations: Violations,
}

impl Parser<'_> {
    fn document(&mut self) -> Option<Value> {
        let value = self.value()?;
        self.skip_whitespace();
        (self.at == self.text.len()).then_some(value)
    }

    fn value(&mut self) -> Option<Value> {
        self.skip_whitespace();
        match self.peek()? {
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'"' => self.string().map(Value::String),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => self.number(),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Option<Value>) -> Option<Value> {
        self.at += 1;
        self.depth += 1;
        let value = (self.depth <= DEPTH_MAX).then(|| read(self))?;
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Option<Value> {
        let mut fields = Map::new();
        self.skip_whitespace();
        if self.take(b'}') {
            return Some(Value::Object(fields));
        }
        loop {
            self.skip_whitespace();
            let name = self.string()?;
            self.skip_whitespace();
            self.take(b':').then_some(())?;
            self.pointer.enter(PointerStep::to(&name));
            let value = self.value()?;
            if fields.insert(name, value).is_some() {
                self.note(
                    Reason::JsonDuplicateKey,
                    "an object has each name once, also when written with escapes: send it once",
                );
            }
            self.pointer.leave();
            self.skip_whitespace();
            if self.take(b'}') {
                return Some(Value::Object(fields));
            }
            self.take(b',').then_some(())?;
        }
    }

    fn array(&mut self) -> Option<Value> {
        let mut items = Vec::new();
        self.skip_whitespace();
        if self.take(b']') {
            return Some(Value::Array(items));
        }
        loop {
            self.pointer.enter(PointerStep::Item(items.len()));
            items.push(self.value()?);
            self.pointer.leave();
            self.skip_whitespace();
            if self.take(b']') {
                return Some(Value::Array(items));
            }
            self.take(b',').then_some(())?;
        }
    }

    fn string(&mut self) -> Option<String> {
        self.take(b'"').then_some(())?;
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest
                .bytes()
                .position(|c| c == b'"' || c == b'\\' || c < b' ')?;
            text.push_str(&rest[..plain]);
            self.at += plain + 1;
            match rest.as_bytes()[plain] {
                b'"' => return Some(text),
                b'\\' => text.push(self.escape()?),
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += 1;
        Some(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.hex()?;
                return self.scalar(unit);
            }
            _ => return None,
        })
    }

    /// The character of a UTF-16 unit and, after a high surrogate, the low one that follows.
    fn scalar(&mut self, unit: u16) -> Option<char> {
        let mut units = vec![unit];
        let is_high = (0xd800..0xdc00).contains(&unit);
        if is_high && self.text[self.at..].starts_with("\\u") {
            let before = self.at;
            self.at += 2;
            let low = self.hex()?;
            if (0xdc00..0xe000).contains(&low) {
                units.push(low);
            } else {
                self.at = before;
            }
        }
        let scalar = char::decode_utf16(units).next()?;
        if scalar.is_err() {
            self.note(
                Reason::JsonEscape,
                "a surrogate must be one of a pair, such as \\ud83d\\ude00: check the encoder",
            );
        }
        Some(scalar.unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self) -> Option<u16> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        digits
            .bytes()
            .all(|c| c.is_ascii_hexdigit())
            .then(|| u16::from_str_radix(digits, 16).ok())?
    }

    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        let negative = self.take(b'-');
        let zero = self.take(b'0');
        (zero || self.digits() > 0).then_some(())?;
        let mut plain = !(negative && zero);
        if self.take(b'.') {
            plain = false;
            (self.digits() > 0).then_some(())?;
        }
        if self.take(b'e') || self.take(b'E') {
            plain = false;
            let _signed = self.take(b'+') || self.take(b'-');
            (self.digits() > 0).then_some(())?;
        }
        let token = &self.text[start..self.at];
        let number = if plain && token.len() <= NUMBER_LEN_MAX {
            integer(token)
        } else {
            None
        };
        if number.is_none() {
            self.note(
                Reason::JsonNumber,
                "a number must be a plain integer of at most 19 characters: send no fraction, exponent or -0",
            );
        }
        Some(number.map_or(Value::Null, Value::Number))
    }

    fn digits(&mut self) -> usize {
        let count = self.text[self.at..]
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        self.at += count;
        count
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        self.text[self.at..].starts_with(word).then(|| {
            self.at += word.len();
            value
        })
    }

    fn note(&mut self, reason: Reason, rule: &'static str) {
        self.violations.note(reason, &self.pointer.text(), || rule);
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
}

fn integer(token: &str) -> Option<Number> {
    token
        .parse::<i64>()
        .map(Number::from)
        .or_else(|_| token.parse::<u64>().map(Number::from))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, (Reason, &str)>) {
        let read = parse(text, "", 1)
            .map(|value| value.to_string())
            .map_err(|violations| (violations[0].reason, violations[0].pointer.clone()));
        let expected = expected
            .map(str::to_owned)
            .map_err(|(reason, pointer)| (reason, pointer.to_owned()));
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn the_profile_is_narrower_than_json() {
        use Reason::{JsonDuplicateKey, JsonEscape, JsonNumber, JsonSyntax};
        check(
            r#" {"a" : [1, -20 ,true,null,"\u00e9\ud83d\ude00\/"]} "#,
            Ok(r#"{"a":[1,-20,true,null,"é😀/"]}"#),
        );
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "NaN",
            "01",
            "-",
            "1.",
            "1e",
            "+1",
            ".5",
            "\"\n\"",
            r#""\x""#,
            r#""\u00g0""#,
            "[] []",
            "tru",
            "{1:2}",
            "{\"a\" 1}",
            "\"a",
            r#""\u+123""#,
        ] {
            check(text, Err((JsonSyntax, "")));
        }
        check(r#"{"subject":"\ud800"}"#, Err((JsonEscape, "/subject")));
        check(r#"["\ude00","\ud800\ud800"]"#, Err((JsonEscape, "/0")));
        check(
            r#"{"data":{"what":1,"\u0077hat":1}}"#,
            Err((JsonDuplicateKey, "/data/what")),
        );
        check(r#"{"x":{"a":1,"a":1}}"#, Err((JsonDuplicateKey, "")));
        for number in ["2.0", "2e0", "-0", "1e999", "12345678901234567890", "-0.0"] {
            check(number, Err((JsonNumber, "")));
        }
        check("9999999999999999999", Ok("9999999999999999999"));
        check(
            &format!("{}{}", "[".repeat(16), "]".repeat(16)),
            Ok(&format!("{}{}", "[".repeat(16), "]".repeat(16))),
        );
        check(
            &format!("{}{}", "[".repeat(17), "]".repeat(17)),
            Err((JsonSyntax, "")),
        );
    }
}
