//! What the integration tests share: the known answers of `testdata/`, and [`pair`], a client and a server without a network.
//!
//! A test binary says `mod support;` and takes what it needs.

// Every test binary uses another part of it, and none exports it.
#![allow(dead_code, unreachable_pub, unused_imports)]

pub mod known_answers;
pub mod pair;
pub mod script;
