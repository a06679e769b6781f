//! For axum: connections make their own [`NtlmConnection`], handlers take their [`NtlmUser`].

use axum::extract::connect_info::Connected;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use axum::serve::IncomingStream;
use http::StatusCode;
use http::request::Parts;
use tokio::net::TcpListener;

use super::ntlm_connection::NtlmConnection;
use super::user::NtlmUser;

/// For `into_make_service_with_connect_info`, without TLS.
impl Connected<IncomingStream<'_, TcpListener>> for NtlmConnection {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self::new(Some(*stream.remote_addr()))
    }
}

/// A handler wants an [`NtlmUser`] on a route that is not behind [`NtlmLayer`](super::NtlmLayer).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAuthenticated;

impl IntoResponse for NotAuthenticated {
    fn into_response(self) -> Response {
        tracing::error!("a handler takes NtlmUser, and its route is not behind NtlmLayer");
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            "This server is not set up to authenticate this request; its log says more.\n",
        )
            .into_response()
    }
}

impl<S: Sync> FromRequestParts<S> for NtlmUser {
    type Rejection = NotAuthenticated;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NotAuthenticated> {
        parts.extensions.get().cloned().ok_or(NotAuthenticated)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for NtlmUser {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get().cloned())
    }
}
