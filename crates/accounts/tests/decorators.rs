//! Audit records, throttling and authorities in a row, with the real server and clients that say exactly what a test wants.

#[path = "decorators/addresses.rs"]
mod addresses;
#[path = "decorators/audit.rs"]
mod audit;
#[path = "decorators/first_of.rs"]
mod first_of;
#[path = "decorators/guarded.rs"]
mod guarded;
#[path = "decorators/lines.rs"]
mod lines;
#[path = "decorators/lock_out.rs"]
mod lock_out;
#[path = "decorators/support.rs"]
mod support;
#[path = "decorators/throttle_model.rs"]
mod throttle_model;
#[path = "decorators/writer.rs"]
mod writer;
