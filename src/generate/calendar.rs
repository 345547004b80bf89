//! When invented events happen: five years with seasons, weekdays and hours.
//!
//! Days count from 1970-01-01, seconds from its midnight, both by the clock of the United Kingdom;
//! they are written in UTC, or with the offset of British Summer Time.

use std::fmt::{self, Display, Formatter};

use super::Draw;

/// The first month: its year and number.
const FIRST: (i32, u32) = (2013, 4);
/// The number of months: to 2018-03, so that the plan year 2017-18 has years before it.
const MONTHS: u32 = 60;
/// How much happens in each month of a year, 100 = the mean.
const SEASONS: [u32; 12] = [94, 92, 100, 100, 106, 106, 110, 108, 100, 102, 98, 94];
/// The growth of a year, in percent of the first.
const GROWTH: u32 = 4;
/// How much happens on each day of a week, from Sunday.
const WEEKDAYS: [u32; 7] = [105, 92, 90, 92, 95, 110, 120];
/// How much happens in each hour: by day, and by night.
const HOURS: [[u32; 24]; 2] = [
    [
        9, 5, 3, 2, 2, 3, 7, 16, 30, 36, 40, 44, 50, 50, 52, 58, 62, 62, 58, 50, 42, 34, 26, 16,
    ],
    [
        52, 46, 38, 28, 16, 9, 7, 9, 12, 14, 16, 20, 24, 24, 28, 36, 38, 38, 40, 42, 46, 50, 56, 60,
    ],
];

const SECONDS: i64 = 86_400;

/// The five years, by how much happens in each month.
#[derive(Clone, Debug)]
pub(super) struct InventedMonths {
    /// The weight of each month and all before it.
    ends: Vec<u32>,
}

impl InventedMonths {
    /// Months with seasons and growth.
    pub(super) fn new() -> Self {
        Self::from_weights(|month| {
            SEASONS[((FIRST.1 - 1 + month) % 12) as usize] * (100 + GROWTH * month / 12)
        })
    }

    /// Months by how much happens in each, from the first.
    pub(super) fn from_weights(weight: impl Fn(u32) -> u32) -> Self {
        let mut sum = 0;
        let ends = (0..MONTHS).map(|month| {
            sum += weight(month);
            sum
        });
        Self {
            ends: ends.collect(),
        }
    }

    /// The month, counted from [`FIRST`], at that share of all that happens.
    pub(super) fn month_at(&self, progress: f64) -> u32 {
        let reached = (progress * f64::from(self.ends[self.ends.len() - 1])) as u32;
        self.ends
            .partition_point(|end| *end <= reached)
            .min(self.ends.len() - 1) as u32
    }
}

/// A day among those of a month, from its first, that `limit` leaves of its length.
pub(super) fn day_in(month: u32, limit: impl Fn(u32) -> u32, draw: &mut Draw) -> i32 {
    let first = first_day(month);
    let days = limit((first_day(month + 1) - first) as u32);
    loop {
        let day = first + draw.below(days) as i32;
        if draw.below(120) < WEEKDAYS[weekday(day)] {
            return day;
        }
    }
}

/// The second of a day at which something happens that is typical of the day, or of the night.
pub(super) fn second_of_day(is_at_night: bool, draw: &mut Draw) -> i64 {
    let hours = &HOURS[usize::from(is_at_night)];
    loop {
        let hour = draw.below(24);
        if draw.below(64) < hours[hour as usize] {
            return i64::from(hour * 3600 + draw.below(60) * 60);
        }
    }
}

/// The first day of a month, counted from [`FIRST`].
fn first_day(month: u32) -> i32 {
    let months = FIRST.1 - 1 + month;
    days_from_civil(FIRST.0 + (months / 12) as i32, months % 12 + 1, 1)
}

/// 0 is Sunday.
const fn weekday(day: i32) -> usize {
    (day + 4).rem_euclid(7) as usize
}

