//! What an operator wants of a connector.

/// What a connector is meant to be: Kafka Connect's target state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TargetState {
    Running,
    Paused,
    Stopped,
}

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
