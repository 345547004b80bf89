//! Crosswalks: groups of raw codes, so that a knife is a knife whichever number a hospital gives it.
//!
//! `config/crosswalks/<scheme>.csv` defines a scheme of groups: a record with a listed code also has
//! the code's group. An empty edition matches any; an exact edition wins.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use serde::Deserialize;

use crate::files::TextFiles;
use crate::files::csv::{read_rows, required_comment};
use crate::files::fault::FaultSink;
use crate::files::toml_reader::is_kebab;
use crate::reference::pattern::Fold;

/// All crosswalks.
#[derive(Clone, Debug, Default)]
pub struct Crosswalks {
    /// By list, then by folded code.
    lists: HashMap<String, HashMap<String, Vec<Groups>>>,
    groups: BTreeMap<String, BTreeSet<String>>,
}

/// The group of one code in one scheme of groups.
#[derive(Clone, Debug)]
pub struct Groups {
    /// The scheme of groups, which is the name of its file.
    pub scheme: String,
    /// By edition; empty = any.
    by_edition: BTreeMap<String, String>,
}

impl Groups {
    /// The group in an edition of the code's list.
    pub fn group(&self, edition: Option<&str>) -> Option<&str> {
        let exact = edition.and_then(|edition| self.by_edition.get(edition));
        exact
            .or_else(|| self.by_edition.get(""))
            .map(String::as_str)
    }

    /// The editions, each with its group; the empty edition is any.
    pub fn editions(&self) -> impl Iterator<Item = (&str, &str)> {
        let editions = self.by_edition.iter();
        editions.map(|(edition, group)| (&**edition, &**group))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CrosswalkRow {
    list: String,
    edition: String,
    code: String,
    group: String,
}

impl Crosswalks {
    pub(super) fn read(files: &TextFiles, sink: &FaultSink) -> Self {
        let mut crosswalks = Self::default();
        for (path, text) in files.in_folder("crosswalks", ".csv") {
            let scheme = path
                .trim_start_matches("crosswalks/")
                .trim_end_matches(".csv");
            required_comment(path, text, "source", sink);
            required_comment(path, text, "licence", sink);
            crosswalks.groups.entry(scheme.to_owned()).or_default();
            for row in read_rows::<CrosswalkRow>(path, text, sink) {
                let key = format!("{},{},{}", row.list, row.edition, row.code);
                if !is_kebab(&row.group) {
                    sink.add(
                        path,
                        &key,
                        format!("group `{}` is not kebab-case", row.group),
                    );
                }
                if let Err(other) = crosswalks.add(scheme, row) {
                    sink.add(path, &key, format!("already has the group `{other}`"));
                }
            }
        }
        crosswalks
    }

    /// Adds a row. Fails with the group that the code already has.
    fn add(&mut self, scheme: &str, row: CrosswalkRow) -> Result<(), String> {
        self.groups
            .entry(scheme.to_owned())
            .or_default()
            .insert(row.group.clone());
        let code = Fold::for_scheme(&row.list)
            .folded(&row.code)
            .unwrap_or_default();
        let groups_of_code = self
            .lists
            .entry(row.list)
            .or_default()
            .entry(code)
            .or_default();
        let index = groups_of_code
            .iter()
            .position(|groups| groups.scheme == scheme)
            .unwrap_or_else(|| {
                groups_of_code.push(Groups {
                    scheme: scheme.to_owned(),
                    by_edition: BTreeMap::new(),
                });
                groups_of_code.len() - 1
            });
        groups_of_code[index]
            .by_edition
            .insert(row.edition, row.group)
            .map_or(Ok(()), Err)
    }

    /// The groups of a code, one for each scheme of groups it is in.
    pub fn groups_for(&self, list: &str, code: &str) -> &[Groups] {
        let Some(codes) = self.lists.get(list) else {
            return &[];
        };
        let groups = Fold::for_scheme(list).with(code, |folded| codes.get(folded));
        groups.flatten().map_or(&[], Vec::as_slice)
    }

    /// Every list and folded code with its groups, in order of list and code.
    pub fn codes(&self) -> impl Iterator<Item = (&str, &str, &[Groups])> {
        let mut codes = Vec::new();
        for (list, groups_by_code) in &self.lists {
            for (code, groups) in groups_by_code {
                codes.push((&**list, &**code, groups.as_slice()));
            }
        }
        codes.sort_unstable_by_key(|(list, code, _)| (*list, *code));
        codes.into_iter()
    }

    /// The schemes of groups, each with its groups.
    pub fn schemes(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        self.groups
            .iter()
            .map(|(scheme, groups)| (&**scheme, groups))
    }

    /// The groups of a scheme of groups.
    pub fn groups_of(&self, scheme: &str) -> Option<&BTreeSet<String>> {
        self.groups.get(scheme)
    }

    /// The lists whose codes are grouped.
    pub fn lists(&self) -> impl Iterator<Item = &str> {
        self.lists.keys().map(String::as_str)
    }

    /// The schemes of groups that a list's codes are in.
    pub fn schemes_of(&self, list: &str) -> BTreeSet<&str> {
        let codes = self
            .lists
            .get(list)
            .into_iter()
            .flat_map(HashMap::values)
            .flatten();
        codes.map(|groups| &*groups.scheme).collect()
    }
}
