//! The metrics: counters that events increase, and gauges that are read at each scrape.
//!
//! A new counter is one line of `counters!`, a new gauge one entry of [`GAUGES`]. The number of
//! series is bounded by the configuration: a label is a name of `partners.toml`, a word of this
//! program, or a partition.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use rustix::time::{ClockId, clock_gettime};

use super::{PartnerCounts, RunState, Shared, WatchedPartition, now, seconds};
use crate::contract::{Reason, TopicRules};
use crate::event::Micros;

/// The partner of a record that names none, or one that is not registered for its topic.
const UNKNOWN: &str = "unknown";

/// How a create was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreateAnswer {
    /// The file was created.
    Won,
    /// Another consumer's file exists.
    Lost,
    /// The answer was uncertain; reading the file showed that it was created.
    Settled,
}

impl CreateAnswer {
    const ALL: [Self; 3] = [Self::Won, Self::Lost, Self::Settled];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Settled => "settled",
        }
    }
}

/// What a rebalance did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebalanceKind {
    /// Partitions were assigned.
    Assigned,
    /// Partitions were revoked.
    Revoked,
    /// Partitions had been given to others before this process was asked.
    Lost,
}

impl RebalanceKind {
    const ALL: [Self; 3] = [Self::Assigned, Self::Revoked, Self::Lost];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Revoked => "revoked",
            Self::Lost => "lost",
        }
    }
}

type Labels<const N: usize> = [(&'static str, String); N];
type LabelledCounter<const N: usize> = Family<Labels<N>, Counter>;

/// The counters: `partner_feeds_<name>_total`, its type, and its help text, to which the library
/// adds a full stop.
macro_rules! counters {
    ($($name:ident: $kind:ty = $help:literal;)+) => {
        /// What is counted as it happens.
        #[derive(Debug)]
        pub(crate) struct Metrics {
            registry: Registry,
            $($name: $kind,)+
        }

        impl Metrics {
            fn registered() -> Self {
                let mut registry = Registry::default();
                let ours = registry.sub_registry_with_prefix("partner_feeds");
                $(
                    let $name = <$kind>::default();
                    ours.register(stringify!($name), $help, $name.clone());
                )+
                Self { registry, $($name,)+ }
            }
        }
    };
}

counters! {
    records: LabelledCounter<3> = "Records that became durable";
    record_bytes: LabelledCounter<3> = "Bytes of their keys and values, as read from Kafka";
    rejects: LabelledCounter<2> = "Records rejected, by reason code";
    creates: LabelledCounter<1> = "Files of batches: created, lost to another consumer, or created \
        after an uncertain answer";
    rebalances: LabelledCounter<1> = "Changes of the partitions assigned to this process";
    merges: LabelledCounter<1> = "Merges of a partition's journal into the ledger";
    merged_files: Counter = "Journal files that were merged";
}

impl Metrics {
    pub(super) fn new<'t>(
        topics: impl IntoIterator<Item = &'t TopicRules>,
        state: Arc<RunState>,
    ) -> Self {
        let mut metrics = Self::registered();
        metrics
            .registry
            .register_collector(Box::new(GaugeCollector(state)));
        metrics.begin_at_zero(topics);
        metrics
    }

    /// A series that begins with its first event hides that event from `rate` and `increase`.
    fn begin_at_zero<'t>(&self, topics: impl IntoIterator<Item = &'t TopicRules>) {
        let no_rejects = Reason::ALL.iter().map(|reason| (*reason, 0)).collect();
        for rules in topics {
            let no_records = vec![PartnerCounts::default(); rules.partners.len() + 1];
            self.count_batch(rules, &no_records, &no_rejects);
        }
        for answer in CreateAnswer::ALL {
            add(&self.creates, [("answer", answer.as_str())], 0);
        }
        for kind in RebalanceKind::ALL {
            add(&self.rebalances, [("change", kind.as_str())], 0);
        }
        for outcome in ["merged", "failed"] {
            add(&self.merges, [("outcome", outcome)], 0);
        }
    }

    /// Counts a batch of a topic, by index of its partner; the last count is of unknown partners.
    pub(super) fn count_batch(
        &self,
        rules: &TopicRules,
        counts: &[PartnerCounts],
        rejected: &BTreeMap<Reason, u64>,
    ) {
        let feed = rules.feed.as_str();
        let partners = rules.partners.iter().map(String::as_str).chain([UNKNOWN]);
        for (partner, count) in partners.zip(counts) {
            for (outcome, volume) in [("accepted", count.accepted), ("rejected", count.rejected)] {
                let labels = [("feed", feed), ("partner", partner), ("outcome", outcome)];
                add(&self.records, labels, volume.records);
                add(&self.record_bytes, labels, volume.bytes);
            }
        }
        for (reason, count) in rejected {
            let labels = [("feed", feed), ("reason", reason.as_str())];
            add(&self.rejects, labels, *count);
        }
    }

    /// A create was answered.
    pub(crate) fn count_create(&self, answer: CreateAnswer) {
        add(&self.creates, [("answer", answer.as_str())], 1);
    }

    pub(super) fn count_rebalance(&self, kind: RebalanceKind) {
        add(&self.rebalances, [("change", kind.as_str())], 1);
    }

    /// Files of a journal were merged into one.
    pub(crate) fn count_merge(&self, files: usize) {
        add(&self.merges, [("outcome", "merged")], 1);
        self.merged_files.inc_by(files as u64);
    }

    /// A merge failed.
    pub(crate) fn count_failed_merge(&self) {
        add(&self.merges, [("outcome", "failed")], 1);
    }

    pub(super) fn exposition(&self) -> String {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry).expect("a string takes all");
        text
    }
}

