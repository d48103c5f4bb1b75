//! The sink `kafka` against Apache Kafka: what a mock does not do, and the whole, killed over and over.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_connector_api::{
    ExactlyOnce, FailureKind, FindingKind, PutError, ReadingTask, Record, Registry, Sink, Timestamp,
    TimestampType,
};
use sluice_plugin_testing::{exactly_once_contract, record, record_failures};
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::kafka::{self, Broker, NewRecord, StoredRecord};
use sluice_tests::requirement::tell;
use sluice_tests::sluice::{PATIENCE, Running, Sluice};

fn sink(broker: &Broker, topic: &str, changes: &Value) -> Box<dyn Sink> {
    let mut settings = json!({ "bootstrap_servers": broker.bootstrap_servers(), "topic": topic });
    settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    sluice_sinks::register(Registry::new()).sink("kafka").unwrap().build(settings).unwrap()
}

fn values(records: &[StoredRecord]) -> Vec<String> {
    records.iter().map(StoredRecord::value_text).collect()
}

fn keyed(offset: i64, value: &str) -> Record {
    record(offset).key("k").value(value).build()
}

/// Makes the topic whose partitions the records of tests are of, once.
fn create_prices(broker: &Broker) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| broker.create_topic("prices", 2));
}

/// A value that is larger than the topics here take.
fn large() -> String {
    (0..4000).map(|n: u32| char::from(b'a' + (n * n % 23) as u8)).collect()
}

/// Several records share a request, which is refused as a whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_topic_does_not_take_is_rejected_alone_and_order_holds() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("small");
    broker.create_topic_with(&topic, 1, &[("max.message.bytes", "2000")]);
    let large = large();
    let batch = [keyed(0, "a"), keyed(1, "b"), keyed(2, &large), keyed(3, "c"), keyed(4, "d")];
    let properties = json!({ "properties": { "compression.type": "none" } });
    let failures = record_failures(sink(broker, &topic, &properties).put(&batch).await);
    assert_eq!((failures.len(), failures[0].0, failures[0].1), (1, 2, FailureKind::Rejected), "{failures:?}");
    assert!(failures[0].2.contains("max.message.bytes"), "{failures:?}");
    assert_eq!(values(&broker.read(&topic)), ["a", "b", "c", "d"]);
}

/// A put takes many requests, and another one puts beside it: what is behind a refused request does not overtake it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_overtakes_a_request_that_is_refused() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("requests");
    broker.create_topic_with(&topic, 1, &[("max.message.bytes", "2000")]);
    let large = large();
    let properties =
        json!({ "properties": { "compression.type": "none", "batch.num.messages": "5", "linger.ms": "0" } });
    let to_it = sink(broker, &topic, &properties);
    let put = |name: &str, bad: [usize; 2]| -> Vec<Record> {
        let value = |n| if bad.contains(&n) { large.clone() } else { format!("{name}{n}") };
        (0..60).map(|n| keyed(i64::try_from(n).unwrap(), &value(n))).collect()
    };
    let (one, other) = (put("a", [12, 37]), put("b", [0, 59]));
    let (of_one, of_other) = tokio::join!(to_it.put(&one), to_it.put(&other));
    let refused = |outcome| record_failures(outcome).iter().map(|failure| failure.0).collect::<Vec<_>>();
    assert_eq!((refused(of_one), refused(of_other)), (vec![12, 37], vec![0, 59]));
    let read = values(&broker.read(&topic));
    for (name, bad) in [("a", [12, 37]), ("b", [0, 59])] {
        let expected: Vec<_> = (0..60).filter(|n| !bad.contains(n)).map(|n| format!("{name}{n}")).collect();
        let found: Vec<_> =
            read.iter().filter(|value| value.starts_with(name) && value.len() < 10).cloned().collect();
        assert_eq!(found, expected);
    }
}

