//! Makes the topic of a dead letter queue where it is not there.

use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{FutureProducer, Producer};
use rdkafka::types::RDKafkaErrorCode;
use sluice_connector_api::BoxError;
use tokio::time::Instant;

use crate::kafka::topics::is_there;
use sluice_kafka_client::Access;
use sluice_kafka_client::Identity;

/// How long the brokers may take to create it.
const TOPIC_WAIT: Duration = Duration::from_secs(10);
/// How long they may take to say whether they would make it.
const REFUSAL_WAIT: Duration = Duration::from_secs(5);
/// How long they may take to say what they hold.
const ANSWER_WAIT: Duration = Duration::from_secs(3);
/// How soon they are asked again for a topic that they make when it is asked for.
const AGAIN: Duration = Duration::from_millis(100);
/// What a topic of ours takes, the first of these that the brokers allow: what they read of one request by default
/// (`socket.request.max.bytes`), and what services allow at most.
const LARGEST_RECORDS: [Option<&str>; 4] = [Some("104857600"), Some("20971520"), Some("8388608"), None];
/// A letter has the time of its record, whenever that was: brokers refuse what is more than an hour ahead by default, since
/// Apache Kafka 4.0. Those before 3.6 do not know this.
const ANY_TIME: (&str, &str) = ("message.timestamp.after.max.ms", "9223372036854775807");

/// Makes the topic with the brokers' default replication. Brokers that answer, and not what creates topics, as those for tests do,
/// make it when it is asked for. The outer error is that of a client without a token.
pub(super) async fn make(
    name: &str,
    access: &Access,
    identity: Identity,
) -> Result<KafkaResult<()>, BoxError> {
    let admin: AdminClient<Identity> = match access.config.create_with_context(identity.clone()) {
        Ok(admin) => admin,
        Err(error) => return Ok(Err(error)),
    };
    identity.show_to(admin.inner())?;
    // To close a client waits for what it was asked, and a connector that stops does not.
    let admin = scopeguard::guard(admin, |admin| drop(std::thread::spawn(move || drop(admin))));
    let error = match create(name, &admin).await {
        Err(error) if is_unanswered(&error) => error,
        settled => return Ok(settled),
    };
    let made = make_by_asking(name, access, identity).await;
    Ok(made.and_then(|is_made| if is_made { Ok(()) } else { Err(error) }))
}

/// Says why the brokers would not make the topic, if that can be seen. Nothing is made.
pub(super) async fn refusal(name: &str, access: &Access) -> Option<KafkaError> {
    let admin = access.admin().await.ok()?;
    // To close a client waits for what it was asked.
    let admin = scopeguard::guard(admin, |admin| drop(std::thread::spawn(move || drop(admin))));
    let options = AdminOptions::new().request_timeout(Some(REFUSAL_WAIT)).validate_only(true);
    let topic = NewTopic::new(name, 1, TopicReplication::Fixed(-1));
    let answers = admin.create_topics([&topic], &options).await.ok()?;
    let (_, code) = answers.into_iter().next()?.err()?;
    is_refusal(code).then_some(KafkaError::AdminOp(code))
}

/// Says whether brokers make no such topic for this client, whenever they are asked.
fn is_refusal(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{ClusterAuthorizationFailed, InvalidTopic, TopicAuthorizationFailed};
    matches!(code, ClusterAuthorizationFailed | InvalidTopic | TopicAuthorizationFailed)
}

/// Says why a topic that is there acknowledges nothing, where the brokers show it. Blocks.
pub(super) fn lack_of<C: ClientContext>(client: &Client<C>, name: &str) -> Option<String> {
    let metadata = client.fetch_metadata(Some(name), ANSWER_WAIT).ok()?;
    let topic = metadata.topics().iter().find(|topic| topic.name() == name)?;
    topic.partitions().iter().find_map(|partition| {
        let (id, all, in_sync) = (partition.id(), partition.replicas().len(), partition.isr().len());
        if partition.leader() < 0 {
            return Some(format!("acknowledges nothing: its partition {id} has no leader"));
        }
        (in_sync < all).then(|| {
            format!(
                "acknowledges nothing: of the {all} replicas of its partition {id} only {in_sync} are in sync, \
                 which its `min.insync.replicas` may not allow"
            )
        })
    })
}

async fn create(name: &str, admin: &AdminClient<Identity>) -> KafkaResult<()> {
    let options = AdminOptions::new().request_timeout(Some(TOPIC_WAIT)).operation_timeout(Some(TOPIC_WAIT));
    let mut refused = RDKafkaErrorCode::InvalidConfig;
    for (largest, any_time) in settings() {
        let mut topic = NewTopic::new(name, 1, TopicReplication::Fixed(-1));
        if let Some(largest) = largest {
            topic = topic.set("max.message.bytes", largest);
        }
        if any_time {
            topic = topic.set(ANY_TIME.0, ANY_TIME.1);
        }
        match admin.create_topics([&topic], &options).await?.first() {
            Some(Err((_, code))) if is_about_settings(*code) => refused = *code,
            Some(Err((_, code))) if *code != RDKafkaErrorCode::TopicAlreadyExists => {
                return Err(KafkaError::AdminOp(*code));
            }
            _ => {
                tracing::info!(topic = name, "dead letter topic created");
                return Ok(());
            }
        }
    }
    Err(KafkaError::AdminOp(refused))
}

/// The settings of the topic, the best first: its size matters more than any time, which a letter can do without.
fn settings() -> impl Iterator<Item = (Option<&'static str>, bool)> {
    LARGEST_RECORDS.into_iter().flat_map(|largest| [(largest, true), (largest, false)])
}

/// Asks for a topic so that it is made, and says whether it was.
async fn make_by_asking(name: &str, access: &Access, identity: Identity) -> KafkaResult<bool> {
    let mut config = access.config.clone();
    config.set("allow.auto.create.topics", "true");
    let asking: FutureProducer<Identity> = config.create_with_context(identity)?;
    let topic = name.to_owned();
    let deadline = Instant::now() + TOPIC_WAIT;
    let asked = tokio::task::spawn_blocking(move || {
        loop {
            match is_there(asking.client(), &topic, ANSWER_WAIT) {
                Ok(false) if Instant::now() < deadline => std::thread::sleep(AGAIN),
                settled => return settled.unwrap_or(false),
            }
        }
    });
    let is_made = asked.await.unwrap_or(false);
    if is_made {
        tracing::info!(
            topic = name,
            "dead letter topic created by asking for it: the brokers answer no other way"
        );
    }
    Ok(is_made)
}

fn is_unanswered(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{OperationTimedOut, RequestTimedOut, UnsupportedFeature};
    matches!(error, KafkaError::AdminOp(OperationTimedOut | RequestTimedOut | UnsupportedFeature))
}

/// Says whether brokers refuse a topic for its settings, by themselves or by a policy.
fn is_about_settings(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::InvalidConfig | RDKafkaErrorCode::PolicyViolation)
}
