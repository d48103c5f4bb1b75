//! The thread that polls.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Message as _, Offset};
use sluice_connector_api::{Record, TopicPartition};
use tokio::sync::oneshot;

use crate::kafka::chunk::Chunk;
use crate::kafka::context::GroupContext;
use crate::kafka::correction::{Corrected, Correction};
use crate::kafka::faulty::Faulty;
use crate::kafka::native::epochs::fetched_range;
use crate::kafka::native::queue::{ConsumerQueue, PartitionError};
use crate::kafka::record::record_of;
use crate::kafka::severity::{Severity, is_of_topic, severity};
use crate::kafka::stamp::Stamp;
use crate::kafka::validation::validate;
use crate::kafka::watch::Watch;
use crate::meter::position_loss::{LostPosition, PositionLoss};
use crate::source::Event;
use crate::source::budget::{Budget, footprint};

/// The longest sleep while something is waited for that wakes nobody.
const POLL: Duration = Duration::from_millis(50);
/// The longest sleep while there is no room, which comes soon.
const ROOM: Duration = Duration::from_millis(5);
/// How long there is no room before librdkafka stops fetching what would stay where it is. It throws away what it has then, and looks
/// for room of its own 200 times a second until then.
const PAUSE_AFTER: Duration = Duration::from_secs(5);
/// The longest sleep while nothing comes; commands wait no longer than this.
const IDLE: Duration = Duration::from_millis(250);
/// How long librdkafka may take to go on elsewhere.
const SEEK: Duration = Duration::from_secs(5);
/// Records handed over at once.
const CHUNK_RECORDS: usize = 500;
/// Bytes handed over at once, so that the budget is looked at in between.
const CHUNK_BYTES: usize = 1024 * 1024;

/// What the pipeline asks of the poller.
pub(super) enum PollerCommand {
    /// Commits what waits, leaves the group, and ends.
    Close(oneshot::Sender<()>),
    /// Ends, since librdkafka gave the client up and another one takes its place: what keeps that from reading stands.
    GiveWay,
}

/// The state of the thread that polls.
pub(super) struct Poller {
    records: Arc<ConsumerQueue<GroupContext>>,
    commands: Receiver<PollerCommand>,
    budget: Budget,
    /// Since when nothing is taken, for want of room.
    full_since: Option<Instant>,
    paused: bool,
    /// Bytes of a record, as they were last.
    typical: usize,
    /// No record was there when one was last looked for.
    quiet: bool,
    /// Partitions came that may not be paused yet.
    came: bool,
    faulty: Faulty,
    watch: Watch,
}

impl Poller {
    pub(super) fn new(
        records: ConsumerQueue<GroupContext>,
        commands: Receiver<PollerCommand>,
        budget: Budget,
        watch: Watch,
    ) -> Self {
        let records = Arc::new(records);
        records.consumer().context().forward_to(&records);
        Self {
            records,
            // A few to begin with, as they may be large.
            typical: CHUNK_BYTES / 16,
            quiet: false,
            came: false,
            commands,
            budget,
            full_since: None,
            paused: false,
            faulty: Faulty::default(),
            watch,
        }
    }

    fn consumer(&self) -> &BaseConsumer<GroupContext> {
        self.records.consumer()
    }

    /// Polls until told to close. Invariant 7: it goes on polling, and takes no records, while the budget is used up.
    pub(super) fn run(mut self) {
        let closed = loop {
            match self.commands.try_recv() {
                Ok(PollerCommand::Close(closed)) => {
                    self.consumer().context().commit(self.consumer(), Vec::new());
                    break Some(closed);
                }
                Ok(PollerCommand::GiveWay) => {
                    self.consumer().context().give_way();
                    return;
                }
                Err(TryRecvError::Disconnected) => break None,
                Err(TryRecvError::Empty) => {
                    self.keep_to_budget();
                    self.poll();
                }
            }
        };
        self.consumer().context().close();
        // Dropping the consumer leaves the group, so that others take over at once.
        drop(self.records);
        if let Some(closed) = closed {
            let _nobody_waits = closed.send(()).is_err();
        }
    }

