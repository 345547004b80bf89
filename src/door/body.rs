//! From the body of a request to events: one document for each, as `publish` would send it.
//!
//! It must not judge an event: a document that is not valid is passed on as it came, so that the
//! contract finds the reason. What cannot be divided into documents is a problem of the whole body.

use std::fmt;
use std::io::Read as _;

use axum::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;
use percent_encoding::percent_decode;
use serde::de::{Deserializer as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::limits::AdmittedRequest;
use super::problem::{Problem, ProblemKind};
use super::submission::{Submission, is_plain_number};
use super::table::Table;
use crate::contract::HEADER_ATTRIBUTES;
use crate::publish::lines::{OtherForm, WORKBOOK_START};

/// What the name of an attribute's header begins with.
const ATTRIBUTE_PREFIX: &str = "ce-";
/// The memory that an event takes besides its document, until its answer is written: its verdict, its
/// place in the queue of Kafka's client, its result, and on average one more fault.
pub(super) const EVENT_BYTES: usize = 1_280;
/// The number of faults after the first of each event that an answer may list, if the request has
/// fewer events than that.
pub(super) const MORE_FAULTS_MIN: usize = 1_000;
/// Bytes that are unpacked between two checks of the limits.
const UNPACK_STEP: usize = 1 << 16;

/// How a body contains events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyFormat {
    /// One event.
    Event,
    /// An array of events.
    Batch,
    /// One event per line.
    Lines,
    /// The `data` of an event, its attributes in headers.
    Binary,
    /// A table with one event per row.
    Table,
}

impl BodyFormat {
    /// The format that the headers of a request name.
    pub(super) fn from_headers(headers: &HeaderMap) -> Result<Self, Problem> {
        let given = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let media_type = given.split(';').next().unwrap_or_default().trim();
        let has_attributes = headers
            .keys()
            .any(|name| name.as_str().starts_with(ATTRIBUTE_PREFIX));
        match media_type.to_ascii_lowercase().as_str() {
            "application/cloudevents+json" => Ok(Self::Event),
            "application/cloudevents-batch+json" => Ok(Self::Batch),
            "application/x-ndjson" | "application/jsonl" => Ok(Self::Lines),
            "application/json" if has_attributes => Ok(Self::Binary),
            "text/csv" => Ok(Self::Table),
            "application/json" => Err(Problem::new(
                ProblemKind::MediaType,
                "application/json is for binary mode, with the attributes in `ce-` headers; send a complete event as \
                 application/cloudevents+json",
            )),
            other if other.contains("spreadsheet") || other.contains("excel") => Err(spreadsheet()),
            _ => Err(Problem::new(
                ProblemKind::MediaType,
                "send application/cloudevents+json, application/cloudevents-batch+json, application/x-ndjson, \
                 application/json with `ce-` headers, or text/csv",
            )),
        }
    }
}

fn spreadsheet() -> Problem {
    Problem::new(
        ProblemKind::MediaType,
        "a workbook is not read: save the sheet as CSV UTF-8 and send that file",
    )
}

/// Whether the body is packed with gzip.
pub(super) fn is_packed(headers: &HeaderMap) -> Result<bool, Problem> {
    match headers
        .get(header::CONTENT_ENCODING)
        .map(HeaderValue::as_bytes)
    {
        None | Some(b"identity") => Ok(false),
        Some(b"gzip" | b"x-gzip") => Ok(true),
        Some(_) => Err(Problem::new(
            ProblemKind::MediaType,
            "the only supported content encoding is gzip",
        )),
    }
}

/// Unpacks a body of gzip, step by step, as far as there is memory.
pub(super) fn unpack(
    packed: &[u8],
    bytes_max: usize,
    admitted: &mut AdmittedRequest,
) -> Result<Bytes, Problem> {
    let mut reader = flate2::read::MultiGzDecoder::new(packed);
    let (mut body, mut step) = (Vec::new(), vec![0; UNPACK_STEP]);
    loop {
        let count = reader
            .read(&mut step)
            .map_err(|_| Problem::new(ProblemKind::Body, "the body is not valid gzip"))?;
        if count == 0 {
            return Ok(body.into());
        }
        if body.len() + count > bytes_max {
            return Err(too_large("the unpacked body", bytes_max));
        }
        admitted.grow(count)?;
        body.extend_from_slice(&step[..count]);
    }
}

/// The problem of something that has too many bytes.
pub(super) fn too_large(what: &str, bytes_max: usize) -> Problem {
    let mib = bytes_max as f64 / f64::from(1 << 20);
    Problem::new(
        ProblemKind::TooLarge,
        format!("{what} may have at most {mib} MiB: send the events in several requests"),
    )
}

fn too_many(events_max: usize) -> Problem {
    Problem::new(
        ProblemKind::TooLarge,
        format!("a request may have at most {events_max} events: send them in several requests"),
    )
}

/// The events of a request.
#[derive(Debug)]
pub(super) struct Submissions {
    pub(super) events: Vec<Submission>,
    /// The columns of a table.
    pub(super) table: Option<Table>,
}

