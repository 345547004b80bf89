//! `partner-feeds aggregate`.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::civil;
use serde_json::json;

use super::{Connection, Format, runtime};
use crate::aggregate::{self, Progress, Settings, Summary, Wanted};
use crate::event::Micros;
use crate::reference::Reference;
use crate::reference::plan::Plan;

/// Write events and aggregates from the ledger
#[derive(Debug, Args)]
pub(crate) struct Aggregate {
    /// A plan under which figures are counted, or in-force for each month under its own; as often
    /// as wanted [default: aggregate.plans of the settings, else every adopted plan and in-force]
    #[arg(long = "plan", value_name = "ID")]
    plans: Vec<String>,
    /// Count only what was received by a day's end (London) or an instant, into the folder as-at/
    #[arg(long, value_name = "TIME", value_parser = instant)]
    as_at: Option<Micros>,
    /// How to say what was done
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    connection: Connection,
}

impl Aggregate {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.connection.load()?;
        let plans = if self.plans.is_empty() {
            &config.plans
        } else {
            &self.plans
        };
        let folders = wanted(&reference, plans)?;
        let store = config.store.open()?;
        let runtime = runtime()?;
        let settings = Settings::new(folders, &reference, self.as_at);
        let mut shown = Shown::default();
        let summary = aggregate::run(&store, &settings, runtime.handle(), &mut shown)?;
        shown.end();
        let Some(summary) = summary else {
            match self.format {
                Format::Text => eprintln!(
                    "the store `{}` holds no record yet: nothing written",
                    store.root()
                ),
                Format::Json => say!("{}", json!({ "rows": 0, "written": [] })),
            }
            return Ok(ExitCode::from(1));
        };
        match self.format {
            Format::Text => say!("{}", text(&summary).trim_end()),
            Format::Json => say!("{}", json(&summary)),
        }
        for (path, why) in &summary.not_made {
            eprintln!("not made: {path}: {why}");
        }
        Ok(if summary.not_made.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(1)
        })
    }
}

/// The folders of tables that ids of plans stand for.
pub(super) fn wanted<'r>(
    reference: &'r Reference,
    plans: &[String],
) -> anyhow::Result<Vec<Wanted<'r>>> {
    Wanted::named(reference, plans).map_err(|id| not_held(reference, id))
}

/// The plan of that id.
pub(super) fn plan<'r>(reference: &'r Reference, id: &str) -> anyhow::Result<&'r Plan> {
    reference
        .plans
        .get(id)
        .ok_or_else(|| not_held(reference, id))
}

fn not_held(reference: &Reference, id: &str) -> anyhow::Error {
    let held: Vec<&str> = reference.plans.iter().map(|plan| &*plan.id).collect();
    anyhow!("no plan `{id}` is held; held: {}", held.join(", "))
}

/// An instant, or the end of a day in London.
pub(super) fn instant(text: &str) -> Result<Micros, String> {
    let day = |date: civil::Date| Micros::end_of_day_in_london(date);
    let instant = || {
        text.parse::<jiff::Timestamp>()
            .ok()
            .map(|at| Micros(at.as_microsecond()))
    };
    text.parse()
        .ok()
        .filter(|_| text.len() == "2018-10-31".len())
        .map(day)
        .or_else(instant)
        .ok_or_else(|| {
            "write a day such as 2018-10-31, or an instant such as 2018-10-31T17:00:00Z".to_owned()
        })
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

fn json(summary: &Summary) -> serde_json::Value {
    let written = summary
        .written
        .iter()
        .map(|f| json!({ "path": f.path, "rows": f.rows, "bytes": f.bytes }));
    json!({
        "partitions": summary.partitions,
        "files": summary.files,
        "rows": summary.rows,
        "records": summary.records,
        "cancelled": summary.cancelled,
        "rejected": summary.rejected,
        "as_at": summary.as_at.map(|at| at.to_string()),
        "written": written.collect::<Vec<_>>(),
        "not_made": summary.not_made.iter().map(|(path, why)| json!({ "path": path, "why": why })).collect::<Vec<_>>(),
    })
}

/// Progress on standard error: a bar on a terminal, else a line now and then.
#[derive(Default)]
pub(super) struct Shown {
    bar: Option<ProgressBar>,
    stage: &'static str,
    steps: u64,
    done: u64,
    said: Option<Instant>,
}

impl Shown {
    /// Between lines where there is no terminal.
    const EVERY: Duration = Duration::from_secs(10);

    /// Takes the bar away.
    pub(super) fn end(&mut self) {
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
            let style = ProgressStyle::with_template(
                "{msg:26} {wide_bar} {human_pos} of {human_len} {eta}",
            );
            let bar = ProgressBar::new(steps).with_message(stage);
            self.bar = Some(style.map_or(bar.clone(), |style| bar.with_style(style)));
        }
    }

    fn advance(&mut self, steps: u64) {
        self.done += steps;
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
        } else if self.said.is_some_and(|said| said.elapsed() >= Self::EVERY) {
            eprintln!(
                "{}: {} of {}",
                self.stage,
                grouped(self.done),
                grouped(self.steps)
            );
            self.said = Some(Instant::now());
        }
    }
}
