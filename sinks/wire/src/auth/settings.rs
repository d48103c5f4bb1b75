//! How requests authenticate, as an operator writes it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{Secret, one_of_its_keys};

/// How requests authenticate.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = one_of_its_keys)]
pub enum HttpAuthSettings {
    /// Not at all, or by the client certificate of `tls`.
    #[default]
    None,
    /// A user and a password (RFC 7617).
    Basic(BasicAuth),
    /// A fixed token as `authorization: Bearer ...` (RFC 6750).
    Bearer(BearerAuth),
    /// A header with a secret value, such as an API key.
    Header(HeaderAuth),
    /// OAuth 2.0 client credentials (RFC 6749, 4.4). The token is fetched at the first request, kept until a minute
    /// before it expires, and fetched again once when the target answers 401.
    Oauth2(OAuth2Auth),
    /// AWS Signature Version 4, with credentials from the usual places: environment, profile, or the role of the
    /// instance, task, pod or function.
    Sigv4(SigV4Auth),
}

/// A user and a password.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// The user; it has no colon.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// A fixed token.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BearerAuth {
    /// The token.
    pub token: Secret,
}

/// A header with a secret value.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderAuth {
    /// The header's name, such as `x-api-key` or `authorization`.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The header's value, such as a key, or `ApiKey ...`.
    pub value: Secret,
}

/// OAuth 2.0 client credentials.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuth2Auth {
    /// The token endpoint, such as `https://login.example.com/oauth2/token`.
    #[schemars(regex(pattern = "^https?://."), extend("patternErrorMessage" = "an address that begins with https:// or http://"))]
    pub token_url: String,
    /// The client.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: Secret,
    /// What to ask for: scopes separated by blanks. Default: what the endpoint gives unasked.
    #[serde(default)]
    pub scope: Option<String>,
    /// More fields for the endpoint, such as `audience`. Default: none.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// Where the endpoint looks for the client: in the `header` (Basic) or in the `body`. Default: `header`.
    #[serde(default)]
    pub credentials_in: CredentialsIn,
}

/// Where a token endpoint looks for the client's id and secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialsIn {
    /// In the header `authorization`, which every endpoint must know.
    #[default]
    Header,
    /// In the body, as `client_id` and `client_secret`.
    Body,
}

/// AWS Signature Version 4.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SigV4Auth {
    /// The service's name for signatures, such as `execute-api`, `lambda`, `es`, `aoss` or `s3`.
    #[schemars(length(min = 1))]
    pub service: String,
    /// The AWS region of the service, such as `eu-central-1`. Default: `AWS_REGION`, else that of the AWS profile or
    /// of the instance.
    #[serde(default)]
    #[schemars(regex(pattern = "^[a-z0-9-]+$"), extend("patternErrorMessage" = "small letters, digits and dashes, such as eu-central-1"))]
    pub region: Option<String>,
}
