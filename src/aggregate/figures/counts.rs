//! The counts of one partner's kind: any series, place and run of months.
//!
//! Records are counted by month, so that a window is a sum of months. Totals that a partner sent
//! cover their own period: a window is filled only by periods that tile it, never pro rata. Units
//! are never added.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::aggregate::figures::bounded_count::{Block, Supply};
use crate::aggregate::figures::periods::{Figures, Held};
use crate::aggregate::figures::series::Frame;
use crate::aggregate::state::current::{Count, Current, Fact, Unit};
use crate::event::Month;
use crate::reference::geography::Level;

/// Counts by series, place and month.
pub(crate) struct Sheet {
    /// Places in [`Frame::series`], in order.
    pub(crate) series: Vec<u32>,
    cells: Cells,
}

enum Cells {
    Records(Records),
    Totals(Totals),
}

impl Sheet {
    /// Counts what a partner's kind sent.
    pub(crate) fn of(figures: &Figures<'_>, frame: &Frame<'_>, kind: usize, held: &Held) -> Self {
        let series: Vec<u32> = frame.of_kind[kind]
            .iter()
            .map(|(series, _)| *series)
            .collect();
        let cells = if figures.current.partner_kinds[kind].is_count() {
            Cells::Totals(Totals::of(figures, frame, kind, &series))
        } else {
            Cells::Records(Records::of(figures, frame, kind, held))
        };
        Self { series, cells }
    }

    /// The place of a series in this sheet.
    pub(crate) fn position(&self, series: u32) -> Option<usize> {
        self.series.binary_search(&series).ok()
    }

    /// The count of a series at a place in a run of months; none = the run is not one this sheet
    /// can fill.
    pub(crate) fn block(
        &self,
        series: usize,
        place: usize,
        first: Month,
        months: u16,
    ) -> Option<Block> {
        match &self.cells {
            Cells::Records(records) => records.block(series, place, first, months.into()),
            Cells::Totals(totals) => totals.block(series as u32, place as u32, first, months),
        }
    }
}

/// A number of a fact.
type Numbered<'n, T> = &'n dyn Fn(&Fact) -> T;

/// Counts of facts by place, series, a further key and month, each fact at every place and series
/// it is of.
pub(crate) struct Tally {
    series: usize,
    keys: usize,
    months: usize,
    counts: Vec<u32>,
}

