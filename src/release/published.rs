//! What a release publishes: the form of every number, and what is computed from published numbers
//! alone. Nothing here may read an exact number.

use std::collections::BTreeMap;

use crate::aggregate::tables::ValueType::{Date, Integer, Number, Text};
use crate::release::cells::{AreaRef, CellKey, FactorPart, Labels, SeriesRef};
use crate::release::table::{ColumnDefinition, Datum, ReleaseTable};

/// What is published of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublishedForm {
    /// The number.
    Exact(i64),
    /// The nearest multiple of 5, which stands for these numbers.
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
    fn bounds(self) -> (i64, Option<i64>) {
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
    pub(crate) labels: Labels,
}

/// The numbers of a release.
pub(crate) type PublishedCells = BTreeMap<CellKey, PublishedCell>;

const KEY_COLUMNS: usize = 13;

/// The keys and the count, which both tables begin with.
macro_rules! figure_columns {
    ($($more:expr),* $(,)?) => {
        &[
            ("partner", "The partner that sent the records.", Text),
            ("kind", "What the records are about. Never add across kinds.", Text),
            ("series_kind", "`total`, `mapped` (under a priority or theme), `unmapped`, `priority`, \
                `theme`, `category` (a partner's own code), `group` or `class`.", Text),
            ("series", "Id of the priority or theme, or the code. Priorities overlap: never add them.", Text),
            ("scheme", "The scheme of the code; null for a series of the plan.", Text),
            ("factor", "Id of the factor; null in window_totals.", Text),
            ("factor_part", "`with` the factor, `without` it, or `unknown`.", Text),
            ("area_level", "`all-received` (everything that was sent), `set`, `district` or `ward`.", Text),
            ("area_vintage", "The edition of the wards.", Text),
            ("area_role", "What the area is to the record: `incident`, `home` or `service`.", Text),
            ("area_code", "The area, or `no-location`, `outside` or `unplaced`.", Text),
            ("window_id", "The months counted, such as `fy:2017-18`.", Text),
            ("plan_id", "The plan whose priorities these are.", Text),
            ("count_value", "Number of records; null if suppressed or not supplied.", Integer),
            ("count_min", "The least number that it stands for.", Integer),
            ("count_max", "The greatest number that it stands for; null = no upper bound.", Integer),
            ("count_status", "`exact`; `rounded` (to the nearest 5); `suppressed` (hidden to protect \
                people); `not_supplied` (the data cannot show it, which is not 0).", Text),
            ("rule", "The rules that protect it, as in the table `disclosure`.", Text),
            ("series_label", "The series in words.", Text),
            ("partner_name", "The partner's name.", Text),
            ("feed", "`police`, `health` or `housing`.", Text),
            ("kind_label", "The kind in words.", Text),
            ("unit", "What is counted.", Text),
            ("area_name", "The area's name.", Text),
            ("window_label", "The months in words.", Text),
            ("window_from", "First day of the window.", Date),
            ("window_to", "Last day of the window.", Date),
            ("data_status", "How complete the window is: `overdue`, `not_due`, `suspect`, \
                `provisional` or `final`.", Text),
            $($more),*
        ]
    };
}

/// The columns of `window_totals`.
pub(crate) const WINDOW_TOTALS: &[ColumnDefinition] = figure_columns![
    (
        "share_pct",
        "100 × `count_value` / that of the total in the same cell, both as published.",
        Number
    ),
    (
        "population",
        "Number of `population_unit` in the area.",
        Integer
    ),
    (
        "population_unit",
        "`persons`, `households` or `adult-women`.",
        Text
    ),
    ("population_date", "The day `population` is for.", Date),
    (
        "rate_per_1000",
        "1000 × `count_value` / `population`.",
        Number
    ),
    (
        "rank_min",
        "Rank by the published numbers among the areas of `rank_set`, 1 = highest; null if \
        any of them is suppressed.",
        Integer
    ),
    ("rank_max", "The worst rank it may have.", Integer),
    ("rank_of", "Number of areas ranked.", Integer),
    ("rank_set", "The area whose parts are ranked.", Text),
];

