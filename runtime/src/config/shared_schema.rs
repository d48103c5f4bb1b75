//! The schema of connector files together with what checks them: built once for all the files of a registry, since that takes
//! longer than all else that is done with a file.

use std::path::Path;
use std::sync::Arc;

use jsonschema::Validator;
use serde_json::Value;
use sluice_connector_api::Registry;

use crate::config::problem::Problem;
use crate::config::schema::connector_schema;
use crate::config::validate::{broken, validate_with, validator_of};
use crate::config::yaml::Node;

/// The schema of connector files with the plug-ins of a registry.
#[derive(Debug)]
pub struct ConnectorSchema {
    value: Value,
    /// What checks a file, or why the schema is none.
    validator: Result<Validator, String>,
}

impl ConnectorSchema {
    /// Returns that of a registry, which keeps it.
    pub fn of(registry: &Registry) -> Arc<Self> {
        registry.derived(|registry| {
            let value = connector_schema(registry);
            let validator = validator_of(&value);
            Self { value, validator }
        })
    }

    /// Returns the schema itself.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Checks a file: see [`validate`](crate::config::validate::validate).
    pub fn validate(&self, file: &Path, node: &Node) -> (Value, Vec<Problem>) {
        match &self.validator {
            Ok(validator) => validate_with(validator, file, node, &self.value),
            Err(error) => broken(file, error),
        }
    }
}
