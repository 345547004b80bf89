//! The published form of every number, and how it is read back from a table.

use std::collections::BTreeMap;

use crate::aggregate::tables::TableValue;
use crate::event::Month;
use crate::release::cells::months;
use crate::release::figures::{FigureTable, SeriesOfTable};
use crate::release::keys::{AreaRef, CellKey, SeriesRef};
use crate::release::table::ReleaseTable;

/// What is published of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublishedForm {
    /// The number.
    Exact(i64),
    /// The nearest multiple of 5, to which these numbers are rounded.
    Rounded {
        /// The multiple.
        value: i64,
        /// The least number.
        low: i64,
        /// The greatest number.
        high: i64,
    },
    /// That it is hidden to protect people.
    Suppressed {
        /// The least number: 1, or 0 in a breakdown that is hidden completely.
        low: i64,
    },
    /// That the data cannot show it.
    NotSupplied,
}

impl PublishedForm {
    /// The published number, if there is one.
    pub(crate) fn value(self) -> Option<i64> {
        match self {
            Self::Exact(value) | Self::Rounded { value, .. } => Some(value),
            _ => None,
        }
    }

    /// The bounds of the number; no upper bound = any.
    pub(crate) fn bounds(self) -> (i64, Option<i64>) {
        match self {
            Self::Exact(value) => (value, Some(value)),
            Self::Rounded { low, high, .. } => (low, Some(high)),
            Self::Suppressed { low } => (low, None),
            Self::NotSupplied => (0, None),
        }
    }

    /// The word in `count_status`.
    pub(crate) fn status(self) -> &'static str {
        match self {
            Self::Exact(_) => "exact",
            Self::Rounded { .. } => "rounded",
            Self::Suppressed { .. } => "suppressed",
            Self::NotSupplied => "not_supplied",
        }
    }

    /// The form with these values of a row; `None` = they contradict one another.
    fn from_row(status: &str, value: Option<i64>, low: i64, high: Option<i64>) -> Option<Self> {
        match (status, value, high) {
            ("exact", Some(value), _) => Some(Self::Exact(value)),
            ("rounded", Some(value), Some(high)) => Some(Self::Rounded { value, low, high }),
            ("suppressed", None, None) => Some(Self::Suppressed { low }),
            ("not_supplied", None, _) => Some(Self::NotSupplied),
            _ => None,
        }
    }
}

/// A number as a release publishes it.
#[derive(Clone, Debug)]
pub(crate) struct PublishedCell {
    pub(crate) form: PublishedForm,
    /// The ids of the rules that protect it, joined by `;`.
    pub(crate) rules: String,
}

/// The numbers of a release.
pub(crate) type PublishedCells = BTreeMap<CellKey, PublishedCell>;

/// The published numbers of a table that was read back; the error is the first row that contradicts
/// itself.
pub(crate) fn read(
    table: &FigureTable,
    released: &ReleaseTable,
    hide: impl Fn(&str) -> i64,
) -> Result<Vec<(CellKey, PublishedCell)>, String> {
    let index = |column: &str| released.index(column);
    let (min, max, rule) = (index("count_min"), index("count_max"), index("rule"));
    let split: Vec<usize> = table.split.iter().map(|column| index(column)).collect();
    let keys = KeyColumns::new(table, released);
    let counts = table.counts.iter();
    let counts = counts.map(|count| (count, index(count.column), index(count.status)));
    let counts: Vec<_> = counts.collect();
    let mut cells = Vec::new();
    for row in &released.rows {
        let key = keys.key(row);
        let rules = row[rule].text().unwrap_or_default();
        let bounds = (row[min].integer().unwrap_or_default(), row[max].integer());
        for (number, (count, value, status)) in counts.iter().enumerate() {
            let split = split.iter().map(|index| row[*index].key()).collect();
            let key = key.with_measure(table.measure(split, count));
            let value = row[*value].integer();
            let status = row[*status].text().unwrap_or_default();
            let (low, high) = match (number, value) {
                (0, _) => bounds,
                (_, Some(value)) => {
                    let (low, high) = rounded_bounds(value, hide(rules));
                    (low, Some(high))
                }
                // A breakdown is hidden completely, or not: the other counts of the row as the first.
                (_, None) => (bounds.0.min(1), None),
            };
            let form = PublishedForm::from_row(status, value, low, high);
            let form = form.ok_or_else(|| key.text())?;
            let rules = rules.to_owned();
            cells.push((key, PublishedCell { form, rules }));
        }
    }
    Ok(cells)
}

/// How far a rounded number may be from its multiple.
const ROUND_REACH: i64 = 2;

/// The numbers that are rounded to a value; those that are hidden are not among them.
pub(crate) fn rounded_bounds(value: i64, hide: i64) -> (i64, i64) {
    ((value - ROUND_REACH).max(hide + 1), value + ROUND_REACH)
}

/// The indexes of the columns with the keys of a number.
pub(crate) struct KeyColumns {
    partner: usize,
    kind: usize,
    /// Kind, id and scheme; none = only the total.
    series: Option<[usize; 3]>,
    area: [usize; 4],
    window: usize,
}

impl KeyColumns {
    pub(crate) fn new(table: &FigureTable, released: &ReleaseTable) -> Self {
        let index = |column: &str| released.index(column);
        let has_series = table.series != SeriesOfTable::TotalOnly;
        Self {
            partner: index("partner"),
            kind: index("kind"),
            series: has_series.then(|| ["series_kind", "series", "scheme"].map(index)),
            area: ["area_level", "area_vintage", "area_role", "area_code"].map(index),
            window: index("window_id"),
        }
    }

    /// The count of a row's series.
    pub(crate) fn key(&self, row: &[TableValue]) -> CellKey {
        let optional = |index: usize| row[index].text().map(str::to_owned);
        let text = |index: usize| optional(index).unwrap_or_default();
        let [level, vintage, role, code] = self.area;
        CellKey {
            partner: text(self.partner),
            kind: text(self.kind),
            series: match self.series {
                None => SeriesRef::named("total"),
                Some([kind, id, scheme]) => SeriesRef {
                    kind: text(kind),
                    id: text(id),
                    scheme: optional(scheme),
                },
            },
            measure: crate::release::keys::Measure::default(),
            area: AreaRef {
                level: text(level),
                vintage: optional(vintage),
                role: optional(role),
                code: text(code),
            },
            window: text(self.window),
        }
    }
}

/// The months of the windows of a table.
pub(crate) fn windows(
    released: &ReleaseTable,
) -> impl Iterator<Item = (String, (Month, Month))> + '_ {
    let [id, from, to] = ["window_id", "window_from", "window_to"].map(|name| released.index(name));
    released.rows.iter().filter_map(move |row| {
        let [TableValue::Date(from), TableValue::Date(to)] = [&row[from], &row[to]] else {
            return None;
        };
        Some((row[id].text()?.to_owned(), months(*from, *to)))
    })
}