/// The columns of `factors`.
pub(crate) const FACTORS: &[ColumnDefinition] = figure_columns![(
    "share_of_known_pct",
    "100 × with / (with + without), both as published; in the row `with`.",
    Number
)];

/// The two tables of figures.
pub(crate) fn tables(cells: &PublishedCells, plan: &str) -> Vec<ReleaseTable> {
    let ranks = ranks(cells);
    let mut totals = Vec::new();
    let mut factors = Vec::new();
    for (key, cell) in cells {
        let mut row = common(key, cell, plan);
        if key.factor.is_some() {
            row.push(Datum::number(share_of_known(cells, key)));
            factors.push(row);
        } else {
            row.extend(derived(cells, key, cell, ranks.get(key)));
            totals.push(row);
        }
    }
    vec![
        ReleaseTable {
            name: "window_totals",
            description: "Counts of each window, safe to publish.",
            columns: WINDOW_TOTALS,
            rows: totals,
        },
        ReleaseTable {
            name: "factors",
            description: "Records with a factor, without it, and unknown, safe to publish.",
            columns: FACTORS,
            rows: factors,
        },
    ]
}

fn common(key: &CellKey, cell: &PublishedCell, plan: &str) -> Vec<Datum> {
    let text = |text: &str| Datum::Text(text.to_owned());
    let optional = |text: &Option<String>| Datum::text(text.clone());
    let (low, high) = cell.form.bounds();
    let labels = &cell.labels;
    let factor = key.factor.as_ref();
    vec![
        text(&key.partner),
        text(&key.kind),
        text(&key.series.kind),
        text(&key.series.id),
        optional(&key.series.scheme),
        Datum::text(factor.map(|own| own.factor.clone())),
        Datum::text(factor.map(|own| own.part.clone())),
        text(&key.area.level),
        optional(&key.area.vintage),
        optional(&key.area.role),
        text(&key.area.code),
        text(&key.window),
        text(plan),
        Datum::integer(cell.form.value()),
        Datum::Integer(low),
        Datum::integer(high),
        text(cell.form.status()),
        text(&cell.rules),
        text(&labels.series),
        text(&labels.partner),
        text(&labels.feed),
        text(&labels.kind),
        optional(&labels.unit),
        text(&labels.area),
        text(&labels.window),
        Datum::Date(labels.window_from),
        Datum::Date(labels.window_to),
        text(&labels.data_status),
    ]
}

/// A share, a rate and a rank: each from published numbers, and null if one of them is hidden.
fn derived(
    cells: &PublishedCells,
    key: &CellKey,
    cell: &PublishedCell,
    rank: Option<&Rank>,
) -> Vec<Datum> {
    let value = cell.form.value();
    let total = cells.get(&key.of_series(SeriesRef::named("total")));
    let total = total.and_then(|total| total.form.value());
    let labels = &cell.labels;
    vec![
        Datum::number(percent(value, total)),
        Datum::integer(labels.population),
        Datum::text(labels.population_unit.clone()),
        labels.population_date.map_or(Datum::Null, Datum::Date),
        Datum::number(rate(value, labels.population)),
        Datum::integer(rank.map(|rank| rank.min)),
        Datum::integer(rank.map(|rank| rank.max)),
        Datum::integer(rank.map(|rank| rank.of)),
        Datum::text(labels.rank_set.clone()),
    ]
}

fn percent(part: Option<i64>, whole: Option<i64>) -> Option<f64> {
    let (part, whole) = part.zip(whole)?;
    (whole != 0).then(|| 100.0 * part as f64 / whole as f64)
}

fn rate(value: Option<i64>, population: Option<i64>) -> Option<f64> {
    let (value, population) = value.zip(population)?;
    (population != 0).then(|| 1000.0 * value as f64 / population as f64)
}

