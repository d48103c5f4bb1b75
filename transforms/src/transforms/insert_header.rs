//! `insert_header`: a record with one header more.

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{
    Record, RecordFields, Rejection, SettingsError, Transform, TransformSettings, Transformed,
};

/// Adds a header with a fixed value.
///
/// It stands beside others of its name; the newest counts. Tombstones get it, too. It is Kafka Connect's `InsertHeader`.
///
/// ```yaml
/// transforms:
///   - insert_header:
///       header: origin
///       value_literal: warehouse
/// ```
///
/// Before:
///
/// ```json
/// {"value": {"id": 7}}
/// ```
///
/// After:
///
/// ```json
/// {"value": {"id": 7}, "headers": [{"name": "origin", "value": "warehouse"}]}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InsertHeaderSettings {
    /// The header's name.
    #[schemars(length(min = 1))]
    header: String,
    /// Its value, as it stands here in UTF-8.
    value_literal: String,
}

impl TransformSettings for InsertHeaderSettings {
    const NAME: &'static str = "insert_header";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        if self.header.is_empty() {
            return Err(SettingsError::at("header", "a header's name cannot be empty"));
        }
        Ok(Box::new(NewHeader { name: self.header, value: self.value_literal.into() }))
    }
}

struct NewHeader {
    name: String,
    value: Bytes,
}

impl Transform for NewHeader {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        record.headers.push(self.name.as_str(), Some(self.value.clone()));
        Ok(record.into())
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        fields.with_header(&self.name)
    }
}
