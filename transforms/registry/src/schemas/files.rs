//! Schemas of files, for records without a registry.

use std::io;
use std::path::{Path, PathBuf};

use sluice_connector_api::Failure;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::format::SchemaSource;

/// The longest schema file.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Reads a file, whatever it is: a pipe has no length, and need not end.
pub(super) async fn read_schema(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path).await?.take(MAX_BYTES + 1).read_to_end(&mut content).await?;
    if content.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!(
            "it is larger than {MAX_BYTES} bytes, the most that a schema has"
        )));
    }
    Ok(content)
}

/// The files of the settings.
#[derive(Clone, Debug)]
pub(crate) struct SchemaFiles(pub(crate) Vec<PathBuf>);

impl SchemaFiles {
    /// Reads the files. One that cannot be read is a fault of the set-up.
    pub(crate) async fn read(&self) -> Result<SchemaSource, Failure> {
        let mut read = Vec::new();
        for path in &self.0 {
            let shown = path.display();
            let content = read_schema(path).await.map_err(|error| {
                Failure::fatal(format!("the file {shown} of `schema_files` cannot be read: {error}"))
            })?;
            read.push((shown.to_string(), content));
        }
        Ok(SchemaSource::Files(read))
    }
}
