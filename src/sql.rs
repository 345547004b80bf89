//! Every table as one SQL query over `events/` and the tables to join of its folder, and `events/` as
//! one over the ledger.
//!
//! A query computes the same figures as [`crate::aggregate`], in another language and for another
//! engine: to follow a figure to its records, to check it, or to compute it where the data exceed
//! one machine. It shares no code with `aggregate`. What no file contains (rules, code lists, due
//! days) is written into the query.
//!
//! A query is a template in `sql/templates`, the same for both dialects except for the macros of
//! `duckdb.sql` and `spark.sql`. It is rendered once, with the [`parameters`] of plan and reference
//! data, and adds its parts to a [`Script`], which joins them as the dialect needs.

mod conditions;
mod event_parameters;
mod parameters;
mod script;

use std::sync::{Arc, Mutex, PoisonError};

use include_dir::{Dir, include_dir};
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, Error, ErrorKind, State, Value};
use serde::Serialize;

use crate::aggregate::PlanChoice;
use crate::aggregate::tables::{self, TableKind};
use crate::event::Feed;
use crate::reference::Reference;
use crate::templates;
use event_parameters::EventParameters;
use parameters::Parameters;
use script::{QueryPart, Script};

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/sql/templates");

/// A language of queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// That of `DuckDB`: one query.
    DuckDb,
    /// That of Spark in its ANSI mode: a script of statements that ends with the query.
    Spark,
}

/// Where a query finds the store, and where Spark stores intermediate rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Locations<'l> {
    /// The folder or URL of the store; `None`: the working directory.
    pub root: Option<&'l str>,
    /// The folder or URL for intermediate rows of Spark; `None`: `scratch` in the root.
    pub scratch: Option<&'l str>,
}

impl Dialect {
    /// The template with the macros for what the dialects call differently.
    fn template(self) -> &'static str {
        match self {
            Self::DuckDb => "duckdb.sql",
            Self::Spark => "spark.sql",
        }
    }

    /// The name of a column that is also a keyword.
    fn quoted(self, name: &str) -> String {
        match self {
            Self::DuckDb => format!("\"{name}\""),
            Self::Spark => format!("`{name}`"),
        }
    }

    /// Templates quote identifiers as `DuckDB` does; no expression or literal of theirs has a `"`.
    fn requote(self, template: &str) -> String {
        match self {
            Self::DuckDb => template.to_owned(),
            Self::Spark => template.replace('"', "`"),
        }
    }
}

/// The query of a table; `None` for an unknown table.
pub fn query(
    table: &str,
    wanted: &PlanChoice<'_>,
    reference: &Reference,
    dialect: Dialect,
    locations: &Locations<'_>,
) -> Option<String> {
    let template = match tables::find(table)?.kind {
        TableKind::ToJoin => "join.sql",
        TableKind::OfTwoTimes => "two_times.sql",
        TableKind::Figures => "query.sql",
    };
    let parameters = Parameters::new(table, *wanted, reference, dialect);
    let script = Script::new(dialect, table, wanted.folder(), locations);
    let query = render(template, parameters, script);
    Some(query.expect("a test renders the query of every table"))
}

/// The query of `events/<feed>.parquet` over the ledger; without a feed, the rows of all feeds.
pub fn events_query(
    feed: Option<Feed>,
    reference: &Reference,
    dialect: Dialect,
    locations: &Locations<'_>,
) -> String {
    let parameters = EventParameters::new(feed, reference, dialect);
    let folder = feed.map_or("every-feed", Feed::as_str);
    let script = Script::new(dialect, "events", folder, locations);
    let script = script.with_ledger_columns(parameters.ledger_schema(dialect));
    render("events.sql", parameters, script).expect("a test renders the query")
}

/// Renders a template, whose functions `part` and `file` add to the script.
fn render(template: &str, parameters: impl Serialize, script: Script) -> Result<String, Error> {
    let dialect = script.dialect();
    let script = Arc::new(Mutex::new(script));
    let mut environment = environment(dialect)?;
    let parts = Arc::clone(&script);
    environment.add_function(
        "part",
        move |state: &mut State<'_, '_>, name: String, options: Kwargs| {
            let part = part(state, name, &options)?;
            let mut script = parts.lock().unwrap_or_else(PoisonError::into_inner);
            script.add_part(part);
            Ok::<_, Error>("")
        },
    );
    let files = Arc::clone(&script);
    environment.add_function("file", move |name: &str| {
        let mut script = files.lock().unwrap_or_else(PoisonError::into_inner);
        script
            .add_file(name)
            .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("no file for `{name}`")))
    });
    let query = environment
        .get_template(template)?
        .render(Serde(parameters))?;
    let script = script.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(script.join(query.trim_start()))
}

