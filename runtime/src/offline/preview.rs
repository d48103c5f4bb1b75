//! The real chain and the real sink's request on sample records, without a broker or a target.

use std::collections::{BTreeMap, HashSet};
use std::io::BufRead;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use sluice_connector_api::{
    BoxError, Headers, Json, Origin, Payload, PutError, Record, Side, Timestamp, TimestampType, Transformed,
};

use crate::connector::load::Connector;
use crate::engine::batch::item::BatchKeys;
use crate::pace::pacer::Pacers;
use crate::transform::chain::{NotApplied, records};

/// How sample records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFormat {
    /// Each line is a record's value.
    Value,
    /// Each line is a JSON object with `value` and optionally `key`, `headers`, `topic`, `partition`, `offset`
    /// and `timestamp` (milliseconds). `"value": null` is a tombstone; JSON values stand for their text.
    Record,
}

/// What became of one sample record.
#[derive(Debug)]
pub struct Previewed {
    /// Where it would have been read.
    pub origin: Origin,
    /// The records after each stage, by the stage's name.
    pub stages: Vec<(String, Vec<Value>)>,
    /// Why it was rejected, and where.
    pub rejected: Option<String>,
}

/// What became of all sample records.
#[derive(Debug)]
pub struct Preview {
    /// Each record.
    pub records: Vec<Previewed>,
    /// The request of each put that the sink would get.
    pub requests: Vec<Result<Value, String>>,
}

/// Runs a connector's chain on sample records and asks its sink for the requests it would send.
///
/// A schema that a converter asks for is fetched once; where that fails, the record shows why it could not be read.
pub async fn preview(
    connector: &Connector,
    input: impl BufRead,
    format: InputFormat,
) -> Result<Preview, BoxError> {
    let topic = connector.source.kafka.topics.first().map_or("sample", |topic| topic.trim_start_matches('^'));
    let (mut shown, mut ready) = (Vec::new(), Vec::new());
    for (number, line) in input.split(b'\n').enumerate() {
        let line = line?;
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        if line.is_empty() && format == InputFormat::Record {
            continue;
        }
        let offset = i64::try_from(shown.len())?;
        let record =
            read(line, topic, offset, format).map_err(|error| format!("line {}: {error}", number + 1))?;
        shown.push(run(connector, record, &mut ready).await);
    }
    Ok(Preview { records: shown, requests: requests(connector, &ready) })
}

async fn run(connector: &Connector, record: Record, ready: &mut Vec<Record>) -> Previewed {
    let origin = record.origin().clone();
    let mut stages = Vec::new();
    let result = changed(connector, &origin, record, &mut stages).await;
    let rejected = match &result {
        Ok(transformed) => {
            ready.extend_from_slice(records(transformed));
            None
        }
        Err(reason) => Some(reason.clone()),
    };
    if matches!(result, Ok(Transformed::Dropped)) {
        stages.push(("dropped on purpose".to_owned(), Vec::new()));
    }
    Previewed { origin, stages, rejected }
}

/// Takes a record through the chain, or says why it does not come out of it.
async fn changed(
    connector: &Connector,
    origin: &Origin,
    mut record: Record,
    stages: &mut Vec<(String, Vec<Value>)>,
) -> Result<Transformed, String> {
    let mut side = Side::Key;
    let mut fetched = HashSet::new();
    loop {
        let see = |stage: &str, records: &[Record]| {
            stages.push((stage.to_owned(), records.iter().map(show).collect()));
        };
        let pending = match connector.chain.apply_seen(side, origin, record, see) {
            Ok(transformed) => return Ok(transformed),
            Err(NotApplied::Rejected(error)) => {
                return Err(format!("rejected by {}: {}", error.stage, error.rejection));
            }
            Err(NotApplied::NeedsSchema(pending)) => *pending,
        };
        let cannot = format!("the {} needs the schema `{}`", pending.side, pending.schema);
        let fetching = connector.chain.fetch(pending.side, &pending.schema).await;
        fetching.map_err(|failure| format!("{cannot}: {failure}"))?;
        if !fetched.insert(pending.schema) {
            return Err(format!("{cannot}, though it was fetched"));
        }
        (side, record) = (pending.side, pending.record);
    }
}

/// Cuts the records into batches as the engine would with all of them at hand.
fn requests(connector: &Connector, ready: &[Record]) -> Vec<Result<Value, String>> {
    let limits = connector.lane_settings(&Pacers::default()).batch;
    let mut ready = ready.to_vec();
    let mut keys = BatchKeys::default();
    ready.sort_by_cached_key(|record| keys.number(&connector.sink.batch_key(record)));
    let (mut requests, mut rest) = (Vec::new(), ready.as_slice());
    while let Some(first) = rest.first() {
        let (mut bytes, batch_key) = (0, connector.sink.batch_key(first));
        let fits = |record: &&Record| {
            bytes += connector.sink.size_of(record);
            bytes <= limits.max_bytes && connector.sink.batch_key(record) == batch_key
        };
        let count = rest.iter().take(limits.max_records).take_while(fits).count().max(1);
        let (batch, later) = rest.split_at(count);
        requests.extend(request(connector, batch));
        rest = later;
    }
    requests
}

