//! A real Apache Kafka broker for the tests: one node, `KRaft` mode, on free loopback ports.
//!
//! A test asks for it and ends early where there is none (see [`Broker::shared`]):
//!
//! ```no_run
//! # use sluice_tests::kafka::{self, Broker};
//! let Some(broker) = Broker::shared() else { return };
//! let topic = kafka::unique("orders");
//! broker.create_topic(&topic, 2);
//! broker.produce(&topic, [("key", "value")]);
//! ```
//!
//! Every call blocks its thread and panics on a failure. A test of a current-thread runtime that runs the
//! engine in the same thread stops it meanwhile: use the multi-thread flavour there.

mod client;
mod record;
pub mod secure;
mod server;
mod storage;

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

pub use client::client_of;
use client::has_leader;
pub use record::{NewRecord, StoredRecord};
use server::{BrokerProcess, More};
pub use storage::Damage;

use crate::server_process::free_port;

/// How long one request may take before the test fails.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Returns `stem` with a number that no other call of this process gets, for topics and groups of tests that
/// share a broker.
pub fn unique(stem: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{stem}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A broker of this test process. It dies with its value, and with the process however that ends; it lives
/// for 30 minutes at most after each start.
pub struct Broker {
    server: BrokerProcess,
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker").field("address", &self.server.address()).finish_non_exhaustive()
    }
}

