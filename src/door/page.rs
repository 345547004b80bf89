//! The page for people: sign in with the token, choose a file, see it checked, send it.
//!
//! It needs no script. The cookie contains the token, so the door keeps no list of who is signed in. A
//! page contains what an answer does: lines, columns, reasons and rules, never a value of the file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::Door;
use super::answer::{Action, Report};
use super::body::{BodyFormat, Submissions};
use super::feedback::{RecordQuestion, since};
use super::limits::{AdmittedRequest, retry_seconds};
use super::multipart::parts;
use super::oddities::{LINES_MAX, UnknownCodeField};
use super::problem::{Problem, ProblemKind};
use super::tokens::Grant;
use crate::contract::record::system_of;
use crate::contract::schemas;
use crate::contract::tripwire::is_plain_id;
use crate::event::{Kind, Micros};
use crate::feedback::refusals::{RefusalLine, Refusals};
use crate::feedback::search::{FoundEvent, NotCounted, SearchAnswer};
use crate::templates;

const TEMPLATE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
/// The cookie that contains the token.
const COOKIE: &str = "door_token";
/// The most bytes of a form that signs in.
const SIGN_IN_BYTES_MAX: usize = 4_096;
/// What a person sees who has no scorecard yet.
const NO_SCORECARD: &str = "The first is written the night after your first record.";
/// No script, and nothing from or to another site.
const SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
                               frame-ancestors 'none'";
/// What a browser states about the site that a request comes from.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The stylesheet.
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

/// The start page.
pub(super) async fn home(State(door): State<Arc<Door>>, request: Request) -> Response {
    match door.signed_in(&request.into_parts().0) {
        Ok(grant) => door.page(
            StatusCode::OK,
            &PageContent::new("Send a file", Some(&grant)),
        ),
        Err(_) => door.page(StatusCode::OK, &PageContent::new("Sign in", None)),
    }
}

/// Signs in with the token of a form.
pub(super) async fn sign_in(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let is_own = is_own_form(&parts.headers);
    let timeout = door.settings.body_timeout;
    let read = axum::body::to_bytes(body, SIGN_IN_BYTES_MAX);
    let body = match tokio::time::timeout(timeout, read).await {
        Ok(Ok(body)) if is_own => body,
        _ => Vec::new().into(),
    };
    let token = form_urlencoded::parse(&body)
        .find_map(|(name, value)| (name == "token").then(|| value.trim().to_owned()));
    match door.authenticate(&parts.extensions, token.as_deref()) {
        // What the door granted consists of letters, digits, `-` and `_`.
        Ok(_) => door.signed(&token.unwrap_or_default(), None),
        Err(problem) => {
            let problem = Problem {
                detail: "Check that you copied the complete token. If it does not work, ask the partnership for a new \
                         one."
                    .to_owned(),
                ..problem
            };
            door.page(
                problem.kind.status(),
                &PageContent::new("Sign in", None).with_problem(problem),
            )
        }
    }
}

/// Signs out.
pub(super) async fn sign_out(State(door): State<Arc<Door>>) -> Response {
    door.signed("", Some(0))
}

/// Checks or sends the file of a form.
pub(super) async fn file(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let grant = match door.signed_in(&parts) {
        Ok(grant) if is_own_form(&parts.headers) => grant,
        _ => return door.page(StatusCode::UNAUTHORIZED, &PageContent::new("Sign in", None)),
    };
    let mut content = PageContent::new("Send a file", Some(&grant));
    let status = match door
        .receive_file(&grant, &parts.headers, body, &mut content)
        .await
    {
        Ok((report, _admitted)) => {
            let status = report.status().0;
            content.heading = String::from(match report.action {
                Action::Check => "Result of the check",
                Action::Send => "Result of sending",
            });
            content.report = Some(ReportView::new(&report));
            status
        }
        Err(problem) => {
            let status = problem.kind.status();
            content.problem = Some(problem);
            status
        }
    };
    door.page(status, &content)
}

/// The scorecard of the partner that is signed in.
pub(super) async fn scorecard(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let Ok(grant) = door.signed_in(&parts) else {
        return door.page(StatusCode::UNAUTHORIZED, &PageContent::new("Sign in", None));
    };
    match door.scorecard_page(&grant).await {
        Ok(page) => page,
        Err(problem) if problem.kind == ProblemKind::NoScorecard => {
            let heading = "Your scorecard was not written yet";
            let mut content = PageContent::new(heading, Some(&grant));
            content.note = Some(NO_SCORECARD);
            door.page(problem.kind.status(), &content)
        }
        Err(problem) => door.problem_page(&grant, problem),
    }
}