impl Tally {
    /// Counts the facts of a partner's kind. A fact has a class, which counts in so many of the
    /// series, by their places in the tally, and a further key, or none if it is not counted.
    pub(crate) fn of(
        figures: &Figures<'_>,
        kind: usize,
        held: &Held,
        (series, class): (usize, Numbered<'_, u32>),
        series_of: &[Vec<u32>],
        (keys, key): (usize, Numbered<'_, Option<usize>>),
    ) -> Self {
        let (places, months) = (&figures.places.of_kind[kind], held.months());
        let width = series * keys * months;
        let mut counts = vec![0; places.len() * width];
        let mut here = vec![0_u32; width];
        for facts in figures.facts(kind).chunk_by(|a, b| a.area == b.area) {
            here.fill(0);
            for fact in facts.iter().filter(|fact| fact.month >= held.first) {
                let Some(key) = key(fact) else { continue };
                let month = fact.month.since(held.first);
                for series in &series_of[class(fact) as usize] {
                    here[(*series as usize * keys + key) * months + month] += 1;
                }
            }
            for target in figures.places.targets(kind, facts[0].area) {
                let Ok(place) = places.binary_search(target) else {
                    continue;
                };
                let sums = &mut counts[place * width..][..width];
                sums.iter_mut()
                    .zip(&here)
                    .for_each(|(sum, count)| *sum += count);
            }
        }
        Self {
            series,
            keys,
            months,
            counts,
        }
    }

    /// Of nothing.
    pub(crate) const fn none() -> Self {
        Self {
            series: 0,
            keys: 0,
            months: 0,
            counts: Vec::new(),
        }
    }

    /// The counts of a run of months together, by its place in the months held ([`clip`]).
    pub(crate) fn sum(
        &self,
        place: usize,
        series: usize,
        key: usize,
        (from, to): (usize, usize),
    ) -> i64 {
        let at = ((place * self.series + series) * self.keys + key) * self.months;
        self.counts[at + from..at + to]
            .iter()
            .map(|count| i64::from(*count))
            .sum()
    }
}

struct Records {
    first: Month,
    tally: Tally,
    /// For each series, by month.
    supply: Vec<Vec<Supply>>,
}

impl Records {
    fn of(figures: &Figures<'_>, frame: &Frame<'_>, kind: usize, held: &Held) -> Self {
        let own = &frame.of_kind[kind];
        let local = |series: &u32| {
            own.binary_search_by_key(series, |(s, _)| *s)
                .ok()
                .map(|place| place as u32)
        };
        let series_of: Vec<Vec<u32>> = frame
            .of_class
            .iter()
            .map(|series| series.iter().filter_map(local).collect())
            .collect();
        let class = |fact: &Fact| frame.class(figures.current, fact.profile);
        let tally = Tally::of(
            figures,
            kind,
            held,
            (own.len(), &class),
            &series_of,
            (1, &|_| Some(0)),
        );
        let supply = own.iter().map(|(_, shown)| {
            held.fed
                .iter()
                .map(|fed| Supply::of(*fed, *shown))
                .collect()
        });
        Self {
            first: held.first,
            tally,
            supply: supply.collect(),
        }
    }

    fn block(&self, series: usize, place: usize, first: Month, months: usize) -> Option<Block> {
        let (from, to) = clip(self.first, self.tally.months, first, months)?;
        let count = self.tally.sum(place, series, 0, (from, to));
        let supply = self.supply[series][from..to]
            .iter()
            .copied()
            .reduce(Supply::and)?;
        let whole = to - from == months;
        Some(Block::counted(
            count,
            if whole {
                supply
            } else {
                supply.and(Supply::Nothing)
            },
        ))
    }
}

/// The part of a run of months that lies in the months held.
pub(crate) fn clip(
    held: Month,
    held_months: usize,
    first: Month,
    months: usize,
) -> Option<(usize, usize)> {
    let offset = first.minus(held);
    let from = offset.max(0) as usize;
    let to = (offset + months as i32).clamp(0, held_months as i32) as usize;
    (from < to).then_some((from, to))
}

/// Series, place and months of a period.
type Slot = (u32, u32, u16);

#[derive(Default)]
struct Totals {
    blocks: BTreeMap<Slot, BTreeMap<Month, Block>>,
    /// Lengths of periods, longest first.
    lengths: Vec<u16>,
    is_snapshot: bool,
}

impl Totals {
    fn of(figures: &Figures<'_>, frame: &Frame<'_>, kind: usize, series: &[u32]) -> Self {
        let of_kind = || {
            figures
                .current
                .counts
                .iter()
                .filter(|count| usize::from(count.partner_kind) == kind)
        };
        let mut totals = Self {
            is_snapshot: of_kind().any(|count| count.is_snapshot),
            ..Self::default()
        };
        let mut told: Vec<&Count> = of_kind()
            .filter(|count| count.part.is_none() && count.first >= figures.first)
            .collect();
        let unit = unit_of_most(&told);
        told.sort_by_key(|count| (Some(count.unit) != unit, count.unit));
        let mut cells: BTreeMap<(u32, Month, u16), Vec<&Count>> = BTreeMap::new();
        for count in told {
            cells
                .entry((count.area, count.first, count.months))
                .or_default()
                .push(count);
        }
        let places = &figures.places.of_kind[kind];
        let mut districts: BTreeMap<(Slot, Month), usize> = BTreeMap::new();
        for ((area, first, months), counts) in cells {
            let blocks = blocks(figures, frame, unit, &counts);
            let is_district = figures.current.sent(area).level == Level::District.as_str();
            for target in figures.places.targets(kind, area) {
                let Ok(place) = places.binary_search(target) else {
                    continue;
                };
                for (of, block) in &blocks {
                    let Ok(series) = series.binary_search(of) else {
                        continue;
                    };
                    let slot = (series as u32, place as u32, months);
                    let slots = totals.blocks.entry(slot).or_default();
                    slots
                        .entry(first)
                        .and_modify(|sum| *sum = sum.plus(*block))
                        .or_insert(*block);
                    if is_district {
                        *districts.entry((slot, first)).or_default() += 1;
                    }
                }
            }
            totals.lengths.push(months);
        }
        totals.mark_sets_without_all_districts(figures, kind, &districts);
        totals.lengths.sort_unstable_by(|a, b| b.cmp(a));
        totals.lengths.dedup();
        totals
    }

    /// A set of which not every district sent a total is known only from below.
    fn mark_sets_without_all_districts(
        &mut self,
        figures: &Figures<'_>,
        kind: usize,
        districts: &BTreeMap<(Slot, Month), usize>,
    ) {
        for ((slot, first), sent) in districts {
            let place =
                &figures.places.sorted[figures.places.of_kind[kind][slot.1 as usize] as usize];
            let of_set = figures
                .settings
                .reference
                .geography
                .district_count(&place.code);
            if of_set.is_some_and(|all| *sent < all)
                && let Some(sum) = self
                    .blocks
                    .get_mut(slot)
                    .and_then(|slots| slots.get_mut(first))
            {
                *sum = sum.plus(Block::NOT_SUPPLIED);
            }
        }
    }

    fn block(&self, series: u32, place: u32, first: Month, months: u16) -> Option<Block> {
        self.lengths
            .iter()
            .find_map(|length| self.tiled(series, place, (first, months), *length))
    }

    /// The sum of periods of one length that tile a run of months; what is missing was not
    /// supplied.
    fn tiled(
        &self,
        series: u32,
        place: u32,
        (first, months): (Month, u16),
        length: u16,
    ) -> Option<Block> {
        let slots = self.blocks.get(&(series, place, length))?;
        if !months.is_multiple_of(length) || (self.is_snapshot && months != length) {
            return None;
        }
        let starts = (0..months / length).map(|i| first.plus(i32::from(i * length)));
        let parts: Vec<Option<Block>> = starts.map(|start| slots.get(&start).copied()).collect();
        parts.iter().any(Option::is_some).then_some(())?;
        Block::sum(
            parts
                .into_iter()
                .map(|part| part.unwrap_or(Block::NOT_SUPPLIED)),
        )
    }
}

/// The unit that a partner's totals of one list are summed in, as units are never added.
fn unit_of_most(counts: &[&Count]) -> Option<Unit> {
    let mut totals: BTreeMap<Unit, usize> = BTreeMap::new();
    for count in counts.iter().filter(|count| count.unit != Unit::Other) {
        *totals.entry(count.unit).or_default() += 1;
    }
    totals
        .into_iter()
        .max_by_key(|(unit, count)| (*count, Reverse(*unit)))
        .map(|(unit, _)| unit)
}

/// A code of a list of totals, in one area and period.
struct Coded<'f> {
    unit: Unit,
    codes: &'f [u32],
    /// Series under the plan, by their places in the frame.
    series: &'f [u32],
    block: Block,
}

/// The blocks of all series, from the totals of one area and period, those of the unit that is
/// summed first. Of a code in another unit too, only the first is told.
fn blocks(
    figures: &Figures<'_>,
    frame: &Frame<'_>,
    summed: Option<Unit>,
    counts: &[&Count],
) -> BTreeMap<u32, Block> {
    let current = figures.current;
    let mut sent: BTreeMap<&[u32], Coded<'_>> = BTreeMap::new();
    for count in counts {
        let (unit, block) = (count.unit, count.block);
        let class = frame.class(current, count.profile);
        let codes = &*current.what[current.classes[class as usize].what as usize].codes;
        match sent.entry(codes) {
            Entry::Vacant(first) => {
                first.insert(Coded {
                    unit,
                    codes,
                    series: &frame.of_class[class as usize],
                    block,
                });
            }
            Entry::Occupied(mut of) if of.get().unit == unit => {
                of.get_mut().block = of.get().block.plus(block)
            }
            Entry::Occupied(_) => {}
        }
    }
    let mut of_codes: BTreeMap<u32, Vec<Block>> = BTreeMap::new();
    for of in sent.values() {
        let categories = of
            .codes
            .iter()
            .map(|code| &current.categories[*code as usize]);
        let told = categories.filter(|code| Some(of.unit) == summed || code.kind == "category");
        let series = told
            .filter_map(|code| frame.position(&crate::aggregate::figures::series::series_of(code)));
        series.for_each(|series| of_codes.entry(series).or_default().push(of.block));
    }
    let sums = Sums::of(
        figures,
        current,
        sent.values().filter(|of| Some(of.unit) == summed).collect(),
    );
    // A code is told as it was sent; a group has as many blocks as codes were sent that are in it.
    let together = |blocks: Vec<Block>| {
        if let [one] = blocks[..] {
            Some(one)
        } else {
            sums.add(blocks)
        }
    };
    let mut blocks: BTreeMap<u32, Block> = of_codes
        .into_iter()
        .filter_map(|(series, blocks)| Some((series, together(blocks)?)))
        .collect();
    let Some(whole) = sums.whole else {
        return blocks;
    };
    for (place, series) in (0_u32..)
        .zip(&frame.series)
        .filter(|(_, series)| series.is_of_plan())
    {
        let block = match series.kind {
            "total" => whole,
            "mapped" => sums.of_series(place).unwrap_or(NONE),
            "unmapped" => sums.unmapped(frame, place, whole),
            // What the list has no code for cannot be told from it.
            _ => sums.of_series(place).unwrap_or(Block::NOT_SUPPLIED),
        };
        blocks.insert(place, block);
    }
    blocks
}

/// Exactly 0.
const NONE: Block = Block::counted(0, Supply::Whole);

/// How the codes of one list, area and period add up.
struct Sums<'f> {
    /// Codes that count households or events, not bases.
    parts: Vec<&'f Coded<'f>>,
    is_exclusive: bool,
    /// All that was counted; none = nothing was of a unit that is summed.
    whole: Option<Block>,
    /// How many have any of the codes, where one may have several.
    base: Option<Block>,
}

