//! The addresses of the door: what is checked of a request, in order, and what is answered.
//!
//! The token, the partner's limits and the length are checked before the body is read. A log line
//! has an id that the door makes, never one of the client's: that could be a value.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use futures::StreamExt as _;
use serde_json::json;

use super::answer::{Action, Preferences, Report};
use super::body::{BodyFormat, Submissions, is_packed, too_large, unpack};
use super::identity::{Client, Partner, bearer};
use super::limits::{AdmittedRequest, retry_seconds};
use super::problem::{Problem, ProblemKind};
use super::table::{Table, template};
use super::tokens::Grant;
use super::{Door, feedback, finished, page};
use crate::contract::schemas;
use crate::event::Kind;
use crate::files::fault::hint_or_known;

/// Names a request in the partner's own records; returned as it came.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The most bytes of a request's id that are returned.
const REQUEST_ID_BYTES_MAX: usize = 128;
/// How much of a refused body is read and dropped, in times of the largest body, and for how long.
const DISCARDED_SHARE: usize = 4;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);
/// How much smaller than its contents a packed body must be, at least: a quarter.
pub(super) const PACKED_SHARE: usize = 4;

/// An address of the door with one method.
pub(super) struct Route {
    /// `get` or `post`.
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// Its entry in `documents/openapi.json`; `None` = part of the page.
    pub(super) operation: Option<&'static str>,
    /// Why a request may be refused as a whole, in groups.
    problems: &'static [&'static [ProblemKind]],
    handler: fn() -> MethodRouter<Arc<Door>>,
}

/// Why a request of a partner may be refused.
const PARTNER: &[ProblemKind] = &[
    ProblemKind::Token,
    ProblemKind::Forbidden,
    ProblemKind::Stopping,
];
/// The same, for a request that takes memory or time.
const LIMITED: &[ProblemKind] = &[ProblemKind::Busy, ProblemKind::Rate];
/// The same, for a request with a body.
const WITH_BODY: &[ProblemKind] = &[ProblemKind::TooLarge, ProblemKind::Slow, ProblemKind::Body];
/// The same, for a request with events.
const WITH_EVENTS: &[ProblemKind] = &[ProblemKind::MediaType];
/// The same, for what the door reads of the store.
const STORED: &[ProblemKind] = &[ProblemKind::NotFound, ProblemKind::Store];
/// The same, for a question about the store.
const QUESTION: &[ProblemKind] = &[ProblemKind::Question];
const NAMED: &[ProblemKind] = &[ProblemKind::NotFound];

/// All routes. Those of the API are in the OpenAPI document.
#[rustfmt::skip]
pub(super) const ROUTES: [Route; 19] = [
    Route::page("get", "/", || get(page::home)),
    Route::page("get", "/page.css", || get(page::style)),
    Route::page("post", "/sign-in", || post(page::sign_in)),
    Route::page("post", "/sign-out", || post(page::sign_out)),
    Route::page("post", "/file", || post(page::file).get(page::to_start)),
    Route::page("get", "/scorecard", || get(page::scorecard)),
    Route::page("get", "/refusals", || get(page::refusals)),
    Route::page("post", "/where", || post(page::where_is).get(page::to_start)),
    Route::api("post", "/v1/events", "sendEvents", &[PARTNER, LIMITED, WITH_BODY, WITH_EVENTS, &[ProblemKind::Paused]], || post(receive_events)),
    Route::api("post", "/v1/check", "checkEvents", &[PARTNER, LIMITED, WITH_BODY, WITH_EVENTS], || post(check_events)),
    Route::api("get", "/v1/whoami", "showPartner", &[PARTNER], || get(whoami)),
    Route::api("get", "/v1/scorecard", "showScorecard", &[PARTNER, STORED, &[ProblemKind::NoScorecard]], || get(feedback::scorecard)),
    Route::api("get", "/v1/refusals", "listRefusals", &[PARTNER, STORED, LIMITED, QUESTION], || get(feedback::refusals)),
    Route::api("post", "/v1/where", "findRecord", &[PARTNER, STORED, LIMITED, &[ProblemKind::TooLarge, ProblemKind::Slow], QUESTION], || post(feedback::where_is)),
    Route::api("get", "/v1/kinds/{file}", "downloadTable", &[NAMED], || get(kind_template)),
    Route::api("get", "/schemas/{file}", "downloadSchema", &[NAMED], || get(schema)),
    Route::api("get", "/schemas/tables/{file}", "downloadTableFile", &[NAMED], || get(table_file)),
    Route::api("get", "/openapi.json", "showOpenApi", &[], || get(openapi)),
    Route::api("get", "/asyncapi.json", "showAsyncApi", &[], || get(asyncapi)),
];

