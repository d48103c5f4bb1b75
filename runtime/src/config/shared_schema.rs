//! The schema of connector files together with what checks them. To build it takes longer than all else that is done with a file,
//! so that it is built once for all the files of a registry; and where there are few of them, as in a function, for each of them
//! with those plug-ins alone that it names.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jsonschema::Validator;
use serde_json::Value;
use sluice_connector_api::Registry;

use crate::config::problem::Problem;
use crate::config::schema::connector_schema;
use crate::config::validate::{broken, validate_with, validator_of};
use crate::config::yaml::Node;

/// So many files have a schema each before one is built for all.
const FEW_FILES: usize = 4;
/// The converter of a side for which the file names none.
const USUAL_CONVERTER: &str = "bytes";

/// How many files had a schema each.
#[derive(Debug, Default)]
struct FilesApart(AtomicUsize);

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
        registry.derived(Self::new)
    }

    /// Returns one that is as good as that of a registry for a file in which nothing is wrong. Whether something is, it tells; what, and
    /// what else there would be, only [`ConnectorSchema::of`] the registry knows.
    pub fn for_file(registry: &Registry, file: &Node) -> Arc<Self> {
        if let Some(whole) = registry.kept() {
            return whole;
        }
        let apart = registry.derived(|_| FilesApart::default());
        if apart.0.fetch_add(1, Ordering::Relaxed) >= FEW_FILES {
            return Self::of(registry);
        }
        let mut words = BTreeSet::from([USUAL_CONVERTER.to_owned()]);
        add_words(&file.to_json(), &mut words);
        Arc::new(Self::new(&registry.only(|name| words.contains(name))))
    }

    fn new(registry: &Registry) -> Self {
        let value = connector_schema(registry);
        let validator = validator_of(&value);
        Self { value, validator }
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

/// Adds whatever may be the name of a plug-in: keys, and texts.
fn add_words(value: &Value, words: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            words.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| add_words(item, words)),
        Value::Object(fields) => {
            for (key, below) in fields {
                words.insert(key.clone());
                add_words(below, words);
            }
        }
        _ => {}
    }
}
