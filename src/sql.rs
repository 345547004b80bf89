//! Every table as one SQL query over `events/` and the dimension tables of its folder.
//!
//! The queries say the same as [`crate::aggregate`], in another language and for another engine, so
//! that a figure can be followed to its records, checked, or made where the data are too many for
//! one machine. They share no code with it. What no file holds (rules, code lists, due days) is
//! written into the query.
//!
//! The text is one for both dialects: what differs is in [`Dialect`], and what depends on plan and
//! reference data fills the names in braces ([`Query::fill`]).

#![expect(clippy::format_push_string, reason = "a query is put together once")]

mod rules;

use std::collections::BTreeSet;

use arrow_schema::DataType;

use crate::aggregate::{Wanted, tables::events};
use crate::event::{Feed, Month};
use crate::reference::codes::CodeList;
use crate::reference::geography::{Level, Tier};
use crate::reference::plan::{Plan, Status};
use crate::reference::{DateBasis, Reference};
use rules::{Conditions, folded, text};

/// A language of queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Dialect {
    /// Of `DuckDB`.
    Duckdb,
    /// Of Spark, in its ANSI mode.
    Spark,
}

/// Functions by their names in Spark, and what `DuckDB` calls them.
const FUNCTIONS: [(&str, &str); 7] = [
    ("explode(", "unnest("),
    ("array(", "list_value("),
    ("collect_set(", "list(DISTINCT "),
    ("array_sort(", "list_sort("),
    ("array_join(", "array_to_string("),
    ("unix_micros(", "epoch_us("),
    ("datediff(", "date_diff('day', "),
];

impl Dialect {
    /// A Parquet file as a table; for Spark by a name, as it would look into the file wherever it
    /// stands.
    fn parquet(self, path: &str) -> String {
        match self {
            Self::Duckdb => format!("'{path}'"),
            Self::Spark => format!(
                "file_{}",
                path.trim_end_matches(".parquet").replace(['/', '-'], "_")
            ),
        }
    }

    /// What must go before a query of some files.
    fn open(self, paths: &[String], query: &str) -> String {
        let open = |path: &String| {
            let name = self.parquet(path);
            format!(
                "CREATE OR REPLACE TEMPORARY VIEW {name} USING parquet OPTIONS (path '{path}');\n"
            )
        };
        let used = paths
            .iter()
            .filter(|path| self == Self::Spark && query.contains(&self.parquet(path)));
        used.map(open).collect()
    }

    /// The day of an instant in London.
    fn day(self, at: &str) -> String {
        match self {
            Self::Duckdb => format!("CAST(timezone('Europe/London', {at}) AS DATE)"),
            Self::Spark => {
                format!(
                    "CAST(convert_timezone(current_timezone(), 'Europe/London', CAST({at} AS TIMESTAMP_NTZ)) AS DATE)"
                )
            }
        }
    }

    fn translate(self, query: &str) -> String {
        match self {
            Self::Duckdb => FUNCTIONS
                .iter()
                .fold(query.to_owned(), |query, (spark, own)| {
                    query.replace(spark, own)
                }),
            Self::Spark => statements(&query.replace('"', "`")),
        }
    }
}

/// The parts of a query that several others refer to: for Spark they are tables, the rest views.
const KEPT: [&str; 15] = [
    "all_wins",
    "cells",
    "gathered",
    "held_months",
    "judged",
    "lined",
    "lines_of",
    "places",
    "points",
    "supplied",
    "targets",
    "told",
    "totals",
    "usable",
    "worst",
];

/// A query with parts (`WITH`) as one statement for each. Of a part that stands in one query
/// several times, Spark plans each place anew, and in parts of parts these multiply: the planning
/// of one query alone took minutes.
fn statements(query: &str) -> String {
    let mut script = String::new();
    let mut part = None;
    for line in query.lines() {
        let line = line.strip_prefix("WITH ").unwrap_or(line);
        match (
            part,
            line.strip_suffix(" AS (")
                .filter(|name| !name.starts_with(' ')),
        ) {
            (None, Some(name)) => {
                part = Some(name);
                script.push_str(&if KEPT.contains(&name) {
                    format!("DROP TABLE IF EXISTS {name};\nCREATE TABLE {name} USING parquet AS\n")
                } else {
                    format!("CREATE OR REPLACE TEMPORARY VIEW {name} AS\n")
                });
            }
            (None, None) if line == "," => {}
            (Some(_), _) if line == ")" || line == ")," => {
                part = None;
                script.push_str(";\n");
            }
            _ => {
                script.push_str(&format!("{line}\n"));
            }
        }
    }
    script
}

