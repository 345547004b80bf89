//! How long records are kept, and which may not be erased.
//!
//! A period begins with the month of the latest date that a record states, and ends with a month, so
//! that every month of figures is either kept or not. It must not know how records are found.

pub mod expired;

use std::collections::HashMap;
use std::str::FromStr;

use jiff::civil;
use serde::Deserialize;

use crate::aggregate::state::latest::{RecordId, record_id};
use crate::event::{Feed, Kind, Month};
use crate::files::fault::hint;

/// How long everything is kept.
#[derive(Clone, Debug, Default)]
pub struct RetentionSettings {
    /// Records whose kind has no period of its own.
    pub events: Period,
    /// How many months no revision of a record may have come before it is erased.
    pub quiet_months: u16,
    /// Days that the bytes of rejects are kept; none = for good.
    pub rejects_raw_days: Option<u16>,
    /// Days that the topics keep records; none = the broker decides.
    pub kafka_days: Option<u16>,
    /// Days that the dead-letter topic keeps them; none = the broker decides.
    pub dead_letters_days: Option<u16>,
    /// Days that backups are kept; none = not known.
    pub backups_days: Option<u16>,
    /// Days after which a bucket deletes old versions of files; none = it may keep none.
    pub old_versions_days: Option<u16>,
    /// The kinds that have periods of their own.
    pub kinds: Vec<KindPeriod>,
    /// Records that may not be erased.
    pub preserved: Preserved,
}

/// How long records are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Period {
    /// For good.
    #[default]
    Unlimited,
    /// Months after the month of the latest date that the record states.
    Months(u16),
}

impl FromStr for Period {
    type Err = &'static str;

    /// `never` (it ends), `7y` or `36m`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "never" {
            return Ok(Self::Unlimited);
        }
        let months = text.strip_suffix('m').and_then(|n| n.parse().ok());
        let years = || text.strip_suffix('y')?.parse::<u16>().ok()?.checked_mul(12);
        let months = months
            .or_else(years)
            .filter(|months| (1..=1_200).contains(months));
        months
            .map(Self::Months)
            .ok_or("must be never, or years or months up to 100y, such as 7y or 36m")
    }
}

/// What follows the end of a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterPeriod {
    /// The records are erased.
    #[default]
    Erase,
    /// People review them; then they are erased (College of Policing, APP Management of Police
    /// Information: retention, review and disposal).
    Review,
}

impl AfterPeriod {
    /// All, by their names in the settings.
    pub const ALL: [(&'static str, Self); 2] = [("erase", Self::Erase), ("review", Self::Review)];
}

/// The period of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindPeriod {
    /// As the settings name it: `kind`, `feed.kind` or `partner:kind`.
    pub key: String,
    /// The partner; none = all.
    pub partner: Option<String>,
    /// The kind.
    pub kind: Kind,
    /// How long its records are kept.
    pub period: Period,
    /// What follows.
    pub after: AfterPeriod,
}

impl KindPeriod {
    /// Reads the key of a kind.
    pub fn parse(key: &str, period: Period, after: AfterPeriod) -> Result<Self, &'static str> {
        let (partner, name) = match key.split_once(':') {
            Some((partner, name)) => (Some(partner), name),
            None => (None, key),
        };
        let (feed, name) = match name.split_once('.') {
            Some((feed, name)) if partner.is_none() => (Some(feed), name),
            _ => (None, name),
        };
        let of_feed = |kind: &Kind| feed.is_none() || kind.feed().map(Feed::as_str) == feed;
        let kind = Kind::from_name(name).filter(of_feed);
        let kind = kind
            .ok_or("is not a kind: write kind, feed.kind or partner:kind, such as police.crime")?;
        if kind == Kind::Count && period != Period::Unlimited {
            return Err("must be never: totals are not personal data");
        }
        Ok(Self {
            key: key.to_owned(),
            partner: partner.map(str::to_owned),
            kind,
            period,
            after,
        })
    }
}

