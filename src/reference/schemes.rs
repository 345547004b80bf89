//! The schemes that reference files may name, and patterns over their codes, read and checked.
//!
//! A pattern must match a code of a list or a group of a crosswalk, where one exists: a typing
//! error that matches nothing would otherwise count as 0.

use std::collections::{BTreeMap, BTreeSet};

use super::codes::{CodeList, CodeLists};
use super::crosswalks::Crosswalks;
use super::pattern::Pattern;
use crate::files::fault::hint;
use crate::files::toml_reader::{ListItem, TomlReader};

/// Schemes of the contracts without a code list.
const OPEN: [&str; 6] = [
    "ampds",
    "icd-10",
    "nhs-pathways",
    "noise-source",
    "nrm-exploitation",
    "prevent-concern",
];

/// The editions of each scheme in which a plan's codes are checked; a scheme without an entry is
/// checked in all.
pub(crate) type Editions<'t> = BTreeMap<&'t str, Vec<&'t str>>;

/// Every scheme, with its codes and groups.
#[derive(Clone, Copy)]
pub(crate) struct Schemes<'r> {
    /// Every name that a rule may use as a scheme.
    pub(crate) names: &'r BTreeSet<String>,
    pub(crate) codes: &'r CodeLists,
    pub(crate) crosswalks: &'r Crosswalks,
}

/// Every name that a rule may use as a scheme.
pub(crate) fn scheme_names(codes: &CodeLists, crosswalks: &Crosswalks) -> BTreeSet<String> {
    let lists = codes
        .iter()
        .filter(|list| !list.is_of_outcomes())
        .map(|list| &*list.scheme);
    let groups = crosswalks.schemes().map(|(scheme, _)| scheme);
    lists
        .chain(groups)
        .chain(crosswalks.lists())
        .chain(OPEN)
        .map(str::to_owned)
        .collect()
}

impl Schemes<'_> {
    pub(crate) fn contains(&self, scheme: &str) -> bool {
        self.names.contains(scheme)
    }

    /// The reason of a fault for a scheme that does not exist.
    pub(crate) fn unknown(&self, scheme: &str) -> String {
        let hint = hint(scheme, self.names.iter().map(String::as_str));
        format!("unknown scheme `{scheme}`{hint}")
    }

    /// Adds a fault, and returns false, where no list of the scheme has the edition.
    pub(crate) fn check_edition(
        &self,
        reader: &TomlReader<'_>,
        key: &str,
        scheme: &str,
        edition: &str,
    ) -> bool {
        let lists = self.codes.lists_of(scheme);
        let editions: Vec<&str> = lists.filter_map(|list| list.edition.as_deref()).collect();
        let exists = editions.contains(&edition);
        if !exists {
            let available = match &*editions {
                [] => "none".to_owned(),
                editions => editions.join(", "),
            };
            let reason =
                format!("no list has edition `{edition}` of {scheme} (known: {available})");
            reader.fault_at(key, reason);
        }
        exists
    }

    /// The patterns under `codes`, by scheme.
    pub(crate) fn read_patterns(
        &self,
        reader: &TomlReader<'_>,
        editions: &Editions<'_>,
    ) -> BTreeMap<String, Vec<Pattern>> {
        let mut by_scheme = BTreeMap::new();
        let Some(table) = reader.table("codes") else {
            return by_scheme;
        };
        let schemes = table.keys();
        if schemes.is_empty() {
            reader.fault("codes", "names no scheme");
        }
        for scheme in schemes {
            let items = table.texts(scheme);
            if !self.contains(scheme) {
                table.fault(scheme, self.unknown(scheme));
            }
            let patterns = items
                .iter()
                .filter_map(|item| self.read_pattern(&table, scheme, item, editions));
            by_scheme.insert(scheme.to_owned(), patterns.collect());
        }
        by_scheme
    }

    fn read_pattern(
        &self,
        reader: &TomlReader<'_>,
        scheme: &str,
        item: &ListItem<'_>,
        editions: &Editions<'_>,
    ) -> Option<Pattern> {
        match Pattern::parse(scheme, item.text) {
            Ok(pattern) => {
                self.check_matches(reader, scheme, item, &pattern, editions);
                Some(pattern)
            }
            Err(error) => {
                reader.fault_at(&item.key, format!("`{}`: {error}", item.text));
                None
            }
        }
    }

    /// Adds a fault where a pattern matches no code or group.
    fn check_matches(
        &self,
        reader: &TomlReader<'_>,
        scheme: &str,
        item: &ListItem<'_>,
        pattern: &Pattern,
        editions: &Editions<'_>,
    ) {
        if let Some(edition) = pattern.edition()
            && !self.check_edition(reader, &item.key, scheme, edition)
        {
            return;
        }
        let fault = match self.crosswalks.groups_of(scheme) {
            Some(groups) => group_fault(scheme, item.text, pattern, groups),
            None => self.code_fault(scheme, item.text, pattern, editions.get(scheme)),
        };
        if let Some(reason) = fault {
            reader.fault_at(&item.key, reason);
        }
    }

    fn code_fault(
        &self,
        scheme: &str,
        text: &str,
        pattern: &Pattern,
        editions: Option<&Vec<&str>>,
    ) -> Option<String> {
        let lists: Vec<&CodeList> = self
            .codes
            .lists_of(scheme)
            .filter(|list| is_checked(list, pattern, editions))
            .collect();
        if lists.is_empty() || lists.iter().any(|list| list.has(pattern)) {
            return None;
        }
        let is_range = text.split_once('-').is_some_and(|(first, last)| {
            lists.iter().any(|list| list.get(first).is_some())
                && lists.iter().any(|list| list.get(last).is_some())
        });
        let codes = lists.iter().flat_map(|list| list.codes.iter());
        // Of codes that are words; another number is as near as any.
        let is_word = text.chars().filter(|c| c.is_alphabetic()).count() > 3;
        let hint = hint(text, codes.map(|code| &*code.code).filter(|_| is_word));
        let editions: Vec<&str> = lists
            .iter()
            .filter_map(|list| list.edition.as_deref())
            .collect();
        Some(match (is_range, pattern.is_exact()) {
            (true, _) => {
                format!("`{text}` is a range; only `icd-10` and `ho-offence` have ranges")
            }
            (false, true) if editions.is_empty() => {
                format!("`{text}` is not a code of the list{hint}")
            }
            (false, true) => format!(
                "`{text}` is not a code of the editions {}{hint}",
                editions.join(", ")
            ),
            (false, false) => format!("`{text}` matches nothing"),
        })
    }
}

fn group_fault(
    scheme: &str,
    text: &str,
    pattern: &Pattern,
    groups: &BTreeSet<String>,
) -> Option<String> {
    if groups
        .iter()
        .any(|group| pattern.matches(&group.to_uppercase(), None))
    {
        return None;
    }
    let hint = hint(text, groups.iter().map(String::as_str));
    Some(format!(
        "no row of crosswalks/{scheme}.csv gives `{text}`{hint}"
    ))
}

/// Whether a pattern is checked against a list. A pattern with an edition is checked against that
/// edition's list, any other against the plan's editions.
fn is_checked(list: &CodeList, pattern: &Pattern, editions: Option<&Vec<&str>>) -> bool {
    let edition = list.edition.as_deref();
    match (pattern.edition(), editions) {
        (Some(own), _) => edition == Some(own),
        (None, Some(listed)) => edition.is_none_or(|edition| listed.contains(&edition)),
        (None, None) => true,
    }
}
