//! Values that are written by a schema, as `sluice produce` is told to.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use sluice_connector_api::{
    FailureKind, Json, Registry, SerializePayload, SerializerChoices, SettingsError, Side,
};

use crate::cli::exit::Exit;
use crate::cli::suggest::unknown;

/// Which schema values are written by.
#[derive(Debug, Args)]
pub(crate) struct BySchema {
    /// The file of the schema, such as order.avsc; of several, the last is it, and the others are what it refers to
    #[arg(long, value_name = "FILE")]
    schema: Vec<PathBuf>,
    /// The registry that is to know the schema, by Confluent's API [default: none; values name no schema]
    #[arg(long, value_name = "URL", requires = "schema")]
    registry: Vec<String>,
    /// The subject of the schema in the registry [default: the topic's name and -value]
    #[arg(long, value_name = "NAME", requires = "registry")]
    subject: Option<String>,
    /// Which message of the schema values are, such as shop.Order [default: the only one]
    #[arg(long, value_name = "NAME", requires = "schema")]
    message: Option<String>,
}

/// Writes values by a schema.
pub(crate) struct SerializeValue(SerializePayload);

impl BySchema {
    /// Makes ready to write the values of a topic in a format, where one is named.
    pub(crate) async fn open(
        &self,
        format: Option<&str>,
        topic: &str,
        registry: &Registry,
    ) -> Result<Option<SerializeValue>, Exit> {
        let Some(name) = format else { return self.refuse_schema(registry) };
        let choices = SerializerChoices {
            schema_files: self.schema.clone(),
            registry_urls: self.registry.clone(),
            subject: self.subject.clone(),
            message: self.message.clone(),
        };
        let serializer = registry.serializer(name, choices).ok_or_else(|| {
            let inputs = ["csv", "jsonl", "text", "record"].into_iter();
            let known: Vec<_> = inputs.chain(registry.serializer_names()).map(str::to_owned).collect();
            unknown("format", name, &known)
        })?;
        let serializer = serializer.map_err(|error| Exit::Running(told(&error)))?;
        let opened = serializer.open(topic, Side::Value).await;
        let serialize = opened.map_err(|failure| match failure.kind() {
            FailureKind::Retriable => Exit::Environment(format!("the registry cannot be asked: {failure}")),
            _ => Exit::Running(failure.to_string()),
        })?;
        Ok(Some(SerializeValue(serialize)))
    }

    /// A schema says nothing of lines that go as they are written.
    fn refuse_schema(&self, registry: &Registry) -> Result<Option<SerializeValue>, Exit> {
        if self.schema.is_empty() {
            return Ok(None);
        }
        let known: Vec<_> = registry.serializer_names().collect();
        let text =
            format!("values are written by a schema with --format, which is one of {}", known.join(", "));
        Err(Exit::Running(text))
    }
}

impl SerializeValue {
    /// Writes a document by the schema. What keeps it from being one is told with the document.
    pub(crate) fn document(&self, document: &[u8]) -> Result<Bytes, Exit> {
        let json = Json::from_slice(document).map_err(|error| error.to_string());
        let written = json.and_then(|json| (self.0)(&json).map_err(|rejection| rejection.to_string()));
        let shown = String::from_utf8_lossy(document);
        written.map_err(|reason| Exit::Running(format!("`{shown}` is no value of the schema: {reason}")))
    }
}

/// Names the flag that what is wrong was given by.
fn told(error: &SettingsError) -> String {
    let flag = match error.path().split('.').next() {
        Some("schema_files") => "--schema: ",
        Some("urls") => "--registry: ",
        Some("subject") => "--subject: ",
        _ => "",
    };
    format!("{flag}{}", error.reason())
}
