//! The event of an event source mapping for Kafka, as lenient as it can be read.
//!
//! The shape is that of "Process Kafka messages" in AWS's guides for Amazon MSK and self-managed Kafka. Keys, values
//! and headers may be absent or null; bytes of headers are signed as often as not. A record of another shape is read field
//! by field (`odd`), so that it is rejected alone.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use sluice_connector_api::{BoxError, Origin, Record, SchemaMetadata, TopicPartition, expectation_of};

use crate::lambda::encoded::{Encoded, EncodedHeaders, InOrder};
use crate::lambda::in_order::in_order;
use crate::lambda::odd;
use crate::lambda::parts::{self, Readable, bytes, is_offset, push_schema, timestamp};
use crate::shown::{on_one_line, shortened};
use crate::transform::chain::{Stage, StageError};

/// Records of one topic, by partition.
///
/// It is read leniently: what is wrong with one record alone, such as invalid base64, rejects that record only.
#[derive(Debug)]
pub struct KafkaEvent(Shape);

#[derive(Debug)]
enum Shape {
    Mapping(MappingEvent),
    /// A list, as Amazon `EventBridge` Pipes sends it.
    Pipes,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MappingEvent {
    event_source: Option<Box<RawValue>>,
    /// By partition, each a list.
    records: Option<Box<RawValue>>,
    /// Of other services.
    #[serde(rename = "Records")]
    others: Option<Box<RawValue>>,
    source: Option<Box<RawValue>>,
}

/// A record of another service.
#[derive(Debug, Deserialize)]
struct OtherRecord {
    /// Amazon SNS writes it large.
    #[serde(alias = "EventSource", rename = "eventSource")]
    event_source: String,
}

/// The records of a partition as they are written.
type RawRecords = Vec<Box<RawValue>>;

impl<'de> Deserialize<'de> for KafkaEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Event;
        impl<'de> Visitor<'de> for Event {
            type Value = KafkaEvent;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the event of a Lambda event source mapping for Kafka")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<KafkaEvent, A::Error> {
                let event = MappingEvent::deserialize(MapAccessDeserializer::new(map))?;
                Ok(KafkaEvent(Shape::Mapping(event)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut records: A) -> Result<KafkaEvent, A::Error> {
                while records.next_element::<IgnoredAny>()?.is_some() {}
                Ok(KafkaEvent(Shape::Pipes))
            }
        }
        deserializer.deserialize_any(Event)
    }
}

/// A record as it should be.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a record with its offset")]
struct EventRecord {
    offset: i64,
    timestamp: Option<i64>,
    timestamp_type: Option<String>,
    key: Option<Encoded>,
    value: Option<Encoded>,
    #[serde(default)]
    headers: EncodedHeaders,
    key_schema_metadata: Option<EventSchema>,
    value_schema_metadata: Option<EventSchema>,
}

/// Which schema a registry named for a key or a value.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventSchema {
    data_format: Option<String>,
    schema_id: Option<String>,
}

/// The records of an event in its order.
#[derive(Debug)]
pub struct Records {
    /// The partitions, also those without records.
    pub partitions: Vec<TopicPartition>,
    /// The records, by partition, in the order of their offsets; -1 stands for an offset that is not known.
    pub records: Vec<Readable>,
}

impl KafkaEvent {
    /// Takes the records out, or says why this is not an event to be had here.
    pub fn into_records(self) -> Result<Records, BoxError> {
        let event = match self.0 {
            Shape::Mapping(event) => event,
            Shape::Pipes => return Err(PIPES.into()),
        };
        let Some(records) = event.records.as_ref().filter(|records| records.get().starts_with('{')) else {
            return Err(not_kafka(&event));
        };
        let InOrder(partitions): InOrder<Option<Box<RawValue>>> = serde_json::from_str(records.get())?;
        let mut all = Records { partitions: Vec::new(), records: Vec::new() };
        for (partition, records) in by_partition(partitions)? {
            let mut read_ones = Vec::with_capacity(records.len());
            for record in records {
                read_ones.push(read(&record, &partition));
            }
            all.records.extend(in_order(&partition, read_ones));
            all.partitions.push(partition);
        }
        Ok(all)
    }
}

