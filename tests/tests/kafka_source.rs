//! What the Kafka source hands on, on a real broker and into a file.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use sluice_connector_api::{ExactlyOnce, PositionStep, PutProgress, StoredPosition, TopicPartition};
use sluice_plugin_testing::MemoryTable;
use sluice_runtime::kafka::{KafkaSettings, KafkaSource};
use sluice_runtime::source::budget::{Budget, footprint};
use sluice_runtime::source::{Event, Revoked, Source};
use sluice_tests::connector::Folder;
use sluice_tests::kafka::{self, Broker, NewRecord};
use sluice_tests::sluice::{PATIENCE, Running, Sluice};
use tokio::time::timeout;

/// A connector from these topics into the file `out` beside it, with properties of its own.
fn connector(folder: &Folder, topics: &str, group: &str, properties: &str) -> String {
    let out = folder.path().join("out").display().to_string();
    format!(
        "source:\n  kafka:\n    bootstrap_servers: ${{env:SERVERS}}\n    topics: [\"{topics}\"]\n    group: {group}\n    \
         commit_interval: 100ms\n    properties: {{ session.timeout.ms: 1000, heartbeat.interval.ms: 200, {properties} }}\n  \
         key: string\n  value: string\nsink:\n  file: {{ path: \"{out}\" }}\nbatch: {{ linger: 20ms }}\n"
    )
}

fn run(broker: &Broker, folder: &Folder) -> Running {
    Sluice::new(["run".as_ref(), folder.path()]).env("SERVERS", broker.bootstrap_servers()).spawn()
}

fn lines(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("out")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn everything_of_a_record_is_handed_on() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("whole");
    broker.create_topic(&topic, 1);
    let whole = NewRecord::new("k", "v")
        .timestamp(1_739_712_345_678)
        .header("a", "1")
        .null_header("a")
        .header("b", "");
    broker.produce(&topic, [whole, NewRecord::tombstone("k"), NewRecord::unkeyed("")]);
    let folder = Folder::new();
    folder.write("c.yaml", connector(&folder, &topic, &topic, ""));
    let mut daemon = run(broker, &folder);
    daemon.wait_while_running("three lines", || lines(folder.path()).len() == 3);
    daemon.terminate().expect_code(0);
    let lines = lines(folder.path());
    assert_eq!(lines[0]["key"], "k");
    assert_eq!(lines[0]["timestamp"], json!(1_739_712_345_678_i64));
    let headers = lines[0]["headers"].to_string();
    assert_eq!(headers.matches("\"a\"").count(), 2, "{headers}");
    assert!(lines[1]["value"].is_null() && lines[1]["key"] == "k", "a tombstone: {}", lines[1]);
    assert_eq!(
        (&lines[2]["value"], &lines[2]["key"]),
        (&json!(""), &Value::Null),
        "an empty value is a value"
    );
}

#[test]
fn a_pattern_reads_every_topic_that_it_fits_and_no_other() {
    let Some(broker) = Broker::shared() else { return };
    let stem = kafka::unique("pattern");
    let topics = ["eu", "us"].map(|end| format!("{stem}-{end}"));
    for topic in topics.iter().chain([&format!("other-{stem}")]) {
        broker.create_topic(topic, 1);
        broker.produce(topic, [NewRecord::new("k", topic)]);
    }
    let folder = Folder::new();
    folder.write("c.yaml", connector(&folder, &format!("^{stem}-.*"), &stem, ""));
    let mut daemon = run(broker, &folder);
    daemon.wait_while_running("both commits", || {
        topics.iter().all(|topic| broker.committed(&stem, topic) == [Some(1)])
    });
    daemon.terminate().expect_code(0);
    let mut read: Vec<_> =
        lines(folder.path()).iter().map(|line| line["value"].as_str().unwrap().to_owned()).collect();
    read.sort();
    assert_eq!(read, topics);
}

/// How a member of the group `topic` is set.
fn settings(broker: &Broker, topic: &str, strategy: &str) -> KafkaSettings {
    let servers = broker.bootstrap_servers();
    let properties =
        json!({ "partition.assignment.strategy": strategy, "topic.metadata.refresh.interval.ms": "500" });
    let settings =
        json!({ "bootstrap_servers": servers, "topics": [topic], "group": topic, "properties": properties });
    serde_json::from_value(settings).unwrap()
}

