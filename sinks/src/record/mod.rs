//! What several sinks know about records: how they are written as lines, what they are called, and what becomes of
//! tombstones.

pub mod lines;
pub(crate) mod literal;
pub(crate) mod naming;
pub(crate) mod on_null;
