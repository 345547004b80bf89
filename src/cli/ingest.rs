//! `partner-feeds ingest`.

use std::collections::BTreeMap;
use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;

use super::progress::NoProgress;
use super::text::{align_right, table};
use super::{Connection, exit_code, runtime};
use crate::aggregate::{self, PlanChoice};
use crate::config::Config;
use crate::consume;
use crate::contract::TopicRules;
use crate::pipeline::{self, Letters, Loss, Settings, Summary};
use crate::reference::Reference;
use crate::storage::Store;
use crate::watch::Watch;

/// How long a first answer of a broker is waited for.
const BROKER_WAIT: Duration = Duration::from_secs(30);

/// Consume the topics and write the ledger
///
/// Runs until it is told to stop (SIGINT or SIGTERM), then writes what was gathered, commits and
/// leaves the group; a second signal leaves at once, and nothing is lost. Exit status: 0 = done, 1
/// = a partition was stopped because broker and ledger disagree, 2 = could not go on, or nothing
/// became durable for too long.
#[derive(Debug, Args)]
pub(crate) struct Ingest {
    #[command(flatten)]
    connection: Connection,
    /// Stop when all that was in the topics at the start is durable
    #[arg(long)]
    until_end: bool,
    /// Records at which a batch is written
    #[arg(long, value_name = "N")]
    flush_rows: Option<usize>,
    /// Age of its first record at which a batch is written, such as 60s
    #[arg(long, value_name = "TIME")]
    flush_age: Option<String>,
    /// Accept a loss that stopped a partition, as it was named there; may be repeated
    #[arg(long, value_name = "LOSS")]
    accept: Vec<Loss>,
    /// Write events and aggregates so often while consuming, such as 15m
    #[arg(long, value_name = "TIME")]
    aggregate_every: Option<String>,
}

impl Ingest {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.connection.load_with(|overrides| {
            overrides
                .with("ingest.flush_rows", self.flush_rows)
                .with("ingest.flush_age", self.flush_age.as_deref())
                .with("ingest.aggregate_every", self.aggregate_every.as_deref())
        })?;
        tracing::info!("settings:\n{config}");
        let runtime = runtime()?;
        let summary = runtime.block_on(async {
            let store = config.store.open_or_create()?;
            let letters = config.kafka.dead_letter_topic.as_deref();
            let run = pipeline::Ingest {
                accepted: self.accept,
                letters: letters
                    .map(|topic| Letters::new(&config.kafka, topic))
                    .transpose()?,
                ..of_settings(&config, &reference, store.clone(), self.until_end)
            };
            let watch = run.watch.clone();
            if let Some(address) = &config.watch.listen {
                watch.listen(address).await?;
            }
            store.probe().await?;
            if let Some(every) = config.ingest.aggregate_every {
                tokio::spawn(aggregate_every(
                    every,
                    store,
                    config.plans.clone(),
                    Arc::new(reference),
                ));
            }
            tokio::select! {
                summary = pipeline::run(run, stop_signal()?) => anyhow::Ok(summary?),
                // What is stuck would not let the run end by itself.
                stalled = watch.stalls(config.watch.stall) => Err(stalled.into()),
            }
        });
        // Figures under way are not waited for: what is in their place stays whole.
        runtime.shutdown_background();
        let summary = summary?;
        print(&summary);
        Ok(exit_code(!summary.stopped.is_empty()))
    }
}

/// The topics of the settings, and what may arrive on each.
pub(super) fn topics(config: &Config, reference: &Reference) -> BTreeMap<String, Arc<TopicRules>> {
    let rules = |(topic, feed): (&str, _)| {
        let sources = reference.partners.sources(topic).map(str::to_owned);
        (topic.to_owned(), Arc::new(TopicRules::new(feed, sources)))
    };
    config.topics(&reference.partners).map(rules).collect()
}

/// A run by the settings.
pub(super) fn of_settings(
    config: &Config,
    reference: &Reference,
    store: Store,
    until_end: bool,
) -> pipeline::Ingest {
    let topics = topics(config, reference);
    pipeline::Ingest {
        watch: Watch::new(topics.values().map(|rules| &**rules)),
        kafka: consume::client(&config.kafka),
        topics,
        accepted: Vec::new(),
        letters: None,
        store,
        settings: Settings {
            flush_rows: config.ingest.flush_rows,
            flush_age: config.ingest.flush_age,
            gathered_bytes_max: config.ingest.memory_bytes,
            workers: config.ingest.workers,
            merge: config.ingest.merge,
            breaker: config.ingest.breaker,
            broker_wait: BROKER_WAIT,
            grace: config.ingest.grace,
            until_end,
        },
    }
}

/// Writes events and aggregates so often, one run after another, off the threads that consume.
async fn aggregate_every(
    every: Duration,
    store: Store,
    plans: Vec<String>,
    reference: Arc<Reference>,
) {
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (store, plans, reference) = (store.clone(), plans.clone(), Arc::clone(&reference));
        let written =
            tokio::task::spawn_blocking(move || write_figures(&store, &plans, &reference)).await;
        if let Err(error) = written {
            tracing::warn!(%error, "figures were not written: the run broke off");
        }
    }
}

/// Events and aggregates under the plans of the settings. A failure is told and changes nothing:
/// what was written before stays.
fn write_figures(store: &Store, plans: &[String], reference: &Reference) {
    let began = Instant::now();
    // An id that is not held was refused when the settings were checked.
    let folders = PlanChoice::parse(reference, plans).unwrap_or_default();
    let settings = aggregate::AggregateSettings::new(folders, reference, None);
    match aggregate::run(
        store,
        &settings,
        &tokio::runtime::Handle::current(),
        &mut NoProgress,
    ) {
        Ok(None) => {} // no record yet
        Ok(Some(aggregate::AggregateSummary {
            records,
            rejected,
            not_written,
            ..
        })) => {
            for (path, why) in not_written {
                tracing::warn!(path, why, "not made");
            }
            let seconds = began.elapsed().as_secs_f64();
            tracing::info!(records, rejected, seconds, "figures written");
        }
        Err(error) => {
            let error = format!("{:#}", anyhow::Error::from(error));
            tracing::warn!(error, "figures were not written: those of before stay");
        }
    }
}

/// Ready at the first SIGINT or SIGTERM. At the second the process ends at once: what was not
/// committed is read again at the next start.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let (stop, stopped) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut next =
            async || tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} };
        next().await;
        tracing::info!("told to stop: writing what was gathered");
        stop.send(()).ok(); // the run may have ended
        next().await;
        tracing::warn!("told again: leaving at once");
        std::process::exit(130);
    });
    Ok(async move { drop(stopped.await) })
}

fn print(summary: &Summary) {
    let mut rows = table(["", "records"]);
    for (topic, accepted) in &summary.accepted {
        rows.add_row([format!("{topic} accepted"), accepted.to_string()]);
    }
    for (reason, rejected) in &summary.rejected {
        rows.add_row([format!("rejected, {reason}"), rejected.to_string()]);
    }
    rows.add_row(["durable".to_owned(), summary.read().to_string()]);
    align_right(&mut rows, 1..=1);
    say!("{}", rows.trim_fmt());
    say!("{} batches, {} bytes", summary.batches, summary.bytes);
    for (partition, why) in &summary.stopped {
        say!("stopped: {partition}: {why}");
    }
}
