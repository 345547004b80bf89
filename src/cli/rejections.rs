//! Lists the rejected lines of a file of events on standard output, for `check` and `publish`.

use std::io::{self, BufWriter, Write};

use serde_json::{Map, Value, json};

use super::Format;
use super::text::ignore_closed_pipe;
use crate::contract::Rejection;
use crate::event::Kind;
use crate::publish::CheckCounts;

/// The warning about a subject that is only digits.
const BARE_DIGITS: &str = "the subject is only ten or eleven digits, as NHS and telephone numbers \
    are: sooner or later one is rejected; put a letter before it";

/// Prints rejected lines one by one, and the counts at the end.
pub(super) struct RejectionList {
    out: BufWriter<io::StdoutLock<'static>>,
    format: Format,
}

impl RejectionList {
    pub(super) fn new(format: Format) -> Self {
        Self {
            out: BufWriter::new(io::stdout().lock()),
            format,
        }
    }

    /// Prints why a line was rejected.
    pub(super) fn reject(&mut self, line: u64, rejection: &Rejection) -> io::Result<()> {
        self.print_line(&match self.format {
            Format::Text => format!("line {line}: {rejection}"),
            Format::Json => json!({
                "line": line,
                "reason": rejection.reason.as_str(),
                "pointer": rejection.pointer,
                "rule": rejection.rule,
                "partner": rejection.partner,
                "kind": rejection.kind.map(Kind::as_str),
            })
            .to_string(),
        })
    }

    /// Prints a warning that the subject of a line is only digits.
    pub(super) fn warn(&mut self, line: u64) -> io::Result<()> {
        self.print_line(&match self.format {
            Format::Text => format!("line {line}: warning at /subject: {BARE_DIGITS}"),
            Format::Json => {
                json!({"line": line, "warning": BARE_DIGITS, "pointer": "/subject"}).to_string()
            }
        })
    }

    /// Prints the counts.
    pub(super) fn close(mut self, counts: &CheckCounts) -> io::Result<()> {
        self.print_line(&match self.format {
            Format::Text => counts_text(counts),
            Format::Json => counts_json(counts).to_string(),
        })?;
        ignore_closed_pipe(self.out.flush())
    }

    fn print_line(&mut self, line: &str) -> io::Result<()> {
        ignore_closed_pipe(writeln!(self.out, "{line}"))
    }
}

fn counts_text(counts: &CheckCounts) -> String {
    let total = format!(
        "{} lines, {} accepted, {} rejected",
        counts.lines,
        counts.accepted,
        counts.rejections()
    );
    let reasons = counts.rejected.iter();
    let reasons = reasons.map(|(reason, count)| format!("\n{count:>9}  {reason}"));
    [total].into_iter().chain(reasons).collect()
}

fn counts_json(counts: &CheckCounts) -> Value {
    let rejected: Map<_, _> = counts
        .rejected
        .iter()
        .map(|(reason, count)| (reason.as_str().to_owned(), Value::from(*count)))
        .collect();
    json!({
        "lines": counts.lines,
        "accepted": counts.accepted,
        "bare_digits": counts.bare_digits,
        "refused": rejected,
    })
}
