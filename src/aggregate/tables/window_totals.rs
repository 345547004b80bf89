//! `window_totals`: how much in a window, how much that is for the people there, and how it ranks
//! among areas alike.

use std::collections::BTreeMap;

use crate::aggregate::Error;
use crate::aggregate::figures::areas::Place;
use crate::aggregate::figures::bounded_count::Block;
use crate::aggregate::figures::table_set::{Folder, Line, Strip, is_told};
use crate::aggregate::tables::table::{Column, File, Of, Table, column, texts};
use crate::reference::geography::{Population, Unit};
use crate::reference::windows::Window;

/// What the table answers.
const ABOUT: &str =
    "How much, how heavy, against others? Counts of a window with shares, rates, ranks and harm.";

/// What the table says beside the count.
struct More<'f> {
    /// Of the same cell, all records.
    total: Option<Block>,
    population: Option<&'f Population>,
    unit: Unit,
    rank: Option<Rank<'f>>,
    harm: Option<Harm>,
}

/// A place among areas alike, 1 = highest.
#[derive(Clone, Copy)]
struct Rank<'f> {
    min: i64,
    max: i64,
    of: i64,
    set: &'f str,
    by_rate: bool,
}

/// Events by their weight.
#[derive(Clone, Copy)]
struct Harm {
    sum: f64,
    unweighted: i64,
}

/// 100 parts of a whole, where both are known and there is a whole.
pub(crate) fn percent(part: Option<i64>, whole: Option<i64>) -> Option<f64> {
    let (part, whole) = part.zip(whole)?;
    (whole != 0).then(|| 100.0 * part as f64 / whole as f64)
}

/// A count per 1,000 of a population.
pub(crate) fn rate_per_1000(count: i64, population: i64) -> f64 {
    1000.0 * count as f64 / population as f64
}

fn columns<'c>(folder: &'c Folder<'_>) -> Vec<Column<'c, Line<More<'c>>>> {
    type Row<'f> = Line<More<'f>>;
    let days = |row: &Row<'c>| Some(folder.figures.windows[row.key.window as usize].days());
    let rank = |of: fn(&Rank<'c>) -> i64| {
        Of::Integer(Box::new(move |row: &Row<'c>| {
            row.more.rank.as_ref().map(of)
        }))
    };
    let mut columns: Vec<Column<'c, Row<'c>>> = folder
        .key_columns()
        .into_iter()
        .chain(Folder::block_columns())
        .collect();
    columns.extend([
        column("days", "Days of the window.", Of::Integer(Box::new(days))),
        column(
            "share_pct",
            "100 x count by the count of `total` in the same cell; null unless both are exact and the total is not 0.",
            Of::Double(Box::new(|row| percent(row.block.exact(), row.more.total?.exact()))),
        ),
        column(
            "population",
            "How many there are of `population_unit` in the area; null = no exact figure of these boundaries is held.",
            Of::Integer(Box::new(|row| row.more.population.map(|p| p.value as i64))),
        ),
        column(
            "population_unit",
            "Who is counted in `population`: `persons`, `households` or `adult-women`.",
            Of::Text(Box::new(|row| row.more.population.map(|_| row.more.unit.as_str().to_owned()))),
        ),
        column(
            "population_date",
            "The day `population` is for: of those held the nearest to the middle of the window.",
            Of::Date(Box::new(|row| row.more.population.map(|p| p.date))),
        ),
        column(
            "rate_per_1000",
            "1000 x count by population; null without either.",
            Of::Double(Box::new(|row| Some(rate_per_1000(row.block.exact()?, row.more.population?.value as i64)))),
        ),
        column(
            "rank_min",
            "The best rank it may have among the areas of `rank_set`, 1 = highest, equal values share the better; null where no month of the window may serve.",
            rank(|rank| rank.min),
        ),
        column("rank_max", "The worst rank it may have: what is not exact elsewhere widens it.", rank(|rank| rank.max)),
        column("rank_of", "Areas of the set that supplied a figure.", rank(|rank| rank.of)),
        column(
            "rank_set",
            "The area or set of areas among whose parts it ranks.",
            Of::Text(Box::new(|row| row.more.rank.map(|rank| rank.set.to_owned()))),
        ),
        column(
            "rank_measure",
            "What is ranked: `rate_per_1000` where every area of the set has a population, else `count`.",
            Of::Choice(
                texts([Some("count"), Some("rate_per_1000")]),
                Box::new(|row| row.more.rank.map(|rank| u32::from(rank.by_rate))),
            ),
        ),
        column(
            "harm",
            "Sum of the weights of the records' codes in `harm_set`; null = no weights are held or the count is not exact.",
            Of::Double(Box::new(|row| row.more.harm.filter(|_| row.block.exact().is_some()).map(|harm| harm.sum))),
        ),
        column(
            "harm_set",
            "The set of weights (config/harm).",
            Of::Text(Box::new(|row| row.more.harm.and(folder.figures.settings.reference.harm()).map(|set| set.id.clone()))),
        ),
        column(
            "harm_unweighted",
            "Records without a weight there, which are in no sum.",
            Of::Integer(Box::new(|row| row.more.harm.map(|harm| harm.unweighted))),
        ),
    ]);
    columns
}

