//! NTLM over HTTP, both sides: a layer of tower and an extractor of axum that check accounts, and a client that pins its connections.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use ntlm::Password;
//! use ntlm_accounts::{AccountName, Immediate, LocalAuthority, MemoryStore, server_names};
//! # #[cfg(feature = "axum")]
//! use ntlm_http::server::{Acceptor, NtlmConnection, NtlmLayer, NtlmUser, Settings};
//!
//! # #[cfg(feature = "axum")]
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let mut accounts = MemoryStore::new();
//! accounts.insert_password(AccountName::parse(r"EXAMPLE\alice"), &Password::new("secret"))?;
//! let settings = Settings::new(server_names("web1.example.test", accounts.only_domain()));
//! let layer = NtlmLayer::new(Acceptor::new(settings), Immediate(LocalAuthority::new(accounts)));
//! let app = Router::new().route("/", get(|user: NtlmUser| async move { format!("hello, {user}") })).layer(layer);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! axum::serve(listener, app.into_make_service_with_connect_info::<NtlmConnection>()).await?;
//! # Ok(()) }
//! ```
//!
//! NTLM authenticates a *connection*, not a request (MS-NTHT): three messages go over one connection, and all requests that follow on it are the user's. Hence HTTP/1.1 and
//! nothing else, no cookie, and no connection that two users share.
//!
//! | module | what | feature |
//! |---|---|---|
//! | [`header`] | the grammar of the headers, shared by both sides; no I/O | |
//! | `server` | a state machine for each connection, without I/O, and the layer around it | `server` (default) |
//! | | `NtlmUser` as an extractor, `NtlmConnection` by `into_make_service_with_connect_info` | `axum` |
//! | `client` | over hyper, rustls and tokio | `client` (default) |

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

#[cfg(feature = "client")]
pub mod client;
#[cfg(any(feature = "client", feature = "server"))]
mod environment;
pub mod header;
#[cfg(feature = "server")]
pub mod server;