/// What became of the record of a form.
pub(super) async fn where_is(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let grant = match door.signed_in(&parts) {
        Ok(grant) if is_own_form(&parts.headers) => grant,
        _ => return door.page(StatusCode::UNAUTHORIZED, &PageContent::new("Sign in", None)),
    };
    let mut content = PageContent::new("Send a file", Some(&grant));
    match door.find_for_page(&grant, body, &mut content).await {
        Ok(()) => door.page(StatusCode::OK, &content),
        Err(problem) => door.page(problem.kind.status(), &content.with_problem(problem)),
    }
}

/// The refused events of the partner that is signed in.
pub(super) async fn refusals(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let Ok(grant) = door.signed_in(&parts) else {
        return door.page(StatusCode::UNAUTHORIZED, &PageContent::new("Sign in", None));
    };
    let answer = match since(&parts.uri) {
        Ok(since) => door.refusals_since(&grant, since).await,
        Err(problem) => Err(problem),
    };
    match answer {
        Ok(Refusals { lines, next }) => {
            let mut content = PageContent::new("Refused records", Some(&grant));
            content.more_refusals = next;
            content.refusals = Some(lines.into_iter().map(RefusalView::new).collect());
            door.page(StatusCode::OK, &content)
        }
        Err(problem) => door.problem_page(&grant, problem),
    }
}

/// Returns to the start page: the address of a result has no page of its own.
pub(super) async fn to_start() -> Redirect {
    Redirect::to("/")
}

/// Whether a form was posted by this site's own page. A browser that does not state it sends the
/// cookie only from there, as the cookie demands.
fn is_own_form(headers: &HeaderMap) -> bool {
    let site = headers.get(FETCH_SITE);
    site.is_none_or(|site| site == "same-origin" || site == "none")
}

/// The token in the cookie of a request.
fn cookie_token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter();
    let texts = cookies.filter_map(|cookies| cookies.to_str().ok());
    texts.flat_map(|text| text.split(';')).find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    })
}

impl Door {
    fn signed_in(&self, parts: &Parts) -> Result<Arc<Grant>, Problem> {
        self.authenticate(&parts.extensions, cookie_token(&parts.headers))
    }

