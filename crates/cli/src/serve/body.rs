//! Bodies of requests, which have an end and come without long pauses; and bodies of responses.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use tokio::time::{Instant, Sleep};

/// What goes wrong with bodies.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a response.
pub(super) type ResponseBody = UnsyncBoxBody<Bytes, BoxError>;

/// A body that is there as a whole.
pub(super) fn full(content: impl Into<Bytes>) -> ResponseBody {
    Full::new(content.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Why a body of a client's is not read to its end, and what the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It is longer than allowed.
    TooLong,
    /// Nothing came for too long.
    Silent,
}

impl BodyError {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Silent => StatusCode::REQUEST_TIMEOUT,
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the body of the request is longer than this server takes",
            Self::Silent => "the body of the request stopped coming",
        })
    }
}

impl std::error::Error for BodyError {}

/// The body of a request, with its limits.
pub(super) struct RequestBody<B> {
    inner: B,
    left: u64,
    patience: Duration,
    silence: Option<Pin<Box<Sleep>>>,
    /// What it ended with before its end: for whoever answers, who is not the one who reads.
    broken: Arc<OnceLock<BodyError>>,
}

impl<B> RequestBody<B> {
    pub(super) fn new(inner: B, longest: u64, patience: Duration, broken: Arc<OnceLock<BodyError>>) -> Self {
        Self { inner, left: longest, patience, silence: None, broken }
    }

    fn fail(&self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(Some(Err((*self.broken.get_or_init(|| error)).into())))
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(&error) = self.broken.get() {
            return Poll::Ready(Some(Err(error.into())));
        }
        let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) else {
            let deadline = Instant::now() + self.patience;
            let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            ready!(silence.as_mut().poll(context));
            return self.fail(BodyError::Silent);
        };
        self.silence = None;
        let Some(frame) = frame else { return Poll::Ready(None) };
        let frame = frame.map_err(Into::into)?;
        let length = frame.data_ref().map_or(0, bytes::Buf::remaining) as u64;
        match self.left.checked_sub(length) {
            Some(left) => {
                self.left = left;
                Poll::Ready(Some(Ok(frame)))
            }
            None => self.fail(BodyError::TooLong),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
