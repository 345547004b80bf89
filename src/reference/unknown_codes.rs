//! Counts codes that their list does not contain: that of their edition, or else every list of the
//! scheme.
//!
//! A record with such a code is accepted, but no rule of a plan can name the code, so figures by
//! code may be too low. Every command that reads records can count them here and report each code
//! with the nearest known one. Of a record, nothing but the code is kept.

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use hashbrown::HashSet;

use super::Reference;
use super::codes::CodeLists;
use super::source_code::{SourceCode, outcome_code};
use crate::contract::Record;

/// The number of different codes that are kept; records with further ones are only counted.
const DIFFERENT_MAX: usize = 1000;
/// The number of combinations of codes that a [`CodeCheck`] remembers.
const COMBINATIONS_MAX: usize = 65_536;

/// Codes that their list does not contain, each with the number of records that have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownCodes {
    /// By list and code.
    counts: BTreeMap<(String, String), u64>,
    /// Codes of records beyond [`DIFFERENT_MAX`].
    further: u64,
}

/// A code that its list does not contain.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct UnknownCode {
    /// The list that lacks it: `<scheme>@<edition>`, or the scheme if no list has the edition.
    pub list: String,
    /// The code, as sent.
    pub code: String,
    /// The number of records that have it.
    pub records: u64,
    /// The code of the list that is nearest to it, if one is near enough to be what was meant.
    pub nearest: Option<String>,
}

impl UnknownCodes {
    /// Counts a record once for each of its codes that is unknown, its outcome included; returns
    /// those codes, each after its list.
    pub fn add_record(
        &mut self,
        reference: &Reference,
        record: &Record<'_>,
    ) -> Vec<(String, String)> {
        let unknown = codes_unknown_in(reference, record);
        let unknown = unknown.iter().map(|code| {
            let (list, code) = (list_name(&reference.codes, code), code.code.to_string());
            self.add_count(list.clone(), code.clone(), 1);
            (list, code)
        });
        unknown.collect()
    }

    /// Counts records for a code, if the code is unknown. A scheme without lists knows every code.
    pub fn add(
        &mut self,
        lists: &CodeLists,
        scheme: &str,
        edition: Option<&str>,
        code: &str,
        records: u64,
    ) {
        if lists.knows(scheme, edition, code) != Some(false) {
            return;
        }
        let code = SourceCode {
            scheme,
            code: code.into(),
            edition,
        };
        self.add_count(list_name(lists, &code), code.code.into_owned(), records);
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

    /// How often records had an unknown code.
    pub fn total(&self) -> u64 {
        self.counts.values().sum::<u64>() + self.further
    }

    /// How often records had an unknown code, by list.
    pub fn by_list(&self) -> BTreeMap<String, u64> {
        let mut lists = BTreeMap::new();
        for ((list, _), records) in &self.counts {
            *lists.entry(list.clone()).or_default() += records;
        }
        lists
    }

    /// The unknown codes, by list and code, each with the nearest code of the list.
    pub fn codes(&self, lists: &CodeLists) -> Vec<UnknownCode> {
        let rows = self.counts.iter();
        rows.map(|((list, code), records)| UnknownCode {
            list: list.clone(),
            code: code.clone(),
            records: *records,
            nearest: lists.nearest(list, code).map(str::to_owned),
        })
        .collect()
    }
}

/// The unknown codes of one record, each once, its outcome last.
fn codes_unknown_in<'c, 'r: 'c>(
    reference: &'c Reference,
    record: &Record<'r>,
) -> Vec<SourceCode<'c>> {
    let mut codes = Vec::new();
    reference.source_codes(record, &mut codes);
    codes.extend(outcome_code(record));
    let mut unknown: Vec<SourceCode<'c>> = Vec::new();
    for code in codes {
        if reference.is_unknown(&code) && !unknown.contains(&code) {
            unknown.push(code);
        }
    }
    unknown
}

fn list_name(lists: &CodeLists, code: &SourceCode<'_>) -> String {
    let mut deciding = lists.lists_for(code.scheme, code.edition);
    match (deciding.next(), deciding.next()) {
        (Some(list), None) => list.name(),
        _ => code.scheme.to_owned(),
    }
}