/// A member of the group `topic`, when it has both partitions.
async fn member(broker: &Broker, topic: &str, strategy: &str) -> KafkaSource {
    let settings = settings(broker, topic, strategy);
    let mut source = KafkaSource::new("test", &settings, Budget::new(1 << 20), &Arc::default()).unwrap();
    let Event::Assigned(partitions) = source.next().await else { panic!("no assignment") };
    assert_eq!(partitions.len(), 2);
    let Event::Passed(starts) = source.next().await else { panic!("no start that is to be pinned") };
    assert_eq!(starts.len(), 2);
    source
}

/// Stores how far a partition of the topic is, with nothing else.
async fn store(table: &MemoryTable, topic: &str, to: StoredPosition) {
    let partition = TopicPartition::new(topic, 0);
    let taken = table.take_over(std::slice::from_ref(&partition)).await.unwrap().remove(0);
    let step = PositionStep { partition, from: taken.position, to, token: taken.token };
    ExactlyOnce::put(table, &[], &PutProgress::new(vec![step])).await.unwrap();
}

/// A member of the group `topic` that begins where the table says.
fn keeping_to(table: &MemoryTable, broker: &Broker, topic: &str) -> KafkaSource {
    let (settings, budget) = (settings(broker, topic, "cooperative-sticky"), Budget::new(1 << 20));
    let sink: Arc<dyn ExactlyOnce> = Arc::new(table.clone());
    KafkaSource::with_positions_of(Some(sink), "test", &settings, budget, &Arc::default()).unwrap()
}

/// Returns what comes up to the first records, and the offsets of these.
async fn up_to_records(source: &mut KafkaSource) -> (Vec<Event>, Vec<i64>) {
    let mut events = Vec::new();
    loop {
        match timeout(PATIENCE, source.next()).await.unwrap() {
            Event::Records(records) => {
                return (events, records.iter().map(|record| record.origin().offset()).collect());
            }
            event => events.push(event),
        }
    }
}

/// The group's offset is a hint: the sink knows what it has stored.
#[tokio::test(flavor = "multi_thread")]
async fn reading_begins_where_the_sink_says_and_the_group_follows() {
    let Some(broker) = Broker::shared() else { return };
    let (topic, table) = (kafka::unique("stored"), MemoryTable::new());
    broker.create_topic(&topic, 1);
    broker.produce(&topic, (0..10).map(|_| NewRecord::new("k", "v")));
    let mut first = keeping_to(&table, broker, &topic);
    let (events, offsets) = up_to_records(&mut first).await;
    let [Event::Assigned(_), Event::TakenOver(taken), Event::Passed(_)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((taken[0].taken.position.clone(), taken[0].parts, offsets[0]), (None, 0, 0));
    let mark = first.mark(&TopicPartition::new(&*topic, 0));
    assert!(first.member().is_some_and(|ask| ask().is_some()), "it is a member of the group");
    first.close(vec![(TopicPartition::new(&*topic, 0), 3)]).await;
    assert_eq!(broker.committed(&topic, &topic), [Some(3)]);
    for (stored, parts) in [(7, 2), (2, 0)] {
        store(&table, &topic, StoredPosition::new(stored, parts, mark.clone())).await;
        let mut next = keeping_to(&table, broker, &topic);
        let (events, offsets) = up_to_records(&mut next).await;
        let [Event::Assigned(_), Event::TakenOver(taken), Event::Passed(pins)] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!((taken[0].first, taken[0].parts, offsets[0]), (stored, parts, stored));
        assert_eq!(pins, &[(TopicPartition::new(&*topic, 0), stored)]);
        next.close(pins.clone()).await;
        assert_eq!(broker.committed(&topic, &topic), [Some(stored)], "the hint is mended");
    }
}

/// Invariant 1: a position that the sink has stored is no position in another topic, either.
#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_the_sink_has_of_a_topic_that_was_made_anew_is_lost() {
    let Some(broker) = Broker::shared() else { return };
    let (topic, table) = (kafka::unique("stored-anew"), MemoryTable::new());
    broker.create_topic(&topic, 1);
    broker.produce(&topic, (0..10).map(|_| NewRecord::new("k", "v")));
    let mut first = keeping_to(&table, broker, &topic);
    up_to_records(&mut first).await;
    let mark = first.mark(&TopicPartition::new(&*topic, 0));
    first.close(Vec::new()).await;
    store(&table, &topic, StoredPosition::new(5, 3, mark)).await;
    broker.delete_topic(&topic);
    broker.create_topic(&topic, 1);
    broker.produce(&topic, (0..10).map(|_| NewRecord::new("k", "v")));
    let mut next = keeping_to(&table, broker, &topic);
    let (events, offsets) = up_to_records(&mut next).await;
    let Some(Event::TakenOver(taken)) = events.get(1) else { panic!("{events:?}") };
    assert_eq!((taken[0].first, taken[0].parts, offsets[0]), (0, 0, 0));
    next.close(Vec::new()).await;
}