/// Puts in flight together share requests: what is too large of one is no fault of the others'.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_topic_does_not_take_is_no_fault_of_those_in_flight_beside_it() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("beside");
    broker.create_topic_with(&topic, 1, &[("max.message.bytes", "2000")]);
    let large = large();
    let properties = json!({ "properties": { "compression.type": "none", "linger.ms": "200" } });
    let to_it = sink(broker, &topic, &properties);
    let batches: Vec<Vec<Record>> = (0..4)
        .map(|put| {
            (0..5)
                .map(|n| if (put, n) == (1, 2) { keyed(7, &large) } else { keyed(put * 5 + n, "x") })
                .collect()
        })
        .collect();
    let (a, b, c, d) = tokio::join!(
        to_it.put(&batches[0]),
        to_it.put(&batches[1]),
        to_it.put(&batches[2]),
        to_it.put(&batches[3]),
    );
    for stored in [a, c, d] {
        stored.unwrap();
    }
    let failures = record_failures(b);
    assert!(
        failures.len() == 1 && failures[0].0 == 2 && failures[0].1 == FailureKind::Rejected,
        "{failures:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_there_is_not_made_and_is_written_once_it_is() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("late");
    let to_it = sink(broker, &topic, &json!({}));
    let looked = &to_it.check().await[0];
    assert!(looked.kind == FindingKind::Wrong && looked.text.contains("sluice topics create"), "{looked:?}");
    let failures = record_failures(to_it.put(&[keyed(0, "a")]).await);
    assert_eq!(failures[0].1, FailureKind::Fatal, "{failures:?}");
    let by_data = sink(broker, "{{to}}", &json!({}));
    let to = |to: &str| record(0).value(json!({ "to": to })).build();
    broker.create_topic(&topic, 1);
    let missing = format!("{topic}-not");
    let failures = record_failures(by_data.put(&[to(&topic), to(&missing), to(&topic)]).await);
    assert_eq!((failures.len(), failures[0].0, failures[0].1), (1, 1, FailureKind::Rejected), "{failures:?}");
    to_it.put(&[keyed(0, "a")]).await.unwrap();
    assert_eq!(to_it.check().await[0].kind, FindingKind::Good);
    assert_eq!(broker.read(&topic).len(), 3);
    let beyond = sink(broker, &topic, &json!({ "partition": "origin" }));
    let failures = record_failures(beyond.put(&[record(0).at("orders", 7).value("x").build()]).await);
    assert_eq!(failures[0].1, FailureKind::Fatal, "{failures:?}");
}

