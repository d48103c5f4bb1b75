//! What an error of librdkafka means for a record. Pure.

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use sluice_connector_api::{Failure, Trouble};

use super::client::described;

/// Makes the failure of a record that is meant for a topic. `is_of_data` says whether data of the record names that, `last` what the
/// brokers said last.
pub(super) fn failure(topic: &str, error: &KafkaError, is_of_data: bool, last: Option<String>) -> Failure {
    use RDKafkaErrorCode as Code;
    let said = format!("topic {topic}: {}", described(error));
    let by_topic = |said: String| if is_of_data { Failure::rejected(said) } else { Failure::fatal(said) };
    match error.rdkafka_error_code() {
        Some(Code::MessageSizeTooLarge) => {
            Failure::rejected(format!("{said}; raise `max.message.bytes` of the topic, or send it elsewhere"))
        }
        Some(Code::InvalidRecord) => Failure::rejected(format!(
            "{said}; a topic that is compacted takes no record without a key (set one with `value_to_key`), and none takes a time \
             beyond `message.timestamp.before.max.ms` and `message.timestamp.after.max.ms`"
        )),
        Some(Code::InvalidTimestamp) => Failure::rejected(format!(
            "{said}; raise `message.timestamp.after.max.ms` and `message.timestamp.before.max.ms` of the topic"
        )),
        Some(Code::InvalidMessage | Code::InvalidMessageSize) => Failure::rejected(said),
        Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::InvalidTopic) => by_topic(format!(
            "{said}; create it with `sluice topics create {topic}`, or set `allow.auto.create.topics` under `properties`"
        )),
        Some(Code::UnknownPartition) => {
            by_topic(format!("{said}; give it as many as the topic that is read, or set `partition: key`"))
        }
        Some(Code::TopicAuthorizationFailed) => {
            Failure::forbidden(format!("{said}; give the right `Write` on it to the client of the sink"))
        }
        Some(
            Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::SaslAuthenticationFailed,
        ) => Failure::forbidden(format!("{said}; give this right to the client of the sink")),
        Some(Code::PolicyViolation) => by_topic(said),
        Some(Code::MessageTimedOut | Code::OperationTimedOut | Code::RequestTimedOut) => {
            let last = last.map(|last| format!("; last heard of the brokers: {last}")).unwrap_or_default();
            Failure::retriable(format!("{said}{last}")).because(Trouble::TimedOut)
        }
        Some(Code::BrokerTransportFailure | Code::AllBrokersDown | Code::Resolve) => {
            let last = last.map(|last| format!("; last heard of the brokers: {last}")).unwrap_or_default();
            Failure::retriable(format!("{said}{last}")).because(Trouble::Unreachable)
        }
        Some(Code::ThrottlingQuotaExceeded) => Failure::throttled(said),
        _ => Failure::retriable(said),
    }
}

/// Says whether the topic does not take a request for its size, which may be that of one record or of several together.
pub(super) fn is_too_large(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge)
}

/// Says whether something is wrong with a record, or with one of the request that it was in.
pub(super) fn is_invalid(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{InvalidMessage, InvalidMessageSize, InvalidRecord, InvalidTimestamp};
    let code = error.rdkafka_error_code();
    code.is_some_and(|code| {
        [InvalidMessage, InvalidMessageSize, InvalidRecord, InvalidTimestamp].contains(&code)
    })
}

/// Says whether a record was refused for another one of its request alone.
pub(super) fn is_of_another(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::InvalidDifferentRecord)
}

/// Says whether a record may have been refused for another one of its request.
pub(super) fn is_of_a_request(error: &KafkaError) -> bool {
    is_too_large(error) || is_invalid(error) || is_of_another(error)
}

/// Says whether a record was not sent, or not taken, since its producer has stopped at another request.
pub(super) fn is_left_behind(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{Fatal, OutOfOrderSequenceNumber, PurgeInflight, PurgeQueue};
    let code = error.rdkafka_error_code();
    code.is_some_and(|code| [Fatal, OutOfOrderSequenceNumber, PurgeInflight, PurgeQueue].contains(&code))
}

/// Says whether another try with the same producer would fail alike: it remembers that a topic is not there, or has given up for good.
pub(super) fn is_useless(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{Fatal, UnknownPartition, UnknownTopic, UnknownTopicOrPartition};
    let code = error.rdkafka_error_code();
    code.is_some_and(|code| [Fatal, UnknownPartition, UnknownTopic, UnknownTopicOrPartition].contains(&code))
}

#[cfg(test)]
mod tests {
    use sluice_connector_api::FailureKind;

    use super::*;

    #[test]
    fn each_error_says_what_to_do() {
        use RDKafkaErrorCode as Code;
        for (code, fixed, of_data) in [
            (Code::MessageSizeTooLarge, FailureKind::Rejected, FailureKind::Rejected),
            (Code::InvalidRecord, FailureKind::Rejected, FailureKind::Rejected),
            (Code::UnknownTopic, FailureKind::Fatal, FailureKind::Rejected),
            (Code::UnknownTopicOrPartition, FailureKind::Fatal, FailureKind::Rejected),
            (Code::UnknownPartition, FailureKind::Fatal, FailureKind::Rejected),
            (Code::TopicAuthorizationFailed, FailureKind::Fatal, FailureKind::Fatal),
            (Code::ClusterAuthorizationFailed, FailureKind::Fatal, FailureKind::Fatal),
            (Code::MessageTimedOut, FailureKind::Retriable, FailureKind::Retriable),
            (Code::BrokerTransportFailure, FailureKind::Retriable, FailureKind::Retriable),
            (Code::NotEnoughReplicas, FailureKind::Retriable, FailureKind::Retriable),
            (Code::Fatal, FailureKind::Retriable, FailureKind::Retriable),
            (Code::QueueFull, FailureKind::Retriable, FailureKind::Retriable),
        ] {
            let kind =
                |is_of_data| failure("t", &KafkaError::MessageProduction(code), is_of_data, None).kind();
            assert_eq!((kind(false), kind(true)), (fixed, of_data), "{code:?}");
        }
    }
}
