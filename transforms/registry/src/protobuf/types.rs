//! What a schema says of the values that come out.

use std::collections::HashMap;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use sluice_connector_api::SchemaType;

use super::known_files::DECIMAL;
use crate::mapping::{MICROS, Typed};

/// Says what a schema says of a message. A message within itself is unknown there.
pub(super) fn type_of(message: &MessageDescriptor) -> Typed {
    Typer { known: HashMap::new() }.message(message)
}

struct Typer {
    /// Messages by their full names.
    known: HashMap<String, Typed>,
}

impl Typer {
    fn message(&mut self, message: &MessageDescriptor) -> Typed {
        if let Some(known) = self.known.get(message.full_name()) {
            return known.clone();
        }
        let Some(name) = message.full_name().strip_prefix("google.protobuf.") else {
            // The scale of Confluent's decimals stands in each value.
            if message.full_name() == DECIMAL {
                return Typed::unknown();
            }
            return self.fields(message);
        };
        match name {
            // To which it is kept by what has types of its own: in nanoseconds, 64 bits end in the year 2262.
            "Timestamp" => Typed::new(SchemaType::Instant(MICROS)),
            "Duration" | "FieldMask" => Typed::new(SchemaType::Text),
            "BoolValue" | "BytesValue" | "DoubleValue" | "FloatValue" | "Int32Value" | "Int64Value"
            | "StringValue" | "UInt32Value" | "UInt64Value" => {
                message.get_field(1).map_or_else(Typed::unknown, |field| self.one(&field.kind()))
            }
            "Any" | "Struct" | "Value" | "ListValue" => Typed::unknown(),
            _ => self.fields(message),
        }
    }

    fn fields(&mut self, message: &MessageDescriptor) -> Typed {
        self.known.insert(message.full_name().to_owned(), Typed::unknown());
        let mut fields = Vec::new();
        for field in message.fields() {
            fields.push((field.name().to_owned(), self.field(&field)));
        }
        let typed = Typed::object(fields);
        self.known.insert(message.full_name().to_owned(), typed.clone());
        typed
    }

    fn field(&mut self, field: &FieldDescriptor) -> Typed {
        match field.kind() {
            Kind::Message(entry) if field.is_map() => self.one(&entry.map_entry_value_field().kind()).map(),
            kind if field.is_list() => self.one(&kind).list(),
            kind => self.one(&kind),
        }
    }

    fn one(&mut self, kind: &Kind) -> Typed {
        Typed::new(match kind {
            Kind::Bool => SchemaType::Boolean,
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => SchemaType::Integer(32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => SchemaType::Integer(64),
            Kind::Uint32 | Kind::Fixed32 => SchemaType::Unsigned(32),
            Kind::Uint64 | Kind::Fixed64 => SchemaType::Unsigned(64),
            Kind::Float => SchemaType::Float,
            Kind::Double => SchemaType::Double,
            Kind::Bytes => SchemaType::Bytes,
            Kind::Enum(of) if of.full_name() == "google.protobuf.NullValue" => SchemaType::Unknown,
            Kind::String | Kind::Enum(_) => SchemaType::Text,
            Kind::Message(message) => return self.message(message),
        })
    }
}
