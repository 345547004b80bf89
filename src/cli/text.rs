//! How commands print: lines and tables on standard output, numbers and times as text.
//!
//! A reader of standard output that stops early, such as `head`, is never an error: the command
//! finishes its work and its exit status still reports the result.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::RangeInclusive;

use comfy_table::{CellAlignment, Table, presets};
use indicatif::HumanCount;

use crate::event::Micros;
use crate::reference::{CodeLists, UnknownCodes};

/// Prints a line on standard output, and returns from the caller if that fails. That the reader closed
/// the pipe is ignored.
macro_rules! say {
    ($($line:tt)*) => {
        $crate::cli::text::print_line(format_args!($($line)*))?
    };
}

/// Prints a line for people on standard error, as [`print_note`] does.
macro_rules! note {
    ($($line:tt)*) => {
        $crate::cli::text::print_note(&format!("{}\n", format_args!($($line)*)))
    };
}

/// Prints a text for people on standard error. Like logging, it is best effort: a full disk or a reader
/// that has gone never stops the work.
pub(super) fn print_note(text: &str) {
    drop(io::stderr().write_all(text.as_bytes()));
}

/// Prints a line on standard output.
pub(super) fn print_line(line: std::fmt::Arguments<'_>) -> io::Result<()> {
    ignore_closed_pipe(writeln!(io::stdout(), "{line}"))
}

/// Whether the reader of standard output has stopped reading.
pub(super) fn is_closed_pipe(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// The result of a write, where a reader that stopped reading is not an error.
pub(super) fn ignore_closed_pipe(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if is_closed_pipe(&error) => Ok(()),
        other => other,
    }
}

/// A table for the screen: aligned columns without lines.
pub(super) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// Aligns columns of numbers, given by index, to the right.
pub(super) fn align_right(table: &mut Table, columns: RangeInclusive<usize>) {
    for (index, column) in table.column_iter_mut().enumerate() {
        if columns.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// The width of standard output, if it is a terminal.
pub(super) fn terminal_width() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(io::stdout())?;
    Some(usize::from(width.0))
}

/// A text as lines of at most this width, broken between words; all but the first are indented.
pub(super) fn wrapped(text: &str, width: usize, indent: usize) -> Vec<String> {
    let length = |text: &str| text.chars().count();
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if length(line) + 1 + length(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) => lines.push(format!("{:indent$}{word}", "")),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A number with commas between thousands.
pub(super) fn grouped(number: u64) -> String {
    HumanCount(number).to_string()
}

/// A number with its noun: `1 file`, `1,200 files`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// The codes that their lists do not contain, as lines for the screen; empty if there are none.
pub(super) fn unknown_codes_text(unknown: &UnknownCodes, lists: &CodeLists) -> String {
    if unknown.is_empty() {
        return String::new();
    }
    let mut rows = table(["list", "unknown code", "records", "nearest known code"]);
    for code in unknown.codes(lists) {
        let nearest = code.nearest.unwrap_or_else(|| "-".to_owned());
        rows.add_row([code.list, code.code, grouped(code.records), nearest]);
    }
    align_right(&mut rows, 2..=2);
    let further = match unknown.further() {
        0 => String::new(),
        further => format!(
            "{} more records have further unknown codes\n",
            grouped(further)
        ),
    };
    format!(
        "warning: codes that their lists do not contain; no rule of a plan matches them. Correct \
         the codes, or add them to their lists in the folder `codes`\n{}\n{further}",
        rows.trim_fmt()
    )
}

/// Why the times of a topic's records cannot be relied on, and what to do.
pub(super) fn publisher_times_text(topic: &str) -> String {
    format!(
        "record times of {topic} are the publisher's, not the broker's: set its \
         message.timestamp.type to LogAppendTime"
    )
}

/// Records whose latest revision was sent with different contents, as a line for the screen; empty
/// if there are none.
pub(super) fn contradictions_text(by_partner: &BTreeMap<String, u64>) -> String {
    let Some(records) = total_text(by_partner) else {
        return String::new();
    };
    format!(
        "warning: contradictions: {records} sent with other content under the same revision, and \
         one content counts. The partner must send the right one with a higher revision\n"
    )
}

/// `3 records of kent-police, 1 record of mtw-nhs`; `None` without records.
pub(super) fn total_text(by_partner: &BTreeMap<String, u64>) -> Option<String> {
    let parts = by_partner.iter();
    let parts = parts.map(|(partner, count)| format!("{} of {partner}", counted(*count, "record")));
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Reads an argument that is an instant (RFC 3339), or a day, which means its end in London.
pub(super) fn parse_instant(text: &str) -> Result<Micros, String> {
    // A civil date also parses from an instant, whose time of day would be lost.
    if text.len() == "2018-10-31".len()
        && let Ok(day) = text.parse()
    {
        return Ok(Micros::end_of_day_in_london(day));
    }
    match text.parse::<jiff::Timestamp>() {
        Ok(instant) => Ok(Micros(instant.as_microsecond())),
        Err(_) => Err(
            "expected a day such as 2018-10-31, or an instant such as 2018-10-31T17:00:00Z"
                .to_owned(),
        ),
    }
}
