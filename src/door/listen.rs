//! Accepts connections, with TLS or on the loopback interface, and drains them on a stop.
//!
//! It must not know what a request means. Each handshake, the headers of each request and the reading
//! of each answer have a timeout, so that a client which does nothing keeps no connection.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::connections::{Connections, OpenConnection};
use super::identity::Client;
use super::routes::router;
use super::write_timeout::WriteTimeout;
use super::{Door, Identification, TlsSettings};

/// How long a TLS handshake may take, the wait for its turn included.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// The most TLS handshakes at once: each takes a millisecond of a processor.
const HANDSHAKES_MAX: usize = 64;
/// The most bytes of the headers of a request, and of what waits to be read or written.
const BUFFER_BYTES_MAX: usize = 1 << 15;
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
    /// A file of a certificate cannot be read.
    #[error("cannot read {file} as PEM (door.tls_certificate, door.tls_key_file, door.client_ca)", file = file.display())]
    Pem {
        /// The file.
        file: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// Certificate and key do not go together.
    #[error("cannot use the certificate of door.tls_certificate with the key of door.tls_key_file")]
    Certificate(#[source] tokio_rustls::rustls::Error),
    /// No client certificate can be checked with the file of the authority.
    #[error("cannot check client certificates with {file} (door.client_ca): use the certificate of the authority that signs them", file = file.display())]
    ClientCa {
        /// The file.
        file: PathBuf,
        /// Why.
        source: VerifierBuilderError,
    },
}

/// A bound address.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Binds the address of the settings.
    pub async fn bind(address: &str, tls: Option<&TlsSettings>) -> Result<Self, ServeError> {
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
        let open_connections = Connections::new(door.settings.connections);
        let connecting = Connecting {
            service: TowerToHyperService::new(router(Arc::clone(&door))),
            tls: self.tls,
            handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
            header_timeout: door.settings.header_timeout,
            answer_timeout: door.settings.body_timeout,
        };
        let (graceful, mut stop) = (GracefulShutdown::new(), std::pin::pin!(stop));
        loop {
            let accepted = tokio::select! {
                accepted = self.tcp.accept() => accepted,
                () = &mut stop => break,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (connecting, watcher) = (connecting.clone(), graceful.watcher());
                    if let Some(connection) = open_connections.open() {
                        tokio::spawn(connecting.answer_until_closed(stream, connection, watcher));
                    } else {
                        tracing::warn!("connection refused: all connections serve partners");
                    }
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
struct Connecting {
    service: TowerToHyperService<axum::Router>,
    tls: Option<TlsAcceptor>,
    handshakes: Arc<Semaphore>,
    header_timeout: Duration,
    answer_timeout: Duration,
}

impl Connecting {
    /// Answers the requests of a connection until it ends or another takes its place. A fault of the
    /// connection is the client's, so it is not logged.
    async fn answer_until_closed(
        self,
        stream: TcpStream,
        connection: OpenConnection,
        watcher: Watcher,
    ) {
        let connection = Arc::new(connection);
        tokio::select! {
            ended = self.answer(stream, &connection, watcher) => if let Err(error) = ended {
                tracing::debug!(%error, "connection ended");
            },
            () = connection.closed() => tracing::debug!("connection closed for another"),
        }
    }

    async fn answer(
        self,
        stream: TcpStream,
        connection: &Arc<OpenConnection>,
        watcher: Watcher,
    ) -> hyper::Result<()> {
        // Answers are written at once; without the option the kernel would only delay them.
        stream.set_nodelay(true).ok();
        let mut client = Client {
            connection: Arc::clone(connection),
            certificate: None,
        };
        let Some(tls) = self.tls.clone() else {
            return self.answer_requests(stream, client, watcher).await;
        };
        let handshake = async {
            let turn = self.handshakes.acquire().await.ok()?;
            let stream = tls.accept(stream).await.ok()?;
            drop(turn);
            Some(stream)
        };
        let Ok(Some(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await else {
            return Ok(());
        };
        let certificates = stream.get_ref().1.peer_certificates();
        client.certificate =
            certificates.and_then(|chain| chain.first().cloned().map(CertificateDer::into_owned));
        self.answer_requests(stream, client, watcher).await
    }

    async fn answer_requests<S>(
        self,
        stream: S,
        client: Client,
        watcher: Watcher,
    ) -> hyper::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_buf_size(BUFFER_BYTES_MAX);
        let service = self.service;
        let answer_one = service_fn(move |mut request: Request<Incoming>| {
            let connection = Arc::clone(&client.connection);
            request.extensions_mut().insert(client.clone());
            let answer = service.call(request);
            async move {
                let answer = answer.await;
                connection.wait();
                answer
            }
        });
        let stream = WriteTimeout::new(stream, self.answer_timeout);
        watcher
            .watch(http.serve_connection(TokioIo::new(stream), answer_one))
            .await
    }
}

/// TLS 1.2 and 1.3 with the certificate of the files.
fn acceptor(settings: &TlsSettings) -> Result<TlsAcceptor, ServeError> {
    let pem = |file: &Path| {
        let file = file.to_owned();
        move |source| ServeError::Pem { file, source }
    };
    let chain: Result<Vec<CertificateDer<'static>>, _> =
        CertificateDer::pem_file_iter(&settings.certificate).and_then(Iterator::collect);
    let chain = chain.map_err(pem(&settings.certificate))?;
    let key = PrivateKeyDer::from_pem_file(&settings.key).map_err(pem(&settings.key))?;
    let provider = Arc::new(ring::default_provider());
    let clients = match &settings.client_ca {
        None => WebPkiClientVerifier::no_client_auth(),
        Some(file) => {
            let mut authorities = RootCertStore::empty();
            let certificates = CertificateDer::pem_file_iter(file).map_err(pem(file))?;
            for certificate in certificates {
                // An authority that cannot be read leaves the store empty, which is a fault below.
                authorities.add(certificate.map_err(pem(file))?).ok();
            }
            let builder = WebPkiClientVerifier::builder_with_provider(
                Arc::new(authorities),
                Arc::clone(&provider),
            );
            let builder = match settings.identification {
                Identification::Token => builder.allow_unauthenticated(),
                Identification::Certificate | Identification::Both => builder,
            };
            let client_ca = |source| ServeError::ClientCa {
                file: file.clone(),
                source,
            };
            builder.build().map_err(client_ca)?
        }
    };
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_client_cert_verifier(clients))
        .and_then(|builder| builder.with_single_cert(chain, key))
        .map_err(ServeError::Certificate)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
