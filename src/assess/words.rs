//! The words that a comparison allows. They follow from the verdict and the statuses of the tables;
//! nothing is decided here.

use crate::assess::query::{HIDDEN, SHOWN};

/// What the tables report about one measure in the window.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Comparison<'f> {
    /// `count_status` of the window.
    pub(crate) count_status: &'f str,
    /// Whether anything is known of its count: an upper bound, or a lower one above 0.
    pub(crate) is_known: bool,
    /// Its count, if exact.
    pub(crate) count: Option<i64>,
    /// The count of the baseline, if it has a number.
    pub(crate) base: Option<i64>,
    /// Whether a release hides the count of the baseline.
    pub(crate) is_base_hidden: bool,
    /// `verdict` of `change`; none = there is no row.
    pub(crate) verdict: Option<&'f str>,
    /// `difference`.
    pub(crate) difference: Option<i64>,
    /// `difference_pct`.
    pub(crate) difference_pct: Option<f64>,
    /// `most_pct` of the breaks between the two, if all have a size and there is one.
    pub(crate) most_pct: Option<f64>,
}

/// What a document may state about a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Wording {
    /// The partner's data cannot show it, or did not arrive.
    NotSupplied,
    /// A release does not show the count, to protect people.
    Hidden,
    /// The count is known within bounds.
    Bounds,
    /// There were none, in both periods.
    None,
    /// There is no figure to compare with.
    NoBase,
    /// A release does not show the figure to compare with, to protect people.
    HiddenBase,
    /// Both numbers are too small.
    TooFew,
    /// It rose.
    Rose,
    /// It fell.
    Fell,
    /// No change beyond chance.
    Flat,
    /// It rose by more than a break explains.
    RoseBeyondBreak,
    /// It is higher by more than a break explains, but the rest may be chance.
    MaybeBeyondBreak,
    /// It is higher by no more than a break explains.
    WithinBreak,
    /// It fell although a break raised it.
    FellDespiteBreak,
    /// It did not rise although a break raised it.
    FlatDespiteBreak,
    /// The two cannot be compared.
    NotComparable,
}

impl Wording {
    /// The words that a comparison allows: the first that applies.
    pub(crate) fn of_comparison(comparison: &Comparison<'_>) -> Self {
        match comparison.count_status {
            "not_supplied" => return Self::NotSupplied,
            HIDDEN => return Self::Hidden,
            _ if !comparison.is_known => return Self::NotSupplied,
            status if SHOWN.contains(&status) => {}
            _ => return Self::Bounds,
        }
        let is_higher = comparison
            .difference
            .is_some_and(|difference| difference > 0);
        match comparison.verdict {
            // A row is left out if both counts are 0.
            None if comparison.count == Some(0) => Self::None,
            None => Self::NoBase,
            Some("rose") => Self::Rose,
            Some("fell") => Self::Fell,
            Some("no_clear_change") => Self::Flat,
            Some("too_few") => Self::TooFew,
            Some("rose_beyond_break") => Self::RoseBeyondBreak,
            Some("fell_despite_break") => Self::FellDespiteBreak,
            Some("within_break") if !is_higher => Self::FlatDespiteBreak,
            Some("within_break") => {
                let is_beyond = comparison
                    .difference_pct
                    .zip(comparison.most_pct)
                    .is_some_and(|(rise, most)| rise > most);
                if is_beyond {
                    Self::MaybeBeyondBreak
                } else {
                    Self::WithinBreak
                }
            }
            Some(_) if comparison.is_base_hidden => Self::HiddenBase,
            Some(_) if comparison.base.is_none() => Self::NoBase,
            Some(_) => Self::NotComparable,
        }
    }

    /// Whether it reports a change.
    pub(crate) fn is_change(self) -> bool {
        matches!(
            self,
            Self::Rose | Self::Fell | Self::RoseBeyondBreak | Self::FellDespiteBreak
        )
    }

    /// Whether the change may be judged at all.
    pub(crate) fn is_comparable(self) -> bool {
        self.is_change() || self == Self::Flat
    }

