//! `partner-feeds verify`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use super::options::{SettingOptions, StoreOptions, open_store};
use super::text::{align_right, contradictions_text, counted, ignore_closed_pipe, table};
use super::{Format, exit_code, runtime};
use crate::aggregate::{inspect, outdated_folders};
use crate::event::Position;
use crate::ledger::rules::{Finding, LedgerRule};
use crate::ledger::verify::{PartitionSummary, VerifyReport, verify};
use crate::ledger::{Gap, Tree};
use crate::storage::{StorageError, Store};

/// Check that every record read is in the store, exactly once
///
/// Reads every file of the journal, the ledger and the rejects, and changes nothing. Counts records
/// whose latest revision was sent with different contents, which is the partner's fault and not the
/// store's. A store that lost its newest files looks complete here: `status` compares its end with the
/// broker's. Exit status: 0 = OK, 1 = something is wrong (each finding names the file, position and rule), 2 = the store
/// could not be read.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds verify
  partner-feeds verify --store s3://bucket/store --format json")]
pub(crate) struct Verify {
    #[command(flatten)]
    options: StoreOptions,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Verify {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let (store, runtime) = (open_store(&config)?, runtime()?);
        let mut report = runtime.block_on(verify(&store))?;
        if report.partitions.is_empty() && runtime.block_on(is_other_folder(&store))? {
            bail!(
                "`{}` has other folders and no records, so there is nothing to verify: is it a \
                 store?",
                store.root()
            );
        }
        let outdated = runtime.block_on(outdated_folders(&store, report.certified))?;
        report
            .findings
            .extend(outdated.iter().map(|folder| outdated_finding(folder)));
        // The rows of a damaged store cannot be relied on.
        let inspection = if report.findings.is_empty() {
            inspect(&store, &reference, runtime.handle())?
        } else {
            None
        };
        let contradictions = inspection.unwrap_or_default().contradictions;
        let out = io::stdout().lock();
        ignore_closed_pipe(match self.format {
            Format::Text => print_text(&report, &contradictions, out),
            Format::Json => print_json(&report, &contradictions, out),
        })?;
        Ok(exit_code(!report.findings.is_empty()))
    }
}

/// Whether there are folders, and none of a ledger: a store without records yet may have none.
async fn is_other_folder(store: &Store) -> Result<bool, StorageError> {
    let folders = store.folders("").await?;
    let trees = [Tree::Journal, Tree::Ledger, Tree::Rejects].map(Tree::as_str);
    Ok(!folders.is_empty() && !folders.iter().any(|own| trees.contains(&&**own)))
}

/// Tables that may contain what a certificate says is gone.
fn outdated_finding(folder: &str) -> Finding {
    Finding {
        file: folder.to_owned(),
        position: Position::ORIGIN,
        rule: LedgerRule::Erased,
        detail: "was built before a certified erasure: run `purge`".to_owned(),
    }
}

fn print_text(
    report: &VerifyReport,
    contradictions: &BTreeMap<String, u64>,
    mut out: impl Write,
) -> io::Result<()> {
    let VerifyReport {
        partitions,
        findings,
        erasures,
        certified,
    } = report;
    if !partitions.is_empty() {
        writeln!(out, "{}", partitions_table(partitions).trim_fmt())?;
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
    let superseded = sum(partitions, |partition| partition.superseded);
    let orphans = sum(partitions, |partition| partition.orphans);
    if superseded + orphans > 0 {
        let superseded = counted(superseded, "journal file");
        let orphans = counted(orphans, "rejects file");
        writeln!(
            out,
            "harmless leftovers: {superseded} already merged, {orphans} not in use"
        )?;
    }
    let erased = sum(partitions, |partition| partition.erased);
    if erased > 0 {
        let not_purged = match sum(partitions, |partition| partition.not_purged) {
            0 if erasures == certified => String::new(),
            rows => format!("; {rows} still in files: run `partner-feeds purge`"),
        };
        writeln!(
            out,
            "erased: {} by {}, the first {certified} certified{not_purged}",
            counted(erased, "record"),
            counted(*erasures, "entry").replace("entrys", "entries"),
        )?;
    }
    write!(out, "{}", contradictions_text(contradictions))?;
    for finding in findings {
        writeln!(out, "finding: {finding}")?;
    }
    if findings.is_empty() {
        // A store without its newest files looks complete: only a broker knows how far its log went.
        let ends = if partitions.is_empty() {
            ""
        } else {
            ", up to the ends above"
        };
        writeln!(out, "OK: {}{ends}", totals(partitions))
    } else {
        let findings = counted(findings.len() as u64, "finding");
        writeln!(
            out,
            "FAILED: {findings}; see the runbook, \"Damaged files\""
        )
    }
}

fn partitions_table(partitions: &[PartitionSummary]) -> comfy_table::Table {
    let mut rows = table(["partition", "files", "rows", "rejected", "end"]);
    for summary in partitions {
        rows.add_row([
            summary.partition.to_string(),
            summary.files.to_string(),
            summary.rows.to_string(),
            summary.rejected.to_string(),
            summary.end.to_string(),
        ]);
    }
    align_right(&mut rows, 1..=3);
    rows
}

/// `28 files, 1,771,502 records, no gaps`. A record is a row, accepted or rejected.
fn totals(partitions: &[PartitionSummary]) -> String {
    let files = counted(sum(partitions, |partition| partition.files), "file");
    let records = sum(partitions, |partition| partition.rows + partition.rejected);
    let records = counted(records, "record");
    let gaps = match sum(partitions, |partition| partition.gaps.len() as u64) {
        0 => "no gaps".to_owned(),
        gaps => counted(gaps, "accepted gap"),
    };
    format!("{files}, {records}, {gaps}")
}

fn sum(partitions: &[PartitionSummary], count: fn(&PartitionSummary) -> u64) -> u64 {
    partitions.iter().map(count).sum()
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
    erased: u64,
    not_purged: u64,
}

#[derive(Serialize)]
struct FindingLine<'a> {
    file: &'a str,
    position: String,
    rule: &'a str,
    detail: &'a str,
}

