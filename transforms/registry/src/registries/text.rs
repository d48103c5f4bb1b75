//! A schema as a registry has it.

/// A schema, and those that it refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SchemaText {
    /// `AVRO`, `PROTOBUF` or `JSON`, where the registry says so.
    pub(crate) kind: Option<String>,
    /// The schema.
    pub(crate) text: String,
    /// The schemas that it refers to, directly or through others, each once and in no order.
    pub(crate) references: Vec<SchemaReference>,
}

/// A schema that another one refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SchemaReference {
    /// By which name: a full name in Avro, a path that is imported in Protobuf, a URI in JSON Schema.
    pub(crate) name: String,
    /// The schema.
    pub(crate) text: String,
}

/// The most schemas that one may refer to, directly or through others.
pub(crate) const MAX_REFERENCES: usize = 256;
