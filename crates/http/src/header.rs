//! The grammar of the headers.
