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

/// Every schema as it is published: the name of its file without `.schema.json`, and its text.
pub fn files() -> &'static [(&'static str, &'static str)] {
    FILES
}

#[cfg(test)]
mod tests {
    use crate::event::{Feed, Kind};

    #[test]
    fn the_page_for_partners_names_every_kind_in_the_row_of_its_feed() {
        let page = include_str!("../../schemas/README.md");
        for kind in Kind::ALL {
            let feed = kind.feed().map_or("each", Feed::as_str);
            let row = page
                .lines()
                .find(|line| line.starts_with(&format!("| {feed} |")));
            let row = row.expect("a row for each feed");
            assert!(
                row.contains(&format!("`{kind}`")),
                "{kind} is missing in: {row}"
            );
        }
    }
}
