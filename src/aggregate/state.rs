//! From the chain to the current record: the latest revision of each, its columns as small numbers.

pub(crate) mod bounded_count;
pub(crate) mod calendar;
pub(crate) mod current;
pub(crate) mod files;
pub(crate) mod history;
pub(crate) mod intern;
pub(crate) mod latest;
pub(crate) mod releases;
pub(crate) mod sent_area;
pub(crate) mod source_set;
