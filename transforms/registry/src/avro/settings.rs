//! The settings of `avro`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{Converter, ConverterSettings, SettingsError};

use super::format::AvroFormat;
use super::styles::{AvroStyles, UnionStyle};
use crate::framing::Framing;
use crate::mapping::{DecimalStyle, TimeStyle};
use crate::registries::RegistrySettings;
use crate::schemas::{SchemaConverter, SchemaOrigin};

/// Avro, with a schema registry or with schema files.
///
/// What comes out is JSON: records and maps are objects, enums and UUIDs strings, bytes and fixed ones Base64. Numbers keep
/// their digits, and decimals their scale. [docs/converters.md](../../converters.md) has the whole mapping.
///
/// Each record is read by the schema that it was written by, which is fetched once. While the registry is away, records wait;
/// one whose schema the registry does not know is rejected.
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [orders] }
///   value:
///     avro:
///       registry: { confluent: { urls: ["http://localhost:8081"] } }
///       time: rfc3339
/// ```
///
/// Without a registry:
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [orders] }
///   value: { avro: { schema_files: [schemas/address.avsc, schemas/order.avsc] } }
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AvroSettings {
    /// The registry that keeps the schemas. Either this or `schema_files` is set.
    #[serde(default)]
    #[schemars(extend("x-also" = ["schema_registry", "schema_registry_url", "registry_url", "url"]))]
    registry: Option<RegistrySettings>,
    /// Files of schemas, such as `schemas/order.avsc`, for records that no registry's serializer wrote. They may refer to
    /// each other; of those that are encoded `plain`, the last one is the schema. They are read at the first record.
    #[serde(default)]
    schema_files: Vec<PathBuf>,
    /// How records are encoded whose schema is in `schema_files`. Default: `plain`.
    #[serde(default)]
    encoding: AvroEncoding,
    /// How decimals are written. Default: `number`.
    #[serde(default)]
    decimal: DecimalStyle,
    /// How dates, times of day and timestamps are written. Default: `epoch`.
    #[serde(default)]
    time: TimeStyle,
    /// How unions of several types are written. Default: `bare`.
    #[serde(default)]
    union: UnionStyle,
}

/// How records without a registry are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AvroEncoding {
    /// As the payload alone.
    #[default]
    Plain,
    /// By Avro's single-object encoding: `c3 01`, the fingerprint of one of the schemas, and the payload.
    SingleObject,
}

impl ConverterSettings for AvroSettings {
    const NAME: &'static str = "avro";

    fn build(self) -> Result<Box<dyn Converter>, SettingsError> {
        let plain = match self.encoding {
            AvroEncoding::Plain => Framing::None,
            AvroEncoding::SingleObject => Framing::SingleObject,
        };
        if self.registry.is_some() && self.encoding == AvroEncoding::SingleObject {
            let reason =
                "a registry's serializers have an encoding of their own; remove this, or set `schema_files`";
            return Err(SettingsError::at("encoding", reason));
        }
        let (origin, framing) = SchemaOrigin::new(self.registry.as_ref(), self.schema_files, plain)?;
        let styles = AvroStyles { decimal: self.decimal, time: self.time, union: self.union };
        let format = AvroFormat { styles };
        Ok(Box::new(SchemaConverter::new(format, origin, framing)))
    }
}
