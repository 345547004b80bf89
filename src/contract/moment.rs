//! Times as partners write them: a month, a day or an instant. The shape is the precision.
//!
//! The pattern is checked while decoding; whether the date is in the calendar is a rule of its own
//! (`semantic.calendar`), so a [`Moment`] may still be the 30th of February.

use std::fmt;

use jiff::civil;
use jiff::tz::Offset;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

use crate::event::{Micros, days_since_1970};

/// How exactly a partner knows a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// A calendar month of the United Kingdom.
    Month,
    /// A calendar day of the United Kingdom.
    Day,
    /// A point in time with its offset.
    Instant,
}

impl Precision {
    /// The name in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Day => "day",
            Self::Instant => "instant",
        }
    }

    /// The precision of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "month" => Some(Self::Month),
            "day" => Some(Self::Day),
            "instant" => Some(Self::Instant),
            _ => None,
        }
    }
}

/// `yyyy-mm`, `yyyy-mm-dd` or an instant with its offset.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    year: i16,
    month: i8,
    /// 1 in a month.
    day: i8,
    hour: i8,
    minute: i8,
    second: i8,
    offset_minutes: i16,
    micros: i32,
    precision: Precision,
    /// The first instant; `None` if the date is not in the calendar.
    low: Option<Micros>,
}

impl Moment {
    /// The moment a text writes, if it has the pattern of the contract.
    pub fn parse(text: &str) -> Option<Self> {
        let mut moment = match text.as_bytes().try_into() {
            Ok(instant) => Self::parse_seconds_in_utc(instant),
            Err(_) => Self::parse_any(text.as_bytes()),
        }?;
        moment.low = moment.first_instant();
        Some(moment)
    }

    /// The instant that most partners write, `yyyy-mm-ddThh:mm:ssZ`, in three overlapping words.
    fn parse_seconds_in_utc(text: &[u8; 20]) -> Option<Self> {
        const DATE: WordForm = WordForm::new(*b"0000-00-");
        const TIME: WordForm = WordForm::new(*b"00T00:00");
        const END: WordForm = WordForm::new(*b"0:00:00Z");
        let date = DATE.two_digits(text, 0)?;
        let time = TIME.two_digits(text, 8)?;
        let end = END.two_digits(text, 12)?;
        let (century, year, month) = (date[0], date[2], date[5]);
        let (day, hour, minute, second) = (time[0], time[3], time[6], end[5]);
        let is_in_range = matches!(century, 19 | 20)
            && (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour <= 23
            && minute <= 59
            && second <= 59;
        is_in_range.then(|| Self {
            year: i16::from(century) * 100 + i16::from(year),
            month: month as i8,
            day: day as i8,
            hour: hour as i8,
            minute: minute as i8,
            second: second as i8,
            offset_minutes: 0,
            micros: 0,
            precision: Precision::Instant,
            low: None,
        })
    }

    fn parse_any(b: &[u8]) -> Option<Self> {
        if b.len() < 7 || !matches!(&b[..2], b"19" | b"20") || b[4] != b'-' {
            return None;
        }
        let mut moment = Self {
            year: i16::from(two(b, 0, 0, 99)?) * 100 + i16::from(two(b, 2, 0, 99)?),
            month: two(b, 5, 1, 12)?,
            day: 1,
            hour: 0,
            minute: 0,
            second: 0,
            offset_minutes: 0,
            micros: 0,
            precision: Precision::Month,
            low: None,
        };
        if b.len() == 7 {
            return Some(moment);
        }
        if b.len() < 10 || b[7] != b'-' {
            return None;
        }
        moment.day = two(b, 8, 1, 31)?;
        moment.precision = Precision::Day;
        if b.len() == 10 {
            return Some(moment);
        }
        if b.len() < 20 || b[10] != b'T' || b[13] != b':' || b[16] != b':' {
            return None;
        }
        moment.hour = two(b, 11, 0, 23)?;
        moment.minute = two(b, 14, 0, 59)?;
        moment.second = two(b, 17, 0, 59)?;
        moment.precision = Precision::Instant;
        let (micros, zone) = fraction(&b[19..])?;
        moment.micros = micros;
        moment.offset_minutes = offset(zone)?;
        Some(moment)
    }

    /// The moment that a stored time and its precision stand for; an instant comes back in UTC.
    pub fn from_stored(at: Micros, precision: Precision) -> Self {
        let local = match precision {
            Precision::Instant => {
                Offset::UTC.to_datetime(jiff::Timestamp::from_microsecond(at.0).unwrap_or_default())
            }
            Precision::Month | Precision::Day => at.in_london(),
        };
        Self {
            year: local.year(),
            month: local.month(),
            day: local.day(),
            hour: local.hour(),
            minute: local.minute(),
            second: local.second(),
            offset_minutes: 0,
            micros: local.subsec_nanosecond() / 1000,
            precision,
            low: Some(at),
        }
    }

    /// How exactly the time is known.
    pub const fn precision(self) -> Precision {
        self.precision
    }

    /// The first instant of the moment; `None` if the date is not in the calendar.
    pub const fn low(self) -> Option<Micros> {
        self.low
    }

    fn first_instant(self) -> Option<Micros> {
        let date = civil::Date::new(self.year, self.month, self.day).ok()?;
        if self.precision != Precision::Instant {
            return Micros::start_of_day_in_london(date);
        }
        let hours = i64::from(days_since_1970(date)) * 24 + i64::from(self.hour);
        let minutes = hours * 60 + i64::from(self.minute) - i64::from(self.offset_minutes);
        let seconds = minutes * 60 + i64::from(self.second);
        Some(Micros(
            seconds * Micros::PER_SECOND + i64::from(self.micros),
        ))
    }

    /// The last instant of the moment, to the microsecond; `None` if the date is not in the
    /// calendar.
    pub fn high(self) -> Option<Micros> {
        let date = civil::Date::new(self.year, self.month, self.day).ok()?;
        let after = match self.precision {
            Precision::Instant => return self.low(),
            Precision::Day => date.tomorrow().ok()?,
            Precision::Month => date.last_of_month().tomorrow().ok()?,
        };
        Micros::start_of_day_in_london(after).map(|end| Micros(end.0 - 1))
    }
}

/// The form of eight bytes: digits where it has zeros, and else its own bytes.
struct WordForm {
    bytes: u64,
    /// Added to a byte less that of the form, it sets the high bit if that is above 9, or above 0.
    room: u64,
}

impl WordForm {
    const fn new(form: [u8; 8]) -> Self {
        let mut room = [0; 8];
        let mut at = 0;
        while at < form.len() {
            room[at] = if form[at] == b'0' { 0x76 } else { 0x7f };
            at += 1;
        }
        Self {
            bytes: u64::from_le_bytes(form),
            room: u64::from_le_bytes(room),
        }
    }

