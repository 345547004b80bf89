//! All files of one release, read and checked; and the records that a later release withdrew.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use super::checks::{FileOddity, PoliceUkWarning};
use super::file::{self, FileContent, FileName};
use super::ids::{IdCounts, identify};
use super::misplaced::misplaced_files;
use super::outcomes::{CrimeOutcome, CrimeOutcomes};
use super::searches::ImportedSearches;
use super::summary::MonthRows;
use super::table::{StreetColumn, StreetRow, StreetRows};
use super::vintage::find_vintage;
use super::{IdScope, PoliceUkError, PoliceUkOptions};
use crate::reference::Reference;

/// The crime type whose rows are incidents; none of them has an id.
const INCIDENT_TYPE: &str = "Anti-social behaviour";

/// The content of a release.
pub(super) struct PublishedFiles {
    pub(super) name: FileName,
    pub(super) street: StreetRows,
    /// The subject of each street row.
    pub(super) subjects: Vec<String>,
    pub(super) ids: IdCounts,
    pub(super) outcomes: CrimeOutcomes,
    pub(super) searches: ImportedSearches,
    /// What is odd about the files.
    pub(super) warnings: Vec<PoliceUkWarning>,
}

impl PublishedFiles {
    pub(super) fn read(
        files: Vec<PathBuf>,
        options: &PoliceUkOptions,
        reference: &Reference,
    ) -> Result<Self, PoliceUkError> {
        let files = file::sort(files)?;
        let name = files.first().ok_or(PoliceUkError::NoFiles)?.1.clone();
        let [street, outcomes, searches] = [
            FileContent::Street,
            FileContent::Outcomes,
            FileContent::Searches,
        ]
        .map(|content| {
            let files = files.iter().filter(|(_, name)| name.content == content);
            files.cloned().collect::<Vec<_>>()
        });
        if options.id_scope == IdScope::Month && !outcomes.is_empty() {
            return Err(PoliceUkError::OutcomesByMonth);
        }
        let street = StreetRows::read(street)?;
        let (subjects, ids) = identify(&street, options.id_scope)?;
        let outcomes = CrimeOutcomes::read(&outcomes, &street, options.release, &reference.codes)?;
        let searches = ImportedSearches::read(&searches, options.release)?;
        let mut warnings = street.warnings.clone();
        let empty_files = outcomes.empty_files.iter().chain(&searches.empty_files);
        warnings.extend(empty_files.map(|file| PoliceUkWarning::new(file, FileOddity::NoRows)));
        warnings.extend(misplaced_files(&street, &name.force, &reference.geography));
        Ok(Self {
            name,
            street,
            subjects,
            ids,
            outcomes,
            searches,
            warnings,
        })
    }

    /// The months of the release and their rows.
    pub(super) fn months(&self) -> Vec<MonthRows> {
        let mut months: BTreeMap<&str, MonthRows> = BTreeMap::new();
        for row in self.street.rows() {
            let rows = months.entry(row.field(StreetColumn::Month)).or_default();
            *(if is_incident(row) {
                &mut rows.incidents
            } else {
                &mut rows.crimes
            }) += 1;
        }
        for search in &self.searches.all {
            months.entry(&search.month).or_default().searches += 1;
        }
        months
            .into_iter()
            .map(|(month, rows)| MonthRows {
                month: month.to_owned(),
                ..rows
            })
            .collect()
    }

    /// The outcome that the outcome files give for a row.
    pub(super) fn outcome(&self, row: StreetRow<'_>) -> Option<&CrimeOutcome> {
        self.outcomes.get(row.field(StreetColumn::CrimeId))
    }
}

pub(super) fn is_incident(row: StreetRow<'_>) -> bool {
    row.field(StreetColumn::CrimeType) == INCIDENT_TYPE
}

/// The records of the release before whose subjects this release no longer has.
pub(super) struct WithdrawnRecords {
    pub(super) before: PublishedFiles,
    /// Indexes of street rows and of searches.
    pub(super) rows: Vec<usize>,
    pub(super) searches: Vec<usize>,
    pub(super) vintage: Option<i32>,
}

impl WithdrawnRecords {
    /// Compares the release before with `now`. Months that are no longer published are left out:
    /// their records are not withdrawn.
    pub(super) fn find(
        previous: Vec<PathBuf>,
        options: &PoliceUkOptions,
        reference: &Reference,
        now: &PublishedFiles,
    ) -> Result<Self, PoliceUkError> {
        let before = PublishedFiles::read(previous, options, reference)?;
        let vintage = match find_vintage(&before.street, options.vintage, &reference.geography) {
            Err(PoliceUkError::VintageOther { found, .. }) => Some(found),
            other => other?,
        };
        Ok(Self {
            rows: withdrawn_rows(&before, now),
            searches: withdrawn_searches(&before, now),
            before,
            vintage,
        })
    }
}

fn withdrawn_rows(before: &PublishedFiles, now: &PublishedFiles) -> Vec<usize> {
    let present: HashSet<&str> = now.subjects.iter().map(String::as_str).collect();
    let mut withdrawn = Vec::new();
    for (index, (row, subject)) in before.street.rows().zip(&before.subjects).enumerate() {
        let month = row.field(StreetColumn::Month);
        if now.street.months.contains_key(month) && !present.contains(subject.as_str()) {
            withdrawn.push(index);
        }
    }
    withdrawn
}

fn withdrawn_searches(before: &PublishedFiles, now: &PublishedFiles) -> Vec<usize> {
    let present = now
        .searches
        .all
        .iter()
        .map(|search| search.subject.as_str());
    let present: HashSet<&str> = present.collect();
    let mut withdrawn = Vec::new();
    for (index, search) in before.searches.all.iter().enumerate() {
        if now.searches.has(&search.month) && !present.contains(search.subject.as_str()) {
            withdrawn.push(index);
        }
    }
    withdrawn
}

/// The files of a force: the given files, and those in the given folders and their subfolders.
pub(super) fn find_files(paths: &[PathBuf], force: &str) -> Result<Vec<PathBuf>, PoliceUkError> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            find_in_folder(path, force, 1, &mut files)?;
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn find_in_folder(
    folder: &Path,
    force: &str,
    levels_below: usize,
    files: &mut Vec<PathBuf>,
) -> Result<(), PoliceUkError> {
    let read_error = |source| PoliceUkError::Read {
        file: folder.to_owned(),
        source,
    };
    for entry in folder.read_dir().map_err(read_error)? {
        let path = entry.map_err(read_error)?.path();
        if path.is_dir() && levels_below > 0 {
            find_in_folder(&path, force, levels_below - 1, files)?;
        } else if FileName::parse(&path).is_some_and(|name| name.force == force) {
            files.push(path);
        }
    }
    Ok(())
}
