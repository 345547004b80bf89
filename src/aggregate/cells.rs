//! Counts by series, partner, kind, area and month, in the order of their keys.
//!
//! A record is in the row of all areas and in that of its area as the partner sent it; one without an
//! area is in `no-location` at each level that its partner and kind hold. So at a level the parts make the
//! total, but for records that hold an area of another level: bringing those to one level is geography.
//! Zeros are rows, except at the level of LSOAs. A 0 is said only where the sources that sent the month's
//! records can show the series: if none can it is not supplied, at LSOAs too; if some can, partly.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, DictionaryArray, Int32Array, Int64Array, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field, Int32Type};
use bytes::Bytes;

use super::Error;
use super::calendar::days_since_1970;
use super::current::{Current, Fact, SourceSet};
use super::table::{ROW_GROUP_ROWS, Writer, field, schema};
use crate::event::Month;

/// Over all areas and roles.
pub(super) const ALL: &str = "all";
/// Records without an area.
pub(super) const NO_LOCATION: &str = "no-location";
/// The level whose zeros are no rows.
const SPARSE_LEVEL: &str = "lsoa";

/// A line of figures.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Series {
    /// `total`, `mapped`, `unmapped`, `priority`, `theme`, `category` or `group`.
    pub(super) kind: &'static str,
    pub(super) id: String,
    pub(super) scheme: Option<String>,
}

/// What a table counts.
pub(super) struct Grid {
    /// Sorted.
    pub(super) series: Vec<Series>,
    /// For each class of records the series it counts in, each once.
    pub(super) of_class: Vec<Vec<u32>>,
    /// For each partner and kind the series it has rows for, in order, and the sources that can show each.
    pub(super) of_partner_kind: Vec<Vec<(u32, SourceSet)>>,
}

/// An area as the partner sent it, or a pseudo-area.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Area {
    code: String,
    level: String,
    vintage: Option<String>,
    role: Option<String>,
}

impl Area {
    fn pseudo(code: &str, level: &str) -> Self {
        Self { code: code.to_owned(), level: level.to_owned(), vintage: None, role: None }
    }

    fn is_sparse(&self) -> bool {
        self.level == SPARSE_LEVEL && self.code != NO_LOCATION
    }
}

/// The areas of the chain and of each partner and kind.
struct Areas {
    sorted: Vec<Area>,
    /// For each area of [`Current::areas`] its place in `sorted`; none = no location.
    place: Vec<Option<u32>>,
    /// For each partner and kind, in order: the places it has rows for.
    of_partner_kind: Vec<Vec<u32>>,
    /// For each partner and kind: the places of `no-location` at its levels.
    no_location: Vec<Vec<u32>>,
    all: u32,
}

impl Areas {
    fn of(current: &Current) -> Self {
        let text = |number: u32| current.texts.text(number).map(str::to_owned);
        let sent = current.areas.iter().map(|[code, level, vintage, role]| {
            let code = text(*code)?;
            Some(Area { code, level: text(*level).unwrap_or_default(), vintage: text(*vintage), role: text(*role) })
        });
        let sent: Vec<Option<Area>> = sent.collect();
        let mut held: Vec<BTreeSet<Area>> =
            current.partner_kinds.iter().map(|_| BTreeSet::from([Area::pseudo(ALL, ALL)])).collect();
        let mut last = None;
        for fact in &current.facts {
            let at = (fact.partner_kind, fact.area);
            if last.replace(at) != Some(at)
                && let Some(area) = &sent[fact.area as usize]
            {
                held[fact.partner_kind as usize].insert(area.clone());
                held[fact.partner_kind as usize].insert(Area::pseudo(NO_LOCATION, &area.level));
            }
        }
        let sorted: Vec<Area> = held.iter().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let place = |area: &Area| sorted.binary_search(area).unwrap_or_default() as u32;
        let of_partner_kind = held.iter().map(|held| held.iter().map(place).collect()).collect();
        let without = |held: &BTreeSet<Area>| held.iter().filter(|a| a.code == NO_LOCATION).map(place).collect();
        Self {
            place: sent.iter().map(|area| area.as_ref().map(place)).collect(),
            of_partner_kind,
            no_location: held.iter().map(without).collect(),
            all: place(&Area::pseudo(ALL, ALL)),
            sorted,
        }
    }
}

/// A count by the places of its keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cell {
    series: u32,
    /// By rank.
    partner_kind: u16,
    area: u32,
    month: Month,
    count: u32,
}

/// The months a partner and kind hold.
pub(super) fn months_held(current: &Current) -> Vec<Option<(Month, Month)>> {
    let mut held: Vec<Option<(Month, Month)>> = vec![None; current.partner_kinds.len()];
    for fact in &current.facts {
        let held = &mut held[fact.partner_kind as usize];
        let (first, last) = held.unwrap_or((fact.month, fact.month));
        *held = Some((first.min(fact.month), last.max(fact.month)));
    }
    held
}

