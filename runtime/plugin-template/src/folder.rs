//! A sink that keeps each record as a file of its own.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{Failure, Limits, PutError, Record, SettingsError, Sink, SinkSettings};
use tokio::{fs::File, io::AsyncWriteExt};

/// Keeps each record as a file of its own, named after the place where it was read.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FolderSettings {
    /// The folder, which must be there, such as `notes`.
    path: PathBuf,
}

impl SinkSettings for FolderSettings {
    const NAME: &'static str = "folder";

    fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(Box::new(Folder(self.path)))
    }
}

struct Folder(PathBuf);

#[async_trait]
impl Sink for Folder {
    fn limits(&self) -> Limits {
        Limits::default()
    }

    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        let mut outcomes = Vec::new();
        for record in batch {
            outcomes.push(store(&self.0, record).await);
        }
        PutError::from_each(outcomes)
    }
}

async fn store(folder: &Path, record: &Record) -> Result<(), Failure> {
    let text = record.value_text().ok_or_else(|| Failure::rejected("the value is not text"))?;
    let path = folder.join(format!("{}.txt", record.origin()));
    write(&path, text).await.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::fatal(format!("there is no folder {}", folder.display())),
        _ => Failure::retriable(format!("cannot write {}: {error}", path.display())),
    })
}

async fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path).await?;
    file.write_all(text.as_bytes()).await?;
    file.sync_all().await
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;
    use sluice_connector_api::{FailureKind, Registry};
    use sluice_plugin_testing::{record_failures, settings_contract, sink_contract, text, tombstone};
    use tempfile::tempdir;

    use super::*;

    #[tokio::test]
    async fn keeps_the_contract() {
        let (registry, folder) = (Registry::new().with_sink::<FolderSettings>(), tempdir().unwrap());
        let (plugin, settings) = (registry.sink("folder").unwrap(), json!({ "path": folder.path() }));
        settings_contract(plugin, &settings);
        sink_contract(&*plugin.build(settings).unwrap()).await;
    }

    #[tokio::test]
    async fn a_record_is_a_file_and_a_tombstone_is_rejected() {
        let folder = tempdir().unwrap();
        let outcome = Folder(folder.path().to_owned()).put(&[text(7, "hello"), tombstone(8)]).await;
        let rejected = (1, FailureKind::Rejected, "the value is not text".to_owned());
        assert_eq!(record_failures(outcome), [rejected]);
        assert_eq!(fs::read_to_string(folder.path().join("prices-0-7.txt")).unwrap(), "hello");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_stops_the_connector() {
        let folder = tempdir().unwrap().path().join("gone");
        let failures = record_failures(Folder(folder).put(&[text(0, "hello")]).await);
        assert_eq!(failures[0].1, FailureKind::Fatal);
        assert!(failures[0].2.starts_with("there is no folder "), "{}", failures[0].2);
    }
}
