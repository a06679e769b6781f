//! The state of a connection, as its requests carry it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::Extensions;
use ntlm::ChannelBindings;
use ntlm_accounts::Origin;
use tokio::sync::{Mutex, MutexGuard};

use super::connection::Connection;

/// The state of one connection, to be made when it is accepted and put into the extensions of each of its requests. Clones are the same connection.
///
/// With axum, `into_make_service_with_connect_info::<NtlmConnection>()` does it for connections without TLS. With hyper, and for listeners of one's own, the service of
/// the connection does:
///
/// ```
/// # use ntlm_http::server::NtlmConnection;
/// # let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
/// let connection = NtlmConnection::new(Some(address));
/// let service = move |mut request: http::Request<()>| {
///     request.extensions_mut().insert(connection.clone());
///     // ... and on to the service behind NtlmLayer
/// };
/// # service(http::Request::new(()));
/// ```
#[derive(Clone)]
pub struct NtlmConnection(Arc<Mutex<Connection>>);

impl NtlmConnection {
    /// A connection from `address`; `None` where there is none, as on a Unix socket.
    #[must_use]
    pub fn new(address: Option<SocketAddr>) -> Self {
        Self::from(Connection::new(Origin { address }))
    }

    /// A connection from `address` over the channel that `channel_bindings` stand for: with TLS,
    /// [`ChannelBindings::from_certificate`] of the certificate that the server showed on it.
    #[must_use]
    pub fn with_channel_bindings(address: Option<SocketAddr>, channel_bindings: ChannelBindings) -> Self {
        Self::from(Connection::new(Origin { address }).with_channel_bindings(channel_bindings))
    }

    /// The connection of a request.
    pub(super) fn of(extensions: &Extensions) -> Option<&Self> {
        let own = extensions.get::<Self>();
        #[cfg(feature = "axum")]
        let own = own.or_else(|| {
            let info = extensions.get::<axum::extract::ConnectInfo<Self>>()?;
            Some(&info.0)
        });
        own
    }

    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, Connection>> {
        self.0.try_lock().ok()
    }

    pub(super) async fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().await
    }
}

impl From<Connection> for NtlmConnection {
    fn from(connection: Connection) -> Self {
        Self(Arc::new(Mutex::new(connection)))
    }
}

impl fmt::Debug for NtlmConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NtlmConnection").finish_non_exhaustive()
    }
}
