//! Counts, times and rates, and the log throttle.
//!
//! What happens is noted where it happens, in atomics that any thread may read: `put_meter` by the lanes, `source_meter` by
//! the source. `observe` makes metrics of them, and `worker` statuses.

pub mod histogram;
pub mod last_errors;
pub mod log_throttle;
pub mod measure;
pub mod position_loss;
pub mod put_meter;
pub mod reading;
pub mod source_meter;
