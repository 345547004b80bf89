//! The shared vocabulary: feed, kind, position in Kafka, month and time.
//!
//! It imports no other module. The invariant: everything here is a small value with nothing but
//! its own arithmetic; the rules of the contracts are in [`crate::contract`].

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::{LazyLock, OnceLock};

use jiff::civil;
use jiff::tz::TimeZone;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One of the three services whose events the partnership receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feed {
    /// Police forces.
    Police,
    /// Hospitals, ambulance and mental-health trusts, treatment services.
    Health,
    /// Councils and landlords.
    Housing,
}

impl Feed {
    /// All feeds, in the order of the tables.
    pub const ALL: [Self; 3] = [Self::Police, Self::Health, Self::Housing];

    /// The name in an event's `type`, in file names and in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Police => "police",
            Self::Health => "health",
            Self::Housing => "housing",
        }
    }

    /// The feed of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feed| feed.as_str() == name)
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Hands the list of kinds to a macro, in the order of the contracts: what it is, and then
/// `Variant = "name" in feed`. Each feed may send a `count`.
///
/// The feed is also the file of [`crate::contract`] that declares the kind.
macro_rules! with_kinds {
    ($callback:ident) => {
        $callback! {
            /// A recorded crime.
            Crime = "crime" in police,
            /// An incident of anti-social behaviour, or another that is not a crime.
            Incident = "incident" in police,
            /// A detention under section 135 or 136 of the Mental Health Act 1983.
            Detention = "detention" in police,
            /// A stop and search.
            StopSearch = "stop-search" in police,
            /// A referral to the National Referral Mechanism, Prevent or a MARAC.
            Referral = "referral" in police,
            /// An assault seen by an emergency department.
            AssaultAttendance = "assault-attendance" in health,
            /// A call to the ambulance service.
            AmbulanceCall = "ambulance-call" in health,
            /// A hospital admission.
            Admission = "admission" in health,
            /// A period of detention recorded by a mental-health trust.
            MentalHealthDetention = "mental-health-detention" in health,
            /// A course of drug or alcohol treatment.
            Treatment = "treatment" in health,
            /// A homelessness application.
            HomelessnessCase = "homelessness-case" in housing,
            /// A landlord's or council's case of anti-social behaviour.
            AntisocialBehaviourCase = "antisocial-behaviour-case" in housing,
            /// A complaint about noise.
            NoiseComplaint = "noise-complaint" in housing,
            /// One stage of a possession case.
            Possession = "possession" in housing,
            /// A request for safe accommodation or other domestic-abuse support.
            DomesticAbuseSupport = "domestic-abuse-support" in housing,
            /// A total for an area and period.
            Count = "count" in count,
        }
    };
}
pub(crate) use with_kinds;

/// The feed of a kind, by its file.
macro_rules! feed_of {
    (police) => {
        Some(Feed::Police)
    };
    (health) => {
        Some(Feed::Health)
    };
    (housing) => {
        Some(Feed::Housing)
    };
    (count) => {
        None
    };
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal in $feed:ident,)+) => {
        /// What an event is about: a kind of record, or the count of a partner that can only send
        /// totals.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($(#[$doc])* $kind),+ }

        impl Kind {
            /// All kinds, in the order of the contracts.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The name in an event's `type` and in tables.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $name),+ }
            }

            /// The kind of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$kind),)+ _ => None }
            }

            /// The only feed that may send this kind; `None` for a count, which every feed may
            /// send.
            pub const fn feed(self) -> Option<Feed> {
                match self { $(Self::$kind => feed_of!($feed)),+ }
            }
        }
    };
}
with_kinds!(kinds);

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A topic and one of its partitions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: String,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// A record's position in a partition: the epoch of the topic and the offset in it.
///
/// An epoch is one life of the topic, and is called `era` in columns and file names. A position is
/// written as 4 and 19 digits, so that names sort as positions do.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Position {
    /// The epoch: one cluster id and topic id. The first is 0.
    pub era: u16,
    /// Kafka's offset, from 0.
    pub offset: i64,
}

impl Position {
    /// Where every chain begins: offset 0 of the first epoch.
    pub const ORIGIN: Self = Self { era: 0, offset: 0 };

    /// The same epoch at another offset.
    #[must_use]
    pub const fn at(self, offset: i64) -> Self {
        Self {
            era: self.era,
            offset,
        }
    }

