//! `window_totals`: the count of a window, its rate for the people there, and its rank among
//! comparable areas.

use std::collections::BTreeMap;

use crate::aggregate::AggregateError;
use crate::aggregate::figures::areas::AreaKey;
use crate::aggregate::figures::counts::NOT_FITTING;
use crate::aggregate::figures::harm::{HarmSum, HarmTally};
use crate::aggregate::figures::table_set::{CountRow, CountedArea, SeriesCounts, TableSet};
use crate::aggregate::state::bounded_count::BoundedCount;
use crate::aggregate::tables::column::{
    Column, ColumnPurpose, date, integer, number, one_of, specs, text,
};
use crate::aggregate::tables::shared_columns::{key_and_count_columns, percent, rate_per_1000};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, TableWriter};
use crate::reference::geography::{Population, PopulationUnit};
use crate::reference::windows::Window;

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "window_totals",
    kind: TableKind::Figures,
    question: Some("How much in a quarter, a year or 12 months? What share, rate, rank and harm?"),
    rows: "Counts of each window.",
    columns: || specs(columns()),
    build,
};

/// What a row shows beside its count.
struct WindowDetail<'f> {
    /// The count of all records in the same cell.
    total: Option<BoundedCount>,
    population: Option<&'f Population>,
    unit: PopulationUnit,
    rank: Option<AreaRank<'f>>,
    harm: Option<HarmSum>,
}

/// The rank of an area among comparable areas, 1 = highest.
#[derive(Clone, Copy)]
struct AreaRank<'f> {
    min: i64,
    max: i64,
    /// Areas that supplied a figure.
    ranked: i64,
    set: &'f str,
    by_rate: bool,
}

type WindowRow<'f> = CountRow<WindowDetail<'f>>;

fn columns<'f>() -> Vec<Column<'f, WindowRow<'f>>> {
    let mut columns = key_and_count_columns();
    columns.extend(rate_columns());
    columns.extend(rank_columns());
    columns.extend(harm_columns());
    columns
}

fn rate_columns<'f>() -> [Column<'f, WindowRow<'f>>; 6] {
    [
        integer(
            ColumnPurpose::Attribute,
            "days",
            "Days of the window.",
            |set, row: &WindowRow<'f>| Some(set.figures.windows[row.key.window as usize].days()),
        ),
        number(
            ColumnPurpose::Measure,
            "share_pct",
            "100 × `count_value` / the count of `total` in the same cell; null unless both are exact \
             and the total is not 0.",
            |_, row| percent(row.count.exact(), row.detail.total?.exact()),
        ),
        integer(
            ColumnPurpose::Attribute,
            "population",
            "Number of `population_unit` in the area; null = the reference data has no exact \
             figure for these boundaries.",
            |_, row| {
                row.detail
                    .population
                    .map(|population| population.value as i64)
            },
        ),
        text(
            ColumnPurpose::Attribute,
            "population_unit",
            "Who is counted in `population`: `persons`, `households` or `adult-women`.",
            |_, row| {
                let unit = row.detail.population.map(|_| row.detail.unit);
                unit.map(|unit| unit.as_str().to_owned())
            },
        ),
        date(
            ColumnPurpose::Attribute,
            "population_date",
            "The day `population` is for: the nearest to the middle of the window.",
            |_, row| row.detail.population.map(|population| population.date),
        ),
        number(
            ColumnPurpose::Measure,
            "rate_per_1000",
            "1000 × `count_value` / `population`; null without either.",
            |_, row| {
                let population = row.detail.population?.value as i64;
                Some(rate_per_1000(row.count.exact()?, population))
            },
        ),
    ]
}

fn rank_columns<'f>() -> [Column<'f, WindowRow<'f>>; 5] {
    [
        integer(
            ColumnPurpose::Measure,
            "rank_min",
            "The best rank it may have among the areas of `rank_set`, 1 = highest. Equal values \
             share the better rank. Null where no month of the window may be used.",
            |_, row: &WindowRow<'f>| row.detail.rank.map(|rank| rank.min),
        ),
        integer(
            ColumnPurpose::Measure,
            "rank_max",
            "The worst rank it may have: counts of other areas that are not exact widen it.",
            |_, row| row.detail.rank.map(|rank| rank.max),
        ),
        integer(
            ColumnPurpose::Measure,
            "rank_of",
            "Number of areas of the set that supplied a figure.",
            |_, row| row.detail.rank.map(|rank| rank.ranked),
        ),
        text(
            ColumnPurpose::Attribute,
            "rank_set",
            "The area or set of areas among whose parts it is ranked.",
            |_, row| row.detail.rank.map(|rank| rank.set.to_owned()),
        ),
        one_of(
            ColumnPurpose::Attribute,
            "rank_measure",
            "What is ranked: `rate_per_1000` if every area of the set has a population, else \
             `count_value`.",
            &["count_value", "rate_per_1000"],
            |_, row| row.detail.rank.map(|rank| u32::from(rank.by_rate)),
        ),
    ]
}

