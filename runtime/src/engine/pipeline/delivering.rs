//! Records behind the chain: on their way to the sink or to the dead letter queue, until they are done.

use std::iter::{once, repeat};
use std::sync::Arc;

use sluice_connector_api::{ExactlyOnce, Origin, Record, Sink, StoredPosition, TopicPartition, Transformed};
use tokio::time::Instant;

use crate::engine::batch::item::Item;
use crate::engine::lane::fault::RecordFault;
use crate::engine::lane::holding::Urge;
use crate::engine::lane::in_flight::{Lane, Unfit};
use crate::engine::lane::progress::position_behind;
use crate::engine::ledger::accounts::Ledger;
use crate::engine::ledger::counters::Verdict;
use crate::engine::ledger::tracker::Ticket;
use crate::engine::letters::faults::{Faults, unfit_sink};
use crate::engine::letters::rejected::Rejected;
use crate::engine::pipeline::parts_stored::PartsStored;
use crate::engine::pipeline::phase::{Failed, Phase};
use crate::engine::pipeline::repeats::{Likeness, Repeats};
use crate::engine::pipeline::revoke::PendingRevoke;
use crate::engine::pipeline::schemas::NotChanged;
use crate::engine::pipeline::settings::PipelineSettings;
use crate::engine::pipeline::transforming::Changed;
use crate::source::{AskMember, Offsets, Resumed, Revoked};
use crate::transform::chain::{Stage, StageError};

/// What is read and not done, with all that decides about it.
pub(super) struct Delivering {
    pub(super) ledger: Ledger,
    pub(super) faults: Faults,
    pub(super) phase: Phase,
    pub(super) lane: Lane,
    /// What was stored, and is on its way, of records that others may repeat.
    pub(super) repeats: Repeats,
    revoke: Option<PendingRevoke>,
    parts_stored: PartsStored,
    /// The records that stop the connector, one for each partition at most.
    pub(super) stops_at: Vec<Origin>,
    /// Nothing more is taken from the chain: a record stops the connector, or the connector stops.
    pub(super) closed: bool,
    /// The queue took no letter at an earlier start: until it does, nothing is put while one is on its way.
    pub(super) letters_first: bool,
}

impl Delivering {
    pub(super) fn new(sink: Arc<dyn Sink>, settings: PipelineSettings, ledger: Ledger) -> Self {
        Self {
            lane: Lane::new(sink, settings.lane, Arc::clone(&ledger.counters.puts)),
            faults: Faults::new(settings.faults),
            ledger,
            phase: Phase::Running,
            repeats: Repeats::default(),
            revoke: None,
            parts_stored: PartsStored::default(),
            stops_at: Vec::new(),
            closed: false,
            letters_first: false,
        }
    }

    /// Has records stored exactly once, by a sink that stores how far partitions are together with them.
    pub(super) fn put_exactly_once(&mut self, sink: Arc<dyn ExactlyOnce>, member: Option<AskMember>) {
        if sink.keeps_group_offsets() {
            self.ledger.leave_commits();
        }
        self.lane.put_exactly_once(sink, member);
    }

    /// Says whether records are stored exactly once.
    pub(super) fn is_exactly_once(&self) -> bool {
        self.lane.is_exactly_once()
    }

    /// Takes what the sink said of partitions that are ours now.
    pub(super) fn take_over(&mut self, resumed: Vec<Resumed>) {
        self.parts_stored.note(&resumed);
        self.lane.take_over(resumed);
    }

    /// Stores how far partitions are where nothing else does, and returns the offsets that the sink has stored meanwhile.
    pub(super) fn store_positions(&mut self) -> Offsets {
        if self.can_launch() && !self.waits_for_letters() && self.phase == Phase::Running {
            self.lane.store_positions(&self.ledger.tracker);
        }
        self.lane.take_moved()
    }

    /// Tracks a record. Behind one that stops the connector nothing more is taken: it will be read again.
    pub(super) fn admit(&mut self, record: &Record) -> Option<Ticket> {
        if self.phase == Phase::Running {
            return self.ledger.enter(record);
        }
        self.ledger.abandon(record);
        None
    }

    /// Takes what became of records, up to one that stops the connector.
    pub(super) fn take(&mut self, chunk: Vec<Changed>) {
        let now = Instant::now();
        for changed in chunk {
            if self.closed {
                return;
            }
            // Its partition may have gone meanwhile; then it is somebody else's.
            if self.ledger.tracker.is_ours(changed.ticket) {
                self.take_one(changed, now);
            }
        }
    }

