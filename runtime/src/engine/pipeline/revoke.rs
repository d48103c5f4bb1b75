//! Partitions that are taken away.

use std::collections::HashSet;
use std::time::Duration;

use sluice_connector_api::TopicPartition;
use tokio::time::Instant;

use crate::engine::pipeline::run::Pipeline;
use crate::source::{Revoked, Source};

/// How long a revoke waits for puts in flight before they are left behind. Well within the 45s after which a
/// group gives up on a member (`session.timeout.ms`).
const REVOKE_DRAIN: Duration = Duration::from_secs(5);

/// A revoke that waits for puts in flight.
pub(super) struct Revoke {
    pub(super) revoked: Revoked,
    pub(super) deadline: Instant,
}

impl<S: Source> Pipeline<S> {
    /// Partitions are going: what waits is dropped, what is in flight may end, within a bound.
    pub(super) fn on_revoked(&mut self, revoked: Revoked) {
        self.end_revoke();
        let going: HashSet<&TopicPartition> = revoked.partitions.iter().collect();
        for lane in self.lanes_mut() {
            lane.retain(|item| !going.contains(item.record.origin().topic_partition()));
            lane.interrupt();
        }
        let deadline = if revoked.lost { Instant::now() } else { Instant::now() + REVOKE_DRAIN };
        self.revoke = Some(Revoke { revoked, deadline });
        if self.is_idle() {
            self.end_revoke();
        }
    }

    pub(super) fn end_late_revoke(&mut self) {
        if self.revoke.as_ref().is_some_and(|revoke| revoke.deadline <= Instant::now()) {
            self.end_revoke();
        }
    }

    /// Gives partitions up. Puts of theirs that end later change nothing: their tickets are void.
    pub(super) fn end_revoke(&mut self) {
        let Some(Revoke { revoked, .. }) = self.revoke.take() else { return };
        let before = self.tracker.pending_records();
        let (offsets, freed) = self.tracker.revoke(&revoked.partitions);
        self.counters.abandoned((before - self.tracker.pending_records()) as u64);
        self.budget.give(freed);
        // What was in flight when the revoke came may have been given back since.
        let tracker = &self.tracker;
        self.lane.retain(|item| tracker.is_ours(item.meta.ticket));
        if let Some(letters) = &mut self.letters {
            letters.lane.retain(|item| tracker.is_ours(item.meta.ticket));
        }
        let offsets = if revoked.lost { Vec::new() } else { offsets };
        // The source may have stopped waiting; then the partitions are gone without a commit, which is safe.
        let _gone = revoked.done.send(offsets).is_err();
    }
}
