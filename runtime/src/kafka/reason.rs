//! Why the brokers did not do what they were asked, as a sentence.

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use sluice_connector_api::BoxError;

use sluice_kafka_client::Access;

/// Says why a question to the brokers failed, for who asked it: what librdkafka says names neither the brokers nor the way
/// out. A property's value is left out, for it may be a secret.
pub fn reason(access: &Access, error: &BoxError) -> String {
    use RDKafkaErrorCode::{
        AllBrokersDown, Authentication, BrokerTransportFailure, OperationTimedOut, Resolve, SSL,
    };
    let Some(error) = error.downcast_ref::<KafkaError>() else { return error.to_string() };
    let brokers = access.config.get("bootstrap.servers").unwrap_or_default();
    match code_of(error) {
        Some(AllBrokersDown | BrokerTransportFailure | OperationTimedOut | Resolve) => {
            format!("Kafka at {brokers} cannot be reached; check the address, the network, `auth` and `tls`")
        }
        Some(Authentication | SSL) => {
            format!("Kafka at {brokers} refuses the client; check `auth`, `tls` and the rights")
        }
        _ => described(error),
    }
}

/// Describes an error by librdkafka's words for it, without Rust's names.
pub(super) fn described(error: &KafkaError) -> String {
    if let KafkaError::ClientConfig(_, description, property, _) = error {
        return format!("`{property}`: {description}");
    }
    let Some(code) = code_of(error) else { return error.to_string() };
    let text = code.to_string();
    let description = text.split_once(" (").and_then(|(_, rest)| rest.strip_suffix(')'));
    description.unwrap_or(&text).trim_start_matches("Broker: ").trim_start_matches("Local: ").to_owned()
}

/// Says whether the brokers did not let a client in, or it did not trust them.
pub(super) fn is_refusal(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    matches!(code, Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL))
}

/// Returns the code of an error. The wrapper keeps that of a failed admin operation to itself.
pub(super) fn code_of(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        _ => error.rdkafka_error_code(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(error: KafkaError) -> String {
        reason(&Access::from_servers("kafka:9092"), &BoxError::from(error))
    }

    #[test]
    fn brokers_that_are_away_are_named_with_what_to_check() {
        let text = said(KafkaError::MetadataFetch(RDKafkaErrorCode::BrokerTransportFailure));
        assert_eq!(
            text,
            "Kafka at kafka:9092 cannot be reached; check the address, the network, `auth` and `tls`"
        );
    }

    #[test]
    fn any_other_failure_is_told_in_words_alone() {
        let text = said(KafkaError::AdminOp(RDKafkaErrorCode::ClusterAuthorizationFailed));
        assert_eq!(text, "Cluster authorization failed");
        assert_eq!(reason(&Access::from_servers("k"), &BoxError::from("as it is")), "as it is");
    }

    #[tokio::test]
    async fn a_property_that_is_refused_is_named_without_its_value() {
        let mut access = Access::from_servers("kafka:9092");
        access.set("sasl.pasword", "hunter2");
        let Err(error) = access.consumer("g").await else { panic!("there is no such property") };
        let text = reason(&access, &error);
        assert!(text.contains("`sasl.pasword`") && !text.contains("hunter2"), "{text}");
    }
}
