//! `partner-feeds record`.

use std::fmt;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::options::{SettingOptions, StoreOptions, open_store};
use super::{Format, lookup, runtime};
use crate::aggregate::{Revision, history, is_replaced, month_of};
use crate::contract::Record;
use crate::contract::columns::with_columns;
use crate::contract::flags::Flags;
use crate::contract::moment::Moment;
use crate::contract::revision::content_hash;
use crate::contract::text::Strs;
use crate::event::{Feed, Kind};
use crate::reference::plan::Plan;
use crate::reference::unknown_codes::UnknownCode;
use crate::reference::{Reference, UnknownCodes};

/// Show the revisions of a record and the rules that match it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds record urn:partner:kent-police:crime 46-001234-17")]
pub(crate) struct RecordCommand {
    /// Source of the record: `urn:partner:<partner>:<system>`
    source: String,
    /// Subject of the record
    subject: String,
    /// Match the rules of this plan [default: the plan in force in the record's month]
    #[arg(long, value_name = "ID")]
    plan: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    options: StoreOptions,
}

impl RecordCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let plan = match &self.plan {
            Some(id) => Some(lookup::plan(&reference, id)?),
            None => None,
        };
        let store = open_store(&config)?;
        let runtime = runtime()?;
        let history = history(&store, runtime.handle(), &self.source, &self.subject)?;
        let Some(latest) = history.revisions.last() else {
            note!("the store `{}` does not contain this record", store.root());
            return Ok(ExitCode::from(1));
        };
        let replaced = is_replaced(&store, runtime.handle(), &reference, &latest.record())?;
        let report = RecordReport {
            source: &self.source,
            subject: &self.subject,
            revisions: report_revisions(&history.revisions),
            replaced,
            plan: PlanMatches::new(&latest.record(), plan, &reference),
            unknown_codes: unknown_codes(&latest.record(), &reference),
        };
        match self.format {
            Format::Json => say!("{}", serde_json::to_string(&report)?),
            Format::Text => say!("{}", report.to_string().trim_end()),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The output of the command.
#[derive(Serialize)]
struct RecordReport<'r> {
    source: &'r str,
    subject: &'r str,
    revisions: Vec<RevisionReport<'r>>,
    /// Whether a later release of its month replaced it, so that it does not count.
    replaced: bool,
    plan: PlanMatches<'r>,
    /// Codes of the state that counts which their lists do not contain.
    unknown_codes: Vec<UnknownCode>,
}

/// One revision, with the fields it changed.
#[derive(Serialize)]
struct RevisionReport<'r> {
    topic: &'r str,
    partition: i32,
    position: String,
    received: String,
    revision: i32,
    time: Option<String>,
    latest: bool,
    cancelled: Option<&'r str>,
    sent_again: bool,
    /// Whether it has other content than the row of the same revision that counts.
    contradicts: bool,
    changes: Vec<FieldChange>,
}

/// The name of a field and its values before and after; empty if it has none.
type FieldChange = (&'static str, String, String);
/// The name of a field and its value as text.
type FieldText = (&'static str, String);

/// Printed of a row that contradicts the one of its revision that counts.
const CONTRADICTS: &str = "contradiction: the same revision was sent with other content. Of such \
    rows the one with the latest time counts, then the first received";
/// Printed in place of a token.
const HIDDEN: &str = "…";

/// The series of a plan that the record counts in; `id` is `None` if no plan is in force.
#[derive(Serialize)]
struct PlanMatches<'r> {
    id: Option<&'r str>,
    month: Option<String>,
    matches: Vec<SeriesMatch<'r>>,
}

/// A series that the record counts in, with the rule, and the keys and values that matched it.
#[derive(Serialize)]
struct SeriesMatch<'r> {
    kind: &'static str,
    series: &'r str,
    label: &'r str,
    rule: &'r str,
    hits: Vec<(String, String)>,
}

fn unknown_codes(record: &Record<'_>, reference: &Reference) -> Vec<UnknownCode> {
    let mut unknown = UnknownCodes::default();
    unknown.add_record(reference, record);
    unknown.codes(&reference.codes)
}

