//! Messages as JSON text, by the mapping of docs/converters.md.

use std::collections::HashMap;

use bytes::Bytes;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, Value};

use crate::mapping::{JsonText, seconds_text};

/// The deepest nesting that is written, what `Any` holds included.
const MAX_DEPTH: usize = 100;

/// Writes the message that a record is, which has so many bytes.
pub(super) fn write_record(message: &DynamicMessage, bytes: usize) -> Result<Bytes, String> {
    let mut writer = Writer { text: JsonText::for_record(bytes) };
    writer.message(message, 0)?;
    Ok(writer.text.finish())
}

struct Writer {
    text: JsonText,
}

impl Writer {
    fn message(&mut self, message: &DynamicMessage, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("it is nested more than {MAX_DEPTH} deep"));
        }
        let name = message.descriptor_name();
        match name.strip_prefix("google.protobuf.").unwrap_or_default() {
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
        self.text.raw("{")?;
        self.fields(message, "", depth)?;
        self.text.raw("}")
    }

    /// Writes the fields of a message; `comma` stands before the first.
    fn fields(&mut self, message: &DynamicMessage, comma: &str, depth: usize) -> Result<(), String> {
        let mut comma = comma;
        for field in message.descriptor_fields() {
            if field.supports_presence() && !message.has_field(&field) {
                continue;
            }
            self.text.raw(comma)?;
            self.text.string(field.name())?;
            self.text.raw(":")?;
            self.value(&field.kind(), &message.get_field(&field), depth + 1)?;
            comma = ",";
        }
        Ok(())
    }

    fn value(&mut self, kind: &Kind, value: &Value, depth: usize) -> Result<(), String> {
        match value {
            Value::Bool(value) => self.text.raw(if *value { "true" } else { "false" }),
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
            return self.text.raw("null");
        }
        match descriptor.get_value(number) {
            Some(value) => self.text.string(value.name()),
            None => self.text.integer(i64::from(number)),
        }
    }

    fn list(&mut self, kind: &Kind, items: &[Value], depth: usize) -> Result<(), String> {
        self.text.raw("[")?;
        let mut comma = "";
        for item in items {
            self.text.raw(comma)?;
            self.value(kind, item, depth + 1)?;
            comma = ",";
        }
        self.text.raw("]")
    }

    /// The entries of a map have no order of their own; sorted, equal records give equal text.
    fn map(&mut self, kind: &Kind, entries: &HashMap<MapKey, Value>, depth: usize) -> Result<(), String> {
        let mut sorted: Vec<_> = entries.iter().collect();
        sorted.sort_by_key(|(key, _)| *key);
        let of_values = match kind {
            Kind::Message(entry) if entry.is_map_entry() => entry.map_entry_value_field().kind(),
            other => other.clone(),
        };
        self.text.raw("{")?;
        let mut comma = "";
        for (key, value) in sorted {
            self.text.raw(comma)?;
            self.text.string(&key_text(key))?;
            self.text.raw(":")?;
            self.value(&of_values, value, depth + 1)?;
            comma = ",";
        }
        self.text.raw("}")
    }

    fn only_field(&mut self, message: &DynamicMessage, number: u32, depth: usize) -> Result<(), String> {
        match message.descriptor_field(number) {
            Some(field) => self.value(&field.kind(), &message.get_field(&field), depth + 1),
            None => self.text.raw("null"),
        }
    }

    /// `google.protobuf.Value`: one field is set, and that is the value; none is null.
    fn any_json(&mut self, message: &DynamicMessage, depth: usize) -> Result<(), String> {
        let set = message.descriptor_fields().into_iter().find(|field| message.has_field(field));
        match set {
            Some(field) => self.value(&field.kind(), &message.get_field(&field), depth + 1),
            None => self.text.raw("null"),
        }
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
        self.text.raw("{\"@type\":")?;
        self.text.string(url)?;
        match message.descriptor_pool().get_message_by_name(name) {
            None => {
                self.text.raw(",\"value\":")?;
                self.text.base64(&bytes)?;
            }
            Some(descriptor) => {
                let inner = DynamicMessage::decode(descriptor, bytes).map_err(|error| error.to_string())?;
                if name.starts_with("google.protobuf.") {
                    self.text.raw(",\"value\":")?;
                    self.message(&inner, depth + 1)?;
                } else {
                    self.fields(&inner, ",", depth + 1)?;
                }
            }
        }
        self.text.raw("}")
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

/// Short ways to the descriptor of a message.
trait Described {
    fn descriptor_name(&self) -> String;
    fn descriptor_fields(&self) -> Vec<FieldDescriptor>;
    fn descriptor_field(&self, number: u32) -> Option<FieldDescriptor>;
    fn descriptor_pool(&self) -> prost_reflect::DescriptorPool;
}

impl Described for DynamicMessage {
    fn descriptor_name(&self) -> String {
        prost_reflect::ReflectMessage::descriptor(self).full_name().to_owned()
    }

    fn descriptor_fields(&self) -> Vec<FieldDescriptor> {
        prost_reflect::ReflectMessage::descriptor(self).fields().collect()
    }

    fn descriptor_field(&self, number: u32) -> Option<FieldDescriptor> {
        prost_reflect::ReflectMessage::descriptor(self).get_field(number)
    }

    fn descriptor_pool(&self) -> prost_reflect::DescriptorPool {
        prost_reflect::ReflectMessage::descriptor(self).parent_pool().clone()
    }
}
