//! The JSON profile: reads a text once, and accepts only what a schema can accept.
//!
//! Where serde's derives over a general reader are more lenient than a schema (an array in place of
//! an object, by position; `{"s136":null}` in place of an enum; `2.0` in place of an integer),
//! [`Json`] is not: an object is an object, an enum is a string, a number is an integer. It says
//! only that it refuses; a violation is never built, since [`explain`](super::explain) finds what is
//! wrong. Strings without escapes, which are nearly all, are borrowed after one look at eight bytes
//! at a time; one with escapes is left to `serde_json`.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::text::Plain;

/// The typed path refused a document. It does not say why: [`explain`](super::explain) does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not as the contract says")
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }

    // The default texts would be written first.
    fn invalid_type(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }
}

type JsonResult<T> = Result<T, Refused>;

/// A text as it is read.
#[derive(Clone, Copy)]
pub(crate) struct Json<'de> {
    text: &'de str,
    at: usize,
}

impl<'de> Json<'de> {
    /// Reads the whole of a text with one value.
    pub(crate) fn read<T>(
        text: &'de str,
        read: impl FnOnce(&mut Self) -> JsonResult<T>,
    ) -> JsonResult<T> {
        let mut json = Self::new(text);
        let value = read(&mut json)?;
        json.end()?;
        Ok(value)
    }

    /// A text from its start.
    pub(super) const fn new(text: &'de str) -> Self {
        Self { text, at: 0 }
    }

    /// Passes the end of the text.
    pub(super) fn end(&mut self) -> JsonResult<()> {
        if self.peek().is_some() {
            Err(Refused)
        } else {
            Ok(())
        }
    }

    /// The next byte that is not white space.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Passes a byte, after white space.
    #[inline]
    pub(super) fn pass(&mut self, byte: u8) -> JsonResult<()> {
        if self.peek() != Some(byte) {
            return Err(Refused);
        }
        self.at += 1;
        Ok(())
    }

    /// Passes what follows a value, and the white space before the next one: false if it is the
    /// end.
    #[inline]
    pub(super) fn pass_separator(&mut self, end: u8) -> JsonResult<bool> {
        let bytes = self.text.as_bytes();
        // Fast path: usually no white space follows the comma.
        if bytes.get(self.at) == Some(&b',')
            && bytes.get(self.at + 1).is_some_and(|next| *next > b' ')
        {
            self.at += 1;
            return Ok(true);
        }
        let has_next = match self.peek() {
            Some(b',') => true,
            Some(byte) if byte == end => false,
            _ => return Err(Refused),
        };
        self.at += 1;
        if has_next {
            self.peek();
        }
        Ok(has_next)
    }

    /// Passes a name, such as `null`.
    #[inline]
    pub(super) fn name<const N: usize>(&mut self, name: &[u8; N]) -> JsonResult<()> {
        let end = self.at + N;
        let is_next = self.text.as_bytes().get(self.at..end) == Some(name);
        if !is_next {
            return Err(Refused);
        }
        self.at = end;
        Ok(())
    }

    /// True or false.
    #[inline]
    pub(super) fn bool(&mut self) -> JsonResult<bool> {
        let value = self.peek() == Some(b't');
        if value {
            self.name(b"true")?;
        } else {
            self.name(b"false")?;
        }
        Ok(value)
    }

