//! `partner-feeds record`.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::aggregate::plan;
use super::{Connection, Format, runtime};
use crate::aggregate::{Revision, history, month_of};
use crate::contract::Record as Flat;
use crate::contract::moment::Moment;
use crate::contract::parts::Flags;
use crate::contract::record::{Strs, with_columns};
use crate::event::{Feed, Kind};
use crate::plan::Plan;
use crate::reference::Reference;

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
        let named = self.plan.as_deref().map(|id| plan(&reference, id)).transpose()?;
        let store = config.store.open()?;
        let runtime = runtime()?;
        let history = history(&store, runtime.handle(), &self.source, &self.subject)?;
        let Some(latest) = history.revisions.last() else {
            eprintln!("the store `{}` holds no such record", store.root());
            return Ok(ExitCode::from(1));
        };
        let revisions = revisions(&history.revisions);
        let matched = matched(&latest.record(), named, &reference);
        let shown = json!({ "source": self.source, "subject": self.subject, "revisions": revisions, "plan": matched });
        match self.format {
            Format::Json => say!("{shown}"),
            Format::Text => say!("{}", text(&shown)?.trim_end()),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Each revision with what it changed.
fn revisions(rows: &[Revision]) -> Vec<Value> {
    let mut before: Option<Vec<(&'static str, String)>> = None;
    let mut shown = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let record = row.record();
        let fields = fields(&record);
        let changes = changes(before.as_deref().unwrap_or_default(), &fields);
        shown.push(json!({
                "topic": row.partition.topic,
                "partition": row.partition.partition,
                "position": row.at.position.to_string(),
                "received": row.at.received.to_string(),
                "revision": record.revision,
                "time": record.time.map(|time| time.to_string()),
                "latest": i + 1 == rows.len(),
                "cancelled": record.cancellation_reason,
                "sent_again": before.is_some() && changes.is_empty(),
                "changes": changes,
        }));
        before = Some(fields);
    }
    shown
}

/// The fields that are not as before; a token's value is never shown.
fn changes(before: &[(&'static str, String)], after: &[(&'static str, String)]) -> Vec<Value> {
    let old = |i: usize| before.get(i).map_or("", |(_, value)| value);
    let changed = after.iter().enumerate().filter(|(i, (_, value))| old(*i) != value);
    changed
        .map(
            |(i, (name, value))| {
                if name.contains("token") { json!([name, "…", "…"]) } else { json!([name, old(i), value]) }
            },
        )
        .collect()
}

/// The series a record falls under, with the rules that matched and why.
fn matched<'r>(record: &Flat<'r>, named: Option<&Plan>, reference: &'r Reference) -> Value {
    let month = month_of(record, reference);
    let plan = named.or_else(|| reference.plans.in_force(month?.first_day()));
    let month = month.map(|month| month.to_string());
    let Some(plan) = plan else { return json!({ "id": null, "month": month, "matches": [] }) };
    let mut codes = Vec::new();
    reference.source_codes(record, &mut codes);
    let matches = plan.matches(record, &codes).into_iter().map(|found| {
        let series = &plan.series[found.series];
        let hits: Vec<Value> = found.hits.iter().map(|hit| json!([hit.key, hit.value])).collect();
        json!({ "kind": series.kind.as_str(), "series": series.id, "label": series.label, "rule": found.rule.id, "hits": hits })
    });
    json!({ "id": plan.id, "month": month, "matches": matches.collect::<Vec<_>>() })
}

fn text(shown: &Value) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    let str_of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    writeln!(out, "{} {}", str_of(&shown["source"]), str_of(&shown["subject"]))?;
    for revision in shown["revisions"].as_array().into_iter().flatten() {
        let latest = if revision["latest"] == true { "  ← latest" } else { "" };
        writeln!(out, "\nrevision {}  {}{latest}", revision["revision"], str_of(&revision["time"]))?;
        writeln!(
            out,
            "  received   {}  {}/{} {}",
            str_of(&revision["received"]),
            str_of(&revision["topic"]),
            revision["partition"],
            str_of(&revision["position"])
        )?;
        if let Some(reason) = revision["cancelled"].as_str() {
            writeln!(out, "  cancelled  {reason}: the record does not count")?;
        }
        if revision["sent_again"] == true {
            writeln!(out, "  sent again, nothing changed")?;
        }
        for change in revision["changes"].as_array().into_iter().flatten() {
            let (name, old, new) = (str_of(&change[0]), str_of(&change[1]), str_of(&change[2]));
            let said = match (&*old, &*new) {
                ("…", _) => "another than before (a token, not shown)".to_owned(),
                ("", new) => new.to_owned(),
                (old, "") => format!("{old} → nothing"),
                (old, new) => format!("{old} → {new}"),
            };
            writeln!(out, "  {name:<24} {said}")?;
        }
    }
    let cancelled =
        shown["revisions"].as_array().and_then(|all| all.last()).is_some_and(|r| r["cancelled"].is_string());
    let (plan, month) = (shown["plan"]["id"].as_str(), str_of(&shown["plan"]["month"]));
    match plan {
        None => writeln!(out, "\nno plan that is held is in force in {month}")?,
        Some(plan) if cancelled => writeln!(out, "\nunder {plan}, in {month}, were it not cancelled")?,
        Some(plan) => writeln!(out, "\nunder {plan}, counted in {month}")?,
    }
    let matches = shown["plan"]["matches"].as_array();
    if plan.is_some() && matches.is_none_or(Vec::is_empty) {
        writeln!(out, "  unmapped: no rule matches")?;
    }
    for found in matches.into_iter().flatten() {
        let hits = found["hits"].as_array().into_iter().flatten();
        let hits: Vec<String> = hits.map(|hit| format!("{} = {}", str_of(&hit[0]), str_of(&hit[1]))).collect();
        writeln!(
            out,
            "  {:<9} {:<30} rule {}: {}",
            str_of(&found["kind"]),
            str_of(&found["series"]),
            str_of(&found["rule"]),
            hits.join(", ")
        )?;
    }
    Ok(out)
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
        let Some(texts) = *self else { return String::new() };
        let mut all = Vec::new();
        let all_ref = std::cell::RefCell::new(&mut all);
        texts.for_each(|text| all_ref.borrow_mut().push(text.to_owned()));
        if all.is_empty() { "none".to_owned() } else { all.join(";") }
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
    ($($(#[$doc:meta])+ $name:ident: $kind:ident,)+) => {
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
        let (before, after) = ("9f86d081884c7d659a2feaa0c55ad015", "92eb5ffee6ae2fec3ad71c777531578f");
        let documents = [crime("8N", before), crime("8S", after)];
        let events = documents.each_ref().map(|document| Event::decode(document).expect("valid"));
        let [before, after] = events.each_ref().map(|event| fields(&Flat::of(event)));
        let changes = changes(&before, &after);
        assert_eq!(changes, [json!(["what_category", "8N", "8S"]), json!(["victim_token", "…", "…"])]);
    }
}
