//! What all sections are written from: the configuration, the facts, the measures, and the figures
//! cited so far.

use std::cell::Cell;
use std::collections::BTreeMap;

use jiff::civil;

use crate::aggregate::figures::chance::CLEAR;
use crate::aggregate::tables::TableValue;
use crate::assess::config::{AssessmentConfig, FeedName};
use crate::assess::facts::{FactRow, Facts};
use crate::assess::figure::{FigureBook, FigureRequest};
use crate::assess::prose::{Prose, Span, prose};
use crate::assess::query::{ColumnName, Condition, Expression, HIDDEN, SHOWN, Selection};
use crate::assess::value::NumberFormat;
use crate::assess::words::{Comparison, Wording};

/// Below this base a percentage says little.
const PERCENT_BASE_MIN: i64 = 20;

/// What sections are written from.
pub(crate) struct Draft<'d> {
    pub(crate) config: &'d AssessmentConfig,
    pub(crate) facts: &'d Facts,
    pub(crate) figures: FigureBook,
    charts: Cell<usize>,
    /// The first and the last day of the window.
    pub(crate) span: (civil::Date, civil::Date),
    /// The window in words: April 2017 to March 2018.
    pub(crate) window_label: String,
    pub(crate) area_name: String,
    /// The priorities and themes, in the order of the plan.
    pub(crate) series: Vec<Series>,
    /// What every kind shows of each series, by its id.
    measures: BTreeMap<String, Vec<Measure<'d>>>,
}

/// A priority or theme, or the total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Series {
    /// `priority`, `theme` or `total`.
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) owner: Option<String>,
}

impl Series {
    /// All records of a kind.
    pub(crate) fn total() -> Self {
        Self {
            kind: "total",
            id: "total".to_owned(),
            label: "All records".to_owned(),
            owner: None,
        }
    }
}

/// What one partner's kind shows of a series, in the area as far as its records name it.
#[derive(Clone, Debug)]
pub(crate) struct Measure<'d> {
    pub(crate) series: Series,
    pub(crate) partner: &'d str,
    pub(crate) partner_name: &'d str,
    pub(crate) kind: &'d str,
    pub(crate) kind_label: &'d str,
    /// The row of `window_totals`.
    pub(crate) total: FactRow<'d>,
    /// The row of `change`.
    pub(crate) change: Option<FactRow<'d>>,
    pub(crate) wording: Wording,
}

impl<'d> Draft<'d> {
    /// A draft without sections. The window must be in the tables.
    pub(crate) fn new(config: &'d AssessmentConfig, facts: &'d Facts) -> Self {
        let area = Selection::new("areas").is("area_code", &*config.area);
        let area_name = facts.row(&area).map_or("", |row| row.text("area_name"));
        let series = Selection::new("priorities").is("plan_id", &*config.plan.id);
        let series = facts.rows(&series).into_iter().map(|row| Series {
            kind: match row.text("series_kind") {
                "theme" => "theme",
                _ => "priority",
            },
            id: row.text("series").to_owned(),
            label: row.text("series_label").to_owned(),
            owner: row.get("owner_label").text().map(str::to_owned),
        });
        let mut draft = Self {
            config,
            facts,
            figures: FigureBook::default(),
            charts: Cell::new(0),
            span: (config.window.from(), config.window.to()),
            window_label: config.window.label(),
            area_name: if area_name.is_empty() {
                config.area.clone()
            } else {
                area_name.to_owned()
            },
            series: series.collect(),
            measures: BTreeMap::new(),
        };
        let total = [Series::total()];
        let all: Vec<Series> = total.into_iter().chain(draft.series.clone()).collect();
        for series in &all {
            let kinds = draft.partner_kinds().into_iter();
            let measures = kinds.flat_map(|kind| draft.measures_of(series, kind));
            let measures = measures.collect();
            draft.measures.insert(series.id.clone(), measures);
        }
        draft
    }

    /// The number of the next chart.
    pub(crate) fn next_chart(&self) -> usize {
        self.charts.set(self.charts.get() + 1);
        self.charts.get()
    }

