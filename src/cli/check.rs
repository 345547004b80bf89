//! `partner-feeds check`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::text::ignore_closed_pipe;
use super::{Connection, Format, exit_code, now};
use crate::contract::Rejection;
use crate::event::Kind;
use crate::publish::lines::Lines;
use crate::publish::{Checker, Tally};

/// Check a file of events against the contracts
///
/// Judges each line as it would be judged when it is read from its topic; needs no Kafka. Each
/// refusal is a line with its reason, a JSON pointer and the rule, never a value. Exit status: 0 =
/// all accepted, 1 = some refused, 2 = the file could not be read.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// File of settings [default: config/partner-feeds.toml if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Text, or one JSON object a line
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Events, one a line; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Check {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (_, reference) = Connection {
            config: self.config,
            ..Connection::default()
        }
        .load()?;
        let mut lines = Lines::new(open(&self.file)?);
        let checker = Checker::new(&reference.partners, now());
        let mut listing = Listing::new(self.format);
        let (mut tally, mut key) = (Tally::default(), Vec::new());
        while let Some((number, line)) = lines.read().with_context(|| cannot_read(&self.file))? {
            let verdict = checker.check(line, &mut key);
            tally.count(&verdict);
            match verdict {
                Ok(passed) if passed.bare_digits => listing.warn(number)?,
                Ok(_) => {}
                Err(rejection) => listing.refuse(number, &rejection)?,
            }
        }
        listing.close(&tally)?;
        Ok(exit_code(tally.refusals() > 0))
    }
}

/// A file, or standard input for `-`.
pub(super) fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
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

/// Lists refusals on standard output.
pub(super) struct Listing {
    out: BufWriter<io::StdoutLock<'static>>,
    format: Format,
}

impl Listing {
    pub(super) fn new(format: Format) -> Self {
        Self {
            out: BufWriter::new(io::stdout().lock()),
            format,
        }
    }

    pub(super) fn refuse(&mut self, line: u64, rejection: &Rejection) -> io::Result<()> {
        let Rejection {
            reason,
            pointer,
            rule,
            partner,
            kind,
        } = rejection;
        let written = match self.format {
            Format::Text => writeln!(self.out, "line {line}: {rejection}"),
            Format::Json => {
                let (reason, kind) = (reason.as_str(), kind.map(Kind::as_str));
                let object = serde_json::json!({
                    "line": line, "reason": reason, "pointer": pointer, "rule": rule, "partner": partner, "kind": kind,
                });
                writeln!(self.out, "{object}")
            }
        };
        ignore_closed_pipe(written)
    }

    /// Says that a subject is bare digits.
    fn warn(&mut self, line: u64) -> io::Result<()> {
        const RULE: &str = "the subject is ten or eleven digits and nothing else, as NHS and telephone numbers are: \
            sooner or later one is refused; put a letter before it";
        let written = match self.format {
            Format::Text => writeln!(self.out, "line {line}: warning at /subject: {RULE}"),
            Format::Json => {
                writeln!(
                    self.out,
                    "{}",
                    serde_json::json!({"line": line, "warning": RULE, "pointer": "/subject"})
                )
            }
        };
        ignore_closed_pipe(written)
    }

    pub(super) fn close(mut self, tally: &Tally) -> io::Result<()> {
        let written = match self.format {
            Format::Text => self.write_text(tally),
            Format::Json => {
                let refused: serde_json::Map<_, _> = tally
                    .refused
                    .iter()
                    .map(|(reason, n)| (reason.as_str().to_owned(), (*n).into()))
                    .collect();
                let object = serde_json::json!({
                    "lines": tally.lines, "accepted": tally.accepted, "bare_digits": tally.bare_digits, "refused": refused,
                });
                writeln!(self.out, "{object}")
            }
        };
        ignore_closed_pipe(written.and_then(|()| self.out.flush()))
    }

    fn write_text(&mut self, tally: &Tally) -> io::Result<()> {
        let refusals = tally.refusals();
        writeln!(
            self.out,
            "{} lines, {} accepted, {refusals} refused",
            tally.lines, tally.accepted
        )?;
        for (reason, n) in &tally.refused {
            writeln!(self.out, "{n:>9}  {reason}")?;
        }
        Ok(())
    }
}