impl Route {
    /// Why a request may be refused as a whole.
    pub(super) fn problems(&self) -> impl Iterator<Item = ProblemKind> {
        self.problems.iter().copied().flatten().copied()
    }

    const fn page(
        method: &'static str,
        path: &'static str,
        handler: fn() -> MethodRouter<Arc<Door>>,
    ) -> Self {
        Self {
            method,
            path,
            operation: None,
            problems: &[],
            handler,
        }
    }

    const fn api(
        method: &'static str,
        path: &'static str,
        operation: &'static str,
        problems: &'static [&'static [ProblemKind]],
        handler: fn() -> MethodRouter<Arc<Door>>,
    ) -> Self {
        Self {
            method,
            path,
            operation: Some(operation),
            problems,
            handler,
        }
    }
}

/// The service of all routes.
pub(super) fn router(door: Arc<Door>) -> Router {
    let routes = ROUTES.iter().fold(Router::new(), |router, route| {
        router.route(route.path, (route.handler)())
    });
    routes
        .fallback(async || Problem::new(ProblemKind::NotFound, "see the page for partners"))
        .method_not_allowed_fallback(async || {
            Problem::new(ProblemKind::Method, "see the page for partners")
        })
        .layer(middleware::from_fn_with_state(
            Arc::clone(&door),
            finish_response,
        ))
        .with_state(door)
}

/// Counts each answer, and returns the client's request id.
async fn finish_response(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let id = request.headers().get(REQUEST_ID).cloned();
    let mut response = next.run(request).await;
    door.metrics.count_request(response.status().as_u16());
    let headers = response.headers_mut();
    if let Some(id) = id.filter(|id| id.len() <= REQUEST_ID_BYTES_MAX) {
        headers.insert(REQUEST_ID, id);
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(header::HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        header::HeaderValue::from_static("nosniff"),
    );
    response
}

async fn receive_events(State(door): State<Arc<Door>>, request: Request) -> Response {
    answer(&door, request, Action::Send).await
}

async fn check_events(State(door): State<Arc<Door>>, request: Request) -> Response {
    answer(&door, request, Action::Check).await
}

/// Answers a request with events. A body that was refused before it was read is discarded: a client
/// that still sends it would lose the answer with the connection.
async fn answer(door: &Arc<Door>, request: Request, action: Action) -> Response {
    let (parts, body) = request.into_parts();
    let mut body = Some(body);
    let answered = report(door, &parts, &mut body, action).await;
    if let Some(unread) = body {
        if let Some(client) = parts.extensions.get::<Client>() {
            client.connection.wait();
        }
        let discarded = discard(unread, door.settings.body_bytes * DISCARDED_SHARE);
        drop(tokio::time::timeout(DISCARD_TIMEOUT, discarded).await);
    }
    answered.into_response()
}

/// Reads a body, or the start of one, and drops it.
async fn discard(body: Body, bytes_max: usize) {
    let (mut frames, mut bytes) = (body.into_data_stream(), 0);
    while let Some(Ok(frame)) = frames.next().await {
        bytes += frame.len();
        if bytes > bytes_max {
            return;
        }
    }
}

async fn report(
    door: &Arc<Door>,
    parts: &Parts,
    body: &mut Option<Body>,
    action: Action,
) -> Result<Response, Problem> {
    let (headers, query) = (&parts.headers, parts.uri.query().unwrap_or_default());
    let token = bearer(headers);
    let grant = door.authenticate(&parts.extensions, token)?;
    let format = BodyFormat::from_headers(headers)?;
    let table = match format {
        BodyFormat::Table => Some(table_of(door, query)?),
        _ => None,
    };
    let preferences = Preferences::from_headers(headers);
    let (report, admitted) = door
        .receive(&grant, headers, body, format, table, action, preferences)
        .await?;
    Ok(report.into_response(preferences, retry_seconds(), admitted))
}

/// The table that an address names.
fn table_of(door: &Door, query: &str) -> Result<Table, Problem> {
    let parameter = |wanted: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find_map(|(name, value)| (name == wanted).then(|| value.into_owned()))
    };
    let (Some(source), Some(name)) = (parameter("source"), parameter("kind")) else {
        let detail = "a table needs `?source=urn:partner:…&kind=…` in the address";
        return Err(Problem::new(ProblemKind::Body, detail));
    };
    let kind = Kind::from_name(&name).ok_or_else(|| {
        let near = hint_or_known(&name, Kind::ALL.iter().map(|kind| kind.as_str()));
        let detail = format!("`kind` in the address is not a kind of the contract{near}");
        Problem::new(ProblemKind::Body, detail)
    })?;
    Ok(door.table(source, kind))
}

