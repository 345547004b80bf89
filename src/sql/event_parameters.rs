//! What the query of `events/` needs to know of plan and reference data.
//!
//! Codes are in the form in which they are compared. Lists of thousands of codes are one text each,
//! as engines parse a text faster than as many rows.

use std::collections::BTreeSet;

use arrow_schema::DataType;
use serde::Serialize;

use super::Dialect;
use super::parameters::{Parameters, adopted_plans};
use crate::aggregate::PlanChoice;
use crate::aggregate::tables::events;
use crate::contract;
use crate::event::{Feed, Kind};
use crate::normalise;
use crate::reference::Reference;
use crate::reference::codes::CodeList;
use crate::reference::pattern::Fold;

/// Columns of the ledger that decide what a record's state is, but are not in `events/`.
const READ_ONLY: [&str; 10] = [
    "era",
    "offset",
    normalise::RECEIVED,
    "cancellation_reason",
    "person_token",
    "person_token_previous",
    "victim_token",
    "victim_token_previous",
    "suspect_token",
    "suspect_token_previous",
];

/// The parameters of the query of `events/`, by the names that templates use.
#[derive(Serialize)]
pub(super) struct EventParameters {
    /// The rules of the plans that may be in force.
    #[serde(flatten)]
    plans: Parameters,
    /// The feed whose file it is; `None`: the rows of all feeds.
    feed: Option<&'static str>,
    /// The columns of the result.
    columns: Vec<String>,
    /// The columns read of the ledger.
    ledger_columns: Vec<LedgerColumn>,
    /// Kind and the code list of its classification, where it has a list of its own.
    own_lists: Vec<(&'static str, &'static str)>,
    /// Source, kind and files of sources that publish complete releases.
    release_files: Vec<(String, String, String)>,
    /// Plans that may be in force: id, first and last day.
    plans_in_force: Vec<(String, String, String)>,
    /// Scheme, edition (empty: any) and codes of each list, as `;code;code;`.
    code_lists: Vec<(String, String, String)>,
    /// Offences as `code|category|class`, joined by `;`. The category `*` is any that has no row.
    offence_classes: String,
    /// List, edition (empty: any), code, scheme of groups, group; for each code in the order of the
    /// schemes.
    crosswalks: Vec<(String, String, String, String, String)>,
    /// The schemes of groups.
    group_schemes: Vec<(String, &'static str)>,
}

#[derive(Serialize)]
struct LedgerColumn {
    name: String,
    /// What the query calls it: as `events/` does, but for the column that is worked out from it.
    query_name: String,
    sql_type: &'static str,
}

impl EventParameters {
    pub(super) fn new(feed: Option<Feed>, reference: &Reference, dialect: Dialect) -> Self {
        let schema = feed.map_or_else(events::schema_of_all, events::schema_of);
        let columns = schema.fields().iter();
        Self {
            plans: Parameters::new("events", PlanChoice::InForce, reference, dialect),
            feed: feed.map(Feed::as_str),
            columns: columns.map(|column| column.name().clone()).collect(),
            ledger_columns: ledger_columns(dialect),
            own_lists: Kind::ALL
                .iter()
                .filter_map(|kind| Some((kind.as_str(), contract::own_code_list(*kind)?)))
                .collect(),
            release_files: release_files(reference),
            plans_in_force: plans_in_force(reference),
            code_lists: reference.codes.iter().map(code_list).collect(),
            offence_classes: offence_classes(reference),
            crosswalks: crosswalks(reference),
            group_schemes: group_schemes(reference),
        }
    }
}

impl EventParameters {
    /// The columns read of the ledger with their types, as a view of Spark declares them.
    pub(super) fn ledger_schema(&self, dialect: Dialect) -> String {
        let columns = self.ledger_columns.iter();
        let columns: Vec<String> = columns
            .map(|column| format!("{} {}", dialect.quoted(&column.name), column.sql_type))
            .collect();
        columns.join(", ")
    }
}

fn ledger_columns(dialect: Dialect) -> Vec<LedgerColumn> {
    let (ledger, events) = (normalise::schema(), events::schema_of_all());
    let mut columns = Vec::new();
    for field in ledger.fields() {
        let name = field.name();
        let event_name = events::event_name(name);
        if READ_ONLY.contains(&name.as_str()) || events.field_with_name(event_name).is_ok() {
            columns.push(LedgerColumn {
                name: name.clone(),
                query_name: match name.as_str() {
                    "date_basis" => "own_date_basis".to_owned(),
                    _ => event_name.to_owned(),
                },
                sql_type: sql_type(field.data_type(), dialect),
            });
        }
    }
    columns
}

fn sql_type(data_type: &DataType, dialect: Dialect) -> &'static str {
    match (data_type, dialect) {
        (DataType::Int32, _) => "INT",
        (DataType::Int64, _) => "BIGINT",
        (DataType::Boolean, _) => "BOOLEAN",
        (DataType::Timestamp(..), Dialect::DuckDb) => "TIMESTAMPTZ",
        (DataType::Timestamp(..), Dialect::Spark) => "TIMESTAMP",
        _ => "STRING",
    }
}

fn release_files(reference: &Reference) -> Vec<(String, String, String)> {
    let mut rows = Vec::new();
    for (source, kind, files) in reference.partners.all_release_files() {
        rows.push((source.to_owned(), kind.to_string(), files.to_owned()));
    }
    rows
}

fn plans_in_force(reference: &Reference) -> Vec<(String, String, String)> {
    adopted_plans(reference)
        .into_iter()
        .map(|plan| {
            let (from, to) = (plan.valid_from.to_string(), plan.valid_to.to_string());
            (plan.id.clone(), from, to)
        })
        .collect()
}

/// A code that has no folded form is listed as it is written, after `=`.
fn code_list(list: &CodeList) -> (String, String, String) {
    let fold = Fold::for_scheme(&list.scheme);
    let codes = list.codes.iter().map(|code| {
        let folded = fold.folded(&code.code);
        folded.unwrap_or_else(|| format!("={}", code.code))
    });
    let codes: BTreeSet<String> = codes.collect();
    let codes: Vec<String> = codes.into_iter().collect();
    let edition = list.edition.clone().unwrap_or_default();
    (
        list.scheme.clone(),
        edition,
        format!(";{};", codes.join(";")),
    )
}

fn offence_classes(reference: &Reference) -> String {
    let mut known = BTreeSet::new();
    let mut rows = Vec::new();
    for code in reference
        .codes
        .lists_of("ho-offence")
        .flat_map(|list| &list.codes)
    {
        for category in ["*", &code.group] {
            if known.insert((&code.code, category.to_owned())) {
                rows.push(format!("{}|{category}|{}", code.code, code.class));
            }
        }
    }
    rows.join(";")
}

fn crosswalks(reference: &Reference) -> Vec<(String, String, String, String, String)> {
    let mut rows = Vec::new();
    for (list, code, groups) in reference.crosswalks.codes() {
        for groups in groups {
            for (edition, group) in groups.editions() {
                rows.push((
                    list.to_owned(),
                    edition.to_owned(),
                    code.to_owned(),
                    groups.scheme.clone(),
                    group.to_owned(),
                ));
            }
        }
    }
    rows
}

/// The schemes of groups, each with an empty text, as rows of literals have several columns.
fn group_schemes(reference: &Reference) -> Vec<(String, &'static str)> {
    let schemes = reference.crosswalks.schemes();
    schemes.map(|(scheme, _)| (scheme.to_owned(), "")).collect()
}
