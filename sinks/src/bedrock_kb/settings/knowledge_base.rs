//! The settings of the sink as a whole.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_connector_api::{ConfirmLimits, HumanDuration, Pace, SettingsError};
use sluice_wire::{AwsSettings, OnAws};

use super::document::{ContentSettings, DocumentId, DocumentIdForm, MetadataSettings};
use crate::record::on_null::OnNull;

/// Documents a status call, as the model of the API allows.
const STATUSES_PER_CALL: usize = 10;
/// The documented quota of status calls, of the account in the region.
const STATUS_CALLS_PER_SECOND: f64 = 5.0;

/// Stores records as documents in an Amazon Bedrock knowledge base.
///
/// A record becomes a document: its id says what it overwrites (`document_id`), the text or the file is its content
/// (`content`), and attributes are for filters (`metadata`). With `document_id: key` and `on_null: delete` the knowledge
/// base mirrors a compacted topic: of several records with one id the newest wins, and a tombstone deletes. The data
/// source must be of the type CUSTOM, or the custom connector of a managed knowledge base.
///
/// A call takes up to 25 documents, or what `documents_per_call` says, and 5500000 bytes.
///
/// *Stored* means accepted, which is some seconds before a search finds the document; `confirm: indexed` waits for that.
///
/// The AWS identity needs `bedrock:IngestKnowledgeBaseDocuments` and `bedrock:StartIngestionJob` on the knowledge base;
/// `bedrock:DeleteKnowledgeBaseDocuments` for `on_null: delete`; `bedrock:GetKnowledgeBaseDocuments` for
/// `confirm: indexed`; `bedrock:ListKnowledgeBases` and `bedrock:ListDataSources` where names are given in place of ids.
/// `sluice check --connect` sees more with `bedrock:GetKnowledgeBase`, `bedrock:GetDataSource` and
/// `bedrock:ListKnowledgeBaseDocuments`. Credentials come from the usual places: environment, profile, or the role of the
/// instance, task, pod or function.
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: "localhost:9092", topics: [prices] }
///   value: json
/// sink:
///   bedrock_kb:
///     knowledge_base: prices
///     data_source: stream
///     region: eu-central-1
///     document_id: key
///     on_null: delete
///     content: { template: "The price of {{ticker}} is {{price}}." }
///     metadata:
///       attributes:
///         ticker: { string: "{{ticker}}" }
///         price_usd: { number: "{{price}}" }
/// ```
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("allOf" = [one_of("knowledge_base_id", "knowledge_base"), one_of("data_source_id", "data_source")]))]
pub struct KnowledgeBaseSettings {
    /// The knowledge base: 10 letters and digits, such as `KB12345678`. Write this or `knowledge_base`.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9a-zA-Z]{10}$"), extend("patternErrorMessage" = "an id of 10 letters and digits, which is the end of an ARN"))]
    #[schemars(extend("x-also" = ["kb_id", "kbid"]))]
    pub knowledge_base_id: Option<String>,
    /// The knowledge base by its name, which is looked up when the connector starts.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub knowledge_base: Option<String>,
    /// Its data source: 10 letters and digits, such as `DS12345678`. Write this or `data_source`.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9a-zA-Z]{10}$"), extend("patternErrorMessage" = "an id of 10 letters and digits, which is the end of an ARN"))]
    #[schemars(extend("x-also" = ["ds_id", "dsid"]))]
    pub data_source_id: Option<String>,
    /// Its data source by name, which is looked up when the connector starts.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub data_source: Option<String>,
    /// What a document is named by: `origin`, `key`, or `{ template: ... }`. A record with the id of an earlier one
    /// overwrites its document. Default: `origin`, with which every record is a document of its own.
    #[serde(default)]
    pub document_id: DocumentId,
    /// How the id is written: `plain` or `uuid`. Default: `plain`.
    #[serde(default)]
    pub document_id_form: DocumentIdForm,
    /// What a document holds: `value` (as text), `{ template: ... }`, `{ bytes: ... }` or `{ s3_location: ... }`. Default:
    /// `value`.
    #[serde(default)]
    pub content: ContentSettings,
    /// Attributes of the document, for filters of a search. Default: none.
    #[serde(default)]
    pub metadata: MetadataSettings,
    /// What becomes of a tombstone, a record without a value: `reject`, `ignore`, or `delete`, which deletes the document
    /// of its id and needs a `document_id` that a tombstone yields, such as `key`. Default: `reject`, since to delete
    /// cannot be undone, and to ignore would leave in place what was to be gone.
    #[serde(default)]
    pub on_null: OnNull,
    /// What counts as stored: `accepted`, or `indexed`, where the offset waits until a search can find the document (or
    /// cannot any more), and a document that fails to be indexed, be it in part, is rejected with the service's reason.
    /// Default: `accepted`.
    #[serde(default)]
    pub confirm: ConfirmLevel,
    /// How long after a put, and then again, `confirm: indexed` asks. Default: `5s`.
    #[serde(default = "confirm_interval")]
    pub confirm_interval: HumanDuration,
    /// How long after its put a document may be on its way before it is put again. Default: `15m`.
    #[serde(default = "confirm_timeout")]
    pub confirm_timeout: HumanDuration,
    /// Documents a call, from 1 to 25. Default: 10, which the API's model allows; the service quota may be 25. A call
    /// deletes 10 at most.
    #[serde(default = "documents_per_call")]
    #[schemars(range(min = 1, max = 25))]
    pub documents_per_call: usize,
    /// Calls of this connector in flight at once, from 1 to 10. Default: 4.
    #[serde(default = "max_in_flight")]
    #[schemars(range(min = 1, max = 10))]
    pub max_in_flight: usize,
    /// Calls in flight at once, from 1 to 10, by all connectors of this process with this region and address together:
    /// the least that one of them says holds. Default: 10, the account's quota for writes and deletes of all its writers;
    /// leave some to the others.
    #[serde(default = "max_concurrent_calls")]
    #[schemars(range(min = 1, max = 10))]
    pub max_concurrent_calls: usize,
    /// Calls a second that are never exceeded, by all connectors of this process with this region and address
    /// together. The rate that the service really takes is found from there on. Default: 5, the documented quota; a
    /// managed knowledge base takes 20, and 10 deletes.
    #[serde(default = "calls_per_second")]
    #[schemars(range(min = 0.1, max = 1_000_000.0))]
    pub calls_per_second: f64,
}

