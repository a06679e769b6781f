//! The reverse proxy: each logon has a connection of its own to the server behind, which therefore never sees two users on one.

mod headers;
mod outgoing;
mod tls;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HOST, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use ntlm_http::server::NtlmUser;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout, timeout_at};

use self::outgoing::{Outgoing, Progress, outgoing, repeatable};
use self::tls::Tls;
use super::body::{BoxError, RequestBody, ResponseBody};
use super::site::page;
use crate::failure::Failure;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// A server behind.
#[derive(Debug)]
pub(super) struct Target {
    authority: Authority,
    /// Goes before the path of every request; without a `/` at its end.
    prefix: String,
    user_header: HeaderName,
    /// For https.
    tls: Option<Tls>,
    /// How long the server behind may take until it begins to answer, from when it was last sent something.
    answer: Duration,
}

impl Target {
    /// The server at `url`, told who it is in `user_header`. `ca` is whom to trust, other than whom the system does.
    pub(super) fn new(
        url: &str,
        user_header: &HeaderName,
        ca: Option<&Path>,
        answer: Duration,
    ) -> Result<Self, Failure> {
        let failed = |reason: &str| Failure::unusable(format!("--upstream {url}: {reason}"));
        let uri: Uri = url.parse().map_err(|_| failed("this is no URL, such as http://127.0.0.1:3000"))?;
        let https = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(failed("only http:// and https:// are spoken to servers behind")),
        };
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.cloned().ok_or_else(|| failed("the URL names no host"))?;
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(failed("neither a user nor a query may stand in it"));
        }
        if headers::is_reserved(user_header) {
            return Err(Failure::unusable(format!("--user-header {user_header}: HTTP itself uses this header")));
        }
        let prefix = uri.path().trim_end_matches('/').to_owned();
        let tls = match (https, ca) {
            (true, ca) => Some(Tls::new(bare(authority.host()), ca).map_err(|reason| failed(&reason))?),
            (false, Some(_)) => return Err(failed("--upstream-ca is for https:// alone")),
            (false, None) => None,
        };
        Ok(Self { authority, prefix, user_header: user_header.clone(), tls, answer })
    }

    /// Host and port for connecting.
    fn address(&self) -> (&str, u16) {
        let default = if self.tls.is_some() { 443 } else { 80 };
        (bare(self.authority.host()), self.authority.port_u16().unwrap_or(default))
    }
}

/// A host without the brackets that an IPv6 address has in a URL.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// The server behind, for one connection of a client.
pub(super) struct Upstream {
    target: Arc<Target>,
    client: SocketAddr,
    tls: bool,
    /// The connection, when there is one that can be used.
    kept: Mutex<Option<Kept>>,
}

/// A connection to the server behind, and whose it is.
struct Kept {
    sender: SendRequest<Outgoing>,
    user: NtlmUser,
}

