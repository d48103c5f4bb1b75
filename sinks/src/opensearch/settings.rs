//! What an operator writes under `opensearch`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_connector_api::{ByteSize, HumanDuration, SettingsError, one_of_its_keys};
use sluice_wire::{Compression, HttpAuthSettings, HttpTlsSettings};

use crate::record::on_null::OnNull;

/// Writes records as documents of an OpenSearch or Elasticsearch cluster, by its bulk API.
///
/// The value is a JSON object, which is the document. A batch is one request, of up to 2000 records and 5MiB
/// (`max_request_size`), and the cluster answers for each document: a mapping that a document does not fit rejects that record and no other; 429, 5xx and a blocked index are tried again; missing
/// rights, and an index, a pipeline or an alias that is not there, stop the connector. Where the index is named by data of
/// the record, one that is not there rejects the record.
///
/// A record that is put again overwrites its document. With `document_id: key`, documents have the record's offset for
/// their external version, so that one that is put again, or late, changes nothing. Offsets compare only within a partition: two
/// topics whose keys meet in one index, or a topic whose number of partitions was changed or that was made anew, need
/// `version: timestamp` or `none`; two topics that a task sees in one index stop the connector. A cluster remembers the version of a
/// deleted document for a minute (`index.gc_deletes`).
///
/// `index`, `document_id.template` and `routing` may have tags: `{{field}}` of a JSON value, and `{{@record.NAME}}`, as in
/// the `template` transform. A topic by date for Kafka Connect is an index by date here, `index_date`.
///
/// Amazon OpenSearch Service takes `auth: { sigv4: { service: es } }`, OpenSearch Serverless `service: aoss`. An API key is
/// `auth: { header: { name: authorization, value: "ApiKey ${env:API_KEY}" } }`.
///
/// ```yaml
/// sink:
///   opensearch:
///     urls: ["https://search.example.com:9200"]
///     index: prices
///     document_id: key
///     on_null: delete
///     auth:
///       basic: { username: sluice, password: "${env:OPENSEARCH_PASSWORD}" }
/// ```
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(extend("x-also" = ["elasticsearch", "elastic"]))]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-instead" = {
    "alias, aliases": "an alias that the cluster has is written to by its name, under `index`; one over several indices is set by an index template of the cluster, under `aliases`",
    "mappings, mapping, settings, index_template, template, template_name, number_of_shards, shards, replicas, ilm_enabled": "mappings and settings of indices are those of the cluster's index templates",
    "refresh_interval, refresh": "documents are seen at the next refresh, which is a setting of the index",
    "type, doc_type, document_type, type_name, suppress_type_name, schema_ignore": "indices have no types any more; leave it out",
    "bulk_size": "a request holds as many records as `batch.max_records` says, and as many bytes as `max_request_size`",
    "bulk_actions": "a request holds as many records as `batch.max_records` says",
    "api_key": "write `auth: { header: { name: authorization, value: \"ApiKey ${env:API_KEY}\" } }`",
    "cloud_id": "write the address of the cluster under `urls`",
    "sniff": "the addresses under `urls` are asked, one after the other",
    "retry_on_conflict": "a conflict is tried again by itself; leave it out",
    "time_key, timestamp_key": "`write: data_stream` gives a document without `@timestamp` that of its record; the transform `insert_field` writes it under another name",
}))]
pub struct OpensearchSettings {
    /// Addresses of the cluster, such as `https://search.example.com:9200`, with a path where a proxy has one. When a host
    /// does not answer, the next one is asked.
    #[schemars(length(min = 1))]
    #[schemars(extend("x-also" = ["url", "host", "hosts", "nodes", "connection_url", "endpoint"]))]
    pub urls: Vec<String>,
    /// The index, alias or data stream, a text with tags such as `prices-{{region}}`. Capital letters become small ones, and
    /// a record whose name for it is none (`/`, `*`, a blank) is rejected. An index whose name begins with a dot
    /// is written only where the setting begins with it. Default: `{{@record.topic}}`, the topic, or where a router sent it.
    #[serde(default = "index")]
    #[schemars(length(min = 1))]
    #[schemars(extend("x-also" = ["index_name", "logstash_prefix"]))]
    pub index: String,
    /// A date that is appended to the index behind a dash, such as `%Y.%m.%d`: that of the record's timestamp, in UTC. Default:
    /// none.
    #[serde(default)]
    #[schemars(extend("x-also" = ["logstash_format", "logstash_dateformat", "date_format"]))]
    pub index_date: Option<String>,
    /// What a document is called: `origin`, `key`, a `template`, or `generated` by the cluster. Default: `origin`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["id", "_id", "id_key", "key_ignore"]))]
    pub document_id: SearchDocumentId,
    /// The version that documents get, for `write: index` and deletes: `offset`, `timestamp` or `none`. Default: `offset`
    /// for `document_id: key`, else `none`.
    #[serde(default)]
    pub version: Option<DocumentVersion>,
    /// What a record does to its document: `index`, `create`, `data_stream`, `update`, `upsert`, or a `script`. Default:
    /// `index`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["action", "op", "op_type", "operation", "write_method", "mode", "bulk", "data_stream", "data_stream_type"]))]
    pub write: WriteOperation,
    /// What becomes of a tombstone, a record without a value: `reject`, `ignore`, or `delete` its document; one that is gone
    /// already is deleted. Default: `reject`.
    #[serde(default)]
    pub on_null: OnNull,
    /// The routing of a document, a text with tags. Default: its id.
    #[serde(default)]
    pub routing: Option<String>,
    /// The ingest pipeline that documents go through, such as `clean`. Default: that of the index.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub pipeline: Option<String>,
    /// How requests authenticate. Default: `none`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["basic_auth", "authentication", "authorization", "credentials", "aws", "user", "http_user", "http_passwd", "connection_username", "connection_password"]))]
    pub auth: HttpAuthSettings,
    /// Certificates for `https`. Default: the system's authorities, and no certificate of ours.
    #[serde(default)]
    #[schemars(extend("x-also" = ["ssl", "https"]))]
    pub tls: HttpTlsSettings,
    /// Compression of requests: `none` or `gzip`. Default: `none`.
    #[serde(default)]
    pub compression: Compression,
    /// How large a request may be before compression, from `1KiB` to `100MiB`; a document that does not fit into one is rejected.
    /// Clusters take 100 MiB, the smaller instances of Amazon OpenSearch Service 10 MiB. Default: `5MiB`.
    #[serde(default = "max_request_size")]
    pub max_request_size: ByteSize,
    /// How long a connection may take to open, such as `5s`. Default: `5s`.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: HumanDuration,
    /// How long a request may take, its answer included, before it counts as failed and is tried again. Default: `60s`.
    #[serde(default = "request_timeout")]
    pub request_timeout: HumanDuration,
    /// Puts in flight at once, from 1 to 64. Order holds for the records of a document. Default: 4.
    #[serde(default = "max_in_flight")]
    #[schemars(range(min = 1, max = 64))]
    pub max_in_flight: usize,
    /// Whether `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` of the environment count. Default: `false`.
    #[serde(default)]
    pub proxy_from_environment: bool,
}

