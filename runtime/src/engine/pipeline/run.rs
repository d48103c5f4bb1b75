//! The loop over a source, a chain and a sink.

use std::iter::{once, repeat};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sluice_connector_api::{Origin, Sink};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::engine::batch::item::{Item, Meta};
use crate::engine::lane::delivery::Outcome;
use crate::engine::lane::run::Lane;
use crate::engine::lane::settings::PipelineSettings;
use crate::engine::ledger::counters::Counters;
use crate::engine::ledger::tracker::{Ticket, Tracker, Verdict};
use crate::engine::letters::rejection::{Letters, Rejected, WHOLE_LINES, Window, say_fate, sum_up_fates};
use crate::engine::letters::tolerance::Tolerance;
use crate::engine::pipeline::phase::{Failed, Phase};
use crate::engine::pipeline::report::Held;
use crate::engine::pipeline::revoke::Revoke;
use crate::engine::pipeline::transforming::Transforming;
use crate::meter::repeats::Repeats;
use crate::source::budget::Budget;
use crate::source::{Event, Offsets, Source};
use crate::transform::chain::{Chain, Stage};

/// One task of a connector: it owns a source and runs until it is stopped, fails, or the source ends.
pub struct Pipeline<S> {
    pub(super) source: S,
    pub(super) transforming: Transforming,
    pub(super) lane: Lane,
    pub(super) letters: Option<Letters>,
    pub(super) settings: PipelineSettings,
    pub(super) budget: Budget,
    /// Bytes that are free and not given back yet: that is done once for all that happened together.
    pub(super) freed: usize,
    pub(super) counters: Arc<Counters>,
    pub(super) tracker: Tracker,
    pub(super) window: Window,
    /// What was said of records at fault.
    pub(super) repeats: Repeats,
    pub(super) revoke: Option<Revoke>,
    /// What stands behind records at fault, where these do not stop the run.
    pub(super) held: Option<Held>,
    /// When puts that are still in flight after a stop are left behind.
    pub(super) give_up_at: Option<Instant>,
    pub(super) source_ended: bool,
    pub(super) phase: Phase,
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
            lane: Lane::new(sink, &settings, Arc::clone(&counters.puts)),
            letters: None,
            window: Window::new(settings.threshold),
            repeats: Repeats::new(WHOLE_LINES),
            source,
            transforming: Transforming::new(chain),
            settings,
            budget,
            freed: 0,
            counters,
            tracker: Tracker::new(),
            revoke: None,
            held: None,
            give_up_at: None,
            source_ended: false,
            phase: Phase::Running,
        }
    }

    /// Sends records at fault to a dead letter queue, where they are tolerated.
    #[must_use]
    pub fn with_letters(mut self, letters: Letters) -> Self {
        self.letters = Some(letters);
        self.transforming.keep_read();
        self
    }

    /// Goes on with the window of an earlier run: a restart is no reason to tolerate as many records again.
    #[must_use]
    pub fn with_window(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// Runs until `stop` is cancelled, something fails for good, or the source ends. Commits what is done
    /// before it returns. A stop finishes the puts in flight; the caller bounds how long it waits for that.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), Failed> {
        let result = self.until_ended(&stop).await;
        self.close().await;
        result
    }

    pub(super) async fn until_ended(&mut self, stop: &CancellationToken) -> Result<(), Failed> {
        let mut commit_tick = commit_interval(self.settings.commit_interval);
        loop {
            self.launch();
            if let Some(result) = self.ended() {
                return result;
            }
            self.step(stop, &mut commit_tick).await;
            self.budget.give(std::mem::take(&mut self.freed));
        }
    }

    pub(super) async fn close(mut self) {
        let offsets = self.tracker.commits();
        self.counters.abandoned(self.tracker.pending_records() as u64);
        self.budget.give(self.freed + self.tracker.pending_bytes());
        self.source.close(offsets).await;
    }

    /// Waits for the next thing to happen and deals with it. Every wait races the stop (invariant 6).
    pub(super) async fn step(&mut self, stop: &CancellationToken, commit_tick: &mut Interval) {
        let stopping = self.phase.is_stopping();
        let wake = self.wake_at();
        tokio::select! {
            biased;
            () = stop.cancelled(), if !stopping => self.stop(Ok(())),
            outcome = self.lane.next(&self.tracker) => self.settle(outcome),
            outcome = Letters::next(&mut self.letters, &self.tracker) => self.settle_letters(outcome),
            () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => self.end_late_revoke(),
            _ = commit_tick.tick() => self.tick(),
            chunk = self.transforming.next() => self.take(chunk),
            event = self.source.next(), if self.can_read() => self.on_event(event),
        }
    }

    /// When something is due without anybody saying so: a batch that has lingered, or a revoke that cannot wait.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let due = || [self.lane.wake_at(), self.letters.as_ref().and_then(|letters| letters.lane.wake_at())];
        let batch = if self.can_launch() { due().into_iter().flatten().min() } else { None };
        let revoke = self.revoke.as_ref().map(|revoke| revoke.deadline);
        let give_up = self.give_up_at.filter(|_| self.phase.is_stopping());
        [batch, revoke, give_up].into_iter().flatten().min()
    }

    pub(super) fn ended(&mut self) -> Option<Result<(), Failed>> {
        let given_up = self.give_up_at.is_some_and(|at| at <= Instant::now()) && self.phase.is_stopping();
        if !self.is_idle() && !given_up {
            return None;
        }
        match &self.phase {
            Phase::Running => None,
            Phase::Draining(_) if self.lanes().any(|lane| !lane.is_empty()) => None,
            Phase::Draining(_) if !self.transforming.is_empty() => None,
            Phase::Draining(result) | Phase::Stopping(result) => Some(result.clone()),
        }
    }

    /// Reads no more, puts no more, and cuts waits short.
    pub(super) fn stop(&mut self, result: Result<(), Failed>) {
        self.lanes_mut().for_each(Lane::interrupt);
        self.transforming.close();
        self.phase.stop(result);
    }

    pub(super) fn on_event(&mut self, event: Event) {
        match event {
            Event::Records(records) => self.on_records(records),
            Event::Unreadable(unreadable) => self.on_unreadable(*unreadable),
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
            Event::Failed(error) => self.on_end(Err(error.to_string().into())),
        }
    }

    pub(super) fn on_end(&mut self, result: Result<(), Failed>) {
        self.source_ended = true;
        self.phase.drain(result);
    }

    /// A record at fault stops the connector, is skipped, or goes to the dead letter queue. One of a partition that
    /// went meanwhile is somebody else's to judge.
    pub(super) fn reject(&mut self, rejected: &Rejected) {
        if !self.tracker.is_ours(rejected.ticket) {
            return;
        }
        self.counters.rejected(&rejected.stage);
        if let Some(held) = &mut self.held {
            held.reject(rejected);
            self.lane.retain(|item| !held.holds_item(item));
            return;
        }
        let too_many = self.settings.tolerance == Tolerance::All && self.window.note(true);
        if too_many || self.settings.tolerance == Tolerance::None {
            let prefix = if too_many { self.window.to_string() } else { String::new() };
            self.fail(&rejected.origin, format!("{prefix}record {} {rejected}", rejected.origin));
            return;
        }
        let Rejected { origin, ticket, .. } = rejected;
        let letter = self.letters.as_mut().and_then(|letters| letters.post(rejected));
        match letter {
            None => {
                say_fate(&self.repeats, rejected, "skipped");
                self.done(*ticket, Verdict::Skipped);
            }
            Some(Ok(())) => say_fate(&self.repeats, rejected, "for the dead letter queue"),
            Some(Err(reason)) => self.letter_refused(origin, &reason),
        }
    }

    pub(super) fn letter_refused(&mut self, origin: &Origin, reason: &str) {
        self.fail(origin, format!("the dead letter queue does not take record {origin}: {reason}"));
    }

    /// Takes nothing behind the record that is to blame.
    pub(super) fn fail(&mut self, origin: &Origin, reason: String) {
        self.transforming.close();
        self.phase.drain(Err(Failed { reason, origin: Some(origin.clone()) }));
    }

    /// Invariant 2: a record is counted here, once, when the last of its parts is done.
    pub(super) fn done(&mut self, ticket: Ticket, verdict: Verdict) {
        if let Some(done) = self.tracker.done(ticket, verdict) {
            self.freed += done.bytes;
            self.counters.done(done.verdict);
            if done.verdict <= Verdict::Delivered {
                self.window.note(false);
            }
        }
    }

    /// A record is stored, and so the older ones that waited with it are superseded. What stands behind a record at
    /// fault is not done.
    pub(super) fn stored(&mut self, item: &Item, verdict: Verdict) {
        for (each, verdict) in item.each().zip(once(verdict).chain(repeat(Verdict::Superseded))) {
            if !self.held.as_ref().is_some_and(|held| held.holds_item(each)) {
                self.done(each.meta.ticket, verdict);
            }
        }
    }

    pub(super) fn can_launch(&self) -> bool {
        self.revoke.is_none() && !self.phase.is_stopping()
    }

    pub(super) fn launch(&mut self) {
        let flush = matches!(self.phase, Phase::Draining(_));
        if self.can_launch() {
            self.lanes_mut().for_each(|lane| lane.launch(flush));
        }
    }

    pub(super) fn lanes(&self) -> impl Iterator<Item = &Lane> {
        once(&self.lane).chain(self.letters.as_ref().map(|letters| &letters.lane))
    }

    pub(super) fn lanes_mut(&mut self) -> impl Iterator<Item = &mut Lane> {
        once(&mut self.lane).chain(self.letters.as_mut().map(|letters| &mut letters.lane))
    }

    /// Says whether nothing is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.lanes().all(Lane::is_idle)
    }

    /// Takes the verdicts of a batch.
    pub(super) fn settle(&mut self, outcome: Outcome) {
        if let Some(held) = &mut self.held {
            outcome.rejected.iter().for_each(|(item, _)| held.add(item.meta.order, item.record.origin()));
        }
        let now = SystemTime::now();
        for item in outcome.stored {
            self.counters.stored(item.record.timestamp, now);
            self.stored(&item, Verdict::Delivered);
        }
        for (item, reason) in outcome.rejected {
            let Item { record, meta: Meta { ticket, read, order, attempts, .. } } = item;
            let origin = record.origin().clone();
            self.reject(&Rejected { ticket, origin, read, order, stage: Stage::TaskPut, reason, attempts });
        }
        self.lane.give_back(outcome.not_done, &self.tracker);
        self.settled(outcome.stop);
    }

    /// Takes the verdicts of a batch of dead letters. Invariant 1: now their offsets may be committed.
    pub(super) fn settle_letters(&mut self, outcome: Outcome) {
        for item in outcome.stored {
            self.stored(&item, Verdict::DeadLettered);
        }
        for (item, reason) in outcome.rejected {
            // Like the record itself, the letter of a partition that went meanwhile is somebody else's.
            if self.tracker.is_ours(item.meta.ticket) {
                self.letter_refused(item.record.origin(), &reason);
            }
        }
        if let Some(letters) = &mut self.letters {
            letters.lane.give_back(outcome.not_done, &self.tracker);
        }
        self.settled(outcome.stop.map(|reason| format!("dead letter queue: {reason}")));
    }

    pub(super) fn settled(&mut self, stop: Option<String>) {
        if let Some(reason) = stop {
            self.stop(Err(reason.into()));
        }
        if self.is_idle() {
            self.end_revoke();
        }
    }

    pub(super) fn tick(&mut self) {
        let offsets = self.tracker.commits();
        self.commit(offsets);
        self.lanes().for_each(Lane::sum_up);
        sum_up_fates(&self.repeats);
    }

    pub(super) fn commit(&mut self, offsets: Offsets) {
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