    /// How much a key point is worth that says this; 0 = none.
    pub(crate) fn clarity(self, standard_errors: f64) -> f64 {
        match self {
            Self::Rose | Self::Fell | Self::RoseBeyondBreak | Self::FellDespiteBreak => {
                1.0 + standard_errors.min(6.0) / 6.0
            }
            Self::MaybeBeyondBreak => 0.6,
            Self::WithinBreak => 0.5,
            Self::Flat | Self::FlatDespiteBreak => 0.3,
            Self::NotComparable => 0.2,
            Self::TooFew => 0.05,
            Self::NotSupplied
            | Self::Hidden
            | Self::Bounds
            | Self::None
            | Self::NoBase
            | Self::HiddenBase => 0.0,
        }
    }
}

/// Why a count is not exact, after "because".
pub(crate) fn count_reason(reason: &str) -> &'static str {
    match reason {
        "cannot_show" => "the records do not have the codes or marks to show it",
        "not_covered" => "the partner does not cover the area",
        "no_district" => "the records do not name a district",
        "not_kept" => "the records are past their retention period",
        "no_total_for_window" => "what was sent covers other periods",
        "not_received" => "no records were received",
        "not_due" => "none are due yet",
        "unknown_code" => "some records have codes that their list does not contain",
        "as_sent" => "the partner sent totals that are rounded or suppressed, or that overlap",
        _ => "the partner did not send it",
    }
}

/// The same for a column of a table.
pub(crate) fn count_reason_short(reason: &str) -> &'static str {
    match reason {
        "cannot_show" => "cannot show it",
        "not_covered" => "another area",
        "no_district" => "no district in the records",
        "not_kept" => "not kept any more",
        "no_total_for_window" => "sent for other periods",
        "not_received" => "records are missing",
        "not_due" => "not due yet",
        "unknown_code" => "unknown codes",
        "as_sent" => "rounded, suppressed or overlapping",
        _ => "not sent",
    }
}

/// One reason why two figures cannot be compared, after "because", and its short form.
pub(crate) fn why_not(reason: &str) -> (&'static str, &'static str) {
    match reason {
        "break" => (
            "what they count changed between the two periods",
            "counting changed [b]",
        ),
        "suspect" => (
            "some months have unusually few or many records",
            "unusual months [u]",
        ),
        "missing" => ("records of some months are missing", "months missing [x]"),
        "provisional" => (
            "more records of some months may still arrive",
            "provisional [p]",
        ),
        "inexact" => ("one of the numbers is not exact", "not exact [u]"),
        "location" => (
            "the share of records without a location changed",
            "locations missing [u]",
        ),
        _ => ("the tables do not allow it", "see annex E"),
    }
}

/// What a break did, as the subject of a sentence, and as a clause after "even though".
pub(crate) fn break_effect(effect: &str) -> (&'static str, &'static str) {
    if effect == "recording" {
        ("better recording", "recording improved")
    } else {
        (
            "the change in how these are counted",
            "what is counted changed",
        )
    }
}

/// A place's role, in brackets after a measure.
pub(crate) fn role(role: &str) -> &'static str {
    match role {
        "incident" => "where it happened",
        "home" => "where the person lives",
        "service" => "where the service is",
        _ => "everything the partner sent",
    }
}

/// What a plan did with a priority, as a sentence without its end.
pub(crate) fn lineage(change: &str) -> &'static str {
    match change {
        "continued" => "Continued from the plan before",
        "relabelled" => "The same as in the plan before, under another name",
        "promoted" => "A theme of the plan before, now a priority",
        "demoted" => "A priority of the plan before, now a theme",
        "narrowed" => "Narrower than in the plan before",
        "widened" => "Wider than in the plan before",
        "split" => "Part of a priority of the plan before",
        "merged" => "Made of several priorities of the plan before",
        "dropped" => "Dropped from the plan",
        _ => "New in this plan",
    }
}