/// What a document is called. Records with the same id in an index are of one document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = one_of_its_keys)]
pub enum SearchDocumentId {
    /// Where the record was read: `topic-partition-offset`, and `.part` where a transform made several records of one.
    #[default]
    Origin,
    /// The record's key: text as it is, JSON other than a text in its compact form.
    Key,
    /// A text with tags, such as `{{ticker}}` or `{{@record.key.id}}`. One of more than 512 bytes becomes `sha256-` and the 64
    /// hexadecimal digits of its SHA-256, as every id does.
    Template(String),
    /// The cluster makes one, as the collections of OpenSearch Serverless for time series and vectors ask for. A record that is
    /// put again is a second document.
    Generated,
}

/// The version that a document gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentVersion {
    /// The record's offset. Needs that the records of a document are of one partition.
    Offset,
    /// The record's timestamp, in milliseconds since 1970. A record as old as the document changes nothing, either.
    Timestamp,
    /// The cluster's own: the last write wins.
    None,
}

/// What a record does to its document.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = one_of_its_keys)]
pub enum WriteOperation {
    /// Writes it, over the one that is there.
    #[default]
    Index,
    /// Writes it where there is none. One that is there stays, and the record counts as stored.
    Create,
    /// Adds it to a data stream, where `index` names one. A document without `@timestamp` gets the record's.
    DataStream,
    /// Changes the fields that the value has, in a document that is there; where there is none, the record is rejected.
    Update,
    /// Changes the fields that the value has, or writes the value where there is no document.
    Upsert,
    /// Runs a script on the document.
    Script(DocumentScript),
}

/// A script that is run on a document: `ctx._source` is the document, `params.record` the record, with `key`, `value`, `topic`,
/// `partition`, `offset` and `timestamp`. It may run again for a record: let it look at `params.record.offset`
/// where that matters.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentScript {
    /// The text of the script.
    #[serde(default)]
    pub source: Option<String>,
    /// The name of a script that the cluster has, instead of `source`.
    #[serde(default)]
    pub id: Option<String>,
    /// The language of `source`. Default: `painless`.
    #[serde(default)]
    pub lang: Option<String>,
    /// More parameters, beside `record`. Default: none.
    #[serde(default)]
    pub params: BTreeMap<String, Value>,
    /// Whether the script is run where there is no document, on an empty one; otherwise such a record is rejected. Default:
    /// `false`.
    #[serde(default)]
    pub upsert: bool,
}

