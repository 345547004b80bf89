//! Text of the document as typed pieces, so that a number can enter only as a figure, a date, a
//! name or a constant of the method.

use jiff::civil;
use serde::Serialize;

/// A piece of text.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Span {
    /// Words of the program's own. They contain no digit.
    Words { text: String },
    /// A figure, which links to its query.
    Figure { name: String, shown: String },
    /// A name or label from the tables or the configuration, a date, or a constant of the method.
    Name { text: String },
    /// An id or a command.
    Code { text: String },
    /// Emphasised text.
    Strong { spans: Vec<Span> },
    /// Text of less weight.
    Quiet { spans: Vec<Span> },
    /// A link.
    Link { text: String, href: String },
}

/// Text of a paragraph, a cell or a list item.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Prose(pub(crate) Vec<Span>);

/// A sentence with `{}` in the places of its figures and names. Unlike in `format!`, these stay typed.
macro_rules! prose {
    ($words:literal $(, $part:expr)* $(,)?) => {
        $crate::assess::prose::Prose::new($words, [$($crate::assess::prose::Prose::from($part)),*])
    };
}
pub(crate) use prose;

impl Prose {
    /// Words with parts in the places of `{}`. See [`prose!`].
    pub(crate) fn new<const N: usize>(words: &'static str, parts: [Self; N]) -> Self {
        let mut prose = Self::default();
        let mut parts = parts.into_iter();
        for (index, words) in words.split("{}").enumerate() {
            if index > 0 {
                prose.push(parts.next().expect("a part for each place"));
            }
            if !words.is_empty() {
                prose.push(words);
            }
        }
        assert!(parts.next().is_none(), "a place for each part: {words}");
        prose
    }

    /// Appends a piece.
    pub(crate) fn push(&mut self, part: impl Into<Self>) {
        self.0.extend(part.into().0);
    }

    /// With its first letter in upper case.
    pub(crate) fn capitalised(mut self) -> Self {
        if let Some(Span::Words { text } | Span::Name { text }) = self.0.first_mut() {
            *text = capitalised(text);
        }
        self
    }

    /// As plain text.
    pub(crate) fn plain(&self) -> String {
        plain(&self.0)
    }

    /// Calls `found` for each piece, those inside others too.
    pub(crate) fn walk<'s>(&'s self, found: &mut impl FnMut(&'s Span)) {
        walk(&self.0, found);
    }
}

fn plain(spans: &[Span]) -> String {
    let texts = spans.iter().map(|span| match span {
        Span::Words { text }
        | Span::Name { text }
        | Span::Code { text }
        | Span::Link { text, .. } => text.clone(),
        Span::Figure { shown, .. } => shown.clone(),
        Span::Strong { spans } | Span::Quiet { spans } => plain(spans),
    });
    texts.collect()
}

fn walk<'s>(spans: &'s [Span], found: &mut impl FnMut(&'s Span)) {
    for span in spans {
        found(span);
        if let Span::Strong { spans } | Span::Quiet { spans } = span {
            walk(spans, found);
        }
    }
}

impl From<&'static str> for Prose {
    fn from(words: &'static str) -> Self {
        debug_assert!(
            !words.contains(|c: char| c.is_ascii_digit()),
            "a number must be a figure, a name or a constant: {words}"
        );
        Self::from(Span::Words {
            text: words.to_owned(),
        })
    }
}

impl From<Span> for Prose {
    fn from(span: Span) -> Self {
        Self(vec![span])
    }
}

impl From<Option<Self>> for Prose {
    fn from(prose: Option<Self>) -> Self {
        prose.unwrap_or_default()
    }
}

/// A name or label from the tables or the configuration.
pub(crate) fn name(text: impl Into<String>) -> Span {
    Span::Name { text: text.into() }
}

/// A number of the method itself, such as the 12 months of a repeat.
pub(crate) fn constant(text: &'static str) -> Span {
    name(text)
}

/// An id or a command.
pub(crate) fn code(text: impl Into<String>) -> Span {
    Span::Code { text: text.into() }
}

/// Emphasised text.
pub(crate) fn strong(prose: impl Into<Prose>) -> Span {
    Span::Strong {
        spans: prose.into().0,
    }
}

/// Text of less weight.
pub(crate) fn quiet(prose: impl Into<Prose>) -> Span {
    Span::Quiet {
        spans: prose.into().0,
    }
}

/// A link within the document.
pub(crate) fn link(text: impl Into<String>, anchor: &str) -> Span {
    Span::Link {
        text: text.into(),
        href: format!("#{anchor}"),
    }
}

/// A day as people write it: 11 December 2017.
pub(crate) fn day(date: civil::Date) -> String {
    date.strftime("%-d %B %Y").to_string()
}

/// A month as people write it: December 2017.
pub(crate) fn month(date: civil::Date) -> String {
    date.strftime("%B %Y").to_string()
}

/// Texts as a list: `a, b and c`.
pub(crate) fn listed(items: Vec<Prose>) -> Prose {
    joined(items, " and ")
}

/// Texts as alternatives: `a, b or c`.
pub(crate) fn any_of(items: Vec<Prose>) -> Prose {
    joined(items, " or ")
}

fn joined(items: Vec<Prose>, before_last: &'static str) -> Prose {
    let count = items.len();
    let mut list = Prose::default();
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            list.push(if index + 1 == count {
                before_last
            } else {
                ", "
            });
        }
        list.push(item);
    }
    list
}

/// A label inside a sentence: its first letter in lower case, unless it begins with an abbreviation.
pub(crate) fn in_sentence(label: &str) -> String {
    let mut chars = label.chars();
    match (chars.next(), chars.next()) {
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(label.chars().skip(1)).collect()
        }
        _ => label.to_owned(),
    }
}

/// A label at the start of a sentence.
pub(crate) fn capitalised(label: &str) -> String {
    let mut chars = label.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

/// A small number in words; from ten on in digits, as a name.
pub(crate) fn in_words(number: usize) -> Span {
    const WORDS: [&str; 10] = [
        "none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    match WORDS.get(number) {
        Some(word) => Span::Words {
            text: (*word).to_owned(),
        },
        None => name(number.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_lists_read_as_sentences() {
        assert_eq!(in_sentence("Recorded crimes"), "recorded crimes");
        assert_eq!(in_sentence("CSE referrals"), "CSE referrals");
        assert_eq!(capitalised("élan"), "Élan");
        let list = listed(["a", "b", "c"].map(|item| name(item).into()).into());
        assert_eq!(list.plain(), "a, b and c");
        assert_eq!(
            in_words(3),
            Span::Words {
                text: "three".to_owned()
            }
        );
        assert_eq!(day(civil::date(2017, 12, 11)), "11 December 2017");
    }
}
