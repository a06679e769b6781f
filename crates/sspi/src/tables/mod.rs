//! The tables: flags, attributes, packages. A number that two places need is a row here, and tests walk the rows.

pub mod attributes;
pub mod flags;
pub mod package_info;
