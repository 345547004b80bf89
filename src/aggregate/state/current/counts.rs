//! A partner's own total, as the tables see it.

use jiff::civil::Date;

use super::{Count, Unit};
use crate::aggregate::state::bounded_count::{BoundedCount, CountReason};
use crate::contract::Record;
use crate::contract::flags::Flags;
use crate::contract::moment::Moment;
use crate::event::Month;

/// What is known of a total before its own columns are read.
pub(crate) struct Counted {
    pub(crate) partner_kind: u16,
    pub(crate) area: u32,
    pub(crate) profile: u32,
    /// The month its period begins in.
    pub(crate) month: Month,
}

/// The first day of a moment, in London.
fn day(moment: Option<Moment>) -> Option<Date> {
    Some(moment?.low()?.in_london().date())
}

/// The total of a record; none if its period is not whole months, since it can fill no window then.
pub(crate) fn count(record: &Record<'_>, of: &Counted) -> Option<Count> {
    let (from, to) = (day(record.period_from)?, day(record.period_to)?);
    if from.day() != 1 || to != to.last_of_month() {
        return None;
    }
    let [value, at_least, at_most] =
        [record.value, record.at_least, record.at_most].map(|number| number.map(i64::from));
    let block = match record.status? {
        "exact" => BoundedCount::between(value?, value),
        "not_supplied" => BoundedCount::not_supplied(CountReason::NotReceived),
        // Rounded or suppressed: what the publisher lets be known, and no more.
        _ => BoundedCount::between(at_least.unwrap_or_default(), at_most),
    };
    let divided = record.age_band.is_some() || record.sex.is_some();
    let flag = record
        .with_flag
        .map(|flag| Flags::bit(flag).unwrap_or_default());
    Some(Count {
        partner_kind: of.partner_kind,
        area: of.area,
        profile: of.profile,
        first: of.month,
        months: (Month::from_date(to).since(of.month) + 1) as u16,
        block,
        unit: match record.unit {
            Some("households") => Unit::Households,
            Some("persons") => Unit::Persons,
            None | Some("events") => Unit::Events,
            Some(_) => Unit::Other,
        },
        is_snapshot: record.date_basis == Some("snapshot"),
        part: flag.or_else(|| divided.then_some(0)),
    })
}
