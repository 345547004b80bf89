//! The table of measures: what each partner's kind shows of a series.

use crate::aggregate::tables::TableValue;
use crate::assess::document::{DataTable, TableCell};
use crate::assess::draft::{Draft, Measure};
use crate::assess::prose::{Prose, in_sentence, listed, name, prose, quiet};
use crate::assess::query::{ColumnName, HIDDEN};
use crate::assess::sections::{NOT_SHOWN, column};
use crate::assess::value::NumberFormat;
use crate::assess::words::{Wording, role};

/// A kind with its partner, as a cell of a row; and that it counts more than the area, if it does.
pub(super) fn kind_cell(measure: &Measure<'_>) -> Prose {
    let everything = measure.is_everything().then(|| prose!(", everything sent"));
    prose!(
        "{}{}{}",
        name(measure.kind_label),
        quiet(prose!(" ({})", name(measure.partner_name))),
        everything.map(quiet).map(Prose::from)
    )
}

/// A table of measures. Those with no records at all are in its note, those not supplied in none.
pub(super) fn table(
    draft: &Draft<'_>,
    id: &str,
    caption: String,
    measures: &[Measure<'_>],
) -> DataTable {
    let shown =
        |measure: &&Measure<'_>| !matches!(measure.wording, Wording::None | Wording::NotSupplied);
    let rows = measures
        .iter()
        .filter(shown)
        .map(|measure| row(draft, measure));
    let absent = measures
        .iter()
        .filter(|measure| measure.wording == Wording::None);
    let absent: Vec<Prose> = absent
        .map(|measure| kind_in_sentence(measure).into())
        .collect();
    let note = if absent.is_empty() {
        Prose::default()
    } else {
        prose!(
            "Counted, and none found in either period: {}.",
            listed(absent)
        )
    };
    let period = if draft.config.window.months == 12 {
        "This year"
    } else {
        "This period"
    };
    let before = match draft.config.baseline {
        "year-before" => "Year before",
        _ => "Five-year mean",
    };
    DataTable {
        id: id.to_owned(),
        caption,
        columns: vec![
            column("Records", false),
            column("What we can say", false),
            column(period, true),
            column(before, true),
            column("Change", true),
            column("Change, %", true),
        ],
        rows: rows.collect(),
        note,
        query: None,
    }
}

/// A kind inside a sentence.
pub(super) fn kind_in_sentence(measure: &Measure<'_>) -> crate::assess::prose::Span {
    name(in_sentence(measure.kind_label))
}

/// Where the records of a measure are, in brackets after its kind.
pub(super) fn scope_words(measure: &Measure<'_>) -> &'static str {
    if measure.is_everything() {
        "everything the partner sent"
    } else {
        role(measure.total.text("area_role"))
    }
}

fn row(draft: &Draft<'_>, measure: &Measure<'_>) -> Vec<TableCell> {
    let change = |what: &str, column: ColumnName, format| {
        let value = measure.change_value(column).unwrap_or(TableValue::Null);
        number(draft.change_figure(measure, what, column, format), &value)
    };
    let percent = if draft.percent(measure).is_some() {
        change("change-pct", "difference_pct", NumberFormat::SignedPercent)
    } else {
        TableCell::from(Prose::from("too few"))
    };
    let has_both = measure
        .change_value("difference")
        .is_some_and(|value| !value.is_null());
    vec![
        kind_cell(measure).into(),
        draft.short_words(measure).into(),
        count(draft, measure),
        base(draft, measure),
        change("difference", "difference", NumberFormat::Signed),
        if has_both { percent } else { missing() },
    ]
}

/// The count, or its bounds.
pub(super) fn count(draft: &Draft<'_>, measure: &Measure<'_>) -> TableCell {
    match measure.wording {
        Wording::Hidden => hidden(),
        Wording::Bounds => TableCell::from(draft.bounds(measure)),
        _ => number(draft.count(measure), measure.total.get("count_value")),
    }
}

/// The count of the baseline, or its bounds.
pub(super) fn base(draft: &Draft<'_>, measure: &Measure<'_>) -> TableCell {
    let value = measure.change_value("base_min").unwrap_or(TableValue::Null);
    if measure.base_status() == HIDDEN {
        return hidden();
    }
    match draft.base(measure) {
        Some(bounds) if !measure.has_exact_base() => TableCell::from(bounds),
        base => number(base, &value),
    }
}

/// A cell with a figure, or the sign that there is none.
pub(super) fn number(figure: Option<Prose>, value: &TableValue) -> TableCell {
    figure.map_or_else(missing, |prose| TableCell {
        prose,
        value: Some(value.clone()),
        picture: None,
    })
}

/// The sign of a number that a release does not show.
fn hidden() -> TableCell {
    TableCell::from(Prose::from(NOT_SHOWN))
}

fn missing() -> TableCell {
    TableCell::from(Prose::from("[x]"))
}