impl Door {
    /// Reads the body of a request and submits its events.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of a request, each used once"
    )]
    pub(super) async fn receive(
        self: &Arc<Self>,
        grant: &Arc<Grant>,
        headers: &HeaderMap,
        body: &mut Option<Body>,
        format: BodyFormat,
        table: Option<Table>,
        action: Action,
        preferences: Preferences,
    ) -> Result<(Report, AdmittedRequest), Problem> {
        let mut admitted = self.limits.admit(&grant.partner, Instant::now())?;
        self.check_not_paused(grant, action)?;
        let is_packed = is_packed(headers)?;
        let body = self
            .read_body(headers, body, is_packed, &mut admitted)
            .await?;
        let (headers, bytes_max, events_max) = (
            headers.clone(),
            self.settings.body_bytes,
            self.settings.events,
        );
        let submissions = tokio::task::spawn_blocking(move || {
            let body = if is_packed {
                unpack(&body, bytes_max, &mut admitted)?
            } else {
                body
            };
            let submissions =
                Submissions::read(format, &headers, table, &body, events_max, &mut admitted)?;
            Ok((submissions, admitted))
        });
        let (submissions, admitted) = finished(submissions.await)?;
        let (grant, is_strict) = (Arc::clone(grant), preferences.is_strict);
        let report = self.submit(grant, submissions, action, is_strict, admitted);
        Ok(report.await)
    }

    /// The bytes of a body, once there is memory for them.
    pub(super) async fn read_body(
        &self,
        headers: &HeaderMap,
        body: &mut Option<Body>,
        is_packed: bool,
        admitted: &mut AdmittedRequest,
    ) -> Result<Bytes, Problem> {
        let (what, bytes_max) = if is_packed {
            ("the packed body", self.settings.body_bytes / PACKED_SHARE)
        } else {
            ("the body", self.settings.body_bytes)
        };
        let length = headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > bytes_max) {
            return Err(too_large(what, bytes_max));
        }
        let capacity = length.unwrap_or(bytes_max);
        admitted.grow(capacity)?;
        let mut frames = body.take().unwrap_or_default().into_data_stream();
        let read = async {
            // Each frame is copied and dropped: frames of single bytes would take much more memory.
            let mut bytes = Vec::with_capacity(capacity);
            while let Some(frame) = frames.next().await {
                match frame {
                    Ok(frame) if bytes.len() + frame.len() <= bytes_max => {
                        bytes.extend_from_slice(&frame);
                    }
                    // Without a length, a body that is too large is noticed here; so is a connection
                    // that was closed, whose client reads no answer.
                    _ => return Err(too_large(what, bytes_max)),
                }
            }
            Ok(bytes.into())
        };
        let timeout = self.settings.body_timeout;
        tokio::time::timeout(timeout, read)
            .await
            .unwrap_or_else(|_| {
                let detail = format!("the body did not arrive within {} s", timeout.as_secs());
                Err(Problem::new(ProblemKind::Slow, detail))
            })
    }
}

async fn whoami(State(door): State<Arc<Door>>, Partner(grant): Partner) -> Response {
    let settings = &door.settings;
    let body = json!({
        "partner": grant.partner,
        "sources": grant.sources,
        "expires": grant.expires.to_string(),
        "limits": {
            "body_bytes": settings.body_bytes,
            "packed_body_bytes": settings.body_bytes / PACKED_SHARE,
            "events": settings.events,
            "events_per_second": settings.rate,
        },
    });
    json_response(body.to_string())
}

/// The empty table of a kind.
async fn kind_template(Path(file): Path<String>) -> Response {
    let kind = file.strip_suffix(".csv").and_then(Kind::from_name);
    csv_response(kind.map(template))
}

/// An example of a table, or what its columns mean.
async fn table_file(Path(file): Path<String>) -> Response {
    csv_response(schemas::table_file(&file))
}

fn csv_response(text: Option<impl IntoResponse>) -> Response {
    match text {
        Some(text) => ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response(),
        None => {
            Problem::new(ProblemKind::NotFound, "there is no kind of this name").into_response()
        }
    }
}

/// A schema of the contract.
async fn schema(Path(file): Path<String>) -> Response {
    let found = schemas::files()
        .iter()
        .find(|(name, _)| file.strip_suffix(".schema.json") == Some(name));
    match found {
        Some((_, text)) => {
            ([(header::CONTENT_TYPE, "application/schema+json")], *text).into_response()
        }
        None => {
            Problem::new(ProblemKind::NotFound, "there is no schema of this name").into_response()
        }
    }
}

async fn openapi(State(door): State<Arc<Door>>) -> Response {
    json_response(door.openapi.clone())
}

async fn asyncapi(State(door): State<Arc<Door>>) -> Response {
    json_response(door.asyncapi.clone())
}

fn json_response(body: impl Into<Body>) -> Response {
    let media_type = [(header::CONTENT_TYPE, "application/json")];
    (media_type, body.into()).into_response()
}