/// What a repeat is, as a clause after "in 15% of the N".
pub(crate) fn repeat(definition: &str) -> &'static str {
    match definition {
        "token-person" => "the same person was in another record of the twelve months before",
        "token-victim" => "the same victim was in another record of the twelve months before",
        "token-suspect" => "the same suspect was in another record of the twelve months before",
        "flag-repeat-victim" => "the partner marked a repeat victim",
        "flag-repeat-offender" => "the partner marked a repeat offender",
        _ => "the referral is marked as a repeat",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(verdict: Option<&str>) -> Comparison<'_> {
        Comparison {
            count_status: "exact",
            is_known: true,
            count: Some(110),
            base: Some(100),
            is_base_hidden: false,
            verdict,
            difference: Some(10),
            difference_pct: Some(10.0),
            most_pct: Some(15.6),
        }
    }

    #[test]
    fn words_follow_from_verdict_and_status() {
        let cases = [
            ("rose", Wording::Rose),
            ("fell", Wording::Fell),
            ("no_clear_change", Wording::Flat),
            ("too_few", Wording::TooFew),
            ("rose_beyond_break", Wording::RoseBeyondBreak),
            ("fell_despite_break", Wording::FellDespiteBreak),
            ("within_break", Wording::WithinBreak),
            ("not_comparable", Wording::NotComparable),
        ];
        for (verdict, wording) in cases {
            let comparison = exact(Some(verdict));
            assert_eq!(Wording::of_comparison(&comparison), wording);
            for (status, wording) in [
                ("not_supplied", Wording::NotSupplied),
                ("suppressed", Wording::Hidden),
                ("rounded", wording),
                ("interval", Wording::Bounds),
                ("partial", Wording::Bounds),
            ] {
                let comparison = Comparison {
                    count_status: status,
                    ..comparison.clone()
                };
                assert_eq!(Wording::of_comparison(&comparison), wording, "{verdict}");
            }
        }
    }

    #[test]
    fn a_part_that_says_nothing_is_not_supplied() {
        let comparison = Comparison {
            count_status: "partial",
            is_known: false,
            ..exact(Some("not_comparable"))
        };
        assert_eq!(Wording::of_comparison(&comparison), Wording::NotSupplied);
    }

    #[test]
    fn a_break_of_known_size_has_three_answers() {
        let within = |difference, difference_pct| Comparison {
            difference: Some(difference),
            difference_pct: Some(difference_pct),
            ..exact(Some("within_break"))
        };
        for (comparison, wording) in [
            (within(16, 15.6), Wording::WithinBreak),
            (within(16, 15.7), Wording::MaybeBeyondBreak),
            (within(0, 0.0), Wording::FlatDespiteBreak),
            (within(-5, -5.0), Wording::FlatDespiteBreak),
        ] {
            assert_eq!(Wording::of_comparison(&comparison), wording);
        }
    }

    #[test]
    fn without_a_row_there_is_no_base_unless_both_are_none() {
        assert_eq!(Wording::of_comparison(&exact(None)), Wording::NoBase);
        let none = Comparison {
            count: Some(0),
            ..exact(None)
        };
        assert_eq!(Wording::of_comparison(&none), Wording::None);
        let mut no_base = Comparison {
            base: None,
            ..exact(Some("not_comparable"))
        };
        assert_eq!(Wording::of_comparison(&no_base), Wording::NoBase);
        no_base.is_base_hidden = true;
        assert_eq!(Wording::of_comparison(&no_base), Wording::HiddenBase);
    }

    /// Only a verdict of the table may give a word of change.
    #[test]
    fn a_change_is_reported_only_with_its_verdict() {
        for verdict in [
            None,
            Some("no_clear_change"),
            Some("too_few"),
            Some("within_break"),
            Some("not_comparable"),
            Some("a word of another version"),
        ] {
            for difference in [-1_000, 0, 1_000] {
                let comparison = Comparison {
                    difference: Some(difference),
                    difference_pct: Some(difference as f64),
                    ..exact(verdict)
                };
                assert!(!Wording::of_comparison(&comparison).is_change());
            }
        }
    }
}
