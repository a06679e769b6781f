//! Making connections.
//!
//! ```text
//!                    no proxy            proxy
//! http://server      TCP                 TCP to the proxy [TLS], which reads the requests
//! https://server     TCP, TLS            TCP to the proxy [TLS], CONNECT, TLS to the server inside the tunnel
//! ```

use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Uri};
use ntlm::client::Exchange;
use ntlm::{ChannelBindings, Credentials};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::attempts::{Attempts, Expectations};
use super::body::Body;
use super::connection::{Connection, Head, Peer, Peers};
use super::error::Error;
use super::logon::{Expectation, Logon, Party};
use super::observe::Event;
use super::stream::{Carrier, Stream};
use super::url::Origin;
use super::{Inner, tls};

/// A way to a peer, and what a logon over it is bound to.
struct Way {
    carrier: Box<dyn Carrier>,
    bindings: Option<ChannelBindings>,
}

impl Inner {
    /// A new connection for requests to `origin`.
    pub(super) async fn connect(
        &self,
        origin: &Origin,
        credentials: Option<&Arc<Credentials>>,
        expectations: Expectations,
    ) -> Result<Connection, Error> {
        let settings = &self.settings;
        let server = Peer { name: origin.host_and_port(), secure: origin.is_secure() };
        let mut reading_proxy = None;
        let (way, way_to_proxy) = match &settings.proxy {
            None => (self.secured(self.tcp(origin).await?, origin).await?, None),
            Some(proxy) if origin.is_secure() => {
                let tunnel = Way { carrier: self.tunnel(proxy, origin).await?, bindings: None };
                (self.secured(tunnel, origin).await?, None)
            }
            Some(proxy) => {
                let way = self.secured(self.tcp(proxy).await?, proxy).await?;
                let bindings = way.bindings;
                reading_proxy = Some(Peer { name: proxy.host_and_port(), secure: proxy.is_secure() });
                // The channel ends at the proxy: it binds no logon to the server behind.
                (Way { carrier: way.carrier, bindings: None }, Some((proxy, bindings)))
            }
        };
        let peers = Peers { server, proxy: reading_proxy };
        let mut connection = self.speak(way.carrier, peers).await?;
        connection.server =
            credentials.map(|it| self.logon(Party::Server, origin, it, way.bindings, expectations.server));
        if let (Some((proxy, bindings)), Some(credentials)) = (way_to_proxy, &settings.proxy_credentials) {
            connection.proxy = Some(self.logon(Party::Proxy, proxy, credentials, bindings, expectations.proxy));
        }
        Ok(connection)
    }

    fn logon(
        &self,
        party: Party,
        peer: &Origin,
        credentials: &Arc<Credentials>,
        bindings: Option<ChannelBindings>,
        expectation: Expectation,
    ) -> Logon {
        let settings = &self.settings;
        let exchange = Exchange {
            target_name: Some(peer.target_name().as_str().into()),
            channel_bindings: bindings.filter(|_| settings.channel_bindings),
            ..Exchange::default()
        };
        Logon::new(party, settings.config.clone(), credentials.clone(), exchange, settings.schemes)
            .expecting(expectation)
    }

    async fn speak(&self, carrier: Box<dyn Carrier>, peers: Peers) -> Result<Connection, Error> {
        let (stream, beginning) = Stream::new(carrier);
        Connection::new(stream, beginning, peers, self.settings.silence, self.settings.observer.clone()).await
    }

    async fn tcp(&self, peer: &Origin) -> Result<Way, Error> {
        let name = peer.host_and_port();
        let limit = self.settings.connect_time;
        let connecting = timeout(limit, TcpStream::connect((peer.bare_host(), peer.port()))).await;
        let connected =
            connecting.map_err(|_| Error::Timeout { peer: name.clone(), waiting_for: "connection", after: limit })?;
        let unreachable = |source| Error::Unreachable { peer: name.clone(), source };
        let stream = connected.map_err(unreachable)?;
        // A logon is small messages back and forth.
        stream.set_nodelay(true).map_err(unreachable)?;
        let address = stream.peer_addr().map_err(unreachable)?;
        self.observe(&Event::Connected { peer: &name, address });
        Ok(Way { carrier: Box::new(stream), bindings: None })
    }

