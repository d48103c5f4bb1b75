//! What an error means for the client that gets it: whether trying on may help.

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode::{
    GroupAuthorizationFailed, UnknownPartition, UnknownTopic, UnknownTopicId, UnknownTopicOrPartition,
    UnreleasedInstanceId,
};

/// What an error means for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    /// librdkafka tries on, and it may pass: also where a right is missing, which may be given at any time.
    Passing,
    /// librdkafka gave the client up, and another one joins once the brokers take it.
    GivenUp,
    /// librdkafka gave the client up, and another one would not fare better.
    Final,
}

/// Says what an error means.
pub(super) fn severity(error: &KafkaError) -> Severity {
    match error {
        // A member of this static name is there, which may be one that was killed, or the right to join is missing (KIP-848).
        KafkaError::MessageConsumptionFatal(UnreleasedInstanceId | GroupAuthorizationFailed) => {
            Severity::GivenUp
        }
        KafkaError::MessageConsumptionFatal(_) => Severity::Final,
        _ => Severity::Passing,
    }
}

/// Says whether an error may mean that a topic is another one now.
pub(super) fn is_of_topic(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    matches!(code, Some(UnknownPartition | UnknownTopic | UnknownTopicId | UnknownTopicOrPartition))
}

#[cfg(test)]
mod tests {
    use rdkafka::types::RDKafkaErrorCode::{FencedInstanceId, TopicAuthorizationFailed};

    use super::*;

    #[test]
    fn a_missing_right_may_be_given_and_a_client_that_was_given_up_for_it_is_made_anew() {
        let of = |code| severity(&KafkaError::MessageConsumption(code));
        assert_eq!(
            (of(TopicAuthorizationFailed), of(GroupAuthorizationFailed)),
            (Severity::Passing, Severity::Passing)
        );
        let fatal = |code| severity(&KafkaError::MessageConsumptionFatal(code));
        assert_eq!(fatal(GroupAuthorizationFailed), Severity::GivenUp);
        assert_eq!(
            (fatal(UnreleasedInstanceId), fatal(FencedInstanceId)),
            (Severity::GivenUp, Severity::Final)
        );
    }
}
