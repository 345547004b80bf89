//! Columns that several tables have, with one description each, and how a percentage is computed.

use crate::aggregate::figures::areas::AreaKey;
use crate::aggregate::figures::status::DataStatus;
use crate::aggregate::figures::table_set::{CountRow, RowKey, TableSet};
use crate::aggregate::state::bounded_count::{CountReason, CountStatus};
use crate::aggregate::tables::column::{
    Column, ColumnPurpose, boolean, choice, date, integer, one_of, texts,
};
use crate::aggregate::tables::labels::{area_name, series_label, unit};

pub(crate) const FEED: &str = "`police`, `health` or `housing`.";
pub(crate) const PARTNER: &str = "The partner that sent the records.";
pub(crate) const PARTNER_NAME: &str = "The partner's name.";
pub(crate) const KIND: &str = "What the records are about; `count:<list>` for totals that the \
    partner sent. Never add across kinds.";
pub(crate) const KIND_LABEL: &str = "The kind in words.";
pub(crate) const UNIT: &str = "What is counted: `records`, or the unit in which the partner's \
    totals are summed (`households`, `persons` or `events`). A code that was sent only in another \
    unit counts in that. Never add across units. Null = no unit that is summed.";
pub(crate) const COLLECTION: &str = "The return that the kind comes from. Kinds of one return \
    count the same cases: report a change in one of them only. Null = a return of its own.";
pub(crate) const SERIES_KIND: &str = "The kind of series: `total`, `mapped` (under a priority or \
    theme), `unmapped` (under none), `priority`, `theme`, `category` (a partner's own code), \
    `group` (a group of codes) or `class` (victim- or state-based).";
pub(crate) const SERIES_LABEL: &str = "The series in words; the code itself where no list has a \
    label.";
pub(crate) const WINDOW_LABEL: &str = "The months in words, such as `April 2017 to March 2018`.";
pub(crate) const DATE_BASIS: &str = "The date that puts a record into its month: `recorded` \
    (`recorded_at`, else `occurred_from`), `occurred`, or `own` for totals that the partner sent.";
pub(crate) const WEEKDAY: &str = "Day of the week it happened or began, 1 = Monday \
    (Europe/London); null = not known to the day.";
pub(crate) const HOUR: &str = "Hour it happened or began, 0 to 23 (Europe/London); null = not \
    known to the hour.";
pub(crate) const AREA_CODE: &str = "The area. At a level and vintage, the areas add up to the \
    total together with `no-location` (no area was sent), `outside` (an area that is not shown) \
    and `unplaced` (unknown, or too coarse). `all-received` = everything the partner sent, once, \
    also from elsewhere.";
pub(crate) const AREA_NAME: &str =
    "The area's name, or what a pseudo-area contains. Two areas may have the same name.";
pub(crate) const AREA_LEVEL: &str = "`lsoa`, `ward`, `place` (a place of the partnership), \
    `outward_postcode`, `district`, `set` (of districts) or `all-received`.";
pub(crate) const AREA_VINTAGE: &str = "Year of the boundaries; null = there is only one edition.";
pub(crate) const AREA_ROLE: &str = "What the area is to the record: `incident`, `home` or \
    `service`; null for `all-received` and `no-location`. Never add across roles.";
pub(crate) const WINDOW_ID: &str = "The months counted, such as `month:2018-10` or `fy:2018-19`.";
pub(crate) const IS_PLAN_AREA: &str = "Whether it is the plan's own area, such as the borough.";
pub(crate) const MONTH_WINDOW: &str = "The month, such as `month:2018-10`.";
pub(crate) const WINDOW_FROM: &str = "First day of the window.";
pub(crate) const WINDOW_TO: &str = "Last day of the window.";
pub(crate) const LOWER_BOUND: &str = "Lower bound of the count.";
pub(crate) const UPPER_BOUND: &str = "Upper bound of the count; null = no upper bound is known.";
pub(crate) const FOLDER_PLAN: &str = "The plan of the folder; null = each month has its own.";
pub(crate) const DUE: &str = "The last day on which the month was not late.";
pub(crate) const LAST_RECEIVED: &str =
    "When the newest of its latest revisions was received (UTC).";