/// A table, and which part of the cells it is made of.
struct Table {
    name: &'static str,
    /// What follows the cells.
    text: &'static [&'static str],
    /// Which windows it tells.
    windows: &'static str,
    /// Which series.
    lines: &'static str,
    /// Which places.
    places: &'static str,
    /// Columns by which its records are counted apart.
    key: &'static str,
}

const MONTHS: &str = "family = 'month'";
const OF_PLAN: &str = "split_part(line, '|', 4) = ''";
const SPARSE: &str = "(split_part(place, '|', 2) IN ('lsoa', 'outward_postcode') AND split_part(place, '|', 1) NOT IN ('no-location', 'outside', 'unplaced'))";
const NOT_SPARSE: &str = "(split_part(place, '|', 2) NOT IN ('lsoa', 'outward_postcode') OR split_part(place, '|', 1) IN ('no-location', 'outside', 'unplaced'))";
/// Codes have no rows of small areas.
const NOT_SPARSE_CODES: &str = "(split_part(line, '|', 4) = '' OR split_part(place, '|', 2) NOT IN ('lsoa', 'outward_postcode') OR split_part(place, '|', 1) IN ('no-location', 'outside', 'unplaced'))";
const ANY: &str = "true";

/// The tables of counts.
const TABLES: [Table; 12] = [
    Table {
        name: "category_monthly",
        text: &[include_str!("sql/category_monthly.sql")],
        windows: MONTHS,
        lines: "split_part(line, '|', 4) <> ''",
        places: ANY,
        key: "",
    },
    Table {
        name: "change",
        text: &[
            include_str!("sql/charted.sql"),
            include_str!("sql/change.sql"),
        ],
        windows: ANY,
        lines: ANY,
        places: NOT_SPARSE_CODES,
        key: "",
    },
    Table {
        name: "factors",
        text: &[
            include_str!("sql/tallied.sql"),
            include_str!("sql/factors.sql"),
        ],
        windows: ANY,
        lines: "split_part(line, '|', 2) IN ('total', 'priority')",
        places: NOT_SPARSE,
        key: ", yes, no",
    },
    Table {
        name: "feed_quality",
        text: &[include_str!("sql/feed_quality.sql")],
        windows: MONTHS,
        lines: "split_part(line, '|', 2) IN ('total', 'unmapped')",
        places: "(place = 'all|all||' OR place LIKE '%|set|%')",
        key: "",
    },
    Table {
        name: "outcomes",
        text: &[
            include_str!("sql/tallied.sql"),
            include_str!("sql/outcomes.sql"),
        ],
        windows: "family <> 'month'",
        lines: OF_PLAN,
        places: NOT_SPARSE,
        key: ", outcome_list, outcome_code",
    },
    Table {
        name: "place_of_safety",
        text: &[include_str!("sql/place_of_safety.sql")],
        windows: MONTHS,
        lines: OF_PLAN,
        places: ANY,
        key: "",
    },
    Table {
        name: "priority_monthly",
        text: &[include_str!("sql/priority_monthly.sql")],
        windows: MONTHS,
        lines: OF_PLAN,
        places: ANY,
        key: "",
    },
    Table {
        name: "profile",
        text: &[
            include_str!("sql/tallied.sql"),
            include_str!("sql/profile.sql"),
        ],
        windows: "family NOT IN ('month', 'quarter')",
        lines: OF_PLAN,
        places: NOT_SPARSE,
        key: ", \"weekday\", \"hour\"",
    },
    Table {
        name: "reconciliation",
        text: &[include_str!("sql/reconciliation.sql")],
        windows: ANY,
        lines: "split_part(line, '|', 2) IN ('total', 'mapped', 'unmapped', 'category')",
        places: ANY,
        key: "",
    },
    Table {
        name: "repeats",
        text: &[
            include_str!("sql/tallied.sql"),
            include_str!("sql/repeats.sql"),
        ],
        windows: "family <> 'month'",
        lines: OF_PLAN,
        places: NOT_SPARSE,
        key: ", person_again, victim_again, suspect_again, \"repeat\", offender_again, victim_flagged",
    },
    Table {
        name: "spc",
        text: &[include_str!("sql/charted.sql"), include_str!("sql/spc.sql")],
        windows: "family IN ('month', 'quarter')",
        lines: ANY,
        places: NOT_SPARSE,
        key: "",
    },
    Table {
        name: "window_totals",
        text: &[include_str!("sql/window_totals.sql")],
        windows: ANY,
        lines: ANY,
        places: NOT_SPARSE_CODES,
        key: "",
    },
];