fn add<const N: usize>(
    counter: &LabelledCounter<N>,
    labels: [(&'static str, &str); N],
    count: u64,
) {
    let labels = labels.map(|(name, value)| (name, value.to_owned()));
    counter.get_or_create(&labels).inc_by(count);
}

/// A gauge, read at each scrape.
struct GaugeEntry {
    name: &'static str,
    help: &'static str,
    read: GaugeRead,
}

type ReadShared = fn(&Shared) -> f64;

enum GaugeRead {
    /// One value.
    Single(ReadShared),
    /// One value per partition of this process.
    PerPartition(fn(&WatchedPartition, Micros) -> f64),
    /// One value per word of a label.
    PerLabel(&'static str, &'static [(&'static str, ReadShared)]),
    /// One value per partner.
    PerPartner(fn(&Shared) -> BTreeMap<&str, f64>),
    /// One value per partner and kind.
    PerKind(fn(&Shared) -> &BTreeMap<(String, String), i64>),
}

const GAUGES: [GaugeEntry; 11] = [
    GaugeEntry {
        name: "partner_feeds_lag_records",
        help: "Offsets in the log of each partition of this process that are not durable",
        read: GaugeRead::PerPartition(|partition, _| partition.lag() as f64),
    },
    GaugeEntry {
        name: "partner_feeds_lag_seconds",
        help: "Age of the oldest record that is not durable, 0 if there is none",
        read: GaugeRead::PerPartition(WatchedPartition::lag_seconds),
    },
    GaugeEntry {
        name: "partner_feeds_partitions",
        help: "Partitions of this process: consumed, or stopped because broker and ledger disagree \
               or a file is damaged",
        read: GaugeRead::PerLabel(
            "state",
            &[
                ("assigned", |shared| shared.count_partitions(false)),
                ("stopped", |shared| shared.count_partitions(true)),
            ],
        ),
    },
    GaugeEntry {
        name: "partner_feeds_uncommitted_age_seconds",
        help: "Time since the oldest record that is not durable was read, 0 if there is none",
        read: GaugeRead::Single(Shared::uncommitted_age_seconds),
    },
    GaugeEntry {
        name: "partner_feeds_gathered_bytes",
        help: "Bytes of records gathered for files not yet written",
        read: GaugeRead::Single(Shared::gathered_bytes),
    },
    GaugeEntry {
        name: "partner_feeds_last_durable_timestamp_seconds",
        help: "When this process last made a batch durable, 0 if never",
        read: GaugeRead::Single(|shared| shared.last_durable.map_or(0.0, |at| seconds(at.0))),
    },
    GaugeEntry {
        name: "partner_feeds_last_record_timestamp_seconds",
        help: "When a record of the partner last became durable here, or else was received by Kafka, \
               as the tables have it",
        read: GaugeRead::PerPartner(Shared::last_of_partners),
    },
    GaugeEntry {
        name: "partner_feeds_tables_as_at_timestamp_seconds",
        help: "When Kafka received the newest record that the tables count, 0 without tables",
        read: GaugeRead::Single(|shared| shared.tables.as_at.map_or(0.0, |at| seconds(at.0))),
    },
    GaugeEntry {
        name: "partner_feeds_months_missing",
        help: "Months of a partner's kind that are overdue, by the tables",
        read: GaugeRead::PerKind(|shared| &shared.tables.months_missing),
    },
    GaugeEntry {
        name: "partner_feeds_ready",
        help: "Whether the group is joined and records become durable",
        read: GaugeRead::Single(|shared| f64::from(u8::from(shared.why_not_ready().is_none()))),
    },
    GaugeEntry {
        name: "partner_feeds_build_info",
        help: "The version of the program",
        read: GaugeRead::PerLabel("version", &[(env!("CARGO_PKG_VERSION"), |_| 1.0)]),
    },
];

/// Reads every gauge.
#[derive(Debug)]
struct GaugeCollector(Arc<RunState>);

impl Collector for GaugeCollector {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut writer = MetricWriter(encoder);
        let shared = self.0.shared();
        for GaugeEntry { name, help, read } in &GAUGES {
            match read {
                GaugeRead::Single(read) => writer.gauge(name, help, read(&shared))?,
                GaugeRead::PerPartition(read) => {
                    writer.per_partition(name, help, &shared, *read)?;
                }
                GaugeRead::PerLabel(label, words) => {
                    let series = words
                        .iter()
                        .map(|(word, read)| ([(*label, *word)], read(&shared)));
                    writer.family(name, help, series)?;
                }
                GaugeRead::PerPartner(read) => {
                    let values = read(&shared).into_iter();
                    writer.family(
                        name,
                        help,
                        values.map(|(name, at)| ([("partner", name)], at)),
                    )?;
                }
                GaugeRead::PerKind(read) => {
                    let series = read(&shared).iter().map(|((partner, kind), count)| {
                        let labels = [("partner", &**partner), ("kind", &**kind)];
                        (labels, *count as f64)
                    });
                    writer.family(name, help, series)?;
                }
            }
        }
        drop(shared);
        writer.process(self.0.began_at)
    }
}

/// Writes metrics in Prometheus's text format.
struct MetricWriter<'e>(DescriptorEncoder<'e>);

impl MetricWriter<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        ConstGauge::new(value).encode(self.0.encode_descriptor(
            name,
            &sentence(help),
            None,
            MetricType::Gauge,
        )?)
    }

    fn family<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = ([(&'l str, &'l str); N], f64)>,
    ) -> fmt::Result {
        let help = sentence(help);
        let mut family = self
            .0
            .encode_descriptor(name, &help, None, MetricType::Gauge)?;
        for (labels, value) in series {
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn per_partition(
        &mut self,
        name: &str,
        help: &str,
        shared: &Shared,
        read: fn(&WatchedPartition, Micros) -> f64,
    ) -> fmt::Result {
        let now = now();
        let numbers: Vec<String> = shared
            .partitions
            .keys()
            .map(|at| at.partition.to_string())
            .collect();
        let partitions = shared.partitions.iter().zip(&numbers);
        let series = partitions.map(|((at, partition), number)| {
            let labels = [("topic", at.topic.as_str()), ("partition", number.as_str())];
            (labels, read(partition, now))
        });
        self.family(name, help, series)
    }

    /// The metrics that every process has, by their usual names.
    fn process(&mut self, began_at: Micros) -> fmt::Result {
        let used = clock_gettime(ClockId::ProcessCPUTime);
        let used = used.tv_sec as f64 + used.tv_nsec as f64 / 1e9;
        let help = sentence("Processor time used, of user and system");
        let counter =
            self.0
                .encode_descriptor("process_cpu_seconds", &help, None, MetricType::Counter)?;
        ConstCounter::new(used).encode(counter)?;
        if let Some(bytes) = resident_bytes() {
            self.gauge(
                "process_resident_memory_bytes",
                "Resident memory, as the system counts it",
                bytes,
            )?;
        }
        self.gauge(
            "process_start_time_seconds",
            "When the process began",
            seconds(began_at.0),
        )
    }
}

fn sentence(help: &str) -> String {
    format!("{help}.")
}

/// Resident memory; `None` where the system has no `/proc`.
fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))?;
    Some(kib.trim().parse::<f64>().ok()? * 1024.0)
}
