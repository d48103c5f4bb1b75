//! The event loop of a task: one event after the other, from the source, the chain, the lanes and the clock.

use std::sync::Arc;
use std::time::Duration;

use sluice_connector_api::{ExactlyOnce, Record, Sink, TopicPartition};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::engine::ledger::accounts::Ledger;
use crate::engine::ledger::counters::Counters;
use crate::engine::letters::queue::DeadLetterQueue;
use crate::engine::letters::window::Window;
use crate::engine::pipeline::delivering::Delivering;
use crate::engine::pipeline::phase::{Failed, Phase};
use crate::engine::pipeline::report::RunReport;
use crate::engine::pipeline::settings::PipelineSettings;
use crate::engine::pipeline::transforming::{Changed, Transforming};
use crate::source::budget::Budget;
use crate::source::{Event, Offsets, Source};
use crate::transform::chain::{Chain, StageError};

/// One task of a connector: it owns a source and runs until it is stopped, fails, or the source ends.
pub struct Pipeline<S> {
    source: S,
    transforming: Transforming,
    delivering: Delivering,
    commit_interval: Duration,
    /// When puts that are still in flight after a stop are left behind.
    give_up_at: Option<Instant>,
    source_ended: bool,
}

impl<S> std::fmt::Debug for Pipeline<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("phase", &self.delivering.phase).finish_non_exhaustive()
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
            source,
            transforming: Transforming::new(chain, settings.lane.retry, settings.lane.tap.clone()),
            commit_interval: settings.commit_interval,
            delivering: Delivering::new(sink, settings, Ledger::new(counters, budget)),
            give_up_at: None,
            source_ended: false,
        }
    }

    /// Sends records at fault to a dead letter queue, where they are tolerated.
    #[must_use]
    pub fn with_letters(mut self, queue: DeadLetterQueue) -> Self {
        self.delivering.faults.send_to(queue);
        self
    }

    /// Goes on with the window of an earlier run, since a restart is no reason to tolerate as many records again, and shares it with
    /// the other tasks of the connector.
    #[must_use]
    pub fn with_window(mut self, window: Window) -> Self {
        self.delivering.ledger.withhold_with(&window.withholding);
        self.delivering.faults.go_on_with(window);
        self
    }

    /// Puts nothing while letters are on their way, until the queue has taken one: it took none at an earlier start.
    #[must_use]
    pub fn with_letters_first(mut self, letters_first: bool) -> Self {
        self.delivering.letters_first = letters_first;
        self
    }

    /// Has records stored exactly once, by a sink that stores how far partitions are together with them. The source begins where
    /// that sink says, and tells what it said.
    #[must_use]
    pub fn with_exactly_once(mut self, sink: Option<Arc<dyn ExactlyOnce>>) -> Self {
        if let Some(sink) = sink {
            self.delivering.put_exactly_once(sink, self.source.member());
        }
        self
    }

    /// Runs until `stop` is cancelled, something fails for good, or the source ends. Commits what is done
    /// before it returns. A stop finishes the puts in flight; the caller bounds how long it waits for that.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), Failed> {
        let result = self.until_ended(&stop).await;
        self.close().await;
        result
    }

    /// Does what [`Pipeline::run`] does, and reports which records are done. A record at fault that is not tolerated
    /// is left undone, which stops only what comes later of its ordering key. Puts that have not ended at `give_up_at`,
    /// after a stop, are left behind as not done.
    pub async fn run_and_report(mut self, stop: CancellationToken, give_up_at: Instant) -> RunReport {
        self.delivering.faults.leave_undone();
        self.give_up_at = Some(give_up_at);
        let result = self.until_ended(&stop).await;
        let rejected = self.delivering.faults.first_undone().map(str::to_owned);
        let report = RunReport { result, rejected, read: self.delivering.ledger.read_so_far() };
        self.close().await;
        report
    }

    async fn until_ended(&mut self, stop: &CancellationToken) -> Result<(), Failed> {
        self.transforming.keep_read(self.delivering.faults.wants_as_read());
        let mut commit_tick = commit_interval(self.commit_interval);
        loop {
            self.delivering.launch();
            if let Some(result) = self.ended() {
                return result;
            }
            self.step(stop, &mut commit_tick).await;
            if self.delivering.is_closed() {
                self.transforming.close();
            }
            self.delivering.ledger.give_back();
        }
    }

    async fn close(self) {
        let offsets = self.delivering.ledger.close();
        self.source.close(offsets).await;
    }

    /// Waits for the next thing to happen and deals with it. Every wait races the stop (invariant 6).
    async fn step(&mut self, stop: &CancellationToken, commit_tick: &mut Interval) {
        let stopping = self.delivering.phase.is_stopping();
        let wake = self.wake_at();
        tokio::select! {
            biased;
            () = stop.cancelled(), if !stopping => self.delivering.stop(Ok(())),
            () = self.delivering.next() => {}
            () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {
                self.delivering.end_late_revoke();
            }
            _ = commit_tick.tick() => self.tick(),
            chunk = self.transforming.next() => self.delivering.take(chunk),
            event = self.source.next(), if self.can_read() => self.on_event(event),
        }
    }

    /// When something is due without anybody saying so: a batch that has lingered, or a wait that has a bound.
    fn wake_at(&self) -> Option<Instant> {
        let give_up_at = if self.delivering.phase.is_stopping() { self.give_up_at } else { None };
        [self.delivering.wake_at(), give_up_at].into_iter().flatten().min()
    }

    fn ended(&self) -> Option<Result<(), Failed>> {
        let phase = &self.delivering.phase;
        let given_up = self.give_up_at.is_some_and(|at| at <= Instant::now()) && phase.is_stopping();
        if !self.delivering.is_idle() && !given_up {
            return None;
        }
        match phase {
            Phase::Running => None,
            Phase::Draining(_) if !self.delivering.is_empty() || !self.transforming.is_empty() => None,
            Phase::Draining(result) | Phase::Stopping(result) => Some(result.clone()),
        }
    }

    /// Says whether the source may go on. It waits while there is more to transform than the cores can take.
    fn can_read(&self) -> bool {
        !self.source_ended && self.transforming.has_room()
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Records(records) => self.on_records(records),
            Event::Unreadable(unreadable) => self.on_unreadable(*unreadable),
            Event::Assigned(partitions) => {
                for partition in &partitions {
                    self.delivering.ledger.tracker.assign(partition);
                }
            }
            Event::TakenOver(resumed) => self.delivering.take_over(resumed),
            Event::Revoked(revoked) => self.delivering.on_revoked(revoked),
            Event::CommitFailed(partitions) => {
                for partition in &partitions {
                    self.delivering.ledger.tracker.commit_failed(partition);
                }
            }
            Event::Passed(offsets) => self.on_passed(&offsets),
            Event::Restarted(partition, offset) => {
                self.delivering.restart(&partition, offset);
                self.mark(&partition);
            }
            Event::End => self.on_end(Ok(())),
            Event::Failed(error) => self.on_end(Err(error.to_string().into())),
        }
    }

    fn on_records(&mut self, records: Vec<Record>) {
        self.delivering.ledger.counters.read(records.len() as u64);
        self.mark_all(&records);
        let mut chunk = Vec::with_capacity(records.len());
        for record in records {
            if let Some(ticket) = self.delivering.admit(&record) {
                chunk.push((ticket, record));
            }
        }
        let changed = self.transforming.push(chunk);
        self.delivering.take(changed);
        self.commit_first();
    }

    fn mark_all(&mut self, records: &[Record]) {
        let mut last: Option<&TopicPartition> = None;
        for record in records {
            let partition = record.origin().topic_partition();
            if last != Some(partition) {
                self.mark(partition);
                last = Some(partition);
            }
        }
    }

    /// Notes what the offsets are positions in that come next, where that is stored with them.
    fn mark(&mut self, partition: &TopicPartition) {
        if self.delivering.is_exactly_once() {
            let mark = self.source.mark(partition);
            self.delivering.ledger.tracker.mark(partition, mark);
        }
    }

    /// While the connector goes down, records are left for the next reading, and what lies behind them is, too.
    fn on_passed(&mut self, offsets: &Offsets) {
        if self.delivering.phase != Phase::Running {
            return;
        }
        for (partition, offset) in offsets {
            self.delivering.ledger.tracker.passed(partition, *offset);
        }
        self.commit_first();
    }

    fn commit_first(&mut self) {
        let first = self.delivering.ledger.first_commits();
        self.commit(first);
    }

    /// Rejects a record that the source could not read, behind those that were read before it.
    fn on_unreadable(&mut self, (record, error): (Record, StageError)) {
        self.delivering.ledger.counters.read(1);
        if let Some(ticket) = self.delivering.admit(&record) {
            let changed = self.transforming.queue(Changed::unreadable(ticket, record, error));
            self.delivering.take(changed);
        }
    }

    fn on_end(&mut self, result: Result<(), Failed>) {
        self.source_ended = true;
        self.delivering.phase.drain(result);
    }

    fn tick(&mut self) {
        self.delivering.heed_other_tasks();
        let offsets = self.delivering.ledger.commits();
        self.commit(offsets);
        self.store_positions();
        self.delivering.sum_up();
    }

    fn store_positions(&mut self) {
        if self.delivering.is_exactly_once() {
            let moved = self.delivering.store_positions();
            if self.delivering.ledger.leaves_commits() {
                self.source.committed_elsewhere(moved);
            }
        }
    }

    fn commit(&mut self, offsets: Offsets) {
        if !offsets.is_empty() {
            self.source.commit(offsets);
        }
    }
}

fn commit_interval(period: Duration) -> Interval {
    let mut tick = interval(period.max(Duration::from_millis(1)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}