impl Kept {
    /// Whether it was made for this very logon. Another logon of the client's connection is another user, or may be: what the server behind remembers of a connection is
    /// not for him.
    fn is_of(&self, user: &NtlmUser) -> bool {
        std::ptr::eq(self.user.info(), user.info())
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Upstream {
    pub(super) fn new(target: Arc<Target>, client: SocketAddr, tls: bool) -> Self {
        Self { target, client, tls, kept: Mutex::new(None) }
    }

    /// Passes a request on, and the response back.
    pub(super) async fn respond(
        &self,
        mut request: Request<RequestBody<Incoming>>,
        user: &NtlmUser,
    ) -> Response<ResponseBody> {
        // h2c is an offer of clients that speak HTTP/1.1 as well; it is passed over.
        if request.headers().get_all(UPGRADE).iter().any(|protocol| !protocol.as_bytes().eq_ignore_ascii_case(b"h2c")) {
            return page(StatusCode::NOT_IMPLEMENTED, "Connections are not handed over to other protocols here.\n");
        }
        let Some(name) = header_value(user) else {
            tracing::warn!(%user, "a name that cannot stand in a header");
            return page(StatusCode::FORBIDDEN, "The name of this account cannot be passed on in a header.\n");
        };
        if let Err(reason) = self.prepare(&mut request, name) {
            return page(StatusCode::BAD_REQUEST, reason);
        }
        match self.exchange(request, user).await {
            Ok(mut response) => {
                headers::back(response.headers_mut());
                response.map(|body| body.map_err(BoxError::from).boxed_unsync())
            }
            Err(error) => {
                tracing::error!(upstream = %self.target.authority, "the server behind does not answer: {error}");
                let status = match error {
                    UpstreamError::TooLate => StatusCode::GATEWAY_TIMEOUT,
                    UpstreamError::Connect(_) | UpstreamError::Tls(_) | UpstreamError::Broken(_) => {
                        StatusCode::BAD_GATEWAY
                    }
                };
                page(status, "The server behind this one does not answer.\n")
            }
        }
    }

    /// Makes the request of the client one to the server behind.
    fn prepare<B>(&self, request: &mut Request<B>, user: HeaderValue) -> Result<(), &'static str> {
        let wanted = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
        // `*` of OPTIONS concerns this server.
        if !wanted.starts_with('/') {
            return Err("The target of the request is no path.\n");
        }
        if !self.target.prefix.is_empty() && steps_up(request.uri().path()) {
            return Err("The path of the request steps upwards.\n");
        }
        let path = format!("{}{wanted}", self.target.prefix);
        // To a server behind, the name by which the client knows it is that of this server: the one in a target that is a whole URL, or else in Host (RFC 9112
        // section 3.2).
        let host = match (request.uri().authority(), request.headers().get_all(HOST).iter().count()) {
            (_, 2..) => return Err("The request has more than one header Host.\n"),
            (Some(authority), _) => Some(authority),
            (None, 0) => Some(&self.target.authority),
            (None, _) => None,
        };
        if let Some(authority) = host {
            let host = authority.as_str().rsplit('@').next().unwrap_or_default();
            let host = HeaderValue::from_str(host).map_err(|_| "The host cannot be passed on.\n")?;
            request.headers_mut().insert(HOST, host);
        }
        *request.uri_mut() = path.parse().map_err(|_| "The path of the request cannot be passed on.\n")?;
        *request.version_mut() = Version::HTTP_11;
        headers::forth(request.headers_mut(), &self.target.user_header, user, self.client.ip(), self.tls);
        Ok(())
    }

    async fn exchange(
        &self,
        request: Request<RequestBody<Incoming>>,
        user: &NtlmUser,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let progress = Progress::new();
        let mut request = outgoing(request, &progress);
        let mut slot = self.kept.lock().await;
        if let Some(mut kept) = slot.take().filter(|kept| kept.is_of(user))
            && kept.sender.ready().await.is_ok()
        {
            let copy = repeatable(&request);
            match self.send(&mut kept.sender, request, &progress).await {
                Ok(response) => {
                    *slot = Some(kept);
                    return Ok(response);
                }
                // The server behind has closed it meanwhile, as servers do with connections that nobody uses.
                Err((UpstreamError::Broken(error), unsent)) if !error.is_parse() && !error.is_user() => {
                    request = unsent.or(copy).ok_or(UpstreamError::Broken(error))?;
                }
                Err((error, _)) => return Err(error),
            }
        }
        let mut sender = self.connect().await?;
        let response = self.send(&mut sender, request, &progress).await.map_err(|(error, _)| error)?;
        *slot = Some(Kept { sender, user: user.clone() });
        Ok(response)
    }

    /// Sends a request and waits for the head of the response. With the error comes the request, if nothing of it was sent.
    async fn send(
        &self,
        sender: &mut SendRequest<Outgoing>,
        request: Request<Outgoing>,
        progress: &Progress,
    ) -> Result<Response<Incoming>, (UpstreamError, Option<Request<Outgoing>>)> {
        let begun = Instant::now();
        let mut sent = std::pin::pin!(sender.try_send_request(request));
        loop {
            // A body that goes on may take as long as it likes.
            let deadline = progress.moved().max(begun) + self.target.answer;
            match timeout_at(deadline, &mut sent).await {
                Ok(result) => {
                    return result.map_err(|mut error| {
                        let unsent = error.take_message();
                        (UpstreamError::Broken(error.into_error()), unsent)
                    });
                }
                Err(_) if progress.moved().max(begun) + self.target.answer > deadline => {}
                Err(_) => return Err((UpstreamError::TooLate, None)),
            }
        }
    }

    async fn connect(&self) -> Result<SendRequest<Outgoing>, UpstreamError> {
        let connecting = async {
            let stream = TcpStream::connect(self.target.address()).await.map_err(UpstreamError::Connect)?;
            // Without it answers are late, not wrong.
            let _ = stream.set_nodelay(true);
            match &self.target.tls {
                None => Self::begin(stream).await,
                Some(tls) => Self::begin(tls.connect(stream).await.map_err(UpstreamError::Tls)?).await,
            }
        };
        timeout(CONNECT, connecting).await.map_err(|_| UpstreamError::TooLate)?
    }

    /// HTTP on a connection.
    async fn begin(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<SendRequest<Outgoing>, UpstreamError> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(UpstreamError::Broken)?;
        // Ends with the sender, which ends with the client's connection.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("connection to the server behind ended: {error}");
            }
        });
        Ok(sender)
    }
}

