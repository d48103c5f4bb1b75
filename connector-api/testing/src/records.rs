//! Builders of records.

use bytes::Bytes;
use serde_json::{Value, json};
use sluice_connector_api::{Origin, Payload, Record, Timestamp, TimestampType};

/// Builds a record step by step; [`record`] begins one.
#[derive(Clone, Debug)]
pub struct RecordBuilder(Record);

/// Begins a record as it was read at an offset of partition 0 of the topic `prices`: without a key, a value, headers or a
/// timestamp.
///
/// ```
/// use serde_json::json;
/// use sluice_plugin_testing::record;
///
/// let record = record(7)
///     .at("orders", 3)
///     .key("a-1")
///     .value(json!({ "price": 44.5 }))
///     .header("trace", "x")
///     .timestamp(1_739_712_345_678)
///     .build();
/// assert_eq!(record.origin().to_string(), "orders-3-7");
/// assert_eq!(record.headers.len(), 1);
/// ```
pub fn record(offset: i64) -> RecordBuilder {
    RecordBuilder(Record::new(Origin::new("prices", 0, offset)))
}

impl RecordBuilder {
    /// Changes the topic and the partition that it was read from. Call it first: it begins the record anew.
    #[must_use]
    pub fn at(self, topic: &str, partition: i32) -> Self {
        Self(Record::new(Origin::new(topic, partition, self.0.origin().offset())))
    }

    /// Sets the key: text, JSON, or a [`Payload`].
    #[must_use]
    pub fn key(mut self, key: impl Into<Payload>) -> Self {
        self.0.key = Some(key.into());
        self
    }

    /// Sets the value: text, JSON, or a [`Payload`].
    #[must_use]
    pub fn value(mut self, value: impl Into<Payload>) -> Self {
        self.0.value = Some(value.into());
        self
    }

    /// Sets the value to bytes, as a record has it before its converter.
    #[must_use]
    pub fn bytes(self, value: impl Into<Bytes>) -> Self {
        self.value(Payload::Bytes(value.into()))
    }

    /// Adds a header, beside others of its name.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0.headers.push(name, Some(Bytes::copy_from_slice(value.as_bytes())));
        self
    }

    /// Sets the timestamp, in milliseconds since 1970, as a producer would.
    #[must_use]
    pub fn timestamp(mut self, millis: i64) -> Self {
        self.0.timestamp = Some(Timestamp { millis, kind: TimestampType::CreateTime });
        self
    }

    /// Sets the topic that a routing transform chose.
    #[must_use]
    pub fn target_topic(mut self, topic: &str) -> Self {
        self.0.target_topic = Some(topic.to_owned());
        self
    }

    /// Says which part it is of a record that became several.
    #[must_use]
    pub fn part(self, part: u32) -> Self {
        Self(self.0.with_part(part))
    }

    /// Returns the record; one without a value is a tombstone.
    pub fn build(self) -> Record {
        self.0
    }
}

/// Makes a record without a value and without a key.
pub fn tombstone(offset: i64) -> Record {
    record(offset).build()
}

/// Makes a record with a value.
pub fn with_value(offset: i64, value: Payload) -> Record {
    record(offset).value(value).build()
}

/// Makes a record with a text.
pub fn text(offset: i64, value: &str) -> Record {
    with_value(offset, value.into())
}

/// Makes records that nobody expects and that topics hold all the same: tombstones, empty values, bytes that are not
/// UTF-8, deep and wide JSON, large numbers, text with control characters. They have offsets from 1000.
pub fn odd_records() -> Vec<Record> {
    let deep = (0..100).fold(Value::Null, |inner, _| json!([inner]));
    let values: Vec<Payload> = vec![
        "".into(),
        " \t\r\n".into(),
        "\u{0}\u{1f}\u{7f}".into(),
        "\u{feff}zażółć 🦀 \u{10ffff}\u{2028}".into(),
        "{{field}} <<field>> ${env:HOME}".into(),
        Payload::Bytes(Bytes::new()),
        Payload::Bytes(Bytes::from_static(&[0xff, 0xfe, 0x00, 0x80])),
        Payload::Bytes(Bytes::from_static(b"{\"a\":")),
        Value::Null.into(),
        json!(true).into(),
        json!("text").into(),
        json!(u64::MAX).into(),
        json!(f64::MAX).into(),
        json!([]).into(),
        json!({}).into(),
        json!({ "": "", "a.b": 1, "@record": 2 }).into(),
        deep.into(),
    ];
    let mut odd = vec![tombstone(1000), record(1001).key("").header("", "").timestamp(i64::MIN).build()];
    odd.push(record(1002).key("k").timestamp(i64::MAX).target_topic("elsewhere").part(u32::MAX).build());
    for (offset, value) in (1003..).zip(values) {
        odd.push(record(offset).key(value.clone()).value(value).build());
    }
    odd
}