/// For each partner and kind and each month it holds: the sources that sent records.
fn fed(current: &Current, held: &[Option<(Month, Month)>]) -> Vec<Vec<SourceSet>> {
    let of_partner_kind = |(partner_kind, held): (usize, &Option<(Month, Month)>)| {
        let Some((first, last)) = *held else { return Vec::new() };
        let fed = |month| current.quality.get(&(partner_kind as u32, month)).map(|quality| quality.sources);
        first.to(last).map(|month| fed(month).unwrap_or_default()).collect()
    };
    held.iter().enumerate().map(of_partner_kind).collect()
}

/// Whether a count is all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Supply {
    /// Every source can show the series.
    Exact,
    /// Some can.
    Partial,
    /// None can.
    None,
}

impl Supply {
    const STATUSES: [&str; 3] = ["exact", "partial", "not_supplied"];

    /// Of a month without records too: there a 0 is said if any source can show the series.
    fn of(fed: SourceSet, shown_by: SourceSet) -> Self {
        let (nothing, shown) = (SourceSet::default(), fed.and(shown_by));
        if shown_by == nothing || (shown == nothing && fed != nothing) {
            Self::None
        } else if shown == fed {
            Self::Exact
        } else {
            Self::Partial
        }
    }
}

/// Counts of one partner and kind in all areas, or in none: by month, then series.
struct Sums {
    first: Month,
    series: usize,
    counts: Vec<u32>,
}

impl Sums {
    fn new(held: (Month, Month), series: usize) -> Self {
        Self { first: held.0, series, counts: vec![0; (held.1.since(held.0) + 1) * series] }
    }

    fn add(&mut self, month: Month, series: &[u32], count: u32) {
        let at = month.since(self.first) * self.series;
        for s in series {
            self.counts[at + *s as usize] += count;
        }
    }

    /// Cells in areas that all have these counts.
    fn cells(&self, partner_kind: u16, areas: &[u32], into: &mut Vec<Cell>) {
        let mut month = self.first;
        for counts in self.counts.chunks(self.series.max(1)) {
            for (series, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                let cell = |area| Cell { series: series as u32, partner_kind, area, month, count };
                into.extend(areas.iter().map(|area| cell(*area)));
            }
            month = month.next();
        }
    }
}

/// Every count that is not 0, in the order of its keys.
fn cells(current: &Current, grid: &Grid, areas: &Areas, ranks: &[u16], held: &[Option<(Month, Month)>]) -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut counts = vec![0_u32; grid.series.len()];
    for facts in current.facts.chunk_by(|a, b| a.partner_kind == b.partner_kind) {
        let partner_kind = facts[0].partner_kind as usize;
        let Some(held) = held[partner_kind] else { continue };
        let (mut all, mut nowhere) = (Sums::new(held, grid.series.len()), Sums::new(held, grid.series.len()));
        for facts in facts.chunk_by(|a, b| (a.area, a.month) == (b.area, b.month)) {
            let Fact { area, month, .. } = facts[0];
            let mut touched: Vec<u32> = Vec::new();
            for facts in facts.chunk_by(|a, b| a.class == b.class) {
                let series = &grid.of_class[facts[0].class as usize];
                let n = facts.len() as u32;
                all.add(month, series, n);
                match areas.place[area as usize] {
                    None => nowhere.add(month, series, n),
                    Some(_) => series.iter().for_each(|s| {
                        if counts[*s as usize] == 0 {
                            touched.push(*s);
                        }
                        counts[*s as usize] += n;
                    }),
                }
            }
            if let Some(area) = areas.place[area as usize] {
                cells.extend(touched.iter().map(|&series| {
                    let count = std::mem::take(&mut counts[series as usize]);
                    Cell { series, partner_kind: ranks[partner_kind], area, month, count }
                }));
            }
        }
        all.cells(ranks[partner_kind], &[areas.all], &mut cells);
        nowhere.cells(ranks[partner_kind], &areas.no_location[partner_kind], &mut cells);
    }
    cells.sort_unstable();
    cells
}

/// A row of a table, by the places of its keys.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) series: u32,
    /// A place in [`Current::partner_kinds`].
    pub(super) partner_kind: u32,
    area: u32,
    month: Month,
    count: u32,
    supply: Supply,
}

impl Row {
    /// The count where it is all there is.
    fn exact(&self) -> Option<i64> {
        (self.supply == Supply::Exact).then_some(i64::from(self.count))
    }
}

