//! `partner-feeds assess`.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};

use super::options::{SettingOptions, SettingsFile, StoreOptions, open_store};
use super::text::{counted, table};
use super::{lookup, runtime};
use crate::assess::{self, AssessRun, DOCUMENTS, Extent, FIGURES, Written};
use crate::config::Config;
use crate::files::toml_reader::is_kebab;
use crate::files::{TextFiles, create};
use crate::reference::Reference;
use crate::storage::Store;

/// Draft the strategic assessment from the tables of a plan
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds assess init smp-2018-19 --plan smp-2018-19 --window 2017-18
  partner-feeds assess write smp-2017-18")]
pub(crate) struct AssessCommand {
    #[command(subcommand)]
    action: AssessAction,
}

#[derive(Debug, Subcommand)]
enum AssessAction {
    Init(InitAssessment),
    Check(CheckAssessment),
    Write(WriteAssessment),
    Diff(DiffAssessments),
}

impl AssessCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            AssessAction::Init(init) => init.run(),
            AssessAction::Check(check) => check.run(),
            AssessAction::Write(write) => write.run(),
            AssessAction::Diff(diff) => diff.run(),
        }
    }
}

/// Create the configuration and the texts of a new assessment
///
/// Writes `assessments/<id>/assessment.toml` and one Markdown file per section, in the folder of the
/// setting `reference.folder`. Existing files are never changed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds assess init smp-2018-19 --plan smp-2018-19 --window 2017-18")]
struct InitAssessment {
    /// Id of the assessment, such as smp-2018-19
    id: String,
    /// Plan whose tables it uses, such as smp-2017-18
    #[arg(long, value_name = "ID")]
    plan: String,
    /// Period, such as 2017-18, fy:2017-18 or nov-oct:2016-17
    #[arg(long, value_name = "ID")]
    window: String,
    #[command(flatten)]
    options: SettingsFile,
}