impl<'f> Sums<'f> {
    fn of(figures: &Figures<'_>, current: &Current, coded: Vec<&'f Coded<'f>>) -> Self {
        let lists = &figures.settings.reference.codes;
        let category = |of: &Coded<'_>| {
            of.codes
                .first()
                .map(|code| &current.categories[*code as usize])
        };
        let scheme = coded
            .iter()
            .find_map(|of| category(of))
            .map_or("", |category| &*category.scheme);
        let is_exclusive = lists.is_exclusive(scheme);
        let is = |of: &Coded<'_>, test: &dyn Fn(&str) -> bool| {
            category(of).is_some_and(|c| test(&c.code))
        };
        let sent = |test: &dyn Fn(&str) -> bool| {
            Block::sum(coded.iter().filter(|of| is(of, test)).map(|of| of.block))
        };
        let whole = sent(&|code| lists.is_total(scheme, code));
        let base = sent(&|code| lists.is_base(scheme, code)).or(whole);
        let is_whole =
            |code: &str| crate::reference::pattern::is_base(code) || lists.is_total(scheme, code);
        let parts = coded.into_iter().filter(|of| !is(of, &is_whole));
        let mut sums = Self {
            parts: parts.collect(),
            is_exclusive,
            whole,
            base,
        };
        sums.whole = whole.or_else(|| sums.together(|_| true));
        sums
    }

    /// Codes together: those of an exclusive list add up, those of another overlap.
    fn together(&self, of: impl Fn(&Coded<'_>) -> bool) -> Option<Block> {
        self.add(
            self.parts
                .iter()
                .filter(|part| of(part))
                .map(|part| part.block),
        )
    }

    fn add(&self, blocks: impl IntoIterator<Item = Block>) -> Option<Block> {
        if self.is_exclusive {
            Block::sum(blocks)
        } else {
            Block::overlapping(blocks, self.base)
        }
    }

    fn of_series(&self, series: u32) -> Option<Block> {
        self.together(|part| part.series.contains(&series))
    }

    fn unmapped(&self, frame: &Frame<'_>, unmapped: u32, whole: Block) -> Block {
        if self.is_exclusive {
            return self.of_series(unmapped).unwrap_or(NONE);
        }
        let mapped = frame
            .position(&crate::aggregate::figures::series::Series::mapped())
            .and_then(|mapped| self.of_series(mapped));
        mapped.map_or(whole, |mapped| whole.minus(mapped))
    }
}
