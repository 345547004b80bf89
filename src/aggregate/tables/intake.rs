//! `intake`: what only the ledger and the partners' file show of a month: how its records arrived,
//! and when they were due.

use crate::aggregate::AggregateError;
use crate::aggregate::figures::feed_months::{FeedMonth, feed_months};
use crate::aggregate::figures::table_set::TableSet;
use crate::aggregate::tables::column::{
    Column, ColumnPurpose, date, instant, integer, specs, text,
};
use crate::aggregate::tables::shared_columns::{
    DUE, FEED, KIND_LABEL, LAST_RECEIVED, MONTH_WINDOW, PARTNER, PARTNER_NAME, WINDOW_LABEL,
};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, write_rows};
use crate::event::Month;
use crate::reference::windows::Window;

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "intake",
    kind: TableKind::ToJoin,
    question: None,
    rows: "How a month's records arrived, and when they were due.",
    columns: || specs(columns()),
    build,
};

fn columns<'f>() -> Vec<Column<'f, FeedMonth>> {
    let mut columns = vec![
        text(
            ColumnPurpose::KindKey,
            "partner",
            PARTNER,
            |_, row: &FeedMonth| Some(row.partner.clone()),
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
            Some(row.feed.to_owned())
        }),
        text(
            ColumnPurpose::KindKey,
            "kind",
            "What they are about; null = a reject that did not give its kind.",
            |_, row| row.kind.clone(),
        ),
        text(
            ColumnPurpose::Attribute,
            "kind_label",
            KIND_LABEL,
            |set, row| {
                let partners = &set.figures.settings.reference.partners;
                Some(partners.kind_label(row.kind.as_deref()?))
            },
        ),
        text(
            ColumnPurpose::WindowKey,
            "window_id",
            MONTH_WINDOW,
            |_, row| Some(Window::of_month(row.month).id),
        ),
        text(
            ColumnPurpose::Attribute,
            "window_label",
            WINDOW_LABEL,
            |_, row| Some(Window::of_month(row.month).label()),
        ),
        integer(
            ColumnPurpose::Count,
            "late",
            "Records that count, first received after the month was due.",
            |_, row| Some(row.quality.late),
        ),
        integer(
            ColumnPurpose::Count,
            "revised",
            "Records that count and had an earlier revision.",
            |_, row| Some(row.quality.revised),
        ),
        integer(
            ColumnPurpose::Count,
            "cancelled",
            "Records whose latest revision is a cancellation, or that a later release of their month \
             replaced.",
            |_, row| Some(row.quality.cancelled),
        ),
        integer(
            ColumnPurpose::Count,
            "rejected",
            "Events that broke their contract, by the month received.",
            |_, row| Some(row.rejected),
        ),
        integer(
            ColumnPurpose::Count,
            "contradictions",
            "Records whose latest revision was sent with different contents.",
            |_, row| Some(row.quality.contradictions),
        ),
    ];
    columns.extend(date_columns());
    columns
}

fn date_columns<'f>() -> Vec<Column<'f, FeedMonth>> {
    vec![
        date(
            ColumnPurpose::Attribute,
            "due",
            DUE,
            |set, row: &FeedMonth| {
                let partners = &set.figures.settings.reference.partners;
                Some(partners.due(&row.partner, row.kind.as_deref()?, row.month))
            },
        ),
        date(
            ColumnPurpose::Attribute,
            "settled",
            "The day after which it no longer changes.",
            |set, row| {
                let partners = &set.figures.settings.reference.partners;
                Some(partners.settled(&row.partner, row.kind.as_deref()?, row.month))
            },
        ),
        instant(
            ColumnPurpose::Attribute,
            "last_received",
            LAST_RECEIVED,
            |_, row| row.quality.last_received,
        ),
        date(
            ColumnPurpose::Attribute,
            "as_of",
            "The day of the figures: what was due before it and is missing is overdue.",
            |set, _| set.figures.as_at.map(|at| at.in_london().date()),
        ),
        date(
            ColumnPurpose::Attribute,
            "kept_from",
            "The first day of the months that are kept of this kind: the retention period of earlier ones \
             has ended, and their status is `not_kept`; null = all are kept.",
            |set, row| {
                let kinds = &set.figures.current.partner_kinds;
                kinds[row.partner_kind?].kept_from.map(Month::first_day)
            },
        ),
    ]
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    write_rows(&TABLE, set, columns(), feed_months(set.figures, set.intake))
}
