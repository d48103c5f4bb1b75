//! The settings of what a document is: its id, its content, its metadata.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::one_of_its_keys;

/// What a document is named by. Records with the same id overwrite each other's document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = one_of_its_keys)]
pub enum DocumentId {
    /// Where the record was read: `topic-partition-offset`, and `.part` where a transform made several records of one.
    #[default]
    Origin,
    /// The record's key: text as it is, JSON other than a text in its compact form.
    Key,
    /// A text with tags, such as `{{ticker}}` or `price/{{@record.key}}`. Blocks and helpers are those of the `template`
    /// transform.
    Template(String),
}

/// How an id is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentIdForm {
    /// As it is. One of more than 2048 characters becomes `sha256-` and the 64 hexadecimal digits of its SHA-256.
    #[default]
    Plain,
    /// As the UUID of version 5 (RFC 9562) of the id, in the namespace `5c1ce000-6b62-4b42-8d0c-6b6e6f776c65`.
    Uuid,
}

/// What a document holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = one_of_its_keys)]
pub enum ContentSettings {
    /// The value, which is text: a `template` transform makes text of JSON.
    #[default]
    Value,
    /// A text with tags, such as `The price of {{ticker}} is {{price}}.`, which leaves the value as it is: its fields can
    /// be metadata then. Blocks and helpers are those of the `template` transform: `{{#if price}}...{{/if}}`.
    Template(String),
    /// The value as the bytes of a file.
    Bytes(BytesContent),
    /// A file in S3, which the knowledge base's role reads.
    S3Location(S3Content),
}

/// The value as the bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BytesContent {
    /// The type of the file, such as `application/pdf`, or a text with tags, such as `{{@record.headers.content-type}}`.
    /// The service takes `text/plain`, `text/html`, `text/csv`, `text/vtt`, `message/rfc822`, `application/xhtml+xml`,
    /// `application/pdf`, and the types of Word and Excel.
    pub mime_type: String,
}

/// A file in S3.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct S3Content {
    /// Where the file is, a text with tags such as `s3://filings/{{path}}` or `{{uri}}`.
    pub uri: String,
    /// The buckets that a file may be in: a record that names another is rejected. Needed where `uri` does not name the
    /// bucket before its first tag. Default: that bucket.
    #[serde(default)]
    pub buckets: Vec<String>,
    /// The AWS account that owns the bucket, 12 digits. Default: the knowledge base's.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9]{12}$"), extend("patternErrorMessage" = "an AWS account: 12 digits"))]
    pub bucket_owner: Option<String>,
}

/// Attributes of a document, for filters of a search. What is missing, null or empty is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetadataSettings {
    /// Attributes by their key, such as `price_usd: { number: "{{price}}" }`: at most 50 with those of `origin`, keys of at
    /// most 100 characters that start with neither `x-amz-bedrock` nor `_`, which are the service's own. Default: none.
    #[serde(default)]
    #[schemars(extend("x-own-names" = true))]
    pub attributes: BTreeMap<String, Attribute>,
    /// What to tell of where the record was read. Default: nothing.
    #[serde(default)]
    pub origin: Vec<OriginAttribute>,
    /// The limits of the store behind the knowledge base. Default: `any`.
    #[serde(default)]
    pub profile: Profile,
}

/// An attribute's type, and a text with tags that makes its value, such as `{{ticker}}` or `{{default price 0}}`. After a
/// `template` transform without `as` the value has no fields: write the text in `content` instead, or take them from headers
/// (`{{@record.headers.NAME}}`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = one_of_its_keys)]
pub enum Attribute {
    /// A text of at most 2048 characters.
    String(String),
    /// A number: one in JSON, or the digits of one. It has the precision of a 64-bit float.
    Number(String),
    /// `true` or `false`.
    Boolean(String),
    /// A list of 1 to 10 texts: one tag that stands for an array of texts or numbers, or for one of them.
    StringList(String),
}

/// Something of where a record was read, as an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OriginAttribute {
    /// `kafka_topic`: a text.
    Topic,
    /// `kafka_partition`: a number.
    Partition,
    /// `kafka_offset`: a number.
    Offset,
    /// `kafka_timestamp`: a number, milliseconds since 1970.
    Timestamp,
    /// `kafka_key`: a text, where the key is one.
    Key,
}

impl OriginAttribute {
    /// Returns the key of the attribute.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Topic => "kafka_topic",
            Self::Partition => "kafka_partition",
            Self::Offset => "kafka_offset",
            Self::Timestamp => "kafka_timestamp",
            Self::Key => "kafka_key",
        }
    }
}

/// The limits of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Those of the document API alone.
    #[default]
    Any,
    /// Those of Amazon S3 Vectors as well: 35 keys, and 1024 bytes of keys and values, written as JSON.
    S3Vectors,
}
