//! `partner-feeds status`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use indicatif::HumanBytes;
use serde::Serialize;
use tokio::runtime::Handle;

use super::options::{GroupOptions, SettingOptions, is_demo_store, open_store};
use super::text::{counted, grouped, ignore_closed_pipe, publisher_times_text, total_text};
use super::{Format, exit_code, now, runtime};
use crate::aggregate::inspect;
use crate::config::Config;
use crate::consume::{self, BrokerOffsets, CommittedOffset, ConsumeError, GroupObserver};
use crate::event::{Micros, TopicPartition};
use crate::ledger::Tree;
use crate::ledger::chain::{self, ChainError, Resume, Survey};
use crate::ledger::erasures::{self, ErasureLog};
use crate::ledger::rules::LedgerRule;
use crate::paused;
use crate::pipeline::{disagreement, durable_offset};
use crate::publish::{self, TopicSettings};
use crate::reference::Reference;
use crate::reference::unknown_codes::UnknownCode;
use crate::storage::{StorageError, Store};

/// How long a broker may take to answer.
const BROKER_WAIT: Duration = Duration::from_secs(5);
/// Seconds that an erasure may have no certificate.
const CERTIFICATE_SECONDS: i64 = 24 * 3600;
/// The number of unknown codes that the text shows.
const CODES_SHOWN: usize = 10;
/// What is not known without reading every record.
const NOT_READ: &str = "not read";

/// Show the state of a store and its consumer group
///
/// Reads the store and queries the broker; changes nothing, and may run beside consumers. Unknown
/// codes and contradictions need every record: --quick leaves them out, and reads only the footers
/// of the files. If no broker answers, it shows only the store. A demo's store has no broker to ask.
/// Exit status: 0 = nothing to do,
/// 1 = something to do, which the last lines describe, 2 = the store could not be read.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds status
  partner-feeds status --quick --format json
  partner-feeds status --store partner-feeds-demo")]
pub(crate) struct Status {
    #[command(flatten)]
    options: GroupOptions,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Leave out what needs every record: unknown codes and contradictions
    #[arg(long)]
    quick: bool,
}

/// The state of a store and its group.
#[derive(Debug, Default, Serialize)]
struct StatusReport {
    store: String,
    journal: Size,
    ledger: Size,
    rejects: Size,
    partitions: usize,
    accepted: u64,
    rejected: u64,
    /// When Kafka received the newest record.
    newest: Option<String>,
    newest_age_seconds: Option<i64>,
    /// Files by the program that wrote them.
    written_by: BTreeMap<String, u64>,
    /// Codes of the records that count which their lists do not contain; `None` = not read.
    unknown_codes: Option<Vec<UnknownCode>>,
    /// Records whose latest revision was sent with different contents, by partner; `None` = not
    /// read.
    contradictions: Option<BTreeMap<String, u64>>,
    /// Topics whose records have the publisher's time; empty if no broker answered.
    publisher_times: Vec<String>,
    paused: Vec<String>,
    /// Entries of the erasure log.
    erasures: u64,
    /// The last of them that a certificate covers.
    certified: u64,
    /// Whether it is the store of a demo, whose broker has ended with it.
    is_demo: bool,
    brokers: String,
    group: String,
    members: Option<usize>,
    /// Offsets that are not durable, by topic; empty if no broker answered.
    lag: BTreeMap<String, i64>,
    to_do: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Size {
    files: u64,
    bytes: u64,
}

impl Status {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let store = open_store(&config)?;
        let topics: Vec<String> = config
            .topics(&reference.partners)
            .map(|(topic, _)| topic.to_owned())
            .collect();
        // What is committed is in the chain, and what is in the chain was in the log. Read in this
        // order, or a consumer at work would look like a disagreement.
        let is_demo = is_demo_store(&config.store.root);
        let before = (!is_demo).then(|| committed_offsets(&config, &topics));
        let mut found = StatusReport::new(&config);
        found.is_demo = is_demo;
        let runtime = runtime()?;
        let surveys = runtime.block_on(found.read_store(&store))?;
        let is_damaged = surveys.iter().any(|survey| !survey.findings.is_empty());
        if !self.quick && !is_damaged {
            found.read_records(&store, &reference, runtime.handle());
        }
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        // What is wrong with the broker is reported below.
        if let Some(Ok(_)) = before {
            let dead_letters = config.kafka.dead_letter_topic.as_deref();
            let names = names.into_iter().chain(dead_letters);
            let described = publish::describe(&config.kafka, names, BROKER_WAIT);
            found.add_topics(&config, runtime.block_on(described).unwrap_or_default());
        }
        let read = before.map(|before| {
            before
                .and_then(|(observer, committed)| found.read_broker(&observer, committed, &surveys))
        });
        if let Some(Err(error)) = read {
            let error = anyhow::Error::from(error);
            found
                .to_do
                .push(format!("cannot read all from the broker: {error:#}"));
        }
        let mut out = io::stdout().lock();
        ignore_closed_pipe(match self.format {
            Format::Text => found.print(&mut out),
            Format::Json => writeln!(out, "{}", serde_json::to_string(&found)?),
        })?;
        Ok(exit_code(!found.to_do.is_empty()))
    }
}

