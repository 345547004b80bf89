//! `partner-feeds publish`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;

use super::check::{cannot_read, event_lines, open_lines};
use super::options::{BrokerOptions, SettingOptions};
use super::progress::Progress;
use super::rejections::RejectionList;
use super::text::grouped;
use super::{Format, exit_code, now};
use crate::publish::lines::Lines;
use crate::publish::{AcceptedEvent, CheckCounts, Checker, Publisher, TIMEOUT, peek};

/// Lines between two updates of the progress.
const PROGRESS_LINES: u64 = 1024;

/// Send a file of events to their topics
///
/// Validates each line as `check` does, lists the rejected lines and sends the others to the topic
/// of their feed, with the subject as key. Sending a file again does no harm. Exit status: 0 = all
/// valid lines were sent, 1 = the same, but with --strict a line was rejected, has an unknown code or
/// contradicts an earlier one, 2 = some valid lines could not be sent.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds publish --strict events.jsonl
  partner-feeds publish --brokers kafka:9092 events.jsonl")]
pub(crate) struct PublishCommand {
    #[command(flatten)]
    options: BrokerOptions,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Exit with status 1 if a line was rejected, has an unknown code or contradicts an earlier one;
    /// all but rejected lines are still sent
    #[arg(long)]
    strict: bool,
    /// Send every line without validating it, to the topic of the feed that its type names
    #[arg(long, conflicts_with = "strict")]
    unchecked: bool,
    /// Topic for lines whose type names no feed
    #[arg(long, value_name = "NAME", requires = "unchecked")]
    topic: Option<String>,
    /// Seconds to wait for a broker to answer, or to accept one of the waiting events
    #[arg(long, value_name = "SECONDS", default_value_t = TIMEOUT.as_secs(),
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Events, one per line; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl PublishCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let mut lines = if self.unchecked {
            Lines::new(open_lines(&self.file)?)
        } else {
            event_lines(&self.file)?
        };
        let mut checker = Checker::new(&reference, now());
        let mut publisher = Publisher::new(&config.kafka, Duration::from_secs(self.timeout))?;
        let mut list = RejectionList::new(self.format);
        let (mut counts, mut key) = (CheckCounts::default(), Vec::new());
        let mut without_topic = 0_u64;
        let (began, mut progress) = (Instant::now(), Progress::new());
        progress.begin("publish", 0);
        while let Some((number, line)) = lines.read().with_context(|| cannot_read(&self.file))? {
            if self.unchecked {
                let sent = self.send_unchecked(&checker, &mut publisher, number, line)?;
                without_topic += u64::from(!sent);
            } else if let Some(event) =
                list.judge(number, line, &mut checker, &mut counts, &mut key)?
            {
                publisher.send(topic_of(&checker, &event)?, Some(&key), line)?;
            }
            if number.is_multiple_of(PROGRESS_LINES) {
                let delivered = grouped(publisher.delivered());
                progress.set_message(|| format!("{delivered} sent, at line {number}"));
            }
        }
        let sent = publisher.finish()?;
        progress.end();
        print_speed(sent, began.elapsed());
        let is_failed =
            !self.unchecked && list.close(&counts, &mut checker, &reference.codes, self.strict)?;
        Ok(exit_code(without_topic > 0 || is_failed))
    }

    /// Sends a line without validating it; `false` if it has no topic.
    fn send_unchecked(
        &self,
        checker: &Checker<'_>,
        publisher: &mut Publisher,
        number: u64,
        line: &[u8],
    ) -> anyhow::Result<bool> {
        let (subject, feed) = peek(line);
        let Some(topic) = feed
            .and_then(|feed| checker.topic_of(feed))
            .or(self.topic.as_deref())
        else {
            note!(
                "line {number}: not sent: its type names no feed; pass --topic to send such lines"
            );
            return Ok(false);
        };
        publisher.send(topic, subject.as_deref().map(str::as_bytes), line)?;
        Ok(true)
    }
}

/// The topic that an event goes to.
pub(super) fn topic_of<'r>(
    checker: &Checker<'r>,
    event: &AcceptedEvent,
) -> anyhow::Result<&'r str> {
    let topic = checker.topic_of(event.feed);
    topic.context("a feed has no topic in partners.toml")
}

fn print_speed(sent: u64, elapsed: Duration) {
    let seconds = elapsed.as_secs_f64();
    let per_second = sent as f64 / seconds.max(1e-9);
    note!("{sent} sent in {seconds:.1} s, {per_second:.0} per second");
}
