//! What is odd about the files of a release, although they can be read, for the person who
//! imports them. Names files and counts rows; never a value of a row.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::import::slug;

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
    /// Rows with an LSOA, if none is in the area of the force.
    OutsideForce {
        /// The rows.
        rows: usize,
        /// The set of districts that is the area.
        area: String,
    },
    /// Rows with an LSOA, if no other file of the release has one of them.
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
pub(crate) fn is_force(name: &str, force: &str) -> bool {
    let name = slug(name);
    let words: Vec<&str> = name.split('-').collect();
    let initials: String = words
        .iter()
        .filter_map(|word| word.chars().next())
        .collect();
    let mut parts = force.split('-').filter(|part| *part != "and");
    initials == force || parts.all(|part| words.contains(&part))
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
