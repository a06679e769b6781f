//! The account database: what it keeps, who may see it, what it does with databases that are not as they should be.
#![cfg(feature = "sqlite")]

mod changes;
mod hostile;
mod logon;
mod place;
mod support;
mod transfer;
