//! Counts, times and rates, and the log throttle.

pub mod measure;
pub mod put_meter;
pub mod repeats;
pub mod source_meter;