type GroupOffsets = (
    GroupObserver,
    Vec<(TopicPartition, Option<CommittedOffset>)>,
);

/// What the group has committed of each topic, and the client that asked.
fn committed_offsets(config: &Config, topics: &[String]) -> Result<GroupOffsets, ConsumeError> {
    let observer = GroupObserver::connect(&consume::client(&config.kafka), topics, BROKER_WAIT)?;
    let committed = topics.iter().map(|topic| observer.committed(topic));
    let committed = committed.collect::<Result<Vec<_>, _>>()?;
    Ok((observer, committed.concat()))
}

impl StatusReport {
    fn new(config: &Config) -> Self {
        Self {
            store: config.store.root.clone(),
            brokers: config.kafka.brokers.clone(),
            group: config.kafka.group.clone(),
            ..Self::default()
        }
    }

    async fn read_store(&mut self, store: &Store) -> Result<Vec<Survey>, ChainError> {
        let surveys = chain::survey_all(store).await?;
        let mut newest = None;
        for Survey {
            chain, findings, ..
        } in &surveys
        {
            self.partitions += 1;
            for (tree, size) in [
                (Tree::Journal, &mut self.journal),
                (Tree::Ledger, &mut self.ledger),
                (Tree::Rejects, &mut self.rejects),
            ] {
                size.add(store, &tree.folder(&chain.partition)).await?;
            }
            for file in &chain.files {
                self.accepted += file.footer.accepted;
                self.rejected += file.footer.rejected;
                let writer = format!("{}, schema {}", file.footer.program, file.footer.schema);
                *self.written_by.entry(writer).or_default() += 1;
            }
            newest = newest.max(chain.newest_received(store).await?);
            match findings.first() {
                None => {}
                Some(newer) if newer.rule == LedgerRule::Schema => {
                    self.to_do.push(format!("cannot read {newer}"));
                }
                Some(finding) => {
                    self.to_do
                        .push(format!("damaged, `verify` shows more: {finding}"));
                }
            }
        }
        self.newest = newest.map(time_text);
        self.newest_age_seconds = newest.map(|newest| (now().0 - newest.0) / Micros::PER_SECOND);
        self.paused = paused::partners(store).await?.into_iter().collect();
        if !self.paused.is_empty() {
            let paused = self.paused.join(", ");
            self.to_do.push(format!(
                "paused, since they sent only rejects: {paused}. `partners list` shows why; once \
                 that is fixed, `partners resume`"
            ));
        }
        self.read_erasures(store).await?;
        Ok(surveys)
    }

