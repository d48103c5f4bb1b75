//! What a pipeline keeps to: the operator's settings, bounded by what the sink can take.

use std::time::Duration;

use sluice_connector_api::Limits;

use crate::engine::batch::batcher::BatchLimits;
use crate::engine::letters::tolerance::{Threshold, Tolerance};
use crate::pace::pacer::{Pacer, Pacers};
use crate::retry::backoff::Backoff;

/// How long a dead letter waits for others.
const LETTER_LINGER: Duration = Duration::from_millis(100);

/// What a pipeline needs to know.
#[derive(Clone, Debug)]
pub struct PipelineSettings {
    /// What the sink can take.
    pub limits: Limits,
    /// How large a batch may grow and how long it may wait.
    pub batch: BatchLimits,
    /// What a record at fault does.
    pub tolerance: Tolerance,
    /// How many records at fault are too many.
    pub threshold: Option<Threshold>,
    /// The waits between tries of a put.
    pub backoff: Backoff,
    /// How long a batch is tried.
    pub retry_timeout: Duration,
    /// The pace of calls, where the sink asks for one.
    pub pacer: Option<Pacer>,
    /// The pace of questions about accepted records, where the sink asks for one.
    pub confirm_pacer: Option<Pacer>,
    /// How often offsets are committed.
    pub commit_interval: Duration,
}

impl PipelineSettings {
    /// Takes over what holds for the dead letter queue, too, bounded by what its sink can take.
    #[must_use]
    pub fn for_letters(&self, limits: Limits, pacers: &Pacers) -> Self {
        let batch = BatchLimits {
            max_records: limits.max_records,
            max_bytes: limits.max_batch_bytes,
            linger: LETTER_LINGER,
        };
        Self {
            batch,
            pacer: limits.pace.as_ref().map(|pace| pacers.of(pace)),
            confirm_pacer: confirm_pacer(&limits, pacers),
            limits,
            ..self.clone()
        }
    }
}

/// Returns the pace of questions about accepted records, where the sink asks for one.
pub(crate) fn confirm_pacer(limits: &Limits, pacers: &Pacers) -> Option<Pacer> {
    limits.confirm.as_ref()?.pace.as_ref().map(|pace| pacers.of(pace))
}
