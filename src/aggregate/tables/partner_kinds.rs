//! `partner_kinds`: what each partner sends, with what people call it.

use crate::aggregate::AggregateError;
use crate::aggregate::figures::table_set::TableSet;
use crate::aggregate::state::current::PartnerKind;
use crate::aggregate::tables::column::{Column, ColumnPurpose, specs, text};
use crate::aggregate::tables::labels::unit;
use crate::aggregate::tables::shared_columns::{
    COLLECTION, DATE_BASIS, FEED, KIND, KIND_LABEL, PARTNER, PARTNER_NAME, UNIT,
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

type KindRow<'f> = (usize, &'f PartnerKind);

fn columns<'f>() -> Vec<Column<'f, KindRow<'f>>> {
    vec![
        text(
            ColumnPurpose::KindKey,
            "partner",
            PARTNER,
            |_, (_, row): &KindRow<'f>| Some(row.partner.clone()),
        ),
        text(
            ColumnPurpose::Attribute,
            "partner_name",
            PARTNER_NAME,
            |set, (_, row)| {
                let partners = &set.figures.settings.reference.partners;
                Some(partners.label(&row.partner).to_owned())
            },
        ),
        text(ColumnPurpose::KindKey, "feed", FEED, |_, (_, row)| {
            Some(row.feed.as_str().to_owned())
        }),
        text(ColumnPurpose::KindKey, "kind", KIND, |_, (_, row)| {
            Some(row.kind.clone())
        }),
        text(
            ColumnPurpose::Attribute,
            "kind_label",
            KIND_LABEL,
            |set, (_, row)| {
                Some(
                    set.figures
                        .settings
                        .reference
                        .partners
                        .kind_label(&row.kind),
                )
            },
        ),
        text(ColumnPurpose::Attribute, "unit", UNIT, |set, (kind, _)| {
            unit(set.figures, *kind).map(str::to_owned)
        }),
        text(
            ColumnPurpose::Attribute,
            "collection",
            COLLECTION,
            |set, (_, row)| {
                let partners = &set.figures.settings.reference.partners;
                partners.collection(&row.kind).map(str::to_owned)
            },
        ),
        text(
            ColumnPurpose::Attribute,
            "date_basis",
            DATE_BASIS,
            |_, (_, row)| Some(row.date_basis.clone()),
        ),
    ]
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let kinds = &set.figures.current.partner_kinds;
    let order = set.figures.order.iter().map(|kind| *kind as usize);
    let rows = order.map(|kind| (kind, &kinds[kind]));
    write_rows(&TABLE, set, columns(), rows)
}
