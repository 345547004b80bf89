//! `change`: what changed against a baseline, and whether the two are comparable.
//!
//! A comparison has a row unless both sides are 0 or not supplied.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::StringArray;
use hashbrown::HashMap;

use crate::aggregate::AggregateError;
use crate::aggregate::figures::areas::{ALL_RECEIVED, NO_LOCATION};
use crate::aggregate::figures::chance::{CountComparison, Located, Variation};
use crate::aggregate::figures::periods::Figures;
use crate::aggregate::figures::status::DataStatus;
use crate::aggregate::figures::table_set::{CountRow, CountedArea, RowKey, SeriesCounts, TableSet};
use crate::aggregate::state::bounded_count::{BoundedCount, CountStatus};
use crate::aggregate::tables::column::{
    Column, ColumnPurpose, boolean, choice, integer, number, one_of, specs, text, texts,
};
use crate::aggregate::tables::shared_columns::key_and_count_columns;
use crate::aggregate::tables::spc::{self, ChartPoint};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, TableWriter};
use crate::event::Month;
use crate::reference::Break;
use crate::reference::breaks::BreakSize;
use crate::reference::windows::Window;

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "change",
    kind: TableKind::Figures,
    question: Some(
        "What changed against a year before, the period before, a five-year mean, the \
        chart's centre? Is it comparable?",
    ),
    rows: "Counts of a window against baselines, with the breaks between; no row where both sides \
        are 0 or neither was supplied. Wards are those of the years of the plan.",
    columns: || specs(columns()),
    build,
};

/// What a window is compared with, in the order of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Baseline {
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

/// The first and last months of what a window is compared with, oldest first; empty if the baseline is not
/// a span of months.
pub(crate) fn base_spans(baseline: &str, window: &Window) -> Vec<(Month, Month)> {
    let names = Baseline::NAMES.iter();
    let found = names
        .zip(Baseline::ALL)
        .find(|(name, _)| **name == baseline);
    let firsts = found.map_or_else(Vec::new, |(_, own)| own.spans(window));
    let last = |first: Month| first.plus(i32::from(window.months) - 1);
    firsts
        .into_iter()
        .map(|first| (first, last(first)))
        .collect()
}

fn years_before(month: Month, years: u16) -> Month {
    month.plus(-12 * i32::from(years))
}

pub(super) struct ChangeDetail {
    baseline: Baseline,
    base: BaseCount,
    /// Why the two sides cannot be compared.
    obstacles: Obstacles,
    /// The months that prevent it.
    months: Option<Arc<str>>,
    breaks: Option<String>,
    /// The bounds of the difference that chance leaves possible.
    bounds: Option<(f64, f64)>,
    verdict: Verdict,
}

/// A row that may compare its count with a base.
pub(super) trait ComparedRow {
    fn row_key(&self) -> RowKey;
    fn counted(&self) -> BoundedCount;
    fn detail(&self) -> Option<&ChangeDetail>;

    /// Count - base, where both are exact.
    fn difference(&self) -> Option<f64> {
        Some(self.counted().exact()? as f64 - self.detail()?.base.value?)
    }

    /// The difference as a percentage of the base; none also if that is 0.
    fn difference_pct(&self) -> Option<f64> {
        let base = self.detail()?.base.value.filter(|base| *base != 0.0)?;
        Some(100.0 * self.difference()? / base)
    }
}

impl ChangeDetail {
    /// The base as people write it.
    pub(super) fn base_in_words(&self) -> String {
        self.base.status.in_words(self.base.min, self.base.max)
    }

    /// The verdict as people write it.
    pub(super) fn verdict_in_words(&self) -> String {
        Verdict::NAMES[self.verdict as usize].replace('_', " ")
    }

    /// Why the two sides cannot be compared, with the months.
    pub(super) fn why_not(&self) -> Option<String> {
        let reasons = self.obstacles.text()?;
        Some(match &self.months {
            Some(months) => format!("{reasons} ({months})"),
            None => reasons,
        })
    }
}

impl ComparedRow for CountRow<ChangeDetail> {
    fn row_key(&self) -> RowKey {
        self.key
    }

    fn counted(&self) -> BoundedCount {
        self.count
    }

    fn detail(&self) -> Option<&ChangeDetail> {
        Some(&self.detail)
    }
}

