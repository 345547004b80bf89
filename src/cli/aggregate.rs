//! `partner-feeds aggregate`.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::lookup::table_folders;
use super::options::{SettingOptions, StoreOptions, open_store};
use super::progress::Progress;
use super::text::{contradictions_text, grouped, parse_instant, print_note, unknown_codes_text};
use super::{Format, exit_code, runtime};
use crate::aggregate::{self, AggregateSettings, AggregateSummary};
use crate::event::Micros;
use crate::reference::CodeLists;
use crate::scorecard::{self, ScorecardInput, folder_of};

/// Write events and aggregates from the ledger
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds aggregate --plan smp-2017-18
  partner-feeds aggregate --plan smp-2017-18 --as-at 2018-06-30
  partner-feeds aggregate --since 2018-05-31 --scorecards")]
pub(crate) struct Aggregate {
    /// Plan to count figures under, or in-force to count each month under its own plan; may be
    /// repeated [default: aggregate.plans of the settings, else every adopted plan whose years have records, and in-force]
    #[arg(long = "plan", value_name = "ID")]
    plans: Vec<String>,
    /// Count only records received by this instant or the end of this day (London), and write to
    /// the folder as-at/
    #[arg(long, value_name = "TIME", value_parser = parse_instant)]
    as_at: Option<Micros>,
    /// Write to the table revisions what changed since this instant, or since the end of this day
    /// (London), such as the as-at time of the last published figures
    #[arg(long, value_name = "TIME", value_parser = parse_instant)]
    since: Option<Micros>,
    /// Also write a scorecard of each partner, to the folder scorecards/
    #[arg(long, conflicts_with = "as_at")]
    scorecards: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    options: StoreOptions,
}

impl Aggregate {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let plans = if self.plans.is_empty() {
            &config.plans
        } else {
            &self.plans
        };
        let folders = table_folders(&reference, plans)?;
        let store = open_store(&config)?;
        let runtime = runtime()?;
        let settings =
            AggregateSettings::new(folders, &reference, self.as_at).compared_with(self.since);
        let settings = settings.with_deliveries(self.scorecards);
        let mut progress = Progress::new();
        let summary = aggregate::run(&store, &settings, runtime.handle(), &mut progress)?;
        progress.end();
        let scorecards = match summary
            .as_ref()
            .and_then(|summary| summary.deliveries.as_ref())
        {
            Some(deliveries) => runtime.block_on(async {
                let input = ScorecardInput::read(&store, deliveries, &reference).await?;
                scorecard::write_all(&store, &input).await
            })?,
            None => Vec::new(),
        };
        let Some(summary) = summary else {
            match self.format {
                Format::Text => note!(
                    "the store `{}` has no records yet: nothing written",
                    store.root()
                ),
                Format::Json => say!("{}", json!({ "rows": 0, "written": [] })),
            }
            return Ok(ExitCode::from(1));
        };
        match self.format {
            Format::Text => say!("{}", text(&summary, &scorecards).trim_end()),
            Format::Json => say!("{}", json(&summary, &scorecards, &reference.codes)),
        }
        let unknown = &summary.unknown_codes;
        if self.format == Format::Text {
            print_note(&unknown_codes_text(unknown, &reference.codes));
            print_note(&contradictions_text(&summary.contradictions));
        }
        for (path, why) in &summary.not_written {
            note!("not written: {path}: {why}");
        }
        Ok(exit_code(!summary.not_written.is_empty()))
    }
}

fn text(summary: &AggregateSummary, scorecards: &[String]) -> String {
    let mut lines = vec![
        format!(
            "read   {} rows in {} files of {} partitions",
            grouped(summary.rows),
            grouped(summary.files as u64),
            summary.partitions
        ),
        format!(
            "       {} records, {} of them cancelled; {} rejects",
            grouped(summary.records),
            grouped(summary.cancelled),
            grouped(summary.rejected)
        ),
    ];
    lines.extend(summary.as_at.map(|at| format!("as at  {at}")));
    let width = summary
        .written
        .iter()
        .map(|file| file.path.len())
        .max()
        .unwrap_or_default();
    for (i, file) in summary.written.iter().enumerate() {
        let verb = if i == 0 { "wrote" } else { "" };
        lines.push(format!(
            "{verb:<6} {:<width$}  {:>13} rows  {:>15} bytes",
            file.path,
            grouped(file.rows),
            grouped(file.bytes)
        ));
    }
    lines.extend(
        scorecards
            .iter()
            .map(|partner| format!("       {}", folder_of(partner))),
    );
    lines.join("\n") + "\n"
}

fn json(summary: &AggregateSummary, scorecards: &[String], lists: &CodeLists) -> serde_json::Value {
    let written = summary
        .written
        .iter()
        .map(|file| json!({ "path": file.path, "rows": file.rows, "bytes": file.bytes }));
    let not_written = summary
        .not_written
        .iter()
        .map(|(path, why)| json!({ "path": path, "why": why }));
    json!({
        "partitions": summary.partitions,
        "files": summary.files,
        "rows": summary.rows,
        "records": summary.records,
        "cancelled": summary.cancelled,
        "rejected": summary.rejected,
        "unknown_codes": summary.unknown_codes.codes(lists),
        "contradictions": summary.contradictions,
        "further_unknown_codes": summary.unknown_codes.further(),
        "as_at": summary.as_at.map(|at| at.to_string()),
        "written": written.collect::<Vec<_>>(),
        "scorecards": scorecards,
        "not_made": not_written.collect::<Vec<_>>(),
    })
}
