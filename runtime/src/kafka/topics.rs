//! Creates, lists and deletes topics, for the commands.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication, TopicResult};
use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode;
use sluice_connector_api::BoxError;

use crate::kafka::native::controller::has_controller;
use crate::kafka::reason::described;
use sluice_kafka_client::Access;
use sluice_kafka_client::Identity;

/// How long the brokers may take.
const WAIT: Duration = Duration::from_secs(15);

/// How long the brokers may take to elect a controller.
const CONTROLLER: Duration = Duration::from_secs(3);
/// What is said of brokers for tests.
const NO_CONTROLLER: &str = "the brokers have no controller, so that topics are neither created nor deleted; those of \
                             `sluice demo` make a topic when it is first written to, and forget it when they end";

/// What is said of brokers that answer, and not this.
const UNANSWERED: &str = "the brokers answer, but not to what creates and deletes topics; those of `sluice demo` make a topic \
                          when it is first written to (`sluice produce -X allow.auto.create.topics=true`), and forget it when \
                          they end";

/// How topics are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicLayout {
    /// How many partitions; -1 leaves it to the brokers.
    pub partitions: i32,
    /// How many brokers hold each partition; -1 leaves it to the brokers.
    pub replication_factor: i32,
    /// Settings of the topics, by name and value.
    pub settings: Vec<(String, String)>,
}

/// What became of a topic that was to be created or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicChange {
    /// It was.
    Done,
    /// It was to be created and is there already.
    Existed,
    /// It was not, and this is why.
    Refused(String),
}

/// What a topic looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSummary {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: usize,
    /// How many brokers hold the partition that the fewest hold.
    pub replicas: usize,
}

/// Creates topics; says of each what became of it. Fails where the brokers cannot be reached.
pub async fn create(
    access: &Access,
    names: &[String],
    layout: &TopicLayout,
) -> Result<Vec<(String, TopicChange)>, BoxError> {
    let mut topics = Vec::new();
    for name in names {
        let replication = TopicReplication::Fixed(layout.replication_factor);
        let mut topic = NewTopic::new(name, layout.partitions, replication);
        for (setting, value) in &layout.settings {
            topic = topic.set(setting, value);
        }
        topics.push(topic);
    }
    let admin = admin(access).await?;
    match admin.create_topics(&topics, &options()).await {
        Ok(answers) => Ok(answers.into_iter().map(change).collect()),
        Err(error) => Err(unanswered(admin, error).await),
    }
}

/// Deletes topics with all that they hold; says of each what became of it. Fails where the brokers cannot be reached.
pub async fn delete(access: &Access, names: &[String]) -> Result<Vec<(String, TopicChange)>, BoxError> {
    let admin = admin(access).await?;
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    match admin.delete_topics(&names, &options()).await {
        Ok(answers) => Ok(answers.into_iter().map(change).collect()),
        Err(error) => Err(unanswered(admin, error).await),
    }
}

/// Lists the topics by name, without those that are Kafka's own.
pub async fn list(access: &Access) -> Result<Vec<TopicSummary>, BoxError> {
    let consumer = access.consumer("sluice-topics").await?;
    let metadata = tokio::task::spawn_blocking(move || consumer.fetch_metadata(None, WAIT)).await??;
    let mut topics = Vec::new();
    for topic in metadata.topics().iter().filter(|topic| !topic.name().starts_with("__")) {
        let replicas = topic.partitions().iter().map(|partition| partition.replicas().len()).min();
        topics.push(TopicSummary {
            name: topic.name().to_owned(),
            partitions: topic.partitions().len(),
            replicas: replicas.unwrap_or(0),
        });
    }
    topics.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(topics)
}

/// Asks whether a topic is there, and may be seen. The client must be one that has no topic created by asking for it, as those
/// of [`Access`] are.
pub(super) fn is_there<C: ClientContext>(
    client: &Client<C>,
    name: &str,
    timeout: Duration,
) -> KafkaResult<bool> {
    let metadata = client.fetch_metadata(Some(name), timeout)?;
    let mut topics = metadata.topics().iter();
    Ok(topics.any(|topic| topic.name() == name && topic.error().is_none()))
}

/// Says that a topic is not there to be written to, with the way out.
pub(super) fn is_missing(topic: &str) -> String {
    format!(
        "topic `{topic}` does not exist, or may not be seen; create it with `sluice topics create {topic}`"
    )
}

/// Makes a client that creates and deletes topics, where the brokers do such things at all.
async fn admin(access: &Access) -> Result<AdminClient<Identity>, BoxError> {
    let admin = access.admin().await?;
    let asked = tokio::task::spawn_blocking(move || {
        let has_controller = has_controller(admin.inner(), CONTROLLER);
        let answers = has_controller || admin.inner().fetch_metadata(None, WAIT).is_ok();
        (admin, has_controller, answers)
    });
    match asked.await? {
        (_, false, true) => Err(NO_CONTROLLER.into()),
        (admin, ..) => Ok(admin),
    }
}

/// Tells brokers that are away from those that do not know the request, as brokers for tests do not.
async fn unanswered(admin: AdminClient<Identity>, error: KafkaError) -> BoxError {
    let asked = tokio::task::spawn_blocking(move || admin.inner().fetch_metadata(None, CONTROLLER).is_ok());
    if asked.await.unwrap_or(false) && is_timeout(&error) { UNANSWERED.into() } else { error.into() }
}

fn is_timeout(error: &KafkaError) -> bool {
    matches!(
        error,
        KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::RequestTimedOut)
    )
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(WAIT)).operation_timeout(Some(WAIT))
}

fn change(answer: TopicResult) -> (String, TopicChange) {
    match answer {
        Ok(topic) => (topic, TopicChange::Done),
        Err((topic, RDKafkaErrorCode::TopicAlreadyExists)) => (topic, TopicChange::Existed),
        Err((topic, code)) => (topic, TopicChange::Refused(described(&KafkaError::AdminOp(code)))),
    }
}