fn harm_columns<'f>() -> [Column<'f, WindowRow<'f>>; 3] {
    [
        number(
            ColumnPurpose::Measure,
            "harm",
            "Sum of the weights of the records' codes in `harm_set`; null = there are no weights, \
             or the count is not exact.",
            |_, row: &WindowRow<'f>| {
                row.count.exact()?;
                row.detail.harm.map(|harm| harm.weights)
            },
        ),
        text(
            ColumnPurpose::Attribute,
            "harm_set",
            "The set of weights (config/harm).",
            |set, row| {
                let weights = set.figures.settings.reference.harm();
                row.detail.harm.and(weights).map(|set| set.id.clone())
            },
        ),
        integer(
            ColumnPurpose::Count,
            "harm_unweighted",
            "Records without a weight, which are not in the sum.",
            |_, row| row.detail.harm.map(|harm| harm.unweighted),
        ),
    ]
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let mut writer = TableWriter::new(&TABLE, set, columns())?;
    for series in set.series() {
        let grid = SeriesGrid::new(set, &series);
        for area in series.areas() {
            let is_sparse = area.key.is_sparse();
            if is_sparse && !series.key.is_of_plan() {
                continue;
            }
            for (window_index, (number, window)) in series.windows().enumerate() {
                let Some(count) = grid.counts[area.index][window_index] else {
                    continue;
                };
                if series.shows(area, window) && series.has_row(area, count) {
                    writer.push(CountRow {
                        key: series.row_key(area, number),
                        count,
                        detail: grid.detail(area, window_index, window),
                    })?;
                }
            }
        }
    }
    writer.finish()
}

/// The counts of one series of one partner's kind, by area and window, with their ranks.
struct SeriesGrid<'f> {
    set: &'f TableSet<'f>,
    /// By area, and by window of the series.
    counts: Vec<Vec<Option<BoundedCount>>>,
    total: Option<SeriesCounts<'f>>,
    unit: PopulationUnit,
    /// By area and window, as in `counts`.
    ranks: BTreeMap<(usize, usize), AreaRank<'f>>,
    harm: Option<HarmTally>,
}

impl<'f> SeriesGrid<'f> {
    fn new(set: &'f TableSet<'f>, series: &SeriesCounts<'f>) -> Self {
        let reference = set.figures.settings.reference;
        let mut counts = vec![Vec::new(); set.figures.areas.by_kind[series.kind].len()];
        for area in series.areas() {
            let windows = series.windows();
            counts[area.index] = windows
                .map(|(_, window)| series.count(area, window))
                .collect();
        }
        let mut grid = Self {
            set,
            counts,
            total: series.sibling(series.plan.series.total()),
            unit: reference.partners.rate_unit(&series.partner_kind().kind),
            ranks: BTreeMap::new(),
            harm: HarmTally::new(set.figures.current, reference.harm(), series),
        };
        for peers in peer_areas(set, series) {
            for (window_index, (_, window)) in series.windows().enumerate() {
                // A suspect month affects every area alike, so areas are ranked if any month is
                // usable; `data_status` shows the suspect one.
                if series
                    .months()
                    .is_some_and(|months| months.any_usable(window))
                {
                    grid.rank(&peers, window_index, window);
                }
            }
        }
        grid
    }

