//! What an operator wants of a connector.

use crate::config::settings::TargetState;

/// What the supervisors of a connector listen to.
#[derive(Clone, Copy, Debug)]
pub(super) struct DesiredState {
    pub(super) target: TargetState,
    /// Goes up with every restart asked for.
    pub(super) restarts: u64,
}

impl DesiredState {
    pub(super) fn new(target: TargetState) -> Self {
        Self { target, restarts: 0 }
    }
}