fn report_revisions(rows: &[Revision]) -> Vec<RevisionReport<'_>> {
    let mut before: Option<Vec<FieldText>> = None;
    let mut reports = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let record = row.record();
        let fields = fields(&record);
        let changes = changes(before.as_deref().unwrap_or_default(), &fields);
        reports.push(RevisionReport {
            topic: &row.partition.topic,
            partition: row.partition.partition,
            position: row.at.position.to_string(),
            received: row.at.received.to_string(),
            revision: record.revision,
            time: record.time.map(|time| time.to_string()),
            latest: i + 1 == rows.len(),
            cancelled: record.cancellation_reason,
            sent_again: before.is_some() && changes.is_empty(),
            contradicts: contradicts(rows, i),
            changes,
        });
        before = Some(fields);
    }
    reports
}

/// Whether a row has other content than the one of its revision that counts: the last of them.
fn contradicts(rows: &[Revision], i: usize) -> bool {
    let record = rows[i].record();
    let mut same_revision = rows[i + 1..]
        .iter()
        .map(Revision::record)
        .take_while(|later| later.revision == record.revision);
    let last = same_revision.by_ref().last();
    last.is_some_and(|last| content_hash(&last) != content_hash(&record))
}

/// The fields that differ from those before. The value of a token is never shown.
fn changes(before: &[FieldText], after: &[FieldText]) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    for (index, (name, new)) in after.iter().enumerate() {
        let old = before.get(index).map_or("", |(_, old)| old);
        if new == old {
            continue;
        }
        changes.push(if name.contains("token") {
            (*name, HIDDEN.to_owned(), HIDDEN.to_owned())
        } else {
            (*name, old.to_owned(), new.clone())
        });
    }
    changes
}

impl<'r> PlanMatches<'r> {
    /// The matches under `plan`, or else under the plan in force in the record's month.
    fn new(record: &Record<'r>, plan: Option<&'r Plan>, reference: &'r Reference) -> Self {
        let month = month_of(record, reference);
        let plan = plan.or_else(|| reference.plans.in_force(month?.first_day()));
        let month = month.map(|month| month.to_string());
        let Some(plan) = plan else {
            return Self {
                id: None,
                month,
                matches: Vec::new(),
            };
        };
        let mut codes = Vec::new();
        reference.source_codes(record, &mut codes);
        let matches = plan.matches(record, &codes).into_iter().map(|found| {
            let series = &plan.series[found.series];
            let hits = found
                .hits
                .into_iter()
                .map(|hit| (hit.key, hit.value))
                .collect();
            let (kind, rule) = (series.kind.as_str(), &*found.rule.id);
            SeriesMatch {
                kind,
                series: &series.id,
                label: &series.label,
                rule,
                hits,
            }
        });
        Self {
            id: Some(&plan.id),
            month,
            matches: matches.collect(),
        }
    }
}

impl fmt::Display for RecordReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.source, self.subject)?;
        for revision in &self.revisions {
            revision.fmt(f)?;
        }
        let month = self.plan.month.as_deref().unwrap_or_default();
        let is_cancelled = self
            .revisions
            .last()
            .is_some_and(|last| last.cancelled.is_some());
        match self.plan.id {
            None => writeln!(f, "\nno adopted plan covers {month}")?,
            Some(plan) if is_cancelled => {
                writeln!(f, "\nplan {plan}, not counted in {month}: cancelled")?;
            }
            Some(plan) if self.replaced => writeln!(
                f,
                "\nplan {plan}, not counted in {month}: a later release of the month replaced it"
            )?,
            Some(plan) => writeln!(f, "\nplan {plan}, counted in {month}")?,
        }
        if self.plan.id.is_some() && self.plan.matches.is_empty() {
            writeln!(f, "  unmapped: no rule matches")?;
        }
        for SeriesMatch {
            kind,
            series,
            rule,
            hits,
            ..
        } in &self.plan.matches
        {
            let hits: Vec<String> = hits
                .iter()
                .map(|(key, value)| format!("{key} = {value}"))
                .collect();
            writeln!(
                f,
                "  {kind:<9} {series:<30} rule {rule}: {}",
                hits.join(", ")
            )?;
        }
        for UnknownCode {
            list,
            code,
            nearest,
            ..
        } in &self.unknown_codes
        {
            write!(
                f,
                "warning: the list {list} does not contain the code {code}"
            )?;
            match nearest {
                Some(nearest) => writeln!(f, "; the nearest known code is {nearest}")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for RevisionReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            topic,
            partition,
            position,
            received,
            revision,
            ..
        } = self;
        let latest = if self.latest { "  ← latest" } else { "" };
        writeln!(
            f,
            "\nrevision {revision}  {}{latest}",
            self.time.as_deref().unwrap_or_default()
        )?;
        writeln!(f, "  received   {received}  {topic}/{partition} {position}")?;
        if let Some(reason) = self.cancelled {
            writeln!(f, "  cancelled  {reason}: the record does not count")?;
        }
        if self.contradicts {
            writeln!(f, "  {CONTRADICTS}")?;
        }
        if self.sent_again {
            writeln!(f, "  sent again without changes")?;
        }
        for (name, old, new) in &self.changes {
            let change = match (&**old, &**new) {
                (HIDDEN, _) => "changed (a token, not shown)".to_owned(),
                ("", new) => new.to_owned(),
                (old, "") => format!("{old} → (removed)"),
                (old, new) => format!("{old} → {new}"),
            };
            writeln!(f, "  {name:<24} {change}")?;
        }
        Ok(())
    }
}