impl ComparedRow for CountRow<Option<ChangeDetail>> {
    fn row_key(&self) -> RowKey {
        self.key
    }

    fn counted(&self) -> BoundedCount {
        self.count
    }

    fn detail(&self) -> Option<&ChangeDetail> {
        self.detail.as_ref()
    }
}

/// Reasons why two sides cannot be compared, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Obstacles(u32);

impl Obstacles {
    /// The series changed its meaning.
    const BREAK: Self = Self(1);
    /// A month has far fewer or far more records than chance explains.
    const SUSPECT: Self = Self(1 << 1);
    /// A month, or a part of a count, was not supplied.
    const MISSING: Self = Self(1 << 2);
    /// Records of a month are not due yet.
    const PROVISIONAL: Self = Self(1 << 3);
    /// A count is known within bounds only.
    const INEXACT: Self = Self(1 << 4);
    /// More or fewer records have no location.
    const LOCATION: Self = Self(1 << 5);

    const NAMES: [&'static str; 6] = [
        "break",
        "suspect",
        "missing",
        "provisional",
        "inexact",
        "location",
    ];

    fn add(&mut self, obstacle: Self, is_there: bool) {
        self.0 |= if is_there { obstacle.0 } else { 0 };
    }

    /// Those that follow from months and breaks, not from counts.
    fn from_text(text: &str) -> Self {
        let mut obstacles = Self::default();
        for own in [Self::BREAK, Self::SUSPECT, Self::MISSING, Self::PROVISIONAL] {
            let is_there = own
                .text()
                .is_some_and(|name| text.split(';').any(|of| of == name));
            obstacles.add(own, is_there);
        }
        obstacles
    }

    fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// The names joined by `;`; none = the empty set.
    fn text(self) -> Option<String> {
        let names = (0..).zip(Self::NAMES);
        let names = names.filter(|(bit, _)| self.0 & (1 << bit) != 0);
        let names: Vec<&str> = names.map(|(_, name)| name).collect();
        Some(names.join(";")).filter(|text| !text.is_empty())
    }

    /// The text of every set, by its number.
    fn texts() -> StringArray {
        texts((0..1_u32 << Self::NAMES.len()).map(|set| Self(set).text()))
    }
}

/// What a comparison shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Rose,
    Fell,
    NoClearChange,
    /// Both counts are below 20.
    TooFew,
    /// More than the breaks between the two sides explain.
    RoseBeyondBreak,
    /// Although the breaks raise the figures.
    FellDespiteBreak,
    /// Not more than the breaks, or chance, explain.
    WithinBreak,
    NotComparable,
}

impl Verdict {
    const NAMES: [&'static str; 8] = [
        "rose",
        "fell",
        "no_clear_change",
        "too_few",
        "rose_beyond_break",
        "fell_despite_break",
        "within_break",
        "not_comparable",
    ];

    fn new(
        comparison: Option<CountComparison>,
        obstacles: Obstacles,
        size: Option<BreakSize>,
    ) -> Self {
        let Some(comparison) = comparison else {
            return Self::NotComparable;
        };
        let rises = |comparison: &CountComparison| {
            comparison.is_clear() && comparison.count > comparison.base
        };
        let falls = |comparison: &CountComparison| {
            comparison.is_clear() && comparison.count < comparison.base
        };
        match size {
            _ if obstacles.is_empty() && comparison.is_few() => Self::TooFew,
            _ if obstacles.is_empty() && rises(&comparison) => Self::Rose,
            _ if obstacles.is_empty() && falls(&comparison) => Self::Fell,
            _ if obstacles.is_empty() => Self::NoClearChange,
            Some(size) if obstacles == Obstacles::BREAK && !comparison.is_few() => {
                if rises(&comparison.with_base_raised(size.most_pct)) {
                    Self::RoseBeyondBreak
                } else if falls(&comparison.with_base_raised(size.least_pct)) {
                    Self::FellDespiteBreak
                } else {
                    Self::WithinBreak
                }
            }
            _ => Self::NotComparable,
        }
    }
}

