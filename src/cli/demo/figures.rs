//! The figures of a plan on the screen, read back from its table: month by month, beside the year
//! before.
//!
//! Counts of different partners and kinds are never added, and the screen has no room for all of
//! them: of each feed, the kind with most records is shown. What a feed cannot show is shown as not
//! supplied.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Context;
use arrow_array::Array;
use jiff::ToSpan;
use tokio::runtime::Handle;

use crate::aggregate::figures::areas::ALL_RECEIVED;
use crate::aggregate::tables::{self, TableBatch};
use crate::event::Feed;
use crate::event::Month;
use crate::reference::plan::Plan;
use crate::storage::Store;

/// The table that is shown.
const TABLE: &str = "priority_monthly";
/// A month that was not supplied.
const NOT_SUPPLIED: &str = "n/s";

/// Path of the table under the root.
pub(super) fn file(plan: &Plan) -> String {
    format!("aggregates/{}/{TABLE}.parquet", plan.id)
}

/// The lower and upper bound of a month; none = not supplied.
type MonthCount = Option<(i64, Option<i64>)>;

/// Series, feed, and partner with kind.
type SeriesOfKind = (String, String, String);

/// The counts of everything the partners sent, by month.
type CountsByMonth = BTreeMap<SeriesOfKind, BTreeMap<String, MonthCount>>;

/// The priorities and themes of the plan as text.
pub(super) fn read_as_text(store: &Store, plan: &Plan, runtime: &Handle) -> anyhow::Result<String> {
    let path = file(plan);
    let bytes = runtime.block_on(store.read(&path))?;
    let bytes = bytes.with_context(|| format!("cannot find `{path}`"))?;
    let table = tables::find(TABLE).context("no such table")?;
    let mut counts = CountsByMonth::new();
    for batch in table.read(bytes)? {
        add(&mut counts, &batch);
    }
    Ok(text(&counts, plan)?)
}

/// Adds the rows of everything the partners sent.
fn add(counts: &mut CountsByMonth, batch: &TableBatch) {
    let [series, feed, partner, kind] =
        ["series", "feed", "partner", "kind"].map(|column| batch.texts(column));
    let [area, window, status] =
        ["area_code", "window_id", "count_status"].map(|column| batch.texts(column));
    let (min, max) = (batch.integers("count_min"), batch.integers("count_max"));
    for row in (0..batch.len()).filter(|row| area.value(*row) == ALL_RECEIVED) {
        let key = (
            series.value(row).to_owned(),
            feed.value(row).to_owned(),
            format!("{} {}", partner.value(row), kind.value(row)),
        );
        let bounds = (min.value(row), max.is_valid(row).then(|| max.value(row)));
        let count = (status.value(row) != "not_supplied").then_some(bounds);
        let by_month = counts.entry(key).or_default();
        by_month.insert(window.value(row).to_owned(), count);
    }
}

fn text(figures: &CountsByMonth, plan: &Plan) -> Result<String, std::fmt::Error> {
    let months: Vec<Month> = Month::from_date(plan.valid_from)
        .to(Month::from_date(plan.valid_to))
        .collect();
    let mut out = format!(
        "{}, {}: records by month, {} to {}, of all that was sent, and below them\n\
        the change on the same month of the year before. Counts of different partners and kinds are never\n\
        added; of each feed the kind with most is shown.\n\n",
        plan.partnership,
        plan.id,
        plan.valid_from.strftime("%B %Y"),
        plan.valid_to.strftime("%B %Y"),
    );
    let width = figures
        .keys()
        .map(|(.., who)| who.len())
        .max()
        .unwrap_or_default();
    write!(out, "  {:width$}", "")?;
    for month in &months {
        write!(out, "{:>6}", month.first_day().strftime("%b").to_string())?;
    }
    out.push('\n');
    for series in &plan.series {
        writeln!(out, "{} ({})", series.label, series.kind.as_str())?;
        for feed in Feed::ALL {
            let Some((who, counts)) = most(figures, &series.id, feed, &months) else {
                writeln!(out, "  {:width$}  not supplied", feed.as_str())?;
                continue;
            };
            write!(out, "  {who:width$}")?;
            for month in &months {
                write!(out, "{:>6}", shown(at(counts, *month)))?;
            }
            write!(out, "\n  {:width$}", "")?;
            for month in &months {
                write!(
                    out,
                    "{:>6}",
                    change(at(counts, *month), at(counts, year_before(*month)))
                )?;
            }
            out.push('\n');
        }
    }
    if out.contains(NOT_SUPPLIED) {
        writeln!(out, "\n{NOT_SUPPLIED} = not supplied")?;
    }
    Ok(out)
}

/// The partner and kind of a feed with most in these months, if any shows the series at all.
fn most<'f>(
    figures: &'f CountsByMonth,
    series: &str,
    feed: Feed,
    months: &[Month],
) -> Option<(&'f str, &'f BTreeMap<String, MonthCount>)> {
    let of_feed = figures
        .iter()
        .filter(|((s, f, _), _)| s == series && f == feed.as_str());
    let sum = |counts: &BTreeMap<String, MonthCount>| {
        let known: Vec<i64> = months
            .iter()
            .filter_map(|month| at(counts, *month))
            .map(|(min, _)| min)
            .collect();
        (!known.is_empty()).then(|| known.iter().sum::<i64>())
    };
    let supplied = of_feed.filter_map(|((.., who), counts)| Some((sum(counts)?, who, counts)));
    // The first by name, if several have as many.
    supplied
        .min_by_key(|(sum, who, _)| (-sum, *who))
        .map(|(_, who, counts)| (&**who, counts))
}

/// A month that the table does not have was not supplied.
fn at(counts: &BTreeMap<String, MonthCount>, month: Month) -> MonthCount {
    counts.get(&format!("month:{month}")).copied().flatten()
}

fn year_before(month: Month) -> Month {
    Month::from_date(month.first_day().saturating_sub(1.year()))
}

fn shown(count: MonthCount) -> String {
    match count {
        None => NOT_SUPPLIED.to_owned(),
        Some((min, Some(max))) if min == max => min.to_string(),
        Some((min, Some(max))) => format!("{min}-{max}"),
        Some((min, None)) => format!("{min}+"),
    }
}

/// The change from a month to another; empty unless both are exact.
fn change(now: MonthCount, before: MonthCount) -> String {
    match (now, before) {
        (Some((now, Some(max))), Some((before, Some(max_before))))
            if now == max && before == max_before =>
        {
            if now == before {
                "0".to_owned()
            } else {
                format!("{:+}", now - before)
            }
        }
        _ => String::new(),
    }
}
