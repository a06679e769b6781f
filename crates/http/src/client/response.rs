//! Bodies of responses. At the end of one its connection goes back to where it came from.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use super::connection::Connection;
use super::error::Error;
use super::pool::{Key, Pool};

/// The body of a response: a stream. Dropped before its end, it takes its connection with it.
pub struct ResponseBody {
    incoming: Incoming,
    lease: Option<Lease>,
    peer: String,
    silence: Duration,
    /// Rings when the peer has been silent for too long while it was waited for: the reader may take his time.
    alarm: Pin<Box<Sleep>>,
    waiting: bool,
}

/// A connection that is to go back.
pub(super) struct Lease {
    pub(super) connection: Connection,
    pub(super) key: Key,
    /// `None` when it is not to be kept, and ends with the body.
    pub(super) pool: Option<Arc<Pool>>,
}

impl ResponseBody {
    pub(super) fn new(incoming: Incoming, lease: Lease, peer: String, silence: Duration) -> Self {
        let mut body =
            Self { incoming, lease: Some(lease), peer, silence, alarm: Box::pin(sleep(silence)), waiting: false };
        if body.incoming.is_end_stream() {
            body.give_back();
        }
        body
    }

    /// Reads the body to its end.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] for more than `limit` bytes; otherwise as the stream does: [`Error::Timeout`], [`Error::Lost`].
    pub async fn read(mut self, limit: usize) -> Result<Bytes, Error> {
        let mut read = BytesMut::new();
        while let Some(frame) = self.frame().await {
            if let Ok(data) = frame?.into_data() {
                if read.len() + data.len() > limit {
                    return Err(Error::TooLong { peer: self.peer, limit });
                }
                read.extend_from_slice(&data);
            }
        }
        Ok(read.freeze())
    }

    fn give_back(&mut self) {
        if let Some(Lease { connection, key, pool: Some(pool) }) = self.lease.take() {
            pool.put(key, connection);
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.incoming).poll_frame(context);
        if !std::mem::replace(&mut this.waiting, polled.is_pending()) && this.waiting {
            this.alarm.as_mut().reset(Instant::now() + this.silence);
        }
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                if this.incoming.is_end_stream() {
                    this.give_back();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(source))) => {
                this.lease = None;
                let peer = this.peer.clone();
                Poll::Ready(Some(Err(Error::Incomplete { peer, source: io::Error::other(source) })))
            }
            Poll::Ready(None) => {
                this.give_back();
                Poll::Ready(None)
            }
            Poll::Pending if this.alarm.as_mut().poll(context).is_ready() => {
                this.lease = None;
                let (peer, after) = (this.peer.clone(), this.silence);
                Poll::Ready(Some(Err(Error::Timeout { peer, waiting_for: "rest of the response", after })))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").field("peer", &self.peer).finish_non_exhaustive()
    }
}
