//! Messages as JSON text, by the mapping of docs/converters.md.

use std::collections::HashMap;
use std::rc::Rc;

use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage, Value,
};
use sluice_connector_api::Json;

use super::known_files::DECIMAL;
use crate::mapping::{DecimalStyle, JsonText, seconds_text};

/// The deepest nesting that is written, what `Any` holds included.
const MAX_DEPTH: usize = 100;

/// Writes the message that a record is, which has so many bytes.
pub(super) fn write_record(
    message: &DynamicMessage,
    bytes: usize,
    decimal: DecimalStyle,
) -> Result<Json, String> {
    let mut writer = Writer { text: JsonText::for_record(bytes), decimal, unconditional: HashMap::new() };
    writer.message(message, 0)?;
    writer.text.finish()
}

struct Writer {
    text: JsonText,
    decimal: DecimalStyle,
    /// The fields of each kind of message that are written whether they are set or not, by the message's name. With it a
    /// message takes as long as its text, and not as long as the list of its fields.
    unconditional: HashMap<String, Rc<[FieldDescriptor]>>,
}

impl Writer {
    fn message(&mut self, message: &DynamicMessage, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("it is nested more than {MAX_DEPTH} deep"));
        }
        let descriptor = message.descriptor();
        if descriptor.full_name() == DECIMAL {
            return self.decimal(message, depth);
        }
        match descriptor.full_name().strip_prefix("google.protobuf.").unwrap_or_default() {
            "Timestamp" => self.timestamp(message, depth),
            "Duration" => self.duration(message, depth),
            "Any" => self.any(message, depth),
            "FieldMask" => self.field_mask(message),
            "Value" => self.any_json(message, depth),
            "Struct" | "ListValue" | "BoolValue" | "BytesValue" | "DoubleValue" | "FloatValue"
            | "Int32Value" | "Int64Value" | "StringValue" | "UInt32Value" | "UInt64Value" => {
                self.only_field(message, 1, depth)
            }
            _ => self.plain(message, depth),
        }
    }

    /// Writes a message as an object of its fields.
    fn plain(&mut self, message: &DynamicMessage, depth: usize) -> Result<(), String> {
        self.text.begin_object()?;
        self.fields(message, depth)?;
        self.text.end_object()
    }

    /// Writes the fields of a message in the order of their numbers.
    fn fields(&mut self, message: &DynamicMessage, depth: usize) -> Result<(), String> {
        let mut set = message.fields().filter(|(field, _)| field.supports_presence()).peekable();
        for field in self.unconditional(&message.descriptor()).iter() {
            while let Some((earlier, value)) = set.next_if(|(other, _)| other.number() < field.number()) {
                self.field(&earlier, value, depth)?;
            }
            self.field(field, &message.get_field(field), depth)?;
        }
        for (field, value) in set {
            self.field(&field, value, depth)?;
        }
        Ok(())
    }

    fn field(&mut self, field: &FieldDescriptor, value: &Value, depth: usize) -> Result<(), String> {
        self.text.name(field.name())?;
        self.value(&field.kind(), value, depth + 1)
    }

    fn unconditional(&mut self, descriptor: &MessageDescriptor) -> Rc<[FieldDescriptor]> {
        if let Some(fields) = self.unconditional.get(descriptor.full_name()) {
            return Rc::clone(fields);
        }
        let fields: Rc<[_]> = descriptor.fields().filter(|field| !field.supports_presence()).collect();
        self.unconditional.insert(descriptor.full_name().to_owned(), Rc::clone(&fields));
        fields
    }

    fn value(&mut self, kind: &Kind, value: &Value, depth: usize) -> Result<(), String> {
        match value {
            Value::Bool(value) => self.text.boolean(*value),
            Value::I32(number) => self.text.integer(i64::from(*number)),
            Value::I64(number) => self.text.integer(*number),
            Value::U32(number) => self.text.unsigned(u64::from(*number)),
            Value::U64(number) => self.text.unsigned(*number),
            Value::F32(number) => self.text.float(*number),
            Value::F64(number) => self.text.double(*number),
            Value::String(text) => self.text.string(text),
            Value::Bytes(bytes) => self.text.base64(bytes),
            Value::EnumNumber(number) => self.symbol(kind, *number),
            Value::Message(message) => self.message(message, depth),
            Value::List(items) => self.list(kind, items, depth),
            Value::Map(entries) => self.map(kind, entries, depth),
        }
    }

    /// A number that the enum of the schema has not stays a number.
    fn symbol(&mut self, kind: &Kind, number: i32) -> Result<(), String> {
        let Kind::Enum(descriptor) = kind else { return self.text.integer(i64::from(number)) };
        if descriptor.full_name() == "google.protobuf.NullValue" {
            return self.text.null();
        }
        match descriptor.get_value(number) {
            Some(value) => self.text.string(value.name()),
            None => self.text.integer(i64::from(number)),
        }
    }

    fn list(&mut self, kind: &Kind, items: &[Value], depth: usize) -> Result<(), String> {
        self.text.begin_array()?;
        for item in items {
            self.value(kind, item, depth + 1)?;
        }
        self.text.end_array()
    }

    /// The entries of a map have no order of their own; sorted, equal records give equal text.
    fn map(&mut self, kind: &Kind, entries: &HashMap<MapKey, Value>, depth: usize) -> Result<(), String> {
        let mut sorted: Vec<_> = entries.iter().collect();
        sorted.sort_by_key(|(key, _)| *key);
        let of_values = match kind {
            Kind::Message(entry) if entry.is_map_entry() => entry.map_entry_value_field().kind(),
            other => other.clone(),
        };
        self.text.begin_object()?;
        for (key, value) in sorted {
            self.text.name(&key_text(key))?;
            self.value(&of_values, value, depth + 1)?;
        }
        self.text.end_object()
    }

    fn only_field(&mut self, message: &DynamicMessage, number: u32, depth: usize) -> Result<(), String> {
        match message.descriptor().get_field(number) {
            Some(field) => self.value(&field.kind(), &message.get_field(&field), depth + 1),
            None => self.text.null(),
        }
    }

    /// `google.protobuf.Value`: one field is set, and that is the value; none is null.
    fn any_json(&mut self, message: &DynamicMessage, depth: usize) -> Result<(), String> {
        match message.fields().next() {
            Some((field, value)) => self.value(&field.kind(), value, depth + 1),
            None => self.text.null(),
        }
    }

    /// Confluent's decimal: a number with its scale.
    fn decimal(&mut self, message: &DynamicMessage, depth: usize) -> Result<(), String> {
        let (unscaled, scale) = (message.get_field_by_number(1), message.get_field_by_number(3));
        let unscaled = unscaled.as_deref().and_then(Value::as_bytes);
        let (Some(unscaled), Some(scale)) = (unscaled, scale.as_deref().and_then(Value::as_i32)) else {
            return self.plain(message, depth);
        };
        self.text.decimal(unscaled, scale.into(), self.decimal)
    }

    /// What no calendar holds keeps its fields.
    fn timestamp(&mut self, message: &DynamicMessage, depth: usize) -> Result<(), String> {
        let (seconds, nanos) = seconds_and_nanos(message);
        match seconds_text(seconds, nanos) {
            Some(text) => self.text.string(&text),
            None => self.plain(message, depth),
        }
    }

    fn duration(&mut self, message: &DynamicMessage, depth: usize) -> Result<(), String> {
        let (seconds, nanos) = seconds_and_nanos(message);
        let signs_agree = seconds.signum() * i64::from(nanos.signum()) >= 0;
        if !signs_agree || nanos.unsigned_abs() >= 1_000_000_000 {
            return self.plain(message, depth);
        }
        let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
        let fraction = format!("{:09}", nanos.unsigned_abs());
        let fraction = match fraction.trim_end_matches('0') {
            "" => String::new(),
            digits => format!(".{digits}"),
        };
        self.text.string(&format!("{sign}{}{fraction}s", seconds.unsigned_abs()))
    }

    fn field_mask(&mut self, message: &DynamicMessage) -> Result<(), String> {
        let paths = message.get_field_by_number(1);
        let paths: Vec<&str> =
            paths.iter().filter_map(|paths| paths.as_list()).flatten().filter_map(Value::as_str).collect();
        self.text.string(&paths.join(","))
    }

    /// A message of any type, which it names itself; one whose type the schema has not stays bytes.
    fn any(&mut self, message: &DynamicMessage, depth: usize) -> Result<(), String> {
        let url = message.get_field_by_number(1);
        let url = url.as_deref().and_then(Value::as_str).unwrap_or_default();
        let bytes = message.get_field_by_number(2);
        let bytes = bytes.as_deref().and_then(Value::as_bytes).cloned().unwrap_or_default();
        let name = url.rsplit('/').next().unwrap_or(url);
        self.text.begin_object()?;
        self.text.name("@type")?;
        self.text.string(url)?;
        match message.descriptor().parent_pool().get_message_by_name(name) {
            None => {
                self.text.name("value")?;
                self.text.base64(&bytes)?;
            }
            Some(descriptor) => {
                let inner = DynamicMessage::decode(descriptor, bytes).map_err(|error| error.to_string())?;
                if name.starts_with("google.protobuf.") {
                    self.text.name("value")?;
                    self.message(&inner, depth + 1)?;
                } else {
                    self.fields(&inner, depth + 1)?;
                }
            }
        }
        self.text.end_object()
    }
}

fn seconds_and_nanos(message: &DynamicMessage) -> (i64, i32) {
    let seconds = message.get_field_by_number(1).and_then(|value| value.as_i64()).unwrap_or_default();
    let nanos = message.get_field_by_number(2).and_then(|value| value.as_i32()).unwrap_or_default();
    (seconds, nanos)
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}