/// Asks the sink for its request. Where it rejects some of the records, those are shown by their reason, and the
/// request is that of the others.
fn request(connector: &Connector, batch: &[Record]) -> Vec<Result<Value, String>> {
    match connector.sink.preview(batch) {
        Ok(request) => vec![Ok(request)],
        Err(PutError::Batch(failure)) => vec![Err(failure.to_string())],
        Err(PutError::Records(failures)) => {
            let rejected: BTreeMap<usize, String> =
                failures.into_iter().map(|(index, failure)| (index, failure.to_string())).collect();
            let left = batch.iter().enumerate().filter(|(index, _)| !rejected.contains_key(index));
            let left: Vec<Record> = left.map(|(_, record)| record.clone()).collect();
            let reason = |(index, reason): (&usize, &String)| {
                let origin = batch.get(*index).map(|record| record.origin().to_string()).unwrap_or_default();
                Err(format!("record {origin} was rejected by the sink: {reason}"))
            };
            let mut shown: Vec<_> = rejected.iter().map(reason).collect();
            if !left.is_empty() && left.len() < batch.len() {
                shown.extend(request(connector, &left));
            }
            shown
        }
    }
}

/// A sample record in full.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    key: Option<Box<RawValue>>,
    value: Option<Box<RawValue>>,
    headers: Option<Box<RawValue>>,
    topic: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
    timestamp: Option<i64>,
}

fn read(line: &[u8], topic: &str, offset: i64, format: InputFormat) -> Result<Record, BoxError> {
    if format == InputFormat::Value {
        let mut record = Record::new(Origin::new(topic, 0, offset));
        record.value = Some(Payload::Bytes(Bytes::copy_from_slice(line)));
        return Ok(record);
    }
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let sample: Sample = serde_json::from_slice(line)?;
    let topic = sample.topic.as_deref().unwrap_or(topic);
    let mut record =
        Record::new(Origin::new(topic, sample.partition.unwrap_or(0), sample.offset.unwrap_or(offset)));
    record.key = json_of(sample.key)?.as_ref().and_then(bytes_of).map(Payload::Bytes);
    record.value = json_of(sample.value)?.as_ref().and_then(bytes_of).map(Payload::Bytes);
    if let Some(headers) = json_of(sample.headers)? {
        record.headers = headers_of(headers.into_value())?;
    }
    record.timestamp = sample.timestamp.map(|millis| Timestamp { millis, kind: TimestampType::CreateTime });
    Ok(record)
}

/// Reads a part of a sample as a converter would: a `Value` of `serde_json` takes some objects for something else.
fn json_of(part: Option<Box<RawValue>>) -> serde_json::Result<Option<Json>> {
    part.map(|part| Json::from_slice(part.get().as_bytes())).transpose()
}

fn headers_of(headers: Value) -> Result<Headers, BoxError> {
    let Value::Object(fields) = headers else { return Err("`headers` is not an object".into()) };
    let mut headers = Headers::new();
    for (name, value) in fields {
        headers.push(name, bytes_of(&value.into()));
    }
    Ok(headers)
}

fn bytes_of(json: &Json) -> Option<Bytes> {
    match json.value() {
        Value::Null => None,
        Value::String(text) => Some(text.clone().into()),
        _ => Some(json.to_bytes()),
    }
}

/// Shows a record with only what it has.
fn show(record: &Record) -> Value {
    let mut shown = Map::new();
    if record.topic() != record.origin().topic() {
        shown.insert("topic".to_owned(), record.topic().into());
    }
    if let Some(key) = &record.key {
        shown.insert("key".to_owned(), show_payload(key));
    }
    shown.insert("value".to_owned(), record.value.as_ref().map_or(Value::Null, show_payload));
    if !record.headers.is_empty() {
        let header = |header: &sluice_connector_api::Header| {
            let value = header.value.as_ref().map(|value| String::from_utf8_lossy(value).into_owned());
            json!({ "name": header.name, "value": value })
        };
        shown.insert("headers".to_owned(), record.headers.iter().map(header).collect());
    }
    Value::Object(shown)
}

fn show_payload(payload: &Payload) -> Value {
    match payload {
        Payload::Json(json) => json.value().clone(),
        other => other.to_display().into(),
    }
}
