//! A Kafka broker inside the process: librdkafka's mock cluster, for the demo and for fast tests.
//!
//! It listens on loopback, so that other processes can produce and consume. It keeps records in memory: at most
//! 5 MiB per partition, older ones are dropped. It has no admin requests, no look-up by time, and it refuses
//! commits while a group rebalances. A group whose last member has left takes another one after its session timeout. What needs those is tested against Apache Kafka itself.

mod ffi;

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaResult;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, DefaultProducerContext, Producer};

/// A running broker; dropping it stops it.
pub struct EmbeddedKafka {
    /// The client whose configuration made the cluster; the cluster lives as long as it does.
    owner: BaseProducer,
}

impl std::fmt::Debug for EmbeddedKafka {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedKafka").field("bootstrap_servers", &self.bootstrap_servers()).finish()
    }
}

impl EmbeddedKafka {
    /// Starts one broker on a free loopback port. A consumer group is ready at once, without the 3 s that a
    /// broker usually waits for further members.
    pub fn start() -> KafkaResult<Self> {
        let owner: BaseProducer = ClientConfig::new().set("test.mock.num.brokers", "1").create()?;
        ffi::set_initial_rebalance_delay(owner.client(), Duration::ZERO);
        Ok(Self { owner })
    }

    /// Creates a topic.
    pub fn create_topic(&self, name: &str, partitions: i32) -> KafkaResult<()> {
        self.with_cluster(Ok(()), |cluster| cluster.create_topic(name, partitions, 1))
    }

    /// Returns the addresses for `bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> String {
        self.with_cluster(String::new(), |cluster| cluster.bootstrap_servers())
    }

    /// Takes the broker down: connections break and are refused.
    pub fn down(&self) -> KafkaResult<()> {
        self.with_cluster(Ok(()), |cluster| cluster.broker_down(1))
    }

    /// Brings the broker back up, with its records.
    pub fn up(&self) -> KafkaResult<()> {
        self.with_cluster(Ok(()), |cluster| cluster.broker_up(1))
    }

    /// Takes the leader of a partition away, as if the brokers that keep it were gone, or gives it back. To be done before anybody
    /// reads or writes the partition: the mock falls over a request for a leader that is gone.
    pub fn set_leader(&self, topic: &str, partition: i32, has_leader: bool) -> KafkaResult<()> {
        let leader = has_leader.then_some(1);
        self.with_cluster(Ok(()), |cluster| cluster.partition_leader(topic, partition, leader))
    }

    /// The client has a mock cluster by its configuration, so `absent` is never seen.
    fn with_cluster<T>(
        &self,
        absent: T,
        act: impl FnOnce(MockCluster<'_, DefaultProducerContext>) -> T,
    ) -> T {
        self.owner.client().mock_cluster().map_or(absent, act)
    }
}
