//! Charts that several sections have, from the tables to a finding in words.

use std::collections::BTreeMap;

use crate::aggregate::tables::TableValue;
use crate::assess::chart::bars::{self, Bar};
use crate::assess::chart::hours::{self, BANDS, DAYS, Week};
use crate::assess::chart::spc::{self, Point, Signal};
use crate::assess::document::{Block, Chart, DataTable};
use crate::assess::draft::{Draft, Measure};
use crate::assess::facts::FactRow;
use crate::assess::prose::{Prose, Span, constant, month, name, prose};
use crate::assess::query::{ColumnName, Condition, Expression, HIDDEN, Listing, Selection};
use crate::assess::sections::listed_table;
use crate::assess::sections::measures::scope_words;
use crate::assess::value::NumberFormat;

/// The most points of a control chart.
const POINTS_MAX: usize = 60;
/// The fewest records in the window for a control chart.
const SPC_COUNT_MIN: i64 = 60;
/// The fewest records for what makes them up.
const COMPOSITION_COUNT_MIN: i64 = 50;
/// The fewest records with a known hour for the hours of the week.
const HOURS_COUNT_MIN: i64 = 150;

/// What the records of a measure are called in a chart: "Recorded crimes".
pub(super) fn measured(measure: &Measure<'_>) -> Prose {
    let kind = name(measure.kind_label);
    let rounded = measure
        .is_rounded()
        .then(|| prose!(", rounded to the nearest {}", constant("5")));
    if measure.series.kind == "total" {
        prose!("{}{}", kind, rounded)
    } else {
        prose!(
            "{} under the {} “{}”{}",
            kind,
            measure.series.kind,
            name(measure.series.label.clone()),
            rounded
        )
    }
}

/// The rows of the control chart of a measure: months, or quarters where there are no months.
fn spc_rows<'d>(draft: &Draft<'d>, measure: &Measure<'_>) -> (Selection, Vec<FactRow<'d>>) {
    let rows = |start| {
        let rows = measure
            .cells("spc")
            .and(Condition::StartsWith("window_id", start));
        let mut found = draft.facts.rows(&rows);
        found.retain(|row| {
            row.date("window_from")
                .is_some_and(|from| from <= draft.span.1)
        });
        found.sort_by_key(|row| row.date("window_from"));
        (rows, found)
    };
    let months = rows("month:");
    let is_known = |row: &FactRow<'_>| row.integer("count_value").is_some();
    if months.1.iter().any(is_known) {
        months
    } else {
        rows("quarter:")
    }
}

/// The counts of the last 36 months of a measure, for a sparkline.
pub(super) fn last_months(draft: &Draft<'_>, measure: &Measure<'_>) -> Vec<Option<f64>> {
    let (_, rows) = spc_rows(draft, measure);
    let rows = &rows[rows.len().saturating_sub(36)..];
    rows.iter().map(|row| row.number("count_value")).collect()
}

/// A month of the window in which a measure is out of its usual range.
pub(super) fn signal<'d>(draft: &Draft<'d>, measure: &Measure<'_>) -> Option<FactRow<'d>> {
    let (_, rows) = spc_rows(draft, measure);
    rows.into_iter()
        .filter(|row| draft.is_in_window(*row))
        .find(|row| matches!(row.text("signal"), "above" | "below"))
}

/// The control chart of a measure, if it has enough records.
pub(super) fn spc_chart(draft: &Draft<'_>, measure: &Measure<'_>) -> Option<Block> {
    if measure.least() < SPC_COUNT_MIN {
        return None;
    }
    let (selection, rows) = spc_rows(draft, measure);
    let rows = &rows[rows.len().saturating_sub(POINTS_MAX)..];
    let first = rows.first()?.date("window_from")?;
    let points: Vec<Point> = rows.iter().filter_map(|row| point(draft, *row)).collect();
    if points.iter().all(|point| point.count.is_none()) {
        return None;
    }
    let number = draft.next_chart();
    let id = format!("figure-{number}");
    let listing = Listing::new(
        selection.and(Condition::Days("window_from", first, draft.span.1)),
        &[
            "window_label",
            "count_value",
            "lower",
            "centre",
            "upper",
            "signal",
            "count_status",
        ],
    )
    .ascending("window_from");
    let is_monthly = rows
        .iter()
        .all(|row| row.text("window_id").starts_with("month:"));
    let columns = [
        (if is_monthly { "Month" } else { "Quarter" }, None),
        ("Count", Some(NumberFormat::Count)),
        ("Lower limit", Some(NumberFormat::Rate)),
        ("Mean", Some(NumberFormat::Rate)),
        ("Upper limit", Some(NumberFormat::Rate)),
        ("Signal", None),
    ];
    let caption = format!("Figure {number} as a table");
    let data = listed_table(draft, &format!("{id}-data"), caption, &columns, &listing);
    let title = spc_title(draft, measure, rows);
    let label = format!("{}. {}", title.plain(), extremes(&points));
    let drawing = spc::draw(&points, &label);
    let legend = points.iter().any(|point| point.limits.is_some()).then(|| {
        prose!(
            " The dashed lines are the range in which chance alone moves the number. A diamond is \
             outside it, a square ends a run of eight on one side of the mean, and an open circle \
             is left out."
        )
    });
    let subtitle = prose!(
        "{}, {} ({}).{}",
        measured(measure),
        name(&*draft.area_name),
        scope_words(measure),
        legend
    );
    let chart = Chart::new(number, (title, subtitle), drawing, data);
    Some(Block::Chart {
        chart: Box::new(chart),
    })
}