    /// What the broker reports of the topics.
    fn add_topics(&mut self, config: &Config, topics: Vec<TopicSettings>) {
        for topic in topics {
            let is_dead_letter_topic = config.kafka.dead_letter_topic.as_ref() == Some(&topic.name);
            let days = if is_dead_letter_topic {
                config.retention.dead_letters_days
            } else {
                config.retention.kafka_days
            };
            if let Some(fault) = days.and_then(|days| topic.fault_of_retention(days)) {
                self.to_do.push(format!(
                    "topic {}: {fault}; change it on the broker, or [retention] in the settings",
                    topic.name
                ));
            }
            if !topic.has_log_append_time && !is_dead_letter_topic {
                self.publisher_times.push(topic.name);
            }
        }
    }

    async fn read_erasures(&mut self, store: &Store) -> Result<(), ChainError> {
        let certificates = erasures::certificates(store).await?;
        let log = ErasureLog::read(store).await?;
        self.erasures = log.end();
        self.certified = certificates.keys().next_back().copied().unwrap_or_default();
        let mut uncertified = log.entries().skip(self.certified as usize);
        if let Some(first) = uncertified.next()
            && now().0 - first.at.0 > CERTIFICATE_SECONDS * Micros::PER_SECOND
        {
            self.to_do.push(format!(
                "run `purge`: erasure {} has had no certificate for more than 24 h",
                first.number
            ));
        }
        Ok(())
    }

    fn read_records(&mut self, store: &Store, reference: &Reference, runtime: &Handle) {
        match inspect(store, reference, runtime) {
            // A merge moved the files: they are counted the next time.
            Ok(None) => {}
            Ok(Some(found)) => {
                self.unknown_codes = Some(found.unknown_codes.codes(&reference.codes));
                self.contradictions = Some(found.contradictions);
            }
            Err(error) => {
                let error = anyhow::Error::from(error);
                self.to_do
                    .push(format!("cannot read the records: {error:#}"));
            }
        }
    }

    fn read_broker(
        &mut self,
        observer: &GroupObserver,
        committed: Vec<(TopicPartition, Option<CommittedOffset>)>,
        surveys: &[Survey],
    ) -> Result<(), ConsumeError> {
        let mut ids: BTreeMap<String, String> = BTreeMap::new();
        for (at, committed) in committed {
            // Read first, so that records that arrive meanwhile are not behind.
            let log_end = observer.log_end(&at)?;
            let watermarks = observer.watermarks(&at)?;
            let survey = surveys.iter().find(|survey| survey.chain.partition == at);
            let resume = resume_from(survey);
            let id = ids
                .entry(at.topic.clone())
                .or_insert_with(|| observer.topic_id(&at.topic));
            let offered = BrokerOffsets {
                at,
                watermarks,
                committed,
            };
            let behind = (log_end - watermarks.1).max(0);
            if behind > 0 {
                self.to_do.push(format!(
                    "{}: {} records wait behind an open transaction, and are read once it ends. If its \
                     producer is gone, find and abort it with `kafka-transactions.sh find-hanging`",
                    offered.at,
                    grouped(behind as u64)
                ));
            }
            *self.lag.entry(offered.at.topic.clone()).or_default() +=
                lag(&resume, watermarks) + behind;
            if survey.is_some_and(|survey| !survey.findings.is_empty()) {
                continue; // its chain's end is not known until that is fixed
            }
            if let Some(found) = disagreement(&resume, &offered, observer.cluster(), id) {
                let (why, loss) = (found.why, found.loss);
                self.to_do.push(format!(
                    "{} is stopped: {why}. If it cannot be fixed: `ingest --accept {loss}`",
                    loss.at
                ));
            }
        }
        self.members = observer.members(&self.group);
        let waiting: i64 = self.lag.values().sum();
        if self.members == Some(0) && waiting > 0 {
            self.to_do.push(format!(
                "start `ingest`: nobody consumes, and {} records wait",
                grouped(waiting as u64)
            ));
        }
        Ok(())
    }

