//! `partner-feeds plan`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::options::{SettingOptions, SettingsFile, StoreOptions, open_store};
use super::progress::Progress;
use super::text::{align_right, grouped, ignore_closed_pipe, table};
use super::{Format, lookup, runtime};
use crate::aggregate::{self, AggregateSettings, PlanChoice};
use crate::files::Faults;
use crate::reference::Reference;
use crate::reference::plan::{Plan, SeriesKind};

/// Check and compare plans
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds plan check
  partner-feeds plan diff smp-2017-18 smp-2018-19")]
pub(crate) struct PlanCommand {
    #[command(subcommand)]
    action: PlanAction,
}

#[derive(Debug, Subcommand)]
enum PlanAction {
    Check(CheckPlans),
    Diff(DiffPlans),
}

impl PlanCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            PlanAction::Check(check) => check.run(),
            PlanAction::Diff(diff) => diff.run(),
        }
    }
}

/// Check plans, partners, codes, geography, windows, breaks and weights
///
/// Validates all reference data together and lists every fault. If there is none, prints one line
/// per plan, then the warnings. Exit status: 0 = no faults, 1 = faults, 2 = could not be checked.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds plan check
  partner-feeds plan check --config own.toml --format json")]
struct CheckPlans {
    #[command(flatten)]
    file_options: SettingsFile,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl CheckPlans {
    fn run(self) -> anyhow::Result<ExitCode> {
        let out = io::stdout().lock();
        let faults = match self.file_options.load() {
            Ok((_, reference)) => {
                match self.format {
                    Format::Text => print_text(&reference, out)?,
                    Format::Json => print_json(&reference, out)?,
                }
                return Ok(ExitCode::SUCCESS);
            }
            Err(error) => error.downcast::<Faults>()?,
        };
        ignore_closed_pipe(print_faults(&faults, self.format, out))?;
        Ok(ExitCode::from(1))
    }
}

fn print_faults(faults: &Faults, format: Format, mut out: impl Write) -> io::Result<()> {
    match format {
        Format::Text => writeln!(out, "{faults}"),
        Format::Json => faults.0.iter().try_for_each(|fault| {
            let line =
                serde_json::json!({"file": fault.file, "key": fault.key, "reason": fault.reason});
            writeln!(out, "{line}")
        }),
    }
}

/// The warnings about the file of a plan.
fn warnings(reference: &Reference, plan: &Plan) -> Vec<String> {
    let file = format!("plans/{}.toml", plan.id);
    let warnings = reference.warnings.iter();
    warnings
        .filter(|warning| warning.file == file)
        .map(|warning| format!("{}: {}", warning.key, warning.reason))
        .collect()
}

fn count(plan: &Plan, kind: SeriesKind) -> usize {
    plan.series
        .iter()
        .filter(|series| series.kind == kind)
        .count()
}

fn print_text(reference: &Reference, mut out: impl Write) -> io::Result<()> {
    let mut rows = table([
        "plan",
        "status",
        "valid",
        "priorities",
        "themes",
        "warnings",
    ]);
    for plan in reference.plans.iter() {
        rows.add_row([
            plan.id.clone(),
            plan.status.as_str().to_owned(),
            format!("{} to {}", plan.valid_from, plan.valid_to),
            count(plan, SeriesKind::Priority).to_string(),
            count(plan, SeriesKind::Theme).to_string(),
            warnings(reference, plan).len().to_string(),
        ]);
    }
    align_right(&mut rows, 3..=5);
    writeln!(out, "{}", rows.trim_fmt())?;
    reference
        .warnings
        .iter()
        .try_for_each(|warning| writeln!(out, "warning: {warning}"))
}

#[derive(Serialize)]
struct PlanLine<'a> {
    plan: &'a str,
    status: &'a str,
    valid_from: String,
    valid_to: String,
    priorities: usize,
    themes: usize,
    warnings: Vec<String>,
}

fn print_json(reference: &Reference, mut out: impl Write) -> anyhow::Result<()> {
    for plan in reference.plans.iter() {
        let line = PlanLine {
            plan: &plan.id,
            status: plan.status.as_str(),
            valid_from: plan.valid_from.to_string(),
            valid_to: plan.valid_to.to_string(),
            priorities: count(plan, SeriesKind::Priority),
            themes: count(plan, SeriesKind::Theme),
            warnings: warnings(reference, plan),
        };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    }
    Ok(())
}

/// Compare the records that count under two plans
///
/// Counts the records of each priority and theme, of all kinds: under the old plan, under the new
/// plan, and under both.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds plan diff smp-2017-18 smp-2018-19 --window 2017-18")]
struct DiffPlans {
    /// Old plan
    before: String,
    /// New plan, which need not be adopted yet
    after: String,
    /// Count only records in this window, such as 2017-18 or fy:2017-18
    #[arg(long, value_name = "ID")]
    window: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    options: StoreOptions,
}