/// The keys under `bedrock_kb`: those of a knowledge base, and those that every sink on AWS shares.
pub type BedrockKbSettings = OnAws<KnowledgeBaseSettings>;

/// What counts as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConfirmLevel {
    /// The service has taken the document.
    #[default]
    Accepted,
    /// The service has indexed all of the document.
    Indexed,
}

/// Says in the schema that one of two keys is needed.
fn one_of(id: &str, name: &str) -> Value {
    json!({ "anyOf": [{ "required": [id] }, { "required": [name] }] })
}

fn confirm_interval() -> HumanDuration {
    HumanDuration::secs(5)
}

fn confirm_timeout() -> HumanDuration {
    HumanDuration::secs(15 * 60)
}

fn documents_per_call() -> usize {
    10
}

fn max_in_flight() -> usize {
    4
}

fn max_concurrent_calls() -> usize {
    10
}

fn calls_per_second() -> f64 {
    5.0
}

impl KnowledgeBaseSettings {
    /// What the writes and deletes of a process are counted by.
    pub(crate) fn pace(&self, aws: &AwsSettings) -> Pace {
        Pace::new(scope(aws), self.calls_per_second).with_max_concurrent(self.max_concurrent_calls)
    }

    /// Statuses have a quota of their own.
    pub(crate) fn confirm_limits(&self, aws: &AwsSettings) -> Option<ConfirmLimits> {
        let scope = format!("{} GetKnowledgeBaseDocuments", scope(aws));
        let pace = Pace::new(scope, STATUS_CALLS_PER_SECOND);
        let (interval, timeout) = (self.confirm_interval.get(), self.confirm_timeout.get());
        self.confirms().then(|| ConfirmLimits::new(STATUSES_PER_CALL, interval, timeout).with_pace(pace))
    }

    pub(crate) fn confirms(&self) -> bool {
        self.confirm == ConfirmLevel::Indexed
    }

    /// Checks what the schema cannot say.
    pub(crate) fn validate(&self, aws: &AwsSettings) -> Result<(), SettingsError> {
        for (key, duration) in [
            ("request_timeout", aws.request_timeout),
            ("confirm_interval", self.confirm_interval),
            ("confirm_timeout", self.confirm_timeout),
        ] {
            if duration.get().is_zero() {
                let reason = "nothing can be done in no time; write a duration such as 30s";
                return Err(SettingsError::at(key, reason));
            }
        }
        Ok(())
    }
}

/// Names the region and address that a budget of calls belongs to.
fn scope(aws: &AwsSettings) -> String {
    let place = aws.endpoint_url.as_ref().or(aws.region.as_ref());
    format!("bedrock-agent {}", place.map_or("default", String::as_str))
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
    fn an_id_or_a_name_is_asked_for_and_not_both() {
        assert_eq!(wrong_key(&json!({ "knowledge_base_id": null, "knowledge_base": "prices" })), None);
        assert_eq!(wrong_key(&json!({ "data_source": "stream" })).unwrap(), "data_source");
        assert_eq!(wrong_key(&json!({ "data_source_id": null })).unwrap(), "", "the key is missing");
    }

    #[test]
    fn what_makes_documents_names_its_key() {
        let template = json!({ "document_id": { "template": "{{ticker}}" }, "on_null": "delete" });
        assert_eq!(wrong_key(&template).unwrap(), "document_id.template");
        assert_eq!(wrong_key(&json!({ "on_null": "delete" })).unwrap(), "document_id");
        assert_eq!(wrong_key(&json!({ "on_null": "delete", "document_id": "key" })), None);
        assert_eq!(wrong_key(&json!({ "content": { "template": "{{" } })).unwrap(), "content.template");
        let reserved = json!({ "metadata": { "attributes": { "_a": { "string": "a" } } } });
        assert_eq!(wrong_key(&reserved).unwrap(), "metadata.attributes._a");
        assert_eq!(wrong_key(&json!({ "metadata": { "origin": ["topik"] } })).unwrap(), "metadata.origin[0]");
    }

    #[test]
    fn wrong_settings_name_their_key() {
        assert_eq!(wrong_key(&json!({ "request_timeout": "0s" })).unwrap(), "request_timeout");
        assert_eq!(wrong_key(&json!({ "confirm_interval": "0s" })).unwrap(), "confirm_interval");
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