/// The tables to join, which need no query.
const DIMENSIONS: [&str; 10] = [
    "areas",
    "breaks",
    "intake",
    "lineage",
    "placements",
    "populations",
    "priorities",
    "rules",
    "sources",
    "windows",
];

/// What every query of a table of counts begins with.
const BEGINNING: [&str; 5] = [
    include_str!("sql/records.sql"),
    include_str!("sql/series.sql"),
    include_str!("sql/held.sql"),
    include_str!("sql/places.sql"),
    include_str!("sql/cells.sql"),
];

/// The columns of events that queries read.
const COLUMNS: [&str; 48] = [
    "source",
    "partner",
    "feed",
    "kind",
    "subject",
    "month",
    "date_basis",
    "weekday",
    "hour",
    "what_list",
    "what_edition",
    "scheme",
    "code",
    "codes",
    "groups",
    "class",
    "unknown_code",
    "occurred_from",
    "recorded_at",
    "area_code",
    "area_level",
    "area_role",
    "area_vintage",
    "area_zone",
    "flags_true",
    "flags_false",
    "person_age_band",
    "victim_age_band",
    "suspect_age_band",
    "person_again",
    "victim_again",
    "suspect_again",
    "support_needs",
    "outcome_list",
    "outcome_code",
    "place_of_safety",
    "transport",
    "repeat",
    "period_from",
    "period_to",
    "unit",
    "age_band",
    "sex",
    "with_flag",
    "status",
    "value",
    "at_least",
    "at_most",
];

/// The tables there are, in order.
pub fn tables() -> Vec<&'static str> {
    let names: BTreeSet<&str> = TABLES
        .iter()
        .map(|table| table.name)
        .chain(DIMENSIONS)
        .collect();
    names.into_iter().collect()
}

/// The query of a table, to be run in the folder of the store; `None` = there is no such table.
pub fn query(
    table: &str,
    wanted: &Wanted<'_>,
    reference: &Reference,
    dialect: Dialect,
) -> Option<String> {
    if DIMENSIONS.contains(&table) {
        let path = format!("aggregates/{}/{table}.parquet", wanted.folder());
        let query = format!("SELECT * FROM {}\n", dialect.parquet(&path));
        return Some(dialect.open(&[path], &query) + &query);
    }
    let table = TABLES.iter().find(|own| own.name == table)?;
    let plans = match *wanted {
        Wanted::Plan(plan) => vec![plan],
        Wanted::InForce => reference
            .plans
            .iter()
            .filter(|plan| plan.status == Status::Adopted)
            .collect(),
    };
    Some(
        Query {
            table,
            wanted,
            plans,
            reference,
            dialect,
        }
        .text(),
    )
}

struct Query<'q> {
    table: &'q Table,
    wanted: &'q Wanted<'q>,
    plans: Vec<&'q Plan>,
    reference: &'q Reference,
    dialect: Dialect,
}

