//! Reads records as the engine does, and stands in for registries.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use sluice_connector_api::{
    Converter, ConverterContext, Headers, NotConverted, Registry, SchemaMetadata, Side,
};
use sluice_wire_testing::{HttpReply, HttpServer, SeenRequest, reply};

/// Builds a converter of the crate.
pub(crate) fn try_build(name: &str, settings: Value) -> Result<Box<dyn Converter>, String> {
    let registry = sluice_registry::register(Registry::new());
    let plugin = registry.converter(name).map_err(|error| error.to_string())?;
    plugin.build(settings).map_err(|error| error.to_string())
}

pub(crate) fn build(name: &str, settings: Value) -> Box<dyn Converter> {
    try_build(name, settings).unwrap()
}

/// A record that is read as a value, unless it says otherwise.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) side: Side,
    pub(crate) bytes: Bytes,
    pub(crate) headers: Headers,
    /// What an event source mapping says of its schema.
    pub(crate) mapping: Option<SchemaMetadata>,
}

impl Sent {
    pub(crate) fn new(bytes: impl AsRef<[u8]>) -> Self {
        let bytes = Bytes::copy_from_slice(bytes.as_ref());
        Self { side: Side::Value, bytes, headers: Headers::new(), mapping: None }
    }

    /// A record by Confluent's serializer.
    pub(crate) fn with_id(id: u32, payload: &[u8]) -> Self {
        Self::new([&[0], id.to_be_bytes().as_slice(), payload].concat())
    }

    pub(crate) fn mapped(mut self, id: &str) -> Self {
        self.mapping = Some(SchemaMetadata::new(Some("AVRO".to_owned()), Some(id.to_owned())));
        self
    }

    pub(crate) fn with_header(mut self, name: &str, value: &[u8]) -> Self {
        self.headers.push(name, Some(Bytes::copy_from_slice(value)));
        self
    }
}

/// Reads a record without fetching anything.
pub(crate) fn convert(converter: &dyn Converter, sent: &Sent) -> Result<Option<String>, NotConverted> {
    let context =
        ConverterContext::new(sent.side, "orders", &sent.headers).with_schema(sent.mapping.as_ref());
    let payload = converter.convert(sent.bytes.clone(), &context)?;
    Ok(payload.map(|payload| String::from_utf8(payload.to_bytes().to_vec()).unwrap()))
}

/// Reads a record as the engine does, but that it fetches once and waits for nothing. An error begins with what the engine
/// would do.
pub(crate) async fn read(converter: &dyn Converter, sent: &Sent) -> Result<Option<String>, String> {
    for _ in 0..2 {
        match convert(converter, sent) {
            Ok(read) => return Ok(read),
            Err(NotConverted::Rejected(rejection)) => return Err(format!("rejected: {rejection}")),
            Err(NotConverted::NeedsSchema { schema, bytes }) => {
                assert_eq!(bytes, sent.bytes, "the bytes come back as they were");
                let fetched = converter.fetch(&schema).await;
                fetched.map_err(|failure| format!("{:?}: {failure}", failure.kind()).to_lowercase())?;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    Err("it asks again and again".to_owned())
}

pub(crate) async fn text(converter: &dyn Converter, sent: &Sent) -> String {
    read(converter, sent).await.unwrap().unwrap()
}

/// What Confluent's registry says of an id that it has not.
pub(crate) fn unknown() -> HttpReply {
    reply(404, "", &json!({ "error_code": 40403, "message": "Schema not found" }).to_string())
}

/// Starts a registry that answers these paths with these documents, and is sorry for all others.
pub(crate) async fn serve(documents: BTreeMap<String, String>) -> HttpServer {
    HttpServer::start_answering(move |request: &SeenRequest| match documents.get(&request.path) {
        Some(document) => reply(200, "", document),
        None => unknown(),
    })
    .await
}

/// Starts a registry with Confluent's API that has these schemas, each as the registry would answer it.
pub(crate) async fn confluent(schemas: &[(u32, Value)]) -> HttpServer {
    let path = |id: &u32| format!("/schemas/ids/{id}");
    serve(schemas.iter().map(|(id, body)| (path(id), body.to_string())).collect()).await
}

pub(crate) fn avro_schema(schema: &Value) -> Value {
    json!({ "schema": schema.to_string() })
}

/// Settings with a registry of Confluent's kind, and what else there is.
pub(crate) fn with_confluent(server: &HttpServer, others: Value) -> Value {
    let mut settings = json!({ "registry": { "confluent": { "urls": [server.url] } } });
    settings.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    settings
}
