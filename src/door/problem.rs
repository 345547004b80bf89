//! Why a request was refused as a whole: a problem of a closed list, with its status, as RFC 9457
//! describes. A detail names limits, lines and names of the contract, never a value of the body.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The media type of a problem.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

macro_rules! problems {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $status:ident, $title:literal;)+) => {
        /// What is wrong with a request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum ProblemKind { $($(#[$doc])* $kind),+ }

        impl ProblemKind {
            /// All problems.
            pub(super) const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The last part of its `type`.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),+ }
            }

            /// Its status code.
            pub(super) const fn status(self) -> StatusCode {
                match self { $(Self::$kind => StatusCode::$status),+ }
            }

            /// Its title.
            pub(super) const fn title(self) -> &'static str {
                match self { $(Self::$kind => $title),+ }
            }
        }
    };
}

problems! {
    /// The body cannot be divided into events.
    Body = "body", BAD_REQUEST, "the body could not be read; nothing was sent";
    /// A question about the store has a fault.
    Question = "question", BAD_REQUEST, "the question cannot be answered";
    /// The token or the certificate is missing, unknown or expired.
    Token = "token", UNAUTHORIZED, "a valid token or certificate is needed";
    /// The certificate and the token are of two partners.
    Forbidden = "forbidden", FORBIDDEN, "the certificate and the token belong to two partners";
    /// There is no such page.
    NotFound = "not-found", NOT_FOUND, "there is nothing at this address";
    /// The partner has no scorecard yet.
    NoScorecard = "no-scorecard", NOT_FOUND, "your scorecard was not written yet";
    /// The address has no such method.
    Method = "method", METHOD_NOT_ALLOWED, "this address does not accept this method";
    /// The body did not arrive in time.
    Slow = "slow", REQUEST_TIMEOUT, "the body did not arrive in time; nothing was sent";
    /// Strict handling, and an event was refused.
    Strict = "strict", CONFLICT, "an event was refused, so nothing was sent";
    /// The partner is paused.
    Paused = "paused", CONFLICT, "you are paused; nothing was sent";
    /// A limit is exceeded.
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, "the request exceeds a limit; nothing was sent";
    /// The media type or encoding is not supported.
    MediaType = "media-type", UNSUPPORTED_MEDIA_TYPE, "the content type or encoding is not supported; nothing was sent";
    /// The partner sends too much at once.
    Rate = "rate", TOO_MANY_REQUESTS, "too many events or requests; send again later";
    /// The memory limit is reached.
    Busy = "busy", SERVICE_UNAVAILABLE, "the door is busy; nothing was sent; send again later";
    /// The store does not answer.
    Store = "store", SERVICE_UNAVAILABLE, "the store does not answer; ask again later";
    /// The door is stopping.
    Stopping = "stopping", SERVICE_UNAVAILABLE, "the door is stopping; nothing was sent; send again later";
}

impl ProblemKind {
    /// Whether the answer states when the request may be sent again.
    pub(super) const fn has_retry_after(self) -> bool {
        matches!(self, Self::Rate | Self::Busy | Self::Store | Self::Stopping)
    }
}

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) kind: ProblemKind,
    pub(super) detail: String,
    /// Seconds until the request may be sent again.
    pub(super) retry_after: Option<u64>,
}

impl Problem {
    pub(super) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// A request that is of two partners.
    pub(super) fn two_partners() -> Self {
        Self::new(
            ProblemKind::Forbidden,
            "use the certificate and the token that one partner was given",
        )
    }

    pub(super) fn retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }
}

/// The `type` of a problem.
pub(super) fn problem_type(name: &str) -> String {
    format!("/problems/{name}")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": problem_type(self.kind.name()),
            "title": self.kind.title(),
            "status": self.kind.status().as_u16(),
            "detail": self.detail,
        });
        let mut response = (
            self.kind.status(),
            [(header::CONTENT_TYPE, PROBLEM_JSON)],
            body.to_string(),
        )
            .into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.kind == ProblemKind::Token {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
