//! `partner-feeds explain`.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::options::{SettingOptions, StoreOptions, open_store};
use super::progress::Progress;
use super::text::{align_right, grouped, parse_instant, table, wrapped};
use super::{Format, lookup, runtime};
use crate::aggregate::tables::labels::class_label;
use crate::aggregate::{
    AggregateSettings, CountChange, Explanation, FigureQuery, PlanChoice, explain,
};
use crate::event::Micros;
use crate::reference::Reference;
use crate::reference::labels::in_words;

/// Show the rules and codes behind a figure, and what changed it
///
/// Begins with a summary: the figure of each partner and kind, and who does not supply it. Then shows
/// the rules, codes, months and breaks of each. With --before, splits the change since that time into reasons that add up to it exactly.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds explain smp-2017-18 substance-misuse Maidstone 2017-q4
  partner-feeds explain smp-2017-18 ho-category:8N E07000110 month:2017-09
  partner-feeds explain smp-2017-18 total all-received 2018-01 --before 2018-02-28")]
pub(crate) struct Explain {
    /// Plan, such as smp-2017-18
    plan: String,
    /// Series: a priority or theme of the plan by id or name, total, mapped, unmapped, or a code as
    /// scheme:code
    series: String,
    /// Area by name or code, such as Maidstone, E07000110, kent-12 or all-received
    area: String,
    /// Window, such as 2018-10, 2018-19, month:2018-10 or fy:2018-19
    window: String,
    /// Split the change since this instant, or since the end of this day (London)
    #[arg(long, value_name = "TIME", value_parser = parse_instant)]
    before: Option<Micros>,
    /// Count only records received by this instant or the end of this day (London)
    #[arg(long, value_name = "TIME", value_parser = parse_instant)]
    as_at: Option<Micros>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    options: StoreOptions,
}