/// A field as text; empty if absent.
trait FieldAsText {
    fn as_text(&self) -> String;
}

macro_rules! field_as_text {
    ($($type:ty: |$value:ident| $text:expr;)+) => { $(
        impl FieldAsText for $type {
            fn as_text(&self) -> String {
                let $value = self;
                $text
            }
        }
    )+ };
}

field_as_text! {
    &str: |text| (*text).to_owned();
    Option<&str>: |text| text.unwrap_or_default().to_owned();
    i32: |number| number.to_string();
    Option<i32>: |number| number.map(|n| n.to_string()).unwrap_or_default();
    Option<bool>: |truth| truth.map(|t| t.to_string()).unwrap_or_default();
    Option<Moment>: |moment| moment.map(|m| m.to_string()).unwrap_or_default();
    Feed: |feed| feed.to_string();
    Kind: |kind| kind.to_string();
}

impl FieldAsText for Option<Strs<'_>> {
    fn as_text(&self) -> String {
        let Some(texts) = *self else {
            return String::new();
        };
        let mut all = Vec::new();
        let all_ref = std::cell::RefCell::new(&mut all);
        texts.for_each(|text| all_ref.borrow_mut().push(text.to_owned()));
        if all.is_empty() {
            "none".to_owned()
        } else {
            all.join(";")
        }
    }
}

impl FieldAsText for Flags {
    fn as_text(&self) -> String {
        let yes = Flags::names(self.yes).map(str::to_owned);
        let no = Flags::names(self.no).map(|name| format!("not {name}"));
        yes.chain(no).collect::<Vec<_>>().join(", ")
    }
}

/// Fields that every revision has, and that are printed elsewhere or not at all.
const OMITTED: [&str; 6] = ["id", "source", "subject", "revision", "time", "version"];

macro_rules! fields {
    ($($(#[$doc:meta])+ $name:ident: $of:ident, $group:ident, $feeds:expr, $role:ident;)+) => {
        /// The fields of a record by name, as texts.
        fn fields(record: &Record<'_>) -> Vec<FieldText> {
            let all = [$((stringify!($name), record.$name.as_text())),+];
            all.into_iter().filter(|(name, _)| !OMITTED.contains(name)).collect()
        }
    };
}
with_columns!(fields);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Event;

    #[test]
    fn changes_are_named_and_no_token_is_shown() {
        let crime = |category: &str, token: &str| {
            format!(
                r#"{{"specversion":"1.0","id":"a","source":"urn:partner:kent-police:crime","type":"uk.community-safety.police.crime.v1","subject":"a","revision":1,"time":"2017-02-06T09:15:00Z","data":{{"what":{{"list":"ho-crime","edition":"2016-04","category":"{category}"}},"when":{{"occurred_from":"2017-02"}},"victim":{{"token":"k17:{token}"}}}}}}"#
            )
        };
        let (before, after) = (
            "9f86d081884c7d659a2feaa0c55ad015",
            "92eb5ffee6ae2fec3ad71c777531578f",
        );
        let documents = [crime("8N", before), crime("8S", after)];
        let events = documents
            .each_ref()
            .map(|document| Event::decode(document).expect("valid"));
        let [before, after] = events
            .each_ref()
            .map(|event| fields(&Record::from_event(event)));
        let changes = changes(&before, &after);
        assert_eq!(
            changes,
            [
                ("what_category", "8N".to_owned(), "8S".to_owned()),
                ("victim_token", "…".to_owned(), "…".to_owned())
            ]
        );
    }
}
