//! The event being written: what the fields of all kinds draw from and write to.

use super::Draw;
use super::json::JsonWriter;
use super::offences::Offence;

/// What has changed in a record up to its revision.
#[derive(Clone, Copy)]
pub(super) struct Changes {
    /// Seconds from the creation of the record to this revision.
    pub(super) delay: i64,
    pub(super) recoded: u32,
    pub(super) redated: i32,
    pub(super) resolved: bool,
    pub(super) cancelled: bool,
}

/// What a record's subject consists of.
pub(super) struct SubjectParts {
    pub(super) number: u32,
    pub(super) seed: u64,
    /// The scheme of a referral.
    pub(super) scheme: &'static str,
    pub(super) year: u32,
    pub(super) month: u32,
    pub(super) day: u32,
}

impl SubjectParts {
    /// The last two digits of the year.
    pub(super) const fn short_year(&self) -> u32 {
        self.year % 100
    }
}

/// Writes one event. Draws come in the order of the fields, so the order of the calls decides the
/// values too.
pub(super) struct EventWriter<'a> {
    pub(super) json: JsonWriter<'a>,
    pub(super) draw: Draw,
    pub(super) changes: Changes,
    /// The scheme of a referral.
    pub(super) scheme: &'static str,
    /// Whether the code of its `what` is one that its list does not contain.
    pub(super) unknown_code: bool,
    /// Whether some small areas are in the second district.
    pub(super) has_second_district: bool,
    /// The offence of a crime, as it was recorded first.
    pub(super) offence: Offence,
    /// The day on which it happened, by this revision.
    pub(super) day: i32,
    /// The second at which it happened, from the start of 1970 by the clock of the United Kingdom.
    pub(super) occurred: i64,
    /// The second at which it was recorded.
    pub(super) recorded: i64,
}