    /// The text up to the next quote. It is a string only if it has no backslash and no control
    /// character, which the caller must check.
    #[inline]
    pub(super) fn until_quote(&mut self) -> JsonResult<&'de str> {
        if self.text.as_bytes().get(self.at) == Some(&b'"') {
            self.at += 1;
        } else {
            self.pass(b'"')?;
        }
        let rest = self.text.get(self.at..).ok_or(Refused)?;
        let text = first_quote(rest.as_bytes()).and_then(|quote| rest.get(..quote));
        let text = text.ok_or(Refused)?;
        self.at += text.len() + 1;
        Ok(text)
    }

    /// The text of a string: borrowed, or for the visitor alone if it has escapes.
    #[inline]
    fn string<V: Visitor<'de>>(&mut self, visitor: V) -> JsonResult<V::Value> {
        self.pass(b'"')?;
        let from = self.at;
        self.at = end_of_plain(self.text.as_bytes(), from);
        match self.text.as_bytes().get(self.at) {
            Some(b'"') => {
                self.at += 1;
                visitor.visit_borrowed_str(&self.text[from..self.at - 1])
            }
            Some(b'\\') => self.escaped(from, visitor),
            _ => Err(Refused),
        }
    }

    /// The same, of a string with escapes.
    #[cold]
    fn escaped<V: Visitor<'de>>(&mut self, from: usize, visitor: V) -> JsonResult<V::Value> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => self.at = end_of_plain(bytes, self.at + 2),
                _ => return Err(Refused),
            }
        }
        self.at += 1;
        let token = self.text.get(from - 1..self.at).ok_or(Refused)?;
        visitor.visit_string(serde_json::from_str(token).map_err(|_| Refused)?)
    }

    /// An integer: `-?(0|[1-9][0-9]*)`, but not `-0`.
    #[inline]
    pub(super) fn integer(&mut self) -> JsonResult<i64> {
        let bytes = self.text.as_bytes();
        let is_negative = self.peek() == Some(b'-');
        let from = self.at + usize::from(is_negative);
        let (mut to, mut value) = (from, 0_i64);
        while let Some(digit) = bytes.get(to).map(|byte| byte.wrapping_sub(b'0'))
            && digit <= 9
        {
            // Built from negative digits: the opposite of `i64::MIN` does not fit.
            let digit = i64::from(digit) * if is_negative { -1 } else { 1 };
            value = value
                .checked_mul(10)
                .and_then(|tens| tens.checked_add(digit))
                .ok_or(Refused)?;
            to += 1;
        }
        let is_padded = to - from > 1 && bytes[from] == b'0';
        let is_minus_zero = is_negative && value == 0;
        if to == from
            || is_padded
            || is_minus_zero
            || matches!(bytes.get(to), Some(b'.' | b'e' | b'E'))
        {
            return Err(Refused);
        }
        self.at = to;
        Ok(value)
    }

    /// A value of the type that is wanted.
    #[inline]
    pub(crate) fn value<T: Deserialize<'de>>(&mut self) -> JsonResult<T> {
        T::deserialize(self)
    }

    /// The names of an object, each with the reader at its value.
    pub(crate) fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, Cow<'de, str>) -> JsonResult<()>,
    ) -> JsonResult<()> {
        self.pass(b'{')?;
        let mut items = Items {
            json: self,
            end: b'}',
            is_first: true,
        };
        while items.has_next()? {
            let name = items.json.value::<Plain<'_>>()?.into_cow();
            items.json.pass(b':')?;
            each(items.json, name)?;
        }
        self.pass(b'}')
    }

    /// Passes an object unread, if its texts have no escapes.
    pub(super) fn skip_object(&mut self) -> JsonResult<()> {
        self.pass(b'{')?;
        let mut depth = 1;
        while depth > 0 {
            match self.peek().ok_or(Refused)? {
                b'"' => {
                    self.until_quote()?;
                    continue;
                }
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
        Ok(())
    }

    /// The text that is not read yet.
    pub(super) fn rest(&self) -> &'de str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// A value of any form, as its text.
    pub(crate) fn raw(&mut self) -> JsonResult<&'de str> {
        let mut values =
            serde_json::Deserializer::from_str(self.rest()).into_iter::<&'de RawValue>();
        let raw = values.next().ok_or(Refused)?.map_err(|_| Refused)?;
        self.at += values.byte_offset();
        Ok(raw.get())
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte that is 0: the lowest bit found is never wrong (Anderson, Bit
/// Twiddling Hacks, "Determine if a word has a byte less than n").
#[inline]
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH
}

/// Where the first quote is.
#[inline]
fn first_quote(bytes: &[u8]) -> Option<usize> {
    let (words, last) = bytes.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let found = zero_bytes(u64::from_le_bytes(*word) ^ (ONES * u64::from(b'"')));
        if found != 0 {
            return Some(index * size_of::<u64>() + (found.trailing_zeros() / 8) as usize);
        }
    }
    let in_last = last.iter().position(|byte| *byte == b'"');
    in_last.map(|at| bytes.len() - last.len() + at)
}

/// Where a string first has a quote, a backslash or a control character, or the text ends.
#[inline]
fn end_of_plain(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = zero_bytes(word ^ (ONES * u64::from(b'"')))
            | zero_bytes(word ^ (ONES * u64::from(b'\\')))
            | control;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))
        .unwrap_or(rest.len())
}

