//! `partner-feeds erase`.

use std::collections::HashSet;
use std::io::BufRead;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use tokio::runtime::Runtime;

use super::options::{SettingOptions, StoreAndBrokerOptions, open_store};
use super::purge::{BROKER_WAIT, Purging, check_store};
use super::text::counted;
use super::{Format, now, runtime};
use crate::config::Config;
use crate::consume::{self, GroupObserver};
use crate::crash;
use crate::erase::{self, FoundRows, Grounds, RecordsToErase};
use crate::event::TopicPartition;
use crate::feedback::search::topics_of;
use crate::ledger::chain;
use crate::ledger::erasures::ErasureReason;
use crate::reference::Reference;
use crate::storage::Store;

/// What to do if a broker does not answer.
const UNREACHED: &str =
    "cannot read where the topics end; start the broker, or pass --without-broker";
/// The pause between two looks at how far the store has come.
const PAUSE: Duration = Duration::from_millis(500);

/// Erase records for good: all their revisions, and the rejects that name them
///
/// Reads the subjects from standard input, one a line, and never prints them. Waits until
/// everything that was sent before is in the store. Once the erasure is in the log, no command
/// returns the records. Then the same is done as by `purge`. Exit status: 0 = erased and certified,
/// 1 = the store contains none of the records, 2 = not done or not certified: run `purge`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds erase --why art-17 --case DP-2026-0419 urn:partner:maidstone-bc:hclic - --dry-run
  partner-feeds erase --why art-17 --case DP-2026-0419 urn:partner:maidstone-bc:hclic -")]
pub(crate) struct Erase {
    #[command(flatten)]
    options: StoreAndBrokerOptions,
    /// Why: art-17, s-47, court-order or sent-in-error
    #[arg(long, value_name = "REASON", value_parser = parse_reason)]
    why: ErasureReason,
    /// Reference of your case file, at most 32 letters, digits, / or -; it stays in the store
    #[arg(long, value_name = "REFERENCE", value_parser = parse_case)]
    case: String,
    /// Source of the records: `urn:partner:<partner>:<system>`
    source: String,
    /// `-`: subjects are read from standard input
    #[arg(value_parser = ["-"])]
    subjects: String,
    /// Change nothing; report what would be erased
    #[arg(long)]
    dry_run: bool,
    /// How long to wait until the store contains all that was sent, such as 10m
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse_wait)]
    wait: Duration,
    /// Do not wait for the broker's records: a revision that was sent and not read yet is stored later
    #[arg(long)]
    without_broker: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn parse_reason(text: &str) -> Result<ErasureReason, String> {
    let mut reasons = ErasureReason::BY_REQUEST.into_iter();
    reasons
        .find(|reason| reason.as_str() == text)
        .ok_or_else(|| {
            let names = ErasureReason::BY_REQUEST.map(ErasureReason::as_str);
            format!("must be one of {}", names.join(", "))
        })
}

fn parse_case(text: &str) -> Result<String, &'static str> {
    erase::check_case(text).map(|()| text.to_owned())
}

fn parse_wait(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|_| "must be a time such as 10m")?;
    Duration::try_from(span).map_err(|_| "must not be negative".to_owned())
}

impl Erase {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let store = open_store(&config)?;
        let runtime = runtime()?;
        let records = RecordsToErase {
            source: &self.source,
            subjects: read_subjects()?,
        };
        let preserved = &config.retention.preserved;
        let mut subjects = records.subjects.iter();
        if let Some(case) = subjects.find_map(|subject| preserved.case_of(&self.source, subject)) {
            bail!(
                "a record may not be erased, since it is preserved for {case}: take it out of the file of \
                 retention.preserved first"
            );
        }
        let keeps_versions = !self.dry_run && runtime.block_on(check_store(&store, &config))?;
        let ends = if self.without_broker {
            Vec::new()
        } else {
            self.wait_for_store(&store, &config, &reference, &runtime)?
        };
        let found = erase::find(&store, runtime.handle(), &reference, &records)?;
        if ends.iter().any(|(at, end)| !found.reaches(at, *end)) {
            bail!("cannot erase: the store listed fewer files than before; try again");
        }
        if found.is_empty() {
            note!(
                "the store `{}` contains none of these records",
                store.root()
            );
            return Ok(ExitCode::from(1));
        }
        self.report(&found)?;
        if self.dry_run {
            return Ok(ExitCode::SUCCESS);
        }
        let grounds = Grounds {
            why: self.why,
            case: &self.case,
            not_kept: &[],
        };
        let erased = found.erase(&store, &grounds, now());
        let numbers = runtime.block_on(erased)?;
        crash::point("erase.committed");
        if self.format == Format::Text {
            say!(
                "erased for every reader: {} of the erasure log",
                entries(&numbers)
            );
        }
        let purging = Purging {
            store: &store,
            config: &config,
            reference: &reference,
            runtime: &runtime,
            keeps_versions,
            asks_broker: !self.without_broker,
        };
        let summary = purging
            .run()
            .context("the records are erased, but not yet removed from all files: run `purge`")?;
        summary.print(self.format)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Prints what was found, without a value of a record.
    fn report(&self, found: &FoundRows) -> anyhow::Result<()> {
        let (accepted, rejected) = (found.accepted.len() as u64, found.rejected.len() as u64);
        let months: Vec<String> = found.months.iter().map(ToString::to_string).collect();
        if self.format == Format::Json {
            say!(
                "{}",
                json!({
                    "records": found.records,
                    "accepted": accepted,
                    "rejected": rejected,
                    "months": months,
                    "named_by_others": found.named_by_others,
                })
            );
            return Ok(());
        }
        say!(
            "{}: {} and {}",
            counted(found.records, "record"),
            counted(accepted, "accepted row"),
            counted(rejected, "reject")
        );
        if !months.is_empty() {
            say!("figures of these months may change: {}", months.join(", "));
        }
        if found.named_by_others > 0 {
            let rows = counted(found.named_by_others, "row");
            say!("{rows} of other records name one of them in `replaced_by`");
        }
        Ok(())
    }

