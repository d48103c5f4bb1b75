//! Which offsets may be committed, and what became of every record.

pub mod counters;
pub mod tracker;