    fn print(&self, mut out: impl Write) -> io::Result<()> {
        let mut line = |name: &str, text: String| writeln!(out, "{name:<12}{text}");
        line("store", self.store.clone())?;
        for (name, Size { files, bytes }) in [
            ("journal", self.journal),
            ("ledger", self.ledger),
            ("rejects", self.rejects),
        ] {
            line(
                name,
                format!("{} files, {}", grouped(files), HumanBytes(bytes)),
            )?;
        }
        let (accepted, rejected) = (grouped(self.accepted), grouped(self.rejected));
        line(
            "records",
            format!(
                "{accepted} accepted, {rejected} rejected, of {} partitions",
                self.partitions
            ),
        )?;
        line(
            "newest",
            match (&self.newest, self.newest_age_seconds) {
                (Some(newest), Some(seconds)) => format!("received {newest}, {} ago", age(seconds)),
                _ => "none".to_owned(),
            },
        )?;
        for text in self.unknown_codes_texts() {
            line("codes", text)?;
        }
        line(
            "revisions",
            match &self.contradictions {
                None => NOT_READ.to_owned(),
                Some(records) => total_text(records).map_or_else(
                    || "no contradictions".to_owned(),
                    |records| format!("contradictions: {records} sent with other content"),
                ),
            },
        )?;
        let writers = self
            .written_by
            .iter()
            .map(|(writer, files)| format!("{writer}: {} files", grouped(*files)));
        line("written by", or_none(writers))?;
        line(
            "group",
            match self.members {
                _ if self.is_demo => {
                    "none: a demo's store, whose broker ended with the demo".to_owned()
                }
                Some(members) => format!("{} at {}, {members} members", self.group, self.brokers),
                None => format!("{} at {}, members not known", self.group, self.brokers),
            },
        )?;
        line(
            "lag",
            match self.lag.len() {
                0 if self.is_demo => "none".to_owned(),
                0 => "not known".to_owned(),
                _ => or_none(
                    self.lag
                        .iter()
                        .map(|(topic, lag)| format!("{topic} {}", grouped(*lag as u64))),
                ),
            },
        )?;
        for topic in &self.publisher_times {
            line("times", publisher_times_text(topic))?;
        }
        line("paused", or_none(self.paused.iter().cloned()))?;
        if self.erasures > 0 {
            let (erasures, certified) = (grouped(self.erasures), grouped(self.certified));
            line(
                "erasures",
                format!("{erasures} in the log, certified up to {certified}"),
            )?;
        }
        for to_do in &self.to_do {
            line("to do", to_do.clone())?;
        }
        if self.to_do.is_empty() {
            line("to do", "nothing".to_owned())
        } else {
            Ok(())
        }
    }
}

impl StatusReport {
    /// The unknown codes, one line each.
    fn unknown_codes_texts(&self) -> Vec<String> {
        let Some(codes) = &self.unknown_codes else {
            return vec![NOT_READ.to_owned()];
        };
        if codes.is_empty() {
            return vec!["all known".to_owned()];
        }
        let shown = codes.iter().take(CODES_SHOWN).map(|unknown| {
            let UnknownCode {
                list,
                code,
                records,
                nearest,
            } = unknown;
            let nearest = nearest
                .as_ref()
                .map_or_else(String::new, |nearest| format!("; nearest known: {nearest}"));
            let records = counted(*records, "record");
            format!("unknown: {list} {code}, {records}{nearest}")
        });
        let further = codes.len().saturating_sub(CODES_SHOWN);
        let further = (further > 0).then(|| format!("unknown: {further} more, see `aggregate`"));
        shown.chain(further).collect()
    }
}

impl Size {
    async fn add(&mut self, store: &Store, folder: &str) -> Result<(), StorageError> {
        for entry in store.list(folder).await? {
            self.files += 1;
            self.bytes += entry.bytes;
        }
        Ok(())
    }
}

/// Where a consumer of a partition would resume. Unlike [`chain::resume`], it changes nothing.
fn resume_from(survey: Option<&Survey>) -> Resume {
    survey.map_or_else(Resume::default, |Survey { chain, .. }| Resume {
        end: chain.end,
        last: chain.files.last().map(|file| file.footer.clone()),
        ledger_end: chain.ledger_end,
    })
}

/// Offsets that the log still has and the chain does not.
fn lag(resume: &Resume, watermarks: (i64, i64)) -> i64 {
    watermarks.1 - durable_offset(resume.end, watermarks)
}

