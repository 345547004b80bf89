//! `partner-feeds record`.

use std::fmt;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::{Connection, Format, lookup, runtime};
use crate::aggregate::{Revision, history, month_of};
use crate::contract::Record as Flat;
use crate::contract::columns::with_columns;
use crate::contract::moment::Moment;
use crate::contract::parts::Flags;
use crate::contract::text::Strs;
use crate::event::{Feed, Kind};
use crate::reference::Reference;
use crate::reference::plan::Plan;

/// Show one record's revisions and the rules that matched
#[derive(Debug, Args)]
pub(crate) struct Record {
    /// The partner's records system, `urn:partner:<partner>:<system>`
    source: String,
    /// The record's token
    subject: String,
    /// Match under this plan [default: the plan in force in the record's month]
    #[arg(long, value_name = "ID")]
    plan: Option<String>,
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    connection: Connection,
}

impl Record {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.connection.load()?;
        let named = self
            .plan
            .as_deref()
            .map(|id| lookup::plan(&reference, id))
            .transpose()?;
        let store = config.store.open()?;
        let runtime = runtime()?;
        let history = history(&store, runtime.handle(), &self.source, &self.subject)?;
        let Some(latest) = history.revisions.last() else {
            eprintln!("the store `{}` holds no such record", store.root());
            return Ok(ExitCode::from(1));
        };
        let told = Told {
            source: &self.source,
            subject: &self.subject,
            revisions: versions(&history.revisions),
            plan: Under::of(&latest.record(), named, &reference),
        };
        match self.format {
            Format::Json => say!("{}", serde_json::to_string(&told)?),
            Format::Text => say!("{}", told.to_string().trim_end()),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What is told of a record.
#[derive(Serialize)]
struct Told<'r> {
    source: &'r str,
    subject: &'r str,
    revisions: Vec<Version<'r>>,
    plan: Under<'r>,
}

/// One revision, with what it changed.
#[derive(Serialize)]
struct Version<'r> {
    topic: &'r str,
    partition: i32,
    position: String,
    received: String,
    revision: i32,
    time: Option<String>,
    latest: bool,
    cancelled: Option<&'r str>,
    sent_again: bool,
    changes: Vec<Change>,
}

/// A field: its name, and its value before and after, empty where it has none.
type Change = (&'static str, String, String);

/// How a plan sees the record; `id` is `None` where none is in force.
#[derive(Serialize)]
struct Under<'r> {
    id: Option<&'r str>,
    month: Option<String>,
    matches: Vec<Match<'r>>,
}

/// A series the record falls under, with the rule, and the keys and values that matched it.
#[derive(Serialize)]
struct Match<'r> {
    kind: &'static str,
    series: &'r str,
    label: &'r str,
    rule: &'r str,
    hits: Vec<(String, String)>,
}

fn versions(rows: &[Revision]) -> Vec<Version<'_>> {
    let mut before: Option<Vec<(&'static str, String)>> = None;
    let mut versions = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let record = row.record();
        let fields = fields(&record);
        let changes = changes(before.as_deref().unwrap_or_default(), &fields);
        versions.push(Version {
            topic: &row.partition.topic,
            partition: row.partition.partition,
            position: row.at.position.to_string(),
            received: row.at.received.to_string(),
            revision: record.revision,
            time: record.time.map(|time| time.to_string()),
            latest: i + 1 == rows.len(),
            cancelled: record.cancellation_reason,
            sent_again: before.is_some() && changes.is_empty(),
            changes,
        });
        before = Some(fields);
    }
    versions
}

