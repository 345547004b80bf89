//! The tables to join: what the plan, the geography and the partners' file say, and what came when.

pub(super) mod areas;
pub(super) mod breaks;
pub(super) mod intake;
pub(super) mod lineage;
pub(super) mod placements;
pub(super) mod populations;
pub(super) mod priorities;
pub(super) mod rules;
pub(super) mod sources;
pub(super) mod windows;