impl InitAssessment {
    fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        ensure!(
            is_kebab(&self.id),
            "`{}` is not kebab-case (a-z, 0-9 and single hyphens)",
            self.id
        );
        lookup::plan(&reference, &self.plan)?;
        let window = lookup::window(&reference, &self.window)?;
        let Some(folder) = &config.reference else {
            bail!(
                "there is no folder for your own configuration: set `reference.folder` in \
                 config/partner-feeds.toml, such as \"config\""
            );
        };
        let files = assess::template(&reference, &self.id, &self.plan, &window.id);
        for (path, text) in files {
            let path = folder.join(path);
            let created = create(&path, &text)
                .with_context(|| format!("cannot create {}", path.display()))?;
            let state = if created {
                "created"
            } else {
                "exists, unchanged"
            };
            say!("{}: {state}", path.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Check the configuration and texts of an assessment, and draft it without writing
///
/// Reports every fault with file and key. The tables are checked too, if the store exists.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds assess check smp-2017-18")]
struct CheckAssessment {
    /// Id of the assessment
    id: String,
    #[command(flatten)]
    options: StoreOptions,
}

impl CheckAssessment {
    fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let files = TextFiles::load(config.reference.as_deref())?;
        let Ok(store) = config.store.open() else {
            assess::check(&files, &reference, &self.id)?;
            say!(
                "{}: OK. The tables were not checked: there is no store at `{}`",
                self.id,
                config.store.root
            );
            return Ok(ExitCode::SUCCESS);
        };
        let written = draft(&files, &reference, &store, &self.id, &Extent::Complete)?;
        say!(
            "{}: OK, {}",
            self.id,
            counted(written.figures as u64, "figure")
        );
        print_notes(&written)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Draft an assessment: one HTML file, its tables and its figures
///
/// Writes `index.html`, which needs no other file, `tables.xlsx`, and `figures.json`, which has the
/// query of every number, to the folder `assessments/<id>` of the store. To get a PDF, print the HTML
/// file from a browser.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds assess write smp-2017-18
  partner-feeds assess write smp-2017-18 --section mental-health --out drafts")]
struct WriteAssessment {
    /// Id of the assessment, such as smp-2017-18
    id: String,
    /// Write only the briefing of this priority or theme, such as mental-health
    #[arg(long, value_name = "ID")]
    section: Option<String>,
    /// Write another document of the same configuration
    #[arg(long, value_enum, conflicts_with = "section")]
    template: Option<Template>,
    /// Write to a folder of that id in this folder or at this URL, instead of the store
    #[arg(long, value_name = "DIR")]
    out: Option<String>,
    #[command(flatten)]
    options: StoreOptions,
}

/// Another document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Template {
    /// What came in since `aggregate --since`, what is out of its usual range, and what is late
    Weekly,
}

impl WriteAssessment {
    fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let files = TextFiles::load(config.reference.as_deref())?;
        let store = open_store(&config)?;
        let extent = match (self.template, self.section) {
            (Some(Template::Weekly), _) => Extent::Weekly,
            (None, Some(section)) => Extent::Section(section),
            (None, None) => Extent::Complete,
        };
        let written = draft(&files, &reference, &store, &self.id, &extent)?;
        let folder = match &extent {
            Extent::Complete => self.id.clone(),
            Extent::Section(section) => format!("{}-{section}", self.id),
            Extent::Weekly => format!("{}-weekly", self.id),
        };
        let paths = match &self.out {
            Some(out) => put(&Store::open_or_create(out, [])?, &folder, &written)?,
            None => put(&store, &format!("{DOCUMENTS}/{folder}"), &written)?,
        };
        for path in paths {
            say!("{path}");
        }
        print_notes(&written)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes a shipped assessment to the store its tables are in, and returns the path of the document.
pub(super) fn draft_into_store(
    reference: &Reference,
    store: &Store,
    id: &str,
) -> anyhow::Result<String> {
    let written = draft(
        &TextFiles::built_in(),
        reference,
        store,
        id,
        &Extent::Complete,
    )?;
    let paths = put(store, &format!("{DOCUMENTS}/{id}"), &written)?;
    paths.into_iter().next().context("a document has no file")
}

/// Drafts an assessment of a configuration.
fn draft(
    files: &TextFiles,
    reference: &Reference,
    store: &Store,
    id: &str,
    extent: &Extent,
) -> anyhow::Result<Written> {
    let runtime = runtime()?;
    let run = AssessRun {
        files,
        reference,
        store,
        runtime: runtime.handle(),
    };
    Ok(assess::write(&run, id, extent)?)
}

/// Replaces the folder of a document, and returns the paths of its files.
fn put(store: &Store, folder: &str, written: &Written) -> anyhow::Result<Vec<String>> {
    let runtime = runtime()?;
    runtime.block_on(async {
        let mut replacement = store.replacement(folder).await?;
        for (name, bytes) in &written.files {
            replacement.put(name, bytes.clone()).await?;
        }
        replacement.publish().await?;
        let root = store.root().trim_end_matches('/');
        let paths = written.files.iter();
        Ok(paths
            .map(|(name, _)| format!("{root}/{folder}/{name}"))
            .collect())
    })
}

fn print_notes(written: &Written) -> io::Result<()> {
    for warning in &written.warnings {
        say!("warning: {warning}");
    }
    if written.own_numbers > 0 {
        say!("numbers of your own in the texts: {}", written.own_numbers);
    }
    Ok(())
}

/// Compare the figures of two documents
///
/// Compares two assessments in the store, or two files figures.json, and lists the figures whose
/// numbers differ. If the query is the same, the data changed. Exit status: 0 = no differences, 1 = differences.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds assess diff smp-2017-18 smp-2018-19
  partner-feeds assess diff last-week/figures.json smp-2017-18")]
struct DiffAssessments {
    /// Earlier file figures.json, or the id of an assessment in the store
    before: String,
    /// Later file, or id
    after: String,
    #[command(flatten)]
    options: StoreOptions,
}

impl DiffAssessments {
    fn run(self) -> anyhow::Result<ExitCode> {
        let (config, _) = self.options.load()?;
        let [before, after] = [&self.before, &self.after].map(|name| read_figures(&config, name));
        let changed = assess::diff((&self.before, &before?), (&self.after, &after?))?;
        if changed.is_empty() {
            say!("no figure differs");
            return Ok(ExitCode::SUCCESS);
        }
        let mut rows = table(["figure", "before", "after", "query"]);
        for figure in &changed {
            let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            rows.add_row([
                figure.name.clone(),
                shown(&figure.before),
                shown(&figure.after),
                if figure.is_same_query {
                    "same"
                } else {
                    "differs"
                }
                .to_owned(),
            ]);
        }
        say!("{}", rows.trim_fmt());
        Ok(ExitCode::from(1))
    }
}

/// The figures of a file, or of an assessment in the store.
fn read_figures(config: &Config, name: &str) -> anyhow::Result<Vec<u8>> {
    let path = PathBuf::from(name);
    if path.is_file() {
        return fs::read(&path).with_context(|| format!("cannot read {name}"));
    }
    let (store, runtime) = (open_store(config)?, runtime()?);
    let path = format!("{DOCUMENTS}/{name}/{FIGURES}");
    let bytes = runtime.block_on(store.read(&path))?;
    let bytes = bytes.with_context(|| {
        format!("there is no file `{name}`, and no `{path}` in the store: run assess write {name}")
    })?;
    Ok(bytes.to_vec())
}
