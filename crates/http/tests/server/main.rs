//! The server over HTTP: its rules, a test each.

mod examples;
mod layer;
mod limits;
mod machine;
mod protection;
mod support;
