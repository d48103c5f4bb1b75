//! The stage of the benchmarks: a broker with a topic full of stock prices.

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use sluice_embedded_kafka::EmbeddedKafka;

use crate::kafka::{self, Broker, NewRecord};

/// What the broker and its topic are like.
#[derive(Debug, clap::Args)]
pub struct TopicOptions {
    /// Records in the topic.
    #[arg(long, default_value_t = 1_000_000)]
    records: usize,
    /// Partitions of the topic.
    #[arg(long, default_value_t = 4)]
    partitions: i32,
    /// Takes the broker inside the process, which needs no Java. It holds 5 MiB per partition.
    #[arg(long)]
    embedded: bool,
}

/// A broker with a topic full of stock prices.
#[allow(missing_debug_implementations, reason = "a broker has none")]
pub struct BenchmarkStage {
    broker: AnyBroker,
    topic: String,
    records: usize,
    partitions: i32,
}

enum AnyBroker {
    Real(Box<Broker>),
    Embedded(EmbeddedKafka),
}

impl BenchmarkStage {
    /// Starts the broker and fills the topic. `None` where there is no real Kafka and one is asked for.
    pub fn set_up(options: &TopicOptions) -> Option<Self> {
        let broker = if options.embedded {
            AnyBroker::Embedded(EmbeddedKafka::start().expect("a broker"))
        } else {
            AnyBroker::Real(Box::new(Broker::start()?))
        };
        let topic = "benchmark".to_owned();
        let stage = Self { broker, topic, records: options.records, partitions: options.partitions };
        eprintln!("writing {} records", stage.records);
        stage.create_topic();
        let records = (0..stage.records).map(|number| stage.record(number));
        kafka::produce(kafka::client_of(&stage.bootstrap_servers()), &stage.topic, records);
        Some(stage)
    }

    fn create_topic(&self) {
        self.create_other(&self.topic);
    }

    /// Creates a topic with as many partitions.
    pub fn create_other(&self, topic: &str) {
        match &self.broker {
            AnyBroker::Real(broker) => broker.create_topic(topic, self.partitions),
            AnyBroker::Embedded(kafka) => kafka.create_topic(topic, self.partitions).expect("a topic"),
        }
    }

    /// A stock price, as the demo has them: 62 bytes, with a key of 4.
    fn record(&self, number: usize) -> NewRecord {
        let ticker = format!("Z{:03}", number % 500);
        let (time, millis, price) = (1_739_712_345 + number / 1000, number % 1000, 10 + number % 90);
        let cents = number % 100;
        let value = format!(
            r#"{{"timestamp":{time}.{millis:03},"ticker":"{ticker}","price":"${price}.{cents:02}"}}"#
        );
        let partition = i32::try_from(number / 100).unwrap_or_default() % self.partitions;
        NewRecord::new(ticker, value).partition(partition)
    }

    /// The connector that is measured: that of `connectors.d/stock-prices.yaml` with another sink, and the time as it
    /// is.
    pub fn connector(&self, group: &str) -> String {
        let (servers, topic) = (self.bootstrap_servers(), &self.topic);
        format!(
            r#"
source:
  kafka: {{ bootstrap_servers: "{servers}", topics: [{topic}], group: {group} }}
  value: json
transforms:
  - template: {{ text: "At <<timestamp>> the price of <<ticker>> is <<price>>.", delimiters: ["<<", ">>"] }}
sink: {{ blackhole: {{}} }}
"#
        )
    }

    /// Commits the end of each partition for a group.
    pub fn skip_all(&self, group: &str) {
        let mut client = kafka::client_of(&self.bootstrap_servers());
        let consumer: BaseConsumer = client.set("group.id", group).create().expect("a consumer");
        let mut ends = TopicPartitionList::new();
        for partition in 0..self.partitions {
            let (_, end) = consumer
                .fetch_watermarks(&self.topic, partition, std::time::Duration::from_secs(30))
                .expect("an end");
            ends.add_partition_offset(&self.topic, partition, Offset::Offset(end)).expect("an offset");
        }
        consumer.commit(&ends, CommitMode::Sync).expect("a commit");
    }

    /// Returns where the broker is.
    pub fn bootstrap_servers(&self) -> String {
        match &self.broker {
            AnyBroker::Real(broker) => broker.bootstrap_servers(),
            AnyBroker::Embedded(kafka) => kafka.bootstrap_servers(),
        }
    }

    /// Returns the topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Returns how many records the topic has.
    pub fn records(&self) -> u64 {
        self.records as u64
    }

    /// Returns the same in millions.
    pub fn millions(&self) -> f64 {
        f64::from(u32::try_from(self.records).expect("fewer than 4000 million records")) / 1e6
    }

    /// Says what was measured on what.
    pub fn description(&self) -> String {
        let broker = match &self.broker {
            AnyBroker::Real(broker) => format!("Apache Kafka {}", broker.version()),
            AnyBroker::Embedded(_) => "librdkafka's mock broker".to_owned(),
        };
        let (_, librdkafka) = rdkafka::util::get_rdkafka_version();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        format!(
            "{} records of 62 bytes in {} partitions, not compressed; {broker} on the same {cores} cores as the \
             consumers; librdkafka {librdkafka}; Sluice {}",
            self.records,
            self.partitions,
            env!("CARGO_PKG_VERSION")
        )
    }
}
