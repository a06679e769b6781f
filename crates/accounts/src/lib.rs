//! Who may log on: account sources for servers of NTLM, checked locally.
//!
//! ```text
//! file, a line each --> MemoryStore --\
//!        FileStore, read again --------> HashStore --> LocalAuthority --> Authority (crate `ntlm`)
//!              anything of yours -----/                FixedPassword ---/
//! ```
//!
//! A store knows accounts by name and nothing else. Which accounts a logon may mean is one rule, in [`name`]; what speaks for and against
//! an account is decided in one place, [`local`]. Unknown accounts cost the same work as known ones, and a store that fails is a failure of
//! the authority ([`ntlm::LogonFailure::NO_LOGON_SERVERS`]), never a logon.
//!
//! ```
//! use ntlm::{Authority, Password, ServerConfig, ServerPolicy};
//! use ntlm_accounts::{AccountName, LocalAuthority, MemoryStore, server_names};
//!
//! let mut accounts = MemoryStore::new();
//! accounts.insert_password(AccountName::parse(r"EXAMPLE\alice"), &Password::new("secret"))?;
//! let config = ServerConfig::new(server_names("web1.example.test", accounts.only_domain()), ServerPolicy::windows());
//! let authority: Box<dyn Authority> = Box::new(LocalAuthority::new(accounts));
//! # let _ = (config, authority);
//! # Ok::<(), ntlm_accounts::memory::DuplicateAccount>(())
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`name`] | names of accounts, the rule which account a logon means, the names a server gives itself |
//! | [`memory`] | accounts, the trait of stores, the store in memory |
//! | [`line`](mod@line) | the lines of NTLM_USER_FILE and smbpasswd files |
//! | [`file`](mod@file) | account files: reading, reading again when they change, who else can read them |
//! | [`local`] | the authority over a store |
//! | [`fixed`] | the authority that knows one password and no names |
//! | `config` | the configuration file NTLM_CONFIG (feature `config`) |

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod authority;
#[cfg(feature = "config")]
pub mod config;
pub mod file;
pub mod fixed;
pub mod line;
pub mod local;
pub mod memory;
pub mod name;

pub use authority::{AsyncAuthority, FutureVerdict, Immediate, Origin};
pub use file::{AccountFile, FileStore, Loaded};
pub use fixed::FixedPassword;
pub use line::Format;
pub use local::LocalAuthority;
pub use memory::{Account, HashStore, MemoryStore, StoreError};
pub use name::{AccountName, server_names};
