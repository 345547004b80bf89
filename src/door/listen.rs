//! Accepts connections, with TLS or on the loopback interface, and drains them on a stop.
//!
//! It must not know what a request means. Each handshake and the headers of each request have a
//! timeout, so that a client which sends nothing keeps no connection.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::routes::router;
use super::{Door, TlsFiles};

/// How long a TLS handshake may take, the wait for its turn included.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// The most TLS handshakes at once: each takes a millisecond of a processor.
const HANDSHAKES_MAX: usize = 64;
/// How long to wait after a connection could not be accepted, as when all file descriptors are used.
const ACCEPT_WAIT: Duration = Duration::from_millis(100);

/// Why the door cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be used.
    #[error(
        "cannot listen at {address} (door.listen): use an address of this machine that no other program listens at"
    )]
    Listen {
        /// The address.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// Others could read the tokens.
    #[error(
        "door.listen is {address}, which other machines reach, and door.tls_certificate is not set: set it, or listen \
         at 127.0.0.1"
    )]
    Unencrypted {
        /// The address.
        address: SocketAddr,
    },
    /// A file of the certificate cannot be read.
    #[error("cannot read {file} as PEM (door.tls_certificate, door.tls_key_file)", file = file.display())]
    Pem {
        /// The file.
        file: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// Certificate and key do not go together.
    #[error("cannot use the certificate of door.tls_certificate with the key of door.tls_key_file")]
    Certificate(#[source] tokio_rustls::rustls::Error),
}

/// A bound address.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Binds the address of the settings.
    pub async fn bind(address: &str, tls: Option<&TlsFiles>) -> Result<Self, ServeError> {
        let tls = tls.map(acceptor).transpose()?;
        let listen_error = |source| ServeError::Listen {
            address: address.to_owned(),
            source,
        };
        let tcp = TcpListener::bind(address).await.map_err(listen_error)?;
        let bound = tcp.local_addr().map_err(listen_error)?;
        if tls.is_none() && !bound.ip().is_loopback() {
            return Err(ServeError::Unencrypted { address: bound });
        }
        let is_encrypted = tls.is_some();
        tracing::info!(address = %bound, tls = is_encrypted, "accepting events");
        Ok(Self { tcp, tls })
    }

    /// The address it listens at.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Answers requests until `stop`, then completes those under way.
    pub async fn serve(self, door: Arc<Door>, stop: impl Future<Output = ()>) {
        let shutdown_timeout = door.settings.shutdown_timeout;
        let connections = Connections {
            service: TowerToHyperService::new(router(Arc::clone(&door))),
            tls: self.tls,
            handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
            header_timeout: door.settings.header_timeout,
        };
        let (graceful, mut stop) = (GracefulShutdown::new(), std::pin::pin!(stop));
        loop {
            let accepted = tokio::select! {
                accepted = self.tcp.accept() => accepted,
                () = &mut stop => break,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (connections, watcher) = (connections.clone(), graceful.watcher());
                    tokio::spawn(connections.answer(stream, watcher));
                }
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    tokio::time::sleep(ACCEPT_WAIT).await;
                }
            }
        }
        drop(self.tcp);
        door.stop();
        if tokio::time::timeout(shutdown_timeout, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("shutdown timeout reached: closed connections with requests under way");
        }
        let flushed = tokio::task::spawn_blocking(move || door.sender.flush(shutdown_timeout));
        if let Ok(Err(error)) = flushed.await {
            tracing::warn!(%error, "events not confirmed by Kafka before the stop");
        }
    }
}

/// What every connection shares.
#[derive(Clone)]
struct Connections {
    service: TowerToHyperService<axum::Router>,
    tls: Option<TlsAcceptor>,
    handshakes: Arc<Semaphore>,
    header_timeout: Duration,
}

impl Connections {
    /// Answers the requests of a connection. A fault of the connection is the client's, so it is not
    /// logged.
    async fn answer(self, stream: TcpStream, watcher: hyper_util::server::graceful::Watcher) {
        // Answers are written at once; without the option the kernel would only delay them.
        stream.set_nodelay(true).ok();
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout);
        let ended = match &self.tls {
            None => {
                watcher
                    .watch(http.serve_connection(TokioIo::new(stream), self.service))
                    .await
            }
            Some(tls) => {
                let handshake = async {
                    let turn = self.handshakes.acquire().await.ok()?;
                    let stream = tls.accept(stream).await.ok()?;
                    drop(turn);
                    Some(stream)
                };
                let Ok(Some(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await
                else {
                    return;
                };
                watcher
                    .watch(http.serve_connection(TokioIo::new(stream), self.service))
                    .await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended");
        }
    }
}

/// TLS 1.2 and 1.3 with the certificate of the files.
fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, ServeError> {
    let pem = |file: &Path| {
        let file = file.to_owned();
        move |source| ServeError::Pem { file, source }
    };
    let chain: Result<Vec<CertificateDer<'static>>, _> =
        CertificateDer::pem_file_iter(&files.certificate).and_then(Iterator::collect);
    let chain = chain.map_err(pem(&files.certificate))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(pem(&files.key))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(ServeError::Certificate)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
