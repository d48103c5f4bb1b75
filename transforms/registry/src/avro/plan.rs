//! A schema, prepared for reading: flat, with every name resolved, and with the texts that go out with each value.

use std::collections::HashMap;
use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::schema::{FixedSchema, InnerDecimalSchema, Name, RecordSchema, UnionSchema, UuidSchema};
use sluice_connector_api::{JsonName, SchemaType};

use super::connect_names::{Marked, base, marked};
use super::styles::{AvroStyles, UnionStyle};
use super::types::{calendar, type_of};
use crate::mapping::{Calendar, DecimalStyle, TimeStyle};

/// Where a node is in the plan.
pub(super) type AvroIndex = usize;

/// A schema, prepared for reading.
#[derive(Debug)]
pub(crate) struct AvroPlan {
    pub(super) nodes: Vec<AvroNode>,
    pub(super) root: AvroIndex,
    pub(super) decimal: DecimalStyle,
    /// What the schema says of a record.
    pub(super) of: Option<Arc<SchemaType>>,
}

/// How a value is read, and what it becomes.
#[derive(Debug)]
pub(super) enum AvroNode {
    Null,
    Boolean,
    /// `int` and `long`, which are encoded alike.
    Integer,
    /// A number that becomes text.
    Calendar(Calendar),
    Float,
    Double,
    Bytes,
    String,
    Fixed(usize),
    /// A number in 16 bytes.
    Uuid,
    /// Months, days and milliseconds in 12 bytes.
    Duration,
    /// The size of a fixed one; others say theirs.
    Decimal {
        size: Option<usize>,
        scale: i64,
    },
    /// A decimal that says its scale itself.
    BigDecimal,
    /// The symbols.
    Enum(Vec<String>),
    Array(AvroIndex),
    Map(AvroIndex),
    Union(Vec<Branch>),
    Record(Vec<FieldNode>),
}

/// A type of a union.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) node: AvroIndex,
    /// The name of the only field of an object that the value is put in.
    pub(super) tag: Option<JsonName>,
}

/// A field of a record.
#[derive(Debug)]
pub(super) struct FieldNode {
    pub(super) name: JsonName,
    pub(super) node: AvroIndex,
}

impl AvroPlan {
    /// Prepares a schema; `references` are those that it may name.
    pub(super) fn new(styles: AvroStyles, schema: &Schema, references: &[Schema]) -> Result<Self, String> {
        let mut known = HashMap::new();
        for reference in references {
            if let Some(name) = reference.name() {
                known.insert(name.fullname(None), reference);
            }
        }
        let mut planner = Planner { styles, nodes: Vec::new(), named: HashMap::new(), known };
        let root = planner.plan(schema, None)?;
        let of = type_of(schema, references).shared();
        Ok(Self { nodes: planner.nodes, root, decimal: styles.decimal, of })
    }
}

struct Planner<'a> {
    styles: AvroStyles,
    nodes: Vec<AvroNode>,
    /// Types that have a name, by it.
    named: HashMap<String, AvroIndex>,
    /// Schemas that may be named, and are planned when they are.
    known: HashMap<String, &'a Schema>,
}