#[derive(Serialize)]
struct ContradictionLine<'a> {
    partner: &'a str,
    contradictions: u64,
}

fn print_json(
    report: &VerifyReport,
    contradictions: &BTreeMap<String, u64>,
    mut out: impl Write,
) -> io::Result<()> {
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
            erased: summary.erased,
            not_purged: summary.not_purged,
        };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    }
    for (partner, count) in contradictions {
        let line = ContradictionLine {
            partner,
            contradictions: *count,
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
    use crate::ledger::rules::LedgerRule;

    fn at(offset: i64) -> Position {
        Position::ORIGIN.at(offset)
    }

    fn summary() -> PartitionSummary {
        PartitionSummary {
            partition: TopicPartition {
                topic: "police.events.v1".into(),
                partition: 3,
            },
            files: 2,
            rows: 1_771_400,
            rejected: 102,
            ledger_end: at(0),
            end: at(1_771_515),
            superseded: 1,
            orphans: 4,
            gaps: vec![Gap {
                from: at(5),
                to: at(18),
                reason: "expired".into(),
                accepted_by: "ops".into(),
            }],
            erased: 0,
            not_purged: 0,
        }
    }

    fn text(report: &VerifyReport) -> String {
        let mut out = Vec::new();
        print_text(report, &BTreeMap::new(), &mut out).expect("printed");
        String::from_utf8(out).expect("utf-8")
    }

    #[test]
    fn text_has_a_line_for_each_partition_gap_and_finding() {
        let report = VerifyReport {
            partitions: vec![summary()],
            findings: vec![Finding {
                file: "journal/x".into(),
                position: at(9),
                rule: LedgerRule::Join,
                detail: "the file before ends at 7".into(),
            }],
            ..VerifyReport::default()
        };
        let expected = "\
partition           files     rows  rejected  end
police.events.v1/3      2  1771400       102  0000-0000000000001771515
gap: police.events.v1/3 0000-0000000000000000005 to 0000-0000000000000000018: expired, \
    accepted by ops
harmless leftovers: 1 journal file already merged, 4 rejects files not in use
finding: journal/x at 0000-0000000000000000009: join: the file before ends at 7
FAILED: 1 finding; see the runbook, \"Damaged files\"
";
        assert_eq!(text(&report), expected);
        let mut out = Vec::new();
        print_json(&report, &BTreeMap::new(), &mut out).expect("printed");
        assert_eq!(String::from_utf8(out).expect("utf-8").lines().count(), 2);
    }

    #[test]
    fn the_last_line_of_a_store_without_findings_is_ok_and_its_totals() {
        let without_gaps = PartitionSummary {
            gaps: Vec::new(),
            ..summary()
        };
        for (partition, last) in [
            (
                summary(),
                "OK: 2 files, 1,771,502 records, 1 accepted gap, up to the ends above",
            ),
            (
                without_gaps,
                "OK: 2 files, 1,771,502 records, no gaps, up to the ends above",
            ),
        ] {
            let report = VerifyReport {
                partitions: vec![partition],
                ..VerifyReport::default()
            };
            assert_eq!(text(&report).lines().last(), Some(last));
        }
        let empty = text(&VerifyReport::default());
        assert_eq!(empty, "OK: 0 files, 0 records, no gaps\n");
    }
}