/// Partners and kinds in the order of tables.
pub(super) fn ranked(current: &Current) -> Vec<u32> {
    let mut order: Vec<u32> = (0..current.partner_kinds.len() as u32).collect();
    order.sort_by_key(|i| {
        let of = &current.partner_kinds[*i as usize];
        (&of.partner, of.feed.as_str(), &of.kind)
    });
    order
}

/// Calls `emit` with every row of a table, in the order of its keys.
fn each_row(
    current: &Current,
    grid: &Grid,
    areas: &Areas,
    emit: &mut dyn FnMut(Row) -> Result<(), Error>,
) -> Result<(), Error> {
    let order = ranked(current);
    let mut ranks = vec![0_u16; order.len()];
    order.iter().enumerate().for_each(|(rank, i)| ranks[*i as usize] = rank as u16);
    let held = months_held(current);
    let fed = fed(current, &held);
    let cells = cells(current, grid, areas, &ranks, &held);
    let mut cells = cells.iter().peekable();
    for series in 0..grid.series.len() as u32 {
        for (rank, &partner_kind) in order.iter().enumerate() {
            let of = &grid.of_partner_kind[partner_kind as usize];
            let Ok(found) = of.binary_search_by_key(&series, |(s, _)| *s) else { continue };
            let Some((first, last)) = held[partner_kind as usize] else { continue };
            let supply = |fed: &SourceSet| Supply::of(*fed, of[found].1);
            let supplies: Vec<Supply> = fed[partner_kind as usize].iter().map(supply).collect();
            for &area in &areas.of_partner_kind[partner_kind as usize] {
                let key = (series, rank as u16, area);
                let mut count_of = |month: Month| {
                    let here = |c: &&Cell| (c.series, c.partner_kind, c.area, c.month) == (key.0, key.1, key.2, month);
                    cells.next_if(here).map(|c| c.count)
                };
                let sparse = areas.sorted[area as usize].is_sparse();
                for (month, &supply) in first.to(last).zip(&supplies) {
                    let count = count_of(month).unwrap_or_default();
                    if count > 0 || !sparse || supply != Supply::Exact {
                        emit(Row { series, partner_kind, area, month, count, supply })?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// A column that only one table has: its description, and its text for a row.
pub(super) type Extra<'e> = (Field, &'e (dyn Fn(&Row) -> Option<String> + Sync));

/// Writes a table of counts by month; its file, and how many rows it has.
pub(super) fn write(current: &Current, grid: &Grid, plan: &str, extra: &[Extra<'_>]) -> Result<(Bytes, u64), Error> {
    let areas = Areas::of(current);
    let keys = Keys::of(current, grid, &areas, plan);
    let fields = KEYS.iter().chain(&COUNTS).map(|(name, data_type, text)| field(name, data_type.clone(), text));
    let schema = schema(fields.chain(extra.iter().map(|(field, _)| field.clone())));
    let mut writer = Writer::new(&schema, &[])?;
    let mut rows: Vec<Row> = Vec::new();
    let mut written = 0;
    let mut flush = |rows: &mut Vec<Row>| {
        let make = |place: usize| match place.checked_sub(KEYS.len() + COUNTS.len()) {
            None => keys.column(place, rows),
            Some(place) => texts(rows.iter().map(extra[place].1)),
        };
        written += rows.len() as u64;
        writer.row_group(&make)?;
        rows.clear();
        Ok::<_, Error>(())
    };
    each_row(current, grid, &areas, &mut |row| {
        rows.push(row);
        if rows.len() < ROW_GROUP_ROWS { Ok(()) } else { flush(&mut rows) }
    })?;
    if !rows.is_empty() {
        flush(&mut rows)?;
    }
    Ok((writer.finish()?, written))
}

const KEYS: [(&str, DataType, &str); 16] = [
    ("plan", DataType::Utf8, "The plan whose priorities these are."),
    (
        "series_kind",
        DataType::Utf8,
        "What the series is: `total`, `mapped` (falls under a priority or theme), `unmapped` (under none), `priority`, `theme`, `category` (a partner's own code) or `group` (a group of codes).",
    ),
    (
        "series",
        DataType::Utf8,
        "Id of the priority or theme, or the code. Priorities overlap: never add them; total = mapped + unmapped.",
    ),
    ("scheme", DataType::Utf8, "The scheme of the code; null unless a category or group."),
    ("partner", DataType::Utf8, "Who sent the records."),
    ("feed", DataType::Utf8, "`police`, `health` or `housing`."),
    ("kind", DataType::Utf8, "What the records are about; never added across."),
    (
        "area_code",
        DataType::Utf8,
        "The area as the partner sent it; `all` = every record once; `no-location` = records without an area.",
    ),
    ("area_level", DataType::Utf8, "Level of the area, such as `lsoa`, `ward` or `district`; `all` for all."),
    ("area_vintage", DataType::Utf8, "Year of the boundaries; null for pseudo-areas and where none was sent."),
    (
        "area_role",
        DataType::Utf8,
        "What the place is to the record: `incident`, `home` or `service`, never added; null for pseudo-areas.",
    ),
    ("window", DataType::Utf8, "The months counted, such as `month:2018-10`."),
    ("window_from", DataType::Date32, "First day of the window."),
    ("window_to", DataType::Date32, "Last day of the window."),
    ("date_basis", DataType::Utf8, "The date that puts a record into its month: `recorded` or `occurred`."),
    ("data_status", DataType::Utf8, "How complete the month is; null = not assessed."),
];

const COUNTS: [(&str, DataType, &str); 4] = [
    ("count", DataType::Int64, "How many records; null unless exact."),
    ("count_min", DataType::Int64, "At least so many."),
    ("count_max", DataType::Int64, "At most so many; null = no upper bound."),
    (
        "count_status",
        DataType::Utf8,
        "`exact`; `not_supplied`: what the partner sent this month cannot show this series, which is not 0; `partial`: one of its systems can and another cannot.",
    ),
];

/// The texts of the keys by their places.
struct Keys {
    plan: String,
    series: [StringArray; 3],
    partner_kinds: [StringArray; 4],
    areas: [StringArray; 4],
}

impl Keys {
    fn of(current: &Current, grid: &Grid, areas: &Areas, plan: &str) -> Self {
        let (series, kinds, areas) = (&grid.series, &current.partner_kinds, &areas.sorted);
        Self {
            plan: plan.to_owned(),
            series: [
                series.iter().map(|s| Some(s.kind)).collect(),
                series.iter().map(|s| Some(&*s.id)).collect(),
                series.iter().map(|s| s.scheme.as_deref()).collect(),
            ],
            partner_kinds: [
                kinds.iter().map(|k| Some(&*k.partner)).collect(),
                kinds.iter().map(|k| Some(k.feed.as_str())).collect(),
                kinds.iter().map(|k| Some(&*k.kind)).collect(),
                kinds.iter().map(|k| Some(&*k.date_basis)).collect(),
            ],
            areas: [
                areas.iter().map(|a| Some(&*a.code)).collect(),
                areas.iter().map(|a| Some(&*a.level)).collect(),
                areas.iter().map(|a| a.vintage.as_deref()).collect(),
                areas.iter().map(|a| a.role.as_deref()).collect(),
            ],
        }
    }

    fn column(&self, place: usize, rows: &[Row]) -> ArrayRef {
        let of = |table: &StringArray, place: &dyn Fn(&Row) -> u32| lookup(table, rows.iter().map(place));
        let date = |day: &dyn Fn(Month) -> jiff::civil::Date| -> ArrayRef {
            Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| days_since_1970(day(row.month)))))
        };
        match place {
            0 => lookup(&StringArray::from_iter_values([&self.plan]), rows.iter().map(|_| 0)),
            1..=3 => of(&self.series[place - 1], &|row| row.series),
            4..=6 => of(&self.partner_kinds[place - 4], &|row| row.partner_kind),
            7..=10 => of(&self.areas[place - 7], &|row| row.area),
            11 => windows(rows),
            12 => date(&Month::first_day),
            13 => date(&Month::last_day),
            14 => of(&self.partner_kinds[3], &|row| row.partner_kind),
            15 => new_null_array(&DataType::Utf8, rows.len()),
            17 => Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| i64::from(row.count)))),
            16 | 18 => Arc::new(rows.iter().map(Row::exact).collect::<Int64Array>()),
            _ => {
                let statuses = StringArray::from_iter_values(Supply::STATUSES);
                lookup(&statuses, rows.iter().map(|row| row.supply as u32))
            }
        }
    }
}

fn lookup(table: &StringArray, places: impl Iterator<Item = u32>) -> ArrayRef {
    let keys = Int32Array::from_iter_values(places.map(|place| place as i32));
    Arc::new(DictionaryArray::<Int32Type>::new(keys, Arc::new(table.clone())))
}

/// The id of a month's window.
pub(super) fn window(month: Month) -> String {
    format!("month:{month}")
}

fn windows(rows: &[Row]) -> ArrayRef {
    let first = rows.iter().map(|row| row.month).min();
    let last = rows.iter().map(|row| row.month).max();
    let Some((first, last)) = first.zip(last) else { return new_null_array(&DataType::Utf8, 0) };
    let names = StringArray::from_iter_values(first.to(last).map(window));
    lookup(&names, rows.iter().map(|row| row.month.since(first) as u32))
}

fn texts(values: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}
