//! `insert_field`: where a record comes from, and a fixed text, as fields.

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_connector_api::{
    FieldKind, FormNeed, Json, KnownFields, Record, RecordFields, Rejection, SettingsError, Timestamp,
    Transform, TransformSettings, Transformed,
};

use crate::field_fault::FieldFault;
use crate::field_path::FieldPath;
use crate::subject::Of;
use crate::time::{Moment, TimeFormat, check_writing, known_times, time_zone};

/// Adds fields: the record's topic, partition, offset and timestamp, and a fixed text.
///
/// A field that is there already is overwritten, and objects on the way to a field are made. A tombstone passes unchanged.
/// It is Kafka Connect's `InsertField`; with `timestamp_format` the timestamp can be text that people read. A `!` or `?` at
/// the end of a name, which says something of a schema there, is left out.
///
/// ```yaml
/// transforms:
///   - insert_field:
///       topic_field: meta.topic
///       offset_field: meta.offset
///       timestamp_field: at
///       timestamp_format: "%Y-%m-%d %H:%M:%S"
///       static_field: source
///       static_value: warehouse
/// ```
///
/// Before:
///
/// ```json
/// {"topic": "orders", "offset": 42, "timestamp": 1739712345678, "value": {"id": 7}}
/// ```
///
/// After:
///
/// ```json
/// {"value": {"id": 7, "meta": {"topic": "orders", "offset": 42}, "at": "2025-02-16 13:25:45", "source": "warehouse"}}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InsertFieldSettings {
    /// The field for the topic that the record is meant for: a routing transform before this one changes it. Names within
    /// names are separated by dots, and a name that has a dot stands in brackets or between backticks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    topic_field: Option<String>,
    /// The field for the partition that the record was read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    partition_field: Option<String>,
    /// The field for the record's offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offset_field: Option<String>,
    /// The field for the record's timestamp; left out where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timestamp_field: Option<String>,
    /// How the timestamp is written: as `to` of the transform `timestamp`. Default `unix_millis`, as Kafka counts.
    #[serde(default = "unix_millis")]
    timestamp_format: String,
    /// The time zone of a timestamp that is text, by its IANA name. Default `UTC`.
    #[serde(default = "utc")]
    time_zone: String,
    /// The field for the fixed text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-also" = ["field", "name"]))]
    static_field: Option<String>,
    /// The fixed text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-also" = ["value"]))]
    static_value: Option<String>,
    /// Whether the key or the value is changed. Default `value`.
    #[serde(default)]
    of: Of,
}

fn unix_millis() -> String {
    "unix_millis".to_owned()
}

fn utc() -> String {
    "UTC".to_owned()
}

impl TransformSettings for InsertFieldSettings {
    const NAME: &'static str = "insert_field";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        let zone = time_zone("time_zone", &self.time_zone)?;
        let format = TimeFormat::parse("timestamp_format", &self.timestamp_format)?;
        check_writing(&format, &zone).map_err(|reason| SettingsError::at("timestamp_format", reason))?;
        let text = match (&self.static_field, self.static_value) {
            (Some(_), None) => return Err(SettingsError::at("static_field", "needs `static_value`")),
            (None, Some(_)) => return Err(SettingsError::at("static_value", "needs `static_field`")),
            (_, text) => text.unwrap_or_default(),
        };
        let wanted = [
            ("topic_field", self.topic_field, Inserted::Topic),
            ("partition_field", self.partition_field, Inserted::Partition),
            ("offset_field", self.offset_field, Inserted::Offset),
            ("timestamp_field", self.timestamp_field, Inserted::Timestamp { format, zone }),
            ("static_field", self.static_field, Inserted::Text(text)),
        ];
        let mut fields = Vec::new();
        for (key, field, what) in wanted {
            if let Some(field) = field {
                let name = field.strip_suffix(['!', '?']).unwrap_or(&field);
                fields.push((FieldPath::parse(key, name.to_owned())?, what));
            }
        }
        if fields.is_empty() {
            return Err(SettingsError::new("inserts nothing; name a field, such as `topic_field`"));
        }
        Ok(Box::new(InsertField { fields, of: self.of }))
    }
}

struct InsertField {
    fields: Vec<(FieldPath, Inserted)>,
    of: Of,
}

/// What is inserted.
enum Inserted {
    Topic,
    Partition,
    Offset,
    Timestamp { format: TimeFormat, zone: TimeZone },
    Text(String),
}

impl Inserted {
    /// Returns what is inserted; none where the record has no timestamp.
    fn value(&self, record: &Record) -> Result<Option<Value>, Rejection> {
        Ok(Some(match self {
            Self::Topic => record.topic().into(),
            Self::Partition => record.origin().partition().into(),
            Self::Offset => record.origin().offset().into(),
            Self::Text(text) => text.as_str().into(),
            Self::Timestamp { format, zone } => match record.timestamp {
                None => return Ok(None),
                Some(timestamp) => write_time(timestamp, format, zone)
                    .map_err(|reason| FieldFault::new(reason).of("the record's timestamp"))?,
            },
        }))
    }
}

impl Inserted {
    fn known(&self) -> KnownFields {
        match self {
            Self::Topic => KnownFields::of(FieldKind::Text),
            Self::Partition | Self::Offset => KnownFields::of(FieldKind::Number),
            Self::Text(text) => KnownFields::like([text.as_str().into()]),
            Self::Timestamp { format, zone } => known_times(format, zone),
        }
    }
}

fn write_time(timestamp: Timestamp, format: &TimeFormat, zone: &TimeZone) -> Result<Value, String> {
    let moment = Moment::from_millis(timestamp.millis).ok_or("is past the end of the calendar")?;
    format.write(moment, zone)
}

impl Transform for InsertField {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        let first = self.fields.first().map_or("", |(field, _)| field.as_str());
        if self.of.object(&mut record, InsertFieldSettings::NAME, first)?.is_none() {
            return Ok(record.into());
        }
        for (field, what) in &self.fields {
            if let Some(value) = what.value(&record)?
                && let Some(json) = self.json(&mut record)
            {
                field.set(json, value)?;
            }
        }
        Ok(record.into())
    }

    fn needs(&self) -> Vec<FormNeed> {
        vec![self.of.needs_json("", "writes fields")]
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        fields.changed(self.of.side(), |before| {
            self.fields.iter().fold(before, |left, (field, what)| match what {
                // A record without a timestamp stays as it is.
                Inserted::Timestamp { .. } => left.with_either(field.names(), what.known()),
                _ => left.with_known(field.names(), what.known()),
            })
        })
    }
}

impl InsertField {
    fn json<'a>(&self, record: &'a mut Record) -> Option<&'a mut Json> {
        match self.of.get_mut(record) {
            Some(sluice_connector_api::Payload::Json(json)) => Some(json),
            _ => None,
        }
    }
}
