//! What a sink of Kafka Connect becomes.

use serde_json::{Map, Value};

use crate::convert::options::Options;

/// A sink of Kafka Connect and the one that stands for it.
pub(in crate::convert) struct SinkEntry {
    /// Its class.
    pub(in crate::convert) class: &'static str,
    /// The sink here. Where the program does not have it, there is no counterpart.
    pub(in crate::convert) name: &'static str,
    /// Its settings, of the options.
    pub(in crate::convert) convert: fn(&mut Options) -> Result<SinkSection, String>,
}

/// A sink, and what goes with it in other sections.
#[derive(Debug, Default)]
pub(in crate::convert) struct SinkSection {
    /// The sink's own settings.
    pub(in crate::convert) settings: Map<String, Value>,
    /// `batch`, as far as the sink decides about it.
    pub(in crate::convert) batch: Map<String, Value>,
    /// `errors`, as far as the sink decides about it.
    pub(in crate::convert) errors: Map<String, Value>,
}

impl SinkSection {
    /// Sets a setting of the sink, if there is a value for it.
    pub(in crate::convert) fn set(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.settings.insert(name.to_owned(), value.into());
        }
    }
}
