//! Objects that outlive a batch.

use std::io::Read;
use std::sync::Arc;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use sluice_connector_api::{
    FailureKind, Json, Origin, Payload, Record, Repetition, SchemaType, Sink, StoreReach, TopicPartition,
};
use sluice_plugin_testing::{SinkContract, batch_failure, record, record_failures, sink_contract, text};
use sluice_wire_testing::HttpServer;

use super::bucket_in_memory::BucketInMemory;
use super::sink_at;

struct World {
    bucket: BucketInMemory,
    server: HttpServer,
    sink: Box<dyn Sink>,
}

impl World {
    async fn new(settings: &Value) -> Self {
        let bucket = BucketInMemory::default();
        let server = bucket.serve().await;
        let sink = sink_at(&server, settings);
        Self { bucket, server, sink }
    }

    /// Begins anew, as another process does.
    fn again(&mut self, settings: &Value) {
        self.sink = sink_at(&self.server, settings);
    }

    async fn put(&self, batch: &[Record]) {
        self.sink.put(batch).await.unwrap();
    }

    async fn store(&self, reach: StoreReach) -> Result<(), sluice_connector_api::Failure> {
        self.sink.hold().unwrap().store(&[prices()], reach).await
    }

    /// The first offset that is open.
    fn open(&self) -> Option<i64> {
        self.sink.hold().unwrap().open().first().map(|open| open.first)
    }
}

fn prices() -> TopicPartition {
    TopicPartition::new("prices", 0)
}

fn raw(objects: &Value) -> Value {
    json!({ "format": "raw", "objects": objects })
}

fn name(first: i64, extension: &str) -> String {
    format!("prices/0-{first:020}.{extension}")
}

fn texts(offsets: std::ops::Range<i64>) -> Vec<Record> {
    offsets.map(|offset| text(offset, &format!("v{offset}"))).collect()
}

fn row(offset: i64, value: Value) -> Record {
    record(offset).value(value).build()
}

#[tokio::test]
async fn keep_the_contract() {
    // The suite puts other records at the same offsets, which only objects by the clock take.
    for objects in [json!({ "interval": "1h" }), json!({ "interval": "1h", "max_records": 2 })] {
        let world = World::new(&json!({ "objects": objects })).await;
        sink_contract(&*world.sink).await;
    }
    let world = World::new(&json!({ "format": "parquet", "objects": { "interval": "1h" } })).await;
    SinkContract::new(&*world.sink)
        .records(|offset| record(offset).value(json!({ "price": offset })).build())
        .holds()
        .await;
}

#[tokio::test]
async fn exactly_once_is_promised_where_the_clock_has_no_say() {
    for (settings, once) in [
        (json!({}), false),
        (json!({ "objects": {} }), true),
        (json!({ "objects": { "max_records": 5, "record_time": "1h" } }), true),
        (json!({ "objects": { "interval": "1h" } }), false),
    ] {
        let world = World::new(&settings).await;
        let is_once = matches!(world.sink.repetition(), Repetition::IsStoredOnce(_));
        assert_eq!(is_once, once, "{settings}");
    }
}

#[tokio::test]
async fn an_object_holds_the_records_of_many_batches_and_is_named_by_the_first() {
    let world = World::new(&raw(&json!({ "max_records": 5 }))).await;
    world.put(&texts(7..9)).await;
    assert_eq!((world.open(), world.bucket.keys()), (Some(7), vec![]));
    world.put(&texts(9..14)).await;
    assert_eq!(world.open(), Some(7), "complete, and not stored");
    assert_eq!(world.sink.hold().unwrap().due(), Some(std::time::Duration::ZERO));
    world.store(StoreReach::Due).await.unwrap();
    assert_eq!((world.open(), world.bucket.keys()), (Some(12), vec![name(7, "txt")]));
    assert_eq!(world.bucket.object(&name(7, "txt")), b"v7\nv8\nv9\nv10\nv11\n");
    world.store(StoreReach::All).await.unwrap();
    assert_eq!((world.open(), world.bucket.object(&name(12, "txt"))), (None, b"v12\nv13\n".to_vec()));
}

