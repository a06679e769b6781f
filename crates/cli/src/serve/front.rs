//! What happens to every request before anybody asks who it is, and to every response.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Either};
use hyper::body::Incoming;
use ntlm_http::server::{NtlmConnection, NtlmService, NtlmUser};
use tower_service::Service as _;

use super::body::{BodyError, RequestBody, ResponseBody};
use super::site::{ConnectionSite, page};

/// One connection of a client.
pub(super) struct Front {
    service: NtlmService<ConnectionSite>,
    connection: NtlmConnection,
    address: SocketAddr,
    max_body: u64,
    patience: Duration,
}

impl Front {
    pub(super) fn new(
        service: NtlmService<ConnectionSite>,
        connection: NtlmConnection,
        address: SocketAddr,
        max_body: u64,
        patience: Duration,
    ) -> Self {
        Self { service, connection, address, max_body, patience }
    }

    pub(super) async fn respond(&self, request: Request<Incoming>) -> Result<Response<ResponseBody>, Infallible> {
        let (method, uri, started) = (request.method().clone(), request.uri().clone(), Instant::now());
        let response = self.answer(request).await;
        let user = response.extensions().get::<NtlmUser>();
        tracing::info!(
            address = %self.address,
            user = user.map(tracing::field::display),
            %method,
            path = uri.path(),
            status = response.status().as_u16(),
            milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "request"
        );
        Ok(response)
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<ResponseBody> {
        if request.method() == Method::CONNECT {
            return closing(page(StatusCode::NOT_IMPLEMENTED, "This is no proxy for other servers.\n"));
        }
        if announced(&request).is_some_and(|length| length > self.max_body) {
            return failed(BodyError::TooLong);
        }
        let broken = Arc::new(OnceLock::new());
        let patience = self.patience;
        let mut request = request.map(|body| RequestBody::new(body, self.max_body, patience, Arc::clone(&broken)));
        request.extensions_mut().insert(self.connection.clone());
        let Ok(response) = self.service.clone().call(request).await;
        match broken.get() {
            Some(&error) => failed(error),
            None => response.map(|body| match body {
                Either::Left(own) => own.map_err(|never| match never {}).boxed_unsync(),
                Either::Right(body) => body,
            }),
        }
    }
}

/// Content-Length.
fn announced<B>(request: &Request<B>) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn failed(error: BodyError) -> Response<ResponseBody> {
    closing(page(error.status(), format!("{error}.\n")))
}

fn closing(mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
