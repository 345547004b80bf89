//! `partner-feeds release`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use bytes::Bytes;
use clap::{Args, Subcommand};

use super::options::{SettingOptions, StoreOptions, open_store};
use super::progress::Progress;
use super::text::{align_right, counted, grouped, table};
use super::{exit_code, runtime};
use crate::files::TextFiles;
use crate::reference::accepted_check::AcceptedCheck;
use crate::release::{
    self, CostlySuppression, MadeRelease, Manifest, RELEASES, ReleaseAttack, ReleaseRun,
};

/// The most lines of a list that a text prints.
const LINES_MAX: usize = 20;
/// The costly suppressions that a summary prints.
const COSTLY: usize = 10;

/// Publish figures that stay safe for years
///
/// The tables of `aggregate` have exact small numbers, so they stay in the partnership. A release has
/// what may be published: small numbers are suppressed, and enough others that nobody can compute
/// them, also from earlier releases. A release is never written again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds release make smp-2017-18 --dry-run
  partner-feeds release make smp-2017-18
  partner-feeds release list")]
pub(crate) struct ReleaseCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Make(MakeRelease),
    List(ListReleases),
    Verify(VerifyRelease),
    Attack(AttackFolder),
    Diff(DiffReleases),
}

impl ReleaseCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Make(command) => command.run(),
            Action::List(command) => command.run(),
            Action::Verify(command) => command.run(),
            Action::Attack(command) => command.run(),
            Action::Diff(command) => command.run(),
        }
    }
}

/// Make a release from the exact tables
///
/// Reads `config/releases/<id>.toml` and `config/disclosure.toml`, protects the numbers, attacks the
/// result, and writes the folder `releases/<id>` of the store. Exit status: 0 = written, 2 = refused.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds release make smp-2017-18 --dry-run
  partner-feeds release make smp-2017-18 --accept 'suspect-month=a new system in February'")]
struct MakeRelease {
    /// Id of the release, such as smp-2017-18
    id: String,
    /// Show what would be suppressed, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Accept a failed check, with a reason that the release contains; may be repeated
    #[arg(long = "accept", value_name = "CHECK=REASON", value_parser = parse_accepted)]
    accepted: Vec<AcceptedCheck>,
    #[command(flatten)]
    options: StoreOptions,
}

fn parse_accepted(text: &str) -> Result<AcceptedCheck, String> {
    match text.split_once('=') {
        Some((check, reason)) if !check.is_empty() && !reason.trim().is_empty() => {
            Ok(AcceptedCheck {
                check: check.to_owned(),
                reason: reason.to_owned(),
            })
        }
        _ => Err("write a check and a reason, such as suspect-month=\"a new system\"".to_owned()),
    }
}

impl MakeRelease {
    fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let files = TextFiles::load(config.reference.as_deref())?;
        let store = open_store(&config)?;
        let runtime = runtime()?;
        let run = ReleaseRun {
            files: &files,
            reference: &reference,
            store: &store,
            runtime: runtime.handle(),
        };
        let mut progress = Progress::new();
        let made = release::make(&run, &self.id, &self.accepted, &mut progress);
        progress.end();
        let made = made?;
        say!("{}", summary(&made).trim_end());
        if self.dry_run {
            say!("\ndry run: nothing was written");
            return Ok(ExitCode::SUCCESS);
        }
        release::write(&run, &made)?;
        let root = store.root().trim_end_matches('/');
        say!(
            "\n{root}/{RELEASES}/{}: {}",
            made.id,
            counted(made.files.len() as u64, "file")
        );
        Ok(ExitCode::SUCCESS)
    }
}

/// What was suppressed, by partner and kind.
fn summary(made: &MadeRelease) -> String {
    let mut rows = table([
        "partner",
        "kind",
        "cells",
        "small",
        "to protect them",
        "records in those",
        "hidden before",
        "revised",
    ]);
    for block in &made.blocks {
        rows.add_row([
            block.partner.clone(),
            block.kind.clone(),
            grouped(block.cells as u64),
            grouped(block.primary as u64),
            grouped(block.complementary as u64),
            grouped(block.hidden_records.unsigned_abs()),
            grouped(block.sticky as u64),
            grouped(block.revised.len() as u64),
        ]);
    }
    align_right(&mut rows, 2..=7);
    let mut lines = vec![rows.trim_fmt(), String::new()];
    let costly = made.blocks.iter().flat_map(|block| &block.costly);
    let mut costly: Vec<&CostlySuppression> = costly.collect();
    costly.sort();
    for of in costly.into_iter().take(COSTLY) {
        lines.push(format!(
            "suppressed {}\n  to protect {}",
            of.cell, of.protects
        ));
    }
    let revised = made.blocks.iter().flat_map(|block| &block.revised);
    for cell in revised.take(LINES_MAX) {
        lines.push(format!("revised since an earlier release: {cell}"));
    }
    let programs: usize = made.blocks.iter().map(|block| block.programs).sum();
    let relations: usize = made.blocks.iter().map(|block| block.relations).sum();
    lines.push(format!(
        "{} relations, {} programs; the attack found nothing in {} suppressed of {} cells",
        grouped(relations as u64),
        grouped(programs as u64),
        grouped(made.attack.suppressed as u64),
        grouped(made.attack.cells as u64)
    ));
    lines.join("\n")
}

/// List the releases of a store
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds release list --store store")]
struct ListReleases {
    #[command(flatten)]
    options: StoreOptions,
}