/// A row with a partner's kind, an area and a window.
pub(crate) trait KeyedRow {
    /// Its key. Only tables with columns of series use the series.
    fn key(&self) -> RowKey;
}

impl<D> KeyedRow for CountRow<D> {
    fn key(&self) -> RowKey {
        self.key
    }
}

/// The columns that every table of counts begins with.
pub(crate) fn key_columns<'f, D>() -> Vec<Column<'f, CountRow<D>>> {
    let mut columns = vec![
        choice(
            ColumnPurpose::PlanKey,
            "plan_id",
            "The plan whose priorities these are; null = no one plan is in force through the \
             window.",
            |set| texts(set.series_keys().map(|(plan, _)| plan.map(|plan| &plan.id))),
            |_, row: &CountRow<D>| Some(row.key.series),
        ),
        choice(
            ColumnPurpose::SeriesKey,
            "series_kind",
            SERIES_KIND,
            |set| texts(set.series_keys().map(|(_, key)| Some(key.kind))),
            |_, row| Some(row.key.series),
        ),
        choice(
            ColumnPurpose::SeriesKey,
            "series",
            "Id of the priority or theme, or the code. Priorities overlap, so never add them. \
             `total` = `mapped` + `unmapped`.",
            |set| texts(set.series_keys().map(|(_, key)| Some(&key.id))),
            |_, row| Some(row.key.series),
        ),
        choice(
            ColumnPurpose::Attribute,
            "series_label",
            SERIES_LABEL,
            |set| {
                let reference = set.figures.settings.reference;
                let series = set.series_keys();
                texts(series.map(|(plan, key)| Some(series_label(reference, plan, key))))
            },
            |_, row| Some(row.key.series),
        ),
        choice(
            ColumnPurpose::SeriesKey,
            "scheme",
            "The scheme of the code; null unless a category, group or class.",
            |set| texts(set.series_keys().map(|(_, key)| key.scheme.as_ref())),
            |_, row| Some(row.key.series),
        ),
    ];
    columns.extend(kind_area_window_columns());
    columns
}

/// The columns of key and count that most tables of counts begin with.
pub(crate) fn key_and_count_columns<'f, D>() -> Vec<Column<'f, CountRow<D>>> {
    let mut columns = key_columns();
    columns.extend(count_columns());
    columns
}

/// Partner, feed and kind; area; window; and what is known of them.
pub(crate) fn kind_area_window_columns<'f, R: KeyedRow>() -> Vec<Column<'f, R>> {
    let mut columns = Vec::from(kind_columns());
    columns.extend(area_columns());
    columns.extend(window_columns());
    columns.extend(status_columns());
    columns
}

