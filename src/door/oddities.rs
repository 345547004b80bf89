//! What is odd about accepted events: contradictions and unknown codes, with their lines.
//!
//! It contains no value of an event: of an unknown code, only its field and the nearest code of the
//! list.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::table::Table;
use crate::reference::CodeLists;

/// The most lines that are listed for one fault.
pub(super) const LINES_MAX: usize = 10;
/// The most different codes whose lines are listed.
const CODES_MAX: usize = 1_000;

/// What is odd about the accepted events of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Oddities {
    /// Events whose content contradicts that of an earlier one of the same revision.
    pub(super) contradictions: CountedLines,
    /// Events whose source is not registered for their kind.
    pub(super) unexpected_kinds: CountedLines,
    /// Events whose area is in no district that the partnership knows.
    pub(super) unplaced: CountedLines,
    /// How often a list did not contain a code, by list.
    pub(super) unknown_codes: BTreeMap<String, u64>,
    /// Where those codes are.
    pub(super) unknown_code_fields: Vec<UnknownCodeField>,
}

/// A number of events, and the lines of the first of them.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct CountedLines {
    pub(super) count: u64,
    pub(super) lines: Vec<u64>,
}

impl CountedLines {
    /// Counts an event.
    pub(super) fn add(&mut self, line: u64) {
        self.count += 1;
        if self.lines.len() < LINES_MAX {
            self.lines.push(line);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.lines.extend(&other.lines);
        self.lines.sort_unstable();
        self.lines.truncate(LINES_MAX);
    }
}

/// The unknown codes of a list in one field.
#[derive(Clone, Debug, Serialize)]
pub(super) struct UnknownCodeField {
    pub(super) list: String,
    /// The field; empty if its value is written differently in the list.
    pub(super) pointer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) column: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) column_letters: Option<String>,
    /// The code of the list that was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nearest: Option<String>,
    #[serde(flatten)]
    pub(super) events: CountedLines,
}

/// The lines of unknown codes, by list, field and code.
#[derive(Debug, Default)]
pub(super) struct UnknownCodeLines(BTreeMap<(String, String, String), CountedLines>);

impl UnknownCodeLines {
    /// Counts the unknown codes of an event, each with its list.
    pub(super) fn add(&mut self, line: u64, document: &[u8], codes: Vec<(String, String)>) {
        if codes.is_empty() {
            return;
        }
        let event: Value = serde_json::from_slice(document).unwrap_or_default();
        for (list, code) in codes {
            let pointer = find(&event["data"], &code, "/data").unwrap_or_default();
            let key = (list, pointer, code);
            if self.0.len() < CODES_MAX || self.0.contains_key(&key) {
                self.0.entry(key).or_default().add(line);
            }
        }
    }

    /// The fields of the codes, with the nearest code of each list.
    pub(super) fn fields(self, lists: &CodeLists, table: Option<&Table>) -> Vec<UnknownCodeField> {
        let mut fields: BTreeMap<_, CountedLines> = BTreeMap::new();
        for ((list, pointer, code), events) in self.0 {
            let nearest = lists.nearest(&list, &code).map(str::to_owned);
            fields
                .entry((list, pointer, nearest))
                .or_default()
                .merge(&events);
        }
        let fields = fields
            .into_iter()
            .map(|((list, pointer, nearest), events)| {
                let column = table.and_then(|table| table.column_of(&pointer));
                let (column, column_letters) = column
                    .map(|(name, letters)| (name.to_owned(), letters))
                    .unzip();
                UnknownCodeField {
                    list,
                    pointer,
                    column,
                    column_letters,
                    nearest,
                    events,
                }
            });
        fields.collect()
    }
}

/// The pointer of the first field that contains a code, alone or in a list. An accepted event has
/// only fields of the contract.
fn find(value: &Value, code: &str, pointer: &str) -> Option<String> {
    match value {
        Value::String(text) => (text == code).then(|| pointer.to_owned()),
        Value::Array(items) => items.iter().find_map(|item| find(item, code, pointer)),
        Value::Object(fields) => {
            let mut fields = fields.iter();
            fields.find_map(|(name, value)| find(value, code, &format!("{pointer}/{name}")))
        }
        _ => None,
    }
}
