//! The tables of figures: published forms, and what is computed from them alone, such as shares, rates,
//! ranks, charts and comparisons. Each is empty if a number that it needs is hidden. Nothing here may
//! read an exact number.

use std::collections::BTreeMap;

use crate::aggregate::figures::chance::{Located, Variation};
use crate::aggregate::tables::TableValue;
use crate::aggregate::tables::change::{PublishedComparison, base_spans};
use crate::aggregate::tables::shared_columns::{percent, rate_per_1000};
use crate::aggregate::tables::spc::{ChartPoint, chart};
use crate::event::Month;
use crate::reference::Reference;
use crate::release::cells::{FigureRows, RowKey};
use crate::release::figures::FigureTable;
use crate::release::keys::{CellKey, Measure, SeriesRef};
use crate::release::keys::{FACTOR_PARTS, REPEAT_PARTS};
use crate::release::published::{PublishedCells, PublishedForm};
use crate::release::table::ReleaseTable;

/// The baseline whose base is not a count: a released `change` leaves it out, as `spc` has the
/// centre.
const CHART_BASELINE: &str = "spc";
/// Hours of a week.
const WEEK_HOURS: f64 = 168.0;

/// The first month of a row of a chart, its number and its values.
type ChartedRow<'r> = (Month, &'r CellKey, &'r [TableValue]);

/// The tables of figures, in the order of names: published forms in the columns of counts, and what is
/// computed from them.
pub(crate) fn tables(
    figures: &[FigureRows],
    cells: &PublishedCells,
    windows: &BTreeMap<String, (Month, Month)>,
    reference: &Reference,
) -> Vec<ReleaseTable> {
    let derivation = Derivation::new(figures, cells, windows, reference);
    let mut tables: Vec<ReleaseTable> = figures
        .iter()
        .map(|of_table| {
            let table = of_table.table;
            let mut keys = Vec::new();
            let mut released = ReleaseTable {
                name: table.name,
                description: format!("{} Safe to publish.", table.exact().description()),
                columns: of_table.columns.clone(),
                rows: Vec::new(),
            };
            for (key, values) in &of_table.rows {
                let mut row = values.clone();
                if publish_counts(table, &released, key, &mut row, cells) {
                    keys.push(key);
                    released.rows.push(row);
                }
            }
            derivation.derive(&mut released, &keys);
            released
        })
        .collect();
    tables.sort_by_key(|table| table.name);
    tables
}

/// Writes the published forms of a row; whether it has any.
fn publish_counts(
    table: &FigureTable,
    released: &ReleaseTable,
    key: &RowKey,
    row: &mut [TableValue],
    cells: &PublishedCells,
) -> bool {
    let index = |column: &str| released.index(column);
    let Some(first) = cells.get(&key.cell) else {
        return false;
    };
    let (low, high) = first.form.bounds();
    row[index("count_min")] = TableValue::Integer(low);
    row[index("count_max")] = TableValue::from(high);
    row[index("rule")] = TableValue::Text(first.rules.clone());
    if first.form != PublishedForm::NotSupplied
        && let Some(reason) = released.position("count_reason")
    {
        row[reason] = TableValue::Null;
    }
    for count in table.counts {
        let cell = cells.get(&count.cell(&key.cell));
        let form = cell.map_or(PublishedForm::NotSupplied, |cell| cell.form);
        row[index(count.column)] = TableValue::from(form.value());
        row[index(count.status)] = TableValue::Text(form.status().to_owned());
    }
    true
}

/// What derived columns are computed from.
pub(crate) struct Derivation<'d> {
    cells: &'d PublishedCells,
    windows: &'d BTreeMap<String, (Month, Month)>,
    /// The windows of each span of months.
    by_months: BTreeMap<(Month, Month), Vec<&'d str>>,
    reference: &'d Reference,
    /// The points of charts without a hidden number.
    charts: BTreeMap<CellKey, ChartPoint>,
}

impl<'d> Derivation<'d> {
    pub(crate) fn new(
        figures: &[FigureRows],
        cells: &'d PublishedCells,
        windows: &'d BTreeMap<String, (Month, Month)>,
        reference: &'d Reference,
    ) -> Self {
        let mut by_months: BTreeMap<_, Vec<&str>> = BTreeMap::new();
        for (id, span) in windows {
            by_months.entry(*span).or_default().push(id);
        }
        let mut derivation = Self {
            cells,
            windows,
            by_months,
            reference,
            charts: BTreeMap::new(),
        };
        if let Some(charted) = figures.iter().find(|own| own.table.name == "spc") {
            derivation.charts = derivation.charts(charted);
        }
        derivation
    }

