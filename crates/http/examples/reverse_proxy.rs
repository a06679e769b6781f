//! A reverse proxy that asks for NTLM and tells the server behind it who it is. With hyper and without a framework; `ntlm serve --upstream` does more.
//!
//! ```text
//! cargo run -p ntlm-http --features axum --example reverse_proxy
//! curl --ntlm -u alice:secret http://127.0.0.1:8080/          # asks http://127.0.0.1:3000/
//! ```

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ntlm::Password;
use ntlm_accounts::{AccountName, Immediate, LocalAuthority, MemoryStore, server_names};
use ntlm_http::server::{Acceptor, NtlmConnection, NtlmLayer, NtlmUser, Settings};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tower_layer::Layer as _;
use tower_service::Service;

const USER: &str = "x-remote-user";

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    serve(TcpListener::bind("127.0.0.1:8080").await?, ([127, 0, 0, 1], 3000).into()).await
}

pub(crate) async fn serve(listener: TcpListener, upstream: SocketAddr) -> Result<(), BoxError> {
    let mut accounts = MemoryStore::new();
    accounts.insert_password(AccountName::parse(r"EXAMPLE\alice"), &Password::new("secret"))?;
    let settings = Settings::new(server_names("web1.example.test", accounts.only_domain()));
    let layer = NtlmLayer::new(Acceptor::new(settings), Immediate(LocalAuthority::new(accounts)));
    loop {
        let (stream, client) = listener.accept().await?;
        let layer = layer.clone();
        tokio::spawn(async move {
            if let Err(error) = connection(stream, client, upstream, layer).await {
                eprintln!("{client}: {error}");
            }
        });
    }
}

/// Serves a connection of a client.
async fn connection(
    stream: TcpStream,
    client: SocketAddr,
    upstream: SocketAddr,
    layer: NtlmLayer,
) -> Result<(), BoxError> {
    let service = layer.layer(Upstream { address: upstream, kept: Arc::default() });
    let state = NtlmConnection::new(Some(client));
    let service = service_fn(move |mut request| {
        request.extensions_mut().insert(state.clone());
        service.clone().call(request)
    });
    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await?;
    Ok(())
}

/// The server behind, for one connection of a client.
#[derive(Clone)]
struct Upstream {
    address: SocketAddr,
    kept: Arc<Mutex<Option<Kept>>>,
}

/// A connection to the server behind, and the logon that it was made for: a client's connection may be another user's later, and a shared one would mix users up.
struct Kept {
    sender: SendRequest<Incoming>,
    user: NtlmUser,
}

impl Upstream {
    async fn send(&self, request: Request<Incoming>, user: NtlmUser) -> Result<Response<Incoming>, BoxError> {
        let mut slot = self.kept.lock().await;
        let kept = slot.take().filter(|kept| std::ptr::eq(kept.user.info(), user.info()));
        let mut kept = match kept {
            Some(kept) if !kept.sender.is_closed() => kept,
            _ => {
                let stream = TokioIo::new(TcpStream::connect(self.address).await?);
                let (sender, driver) = hyper::client::conn::http1::handshake(stream).await?;
                tokio::spawn(driver);
                Kept { sender, user }
            }
        };
        kept.sender.ready().await?;
        let response = kept.sender.send_request(request).await?;
        *slot = Some(kept);
        Ok(response)
    }
}

impl Service<Request<Incoming>> for Upstream {
    type Response = Response<Incoming>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Response<Incoming>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        // Whatever a client says about itself goes first, also in the form that becomes the same variable of CGI.
        let forged = request.headers().keys().filter(|name| name.as_str().replace('_', "-") == USER).cloned();
        for name in forged.collect::<Vec<_>>() {
            request.headers_mut().remove(name);
        }
        let upstream = self.clone();
        Box::pin(async move {
            // NtlmLayer lets nobody through without.
            let user = request.extensions().get::<NtlmUser>().cloned().ok_or(io::ErrorKind::PermissionDenied)?;
            let name = HeaderValue::try_from(user.account().to_string_lossy()).map_err(io::Error::other)?;
            request.headers_mut().insert(USER, name);
            upstream.send(request, user).await.map_err(io::Error::other)
        })
    }
}
