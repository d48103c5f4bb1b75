//! Asks the brokers for topics' ids (KIP-516).

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::error::KafkaResult;
use rdkafka::types::RDKafkaRespErr;
use sluice_kafka_client::{TopicAnswer, TopicQuery};

use crate::kafka::stamp::TopicId;

/// What the brokers say of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct TopicFacts {
    /// Which topic of its name it is; none where the brokers have no ids.
    pub(in crate::kafka) id: Option<TopicId>,
    /// How many partitions it has.
    pub(in crate::kafka) partitions: i32,
    /// The brokers keep it for themselves.
    pub(in crate::kafka) is_internal: bool,
}

/// A question that was sent, and waits for its answer.
pub(in crate::kafka) struct TopicQuestion(TopicQuery);

impl TopicQuestion {
    /// Sends the question, and does not wait. `None` where there is no memory, or a name that no topic can have.
    pub(in crate::kafka) fn new<C: ClientContext>(
        client: &Client<C>,
        topics: &[&str],
        timeout: Duration,
    ) -> Option<Self> {
        TopicQuery::new(client, topics, timeout, false).map(Self)
    }

    /// Waits for the answer, but no longer than this. A topic that does not exist is none; one that may not be seen is left
    /// out.
    pub(in crate::kafka) fn wait(&self, most: Duration) -> KafkaResult<HashMap<String, Option<TopicFacts>>> {
        let mut facts = HashMap::new();
        self.0.wait(most, |answer| match answer.error() {
            None => {
                facts.insert(answer.name(), Some(TopicFacts::from_answer(&answer)));
            }
            Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) => {
                facts.insert(answer.name(), None);
            }
            Some(_) => {}
        })?;
        Ok(facts)
    }
}

impl TopicFacts {
    fn from_answer(answer: &TopicAnswer<'_>) -> Self {
        let (high, low) = answer.id();
        Self {
            id: TopicId::from_halves(high, low),
            partitions: i32::try_from(answer.partitions()).unwrap_or(i32::MAX),
            is_internal: answer.is_internal(),
        }
    }
}