    /// The series of a kind.
    pub(crate) fn series_of(&self, kind: &str) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(move |series| series.kind == kind)
    }

    /// What the baseline is called: "the year before".
    pub(crate) fn baseline_words(&self) -> &'static str {
        match (self.config.baseline, self.config.window.months) {
            ("year-before", 12) => "the year before",
            ("year-before", _) => "the same months a year earlier",
            _ => "the mean of the five years before",
        }
    }

    /// The partners' kinds, each with its names.
    pub(crate) fn partner_kinds(&self) -> Vec<FactRow<'d>> {
        self.facts.rows(&Selection::new("partner_kinds"))
    }

    /// What every partner's kind shows of a series.
    pub(crate) fn measures(&self, series: &Series) -> Vec<Measure<'d>> {
        self.measures.get(&series.id).cloned().unwrap_or_default()
    }

    /// What a feed shows of a series.
    pub(crate) fn measure(&self, series: &Series, feed: &FeedName) -> Option<Measure<'d>> {
        let measures = self.measures(series).into_iter();
        let mut measures =
            measures.filter(|measure| measure.partner == feed.partner && measure.kind == feed.kind);
        measures.next()
    }

    /// A kind's row at the area, one for each role of its places; if its records do not name the
    /// area, the row of everything received.
    fn measures_of(&self, series: &Series, kind: FactRow<'d>) -> Vec<Measure<'d>> {
        let rows = Selection::new("window_totals")
            .is("series_kind", series.kind)
            .is("series", &*series.id)
            .is("partner", kind.text("partner"))
            .is("kind", kind.text("kind"))
            .is("window_id", &*self.config.window.id);
        let at_area = rows.clone().is("area_code", &*self.config.area);
        let mut found = self.facts.rows(&at_area);
        found.retain(|row| row.text("count_reason") != "no_district");
        let supplied = |row: &FactRow<'_>| row.text("count_status") != "not_supplied";
        if found.iter().any(supplied) {
            found.retain(supplied);
        } else {
            found.truncate(1);
        }
        if found.is_empty() {
            found = self.facts.rows(&rows.is("area_code", "all-received"));
        }
        found
            .into_iter()
            .map(|total| self.measure_of_row(series, kind, total))
            .collect()
    }

    fn measure_of_row(
        &self,
        series: &Series,
        kind: FactRow<'d>,
        total: FactRow<'d>,
    ) -> Measure<'d> {
        let mut measure = Measure {
            series: series.clone(),
            partner: kind.text("partner"),
            partner_name: kind.text("partner_name"),
            kind: kind.text("kind"),
            kind_label: kind.text("kind_label"),
            total,
            change: None,
            wording: Wording::NoBase,
        };
        measure.change = self.facts.row(&self.change_rows(&measure));
        measure.wording = Wording::of_comparison(&self.comparison(&measure));
        measure
    }

    fn comparison(&self, measure: &Measure<'d>) -> Comparison<'d> {
        let change = measure.change;
        Comparison {
            count_status: measure.total.text("count_status"),
            is_known: measure.least() > 0 || measure.total.integer("count_max").is_some(),
            count: measure.count(),
            base: change
                .filter(|_| SHOWN.contains(&measure.base_status()))
                .and_then(|row| row.integer("base_min")),
            is_base_hidden: measure.base_status() == HIDDEN,
            verdict: change.and_then(|row| row.get("verdict").text()),
            difference: change.and_then(|row| row.integer("difference")),
            difference_pct: change.and_then(|row| row.number("difference_pct")),
            most_pct: measure
                .only_break()
                .and_then(|id| self.break_row(id)?.number("most_pct")),
        }
    }

    /// The row of a break.
    pub(crate) fn break_row(&self, id: &str) -> Option<FactRow<'d>> {
        self.facts.row(&Selection::new("breaks").is("break_id", id))
    }

    /// The rows of a table that are about a measure: its series, kind, area and window.
    pub(crate) fn rows_of(&self, measure: &Measure<'_>, table: &'static str) -> Selection {
        measure
            .cells(table)
            .is("window_id", &*self.config.window.id)
    }

    /// The comparison of a measure with its baseline.
    fn change_rows(&self, measure: &Measure<'_>) -> Selection {
        self.rows_of(measure, "change")
            .is("baseline", self.config.baseline)
    }

    /// A figure as prose; `None` if it has no value.
    pub(crate) fn figure(
        &self,
        name: String,
        rows: Selection,
        expression: Expression,
        format: NumberFormat,
    ) -> Option<Prose> {
        let request = FigureRequest {
            name,
            rows,
            expression,
            format,
            explain: None,
        };
        self.figures.cite(self.facts, request)
    }

    /// A figure that was cited before.
    pub(crate) fn cite_again(&self, name: &str) -> Prose {
        let shown = self
            .figures
            .get(name)
            .map_or_else(String::new, |figure| figure.shown());
        Prose::from(Span::Figure {
            name: name.to_owned(),
            shown,
        })
    }

    /// A column of a measure's row in `window_totals`.
    pub(crate) fn total_figure(
        &self,
        measure: &Measure<'_>,
        what: &str,
        column: ColumnName,
        format: NumberFormat,
    ) -> Option<Prose> {
        let request = FigureRequest {
            name: measure.figure_name(what),
            rows: self.rows_of(measure, "window_totals"),
            expression: Expression::Column(column),
            format,
            explain: (column.starts_with("count_") && !self.config.is_public())
                .then(|| self.explain(measure)),
        };
        self.figures.cite(self.facts, request)
    }

    /// A column of a measure's row in `change`.
    pub(crate) fn change_figure(
        &self,
        measure: &Measure<'_>,
        what: &str,
        column: ColumnName,
        format: NumberFormat,
    ) -> Option<Prose> {
        measure.change?;
        self.figure(
            measure.figure_name(what),
            self.change_rows(measure),
            Expression::Column(column),
            format,
        )
    }

    /// The count.
    pub(crate) fn count(&self, measure: &Measure<'_>) -> Option<Prose> {
        let count = self.total_figure(measure, "count", "count_value", NumberFormat::Count);
        about(measure.is_rounded(), count)
    }

    /// The count of the baseline: a number, bounds, or nothing if nothing is known.
    pub(crate) fn base(&self, measure: &Measure<'_>) -> Option<Prose> {
        let row = measure.change?;
        let figure =
            |what: &str, column| self.change_figure(measure, what, column, NumberFormat::Count);
        match (row.integer("base_min"), row.integer("base_max")) {
            _ if measure.base_status() == HIDDEN => None,
            _ if measure.has_exact_base() => figure("base", "base_min"),
            (_, Some(_)) => Some(prose!(
                "between {} and {}",
                figure("base-least", "base_min"),
                figure("base-most", "base_max")
            )),
            (Some(least), None) if least > 0 => {
                Some(prose!("at least {}", figure("base-least", "base_min")))
            }
            _ => None,
        }
    }

    /// The change in per cent, without its sign; `None` if the base is too small.
    pub(crate) fn percent(&self, measure: &Measure<'_>) -> Option<Prose> {
        let base = measure.change?.integer("base_min")?;
        if base < PERCENT_BASE_MIN {
            return None;
        }
        let percent = self.change_figure(
            measure,
            "difference-pct",
            "difference_pct",
            NumberFormat::Percent,
        );
        about(measure.is_rounded(), percent)
    }

    /// The command that shows which records a measure counts.
    pub(crate) fn explain(&self, measure: &Measure<'_>) -> String {
        format!(
            "partner-feeds explain {} {} {} {}",
            self.config.plan.id,
            measure.series.id,
            measure.total.text("area_code"),
            self.config.window.id
        )
    }

    /// The main measure of a series: the configured one, else the largest supplied one.
    pub(crate) fn lead(&self, series: &Series) -> Option<Measure<'d>> {
        let lead = self.config.lead.get(&series.id);
        let configured = lead.and_then(|feed| self.measure(series, feed));
        if let Some(measure) = configured.filter(Measure::is_supplied) {
            return Some(measure);
        }
        let measures = self.measures(series).into_iter();
        let supplied = measures.filter(|measure| measure.least() > 0);
        // The first of the largest: kinds are in the order of their names.
        supplied.reduce(|best, next| {
            if next.least() > best.least() {
                next
            } else {
                best
            }
        })
    }

    /// `3 of 15`: the kinds of record that can show a series, of all that partners sent.
    pub(crate) fn kinds_that_can_show(&self, series: &Series) -> Prose {
        let all = Selection::new("window_totals")
            .is("series_kind", series.kind)
            .is("series", &*series.id)
            .is("window_id", &*self.config.window.id)
            .is("area_code", "all-received");
        let kinds = |what: &str, rows| {
            let name = format!("{}/{what}", series.id);
            self.figure(
                name,
                rows,
                Expression::CountDistinct("kind"),
                NumberFormat::Count,
            )
        };
        prose!(
            "{} of {}",
            kinds("kinds-able", all.clone().and(Condition::count_is_known())),
            kinds("kinds", all)
        )
    }

    /// Whether a month of a table is in the window.
    pub(crate) fn is_in_window(&self, row: FactRow<'_>) -> bool {
        row.date("window_from")
            .is_some_and(|from| self.span.0 <= from && from <= self.span.1)
    }
}

