//! Whether a consumer can read: what librdkafka says of that, and what it does not say. What is in the way is noted, and
//! said again for as long as it stands.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, RebalanceProtocol};
use rdkafka::types::RDKafkaErrorCode;

use crate::kafka::context::GroupContext;
use crate::kafka::native::queue::PartitionError;
use crate::kafka::obstacles::{Told, is_summary, obstacle};
use crate::meter::log_throttle::{LogLine, LogThrottle};
use crate::meter::reading::Obstacle;

/// How often it is looked whether the consumer can read.
const LOOK: Duration = Duration::from_secs(10);
/// How long it may take to join the group before that is worth a word.
const JOIN: Duration = Duration::from_secs(30);
/// What librdkafka has not said again for so long, a member without partitions need not know. It says it every 30 s.
const STALE: Duration = Duration::from_secs(90);

/// Returns an error with what it is about, and with the way out.
pub(super) fn obstacle_of(fault: &PartitionError) -> Obstacle {
    obstacle(&Told { code: code_of(fault), reason: &fault.reason, place: fault.place.clone() })
}

/// Says with a summary why a connection failed last, where that is known.
fn in_general(summary: String, failure: &str) -> String {
    if failure.is_empty() {
        return summary;
    }
    obstacle(&Told { code: RDKafkaErrorCode::BrokerTransportFailure, reason: failure, place: None }).reason
}

fn code_of(fault: &PartitionError) -> RDKafkaErrorCode {
    fault.error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)
}

/// What a poller knows of its consumer's reading.
pub(super) struct Watch {
    subscribed: Vec<String>,
    /// What was said.
    throttle: LogThrottle,
    looked: Instant,
    /// Since when the consumer is not a member of the group; none once it is.
    outside_since: Option<Instant>,
}

impl Watch {
    /// Watches over a consumer that begins now, with these topics and patterns.
    pub(super) fn new(subscribed: Vec<String>) -> Self {
        let now = Instant::now();
        Self { subscribed, throttle: LogThrottle::new(1), looked: now, outside_since: Some(now) }
    }

    /// Takes note of an error that is to pass.
    pub(super) fn note(&self, context: &GroupContext, fault: &PartitionError) {
        let obstacle = obstacle_of(fault);
        if is_summary(code_of(fault)) {
            context.reading().note_in_general(in_general(obstacle.reason, &context.words.failure()));
        } else {
            self.say(&obstacle);
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
        if self.outside_since.is_some() && is_member(consumer) {
            reading.clear_source();
            self.outside_since = None;
        }
        if self.looked.elapsed() < LOOK {
            return;
        }
        self.looked = Instant::now();
        match self.outside_since {
            Some(since) if since.elapsed() >= JOIN && reading.is_clear() => {
                reading.note_in_general(self.why_not_joined(context));
            }
            None if !context.is_assigned() => reading.clear_older(STALE),
            _ => {}
        }
        for obstacle in reading.obstacles(LOOK) {
            self.say(&obstacle);
        }
    }

    fn why_not_joined(&self, context: &GroupContext) -> String {
        if !context.may_be_polled() {
            return "there is no token to sign in to the brokers with yet; check the credentials and their rights"
                .to_owned();
        }
        let topics = self.subscribed.join("`, `");
        format!(
            "the group has not been joined for {JOIN:?}, to read `{topics}`, and the brokers do not say why"
        )
    }

    fn say(&self, Obstacle { reason, topic, partition, offset }: &Obstacle) {
        match self.throttle.note(reason) {
            LogLine::Full => {
                tracing::warn!(topic, partition, offset, "Kafka: {reason}; tried again until it passes");
            }
            LogLine::Summary(sum) => {
                tracing::warn!(topic, partition, offset, "Kafka: {sum}: {reason}; tried again");
            }
            LogLine::Nothing => {}
        }
    }
}

fn is_member(consumer: &BaseConsumer<GroupContext>) -> bool {
    !matches!(consumer.rebalance_protocol(), RebalanceProtocol::None)
}
