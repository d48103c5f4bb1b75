//! What a file of sample records holds.

use std::collections::HashMap;
use std::io::BufRead;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use sluice_connector_api::{
    BoxError, Headers, Json, Origin, Payload, Record, Timestamp, TimestampType, TopicPartition,
};

/// What some programs write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How sample records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFormat {
    /// Each line is a record's value.
    Value,
    /// Each line is a JSON object, as [`SampleRecord`] reads it.
    Record,
}

/// A record as it is written in a JSON object with `value` and optionally `key`, `headers`, `topic`, `partition`, `offset`
/// and `timestamp` (milliseconds). `"value": null`, or none, is a tombstone. Other JSON than text stands for its text.
/// Headers are an object of names and values, or a list of objects with `name` and `value`, where names repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampleRecord {
    /// The key, if there is one.
    pub key: Option<Bytes>,
    /// The value; none is a tombstone.
    pub value: Option<Bytes>,
    /// The headers.
    pub headers: Headers,
    /// The topic, if it says so.
    pub topic: Option<String>,
    /// The partition, if it says so.
    pub partition: Option<i32>,
    /// The offset, if it says so.
    pub offset: Option<i64>,
    /// The timestamp in milliseconds, if it says so.
    pub timestamp: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    key: Option<Box<RawValue>>,
    value: Option<Box<RawValue>>,
    headers: Option<Box<RawValue>>,
    topic: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
    timestamp: Option<i64>,
}

impl SampleRecord {
    /// Reads a record from a JSON object, or says why it is none.
    pub fn from_json(text: &[u8]) -> Result<Self, BoxError> {
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        // A list would be taken for the fields in their order.
        if !text.trim_ascii_start().starts_with(b"{") {
            return Err("expected an object with a `value`, and what else the record has".into());
        }
        let written: Written = serde_json::from_slice(text)?;
        if written.offset.is_some_and(|offset| offset < 0 || offset == i64::MAX) {
            return Err("`offset` is one that Kafka gives to no record".into());
        }
        Ok(Self {
            key: json_of(written.key)?.as_ref().and_then(bytes_of),
            value: json_of(written.value)?.as_ref().and_then(bytes_of),
            headers: match json_of(written.headers)? {
                Some(headers) => headers_of(headers.into_value())?,
                None => Headers::new(),
            },
            topic: written.topic,
            partition: written.partition,
            offset: written.offset,
            timestamp: written.timestamp,
        })
    }
}

/// Gives sample records the places where they would have been read.
#[derive(Debug)]
pub struct Places {
    topic: String,
    count: i64,
    next: HashMap<TopicPartition, i64>,
}

impl Places {
    /// Begins with the first record of a file. Where a record names no topic it is of this one.
    pub fn new(topic: impl Into<String>) -> Self {
        Self { topic: topic.into(), count: 0, next: HashMap::new() }
    }

    /// Places the next record. One without an offset comes behind those before it; one whose offset is not behind them is
    /// refused, since no topic holds it there.
    pub fn place(&mut self, sample: SampleRecord) -> Result<Record, BoxError> {
        let topic = sample.topic.as_deref().unwrap_or(&self.topic);
        let partition = TopicPartition::new(topic, sample.partition.unwrap_or(0));
        let next = self.next.get(&partition).copied().unwrap_or(0);
        let offset = sample.offset.unwrap_or_else(|| next.max(self.count));
        if offset < next {
            let last = next.saturating_sub(1);
            return Err(format!(
                "the offset {offset} of {partition} does not come behind {last}, which stands before it; records are \
                 read in the order of their offsets"
            )
            .into());
        }
        let behind = offset.checked_add(1).ok_or_else(|| {
            format!(
                "behind the offset {} of {partition} Kafka has none for another record",
                offset.saturating_sub(1)
            )
        })?;
        self.count = self.count.saturating_add(1);
        self.next.insert(partition.clone(), behind);
        let mut record = Record::new(Origin::new(partition.topic, partition.partition, offset));
        record.key = sample.key.map(Payload::Bytes);
        record.value = sample.value.map(Payload::Bytes);
        record.headers = sample.headers;
        record.timestamp =
            sample.timestamp.map(|millis| Timestamp { millis, kind: TimestampType::CreateTime });
        Ok(record)
    }
}

/// Reads sample records, one per line, or says in which line what is wrong. Records are of `topic` where they name none.
pub fn read(input: impl BufRead, topic: &str, format: InputFormat) -> Result<Vec<Record>, BoxError> {
    let (mut places, mut records) = (Places::new(topic), Vec::new());
    for (number, line) in input.split(b'\n').enumerate() {
        let line = line?;
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        if line.is_empty() && format == InputFormat::Record {
            continue;
        }
        let record = read_line(line, format).and_then(|sample| places.place(sample));
        records.push(record.map_err(|error| format!("line {}: {error}", number + 1))?);
    }
    Ok(records)
}