/// A figure with "about" before it, if it is rounded.
fn about(is_rounded: bool, figure: Option<Prose>) -> Option<Prose> {
    figure.map(|figure| {
        if is_rounded {
            prose!("about {}", figure)
        } else {
            figure
        }
    })
}

impl<'d> Measure<'d> {
    /// The count, if it has a number.
    pub(crate) fn count(&self) -> Option<i64> {
        self.total.integer("count_value")
    }

    /// The lower bound of the count.
    pub(crate) fn least(&self) -> i64 {
        self.total.integer("count_min").unwrap_or_default()
    }

    /// Whether the count is rounded to protect people, as a release has it.
    pub(crate) fn is_rounded(&self) -> bool {
        self.total.text("count_status") == "rounded"
    }

    /// The status of the baseline; empty if there is none.
    pub(crate) fn base_status(&self) -> &'d str {
        self.change.map_or("", |row| row.text("base_status"))
    }

    /// Whether the count of the baseline is one number. A mean of years is rounded down.
    pub(crate) fn has_exact_base(&self) -> bool {
        self.base_status() == "exact"
    }

    /// Whether anything was supplied that can show it.
    pub(crate) fn is_supplied(&self) -> bool {
        self.wording != Wording::NotSupplied
    }

    /// Whether it counts everything received, not only the area.
    pub(crate) fn is_everything(&self) -> bool {
        self.total.text("area_code") == "all-received"
    }

    /// The name of a figure about it.
    pub(crate) fn figure_name(&self, what: &str) -> String {
        // The role distinguishes two rows of one kind in one area.
        let role = match self.total.text("area_role") {
            "home" => "home-",
            "service" => "service-",
            _ => "",
        };
        format!(
            "{}/{}/{}/{role}{what}",
            self.series.id, self.partner, self.kind
        )
    }

    /// The rows of a table that are about it, in any window: its series, kind and area.
    pub(crate) fn cells(&self, table: &'static str) -> Selection {
        let role = self.total.get("area_role").clone();
        self.in_any_area(table)
            .is("area_code", self.total.text("area_code"))
            .and(Condition::Is("area_role", role))
    }

    /// The rows of a table that are about its series and kind, in any area and window.
    pub(crate) fn in_any_area(&self, table: &'static str) -> Selection {
        Selection::new(table)
            .is("series_kind", self.series.kind)
            .is("series", &*self.series.id)
            .is("partner", self.partner)
            .is("kind", self.kind)
    }

    /// The months that make it impossible to compare it.
    pub(crate) fn months_that_prevent(&self) -> Vec<civil::Date> {
        let months = self.change.map_or("", |row| row.text("why_months"));
        let months = months.split(';');
        months
            .filter_map(|month| format!("{month}-01").parse().ok())
            .collect()
    }

    /// The ids of the breaks between the two periods.
    pub(crate) fn breaks(&self) -> Vec<&'d str> {
        let breaks = self.change.map_or("", |row| row.text("breaks"));
        breaks.split(';').filter(|id| !id.is_empty()).collect()
    }

    /// The break between the two periods, if there is one.
    pub(crate) fn only_break(&self) -> Option<&'d str> {
        match self.breaks()[..] {
            [id] => Some(id),
            _ => None,
        }
    }

    /// Why it cannot be compared.
    pub(crate) fn why_not(&self) -> Vec<&'d str> {
        let reasons = self.change.map_or("", |row| row.text("why_not"));
        reasons
            .split(';')
            .filter(|reason| !reason.is_empty())
            .collect()
    }

    /// The size of the change in standard errors.
    pub(crate) fn standard_errors(&self) -> f64 {
        let bounds = self.change.and_then(|row| {
            Some((
                row.number("difference")?,
                row.number("difference_low")?,
                row.number("difference_high")?,
            ))
        });
        bounds.map_or(0.0, |(difference, low, high)| {
            let error = (high - low) / (2.0 * CLEAR);
            if error > 0.0 {
                difference.abs() / error
            } else {
                0.0
            }
        })
    }

    /// The value of a column of `change`.
    pub(crate) fn change_value(&self, column: ColumnName) -> Option<TableValue> {
        self.change.map(|row| row.get(column).clone())
    }
}
