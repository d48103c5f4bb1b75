//! The schema of connector files together with what checks them. To build it takes longer than all else that is done with a file,
//! so that it is built once for all the files of a registry; and where there are few of them, as in a function, with those plug-ins
//! alone that the file names.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::Value;
use sluice_connector_api::{Plugin, Registry};

use crate::config::problem::Problem;
use crate::config::schema::connector_schema;
use crate::config::validate::{broken, validate_with, validator_of};
use crate::config::yaml::Node;

/// So many schemas are built with some of the plug-ins before one is built with all.
const FEW: usize = 4;
/// The converter of a side for which the file names none.
const USUAL_CONVERTER: &str = "bytes";

/// The schemas with some of the plug-ins, by the names of these: that of a file is asked for more than once.
#[derive(Debug, Default)]
struct SchemasApart(Mutex<Vec<(Vec<&'static str>, Arc<ConnectorSchema>)>>);

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
        let mut words = BTreeSet::from([USUAL_CONVERTER.to_owned()]);
        add_words(&file.to_json(), &mut words);
        let some = registry.only(|name| words.contains(name));
        let names = names_of(&some);
        let apart = registry.derived(|_| SchemasApart::default());
        let mut apart = apart.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = apart.iter().find(|(of, _)| *of == names) {
            return Arc::clone(known);
        }
        if apart.len() >= FEW {
            return Self::of(registry);
        }
        let made = Arc::new(Self::new(&some));
        apart.push((names, Arc::clone(&made)));
        made
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

fn names_of(registry: &Registry) -> Vec<&'static str> {
    let sinks = registry.sinks().map(Plugin::name);
    let transforms = registry.transforms().map(Plugin::name);
    let predicates = registry.predicates().map(Plugin::name);
    sinks.chain(transforms).chain(predicates).chain(registry.converters().map(Plugin::name)).collect()
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