    fn keep_to_budget(&mut self) {
        if self.budget.is_used_up() {
            self.full_since.get_or_insert_with(Instant::now);
        } else if self.budget.has_room() {
            self.full_since = None;
        }
        let lasts = self.full_since.is_some_and(|since| since.elapsed() >= PAUSE_AFTER);
        let is_to_pause = lasts || self.budget.is_held();
        let came = std::mem::take(&mut self.came);
        if is_to_pause && (!self.paused || came) {
            self.paused = self.for_assignment("pause", Consumer::pause);
        } else if !is_to_pause && self.paused {
            self.paused = !self.for_assignment("resume", Consumer::resume);
        } else if came && !self.paused {
            // One that went while it was paused is still paused for librdkafka when it comes back.
            self.came = !self.for_assignment("resume", Consumer::resume);
        }
    }

    fn for_assignment(
        &self,
        what: &str,
        act: impl FnOnce(&BaseConsumer<GroupContext>, &rdkafka::TopicPartitionList) -> KafkaResult<()>,
    ) -> bool {
        let result = self.consumer().assignment().and_then(|list| act(self.consumer(), &list));
        match &result {
            Ok(()) => tracing::debug!(bytes = self.budget.used(), "{what} reading"),
            Err(error) => tracing::warn!("cannot {what} reading, tried again: {error}"),
        }
        result.is_ok()
    }

    /// Takes what is there and hands it over.
    fn poll(&mut self) {
        let consumer = Arc::clone(self.records.consumer());
        self.watch.look(&consumer);
        if !consumer.context().may_be_polled() {
            std::thread::sleep(POLL);
            return;
        }
        consumer.context().events.wait_for_room(POLL);
        let has_room = self.full_since.is_none() && !self.paused;
        let reads = has_room && consumer.context().is_assigned();
        // Rebalances and errors; and records of partitions that could not be forwarded.
        let mut wait = if reads {
            Duration::ZERO
        } else if self.paused {
            POLL
        } else if has_room {
            IDLE
        } else {
            ROOM
        };
        for _ in 0..CHUNK_RECORDS {
            match consumer.poll(wait) {
                Some(Ok(message)) => {
                    let record = record_of(&message, message.topic().into());
                    let footprint = footprint(&record);
                    consumer.context().events.keep([record], footprint);
                }
                Some(Err(error)) => {
                    let reason = consumer.context().words.take_reason();
                    self.on_error(&PartitionError { error, reason, place: None });
                }
                None => break,
            }
            wait = Duration::ZERO;
        }
        let came = consumer.context().take_assigned();
        self.came |= !came.is_empty();
        validate(&consumer, &came);
        self.faulty.let_go(&consumer, self.paused);
        for correction in consumer.context().take_corrections() {
            self.correct(correction);
        }
        if reads {
            self.take();
        }
        consumer.context().positions.set_reading(reads, self.quiet);
        if consumer.context().events.hand_over() {
            self.watch.passed();
        }
    }

    /// Takes as many records as may be handed over at once, as far as can be told. Where there was none it waits for one:
    /// librdkafka would wait for as many as there is room for. What came to the consumer since it was polled ends that wait.
    fn take(&mut self) {
        let most = (CHUNK_BYTES / self.typical).clamp(1, CHUNK_RECORDS);
        let (most, time) = if self.quiet { (1, IDLE) } else { (most, Duration::ZERO) };
        let mut chunk = Chunk::with_capacity(most);
        self.records.take(most, time, |taken| chunk.take(taken));
        let Chunk { records, epochs, bytes, faults, .. } = chunk;
        self.quiet = records.is_empty();
        self.typical = bytes.checked_div(records.len()).unwrap_or(self.typical).max(1);
        self.clear_partitions_of(&records);
        self.keep(records, &epochs, bytes);
        for fault in faults {
            if let Some((partition, _)) = &fault.place
                && let Err(error) = self.faulty.hold(self.records.consumer(), partition)
            {
                self.fail_to_go_on(partition, &error);
            }
            self.on_error(&fault);
        }
    }

    /// What can be read is no obstacle any more.
    fn clear_partitions_of(&self, records: &[Record]) {
        let reading = self.consumer().context().reading();
        if reading.is_clear() {
            return;
        }
        for record in records {
            reading.clear_partition(record.origin().topic_partition());
            reading.clear_topic(record.origin().topic());
        }
    }

