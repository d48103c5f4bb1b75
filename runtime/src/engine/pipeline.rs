//! The loop over a source, a chain and a sink.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sluice_connector_api::{Limits, OrderedBy, Record, Sink, TopicPartition, Transformed};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::batcher::{BatchLimits, Batcher, Item};
use super::counters::Counters;
use super::delivery::{Delivery, Outcome};
use super::tracker::{Ticket, Tracker, Verdict};
use crate::chain::{Chain, Stage};
use crate::config::connector::{Connector, Tolerance};
use crate::source::budget::Budget;
use crate::source::{Event, Revoked, Source};

/// How long a revoke waits for puts in flight before they are left behind. Well within the 45s after which a
/// group gives up on a member (`session.timeout.ms`).
const REVOKE_DRAIN: Duration = Duration::from_secs(5);

/// Why a pipeline stopped by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failed(pub String);

/// What a pipeline needs to know.
#[derive(Clone, Debug)]
pub struct PipelineSettings {
    /// What the sink can take.
    pub limits: Limits,
    /// How large a batch may grow and how long it may wait.
    pub batch: BatchLimits,
    /// What a record at fault does.
    pub tolerance: Tolerance,
    /// The waits between tries of a put.
    pub backoff: Backoff,
    /// How long a batch is tried.
    pub retry_timeout: Duration,
    /// How often offsets are committed.
    pub commit_interval: Duration,
}

impl PipelineSettings {
    /// Takes the settings of a connector, bounded by what its sink can take.
    pub fn of(connector: &Connector) -> Self {
        let limits = connector.sink.limits();
        let batch = &connector.batch;
        let at_most = |set: Option<usize>, limit: usize| set.map_or(limit, |set| set.min(limit)).max(1);
        Self {
            batch: BatchLimits {
                max_records: at_most(batch.max_records, limits.max_records),
                max_bytes: at_most(
                    batch.max_bytes.map(sluice_connector_api::ByteSize::bytes),
                    limits.max_batch_bytes,
                ),
                linger: batch.linger.get(),
            },
            limits,
            tolerance: connector.errors.tolerance,
            backoff: Backoff::of(&connector.errors),
            retry_timeout: connector.errors.retry_timeout.get(),
            commit_interval: connector.source.kafka.commit_interval.get(),
        }
    }
}

/// One task of a connector: it owns a source and runs until it is stopped, fails, or the source ends.
pub struct Pipeline<S> {
    source: S,
    chain: Arc<Chain>,
    sink: Arc<dyn Sink>,
    settings: PipelineSettings,
    budget: Budget,
    counters: Arc<Counters>,
    tracker: Tracker,
    batcher: Batcher,
    delivery: Delivery,
    in_flight: FuturesUnordered<InFlight>,
    /// The ordering keys of what is in flight.
    keys_in_flight: HashSet<u64>,
    /// Cuts the waits of puts in flight short, for a stop or a revoke.
    interrupt: CancellationToken,
    revoke: Option<Revoke>,
    source_ended: bool,
    phase: Phase,
}

