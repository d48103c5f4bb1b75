//! What an operator writes about who the client is and how connections are encrypted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{HumanDuration, Secret, one_of_its_keys};

/// Who this client is to the brokers. Connections are encrypted with any of these, unless `tls` says otherwise.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = one_of_its_keys)]
pub enum AuthSettings {
    /// Nobody in particular.
    #[default]
    None,
    /// An AWS identity, for Amazon MSK with IAM access control. Credentials come from the usual places: environment,
    /// profile, or the role of the instance, task, pod or function.
    MskIam(MskIamAuth),
    /// A user and a password, of which the brokers see proof only (SASL/SCRAM, RFC 5802).
    Scram(ScramAuth),
    /// A user and a password, which are sent as they are (SASL/PLAIN, RFC 4616).
    Plain(PlainAuth),
    /// A certificate of the client's own (mutual TLS).
    Tls(TlsAuth),
}

/// An AWS identity.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MskIamAuth {
    /// The AWS region of the cluster, such as `eu-central-1`. Default: the one in the name of the first broker.
    #[serde(default)]
    #[schemars(regex(pattern = "^[a-z0-9-]+$"), extend("patternErrorMessage" = "small letters, digits and dashes, such as eu-central-1"))]
    pub region: Option<String>,
    /// How long a token holds, from `15s` to `15m`; it is replaced well before. Default: `15m`, as AWS's own signers have it.
    #[serde(default = "token_lifetime")]
    pub token_lifetime: HumanDuration,
}

/// A user and a password, proven.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScramAuth {
    /// The user.
    #[schemars(length(min = 1))]
    pub username: String,
    /// The password.
    pub password: Secret,
    /// The hash that the brokers keep of the password. Default: `sha_512`, the only one of Amazon MSK.
    #[serde(default)]
    pub mechanism: ScramMechanism,
}

/// The hash of a SCRAM password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScramMechanism {
    /// SCRAM-SHA-256.
    #[serde(rename = "sha_256")]
    Sha256,
    /// SCRAM-SHA-512.
    #[default]
    #[serde(rename = "sha_512")]
    Sha512,
}

/// A user and a password, sent as they are.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlainAuth {
    /// The user; for Confluent Cloud the API key.
    #[schemars(length(min = 1))]
    pub username: String,
    /// The password; for Confluent Cloud the API secret.
    pub password: Secret,
    /// Lets the password go over the network unencrypted, where `tls` is not enabled. Default: false.
    #[serde(default)]
    pub unencrypted: bool,
}

/// A certificate of the client's own.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsAuth {
    /// The certificate, with its chain, as PEM: `${file:/etc/sluice/client.pem}`.
    pub certificate: Secret,
    /// Its private key as PEM: `${file:/etc/sluice/client.key}`.
    pub key: Secret,
    /// The password of the private key. Default: the key is not encrypted.
    #[serde(default)]
    pub key_password: Option<Secret>,
}

/// How connections are encrypted.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-instead" = {
    "insecure, insecure_skip_verify, skip_verify, skip_cert_verify, verify, verify_certificate, verify_hostname, reject_unauthorized": "certificates are always verified; give that of the authority that signed them to `ca`, such as `${file:/etc/sluice/ca.pem}`",
}))]
pub struct TlsSettings {
    /// Whether they are. Default: true.
    #[serde(default = "enabled")]
    #[schemars(extend("x-also" = ["enable"]))]
    pub enabled: bool,
    /// Certificates of the authorities that may vouch for the brokers, as PEM: `${file:/etc/sluice/ca.pem}`. Default:
    /// those of the system.
    #[serde(default)]
    #[schemars(extend("x-also" = ["ca_file", "cafile", "ca_cert", "ca_path", "root_cas_file", "ca_location", "truststore"]))]
    pub ca: Option<Secret>,
}

fn enabled() -> bool {
    true
}

fn token_lifetime() -> HumanDuration {
    HumanDuration::secs(900)
}
