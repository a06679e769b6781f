//! NTLM (MS-NLMP), both roles: a client that proves who it is, a server that really checks, and the session that signs and seals
//! afterwards. No I/O, no clock, no randomness, no `unsafe`, no std; strict by default.
//!
//! ```text
//! client::Start                                   server::ExpectNegotiate
//!     | send                                                |
//!     |------------------- NEGOTIATE ---------------------> | receive
//! client::ExpectChallenge                         server::ExpectAuthenticate
//!     | <------------------ CHALLENGE ----------------------|
//!     | receive                                             |
//!     |------------------ AUTHENTICATE -------------------> | receive
//! Established                                     server::AwaitLogon
//!                                                           | logon() -> somebody who knows accounts
//!                                                           | finish(verdict)
//!                                                 Established
//!     | <--------- signed and sealed messages ------------> |
//! ```
//!
//! Each state is a type that its transition consumes, so that nothing can be done twice or in the wrong order. A server stops at
//! [`server::AwaitLogon`] until it is given a verdict; no exchange gets to [`Established`] without. (A context that was
//! exported can be imported: [`export`] says whom that trusts.)
//!
//! # A client
//!
//! ```
//! # use std::sync::Arc;
//! # fn now() -> ntlm::FileTime { ntlm::FileTime::from_unix(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap()) }
//! # fn exchange(entropy: &mut dyn ntlm::Entropy, roundtrip: impl Fn(&[u8]) -> Vec<u8>) -> Result<ntlm::Established, ntlm::Error> {
//! use ntlm::{ClientConfig, Credentials, Password, client};
//!
//! let credentials = Credentials::new(r"EXAMPLE\alice", &Password::new("secret"));
//! let exchange = client::Exchange { target_name: Some("ldap/dc1.example.test".into()), ..Default::default() };
//! let (mut negotiate, mut authenticate) = (Vec::new(), Vec::new());
//! let waiting = client::Start::new(Arc::new(ClientConfig::default()), Arc::new(credentials), exchange).send(&mut negotiate)?;
//! let established = waiting.receive(&roundtrip(&negotiate), now(), entropy, &mut authenticate)?;
//! roundtrip(&authenticate);
//! # Ok(established) }
//! ```
//!
//! # A server
//!
//! ```
//! # use std::sync::Arc;
//! # fn now() -> ntlm::FileTime { ntlm::FileTime::from_unix(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap()) }
//! # fn exchange(authority: &dyn ntlm::Authority, entropy: &mut dyn ntlm::Entropy, negotiate: &[u8], roundtrip: impl Fn(&[u8]) -> Vec<u8>) -> Result<ntlm::Established, ntlm::Error> {
//! use ntlm::{ServerConfig, ServerNames, ServerPolicy, server};
//!
//! let config = Arc::new(ServerConfig::new(ServerNames::member("SERVER1", "EXAMPLE"), ServerPolicy::strict()));
//! let mut challenge = Vec::new();
//! let waiting = server::ExpectNegotiate::new(config, Default::default()).receive(negotiate, now(), entropy, &mut challenge)?;
//! let question = waiting.receive(&roundtrip(&challenge), now())?;
//! let verdict = authority.logon(question.logon());
//! let established = question.finish(verdict)?;
//! # Ok(established) }
//! ```
//!
//! # The modules
//!
//! | module | what | MS-NLMP |
//! |---|---|---|
//! | [`wire`] | messages, AV pairs, signatures as bytes | 2.2 |
//! | [`client`], [`server`] | the states of an exchange | 3.1, 3.2 |
//! | [`config`] | every policy | 2.1 of no document: what Windows' administrators know |
//! | [`logon`], [`verify`] | the question a server asks, and how a store answers it | 3.2.5.1.2, 3.3 |
//! | [`session`] | signing and sealing | 3.4 |
//! | [`secret`], [`credentials`] | keys, one type per kind | 3.3, 3.4.5 |
//! | [`bindings`], [`reflection`] | what stops relayed and reflected logons | 3.1.1.2 |
//! | [`context`], [`established`], [`error`], [`export`], [`env`](mod@env) | what was agreed, what went wrong, contexts as bytes, clock and randomness | |

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod bindings;
#[cfg(feature = "certificate")]
pub mod certificate;
pub mod client;
pub mod config;
pub mod context;
pub mod credentials;
#[doc(hidden)]
pub mod crypto;
pub mod env;
pub mod error;
pub mod established;
pub mod export;
pub mod logon;
mod nt_status;
#[cfg(test)]
mod recordings;
pub mod reflection;
pub mod secret;
pub mod server;
pub mod session;
pub mod verify;
pub mod wire;

pub use bindings::{AcceptedTargets, ChannelBindings};
pub use config::{ClientConfig, ClientPolicy, ServerConfig, ServerNames, ServerPolicy};
pub use context::{Attributes, Identity, Requirements, Role};
pub use credentials::Credentials;
pub use env::{Entropy, EntropyError, FileTime};
pub use error::Error;
pub use established::{ContextInfo, Established};
pub use logon::{Authority, LogonFailure, LogonSuccess, NetworkLogon};
pub use secret::{NtHash, Password};
pub use session::{Piece, Session};
pub use wire::{NegotiateFlags, UnicodeString};

/// The examples of the project's README, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
