//! What a partner's system can show at all: the schemes and flags of its records.

use std::collections::BTreeSet;

use crate::contract::parts::Flags;
use crate::files::fault::hint;
use crate::files::toml_reader::TomlReader;

/// Which schemes and flags records of a kind have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// The schemes, with the groups that crosswalks make of them.
    pub schemes: BTreeSet<String>,
    /// The flags, as bits ([`Flags::NAMES`]).
    pub flags: u32,
}

impl Carried {
    /// What either carries.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        self.schemes.extend(other.schemes.iter().cloned());
        self.flags |= other.flags;
        self
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
