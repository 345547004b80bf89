//! Windows: spans of whole calendar months (Europe/London) for which figures are given.
//!
//! A window's id, `<family>:<span>`, defines it. A partnership can add its own in
//! `config/windows.toml`, under an id without a family.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil;

use crate::event::Month;
use crate::files::TextFiles;
use crate::files::fault::FaultSink;
use crate::files::toml_reader::{TomlReader, parse};

/// The file.
const FILE: &str = "windows.toml";
/// The longest window of one's own, in months.
const MONTHS_MAX: i64 = 240;

/// Windows of one length and rhythm, which can be compared with one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// April to October, before the assessment is written: `apr-oct:2017`.
    AprilToOctober,
    /// April to March: `fy:2017-18`.
    FinancialYear,
    /// The 36 months that end with one: `last36:2018-10`.
    Last36,
    /// The 59 months that end with one, as a control chart shows them: `last59:2017-11`.
    Last59,
    /// `month:2018-10`.
    Month,
    /// November to October, the year of an assessment: `nov-oct:2016-17`.
    NovemberToOctober,
    /// Of the calendar year: `quarter:2018-q4`.
    Quarter,
    /// The 12 months that end with one: `r12:2018-09`.
    Rolling12,
    /// `year:2018`.
    Year,
    /// The partnership's own.
    Own,
}

impl Family {
    /// Every family but the partnership's own.
    pub const ALL: [Self; 9] = [
        Self::AprilToOctober,
        Self::FinancialYear,
        Self::Last36,
        Self::Last59,
        Self::Month,
        Self::NovemberToOctober,
        Self::Quarter,
        Self::Rolling12,
        Self::Year,
    ];

    /// The name in ids.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AprilToOctober => "apr-oct",
            Self::FinancialYear => "fy",
            Self::Last36 => "last36",
            Self::Last59 => "last59",
            Self::Month => "month",
            Self::NovemberToOctober => "nov-oct",
            Self::Quarter => "quarter",
            Self::Rolling12 => "r12",
            Self::Year => "year",
            Self::Own => "own",
        }
    }

    /// How many months its windows have; 0 for the partnership's own, which differ.
    pub const fn months(self) -> u16 {
        match self {
            Self::Month => 1,
            Self::Quarter => 3,
            Self::AprilToOctober => 7,
            Self::FinancialYear | Self::NovemberToOctober | Self::Rolling12 | Self::Year => 12,
            Self::Last36 => 36,
            Self::Last59 => 59,
            Self::Own => 0,
        }
    }

    /// The calendar months in which its windows begin; empty where they go by their end.
    const fn begins_in(self) -> &'static [i8] {
        match self {
            Self::Month => &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
            Self::Quarter => &[1, 4, 7, 10],
            Self::AprilToOctober | Self::FinancialYear => &[4],
            Self::NovemberToOctober => &[11],
            Self::Year => &[1],
            Self::Rolling12 | Self::Last36 | Self::Last59 | Self::Own => &[],
        }
    }

    /// The window that begins with a month, if one does.
    fn beginning(self, first: Month) -> Option<Window> {
        let day = first.first_day();
        self.begins_in()
            .contains(&day.month())
            .then(|| self.window(first))
    }

    /// The window that ends with a month.
    fn ending(self, last: Month) -> Window {
        self.window(last.plus(1 - i32::from(self.months())))
    }

    fn window(self, first: Month) -> Window {
        let months = self.months();
        let (day, last) = (first.first_day(), first.plus(i32::from(months) - 1));
        let span = match self {
            Self::Month => first.to_string(),
            Self::Quarter => format!("{:04}-q{}", day.year(), (day.month() + 2) / 3),
            Self::FinancialYear | Self::NovemberToOctober => {
                format!("{:04}-{:02}", day.year(), (day.year() + 1) % 100)
            }
            Self::Year | Self::AprilToOctober => format!("{:04}", day.year()),
            Self::Rolling12 | Self::Last36 | Self::Last59 | Self::Own => last.to_string(),
        };
        Window {
            id: format!("{}:{span}", self.as_str()),
            family: self,
            first,
            months,
        }
    }
}

