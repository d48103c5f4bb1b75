//! What Kafka Connect's names say of numbers and texts, in `connect_json` as the name of a schema and in Avro as `connect.name`.

use sluice_connector_api::SchemaType;

use super::time::{Calendar, MICROS, MILLIS, NANOS};

/// The types that are numbers, and stand for times. Debezium's timestamps have no zone: they are those of columns that have
/// none.
const TIMES: [(&str, Calendar); 10] = [
    ("org.apache.kafka.connect.data.Date", Calendar::Date),
    ("io.debezium.time.Date", Calendar::Date),
    ("org.apache.kafka.connect.data.Time", Calendar::TimeOfDay(MILLIS)),
    ("io.debezium.time.Time", Calendar::TimeOfDay(MILLIS)),
    ("io.debezium.time.MicroTime", Calendar::TimeOfDay(MICROS)),
    ("io.debezium.time.NanoTime", Calendar::TimeOfDay(NANOS)),
    ("org.apache.kafka.connect.data.Timestamp", Calendar::Instant(MILLIS)),
    ("io.debezium.time.Timestamp", Calendar::Local(MILLIS)),
    ("io.debezium.time.MicroTimestamp", Calendar::Local(MICROS)),
    ("io.debezium.time.NanoTimestamp", Calendar::Local(NANOS)),
];

/// The types that are texts, and what these hold: a time with a zone has these parts of a second.
const TEXTS: [(&str, SchemaType); 2] = [
    ("io.debezium.data.Uuid", SchemaType::Uuid),
    ("io.debezium.time.ZonedTimestamp", SchemaType::Instant(MICROS)),
];

/// Returns the time that a number of this name stands for, if it stands for one.
pub(crate) fn connect_time(name: &str) -> Option<Calendar> {
    TIMES.into_iter().find(|(known, _)| *known == name).map(|(_, calendar)| calendar)
}

/// Returns what a text of this name holds, if that is known.
pub(crate) fn connect_text(name: &str) -> Option<SchemaType> {
    TEXTS.into_iter().find(|(known, _)| *known == name).map(|(_, of)| of)
}