impl Period {
    /// The first month that is kept on a day; none = all are.
    fn kept_from(self, today: civil::Date) -> Option<Month> {
        match self {
            Self::Unlimited => None,
            Self::Months(months) => Some(Month::from_date(today).plus(-i32::from(months))),
        }
    }
}

impl RetentionSettings {
    /// The period of a partner's kind, its own or else that of the kind; and how the settings name it.
    fn of(&self, partner: &str, kind: Kind) -> (&str, Period, AfterPeriod) {
        let of_kind = || self.kinds.iter().filter(|period| period.kind == kind);
        let own = of_kind().find(|period| period.partner.as_deref() == Some(partner));
        match own.or_else(|| of_kind().find(|period| period.partner.is_none())) {
            Some(period) => (&period.key, period.period, period.after),
            None if kind == Kind::Count => ("count", Period::Unlimited, AfterPeriod::Erase),
            None => ("events", self.events, AfterPeriod::Erase),
        }
    }

    /// Why a review cannot be of records that are past their period on a day.
    pub fn fault_of_review(&self, review: &Review, today: civil::Date) -> Option<String> {
        let mut kinds = self.kinds.iter();
        let kind = kinds.find(|kind| kind.key == review.key && kind.after == AfterPeriod::Review);
        let Some(kind) = kind else {
            let reviewed = self
                .kinds
                .iter()
                .filter(|kind| kind.after == AfterPeriod::Review);
            let hint = hint(&review.key, reviewed.map(|kind| &*kind.key));
            return Some(format!(
                "`{}` has no period that ends with a review{hint}",
                review.key
            ));
        };
        let kept_from = kind.period.kept_from(today)?;
        (review.end() > kept_from).then(|| {
            format!(
                "{} of `{}` are not past their period: they are kept from {kept_from}",
                review.year, review.key
            )
        })
    }

    /// Whether any record may be past its period.
    fn has_periods(&self) -> bool {
        let mut periods = self.kinds.iter().map(|kind| kind.period);
        self.events != Period::Unlimited || periods.any(|period| period != Period::Unlimited)
    }
}

/// A review of records that are past their period: those up to the end of a year may be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The kind, as the settings name it.
    pub key: String,
    /// The last year that was reviewed.
    pub year: i16,
}

impl Review {
    /// The first month that it does not cover.
    fn end(&self) -> Month {
        Month::from_date(civil::date(self.year + 1, 1, 1))
    }
}

impl FromStr for Review {
    type Err = &'static str;

    /// `police.crime:2019`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FAULT: &str =
            "must be a kind of [retention.kinds] and a year, such as police.crime:2019";
        let (key, year) = text.rsplit_once(':').ok_or(FAULT)?;
        let year: i16 = year.parse().map_err(|_| FAULT)?;
        if !(1900..=9998).contains(&year) {
            return Err(FAULT);
        }
        let key = key.to_owned();
        Ok(Self { key, year })
    }
}

