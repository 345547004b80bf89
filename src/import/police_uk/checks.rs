//! What is odd about the files of a release, although they can be read, for the person who
//! imports them. Names files and counts rows; never a value of a row.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use super::table::{StreetColumn, StreetRows};
use crate::import::slug;
use crate::reference::geography::Geography;

/// Something odd about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoliceUkWarning {
    /// The file.
    pub file: PathBuf,
    /// What is odd about it.
    pub oddity: FileOddity,
}

/// What is odd about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileOddity {
    /// A header without rows.
    NoRows,
    /// Rows that are equal in every column and share an id: each id was kept once.
    IdenticalRows {
        /// The rows.
        rows: usize,
        /// Their ids.
        ids: usize,
    },
    /// Rows that another force reported.
    ReportedByOther {
        /// The rows.
        rows: usize,
    },
    /// Rows with an LSOA, none of which is in the area of the force.
    OutsideForce {
        /// The rows.
        rows: usize,
        /// The set of districts that is the area.
        area: String,
    },
    /// Rows with an LSOA, none of which another file of the release has.
    ElsewhereThanOthers {
        /// The rows.
        rows: usize,
    },
}

impl PoliceUkWarning {
    pub(super) fn new(file: &Path, oddity: FileOddity) -> Self {
        Self {
            file: file.to_owned(),
            oddity,
        }
    }
}

impl fmt::Display for PoliceUkWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file.display())?;
        match &self.oddity {
            FileOddity::NoRows => write!(
                f,
                "a header and no rows; its month will have no figures. If the force published \
                 rows, download the file again"
            ),
            FileOddity::IdenticalRows { rows, ids } => write!(
                f,
                "{rows} rows repeat an id and are identical in every column; counted {ids} of them, one \
                 per id"
            ),
            FileOddity::ReportedByOther { rows } => write!(
                f,
                "{rows} rows name another force in `Reported by`; they count for the force in \
                 `Falls within`"
            ),
            FileOddity::OutsideForce { rows, area } => write!(
                f,
                "all {rows} rows with an LSOA are outside {area}, the area of the force; check \
                 that the file is the force's own"
            ),
            FileOddity::ElsewhereThanOthers { rows } => write!(
                f,
                "no LSOA of its {rows} rows is in the other files of the force; check that the \
                 file is the force's own"
            ),
        }
    }
}

/// Whether the name of a force, as rows print it, is that of a force as file names have it:
/// `Devon & Cornwall Police` is `devon-and-cornwall`, `British Transport Police` is `btp`.
pub(super) fn is_force(name: &str, force: &str) -> bool {
    let name = slug(name);
    let words: Vec<&str> = name.split('-').collect();
    let initials: String = words
        .iter()
        .filter_map(|word| word.chars().next())
        .collect();
    let mut parts = force.split('-').filter(|part| *part != "and");
    initials == force || parts.all(|part| words.contains(&part))
}

/// The files none of whose rows is where the force's rows are: by the area of the force if it is
/// known, else by the other files.
pub(super) fn misplaced_files(
    table: &StreetRows,
    force: &str,
    geography: &Geography,
) -> Vec<PoliceUkWarning> {
    let mut by_file: BTreeMap<&Path, (usize, HashSet<&str>)> = BTreeMap::new();
    for row in table.rows() {
        let lsoa = row.field(StreetColumn::LsoaCode);
        if !lsoa.is_empty() {
            let (rows, lsoas) = by_file.entry(row.file()).or_default();
            *rows += 1;
            lsoas.insert(lsoa);
        }
    }
    let mut files_with: HashMap<&str, usize> = HashMap::new();
    for lsoa in by_file.values().flat_map(|(_, lsoas)| lsoas) {
        *files_with.entry(lsoa).or_default() += 1;
    }
    let area = geography.force_area(force);
    let mut warnings = Vec::new();
    for (file, (rows, lsoas)) in &by_file {
        let rows = *rows;
        let oddity = if let Some(area) = area {
            let is_outside = !lsoas.iter().any(|lsoa| geography.is_in_set(lsoa, area));
            is_outside.then(|| FileOddity::OutsideForce {
                rows,
                area: area.to_owned(),
            })
        } else {
            let is_elsewhere = by_file.len() > 1 && lsoas.iter().all(|lsoa| files_with[lsoa] == 1);
            is_elsewhere.then_some(FileOddity::ElsewhereThanOthers { rows })
        };
        warnings.extend(oddity.map(|oddity| PoliceUkWarning::new(file, oddity)));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_force_is_known_by_the_words_of_its_name() {
        for (name, force) in [
            ("Kent Police", "kent"),
            ("Devon & Cornwall Police", "devon-and-cornwall"),
            ("Avon and Somerset Constabulary", "avon-and-somerset"),
            ("Police Service of Northern Ireland", "northern-ireland"),
            ("Metropolitan Police Service", "metropolitan"),
            ("Dyfed-Powys Police", "dyfed-powys"),
            ("British Transport Police", "btp"),
        ] {
            assert!(is_force(name, force), "{name} is {force}");
        }
        for (name, force) in [
            ("Essex Police", "kent"),
            ("South Yorkshire Police", "north-yorkshire"),
            ("Kent Police", "btp"),
        ] {
            assert!(!is_force(name, force), "{name} is not {force}");
        }
    }
}
