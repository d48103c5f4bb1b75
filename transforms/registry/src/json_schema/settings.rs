//! The settings of `json_schema`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{Converter, ConverterSettings, SettingsError};

use super::format::JsonSchemaFormat;
use crate::framing::Framing;
use crate::registries::RegistrySettings;
use crate::schemas::{SchemaConverter, SchemaOrigin};

/// JSON with a JSON Schema, of a schema registry or of a file.
///
/// What comes out is the document as it was written. With `validate` it is held to the schema, and rejected with the place at
/// fault where it does not fit.
///
/// While the registry is away, records wait; one whose schema the registry does not know is rejected.
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [orders] }
///   value:
///     json_schema:
///       registry: { confluent: { urls: ["http://localhost:8081"] } }
///       validate: true
/// ```
///
/// Without a registry:
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [orders] }
///   value: { json_schema: { schema_files: [schemas/address.json, schemas/order.json] } }
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JsonSchemaSettings {
    /// The registry that keeps the schemas. Either this or `schema_files` is set.
    #[serde(default)]
    #[schemars(extend("x-also" = ["schema_registry", "schema_registry_url", "registry_url", "url"]))]
    registry: Option<RegistrySettings>,
    /// Files of schemas for plain JSON: the last one is the schema, and may refer to the others by their names. They are read
    /// at the first record.
    #[serde(default)]
    schema_files: Vec<PathBuf>,
    /// Whether documents are held to the schema. Default: `true` with `schema_files`, `false` with `registry`.
    #[serde(default)]
    validate: Option<bool>,
}

impl ConverterSettings for JsonSchemaSettings {
    const NAME: &'static str = "json_schema";

    fn build(self) -> Result<Box<dyn Converter>, SettingsError> {
        let is_held = self.validate.unwrap_or(self.registry.is_none());
        let (origin, framing) = SchemaOrigin::new(self.registry.as_ref(), self.schema_files, Framing::None)?;
        Ok(Box::new(SchemaConverter::new(JsonSchemaFormat { is_held }, origin, framing)))
    }
}
