//! Which vintages of boundaries have an LSOA, as far as its code shows it.
//!
//! Most codes are in several vintages. Those that began or ended with a census are in ranges of
//! `lsoa_vintages.csv`.

use serde::Deserialize;

use super::Geography;
use super::load::rows;
use crate::files::TextFiles;
use crate::files::fault::FaultSink;

const FILE: &str = "geography/lsoa_vintages.csv";

/// Codes of LSOAs that began or ended with a census.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LsoaRange {
    first: String,
    last: String,
    from: Option<u16>,
    to: Option<u16>,
}

/// The vintages that an LSOA can be of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LsoaVintages {
    /// The first; `None` = not known.
    pub from: Option<u16>,
    /// The last; `None` = not known.
    pub to: Option<u16>,
}

impl Geography {
    pub(super) fn read_lsoa_vintages(&mut self, files: &TextFiles, sink: &FaultSink) {
        self.lsoa_ranges = rows(files, FILE, sink, |row: &LsoaRange| {
            format!("{},{}", row.first, row.last)
        });
        for range in &self.lsoa_ranges {
            let LsoaRange {
                first,
                last,
                from,
                to,
            } = range;
            let key = format!("{first},{last}");
            if first.len() != last.len() || first > last {
                sink.add(FILE, &key, "is not a range of codes");
            }
            if from.is_none() && to.is_none() {
                sink.add(FILE, &key, "needs a first or a last vintage");
            }
        }
    }

    /// The vintages that an LSOA can be of, by its code.
    pub fn lsoa_vintages(&self, code: &str) -> LsoaVintages {
        let mut vintages = LsoaVintages::default();
        for range in &self.lsoa_ranges {
            let is_in = range.first.len() == code.len()
                && (range.first.as_str()..=range.last.as_str()).contains(&code);
            if is_in {
                vintages.from = vintages.from.max(range.from);
                vintages.to = vintages.to.or(range.to);
            }
        }
        vintages
    }
}