fn share_of_known(cells: &PublishedCells, key: &CellKey) -> Option<f64> {
    let factor = key.factor.as_ref().filter(|own| own.part == "with")?;
    let of_part = |part: &str| {
        let key = CellKey {
            factor: Some(FactorPart {
                part: part.to_owned(),
                ..factor.clone()
            }),
            ..key.clone()
        };
        cells.get(&key)?.form.value()
    };
    let (with, without) = (of_part("with")?, of_part("without")?);
    percent(Some(with), Some(with + without))
}

/// The rank of a number among the areas of one set.
struct Rank {
    min: i64,
    max: i64,
    of: i64,
}

/// The ranks of all areas. A set that contains a suppressed area has none: the gap would show where
/// its number is.
fn ranks(cells: &PublishedCells) -> BTreeMap<&CellKey, Rank> {
    type Peers<'c> = (
        &'c SeriesRef,
        &'c str,
        &'c str,
        &'c str,
        &'c AreaRef,
        &'c str,
    );
    let mut peers: BTreeMap<String, Vec<(&CellKey, &PublishedCell)>> = BTreeMap::new();
    for (key, cell) in cells.iter().filter(|(key, _)| key.factor.is_none()) {
        let of: Peers<'_> = (
            &key.series,
            &key.partner,
            &key.kind,
            &key.window,
            &key.area,
            cell.labels.rank_set.as_deref().unwrap_or_default(),
        );
        if !of.5.is_empty() && cell.form != PublishedForm::NotSupplied {
            let area = (&of.4.level, &of.4.vintage, &of.4.role);
            let group = format!("{:?}", (of.0, of.1, of.2, of.3, area, of.5));
            peers.entry(group).or_default().push((key, cell));
        }
    }
    let mut ranks = BTreeMap::new();
    for areas in peers.values() {
        let has_populations = areas
            .iter()
            .all(|(_, cell)| cell.labels.population.is_some());
        let measures: Option<Vec<f64>> = areas
            .iter()
            .map(|(_, cell)| {
                let value = cell.form.value()?;
                if has_populations {
                    rate(Some(value), cell.labels.population)
                } else {
                    Some(value as f64)
                }
            })
            .collect();
        let Some(measures) = measures else { continue };
        for ((key, _), own) in areas.iter().zip(&measures) {
            let higher = measures.iter().filter(|other| *other > own).count() as i64;
            let rank = Rank {
                min: 1 + higher,
                max: 1 + higher,
                of: measures.len() as i64,
            };
            ranks.insert(*key, rank);
        }
    }
    ranks
}

/// The published numbers of a table that was read back; the error is the first row that contradicts
/// itself.
pub(crate) fn read(table: &ReleaseTable) -> Result<Vec<(CellKey, PublishedCell)>, String> {
    debug_assert_eq!(table.columns[KEY_COLUMNS].0, "count_value");
    let rows = table.rows.iter();
    rows.map(|row| {
        let text = |index: usize| row[index].as_text().map(str::to_owned);
        let required = |index: usize| text(index).unwrap_or_default();
        let key = CellKey {
            partner: required(0),
            kind: required(1),
            series: SeriesRef {
                kind: required(2),
                id: required(3),
                scheme: text(4),
            },
            factor: text(5).map(|factor| FactorPart {
                factor,
                part: required(6),
            }),
            area: AreaRef {
                level: required(7),
                vintage: text(8),
                role: text(9),
                code: required(10),
            },
            window: required(11),
        };
        let [value, low, high] = [13, 14, 15].map(|index| row[index].as_integer());
        let form = PublishedForm::from_row(&required(16), value, low.unwrap_or_default(), high);
        let form = form.ok_or_else(|| key.text())?;
        let date = |index: usize| match row[index] {
            Datum::Date(day) => day,
            _ => jiff::civil::Date::default(),
        };
        let labels = Labels {
            window_from: date(25),
            window_to: date(26),
            ..Labels::default()
        };
        let cell = PublishedCell {
            form,
            rules: required(17),
            labels,
        };
        Ok((key, cell))
    })
    .collect()
}
