//! `partner-feeds rejects`.

mod replay;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::{Args, Subcommand};
use jiff::civil::Date;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::lookup::{self, parse_kind};
use super::options::{SettingOptions, StoreOptions, open_store};
use super::text::table;
use super::{Format, runtime};
use crate::contract::rejection::Reason;
use crate::event::{Kind, Position, TopicPartition};
use crate::feedback::refusals::safe_subject;
use crate::ledger::chain;
use crate::reference::Reference;
use crate::rejects::reader::RejectsReader;
use crate::rejects::{Raw, Reject};
use crate::storage::Store;

/// List rejected records, or send them again
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds rejects list --partner kent-police
  partner-feeds rejects replay --partner kent-police --dry-run")]
pub(crate) struct Rejects {
    #[command(subcommand)]
    command: RejectsCommand,
}

#[derive(Debug, Subcommand)]
enum RejectsCommand {
    /// Print rejected records with position, reason and rule, in order of topic and offset
    ///
    /// Shows the subject of a record, if it is a valid id that does not look personal, and no other value.
    #[command(after_help = "Examples:
  partner-feeds rejects list --partner kent-police --from 2018-10-01
  partner-feeds rejects list --reason schema --kind crime --format json")]
    List(RejectsList),
    Replay(replay::RejectsReplay),
}

#[derive(Debug, Args)]
struct RejectsList {
    #[command(flatten)]
    options: StoreOptions,
    #[command(flatten)]
    filter: RejectFilter,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Also print key, value and headers, which may contain personal data (needs --format json)
    #[arg(long)]
    show_raw: bool,
}

/// The rejects to list or replay.
#[derive(Debug, Default, Args)]
struct RejectFilter {
    /// Only rejects from this partner
    #[arg(long, value_name = "NAME")]
    partner: Option<String>,
    /// Only rejects with this reason (schema.enum) or family of reasons (schema)
    #[arg(long, value_name = "CODE", value_parser = reason)]
    reason: Option<String>,
    /// Only rejects of this kind
    #[arg(long, value_parser = parse_kind)]
    kind: Option<Kind>,
    /// Only rejects received on this day (London) or later
    #[arg(long, value_name = "DATE")]
    from: Option<Date>,
    /// Only rejects received on this day (London) or earlier
    #[arg(long, value_name = "DATE")]
    to: Option<Date>,
}

fn reason(text: &str) -> Result<String, String> {
    let mut reasons = Reason::ALL.iter();
    reasons
        .any(|reason| is_reason(reason.as_str(), text))
        .then(|| text.to_owned())
        .ok_or_else(|| "no such reason code or family".to_owned())
}

fn is_reason(code: &str, wanted: &str) -> bool {
    code == wanted
        || code
            .split_once('.')
            .is_some_and(|(family, _)| family == wanted)
}

impl RejectFilter {
    /// A partner of the filter must be registered: a misspelt one would list nothing.
    fn check(&self, reference: &Reference) -> anyhow::Result<()> {
        match &self.partner {
            Some(partner) => lookup::partner(reference, partner).map(drop),
            None => Ok(()),
        }
    }

    fn accepts(&self, reject: &Reject) -> bool {
        let day = || reject.received.in_london().date();
        self.partner
            .as_ref()
            .is_none_or(|partner| reject.partner.as_ref() == Some(partner))
            && self
                .reason
                .as_ref()
                .is_none_or(|reason| is_reason(&reject.reason, reason))
            && self
                .kind
                .is_none_or(|kind| reject.kind.as_deref() == Some(kind.as_str()))
            && self.from.is_none_or(|from| from <= day())
            && self.to.is_none_or(|to| day() <= to)
    }

