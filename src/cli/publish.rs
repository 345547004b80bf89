//! `partner-feeds publish`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;

use super::check::{Listing, cannot_read, open};
use super::progress::Progress;
use super::text::grouped;
use super::{Connection, Format, exit_code, now};
use crate::publish::lines::Lines;
use crate::publish::{Checker, Publisher, TIMEOUT, Tally, peek};

/// Lines between two updates of the progress.
const PROGRESS_LINES: u64 = 1024;

/// Send a file of events to their topics
///
/// Checks each line as `check` does, lists those that are refused and sends the others, each to the
/// topic of its feed, keyed by its subject. Sending a file again does no harm. Exit status: 0 =
/// done (1 with --strict if a line was refused), 2 = not all that should be was sent.
#[derive(Debug, Args)]
pub(crate) struct Publish {
    #[command(flatten)]
    connection: Connection,
    /// Text, or one JSON object a line
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Exit with 1 if a line was refused; the others are sent all the same
    #[arg(long)]
    strict: bool,
    /// Send every line as it is, to the topic of its type
    #[arg(long, conflicts_with = "strict")]
    unchecked: bool,
    /// Topic of a line whose type cannot be read
    #[arg(long, value_name = "NAME", requires = "unchecked")]
    topic: Option<String>,
    /// Seconds to wait for a broker, and while none takes an event
    #[arg(long, value_name = "SECONDS", default_value_t = TIMEOUT.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Events, one a line; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Publish {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.connection.load()?;
        let mut lines = Lines::new(open(&self.file)?);
        let checker = Checker::new(&reference.partners, now());
        let mut publisher = Publisher::new(&config.kafka, Duration::from_secs(self.timeout))?;
        let mut listing = Listing::new(self.format);
        let (began, mut progress) = (Instant::now(), Progress::new());
        progress.begin("publish", 0);
        let (mut tally, mut key) = (Tally::default(), Vec::new());
        let mut unsendable = 0_u64;
        while let Some((number, line)) = lines.read().with_context(|| cannot_read(&self.file))? {
            if self.unchecked {
                unsendable +=
                    u64::from(!self.send_unchecked(&checker, &mut publisher, number, line)?);
            } else {
                let verdict = checker.check(line, &mut key);
                tally.count(&verdict);
                match verdict {
                    Ok(passed) => {
                        let topic = checker
                            .topic_of(passed.feed)
                            .context("a feed has no topic in partners.toml")?;
                        publisher.send(topic, Some(&key), line)?;
                    }
                    Err(rejection) => listing.refuse(number, &rejection)?,
                }
            }
            if number.is_multiple_of(PROGRESS_LINES) {
                let delivered = grouped(publisher.delivered());
                progress.set_message(|| format!("{delivered} sent, at line {number}"));
            }
        }
        let sent = publisher.finish()?;
        progress.end();
        let seconds = began.elapsed().as_secs_f64();
        eprintln!(
            "{sent} sent in {seconds:.1} s, {:.0} a second",
            sent as f64 / seconds.max(1e-9)
        );
        if !self.unchecked {
            listing.close(&tally)?;
        }
        Ok(exit_code(
            unsendable > 0 || self.strict && tally.refusals() > 0,
        ))
    }

    /// `false` for a line that has no topic.
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
            eprintln!(
                "line {number}: not sent, its type names no feed; --topic says where such lines go"
            );
            return Ok(false);
        };
        publisher.send(topic, subject.as_deref().map(str::as_bytes), line)?;
        Ok(true)
    }
}