pub(crate) fn write(folder: &Folder<'_>) -> Result<File, Error> {
    let mut table = Table::new(ABOUT, columns(folder))?;
    for strip in folder.strips() {
        let cells = Cells::of(folder, &strip);
        for (place, number, of) in strip.places() {
            let sparse = of.is_sparse() || !strip.series.is_of_plan();
            if of.is_sparse() && !strip.series.is_of_plan() {
                continue;
            }
            for (at, (window, months)) in strip.windows().enumerate() {
                let Some(block) = cells.blocks[place][at].filter(|block| is_told(sparse, *block))
                else {
                    continue;
                };
                let more = cells.more(&strip, place, at, months);
                table.push(Line {
                    key: strip.key(number, window),
                    block,
                    more,
                })?;
            }
        }
    }
    table.finish()
}

/// The counts of one series of one partner's kind, by place and window.
struct Cells<'f> {
    folder: &'f Folder<'f>,
    blocks: Vec<Vec<Option<Block>>>,
    unit: Unit,
    ranks: BTreeMap<(usize, usize), Rank<'f>>,
    harm: Option<crate::aggregate::figures::harm::Tallied>,
}

impl<'f> Cells<'f> {
    fn of(folder: &'f Folder<'f>, strip: &Strip<'f>) -> Self {
        let figures = folder.figures;
        let row = |place| {
            strip
                .windows()
                .map(|(_, window)| strip.block(place, window))
                .collect()
        };
        let blocks: Vec<Vec<Option<Block>>> =
            strip.places().map(|(place, ..)| row(place)).collect();
        let unit = figures
            .settings
            .reference
            .partners
            .rate_unit(&figures.current.partner_kinds[strip.kind].kind);
        let harm = crate::aggregate::figures::harm::tally(figures, strip);
        let mut cells = Self {
            folder,
            blocks,
            unit,
            ranks: BTreeMap::new(),
            harm,
        };
        cells.rank(strip);
        cells
    }

    fn more(&self, strip: &Strip<'f>, place: usize, at: usize, window: &Window) -> More<'f> {
        let total = strip.sheet.position(strip.framed.frame.total());
        More {
            total: total
                .and_then(|total| strip.sheet.block(total, place, window.first, window.months)),
            population: self.population(strip.place(place), window),
            unit: self.unit,
            rank: self.ranks.get(&(place, at)).copied(),
            harm: self.harm.as_ref().map(|tallied| {
                let (sum, unweighted) = tallied.of(place, window);
                Harm { sum, unweighted }
            }),
        }
    }

    fn population(&self, place: &Place, window: &Window) -> Option<&'f Population> {
        self.folder.figures.settings.reference.geography.population(
            &place.code,
            self.unit,
            window.middle(),
        )
    }

