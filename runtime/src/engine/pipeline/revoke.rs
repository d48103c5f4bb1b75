//! A revoke that waits for what is in flight.

use std::time::Duration;

use sluice_connector_api::TopicPartition;
use tokio::time::Instant;

use crate::source::{Offsets, Revoked};

/// How long a revoke waits for puts in flight before they are left behind. Well within the 45s after which a
/// group gives up on a member (`session.timeout.ms`).
const REVOKE_DRAIN: Duration = Duration::from_secs(5);

/// A revoke that waits for puts in flight.
#[derive(Debug)]
pub(super) struct PendingRevoke {
    revoked: Revoked,
    /// When it waits no longer.
    pub(super) deadline: Instant,
}

impl PendingRevoke {
    /// Takes a revoke. Partitions that are lost already wait for nothing.
    pub(super) fn new(revoked: Revoked) -> Self {
        let now = Instant::now();
        let deadline = if revoked.lost { now } else { now + REVOKE_DRAIN };
        Self { revoked, deadline }
    }

    /// Says whether it waits no longer.
    pub(super) fn is_late(&self) -> bool {
        self.deadline <= Instant::now()
    }

    pub(super) fn partitions(&self) -> &[TopicPartition] {
        &self.revoked.partitions
    }

    /// Lets the partitions go, with what is to be committed for them. Of lost ones nothing can be.
    pub(super) fn answer(self, offsets: Offsets) {
        let offsets = if self.revoked.lost { Vec::new() } else { offsets };
        // The source may have stopped waiting; then the partitions are gone without a commit, which is safe.
        let _gone = self.revoked.done.send(offsets).is_err();
    }
}
