//! Bodies of requests, which can be sent again: a logon takes several requests, and only the last of them is executed.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::{fmt, io};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;

/// Bytes that are sent in one piece.
const PIECE: usize = 64 * 1024;

/// The body of a request.
///
/// ```
/// use ntlm_http::client::Body;
///
/// let body = Body::from("name=value");
/// let none = Body::empty();
/// ```
#[derive(Clone, Default)]
pub struct Body(Kind);

type Open = dyn Fn() -> io::Result<UnsyncBoxBody<Bytes, io::Error>> + Send + Sync;

#[derive(Clone, Default)]
enum Kind {
    #[default]
    Empty,
    Bytes(Bytes),
    Opened {
        length: Option<u64>,
        open: Arc<Open>,
    },
}

impl Body {
    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// A body that is opened when it is sent, and again should it be sent once more: a file, say. It goes out with `length` as its Content-Length,
    /// chunked where that is not known.
    pub fn opened<B>(length: Option<u64>, open: impl Fn() -> io::Result<B> + Send + Sync + 'static) -> Self
    where
        B: http_body::Body<Data = Bytes, Error = io::Error> + Send + 'static,
    {
        Self(Kind::Opened { length, open: Arc::new(move || open().map(BodyExt::boxed_unsync)) })
    }

    /// How long it is; `None` when that is not known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match &self.0 {
            Kind::Empty => Some(0),
            Kind::Bytes(bytes) => Some(bytes.len() as u64),
            Kind::Opened { length, .. } => *length,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length() == Some(0)
    }

    /// The body for one request; it counts up `progress` with each piece that leaves.
    pub(super) fn outgoing(&self, progress: &Arc<AtomicUsize>) -> io::Result<Outgoing> {
        let source = match &self.0 {
            Kind::Empty => Source::Bytes(Bytes::new()),
            Kind::Bytes(bytes) => Source::Bytes(bytes.clone()),
            Kind::Opened { open, .. } => Source::Opened(open()?),
        };
        Ok(Outgoing { source, progress: progress.clone() })
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self(Kind::Bytes(bytes.into()))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("length", &self.length()).finish_non_exhaustive()
    }
}

/// A body on its way.
pub(super) struct Outgoing {
    source: Source,
    progress: Arc<AtomicUsize>,
}

enum Source {
    Bytes(Bytes),
    Opened(UnsyncBoxBody<Bytes, io::Error>),
}

impl Outgoing {
    pub(super) fn empty() -> Self {
        Self { source: Source::Bytes(Bytes::new()), progress: Arc::default() }
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = match &mut self.source {
            Source::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Source::Bytes(bytes) => {
                let piece = bytes.split_to(bytes.len().min(PIECE));
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Source::Opened(body) => Pin::new(body).poll_frame(context),
        };
        if frame.is_ready() {
            self.progress.fetch_add(1, Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Bytes(bytes) => bytes.is_empty(),
            Source::Opened(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Opened(body) => body.size_hint(),
        }
    }
}