impl Query<'_> {
    fn text(&self) -> String {
        let has_weights = self.reference.harm().is_some();
        let parts = BEGINNING
            .iter()
            .chain(self.table.text)
            .copied()
            .collect::<String>();
        let harmed = if has_weights {
            include_str!("sql/harmed.sql").trim_end()
        } else {
            ""
        };
        let query = self.fill(format!("WITH {parts}").replace("{harmed}", harmed));
        let dimensions =
            DIMENSIONS.map(|table| format!("aggregates/{}/{table}.parquet", self.wanted.folder()));
        let paths: Vec<String> = Feed::ALL
            .map(|feed| format!("events/{feed}.parquet"))
            .into_iter()
            .chain(dimensions)
            .collect();
        self.dialect.open(&paths, &query) + &self.dialect.translate(&query)
    }

    /// Puts what depends on plan and reference data in place of the names in braces.
    fn fill(&self, query: String) -> String {
        let conditions = Conditions::of(&self.plans);
        let (harm, harm_join) = self.harm();
        // In this order: what is put in may name what comes later.
        let names: Vec<(&str, String)> = vec![
            ("events", self.events()),
            (
                "keys",
                "{plan_keys}, {kind_keys}, {place_keys}, {window_keys}, {status_keys}".to_owned(),
            ),
            ("plan_keys", PLAN_KEYS.to_owned()),
            ("kind_keys", KIND_KEYS.to_owned()),
            ("place_keys", PLACE_KEYS.to_owned()),
            ("window_keys", WINDOW_KEYS.to_owned()),
            ("status_keys", STATUS_KEYS.to_owned()),
            ("block", BLOCK.to_owned()),
            ("joins", JOINS.to_owned()),
            ("harm", harm),
            ("harm_join", harm_join),
            ("weights", self.weights()),
            ("baselines", BASELINES.to_owned()),
            ("more_spans", self.more_spans()),
            ("basis", self.basis()),
            ("status_names", STATUS_NAMES.to_owned()),
            ("fold", folded("scheme", "code")),
            ("tests", conditions.tests()),
            ("test_names", conditions.test_names()),
            ("ages", rules::age_bounds()),
            ("judged", conditions.judged()),
            ("lines", String::new()),
            ("plan_lines", plan_lines(&self.plans)),
            ("families", self.table.windows.to_owned()),
            ("places", self.table.places.to_owned()),
            ("sparse", SPARSE.replace("(place", "(c.place")),
            ("coded", "split_part(c.line, '|', 4) <> ''".to_owned()),
            ("key", self.table.key.to_owned()),
            ("epoch_us", "unix_micros(occurred_from)".to_owned()),
            ("period_from", self.dialect.day("period_from")),
            ("period_to", self.dialect.day("period_to")),
            ("frame", self.frame()),
            ("plan", self.plan()),
            (
                "due_days",
                keyed(
                    self.reference
                        .partners
                        .due_days()
                        .map(|(key, days)| (key, days.unwrap_or(-1))),
                    "-1",
                    true,
                ),
            ),
            (
                "settle_months",
                keyed(self.reference.partners.settle_months(), "0", false),
            ),
            ("rate_unit", self.rate_unit()),
            ("tiers_of", self.tiers_of()),
            ("segment", self.segment()),
            ("breaks", self.breaks()),
            ("unit_place", UNIT_PLACE.to_owned()),
            ("is_sum", self.is_any(|list| &list.totals)),
            ("is_base", self.is_any(|list| &list.bases)),
            ("districts_of", self.districts_of()),
            ("is_exclusive", self.is_exclusive()),
            ("labels", self.labels()),
            ("outcomes", self.outcomes()),
            ("factor_flags", self.factor_flags()),
            ("controls", self.controls()),
        ];
        let mut query = query;
        for (name, value) in names {
            // Which lines a table is of, and the lines of a plan, go by one name.
            let value = if name == "lines" {
                conditions.lines()
            } else {
                value
            };
            if name == "lines" {
                query = query.replace(
                    "'*|total|total|'{lines}",
                    &format!("'*|total|total|'{value}"),
                );
                query = query.replace("{lines}", self.table.lines);
                continue;
            }
            query = query.replace(&format!("{{{name}}}"), &value);
        }
        for dimension in DIMENSIONS {
            let path = format!("aggregates/{}/{dimension}.parquet", self.wanted.folder());
            query = query.replace(&format!("{{{dimension}}}"), &self.dialect.parquet(&path));
        }
        query
    }

    /// The columns of all feeds' events.
    fn events(&self) -> String {
        let of_feed = |feed: Feed| {
            let schema = events::schema_of(feed);
            let column = |name: &&str| match schema.field_with_name(name) {
                Ok(_) => format!("\"{name}\""),
                Err(_) => format!("CAST(NULL AS {}) AS \"{name}\"", type_of(name)),
            };
            let columns: Vec<String> = COLUMNS.iter().map(column).collect();
            let file = self.dialect.parquet(&format!("events/{feed}.parquet"));
            format!("\n    SELECT {}\n    FROM {file}", columns.join(", "))
        };
        Feed::ALL.map(of_feed).join("\n    UNION ALL") + "\n"
    }

    fn frame(&self) -> String {
        match self.wanted {
            Wanted::Plan(plan) => text(&plan.id),
            Wanted::InForce => "coalesce(plan_in_force, '')".to_owned(),
        }
    }

    fn plan(&self) -> String {
        match self.wanted {
            Wanted::Plan(plan) => text(&plan.id),
            Wanted::InForce => "CAST(NULL AS STRING)".to_owned(),
        }
    }

    fn more_spans(&self) -> String {
        match self.table.name {
            "change" => format!("\n    UNION SELECT frame, base_m0, months FROM ({BASELINES}) AS b"),
            "reconciliation" => "\n    UNION SELECT frame, t.m0, t.months FROM wins CROSS JOIN (VALUES {controls}) AS t(partner, kind, area, \"window\", m0, months, amount)"
                .to_owned(),
            _ => String::new(),
        }
    }

    /// The date that puts a kind's records into months.
    fn basis(&self) -> String {
        let recorded = self
            .reference
            .partners
            .date_bases()
            .map(|(key, basis)| (key, basis.as_str()));
        let recorded: Vec<(&str, String)> =
            recorded.map(|(key, basis)| (key, text(basis))).collect();
        let (partner, kind) = ("split_part({whose}, '|', 1)", "split_part({whose}, '|', 3)");
        let cases = cases(
            recorded.iter().map(|(key, basis)| (*key, basis.clone())),
            partner,
            kind,
        );
        let cases = if cases.is_empty() {
            text(DateBasis::Occurred.as_str())
        } else {
            format!("coalesce({cases}, '{}')", DateBasis::Occurred.as_str())
        };
        let whose = if self.table.name == "feed_quality" {
            "i.whose"
        } else {
            "c.whose"
        };
        format!("CASE WHEN {kind} LIKE 'count:%' THEN 'own' ELSE {cases} END")
            .replace("{whose}", whose)
    }

    fn rate_unit(&self) -> String {
        let units = self.reference.partners.rate_units();
        let whens = units.fold(String::new(), |whens, (kind, unit)| {
            whens + &format!(" WHEN {} THEN {}", text(kind), text(unit.as_str()))
        });
        if whens.is_empty() {
            text("persons")
        } else {
            format!("CASE split_part(c.whose, '|', 3){whens} ELSE 'persons' END")
        }
    }

    fn harm(&self) -> (String, String) {
        let Some(set) = self.reference.harm() else {
            let none = "CAST(NULL AS DOUBLE) AS harm, CAST(NULL AS STRING) AS harm_set, CAST(NULL AS BIGINT) AS harm_unweighted";
            return (none.to_owned(), String::new());
        };
        let of_records = "split_part(c.whose, '|', 3) NOT LIKE 'count:%'";
        let columns = format!(
            "CASE WHEN exact IS NOT NULL AND {of_records} THEN coalesce(h.harm, 0e0) END AS harm,
    CASE WHEN {of_records} THEN {} END AS harm_set, CASE WHEN {of_records} THEN coalesce(h.unweighted, 0) END AS harm_unweighted",
            text(&set.id)
        );
        let join = "LEFT JOIN harmed AS h ON h.line = c.line AND h.whose = c.whose AND h.place = c.place AND h.m0 = c.m0 AND h.months = c.months";
        (columns, join.to_owned())
    }

    fn weights(&self) -> String {
        let weights = self
            .reference
            .harm()
            .into_iter()
            .flat_map(crate::reference::HarmSet::weights);
        let mut rows: Vec<String> = weights
            .map(|(scheme, code, weight)| {
                format!(
                    "({}, {}, CAST({weight} AS DOUBLE))",
                    text(scheme),
                    text(code)
                )
            })
            .collect();
        rows.sort();
        values(&rows, "(CAST(NULL AS STRING), '', CAST(0 AS DOUBLE))")
    }

    fn tiers_of(&self) -> String {
        const SENT: [&str; 8] = [
            "lsoa",
            "msoa",
            "ward",
            "district",
            "county",
            "police_force",
            "icb",
            "outward_postcode",
        ];
        let scope = self
            .plans
            .first()
            .and_then(|plan| self.reference.geography.scope(&plan.area));
        let mut rows = Vec::new();
        for level in SENT {
            for tier in scope.iter().flat_map(|scope| scope.tiers_of(level)) {
                let vintage = tier
                    .vintage
                    .map(|year| year.to_string())
                    .unwrap_or_default();
                rows.push(format!(
                    "({}, {}, {})",
                    text(level),
                    text(tier.level.as_str()),
                    text(&vintage)
                ));
            }
        }
        values(&rows, "(CAST(NULL AS STRING), '', '')")
    }

    /// The number of the segment of a chart.
    fn segment(&self) -> String {
        let mut sum = "1".to_owned();
        for of in &self.reference.breaks {
            let ended = if of.to > of.from {
                format!(" + CASE WHEN {} < w.m0 THEN 1 ELSE 0 END", number(of.to))
            } else {
                String::new()
            };
            let begun = format!(
                "CASE WHEN {} <= w.m0 + w.months - 1 THEN 1 ELSE 0 END",
                number(of.from)
            );
            sum.push_str(&format!(
                "\n        + CASE WHEN {} THEN {begun}{ended} ELSE 0 END",
                rules::applies(of)
            ));
        }
        sum
    }

    /// The ids of the breaks between a base and a window.
    fn breaks(&self) -> String {
        let id = |of: &crate::reference::Break| {
            // The first day of the base lies before the last of the break.
            let last = if of.to.day() > 1 {
                number(of.to)
            } else {
                number(of.to) - 1
            };
            let within = format!(
                "b.base_m0 <= {last} AND {} <= w.m0 + w.months - 1",
                number(of.from)
            );
            format!(
                "CASE WHEN {} AND {within} THEN {} END",
                rules::applies(of),
                text(&of.id)
            )
        };
        let ids: Vec<String> = self.reference.breaks.iter().map(id).collect();
        if ids.is_empty() {
            "''".to_owned()
        } else {
            format!("concat_ws(';', {})", ids.join(", "))
        }
    }

    /// Whether a code is one of those that its list names for a purpose.
    fn is_any(&self, of: impl Fn(&CodeList) -> &[String]) -> String {
        let named = self
            .reference
            .codes
            .iter()
            .flat_map(|list| of(list).iter().map(|code| (&*list.scheme, &**code)));
        let named: BTreeSet<(&str, &str)> = named.collect();
        let named = named
            .into_iter()
            .map(|(scheme, code)| format!("scheme = {} AND code = {}", text(scheme), text(code)));
        let named: Vec<String> = named.collect();
        if named.is_empty() {
            "false".to_owned()
        } else {
            format!("coalesce({}, false)", named.join(" OR "))
        }
    }

    /// How many districts a place has that is a set; of others, none.
    fn districts_of(&self) -> String {
        let scope = self
            .plans
            .first()
            .and_then(|plan| self.reference.geography.scope(&plan.area));
        let sets = scope
            .iter()
            .flat_map(|scope| scope.areas(Tier::new(Level::Set)));
        let whens = sets.fold(String::new(), |whens, set| {
            let districts = self
                .reference
                .geography
                .district_count(&set.code)
                .unwrap_or_default();
            whens
                + &format!(
                    " WHEN place LIKE {} THEN {districts}",
                    text(&format!("{}|set|%", set.code))
                )
        });
        if whens.is_empty() {
            "0".to_owned()
        } else {
            format!("CASE{whens} ELSE 0 END")
        }
    }

    fn is_exclusive(&self) -> String {
        let lists = self.reference.codes.iter().filter(|list| list.exclusive);
        let schemes: BTreeSet<String> = lists.map(|list| text(&list.scheme)).collect();
        let schemes: Vec<String> = schemes.into_iter().collect();
        format!("coalesce(scheme IN ({}), false)", schemes.join(", "))
    }

    /// What is said of the codes of all lists, by scheme and folded code.
    fn said(&self, of: impl Fn(&str, &str) -> Option<String>) -> String {
        let mut rows = BTreeSet::new();
        for list in self.reference.codes.iter() {
            for code in &list.codes {
                let folded =
                    crate::reference::pattern::Fold::for_scheme(&list.scheme).folded(&code.code);
                if let (Some(folded), Some(said)) = (folded, of(&list.scheme, &code.code)) {
                    rows.insert(format!(
                        "({}, {}, {})",
                        text(&list.scheme),
                        text(&folded),
                        text(&said)
                    ));
                }
            }
        }
        values(
            &rows.into_iter().collect::<Vec<_>>(),
            "(CAST(NULL AS STRING), '', '')",
        )
    }

    fn labels(&self) -> String {
        self.said(|scheme, code| {
            self.reference
                .codes
                .label(scheme, None, code)
                .map(str::to_owned)
        })
    }

    fn outcomes(&self) -> String {
        let group = |scheme: &str, code: &str| {
            self.reference
                .codes
                .group(scheme, None, code)
                .map(str::to_owned)
        };
        self.said(|scheme, code| group(scheme, code).filter(|_| scheme.ends_with("-outcome")))
    }

    fn factor_flags(&self) -> String {
        let mut rows = Vec::new();
        for plan in &self.plans {
            for factor in &plan.factors {
                for flag in crate::contract::parts::Flags::names(factor.flags) {
                    rows.push(format!(
                        "({}, {}, {})",
                        text(&plan.id),
                        text(&factor.id),
                        text(flag)
                    ));
                }
            }
        }
        values(&rows, "(CAST(NULL AS STRING), '', '')")
    }

    fn controls(&self) -> String {
        let row = |control: &crate::reference::Control| {
            let of = [
                &control.partner,
                &control.kind,
                &control.area,
                &control.window.id,
            ]
            .map(|t| text(t))
            .join(", ");
            let window = &control.window;
            format!(
                "({of}, {}, {}, {})",
                number(window.from()),
                window.months,
                control.value
            )
        };
        values(
            &self.reference.controls.iter().map(row).collect::<Vec<_>>(),
            "(CAST(NULL AS STRING), '', '', '', 0, 0, 0)",
        )
    }
}

