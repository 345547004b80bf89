//! Typed reading of TOML that collects every fault with file and key, instead of stopping at the
//! first.
//!
//! A reader never fails: a missing value, or one of another type, adds a fault and reads as `None`. A
//! key that was never read is unknown; the reader reports it when it is dropped.

use std::cell::RefCell;
use std::collections::BTreeSet;

use jiff::civil;
use toml::Value;

use super::TextFiles;
use super::fault::{FaultSink, Faults, hint};
use crate::file_format::{self, FORMAT_KEY};

/// Parses a file; a syntax error is a fault.
pub fn parse(file: &str, text: &str, sink: &FaultSink) -> Option<toml::Table> {
    match text.parse() {
        Ok(table) => Some(table),
        Err(error) => {
            let line = error
                .span()
                .map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            sink.add(
                file,
                &format!("line {line}"),
                toml::de::Error::message(&error),
            );
            None
        }
    }
}

/// Reads the file at a path that `id` names, one of `ids`, with all its faults. `read` gives none only
/// after a fault.
pub(crate) fn read_named<T>(
    files: &TextFiles,
    path: &str,
    (id, ids): (&str, &[String]),
    read: impl FnOnce(&TomlReader<'_>, &FaultSink) -> Option<T>,
) -> Result<T, Faults> {
    let sink = FaultSink::default();
    let Some(text) = files.text(path) else {
        let hint = hint(id, ids.iter().map(String::as_str));
        let known = ids.join(", ");
        sink.add(path, "", format!("does not exist{hint}; known: {known}"));
        return Err(sink.into_faults());
    };
    let Some(table) = parse(path, text, &sink) else {
        return Err(sink.into_faults());
    };
    let reader = TomlReader::new(path, &table, &sink);
    let found = read(&reader, &sink);
    drop(reader);
    match found {
        Some(found) => sink.into_faults().into_result(found),
        None => Err(sink.into_faults()),
    }
}

/// A table of a file, read key by key.
#[derive(Debug)]
pub struct TomlReader<'t> {
    file: &'t str,
    path: String,
    table: &'t toml::Table,
    read_keys: RefCell<BTreeSet<String>>,
    sink: &'t FaultSink,
}

/// A text of a list, with its key.
#[derive(Debug)]
pub struct ListItem<'t> {
    /// The key, with the index in the list.
    pub key: String,
    /// The text.
    pub text: &'t str,
}

impl<'t> TomlReader<'t> {
    /// The table of a whole file.
    pub fn new(file: &'t str, table: &'t toml::Table, sink: &'t FaultSink) -> Self {
        Self {
            file,
            path: String::new(),
            table,
            read_keys: RefCell::default(),
            sink,
        }
    }

