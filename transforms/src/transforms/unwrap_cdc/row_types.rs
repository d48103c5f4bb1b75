//! What the schema of an envelope says of its rows.

use std::sync::Arc;

use serde_json::{Map, Value};
use sluice_connector_api::{Json, Payload, SchemaFields, SchemaType};

/// Returns the types of a row's columns, where the schema has them: those of `after`, of `before`, or of a row that Debezium's own
/// transform has unwrapped already.
pub(super) fn row_types(envelope: &SchemaType) -> Option<SchemaFields> {
    let fields_of = |name: &str| match envelope.at(&[name]) {
        Some(SchemaType::Object(fields)) => Some(fields.clone()),
        _ => None,
    };
    if let Some(row) = fields_of("after").or_else(|| fields_of("before")) {
        return Some(row);
    }
    match envelope {
        SchemaType::Object(fields) if fields.get("__deleted").is_some() => Some(fields.clone()),
        _ => None,
    }
}

/// Makes a document of columns whose types are known, if they are.
pub(super) fn typed(columns: Map<String, Value>, types: Option<SchemaFields>) -> Payload {
    let of = types.map(|types| Arc::new(SchemaType::Object(types)));
    Payload::Json(Json::from(Value::Object(columns)).with_schema_type(of))
}
