//! `category_monthly`: what makes the figures up, by the partners' own codes, the groups that
//! crosswalks give them, and whether an offence has a victim.
//!
//! A record has one code of most schemes and several of some. The rows of a scheme add up to the
//! total only if its codes exclude one another.

use std::collections::{BTreeMap, BTreeSet};

use crate::aggregate::AggregateError;
use crate::aggregate::figures::series::SeriesKey;
use crate::aggregate::figures::table_set::{CountRow, TableSet};
use crate::aggregate::tables::column::{Column, ColumnPurpose, specs, text};
use crate::aggregate::tables::shared_columns::key_and_count_columns;
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, TableWriter};

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "category_monthly",
    kind: TableKind::Figures,
    question: Some("What makes it up, by the partners' own codes? Victim-based or state-based?"),
    rows: "Counts by code, group of codes and class of offence. A code without a row is 0.",
    columns: || specs(columns()),
    build,
};

/// The editions under which a code was sent.
struct CategoryDetail<'e> {
    editions: Option<&'e str>,
}

fn columns<'f>() -> Vec<Column<'f, CountRow<CategoryDetail<'f>>>> {
    let mut columns = key_and_count_columns();
    columns.push(text(
        ColumnPurpose::Attribute,
        "edition",
        "Editions of the list under which this partner and kind sent the code, joined by `;`.",
        |_, row: &CountRow<CategoryDetail<'f>>| row.detail.editions.map(str::to_owned),
    ));
    columns
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let editions = editions(set);
    let mut writer = TableWriter::new(&TABLE, set, columns())?;
    for series in set.series().filter(|series| !series.key.is_of_plan()) {
        for area in series.areas() {
            for (window, months) in series.windows().filter(|(_, window)| window.is_month()) {
                let key = series.row_key(area, window);
                if let Some(count) = series.count(area, months)
                    && series.has_row(area, count)
                {
                    let editions = editions.get(&(key.kind, key.series)).map(String::as_str);
                    let detail = CategoryDetail { editions };
                    writer.push(CountRow { key, count, detail })?;
                }
            }
        }
    }
    writer.finish()
}

/// The editions that records name, by partner's kind and series. Cancelled records do not count.
fn editions(set: &TableSet<'_>) -> BTreeMap<(u32, u32), String> {
    let current = set.figures.current;
    let mut editions: BTreeMap<(u32, u32), BTreeSet<&str>> = BTreeMap::new();
    for plan in &set.plans {
        for class in &current.classes {
            let what = &current.what[class.what as usize];
            for code in &what.codes {
                let category = &current.categories[*code as usize];
                let series = plan.series.index(&SeriesKey::from_category(category));
                if let Some((series, edition)) = series.zip(category.edition.as_deref()) {
                    let key = (what.partner_kind, plan.first_series + series);
                    editions.entry(key).or_default().insert(edition);
                }
            }
        }
    }
    editions
        .into_iter()
        .map(|(key, editions)| (key, editions.into_iter().collect::<Vec<_>>().join(";")))
        .collect()
}
