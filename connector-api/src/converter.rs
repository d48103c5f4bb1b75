//! Converters: from the bytes of a key or a value to a payload, and the schemas that this may take.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{Failure, Headers, Payload, PayloadForms, Rejection, SchemaMetadata, SettingsError, Side};

/// What a converter may look at beside the bytes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ConverterContext<'a> {
    /// Whether the bytes are a key or a value.
    pub side: Side,
    /// The topic that the record was read from.
    pub topic: &'a str,
    /// The record's headers.
    pub headers: &'a Headers,
    /// What the mapping says about the schema; only in AWS Lambda, and only where the mapping has a registry.
    pub schema: Option<&'a SchemaMetadata>,
}

impl<'a> ConverterContext<'a> {
    /// Describes where bytes come from.
    pub fn new(side: Side, topic: &'a str, headers: &'a Headers) -> Self {
        Self { side, topic, headers, schema: None }
    }

    /// Adds what the mapping says about the schema.
    #[must_use]
    pub fn with_schema(mut self, schema: Option<&'a SchemaMetadata>) -> Self {
        self.schema = schema;
        self
    }
}

/// Names a schema, in whatever way the converter that asks for it does: an id, a subject and a version, an ARN.
///
/// The engine shows it in logs and reasons, and hands it back to [`Converter::fetch`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SchemaId(Arc<str>);

impl SchemaId {
    /// Names a schema.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SchemaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why there is no payload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotConverted {
    /// The record is at fault.
    Rejected(Rejection),
    /// A schema has to be fetched first; then the same bytes are converted again.
    NeedsSchema {
        /// Which one.
        schema: SchemaId,
        /// The bytes, as they were given.
        bytes: Bytes,
    },
}

impl From<Rejection> for NotConverted {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// Reads the bytes of a key or a value.
///
/// [`Converter::convert`] is pure and synchronous: it runs on many threads at once and may only look at what it was
/// given and at the schemas that it has. A schema that it does not have it asks for; the engine then calls
/// [`Converter::fetch`], waits and tries again where that fails for a while, and converts the bytes again. So a
/// registry that is away is an outage and never the fault of a record.
///
/// ```
/// use bytes::Bytes;
/// use sluice_connector_api::{Converter, ConverterContext, PayloadForm, PayloadForms, Headers, NotConverted, Payload, Rejection, Side};
///
/// struct Latin1;
///
/// impl Converter for Latin1 {
///     fn convert(&self, bytes: Bytes, context: &ConverterContext<'_>) -> Result<Option<Payload>, NotConverted> {
///         if bytes.contains(&0) {
///             return Err(Rejection::new(format!("the {} holds a zero byte", context.side)).into());
///         }
///         Ok(Some(Payload::Text(bytes.iter().copied().map(char::from).collect())))
///     }
///
///     fn makes(&self) -> PayloadForms {
///         PayloadForm::Text.into()
///     }
/// }
///
/// let headers = Headers::new();
/// let context = ConverterContext::new(Side::Value, "orders", &headers);
/// assert_eq!(Latin1.convert(Bytes::from_static(b"\xfcber"), &context), Ok(Some(Payload::from("über"))));
/// assert!(Latin1.convert(Bytes::from_static(b"\0"), &context).is_err());
/// ```
#[async_trait]
pub trait Converter: Send + Sync {
    /// Reads bytes, which may be empty. A record without a key, or without a value, is not shown to the converter.
    ///
    /// `None` means that the bytes stand for nothing, as some formats write a deletion: the record has no key then, or no
    /// value, which makes it a tombstone.
    fn convert(&self, bytes: Bytes, context: &ConverterContext<'_>) -> Result<Option<Payload>, NotConverted>;

    /// Says which forms come out, so that a connector in which no record could go on is refused before it runs.
    fn makes(&self) -> PayloadForms;

    /// Fetches a schema that [`Converter::convert`] asked for and keeps it. The engine makes one such call at a time; it
    /// may drop the future at any await.
    ///
    /// A *retriable* failure is tried again, a *fatal* one stops the connector, and *rejected* means that there is no such
    /// schema: it rejects the record. The converter should keep that answer for a while, too, and reject further records
    /// by itself. Default: fatal, for a converter that never asks.
    async fn fetch(&self, schema: &SchemaId) -> Result<(), Failure> {
        Err(Failure::fatal(format!("the converter cannot fetch the schema `{schema}`")))
    }
}

/// The settings of a converter, which are also its factory. See [`SinkSettings`](crate::SinkSettings).
///
/// One whose settings all have defaults may be named by its name alone: `value: json`.
pub trait ConverterSettings: DeserializeOwned + JsonSchema + 'static {
    /// The key under `source.key` and `source.value` that picks this converter, in `snake_case`.
    const NAME: &'static str;

    /// Checks the settings and makes the converter. Pure: no I/O.
    fn build(self) -> Result<Box<dyn Converter>, SettingsError>;
}
