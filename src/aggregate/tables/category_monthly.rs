//! `category_monthly`: what makes the figures up, by the partners' own codes, the groups that
//! crosswalks make of them, and whether an offence has a victim.
//!
//! A record has one code of most schemes and several of some: rows of one scheme make the total
//! only where the scheme's codes exclude one another.

use std::collections::{BTreeMap, BTreeSet};

use crate::aggregate::Error;
use crate::aggregate::figures::series::series_of;
use crate::aggregate::figures::table_set::{Folder, Line};
use crate::aggregate::tables::table::{Column, File, Of, Table, column};

/// What the table answers.
const ABOUT: &str = "What makes it up? Counts by the partners' own codes, groups of codes, and victim- or state-based offences.";

/// By partner's kind and series.
type Editions = BTreeMap<(u32, u32), String>;

fn columns<'c>(folder: &'c Folder<'_>, editions: &'c Editions) -> Vec<Column<'c, Line<()>>> {
    let codes = &folder.figures.settings.reference.codes;
    let label = |framed: &crate::aggregate::figures::table_set::Framed<'_>, series: u32| {
        let series = &framed.frame.series[series as usize];
        codes
            .label(series.scheme.as_deref()?, None, &series.id)
            .map(str::to_owned)
    };
    let mut columns: Vec<_> = folder
        .key_columns()
        .into_iter()
        .chain(Folder::block_columns())
        .collect();
    columns.extend([
        column(
            "label",
            "What people call the code; null = no list that is held has it.",
            Of::Choice(
                crate::aggregate::tables::table::texts(folder.each_series(label)),
                Box::new(|line: &Line<()>| Some(line.key.series)),
            ),
        ),
        column(
            "edition",
            "Editions of the list under which this partner and kind sent the code, joined by `;`.",
            Of::Text(Box::new(|line: &Line<()>| {
                editions.get(&(line.key.kind, line.key.series)).cloned()
            })),
        ),
    ]);
    columns
}

pub(crate) fn write(folder: &Folder<'_>) -> Result<File, Error> {
    let editions = editions(folder);
    let mut table = Table::new(ABOUT, columns(folder, &editions))?;
    for strip in folder.strips().filter(|strip| !strip.series.is_of_plan()) {
        strip.each_month(|key, block| {
            table.push(Line {
                key,
                block,
                more: (),
            })
        })?;
    }
    table.finish()
}

/// The editions that records which count name; a cancelled record's says nothing.
fn editions(folder: &Folder<'_>) -> Editions {
    let current = folder.figures.current;
    let mut editions: BTreeMap<(u32, u32), BTreeSet<&str>> = BTreeMap::new();
    for framed in &folder.framed {
        for class in &current.classes {
            let what = &current.what[class.what as usize];
            for category in what
                .codes
                .iter()
                .map(|code| &current.categories[*code as usize])
            {
                let Some(series) = framed.frame.position(&series_of(category)) else {
                    continue;
                };
                let of = editions
                    .entry((what.partner_kind, framed.first_series + series))
                    .or_default();
                of.extend(category.edition.as_deref());
            }
        }
    }
    let some = editions
        .into_iter()
        .filter(|(_, editions)| !editions.is_empty());
    some.map(|(key, editions)| (key, editions.into_iter().collect::<Vec<_>>().join(";")))
        .collect()
}
