//! Checks of the data that failed, and that a partnership accepts.

use serde::{Deserialize, Serialize};

use crate::files::toml_reader::TomlReader;

/// A failed check of the data, and the reason why the partnership accepts it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct AcceptedCheck {
    /// The check.
    pub check: String,
    /// The reason.
    pub reason: String,
}

impl AcceptedCheck {
    /// Reads every `[[accept]]` of a file.
    pub(crate) fn read_all(reader: &TomlReader<'_>) -> Vec<Self> {
        let tables = reader.tables("accept");
        let accepted = tables.iter().map(|table| Self {
            check: table.name("check").to_owned(),
            reason: table.name("reason").to_owned(),
        });
        accepted.collect()
    }
}
