//! The bytes under a connection: TCP or TLS, over a tunnel or not.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Anything that carries HTTP.
pub(super) trait Carrier: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Carrier for T {}

/// Remembers how the peer began, to tell HTTP/2 from noise.
pub(super) struct Stream {
    carrier: Box<dyn Carrier>,
    beginning: Beginning,
}

/// The first bytes that the peer sent.
#[derive(Clone, Default)]
pub(super) struct Beginning(Arc<OnceLock<[u8; 9]>>);

impl Beginning {
    /// Whether it is the header of a frame of HTTP/2 for the whole connection: SETTINGS or GOAWAY.
    pub(super) fn is_http2(&self) -> bool {
        const SETTINGS: u8 = 4;
        const GOAWAY: u8 = 7;
        matches!(self.0.get(), Some([0, _, _, SETTINGS | GOAWAY, _, 0, 0, 0, 0]))
    }
}

impl Stream {
    pub(super) fn new(carrier: Box<dyn Carrier>) -> (Self, Beginning) {
        let beginning = Beginning::default();
        (Self { carrier, beginning: beginning.clone() }, beginning)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.carrier).poll_read(context, buffer);
        if let Some(first) = buffer.filled().get(before..).and_then(<[u8]>::first_chunk) {
            self.beginning.0.get_or_init(|| *first);
        }
        result
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.carrier).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.carrier).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.carrier).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.carrier).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.carrier.is_write_vectored()
    }
}
