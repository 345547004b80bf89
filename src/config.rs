//! Settings: files and environment in, checked values out.
//!
//! Four layers, each overriding the one before: the built-in `config/partner-feeds.toml`, which names
//! every setting; a file; the environment; the command line. Every fault is
//! reported with its layer, key, value and bounds. Only this module reads the environment, and no
//! secret is ever shown. It must not know who uses a setting.

mod properties;
mod settings;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::door::{DoorSettings, Identification, MESSAGE_TIMEOUT, TlsSettings, request_memory_mib};
use crate::event::Feed;
use crate::files::fault::hint;
use crate::files::{Fault, Faults};
use crate::kafka::KafkaSettings;
use crate::properties::Properties;
use crate::reference::{Partners, Reference};
use crate::retention::{Preserved, RetentionSettings};
use crate::storage::StoreLocation;
use crate::telemetry::LogFormat;
use properties::Client;
use settings::Settings;

/// The settings file, unless the command line names another.
pub const FILE: &str = "config/partner-feeds.toml";
/// The prefix of the program's environment variables.
pub const ENVIRONMENT_PREFIX: &str = "PARTNER_FEEDS_";

/// The log filter: `PARTNER_FEEDS_LOG`, a level or a list of `target=level`; `None` where it is
/// another word.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the module that reads the environment"
)]
pub fn log_filter(default: &str) -> Option<String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let Ok(filter) = std::env::var("PARTNER_FEEDS_LOG") else {
        return Some(default.to_owned());
    };
    let mut words = filter.split(',').map(str::trim);
    let is_known = words.all(|word| word.contains('=') || LEVELS.contains(&&*word.to_lowercase()));
    is_known.then_some(filter)
}

/// The log format: `PARTNER_FEEDS_LOG_FORMAT`, text or json; `None` where it is neither.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the module that reads the environment"
)]
pub fn log_format() -> Option<LogFormat> {
    match std::env::var("PARTNER_FEEDS_LOG_FORMAT").as_deref() {
        Err(_) | Ok("" | "text") => Some(LogFormat::Text),
        Ok("json") => Some(LogFormat::Json),
        Ok(_) => None,
    }
}

/// The settings of a run, checked. Units, bounds and defaults are those of
/// `config/partner-feeds.toml`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the records come from.
    pub kafka: KafkaSettings,
    /// Where the journal, the ledger and all that is derived are.
    pub store: StoreLocation,
    /// Folder of reference files that replace or add to the built-in ones.
    pub reference: Option<PathBuf>,
    /// The limits of `ingest`.
    pub ingest: IngestSettings,
    /// How a run of `ingest` is watched.
    pub watch: WatchSettings,
    /// Where `door` accepts events over HTTP, and its limits.
    pub door: DoorSettings,
    /// How long everything is kept.
    pub retention: RetentionSettings,
    /// Ids of the plans to aggregate under; empty = every adopted plan, and `in-force`.
    pub plans: Vec<String>,
    resolved: String,
}

/// The limits of `ingest`: batches, memory and time.
#[derive(Clone, Copy, Debug)]
pub struct IngestSettings {
    /// Rows at which a partition's batch is committed.
    pub flush_rows: usize,
    /// Age of its oldest row at which a partition's batch is committed.
    pub flush_age: Duration,
    /// Bytes that all open batches may take together, in equal shares per worker.
    pub memory_bytes: usize,
    /// How long a stop may take to commit open batches.
    pub shutdown_timeout: Duration,
    /// Threads that decode and validate events.
    pub workers: usize,
    /// Files at which a partition's journal is merged.
    pub merge_files: usize,
    /// Bytes at which a partition's journal is merged.
    pub merge_bytes: u64,
    /// Rejects in a row after which a partner is paused; 0 = never.
    pub breaker: u32,
    /// How often events and aggregates are written while consuming; `None` = never.
    pub aggregate_every: Option<Duration>,
}

/// How a run of `ingest` is watched.
#[derive(Clone, Debug)]
pub struct WatchSettings {
    /// Where it serves `/live`, `/ready` and `/metrics`, as host:port; `None` = nowhere.
    pub listen: Option<String>,
    /// How long nothing may become durable while work is pending.
    pub stall: Duration,
}

/// The settings given on the command line.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    file: Option<PathBuf>,
    settings: Vec<(&'static str, String)>,
}

impl Overrides {
    /// Overrides from a settings file, if any.
    pub fn new(file: Option<PathBuf>) -> Self {
        Self {
            file,
            settings: Vec::new(),
        }
    }

    /// Adds a setting by its key, such as `kafka.brokers`, if it is given.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: Option<impl ToString>) -> Self {
        self.settings
            .extend(value.map(|value| (key, value.to_string())));
        self
    }
}