/// Two published numbers, with what is known of the months and breaks between them.
pub(crate) struct PublishedComparison<'c> {
    pub(crate) count: Option<i64>,
    pub(crate) base: Option<f64>,
    /// The number of spans that the base is the mean of.
    pub(crate) spans: f64,
    pub(crate) variation: Option<Variation>,
    /// Why exact numbers are not comparable. What it says of counts is not used.
    pub(crate) why_not: Option<&'c str>,
    /// Whether a number was not supplied.
    pub(crate) is_missing: bool,
    /// Whether a number is hidden.
    pub(crate) is_hidden: bool,
    pub(crate) is_explained_by_location: bool,
    pub(crate) breaks: Vec<&'c Break>,
}

/// What follows from two published numbers.
pub(crate) struct ComparedNumbers {
    pub(crate) difference: Option<f64>,
    pub(crate) bounds: Option<(f64, f64)>,
    pub(crate) verdict: &'static str,
    pub(crate) why_not: Option<String>,
}

impl PublishedComparison<'_> {
    /// Compares the numbers.
    pub(crate) fn compare(&self) -> ComparedNumbers {
        let mut obstacles = Obstacles::from_text(self.why_not.unwrap_or_default());
        obstacles.add(Obstacles::MISSING, self.is_missing);
        obstacles.add(Obstacles::INEXACT, self.is_hidden);
        obstacles.add(Obstacles::LOCATION, self.is_explained_by_location);
        let numbers = self.count.map(|count| count as f64).zip(self.base);
        let comparison = numbers.map(|(count, base)| CountComparison {
            count,
            base,
            spans: self.spans,
            variation: self.variation,
        });
        let verdict = Verdict::new(comparison, obstacles, size_of(&self.breaks));
        ComparedNumbers {
            difference: numbers.map(|(count, base)| count - base),
            bounds: comparison.map(|comparison| comparison.bounds()),
            verdict: Verdict::NAMES[verdict as usize],
            why_not: obstacles.text(),
        }
    }
}

/// What a count is compared with.
#[derive(Clone, Copy)]
struct BaseCount {
    min: i64,
    max: Option<i64>,
    status: CountStatus,
    /// The base itself, if it is exact.
    value: Option<f64>,
    /// The number of spans, or points of a chart, that it is the mean of.
    spans: f64,
}

impl BaseCount {
    /// The mean of spans; it is unknown if any of them was not supplied.
    fn mean(counts: &[BoundedCount]) -> Option<Self> {
        let sum = BoundedCount::sum(counts.iter().copied())?;
        let n = counts.len() as i64;
        let value = sum.exact().map(|sum| sum as f64 / n as f64);
        let max = sum.max().map(|max| (max + n - 1).div_euclid(n));
        Some(Self {
            min: sum.min.div_euclid(n),
            max,
            status: sum.status(),
            value,
            spans: n as f64,
        })
    }

    /// The centre of a chart.
    fn centre(point: ChartPoint) -> Option<Self> {
        let centre = point.centre()?;
        Some(Self {
            min: centre.floor() as i64,
            max: Some(centre.ceil() as i64),
            status: CountStatus::Exact,
            value: Some(centre),
            spans: point.points as f64,
        })
    }

    /// Whether it is exactly 0, or not supplied.
    fn is_nothing(&self) -> bool {
        (self.min == 0 && self.max == Some(0)) || self.status == CountStatus::NotSupplied
    }
}

fn columns<'f>() -> Vec<Column<'f, CountRow<ChangeDetail>>> {
    let mut columns = key_and_count_columns();
    columns.extend(base_columns());
    columns.extend(difference_columns());
    columns
}

pub(super) fn base_columns<'f, R: ComparedRow>() -> [Column<'f, R>; 4] {
    [
        one_of(
            ColumnPurpose::OwnKey,
            "baseline",
            "What the window is compared with: `year-before` (the same months), `prior` (the \
             month or quarter just before), `mean-5-years` (the same months of five years, all \
             needed) or `spc` (the centre of the control chart).",
            &Baseline::NAMES,
            |_, row: &R| Some(row.detail()?.baseline as u32),
        ),
        integer(
            ColumnPurpose::LowerBound,
            "base_min",
            "Lower bound of the base; a mean is rounded down.",
            |_, row| Some(row.detail()?.base.min),
        ),
        integer(
            ColumnPurpose::UpperBound,
            "base_max",
            "Upper bound of the base; a mean is rounded up; null = no upper bound is known.",
            |_, row| row.detail()?.base.max,
        ),
        one_of(
            ColumnPurpose::Status,
            "base_status",
            "As `count_status`, for the base.",
            &CountStatus::NAMES,
            |_, row| Some(row.detail()?.base.status as u32),
        ),
    ]
}

