//! An environment for connector files that name variables.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use sluice_connector_api::{Failure, Provider, ProviderSettings, SettingsError};

/// Stands for an environment in which everything is set, and to something that fits the name.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct EverythingIsSet {}

#[async_trait]
impl Provider for EverythingIsSet {
    async fn value(&self, name: &str) -> Result<Option<String>, Failure> {
        Ok(Some(match name {
            "KBID" => "KB12345678".to_owned(),
            "DSID" => "DS12345678".to_owned(),
            "KAFKA_BOOTSTRAP_SERVERS" => "b-1.a.kafka.eu-central-1.amazonaws.com:9098".to_owned(),
            url if url.contains("URL") => "https://localhost".to_owned(),
            other => other.to_lowercase(),
        }))
    }
}

impl ProviderSettings for EverythingIsSet {
    const NAME: &'static str = "env";

    fn build(self) -> Result<Box<dyn Provider>, SettingsError> {
        Ok(Box::new(self))
    }
}