/// Invariant 1: the next owner begins where the last one ended, and nobody takes it back.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_was_asked_for_before_a_revoke_is_not_made_behind_it() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("handed-over");
    broker.create_topic(&topic, 2);
    let mut first = member(broker, &topic, "cooperative-sticky").await;
    let folder = Folder::new();
    folder.write("c.yaml", connector(&folder, &topic, &topic, ""));
    let _second = run(broker, &folder);
    let Event::Revoked(Revoked { partitions, done, .. }) = first.next().await else { panic!("no revoke") };
    let [going] = &partitions[..] else { panic!("{partitions:?}") };
    let staying = TopicPartition::new(&*topic, 1 - going.partition);

    // The poller sits in the rebalance and waits for the answer: it has sent none of these.
    first.commit(vec![(going.clone(), 3), (staying.clone(), 4)]);
    first.commit(vec![(going.clone(), 5)]);
    done.send(vec![(going.clone(), 7)]).unwrap();
    let expected = |partition| if partition == going.partition { Some(7) } else { Some(4) };
    let deadline = Instant::now() + PATIENCE;
    while broker.committed(&topic, &topic)[usize::try_from(staying.partition).unwrap()].is_none() {
        assert!(Instant::now() < deadline, "no commit of what stays");
    }
    first.close(Vec::new()).await;
    assert_eq!(broker.committed(&topic, &topic), [expected(0), expected(1)]);
}

/// A topic that is gone is no matter of the others: what is refused for it alone is to be committed again for it alone.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_commit_of_several_topics_what_is_refused_of_one_keeps_none_of_the_others() {
    let Some(broker) = Broker::shared() else { return };
    let [group, stays, goes, also] = ["mixed", "stays", "goes", "also-stays"].map(kafka::unique);
    for topic in [&stays, &goes, &also] {
        broker.create_topic(topic, 1);
        broker.produce(topic, (0..5).map(|n| NewRecord::unkeyed(n.to_string())));
    }
    let settings = json!({
        "bootstrap_servers": broker.bootstrap_servers(), "topics": [stays, goes, also], "group": group,
    });
    let settings: KafkaSettings = serde_json::from_value(settings).unwrap();
    let meter = Arc::default();
    let mut source = KafkaSource::new("test", &settings, Budget::new(1 << 20), &meter).unwrap();
    let mut read = 0;
    while read < 15 {
        if let Event::Records(records) = timeout(PATIENCE, source.next()).await.unwrap() {
            read += records.len();
        }
    }
    broker.delete_topic(&goes);
    let at = |topic: &str, offset| (TopicPartition::new(topic, 0), offset);
    source.commit(vec![at(&stays, 3), at(&goes, 4), at(&also, 5)]);
    let refused = loop {
        match timeout(PATIENCE, source.next()).await.unwrap() {
            Event::CommitFailed(partitions) => break partitions,
            Event::Revoked(Revoked { done, .. }) => done.send(Vec::new()).unwrap(),
            _ => {}
        }
    };
    assert_eq!(refused, [TopicPartition::new(&*goes, 0)], "the others are committed");
    assert_eq!(
        (broker.committed(&group, &stays), broker.committed(&group, &also)),
        (vec![Some(3)], vec![Some(5)])
    );
    source.close(Vec::new()).await;
}

