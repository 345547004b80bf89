//! The figures of a plan on the screen, read back from its table: month by month, beside the year
//! before.
//!
//! Counts of different partners and kinds are never added, and there is not room for all of them:
//! of each feed the kind is shown that has most. What a feed cannot show is said to be not
//! supplied.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Context;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use jiff::ToSpan;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tokio::runtime::Handle;

use crate::event::Feed;
use crate::event::Month;
use crate::reference::plan::Plan;
use crate::storage::Store;

/// A month that was not supplied.
const NOT_SUPPLIED: &str = "n/s";

/// Path of the table under the root.
pub(super) fn file(plan: &Plan) -> String {
    format!("aggregates/{}/priority_monthly.parquet", plan.id)
}

/// What the table says of a month: the least and the most it can be; none = not supplied.
type Count = Option<(i64, Option<i64>)>;

/// Series, feed, and partner with kind.
type Key = (String, String, String);

/// The figures of all areas together, by month.
type Figures = BTreeMap<Key, BTreeMap<String, Count>>;

/// The priorities and themes of the plan as text.
pub(super) fn of(store: &Store, plan: &Plan, runtime: &Handle) -> anyhow::Result<String> {
    let path = file(plan);
    let bytes = runtime
        .block_on(store.read(&path))?
        .with_context(|| format!("`{path}` is gone"))?;
    let mut figures = Figures::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(bytes)?.build()? {
        add(&mut figures, &batch?).with_context(|| format!("`{path}` lacks a column"))?;
    }
    Ok(text(&figures, plan)?)
}

/// Adds the rows of all areas; `None` where a column is not there.
fn add(figures: &mut Figures, batch: &RecordBatch) -> Option<()> {
    let texts = |name| batch.column_by_name(name)?.as_string_opt::<i32>();
    let numbers = |name| batch.column_by_name(name)?.as_primitive_opt::<Int64Type>();
    let (series, feed, partner, kind) = (
        texts("series")?,
        texts("feed")?,
        texts("partner")?,
        texts("kind")?,
    );
    let (area, window, status) = (
        texts("area_code")?,
        texts("window")?,
        texts("count_status")?,
    );
    let (min, max) = (numbers("count_min")?, numbers("count_max")?);
    for row in (0..batch.num_rows()).filter(|row| area.value(*row) == "all") {
        let who = format!("{} {}", partner.value(row), kind.value(row));
        let key = (
            series.value(row).to_owned(),
            feed.value(row).to_owned(),
            who,
        );
        let bounds = (min.value(row), max.is_valid(row).then(|| max.value(row)));
        let count = (status.value(row) != "not_supplied").then_some(bounds);
        figures
            .entry(key)
            .or_default()
            .insert(window.value(row).to_owned(), count);
    }
    Some(())
}

fn text(figures: &Figures, plan: &Plan) -> Result<String, std::fmt::Error> {
    let months: Vec<Month> = Month::from_date(plan.valid_from)
        .to(Month::from_date(plan.valid_to))
        .collect();
    let mut out = format!(
        "{}, {}: records by month, {} to {}, and below them\n\
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
    figures: &'f Figures,
    series: &str,
    feed: Feed,
    months: &[Month],
) -> Option<(&'f str, &'f BTreeMap<String, Count>)> {
    let of_feed = figures
        .iter()
        .filter(|((s, f, _), _)| s == series && f == feed.as_str());
    let sum = |counts: &BTreeMap<String, Count>| {
        let known: Vec<i64> = months
            .iter()
            .filter_map(|month| at(counts, *month))
            .map(|(least, _)| least)
            .collect();
        (!known.is_empty()).then(|| known.iter().sum::<i64>())
    };
    let supplied = of_feed.filter_map(|((.., who), counts)| Some((sum(counts)?, who, counts)));
    // Of equals the first by name.
    supplied
        .min_by_key(|(sum, who, _)| (-sum, *who))
        .map(|(_, who, counts)| (&**who, counts))
}

/// A month that the table does not have was not supplied.
fn at(counts: &BTreeMap<String, Count>, month: Month) -> Count {
    counts.get(&format!("month:{month}")).copied().flatten()
}

fn year_before(month: Month) -> Month {
    Month::from_date(month.first_day().saturating_sub(1.year()))
}

fn shown(count: Count) -> String {
    match count {
        None => NOT_SUPPLIED.to_owned(),
        Some((least, Some(most))) if least == most => least.to_string(),
        Some((least, Some(most))) => format!("{least}-{most}"),
        Some((least, None)) => format!("{least}+"),
    }
}

/// Nothing where one of the two is not exact.
fn change(now: Count, before: Count) -> String {
    match (now, before) {
        (Some((now, Some(most))), Some((before, Some(most_before))))
            if now == most && before == most_before =>
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
