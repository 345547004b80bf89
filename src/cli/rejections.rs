//! Lists what is wrong with the lines of a file of events on standard output, for `check` and
//! `publish`.

use std::io::{self, BufWriter, Write};

use serde_json::{Map, Value, json};

use super::Format;
use super::text::{counted, ignore_closed_pipe, unknown_codes_text};
use crate::contract::Rejection;
use crate::event::Kind;
use crate::publish::{AcceptedEvent, CheckCounts, Checker};
use crate::reference::{CodeLists, UnknownCodes};

/// The warning about a subject that is only digits.
const BARE_DIGITS: &str = "the subject is only ten or eleven digits, as NHS and telephone numbers \
    are: sooner or later one is rejected; put a letter before it";
/// The warning about a contradiction.
const CONTRADICTS: &str = "an earlier line has the same source, subject and revision with other \
    content; send each correction with a higher revision";

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

    /// Prints why a line was rejected: all its faults.
    pub(super) fn reject(&mut self, line: u64, rejection: &Rejection) -> io::Result<()> {
        let text = match self.format {
            Format::Text => {
                let faults = rejection.faults();
                let lines: Vec<String> = faults
                    .map(|fault| format!("line {line}: {fault}"))
                    .collect();
                lines.join("\n")
            }
            Format::Json => json!({
                "line": line,
                "reason": rejection.reason.as_str(),
                "pointer": rejection.pointer,
                "rule": rejection.rule,
                "more": rejection.more,
                "partner": rejection.partner,
                "kind": rejection.kind.map(Kind::as_str),
            })
            .to_string(),
        };
        self.print_line(&text)
    }

    /// Prints the warnings about an accepted line, if there are any.
    pub(super) fn accept(&mut self, line: u64, event: &AcceptedEvent) -> io::Result<()> {
        if event.bare_digits {
            self.warn(line, "/subject", BARE_DIGITS)?;
        }
        if event.contradicts {
            self.warn(line, "/revision", CONTRADICTS)?;
        }
        Ok(())
    }

    fn warn(&mut self, line: u64, pointer: &str, warning: &str) -> io::Result<()> {
        self.print_line(&match self.format {
            Format::Text => format!("line {line}: warning at {pointer}: {warning}"),
            Format::Json => {
                json!({"line": line, "warning": warning, "pointer": pointer}).to_string()
            }
        })
    }

    /// Prints the counts and, where `strict`, what fails because of them; returns whether anything
    /// does.
    pub(super) fn close(
        mut self,
        counts: &CheckCounts,
        checker: &mut Checker<'_>,
        lists: &CodeLists,
        strict: bool,
    ) -> io::Result<bool> {
        let unknown = checker.take_unknown_codes();
        let failures = if strict {
            failures(counts, &unknown)
        } else {
            Vec::new()
        };
        match self.format {
            Format::Text => {
                let mut text = counts_text(counts, checker.not_compared());
                let codes = unknown_codes_text(&unknown, lists);
                if !codes.is_empty() {
                    text = format!("{text}\n{}", codes.trim_end());
                }
                if !failures.is_empty() {
                    text = format!("{text}\nfailed: {}", failures.join(", "));
                }
                self.print_line(&text)?;
            }
            Format::Json => {
                let mut json = counts_json(counts, checker.not_compared());
                json["unknown_codes"] = json!(unknown.codes(lists));
                json["further_unknown_codes"] = json!(unknown.further());
                if strict {
                    json["failed"] = json!(failures);
                }
                self.print_line(&json.to_string())?;
            }
        }
        ignore_closed_pipe(self.out.flush())?;
        Ok(!failures.is_empty())
    }

    fn print_line(&mut self, line: &str) -> io::Result<()> {
        ignore_closed_pipe(writeln!(self.out, "{line}"))
    }
}

/// What fails a strict check.
fn failures(counts: &CheckCounts, unknown: &UnknownCodes) -> Vec<String> {
    let found = [
        (counts.rejections(), "rejected line"),
        (unknown.total(), "unknown code"),
        (counts.contradictions, "contradiction"),
    ];
    let found = found.into_iter().filter(|(count, _)| *count > 0);
    found.map(|(count, noun)| counted(count, noun)).collect()
}

fn counts_text(counts: &CheckCounts, not_compared: u64) -> String {
    let total = format!(
        "{} lines, {} accepted, {} rejected",
        counts.lines,
        counts.accepted,
        counts.rejections()
    );
    let mut lines = vec![total];
    let reasons = counts.rejected.iter();
    lines.extend(reasons.map(|(reason, count)| format!("{count:>9}  {reason}")));
    if counts.contradictions > 0 {
        let contradict = match counts.contradictions {
            1 => "1 line contradicts".to_owned(),
            lines => format!("{lines} lines contradict"),
        };
        lines.push(format!(
            "warning: {contradict} an earlier line of the same revision"
        ));
    }
    if not_compared > 0 {
        let revisions = counted(not_compared, "revision");
        lines.push(format!(
            "warning: {revisions} not compared with later lines: there are too many"
        ));
    }
    lines.join("\n")
}

fn counts_json(counts: &CheckCounts, not_compared: u64) -> Value {
    let rejected: Map<_, _> = counts
        .rejected
        .iter()
        .map(|(reason, count)| (reason.as_str().to_owned(), Value::from(*count)))
        .collect();
    json!({
        "lines": counts.lines,
        "accepted": counts.accepted,
        "bare_digits": counts.bare_digits,
        "contradictions": counts.contradictions,
        "not_compared": not_compared,
        "refused": rejected,
    })
}
