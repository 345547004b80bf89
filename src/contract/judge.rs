//! The front door: a Kafka record, or a document alone, is accepted or refused for one reason.
//!
//! The families of reasons are judged in the order of the contract. An accepted record is read
//! once, and nothing is allocated for it but, in binary mode, the list of its attributes; a refused
//! one is read again, to say why and to search it for personal data, which outranks every other
//! reason.

use hashbrown::HashMap;

use super::explain;
use super::gate::{Gate, Judged, PAUSED_RULE, RecordKey, fault};
use super::record::partner_of;
use super::rejection::{Fault, Reason, Rejection};
use super::tripwire::{self, Search};
use super::{Document, HEADERS_MAX, Record, VALUE_BYTES_MAX, semantic};
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

/// Judges a Kafka record, and hands an accepted one, laid flat, to `accept`.
///
/// One whose source is `paused` is refused for that alone, unless it looks personal: why else it
/// might be, which takes long to say, is not asked.
pub fn judge<T>(
    incoming: &Incoming<'_>,
    rules: &TopicRules,
    paused: &dyn Fn(&str) -> bool,
    accept: impl FnOnce(&Record<'_>) -> T,
) -> Result<T, Box<Rejection>> {
    let registered = |_, source: &str| rules.partner(source).is_some();
    let gate = Gate {
        feed: Some(rules.feed),
        key: RecordKey::Is(incoming.key),
        registered: &registered,
        paused,
    };
    let mut attributes = Attributes::default();
    let opened = open(incoming, &mut attributes);
    let document = opened.map(|text| attributes.document(text));
    let verdict = match &document {
        Ok(document) => weigh(document, &gate, incoming.received, accept),
        Err(fault) => Err(fault.clone().into()),
    };
    verdict.map_err(|objection| {
        Box::new(refuse(
            objection,
            incoming.value.unwrap_or_default(),
            &attributes.0,
            &gate,
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
        Ok(structured) => weigh(structured, &gate, now, accept),
        Err(fault) => Err(fault.clone().into()),
    };
    verdict.map_err(|objection| Box::new(refuse(objection, document, &[], &gate)))
}

/// What speaks against a record.
enum Objection<'d> {
    /// This.
    Fault(Box<Fault>),
    /// The typed path said no: what is wrong is found by a slow look.
    Unexplained(&'d Document<'d>),
}

impl From<Box<Fault>> for Objection<'_> {
    fn from(fault: Box<Fault>) -> Self {
        Self::Fault(fault)
    }
}

impl Objection<'_> {
    fn into_fault(self, gate: &Gate<'_>) -> Fault {
        match self {
            Self::Fault(fault) => *fault,
            Self::Unexplained(document) => explained(document, gate),
        }
    }
}

/// Everything after the bytes are text.
fn weigh<'d, T>(
    document: &'d Document<'d>,
    gate: &Gate<'_>,
    received: Micros,
    accept: impl FnOnce(&Record<'_>) -> T,
) -> Result<T, Objection<'d>> {
    let Ok(event) = document.decode() else {
        return Err(Objection::Unexplained(document));
    };
    gate.admit(&event.envelope)?;
    let record = Record::from_event(&event);
    if let Some(fault) = semantic::check(&record, received) {
        return Err(Box::new(fault).into());
    }
    // Where it stands is found by the search of the refused document.
    if let Some(reason) = tripwire::check(&record, &event.envelope) {
        return Ok(fault(reason, "", tripwire::rule_of(reason))?);
    }
    Ok(accept(&record))
}

#[cold]
fn explained(document: &Document<'_>, gate: &Gate<'_>) -> Fault {
    explain::explain(document, gate).unwrap_or_else(|| {
        debug_assert!(false, "the typed path refused what the contract accepts");
        Fault::new(
            Reason::SchemaType,
            "/data",
            "is not as the schema of its kind says",
        )
    })
}

