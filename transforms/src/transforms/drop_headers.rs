//! `drop_headers`: a record without certain headers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{
    Record, RecordFields, Rejection, SettingsError, Transform, TransformSettings, Transformed,
};

/// Removes headers by their names.
///
/// Each header of a name goes, where there are several. Tombstones have headers, too. It is Kafka Connect's `DropHeaders`.
///
/// ```yaml
/// transforms:
///   - drop_headers:
///       headers: [trace, debug]
/// ```
///
/// Before:
///
/// ```json
/// {"value": {"id": 7}, "headers": {"trace": "7f", "tenant": "acme"}}
/// ```
///
/// After:
///
/// ```json
/// {"value": {"id": 7}, "headers": [{"name": "tenant", "value": "acme"}]}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DropHeadersSettings {
    /// The names; upper and lower case differ.
    #[schemars(length(min = 1))]
    headers: Vec<String>,
}

impl TransformSettings for DropHeadersSettings {
    const NAME: &'static str = "drop_headers";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        if self.headers.is_empty() {
            return Err(SettingsError::at("headers", "names no header"));
        }
        Ok(Box::new(self))
    }
}

impl Transform for DropHeadersSettings {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        if !record.headers.is_empty() {
            for name in &self.headers {
                record.headers.remove(name);
            }
        }
        Ok(record.into())
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        self.headers.iter().fold(fields, |left, name| left.without_header(name))
    }
}