impl DiffPlans {
    fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let plans = [
            lookup::plan(&reference, &self.before)?,
            lookup::plan(&reference, &self.after)?,
        ];
        let window = match &self.window {
            Some(id) => Some(lookup::window(&reference, id)?),
            None => None,
        };
        let store = open_store(&config)?;
        let runtime = runtime()?;
        let settings = AggregateSettings::new(plans.map(PlanChoice::Plan).into(), &reference, None);
        let mut progress = Progress::new();
        let diff = aggregate::diff(
            &store,
            &settings,
            window.as_ref(),
            runtime.handle(),
            &mut progress,
        )?;
        progress.end();
        let Some(diff) = diff else {
            note!("the store `{}` has no records yet", store.root());
            return Ok(ExitCode::from(1));
        };
        match self.format {
            Format::Text => print_diff(&diff, io::stdout().lock())?,
            Format::Json => say!("{}", diff_json(&diff)),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print_diff(diff: &aggregate::PlanDiff, mut out: impl Write) -> io::Result<()> {
    let mut rows = table([
        "before",
        "after",
        "change",
        "before",
        "after",
        "both",
        "only before",
        "only after",
    ]);
    for moved in &diff.series {
        let [before, after, both] = moved.records;
        let counts =
            [before, after, both, before - both, after - both].map(|count| grouped(count as u64));
        let names = [
            moved.before.clone().unwrap_or_else(|| "-".to_owned()),
            moved.after.clone().unwrap_or_else(|| "-".to_owned()),
            moved.change.to_owned(),
        ];
        rows.add_row(names.into_iter().chain(counts));
    }
    let unmapped = diff.unmapped.map(|count| grouped(count as u64));
    rows.add_row([
        "unmapped",
        "unmapped",
        "",
        &unmapped[0],
        &unmapped[1],
        "",
        "",
        "",
    ]);
    align_right(&mut rows, 3..=7);
    writeln!(
        out,
        "{}\nof {} records",
        rows.trim_fmt(),
        grouped(diff.records as u64)
    )?;
    for moved in &diff.series {
        for (sign, rules) in [("+", &moved.added), ("-", &moved.removed)] {
            let id = moved
                .after
                .as_ref()
                .or(moved.before.as_ref())
                .map_or("", String::as_str);
            rules
                .iter()
                .try_for_each(|rule| writeln!(out, "{sign} {id}: {rule}"))?;
        }
    }
    let not_measurable = diff.not_measurable.join(", ");
    if !not_measurable.is_empty() {
        writeln!(out, "not measurable by any partner: {not_measurable}")?;
    }
    Ok(())
}

fn diff_json(diff: &aggregate::PlanDiff) -> serde_json::Value {
    let moved = diff.series.iter().map(|moved| {
        let [before, after, both] = moved.records;
        serde_json::json!({
            "before": moved.before, "after": moved.after, "change": moved.change,
            "rules_added": moved.added, "rules_removed": moved.removed,
            "records_before": before, "records_after": after, "records_both": both,
        })
    });
    serde_json::json!({
        "series": moved.collect::<Vec<_>>(),
        "records": diff.records,
        "unmapped_before": diff.unmapped[0],
        "unmapped_after": diff.unmapped[1],
        "not_measurable": diff.not_measurable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Fault;

    #[test]
    fn text_is_one_line_per_plan_then_warnings() {
        let reference = Reference::load(None).expect("built in");
        let mut out = Vec::new();
        print_text(&reference, &mut out).expect("printed");
        let expected = "\
plan         status   valid                     priorities  themes  warnings
smp-2013-14  adopted  2013-04-01 to 2014-03-31           5       0         0
smp-2014-15  adopted  2014-04-01 to 2015-03-31           6       0         0
smp-2015-16  adopted  2015-04-01 to 2016-03-31           5       0         0
smp-2017-18  adopted  2017-04-01 to 2018-03-31           5       3         1
smp-2018-19  adopted  2018-04-01 to 2019-03-31           5       0         0
smp-2019-22  adopted  2019-04-01 to 2021-03-31           5       0         0
smp-2021-22  adopted  2021-04-01 to 2022-03-31           5       0         0
smp-2022-25  adopted  2022-04-01 to 2025-03-31           4       0         0
warning: plans/smp-2017-18.toml: valid_from: no plan is in force from 2016-04-01 to 2017-03-31
";
        assert_eq!(String::from_utf8(out).expect("utf-8"), expected);
        let mut out = Vec::new();
        print_json(&reference, &mut out).expect("printed");
        let lines = String::from_utf8(out).expect("utf-8");
        let warned = r#""valid_to":"2018-03-31","priorities":5,"themes":3,"warnings":["valid_from: no plan is in force"#;
        assert!(
            lines.lines().count() == 8 && lines.contains(warned),
            "{lines}"
        );
    }

    fn printed(faults: &Faults, format: Format) -> String {
        let mut out = Vec::new();
        print_faults(faults, format, &mut out).expect("printed");
        String::from_utf8(out).expect("utf-8")
    }

    #[test]
    fn a_fault_is_printed_with_file_and_key() {
        let faults = Faults(vec![
            Fault::new("windows.toml", "first_month", "is missing"),
            Fault::new("a", "", "b"),
        ]);
        let text =
            "configuration refused (2 faults)\n  windows.toml: first_month: is missing\n  a: b\n";
        assert_eq!(printed(&faults, Format::Text), text);
        assert_eq!(
            printed(&faults, Format::Json).lines().next(),
            Some(r#"{"file":"windows.toml","key":"first_month","reason":"is missing"}"#)
        );
    }
}
