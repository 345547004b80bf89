//! The rules of a store, and what it means to break one.
//!
//! The names of rules are part of the output of `verify`.

use std::fmt;

use crate::event::Position;

macro_rules! rules {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// A rule that every store keeps; `verify` names those that a file breaks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum LedgerRule { $($(#[$doc])* $variant),+ }

        impl LedgerRule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

rules! {
    /// A file is named by the position it starts from.
    Name = "name",
    /// Each file starts where the one before ends, from the origin on.
    Join = "join",
    /// A file can be read as a file of the ledger.
    Open = "open",
    /// A file has as many rows as its footer states.
    Count = "count",
    /// Offsets rise, and are inside what the file covers.
    Offsets = "offsets",
    /// A position is one row, accepted or rejected.
    Once = "once",
    /// The records read were accepted, rejected or erased.
    Read = "read",
    /// The rejects files that a file names exist, with as many rows as it states.
    Rejects = "rejects",
    /// An epoch contains records of one topic of one cluster.
    Source = "source",
    /// An epoch ends only in a file without rows.
    Era = "era",
    /// Missing offsets were declared lost, and somebody accepted the loss.
    Gap = "gap",
    /// This program knows the version of the schema.
    Schema = "schema",
    /// Rows are missing only where they were erased; once a certificate says so, they are gone, and
    /// tables were built after it.
    Erased = "erased",
    /// The erasure log is numbered from 1, and each entry has the checksum of the one before.
    Log = "log",
}

/// A rule that a file breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: String,
    /// The position in the partition.
    pub position: Position,
    /// The rule.
    pub rule: LedgerRule,
    /// How the file breaks it.
    pub detail: String,
}

impl Finding {
    pub(crate) fn new(file: &str, position: Position, rule: LedgerRule, detail: String) -> Self {
        Self {
            file: file.to_owned(),
            position,
            rule,
            detail,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at {}: {}: {}",
            self.file,
            self.position,
            self.rule.as_str(),
            self.detail
        )
    }
}
