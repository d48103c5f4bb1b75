//! A schema as Kafka Connect's `JsonConverter` writes it.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use sluice_connector_api::{AnyJson, expectation_of};

use crate::mapping::{Calendar, connect_time};

/// A schema as `JsonConverter` writes it.
#[derive(Deserialize)]
#[serde(expecting = "a schema with its `type`")]
pub(super) struct WrittenSchema {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) name: Option<String>,
    /// What it is called within a `struct`.
    pub(super) field: Option<String>,
    pub(super) parameters: Option<HashMap<String, AnyJson>>,
    pub(super) fields: Option<Vec<WrittenSchema>>,
    pub(super) items: Option<Box<WrittenSchema>>,
    pub(super) keys: Option<Box<WrittenSchema>>,
    pub(super) values: Option<Box<WrittenSchema>>,
    pub(super) default: Option<AnyJson>,
    #[serde(default)]
    pub(super) optional: bool,
}

impl WrittenSchema {
    /// Reads the text of a schema.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| expectation_of(&error))
    }

    /// Returns the time that a number stands for, if it stands for one.
    pub(super) fn calendar(&self) -> Option<Calendar> {
        connect_time(self.name.as_deref()?)
    }

    /// Returns a number among the parameters, which writers have as text.
    pub(super) fn parameter(&self, name: &str) -> Option<i64> {
        match self.parameters.as_ref()?.get(name)?.value() {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_i64(),
            _ => None,
        }
    }
}
