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

/// Why a file of another form than comma-separated UTF-8 cannot be read, from how it begins: spreadsheets
/// save such files in some countries, and as "Unicode text".
pub(crate) fn form_fault(beginning: &[u8]) -> Option<&'static str> {
    if is_utf16(beginning) {
        return Some("is UTF-16: save it as CSV UTF-8");
    }
    let line = beginning.split(|byte| *byte == b'\n').next()?;
    let has = |separator: u8| line.contains(&separator);
    if has(b',') {
        None
    } else if has(b';') {
        Some("has columns that are separated by `;`: save it with commas")
    } else if has(b'\t') {
        Some("has columns that are separated by tabs: save it with commas")
    } else {
        None
    }
}

/// Whether a file that begins so is UTF-16.
pub(crate) fn is_utf16(beginning: &[u8]) -> bool {
    beginning.starts_with(b"\xff\xfe") || beginning.starts_with(b"\xfe\xff")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_form_is_recognised_by_its_beginning() {
        for (beginning, words) in [
            (&b"\xff\xfea\0"[..], "UTF-16"),
            (b"a;b\n1,5;2\n", "`;`"),
            (b"a\tb\n", "tabs"),
        ] {
            let fault = form_fault(beginning);
            assert!(fault.is_some_and(|fault| fault.contains(words)), "{words}");
        }
        for right in [&b"a,b;c\n"[..], b"a\n1;2\n", b"\xef\xbb\xbfa,b\n", b""] {
            assert_eq!(form_fault(right), None);
        }
    }
}
