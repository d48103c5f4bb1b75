//! A registry of any kind, as converters ask it.

use sluice_connector_api::{Failure, SettingsError};

use super::apicurio::Apicurio;
use super::confluent::Confluent;
use super::glue::Glue;
use super::settings::RegistrySettings;
use super::text::SchemaText;
use crate::framing::SchemaKey;

/// A registry. It keeps nothing, and it neither retries nor waits: every failure says what the engine is to do.
pub(crate) enum RegistryClient {
    Confluent(Confluent),
    Apicurio(Apicurio),
    Glue(Glue),
}

impl RegistryClient {
    /// Reads the settings that stand under `registry`, without I/O.
    pub(crate) fn new(settings: &RegistrySettings) -> Result<Self, SettingsError> {
        let (kind, client) = match settings {
            RegistrySettings::Confluent(settings) => {
                ("confluent", Confluent::new(settings).map(Self::Confluent))
            }
            RegistrySettings::Apicurio(settings) => ("apicurio", Apicurio::new(settings).map(Self::Apicurio)),
            RegistrySettings::Glue(settings) => ("glue", Glue::new(settings).map(Self::Glue)),
        };
        client.map_err(|error| SettingsError::at(format!("registry.{kind}.{}", error.path()), error.reason()))
    }

    /// Fetches a schema, and those that it refers to. *Rejected* means that there is no such schema.
    pub(crate) async fn fetch(&self, key: SchemaKey) -> Result<SchemaText, Failure> {
        match self {
            Self::Confluent(registry) => registry.fetch(key).await,
            Self::Apicurio(registry) => registry.fetch(key).await,
            Self::Glue(registry) => registry.fetch(key).await,
        }
    }
}
