//! What a lane keeps to.

use sluice_connector_api::Limits;

use crate::engine::batch::batcher::BatchLimits;
use crate::pace::pacer::{Pacer, Pacers};
use crate::retry::policy::RetryPolicy;

/// What a lane keeps to: the operator's settings, bounded by what the sink can take.
#[derive(Clone, Debug)]
pub struct LaneSettings {
    /// What the sink can take.
    pub limits: Limits,
    /// How large a batch may grow and how long it may wait.
    pub batch: BatchLimits,
    /// How long a batch is tried, and how long it waits in between.
    pub retry: RetryPolicy,
    /// The pace of calls, where the sink asks for one.
    pub pacer: Option<Pacer>,
    /// The pace of confirmations, where the sink asks for one.
    pub confirm_pacer: Option<Pacer>,
}

impl LaneSettings {
    /// Puts settings together for a sink with these limits, with its paces from among those of the process.
    pub fn new(limits: Limits, batch: BatchLimits, retry: RetryPolicy, pacers: &Pacers) -> Self {
        let confirm = limits.confirm.as_ref();
        Self {
            pacer: limits.pace.as_ref().map(|pace| pacers.of(pace)),
            confirm_pacer: confirm.and_then(|confirm| confirm.pace.as_ref()).map(|pace| pacers.of(pace)),
            limits,
            batch,
            retry,
        }
    }
}
