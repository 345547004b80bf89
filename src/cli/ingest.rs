//! `partner-feeds ingest`.

use std::collections::BTreeMap;
use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::options::{GroupOptions, SettingOptions};
use super::progress::NoProgress;
use super::text::{align_right, publisher_times_text, table, unknown_codes_text};
use super::{exit_code, runtime};
use crate::aggregate::{self, Freshness, PlanChoice};
use crate::config::Config;
use crate::consume;
use crate::contract::TopicRules;
use crate::pipeline::{self, DeadLetterTopic, Loss, Summary};
use crate::reference::Reference;
use crate::storage::Store;
use crate::watch::Watch;

/// Consume the topics and write them to the store
///
/// Runs until SIGINT or SIGTERM, then commits open batches and leaves the group. A second signal
/// exits immediately, and nothing is lost. Exit status: 0 = done, 1 = a partition was stopped
/// (the log gives the reason), 2 = failed, or nothing was committed for too long.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds ingest
  partner-feeds ingest --until-end
  partner-feeds ingest --brokers kafka:9092 --store s3://bucket/store --aggregate-every 15m")]
pub(crate) struct Ingest {
    #[command(flatten)]
    options: GroupOptions,
    /// Stop once everything that was in the topics at the start is committed
    #[arg(long)]
    until_end: bool,
    /// Commit a batch when it has this number of records
    #[arg(long, value_name = "N")]
    flush_rows: Option<usize>,
    /// Commit a batch when its oldest record is this old, such as 60s
    #[arg(long, value_name = "TIME")]
    flush_age: Option<String>,
    /// Accept the loss that stopped a partition, copied from its log line; may be repeated
    #[arg(long, value_name = "LOSS")]
    accept: Vec<Loss>,
    /// Interval at which to write events and aggregates while consuming, such as 15m
    #[arg(long, value_name = "TIME")]
    aggregate_every: Option<String>,
}

impl Ingest {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load_with(|overrides| {
            overrides
                .with("ingest.flush_rows", self.flush_rows)
                .with("ingest.flush_age", self.flush_age.as_deref())
                .with("ingest.aggregate_every", self.aggregate_every.as_deref())
        })?;
        tracing::info!("settings:\n{config}");
        let (runtime, reference) = (runtime()?, Arc::new(reference));
        let summary = runtime.block_on(async {
            let store = config.store.open_or_create()?;
            let mirror = config.kafka.dead_letter_topic.as_deref();
            let run = pipeline::Run {
                accepted: self.accept,
                dead_letter_topic: mirror
                    .map(|topic| DeadLetterTopic::new(&config.kafka, topic))
                    .transpose()?,
                ..pipeline_run(&config, &reference, store.clone(), self.until_end)
            };
            let watch = run.watch.clone();
            if let Some(address) = &config.watch.listen {
                watch.listen(address).await?;
            }
            store.probe().await?;
            if config.watch.listen.is_some() {
                tokio::spawn(watch_tables(watch.clone(), store.clone()));
            }
            if let Some(every) = config.ingest.aggregate_every {
                tokio::spawn(aggregate_every(
                    every,
                    store,
                    config.plans.clone(),
                    Arc::clone(&reference),
                ));
            }
            tokio::select! {
                summary = pipeline::run(run, stop_signal("stopping: committing open batches")?) => anyhow::Ok(summary?),
                // A run that is stuck would not end by itself.
                stalled = watch.stalls(config.watch.stall) => Err(stalled.into()),
            }
        });
        // Does not wait for tables under way: the previous ones stay intact.
        runtime.shutdown_background();
        let summary = summary?;
        print(&summary, &reference)?;
        Ok(exit_code(!summary.stopped.is_empty()))
    }
}

/// The topics of the settings, and what may arrive on each.
pub(super) fn topics(config: &Config, reference: &Reference) -> BTreeMap<String, Arc<TopicRules>> {
    let mut topics = BTreeMap::new();
    for (topic, feed) in config.topics(&reference.partners) {
        let sources = reference.partners.sources(topic).map(str::to_owned);
        topics.insert(topic.to_owned(), Arc::new(TopicRules::new(feed, sources)));
    }
    topics
}

/// A run with these settings, without a mirror or accepted losses.
pub(super) fn pipeline_run(
    config: &Config,
    reference: &Arc<Reference>,
    store: Store,
    until_end: bool,
) -> pipeline::Run {
    let topics = topics(config, reference);
    pipeline::Run {
        watch: Watch::new(topics.values().map(|rules| &**rules)),
        kafka: consume::client(&config.kafka),
        topics,
        reference: Arc::clone(reference),
        accepted: Vec::new(),
        dead_letter_topic: None,
        store,
        settings: config.ingest,
        until_end,
    }
}

/// How often the tables of the store are read for the metrics.
const TABLES_READ: Duration = Duration::from_mins(5);

/// Reports how fresh and complete the tables of the store are, any process having written them.
async fn watch_tables(watch: Watch, store: Store) {
    let mut ticks = tokio::time::interval(TABLES_READ);
    loop {
        ticks.tick().await;
        match Freshness::read(&store).await {
            Ok(found) => watch.tables_read(found.unwrap_or_default()),
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(error, "cannot read the tables for the metrics");
            }
        }
    }
}

/// Writes events and aggregates at each interval, one run after another, off the threads that
/// consume.
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
            tokio::task::spawn_blocking(move || write_tables(&store, &plans, &reference)).await;
        if let Err(error) = written {
            tracing::warn!(%error, "tables not written: the run failed");
        }
    }
}

/// Writes events and aggregates under the plans of the settings. A failure is logged and changes
/// nothing: the previous tables stay.
fn write_tables(store: &Store, plans: &[String], reference: &Reference) {
    let began = Instant::now();
    // An unknown id was rejected when the settings were checked.
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
                tracing::warn!(path, why, "table not written");
            }
            let seconds = began.elapsed().as_secs_f64();
            tracing::info!(records, rejected, seconds, "tables written");
        }
        Err(error) => {
            let error = format!("{:#}", anyhow::Error::from(error));
            tracing::warn!(error, "tables not written: the previous ones stay");
        }
    }
}

/// Ready at the first SIGINT or SIGTERM, which is logged as `stopping`. At the second the process
/// ends at once: what was not committed is read again at the next start.
pub(super) fn stop_signal(
    stopping: &'static str,
) -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let (stop, stopped) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        tracing::info!("{stopping}");
        stop.send(()).ok(); // the run may have ended
        either(&mut interrupt, &mut terminate).await;
        tracing::warn!("second signal: exiting immediately");
        std::process::exit(130);
    });
    Ok(async move { drop(stopped.await) })
}

/// Waits for one of two signals.
async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

fn print(summary: &Summary, reference: &Reference) -> std::io::Result<()> {
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
    let unknown = unknown_codes_text(&summary.unknown_codes, &reference.codes);
    if !unknown.is_empty() {
        say!("{}", unknown.trim_end());
    }
    for topic in &summary.publisher_times {
        say!("warning: {}", publisher_times_text(topic));
    }
    for (partition, why) in &summary.stopped {
        say!("stopped: {partition}: {why}");
    }
    Ok(())
}