impl Broker {
    /// Returns the broker that all tests of this process share, started by the first call.
    ///
    /// `None` means that there is no JDK or no jar of Kafka here: a notice is on standard error, and the test
    /// is to return.
    ///
    /// # Panics
    /// If the broker does not start, or if there is none and `SLUICE_REQUIRE_KAFKA=1` says that there must be.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Result<Broker, String>> = OnceLock::new();
        let jars = server::jars_or_notice()?;
        let started = SHARED.get_or_init(|| BrokerProcess::start(jars).map(|server| Self { server }));
        Some(started.as_ref().unwrap_or_else(|problem| panic!("{problem}")))
    }

    /// Starts a broker of the caller's own, which it may stop and kill. `None` and panics as [`Broker::shared`].
    pub fn start() -> Option<Self> {
        let jars = server::jars_or_notice()?;
        let server = BrokerProcess::start(jars).unwrap_or_else(|problem| panic!("{problem}"));
        Some(Self { server })
    }

    /// Starts a broker of the caller's own that creates topics by itself when they are asked for, as Kafka does by default.
    pub fn start_creating() -> Option<Self> {
        Self::start_with("auto.create.topics.enable=true\n")
    }

    /// Starts a broker of the caller's own with more properties, a line each.
    pub fn start_with(properties: &str) -> Option<Self> {
        let jars = server::jars_or_notice()?;
        let more = |_: &Path| Ok(More { properties: properties.to_owned(), ..More::default() });
        let server = BrokerProcess::start_with(jars, &more).unwrap_or_else(|problem| panic!("{problem}"));
        Some(Self { server })
    }

    /// Starts a broker of the caller's own, and returns the address of a listener that is advertised at the host
    /// `broker.invalid`, which nobody knows.
    pub fn start_unresolved() -> Option<(Self, String)> {
        let jars = server::jars_or_notice()?;
        let port = free_port();
        let more = |_: &Path| Ok(More { unresolved: Some(port), ..More::default() });
        let server = BrokerProcess::start_with(jars, &more).unwrap_or_else(|problem| panic!("{problem}"));
        Some((Self { server }, server::address_of(port)))
    }

    /// Starts a broker of the caller's own with so many listeners more, each of which says that it is at another port: that of a
    /// proxy, to be started by the caller. Returns the ports of each. Transactions whose time is up end within a second.
    pub fn start_behind(listeners: usize) -> Option<(Self, Vec<(u16, u16)>)> {
        let jars = server::jars_or_notice()?;
        let ports: Vec<_> = (0..listeners).map(|_| (free_port(), free_port())).collect();
        let elsewhere: Vec<_> = ports
            .iter()
            .zip(0..)
            .map(|((port, says), number)| (format!("BEHIND{number}"), *port, *says))
            .collect();
        let properties =
            "transaction.abort.timed.out.transaction.cleanup.interval.ms=1000\nnum.network.threads=1\n";
        let more = |_: &Path| {
            Ok(More { properties: properties.to_owned(), elsewhere: elsewhere.clone(), ..More::default() })
        };
        let server = BrokerProcess::start_with(jars, &more).unwrap_or_else(|problem| panic!("{problem}"));
        Some((Self { server }, ports))
    }

    /// Stops the broker in good order; its data and its address stay for [`Broker::restart`].
    pub fn stop(&mut self) {
        self.server.end("stop");
    }

    /// Kills the broker with SIGKILL; its data and its address stay for [`Broker::restart`].
    pub fn kill(&mut self) {
        self.server.end("kill");
    }

    /// Starts the broker again with its data at its address, after [`Broker::stop`] if it runs. After a kill this
    /// takes 3 s longer: the controller waits for the session of the dead broker to expire.
    pub fn restart(&mut self) {
        self.stop();
        self.server.launch().unwrap_or_else(|problem| panic!("{problem}"));
    }

    /// Returns the address of the broker, the same after a restart.
    pub fn bootstrap_servers(&self) -> String {
        self.server.address()
    }

    /// Returns the version of the broker.
    pub fn version(&self) -> String {
        self.server.version()
    }

    /// Returns the settings of a client of this broker, to which a test adds its own.
    pub fn client(&self) -> ClientConfig {
        client_of(&self.server.address())
    }

    /// Creates a topic and waits until each of its partitions has a leader.
    pub fn create_topic(&self, name: &str, partitions: i32) {
        self.create_topic_with(name, partitions, &[]);
    }

    /// Creates a topic with properties of its own (`max.message.bytes`, `cleanup.policy`), as
    /// [`Broker::create_topic`] otherwise.
    pub fn create_topic_with(&self, name: &str, partitions: i32, properties: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin client");
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        topic.config.extend_from_slice(properties);
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
        let results = block_on(admin.create_topics([&topic], &options)).expect("an answer to create_topics");
        for result in results {
            result.unwrap_or_else(|(name, code)| panic!("cannot create topic {name}: {code}"));
        }
        self.wait_for_leaders(name, partitions);
    }

    /// Deletes a topic with all its records.
    pub fn delete_topic(&self, name: &str) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin client");
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
        let results = block_on(admin.delete_topics(&[name], &options)).expect("an answer to delete_topics");
        for result in results {
            result.unwrap_or_else(|(name, code)| panic!("cannot delete topic {name}: {code}"));
        }
    }

    /// Replaces the properties that a topic has of its own.
    pub fn alter_topic(&self, name: &str, properties: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin client");
        let mut change = AlterConfig::new(ResourceSpecifier::Topic(name));
        for (property, value) in properties {
            change = change.set(property, value);
        }
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
        let results = block_on(admin.alter_configs([&change], &options)).expect("an answer to alter_configs");
        for result in results {
            result.unwrap_or_else(|(_, code)| panic!("cannot alter topic {name}: {code}"));
        }
    }

    /// Removes the records of a partition before an offset, as retention does.
    pub fn delete_records(&self, name: &str, partition: i32, before: i64) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin client");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(name, partition, Offset::Offset(before)).expect("a partition");
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
        let answer = block_on(admin.delete_records(&list, &options)).expect("an answer to delete_records");
        for element in answer.elements() {
            element.error().unwrap_or_else(|error| panic!("cannot delete records of {name}: {error}"));
        }
    }

    /// Raises the number of a topic's partitions, and waits until each has a leader.
    pub fn add_partitions(&self, name: &str, count: i32) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin client");
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
        let more = NewPartitions::new(name, usize::try_from(count).expect("a count"));
        let results = block_on(admin.create_partitions([&more], &options));
        for result in results.expect("an answer to create_partitions") {
            result.unwrap_or_else(|(name, code)| panic!("cannot add partitions to {name}: {code}"));
        }
        self.wait_for_leaders(name, count);
    }

    /// Writes records in a transaction of this name, and leaves it open until it is ended.
    pub fn open_transaction(&self, id: &str, topic: &str, values: &[&str]) -> Transaction {
        let mut client = self.client();
        let producer: BaseProducer<Deliveries> = client
            .set("transactional.id", id)
            .create_with_context(Deliveries::default())
            .expect("a producer");
        producer.init_transactions(TIMEOUT).expect("the right to write in transactions");
        producer.begin_transaction().expect("a transaction");
        for (index, value) in values.iter().enumerate() {
            send(&producer, topic, &NewRecord::unkeyed(value).partition(0), index);
        }
        producer.flush(TIMEOUT).expect("all is written");
        Transaction(producer)
    }

    /// Commits an offset of a group, which must have no member, as a tool without metadata does.
    pub fn commit(&self, group: &str, topic: &str, partition: i32, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).expect("an offset");
        let consumer = self.consumer(group);
        let committed = once_coordinated(|| consumer.commit(&list, CommitMode::Sync));
        committed.unwrap_or_else(|error| panic!("cannot commit for group {group}: {error}"));
    }

    /// Commits an offset of partition 0 with this metadata, for a group which must have no member.
    pub fn commit_with(&self, group: &str, topic: &str, offset: i64, metadata: &str) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Offset(offset)).expect("an offset");
        list.find_partition(topic, 0).expect("the partition").set_metadata(metadata);
        let consumer = self.consumer(group);
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let committed = once_coordinated(|| consumer.commit(&list, CommitMode::Sync));
            let Err(error) = committed else { return };
            // A member that ended is there until the broker has dealt with its leaving.
            let has_members = error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnknownMemberId);
            assert!(has_members && Instant::now() < deadline, "cannot commit for group {group}: {error}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Returns the metadata of what the group has committed for partition 0.
    pub fn committed_metadata(&self, group: &str, topic: &str) -> String {
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, 0);
        let consumer = self.consumer(group);
        let committed = once_coordinated(|| consumer.committed_offsets(list.clone(), TIMEOUT));
        let committed = committed.unwrap_or_else(|error| panic!("no offsets of group {group}: {error}"));
        committed.elements().first().map(|element| element.metadata().to_owned()).unwrap_or_default()
    }

    /// Writes the records and waits until all are stored; returns partition and offset of each, in their order.
    pub fn produce<R: Into<NewRecord>>(
        &self,
        topic: &str,
        records: impl IntoIterator<Item = R>,
    ) -> Vec<(i32, i64)> {
        produce(self.client(), topic, records)
    }

    /// Reads all that a topic holds now, by partition and then offset.
    pub fn read(&self, topic: &str) -> Vec<StoredRecord> {
        let consumer = self.consumer("sluice-tests-reader");
        let mut list = TopicPartitionList::new();
        for partition in self.partitions(topic) {
            list.add_partition_offset(topic, partition, Offset::Beginning).expect("a partition");
        }
        consumer.assign(&list).expect("an assignment");
        let mut records = read_to_the_ends(&consumer, list.count());
        records.sort_by_key(|record| (record.partition, record.offset));
        records
    }

    /// Returns how many transactions that wrote to a topic of one partition have ended, committed or aborted: each leaves a mark, which
    /// is no record.
    pub fn transactions(&self, topic: &str) -> i64 {
        let mut client = self.client();
        client.set("group.id", "sluice-tests-reader").set("enable.auto.commit", "false");
        client.set("enable.partition.eof", "true").set("isolation.level", "read_uncommitted");
        let consumer: BaseConsumer = client.create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Beginning).expect("a partition");
        consumer.assign(&list).expect("an assignment");
        let records = read_to_the_ends(&consumer, 1).len();
        self.end_offsets(topic).iter().sum::<i64>() - i64::try_from(records).expect("a count")
    }

    /// Returns the offset after the last record of each partition.
    pub fn end_offsets(&self, topic: &str) -> Vec<i64> {
        self.watermarks(topic).into_iter().map(|(_, high)| high).collect()
    }

    /// Returns the offset that the group has committed for each partition, `None` where it has not.
    pub fn committed(&self, group: &str, topic: &str) -> Vec<Option<i64>> {
        committed(self.client(), group, topic, self.partitions(topic).end)
    }

    /// Commits the first offset of each partition for the group, which must have no member.
    pub fn reset_offsets(&self, group: &str, topic: &str) {
        let mut list = TopicPartitionList::new();
        for ((low, _), partition) in self.watermarks(topic).into_iter().zip(0..) {
            list.add_partition_offset(topic, partition, Offset::Offset(low)).expect("an offset");
        }
        let consumer = self.consumer(group);
        let committed = once_coordinated(|| consumer.commit(&list, CommitMode::Sync));
        committed.unwrap_or_else(|error| panic!("cannot reset the offsets of group {group}: {error}"));
    }

    fn consumer(&self, group: &str) -> BaseConsumer {
        let mut client = self.client();
        client.set("group.id", group).set("enable.auto.commit", "false").set("enable.partition.eof", "true");
        // A read ends when the last partition says that it is empty, after this wait.
        client.set("fetch.wait.max.ms", "10").create().expect("a consumer")
    }

    fn watermarks(&self, topic: &str) -> Vec<(i64, i64)> {
        let consumer = self.server.consumer();
        // A broker that has just begun may not lead yet what its storage holds.
        let watermarks =
            |partition| once_led(|| consumer.fetch_watermarks(topic, partition, Duration::from_secs(5)));
        let all: Result<_, _> = self.partitions(topic).map(watermarks).collect();
        all.unwrap_or_else(|error| panic!("no watermarks of topic {topic}: {error}"))
    }

    fn partitions(&self, topic: &str) -> Range<i32> {
        let count = leaders(self.server.consumer(), topic);
        0..count.unwrap_or_else(|| panic!("there is no topic {topic}"))
    }

    fn wait_for_leaders(&self, topic: &str, partitions: i32) {
        let deadline = Instant::now() + TIMEOUT;
        while leaders(self.server.consumer(), topic) != Some(partitions) {
            assert!(Instant::now() < deadline, "topic {topic} has no leader after {TIMEOUT:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A transaction that is open. One that is dropped hangs until the broker gives it up.
pub struct Transaction(BaseProducer<Deliveries>);

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").finish_non_exhaustive()
    }
}

impl Transaction {
    /// Ends it, so that its records are there.
    pub fn commit(self) {
        self.0.commit_transaction(TIMEOUT).expect("a commit of the transaction");
    }

    /// Ends it, so that its records are no records.
    pub fn abort(self) {
        self.0.abort_transaction(TIMEOUT).expect("an end of the transaction");
    }
}

/// Writes the records through a client of these settings and waits until all are stored; returns partition and
/// offset of each, in their order.
pub fn produce<R: Into<NewRecord>>(
    mut client: ClientConfig,
    topic: &str,
    records: impl IntoIterator<Item = R>,
) -> Vec<(i32, i64)> {
    client.set("max.in.flight", "1");
    let producer: BaseProducer<Deliveries> =
        client.create_with_context(Deliveries::default()).expect("a producer");
    for (index, record) in records.into_iter().enumerate() {
        send(&producer, topic, &record.into(), index);
    }
    producer.flush(TIMEOUT).unwrap_or_else(|error| panic!("cannot produce to {topic}: {error}"));
    producer.context().offsets()
}

/// Returns the offset that the group has committed for each partition, `None` where it has not.
pub fn committed(mut client: ClientConfig, group: &str, topic: &str, partitions: i32) -> Vec<Option<i64>> {
    let mut list = TopicPartitionList::new();
    list.add_partition_range(topic, 0, partitions - 1);
    let consumer: BaseConsumer = client.set("group.id", group).create().expect("a consumer");
    let committed = once_coordinated(|| {
        let list = consumer.committed_offsets(list.clone(), TIMEOUT)?;
        list.elements().iter().map(|element| element.error().map(|()| at(element.offset()))).collect()
    });
    committed.unwrap_or_else(|error| panic!("no offsets of group {group}: {error}"))
}

/// Returns how many partitions of the topic have a leader; `None` if there is no such topic.
fn leaders(consumer: &BaseConsumer, topic: &str) -> Option<i32> {
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT).ok()?;
    let topic = metadata.topics().first().filter(|topic| topic.error().is_none())?;
    i32::try_from(topic.partitions().iter().filter(|partition| has_leader(partition)).count()).ok()
}

