//! A question to one table: which rows, and what of them. The same question is answered from the rows
//! in memory and printed as SQL, so a number and its printed query cannot differ.

use jiff::civil;

use crate::aggregate::tables::TableValue;

/// The statuses of a count with a number.
pub(crate) const SHOWN: [&str; 2] = ["exact", "rounded"];
/// The status of a count that a release does not show, to protect people.
pub(crate) const HIDDEN: &str = "suppressed";

/// The name of a column.
pub(crate) type ColumnName = &'static str;

/// A condition that a row must meet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// The column has the value; null is a value here.
    Is(ColumnName, TableValue),
    /// The column has one of the values.
    In(ColumnName, Vec<TableValue>),
    /// The column has a value.
    NotNull(ColumnName),
    /// The column is from one number to another.
    Between(ColumnName, i64, i64),
    /// The column has none of the texts.
    NotIn(ColumnName, &'static [&'static str]),
    /// The column is from one day to another.
    Days(ColumnName, civil::Date, civil::Date),
    /// The column's text begins so.
    StartsWith(ColumnName, &'static str),
    /// One of the conditions is met.
    Any(Vec<Condition>),
}

impl Condition {
    /// That something is known of the count of a row: it has an upper bound, or a lower one above 0.
    pub(crate) fn count_is_known() -> Self {
        Self::Any(vec![
            Self::NotNull("count_max"),
            Self::Between("count_min", 1, i64::MAX),
        ])
    }

    /// That a row has a number: exact, or rounded in a release.
    pub(crate) fn count_is_shown() -> Self {
        let shown = SHOWN.map(TableValue::from);
        Self::In("count_status", shown.into())
    }

    /// That a row has a number, or one that a release hides.
    pub(crate) fn count_is_shown_or_hidden() -> Self {
        let statuses = SHOWN.into_iter().chain([HIDDEN]).map(TableValue::from);
        Self::In("count_status", statuses.collect())
    }

    /// At least one of these must be met; each is about one column.
    pub(crate) fn alternatives(&self) -> &[Self] {
        match self {
            Self::Any(conditions) => conditions,
            one => std::slice::from_ref(one),
        }
    }

    /// The column it is about; of several, the first.
    pub(crate) fn column(&self) -> ColumnName {
        match self {
            Self::Any(conditions) => conditions.first().map_or("", Self::column),
            Self::Is(column, _)
            | Self::In(column, _)
            | Self::NotNull(column)
            | Self::NotIn(column, _)
            | Self::Days(column, ..)
            | Self::Between(column, ..)
            | Self::StartsWith(column, _) => column,
        }
    }

    /// Whether a value of its column meets it.
    pub(crate) fn matches(&self, value: &TableValue) -> bool {
        match self {
            Self::Is(_, wanted) => value == wanted,
            Self::In(_, wanted) => wanted.contains(value),
            Self::NotNull(_) => !value.is_null(),
            Self::Between(_, from, to) => value
                .integer()
                .is_some_and(|number| (*from..=*to).contains(&number)),
            Self::NotIn(_, others) => value.text().is_some_and(|text| !others.contains(&text)),
            Self::Days(_, from, to) => value.date().is_some_and(|day| (*from..=*to).contains(&day)),
            Self::StartsWith(_, start) => value.text().is_some_and(|text| text.starts_with(start)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.matches(value)),
        }
    }

    fn sql(&self) -> String {
        match self {
            Self::Is(column, TableValue::Null) => format!("{column} IS NULL"),
            Self::Is(column, value) => format!("{column} = {}", value.literal()),
            Self::In(column, values) => {
                let values: Vec<String> = values.iter().map(TableValue::literal).collect();
                format!("{column} IN ({})", values.join(", "))
            }
            Self::NotNull(column) => format!("{column} IS NOT NULL"),
            Self::Between(column, from, i64::MAX) => format!("{column} >= {from}"),
            Self::Between(column, from, to) => format!("{column} BETWEEN {from} AND {to}"),
            Self::NotIn(column, others) => {
                format!("{column} NOT IN ('{}')", others.join("', '"))
            }
            Self::Days(column, from, to) => {
                format!("{column} BETWEEN DATE '{from}' AND DATE '{to}'")
            }
            Self::StartsWith(column, start) => format!("starts_with({column}, '{start}')"),
            Self::Any(conditions) => {
                let conditions: Vec<String> = conditions.iter().map(Self::sql).collect();
                format!("({})", conditions.join(" OR "))
            }
        }
    }
}

/// What is computed of the rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    /// The column of the only row.
    Column(ColumnName),
    /// The column of the only row, times 100.
    TimesHundred(ColumnName),
    /// Per cent: the sum of columns of the only row, divided by the sum of others.
    Percent(Vec<ColumnName>, Vec<ColumnName>),
    /// The sum of columns of the only row.
    Plus(Vec<ColumnName>),
    /// The number of rows.
    Rows,
    /// The number of different values of a column of texts, without null.
    CountDistinct(ColumnName),
    /// The number of rows that meet a condition.
    CountWhere(Condition),
    /// The sum of a column.
    Sum(ColumnName),
    /// The sum of a column over the rows that meet a condition.
    SumWhere(ColumnName, Condition),
    /// Per cent: the sum of a column over the rows that meet a condition, divided by the whole sum.
    Share(ColumnName, Condition),
}

