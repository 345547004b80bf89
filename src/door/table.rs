//! Events as a table: the contract of a kind, with one column per field.
//!
//! The names of the columns are those of the contract, dotted. They are not mapped: what the
//! contract refuses in an event, it refuses in a cell. An error names columns by number, since a
//! header that is not known may be a value.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::limits::AdmittedRequest;
use super::problem::{Problem, ProblemKind};
use super::submission::{Submission, is_plain_number};
use crate::contract::{field_name, fields, schemas, type_of};
use crate::event::{Feed, Kind};
use crate::files::csv::form_fault;
use crate::files::fault::hint;
use crate::spreadsheet::column_name;

/// Between the items of a list in a cell.
const ITEM_SEPARATOR: char = ';';
/// A list without items; an empty cell means that the list is absent.
const EMPTY_LIST: &str = "[]";
/// The attributes that a table may have as columns; `id` follows from the first two.
const ATTRIBUTES: [&str; 4] = ["subject", "revision", "time", "id"];

/// How a cell is written in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CellType {
    Text,
    Integer,
    Boolean,
    List,
}

/// The field that a column contains.
#[derive(Clone, Debug)]
struct Column {
    name: String,
    cell_type: CellType,
}

/// The columns of a kind: attributes of the event, then the fields of its `data`.
fn columns(kind: Kind) -> Vec<Column> {
    let attributes = ATTRIBUTES.iter().map(|name| Column {
        name: (*name).to_owned(),
        cell_type: if *name == "revision" {
            CellType::Integer
        } else {
            CellType::Text
        },
    });
    let mut columns: Vec<Column> = attributes.collect();
    let schema = schemas::document(kind.as_str());
    for field in fields(kind) {
        if let Some(property) = schema.and_then(|schema| schema["properties"].get(field.name)) {
            gather(field.name.to_owned(), property, &mut columns);
        }
    }
    columns
}

/// Adds the columns of a property: one, or those of the properties below it.
fn gather(name: String, property: &Value, columns: &mut Vec<Column>) {
    let shared = property["$ref"].as_str().and_then(referred);
    let keyword = |keyword: &str| {
        let shared = shared.and_then(|shared| shared.get(keyword));
        property.get(keyword).or(shared)
    };
    if let Some(Value::Object(below)) = keyword("properties") {
        for (field, property) in below {
            gather(format!("{name}.{field}"), property, columns);
        }
        return;
    }
    let has = |wanted: &str| match keyword("type") {
        Some(Value::Array(types)) => types.iter().any(|given| given == wanted),
        Some(given) => given == wanted,
        None => false,
    };
    let cell_type = if has("boolean") {
        CellType::Boolean
    } else if has("integer") {
        CellType::Integer
    } else if has("array") {
        CellType::List
    } else {
        CellType::Text
    };
    columns.push(Column { name, cell_type });
}

/// The part of the contract that a reference names.
fn referred(reference: &str) -> Option<&'static Value> {
    let (_, name) = reference.rsplit_once("#/$defs/")?;
    schemas::document("parts")?["$defs"].get(name)
}

/// Whether all headers of a table are columns of a kind.
fn has_columns(kind: Kind, headers: &csv::StringRecord) -> bool {
    let known = columns(kind);
    let mut headers = headers
        .iter()
        .map(str::trim)
        .filter(|name| !name.is_empty());
    headers.all(|name| known.iter().any(|column| column.name == name))
}

/// The header of an empty table of a kind, as a line of CSV.
pub(super) fn template(kind: Kind) -> String {
    let names: Vec<String> = columns(kind)
        .into_iter()
        .map(|column| column.name)
        .filter(|name| name != "id")
        .collect();
    format!("{}\r\n", names.join(","))
}

/// The events of a table: their source and kind, and the columns of the file once it is read.
#[derive(Debug)]
pub(super) struct Table {
    source: String,
    event_type: String,
    kind: Kind,
    headers: Vec<Option<Column>>,
}

impl Table {
    /// A table of events of one source and kind.
    pub(super) fn new(source: String, feed: Feed, kind: Kind) -> Self {
        Self {
            source,
            event_type: type_of(feed, kind),
            kind,
            headers: Vec::new(),
        }
    }

