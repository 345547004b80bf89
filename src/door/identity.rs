//! Which partner a request is of: by its token, by the certificate of its connection, or by both.
//!
//! An answer is the same if a token or certificate is missing, unknown or expired.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::connections::OpenConnection;
use super::limits::retry_seconds;
use super::problem::{Problem, ProblemKind};
use super::tokens::Grant;
use super::{Door, Identification};

/// What the door knows of the client of a request: an extension of each request.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) connection: Arc<OpenConnection>,
    /// The certificate that the handshake verified.
    pub(super) certificate: Option<CertificateDer<'static>>,
}

/// The partner of a request, by its certificate and its `Authorization`.
pub(super) struct Partner(pub(super) Arc<Grant>);

impl FromRequestParts<Arc<Door>> for Partner {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Problem> {
        let grant = door.authenticate(&parts.extensions, bearer(&parts.headers));
        grant.map(Self)
    }
}

/// The token of a request.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = given.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl Door {
    /// Whose request this is, and what it may send.
    pub(super) fn authenticate(
        &self,
        extensions: &Extensions,
        token: Option<&str>,
    ) -> Result<Arc<Grant>, Problem> {
        if self.is_stopping() {
            let detail = "another process may be open already";
            return Err(Problem::new(ProblemKind::Stopping, detail).retry_after(retry_seconds()));
        }
        let now = (self.clock)();
        let client = extensions.get::<Client>();
        let certificate = client.and_then(|client| client.certificate.as_ref());
        let by_certificate = match certificate {
            Some(certificate) => self.tokens.certificate_grant(certificate, now)?,
            None => None,
        };
        let by_token = token.and_then(|token| self.tokens.grant(token, now));
        let identification = self.settings.identification();
        let grant = match (by_token, by_certificate, identification) {
            (Some(token), Some(certificate), _) => Some(common_grant(&token, &certificate)?),
            (Some(token), None, Identification::Token) => Some(token),
            // A token that was sent in vain is a mistake of the client.
            (None, Some(certificate), Identification::Certificate) if token.is_none() => {
                Some(certificate)
            }
            _ => None,
        };
        let grant = grant.ok_or_else(|| {
            let detail = match identification {
                Identification::Token => "send `Authorization: Bearer …` with a token that is valid",
                Identification::Certificate => {
                    "connect with a client certificate that the partnership has registered"
                }
                Identification::Both => {
                    "connect with a client certificate that the partnership has registered, and send `Authorization: \
                     Bearer …` with a token that is valid"
                }
            };
            Problem::new(ProblemKind::Token, detail)
        })?;
        if let Some(client) = client {
            client.connection.serve();
        }
        Ok(grant)
    }
}

/// What both a token and a certificate grant; they must be of one partner.
fn common_grant(token: &Arc<Grant>, certificate: &Grant) -> Result<Arc<Grant>, Problem> {
    if token.partner != certificate.partner {
        return Err(Problem::two_partners());
    }
    let mut grant = Grant::clone(token);
    grant
        .sources
        .retain(|source| certificate.sources.contains(source));
    grant.expires = grant.expires.min(certificate.expires);
    Ok(Arc::new(grant))
}