const PLAN_KEYS: &str =
    "nullif(c.frame, '') AS plan, split_part(c.line, '|', 2) AS series_kind, split_part(c.line, '|', 3) AS series,
    nullif(split_part(c.line, '|', 4), '') AS scheme";
const KIND_KEYS: &str = "split_part(c.whose, '|', 1) AS partner, split_part(c.whose, '|', 2) AS feed, split_part(c.whose, '|', 3) AS kind";
const PLACE_KEYS: &str = "split_part(c.place, '|', 1) AS area_code, split_part(c.place, '|', 2) AS area_level,
    nullif(split_part(c.place, '|', 3), '') AS area_vintage, nullif(split_part(c.place, '|', 4), '') AS area_role";
const WINDOW_KEYS: &str = "w.\"window\", w.window_from, w.window_to";
const STATUS_KEYS: &str = "{basis} AS date_basis,
    CASE coalesce(worst.status, 0) {status_names} END AS data_status";
const UNIT_PLACE: &str = "CASE coalesce(unit, 'events') WHEN 'households' THEN 0 WHEN 'persons' THEN 1 WHEN 'events' THEN 2 ELSE 3 END";
const STATUS_NAMES: &str = "WHEN 0 THEN 'overdue' WHEN 1 THEN 'not_due' WHEN 2 THEN 'suspect' WHEN 3 THEN 'provisional' WHEN 4 THEN 'final'";
const BLOCK: &str = "exact AS \"count\", c.lo AS count_min, most AS count_max,
    CASE WHEN supply = 2 THEN 'not_supplied' WHEN supply = 1 THEN 'partial' WHEN exact IS NULL THEN 'interval' ELSE 'exact' END
        AS count_status";
