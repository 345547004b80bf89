//! Which release of a month counts, for sources that publish complete releases.
//!
//! The revision of such a source's records is the month of their release, yyyymm. A release is
//! complete, so it replaces what earlier releases had of the same months, including records whose
//! subject it no longer has. Otherwise a row without an id would count twice: it is identified by
//! its content, and is another record once one of its columns has changed.

use hashbrown::HashMap;

use crate::aggregate::state::calendar::Calendar;
use crate::contract::Record;
use crate::contract::moment::Moment;
use crate::event::{Kind, Micros, Month};
use crate::reference::Partners;

/// The revisions that are a release: a month, yyyymm.
const RELEASES: std::ops::RangeInclusive<i32> = 190_001..=999_912;

/// The newest release of each month, by source and the files that are published together.
#[derive(Default)]
pub(crate) struct Releases {
    names: Vec<(String, String)>,
    newest: Vec<HashMap<Month, i32>>,
}

/// The release of a record: source and files as an index in [`Releases`], month and revision.
#[derive(Clone, Copy)]
pub(crate) struct RecordRelease {
    pub(crate) files: usize,
    pub(crate) month: Month,
    pub(crate) revision: i32,
}

impl Releases {
    /// The index of the files in which a source publishes a kind; none if it does not publish
    /// complete releases.
    pub(crate) fn files(&mut self, partners: &Partners, source: &str, kind: Kind) -> Option<usize> {
        let files = partners.release_files(source, kind)?;
        let known = self.find(source, files);
        known.or_else(|| {
            self.names.push((source.to_owned(), files.to_owned()));
            self.newest.push(HashMap::new());
            Some(self.names.len() - 1)
        })
    }

    /// The same, if a record of these files was seen.
    pub(crate) fn known_files(
        &self,
        partners: &Partners,
        source: &str,
        kind: Kind,
    ) -> Option<usize> {
        self.find(source, partners.release_files(source, kind)?)
    }

    fn find(&self, source: &str, files: &str) -> Option<usize> {
        self.names
            .iter()
            .position(|(known_source, known_files)| known_source == source && known_files == files)
    }

    /// Adds a record that its release has: not a cancellation.
    pub(crate) fn add(&mut self, record: RecordRelease) {
        if RELEASES.contains(&record.revision) {
            let newest = self.newest[record.files].entry(record.month).or_default();
            *newest = record.revision.max(*newest);
        }
    }

    /// Whether a later release of the month replaced a record.
    pub(crate) fn replaced(&self, record: RecordRelease) -> bool {
        RELEASES.contains(&record.revision)
            && self.newest[record.files]
                .get(&record.month)
                .is_some_and(|newest| *newest > record.revision)
    }

    /// The same for a flat record.
    pub(crate) fn replaced_record(&self, partners: &Partners, record: &Record<'_>) -> bool {
        let files = self.known_files(partners, record.source, record.kind);
        let began: Option<Micros> = record.occurred_from.and_then(Moment::low);
        files.zip(began).is_some_and(|(files, began)| {
            self.replaced(RecordRelease {
                files,
                month: Calendar::default().at(began).month,
                revision: record.revision,
            })
        })
    }
}
