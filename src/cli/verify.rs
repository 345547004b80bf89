//! `partner-feeds verify`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::text::{align_right, ignore_closed_pipe, table};
use super::{Connection, Format, exit_code, runtime};
use crate::ledger::Gap;
use crate::ledger::chain::Finding;
use crate::ledger::verify::{Report, Summary, verify};

/// Check that a store is whole
///
/// Reads every file of the journal, the ledger and the rejects, and changes nothing. Exit status: 0
/// = whole, 1 = something is wrong (each finding names file, position and rule), 2 = the store
/// could not be read.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    connection: Connection,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Verify {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let store = self.connection.store()?;
        let report = runtime()?.block_on(verify(&store))?;
        let out = io::stdout().lock();
        ignore_closed_pipe(match self.format {
            Format::Text => print_text(&report, out),
            Format::Json => print_json(&report, out),
        })?;
        Ok(exit_code(!report.findings.is_empty()))
    }
}

fn print_text(report: &Report, mut out: impl Write) -> io::Result<()> {
    let Report {
        partitions,
        findings,
    } = report;
    let mut rows = table(["partition", "files", "rows", "rejected", "end"]);
    for summary in partitions {
        let Summary {
            partition,
            files,
            rows: accepted,
            rejected,
            end,
            ..
        } = summary;
        rows.add_row([
            partition.to_string(),
            files.to_string(),
            accepted.to_string(),
            rejected.to_string(),
            end.to_string(),
        ]);
    }
    align_right(&mut rows, 1..=3);
    if !partitions.is_empty() {
        writeln!(out, "{}", rows.trim_fmt())?;
    }
    for summary in partitions {
        for gap in &summary.gaps {
            let Gap {
                from,
                to,
                reason,
                accepted_by,
            } = gap;
            writeln!(
                out,
                "gap: {} {from} to {to}: {reason}, accepted by {accepted_by}",
                summary.partition
            )?;
        }
    }
    let sum = |count: fn(&Summary) -> u64| partitions.iter().map(count).sum::<u64>();
    let (superseded, orphans) = (sum(|s| s.superseded), sum(|s| s.orphans));
    if superseded + orphans > 0 {
        writeln!(
            out,
            "harmless leftovers: journal files already merged {superseded}, rejects files in no use {orphans}"
        )?;
    }
    for finding in findings {
        writeln!(out, "wrong: {finding}")?;
    }
    match findings.len() {
        0 => writeln!(out, "whole"),
        wrong => writeln!(out, "not whole: {wrong} found wrong"),
    }
}

#[derive(Serialize)]
struct PartitionLine<'a> {
    topic: &'a str,
    partition: i32,
    files: u64,
    rows: u64,
    rejected: u64,
    ledger_end: String,
    end: String,
    superseded: u64,
    orphans: u64,
    gaps: &'a [Gap],
}

#[derive(Serialize)]
struct FindingLine<'a> {
    file: &'a str,
    position: String,
    rule: &'a str,
    detail: &'a str,
}

fn print_json(report: &Report, mut out: impl Write) -> io::Result<()> {
    for summary in &report.partitions {
        let line = PartitionLine {
            topic: &summary.partition.topic,
            partition: summary.partition.partition,
            files: summary.files,
            rows: summary.rows,
            rejected: summary.rejected,
            ledger_end: summary.ledger_end.to_string(),
            end: summary.end.to_string(),
            superseded: summary.superseded,
            orphans: summary.orphans,
            gaps: &summary.gaps,
        };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    }
    for Finding {
        file,
        position,
        rule,
        detail,
    } in &report.findings
    {
        let line = FindingLine {
            file,
            position: position.to_string(),
            rule: rule.as_str(),
            detail,
        };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Position, TopicPartition};
    use crate::ledger::chain::Rule;

    #[test]
    fn text_is_a_line_a_partition_then_what_is_wrong() {
        let at = |offset| Position::ORIGIN.at(offset);
        let report = Report {
            partitions: vec![Summary {
                partition: TopicPartition {
                    topic: "police.events.v1".into(),
                    partition: 3,
                },
                files: 2,
                rows: 100,
                rejected: 7,
                ledger_end: at(0),
                end: at(120),
                superseded: 1,
                orphans: 4,
                gaps: vec![Gap {
                    from: at(5),
                    to: at(18),
                    reason: "expired".into(),
                    accepted_by: "ops".into(),
                }],
            }],
            findings: vec![Finding {
                file: "journal/x".into(),
                position: at(9),
                rule: Rule::Join,
                detail: "the file before ends at 7".into(),
            }],
        };
        let mut out = Vec::new();
        print_text(&report, &mut out).expect("printed");
        let expected = "\
partition           files  rows  rejected  end
police.events.v1/3      2   100         7  0000-0000000000000000120
gap: police.events.v1/3 0000-0000000000000000005 to 0000-0000000000000000018: expired, accepted by ops
harmless leftovers: journal files already merged 1, rejects files in no use 4
wrong: journal/x at 0000-0000000000000000009: join: the file before ends at 7
not whole: 1 found wrong
";
        assert_eq!(String::from_utf8(out).expect("utf-8"), expected);
        let mut out = Vec::new();
        print_json(&report, &mut out).expect("printed");
        assert_eq!(String::from_utf8(out).expect("utf-8").lines().count(), 2);
    }
}
