//! Sentences about one measure, from its [`Wording`].

use jiff::civil;

use crate::assess::draft::{Draft, Measure};
use crate::assess::prose::{Prose, day, listed, month, name, prose};
use crate::assess::query::{Expression, Selection};
use crate::assess::value::NumberFormat;
use crate::assess::words::{Wording, break_effect, count_reason, count_reason_short, why_not};

impl<'d> Draft<'d> {
    /// What a measure shows, with its change as far as it may be reported. `subject` is its name
    /// inside a sentence.
    pub(crate) fn change_sentence(&self, measure: &Measure<'d>, subject: &Prose) -> Prose {
        let start = subject.clone().capitalised();
        let there_were = self.there_were(measure, subject);
        let (count, base) = (self.count(measure), self.base(measure));
        let before = self.baseline_words();
        match measure.wording {
            Wording::NotSupplied => {
                let reason = count_reason(measure.total.text("count_reason"));
                prose!("{}: not supplied, because {}.", start, reason)
            }
            Wording::Hidden => prose!("{}: the number is not shown, to protect people [c].", start),
            Wording::Bounds => {
                let reason = match measure.total.text("count_reason") {
                    "not_received" => "some records are missing",
                    reason => count_reason(reason),
                };
                let base = base.map(|base| prose!(" In {}: {}.", before, base));
                prose!(
                    "{}: {}, because {}.{}",
                    start,
                    self.bounds(measure),
                    reason,
                    base
                )
            }
            Wording::None => prose!("{}: none, in this period or {}.", start, before),
            Wording::HiddenBase => prose!(
                "{}. The number for {} is not shown, to protect people [c].",
                there_were,
                before
            ),
            Wording::NoBase => prose!("{}. There is no figure for {}.", there_were, before),
            Wording::TooFew => prose!(
                "{}, and {} {}. The numbers are too small to show a change.",
                there_were,
                base,
                before
            ),
            Wording::Rose => prose!("{} rose{}.", start, self.change_in_numbers(measure)),
            Wording::Fell => prose!("{} fell{}.", start, self.change_in_numbers(measure)),
            Wording::Flat => prose!(
                "There was no clear change in {}: {}, compared with {} {}.",
                subject.clone(),
                count,
                base,
                before
            ),
            Wording::RoseBeyondBreak
            | Wording::MaybeBeyondBreak
            | Wording::WithinBreak
            | Wording::FellDespiteBreak
            | Wording::FlatDespiteBreak => self.sentence_across_break(measure, subject),
            Wording::NotComparable => prose!(
                "{}, and {} {}. The two numbers cannot be compared, because {}.",
                there_were,
                base,
                before,
                self.why_not(measure)
            ),
        }
    }

    /// `There were 4,175 recorded crimes`
    fn there_were(&self, measure: &Measure<'d>, subject: &Prose) -> Prose {
        let count = self.count(measure);
        if measure.count() == Some(1) {
            prose!("{}: {}", subject.clone().capitalised(), count)
        } else {
            prose!("There were {} {}", count, subject.clone())
        }
    }

    /// The sentence where a break of known size is between the two periods.
    fn sentence_across_break(&self, measure: &Measure<'d>, subject: &Prose) -> Prose {
        let start = subject.clone().capitalised();
        let there_were = self.there_were(measure, subject);
        let (cause, even_though) = self.cause(measure);
        let most = self.most(measure);
        match measure.wording {
            Wording::RoseBeyondBreak => prose!(
                "{} rose{}. That is more than {} alone could explain{}.",
                start,
                self.change_in_numbers(measure),
                cause,
                most.map(|most| prose!(" (up to {})", most))
            ),
            Wording::FellDespiteBreak => {
                prose!(
                    "{} fell{}, even though {}.",
                    start,
                    self.change_in_numbers(measure),
                    even_though
                )
            }
            Wording::FlatDespiteBreak => prose!(
                "{}, compared with {} {}. That is no clear change, even though {}.",
                there_were,
                self.base(measure),
                self.baseline_words(),
                even_though
            ),
            Wording::MaybeBeyondBreak => prose!(
                "{}{}. The difference is larger than {} alone would explain, but the rest could be \
                 chance.",
                there_were,
                self.higher(measure),
                cause
            ),
            _ => prose!(
                "{}{}. {} alone could raise the number{}, so the figures do not show whether there \
                 was a real increase.",
                there_were,
                self.higher(measure),
                Prose::from(cause).capitalised(),
                most.map(|most| prose!(" by up to {}", most))
            ),
        }
    }

