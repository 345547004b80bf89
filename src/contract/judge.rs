//! Validates one Kafka record, or one document: accepted, or rejected. A record is rejected for one
//! reason; of a document, its author also learns the faults after the first.
//!
//! The families of reasons are judged in the order of the contract. The flat reader reads a document
//! in plain form; what it declines, the general path decides. An accepted record is read
//! once, and nothing is allocated for it but, in binary mode, the list of its attributes; a refused
//! one is read again, to say why and to search it for personal data, which outranks every other
//! reason.

use hashbrown::HashMap;

use super::explain;
use super::flat::{self, KnownTexts};
use super::gate::{Gate, Judged, PAUSED_RULE, RecordKey, violation};
use super::record::partner_of;
use super::rejection::{Reason, Rejection, Violation};
use super::tripwire::{self, PersonalSearch};
use super::{Document, HEADER_ATTRIBUTES, HEADERS_MAX, Record, VALUE_BYTES_MAX, semantic};
use crate::event::{Feed, Micros};

/// A record as Kafka hands it out.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The headers, in order, repeats included.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
    /// The time Kafka gave the record: "now".
    pub received: Micros,
    /// The time by the clock of the machine that reads the record. It only decides whether
    /// `received` is possible.
    pub clock: Micros,
}

/// The first possible Kafka timestamp, 2000-01-01T00:00:00Z: seconds instead of milliseconds give a
/// time in 1970.
const EARLIEST_RECEIVED: Micros = Micros(946_684_800 * Micros::PER_SECOND);
/// The most faults of a document that are returned.
const FAULTS_MAX: usize = 10;
/// How far a Kafka timestamp may be after the clock of the machine that reads the record, in
/// seconds.
pub const AHEAD_OF_CLOCK_SECONDS_MAX: i64 = 24 * 60 * 60;

impl Incoming<'_> {
    /// Whether the Kafka timestamp is impossibly late: the publisher's clock or unit is wrong.
    pub fn is_received_in_future(&self) -> bool {
        self.received > self.clock.plus_seconds(AHEAD_OF_CLOCK_SECONDS_MAX)
    }

    /// Refuses a record whose Kafka timestamp cannot be the time at which it was received. Figures
    /// are as at the newest of these times.
    fn check_received(&self) -> Judged<()> {
        if self.received >= EARLIEST_RECEIVED && !self.is_received_in_future() {
            return Ok(());
        }
        let rule = "the Kafka timestamp must be from 2000 on and at most a day ahead of the \
                    consumer's clock: send milliseconds, or have the topic's \
                    `message.timestamp.type` set to LogAppendTime";
        violation(Reason::TransportTimestamp, "", rule)
    }
}

/// What a topic admits.
#[derive(Clone, Debug)]
pub struct TopicRules {
    /// The feed of the topic.
    pub feed: Feed,
    /// The partners of the sources registered for it, in order.
    pub partners: Vec<String>,
    /// Those sources, each with the index of its partner.
    sources: HashMap<String, usize>,
}

impl TopicRules {
    /// A topic of a feed, to which these sources may send.
    pub fn new(feed: Feed, sources: impl IntoIterator<Item = String>) -> Self {
        let sources: Vec<String> = sources.into_iter().collect();
        let mut partners: Vec<String> = sources
            .iter()
            .map(|source| partner_of(source).to_owned())
            .collect();
        partners.sort_unstable();
        partners.dedup();
        let mut index_of = HashMap::new();
        for source in sources {
            let partner = partner_of(&source);
            if let Ok(index) = partners.binary_search_by(|own| own.as_str().cmp(partner)) {
                index_of.insert(source, index);
            }
        }
        Self {
            feed,
            partners,
            sources: index_of,
        }
    }

    /// The index of a source's partner in [`Self::partners`]; `None` where it is not registered.
    pub fn partner(&self, source: &str) -> Option<usize> {
        self.sources.get(source).copied()
    }
}

