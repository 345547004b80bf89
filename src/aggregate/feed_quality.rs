//! `feed_quality`: may a month of a partner's kind be used?
//!
//! Not worked out yet, and null: what needs the months around (`late`, `reference`, `ratio`, `due`,
//! `data_status`) or geography (`outside`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::{DataType, Field};
use bytes::Bytes;

use super::calendar::{Calendar, days_since_1970};
use super::cells::window;
use super::current::{Current, Quality};
use super::table::{Writer, field, schema, timestamp};
use super::{Error, Settings};
use crate::event::{Feed, Micros, Month};

/// Rejected records by feed, partner, kind and the month they were received.
#[derive(Default)]
pub(super) struct Rejected {
    calendar: Calendar,
    counts: BTreeMap<(String, &'static str, Option<String>, Month), i64>,
}

impl Rejected {
    /// Adds a reject whose partner is known.
    pub(super) fn add(&mut self, feed: Feed, partner: &str, kind: Option<&str>, received: Micros) {
        let month = self.calendar.at(received).month;
        let key = (partner.to_owned(), feed.as_str(), kind.map(str::to_owned), month);
        *self.counts.entry(key).or_default() += 1;
    }
}

/// Partner, feed and kind.
type Key = (String, &'static str, Option<String>);

#[derive(Default)]
struct Months {
    date_basis: Option<String>,
    quality: BTreeMap<Month, Quality>,
    rejected: BTreeMap<Month, i64>,
}

struct Row<'m> {
    key: &'m Key,
    date_basis: Option<&'m str>,
    month: Month,
    quality: Quality,
    rejected: i64,
}

/// The table's file, and how many rows it has.
pub(super) fn write(current: &Current, rejected: &Rejected, settings: &Settings<'_>) -> Result<(Bytes, u64), Error> {
    let months = gather(current, rejected);
    let rows: Vec<Row<'_>> = months.iter().flat_map(|(key, months)| rows(key, months)).collect();
    let batch = batch(&rows, &settings.plan.id)?;
    let mut writer = Writer::new(&batch.schema(), &[])?;
    writer.row_group(&|place| batch.column(place).clone())?;
    Ok((writer.finish()?, rows.len() as u64))
}

fn gather(current: &Current, rejected: &Rejected) -> BTreeMap<Key, Months> {
    let mut months: BTreeMap<Key, Months> = BTreeMap::new();
    for ((partner_kind, month), quality) in &current.quality {
        let of = &current.partner_kinds[*partner_kind as usize];
        let key = (of.partner.clone(), of.feed.as_str(), Some(of.kind.clone()));
        let entry = months.entry(key).or_default();
        entry.date_basis = Some(of.date_basis.clone());
        entry.quality.insert(*month, *quality);
    }
    for ((partner, feed, kind, month), count) in &rejected.counts {
        let key = (partner.clone(), *feed, kind.clone());
        months.entry(key).or_default().rejected.insert(*month, *count);
    }
    months
}

/// The months between the first and the last with a record, and those with a reject.
fn rows<'m>(key: &'m Key, months: &'m Months) -> impl Iterator<Item = Row<'m>> {
    let first = months.quality.first_key_value().map(|(month, _)| *month);
    let last = months.quality.last_key_value().map(|(month, _)| *month);
    let held = first.zip(last).into_iter().flat_map(|(first, last)| first.to(last));
    let all: BTreeSet<Month> = held.chain(months.rejected.keys().copied()).collect();
    all.into_iter().map(move |month| Row {
        key,
        date_basis: months.date_basis.as_deref(),
        month,
        quality: months.quality.get(&month).copied().unwrap_or_default(),
        rejected: months.rejected.get(&month).copied().unwrap_or_default(),
    })
}

fn batch(rows: &[Row<'_>], plan: &str) -> Result<RecordBatch, Error> {
    let text = |of: &dyn for<'r> Fn(&'r Row<'_>) -> Option<&'r str>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringArray>())
    };
    let number =
        |of: &dyn Fn(&Row<'_>) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(rows.iter().map(of))) };
    let date = |of: &dyn Fn(Month) -> jiff::civil::Date| -> ArrayRef {
        Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| days_since_1970(of(row.month)))))
    };
    let null = |data_type: DataType| new_null_array(&data_type, rows.len());
    let received = rows.iter().map(|row| row.quality.last_received).collect::<TimestampMicrosecondArray>();
    let columns: Vec<(&str, &str, ArrayRef)> = vec![
        (
            "plan",
            "The plan by which records are unmapped.",
            Arc::new(StringArray::from_iter_values(rows.iter().map(|_| plan))),
        ),
        ("partner", "Who sent the records.", text(&|row| Some(&row.key.0))),
        ("feed", "`police`, `health` or `housing`.", text(&|row| Some(row.key.1))),
        (
            "kind",
            "What the records are about; `count:<list>` for totals; null = a reject that did not say.",
            text(&|row| row.key.2.as_deref()),
        ),
        (
            "window",
            "The month, such as `month:2018-10`.",
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| window(row.month)))),
        ),
        ("window_from", "First day of the window.", date(&Month::first_day)),
        ("window_to", "Last day of the window.", date(&Month::last_day)),
        (
            "date_basis",
            "The date that puts a record into its month: `recorded`, `occurred`, or `own` for totals.",
            text(&|row| row.date_basis),
        ),
        (
            "records",
            "Records that count: their latest revision is no cancellation.",
            number(&|row| row.quality.records),
        ),
        ("late", "Records received after the month was due; null = not assessed.", null(DataType::Int64)),
        (
            "revised",
            "Of the records, those of which an earlier revision was received.",
            number(&|row| row.quality.revised),
        ),
        (
            "cancelled",
            "Records whose latest revision is a cancellation, in the month of their last state.",
            number(&|row| row.quality.cancelled),
        ),
        (
            "rejected",
            "Events that broke their contract and named this partner and kind, by the month received.",
            number(&|row| row.rejected),
        ),
        (
            "unmapped",
            "Of the records, those under no priority or theme of the plan.",
            number(&|row| row.quality.unmapped),
        ),
        (
            "unknown_code",
            "Of the records, those with a code that the code list held for its scheme lacks.",
            number(&|row| row.quality.unknown_code),
        ),
        (
            "date_fallback",
            "Of the records, those without `recorded_at` where months go by it.",
            number(&|row| row.quality.date_fallback),
        ),
        ("no_location", "Of the records, those without an area.", number(&|row| row.quality.no_location)),
        ("outside", "Of the records, those outside the set of areas; null = not assessed.", null(DataType::Int64)),
        ("reference", "What the months around have; null = not assessed.", null(DataType::Int64)),
        ("ratio", "Records by `reference`; null = not assessed.", null(DataType::Float64)),
        ("due", "When the month was due; null = not assessed.", null(DataType::Date32)),
        ("data_status", "How complete the month is; null = not assessed.", null(DataType::Utf8)),
        (
            "last_received",
            "When the newest of its latest revisions was received (UTC).",
            Arc::new(received.with_timezone("UTC")),
        ),
    ];
    debug_assert_eq!(columns.last().map(|(_, _, c)| c.data_type().clone()), Some(timestamp()));
    let fields = columns.iter().map(|(name, text, column)| field(name, column.data_type().clone(), text));
    let schema = schema(fields.collect::<Vec<Field>>());
    Ok(RecordBatch::try_new(schema, columns.into_iter().map(|(_, _, column)| column).collect())?)
}
