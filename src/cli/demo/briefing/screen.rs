//! The briefing as text, never wider than the terminal.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::months::{BETWEEN, MonthStyle, NOT_SUPPLIED, SUSPECT, in_words};
use super::{Briefing, Comparison, Count, Figure, MonthFigure, Signal};
use crate::cli::text::{grouped, wrapped};
use crate::event::Month;
use crate::reference::plan::{Plan, Series};

/// The widths of the columns beside the name, gaps included.
const COUNT_WIDTH: usize = 9;
const MONTHS_WIDTH: usize = 14;
const VERDICT_WIDTH: usize = 17;
/// The width of a row without its name.
const FIXED_WIDTH: usize = 2 * COUNT_WIDTH + MONTHS_WIDTH + VERDICT_WIDTH;
/// The narrowest name.
const NAME_WIDTH_MIN: usize = 16;

impl Briefing {
    /// The text for a screen that is this wide.
    pub(crate) fn text(&self, plan: &Plan, width: usize, style: MonthStyle) -> String {
        let mut writer = ScreenWriter {
            briefing: self,
            name_width: width.saturating_sub(FIXED_WIDTH).max(NAME_WIDTH_MIN),
            width,
            style,
            notes: Vec::new(),
            out: String::new(),
        };
        writer.head(plan);
        for series in &plan.series {
            writer.series(series);
        }
        writer.notes();
        writer.missing();
        writer.out
    }

    /// The figures of the plan's priorities and themes.
    fn figures_of<'b>(&'b self, series: &'b str) -> impl Iterator<Item = &'b Figure> {
        self.figures
            .iter()
            .filter(move |figure| figure.series == series)
    }
}

/// Writes the parts of the text in their order.
struct ScreenWriter<'b> {
    briefing: &'b Briefing,
    width: usize,
    name_width: usize,
    style: MonthStyle,
    /// The notes that verdicts refer to, each once.
    notes: Vec<String>,
    out: String,
}

impl ScreenWriter<'_> {
    fn line(&mut self, text: &str) {
        let clipped: String = text.trim_end().chars().take(self.width).collect();
        self.out.push_str(&clipped);
        self.out.push('\n');
    }

    /// Lines whose first begins at the margin, and the others at an indent.
    fn item(&mut self, text: &str, indent: usize) {
        for line in wrapped(text, self.width, indent) {
            self.line(&line);
        }
    }

    /// Lines that all begin at an indent.
    fn paragraph(&mut self, text: &str, indent: usize) {
        for line in wrapped(text, self.width.saturating_sub(indent), 0) {
            self.line(&format!("{:indent$}{line}", ""));
        }
    }

    fn row(&mut self, name: &str, [before, year, months, verdict]: [&str; 4]) {
        self.line(&format!(
            "{name:name_width$}{before:>COUNT_WIDTH$}{year:>COUNT_WIDTH$}  {months:12}  {verdict}",
            name_width = self.name_width,
        ));
    }

    fn head(&mut self, plan: &Plan) {
        let first = self.briefing.first;
        let year = in_words(&first.to(first.plus(11)).collect::<Vec<_>>());
        let title = format!(
            "{}, plan {}: {}, {year}, compared with the year before. Invented data.",
            plan.partnership, plan.id, self.briefing.area
        );
        self.paragraph(&title, 0);
        let key = format!(
            "Each row counts the records of one partner and kind; rows are never added. {}",
            self.style.key()
        );
        self.paragraph(&key, 0);
        self.line("");
        let initials = first.to(first.plus(11));
        let initials = initials.map(|month| month.first_day().strftime("%b").to_string());
        let initials: String = initials.filter_map(|name| name.chars().next()).collect();
        self.row("", ["before", "year", &initials, "verdict"]);
    }

    fn series(&mut self, series: &Series) {
        let briefing = self.briefing;
        let (mut supplied, not_supplied): (Vec<_>, Vec<_>) = briefing
            .figures_of(&series.id)
            .partition(|figure| figure.count != Count::NotSupplied);
        let heading = format!("{} ({})", series.label, series.kind.as_str());
        let heading_width = self.width.saturating_sub(VERDICT_WIDTH);
        self.line(&match not_supplied.len() {
            0 => heading,
            kinds => format!("{heading:heading_width$} not supplied: {kinds}"),
        });
        supplied.sort_by_key(|figure| Reverse(figure.count.min()));
        for figure in supplied {
            self.figure(figure);
        }
    }

    fn figure(&mut self, figure: &Figure) {
        let mut names = wrapped(&figure.kind, self.name_width - 2, 2).into_iter();
        let first = format!("  {}", names.next().unwrap_or_default());
        let before = figure.comparison.as_ref();
        let before = before.map_or_else(String::new, |comparison| count_text(comparison.base));
        let months = self.style.draw(self.briefing.first, &figure.months);
        let verdict = self.verdict(figure);
        self.row(
            &first,
            [&before, &count_text(figure.count), &months, &verdict],
        );
        for line in names {
            self.line(&format!("  {line}"));
        }
        for signal in signal_texts(&figure.signals) {
            self.paragraph(&signal, 4);
        }
    }

    /// The verdict of the table in plain words, with the number of its note.
    fn verdict(&mut self, figure: &Figure) -> String {
        let Some(comparison) = &figure.comparison else {
            return if figure.count == Count::Exact(0) {
                "none recorded".to_owned()
            } else {
                "no year before".to_owned()
            };
        };
        let words = comparison.in_words();
        let note = comparison.note(&self.briefing.breaks);
        match note {
            None => words,
            Some(note) => format!("{words} [{}]", self.note_number(note)),
        }
    }

    fn note_number(&mut self, note: String) -> usize {
        let known = self.notes.iter().position(|known| *known == note);
        known.unwrap_or_else(|| {
            self.notes.push(note);
            self.notes.len() - 1
        }) + 1
    }

    fn notes(&mut self) {
        self.line("");
        for (index, note) in std::mem::take(&mut self.notes).into_iter().enumerate() {
            self.item(&format!("[{}] {note}", index + 1), 4);
        }
        let mut marks = vec![
            "signal = a month outside the limits of its control chart".to_owned(),
            format!("{NOT_SUPPLIED} = month not supplied, which is not 0"),
            "not supplied: N = N other kinds of records do not show it here".to_owned(),
        ];
        if self.out.contains(SUSPECT) {
            marks.push(format!("{SUSPECT} = suspect month"));
        }
        if self.out.contains(BETWEEN) {
            marks.push(format!("{BETWEEN} = month known within bounds"));
        }
        if self.out.contains('+') {
            marks.push("+ = at least this many".to_owned());
        }
        self.paragraph(&format!("{}.", marks.join("; ")), 0);
    }

    /// What is missing or suspect, each once, with its partner.
    fn missing(&mut self) {
        let mut lines = BTreeSet::new();
        let mut no_district = BTreeSet::new();
        for figure in &self.briefing.figures {
            let who = format!("{} ({})", lower_first(&figure.kind), figure.partner);
            let months = |is: fn(&MonthFigure) -> bool| -> Vec<Month> {
                let months = figure.months.iter().filter(|(_, figure)| is(figure));
                months.map(|(month, _)| *month).collect()
            };
            let missing = months(|month| month.is_missing);
            if !missing.is_empty() {
                lines.insert(format!("late: nothing for {}: {who}", in_words(&missing)));
            }
            let suspect = months(|month| month.is_suspect && month.count != Count::NotSupplied);
            if !suspect.is_empty() {
                lines.insert(format!(
                    "suspect: {}, far from the usual number, so ask the partner: {who}",
                    in_words(&suspect)
                ));
            }
            if figure.reason.as_deref() == Some("no_district") {
                no_district.insert(who);
            }
        }
        if !no_district.is_empty() {
            let who: Vec<_> = no_district.into_iter().collect();
            lines.insert(format!(
                "without a district, so not counted in {}: {}",
                self.briefing.area,
                who.join("; ")
            ));
        }
        self.line("");
        self.line("What is missing");
        for line in lines {
            self.item(&format!("- {line}"), 2);
        }
    }
}

