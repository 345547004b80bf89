//! `category_monthly`: what makes the figures up, by the partners' own codes and the groups of them.
//!
//! A code is one series in all editions of its list; a record with several codes of a scheme is counted
//! once under each.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::DataType;

use super::cells::{Extra, Grid, Row, Series};
use super::current::{Category, Current, SourceSet, What};
use super::table::field;
use super::{Error, Settings};
use bytes::Bytes;

/// The table's file, and how many rows it has.
pub(super) fn write(current: &Current, settings: &Settings<'_>) -> Result<(Bytes, u64), Error> {
    let grid = grid(current, settings);
    let said = Said::of(current, &grid, settings);
    let label = |row: &Row| said.labels.get(row.series as usize).cloned().flatten();
    let edition = |row: &Row| said.editions.get(&(row.partner_kind, row.series)).cloned();
    let extra: [Extra<'_>; 2] = [
        (field("label", DataType::Utf8, "What people call the code; null = no list that is held has it."), &label),
        (
            field(
                "edition",
                DataType::Utf8,
                "Editions of the list under which this partner and kind sent the code, joined by `;`.",
            ),
            &edition,
        ),
    ];
    super::cells::write(current, &grid, &settings.plan.id, &extra)
}

fn series_of(category: &Category) -> Series {
    let kind = if category.is_group { "group" } else { "category" };
    Series { kind, id: category.code.clone(), scheme: Some(category.scheme.clone()) }
}

/// The codes of records; those of counts are no part of sums. A source can show the codes of the schemes it
/// carries, and those it sent all the same.
fn grid(current: &Current, settings: &Settings<'_>) -> Grid {
    let counted = |what: &&What| !current.partner_kinds[what.partner_kind as usize].is_count();
    let codes: BTreeSet<u32> = current.what.iter().filter(counted).flat_map(|what| &what.codes).copied().collect();
    let series: BTreeSet<Series> = codes.iter().map(|code| series_of(&current.categories[*code as usize])).collect();
    let series: Vec<Series> = series.into_iter().collect();
    let place =
        |code: &u32| series.binary_search(&series_of(&current.categories[*code as usize])).unwrap_or_default() as u32;
    let of_what = |what: &What| what.codes.iter().map(place).collect::<BTreeSet<u32>>();
    let of_whats: Vec<Vec<u32>> = current
        .what
        .iter()
        .map(|what| if counted(&what) { of_what(what).into_iter().collect() } else { Vec::new() })
        .collect();
    let mut of_partner_kind: Vec<BTreeMap<u32, SourceSet>> = vec![BTreeMap::new(); current.partner_kinds.len()];
    for class in &current.classes {
        let what = &current.what[class.what as usize];
        let shown = &mut of_partner_kind[what.partner_kind as usize];
        for s in &of_whats[class.what as usize] {
            shown.entry(*s).or_default().add(what.source);
        }
    }
    for (partner_kind, shown) in of_partner_kind.iter_mut().enumerate() {
        let kind = current.partner_kinds[partner_kind].of;
        for (i, source) in current.sources[partner_kind].iter().enumerate() {
            let carried = settings.reference.partners.carried_by(source, kind);
            let is_carried = |s: u32| series[s as usize].scheme.as_ref().is_some_and(|s| carried.schemes.contains(s));
            shown.iter_mut().filter(|(s, _)| is_carried(**s)).for_each(|(_, by)| by.add(SourceSet::one(i)));
        }
    }
    Grid {
        of_class: current.classes.iter().map(|class| of_whats[class.what as usize].clone()).collect(),
        of_partner_kind: of_partner_kind.into_iter().map(|shown| shown.into_iter().collect()).collect(),
        series,
    }
}

/// What is said of series beside their counts.
struct Said {
    labels: Vec<Option<String>>,
    /// By partner and kind, and series.
    editions: BTreeMap<(u32, u32), String>,
}

impl Said {
    fn of(current: &Current, grid: &Grid, settings: &Settings<'_>) -> Self {
        let codes = &settings.reference.codes;
        let mut editions: BTreeMap<(u32, u32), BTreeSet<&str>> = BTreeMap::new();
        // Only what is counted: a cancelled record's code says nothing.
        for class in &current.classes {
            let what = &current.what[class.what as usize];
            for category in what.codes.iter().map(|code| &current.categories[*code as usize]) {
                let Ok(series) = grid.series.binary_search(&series_of(category)) else { continue };
                editions.entry((what.partner_kind, series as u32)).or_default().extend(category.edition.as_deref());
            }
        }
        let joined = |editions: BTreeSet<&str>| editions.into_iter().collect::<Vec<_>>().join(";");
        let some = editions.into_iter().filter(|(_, editions)| !editions.is_empty());
        let label = |s: &Series| codes.label(s.scheme.as_deref()?, None, &s.id).map(str::to_owned);
        Self {
            labels: grid.series.iter().map(label).collect(),
            editions: some.map(|(key, editions)| (key, joined(editions))).collect(),
        }
    }
}