fn point(draft: &Draft<'_>, row: FactRow<'_>) -> Option<Point> {
    Some(Point {
        from: row.date("window_from")?,
        count: row.number("count_value"),
        limits: row
            .number("lower")
            .zip(row.number("centre"))
            .zip(row.number("upper"))
            .map(|((lower, centre), upper)| (lower, centre, upper)),
        segment: row.integer("segment").unwrap_or_default(),
        signal: match row.text("signal") {
            "above" | "below" => Signal::Outside,
            "run" => Signal::Run,
            "excluded" => Signal::Excluded,
            _ => Signal::None,
        },
        is_in_window: draft.is_in_window(row),
    })
}

/// The finding of a control chart, from its signals in the window.
fn spc_title(draft: &Draft<'_>, measure: &Measure<'_>, rows: &[FactRow<'_>]) -> Prose {
    let inside: Vec<_> = rows
        .iter()
        .filter(|row| draft.is_in_window(**row))
        .collect();
    let outside: Vec<_> = inside
        .iter()
        .filter(|row| matches!(row.text("signal"), "above" | "below"))
        .collect();
    let kind = name(measure.kind_label);
    let words = match outside[..] {
        [only] => {
            let side = if only.text("signal") == "above" {
                "above"
            } else {
                "below"
            };
            let when = only.date("window_from").map_or_else(String::new, month);
            return prose!("{} were {} their usual range in {}", kind, side, name(when));
        }
        [first, ..] if outside.len() == inside.len() && inside.len() > 1 => {
            let is_same = |row: &&&FactRow<'_>| row.text("signal") == first.text("signal");
            match (outside.iter().all(is_same), first.text("signal")) {
                (true, "above") => " were above their usual range in every month",
                (true, _) => " were below their usual range in every month",
                (false, _) => " were outside their usual range in every month",
            }
        }
        [_, ..] => " were outside their usual range in several months",
        [] if inside.iter().any(|row| row.text("signal") == "run") => {
            " moved to another level in this period"
        }
        [] if inside.iter().all(|row| row.number("centre").is_none()) => {
            ": too few months, or too few records, to show a usual range"
        }
        [] if inside.iter().any(|row| row.number("centre").is_none()) => {
            " stayed within their usual range in the months that have one"
        }
        [] => " stayed within their usual range",
    };
    prose!("{}{}", kind, words)
}

/// The lowest and the highest point, for those who do not see the chart.
fn extremes(points: &[Point]) -> String {
    let known = points
        .iter()
        .filter_map(|point| Some((point.count?, point.from)));
    let least = known.clone().min_by(|a, b| a.0.total_cmp(&b.0));
    let most = known.max_by(|a, b| a.0.total_cmp(&b.0));
    let shown = |(count, from)| {
        let count = NumberFormat::Count.show(&TableValue::Number(count));
        format!("{count} in {}", month(from))
    };
    match least.zip(most) {
        Some((least, most)) => format!("Lowest {}, highest {}.", shown(least), shown(most)),
        None => "There is no exact number.".to_owned(),
    }
}

/// The hours of the week of a measure, if enough are known.
pub(super) fn hours_chart(draft: &Draft<'_>, measure: &Measure<'_>) -> Option<Block> {
    let rows = draft.rows_of(measure, "profile");
    // Of numbers that a release rounds or hides, no sums.
    let protected = rows.clone().one_of("count_status", &["rounded", HIDDEN]);
    if !draft.facts.rows(&protected).is_empty() {
        return None;
    }
    let known = rows
        .and(Condition::NotNull("hour"))
        .is("count_status", "exact");
    let mut listing = Listing::new(known, &["weekday"]);
    for from in BANDS {
        let band = Condition::Between("hour", from, from + 2);
        listing = listing.with(band_name(from), Expression::SumWhere("count_value", band));
    }
    let listing = listing.grouped(&["weekday"]);
    let mut week = Week::default();
    for row in draft.facts.list(&listing) {
        let day = row[0]
            .integer()
            .and_then(|day| usize::try_from(day - 1).ok());
        if let Some(cells) = day.and_then(|day| week.get_mut(day)) {
            let counts = row[1..]
                .iter()
                .map(|count| count.integer().unwrap_or_default());
            cells
                .iter_mut()
                .zip(counts)
                .for_each(|(cell, count)| *cell = count);
        }
    }
    if week.iter().flatten().sum::<i64>() < HOURS_COUNT_MIN {
        return None;
    }
    let number = draft.next_chart();
    let id = format!("figure-{number}");
    let mut columns = vec![("Day", None)];
    columns.extend(BANDS.map(|from| (band_name(from), Some(NumberFormat::Count))));
    let caption = format!("Figure {number} as a table");
    let mut data = listed_table(draft, &format!("{id}-data"), caption, &columns, &listing);
    name_days(&mut data);
    let title = hours_title(&week);
    let label = format!("{}. {}", title.plain(), busiest(&week));
    let drawing = hours::draw(&week, &label);
    let unknown = draft.figure(
        measure.figure_name("hour-unknown"),
        draft
            .rows_of(measure, "profile")
            .is("hour", TableValue::Null)
            .is("count_status", "exact"),
        Expression::Sum("count_value"),
        NumberFormat::Count,
    );
    let unknown = unknown.filter(|unknown| unknown.plain() != "0");
    let unknown = unknown.map(|unknown| prose!(" For {} more the hour is not known.", unknown));
    let subtitle = prose!(
        "{}, {}, by when they happened or began. Darker cells have more records.{}",
        measured(measure),
        name(&*draft.window_label),
        unknown
    );
    let chart = Chart::new(number, (title, subtitle), drawing, data);
    Some(Block::Chart {
        chart: Box::new(chart),
    })
}

/// Replaces the numbers of the days by their names.
fn name_days(data: &mut DataTable) {
    let values = data.query.iter().flat_map(|query| &query.rows);
    for (cells, values) in data.rows.iter_mut().zip(values) {
        let day = values[0]
            .integer()
            .and_then(|day| usize::try_from(day - 1).ok());
        let day = day.and_then(|day| DAYS.get(day)).copied();
        cells[0] = Prose::from(name(day.unwrap_or_default())).into();
    }
}

fn band_name(from: i64) -> &'static str {
    match from {
        0 => "00–03h",
        3 => "03–06h",
        6 => "06–09h",
        9 => "09–12h",
        12 => "12–15h",
        15 => "15–18h",
        18 => "18–21h",
        _ => "21–24h",
    }
}