const JOINS: &str = "
LEFT JOIN worst ON worst.whose = c.whose AND worst.m0 = c.m0 AND worst.months = c.months
JOIN wins AS w ON w.frame = c.frame AND w.m0 = c.m0 AND w.months = c.months";
const BASELINES: &str = "
        SELECT frame, \"window\", months, baseline, m0 - 12 * years AS base_m0
        FROM wins CROSS JOIN (VALUES ('year-before', 1), ('mean-5-years', 1), ('mean-5-years', 2), ('mean-5-years', 3),
            ('mean-5-years', 4), ('mean-5-years', 5)) AS y(baseline, years)
        UNION ALL
        SELECT frame, \"window\", months, 'prior', m0 - months FROM wins WHERE family IN ('month', 'quarter')
    ";

/// Rows of a `VALUES`, which must not be without one.
fn values(rows: &[String], none: &str) -> String {
    if rows.is_empty() {
        none.to_owned()
    } else {
        rows.join(", ")
    }
}

/// The number of a day's month: 12 x year + month - 1.
fn number(date: jiff::civil::Date) -> i32 {
    let first = Month::of(date).first_day();
    i32::from(first.year()) * 12 + i32::from(first.month()) - 1
}

fn type_of(column: &str) -> &'static str {
    let held = Feed::ALL.into_iter().find_map(|feed| {
        events::schema_of(feed)
            .field_with_name(column)
            .ok()
            .map(|f| f.data_type().clone())
    });
    match held {
        Some(DataType::Int32) => "INT",
        Some(DataType::Boolean) => "BOOLEAN",
        Some(DataType::Timestamp(..)) => "TIMESTAMP",
        _ => "STRING",
    }
}

