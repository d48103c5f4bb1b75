//! A registry with Confluent's API, as whoever writes records asks it: to know a schema.

use serde::Deserialize;
use serde_json::{Value, json};
use sluice_connector_api::{Failure, SettingsError};
use sluice_wire::{HttpAuthSettings, HttpTlsSettings};

use super::hosts::{Answered, Hosts, NOT_A_REGISTRY, RegistryAccess};

/// How long a request may take.
const REQUEST_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// A registry that gets to know schemas.
pub(crate) struct SchemaRegistrar {
    hosts: Hosts,
}

/// A schema that a registry is to know.
#[derive(Clone, Debug)]
pub(crate) struct NewSchema {
    kind: &'static str,
    text: String,
    references: Vec<Value>,
}

/// What the registry knows a schema by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownSchema {
    pub(crate) id: u32,
    /// Its version under the subject.
    pub(crate) version: i64,
}

#[derive(Deserialize)]
struct Registered {
    id: u32,
    #[serde(default)]
    version: Option<i64>,
}

impl NewSchema {
    pub(crate) fn new(kind: &'static str) -> Self {
        Self { kind, text: String::new(), references: Vec::new() }
    }

    /// Returns a schema with this text, and the same references.
    pub(crate) fn with_text(&self, text: &str) -> Self {
        Self { text: text.to_owned(), ..self.clone() }
    }

    /// Refers to a version under a subject that is called as the reference is.
    pub(crate) fn refer_to(&mut self, name: &str, version: i64) {
        self.references.push(json!({ "name": name, "subject": name, "version": version }));
    }

    fn to_json(&self) -> Value {
        json!({ "schema": self.text, "schemaType": self.kind, "references": self.references })
    }
}

impl SchemaRegistrar {
    /// Names a registry by its addresses.
    pub(crate) fn new(urls: &[String]) -> Result<Self, SettingsError> {
        let hosts = Hosts::new(RegistryAccess {
            urls,
            auth: &HttpAuthSettings::default(),
            tls: &HttpTlsSettings::default(),
            headers: Vec::new(),
            request_timeout: REQUEST_TIMEOUT,
        })?;
        Ok(Self { hosts })
    }

    /// Looks a schema up under a subject, and registers it where it is not there.
    pub(crate) async fn register(&self, subject: &str, schema: &NewSchema) -> Result<KnownSchema, Failure> {
        let schema = schema.to_json();
        if let Some(known) = self.look_up(subject, &schema).await? {
            return Ok(known);
        }
        match self.hosts.post(&["subjects", subject, "versions"], &schema).await? {
            Answered::Found(answer) => read(&answer.body)?,
            Answered::Missing(_) => return Err(not_a_registry()),
        };
        self.look_up(subject, &schema).await?.ok_or_else(not_a_registry)
    }

    async fn look_up(&self, subject: &str, schema: &Value) -> Result<Option<KnownSchema>, Failure> {
        match self.hosts.post(&["subjects", subject], schema).await? {
            Answered::Found(answer) => {
                let Registered { id, version } = read(&answer.body)?;
                Ok(Some(KnownSchema { id, version: version.unwrap_or(1) }))
            }
            Answered::Missing(body) => match body.get("error_code").and_then(Value::as_i64) {
                Some(40_400..=40_499) => Ok(None),
                _ => Err(not_a_registry()),
            },
        }
    }
}

fn read(body: &[u8]) -> Result<Registered, Failure> {
    serde_json::from_slice(body).map_err(|error| not_a_registry().caused_by(error))
}

fn not_a_registry() -> Failure {
    Failure::fatal(format!("the registry answered otherwise{NOT_A_REGISTRY}"))
}
