//! The converter of a schema format.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use sluice_connector_api::{
    Converter, ConverterContext, Failure, FailureKind, Json, NotConverted, Payload, PayloadForm,
    PayloadForms, Rejection, SchemaId,
};

use super::format::{SchemaFormat, SchemaSource};
use super::settings::SchemaOrigin;
use super::shelf::{OnShelf, Shelf};
use crate::framing::{Framing, SchemaKey};

/// Reads records by their schemas.
pub(crate) struct SchemaConverter<F: SchemaFormat> {
    format: Arc<F>,
    framing: Framing,
    origin: SchemaOrigin,
    shelf: Shelf<F::Schema>,
}

impl<F: SchemaFormat> SchemaConverter<F> {
    pub(crate) fn new(format: F, origin: SchemaOrigin, framing: Framing) -> Self {
        Self { format: Arc::new(format), framing, origin, shelf: Shelf::new() }
    }

    async fn source(&self, key: SchemaKey) -> Result<SchemaSource, Failure> {
        match &self.origin {
            SchemaOrigin::Files(files) => files.read().await,
            SchemaOrigin::Registry(registry) => {
                let text = registry.fetch(key).await?;
                match &text.kind {
                    Some(kind) if kind != F::KIND => Err(Failure::rejected(format!(
                        "the schema with the {key} is {kind}, and not {}; use the converter of that format",
                        F::KIND
                    ))),
                    _ => Ok(SchemaSource::Registry(text)),
                }
            }
        }
    }

    /// Makes a schema ready.
    async fn compile(&self, key: SchemaKey, source: SchemaSource) -> Result<F::Schema, Failure> {
        let format = Arc::clone(&self.format);
        let compiled = apart(move || format.compile(key, &source)).await;
        let is_ours = matches!(self.origin, SchemaOrigin::Files(_));
        match compiled {
            Ok(Some(schema)) => Ok(schema),
            Ok(None) => Err(Failure::rejected(format!("no schema of `schema_files` has the {key}"))),
            Err(reason) if is_ours => Err(Failure::fatal(format!("`schema_files` cannot be used: {reason}"))),
            Err(reason) => {
                Err(Failure::rejected(format!("the schema with the {key} cannot be used: {reason}")))
            }
        }
    }
}

/// Bytes of stack for the compilers of schemas, which call themselves for whatever is nested.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Runs a compiler on a thread of its own: a schema may be made to take long, or deep, or to have the compiler panic.
pub(super) async fn apart<T: Send + 'static>(
    compile: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let compiled = tokio::task::spawn_blocking(|| {
        let thread = std::thread::Builder::new().name("schema".to_owned()).stack_size(STACK_BYTES);
        let running = thread.spawn(compile).map_err(|error| error.to_string())?;
        running.join().unwrap_or_else(|_| Err("the compiler panicked over it".to_owned()))
    });
    compiled.await.unwrap_or_else(|cut| Err(cut.to_string()))
}

#[async_trait]
impl<F: SchemaFormat> Converter for SchemaConverter<F> {
    fn convert(&self, bytes: Bytes, context: &ConverterContext<'_>) -> Result<Option<Payload>, NotConverted> {
        if let Some(json) = decoded_by_the_mapping(&bytes, context) {
            return Ok(Some(Payload::Json(json)));
        }
        let side = context.side;
        let rejected = |reason: &str| NotConverted::from(Rejection::new(reason));
        let framed = self.framing.read(&bytes, context).map_err(|reason| rejected(&reason))?;
        let schema = match self.shelf.find(framed.schema) {
            Some(OnShelf::Here(schema)) => schema,
            Some(OnShelf::Unusable(reason)) => return Err(rejected(&reason)),
            None => return Err(NotConverted::NeedsSchema { schema: framed.schema.to_id(), bytes }),
        };
        let unread = |reason: String| rejected(&format!("the {side} is not valid {}: {reason}", F::NAME));
        Ok(Some(Payload::Json(self.format.read(&schema, &framed).map_err(unread)?)))
    }

    fn makes(&self) -> PayloadForms {
        PayloadForm::Json.into()
    }

    async fn fetch(&self, schema: &SchemaId) -> Result<(), Failure> {
        let Some(key) = SchemaKey::from_id(schema) else {
            return Err(Failure::rejected(format!("`{schema}` names no schema")));
        };
        let fetched = match self.source(key).await {
            Ok(source) => self.compile(key, source).await,
            Err(failure) => Err(failure),
        };
        match fetched {
            Ok(compiled) => self.shelf.keep(key, compiled),
            Err(failure) => {
                if failure.kind() == FailureKind::Rejected {
                    self.shelf.keep_unusable(key, &failure.to_string());
                }
                return Err(failure);
            }
        }
        Ok(())
    }
}

/// Returns the document, where an event source mapping in AWS Lambda has read the record already: it says which schema it
/// was, and hands on JSON.
///
/// Whether it did it does not say. No Avro record and no Protobuf message is a whole JSON document that begins with a brace,
/// a bracket or a quote, but by an accident that nobody will live to see; a number alone could be, and is not taken for one.
fn decoded_by_the_mapping(bytes: &Bytes, context: &ConverterContext<'_>) -> Option<Json> {
    context.schema?;
    let last = match bytes.first()? {
        b'{' => b'}',
        b'[' => b']',
        b'"' => b'"',
        _ => return None,
    };
    if bytes.trim_ascii_end().last() != Some(&last) {
        return None;
    }
    Json::parse(bytes.clone()).ok()
}
