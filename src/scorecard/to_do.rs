//! What a partner should do, the most urgent first: a sentence for each thing.
//!
//! The order: personal data, other refusals, months that are missing, months with far too few or too
//! many records, unknown codes; then what only improves the figures.

use indicatif::HumanCount;

use super::advice::advice;
use super::{FeedCard, KindCard, MonthCard, RefusalRow, ShownMonths, personal_reason};
use crate::contract::field_name;
use crate::contract::rejection::Reason;
use crate::event::Month;
use crate::reference::windows::months_in_words;

/// The most refusals that are listed one by one.
const REFUSALS_MAX: usize = 5;
/// The most months that a sentence names.
const MONTHS_MAX: usize = 3;
/// The share of late records from which a month is called late.
const LATE_SHARE: f64 = 0.5;

/// The sentences for a feed, about some months.
pub(super) fn to_do(feed: &FeedCard, months: ShownMonths) -> Vec<String> {
    let mut sentences = Vec::new();
    if feed.paused {
        sentences.push(
            "Your records are paused: they are stored and not validated. Fix the cause of the refusals below, then \
             ask the partnership to resume you."
                .to_owned(),
        );
    }
    sentences.extend(personal(feed));
    sentences.extend(refusals(feed, months.refusals));
    let first = months.records;
    let kinds = || feed.kinds.iter();
    sentences.extend(kinds().filter_map(|kind| overdue(kind, first)));
    sentences.extend(kinds().flat_map(|kind| suspect(kind, first)));
    sentences.extend(kinds().filter_map(unknown_codes));
    sentences.extend(kinds().filter_map(|kind| late(kind, first)));
    sentences.extend(kinds().filter_map(contradictions));
    sentences
}

fn personal(feed: &FeedCard) -> Option<String> {
    let count: u64 = feed.personal.values().sum();
    let reasons: Vec<String> = feed
        .personal
        .iter()
        .map(|(reason, count)| format!("{} {count}", personal_reason(reason)))
        .collect();
    let action = advice(Reason::PersonalField).action;
    (count > 0).then(|| {
        format!(
            "{} refused as personal data ({}): {action}.",
            events(count),
            reasons.join(", ")
        )
    })
}

fn refusals(feed: &FeedCard, first: Month) -> Vec<String> {
    let is_recent = |row: &&RefusalRow| row.by_month.keys().any(|month| *month >= first);
    let is_personal = |row: &&RefusalRow| row.reason.is_personal();
    let mut rows: Vec<&RefusalRow> = feed
        .refusals
        .iter()
        .filter(|row| is_recent(row) && !is_personal(row))
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.total()));
    let mut sentences: Vec<String> = rows
        .iter()
        .take(REFUSALS_MAX)
        .map(|row| {
            let advice = advice(row.reason);
            let newest = row.by_month.keys().next_back();
            let newest = newest.map_or_else(String::new, |month| {
                format!(", the newest in {}", months_in_words(*month, *month))
            });
            let field = field_name(&row.pointer);
            let at = field.map_or_else(String::new, |field| format!(" at `{field}`"));
            let kind = row.kind.as_deref();
            let of = kind.map_or_else(String::new, |kind| format!(" of {kind}"));
            format!(
                "{} refused{at}{of}, because {}{newest}: {}.",
                events(row.total()),
                advice.because,
                advice.action
            )
        })
        .collect();
    if let Some(further) = rows.len().checked_sub(REFUSALS_MAX + 1) {
        sentences.push(format!(
            "Events were refused for {} further reasons: see the table of refusals.",
            further + 1
        ));
    }
    sentences
}

fn overdue(kind: &KindCard, first: Month) -> Option<String> {
    let months = recent(kind, first).filter(|month| month.is_overdue);
    let months: Vec<Month> = months.map(|month| month.month).collect();
    (!months.is_empty()).then(|| {
        format!(
            "{}: no records for {}, which were due. Send them, or inform the partnership if there were none.",
            kind.label,
            named(&months)
        )
    })
}

fn suspect(kind: &KindCard, first: Month) -> impl Iterator<Item = String> {
    recent(kind, first)
        .filter(|month| month.is_suspect)
        .map(|month| {
            let usual = month.reference.unwrap_or_default();
            let what = if (month.records as f64) < usual {
                "Send the missing records, or inform the partnership if these are all."
            } else {
                "Check that no record was sent under two subjects."
            };
            format!(
                "{}: {} for {}, where months around it have {}. {what}",
                kind.label,
                match month.records {
                    1 => "1 record".to_owned(),
                    records => format!("{} records", HumanCount(records as u64)),
                },
                months_in_words(month.month, month.month),
                HumanCount(usual.round() as u64)
            )
        })
}

fn unknown_codes(kind: &KindCard) -> Option<String> {
    let lists: Vec<String> = kind
        .unknown_codes
        .iter()
        .map(|(list, count)| format!("{list} {}", HumanCount(*count)))
        .collect();
    (!lists.is_empty()).then(|| {
        format!(
            "{}: records have codes that their list does not contain ({}). Correct them with a higher revision, or ask \
             the partnership to add the codes.",
            kind.label,
            lists.join(", ")
        )
    })
}

fn late(kind: &KindCard, first: Month) -> Option<String> {
    let is_late = |month: &&MonthCard| {
        month.late > 0 && month.late as f64 >= LATE_SHARE * month.records as f64
    };
    let months: Vec<Month> = recent(kind, first)
        .filter(is_late)
        .map(|month| month.month)
        .collect();
    (!months.is_empty()).then(|| {
        format!(
            "{}: half or more of the records for {} came after the day they were due. Send each month by that day.",
            kind.label,
            named(&months)
        )
    })
}

fn contradictions(kind: &KindCard) -> Option<String> {
    let count: i64 = kind.months.iter().map(|month| month.contradictions).sum();
    (count > 0).then(|| {
        format!(
            "{}: {} with different content under one revision. Send the right content with a higher revision.",
            kind.label,
            if count == 1 {
                "1 record was sent".to_owned()
            } else {
                format!("{} records were sent", HumanCount(count as u64))
            }
        )
    })
}

fn recent(kind: &KindCard, first: Month) -> impl Iterator<Item = &MonthCard> {
    kind.months.iter().filter(move |month| month.month >= first)
}

fn events(count: u64) -> String {
    if count == 1 {
        "1 event was".to_owned()
    } else {
        format!("{} events were", HumanCount(count))
    }
}

/// The newest months in words, and how many others there are.
fn named(months: &[Month]) -> String {
    let (others, newest) = months.split_at(months.len().saturating_sub(MONTHS_MAX));
    let mut names: Vec<String> = newest
        .iter()
        .rev()
        .map(|month| months_in_words(*month, *month))
        .collect();
    match others.len() {
        0 => {}
        1 => names.push("1 earlier month".to_owned()),
        count => names.push(format!("{count} earlier months")),
    }
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}