    /// Passes on each reject that it accepts, in order of partition and position; with its bytes only
    /// if `with_bytes`.
    async fn each(
        &self,
        store: &Store,
        partitions: &BTreeSet<TopicPartition>,
        with_bytes: bool,
        mut take: impl FnMut(&TopicPartition, Reject) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for partition in partitions {
            let mut reader = RejectsReader::new(store, partition, Position::ORIGIN, with_bytes);
            while let Some(rejects) = reader.next().await? {
                for reject in rejects {
                    let reject = reject?;
                    if self.accepts(&reject) {
                        take(partition, reject)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Rejects {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            RejectsCommand::List(list) => list.run(),
            RejectsCommand::Replay(replay) => replay.run(),
        }
    }
}

impl RejectsList {
    fn run(self) -> anyhow::Result<ExitCode> {
        if self.show_raw && self.format != Format::Json {
            bail!("--show-raw needs --format json");
        }
        let (config, reference) = self.options.load()?;
        self.filter.check(&reference)?;
        let store = open_store(&config)?;
        let mut out = io::BufWriter::new(io::stdout().lock());
        runtime()?.block_on(self.print(&store, &mut out))?;
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }

    async fn print(&self, store: &Store, out: &mut impl Write) -> anyhow::Result<()> {
        let mut rows = header();
        let mut rules = BTreeSet::new();
        let print = |partition: &TopicPartition, reject| {
            match self.format {
                Format::Json => {
                    let mut line = RejectLine::new(partition, &reject);
                    if !self.show_raw {
                        line.raw.clear();
                    }
                    writeln!(out, "{}", serde_json::to_string(&line)?)?;
                }
                Format::Text => {
                    let Reject {
                        reason,
                        pointer,
                        rule,
                        ..
                    } = &reject;
                    let at = if pointer.is_empty() { "" } else { " at " };
                    rules.insert(format!("{reason}{at}{pointer}: {rule}"));
                    rows.add_row(cells(partition, reject));
                }
            }
            Ok(())
        };
        self.filter
            .each(store, &chain::partitions(store).await?, true, print)
            .await?;
        if self.format == Format::Text && !rows.is_empty() {
            writeln!(out, "{}", rows.trim_fmt())?;
            writeln!(out)?;
            for rule in rules {
                writeln!(out, "{rule}")?;
            }
        }
        Ok(())
    }
}

/// A table without rows yet.
fn header() -> comfy_table::Table {
    table([
        "received",
        "topic",
        "partition",
        "offset",
        "reason",
        "pointer",
        "partner",
        "kind",
        "subject",
    ])
}

fn cells(partition: &TopicPartition, reject: Reject) -> [String; 9] {
    let subject = safe_subject(&reject).unwrap_or_default();
    [
        reject.received.to_string(),
        partition.topic.clone(),
        partition.partition.to_string(),
        reject.position.offset.to_string(),
        reject.reason,
        reject.pointer,
        reject.partner.unwrap_or_default(),
        reject.kind.unwrap_or_default(),
        subject,
    ]
}

/// A reject as one line of JSON.
#[derive(Debug, Serialize)]
struct RejectLine<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    reason: &'a str,
    pointer: &'a str,
    partner: Option<&'a str>,
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    received: String,
    rule: &'a str,
    era: u16,
    #[serde(flatten)]
    raw: Map<String, Value>,
}

impl<'a> RejectLine<'a> {
    fn new(partition: &'a TopicPartition, reject: &'a Reject) -> Self {
        Self {
            topic: &partition.topic,
            partition: partition.partition,
            offset: reject.position.offset,
            reason: &reject.reason,
            pointer: &reject.pointer,
            partner: reject.partner.as_deref(),
            kind: reject.kind.as_deref(),
            subject: safe_subject(reject),
            received: reject.received.to_string(),
            rule: &reject.rule,
            era: reject.position.era,
            raw: reject.raw.as_ref().map(raw_fields).unwrap_or_default(),
        }
    }
}

fn raw_fields(raw: &Raw) -> Map<String, Value> {
    let mut fields = Map::new();
    put_bytes(&mut fields, "key", raw.key.as_deref());
    put_bytes(&mut fields, "value", raw.value.as_deref());
    let headers = raw.headers.iter().map(|(name, value)| {
        let mut header = Map::from_iter([("name".to_owned(), json!(name))]);
        put_bytes(&mut header, "value", value.as_deref());
        Value::Object(header)
    });
    fields.insert("headers".to_owned(), headers.collect());
    fields
}

/// Bytes as text, or as `<name>_base64` if they are not UTF-8.
fn put_bytes(line: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    match bytes.map(|bytes| (std::str::from_utf8(bytes), bytes)) {
        Some((Err(_), bytes)) => line.insert(
            format!("{name}_base64"),
            json!(BASE64_STANDARD.encode(bytes)),
        ),
        Some((Ok(text), _)) => line.insert(name.to_owned(), json!(text)),
        None => line.insert(name.to_owned(), Value::Null),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Micros;

    fn reject() -> Reject {
        Reject {
            position: Position { era: 1, offset: 42 },
            received: Micros(1_717_197_600_000_000), // 1 June in London, 31 May in UTC
            reason: "schema.enum".into(),
            pointer: "/data/outcome".into(),
            rule: "is not in the list".into(),
            partner: Some("kent-police".into()),
            kind: Some("crime".into()),
            raw: None,
        }
    }

    #[test]
    fn a_filter_accepts_rejects_that_meet_all_conditions() {
        let day = |day| Some(jiff::civil::date(2024, 6, day));
        let check = |filter: RejectFilter, is_accepted| {
            assert_eq!(filter.accepts(&reject()), is_accepted, "{filter:?}");
        };
        check(RejectFilter::default(), true);
        check(
            RejectFilter {
                partner: Some("kent-police".into()),
                reason: Some("schema".into()),
                ..RejectFilter::default()
            },
            true,
        );
        check(
            RejectFilter {
                partner: Some("kent".into()),
                ..RejectFilter::default()
            },
            false,
        );
        check(
            RejectFilter {
                reason: Some("schema.enum".into()),
                kind: Some(Kind::Crime),
                ..RejectFilter::default()
            },
            true,
        );
        check(
            RejectFilter {
                reason: Some("schema.en".into()),
                ..RejectFilter::default()
            },
            false,
        );
        check(
            RejectFilter {
                kind: Some(Kind::Incident),
                ..RejectFilter::default()
            },
            false,
        );
        check(
            RejectFilter {
                from: day(1),
                to: day(1),
                ..RejectFilter::default()
            },
            true,
        );
        check(
            RejectFilter {
                from: day(2),
                ..RejectFilter::default()
            },
            false,
        );
        check(
            RejectFilter {
                to: jiff::civil::date(2024, 5, 31).into(),
                ..RejectFilter::default()
            },
            false,
        );
        assert!(
            reason("personal").is_ok()
                && reason("personal.email").is_ok()
                && reason("person").is_err()
        );
    }

    #[test]
    fn a_line_contains_no_value_unless_it_was_asked_for() {
        let partition = TopicPartition {
            topic: "police.events.v1".into(),
            partition: 3,
        };
        let line = |reject: &Reject| {
            serde_json::to_string(&RejectLine::new(&partition, reject)).expect("json")
        };
        assert_eq!(
            line(&reject()),
            r#"{"topic":"police.events.v1","partition":3,"offset":42,"reason":"schema.enum","#
                .to_owned()
                + r#""pointer":"/data/outcome","partner":"kent-police","kind":"crime","#
                + r#""received":"2024-05-31T23:20:00Z","rule":"is not in the list","era":1}"#
        );
        let raw = Raw {
            key: None,
            value: Some(b"{}".to_vec()),
            headers: vec![("a".into(), Some(b"\xff".to_vec())), ("a".into(), None)],
        };
        let full = line(&Reject {
            raw: Some(raw),
            ..reject()
        });
        let full: Value = serde_json::from_str(&full).expect("json");
        assert_eq!((&full["key"], &full["value"]), (&Value::Null, &json!("{}")));
        let headers = json!([{"name": "a", "value_base64": "/w=="}, {"name": "a", "value": null}]);
        assert_eq!(full["headers"], headers);
    }
}