/// The templates of a dialect. A name that nothing defines is an error.
fn environment(dialect: Dialect) -> Result<Environment<'static>, Error> {
    let mut environment = templates::environment()?;
    environment.add_filter("literal", literal);
    let tables = TEMPLATES.get_dir("tables").into_iter().flat_map(Dir::files);
    for file in TEMPLATES.files().chain(tables) {
        let name = file.path().to_string_lossy().into_owned();
        let template = file.contents_utf8().unwrap_or_default();
        environment.add_template_owned(name, dialect.requote(template))?;
    }
    Ok(environment)
}

/// The part that a `call` block of a template contains.
fn part(state: &mut State<'_, '_>, name: String, options: &Kwargs) -> Result<QueryPart, Error> {
    let body: Value = options.get("caller")?;
    let is_stored: Option<bool> = options.get("stored")?;
    options.assert_all_used()?;
    Ok(QueryPart {
        name,
        sql: body.call(state, &[])?.to_string(),
        is_stored: is_stored.unwrap_or(false),
    })
}

/// A value as a literal: texts in quotes, numbers as they are.
fn literal(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), conditions::text_literal)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_table_has_a_query_without_an_undefined_name() {
        let reference = Reference::load(None).expect("built in");
        let folders = PlanChoice::parse(&reference, &[]).expect("plans");
        for dialect in [Dialect::DuckDb, Dialect::Spark] {
            for (table, folder) in tables::TABLES
                .iter()
                .flat_map(|table| folders.iter().map(move |folder| (table.name, folder)))
            {
                let query = query(table, folder, &reference, dialect, &Locations::default());
                let query = query.expect("a query");
                assert!(!query.contains(['{', '}']), "{table} {}", folder.folder());
            }
        }
        assert_eq!(
            query(
                "areas_",
                &folders[0],
                &reference,
                Dialect::DuckDb,
                &Locations::default()
            ),
            None
        );
    }

    #[test]
    fn the_query_of_each_feed_has_its_columns_and_no_undefined_name() {
        let reference = Reference::load(None).expect("built in");
        for dialect in [Dialect::DuckDb, Dialect::Spark] {
            for feed in Feed::ALL {
                let query = events_query(Some(feed), &reference, dialect, &Locations::default());
                assert!(!query.contains(['{', '}']), "{feed:?}");
                let (_, result) = query.rsplit_once("\nSELECT\n").expect("the last SELECT");
                let schema = tables::events::schema_of(feed);
                let columns = schema.fields().iter();
                let columns: Vec<String> = columns
                    .map(|column| dialect.quoted(column.name()))
                    .collect();
                let printed: Vec<&str> = result
                    .lines()
                    .map_while(|line| {
                        let column = line.strip_prefix("    ")?;
                        Some(column.trim_start_matches(", "))
                    })
                    .collect();
                assert_eq!(printed, columns, "{feed:?}");
            }
            let query = events_query(None, &reference, dialect, &Locations::default());
            assert!(query.contains(&dialect.quoted("icd10_further")));
            assert!(!query.contains("WHERE feed ="));
        }
    }

    /// A table to join needs no query: it is the file that is joined.
    #[test]
    fn every_table_of_figures_has_a_template_and_no_other_table_has() {
        let templates = TEMPLATES.get_dir("tables").expect("a folder").files();
        let templates: BTreeSet<&str> = templates
            .filter_map(|file| file.path().file_stem()?.to_str())
            .collect();
        let tables = tables::TABLES.iter();
        let tables: BTreeSet<&str> = tables
            .filter(|table| table.kind == TableKind::Figures)
            .map(|table| table.name)
            .collect();
        assert_eq!(templates, tables);
    }

    /// A template that refers to what no parameter defines does not render as empty text.
    #[test]
    fn an_undefined_name_is_an_error() {
        let environment = environment(Dialect::DuckDb).expect("templates");
        let template = environment.template_from_str("SELECT {{ plan_id }}");
        let rendered = template.expect("a template").render(());
        assert_eq!(
            rendered.map_err(|error| error.kind()),
            Err(ErrorKind::UndefinedError)
        );
    }

    #[test]
    fn spark_quotes_identifiers_but_not_literals_with_backticks() {
        let environment = environment(Dialect::Spark).expect("templates");
        let template = Dialect::Spark.requote("SELECT \"hour\", {{ label | literal }}");
        let template = environment.template_from_str(&template).expect("valid");
        let rendered = template.render(minijinja::context! { label => "the \"others'\"" });
        assert_eq!(
            rendered.expect("rendered"),
            "SELECT `hour`, 'the \"others''\"'"
        );
    }
}
