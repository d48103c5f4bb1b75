//! The bare loops: a consumer of librdkafka, and the plainest use of the target's client.

use std::io::{Write, stdin};
use std::time::Duration;

use rdkafka::consumer::BaseConsumer;
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde::Deserialize;
use sluice_tests::bare_loop::{BareProcess, say};
use sluice_tests::benchmark::BenchmarkStage;
use sluice_tests::kafka;
use sluice_tests::plain_http::PlainConnection;
use sluice_tests::process::cpu_seconds;
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;

use crate::consumer::{consumer, read, value};
use crate::place::{TargetName, TargetPlaces};
use crate::rate::SinkRate;

/// A loop over all records.
#[derive(Debug, clap::Args)]
pub(crate) struct BareLoop {
    #[arg(value_enum)]
    target: TargetName,
    /// Where the target is.
    address: String,
    /// The table, the index, the folder or the topic.
    place: String,
    bootstrap_servers: String,
    topic: String,
    group: String,
    records: usize,
}

/// A stock price.
#[derive(Deserialize)]
struct Price {
    timestamp: f64,
    ticker: String,
    #[serde(rename = "price")]
    amount: String,
}

impl BareLoop {
    /// Stores all records, says on standard output when the first batch was read and when all were stored, and waits for the end of its
    /// input, so that the caller can look at the process.
    pub(crate) fn run(&self) {
        let consumer = consumer(&self.bootstrap_servers, &self.topic, &self.group);
        let first = read(&consumer, 1);
        say("first");
        match self.target {
            TargetName::Postgres => self.to_postgres(&consumer, first),
            TargetName::Kafka => self.to_kafka(&consumer, first),
            TargetName::Opensearch => self.to_opensearch(&consumer, first),
            TargetName::S3 => self.to_store(&consumer, first),
        }
        say("last");
        stdin().read_line(&mut String::new()).expect("an input");
    }

    /// Hands over all records, batch by batch.
    fn each(
        &self,
        consumer: &BaseConsumer,
        first: Vec<OwnedMessage>,
        mut store: impl FnMut(&[OwnedMessage]),
    ) {
        let (mut batch, mut left) = (first, self.records);
        loop {
            batch.extend(read(consumer, self.target.batch().min(left) - batch.len()));
            store(&batch);
            left -= batch.len();
            batch.clear();
            if left == 0 {
                return;
            }
        }
    }

    fn to_postgres(&self, consumer: &BaseConsumer, first: Vec<OwnedMessage>) {
        let runtime = Runtime::new().expect("a runtime");
        let (client, connection) =
            runtime.block_on(tokio_postgres::connect(&self.address, NoTls)).expect("a connection");
        runtime.spawn(connection);
        let insert = format!(
            "insert into {} (timestamp, ticker, price) select * from unnest($1::float8[], $2::text[], $3::text[])",
            self.place
        );
        let insert = runtime.block_on(client.prepare(&insert)).expect("a statement");
        self.each(consumer, first, |batch| {
            let (mut times, mut tickers, mut prices) = (Vec::new(), Vec::new(), Vec::new());
            for record in batch {
                let price: Price = serde_json::from_slice(value(record)).expect("a price");
                times.push(price.timestamp);
                tickers.push(price.ticker);
                prices.push(price.amount);
            }
            runtime.block_on(client.execute(&insert, &[&times, &tickers, &prices])).expect("rows");
        });
    }

    fn to_kafka(&self, consumer: &BaseConsumer, first: Vec<OwnedMessage>) {
        let mut client = kafka::client_of(&self.address);
        client.set("enable.idempotence", "true").set("compression.type", "zstd");
        let producer: BaseProducer =
            client.set("partitioner", "murmur2_random").create().expect("a producer");
        self.each(consumer, first, |batch| {
            for record in batch {
                // As much as it takes to send on what was read.
                let price: Price = serde_json::from_slice(value(record)).expect("a price");
                assert!(!price.ticker.is_empty());
                let mut sent =
                    BaseRecord::to(&self.place).key(record.key().expect("a key")).payload(value(record));
                while let Err((_, again)) = producer.send(sent) {
                    producer.poll(Duration::from_millis(1));
                    sent = again;
                }
            }
            producer.poll(Duration::ZERO);
        });
        producer.flush(Duration::from_mins(1)).expect("all is written");
    }

    fn to_opensearch(&self, consumer: &BaseConsumer, first: Vec<OwnedMessage>) {
        let mut connection = PlainConnection::open(&self.address);
        let path = format!("/{}/_bulk", self.place);
        self.each(consumer, first, |batch| {
            let mut body = Vec::new();
            for record in batch {
                let (partition, offset) = (record.partition(), record.offset());
                writeln!(body, "{{\"index\":{{\"_id\":\"{partition}-{offset}\"}}}}").expect("memory");
                body.extend_from_slice(value(record));
                body.push(b'\n');
            }
            let (status, answer) = connection.ask("POST", &path, "application/x-ndjson", &body);
            let answer: serde_json::Value = serde_json::from_slice(&answer).expect("an answer");
            assert!(status == 200 && answer["errors"] == false, "{status} {answer}");
        });
    }

    fn to_store(&self, consumer: &BaseConsumer, first: Vec<OwnedMessage>) {
        let mut connection = PlainConnection::open(&self.address);
        let mut number = 0;
        self.each(consumer, first, |batch| {
            let mut body = Vec::new();
            for record in batch {
                body.extend_from_slice(value(record));
                body.push(b'\n');
            }
            number += 1;
            let path = format!("/open/{}/{number}.txt", self.place);
            let (status, _) = connection.ask("PUT", &path, "text/plain", &body);
            assert_eq!(status, 200, "{path}");
        });
    }
}

/// Runs the loop into an empty place, in a process of its own.
pub(crate) fn measure(stage: &BenchmarkStage, places: &TargetPlaces) -> SinkRate {
    let place = places.make(stage);
    let (group, records) = (kafka::unique("bare"), stage.records().to_string());
    let mut child = BareProcess::start(&[
        "bare",
        places.target.name(),
        &places.address(),
        &place,
        &stage.bootstrap_servers(),
        stage.topic(),
        &group,
        &records,
    ]);
    let (first, last) = (child.wait_for("first"), child.wait_for("last"));
    let rate = SinkRate {
        rate: 1e6 * stage.millions() / last.duration_since(first).as_secs_f64(),
        cpu: cpu_seconds(child.id()) / stage.millions(),
    };
    child.end();
    places.clear(&place);
    rate
}
