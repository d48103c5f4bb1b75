//! Keys and values that are written by a schema, as `sluice produce` is told to.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use sluice_connector_api::{
    FailureKind, Json, Registry, SerializePayload, SerializerChoices, SettingsError, Side,
};

use crate::cli::exit::Exit;
use crate::cli::produced_key::documents;
use crate::cli::suggest::unknown;

/// Which schemas keys and values are written by.
#[derive(Debug, Args)]
pub(crate) struct BySchema {
    /// The file of the schema, such as order.avsc; of several, the last is it, and the others are what it refers to
    #[arg(long, value_name = "FILE")]
    schema: Vec<PathBuf>,
    /// The file of the schema that keys are written by, in the format of the values; of several, the last is it [default: none; keys are text]
    #[arg(long, value_name = "FILE", requires = "format")]
    key_schema: Vec<PathBuf>,
    /// The registry that is to know the schemas, by Confluent's API [default: none; keys and values name no schema]
    #[arg(long, value_name = "URL")]
    registry: Vec<String>,
    /// The subject of the schema in the registry [default: the topic's name and -value; that of keys is its name and -key]
    #[arg(long, value_name = "NAME", requires = "registry")]
    subject: Option<String>,
    /// Which message of the schema values are, such as shop.Order [default: the only one]
    #[arg(long, value_name = "NAME", requires = "schema")]
    message: Option<String>,
    /// Which message of their schema keys are, such as shop.OrderId [default: the only one]
    #[arg(long, value_name = "NAME", requires = "key_schema")]
    key_message: Option<String>,
}

/// Writes keys and values by their schemas.
pub(crate) struct SerializeRecord {
    /// None: keys are text.
    key: Option<SerializePayload>,
    /// None: there are no values, as of tombstones alone.
    value: Option<SerializePayload>,
}

impl BySchema {
    /// Makes ready to write the records of a topic in a format, where one is named. Without values, none is written.
    pub(crate) async fn open(
        &self,
        format: Option<&str>,
        topic: &str,
        has_values: bool,
        registry: &Registry,
    ) -> Result<Option<SerializeRecord>, Exit> {
        let Some(name) = format else { return self.refuse_schema(registry) };
        let value =
            if has_values { Some(self.side(Side::Value, name, topic, registry).await?) } else { None };
        let key = match &*self.key_schema {
            [] => None,
            _ => Some(self.side(Side::Key, name, topic, registry).await?),
        };
        Ok(Some(SerializeRecord { key, value }))
    }

    async fn side(
        &self,
        side: Side,
        name: &str,
        topic: &str,
        registry: &Registry,
    ) -> Result<SerializePayload, Exit> {
        let (files, message) = match side {
            Side::Key => (&self.key_schema, &self.key_message),
            Side::Value => (&self.schema, &self.message),
        };
        let choices = SerializerChoices {
            schema_files: files.clone(),
            registry_urls: self.registry.clone(),
            subject: self.subject.clone().filter(|_| side == Side::Value),
            message: message.clone(),
        };
        let serializer = registry.serializer(name, choices).ok_or_else(|| {
            let inputs = ["csv", "jsonl", "text", "record"].into_iter();
            let known: Vec<_> = inputs.chain(registry.serializer_names()).map(str::to_owned).collect();
            unknown("format", name, &known)
        })?;
        let serializer = serializer.map_err(|error| Exit::Running(told(&error)))?;
        let opened = serializer.open(topic, side).await;
        opened.map_err(|failure| match failure.kind() {
            FailureKind::Retriable => Exit::Environment(format!("the registry cannot be asked: {failure}")),
            _ => Exit::Running(failure.to_string()),
        })
    }

    /// Says whether keys are written by a schema.
    pub(crate) fn has_key(&self) -> bool {
        !self.key_schema.is_empty()
    }

    /// A schema says nothing of lines that go as they are written.
    fn refuse_schema(&self, registry: &Registry) -> Result<Option<SerializeRecord>, Exit> {
        if self.schema.is_empty() && self.key_schema.is_empty() && self.registry.is_empty() {
            return Ok(None);
        }
        let known: Vec<_> = registry.serializer_names().collect();
        let text =
            format!("values are written by a schema with --format, which is one of {}", known.join(", "));
        Err(Exit::Running(text))
    }
}

impl SerializeRecord {
    /// Writes a value by its schema. What keeps it from being one is told with the document.
    pub(crate) fn value(&self, document: &[u8]) -> Result<Bytes, Exit> {
        let Some(serialize) = &self.value else { return Ok(Bytes::copy_from_slice(document)) };
        let json = Json::from_slice(document).map_err(|error| error.to_string());
        let written = json.and_then(|json| serialize(&json).map_err(|rejection| rejection.to_string()));
        let shown = String::from_utf8_lossy(document);
        written.map_err(|reason| Exit::Running(format!("`{shown}` is no value of the schema: {reason}")))
    }

    /// Writes a key by its schema, where there is one: it is JSON, or a text. `advice` is what may be done about one that is
    /// refused.
    pub(crate) fn key(&self, key: &Bytes, advice: &str) -> Result<Bytes, Exit> {
        let Some(serialize) = &self.key else { return Ok(key.clone()) };
        let mut reason = "it is not valid UTF-8".to_owned();
        for (index, document) in documents(key).iter().enumerate() {
            match serialize(document) {
                Ok(written) => return Ok(written),
                Err(rejection) if index == 0 => reason = rejection.to_string(),
                Err(_) => {}
            }
        }
        let shown = String::from_utf8_lossy(key);
        Err(Exit::Running(format!("`{shown}` is no key of the schema: {reason}{advice}")))
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
