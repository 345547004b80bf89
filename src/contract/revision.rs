//! Revisions by what identifies them, and whether a second one under the same number says something
//! else.
//!
//! A revision is identified by (`source`, `subject`, `revision`). Its content is everything else
//! that says what the record is; the time it was sent for, its `id` and its schema do not count,
//! so a revision sent again is not a contradiction. Only hashes are kept.

use std::hash::{DefaultHasher, Hash, Hasher};

use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_128;

use super::Record;
use super::columns::{is_same, with_columns};
use super::flags::Flags;
use super::moment::Moment;
use super::text::Strs;
use crate::event::{Feed, Kind};

/// One revision of a record: a hash of source, subject and revision.
pub type RevisionId = u128;

/// The identity of a record's revision.
pub fn revision_id(record: &Record<'_>) -> RevisionId {
    // A zero byte is in no source and no subject.
    xxh3_128(format!("{}\0{}\0{}", record.source, record.subject, record.revision).as_bytes())
}

/// Columns that are not part of a revision's content.
const NO_CONTENT: [&str; 7] = [
    "id",
    "source",
    "version",
    "subject",
    "revision",
    "time",
    "dataschema",
];

/// Whether a column is a part of a revision's content.
pub const fn is_content(column: &str) -> bool {
    let mut i = 0;
    while i < NO_CONTENT.len() {
        if is_same(NO_CONTENT[i], column) {
            return false;
        }
        i += 1;
    }
    true
}

macro_rules! content {
    ($($(#[$doc:meta])+ $name:ident: $of:ident, $group:ident, $feeds:expr, $role:ident;)+) => {
        /// A hash of a revision's content.
        pub fn content_hash(record: &Record<'_>) -> u64 {
            let mut hasher = DefaultHasher::new();
            $(if const { is_content(stringify!($name)) } {
                record.$name.hash_content(&mut hasher);
            })+
            hasher.finish()
        }
    };
}
with_columns!(content);

/// A field, hashed as the ledger contains it.
trait ContentField {
    fn hash_content(&self, hasher: &mut DefaultHasher);
}

macro_rules! hashed_as_they_are {
    ($($field:ty),+) => { $(
        impl ContentField for $field {
            fn hash_content(&self, hasher: &mut DefaultHasher) {
                self.hash(hasher);
            }
        }
    )+ };
}
hashed_as_they_are!(
    &str,
    i32,
    Feed,
    Kind,
    Flags,
    Option<&str>,
    Option<i32>,
    Option<bool>,
    Option<Strs<'_>>
);

/// The ledger contains an instant in UTC.
impl ContentField for Option<Moment> {
    fn hash_content(&self, hasher: &mut DefaultHasher) {
        self.map(|moment| (moment.low(), moment.precision()))
            .hash(hasher);
    }
}

/// How a revision compares with the first of the same identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// There was none.
    First,
    /// It has the same content.
    Same,
    /// It has other content.
    Contradiction,
}

/// The contents of revisions, to find a second one that contradicts the first: 16 bytes for each,
/// and as much again at most for the table.
#[derive(Clone, Debug)]
pub struct RevisionContents {
    /// By identity; the lowest bit says whether another content was seen.
    contents: HashMap<u64, u64>,
    /// How many may be kept.
    max: usize,
    /// Revisions that were not kept, and so not compared with later ones.
    left_out: u64,
}

impl Default for RevisionContents {
    fn default() -> Self {
        Self::with_max(usize::MAX)
    }
}

impl RevisionContents {
    /// Keeps no more than `max` revisions. Later ones are compared with these only.
    pub fn with_max(max: usize) -> Self {
        Self {
            contents: HashMap::new(),
            max,
            left_out: 0,
        }
    }

    /// Adds a revision.
    pub fn add(&mut self, record: &Record<'_>) -> Comparison {
        let (id, content) = (short(revision_id(record)), content_hash(record) & !1);
        if let Some(first) = self.contents.get_mut(&id) {
            if *first & !1 == content {
                return Comparison::Same;
            }
            *first |= 1;
            return Comparison::Contradiction;
        }
        if self.contents.len() < self.max {
            self.contents.insert(id, content);
        } else {
            self.left_out += 1;
        }
        Comparison::First
    }

    /// Whether different contents of a revision were added.
    pub fn is_contradicted(&self, id: RevisionId) -> bool {
        self.contents
            .get(&short(id))
            .is_some_and(|content| content & 1 == 1)
    }

    /// How many revisions were not kept.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }
}

/// Two of ten million share it with a chance of 1 in 10^5.
fn short(id: RevisionId) -> u64 {
    id as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Event;

    const CRIME: &str = include_str!("../../schemas/examples/crime.json");

    /// The comparison of a changed crime with the crime itself.
    fn compared(from: &str, to: &str) -> Comparison {
        let changed = CRIME.replacen(from, to, 1);
        assert!(from.is_empty() || changed != CRIME, "{from}");
        let mut contents = RevisionContents::default();
        let [first, second] = [CRIME, &changed].map(|text| Event::decode(text).expect("valid"));
        assert_eq!(contents.add(&Record::from_event(&first)), Comparison::First);
        contents.add(&Record::from_event(&second))
    }

    #[test]
    fn other_content_under_the_same_revision_is_a_contradiction() {
        for (from, to) in [
            ("\"category\":\"8N\"", "\"category\":\"28E\""),
            ("\"domestic_abuse\":true", "\"domestic_abuse\":false"),
            ("\"domestic_abuse\":true", "\"domestic_abuse\":null"),
            ("\"vintage\":2011", "\"vintage\":2021"),
            ("\"occurred_from\":\"20", "\"occurred_from\":\"19"),
        ] {
            assert_eq!(compared(from, to), Comparison::Contradiction, "{from} {to}");
        }
    }

    #[test]
    fn the_same_content_is_none_whenever_and_under_whatever_id_it_is_sent() {
        let time = CRIME.find("\"time\":\"").expect("a time") + 8;
        for (from, to) in [
            ("", ""),
            (&CRIME[time..time + 4], "2019"),
            ("\"id\":\"", "\"id\":\"again-"),
        ] {
            assert_eq!(compared(from, to), Comparison::Same, "{from} {to}");
        }
        let revision = CRIME.find("\"revision\":").expect("a revision") + 11;
        let next = format!("\"revision\":{}", 999);
        let end = CRIME[revision..].find(',').expect("an end") + revision;
        assert_eq!(
            compared(&CRIME[revision - 11..end], &next),
            Comparison::First
        );
    }

    #[test]
    fn beyond_the_bound_revisions_are_counted_and_not_kept() {
        let mut contents = RevisionContents::with_max(1);
        let texts = [("a", "8N"), ("b", "8N"), ("a", "28E"), ("b", "28E")].map(|(token, code)| {
            CRIME
                .replacen(
                    "\"category\":\"8N\"",
                    &format!("\"category\":\"{code}\""),
                    1,
                )
                .replacen("\"subject\":\"", &format!("\"subject\":\"{token}"), 1)
        });
        let found = texts
            .each_ref()
            .map(|text| contents.add(&Record::from_event(&Event::decode(text).expect("valid"))));
        assert_eq!(
            found,
            [
                Comparison::First,
                Comparison::First,
                Comparison::Contradiction,
                Comparison::First
            ]
        );
        assert_eq!(contents.left_out(), 2);
        let [a, b] = [0, 1].map(|i: usize| {
            contents.is_contradicted(revision_id(&Record::from_event(
                &Event::decode(&texts[i]).expect("valid"),
            )))
        });
        assert_eq!((a, b), (true, false));
    }
}
