//! `feed_quality`: whether a month of a partner's kind may be used.

use std::collections::BTreeMap;

use crate::aggregate::AggregateError;
use crate::aggregate::figures::areas::{ALL_RECEIVED, OUTSIDE};
use crate::aggregate::figures::feed_months::{FeedMonth, feed_months};
use crate::aggregate::figures::status::DataStatus;
use crate::aggregate::figures::status::MedianComparison;
use crate::aggregate::figures::table_set::TableSet;
use crate::aggregate::tables::column::{
    Column, ColumnPurpose, date, instant, integer, number, one_of, specs, text,
};
use crate::aggregate::tables::shared_columns::{
    DUE, FEED, KIND_LABEL, LAST_RECEIVED, MONTH_WINDOW, PARTNER, PARTNER_NAME, WINDOW_FROM,
    WINDOW_LABEL, WINDOW_TO,
};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, write_rows};
use crate::event::Month;
use crate::reference::windows::Window;

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "feed_quality",
    kind: TableKind::Figures,
    question: Some("Can this month be used?"),
    rows: "What each partner's kind delivered, and how complete it is.",
    columns: || specs(columns()),
    build,
};

struct QualityRow {
    feed: FeedMonth,
    unmapped: Option<i64>,
    outside: Option<i64>,
}

fn columns<'f>() -> Vec<Column<'f, QualityRow>> {
    let mut columns = key_columns();
    columns.extend(record_columns());
    columns.extend(completeness_columns());
    columns
}

fn key_columns<'f>() -> Vec<Column<'f, QualityRow>> {
    vec![
        text(
            ColumnPurpose::PlanKey,
            "plan_id",
            "The plan under which records are unmapped; null = each month has its own.",
            |set, _| set.plan_id(),
        ),
        text(
            ColumnPurpose::KindKey,
            "partner",
            PARTNER,
            |_, row: &QualityRow| Some(row.feed.partner.clone()),
        ),
        text(
            ColumnPurpose::Attribute,
            "partner_name",
            PARTNER_NAME,
            |set, row| {
                let partners = &set.figures.settings.reference.partners;
                Some(partners.label(&row.feed.partner).to_owned())
            },
        ),
        text(ColumnPurpose::KindKey, "feed", FEED, |_, row| {
            Some(row.feed.feed.to_owned())
        }),
        text(
            ColumnPurpose::KindKey,
            "kind",
            "What the records are about; `count:<list>` for totals; null = a reject that did not \
             give its kind.",
            |_, row| row.feed.kind.clone(),
        ),
        text(
            ColumnPurpose::Attribute,
            "kind_label",
            KIND_LABEL,
            |set, row| {
                let partners = &set.figures.settings.reference.partners;
                Some(partners.kind_label(row.feed.kind.as_deref()?))
            },
        ),
        text(
            ColumnPurpose::WindowKey,
            "window_id",
            MONTH_WINDOW,
            |_, row| Some(Window::of_month(row.feed.month).id),
        ),
        text(
            ColumnPurpose::Attribute,
            "window_label",
            WINDOW_LABEL,
            |_, row| Some(Window::of_month(row.feed.month).label()),
        ),
        date(
            ColumnPurpose::Attribute,
            "window_from",
            WINDOW_FROM,
            |_, row| Some(row.feed.month.first_day()),
        ),
        date(
            ColumnPurpose::Attribute,
            "window_to",
            WINDOW_TO,
            |_, row| Some(row.feed.month.last_day()),
        ),
        text(
            ColumnPurpose::Attribute,
            "date_basis",
            "The date that puts a record into its month: `recorded`, `occurred`, or `own` for \
             totals.",
            |set, row| {
                let kinds = &set.figures.current.partner_kinds;
                Some(kinds[row.feed.partner_kind?].date_basis.clone())
            },
        ),
    ]
}

