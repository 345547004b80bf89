//! Lists of codes: which codes exist, in which edition, and what people call them.
//!
//! A list is a file `config/codes/<scheme>@<edition>.csv` (or `<scheme>.csv`, of any edition):
//! comment lines with the source, the licence, whether a record has at most one of the codes
//! (`# exclusive: yes`) and, optionally, the codes that add up to the total (`# totals: a, b`) and
//! the codes that contain the others as overlapping parts (`# base: a`); then the columns `code`
//! and, optionally, `label`, `group`, `subgroup`, `class`. A record whose code is not in the list of
//! its edition is accepted, and its code is counted as unknown ([`super::unknown_codes`]).

use hashbrown::HashMap;

use crate::files::TextFiles;
use crate::files::csv::{comment, read_rows, required_comment};
use crate::files::fault::{FaultSink, nearest};
use crate::reference::pattern::{Fold, Pattern};

/// A list of codes in one edition.
#[derive(Clone, Debug)]
pub struct CodeList {
    /// Its scheme.
    pub scheme: String,
    /// Its edition; `None` = any.
    pub edition: Option<String>,
    /// Who publishes it.
    pub source: String,
    /// Under which licence.
    pub licence: String,
    /// Whether a record has at most one of its codes, so that counts by code add up.
    pub exclusive: bool,
    /// Codes that add up to the total, the base of shares; empty = all codes do.
    pub totals: Vec<String>,
    /// Codes that count everyone who has any of the other codes, where one person or household may
    /// have several; empty = the total does.
    pub bases: Vec<String>,
    /// Its codes, in the order of the file.
    pub codes: Vec<Code>,
    by_code: HashMap<String, usize>,
}

/// A code of a list. An offence code of several categories occurs once for each.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// The code, as the publisher writes it.
    pub code: String,
    /// What people call it; empty where the list has no names.
    #[serde(default)]
    pub label: String,
    /// What it belongs to: an offence group, a category, an outcome group; empty = none.
    #[serde(default)]
    pub group: String,
    /// The finer group; empty = none.
    #[serde(default)]
    pub subgroup: String,
    /// For an offence: `V` = it has a victim, `S` = it is against the state, `S/V` = either; empty =
    /// unknown.
    #[serde(default)]
    pub class: String,
}

impl CodeList {
    /// A code in any spelling that folds to the same form ([`Fold`]).
    pub fn get(&self, code: &str) -> Option<&Code> {
        let index =
            Fold::for_scheme(&self.scheme).with(code, |folded| self.by_code.get(folded))??;
        Some(&self.codes[*index])
    }

    /// Whether the list has a code in exactly this spelling, bases included. A need is listed up to
    /// its slash.
    fn lists(&self, code: &str) -> bool {
        let listed = if self.scheme == "hclic-need" {
            code.split('/').next().unwrap_or(code)
        } else {
            code
        };
        self.codes.iter().any(|own| own.code == listed)
    }

    /// What its file is called: the scheme, and the edition if it has one.
    pub fn name(&self) -> String {
        match &self.edition {
            Some(edition) => format!("{}@{edition}", self.scheme),
            None => self.scheme.clone(),
        }
    }

    /// Whether it has a code, in any spelling that rules match; a base only as it is written there.
    fn knows(&self, code: &str) -> bool {
        self.get(code).is_some() || self.lists(code)
    }

    /// Whether its codes are outcomes.
    pub fn is_of_outcomes(&self) -> bool {
        self.scheme.ends_with("-outcome")
    }

    /// Whether a pattern matches any of its codes.
    pub fn has(&self, pattern: &Pattern) -> bool {
        self.by_code
            .keys()
            .any(|folded| pattern.matches(folded, pattern.edition()))
    }
}

/// All code lists.
#[derive(Clone, Debug, Default)]
pub struct CodeLists(Vec<CodeList>);

impl CodeLists {
    pub(super) fn read(files: &TextFiles, sink: &FaultSink) -> Self {
        let lists = files
            .in_folder("codes", ".csv")
            .map(|(path, text)| read_list(path, text, sink));
        let mut lists: Vec<CodeList> = lists.collect();
        lists.sort_by(|a, b| (&a.scheme, &a.edition).cmp(&(&b.scheme, &b.edition)));
        Self(lists)
    }

    /// Every list, by scheme and edition.
    pub fn iter(&self) -> impl Iterator<Item = &CodeList> {
        self.0.iter()
    }

    /// The lists of a scheme, oldest edition first; none if the scheme has no list.
    pub fn lists_of(&self, scheme: &str) -> impl Iterator<Item = &CodeList> + Clone {
        self.0.iter().filter(move |list| list.scheme == scheme)
    }

