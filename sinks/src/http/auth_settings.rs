use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sluice_connector_api::Secret;

/// How requests authenticate.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = one_object)]
pub enum AuthSettings {
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

/// Says the same as the derived `oneOf` with one object that has one of several keys, as the schema of plug-ins does:
/// then an error names the very key that is wrong within.
fn one_object(schema: &mut Schema) {
    let Some(Value::Array(choices)) = schema.remove("oneOf") else {
        return;
    };
    let (mut properties, mut others) = (Map::new(), Vec::new());
    for mut choice in choices {
        let description = choice.get("description").cloned();
        match choice.get_mut("properties").map(Value::take) {
            Some(Value::Object(mut keys)) => {
                for inner in keys.values_mut().filter_map(Value::as_object_mut) {
                    inner.extend(
                        description.clone().map(|description| ("description".to_owned(), description)),
                    );
                }
                properties.extend(keys);
            }
            _ => others.push(choice),
        }
    }
    let object = json_schema!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    });
    others.insert(0, object.to_value());
    schema.insert("anyOf".to_owned(), others.into());
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
    #[schemars(regex(pattern = "^https?://."))]
    pub token_url: String,
    /// The client.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: Secret,
    /// What to ask for: scopes parted by blanks. Default: what the endpoint gives unasked.
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
    #[schemars(regex(pattern = "^[a-z0-9-]+$"))]
    pub region: Option<String>,
}
