//! Quarters of calendar years, as titles and columns name them.

use std::fmt;

use crate::contract::moment::Date;
use crate::contract::parts::Period;

/// The editions of the code lists, each with its first quarter.
const EDITIONS: [(Quarter, &str); 2] = [
    (
        Quarter {
            year: 2018,
            last: 6,
        },
        "2018-04",
    ),
    (
        Quarter {
            year: 2023,
            last: 9,
        },
        "2023-07",
    ),
];
/// The months as titles name them.
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A quarter of a calendar year, by its last month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quarter {
    pub(super) year: i32,
    /// Its last month.
    pub(super) last: i32,
}

impl Quarter {
    pub(super) fn new(year: i32, last: i32) -> Option<Self> {
        ((2000..2100).contains(&year) && [3, 6, 9, 12].contains(&last))
            .then_some(Self { year, last })
    }

    /// The quarter of `201806`.
    pub(super) fn from_digits(text: &str) -> Option<Self> {
        let number: i32 = text.parse().ok()?;
        Self::new(number / 100, number % 100)
    }

    /// The quarter that a title names, such as `April to June 2018`.
    pub(super) fn from_title(title: &str) -> Option<Self> {
        let words: Vec<&str> = title
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|w| !w.is_empty())
            .collect();
        words.windows(4).find_map(|words| match words {
            [first, "to", last, year] => {
                let quarter = Self::new(year.parse().ok()?, month_number(last)?)?;
                (month_number(first)? == quarter.last - 2).then_some(quarter)
            }
            _ => None,
        })
    }

    /// The edition of the code lists in that quarter.
    pub(super) fn edition(self) -> &'static str {
        EDITIONS
            .iter()
            .rev()
            .find(|(from, _)| *from <= self)
            .unwrap_or(&EDITIONS[0])
            .1
    }

    /// The quarter's days.
    pub(super) fn period(self) -> Option<Period> {
        let Self { year, last } = self;
        let days = if last == 6 || last == 9 { 30 } else { 31 };
        let from = Date::parse(&format!("{year}-{:02}-01", last - 2))?;
        Some(Period {
            from,
            to: Date::parse(&format!("{year}-{last:02}-{days}"))?,
        })
    }
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.year, self.last)
    }
}

/// The number of a month, from 1.
fn month_number(name: &str) -> Option<i32> {
    let index = MONTHS.iter().position(|month| *month == name)?;
    Some(index as i32 + 1)
}