    fn take_one(&mut self, Changed { ticket, read, result }: Changed, now: Instant) {
        match result {
            Ok(Transformed::One(record)) => {
                self.faults.note_through();
                let behind = self.behind(ticket, &record, true);
                self.enqueue(ticket, record, behind, read, now);
            }
            Ok(Transformed::Dropped) => self.done(ticket, Verdict::Filtered),
            Ok(Transformed::Several(records)) => {
                let count = records.len();
                self.faults.note_through();
                self.ledger.tracker.split(ticket, records.len());
                let stored = records.first().map_or(0, |first| self.parts_stored.take(first.origin()));
                for (record, left) in records.into_iter().zip((0..count).rev()) {
                    if record.part().is_some_and(|part| part < stored) {
                        self.done(ticket, Verdict::Delivered);
                    } else {
                        let behind = self.behind(ticket, &record, left == 0);
                        self.enqueue(ticket, record, behind, read.clone(), now);
                    }
                }
            }
            Err(fault) => match *fault {
                NotChanged::Stop(origin, reason) => self.fail(&origin, reason),
                NotChanged::Rejected(origin, StageError { stage, rejection }) => {
                    let fault = RecordFault::from(&rejection);
                    self.reject(Rejected { ticket, origin, read, order: None, stage, fault, attempts: 0 });
                }
            },
        }
    }

    /// Returns how far the partition of a record is stored once this record is, or this part as the last one of it.
    fn behind(&self, ticket: Ticket, record: &Record, is_last: bool) -> Option<StoredPosition> {
        if !self.lane.is_exactly_once() {
            return None;
        }
        Some(position_behind(record, is_last, self.ledger.tracker.mark_of(ticket)))
    }

    fn enqueue(
        &mut self,
        ticket: Ticket,
        record: Record,
        behind: Option<StoredPosition>,
        read: Option<Arc<Record>>,
        now: Instant,
    ) {
        let origin = record.origin();
        match self.repeats.look(ticket, &record, read.as_ref(), now) {
            Likeness::New => {}
            Likeness::Waits => return,
            Likeness::Repeat => return self.done(ticket, Verdict::Filtered),
        }
        match self.lane.meta_of(ticket, &record, now) {
            Ok(meta) if self.faults.holds_back(meta.order, origin) => {}
            Ok(mut meta) => {
                meta.read = read;
                meta.set_behind(behind);
                self.lane.push(Item { record, meta });
            }
            Err(Unfit::TooLarge { order, .. }) if self.faults.holds_back(order, origin) => {}
            Err(Unfit::TooLarge { order, reason }) => {
                let (origin, stage, fault) = (origin.clone(), Stage::TaskPut, RecordFault::new(reason));
                self.reject(Rejected { ticket, origin, read, order, stage, fault, attempts: 0 });
            }
            Err(Unfit::Unknown(panicked)) => {
                let origin = origin.clone();
                self.fail(&origin, unfit_sink(&origin, &panicked));
            }
        }
    }

    /// A record is done, or a part of it; and when all of it is, what waited for it is a repeat.
    pub(super) fn done(&mut self, ticket: Ticket, verdict: Verdict) {
        let mut next = Some((ticket, verdict));
        // Empty for nearly every record, and so no allocation.
        let mut due = Vec::new();
        while let Some((ticket, verdict)) = next {
            if let Some(verdict) = self.ledger.done(ticket, verdict) {
                self.faults.note_done(verdict);
                let repeats = self.repeats.done(ticket, verdict, Instant::now);
                due.extend(repeats.into_iter().map(|repeat| (repeat.ticket, Verdict::Filtered)));
            }
            next = due.pop();
        }
    }

    /// The offsets of a partition mean something else from now on.
    pub(super) fn restart(&mut self, partition: &TopicPartition, offset: i64) {
        self.ledger.tracker.restart(partition, offset);
        self.repeats.forget_stored(partition);
    }

    /// A record is stored, and so the older ones that waited with it are superseded.
    pub(super) fn stored(&mut self, item: &Item, verdict: Verdict) {
        for (each, verdict) in item.each().zip(once(verdict).chain(repeat(Verdict::Superseded))) {
            if !self.faults.holds_back(each.meta.order, each.record.origin()) {
                self.done(each.meta.ticket, verdict);
            }
        }
    }

