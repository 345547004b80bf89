//! What a column counts: its heading, printed over several rows, becomes a category by rule.
//!
//! The lowest part alone does not distinguish categories, and all parts together are too long and
//! change with the title. So a category is the first and the last part, without titles and fillers.

use crate::import::slug;

/// Parts that start like this do not name what is counted.
const FILLERS: [&str; 4] = ["Table", "Of which", "Number of", "Number and"];

/// The heading of a column, from the top down; without footnotes.
#[derive(Clone, Debug)]
pub(super) struct Heading(Vec<String>);

impl Heading {
    pub(super) fn new<'t>(parts: impl IntoIterator<Item = &'t str>) -> Self {
        Self(
            parts
                .into_iter()
                .map(|part| without_footnotes(&single_spaced(part)).to_owned())
                .collect(),
        )
    }

    fn last(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// Whether the figures below are counts. The heading decides, since a share of 0 % or 100 % looks
    /// like a count.
    pub(super) fn is_count(&self) -> bool {
        let last = self.last();
        !(last == "%" || last.starts_with("Number and %") || last.ends_with("(000s)"))
    }

    /// Whether this is the sum of other columns, or of the households the table is about.
    pub(super) fn is_total(&self) -> bool {
        self.last().starts_with("Total") && !self.is_number_of_needs()
    }

    /// Whether needs are counted; a household can have several.
    pub(super) fn is_number_of_needs(&self) -> bool {
        self.last().starts_with("Total number of support needs")
    }

    /// The category: the first part and, if it differs, the last part.
    pub(super) fn category(&self) -> String {
        let mut parts = self
            .0
            .iter()
            .filter(|part| !FILLERS.iter().any(|filler| part.starts_with(filler)));
        let first = parts.next().map(|part| slug(part)).unwrap_or_default();
        match parts.next_back().map(|part| slug(part)) {
            Some(last) if last != first => format!("{first}/{last}"),
            _ => first,
        }
    }
}

fn single_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text without the numbers of footnotes at its end; `aged 21-24`, `3+` and a bare number have
/// none.
fn without_footnotes(text: &str) -> &str {
    let stem = text.trim_end_matches(|c: char| c.is_ascii_digit() || c == ',');
    match stem.chars().next_back() {
        Some(c) if c.is_alphabetic() || matches!(c, ' ' | ')' | '"' | '.' | '+') => stem.trim_end(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(heading: &str) -> String {
        Heading::new(heading.split(" > ")).category()
    }

    #[test]
    fn the_category_is_the_first_and_the_last_part_without_fillers() {
        assert_eq!(
            category("Total initial assessments1,2"),
            "total-initial-assessments"
        );
        assert_eq!(
            category(
                "Assessed as owed a duty > Of which: > due to service of valid Section 21 Notice3"
            ),
            "assessed-as-owed-a-duty/due-to-service-of-valid-section-21-notice"
        );
        assert_eq!(
            category(
                "Table A3 – Support needs, April to June 2018 > Of which households with: > Old age"
            ),
            "old-age"
        );
        assert_eq!(
            category("Old age > Of which households with: > Old age"),
            "old-age"
        );
        assert_eq!(
            category("Households with one or more support needs1,2 > 3+"),
            "households-with-one-or-more-support-needs/3"
        );
        assert_eq!(category("Number of households > Of which:"), "");
    }

    #[test]
    fn footnotes_are_removed_and_ages_are_kept() {
        for (heading, category_of) in [
            ("Care leaver aged 21-24 3", "care-leaver-aged-21-24"),
            ("Care leaver aged 21-24", "care-leaver-aged-21-24"),
            ("Care leaver aged 25+ 4", "care-leaver-aged-25"),
            (
                "Home no longer suitable - disability / ill health 6",
                "home-no-longer-suitable-disability-ill-health",
            ),
            (
                "Changes\n in benefit \u{a0}entitlement10",
                "changes-in-benefit-entitlement",
            ),
            ("2", "2"),
        ] {
            assert_eq!(category(heading), category_of);
        }
    }

    #[test]
    fn a_share_or_a_rate_is_not_a_count() {
        let is_count = |heading: &str| Heading::new(heading.split(" > ")).is_count();
        assert!(is_count("Number of households > Total owed a relief duty1"));
        for heading in [
            "Total owed a relief duty > %",
            "Number and % of households",
            "Households in area5 (000s)",
        ] {
            assert!(!is_count(heading), "{heading}");
        }
    }
}
