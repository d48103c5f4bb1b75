//! The loop over a source, a chain and a sink.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sluice_connector_api::{Origin, Record, Sink, TopicPartition, Transformed};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::counters::Counters;
use super::delivery::Outcome;
use super::lane::Lane;
use super::settings::PipelineSettings;
use super::tracker::{Ticket, Tracker, Verdict};
use crate::chain::{Chain, Stage};
use crate::config::connector::Tolerance;
use crate::source::budget::Budget;
use crate::source::{Event, Offsets, Revoked, Source};

/// How long a revoke waits for puts in flight before they are left behind. Well within the 45s after which a
/// group gives up on a member (`session.timeout.ms`).
const REVOKE_DRAIN: Duration = Duration::from_secs(5);

/// Why a pipeline stopped by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failed(pub String);

/// One task of a connector: it owns a source and runs until it is stopped, fails, or the source ends.
pub struct Pipeline<S> {
    source: S,
    chain: Arc<Chain>,
    lane: Lane,
    settings: PipelineSettings,
    budget: Budget,
    counters: Arc<Counters>,
    tracker: Tracker,
    revoke: Option<Revoke>,
    source_ended: bool,
    phase: Phase,
}

/// What the pipeline is up to.
#[derive(Debug, PartialEq)]
enum Phase {
    /// Reading, batching, putting.
    Running,
    /// Nothing more is taken; what was read before is still put, then the pipeline ends like this.
    Draining(Result<(), Failed>),
    /// Nothing new is put; what is in flight ends, then the pipeline does.
    Stopping(Result<(), Failed>),
}

/// A revoke that waits for puts in flight.
struct Revoke {
    revoked: Revoked,
    deadline: Instant,
}

impl<S> std::fmt::Debug for Pipeline<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("phase", &self.phase).finish_non_exhaustive()
    }
}

