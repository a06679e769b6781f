//! The reverse proxy: each client's connection has a connection of its own to the server behind, which therefore never sees two users on one.

mod headers;

use std::fmt;
use std::io;
use std::net::SocketAddr;
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
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::body::{BoxError, RequestBody, ResponseBody};
use super::site::page;
use crate::failure::Failure;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long the server behind may take until it begins to answer.
const ANSWER: Duration = Duration::from_secs(300);

/// A server behind.
#[derive(Debug)]
pub(super) struct Target {
    authority: Authority,
    /// Goes before the path of every request; without a `/` at its end.
    prefix: String,
    user_header: HeaderName,
}

impl Target {
    /// The server at `url`, told who it is in `user_header`.
    pub(super) fn new(url: &str, user_header: &HeaderName) -> Result<Self, Failure> {
        let failed = |reason: &str| Failure::unusable(format!("--upstream {url}: {reason}"));
        let uri: Uri = url.parse().map_err(|_| failed("this is no URL, such as http://127.0.0.1:3000"))?;
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(failed("only http:// is spoken to servers behind; put one that ends TLS in between"));
        }
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.cloned().ok_or_else(|| failed("the URL names no host"))?;
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(failed("neither a user nor a query may stand in it"));
        }
        if headers::is_reserved(user_header) {
            return Err(Failure::unusable(format!("--user-header {user_header}: HTTP itself uses this header")));
        }
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { authority, prefix, user_header: user_header.clone() })
    }

    /// Host and port for connecting.
    fn address(&self) -> (&str, u16) {
        let host = self.authority.host();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        (bare.unwrap_or(host), self.authority.port_u16().unwrap_or(80))
    }
}

/// The server behind, for one connection of a client.
pub(super) struct Upstream {
    target: Arc<Target>,
    client: SocketAddr,
    tls: bool,
    /// The connection, when there is one that can be used.
    sender: Mutex<Option<SendRequest<RequestBody<Incoming>>>>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Upstream {
    pub(super) fn new(target: Arc<Target>, client: SocketAddr, tls: bool) -> Self {
        Self { target, client, tls, sender: Mutex::new(None) }
    }

    /// Passes a request on, and the response back.
    pub(super) async fn respond(
        &self,
        mut request: Request<RequestBody<Incoming>>,
        user: &NtlmUser,
    ) -> Response<ResponseBody> {
        if request.headers().contains_key(UPGRADE) {
            return page(StatusCode::NOT_IMPLEMENTED, "Connections are not handed over to other protocols here.\n");
        }
        let Some(name) = header_value(user) else {
            tracing::warn!(%user, "a name that cannot stand in a header");
            return page(StatusCode::FORBIDDEN, "The name of this account cannot be passed on in a header.\n");
        };
        if let Err(reason) = self.prepare(&mut request, name) {
            return page(StatusCode::BAD_REQUEST, reason);
        }
        match self.exchange(request).await {
            Ok(mut response) => {
                headers::back(response.headers_mut());
                response.map(|body| body.map_err(BoxError::from).boxed_unsync())
            }
            Err(error) => {
                tracing::error!(upstream = %self.target.authority, "the server behind does not answer: {error}");
                let status = match error {
                    UpstreamError::TooLate => StatusCode::GATEWAY_TIMEOUT,
                    UpstreamError::Connect(_) | UpstreamError::Broken(_) => StatusCode::BAD_GATEWAY,
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
        let path = format!("{}{wanted}", self.target.prefix);
        *request.uri_mut() = path.parse().map_err(|_| "The path of the request cannot be passed on.\n")?;
        // To a server behind, the name by which the client knows it is that of this server.
        if !request.headers().contains_key(HOST) {
            let host = HeaderValue::from_str(self.target.authority.as_str());
            request.headers_mut().insert(HOST, host.map_err(|_| "The host cannot be passed on.\n")?);
        }
        *request.version_mut() = Version::HTTP_11;
        headers::forth(request.headers_mut(), &self.target.user_header, user, self.client.ip(), self.tls);
        Ok(())
    }

    async fn exchange(&self, request: Request<RequestBody<Incoming>>) -> Result<Response<Incoming>, UpstreamError> {
        let mut slot = self.sender.lock().await;
        let mut sender = match slot.take() {
            Some(mut sender) => match sender.ready().await {
                Ok(()) => sender,
                // The server behind has closed it meanwhile.
                Err(_) => self.connect().await?,
            },
            None => self.connect().await?,
        };
        let response = timeout(ANSWER, sender.send_request(request)).await.map_err(|_| UpstreamError::TooLate)?;
        let response = response.map_err(UpstreamError::Broken)?;
        *slot = Some(sender);
        Ok(response)
    }

    async fn connect(&self) -> Result<SendRequest<RequestBody<Incoming>>, UpstreamError> {
        let connecting = timeout(CONNECT, TcpStream::connect(self.target.address())).await;
        let stream = connecting.map_err(|_| UpstreamError::TooLate)?.map_err(UpstreamError::Connect)?;
        // Without it answers are late, not wrong.
        let _ = stream.set_nodelay(true);
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
    Broken(hyper::Error),
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLate => f.write_str("it took too long"),
            Self::Connect(error) => write!(f, "no connection: {error}"),
            Self::Broken(error) => write!(f, "the connection broke: {error}"),
        }
    }
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
        let target = |url| Target::new(url, &HeaderName::from_static("x-remote-user"));
        let read = |url| {
            let target = target(url).unwrap();
            let (host, port) = target.address();
            (host.to_owned(), port, target.prefix.clone())
        };
        assert_eq!(read("http://127.0.0.1:3000"), ("127.0.0.1".into(), 3000, String::new()));
        assert_eq!(read("http://web1/app/"), ("web1".into(), 80, "/app".into()));
        assert_eq!(read("http://[::1]:3000/"), ("::1".into(), 3000, String::new()));
        for url in [
            "https://web1",
            "web1:80",
            "/",
            "http://",
            "http://alice@web1",
            "http://web1/?a",
            "ftp://web1",
            "http://[::1",
        ] {
            assert!(target(url).is_err(), "{url}");
        }
        for header in ["connection", "host", "content-length", "transfer_encoding", "authorization"] {
            assert!(Target::new("http://web1", &header.parse().unwrap()).is_err(), "{header}");
        }
    }
}