/// Days since 1970-01-01 of a date of the Gregorian calendar.
pub(super) const fn days_from_civil(year: i32, month: u32, day: u32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, shifted) = (year.div_euclid(400), (month + 9) % 12);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = ((153 * shifted + 2) / 5 + day - 1) as i32;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day.
pub(super) const fn civil(day: i32) -> (u32, u32, u32) {
    let z = day + 719_468;
    let (era, day_of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (
        year as u32,
        month as u32,
        (day_of_year - (153 * shifted + 2) / 5 + 1) as u32,
    )
}

/// Whether a day is in British Summer Time; the Sunday on which the clock changes counts in full
/// as the time that begins on it.
const fn is_summer(day: i32) -> bool {
    let (year, month, _) = civil(day);
    match month {
        4..=9 => true,
        3 | 10 => {
            let last = days_from_civil(year as i32, month, 31);
            let sunday = last - weekday(last) as i32;
            (month == 3) == (day >= sunday)
        }
        _ => false,
    }
}

/// The day of a second.
pub(super) const fn day_of(second: i64) -> i32 {
    second.div_euclid(SECONDS) as i32
}

/// The month of a day, as `yyyy-mm`.
pub(super) struct CalendarMonth(pub(super) i32);

impl Display for CalendarMonth {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (year, month, _) = civil(self.0);
        write!(f, "{year:04}-{month:02}")
    }
}

/// A day, as `yyyy-mm-dd`.
pub(super) struct CalendarDay(pub(super) i32);

impl Display for CalendarDay {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// A second by the clock of the United Kingdom, written in UTC.
pub(super) struct UtcTime(pub(super) i64);

impl Display for UtcTime {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let offset = if is_summer(day_of(self.0)) { 3600 } else { 0 };
        write_clock(f, self.0 - offset)?;
        f.write_str("Z")
    }
}

/// A second by the clock of the United Kingdom, written with its offset from UTC.
pub(super) struct LocalTime(pub(super) i64);

impl Display for LocalTime {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_clock(f, self.0)?;
        f.write_str(if is_summer(day_of(self.0)) {
            "+01:00"
        } else {
            "Z"
        })
    }
}

fn write_clock(f: &mut Formatter<'_>, second: i64) -> fmt::Result {
    let of_day = second.rem_euclid(SECONDS);
    let (hour, minute) = (of_day / 3600, of_day / 60 % 60);
    let day = CalendarDay(day_of(second));
    write!(f, "{day}T{hour:02}:{minute:02}:{:02}", of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (text, day) in [
            ("1970-01-01", 0),
            ("2016-02-29", 16_860),
            ("2017-12-11", 17_511),
            ("2018-03-31", 17_621),
        ] {
            assert_eq!(CalendarDay(day).to_string(), text);
            let (year, month, of_month) = civil(day);
            assert_eq!(days_from_civil(year as i32, month, of_month), day);
        }
    }

    #[test]
    fn summer_is_an_hour_ahead() {
        let noon = |day: i32| i64::from(day) * SECONDS + 12 * 3600;
        let (winter, summer) = (noon(17_511), noon(days_from_civil(2017, 7, 1)));
        assert_eq!(
            (UtcTime(winter).to_string(), LocalTime(winter).to_string()),
            ("2017-12-11T12:00:00Z".into(), "2017-12-11T12:00:00Z".into())
        );
        assert_eq!(
            (UtcTime(summer).to_string(), LocalTime(summer).to_string()),
            (
                "2017-07-01T11:00:00Z".into(),
                "2017-07-01T12:00:00+01:00".into()
            )
        );
        assert!(
            is_summer(days_from_civil(2017, 3, 26)) && !is_summer(days_from_civil(2017, 3, 25))
        );
        assert!(
            is_summer(days_from_civil(2017, 10, 28)) && !is_summer(days_from_civil(2017, 10, 29))
        );
    }

    #[test]
    fn days_run_from_the_first_month_to_the_last() {
        let (months, mut draw) = (InventedMonths::new(), Draw(1));
        for (progress, month) in [(0.0, "2013-04"), (0.999_999, "2018-03")] {
            let day = day_in(months.month_at(progress), |days| days, &mut draw);
            assert_eq!(CalendarMonth(day).to_string(), month);
        }
    }
}