/// 40 MiB go through the memory of a part and a batch.
#[tokio::test]
async fn a_large_object_is_uploaded_in_parts_as_it_grows() {
    let world = World::new(&raw(&json!({ "max_bytes": "36MiB" }))).await;
    let mut expected = Vec::new();
    let mut most = 0;
    for offset in 0..40 {
        let value = format!("{offset:04}").repeat(256 * 1024);
        expected.extend_from_slice(value.as_bytes());
        expected.push(b'\n');
        world.put(&[text(offset, &value)]).await;
        most = most.max(world.sink.hold().unwrap().open()[0].bytes);
    }
    world.store(StoreReach::All).await.unwrap();
    let (first, second) = (world.bucket.object(&name(0, "txt")), world.bucket.object(&name(36, "txt")));
    assert_eq!(first.len(), 36 * (1024 * 1024 + 1));
    assert_eq!([first, second].concat(), expected);
    assert!(most <= 10 * 1024 * 1024, "{most} bytes in memory");
    assert_eq!(world.bucket.uploads(), 0);
}

/// The same records make the same object, whenever and in whatever batches they come; it is there once.
#[tokio::test]
async fn what_is_read_again_makes_the_same_object() {
    let settings = raw(&json!({ "max_records": 4 }));
    let mut world = World::new(&settings).await;
    world.put(&texts(0..9)).await;
    world.store(StoreReach::Due).await.unwrap();
    world.again(&settings);
    for offset in 0..9 {
        world.put(&texts(offset..offset + 1)).await;
    }
    world.store(StoreReach::Due).await.unwrap();
    assert_eq!(world.bucket.keys(), [name(0, "txt"), name(4, "txt")]);
    assert_eq!(world.open(), Some(8));
    let again = world.server.lines().iter().filter(|line| line.starts_with("PUT")).count();
    assert_eq!(again, 4, "each was put twice, and refused once");
}

#[tokio::test]
async fn an_object_that_is_there_with_other_bytes_is_not_overwritten() {
    let mut world = World::new(&raw(&json!({ "max_records": 4 }))).await;
    world.put(&texts(0..4)).await;
    world.store(StoreReach::Due).await.unwrap();
    world.again(&raw(&json!({ "max_records": 6 })));
    world.put(&texts(0..6)).await;
    let failure = world.store(StoreReach::Due).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Fatal);
    assert!(failure.to_string().contains("0-00000000000000000000.txt"), "{failure}");
    assert_eq!((world.open(), world.bucket.object(&name(0, "txt")).len()), (Some(0), 12));
}

/// As in AWS Lambda, where an invocation that is tried again may have other records: its objects are there beside the others.
#[tokio::test]
async fn what_is_cut_short_and_read_again_with_more_takes_a_name_of_its_own() {
    let settings = raw(&json!({}));
    let mut world = World::new(&settings).await;
    world.put(&texts(0..4)).await;
    world.store(StoreReach::All).await.unwrap();
    for more in [4, 2] {
        world.again(&settings);
        world.put(&texts(0..more)).await;
        world.store(StoreReach::All).await.unwrap();
        assert_eq!(world.open(), None);
    }
    let keys = world.bucket.keys();
    assert_eq!((keys.len(), world.bucket.object(&name(0, "txt"))), (2, b"v0\nv1\nv2\nv3\n".to_vec()));
    let other = keys.iter().find(|key| **key != name(0, "txt")).unwrap();
    assert!(other.starts_with("prices/0-00000000000000000000-"), "{other}");
    assert_eq!(world.bucket.object(other), b"v0\nv1\n");
}

/// Where the clock ends an object, what is read again may make another: neither takes the other's name.
#[tokio::test]
async fn objects_by_the_clock_have_names_of_their_own() {
    let settings = raw(&json!({ "interval": "1s" }));
    let mut world = World::new(&settings).await;
    for _ in 0..2 {
        world.put(&texts(0..3)).await;
        let due = world.sink.hold().unwrap().due().unwrap();
        assert!(due <= std::time::Duration::from_secs(1), "{due:?}");
        world.store(StoreReach::Due).await.unwrap();
        assert_eq!(world.open(), Some(0), "it is not time");
        tokio::time::sleep(due).await;
        world.store(StoreReach::Due).await.unwrap();
        assert_eq!(world.open(), None);
        world.again(&settings);
    }
    let keys = world.bucket.keys();
    assert_eq!(keys.len(), 2, "{keys:?}");
    assert!(keys.iter().all(|key| key.starts_with("prices/0-00000000000000000000-")), "{keys:?}");
}

