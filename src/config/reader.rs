//! Typed reading of TOML that gathers every fault with file and key, instead of stopping at the
//! first.
//!
//! A reader never fails: what is missing or of another type leaves a fault and `None`. A key that
//! nobody asked for is unknown, and is reported when the table is dropped.

use std::cell::RefCell;
use std::collections::BTreeSet;

use jiff::civil;
use toml::Value;

use super::fault::{Fault, hint};

/// Where faults are gathered while files are read.
#[derive(Debug, Default)]
pub struct Sink(RefCell<Vec<Fault>>);

impl Sink {
    /// Adds a fault.
    pub fn add(&self, file: &str, key: &str, reason: impl Into<String>) {
        self.0.borrow_mut().push(Fault::new(file, key, reason));
    }

    /// What was gathered.
    pub fn into_faults(self) -> super::Faults {
        super::Faults(self.0.into_inner())
    }
}

/// Parses a file; what is no TOML is a fault.
pub fn parse(file: &str, text: &str, sink: &Sink) -> Option<toml::Table> {
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

/// A table of a file, read key by key.
#[derive(Debug)]
pub struct Reader<'t> {
    file: &'t str,
    path: String,
    table: &'t toml::Table,
    asked: RefCell<BTreeSet<String>>,
    sink: &'t Sink,
}

/// A text of a list, with the key it stands at.
#[derive(Debug)]
pub struct Item<'t> {
    /// The key, with the place in the list.
    pub key: String,
    /// The text.
    pub text: &'t str,
}

impl<'t> Reader<'t> {
    /// The table of a whole file.
    pub fn new(file: &'t str, table: &'t toml::Table, sink: &'t Sink) -> Self {
        Self {
            file,
            path: String::new(),
            table,
            asked: RefCell::default(),
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

    /// The keys of the table, each of which now counts as asked for.
    pub fn keys(&self) -> Vec<&'t str> {
        self.asked.borrow_mut().extend(self.table.keys().cloned());
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
        self.asked.borrow_mut().insert(key.to_owned());
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

    /// The version of the file's format, which must be 1.
    pub fn format(&self) {
        match self.required("format", self.integer("format")) {
            None | Some(1) => {}
            Some(other) => self.fault("format", format!("is {other}; this program reads format 1")),
        }
    }

    /// An optional integer.
    pub fn integer(&self, key: &str) -> Option<i64> {
        self.typed(key, "an integer", Value::as_integer)
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
    pub fn texts(&self, key: &str) -> Vec<Item<'t>> {
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
    pub fn list(&self, key: &str) -> Vec<Item<'t>> {
        let Some(values) = self.typed(key, "a list of texts", Value::as_array) else {
            return Vec::new();
        };
        let read = |(i, value): (usize, &'t Value)| {
            let key = format!("{}[{i}]", self.path(key));
            let Some(text) = value.as_str() else {
                self.fault_at(&key, format!("is {}, not a text", article(value)));
                return None;
            };
            Some(Item { key, text })
        };
        values.iter().enumerate().filter_map(read).collect()
    }

    /// An optional table.
    pub fn table(&self, key: &str) -> Option<Reader<'t>> {
        self.typed(key, "a table", Value::as_table)
            .map(|table| self.below(self.path(key), table))
    }

    /// A list of tables; empty if there is none.
    pub fn tables(&self, key: &str) -> Vec<Reader<'t>> {
        let Some(values) = self.typed(key, "a list of tables", Value::as_array) else {
            return Vec::new();
        };
        let read = |(i, value): (usize, &'t Value)| {
            let path = format!("{}[{i}]", self.path(key));
            let Some(table) = value.as_table() else {
                self.fault_at(&path, format!("is {}, not a table", article(value)));
                return None;
            };
            Some(self.below(path, table))
        };
        values.iter().enumerate().filter_map(read).collect()
    }

    fn below(&self, path: String, table: &'t toml::Table) -> Reader<'t> {
        Reader {
            file: self.file,
            path,
            table,
            asked: RefCell::default(),
            sink: self.sink,
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let asked = self.asked.borrow();
        for key in self.table.keys().filter(|key| !asked.contains(*key)) {
            let hint = hint(key, asked.iter().map(String::as_str));
            self.sink
                .add(self.file, &self.path(key), format!("unknown key{hint}"));
        }
    }
}

/// Whether a name is in kebab-case: `a-z`, `0-9` and single hyphens between them.
pub fn is_kebab(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    name.split('-').all(part)
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
        let sink = Sink::default();
        let text = "nme = 'x'\nid = 'Not Kebab'\nlist = ['a', 2]\n[below]\ndate = 2017-02-30x";
        assert!(parse("a.toml", text, &sink).is_none());
        let table = parse("b.toml", &text.replace("2017-02-30x", "12"), &sink).expect("toml");
        let reader = Reader::new("b.toml", &table, &sink);
        assert_eq!((reader.name("name"), reader.id("id")), ("", "Not Kebab"));
        assert_eq!(reader.texts("list").len(), 1);
        assert_eq!(reader.table("below").expect("table").date("date"), None);
        drop(reader);
        let said: Vec<String> = sink
            .into_faults()
            .0
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(said[0].starts_with("a.toml: line 5: "), "{}", said[0]);
        assert_eq!(
            said[1..],
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
