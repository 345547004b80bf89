//! What became of the events of a request, and the answer that reports it.
//!
//! Each event has one outcome, and the status is as bad as the worst of them. An answer contains
//! coordinates, reasons, pointers and rules, never a value, a subject or an id.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::body::Submissions;
use super::limits::AdmittedRequest;
use super::oddities::{Oddities, UnknownCodeField};
use super::problem::{PROBLEM_JSON, ProblemKind, problem_type};
use super::random_bytes;
use super::table::Table;
use super::tokens::Grant;
use crate::contract::rejection::Violation;
use crate::contract::{Reason, Rejection};
use crate::event::Kind;
use crate::hex;

/// The advice about a table without the attribute `id`, which it need not have.
const ADD_ID: &str = "add the column `id`";

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All replicas in sync have it.
    Sent {
        topic: String,
        partition: i32,
        offset: i64,
    },
    /// It is valid, and the request only asks for that.
    Accepted,
    /// It broke its contract.
    Refused(Box<Rejection>),
    /// No broker confirmed it in time: it may be in the log or not.
    Unknown,
}

/// Whether accepted events are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Check,
    Send,
}

/// What the header `Prefer` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Preferences {
    /// One refused event means that nothing is sent.
    pub(super) is_strict: bool,
    /// Events that were sent are not listed.
    pub(super) is_minimal: bool,
}

impl Preferences {
    /// The preferences of a request; others are ignored.
    pub(super) fn from_headers(headers: &HeaderMap) -> Self {
        let values = headers.get_all("prefer").iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        let mut preferences = Self::default();
        for preference in texts.flat_map(|text| text.split([',', ';'])) {
            match preference.trim().to_ascii_lowercase().as_str() {
                "handling=strict" => preferences.is_strict = true,
                "return=minimal" => preferences.is_minimal = true,
                _ => {}
            }
        }
        preferences
    }
}

/// What became of one event, with where it is in the request.
#[derive(Clone, Debug, Serialize)]
pub(super) struct EventResult {
    /// Its index in the request, from 0.
    pub(super) index: usize,
    /// The line of the file at which it starts, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<u64>,
    pub(super) outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) partition: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offset: Option<i64>,
    /// The first fault of a refused event: the reason.
    #[serde(flatten)]
    pub(super) fault: Option<EventFault>,
    /// Its other faults.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) more: Vec<EventFault>,
    /// The kind in the `type` of a refused event.
    #[serde(skip)]
    pub(super) kind: Option<Kind>,
}

/// What is wrong with an event, and where.
#[derive(Clone, Debug, Serialize)]
pub(super) struct EventFault {
    pub(super) reason: &'static str,
    pub(super) pointer: String,
    /// The column of a table that contains the fault: its header, and its letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) column: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) column_letters: Option<String>,
    pub(super) rule: Cow<'static, str>,
}

impl EventFault {
    fn new(violation: Violation, table: Option<&Table>) -> Self {
        let is_missing = matches!(
            violation.reason,
            Reason::SchemaRequired | Reason::EnvelopeRequired
        );
        let missing = table
            .filter(|_| is_missing)
            .and_then(|table| table.missing_field(&violation.pointer, &violation.rule));
        let (place, rule) = match missing {
            Some((pointer, rule)) => (pointer, rule.into()),
            None => (violation.pointer.clone(), violation.rule),
        };
        let column = table.and_then(|table| table.column_of(&place));
        let (column, column_letters) = column
            .map(|(name, letters)| (name.to_owned(), letters))
            .unzip();
        Self {
            reason: violation.reason.as_str(),
            pointer: violation.pointer,
            column,
            column_letters,
            rule,
        }
    }

    /// The column or the field, for people.
    pub(super) fn place(&self) -> String {
        match (&self.column, &self.column_letters) {
            (Some(column), Some(letters)) => format!("{letters}: {column}"),
            _ if self.pointer.is_empty() => "the complete event".to_owned(),
            _ => self.pointer.clone(),
        }
    }
}