fn time_text(time: Micros) -> String {
    jiff::Timestamp::from_microsecond(time.0)
        .unwrap_or_default()
        .to_string()
}

fn or_none(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join("; ")
    }
}

fn age(seconds: i64) -> String {
    match seconds.max(0) {
        seconds if seconds < 2 * 60 => format!("{seconds} s"),
        seconds if seconds < 2 * 3600 => format!("{} min", seconds / 60),
        seconds if seconds < 48 * 3600 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Position;

    #[test]
    fn text_is_a_line_a_thing_and_last_what_is_to_be_done() {
        let mut found = StatusReport {
            store: "store".into(),
            journal: Size {
                files: 12,
                bytes: 3_400_000,
            },
            accepted: 4_750,
            rejected: 250,
            partitions: 18,
            newest: Some("2018-10-31T10:00:00Z".into()),
            newest_age_seconds: Some(7_200),
            unknown_codes: Some(Vec::new()),
            contradictions: Some(BTreeMap::new()),
            written_by: [("partner-feeds 0.2.0, schema 1".into(), 12)].into(),
            brokers: "localhost:9092".into(),
            group: "partner-feeds".into(),
            members: Some(2),
            lag: [
                ("health.events.v1".into(), 0),
                ("police.events.v1".into(), 1_234),
            ]
            .into(),
            ..StatusReport::default()
        };
        let printed = |found: &StatusReport| {
            let mut out = Vec::new();
            found.print(&mut out).expect("printed");
            String::from_utf8(out).expect("utf-8")
        };
        let expected = "\
store       store
journal     12 files, 3.24 MiB
ledger      0 files, 0 B
rejects     0 files, 0 B
records     4,750 accepted, 250 rejected, of 18 partitions
newest      received 2018-10-31T10:00:00Z, 2 h ago
codes       all known
revisions   no contradictions
written by  partner-feeds 0.2.0, schema 1: 12 files
group       partner-feeds at localhost:9092, 2 members
lag         health.events.v1 0; police.events.v1 1,234
paused      none
to do       nothing
";
        assert_eq!(printed(&found), expected);
        found.unknown_codes = Some(vec![UnknownCode {
            list: "police-uk@2013-05".into(),
            code: "robery".into(),
            records: 12,
            nearest: Some("robbery".into()),
        }]);
        found.contradictions = Some([("kent-police".into(), 1), ("mtw-nhs".into(), 20)].into());
        let expected = "\
codes       unknown: police-uk@2013-05 robery, 12 records; nearest known: robbery
revisions   contradictions: 1 record of kent-police, 20 records of mtw-nhs sent with other content
";
        assert!(printed(&found).contains(expected), "{}", printed(&found));
        (found.unknown_codes, found.contradictions) = (None, None);
        (found.erasures, found.certified) = (3, 2);
        let expected = "erasures    3 in the log, certified up to 2\n";
        assert!(printed(&found).contains(expected), "{}", printed(&found));
        let expected = "codes       not read\nrevisions   not read\n";
        assert!(printed(&found).contains(expected), "{}", printed(&found));
        found.to_do = vec!["one".into(), "another".into()];
        assert!(printed(&found).ends_with("to do       one\nto do       another\n"));
    }

    #[test]
    fn the_lag_is_what_the_log_still_has_and_the_chain_has_not() {
        let at = |offset| Resume {
            end: Position::ORIGIN.at(offset),
            ..Resume::default()
        };
        let cases = [
            (at(5), (0, 9), 4),
            (at(0), (3, 9), 6),
            (at(9), (0, 9), 0),
            (at(12), (2, 9), 7),
        ];
        for (resume, watermarks, expected) in cases {
            assert_eq!(
                lag(&resume, watermarks),
                expected,
                "{resume:?} {watermarks:?}"
            );
        }
        assert_eq!(
            [59, 3_600, 90_000, 260_000].map(age),
            ["59 s", "60 min", "25 h", "3 days"]
        );
    }
}