/// The months from one to another in words: `April to June 2017`.
pub fn months_in_words(first: Month, last: Month) -> String {
    let (from, to) = (first.first_day(), last.first_day());
    let end = to.strftime("%B %Y");
    if first == last {
        end.to_string()
    } else if from.year() == to.year() {
        format!("{} to {end}", from.strftime("%B"))
    } else {
        format!("{} to {end}", from.strftime("%B %Y"))
    }
}

/// A span of whole months.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Its id in tables.
    pub id: String,
    /// Its family.
    pub family: Family,
    /// Its first month.
    pub first: Month,
    /// How many months it has.
    pub months: u16,
}

impl Window {
    /// Parses an id; `None` for any other text, and for a partnership's own windows.
    pub fn parse(id: &str) -> Option<Self> {
        let (family, span) = id.split_once(':')?;
        let family = Family::ALL.into_iter().find(|own| own.as_str() == family)?;
        let window = match family {
            Family::Month => family.window(span.parse().ok()?),
            Family::Rolling12 | Family::Last36 | Family::Last59 => {
                family.ending(span.parse().ok()?)
            }
            Family::Quarter => {
                let number: u8 = span
                    .get(6..)?
                    .parse()
                    .ok()
                    .filter(|number| (1..=4).contains(number))?;
                family.window(month_of_year(span, number * 3 - 2)?)
            }
            Family::FinancialYear | Family::AprilToOctober => {
                family.window(month_of_year(span, 4)?)
            }
            Family::NovemberToOctober => family.window(month_of_year(span, 11)?),
            Family::Year => family.window(month_of_year(span, 1)?),
            Family::Own => return None,
        };
        // Another spelling (`fy:2017-19`, `year:2018-`) is not an id.
        Some(window).filter(|window| window.id == id)
    }

    /// The window of a month.
    pub fn of_month(month: Month) -> Self {
        Family::Month.window(month)
    }

    /// Its months in words.
    pub fn label(&self) -> String {
        months_in_words(self.first, self.last())
    }

    /// Whether it is a calendar month.
    pub fn is_month(&self) -> bool {
        self.family == Family::Month
    }

    /// Whether it is a quarter of a calendar year.
    pub fn is_quarter(&self) -> bool {
        self.family == Family::Quarter
    }

    /// Its last month.
    pub fn last(&self) -> Month {
        self.first.plus(i32::from(self.months) - 1)
    }

    /// Its first day.
    pub fn from(&self) -> civil::Date {
        self.first.first_day()
    }

    /// Its last day.
    pub fn to(&self) -> civil::Date {
        self.last().last_day()
    }

    /// The day in its middle.
    pub fn middle(&self) -> civil::Date {
        self.from()
            .saturating_add(jiff::Span::new().days(self.days() / 2))
    }

    /// How many days it has.
    pub fn days(&self) -> i64 {
        i64::from((self.to() - self.from()).get_days()) + 1
    }

    /// Whether it has a month in common with a span.
    fn overlaps(&self, first: Month, last: Month) -> bool {
        self.first <= last && first <= self.last()
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

/// Which windows figures are given for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// The month with which figures begin.
    pub first_month: Month,
    /// The partnership's own, in order of ids.
    pub own: Vec<Window>,
}

impl Windows {
    pub(crate) fn read(files: &TextFiles, sink: &FaultSink) -> Self {
        let mut windows = Self {
            first_month: Month::from_date(civil::date(2013, 4, 1)),
            own: Vec::new(),
        };
        let Some(text) = files.text(FILE) else {
            sink.add(FILE, "", "is missing");
            return windows;
        };
        let Some(table) = parse(FILE, text, sink) else {
            return windows;
        };
        let reader = TomlReader::new(FILE, &table, sink);
        reader.format();
        windows.first_month = read_month(&reader, "first_month").unwrap_or(windows.first_month);
        let mut ids = BTreeSet::new();
        for window in reader.tables("window") {
            let id = window.id("id");
            if !ids.insert(id) {
                window.fault("id", format!("`{id}` is given twice"));
            }
            let (first, months) = (read_month(&window, "first"), read_months(&window));
            if let (Some(first), Some(months)) = (first, months) {
                windows.own.push(Window {
                    id: id.to_owned(),
                    family: Family::Own,
                    first,
                    months,
                });
            }
        }
        windows.own.sort_by(|a, b| a.id.cmp(&b.id));
        windows
    }

