//! The partnership that a configuration is of: `partnership.toml`.

use crate::files::TextFiles;
use crate::files::fault::FaultSink;
use crate::files::text_files::PARTNERSHIP;
use crate::files::toml_reader::{TomlReader, parse};

/// A partnership.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partnership {
    /// Its name.
    pub name: String,
    /// The code of its area: a district, or an area of several districts.
    pub area: String,
}

impl Partnership {
    /// Reads the file, with all its faults.
    pub(crate) fn read(files: &TextFiles, sink: &FaultSink) -> Self {
        let Some(text) = files.text(PARTNERSHIP) else {
            sink.add(PARTNERSHIP, "", "is missing");
            return Self::default();
        };
        let Some(table) = parse(PARTNERSHIP, text, sink) else {
            return Self::default();
        };
        let reader = TomlReader::new(PARTNERSHIP, &table, sink);
        reader.format();
        Self {
            name: reader.name("name").to_owned(),
            area: reader.area_code("area").to_owned(),
        }
    }
}