/// Judges a Kafka record, and hands an accepted one, as a flat record, to `accept`.
///
/// Records of a paused source are rejected as paused without searching for other reasons, which is
/// slow. Personal data is still searched for.
pub fn judge<T>(
    incoming: &Incoming<'_>,
    rules: &TopicRules,
    paused: &dyn Fn(&str) -> bool,
    known: &mut KnownTexts,
    accept: impl FnOnce(&Record<'_>) -> T,
) -> Result<T, Box<Rejection>> {
    let gate = Gate {
        feed: Some(rules.feed),
        key: RecordKey::Is(incoming.key),
        registered: &|_, source| rules.partner(source).is_some(),
        paused,
    };
    let mut attributes = Attributes::default();
    let opened = incoming
        .check_received()
        .and_then(|()| open(incoming, &mut attributes));
    let document = opened.map(|text| attributes.document(text));
    let verdict = match &document {
        Ok(document) => weigh(document, &gate, incoming.received, known, accept),
        Err(violation) => Err(violation.clone().into()),
    };
    verdict.map_err(|objection| {
        Box::new(refuse(
            objection,
            incoming.value.unwrap_or_default(),
            &attributes.0,
            &gate,
            1,
        ))
    })
}

/// Judges a document with no Kafka record around it: no key, no headers, `now` for the time of
/// receipt.
///
/// `registered` says whether a source may send a feed.
pub fn judge_document<T>(
    document: &[u8],
    registered: &dyn Fn(Feed, &str) -> bool,
    now: Micros,
    known: &mut KnownTexts,
    accept: impl FnOnce(&Record<'_>) -> T,
) -> Result<T, Box<Rejection>> {
    let gate = Gate {
        registered,
        ..Gate::open()
    };
    let structured = sized(Some(document))
        .and_then(decoded)
        .map(Document::Structured);
    let verdict = match &structured {
        Ok(structured) => weigh(structured, &gate, now, known, accept),
        Err(violation) => Err(violation.clone().into()),
    };
    verdict.map_err(|objection| Box::new(refuse(objection, document, &[], &gate, FAULTS_MAX)))
}

/// Why a record is rejected.
enum Objection<'d> {
    /// Faults that are already known, the reason of the rejection first.
    Violations(Vec<Violation>),
    /// The typed path rejected it: the slow path finds the reason.
    Unexplained(&'d Document<'d>),
}

impl From<Box<Violation>> for Objection<'_> {
    fn from(violation: Box<Violation>) -> Self {
        Self::Violations(vec![*violation])
    }
}

impl Objection<'_> {
    /// The faults, at most `most`; never none.
    fn into_violations(self, gate: &Gate<'_>, most: usize) -> Vec<Violation> {
        match self {
            Self::Violations(violations) => violations,
            Self::Unexplained(document) => explained(document, gate, most),
        }
    }
}

/// Everything after the bytes are text.
fn weigh<'d, T>(
    document: &'d Document<'d>,
    gate: &Gate<'_>,
    received: Micros,
    known: &mut KnownTexts,
    accept: impl FnOnce(&Record<'_>) -> T,
) -> Result<T, Objection<'d>> {
    if let Document::Structured(text) = document {
        let mut record = Record::absent();
        if let Ok(new) = flat::read(text, known, &mut record) {
            check(&record, gate, received)?;
            known.add(&new);
            return Ok(accept(&record));
        }
    }
    let Ok(event) = document.decode() else {
        return Err(Objection::Unexplained(document));
    };
    let record = Record::from_event(&event);
    check(&record, gate, received)?;
    // The search of the rejected document finds where it is.
    if let Some(reason) = tripwire::check(&record, &event.envelope) {
        return Ok(violation(reason, "", tripwire::rule_of(reason))?);
    }
    Ok(accept(&record))
}

/// Whether a record may pass, and the rules between its fields.
fn check<'d>(record: &Record<'_>, gate: &Gate<'_>, received: Micros) -> Result<(), Objection<'d>> {
    gate.admit(record)?;
    let violations = semantic::check(record, received);
    if violations.is_empty() {
        Ok(())
    } else {
        Err(Objection::Violations(violations))
    }
}

#[cold]
fn explained(document: &Document<'_>, gate: &Gate<'_>, most: usize) -> Vec<Violation> {
    let mut violations = explain::explain(document, gate, most);
    if violations.is_empty() {
        debug_assert!(false, "the typed path refused what the contract accepts");
        let rule = "is not as the schema of its kind says";
        violations.push(Violation::new(Reason::SchemaType, "/data", rule));
    }
    violations
}

/// The rejection of a failure. Personal data takes precedence, then a paused partner. Partner and
/// kind come from the document.
#[cold]
fn refuse(
    objection: Objection<'_>,
    body: &[u8],
    attributes: &[(&str, &str)],
    gate: &Gate<'_>,
    most: usize,
) -> Rejection {
    let mut search = tripwire::search(body, !attributes.is_empty());
    for (name, text) in attributes {
        search.look_at_attribute(name, text);
    }
    let partner = registered_partner(&search, gate);
    let is_paused = partner.is_some() && search.source.as_deref().is_some_and(gate.paused);
    let mut more = match search.personal {
        Some(violation) => vec![violation],
        None if is_paused => {
            vec![Violation::new(
                Reason::PartnerPaused,
                "/source",
                PAUSED_RULE,
            )]
        }
        None => objection.into_violations(gate, most),
    };
    let Violation {
        reason,
        pointer,
        rule,
    } = more.remove(0);
    more.truncate(most - 1);
    Rejection {
        reason,
        pointer,
        rule,
        partner,
        kind: search.kind,
        more,
    }
}

/// The partner of the document, if its source is registered; any other may be a person's name.
fn registered_partner(search: &PersonalSearch, gate: &Gate<'_>) -> Option<String> {
    let source = search.source.as_deref()?;
    let registered = Feed::ALL
        .into_iter()
        .any(|feed| gate.admits_source(feed, source));
    search.partner().filter(|_| registered).map(str::to_owned)
}

