//! JSON as Avro's binary encoding: the mapping of the converter, the other way round.

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{InnerDecimalSchema, RecordSchema, UnionSchema, UuidSchema};
use serde_json::{Map, Value};

use super::plan::tag;
use super::scalars::{
    Misfitting, base64, boolean, date, decimal_of, double, instant, int, latin1, local, long, text,
    time_of_day, uuid, wanted, widened,
};
use crate::framing::put_zigzag_varint;
use crate::mapping::{MICROS, MILLIS, NANOS};

/// A schema that documents are written by, and the types that have a name.
#[derive(Debug)]
pub(super) struct AvroWriter {
    schema: Schema,
    named: HashMap<String, (Schema, Option<String>)>,
}

impl AvroWriter {
    /// Takes a schema, and those that it may refer to.
    pub(super) fn new(schema: Schema, references: &[Schema]) -> Self {
        let mut named = HashMap::new();
        for each in references.iter().chain([&schema]) {
            name_all(each, None, &mut named);
        }
        Self { schema, named }
    }

    /// Writes a document, or says what keeps it from being one of the schema, and where.
    pub(super) fn write(&self, document: &Value) -> Result<Vec<u8>, String> {
        let mut encoder = Encoder { named: &self.named, out: Vec::new() };
        encoder.value(&self.schema, None, document).map_err(|fault| fault.to_text())?;
        Ok(encoder.out)
    }
}

/// Notes the types of a schema that others may name.
fn name_all(schema: &Schema, namespace: Option<&str>, named: &mut HashMap<String, (Schema, Option<String>)>) {
    if let Some(name) = schema.name().filter(|_| !matches!(schema, Schema::Ref { .. })) {
        named.insert(name.fullname(namespace), (schema.clone(), namespace.map(str::to_owned)));
    }
    match schema {
        Schema::Array(array) => name_all(&array.items, namespace, named),
        Schema::Map(map) => name_all(&map.types, namespace, named),
        Schema::Union(union) => {
            union.variants().iter().for_each(|variant| name_all(variant, namespace, named));
        }
        Schema::Record(record) => {
            let namespace = record.name.namespace().or(namespace);
            record.fields.iter().for_each(|field| name_all(&field.schema, namespace, named));
        }
        _ => {}
    }
}

struct Encoder<'a> {
    named: &'a HashMap<String, (Schema, Option<String>)>,
    out: Vec<u8>,
}

