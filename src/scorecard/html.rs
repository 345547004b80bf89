//! A scorecard as one page: no script, no external resource. The template arranges and escapes; all
//! numbers are those of the scorecard.

use indicatif::HumanCount;
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::{
    FeedCard, KindCard, MonthCard, RefusalRow, SECURITY_POLICY, START_MARK, Scorecard, ShownMonths,
    personal_reason,
};
use crate::contract::field_name;
use crate::event::Month;
use crate::reference::labels::in_words;
use crate::reference::windows::months_in_words;
use crate::templates;

const TEMPLATE: &str = include_str!("html/scorecard.html");
const STYLE: &str = include_str!("html/style.css");
/// The months of a chart of records, and of a chart of refusals.
const CHART_MONTHS: [i32; 2] = [12, 6];
/// The height of the tallest bar, and what a month takes of the width.
const BAR_HEIGHT: f64 = 40.0;
const BAR_STEP: usize = 48;
/// The refusals that a page lists.
const REFUSALS_MAX: usize = 100;

/// The figures of a month of a kind, in the order of the columns.
const FIGURES: [&str; 13] = [
    "Records",
    "Usual number",
    "Late",
    "Corrected",
    "Cancelled",
    "Contradictory",
    "Unknown code",
    "No priority",
    "No recorded date",
    "No area",
    "Area outside",
    "Only month known",
    "Other or not known",
];
const UNKNOWN: &str = "–";
/// What a figure is in a month in which it says nothing.
const NOTHING: [&str; 3] = ["0", "0%", UNKNOWN];

/// A feed as the page shows it.
#[derive(Serialize)]
struct FeedView<'c> {
    id: &'static str,
    label: String,
    last_received: Option<String>,
    paused: bool,
    received: String,
    accepted: String,
    rejected: String,
    door_refused: String,
    to_do: &'c [String],
    personal: Vec<(String, u64)>,
    kinds: Vec<&'c str>,
    not_supplied: Vec<&'c str>,
    months: Vec<MonthRow>,
    details: Vec<KindView<'c>>,
    completeness: Vec<(String, Vec<String>)>,
    refusals: Vec<RefusalView<'c>>,
    further_refusals: usize,
}

/// A month in all kinds of a feed.
#[derive(Serialize)]
struct MonthRow {
    month: String,
    cells: Vec<Cell>,
}

/// A number with what is to be known of it.
#[derive(Serialize)]
struct Cell {
    number: Option<String>,
    /// Such as `overdue`; empty where nothing is wrong.
    note: String,
    is_wrong: bool,
}

/// A kind in detail.
#[derive(Serialize)]
struct KindView<'c> {
    label: &'c str,
    chart: Chart,
    /// The names of the figures; those that are 0 or unknown in all months are left out.
    figures: Vec<&'static str>,
    left_out: Vec<&'static str>,
    months: Vec<MonthDetail>,
    /// Months before those shown: the JSON has them.
    earlier_months: usize,
}

/// A month of a kind in detail.
#[derive(Serialize)]
struct MonthDetail {
    month: String,
    status: String,
    due: String,
    numbers: Vec<String>,
}

/// A refusal as the page shows it.
#[derive(Serialize)]
struct RefusalView<'c> {
    reason: &'static str,
    /// `None`: the complete event.
    field: Option<String>,
    kind: &'c str,
    count: String,
    door_refused: String,
    rule: &'c str,
    fault: &'static str,
    action: &'static str,
    at: &'c [String],
    chart: Chart,
}

/// Bars by month.
#[derive(Serialize)]
struct Chart {
    /// All numbers in words.
    description: String,
    width: usize,
    bars: Vec<Bar>,
}

#[derive(Serialize)]
struct Bar {
    x: usize,
    y: f64,
    height: f64,
    count: String,
    month: String,
}

