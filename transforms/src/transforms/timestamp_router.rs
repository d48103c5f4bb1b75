//! `timestamp_router`: another topic, by the record's time.

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_connector_api::{
    Record, RecordFields, Rejection, SettingsError, Transform, TransformSettings, Transformed,
};

use crate::field_fault::FieldFault;
use crate::time::{Moment, TimeFormat, check_writing};

/// Changes the topic that a record is meant for by its timestamp, in UTC.
///
/// Sinks that write to a place named after the topic follow it; where the record was read stays what it was. A tombstone
/// is routed, too; a record without a timestamp is rejected. It is Kafka Connect's `TimestampRouter`.
///
/// ```yaml
/// transforms:
///   - timestamp_router:
///       topic_format: "${topic}-${timestamp}"
///       timestamp_format: yyyy-MM
/// ```
///
/// Before:
///
/// ```json
/// {"topic": "orders", "timestamp": 1739712345678, "value": {"id": 7}}
/// ```
///
/// After:
///
/// ```json
/// {"topic": "orders-2025-02", "value": {"id": 7}}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimestampRouterSettings {
    /// The new topic: `${topic}` is the topic that the record is meant for, `${timestamp}` its time.
    /// Default `${topic}-${timestamp}`.
    #[serde(default = "topic_format")]
    #[schemars(extend("x-pattern" = true))]
    topic_format: String,
    /// How the time is written: as Java's `SimpleDateFormat` has it, or for strftime, such as `%Y%m%d`. Default `yyyyMMdd`.
    #[serde(default = "timestamp_format")]
    timestamp_format: String,
}

fn topic_format() -> String {
    format!("{TOPIC}-{TIMESTAMP}")
}

fn timestamp_format() -> String {
    "yyyyMMdd".to_owned()
}

/// What stands for the topic.
const TOPIC: &str = "${topic}";
/// What stands for the time.
const TIMESTAMP: &str = "${timestamp}";

impl TransformSettings for TimestampRouterSettings {
    const NAME: &'static str = "timestamp_router";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        let time = TimeFormat::parse("timestamp_format", &self.timestamp_format)?;
        check_writing(&time, &TimeZone::UTC)
            .map_err(|reason| SettingsError::at("timestamp_format", reason))?;
        if self.topic_format.is_empty() {
            return Err(SettingsError::at("topic_format", "a topic's name cannot be empty"));
        }
        Ok(Box::new(TimestampRouter { topic_format: self.topic_format, time }))
    }
}

struct TimestampRouter {
    topic_format: String,
    time: TimeFormat,
}

impl Transform for TimestampRouter {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        let time = self.time(&record).map_err(|fault| fault.of("the record's timestamp"))?;
        // The name of a topic has no `$`, and a time has none, either: neither puts a tag into the other.
        let routed = self.topic_format.replace(TOPIC, record.topic()).replace(TIMESTAMP, &time);
        record.target_topic = Some(routed);
        Ok(record.into())
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        fields
    }
}

impl TimestampRouter {
    fn time(&self, record: &Record) -> Result<String, FieldFault> {
        let timestamp = record.timestamp.ok_or_else(|| FieldFault::new("is missing"))?;
        let moment = Moment::from_millis(timestamp.millis)
            .ok_or_else(|| FieldFault::new("is past the end of the calendar"))?;
        match self.time.write(moment, &TimeZone::UTC).map_err(FieldFault::new)? {
            Value::String(text) => Ok(text),
            number => Ok(number.to_string()),
        }
    }
}