pub(super) fn difference_columns<'f, R: ComparedRow>() -> [Column<'f, R>; 10] {
    [
        integer(
            ColumnPurpose::Measure,
            "difference",
            "Count - base, to the nearest whole; null unless both are exact. Report it as a change \
             only as `verdict` says.",
            |_, row: &R| row.difference().map(|difference| difference.round() as i64),
        ),
        number(
            ColumnPurpose::Measure,
            "difference_pct",
            "100 × (count - base) / base, unrounded; null also where the base is 0.",
            |_, row| row.difference_pct(),
        ),
        number(
            ColumnPurpose::Measure,
            "difference_per_day",
            "(Count - base) / the days of the window.",
            |set, row| {
                let days = set.figures.windows[row.row_key().window as usize].days();
                Some(row.difference()? / days as f64)
            },
        ),
        number(
            ColumnPurpose::Measure,
            "difference_low",
            "Lower bound of the difference that chance leaves possible, at 99 %: the difference - \
             2.58 standard errors.",
            |_, row| row.detail()?.bounds.map(|(low, _)| low),
        ),
        number(
            ColumnPurpose::Measure,
            "difference_high",
            "Upper bound of the difference that chance leaves possible, at 99 %.",
            |_, row| row.detail()?.bounds.map(|(_, high)| high),
        ),
        one_of(
            ColumnPurpose::Measure,
            "verdict",
            "`rose` or `fell` (by more than chance explains); `no_clear_change`; `too_few` (both \
             below 20); `rose_beyond_break`, `fell_despite_break` or `within_break` (across breaks \
             whose size is known); `not_comparable` (see `why_not`).",
            &Verdict::NAMES,
            |_, row| Some(row.detail()?.verdict as u32),
        ),
        boolean(
            ColumnPurpose::Measure,
            "comparable",
            "Whether the difference may be reported as a change: `why_not` is null.",
            |_, row| Some(row.detail()?.obstacles.is_empty()),
        ),
        choice(
            ColumnPurpose::Attribute,
            "why_not",
            "Why the two sides are not comparable, joined by `;`: `break`; `suspect` (a month has \
             far fewer or more records than usual); `missing` (a month, or a part of a count, was \
             not supplied); `provisional` (records of a month are not due yet); `inexact` (a count \
             is known within bounds); `location` (more or fewer records have no location, enough to \
             explain the difference). Null = comparable.",
            |_| Obstacles::texts(),
            |_, row| Some(row.detail()?.obstacles.0),
        ),
        text(
            ColumnPurpose::Attribute,
            "why_months",
            "The months, of either side, that are suspect, missing or provisional, joined by `;`; \
             null = none.",
            |_, row| row.detail()?.months.as_deref().map(str::to_owned),
        ),
        text(
            ColumnPurpose::Attribute,
            "breaks",
            "Ids of the breaks in series within or between the two sides, joined by `;` (table \
             `breaks`); null = none.",
            |_, row| row.detail()?.breaks.clone(),
        ),
    ]
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let mut writer = TableWriter::new(&TABLE, set, columns())?;
    let mut faults = MonthFaults::new(set.figures);
    for series in set.compared_series() {
        for area in series.compared_areas() {
            if area.key.is_sparse() && !series.key.is_of_plan() {
                continue;
            }
            write_changes(&series, area, &mut faults, &mut writer)?;
        }
    }
    writer.finish()
}

fn write_changes(
    series: &SeriesCounts<'_>,
    area: CountedArea<'_>,
    faults: &mut MonthFaults<'_>,
    writer: &mut TableWriter<'_, CountRow<ChangeDetail>>,
) -> Result<(), AggregateError> {
    let mut changes = AreaChanges::new(series, area, faults);
    for (number, window) in series.shown_windows(area) {
        let Some(count) = series.count(area, window) else {
            continue;
        };
        for baseline in Baseline::ALL {
            if let Some(detail) = changes.detail(count, (number, window), baseline) {
                let key = series.row_key(area, number);
                writer.push(CountRow { key, count, detail })?;
            }
        }
    }
    Ok(())
}

