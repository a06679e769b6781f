//! A reverse proxy that asks for NTLM and tells the server behind it who it is. With hyper and without a framework; `ntlm serve --upstream` does more.
//!
//! ```text
//! cargo run -p ntlm-http --features axum --example reverse_proxy
//! curl --ntlm -u alice:secret http://127.0.0.1:8080/          # asks http://127.0.0.1:3000/
//! ```

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

/// Serves a connection of a client, with one of its own to the server behind: a shared one would mix users up.
async fn connection(
    stream: TcpStream,
    client: SocketAddr,
    upstream: SocketAddr,
    layer: NtlmLayer,
) -> Result<(), BoxError> {
    let behind = TokioIo::new(TcpStream::connect(upstream).await?);
    let (sender, driver) = hyper::client::conn::http1::handshake(behind).await?;
    tokio::spawn(driver);
    let service = layer.layer(Upstream(Arc::new(Mutex::new(sender))));
    let state = NtlmConnection::new(Some(client));
    let service = service_fn(move |mut request| {
        request.extensions_mut().insert(state.clone());
        service.clone().call(request)
    });
    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await?;
    Ok(())
}

/// The server behind, for one connection.
#[derive(Clone)]
struct Upstream(Arc<Mutex<SendRequest<Incoming>>>);

impl Service<Request<Incoming>> for Upstream {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        // Whatever a client says about itself goes first, also in the form that becomes the same variable of CGI.
        let forged = request.headers().keys().filter(|name| name.as_str().replace('_', "-") == USER).cloned();
        for name in forged.collect::<Vec<_>>() {
            request.headers_mut().remove(name);
        }
        let user = request.extensions().get().map(NtlmUser::account);
        if let Some(Ok(user)) = user.map(|user| HeaderValue::try_from(user.to_string_lossy())) {
            request.headers_mut().insert(USER, user);
        }
        let upstream = Arc::clone(&self.0);
        Box::pin(async move {
            let mut upstream = upstream.lock().await;
            upstream.ready().await?;
            upstream.send_request(request).await
        })
    }
}