    fn detail(
        &self,
        area: CountedArea<'f>,
        window_index: usize,
        window: &Window,
    ) -> WindowDetail<'f> {
        let total = self.total.as_ref();
        WindowDetail {
            total: total.and_then(|total| total.count(area, window)),
            population: self.population(area.key, window),
            unit: self.unit,
            rank: self.ranks.get(&(area.index, window_index)).copied(),
            harm: self.harm.as_ref().map(|harm| harm.sum(area, window)),
        }
    }

    fn population(&self, area: &AreaKey, window: &Window) -> Option<&'f Population> {
        let geography = &self.set.figures.settings.reference.geography;
        geography.population(&area.code, self.unit, window.middle())
    }

    /// Ranks comparable areas in one window.
    fn rank(&mut self, peers: &PeerAreas<'f>, window_index: usize, window: &Window) {
        let populations: Option<Vec<i64>> = peers
            .areas
            .iter()
            .map(|area| Some(self.population(area.key, window)?.value as i64))
            .collect();
        let bounds: Vec<ValueBounds> = peers
            .areas
            .iter()
            .enumerate()
            .map(|(i, area)| {
                let population = populations.as_ref().map(|populations| populations[i]);
                let count = self.counts[area.index][window_index];
                ValueBounds::new(count.unwrap_or(NOT_FITTING), population)
            })
            .collect();
        let ranked = bounds.iter().filter(|bounds| bounds.is_supplied).count() as i64;
        for (area, own) in peers.areas.iter().zip(&bounds) {
            if !own.is_supplied {
                continue;
            }
            let certainly = bounds.iter().filter(|other| other.min > own.max).count();
            let possibly = bounds.iter().filter(|other| other.max > own.min).count();
            // An area that is not exact is possibly higher than itself: leave it out.
            let itself = i64::from(own.max > own.min);
            let rank = AreaRank {
                min: 1 + certainly as i64,
                max: 1 + possibly as i64 - itself,
                ranked,
                set: peers.set,
                by_rate: populations.is_some(),
            };
            self.ranks.insert((area.index, window_index), rank);
        }
    }
}

/// The lower and upper bound of what is ranked.
struct ValueBounds {
    min: f64,
    max: f64,
    is_supplied: bool,
}

impl ValueBounds {
    /// The bounds of a count, or of its rate in a population.
    fn new(count: BoundedCount, population: Option<i64>) -> Self {
        Self {
            min: ranked_value(count.min, population),
            max: count
                .max()
                .map_or(f64::INFINITY, |max| ranked_value(max, population)),
            is_supplied: count.max().is_some(),
        }
    }
}

fn ranked_value(count: i64, population: Option<i64>) -> f64 {
    match population {
        Some(population) => rate_per_1000(count, population),
        None => count as f64,
    }
}

/// Areas of one tier and role that are ranked against one another.
struct PeerAreas<'f> {
    set: &'f str,
    areas: Vec<CountedArea<'f>>,
}

fn peer_areas<'f>(set: &'f TableSet<'f>, series: &SeriesCounts<'f>) -> Vec<PeerAreas<'f>> {
    let mut peers: BTreeMap<(&str, Option<&str>, Option<&str>), PeerAreas<'f>> = BTreeMap::new();
    for area in series.areas().filter(|area| !area.key.is_pseudo()) {
        if let Some(rank_set) = set.figures.scope.ranked_in(&area.key.code) {
            let AreaKey {
                level,
                vintage,
                role,
                ..
            } = area.key;
            peers
                .entry((level, vintage.as_deref(), role.as_deref()))
                .or_insert(PeerAreas {
                    set: rank_set,
                    areas: Vec::new(),
                })
                .areas
                .push(area);
        }
    }
    peers.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thousandths(count: i64, population: i64) -> i64 {
        (1000.0 * rate_per_1000(count, population)).round() as i64
    }

    fn tenths(count: i64, population: i64) -> i64 {
        (10.0 * rate_per_1000(count, population)).round() as i64
    }

    /// Two rates of the risk matrix of Leicester, which only an exact denominator reproduces.
    #[test]
    fn a_rounded_denominator_does_not_give_the_published_rates() {
        for population in 294_686..=294_691 {
            assert_eq!(
                (
                    thousandths(3_456, population),
                    thousandths(6_743, population)
                ),
                (11_728, 22_882)
            );
        }
        assert_eq!(
            (thousandths(3_456, 294_700), thousandths(6_743, 294_700)),
            (11_727, 22_881)
        );
        assert_eq!(thousandths(3_456, 294_692), 11_727);
    }

    /// Two published figures of Kent: only these populations give a rate of 123.4, and one unit is
    /// a misprint.
    #[test]
    fn a_published_rate_reveals_its_population() {
        assert!((107_817..=107_904).all(|population| tenths(13_310, population) == 1_234));
        assert_eq!(
            (tenths(13_310, 107_816), tenths(13_310, 107_905)),
            (1_235, 1_233)
        );
        assert_eq!(
            thousandths(16_987, 169_870),
            100_000,
            "persons, not households"
        );
    }
}
