use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{HumanDuration, Pace, SettingsError, Sink, SinkSettings};

use super::sink::BedrockKb;
use crate::aws::Aws;

/// Stores records as text documents in an Amazon Bedrock knowledge base.
///
/// The value must be text: a `template` transform makes text of JSON. A document's id is `topic-partition-offset`
/// of the record as it was read (and `.part` where a transform made several records of one), so that a record put
/// again overwrites its document. The data source must be of the type CUSTOM.
///
/// The AWS identity needs `bedrock:IngestKnowledgeBaseDocuments` and `bedrock:StartIngestionJob` on the knowledge
/// base, and `bedrock:ListKnowledgeBaseDocuments` for the check at the start. Credentials come from the usual
/// places: environment, profile, or the role of the instance, task, pod or function.
///
/// ```yaml
/// transforms:
///   - template:
///       text: "The price of {{ticker}} is {{price}}."
/// sink:
///   bedrock_kb:
///     knowledge_base_id: KB12345678
///     data_source_id: DS12345678
///     region: eu-central-1
/// ```
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BedrockKbSettings {
    /// The knowledge base: 10 letters and digits, such as `KB12345678`.
    #[schemars(regex(pattern = "^[0-9a-zA-Z]{10}$"))]
    pub knowledge_base_id: String,
    /// Its data source, which must be of the type CUSTOM: 10 letters and digits, such as `DS12345678`.
    #[schemars(regex(pattern = "^[0-9a-zA-Z]{10}$"))]
    pub data_source_id: String,
    /// The AWS region of the knowledge base, such as `eu-central-1`. Default: `AWS_REGION`, else that of the AWS
    /// profile or of the instance.
    #[serde(default)]
    #[schemars(regex(pattern = "^[a-z0-9-]+$"))]
    pub region: Option<String>,
    /// Another address of the service, such as `https://vpce-0123-abcd.bedrock-agent.eu-central-1.vpce.amazonaws.com`.
    /// One on this machine, such as `http://localhost:9000`, counts as an emulator and needs no AWS credentials.
    /// Default: the region's.
    #[serde(default)]
    #[schemars(regex(pattern = "^https?://."))]
    pub endpoint_url: Option<String>,
    /// How long a call may take before it counts as failed and is tried again, such as `30s`. Default: `30s`.
    #[serde(default = "request_timeout")]
    pub request_timeout: HumanDuration,
    /// Documents a call, from 1 to 25. Default: 10, which the API's model allows; the service quota may be 25.
    #[serde(default = "documents_per_call")]
    #[schemars(range(min = 1, max = 25))]
    pub documents_per_call: usize,
    /// Calls in flight at once, from 1 to 10, which is the account's quota for all its writers together. Default: 4.
    #[serde(default = "max_in_flight")]
    #[schemars(range(min = 1, max = 10))]
    pub max_in_flight: usize,
    /// Calls a second that are never exceeded, by all connectors of this process with this region and address
    /// together. The rate that the service really takes is found from there on. Default: 5, the documented quota.
    #[serde(default = "calls_per_second")]
    #[schemars(range(min = 0.1, max = 1000.0))]
    pub calls_per_second: f64,
}

fn request_timeout() -> HumanDuration {
    HumanDuration::secs(30)
}

fn documents_per_call() -> usize {
    10
}

fn max_in_flight() -> usize {
    4
}

fn calls_per_second() -> f64 {
    5.0
}

impl BedrockKbSettings {
    pub(super) fn aws(&self) -> Aws {
        Aws {
            region: self.region.clone(),
            endpoint_url: self.endpoint_url.clone(),
            timeout: self.request_timeout.get(),
        }
    }

    /// What the calls of a process are counted by.
    pub(super) fn pace(&self) -> Pace {
        let place = self.endpoint_url.as_ref().or(self.region.as_ref());
        let scope = format!("bedrock-agent {}", place.map_or("default", String::as_str));
        Pace { scope, calls_per_second: self.calls_per_second, max_concurrent: None }
    }

    /// Checks what the schema cannot say.
    fn validate(&self) -> Result<(), SettingsError> {
        if self.request_timeout.get().is_zero() {
            let reason = "no call can be done in no time; write a duration such as 30s";
            return Err(SettingsError::at("request_timeout", reason));
        }
        Ok(())
    }
}

impl SinkSettings for BedrockKbSettings {
    const NAME: &'static str = "bedrock_kb";

    fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
        self.validate()?;
        Ok(Box::new(BedrockKb::new(self)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use serde_json::{Value, json};
    use sluice_connector_api::Registry;

    use super::*;

    fn wrong_key(changes: &Value) -> Option<String> {
        let mut settings = json!({ "knowledge_base_id": "KB12345678", "data_source_id": "DS12345678" });
        settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let registry = Registry::new().with_sink::<BedrockKbSettings>();
        registry.sink("bedrock_kb").unwrap().build(settings).err().map(|error| error.path().to_owned())
    }

    #[test]
    fn the_two_ids_are_enough() {
        assert_eq!(wrong_key(&json!({})), None);
    }

    #[test]
    fn wrong_settings_name_their_key() {
        assert_eq!(wrong_key(&json!({ "request_timeout": "0s" })).unwrap(), "request_timeout");
        assert_eq!(wrong_key(&json!({ "documents_per_call": "many" })).unwrap(), "documents_per_call");
        assert!(wrong_key(&json!({ "kb": 1 })).is_some());
    }

    #[test]
    fn the_schema_carries_patterns_ranges_and_defaults() {
        let schema = schemars::schema_for!(BedrockKbSettings);
        let properties = schema.get("properties").unwrap();
        assert_eq!(properties["knowledge_base_id"]["pattern"], "^[0-9a-zA-Z]{10}$");
        assert_eq!(properties["documents_per_call"]["maximum"], 25);
        assert_eq!(properties["documents_per_call"]["default"], 10);
        assert_eq!(properties["request_timeout"]["default"], "30s");
    }
}