/// The rejection of a fault: personal data outranks it, then that the partner is paused; the
/// document says whose it is.
#[cold]
fn refuse(
    objection: Objection<'_>,
    body: &[u8],
    attributes: &[(&str, &str)],
    gate: &Gate<'_>,
) -> Rejection {
    let mut search = tripwire::search(body, !attributes.is_empty());
    for (name, text) in attributes {
        search.look_at_attribute(name, text);
    }
    let partner = registered_partner(&search, gate);
    let is_paused = partner.is_some() && search.source.as_deref().is_some_and(gate.paused);
    let Fault {
        reason,
        pointer,
        rule,
    } = match search.personal {
        Some(fault) => fault,
        None if is_paused => Fault::new(Reason::PartnerPaused, "/source", PAUSED_RULE),
        None => objection.into_fault(gate),
    };
    Rejection {
        reason,
        pointer,
        rule,
        partner,
        kind: search.kind,
    }
}

/// The partner of the document, if its source is registered; any other may be a person's name.
fn registered_partner(search: &Search, gate: &Gate<'_>) -> Option<String> {
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

    /// Takes the `ce_` headers; a name stands once.
    fn gather(&mut self, headers: &[(&'a str, Option<&'a [u8]>)]) -> Judged<()> {
        for (name, value) in headers {
            let Some(name) = name.strip_prefix(ATTRIBUTE_PREFIX) else {
                continue;
            };
            let Some(text) = value.and_then(|bytes| std::str::from_utf8(bytes).ok()) else {
                return fault(
                    Reason::TransportHeader,
                    "",
                    "a `ce_` header has a value in UTF-8: check the client",
                );
            };
            if name == "data" || self.0.iter().any(|(seen, _)| *seen == name) {
                let rule = "a `ce_` header stands once, and `data` is the value: check the client";
                return fault(Reason::TransportHeader, "", rule);
            }
            self.0.push((name, text));
        }
        let missing = |name: &&str| !self.0.iter().any(|(given, _)| given == name);
        if REQUIRED.iter().any(missing) {
            let rule = "binary mode has the headers ce_specversion, ce_id, ce_source, ce_type, ce_subject, ce_revision and \
                        ce_time: send all";
            return fault(Reason::TransportHeader, "", rule);
        }
        Ok(())
    }
}

/// What the name of a header begins with that holds an attribute.
const ATTRIBUTE_PREFIX: &str = "ce_";
/// The attributes that binary mode has in headers.
const REQUIRED: [&str; 7] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "revision",
    "time",
];

/// Transport and encoding: from a record to its text, and its attributes in binary mode.
fn open<'a>(incoming: &Incoming<'a>, attributes: &mut Attributes<'a>) -> Judged<&'a str> {
    let value = without_prefix(sized(incoming.value)?)?;
    let is_structured = content_type(incoming.headers)?;
    if incoming.headers.len() > HEADERS_MAX {
        return fault(
            Reason::TransportHeader,
            "",
            "a record has at most 32 headers: send fewer",
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
            let rule = "a record has a value, and a tombstone is no correction: send the last state with `cancellation`";
            fault(Reason::TransportEmpty, "", rule)
        }
        Some(value) if value.len() > VALUE_BYTES_MAX => fault(
            Reason::TransportTooLarge,
            "",
            "a value has at most 16,384 bytes: send one event a record",
        ),
        Some(value) => Ok(value),
    }
}

/// The value after the schema id, which is not read: a zero byte and four more.
fn without_prefix(value: &[u8]) -> Judged<&[u8]> {
    match value {
        [0, _, _, _, _, rest @ ..] if !rest.is_empty() => Ok(rest),
        [0, ..] => fault(
            Reason::TransportPrefix,
            "",
            "after a zero byte come four of a schema id, and then the event",
        ),
        value => Ok(value),
    }
}

/// Refuses what is neither one `CloudEvents` document nor JSON; whether it is said to be the
/// former.
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
            let rule = "`content-type` is application/cloudevents+json or application/json, and no batch: send one event a \
                        record";
            return fault(Reason::TransportContentType, "", rule);
        }
        is_structured |= is_event;
    }
    Ok(is_structured)
}

/// The text of a value: its bytes are looked at once.
fn decoded(value: &[u8]) -> Judged<&str> {
    match std::str::from_utf8(value) {
        Err(_) => fault(
            Reason::EncodingUtf8,
            "",
            "the value is UTF-8: write the file or message in that encoding",
        ),
        Ok(text) if text.starts_with('\u{feff}') => fault(
            Reason::EncodingBom,
            "",
            "the value does not begin with a byte order mark: leave it out",
        ),
        Ok(text) => Ok(text),
    }
}

#[cfg(test)]
mod tests;