impl Config {
    /// The settings of this process: built in, file, environment, command line.
    #[expect(
        clippy::disallowed_methods,
        reason = "the only reader of the environment"
    )]
    pub fn load(overrides: &Overrides) -> Result<Self, Faults> {
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::resolve(overrides, environment)
    }

    /// The built-in settings, overridden by the command line only.
    pub fn built_in(overrides: &Overrides) -> Result<Self, Faults> {
        let mut settings = Settings::built_in();
        settings.overlay_command_line(&overrides.settings);
        let config = Self::read(&settings);
        settings.into_faults().into_result(config)
    }

    /// The settings in a given environment.
    pub fn resolve(
        overrides: &Overrides,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Faults> {
        let mut settings = Settings::built_in();
        match &overrides.file {
            Some(file) => settings.overlay_file(file),
            None if Path::new(FILE).is_file() => settings.overlay_file(Path::new(FILE)),
            None => {}
        }
        settings.overlay_environment(environment);
        settings.overlay_command_line(&overrides.settings);
        let config = Self::read(&settings);
        settings.into_faults().into_result(config)
    }

    fn read(settings: &Settings) -> Self {
        let kafka = KafkaSettings {
            brokers: settings.brokers("kafka.brokers"),
            group: settings.filled("kafka.group"),
            topics: settings.texts("kafka.topics"),
            dead_letter_topic: Some(settings.text("kafka.dead_letter_topic"))
                .filter(|topic| !topic.is_empty()),
            session_timeout: settings
                .optional_duration("kafka.session_timeout", (secs(6), secs(300))),
            properties: settings.properties(Client::Kafka),
        };
        if kafka.session_timeout.is_some()
            && kafka.properties.get("group.protocol") == Some("consumer")
        {
            let reason = "must be \"\" with group.protocol = consumer: there the broker decides";
            settings.fault("kafka.session_timeout", reason);
        }
        let store = StoreLocation {
            root: settings.filled("store.root"),
            properties: settings.properties(Client::Store),
        };
        let door = read_door(settings, &store.properties);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = settings.integer("ingest.workers", (0, 256));
        let flush_age = settings.duration("ingest.flush_age", (secs(1), secs(3600)));
        Self {
            kafka,
            store,
            reference: Some(settings.text("reference.folder"))
                .filter(|f| !f.is_empty())
                .map(PathBuf::from),
            ingest: IngestSettings {
                flush_rows: settings.integer("ingest.flush_rows", (1, 10_000_000)),
                flush_age,
                memory_bytes: settings.integer("ingest.memory_mib", (16, 65_536)) << 20,
                shutdown_timeout: settings
                    .duration("ingest.shutdown_timeout", (secs(0), secs(600))),
                workers: if workers == 0 { cores } else { workers },
                merge_files: settings.integer("ingest.merge_files", (1, 10_000)),
                merge_bytes: (settings.integer("ingest.merge_mib", (1, 1_024)) << 20) as u64,
                breaker: settings.integer("ingest.breaker", (0, 1_000_000_000)) as u32,
                aggregate_every: settings
                    .optional_duration("ingest.aggregate_every", (secs(1), secs(168 * 3600))),
            },
            watch: WatchSettings {
                listen: settings.optional_address("watch.listen"),
                stall: flush_age * settings.integer("watch.stall_intervals", (2, 1_000)) as u32,
            },
            door,
            retention: read_retention(settings),
            plans: settings.texts("aggregate.plans"),
            resolved: settings.to_string(),
        }
    }

    /// Checks the settings against the reference data.
    pub fn check(&self, reference: &Reference) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let topics: Vec<&str> = reference.partners.topics().map(|t| &*t.name).collect();
        for topic in self
            .kafka
            .topics
            .iter()
            .filter(|topic| !topics.contains(&&***topic))
        {
            let hint = hint(topic, topics.iter().copied());
            faults.0.push(Fault::new(
                "settings",
                "kafka.topics",
                format!("`{topic}` is not in partners.toml{hint}"),
            ));
        }
        if let Some(topic) = self
            .kafka
            .dead_letter_topic
            .as_deref()
            .filter(|topic| topics.contains(topic))
        {
            let reason = format!(
                "`{topic}` is a feed's topic of partners.toml: dead letters would be read as events"
            );
            faults
                .0
                .push(Fault::new("settings", "kafka.dead_letter_topic", reason));
        }
        for period in &self.retention.kinds {
            let Some(partner) = &period.partner else {
                continue;
            };
            let partners = reference.partners.ids();
            if !partners.contains(&**partner) {
                let hint = hint(partner, partners.iter().copied());
                faults.0.push(Fault::new(
                    "settings",
                    format!("retention.kinds.{}", period.key),
                    format!("`{partner}` is not in partners.toml{hint}"),
                ));
            }
        }
        let plans: Vec<&str> = reference
            .plans
            .iter()
            .map(|plan| &*plan.id)
            .chain(["in-force"])
            .collect();
        for plan in self.plans.iter().filter(|plan| !plans.contains(&&***plan)) {
            let hint = hint(plan, plans.iter().copied());
            faults.0.push(Fault::new(
                "settings",
                "aggregate.plans",
                format!("unknown plan `{plan}`{hint}"),
            ));
        }
        faults.into_result(())
    }

    /// The topics to consume, with their feeds.
    pub fn topics<'p>(&'p self, partners: &'p Partners) -> impl Iterator<Item = (&'p str, Feed)> {
        let chosen = &self.kafka.topics;
        partners
            .topics()
            .filter(move |topic| chosen.is_empty() || chosen.contains(&topic.name))
            .map(|topic| (&*topic.name, topic.feed))
    }
}