impl Chart {
    /// The numbers of some months up to the last.
    fn new(last: Month, months: i32, count: impl Fn(Month) -> u64) -> Self {
        let shown: Vec<(Month, u64)> = (1 - months..=0)
            .map(|before| last.plus(before))
            .map(|month| (month, count(month)))
            .collect();
        let most = shown.iter().map(|(_, count)| *count).max().unwrap_or(0);
        let description: Vec<String> = shown
            .iter()
            .map(|(month, count)| format!("{}: {count}", in_full(*month)))
            .collect();
        let bars = shown.iter().enumerate().map(|(index, (month, count))| {
            let height = (*count as f64 / most.max(1) as f64 * BAR_HEIGHT).round();
            Bar {
                x: index * BAR_STEP,
                y: BAR_HEIGHT - height,
                height,
                count: grouped(*count),
                month: month.first_day().strftime("%b").to_string(),
            }
        });
        Self {
            description: description.join(", "),
            width: shown.len() * BAR_STEP,
            bars: bars.collect(),
        }
    }
}

/// Writes the page.
pub(super) fn write(card: &Scorecard) -> Result<String, minijinja::Error> {
    let feeds: Vec<FeedView<'_>> = card
        .feeds
        .iter()
        .map(|feed| feed_view(feed, card.months))
        .collect();
    let values = context! {
        style => STYLE,
        security_policy => SECURITY_POLICY,
        start_mark => START_MARK,
        name => &*card.name,
        as_at => card.as_at.map(instant_text),
        feeds => Serde(&feeds),
    };
    templates::html(TEMPLATE, values)
}

fn feed_view(feed: &FeedCard, shown: ShownMonths) -> FeedView<'_> {
    let supplied: Vec<&KindCard> = feed.kinds.iter().filter(|kind| is_supplied(kind)).collect();
    let last = supplied.iter().filter_map(|kind| kind.months.last());
    let last = last.map(|month| month.month).max();
    let months: Vec<Month> = last.map_or_else(Vec::new, |last| shown.records.to(last).collect());
    let row = |month: &Month| MonthRow {
        month: in_full(*month),
        cells: supplied.iter().map(|kind| cell(kind, *month)).collect(),
    };
    let newest = shown.refusals.plus(super::MONTHS_SHOWN - 1);
    FeedView {
        id: feed.feed,
        label: in_words(feed.feed),
        last_received: feed.last_received.map(instant_text),
        paused: feed.paused,
        received: grouped(feed.received),
        accepted: grouped(feed.accepted),
        rejected: grouped(feed.rejected),
        door_refused: grouped(feed.door_refused),
        to_do: &feed.to_do,
        personal: feed
            .personal
            .iter()
            .map(|(reason, count)| (personal_reason(reason), *count))
            .collect(),
        kinds: supplied.iter().map(|kind| kind.label.as_str()).collect(),
        not_supplied: feed
            .kinds
            .iter()
            .filter(|kind| !is_supplied(kind))
            .map(|kind| kind.label.as_str())
            .collect(),
        months: months.iter().rev().map(row).collect(),
        details: supplied
            .iter()
            .filter_map(|kind| kind_view(kind, shown.records))
            .collect(),
        completeness: completeness(&supplied, shown.records),
        refusals: feed
            .refusals
            .iter()
            .take(REFUSALS_MAX)
            .map(|row| refusal_view(row, newest))
            .collect(),
        further_refusals: feed.refusals.len().saturating_sub(REFUSALS_MAX),
    }
}

fn is_supplied(kind: &KindCard) -> bool {
    kind.months.iter().any(|month| month.records > 0)
}

fn cell(kind: &KindCard, month: Month) -> Cell {
    let found = kind.months.iter().find(|card| card.month == month);
    let Some(found) = found else {
        return Cell {
            number: None,
            note: "not sent".to_owned(),
            is_wrong: false,
        };
    };
    let has_records = found.records > 0;
    let is_wrong = found.is_overdue || found.is_suspect;
    Cell {
        number: has_records.then(|| grouped(found.records as u64)),
        note: match found.status {
            Some(status) if is_wrong || !has_records => status.replace('_', " "),
            _ => String::new(),
        },
        is_wrong,
    }
}

