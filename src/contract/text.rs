//! The shapes of the contract's strings: each is a [`Text`] whose [`Form`] says what it admits.
//!
//! A form accepts exactly what a `pattern` in `schemas/` accepts; a property test compares them.
//! Strings without escapes are borrowed from the message.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// What a [`Text`] admits.
pub trait Form {
    /// What it is called in the contracts.
    const NAME: &'static str;
    /// Its index among all forms.
    const INDEX: usize;
    /// Whether these bytes have the form.
    fn admits(bytes: &[u8]) -> bool;
}

/// A string of a given form, borrowed where the document allows it.
pub struct Text<'a, F> {
    text: Cow<'a, str>,
    form: PhantomData<F>,
}

impl<'a, F: Form> Text<'a, F> {
    /// The text, if it has the form.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Option<Self> {
        let text = text.into();
        F::admits(text.as_bytes()).then_some(Self {
            text,
            form: PhantomData,
        })
    }

    /// The text, borrowed if it was.
    pub fn into_cow(self) -> Cow<'a, str> {
        self.text
    }
}

impl<F> Deref for Text<'_, F> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl<F> Clone for Text<'_, F> {
    fn clone(&self) -> Self {
        Self {
            text: self.text.clone(),
            form: PhantomData,
        }
    }
}

impl<F: Form> fmt::Debug for Text<'_, F> {
    /// Names the form and never the value: values may be personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", F::NAME)
    }
}

impl<F> Serialize for Text<'_, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de: 'a, 'a, F: Form> Deserialize<'de> for Text<'a, F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor(PhantomData))
    }
}

struct TextVisitor<F>(PhantomData<F>);