    /// Whether an epoch begins here.
    pub const fn is_era_start(self) -> bool {
        self.offset == 0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:019}", self.era, self.offset)
    }
}

impl From<Position> for String {
    fn from(position: Position) -> Self {
        position.to_string()
    }
}

impl TryFrom<String> for Position {
    type Error = NotAPosition;

    fn try_from(text: String) -> Result<Self, NotAPosition> {
        text.parse()
    }
}

/// A text that is not a position: 4 digits, a hyphen, 19 digits.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a position (4 digits, a hyphen, 19 digits)")]
pub struct NotAPosition(String);

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        text.split_once('-')
            .and_then(|(era, offset)| {
                Some(Self {
                    era: digits(era, 4)?.parse().ok()?,
                    offset: digits(offset, 19)?.parse().ok()?,
                })
            })
            .ok_or_else(|| NotAPosition(text.to_owned()))
    }
}

/// The text, if it is `count` digits.
fn digits(text: &str, count: usize) -> Option<&str> {
    let are_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (text.len() == count && are_digits).then_some(text)
}

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

impl Micros {
    /// Microseconds in a second.
    pub const PER_SECOND: i64 = 1_000_000;

    /// From Kafka's milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// This time plus `seconds`.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds * Self::PER_SECOND))
    }

    /// The first instant of a day in London.
    pub fn start_of_day_in_london(date: civil::Date) -> Option<Self> {
        let days = i64::from(days_since_1970(date)) - LONDON_DAYS_FROM;
        let index = usize::try_from(days).ok();
        let Some(block) = index.and_then(|index| LONDON_DAYS.get(index / LONDON_BLOCK)) else {
            return Self::from_london(date.into());
        };
        let index = index.unwrap_or_default() % LONDON_BLOCK;
        let starts = block.get_or_init(|| {
            std::array::from_fn(|day| {
                let days = jiff::Span::new().days(day as i64 - index as i64);
                Self::from_london(date.checked_add(days).ok()?.into())
            })
        });
        starts[index]
    }

    /// The last instant of a day in London.
    pub fn end_of_day_in_london(date: civil::Date) -> Self {
        let next = date
            .tomorrow()
            .ok()
            .and_then(|next| Self::from_london(next.into()));
        next.map_or(Self(i64::MAX), |next| Self(next.0 - 1))
    }

    /// The civil date and time in the United Kingdom (Europe/London): months, weekdays and hours
    /// are taken from it.
    pub fn in_london(self) -> civil::DateTime {
        let timestamp = jiff::Timestamp::from_microsecond(self.0).unwrap_or_default();
        LONDON.to_datetime(timestamp)
    }

    /// The day at Greenwich.
    pub fn in_utc(self) -> civil::Date {
        let timestamp = jiff::Timestamp::from_microsecond(self.0).unwrap_or_default();
        TimeZone::UTC.to_datetime(timestamp).date()
    }

    /// The first instant of a civil date and time in the United Kingdom.
    pub fn from_london(local: civil::DateTime) -> Option<Self> {
        let timestamp = LONDON.to_ambiguous_timestamp(local).compatible().ok()?;
        Some(Self(timestamp.as_microsecond()))
    }
}

impl fmt::Display for Micros {
    /// RFC 3339 in UTC, with a fraction only where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => timestamp.fmt(f),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let time: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
        Ok(Self(time.as_microsecond()))
    }
}

static LONDON: LazyLock<TimeZone> = LazyLock::new(|| {
    TimeZone::get("Europe/London").expect("the time zone database is built into the program")
});

/// The days from 1970-01-01 to 1900-01-01, the first day that a contract accepts.
const LONDON_DAYS_FROM: i64 = -25_567;
/// Days whose starts are computed together.
const LONDON_BLOCK: usize = 512;
/// Where each day from 1900 to 2099 starts in London: the time zone is asked once for each day.
static LONDON_DAYS: [OnceLock<[Option<Micros>; LONDON_BLOCK]>; 143] =
    [const { OnceLock::new() }; 143];

