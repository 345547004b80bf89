//! The tables of figures that a release may contain. A released table has the columns of the exact
//! table of its name, so only what a release adds is declared here: which columns are counts, which
//! keys say what is counted, and the status of each count.

use crate::aggregate::tables::{self, ColumnPurpose, ColumnSpec, TableSpec, ValueType};
use crate::reference::windows::{Family, Window};
use crate::release::keys::{CellKey, FACTOR_PARTS, Measure, REPEAT_PARTS};
use crate::release::table::column;

/// A column with a count, which is a cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CountColumn {
    pub(crate) column: &'static str,
    /// The column with its status.
    pub(crate) status: &'static str,
    /// Which of several counts of a row it is.
    pub(crate) part: Option<&'static str>,
}

impl CountColumn {
    /// Its cell, given that of the first count of the row.
    pub(crate) fn cell(&self, first: &CellKey) -> CellKey {
        let own = self.part.map(|part| first.with_part(part));
        own.unwrap_or_else(|| first.clone())
    }
}

/// The series that a table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SeriesOfTable {
    /// Those of the plan.
    Plan,
    /// Codes.
    Codes,
    /// Both.
    Any,
    /// The total only, without columns of series.
    TotalOnly,
}

/// A table of figures.
#[derive(Debug)]
pub(crate) struct FigureTable {
    pub(crate) name: &'static str,
    /// Its counts; the bounds in `count_min` and `count_max` are those of the first.
    pub(crate) counts: &'static [CountColumn],
    /// The keys of its own that say what is counted. Without any, its counts are those of the series.
    pub(crate) split: &'static [&'static str],
    pub(crate) series: SeriesOfTable,
    /// Whether the exact table leaves out rows of 0.
    pub(crate) is_sparse: bool,
    /// Whether its windows may be these, and what they are in words.
    pub(crate) allows: fn(&Window) -> bool,
    pub(crate) windows: &'static str,
}

/// The table of months of codes.
const MONTHS_OF_CODES: &str = "category_monthly";
/// The table of months of the plan's series.
const MONTHS_OF_SERIES: &str = "priority_monthly";

const COUNT: CountColumn = CountColumn {
    column: "count_value",
    status: "count_status",
    part: None,
};

const fn part(column: &'static str, status: &'static str, part: &'static str) -> CountColumn {
    CountColumn {
        column,
        status,
        part: Some(part),
    }
}

/// A table of counts of series, without keys of its own.
const fn plain(name: &'static str, series: SeriesOfTable) -> FigureTable {
    FigureTable {
        name,
        counts: &[COUNT],
        split: &[],
        series,
        is_sparse: false,
        allows: |_| true,
        windows: "any",
    }
}

/// Every table of figures that may be released, in the order of names.
pub(crate) static FIGURES: [FigureTable; 10] = [
    FigureTable {
        is_sparse: true,
        allows: Window::is_month,
        windows: "months",
        ..plain(MONTHS_OF_CODES, SeriesOfTable::Codes)
    },
    plain("change", SeriesOfTable::Plan),
    FigureTable {
        counts: &[
            part("count_value", "count_status", FACTOR_PARTS[0]),
            part("count_without", "count_without_status", FACTOR_PARTS[1]),
            part("count_unknown", "count_unknown_status", FACTOR_PARTS[2]),
        ],
        split: &["factor"],
        ..plain("factors", SeriesOfTable::Plan)
    },
    FigureTable {
        split: &["outcome_group", "outcome"],
        is_sparse: true,
        allows: |window| !window.is_month(),
        windows: "longer than a month",
        ..plain("outcomes", SeriesOfTable::Plan)
    },
    FigureTable {
        split: &[
            "legal_power",
            "regime",
            "place_of_safety",
            "transport",
            "age_group",
        ],
        is_sparse: true,
        allows: Window::is_month,
        windows: "months",
        ..plain("place_of_safety", SeriesOfTable::TotalOnly)
    },
    FigureTable {
        is_sparse: true,
        allows: Window::is_month,
        windows: "months",
        ..plain(MONTHS_OF_SERIES, SeriesOfTable::Plan)
    },
    FigureTable {
        split: &["weekday", "hour"],
        is_sparse: true,
        allows: |window| {
            window.months == 12 || (window.family == Family::Own && window.months > 12)
        },
        windows: "of 12 months or longer",
        ..plain("profile", SeriesOfTable::Plan)
    },
    FigureTable {
        counts: &[
            part("count_value", "count_status", REPEAT_PARTS[0]),
            part("cases", "cases_status", REPEAT_PARTS[1]),
        ],
        split: &["definition"],
        allows: |window| !window.is_month(),
        windows: "longer than a month",
        ..plain("repeats", SeriesOfTable::Plan)
    },
    FigureTable {
        allows: |window| window.is_month() || window.is_quarter(),
        windows: "months or quarters",
        ..plain("spc", SeriesOfTable::Plan)
    },
    FigureTable {
        is_sparse: true,
        ..plain("window_totals", SeriesOfTable::Any)
    },
];