fn kind_view(kind: &KindCard, first: Month) -> Option<KindView<'_>> {
    let last = kind.months.last()?.month;
    let records = |month: Month| {
        let found = kind.months.iter().find(|card| card.month == month);
        found.map_or(0, |card| card.records as u64)
    };
    let recent = kind.months.iter().rev().filter(|card| card.month >= first);
    let mut months: Vec<MonthDetail> = recent.map(month_detail).collect();
    let is_shown = |index: usize| {
        let numbers = months.iter().map(|month| month.numbers[index].as_str());
        index == 0 || numbers.into_iter().any(|number| !NOTHING.contains(&number))
    };
    let shown: Vec<bool> = (0..FIGURES.len()).map(is_shown).collect();
    for month in &mut months {
        let mut shown = shown.iter();
        month.numbers.retain(|_| shown.next() == Some(&true));
    }
    let named = |is_shown: bool| {
        let named = FIGURES.iter().zip(&shown);
        let named = named.filter(move |(_, shown)| **shown == is_shown);
        named.map(|(name, _)| *name).collect()
    };
    Some(KindView {
        label: &kind.label,
        chart: Chart::new(last, CHART_MONTHS[0], records),
        figures: named(true),
        left_out: named(false),
        earlier_months: kind.months.len() - months.len(),
        months,
    })
}

fn month_detail(card: &MonthCard) -> MonthDetail {
    let number = |number: i64| grouped(number.max(0) as u64);
    let optional = |value: Option<i64>| value.map_or_else(|| UNKNOWN.to_owned(), number);
    let share = |share: f64| {
        if card.records > 0 {
            percent(share)
        } else {
            UNKNOWN.to_owned()
        }
    };
    let valid = &card.valid;
    let figures: [String; FIGURES.len()] = [
        number(card.records),
        optional(card.reference.map(|usual| usual.round() as i64)),
        number(card.late),
        number(card.revised),
        number(card.cancelled),
        number(card.contradictions),
        number(valid.unknown_code),
        optional(valid.unmapped),
        number(valid.date_fallback),
        number(valid.no_location),
        optional(valid.outside),
        share(card.defaults.month_precision),
        share(card.defaults.other_or_not_known),
    ];
    MonthDetail {
        month: in_full(card.month),
        status: card.status.unwrap_or("before figures").replace('_', " "),
        due: card.due.strftime("%-d %b %Y").to_string(),
        numbers: figures.into(),
    }
}

/// For each field the share of records that have it, by kind, in the months shown.
fn completeness(kinds: &[&KindCard], first: Month) -> Vec<(String, Vec<String>)> {
    let mut fields: Vec<&String> = Vec::new();
    for kind in kinds {
        for card in &kind.months {
            for field in card.complete.keys() {
                if !fields.contains(&field) {
                    fields.push(field);
                }
            }
        }
    }
    let share = |kind: &KindCard, field: &str| {
        let (mut with_field, mut records) = (0.0, 0.0);
        for card in kind.months.iter().filter(|card| card.month >= first) {
            if let Some(share) = card.complete.get(field) {
                with_field += (share * card.records as f64).round();
                records += card.records as f64;
            }
        }
        if records > 0.0 {
            percent(with_field / records)
        } else {
            UNKNOWN.to_owned()
        }
    };
    fields
        .iter()
        .map(|field| {
            let shares = kinds.iter().map(|kind| share(kind, field));
            ((*field).clone(), shares.collect())
        })
        .collect()
}

fn refusal_view(row: &RefusalRow, newest: Month) -> RefusalView<'_> {
    RefusalView {
        reason: row.reason.as_str(),
        field: field_name(&row.pointer),
        kind: row.kind.as_deref().unwrap_or("not known"),
        count: grouped(row.count),
        door_refused: grouped(row.door_refused),
        rule: &row.rule,
        fault: row.fault,
        action: row.action,
        at: &row.at,
        chart: Chart::new(newest, CHART_MONTHS[1], |month| {
            row.by_month.get(&month).copied().unwrap_or_default()
        }),
    }
}

fn grouped(number: u64) -> String {
    HumanCount(number).to_string()
}

fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

fn in_full(month: Month) -> String {
    months_in_words(month, month)
}

fn instant_text(at: crate::event::Micros) -> String {
    at.in_london().strftime("%-d %B %Y, %H:%M").to_string()
}
