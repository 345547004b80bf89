//! `partner-feeds demo`.

mod briefing;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;

use self::briefing::{Briefing, MonthStyle};
use super::embedded::{EmbeddedBroker, StoreMark, read_published};
use super::options::DEMO_STORE;
use super::progress::Progress;
use super::text::{align_right, grouped, table, terminal_width};
use super::{assess, lookup, runtime};
use crate::aggregate::{self, INVENTED_FILE, PlanChoice};
use crate::config::{Config, Overrides};
use crate::generate::{GeneratedEvent, Generator, GeneratorOptions};
use crate::pipeline;
use crate::publish::{Publisher, TIMEOUT};
use crate::reference::Reference;
use crate::reference::plan::Plan;

/// Events of a demo: five years of a partnership, at a tenth of its size.
const EVENTS: u64 = 60_000;
/// The embedded broker keeps the last 5 MB of a partition; this number of events is half of that.
const EVENTS_MAX: u64 = 200_000;
/// With fewer, some of the kinds of record that the assessment is about do not occur.
const EVENTS_MIN: u64 = 1_000;
/// The share of events that break their contract.
const BAD: f64 = 0.01;
/// The width of the screen, if it is not known.
const WIDTH: usize = 80;
/// The plan of the figures, and the assessment drafted from them.
const PLAN: &str = "smp-2017-18";
const MARK: StoreMark = StoreMark {
    file: INVENTED_FILE,
    text: "Invented events, written by `partner-feeds demo`. \
           The next demo in this folder replaces them.\n",
    command: "demo",
};

/// Try the complete pipeline with an embedded broker and generated events
///
/// Needs no service and reads no configuration. The program starts an embedded broker, publishes
/// invented police, health and housing events to it, some of them broken, then reads, validates,
/// commits and counts them as `ingest` and `aggregate` do, and drafts the strategic assessment. The
/// store stays and can be queried; the next demo replaces it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds demo
  partner-feeds demo --store try --events 5000")]
pub(crate) struct Demo {
    /// Folder of the store: new, empty, or an earlier demo's
    #[arg(long, value_name = "DIR", default_value = DEMO_STORE)]
    store: String,
    /// Number of events, broken ones included
    #[arg(long, value_name = "N", default_value_t = EVENTS, value_parser = clap::value_parser!(u64).range(EVENTS_MIN..=EVENTS_MAX))]
    events: u64,
}

impl Demo {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = runtime()?;
        let (store, replaced) = runtime.block_on(MARK.cleared(&self.store))?;
        let (mut config, reference) = settings(&self.store)?;
        let broker = EmbeddedBroker::start()?;
        broker.take_over(&mut config, &reference)?;
        let reference = Arc::new(reference);
        let plan = lookup::plan(&reference, PLAN)?;
        say!(
            "{} invented events through an embedded broker, into {}",
            grouped(self.events),
            self.store
        );
        if replaced {
            say!("Replacing the store of an earlier demo.");
        }

        let mut progress = Progress::new();
        publish(&config, &reference, self.events, &mut progress)?;
        progress.begin("read, validate and commit the events", 0);
        let read = read_published(self.events, &config, &reference, &store, &runtime)?;
        let settings =
            aggregate::AggregateSettings::new(vec![PlanChoice::Plan(plan)], &reference, None);
        let written = aggregate::run(&store, &settings, runtime.handle(), &mut progress)?;
        let Some(written) = written else {
            bail!("no event was accepted: there is nothing to count")
        };
        progress.begin("draft the strategic assessment", 0);
        let document = assess::draft_into_store(&reference, &store, PLAN)?;
        progress.end();

        say!(
            "\n{}\n{}",
            counts(self.events, &read),
            files(&written).trim_end()
        );
        let briefing = Briefing::read(&store, plan, runtime.handle())?;
        let style = if io::stdout().is_terminal() {
            MonthStyle::Bars
        } else {
            MonthStyle::Digits
        };
        let width = terminal_width().unwrap_or(WIDTH);
        say!("\n{}", briefing.text(plan, width, style));
        say!("{}", next_steps(&self.store, plan, &document));
        Ok(ExitCode::SUCCESS)
    }
}

/// The built-in settings and reference data.
fn settings(store: &str) -> anyhow::Result<(Config, Reference)> {
    let overrides = Overrides::default().with("store.root", Some(store));
    Ok((Config::built_in(&overrides)?, Reference::load(None)?))
}

/// Publishes the events, broken ones too: what partners send is not what they should.
fn publish(
    config: &Config,
    reference: &Reference,
    events: u64,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let topics: Vec<_> = config.topics(&reference.partners).collect();
    progress.begin("publish the events", events);
    let mut publisher = Publisher::new(&config.kafka, TIMEOUT)?;
    let mut generator = Generator::new(
        1,
        GeneratorOptions {
            events,
            kind: None,
            bad: BAD,
            story: true,
            ..GeneratorOptions::default()
        },
    );
    let mut document = GeneratedEvent::new();
    while generator.write_next(&mut document) {
        let topic = topics
            .iter()
            .find(|(_, feed)| *feed == document.feed)
            .context("a feed has no topic")?
            .0;
        publisher.send(topic, Some(&document.key), &document.bytes)?;
        progress.advance(1);
    }
    publisher.finish()?;
    Ok(())
}

/// Counts of the events read, accepted and rejected, as a table.
fn counts(events: u64, read: &pipeline::Summary) -> String {
    let mut rows = table(["", "events"]);
    let mut row = |name: String, count: u64| {
        rows.add_row([name, grouped(count)]);
    };
    row("generated".to_owned(), events);
    row("read".to_owned(), read.read());
    row("accepted".to_owned(), read.accepted.values().sum());
    for (topic, count) in &read.accepted {
        row(format!("  {topic}"), *count);
    }
    row("rejected".to_owned(), read.rejected.values().sum());
    for (reason, count) in &read.rejected {
        row(format!("  {reason}"), *count);
    }
    align_right(&mut rows, 1..=1);
    rows.trim_fmt() + "\n"
}

/// The files written and their rows, as a table.
fn files(written: &aggregate::AggregateSummary) -> String {
    let mut rows = table(["written", "rows"]);
    rows.add_row([
        "journal/ (the ledger's files until they are merged)".to_owned(),
        grouped(written.rows),
    ]);
    rows.add_row(["rejects/".to_owned(), grouped(written.rejected)]);
    for file in &written.written {
        rows.add_row([file.path.clone(), grouped(file.rows)]);
    }
    align_right(&mut rows, 1..=1);
    rows.trim_fmt() + "\n"
}

/// What to do next with the assessment and its figures.
fn next_steps(store: &str, plan: &Plan, document: &str) -> String {
    let (id, area) = (&plan.id, &plan.area);
    let folder = format!("{store}/aggregates/{id}");
    format!(
        "Next\n\
         - read the strategic assessment in a browser:\n  \
         {document}\n\
         - read the briefing in a spreadsheet, with all wards:\n  \
         {folder}/briefing.csv\n\
         - query it with DuckDB:\n  \
         duckdb -c \"SELECT series, kind, count_value, verdict FROM\n    \
         '{folder}/briefing.parquet' WHERE is_plan_area\"\n\
         - see what the signal is made of:\n  \
         partner-feeds explain {id} domestic-abuse-violent-crime \\\n    \
         {area} month:2017-09 --store {store}\n\
         - read docs/analysts.md: the tables, and the rules for counting"
    )
}