fn kind_columns<'f, R: KeyedRow>() -> [Column<'f, R>; 7] {
    [
        choice(
            ColumnPurpose::KindKey,
            "partner",
            PARTNER,
            |set| {
                let kinds = &set.figures.current.partner_kinds;
                texts(kinds.iter().map(|kind| Some(&kind.partner)))
            },
            |_, row: &R| Some(row.key().kind),
        ),
        choice(
            ColumnPurpose::Attribute,
            "partner_name",
            PARTNER_NAME,
            |set| {
                let partners = &set.figures.settings.reference.partners;
                let kinds = &set.figures.current.partner_kinds;
                texts(kinds.iter().map(|kind| Some(partners.label(&kind.partner))))
            },
            |_, row: &R| Some(row.key().kind),
        ),
        choice(
            ColumnPurpose::KindKey,
            "feed",
            FEED,
            |set| {
                let kinds = &set.figures.current.partner_kinds;
                texts(kinds.iter().map(|kind| Some(kind.feed.as_str())))
            },
            |_, row: &R| Some(row.key().kind),
        ),
        choice(
            ColumnPurpose::KindKey,
            "kind",
            KIND,
            |set| {
                let kinds = &set.figures.current.partner_kinds;
                texts(kinds.iter().map(|kind| Some(&kind.kind)))
            },
            |_, row: &R| Some(row.key().kind),
        ),
        choice(
            ColumnPurpose::Attribute,
            "kind_label",
            KIND_LABEL,
            |set| {
                let partners = &set.figures.settings.reference.partners;
                let kinds = &set.figures.current.partner_kinds;
                texts(
                    kinds
                        .iter()
                        .map(|kind| Some(partners.kind_label(&kind.kind))),
                )
            },
            |_, row: &R| Some(row.key().kind),
        ),
        choice(
            ColumnPurpose::Attribute,
            "unit",
            UNIT,
            |set| {
                let kinds = 0..set.figures.current.partner_kinds.len();
                texts(kinds.map(|kind| unit(set.figures, kind)))
            },
            |_, row: &R| Some(row.key().kind),
        ),
        choice(
            ColumnPurpose::Attribute,
            "collection",
            COLLECTION,
            |set| {
                let partners = &set.figures.settings.reference.partners;
                let kinds = &set.figures.current.partner_kinds;
                texts(kinds.iter().map(|kind| partners.collection(&kind.kind)))
            },
            |_, row: &R| Some(row.key().kind),
        ),
    ]
}

/// A text of every area.
fn area_texts<'s, T: AsRef<str>>(
    set: &'s TableSet<'_>,
    text: impl Fn(&'s AreaKey) -> Option<T>,
) -> arrow_array::StringArray {
    texts(set.figures.areas.sorted.iter().map(text))
}

fn area_columns<'f, R: KeyedRow>() -> [Column<'f, R>; 6] {
    [
        choice(
            ColumnPurpose::AreaKey,
            "area_code",
            AREA_CODE,
            |set| area_texts(set, |area| Some(&area.code)),
            |_, row: &R| Some(row.key().area),
        ),
        choice(
            ColumnPurpose::Attribute,
            "area_name",
            AREA_NAME,
            |set| {
                let geography = &set.figures.settings.reference.geography;
                area_texts(set, |area| Some(area_name(geography, area)))
            },
            |_, row: &R| Some(row.key().area),
        ),
        choice(
            ColumnPurpose::AreaKey,
            "area_level",
            AREA_LEVEL,
            |set| area_texts(set, |area| Some(&area.level)),
            |_, row: &R| Some(row.key().area),
        ),
        choice(
            ColumnPurpose::AreaKey,
            "area_vintage",
            AREA_VINTAGE,
            |set| area_texts(set, |area| area.vintage.as_ref()),
            |_, row: &R| Some(row.key().area),
        ),
        choice(
            ColumnPurpose::AreaKey,
            "area_role",
            AREA_ROLE,
            |set| area_texts(set, |area| area.role.as_ref()),
            |_, row: &R| Some(row.key().area),
        ),
        boolean(
            ColumnPurpose::Attribute,
            "is_plan_area",
            IS_PLAN_AREA,
            |set, row: &R| {
                let figures = set.figures;
                let area = &figures.areas.sorted[row.key().area as usize];
                Some(area.code == figures.scope.area())
            },
        ),
    ]
}

fn window_columns<'f, R: KeyedRow>() -> [Column<'f, R>; 4] {
    [
        choice(
            ColumnPurpose::WindowKey,
            "window_id",
            WINDOW_ID,
            |set| texts(set.figures.windows.iter().map(|window| Some(&window.id))),
            |_, row: &R| Some(row.key().window),
        ),
        choice(
            ColumnPurpose::Attribute,
            "window_label",
            WINDOW_LABEL,
            |set| {
                texts(
                    set.figures
                        .windows
                        .iter()
                        .map(|window| Some(window.label())),
                )
            },
            |_, row: &R| Some(row.key().window),
        ),
        date(
            ColumnPurpose::Attribute,
            "window_from",
            WINDOW_FROM,
            |set, row: &R| Some(set.figures.windows[row.key().window as usize].from()),
        ),
        date(
            ColumnPurpose::Attribute,
            "window_to",
            WINDOW_TO,
            |set, row: &R| Some(set.figures.windows[row.key().window as usize].to()),
        ),
    ]
}