/// The attributes of an event in binary mode: names, without `ce_`, and values.
#[derive(Default)]
struct Attributes<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Attributes<'a> {
    /// The document of a value.
    fn document<'s>(&'s self, text: &'s str) -> Document<'s> {
        match &self.0[..] {
            [] => Document::Structured(text),
            attributes => Document::Binary {
                attributes,
                data: text,
            },
        }
    }

    /// Takes the `ce_` headers; each name may occur once.
    fn gather(&mut self, headers: &[(&'a str, Option<&'a [u8]>)]) -> Judged<()> {
        for (name, value) in headers {
            let Some(name) = name.strip_prefix(ATTRIBUTE_PREFIX) else {
                continue;
            };
            let Some(text) = value.and_then(|bytes| std::str::from_utf8(bytes).ok()) else {
                return violation(
                    Reason::TransportHeader,
                    "",
                    "a `ce_` header must have a value in UTF-8: check the client",
                );
            };
            if name == "data" || self.0.iter().any(|(seen, _)| *seen == name) {
                let rule =
                    "each `ce_` header may occur once, and `data` is the value: check the client";
                return violation(Reason::TransportHeader, "", rule);
            }
            self.0.push((name, text));
        }
        let is_missing = HEADER_ATTRIBUTES
            .iter()
            .any(|name| self.0.iter().all(|(given, _)| given != name));
        if is_missing {
            let rule = "binary mode must have the headers ce_specversion, ce_id, ce_source, \
                        ce_type, ce_subject, ce_revision and ce_time: send all";
            return violation(Reason::TransportHeader, "", rule);
        }
        Ok(())
    }
}

/// What the name of an attribute's header begins with.
const ATTRIBUTE_PREFIX: &str = "ce_";

/// Transport and encoding: from a record to its text, and its attributes in binary mode.
fn open<'a>(incoming: &Incoming<'a>, attributes: &mut Attributes<'a>) -> Judged<&'a str> {
    let value = without_prefix(sized(incoming.value)?)?;
    let is_structured = content_type(incoming.headers)?;
    if incoming.headers.len() > HEADERS_MAX {
        return violation(
            Reason::TransportHeader,
            "",
            "a record may have at most 32 headers: send fewer",
        );
    }
    if !is_structured
        && incoming
            .headers
            .iter()
            .any(|(name, _)| *name == "ce_specversion")
    {
        attributes.gather(incoming.headers)?;
    }
    decoded(value)
}

fn sized(value: Option<&[u8]>) -> Judged<&[u8]> {
    match value {
        None | Some([]) => {
            let rule = "a record must have a value: to withdraw it, send its last state with `cancellation`, not a tombstone";
            violation(Reason::TransportEmpty, "", rule)
        }
        Some(value) if value.len() > VALUE_BYTES_MAX => violation(
            Reason::TransportTooLarge,
            "",
            "a value may have at most 16,384 bytes: send one event per record",
        ),
        Some(value) => Ok(value),
    }
}

/// The value after the schema id, which is not read: a zero byte and four more.
fn without_prefix(value: &[u8]) -> Judged<&[u8]> {
    match value {
        [0, _, _, _, _, rest @ ..] if !rest.is_empty() => Ok(rest),
        [0, ..] => violation(
            Reason::TransportPrefix,
            "",
            "a value that begins with a zero byte must continue with four bytes of a schema id and the event: check the serialiser",
        ),
        value => Ok(value),
    }
}

/// Rejects any other content type; returns whether it is a `CloudEvents` document.
fn content_type(headers: &[(&str, Option<&[u8]>)]) -> Judged<bool> {
    let mut is_structured = false;
    for (_, value) in headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        let text = value
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default();
        let media_type = text.split(';').next().unwrap_or_default().trim();
        let is_event = media_type.eq_ignore_ascii_case("application/cloudevents+json");
        if !is_event && !media_type.eq_ignore_ascii_case("application/json") {
            let rule = "`content-type` must be application/cloudevents+json or application/json: send one event per \
                        record";
            return violation(Reason::TransportContentType, "", rule);
        }
        is_structured |= is_event;
    }
    Ok(is_structured)
}

/// The value as text; checks the UTF-8 once.
fn decoded(value: &[u8]) -> Judged<&str> {
    match simdutf8::basic::from_utf8(value) {
        Err(_) => violation(
            Reason::EncodingUtf8,
            "",
            "the value must be UTF-8: write the file or message in that encoding",
        ),
        Ok(text) if text.starts_with('\u{feff}') => violation(
            Reason::EncodingBom,
            "",
            "the value must not begin with a byte order mark: leave it out",
        ),
        Ok(text) => Ok(text),
    }
}

#[cfg(test)]
mod tests;
