//! The endpoints: `/live` and `/ready` for a supervisor, `/metrics` for Prometheus.
//!
//! It must not know what the answers mean.

use std::future::IntoFuture;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;
use tokio::net::TcpListener;

/// What the endpoints show of a process.
pub(crate) trait Watched: Clone + Send + Sync + 'static {
    /// Why the process should be restarted, in one line.
    fn why_not_live(&self) -> Option<String>;
    /// Why the process does not do its work, in one line.
    fn why_not_ready(&self) -> Option<String>;
    /// All metrics, in Prometheus's text format.
    fn exposition(&self) -> String;
}

/// The address cannot be listened at.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen at {address} (watch.listen): use an address of this machine that no other \
     program listens at"
)]
pub struct ListenError {
    address: String,
    source: std::io::Error,
}

/// Listens from now on, and answers for as long as the program runs.
pub(crate) async fn listen(watch: impl Watched, address: &str) -> Result<(), ListenError> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        Ok((listener.local_addr()?, listener))
    };
    let (bound, listener) = bound.await.map_err(|source| ListenError {
        address: address.to_owned(),
        source,
    })?;
    tracing::info!(address = %bound, "serving /live, /ready and /metrics");
    let metrics = {
        let watch = watch.clone();
        async move || ([(header::CONTENT_TYPE, CONTENT_TYPE)], watch.exposition())
    };
    let ready = {
        let watch = watch.clone();
        async move || probed("ready", watch.why_not_ready())
    };
    let live = async move || probed("live", watch.why_not_live());
    let routes = Router::new()
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics));
    tokio::spawn(axum::serve(listener, routes).into_future());
    Ok(())
}

/// An answer to a probe, in a line.
fn probed(what: &str, why_not: Option<String>) -> impl IntoResponse {
    match why_not {
        None => (StatusCode::OK, format!("{what}\n")),
        Some(why) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not {what}: {why}\n"),
        ),
    }
}
