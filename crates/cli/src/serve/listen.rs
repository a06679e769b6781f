//! Listening, accepting, and stopping without cutting anybody off who is being served.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ntlm::ChannelBindings;
use ntlm_http::server::{NtlmConnection, NtlmLayer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tower_layer::Layer as _;

use super::front::Front;
use super::options::Arguments;
use super::site::Site;
use super::stream::Patient;
use super::tls::Certificate;
use crate::failure::Failure;

/// How long accepting pauses when the system has no more to give.
const BREATHER: Duration = Duration::from_millis(50);

/// What a connection gets that is one too many.
const BUSY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// What clients get that begin with HTTP/2 (RFC 9113 section 6): empty SETTINGS, and GOAWAY with HTTP_1_1_REQUIRED.
const HTTP_1_1_REQUIRED: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0d";

/// Sockets that listen, and whoever tells the process to stop.
pub(super) struct Listening {
    listeners: Vec<TcpListener>,
    signals: Signals,
}

/// What the connections of a server share.
struct Server {
    layer: NtlmLayer,
    site: Site,
    certificate: Option<Certificate>,
    bindings: Option<ChannelBindings>,
    max_body: u64,
    max_header: usize,
    idle_timeout: Duration,
    stop: watch::Receiver<bool>,
}

impl Listening {
    /// Listens on all addresses that these texts stand for.
    pub(super) async fn bind(texts: &[String]) -> Result<Self, Failure> {
        let mut listeners = Vec::new();
        for text in texts {
            let failed = |error: io::Error| Failure::unusable(format!("cannot listen on {text}: {error}"));
            let mut bound = Err(io::Error::other("the name has no address"));
            for address in tokio::net::lookup_host(text).await.map_err(failed)? {
                match TcpListener::bind(address).await {
                    Ok(listener) => {
                        listeners.push(listener);
                        bound = Ok(());
                    }
                    // A name may have an address of a kind that this machine does not have.
                    Err(error) if bound.is_err() => bound = Err(error),
                    Err(_) => {}
                }
            }
            bound.map_err(failed)?;
        }
        Ok(Self { listeners, signals: Signals::new()? })
    }

    /// Where it listens, with the ports that were chosen.
    pub(super) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.listeners.iter().map(TcpListener::local_addr).collect()
    }

    /// Serves until the process is told to stop.
    pub(super) async fn serve(
        mut self,
        arguments: &Arguments,
        layer: NtlmLayer,
        site: Site,
        certificate: Option<Certificate>,
        bindings: Option<ChannelBindings>,
    ) -> Result<(), Failure> {
        let (stop, stopped) = watch::channel(false);
        let server = Arc::new(Server {
            layer,
            site,
            certificate,
            bindings,
            max_body: arguments.max_body,
            max_header: arguments.max_header as usize,
            idle_timeout: arguments.idle_timeout(),
            stop: stopped,
        });
        let connections = Arc::new(Semaphore::new(arguments.max_connections as usize));
        for listener in self.listeners {
            tokio::spawn(accept(listener, Arc::clone(&server), Arc::clone(&connections)));
        }
        self.signals.next().await?;
        tracing::info!("stopping: requests that are being served may end");
        // `server` holds a receiver.
        let _ = stop.send(true);
        tokio::select! {
            ended = timeout(arguments.stop_timeout(), connections.acquire_many(arguments.max_connections)) => {
                if ended.is_err() {
                    tracing::warn!("some requests did not end in time");
                }
            }
            again = self.signals.next() => again?,
        }
        Ok(())
    }
}

/// SIGINT and SIGTERM, caught from the moment this is made.
struct Signals {
    #[cfg(unix)]
    streams: [tokio::signal::unix::Signal; 2],
}

impl Signals {
    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self { streams: [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?] })
    }

    #[cfg(unix)]
    async fn next(&mut self) -> io::Result<()> {
        let [interrupt, terminate] = &mut self.streams;
        tokio::select! {
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
        }
    }

    #[cfg(not(unix))]
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> io::Result<()> {
        tokio::signal::ctrl_c().await
    }
}

async fn accept(listener: TcpListener, server: Arc<Server>, connections: Arc<Semaphore>) {
    let mut stop = server.stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => return,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("no connection can be accepted: {error}");
                tokio::time::sleep(BREATHER).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&connections).try_acquire_owned() else {
            tracing::warn!(%address, "too many connections");
            if server.certificate.is_none() {
                // Who does not take it at once does not get it.
                let _ = stream.try_write(BUSY);
            }
            continue;
        };
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            server.connection(stream, address).await;
            drop(permit);
        });
    }
}

/// Waits until the server stops.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Fails when the sender is gone, which also is the end.
    let _ = stop.wait_for(|stop| *stop).await;
}

impl Server {
    async fn connection(&self, stream: TcpStream, address: SocketAddr) {
        // Without it answers are late, not wrong.
        let _ = stream.set_nodelay(true);
        if let Ok(own) = stream.local_addr() {
            self.layer.acceptor().reached_at(own.ip());
        }
        let stream = Patient::new(stream, self.idle_timeout);
        let Some(certificate) = &self.certificate else {
            return self.serve(stream, address, NtlmConnection::new(Some(address))).await;
        };
        let stream = match timeout(self.idle_timeout, certificate.acceptor.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::info!(%address, "no TLS: {error}"),
            Err(_) => return tracing::info!(%address, "no TLS in time"),
        };
        let connection = match &self.bindings {
            Some(bindings) => NtlmConnection::with_channel_bindings(Some(address), bindings.clone()),
            None => NtlmConnection::new(Some(address)),
        };
        self.serve(stream, address, connection).await;
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        address: SocketAddr,
        connection: NtlmConnection,
    ) {
        let site = self.site.connection(address, self.certificate.is_some());
        let front = Front::new(self.layer.layer(site), connection, address, self.max_body, self.idle_timeout);
        let service = service_fn(|request: http::Request<Incoming>| front.respond(request));
        let mut serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.idle_timeout)
            .max_header_size(self.max_header)
            .max_buf_size(self.max_header)
            .serve_connection(TokioIo::new(stream), service);
        let mut stop = self.stop.clone();
        let ended = tokio::select! {
            ended = &mut serving => ended,
            () = stopped(&mut stop) => {
                std::pin::Pin::new(&mut serving).graceful_shutdown();
                (&mut serving).await
            }
        };
        let Err(error) = ended else { return };
        tracing::debug!(%address, "connection ended: {error}");
        if error.is_parse_version_h2() {
            let mut stream = serving.into_parts().io.into_inner();
            // Who has gone already needs no refusal.
            let _ = stream.write_all(HTTP_1_1_REQUIRED).await;
            let _ = stream.shutdown().await;
        }
    }
}
