//! Holding: what the sink keeps open past its puts, until it is stored.
//!
//! The lane pokes the sink when something is due without a record, when what is open uses up `buffer_memory`, and when no
//! record comes any more. What is open at a stop or a revoke is dropped: its offsets are not committed, so that it is read
//! again.

use std::sync::Arc;
use std::time::Duration;

use sluice_connector_api::{
    Blanks, Failure, FailureKind, Hold, OpenPartition, Sink, StoreReach, TopicPartition,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::lane::settings::LaneSettings;
use crate::guard;
use crate::retry::policy::{Retries, RetryPolicy};

/// How soon a sink is asked again for room where it made none: what is open may be complete by the next record.
const ROOM: Duration = Duration::from_secs(1);
/// How soon a sink is asked again otherwise, which says that something is due.
const REST: Duration = Duration::from_millis(100);

/// Why nothing more is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urge {
    /// Nothing is: the sink stores what is due.
    None,
    /// `buffer_memory` is used up by what is open.
    Room,
    /// No record comes any more.
    End,
}

/// What a sink holds for the partitions of a task.
pub(super) struct Holding {
    hold: Arc<dyn Hold>,
    retry: RetryPolicy,
    /// What is blanked in what the sink says (invariant 8).
    blanks: Blanks,
    /// The partitions of which the sink took something.
    partitions: Vec<TopicPartition>,
    under_way: bool,
    /// All was stored, and nothing was put since.
    ended: bool,
    not_before: Option<Instant>,
}

/// What came of storing: the reach that it had, and why the connector cannot go on, if so.
pub(super) struct StoredHeld {
    reach: StoreReach,
    pub(super) stop: Option<String>,
}

impl Holding {
    /// Makes the place for what a sink holds. `None` where it holds nothing.
    pub(super) fn new(sink: &dyn Sink, settings: &LaneSettings) -> Option<Self> {
        let hold = sink.hold()?;
        let (retry, blanks) = (settings.retry, settings.blanks.clone());
        let partitions = Vec::new();
        Some(Self { hold, retry, blanks, partitions, under_way: false, ended: true, not_before: None })
    }

    /// Takes note of partitions of which the sink took something.
    pub(super) fn note<'a>(&mut self, partitions: impl Iterator<Item = &'a TopicPartition>) {
        for partition in partitions {
            self.ended = false;
            if self.partitions.last() != Some(partition) && !self.partitions.contains(partition) {
                self.partitions.push(partition.clone());
            }
        }
    }

    /// Returns what is open of the task's partitions.
    pub(super) fn open(&self) -> Vec<OpenPartition> {
        let open = self.hold.open();
        open.into_iter().filter(|open| self.partitions.contains(&open.partition)).collect()
    }

    /// Drops what is open of partitions.
    pub(super) fn forget(&mut self, partitions: &[TopicPartition]) {
        self.hold.forget(partitions);
        self.partitions.retain(|partition| !partitions.contains(partition));
    }

    /// Says whether nothing is to be stored at the end.
    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// When the sink is to be poked though no record comes, seen from now.
    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        if self.under_way || self.partitions.is_empty() {
            return None;
        }
        let due = now.checked_add(self.hold.due()?)?;
        Some(self.not_before.map_or(due, |not_before| due.max(not_before)))
    }

    /// Begins to store, if something is to be stored now.
    pub(super) fn next(
        &mut self,
        urge: Urge,
        now: Instant,
        interrupt: &CancellationToken,
    ) -> Option<impl Future<Output = StoredHeld> + Send + use<>> {
        if self.under_way || self.partitions.is_empty() {
            return None;
        }
        let reach = match urge {
            Urge::End if !self.ended => StoreReach::All,
            Urge::Room if self.not_before.is_none_or(|at| at <= now) => StoreReach::Room,
            _ if self.wake_at(now).is_some_and(|at| at <= now) => StoreReach::Due,
            _ => return None,
        };
        self.under_way = true;
        let (hold, partitions) = (Arc::clone(&self.hold), self.partitions.clone());
        let (retry, interrupt, blanks) = (self.retry, interrupt.clone(), self.blanks.clone());
        Some(async move {
            let stop = store(&*hold, &partitions, reach, retry, &blanks, &interrupt).await;
            StoredHeld { reach, stop }
        })
    }

    /// Takes note of what came of storing.
    pub(super) fn settle(&mut self, stored: &StoredHeld) {
        self.under_way = false;
        self.ended |= stored.reach == StoreReach::All && stored.stop.is_none();
        let rest = if stored.reach == StoreReach::Room { ROOM } else { REST };
        self.not_before = Instant::now().checked_add(rest);
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        // It may be dropped since the sink panicked, and one that panics again would end the whole process.
        if let Err(panicked) = guard::call(|| self.hold.forget(&self.partitions)) {
            tracing::error!("the sink was told to drop what it holds, and {panicked}");
        }
    }
}

/// Stores until it is done, cannot be, or `interrupt` is cancelled. Returns why the connector cannot go on, if so.
async fn store(
    hold: &dyn Hold,
    partitions: &[TopicPartition],
    reach: StoreReach,
    retry: RetryPolicy,
    blanks: &Blanks,
    interrupt: &CancellationToken,
) -> Option<String> {
    let mut retries = Retries::default();
    while !interrupt.is_cancelled() {
        let answer = guard::wait_for(hold.store(partitions, reach)).await;
        let answer =
            answer.unwrap_or_else(|panicked| Err(Failure::retriable(format!("the sink {panicked}"))));
        let failure = match answer {
            Ok(()) => return None,
            Err(failure) => failure.blanked(blanks),
        };
        if failure.kind() != FailureKind::Retriable {
            return Some(failure.to_string());
        }
        let wait = match retries.failed(retry, &failure) {
            Ok(wait) => wait,
            Err(reason) => return Some(reason),
        };
        tracing::warn!(
            ?wait,
            failures = retries.failures,
            "what the sink holds is not stored and tried again: {failure}"
        );
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = interrupt.cancelled() => {}
        }
    }
    None
}
