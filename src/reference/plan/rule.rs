//! A rule of a plan: tests over what a partner sent. A record qualifies if it passes all of them.
//!
//! A record without the value that a test reads (no hour, no age, a flag not recorded) fails the
//! test. Codes are compared in the folded form of their scheme ([`Fold`]).

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Time, Weekday};

use crate::contract::Record;
use crate::contract::flags::Flags;
use crate::contract::moment::{Moment, Precision};
use crate::contract::parts::Role;
use crate::event::Kind;
use crate::reference::carried::Carried;
use crate::reference::pattern::{Fold, Pattern};
use crate::reference::source_code::SourceCode;

/// Tests over a record; an absent key is not tested.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// Its id within its series.
    pub id: String,
    /// Any of these kinds; empty = any kind.
    pub kinds: Vec<Kind>,
    /// Any code of the record matches any of these patterns, by scheme; empty = any codes or none.
    pub codes: BTreeMap<String, Vec<Pattern>>,
    /// Any of these flags is true, as bits ([`Flags::NAMES`]); 0 = any flags or none.
    pub flags: u32,
    /// The record's zone is any of these places, or its LSOA is part of one; empty = anywhere.
    pub places: Vec<String>,
    /// The LSOAs of those places.
    pub lsoas: BTreeSet<String>,
    /// The area plays any of these roles in the record; empty = any role.
    pub roles: Vec<Role>,
    /// The age band of the person, victim or suspect is inside any of these; empty = any age.
    pub ages: Vec<Ages>,
    /// It happened, or began, in these hours of the day (Europe/London).
    pub hours: Option<Hours>,
    /// It happened, or began, on any of these days of the week (Europe/London); empty = any day.
    pub weekdays: Vec<Weekday>,
}

/// A test that a record passed, and the value by which it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The key of the rule, such as `flags` or `codes.ho-category`.
    pub key: String,
    /// The value of the record, such as `domestic_abuse` or `8N`.
    pub value: String,
}

impl Rule {
    /// Every pattern with its scheme.
    pub fn patterns(&self) -> impl Iterator<Item = (&str, &Pattern)> {
        self.codes
            .iter()
            .flat_map(|(scheme, patterns)| patterns.iter().map(move |pattern| (&**scheme, pattern)))
    }

    /// Whether records of a kind may match.
    pub fn accepts(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// Whether a kind of record can match at all, given what its partner's system carries.
    pub fn applicable(&self, carried: &Carried, kind: Kind) -> bool {
        self.accepts(kind)
            && (self.codes.is_empty()
                || self
                    .codes
                    .iter()
                    .any(|(scheme, patterns)| carried.can_match(scheme, patterns)))
            && (self.flags == 0 || self.flags & carried.flags != 0)
    }

    /// Whether it tests more than kind, codes and flags.
    pub(crate) fn has_other_tests(&self) -> bool {
        let Self {
            id: _,
            kinds: _,
            codes: _,
            flags: _,
            places,
            lsoas: _,
            roles,
            ages,
            hours,
            weekdays,
        } = self;
        let tests_area = !places.is_empty() || !roles.is_empty();
        tests_area || !ages.is_empty() || hours.is_some() || !weekdays.is_empty()
    }

    /// Whether a record passes every test other than those of kind, codes and flags.
    pub(super) fn passes_other_tests(&self, record: &Record<'_>) -> bool {
        let Self {
            id: _,
            kinds: _,
            codes: _,
            flags: _,
            places,
            lsoas: _,
            roles,
            ages,
            hours,
            weekdays,
        } = self;
        (places.is_empty() || self.place(record).is_some())
            && (roles.is_empty() || self.role(record).is_some())
            && (ages.is_empty() || self.age(record).is_some())
            && (hours.is_none() || self.hour(record).is_some())
            && (weekdays.is_empty() || self.weekday(record).is_some())
    }

    /// The values of the record that each key matched; `None` if the rule does not match.
    pub fn explain(&self, record: &Record<'_>, codes: &[SourceCode<'_>]) -> Option<Vec<Hit>> {
        let Self {
            id: _,
            kinds,
            codes: patterns,
            flags,
            places: _,
            lsoas: _,
            roles: _,
            ages: _,
            hours: _,
            weekdays: _,
        } = self;
        let true_flags = flags & record.flags.yes;
        let has_flag = *flags == 0 || true_flags != 0;
        if !self.accepts(record.kind) || !has_flag || !self.passes_other_tests(record) {
            return None;
        }
        let mut hits = Vec::new();
        let mut add = |key: &str, value: &str| {
            hits.push(Hit {
                key: key.to_owned(),
                value: value.to_owned(),
            });
        };
        if !kinds.is_empty() {
            add("kinds", record.kind.as_str());
        }
        let mut found_code = patterns.is_empty();
        for code in codes.iter().filter(|code| self.names(code)) {
            add(&format!("codes.{}", code.scheme), &code.code);
            found_code = true;
        }
        Flags::names(true_flags).for_each(|name| add("flags", name));
        let mut found =
            |key: &str, value: Option<String>| value.iter().for_each(|value| add(key, value));
        found("places", self.place(record).map(str::to_owned));
        found("roles", self.role(record).map(str::to_owned));
        found("ages", self.age(record).map(str::to_owned));
        found(
            "hours",
            self.hour(record)
                .map(|time| time.strftime("%H:%M").to_string()),
        );
        found(
            "weekdays",
            self.weekday(record).map(|day| weekday_name(day).to_owned()),
        );
        found_code.then_some(hits)
    }

    fn names(&self, code: &SourceCode<'_>) -> bool {
        let patterns = self.codes.get(code.scheme).into_iter().flatten();
        Fold::for_scheme(code.scheme).any(&code.code, |folded| {
            patterns
                .clone()
                .any(|pattern| pattern.matches(folded, code.edition))
        })
    }

