//! What is written of a record, and where: the same for every way to put.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureRecord, Producer};
use sluice_connector_api::{Failure, Headers, Payload, Record, SettingsError, SourceTopics};
use sluice_kafka_client::{Access, Identity};
use tokio::sync::OnceCell;

use super::client::{SinkProducer, producer_config};
use super::settings::{KafkaSinkSettings, PartitionChoice};
use super::topic::TopicRule;

/// Makes what is sent of records.
pub(super) struct TopicWriter {
    pub(super) settings: KafkaSinkSettings,
    pub(super) topic: TopicRule,
    access: Access,
    /// Who all clients of the sink are, once one is needed.
    identity: OnceCell<Identity>,
    /// What the connector reads.
    source: OnceLock<Arc<dyn SourceTopics>>,
    /// Whether it reads from these brokers, once that had to be known.
    is_same_cluster: OnceCell<bool>,
}

/// How long the brokers may take to say which cluster they are.
const CLUSTER: Duration = Duration::from_secs(4);

/// A record as it is sent.
pub(super) struct SentRecord<'a> {
    pub(super) topic: Cow<'a, str>,
    key: Option<Bytes>,
    value: Option<Bytes>,
    headers: Option<OwnedHeaders>,
    timestamp: Option<i64>,
    partition: Option<i32>,
}

impl TopicWriter {
    pub(super) fn new(settings: KafkaSinkSettings) -> Result<Self, SettingsError> {
        Ok(Self {
            topic: TopicRule::new(&settings.topic)?,
            access: Access::new(producer_config(&settings), settings.security()),
            settings,
            identity: OnceCell::new(),
            source: OnceLock::new(),
            is_same_cluster: OnceCell::new(),
        })
    }

    /// Returns who all clients of the sink are, as soon as they can authenticate.
    pub(super) async fn identity(&self) -> Result<Identity, Failure> {
        let made = self.identity.get_or_try_init(|| self.access.identity()).await;
        made.cloned().map_err(|error| Failure::retriable(format!("no token for the brokers: {error}")))
    }

    /// Takes note of what the connector reads, and refuses what can be told to go round for ever.
    pub(super) fn meets(&self, source: Arc<dyn SourceTopics>) -> Result<(), SettingsError> {
        let source = self.source.get_or_init(|| source);
        if !share_brokers(&self.settings.bootstrap_servers, source.bootstrap_servers()) {
            // They may be the same all the same: the cluster says that before such a topic is written.
            return Ok(());
        }
        self.is_same_cluster.set(true).ok();
        for read in source.names() {
            if let Some(written) = self.topic.of_topic(&read).filter(|written| source.reads(written)) {
                return Err(SettingsError::at("topic", goes_round(&written)));
            }
        }
        if let Some(written) = self.topic.fixed().filter(|written| source.reads(written)) {
            return Err(SettingsError::at("topic", goes_round(written)));
        }
        Ok(())
    }

    /// Returns the topics that are written for certain: the one of all records, or, where the name of a topic that is read is enough,
    /// those that follow.
    pub(super) fn known_topics(&self) -> Vec<String> {
        if let Some(fixed) = self.topic.fixed() {
            return vec![fixed.to_owned()];
        }
        let read = self.source.get().map(|source| source.names()).unwrap_or_default();
        read.iter().filter_map(|read| self.topic.of_topic(read)).collect()
    }

    /// Asks the brokers, where a record goes to a topic of a name that is read, whether they are those that are read from by another
    /// address.
    pub(super) async fn know_cluster(
        &self,
        producer: &SinkProducer,
        batch: &[Record],
    ) -> Result<(), Failure> {
        let Some(source) = self.source.get() else { return Ok(()) };
        let is_read = |record: &Record| self.topic.name(record).is_ok_and(|topic| source.reads(&topic));
        if self.is_same_cluster.initialized() || !batch.iter().any(is_read) {
            return Ok(());
        }
        self.is_same_cluster.get_or_try_init(|| self.compare_clusters(producer, &**source)).await.map(|_| ())
    }

