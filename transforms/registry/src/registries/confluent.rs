//! Confluent's API: <https://docs.confluent.io/platform/current/schema-registry/develop/api.html>.

use std::collections::{HashSet, VecDeque};

use serde::Deserialize;
use serde_json::Value;
use sluice_connector_api::{Failure, SettingsError};
use sluice_wire::HttpAnswer;

use super::hosts::{Answered, Hosts, NOT_A_REGISTRY, RegistryAccess};
use super::settings::ConfluentSettings;
use super::text::{MAX_REFERENCES, SchemaReference, SchemaText};
use crate::framing::SchemaKey;

/// A registry that has Confluent's API.
pub(crate) struct Confluent {
    hosts: Hosts,
}

/// What it answers: a schema by its id, or by its subject and version.
#[derive(Deserialize)]
struct Registered {
    schema: String,
    /// Absent for Avro.
    #[serde(rename = "schemaType")]
    kind: Option<String>,
    #[serde(default)]
    references: Option<Vec<Reference>>,
}

#[derive(Deserialize)]
struct Reference {
    name: String,
    subject: String,
    version: i64,
}

impl Confluent {
    pub(super) fn new(settings: &ConfluentSettings) -> Result<Self, SettingsError> {
        let cloud = [
            ("target-sr-cluster", settings.logical_cluster.clone()),
            ("confluent-identity-pool-id", settings.identity_pool.clone()),
        ];
        let headers = cloud.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let hosts = Hosts::new(RegistryAccess {
            urls: &settings.urls,
            auth: &settings.auth,
            tls: &settings.tls,
            headers,
            request_timeout: settings.request_timeout.get(),
        })?;
        Ok(Self { hosts })
    }

    pub(super) async fn fetch(&self, key: SchemaKey) -> Result<SchemaText, Failure> {
        let registered = match key {
            SchemaKey::Id(id) => self.get(&["schemas", "ids", &id.to_string()]).await?,
            SchemaKey::Guid(guid) => self.get(&["schemas", "guids", &guid.to_string()]).await?,
            other => return Err(Failure::rejected(format!("Confluent's registry has no {other}"))),
        };
        let kind = registered.kind.unwrap_or_else(|| "AVRO".to_owned());
        let references = self.references(registered.references.unwrap_or_default()).await?;
        Ok(SchemaText { kind: Some(kind), text: registered.schema, references })
    }

    /// Fetches what is referred to, and what that refers to.
    async fn references(&self, direct: Vec<Reference>) -> Result<Vec<SchemaReference>, Failure> {
        let mut waiting = VecDeque::from(direct);
        let (mut seen, mut found) = (HashSet::new(), Vec::new());
        while let Some(Reference { name, subject, version }) = waiting.pop_front() {
            if !seen.insert((name.clone(), subject.clone(), version)) {
                continue;
            }
            if seen.len() > MAX_REFERENCES {
                return Err(Failure::rejected(format!(
                    "the schema refers to more than {MAX_REFERENCES} others"
                )));
            }
            let registered = self.get(&["subjects", &subject, "versions", &version.to_string()]).await?;
            waiting.extend(registered.references.unwrap_or_default());
            found.push(SchemaReference { name, text: registered.schema });
        }
        Ok(found)
    }

    async fn get(&self, path: &[&str]) -> Result<Registered, Failure> {
        match self.hosts.get(path).await? {
            Answered::Found(answer) => read(&answer),
            Answered::Missing(body) => Err(missing(path, &body)),
        }
    }
}

fn read(answer: &HttpAnswer) -> Result<Registered, Failure> {
    serde_json::from_slice(&answer.body).map_err(|error| {
        Failure::fatal(format!("the registry answered 200{NOT_A_REGISTRY}")).caused_by(error)
    })
}

/// Tells a schema that is not there from a path that is not: the first has a code of its own (40401 to 40403).
fn missing(path: &[&str], body: &Value) -> Failure {
    let path = path.join("/");
    match body.get("error_code").and_then(Value::as_i64) {
        Some(code @ 40_400..=40_499) => {
            Failure::rejected(format!("the registry has no {path} (404, error code {code})"))
        }
        _ => Failure::fatal(format!("the registry answered 404 to {path}{NOT_A_REGISTRY}")),
    }
}
