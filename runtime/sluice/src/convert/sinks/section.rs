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
    /// What stands behind the transforms of the configuration, for what its sink does itself.
    pub(in crate::convert) transforms: Vec<Value>,
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

    /// Sets a duration, where a setting has a number above zero for it.
    pub(in crate::convert) fn set_time(
        &mut self,
        name: &str,
        setting: &str,
        unit: &str,
        options: &mut Options,
    ) {
        if let Some(count) = options.number(setting).filter(|count| *count > 0) {
            self.set(name, Some(format!("{count}{unit}")));
        }
    }

    /// Takes `retry.backoff.ms` and `max.retries`.
    pub(in crate::convert) fn set_retries(&mut self, options: &mut Options) {
        if let Some(millis) = options.number("retry.backoff.ms").filter(|millis| *millis > 0) {
            self.errors.insert("retry_delay".to_owned(), format!("{millis}ms").into());
        }
        if options.take("max.retries").is_some() {
            let text =
                "max.retries: tries end by time (`errors.retry_timeout`, 5 minutes), and not by their number";
            options.remarks.push(text.to_owned());
        }
    }
}
