//! What the tests of this crate share: the table of cases as a model, the worlds that cases run in, and two sides that talk to each other.

pub(crate) mod loader;
pub(crate) mod pair;
pub(crate) mod runner;
pub(crate) mod table;
pub(crate) mod values;
pub(crate) mod vocabulary;
pub(crate) mod world;