impl Planner<'_> {
    fn add(&mut self, node: AvroNode) -> AvroIndex {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Plans a schema that stands within a namespace.
    fn plan(&mut self, schema: &Schema, namespace: Option<&str>) -> Result<AvroIndex, String> {
        let node = match schema {
            Schema::Null => AvroNode::Null,
            Schema::Boolean => AvroNode::Boolean,
            Schema::Int | Schema::Long => AvroNode::Integer,
            Schema::Float => AvroNode::Float,
            Schema::Double => AvroNode::Double,
            Schema::Bytes | Schema::Uuid(UuidSchema::Bytes) => AvroNode::Bytes,
            Schema::String | Schema::Uuid(UuidSchema::String) => AvroNode::String,
            Schema::BigDecimal => AvroNode::BigDecimal,
            Schema::Date
            | Schema::TimeMillis
            | Schema::TimeMicros
            | Schema::TimestampMillis
            | Schema::TimestampMicros
            | Schema::TimestampNanos
            | Schema::LocalTimestampMillis
            | Schema::LocalTimestampMicros
            | Schema::LocalTimestampNanos => {
                calendar(schema).map_or(AvroNode::Integer, |calendar| self.time(calendar))
            }
            Schema::Array(array) => AvroNode::Array(self.plan(&array.items, namespace)?),
            Schema::Map(map) => AvroNode::Map(self.plan(&map.types, namespace)?),
            Schema::Union(union) => self.union(union, namespace)?,
            Schema::Decimal(decimal) => {
                let scale = i64::try_from(decimal.scale).map_err(|error| error.to_string())?;
                match &decimal.inner {
                    InnerDecimalSchema::Bytes => AvroNode::Decimal { size: None, scale },
                    InnerDecimalSchema::Fixed(fixed) => {
                        return Ok(self.fixed(
                            fixed,
                            namespace,
                            AvroNode::Decimal { size: Some(fixed.size), scale },
                        ));
                    }
                }
            }
            Schema::Fixed(fixed) => return Ok(self.fixed(fixed, namespace, AvroNode::Fixed(fixed.size))),
            Schema::Uuid(UuidSchema::Fixed(fixed)) => {
                return Ok(self.fixed(fixed, namespace, AvroNode::Uuid));
            }
            Schema::Duration(fixed) => return Ok(self.fixed(fixed, namespace, AvroNode::Duration)),
            Schema::Enum(schema) => {
                let index = self.add(AvroNode::Enum(schema.symbols.clone()));
                self.named.insert(schema.name.fullname(namespace), index);
                return Ok(index);
            }
            Schema::Record(record) => return self.record(record, namespace),
            Schema::Ref { name } => return self.named(name, namespace),
        };
        Ok(self.add(node))
    }

    fn time(&self, calendar: Calendar) -> AvroNode {
        match self.styles.time {
            TimeStyle::Epoch => AvroNode::Integer,
            TimeStyle::Rfc3339 => AvroNode::Calendar(calendar),
        }
    }

    fn fixed(&mut self, fixed: &FixedSchema, namespace: Option<&str>, node: AvroNode) -> AvroIndex {
        let index = self.add(node);
        self.named.insert(fixed.name.fullname(namespace), index);
        index
    }

    fn record(&mut self, record: &RecordSchema, namespace: Option<&str>) -> Result<AvroIndex, String> {
        // Its place is known before its fields, which may be of its own type.
        let index = self.add(AvroNode::Null);
        self.named.insert(record.name.fullname(namespace), index);
        let namespace = record.name.namespace().or(namespace);
        let mut fields = Vec::with_capacity(record.fields.len());
        for field in &record.fields {
            let name = JsonName::new(&field.name);
            fields.push(FieldNode { name, node: self.plan(&field.schema, namespace)? });
        }
        if let Some(node) = self.nodes.get_mut(index) {
            *node = AvroNode::Record(fields);
        }
        Ok(index)
    }

    fn union(&mut self, union: &UnionSchema, namespace: Option<&str>) -> Result<AvroNode, String> {
        let variants = union.variants();
        let several = variants.iter().filter(|variant| !matches!(variant, Schema::Null)).count() > 1;
        let is_tagged = several && self.styles.union == UnionStyle::Tagged;
        let mut branches = Vec::with_capacity(variants.len());
        for variant in variants {
            let is_null = matches!(variant, Schema::Null);
            let tag = (is_tagged && !is_null).then(|| JsonName::new(&tag(variant, namespace)));
            branches.push(Branch { node: self.plan(variant, namespace)?, tag });
        }
        Ok(AvroNode::Union(branches))
    }

    fn named(&mut self, name: &Name, namespace: Option<&str>) -> Result<AvroIndex, String> {
        let name = name.fullname(namespace);
        match (marked(&name), self.named.get(&name)) {
            (Some(Marked::Time(calendar)), _) => {
                let node = self.time(calendar);
                return Ok(self.add(node));
            }
            (Some(Marked::Text(_)), _) => return Ok(self.add(AvroNode::String)),
            (None, Some(index)) => return Ok(*index),
            (None, None) => {}
        }
        match self.known.remove(&name) {
            Some(schema) => self.plan(schema, None),
            None => Err(format!("it names the type `{name}`, which is nowhere")),
        }
    }
}

/// Names a type as Avro's JSON encoding does: logical types by what they are made of.
pub(super) fn tag(schema: &Schema, namespace: Option<&str>) -> String {
    let name = match schema {
        Schema::Null => "null",
        Schema::Boolean => "boolean",
        Schema::Int | Schema::Date | Schema::TimeMillis => "int",
        Schema::Float => "float",
        Schema::Double => "double",
        Schema::String | Schema::Uuid(UuidSchema::String) => "string",
        Schema::Array(_) => "array",
        Schema::Map(_) => "map",
        Schema::Union(_) => "union",
        Schema::Bytes | Schema::BigDecimal | Schema::Uuid(UuidSchema::Bytes) => "bytes",
        Schema::Decimal(decimal) => match &decimal.inner {
            InnerDecimalSchema::Bytes => "bytes",
            InnerDecimalSchema::Fixed(fixed) => return fixed.name.fullname(namespace),
        },
        Schema::Uuid(UuidSchema::Fixed(fixed)) | Schema::Fixed(fixed) | Schema::Duration(fixed) => {
            return fixed.name.fullname(namespace);
        }
        Schema::Enum(schema) => return schema.name.fullname(namespace),
        Schema::Record(record) => return record.name.fullname(namespace),
        Schema::Ref { name } => {
            let name = name.fullname(namespace);
            return base(&name).map_or(name, str::to_owned);
        }
        Schema::Long
        | Schema::TimeMicros
        | Schema::TimestampMillis
        | Schema::TimestampMicros
        | Schema::TimestampNanos
        | Schema::LocalTimestampMillis
        | Schema::LocalTimestampMicros
        | Schema::LocalTimestampNanos => "long",
    };
    name.to_owned()
}