/// Every setting with the layer it came from, one a line, secrets hidden: safe to log.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resolved)
    }
}

/// How long everything is kept.
fn read_retention(settings: &Settings) -> RetentionSettings {
    let preserved = settings.text("retention.preserved");
    let preserved = if preserved.is_empty() {
        Preserved::default()
    } else {
        let text =
            std::fs::read_to_string(&preserved).map_err(|error| format!("cannot be read: {error}"));
        text.and_then(|text| Preserved::parse(&text))
            .unwrap_or_else(|reason| {
                settings.fault("retention.preserved", format!("file {preserved}: {reason}"));
                Preserved::default()
            })
    };
    RetentionSettings {
        events: settings.parsed("retention.events").unwrap_or_default(),
        quiet_months: settings.integer("retention.quiet_months", (0, 120)) as u16,
        rejects_raw_days: settings.optional_days("retention.rejects_raw", (1, 180)),
        kafka_days: settings.optional_days("retention.kafka", (1, 3_650)),
        dead_letters_days: settings.optional_days("retention.dead_letters", (1, 180)),
        backups_days: settings.optional_days("retention.backups", (1, 3_650)),
        old_versions_days: settings.optional_days("retention.old_versions", (1, 3_650)),
        kinds: settings.kind_periods(),
        preserved,
    }
}

/// The settings of the door.
fn read_door(settings: &Settings, store_properties: &Properties) -> DoorSettings {
    let body_mib = settings.integer("door.body_mib", (1, 64));
    let memory_mib = settings.integer("door.memory_mib", (8, 65_536));
    let events = settings.integer("door.events", (1, 100_000));
    let needed_mib = request_memory_mib(body_mib, events);
    if memory_mib < needed_mib {
        let reason = format!(
            "must be at least {needed_mib}: door.body_mib is {body_mib} and door.events is {events}"
        );
        settings.fault("door.memory_mib", reason);
    }
    let requests = settings.integer("door.requests", (4, 4_096));
    let connections = settings.integer("door.connections", (8, 65_536));
    if connections < 2 * requests {
        let reason = format!("must be at least twice door.requests, which is {requests}");
        settings.fault("door.connections", reason);
    }
    DoorSettings {
        listen: settings.optional_address("door.listen").unwrap_or_default(),
        tls: read_door_tls(settings),
        store: Some(settings.text("door.store"))
            .filter(|root| !root.is_empty())
            .map(|root| StoreLocation {
                root,
                properties: store_properties.clone(),
            }),
        tokens: settings.filled("door.tokens").into(),
        body_bytes: body_mib << 20,
        events,
        memory_bytes: memory_mib << 20,
        connections,
        requests,
        rate: settings.integer("door.rate", (1, 1_000_000)),
        header_timeout: settings.duration("door.header_timeout", (secs(1), secs(60))),
        body_timeout: settings.duration("door.body_timeout", (secs(1), secs(600))),
        shutdown_timeout: settings.duration("door.shutdown_timeout", (secs(0), secs(600))),
        message_timeout: MESSAGE_TIMEOUT,
    }
}

/// The door's certificate, and how partners identify themselves.
fn read_door_tls(settings: &Settings) -> Option<TlsSettings> {
    let identification = settings.choice("door.require", &Identification::ALL);
    let keys = [
        "door.tls_certificate",
        "door.tls_key_file",
        "door.client_ca",
    ];
    let [certificate, key, client_ca] = keys.map(|key| {
        let file = settings.text(key);
        (!file.is_empty()).then(|| PathBuf::from(file))
    });
    let needs = |key: &str, is_given: bool, needed: &str, is_there: bool| {
        if is_given && !is_there {
            settings.fault(key, format!("must be set together with {needed}"));
        }
    };
    let (has_certificate, has_key) = (certificate.is_some(), key.is_some());
    needs(
        "door.tls_certificate",
        has_certificate,
        "door.tls_key_file",
        has_key,
    );
    needs(
        "door.tls_key_file",
        has_key,
        "door.tls_certificate",
        has_certificate,
    );
    needs(
        "door.client_ca",
        client_ca.is_some(),
        "door.tls_certificate",
        has_certificate,
    );
    let is_demanded = identification != Identification::Token;
    needs(
        "door.require",
        is_demanded,
        "door.client_ca",
        client_ca.is_some(),
    );
    Some(TlsSettings {
        certificate: certificate?,
        key: key?,
        client_ca,
        identification,
    })
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests;
