//! `category_monthly`: what makes the figures up, by the partners' own codes and the groups of them.
//!
//! A code is one series in all editions of its list; a record with several codes of a scheme is counted
//! once under each.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::DataType;

use super::cells::{Extra, Grid, Row, Series};
use super::current::{Category, Current};
use super::table::field;
use super::{Error, Settings};
use bytes::Bytes;

/// The table's file, and how many rows it has.
pub(super) fn write(current: &Current, settings: &Settings<'_>) -> Result<(Bytes, u64), Error> {
    let grid = grid(current);
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

/// The codes of records; those of counts are no part of sums.
fn grid(current: &Current) -> Grid {
    let counted = |what: &&super::current::What| !current.partner_kinds[what.partner_kind as usize].is_count();
    let codes: BTreeSet<u32> = current.what.iter().filter(counted).flat_map(|what| &what.codes).copied().collect();
    let series: BTreeSet<Series> = codes.iter().map(|code| series_of(&current.categories[*code as usize])).collect();
    let series: Vec<Series> = series.into_iter().collect();
    let place =
        |code: &u32| series.binary_search(&series_of(&current.categories[*code as usize])).unwrap_or_default() as u32;
    let of_what = |what: &super::current::What| what.codes.iter().map(place).collect::<BTreeSet<u32>>();
    let of_whats: Vec<Vec<u32>> = current
        .what
        .iter()
        .map(|what| if counted(&what) { of_what(what).into_iter().collect() } else { Vec::new() })
        .collect();
    let mut of_partner_kind: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); current.partner_kinds.len()];
    for class in &current.classes {
        let partner_kind = current.what[class.what as usize].partner_kind;
        of_partner_kind[partner_kind as usize].extend(&of_whats[class.what as usize]);
    }
    Grid {
        of_class: current.classes.iter().map(|class| of_whats[class.what as usize].clone()).collect(),
        of_partner_kind: of_partner_kind.into_iter().map(|s| s.into_iter().map(|s| (s, true)).collect()).collect(),
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