/// The date that decides the month, and how complete the window is.
fn status_columns<'f, R: KeyedRow>() -> [Column<'f, R>; 2] {
    [
        choice(
            ColumnPurpose::Attribute,
            "date_basis",
            DATE_BASIS,
            |set| {
                let kinds = &set.figures.current.partner_kinds;
                texts(kinds.iter().map(|kind| Some(&kind.date_basis)))
            },
            |_, row: &R| Some(row.key().kind),
        ),
        one_of(
            ColumnPurpose::Status,
            "data_status",
            "How complete the window is, by its worst month: `not_kept` (the retention period has \
             ended), `overdue` or `not_due` (no records), `suspect` (far fewer or more than the months around, of the kind or in this area), \
             `provisional` (may still change) or `final`.",
            &DataStatus::NAMES,
            |set, row: &R| {
                let key = row.key();
                Some(set.figures.window_status(key.kind, key.area, key.window) as u32)
            },
        ),
    ]
}

/// The count with its bounds and its status.
pub(crate) fn count_columns<'f, D>() -> [Column<'f, CountRow<D>>; 5] {
    [
        integer(
            ColumnPurpose::Count,
            "count_value",
            "Number of records; null unless exact.",
            |_, row: &CountRow<D>| row.count.exact(),
        ),
        integer(
            ColumnPurpose::LowerBound,
            "count_min",
            LOWER_BOUND,
            |_, row: &CountRow<D>| Some(row.count.min),
        ),
        integer(
            ColumnPurpose::UpperBound,
            "count_max",
            UPPER_BOUND,
            |_, row: &CountRow<D>| row.count.max(),
        ),
        one_of(
            ColumnPurpose::Status,
            "count_status",
            "`exact`; `interval` (known within bounds); `partial` (a part was not supplied, so \
             only the lower bound is known); `not_supplied` (what was sent cannot show it, which \
             is not 0).",
            &CountStatus::NAMES,
            |_, row: &CountRow<D>| Some(row.count.status() as u32),
        ),
        one_of(
            ColumnPurpose::Status,
            "count_reason",
            "Why the count is not exact: `cannot_show` (the partner's data cannot show the series), \
             `not_covered` (the partner does not cover the area), `no_district` (its records do not \
             name a district), `not_kept` (the retention period has ended), `no_total_for_window` (totals were received, but their periods do not \
             fill the window), `not_received`, `not_due`, `unknown_code` (codes that their list \
             does not contain may belong here) or `as_sent` (rounded, suppressed or overlapping \
             totals); null = exact.",
            &CountReason::NAMES,
            |set, row: &CountRow<D>| {
                let kinds = &set.figures.current.partner_kinds;
                let reason = row.count.reason(kinds[row.key.kind as usize].is_count());
                reason.map(|reason| reason as u32)
            },
        ),
    ]
}

/// A part as a percentage of a whole; none = either is unknown, or the whole is 0.
pub(crate) fn percent(part: Option<i64>, whole: Option<i64>) -> Option<f64> {
    let (part, whole) = part.zip(whole)?;
    (whole != 0).then(|| 100.0 * part as f64 / whole as f64)
}

/// A count per 1,000 of a population.
pub(crate) fn rate_per_1000(count: i64, population: i64) -> f64 {
    1000.0 * count as f64 / population as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_zero_or_of_an_unknown_count_is_none() {
        assert_eq!(
            percent(Some(78), Some(224)).map(|share| (10.0 * share).round()),
            Some(348.0)
        );
        assert_eq!(
            (
                percent(Some(0), Some(0)),
                percent(None, Some(3)),
                percent(Some(3), None)
            ),
            (None, None, None)
        );
    }
}
