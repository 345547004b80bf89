//! The schemas as partners have them in `schemas/`, built into the program: as texts, and as JSON
//! that is read when the first record is refused.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::event::with_kinds;

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
    use crate::event::{Feed, Kind};

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
