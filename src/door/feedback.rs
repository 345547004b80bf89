//! What a partner may read of its own records: its scorecard, what became of a record, and refused
//! events. Only a door with a store answers.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::runtime::Handle;

use super::identity::{Partner, bearer};
use super::problem::{Problem, ProblemKind};
use super::store::{DoorStore, store_problem};
use super::tokens::Grant;
use super::{Door, finished};
use crate::event::Micros;
use crate::feedback::refusals::{Refusals, parse_since, refusals_since};
use crate::feedback::search::{SearchAnswer, search, topics_of};
use crate::scorecard::{DATA, PAGE, SECURITY_POLICY, START_MARK};

/// On a scorecard, the way back.
const START_LINK: &str = r#"<p><a href="/">Send records</a></p>"#;
/// The most bytes of a question.
const QUESTION_BYTES_MAX: usize = 4_096;

/// Which record a partner asks about.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordQuestion {
    pub(super) source: String,
    pub(super) subject: String,
}

/// The scorecard of a partner: the page for a browser, JSON for others.
pub(super) async fn scorecard(
    State(door): State<Arc<Door>>,
    Partner(grant): Partner,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wanted = headers.get(header::ACCEPT);
    let wanted = wanted.and_then(|wanted| wanted.to_str().ok());
    if wanted.is_some_and(|wanted| wanted.contains("text/html")) {
        return door.scorecard_page(&grant).await;
    }
    let json = door.store()?.scorecard(&grant.partner, DATA).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

/// What became of a record.
pub(super) async fn where_is(
    State(door): State<Arc<Door>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let grant = door.authenticate(&parts.extensions, bearer(&parts.headers))?;
    let body = door.read_question(body).await?;
    let question: RecordQuestion = serde_json::from_slice(&body).map_err(|_| {
        let detail = "send a JSON object with `source` and `subject`, and nothing else";
        Problem::new(ProblemKind::Question, detail)
    })?;
    let answer = door.find_record(&grant, question).await?;
    // An answer consists of texts and numbers.
    let json = serde_json::to_vec(&answer).unwrap_or_default();
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

/// The refused events of a partner, one per line.
pub(super) async fn refusals(
    State(door): State<Arc<Door>>,
    Partner(grant): Partner,
    request: Request,
) -> Result<Response, Problem> {
    let since = since(request.uri())?;
    let Refusals { lines, next } = door.refusals_since(&grant, since).await?;
    let mut body = Vec::new();
    for line in &lines {
        // A line consists of texts.
        body.extend(serde_json::to_vec(line).unwrap_or_default());
        body.push(b'\n');
    }
    let media_type = [(header::CONTENT_TYPE, "application/x-ndjson")];
    let mut response = (media_type, body).into_response();
    let next = next.map(|next| format!("</v1/refusals?since={next}>; rel=\"next\""));
    if let Some(Ok(link)) = next.map(HeaderValue::try_from) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// The instant from which an address asks for refused events; without one, all.
pub(super) fn since(address: &Uri) -> Result<Micros, Problem> {
    let query = address.query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let since = pairs.find_map(|(name, value)| (name == "since").then_some(value));
    let Some(text) = since else {
        return Ok(Micros(i64::MIN));
    };
    parse_since(&text).ok_or_else(|| {
        let detail = "write `since` as a day such as 2026-11-28, or as an instant such as 2026-11-28T17:00:00Z";
        Problem::new(ProblemKind::Question, detail)
    })
}

impl Door {
    /// The store of the door.
    pub(super) fn store(&self) -> Result<&Arc<DoorStore>, Problem> {
        self.store.as_ref().ok_or_else(|| {
            let detail = "this door has no store: ask the partnership for your scorecard";
            Problem::new(ProblemKind::NotFound, detail)
        })
    }

    /// The page of a partner's scorecard.
    pub(super) async fn scorecard_page(&self, grant: &Grant) -> Result<Response, Problem> {
        let page = self.store()?.scorecard(&grant.partner, PAGE).await?;
        let page = String::from_utf8_lossy(&page).replacen(START_MARK, START_LINK, 1);
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, SECURITY_POLICY),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        Ok((headers, page).into_response())
    }

    /// The body of a question, which is small.
    pub(super) async fn read_question(&self, body: Body) -> Result<Vec<u8>, Problem> {
        let read = axum::body::to_bytes(body, QUESTION_BYTES_MAX);
        match tokio::time::timeout(self.settings.body_timeout, read).await {
            Ok(Ok(bytes)) => Ok(bytes.to_vec()),
            Ok(Err(_)) => {
                let detail = format!("a question has at most {QUESTION_BYTES_MAX} bytes");
                Err(Problem::new(ProblemKind::TooLarge, detail))
            }
            Err(_) => {
                let seconds = self.settings.body_timeout.as_secs();
                let detail = format!("the body did not arrive within {seconds} s");
                Err(Problem::new(ProblemKind::Slow, detail))
            }
        }
    }

    /// What became of a record.
    pub(super) async fn find_record(
        self: &Arc<Self>,
        grant: &Grant,
        question: RecordQuestion,
    ) -> Result<SearchAnswer, Problem> {
        let store = self.store()?;
        let turn = store.admit_question(&grant.partner, Instant::now()).await?;
        if !grant.sources.contains(&question.source) {
            let detail = "`source` is not one of yours: see /v1/whoami";
            return Err(Problem::new(ProblemKind::Question, detail));
        }
        let (door, store) = (Arc::clone(self), store.store.clone());
        let work = tokio::task::spawn_blocking(move || {
            let (reference, runtime) = (&door.reference, Handle::current());
            let RecordQuestion { source, subject } = &question;
            let found = search(&store, reference, &runtime, source, subject)?;
            // What was sent just now may replace what was found.
            let ends = door.sender.end_offsets(&topics_of(reference, source));
            let waiting = ends.map(|ends| found.is_waiting(&ends));
            drop(turn);
            anyhow::Ok(SearchAnswer::new(found.events, waiting))
        });
        finished(work.await).map_err(|error| store_problem(&error))
    }

    /// The refused events of a partner since a time.
    pub(super) async fn refusals_since(
        &self,
        grant: &Grant,
        since: Micros,
    ) -> Result<Refusals, Problem> {
        let store = self.store()?;
        let turn = store.admit_question(&grant.partner, Instant::now()).await?;
        let (store, partner) = (store.store.clone(), grant.partner.clone());
        // Threads that answer others must not decode.
        let work = tokio::task::spawn_blocking(move || {
            let refusals = refusals_since(&store, &partner, since);
            let refusals = Handle::current().block_on(refusals);
            drop(turn);
            refusals
        });
        finished(work.await).map_err(|error| store_problem(&error.into()))
    }
}
