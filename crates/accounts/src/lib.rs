//! Who may log on: account sources for servers of NTLM, checked locally.
//!
//! ```text
//! file, a line each --> MemoryStore --\
//!        FileStore, read again --------> HashStore --> LocalAuthority --> Authority (crate `ntlm`)
//!       SqliteStore, a database -----/                 FixedPassword ---/
//!              anything of yours ---/
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
//! | `sqlite` | the account database that `ntlm users` keeps (feature `sqlite`) |
//! | [`import`](mod@import) | accounts from smbpasswd, NTLM_USER_FILE and CSV, for a database |
//! | [`local`] | the authority over a store |
//! | [`fixed`] | the authority that knows one password and no names |
//! | [`authority`] | authorities that know where a logon comes from and may take their time; [`Immediate`] makes one of an [`ntlm::Authority`] |
//! | [`throttle`] | the decorator [`Throttled`]: lock-out of accounts, throttling of addresses |
//! | [`audit`] | a record for each logon, and where records go; the decorator [`Audited`] |
//! | [`first_of`] | [`FirstOf`]: several authorities in a row |
//! | `config` | the configuration file NTLM_CONFIG (feature `config`) |

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod audit;
pub mod authority;
mod clock;
#[cfg(feature = "config")]
pub mod config;
pub mod file;
pub mod first_of;
pub mod fixed;
pub mod import;
pub mod line;
pub mod local;
pub mod memory;
pub mod name;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod throttle;

pub use audit::{AuditDraft, AuditRecord, AuditSink, AuditWriter, Audited};
pub use authority::{AsyncAuthority, FutureVerdict, Immediate, Origin};
pub use file::{AccountFile, FileStore, Loaded};
pub use first_of::FirstOf;
pub use fixed::FixedPassword;
pub use line::Format;
pub use local::LocalAuthority;
pub use memory::{Account, Domains, HashStore, MemoryStore, StoreError};
pub use name::{AccountName, server_names};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use throttle::{Throttle, ThrottlePolicy, Throttled};