/// A put that fails has taken none of its records, so that they are in the object once when it is put again.
#[tokio::test]
async fn a_put_that_fails_is_put_again_and_no_record_is_twice() {
    let world = World::new(&raw(&json!({ "max_records": 2 }))).await;
    world.put(&texts(0..3)).await;
    for status in [503, 500] {
        world.bucket.fail(1, status);
        let failure = batch_failure(world.sink.put(&texts(3..6)).await);
        assert_eq!(failure.kind(), FailureKind::Retriable);
    }
    world.put(&texts(3..6)).await;
    world.store(StoreReach::All).await.unwrap();
    let all: Vec<u8> = world.bucket.keys().iter().flat_map(|key| world.bucket.object(key)).collect();
    assert_eq!(all, b"v0\nv1\nv2\nv3\nv4\nv5\n");
}

/// It holds records of puts before: those that are put now would be sent to the dead letter queue, one after the other.
#[tokio::test]
async fn an_object_that_the_store_does_not_take_is_no_fault_of_the_records_that_are_put() {
    let world = World::new(&raw(&json!({ "max_records": 2 }))).await;
    world.put(&texts(0..2)).await;
    for (status, code) in [(400, "EntityTooLarge"), (400, "KeyTooLongError")] {
        world.bucket.refuse(1, status, code);
        let failure = batch_failure(world.sink.put(&texts(2..3)).await);
        assert!(
            failure.kind() == FailureKind::Fatal && failure.to_string().contains("`objects.max_bytes`"),
            "{failure}"
        );
    }
    world.put(&texts(2..3)).await;
    assert_eq!((world.bucket.keys().len(), world.open()), (1, Some(2)));
}

#[tokio::test]
async fn an_upload_that_is_gone_loses_nothing_without_a_word() {
    let world = World::new(&raw(&json!({ "max_bytes": "12MiB" }))).await;
    let large = |offset| text(offset, &"x".repeat(9 * 1024 * 1024));
    world.put(&[large(0)]).await;
    world.store(StoreReach::Due).await.unwrap();
    world.bucket.expire_uploads();
    world.put(&[large(1)]).await;
    let failure = world.store(StoreReach::Due).await.unwrap_err();
    assert!(failure.kind() == FailureKind::Fatal && failure.to_string().contains("read again"), "{failure}");
    assert_eq!((world.open(), world.bucket.keys().len()), (Some(0), 0));
}

#[tokio::test]
async fn what_is_forgotten_is_aborted_and_takes_no_late_record() {
    let world = World::new(&raw(&json!({}))).await;
    world.put(&[text(0, &"x".repeat(9 * 1024 * 1024))]).await;
    world.store(StoreReach::Due).await.unwrap();
    assert_eq!(world.bucket.uploads(), 1);
    let hold = world.sink.hold().unwrap();
    hold.forget(&[prices()]);
    assert_eq!(world.open(), None);
    while world.bucket.uploads() > 0 {
        tokio::task::yield_now().await;
    }
    world.put(&[text(0, &"x".repeat(9 * 1024 * 1024))]).await;
    world.bucket.fail(usize::MAX, 503);
    let late = texts(1..2);
    let (put, ()) = tokio::join!(world.sink.put(&late), async { hold.forget(&[prices()]) });
    assert!(put.is_err() && world.open().is_none());
}