    /// Sets the cookie and returns to the start page.
    fn signed(&self, token: &str, max_age: Option<u32>) -> Response {
        let secure = if self.settings.tls.is_some() {
            "; Secure"
        } else {
            ""
        };
        let max_age = max_age.map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
        let cookie =
            format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}{max_age}");
        let headers = [
            (header::SET_COOKIE, cookie),
            (header::LOCATION, "/".to_owned()),
        ];
        (StatusCode::SEE_OTHER, headers).into_response()
    }

    async fn receive_file(
        self: &Arc<Self>,
        grant: &Arc<Grant>,
        headers: &HeaderMap,
        body: axum::body::Body,
        content: &mut PageContent,
    ) -> Result<(Report, AdmittedRequest), Problem> {
        let mut admitted = self.limits.admit(&grant.partner, Instant::now())?;
        let body = self
            .read_body(headers, &mut Some(body), false, &mut admitted)
            .await?;
        let content_type = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let form = parts(content_type.unwrap_or_default(), &body).ok_or_else(|| {
            Problem::new(ProblemKind::Body, "the form could not be read; try again")
        })?;
        let part = |name: &str| {
            form.iter()
                .find(|part| part.name == name)
                .map(|part| part.content)
        };
        let text = |name: &str| part(name).and_then(|content| std::str::from_utf8(content).ok());
        let records = text("records").unwrap_or_default();
        let (source, kind) = records.split_once(' ').unwrap_or_default();
        let kind = Kind::from_name(kind);
        // Only what the page offers is shown again.
        content.chosen_source = grant.sources.get(source).cloned();
        content.chosen_kind = kind;
        let action = match text("action") {
            Some("send") => Action::Send,
            _ => Action::Check,
        };
        self.check_not_paused(grant, action)?;
        let file = part("file").filter(|file| !file.is_empty());
        let file =
            file.ok_or_else(|| Problem::new(ProblemKind::Body, "choose a file that is not empty"))?;
        let format = format_of(file);
        let table = match (format, kind) {
            (BodyFormat::Table, Some(kind)) => Some(self.table(source.to_owned(), kind)),
            _ => None,
        };
        let events_max = self.settings.events;
        let file = body.slice_ref(file);
        let read = || {
            let (no_headers, admitted) = (HeaderMap::new(), &mut admitted);
            Submissions::read(format, &no_headers, table, &file, events_max, admitted)
        };
        // The form is borrowed from the body, so it cannot move to another thread.
        let submissions = tokio::task::block_in_place(read)?;
        let report = self.submit(Arc::clone(grant), submissions, action, false, admitted);
        Ok(report.await)
    }

    /// A page.
    fn page(&self, status: StatusCode, content: &PageContent) -> Response {
        // A test renders every part of the template.
        let page = self.render(content).unwrap_or_default();
        let mut response = (
            status,
            [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
            page,
        )
            .into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(SECURITY_POLICY),
        );
        headers.insert(
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        );
        let is_busy =
            status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS;
        if is_busy {
            headers.insert(header::RETRY_AFTER, retry_seconds().into());
        }
        response
    }

    /// The start page with a problem.
    fn problem_page(&self, grant: &Arc<Grant>, problem: Problem) -> Response {
        let content = PageContent::new("Send a file", Some(grant));
        let status = problem.kind.status();
        self.page(status, &content.with_problem(problem))
    }

    fn render(&self, content: &PageContent) -> Result<String, minijinja::Error> {
        let partners = &self.reference.partners;
        let grant = content.grant.as_deref();
        let pairs = grant.map(|grant| self.pairs(grant));
        let values = context! {
            heading => content.heading.as_str(),
            problem => Serde(&content.problem.as_ref().map(ProblemView::new)),
            report => Serde(&content.report),
            found => Serde(&content.found),
            has_store => self.store.is_some(),
            partner => grant.map(|grant| partners.label(&grant.partner)),
            sources => Serde(&content.grant.as_ref().map(sources)),
            kinds => Serde(&pairs.as_ref().map(|pairs| self.kinds(pairs))),
            pairs => Serde(&pairs),
            refusals => Serde(&content.refusals),
            more_refusals => content.more_refusals.map(|from| from.to_string()),
            note => content.note,
            cancellation_reasons => Serde(&cancellation_reasons()),
            subject => content.subject.as_deref(),
            chosen_source => content.chosen_source.as_deref(),
            chosen_kind => content.chosen_kind.map(Kind::as_str),
            expires => grant.map(|grant| grant.expires.to_string()),
            body_mib => self.settings.body_bytes >> 20,
            events => self.settings.events,
        };
        templates::html(TEMPLATE, values)
    }

    /// What a partner's sources send: each kind with its system.
    fn pairs(&self, grant: &Grant) -> Vec<PairOption> {
        let partners = &self.reference.partners;
        let mut pairs = Vec::new();
        for kind in Kind::ALL {
            let of_feed = |source: &str| {
                let topics = partners.topics();
                let mut topics =
                    topics.filter(|topic| kind.feed().is_none_or(|feed| feed == topic.feed));
                topics.any(|topic| partners.is_registered(&topic.name, source))
            };
            let sources = grant.sources.iter();
            for source in sources.filter(|source| of_feed(source) && partners.sends(source, *kind))
            {
                let label = partners.kind_label(kind.as_str());
                pairs.push(PairOption {
                    label: format!("{label} ({})", system_of(source)),
                    kind: kind.as_str(),
                    source: source.clone(),
                });
            }
        }
        pairs
    }

    /// The kinds of pairs, which are in the order of kinds.
    fn kinds(&self, pairs: &[PairOption]) -> Vec<KindOption> {
        let partners = &self.reference.partners;
        let mut names: Vec<_> = pairs.iter().map(|pair| pair.kind).collect();
        names.dedup();
        let option = |name| KindOption {
            name,
            label: partners.kind_label(name),
        };
        names.into_iter().map(option).collect()
    }

    /// Finds the record of a form.
    async fn find_for_page(
        self: &Arc<Self>,
        grant: &Arc<Grant>,
        body: axum::body::Body,
        content: &mut PageContent,
    ) -> Result<(), Problem> {
        let body = self.read_question(body).await?;
        let mut question = RecordQuestion::default();
        for (name, value) in form_urlencoded::parse(&body) {
            match &*name {
                "source" => question.source = value.into_owned(),
                "subject" => value.trim().clone_into(&mut question.subject),
                _ => {}
            }
        }
        let system = system_of(&question.source).to_owned();
        // Only what the page offers is shown again, and a reference that could not be a person's.
        content.chosen_source = grant.sources.get(&question.source).cloned();
        let subject = Some(question.subject.clone()).filter(|subject| is_plain_id(subject));
        content.subject = subject;
        let answer = self.find_record(grant, question).await?;
        let subject = content.subject.as_deref();
        let record = subject.map_or_else(String::new, |subject| format!(" {subject}"));
        content.heading = if answer.found {
            format!("Record{record} from {system}")
        } else {
            format!("No record{record} from {system} was received")
        };
        content.found = Some(FoundView::new(answer));
        Ok(())
    }
}