/// Brings together what a partition has, which may be there more than once.
fn by_partition(
    named: Vec<(String, Option<Box<RawValue>>)>,
) -> Result<Vec<(TopicPartition, RawRecords)>, BoxError> {
    let mut all: Vec<(TopicPartition, RawRecords)> = Vec::with_capacity(named.len());
    let mut places: HashMap<TopicPartition, usize> = HashMap::new();
    for (name, records) in named {
        let partition = partition(&name)?;
        let records = records_of(&name, records.as_deref())?;
        let place = places.get(&partition).and_then(|place| all.get_mut(*place));
        if let Some((_, before)) = place {
            before.extend(records);
        } else {
            places.insert(partition.clone(), all.len());
            all.push((partition, records));
        }
    }
    Ok(all)
}

/// The records of a partition. One that has null in place of a list has none.
fn records_of(partition: &str, records: Option<&RawValue>) -> Result<RawRecords, BoxError> {
    let Some(records) = records else { return Ok(RawRecords::new()) };
    serde_json::from_str(records.get())
        .map_err(|error| format!("`records` has no list at `{partition}`: {}", expectation_of(&error)).into())
}

/// The most characters of a service's name that are shown.
const LONGEST_SOURCE: usize = 100;

const PIPES: &str = "this is a list of records, as Amazon EventBridge Pipes sends it, and not the event of a mapping; invoke \
                     the function by an event source mapping for Amazon MSK or self-managed Kafka";

/// Reads a record. One that is not as it should be is rejected alone.
fn read(record: &RawValue, partition: &TopicPartition) -> Readable {
    match serde_json::from_str::<EventRecord>(record.get()) {
        // A list would be taken for the fields in their order.
        Ok(_) if !record.get().starts_with('{') => {
            odd::read(record.get(), partition, "expected a record with its offset")
        }
        Ok(parsed) if is_offset(parsed.offset) => {
            let origin = parts::origin(partition, parsed.offset);
            parsed.read(origin)
        }
        Ok(parsed) => {
            let expected = format!("its offset is {}, which Kafka gives to none", parsed.offset);
            odd::read(record.get(), partition, &expected)
        }
        Err(error) => odd::read(record.get(), partition, &expectation_of(&error)),
    }
}

/// Says of whom the event is, as far as it says so itself.
fn not_kafka(event: &MappingEvent) -> BoxError {
    let text = |raw: &Option<Box<RawValue>>| serde_json::from_str::<String>(raw.as_ref()?.get()).ok();
    let of_record = || {
        let records: Vec<OtherRecord> = serde_json::from_str(event.others.as_ref()?.get()).ok()?;
        Some(records.into_iter().next()?.event_source)
    };
    let source = text(&event.event_source).or_else(of_record).or_else(|| text(&event.source));
    let from = source.map_or_else(String::new, |source| {
        format!(" but of `{}`", on_one_line(&shortened(&source, LONGEST_SOURCE)))
    });
    format!(
        "this is not an event of Kafka{from}: it has no `records` by partition; invoke the function by an event \
         source mapping for Amazon MSK or self-managed Kafka"
    )
    .into()
}

/// Reads a name such as `streamtopic-0`, where the topic may hold dashes of its own.
fn partition(name: &str) -> Result<TopicPartition, BoxError> {
    let parts = name.rsplit_once('-').and_then(|(topic, number)| Some((topic, number.parse().ok()?)));
    let (topic, number) = parts.ok_or_else(|| {
        format!("`records` has the key `{name}`, which is not a partition such as `streamtopic-0`")
    })?;
    Ok(TopicPartition::new(topic, number))
}