    /// For each byte of the word at `at`, the number of two digits that begins there. `None` = it
    /// does not have the form.
    #[inline]
    fn two_digits(&self, text: &[u8; 20], at: usize) -> Option<[u8; 8]> {
        const HIGH: u64 = 0x8080_8080_8080_8080;
        let word = u64::from_le_bytes(*text[at..].first_chunk()?);
        let digits = word ^ self.bytes;
        let is_of_form = (digits | digits.wrapping_add(self.room)) & HIGH == 0;
        is_of_form.then(|| (digits * 10 + (digits >> 8)).to_le_bytes())
    }
}

fn digit(c: u8) -> Option<i8> {
    c.is_ascii_digit().then(|| (c - b'0') as i8)
}

/// Two digits at `at`, within bounds.
fn two(b: &[u8], at: usize, low: i8, high: i8) -> Option<i8> {
    let value = digit(b[at])? * 10 + digit(b[at + 1])?;
    (low..=high).contains(&value).then_some(value)
}

/// A fraction of 1 to 9 digits, cut to microseconds, and what follows it.
fn fraction(b: &[u8]) -> Option<(i32, &[u8])> {
    let Some(rest) = b.strip_prefix(b".") else {
        return Some((0, b));
    };
    let len = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    if !(1..=9).contains(&len) {
        return None;
    }
    let micros = (0..6).fold(0, |sum, i| {
        sum * 10
            + if i < len {
                i32::from(rest[i] - b'0')
            } else {
                0
            }
    });
    Some((micros, &rest[len..]))
}

/// `Z` or ±00:00 to ±14:59, in minutes.
fn offset(b: &[u8]) -> Option<i16> {
    match b {
        b"Z" => Some(0),
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let minutes = i16::from(two(b, 1, 0, 14)?) * 60 + i16::from(two(b, 4, 0, 59)?);
            Some(if *sign == b'-' { -minutes } else { minutes })
        }
        _ => None,
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)?;
        if self.precision == Precision::Month {
            return Ok(());
        }
        write!(f, "-{:02}", self.day)?;
        if self.precision == Precision::Day {
            return Ok(());
        }
        write!(f, "T{:02}:{:02}:{:02}", self.hour, self.minute, self.second)?;
        if self.micros != 0 {
            write!(f, ".{:06}", self.micros)?;
        }
        match self.offset_minutes {
            0 => f.write_str("Z"),
            minutes => {
                let sign = if minutes < 0 { '-' } else { '+' };
                write!(
                    f,
                    "{sign}{:02}:{:02}",
                    minutes.abs() / 60,
                    minutes.abs() % 60
                )
            }
        }
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! moments {
    ($($(#[$doc:meta])* $type:ident, $name:literal, $parse:expr;)+) => { $(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct MomentVisitor;
                impl Visitor<'_> for MomentVisitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($name)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        $parse(text).ok_or_else(|| E::custom($name))
                    }
                }
                deserializer.deserialize_str(MomentVisitor)
            }
        }
    )+ };
}