/// What is said by `partner:kind`, else by kind; empty = nothing is.
fn cases<T: std::fmt::Display>(
    said: impl Iterator<Item = (impl AsRef<str>, T)>,
    partner: &str,
    kind: &str,
) -> String {
    let (mut of_partner, mut of_kind) = (String::new(), String::new());
    for (key, value) in said {
        let key = key.as_ref();
        let is_kind = key.starts_with("count:") || !key.contains(':');
        let cases = if is_kind {
            &mut of_kind
        } else {
            &mut of_partner
        };
        cases.push_str(&format!(" WHEN {} THEN {value}", text(key)));
    }
    let of_partner = (!of_partner.is_empty())
        .then(|| format!("CASE {partner} || ':' || {kind}{of_partner} END"));
    let of_kind = (!of_kind.is_empty()).then(|| format!("CASE {kind}{of_kind} END"));
    of_partner
        .into_iter()
        .chain(of_kind)
        .collect::<Vec<_>>()
        .join(", ")
}

fn keyed<T: std::fmt::Display>(
    said: impl Iterator<Item = (impl AsRef<str>, T)>,
    otherwise: &str,
    is_null: bool,
) -> String {
    let cases = cases(said, "partner", "kind");
    let value = if cases.is_empty() {
        otherwise.to_owned()
    } else {
        format!("coalesce({cases}, {otherwise})")
    };
    if is_null {
        format!("nullif({value}, {otherwise})")
    } else {
        value
    }
}

