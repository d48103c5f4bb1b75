//! One run of a consumer.

use std::time::Duration;

/// What one run of a consumer took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// From the start of the process to its first record.
    pub(crate) to_first: Duration,
    /// Records a second, from the first record to the last.
    pub(crate) rate: f64,
    /// Seconds of processor time per million records, of all its threads, its start included.
    pub(crate) cpu: f64,
    /// The most memory it ever had, in MiB.
    pub(crate) peak: f64,
}