/// Records that may not be erased, such as those whose processing is restricted (UK GDPR, article 18).
#[derive(Clone, Debug, Default)]
pub struct Preserved(HashMap<RecordId, String>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PreservedFile {
    #[serde(default)]
    record: Vec<PreservedRecords>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PreservedRecords {
    case: String,
    source: String,
    subjects: Vec<String>,
}

impl Preserved {
    /// Reads a file of preserved records. The error does not repeat a subject.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: PreservedFile = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            format!(
                "line {line} is not as expected: write [[record]] with case, source and subjects"
            )
        })?;
        let mut preserved = HashMap::new();
        for records in &file.record {
            for subject in &records.subjects {
                preserved.insert(record_id(&records.source, subject), records.case.clone());
            }
        }
        Ok(Self(preserved))
    }

    /// The case for which a record is preserved.
    pub fn case_of(&self, source: &str, subject: &str) -> Option<&str> {
        self.0.get(&record_id(source, subject)).map(String::as_str)
    }

    fn contains(&self, record: &RecordId) -> bool {
        self.0.contains_key(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(key: &str, period: &str, after: AfterPeriod) -> KindPeriod {
        KindPeriod::parse(key, period.parse().expect("a period"), after).expect("a kind")
    }

    #[test]
    fn periods_are_years_or_months() {
        assert_eq!("7y".parse(), Ok(Period::Months(84)));
        assert_eq!("36m".parse(), Ok(Period::Months(36)));
        assert_eq!("never".parse(), Ok(Period::Unlimited));
        for invalid in ["", "7", "0y", "60d", "-1y", "101y", "7 y"] {
            assert!(invalid.parse::<Period>().is_err(), "{invalid}");
        }
        let today = civil::date(2026, 11, 29);
        let kept_from = Period::Months(84).kept_from(today);
        assert_eq!(
            kept_from.map(|month| month.to_string()).as_deref(),
            Some("2019-11")
        );
    }

    #[test]
    fn the_most_exact_period_wins_and_totals_have_none() {
        let settings = RetentionSettings {
            events: Period::Months(84),
            kinds: vec![
                kind("police.referral", "3y", AfterPeriod::Erase),
                kind("kent-police:referral", "2y", AfterPeriod::Erase),
            ],
            ..RetentionSettings::default()
        };
        let period = |partner, kind| settings.of(partner, kind).1;
        assert_eq!(period("kent-police", Kind::Referral), Period::Months(24));
        assert_eq!(period("surrey-police", Kind::Referral), Period::Months(36));
        assert_eq!(period("kent-police", Kind::Crime), Period::Months(84));
        assert_eq!(period("kent-police", Kind::Count), Period::Unlimited);
        let read = |key, period: &str| {
            let period = period.parse().expect("a period");
            KindPeriod::parse(key, period, AfterPeriod::Erase).is_ok()
        };
        assert!(read("crime", "7y") && read("count", "never"));
        for key in ["health.crime", "crimes", "", "kent-police:police.crime"] {
            assert!(!read(key, "7y"), "{key}");
        }
        assert!(!read("count", "7y"));
    }

    #[test]
    fn a_review_is_of_a_kind_that_is_reviewed_and_of_years_past_their_period() {
        let settings = RetentionSettings {
            kinds: vec![kind("police.crime", "7y", AfterPeriod::Review)],
            ..RetentionSettings::default()
        };
        let fault = |review: &str| {
            let review = review.parse().expect("a review");
            settings.fault_of_review(&review, civil::date(2026, 12, 1))
        };
        assert_eq!(fault("police.crime:2018"), None);
        assert!(
            fault("police.crime:2019").is_some(),
            "December 2019 is kept"
        );
        assert!(fault("crime:2018").is_some());
        for invalid in ["police.crime", "police.crime:19", "police.crime:x"] {
            assert!(invalid.parse::<Review>().is_err(), "{invalid}");
        }
    }

    #[test]
    fn a_file_of_holds_names_records_and_its_errors_do_not() {
        let text =
            "[[record]]\ncase = \"DP-7\"\nsource = \"urn:partner:a:b\"\nsubjects = [\"46-1\"]\n";
        let preserved = Preserved::parse(text).expect("preserved");
        assert_eq!(preserved.case_of("urn:partner:a:b", "46-1"), Some("DP-7"));
        assert_eq!(preserved.case_of("urn:partner:a:b", "46-2"), None);
        assert_eq!(preserved.case_of("urn:partner:a:c", "46-1"), None);
        for broken in [
            "[[record]]\ncase = \"DP-7\"\nsubjects = [\"46-1\"]\n",
            "[[record]]\nsubjects = [\"46-1\" \"46-2\"]\n",
            "[[record]]\nsubject = \"46-1\"\n",
        ] {
            let error = Preserved::parse(broken).expect_err("broken");
            assert!(
                error.starts_with("line ") && !error.contains("46-1"),
                "{error}"
            );
        }
    }
}
