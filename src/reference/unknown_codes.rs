//! Counts codes that no list of their scheme contains.
//!
//! A record with such a code is accepted, but no rule of a plan can name the code, so figures by
//! code may be too low. Every command that reads records can count them here and report each code
//! with the nearest known one. Of a record, nothing but the code is kept.

use std::collections::BTreeMap;

use super::Reference;
use super::codes::CodeLists;
use crate::contract::Record;
use crate::files::fault::nearest;

/// The number of different codes that are kept; records with further ones are only counted.
const DIFFERENT_MAX: usize = 1000;

/// Codes that no list of their scheme contains, each with the number of records that have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownCodes {
    /// By scheme and code.
    counts: BTreeMap<(String, String), u64>,
    /// Codes of records beyond [`DIFFERENT_MAX`].
    further: u64,
}

/// A code that no list of its scheme contains.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct UnknownCode {
    /// The scheme of the lists that lack it.
    pub list: String,
    /// The code, as sent.
    pub code: String,
    /// The number of records that have it.
    pub records: u64,
    /// The code of the lists that is nearest to it, if one is near enough to be what was meant.
    pub nearest: Option<String>,
}

impl UnknownCodes {
    /// Counts a record once for each of its codes that is unknown, its outcome included.
    pub fn add_record<'r>(&mut self, reference: &'r Reference, record: &Record<'r>) {
        let mut codes = Vec::new();
        reference.source_codes(record, &mut codes);
        for (index, code) in codes.iter().enumerate() {
            if !codes[..index].contains(code) {
                self.add(&reference.codes, code.scheme, &code.code);
            }
        }
        if let (Some(list), Some(code)) = (record.outcome_list, record.outcome_code) {
            self.add(&reference.codes, list, code);
        }
    }

    /// Counts a record for a code, if the code is unknown. A scheme without lists knows every code.
    pub fn add(&mut self, lists: &CodeLists, scheme: &str, code: &str) {
        if lists.knows(scheme, code) != Some(false) {
            return;
        }
        self.add_count(scheme.to_owned(), code.to_owned(), 1);
    }

    /// Adds what another collection counted.
    pub fn merge(&mut self, other: Self) {
        self.further += other.further;
        for ((list, code), records) in other.counts {
            self.add_count(list, code, records);
        }
    }

    fn add_count(&mut self, list: String, code: String, records: u64) {
        let key = (list, code);
        if self.counts.len() < DIFFERENT_MAX || self.counts.contains_key(&key) {
            *self.counts.entry(key).or_default() += records;
        } else {
            self.further += records;
        }
    }

    /// Whether no code was unknown.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How often records had unknown codes that [`Self::codes`] leaves out, since there were too
    /// many different ones.
    pub const fn further(&self) -> u64 {
        self.further
    }

    /// The unknown codes, by scheme and code, each with the nearest code of `lists`.
    pub fn codes(&self, lists: &CodeLists) -> Vec<UnknownCode> {
        let rows = self.counts.iter();
        rows.map(|((list, code), records)| UnknownCode {
            list: list.clone(),
            code: code.clone(),
            records: *records,
            nearest: nearest_code(lists, list, code),
        })
        .collect()
    }
}

fn nearest_code(lists: &CodeLists, scheme: &str, code: &str) -> Option<String> {
    let known = lists.lists_of(scheme).flat_map(|list| &list.codes);
    nearest(code, known.map(|known| known.code.as_str())).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Event;

    fn unknown(codes: &[(&str, &str)]) -> Vec<UnknownCode> {
        let lists = Reference::load(None).expect("built in").codes;
        let mut unknown = UnknownCodes::default();
        for (scheme, code) in codes {
            unknown.add(&lists, scheme, code);
        }
        unknown.codes(&lists)
    }

    fn code(list: &str, code: &str, records: u64, nearest: Option<&str>) -> UnknownCode {
        UnknownCode {
            list: list.to_owned(),
            code: code.to_owned(),
            records,
            nearest: nearest.map(str::to_owned),
        }
    }

    #[test]
    fn an_unknown_code_is_counted_and_has_the_nearest_known_one() {
        let found = unknown(&[
            ("police-uk", "violence-sexual-offences"),
            ("police-uk", "robbery"),
            ("police-uk-outcome", "nothing-like-any-of-them"),
            ("police-uk", "violence-sexual-offences"),
        ]);
        assert_eq!(
            found,
            [
                code(
                    "police-uk",
                    "violence-sexual-offences",
                    2,
                    Some("violence-and-sexual-offences")
                ),
                code("police-uk-outcome", "nothing-like-any-of-them", 1, None),
            ]
        );
    }

    #[test]
    fn a_code_is_known_in_any_spelling_that_rules_match_and_in_a_scheme_without_lists() {
        let found = unknown(&[
            ("ho-category", "8n"),
            ("ho-category", "4.10"),
            ("icd-10", "Z99"),
            ("a-list-of-a-partner", "1"),
        ]);
        assert_eq!(found, []);
    }

    #[test]
    fn a_record_counts_once_for_each_of_its_codes_and_outcome() {
        let event = include_str!("../../schemas/examples/crime.json")
            .replace("\"category\":\"8N\"", "\"category\":\"9999\"")
            .replace("\"code\":\"16\"", "\"code\":\"xyz\"");
        let event = Event::decode(&event).expect("an event");
        let record = Record::from_event(&event);
        let reference = Reference::load(None).expect("built in");
        let mut found = UnknownCodes::default();
        found.add_record(&reference, &record);
        found.add_record(&reference, &record);
        assert_eq!(
            found.codes(&reference.codes),
            [
                code("ho-category", "9999", 2, Some("99")),
                code("ho-outcome", "xyz", 2, None),
            ]
        );
    }

    #[test]
    fn too_many_different_codes_are_only_counted() {
        let lists = Reference::load(None).expect("built in").codes;
        let mut found = UnknownCodes::default();
        for number in 0..DIFFERENT_MAX + 2 {
            found.add(&lists, "police-uk", &format!("{number:05}"));
        }
        found.add(&lists, "police-uk", "00000");
        let mut both = UnknownCodes::default();
        both.add(&lists, "police-uk", "00000");
        both.merge(found);
        let codes = both.codes(&lists);
        assert_eq!((codes.len(), codes[0].records), (DIFFERENT_MAX, 3));
        assert_eq!((both.further(), both.is_empty()), (2, false));
    }
}
