//! Registries, as an operator names them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{HumanDuration, one_of_its_keys};
use sluice_wire::{HttpAuthSettings, HttpTlsSettings};

use crate::framing::{ApicurioIds, Framing, IdKind};

/// The registry that keeps the schemas.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = one_of_its_keys)]
#[schemars(extend("x-written" = "{ confluent: { urls: [\"http://localhost:8081\"] } }"))]
pub(crate) enum RegistrySettings {
    /// Confluent's Schema Registry, or any that has its API: Karapace, Redpanda, or Apicurio under `/apis/ccompat/v7`. Records
    /// hold the id before the payload (`00` and four bytes), or a GUID in the header `__key_schema_id` or
    /// `__value_schema_id`.
    Confluent(ConfluentSettings),
    /// Apicurio Registry by its own API. Records hold the id before the payload, or in a header such as
    /// `apicurio.value.globalId`.
    Apicurio(ApicurioSettings),
    /// AWS Glue. Records hold the version of the schema, and their payload may be packed with zlib. Needs the right
    /// `glue:GetSchemaVersion`.
    Glue(GlueSettings),
}

/// How a registry with Confluent's API is reached.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfluentSettings {
    /// The addresses of the registry, such as `http://localhost:8081`. Where one does not answer, the next is asked.
    #[schemars(length(min = 1))]
    pub(crate) urls: Vec<String>,
    /// How requests authenticate. Default: `none`.
    #[serde(default)]
    pub(crate) auth: HttpAuthSettings,
    /// Certificates for `https`. Default: the system's authorities, and no certificate of ours.
    #[serde(default)]
    pub(crate) tls: HttpTlsSettings,
    /// Confluent Cloud's name of the registry for requests with OAuth 2.0, such as `lsrc-abc12`. Default: none.
    #[serde(default)]
    pub(crate) logical_cluster: Option<String>,
    /// Confluent Cloud's identity pool for requests with OAuth 2.0, such as `pool-abc12`. Default: none.
    #[serde(default)]
    pub(crate) identity_pool: Option<String>,
    /// How long a request may take before it counts as failed and is tried again. Default: `10s`.
    #[serde(default = "request_timeout")]
    pub(crate) request_timeout: HumanDuration,
}

/// How Apicurio's registry is reached, and what its producers write.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApicurioSettings {
    /// The addresses of the API, such as `http://localhost:8080/apis/registry/v3`. Where one does not answer, the next is
    /// asked.
    #[schemars(length(min = 1))]
    pub(crate) urls: Vec<String>,
    /// Which id the producers write before the payload (`apicurio.registry.use-id`); a header says so itself. Default:
    /// `content`, that of version 3; version 2 wrote `global`.
    #[serde(default)]
    pub(crate) id: ApicurioId,
    /// How many bytes the id before the payload has: 4, or 8 where the producers have `Legacy8ByteIdHandler`, or are of
    /// version 2. Default: 4.
    #[serde(default)]
    pub(crate) id_bytes: ApicurioIdBytes,
    /// How requests authenticate. Default: `none`.
    #[serde(default)]
    pub(crate) auth: HttpAuthSettings,
    /// Certificates for `https`. Default: the system's authorities, and no certificate of ours.
    #[serde(default)]
    pub(crate) tls: HttpTlsSettings,
    /// How long a request may take before it counts as failed and is tried again. Default: `10s`.
    #[serde(default = "request_timeout")]
    pub(crate) request_timeout: HumanDuration,
}

/// One of Apicurio's two ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ApicurioId {
    /// The id of the content, which equal schemas share.
    #[default]
    Content,
    /// The id of a version of an artifact.
    Global,
}

/// How long an id is, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "u8", into = "u8")]
#[schemars(with = "u8", extend("enum" = [4, 8]))]
pub(crate) enum ApicurioIdBytes {
    /// Four.
    #[default]
    Four,
    /// Eight.
    Eight,
}

impl TryFrom<u8> for ApicurioIdBytes {
    type Error = String;

    fn try_from(bytes: u8) -> Result<Self, String> {
        match bytes {
            4 => Ok(Self::Four),
            8 => Ok(Self::Eight),
            other => Err(format!("an id of Apicurio has 4 or 8 bytes, and not {other}")),
        }
    }
}

impl From<ApicurioIdBytes> for u8 {
    fn from(bytes: ApicurioIdBytes) -> Self {
        match bytes {
            ApicurioIdBytes::Four => 4,
            ApicurioIdBytes::Eight => 8,
        }
    }
}

/// How the schema registry of AWS Glue is reached.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GlueSettings {
    /// The AWS region, such as `eu-central-1`. Default: `AWS_REGION`, else that of the AWS profile or of the instance.
    #[serde(default)]
    #[schemars(regex(pattern = "^[a-z0-9-]+$"), extend("patternErrorMessage" = "small letters, digits and dashes, such as eu-central-1"))]
    pub(crate) region: Option<String>,
    /// Another address of AWS Glue, such as that of a VPC endpoint. One on this machine counts as an emulator and needs no AWS
    /// credentials. Default: the region's.
    #[serde(default)]
    #[schemars(regex(pattern = "^https?://."), extend("patternErrorMessage" = "an address that begins with https:// or http://"))]
    pub(crate) endpoint_url: Option<String>,
    /// How long a call may take before it counts as failed and is tried again. Default: `10s`.
    #[serde(default = "request_timeout")]
    pub(crate) request_timeout: HumanDuration,
}

fn request_timeout() -> HumanDuration {
    HumanDuration::secs(10)
}

impl RegistrySettings {
    /// Returns how records name their schema.
    pub(crate) fn framing(&self) -> Framing {
        match self {
            Self::Confluent(_) => Framing::Confluent,
            Self::Glue(_) => Framing::Glue,
            Self::Apicurio(settings) => Framing::Apicurio(ApicurioIds {
                kind: match settings.id {
                    ApicurioId::Content => IdKind::Content,
                    ApicurioId::Global => IdKind::Global,
                },
                bytes: usize::from(u8::from(settings.id_bytes)),
            }),
        }
    }
}
