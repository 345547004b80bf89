//! `partner_kinds`: what each partner sends, with what people call it.

use crate::aggregate::AggregateError;
use crate::aggregate::figures::table_set::TableSet;
use crate::aggregate::state::current::PartnerKind;
use crate::aggregate::tables::column::{Column, ColumnPurpose, specs, text};
use crate::aggregate::tables::shared_columns::{
    DATE_BASIS, FEED, KIND, KIND_LABEL, PARTNER, PARTNER_NAME,
};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, write_rows};

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "partner_kinds",
    kind: TableKind::ToJoin,
    question: None,
    rows: "What each partner sends, with its labels.",
    columns: || specs(columns()),
    build,
};

fn columns<'f>() -> Vec<Column<'f, &'f PartnerKind>> {
    vec![
        text(
            ColumnPurpose::KindKey,
            "partner",
            PARTNER,
            |_, row: &&'f PartnerKind| Some(row.partner.clone()),
        ),
        text(
            ColumnPurpose::Attribute,
            "partner_name",
            PARTNER_NAME,
            |set, row| {
                let partners = &set.figures.settings.reference.partners;
                Some(partners.label(&row.partner).to_owned())
            },
        ),
        text(ColumnPurpose::KindKey, "feed", FEED, |_, row| {
            Some(row.feed.as_str().to_owned())
        }),
        text(ColumnPurpose::KindKey, "kind", KIND, |_, row| {
            Some(row.kind.clone())
        }),
        text(
            ColumnPurpose::Attribute,
            "kind_label",
            KIND_LABEL,
            |set, row| {
                Some(
                    set.figures
                        .settings
                        .reference
                        .partners
                        .kind_label(&row.kind),
                )
            },
        ),
        text(
            ColumnPurpose::Attribute,
            "date_basis",
            DATE_BASIS,
            |_, row| Some(row.date_basis.clone()),
        ),
    ]
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let kinds = &set.figures.current.partner_kinds;
    let rows = set.figures.order.iter().map(|kind| &kinds[*kind as usize]);
    write_rows(&TABLE, set, columns(), rows)
}