    /// The name and the letters of the column that a pointer of a rejection is in.
    pub(super) fn column_of(&self, pointer: &str) -> Option<(&str, String)> {
        let name = field_name(pointer)?;
        // An item of a list is in the cell of its list.
        let list = name.rsplit_once('.').map_or("", |(list, _)| list);
        let named = |wanted: &str| {
            self.headers.iter().enumerate().find_map(|(index, header)| {
                let column = header.as_ref().filter(|column| column.name == wanted)?;
                Some((&*column.name, column_name(index)))
            })
        };
        named(&name).or_else(|| named(list))
    }

    /// Where a required field is missing, and what to do: fill a column, or add it. A rule names the
    /// missing field first, after the pointer of its parent.
    pub(super) fn missing_field(&self, parent: &str, rule: &str) -> Option<(String, String)> {
        let field = rule.split('`').nth(1)?;
        let pointer = format!("{parent}/{field}");
        if let Some((name, letters)) = self.column_of(&pointer) {
            return Some((pointer, format!("{letters}: {name} is empty: fill it")));
        }
        let name = field_name(&pointer)?;
        let group = format!("{name}.");
        let known = columns(self.kind);
        let advice = if known.iter().any(|column| column.name == name) {
            format!("add the column `{name}`")
        } else if known.iter().any(|column| column.name.starts_with(&group)) {
            format!("fill the columns that begin with `{group}`")
        } else {
            return None;
        };
        Some((pointer, advice))
    }

    /// Whether the table has a column of this name.
    pub(super) fn has_column(&self, name: &str) -> bool {
        let mut headers = self.headers.iter().flatten();
        headers.any(|column| column.name == name)
    }

    /// The events of a file.
    pub(super) fn read(
        &mut self,
        body: &[u8],
        events_max: usize,
        admitted: &mut AdmittedRequest,
    ) -> Result<Vec<Submission>, Problem> {
        if let Some(fault) = form_fault(body) {
            let detail = format!("the table {fault}");
            return Err(Problem::new(ProblemKind::Body, detail));
        }
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(body);
        let mut record = csv::StringRecord::new();
        let (mut events, mut has_header) = (Vec::new(), false);
        loop {
            let is_read = reader.read_record(&mut record).map_err(|error| {
                let line = line_at(body, error.position());
                let detail = format!("line {line} is not UTF-8: save the file as CSV UTF-8");
                Problem::new(ProblemKind::Body, detail)
            })?;
            if !is_read {
                return Ok(events);
            }
            if record.iter().all(str::is_empty) {
                continue;
            }
            if !has_header {
                self.read_header(&record)?;
                has_header = true;
                continue;
            }
            let line = line_at(body, record.position());
            // One more than the limit is enough for the caller to refuse the body.
            if events.len() <= events_max {
                let document = self.document(line, &record)?;
                admitted.grow(document.len())?;
                events.push(Submission::new(Some(line), document.into()));
            }
        }
    }

    fn read_header(&mut self, record: &csv::StringRecord) -> Result<(), Problem> {
        let known = columns(self.kind);
        let mut seen = BTreeSet::new();
        for (index, name) in record.iter().map(str::trim).enumerate() {
            let column = known.iter().find(|column| column.name == name);
            let at = column_name(index);
            if column.is_none() && !name.is_empty() {
                let fitting = Kind::ALL.iter().filter(|kind| has_columns(**kind, record));
                let fitting: Vec<&str> = fitting.map(|kind| kind.as_str()).collect();
                let advice = if fitting.is_empty() {
                    let hint = hint(name, known.iter().map(|column| &*column.name));
                    format!(
                        "{hint}: delete it, or write one of the columns of the template, /v1/kinds/{}.csv",
                        self.kind
                    )
                } else {
                    let kinds = fitting.join(" or ");
                    format!(": all headers are fields of {kinds}, so choose that kind")
                };
                let detail = format!(
                    "column {at} has a header that is not a field of {}{advice}",
                    self.kind
                );
                return Err(Problem::new(ProblemKind::Body, detail));
            }
            if column.is_some() && !seen.insert(name) {
                let detail = format!("column {at} has the header of an earlier column");
                return Err(Problem::new(ProblemKind::Body, detail));
            }
            self.headers.push(column.cloned());
        }
        Ok(())
    }

