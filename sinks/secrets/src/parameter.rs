//! `${aws_param:NAME}`: parameters of AWS Systems Manager.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_connector_api::{Failure, Provider, ProviderSettings, SettingsError};

use crate::store::{AwsStore, StoreKind, wrong_with_name};

/// The service (`GetParameter` of the API of 2014-11-06).
const KIND: StoreKind = StoreKind {
    service: "ssm",
    target: "AmazonSSM",
    endpoint: "AWS_ENDPOINT_URL_SSM",
    missing: &["ParameterNotFound", "ParameterVersionNotFound"],
};

/// Parameters of AWS Systems Manager, decrypted. A version or a label stands behind a colon, as AWS has it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsParameter {}

impl ProviderSettings for AwsParameter {
    const NAME: &'static str = "aws_param";

    fn build(self) -> Result<Box<dyn Provider>, SettingsError> {
        Ok(Box::new(Parameters(AwsStore::from_environment(KIND))))
    }
}

struct Parameters(AwsStore);

#[async_trait]
impl Provider for Parameters {
    async fn value(&self, name: &str) -> Result<Option<String>, Failure> {
        let request = json!({ "Name": name, "WithDecryption": true });
        let Some(answer) = self.0.ask("GetParameter", name, &request).await? else { return Ok(None) };
        let value = answer.pointer("/Parameter/Value").and_then(Value::as_str);
        let value = value.ok_or_else(|| Failure::retriable("GetParameter was not answered in full"))?;
        Ok(Some(value.to_owned()))
    }

    fn missing(&self, name: &str) -> String {
        format!("there is no parameter `{name}` in AWS Systems Manager in this region")
    }

    fn wrong_with_name(&self, name: &str) -> Option<String> {
        wrong_with_name("parameter", name)
    }

    fn is_remote(&self) -> bool {
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use sluice_wire_testing::{HttpReply, HttpServer, reply};

    use super::*;

    async fn asked(reply: HttpReply) -> (Result<Option<String>, Failure>, HttpServer) {
        let server = HttpServer::start(vec![reply]).await;
        let parameters = Parameters(AwsStore::new(KIND, Some(server.url.clone())));
        (parameters.value("/prod/db/pass").await, server)
    }

    #[tokio::test]
    async fn a_parameter_is_asked_for_decrypted() {
        let body = json!({ "Parameter": { "Type": "SecureString", "Value": "hunter2" } }).to_string();
        let (value, server) = asked(reply(200, "", &body)).await;
        assert_eq!(value.unwrap().as_deref(), Some("hunter2"));
        let request = server.seen().remove(0);
        assert_eq!(request.headers["x-amz-target"], "AmazonSSM.GetParameter");
        assert!(request.headers["authorization"].contains("/ssm/aws4_request"));
        assert_eq!(request.json(), json!({ "Name": "/prod/db/pass", "WithDecryption": true }));
    }

    #[tokio::test]
    async fn one_that_is_not_there_is_none() {
        let body = r#"{"__type":"com.amazonaws.ssm#ParameterNotFound"}"#;
        assert_eq!(asked(reply(400, "", body)).await.0.unwrap(), None);
        assert!(asked(reply(200, "", "{}")).await.0.is_err());
    }
}
