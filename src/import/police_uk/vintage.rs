//! The vintage of the LSOA boundaries, by the codes that only one vintage has.

use std::collections::HashSet;

use super::PoliceUkError;
use super::table::{StreetColumn, StreetRows};

/// Codes in Maidstone that only the vintage of 2011 has: split, merged or changed in 2021.
const ONLY_2011: [&str; 6] = [
    "E01024334",
    "E01024338",
    "E01024363",
    "E01024388",
    "E01024389",
    "E01033090",
];
/// The start of the codes in Maidstone that only the vintage of 2021 has.
const ONLY_2021: &str = "E0103499";

/// The vintage by the codes that only one vintage has; never by the column's name or a date. `given`
/// is used if no code shows it; `None` if no row has a code.
pub(super) fn find_vintage(
    table: &StreetRows,
    given: Option<i32>,
) -> Result<Option<i32>, PoliceUkError> {
    let codes: HashSet<&str> = table
        .rows()
        .map(|row| row.field(StreetColumn::LsoaCode))
        .collect();
    let is_2011 = codes.iter().any(|code| ONLY_2011.contains(code));
    let is_2021 = codes.iter().any(|code| code.starts_with(ONLY_2021));
    let found = match (is_2011, is_2021) {
        (true, true) => return Err(PoliceUkError::VintageMixed),
        (true, false) => Some(2011),
        (false, true) => Some(2021),
        (false, false) => None,
    };
    match (found, given) {
        (Some(found), Some(given)) if found != given => {
            Err(PoliceUkError::VintageOther { given, found })
        }
        (Some(year), _) | (None, Some(year)) => Ok(Some(year)),
        (None, None) if codes.iter().all(|code| code.is_empty()) => Ok(None),
        (None, None) => Err(PoliceUkError::VintageUnknown),
    }
}
