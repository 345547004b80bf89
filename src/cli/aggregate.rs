//! `partner-feeds aggregate`.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Connection, Format, runtime};
use crate::aggregate::{self, Progress, Settings, Summary};
use crate::plan::Plan;
use crate::reference::Reference;
use crate::storage::Store;

/// Write events and aggregates from the ledger
#[derive(Debug, Args)]
pub(crate) struct Aggregate {
    /// The plan under which figures are counted
    #[arg(long, value_name = "ID")]
    plan: String,
    /// How to say what was done
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    connection: Connection,
}

impl Aggregate {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.connection.load()?;
        let plan = plan(&reference, &self.plan)?;
        let store = Store::open(&config.store)?;
        let runtime = runtime()?;
        let settings = Settings::new(plan, &reference);
        let mut shown = Shown::default();
        let summary = aggregate::run(&store, &settings, runtime.handle(), &mut shown)?;
        shown.end();
        let Some(summary) = summary else {
            match self.format {
                Format::Text => eprintln!("the store `{}` holds no record yet: nothing written", store.root()),
                Format::Json => println!("{}", json!({ "plan": plan.id, "rows": 0, "written": [] })),
            }
            return Ok(ExitCode::from(1));
        };
        match self.format {
            Format::Text => print!("{}", text(&summary)),
            Format::Json => println!("{}", json(&plan.id, &summary)),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The plan of that id.
pub(super) fn plan<'r>(reference: &'r Reference, id: &str) -> anyhow::Result<&'r Plan> {
    let Some(plan) = reference.plans.get(id) else {
        let held: Vec<&str> = reference.plans.iter().map(|plan| &*plan.id).collect();
        bail!("no plan `{id}` is held; held: {}", held.join(", "))
    };
    Ok(plan)
}

fn text(summary: &Summary) -> String {
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
    let width = summary.written.iter().map(|file| file.path.len()).max().unwrap_or_default();
    for (i, file) in summary.written.iter().enumerate() {
        let verb = if i == 0 { "wrote" } else { "" };
        lines.push(format!(
            "{verb:<6} {:<width$}  {:>13} rows  {:>15} bytes",
            file.path,
            grouped(file.rows),
            grouped(file.bytes)
        ));
    }
    lines.join("\n") + "\n"
}

/// A number with commas between thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn json(plan: &str, summary: &Summary) -> serde_json::Value {
    let written = summary.written.iter().map(|f| json!({ "path": f.path, "rows": f.rows, "bytes": f.bytes }));
    json!({
        "plan": plan,
        "partitions": summary.partitions,
        "files": summary.files,
        "rows": summary.rows,
        "records": summary.records,
        "cancelled": summary.cancelled,
        "rejected": summary.rejected,
        "as_at": summary.as_at.map(|at| at.to_string()),
        "written": written.collect::<Vec<_>>(),
    })
}

/// Progress on standard error: a bar on a terminal, else a line now and then.
#[derive(Default)]
struct Shown {
    bar: Option<ProgressBar>,
    stage: &'static str,
    steps: u64,
    done: u64,
    said: Option<Instant>,
}

impl Shown {
    /// Between lines where there is no terminal.
    const EVERY: Duration = Duration::from_secs(10);

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Shown {
    fn begin(&mut self, stage: &'static str, steps: u64) {
        self.end();
        (self.stage, self.steps, self.done, self.said) = (stage, steps, 0, Some(Instant::now()));
        if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{msg:26} {wide_bar} {human_pos} of {human_len} {eta}");
            let bar = ProgressBar::new(steps).with_message(stage);
            self.bar = Some(style.map_or(bar.clone(), |style| bar.with_style(style)));
        }
    }

    fn advance(&mut self, steps: u64) {
        self.done += steps;
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
        } else if self.said.is_some_and(|said| said.elapsed() >= Self::EVERY) {
            eprintln!("{}: {} of {}", self.stage, grouped(self.done), grouped(self.steps));
            self.said = Some(Instant::now());
        }
    }
}
