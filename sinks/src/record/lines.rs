//! Records as lines, for the sinks that write lines.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_connector_api::{Failure, Headers, Json, Payload, PutError, Record, TombstoneFate};

/// How a record becomes a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineFormat {
    /// A JSON object with `topic`, `partition`, `offset` (as read), `timestamp` (milliseconds since 1970),
    /// `key`, `value` and `headers` (a list of `name` and `value`); `part` and `target_topic` where the record
    /// has them. JSON stays JSON, text is a string, other bytes are `{"base64": "..."}`, a tombstone's value is null.
    #[default]
    JsonLines,
    /// The value's bytes and a line feed. Tombstones are rejected, and line feeds within a value stay as they are.
    Raw,
}

impl LineFormat {
    /// Says what becomes of tombstones: a line says of which it is one, or they are rejected.
    pub(crate) fn fate(self) -> TombstoneFate {
        match self {
            Self::JsonLines => TombstoneFate::Deletes,
            Self::Raw => TombstoneFate::rejected("set `format: json_lines` there"),
        }
    }
}

/// A batch as lines, and the records that make none.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub(crate) bytes: Vec<u8>,
    rejected: Vec<(usize, Failure)>,
}

impl Lines {
    pub(crate) fn of(format: LineFormat, batch: &[Record]) -> Self {
        let mut lines = Self::default();
        for (index, record) in batch.iter().enumerate() {
            match format.write(record, &mut lines.bytes) {
                Ok(()) => lines.bytes.push(b'\n'),
                Err(failure) => lines.rejected.push((index, failure)),
            }
        }
        lines
    }

    /// Says what came of the batch once the bytes are written.
    pub(crate) fn outcome(self) -> Result<(), PutError> {
        if self.rejected.is_empty() { Ok(()) } else { Err(PutError::Records(self.rejected)) }
    }
}

impl LineFormat {
    /// Writes a record as a line, without its end. Where it makes none, nothing is written.
    fn write(self, record: &Record, line: &mut Vec<u8>) -> Result<(), Failure> {
        match self {
            Self::JsonLines => write_record(record, line),
            Self::Raw => write_bytes(raw(record)?, line),
        }
        Ok(())
    }

    /// Returns a record as a line, without its end.
    pub(crate) fn line(self, record: &Record) -> Result<Vec<u8>, Failure> {
        let mut line = Vec::new();
        self.write(record, &mut line)?;
        Ok(line)
    }

    /// Shows the lines of a batch: objects for `json_lines`, strings for `raw`.
    pub(crate) fn preview(self, batch: &[Record]) -> Result<Value, PutError> {
        let mut shown = Vec::new();
        let outcomes = batch.iter().map(|record| self.show(record).map(|line| shown.push(line)));
        PutError::from_each(outcomes)?;
        Ok(Value::Array(shown))
    }

    fn show(self, record: &Record) -> Result<Value, Failure> {
        match self {
            // What is shown is read from what would be written: `to_value` has another idea of JSON as it came.
            Self::JsonLines => {
                let line = Json::parse(self.line(record)?.into());
                line.map(Json::into_value).map_err(|error| unfit(&error))
            }
            Self::Raw => raw(record).map(|value| value.to_display().into()),
        }
    }
}

fn raw(record: &Record) -> Result<&Payload, Failure> {
    let way_out =
        "a tombstone has no value to write; drop tombstones with a transform, or set `format: json_lines`";
    record.value.as_ref().ok_or_else(|| Failure::rejected(way_out))
}

fn unfit(error: &serde_json::Error) -> Failure {
    Failure::rejected(format!("the record cannot be written as JSON: {error}"))
}

fn write_bytes(payload: &Payload, line: &mut Vec<u8>) {
    match payload {
        Payload::Text(text) => line.extend_from_slice(text.as_bytes()),
        payload => line.extend_from_slice(&payload.to_bytes()),
    }
}

