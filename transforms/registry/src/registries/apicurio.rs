//! Apicurio's own API, versions 2 and 3: <https://www.apicur.io/registry/docs/>.

use std::collections::{HashSet, VecDeque};

use serde::Deserialize;
use serde_json::Value;
use sluice_connector_api::{Failure, SettingsError};

use super::hosts::{Answered, Hosts, NOT_A_REGISTRY, RegistryAccess};
use super::settings::ApicurioSettings;
use super::text::{MAX_REFERENCES, SchemaReference, SchemaText};
use crate::framing::SchemaKey;

/// Apicurio's registry.
pub(crate) struct Apicurio {
    hosts: Hosts,
    /// Whether the API is that of version 2, which has the content of a version at another path.
    is_v2: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactReference {
    #[serde(default)]
    group_id: Option<String>,
    artifact_id: String,
    version: String,
    name: String,
}

impl Apicurio {
    pub(super) fn new(settings: &ApicurioSettings) -> Result<Self, SettingsError> {
        let hosts = Hosts::new(RegistryAccess {
            urls: &settings.urls,
            auth: &settings.auth,
            tls: &settings.tls,
            headers: Vec::new(),
            request_timeout: settings.request_timeout.get(),
        })?;
        let is_v2 = settings.urls.iter().any(|url| url.trim_end_matches('/').ends_with("/v2"));
        Ok(Self { hosts, is_v2 })
    }

    pub(super) async fn fetch(&self, key: SchemaKey) -> Result<SchemaText, Failure> {
        let (kind, id) = match key {
            SchemaKey::GlobalId(id) => ("globalIds", id.to_string()),
            SchemaKey::ContentId(id) => ("contentIds", id.to_string()),
            other => return Err(Failure::rejected(format!("Apicurio's registry has no {other}"))),
        };
        let path = ["ids", kind, &id];
        let text = self.text(&path).await?;
        let direct = self.direct(&path).await?;
        Ok(SchemaText { kind: None, text, references: self.references(direct).await? })
    }

    async fn references(&self, direct: Vec<ArtifactReference>) -> Result<Vec<SchemaReference>, Failure> {
        let mut waiting = VecDeque::from(direct);
        let (mut seen, mut found) = (HashSet::new(), Vec::new());
        while let Some(ArtifactReference { group_id, artifact_id, version, name }) = waiting.pop_front() {
            let group = group_id.unwrap_or_else(|| "default".to_owned());
            if !seen.insert((name.clone(), group.clone(), artifact_id.clone(), version.clone())) {
                continue;
            }
            if seen.len() > MAX_REFERENCES {
                return Err(Failure::rejected(format!(
                    "the schema refers to more than {MAX_REFERENCES} others"
                )));
            }
            let place = ["groups", &group, "artifacts", &artifact_id, "versions", &version];
            let content = [place.as_slice(), &["content"]].concat();
            let text = self.text(if self.is_v2 { &place } else { &content }).await?;
            waiting.extend(self.direct(&place).await?);
            found.push(SchemaReference { name, text });
        }
        Ok(found)
    }

    async fn text(&self, path: &[&str]) -> Result<String, Failure> {
        match self.hosts.get(path).await? {
            Answered::Found(answer) => String::from_utf8(answer.body).map_err(|_| {
                Failure::rejected(format!("the schema at {} is not valid UTF-8", path.join("/")))
            }),
            Answered::Missing(body) => Err(missing(path, &body)),
        }
    }

    /// Returns what a schema refers to directly.
    async fn direct(&self, path: &[&str]) -> Result<Vec<ArtifactReference>, Failure> {
        match self.hosts.get(&[path, &["references"]].concat()).await? {
            Answered::Found(answer) => serde_json::from_slice(&answer.body).map_err(|error| {
                Failure::fatal(format!("the registry answered 200{NOT_A_REGISTRY}")).caused_by(error)
            }),
            Answered::Missing(body) => Err(missing(path, &body)),
        }
    }
}

/// Tells a schema that is not there from a path that is not: only the first names what was not found.
fn missing(path: &[&str], body: &Value) -> Failure {
    let path = path.join("/");
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
    if name.ends_with("NotFoundException") && name != "NotFoundException" {
        return Failure::rejected(format!("the registry has no {path} (404, {name})"));
    }
    Failure::fatal(format!("the registry answered 404 to {path}{NOT_A_REGISTRY}"))
}