/// The days from 1970-01-01 to a date, as Parquet and Arrow write it.
pub fn days_since_1970(date: civil::Date) -> i32 {
    /// The calendar repeats after 400 years. Moved by this many times 400, no year of a date is
    /// negative: divisions are faster without a sign.
    const CYCLES: i32 = 25;
    let (month, day) = (date.month() as u32, date.day() as u32);
    // Years begin in March here, so that a leap day is the last of its year.
    let year = (i32::from(date.year()) + 400 * CYCLES) as u32 - u32::from(month <= 2);
    let leap_days = year / 4 - year / 100 + year / 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    (365 * year + leap_days + day_of_year) as i32 - 719_468 - 146_097 * CYCLES
}

/// A calendar month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(u16);

impl Month {
    /// The first year that can be expressed; no contract accepts an earlier one.
    const FIRST_YEAR: i16 = 1900;

    /// The month of a day.
    pub fn from_date(date: civil::Date) -> Self {
        let years = i32::from(date.year()) - i32::from(Self::FIRST_YEAR);
        Self((years * 12 + i32::from(date.month()) - 1).max(0) as u16)
    }

    /// Its first day.
    pub fn first_day(self) -> civil::Date {
        civil::date(
            Self::FIRST_YEAR + (self.0 / 12) as i16,
            (self.0 % 12) as i8 + 1,
            1,
        )
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

    /// `months` later, or earlier if negative.
    #[must_use]
    pub const fn plus(self, months: i32) -> Self {
        let at = self.0 as i32 + months;
        Self(if at < 0 { 0 } else { at as u16 })
    }

    /// Months from `first` to this one.
    pub const fn since(self, first: Self) -> usize {
        self.0.saturating_sub(first.0) as usize
    }

    /// Months from `other` to this one, negative if this one is earlier.
    pub const fn minus(self, other: Self) -> i32 {
        self.0 as i32 - other.0 as i32
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

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl FromStr for Month {
    type Err = NotAMonth;

    /// `yyyy-mm`.
    fn from_str(text: &str) -> Result<Self, NotAMonth> {
        let parts = text
            .split_once('-')
            .filter(|(year, month)| year.len() == 4 && month.len() == 2);
        let parsed = parts.and_then(|(year, month)| {
            civil::Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()
        });
        parsed
            .filter(|date| date.year() >= Self::FIRST_YEAR)
            .map(Self::from_date)
            .ok_or(NotAMonth)
    }
}

/// A text that is not `yyyy-mm`, from 1900 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a month such as 2018-10")]
pub struct NotAMonth;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_and_ends_as_in_the_calendar() {
        let month = Month::from_date(civil::date(2020, 2, 17));
        assert_eq!(month.to_string(), "2020-02");
        assert_eq!(
            (month.first_day(), month.last_day()),
            (civil::date(2020, 2, 1), civil::date(2020, 2, 29))
        );
        let months: Vec<_> = month
            .to(month.next().next())
            .map(|m| m.to_string())
            .collect();
        assert_eq!(months, ["2020-02", "2020-03", "2020-04"]);
        assert_eq!(months[0].parse(), Ok(month));
        assert_eq!(
            (month.plus(-2).to_string(), month.plus(11).to_string()),
            ("2019-12".into(), "2021-01".into())
        );
        assert_eq!(
            ["2020-13", "2020-2", "20-02", "1899-12", ""].map(str::parse::<Month>),
            [Err(NotAMonth); 5]
        );
    }

    #[test]
    fn names_sort_as_positions_do() {
        let positions = [
            Position::ORIGIN,
            Position { era: 0, offset: 9 },
            Position { era: 0, offset: 10 },
            Position { era: 1, offset: 0 },
        ];
        let names: Vec<String> = positions.iter().map(ToString::to_string).collect();
        assert!(names.is_sorted());
        assert_eq!(names[1], "0000-0000000000000000009");
        for (position, name) in positions.iter().zip(&names) {
            assert_eq!(name.parse(), Ok(*position));
        }
    }

    #[test]
    fn a_name_of_another_shape_is_not_a_position() {
        for text in [
            "",
            "0-1",
            "0000-000000000000000000",
            "0000-00000000000000000+1",
            "+000-0000000000000000001",
        ] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_june_evening_in_utc_is_already_the_next_day_in_london() {
        let local = Micros(1_717_197_600_000_000).in_london(); // 2024-05-31T23:20:00Z
        assert_eq!(local.date(), civil::date(2024, 6, 1));
        assert_eq!(
            Micros::from_london(local),
            Some(Micros(1_717_197_600_000_000))
        );
    }
}
