//! The months of a figure in one line, and months in words.

use std::collections::BTreeMap;

use super::{Count, MonthFigure};
use crate::event::Month;
use crate::reference::windows::months_in_words;

/// How the months of a figure are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MonthStyle {
    /// As bars, for terminals.
    Bars,
    /// As digits, for files and logs, whose character set is not known.
    Digits,
}

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const DIGITS: [char; 9] = ['1', '2', '3', '4', '5', '6', '7', '8', '9'];
/// A month that was not supplied: not 0.
pub(super) const NOT_SUPPLIED: char = '.';
/// A month that is suspect.
pub(super) const SUSPECT: char = '?';
/// A month whose count is known within bounds only.
pub(super) const BETWEEN: char = '~';

impl MonthStyle {
    /// The months of a year, from 0 to the highest of them.
    pub(super) fn draw(self, first: Month, months: &BTreeMap<Month, MonthFigure>) -> String {
        let exact = months.values().filter_map(|month| match month.count {
            Count::Exact(count) if !month.is_suspect => Some(count),
            _ => None,
        });
        let most = exact.max().unwrap_or_default();
        let year = first.to(first.plus(11));
        let marks = year.map(|month| match months.get(&month) {
            None => NOT_SUPPLIED,
            Some(month) => match month.count {
                Count::NotSupplied => NOT_SUPPLIED,
                _ if month.is_suspect => SUSPECT,
                Count::Between(..) => BETWEEN,
                Count::Exact(count) => self.level(count, most),
            },
        });
        marks.collect()
    }

    /// The mark of a count. Only 0 is drawn as `0`.
    fn level(self, count: i64, most: i64) -> char {
        let levels: &[char] = match self {
            Self::Bars => &BARS,
            Self::Digits => &DIGITS,
        };
        if count == 0 {
            return '0';
        }
        let steps = levels.len() as i64;
        let level = (count * steps + most - 1) / most;
        levels[(level - 1) as usize]
    }

    /// What the marks of a year mean.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Bars => {
                "The bars are the months: a full bar is the highest of the row, 0 is none."
            }
            Self::Digits => "The digits are the months: 9 is the highest of the row, 0 is none.",
        }
    }
}

/// Months in words: `May 2017`, `April to June 2017 and March 2018`.
pub(super) fn in_words(months: &[Month]) -> String {
    let spans = months.chunk_by(|month, after| month.next() == *after);
    let spans = spans.filter_map(|span| Some(months_in_words(*span.first()?, *span.last()?)));
    let mut spans: Vec<String> = spans.collect();
    let last = spans.pop().unwrap_or_default();
    if spans.is_empty() {
        last
    } else {
        format!("{} and {last}", spans.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> Month {
        text.parse().expect("a month")
    }

    #[test]
    fn zero_a_small_count_and_what_was_not_supplied_look_different() {
        let figure = |count, is_suspect| MonthFigure {
            count,
            is_suspect,
            is_missing: false,
        };
        let months = BTreeMap::from([
            (month("2017-04"), figure(Count::Exact(0), false)),
            (month("2017-05"), figure(Count::Exact(1), false)),
            (month("2017-06"), figure(Count::Exact(90), false)),
            (month("2017-07"), figure(Count::NotSupplied, false)),
            (month("2017-08"), figure(Count::Exact(500), true)),
            (month("2017-09"), figure(Count::Between(3, None), false)),
            (month("2017-10"), figure(Count::Exact(45), false)),
        ]);
        let first = month("2017-04");
        assert_eq!(MonthStyle::Bars.draw(first, &months), "0▁█.?~▄.....");
        assert_eq!(MonthStyle::Digits.draw(first, &months), "019.?~5.....");
    }

    #[test]
    fn months_are_named_as_spans() {
        let months = ["2017-12", "2018-01", "2018-02", "2018-05"].map(month);
        assert_eq!(
            in_words(&months),
            "December 2017 to February 2018 and May 2018"
        );
        assert_eq!(in_words(&months[3..]), "May 2018");
    }
}
