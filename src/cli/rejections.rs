//! Lists what is wrong with the lines of a file of events on standard output, for `check` and
//! `publish`.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};

use serde_json::{Map, Value, json};

use super::Format;
use super::text::{counted, grouped, ignore_closed_pipe, unknown_codes_text};
use crate::contract::Rejection;
use crate::contract::rejection::Violation;
use crate::event::Kind;
use crate::publish::{AcceptedEvent, CheckCounts, Checker};
use crate::reference::{CodeLists, UnknownCodes};
use crate::scorecard::because;

/// The warning about a subject that is only digits.
const BARE_DIGITS: &str = "the subject is only ten or eleven digits, as NHS and telephone numbers \
    are: sooner or later one is rejected; put a letter before it";
/// The warning about a contradiction.
const CONTRADICTS: &str = "an earlier line has the same source, subject and revision with other \
    content; send each correction with a higher revision";

/// The warning about an outward postcode.
const UNPLACED: &str = "this area is in no district that the partnership knows, so the record counts in no ward or \
    district. In a file of a whole police force this is usual. Otherwise correct the code, or send \
    the code of an LSOA, ward or district";
/// The different faults that are listed, at most.
const GROUPS_MAX: usize = 200;
/// The lines that are named of a fault, at most.
const LINES_MAX: usize = 10;

/// Lists rejected lines: as text one paragraph for each fault with its lines, as JSON line by line; and the
/// counts at the end.
pub(super) struct RejectionList {
    out: BufWriter<io::StdoutLock<'static>>,
    format: Format,
    /// In the order of their first lines.
    groups: Vec<FaultGroup>,
    /// By their texts.
    indexes: HashMap<String, usize>,
    /// Faults that are in no group, since there are too many.
    further: u64,
}

/// Equal faults of several lines.
struct FaultGroup {
    text: String,
    /// The first of its lines.
    lines: Vec<u64>,
    count: u64,
}

impl RejectionList {
    pub(super) fn new(format: Format) -> Self {
        Self {
            out: BufWriter::new(io::stdout().lock()),
            format,
            groups: Vec::new(),
            indexes: HashMap::new(),
            further: 0,
        }
    }

    /// Validates a line, counts it and lists what is wrong with it. `key` gets its subject. `None`
    /// = it was rejected.
    pub(super) fn judge(
        &mut self,
        number: u64,
        line: &[u8],
        checker: &mut Checker<'_>,
        counts: &mut CheckCounts,
        key: &mut Vec<u8>,
    ) -> io::Result<Option<AcceptedEvent>> {
        let verdict = checker.check(line, key);
        counts.count(&verdict);
        match verdict {
            Ok(event) => {
                self.accept(number, &event)?;
                Ok(Some(event))
            }
            Err(rejection) => {
                self.reject(number, line, &rejection, checker)?;
                Ok(None)
            }
        }
    }

    /// Lists why a line was rejected: all its faults.
    fn reject(
        &mut self,
        number: u64,
        line: &[u8],
        rejection: &Rejection,
        checker: &Checker<'_>,
    ) -> io::Result<()> {
        if self.format == Format::Json {
            let json = json!({
                "line": number,
                "reason": rejection.reason.as_str(),
                "pointer": rejection.pointer,
                "rule": rejection.rule,
                "more": rejection.more,
                "partner": rejection.partner,
                "kind": rejection.kind.map(Kind::as_str),
            });
            return self.print_line(&json.to_string());
        }
        for fault in rejection.faults() {
            let hint = checker.hint(line, rejection.kind, &fault);
            self.group(number, fault_text(&fault, hint.as_deref()));
        }
        Ok(())
    }

    /// Lists the warnings about an accepted line, if there are any.
    fn accept(&mut self, line: u64, event: &AcceptedEvent) -> io::Result<()> {
        if event.bare_digits {
            self.warn(line, "/subject", BARE_DIGITS)?;
        }
        if event.contradicts {
            self.warn(line, "/revision", CONTRADICTS)?;
        }
        if event.unplaced {
            self.warn(line, "/data/area/code", UNPLACED)?;
        }
        Ok(())
    }

    fn warn(&mut self, line: u64, pointer: &str, warning: &str) -> io::Result<()> {
        if self.format == Format::Json {
            let json = json!({"line": line, "warning": warning, "pointer": pointer});
            return self.print_line(&json.to_string());
        }
        self.group(line, format!("warning at {pointer}: {warning}"));
        Ok(())
    }

    /// Adds a line to the others with the same fault.
    fn group(&mut self, line: u64, text: String) {
        let index = match self.indexes.get(&text) {
            Some(index) => *index,
            None if self.groups.len() >= GROUPS_MAX => {
                self.further += 1;
                return;
            }
            None => {
                self.groups.push(FaultGroup {
                    text: text.clone(),
                    lines: Vec::new(),
                    count: 0,
                });
                self.indexes.insert(text, self.groups.len() - 1);
                self.groups.len() - 1
            }
        };
        let group = &mut self.groups[index];
        group.count += 1;
        if group.lines.len() < LINES_MAX {
            group.lines.push(line);
        }
    }

    fn print_groups(&mut self) -> io::Result<()> {
        for group in std::mem::take(&mut self.groups) {
            self.print_line(&format!("{}\n    {}", group.text, lines_text(&group)))?;
        }
        if self.further > 0 {
            let further = counted(self.further, "further fault");
            self.print_line(&format!("{further}: correct these first"))?;
        }
        Ok(())
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
                self.print_groups()?;
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

/// A fault as a paragraph: what happened, what to write, and a hint.
fn fault_text(fault: &Violation, hint: Option<&str>) -> String {
    let Violation {
        reason,
        pointer,
        rule,
    } = fault;
    let at = if pointer.is_empty() { "" } else { " at " };
    let hint = hint.map_or_else(String::new, |hint| format!("\n    {hint}"));
    format!(
        "{reason}{at}{pointer}: {}\n    {rule}{hint}",
        because(*reason)
    )
}

/// `line 3`, `lines 3, 7 and 9`, or the first ones and how many there are.
fn lines_text(group: &FaultGroup) -> String {
    let numbers: Vec<String> = group.lines.iter().map(u64::to_string).collect();
    let noun = if group.count == 1 { "line" } else { "lines" };
    let further = group.count - group.lines.len() as u64;
    if further > 0 {
        return format!(
            "{noun} {} and {} more",
            numbers.join(", "),
            grouped(further)
        );
    }
    match &*numbers {
        [first @ .., last] if !first.is_empty() => {
            format!("{noun} {} and {last}", first.join(", "))
        }
        _ => format!("{noun} {}", numbers.join("")),
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
        "{}, {} accepted, {} rejected",
        counted(counts.lines, "line"),
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