    /// ` by 14.9%, from 1,094 to 1,257`.
    fn change_in_numbers(&self, measure: &Measure<'d>) -> Prose {
        let percent = self.percent(measure).map(|pct| prose!(" by {},", pct));
        prose!(
            "{} from {} to {}",
            percent,
            self.base(measure),
            self.count(measure)
        )
    }

    /// `, 4.4% more than the year before (5,166)`.
    fn higher(&self, measure: &Measure<'d>) -> Prose {
        let (base, before) = (self.base(measure), self.baseline_words());
        match self.percent(measure) {
            Some(percent) => prose!(", {} more than {} ({})", percent, before, base),
            None => prose!(", and {} {}", base, before),
        }
    }

    /// `between 83 and 157` or `at least 59`.
    pub(crate) fn bounds(&self, measure: &Measure<'d>) -> Prose {
        let least = self.total_figure(measure, "least", "count_min", NumberFormat::Count);
        let most = self.total_figure(measure, "most", "count_max", NumberFormat::Count);
        match most {
            Some(most) => prose!("between {} and {}", least, most),
            None => prose!("at least {}", least),
        }
    }

    /// What the break between the two periods did.
    fn cause(&self, measure: &Measure<'d>) -> (&'static str, &'static str) {
        let row = measure.breaks().first().and_then(|id| self.break_row(id));
        break_effect(row.map_or("", |row| row.text("effect")))
    }

    /// By how much the break alone may have raised the figures.
    fn most(&self, measure: &Measure<'d>) -> Option<Prose> {
        let id = measure.only_break()?;
        self.figure(
            format!("breaks/{id}/most-pct"),
            Selection::new("breaks").is("break_id", id),
            Expression::Column("most_pct"),
            NumberFormat::Percent,
        )
    }

    /// Why two figures cannot be compared, as a list.
    pub(crate) fn why_not(&self, measure: &Measure<'d>) -> Prose {
        let reasons = measure.why_not().into_iter().map(|reason| {
            let laws = measure
                .breaks()
                .into_iter()
                .filter_map(|id| self.break_row(id));
            let mut laws = laws.filter(|row| row.text("effect") == "law");
            match laws.next().and_then(|row| row.date("break_from")) {
                Some(from) if reason == "break" => prose!("the law changed on {}", name(day(from))),
                _ => Prose::from(why_not(reason).0),
            }
        });
        listed(reasons.collect())
    }

    /// What we can say, in a few words for a table. A filled dot: the change can be judged.
    pub(crate) fn short_words(&self, measure: &Measure<'d>) -> Prose {
        let mark = if measure.wording.is_comparable() {
            "● "
        } else {
            "◇ "
        };
        let (cause, _) = self.cause(measure);
        let words = match measure.wording {
            Wording::NotSupplied => prose!(
                "not supplied: {} [x]",
                count_reason_short(measure.total.text("count_reason"))
            ),
            Wording::Hidden => prose!("not shown, to protect people [c]"),
            Wording::Bounds => prose!(
                "no exact number: {} [u]",
                count_reason_short(measure.total.text("count_reason"))
            ),
            Wording::None => prose!("none"),
            Wording::HiddenBase => prose!("the number before is not shown [c]"),
            Wording::NoBase => prose!("nothing to compare with"),
            Wording::TooFew => prose!("too few to show a change"),
            Wording::Rose => prose!("rose"),
            Wording::Fell => prose!("fell"),
            Wording::Flat => prose!("no clear change"),
            Wording::RoseBeyondBreak => prose!("rose, beyond {} [b]", cause),
            Wording::MaybeBeyondBreak => {
                prose!("higher; chance and {} could explain it [b]", cause)
            }
            Wording::WithinBreak => prose!("higher; {} could explain it [b]", cause),
            Wording::FellDespiteBreak => prose!("fell, despite {} [b]", cause),
            Wording::FlatDespiteBreak => prose!("no clear change, despite {} [b]", cause),
            Wording::NotComparable => {
                let reasons = measure.why_not().into_iter();
                let reasons = reasons.map(|reason| Prose::from(why_not(reason).1));
                prose!("cannot be compared: {}", listed(reasons.collect()))
            }
        };
        let provisional = match measure.total.text("data_status") {
            "provisional" if !words.plain().contains("[p]") => " [p]",
            "suspect" if !words.plain().contains("[u]") => " [u]",
            _ => "",
        };
        prose!("{}{}{}", mark, words, provisional)
    }