/// The comparisons of a series in an area.
pub(super) struct AreaChanges<'f, 's, 'm> {
    series: &'s SeriesCounts<'f>,
    area: CountedArea<'f>,
    charts: AreaCharts,
    others: Option<OtherAreas<'f>>,
    faults: &'s mut MonthFaults<'m>,
}

impl<'f, 's, 'm> AreaChanges<'f, 's, 'm> {
    pub(super) fn new(
        series: &'s SeriesCounts<'f>,
        area: CountedArea<'f>,
        faults: &'s mut MonthFaults<'m>,
    ) -> Self {
        Self {
            series,
            area,
            charts: AreaCharts::new(series, area),
            others: OtherAreas::new(series, area),
            faults,
        }
    }

    /// Compares the count of a window with a baseline; none = both are 0 or not supplied, or there is
    /// no base.
    pub(super) fn detail(
        &mut self,
        count: BoundedCount,
        (number, window): (u32, &Window),
        baseline: Baseline,
    ) -> Option<ChangeDetail> {
        let (series, area) = (self.series, self.area);
        let base = match baseline {
            Baseline::Spc => BaseCount::centre(*self.charts.points.get(&number)?),
            _ => base_of_spans(series, area, window, baseline),
        }?;
        let is_nothing = count.exact() == Some(0) || count.status() == CountStatus::NotSupplied;
        if is_nothing && base.is_nothing() {
            return None;
        }
        let breaks = breaks_between(series, area, window, baseline);
        let faults = self
            .faults
            .of(series.kind as u32, area.number, number, baseline);
        let mut obstacles = faults.obstacles;
        obstacles.add(Obstacles::BREAK, !breaks.is_empty());
        for status in [count.status(), base.status] {
            obstacles.add(Obstacles::INEXACT, status == CountStatus::Interval);
            let is_missing = matches!(status, CountStatus::Partial | CountStatus::NotSupplied);
            obstacles.add(Obstacles::MISSING, is_missing);
        }
        if let Some(others) = self.others {
            let is_explained = others.may_explain(series, area, window, baseline);
            obstacles.add(Obstacles::LOCATION, is_explained);
        }
        let exact = count.exact().zip(base.value);
        let comparison = exact.map(|(count, value)| CountComparison {
            count: count as f64,
            base: value,
            spans: base.spans,
            variation: self.charts.variation(window, number, baseline),
        });
        Some(ChangeDetail {
            baseline,
            base,
            obstacles,
            months: faults.months,
            bounds: comparison.map(|comparison| comparison.bounds()),
            verdict: Verdict::new(comparison, obstacles, size_of(&breaks)),
            breaks: joined(&breaks),
        })
    }
}

/// The control charts of an area.
#[derive(Default)]
struct AreaCharts {
    /// By window.
    points: BTreeMap<u32, ChartPoint>,
    /// By the last month of a month or quarter, and its length: the standard deviation.
    sigmas: BTreeMap<(Month, u16), f64>,
}

impl AreaCharts {
    fn new(series: &SeriesCounts<'_>, area: CountedArea<'_>) -> Self {
        let mut charts = Self::default();
        if !spc::is_charted(area.key) {
            return charts;
        }
        let windows: BTreeMap<u32, &Window> = series.windows().collect();
        for charted in spc::charts(series, area) {
            let window = windows[&charted.window];
            charts.points.insert(charted.window, charted.point);
            if let Some(sigma) = charted.point.sigma() {
                charts.sigmas.insert((window.last(), window.months), sigma);
            }
        }
        charts
    }

    /// How much the series varies: by the chart itself for its centre; else by the chart of months
    /// at the end of the window, or of quarters where there is none.
    fn variation(&self, window: &Window, number: u32, baseline: Baseline) -> Option<Variation> {
        if baseline == Baseline::Spc {
            let sigma = self.points.get(&number)?.sigma()?;
            return Some(Variation {
                sigma,
                periods: 1.0,
            });
        }
        [1, 3].into_iter().find_map(|months| {
            let sigma = *self.sigmas.get(&(window.last(), months))?;
            let periods = f64::from(window.months) / f64::from(months);
            window
                .months
                .is_multiple_of(months)
                .then_some(Variation { sigma, periods })
        })
    }
}

/// What the location of an area's records is compared with.
#[derive(Clone, Copy)]
struct OtherAreas<'f> {
    /// Of the records without a location.
    nowhere: CountedArea<'f>,
    /// Of all records.
    all: CountedArea<'f>,
}