    fn document(&self, line: u64, record: &csv::StringRecord) -> Result<Vec<u8>, Problem> {
        if record.len() != self.headers.len() {
            let detail = format!(
                "line {line} has {} cells, and the header has {}",
                record.len(),
                self.headers.len()
            );
            return Err(Problem::new(ProblemKind::Body, detail));
        }
        let (mut attributes, mut data) = (BTreeMap::new(), Map::new());
        for (index, (header, cell)) in self.headers.iter().zip(record).enumerate() {
            if cell.is_empty() {
                continue;
            }
            let Some(column) = header else {
                let detail = format!(
                    "line {line} has a value in column {}, which has no header",
                    column_name(index)
                );
                return Err(Problem::new(ProblemKind::Body, detail));
            };
            match ATTRIBUTES.iter().find(|name| **name == column.name) {
                Some(name) => drop(attributes.insert(*name, (column.cell_type, cell))),
                None => put(&mut data, &column.name, column.cell_type.value(cell)),
            }
        }
        let advised_id = match (attributes.get("subject"), attributes.get("revision")) {
            (Some((_, subject)), Some((_, revision))) => Some(format!("{subject}.{revision}")),
            _ => None,
        };
        let mut document = Vec::new();
        let mut add = |name: &str, value: &Value| {
            document.extend_from_slice(if document.is_empty() { b"{" } else { b"," });
            document.extend_from_slice(format!("\"{name}\":{value}").as_bytes());
        };
        add("specversion", &"1.0".into());
        let id = attributes.get("id").map(|(_, id)| Cow::from(*id));
        if let Some(id) = id.or(advised_id.map(Cow::from)) {
            add("id", &id.into());
        }
        add("source", &self.source.as_str().into());
        add("type", &self.event_type.as_str().into());
        for name in ["subject", "revision", "time"] {
            if let Some((cell_type, cell)) = attributes.get(name) {
                add(name, &cell_type.value(cell));
            }
        }
        add("data", &Value::Object(data));
        document.push(b'}');
        Ok(document)
    }
}

/// The line at which a record starts. Its position may be before the ends of the lines above it.
fn line_at(body: &[u8], position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else {
        return 1;
    };
    let rest = body.get(position.byte() as usize..).unwrap_or_default();
    let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + ends.filter(|byte| **byte == b'\n').count() as u64
}

/// Puts a value at a dotted name.
fn put(data: &mut Map<String, Value>, name: &str, value: Value) {
    match name.split_once('.') {
        None => drop(data.insert(name.to_owned(), value)),
        Some((part, rest)) => {
            let below = data
                .entry(part)
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(below) = below {
                put(below, rest, value);
            }
        }
    }
}

impl CellType {
    /// The value of a cell. One that is not of its type stays a text, which the contract refuses.
    fn value(self, cell: &str) -> Value {
        match self {
            // Spreadsheets write TRUE and FALSE.
            Self::Boolean if cell.eq_ignore_ascii_case("true") => true.into(),
            Self::Boolean if cell.eq_ignore_ascii_case("false") => false.into(),
            Self::Integer if is_plain_number(cell) => cell
                .parse::<u64>()
                .map_or_else(|_| cell.into(), Value::from),
            Self::List if cell == EMPTY_LIST => Value::Array(Vec::new()),
            Self::List => cell
                .split(ITEM_SEPARATOR)
                .map(|item| Value::from(item.trim()))
                .collect(),
            _ => cell.into(),
        }
    }
}

/// The tables of `schemas/tables/`: for each kind an example of a table, and a crosswalk from the columns of
/// a partner's own spreadsheet. After a change of the contract: `PARTNER_FEEDS_WRITE_TABLES=1 cargo test
/// --lib door::table`.
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test reads the environment itself"
)]
mod tests {
    use super::*;
    use crate::contract::schemas::{example, schema_at};

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/tables");

    /// Lines of CSV, as spreadsheets write them.
    fn csv(rows: &[Vec<String>]) -> String {
        let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
        for row in rows {
            writer.write_record(row).expect("in memory");
        }
        String::from_utf8(writer.into_inner().expect("in memory")).expect("UTF-8")
    }

