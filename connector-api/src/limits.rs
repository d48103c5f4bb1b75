//! What a sink can take.

use std::time::Duration;

/// What must stay in the order read when several puts are in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Records of one partition.
    #[default]
    Partition,
    /// Records of one key; records without a key are free.
    Key,
    /// Records of one key, and records without a key of one partition.
    KeyOrPartition,
    /// Records of one [`Sink::id`](crate::Sink::id); records without an id are free.
    Id {
        /// Of the records of a batch with one id, only the newest is put. The older ones count as superseded once it is
        /// stored, and are put after all where it is rejected. Without it all are put.
        newest_wins: bool,
    },
}

/// A budget of calls. The engine keeps to it, and learns the rate that the target really takes.
///
/// ```
/// use sluice_connector_api::Pace;
///
/// let pace = Pace::new("search eu-central-1", 20.0).with_max_concurrent(4);
/// assert_eq!(pace.max_concurrent, Some(4));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Pace {
    /// What the budget belongs to, such as an account and region: in a process, sinks that name the same scope draw
    /// on the same budget.
    pub scope: String,
    /// Calls a second to begin with, which are never exceeded: the configured or the documented limit.
    pub calls_per_second: f64,
    /// Calls that may be under way at once, over all that draw on the budget; the least that one of them asks for
    /// holds. Default: as many as there are.
    pub max_concurrent: Option<usize>,
}

impl Pace {
    /// Allows so many calls per second, over all that name the same scope.
    pub fn new(scope: impl Into<String>, calls_per_second: f64) -> Self {
        Self { scope: scope.into(), calls_per_second, max_concurrent: None }
    }

    /// Allows so many calls to be under way at once.
    #[must_use]
    pub fn with_max_concurrent(mut self, calls: usize) -> Self {
        self.max_concurrent = Some(calls);
        self
    }
}

/// What a sink can take. The engine keeps to it, so that a sink need not check.
///
/// ```
/// use sluice_connector_api::{Limits, Order};
///
/// let limits = Limits::default().with_max_records(25).with_order(Order::Key).with_max_in_flight(4);
/// assert_eq!((limits.max_records, limits.max_batch_bytes), (25, 5 * 1024 * 1024));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Records per batch, at least 1. Default 500.
    pub max_records: usize,
    /// Bytes per batch, as [`Sink::size_of`](crate::Sink::size_of) measures them. Default 5 MiB.
    pub max_batch_bytes: usize,
    /// Bytes per record, measured alike; a larger one is rejected without a put. Default: the batch's.
    pub max_record_bytes: usize,
    /// Puts in flight at once, at least 1. Default 1.
    pub max_in_flight: usize,
    /// What two puts in flight may not share. Default: the partition.
    pub order: Order,
    /// Whether what orders records parts them into stripes, as many as there may be puts in flight. A batch is of one stripe. So they are
    /// side by side although the same keys come all the time, and each has fewer records. Default: no.
    pub is_striped: bool,
    /// How many calls per second; a put is a call. Default: as many as there are.
    pub pace: Option<Pace>,
    /// How long a record waits for others before a batch that is not full is put, where the target counts its calls or is
    /// paid for each; what the operator says of it comes first. Default: a batch goes at once while no put is in flight,
    /// of its stripe where there are stripes, and grows while one is.
    pub linger: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        let max_batch_bytes = 5 * 1024 * 1024;
        Self {
            max_records: 500,
            max_batch_bytes,
            max_record_bytes: max_batch_bytes,
            max_in_flight: 1,
            order: Order::default(),
            is_striped: false,
            pace: None,
            linger: None,
        }
    }
}

impl Limits {
    /// Sets the records per batch.
    #[must_use]
    pub fn with_max_records(mut self, records: usize) -> Self {
        self.max_records = records;
        self
    }

    /// Sets the bytes per batch, and as many per record; [`Limits::with_max_record_bytes`] comes after it.
    #[must_use]
    pub fn with_max_batch_bytes(mut self, bytes: usize) -> Self {
        self.max_batch_bytes = bytes;
        self.max_record_bytes = bytes;
        self
    }

    /// Sets the bytes per record.
    #[must_use]
    pub fn with_max_record_bytes(mut self, bytes: usize) -> Self {
        self.max_record_bytes = bytes;
        self
    }

    /// Sets the puts in flight at once.
    #[must_use]
    pub fn with_max_in_flight(mut self, puts: usize) -> Self {
        self.max_in_flight = puts;
        self
    }

    /// Sets what two puts in flight may not share.
    #[must_use]
    pub fn with_order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Parts records into stripes, where a call costs little beside what it waits for.
    #[must_use]
    pub fn with_stripes(mut self) -> Self {
        self.is_striped = true;
        self
    }

    /// Sets a budget of calls.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = Some(pace);
        self
    }

    /// Sets how long a record waits for others, for a target that counts its calls.
    #[must_use]
    pub fn with_linger(mut self, linger: Duration) -> Self {
        self.linger = Some(linger);
        self
    }
}