#[tokio::test]
async fn folders_and_windows_are_those_of_the_records() {
    let day = 86_400_000;
    let at = |offset: i64, millis: i64| record(offset).value("v").timestamp(millis).build();
    let settings = raw(&json!({ "record_time": "1d", "path": "day=%Y-%m-%d/" }));
    let world = World::new(&settings).await;
    // The third comes late; the fourth is of the next day, and completes the group.
    world.put(&[at(0, day), at(1, day + 5), at(2, day - 1), at(3, 2 * day), at(4, 2 * day)]).await;
    let mut undated = Record::new(Origin::new("prices", 0, 5));
    undated.value = Some("v".into());
    world.put(&[undated]).await;
    world.store(StoreReach::All).await.unwrap();
    let group = |first: i64, path: &str| format!("prices/{path}0-{first:020}.txt");
    let expected = [
        (group(0, "day=1970-01-01/"), 2),
        (group(0, "day=1970-01-02/"), 4),
        (group(3, "day=1970-01-03/"), 4),
        (group(3, "undated/"), 2),
    ];
    for (key, length) in &expected {
        assert_eq!(world.bucket.object(key).len(), *length, "{key}");
    }
    assert_eq!(world.bucket.keys().len(), expected.len());
}

/// A topic that was made anew begins at 0: its records are no part of what came before.
#[tokio::test]
async fn offsets_that_go_back_begin_another_object() {
    let world = World::new(&raw(&json!({}))).await;
    world.put(&texts(5..7)).await;
    world.put(&texts(2..3)).await;
    assert_eq!(world.open(), Some(2), "nothing of either may be committed");
    world.store(StoreReach::All).await.unwrap();
    assert_eq!(world.bucket.keys(), [name(2, "txt"), name(5, "txt")]);
}

#[tokio::test]
async fn what_only_records_complete_asks_for_room_in_vain() {
    let world = World::new(&raw(&json!({}))).await;
    world.put(&texts(0..1)).await;
    let failure = world.store(StoreReach::Room).await.unwrap_err();
    assert!(
        failure.kind() == FailureKind::Fatal && failure.to_string().contains("buffer_memory"),
        "{failure}"
    );
    let world = World::new(&raw(&json!({ "interval": "1h" }))).await;
    world.put(&texts(0..1)).await;
    world.store(StoreReach::Room).await.unwrap();
    assert_eq!((world.open(), world.bucket.keys().len()), (None, 1));
}

#[tokio::test]
async fn csv_has_columns_and_another_column_begins_another_object() {
    let world = World::new(&json!({ "format": "csv", "objects": {} })).await;
    let rows = [
        row(0, json!({ "id": 1, "name": "a,b", "more": { "x": [1] } })),
        row(1, json!({ "name": null, "id": 44.50 })),
        row(2, json!({ "id": 3, "other": true })),
        row(3, json!([1])),
    ];
    let failures = record_failures(world.sink.put(&rows).await);
    assert_eq!((failures[0].0, failures[0].1), (3, FailureKind::Rejected));
    world.store(StoreReach::All).await.unwrap();
    let written = String::from_utf8(world.bucket.object(&name(0, "csv"))).unwrap();
    assert_eq!(written, "id,name,more\n1,\"a,b\",\"{\"\"x\"\":[1]}\"\n44.5,,\n");
    assert_eq!(world.bucket.object(&name(2, "csv")), b"id,other\n3,true\n");
    let given = World::new(&json!({ "format": "csv", "columns": ["name", "id"], "objects": {} })).await;
    given.put(&rows[..3]).await;
    given.store(StoreReach::All).await.unwrap();
    assert_eq!(given.bucket.object(&name(0, "csv")), b"name,id\n\"a,b\",1\n,44.5\n,3\n");
}

/// Reads a Parquet file as a reader that nobody here wrote does.
fn rows_of(file: Vec<u8>) -> (Vec<Value>, String) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file)).unwrap();
    let schema = reader.schema().to_string();
    let mut rows = arrow_json::ArrayWriter::new(Vec::new());
    for batch in reader.build().unwrap() {
        rows.write(&batch.unwrap()).unwrap();
    }
    rows.finish().unwrap();
    (serde_json::from_slice(&rows.into_inner()).unwrap(), schema)
}

