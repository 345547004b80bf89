//! Codes as plans, breaks and crosswalks compare them: one form for each scheme, and patterns over
//! that form.
//!
//! Codes are compared as texts, never as numbers.

/// How the codes of a scheme are brought to one form before they are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Upper case.
    Plain,
    /// And `.` becomes `/`: `4.10` is `4/10` (`ho-category`).
    Slash,
    /// And `.` goes: `X99.1` is `X991` (`icd-10`).
    NoPoint,
    /// And what begins as a base does matches nothing: `total-…`, `households-with-…` (`hclic-…`).
    NoBase,
    /// As `NoBase`, and the code ends before its first `/` (`hclic-need`).
    UpToSlash,
}

/// The longest code of the contracts, in bytes.
const CODE_BYTES_MAX: usize = 128;

impl Fold {
    /// The form of a scheme.
    pub fn for_scheme(scheme: &str) -> Self {
        match scheme {
            "ho-category" => Self::Slash,
            "icd-10" => Self::NoPoint,
            "hclic-need" => Self::UpToSlash,
            _ if scheme.starts_with("hclic-") => Self::NoBase,
            _ => Self::Plain,
        }
    }

    /// Calls `f` with the code in the form; `None` for a code that can match nothing. No
    /// allocation.
    pub fn with<T>(self, code: &str, f: impl FnOnce(&str) -> T) -> Option<T> {
        if matches!(self, Self::NoBase | Self::UpToSlash) && is_base(code) {
            return None;
        }
        let code = if self == Self::UpToSlash {
            code.split('/').next()?
        } else {
            code
        };
        let (mut buffer, mut len) = ([0; CODE_BYTES_MAX], 0);
        for byte in code.bytes() {
            let byte = match (self, byte) {
                (Self::NoPoint, b'.') => continue,
                (Self::Slash, b'.') => b'/',
                _ => byte.to_ascii_uppercase(),
            };
            *buffer.get_mut(len)? = byte;
            len += 1;
        }
        std::str::from_utf8(&buffer[..len]).ok().map(f)
    }

    /// The code in the form.
    pub fn folded(self, code: &str) -> Option<String> {
        self.with(code, str::to_owned)
    }
}

/// Whether a code of H-CLIC is a base that others are shares of: in no pattern, in no sum.
pub fn is_base(code: &str) -> bool {
    let begins = |start: &str| {
        code.get(..start.len())
            .is_some_and(|c| c.eq_ignore_ascii_case(start))
    };
    begins("total-") || begins("households-with-")
}

/// A pattern over the codes of a scheme, folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    test: PatternTest,
    edition: Option<String>,
}

/// What a pattern asks of a folded code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternTest {
    /// To be this one.
    Exact(String),
    /// To begin so.
    Prefix(String),
    /// The first and the last, both inclusive, compared on as many characters as they have.
    Range(String, String),
}

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// First after last.
    #[error("the range is reversed")]
    Reversed,
    /// Ends of the wrong width.
    #[error(
        "a range needs both ends whole: three characters in `icd-10`, `ddd/dd` in `ho-offence`"
    )]
    Width,
    /// A `*` that is not at the end, an empty code or edition.
    #[error(
        "is not a code, `code@edition`, `start*` or, in `icd-10` and `ho-offence`, `first-last`"
    )]
    Shape,
    /// A base of H-CLIC.
    #[error("a code that begins `total-` or `households-with-` is a base, in no pattern")]
    Base,
}

impl Pattern {
    /// Reads a pattern of a scheme.
    pub fn parse(scheme: &str, pattern: &str) -> Result<Self, PatternError> {
        let fold = Fold::for_scheme(scheme);
        let (code, edition) = match pattern.split_once('@') {
            Some((code, edition)) => (code, Some(edition.to_owned())),
            None => (pattern, None),
        };
        if matches!(fold, Fold::NoBase | Fold::UpToSlash) && is_base(code) {
            return Err(PatternError::Base);
        }
        let is_code = |code: &str| {
            code.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"./_-".contains(&b))
        };
        let folded = |code: &str| {
            fold.folded(code)
                .filter(|_| is_code(code))
                .ok_or(PatternError::Shape)
        };
        let width = match scheme {
            "icd-10" => Some(3),
            "ho-offence" => Some(6),
            _ => None,
        };
        let test = match (code.strip_suffix('*'), code.split_once('-'), width) {
            (Some(start), ..) => PatternTest::Prefix(folded(start)?),
            (None, Some((first, last)), Some(width)) => {
                range(folded(first)?, folded(last)?, width)?
            }
            _ if scheme == "icd-10" && folded(code)?.len() == 3 => {
                PatternTest::Prefix(folded(code)?)
            }
            _ => PatternTest::Exact(folded(code)?),
        };
        let (PatternTest::Exact(inside)
        | PatternTest::Prefix(inside)
        | PatternTest::Range(inside, _)) = &test;
        let whole = matches!(test, PatternTest::Prefix(_)) || !inside.is_empty();
        if !whole || edition.as_deref() == Some("") {
            return Err(PatternError::Shape);
        }
        Ok(Self { test, edition })
    }

    /// Whether it is like a folded code of an edition.
    pub fn matches(&self, folded: &str, edition: Option<&str>) -> bool {
        let like = match &self.test {
            PatternTest::Exact(code) => folded == code,
            PatternTest::Prefix(start) => folded.starts_with(&**start),
            PatternTest::Range(first, last) => folded
                .get(..first.len())
                .is_some_and(|code| &**first <= code && code <= &**last),
        };
        like && self
            .edition
            .as_deref()
            .is_none_or(|own| edition == Some(own))
    }

    /// What it asks of a code, whatever its edition.
    pub const fn test(&self) -> &PatternTest {
        &self.test
    }

    /// The edition it is for; `None` = any.
    pub fn edition(&self) -> Option<&str> {
        self.edition.as_deref()
    }

    /// The code it is, if it stands for just one in any edition.
    pub(crate) fn as_exact(&self) -> Option<&str> {
        match (&self.test, &self.edition) {
            (PatternTest::Exact(code), None) => Some(code),
            _ => None,
        }
    }

    /// Whether it names one code.
    pub fn is_exact(&self) -> bool {
        matches!(self.test, PatternTest::Exact(_))
    }

    pub(crate) fn canonical(&self) -> String {
        let code = match &self.test {
            PatternTest::Exact(code) => code.clone(),
            PatternTest::Prefix(start) => format!("{start}*"),
            PatternTest::Range(first, last) => format!("{first}-{last}"),
        };
        self.edition
            .iter()
            .fold(code, |code, edition| format!("{code}@{edition}"))
    }
}

fn range(first: String, last: String, width: usize) -> Result<PatternTest, PatternError> {
    if first.len() != width || last.len() != width {
        Err(PatternError::Width)
    } else if first > last {
        Err(PatternError::Reversed)
    } else {
        Ok(PatternTest::Range(first, last))
    }
}