    fn place<'r>(&self, record: &Record<'r>) -> Option<&'r str> {
        let zone = record
            .area_zone
            .filter(|zone| self.places.iter().any(|place| place == zone));
        zone.or_else(|| record.area_code.filter(|code| self.lsoas.contains(*code)))
    }

    fn role<'r>(&self, record: &Record<'r>) -> Option<&'r str> {
        record
            .area_role
            .filter(|name| self.roles.iter().any(|role| role.as_str() == *name))
    }

    fn age<'r>(&self, record: &Record<'r>) -> Option<&'r str> {
        let bands = [
            record.person_age_band,
            record.victim_age_band,
            record.suspect_age_band,
        ];
        bands.into_iter().flatten().find(|band| {
            Ages::parse(band).is_some_and(|band| self.ages.iter().any(|ages| ages.contains(band)))
        })
    }

    fn hour(&self, record: &Record<'_>) -> Option<Time> {
        let local = began(record, Precision::Instant)?.time();
        self.hours
            .filter(|hours| hours.contains(local))
            .map(|_| local)
    }

    fn weekday(&self, record: &Record<'_>) -> Option<Weekday> {
        let day = began(record, Precision::Day)?.date().weekday();
        self.weekdays.contains(&day).then_some(day)
    }

    /// The tests in one form, independent of their order in the file. A series' scope is a hash of it.
    pub fn canonical(&self) -> String {
        let Self {
            id: _,
            kinds,
            codes,
            flags,
            places,
            lsoas: _,
            roles,
            ages,
            hours,
            weekdays,
        } = self;
        let mut by_key: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut test = |key: &str, mut values: Vec<String>| {
            values.sort();
            values.dedup();
            if !values.is_empty() {
                by_key.insert(key.to_owned(), values);
            }
        };
        test("kinds", kinds.iter().map(ToString::to_string).collect());
        for (scheme, patterns) in codes {
            test(
                &format!("codes.{scheme}"),
                patterns.iter().map(Pattern::canonical).collect(),
            );
        }
        test("flags", Flags::names(*flags).map(str::to_owned).collect());
        test("places", places.clone());
        test(
            "roles",
            roles.iter().map(|role| role.as_str().to_owned()).collect(),
        );
        test("ages", ages.iter().copied().map(Ages::canonical).collect());
        test(
            "hours",
            hours.iter().copied().map(Hours::canonical).collect(),
        );
        test(
            "weekdays",
            weekdays
                .iter()
                .map(|day| weekday_name(*day).to_owned())
                .collect(),
        );
        let lines: Vec<String> = by_key
            .into_iter()
            .map(|(key, values)| format!("{key}={}", values.join(",")))
            .collect();
        lines.join(";")
    }
}

/// The local civil time at which a record's event began, if it is known at least so exactly.
fn began(record: &Record<'_>, at_least: Precision) -> Option<jiff::civil::DateTime> {
    let moment: Moment = record.occurred_from?;
    (moment.precision() >= at_least)
        .then(|| moment.low())
        .flatten()
        .map(crate::event::Micros::in_london)
}

/// A band of years, both ends inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ages {
    low: u8,
    /// `u8::MAX` for an open band.
    high: u8,
}

impl Ages {
    /// `18-24` or `65+`; the first below the second.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(low) = text.strip_suffix('+') {
            return Some(Self {
                low: parse_age(low)?,
                high: u8::MAX,
            });
        }
        let (low, high) = text.split_once('-')?;
        Some(Self {
            low: parse_age(low)?,
            high: parse_age(high)?,
        })
        .filter(|ages| ages.low < ages.high)
    }

    /// The lowest and the highest year; the highest of an open band is 255.
    pub const fn bounds(self) -> (u8, u8) {
        (self.low, self.high)
    }

    /// Whether another band is inside this one.
    pub const fn contains(self, band: Self) -> bool {
        self.low <= band.low && band.high <= self.high
    }

    fn canonical(self) -> String {
        if self.high == u8::MAX {
            format!("{}+", self.low)
        } else {
            format!("{}-{}", self.low, self.high)
        }
    }
}

fn parse_age(text: &str) -> Option<u8> {
    if !(1..=3).contains(&text.len()) {
        return None;
    }
    text.parse().ok()
}

/// Hours of the day, start inclusive, end exclusive; may pass midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from: Time,
    to: Time,
}

/// A time as `hh:mm`.
fn parse_time(text: &str) -> Option<Time> {
    let (hour, minute) = text
        .split_once(':')
        .filter(|(h, m)| h.len() == 2 && m.len() == 2)?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

impl Hours {
    /// `18:00-06:00`.
    pub fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        Some(Self {
            from: parse_time(from)?,
            to: parse_time(to)?,
        })
        .filter(|hours| hours.from != hours.to)
    }

    /// From which time to which, in minutes of the day.
    pub fn minutes(self) -> (i32, i32) {
        [self.from, self.to]
            .map(|time| i32::from(time.hour()) * 60 + i32::from(time.minute()))
            .into()
    }

    /// Whether a local time is inside.
    pub fn contains(self, time: Time) -> bool {
        if self.from < self.to {
            self.from <= time && time < self.to
        } else {
            self.from <= time || time < self.to
        }
    }

    fn canonical(self) -> String {
        format!(
            "{}-{}",
            self.from.strftime("%H:%M"),
            self.to.strftime("%H:%M")
        )
    }
}

/// Days of the week as plans write them, Monday first.
pub const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

fn weekday_name(day: Weekday) -> &'static str {
    WEEKDAYS
        .iter()
        .find(|(_, d)| *d == day)
        .map_or("", |(name, _)| name)
}
