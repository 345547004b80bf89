//! `sources`: what each source is said to carry (config/partners.toml), which decides whether a 0
//! may be said.

use crate::aggregate::Error;
use crate::aggregate::figures::table_set::Folder;
use crate::aggregate::tables::table::{Column, File, Of, column, file};
use crate::contract::parts::Flags;

/// What the table answers.
const ABOUT: &str = "What each source is said to carry, which decides whether a 0 may be said.";

struct Row<'c> {
    kind: usize,
    source: &'c str,
    carries: &'static str,
    name: String,
}

fn columns<'c>(folder: &'c Folder<'_>) -> Vec<Column<'c, Row<'c>>> {
    let kinds = &folder.figures.current.partner_kinds;
    vec![
        column(
            "source",
            "The partner's system.",
            Of::Text(Box::new(|row: &Row<'c>| Some(row.source.to_owned()))),
        ),
        column(
            "partner",
            "Whose it is.",
            Of::Text(Box::new(|row: &Row<'c>| {
                Some(kinds[row.kind].partner.clone())
            })),
        ),
        column(
            "kind",
            "The kind of its records.",
            Of::Text(Box::new(|row: &Row<'c>| Some(kinds[row.kind].kind.clone()))),
        ),
        column(
            "carries",
            "`scheme` or `flag`.",
            Of::Text(Box::new(|row: &Row<'c>| Some(row.carries.to_owned()))),
        ),
        column(
            "name",
            "The scheme of codes, or the flag.",
            Of::Text(Box::new(|row: &Row<'c>| Some(row.name.clone()))),
        ),
    ]
}

pub(crate) fn write(folder: &Folder<'_>) -> Result<File, Error> {
    let (current, partners) = (
        folder.figures.current,
        &folder.figures.settings.reference.partners,
    );
    let mut rows = Vec::new();
    for &kind in &folder.figures.order {
        let kind = kind as usize;
        for source in &current.sources[kind] {
            let carried = partners.carried_by(source, current.partner_kinds[kind].of);
            let row = |carries, name: &str| Row {
                kind,
                source,
                carries,
                name: name.to_owned(),
            };
            rows.extend(carried.schemes.iter().map(|scheme| row("scheme", scheme)));
            rows.extend(Flags::names(carried.flags).map(|flag| row("flag", flag)));
        }
    }
    rows.sort_by(|a, b| {
        (a.source, a.kind, a.carries, &a.name).cmp(&(b.source, b.kind, b.carries, &b.name))
    });
    file(ABOUT, columns(folder), rows)
}
