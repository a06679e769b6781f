//! The known attacks on NTLM, one or more tests for each: `attack_NN_` and the sentence that the test proves.
//!
//! `docs/attacks.md` lists the attacks with the rule that stops each and the names of its tests; a test here holds the two together.
//!
//! The authority asked is the most forgiving there can be (`everybody`, any name with the right password), so that what refuses an attack is
//! this crate and not the authority.

mod support;

#[path = "attacks/common.rs"]
mod common;
#[path = "attacks/downgrade.rs"]
mod downgrade;
#[path = "attacks/limits.rs"]
mod limits;
#[path = "attacks/malformed.rs"]
mod malformed;
#[path = "attacks/memory.rs"]
mod memory;
#[path = "attacks/mic.rs"]
mod mic;
#[path = "attacks/names.rs"]
mod names;
#[path = "attacks/relay.rs"]
mod relay;
#[path = "attacks/responses.rs"]
mod responses;
#[path = "attacks/secrets.rs"]
mod secrets;
#[path = "attacks/sessions.rs"]
mod sessions;
#[path = "attacks/table.rs"]
mod table;