impl<'de, F: Form> Visitor<'de> for TextVisitor<F> {
    type Value = Text<'de, F>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(F::NAME)
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de, F>, E> {
        Text::new(text).ok_or_else(|| E::custom(F::NAME))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de, F>, E> {
        Text::new(text.to_owned()).ok_or_else(|| E::custom(F::NAME))
    }
}

macro_rules! forms {
    ($($(#[$doc:meta])* $alias:ident = $form:ident($name:literal) |$bytes:ident| $admits:expr;)+) => {
        /// The index of each form.
        #[derive(Clone, Copy)]
        enum FormIndex { $($alias),+ }

        /// How many forms there are.
        pub(super) const FORMS: usize = [$(FormIndex::$alias),+].len();

        $(
            #[doc = concat!("The form of `", $name, "`.")]
            #[derive(Clone, Copy)]
            pub enum $form {}

            impl Form for $form {
                const NAME: &'static str = $name;
                const INDEX: usize = FormIndex::$alias as usize;

                fn admits($bytes: &[u8]) -> bool {
                    $admits
                }
            }

            $(#[$doc])*
            pub type $alias<'a> = Text<'a, $form>;
        )+
    };
}

/// Whether a media type is JSON: `application/json(; ?charset=(utf-8|UTF-8))?`.
pub(super) fn is_json_media_type(text: &str) -> bool {
    let Some(parameter) = text.strip_prefix("application/json") else {
        return false;
    };
    matches!(
        parameter,
        "" | ";charset=utf-8" | "; charset=utf-8" | ";charset=UTF-8" | "; charset=UTF-8"
    )
}

forms! {
    /// `[A-Za-z0-9][A-Za-z0-9._:~/-]{0,127}`
    Id = IdForm("id") |b| starts_and_goes_on(b, 128, |c| c.is_ascii_alphanumeric(), |c| {
        c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b':' | b'~' | b'/' | b'-')
    });
    /// `urn:partner:<partner>:<system>`, each `[a-z0-9][a-z0-9-]{0,31}`
    Source = SourceForm("source") |b| {
        let Some(rest) = b.strip_prefix(b"urn:partner:") else { return false };
        let Some(colon) = rest.iter().position(|c| *c == b':') else { return false };
        is_slug(&rest[..colon], 32) && is_slug(&rest[colon + 1..], 32)
    };
    /// `[a-z0-9][a-z0-9-]{0,63}`
    Slug = SlugForm("slug") |b| is_slug(b, 64);
    /// `[A-Za-z0-9][A-Za-z0-9._/-]{0,127}`
    Code = CodeForm("code") |b| starts_and_goes_on(b, 128, |c| c.is_ascii_alphanumeric(), |c| {
        c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'/' | b'-')
    });
    /// `[0-9]{4}(-(0[1-9]|1[0-2]))?`
    Edition = EditionForm("edition") |b| match b.len() {
        4 => digits(b),
        7 => digits(&b[..4]) && b[4] == b'-' && month(&b[5..]),
        _ => false,
    };
    /// `[A-Z0-9]{3,12}`: an Organisation Data Service (ODS) site code
    Site = SiteForm("site") |b| (3..=12).contains(&b.len()) && b.iter().all(|c| upper_or_digit(*c));
    /// `[A-Z0-9]{1,18}`: an assault location code
    PlaceCode = PlaceCodeForm("place code") |b| (1..=18).contains(&b.len()) && b.iter().all(|c| upper_or_digit(*c));
    /// `[A-Z][0-9]{8}` or an outward postcode `[A-Z]{1,2}[0-9][0-9A-Z]?`
    AreaCode = AreaCodeForm("area code") |b| (b.len() == 9 && b[0].is_ascii_uppercase() && digits(&b[1..])) || is_outward(b);
    /// `[a-z0-9]{1,8}:[0-9a-f]{32}`: a key id and the first 128 bits of an HMAC-SHA-256
    Token = TokenForm("token") |b| b.len() > 32 && {
        let (key, hash) = b.split_at(b.len() - 32);
        let id = &key[..key.len() - 1];
        key[key.len() - 1] == b':'
            && (1..=8).contains(&id.len())
            && id.iter().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            // Without an early end, which would cost more.
            && hash.iter().fold(true, |is_hex, c| is_hex & matches!(c, b'0'..=b'9' | b'a'..=b'f'))
    };
    /// `[0-9]{1,3}-[0-9]{1,3}` or `[0-9]{1,3}\+`, in years
    AgeBand = AgeBandForm("age band") |b| match b.split_last() {
        Some((b'+', low)) => (1..=3).contains(&low.len()) && digits(low),
        _ => b.iter().position(|c| *c == b'-').is_some_and(|dash| {
            let (low, high) = (&b[..dash], &b[dash + 1..]);
            (1..=3).contains(&low.len()) && digits(low) && (1..=3).contains(&high.len()) && digits(high)
        }),
    };
    /// `[A-Z][0-9]{2}(\.?[0-9X][0-9A-Z]?)?`: an ICD-10 code
    Icd10 = Icd10Form("ICD-10 code") |b| b.len() >= 3 && b[0].is_ascii_uppercase() && digits(&b[1..3]) && {
        let rest = &b[3..];
        let tail = rest.strip_prefix(b".").unwrap_or(rest);
        match tail {
            [] => rest.is_empty(),
            [fourth] => fourth.is_ascii_digit() || *fourth == b'X',
            [fourth, fifth] => (fourth.is_ascii_digit() || *fourth == b'X') && upper_or_digit(*fifth),
            _ => false,
        }
    };
    /// `[0-9]{2}`: a Mental Health Services Data Set legal status code
    LegalStatus = LegalStatusForm("legal status code") |b| b.len() == 2 && digits(b);
    /// Any text
    Plain = PlainForm("text") |_b| true;
    /// Printable ASCII, 1 to 256 characters
    Printable = PrintableForm("printable text") |b| (1..=256).contains(&b.len()) && b.iter().all(|c| matches!(c, b' '..=b'~'));
}

/// Several texts, borrowed from an event or joined by `;` in a row.
#[derive(Clone, Copy, Debug)]
pub enum Strs<'r> {
    /// Slugs of an event.
    Slugs(&'r [Slug<'r>]),
    /// Codes of an event.
    Codes(&'r [Code<'r>]),
    /// Diagnoses of an event.
    Icd10(&'r [Icd10<'r>]),
    /// As a document contains them: in quotes, and without escapes.
    Quoted(&'r str),
    /// As a row contains them.
    Joined(&'r str),
}

impl Hash for Strs<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.for_each(|text| text.hash(state));
    }
}