fn read_line(line: &[u8], format: InputFormat) -> Result<SampleRecord, BoxError> {
    match format {
        InputFormat::Value => {
            Ok(SampleRecord { value: Some(Bytes::copy_from_slice(line)), ..SampleRecord::default() })
        }
        InputFormat::Record => SampleRecord::from_json(line),
    }
}

/// Reads a part of a sample as a converter would: a `Value` of `serde_json` takes some objects for something else.
fn json_of(part: Option<Box<RawValue>>) -> serde_json::Result<Option<Json>> {
    part.map(|part| Json::from_slice(part.get().as_bytes())).transpose()
}

fn headers_of(headers: Value) -> Result<Headers, BoxError> {
    let mut read = Headers::new();
    match headers {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                read.push(name, bytes_of(&value.into()));
            }
        }
        Value::Array(entries) => {
            for entry in entries {
                let (name, value) = header_of(entry)?;
                read.push(name, bytes_of(&value.into()));
            }
        }
        _ => {
            return Err("`headers` is neither an object nor a list of objects with `name` and `value`".into());
        }
    }
    Ok(read)
}

fn header_of(entry: Value) -> Result<(String, Value), BoxError> {
    if let Value::Object(mut entry) = entry
        && let Some(Value::String(name)) = entry.remove("name")
    {
        let value = entry.remove("value").unwrap_or_default();
        if entry.is_empty() {
            return Ok((name, value));
        }
    }
    Err("a header in the list of `headers` is not an object with `name` and `value`".into())
}

fn bytes_of(json: &Json) -> Option<Bytes> {
    match json.value() {
        Value::Null => None,
        Value::String(text) => Some(text.clone().into()),
        _ => Some(json.to_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(text: &str) -> Result<Vec<String>, String> {
        let records = read(text.as_bytes(), "t", InputFormat::Record).map_err(|error| error.to_string())?;
        Ok(records.iter().map(|record| record.origin().to_string()).collect())
    }

    #[test]
    fn records_stand_where_they_say_and_else_behind_those_before_them() {
        let text = "{\"offset\":5}\n{}\n\n{\"partition\":1}\n{\"topic\":\"u\",\"offset\":0}";
        assert_eq!(origins(text).unwrap(), ["t-0-5", "t-0-6", "t-1-2", "u-0-0"]);
    }

    #[test]
    fn an_offset_that_goes_back_is_refused_with_its_line() {
        for again in ["{\"offset\":3}\n{\"offset\":3}", "{\"offset\":3}\n{\"offset\":2}"] {
            let error = origins(again).unwrap_err();
            assert!(error.starts_with("line 2: the offset ") && error.contains("behind 3"), "{error}");
        }
        assert!(origins("{\"offset\":-1}").unwrap_err().contains("gives to no record"));
    }

    #[test]
    fn behind_the_last_offset_of_all_there_is_no_record() {
        let text = format!("{{\"offset\":{}}}\n{{}}", i64::MAX - 1);
        let error = origins(&text).unwrap_err();
        assert!(error.starts_with("line 2: behind the offset 9223372036854775806 of t-0"), "{error}");
    }

    #[test]
    fn a_list_is_no_record() {
        for list in [r#"["k","v"]"#, r#" ["k","v",null,"t",0,5,6]"#, "7", "null"] {
            let error = SampleRecord::from_json(list.as_bytes()).unwrap_err().to_string();
            assert_eq!(error, "expected an object with a `value`, and what else the record has", "{list}");
        }
        let record = SampleRecord::from_json(b"\xef\xbb\xbf {\"value\":1}").unwrap();
        assert_eq!(record.value.as_deref(), Some(&b"1"[..]));
    }

    #[test]
    fn headers_repeat_in_a_list_and_may_be_null() {
        let text = br#"{"headers":[{"name":"a","value":"1"},{"name":"a"},{"name":"b","value":{"c":1}}]}"#;
        let headers = SampleRecord::from_json(text).unwrap().headers;
        let read: Vec<_> = headers.iter().map(|header| (&*header.name, header.value.as_deref())).collect();
        assert_eq!(read, [("a", Some(&b"1"[..])), ("a", None), ("b", Some(&br#"{"c":1}"#[..]))]);
        for bad in
            [r#"{"headers":7}"#, r#"{"headers":[{"value":"1"}]}"#, r#"{"headers":[{"name":"a","v":"1"}]}"#]
        {
            assert!(SampleRecord::from_json(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
