//! What an operator wants of a connector.

use crate::config::settings::TargetState;

/// What the supervisors of a connector listen to.
#[derive(Clone, Debug)]
pub(super) struct DesiredState {
    pub(super) target: TargetState,
    /// For each task: goes up with every restart asked for.
    pub(super) restarts: Vec<u64>,
}

impl DesiredState {
    pub(super) fn new(target: TargetState, tasks: usize) -> Self {
        Self { target, restarts: vec![0; tasks] }
    }
}
