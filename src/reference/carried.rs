//! What a partner's system can show at all: the schemes and flags of its records.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::contract::flags::Flags;
use crate::files::fault::hint;
use crate::files::toml_reader::TomlReader;
use crate::reference::pattern::{Fold, Pattern};

/// Which schemes and flags records of a kind have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// The schemes, with the groups that crosswalks make of them; each with the only codes that such
    /// records can have, or `None`: any code.
    pub schemes: BTreeMap<String, Option<BTreeSet<String>>>,
    /// The flags, as bits ([`Flags::NAMES`]).
    pub flags: u32,
}

impl Carried {
    /// What either carries.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        for (scheme, codes) in &other.schemes {
            match self.schemes.entry(scheme.clone()) {
                Entry::Vacant(entry) => drop(entry.insert(codes.clone())),
                Entry::Occupied(mut entry) => match (entry.get_mut(), codes) {
                    (Some(own), Some(codes)) => own.extend(codes.iter().cloned()),
                    (own, _) => *own = None,
                },
            }
        }
        self.flags |= other.flags;
        self
    }

    /// Whether records can have a code of a scheme.
    pub fn can_have(&self, scheme: &str, code: &str) -> bool {
        let codes = self.schemes.get(scheme);
        codes.is_some_and(|codes| codes.as_ref().is_none_or(|codes| codes.contains(code)))
    }

    /// Whether records can have a code of a scheme that matches any of some patterns.
    pub(crate) fn can_match(&self, scheme: &str, patterns: &[Pattern]) -> bool {
        let matches = |code: &String| {
            Fold::for_scheme(scheme).any(code, |folded| {
                let mut patterns = patterns.iter();
                patterns.any(|pattern| pattern.matches(folded, pattern.edition()))
            })
        };
        let codes = self.schemes.get(scheme);
        codes.is_some_and(|codes| codes.as_ref().is_none_or(|codes| codes.iter().any(matches)))
    }
}

/// A list of flags as bits.
pub(crate) fn read_flags(reader: &TomlReader<'_>, key: &str) -> u32 {
    let mut bits = 0;
    for item in reader.texts(key) {
        if let Some(bit) = Flags::bit(item.text) {
            bits |= bit;
        } else {
            let hint = hint(item.text, Flags::NAMES);
            reader.fault_at(&item.key, format!("unknown flag `{}`{hint}", item.text));
        }
    }
    bits
}