/// The fields that are not as before; a token's value is never shown.
fn changes(before: &[(&'static str, String)], after: &[(&'static str, String)]) -> Vec<Change> {
    let old = before
        .iter()
        .map(|(_, value)| &**value)
        .chain(std::iter::repeat(""));
    let changed = after.iter().zip(old).filter(|((_, new), old)| new != old);
    let change = |((name, new), old): (&(&'static str, String), &str)| {
        let (old, new) = if name.contains("token") {
            ("…", "…")
        } else {
            (old, &**new)
        };
        (*name, old.to_owned(), new.to_owned())
    };
    changed.map(change).collect()
}

impl<'r> Under<'r> {
    fn of(record: &Flat<'r>, named: Option<&'r Plan>, reference: &'r Reference) -> Self {
        let month = month_of(record, reference);
        let plan = named.or_else(|| reference.plans.in_force(month?.first_day()));
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
            Match {
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

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.source, self.subject)?;
        for version in &self.revisions {
            version.fmt(f)?;
        }
        let month = self.plan.month.as_deref().unwrap_or_default();
        let is_cancelled = self
            .revisions
            .last()
            .is_some_and(|last| last.cancelled.is_some());
        match self.plan.id {
            None => writeln!(f, "\nno plan that is held is in force in {month}")?,
            Some(plan) if is_cancelled => {
                writeln!(f, "\nunder {plan}, in {month}, were it not cancelled")?
            }
            Some(plan) => writeln!(f, "\nunder {plan}, counted in {month}")?,
        }
        if self.plan.id.is_some() && self.plan.matches.is_empty() {
            writeln!(f, "  unmapped: no rule matches")?;
        }
        for Match {
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
        Ok(())
    }
}

impl fmt::Display for Version<'_> {
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
        if self.sent_again {
            writeln!(f, "  sent again, nothing changed")?;
        }
        for (name, old, new) in &self.changes {
            let said = match (&**old, &**new) {
                ("…", _) => "another than before (a token, not shown)".to_owned(),
                ("", new) => new.to_owned(),
                (old, "") => format!("{old} → nothing"),
                (old, new) => format!("{old} → {new}"),
            };
            writeln!(f, "  {name:<24} {said}")?;
        }
        Ok(())
    }
}

/// A field as text; empty = absent.
trait Shown {
    fn shown(&self) -> String;
}

macro_rules! shown {
    ($($type:ty: |$value:ident| $text:expr;)+) => { $(
        impl Shown for $type {
            fn shown(&self) -> String {
                let $value = self;
                $text
            }
        }
    )+ };
}

shown! {
    &str: |text| (*text).to_owned();
    Option<&str>: |text| text.unwrap_or_default().to_owned();
    i32: |number| number.to_string();
    Option<i32>: |number| number.map(|n| n.to_string()).unwrap_or_default();
    Option<bool>: |truth| truth.map(|t| t.to_string()).unwrap_or_default();
    Option<Moment>: |moment| moment.map(|m| m.to_string()).unwrap_or_default();
    Feed: |feed| feed.to_string();
    Kind: |kind| kind.to_string();
}

impl Shown for Option<Strs<'_>> {
    fn shown(&self) -> String {
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

impl Shown for Flags {
    fn shown(&self) -> String {
        let yes = Flags::names(self.yes).map(str::to_owned);
        let no = Flags::names(self.no).map(|name| format!("not {name}"));
        yes.chain(no).collect::<Vec<_>>().join(", ")
    }
}

/// What every revision has anyway.
const ASIDE: [&str; 6] = ["id", "source", "subject", "revision", "time", "version"];

macro_rules! fields {
    ($($(#[$doc:meta])+ $name:ident: $of:ident, $group:ident, $feeds:expr, $role:ident;)+) => {
        /// The fields of a record by name, as texts.
        fn fields(record: &Flat<'_>) -> Vec<(&'static str, String)> {
            let all = [$((stringify!($name), record.$name.shown())),+];
            all.into_iter().filter(|(name, _)| !ASIDE.contains(name)).collect()
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
            .map(|event| fields(&Flat::from_event(event)));
        let changes = changes(&before, &after);
        let told = |name, old: &str, new: &str| (name, old.to_owned(), new.to_owned());
        assert_eq!(
            changes,
            [
                told("what_category", "8N", "8S"),
                told("victim_token", "…", "…")
            ]
        );
    }
}