/// Why the server behind does not answer.
#[derive(Debug)]
enum UpstreamError {
    TooLate,
    Connect(io::Error),
    Tls(io::Error),
    Broken(hyper::Error),
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLate => f.write_str("it took too long"),
            Self::Connect(error) => write!(f, "no connection: {error}"),
            Self::Tls(error) => write!(f, "no TLS: {error}"),
            Self::Broken(error) => write!(f, "the connection broke: {error}"),
        }
    }
}

/// Whether a path has a segment in it that servers take for a step upwards: `..`, encoded or not, with parameters or without, between slashes of either kind.
fn steps_up(path: &str) -> bool {
    let decoded = percent_decoded(path);
    decoded.split(|byte| matches!(byte, b'/' | b'\\')).any(|segment| {
        let name = segment.split(|&byte| byte == b';').next().unwrap_or_default();
        name == b".."
    })
}

/// What is no percent-encoding stays as it is.
fn percent_decoded(path: &str) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|&byte| char::from(byte).to_digit(16));
    let (mut bytes, mut rest) = (Vec::with_capacity(path.len()), path.as_bytes());
    while let [first, after @ ..] = rest {
        let encoded = (*first == b'%').then(|| Some(digit(after.first())? << 4 | digit(after.get(1))?)).flatten();
        match encoded.and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

/// The account in UTF-8; `None` for a name that is no text, or has characters in it that would make it look like another.
fn header_value(user: &NtlmUser) -> Option<HeaderValue> {
    let name = String::from_utf16(user.account().units()).ok()?;
    let unfit = name.is_empty() || name.contains(char::is_control) || name.trim() != name;
    if unfit { None } else { HeaderValue::from_bytes(name.as_bytes()).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_host_with_a_port_and_perhaps_a_path() {
        let new = |url, header: &HeaderName, ca| Target::new(url, header, ca, Duration::from_secs(300));
        let remote_user = &HeaderName::from_static("x-remote-user");
        let target = |url| new(url, remote_user, None);
        let read = |url| {
            let target = target(url).unwrap();
            let (host, port) = target.address();
            (host.to_owned(), port, target.prefix.clone())
        };
        assert_eq!(read("http://127.0.0.1:3000"), ("127.0.0.1".into(), 3000, String::new()));
        assert_eq!(read("http://web1/app/"), ("web1".into(), 80, "/app".into()));
        assert_eq!(read("http://[::1]:3000/"), ("::1".into(), 3000, String::new()));
        for url in ["web1:80", "/", "http://", "http://alice@web1", "http://web1/?a", "ftp://web1", "http://[::1"] {
            assert!(target(url).is_err(), "{url}");
        }
        for ca in [Path::new("/nowhere"), Path::new(file!())] {
            assert!(new("https://web1", remote_user, Some(ca)).is_err(), "{ca:?}");
        }
        let ca = Some(Path::new("/nowhere"));
        assert!(new("http://web1", remote_user, ca).is_err(), "nothing to trust");
        for header in ["connection", "host", "content-length", "transfer_encoding", "authorization"] {
            assert!(new("http://web1", &header.parse().unwrap(), None).is_err(), "{header}");
        }
    }

    #[test]
    fn a_step_upwards_is_seen_in_whatever_form() {
        for path in [
            "/..",
            "/../admin",
            "/a/../../b",
            "/%2e%2e/a",
            "/.%2E",
            "/%2e./a",
            "/..;/a",
            "/..;a=b/c",
            "/..%3b/a",
            "/a%2f..%2fb",
            "/a\\..\\b",
            "/a%5C..",
            "/%%2e%2e/../a",
        ] {
            assert!(steps_up(path), "{path}");
        }
        for path in [
            "/",
            "/a/b",
            "/...",
            "/..a",
            "/a..",
            "/a/.b",
            "/%",
            "/%2",
            "/%2e",
            "/a;../b",
            "/%zz..",
            "/;..",
            "/%252e%252e",
        ] {
            assert!(!steps_up(path), "{path}");
        }
    }
}
