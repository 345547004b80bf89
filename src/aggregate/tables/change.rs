//! `change`: what changed against a baseline, and whether the two are comparable.
//!
//! A comparison has a row unless both sides are 0 or not supplied.

use std::collections::BTreeMap;

use crate::aggregate::AggregateError;
use crate::aggregate::figures::periods::KindMonths;
use crate::aggregate::figures::table_set::{CountRow, CountedArea, SeriesCounts, TableSet};
use crate::aggregate::state::bounded_count::{BoundedCount, CountStatus};
use crate::aggregate::tables::column::{
    Column, ColumnPurpose, boolean, choice, integer, number, specs, text, texts,
};
use crate::aggregate::tables::shared_columns::key_and_count_columns;
use crate::aggregate::tables::spc;
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, TableWriter};
use crate::event::Month;
use crate::reference::windows::Window;

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "change",
    kind: TableKind::Figures,
    question: Some(
        "What changed against a year before, the period before, a five-year mean, the \
        chart's centre? Is it comparable?",
    ),
    rows: "Counts of a window against baselines, with the breaks between; no row where both sides \
        are 0 or neither was supplied.",
    columns: || specs(columns()),
    build,
};

/// What a window is compared with, in the order of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Baseline {
    /// The mean of the same months of the five years before.
    MeanOf5Years,
    /// The month or quarter just before.
    Prior,
    /// The centre of the control chart.
    Spc,
    /// The same months a year before.
    YearBefore,
}

/// Years of [`Baseline::MeanOf5Years`].
const YEARS: u16 = 5;

impl Baseline {
    const NAMES: [&'static str; 4] = ["mean-5-years", "prior", "spc", "year-before"];
    const ALL: [Self; 4] = [Self::MeanOf5Years, Self::Prior, Self::Spc, Self::YearBefore];

    /// The first months of the spans that it is computed from, oldest first. Each is as long as the
    /// window.
    fn spans(self, window: &Window) -> Vec<Month> {
        match self {
            Self::MeanOf5Years => (1..=YEARS)
                .rev()
                .map(|years| years_before(window.first, years))
                .collect(),
            Self::YearBefore => vec![years_before(window.first, 1)],
            Self::Prior if window.is_month() || window.is_quarter() => {
                vec![window.first.plus(-i32::from(window.months))]
            }
            Self::Prior | Self::Spc => Vec::new(),
        }
    }
}

fn years_before(month: Month, years: u16) -> Month {
    month.plus(-12 * i32::from(years))
}

struct ChangeDetail {
    baseline: Baseline,
    base: BaseCount,
    /// The months of both sides may be used, without a break between them.
    comparable: bool,
    breaks: Option<String>,
}

/// What a count is compared with.
#[derive(Clone, Copy)]
struct BaseCount {
    min: i64,
    max: Option<i64>,
    status: CountStatus,
    /// The base itself, if it is exact and its months may be used.
    value: Option<f64>,
}

impl BaseCount {
    /// The mean of spans; it is unknown if any of them was not supplied.
    fn mean(counts: &[BoundedCount], is_usable: bool) -> Option<Self> {
        let sum = BoundedCount::sum(counts.iter().copied())?;
        let n = counts.len() as i64;
        let value = sum
            .exact()
            .filter(|_| is_usable)
            .map(|sum| sum as f64 / n as f64);
        let max = sum.max().map(|max| (max + n - 1).div_euclid(n));
        Some(Self {
            min: sum.min.div_euclid(n),
            max,
            status: sum.status(),
            value,
        })
    }

    /// The centre of a chart.
    fn centre(centre: f64) -> Self {
        Self {
            min: centre.floor() as i64,
            max: Some(centre.ceil() as i64),
            status: CountStatus::Exact,
            value: Some(centre),
        }
    }

    /// Whether it is exactly 0, or not supplied.
    fn is_nothing(&self) -> bool {
        (self.min == 0 && self.max == Some(0)) || self.status == CountStatus::NotSupplied
    }
}

fn difference(row: &CountRow<ChangeDetail>) -> Option<f64> {
    Some(row.count.exact()? as f64 - row.detail.base.value?)
}

fn columns<'f>() -> Vec<Column<'f, CountRow<ChangeDetail>>> {
    let mut columns = key_and_count_columns();
    columns.extend(base_columns());
    columns.extend(difference_columns());
    columns
}

fn base_columns<'f>() -> [Column<'f, CountRow<ChangeDetail>>; 4] {
    [
        choice(
            ColumnPurpose::OwnKey,
            "baseline",
            "What the window is compared with: `year-before` (the same months), `prior` (the \
             month or quarter just before), `mean-5-years` (the same months of five years, all \
             needed) or `spc` (the centre of the control chart).",
            |_| texts(Baseline::NAMES.map(Some)),
            |_, row: &CountRow<ChangeDetail>| Some(row.detail.baseline as u32),
        ),
        integer(
            ColumnPurpose::LowerBound,
            "base_min",
            "Lower bound of the base; a mean is rounded down.",
            |_, row| Some(row.detail.base.min),
        ),
        integer(
            ColumnPurpose::UpperBound,
            "base_max",
            "Upper bound of the base; a mean is rounded up; null = no upper bound is known.",
            |_, row| row.detail.base.max,
        ),
        choice(
            ColumnPurpose::Status,
            "base_status",
            "As `count_status`, for the base.",
            |_| texts(CountStatus::NAMES.map(Some)),
            |_, row| Some(row.detail.base.status as u32),
        ),
    ]
}