    async fn compare_clusters(
        &self,
        producer: &SinkProducer,
        source: &dyn SourceTopics,
    ) -> Result<bool, Failure> {
        let asking = producer.clone();
        let own = tokio::task::spawn_blocking(move || asking.client().fetch_cluster_id(CLUSTER));
        let (own, read) = (own.await.ok().flatten(), source.cluster_id().await);
        match (own, read) {
            (Some(own), Some(read)) => Ok(own == read),
            _ => Err(Failure::retriable(format!(
                "a topic of this name is read by the connector, and not all brokers say which cluster they are: {} and {}",
                self.settings.bootstrap_servers,
                source.bootstrap_servers()
            ))),
        }
    }

    /// Makes what is sent of a record.
    pub(super) fn sent<'a>(&'a self, record: &Record) -> Result<SentRecord<'a>, Failure> {
        let topic = self.topic.name(record).map_err(|reason| self.unnamed(reason))?;
        let is_same = self.is_same_cluster.get() == Some(&true);
        if is_same && self.source.get().is_some_and(|source| source.reads(&topic)) {
            return Err(Failure::fatal(goes_round(&topic)));
        }
        Ok(SentRecord {
            topic,
            key: record.key.as_ref().map(Payload::to_bytes),
            value: record.value.as_ref().map(Payload::to_bytes),
            headers: headers(&record.headers),
            timestamp: record.timestamp.map(|timestamp| timestamp.millis).filter(|millis| *millis >= 0),
            partition: match self.settings.partition {
                PartitionChoice::Key => None,
                PartitionChoice::Origin => Some(record.origin().partition()),
            },
        })
    }

    /// A name that is none is the fault of whatever makes it.
    fn unnamed(&self, reason: String) -> Failure {
        if self.topic.is_of_data() {
            Failure::rejected(reason)
        } else {
            Failure::fatal(format!("{reason}; change `topic`"))
        }
    }
}

impl SentRecord<'_> {
    pub(super) fn to_future_record(&self) -> FutureRecord<'_, [u8], [u8]> {
        let mut record = FutureRecord::<[u8], [u8]>::to(&self.topic);
        record.key = self.key.as_deref();
        record.payload = self.value.as_deref();
        record.timestamp = self.timestamp;
        record.partition = self.partition;
        record.headers.clone_from(&self.headers);
        record
    }
}

fn headers(headers: &Headers) -> Option<OwnedHeaders> {
    if headers.is_empty() {
        return None;
    }
    let mut all = OwnedHeaders::new_with_capacity(headers.len());
    for header in headers {
        all = all.insert(Header { key: &header.name, value: header.value.as_deref() });
    }
    Some(all)
}

fn goes_round(topic: &str) -> String {
    format!(
        "{topic} is read by this connector, which would go round for ever; write to another topic, or to other brokers"
    )
}

/// Says whether two lists of addresses have one in common.
pub(super) fn share_brokers(one: &str, other: &str) -> bool {
    let known: Vec<String> = addresses(other).collect();
    addresses(one).any(|address| known.contains(&address))
}

fn addresses(servers: &str) -> impl Iterator<Item = String> + '_ {
    let servers = servers.split(',').map(|server| server.trim().to_ascii_lowercase());
    servers.filter(|server| !server.is_empty()).map(|server| {
        // As librdkafka has it.
        if server.rsplit(']').next().is_some_and(|rest| rest.contains(':')) {
            server
        } else {
            format!("{server}:9092")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_the_same_by_any_address() {
        for (one, other, same) in [
            ("a:9092,b:9092", "c:9092, B:9092", true),
            ("a", "a:9092", true),
            ("a:9092", "a:9093", false),
            ("[::1]:9092", "[::1]", true),
            ("", "", false),
        ] {
            assert_eq!(share_brokers(one, other), same, "{one} {other}");
        }
    }
}