    /// Reads no more, puts no more, and cuts waits short.
    pub(super) fn stop(&mut self, result: Result<(), Failed>) {
        self.lanes_mut().for_each(Lane::interrupt);
        self.closed = true;
        self.phase.stop(result);
    }

    /// Says whether nothing more is taken from the chain.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// When something is due: a batch that has lingered, or a revoke that waits no longer.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let mut wake = self.revoke.as_ref().map(|revoke| revoke.deadline);
        if self.can_launch() {
            let letters = self.faults.lane();
            let sink = (!self.waits_for_letters()).then_some(&self.lane);
            for lane in sink.into_iter().chain(letters) {
                wake = [wake, lane.wake_at()].into_iter().flatten().min();
            }
        }
        wake
    }

    fn can_launch(&self) -> bool {
        self.revoke.is_none() && !self.phase.is_stopping()
    }

    pub(super) fn launch(&mut self) {
        if !self.can_launch() {
            return;
        }
        let flush = matches!(self.phase, Phase::Draining(_)) || self.ledger.is_full(self.lane.is_idle());
        if !self.waits_for_letters() {
            self.lane.launch(flush);
        }
        if let Some(lane) = self.faults.lane_mut() {
            lane.launch(flush);
        }
        let urge = self.urge();
        self.lane.store_held(urge);
    }

    /// A connector that goes down after a failure stores nothing early: what is open is read again.
    fn urge(&self) -> Urge {
        match self.phase {
            Phase::Draining(Ok(())) => Urge::End,
            _ if self.ledger.is_short_of_room() => Urge::Room,
            _ => Urge::None,
        }
    }

    /// Says whether nothing may be put before letters are where they belong: a position that passes their records says that
    /// these are done (invariant 1), or the queue took none the last time, and another failure has all that is put now put again.
    fn waits_for_letters(&self) -> bool {
        (self.lane.is_exactly_once() || self.letters_first)
            && self.faults.lane().is_some_and(|lane| !lane.is_idle() || !lane.is_empty())
    }

    fn lanes(&self) -> impl Iterator<Item = &Lane> {
        once(&self.lane).chain(self.faults.lane())
    }

    fn lanes_mut(&mut self) -> impl Iterator<Item = &mut Lane> {
        once(&mut self.lane).chain(self.faults.lane_mut())
    }

    /// Says whether nothing is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.lanes().all(Lane::is_idle)
    }

    /// Says whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lanes().all(Lane::is_empty)
            && (self.lane.is_held_stored() || !matches!(self.phase, Phase::Draining(Ok(()))))
    }

    /// Waits until records or letters have their verdicts, and takes these. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            biased;
            outcome = self.lane.next(&self.ledger.tracker) => self.settle(outcome),
            outcome = self.faults.next(&self.ledger.tracker) => self.settle_letters(outcome),
        }
    }

    /// Partitions are going: what waits is dropped, what is in flight may end, within a bound.
    pub(super) fn on_revoked(&mut self, revoked: Revoked) {
        self.end_revoke();
        for lane in self.lanes_mut() {
            lane.drop_partitions(&revoked.partitions);
            lane.interrupt();
        }
        self.revoke = Some(PendingRevoke::new(revoked));
        if self.is_idle() {
            self.end_revoke();
        }
    }

    pub(super) fn end_late_revoke(&mut self) {
        if self.revoke.as_ref().is_some_and(PendingRevoke::is_late) {
            self.end_revoke();
        }
    }

    /// Gives partitions up. Puts of theirs that end later change nothing: their tickets are void.
    pub(super) fn end_revoke(&mut self) {
        let Some(revoke) = self.revoke.take() else { return };
        let offsets = self.ledger.revoke(revoke.partitions());
        self.lane.let_go(revoke.partitions());
        self.repeats.forget(revoke.partitions());
        self.lane.forget_held(revoke.partitions());
        if let Some(open) = self.lane.open() {
            self.ledger.hold(open);
        }
        self.lane.drop_void(&self.ledger.tracker);
        if let Some(lane) = self.faults.lane_mut() {
            lane.drop_void(&self.ledger.tracker);
        }
        revoke.answer(offsets);
    }

    /// Sums up what nothing was logged of yet.
    pub(super) fn sum_up(&self) {
        self.lanes().for_each(Lane::sum_up);
        self.faults.sum_up();
    }
}
