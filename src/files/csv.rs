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
    let start = format!("# {name}: ");
    lines
        .filter_map(|line| line.strip_prefix(&start))
        .map(|value| value.trim().to_owned())
        .next()
}

/// The rows of a file with `#` comments; a row that cannot be read is a fault.
pub(crate) fn read_rows<T: serde::de::DeserializeOwned>(
    path: &str,
    text: &str,
    sink: &FaultSink,
) -> Vec<T> {
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for row in reader.deserialize() {
        match row {
            Ok(row) => rows.push(row),
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                sink.add(path, &format!("line {line}"), error.to_string());
            }
        }
    }
    rows
}