    /// The list that decides whether a code is known: that of its edition. Without such a list, all
    /// lists of the scheme do.
    pub fn lists_for<'l>(
        &'l self,
        scheme: &'l str,
        edition: Option<&str>,
    ) -> impl Iterator<Item = &'l CodeList> + Clone {
        let own = edition.and_then(|edition| {
            self.lists_of(scheme)
                .find(|list| list.edition.as_deref() == Some(edition))
        });
        self.lists_of(scheme)
            .filter(move |list| own.is_none_or(|own| own.edition == list.edition))
    }

    /// The code that is nearest to an unknown one, in a list `<scheme>@<edition>`, or in all lists of
    /// a scheme: one with few other letters, or else the first that divides it further.
    pub fn nearest(&self, list: &str, code: &str) -> Option<&str> {
        let (scheme, edition) = list
            .split_once('@')
            .map_or((list, None), |(scheme, edition)| (scheme, Some(edition)));
        let codes = self
            .lists_of(scheme)
            .filter(|list| edition.is_none() || list.edition.as_deref() == edition);
        let codes = codes.flat_map(|list| &list.codes);
        let codes: Vec<&str> = codes.map(|known| known.code.as_str()).collect();
        let mut known = codes.iter().copied();
        let is_part = |known: &&str| {
            let rest = known.strip_prefix(code);
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        nearest(code, codes.iter().copied()).or_else(|| known.find(is_part))
    }

    /// A code from the list of an edition; without such a list or code there, from the newest list
    /// that has it.
    pub fn get(&self, scheme: &str, edition: Option<&str>, code: &str) -> Option<&Code> {
        let of_edition = self
            .lists_of(scheme)
            .find(|list| edition.is_some() && list.edition.as_deref() == edition);
        let found = of_edition.and_then(|list| list.get(code));
        found.or_else(|| {
            self.lists_of(scheme)
                .filter_map(|list| list.get(code))
                .last()
        })
    }

    /// What people call a code.
    pub fn label(&self, scheme: &str, edition: Option<&str>, code: &str) -> Option<&str> {
        self.get(scheme, edition, code)
            .map(|c| &*c.label)
            .filter(|label| !label.is_empty())
    }

    /// The group of a code, such as the outcome group of an outcome (`court`, `no-suspect`).
    pub fn group(&self, scheme: &str, edition: Option<&str>, code: &str) -> Option<&str> {
        self.get(scheme, edition, code)
            .map(|c| &*c.group)
            .filter(|group| !group.is_empty())
    }

    /// Whether an offence in a category has a victim (`V`), is against the state (`S`) or either
    /// (`S/V`).
    pub fn class(&self, offence: &str, category: Option<&str>) -> Option<&str> {
        let mut rows = self
            .lists_of("ho-offence")
            .flat_map(|list| &list.codes)
            .filter(|code| code.code == offence);
        let first = rows.clone().next();
        let row = rows
            .find(|code| category.is_none_or(|category| code.group == category))
            .or(first);
        row.map(|code| &*code.class)
            .filter(|class| !class.is_empty())
    }

    /// Whether a record has at most one code of a scheme, so that counts by code add up.
    pub fn is_exclusive(&self, scheme: &str) -> bool {
        self.lists_of(scheme).any(|list| list.exclusive)
    }

    /// Whether a code is one of those that add up to the total.
    pub fn is_total(&self, scheme: &str, code: &str) -> bool {
        self.lists_of(scheme)
            .any(|list| list.totals.iter().any(|total| total == code))
    }

    /// Whether a code counts everyone who has any of the other codes.
    pub fn is_base(&self, scheme: &str, code: &str) -> bool {
        self.lists_of(scheme)
            .any(|list| list.bases.iter().any(|base| base == code))
    }

    /// Whether a code is in the list of its edition; without such a list, in any of its scheme;
    /// `None` if the scheme has no list.
    pub fn knows(&self, scheme: &str, edition: Option<&str>, code: &str) -> Option<bool> {
        let mut lists = self.lists_for(scheme, edition).peekable();
        lists.peek()?;
        Some(lists.any(|list| list.knows(code)))
    }
}

fn read_list(path: &str, text: &str, sink: &FaultSink) -> CodeList {
    let name = path.trim_start_matches("codes/").trim_end_matches(".csv");
    let (scheme, edition) = name
        .split_once('@')
        .map_or((name, None), |(scheme, edition)| (scheme, Some(edition)));
    let mut list = CodeList {
        scheme: scheme.to_owned(),
        edition: edition.map(str::to_owned),
        source: required_comment(path, text, "source", sink),
        licence: required_comment(path, text, "licence", sink),
        exclusive: required_comment(path, text, "exclusive", sink) == "yes",
        totals: listed_codes(text, "totals"),
        bases: listed_codes(text, "base"),
        codes: read_rows(path, text, sink),
        by_code: HashMap::new(),
    };
    for (key, named) in [("totals", &list.totals), ("base", &list.bases)] {
        for code in named.iter().filter(|code| !list.lists(code)) {
            sink.add(path, key, format!("`{code}` is not a code of the list"));
        }
    }
    for (i, code) in list.codes.iter().enumerate() {
        // A base has no folded form: it is a code of the list, but no pattern may match it.
        let Some(folded) = Fold::for_scheme(scheme).folded(&code.code) else {
            continue;
        };
        let first = *list.by_code.entry(folded).or_insert(i);
        if first != i && list.codes[first].group == code.group {
            sink.add(path, &code.code, "is given twice");
        }
    }
    list
}

/// The codes that a comment line names.
fn listed_codes(text: &str, name: &str) -> Vec<String> {
    comment(text, name).map_or_else(Vec::new, |codes| {
        codes.split(", ").map(str::to_owned).collect()
    })
}
