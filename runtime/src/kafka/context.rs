//! The rebalance protocol, as librdkafka calls it back.
//!
//! librdkafka takes partitions away inside `poll`, on the poller's thread. This context tells the pipeline which,
//! waits until it has finished with them or has given them up, and commits what it says is done. Only then does
//! librdkafka let go of them. Heartbeats go on meanwhile: they come from a thread of librdkafka's own.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use sluice_connector_api::{BoxError, TakenOver, TopicPartition};

use crate::kafka::asking::Asking;
use crate::kafka::commits::{Commits, Committed};
use crate::kafka::correction::Correction;
use crate::kafka::event_sender::EventSender;
use crate::kafka::losses::Losses;
use crate::kafka::native::epochs::set_leader_epoch;
use crate::kafka::native::queue::ConsumerQueue;
use crate::kafka::obstacles::may_not_join;
use crate::kafka::positions::Positions;
use crate::kafka::reason::described;
use crate::kafka::settings::KafkaSettings;
use crate::kafka::stamp::TopicId;
use crate::kafka::start::{Start, Starts, resumed};
use crate::kafka::taking_over::TakingOver;
use crate::kafka::words::LastWords;
use crate::meter::log_throttle::{LogLine, LogThrottle};
use crate::meter::position_loss::LostPosition;
use crate::meter::reading::{Obstacle, Reading};
use crate::meter::source_meter::{self, SourceMeter};
use crate::source::{Event, Offsets, Revoked};
use sluice_kafka_client::Identity;

/// How long a revoke waits for the pipeline; more than the pipeline itself takes.
const REVOKE_WAIT: Duration = Duration::from_secs(10);
/// What is known for certain counts as if it had stood for so long.
const CERTAIN: Duration = Duration::from_mins(1);

/// What librdkafka calls back.
pub(super) struct GroupContext {
    /// The way to the pipeline.
    pub(super) events: EventSender,
    /// How far the partitions were read.
    pub(super) positions: Positions,
    /// Where reading begins.
    pub(super) starts: Starts,
    /// Asks the sink where reading begins, if it stores that.
    taking_over: Option<TakingOver>,
    /// What is done about positions that were lost.
    losses: Losses,
    /// What the poller is to correct.
    corrections: Mutex<Vec<Correction>>,
    /// Something may have become of a topic.
    hurry: AtomicBool,
    /// Where the records of partitions are to come.
    records: OnceLock<Weak<ConsumerQueue<Self>>>,
    /// The partitions that were assigned since the poller last asked.
    assigned: Mutex<Vec<TopicPartition>>,
    /// The pipeline has ended; partitions go without a word.
    closing: AtomicBool,
    /// The group has no right for this client to commit in it.
    denied: AtomicBool,
    /// The group has told the member its partitions, be they none, and has not taken any back since. To be among its members is
    /// not enough: brokers that cannot write down a group let it form over and over.
    pub(super) joined: AtomicBool,
    /// Who the consumer is.
    identity: Identity,
    group: String,
    /// What librdkafka said last.
    pub(super) words: LastWords,
    commits: Arc<Commits>,
    meter: Arc<SourceMeter>,
    /// What was said of commits that failed.
    throttle: LogThrottle,
}

impl GroupContext {
    pub(super) fn new(
        events: EventSender,
        identity: Identity,
        commits: Arc<Commits>,
        meter: Arc<SourceMeter>,
        (name, settings): (&str, &KafkaSettings),
    ) -> Self {
        Self {
            events,
            positions: Positions::default(),
            starts: Starts::new(settings.auto_offset_reset, &settings.topics),
            taking_over: None,
            losses: Losses::new(settings.on_position_lost, Arc::clone(&meter)),
            corrections: Mutex::default(),
            hurry: AtomicBool::new(false),
            records: OnceLock::new(),
            assigned: Mutex::default(),
            closing: AtomicBool::new(false),
            denied: AtomicBool::new(false),
            joined: AtomicBool::new(false),
            identity,
            group: settings.group_of(name),
            words: LastWords::default(),
            commits,
            meter,
            throttle: LogThrottle::new(1),
        }
    }

    /// Begins where the sink says.
    pub(super) fn with_positions_of(mut self, taking_over: Option<TakingOver>) -> Self {
        self.taking_over = taking_over;
        self
    }

    /// Says whether the consumer may be polled; see [`Identity::is_ready`].
    pub(super) fn may_be_polled(&self) -> bool {
        self.identity.is_ready()
    }

    /// Returns whether the consumer reads, and what keeps it from that.
    pub(super) fn reading(&self) -> &Reading {
        &self.meter.reading
    }