/// Counts the unknown codes of many records. A combination of codes is looked up once: after that,
/// a record costs one hash.
#[derive(Debug, Default)]
pub struct CodeCheck {
    /// Hashes of combinations without an unknown code. Two combinations share a hash with a chance
    /// of about 1 in 10^19; records with the second are then not counted. The seed differs in each
    /// run.
    known: HashSet<u64>,
    unknown: UnknownCodes,
}

impl CodeCheck {
    /// Counts a record once for each of its codes that is unknown; returns those codes, each after
    /// its list.
    pub fn add(&mut self, reference: &Reference, record: &Record<'_>) -> Vec<(String, String)> {
        // Everything that `codes_unknown_in` reads of a record.
        let combination = self.known.hasher().hash_one((
            (record.kind, record.what_list, record.what_edition),
            (record.what_category, record.what_code),
            (record.outcome_list, record.outcome_code),
            (record.icd10_further, record.concerns, record.support_needs),
        ));
        if self.known.contains(&combination) {
            return Vec::new();
        }
        let unknown = self.unknown.add_record(reference, record);
        if unknown.is_empty() && self.known.len() < COMBINATIONS_MAX {
            self.known.insert(combination);
        }
        unknown
    }

    /// What was counted since the last call.
    pub fn take(&mut self) -> UnknownCodes {
        std::mem::take(&mut self.unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Event;

    fn unknown(codes: &[(&str, &str)]) -> Vec<UnknownCode> {
        let lists = Reference::load(None).expect("built in").codes;
        let mut unknown = UnknownCodes::default();
        for (scheme, code) in codes {
            let (scheme, edition) = scheme
                .split_once('@')
                .map_or((*scheme, None), |(scheme, edition)| (scheme, Some(edition)));
            unknown.add(&lists, scheme, edition, code, 1);
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
                code("police-uk-outcome", "nothing-like-any-of-them", 1, None),
                code(
                    "police-uk@2013-05",
                    "violence-sexual-offences",
                    2,
                    Some("violence-and-sexual-offences")
                ),
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
    fn the_list_of_the_edition_decides_where_there_is_one() {
        let found = unknown(&[
            ("ho-category@2026-04", "28I"),
            ("ho-category@2026-04", "28e"),
            ("ho-category@2019", "28E"),
            ("ho-category@2016-04", "28E"),
            ("ho-category", "28E"),
            ("ho-category@2016-04", "999"),
        ]);
        assert_eq!(
            found,
            [
                code("ho-category", "999", 1, Some("99")),
                code("ho-category@2026-04", "28e", 1, Some("28I")),
            ]
        );
    }

    #[test]
    fn a_total_of_a_list_is_one_of_its_codes() {
        let found = unknown(&[
            ("hclic-reason@2018-04", "total-owed-a-relief-duty"),
            ("hclic-reason@2018-04", "total-owed-no-duty"),
            (
                "hclic-need@2018-04",
                "households-with-one-or-more-support-needs/total",
            ),
        ]);
        let codes: Vec<&str> = found.iter().map(|found| found.code.as_str()).collect();
        assert_eq!(codes, ["total-owed-no-duty"]);
    }

    #[test]
    fn a_check_counts_as_a_collection_does_and_starts_again_when_taken() {
        let reference = Reference::load(None).expect("built in");
        let (mut check, mut all) = (CodeCheck::default(), UnknownCodes::default());
        for category in ["8N", "9999", "8N", "9999", "8Z"] {
            let event = include_str!("../../schemas/examples/crime.json").replace(
                "\"category\":\"8N\"",
                &format!("\"category\":\"{category}\""),
            );
            let event = Event::decode(&event).expect("an event");
            let record = Record::from_event(&event);
            check.add(&reference, &record);
            all.add_record(&reference, &record);
        }
        assert_eq!((all.total(), check.take()), (3, all));
        assert!(check.take().is_empty());
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
            found.add(&lists, "police-uk", None, &format!("{number:05}"), 1);
        }
        found.add(&lists, "police-uk", None, "00000", 1);
        let mut both = UnknownCodes::default();
        both.add(&lists, "police-uk", None, "00000", 1);
        both.merge(found);
        let codes = both.codes(&lists);
        assert_eq!((codes.len(), codes[0].records), (DIFFERENT_MAX, 3));
        assert_eq!((both.further(), both.is_empty()), (2, false));
    }
}
