//! What a refusal says of a dead letter, of its topic, and of another try.

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use sluice_connector_api::{Failure, Trouble};

use crate::kafka::reason::code_of;

/// The way out where a topic may not be written.
pub(super) const GIVE_WRITE: &str =
    "give the right `Write` on it to the client of the source, whose brokers it is on";

pub(super) fn failure_with(topic: &str, error: &KafkaError) -> Failure {
    let reason = format!("topic `{topic}`: {error}");
    match code_of(error) {
        Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
            Failure::fatal(format!("topic `{topic}` may not be written; {GIVE_WRITE}"))
        }
        Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessage) => {
            Failure::rejected(reason)
        }
        Some(
            RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::InvalidTopic
            | RDKafkaErrorCode::PolicyViolation,
        ) => Failure::fatal(reason),
        Some(RDKafkaErrorCode::MessageTimedOut | RDKafkaErrorCode::OperationTimedOut) => {
            Failure::retriable(reason).because(Trouble::TimedOut)
        }
        Some(RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::AllBrokersDown) => {
            Failure::retriable(reason).because(Trouble::Unreachable)
        }
        _ => Failure::retriable(reason),
    }
}

pub(super) fn is_too_large(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge)
}

pub(super) fn is_timeout(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageTimedOut)
}

pub(super) fn is_of_another_time(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::InvalidTimestamp)
}

/// Says whether a request was refused for one record of it, whichever that was.
pub(super) fn is_of_one_record(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{InvalidDifferentRecord, InvalidRecord, InvalidTimestamp, MessageSizeTooLarge};
    error.rdkafka_error_code().is_some_and(|code| {
        [InvalidDifferentRecord, InvalidRecord, InvalidTimestamp, MessageSizeTooLarge].contains(&code)
    })
}

/// Says what may be done about a topic that takes a record by none of its tries, but for its size.
pub(super) fn way_out(error: &KafkaError) -> Option<&'static str> {
    match error.rdkafka_error_code()? {
        RDKafkaErrorCode::InvalidRecord => Some(
            "one that is compacted takes none without a key: take another topic, or set its `cleanup.policy` to `delete`",
        ),
        RDKafkaErrorCode::InvalidTimestamp => {
            Some("raise its `message.timestamp.after.max.ms` and `message.timestamp.before.max.ms`")
        }
        _ => None,
    }
}

/// Says whether another try with the same producer would fail alike: the topic is gone, librdkafka has given up for good
/// (`Fatal`), or it remembers for minutes that the right is missing.
pub(super) fn is_useless(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let code = error.rdkafka_error_code();
    matches!(code, Some(Code::Fatal | Code::MessageTimedOut | Code::TopicAuthorizationFailed))
        || matches!(code, Some(Code::UnknownPartition | Code::UnknownTopic | Code::UnknownTopicOrPartition))
}

#[cfg(test)]
mod tests {
    use sluice_connector_api::FailureKind;

    use super::*;

    /// Otherwise a missing right would be waited for like an outage.
    #[test]
    fn a_right_that_is_missing_to_write_or_to_make_the_topic_is_no_outage() {
        let kind = |error: KafkaError| failure_with("letters", &error).kind();
        assert_eq!(
            kind(KafkaError::MessageProduction(RDKafkaErrorCode::TopicAuthorizationFailed)),
            FailureKind::Fatal
        );
        assert_eq!(
            kind(KafkaError::AdminOp(RDKafkaErrorCode::ClusterAuthorizationFailed)),
            FailureKind::Fatal
        );
        assert_eq!(kind(KafkaError::AdminOp(RDKafkaErrorCode::PolicyViolation)), FailureKind::Fatal);
        assert_eq!(kind(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut)), FailureKind::Retriable);
    }
}
