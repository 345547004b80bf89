//! `partner-feeds geography`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use jiff::civil;

use super::options::{SettingOptions, SettingsFile};
use crate::config::Config;
use crate::files::fault::FaultSink;
use crate::files::{TextFiles, create};
use crate::reference::geography::Geography;
use crate::reference::{Partnership, Reference};
use crate::setup::geography::{GeographyRequest, build};
use crate::setup::{GENERATED, forces};

/// Build the areas of a partnership from published files
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds geography build lsoa-to-ward.csv population-estimates.xlsx")]
pub(crate) struct GeographyCommand {
    #[command(subcommand)]
    action: GeographyAction,
}

#[derive(Debug, Subcommand)]
enum GeographyAction {
    Build(BuildGeography),
}

impl GeographyCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            GeographyAction::Build(build) => build.run(),
        }
    }
}

/// Write the areas, look-ups, populations and sets of the partnership
///
/// Reads look-ups and population estimates of the Office for National Statistics, as published, and
/// recognises each file by its columns. Keeps the districts of the partnership, and those of its county
/// and police force area to compare with. Writes `geography/` in the folder of the setting
/// `reference.folder`; a file that was not written by this command is never replaced.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds geography build lsoa-to-ward.csv population-estimates.xlsx
  partner-feeds geography build --population-date 2022-06-30 lsoa-to-ward.csv estimates.csv")]
struct BuildGeography {
    /// Code of a further area to keep; may be repeated [default: the area of partnership.toml only]
    #[arg(long = "area", value_name = "CODE")]
    areas: Vec<String>,
    /// Day of the population estimates, such as 2022-06-30, if no file or sheet name has the year
    #[arg(long, value_name = "DATE")]
    population_date: Option<civil::Date>,
    #[command(flatten)]
    options: SettingsFile,
    /// Published files, CSV or XLSX
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl BuildGeography {
    fn run(self) -> anyhow::Result<ExitCode> {
        let config = Config::load(&self.options.overrides())?;
        let Some(folder) = &config.reference else {
            bail!(
                "there is no folder for your own configuration: run `partner-feeds init`, or set \
                 `reference.folder` in config/partner-feeds.toml, such as \"config\""
            );
        };
        let texts = TextFiles::load(Some(folder))?;
        // Only what this command needs is checked: what it replaces may have faults.
        let sink = FaultSink::default();
        let partnership = Partnership::read(&texts, &sink);
        sink.into_faults().into_result(())?;
        let known = Geography::read(&texts, &FaultSink::default());
        let known_sets = known
            .sets()
            .map(|(id, code, districts)| (code.to_owned(), (id.to_owned(), districts.clone())));
        let built_in = Reference::load(None)?;
        let request = GeographyRequest {
            areas: [partnership.area].into_iter().chain(self.areas).collect(),
            known_sets: known_sets.collect(),
            forces: forces(&built_in),
            population_date: self.population_date,
            files: self.files,
        };
        let built = build(&request)?;
        replace(folder, &built.files)?;
        for line in built.summary {
            say!("{line}");
        }
        for note in built.notes {
            say!("note: {note}");
        }
        if let Err(faults) = Reference::load(Some(folder)) {
            say!("{faults}");
            return Ok(ExitCode::from(1));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes files, unless one exists that this program did not write.
fn replace(folder: &Path, files: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let mut foreign = Vec::new();
    for path in files.keys().map(|path| folder.join(path)) {
        if fs::read_to_string(&path).is_ok_and(|text| !text.starts_with(GENERATED)) {
            foreign.push(path.display().to_string());
        }
    }
    ensure!(
        foreign.is_empty(),
        "nothing was written, because `geography build` did not write these files: {}; move or delete them",
        foreign.join(", ")
    );
    for (path, text) in files {
        let path = folder.join(path);
        write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        say!("{}: written", path.display());
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if create(path, text)? {
        return Ok(());
    }
    fs::File::options()
        .write(true)
        .truncate(true)
        .open(path)?
        .write_all(text.as_bytes())
}
