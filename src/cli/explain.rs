//! `partner-feeds explain`.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::progress::Progress;
use super::text::{align_right, grouped, parse_instant, table};
use super::{Connection, Format, lookup, runtime};
use crate::aggregate::{
    AggregateSettings, CountChange, Explanation, FigureQuery, PlanChoice, explain,
};
use crate::event::Micros;

/// Show the rules and codes behind a figure, and what changed it
///
/// Shows the figure of each partner and kind separately, with its rules, codes, months and breaks.
/// With --before, splits the change since that time into reasons that add up to it exactly.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Plan, such as smp-2017-18
    plan: String,
    /// Series: a priority or theme of the plan, total, mapped, unmapped, or a code as scheme:code
    series: String,
    /// Area code as in the tables, such as E07000110, kent-12 or all-received
    area: String,
    /// Window, such as month:2018-10 or fy:2018-19
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
    connection: Connection,
}

impl Explain {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.connection.load()?;
        let plan = lookup::plan(&reference, &self.plan)?;
        let window = lookup::window(&reference, &self.window)?;
        let store = config.store.open()?;
        let runtime = runtime()?;
        let settings = AggregateSettings::new(vec![PlanChoice::Plan(plan)], &reference, self.as_at)
            .compared_with(self.before);
        let query = FigureQuery {
            plan,
            series: self.series,
            area: self.area,
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
            Format::Text => say!("{}", text(&explanations)?.trim_end()),
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

fn text(explanations: &[Explanation]) -> anyhow::Result<String> {
    let mut text = String::new();
    for (i, explanation) in explanations.iter().enumerate() {
        let role = explanation
            .role
            .as_ref()
            .map_or_else(String::new, |role| format!(", place of {role}"));
        let gap = if i == 0 { "" } else { "\n" };
        writeln!(
            text,
            "{gap}{} {}{role}: {} ({})",
            explanation.partner,
            explanation.kind,
            count(explanation),
            explanation.count_status
        )?;
        let counts = [("rule", &explanation.rules), ("code", &explanation.codes)];
        for (name, counts) in counts.into_iter().filter(|(_, counts)| !counts.is_empty()) {
            let mut rows = table([name, "records"]);
            rows.add_rows(
                counts
                    .iter()
                    .map(|(name, count)| [name.clone(), grouped_count(*count)]),
            );
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