impl Encoder<'_> {
    /// Writes a value of a type that may hold others.
    fn value(&mut self, schema: &Schema, namespace: Option<&str>, value: &Value) -> Result<(), Misfitting> {
        match schema {
            Schema::Array(array) => {
                let items = value.as_array().ok_or_else(|| wanted("an array", value))?;
                self.count(items.len())?;
                for (index, item) in items.iter().enumerate() {
                    let written = self.value(&array.items, namespace, item);
                    written.map_err(|fault| fault.below(&index.to_string()))?;
                }
                self.end(items.len());
            }
            Schema::Map(map) => {
                let entries = value.as_object().ok_or_else(|| wanted("an object", value))?;
                self.count(entries.len())?;
                for (name, value) in entries {
                    self.bytes(name.as_bytes());
                    self.value(&map.types, namespace, value).map_err(|fault| fault.below(name))?;
                }
                self.end(entries.len());
            }
            Schema::Union(union) => self.union(union, namespace, value)?,
            Schema::Record(record) => {
                let fields = value.as_object().ok_or_else(|| wanted("an object", value))?;
                self.record(record, namespace, fields)?;
            }
            Schema::Ref { name } => {
                let name = name.fullname(namespace);
                let named = self.named.get(&name);
                let (schema, namespace) = named
                    .ok_or_else(|| Misfitting::new(format!("is of the type `{name}`, which is nowhere")))?;
                self.value(schema, namespace.as_deref(), value)?;
            }
            scalar => self.scalar(scalar, value)?,
        }
        Ok(())
    }

    /// Writes a value that holds no other.
    fn scalar(&mut self, schema: &Schema, value: &Value) -> Result<(), Misfitting> {
        match schema {
            Schema::Null if value.is_null() => {}
            Schema::Null => return Err(wanted("null", value)),
            Schema::Boolean => self.out.push(u8::from(boolean(value)?)),
            Schema::Int => self.long(i64::from(int(value)?)),
            Schema::Long => self.long(long(value)?),
            Schema::Date => self.long(i64::from(date(value)?)),
            Schema::TimeMillis => self.long(time_of_day(value, MILLIS)?),
            Schema::TimeMicros => self.long(time_of_day(value, MICROS)?),
            Schema::TimestampMillis => self.long(instant(value, MILLIS)?),
            Schema::TimestampMicros => self.long(instant(value, MICROS)?),
            Schema::TimestampNanos => self.long(instant(value, NANOS)?),
            Schema::LocalTimestampMillis => self.long(local(value, MILLIS)?),
            Schema::LocalTimestampMicros => self.long(local(value, MICROS)?),
            Schema::LocalTimestampNanos => self.long(local(value, NANOS)?),
            #[allow(clippy::cast_possible_truncation, reason = "the schema asks for half the digits")]
            Schema::Float => self.out.extend((double(value)? as f32).to_le_bytes()),
            Schema::Double => self.out.extend(double(value)?.to_le_bytes()),
            Schema::String | Schema::Uuid(UuidSchema::String) => self.bytes(text(value)?.as_bytes()),
            Schema::Bytes => self.bytes(&base64(value)?),
            Schema::Uuid(UuidSchema::Bytes) => self.bytes(uuid(value)?.as_bytes()),
            Schema::Uuid(UuidSchema::Fixed(_)) => self.out.extend(uuid(value)?.as_bytes()),
            Schema::Fixed(fixed) | Schema::Duration(fixed) => self.fixed(&base64(value)?, fixed.size)?,
            Schema::Decimal(decimal) => {
                let unscaled = decimal_of(value, decimal.scale)?;
                match &decimal.inner {
                    InnerDecimalSchema::Bytes => self.bytes(&unscaled),
                    InnerDecimalSchema::Fixed(fixed) => {
                        self.fixed(&widened(&unscaled, fixed.size)?, fixed.size)?;
                    }
                }
            }
            Schema::Enum(of) => {
                let symbol = text(value)?;
                let index = of.symbols.iter().position(|known| known == symbol);
                let index = index.ok_or_else(|| {
                    Misfitting::new(format!("is none of the symbols {}", of.symbols.join(", ")))
                })?;
                self.long(i64::try_from(index).map_err(|error| Misfitting::new(error.to_string()))?);
            }
            _ => return Err(Misfitting::new("is of a type that is not written here")),
        }
        Ok(())
    }

    fn record(
        &mut self,
        record: &RecordSchema,
        namespace: Option<&str>,
        fields: &Map<String, Value>,
    ) -> Result<(), Misfitting> {
        let namespace = record.name.namespace().or(namespace);
        if let Some(unknown) =
            fields.keys().find(|name| record.fields.iter().all(|field| &field.name != *name))
        {
            return Err(Misfitting::new("is no field of the schema").below(unknown));
        }
        for field in &record.fields {
            let written = match (fields.get(&field.name), &field.default) {
                (Some(value), _) => self.value(&field.schema, namespace, value),
                (None, Some(default)) => self.default(&field.schema, namespace, default),
                (None, None) => Err(Misfitting::new("is missing, and has no default")),
            };
            written.map_err(|fault| fault.below(&field.name))?;
        }
        Ok(())
    }

    /// The default of bytes is a text whose characters are the bytes, and that of a union is of its first type.
    fn default(
        &mut self,
        schema: &Schema,
        namespace: Option<&str>,
        default: &Value,
    ) -> Result<(), Misfitting> {
        match (schema, default) {
            (Schema::Union(union), _) => {
                let Some(first) = union.variants().first() else {
                    return self.union(union, namespace, default);
                };
                self.long(0);
                self.default(first, namespace, default)
            }
            (Schema::Bytes, Value::String(text)) => {
                self.bytes(&latin1(text)?);
                Ok(())
            }
            (Schema::Fixed(fixed), Value::String(text)) => self.fixed(&latin1(text)?, fixed.size),
            _ => self.value(schema, namespace, default),
        }
    }

    /// Writes a value as the type that its object names, as Avro's own JSON does, or else as the first type that it fits. A text
    /// is a text where it may be one, and not the number that it may hold.
    fn union(
        &mut self,
        union: &UnionSchema,
        namespace: Option<&str>,
        value: &Value,
    ) -> Result<(), Misfitting> {
        let variants = || (0_i64..).zip(union.variants());
        let mut reasons = Vec::new();
        if let Some((name, inner)) = only_value(value) {
            let tagged = variants().filter(|(_, variant)| tag(variant, namespace) == name);
            if self.first_that_fits(tagged, namespace, inner, &mut reasons) {
                return Ok(());
            }
        }
        let exact = variants().filter(|(_, variant)| !is_read_into(variant, value));
        let read = variants().filter(|(_, variant)| is_read_into(variant, value));
        if self.first_that_fits(exact.chain(read), namespace, value, &mut reasons) {
            return Ok(());
        }
        reasons.retain(|reason| !reason.starts_with("has to be null"));
        Err(Misfitting::new(format!("fits no type of the union: {}", reasons.join("; "))))
    }

    fn first_that_fits<'s>(
        &mut self,
        variants: impl Iterator<Item = (i64, &'s Schema)>,
        namespace: Option<&str>,
        value: &Value,
        reasons: &mut Vec<String>,
    ) -> bool {
        for (index, variant) in variants {
            let before = self.out.len();
            self.long(index);
            match self.value(variant, namespace, value) {
                Ok(()) => return true,
                Err(fault) => reasons.push(fault.to_text()),
            }
            self.out.truncate(before);
        }
        false
    }

    fn long(&mut self, number: i64) {
        put_zigzag_varint(&mut self.out, number);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        // No slice is longer than that.
        self.long(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        self.out.extend(bytes);
    }

    fn fixed(&mut self, bytes: &[u8], size: usize) -> Result<(), Misfitting> {
        if bytes.len() != size {
            return Err(Misfitting::new(format!("has {} bytes, and the schema wants {size}", bytes.len())));
        }
        self.out.extend(bytes);
        Ok(())
    }

    /// One block holds all items; an empty one ends them.
    fn count(&mut self, items: usize) -> Result<(), Misfitting> {
        self.long(i64::try_from(items).map_err(|error| Misfitting::new(error.to_string()))?);
        Ok(())
    }

    fn end(&mut self, items: usize) {
        if items > 0 {
            self.long(0);
        }
    }
}

/// The one field of an object that may name a type.
fn only_value(value: &Value) -> Option<(&str, &Value)> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    fields.iter().next().map(|(name, value)| (name.as_str(), value))
}

/// Says whether a value is a text that would be read as something else.
fn is_read_into(schema: &Schema, value: &Value) -> bool {
    let is_plain =
        matches!(schema, Schema::Boolean | Schema::Int | Schema::Long | Schema::Float | Schema::Double);
    is_plain && value.is_string()
}