    /// TLS to `peer` over `way`, if its scheme asks for it.
    async fn secured(&self, way: Way, peer: &Origin) -> Result<Way, Error> {
        if !peer.is_secure() {
            return Ok(way);
        }
        let name = peer.host_and_port();
        let config = self.tls.get_or_init(|| self.settings.trust.config().map(Arc::new));
        let config = config.clone().map_err(Error::Roots)?;
        let server_name = ServerName::try_from(peer.bare_host().to_owned()).map_err(|_| Error::Url {
            url: peer.to_string(),
            reason: "its host is no name that a certificate can have",
        })?;
        let limit = self.settings.connect_time;
        let stream = timeout(limit, TlsConnector::from(config).connect(server_name, way.carrier)).await;
        let stream = stream.map_err(|_| Error::Timeout { peer: name.clone(), waiting_for: "TLS", after: limit })?;
        let stream = stream.map_err(|source| tls_failed(name.clone(), source))?;
        let bindings = tls::bindings(stream.get_ref().1);
        self.observe(&Event::Secured { peer: &name, bound: bindings.is_some() && self.settings.channel_bindings });
        Ok(Way { carrier: Box::new(stream), bindings })
    }

    /// A tunnel through `proxy` to `origin`.
    async fn tunnel(&self, proxy: &Origin, origin: &Origin) -> Result<Box<dyn Carrier>, Error> {
        let target = origin.host_and_port();
        let malformed = |_| Error::Url { url: origin.to_string(), reason: "its host is malformed" };
        let url: Uri = target.parse().map_err(malformed)?;
        let host = target.parse().map_err(malformed)?;
        let head = Head {
            method: Method::CONNECT,
            url,
            path: PathAndQuery::from_static("/"),
            host,
            headers: HeaderMap::new(),
        };
        let peer = Peer { name: proxy.host_and_port(), secure: proxy.is_secure() };
        let mut attempts = Attempts::default();
        let mut expectation = self.pool.expectation_of_proxy();
        loop {
            let way = self.secured(self.tcp(proxy).await?, proxy).await?;
            let peers = Peers { server: peer.clone(), proxy: Some(peer.clone()) };
            let mut connection = self.speak(way.carrier, peers).await?;
            connection.proxy = self
                .settings
                .proxy_credentials
                .as_ref()
                .map(|it| self.logon(Party::Proxy, proxy, it, way.bindings, expectation));
            match connection.exchange(&head, &Body::empty()).await {
                Ok(response) if response.status().is_success() => {
                    self.pool.learn_of_proxy(connection.expectations().proxy);
                    let upgraded = hyper::upgrade::on(response).await;
                    let upgraded = upgraded.map_err(|source| Error::Http { peer: peer.name, source })?;
                    return Ok(Box::new(hyper_util::rt::TokioIo::new(upgraded)));
                }
                Ok(response) => return Err(Error::Tunnel { proxy: peer.name, status: response.status() }),
                Err(interruption) => {
                    expectation = attempts.again(interruption, self.settings.observer.as_deref())?.proxy;
                }
            }
        }
    }

    pub(super) fn observe(&self, event: &Event<'_>) {
        if let Some(observer) = &self.settings.observer {
            observer.observe(event);
        }
    }
}

fn tls_failed(peer: String, source: std::io::Error) -> Error {
    use rustls::{AlertDescription, Error as Tls};
    let cause = source.get_ref().and_then(|cause| cause.downcast_ref::<Tls>());
    match cause {
        // Only HTTP/1.1 is offered.
        Some(Tls::AlertReceived(AlertDescription::NoApplicationProtocol)) => Error::Http2 { peer },
        _ => Error::Tls { peer, source },
    }
}