/// What became of a request.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) action: Action,
    /// Whether strict handling kept accepted events from being sent.
    pub(super) is_withheld: bool,
    pub(super) results: Vec<EventResult>,
    pub(super) oddities: Oddities,
    /// Names the request in the log. It is never the client's, which could be a value.
    pub(super) request_id: String,
}

impl Report {
    /// The outcomes of submissions, in their order.
    pub(super) fn new(
        action: Action,
        is_withheld: bool,
        oddities: Oddities,
        submissions: &Submissions,
        outcomes: Vec<Outcome>,
    ) -> Self {
        let results = submissions.events.iter().zip(outcomes).enumerate();
        let results = results.map(|(index, (submission, outcome))| {
            let line = submission.line;
            EventResult::new(index, line, outcome, submissions)
        });
        Self {
            action,
            is_withheld,
            results: results.collect(),
            oddities,
            request_id: hex::encode(&random_bytes::<8>()),
        }
    }

    /// Logs what became of the request.
    pub(super) fn log(&self, grant: &Grant) {
        let (request_id, partner, token) = (&*self.request_id, &*grant.partner, &*grant.id);
        let (read, refused) = (self.results.len(), self.count("refused"));
        if self.action == Action::Check {
            tracing::info!(request_id, partner, token, read, refused, "events checked");
            return;
        }
        let (sent, unknown) = (self.count("sent"), self.count("unknown"));
        if unknown > 0 {
            tracing::warn!(
                request_id,
                partner,
                token,
                read,
                sent,
                refused,
                unknown,
                "events not confirmed by Kafka"
            );
        } else {
            tracing::info!(
                request_id,
                partner,
                token,
                read,
                sent,
                refused,
                "events received"
            );
        }
    }

    /// The number of events with an outcome.
    pub(super) fn count(&self, outcome: &str) -> usize {
        let results = self.results.iter();
        results.filter(|result| result.outcome == outcome).count()
    }

    /// The status, and the problem where there is one.
    pub(super) fn status(&self) -> (StatusCode, Option<&'static str>) {
        if self.is_withheld {
            let strict = ProblemKind::Strict;
            (strict.status(), Some(strict.name()))
        } else if self.count("unknown") > 0 {
            (StatusCode::SERVICE_UNAVAILABLE, Some("unsent"))
        } else if self.count("refused") > 0 {
            (StatusCode::UNPROCESSABLE_ENTITY, Some("refused"))
        } else {
            (StatusCode::OK, None)
        }
    }

    /// What happened, in a sentence.
    pub(super) fn title(&self) -> String {
        let read = self.results.len();
        let (refused, unknown) = (self.count("refused"), self.count("unknown"));
        let of = |count: usize, one: &str, more: &str| {
            let noun = if read == 1 { "event" } else { "events" };
            format!(
                "{count} of {read} {noun} {}",
                if count == 1 { one } else { more }
            )
        };
        match self.status().1 {
            None if self.action == Action::Check => {
                format!("{} valid", of(read, "is", "are"))
            }
            None => format!("{} sent", of(read, "was", "were")),
            Some("unsent") => format!(
                "{} not confirmed by Kafka: send the complete request again",
                of(unknown, "was", "were")
            ),
            Some("strict") => format!(
                "{} refused, so nothing was sent",
                of(refused, "was", "were")
            ),
            Some(_) if self.action == Action::Check => {
                format!("{} be refused", of(refused, "would", "would"))
            }
            Some(_) if refused == read => format!("{} refused", of(refused, "was", "were")),
            Some(_) => format!(
                "{} refused; the others were sent",
                of(refused, "was", "were")
            ),
        }
    }