impl<S: Source> Pipeline<S> {
    /// Puts a pipeline together. `budget` is what the source takes bytes from.
    pub fn new(
        source: S,
        chain: Arc<Chain>,
        sink: Arc<dyn Sink>,
        settings: PipelineSettings,
        budget: Budget,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            lane: Lane::new(sink, &settings, Arc::clone(&counters)),
            source,
            chain,
            settings,
            budget,
            counters,
            tracker: Tracker::new(),
            revoke: None,
            source_ended: false,
            phase: Phase::Running,
        }
    }

    /// Runs until `stop` is cancelled, something fails for good, or the source ends. Commits what is done
    /// before it returns. A stop finishes the puts in flight; the caller bounds how long it waits for that.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), Failed> {
        let mut commit_tick = commit_interval(self.settings.commit_interval);
        let result = loop {
            self.launch();
            if let Some(result) = self.ended() {
                break result;
            }
            self.step(&stop, &mut commit_tick).await;
        };
        let offsets = self.tracker.commits();
        self.counters.abandoned(self.tracker.pending_records() as u64);
        self.budget.give(self.tracker.pending_bytes());
        self.source.close(offsets).await;
        result
    }

    /// Waits for the next thing to happen and deals with it. Every wait races the stop (invariant 6).
    async fn step(&mut self, stop: &CancellationToken, commit_tick: &mut Interval) {
        let stopping = matches!(self.phase, Phase::Stopping(_));
        let wake = self.wake_at();
        tokio::select! {
            biased;
            () = stop.cancelled(), if !stopping => self.stop(Ok(())),
            outcome = self.lane.next() => self.settle(outcome),
            () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => self.end_late_revoke(),
            _ = commit_tick.tick() => { let offsets = self.tracker.commits(); self.commit(offsets); }
            event = self.source.next(), if !self.source_ended => self.on_event(event),
        }
    }

    /// When something is due without anybody saying so: a batch that has lingered, or a revoke that cannot wait.
    fn wake_at(&self) -> Option<Instant> {
        let batch = if self.can_launch() { self.lane.wake_at() } else { None };
        let revoke = self.revoke.as_ref().map(|revoke| revoke.deadline);
        [batch, revoke].into_iter().flatten().min()
    }

    fn ended(&mut self) -> Option<Result<(), Failed>> {
        if !self.lane.is_idle() {
            return None;
        }
        match &self.phase {
            Phase::Running => None,
            Phase::Draining(_) if !self.lane.is_empty() => None,
            Phase::Draining(result) | Phase::Stopping(result) => Some(result.clone()),
        }
    }

    /// Reads no more, puts no more, and cuts waits short.
    fn stop(&mut self, result: Result<(), Failed>) {
        self.lane.interrupt();
        // A failure that came first is what the connector reports.
        let result = match std::mem::replace(&mut self.phase, Phase::Running) {
            Phase::Draining(Err(failed)) | Phase::Stopping(Err(failed)) => Err(failed),
            _ => result,
        };
        self.phase = Phase::Stopping(result);
    }

    /// Reads no more, but puts what was read before.
    fn drain(&mut self, result: Result<(), Failed>) {
        if self.phase == Phase::Running {
            self.phase = Phase::Draining(result);
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Records(records) => self.on_records(records),
            Event::Assigned(partitions) => {
                for partition in &partitions {
                    self.tracker.assign(partition);
                }
            }
            Event::Revoked(revoked) => self.on_revoked(revoked),
            Event::CommitFailed(partitions) => {
                for partition in &partitions {
                    self.tracker.commit_failed(partition);
                }
            }
            Event::End => self.on_end(Ok(())),
            Event::Failed(error) => self.on_end(Err(Failed(error.to_string()))),
        }
    }

    fn on_end(&mut self, result: Result<(), Failed>) {
        self.source_ended = true;
        self.drain(result);
    }

    fn on_records(&mut self, records: Vec<Record>) {
        self.counters.read(records.len() as u64);
        for record in records {
            // Behind a record that stops the connector nothing more is taken: it will be read again.
            let running = self.phase == Phase::Running;
            if let Some(ticket) = running.then(|| self.tracker.read(record.origin(), record.size())).flatten()
            {
                self.transform(ticket, record);
            } else {
                self.counters.abandoned(1);
                self.budget.give(record.size());
            }
        }
        let first = self.tracker.first_commits();
        self.commit(first);
    }

    fn transform(&mut self, ticket: Ticket, record: Record) {
        let origin = record.origin().clone();
        match self.chain.apply(record) {
            Ok(Transformed::One(record)) => self.enqueue(ticket, record),
            Ok(Transformed::Dropped) => self.done(ticket, Verdict::Filtered),
            Ok(Transformed::Several(records)) => {
                self.tracker.split(ticket, records.len());
                for record in records {
                    self.enqueue(ticket, record);
                }
            }
            Err(error) => self.reject(ticket, &origin, &error.stage, &error.rejection.to_string()),
        }
    }

    fn enqueue(&mut self, ticket: Ticket, record: Record) {
        let origin = record.origin().clone();
        if let Err(reason) = self.lane.push(ticket, record) {
            self.reject(ticket, &origin, &Stage::TaskPut, &reason);
        }
    }

    /// A record at fault stops the connector, or is skipped where that is tolerated. One of a partition that went
    /// meanwhile is somebody else's to judge.
    fn reject(&mut self, ticket: Ticket, origin: &Origin, stage: &Stage, reason: &str) {
        if !self.tracker.is_ours(ticket) {
            return;
        }
        match self.settings.tolerance {
            Tolerance::None => {
                let reason = format!("record {origin} was rejected by {stage}: {reason}");
                self.drain(Err(Failed(reason)));
            }
            Tolerance::All => {
                tracing::warn!(
                    topic = origin.topic(),
                    partition = origin.partition(),
                    offset = origin.offset(),
                    "record skipped, rejected by {stage}: {reason}"
                );
                self.done(ticket, Verdict::Skipped);
            }
        }
    }

    /// Invariant 2: a record is counted here, once, when the last of its parts is done.
    fn done(&mut self, ticket: Ticket, verdict: Verdict) {
        if let Some(done) = self.tracker.done(ticket, verdict) {
            self.budget.give(done.bytes);
            self.counters.done(done.verdict);
        }
    }

    fn can_launch(&self) -> bool {
        self.revoke.is_none() && !matches!(self.phase, Phase::Stopping(_))
    }

    fn launch(&mut self) {
        if self.can_launch() {
            self.lane.launch(matches!(self.phase, Phase::Draining(_)));
        }
    }

    /// Takes the verdicts of a batch.
    fn settle(&mut self, outcome: Outcome) {
        for item in outcome.stored {
            self.counters.stored(item.record.timestamp);
            self.done(item.ticket, Verdict::Delivered);
        }
        for (item, reason) in outcome.rejected {
            self.reject(item.ticket, item.record.origin(), &Stage::TaskPut, &reason);
        }
        let tracker = &self.tracker;
        self.lane
            .give_back(outcome.not_done.into_iter().filter(|item| tracker.is_ours(item.ticket)).collect());
        if let Some(reason) = outcome.stop {
            self.stop(Err(Failed(reason)));
        }
        if self.lane.is_idle() {
            self.end_revoke();
        }
    }

    fn commit(&mut self, offsets: Offsets) {
        if !offsets.is_empty() {
            self.source.commit(offsets);
        }
    }

    /// Partitions are going: what waits is dropped, what is in flight may end, within a bound.
    fn on_revoked(&mut self, revoked: Revoked) {
        self.end_revoke();
        let going: HashSet<&TopicPartition> = revoked.partitions.iter().collect();
        self.lane.retain(|item| !going.contains(item.record.origin().topic_partition()));
        self.lane.interrupt();
        let deadline = if revoked.lost { Instant::now() } else { Instant::now() + REVOKE_DRAIN };
        self.revoke = Some(Revoke { revoked, deadline });
        if self.lane.is_idle() {
            self.end_revoke();
        }
    }

    fn end_late_revoke(&mut self) {
        if self.revoke.as_ref().is_some_and(|revoke| revoke.deadline <= Instant::now()) {
            self.end_revoke();
        }
    }

    /// Gives partitions up. Puts of theirs that end later change nothing: their tickets are void.
    fn end_revoke(&mut self) {
        let Some(Revoke { revoked, .. }) = self.revoke.take() else { return };
        let before = self.tracker.pending_records();
        let (offsets, freed) = self.tracker.revoke(&revoked.partitions);
        self.counters.abandoned((before - self.tracker.pending_records()) as u64);
        self.budget.give(freed);
        // What was in flight when the revoke came may have been given back since.
        let tracker = &self.tracker;
        self.lane.retain(|item| tracker.is_ours(item.ticket));
        let offsets = if revoked.lost { Vec::new() } else { offsets };
        // The source may have stopped waiting; then the partitions are gone without a commit, which is safe.
        let _gone = revoked.done.send(offsets).is_err();
    }
}

fn commit_interval(period: Duration) -> Interval {
    let mut tick = interval(period.max(Duration::from_millis(1)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}
