//! `filter`: records that go no further.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{
    Record, RecordFields, Rejection, SettingsError, Transform, TransformSettings, Transformed,
};

/// Drops every record, and so makes sense with a predicate alone: those for which it holds are dropped.
///
/// A dropped record counts as filtered. It is Kafka Connect's `Filter` and has no settings.
///
/// ```yaml
/// transforms:
///   - filter: {}
///     predicate:
///       field_value: { field: status, in: [draft, internal] }
/// ```
///
/// Before:
///
/// ```json
/// {"value": {"status": "draft"}}
/// {"value": {"status": "published"}}
/// ```
///
/// After:
///
/// ```json
/// {"value": {"status": "published"}}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilterSettings {}

impl TransformSettings for FilterSettings {
    const NAME: &'static str = "filter";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        Ok(Box::new(self))
    }
}

impl Transform for FilterSettings {
    fn apply(&self, _: Record) -> Result<Transformed, Rejection> {
        Ok(Transformed::Dropped)
    }

    fn applies_to_all(&self) -> Result<(), SettingsError> {
        Err(SettingsError::new("drops every record; say which under `predicate` beside it"))
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        fields
    }
}