    /// Keeps records for the hand-over. Where one does not follow what was read before, what is before it goes ahead.
    fn keep(&self, mut records: Vec<Record>, mut epochs: &[i32], mut bytes: usize) {
        let consumer = self.consumer();
        let context = consumer.context();
        let first = |partition: &TopicPartition| first_offset(consumer, partition);
        let mut back = Vec::new();
        while let Some(misfit) = context.positions.follow(&records, epochs, first) {
            let rest = records.split_off(misfit.index);
            epochs = epochs.get(misfit.index..).unwrap_or_default();
            let before = records.iter().map(footprint).sum();
            context.events.keep(records, before);
            (records, bytes) = (rest, bytes.saturating_sub(before));
            if !self.lose(&misfit.partition, misfit.lost) {
                return;
            }
            if misfit.lost.why == PositionLoss::LogTruncated {
                back.push(misfit.partition);
            }
        }
        context.events.keep(records, bytes);
        for partition in back {
            let next = context.positions.get(&partition).and_then(|(next, _)| next);
            if let Some(next) = next {
                self.go_on_at(&partition, next);
            }
        }
    }

    /// Takes note of a position that was lost. Says whether reading may go on.
    fn lose(&self, partition: &TopicPartition, lost: LostPosition) -> bool {
        let context = self.consumer().context();
        if !context.lose(partition, lost) {
            return false;
        }
        if lost.why == PositionLoss::LogTruncated {
            // Which topic it is a position in is found out later.
            let (_, stamp) = context.positions.get(partition).unwrap_or_default();
            context.events.restart(partition, lost.to, stamp);
            context.hurry();
        }
        true
    }

    /// Corrects a position, unless a record came meanwhile.
    fn correct(&self, Correction { partition, to, what }: Correction) {
        let context = self.consumer().context();
        let Some((next, now)) = context.positions.get(&partition) else { return };
        match what {
            Corrected::Passed { from } => self.pass(&partition, from, to),
            Corrected::Lost { from, .. } if next != Some(from) => {}
            Corrected::Lost { from, why } => {
                if context.lose(&partition, LostPosition { from, to, why }) {
                    if why == PositionLoss::LogTrimmed {
                        self.pass(&partition, from, to);
                    } else {
                        self.restart(&partition, to, Stamp { id: None, ..now });
                    }
                }
            }
            Corrected::Recreated { before, stamp } => {
                let from = next.unwrap_or(to);
                let lost = LostPosition { from, to, why: PositionLoss::TopicRecreated };
                if now.id == before && context.lose(&partition, lost) {
                    self.restart(&partition, to, stamp);
                }
            }
        }
    }

    fn pass(&self, partition: &TopicPartition, from: i64, to: i64) {
        let context = self.consumer().context();
        if context.positions.pass(partition, from, to) {
            context.events.send(Event::Passed(vec![(partition.clone(), to)]));
        }
    }

    fn restart(&self, partition: &TopicPartition, to: i64, stamp: Stamp) {
        let context = self.consumer().context();
        context.positions.restart(partition, to, stamp);
        context.events.restart(partition, to, stamp);
        self.go_on_at(partition, to);
    }

    /// Tells librdkafka where to go on in a partition whose offsets went back. Where it does not hear, the connector must not
    /// go on: see `positions`.
    fn go_on_at(&self, partition: &TopicPartition, next: i64) {
        let TopicPartition { topic, partition: number } = partition;
        if let Err(error) = self.consumer().seek(topic, *number, Offset::Offset(next), SEEK) {
            self.fail_to_go_on(partition, &error);
        }
    }

    fn fail_to_go_on(&self, partition: &TopicPartition, error: &KafkaError) {
        let reason = format!("cannot go on where reading stands in {partition}: {error}");
        self.consumer().context().events.send(Event::Failed(reason.into()));
    }

    fn on_error(&self, fault: &PartitionError) {
        let context = self.consumer().context();
        match severity(&fault.error) {
            Severity::GivenUp => context.events.give_up(self.watch.obstacle_of(fault)),
            Severity::Final => {
                let reason = format!("{}: {}", fault.error, self.watch.obstacle_of(fault).reason);
                context.events.send(Event::Failed(reason.into()));
            }
            Severity::Passing => {
                self.watch.note(context, fault);
                if is_of_topic(&fault.error) {
                    context.hurry();
                }
            }
        }
    }
}

/// The first offset that a partition has, as the last fetch told it.
fn first_offset(consumer: &BaseConsumer<GroupContext>, partition: &TopicPartition) -> Option<i64> {
    fetched_range(consumer.client(), partition).map(|(first, _)| first)
}
