//! Where the schemas of a converter come from.

use std::path::PathBuf;

use sluice_connector_api::SettingsError;

use super::files::SchemaFiles;
use crate::framing::Framing;
use crate::registries::{RegistryClient, RegistrySettings};

/// Where the schemas of a converter come from.
pub(crate) enum SchemaOrigin {
    Registry(Box<RegistryClient>),
    Files(SchemaFiles),
}

impl SchemaOrigin {
    /// Reads the keys `registry` and `schema_files`, of which one is set, and says how records name their schema. `plain` is
    /// how they do where files have the schema.
    pub(crate) fn new(
        registry: Option<&RegistrySettings>,
        files: Vec<PathBuf>,
        plain: Framing,
    ) -> Result<(Self, Framing), SettingsError> {
        match (registry, files.is_empty()) {
            (Some(registry), true) => {
                Ok((Self::Registry(Box::new(RegistryClient::new(registry)?)), registry.framing()))
            }
            (None, false) => Ok((Self::Files(SchemaFiles(files)), plain)),
            (Some(_), false) => Err(SettingsError::at(
                "schema_files",
                "a record has its schema from `registry` or from `schema_files`; remove one of them",
            )),
            (None, true) => Err(SettingsError::new(
                "set `registry`, where the schemas are, or `schema_files`, if records name none",
            )),
        }
    }
}