fn index() -> String {
    "{{@record.topic}}".to_owned()
}

fn max_request_size() -> ByteSize {
    ByteSize::mib(5)
}

fn connect_timeout() -> HumanDuration {
    HumanDuration::secs(5)
}

fn request_timeout() -> HumanDuration {
    HumanDuration::secs(60)
}

fn max_in_flight() -> usize {
    4
}

impl OpensearchSettings {
    /// Returns the version that documents get.
    pub(super) fn version(&self) -> DocumentVersion {
        match (self.version, &self.document_id, &self.write) {
            (Some(version), _, _) => version,
            (None, SearchDocumentId::Key, WriteOperation::Index) => DocumentVersion::Offset,
            (None, _, _) => DocumentVersion::None,
        }
    }

    /// Checks what neither the schema nor the parts that the sink is made of can say.
    pub(super) fn validate(&self) -> Result<(), SettingsError> {
        for (key, timeout) in
            [("connect_timeout", self.connect_timeout), ("request_timeout", self.request_timeout)]
        {
            if timeout.get().is_zero() {
                let reason = "nothing can be done in no time; write a duration such as 5s";
                return Err(SettingsError::at(key, reason));
            }
        }
        if !(1..=64).contains(&self.max_in_flight) {
            return Err(SettingsError::at("max_in_flight", "write a number from 1 to 64"));
        }
        if !(1024..=ByteSize::mib(100).bytes()).contains(&self.max_request_size.bytes()) {
            return Err(SettingsError::at("max_request_size", "write a size from 1KiB to 100MiB"));
        }
        self.tls.validate()?;
        self.validate_write()?;
        self.validate_deletes()
    }

    fn validate_write(&self) -> Result<(), SettingsError> {
        let is_index = self.write == WriteOperation::Index;
        if !is_index && self.version.is_some_and(|version| version != DocumentVersion::None) {
            return Err(SettingsError::at(
                "version",
                "only `write: index` gives documents a version; remove it",
            ));
        }
        if self.document_id == SearchDocumentId::Generated {
            if self.version() != DocumentVersion::None {
                return Err(SettingsError::at(
                    "version",
                    "a document whose id the cluster makes has none; remove it",
                ));
            }
            if self.is_update() {
                let reason = "an update needs to know its document; write `document_id: key`, or a template";
                return Err(SettingsError::at("document_id", reason));
            }
        }
        if self.is_update() && self.pipeline.is_some() {
            let reason = "an update goes through no pipeline of ours; remove it, or set one for the index";
            return Err(SettingsError::at("pipeline", reason));
        }
        match &self.write {
            WriteOperation::Script(script) => script.validate(),
            _ => Ok(()),
        }
    }

    fn validate_deletes(&self) -> Result<(), SettingsError> {
        if self.on_null != OnNull::Delete {
            return Ok(());
        }
        if self.write == WriteOperation::DataStream {
            let reason = "nothing can be deleted in a data stream; write `ignore` or `reject`";
            return Err(SettingsError::at("on_null", reason));
        }
        if self.index_date.is_some() {
            let reason = "a tombstone has a date of its own, and so finds no document of another day; remove it, or write \
                          `on_null: ignore`";
            return Err(SettingsError::at("index_date", reason));
        }
        Ok(())
    }

    /// Says whether records change documents rather than write them.
    pub(super) fn is_update(&self) -> bool {
        matches!(self.write, WriteOperation::Update | WriteOperation::Upsert | WriteOperation::Script(_))
    }
}

impl DocumentScript {
    fn validate(&self) -> Result<(), SettingsError> {
        let wrong = |key: &str, reason: &str| Err(SettingsError::at(format!("write.script{key}"), reason));
        match (&self.source, &self.id) {
            (None, None) => {
                return wrong("", "write the `source` of a script, or the `id` of one that the cluster has");
            }
            (Some(_), Some(_)) => return wrong(".id", "a script has a `source` or an `id`; remove one"),
            (None, Some(_)) if self.lang.is_some() => {
                return wrong(".lang", "the cluster knows the language of its own script; remove it");
            }
            _ => {}
        }
        if self.params.contains_key("record") {
            return wrong(".params.record", "`record` is the record itself; give the parameter another name");
        }
        Ok(())
    }
}
