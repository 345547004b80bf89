//! What an import of data.police.uk read and wrote, for the person who ran it.

use std::fmt;

use super::checks::PoliceUkWarning;
use crate::reference::UnknownCodes;

/// Counts of what an import read and wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoliceUkSummary {
    /// The source of the events.
    pub source: String,
    /// The rows of each month.
    pub months: Vec<MonthRows>,
    /// The vintage of the LSOA codes; none if no row has one.
    pub vintage: Option<i32>,
    /// Rows without an area.
    pub without_area: usize,
    /// Ids on several rows.
    pub ids_repeated: usize,
    /// Ids in several months.
    pub ids_redated: usize,
    /// Groups of equal rows without an id.
    pub equal_groups: usize,
    /// The rows in those groups.
    pub equal_rows: usize,
    /// Rows of outcomes.
    pub outcomes: usize,
    /// Rows of outcomes whose crimes are not in the street files.
    pub outcomes_skipped: usize,
    /// What is odd about the files.
    pub warnings: Vec<PoliceUkWarning>,
    /// Crime types and outcomes that their lists do not contain.
    pub unknown_codes: UnknownCodes,
    /// Records of the release before that have vanished.
    pub cancelled: usize,
}

/// Counts of the rows of a month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MonthRows {
    /// The month, yyyy-mm.
    pub month: String,
    /// Rows of crimes.
    pub crimes: usize,
    /// Rows of incidents.
    pub incidents: usize,
    /// Rows of searches.
    pub searches: usize,
}

impl PoliceUkSummary {
    /// The rows of crimes.
    pub fn crimes(&self) -> usize {
        self.months.iter().map(|month| month.crimes).sum()
    }

    /// The rows of incidents.
    pub fn incidents(&self) -> usize {
        self.months.iter().map(|month| month.incidents).sum()
    }

    /// The rows of searches.
    pub fn searches(&self) -> usize {
        self.months.iter().map(|month| month.searches).sum()
    }
}

impl fmt::Display for PoliceUkSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vintage = self
            .vintage
            .map_or_else(|| "-".to_owned(), |year| year.to_string());
        writeln!(f, "{}", self.source)?;
        writeln!(
            f,
            "{:<22}{:>9}{:>9}{:>9}{:>9}",
            "month", "crime", "incident", "search", "rows"
        )?;
        for MonthRows {
            month,
            crimes,
            incidents,
            searches,
        } in &self.months
        {
            write_counts(f, month, [*crimes, *incidents, *searches])?;
        }
        let all = [self.crimes(), self.incidents(), self.searches()];
        write_counts(f, "all", all)?;
        writeln!(f, "boundaries            {vintage:>9}")?;
        writeln!(f, "without area          {:>9}", self.without_area)?;
        writeln!(f, "ids on several rows   {:>9}", self.ids_repeated)?;
        writeln!(f, "ids in several months {:>9}", self.ids_redated)?;
        writeln!(
            f,
            "equal rows, no id     {:>9} in {} groups",
            self.equal_rows, self.equal_groups
        )?;
        writeln!(
            f,
            "outcome rows          {:>9}, {} without a crime in these files",
            self.outcomes, self.outcomes_skipped
        )?;
        writeln!(f, "cancelled             {:>9}", self.cancelled)?;
        let mut warnings = self.warnings.iter();
        warnings.try_for_each(|warning| writeln!(f, "warning: {warning}"))
    }
}

fn write_counts(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    [crimes, incidents, searches]: [usize; 3],
) -> fmt::Result {
    let rows = crimes + incidents + searches;
    writeln!(
        f,
        "{name:<22}{crimes:>9}{incidents:>9}{searches:>9}{rows:>9}"
    )
}