    /// The windows over a span of months, in order of ids: for families named by their last month, the
    /// window that ends with the span; for the others, every window with a month of it.
    pub fn over(&self, first: Month, last: Month) -> Vec<Window> {
        let first = first.max(self.first_month);
        if first > last {
            return Vec::new();
        }
        let mut windows: Vec<Window> = self
            .own
            .iter()
            .filter(|own| own.overlaps(first, last))
            .cloned()
            .collect();
        for family in Family::ALL {
            if family.begins_in().is_empty() {
                windows.push(family.ending(last));
            } else {
                let earliest = first.plus(1 - i32::from(family.months()));
                windows.extend(
                    earliest
                        .to(last)
                        .filter_map(|month| family.beginning(month)),
                );
            }
        }
        windows.sort_by(|a, b| a.id.cmp(&b.id));
        windows
    }

    /// The window of an id, also of the partnership's own.
    pub fn get(&self, id: &str) -> Option<Window> {
        self.own
            .iter()
            .find(|own| own.id == id)
            .cloned()
            .or_else(|| Window::parse(id))
    }
}

/// The month of the year with which a span begins.
fn month_of_year(span: &str, month: u8) -> Option<Month> {
    format!("{}-{month:02}", span.get(..4)?).parse().ok()
}

fn read_month(reader: &TomlReader<'_>, key: &str) -> Option<Month> {
    let text = reader.required(key, reader.text(key))?;
    text.parse()
        .inspect_err(|error| reader.fault(key, format!("`{text}` {error}")))
        .ok()
}

fn read_months(reader: &TomlReader<'_>) -> Option<u16> {
    let months = reader.required("months", reader.integer("months"))?;
    if !(1..=MONTHS_MAX).contains(&months) {
        reader.fault(
            "months",
            format!("{months} is not between 1 and {MONTHS_MAX}"),
        );
        return None;
    }
    Some(months as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Reference;
    use crate::reference::tests::{changed, faults_of, reference_of};

    #[track_caller]
    fn check(id: &str, from: &str, to: &str, days: i64) {
        let window = Window::parse(id).expect("a window");
        assert_eq!(
            (
                window.id.as_str(),
                window.from().to_string(),
                window.to().to_string()
            ),
            (id, from.into(), to.into())
        );
        assert_eq!(window.days(), days, "{id}");
    }

    #[test]
    fn an_id_says_which_days_are_meant() {
        check("month:2020-02", "2020-02-01", "2020-02-29", 29);
        check("quarter:2018-q4", "2018-10-01", "2018-12-31", 92);
        check("fy:2017-18", "2017-04-01", "2018-03-31", 365);
        check("fy:1999-00", "1999-04-01", "2000-03-31", 366);
        check("nov-oct:2016-17", "2016-11-01", "2017-10-31", 365);
        check("year:2018", "2018-01-01", "2018-12-31", 365);
        check("r12:2018-09", "2017-10-01", "2018-09-30", 365);
        check("apr-oct:2017", "2017-04-01", "2017-10-31", 214);
        check("last36:2018-10", "2015-11-01", "2018-10-31", 1096);
        check("last59:2017-11", "2013-01-01", "2017-11-30", 1795);
    }

    #[test]
    fn a_window_is_called_by_its_months() {
        for (id, label) in [
            ("month:2018-10", "October 2018"),
            ("quarter:2018-q4", "October to December 2018"),
            ("fy:2017-18", "April 2017 to March 2018"),
            ("r12:2018-09", "October 2017 to September 2018"),
        ] {
            assert_eq!(
                Window::parse(id).map(|window| window.label()).as_deref(),
                Some(label)
            );
        }
    }

    #[test]
    fn what_is_written_another_way_is_no_id() {
        for id in [
            "",
            "2018-10",
            "month:2018-13",
            "month:2018-1",
            "quarter:2018-q5",
            "quarter:2018-q04",
            "quarter:2018-04",
            "fy:2017-19",
            "fy:2017",
            "year:18",
            "year:2018-",
            "r12:2018",
            "own:x",
            "weeks:2018-10",
            "nov-oct:201é-17",
        ] {
            assert_eq!(Window::parse(id), None, "{id}");
        }
    }

    fn ids(windows: &Windows, first: &str, last: &str) -> Vec<String> {
        let months = (first.parse().expect("month"), last.parse().expect("month"));
        windows
            .over(months.0, months.1)
            .into_iter()
            .map(|window| window.id)
            .collect()
    }

    #[test]
    fn a_span_gives_every_window_that_has_a_month_of_it() {
        let windows = Reference::load(None).expect("built in").windows;
        let expected = [
            "apr-oct:2018",
            "fy:2018-19",
            "last36:2018-11",
            "last59:2018-11",
            "month:2018-10",
            "month:2018-11",
            "nov-oct:2017-18",
            "nov-oct:2018-19",
            "quarter:2018-q4",
            "r12:2018-11",
            "year:2018",
        ];
        assert_eq!(ids(&windows, "2018-10", "2018-11"), expected);
        let from_the_first_plan = ids(&windows, "2001-01", "2013-04");
        assert_eq!(from_the_first_plan, ids(&windows, "2013-04", "2013-04"));
        assert!(ids(&windows, "2001-01", "2013-03").is_empty());
        let five_months = ids(&windows, "2018-10", "2019-02");
        assert!(
            five_months
                .iter()
                .all(|id| Window::parse(id).is_some_and(|window| window.id == *id))
        );
    }

    #[test]
    fn a_partnership_has_windows_of_its_own() {
        let own = "[[window]]\nid = \"summer-2018\"\nfirst = \"2018-06\"\nmonths = 3";
        let windows = reference_of(&changed("windows.toml", "# An example:", own)).windows;
        assert_eq!(
            windows.get("summer-2018").expect("own").to(),
            civil::date(2018, 8, 31)
        );
        assert_eq!(windows.get("year:2018"), Window::parse("year:2018"));
        assert!(ids(&windows, "2018-08", "2018-09").contains(&"summer-2018".to_owned()));
        assert!(!ids(&windows, "2018-09", "2018-09").contains(&"summer-2018".to_owned()));
    }

    #[test]
    fn what_windows_may_not_say_is_refused() {
        let own = |window: &str| changed("windows.toml", "# An example:", window);
        for (window, words) in [
            (
                "[[window]]\nid = \"A\"\nfirst = \"2018-06\"\nmonths = 3",
                "window[0].id: `A` is not kebab-case",
            ),
            (
                "[[window]]\nid = \"a\"\nfirst = \"June\"\nmonths = 3",
                "window[0].first: `June` is not a month such as 2018-10",
            ),
            (
                "[[window]]\nid = \"a\"\nfirst = \"2018-06\"\nmonths = 0",
                "window[0].months: 0 is not between 1 and 240",
            ),
            (
                "[[window]]\nid = \"a\"\nfirst = \"2018-06\"",
                "window[0].months: is missing",
            ),
            (
                "[[window]]\nid = \"a\"\n[[window]]\nid = \"a\"",
                "window[1].id: `a` is given twice",
            ),
        ] {
            let faults = faults_of(&own(window));
            assert!(
                faults.contains(words),
                "expected: {words}\nfaults: {faults}"
            );
        }
        assert!(
            faults_of(&changed("windows.toml", "2013-04", "2013"))
                .contains("first_month: `2013` is not a month")
        );
    }
}