/// The finding of the hours of the week: a band or time of day is named only if chance is an
/// unlikely explanation.
fn hours_title(week: &Week) -> Prose {
    let total: i64 = week.iter().flatten().sum();
    let mut cells: Vec<(i64, usize, usize)> = Vec::new();
    for (day, counts) in week.iter().enumerate() {
        cells.extend(
            counts
                .iter()
                .enumerate()
                .map(|(band, count)| (*count, day, band)),
        );
    }
    cells.sort_by_key(|(count, day, band)| (-count, *day, *band));
    let mean = total as f64 / 56.0;
    let [(most, day, band), (second, ..), ..] = cells[..] else {
        return Prose::default();
    };
    let stands_out = (most as f64 - mean) / mean.sqrt() >= 3.3
        && (most - second) as f64 >= (second as f64).sqrt();
    if stands_out {
        return prose!(
            "{}s between {} were the busiest time",
            name(DAYS[day]),
            hours_of(band)
        );
    }
    let bands: Vec<i64> = (0..8)
        .map(|band| week.iter().map(|day| day[band]).sum())
        .collect();
    let mean = total as f64 / 8.0;
    let most = (0..8)
        .max_by_key(|band| (bands[*band], 8 - band))
        .unwrap_or_default();
    let least = (0..8)
        .min_by_key(|band| (bands[*band], *band))
        .unwrap_or_default();
    if (bands[most] as f64 - mean) / mean.sqrt() < 3.0 {
        return prose!("No day and no time of day stands out");
    }
    // A band that is not clearly ahead of the next is named together with it.
    let second = (0..8)
        .filter(|band| *band != most)
        .max_by_key(|band| (bands[*band], 8 - band))
        .unwrap_or_default();
    let is_ahead = (bands[most] - bands[second]) as f64 >= (bands[second] as f64).sqrt();
    let busiest = match second {
        _ if is_ahead => hours_between(most, 1),
        second if (most + 1) % 8 == second => hours_between(most, 2),
        second if (second + 1) % 8 == most => hours_between(second, 2),
        _ => return prose!("No single time of day stands out"),
    };
    prose!(
        "Most between {}, fewest between {}",
        busiest,
        hours_of(least)
    )
}

