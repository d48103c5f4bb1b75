//! What several sinks know about records: how they are written as lines, and what becomes of tombstones.

pub mod lines;
pub(crate) mod on_null;
