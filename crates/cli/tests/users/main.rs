//! `ntlm users` as its users run it.

mod commands;
mod crash;
mod place;
mod support;
mod transfer;
