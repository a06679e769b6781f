//! libntlmsspi: the C ABI of Windows' SSPI with the packages "NTLM" and "Negotiate", for C and C++ programs on Linux.
//!
//! The headers in `include/` are what it is used through; Rust programs use crate `ntlm-sspi`, whose safe functions do all the work here. Every exported
//! function is a frame around one call of those: no panic gets out, NULL and hostile lengths are refused, texts and buffers become values.
//!
//! | module | what |
//! |---|---|
//! | [`packages`], [`credentials`], [`context`], [`message`], [`attributes`] | the functions of SSPI |
//! | [`identity_helpers`] | the Sspi* functions on identities |
//! | [`extension`], [`authority`] | `ntlm_sspi.h` |
//! | [`table`] | the function tables |
//! | [`frame`], [`types`], [`string`], [`buffers`], [`identity`] | parameters: pointers, structures, texts, buffers, identities |
//! | `alloc` | memory that is handed out |
//! | `settings`, `report` | the process' configuration; reasons in words |

#![allow(non_snake_case, non_camel_case_types)]
#![warn(clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod alloc;
pub mod attributes;
pub mod authority;
pub mod buffers;
#[cfg(sanitizer_canary)]
pub mod canary;
pub mod context;
pub mod credentials;
pub mod extension;
pub mod frame;
pub mod identity;
pub mod identity_helpers;
pub mod message;
pub mod packages;
pub mod report;
mod settings;
pub mod string;
pub mod table;
pub mod types;
