//! How plans, breaks and crosswalks compare codes: one folded form per scheme, and patterns over
//! that form.
//!
//! Codes are compared as texts, never as numbers: `4.10` is not `4.1`.

/// How the codes of a scheme are folded to one form before they are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Upper case.
    Plain,
    /// Upper case, `.` becomes `/`: `4.10` is `4/10` (`ho-category`).
    Slash,
    /// Upper case without `.`: `X99.1` is `X991` (`icd-10`).
    NoPoint,
    /// Upper case; a base (`total-…`, `households-with-…`) matches nothing (`hclic-…`).
    NoBase,
    /// As `NoBase`, cut before the first `/` (`hclic-need`).
    UpToSlash,
}

/// The longest code of the contracts, in bytes.
const CODE_BYTES_MAX: usize = 128;

impl Fold {
    /// The folding of a scheme.
    pub fn for_scheme(scheme: &str) -> Self {
        match scheme {
            "ho-category" => Self::Slash,
            "icd-10" => Self::NoPoint,
            "hclic-need" => Self::UpToSlash,
            _ if scheme.starts_with("hclic-") => Self::NoBase,
            _ => Self::Plain,
        }
    }

    /// Calls `f` with the folded code, without allocating; `None` for a code that matches nothing.
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

    /// Whether a condition is true of the folded code; false for a code that matches nothing.
    pub fn any(self, code: &str, condition: impl FnOnce(&str) -> bool) -> bool {
        self.with(code, condition).unwrap_or(false)
    }

    /// The folded code of a pattern.
    fn parse(self, code: &str) -> Result<String, PatternError> {
        let is_code = code
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"./_-".contains(&b));
        self.folded(code)
            .filter(|_| is_code)
            .ok_or(PatternError::Shape)
    }

    /// The folded code.
    pub fn folded(self, code: &str) -> Option<String> {
        self.with(code, str::to_owned)
    }
}

/// Whether an H-CLIC code is a base, a total that contains other codes: no pattern names it
/// and no sum includes it.
pub fn is_base(code: &str) -> bool {
    ["total-", "households-with-"].iter().any(|start| {
        code.get(..start.len())
            .is_some_and(|prefix| prefix.eq_ignore_ascii_case(start))
    })
}

/// A pattern over the codes of a scheme, folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    test: PatternTest,
    edition: Option<String>,
}

/// The test a pattern makes of a folded code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternTest {
    /// The code itself.
    Exact(String),
    /// A prefix.
    Prefix(String),
    /// First and last code, both inclusive, compared over the length of the first.
    Range(String, String),
}

/// Why a text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The first code is after the last.
    #[error("the range is reversed")]
    Reversed,
    /// An end with the wrong number of characters.
    #[error(
        "a range needs two complete codes: three characters in `icd-10`, `ddd/dd` in `ho-offence`"
    )]
    Width,
    /// A `*` that is not at the end, an empty code or edition.
    #[error(
        "is not a code, `code@edition`, `start*` or, in `icd-10` and `ho-offence`, `first-last`"
    )]
    Shape,
    /// An H-CLIC base.
    #[error(
        "a code that begins `total-` or `households-with-` is a base, which no pattern may name"
    )]
    Base,
}

impl Pattern {
    /// Parses a pattern over the codes of a scheme.
    pub fn parse(scheme: &str, pattern: &str) -> Result<Self, PatternError> {
        let fold = Fold::for_scheme(scheme);
        let (code, edition) = match pattern.split_once('@') {
            Some((code, edition)) => (code, Some(edition.to_owned())),
            None => (pattern, None),
        };
        if matches!(fold, Fold::NoBase | Fold::UpToSlash) && is_base(code) {
            return Err(PatternError::Base);
        }
        let width = match scheme {
            "icd-10" => Some(3),
            "ho-offence" => Some(6),
            _ => None,
        };
        let test = match (code.strip_suffix('*'), code.split_once('-'), width) {
            (Some(start), ..) => PatternTest::Prefix(fold.parse(start)?),
            (None, Some((first, last)), Some(width)) => {
                range(fold.parse(first)?, fold.parse(last)?, width)?
            }
            _ if scheme == "icd-10" && fold.parse(code)?.len() == 3 => {
                PatternTest::Prefix(fold.parse(code)?)
            }
            _ => PatternTest::Exact(fold.parse(code)?),
        };
        let (PatternTest::Exact(inside)
        | PatternTest::Prefix(inside)
        | PatternTest::Range(inside, _)) = &test;
        let is_empty = inside.is_empty() && !matches!(test, PatternTest::Prefix(_));
        if is_empty || edition.as_deref() == Some("") {
            return Err(PatternError::Shape);
        }
        Ok(Self { test, edition })
    }

    /// Whether it matches a folded code of an edition.
    pub fn matches(&self, folded: &str, edition: Option<&str>) -> bool {
        let matches = match &self.test {
            PatternTest::Exact(code) => folded == code,
            PatternTest::Prefix(start) => folded.starts_with(&**start),
            PatternTest::Range(first, last) => folded
                .get(..first.len())
                .is_some_and(|code| &**first <= code && code <= &**last),
        };
        matches
            && self
                .edition
                .as_deref()
                .is_none_or(|own| edition == Some(own))
    }

    /// Its test, in any edition.
    pub const fn test(&self) -> &PatternTest {
        &self.test
    }

    /// The edition it is for; `None` = any.
    pub fn edition(&self) -> Option<&str> {
        self.edition.as_deref()
    }

    /// The code, if it names exactly one code of any edition.
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
