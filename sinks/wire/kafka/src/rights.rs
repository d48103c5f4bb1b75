//! What a client may do to a topic.

use std::time::{Duration, Instant};

use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::metadata::MetadataTopic;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use crate::topic_query::{TopicAnswer, TopicQuery};

/// How soon brokers tell what a client may do, where all else takes no time.
const SOON: Duration = Duration::from_secs(1);

/// What a client may do to a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicRights {
    /// The topic is not there.
    Missing,
    /// It is not among those that the brokers list, which do not tell what a client may do.
    Unlisted,
    /// It may not even be seen.
    Hidden,
    /// It is there.
    Seen {
        /// How many partitions it has.
        partitions: usize,
        /// Whether the client may write; `None` where the brokers do not say.
        may_write: Option<bool>,
    },
}

/// Asks for a topic and the rights to it. Brokers that do not tell rights, or do not answer when asked for them, say at least
/// whether it is there: all topics are asked for, since one that is asked for by name may be made. It blocks for `timeout` at
/// most, and a second more where nobody answers.
pub fn rights_of<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> KafkaResult<TopicRights> {
    use RDKafkaErrorCode::{OperationTimedOut, UnsupportedFeature, UnsupportedVersion};
    match asked(client, topic, timeout / 2) {
        Err(KafkaError::AdminOp(UnsupportedFeature | UnsupportedVersion | OperationTimedOut)) => {
            let metadata = client.fetch_metadata(None, timeout / 2)?;
            let is_there = |found: &&MetadataTopic| found.name() == topic && found.error().is_none();
            let partitions = metadata.topics().iter().find(is_there).map(|found| found.partitions().len());
            let seen = |partitions| TopicRights::Seen { partitions, may_write: None };
            Ok(partitions.map_or(TopicRights::Unlisted, seen))
        }
        answered => answered,
    }
}

fn asked<C: ClientContext>(client: &Client<C>, topic: &str, timeout: Duration) -> KafkaResult<TopicRights> {
    let failed = || KafkaError::AdminOp(RDKafkaRespErr::RD_KAFKA_RESP_ERR__FAIL.into());
    let query = TopicQuery::new(client, &[topic], timeout, true).ok_or_else(failed)?;
    // Brokers for tests answer this, and the other never: no longer is waited for them.
    let begun = Instant::now();
    let is_known = client.fetch_cluster_id(timeout).is_some();
    let most = if is_known { SOON.max(begun.elapsed() * 10) } else { Duration::MAX };
    let mut rights = Ok(TopicRights::Missing);
    query.wait(most, |answer| rights = of_answer(&answer))?;
    rights
}

fn of_answer(answer: &TopicAnswer<'_>) -> KafkaResult<TopicRights> {
    match answer.error() {
        None => Ok(TopicRights::Seen { partitions: answer.partitions(), may_write: answer.may_write() }),
        Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) => Ok(TopicRights::Missing),
        Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) => Ok(TopicRights::Hidden),
        Some(code) => Err(KafkaError::AdminOp(code.into())),
    }
}