    /// Lets the records of the partitions that will be assigned come to a queue.
    pub(super) fn forward_to(&self, records: &Arc<ConsumerQueue<Self>>) {
        self.records.get_or_init(|| Arc::downgrade(records));
    }

    /// Says whether there are partitions whose records may come.
    pub(super) fn is_assigned(&self) -> bool {
        self.meter.is_assigned()
    }

    /// Returns the partitions that were assigned since the last call.
    pub(super) fn take_assigned(&self) -> Vec<TopicPartition> {
        std::mem::take(&mut *self.assigned.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has the poller correct a position.
    pub(super) fn correct(&self, correction: Correction) {
        self.corrections.lock().unwrap_or_else(PoisonError::into_inner).push(correction);
    }

    /// Returns the positions that are to be corrected.
    pub(super) fn take_corrections(&self) -> Vec<Correction> {
        std::mem::take(&mut *self.corrections.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says that something may have become of a topic.
    pub(super) fn hurry(&self) {
        self.hurry.store(true, Ordering::Relaxed);
    }

    /// Says whether something may have become of a topic since the last call.
    pub(super) fn take_hurry(&self) -> bool {
        self.hurry.swap(false, Ordering::Relaxed)
    }

    /// Adds the id of its topic to what goes with the commits of a partition.
    pub(super) fn learn(&self, partition: &TopicPartition, id: TopicId) {
        self.commits.learn(partition, id);
    }

    pub(super) fn close(&self) {
        self.give_way();
        self.meter.closed();
    }

    /// Lets another client take the place of this one.
    pub(super) fn give_way(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// Commits these offsets and what waits, and waits for the broker's answer. What is refused is told to the pipeline.
    pub(super) fn commit(&self, consumer: &BaseConsumer<Self>, offsets: Offsets) {
        if !offsets.is_empty() {
            self.commits.add(offsets);
        }
        for committed in self.commits.run(consumer, &self.positions) {
            self.committed(committed);
        }
    }

    /// Takes note of what became of a commit. The pipeline commits again what was refused.
    fn committed(&self, Committed { offsets, result, took }: Committed) {
        match result {
            Ok(()) => {
                self.meter.committed(&offsets, took);
                if self.denied.swap(false, Ordering::Relaxed) {
                    self.reading().clear_source();
                }
                if let Some(sum) = self.throttle.passed() {
                    tracing::info!("offsets are committed again, after commits failed {sum}");
                }
            }
            Err(error) => {
                self.meter.commit_failed();
                self.note_denial(&error);
                match self.throttle.note(&error.to_string()) {
                    LogLine::Full => {
                        tracing::warn!("offsets could not be committed and will be again: {error}");
                    }
                    LogLine::Summary(sum) => {
                        tracing::warn!("commits failed {sum} and are made again: {error}");
                    }
                    LogLine::Nothing => {}
                }
                let partitions = offsets.into_iter().map(|(partition, _)| partition).collect();
                self.events.send_aside(Event::CommitFailed(partitions));
            }
        }
    }

    /// What a client delivers that may not commit is delivered again at each start, and the group does not keep it.
    fn note_denial(&self, error: &KafkaError) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed) {
            self.denied.store(true, Ordering::Relaxed);
            let reason = may_not_join(&self.group, &described(error));
            self.reading().note_for_certain(Obstacle { reason, ..Obstacle::default() }, CERTAIN);
        }
    }

    /// Says whether the client may not commit.
    pub(super) fn is_denied(&self) -> bool {
        self.denied.load(Ordering::Relaxed)
    }

    /// Before they are assigned, so that every record of theirs comes the same way.
    fn forward(&self, partitions: &[TopicPartition]) {
        let Some(records) = self.records.get().and_then(Weak::upgrade) else { return };
        for partition in partitions.iter().filter(|partition| !records.forward(partition)) {
            tracing::debug!("the records of {partition} come one by one");
        }
    }

    /// Before they are assigned: says where in them reading begins.
    fn assign(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let partitions = partitions(list);
        self.forward(&partitions);
        let found = self.find(consumer, &partitions);
        tracing::info!(partitions = partitions.len(), "partitions assigned");
        self.assigned.lock().unwrap_or_else(PoisonError::into_inner).extend(partitions.iter().cloned());
        self.meter.rebalanced(source_meter::Rebalance::Assigned, &partitions);
        self.events.send(Event::Assigned(partitions));
        match found {
            Ok((starts, taken)) => {
                if !taken.is_empty() {
                    self.events.send(Event::TakenOver(resumed(taken, &starts)));
                }
                self.begin(list, starts);
            }
            Err(error) => {
                self.events.send(Event::Failed(error));
            }
        }
    }

    /// Finds where reading begins. What the sink says comes first; a predecessor that still puts is fenced off before the group's
    /// offsets are looked at.
    fn find(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &[TopicPartition],
    ) -> Result<(Vec<Start>, Vec<TakenOver>), BoxError> {
        let is_over = || self.events.is_over();
        let taken = match &self.taking_over {
            Some(sink) => sink.ask(partitions, &is_over)?,
            None => Vec::new(),
        };
        let asking = Asking { consumer, is_over: &is_over, reading: self.reading() };
        Ok((self.starts.find(&asking, partitions, &taken)?, taken))
    }

    fn begin(&self, list: &TopicPartitionList, starts: Vec<Start>) {
        let (mut pins, mut committed) = (Vec::new(), Vec::new());
        for Start { partition, offset, epoch, stamp, is_new, is_pinned_anew, lost, .. } in starts {
            if let Some((lost, before)) = lost
                && !self.lose(&partition, lost)
            {
                // Brokers forget with a topic what is committed of it: the next start is to stop there as well.
                self.commits.stamp(&partition, before);
                self.commits.add(vec![(partition, lost.from)]);
                continue;
            }
            if let Some(mut element) = list.find_partition(&partition.topic, partition.partition) {
                // Only offsets below 0 are refused.
                let _set = element.set_offset(Offset::Offset(offset)).is_ok();
            }
            if let Some(epoch) = epoch {
                set_leader_epoch(list, &partition, epoch);
            }
            self.positions.begin(&partition, offset, stamp, epoch);
            self.commits.stamp(&partition, stamp);
            if !is_new {
                committed.push((partition.clone(), offset));
            }
            if is_new || is_pinned_anew {
                pins.push((partition, offset));
            }
        }
        self.meter.known(&committed);
        if !pins.is_empty() {
            self.events.send(Event::Passed(pins));
        }
    }

    /// Takes note of a position that was lost. Says whether reading may go on.
    pub(super) fn lose(&self, partition: &TopicPartition, lost: LostPosition) -> bool {
        let noted = self.losses.note(partition, lost);
        if let Err(reason) = &noted {
            // Is committed once more, for the same reason as above.
            self.events.send(Event::CommitFailed(vec![partition.clone()]));
            self.events.send(Event::Failed(reason.clone().into()));
        }
        noted.is_ok()
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, partitions: &[TopicPartition]) {
        let (done, wait) = channel();
        let (lost, begun) = (consumer.assignment_lost(), Instant::now());
        tracing::info!(partitions = partitions.len(), lost, "partitions revoked");
        if lost {
            self.commits.forget(partitions);
        }
        let change = if lost { source_meter::Rebalance::Lost } else { source_meter::Rebalance::Revoked };
        let told = self.events.send(Event::Revoked(Revoked { partitions: partitions.to_vec(), lost, done }));
        let answer = if told { wait.recv_timeout(REVOKE_WAIT) } else { Err(RecvTimeoutError::Disconnected) };
        if answer == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the pipeline did not let go of its partitions in {REVOKE_WAIT:?}");
        }
        // A pipeline that has ended has said all; what waits would come too late when the partitions are gone.
        if !lost {
            self.commit(consumer, answer.unwrap_or_default());
        }
        for partition in partitions {
            if let Some((Some(next), stamp)) = self.positions.get(partition) {
                self.starts.note_left(partition, next, stamp);
            }
        }
        self.positions.forget(partitions);
        self.meter.rebalanced(change, partitions);
        self.meter.revoke.observe(begun.elapsed());
    }
}

impl ConsumerContext for GroupContext {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if self.closing.load(Ordering::Relaxed) {
            return;
        }
        self.joined.store(matches!(rebalance, Rebalance::Assign(_)), Ordering::Relaxed);
        match rebalance {
            Rebalance::Assign(list) if list.count() > 0 => self.assign(consumer, list),
            Rebalance::Revoke(list) if list.count() > 0 => self.revoke(consumer, &partitions(list)),
            Rebalance::Assign(_) | Rebalance::Revoke(_) => {}
            Rebalance::Error(error) => tracing::warn!("rebalance failed and is tried again: {error}"),
        }
    }
}

impl ClientContext for GroupContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.identity.token()
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.words.note_line(facility, message);
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error => {
                tracing::debug!(facility, "librdkafka: {message}");
            }
            _ => tracing::trace!(facility, "librdkafka: {message}"),
        }
    }

    /// The poller sees the same errors, in their order among the records.
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("librdkafka: {error}: {reason}");
        self.words.note_reason(reason);
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements().iter().map(|element| TopicPartition::new(element.topic(), element.partition())).collect()
}