fn difference_columns<'f>() -> [Column<'f, CountRow<ChangeDetail>>; 5] {
    [
        integer(
            ColumnPurpose::Measure,
            "difference",
            "Count - base, to the nearest whole; null unless both are exact and the base's months \
             may be used (not suspect).",
            |_, row: &CountRow<ChangeDetail>| {
                difference(row).map(|difference| difference.round() as i64)
            },
        ),
        number(
            ColumnPurpose::Measure,
            "difference_pct",
            "100 × (count - base) / base, unrounded; null also where the base is 0.",
            |_, row| {
                let base = row.detail.base.value.filter(|base| *base != 0.0)?;
                Some(100.0 * difference(row)? / base)
            },
        ),
        number(
            ColumnPurpose::Measure,
            "difference_per_day",
            "(Count - base) / the days of the window.",
            |set, row| {
                let days = set.figures.windows[row.key.window as usize].days();
                Some(difference(row)? / days as f64)
            },
        ),
        boolean(
            ColumnPurpose::Measure,
            "comparable",
            "Whether the change may be reported as one: both counts are exact, their months may \
             be used, and there is no break between them.",
            |_, row| Some(row.detail.comparable && difference(row).is_some()),
        ),
        text(
            ColumnPurpose::Attribute,
            "breaks",
            "Ids of the breaks in series within or between the two sides, joined by `;` (table \
             `breaks`); null = none.",
            |_, row| row.detail.breaks.clone(),
        ),
    ]
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let mut writer = TableWriter::new(&TABLE, set, columns())?;
    for series in set.series() {
        let Some(months) = series.months() else {
            continue;
        };
        for area in series.areas() {
            if area.key.is_sparse() && !series.key.is_of_plan() {
                continue;
            }
            write_changes(&series, months, area, &mut writer)?;
        }
    }
    writer.finish()
}

fn write_changes(
    series: &SeriesCounts<'_>,
    months: &KindMonths,
    area: CountedArea<'_>,
    writer: &mut TableWriter<'_, CountRow<ChangeDetail>>,
) -> Result<(), AggregateError> {
    let centres = chart_centres(series, area);
    for (number, window) in series.windows() {
        let Some(count) = series.count(area, window) else {
            continue;
        };
        let is_nothing = count.exact() == Some(0) || count.status() == CountStatus::NotSupplied;
        let is_usable = months.worst_status(window.first, window.months).is_usable();
        for baseline in Baseline::ALL {
            let base = match baseline {
                Baseline::Spc => centres.get(&number).copied().map(BaseCount::centre),
                _ => base_of_spans(series, months, area, window, baseline),
            };
            let Some(base) = base.filter(|base| !is_nothing || !base.is_nothing()) else {
                continue;
            };
            let breaks = breaks_between(series, area, window, baseline);
            writer.push(CountRow {
                key: series.row_key(area, number),
                count,
                detail: ChangeDetail {
                    baseline,
                    base,
                    comparable: is_usable && breaks.is_none(),
                    breaks,
                },
            })?;
        }
    }
    Ok(())
}

/// The centres of an area's control charts, by window.
fn chart_centres(series: &SeriesCounts<'_>, area: CountedArea<'_>) -> BTreeMap<u32, f64> {
    if !spc::is_charted(area.key) {
        return BTreeMap::new();
    }
    spc::charts(series, area)
        .iter()
        .filter_map(|charted| Some((charted.window, charted.point.centre()?)))
        .collect()
}

/// The base of a baseline that is computed from spans; none = it has no spans, or a span has no
/// count.
fn base_of_spans(
    series: &SeriesCounts<'_>,
    months: &KindMonths,
    area: CountedArea<'_>,
    window: &Window,
    baseline: Baseline,
) -> Option<BaseCount> {
    let spans = baseline.spans(window);
    let counts: Option<Vec<BoundedCount>> = spans
        .iter()
        .map(|first| series.count_from(area, *first, window.months))
        .collect();
    let is_usable = spans
        .iter()
        .all(|first| months.worst_status(*first, window.months).is_usable());
    BaseCount::mean(&counts?, is_usable)
}

/// The ids of the breaks from a baseline to its window; none if there are no breaks. Within a
/// segment of a chart there is none.
fn breaks_between(
    series: &SeriesCounts<'_>,
    area: CountedArea<'_>,
    window: &Window,
    baseline: Baseline,
) -> Option<String> {
    let base = *baseline.spans(window).first()?;
    let breaks: Vec<&str> = series.breaks(base, window, area.key).collect();
    (!breaks.is_empty()).then(|| breaks.join(";"))
}