type InFlight = Pin<Box<dyn Future<Output = (HashSet<u64>, Outcome)> + Send>>;

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
        let delivery = Delivery {
            sink: Arc::clone(&sink),
            backoff: settings.backoff,
            timeout: settings.retry_timeout,
            counters: Arc::clone(&counters),
        };
        Self {
            batcher: Batcher::new(settings.batch),
            source,
            chain,
            sink,
            settings,
            budget,
            counters,
            delivery,
            tracker: Tracker::new(),
            in_flight: FuturesUnordered::new(),
            keys_in_flight: HashSet::new(),
            interrupt: CancellationToken::new(),
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
            Some((keys, outcome)) = self.in_flight.next(), if !self.in_flight.is_empty() => self.settle(keys, outcome),
            () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => self.end_late_revoke(),
            _ = commit_tick.tick() => self.commit(),
            event = self.source.next(), if !self.source_ended => self.on_event(event),
        }
    }

    /// When something is due without anybody saying so: a batch that has lingered, or a revoke that cannot wait.
    fn wake_at(&self) -> Option<Instant> {
        let batch = if self.can_launch() { self.batcher.deadline(&self.keys_in_flight) } else { None };
        let revoke = self.revoke.as_ref().map(|revoke| revoke.deadline);
        [batch, revoke].into_iter().flatten().min()
    }

    fn ended(&mut self) -> Option<Result<(), Failed>> {
        if !self.in_flight.is_empty() {
            return None;
        }
        match &self.phase {
            Phase::Running => None,
            Phase::Draining(_) if !self.batcher.is_empty() => None,
            Phase::Draining(result) | Phase::Stopping(result) => Some(result.clone()),
        }
    }

    /// Reads no more, puts no more, and cuts waits short.
    fn stop(&mut self, result: Result<(), Failed>) {
        self.interrupt.cancel();
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
                partitions.iter().for_each(|partition| self.tracker.assign(partition))
            }
            Event::Revoked(revoked) => self.on_revoked(revoked),
            Event::CommitFailed(partitions) => {
                partitions.iter().for_each(|partition| self.tracker.commit_failed(partition))
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
            match running.then(|| self.tracker.read(record.origin(), record.size())).flatten() {
                Some(ticket) => self.transform(ticket, record),
                None => {
                    self.counters.abandoned(1);
                    self.budget.give(record.size());
                }
            }
        }
    }

    fn transform(&mut self, ticket: Ticket, record: Record) {
        let origin = record.origin().clone();
        match self.chain.apply(record) {
            Ok(Transformed::One(record)) => self.enqueue(ticket, record),
            Ok(Transformed::Dropped) => self.done(ticket, Verdict::Filtered),
            Ok(Transformed::Several(records)) => {
                self.tracker.split(ticket, records.len());
                records.into_iter().for_each(|record| self.enqueue(ticket, record));
            }
            Err(error) => self.reject(ticket, &origin, &error.stage, &error.rejection.to_string()),
        }
    }

    fn enqueue(&mut self, ticket: Ticket, record: Record) {
        let size = self.sink.size_of(&record);
        let limit = self.settings.limits.max_record_bytes;
        if size > limit {
            let reason = format!("the record takes {size} bytes, and the sink takes no more than {limit}");
            let origin = record.origin().clone();
            self.reject(ticket, &origin, &Stage::TaskPut, &reason);
            return;
        }
        let order = order_key(self.settings.limits.ordered_by, &*self.sink, &record);
        self.batcher.push(Item { ticket, record, size, order, since: Instant::now() });
    }

    /// A record at fault stops the connector, or is skipped where that is tolerated.
    fn reject(&mut self, ticket: Ticket, origin: &sluice_connector_api::Origin, stage: &Stage, reason: &str) {
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
        self.revoke.is_none()
            && !matches!(self.phase, Phase::Stopping(_))
            && self.in_flight.len() < self.settings.limits.max_in_flight.max(1)
    }

    /// Starts as many puts as there are batches due and places free.
    fn launch(&mut self) {
        while self.can_launch() {
            let flush = matches!(self.phase, Phase::Draining(_));
            let Some(batch) = self.batcher.take(Instant::now(), &self.keys_in_flight, flush) else { return };
            let keys: HashSet<u64> = batch.iter().filter_map(|item| item.order).collect();
            self.keys_in_flight.extend(&keys);
            let (delivery, interrupt) = (self.delivery.clone(), self.interrupt.clone());
            self.in_flight.push(Box::pin(async move { (keys, delivery.deliver(batch, &interrupt).await) }));
        }
    }

    /// Takes the verdicts of a batch.
    fn settle(&mut self, keys: HashSet<u64>, outcome: Outcome) {
        self.keys_in_flight.retain(|key| !keys.contains(key));
        outcome.stored.into_iter().for_each(|item| self.done(item.ticket, Verdict::Delivered));
        for (item, reason) in outcome.rejected {
            self.reject(item.ticket, &item.record.origin().clone(), &Stage::TaskPut, &reason);
        }
        let tracker = &self.tracker;
        let not_done = outcome.not_done.into_iter().filter(|item| tracker.is_ours(item.ticket)).collect();
        self.batcher.give_back(not_done);
        if let Some(reason) = outcome.stop {
            self.stop(Err(Failed(reason)));
        }
        if self.in_flight.is_empty() {
            self.end_revoke();
        }
    }

    fn commit(&mut self) {
        let offsets = self.tracker.commits();
        if !offsets.is_empty() {
            self.source.commit(offsets);
        }
    }

    /// Partitions are going: what waits is dropped, what is in flight may end, within a bound.
    fn on_revoked(&mut self, revoked: Revoked) {
        self.end_revoke();
        let going: HashSet<&TopicPartition> = revoked.partitions.iter().collect();
        self.batcher.retain(|item| !going.contains(item.record.origin().topic_partition()));
        self.interrupt.cancel();
        self.interrupt = CancellationToken::new();
        let deadline = if revoked.lost { Instant::now() } else { Instant::now() + REVOKE_DRAIN };
        self.revoke = Some(Revoke { revoked, deadline });
        if self.in_flight.is_empty() {
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

/// Folds what orders a record into a number. Two keys that fold alike wait for each other, which is harmless.
fn order_key(ordered_by: OrderedBy, sink: &dyn Sink, record: &Record) -> Option<u64> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    match ordered_by {
        OrderedBy::Partition => record.origin().topic_partition().hash(&mut hasher),
        OrderedBy::Key => record.key.as_ref()?.to_bytes().hash(&mut hasher),
        OrderedBy::Id => sink.id(record)?.hash(&mut hasher),
    }
    Some(hasher.finish())
}
