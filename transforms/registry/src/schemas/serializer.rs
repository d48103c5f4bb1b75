//! The serializer of a schema format, with Confluent's wire format or alone.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use sluice_connector_api::{
    Failure, Json, Rejection, SerializePayload, Serializer, SerializerChoices, SerializerFactory,
    SettingsError, Side,
};

use super::converter::apart;
use super::files::read_schema;
use crate::registries::{NewSchema, SchemaRegistrar};

/// Writes a document as a payload, or says what keeps it from being one.
pub(crate) type WritePayload = Box<dyn Fn(&Value) -> Result<Vec<u8>, String> + Send + Sync>;

/// A format that payloads are written in.
pub(crate) trait WriteFormat: Send + Sync + 'static {
    /// The name of its converter, such as `avro`.
    const NAME: &'static str;
    /// What registries call it, such as `AVRO`.
    const KIND: &'static str;

    /// Makes ready to write by the last of some files, which may refer to the others. `is_framed` says whether the id of the
    /// schema stands before the payload.
    fn compile(files: &[SchemaFile], message: Option<&str>, is_framed: bool) -> Result<WritePayload, String>;

    /// Returns the name by which other schemas refer to that of a file.
    fn reference_name(file: &SchemaFile) -> Result<String, String>;
}

/// A file of a schema: its path, and its text.
#[derive(Clone, Debug)]
pub(crate) struct SchemaFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Makes the serializer of a format.
pub(crate) struct SchemaSerializer<F>(std::marker::PhantomData<F>);

struct Ready<F> {
    files: Vec<PathBuf>,
    registrar: Option<SchemaRegistrar>,
    subject: Option<String>,
    message: Option<String>,
    format: std::marker::PhantomData<F>,
}

impl<F: WriteFormat> SerializerFactory for SchemaSerializer<F> {
    const NAME: &'static str = F::NAME;

    fn build(choices: SerializerChoices) -> Result<Box<dyn Serializer>, SettingsError> {
        let SerializerChoices { schema_files: files, registry_urls, subject, message } = choices;
        if files.is_empty() {
            return Err(SettingsError::at("schema_files", "name the file of the schema to write by"));
        }
        if registry_urls.is_empty() && subject.is_some() {
            return Err(SettingsError::at("subject", "is of a registry, and none is named"));
        }
        let registrar =
            if registry_urls.is_empty() { None } else { Some(SchemaRegistrar::new(&registry_urls)?) };
        Ok(Box::new(Ready::<F> { files, registrar, subject, message, format: std::marker::PhantomData }))
    }
}

#[async_trait]
impl<F: WriteFormat> Serializer for Ready<F> {
    async fn open(&self, topic: &str, side: Side) -> Result<SerializePayload, Failure> {
        let mut files = Vec::new();
        for path in &self.files {
            let (path, shown) = (path.clone(), path.display().to_string());
            let content = read_schema(&path).await;
            let text = content.and_then(|content| String::from_utf8(content).map_err(io::Error::other));
            let text = text.map_err(|error| Failure::fatal(format!("{shown} cannot be read: {error}")))?;
            files.push(SchemaFile { path: shown, text });
        }
        let files = Arc::new(files);
        let (of_compiler, message) = (Arc::clone(&files), self.message.clone());
        let is_framed = self.registrar.is_some();
        let compiled = apart(move || F::compile(&of_compiler, message.as_deref(), is_framed)).await;
        let write =
            compiled.map_err(|reason| Failure::fatal(format!("the schema cannot be used: {reason}")))?;
        let prefix = match &self.registrar {
            None => Vec::new(),
            Some(registrar) => {
                let subject = self.subject.clone().unwrap_or_else(|| format!("{topic}-{side}"));
                let id = register::<F>(registrar, &subject, &files).await?;
                [[0].as_slice(), &id.to_be_bytes()].concat()
            }
        };
        Ok(Box::new(move |document: &Json| {
            let payload = write(document.value()).map_err(Rejection::new)?;
            Ok(Bytes::from([prefix.as_slice(), &payload].concat()))
        }))
    }
}

/// Has the registry know the schema, and before it those that it refers to, each under its name. Returns the id.
async fn register<F: WriteFormat>(
    registrar: &SchemaRegistrar,
    subject: &str,
    files: &[SchemaFile],
) -> Result<u32, Failure> {
    let mut schema = NewSchema::new(F::KIND);
    let Some((last, others)) = files.split_last() else { return Err(Failure::fatal("no file is named")) };
    for file in others {
        let name = F::reference_name(file).map_err(Failure::fatal)?;
        let known = registrar.register(&name, &schema.with_text(&file.text)).await?;
        schema.refer_to(&name, known.version);
    }
    Ok(registrar.register(subject, &schema.with_text(&last.text)).await?.id)
}
