//! A broker with the topics that all read.

use std::path::PathBuf;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::connector::Folder;
use sluice_tests::kafka::secure::SecureBroker;
use sluice_tests::kafka::{self, Broker};

use crate::line::LineTally;
use crate::options::{KindOptions, PeerCompression};
use crate::shape::{Draft, RecordShape};

/// How long the broker may take for all that is still on its way.
const FLUSH: Duration = Duration::from_mins(2);
/// Larger than a record may be here, with what stands around it.
const MOST_BYTES: &str = "4000000";

enum AnyBroker {
    Real(Box<Broker>),
    Secure(&'static SecureBroker),
    Embedded(EmbeddedKafka),
}

/// What a client shows to a broker that asks for a certificate.
#[derive(Clone, Debug)]
pub(crate) struct BrokerTls {
    pub(crate) ca: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// A broker with topics full of records.
pub(crate) struct PeerStage {
    broker: AnyBroker,
    pub(crate) topics: Vec<String>,
    pub(crate) shape: RecordShape,
    pub(crate) partitions: i32,
    /// Records of all topics, and the sum of their sentences.
    pub(crate) expected: LineTally,
    /// Bytes of all sentences.
    pub(crate) text_bytes: u64,
    pub(crate) tls: Option<BrokerTls>,
    pub(crate) folder: Folder,
    pub(crate) compression: PeerCompression,
}

impl PeerStage {
    /// Starts the broker and fills the topics. `None` where there is no real Kafka and one is asked for.
    pub(crate) fn set_up(options: &KindOptions) -> Option<Self> {
        let mut stage = Self::empty(options)?;
        let each = options.records / options.connectors;
        eprintln!("writing {} records of {} bytes", each * options.connectors, stage.shape.size());
        for _ in 0..options.connectors {
            let topic = kafka::unique("peers");
            stage.create_topic(&topic);
            stage.fill(&topic, each);
            stage.topics.push(topic);
        }
        Some(stage)
    }

    /// Starts the broker alone.
    pub(crate) fn empty(options: &KindOptions) -> Option<Self> {
        let folder = Folder::new();
        let mut tls = None;
        let broker = if options.embedded {
            AnyBroker::Embedded(EmbeddedKafka::start().expect("a broker"))
        } else if options.tls {
            let secure = SecureBroker::shared()?;
            tls = Some(BrokerTls {
                ca: folder.write("ca.pem", &secure.ca),
                certificate: folder.write("client.pem", &secure.certificate),
                key: folder.write("client.key", &secure.key),
            });
            AnyBroker::Secure(secure)
        } else {
            AnyBroker::Real(Box::new(Broker::start()?))
        };
        Some(Self {
            broker,
            topics: Vec::new(),
            shape: options.shape(),
            partitions: options.partitions,
            expected: LineTally::default(),
            text_bytes: 0,
            tls,
            folder,
            compression: options.compression,
        })
    }

    pub(crate) fn create_topic(&self, topic: &str) {
        let broker = match &self.broker {
            AnyBroker::Embedded(kafka) => {
                return kafka.create_topic(topic, self.partitions).expect("a topic");
            }
            AnyBroker::Real(broker) => broker,
            AnyBroker::Secure(secure) => secure.open(),
        };
        broker.create_topic_with(topic, self.partitions, &[("max.message.bytes", MOST_BYTES)]);
    }

    fn fill(&mut self, topic: &str, records: usize) {
        let producer = self.producer("20");
        for number in 0..records {
            let draft = self.shape.draft(number);
            self.expected.add(draft.text.as_bytes());
            self.text_bytes += draft.text.len() as u64;
            // A hundred in a row, as keys that come often do.
            let partition = i32::try_from(number / 100).unwrap_or_default() % self.partitions;
            send(&producer, topic, &draft, partition);
        }
        producer.flush(FLUSH).unwrap_or_else(|error| panic!("cannot write to {topic}: {error}"));
    }

    /// Makes a producer that waits so long for more records, in milliseconds.
    pub(crate) fn producer(&self, linger: &str) -> BaseProducer {
        let mut client = self.plain_client();
        client
            .set("linger.ms", linger)
            .set("compression.type", self.compression.name())
            .set("message.max.bytes", MOST_BYTES);
        client.set("max.in.flight", "1").create().expect("a producer")
    }

    /// Returns the settings of a client of this program's own.
    pub(crate) fn plain_client(&self) -> ClientConfig {
        let servers = match &self.broker {
            AnyBroker::Real(broker) => broker.bootstrap_servers(),
            AnyBroker::Secure(secure) => secure.open().bootstrap_servers(),
            AnyBroker::Embedded(kafka) => kafka.bootstrap_servers(),
        };
        kafka::client_of(&servers)
    }

    /// Returns where contenders find the broker.
    pub(crate) fn bootstrap_servers(&self) -> String {
        match &self.broker {
            AnyBroker::Real(broker) => broker.bootstrap_servers(),
            AnyBroker::Secure(secure) => secure.mutual().to_owned(),
            AnyBroker::Embedded(kafka) => kafka.bootstrap_servers(),
        }
    }

    /// Says what was measured on what.
    pub(crate) fn description(&self) -> String {
        let partitions =
            if self.partitions == 1 { "1 partition" } else { &format!("{} partitions", self.partitions) };
        let topics = if self.topics.len() > 1 { &format!("{} topics of ", self.topics.len()) } else { "" };
        let compression = match self.compression {
            PeerCompression::None => "not compressed",
            PeerCompression::Gzip | PeerCompression::Zstd => self.compression.name(),
        };
        format!(
            "{} records of {} bytes in {topics}{partitions}, {compression}; {}",
            self.expected.records,
            self.shape.size(),
            self.surroundings()
        )
    }

    /// Says what stands around the contenders.
    pub(crate) fn surroundings(&self) -> String {
        let broker = match &self.broker {
            AnyBroker::Real(broker) => format!("Apache Kafka {}", broker.version()),
            AnyBroker::Secure(secure) => {
                format!("Apache Kafka {} over TLS with client certificates", secure.open().version())
            }
            AnyBroker::Embedded(_) => "librdkafka's mock broker".to_owned(),
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        format!("{broker} and the target on the same {cores} cores")
    }
}

/// Hands a record to the producer, and waits while its queue is full.
pub(crate) fn send(producer: &BaseProducer, topic: &str, draft: &Draft, partition: i32) {
    let mut record = BaseRecord::to(topic).key(&draft.key).payload(&draft.value).partition(partition);
    while let Err((error, unsent)) = producer.send(record) {
        let is_full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
        assert!(is_full, "cannot write to {topic}: {error}");
        producer.poll(Duration::from_millis(20));
        record = unsent;
    }
}