    /// Compares a file with what it should be, or writes it when asked to.
    fn check(name: &str, expected: &str) {
        let path = format!("{FOLDER}/{name}");
        if std::env::var_os("PARTNER_FEEDS_WRITE_TABLES").is_some() {
            std::fs::create_dir_all(FOLDER).expect("created");
            std::fs::write(&path, expected).expect("written");
        }
        let actual = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            actual == expected,
            "{path} differs from the contract: see the top of this module"
        );
    }

    /// The pointer of a column into an event.
    fn pointer(column: &str) -> String {
        let data = if ATTRIBUTES.contains(&column) {
            ""
        } else {
            "/data"
        };
        format!("{data}/{}", column.replace('.', "/"))
    }

    /// The cell of a value; empty where the event has none.
    fn cell(value: Option<&Value>) -> String {
        match value {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(items)) if items.is_empty() => EMPTY_LIST.to_owned(),
            Some(Value::Array(items)) => {
                let items: Vec<String> = items.iter().map(|item| cell(Some(item))).collect();
                items.join(";")
            }
            Some(other) => other.to_string(),
        }
    }

    /// Whether a column must have a value: always, or with the others of its part, or not.
    fn needed(kind: Kind, column: &str) -> String {
        if ATTRIBUTES.contains(&column) {
            return "yes".to_owned();
        }
        let requires = |pointer: &str, name: &str| {
            let schema = schema_at(kind, pointer).expect("a part");
            let required = schema["required"].as_array();
            required.is_some_and(|required| required.iter().any(|own| own == name))
        };
        match column.split_once('.') {
            None if requires("/data", column) => "yes".to_owned(),
            Some((part, name)) if requires(&format!("/data/{part}"), name) => {
                if requires("/data", part) {
                    "yes".to_owned()
                } else {
                    format!("with {part}")
                }
            }
            _ => "no".to_owned(),
        }
    }

    fn type_name(cell_type: CellType) -> &'static str {
        match cell_type {
            CellType::Text => "text",
            CellType::Integer => "whole number",
            CellType::Boolean => "true or false",
            CellType::List => "list",
        }
    }

    /// What to write in a column: its choices, or its description.
    fn meaning(kind: Kind, column: &str) -> String {
        match column {
            "subject" => return "Your token for the record, not built from a person".to_owned(),
            "revision" => return "1 at first; higher with each correction".to_owned(),
            "time" => return "When this revision became true, with an offset".to_owned(),
            _ => {}
        }
        let schema = schema_at(kind, &pointer(column)).expect("a field");
        let description = schema["description"].as_str().unwrap_or_default();
        let choices = schema["enum"].as_array().into_iter().flatten();
        let choices: Vec<&str> = choices.filter_map(Value::as_str).collect();
        if choices.is_empty() {
            description.to_owned()
        } else {
            format!("{description} One of: {}", choices.join(", "))
        }
    }

    #[test]
    fn every_kind_has_an_example_of_a_table_and_a_crosswalk() {
        for kind in Kind::ALL.iter().copied() {
            let event = example(kind);
            let columns = columns(kind).into_iter();
            let columns: Vec<Column> = columns.filter(|column| column.name != "id").collect();
            let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
            assert_eq!(template(kind), format!("{}\r\n", names.join(",")));
            let row = names.iter().map(|name| cell(event.pointer(&pointer(name))));
            let row: Vec<String> = row.collect();
            check(
                &format!("{}.csv", kind.as_str()),
                &csv(&[names, row.clone()]),
            );

            let header = [
                "column",
                "type",
                "needed",
                "your column",
                "always",
                "example",
                "meaning",
            ];
            let mut crosswalk = vec![header.map(str::to_owned).to_vec()];
            crosswalk.extend(columns.iter().zip(row).map(|(column, example)| {
                vec![
                    column.name.clone(),
                    type_name(column.cell_type).to_owned(),
                    needed(kind, &column.name),
                    String::new(),
                    String::new(),
                    example,
                    meaning(kind, &column.name),
                ]
            }));
            check(
                &format!("{}-crosswalk.csv", kind.as_str()),
                &csv(&crosswalk),
            );
        }
    }
}
