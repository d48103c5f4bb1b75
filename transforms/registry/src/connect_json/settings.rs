//! The settings of `connect_json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{Converter, ConverterSettings, SettingsError};

use super::envelope::EnvelopeConverter;
use crate::mapping::{DecimalStyle, TimeStyle};

/// The envelope of `schema` and `payload` that Kafka Connect's `JsonConverter` writes with `schemas.enable`.
///
/// What comes out is the payload. The schema says what of it is more than JSON can say: Connect's `Decimal` comes as Base64
/// and becomes a number that keeps its scale, and so does Debezium's `VariableScaleDecimal`; `time` says how Connect's
/// `Date`, `Time` and `Timestamp` and Debezium's `io.debezium.time.*` are written. A field that is null, or missing, gets the
/// default of its schema, as Connect has it. A key comes without its schema, too, so that it stays the same when the schema
/// changes.
///
/// Empty bytes, `null`, and an envelope whose payload is null stand for nothing: the record is a tombstone, or has no key.
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [shop.public.orders] }
///   key: connect_json
///   value: { connect_json: { time: rfc3339 } }
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectJsonSettings {
    /// How decimals are written. Default: `number`.
    #[serde(default)]
    decimal: DecimalStyle,
    /// How dates, times of day and timestamps are written. Default: `epoch`.
    #[serde(default)]
    time: TimeStyle,
    /// Whether a field that is null, or missing, gets the default of its schema, as Kafka Connect's
    /// `replace.null.with.default` says. Default: `true`.
    #[serde(default = "yes")]
    replace_null_with_default: bool,
}

fn yes() -> bool {
    true
}

impl ConverterSettings for ConnectJsonSettings {
    const NAME: &'static str = "connect_json";

    fn build(self) -> Result<Box<dyn Converter>, SettingsError> {
        Ok(Box::new(EnvelopeConverter::new(self.decimal, self.time, self.replace_null_with_default)))
    }
}
