//! Windows' SSPI with the packages "NTLM" and "Negotiate", in safe Rust: the semantics of InitializeSecurityContext (NTLM) and its family, with the
//! documented statuses, flags and handle lifetimes, and without raw buffers. The C library lays a frame around this.
//!
//! What of the pages is proven by which test: `docs/initialize-security-context.md` and `docs/sspi.md` of the project. Callers in kernel mode, whose
//! memory has rules of its own, are outside this world.
//!
//! Rust programs that only want to speak NTLM are better served by crate `ntlm`, which this is built on.
//!
//! | module | what |
//! |---|---|
//! | [`interface`], [`configuration`] | the functions, over handles; what they are configured with |
//! | [`call`] | parameters of the two large functions, and their rules |
//! | [`buffers`] | security buffers and what message functions take them for |
//! | [`credentials`] | identities and credentials |
//! | [`package`], [`ntlm`] | what a package is, and the one there is |
//! | [`tables`] | flags, attributes, package information |
//! | [`status`] | SECURITY_STATUS, and the mapping from the core's errors |
//! | [`handle`], [`environment`] | handles; clock and randomness |
//!
//! # Example
//!
//! ```
//! # use std::sync::Arc;
//! # struct System;
//! # impl ntlm_sspi::Environment for System {
//! #     fn now(&self) -> ntlm::FileTime { ntlm::FileTime::from_unix(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap()) }
//! #     fn to_local(&self, time: ntlm::FileTime) -> ntlm::FileTime { time }
//! #     fn random(&self, bytes: &mut [u8]) -> Result<(), ntlm::EntropyError> { getrandom::fill(bytes).map_err(|_| ntlm::EntropyError) }
//! # }
//! use ntlm_sspi::{AuthIdentity, Configuration, CredentialUse, InitializeCall, Output, SecurityInterface, SecurityStatus};
//!
//! let sspi = SecurityInterface::new(Configuration::windows("WORKSTATION1", Arc::new(System)));
//! let alice = AuthIdentity::new(r"EXAMPLE\alice", "secret");
//! let (credential, _) = sspi.acquire_credentials_handle("NTLM", CredentialUse::OUTBOUND, Some(&alice))?;
//! let call = InitializeCall {
//!     credential: Some(credential),
//!     target_name: Some("HTTP/server.example.test".into()),
//!     output: Output::Buffer(2888),
//!     ..InitializeCall::default()
//! };
//! let outcome = sspi.initialize_security_context(call)?;
//! assert_eq!(outcome.status, SecurityStatus::SEC_I_CONTINUE_NEEDED);
//! // Send outcome.token, call again with outcome.context and the server's token.
//! # Ok::<(), SecurityStatus>(())
//! ```

#![forbid(unsafe_code)]

pub mod buffers;
pub mod call;
pub mod configuration;
mod context;
pub mod credentials;
pub mod environment;
pub mod handle;
pub mod interface;
pub mod ntlm;
pub mod package;
pub mod status;
pub mod tables;

pub use buffers::{Buffer, BufferType, Change, Memory};
pub use call::{AcceptCall, InitializeCall, Output};
pub use configuration::Configuration;
pub use credentials::{AuthIdentity, CredentialUse, DefaultIdentity, Secret};
pub use environment::Environment;
pub use handle::SecHandle;
pub use interface::{ContextOutcome, SecurityInterface};
pub use status::SecurityStatus;
pub use tables::attributes::{AttributeId, AttributeValue};
pub use tables::flags::Meanings;