    /// The answer.
    pub(super) fn into_response(
        self,
        preferences: Preferences,
        wait: u64,
        admitted: AdmittedRequest,
    ) -> Response {
        let (status, problem) = self.status();
        let body = ReportBody {
            problem_type: problem.map(problem_type),
            title: self.title(),
            status: status.as_u16(),
            instance: format!("/v1/requests/{}", self.request_id),
            read: self.results.len(),
            accepted: (self.action == Action::Check).then(|| self.count("accepted")),
            sent: self.count("sent"),
            refused: self.count("refused"),
            unknown: self.count("unknown"),
            contradictions: self.oddities.contradictions.count,
            contradiction_lines: &self.oddities.contradictions.lines,
            unexpected_kinds: self.oddities.unexpected_kinds.count,
            unexpected_kind_lines: &self.oddities.unexpected_kinds.lines,
            unplaced: self.oddities.unplaced.count,
            unplaced_lines: &self.oddities.unplaced.lines,
            unknown_codes: &self.oddities.unknown_codes,
            unknown_code_fields: &self.oddities.unknown_code_fields,
            results: self
                .results
                .iter()
                .filter(|result| {
                    let is_good = matches!(result.outcome, "sent" | "accepted");
                    !is_good || !(preferences.is_minimal || self.is_withheld)
                })
                .collect(),
        };
        let media_type = match problem {
            Some(_) => PROBLEM_JSON,
            None => "application/json",
        };
        // A report consists of texts and numbers.
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let body = Body::from(admitted.until_written(body));
        let mut response = (status, [(header::CONTENT_TYPE, media_type)], body).into_response();
        if problem == Some("unsent") {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, wait.into());
        }
        response
    }
}

#[derive(Serialize)]
struct ReportBody<'r> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    problem_type: Option<String>,
    title: String,
    status: u16,
    instance: String,
    read: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<usize>,
    sent: usize,
    refused: usize,
    unknown: usize,
    contradictions: u64,
    /// The first lines of those events.
    contradiction_lines: &'r [u64],
    /// Events whose source is not registered for their kind, and the lines of the first.
    unexpected_kinds: u64,
    unexpected_kind_lines: &'r [u64],
    /// Events whose area is in no known district, and the lines of the first.
    unplaced: u64,
    unplaced_lines: &'r [u64],
    /// By list.
    unknown_codes: &'r BTreeMap<String, u64>,
    unknown_code_fields: &'r [UnknownCodeField],
    results: Vec<&'r EventResult>,
}

impl EventResult {
    /// The line of the file at which it starts; without lines, its number in the request, from 1.
    pub(super) fn line_number(&self) -> u64 {
        self.line.unwrap_or(self.index as u64 + 1)
    }

    fn new(index: usize, line: Option<u64>, outcome: Outcome, submissions: &Submissions) -> Self {
        let mut result = Self {
            index,
            line,
            outcome: outcome.name(),
            topic: None,
            partition: None,
            offset: None,
            fault: None,
            more: Vec::new(),
            kind: None,
        };
        match outcome {
            Outcome::Sent {
                topic,
                partition,
                offset,
            } => {
                (result.topic, result.partition) = (Some(topic), Some(partition));
                result.offset = Some(offset);
            }
            Outcome::Refused(rejection) => {
                let table = submissions.table.as_ref();
                let faults = rejection.faults();
                let mut faults: Vec<_> = faults
                    .map(|violation| EventFault::new(violation, table))
                    .collect();
                // The `id` of a row follows from other cells, and so do its faults.
                if table.is_some_and(|table| !table.has_column("id")) && faults.len() > 1 {
                    faults.retain(|fault| fault.pointer != "/id" && fault.rule != ADD_ID);
                }
                let mut faults = faults.into_iter();
                result.fault = faults.next();
                result.more = faults.collect();
                result.kind = rejection.kind;
            }
            Outcome::Accepted | Outcome::Unknown => {}
        }
        result
    }
}

impl Outcome {
    /// The name in answers and metrics.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Sent { .. } => "sent",
            Self::Accepted => "accepted",
            Self::Refused(_) => "refused",
            Self::Unknown => "unknown",
        }
    }
}
