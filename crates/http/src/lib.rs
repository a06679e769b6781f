//! NTLM over HTTP.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

#[cfg(feature = "client")]
pub mod client;
pub mod header;
#[cfg(feature = "server")]
pub mod server;
