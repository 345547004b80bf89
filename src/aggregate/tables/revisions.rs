//! `revisions`: the figures that are not what they were at an earlier time, with reasons that add up
//! to the difference.

use crate::aggregate::AggregateError;
use crate::aggregate::figures::revisions::{FigureRevision, RevisionScope, Revisions};
use crate::aggregate::figures::table_set::TableSet;
use crate::aggregate::state::bounded_count::{BoundedCount, CountStatus};
use crate::aggregate::tables::column::{
    Column, ColumnPurpose, boolean, date, instant, integer, one_of, specs, text,
};
use crate::aggregate::tables::labels::{area_name, series_label, unit};
use crate::aggregate::tables::shared_columns::{
    AREA_CODE, AREA_LEVEL, AREA_NAME, AREA_ROLE, AREA_VINTAGE, COLLECTION, FEED, IS_PLAN_AREA,
    KIND, KIND_LABEL, LOWER_BOUND, PARTNER, PARTNER_NAME, SERIES_KIND, SERIES_LABEL, UNIT,
    UPPER_BOUND, WINDOW_FROM, WINDOW_ID, WINDOW_LABEL, WINDOW_TO,
};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, TableWriter};

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "revisions",
    kind: TableKind::OfTwoTimes,
    question: Some("Which figures changed since an earlier time, and why?"),
    rows: "Figures of `window_totals` that changed since the time of `aggregate --since`, without \
           codes and the smallest areas; none without `--since`.",
    columns: || specs(columns()),
    build,
};

type RevisionRow<'f> = FigureRevision<'f>;

fn columns<'f>() -> Vec<Column<'f, RevisionRow<'f>>> {
    let mut columns = Vec::from(series_columns());
    columns.extend(kind_columns());
    columns.extend(area_columns());
    columns.extend(window_columns());
    columns.extend(count_columns());
    columns.extend(reason_columns());
    columns
}

fn series_columns<'f>() -> [Column<'f, RevisionRow<'f>>; 4] {
    [
        text(
            ColumnPurpose::PlanKey,
            "plan_id",
            "The plan whose priorities these are, at both times; null = no one plan is in force \
             through the window.",
            |_, row: &RevisionRow<'f>| row.series.plan.series.plan.map(|plan| plan.id.clone()),
        ),
        text(
            ColumnPurpose::SeriesKey,
            "series_kind",
            SERIES_KIND,
            |_, row| Some(row.series.key.kind.to_owned()),
        ),
        text(
            ColumnPurpose::SeriesKey,
            "series",
            "Id of the priority or theme, or `total`, `mapped` or `unmapped`.",
            |_, row| Some(row.series.key.id.clone()),
        ),
        text(
            ColumnPurpose::Attribute,
            "series_label",
            SERIES_LABEL,
            |set, row| {
                let (reference, series) = (set.figures.settings.reference, &row.series);
                Some(series_label(reference, series.plan.series.plan, series.key))
            },
        ),
    ]
}

fn kind_columns<'f>() -> [Column<'f, RevisionRow<'f>>; 7] {
    [
        text(
            ColumnPurpose::KindKey,
            "partner",
            PARTNER,
            |_, row: &RevisionRow<'f>| Some(row.series.partner_kind().partner.clone()),
        ),
        text(
            ColumnPurpose::Attribute,
            "partner_name",
            PARTNER_NAME,
            |set, row| {
                let partners = &set.figures.settings.reference.partners;
                let partner = &row.series.partner_kind().partner;
                Some(partners.label(partner).to_owned())
            },
        ),
        text(ColumnPurpose::KindKey, "feed", FEED, |_, row| {
            Some(row.series.partner_kind().feed.as_str().to_owned())
        }),
        text(ColumnPurpose::KindKey, "kind", KIND, |_, row| {
            Some(row.series.partner_kind().kind.clone())
        }),
        text(
            ColumnPurpose::Attribute,
            "kind_label",
            KIND_LABEL,
            |set, row| {
                let partners = &set.figures.settings.reference.partners;
                Some(partners.kind_label(&row.series.partner_kind().kind))
            },
        ),
        text(ColumnPurpose::Attribute, "unit", UNIT, |_, row| {
            unit(row.series.figures, row.series.kind).map(str::to_owned)
        }),
        text(
            ColumnPurpose::Attribute,
            "collection",
            COLLECTION,
            |set, row| {
                let partners = &set.figures.settings.reference.partners;
                let collection = partners.collection(&row.series.partner_kind().kind);
                collection.map(str::to_owned)
            },
        ),
    ]
}

fn area_columns<'f>() -> [Column<'f, RevisionRow<'f>>; 6] {
    [
        text(
            ColumnPurpose::AreaKey,
            "area_code",
            AREA_CODE,
            |_, row: &RevisionRow<'f>| Some(row.area.key.code.clone()),
        ),
        text(
            ColumnPurpose::Attribute,
            "area_name",
            AREA_NAME,
            |set, row| {
                let geography = &set.figures.settings.reference.geography;
                Some(area_name(geography, row.area.key).to_owned())
            },
        ),
        text(
            ColumnPurpose::AreaKey,
            "area_level",
            AREA_LEVEL,
            |_, row| Some(row.area.key.level.clone()),
        ),
        text(
            ColumnPurpose::AreaKey,
            "area_vintage",
            AREA_VINTAGE,
            |_, row| row.area.key.vintage.clone(),
        ),
        text(ColumnPurpose::AreaKey, "area_role", AREA_ROLE, |_, row| {
            row.area.key.role.clone()
        }),
        boolean(
            ColumnPurpose::Attribute,
            "is_plan_area",
            IS_PLAN_AREA,
            |set, row| Some(row.area.key.code == set.figures.scope.area()),
        ),
    ]
}

