//! `factors`: how much of every priority has a mental-health side, or another that the plan names.
//!
//! With = any flag of the factor is true; without = one is false and none true; else unknown.
//! Shares are of what is known. If what a partner sends cannot show the factor, the count with it
//! is not supplied.

use crate::aggregate::AggregateError;
use crate::aggregate::figures::areas::Coverage;
use crate::aggregate::figures::counts::{RecordTally, supply_over};
use crate::aggregate::figures::periods::KindMonths;
use crate::aggregate::figures::table_set::{CountRow, CountedArea, SeriesCounts, TableSet};
use crate::aggregate::state::bounded_count::{BoundedCount, Supply};
use crate::aggregate::state::source_set::SourceSet;
use crate::aggregate::tables::column::{Column, ColumnPurpose, integer, number, specs, text};
use crate::aggregate::tables::shared_columns::{count_columns, key_columns, percent};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, TableWriter};
use crate::reference::plan::Factor;
use crate::reference::windows::Window;

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "factors",
    kind: TableKind::Figures,
    question: Some("How much of it involves mental health, or another factor of the plan?"),
    rows: "Records with it, without it, and unknown.",
    columns: || specs(columns()),
    build,
};

struct FactorDetail<'f> {
    factor: &'f Factor,
    without: i64,
    unknown: i64,
}

fn columns<'f>() -> Vec<Column<'f, CountRow<FactorDetail<'f>>>> {
    let mut columns = key_columns();
    columns.push(text(
        ColumnPurpose::OwnKey,
        "factor",
        "Id of the factor; `count_value` is how many records have it.",
        |_, row: &CountRow<FactorDetail<'f>>| Some(row.detail.factor.id.clone()),
    ));
    columns.extend(count_columns());
    columns.extend([
        integer(
            ColumnPurpose::Count,
            "count_without",
            "Records recorded as without it; null unless `count_value` is exact.",
            |_, row: &CountRow<FactorDetail<'f>>| row.count.exact().map(|_| row.detail.without),
        ),
        integer(
            ColumnPurpose::Count,
            "count_unknown",
            "Records that do not say; null unless `count_value` is exact.",
            |_, row| row.count.exact().map(|_| row.detail.unknown),
        ),
        number(
            ColumnPurpose::Measure,
            "share_of_known_pct",
            "100 × with / (with + without); null where none is known.",
            |_, row| {
                let with = row.count.exact()?;
                percent(Some(with), Some(with + row.detail.without))
            },
        ),
    ]);
    columns
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let mut writer = TableWriter::new(&TABLE, set, columns())?;
    for series in set.series_of_records() {
        let Some(months) = series.months() else {
            continue;
        };
        let Some(plan) = series.plan.series.plan else {
            continue;
        };
        if !matches!(series.key.kind, "total" | "priority") {
            continue;
        }
        let factors: Vec<FactorCounts<'_>> = plan
            .factors
            .iter()
            .map(|factor| FactorCounts::new(set, &series, months, factor))
            .collect();
        for area in series.split_areas() {
            for (number, window) in series.shown_windows(area) {
                for factor in factors.iter().filter(|factor| factor.has_rows(set, area)) {
                    let possible = series.count(area, window).map_or(0, BoundedCount::possible);
                    if let Some((count, detail)) = factor.count(area, window, possible) {
                        let key = series.row_key(area, number);
                        writer.push(CountRow { key, count, detail })?;
                    }
                }
            }
        }
    }
    writer.finish()
}

/// Keys of the tally.
const WITH: usize = 0;
const WITHOUT: usize = 1;
const UNKNOWN: usize = 2;

/// A series' records by one factor.
struct FactorCounts<'f> {
    factor: &'f Factor,
    tally: RecordTally,
    /// Whether any source can show it.
    is_shown: bool,
    /// By month.
    supply: Vec<Supply>,
    coverage: &'f [Coverage],
}

impl<'f> FactorCounts<'f> {
    fn new(
        set: &TableSet<'f>,
        series: &SeriesCounts<'_>,
        months: &KindMonths,
        factor: &'f Factor,
    ) -> Self {
        let current = set.figures.current;
        let tally = series.tally(months, 3, &|fact| {
            let flags = current.flags[fact.marks as usize];
            Some(match factor.value(flags) {
                Some(true) => WITH,
                Some(false) => WITHOUT,
                None => UNKNOWN,
            })
        });
        let can_show = sources_with(set, series.kind, factor).and(series.sources());
        Self {
            factor,
            tally,
            is_shown: !can_show.is_empty(),
            supply: months.supply(can_show),
            coverage: &set.figures.areas.coverage[series.kind],
        }
    }

    /// Whether an area has rows: of a factor that no source can show, only two areas do.
    fn has_rows(&self, set: &TableSet<'_>, area: CountedArea<'_>) -> bool {
        self.is_shown || set.figures.says_not_shown(area.key)
    }

    fn count(
        &self,
        area: CountedArea<'_>,
        window: &Window,
        possible: i64,
    ) -> Option<(BoundedCount, FactorDetail<'f>)> {
        let range = self.tally.range(window.first, window.months)?;
        let supply = supply_over(&self.supply, range.clone(), window.months)?;
        let supply = self.coverage[area.index].limit(supply);
        let [with, without, unknown] =
            [WITH, WITHOUT, UNKNOWN].map(|key| self.tally.sum(area.index, 0, key, range.clone()));
        let detail = FactorDetail {
            factor: self.factor,
            without,
            unknown,
        };
        let count = BoundedCount::counted(with, supply).and_possibly(possible);
        Some((count, detail))
    }
}

/// The sources of a partner's kind that carry a flag of the factor, or sent one.
fn sources_with(set: &TableSet<'_>, kind: usize, factor: &Factor) -> SourceSet {
    let current = set.figures.current;
    let partners = &set.figures.settings.reference.partners;
    let mut sources = SourceSet::default();
    for (i, source) in current.sources[kind].iter().enumerate() {
        let carried = partners.carried_by(source, current.partner_kinds[kind].of);
        let flags_sent = current.marked[kind].get(i).copied().unwrap_or_default();
        if (carried.flags | flags_sent) & factor.flags != 0 {
            sources.add(SourceSet::one(i));
        }
    }
    sources
}