    /// Computes the derived columns of a table, whose rows have these keys.
    pub(crate) fn derive(&self, table: &mut ReleaseTable, keys: &[&RowKey]) {
        match table.name {
            "window_totals" => {
                self.each(table, keys, Self::share_and_rate);
                self.ranks(table, keys);
                self.each(table, keys, Self::harm);
            }
            "factors" => self.each(table, keys, Self::share_of_known),
            "outcomes" => self.each(table, keys, Self::share),
            "repeats" => self.each(table, keys, Self::repeat_share),
            "profile" => self.times_mean(table, keys),
            "spc" => self.each(table, keys, Self::chart_point),
            "change" => self.changes(table, keys),
            _ => {}
        }
    }

    fn each(
        &self,
        table: &mut ReleaseTable,
        keys: &[&RowKey],
        derive: fn(&Self, &mut RowWriter<'_>, &CellKey),
    ) {
        let mut rows = std::mem::take(&mut table.rows);
        for (row, key) in rows.iter_mut().zip(keys) {
            derive(self, &mut RowWriter { table, row }, &key.cell);
        }
        table.rows = rows;
    }

    fn form(&self, key: &CellKey) -> Option<PublishedForm> {
        self.cells.get(key).map(|cell| cell.form)
    }

    fn value(&self, key: &CellKey) -> Option<i64> {
        self.form(key)?.value()
    }

    fn share_and_rate(&self, row: &mut RowWriter<'_>, key: &CellKey) {
        let total = key.of_series(SeriesRef::named("total"));
        let value = self.value(key);
        row.number("share_pct", percent(value, self.value(&total)));
        let population = row.integer_of("population");
        row.number("rate_per_1000", rate(value, population));
    }

    fn share(&self, row: &mut RowWriter<'_>, key: &CellKey) {
        let whole = key.of_series(key.series.clone());
        row.number("share_pct", percent(self.value(key), self.value(&whole)));
    }

    fn share_of_known(&self, row: &mut RowWriter<'_>, key: &CellKey) {
        let with = self.value(key);
        let without = self.value(&key.with_part(FACTOR_PARTS[1]));
        let known = with.zip(without).map(|(with, without)| with + without);
        row.number("share_of_known_pct", percent(with, known));
    }

    fn repeat_share(&self, row: &mut RowWriter<'_>, key: &CellKey) {
        let cases = self.value(&key.with_part(REPEAT_PARTS[1]));
        row.number("repeat_pct", percent(self.value(key), cases));
    }

    /// The ranks of areas. A set that contains a suppressed area has none: the gap would show where its
    /// number is.
    fn ranks(&self, table: &mut ReleaseTable, keys: &[&RowKey]) {
        let (set, population) = (table.index("rank_set"), table.index("population"));
        let mut peers: BTreeMap<CellKey, Vec<usize>> = BTreeMap::new();
        for (at, (key, row)) in keys.iter().zip(&table.rows).enumerate() {
            let is_supplied = self.form(&key.cell) != Some(PublishedForm::NotSupplied);
            if let Some(set) = row[set].text().filter(|_| is_supplied) {
                let mut of_set = key.cell.clone();
                set.clone_into(&mut of_set.area.code);
                peers.entry(of_set).or_default().push(at);
            }
        }
        let columns = ["rank_min", "rank_max", "rank_of", "rank_measure"];
        let [min, max, of, measure] = columns.map(|column| table.index(column));
        for row in &mut table.rows {
            row[measure] = TableValue::Null;
        }
        for areas in peers.values() {
            let population = |at: usize| table.rows[at][population].integer();
            let is_by_rate = areas.iter().all(|at| population(*at).is_some());
            let measured: Option<Vec<f64>> = areas
                .iter()
                .map(|at| {
                    let value = self.value(&keys[*at].cell)?;
                    if is_by_rate {
                        rate(Some(value), population(*at))
                    } else {
                        Some(value as f64)
                    }
                })
                .collect();
            let Some(measured) = measured else { continue };
            let word = if is_by_rate {
                "rate_per_1000"
            } else {
                "count_value"
            };
            for (at, own) in areas.iter().zip(&measured) {
                let higher = measured.iter().filter(|other| *other > own).count() as i64;
                let row = &mut table.rows[*at];
                row[min] = TableValue::Integer(1 + higher);
                row[max] = TableValue::Integer(1 + higher);
                row[of] = TableValue::Integer(measured.len() as i64);
                row[measure] = TableValue::Text(word.to_owned());
            }
        }
    }

    /// The harm of a total or a code, from the published numbers of every code. A code that others were
    /// merged into has no weight.
    fn harm(&self, row: &mut RowWriter<'_>, key: &CellKey) {
        let sum = self.harm_of(key).filter(|_| row.has_text("harm_set"));
        row.number("harm", sum.map(|(weights, _)| weights));
        row.set("harm_unweighted", TableValue::from(sum.map(|own| own.1)));
    }

    fn harm_of(&self, key: &CellKey) -> Option<(f64, i64)> {
        let set = self.reference.harm()?;
        let mut schemes = set.weights().map(|(scheme, ..)| scheme);
        let scheme = schemes.next()?;
        if schemes.any(|other| other != scheme) {
            return None;
        }
        let code_list = |key: &CellKey| key.series.scheme.as_deref() == Some(scheme);
        let value = self.value(key)?;
        if code_list(key) && key.series.kind == "category" {
            let weight = set.weight(scheme, &key.series.id);
            return Some(weight.map_or((0.0, value), |weight| (weight * value as f64, 0)));
        }
        if key.series != SeriesRef::named("total") {
            return None;
        }
        let codes = self.cells.keys().filter(|own| {
            own.series.kind == "category"
                && code_list(own)
                && own.of_series(key.series.clone()) == *key
        });
        let mut sum = (0.0, 0);
        let mut counted = 0;
        for code in codes {
            let (weights, unweighted) = self.harm_of(code)?;
            sum = (sum.0 + weights, sum.1 + unweighted);
            counted += self.value(code)?;
        }
        // Otherwise a code is missing, or a record has several.
        (counted == value).then_some(sum)
    }

    fn times_mean(&self, table: &mut ReleaseTable, keys: &[&RowKey]) {
        let hour = table.index("hour");
        let mut weeks: BTreeMap<CellKey, Option<i64>> = BTreeMap::new();
        for (key, row) in keys.iter().zip(&table.rows) {
            let value = self.value(&key.cell);
            let is_known = row[hour] != TableValue::Null;
            let week = weeks.entry(key.cell.with_measure(Measure::default()));
            let sum = week.or_insert(Some(0));
            *sum = sum
                .zip(value)
                .map(|(sum, value)| sum + if is_known { value } else { 0 });
        }
        let index = table.index("times_mean");
        for (key, row) in keys.iter().zip(&mut table.rows) {
            let known = weeks[&key.cell.with_measure(Measure::default())];
            let known = known.filter(|known| *known > 0 && row[hour] != TableValue::Null);
            let times = known.zip(self.value(&key.cell));
            let times = times.map(|(known, value)| value as f64 * WEEK_HOURS / known as f64);
            row[index] = TableValue::from(times);
        }
    }

    /// The points of every chart that has no hidden number.
    fn charts(&self, figures: &FigureRows) -> BTreeMap<CellKey, ChartPoint> {
        let index = |column| crate::release::table::index_of(&figures.columns, column);
        let (segment, status) = (index("segment"), index("data_status"));
        let mut charts: BTreeMap<(CellKey, usize), Vec<ChartedRow<'_>>> = BTreeMap::new();
        for (key, row) in &figures.rows {
            if let Some((first, last)) = self.windows.get(&key.cell.window) {
                let of_chart = (key.cell.in_window(""), first.to(*last).count());
                let points = charts.entry(of_chart).or_default();
                points.push((*first, &key.cell, row));
            }
        }
        let mut points = BTreeMap::new();
        for mut own in charts.into_values() {
            own.sort_by_key(|(first, ..)| *first);
            let forms = own.iter().map(|(_, key, _)| self.form(key));
            let has_hidden = forms
                .flatten()
                .any(|form| matches!(form, PublishedForm::Suppressed { .. }));
            if has_hidden {
                continue;
            }
            let values: Vec<(usize, Option<i64>)> = own
                .iter()
                .map(|(_, key, row)| {
                    let is_final = row[status].text() == Some("final");
                    let segment = row[segment].integer().unwrap_or_default();
                    (segment as usize, self.value(key).filter(|_| is_final))
                })
                .collect();
            let keys = own.into_iter().map(|(_, key, _)| key.clone());
            points.extend(keys.zip(chart(&values)));
        }
        points
    }

    fn chart_point(&self, row: &mut RowWriter<'_>, key: &CellKey) {
        let Some(point) = self.charts.get(key) else {
            row.set("signal", TableValue::Text("excluded".to_owned()));
            return;
        };
        row.number("centre", point.centre());
        row.number("lower", point.lower());
        row.number("upper", point.upper());
        row.set("points", TableValue::Integer(point.points as i64));
        row.set("signal", TableValue::Text(point.signal().to_owned()));
    }

    /// Compares published numbers. A comparison has a row unless both sides are 0 or not supplied.
    fn changes(&self, table: &mut ReleaseTable, keys: &[&RowKey]) {
        let mut rows = std::mem::take(&mut table.rows);
        let mut kept = keys.iter();
        rows.retain_mut(|row| {
            let key = kept.next().expect("every row has a key");
            let baseline = key.baseline.as_deref().unwrap_or_default();
            baseline != CHART_BASELINE
                && self.compare(&mut RowWriter { table, row }, &key.cell, baseline)
        });
        table.rows = rows;
    }

    /// The windows of a comparison: its own months first, then those of the base.
    fn spans(&self, key: &CellKey, baseline: &str) -> Option<Vec<(Month, Month)>> {
        let window = self.reference.windows.get(&key.window)?;
        Some(base_spans(baseline, &window))
    }

    /// The published form of a number in some months.
    fn form_in(&self, key: &CellKey, span: (Month, Month)) -> Option<PublishedForm> {
        let mut windows = self.by_months.get(&span)?.iter();
        windows.find_map(|window| self.form(&key.in_window(window)))
    }

    fn compare(&self, row: &mut RowWriter<'_>, key: &CellKey, baseline: &str) -> bool {
        let Some(spans) = self.spans(key, baseline).filter(|spans| !spans.is_empty()) else {
            return false;
        };
        let forms: Vec<PublishedForm> = spans
            .iter()
            .map(|span| {
                self.form_in(key, *span)
                    .unwrap_or(PublishedForm::NotSupplied)
            })
            .collect();
        let base = Base::new(&forms);
        let form = self.form(key).unwrap_or(PublishedForm::NotSupplied);
        let is_nothing =
            |status: &str, most: Option<i64>| status == "not_supplied" || most == Some(0);
        if is_nothing(form.status(), form.bounds().1) && is_nothing(base.status, base.high) {
            return false;
        }
        row.set("base_min", TableValue::from(base.low));
        row.set("base_max", TableValue::from(base.high));
        row.set("base_status", TableValue::Text(base.status.to_owned()));
        let why_not = row.text_of("why_not");
        let statuses = [form.status(), base.status];
        let breaks = row.text_of("breaks").unwrap_or_default();
        let breaks = self.reference.breaks.iter().filter(|own| {
            let mut ids = breaks.split(';');
            ids.any(|id| id == own.id)
        });
        let found = PublishedComparison {
            count: form.value(),
            base: base.value,
            spans: spans.len() as f64,
            variation: self.variation(key),
            why_not: why_not.as_deref(),
            is_missing: statuses.contains(&"not_supplied"),
            is_hidden: statuses.contains(&"suppressed"),
            is_explained_by_location: self.is_explained_by_location(key, &spans),
            breaks: breaks.collect(),
        }
        .compare();
        let days = self.windows.get(&key.window).map_or(0, |(first, last)| {
            let span = last.last_day() - first.first_day();
            i64::from(span.get_days()) + 1
        });
        let difference = found.difference;
        row.set(
            "difference",
            TableValue::from(difference.map(|difference| difference.round() as i64)),
        );
        let base = base.value.filter(|base| *base != 0.0);
        let pct = difference
            .zip(base)
            .map(|(difference, base)| 100.0 * difference / base);
        row.number("difference_pct", pct);
        let per_day = difference.filter(|_| days > 0);
        row.number("difference_per_day", per_day.map(|own| own / days as f64));
        row.number("difference_low", found.bounds.map(|(low, _)| low));
        row.number("difference_high", found.bounds.map(|(_, high)| high));
        row.set("verdict", TableValue::Text(found.verdict.to_owned()));
        row.set("comparable", TableValue::Boolean(found.why_not.is_none()));
        row.set("why_not", TableValue::from(found.why_not));
        true
    }

    /// How much a series varies by its published chart of months at the end of the window, or of
    /// quarters.
    fn variation(&self, key: &CellKey) -> Option<Variation> {
        let (first, last) = *self.windows.get(&key.window)?;
        let months = first.to(last).count();
        [1, 3].into_iter().find_map(|length: i32| {
            let windows = self.by_months.get(&(last.plus(1 - length), last))?;
            let mut points = windows
                .iter()
                .filter_map(|window| self.charts.get(&key.in_window(window)));
            let sigma = points.find_map(ChartPoint::sigma)?;
            let is_multiple = months.is_multiple_of(length as usize);
            is_multiple.then_some(Variation {
                sigma,
                periods: months as f64 / f64::from(length),
            })
        })
    }

    /// Whether records without a location may explain the difference of an area, by published numbers.
    fn is_explained_by_location(&self, key: &CellKey, spans: &[(Month, Month)]) -> bool {
        self.located(key, spans).is_some_and(|[now, base]| {
            let difference = now.in_area - base.in_area / spans.len() as f64;
            now.may_explain(&base, difference)
        })
    }

    fn located(&self, key: &CellKey, spans: &[(Month, Month)]) -> Option<[Located; 2]> {
        let is_pseudo = key.area.is_collected() || key.area.level == "all-received";
        if is_pseudo || key.kind.starts_with("count:") {
            return None;
        }
        // At every level the same records are without a location.
        let nowhere = key.in_area("district", "no-location");
        let all = key.in_area("all-received", "all-received");
        let own = *self.windows.get(&key.window)?;
        let sum = |key: &CellKey, spans: &[(Month, Month)]| {
            let values = spans.iter().map(|span| self.form_in(key, *span)?.value());
            Some(values.sum::<Option<i64>>()? as f64)
        };
        let located = |spans: &[(Month, Month)]| {
            Some(Located {
                in_area: sum(key, spans)?,
                nowhere: sum(&nowhere, spans)?,
                all: sum(&all, spans)?,
            })
        };
        Some([located(&[own])?, located(spans)?])
    }
}

/// The base of a comparison: a published number, or the mean of several.
pub(crate) struct Base {
    pub(crate) low: Option<i64>,
    pub(crate) high: Option<i64>,
    pub(crate) status: &'static str,
    value: Option<f64>,
}

impl Base {
    /// The base from the forms of its spans; there is at least one.
    pub(crate) fn new(forms: &[PublishedForm]) -> Self {
        let n = forms.len().max(1) as i64;
        let statuses = ["not_supplied", "suppressed", "rounded", "exact"];
        let is = |status: &&&str| forms.iter().any(|form| form.status() == **status);
        let status = statuses.iter().find(is).copied().unwrap_or(statuses[0]);
        let lows: i64 = forms.iter().map(|form| form.bounds().0).sum();
        let highs = forms
            .iter()
            .map(|form| form.bounds().1)
            .sum::<Option<i64>>();
        let values = forms.iter().map(|form| form.value()).sum::<Option<i64>>();
        Self {
            low: (status != "not_supplied").then(|| lows.div_euclid(n)),
            high: highs.map(|high| (high + n - 1).div_euclid(n)),
            status,
            value: values.map(|sum| sum as f64 / n as f64),
        }
    }
}

/// Writes into a row by the names of columns.
struct RowWriter<'w> {
    table: &'w ReleaseTable,
    row: &'w mut Vec<TableValue>,
}

impl RowWriter<'_> {
    fn set(&mut self, column: &str, value: TableValue) {
        self.row[self.table.index(column)] = value;
    }

    fn number(&mut self, column: &str, value: Option<f64>) {
        self.set(column, TableValue::from(value));
    }

    fn integer_of(&self, column: &str) -> Option<i64> {
        self.row[self.table.index(column)].integer()
    }

    fn text_of(&self, column: &str) -> Option<String> {
        let value = &self.row[self.table.index(column)];
        value.text().map(str::to_owned)
    }

    fn has_text(&self, column: &str) -> bool {
        self.text_of(column).is_some()
    }
}

fn rate(value: Option<i64>, population: Option<i64>) -> Option<f64> {
    let (value, population) = value.zip(population)?;
    (population != 0).then(|| rate_per_1000(value, population))
}