impl ListReleases {
    fn run(self) -> anyhow::Result<ExitCode> {
        let store = self.options.store()?;
        let manifests = runtime()?.block_on(release::list(&store))?;
        if manifests.is_empty() {
            say!("the store `{}` has no releases", store.root());
            return Ok(ExitCode::SUCCESS);
        }
        let mut rows = table(["release", "plan", "as at", "title"]);
        for own in manifests {
            let as_at = own.as_at.unwrap_or_default();
            rows.add_row([own.id, own.plan, as_at, own.title]);
        }
        say!("{}", rows.trim_fmt());
        Ok(ExitCode::SUCCESS)
    }
}

/// Check a release: its files, what an attacker can compute, and whether it can be made again
///
/// Compares every file with its checksum, attacks the tables from the files alone, and makes the
/// release again from the ledger as it was then, with today's reference data and configuration.
/// What was aggregated since does not matter. Exit status: 0 = in order, 1 = something was found.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds release verify smp-2017-18
  partner-feeds release verify smp-2017-18 --files-only")]
struct VerifyRelease {
    /// Id of the release
    id: String,
    /// Leave out making it again: the ledger is not needed
    #[arg(long)]
    files_only: bool,
    #[command(flatten)]
    options: StoreOptions,
}

impl VerifyRelease {
    fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let store = open_store(&config)?;
        let runtime = runtime()?;
        let stored = runtime.block_on(release::read_files(&store, &self.id))?;
        let manifest = Manifest::read(&stored).context("the release has no manifest")??;
        let mut found = manifest.changed(&stored);
        if found.is_empty() {
            let attack = release::attack(&stored)?;
            found.extend(findings(&attack));
        }
        if !self.files_only && found.is_empty() {
            let files = TextFiles::load(config.reference.as_deref())?;
            let run = ReleaseRun {
                files: &files,
                reference: &reference,
                store: &store,
                runtime: runtime.handle(),
            };
            let mut progress = Progress::new();
            let reproduction = release::reproduce(&run, &manifest, &stored, &mut progress);
            progress.end();
            let reproduction = reproduction?;
            for text in &reproduction.changed_inputs {
                say!("{text}");
            }
            found.extend(reproduction.differing.iter().map(|name| {
                format!("{name} differs from what the ledger and this program give now")
            }));
        }
        for text in found.iter().take(LINES_MAX) {
            say!("{text}");
        }
        if found.is_empty() {
            say!("{}: OK, {}", self.id, counted(stored.len() as u64, "file"));
        }
        Ok(exit_code(!found.is_empty()))
    }
}

fn findings(attack: &ReleaseAttack) -> impl Iterator<Item = String> + '_ {
    let findings = attack.findings.iter();
    findings.map(|finding| format!("{}: {}", finding.kind.as_str(), finding.text))
}

/// Compute what an attacker learns from published tables, from the files alone
///
/// For any folder in the form of a release. Bounds every suppressed number by linear programming, and
/// lists those with one possible value (exposed) or fewer than their rule demands (narrow). Also lists
/// small numbers that are shown, and shares, rates and ranks that show hidden ones. Exit status: 0 =
/// nothing found, 1 = something was found.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds release attack store/releases/smp-2018-19 --earlier store/releases/smp-2017-18")]
struct AttackFolder {
    /// Folder with the files of a release
    folder: PathBuf,
    /// Folder of another release that the attacker knows too; may be repeated
    #[arg(long, value_name = "DIR")]
    earlier: Vec<PathBuf>,
}

impl AttackFolder {
    fn run(self) -> anyhow::Result<ExitCode> {
        let read = |folder: &PathBuf| -> anyhow::Result<BTreeMap<String, Bytes>> {
            release::read_folder(folder)
                .with_context(|| format!("cannot read the folder {}", folder.display()))
        };
        let folders = [&self.folder].into_iter().chain(&self.earlier).map(read);
        let folders = folders.collect::<anyhow::Result<Vec<_>>>()?;
        let attack = release::attack_together(&folders)?;
        for text in findings(&attack) {
            say!("{text}");
        }
        say!(
            "{} of {} cells are suppressed: {}",
            grouped(attack.suppressed as u64),
            grouped(attack.cells as u64),
            counted(attack.findings.len() as u64, "finding")
        );
        Ok(exit_code(!attack.findings.is_empty()))
    }
}

/// Compare two releases of a store
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds release diff smp-2017-18 smp-2018-19")]
struct DiffReleases {
    /// Id of the earlier release
    before: String,
    /// Id of the later release
    after: String,
    #[command(flatten)]
    options: StoreOptions,
}

impl DiffReleases {
    fn run(self) -> anyhow::Result<ExitCode> {
        let store = self.options.store()?;
        let runtime = runtime()?;
        let [before, after] =
            [&self.before, &self.after].map(|id| runtime.block_on(release::read_files(&store, id)));
        let difference = release::diff(&before?, &after?)?;
        for (name, cells) in [
            ("changed", &difference.changed),
            ("newly shown", &difference.newly_shown),
            ("newly hidden", &difference.newly_hidden),
        ] {
            for cell in cells.iter().take(LINES_MAX) {
                say!("{name}: {cell}");
            }
            say!("{name}: {}", counted(cells.len() as u64, "cell"));
        }
        say!("in both: {}", counted(difference.in_both as u64, "cell"));
        let is_equal = difference.changed.is_empty() && difference.newly_hidden.is_empty();
        Ok(exit_code(!is_equal || !difference.newly_shown.is_empty()))
    }
}