fn hours_of(band: usize) -> Span {
    hours_between(band, 1)
}

/// A number of bands, one after another, as hours.
fn hours_between(first: usize, bands: usize) -> Span {
    let (from, to) = (BANDS[first], BANDS[(first + bands) % 8]);
    name(format!("{from:02}:00 and {to:02}:00"))
}

fn busiest(week: &Week) -> String {
    let cells = week.iter().enumerate().flat_map(|(day, counts)| {
        counts
            .iter()
            .enumerate()
            .map(move |(band, count)| (*count, day, band))
    });
    let most = cells
        .clone()
        .max_by_key(|(count, day, band)| (*count, 7 - day, 8 - band));
    let least = cells.min_by_key(|(count, day, band)| (*count, *day, *band));
    let shown = |(count, day, band): (i64, usize, usize)| {
        format!("{count} on {}s from {}", DAYS[day], BANDS[band])
    };
    match least.zip(most) {
        Some((least, most)) => format!("Fewest {}h, most {}h.", shown(least), shown(most)),
        None => String::new(),
    }
}

/// Bars of a table whose first column is a label and whose second is the number.
pub(super) fn bar_chart(
    draft: &Draft<'_>,
    title: Prose,
    subtitle: Prose,
    columns: &[super::ListedColumn],
    listing: &Listing,
    own: Option<&str>,
) -> Option<Block> {
    if draft.facts.list(listing).is_empty() {
        return None;
    }
    let number = draft.next_chart();
    let id = format!("figure-{number}");
    let caption = format!("Figure {number} as a table");
    let data: DataTable = listed_table(draft, &format!("{id}-data"), caption, columns, listing);
    let rows = &data.query.as_ref()?.rows;
    let format = columns.get(1)?.1.unwrap_or(NumberFormat::Count);
    let bars: Vec<Bar> = rows
        .iter()
        .filter_map(|row| {
            let label = row[0].text()?;
            Some(Bar {
                label: label.to_owned(),
                value: row[1].number()?,
                shown: format.show(&row[1]),
                is_own: own == Some(label),
            })
        })
        .collect();
    let (first, last) = (bars.first()?, bars.last()?);
    let ends = [first, last].map(|bar| (&*bar.label, &*bar.shown));
    let label = ranked_label(&title, ends);
    let drawing = bars::draw(&bars, &label);
    let chart = Chart::new(number, (title, subtitle), drawing, data);
    Some(Block::Chart {
        chart: Box::new(chart),
    })
}

/// The words for a chart of what is in order, for those who do not see it; `ends` are the first and
/// the last, each with its value.
pub(super) fn ranked_label(title: &Prose, ends: [(&str, &str); 2]) -> String {
    let [(highest, most), (lowest, least)] = ends;
    let title = title.plain();
    format!("{title}. Highest: {highest} ({most}); lowest: {lowest} ({least}).")
}

/// What makes up a measure, by its codes.
pub(super) fn composition_chart(draft: &Draft<'_>, measure: &Measure<'_>) -> Option<Block> {
    if measure.least() < COMPOSITION_COUNT_MIN {
        return None;
    }
    let rows = draft
        .rows_of(measure, "composition")
        .is("part_kind", "category")
        .and(Condition::count_is_shown());
    let scheme = main_scheme(&draft.facts.rows(&rows), "part_scheme")?;
    let listing = Listing::new(
        rows.is("part_scheme", scheme),
        &["part_label", "count_value", "share_pct"],
    )
    .descending("count_value")
    .ascending("part")
    .first(6);
    let parts = draft.facts.list(&listing);
    let label = |index: usize| Some(name(parts.get(index)?[0].text()?));
    let title = prose!("Most often: {}, then {}", label(0)?, label(1)?);
    let subtitle = prose!(
        "{}, {}, by code ({}): the most frequent. A record with several codes counts under each.",
        measured(measure),
        name(&*draft.window_label),
        name(scheme)
    );
    let columns = [
        ("Code", None),
        ("Count", Some(NumberFormat::Count)),
        ("Share", Some(NumberFormat::Percent)),
    ];
    bar_chart(draft, title, subtitle, &columns, &listing, None)
}

/// The scheme of the rows that most records have. The list of offences has every category in more
/// detail, so it is used only where there is no other.
pub(super) fn main_scheme<'d>(rows: &[FactRow<'d>], column: ColumnName) -> Option<&'d str> {
    let mut schemes: BTreeMap<&str, i64> = BTreeMap::new();
    for row in rows {
        *schemes.entry(row.text(column)).or_default() +=
            row.integer("count_value").unwrap_or_default();
    }
    let schemes = schemes.into_iter();
    let best = schemes.max_by_key(|(scheme, records)| (*scheme != "ho-offence", *records));
    best.map(|(scheme, _)| scheme)
}