    /// Waits until the store contains everything that the topics of the source had at the start:
    /// otherwise a revision sent before could be committed after the erasure. Returns where they ended.
    fn wait_for_store(
        &self,
        store: &Store,
        config: &Config,
        reference: &Reference,
        runtime: &Runtime,
    ) -> anyhow::Result<Vec<(TopicPartition, i64)>> {
        let topics = topics_of(reference, &self.source).into_iter();
        let topics: Vec<String> = topics.map(str::to_owned).collect();
        if topics.is_empty() {
            let source = &self.source;
            bail!("`{source}` is not in partners.toml: check it, or pass --without-broker");
        }
        let deadline = Instant::now() + self.wait;
        let log = TopicLog::connect(config, &topics)?;
        let mut ends = log.ends(&topics)?;
        ends.retain(|(_, first, end)| first < end);
        for (at, first, end) in &ends {
            let (first, end) = (*first, *end);
            loop {
                let own = runtime.block_on(chain::read(store, at))?.end.offset;
                if chain::reaches(own, (first, end), log.end(at)?) {
                    break;
                }
                if Instant::now() >= deadline {
                    bail!(
                        "cannot erase yet: {at} ends at offset {end}, and the store does not contain all \
                         before it; check that `ingest` runs, then try again or pass a longer --wait"
                    );
                }
                std::thread::sleep(PAUSE);
            }
        }
        Ok(ends.into_iter().map(|(at, _, end)| (at, end)).collect())
    }
}

/// Where topics end, open transactions included.
struct TopicLog(GroupObserver);

impl TopicLog {
    fn connect(config: &Config, topics: &[String]) -> anyhow::Result<Self> {
        let client = consume::client(&config.kafka);
        let observer = GroupObserver::connect(&client, topics, BROKER_WAIT);
        Ok(Self(observer.context(UNREACHED)?))
    }

    /// The partitions of topics, each with its first and its next offset.
    fn ends(&self, topics: &[String]) -> anyhow::Result<Vec<(TopicPartition, i64, i64)>> {
        let mut ends = Vec::new();
        for topic in topics {
            for (at, _) in self.0.committed(topic).context(UNREACHED)? {
                let (first, _) = self.0.watermarks(&at).context(UNREACHED)?;
                let end = self.end(&at)?;
                ends.push((at, first, end));
            }
        }
        Ok(ends)
    }

    /// The next offset of a partition.
    fn end(&self, at: &TopicPartition) -> anyhow::Result<i64> {
        self.0.log_end(at).context(UNREACHED)
    }
}

/// The subjects on standard input, one a line.
fn read_subjects() -> anyhow::Result<HashSet<String>> {
    let mut subjects = HashSet::new();
    for line in std::io::stdin().lock().lines() {
        // The error of a line that is not UTF-8 does not repeat it.
        let line = line.context("cannot read the subjects from standard input")?;
        let subject = line.trim_end_matches('\r');
        if !subject.is_empty() {
            subjects.insert(subject.to_owned());
        }
    }
    if subjects.is_empty() {
        bail!("no subjects on standard input: write one a line");
    }
    Ok(subjects)
}

/// `entry 12`, `entries 12 to 14`.
fn entries(numbers: &[u64]) -> String {
    match numbers {
        [first, .., last] => format!("entries {first} to {last}"),
        [only] => format!("entry {only}"),
        [] => "no entry".to_owned(),
    }
}
