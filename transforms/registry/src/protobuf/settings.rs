//! The settings of `protobuf`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{Converter, ConverterSettings, SettingsError};

use super::format::ProtobufFormat;
use crate::framing::Framing;
use crate::mapping::DecimalStyle;
use crate::registries::RegistrySettings;
use crate::schemas::{SchemaConverter, SchemaOrigin};

/// Protobuf, with a schema registry or with schema files.
///
/// What comes out is JSON: messages are objects with the names of the `.proto` file, `int64` is a number, enums are strings,
/// bytes Base64, `Timestamp` and `Duration` text as Protobuf's own JSON has them, wrappers their value. Scalars that are not
/// set are there with their default; messages, fields marked `optional` and members of a `oneof` that are not set stay away.
/// Imports of `google/protobuf`, `google/type` and `confluent` are there without being registered, as Confluent's serializers
/// have it.
/// [docs/converters.md](../../converters.md) has the whole mapping.
///
/// Each record is read by the schema that it was written by, which is fetched once. While the registry is away, records wait;
/// one whose schema the registry does not know is rejected.
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [orders] }
///   value:
///     protobuf:
///       registry: { confluent: { urls: ["http://localhost:8081"] } }
/// ```
///
/// Without a registry:
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [orders] }
///   value: { protobuf: { schema_files: [schemas/order.proto], message: shop.Order } }
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProtobufSettings {
    /// The registry that keeps the schemas. Either this or `schema_files` is set.
    #[serde(default)]
    #[schemars(extend("x-also" = ["schema_registry", "schema_registry_url", "registry_url", "url"]))]
    registry: Option<RegistrySettings>,
    /// Files of schemas for records that no registry's serializer wrote: `.proto` files, or descriptor sets as
    /// `protoc --include_imports --descriptor_set_out` writes them. A `.proto` file may import others of the list; those of
    /// `google/protobuf`, `google/type` and `confluent` are there. They are read at the first record.
    #[serde(default)]
    schema_files: Vec<PathBuf>,
    /// The full name of the records' message, such as `shop.Order`. Needed with `schema_files`, unless the last one has one
    /// message alone; with a registry, records say themselves which it is. Default: what the record says.
    #[serde(default)]
    message: Option<String>,
    /// How values of Confluent's type `confluent.type.Decimal` are written. Default: `number`.
    #[serde(default)]
    decimal: DecimalStyle,
}

impl ConverterSettings for ProtobufSettings {
    const NAME: &'static str = "protobuf";

    fn build(self) -> Result<Box<dyn Converter>, SettingsError> {
        let (origin, framing) = SchemaOrigin::new(self.registry.as_ref(), self.schema_files, Framing::None)?;
        Ok(Box::new(SchemaConverter::new(
            ProtobufFormat { message: self.message, decimal: self.decimal },
            origin,
            framing,
        )))
    }
}
