//! `partner-feeds generate`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use super::lookup::parse_kind;
use crate::event::Kind;
use crate::generate::{GeneratedEvent, Generator, GeneratorOptions};

/// Bytes gathered before they are written.
const BUFFER_BYTES: usize = 1 << 18;

/// Write events of an invented partnership to standard output
///
/// One event per line, of all feeds, from April 2013 to March 2018, with corrections, cancellations
/// and events sent twice. Only codes and areas are real.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds generate --events 1000 > events.jsonl
  partner-feeds generate --kind crime --bad 0.05 | partner-feeds check -")]
pub(crate) struct GenerateCommand {
    /// The same seed gives the same bytes
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Number of events, including duplicates and corrections
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    events: u64,
    /// Only this kind, such as `crime`
    #[arg(long, value_name = "KIND", value_parser = parse_kind)]
    kind: Option<Kind>,
    /// Share of events that break their contract, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = parse_share)]
    bad: f64,
    /// Share of records whose category its list does not contain, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = parse_share)]
    unknown_codes: f64,
}

fn parse_share(text: &str) -> Result<f64, &'static str> {
    text.parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or("expected a number from 0 to 1")
}

impl GenerateCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let options = GeneratorOptions {
            events: self.events,
            kind: self.kind,
            bad: self.bad,
            unknown_codes: self.unknown_codes,
            story: false,
        };
        write(Generator::new(self.seed, options), io::stdout().lock())?;
        Ok(ExitCode::SUCCESS)
    }
}

fn write(mut generator: Generator, mut out: impl Write) -> io::Result<()> {
    let (mut document, mut lines) = (GeneratedEvent::new(), Vec::with_capacity(BUFFER_BYTES));
    while generator.write_next(&mut document) {
        lines.extend_from_slice(&document.bytes);
        lines.push(b'\n');
        if lines.len() > BUFFER_BYTES {
            out.write_all(&lines)?;
            lines.clear();
        }
    }
    out.write_all(&lines)
}