impl Comparison {
    /// The verdict in plain words, with the size of a rise or fall.
    fn in_words(&self) -> String {
        let word = match &*self.verdict {
            "rose" | "rose_beyond_break" => "rose",
            "fell" | "fell_despite_break" => "fell",
            "no_clear_change" => return "no clear change".to_owned(),
            "too_few" => return "too few to tell".to_owned(),
            _ => return "cannot say".to_owned(),
        };
        match self.difference_pct {
            Some(pct) => format!("{word} {:.0}%", pct.abs()),
            None => word.to_owned(),
        }
    }

    /// What is between the two years; `None` = nothing.
    fn note(&self, breaks: &BTreeMap<String, String>) -> Option<String> {
        let changed = self.breaks.iter().filter_map(|id| breaks.get(id));
        let changed: Vec<&str> = changed.map(String::as_str).collect();
        let months = match &*self.why_months {
            [] => String::new(),
            months => format!(" ({})", in_words(months)),
        };
        let reasons = self.why_not.iter().map(|reason| match &**reason {
            "break" => changed.join(" "),
            "missing" => format!("records were not supplied{months}."),
            "suspect" | "provisional" => format!("records are {reason}{months}."),
            "inexact" => "a count is known within bounds only.".to_owned(),
            "location" => "more or fewer records have a location.".to_owned(),
            other => format!("{other}."),
        });
        let reasons: Vec<String> = reasons.collect();
        let reasons = reasons.join(" ");
        match &*self.verdict {
            _ if reasons.is_empty() => None,
            "within_break" => Some(format!("This or chance could explain it: {reasons}")),
            "rose_beyond_break" | "fell_despite_break" => {
                Some(format!("More than this explains: {reasons}"))
            }
            _ => Some(format!("Not comparable: {reasons}")),
        }
    }
}

/// A count as people write it.
fn count_text(count: Count) -> String {
    match count {
        Count::NotSupplied => "n/s".to_owned(),
        Count::Exact(count) => grouped(count as u64),
        Count::Between(min, Some(max)) => {
            format!("{}-{}", grouped(min as u64), grouped(max as u64))
        }
        Count::Between(min, None) => format!("{}+", grouped(min as u64)),
    }
}

/// The signals of a figure: a line for each span of months on the same side.
fn signal_texts(signals: &[Signal]) -> Vec<String> {
    let spans = signals.chunk_by(|signal, after| {
        signal.month.next() == after.month && signal.is_above == after.is_above
    });
    let texts = spans.map(|span| {
        let months: Vec<Month> = span.iter().map(|signal| signal.month).collect();
        let months = in_words(&months);
        let side = if span[0].is_above { "above" } else { "below" };
        match span {
            [
                Signal {
                    count,
                    lower,
                    upper,
                    ..
                },
            ] => format!(
                "signal: {months} has {count}, {side} the expected {lower:.0} to {upper:.0}"
            ),
            _ => format!("signal: {months}, every month {side} what is expected"),
        }
    });
    texts.collect()
}

/// A label inside a sentence.
fn lower_first(label: &str) -> String {
    let mut chars = label.chars();
    let first = chars.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}