impl<'r> Strs<'r> {
    /// Calls `f` with each text in order.
    pub fn for_each(self, mut f: impl FnMut(&'r str)) {
        match self {
            Self::Slugs(items) => items.iter().for_each(|t| f(t)),
            Self::Codes(items) => items.iter().for_each(|t| f(t)),
            Self::Icd10(items) => items.iter().for_each(|t| f(t)),
            Self::Quoted(text) => text.split('"').skip(1).step_by(2).for_each(f),
            Self::Joined("") => {}
            Self::Joined(text) => text.split(';').for_each(f),
        }
    }
}

fn starts_and_goes_on(
    b: &[u8],
    max: usize,
    first: impl Fn(u8) -> bool,
    rest: impl Fn(u8) -> bool,
) -> bool {
    b.len() <= max && b.first().is_some_and(|c| first(*c)) && b[1..].iter().all(|c| rest(*c))
}

fn is_slug(b: &[u8], max: usize) -> bool {
    starts_and_goes_on(b, max, lower_or_digit, |c| lower_or_digit(c) || c == b'-')
}

fn lower_or_digit(c: u8) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn is_outward(b: &[u8]) -> bool {
    let capitals = b.iter().take_while(|c| c.is_ascii_uppercase()).count();
    (1..=2).contains(&capitals)
        && match &b[capitals..] {
            [digit] => digit.is_ascii_digit(),
            [digit, last] => digit.is_ascii_digit() && upper_or_digit(*last),
            _ => false,
        }
}

fn upper_or_digit(c: u8) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit()
}

fn digits(b: &[u8]) -> bool {
    b.iter().all(u8::is_ascii_digit)
}

fn month(b: &[u8]) -> bool {
    matches!(b, [b'0', b'1'..=b'9'] | [b'1', b'0'..=b'2'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<F: Form>(admitted: &[&str], refused: &[&str]) {
        for text in admitted {
            assert!(
                F::admits(text.as_bytes()),
                "{} should admit {text}",
                F::NAME
            );
        }
        for text in refused {
            assert!(
                !F::admits(text.as_bytes()),
                "{} should refuse {text:?}",
                F::NAME
            );
        }
    }

    #[test]
    fn forms_admit_what_the_contract_says() {
        check::<IdForm>(
            &["46-001234-17", "N/17/00871.1", "a~b_c:d"],
            &["", "-a", "a b", "é"],
        );
        check::<SourceForm>(
            &["urn:partner:kent-police:crime"],
            &[
                "urn:partner:kent-police",
                "urn:partner::a",
                "urn:partner:a:b:c",
            ],
        );
        check::<SlugForm>(&["ho-crime", "0"], &["", "Ho", "-a", &"a".repeat(65)]);
        check::<CodeForm>(
            &["8N", "008/06", "4.10", "non_opiate"],
            &["", "_8N", "8+N", "008/06\n"],
        );
        check::<EditionForm>(
            &["2016", "2016-04", "2016-12"],
            &["2016-13", "2016-4", "201", "2016-00", "٢٠١٦"],
        );
        check::<SiteForm>(&["RWF03", "RXY"], &["RW", "rwf03", "ABCDEFGHIJKLM"]);
        check::<AreaCodeForm>(
            &["E01024374", "ME14", "M1", "W1A"],
            &["E0102437", "ME14 1XX", "MEE1", "ME", "ME1A1"],
        );
        check::<TokenForm>(
            &["k17:9f86d081884c7d659a2feaa0c55ad015"],
            &[
                ":9f86d081884c7d659a2feaa0c55ad015",
                "9f86d081884c7d659a2feaa0c55ad015",
                "k17:9F86d081884c7d659a2feaa0c55ad015",
            ],
        );
        check::<AgeBandForm>(
            &["18-24", "65+", "0-17", "24-18"],
            &["18", "-24", "18-", "+", "18-24+", "1234+"],
        );
        check::<Icd10Form>(
            &["X99", "S21.1", "X999", "F10.2A", "X99.X"],
            &["X9", "X99.", "x99", "X99.A", "X99.111"],
        );
        check::<LegalStatusForm>(&["19"], &["S136", "1", "190"]);
        check::<PrintableForm>(&["https://example.org/a b"], &["", "a\tb", "é"]);
    }
}