impl Submissions {
    /// Divides a body into events; the table is what a table's rows are read by.
    pub(super) fn read(
        format: BodyFormat,
        headers: &HeaderMap,
        table: Option<Table>,
        body: &Bytes,
        events_max: usize,
        admitted: &mut AdmittedRequest,
    ) -> Result<Self, Problem> {
        if body.starts_with(WORKBOOK_START) {
            return Err(spreadsheet());
        }
        let mut table = table;
        let events = match format {
            BodyFormat::Event => vec![Submission::new(None, body.clone())],
            BodyFormat::Binary => vec![Submission::new(None, binary_document(headers, body)?)],
            BodyFormat::Batch => read_batch(body, events_max)?,
            BodyFormat::Lines => read_lines(body, events_max)?,
            BodyFormat::Table => match &mut table {
                Some(table) => table.read(body, events_max, admitted)?,
                None => {
                    return Err(Problem::new(
                        ProblemKind::Body,
                        "a table needs `?source=…&kind=…` in the address",
                    ));
                }
            },
        };
        if events.len() > events_max {
            return Err(too_many(events_max));
        }
        if events.is_empty() && format != BodyFormat::Batch {
            let detail = match format {
                BodyFormat::Table => "the table has no rows",
                _ => "the body has no events",
            };
            return Err(Problem::new(ProblemKind::Body, detail));
        }
        admitted.grow(events.len() * EVENT_BYTES)?;
        Ok(Self { events, table })
    }

    /// Frees the memory of the documents; their lines and columns stay known.
    pub(super) fn forget_documents(&mut self) {
        for event in &mut self.events {
            event.document = Bytes::new();
        }
    }
}

/// The lines that are not empty, numbered from 1.
fn read_lines(body: &Bytes, events_max: usize) -> Result<Vec<Submission>, Problem> {
    if let Some(form) = OtherForm::from_start(body)
        && !has_event(body)
    {
        return Err(other_form_problem(form));
    }
    let mut events = Vec::new();
    for (number, line) in (1..).zip(body.split(|byte| *byte == b'\n')) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        if events.len() == events_max {
            return Err(too_many(events_max));
        }
        events.push(Submission::new(Some(number), body.slice_ref(line)));
    }
    Ok(events)
}

/// Whether any line may be an event: then the others are refused one by one.
fn has_event(body: &[u8]) -> bool {
    let mut lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.any(|line| line.starts_with(b"{\"") && line.ends_with(b"}"))
}

/// The problem of a body that is not one event per line.
fn other_form_problem(form: OtherForm) -> Problem {
    let detail = match form {
        OtherForm::Workbook => return spreadsheet(),
        OtherForm::Utf16 => "the body is UTF-16: send it as UTF-8",
        OtherForm::Array => {
            "the body is a JSON array of events: send it as application/cloudevents-batch+json"
        }
        OtherForm::Indented => {
            "the body is indented JSON: write each event on one line, or send one event as \
             application/cloudevents+json"
        }
        OtherForm::Table => {
            "the body looks like a table (CSV): send it as text/csv, with `?source=…&kind=…` in \
             the address"
        }
    };
    Problem::new(ProblemKind::Body, detail)
}

fn read_batch(body: &Bytes, events_max: usize) -> Result<Vec<Submission>, Problem> {
    struct Batch<'b>(&'b Bytes, usize);
    impl<'b> Visitor<'b> for Batch<'b> {
        type Value = Vec<Submission>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array of events")
        }

        /// Stops one after the limit: the caller counts.
        fn visit_seq<A: SeqAccess<'b>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut events = Vec::new();
            while let Some(item) = items.next_element::<&'b RawValue>()? {
                if events.len() <= self.1 {
                    let document = self.0.slice_ref(item.get().as_bytes());
                    events.push(Submission::new(None, document));
                }
            }
            Ok(events)
        }
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let events = json.deserialize_seq(Batch(body, events_max));
    events
        .and_then(|events| json.end().map(|()| events))
        .map_err(|_| {
            Problem::new(
                ProblemKind::Body,
                "the body is not a JSON array of events; one event per line is application/x-ndjson",
            )
        })
}

/// The document of an event in binary mode: its attributes, then the body as `data`.
///
/// A body that is not JSON is the document itself, so that the contract refuses it for its reason.
fn binary_document(headers: &HeaderMap, body: &Bytes) -> Result<Bytes, Problem> {
    if serde_json::from_slice::<&RawValue>(body).is_err() {
        return Ok(body.clone());
    }
    let mut attributes = Vec::new();
    for (name, value) in headers {
        if let Some(name) = name.as_str().strip_prefix(ATTRIBUTE_PREFIX) {
            let text = percent_decode(value.as_bytes())
                .decode_utf8()
                .map_err(|_| {
                    Problem::new(
                        ProblemKind::Body,
                        "a `ce-` header is not UTF-8 after its percent-encoding is decoded",
                    )
                })?;
            attributes.push((name, text));
        }
    }
    let rank = |name: &str| HEADER_ATTRIBUTES.iter().position(|known| *known == name);
    attributes.sort_by_key(|(name, _)| rank(name).unwrap_or(HEADER_ATTRIBUTES.len()));
    let mut document = vec![b'{'];
    for (name, text) in attributes {
        let value = if name == "revision" && is_plain_number(&text) {
            text.into_owned()
        } else {
            serde_json::Value::from(&*text).to_string()
        };
        let name = serde_json::Value::from(name).to_string();
        document.extend_from_slice(format!("{name}:{value},").as_bytes());
    }
    document.extend_from_slice(b"\"data\":");
    document.extend_from_slice(body.trim_ascii());
    document.push(b'}');
    Ok(document.into())
}