#[tokio::test]
async fn parquet_holds_the_values_with_their_types() {
    let settings = json!({ "format": "parquet", "compression": "zstd", "objects": {} });
    let world = World::new(&settings).await;
    let values = [
        json!({ "id": 1, "price": 44, "tags": [], "owner": { "name": "Zażółć", "age": null } }),
        json!({ "id": 9_007_199_254_740_993_i64, "price": 44.5, "tags": ["a", null], "owner": null }),
        json!({ "id": -2, "live": true, "owner": { "age": 7 } }),
    ];
    let rows: Vec<_> = (0..).zip(&values).map(|(offset, value)| row(offset, value.clone())).collect();
    world.put(&rows).await;
    world.store(StoreReach::All).await.unwrap();
    let (read, schema) = rows_of(world.bucket.object(&name(0, "parquet")));
    let expected = [
        json!({ "id": 1, "price": 44.0, "tags": [], "owner": { "name": "Zażółć" } }),
        json!({ "id": 9_007_199_254_740_993_i64, "price": 44.5, "tags": ["a", null] }),
        json!({ "id": -2, "live": true, "owner": { "age": 7 } }),
    ];
    assert_eq!(read, expected, "{schema}");
}

/// Whatever JSON a value is, it is in a column or its record is rejected alone: a file that cannot be written would stop the connector.
#[tokio::test]
async fn parquet_takes_whatever_json_has_or_rejects_its_record() {
    let world = World::new(&json!({ "format": "parquet", "objects": {} })).await;
    let deep = |levels: usize| (0..levels / 2).fold(json!(1), |below, _| json!([{ "a": below }]));
    let digits = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let values = [
        json!({ "id": 0, "": "no name", "a.b": 1, "A": "upper", "a": "lower", "ż\n\"": true, "nul": "a\u{0}b", "emoji": "👩‍🚀" }),
        json!({ "id": 1, "lists": [[1], [], [null, 2]], "of": [{ "x": 1 }, { "y": "z" }, null, {}], "gone": null }),
        json!({ "id": 2, "mixed": [1, 2.5], "exact": i64::MIN, "zero": digits("-0"), "large": 1.5e308, "small": 5e-324 }),
        json!({ "id": 3, "deep": deep(18) }),
        json!({ "id": 4, "digits": digits("0.1234567890123456789012345678901234567890") }),
        json!({ "id": 5, "too_large": digits("123456789012345678901") }),
        json!({ "id": 6, "no_double": digits("1e400") }),
        json!({ "id": 7, "lists": [["text"], [1]] }),
        json!({ "id": 9, "deep": deep(120) }),
        json!({ "id": 8, "empty": {}, "none": [], "nested": [[], [[]]] }),
    ];
    let rows: Vec<Record> = (0..).zip(&values).map(|(offset, value)| row(offset, value.clone())).collect();
    let failures = record_failures(world.sink.put(&rows).await);
    let rejected: Vec<usize> = failures.iter().map(|(index, ..)| *index).collect();
    assert!(failures.iter().all(|(_, kind, _)| *kind == FailureKind::Rejected), "{failures:?}");
    assert_eq!(rejected, [5, 6, 7, 8]);
    world.store(StoreReach::All).await.unwrap();
    let mut read: Vec<Value> = Vec::new();
    for key in world.bucket.keys() {
        read.extend(rows_of(world.bucket.object(&key)).0);
    }
    for (index, value) in values.iter().enumerate().filter(|(index, _)| !rejected.contains(index)) {
        let found = read.iter().find(|read| read["id"] == value["id"]).unwrap_or_else(|| panic!("{value}"));
        for (name, field) in value.as_object().unwrap() {
            let is_there = match (name.as_str(), field) {
                (_, Value::Null) | ("empty" | "none" | "nested", _) => {
                    found.get(name).is_none_or(Value::is_null)
                }
                ("of", _) => found["of"][0]["x"] == 1 && found["of"][1]["y"] == "z",
                ("zero", _) => found["zero"] == 0,
                ("digits", _) => found["digits"].as_f64() == Some(0.123_456_789_012_345_68),
                ("mixed", _) => {
                    found["mixed"][0].as_f64() == Some(1.0) && found["mixed"][1].as_f64() == Some(2.5)
                }
                ("large" | "small", field) => found[name].as_f64() == field.as_f64(),
                (_, field) => found[name] == *field,
            };
            assert!(is_there, "{index}: {name}: {field} is read as {:?}", found.get(name));
        }
    }
}