/// Puts until it is stored: a topic that was made a moment ago is not known to every client at once.
async fn put_at_last(sink: &dyn Sink, offset: i64) {
    let since = Instant::now();
    while let Err(error) = sink.put(&[keyed(offset, "a")]).await {
        assert!(since.elapsed() < PATIENCE, "{error:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Whatever is done to a topic under a sink that runs: it says what is wrong, and goes on once that is mended.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_to_a_topic_is_told_and_mending_it_is_enough() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("changing");
    broker.create_topic(&topic, 2);
    let to_it = sink(
        broker,
        &topic,
        &json!({ "properties": { "topic.metadata.refresh.interval.ms": "500", "compression.type": "none" } }),
    );
    put_at_last(&*to_it, 0).await;
    broker.alter_topic(&topic, &[("max.message.bytes", "10")]);
    let failures = record_failures(to_it.put(&[keyed(1, "a")]).await);
    assert!(
        failures[0].1 == FailureKind::Rejected && failures[0].2.contains("max.message.bytes"),
        "{failures:?}"
    );
    broker.alter_topic(&topic, &[("max.message.bytes", "1000000")]);
    put_at_last(&*to_it, 2).await;
    // Deleted, noticed, and made again with fewer partitions.
    broker.delete_topic(&topic);
    let since = Instant::now();
    loop {
        match to_it.put(&[keyed(3, "a")]).await {
            Err(PutError::Records(failures))
                if failures[0].1.to_string().contains("sluice topics create") =>
            {
                break;
            }
            other => assert!(since.elapsed() < PATIENCE, "{other:?}"),
        }
    }
    broker.create_topic(&topic, 1);
    put_at_last(&*to_it, 4).await;
    assert_eq!(broker.read(&topic).len(), 1);
    // Deleted and made again before the next put.
    broker.delete_topic(&topic);
    broker.create_topic(&topic, 1);
    put_at_last(&*to_it, 5).await;
    put_at_last(&*to_it, 6).await;
    assert!(broker.read(&topic).len() >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_keep_the_contract_of_exactly_once() {
    let Some(broker) = Broker::shared() else { return };
    create_prices(broker);
    let (topic, group) = (kafka::unique("copy"), kafka::unique("group"));
    broker.create_topic(&topic, 1);
    let id = json!({ "transactional_id": kafka::unique("id") });
    let task = ReadingTask::new("c", 0, &*group).with_bootstrap_servers(broker.bootstrap_servers());
    let owner = || -> Arc<dyn ExactlyOnce> { sink(broker, &topic, &id).exactly_once(&task).unwrap() };
    let (first, second) = (owner(), owner());
    assert!(first.keeps_group_offsets());
    let make = |offset: i64| record(offset).key("k").value(format!("{offset}").as_str()).build();
    let count = async || tokio::task::block_in_place(|| broker.read(&topic).len());
    exactly_once_contract([&*first, &*second], make, count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_transaction_is_stored_where_a_record_of_it_is_at_fault() {
    let Some(broker) = Broker::shared() else { return };
    let (topic, group) = (kafka::unique("whole"), kafka::unique("group"));
    create_prices(broker);
    broker.create_topic(&topic, 1);
    let id = json!({ "transactional_id": kafka::unique("id") });
    let task = ReadingTask::new("c", 0, &*group).with_bootstrap_servers(broker.bootstrap_servers());
    let owner = sink(broker, "{{to}}", &id).exactly_once(&task).unwrap();
    let partition = sluice_connector_api::TopicPartition::new("prices", 0);
    let taken = owner.take_over(std::slice::from_ref(&partition)).await.unwrap().remove(0);
    let to = |offset: i64, to: &str| record(offset).value(json!({ "to": to, "n": offset })).build();
    let progress = |offset: i64| {
        let to = sluice_connector_api::StoredPosition::new(offset, 0, "");
        let step = sluice_connector_api::PositionStep {
            partition: partition.clone(),
            from: None,
            to,
            token: taken.token.clone(),
        };
        sluice_connector_api::PutProgress::new(vec![step])
    };
    let missing = kafka::unique("missing");
    for bad in ["a b", &missing] {
        let failures =
            record_failures(owner.put(&[to(0, &topic), to(1, bad), to(2, &topic)], &progress(3)).await);
        assert_eq!(
            (failures.len(), failures[0].0, failures[0].1),
            (1, 1, FailureKind::Rejected),
            "{failures:?}"
        );
        assert!(broker.read(&topic).is_empty());
    }
    owner.put(&[to(0, &topic), to(2, &topic)], &progress(3)).await.unwrap();
    assert_eq!(broker.read(&topic).len(), 2);
    assert_eq!(broker.committed(&group, "prices")[0], Some(3));
}

/// Takes over partition 0 of `prices`, and says how a put takes it on.
async fn owned(
    owner: &dyn ExactlyOnce,
) -> impl Fn(Option<i64>, i64) -> sluice_connector_api::PutProgress + use<> {
    let partition = sluice_connector_api::TopicPartition::new("prices", 0);
    let taken = owner.take_over(std::slice::from_ref(&partition)).await.unwrap().remove(0);
    move |from, to| {
        let at = |offset| sluice_connector_api::StoredPosition::new(offset, 0, "");
        let (partition, token) = (partition.clone(), taken.token.clone());
        let step = sluice_connector_api::PositionStep { partition, from: from.map(at), to: at(to), token };
        sluice_connector_api::PutProgress::new(vec![step])
    }
}

/// Brokers, coordinator and all go in the middle of a transaction, and come back with what they had. The transaction before is over:
/// a broker of Apache Kafka 4.4 that is alone and comes back before its session has expired leaves out the partitions of which it
/// finds no leader when it ends one, which hangs then.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_in_the_middle_of_a_transaction_leaves_each_record_once() {
    let Some(mut broker) = Broker::start() else { return };
    broker.create_topic("prices", 1);
    broker.create_topic("copy", 1);
    let task = ReadingTask::new("c", 0, "g").with_bootstrap_servers(broker.bootstrap_servers());
    let changes = json!({ "transactional_id": "id", "properties": { "message.timeout.ms": "5000", "transaction.timeout.ms": "5000" } });
    let owner = sink(&broker, "copy", &changes).exactly_once(&task).unwrap();
    let step = owned(&*owner).await;
    let batch = |from: i64| [keyed(from, &from.to_string()), keyed(from + 1, &(from + 1).to_string())];
    owner.put(&batch(0), &step(None, 2)).await.unwrap();
    tokio::task::block_in_place(|| {
        let since = Instant::now();
        while broker.committed("g", "prices") != [Some(2)] || broker.read("copy").len() != 2 {
            assert!(since.elapsed() < PATIENCE, "the transaction does not end");
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    broker.kill();
    let failure = sluice_plugin_testing::batch_failure(owner.put(&batch(2), &step(Some(2), 4)).await);
    assert_eq!(failure.kind(), FailureKind::Retriable, "{failure}");
    tokio::task::block_in_place(|| broker.restart());
    let since = Instant::now();
    while let Err(error) = owner.put(&batch(2), &step(Some(2), 4)).await {
        assert!(
            matches!(&error, PutError::Batch(failure) if failure.kind() == FailureKind::Retriable),
            "{error:?}"
        );
        assert!(since.elapsed() < PATIENCE * 2, "{error:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    owner.put(&batch(2), &step(Some(2), 4)).await.unwrap();
    owner.put(&batch(4), &step(Some(4), 6)).await.unwrap();
    let read = tokio::task::block_in_place(|| broker.read("copy"));
    assert_eq!(values(&read), ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(broker.committed("g", "prices"), [Some(6)]);
}

/// A connector from a topic into another of the same broker.
fn copying(broker: &Broker, from: &str, to: &str, more: &str) -> Folder {
    let servers = broker.bootstrap_servers();
    let sink = format!("  kafka:\n    bootstrap_servers: {servers}\n    topic: {to}\n{more}");
    let connector = ConnectorText::new(from)
        .value("bytes")
        .transforms("  - drop_headers: { headers: [secret] }\n")
        .sink(sink)
        .max_records(50);
    Folder::with("copy.yaml", connector.text())
}

fn run(broker: &Broker, folder: &Folder) -> Running {
    let run: [&OsStr; 2] = ["run".as_ref(), folder.path().as_ref()];
    Sluice::new(run).env("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers()).spawn()
}

#[track_caller]
fn wait_for_the_end(daemon: &mut Running, broker: &Broker, topic: &str) {
    let ends = broker.end_offsets(topic);
    daemon.wait_while_running("every offset", || {
        let committed = broker.committed(topic, topic);
        committed.iter().zip(&ends).all(|(committed, end)| committed.unwrap_or(0) == *end)
    });
}

fn numbered(count: usize) -> impl Iterator<Item = NewRecord> {
    (0..count)
        .map(|n| NewRecord::new(format!("k{}", n % 37), n.to_string()).header("traceparent", n.to_string()))
}

/// The values of each key, in the order read.
fn by_key(records: &[StoredRecord]) -> BTreeMap<String, Vec<usize>> {
    let mut keys: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for record in records {
        keys.entry(record.key_text()).or_default().push(record.value_text().parse().unwrap());
    }
    keys
}

#[test]
fn a_topic_is_copied_with_what_goes_with_its_records_and_in_their_order() {
    let Some(broker) = Broker::shared() else { return };
    let (from, to) = (kafka::unique("orders"), kafka::unique("copy"));
    broker.create_topic(&from, 3);
    broker.create_topic(&to, 3);
    let folder = copying(broker, &from, &to, "");
    let mut daemon = run(broker, &folder);
    let extra = NewRecord::tombstone("gone").header("secret", "x").header("kept", "y").timestamp(1_000);
    broker.produce(&from, numbered(2000).chain([extra]));
    wait_for_the_end(&mut daemon, broker, &from);
    assert_eq!(daemon.terminate().code, Some(0));
    let (mut before, mut after) = (broker.read(&from), broker.read(&to));
    let gone = |records: &mut Vec<StoredRecord>| {
        let place = records.iter().position(|record| record.value.is_none()).unwrap();
        records.remove(place)
    };
    let (read, written) = (gone(&mut before), gone(&mut after));
    assert_eq!((read.headers.len(), written.headers.len()), (2, 1));
    assert_eq!((written.header_text("kept").as_deref(), written.timestamp), (Some("y"), Some(1_000)));
    assert_eq!(by_key(&before), by_key(&after));
    for record in &after {
        assert_eq!(record.header_text("traceparent").as_deref(), Some(&*record.value_text()));
    }
}

/// It takes half a minute: a member that was killed is in its group for a while, and each start waits for that.
#[test]
fn a_copy_that_is_killed_has_every_record_once() {
    let Some(broker) = Broker::shared() else { return };
    let (from, to) = (kafka::unique("orders"), kafka::unique("once"));
    broker.create_topic(&from, 3);
    broker.create_topic(&to, 2);
    let count = 6000;
    let folder = copying(broker, &from, &to, &format!("    transactional_id: {to}\n"));
    let check: [&OsStr; 2] = ["check".as_ref(), folder.path().as_ref()];
    let checked = Sluice::new(check).env("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers()).output();
    assert!(checked.stdout.contains("exactly once"), "{checked}");
    broker.produce(&from, numbered(count));
    for round in 0..4_u64 {
        let mut daemon = run(broker, &folder);
        let before = broker.end_offsets(&to);
        daemon.wait_while_running("a record more", || broker.end_offsets(&to) != before);
        std::thread::sleep(Duration::from_millis(37 * round));
        daemon.kill();
    }
    let mut daemon = run(broker, &folder);
    wait_for_the_end(&mut daemon, broker, &from);
    assert_eq!(daemon.terminate().code, Some(0));
    let after = broker.read(&to);
    assert_eq!(after.len(), count, "every record is there once");
    assert_eq!(by_key(&broker.read(&from)), by_key(&after), "and in order");
}

/// Copies 500 records of which so many are too large for the topic, in one batch. Returns how many transactions that took.
fn transactions_with(broker: &Broker, poison: usize) -> i64 {
    const COUNT: usize = 500;
    let (from, to, letters) = (kafka::unique("orders"), kafka::unique("once"), kafka::unique("letters"));
    for topic in [&from, &letters] {
        broker.create_topic(topic, 1);
    }
    broker.create_topic_with(&to, 1, &[("max.message.bytes", "40000")]);
    let is_bad = |n: usize| n % (COUNT / poison) == COUNT / poison / 2;
    let record = |n: usize| {
        NewRecord::new(
            format!("k{}", n % 37),
            format!("{n:0width$}", width = if is_bad(n) { 45_000 } else { 9 }),
        )
    };
    broker.produce(&from, (0..COUNT).map(record));
    let servers = broker.bootstrap_servers();
    let sink = format!(
        "  kafka:\n    bootstrap_servers: {servers}\n    topic: {to}\n    transactional_id: {to}\n    properties: {{ compression.type: none }}\n"
    );
    let connector = ConnectorText::new(&from)
        .value("bytes")
        .transforms("  - drop_headers: { headers: [secret] }\n")
        .sink(sink)
        .dead_letter_queue(format!("{{ topic: {letters} }}"))
        .max_records(COUNT);
    let text = connector.text().replace("  tolerance: all\n", "  tolerance: all\n  threshold: off\n");
    let folder = Folder::with("copy.yaml", text + "guarantee: exactly_once\n");
    let mut daemon = run(broker, &folder);
    let since = Instant::now();
    wait_for_the_end(&mut daemon, broker, &from);
    let took = since.elapsed();
    assert_eq!(daemon.terminate().code, Some(0));
    let number = |record: &StoredRecord| record.value_text().parse::<usize>().unwrap();
    let written: Vec<usize> = broker.read(&to).iter().map(number).collect();
    assert!(
        written.iter().copied().eq((0..COUNT).filter(|n| !is_bad(*n))),
        "each once and in order: {written:?}"
    );
    let rejected: Vec<usize> = broker.read(&letters).iter().map(number).collect();
    assert!(rejected.iter().copied().eq((0..COUNT).filter(|n| is_bad(*n))), "{rejected:?}");
    let transactions = broker.transactions(&to);
    tell(&format!("{COUNT} records, {poison} of them at fault: {transactions} transactions in {took:?}\n"));
    transactions
}

/// One to find it, one for what stands before it, and one that librdkafka fails for the gap that it left; and some to begin and to end
/// with.
#[test]
fn each_record_at_fault_costs_three_transactions() {
    let Some(broker) = Broker::shared() else { return };
    for poison in [1, 10] {
        let transactions = transactions_with(broker, poison);
        let most = 3 * i64::try_from(poison).unwrap() + 8;
        assert!(transactions <= most, "{transactions} for {poison}");
    }
}

/// The whole request is refused for a record without a key, in a topic that is compacted; the others of it are written.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_a_compacted_topic_does_not_take_is_rejected_alone() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("compacted");
    broker.create_topic_with(&topic, 1, &[("cleanup.policy", "compact")]);
    let mut batch: Vec<Record> = (0..20).map(|offset| keyed(offset, &offset.to_string())).collect();
    batch[7].key = None;
    batch[12].key = None;
    for bad in [vec![7], vec![7, 12]] {
        batch[12].key = if bad.len() == 1 { batch[0].key.clone() } else { None };
        let failures = record_failures(sink(broker, &topic, &json!({})).put(&batch).await);
        let told: Vec<_> = failures.iter().map(|(index, kind, _)| (*index, *kind)).collect();
        let expected: Vec<_> = bad.iter().map(|index| (*index, FailureKind::Rejected)).collect();
        assert_eq!(told, expected, "{failures:?}");
    }
    let written = values(&broker.read(&topic));
    assert!((0..20).filter(|n| *n != 7).all(|n| written.contains(&n.to_string())), "{written:?}");
}

/// What a topic refuses of single records.
struct TopicRule {
    settings: &'static [(&'static str, &'static str)],
    spoil: fn(&mut Record),
    said: &'static str,
}

/// No key where the topic is compacted, and a time too far from now.
fn topic_rules() -> [TopicRule; 3] {
    fn at(record: &mut Record, millis: i64) {
        record.timestamp = Some(Timestamp { millis, kind: TimestampType::CreateTime });
    }
    [
        TopicRule {
            settings: &[("cleanup.policy", "compact")],
            spoil: |record| record.key = None,
            said: "value_to_key",
        },
        TopicRule {
            settings: &[("message.timestamp.before.max.ms", "3600000")],
            spoil: |record| at(record, 1_000),
            said: "message.timestamp.before.max.ms",
        },
        TopicRule {
            settings: &[],
            spoil: |record| at(record, 4_000_000_000_000),
            said: "message.timestamp.after.max.ms",
        },
    ]
}

/// Put as the engine does: without those that were refused, which are for the dead letter queue.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_a_rule_of_the_topic_refuses_is_rejected_alone_in_a_transaction_too() {
    let Some(broker) = Broker::shared() else { return };
    create_prices(broker);
    for TopicRule { settings, spoil, said } in topic_rules() {
        let (topic, group) = (kafka::unique("rules"), kafka::unique("group"));
        broker.create_topic_with(&topic, 1, settings);
        let mut batch: Vec<Record> = (0..9).map(|offset| keyed(offset, &offset.to_string())).collect();
        for record in &mut batch {
            record.headers.push("none", None);
        }
        for index in [3, 6] {
            spoil(&mut batch[index]);
        }
        let failures = record_failures(sink(broker, &topic, &json!({})).put(&batch).await);
        assert_eq!(
            failures.iter().map(|(index, kind, _)| (*index, *kind)).collect::<Vec<_>>(),
            [(3, FailureKind::Rejected), (6, FailureKind::Rejected)]
        );
        assert!(failures.iter().all(|(_, _, text)| text.contains(said)), "{failures:?}");
        let plain = ["0", "1", "2", "4", "5", "7", "8"];
        assert_eq!(values(&broker.read(&topic)), plain, "{settings:?}");

        let id = json!({ "transactional_id": kafka::unique("id") });
        let task = ReadingTask::new("c", 0, &*group).with_bootstrap_servers(broker.bootstrap_servers());
        let owner = sink(broker, &topic, &id).exactly_once(&task).unwrap();
        let step = owned(&*owner).await;
        let (mut refused, since) = (BTreeSet::new(), Instant::now());
        loop {
            assert!(since.elapsed() < PATIENCE, "{refused:?}");
            let left: Vec<usize> = (0..9).filter(|index| !refused.contains(index)).collect();
            let records: Vec<Record> = left.iter().map(|index| batch[*index].clone()).collect();
            match owner.put(&records, &step(None, 9)).await {
                Ok(()) => break,
                // The first transaction behind one that was aborted finds the gap that it left.
                Err(PutError::Batch(failure)) => {
                    assert_eq!(failure.kind(), FailureKind::Retriable, "{failure}");
                }
                Err(PutError::Records(failures)) => {
                    assert!(
                        failures.iter().all(|(_, failure)| failure.to_string().contains(said)),
                        "{failures:?}"
                    );
                    refused.extend(failures.iter().map(|(index, _)| left[*index]));
                }
            }
        }
        assert_eq!(refused, BTreeSet::from([3, 6]), "{settings:?}");
        let written = broker.read(&topic);
        assert_eq!(values(&written), [plain, plain].concat(), "{settings:?}");
        assert!(written.iter().all(|record| record.headers == [("none".to_owned(), None)]));
    }
}

/// The brokers are the same by another address, which the file does not tell.
#[test]
fn a_loop_by_another_address_of_the_same_brokers_stops_before_anything_is_written() {
    let Some(broker) = Broker::shared() else { return };
    let (topic, other) =
        (kafka::unique("orders"), broker.bootstrap_servers().replace("127.0.0.1", "localhost"));
    broker.create_topic(&topic, 1);
    broker.produce(&topic, numbered(3));
    for id in ["", "    transactional_id: round\n"] {
        let sink =
            format!("  kafka:\n    bootstrap_servers: {other}\n    topic: \"{{{{@record.topic}}}}\"\n{id}");
        let text = ConnectorText::new(&topic).value("bytes").sink(sink);
        let text = text.transforms("  - drop_headers: { headers: [none] }\n").text();
        let folder = Folder::with("round.yaml", text);
        let mut daemon = run(broker, &folder);
        daemon.wait_for_log("round for ever");
        daemon.terminate();
        assert_eq!(broker.end_offsets(&topic), [3], "nothing is written");
    }
}

#[test]
fn a_connector_that_would_read_what_it_writes_is_refused_with_the_key() {
    let broker_text = |topic: &str, servers: &str| {
        let text = ConnectorText::new("orders")
            .value("bytes")
            .sink(format!("  kafka:\n    bootstrap_servers: {servers}\n    topic: \"{topic}\"\n"));
        Folder::with("copy.yaml", text.transforms("  - drop_headers: { headers: [x] }\n").text())
    };
    let check = |folder: &Folder| {
        Sluice::new(["check", "."])
            .current_dir(folder.path())
            .env("KAFKA_BOOTSTRAP_SERVERS", "b-1:9092,b-2:9092")
            .output()
    };
    for topic in ["orders", "{{@record.topic}}"] {
        let ended = check(&broker_text(topic, "b-2")).expect_code(2);
        assert!(
            ended.stdout.contains("sink.kafka.topic") && ended.stdout.contains("round for ever"),
            "{ended}"
        );
        check(&broker_text(topic, "elsewhere:9092")).expect_code(0);
    }
    check(&broker_text("copy", "b-1")).expect_code(0);
}