impl<'de> Deserializer<'de> for &mut Json<'de> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> JsonResult<V::Value> {
        match self.peek() {
            Some(b'"') => self.string(visitor),
            Some(b'{') => self.deserialize_map(visitor),
            Some(b'[') => self.deserialize_seq(visitor),
            Some(b't' | b'f') => self.deserialize_bool(visitor),
            Some(b'n') => {
                self.name(b"null")?;
                visitor.visit_unit()
            }
            _ => visitor.visit_i64(self.integer()?),
        }
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> JsonResult<V::Value> {
        visitor.visit_bool(self.bool()?)
    }

    #[inline]
    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> JsonResult<V::Value> {
        visitor.visit_i64(self.integer()?)
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> JsonResult<V::Value> {
        self.string(visitor)
    }

    #[inline]
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> JsonResult<V::Value> {
        self.string(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> JsonResult<V::Value> {
        if self.peek() == Some(b'n') {
            self.name(b"null")?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> JsonResult<V::Value> {
        self.pass(b'{')?;
        let value = visitor.visit_map(Items {
            json: self,
            end: b'}',
            is_first: true,
        })?;
        self.pass(b'}')?;
        Ok(value)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> JsonResult<V::Value> {
        self.deserialize_map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> JsonResult<V::Value> {
        self.pass(b'[')?;
        let value = visitor.visit_seq(Items {
            json: self,
            end: b']',
            is_first: true,
        })?;
        self.pass(b']')?;
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> JsonResult<V::Value> {
        self.string(visitor)
    }

    /// Nothing is passed over unseen, which would have no bound on its depth.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> JsonResult<V::Value> {
        Err(Refused)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i64 i128 u8 u16 u32 u64 u128 f32 f64 char string bytes byte_buf unit unit_struct newtype_struct tuple
        tuple_struct
    }
}

/// The items of an object or an array.
struct Items<'j, 'de> {
    json: &'j mut Json<'de>,
    end: u8,
    is_first: bool,
}

impl Items<'_, '_> {
    /// Passes on to the next item; false at the end.
    #[inline]
    fn has_next(&mut self) -> JsonResult<bool> {
        match self.json.peek() {
            Some(byte) if byte == self.end => Ok(false),
            Some(_) if self.is_first => {
                self.is_first = false;
                Ok(true)
            }
            Some(b',') => {
                self.json.at += 1;
                Ok(true)
            }
            _ => Err(Refused),
        }
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = Refused;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> JsonResult<Option<K::Value>> {
        if self.has_next()? {
            seed.deserialize(&mut *self.json).map(Some)
        } else {
            Ok(None)
        }
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> JsonResult<T::Value> {
        self.json.pass(b':')?;
        seed.deserialize(&mut *self.json)
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Refused;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> JsonResult<Option<T::Value>> {
        if self.has_next()? {
            seed.deserialize(&mut *self.json).map(Some)
        } else {
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text, as the profile reads it and as `serde_json` does.
    #[track_caller]
    fn check_text(document: &str) {
        let read = Json::read(document, |json| Ok(json.value::<Plain<'_>>()?.into_cow())).ok();
        assert_eq!(
            read.as_deref(),
            serde_json::from_str::<String>(document).ok().as_deref(),
            "{document:?}"
        );
    }

    #[test]
    fn a_string_is_read_as_serde_json_reads_it() {
        for length in 0..20 {
            let plain = "é".repeat(length) + &"x".repeat(length);
            check_text(&format!(r#""{plain}""#));
            for inner in [
                "\\n",
                "\\\"",
                "\\\\",
                "\\u00e9",
                "\\ud83d\\ude00",
                "\\ud83d",
                "\\ude00",
                "\\x",
                "\n",
                "\u{1f}",
                "\u{7f}",
            ] {
                check_text(&format!(r#""{plain}{inner}""#));
                check_text(&format!(r#""{plain}{inner}{plain}{inner}""#));
            }
            for broken in ["", "\"", "\\", "\\\"", "\\u00"] {
                check_text(&format!(r#""{plain}{broken}"#));
            }
        }
        for document in ["", " ", "null", "1", "\"a\"b", " \"a\" ", "\u{a0}\"a\""] {
            check_text(document);
        }
    }

    #[test]
    fn an_integer_is_read_as_a_schema_takes_it() {
        for document in ["0", "7", "-3", " 12 ", "2147483647", "-2147483648"] {
            let expected = serde_json::from_str::<i32>(document).expect("an integer");
            assert_eq!(
                Json::read(document, |json| i32::deserialize(json)),
                Ok(expected),
                "{document}"
            );
        }
        for document in [
            "",
            "-",
            "-0",
            "+1",
            "01",
            "1.0",
            "1e2",
            "0x1",
            "1 2",
            "2147483648",
            "99999999999999999999",
            "\"1\"",
            "null",
        ] {
            assert!(
                Json::read(document, |json| i32::deserialize(json)).is_err(),
                "{document}"
            );
        }
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Object {
        a: Option<bool>,
        b: Vec<Option<i32>>,
    }

    #[test]
    fn an_object_is_an_object_and_nothing_else() {
        let read = |document| Json::read(document, |json| Object::deserialize(json));
        assert_eq!(
            read(r#" { "b" : [ 1 , null ] } "#),
            Ok(Object {
                a: None,
                b: vec![Some(1), None]
            })
        );
        assert_eq!(
            read(r#"{"\u0061":true,"b":[]}"#),
            Ok(Object {
                a: Some(true),
                b: vec![]
            })
        );
        for document in [
            "",
            "{}",
            "[null,[]]",
            r#"{"b":[]"#,
            r#"{"b":[]},"#,
            r#"{"b":[],}"#,
            r#"{,"b":[]}"#,
            r#"{"b":[1,]}"#,
            r#"{"b":[,1]}"#,
            r#"{"b":[1 2]}"#,
            r#"{"b":[]"a":true}"#,
            r#"{"b" []}"#,
            r"{b:[]}",
            r#"{"b":[],"b":[]}"#,
            r#"{"b":[],"a":nul}"#,
            r#"{"b":[],"a":True}"#,
            r#"{"b":[],"c":1}"#,
        ] {
            assert!(read(document).is_err(), "{document}");
            let is_array = document.starts_with('[');
            assert!(
                is_array || serde_json::from_str::<Object>(document).is_err(),
                "{document}"
            );
        }
    }

    #[test]
    fn a_value_is_passed_over_however_deep() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        for document in [deep.as_str(), r#"{"a":[1.5e3,"\u0000"]}"#] {
            assert_eq!(Json::read(document, Json::raw), Ok(document));
        }
        for document in ["", "{", "[1,]", "nul"] {
            assert!(Json::read(document, Json::raw).is_err(), "{document}");
        }
    }
}