    /// Ranks areas alike, in each window of which a month may serve: one suspect month of several
    /// is as suspect in every area, and `data_status` says so.
    fn rank(&mut self, strip: &Strip<'f>) {
        let figures = self.folder.figures;
        let held = figures.held[strip.kind].as_ref();
        for peers in peers(self.folder, strip) {
            for (at, (_, window)) in strip.windows().enumerate() {
                if !held.is_some_and(|held| held.any_serves(window.first, window.months)) {
                    continue;
                }
                let population = |place: usize| {
                    self.population(strip.place(place), window)
                        .map(|p| p.value as i64)
                };
                let populations: Option<Vec<i64>> = peers
                    .places
                    .iter()
                    .map(|place| population(*place))
                    .collect();
                let values: Vec<(f64, f64)> = (0..peers.places.len())
                    .map(|i| {
                        let block = self.blocks[peers.places[i]][at].unwrap_or(Block::NOT_SUPPLIED);
                        let by = |count: i64| match &populations {
                            Some(populations) => rate_per_1000(count, populations[i]),
                            None => count as f64,
                        };
                        (by(block.min), block.max().map_or(f64::INFINITY, by))
                    })
                    .collect();
                let supplied = |place: &&usize| {
                    self.blocks[**place][at].is_some_and(|block| block.max().is_some())
                };
                let of = peers.places.iter().filter(supplied).count() as i64;
                for (place, (min, max)) in peers.places.iter().zip(&values) {
                    if !supplied(&place) {
                        continue;
                    }
                    let higher = |is: &dyn Fn(&(f64, f64)) -> bool| {
                        1 + values.iter().filter(|v| is(v)).count() as i64
                    };
                    // Itself is never certainly higher than itself; possibly, where it is not
                    // exact.
                    let own = i64::from(max > min);
                    let rank = Rank {
                        min: higher(&|other| other.0 > *max),
                        max: higher(&|other| other.1 > *min) - own,
                        of,
                        set: peers.set,
                        by_rate: populations.is_some(),
                    };
                    self.ranks.insert((*place, at), rank);
                }
            }
        }
    }
}

/// Areas of one tier and role that rank among one another.
struct Peers<'f> {
    set: &'f str,
    /// Places in the sheet.
    places: Vec<usize>,
}

fn peers<'f>(folder: &'f Folder<'f>, strip: &Strip<'f>) -> Vec<Peers<'f>> {
    let scope = &folder.figures.scope;
    let mut peers: BTreeMap<(&str, Option<&str>, Option<&str>), Peers<'f>> = BTreeMap::new();
    for (place, _, of) in strip.places().filter(|(_, _, place)| !place.is_pseudo()) {
        if let Some(set) = scope.ranked_in(&of.code) {
            let key = (&*of.level, of.vintage.as_deref(), of.role.as_deref());
            peers
                .entry(key)
                .or_insert(Peers {
                    set,
                    places: Vec::new(),
                })
                .places
                .push(place);
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
    fn a_published_rate_tells_the_population_it_was_made_with() {
        let tenths = |population| (10.0 * rate_per_1000(13_310, population)).round() as i64;
        assert!((107_817..=107_904).all(|population| tenths(population) == 1_234));
        assert_eq!((tenths(107_816), tenths(107_905)), (1_235, 1_233));
        assert_eq!(
            thousandths(16_987, 169_870),
            100_000,
            "persons, not households"
        );
    }

    #[test]
    fn a_share_of_nothing_or_of_what_is_not_known_is_none() {
        assert_eq!(
            percent(Some(78), Some(224)).map(|share| (10.0 * share).round()),
            Some(348.0)
        );
        assert_eq!(
            (
                percent(Some(0), Some(0)),
                percent(None, Some(3)),
                percent(Some(3), None)
            ),
            (None, None, None)
        );
    }
}
