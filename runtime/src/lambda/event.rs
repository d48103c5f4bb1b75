//! The event of an event source mapping for Kafka, as lenient as it can be read.
//!
//! The shape is that of "Process Kafka messages" in AWS's guides for Amazon MSK and self-managed Kafka. Keys, values
//! and headers may be absent or null; bytes of headers are signed as often as not.

use serde::Deserialize;
use sluice_connector_api::{
    BoxError, Headers, Origin, Payload, Record, Rejection, SchemaMetadata, Timestamp, TimestampType,
    TopicPartition,
};

use crate::lambda::encoded::{Encoded, EncodedHeaders, InOrder};
use crate::transform::chain::{Stage, StageError};

/// Records of one topic, by partition.
///
/// It is read leniently: what is wrong with one record alone, such as invalid base64, rejects that record only.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "the event of a Lambda event source mapping for Kafka")]
pub struct KafkaEvent {
    event_source: Option<String>,
    records: Option<InOrder<Vec<EventRecord>>>,
}

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

/// A record, and why it is rejected if it cannot be read.
pub type Readable = (Record, Option<StageError>);

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
        let Some(InOrder(partitions)) = self.records else {
            return Err(not_kafka(self.event_source.as_deref()));
        };
        let mut all = Records { partitions: Vec::new(), records: Vec::new() };
        for (name, records) in partitions {
            let partition = partition(&name)?;
            ascend(&name, &records)?;
            let origin = |offset| Origin::new(partition.topic.clone(), partition.partition, offset);
            all.records.extend(records.into_iter().map(|record| record.read(origin)));
            all.partitions.push(partition);
        }
        Ok(all)
    }
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
        format!("`records` has the key `{name}`, which is no partition such as `streamtopic-0`")
    })?;
    Ok(TopicPartition::new(topic, number))
}

/// What comes later must have the greater offset: it is by the offset that a record is named as not done.
fn ascend(partition: &str, records: &[EventRecord]) -> Result<(), BoxError> {
    if records.is_sorted_by(|one, next| one.offset < next.offset) {
        return Ok(());
    }
    Err(format!("the offsets of `{partition}` do not ascend, and nothing could be said of its records")
        .into())
}

impl EventRecord {
    fn read(self, origin: impl Fn(i64) -> Origin) -> Readable {
        let mut record = Record::new(origin(self.offset));
        let mut error = None;
        record.key = bytes(self.key, "key", Stage::KeyConverter, &mut error);
        record.value = bytes(self.value, "value", Stage::ValueConverter, &mut error);
        if let Some(reason) = self.headers.unreadable {
            error.get_or_insert(StageError {
                stage: Stage::ValueConverter,
                rejection: Rejection::new(reason),
            });
        }
        record.headers = self.headers.headers;
        record.timestamp = timestamp(self.timestamp, self.timestamp_type.as_deref());
        let (key, value) = (schema(self.key_schema_metadata), schema(self.value_schema_metadata));
        push_schema(&mut record.headers, "key", key.as_ref());
        push_schema(&mut record.headers, "value", value.as_ref());
        (record.with_schemas(key, value), error)
    }
}

/// An unreadable one stays the text it is, so that a dead letter shows it.
fn bytes(
    encoded: Option<Encoded>,
    what: &str,
    stage: Stage,
    error: &mut Option<StageError>,
) -> Option<Payload> {
    match encoded? {
        Encoded::Bytes(bytes) => Some(Payload::Bytes(bytes)),
        Encoded::Unreadable(text, reason) => {
            let rejection = Rejection::new(format!("the {what} in the event is no valid base64: {reason}"));
            error.get_or_insert(StageError { stage, rejection });
            Some(Payload::Text(text))
        }
    }
}

fn schema(schema: Option<EventSchema>) -> Option<SchemaMetadata> {
    schema.map(|EventSchema { data_format, schema_id }| SchemaMetadata::new(data_format, schema_id))
}

/// Keeps what a schema registry said, as headers of ours.
fn push_schema(headers: &mut Headers, of: &str, schema: Option<&SchemaMetadata>) {
    let Some(schema) = schema else { return };
    for (what, value) in [("format", &schema.format), ("id", &schema.id)] {
        if let Some(value) = value {
            headers.push(format!("__sluice.{of}.schema.{what}"), Some(value.clone().into()));
        }
    }
}

/// Kafka's -1 stands for none.
fn timestamp(millis: Option<i64>, kind: Option<&str>) -> Option<Timestamp> {
    let millis = millis.filter(|millis| *millis >= 0)?;
    let kind = match kind {
        Some("LOG_APPEND_TIME") => TimestampType::LogAppendTime,
        _ => TimestampType::CreateTime,
    };
    Some(Timestamp { millis, kind })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::{Value, json};

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
            value.0 == "value converter" && value.1.contains("the value in the event is no valid base64"),
            "{value:?}"
        );
        assert_eq!(key.0, "key converter");
        assert_eq!(header.1, "header `h` holds 256, which is no byte");
        assert_eq!(records[0].0.value_text(), Some("!?"));
        assert_eq!(records[3].0.value_text(), Some("a"), "padding may be missing");
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
    fn other_events_are_told_apart_and_the_way_out_is_named() {
        let bad = [
            (json!({ "Records": [{ "eventSource": "aws:sqs", "body": "x" }] }), "not an event of Kafka:"),
            (json!({ "eventSource": "aws:mq", "messages": [] }), "not an event of Kafka but of `aws:mq`"),
            (json!({}), "event source mapping"),
            (json!({ "records": { "streamtopic": [] } }), "no partition"),
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
