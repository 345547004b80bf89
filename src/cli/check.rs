//! `partner-feeds check`.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use super::options::{SettingOptions, SettingsFile};
use super::rejections::RejectionList;
use super::{Format, exit_code, now};
use crate::publish::lines::Lines;
use crate::publish::{CheckCounts, Checker};

/// Validate a file of events against the contracts
///
/// Validates each line as `ingest` would when it reads the line from its topic. Needs no Kafka. For
/// each fault, prints the reason, a JSON pointer, what to write and the lines, never a value. Warns of codes
/// that their lists do not contain, of postcodes that cannot be placed, and of lines that contradict an
/// earlier one of the same revision.
/// Exit status: 0 = all lines accepted, 1 = some lines rejected or, with --strict, anything
/// reported, 2 = the file could not be read.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds check events.jsonl
  partner-feeds check --strict --format json events.jsonl
  gunzip --stdout events.jsonl.gz | partner-feeds check -")]
pub(crate) struct CheckCommand {
    #[command(flatten)]
    file_options: SettingsFile,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Exit with status 1 also for an unknown code or a contradiction
    #[arg(long)]
    strict: bool,
    /// Events, one per line; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl CheckCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (_, reference) = self.file_options.load()?;
        let mut lines = event_lines(&self.file)?;
        let mut checker = Checker::new(&reference, now());
        let mut list = RejectionList::new(self.format);
        let (mut counts, mut key) = (CheckCounts::default(), Vec::new());
        while let Some((number, line)) = lines.read().with_context(|| cannot_read(&self.file))? {
            list.judge(number, line, &mut checker, &mut counts, &mut key)?;
        }
        let is_failed = list.close(&counts, &mut checker, &reference.codes, self.strict)?;
        Ok(exit_code(is_failed || counts.rejections() > 0))
    }
}

/// The lines of a file of events, or of standard input for `-`. A file in another form is an error.
pub(super) fn event_lines(path: &Path) -> anyhow::Result<Lines<Box<dyn BufRead>>> {
    let mut lines = Lines::new(open_lines(path)?);
    match lines.other_form().with_context(|| cannot_read(path))? {
        Some(form) => bail!("{}: {}", path.display(), form.advice()),
        None => Ok(lines),
    }
}

/// A file of lines, or standard input for `-`.
pub(super) fn open_lines(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).with_context(|| cannot_read(path))?;
    Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
}

pub(super) fn cannot_read(path: &Path) -> String {
    if path == Path::new("-") {
        "cannot read standard input".to_owned()
    } else {
        format!("cannot read {}", path.display())
    }
}
