//! Whether a consumer can read: what librdkafka says of that, and what it does not say. What is in the way is noted, and
//! said again for as long as it stands.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::RDKafkaErrorCode;
use sluice_connector_api::TopicPartition;

use crate::kafka::context::GroupContext;
use crate::kafka::native::queue::PartitionError;
use crate::kafka::obstacles::{Told, is_summary, obstacle};
use crate::kafka::settings::KafkaSettings;
use crate::meter::log_throttle::{LogLine, LogThrottle};
use crate::meter::reading::Obstacle;

/// How often it is looked whether the consumer can read.
const LOOK: Duration = Duration::from_secs(10);
/// How long it may take to join the group before that is worth a word.
const JOIN: Duration = Duration::from_secs(30);
/// What librdkafka has not said again for so long, a member without partitions need not know. It says it every 30 s.
const STALE: Duration = Duration::from_secs(90);
/// What of a partition that is read has not gone wrong again for so long has passed, though no record came: it is tried again
/// every second or two.
const PASSED: Duration = Duration::from_secs(25);

fn code_of(fault: &PartitionError) -> RDKafkaErrorCode {
    fault.error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)
}

/// Says what is in the way: in full, or summed up with what was said of it before.
pub(super) fn say(throttle: &LogThrottle, Obstacle { reason, topic, partition, offset }: &Obstacle) {
    match throttle.note(reason) {
        LogLine::Full => {
            tracing::warn!(topic, partition, offset, "Kafka: {reason}; tried again until it passes");
        }
        LogLine::Summary(sum) => {
            tracing::warn!(topic, partition, offset, "Kafka: {sum}: {reason}; tried again");
        }
        LogLine::Nothing => {}
    }
}

/// What a poller knows of its consumer's reading.
pub(super) struct Watch {
    subscribed: Vec<String>,
    group: String,
    /// What was said.
    throttle: LogThrottle,
    looked: Instant,
    /// Since when the consumer is outside of the group; none once it is told its partitions.
    outside_since: Option<Instant>,
    /// librdkafka does not tell of a group whose brokers assign what it tells of others.
    is_told: bool,
}

impl Watch {
    /// Watches over a consumer of a connector that begins now.
    pub(super) fn new(name: &str, settings: &KafkaSettings) -> Self {
        let (subscribed, group) = (settings.topics.clone(), settings.group_of(name));
        let now = Instant::now();
        let is_told = !settings.brokers_assign();
        let outside_since = is_told.then_some(now);
        Self { subscribed, group, throttle: LogThrottle::new(1), looked: now, outside_since, is_told }
    }

    /// Returns an error with what it is about, and with the way out.
    pub(super) fn obstacle_of(&self, fault: &PartitionError) -> Obstacle {
        self.told(code_of(fault), &fault.reason, fault.place.clone())
    }

    fn told(&self, code: RDKafkaErrorCode, reason: &str, place: Option<(TopicPartition, i64)>) -> Obstacle {
        obstacle(&Told { code, reason, group: &self.group, place })
    }

    /// Says with a summary why a connection failed last, where that is known.
    fn in_general(&self, summary: String, failure: &str) -> String {
        if failure.is_empty() {
            return summary;
        }
        self.told(RDKafkaErrorCode::BrokerTransportFailure, failure, None).reason
    }

    /// Takes note of an error that is to pass.
    pub(super) fn note(&self, context: &GroupContext, fault: &PartitionError) {
        let obstacle = self.obstacle_of(fault);
        if is_summary(code_of(fault)) {
            let reason = self.in_general(obstacle.reason, &context.words.failure());
            context.reading().note_in_general(reason);
        } else {
            say(&self.throttle, &obstacle);
            context.reading().note(obstacle);
        }
    }

    /// Takes note that records came.
    pub(super) fn passed(&self) {
        if let Some(sum) = self.throttle.passed() {
            tracing::info!("records come from Kafka again, after errors {sum}");
        }
    }

    /// Looks, from time to time, whether the consumer can read at all, and says again what keeps it from that: librdkafka
    /// says some of it once, and some not at all.
    pub(super) fn look(&mut self, consumer: &BaseConsumer<GroupContext>) {
        let (context, reading) = (consumer.context(), consumer.context().reading());
        // At once: what is noted after the join is about something else and has to stand.
        let has_joined = context.joined.load(Ordering::Relaxed);
        if self.outside_since.is_some() && has_joined {
            reading.clear_source();
            self.outside_since = None;
        }
        if self.is_told && self.outside_since.is_none() && !has_joined && !context.is_assigned() {
            self.outside_since = Some(Instant::now());
        }
        if self.looked.elapsed() < LOOK {
            return;
        }
        self.looked = Instant::now();
        match self.outside_since {
            // It has stood for as long already.
            Some(since) if since.elapsed() >= JOIN && reading.is_clear() => {
                let reason = self.why_not_joined(context);
                reading.note_for_certain(Obstacle { reason, ..Obstacle::default() }, since.elapsed());
            }
            None if !context.is_assigned() => reading.clear_older(STALE),
            None if context.positions.is_reading() => reading.clear_partitions_older(PASSED),
            _ => {}
        }
        for obstacle in reading.obstacles(LOOK) {
            say(&self.throttle, &obstacle);
        }
    }

    fn why_not_joined(&self, context: &GroupContext) -> String {
        if !context.may_be_polled() {
            return "there is no token to sign in to the brokers with yet; check the credentials and their rights"
                .to_owned();
        }
        let topics = self.subscribed.join("`, `");
        format!(
            "the group has not been joined for {JOIN:?}, to read `{topics}`, and the brokers do not say why: its other members may be \
             slow to let go of their partitions, or `__consumer_offsets` may have too few replicas in sync; look at the brokers' logs"
        )
    }
}
