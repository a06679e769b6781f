//! Bodies on their way to the server behind, and when they last moved.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::serve::body::{BoxError, RequestBody};

/// What is sent: the body of a client, or none.
pub(super) type Outgoing = Either<Moving<RequestBody<Incoming>>, Empty<Bytes>>;

/// The request with a body that says in `progress` when it moves.
pub(super) fn outgoing(request: Request<RequestBody<Incoming>>, progress: &Arc<Progress>) -> Request<Outgoing> {
    let (mut parts, body) = request.into_parts();
    if body.is_end_stream() {
        return Request::from_parts(parts, Either::Right(Empty::new()));
    }
    if body.size_hint().exact().is_none() {
        // Told: bodies of methods that usually have none would otherwise be left out without a word.
        parts.headers.remove(CONTENT_LENGTH);
        parts.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    Request::from_parts(parts, Either::Left(Moving { body, progress: Arc::clone(progress) }))
}

/// A second request like this, which may be sent when nobody knows what became of the first; `None` for one that may not, or that has a body.
pub(super) fn repeatable(request: &Request<Outgoing>) -> Option<Request<Outgoing>> {
    if !request.method().is_safe() || matches!(request.body(), Either::Left(_)) {
        return None;
    }
    let mut copy = Request::new(Either::Right(Empty::new()));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

/// When a body moved for the last time.
#[derive(Debug)]
pub(super) struct Progress {
    begun: Instant,
    /// Milliseconds after `begun`.
    moved: AtomicU64,
}

impl Progress {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { begun: Instant::now(), moved: AtomicU64::new(0) })
    }

    pub(super) fn moved(&self) -> Instant {
        self.begun + Duration::from_millis(self.moved.load(Ordering::Relaxed))
    }

    fn moves(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(now, Ordering::Relaxed);
    }
}

/// A body that says when it moves, the last time at its end.
pub(super) struct Moving<B> {
    body: B,
    progress: Arc<Progress>,
}

impl<B: Body<Data = Bytes, Error = BoxError> + Unpin> Body for Moving<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.progress.moves();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
