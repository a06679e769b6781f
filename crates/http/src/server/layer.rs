//! The layer for tower: requests of authenticated connections go through with their [`NtlmUser`], all others are answered here.

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, Version};
use http_body::Body;
use http_body_util::{BodyExt as _, Either, Full};
use ntlm_accounts::AsyncAuthority;
use tower_layer::Layer;
use tower_service::Service;

use super::acceptor::Acceptor;
use super::answer::Answer;
use super::connection::Step;
use super::ntlm_connection::NtlmConnection;
use super::settings::Moment;
use super::user::NtlmUser;
use crate::environment;

/// MS-NTHT 2.2.1: whether the connection stays authenticated after this response.
const PERSISTENT_AUTH: HeaderName = HeaderName::from_static("persistent-auth");

/// The body of a response: one of this layer's own, or the service's.
pub type ResponseBody<B> = Either<Full<Bytes>, B>;

/// Authenticates connections with NTLM in front of a service of requests of HTTP/1.
///
/// Every request must have its connection's [`NtlmConnection`] in its extensions.
#[derive(Clone)]
pub struct NtlmLayer {
    acceptor: Arc<Acceptor>,
    authority: Arc<dyn AsyncAuthority>,
}

impl NtlmLayer {
    /// Lets in whom `authority` knows.
    #[must_use]
    pub fn new(acceptor: impl Into<Arc<Acceptor>>, authority: impl AsyncAuthority + 'static) -> Self {
        Self { acceptor: acceptor.into(), authority: Arc::new(authority) }
    }

    /// What its connections share.
    #[must_use]
    pub fn acceptor(&self) -> &Arc<Acceptor> {
        &self.acceptor
    }
}

impl fmt::Debug for NtlmLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NtlmLayer").field("acceptor", &self.acceptor).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for NtlmLayer {
    type Service = NtlmService<S>;

    fn layer(&self, inner: S) -> NtlmService<S> {
        NtlmService { inner, layer: self.clone() }
    }
}

/// A service behind [`NtlmLayer`].
#[derive(Clone, Debug)]
pub struct NtlmService<S> {
    inner: S,
    layer: NtlmLayer,
}

/// The response of a [`NtlmService`], on its way.
pub type ResponseFuture<B, E> = Pin<Box<dyn Future<Output = Result<Response<ResponseBody<B>>, E>> + Send>>;

impl<S, B, R> Service<Request<B>> for NtlmService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    R: 'static,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<R, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if let Some(user) = self.layer.known(&request) {
            request.extensions_mut().insert(user);
            let response = self.inner.call(request);
            return Box::pin(async move { Ok(response.await?.map(Either::Right)) });
        }
        // The service that was made ready goes with the request.
        let next = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, next);
        let layer = self.layer.clone();
        Box::pin(layer.authenticate(inner, request))
    }
}

impl NtlmLayer {
    /// Whom a request comes from that has no credentials of its own, when that is known already and nobody has to be waited for.
    fn known<B>(&self, request: &Request<B>) -> Option<NtlmUser> {
        let header = self.acceptor.settings().endpoint.credentials_header();
        if request.version() != Version::HTTP_11 || request.headers().contains_key(header) {
            return None;
        }
        let connection = NtlmConnection::of(request.extensions())?;
        connection.try_lock()?.user(&self.acceptor).cloned()
    }

    async fn authenticate<S, B, R>(
        self,
        mut inner: S,
        request: Request<B>,
    ) -> Result<Response<ResponseBody<R>>, S::Error>
    where
        S: Service<Request<B>, Response = Response<R>>,
        B: Body,
    {
        let (mut parts, body) = request.into_parts();
        let endpoint = self.acceptor.settings().endpoint;
        let answer = match self.user(&parts).await {
            Ok(user) => {
                // Of our schemes only: what else is in it is the service's.
                let ours = parts
                    .headers
                    .get(endpoint.credentials_header())
                    .is_some_and(|value| matches!(crate::header::credentials(value.as_bytes()), Ok(Some(_))));
                if ours {
                    parts.headers.remove(endpoint.credentials_header());
                }
                parts.extensions.insert(user);
                let mut response = inner.call(Request::from_parts(parts, body)).await?;
                if ours {
                    response.headers_mut().insert(PERSISTENT_AUTH, HeaderValue::from_static("true"));
                }
                return Ok(response.map(Either::Right));
            }
            Err(answer) => answer,
        };
        let limit = self.acceptor.settings().limits.discarded_body;
        let close = answer.close || !discard(body, limit).await;
        Ok(Answer { close, ..answer }.into_response().map(Either::Left))
    }

    /// Whom a request comes from, or what it is answered instead.
    async fn user(&self, parts: &http::request::Parts) -> Result<NtlmUser, Answer> {
        self.acceptor.can_authenticate(parts.version, &parts.headers)?;
        let settings = self.acceptor.settings();
        let Some(connection) = NtlmConnection::of(&parts.extensions) else {
            tracing::error!("a request without NtlmConnection in its extensions: insert one for each connection");
            return Err(Answer::unprepared(settings));
        };
        let values = parts.headers.get_all(settings.endpoint.credentials_header());
        let values = values.iter().map(HeaderValue::as_bytes);
        // Held until the logon is decided: other requests of the connection wait.
        let mut connection = connection.lock().await;
        match connection.receive(&self.acceptor, values, Moment::now(), &mut environment::entropy) {
            Step::Pass(user) => Ok(user),
            Step::Ask(question) => {
                let verdict = self.authority.logon(question.logon(), question.origin()).await;
                question.decided(verdict)
            }
            Step::Answer(answer) => Err(answer),
        }
    }
}

/// Reads a body to its end and throws it away, so that the next request of the connection can be read; false when it is longer than `limit`, or breaks off.
async fn discard<B: Body>(body: B, limit: u64) -> bool {
    let mut body = pin!(body);
    if body.size_hint().lower() > limit {
        return false;
    }
    let mut left = limit;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        let length = frame.data_ref().map_or(0, bytes::Buf::remaining) as u64;
        let Some(rest) = left.checked_sub(length) else { return false };
        left = rest;
    }
    true
}