/// The table of a name.
pub(crate) fn find(name: &str) -> Option<&'static FigureTable> {
    FIGURES.iter().find(|table| table.name == name)
}

/// The counts of series, which others are parts of.
pub(crate) fn totals() -> &'static FigureTable {
    find("window_totals").expect("it is one of them")
}

/// The exact table that has a number. Only the tables of months have months of wards.
pub(crate) fn table_with(key: &CellKey) -> &str {
    if let Some(table) = key.measure.table() {
        return table;
    }
    let is_month = Window::parse(&key.window).is_some_and(|window| window.is_month());
    match (is_month && key.area.level == "ward", key.series.is_code()) {
        (false, _) => totals().name,
        (true, true) => MONTHS_OF_CODES,
        (true, false) => MONTHS_OF_SERIES,
    }
}

impl FigureTable {
    /// The exact table.
    pub(crate) fn exact(&self) -> &'static TableSpec {
        tables::find(self.name).expect("the catalogue has every table of a release")
    }

    /// What a released table has: the columns of the exact one, the status of each further count, and
    /// the rules.
    pub(crate) fn columns(&self) -> Vec<ColumnSpec> {
        let mut columns = self.exact().columns();
        for count in &self.counts[1..] {
            let index = columns.iter().position(|own| own.name == count.column);
            let status = ColumnSpec {
                role: ColumnPurpose::Status,
                ..column(count.status, STATUS, ValueType::Text)
            };
            columns.insert(index.map_or(columns.len(), |index| index + 1), status);
        }
        for own in &mut columns {
            if own.name == "count_status" {
                own.description = STATUS;
                own.values = &[];
            }
        }
        columns.push(column(
            "rule",
            "The rules that protect the numbers, joined by `;`, as in the table `disclosure`.",
            ValueType::Text,
        ));
        columns
    }

    /// What one of its counts counts, given the keys of its own in a row.
    pub(crate) fn measure(&self, split: Vec<Option<String>>, count: &CountColumn) -> Measure {
        if self.split.is_empty() {
            return Measure::default();
        }
        let part = count.part.map(|part| Some(part.to_owned()));
        let name = Some(self.name.to_owned());
        Measure([name].into_iter().chain(split).chain(part).collect())
    }

    /// Whether the exact table has months of wards.
    pub(crate) fn has_months_of_wards(&self) -> bool {
        matches!(self.name, MONTHS_OF_CODES | MONTHS_OF_SERIES)
    }

    /// The table with the counts of the plan's series in every area and window of this one.
    pub(crate) fn wholes(&self) -> &'static Self {
        let months = find(MONTHS_OF_SERIES).filter(|_| self.has_months_of_wards());
        months.unwrap_or_else(totals)
    }

    /// Whether its counts are those of the series.
    pub(crate) fn is_of_series(&self) -> bool {
        self.split.is_empty()
    }

    /// Whether it has a row for every area with records of a series, and for those of no area.
    pub(crate) fn lists_areas(&self) -> bool {
        self.is_of_series() && self.is_sparse
    }
}

const STATUS: &str = "`exact`; `rounded` (to the nearest 5); `suppressed` (hidden to protect people); \
    `not_supplied` (the data cannot show it, which is not 0).";

/// Whether the values of a column of an exact table may be copied: they follow from no count of
/// records. Others are computed from published numbers, or left out.
pub(crate) fn is_copied(column: &ColumnSpec) -> bool {
    match column.role {
        ColumnPurpose::Count
        | ColumnPurpose::LowerBound
        | ColumnPurpose::UpperBound
        | ColumnPurpose::Measure => false,
        ColumnPurpose::Status => matches!(column.name, "data_status" | "count_reason"),
        _ => true,
    }
}