/// The lines of plans: `plan|kind|id|`, and the whole, which is of every plan.
fn plan_lines(plans: &[&Plan]) -> String {
    let mut rows = vec!["('*|total|total|')".to_owned()];
    for plan in plans {
        rows.extend(
            ["mapped", "unmapped"]
                .map(|of| format!("({})", text(&format!("{}|{of}|{of}|", plan.id)))),
        );
        let series = plan
            .series
            .iter()
            .map(|of| format!("{}|{}|{}|", plan.id, of.kind.as_str(), of.id));
        rows.extend(series.map(|line| format!("({})", text(&line))));
    }
    rows.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_no_name_that_nothing_fills() {
        let reference = Reference::load(None).expect("built in");
        let folders = Wanted::named(&reference, &[]).expect("plans are held");
        for dialect in [Dialect::Duckdb, Dialect::Spark] {
            for (table, wanted) in tables()
                .into_iter()
                .flat_map(|table| folders.iter().map(move |w| (table, w)))
            {
                let query = query(table, wanted, &reference, dialect).expect("a query");
                assert!(!query.contains(['{', '}']), "{table} {}", wanted.folder());
            }
        }
        assert_eq!(
            query("areas_", &folders[0], &reference, Dialect::Duckdb),
            None
        );
    }

    #[test]
    fn parts_of_a_query_become_statements() {
        let query = "WITH a AS (\n    SELECT 1 AS x\n),\ncells AS (\n    SELECT x FROM a\n)\n,\nb AS (\n    SELECT 2\n)\nSELECT x\nFROM cells\n";
        let script = "CREATE OR REPLACE TEMPORARY VIEW a AS\n    SELECT 1 AS x\n;\nDROP TABLE IF EXISTS cells;\nCREATE TABLE cells USING parquet AS\n    SELECT x FROM a\n;\nCREATE OR REPLACE TEMPORARY VIEW b AS\n    SELECT 2\n;\nSELECT x\nFROM cells\n";
        assert_eq!(statements(query), script);
    }
}