impl<'f> OtherAreas<'f> {
    /// Of an area of records; none for totals, and for areas that collect records.
    fn new(series: &SeriesCounts<'f>, area: CountedArea<'f>) -> Option<Self> {
        if series.is_of_totals() || area.key.is_pseudo() {
            return None;
        }
        Some(Self {
            // At every level the same records.
            nowhere: series.areas().find(|area| area.key.code == NO_LOCATION)?,
            all: series.areas().find(|area| area.key.level == ALL_RECEIVED)?,
        })
    }

    /// Whether records without a location may explain the difference of the area.
    fn may_explain(
        &self,
        series: &SeriesCounts<'_>,
        area: CountedArea<'_>,
        window: &Window,
        baseline: Baseline,
    ) -> bool {
        let spans = baseline.spans(window);
        let sum = |area: CountedArea<'_>, firsts: &[Month]| {
            let counts = firsts.iter().map(|first| {
                let count = series.count_from(area, *first, window.months);
                count.map_or(0, |count| count.min)
            });
            counts.sum::<i64>() as f64
        };
        let located = |firsts: &[Month]| Located {
            in_area: sum(area, firsts),
            nowhere: sum(self.nowhere, firsts),
            all: sum(self.all, firsts),
        };
        let (now, base) = (located(&[window.first]), located(&spans));
        let difference = now.in_area - base.in_area / spans.len() as f64;
        !spans.is_empty() && now.may_explain(&base, difference)
    }
}

/// What is wrong with the months of a comparison.
#[derive(Clone, Default)]
struct FaultyMonths {
    obstacles: Obstacles,
    months: Option<Arc<str>>,
}

/// The faults of the months of comparisons. They are the same for every series, and for every area
/// without gaps of its own.
pub(super) struct MonthFaults<'f> {
    figures: &'f Figures<'f>,
    /// By partner and kind, area with gaps, window and baseline.
    known: HashMap<(u32, Option<u32>, u32, Baseline), FaultyMonths>,
}

impl<'f> MonthFaults<'f> {
    pub(super) fn new(figures: &'f Figures<'f>) -> Self {
        Self {
            figures,
            known: HashMap::new(),
        }
    }

    fn of(&mut self, kind: u32, area: u32, window: u32, baseline: Baseline) -> FaultyMonths {
        let figures = self.figures;
        let gaps = figures.gaps.months(kind, area);
        let key = (kind, gaps.map(|_| area), window, baseline);
        let faults = self.known.entry(key);
        faults
            .or_insert_with(|| faults_of_months(figures, kind, gaps, window, baseline))
            .clone()
    }
}

fn faults_of_months(
    figures: &Figures<'_>,
    kind: u32,
    gaps: Option<&BTreeSet<Month>>,
    window: u32,
    baseline: Baseline,
) -> FaultyMonths {
    let window = &figures.windows[window as usize];
    let firsts = baseline.spans(window).into_iter().chain([window.first]);
    let months = firsts.flat_map(|first| first.to(first.plus(i32::from(window.months) - 1)));
    let of_kind = figures.months[kind as usize].as_ref();
    let mut obstacles = Obstacles::default();
    let mut listed = BTreeSet::new();
    for month in months {
        let status = of_kind.and_then(|of_kind| of_kind.status(month));
        let has_gap = gaps.is_some_and(|gaps| gaps.contains(&month));
        let is_suspect = status == Some(DataStatus::Suspect) || has_gap;
        let is_missing = status.is_none_or(|status| status < DataStatus::Suspect);
        let is_open = of_kind.is_some_and(|of_kind| of_kind.is_open(month));
        obstacles.add(Obstacles::SUSPECT, is_suspect);
        obstacles.add(Obstacles::MISSING, is_missing);
        obstacles.add(Obstacles::PROVISIONAL, is_open);
        // Months before the first are not listed: there may be many.
        if is_suspect || is_open || (is_missing && status.is_some()) {
            listed.insert(month);
        }
    }
    let listed: Vec<String> = listed.iter().map(ToString::to_string).collect();
    FaultyMonths {
        obstacles,
        months: Some(listed.join(";").into()).filter(|_| !listed.is_empty()),
    }
}