    /// In few words, after a list or a place: what [`Self::caveat`] says in a sentence.
    pub(crate) fn short_caveat(&self, measure: &Measure<'d>) -> Option<Prose> {
        let status = measure.total.text("data_status");
        let words = match status {
            "suspect" => "unusual",
            "provisional" => "not complete",
            "overdue" | "not_due" => "missing",
            "not_kept" => "not kept any more",
            _ => return None,
        };
        let months = self.months_with(measure, status);
        let verb = if months.len() == 1 { "is" } else { "are" };
        Some(if months.is_empty() {
            prose!(" [u]")
        } else {
            prose!(" {} {} {} here [u].", named(months), verb, words)
        })
    }

    /// The words that belong to a count of this window: its months are unusual or incomplete.
    pub(crate) fn caveat(&self, measure: &Measure<'d>) -> Option<Prose> {
        let months = |status| self.months_with(measure, status);
        match measure.total.text("data_status") {
            "suspect" => Some(self.suspect_months(measure)),
            "provisional" => {
                let months = months("provisional");
                Some(if months.is_empty() {
                    prose!("More records of this period may still arrive, so this number may rise.")
                } else {
                    prose!(
                        "More records of {} may still arrive, so this number may rise.",
                        named(months)
                    )
                })
            }
            "overdue" | "not_due" => {
                let mut missing = months("overdue");
                missing.extend(months("not_due"));
                // Months before the first record have no status.
                missing.extend(months(""));
                missing.sort_unstable();
                if !missing.is_empty() {
                    return Some(prose!(
                        "No records of {} have arrived, so the true number may be higher.",
                        named(missing)
                    ));
                }
                // Bounds say so themselves: at least.
                (measure.wording != Wording::Bounds).then(|| {
                    prose!("Records of this period are missing, so the true number may be higher.")
                })
            }
            "not_kept" => Some(prose!(
                "Records of this period are past their retention period, so the true number is \
                 higher."
            )),
            _ => None,
        }
    }

    /// The months that have a status or prevent a comparison, as a list; none = not known.
    pub(crate) fn months_to_name(&self, measure: &Measure<'d>, status: &str) -> Option<Prose> {
        let mut months = measure.months_that_prevent();
        if months.is_empty() {
            months = self.months_with(measure, status);
        }
        (!months.is_empty()).then(|| named(months))
    }

    /// The months of the window in which a measure's kind has a status.
    fn months_with(&self, measure: &Measure<'d>, status: &str) -> Vec<civil::Date> {
        let rows = self.months_of(measure).into_iter();
        let rows = rows.filter(|row| row.text("data_status") == status);
        rows.filter_map(|row| row.date("window_from")).collect()
    }

    /// The rows of `feed_quality` of a measure's kind in the window.
    fn months_of(&self, measure: &Measure<'d>) -> Vec<crate::assess::facts::FactRow<'d>> {
        let rows = Selection::new("feed_quality")
            .is("partner", measure.partner)
            .is("kind", measure.kind);
        let mut rows = self.facts.rows(&rows);
        rows.retain(|row| self.is_in_window(*row));
        rows
    }

    fn suspect_months(&self, measure: &Measure<'d>) -> Prose {
        let suspect: Vec<_> = self
            .months_of(measure)
            .into_iter()
            .filter(|row| row.text("data_status") == "suspect")
            .collect();
        let [only] = suspect[..] else {
            return if suspect.is_empty() {
                prose!(
                    "A month of this period has unusually few or many records in this area, \
             so read this number with care."
                )
            } else {
                let months = suspect.iter().filter_map(|row| row.date("window_from"));
                prose!(
                    "The numbers of {} are unusually low or high, so read this number with care.",
                    named(months.collect())
                )
            };
        };
        let is_low = only.number("ratio").is_none_or(|ratio| ratio < 1.0);
        let low = if is_low { "low" } else { "high" };
        let level = self.figure(
            format!(
                "quality/{}/{}/{}/level-pct",
                measure.partner,
                measure.kind,
                only.text("window_id")
            ),
            Selection::new("feed_quality")
                .is("partner", measure.partner)
                .is("kind", measure.kind)
                .is("window_id", only.text("window_id")),
            Expression::TimesHundred("ratio"),
            NumberFormat::WholePercent,
        );
        let level = level.map(|level| prose!(" ({} of the level of the months around it)", level));
        prose!(
            "What {} sent for {} is unusually {}{}, so this number is probably too {}.",
            name(measure.partner_name),
            name(only.date("window_from").map_or_else(String::new, month)),
            low,
            level,
            low
        )
    }
}

/// Months as a list.
fn named(months: Vec<civil::Date>) -> Prose {
    listed(
        months
            .into_iter()
            .map(|date| name(month(date)).into())
            .collect(),
    )
}