#[tokio::test]
async fn parquet_takes_another_file_for_what_no_column_holds() {
    let world = World::new(&json!({ "format": "parquet", "objects": {} })).await;
    let many: Vec<_> = (0..2500).map(|offset| row(offset, json!({ "id": offset, "text": "x" }))).collect();
    for batch in many.chunks(700) {
        world.put(batch).await;
    }
    world.put(&[row(2500, json!({ "id": "now text" })), row(2501, json!({ "id": "more" }))]).await;
    let failures = record_failures(
        world.sink.put(&[row(2502, json!({ "id": null })), row(2503, json!({ "n": [1, "a"] }))]).await,
    );
    assert_eq!(failures.iter().map(|failure| failure.0).collect::<Vec<_>>(), [0, 1], "{failures:?}");
    world.store(StoreReach::All).await.unwrap();
    let (read, _) = rows_of(world.bucket.object(&name(0, "parquet")));
    assert_eq!(read.len(), 2500);
    assert_eq!(read[2499], json!({ "id": 2499, "text": "x" }));
    let (read, _) = rows_of(world.bucket.object(&name(2500, "parquet")));
    assert_eq!(read, [json!({ "id": "now text" }), json!({ "id": "more" })]);
}

fn object(fields: &[(&str, SchemaType)]) -> SchemaType {
    SchemaType::Object(fields.iter().map(|(name, of)| ((*name).to_owned(), of.clone())).collect())
}

/// A row that was read by a schema.
fn typed(offset: i64, value: Value, of: &Arc<SchemaType>) -> Record {
    let json = Json::from(value).with_schema_type(Some(Arc::clone(of)));
    record(offset).value(Payload::Json(json)).build()
}

/// Columns are there, and of the schema's types, whether the first record has a value for them or not.
#[tokio::test]
async fn parquet_has_the_columns_of_the_schema() {
    let decimal = SchemaType::Decimal { precision: Some(9), scale: 2 };
    let inner = object(&[("city", SchemaType::Text), ("since", SchemaType::Date)]);
    let of = Arc::new(object(&[
        ("id", SchemaType::Integer(32)),
        ("rate", SchemaType::Double),
        ("part", SchemaType::Float),
        ("price", decimal),
        ("raw", SchemaType::Bytes),
        ("at", SchemaType::Instant(1_000_000)),
        ("there", SchemaType::Local(1000)),
        ("noon", SchemaType::TimeOfDay(1000)),
        ("count", SchemaType::Unsigned(64)),
        ("tags", SchemaType::List(Arc::new(SchemaType::Text))),
        ("limits", SchemaType::Map(Arc::new(SchemaType::Integer(16)))),
        ("home", inner),
        ("kind", SchemaType::Text),
    ]));
    let world = World::new(&json!({ "format": "parquet", "objects": {} })).await;
    let full = json!({
        "id": 2, "rate": 1, "part": 1.5, "price": 44.50, "raw": "AP8=", "at": 1_769_862_600_500_000_i64,
        "there": "2026-01-31T12:30:00", "noon": 43_200_000, "count": u64::MAX, "tags": ["a", null], "limits": { "x": 7 },
        "home": { "city": "Łódź", "since": 20_484 }, "kind": 12,
    });
    world.put(&[typed(0, json!({ "id": 1, "more": true }), &of), typed(1, full.clone(), &of)]).await;
    let many: Vec<_> = (2..1500).map(|offset| typed(offset, json!({ "id": 3 }), &of)).collect();
    world.put(&many).await;
    world.put(&[typed(1500, full, &of)]).await;
    world.store(StoreReach::All).await.unwrap();
    let (read, schema) = rows_of(world.bucket.object(&name(0, "parquet")));
    assert_eq!(read.len(), 1501, "one object has them all");
    let expected = json!({
        "id": 2, "rate": 1.0, "part": 1.5, "price": "44.50", "raw": "00ff", "at": "2026-01-31T12:30:00.500Z",
        "there": "2026-01-31T12:30:00", "noon": "12:00:00", "count": u64::MAX, "tags": ["a", null], "limits": { "x": 7 },
        "home": { "city": "Łódź", "since": "2026-01-31" }, "kind": "12",
    });
    let as_text = |value: &Value| {
        value.as_object().map(|row| {
            row.iter().map(|(k, v)| format!("{k}={}", v.to_string().trim_matches('"'))).collect::<Vec<_>>()
        })
    };
    assert_eq!(as_text(&read[1]), as_text(&expected), "{schema}");
    assert_eq!(read[0], json!({ "id": 1, "more": true }));
    assert_eq!(read[1500], read[1]);
    for column in [
        "Int32",
        "Float64",
        "Float32",
        "Decimal128(9, 2)",
        "Binary",
        "Timestamp(",
        "Time32(",
        "UInt64",
        "Map(",
        "Date32",
        "Int16",
    ] {
        assert!(schema.contains(column), "{column}: {schema}");
    }
}