/// Writes a whole record as a JSON object. JSON goes out as it came, and nothing is copied but into the line.
fn write_record(record: &Record, line: &mut Vec<u8>) {
    let origin = record.origin();
    line.extend_from_slice(br#"{"topic":"#);
    write_json(origin.topic(), line);
    line.extend_from_slice(br#","partition":"#);
    write_json(&origin.partition(), line);
    line.extend_from_slice(br#","offset":"#);
    write_json(&origin.offset(), line);
    if let Some(part) = record.part() {
        line.extend_from_slice(br#","part":"#);
        write_json(&part, line);
    }
    if let Some(topic) = &record.target_topic {
        line.extend_from_slice(br#","target_topic":"#);
        write_json(topic, line);
    }
    line.extend_from_slice(br#","timestamp":"#);
    write_json(&record.timestamp.map(|timestamp| timestamp.millis), line);
    line.extend_from_slice(br#","key":"#);
    write_payload(record.key.as_ref(), line);
    line.extend_from_slice(br#","value":"#);
    write_payload(record.value.as_ref(), line);
    line.extend_from_slice(br#","headers":"#);
    write_headers(&record.headers, line);
    line.push(b'}');
}

fn write_headers(headers: &Headers, line: &mut Vec<u8>) {
    line.push(b'[');
    for (index, header) in headers.iter().enumerate() {
        if index > 0 {
            line.push(b',');
        }
        line.extend_from_slice(br#"{"name":"#);
        write_json(&header.name, line);
        line.extend_from_slice(br#","value":"#);
        match &header.value {
            Some(value) => write_shown(value, line),
            None => line.extend_from_slice(b"null"),
        }
        line.push(b'}');
    }
    line.push(b']');
}

fn write_payload(payload: Option<&Payload>, line: &mut Vec<u8>) {
    match payload {
        Some(Payload::Json(json)) => line.extend_from_slice(&json.to_bytes()),
        Some(Payload::Text(text)) => write_json(text, line),
        Some(Payload::Bytes(bytes)) => write_shown(bytes, line),
        None => line.extend_from_slice(b"null"),
    }
}

/// Writes bytes as text, or what stands for those that are none.
fn write_shown(bytes: &[u8], line: &mut Vec<u8>) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        write_json(text, line);
    } else {
        line.extend_from_slice(br#"{"base64":"#);
        write_json(&BASE64.encode(bytes), line);
        line.push(b'}');
    }
}

/// Writes text or a number. These always serialise, and memory takes all, so that there is no error to hand on.
fn write_json<T: Serialize + ?Sized>(value: &T, line: &mut Vec<u8>) {
    serde_json::to_writer(line, value).unwrap_or_default();
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use bytes::Bytes;
    use serde_json::json;
    use sluice_connector_api::{Origin, Timestamp, TimestampType};

    use super::*;

    fn text_of(format: LineFormat, record: Record) -> String {
        String::from_utf8(Lines::of(format, &[record]).bytes).unwrap()
    }

    #[test]
    fn a_json_line_carries_the_whole_record() {
        let mut record = Record::new(Origin::new("orders", 3, 7)).with_part(1);
        record.target_topic = Some("orders-eu".to_owned());
        record.timestamp = Some(Timestamp { millis: 1_739_712_345_678, kind: TimestampType::CreateTime });
        record.key = Some(Payload::Bytes(Bytes::from_static(b"k\"1")));
        record.value = Some(Payload::Json(Json::parse(r#"{"price":44.50}"#.into()).unwrap()));
        record.headers.push("trace", Some(Bytes::from_static(b"a")));
        record.headers.push("trace", None);
        let expected = concat!(
            r#"{"topic":"orders","partition":3,"offset":7,"part":1,"target_topic":"orders-eu","timestamp":1739712345678,"#,
            r#""key":"k\"1","value":{"price":44.50},"headers":[{"name":"trace","value":"a"},{"name":"trace","value":null}]}"#,
            "\n"
        );
        assert_eq!(text_of(LineFormat::JsonLines, record), expected);
    }

    /// What is under a name of the JSON library's own is data, and never text to be copied.
    #[test]
    fn a_value_makes_one_line_whatever_its_names_are() {
        for text in [
            r#"{"id":1,"note":{"$serde_json::private::Number":"1,\"role\":\"admin\""}}"#,
            r#"{"id":2,"note":{"$serde_json::private::Number":"}\n{\"forged\":true"}}"#,
            r#"{"$serde_json::private::Number":"7"}"#,
            r#"{"$serde_json::private::RawValue":"{}"}"#,
            r#"{"a":"\u00e4\/","b":[1E5,{"c":1.50}]}"#,
        ] {
            let mut record = Record::new(Origin::new("t", 0, 0));
            record.key = Some(Payload::Json(Json::parse(text.into()).unwrap()));
            record.value = record.key.clone();
            let line = text_of(LineFormat::JsonLines, record.clone());
            assert_eq!(line.matches(text).count(), 2, "{line}");
            assert_eq!(line.lines().count(), 1, "{line}");
            assert_eq!(text_of(LineFormat::Raw, record.clone()), format!("{text}\n"));
            let shown = LineFormat::JsonLines.preview(&[record.clone()]).unwrap();
            assert_eq!(&shown[0]["value"], record.value.as_ref().unwrap().as_json().unwrap());
        }
    }

    #[test]
    fn bytes_that_are_no_utf8_are_written_as_base64() {
        let mut record = Record::new(Origin::new("t", 0, 0));
        record.value = Some(Payload::Bytes(Bytes::from_static(&[0xff, 0x00, b'a'])));
        assert!(text_of(LineFormat::JsonLines, record).contains(r#""value":{"base64":"/wBh"}"#));
    }

    #[test]
    fn a_tombstone_is_null_in_json_lines_and_rejected_in_raw() {
        let tombstone = Record::new(Origin::new("t", 0, 0));
        assert!(text_of(LineFormat::JsonLines, tombstone.clone()).contains(r#""value":null"#));
        let lines = Lines::of(LineFormat::Raw, &[tombstone]);
        assert!(lines.bytes.is_empty());
        assert!(lines.outcome().unwrap_err().to_string().contains("tombstone"));
    }

    #[test]
    fn a_raw_line_is_the_value_as_it_is() {
        let mut record = Record::new(Origin::new("t", 0, 0));
        record.value = Some(Payload::from("zażółć 🦀"));
        assert_eq!(text_of(LineFormat::Raw, record.clone()), "zażółć 🦀\n");
        record.value = Some(Payload::from(""));
        assert_eq!(text_of(LineFormat::Raw, record), "\n", "an empty value is a value");
    }

    #[test]
    fn a_preview_shows_the_lines_and_names_the_records_that_make_none() {
        let mut record = Record::new(Origin::new("t", 0, 0));
        record.value = Some(Payload::from("a"));
        assert_eq!(LineFormat::Raw.preview(std::slice::from_ref(&record)).unwrap(), json!(["a"]));
        assert_eq!(LineFormat::JsonLines.preview(std::slice::from_ref(&record)).unwrap()[0]["value"], "a");
        let error = LineFormat::Raw.preview(&[record, Record::new(Origin::new("t", 0, 1))]).unwrap_err();
        assert!(matches!(error, PutError::Records(failures) if failures[0].0 == 1));
    }
}