impl Explain {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let plan = lookup::plan(&reference, &self.plan)?;
        let window = lookup::window(&reference, &self.window)?;
        let store = open_store(&config)?;
        let runtime = runtime()?;
        let settings = AggregateSettings::new(vec![PlanChoice::Plan(plan)], &reference, self.as_at)
            .compared_with(self.before);
        let query = FigureQuery {
            plan,
            series: lookup::series(&reference, plan, &self.series)?,
            area: lookup::area(&reference, &self.area)?,
            window,
        };
        let mut progress = Progress::new();
        let explanations = explain(&store, &settings, &query, runtime.handle(), &mut progress)?;
        progress.end();
        let explanations = explanations.unwrap_or_default();
        if explanations.is_empty() {
            note!(
                "the store `{}` has no figure of {} in {} for {}",
                store.root(),
                query.series,
                query.area,
                query.window
            );
            return Ok(ExitCode::from(1));
        }
        match self.format {
            Format::Text => {
                say!("{}\n", summary(&explanations, &query, &reference));
                say!("{}", details(&explanations, &reference)?.trim_end());
            }
            Format::Json => {
                for explanation in &explanations {
                    say!("{}", json(explanation));
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn grouped_count(count: i64) -> String {
    grouped(count as u64)
}

fn count(explanation: &Explanation) -> String {
    match (explanation.count, explanation.count_max) {
        (Some(count), _) => grouped_count(count),
        (None, _) if explanation.count_status == "not_supplied" => "not supplied".to_owned(),
        (None, Some(most)) => format!(
            "{} to {}",
            grouped_count(explanation.count_min),
            grouped_count(most)
        ),
        (None, None) => format!("at least {}", grouped_count(explanation.count_min)),
    }
}

/// What the figure is, by partner and kind: those that supply it, most records first, and then those that
/// do not.
fn summary(explanations: &[Explanation], query: &FigureQuery<'_>, reference: &Reference) -> String {
    let plan = query.plan;
    let series = match query.series.split_once(':') {
        Some((scheme, code)) => labelled(reference, scheme, code),
        None => plan.series_index(&query.series).map_or_else(
            || in_words(&query.series),
            |index| plan.series[index].label.clone(),
        ),
    };
    let area = match reference.geography.area(&query.area) {
        Some(area) => format!("{} ({})", area.name, area.code),
        None => in_words(&query.area),
    };
    let partners = &reference.partners;
    let mut rows = table(["partner", "kind", "records", "status"]);
    let (mut shown, missing): (Vec<_>, Vec<_>) = explanations
        .iter()
        .partition(|explanation| is_supplied(explanation));
    shown.sort_by_key(|explanation| std::cmp::Reverse(explanation.count_min));
    for explanation in shown {
        rows.add_row([
            partners.label(&explanation.partner).to_owned(),
            partners.kind_label(&explanation.kind) + &role(explanation),
            count(explanation),
            explanation.count_status.to_owned(),
        ]);
    }
    align_right(&mut rows, 2..=2);
    let mut lines = vec![
        format!(
            "{series}, {area}, {}, under {}",
            query.window.label(),
            plan.id
        ),
        String::new(),
    ];
    if !rows.is_empty() {
        lines.push(rows.trim_fmt());
        lines.push("Counts of different partners or kinds are never added together.".to_owned());
    }
    if !missing.is_empty() {
        let kinds = missing.iter().map(|explanation| {
            let (partner, kind) = (&explanation.partner, &explanation.kind);
            format!(
                "{} ({})",
                partners.kind_label(kind),
                partners.label(partner)
            )
        });
        let kinds = kinds.collect::<Vec<_>>().join("; ");
        let missing = format!("Not supplied, which does not mean 0: {kinds}");
        lines.extend(wrapped(&missing, WIDTH, 2));
    }
    lines.join("\n")
}

/// The classes of offences, which are counted beside them.
const CLASSES: [&str; 3] = ["V", "S", "S/V"];
/// The width of the summary's sentences.
const WIDTH: usize = 100;

fn is_supplied(explanation: &Explanation) -> bool {
    explanation.count_status != "not_supplied"
}

fn role(explanation: &Explanation) -> String {
    let role = explanation.role.as_ref();
    role.map_or_else(String::new, |role| format!(", place of {role}"))
}

/// What people call a code, or the code itself.
fn labelled(reference: &Reference, scheme: &str, code: &str) -> String {
    if scheme == "ho-offence" && CLASSES.contains(&code) {
        return class_label(code).to_owned();
    }
    let label = reference.codes.label(scheme, None, code);
    label.map_or_else(|| in_words(code), str::to_owned)
}

/// The rules, codes, months, breaks and change of each figure that is supplied.
fn details(explanations: &[Explanation], reference: &Reference) -> anyhow::Result<String> {
    let mut text = String::new();
    let supplied = explanations
        .iter()
        .filter(|explanation| is_supplied(explanation));
    for (i, explanation) in supplied.enumerate() {
        let role = role(explanation);
        let gap = if i == 0 { "" } else { "\n" };
        writeln!(
            text,
            "{gap}{} {}{role}: {} ({})",
            explanation.partner,
            explanation.kind,
            count(explanation),
            explanation.count_status
        )?;
        if !explanation.rules.is_empty() {
            let mut rows = table(["rule", "records"]);
            let rules = explanation.rules.iter();
            rows.add_rows(rules.map(|(name, count)| [name.clone(), grouped_count(*count)]));
            align_right(&mut rows, 1..=1);
            writeln!(text, "{}", rows.trim_fmt())?;
        }
        if !explanation.codes.is_empty() {
            let mut rows = table(["code", "records", "label"]);
            for (name, count) in &explanation.codes {
                let (scheme, code) = name.split_once(':').unwrap_or(("", name));
                let label = labelled(reference, scheme, code);
                rows.add_row([name.clone(), grouped_count(*count), label]);
            }
            align_right(&mut rows, 1..=1);
            writeln!(text, "{}", rows.trim_fmt())?;
        }
        let mut rows = table(["month", "count", "data"]);
        for (month, count, status) in &explanation.months {
            let count = count.map_or_else(|| "-".to_owned(), grouped_count);
            rows.add_row([month.to_string(), count, (*status).to_owned()]);
        }
        align_right(&mut rows, 1..=1);
        writeln!(text, "{}", rows.trim_fmt())?;
        if !explanation.breaks.is_empty() {
            writeln!(text, "breaks: {}", explanation.breaks.join(", "))?;
        }
        if let Some(change) = &explanation.change {
            text.push_str(&change_table(change));
        }
    }
    Ok(text)
}

fn change_table(change: &CountChange) -> String {
    let mut rows = table(["change", "records"]);
    rows.add_row(["before".to_owned(), change.before.to_string()]);
    let present = change
        .reasons()
        .into_iter()
        .filter(|(_, count)| *count != 0);
    rows.add_rows(present.map(|(reason, count)| [reason.to_owned(), format!("{count:+}")]));
    rows.add_row(["now".to_owned(), (change.before + change.sum()).to_string()]);
    align_right(&mut rows, 1..=1);
    format!("{}\n", rows.trim_fmt())
}

fn named_counts(counts: &[(String, i64)]) -> Value {
    counts
        .iter()
        .map(|(name, count)| json!({ "name": name, "records": count }))
        .collect()
}

fn json(explanation: &Explanation) -> Value {
    let months = explanation.months.iter().map(|(month, count, status)| {
        json!({ "month": month.to_string(), "count": count, "data_status": status })
    });
    json!({
        "partner": explanation.partner,
        "kind": explanation.kind,
        "area_role": explanation.role,
        "count": explanation.count,
        "count_min": explanation.count_min,
        "count_max": explanation.count_max,
        "count_status": explanation.count_status,
        "rules": named_counts(&explanation.rules),
        "codes": named_counts(&explanation.codes),
        "months": months.collect::<Value>(),
        "breaks": explanation.breaks,
        "change": explanation.change.as_ref().map(|change| json!({
            "before": change.before,
            "reasons": change
                .reasons()
                .into_iter()
                .map(|(reason, count)| json!({ "reason": reason, "records": count }))
                .collect::<Value>(),
            "now": change.before + change.sum(),
        })),
    })
}
