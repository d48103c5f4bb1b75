//! The schema registry of AWS Glue: `GetSchemaVersion` by signed HTTP, see docs/decisions/0006-signed-http.md.

use serde::Deserialize;
use serde_json::json;
use sluice_connector_api::{Failure, Json, SettingsError};
use sluice_wire::{AwsCall, AwsService, HttpAnswer, Method, Url, endpoint_url};

use super::settings::GlueSettings;
use super::text::SchemaText;
use crate::framing::SchemaKey;

/// Stands where no address is set, and is never asked: the region's address takes its place.
const ANYWHERE: &str = "https://glue.amazonaws.com";

/// AWS Glue.
pub(crate) struct Glue {
    service: AwsService,
    /// The address, where the settings name one.
    endpoint: Option<Url>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SchemaVersion {
    schema_definition: String,
    data_format: Option<String>,
}

impl Glue {
    pub(super) fn new(settings: &GlueSettings) -> Result<Self, SettingsError> {
        let endpoint =
            settings.endpoint_url.as_deref().map(|url| endpoint_url("endpoint_url", url)).transpose()?;
        let anywhere = match &endpoint {
            Some(endpoint) => endpoint.clone(),
            None => endpoint_url("endpoint_url", ANYWHERE)?,
        };
        let timeout = settings.request_timeout.get();
        Ok(Self { service: AwsService::new("glue", settings.region.clone(), anywhere, timeout, 1), endpoint })
    }

    pub(super) async fn fetch(&self, key: SchemaKey) -> Result<SchemaText, Failure> {
        let SchemaKey::GlueVersion(version) = key else {
            return Err(Failure::rejected(format!("AWS Glue has no {key}")));
        };
        let call = AwsCall {
            operation: "GetSchemaVersion",
            method: Method::POST,
            url: self.url().await?,
            headers: vec![
                ("content-type", "application/x-amz-json-1.1".to_owned()),
                ("x-amz-target", "AWSGlue.GetSchemaVersion".to_owned()),
            ],
            body: json!({ "SchemaVersionId": version.to_string() }).to_string().into(),
            code,
            rejecting: &["EntityNotFoundException", "InvalidInputException"],
        };
        let answer = self.service.call(call).await?;
        let found: SchemaVersion = serde_json::from_slice(&answer.body).map_err(|error| {
            Failure::retriable("GetSchemaVersion was not answered in full").caused_by(error)
        })?;
        Ok(SchemaText { kind: found.data_format, text: found.schema_definition, references: Vec::new() })
    }

    async fn url(&self) -> Result<Url, Failure> {
        if let Some(endpoint) = &self.endpoint {
            return Ok(endpoint.clone());
        }
        let region = self.service.region().await?;
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        Url::parse(&format!("https://glue.{region}.{domain}/"))
            .map_err(|error| Failure::fatal(format!("the region `{region}` makes no address: {error}")))
    }
}

/// The code of an error, such as `EntityNotFoundException` of `com.amazonaws.glue#EntityNotFoundException`.
fn code(answer: &HttpAnswer) -> Option<String> {
    let body = Json::from_slice(&answer.body).ok()?.into_value();
    let code = body.get("__type")?.as_str()?;
    Some(code.rsplit(['#', '.']).next().unwrap_or(code).to_owned())
}
