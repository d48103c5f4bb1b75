//! Whether the brokers are there, and the topic, and the right to write it.

use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::Producer;
use sluice_connector_api::{Failure, Finding};
use sluice_kafka_client::{AuthSettings, TopicRights, rights_of};

use super::client::{ASK, SinkProducer, described, producer, producer_config};
use super::writer::TopicWriter;

/// Looks, and writes nothing.
pub(super) async fn check(writer: &TopicWriter) -> Vec<Finding> {
    let brokers = format!("Kafka at {}", writer.settings.bootstrap_servers);
    let identity = match writer.identity().await {
        Ok(identity) => identity,
        Err(failure) => return vec![Finding::wrong("MSK token", failure.to_string())],
    };
    let mut findings = Vec::new();
    if let AuthSettings::MskIam(_) = writer.settings.auth {
        findings.push(Finding::good("MSK token", "signed"));
    }
    let producer = match producer(&producer_config(&writer.settings), &identity) {
        Ok(producer) => producer,
        Err(failure) => return vec![Finding::from_failure(brokers, &failure)],
    };
    let topics = writer.known_topics();
    if topics.is_empty() {
        let asked =
            blocking(&producer, |producer| producer.client().fetch_metadata(None, ASK).map(drop)).await;
        findings.push(match asked {
            Ok(Ok(())) => Finding::unseen(
                brokers,
                "answers; records name the topics, so that whether they may be written is told by the first puts",
            ),
            Ok(Err(error)) => unreachable(writer, &producer, brokers, &error),
            Err(failure) => Finding::from_failure(brokers, &failure),
        });
    }
    for topic in topics {
        let name = topic.clone();
        let asked = blocking(&producer, move |producer| rights_of(producer.client(), &name, ASK)).await;
        let subject = format!("topic {topic}");
        match asked {
            Ok(Ok(rights)) => findings.push(of_rights(rights, subject, &topic, makes_topics(writer))),
            Ok(Err(error)) => {
                findings.push(unreachable(writer, &producer, subject, &error));
                // The others would wait as long for the same.
                break;
            }
            Err(failure) => findings.push(Finding::from_failure(subject, &failure)),
        }
    }
    findings
}

fn makes_topics(writer: &TopicWriter) -> bool {
    producer_config(&writer.settings).get("allow.auto.create.topics") != Some("false")
}

fn of_rights(rights: TopicRights, subject: String, topic: &str, makes_topics: bool) -> Finding {
    match rights {
        TopicRights::Missing | TopicRights::Unlisted if makes_topics => {
            Finding::unseen(subject, "is not there; the brokers may make it at the first put")
        }
        TopicRights::Missing | TopicRights::Unlisted => Finding::wrong(
            subject,
            format!("is not there, or may not be seen; create it with `sluice topics create {topic}`"),
        ),
        TopicRights::Hidden => Finding::wrong(
            subject,
            "may not be seen by the client of the sink; give it the right `Write` on it, which `Describe` comes with",
        ),
        TopicRights::Seen { may_write: Some(false), .. } => Finding::wrong(
            subject,
            "may not be written; give the right `Write` on it to the client of the sink",
        ),
        TopicRights::Seen { partitions, may_write: Some(true) } => {
            Finding::good(subject, format!("has {partitions} partition(s), and may be written"))
        }
        TopicRights::Seen { partitions, may_write: None } => Finding::unseen(
            subject,
            format!("has {partitions} partition(s); these brokers do not tell whether it may be written"),
        ),
    }
}

fn unreachable(
    writer: &TopicWriter,
    producer: &SinkProducer,
    subject: String,
    error: &KafkaError,
) -> Finding {
    let servers = &writer.settings.bootstrap_servers;
    let said = producer.last_words().unwrap_or_else(|| described(error));
    let port = writer.settings.port_warning().map(|text| format!("; {text}"));
    let text = format!(
        "Kafka at {servers} cannot be reached: {said}; check the address, the network, `auth` and `tls`{}",
        port.unwrap_or_default()
    );
    Finding::unreachable(subject, text)
}

/// Asks on a thread that may block.
async fn blocking<T: Send + 'static>(
    producer: &SinkProducer,
    ask: impl FnOnce(&SinkProducer) -> KafkaResult<T> + Send + 'static,
) -> Result<KafkaResult<T>, Failure> {
    let producer = producer.clone();
    let asked = tokio::task::spawn_blocking(move || ask(&producer)).await;
    asked.map_err(|cut| Failure::retriable(format!("the look was cut off: {cut}")))
}