/// The allowed reasons for a cancellation.
fn cancellation_reasons() -> Option<&'static serde_json::Value> {
    schemas::document("parts")?.pointer("/$defs/cancellation/properties/reason/enum")
}

/// The sources of a partner, by the names of their systems.
fn sources(grant: &Arc<Grant>) -> Vec<SourceOption<'_>> {
    let option = |source| SourceOption {
        source,
        system: system_of(source),
    };
    grant.sources.iter().map(|source| option(source)).collect()
}

/// How a file contains events: lines and arrays of JSON begin with a bracket, a table does not.
fn format_of(file: &[u8]) -> BodyFormat {
    match file.trim_ascii_start().first() {
        Some(b'{') => BodyFormat::Lines,
        Some(b'[') => BodyFormat::Batch,
        _ => BodyFormat::Table,
    }
}

/// What a page shows.
struct PageContent {
    heading: String,
    grant: Option<Arc<Grant>>,
    problem: Option<Problem>,
    report: Option<ReportView>,
    found: Option<FoundView>,
    refusals: Option<Vec<RefusalView>>,
    /// The instant from which there are more refusals.
    more_refusals: Option<Micros>,
    /// A sentence below the heading.
    note: Option<&'static str>,
    chosen_source: Option<String>,
    /// The reference of the record that was searched for.
    subject: Option<String>,
    chosen_kind: Option<Kind>,
}

impl PageContent {
    fn new(heading: impl Into<String>, grant: Option<&Arc<Grant>>) -> Self {
        Self {
            heading: heading.into(),
            grant: grant.cloned(),
            problem: None,
            report: None,
            found: None,
            refusals: None,
            more_refusals: None,
            note: None,
            chosen_source: None,
            subject: None,
            chosen_kind: None,
        }
    }

    fn with_problem(self, problem: Problem) -> Self {
        Self {
            problem: Some(problem),
            ..self
        }
    }
}

/// A kind that a form offers.
#[derive(Serialize)]
struct KindOption {
    name: &'static str,
    label: String,
}

/// A kind with the system that sends it, which a form offers.
#[derive(Serialize)]
struct PairOption {
    label: String,
    kind: &'static str,
    source: String,
}

/// A source that a form offers.
#[derive(Serialize)]
struct SourceOption<'g> {
    source: &'g str,
    system: &'g str,
}

/// What became of a record, as the page shows it.
#[derive(Serialize)]
struct FoundView {
    now: Option<String>,
    text: Option<&'static str>,
    rows: Vec<FoundRow>,
}

/// An event of the record.
#[derive(Serialize)]
struct FoundRow {
    received: String,
    outcome: &'static str,
    revision: Option<i32>,
    text: String,
    at: String,
}

impl FoundView {
    fn new(answer: SearchAnswer) -> Self {
        Self {
            now: answer.now,
            text: answer.text,
            rows: answer.rows.into_iter().map(FoundRow::new).collect(),
        }
    }
}

impl FoundRow {
    fn new(event: FoundEvent) -> Self {
        let accepted = event.accepted.as_ref();
        let outcome = match accepted.map(|accepted| accepted.not_counted) {
            None => "Refused",
            Some(None) => "Counts",
            Some(Some(NotCounted::Replaced)) => "Replaced",
            Some(Some(NotCounted::Cancelled)) => "Cancelled",
            Some(Some(NotCounted::Repeat | NotCounted::Contradiction)) => "Does not count",
        };
        Self {
            received: for_people(event.received),
            outcome,
            revision: accepted.map(|accepted| accepted.revision),
            text: event.text,
            at: event.at,
        }
    }
}

/// A refused event, as the page shows it.
#[derive(Serialize)]
struct RefusalView {
    subject: Option<String>,
    pointer: String,
    rule: String,
    reason: String,
    received: String,
    at: String,
}

