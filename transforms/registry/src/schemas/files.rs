//! Schemas of files, for records without a registry.

use std::path::PathBuf;

use sluice_connector_api::Failure;

use super::format::SchemaSource;

/// The longest schema file.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The files of the settings.
#[derive(Clone, Debug)]
pub(crate) struct SchemaFiles(pub(crate) Vec<PathBuf>);

impl SchemaFiles {
    /// Reads the files. One that cannot be read is a fault of the set-up.
    pub(crate) async fn read(&self) -> Result<SchemaSource, Failure> {
        let mut read = Vec::new();
        for path in &self.0 {
            let unread = |why: String| {
                Failure::fatal(format!("the file {} of `schema_files` cannot be read: {why}", path.display()))
            };
            let length = tokio::fs::metadata(path).await.map_err(|error| unread(error.to_string()))?.len();
            if length > MAX_BYTES {
                return Err(unread(format!("it has {length} bytes, and a schema has {MAX_BYTES} at most")));
            }
            let content = tokio::fs::read(path).await.map_err(|error| unread(error.to_string()))?;
            read.push((path.display().to_string(), content));
        }
        Ok(SchemaSource::Files(read))
    }
}
