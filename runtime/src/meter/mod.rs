//! Counts, times and rates, and the log throttle.

pub mod log_throttle;
pub mod measure;
pub mod position_loss;
pub mod put_meter;
pub mod source_meter;
