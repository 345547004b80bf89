//! `sources`: what each source carries (config/partners.toml), which decides whether it can show a
//! 0.

use crate::aggregate::AggregateError;
use crate::aggregate::figures::table_set::TableSet;
use crate::aggregate::tables::column::{Column, ColumnPurpose, specs, text};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, write_rows};
use crate::contract::flags::Flags;

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "sources",
    kind: TableKind::ToJoin,
    question: None,
    rows: "What each source carries, which decides whether it can show a 0.",
    columns: || specs(columns()),
    build,
};

struct SourceRow<'f> {
    kind: usize,
    source: &'f str,
    carries: &'static str,
    name: String,
    codes: Option<String>,
}

fn columns<'f>() -> Vec<Column<'f, SourceRow<'f>>> {
    vec![
        text(
            ColumnPurpose::OwnKey,
            "source",
            "The partner's system.",
            |_, row: &SourceRow<'f>| Some(row.source.to_owned()),
        ),
        text(
            ColumnPurpose::Attribute,
            "partner",
            "The partner.",
            |set, row| Some(set.figures.current.partner_kinds[row.kind].partner.clone()),
        ),
        text(
            ColumnPurpose::KindKey,
            "kind",
            "The kind of its records.",
            |set, row| Some(set.figures.current.partner_kinds[row.kind].kind.clone()),
        ),
        text(
            ColumnPurpose::OwnKey,
            "carries",
            "`scheme` or `flag`.",
            |_, row| Some(row.carries.to_owned()),
        ),
        text(
            ColumnPurpose::OwnKey,
            "carried",
            "The scheme of codes, or the flag.",
            |_, row| Some(row.name.clone()),
        ),
        text(
            ColumnPurpose::Attribute,
            "codes",
            "The only codes of the scheme that the records can have, joined by `;`; null = any.",
            |_, row| row.codes.clone(),
        ),
    ]
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let current = set.figures.current;
    let mut rows = Vec::new();
    for &kind in &set.figures.order {
        let kind = kind as usize;
        for source in &current.sources[kind] {
            let carried = set
                .figures
                .settings
                .reference
                .partners
                .carried_by(source, current.partner_kinds[kind].of);
            let row = |carries, name: &str, codes| SourceRow {
                kind,
                source,
                carries,
                name: name.to_owned(),
                codes,
            };
            rows.extend(carried.schemes.iter().map(|(name, codes)| {
                let codes = codes
                    .as_ref()
                    .map(|codes| codes.iter().cloned().collect::<Vec<_>>().join(";"));
                row("scheme", name, codes)
            }));
            rows.extend(Flags::names(carried.flags).map(|name| row("flag", name, None)));
        }
    }
    rows.sort_by(|a, b| {
        (a.source, a.kind, a.carries, &a.name).cmp(&(b.source, b.kind, b.carries, &b.name))
    });
    write_rows(&TABLE, set, columns(), rows)
}
