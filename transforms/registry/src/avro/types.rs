//! What a schema says of the values that come out.

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{DecimalSchema, InnerDecimalSchema, Name, RecordSchema, UnionSchema, UuidSchema};
use sluice_connector_api::SchemaType;

use super::connect_names::{Marked, marked};
use crate::mapping::{Calendar, MICROS, MILLIS, NANOS, Typed};

/// Says what a schema says; `references` are those that it may name. A type within itself is unknown there.
pub(super) fn type_of(schema: &Schema, references: &[Schema]) -> Typed {
    let mut known = HashMap::new();
    for reference in references {
        if let Some(name) = reference.name() {
            known.insert(name.fullname(None), reference);
        }
    }
    Typer { named: HashMap::new(), known }.of(schema, None)
}

struct Typer<'a> {
    /// Types that have a name, by it.
    named: HashMap<String, Typed>,
    /// Schemas that may be named, and are looked at when they are.
    known: HashMap<String, &'a Schema>,
}

impl Typer<'_> {
    /// Describes a schema that stands within a namespace.
    fn of(&mut self, schema: &Schema, namespace: Option<&str>) -> Typed {
        let (of, name) = match schema {
            // A scale of its own for each value.
            Schema::Null | Schema::BigDecimal => return Typed::unknown(),
            Schema::Boolean => (SchemaType::Boolean, None),
            Schema::Int => (SchemaType::Integer(32), None),
            Schema::Long => (SchemaType::Integer(64), None),
            Schema::Float => (SchemaType::Float, None),
            Schema::Double => (SchemaType::Double, None),
            Schema::Bytes | Schema::Uuid(UuidSchema::Bytes) => (SchemaType::Bytes, None),
            Schema::String => (SchemaType::Text, None),
            Schema::Uuid(UuidSchema::String) => (SchemaType::Uuid, None),
            Schema::Uuid(UuidSchema::Fixed(fixed)) => (SchemaType::Uuid, Some(&fixed.name)),
            Schema::Fixed(fixed) => (SchemaType::Bytes, Some(&fixed.name)),
            Schema::Duration(fixed) => (SchemaType::Text, Some(&fixed.name)),
            Schema::Enum(symbols) => (SchemaType::Text, Some(&symbols.name)),
            Schema::Decimal(decimal) => return self.decimal(decimal, namespace),
            Schema::Array(array) => return self.of(&array.items, namespace).list(),
            Schema::Map(map) => return self.of(&map.types, namespace).map(),
            Schema::Union(union) => return self.union(union, namespace),
            Schema::Record(record) => return self.record(record, namespace),
            Schema::Ref { name } => return self.named(name, namespace),
            Schema::Date
            | Schema::TimeMillis
            | Schema::TimeMicros
            | Schema::TimestampMillis
            | Schema::TimestampMicros
            | Schema::TimestampNanos
            | Schema::LocalTimestampMillis
            | Schema::LocalTimestampMicros
            | Schema::LocalTimestampNanos => {
                return calendar(schema).map_or_else(Typed::unknown, Typed::from);
            }
        };
        let typed = Typed::new(of);
        if let Some(name) = name {
            self.named.insert(name.fullname(namespace), typed.clone());
        }
        typed
    }

    fn decimal(&mut self, decimal: &DecimalSchema, namespace: Option<&str>) -> Typed {
        let (precision, scale) = (u32::try_from(decimal.precision).ok(), i64::try_from(decimal.scale));
        let typed = match scale {
            Ok(scale) => Typed::new(SchemaType::Decimal { precision, scale }),
            Err(_) => Typed::unknown(),
        };
        if let InnerDecimalSchema::Fixed(fixed) = &decimal.inner {
            self.named.insert(fixed.name.fullname(namespace), typed.clone());
        }
        typed
    }

    /// One type and null are that type. Several say nothing, whether they are bare or tagged.
    fn union(&mut self, union: &UnionSchema, namespace: Option<&str>) -> Typed {
        let mut types: Vec<Typed> = Vec::new();
        for variant in union.variants().iter().filter(|variant| !matches!(variant, Schema::Null)) {
            // Each is looked at, since it may be named later.
            types.push(self.of(variant, namespace));
        }
        match types.pop() {
            Some(only) if types.is_empty() => only,
            _ => Typed::unknown(),
        }
    }

    fn record(&mut self, record: &RecordSchema, namespace: Option<&str>) -> Typed {
        let name = record.name.fullname(namespace);
        self.named.insert(name.clone(), Typed::unknown());
        let namespace = record.name.namespace().or(namespace);
        let mut fields = Vec::with_capacity(record.fields.len());
        for field in &record.fields {
            fields.push((field.name.clone(), self.of(&field.schema, namespace)));
        }
        let typed = Typed::object(fields);
        self.named.insert(name, typed.clone());
        typed
    }

    fn named(&mut self, name: &Name, namespace: Option<&str>) -> Typed {
        let name = name.fullname(namespace);
        match (marked(&name), self.named.get(&name)) {
            (Some(Marked::Time(calendar)), _) => return calendar.into(),
            (Some(Marked::Text(of)), _) => return Typed::new(of),
            (None, Some(typed)) => return typed.clone(),
            (None, None) => {}
        }
        match self.known.remove(&name) {
            Some(schema) => self.of(schema, None),
            None => Typed::unknown(),
        }
    }
}