fn at(offset: Offset) -> Option<i64> {
    if let Offset::Offset(offset) = offset { Some(offset) } else { None }
}

/// Repeats a request about a group while its coordinator loads: that of the first group makes its topic first.
fn once_coordinated<T>(request: impl Fn() -> KafkaResult<T>) -> KafkaResult<T> {
    unless(is_coordinator_loading, request)
}

/// Makes a request once the broker leads the partition that it is for.
fn once_led<T>(request: impl Fn() -> KafkaResult<T>) -> KafkaResult<T> {
    unless(is_without_leader, request)
}

/// Makes a request again and again while it fails like this.
fn unless<T>(fails: fn(&KafkaError) -> bool, request: impl Fn() -> KafkaResult<T>) -> KafkaResult<T> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        match request() {
            Err(error) if fails(&error) && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(50));
            }
            outcome => return outcome,
        }
    }
}

fn is_without_leader(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{LeaderNotAvailable, NotLeaderForPartition};
    let code = error.rdkafka_error_code();
    code.is_some_and(|code| [LeaderNotAvailable, NotLeaderForPartition].contains(&code))
}

fn is_coordinator_loading(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator};
    let code = error.rdkafka_error_code();
    code.is_some_and(|code| {
        [CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator].contains(&code)
    })
}