impl EventRecord {
    fn read(self, origin: Origin) -> Readable {
        let mut record = Record::new(origin);
        let mut error = None;
        record.key = bytes(self.key, "key", Stage::KeyConverter, &mut error);
        record.value = bytes(self.value, "value", Stage::ValueConverter, &mut error);
        if let Some(reason) = self.headers.unreadable {
            error.get_or_insert(StageError { stage: Stage::ValueConverter, rejection: reason });
        }
        record.headers = self.headers.headers;
        record.timestamp = timestamp(self.timestamp, self.timestamp_type.as_deref());
        let (key, value) = (schema(self.key_schema_metadata), schema(self.value_schema_metadata));
        push_schema(&mut record.headers, "key", key.as_ref());
        push_schema(&mut record.headers, "value", value.as_ref());
        (record.with_schemas(key, value), error)
    }
}

fn schema(schema: Option<EventSchema>) -> Option<SchemaMetadata> {
    schema.map(|EventSchema { data_format, schema_id }| SchemaMetadata::new(data_format, schema_id))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::{Value, json};
    use sluice_connector_api::{Payload, TimestampType};

    use super::*;

    fn read(event: &Value) -> Result<Records, BoxError> {
        serde_json::from_str::<KafkaEvent>(&event.to_string())?.into_records()
    }

    fn event(records: &Value) -> Value {
        json!({ "eventSource": "aws:kafka", "records": { "streamtopic-0": records } })
    }

    /// Reads an event of this one record.
    fn one(mut record: Value) -> Readable {
        record["offset"] = 7.into();
        read(&event(&json!([record]))).unwrap().records.remove(0)
    }

    fn headers(record: &Record) -> Vec<(&str, Option<&[u8]>)> {
        record.headers.iter().map(|header| (header.name.as_str(), header.value.as_deref())).collect()
    }

    #[test]
    fn the_sample_event_of_aws_is_read_to_the_last_byte() {
        let text = r#"{"eventSource":"aws:kafka","eventSourceArn":"arn:aws:kafka:us-east-1:123456789012:cluster/vpc/751d",
            "bootstrapServers":"b-2.example:9092,b-1.example:9092","records":{"my-topic-0":[{"topic":"my-topic","partition":0,
            "offset":15,"timestamp":1545084650987,"timestampType":"CREATE_TIME","key":"abcDEFghiJKLmnoPQRstuVWXyz1234==",
            "value":"SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==","headers":[{"headerKey":[104,101,97,100,101,114,86,97,108,117,101]}]}]}}"#;
        let Records { partitions, records } =
            serde_json::from_str::<KafkaEvent>(text).unwrap().into_records().unwrap();
        assert_eq!(partitions, [TopicPartition::new("my-topic", 0)]);
        let (record, error) = &records[0];
        assert_eq!((error, record.origin().to_string().as_str()), (&None, "my-topic-0-15"));
        assert_eq!(record.value_text(), Some("Hello, this is a test."));
        assert_eq!(record.key.as_ref().map(Payload::len), Some(22));
        assert_eq!(record.timestamp.map(|timestamp| timestamp.millis), Some(1_545_084_650_987));
        assert_eq!(headers(record), [("headerKey", Some(&b"headerValue"[..]))]);
    }

    #[test]
    fn a_value_that_is_absent_or_null_is_a_tombstone_and_an_empty_one_is_not() {
        for record in [json!({}), json!({ "key": null, "value": null, "headers": null })] {
            let (record, error) = one(record);
            assert_eq!((&record.key, &record.value, error), (&None, &None, None));
            assert!(record.headers.is_empty() && record.timestamp.is_none());
        }
        assert_eq!(one(json!({ "value": "" })).0.value, Some(Payload::Bytes(Bytes::new())));
    }

    #[test]
    fn headers_may_be_signed_unsigned_repeated_and_null() {
        let list = json!([{ "a": [-61, -85] }, { "a": [195, 171] }, { "b": null }, { "c": [], "d": [0] }]);
        let (record, error) = one(json!({ "headers": list }));
        assert_eq!(error, None);
        let e = "ë".as_bytes();
        let expected: [(&str, Option<&[u8]>); 5] =
            [("a", Some(e)), ("a", Some(e)), ("b", None), ("c", Some(b"")), ("d", Some(b"\0"))];
        assert_eq!(headers(&record), expected);
    }

    #[test]
    fn what_cannot_be_read_rejects_its_record_alone_and_stays_to_be_seen() {
        let list = json!([
            { "offset": 1, "value": "!?" },
            { "offset": 2, "key": "*", "value": "YQ==" },
            { "offset": 3, "value": "YQ==", "headers": [{ "h": [256] }] },
            { "offset": 4, "value": "YQ" },
        ]);
        let records = read(&event(&list)).unwrap().records;
        let reasons: Vec<_> = records
            .iter()
            .map(|(_, error)| {
                error.as_ref().map(|error| (error.stage.to_string(), error.rejection.to_string()))
            })
            .collect();
        let [Some(value), Some(key), Some(header), None] = &reasons[..] else { panic!("{reasons:?}") };
        assert!(
            value.0 == "value converter" && value.1.contains("the value in the event is not valid base64"),
            "{value:?}"
        );
        assert_eq!(key.0, "key converter");
        assert_eq!(header.1, "header `h` holds a number that is not a byte");
        let mut details = records.iter().filter_map(|(_, error)| error.as_ref()?.rejection.detail());
        assert_eq!(details.next_back(), Some("256"), "what it holds is content of the record");
        assert_eq!(records[0].0.value_text(), Some("!?"));
        assert_eq!(records[3].0.value_text(), Some("a"), "padding may be missing");
    }

    #[test]
    fn an_offset_that_is_written_as_a_text_tells_its_record_apart() {
        let records = read(&event(&json!([{ "offset": "7", "value": "YQ==" }, { "offset": 8 }]))).unwrap();
        let offsets: Vec<_> = records
            .records
            .iter()
            .map(|(record, error)| (record.origin().offset(), error.is_none()))
            .collect();
        assert_eq!(offsets, [(7, true), (8, true)]);
    }

    #[test]
    fn a_timestamp_of_minus_one_is_none_and_who_set_it_is_kept() {
        assert_eq!(one(json!({ "timestamp": -1, "timestampType": "CREATE_TIME" })).0.timestamp, None);
        let kind = |name| one(json!({ "timestamp": 5, "timestampType": name })).0.timestamp.unwrap().kind;
        assert_eq!(kind("LOG_APPEND_TIME"), TimestampType::LogAppendTime);
        assert_eq!(kind("CREATE_TIME"), TimestampType::CreateTime);
    }

    #[test]
    fn the_schema_that_a_registry_named_becomes_headers() {
        let schema = json!({ "dataFormat": "AVRO", "schemaId": "1234" });
        let (record, _) = one(json!({ "value": "YQ==", "valueSchemaMetadata": schema }));
        let expected: [(&str, Option<&[u8]>); 2] =
            [("__sluice.value.schema.format", Some(b"AVRO")), ("__sluice.value.schema.id", Some(b"1234"))];
        assert_eq!(headers(&record), expected);
    }

    #[test]
    fn partitions_and_records_keep_their_order() {
        let text = r#"{"eventSource":"SelfManagedKafka","bootstrapServers":"a:9092","records":{
            "t-10":[{"offset":5},{"offset":9}],"t-2":[{"offset":0}],"t-0":[]}}"#;
        let Records { partitions, records } =
            serde_json::from_str::<KafkaEvent>(text).unwrap().into_records().unwrap();
        assert_eq!(partitions.iter().map(ToString::to_string).collect::<Vec<_>>(), ["t-10", "t-2", "t-0"]);
        let origins: Vec<_> = records.iter().map(|(record, _)| record.origin().to_string()).collect();
        assert_eq!(origins, ["t-10-5", "t-10-9", "t-2-0"]);
    }

    #[test]
    fn a_record_of_another_shape_is_rejected_alone_and_says_what_is_odd() {
        let list = json!([
            { "offset": 1, "value": "YQ==" },
            { "offset": 2, "value": "YQ==", "headers": [{ "h": "text" }] },
            { "offset": 3, "value": "YQ==", "headers": [{ "h": [1.5] }] },
            { "offset": 4, "value": { "a": 1 }, "key": "Yg==" },
            { "offset": 5, "value": "YQ==", "valueSchemaMetadata": { "dataFormat": "AVRO", "schemaId": 7 } },
            { "offset": 6, "value": "YQ==", "timestamp": "soon" },
            { "offset": 7, "key": 7, "value": "YQ==", "headers": { "a": [1] } },
            { "offset": 8, "value": "YQ==", "valueSchemaMetadata": "none" },
            { "offset": 9, "value": "YQ==" },
        ]);
        let records = read(&event(&list)).unwrap().records;
        let reasons: Vec<_> = records
            .iter()
            .map(|(record, error)| {
                let reason = error.as_ref().map(|error| format!("{}: {}", error.stage, error.rejection));
                (record.origin().offset(), reason.unwrap_or_default())
            })
            .collect();
        let odd = |offset: i64| reasons.iter().find(|(of, _)| *of == offset).unwrap().1.as_str();
        assert_eq!([odd(1), odd(5), odd(9)], ["", "", ""], "{reasons:?}");
        assert!(odd(2).starts_with("value converter: `headers` in the event cannot be read"), "{}", odd(2));
        assert!(odd(3).contains("`headers`") && odd(6).contains("`timestamp`"), "{reasons:?}");
        assert!(odd(4).contains("`value`") && odd(4).contains("base64 in a string"), "{}", odd(4));
        assert!(odd(7).starts_with("key converter: `key`"), "{}", odd(7));
        assert!(odd(8).contains("`valueSchemaMetadata`"), "{}", odd(8));
        assert_eq!(
            records[3].0.key,
            Some(Payload::Bytes(Bytes::from_static(b"b"))),
            "what can be read is kept"
        );
        assert_eq!(
            records[3].0.value,
            Some(Payload::Text(r#"{"a":1}"#.to_owned())),
            "and what cannot, as it came"
        );
        assert_eq!(headers(&records[4].0)[1], ("__sluice.value.schema.id", Some(&b"7"[..])));
    }

    #[test]
    fn what_is_odd_about_an_event_and_not_about_its_records_is_passed_over() {
        let text = r#"{"eventSource":[],"Records":"none","source":{},"bootstrapServers":null,
            "records":{"t-0":null,"t-1":[{"offset":1,"value":"YQ=="}],"t-2":[]}}"#;
        let Records { partitions, records } =
            serde_json::from_str::<KafkaEvent>(text).unwrap().into_records().unwrap();
        assert_eq!(partitions.iter().map(ToString::to_string).collect::<Vec<_>>(), ["t-0", "t-1", "t-2"]);
        assert_eq!(records.len(), 1);
    }

    #[test]
    fn an_inward_name_of_the_json_library_names_no_schema() {
        let schema = json!({ "dataFormat": "AVRO", "schemaId": { "$serde_json::private::Number": "7" } });
        let (record, error) = one(json!({ "value": "YQ==", "valueSchemaMetadata": schema }));
        assert_eq!(error, None);
        assert_eq!(headers(&record), [("__sluice.value.schema.format", Some(&b"AVRO"[..]))]);
        let value = json!({ "$serde_json::private::RawValue": "\"YQ==\"" });
        let (record, error) = one(json!({ "value": value }));
        assert!(error.unwrap().rejection.to_string().contains("base64 in a string"));
        assert_eq!(record.value_text(), Some(r#"{"$serde_json::private::RawValue":"\"YQ==\""}"#));
    }

    /// Deep nesting, halves of surrogates, numbers without end: each is the matter of its record.
    #[test]
    fn a_record_with_what_no_reader_likes_is_rejected_alone() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let long = "9".repeat(400);
        let odd = [
            format!(r#"{{"offset":2,"value":{deep}}}"#),
            format!(r#"{{"offset":2,"value":"YQ==","headers":[{{"h":{deep}}}]}}"#),
            format!(r#"{{"offset":2,"value":"YQ==","keySchemaMetadata":{deep}}}"#),
            r#"{"offset":2,"value":"\ud800"}"#.to_owned(),
            r#"{"offset":2,"value":"YQ==","headers":[{"\udc00":[1]}]}"#.to_owned(),
            format!(r#"{{"offset":2,"value":"YQ==","timestamp":{long}}}"#),
            r#"{"offset":2,"value":"YQ==","timestamp":1e999999}"#.to_owned(),
            format!(r#"{{"offset":2,"value":"YQ==","headers":[{{"h":[{long}]}}]}}"#),
            r#"{"offset":2,"value":"-_8="}"#.to_owned(),
            r#"{"offset":2,"value":"YQ==","headers":[null]}"#.to_owned(),
        ];
        for record in odd {
            let text =
                format!(r#"{{"records":{{"t-0":[{{"offset":1,"value":"YQ=="}},{record},{{"offset":3}}]}}}}"#);
            let read = serde_json::from_str::<KafkaEvent>(&text).unwrap().into_records().unwrap();
            let shown: Vec<_> = read
                .records
                .iter()
                .map(|(record, error)| (record.origin().offset(), error.is_some()))
                .collect();
            assert_eq!(shown, [(1, false), (2, true), (3, false)], "{}", record.get(..60).unwrap_or(&record));
        }
        let list = event(&json!([[7, 1, null, null, "YQ==", [], null, null]]));
        let (record, error) = read(&list).unwrap().records.remove(0);
        assert_eq!((record.origin().offset(), error.is_some()), (-1, true), "a list is no record");
        let unknown = format!(r#"{{"offset":2,"value":"YQ==","brokerId":{deep},"tag":{long}}}"#);
        let text = format!(r#"{{"records":{{"t-0":[{unknown}]}},"detail":{deep}}}"#);
        let read = serde_json::from_str::<KafkaEvent>(&text).unwrap().into_records().unwrap();
        assert!(read.records[0].1.is_none(), "what nobody asks for is no matter");
    }

    #[test]
    fn other_events_are_told_apart_and_the_way_out_is_named() {
        let bad = [
            (json!([{ "eventSource": "aws:kafka", "offset": 1, "value": "YQ==" }]), "EventBridge Pipes"),
            (
                json!({ "Records": [{ "eventSource": "aws:sqs", "body": "x" }] }),
                "not an event of Kafka but of `aws:sqs`",
            ),
            (json!({ "Records": [{ "EventSource": "aws:sns", "Sns": {} }] }), "but of `aws:sns`"),
            (json!({ "Records": [{ "eventSource": "aws:kinesis", "kinesis": {} }] }), "but of `aws:kinesis`"),
            (json!({ "source": "aws.events", "detail-type": "Scheduled Event" }), "but of `aws.events`"),
            (json!({ "Records": 7, "source": [] }), "not an event of Kafka: it has no `records`"),
            (json!({ "eventSource": "aws:mq", "messages": [] }), "not an event of Kafka but of `aws:mq`"),
            (json!({ "eventSource": "a\u{1b}[2J\u{202e}" }), "but of `a\\u001b[2J\\u202e`"),
            (json!({}), "event source mapping"),
            (json!({ "records": { "streamtopic": [] } }), "not a partition"),
            (json!({ "records": { "t-0": { "0": { "offset": 1 } } } }), "`records` has no list at `t-0`"),
            (json!({ "deliveryStreamArn": "a", "records": [] }), "it has no `records` by partition"),
            (json!({ "records": null }), "it has no `records` by partition"),
            (json!("hello"), "expected the event of a Lambda event source mapping for Kafka"),
        ];
        for (event, expected) in bad {
            let error = read(&event).unwrap_err().to_string();
            assert!(error.contains(expected), "{event}: {error}");
        }
    }

    /// Reads an event of these records; returns offset and value of each, and why it is rejected.
    fn told(list: &Value) -> Vec<(i64, String, String)> {
        let records = read(&event(list)).unwrap().records;
        let told = |(record, error): &Readable| {
            let reason = error.as_ref().map(|error| error.rejection.to_string()).unwrap_or_default();
            (record.origin().offset(), record.value_text().unwrap_or_default().to_owned(), reason)
        };
        records.iter().map(told).collect()
    }

    #[test]
    fn a_record_whose_offset_cannot_be_told_is_rejected_alone() {
        for (odd, expected) in [
            (
                json!({ "offset": i64::MAX, "value": "YQ==" }),
                "9223372036854775807, which Kafka gives to none",
            ),
            (json!({ "offset": -1, "value": "YQ==" }), "-1, which Kafka gives to none"),
            (json!({ "offset": -2, "value": {} }), "cannot be told from the others"),
            (json!({ "offset": "-1", "value": "YQ==" }), "cannot be told from the others"),
            (json!({ "offset": "seven" }), "cannot be told from the others"),
            (json!({ "offset": 1.5 }), "cannot be told from the others"),
            (json!({ "offset": 1e30 }), "cannot be told from the others"),
            (json!({ "offset": null }), "cannot be told from the others"),
            (json!({ "value": "YQ==" }), "missing field `offset`"),
            (json!("text"), "a record with its offset"),
            (json!(null), "cannot be told from the others"),
            (json!([1, 2]), "cannot be told from the others"),
        ] {
            let told =
                told(&json!([{ "offset": 0, "value": "YQ==" }, odd, { "offset": 2, "value": "Yg==" }]));
            let offsets: Vec<_> = told.iter().map(|(offset, ..)| *offset).collect();
            assert_eq!(offsets, [-1, 0, 2], "{odd}");
            assert!(told[0].2.contains(expected), "{odd}: {}", told[0].2);
            assert_eq!((told[1].2.as_str(), told[2].2.as_str()), ("", ""), "{odd}");
        }
        assert_eq!(told(&json!(["text"]))[0].1, "\"text\"", "it stays to be seen");
    }

    #[test]
    fn records_are_brought_in_the_order_of_their_offsets_however_the_event_has_them() {
        let list = json!([{ "offset": 5 }, { "offset": 3 }, { "offset": "4" }]);
        let offsets: Vec<_> = told(&list).iter().map(|(offset, ..)| *offset).collect();
        assert_eq!(offsets, [3, 4, 5]);
        let text = r#"{"records":{"t-0":[{"offset":7}],"t-1":[{"offset":1}],"t-0":[{"offset":2}],"t-00":[{"offset":9}]}}"#;
        let Records { partitions, records } =
            serde_json::from_str::<KafkaEvent>(text).unwrap().into_records().unwrap();
        let origins: Vec<_> = records.iter().map(|(record, _)| record.origin().to_string()).collect();
        assert_eq!(origins, ["t-0-2", "t-0-7", "t-0-9", "t-1-1"]);
        assert_eq!(partitions.len(), 2);
    }

    #[test]
    fn a_record_that_comes_twice_is_read_once_and_another_of_its_offset_is_rejected() {
        let (a, b) = (json!({ "offset": 2, "value": "YQ==" }), json!({ "offset": 2, "value": "Yg==" }));
        let behind = json!({ "offset": 3, "value": "Yw==" });
        let values = |list: &Value| -> Vec<_> {
            told(list)
                .into_iter()
                .map(|(offset, value, reason)| (offset, value, !reason.is_empty()))
                .collect()
        };
        let good = |offset, value: &str| (offset, value.to_owned(), false);
        assert_eq!(values(&json!([a, behind, a, behind, a])), [good(2, "a"), good(3, "c")]);
        let told = told(&json!([a, b, behind, b]));
        assert!(told[1].2.contains("another record of the same offset"), "{}", told[1].2);
        assert_eq!(
            values(&json!([a, b, behind, a])),
            [good(2, "a"), (2, "b".to_owned(), true), good(3, "c")]
        );
        assert_eq!(told.len(), 4, "no content is dropped");
    }
}