impl RefusalView {
    fn new(line: RefusalLine) -> Self {
        Self {
            subject: line.subject,
            pointer: line.pointer,
            rule: line.rule,
            reason: line.reason,
            received: for_people(line.received),
            at: line.at,
        }
    }
}

/// An instant in London time: `29 Nov 2026, 10:15`.
fn for_people(at: Micros) -> String {
    at.in_london().strftime("%-d %b %Y, %H:%M").to_string()
}

/// A problem as the page shows it.
#[derive(Serialize)]
struct ProblemView<'p> {
    title: &'static str,
    detail: &'p str,
}

impl<'p> ProblemView<'p> {
    fn new(problem: &'p Problem) -> Self {
        Self {
            title: match problem.kind {
                ProblemKind::Body => "The file could not be read; nothing was sent",
                kind => kind.title(),
            },
            detail: &problem.detail,
        }
    }
}

/// A report as the page shows it.
#[derive(Serialize)]
struct ReportView {
    title: String,
    is_good: bool,
    is_check: bool,
    read: usize,
    accepted: usize,
    refused: usize,
    unknown: usize,
    contradictions: u64,
    contradiction_lines: String,
    unexpected_kinds: u64,
    unexpected_kind_lines: String,
    unplaced: u64,
    unplaced_lines: String,
    unknown_codes: Vec<String>,
    groups: Vec<FaultGroup>,
}

/// The rows with the same fault.
#[derive(Serialize)]
struct FaultGroup {
    count: usize,
    place: String,
    reason: &'static str,
    rule: String,
    lines: String,
}

impl ReportView {
    fn new(report: &Report) -> Self {
        let is_check = report.action == Action::Check;
        Self {
            title: report.title(),
            is_good: report.status().1.is_none(),
            is_check,
            read: report.results.len(),
            accepted: report.count(if is_check { "accepted" } else { "sent" }),
            refused: report.count("refused"),
            unknown: report.count("unknown"),
            contradictions: report.oddities.contradictions.count,
            contradiction_lines: lines_in_words(&report.oddities.contradictions.lines),
            unexpected_kinds: report.oddities.unexpected_kinds.count,
            unexpected_kind_lines: lines_in_words(&report.oddities.unexpected_kinds.lines),
            unplaced: report.oddities.unplaced.count,
            unplaced_lines: lines_in_words(&report.oddities.unplaced.lines),
            unknown_codes: report
                .oddities
                .unknown_code_fields
                .iter()
                .map(unknown_codes_text)
                .collect(),
            groups: fault_groups(report),
        }
    }
}

/// The unknown codes of a field, and what to write.
fn unknown_codes_text(codes: &UnknownCodeField) -> String {
    let place = match (&codes.column, &codes.column_letters) {
        (Some(column), Some(letters)) => format!("{letters}: {column}: "),
        _ if codes.pointer.is_empty() => String::new(),
        _ => format!("{}: ", codes.pointer),
    };
    let nearest = codes.nearest.as_ref();
    let hint = nearest.map_or_else(String::new, |code| format!("; did you mean `{code}`?"));
    let (list, lines) = (&codes.list, lines_in_words(&codes.events.lines));
    format!("{place}not a code of {list}{hint}. {lines}")
}

/// Such as `Line 5` or `Lines 5, 7`.
fn lines_in_words(lines: &[u64]) -> String {
    let word = if lines.len() == 1 { "Line" } else { "Lines" };
    format!("{word} {}", lines_text(lines))
}

fn lines_text(lines: &[u64]) -> String {
    let lines: Vec<String> = lines.iter().map(u64::to_string).collect();
    lines.join(", ")
}

/// The faults of a report, the most frequent first.
fn fault_groups(report: &Report) -> Vec<FaultGroup> {
    let mut lines_by_fault: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    for result in &report.results {
        let line = result.line_number();
        for fault in result.fault.iter().chain(&result.more) {
            let lines = lines_by_fault.entry((fault.reason, fault.place(), fault.rule.to_string()));
            lines.or_default().push(line);
        }
    }
    let mut groups: Vec<FaultGroup> = lines_by_fault
        .into_iter()
        .map(|((reason, place, rule), lines)| {
            let more = if lines.len() > LINES_MAX { ", …" } else { "" };
            let listed = lines_text(&lines[..lines.len().min(LINES_MAX)]);
            FaultGroup {
                count: lines.len(),
                place,
                reason,
                rule,
                lines: format!("{listed}{more}"),
            }
        })
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}
