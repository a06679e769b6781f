//! `ntlm http` as its users run it, against servers on loopback.

mod command;
mod failures;
mod passwords;
mod transfers;

/// The servers of the client's own tests.
#[allow(dead_code, unused_imports, reason = "what tests of the library alone need")]
#[path = "../../../http/tests/client/support/mod.rs"]
mod support;
