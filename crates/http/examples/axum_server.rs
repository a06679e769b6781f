//! An axum application behind NTLM.
//!
//! ```text
//! cargo run -p ntlm-http --features axum --example axum_server
//! curl --ntlm -u alice:secret http://127.0.0.1:8080/
//! ```

use axum::Router;
use axum::routing::get;
use ntlm::Password;
use ntlm_accounts::{AccountName, Immediate, LocalAuthority, MemoryStore, server_names};
use ntlm_http::server::{Acceptor, NtlmConnection, NtlmLayer, NtlmUser, Settings};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    serve(TcpListener::bind("127.0.0.1:8080").await?).await
}

pub(crate) async fn serve(listener: TcpListener) -> std::io::Result<()> {
    let mut accounts = MemoryStore::new();
    let alice = AccountName::parse(r"EXAMPLE\alice");
    accounts.insert_password(alice, &Password::new("secret")).map_err(std::io::Error::other)?;

    let settings = Settings::new(server_names("web1.example.test", accounts.only_domain()));
    let layer = NtlmLayer::new(Acceptor::new(settings), Immediate(LocalAuthority::new(accounts)));
    let app = Router::new()
        .route("/", get(|user: NtlmUser| async move { format!("hello, {user}\n") }))
        .layer(layer)
        .route("/health", get(|| async { "ok\n" }));

    // NTLM authenticates connections: each of them gets its state here.
    axum::serve(listener, app.into_make_service_with_connect_info::<NtlmConnection>()).await
}
