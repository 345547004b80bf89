//! The schemas as partners have them in `schemas/`, built into the program: as texts, and as JSON
//! that is read when the first record is refused.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::event::{Kind, with_kinds};

macro_rules! schema {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../schemas/", $name, ".schema.json")),
        )
    };
}

macro_rules! files {
    ($($(#[$doc:meta])* $kind:ident = $name:literal in $feed:ident,)+) => {
        /// Every schema, by the name of its file without `.schema.json`.
        const FILES: &[(&str, &str)] = &[schema!("envelope"), schema!("parts"), $(schema!($name)),+];
    };
}
with_kinds!(files);

macro_rules! examples {
    ($($(#[$doc:meta])* $kind:ident = $name:literal in $feed:ident,)+) => {
        /// The text of a valid event of a kind, as partners have it in `schemas/examples/`.
        const fn example_text(kind: Kind) -> &'static str {
            match kind {
                $(Kind::$kind => include_str!(concat!("../../schemas/examples/", $name, ".json"))),+
            }
        }
    };
}
with_kinds!(examples);

macro_rules! tables {
    ($($(#[$doc:meta])* $kind:ident = $name:literal in $feed:ident,)+) => {
        /// The files of `schemas/tables/`: of each kind an example of a table, and what its columns mean.
        const TABLES: &[(&str, &str)] = &[$(
            (concat!($name, ".csv"), include_str!(concat!("../../schemas/tables/", $name, ".csv"))),
            (
                concat!($name, "-crosswalk.csv"),
                include_str!(concat!("../../schemas/tables/", $name, "-crosswalk.csv")),
            ),
        )+];
    };
}
with_kinds!(tables);

/// A file of `schemas/tables/`, by its name.
pub(crate) fn table_file(name: &str) -> Option<&'static str> {
    let mut files = TABLES.iter();
    files.find_map(|(known, text)| (*known == name).then_some(*text))
}

/// A valid event of a kind.
pub(crate) fn example(kind: Kind) -> Value {
    serde_json::from_str(example_text(kind)).expect("an example is JSON")
}

/// The schema of a kind for what is at a pointer into its event, below `/data`, with the part that it
/// refers to merged into it; `None` = the contract has nothing there.
pub(crate) fn schema_at(kind: Kind, pointer: &str) -> Option<Value> {
    let mut schema = resolved(document(kind.as_str())?);
    let mut steps = pointer.strip_prefix("/data")?.split('/').skip(1);
    steps.try_for_each(|step| {
        let below = match step.parse::<usize>() {
            Ok(_) => schema.get("items"),
            Err(_) => schema["properties"].get(step),
        };
        schema = resolved(below?);
        Some(())
    })?;
    Some(schema)
}

/// A schema with the keywords of the part that it refers to.
fn resolved(schema: &Value) -> Value {
    let part = schema["$ref"]
        .as_str()
        .and_then(|reference| reference.rsplit_once("#/$defs/"))
        .and_then(|(_, name)| document("parts")?["$defs"].get(name));
    let Some(part) = part else {
        return schema.clone();
    };
    let mut merged = resolved(part);
    if let (Value::Object(all), Value::Object(own)) = (&mut merged, schema) {
        all.extend(own.clone());
    }
    merged
}

/// Every schema as JSON, by the name of its file without `.schema.json`.
pub(crate) static DOCUMENTS: LazyLock<BTreeMap<&'static str, Value>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|(name, text)| (*name, serde_json::from_str(text).expect("a schema is JSON")))
        .collect()
});

/// Every schema as JSON, with the name of its file.
pub(crate) fn documents() -> impl Iterator<Item = (&'static str, &'static Value)> {
    DOCUMENTS.iter().map(|(name, document)| (*name, document))
}

/// The schema of a name, as JSON.
pub(crate) fn document(name: &str) -> Option<&'static Value> {
    DOCUMENTS.get(name)
}

/// Every schema as it is published: the name of its file without `.schema.json`, and its text.
pub fn files() -> &'static [(&'static str, &'static str)] {
    FILES
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::contract::type_of;
    use crate::event::Feed;

    #[test]
    fn the_envelope_lists_every_kind_of_every_feed() {
        let listed = DOCUMENTS["envelope"]["properties"]["type"]["enum"].as_array();
        let listed = listed.expect("a list").iter().filter_map(Value::as_str);
        let mut types = BTreeSet::new();
        for feed in Feed::ALL {
            let own = |kind: &&Kind| kind.feed().is_none_or(|only| only == feed);
            types.extend(
                Kind::ALL
                    .iter()
                    .filter(own)
                    .map(|kind| type_of(feed, *kind)),
            );
        }
        assert_eq!(listed.map(str::to_owned).collect::<BTreeSet<_>>(), types);
    }
}
