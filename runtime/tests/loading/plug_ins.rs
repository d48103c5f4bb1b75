//! Plug-ins and shortcuts for tests of connector files.

use std::path::Path;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use sluice_connector_api::{Limits, PutError, Record, Registry, SettingsError, Sink, SinkSettings};
use sluice_runtime::config::interpolate::Follow;
use sluice_runtime::connector::load::Connector;

/// Stores nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nowhere {}

#[async_trait]
impl Sink for Nowhere {
    fn limits(&self) -> Limits {
        Limits::default()
    }

    async fn put(&self, _batch: &[Record]) -> Result<(), PutError> {
        Ok(())
    }
}

impl SinkSettings for Nowhere {
    const NAME: &'static str = "nowhere";

    fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(Box::new(self))
    }
}

/// The converters, transforms and predicates of the program, and a sink.
pub(crate) fn registry() -> Registry {
    sluice_transforms::register(Registry::new()).with_sink::<Nowhere>()
}

/// Loads a connector, or returns what is wrong with it.
pub(crate) async fn load(text: &str, registry: &Registry) -> Result<Connector, Vec<String>> {
    let loaded = Connector::parse(Path::new("c.yaml"), text, registry, Follow::Every).await;
    loaded.map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

/// Returns what is wrong with a connector.
pub(crate) async fn problems(text: &str) -> Vec<String> {
    load(text, &registry()).await.err().unwrap_or_default()
}

/// A connector with this under `source`, and nothing wrong with the rest.
pub(crate) fn with_source(more: &str) -> String {
    format!(
        "source:\n  kafka: {{ bootstrap_servers: localhost, topics: [t] }}\n{more}sink: {{ nowhere: {{}} }}\n"
    )
}
