//! One connection, its logons, and a request on it: as many legs as the logons take, and never a body that is not to be executed.

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, VIA};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::attempts::{Again, Expectations, Interruption, Why};
use super::body::{Body, Outgoing};
use super::error::Error;
use super::logon::{Logon, Party, Step};
use super::observe::{Event, Observer};
use super::refusal::{LogonError, Refusal};
use super::stream::{Beginning, Stream};
use crate::environment;

/// The longest that the header lines of a response may be: twice the largest token in base64.
const MAX_HEAD: usize = 256 * 1024;

/// The most header lines.
const MAX_HEADERS: usize = 256;

/// The longest body that is read and thrown away to keep a connection.
const MAX_DISCARDED: usize = 1024 * 1024;

/// How long a `Via` is quoted.
const MAX_VIA: usize = 200;

/// What a request is, whatever it goes out as.
pub(super) struct Head {
    pub(super) method: Method,
    /// The whole URL; of a CONNECT host and port.
    pub(super) url: Uri,
    pub(super) path: PathAndQuery,
    pub(super) host: Authority,
    pub(super) headers: HeaderMap,
}

/// A party to talk to.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// Host and port.
    pub(super) name: String,
    pub(super) secure: bool,
}

/// A connection. One request at a time.
pub(super) struct Connection {
    sender: SendRequest<Outgoing>,
    /// Reads and writes the connection.
    _driver: Driver,
    beginning: Beginning,
    pub(super) server: Option<Logon>,
    pub(super) proxy: Option<Logon>,
    peers: Peers,
    /// It has served a request.
    served: bool,
    /// The parties whose logons were told to the observer.
    told: Vec<Party>,
    silence: Duration,
    observer: Option<Arc<dyn Observer>>,
}

/// Who hears what is said on a connection.
#[derive(Clone, Debug)]
pub(super) struct Peers {
    pub(super) server: Peer,
    /// A proxy that reads the requests. One that merely passes on what goes through a tunnel is none.
    pub(super) proxy: Option<Peer>,
}

impl Peers {
    /// Who answers.
    fn next(&self) -> &Peer {
        self.proxy.as_ref().unwrap_or(&self.server)
    }
}

struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connection {
    pub(super) async fn new(
        stream: Stream,
        beginning: Beginning,
        peers: Peers,
        silence: Duration,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self, Error> {
        let handshake = hyper::client::conn::http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .handshake(TokioIo::new(stream))
            .await;
        let (sender, connection) =
            handshake.map_err(|source| Error::Http { peer: peers.next().name.clone(), source })?;
        let driver = tokio::spawn(async move {
            // What went wrong is told to the request.
            let _ = connection.with_upgrades().await;
        });
        Ok(Self {
            sender,
            _driver: Driver(driver),
            beginning,
            server: None,
            proxy: None,
            peers,
            served: false,
            told: Vec::new(),
            silence,
            observer,
        })
    }

    /// Whether a connection that was kept can be used.
    pub(super) async fn is_ready(&mut self) -> bool {
        // It is at once, or still busy with what the server did not want to hear.
        const PATIENCE: Duration = Duration::from_millis(100);
        !self.sender.is_closed() && matches!(timeout(PATIENCE, self.sender.ready()).await, Ok(Ok(())))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether the connection can be kept for further requests.
    pub(super) fn is_settled(&self) -> bool {
        self.logons().all(Logon::is_settled)
    }

    pub(super) fn observe_reuse(&self) {
        self.observe(&Event::Reused { peer: &self.peers.next().name });
    }

    pub(super) fn expectations(&self) -> Expectations {
        let of = |logon: &Option<Logon>| logon.as_ref().map(Logon::expectation).unwrap_or_default();
        Expectations { proxy: of(&self.proxy), server: of(&self.server) }
    }

    /// Sends a request, and gives the response to it: the one that counts.
    pub(super) async fn exchange(&mut self, head: &Head, body: &Body) -> Result<Response<Incoming>, Interruption> {
        let served = std::mem::replace(&mut self.served, true);
        loop {
            // What would not get past a party is kept from it.
            let stopped_by = |logon: &Option<Logon>| logon.as_ref().is_some_and(Logon::withholds_body);
            let at_proxy = stopped_by(&self.proxy);
            let withheld = !body.is_empty() && (at_proxy || stopped_by(&self.server));
            let mut request = self.request(head, body, withheld)?;
            self.add_credentials(Party::Proxy, request.headers_mut())?;
            if !at_proxy {
                self.add_credentials(Party::Server, request.headers_mut())?;
            }
            self.observe(&Event::Request {
                method: request.method(),
                target: request.uri(),
                headers: request.headers(),
                body_withheld: withheld,
            });
            let response = self.send(request, withheld, served).await?;
            self.observe(&Event::Response {
                version: response.version(),
                status: response.status(),
                headers: response.headers(),
            });
            let unanswerable = self.is_of_proxy(response.status()) && self.proxy.is_none();
            match self.step(&response)? {
                Step::Answer if !withheld || unanswerable => return Ok(response),
                Step::Answer | Step::Again => self.finish(response).await?,
                Step::Anew => {
                    let party = if self.is_of_proxy(response.status()) { Party::Proxy } else { Party::Server };
                    let error = self.refused(party, Refusal::NotKept, via(response.headers()));
                    if !served {
                        return Err(error.into());
                    }
                    return Err(self.again(Why::LoggedOff, error));
                }
            }
        }
    }

    fn request(&self, head: &Head, body: &Body, withheld: bool) -> Result<Request<Outgoing>, Error> {
        let progress = Arc::default();
        let outgoing = if withheld { Outgoing::empty() } else { body.outgoing(&progress).map_err(Error::Body)? };
        let mut request = Request::new(outgoing);
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = match self.peers.proxy {
            Some(_) => head.url.clone(),
            None => Uri::from(head.path.clone()),
        };
        *request.headers_mut() = head.headers.clone();
        let headers = request.headers_mut();
        if !headers.contains_key(HOST) {
            let host = HeaderValue::from_str(head.host.as_str());
            headers.insert(HOST, host.map_err(|_| Error::Request("the host is no header value"))?);
        }
        let says_length = withheld || matches!(head.method, Method::POST | Method::PUT | Method::PATCH);
        let length = if withheld { Some(0) } else { body.length() };
        if let Some(length) = length.filter(|&length| length > 0 || says_length) {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        request.extensions_mut().insert(progress);
        Ok(request)
    }

    fn add_credentials(&mut self, party: Party, headers: &mut HeaderMap) -> Result<(), Error> {
        let Some(logon) = self.logon_mut(party) else { return Ok(()) };
        match logon.credentials() {
            Ok(Some(value)) => headers.insert(party.credentials_header(), value),
            Ok(None) => None,
            Err(refusal) => return Err(self.refused(party, refusal, None)),
        };
        Ok(())
    }

    /// Sends one request and waits for the head of its response, as long as one of the two makes progress.
    async fn send(
        &mut self,
        request: Request<Outgoing>,
        withheld: bool,
        served: bool,
    ) -> Result<Response<Incoming>, Interruption> {
        let nothing_executed = withheld || request.method().is_safe() || request.method() == Method::CONNECT;
        let progress = request.extensions().get::<Arc<AtomicUsize>>().cloned().unwrap_or_default();
        let mut sent = std::pin::pin!(self.sender.try_send_request(request));
        let mut seen = 0;
        let result = loop {
            match timeout(self.silence, &mut sent).await {
                Ok(result) => break result,
                Err(_) if progress.load(Ordering::Relaxed) != seen => seen = progress.load(Ordering::Relaxed),
                Err(_) => {
                    let peer = self.peers.next().name.clone();
                    return Err(Error::Timeout { peer, waiting_for: "response", after: self.silence }.into());
                }
            }
        };
        result.map_err(|mut error| {
            let nothing_executed = nothing_executed || error.take_message().is_some();
            self.not_answered(error.into_error(), nothing_executed, served)
        })
    }

    /// What it means that no response came.
    fn not_answered(&self, source: hyper::Error, nothing_executed: bool, served: bool) -> Interruption {
        let peer = self.peers.next().name.clone();
        if self.beginning.is_http2() && !served {
            return Error::Http2 { peer }.into();
        }
        if source.is_parse() {
            return Error::Http { peer, source }.into();
        }
        if source.is_user() {
            // The body that we were to send.
            let reason = source.source().map_or_else(|| source.to_string(), ToString::to_string);
            return Error::Body(std::io::Error::other(reason)).into();
        }
        let under_way = self.logons().find(|logon| logon.is_under_way()).map(Logon::party);
        let error = match under_way {
            Some(party) if nothing_executed => {
                self.refused(party, Refusal::ConnectionClosed { announced: false }, None)
            }
            _ => Error::Lost { peer, source: Some(source), perhaps_executed: !nothing_executed },
        };
        if nothing_executed { self.again(Why::Lost, error) } else { error.into() }
    }

    /// What a response means to the logons.
    fn step(&mut self, response: &Response<Incoming>) -> Result<Step, Error> {
        let (status, headers) = (response.status(), response.headers());
        let of_proxy = self.is_of_proxy(status);
        let mut steps = [Step::Answer; 2];
        for (step, party) in steps.iter_mut().zip([Party::Proxy, Party::Server]) {
            // What the proxy asks, the server knows nothing of.
            if of_proxy && party == Party::Server {
                continue;
            }
            let Some(logon) = self.logon_mut(party) else { continue };
            match logon.response(status, headers, environment::now(), &mut environment::entropy) {
                Ok(taken) => *step = taken,
                Err(refusal) => return Err(self.refused(party, refusal, via(headers))),
            }
            self.tell(party, status);
        }
        let [proxy, server] = steps;
        Ok(if proxy == Step::Answer { server } else { proxy })
    }

    /// Tells the observer of a logon that was accepted, once.
    fn tell(&mut self, party: Party, status: StatusCode) {
        // Perhaps nobody has decided on it: a later response shows.
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || self.told.contains(&party) {
            return;
        }
        let accepted = self.logon(party).filter(|logon| logon.is_accepted());
        if let (Some(observer), Some(context)) = (&self.observer, accepted.and_then(Logon::context)) {
            observer.observe(&Event::LoggedOn { party, context });
            self.told.push(party);
        }
    }

    /// Reads a response to its end, so that the connection can go on.
    async fn finish(&mut self, response: Response<Incoming>) -> Result<(), Interruption> {
        let announced = announces_close(&response);
        let via = via(response.headers());
        let under_way = self.logons().find(|logon| logon.is_under_way()).map(Logon::party);
        let party = under_way.unwrap_or(Party::Server);
        let mut body = response.into_body();
        let mut length = 0;
        let closed = loop {
            match timeout(self.silence, body.frame()).await {
                Err(_) => {
                    let peer = self.peers.next().name.clone();
                    return Err(
                        Error::Timeout { peer, waiting_for: "rest of the response", after: self.silence }.into()
                    );
                }
                Ok(Some(Ok(frame))) => length += frame.data_ref().map_or(0, bytes::Bytes::len),
                Ok(Some(Err(_))) => break true,
                Ok(None) => break !matches!(timeout(self.silence, self.sender.ready()).await, Ok(Ok(()))),
            }
            if length > MAX_DISCARDED {
                let error = self.refused(party, Refusal::BodyTooLong { limit: MAX_DISCARDED }, via);
                return Err(if under_way.is_some() { error.into() } else { self.again(Why::Closed, error) });
            }
        };
        if !closed {
            return Ok(());
        }
        let error = self.refused(party, Refusal::ConnectionClosed { announced }, via);
        Err(match under_way {
            // Whoever says so will do it again.
            Some(_) if announced => error.into(),
            Some(_) => self.again(Why::Lost, error),
            None => self.again(Why::Closed, error),
        })
    }

    fn again(&self, why: Why, error: Error) -> Interruption {
        Interruption::Again(Again { why, error, expectations: self.expectations() })
    }

    fn refused(&self, party: Party, refusal: Refusal, via: Option<String>) -> Error {
        let peer = match (party, &self.peers.proxy) {
            (Party::Proxy, Some(proxy)) => proxy,
            _ => &self.peers.server,
        };
        let bound = self.logon(party).is_some_and(Logon::sends_bindings);
        LogonError { party, peer: peer.name.clone(), refusal, secure: peer.secure, bound, via }.into()
    }

    /// A 407 is the proxy's where there is one; a server behind a tunnel that sends one gets no credentials for it.
    fn is_of_proxy(&self, status: StatusCode) -> bool {
        self.peers.proxy.is_some() && status == Party::Proxy.status()
    }

    fn logons(&self) -> impl Iterator<Item = &Logon> {
        self.proxy.iter().chain(&self.server)
    }

    fn logon(&self, party: Party) -> Option<&Logon> {
        match party {
            Party::Proxy => self.proxy.as_ref(),
            Party::Server => self.server.as_ref(),
        }
    }

    fn logon_mut(&mut self, party: Party) -> Option<&mut Logon> {
        match party {
            Party::Proxy => self.proxy.as_mut(),
            Party::Server => self.server.as_mut(),
        }
    }

    fn observe(&self, event: &Event<'_>) {
        if let Some(observer) = &self.observer {
            observer.observe(event);
        }
    }
}

/// Whether the connection ends with this response.
fn announces_close(response: &Response<Incoming>) -> bool {
    let says = |word: &str| {
        let values = response.headers().get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case(word))
    };
    says("close") || (response.version() < Version::HTTP_11 && !says("keep-alive"))
}

fn via(headers: &HeaderMap) -> Option<String> {
    let via = headers.get(VIA)?.as_bytes();
    Some(String::from_utf8_lossy(via.get(..MAX_VIA).unwrap_or(via)).into_owned())
}
