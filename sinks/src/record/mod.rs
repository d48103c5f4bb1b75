//! What several sinks know about records: how they are written as lines, what they are called, and what becomes of
//! tombstones.

pub mod lines;
pub(crate) mod literal;
pub(crate) mod naming;
pub(crate) mod on_null;

/// What to do where the value is a text of JSON.
pub(crate) const FROM_TEXT: &str = "make JSON of a text with the transform `parse_json`";