/// Follows the rebalances of a member until it has so many of the partitions. Records are not looked at.
async fn until_it_has(source: &mut KafkaSource, held: &mut BTreeSet<i32>, count: usize) {
    while held.len() != count {
        match source.next().await {
            Event::Assigned(partitions) => {
                held.extend(partitions.iter().map(|partition| partition.partition));
            }
            Event::Revoked(Revoked { partitions, done, .. }) => {
                held.retain(|held| partitions.iter().all(|partition| partition.partition != *held));
                done.send(Vec::new()).unwrap();
            }
            _ => {}
        }
    }
}

/// librdkafka forgets where the records of a partition were to come when it is taken away.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_was_away_and_came_back_is_read_on() {
    let Some(broker) = Broker::shared() else { return };
    for strategy in ["cooperative-sticky", "range"] {
        let topic = kafka::unique("came-back");
        broker.create_topic(&topic, 2);
        let (mut source, mut held) = (member(broker, &topic, strategy).await, BTreeSet::from([0, 1]));
        let folder = Folder::new();
        let property = format!("partition.assignment.strategy: {strategy}");
        folder.write("c.yaml", connector(&folder, &topic, &topic, &property));
        let other = run(broker, &folder);
        let shared = timeout(PATIENCE, until_it_has(&mut source, &mut held, 1)).await;
        shared.expect("the other member takes one");
        other.terminate().expect_code(0);
        let back = timeout(PATIENCE, until_it_has(&mut source, &mut held, 2)).await;
        back.expect("it comes back");
        let record = |partition| NewRecord::new("k", "v").partition(partition);
        broker.produce(&topic, [record(0), record(1)]);
        let mut read = BTreeSet::new();
        while read.len() < 2 {
            let event = timeout(PATIENCE, source.next()).await;
            let event = event.unwrap_or_else(|_| panic!("{strategy}: nothing comes but of {read:?}"));
            if let Event::Records(records) = event {
                read.extend(records.iter().map(|record| record.origin().partition()));
            }
        }
        source.close(Vec::new()).await;
    }
}

/// Reads records, gives their bytes back, and returns the offsets, until the last record has this one.
async fn offsets_to(source: &mut KafkaSource, budget: &Budget, last: i64) -> Vec<i64> {
    let mut offsets = Vec::new();
    while offsets.last() != Some(&last) {
        let event = timeout(PATIENCE, source.next()).await;
        let event = event.unwrap_or_else(|_| panic!("nothing comes behind {:?}", offsets.last()));
        if let Event::Records(records) = event {
            offsets.extend(records.iter().map(|record| record.origin().offset()));
            budget.give(records.iter().map(footprint).sum());
        }
    }
    offsets
}

/// Reading pauses and resumes all the time here, and librdkafka goes on at the highest offset that it has seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_was_made_anew_is_read_from_its_beginning_whatever_pauses() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("anew");
    let value = "x".repeat(40_000);
    let records = |count: i64| (0..count).map(|_| NewRecord::new("k", value.clone())).collect::<Vec<_>>();
    broker.create_topic(&topic, 1);
    broker.produce(&topic, records(100));
    let (settings, budget) = (settings(broker, &topic, "cooperative-sticky"), Budget::new(1 << 20));
    let mut source = KafkaSource::new("test", &settings, budget.clone(), &Arc::default()).unwrap();
    assert_eq!(offsets_to(&mut source, &budget, 99).await, (0..100).collect::<Vec<_>>());
    broker.delete_topic(&topic);
    broker.create_topic(&topic, 1);
    // So few that the end of the topic is before where the source stands: it begins anew.
    broker.produce(&topic, records(10));
    let mut again = offsets_to(&mut source, &budget, 9).await;
    broker.produce(&topic, records(190));
    again.append(&mut offsets_to(&mut source, &budget, 199).await);
    source.close(Vec::new()).await;
    assert_eq!(again, (0..200).collect::<Vec<_>>());
}
