//! Months, weekdays and hours of the United Kingdom, by which figures are counted.
//!
//! A time zone is asked once an hour of the data, not once a record: the clocks there change on the
//! hour.

use hashbrown::HashMap;

use crate::contract::moment::Precision;
use crate::event::{Micros, Month, days_since_1970};

/// Whether the second day is not more than 12 months after the first (Europe/London).
pub(crate) fn within_a_year(first: Micros, second: Micros) -> bool {
    let (first, second) = (first.in_london().date(), second.in_london().date());
    first.saturating_add(jiff::Span::new().years(1)) >= second
}

/// What the clock and the calendar on the wall say at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wall {
    pub(crate) month: Month,
    /// Days since 1970-01-01.
    pub(crate) day: i32,
    /// 1 = Monday.
    pub(crate) weekday: u8,
    pub(crate) hour: u8,
}

/// Reads the wall's clock, and remembers.
#[derive(Default)]
pub(crate) struct Calendar {
    last: Option<(i64, Wall)>,
    hours: HashMap<i64, Wall>,
}

impl Calendar {
    const MICROS_PER_HOUR: i64 = 3600 * Micros::PER_SECOND;

    /// The local month, weekday and hour of an instant.
    #[inline]
    pub(crate) fn at(&mut self, at: Micros) -> Wall {
        let hour = at.0.div_euclid(Self::MICROS_PER_HOUR);
        if let Some((last, wall)) = self.last
            && last == hour
        {
            return wall;
        }
        let wall = *self.hours.entry(hour).or_insert_with(|| {
            let local = Micros(hour * Self::MICROS_PER_HOUR).in_london();
            let weekday = local.weekday().to_monday_one_offset() as u8;
            Wall {
                month: Month::from_date(local.date()),
                day: days_since_1970(local.date()),
                weekday,
                hour: local.hour() as u8,
            }
        });
        self.last = Some((hour, wall));
        wall
    }

    /// The microseconds from 1970-01-01 00:00 on the wall to what its clock shows at an instant.
    pub(crate) fn local(&mut self, at: Micros) -> i64 {
        let wall = self.at(at);
        let hours = i64::from(wall.day) * 24 + i64::from(wall.hour);
        hours * Self::MICROS_PER_HOUR + at.0.rem_euclid(Self::MICROS_PER_HOUR)
    }

    /// The weekday (1 = Monday) and hour of a moment, as far as it is known so exactly.
    pub(crate) fn weekday_and_hour(
        &mut self,
        at: Micros,
        precision: Precision,
    ) -> (Option<u8>, Option<u8>) {
        let wall = self.at(at);
        match precision {
            Precision::Month => (None, None),
            Precision::Day => (Some(wall.weekday), None),
            Precision::Instant => (Some(wall.weekday), Some(wall.hour)),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil;

    use super::*;

    #[test]
    fn the_wall_says_local_time_as_exactly_as_it_is_known() {
        let mut calendar = Calendar::default();
        let at = Micros(1_717_197_600_000_000); // 2024-05-31T23:20:00Z, a Saturday in London
        assert_eq!(calendar.at(at).month.to_string(), "2024-06");
        assert_eq!(
            calendar.at(at).day,
            days_since_1970(civil::date(2024, 6, 1))
        );
        assert_eq!(
            calendar.local(at),
            at.0 + Calendar::MICROS_PER_HOUR,
            "an hour ahead in summer"
        );
        assert_eq!(
            calendar.weekday_and_hour(at, Precision::Instant),
            (Some(6), Some(0))
        );
        assert_eq!(
            calendar.weekday_and_hour(at, Precision::Day),
            (Some(6), None)
        );
        assert_eq!(
            calendar.weekday_and_hour(at, Precision::Month),
            (None, None)
        );
    }
}
