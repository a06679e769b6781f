//! What users get.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use ntlm_http::server::NtlmUser;
use tower_service::Service;

use super::body::{RequestBody, ResponseBody, full};
use super::files::Files;
use super::options::Arguments;
use super::upstream::{Target, Upstream};
use super::who;
use crate::failure::Failure;

/// What users get, on all connections.
#[derive(Clone, Debug)]
pub(super) enum Site {
    /// Files.
    Files(Arc<Files>),
    /// What another server says.
    Upstream(Arc<Target>),
    /// Who they are.
    Who,
}

impl Site {
    pub(super) fn new(arguments: &Arguments) -> Result<Self, Failure> {
        Ok(match (&arguments.dir, &arguments.upstream) {
            (Some(directory), _) => Self::Files(Arc::new(Files::new(directory)?)),
            (None, Some(url)) => {
                let (ca, answer) = (arguments.upstream_ca.as_deref(), arguments.upstream_timeout());
                Self::Upstream(Arc::new(Target::new(url, &arguments.user_header, ca, answer)?))
            }
            (None, None) => Self::Who,
        })
    }

    /// The site for one connection.
    pub(super) fn connection(&self, client: SocketAddr, tls: bool) -> ConnectionSite {
        match self {
            Self::Files(files) => ConnectionSite::Files(Arc::clone(files)),
            Self::Upstream(target) => {
                ConnectionSite::Upstream(Arc::new(Upstream::new(Arc::clone(target), client, tls)))
            }
            Self::Who => ConnectionSite::Who,
        }
    }
}

/// The site on one connection. Clones are the same.
#[derive(Clone, Debug)]
pub(super) enum ConnectionSite {
    Files(Arc<Files>),
    Upstream(Arc<Upstream>),
    Who,
}

impl Service<Request<RequestBody<Incoming>>> for ConnectionSite {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody<Incoming>>) -> Self::Future {
        let site = self.clone();
        Box::pin(async move {
            // NtlmLayer lets nobody through without.
            let Some(user) = request.extensions().get::<NtlmUser>().cloned() else {
                return Ok(page(StatusCode::INTERNAL_SERVER_ERROR, "Nobody was asked who this is.\n"));
            };
            let mut response = match site {
                Self::Files(files) => files.respond(&request).await,
                Self::Upstream(upstream) => upstream.respond(request, &user).await,
                Self::Who => who::respond(&request, &user),
            };
            response.extensions_mut().insert(user);
            Ok(response)
        })
    }
}

/// A short text.
pub(super) fn page(status: StatusCode, text: impl Into<Bytes>) -> Response<ResponseBody> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    private(response)
}

/// A page of HTML of our own, which needs nothing but its style.
pub(super) fn html(text: String) -> Response<ResponseBody> {
    let mut response = Response::new(full(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"),
    );
    private(response)
}

/// For one user's eyes. Requests on an authenticated connection do not show that they are somebody's, so caches must be told.
pub(super) fn private(mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The answer to methods other than GET and HEAD, where there are no others.
pub(super) fn only_get(method: &Method) -> Option<Response<ResponseBody>> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let mut response = page(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are served here.\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    Some(response)
}

/// Text as it stands in HTML.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
