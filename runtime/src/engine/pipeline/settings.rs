//! What a pipeline keeps to.

use std::time::Duration;

use crate::engine::lane::settings::LaneSettings;
use crate::engine::letters::tolerance::FaultSettings;

/// What a pipeline keeps to.
#[derive(Clone, Debug)]
pub struct PipelineSettings {
    /// What holds for the way to the sink.
    pub lane: LaneSettings,
    /// What holds for records at fault.
    pub faults: FaultSettings,
    /// How often offsets are committed.
    pub commit_interval: Duration,
}