/// What is not of its schema's type is stored all the same, in an object of its own.
#[tokio::test]
async fn parquet_takes_another_file_for_what_the_schema_is_wrong_about() {
    let of = Arc::new(object(&[("n", SchemaType::Integer(32)), ("day", SchemaType::Date)]));
    let world = World::new(&json!({ "format": "parquet", "objects": {} })).await;
    let large = 3_000_000_000_i64;
    world
        .put(&[
            typed(0, json!({ "n": 1, "day": null }), &of),
            typed(1, json!({ "n": large, "day": "some day" }), &of),
            typed(2, json!({ "n": 2, "day": 0 }), &of),
        ])
        .await;
    world.store(StoreReach::All).await.unwrap();
    for (first, row) in [
        (0, json!({ "n": 1 })),
        (1, json!({ "n": large, "day": "some day" })),
        (2, json!({ "n": 2, "day": "1970-01-01" })),
    ] {
        assert_eq!(rows_of(world.bucket.object(&name(first, "parquet"))).0, [row]);
    }
}

/// A whole number that no double has is not rounded to one.
#[tokio::test]
async fn parquet_rounds_no_whole_number() {
    let large = 9_007_199_254_740_993_i64;
    let world = World::new(&json!({ "format": "parquet", "objects": {} })).await;
    world.put(&[row(0, json!({ "n": 1.5 })), row(1, json!({ "n": 2 })), row(2, json!({ "n": large }))]).await;
    world.put(&[row(3, json!({ "n": 7 })), row(4, json!({ "n": large + 2 }))]).await;
    let too_large: Value = serde_json::from_str("{\"n\": 1e400}").unwrap();
    let failures = record_failures(world.sink.put(&[row(5, too_large)]).await);
    assert!(failures[0].2.contains("larger than a double can be"), "{failures:?}");
    world.store(StoreReach::All).await.unwrap();
    let (read, _) = rows_of(world.bucket.object(&name(0, "parquet")));
    assert_eq!(read, [json!({ "n": 1.5 }), json!({ "n": 2.0 })]);
    let (read, _) = rows_of(world.bucket.object(&name(2, "parquet")));
    assert_eq!(read, [json!({ "n": large }), json!({ "n": 7 }), json!({ "n": large + 2 })]);
}

#[tokio::test]
async fn what_is_packed_is_one_stream_over_all_batches() {
    for (compression, extension) in [("gzip", "txt.gz"), ("zstd", "txt.zst")] {
        let world = World::new(&json!({ "format": "raw", "compression": compression, "objects": {} })).await;
        world.put(&texts(0..2)).await;
        world.put(&texts(2..4)).await;
        world.store(StoreReach::All).await.unwrap();
        let packed = world.bucket.object(&name(0, extension));
        let unpacked = match compression {
            "gzip" => {
                let mut text = Vec::new();
                flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut text).unwrap();
                text
            }
            _ => zstd::decode_all(&packed[..]).unwrap(),
        };
        assert_eq!(unpacked, b"v0\nv1\nv2\nv3\n");
    }
}