fn record_columns<'f>() -> Vec<Column<'f, QualityRow>> {
    vec![
        integer(
            ColumnPurpose::Count,
            "records",
            "Records that count: their latest revision is not a cancellation, and no later release of \
             the month replaced them.",
            |_, row: &QualityRow| Some(row.feed.quality.records),
        ),
        integer(
            ColumnPurpose::Count,
            "late",
            "Number of the records first received after the month was due.",
            |_, row| Some(row.feed.quality.late),
        ),
        integer(
            ColumnPurpose::Count,
            "revised",
            "Number of the records that had an earlier revision.",
            |_, row| Some(row.feed.quality.revised),
        ),
        integer(
            ColumnPurpose::Count,
            "cancelled",
            "Records whose latest revision is a cancellation, or that a later release of their month \
             replaced; in the month of their last state.",
            |_, row| Some(row.feed.quality.cancelled),
        ),
        integer(
            ColumnPurpose::Count,
            "rejected",
            "Events that broke their contract and named this partner and kind, by the month \
             received.",
            |_, row| Some(row.feed.rejected),
        ),
        integer(
            ColumnPurpose::Count,
            "unmapped",
            "Number of the records under no priority or theme of the plan in `plan_id`, or of the \
             month's plan; null = no plan, or totals.",
            |_, row| row.unmapped,
        ),
        integer(
            ColumnPurpose::Count,
            "unknown_code",
            "Number of the records with a code, the outcome included, that its list does not \
             contain.",
            |_, row| Some(row.feed.quality.unknown_code),
        ),
        integer(
            ColumnPurpose::Count,
            "contradictions",
            "Records whose latest revision was sent with different contents, cancellations \
             included; one content of each counts.",
            |_, row| Some(row.feed.quality.contradictions),
        ),
        integer(
            ColumnPurpose::Count,
            "date_fallback",
            "Number of the records without `recorded_at`, where it decides the month.",
            |_, row| Some(row.feed.quality.date_fallback),
        ),
        integer(
            ColumnPurpose::Count,
            "no_location",
            "Number of the records without an area.",
            |_, row| Some(row.feed.quality.no_location),
        ),
        integer(
            ColumnPurpose::Count,
            "outside",
            "Number of the records in an area outside every set; null = their areas are too \
             coarse to tell, or totals.",
            |_, row| row.outside,
        ),
    ]
}

fn completeness_columns<'f>() -> Vec<Column<'f, QualityRow>> {
    vec![
        number(
            ColumnPurpose::Measure,
            "reference",
            "The median of the records of the months within 12 on either side; null = fewer than \
             3 have records, or totals.",
            |_, row: &QualityRow| row.feed.comparison.map(|comparison| comparison.median),
        ),
        number(
            ColumnPurpose::Measure,
            "ratio",
            "`records` / `reference`: below 0.6 or above 1.67 the month is suspect.",
            |_, row| row.feed.comparison.map(MedianComparison::ratio),
        ),
        date(ColumnPurpose::Attribute, "due", DUE, |set, row| {
            let partners = &set.figures.settings.reference.partners;
            Some(partners.due(&row.feed.partner, row.feed.kind.as_deref()?, row.feed.month))
        }),
        one_of(
            ColumnPurpose::Status,
            "data_status",
            "`not_kept` (the retention period has ended), `overdue` or `not_due` (no records), `suspect`, `provisional` (may still change) or \
             `final`; null = a month before the partner's kind begins or figures do.",
            &DataStatus::NAMES,
            |_, row| row.feed.status.map(|status| status as u32),
        ),
        instant(
            ColumnPurpose::Attribute,
            "last_received",
            LAST_RECEIVED,
            |_, row| row.feed.quality.last_received,
        ),
    ]
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let unmapped = counts_by_month(set, "unmapped", ALL_RECEIVED, ALL_RECEIVED);
    let outside = counts_by_month(set, "total", "set", OUTSIDE);
    let rows = feed_months(set.figures, set.intake)
        .into_iter()
        .map(|feed| {
            let key = feed.partner_kind.map(|kind| (kind, feed.month));
            QualityRow {
                unmapped: key.and_then(|key| unmapped.get(&key).copied()),
                outside: key.and_then(|key| outside.get(&key).copied()),
                feed,
            }
        });
    write_rows(&TABLE, set, columns(), rows)
}

/// The lower bounds of a kind of series in the areas with a code, by partner's kind and month; 0
/// where a partner's kind has areas of the level, but not this one.
fn counts_by_month(
    set: &TableSet<'_>,
    series_kind: &str,
    level: &str,
    code: &str,
) -> BTreeMap<(usize, Month), i64> {
    let mut counts = BTreeMap::new();
    for series in set.series_of_records() {
        if series.key.kind != series_kind {
            continue;
        }
        for area in series.areas().filter(|area| area.key.level == level) {
            for (_, month) in series.windows().filter(|(_, window)| window.is_month()) {
                if let Some(count) = series.count(area, month) {
                    let sum: &mut i64 = counts.entry((series.kind, month.first)).or_default();
                    if area.key.code == code {
                        *sum += count.max().unwrap_or(count.min);
                    }
                }
            }
        }
    }
    counts
}
