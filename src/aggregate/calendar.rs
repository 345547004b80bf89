//! Months, weekdays and hours of the United Kingdom, by which figures are counted.
//!
//! A time zone is asked once an hour of the data, not once a record: the clocks there change on the hour.

use std::fmt;

use hashbrown::HashMap;
use jiff::civil;

use crate::contract::moment::Precision;
use crate::event::Micros;

/// A calendar month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(u16);

impl Month {
    /// The first year that can be said; contracts know none before.
    const FIRST_YEAR: i16 = 1900;

    /// The month of a day.
    pub fn of(date: civil::Date) -> Self {
        let years = i32::from(date.year()) - i32::from(Self::FIRST_YEAR);
        Self((years * 12 + i32::from(date.month()) - 1).max(0) as u16)
    }

    /// Its first day.
    pub fn first_day(self) -> civil::Date {
        civil::date(Self::FIRST_YEAR + (self.0 / 12) as i16, (self.0 % 12) as i8 + 1, 1)
    }

    /// Its last day.
    pub fn last_day(self) -> civil::Date {
        self.first_day().last_of_month()
    }

    /// The month after.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Months from `first` to this one.
    pub const fn since(self, first: Self) -> usize {
        self.0.saturating_sub(first.0) as usize
    }

    /// Every month from this one to `last`.
    pub fn to(self, last: Self) -> impl Iterator<Item = Self> {
        (self.0..=last.0).map(Self)
    }
}

impl fmt::Display for Month {
    /// `yyyy-mm`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.first_day();
        write!(f, "{:04}-{:02}", first.year(), first.month())
    }
}

/// Days since 1970-01-01, as Parquet and Arrow write a date.
pub(super) fn days_since_1970(date: civil::Date) -> i32 {
    date.since(civil::date(1970, 1, 1)).map_or(0, |span| span.get_days())
}

/// What the clock and the calendar on the wall say at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wall {
    pub(super) month: Month,
    /// 1 = Monday.
    pub(super) weekday: u8,
    pub(super) hour: u8,
}

/// Reads the wall's clock, and remembers.
#[derive(Default)]
pub(super) struct Calendar {
    last: Option<(i64, Wall)>,
    hours: HashMap<i64, Wall>,
}

impl Calendar {
    const MICROS_PER_HOUR: i64 = 3600 * Micros::PER_SECOND;

    /// The local month, weekday and hour of an instant.
    pub(super) fn at(&mut self, at: Micros) -> Wall {
        let hour = at.0.div_euclid(Self::MICROS_PER_HOUR);
        if let Some((last, wall)) = self.last
            && last == hour
        {
            return wall;
        }
        let wall = *self.hours.entry(hour).or_insert_with(|| {
            let local = Micros(hour * Self::MICROS_PER_HOUR).in_london();
            let weekday = local.weekday().to_monday_one_offset() as u8;
            Wall { month: Month::of(local.date()), weekday, hour: local.hour() as u8 }
        });
        self.last = Some((hour, wall));
        wall
    }

    /// The weekday (1 = Monday) and hour of a moment, as far as it is known so exactly.
    pub(super) fn weekday_and_hour(&mut self, at: Micros, precision: Precision) -> (Option<u8>, Option<u8>) {
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
    use super::*;

    #[test]
    fn a_month_begins_and_ends_as_the_calendar_says() {
        let month = Month::of(civil::date(2020, 2, 17));
        assert_eq!(month.to_string(), "2020-02");
        assert_eq!((month.first_day(), month.last_day()), (civil::date(2020, 2, 1), civil::date(2020, 2, 29)));
        let months: Vec<_> = month.to(month.next().next()).map(|m| m.to_string()).collect();
        assert_eq!(months, ["2020-02", "2020-03", "2020-04"]);
        assert_eq!(days_since_1970(civil::date(2018, 10, 1)), 17_805);
    }

    #[test]
    fn the_wall_says_local_time_as_exactly_as_it_is_known() {
        let mut calendar = Calendar::default();
        let at = Micros(1_717_197_600_000_000); // 2024-05-31T23:20:00Z, a Saturday in London
        assert_eq!(calendar.at(at).month.to_string(), "2024-06");
        assert_eq!(calendar.weekday_and_hour(at, Precision::Instant), (Some(6), Some(0)));
        assert_eq!(calendar.weekday_and_hour(at, Precision::Day), (Some(6), None));
        assert_eq!(calendar.weekday_and_hour(at, Precision::Month), (None, None));
    }
}