macro_rules! narrowed {
    ($($(#[$doc:meta])* $type:ident is $precision:ident;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $type(Moment);

        impl $type {
            /// The value a text writes, if it has the pattern of the contract.
            pub fn parse(text: &str) -> Option<Self> {
                Moment::parse(text).filter(|m| m.precision == Precision::$precision).map(Self)
            }

            /// The same as a moment.
            pub const fn moment(self) -> Moment {
                self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+ };
}

narrowed! {
    /// A point in time with its offset.
    Instant is Instant;
    /// A calendar day of the United Kingdom.
    Date is Day;
}

moments! {
    Moment, "moment", Moment::parse;
    Instant, "instant", Instant::parse;
    Date, "date", Date::parse;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The first and the last instant as the time zone database has them.
    fn range_by_jiff(moment: Moment) -> Option<(Micros, Micros)> {
        let date = civil::Date::new(moment.year, moment.month, moment.day).ok()?;
        let start = |date: civil::Date| Micros::from_london(date.into());
        let after = match moment.precision {
            Precision::Instant => {
                let nanos = moment.micros * 1000;
                let local = date.at(moment.hour, moment.minute, moment.second, nanos);
                let offset = Offset::from_seconds(i32::from(moment.offset_minutes) * 60).ok()?;
                let at = Micros(offset.to_timestamp(local).ok()?.as_microsecond());
                return Some((at, at));
            }
            Precision::Day => date.tomorrow().ok()?,
            Precision::Month => date.last_of_month().tomorrow().ok()?,
        };
        Some((start(date)?, Micros(start(after)?.0 - 1)))
    }

    const PRECISIONS: [Precision; 3] = [Precision::Month, Precision::Day, Precision::Instant];

    proptest! {
        #[test]
        fn a_moment_is_where_the_time_zone_database_has_it(
            (year, month, day) in (1900..2100_i16, 1..13_i8, 1..32_i8),
            (hour, minute, second, micros) in (0..24_i8, 0..60_i8, 0..60_i8, 0..1_000_000_i32),
            offset_minutes in -899..900_i16,
            precision in prop::sample::select(&PRECISIONS[..]),
        ) {
            let day = if precision == Precision::Month { 1 } else { day };
            let mut moment = Moment {
                year, month, day, hour, minute, second, offset_minutes, micros, precision,
                low: None,
            };
            moment.low = moment.first_instant();
            prop_assert_eq!(moment.low().zip(moment.high()), range_by_jiff(moment));
        }
    }

    #[test]
    fn each_day_from_1900_to_2099_starts_where_the_time_zone_database_has_it() {
        let days = civil::date(1900, 1, 1).series(jiff::Span::new().days(1));
        for date in days.take_while(|date| date.year() < 2100) {
            let start = Micros::start_of_day_in_london(date);
            assert_eq!(start, Micros::from_london(date.into()), "{date}");
        }
    }

    #[track_caller]
    fn check(text: &str, low: &str, high: &str) {
        let moment = Moment::parse(text).expect(text);
        let shown = (
            moment.low().map(|m| m.to_string()),
            moment.high().map(|m| m.to_string()),
        );
        assert_eq!(
            shown,
            (Some(low.to_owned()), Some(high.to_owned())),
            "{text}"
        );
    }

    #[test]
    fn a_moment_runs_from_its_first_to_its_last_instant() {
        check(
            "2017-02",
            "2017-02-01T00:00:00Z",
            "2017-02-28T23:59:59.999999Z",
        );
        check(
            "2017-07",
            "2017-06-30T23:00:00Z",
            "2017-07-31T22:59:59.999999Z",
        );
        check(
            "2017-03-26",
            "2017-03-26T00:00:00Z",
            "2017-03-26T22:59:59.999999Z",
        );
        check(
            "2017-04-12T19:05:00+01:00",
            "2017-04-12T18:05:00Z",
            "2017-04-12T18:05:00Z",
        );
        check(
            "2017-04-12T19:05:00.1234567-00:00",
            "2017-04-12T19:05:00.123456Z",
            "2017-04-12T19:05:00.123456Z",
        );
    }

    #[test]
    fn another_shape_is_no_moment() {
        for text in [
            "2016",
            "04/02/2017",
            "2017-13",
            "2017-00",
            "2017-02-32",
            "1817-02",
            "2017-02-01T23:59:60Z",
            "2017-02-01T24:00:00Z",
            "2017-02-01T23:10Z",
            "2017-02-01t23:10:00z",
            "2017-02-01T23:10:00",
            "2017-02-01T23:10:00.Z",
            "2017-02-01T23:10:00.1234567890Z",
            "2017-02-01T23:10:00+15:00",
            "2017-02-01T23:10:00+0100",
            "2017-02-01\n",
            "",
            "2017-02-",
        ] {
            assert!(Moment::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn the_30th_of_february_is_a_moment_outside_the_calendar() {
        assert_eq!(Moment::parse("2017-02-30").and_then(Moment::low), None);
    }

    #[test]
    fn a_stored_moment_comes_back() {
        for text in [
            "2017-02",
            "2017-07",
            "2017-07-31",
            "2017-12-01",
            "2017-07-31T22:10:09Z",
            "2017-07-31T22:10:09.000120Z",
        ] {
            let moment = Moment::parse(text).expect(text);
            let low = moment.low().expect(text);
            assert_eq!(
                Moment::from_stored(low, moment.precision()).to_string(),
                text
            );
        }
    }
}
