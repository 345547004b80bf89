//! Files of comma-separated values: `# name: value` comment lines, a header, then typed rows.
//!
//! A row that cannot be read leaves a fault and is skipped, so that one pass finds every fault.

use super::fault::FaultSink;

/// The value of a comment line `# <name>: <value>`, which must be there.
pub(crate) fn required_comment(path: &str, text: &str, name: &str, sink: &FaultSink) -> String {
    comment(text, name).unwrap_or_else(|| {
        sink.add(
            path,
            name,
            format!("is missing: write `# {name}: …` above the header"),
        );
        String::new()
    })
}

/// The value of a comment line above the header.
pub(crate) fn comment(text: &str, name: &str) -> Option<String> {
    let lines = text.lines().take_while(|line| line.starts_with('#'));
    let value = |line: &str| {
        Some(
            line.strip_prefix("# ")?
                .strip_prefix(name)?
                .strip_prefix(": ")?
                .trim()
                .to_owned(),
        )
    };
    lines.into_iter().find_map(value)
}

/// The rows of a file of comma-separated values with `#` comments; each that cannot be read is a
/// fault.
pub(crate) fn read_rows<T: serde::de::DeserializeOwned>(
    path: &str,
    text: &str,
    sink: &FaultSink,
) -> Vec<T> {
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let row = |row: csv::Result<T>| match row {
        Ok(row) => Some(row),
        Err(error) => {
            let line = error.position().map_or(0, csv::Position::line);
            sink.add(path, &format!("line {line}"), error.to_string());
            None
        }
    };
    reader.deserialize().filter_map(row).collect()
}
