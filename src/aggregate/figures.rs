//! What all tables share: areas, periods, series, their counts, and how complete each count is.

pub(crate) mod area_gaps;
pub(crate) mod areas;
pub(crate) mod chance;
pub(crate) mod counts;
pub(crate) mod feed_months;
pub(crate) mod harm;
pub(crate) mod intake;
pub(crate) mod periods;
pub(crate) mod revisions;
pub(crate) mod series;
pub(crate) mod status;
pub(crate) mod table_set;