/// Returns what a number stands for, if that is a time.
pub(super) fn calendar(schema: &Schema) -> Option<Calendar> {
    Some(match schema {
        Schema::Date => Calendar::Date,
        Schema::TimeMillis => Calendar::TimeOfDay(MILLIS),
        Schema::TimeMicros => Calendar::TimeOfDay(MICROS),
        Schema::TimestampMillis => Calendar::Instant(MILLIS),
        Schema::TimestampMicros => Calendar::Instant(MICROS),
        Schema::TimestampNanos => Calendar::Instant(NANOS),
        Schema::LocalTimestampMillis => Calendar::Local(MILLIS),
        Schema::LocalTimestampMicros => Calendar::Local(MICROS),
        Schema::LocalTimestampNanos => Calendar::Local(NANOS),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_says_what_its_fields_are() {
        let decimal = json!({ "type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2 });
        let address =
            json!({ "type": "record", "name": "Address", "fields": [{ "name": "city", "type": "string" }] });
        let schema = json!({ "type": "record", "name": "Order", "namespace": "shop", "fields": [
            { "name": "id", "type": "int" },
            { "name": "total", "type": ["null", decimal] },
            { "name": "day", "type": { "type": "int", "logicalType": "date" } },
            { "name": "at", "type": { "type": "long", "logicalType": "timestamp-micros" } },
            { "name": "there", "type": { "type": "long", "logicalType": "local-timestamp-millis" } },
            { "name": "either", "type": ["int", "string"] },
            { "name": "home", "type": address },
            { "name": "work", "type": ["null", "Address"] },
            { "name": "before", "type": ["null", "Order"] },
            { "name": "raw", "type": { "type": "fixed", "name": "Two", "size": 2 } },
            { "name": "limits", "type": { "type": "map", "values": "float" } },
        ] });
        let of = type_of(&Schema::parse_str(&schema.to_string()).unwrap(), &[]).shared().unwrap();
        let at = |path: &[&str]| of.at(path).cloned().unwrap();
        assert_eq!(at(&["id"]), SchemaType::Integer(32));
        assert_eq!(at(&["total"]), SchemaType::Decimal { precision: Some(9), scale: 2 });
        assert_eq!((at(&["day"]), at(&["at"])), (SchemaType::Date, SchemaType::Instant(MICROS)));
        assert_eq!(at(&["there"]), SchemaType::Local(MILLIS));
        assert_eq!((at(&["home", "city"]), at(&["work", "city"])), (SchemaType::Text, SchemaType::Text));
        assert_eq!((at(&["either"]), at(&["before"])), (SchemaType::Unknown, SchemaType::Unknown));
        assert_eq!((at(&["raw"]), at(&["limits", "x"])), (SchemaType::Bytes, SchemaType::Float));
    }
}