fn window_columns<'f>() -> [Column<'f, RevisionRow<'f>>; 4] {
    [
        text(
            ColumnPurpose::WindowKey,
            "window_id",
            WINDOW_ID,
            |_, row: &RevisionRow<'f>| Some(row.window.id.clone()),
        ),
        text(
            ColumnPurpose::Attribute,
            "window_label",
            WINDOW_LABEL,
            |_, row| Some(row.window.label()),
        ),
        date(
            ColumnPurpose::Attribute,
            "window_from",
            WINDOW_FROM,
            |_, row| Some(row.window.from()),
        ),
        date(
            ColumnPurpose::Attribute,
            "window_to",
            WINDOW_TO,
            |_, row| Some(row.window.to()),
        ),
    ]
}

fn count_columns<'f>() -> [Column<'f, RevisionRow<'f>>; 10] {
    [
        instant(
            ColumnPurpose::Attribute,
            "since",
            "The earlier time (UTC).",
            |set, _: &RevisionRow<'f>| set.figures.settings.since.map(|since| since.0),
        ),
        integer(
            ColumnPurpose::Count,
            "before_value",
            "The count at the earlier time; null unless it was exact.",
            |_, row| row.counts[0]?.exact(),
        ),
        integer(
            ColumnPurpose::LowerBound,
            "before_min",
            "Lower bound of the count at the earlier time; 0 if it was not supplied.",
            |_, row| Some(row.change.before),
        ),
        integer(
            ColumnPurpose::UpperBound,
            "before_max",
            "Upper bound of the count at the earlier time; null = none was known.",
            |_, row| row.counts[0]?.max(),
        ),
        one_of(
            ColumnPurpose::Status,
            "before_status",
            "As `count_status`, at the earlier time; `not_supplied` also where there was no figure.",
            &CountStatus::NAMES,
            |_, row| Some(status(row.counts[0])),
        ),
        integer(
            ColumnPurpose::Count,
            "count_value",
            "The count now; null unless exact.",
            |_, row| row.counts[1]?.exact(),
        ),
        integer(
            ColumnPurpose::LowerBound,
            "count_min",
            LOWER_BOUND,
            |_, row| Some(row.counts[1].map_or(0, |count| count.min)),
        ),
        integer(
            ColumnPurpose::UpperBound,
            "count_max",
            UPPER_BOUND,
            |_, row| row.counts[1]?.max(),
        ),
        one_of(
            ColumnPurpose::Status,
            "count_status",
            "`exact`; `interval` (known within bounds); `partial` (a part was not supplied, so \
             only the lower bound is known); `not_supplied` (what was sent cannot show it, or \
             there is no figure).",
            &CountStatus::NAMES,
            |_, row| Some(status(row.counts[1])),
        ),
        integer(
            ColumnPurpose::Measure,
            "difference",
            "`count_min` - `before_min`, which is that of the counts if both are exact. The sum of \
             the columns that follow.",
            |_, row| Some(row.counts[1].map_or(0, |count| count.min) - row.change.before),
        ),
    ]
}

fn status(count: Option<BoundedCount>) -> u32 {
    count.map_or(CountStatus::NotSupplied, BoundedCount::status) as u32
}

fn reason_columns<'f>() -> [Column<'f, RevisionRow<'f>>; 10] {
    [
        integer(
            ColumnPurpose::Measure,
            "late",
            "Records first received since.",
            |_, row: &RevisionRow<'f>| Some(row.change.late),
        ),
        integer(
            ColumnPurpose::Measure,
            "reinstated",
            "Records that were cancelled, and no longer are.",
            |_, row| Some(row.change.reinstated),
        ),
        integer(
            ColumnPurpose::Measure,
            "cancelled",
            "Less: records cancelled since, or replaced by a later release. Not above 0, as all \
             that left.",
            |_, row| Some(-row.change.cancelled),
        ),
        integer(
            ColumnPurpose::Measure,
            "redated_in",
            "Records whose date was moved into the window.",
            |_, row| Some(row.change.redated.0),
        ),
        integer(
            ColumnPurpose::Measure,
            "redated_out",
            "Less: records whose date was moved out of the window.",
            |_, row| Some(-row.change.redated.1),
        ),
        integer(
            ColumnPurpose::Measure,
            "relocated_in",
            "Records whose location was moved into the area, or is now known so closely. Records \
             of `unplaced` also come in when the partner begins to send a closer level.",
            |_, row| Some(row.change.relocated.0),
        ),
        integer(
            ColumnPurpose::Measure,
            "relocated_out",
            "Less: records whose location was moved out of the area.",
            |_, row| Some(-row.change.relocated.1),
        ),
        integer(
            ColumnPurpose::Measure,
            "reclassified_in",
            "Records whose codes, flags or other contents put them under the series.",
            |_, row| Some(row.change.reclassified.0),
        ),
        integer(
            ColumnPurpose::Measure,
            "reclassified_out",
            "Less: records that are no longer under the series.",
            |_, row| Some(-row.change.reclassified.1),
        ),
        integer(
            ColumnPurpose::Measure,
            "restated",
            "By how much a partner's own totals are higher or lower: no records explain them. 0 for \
             records.",
            |_, row| Some(row.change.restated),
        ),
    ]
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let mut writer = TableWriter::new(&TABLE, set, columns())?;
    if let Some(before) = set.before {
        let scope = RevisionScope {
            series: &|series| series.is_of_plan(),
            area: &|area| !area.is_sparse(),
            window: None,
        };
        for figure in Revisions::new([before, set], &scope).figures() {
            if figure.series.shows(figure.area, &figure.window) {
                writer.push(figure)?;
            }
        }
    }
    writer.finish()
}
