//! `ntlm serve` as its clients and its administrator see it: real processes, TCP, TLS.

mod accounts;
mod files;
mod limits;
mod server;
mod support;
mod tls;
mod upstream;