impl Expression {
    /// Whether it is about the only row of a selection.
    pub(crate) fn is_of_one_row(&self) -> bool {
        matches!(
            self,
            Self::Column(_) | Self::TimesHundred(_) | Self::Percent(..) | Self::Plus(_)
        )
    }

    /// As SQL.
    pub(crate) fn sql(&self) -> String {
        match self {
            Self::Column(column) => (*column).to_owned(),
            Self::TimesHundred(column) => format!("100.0 * {column}"),
            Self::Percent(part, whole) => format!(
                "100.0 * ({}) / nullif({}, 0)",
                part.join(" + "),
                whole.join(" + ")
            ),
            Self::Plus(columns) => columns.join(" + "),
            Self::Rows => "count(*)".to_owned(),
            Self::CountDistinct(column) => format!("count(DISTINCT {column})"),
            Self::CountWhere(condition) => format!("count(*) FILTER ({})", condition.sql()),
            Self::Sum(column) => format!("coalesce(sum({column}), 0)"),
            Self::SumWhere(column, condition) => {
                format!("coalesce(sum({column}) FILTER ({}), 0)", condition.sql())
            }
            Self::Share(column, condition) => format!(
                "100.0 * sum({column}) FILTER ({}) / nullif(sum({column}), 0)",
                condition.sql()
            ),
        }
    }
}

/// Rows of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Selection {
    /// The table.
    pub(crate) table: &'static str,
    /// What its rows must meet.
    pub(crate) conditions: Vec<Condition>,
}

impl Selection {
    /// All rows of a table.
    pub(crate) fn new(table: &'static str) -> Self {
        Self {
            table,
            conditions: Vec::new(),
        }
    }

    /// Only the rows whose column has the value.
    pub(crate) fn is(self, column: ColumnName, value: impl Into<TableValue>) -> Self {
        let value = value.into();
        self.and(Condition::Is(column, value))
    }

    /// Only the rows whose column has one of the texts.
    pub(crate) fn one_of(self, column: ColumnName, values: &[impl AsRef<str>]) -> Self {
        if let [only] = values {
            return self.is(column, only.as_ref());
        }
        let values = values.iter();
        let values = values.map(|value| TableValue::from(value.as_ref()));
        self.and(Condition::In(column, values.collect()))
    }

    /// Only the rows that also meet the condition.
    pub(crate) fn and(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    fn clauses(&self) -> String {
        let conditions: Vec<String> = self.conditions.iter().map(Condition::sql).collect();
        let filter = if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        };
        format!("FROM '{}.parquet'{filter}", self.table)
    }

    /// The query of one value of these rows.
    pub(crate) fn sql(&self, expression: &Expression) -> String {
        format!("SELECT {} AS value {}", expression.sql(), self.clauses())
    }
}

/// A list of rows with some values each: the query of a table or chart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listing {
    /// The rows.
    pub(crate) rows: Selection,
    /// The values of each, with their names.
    pub(crate) columns: Vec<(&'static str, Expression)>,
    /// The columns whose equal values make one row; none = every row is one.
    pub(crate) group: Vec<ColumnName>,
    /// The columns they are sorted by, and whether the greatest comes first.
    pub(crate) order: Vec<(ColumnName, bool)>,
    /// The most rows there are.
    pub(crate) limit: Option<usize>,
}

impl Listing {
    /// Columns of all selected rows, in no order yet.
    pub(crate) fn new(rows: Selection, columns: &[ColumnName]) -> Self {
        Self {
            rows,
            columns: columns
                .iter()
                .map(|column| (*column, Expression::Column(column)))
                .collect(),
            group: Vec::new(),
            order: Vec::new(),
            limit: None,
        }
    }

    /// With a computed column.
    pub(crate) fn with(mut self, name: &'static str, expression: Expression) -> Self {
        self.columns.push((name, expression));
        self
    }

    /// One row for all rows with equal values of the columns, sorted by them.
    pub(crate) fn grouped(mut self, columns: &[ColumnName]) -> Self {
        self.group = columns.to_vec();
        columns
            .iter()
            .fold(self, |listing, column| listing.ascending(column))
    }

    /// Sorted by a column, the least first.
    pub(crate) fn ascending(mut self, column: ColumnName) -> Self {
        self.order.push((column, false));
        self
    }

    /// Sorted by a column, the greatest first.
    pub(crate) fn descending(mut self, column: ColumnName) -> Self {
        self.order.push((column, true));
        self
    }

    /// Only the first rows.
    pub(crate) fn first(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// As SQL.
    pub(crate) fn sql(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|(name, expression)| match expression {
                Expression::Column(column) if column == name => (*name).to_owned(),
                other => format!("{} AS \"{name}\"", other.sql()),
            })
            .collect();
        let mut clauses = vec![
            format!("SELECT {}", columns.join(", ")),
            self.rows.clauses(),
        ];
        if !self.group.is_empty() {
            clauses.push(format!("GROUP BY {}", self.group.join(", ")));
        }
        if !self.order.is_empty() {
            let order: Vec<String> = self
                .order
                .iter()
                .map(|(column, descending)| {
                    let direction = if *descending { " DESC" } else { "" };
                    format!("{column}{direction} NULLS LAST")
                })
                .collect();
            clauses.push(format!("ORDER BY {}", order.join(", ")));
        }
        clauses.extend(self.limit.map(|limit| format!("LIMIT {limit}")));
        clauses.join(" ")
    }
}