/// The base of a baseline that is computed from spans; none = it has no spans, or a span has no
/// count.
fn base_of_spans(
    series: &SeriesCounts<'_>,
    area: CountedArea<'_>,
    window: &Window,
    baseline: Baseline,
) -> Option<BaseCount> {
    let counts: Option<Vec<BoundedCount>> = baseline
        .spans(window)
        .iter()
        .map(|first| series.count_from(area, *first, window.months))
        .collect();
    BaseCount::mean(&counts?)
}

/// The breaks from a baseline to its window. Within a segment of a chart there is none.
fn breaks_between<'f>(
    series: &SeriesCounts<'f>,
    area: CountedArea<'_>,
    window: &Window,
    baseline: Baseline,
) -> Vec<&'f Break> {
    let base = baseline.spans(window).first().copied();
    base.map_or_else(Vec::new, |base| {
        series.breaks(base, window, area.key).collect()
    })
}

/// The ids of breaks; none = there are no breaks.
fn joined(breaks: &[&Break]) -> Option<String> {
    let ids: Vec<&str> = breaks
        .iter()
        .map(|series_break| &*series_break.id)
        .collect();
    Some(ids.join(";")).filter(|ids| !ids.is_empty())
}

/// By how much all breaks together raised the figures, if that is known of each.
fn size_of(breaks: &[&Break]) -> Option<BreakSize> {
    let mut sizes = breaks.iter().map(|series_break| series_break.size);
    let compound = |a: f64, b: f64| ((1.0 + a / 100.0) * (1.0 + b / 100.0) - 1.0) * 100.0;
    let none = BreakSize {
        least_pct: 0.0,
        most_pct: 0.0,
    };
    sizes.try_fold(none, |sum, size| {
        let size = size?;
        Some(BreakSize {
            least_pct: compound(sum.least_pct, size.least_pct),
            most_pct: compound(sum.most_pct, size.most_pct),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(count: i64, base: f64, obstacles: Obstacles, size: Option<BreakSize>) -> Verdict {
        let comparison = CountComparison {
            count: count as f64,
            base,
            spans: 1.0,
            variation: None,
        };
        Verdict::new(Some(comparison), obstacles, size)
    }

    #[test]
    fn a_comparison_without_obstacles_is_judged_by_chance() {
        let none = Obstacles::default();
        assert_eq!(verdict(256, 200.0, none, None), Verdict::Rose);
        assert_eq!(verdict(255, 200.0, none, None), Verdict::NoClearChange);
        assert_eq!(verdict(151, 200.0, none, None), Verdict::Fell);
        assert_eq!(verdict(152, 200.0, none, None), Verdict::NoClearChange);
        assert_eq!(verdict(19, 0.0, none, None), Verdict::TooFew);
        assert_eq!(verdict(20, 0.0, none, None), Verdict::Rose);
        assert_eq!(verdict(0, 19.0, none, None), Verdict::TooFew);
    }

    #[test]
    fn a_break_of_known_size_is_judged_against_what_it_explains() {
        let size = Some(BreakSize {
            least_pct: 0.0,
            most_pct: 15.6,
        });
        let judged = |count| verdict(count, 1000.0, Obstacles::BREAK, size);
        // 1,156 + 2.58 x sqrt(n + 1,156) = n at n = 1,283.4
        assert_eq!(judged(1284), Verdict::RoseBeyondBreak);
        assert_eq!(judged(1283), Verdict::WithinBreak);
        assert_eq!(judged(887), Verdict::FellDespiteBreak);
        assert_eq!(judged(888), Verdict::WithinBreak);
        let of_unknown_size = verdict(1284, 1000.0, Obstacles::BREAK, None);
        assert_eq!(of_unknown_size, Verdict::NotComparable);
    }

    #[test]
    fn any_other_obstacle_prevents_a_verdict() {
        let size = Some(BreakSize {
            least_pct: 0.0,
            most_pct: 0.0,
        });
        for obstacle in 1..1 << Obstacles::NAMES.len() {
            let expected = match Obstacles(obstacle) {
                Obstacles::BREAK => Verdict::RoseBeyondBreak,
                _ => Verdict::NotComparable,
            };
            assert_eq!(verdict(5000, 100.0, Obstacles(obstacle), size), expected);
        }
        assert_eq!(
            Obstacles::texts().iter().nth(0b10_0001).flatten(),
            Some("break;location")
        );
    }
}
