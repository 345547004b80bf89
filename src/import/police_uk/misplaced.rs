//! The files of a release that seem to be of another force.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use super::checks::{FileOddity, PoliceUkWarning};
use super::table::{StreetColumn, StreetRows};
use crate::reference::geography::Geography;

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
