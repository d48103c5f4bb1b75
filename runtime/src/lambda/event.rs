//! The event of an event source mapping for Kafka, as lenient as it can be read.
//!
//! The shape is that of "Process Kafka messages" in AWS's guides for Amazon MSK and self-managed Kafka. Keys, values
//! and headers may be absent or null; bytes of headers are signed as often as not. A record of another shape is read field
//! by field (`odd`), so that it is rejected alone.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use sluice_connector_api::{BoxError, Origin, Record, SchemaMetadata, TopicPartition};

use crate::lambda::encoded::{Encoded, EncodedHeaders, InOrder};
use crate::lambda::odd;
use crate::lambda::parts::{self, Readable, bytes, push_schema, timestamp};
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
    event_source: Option<String>,
    records: Option<InOrder<Vec<Box<RawValue>>>>,
}

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
    /// The records, by partition.
    pub records: Vec<Readable>,
}

impl KafkaEvent {
    /// Takes the records out, or says why this is not an event to be had here.
    pub fn into_records(self) -> Result<Records, BoxError> {
        let event = match self.0 {
            Shape::Mapping(event) => event,
            Shape::Pipes => return Err(PIPES.into()),
        };
        let Some(InOrder(partitions)) = event.records else {
            return Err(not_kafka(event.event_source.as_deref()));
        };
        let mut all = Records { partitions: Vec::new(), records: Vec::new() };
        for (name, records) in partitions {
            let partition = partition(&name)?;
            let mut read_ones = Vec::with_capacity(records.len());
            for record in records {
                read_ones.push(read(&record, &partition)?);
            }
            ascend(&name, &read_ones)?;
            all.records.extend(read_ones);
            all.partitions.push(partition);
        }
        Ok(all)
    }
}

const PIPES: &str = "this is a list of records, as Amazon EventBridge Pipes sends it, and not the event of a mapping; invoke \
                     the function by an event source mapping for Amazon MSK or self-managed Kafka";

/// Reads a record. One that is not as it should be is rejected, if it can be told apart by its offset.
fn read(record: &RawValue, partition: &TopicPartition) -> Result<Readable, BoxError> {
    let parsed = match serde_json::from_str::<EventRecord>(record.get()) {
        Ok(parsed) => parsed,
        Err(error) => return odd::read(record.get(), partition, &error),
    };
    let offset = parsed.offset;
    Ok(parsed.read(parts::origin(partition, offset)?))
}

fn not_kafka(source: Option<&str>) -> BoxError {
    let from = source.map_or_else(String::new, |source| format!(" but of `{source}`"));
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

/// What comes later must have the greater offset: it is by the offset that a record is named as not done.
fn ascend(partition: &str, records: &[Readable]) -> Result<(), BoxError> {
    if records.is_sorted_by(|(one, _), (next, _)| one.origin().offset() < next.origin().offset()) {
        return Ok(());
    }
    Err(format!("the offsets of `{partition}` do not ascend, and nothing could be said of its records")
        .into())
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
    fn other_events_are_told_apart_and_the_way_out_is_named() {
        let bad = [
            (json!([{ "eventSource": "aws:kafka", "offset": 1, "value": "YQ==" }]), "EventBridge Pipes"),
            (event(&json!([{ "offset": i64::MAX }])), "9223372036854775807, which Kafka gives to none"),
            (event(&json!([{ "offset": -1, "value": {} }])), "-1, which Kafka gives to none"),
            (event(&json!([{ "offset": "seven" }])), "cannot be told from the others"),
            (event(&json!(["text"])), "a record with its offset"),
            (json!({ "Records": [{ "eventSource": "aws:sqs", "body": "x" }] }), "not an event of Kafka:"),
            (json!({ "eventSource": "aws:mq", "messages": [] }), "not an event of Kafka but of `aws:mq`"),
            (json!({}), "event source mapping"),
            (json!({ "records": { "streamtopic": [] } }), "not a partition"),
            (json!({ "records": [] }), "expected a map"),
            (json!("hello"), "expected the event of a Lambda event source mapping for Kafka"),
            (event(&json!([{ "value": "YQ==" }])), "missing field `offset`"),
            (event(&json!([{ "offset": 2 }, { "offset": 2 }])), "do not ascend"),
        ];
        for (event, expected) in bad {
            let error = read(&event).unwrap_err().to_string();
            assert!(error.contains(expected), "{event}: {error}");
        }
    }
}