fn read_to_the_ends(consumer: &BaseConsumer, partitions: usize) -> Vec<StoredRecord> {
    let mut records = Vec::new();
    let mut ends = 0;
    while ends < partitions {
        match consumer.poll(TIMEOUT) {
            Some(Ok(message)) => records.push(StoredRecord::from(&message)),
            Some(Err(KafkaError::PartitionEOF(_))) => ends += 1,
            Some(Err(error)) => panic!("cannot read: {error}"),
            None => panic!("nothing to read for {TIMEOUT:?}"),
        }
    }
    records
}

/// Hands one record to the producer, waiting while its queue is full.
fn send(producer: &BaseProducer<Deliveries>, topic: &str, record: &NewRecord, index: usize) {
    let mut base = record.to_base(topic, Box::new(index));
    while let Err((error, unsent)) = producer.send(base) {
        let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
        assert!(full, "cannot produce to {topic}: {error}");
        producer.poll(Duration::from_millis(50));
        base = unsent;
    }
}

type Outcome = Result<(i32, i64), KafkaError>;

/// Collects where each record went, by its place in the call of [`Broker::produce`].
#[derive(Default)]
struct Deliveries(Mutex<Vec<(usize, Outcome)>>);

impl Deliveries {
    fn offsets(&self) -> Vec<(i32, i64)> {
        let mut outcomes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        outcomes.sort_by_key(|(index, _)| *index);
        let stored = |(index, outcome): (usize, Outcome)| {
            outcome.unwrap_or_else(|error| panic!("record {index} was not stored: {error}"))
        };
        outcomes.into_iter().map(stored).collect()
    }
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, index: Box<usize>) {
        let outcome = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(error.clone()),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((*index, outcome));
    }
}

/// Runs a future that another thread completes; the admin client has no blocking calls, and a test may be
/// inside a runtime, where its own `block_on` is not allowed.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
