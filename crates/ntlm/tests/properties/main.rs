//! Properties: what holds of every message, every tampering and every order of events, tried on many.
//!
//! The cases are the same in every run, so that a failure can be had again.

#[path = "../support/mod.rs"]
mod support;

mod primitives;
mod sessions;
mod tampering;
mod wire;

use proptest::test_runner::{Config, RngSeed};

/// `cases` cases, always the same ones.
fn fixed(cases: u32) -> Config {
    Config { cases, rng_seed: RngSeed::Fixed(0x4e54_4c4d), failure_persistence: None, ..Config::default() }
}