    /// The file it is in.
    pub fn file(&self) -> &'t str {
        self.file
    }

    /// The full path of a key of this table.
    pub fn path(&self, key: &str) -> String {
        let bare = key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        let key = if bare {
            key.to_owned()
        } else {
            format!("{key:?}")
        };
        if self.path.is_empty() {
            key
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Adds a fault at a key of this table.
    pub fn fault(&self, key: &str, reason: impl Into<String>) {
        self.sink.add(self.file, &self.path(key), reason);
    }

    /// Adds a fault at a full path.
    pub fn fault_at(&self, path: &str, reason: impl Into<String>) {
        self.sink.add(self.file, path, reason);
    }

    /// The keys of the table; all now count as read.
    pub fn keys(&self) -> Vec<&'t str> {
        self.read_keys
            .borrow_mut()
            .extend(self.table.keys().cloned());
        self.table.keys().map(String::as_str).collect()
    }

    /// Whether there is such a key.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Whether there is such a key and its value is a text.
    pub fn is_text(&self, key: &str) -> bool {
        self.get(key).is_some_and(Value::is_str)
    }

    fn get(&self, key: &str) -> Option<&'t Value> {
        self.read_keys.borrow_mut().insert(key.to_owned());
        self.table.get(key)
    }

    fn typed<T>(
        &self,
        key: &str,
        wanted: &str,
        read: impl FnOnce(&'t Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(key)?;
        let read = read(value);
        if read.is_none() {
            self.fault(key, format!("is {}, not {wanted}", article(value)));
        }
        read
    }

    /// The value, or a fault that the key is missing.
    pub fn required<T>(&self, key: &str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.has(key) {
            self.fault(key, "is missing");
        }
        value
    }

    /// An optional text.
    pub fn text(&self, key: &str) -> Option<&'t str> {
        self.typed(key, "a text", Value::as_str)
    }

    /// A text that must be there; empty after a fault.
    pub fn name(&self, key: &str) -> &'t str {
        self.required(key, self.text(key)).unwrap_or_default()
    }

    /// An identifier that must be there, in kebab-case.
    pub fn id(&self, key: &str) -> &'t str {
        let id = self.name(key);
        if self.has(key) && !is_kebab(id) {
            self.fault(
                key,
                format!("`{id}` is not kebab-case (a-z, 0-9 and single hyphens)"),
            );
        }
        id
    }

    /// A code of an area, such as `E07000110`, that must be there.
    pub fn area_code(&self, key: &str) -> &'t str {
        let code = self.name(key);
        if self.has(key) && !is_area_code(code) {
            self.fault(
                key,
                format!("`{code}` is not an area code such as E07000110"),
            );
        }
        code
    }

    /// The file's format, which must be the known one.
    pub fn format(&self) {
        match self.required(FORMAT_KEY, self.integer(FORMAT_KEY)) {
            Some(other) if other != i64::from(file_format::CONFIGURATION) => {
                let known = file_format::CONFIGURATION;
                self.fault(
                    FORMAT_KEY,
                    format!("is {other}; this program reads format {known}"),
                );
            }
            _ => {}
        }
    }

    /// An optional integer.
    pub fn integer(&self, key: &str) -> Option<i64> {
        self.typed(key, "an integer", Value::as_integer)
    }

    /// An optional number, whole or not.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.typed(key, "a number", |value| match value {
            Value::Integer(number) => Some(*number as f64),
            Value::Float(number) => Some(*number).filter(|number| number.is_finite()),
            _ => None,
        })
    }

    /// An optional boolean.
    pub fn boolean(&self, key: &str) -> Option<bool> {
        self.typed(key, "true or false", Value::as_bool)
    }

    /// An optional calendar date, such as `2017-04-12`.
    pub fn date(&self, key: &str) -> Option<civil::Date> {
        self.typed(key, "a date", |value| {
            let at = value.as_datetime()?;
            let date = at.date.filter(|_| at.time.is_none())?;
            civil::Date::new(
                i16::try_from(date.year).ok()?,
                date.month as i8,
                date.day as i8,
            )
            .ok()
        })
    }

    /// A list of texts; empty if there is none. An empty list is a fault.
    pub fn texts(&self, key: &str) -> Vec<ListItem<'t>> {
        let items = self.list(key);
        if items.is_empty()
            && self
                .table
                .get(key)
                .is_some_and(|v| v.as_array().is_some_and(Vec::is_empty))
        {
            self.fault(key, "is an empty list");
        }
        items
    }

    /// A list of texts that may be empty.
    pub fn list(&self, key: &str) -> Vec<ListItem<'t>> {
        let Some(values) = self.typed(key, "a list of texts", Value::as_array) else {
            return Vec::new();
        };
        let mut items = Vec::new();
        for (i, value) in values.iter().enumerate() {
            let key = format!("{}[{i}]", self.path(key));
            match value.as_str() {
                Some(text) => items.push(ListItem { key, text }),
                None => self.fault_at(&key, format!("is {}, not a text", article(value))),
            }
        }
        items
    }

    /// An optional table.
    pub fn table(&self, key: &str) -> Option<TomlReader<'t>> {
        self.typed(key, "a table", Value::as_table)
            .map(|table| self.below(self.path(key), table))
    }

    /// A list of tables; empty if there is none.
    pub fn tables(&self, key: &str) -> Vec<TomlReader<'t>> {
        let Some(values) = self.typed(key, "a list of tables", Value::as_array) else {
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (i, value) in values.iter().enumerate() {
            let path = format!("{}[{i}]", self.path(key));
            match value.as_table() {
                Some(table) => tables.push(self.below(path, table)),
                None => self.fault_at(&path, format!("is {}, not a table", article(value))),
            }
        }
        tables
    }

    /// A value of a closed list that must be there.
    pub fn choice<T: Copy>(&self, key: &str, choices: &[(&'static str, T)]) -> Option<T> {
        let name = self.required(key, self.text(key))?;
        let found = named(name, choices);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.fault(key, format!("`{name}` is not one of {}", names.join(", ")));
        }
        found
    }

    /// Values of a closed list; `what` names one of them in a fault.
    pub fn choices<T: Copy>(&self, key: &str, what: &str, choices: &[(&'static str, T)]) -> Vec<T> {
        let mut values = Vec::new();
        for item in self.texts(key) {
            if let Some(value) = named(item.text, choices) {
                values.push(value);
            } else {
                let hint = hint(item.text, choices.iter().map(|(name, _)| *name));
                self.fault_at(&item.key, format!("unknown {what} `{}`{hint}", item.text));
            }
        }
        values
    }

    /// Checks that an item is kebab-case and returns its text.
    pub fn kebab(&self, item: &ListItem<'_>) -> String {
        if !is_kebab(item.text) {
            self.fault_at(&item.key, format!("`{}` is not kebab-case", item.text));
        }
        item.text.to_owned()
    }

    /// Adds a fault if another table of the list has the same `id`.
    pub fn unique_id(&self, id: &str, ids: &mut BTreeSet<String>) {
        if !id.is_empty() && !ids.insert(id.to_owned()) {
            self.fault("id", format!("`{id}` is given twice"));
        }
    }

    fn below(&self, path: String, table: &'t toml::Table) -> TomlReader<'t> {
        TomlReader {
            file: self.file,
            path,
            table,
            read_keys: RefCell::default(),
            sink: self.sink,
        }
    }
}

impl Drop for TomlReader<'_> {
    fn drop(&mut self) {
        let read_keys = self.read_keys.borrow();
        for key in self.table.keys().filter(|key| !read_keys.contains(*key)) {
            let hint = hint(key, read_keys.iter().map(String::as_str));
            self.sink
                .add(self.file, &self.path(key), format!("unknown key{hint}"));
        }
    }
}

/// Whether a name is in kebab-case: `a-z`, `0-9` and single hyphens between them.
pub fn is_kebab(name: &str) -> bool {
    name.split('-').all(|part| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

/// Whether a text has the form of an area's code: a capital letter and eight digits.
pub fn is_area_code(text: &str) -> bool {
    let digits = text.strip_prefix(|first: char| first.is_ascii_uppercase());
    digits.is_some_and(|digits| digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// The value of a closed list with the name.
fn named<T: Copy>(name: &str, choices: &[(&'static str, T)]) -> Option<T> {
    let found = choices.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| *value)
}

fn article(value: &Value) -> String {
    match value.type_str() {
        kind @ ("array" | "integer") => format!("an {kind}"),
        kind => format!("a {kind}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_a_file_is_gathered_with_its_key() {
        let sink = FaultSink::default();
        let text = "nme = 'x'\nid = 'Not Kebab'\nlist = ['a', 2]\n[below]\ndate = 2017-02-30x";
        assert!(parse("a.toml", text, &sink).is_none());
        let table = parse("b.toml", &text.replace("2017-02-30x", "12"), &sink).expect("toml");
        let reader = TomlReader::new("b.toml", &table, &sink);
        assert_eq!((reader.name("name"), reader.id("id")), ("", "Not Kebab"));
        assert_eq!(reader.texts("list").len(), 1);
        assert_eq!(reader.table("below").expect("table").date("date"), None);
        drop(reader);
        let faults: Vec<String> = sink
            .into_faults()
            .0
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(faults[0].starts_with("a.toml: line 5: "), "{}", faults[0]);
        assert_eq!(
            faults[1..],
            [
                "b.toml: name: is missing",
                "b.toml: id: `Not Kebab` is not kebab-case (a-z, 0-9 and single hyphens)",
                "b.toml: list[1]: is an integer, not a text",
                "b.toml: below.date: is an integer, not a date",
                "b.toml: nme: unknown key; did you mean `name`?",
            ]
        );
    }
}
